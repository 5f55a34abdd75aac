"""Synthetic output of one wind farm and one solar park as a share of capacity, tied to the fleet of the whole system.

The fleets follow ERCOT's generation of 2024 (see `grid`). A single plant swings more than its fleet; how much more is
not in those figures. For a wind farm the guide is a standard deviation of the change from hour to hour of about 10 %
of capacity at a single site, below 3 % over a country (Holttinen 2005, Wind Energy 8, 173; ERCOT's fleet: 3.4 %);
the correlation with the fleet and a solar park's own clouds are assumptions.
"""

from __future__ import annotations

import numpy as np

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.grid import SOLAR_CAPACITY_GW, WIND_CAPACITY_GW, Grid, sun
from optimizer.synthetic.noise import FloatArray, forecast_noise, red_noise, stream

FLEET_MAXIMUM = 0.75
"""Highest share of its capacity that the whole wind fleet reaches; 2024: 0.73."""
AVAILABILITY = 0.97
"""Share of a plant's capacity that is not in repair."""


def wind_farm_share(
    clock: Clock, seed: int, grid: Grid, place: str = "west", *, members: int | None = None
) -> FloatArray:
    """Output of a wind farm at `place` as a share of its capacity, 0 to 1, (paths, hours).

    `grid` is what happens, or with `members` a forecast of so many paths.
    """
    own = _own_noise(clock, seed, ("wind farm", place), 8.0, members)
    fleet = _logit(grid.wind_gw / WIND_CAPACITY_GW / FLEET_MAXIMUM)
    # Below the wind speed of cut-in a farm stands still, above the rated one it gives all it can: both ends are cut.
    share = -0.04 + 1.12 / (1.0 + np.exp(-(-0.45 + 1.15 * fleet + 1.05 * own)))
    return AVAILABILITY * np.clip(share, 0.0, 1.0)


def solar_park_share(
    clock: Clock, seed: int, grid: Grid, place: str = "west", *, members: int | None = None
) -> FloatArray:
    """Output of a solar park at `place` as a share of its capacity, 0 to 1, (paths, hours); arguments as for wind."""
    own = _own_noise(clock, seed, ("solar park", place), 3.0, members)
    clear_sky = sun(clock)
    sky = np.divide(
        grid.solar_gw / SOLAR_CAPACITY_GW, clear_sky, out=np.full_like(grid.solar_gw, 0.5), where=clear_sky > 0.0
    )
    return AVAILABILITY * clear_sky / (1.0 + np.exp(-(0.2 + _logit(sky) + 0.9 * own)))


def _own_noise(
    clock: Clock, seed: int, names: tuple[str, str], correlation_h: float, members: int | None
) -> FloatArray:
    observed = red_noise(stream(seed, *names), 1, clock.hours, correlation_h)
    if members is None:
        return observed
    return forecast_noise(observed, seed, (*names, "forecast"), members, correlation_h, skill=0.0)


def _logit(share: FloatArray) -> FloatArray:
    inside = np.clip(share, 1e-4, 1.0 - 1e-4)
    odds: FloatArray = np.log(inside / (1.0 - inside))
    return odds
