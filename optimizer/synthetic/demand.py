"""Synthetic demand for language-model inference by the hour: interactive chat and deferrable batch work, in Mtok per
hour.

The daily shape and the variability of chat were fitted to two weeks of a large service (ServeGen, model M-large); the
level is free. The batch arrivals are an assumption, not a fit; see docs/calibration.md.
"""

from __future__ import annotations

import numpy as np

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.noise import FloatArray, forecast_noise, red_noise, stream

WEEKEND_FACTOR = 0.85


def chat_mtok(clock: Clock, seed: int, region: str, mean_mtok: float, *, members: int | None = None) -> FloatArray:
    """Interactive demand (paths, hours): what happens, or `members` of a forecast made at the start of the horizon."""
    shape = clock.local_harmonics(0.0, (0.02, -0.17), (0.09, -0.02), (-0.02, 0.04))
    # Two regions share the fortunes of the product (slow) but not the bursts of their large customers (fast).
    slow = red_noise(stream(seed, "chat"), 1, clock.hours, 26.0, smooth_h=6.0)
    fast = red_noise(stream(seed, "chat", region), 1, clock.hours, 3.5)
    if members is not None:
        slow = forecast_noise(slow, seed, ("chat forecast",), members, 26.0, smooth_h=6.0, skill=0.75)
        fast = forecast_noise(fast, seed, ("chat forecast", region), members, 3.5, skill=0.2)
    log_level = 0.30 * slow + 0.22 * fast
    weekday = np.where(clock.weekend > 0, WEEKEND_FACTOR, (7.0 - 2.0 * WEEKEND_FACTOR) / 5.0)
    return mean_mtok * weekday * np.exp(shape + log_level - 0.06)


def batch_mtok(clock: Clock, seed: int, mean_mtok: float) -> FloatArray:
    """Arrivals of deferrable work (1, hours): a few large submissions on a steady trickle, mostly in office hours."""
    rng = stream(seed, "batch")
    office = 0.67 + 1.4 * np.exp(-(((clock.local_hour - 13.5) / 4.0) ** 2)) * (1.0 - 0.7 * clock.weekend)
    # Gamma with shape 1.5: arrivals vary by 80 % from hour to hour.
    lumps = rng.gamma(1.5, 1.0 / 1.5, clock.hours)
    return (mean_mtok * office * lumps)[np.newaxis]
