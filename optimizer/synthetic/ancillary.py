"""Synthetic day-ahead prices of ERCOT's five ancillary services, in USD for 1 MW kept ready for one hour.

The day-ahead market clears energy and reserves together, so a reserve costs what its supplier forgoes on energy: little
while plants stand idle, nearly the price of energy when the system is short. The logarithm of each price is therefore
a piecewise straight line in z = arcsinh(day-ahead system price / 20 USD/MWh), moved by season, local hour and noise
whose slow part lasts for days (offers, amounts procured) and whose fast part lasts for hours.

Fitted to 2024 (8615 hours with figures of ERCOT's day-ahead clearing prices for capacity and of the hub average) by
least absolute deviations in the logarithm; figures of that year, USD per MW and hour:

| service | mean | median | 99th percentile | rank correlation with the hub average |
| --- | ---: | ---: | ---: | ---: |
| regulation up | 6.0 | 1.79 | 81 | 0.53 |
| regulation down | 3.4 | 1.50 | 22 | 0.38 |
| responsive reserve (RRS) | 5.7 | 1.00 | 79 | 0.49 |
| contingency reserve (ECRS) | 8.3 | 1.00 | 113 | 0.49 |
| non-spinning reserve | 6.3 | 1.04 | 80 | 0.50 |

A statistical test compares eight synthetic years with these. The means hang on a few hours of scarcity and differ
by half between seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.market import PRICE_SCALE_USD_PER_MWH, Market
from optimizer.synthetic.noise import FloatArray, red_noise, stream

_CURVE_Z = (0.2, 0.7, 1.0, 1.3, 1.7, 2.2, 3.0, 4.0, 5.5)
"""z of system prices of 4, 15, 24, 34, 53, 89, 200, 546 and 2447 USD/MWh."""
_NOISE_Z = (0.7, 1.3, 2.2, 3.5)
_SLOW_SHARE = 0.45
"""Share of the noise's variance that lasts for days; the autocorrelation after a day is 0.5 to 0.67 in 2024."""
_SLOW_CORRELATION_H, _FAST_CORRELATION_H = 200.0, 3.0
_SKEW = 0.06
"""The logarithm falls further below its course than it rises above."""
_LOWEST_USD_PER_MW_H = 0.01


@dataclass(frozen=True)
class AncillaryService:
    """How the price of one ancillary service follows the system's day-ahead energy price."""

    usual_usd_per_mw_h: tuple[float, ...]
    """Price at the z of the curve, without season, hour and noise."""
    yearly: tuple[tuple[float, float], ...]
    """Change of the logarithm over the year: cosine and sine of the first and second harmonic."""
    daily: tuple[tuple[float, float], ...]
    """Change of the logarithm over the local day, three harmonics."""
    noise: tuple[float, float, float, float]
    """Standard deviation of the logarithm, by z."""
    common_share: float
    """Share of the noise's variance that all services have in common."""


SERVICES: dict[str, AncillaryService] = {
    "regup": AncillaryService(
        (1.46, 1.49, 1.87, 2.55, 5.7, 18.0, 73.0, 220.0, 780.0),
        ((-0.06, 0.20), (-0.03, 0.06)),
        ((-0.21, -0.22), (-0.13, -0.07), (-0.03, 0.05)),
        (0.33, 0.53, 0.75, 0.65),
        0.50,
    ),
    "regdn": AncillaryService(
        (1.64, 1.19, 1.40, 2.0, 3.6, 5.6, 18.0, 62.0, 310.0),
        ((-0.28, 0.30), (0.05, 0.24)),
        ((-0.07, -0.20), (-0.15, -0.12), (0.15, -0.01)),
        (0.47, 0.62, 0.80, 1.00),
        0.28,
    ),
    "rrs": AncillaryService(
        (0.82, 0.88, 1.08, 1.70, 4.4, 13.5, 60.0, 175.0, 790.0),
        ((-0.22, 0.35), (-0.07, 0.17)),
        ((-0.04, -0.22), (-0.19, -0.20), (-0.02, 0.06)),
        (0.33, 0.65, 1.05, 0.90),
        0.70,
    ),
    "ecrs": AncillaryService(
        (0.68, 0.73, 1.00, 2.50, 7.9, 20.0, 76.0, 190.0, 1000.0),
        ((-0.42, 0.67), (-0.05, 0.12)),
        ((-0.33, -0.49), (-0.18, -0.39), (0.09, 0.03)),
        (0.78, 0.80, 0.80, 0.45),
        0.60,
    ),
    "nspin": AncillaryService(
        (0.66, 0.77, 1.03, 2.15, 5.5, 18.0, 62.0, 165.0, 1180.0),
        ((-0.12, 0.58), (-0.11, -0.12)),
        ((-0.38, -0.23), (-0.21, -0.30), (0.00, -0.09)),
        (0.60, 0.68, 0.80, 0.60),
        0.38,
    ),
}  # fmt: skip


def ancillary_prices(market: Market) -> dict[str, FloatArray]:
    """Day-ahead capacity prices of the `SERVICES`, in USD per MW and hour, each (1, hours).

    They clear with the day-ahead energy prices of `market` and are known with them: one path, also beside a forecast of
    real-time prices.
    """
    clock, seed = market.clock, market.seed
    energy_usd_per_mwh = market.day_ahead_system_prices()
    z = np.arcsinh(energy_usd_per_mwh / PRICE_SCALE_USD_PER_MWH)
    common = _noise(clock, seed, "common")
    # Beyond this a supplier would forgo more on energy than energy pays; 2024 exceeds it in 1 of 1000 hours.
    highest = 25.0 + 1.1 * np.maximum(energy_usd_per_mwh, 0.0)
    prices: dict[str, FloatArray] = {}
    for name, service in SERVICES.items():
        share = service.common_share
        noise = share**0.5 * common + (1.0 - share) ** 0.5 * _noise(clock, seed, name)
        log_price = (
            np.interp(z, _CURVE_Z, np.log(service.usual_usd_per_mw_h))
            + clock.yearly_harmonics(0.0, *service.yearly)
            + clock.local_harmonics(0.0, *service.daily)
            + np.interp(z, _NOISE_Z, service.noise) * (noise - _SKEW * (noise**2 - 1.0))
        )
        prices[name] = np.clip(np.exp(log_price), _LOWEST_USD_PER_MW_H, highest)
    return prices


def _noise(clock: Clock, seed: int, name: str) -> FloatArray:
    slow = red_noise(stream(seed, "ancillary", name, "slow"), 1, clock.hours, _SLOW_CORRELATION_H, smooth_h=12.0)
    fast = red_noise(stream(seed, "ancillary", name), 1, clock.hours, _FAST_CORRELATION_H)
    noise: FloatArray = _SLOW_SHARE**0.5 * slow + (1.0 - _SLOW_SHARE) ** 0.5 * fast
    return noise
