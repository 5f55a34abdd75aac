"""Leaders known ahead with errors of past days: dependence, level, season and spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_history import FloatArray, hourly, wild_market, window

from optimizer.errors import InputError
from optimizer.forecasting import ForecastEnsemble, History, ResidualBootstrap, issue
from optimizer.forecasting.past_errors import even_draws, systematic_draws

LEADERS = {"rt": "da"}
PUBLISHED = {"da": "day before 13:00"}


def market(day_ahead: FloatArray, error: FloatArray, **others: FloatArray) -> History:
    """Hourly prices from day-ahead levels by day and errors by day."""
    columns = {"da": np.repeat(day_ahead, 24), "rt": np.repeat(day_ahead + error, 24)}
    return hourly(columns | {name: np.repeat(values, 24) for name, values in others.items()}, published=PUBLISHED)


def forecast(record: History, day: str, members: int = 50, hours: int = 24, **fields: object) -> ForecastEnsemble:
    forecaster = ResidualBootstrap(LEADERS, **fields)  # type: ignore[arg-type]
    return issue(forecaster, record, day, window(f"{day}T00:00", hours), members, seed=2)


def test_without_errors_the_members_are_the_leader() -> None:
    """Proves: to 1e-9 in hours for which the leader is published; after it, members differ."""
    rng = np.random.default_rng(1)
    record = market(30 + rng.normal(0, 5, 80), np.zeros(80))
    found = forecast(record, "2024-03-10", hours=48)
    np.testing.assert_allclose(found.values("rt"), found.values("da"), atol=1e-9)
    assert np.ptp(found.values("rt")[:, :24], axis=0).max() < 1e-9
    assert np.ptp(found.values("rt")[:, 24:], axis=0).min() > 1.0


def test_the_last_deviation_from_the_leader_goes_on_for_a_while() -> None:
    """Proves: deviations that lose a tenth each hour; the last one is 12 above the leader: the next hours are expected
    near 10.8, 9.7 and 8.7 above it. Sensitivity: without the last deviation 0."""
    rng = np.random.default_rng(3)
    hours = 24 * 120
    deviation = np.zeros(hours)
    for hour in range(1, hours):
        deviation[hour] = 0.9 * deviation[hour - 1] + rng.normal(0, 2)
    now = 24 * 100
    deviation[now - 1] = 12.0
    day_ahead = 50.0 + 10.0 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    record = hourly({"da": day_ahead, "rt": day_ahead + deviation}, published=PUBLISHED)
    found = forecast(record, "2024-04-10", members=80, spike_quantile=None)
    above = (found.mean("rt") - day_ahead[now : now + 24])[:3]
    np.testing.assert_allclose(above, [10.8, 9.7, 8.7], atol=3.0)


def test_price_and_temperature_keep_their_dependence() -> None:
    """Proves: errors that go together in the past go together in the members, at -0.9 and below. Sensitivity: drawn
    variable by variable their correlation is about 0."""
    rng = np.random.default_rng(4)
    error = rng.normal(0, 6, 120)
    record = market(np.full(120, 30.0) + rng.normal(0, 1, 120), error, temperature=20 - error)
    found = forecast(record, "2024-04-20", others=("temperature",))
    price, temperature = (found.values(name)[:, 20] for name in ("rt", "temperature"))
    assert np.corrcoef(price, temperature)[0, 1] < -0.9


def test_days_of_the_same_level_count_more() -> None:
    """Proves: calm days at 20 and wild ones at 60 (errors of +-20): the forecast for a calm day is sure. Sensitivity:
    with all days alike it is as wide as the wild ones make it."""
    rng = np.random.default_rng(5)
    level = np.where(np.arange(120) % 2 == 0, 20.0, 60.0) + rng.normal(0, 0.5, 120)
    error = np.where(level > 40, rng.choice([-20.0, 20.0], 120), rng.normal(0, 0.5, 120))
    by_day = np.arange(24 * 120) % 24 < 18  # the last hours, from which the forecast starts, are as expected
    da = np.repeat(level, 24)
    record = hourly({"da": da, "rt": da + np.repeat(error, 24) * by_day}, published=PUBLISHED)
    day = "2024-04-10"  # the 100th day, a calm one
    fields: dict[str, Any] = {"spike_quantile": None, "limits": {"rt": (0.0, 100.0)}}
    sharp = forecast(record, day, **fields).values("rt")[:, 12]
    wide = forecast(record, day, effective_days=np.inf, **fields).values("rt")[:, 12]
    assert np.ptp(np.quantile(sharp, [0.05, 0.95])) < 2.5
    assert np.ptp(np.quantile(wide, [0.05, 0.95])) > 7.0


def test_days_of_the_same_season_count_more() -> None:
    """Proves: errors at noon of +10 in winter and -10 in summer: the forecast of next winter is above its leader.
    Sensitivity: with all seasons alike the mean error is about -4."""
    days = 400
    index = pd.date_range("2023-01-01", periods=days, freq="1D")
    winter = np.isin(index.month, [12, 1, 2])
    rng = np.random.default_rng(6)
    record = hourly(
        {"da": np.full(24 * days, 50.0) + np.repeat(rng.normal(0, 1, days), 24)}
        | {"rt": 50.0 + np.repeat(np.where(winter, 10.0, -10.0), 24) * (np.arange(24 * days) % 24 == 12)},
        start="2023-01-01",
        published=PUBLISHED,
    )
    found = forecast(record, "2024-01-15", spike_quantile=None, season_days=20.0)
    assert found.mean("rt")[12] > 57.0
    alike = forecast(record, "2024-01-15", spike_quantile=None, season_days=np.inf)
    assert alike.mean("rt")[12] < 49.0


def test_spikes_come_as_often_as_they_did() -> None:
    """Proves: one day in ten has a spike of 500 at 18:00, whatever the level: of 100 members about ten have one, all at
    18:00. Sensitivity: a mean of the errors has none, shuffled hours have them at any time."""
    days = 200
    rng = np.random.default_rng(7)
    da = 30 + np.repeat(rng.normal(0, 3, days), 24)
    rt = da + rng.normal(0, 1, 24 * days)
    spiky = np.arange(0, days, 10)
    rt[24 * spiky + 18] += 500
    record = hourly({"da": da, "rt": rt}, published=PUBLISHED)
    found = forecast(record, "2024-06-25", members=100, spike_quantile=0.995).values("rt")
    assert 6 <= (found.max(axis=1) > 200).sum() <= 14
    assert (np.argmax(found, axis=1)[found.max(axis=1) > 200] == 18).all()


def test_other_days_are_drawn_for_the_next_block() -> None:
    """Proves: with blocks of a day, the errors of the two days of a member come from different past days; with one
    block of two days from days in a row. Sensitivity: each is seen in the correlation between the days."""
    rng = np.random.default_rng(8)
    weeks = np.repeat(rng.normal(0, 8, 40), 4)  # errors that last for four days
    record = market(np.full(160, 40.0) + rng.normal(0, 1, 160), weeks)
    kinds = {}
    for hours in (24.0, 48.0):
        found = forecast(record, "2024-05-25", members=200, hours=48, block_hours=hours, spike_quantile=None)
        kinds[hours] = np.corrcoef(found.values("rt")[:, 12], found.values("rt")[:, 36])[0, 1]
    assert kinds[48.0] > 0.5
    assert abs(kinds[24.0]) < 0.3


def test_limits_hold() -> None:
    record = wild_market(80)
    found = issue(
        ResidualBootstrap(LEADERS, limits={"rt": (0.0, 60.0)}), record, "2024-03-10", window("2024-03-10T00:00", 24), 50
    )
    assert found.values("rt").max() <= 60.0


def test_days_on_which_the_clocks_change() -> None:
    record = wild_market(120, timezone="America/Chicago")
    for day, hours in (("2024-03-10", 23), ("2024-03-09", 47)):
        horizon = window(f"{day}T00:00", hours, "America/Chicago")
        found = issue(ResidualBootstrap(LEADERS), record, day, horizon, 20)
        assert np.isfinite(found.values("rt")).all()
        assert np.ptp(found.values("da")[:, :23], axis=0).max() == 0.0


def test_a_history_without_enough_days_says_what_is_needed() -> None:
    with pytest.raises(InputError, match=r"the look-back needs it from 2023-12-2"):
        forecast(wild_market(40), "2024-01-20", hours=48)
    with pytest.raises(InputError, match=r"ad: the history has no such column"):
        issue(ResidualBootstrap({"rt": "ad"}), wild_market(80), "2024-03-10", window("2024-03-10T00:00", 24), 5)


# ---------------------------------------------------------------------- draws
def test_systematic_draws_are_right_to_one() -> None:
    """Proves: weights of 0.05, 0.15 and 0.8 give 1, 3 and 16 of 20. Sensitivity: independent draws vary by 1 to 2."""
    for seed in range(20):
        rows = systematic_draws(np.array([0.05, 0.15, 0.8]), 20, np.random.default_rng(seed))
        counts = np.bincount(rows, minlength=3)
        assert (np.abs(counts - [1, 3, 16]) <= 1).all()


def test_even_draws_use_all_before_any_comes_twice() -> None:
    rows = even_draws(5, 12, np.random.default_rng(0))
    assert sorted(rows[:5].tolist()) == sorted(rows[5:10].tolist()) == list(range(5))
    assert len(rows) == 12
