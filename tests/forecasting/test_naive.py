"""Persistence and seasonal naive, and rules judged by what they would have said in the past."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from small_history import hourly, wild_market, window

from optimizer.errors import InputError
from optimizer.forecasting import Persistence, ResidualBootstrap, SeasonalNaive, issue, point_rules
from optimizer.forecasting.look_back import LookBack
from optimizer.forecasting.point_rules import Anchored, LastValue, Led, PointRule, SamePeriod
from optimizer.forecasting.scales import Scale

ZONE = "America/Chicago"
DAY = timedelta(days=1)


# ---------------------------------------------------------------------- forecasters
def test_persistence_repeats_the_last_value_without_spread() -> None:
    history = hourly({"rt": np.arange(48.0)})
    found = issue(
        Persistence(("rt",), spread=False), history, "2024-01-02T05:00", window("2024-01-02T05:00", 3), 2
    ).values("rt")
    np.testing.assert_allclose(found, np.full((2, 3), 28.0))


def test_errors_of_the_past_are_added_hour_by_hour() -> None:
    """Proves: where every day is alike, persistence at midnight is off by the same each day, so its members are right:
    the hour of the day. Sensitivity: without the errors all are 23, with errors of other lead times any hour."""
    history = hourly({"rt": np.arange(24.0 * 30) % 24})
    found = issue(Persistence(("rt",)), history, "2024-01-25", window("2024-01-25T00:00", 30), 5).values("rt")
    np.testing.assert_allclose(found, np.broadcast_to(np.arange(30.0) % 24, (5, 30)), atol=1e-9)


def test_the_errors_of_a_member_are_of_one_past_day_for_all_variables() -> None:
    """Proves: two variables whose days are off by amounts that go together stay so in every member. Sensitivity: drawn
    apart, their members would not correlate."""
    rng = np.random.default_rng(3)
    level = np.repeat(rng.normal(0, 10, 60), 24)
    history = hourly({"price": 50 + level, "load": 100 + 2 * level})
    found = issue(Persistence(("price", "load")), history, "2024-02-20", window("2024-02-20T00:00", 24), 40)
    price, load = (found.values(name)[:, 12] for name in ("price", "load"))
    assert np.std(price) > 5
    np.testing.assert_allclose(np.corrcoef(price, load)[0, 1], 1.0, atol=0.02)
    assert found.origins is not None
    assert found.origins.nunique() == 40, "no day comes twice while there are others"


def test_more_members_than_days_are_drawn_evenly() -> None:
    record = wild_market(30)
    found = issue(Persistence(("rt",)), record, "2024-01-25", window("2024-01-25T00:00", 24), 60)
    assert found.origins is not None
    counts = found.origins.value_counts()
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(("period", "back"), [("day", 24), ("week", 168)])
def test_seasonal_naive_repeats_the_latest_period(period: str, back: int) -> None:
    """Proves: also beyond one period, where the last known day or week is repeated again."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, 24 * 40)
    forecaster = SeasonalNaive(("rt",), period, spread=False)  # type: ignore[arg-type]
    found = issue(forecaster, hourly({"rt": values}), "2024-02-05", window("2024-02-05T00:00", back + 5), 1)
    start = 24 * 35
    expected = np.concatenate([values[start - back : start], values[start - back : start - back + 5]])
    np.testing.assert_allclose(found.values("rt")[0], expected)


def test_seasonal_naive_keeps_the_local_hour_when_the_clocks_change() -> None:
    """Proves: a variable that shows the local hour is forecast exactly across the change of 10 March. Sensitivity: 24
    hours of absolute time back, it is wrong by one in every hour after the change."""
    index = pd.date_range(pd.Timestamp("2024-02-01", tz=ZONE), pd.Timestamp("2024-03-20", tz=ZONE), freq="1h")
    history = hourly({"hour": index.hour}, start="2024-02-01", timezone=ZONE)
    horizon = window("2024-03-10T00:00", 47, ZONE)
    found = issue(SeasonalNaive(("hour",), "day", spread=False), history, "2024-03-10", horizon, 1).values("hour")[0]
    exact = horizon.local.hour.to_numpy() != 3  # 02:00 was skipped: 03:00 follows 01:00
    np.testing.assert_allclose(found[exact], horizon.local.hour.to_numpy()[exact], atol=1e-9)


def test_too_few_past_days_are_refused() -> None:
    with pytest.raises(InputError, match=r"rt: the history begins .* needs it from 2023-12-2"):
        issue(Persistence(("rt",)), wild_market(12), "2024-01-04", window("2024-01-04T00:00", 48), 5)


def test_values_stay_in_the_range_of_the_look_back_or_the_limits_given() -> None:
    record = wild_market(60)
    horizon = window("2024-02-20T00:00", 48)
    rt = record.at("2024-02-20").raw("rt")
    found = issue(Persistence(("rt",)), record, "2024-02-20", horizon, 30).values("rt")
    assert found.max() <= rt.max()
    assert found.min() >= rt.min()
    limited = issue(Persistence(("rt",), limits={"rt": (25.0, 40.0)}), record, "2024-02-20", horizon, 30).values("rt")
    assert (limited.min(), limited.max()) == (25.0, 40.0)


# ---------------------------------------------------------------------- rules
RULES: list[PointRule] = [LastValue(), SamePeriod(1), SamePeriod(7), Anchored(), Led("da")]


def looked_back(issued_at: str, start: str, hours: int = 30, timezone: str = "UTC") -> LookBack:
    record = wild_market(60, timezone=timezone)
    moment = pd.Timestamp(issued_at, tz=timezone).tz_convert("UTC")
    return LookBack(record, moment, window(start, hours, timezone), ("rt", "da"), 50 * DAY, 40 * DAY)


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize(
    ("issued_at", "start"), [("2024-02-28T00:00", "2024-02-28T00:00"), ("2024-02-27T10:00", "2024-02-28T00:00")]
)
def test_a_rule_sees_at_past_origins_what_it_would_have_seen_then(
    rule: PointRule, issued_at: str, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves: the path at each past origin stays the same when everything that was published after it is changed.
    Sensitivity: errors of rules that peek are too small, and the forecast too sure."""
    monkeypatch.setattr(point_rules, "falling_autocorrelation", lambda deviation, lags: 0.9 ** np.arange(lags + 1))
    look = looked_back(issued_at, start)
    origins = look.origins(rule.warm_up_days)
    assert origins.past > 10
    before = rule.path(look, "rt", origins)
    for row in (0, origins.past // 2, origins.past - 1):
        z = dict(look.z)
        for name in look.names:
            look.z[name] = np.where(np.arange(len(z[name])) >= look.known_end(name, origins)[row], 99.0, z[name])
        np.testing.assert_array_equal(rule.path(look, "rt", origins)[row], before[row])
        look.z = z


def test_origins_are_the_same_local_time_of_earlier_days() -> None:
    """Proves: with a horizon of 30 hours the latest origin is two days back; all start at local midnight, across the
    change of the clocks, and are issued as long before as the forecast is."""
    record = wild_market(90, timezone=ZONE)
    moment = pd.Timestamp("2024-03-14T10:00", tz=ZONE).tz_convert("UTC")
    look = LookBack(record, moment, window("2024-03-15T00:00", 30, ZONE), ("rt",), 60 * DAY, 40 * DAY)
    origins = look.origins(7)
    starts = look.local[origins.targets[:, 0]]
    assert set(starts.hour) == {0}
    assert starts[-2] == pd.Timestamp("2024-03-13", tz=ZONE)
    assert (starts.tz_convert("UTC") - origins.stamps == pd.Timedelta(hours=14)).all()
    assert len(origins.stamps) == origins.past + 1


def test_the_usual_day_is_that_of_its_kind_and_the_deviation_dies_out() -> None:
    """Proves: workdays at 10, weekends at 20 are told apart; a last value that is 5 above the usual decays by the
    autocorrelation given. Sensitivity: one usual day for both is 12.9."""
    index = pd.date_range("2024-01-01", periods=24 * 60, freq="1h", tz="UTC")
    usual = np.where(index.day_of_week >= 5, 20.0, 10.0)
    values = usual.copy()
    values[24 * 53 - 1] = 15.0
    moment = pd.Timestamp("2024-02-23T00:00", tz="UTC")  # a Friday
    look = LookBack(hourly({"rt": values}), moment, window("2024-02-23T00:00", 48), ("rt",), 50 * DAY, 40 * DAY)
    path = look.scales["rt"].values(Anchored().path(look, "rt", look.origins(9))[-1])
    assert path[0] == pytest.approx(10.0, abs=0.3)
    np.testing.assert_allclose(path[12:23], 10.0, atol=0.05)
    np.testing.assert_allclose(path[36:], 20.0, atol=0.05)


def test_autocorrelation_of_a_constant_and_of_a_wave() -> None:
    flat = point_rules.falling_autocorrelation(np.zeros(100), 3)
    assert flat.tolist() == [1.0, 0.0, 0.0, 0.0]
    wave = point_rules.falling_autocorrelation(np.sin(np.arange(1000) / 24 * 2 * np.pi), 24)
    assert wave[0] == 1.0
    assert (np.diff(wave) <= 0).all()
    assert wave[12:].max() == 0.0, "negative correlation is not used, and it does not come back"


def test_the_scale_is_undone_and_copes_with_constants() -> None:
    values = np.array([-250.0, 0.0, 20.0, 30.0, 5000.0])
    scale = Scale.of(values)
    assert [scale.centre, scale.spread] == pytest.approx([20.0, 30.0 / 1.349])
    np.testing.assert_allclose(scale.values(scale.z(values)), values)
    assert Scale.of(np.full(5, 7.0)).spread == 7.0
    assert Scale.of(np.zeros(5)).spread == 1.0
    assert Scale.of(np.array([1.0] * 7 + [5.0])).spread == pytest.approx(4.0 * np.sqrt(7.0) / 8.0)


def test_a_rule_with_nothing_to_go_by_is_refused_with_the_step() -> None:
    """Proves: on a Saturday, a usual day of three days has no weekend in it for the Sunday, whose day-ahead price is
    not out yet; and days that cannot be forecast for that reason are not drawn from."""
    record = wild_market(80)
    with pytest.raises(InputError, match=r"rt: the look-back is too short for a forecast at 2024-03-10T00:00"):
        issue(ResidualBootstrap({"rt": "da"}, usual_days=3), record, "2024-03-09", window("2024-03-09T00:00", 48), 5)
    few = ResidualBootstrap({"rt": "da"}, usual_days=3, fewest_days=60)
    with pytest.raises(InputError, match=r"only \d\d past days can be compared .*; 60 are needed"):
        issue(few, record, "2024-03-13", window("2024-03-13T00:00", 48), 5)
