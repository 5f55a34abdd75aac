"""Output of single plants: within bounds, tied to the fleet, with the variability of one site."""

from __future__ import annotations

import numpy as np
import pytest
import real_2024

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.grid import SOLAR_CAPACITY_GW, WIND_CAPACITY_GW, forecast_grid, observed_grid, sun
from optimizer.synthetic.wind_and_solar import AVAILABILITY, solar_park_share, wind_farm_share

YEAR = Clock("2024-01-01T00:00", 8784, real_2024.TIMEZONE)
SEEDS = range(1, 5)


@pytest.mark.parametrize("seed", SEEDS)
def test_wind_farm(seed: int) -> None:
    """Proves: capacity factor near the fleet's, hourly changes of about 10 % of capacity (Holttinen 2005), calm hours
    and hours of full output, both of which a fleet lacks."""
    grid = observed_grid(YEAR, seed)
    farm, fleet = wind_farm_share(YEAR, seed, grid)[0], grid.wind_gw[0] / WIND_CAPACITY_GW
    assert 0.30 < farm.mean() < 0.42
    assert 0.27 < farm.std() < 0.34
    assert 0.085 < np.diff(farm).std() < 0.115
    assert np.diff(fleet).std() < 0.04
    assert 0.65 < np.corrcoef(farm, fleet)[0, 1] < 0.85
    assert farm.min() == 0.0
    assert farm.max() == pytest.approx(AVAILABILITY)
    assert 0.04 < (farm < 0.01).mean() < 0.15
    assert 0.03 < (farm > 0.9).mean() < 0.12


@pytest.mark.parametrize("seed", SEEDS)
def test_solar_park(seed: int) -> None:
    grid = observed_grid(YEAR, seed)
    park = solar_park_share(YEAR, seed, grid)[0]
    assert (park[sun(YEAR) == 0.0] == 0.0).all()
    assert 0.23 < park.mean() < 0.31
    assert 0.85 < park.max() <= AVAILABILITY
    assert np.corrcoef(park, grid.solar_gw[0] / SOLAR_CAPACITY_GW)[0, 1] > 0.95


def test_members_begin_together_and_spread() -> None:
    clock = Clock("2024-08-20T00:00", 48, real_2024.TIMEZONE)
    spread = np.mean(
        [wind_farm_share(clock, seed, forecast_grid(clock, seed, 20), members=20).std(axis=0) for seed in range(20)],
        axis=0,
    )
    assert spread[0] < 0.05 < spread[3] < spread[30]
    by_day = solar_park_share(clock, 1, forecast_grid(clock, 1, 20), members=20)
    assert by_day.shape == (20, 48)
    assert by_day.std(axis=0)[14] > 0.0
    assert (by_day[:, 0] == 0.0).all()


@real_2024.needs_real_data
def test_wind_fleet_agrees_with_the_real_one() -> None:
    """Stated tolerances: mean 8 %, standard deviation 12 %; hourly changes 2.7 % of capacity against the real 3.4 %."""
    real = real_2024.system()["wind_gw"] / WIND_CAPACITY_GW
    fleets = [observed_grid(YEAR, seed).wind_gw[0] / WIND_CAPACITY_GW for seed in SEEDS]
    assert np.mean([fleet.mean() for fleet in fleets]) == pytest.approx(real.mean(), rel=0.08)
    assert np.mean([fleet.std() for fleet in fleets]) == pytest.approx(real.std(), rel=0.12)
    assert np.mean([np.diff(fleet).std() for fleet in fleets]) == pytest.approx(real.diff().std(), rel=0.25)
