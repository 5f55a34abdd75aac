"""Measures of a backtest, each worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from backtest_case import END, START, write_case
from hypothesis import given
from hypothesis import strategies as st
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.backtest import measures
from optimizer.backtest.explanation import costliest_hours
from optimizer.backtest.policies import Optimized
from optimizer.backtest.record import Decision
from optimizer.backtest.result import Backtest
from optimizer.backtest.running import backtest
from optimizer.backtest.schedules import Schedule
from optimizer.backtest.workshop import Workshop
from optimizer.plan import Plan
from optimizer.problem import Problem

SPIKE = [100.0] * 12 + [200.0] * 11 + [300.0]
"""Prices of a day, of which 100 is expected: mining earns 50 an hour, loses 300, and in the last hour 650."""


@pytest.fixture(scope="module")
def spike(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    """The day of the spike, by those who may react and those who may not."""
    case = write_case(tmp_path_factory.mktemp("case"), SPIKE)
    return backtest(case, START, END, policies=["schedule", "deterministic"])


# ---------------------------------------------------------------------- of numbers alone
def test_capture_is_of_the_gain_and_not_of_the_profit() -> None:
    """Proves: between 50 of always on and 100 of foresight, 75 is half of the gain (of the profit 3/4), 40 a loss of a
    fifth of it; where there is nothing to be had it is no number, nor where foresight is ahead by rounding alone."""
    assert measures.capture(75.0, 50.0, 100.0) == 0.5
    assert measures.capture(40.0, 50.0, 100.0) == pytest.approx(-0.2)
    assert np.isnan(measures.capture(50.0, 50.0, 50.0))
    assert np.isnan(measures.capture(1e9, 1e9, 1e9 + 0.5))


@pytest.mark.parametrize(
    ("days", "fall"),
    [
        ([10, -5, -7, 20, -3], 12),  # 10, 5, -2, 18, 15
        ([-4, 1, -2], 5),  # from the start: -4, -3, -5
        ([5, -6, 2, -3, 20], 7),  # 5, -1, 1, -2, 18: over the small rise in between
        ([1, 2, 3], 0),
    ],
)
def test_the_deepest_fall_is_from_any_earlier_high(days: list[float], fall: float) -> None:
    """Proves: the fall counts from the highest point before it, the start among them. Sensitivity: the largest single
    loss of a day would be 7, 4, 6 and 0."""
    assert measures.deepest_fall(pd.Series(days, dtype=float)) == fall


def test_worst_days_are_the_mean_of_a_twentieth() -> None:
    """Proves: of 40 days the two worst, of 30 the worst and half of the second, of 10 the worst alone (half a day)."""
    assert measures.worst_days(pd.Series(np.arange(40.0))) == pytest.approx(0.5)
    assert measures.worst_days(pd.Series(np.arange(30.0))) == pytest.approx(0.5 * 1 / 1.5)
    assert measures.worst_days(pd.Series(np.arange(10.0)[::-1])) == pytest.approx(0.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_risk_measures_keep_their_bounds(days: list[float]) -> None:
    """Proves: a fall is never negative, and at least the loss of each day and of the whole; the mean of the worst days
    is between the worst of all and the mean."""
    profit = pd.Series(days)
    fall, worst = measures.deepest_fall(profit), measures.worst_days(profit)
    rounding = 1e-6 * max(1.0, np.abs(days).max())
    assert fall >= max(0.0, -min(days), -sum(days)) - rounding
    assert min(days) - rounding <= worst <= np.mean(days) + rounding


# ---------------------------------------------------------------------- by hour, day and month
def over_the_turn_of_the_month() -> Plan:
    """3.5 MW that earn 400 an hour, from 22:00 to 02:00, at 0.1 per kW of each month's peak."""
    charge = {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 0.1}
    case = site_case(steps=4, contracts=[spot(0.0), charge], assets=[fleet()], start="2024-08-31T22:00")
    return opt.optimize(opt.scenario_from_dict(case))


def test_peaks_of_a_month_are_no_money_of_an_hour() -> None:
    """Proves: 400 in each hour are booked step by step; the 350 of each month's peak are apart from them, at its end.
    Sensitivity: regret by hour would show 350 in the last hour of every month."""
    plan = over_the_turn_of_the_month()
    booking = measures.Booking.of(Problem(plan.scenario))
    assert booking.hourly(plan) == pytest.approx([400.0] * 4)
    assert booking.beyond(plan) == pytest.approx([0.0, -350.0, 0.0, -350.0])


def test_days_and_months_hold_all_money() -> None:
    """Proves: 2 * 400 - 350 on either side of midnight, by day as by month, which are those of the local clock."""
    plan = over_the_turn_of_the_month()
    daily, monthly = measures.daily_profit(plan), measures.monthly_profit(plan)
    assert daily.to_dict() == pytest.approx({"2024-08-31": 450.0, "2024-09-01": 450.0})
    assert monthly.to_dict() == pytest.approx({"2024-08": 450.0, "2024-09": 450.0})
    assert daily.sum() == pytest.approx(plan.expected_profit)


def test_a_day_on_which_the_clocks_go_back_has_25_hours() -> None:
    """Proves: 25 hours of 50 fall on 3 November and one on the 4th. Sensitivity: days of 24 steps split 24 to 2."""
    case = site_case(
        steps=26, contracts=[spot(100.0)], assets=[fleet()], start="2024-11-03T00:00", timezone="America/Chicago"
    )
    daily = measures.daily_profit(opt.optimize(opt.scenario_from_dict(case)))
    assert daily.to_dict() == pytest.approx({"2024-11-03": 1250.0, "2024-11-04": 50.0})


# ---------------------------------------------------------------------- of a backtest
def test_the_table_of_a_day(spike: Backtest) -> None:
    """Proves: the schedule mines all day, 12 * 50 - 11 * 300 - 650, as always on does: it captures nothing and may be
    set beside 600 that could be had; who reacts has them all. One day is its own worst, and falls from the start."""
    table = spike.table
    assert table["profit"]["schedule"] == pytest.approx(600 - 3300 - 650)
    assert table["capture"].to_dict() == pytest.approx(
        {"schedule": 0.0, "deterministic": 1.0, "always_on": 0.0, "perfect_foresight": 1.0}
    )
    assert table["capture_with_trading"]["deterministic"] == pytest.approx(1.0)
    assert table["capture_of_bound"]["deterministic"] == pytest.approx(1.0)
    assert table["worst_days"]["schedule"] == pytest.approx(-3350)
    assert table["deepest_fall"].to_dict() == pytest.approx(
        {"schedule": 3350.0, "deterministic": 0.0, "always_on": 3350.0, "perfect_foresight": 0.0}
    )
    assert table["peak_import_mw"].to_numpy() == pytest.approx(3.5)
    assert table["not_done"].to_numpy() == pytest.approx(0.0)
    # each window expects 100 as on the day before, of 12 hours, and the last of the 6 that are left
    assert table["expected_by_window"]["schedule"] == pytest.approx((600 + 600 + 600 + 300) / 4)


def test_regret_by_hour(spike: Backtest) -> None:
    """Proves: nothing is lost in the morning, 300 in each hour of the spike and 650 in the last."""
    regret = spike.regret("schedule")
    assert regret.to_numpy() == pytest.approx([0.0] * 12 + [300.0] * 11 + [650.0])
    assert regret.index[0].isoformat() == "2024-08-20T00:00:00+00:00"


def test_costliest_hours_are_told_in_words(spike: Backtest) -> None:
    """Proves: the last hour first, with what a MWh cost, what was expected, what was done and should have been; hours
    that lost nothing are not among them, and who lost nothing has none."""
    hours = costliest_hours(spike, "schedule")
    assert len(hours) == 10
    assert (hours[0].step, hours[0].time.isoformat()) == (23, "2024-08-20T23:00:00+00:00")
    assert hours[0].regret == pytest.approx(650.0)
    assert hours[0].why == (
        "a MWh cost 300; m.price was expected at 100 and came at 300; m drew 3.5 MW, with foresight 0.0 MW"
    )
    assert [hour.regret for hour in hours[1:]] == pytest.approx([300.0] * 9)
    assert {hour.step for hour in costliest_hours(spike, "schedule", 24)} == set(range(12, 24))
    assert costliest_hours(spike, "deterministic") == []


class TooMany(Optimized):
    """Wants half as many machines again as there are in the second hour of its windows."""

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        schedule = super().decide(decision, workshop)
        targets = {name: values.copy() for name, values in schedule.targets.items()}
        for values in targets.values():
            values[..., 1] *= 1.5
        return Schedule(targets, schedule.expected, schedule.expected_profit)


def test_what_was_not_done_stands_at_its_step_of_the_whole_time(tmp_path: Path) -> None:
    """Proves: the second hour of each of four windows is step 1, 7, 13 and 19 of the day, 1500 machines wanted and
    1000 run. Sensitivity: steps counted from each window's start would all be 1."""
    found = backtest(write_case(tmp_path, [100.0] * 24), START, END, policies=[TooMany("own", recourse=False)])
    record = found.not_done("own")
    assert record["window"].tolist() == [0, 1, 2, 3]
    assert record["step"].tolist() == [1, 7, 13, 19]
    assert record["planned"].to_numpy() == pytest.approx(1500.0)
    assert record["done"].to_numpy() == pytest.approx(1000.0)
    assert found.table["not_done"]["own"] == 4
    nothing = found.not_done("always_on")
    assert list(nothing) == list(record)
    assert nothing.empty


def test_capture_by_month(tmp_path: Path) -> None:
    """Proves: months are those of the local clock. Of a day of UTC, six hours are August in Denver, none of them dear:
    nothing is to be had there, and there is no number; in September the strike price captures all, who does not react
    nothing. Sensitivity: by UTC all would be September."""
    file = write_case(tmp_path, [100.0] * 7 + [200.0] * 17, settings={"every": "12h"})
    text = file.read_text().replace("2024-08-20T00:00", "2024-08-31T18:00")
    case = yaml.safe_load(text)
    case["horizon"]["timezone"] = "America/Denver"
    file.write_text(yaml.safe_dump(case))
    table = pd.read_csv(tmp_path / "m.csv", parse_dates=["time"])
    table["time"] += pd.Timedelta(days=12)
    table.to_csv(tmp_path / "m.csv", index=False)
    found = backtest(file, "2024-08-31T18:00", "2024-09-01T18:00", policies=["schedule", "strike_price"])
    captured = found.monthly_capture
    assert list(captured.index) == ["2024-08", "2024-09"]
    assert captured["strike_price"].isna().tolist() == [True, False]
    assert captured["strike_price"]["2024-09"] == pytest.approx(1.0)
    assert captured["schedule"]["2024-09"] == pytest.approx(0.0)
    assert found.monthly["perfect_foresight"].to_dict() == pytest.approx({"2024-08": 300.0, "2024-09": 50.0})
