"""The most starts of a day, for machines and for generators, worked by hand.

1000 machines earn 400 an hour for 3.5 MW: an hour at a price of 50 brings 225, one at 150 loses 125. Resting through an
hour at 150 saves 0.125 per machine and takes one start.
"""

from typing import Any

import pytest
from small_case import fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

PRICES = [50, 150, 50, 150, 50]
TWO_MODES = [{"name": "eco", "hash_th_s": 100, "power_w": 1500}, {"name": "high", "hash_th_s": 200, "power_w": 3500}]


def case(start: str = "2024-08-19T06:00", **fields: Any) -> dict[str, Any]:
    assets = [fleet(running_before=1000, **fields)]
    return site_case(steps=5, start=start, timezone="America/Chicago", contracts=[spot(PRICES)], assets=assets)


@pytest.mark.parametrize(
    ("most", "earned"), [(None, 675), (0.0, 425), (0.5, 487.5), (1.0, 550), (1.5, 612.5), (2.0, 675)]
)
def test_starts_of_a_day_are_limited(most: float | None, earned: float) -> None:
    """Proves: running through both hours at 150 leaves 675 - 250; each start saves 0.125, and there are `most` per
    machine. Sensitivity: without the rule 675."""
    assert profit(case(max_starts_per_day=most)) == pytest.approx(earned)


def test_days_are_calendar_days_in_local_time() -> None:
    """Proves: from 21:00 on the starts fall on 23:00 and on 01:00, one a day: 675. Sensitivity: with days in UTC, or
    one allowance for the horizon, 550."""
    plan = solved(case("2024-08-19T21:00", max_starts_per_day=1.0))
    assert plan.expected_profit == pytest.approx(675)
    assert series(plan, "started", "m") == pytest.approx([0, 0, 1000, 0, 1000])


@pytest.mark.parametrize(("before", "earned"), [(0.0, 550), (600.0, 475), (1000.0, 425), (2000.0, 425)])
def test_starts_before_the_horizon_count_on_the_first_day(before: float, earned: float) -> None:
    """Proves: 400 of 1000 starts are left: 425 + 50. Sensitivity: without them 550."""
    assert profit(case(max_starts_per_day=1.0, starts_before=before)) == pytest.approx(earned)


def test_starts_before_the_horizon_count_on_no_other_day() -> None:
    """Proves: all of the first day's starts are used up, the second day has its own: 550. Sensitivity: taken off both
    425."""
    assert profit(case("2024-08-19T21:00", max_starts_per_day=1.0, starts_before=1000.0)) == pytest.approx(550)


def test_a_day_ahead_commitment_counts_its_starts_once() -> None:
    """Proves: with one plan for two members, 1000 starts in all: 550 in both. Sensitivity: shared among the members
    487.5."""
    data = case(max_starts_per_day=1.0, commit="day_ahead")
    data["ensemble"] = {"members": 2, "probabilities": [0.5, 0.5]}
    assert profit(data) == pytest.approx(550)


def test_a_generator_obeys_it_too() -> None:
    """Proves: 2 MW of load at 20 and 60 in turn cost 480 from the grid; an engine at 45 that cannot throttle saves 30
    in an hour at 60 and loses 50 in one at 20, so each start saves 30: 390 without a limit, 450 and 420 with one and
    two. Sensitivity: 390 where generators do not obey it."""
    engine = {
        "kind": "generator",
        "name": "gen",
        "unit_mw": 2.0,
        "heat_rate_gj_per_mwh": 9.0,
        "fuel_price_per_gj": 5.0,
        "min_load": 1.0,
        "running_before": 0,
    }
    for limit, cost in (({}, 390), ({"max_starts_per_day": 1.0}, 450), ({"max_starts_per_day": 2.0}, 420)):
        data = site_case(steps=6, contracts=[spot([20, 60] * 3)], assets=[engine | limit], house_load_mw=2)
        assert profit(data) == pytest.approx(-cost)


def test_the_audit_notices_falsified_starts() -> None:
    assert unnoticed(solved(case(max_starts_per_day=1.0, modes=TWO_MODES)), "m") == []


def test_odd_and_bad_fields() -> None:
    assert "has no effect without max_starts_per_day" in warnings_of(case(starts_before=5.0))
    text = warnings_of(case(max_starts_per_day=1.0, starts_before=1001.0))
    assert "more starts than max_starts_per_day allows: none is left on the first day" in text
    assert "max_starts_per_day: found -1; must be at least 0" in refusals(case(max_starts_per_day=-1))
    assert warnings_of(case(max_starts_per_day=1.0, starts_before=1000.0)) == ""
