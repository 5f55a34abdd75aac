"""Synthetic air temperature and humidity of places in Texas, and of the whole power system.

The yearly and daily courses and the day-to-day deviations were fitted to typical meteorological years (TMY3) of
Midland (`west`) and Abilene (`north`) and, for `system`, to the mean temperature over the ERCOT area in 2024; see
docs/calibration.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.noise import FloatArray, red_noise, stream


@dataclass(frozen=True)
class Climate:
    """Temperature statistics of one place, in °C."""

    mean_c: float
    """Mean over the year."""
    yearly_c: tuple[float, float]
    """Cosine and sine coefficient of the yearly course."""
    anomaly_summer_c: float
    """Standard deviation of the day-to-day deviation in midsummer."""
    anomaly_winter_c: float
    """The same in midwinter; the weather of winter is more changeable."""
    daily_swing_c: float
    """Mean daily maximum minus minimum of the smooth daily course."""
    dew_point_mean_c: float
    """Mean dew point over the year."""
    dew_point_yearly_c: tuple[float, float]
    """Cosine and sine coefficient of the yearly course of the dew point."""


CLIMATES: dict[str, Climate] = {
    "west": Climate(17.4, (-10.2, -2.0), 2.4, 4.8, 13.6, 6.4, (-8.6, -4.5)),
    "north": Climate(17.1, (-11.6, -3.2), 2.9, 6.6, 10.2, 7.8, (-10.4, -2.4)),
    "system": Climate(21.3, (-9.2, -3.1), 1.7, 5.0, 10.6, 13.2, (-9.0, -2.9)),
}

SHARED_WEATHER = 0.9
"""Correlation of the day-to-day deviations between the places: fronts cross the whole state within a day."""
ANOMALY_CORRELATION_H = 54.0
FORECAST_ERROR_C = 4.0
"""Deviation that a forecast error tends to; after a day it is about 1.2 °C, after a week 2.8 °C."""
FORECAST_ERROR_CORRELATION_H = 500.0


@dataclass(frozen=True)
class Weather:
    """Air temperature and humidity at one place, arrays (paths, hours)."""

    dry_bulb_c: FloatArray
    dew_point_c: FloatArray

    @property
    def wet_bulb_c(self) -> FloatArray:
        """Wet-bulb temperature."""
        return wet_bulb_c(self.dry_bulb_c, self.dew_point_c)


def observed_weather(clock: Clock, seed: int, place: str) -> Weather:
    """The weather that happens at `place` (a key of `CLIMATES`), one path."""
    climate = CLIMATES[place]
    shared = _anomaly(clock, seed, "weather")
    own = _anomaly(clock, seed, "weather", place)
    anomaly = SHARED_WEATHER**0.5 * shared + (1.0 - SHARED_WEATHER) ** 0.5 * own
    # Skewed: a front from the north takes more degrees off than a warm spell adds.
    anomaly = anomaly - 0.15 * (anomaly**2 - 1.0)
    winter = 0.5 + 0.5 * np.cos(clock.year_angle - 0.3)
    spread_c = climate.anomaly_summer_c + (climate.anomaly_winter_c - climate.anomaly_summer_c) * winter

    clear = red_noise(stream(seed, "swing"), 1, clock.hours, 30.0, smooth_h=8.0)
    swing_c = climate.daily_swing_c * np.exp((0.17 + 0.17 * winter) * clear - 0.03)
    gust_c = red_noise(stream(seed, "gust", place), 1, clock.hours, 4.0, smooth_h=1.5)
    dry_bulb_c = (
        clock.yearly_harmonics(climate.mean_c, climate.yearly_c)
        + spread_c * anomaly
        + swing_c * _daily_course(clock, winter)
        + (0.6 + 0.6 * winter) * gust_c
    )

    moist = red_noise(stream(seed, "dew point", place), 1, clock.hours, 40.0, smooth_h=6.0)
    dew_anomaly = 0.5 * anomaly + 0.75**0.5 * moist
    dew_point_c = clock.yearly_harmonics(climate.dew_point_mean_c, climate.dew_point_yearly_c) + (
        3.0 + 3.3 * winter
    ) * (dew_anomaly - 0.2 * (dew_anomaly**2 - 1.0))
    return Weather(dry_bulb_c, np.minimum(dew_point_c, dry_bulb_c - 0.3))


def forecast_weather(clock: Clock, seed: int, place: str, members: int) -> Weather:
    """What a forecast made at the start of the horizon says, `members` paths; what happens is one more such path.

    The forecast's centre misses what happens by one error path, and every member misses the centre by another one.
    """
    observed = observed_weather(clock, seed, place)
    error_c = forecast_error_c(clock, seed, place, 1, "centre") + forecast_error_c(
        clock, seed, place, members, "member"
    )
    dry_bulb_c = observed.dry_bulb_c + error_c
    return Weather(dry_bulb_c, np.minimum(observed.dew_point_c + 0.5 * error_c, dry_bulb_c - 0.3))


def forecast_error_c(clock: Clock, seed: int, place: str, paths: int, kind: Literal["centre", "member"]) -> FloatArray:
    """Errors of the temperature forecast (paths, hours), growing from zero; the places share most of them."""
    names = ("weather forecast", kind)
    growth_h = FORECAST_ERROR_CORRELATION_H
    shared = red_noise(stream(seed, *names), paths, clock.hours, growth_h, smooth_h=3.0, known_start=True)
    own = red_noise(stream(seed, *names, place), paths, clock.hours, growth_h, smooth_h=3.0, known_start=True)
    error: FloatArray = SHARED_WEATHER**0.5 * shared + (1.0 - SHARED_WEATHER) ** 0.5 * own
    return FORECAST_ERROR_C * error


def wet_bulb_c(dry_bulb_c: FloatArray, dew_point_c: FloatArray) -> FloatArray:
    """Wet-bulb temperature by Stull (2011), J. Appl. Meteorol. Climatol. 50, 2267, with relative humidity after
    Magnus.

    Good to about 0.5 °C near sea level; at 900 m, as in Midland, the true value lies up to 0.5 °C lower.
    """
    magnus = 17.625 * dew_point_c / (243.04 + dew_point_c) - 17.625 * dry_bulb_c / (243.04 + dry_bulb_c)
    humidity = np.clip(100.0 * np.exp(magnus), 3.0, 100.0)
    estimate: FloatArray = (
        dry_bulb_c * np.arctan(0.151977 * np.sqrt(humidity + 8.313659))
        + np.arctan(dry_bulb_c + humidity)
        - np.arctan(humidity - 1.676331)
        + 0.00391838 * humidity**1.5 * np.arctan(0.023101 * humidity)
        - 4.686035
    )
    return np.minimum(estimate, dry_bulb_c)


def _anomaly(clock: Clock, seed: int, *names: str) -> FloatArray:
    return red_noise(stream(seed, *names), 1, clock.hours, ANOMALY_CORRELATION_H, smooth_h=5.0)


def _daily_course(clock: Clock, winter: FloatArray) -> FloatArray:
    """Daily course of the temperature around its mean, 1 from peak to trough; sharper in winter."""
    summer_course = clock.sun_harmonics(0.0, (-0.330, -0.317), (0.064, 0.036), (0.018, 0.029))
    winter_course = clock.sun_harmonics(0.0, (-0.331, -0.311), (0.113, 0.095), (0.004, 0.008))
    return winter * winter_course + (1.0 - winter) * summer_course
