"""Demand charge on means over the intervals of a meter, aligned to the local clock."""

from typing import Any

import pytest
from demand_case import billed_kw, charge, cost_of, load_case, peaks_of
from small_case import refusals, series, site_case, solved, spot, unnoticed, warnings_of


def test_demand_is_the_mean_of_an_interval() -> None:
    """Proves: quarters of an hour of 1, 2, 3, 2 MW are a demand of 2 MW, and 4, 0, 0, 0 one of 1 MW. Sensitivity: by
    the step 4 MW are billed, by a mean that moves along 2.75 MW."""
    plan = solved(load_case([1, 2, 3, 2, 4, 0, 0, 0], charge(1, interval="1h"), step="15min"))
    assert billed_kw(plan) == [2000]
    assert series(plan, "demand_mw", "tdu") == [2, 2, 2, 2, 1, 1, 1, 1]
    assert [(p.step, p.load_mw) for p in peaks_of(plan)] == [(2, 2)]
    assert unnoticed(plan, "tdu") == []


@pytest.mark.parametrize(
    ("interval", "billed"), [(None, 4000), ("5min", 4000), ("15min", 4000), ("30min", 2500), ("1h", 2000)]
)
def test_steps_as_long_as_the_interval_are_taken_as_they_are(interval: str | None, billed: float) -> None:
    case = load_case(
        [1, 2, 3, 2, 4, 0, 0, 0], charge(1, **({} if interval is None else {"interval": interval})), step="15min"
    )
    assert cost_of(case) == pytest.approx(billed)


def test_a_battery_moves_load_within_the_interval_for_nothing() -> None:
    """Proves: half hours of 3 and 1 MW are a demand of 2 MW without any battery, and with one: only the hour's energy
    counts, and it must be given back. Sensitivity: by the step a battery would save 1000."""
    battery = {"kind": "battery", "name": "b", "power_mw": 2, "energy_mwh": 4, "throughput_cost_per_mwh": 1}
    case = site_case(
        steps=2,
        step="30min",
        start="2024-08-01T00:00",
        contracts=[spot(0), charge(1, interval="1h")],
        assets=[battery],
        house_load_mw=[3, 1],
    )
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-2000)
    assert series(plan, "discharge_mw", "b") == [0, 0]


@pytest.mark.parametrize(("timezone", "billed"), [("UTC", 3000), ("Asia/Kolkata", 3000)])
def test_intervals_are_aligned_to_the_local_clock(timezone: str, billed: float) -> None:
    """Proves: from half past midnight on, the first interval has one half hour of 3 MW; the next two 1 MW. Sensitivity:
    counted from the start the first hour would be 2 MW; aligned to UTC, India's would too."""
    case = load_case([3, 1, 1], charge(1, interval="1h"), start="2024-08-01T00:30", step="30min", timezone=timezone)
    assert "starts inside an interval, at 00:30" in warnings_of(case)
    case["sites"][0]["contracts"][1]["month_to_date_peak_mw"] = 0
    assert cost_of(case) == pytest.approx(billed)


def test_an_hour_that_the_clock_shows_twice_is_two_intervals() -> None:
    """Proves: on 3 November the hour from 1:00 comes twice in Chicago; 4 and 0 MW in the first are 2 MW. Sensitivity:
    taken together the mean would be 1 MW."""
    case = load_case(
        [0, 0, 4, 0, 0, 0],
        charge(1, interval="1h", month_to_date_peak_mw=0),
        start="2024-11-03T00:00",
        step="30min",
        timezone="America/Chicago",
    )
    assert cost_of(case) == pytest.approx(2000)


@pytest.mark.parametrize(
    ("fields", "step", "start", "words"),
    [
        ({"interval": "15min"}, "10min", "00:00", "do not divide the clock's intervals"),
        ({"interval": "30min"}, "10min", "00:05", "from 00:05 on do not divide"),
        ({"interval": "1h", "window": {"hours": [13.5, 19]}}, "15min", "00:00", "inside an interval of 1h"),
        ({"interval": "2h"}, "15min", "00:00", "must be 5min, 10min, 15min, 30min or 1h"),
    ],
)
def test_steps_and_windows_that_do_not_fit_are_refused(
    fields: dict[str, Any], step: str, start: str, words: str
) -> None:
    assert words in refusals(load_case([1, 1, 1], charge(1, **fields), step=step, start=f"2024-08-01T{start}"))


def test_windows_on_the_edges_of_intervals_are_accepted() -> None:
    """Proves: from 0:30 on the half hours are 1 and 3 MW. Sensitivity: 4000 without the window."""
    contract = charge(1, interval="30min", window={"hours": [0.5, 2]})
    assert cost_of(load_case([4, 4, 1, 1, 3, 3], contract, step="15min")) == pytest.approx(3000)
