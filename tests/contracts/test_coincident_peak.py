"""Coincident peaks by probability and by a signal, and the budget of avoided hours, on cases worked by hand.

At a price of 10 a fleet of 3.5 MW earns 365 an hour.
"""

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
from optimizer.load_reading import LoadReading

JUNE = "2024-06-01T00:00"
FOUR_CP = {"months": [6, 7, 8, 9], "peaks_per_month": 1}
FIVE_CP = {"months": [6, 7, 8, 9], "top": 5}


def peak(rate: float, **fields: Any) -> dict[str, Any]:
    rule = {"rule": FOUR_CP} if "probability" in fields or "signal" in fields else {}
    return {"kind": "coincident_peak", "name": "cp", "rate_per_kw": rate} | rule | fields


def flat(steps: int, contract: Mapping[str, Any], load: Any = 1, **more: Any) -> dict[str, Any]:
    """A load that nothing can change, at free energy."""
    return site_case(steps=steps, contracts=[spot(0), contract], house_load_mw=load, **({"start": JUNE} | more))


def campus(steps: int, contract: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return site_case(steps=steps, contracts=[spot(10), contract], assets=[fleet()], **({"start": JUNE} | more))


# ---------------------------------------------------------------------- probabilities
@pytest.mark.parametrize(("rule", "cost"), [(FOUR_CP, 3000), (FIVE_CP, 2400), ({"peaks_per_month": 2}, 500)])
def test_each_kw_of_a_possible_peak_is_charged_at_its_probability(rule: dict[str, Any], cost: float) -> None:
    """Proves: 40 per kW over n peaks, 1 MW with 0.1 and 0.2: 40 / n * 300 kW, with n = 4, 5 and 24. Sensitivity:
    without dividing by n 12,000; the likeliest hour alone would be 2000 of the 3000."""
    plan = solved(flat(3, peak(40, probability=[0, 0.1, 0.2], rule=rule)))
    assert booked(plan, "cp_coincident_peak") == pytest.approx(-cost)


def test_machines_run_where_they_earn_more_than_the_expected_charge() -> None:
    """Proves: at 1 per kW and peak, 3500 kW cost 350 with a probability of 0.1 and 385 with 0.11, and earn 365.
    Sensitivity: a plan that is charged afterwards runs in both and loses 5 of the 15."""
    plan = solved(campus(2, peak(4, probability=[0.1, 0.11])))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0])
    assert plan.expected_profit == pytest.approx(15)
    assert series(plan, "charged_mw", "cp") == pytest.approx([3.5, 0])


def test_each_member_avoids_the_peak_of_its_own() -> None:
    """Proves: the peak may be in hour 1 or 2, each member stays away from its own: 365. Sensitivity: with the mean
    probability of 0.1 both would run in both hours: 30."""
    plan = solved(campus(2, peak(4, probability=[[0.2, 0], [0, 0.2]]), probabilities=[0.5, 0.5]))
    assert by_member(plan, "power_mw", "m") == pytest.approx(np.array([[0, 3.5], [3.5, 0]]))
    assert plan.expected_profit == pytest.approx(365)
    assert unnoticed(plan, "cp") == []


def test_a_probability_is_one_of_the_step_whatever_its_length() -> None:
    """Proves: four quarters of an hour with 0.05 each are an hour with 0.2: 40 / 4 * 200. Sensitivity: as energy it
    would be 500."""
    assert profit(flat(4, peak(40, probability=0.05), step="15min")) == pytest.approx(-2000)


def test_a_charge_of_next_year_counts_at_its_discounted_rate() -> None:
    """Proves: 3000 / 1.25. Sensitivity: in full 3000."""
    later = peak(40, probability=[0.1, 0.2], paid_next_year=True, discount_rate=0.25)
    assert profit(flat(2, later)) == pytest.approx(-2400)


@pytest.mark.parametrize(("days", "expected"), [(30, 1.0), (30, 0.99), (29, 0.5), (29, 1.01)])
def test_probabilities_add_up_to_the_peaks_of_a_month(days: int, expected: float) -> None:
    """Proves: within 1 % of the one peak for the whole of June; anything up to it for a part."""
    case = flat(days, peak(40, probability=expected / days), step="1d")
    assert profit(case) == pytest.approx(-10_000 * expected)


@pytest.mark.parametrize(
    ("steps", "probability", "rule", "words"),
    [
        (30, 0.9 / 30, FOUR_CP, "add up to 0.9 in 2024-06; must be 1, its peaks, as the horizon covers it whole"),
        (29, 1.1 / 29, FOUR_CP, "add up to 1.1 in 2024-06; must be at most 1, its peaks (within 1%)"),
        (30, 1.1 / 30, FOUR_CP, "must be at most 1, its peaks (within 1%)"),
        (122, 4 / 122, FIVE_CP, "add up to 4 in 2024; must be 5"),
        (31, 1 / 40, FOUR_CP | {"months": [6]}, "outside of the rule's months, at 2024-07-01T00:00"),
        (2, [0.1, 1.5], FOUR_CP, "contracts[1].probability"),
        (2, [[0, 0.1], [0.6, 0.6]], FOUR_CP, "of member 1 add up to 1.2 in 2024-06"),
    ],
)
def test_probabilities_that_the_rule_does_not_allow_are_refused(
    steps: int, probability: Any, rule: dict[str, Any], words: str
) -> None:
    members = [0.5, 0.5] if isinstance(probability, list) and isinstance(probability[0], list) else None
    case = flat(steps, peak(40, probability=probability, rule=rule), step="1d", probabilities=members)
    assert words in refusals(case)


# ---------------------------------------------------------------------- a signal
def test_the_steps_with_the_highest_signal_share_the_peak() -> None:
    """Proves: in June by days, 48 candidate hours are two days of probability 1/2, 10 per kW and peak: 1 and 3 MW in
    them cost 5000 + 15,000. Sensitivity: the highest day alone 30,000; the mean load of June would be 10,667."""
    load, signal = [1.0] * 30, [50.0] * 30
    load[4], signal[4], signal[5] = 3.0, 70.0, 60.0
    plan = solved(flat(30, peak(40, signal=signal, candidate_hours=48), load, step="1d"))
    assert booked(plan, "cp_coincident_peak") == pytest.approx(-20_000)
    assert series(plan, "peak_probability", "cp")[3:7] == [0, 0.5, 0.5, 0]
    assert unnoticed(plan, "cp") == []


@pytest.mark.parametrize(
    ("signal", "fields", "words"),
    [
        (5, {}, "is the same in every step of 2024-06"),
        ([[1, 2], [3, 3]], {}, "is the same in every step of 2024-06 of member 1"),
        ([1, 2], {"candidate_hours": 0.5}, "fewer than there are peaks in a month; found 0.5; must be at least 1 h"),
        ([1, 2], {"candidate_hours": 4, "rule": FIVE_CP}, "peaks in a season; found 4.0; must be at least 5 h"),
        ([1, 2], {"candidate_hours": 0}, "contracts[1].candidate_hours"),
    ],
)
def test_a_signal_that_tells_nothing_is_refused(signal: Any, fields: dict[str, Any], words: str) -> None:
    members = [0.5, 0.5] if isinstance(signal, list) and isinstance(signal[0], list) else None
    case = flat(2, peak(40, **({"signal": signal, "candidate_hours": 4} | fields)), probabilities=members)
    assert words in refusals(case)


def test_a_signal_over_a_small_part_of_a_month_is_a_warning() -> None:
    assert "covers 0% of 2024-06" in warnings_of(flat(2, peak(40, signal=[1, 2], candidate_hours=4)))
    assert "has no step in these months" in warnings_of(flat(2, peak(40, probability=0), start="2024-05-01T00:00"))


# ---------------------------------------------------------------------- fields
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rate_per_kw": 1}, "must be given one of hours, groups, probability and signal; found none of them"),
        ({"rate_per_kw": 1, "hours": [JUNE], "probability": 0}, "found hours and probability"),
        ({"rate_per_kw": 1, "probability": 0}, "with probability must also be given: rule"),
        ({"probability": 0}, "with probability must also be given: rule, rate_per_kw"),
        ({"rate_per_kw": 1, "signal": [1, 2]}, "with signal must also be given: rule, candidate_hours"),
        ({"rate_per_kw": 1, "hours": [JUNE], "rule": FOUR_CP}, "rule: of no effect with hours"),
        ({"rate_per_kw": 1, "probability": 0, "rule": FOUR_CP, "interval": "1h"}, "interval: of no effect"),
        ({"rate_per_kw": 1, "groups": [{"hours": [JUNE]}], "measure": "max"}, "measure: of no effect with groups"),
        ({"groups": [{"hours": [JUNE]}]}, "with groups must also be given: rate_per_kw"),
        ({"rate_per_kw": -1, "hours": [JUNE]}, "contracts[1].rate_per_kw"),
        ({"rate_per_kw": 1, "hours": [JUNE], "discount_rate": 0.1}, "of no effect without paid_next_year"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(flat(2, {"kind": "coincident_peak", "name": "cp"} | fields))


# ---------------------------------------------------------------------- a budget of avoided hours
def avoiding(hours: float, counted: Any, probability: Any, **fields: Any) -> dict[str, Any]:
    """1 per kW and peak."""
    return peak(4, probability=probability, avoid={"hours": hours, "counted_load_mw": counted, **fields})


@pytest.mark.parametrize(
    ("hours", "charged", "cost"),
    [(0, [4, 4, 4], 2400), (1, [4, 1, 4], 1500), (2, [1, 1, 4], 900), (5, [1, 1, 1], 600)],
)
def test_a_reduction_counts_in_so_many_hours_only(hours: float, charged: list[float], cost: float) -> None:
    """Proves: of 4 MW that count, 1 MW is drawn; the likeliest hours are avoided: with one, 800 + 300 + 400.
    Sensitivity: without a budget 600; avoiding the first hour instead of the second 1800."""
    plan = solved(flat(3, avoiding(hours, 4, [0.2, 0.3, 0.1])))
    assert series(plan, "charged_mw", "cp") == pytest.approx(charged)
    assert booked(plan, "cp_coincident_peak") == pytest.approx(-cost)
    assert unnoticed(plan, "cp") == []


def test_a_load_above_the_counted_one_is_charged_as_it_is_and_uses_no_hour() -> None:
    """Proves: 5 MW count although 4 would, and only the hour with 1 MW is avoided. Sensitivity: charging what counts at
    least would be 100 * 4 + 100."""
    plan = solved(flat(2, avoiding(2, 4, 0.1), [5, 1]))
    assert booked(plan, "cp_coincident_peak") == pytest.approx(-600)
    assert plan.summary["carry"]["components"]["cp"] == {"hours_used": {"2024": 1.0}}


@pytest.mark.parametrize(("per", "cost"), [("month", 200), ("year", 500)])
def test_the_budget_is_one_of_the_calendar_period(per: str, cost: float) -> None:
    """Proves: the last hour of June and the first of July, one hour each: both by month, one by year."""
    case = flat(2, avoiding(1, 4, 0.1, per=per), start="2024-06-30T23:00")
    assert profit(case) == pytest.approx(-cost)


def test_the_budget_is_one_of_hours_and_not_of_steps() -> None:
    """Proves: an hour is two of three half hours: 2 * 100 + 400. Sensitivity: one step only, 900."""
    assert profit(flat(3, avoiding(1, 4, 0.1), step="30min")) == pytest.approx(-600)


def test_machines_stand_still_only_where_that_counts() -> None:
    """Proves: with 0.2 and 0.15, a MW costs 200 and 150 and earns 104.29. One hour is avoided; in the other 2 MW count
    whatever is drawn, and so many run: 2 * 104.29 - 300. Sensitivity: without a budget both hours stand still, 0;
    standing still in both, and charged for one, -300; running at full power in one, 365 - 525."""
    plan = solved(campus(2, avoiding(1, 2, [0.2, 0.15])))
    assert series(plan, "power_mw", "m") == pytest.approx([0, 2])
    assert plan.expected_profit == pytest.approx(2 * 365 / 3.5 - 300)


def test_members_avoid_hours_of_their_own_whatever_the_weight_of_risk() -> None:
    """Proves: each member avoids its likelier hour: 0.2 * 4000 + 0.3 * 1000 = 1100. Sensitivity: one decision for both
    would cost 1250 on average. With all weight on the worse half of the members, the other is billed the same."""
    case = flat(2, avoiding(1, 4, [[0.2, 0.3], [0.3, 0.2]]), probabilities=[0.5, 0.5])
    for risk in ({}, {"weight": 1.0, "cvar_alpha": 0.5}):
        plan = solved(case | {"risk": risk})
        assert plan.expected_profit == pytest.approx(-1100)
        assert by_member(plan, "charged_mw", "cp") == pytest.approx(np.array([[4, 1], [1, 4]]))


@pytest.mark.parametrize("probabilities", [[1.0, 0.0], [0.5, 0.5]])
def test_what_is_charged_follows_the_meter_where_it_costs_nothing_too(probabilities: list[float]) -> None:
    """Proves: at a rate of 0, or in a member that does not count, the load charged is still the metered one.
    Sensitivity: a variable that is only pushed down by its price could stand anywhere."""
    contract = avoiding(0, 2, [[0.1, 0.1], [0.1, 0.2]]) | ({"rate_per_kw": 0} if probabilities[1] else {})
    plan = solved(campus(2, contract, probabilities=probabilities))
    charged, power = (
        np.array(by_member(plan, variable, of)) for variable, of in (("charged_mw", "cp"), ("power_mw", "m"))
    )
    assert charged == pytest.approx(np.maximum(power, 2))


def test_two_runs_in_a_row_book_what_one_long_run_books() -> None:
    """Proves: the only hour of the year is used in the first run: 300 + 400 * 2 in the second. Sensitivity: a budget
    that starts afresh would let the second run avoid another."""
    probability = [0.3, 0.2, 0.2, 0.1]

    def case(first: int, end: int) -> dict[str, Any]:
        contract = avoiding(1, 4, probability[first:end])
        return flat(end - first, contract, start=start_of(first, JUNE))

    runs = in_a_row(case, 0, 2, 4)
    assert ledger_of(runs) == ledger_of([solved(case(0, 4))])
    assert booked(runs[1], "cp_coincident_peak") == pytest.approx(-1200)
    assert runs[1].summary["carry"]["components"]["cp"] == {"hours_used": {"2024": 1.0}}


@pytest.mark.parametrize(
    ("used", "words"),
    [
        (1, "the carry's hours_used is one number; must be by year, as in {2024: 12}"),
        ({"2024-06": 1}, "the carry's hours_used is not by year"),
        ({"2024": -1}, "must be at least 0 h"),
    ],
)
def test_hours_carried_that_do_not_fit_the_budget_are_refused(used: Any, words: str) -> None:
    carry = {"at": JUNE, "components": {"cp": {"hours_used": used}}}
    assert words in refusals(flat(1, avoiding(1, 4, 0.1)) | {"carry": carry})


def test_more_hours_carried_than_there_are_leave_none() -> None:
    case = flat(1, avoiding(1, 4, 0.1)) | {"carry": {"at": JUNE, "components": {"cp": {"hours_used": {"2024": 2}}}}}
    assert "earlier runs have used 2 h in 2024, so none are left" in warnings_of(case)
    assert profit(case) == pytest.approx(-400)


# ---------------------------------------------------------------------- without a plan
def test_a_metered_load_counts_its_reductions_where_they_are_worth_most() -> None:
    """Proves: reductions of 1, 3 and 2 MW with 0.2, 0.1 and 0.1 are worth 200, 300 and 200; the second is counted.
    Sensitivity: the likeliest hour would be the first."""
    parts = opt.build(opt.scenario_from_dict(flat(3, avoiding(1, 4, [0.2, 0.1, 0.1])))).parts
    meter = {("a", "import_mw"): np.array([[3.0, 1.0, 2.0]]), ("a", "export_mw"): np.zeros((1, 3))}
    frame, contract = parts.components["cp"].frame, parts.components["cp"].component
    settled = contract.settled_schedules(LoadReading(frame, meter, {}))  # type: ignore[attr-defined]
    assert settled["charged_mw"].tolist() == [[4, 1, 4]]
    reading = LoadReading(frame, meter, {("cp", "charged_mw"): settled["charged_mw"]})
    line = contract.bill(reading)["cp_coincident_peak"]  # type: ignore[attr-defined]
    assert line.amounts.tolist() == pytest.approx(np.array([[-800, -100, -400]]))
    assert line.unit == "kW"
    assert line.quantity == pytest.approx(np.array([[200, 25, 100]]))


def test_the_likeliest_steps_are_marked_as_peaks() -> None:
    """Proves: one per month, by member; June's second hour is the likelier one. Steps without a chance are none."""
    plan = solved(
        flat(4, peak(40, probability=[[0.1, 0.2, 0, 0], [0.3, 0.2, 0.4, 0]]), [1, 2, 3, 4], start="2024-06-30T22:00")
        | {"ensemble": {"members": 2}}
    )
    parts = opt.build(plan.scenario).parts
    contract, frame = parts.components["cp"].component, parts.components["cp"].frame
    meter = {("a", "import_mw"): np.array([[1.0, 2, 3, 4]] * 2), ("a", "export_mw"): np.zeros((2, 4))}
    found = contract.peaks_mw(LoadReading(frame, meter, {}))  # type: ignore[attr-defined]
    assert [(p.member, p.step, p.load_mw) for p in found] == [(0, 1, 2.0), (1, 0, 1.0), (1, 2, 3.0)]
    assert found[0].words == "cp: peak of 2024-06 with a probability of 20%"
