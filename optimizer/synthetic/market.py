"""Synthetic day-ahead and real-time prices of two load zones, from the tightness of a synthetic power system.

Prices are modelled as z = arcsinh(price / 20 USD/MWh), which is linear for small and negative prices and logarithmic
for spikes (arcsinh after Uniejewski, Weron and Ziel, IEEE Trans. Power Syst. 33, 2219, 2018). The day-ahead z is a
supply curve of the net load plus zonal congestion and noise. The real-time z is the day-ahead one, moved by what the
market had misjudged, by noise with heavy tails, and by scarcity events that start mostly when the system is tight.
Fitted to ERCOT's day-ahead and real-time prices of 2024; see docs/calibration.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.grid import Grid, day_ahead_error_gw, dusk, observed_grid, sun
from optimizer.synthetic.noise import FloatArray, red_noise, stream

PRICE_SCALE_USD_PER_MWH = 20.0
PRICE_CAP_USD_PER_MWH, PRICE_FLOOR_USD_PER_MWH = 5000.0, -250.0
"""ERCOT's system-wide offer cap (since 2022) and floor."""

_SUPPLY_TIGHTNESS_GW = (8.0, 12.0, 16.0, 24.0, 32.0, 40.0, 48.0, 54.0, 60.0, 66.0, 74.0, 90.0)
_SUPPLY_Z = (-0.10, 0.06, 0.23, 0.56, 0.78, 1.0, 1.27, 1.72, 2.2, 2.75, 3.75, 5.2)
_NOISE_TIGHTNESS_GW = (24.0, 36.0, 42.0, 50.0, 60.0)
_DAY_AHEAD_NOISE_Z = (0.15, 0.20, 0.27, 0.38, 0.62)
_REAL_TIME_NOISE_Z = (0.20, 0.21, 0.30, 0.37, 0.48)
# Buyers pay for certainty: without a spike, real time settles below day-ahead, most so in tight hours and in glut.
_DISCOUNT_TIGHTNESS_GW = (14.0, 24.0, 32.0, 44.0, 56.0)
_REAL_TIME_DISCOUNT_Z = (0.14, 0.07, 0.05, 0.09, 0.22)
_SPIKE_TIGHTNESS_GW = (34.0, 40.0, 46.0, 52.0, 58.0, 66.0)
_SPIKE_START = (0.0003, 0.0016, 0.005, 0.011, 0.03, 0.06)
"""Probability that a scarcity event starts in an hour, by tightness."""
_SPIKE_KEEP = 0.45
"""Share of an event's z that is left an hour later."""


@dataclass(frozen=True)
class PriceNode:
    """How the price of a load zone (`lz_`) or trading hub (`hb_`) differs from the system's, in z."""

    zone: str
    """Zone whose noise the node shares."""
    night_z: float
    """Congestion at night without wind: load pockets import."""
    night_wind_z: float
    """Change at night by full wind."""
    day_z: float
    """Congestion in full sun without wind."""
    day_wind_z: float
    """Change in full sun by full wind: exports of wind and sun get stuck."""
    day_ahead_noise_z: float
    real_time_noise_z: float


NODES: dict[str, PriceNode] = {
    "lz_west": PriceNode("west", 0.72, -0.85, 0.12, -0.85, 0.33, 0.32),
    "hb_west": PriceNode("west", 0.38, -0.72, 0.08, -0.90, 0.24, 0.26),
    "lz_north": PriceNode("north", -0.09, 0.08, -0.01, 0.08, 0.08, 0.12),
    "hb_north": PriceNode("north", -0.09, 0.07, -0.01, 0.07, 0.08, 0.11),
}


def tightness_gw(clock: Clock, grid: Grid) -> FloatArray:
    """Net load, plus what the season (plants on maintenance, fuel) and the ramp of the last hours make it feel like."""
    net_gw = grid.net_load_gw
    season_gw = clock.yearly_harmonics(0.0, (4.5, 3.1), (-0.5, -4.1))
    ramp_gw = np.zeros_like(net_gw)
    ramp_gw[:, 3:] = np.maximum(net_gw[:, 3:] - net_gw[:, :-3], 0.0)
    return net_gw + season_gw + 0.30 * ramp_gw


@dataclass(frozen=True)
class Market:
    """The prices at all nodes over one horizon; what happens is settled by `clock` and `seed`."""

    clock: Clock
    seed: int

    @cached_property
    def grid(self) -> Grid:
        """The power system as it happens."""
        return observed_grid(self.clock, self.seed)

    def day_ahead_prices(self, node: str) -> FloatArray:
        """Day-ahead prices in USD/MWh, (1, hours): one path, as they are known when real time comes."""
        return _price(self._day_ahead_z(node))

    def day_ahead_system_prices(self) -> FloatArray:
        """Day-ahead prices in USD/MWh, (1, hours), of a system without congestion; near the average of the hubs."""
        return _price(self._day_ahead_system_z)

    def real_time_prices(self, node: str) -> FloatArray:
        """Real-time prices that happen, in USD/MWh, (1, hours)."""
        return self._real_time_prices(node, self.grid, "observed")

    def forecast_prices(self, node: str, grid: Grid) -> FloatArray:
        """Real-time prices in USD/MWh, (members, hours), as forecast at the start of the horizon for `grid`."""
        return self._real_time_prices(node, grid, "member")

    def _real_time_prices(self, node: str, grid: Grid, kind: Literal["observed", "member"]) -> FloatArray:
        paths, hours = grid.load_gw.shape
        forecast = kind == "member"
        tight_gw = tightness_gw(self.clock, grid)
        misjudged_z = _supply_z(tight_gw) - _supply_z(self._day_ahead_view_gw)
        names = ("real time", kind)
        # Innovations with 4 degrees of freedom: deviations of ten standard deviations do happen.
        noise = red_noise(stream(self.seed, *names), paths, hours, 5.0, known_start=forecast, tail_degrees=4.0)
        own_rng = stream(self.seed, *names, NODES[node].zone)
        own_noise = red_noise(own_rng, paths, hours, 5.0, known_start=forecast, tail_degrees=4.0)
        return _price(
            self._day_ahead_z(node)
            + misjudged_z
            - np.interp(tight_gw, _DISCOUNT_TIGHTNESS_GW, _REAL_TIME_DISCOUNT_Z)
            + np.interp(tight_gw, _NOISE_TIGHTNESS_GW, _REAL_TIME_NOISE_Z) * noise
            + NODES[node].real_time_noise_z * own_noise
            + _spikes_z(stream(self.seed, "spikes", kind), tight_gw, dusk(self.clock))
        )

    @cached_property
    def _day_ahead_view_gw(self) -> FloatArray:
        """Tightness as the day-ahead market judges it."""
        return tightness_gw(self.clock, self.grid) + day_ahead_error_gw(self.clock, self.seed)

    @cached_property
    def _day_ahead_system_z(self) -> FloatArray:
        view_gw, hours = self._day_ahead_view_gw, self.clock.hours
        fast = red_noise(stream(self.seed, "day ahead"), 1, hours, 2.0, smooth_h=1.5)
        slow = red_noise(stream(self.seed, "day ahead", "slow"), 1, hours, 60.0, smooth_h=6.0)
        noise_z = np.interp(view_gw, _NOISE_TIGHTNESS_GW, _DAY_AHEAD_NOISE_Z) * (0.75 * fast + 0.66 * slow)
        # Flexible plants are dear when the sun goes and the load stays, most so in spring maintenance.
        spring = np.maximum(np.cos(self.clock.year_angle - 1.9), 0.0)
        evening_z = (0.25 + 0.6 * spring) * dusk(self.clock)
        return _supply_z(view_gw) + evening_z + noise_z

    def _day_ahead_z(self, node: str) -> FloatArray:
        return self._day_ahead_system_z + self._congestion_z(NODES[node])

    def _congestion_z(self, node: PriceNode) -> FloatArray:
        wind_share, sunny = self.grid.wind_gw / 28.0, sun(self.clock)
        night_z = node.night_z + node.night_wind_z * wind_share
        day_z = node.day_z + node.day_wind_z * wind_share * self.grid.solar_gw / 16.0
        noise = red_noise(stream(self.seed, "congestion", node.zone), 1, self.clock.hours, 20.0, smooth_h=2.0)
        spread_z = node.day_ahead_noise_z * (1.0 - 0.5 * sunny)
        congestion_z = (1.0 - sunny) * night_z + sunny * day_z + spread_z * noise
        # When the whole system is short, no line is congested and all zones pay about the same.
        return congestion_z * np.clip((60.0 - tightness_gw(self.clock, self.grid)) / 12.0, 0.2, 1.0)


def _supply_z(tight_gw: FloatArray) -> FloatArray:
    return np.interp(tight_gw, _SUPPLY_TIGHTNESS_GW, _SUPPLY_Z)


def _spikes_z(rng: np.random.Generator, tight_gw: FloatArray, dusk_share: FloatArray) -> FloatArray:
    """Scarcity events (paths, hours): start at random, rather when tight and at dusk, with exponential height."""
    paths, hours = tight_gw.shape
    start_probability = np.interp(tight_gw, _SPIKE_TIGHTNESS_GW, _SPIKE_START) * (0.3 + 3.0 * dusk_share)
    chance = rng.random((hours, paths, 2))
    spikes_z = np.zeros((paths, hours))
    level = np.zeros(paths)
    for hour in range(hours):
        height = -0.75 * np.log1p(-chance[hour, :, 1]) + 0.4
        starts = chance[hour, :, 0] < start_probability[:, hour]
        level = np.maximum(_SPIKE_KEEP * level, np.where(starts, height, 0.0))
        spikes_z[:, hour] = level
    return spikes_z


def _price(z: FloatArray) -> FloatArray:
    # Wind and solar plants offer at about zero and hold the price there in a glut.
    z = np.where(z < 0.0, 0.4 * z, z)
    return np.clip(PRICE_SCALE_USD_PER_MWH * np.sinh(z), PRICE_FLOOR_USD_PER_MWH, PRICE_CAP_USD_PER_MWH)
