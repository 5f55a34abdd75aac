"""Capacity prices of the ancillary services: level, tails, hours and ties to the energy price as in 2024."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import real_2024

from optimizer.synthetic.ancillary import SERVICES, ancillary_prices
from optimizer.synthetic.clock import Clock
from optimizer.synthetic.market import Market

SEEDS = range(1, 9)
# mean, median and 99th percentile in USD per MW and hour; rank correlation with the hub average of day-ahead prices and
# with LZ West's; correlation with the hub average. Of the 8615 hours of 2024 with published figures.
YEAR_2024 = {
    "regup": (6.0, 1.79, 81.0, 0.53, 0.30, 0.86),
    "regdn": (3.4, 1.50, 22.2, 0.38, 0.21, 0.64),
    "rrs": (5.7, 1.00, 79.0, 0.49, 0.31, 0.87),
    "ecrs": (8.3, 1.00, 112.9, 0.49, 0.26, 0.94),
    "nspin": (6.3, 1.04, 80.0, 0.52, 0.30, 0.91),
}
COLUMNS = ("mean", "median", "q99", "rank_hub", "rank_west", "linear_hub")


def _statistics(capacity: pd.DataFrame, hub: pd.Series, west: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "mean": capacity.mean(),
            "median": capacity.median(),
            "q99": capacity.quantile(0.99),
            "rank_hub": capacity.corrwith(hub, method="spearman"),
            "rank_west": capacity.corrwith(west, method="spearman"),
            "linear_hub": capacity.corrwith(hub),
        }
    )


@pytest.fixture(scope="module")
def years() -> list[tuple[pd.DataFrame, pd.Series, pd.Series, pd.DatetimeIndex]]:
    clock = Clock("2024-01-01T00:00", 8784, real_2024.TIMEZONE)
    found = []
    for seed in SEEDS:
        market = Market(clock, seed)
        capacity = pd.DataFrame({name: path[0] for name, path in ancillary_prices(market).items()})
        hub, west = market.day_ahead_system_prices()[0], market.day_ahead_prices("lz_west")[0]
        found.append((capacity, pd.Series(hub), pd.Series(west), clock.local))
    return found


@pytest.fixture(scope="module")
def synthetic(years: list[tuple[pd.DataFrame, pd.Series, pd.Series, pd.DatetimeIndex]]) -> pd.DataFrame:
    """Statistics averaged over the seeds, services by columns."""
    tables = [_statistics(capacity, hub, west) for capacity, hub, west, _ in years]
    return sum(tables[1:], tables[0]) / len(tables)


def _agree(synthetic: pd.DataFrame, real: pd.DataFrame) -> None:
    """Stated tolerances: median 20 %, mean and 99th percentile 35 %, correlations 0.25 (linear) and 0.15 (rank)."""
    for column, tolerance in (("median", 0.20), ("mean", 0.35), ("q99", 0.35)):
        ratio = synthetic[column] / real[column]
        assert ratio.between(1.0 - tolerance, 1.0 + tolerance).all(), (column, ratio)
    for column, tolerance in (("rank_hub", 0.15), ("rank_west", 0.15), ("linear_hub", 0.25)):
        difference = (synthetic[column] - real[column]).abs()
        assert (difference < tolerance).all(), (column, difference)


def test_statistics_agree_with_the_stated_ones_of_2024(synthetic: pd.DataFrame) -> None:
    _agree(synthetic, pd.DataFrame.from_dict(YEAR_2024, orient="index", columns=list(COLUMNS)))


@real_2024.needs_real_data
def test_statistics_agree_with_the_real_ones(synthetic: pd.DataFrame) -> None:
    """Proves: the stated figures of 2024 are those of the data, and the synthetic ones are near the data."""
    real = real_2024.prices()
    found = _statistics(real[list(SERVICES)], real["hb_hubavg_da"], real["lz_west_da"])
    stated = pd.DataFrame.from_dict(YEAR_2024, orient="index", columns=list(COLUMNS))
    np.testing.assert_allclose(stated, found.loc[stated.index, stated.columns], rtol=0.02, atol=0.006)
    _agree(synthetic, found)


def test_scarce_evenings_pay(years: list[tuple[pd.DataFrame, pd.Series, pd.Series, pd.DatetimeIndex]]) -> None:
    """Proves: of the dearest 1 % of hours most lie between 17 and 22 h (2024: 67 to 80 %, by service)."""
    for name in SERVICES:
        hours = [local.hour[capacity[name].nlargest(88).index] for capacity, _, _, local in years]
        assert 0.6 < np.mean([(at >= 17) & (at <= 21) for at in hours]) < 0.9, name


def test_services_move_together_and_regulation_down_least() -> None:
    market = Market(Clock("2024-01-01T00:00", 8784, real_2024.TIMEZONE), 1)
    logs = pd.DataFrame({name: np.log(path[0]) for name, path in ancillary_prices(market).items()}).corr()
    assert (logs.to_numpy() > 0.55).all()
    assert (logs.mean().drop("regdn") > logs["regdn"].mean()).all()


def test_prices_are_positive_and_not_far_above_energy(
    years: list[tuple[pd.DataFrame, pd.Series, pd.Series, pd.DatetimeIndex]],
) -> None:
    for capacity, hub, _, _ in years:
        assert (capacity >= 0.01).to_numpy().all()
        assert capacity.le(25.0 + 1.1 * hub.clip(lower=0.0) + 1e-9, axis=0).to_numpy().all()


def test_longer_prices_begin_with_the_shorter() -> None:
    long, short = (
        ancillary_prices(Market(Clock("2024-08-19T00:00", hours, real_2024.TIMEZONE), 7)) for hours in (96, 24)
    )
    for name in SERVICES:
        np.testing.assert_array_equal(long[name][:, :24], short[name])
