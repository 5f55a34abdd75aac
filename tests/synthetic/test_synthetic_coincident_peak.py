"""System load and the chance that an hour is its month's peak."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import real_2024

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.coincident_peak import LOAD_UNCERTAINTY_GW, peak_probability
from optimizer.synthetic.grid import forecast_grid, observed_grid
from optimizer.synthetic.noise import FloatArray

YEAR = Clock("2024-01-01T00:00", 8784, real_2024.TIMEZONE)
SEEDS = range(1, 7)


@pytest.fixture(scope="module")
def loads() -> list[FloatArray]:
    return [observed_grid(YEAR, seed).load_gw for seed in SEEDS]


@pytest.fixture(scope="module")
def chances(loads: list[FloatArray]) -> list[FloatArray]:
    return [peak_probability(YEAR, load, seed)[0] for seed, load in zip(SEEDS, loads, strict=True)]


def test_one_peak_in_each_month_of_summer(chances: list[FloatArray]) -> None:
    month = YEAR.local.month
    for chance in chances:
        for number in range(1, 13):
            expected = 1.0 if 6 <= number <= 9 else 0.0
            assert chance[month == number].sum() == pytest.approx(expected)


def test_peaks_fall_on_hot_late_afternoons(chances: list[FloatArray]) -> None:
    """Proves: at least 90 % of the chance lies between 14 and 19 h, where the four peaks of 2024 lie (16 and 17 h), and
    few hours share most of it."""
    late = (YEAR.local.hour >= 14) & (YEAR.local.hour < 19)
    for seed, chance in zip(SEEDS, chances, strict=True):
        assert chance[late].sum() > 0.9 * 4
        august = np.sort(chance[YEAR.local.month == 8])
        assert august[-30:].sum() > 0.9
        temperature_load = observed_grid(YEAR, seed).load_gw[0]
        assert temperature_load[np.argmax(chance)] > np.quantile(temperature_load, 0.99)


def test_two_hours_by_hand() -> None:
    """Proves: an hour that is higher by scale * ln 3 is three times as likely to be the peak. Sensitivity: in a month
    with one high hour only, that hour gets all."""
    clock = Clock("2024-08-01T00:00", 744, real_2024.TIMEZONE)
    load = np.full((2, 744), 10.0)
    load[:, 16], load[0, 40] = 80.0, 80.0 - np.log(3.0)
    first, second = peak_probability(clock, load, 1, uncertainty_gw=1.0)
    assert (first[16], first[40]) == pytest.approx((0.75, 0.25))
    assert second[16] == pytest.approx(1.0)


def test_part_of_a_month_leaves_the_rest_its_share() -> None:
    """Proves: two days sum to less than 1, more so the milder they are; adding 60 GW makes the peak certain."""
    clock = Clock("2024-08-20T00:00", 48, real_2024.TIMEZONE)
    load = observed_grid(clock, 1).load_gw
    found = [peak_probability(clock, load + more, 1).sum() for more in (-5.0, 0.0, 14.0, 60.0)]
    assert found == sorted(found)
    assert 0.0 < found[0] < found[1] < 0.02
    assert 0.05 < found[2] < 0.95
    assert found[3] == pytest.approx(1.0)


def test_horizon_over_a_month_end_knows_two_months() -> None:
    clock = Clock("2024-05-31T00:00", 48, real_2024.TIMEZONE)
    chance = peak_probability(clock, observed_grid(clock, 1).load_gw + 60.0, 1)[0]
    assert chance[:24].sum() == 0.0
    assert chance[24:].sum() == pytest.approx(1.0)


def test_members_have_their_own_chances() -> None:
    clock = Clock("2024-08-20T00:00", 48, real_2024.TIMEZONE)
    load = forecast_grid(clock, 3, 4).load_gw
    chance = peak_probability(clock, load, 3)
    assert chance.shape == (4, 48)
    assert np.argmax(chance.sum(axis=1)) == np.argmax(np.exp(load / LOAD_UNCERTAINTY_GW).sum(axis=1))


@real_2024.needs_real_data
def test_load_agrees_with_the_real_one(loads: list[FloatArray]) -> None:
    """Stated tolerance: quantiles of the year within 5 %, of August within 8 % (the August of 2024 was hot)."""
    real = real_2024.system()
    for shares, month, tolerance in (((0.01, 0.25, 0.5, 0.75, 0.95, 0.99), None, 0.05), ((0.05, 0.5, 0.95), 8, 0.08)):
        here = np.ones(YEAR.hours, dtype=bool) if month is None else YEAR.local.month == month
        synthetic = np.mean([np.quantile(load[0, here], shares) for load in loads], axis=0)
        there = real["load_gw"] if month is None else real["load_gw"][real["month"] == month]
        np.testing.assert_allclose(synthetic, np.quantile(there, shares), rtol=tolerance)


@real_2024.needs_real_data
def test_uncertainty_is_the_most_likely_one() -> None:
    """Proves: given ERCOT's day-ahead forecasts of demand, the twelve peaks of 2024 are likelier with 1.1 GW than with
    0.8 or 1.8 GW."""
    real = real_2024.system()

    def log_likelihood(scale_gw: float) -> float:
        total = 0.0
        for _, month in real.groupby("month"):
            utility: pd.Series = month["forecast_gw"] / scale_gw
            top = utility.max()
            total += utility[month["load_gw"].idxmax()] - top - np.log(np.exp(utility - top).sum())
        return float(total)

    assert log_likelihood(LOAD_UNCERTAINTY_GW) > max(log_likelihood(0.8), log_likelihood(1.8))
