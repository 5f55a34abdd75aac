"""Interruptible supply: called hours, notice, penalty and the budget of calls, on cases worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from small_case import (
    booked,
    by_member,
    fleet,
    profit,
    refusals,
    series,
    site_case,
    solved,
    spot,
    unnoticed,
    warnings_of,
)

import optimizer as opt


def interruptible(called: Any, **fields: Any) -> dict[str, Any]:
    """Energy at 20 less what is called away."""
    return {"kind": "interruptible_supply", "name": "int", "price_per_mwh": 20, "called": called} | fields


def lowest_price(case: dict[str, Any]) -> list[float]:
    frame = opt.build(opt.scenario_from_dict(case)).parts.components["int"].frame
    return [float(v) for v in frame.part.component.lowest_buy_price(frame)[0]]  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- called hours
def test_without_a_penalty_called_hours_are_forbidden() -> None:
    """Proves: 3 MW at 20, but in the called hour from spot at 200: 60 + 600 + 60. Sensitivity: calls not heeded 180."""
    plan = solved(site_case(steps=3, contracts=[interruptible([0, 1, 0]), spot(200)], house_load_mw=3))
    assert plan.expected_profit == pytest.approx(-720)
    assert series(plan, "delivered_mw", "int") == [3, 0, 3]
    assert "int_penalty" not in plan.summary["ledger"]


def test_firm_power_may_be_taken_in_called_hours() -> None:
    """Proves: 1 MW of the 3 stays: 60 + 20 + 2 * 200 = 480. Sensitivity: without firm_mw 660."""
    case = site_case(steps=2, contracts=[interruptible([0, 1], firm_mw=1), spot(200)], house_load_mw=3)
    assert profit(case) == pytest.approx(-480)


@pytest.mark.parametrize(("penalty", "cost", "beyond"), [(100, 320, 2), (180, 480, 2), (250, 480, 0)])
def test_the_penalty_is_paid_per_mwh_beyond_what_is_firm(penalty: float, cost: float, beyond: float) -> None:
    """Proves: in the called hour the 2 MW beyond firm cost 20 + penalty here or 200 at spot: at 100, 3 * 20 + 200;
    both hours 60 + 260 = 320; at 180 they cost the same as spot; at 250 spot is cheaper: 60 + 20 + 400 = 480.
    Sensitivity: a penalty on all 3 MW makes the first 420."""
    contract = interruptible([0, 1], firm_mw=1, penalty_per_mwh=penalty)
    plan = solved(site_case(steps=2, contracts=[contract, spot(200)], house_load_mw=3))
    assert plan.expected_profit == pytest.approx(-cost)
    if penalty != 180:
        assert series(plan, "excess_mw", "int") == [0, beyond]
        assert booked(plan, "int_penalty") == pytest.approx(-penalty * beyond)


def test_machines_stop_when_the_call_costs_more_than_they_earn() -> None:
    """Proves: 3.5 MW earn 400 and cost 70, so the fleet runs uncalled for 330; called, 95 more per MWh are 332.5: it
    stops. Sensitivity: a penalty booked but not felt by the schedule gives 660 - 332.5."""
    case = site_case(steps=2, contracts=[interruptible([0, 1], penalty_per_mwh=95)], assets=[fleet()])
    assert profit(case) == pytest.approx(330)


def test_price_adder_and_limit() -> None:
    """Proves: 2 of 3 MW at 20 + 5, 1 at 200, for half an hour: 125. Sensitivity: without the step's length 250."""
    contract = interruptible(0, adder_per_mwh=5, limit_mw=2)
    assert profit(site_case(steps=1, step="30min", contracts=[contract, spot(200)], house_load_mw=3)) == -125


def test_calls_may_differ_by_member() -> None:
    """Proves: 1 MW; the first member is called in hour 1, the second never: 0.25 * 220 + 0.75 * 40 = 85.
    Sensitivity: the first member's calls for both cost 220."""
    case = site_case(
        steps=2, contracts=[interruptible([[1, 0], [0, 0]]), spot(200)], house_load_mw=1, probabilities=[0.25, 0.75]
    )
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-85)
    assert by_member(plan, "delivered_mw", "int") == [[0, 1], [1, 1]]


# ---------------------------------------------------------------------- notice
def test_the_first_hours_of_each_call_are_free_of_the_penalty() -> None:
    """Proves: calls of 2 and 1 hours with an hour's notice: only the second hour of the first call is fined, 1 MWh at
    50: 6 * 20 + 50. Sensitivity: no notice fines 3 hours (270), one notice for all calls 2 hours (220)."""
    contract = interruptible([0, 1, 1, 0, 1, 0], notice_hours=1, penalty_per_mwh=50)
    plan = solved(site_case(steps=6, contracts=[contract], house_load_mw=1))
    assert plan.expected_profit == pytest.approx(-170)
    assert series(plan, "excess_mw", "int") == [0, 0, 1, 0, 0, 0]


def test_notice_that_ends_within_a_step_fines_the_rest_of_it() -> None:
    """Proves: 90 minutes of notice leave half of the second called hour to be fined: 2 * 20 + 25. Sensitivity: whole
    steps only give 40 or 90."""
    contract = interruptible(1, notice_hours=1.5, penalty_per_mwh=50)
    assert profit(site_case(steps=2, contracts=[contract], house_load_mw=1)) == pytest.approx(-65)


def test_a_forbidden_step_is_forbidden_from_where_the_call_is_in_force() -> None:
    """Proves: with 90 minutes of notice the second hour, half of which is in force, is bought at 200: 220."""
    case = site_case(steps=2, contracts=[interruptible(1, notice_hours=1.5), spot(200)], house_load_mw=1)
    assert profit(case) == pytest.approx(-220)


# ---------------------------------------------------------------------- runs in a row
def calls(first: int, end: int, **fields: Any) -> Mapping[str, Any]:
    """1 MW under a call from hour 2 to 5, with 3 hours' notice."""
    contract = interruptible([0, 0, 1, 1, 1, 1, 0, 1][first:end], notice_hours=3, penalty_per_mwh=50, **fields)
    return site_case(steps=end - first, start=start_of(first), contracts=[contract], house_load_mw=1)


@pytest.mark.parametrize("cut", [2, 3, 4, 5, 6, 7])
def test_runs_in_a_row_book_what_one_run_books(cut: int) -> None:
    """Proves: of the call's 4 hours only the last is fined, wherever the runs meet. Sensitivity: notice that starts
    anew in the second run makes it free, and calls a fine of 50 none."""
    whole = ledger_of(in_a_row(calls, 0, 8))
    assert whole == {"int_energy": -160, "int_penalty": -50}
    assert ledger_of(in_a_row(calls, 0, cut, 8)) == whole


def test_hours_called_are_carried_by_budget_period() -> None:
    """Proves: 5 hours of the year are called in all, 2 of them in the first run; a run without budget carries none."""
    first, second = in_a_row(lambda a, b: calls(a, b, max_called_hours=5), 0, 4, 8)
    assert first.summary["carry"]["components"]["int"] == {"called_hours": {"2024": 2.0}, "call_running_hours": 2.0}
    assert second.summary["carry"]["components"]["int"] == {"called_hours": {"2024": 5.0}, "call_running_hours": 1.0}
    assert "int" not in solved(site_case(steps=1, contracts=[interruptible(0)])).summary["carry"]["components"]


# ---------------------------------------------------------------------- budget
def test_calls_above_the_budget_are_refused_with_where_and_how_many() -> None:
    text = refusals(site_case(steps=4, contracts=[interruptible([1, 0, 1, 1], max_called_hours=2)]))
    assert "contracts[0].called: 3 h are called in 2024" in text
    assert "above the budget from 2024-08-19T03:00" in text
    assert "at most 2 h (max_called_hours)" in text
    opt.scenario_from_dict(site_case(steps=4, contracts=[interruptible([1, 0, 1, 1], max_called_hours=3)]))


def test_calls_before_the_horizon_count() -> None:
    """Proves: with 2 hours carried the second called hour is one too many; those of last year do not count."""
    case = site_case(steps=2, contracts=[interruptible(1, max_called_hours=3), spot(200)])
    carried = {"int": {"called_hours": {"2024": 2.0}}}
    text = refusals(case | {"carry": {"at": "2024-08-19T00:00", "components": carried}})
    assert "4 h are called in 2024 (2 h of them before the horizon)" in text
    assert "from 2024-08-19T01:00" in text
    past = {"int": {"called_hours": {"2023": 20.0}}}
    opt.scenario_from_dict(case | {"carry": {"at": "2024-08-19T00:00", "components": past}})


def test_the_budget_holds_in_each_period_and_member() -> None:
    """Proves: 2 hours a day allow two before and two after midnight; the second member's third is told."""
    called = [[1, 1, 1, 1], [0, 1, 1, 1]]
    fields: dict[str, Any] = {"max_called_hours": 2, "budget_period": "day"}
    case: dict[str, Any] = {"steps": 4, "start": "2024-08-19T22:00", "probabilities": [0.5, 0.5]}
    opt.scenario_from_dict(site_case(contracts=[interruptible(called, **fields)], **case))
    fields["budget_period"] = "horizon"
    text = refusals(site_case(contracts=[interruptible(called, **fields)], **case))
    assert "4 h are called in horizon in member 0" in text


# ---------------------------------------------------------------------- what a further MWh costs
@pytest.mark.parametrize(
    ("fields", "lowest"),
    [
        ({}, [20, np.inf]),
        ({"firm_mw": 1}, [20, 20]),
        ({"penalty_per_mwh": 50}, [20, 70]),
        ({"penalty_per_mwh": 50, "firm_mw": [0, 1]}, [20, 20]),
        ({"penalty_per_mwh": 50, "notice_hours": 0.5}, [20, 45]),
        ({"notice_hours": 1}, [20, 20]),
    ],
)
def test_lowest_price_of_a_further_mwh(fields: dict[str, Any], lowest: list[float]) -> None:
    """Proves: called hours cost the penalty too, or deliver nothing, where no firm power is left."""
    assert lowest_price(site_case(steps=2, contracts=[interruptible([0, 1], **fields), spot(200)])) == lowest


@pytest.mark.parametrize(
    ("fields", "most"),
    [({}, [3, 1]), ({"penalty_per_mwh": 50}, [3, 3]), ({"firm_mw": 9}, [3, 3]), ({"limit_mw": None}, [np.inf, 1])],
)
def test_most_that_a_metered_load_can_have_taken(fields: dict[str, Any], most: list[float]) -> None:
    """Proves: up to the limit; while a call is in force without a penalty, up to what is firm."""
    contract = interruptible([0, 1], **({"limit_mw": 3, "firm_mw": 1} | fields))
    frame = opt.build(opt.scenario_from_dict(site_case(steps=2, contracts=[contract]))).parts.components["int"].frame
    assert frame.part.component.most_delivered_mw(frame).tolist() == [most]  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- what is wrong
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"called": [0, 0.5]}, "contracts[0].called: a 0/1 series, but not at 2024-08-19T01:00"),
        ({"called": [0, 2]}, "contracts[0].called"),
        ({"called": [0, True]}, "contracts[0].called"),
        ({"called": None}, "contracts[0].called"),
        ({"notice_hours": -1}, "contracts[0].notice_hours"),
        ({"penalty_per_mwh": -1}, "contracts[0].penalty_per_mwh"),
        ({"firm_mw": -1}, "contracts[0].firm_mw"),
        ({"max_called_hours": -1}, "contracts[0].max_called_hours"),
        ({"budget_period": "week"}, "contracts[0].budget_period"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(site_case(steps=2, contracts=[interruptible(0) | fields]))


def test_a_period_without_a_budget_is_pointed_out() -> None:
    warning = warnings_of(site_case(steps=2, contracts=[interruptible(0, budget_period="day")]))
    assert "budget_period: has no effect without max_called_hours" in warning


def test_a_load_that_cannot_be_interrupted_is_told_in_a_planners_words() -> None:
    case = site_case(steps=2, contracts=[interruptible([0, 1])], house_load_mw=1)
    with pytest.raises(opt.InfeasibleError, match="int: no power beyond firm_mw while a call is in force"):
        opt.optimize(opt.scenario_from_dict(case))


@pytest.mark.parametrize("fields", [{}, {"penalty_per_mwh": 50}, {"penalty_per_mwh": 0, "notice_hours": 0.5}])
def test_the_audit_notices_falsified_results(fields: dict[str, Any]) -> None:
    contracts = [interruptible([0, 1], limit_mw=3, firm_mw=1, **fields), spot(200)]
    assert unnoticed(solved(site_case(steps=2, contracts=contracts, house_load_mw=3)), "int") == []
