"""Elected block: the election by month, take-or-pay, and months that several runs share, worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
)

import optimizer as opt
from optimizer.audit import AuditView, Findings

SEPTEMBER = "2024-09-01T00:00"


def elected(**fields: Any) -> dict[str, Any]:
    """Up to 10 MW at 30."""
    return {"kind": "elected_block", "name": "block", "max_mw": 10, "price_per_mwh": 30} | fields


def september(*contracts: dict[str, Any], steps: int = 1, **fields: Any) -> dict[str, Any]:
    """From the start of a month on, so that it can be elected."""
    return site_case(steps=steps, start=SEPTEMBER, contracts=contracts, **fields)


# ---------------------------------------------------------------------- the election
@pytest.mark.parametrize(
    ("fraction", "spot_price", "power", "cost"), [(1.0, 50, 1, 80), (1.0, 70, 3, 90), (0.5, 50, 3, 67.5)]
)
def test_one_election_serves_all_members(fraction: float, spot_price: float, power: float, cost: float) -> None:
    """Proves: loads of 1 | 3 MW, equally likely. A MW beyond the first costs 30 and saves half of 50: 1 MW is elected,
    30 + 0.5 * 100; it saves half of 70: 3 MW, 90; with half owed, member 1 pays 1.5 of 3 MW: 0.5 * 45 + 0.5 * 90.
    Sensitivity: an election for each member costs 60."""
    case = september(
        elected(take_or_pay_fraction=fraction),
        spot(spot_price),
        house_load_mw=[[1], [3]],
        probabilities=[0.5, 0.5],
    )
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-cost)
    assert by_member(plan, "elected_mw", "block") == [[power], [power]]


@pytest.mark.parametrize(
    ("fields", "power", "cost"),
    [
        ({}, 3, 90),
        ({"max_mw": 2}, 2, 110),
        ({"min_mw": 4}, 4, 120),
        ({"step_mw": 2}, 2, 110),
        ({"step_mw": 2, "min_mw": 3}, 4, 120),
    ],
)
def test_bounds_and_steps_of_the_election(fields: dict[str, Any], power: float, cost: float) -> None:
    """Proves: 3 MW at 30 (take-or-pay in full) or at spot for 50; the election is held in by its terms, and what is
    missing is bought, what is too much paid. Sensitivity: continuous elections cost 90 with step_mw."""
    plan = solved(september(elected(**fields), spot(50), house_load_mw=3))
    assert plan.expected_profit == pytest.approx(-cost)
    assert series(plan, "elected_mw", "block") == [power]


def test_no_more_is_elected_than_is_of_use() -> None:
    """Proves: with nothing owed, any election of 2 MW or more costs the same; the least is shown. Sensitivity: 10."""
    plan = solved(september(elected(take_or_pay_fraction=0), spot(50), house_load_mw=2))
    assert series(plan, "elected_mw", "block") == [2]


def test_an_election_made_before_is_data() -> None:
    """Proves: 2 MW of September, elected before, leave 1 MW to spot: 60 + 50."""
    plan = solved(september(elected(elected_mw={"2024-09": 2}), spot(50), house_load_mw=3))
    assert plan.expected_profit == pytest.approx(-110)


# ---------------------------------------------------------------------- take-or-pay
def test_energy_not_taken_is_paid_at_the_mean_price() -> None:
    """Proves: 2 MW at 40, then 60, load 1, three quarters of 4 MWh owed: 40 + 60 and 1 MWh at 50. Sensitivity: at the
    dearest price 160, without take-or-pay 100."""
    contract = elected(price_per_mwh=[40, 60], elected_mw={"2024-09": 2}, take_or_pay_fraction=0.75)
    plan = solved(september(contract, spot(200), steps=2, house_load_mw=1))
    assert plan.expected_profit == pytest.approx(-150)
    assert booked(plan, "block_shortfall") == pytest.approx(-50)
    assert booked(plan, "block_energy") == pytest.approx(-100)


def test_months_are_elected_and_settled_each_for_itself() -> None:
    """Proves: from 22:00 on 31 August at 50, loads 1, 1, 2, 2, three quarters owed; 2 MW are elected for August, and
    the plan elects as much for September: max(2, 3) + max(4, 3) = 7 MWh. Sensitivity: over the horizon 6 MWh, 300."""
    contract = elected(price_per_mwh=50, elected_mw={"2024-08": 2}, take_or_pay_fraction=0.75)
    case = site_case(steps=4, start="2024-08-31T22:00", contracts=[contract, spot(200)], house_load_mw=[1, 1, 2, 2])
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-350)
    assert series(plan, "elected_mw", "block") == [2, 2, 2, 2]
    ledger = plan.ledger[plan.ledger["line"] == "block_shortfall"]
    assert [str(stamp) for stamp in ledger["time_local"]] == ["2024-08-31 23:00:00+00:00"]


def test_machines_run_on_energy_that_is_owed() -> None:
    """Proves: 3.5 MW are elected at 130, above the break-even of 114.29, because that much is the least; then a MWh
    costs nothing more and the fleet runs: 400 - 455. Sensitivity: priced at 130 it stands, and 455 are paid."""
    case = september(elected(price_per_mwh=130, min_mw=3.5), spot(500), assets=[fleet()])
    assert profit(case) == pytest.approx(-55)


def test_a_shaped_block_counts_the_hours_of_its_window() -> None:
    """Proves: 2 MW at 30 from 6:00 on, load 1 from 5:00 to 8:00, spot at 200: 200 + 4 * 30. Sensitivity: all hours
    count: 180."""
    contract = elected(elected_mw={"2024-08": 2}, window={"weekdays": "workdays", "hours": [6, 22]})
    plan = solved(site_case(steps=3, start="2024-08-19T05:00", contracts=[contract, spot(200)], house_load_mw=1))
    assert plan.expected_profit == pytest.approx(-320)
    assert series(plan, "delivered_mw", "block") == [0, 1, 1]


# ---------------------------------------------------------------------- runs in a row
def four_hours(first: int, end: int) -> Mapping[str, Any]:
    """The first run is told of 3 MW elected for August; the others know it from the carry."""
    contract = elected(
        price_per_mwh=[40, 60, 50, 30][first:end],
        take_or_pay_fraction=0.8,
        elected_mw={"2024-08": 3} if first == 0 else {},
    )
    return site_case(
        steps=end - first, start=start_of(first), contracts=[contract, spot(200)], house_load_mw=[1, 0, 2, 1][first:end]
    )


@pytest.mark.parametrize("edges", [(0, 1, 4), (0, 2, 4), (0, 3, 4), (0, 1, 2, 3, 4)])
def test_runs_in_a_row_book_what_one_run_books(edges: tuple[int, ...]) -> None:
    """Proves: 12 MWh offered for 540, 4 taken for 170, 5.6 short at 45 = 252, wherever the runs meet. Sensitivity:
    settled run by run, cut in the middle, 3.8 at 50 and 1.8 at 40 are short: 262."""
    plans = in_a_row(four_hours, *edges)
    assert ledger_of(plans) == {"block_energy": -170, "block_shortfall": -252, "spot_energy": 0}
    (states,) = plans[-1].summary["carry"]["components"].values()
    assert {key: by_month["2024-08"] for key, by_month in states.items()} == pytest.approx(
        {"elected_mw": 3, "taken_mwh": 4, "offered_mwh": 12, "offered_value": 540}
    )


def test_a_month_elected_by_one_run_goes_on_in_the_next() -> None:
    """Proves: the first run elects 3 MW of September for its load of 3; the second has to pay them for a load of 1."""

    def case(first: int, end: int) -> Mapping[str, Any]:
        load = [3, 1][first:end]
        return site_case(steps=1, start=start_of(first, SEPTEMBER), contracts=[elected(), spot(50)], house_load_mw=load)

    first, second = in_a_row(case, 0, 1, 2)
    assert series(second, "elected_mw", "block") == [3]
    assert (first.expected_profit, second.expected_profit) == pytest.approx((-90, -90))


def test_what_is_carried_comes_before_the_field() -> None:
    carry = {"at": "2024-08-19T00:00", "components": {"block": {"elected_mw": {"2024-08": 4.0}}}}
    case = site_case(steps=1, contracts=[elected(elected_mw={"2024-08": 3}), spot(50)], house_load_mw=2)
    assert profit(case | {"carry": carry}) == pytest.approx(-120)


# ---------------------------------------------------------------------- what a further MWh costs
@pytest.mark.parametrize(
    ("fields", "lowest"),
    [
        ({}, [-10, 10]),
        ({"elected_mw": {"2024-09": 2}}, [-10, 10]),
        ({"take_or_pay_fraction": 0}, [40, 60]),
        ({"elected_mw": {"2024-09": 0}}, [float("inf")] * 2),
        ({"window": {"hours": [1, 2]}}, [float("inf"), 0]),
    ],
)
def test_lowest_price_of_a_further_mwh(fields: dict[str, Any], lowest: list[float]) -> None:
    """Proves: it is the price less the shortfall saved, at the mean of 50; nothing where nothing can be taken."""
    case = september(elected(price_per_mwh=[40, 60], **fields), spot(200), steps=2)
    frame = opt.build(opt.scenario_from_dict(case)).parts.components["block"].frame
    assert frame.part.component.lowest_buy_price(frame)[0].tolist() == pytest.approx(lowest)  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- what is wrong
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"min_mw": 12}, "min_mw 12 exceeds max_mw 10"),
        ({"min_mw": 7, "step_mw": 6}, "no multiple of step_mw 6 lies within 7 to 10 MW"),
        ({"step_mw": 0}, "contracts[0].step_mw"),
        ({"max_mw": None}, "contracts[0].max_mw"),
        ({"price_per_mwh": -1}, "contracts[0].price_per_mwh"),
        ({"take_or_pay_fraction": 1.5}, "contracts[0].take_or_pay_fraction"),
        ({"elected_mw": {"2024-09": 11}}, "contracts[0].elected_mw.2024-09: found 11.0; must be within 0 to 10 MW"),
        ({"elected_mw": {"2024-13": 1}}, "contracts[0].elected_mw.2024-13: is no month"),
        ({"elected_mw": {"september": 1}}, "is no month"),
        ({"elected_mw": {"2024-09": 3}, "step_mw": 2}, "must be a multiple of step_mw 2"),
        ({"window": {"hours": [0.5, 2]}}, "contracts[0].window.hours"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(september(elected(**fields), spot(50)))


def test_a_month_that_runs_already_has_to_be_elected() -> None:
    """Proves: on 19 August there is no more choice for August, but there is for September."""
    text = refusals(site_case(steps=2, contracts=[elected(elected_mw={"2024-09": 2}), spot(50)]))
    assert "contracts[0].elected_mw: the month 2024-08 runs already when the horizon starts" in text
    assert "give elected_mw: {2024-08: 20}" in text
    opt.scenario_from_dict(september(elected(), spot(50)))


def test_a_carried_election_is_one_for_all_members() -> None:
    carry = {"at": "2024-08-19T00:00", "components": {"block": {"elected_mw": {"2024-08": [4.0, 5.0]}}}}
    case = site_case(steps=1, contracts=[elected(), spot(50)], probabilities=[0.5, 0.5])
    assert "the carried election of 2024-08 differs by member" in refusals(case | {"carry": carry})


def test_without_hours_in_the_horizon_nothing_is_elected() -> None:
    """Proves: a block of January only is worth nothing in September, and costs nothing: spot for 50."""
    plan = solved(september(elected(window={"months": [1]}), spot(50), house_load_mw=1))
    assert series(plan, "elected_mw", "block") == [0]
    assert plan.expected_profit == pytest.approx(-50)


# ---------------------------------------------------------------------- after the solve
def test_schedules_that_a_bill_need_not_be_told() -> None:
    """Proves: an election that is known for all months is a schedule; one that the plan decides is not."""
    for fields, known in (({"elected_mw": {"2024-09": 2}}, [[2.0, 2.0]]), ({}, None)):
        plan = solved(september(elected(**fields), spot(50), steps=2, house_load_mw=1))
        frame = opt.build(plan.scenario).parts.components["block"].frame
        view = AuditView(frame, plan.dispatch, Findings())
        found = frame.part.component.settled_schedules(view)  # type: ignore[attr-defined]
        assert {key: value.tolist() for key, value in found.items()} == ({} if known is None else {"elected_mw": known})


@pytest.mark.parametrize("fields", [{}, {"step_mw": 2}, {"window": {"hours": [22, 1]}}, {"take_or_pay_fraction": 0}])
def test_the_audit_notices_falsified_results(fields: dict[str, Any]) -> None:
    contract = elected(elected_mw={"2024-08": 2}, **fields)
    case = site_case(steps=4, start="2024-08-31T22:00", contracts=[contract, spot(45)], house_load_mw=[1, 3, 3, 1])
    assert unnoticed(solved(case), "block") == []
