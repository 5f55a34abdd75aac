"""A synthetic power system of the size and shape of ERCOT: load, wind, solar, and the thermal plants for the rest.

Prices follow the net load (load minus wind and solar) through a supply curve, so heat, calm evenings and sunny windy
middays show up in the prices as they do in reality. Fitted to the hourly generation by fuel of 2024; see
docs/calibration.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.noise import FloatArray, red_noise, stream
from optimizer.synthetic.weather import forecast_error_c, observed_weather

WIND_CAPACITY_GW = 38.0
SOLAR_CAPACITY_GW = 21.0
NUCLEAR_GW = 4.9
LATITUDE_DEG, LONGITUDE_DEG = 31.5, -100.5
"""Centre of gravity of the solar parks."""


@dataclass(frozen=True)
class Grid:
    """Load and renewable generation in GW, arrays (paths, hours)."""

    load_gw: FloatArray
    wind_gw: FloatArray
    solar_gw: FloatArray

    @property
    def net_load_gw(self) -> FloatArray:
        """Load that wind and solar leave to other plants."""
        return self.load_gw - self.wind_gw - self.solar_gw

    @property
    def co2_kg_per_mwh(self) -> FloatArray:
        """Direct emissions per MWh of load: gas and coal serve what wind, solar and nuclear do not."""
        thermal_share = np.maximum(self.net_load_gw - NUCLEAR_GW, 2.0) / self.load_gw
        return 21.0 + 503.0 * thermal_share


def observed_grid(clock: Clock, seed: int) -> Grid:
    """The load and the renewable generation that happen, one path."""
    temperature_c = observed_weather(clock, seed, "system").dry_bulb_c
    return _grid(clock, temperature_c, *_observed_states(clock, seed))


def forecast_grid(clock: Clock, seed: int, members: int) -> Grid:
    """Load and renewable generation as forecast at the start of the horizon, `members` paths.

    The centre of the forecast moves within hours from what happens to what the day-ahead market believes: nobody at
    the start of the horizon knows better than the market what the next day brings. The members spread around it.
    """
    temperature_c = observed_weather(clock, seed, "system").dry_bulb_c + forecast_error_c(
        clock, seed, "system", members, "member"
    )
    load_gw, wind, clearness = _observed_states(clock, seed)
    lead_h = np.arange(clock.hours, dtype=np.float64)
    centre_gw = (1.0 - np.exp(-lead_h / 6.0)) * day_ahead_error_gw(clock, seed)

    def errors(name: str, correlation_h: float, smooth_h: float = 0.0) -> FloatArray:
        rng = stream(seed, "grid forecast", name)
        return red_noise(rng, members, clock.hours, correlation_h, smooth_h=smooth_h, known_start=True)

    load_gw = load_gw + centre_gw + 1.2 * errors("load", 10.0)
    # About 0.3 in the logit after a day, 6 % of the capacity at half output.
    wind = wind + 0.9 * errors("wind", 400.0, 2.0)
    clearness = clearness + 0.6 * errors("clouds", 40.0, 3.0)
    return _grid(clock, temperature_c, load_gw, wind, clearness)


def day_ahead_error_gw(clock: Clock, seed: int) -> FloatArray:
    """What the day-ahead market misjudges of the net load, (1, hours); ERCOT's load forecast alone is off by 1.6 GW."""
    return 2.2 * red_noise(stream(seed, "day-ahead error"), 1, clock.hours, 9.0)


def sun(clock: Clock, hours_earlier: float = 0.0) -> FloatArray:
    """Solar output as a share of capacity under a clear sky, by the height of the sun at the middle of each hour."""
    utc_hour = np.asarray(clock.utc.hour, dtype=np.float64) + 0.5 - hours_earlier
    hour_angle = np.deg2rad(15.0 * (utc_hour - 12.0) + LONGITUDE_DEG)
    declination = np.deg2rad(-23.44) * np.cos(clock.year_angle + 2.0 * np.pi * 10.0 / 365.25)
    latitude = np.deg2rad(LATITUDE_DEG)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    # Trackers reach full output well below the zenith: steep at dawn, flat over midday.
    share: FloatArray = 1.0 - np.exp(-((np.maximum(height, 0.0) / 0.35) ** 1.5))
    return share


def dusk(clock: Clock) -> FloatArray:
    """Share of the solar capacity that sunset has taken out within two hours; 0 by day, by night and in the morning."""
    return np.maximum(sun(clock, hours_earlier=2.0) - sun(clock), 0.0)


def _observed_states(clock: Clock, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Load beyond weather and calendar (GW), and the deviations of wind and clouds (unit), each (1, hours)."""
    load_gw = 2.0 * red_noise(stream(seed, "load"), 1, clock.hours, 40.0, smooth_h=2.0)
    wind = red_noise(stream(seed, "wind"), 1, clock.hours, 17.0, smooth_h=3.0)
    clearness = red_noise(stream(seed, "clouds"), 1, clock.hours, 40.0, smooth_h=4.0)
    return load_gw, wind, clearness


def _grid(
    clock: Clock, temperature_c: FloatArray, load_deviation_gw: FloatArray, wind: FloatArray, clearness: FloatArray
) -> Grid:
    felt_c = _mean_of_last_hours(temperature_c, 2)
    cooling_c, heating_c = np.maximum(felt_c - 18.0, 0.0), np.maximum(14.0 - felt_c, 0.0)
    load_gw = (
        41.6
        + 1.08 * cooling_c
        + 0.039 * cooling_c**2
        + 0.34 * heating_c
        + 0.064 * heating_c**2
        - 1.4 * clock.weekend
        + clock.local_harmonics(2.0, (-1.6, -1.7), (0.0, -1.9), (0.0, -0.4))
        + load_deviation_gw
    )
    summer = 0.5 - 0.5 * np.cos(clock.year_angle - 0.3)
    mean_logit = (
        clock.yearly_harmonics(-0.76, (0.07, 0.35), (-0.04, -0.17))
        + (0.55 + 0.75 * summer) * clock.sun_harmonics(0.0, (0.49, -0.12))  # the night jet of the plains
    )
    wind_share = 1.0 / (1.0 + np.exp(-(mean_logit + 0.95 * wind)))
    # Many parks rarely all run at once: the top of the range is squeezed.
    wind_gw = WIND_CAPACITY_GW * wind_share * (1.0 - 0.25 * wind_share**2)
    sky = 1.0 / (1.0 + np.exp(-(clock.yearly_harmonics(1.4, (-0.35, -0.55)) + 1.1 * clearness)))
    solar_gw = SOLAR_CAPACITY_GW * sky * sun(clock)
    return Grid(np.maximum(load_gw, 25.0), wind_gw, solar_gw)


def _mean_of_last_hours(values: FloatArray, hours: int) -> FloatArray:
    """Buildings follow the outside air with delay. Before the first hour its value is taken to have held."""
    padded = np.concatenate([np.repeat(values[:, :1], hours - 1, axis=1), values], axis=1)
    mean: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, hours, axis=1).mean(axis=-1)
    return mean
