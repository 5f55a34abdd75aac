"""Demand response: commitment, performance, penalty and the budget of event hours, on cases worked by hand.

At a price of 10 a fleet of 3.5 MW earns 365 an hour, 104.29 per MW.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from small_case import (
    START,
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
from optimizer.load_reading import LoadReading


def programme(events: Any, baseline: Any, **fields: Any) -> dict[str, Any]:
    return {"kind": "demand_response", "name": "dr", "events": events, "baseline_mw": baseline} | fields


def campus(steps: int, contract: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return site_case(steps=steps, contracts=[spot(10), contract], assets=[fleet()], **more)


def flat(load: Any, contract: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A load that nothing can change, at free energy."""
    steps = len(load[0]) if isinstance(load[0], list) else len(load)
    return site_case(steps=steps, contracts=[spot(0), contract], house_load_mw=load, **more)


@pytest.mark.parametrize(("availability", "committed", "earned"), [(27, 0, 730), (28, 3.5, 365 + 3.5 * 106)])
def test_as_much_is_committed_as_pays(availability: float, committed: float, earned: float) -> None:
    """Proves: a MW brings its availability in two hours and 50 in the event, and costs 104.29: from 27.14 on it is
    committed. Sensitivity: availability of the event hour alone would need 54.29, and none of it 104.29."""
    contract = programme([0, 1], 3.5, max_mw=9, availability_per_mw_h=availability, energy_per_mwh=50)
    plan = solved(campus(2, contract | {"penalty_per_mwh": 200}))
    assert series(plan, "committed_mw", "dr") == pytest.approx([committed] * 2)
    assert series(plan, "reduction_mw", "dr") == pytest.approx([0, committed])
    assert plan.expected_profit == pytest.approx(earned)
    assert unnoticed(plan, "dr") == []


def test_a_commitment_lies_between_its_limits() -> None:
    """Proves: at least 1 MW is committed although it does not pay, at most 2 of the 3.5 MW that would."""
    plan = solved(campus(2, programme([0, 1], 3.5, min_mw=1, max_mw=2, penalty_per_mwh=200)))
    assert plan.expected_profit == pytest.approx(730 - 365 / 3.5)
    plan = solved(campus(2, programme([0, 1], 3.5, max_mw=2, availability_per_mw_h=100)))
    assert series(plan, "committed_mw", "dr") == pytest.approx([2, 2])


@pytest.mark.parametrize(("penalty", "short", "cost"), [(100, 2, 200), (110, 0, 2 * 365 / 3.5)])
def test_a_shortfall_is_taken_where_it_is_cheaper(penalty: float, short: float, cost: float) -> None:
    """Proves: of 2 MW committed nothing is reduced for a penalty of 100 per MWh, everything for one of 110.
    Sensitivity: without the penalty line nothing would ever be reduced, at no cost."""
    plan = solved(campus(1, programme(1, 3.5, committed_mw=2, penalty_per_mwh=penalty)))
    assert series(plan, "short_mw", "dr") == pytest.approx([short])
    assert plan.expected_profit == pytest.approx(365 - cost)
    assert booked(plan, "dr_penalty") == pytest.approx(-penalty * short)


@pytest.mark.parametrize(("pay_above", "paid"), [(False, 1), (True, 3.5)])
def test_more_than_the_commitment_is_paid_only_if_the_programme_says_so(pay_above: bool, paid: float) -> None:
    """Proves: at 120 per MWh the fleet stands still for what is paid. Sensitivity: paid without a cap 420 in both."""
    plan = solved(campus(1, programme(1, 3.5, committed_mw=1, energy_per_mwh=120, pay_above=pay_above)))
    assert series(plan, "reduction_mw", "dr") == pytest.approx([paid])
    assert booked(plan, "dr_performance") == pytest.approx(120 * paid)
    assert unnoticed(plan, "dr") == []


@pytest.mark.parametrize(("pay_above", "paid"), [(False, 2), (True, 3)])
def test_a_fixed_load_performs_as_it_is_metered(pay_above: bool, paid: float) -> None:
    """Proves: baseline 4, loads 1 and 5, 2 MW committed: reduced by 3 (paid 2, or 3), and by 0: 2 short, not 3.
    Sensitivity: a reduction of -1 would be charged 60 for the energy, and 90 MW of penalty instead of 60."""
    contract = programme(1, 4, committed_mw=2, energy_per_mwh=60, penalty_per_mwh=30, pay_above=pay_above)
    plan = solved(flat([1, 5], contract))
    assert series(plan, "reduction_mw", "dr") == pytest.approx([3, 0])
    assert series(plan, "short_mw", "dr") == pytest.approx([0, 2])
    assert booked(plan, "dr_performance") == pytest.approx(60 * paid)
    assert booked(plan, "dr_penalty") == pytest.approx(-60)
    assert unnoticed(plan, "dr") == []


@pytest.mark.parametrize(("paid", "power"), [(100, 3.5), (200, 3.5), (300, 0.0)])
def test_a_load_above_the_baseline_is_reduced_only_if_all_of_it_pays(paid: float, power: float) -> None:
    """Proves: from 3.5 MW to a baseline of 1 MW nothing is paid, below it 1 MWh at the most: for 100 or 200 it is not
    worth the 365, for 300 and a penalty of 100 it is. Sensitivity: without the binary the programme would pay for every
    MW above the baseline too (less than nothing), or for 1 MW at full power."""
    plan = solved(campus(1, programme(1, 1, committed_mw=1, energy_per_mwh=paid, penalty_per_mwh=100)))
    assert series(plan, "power_mw", "m") == pytest.approx([power])
    assert plan.expected_profit == pytest.approx(365 - 100 if power else paid)
    assert unnoticed(plan, "dr") == []


def test_between_baseline_and_full_power_nothing_counts() -> None:
    """Proves: with 2 of 3.5 MW that cannot be reduced, 1.5 MW run above a baseline of 2, whatever is paid below it."""
    contract = programme(1, 2, committed_mw=1, energy_per_mwh=900, penalty_per_mwh=100)
    plan = solved(site_case(steps=1, contracts=[spot(10), contract], assets=[fleet()], house_load_mw=2))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5])
    assert plan.expected_profit == pytest.approx(365 - 20 - 100)


def test_performance_is_metered_where_nothing_is_paid_for_it_too() -> None:
    """Proves: at a price of 200 the fleet stands still, and 1 MW below the baseline is reported. Sensitivity: where no
    money hangs on it, a binary that is only pushed by prices would as well say 0."""
    contract = programme(1, 1, committed_mw=1, availability_per_mw_h=5)
    plan = solved(site_case(steps=1, contracts=[spot(200), contract], assets=[fleet()]))
    assert series(plan, "reduction_mw", "dr") == [1]
    assert series(plan, "short_mw", "dr") == [0]


def test_one_commitment_is_made_for_all_members() -> None:
    """Proves: the event comes with a probability of 1/2. A MW brings 45 in availability and costs 104.29 in the event,
    half of the time: committed, 365 + 3.5 * (45 - 52.14 + 10). Sensitivity: decided by member, the one without the
    event would commit and the other not."""
    contract = programme([[0], [1]], 3.5, max_mw=3.5, availability_per_mw_h=45, energy_per_mwh=20, penalty_per_mwh=500)
    plan = solved(campus(1, contract, probabilities=[0.5, 0.5]))
    assert by_member(plan, "committed_mw", "dr") == pytest.approx(np.array([[3.5], [3.5]]))
    assert by_member(plan, "power_mw", "m") == pytest.approx(np.array([[3.5], [0]]))
    assert plan.expected_profit == pytest.approx(365 + 3.5 * (45 + 10) - 365 / 2)
    assert unnoticed(plan, "dr") == []


def test_a_good_member_is_billed_as_it_is_whatever_the_weight_of_risk() -> None:
    """Proves: with all weight on the worse half, the other member's reduction is still that of its meter."""
    contract = programme(1, [[4], [2]], committed_mw=1, energy_per_mwh=60, penalty_per_mwh=30)
    case = flat([[1], [3]], contract, probabilities=[0.5, 0.5]) | {"risk": {"weight": 1.0, "cvar_alpha": 0.5}}
    plan = solved(case)
    assert by_member(plan, "reduction_mw", "dr") == [[3], [0]]
    assert plan.expected_profit == pytest.approx(0.5 * 60 - 0.5 * 30)


def test_availability_is_paid_in_the_hours_of_the_programme() -> None:
    """Proves: 2 of 4 hours at 5 for 2 MW. Sensitivity: always 40."""
    contract = programme(0, 4, committed_mw=2, availability_per_mw_h=5, window={"hours": [1, 3]})
    plan = solved(flat([4] * 4, contract))
    assert plan.money["dr", "dr_availability"][0].tolist() == pytest.approx([0, 10, 10, 0])


def test_payments_count_energy_and_hours_and_not_steps() -> None:
    """Proves: half an hour at 40 for the 2 MW offered, 60 for the 1 MW reduced and 30 for the 1 MW short. Sensitivity:
    by step twice as much."""
    contract = programme(1, 2, committed_mw=2, availability_per_mw_h=40, energy_per_mwh=60, penalty_per_mwh=30)
    assert profit(flat([1], contract, step="30min")) == pytest.approx(40 + 30 - 15)


# ---------------------------------------------------------------------- hours of events
@pytest.mark.parametrize(
    ("hours", "fields", "members", "words"),
    [
        (1.5, {}, None, "2 h of events are called in 2024; must be at most 1.5 h in all (max_event_hours)"),
        (0.5, {"max_event_hours_per": "month"}, None, "1 h of events are called in 2024-06; must be at most 0.5 h"),
        (1, {"events": [[1, 0], [1, 1]]}, [0.5, 0.5], "2 h of events are called in 2024 of member 1"),
    ],
)
def test_events_above_the_budget_are_refused(
    hours: float, fields: dict[str, Any], members: list[float] | None, words: str
) -> None:
    contract = programme([1, 1], 4, committed_mw=2, max_event_hours=hours) | fields
    text = refusals(flat([4, 4], contract, start="2024-06-30T23:00", probabilities=members))
    assert "contracts[1].events" in text
    assert words in text


def test_two_runs_in_a_row_share_the_budget_and_book_what_one_long_run_books() -> None:
    """Proves: two events of an hour fill a budget of 2 h; a third one in the second run would be one too many.
    Sensitivity: a budget that starts afresh would allow it."""
    loads, events = [4, 1, 4, 2], [0, 1, 0, 1]

    def case(first: int, end: int) -> dict[str, Any]:
        contract = programme(events[first:end], 4, committed_mw=2, energy_per_mwh=60, availability_per_mw_h=3)
        return flat(loads[first:end], contract | {"max_event_hours": 2}, start=start_of(first))

    runs = in_a_row(case, 0, 2, 4)
    assert ledger_of(runs) == ledger_of([solved(case(0, 4))])
    assert [run.summary["carry"]["components"]["dr"]["hours_used"] for run in runs] == [{"2024": 1.0}, {"2024": 2.0}]
    carry = {"at": START, "components": {"dr": {"hours_used": {"2024": 1.5}}}}
    assert "called in 2024, after 1.5 h in earlier runs" in refusals(case(0, 2) | {"carry": carry})


def test_hours_are_carried_by_member() -> None:
    contract = programme([[1, 0], [0, 0]], 4, committed_mw=2)
    plan = solved(flat([4, 4], contract, probabilities=[0.5, 0.5]))
    assert plan.summary["carry"]["components"]["dr"] == {"hours_used": {"2024": [1.0, 0.0]}}


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "must be given either committed_mw, or max_mw"),
        ({"committed_mw": 1, "max_mw": 2}, "must be given either committed_mw, or max_mw"),
        ({"committed_mw": 1, "min_mw": 1}, "min_mw: of no effect with committed_mw"),
        ({"max_mw": 1, "min_mw": 2}, "min_mw 2 exceeds max_mw 1"),
        ({"committed_mw": -1}, "contracts[1].committed_mw"),
        ({"committed_mw": 1, "events": [0, 0.5]}, "events: a 0/1 series, but not at 2024-08-19T01:00"),
        ({"committed_mw": 1, "events": [0, 2]}, "contracts[1].events"),
        ({"committed_mw": 1, "energy_per_mwh": [5, -5]}, "energy_per_mwh: found -5"),
        ({"committed_mw": 1, "penalty_per_mwh": -5}, "contracts[1].penalty_per_mwh"),
        ({"committed_mw": 1, "availability_per_mw_h": -5}, "contracts[1].availability_per_mw_h"),
        ({"committed_mw": 1, "baseline_mw": -5}, "contracts[1].baseline_mw"),
        (
            {"committed_mw": 1, "window": {"hours": [0, 1]}},
            "called outside of the programme's hours, at 2024-08-19T01:00",
        ),
        ({"committed_mw": 1, "window": {"hours": [0.5, 9]}}, "contracts[1].window.hours"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(flat([4, 4], programme([1, 1], 4) | fields))


def test_a_baseline_below_the_commitment_in_an_event_is_a_warning() -> None:
    case = flat([4, 4], programme([0, 1], [0, 1.5], committed_mw=2, penalty_per_mwh=30))
    assert "lower than the commitment of 2 MW in an event, at 2024-08-19T01:00" in warnings_of(case)
    assert profit(case) == pytest.approx(-60)


# ---------------------------------------------------------------------- without a plan
@pytest.mark.parametrize("limits", [{"committed_mw": 2}, {"max_mw": 3}])
def test_a_metered_load_is_billed_for_what_was_committed(limits: dict[str, Any]) -> None:
    """Proves: a commitment that is given is known; one that was decided stands in the schedule of the plan."""
    contract = programme(1, 4, **limits, energy_per_mwh=60, penalty_per_mwh=30, availability_per_mw_h=5)
    part = opt.build(opt.scenario_from_dict(flat([0, 0], contract))).parts.components["dr"]
    meter = {("a", "import_mw"): np.array([[1.0, 5.0]]), ("a", "export_mw"): np.zeros((1, 2))}
    settled = part.component.settled_schedules(LoadReading(part.frame, meter, {}))  # type: ignore[attr-defined]
    assert ("committed_mw" in settled) == ("committed_mw" in limits)
    known = {("dr", "committed_mw"): np.full((1, 2), 2.0)}
    lines = part.component.bill(LoadReading(part.frame, meter, known))  # type: ignore[attr-defined]
    assert {name: line.amounts.tolist() for name, line in lines.items()} == {
        "dr_availability": [[10, 10]],
        "dr_performance": [[120, 0]],
        "dr_penalty": [[0, -60]],
    }
    assert [line.unit for line in lines.values()] == ["MW·h", "MWh", "MWh"]
