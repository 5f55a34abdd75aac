"""Coincident peaks whose hours are known, on cases worked by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from small_case import START, booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt
from optimizer.load_reading import LoadReading

DAY = START[:10]


def at(*hours: int) -> list[str]:
    return [f"{DAY}T{hour:02d}:00" for hour in hours]


def peaks(**fields: Any) -> dict[str, Any]:
    return {"kind": "coincident_peak", "name": "cp"} | fields


def flat(load: Any, contract: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A load that nothing can change, at free energy."""
    steps = len(load[0]) if isinstance(load[0], list) else len(load)
    return site_case(steps=steps, contracts=[spot(0), contract], house_load_mw=load, **more)


def test_a_year_of_one_kw_pays_each_group_once() -> None:
    """Proves: 1 kW flat for 8760 h; hours 1, 2 and 100 at 10 per kW and hours 6000 and 7000 at 5 per kW: 15.
    Sensitivity: charging each hour 40; charging the mean over all hours by one rate would not tell them apart."""
    clock = np.datetime64("2023-01-01T00:00") + np.arange(8760) * np.timedelta64(1, "h")

    def hours(*numbers: int) -> list[str]:
        return [str(clock[number - 1]) for number in numbers]

    groups = [{"hours": hours(1, 2, 100), "rate_per_kw": 10}, {"hours": hours(6000, 7000), "rate_per_kw": 5}]
    plan = solved(flat([0.001] * 8760, peaks(groups=groups), start="2023-01-01T00:00"))
    assert booked(plan, "cp_coincident_peak") == pytest.approx(-15)
    amounts = plan.money["cp", "cp_coincident_peak"][0]
    assert np.flatnonzero(amounts).tolist() == [99, 6999]
    assert plan.summary["carry"]["components"] == {}


@pytest.mark.parametrize(("measure", "cost"), [("max", 30_000), ("mean", 20_000)])
def test_the_highest_or_the_mean_load_of_the_hours_is_charged(measure: str, cost: float) -> None:
    """Proves: 1, 3 and 2 MW at 10 per kW. Sensitivity: the sum would be 60,000, the peak of all hours 90,000."""
    plan = solved(flat([9, 1, 3, 2], peaks(hours=at(1, 2, 3), measure=measure, rate_per_kw=10)))
    assert booked(plan, "cp_coincident_peak") == pytest.approx(-cost)
    assert series(plan, "charged_mw", "cp") == pytest.approx([0, 1, 3, 2])
    assert series(plan, "peak_probability", "cp") == pytest.approx([0, 1, 1, 1])
    assert unnoticed(plan, "cp") == []


def test_groups_have_rates_of_their_own_and_may_end_in_the_same_hour() -> None:
    """Proves: 2 MW at 3 and at the contract's 10 per kW, and half of 2 + 4 MW at 1: 6000 + 20,000 + 3000; booked where
    each ends. Sensitivity: of two amounts in one hour, the second would replace the first."""
    groups = [
        {"hours": at(0, 1), "rate_per_kw": 3},
        {"hours": at(1)},
        {"hours": at(1, 2), "rate_per_kw": 1, "measure": "mean"},
    ]
    plan = solved(flat([1, 2, 4], peaks(rate_per_kw=10, groups=groups)))
    assert plan.money["cp", "cp_coincident_peak"][0].tolist() == pytest.approx([0, -27_000, -2000])


def test_machines_level_out_over_the_hours_of_a_group() -> None:
    """Proves: at 0.2 per kW of the highest hour a MW costs 200 and earns 104.29 in each of two hours: full power in
    both. Sensitivity: charged by hour, neither would pay: 0."""
    contract = peaks(hours=at(0, 1), rate_per_kw=0.2)
    assert profit(site_case(steps=2, contracts=[spot(10), contract], assets=[fleet()])) == pytest.approx(730 - 700)
    contract = peaks(hours=at(0, 1), rate_per_kw=0.2, measure="mean")
    assert profit(site_case(steps=2, contracts=[spot(10), contract], assets=[fleet()])) == pytest.approx(30)


def test_members_have_peaks_of_their_own() -> None:
    """Proves: highest loads of 1 and 3 MW, equally likely: 20,000. Sensitivity: one peak for both 30,000. With all
    weight on the worse member, the other is billed the same."""
    case = flat([[1, 0], [2, 3]], peaks(hours=at(0, 1), rate_per_kw=10), probabilities=[0.5, 0.5])
    assert profit(case) == pytest.approx(-20_000)
    assert profit(case | {"risk": {"weight": 1.0, "cvar_alpha": 0.5}}) == pytest.approx(-20_000)


@pytest.mark.parametrize(("interval", "cost"), [(None, 25_000), ("1h", 25_000), ("30min", 30_000), ("15min", 20_000)])
def test_the_load_of_an_hour_is_the_mean_over_its_steps(interval: str | None, cost: float) -> None:
    """Proves: quarters of 2, 4, 3 and 1 MW from 01:00: their mean over the hour 2.5, over the half hour 3, over the
    first quarter 2. Sensitivity: the highest quarter would be 4 MW."""
    contract = peaks(hours=at(1), rate_per_kw=10, **({} if interval is None else {"interval": interval}))
    assert profit(flat([9, 9, 9, 9, 2, 4, 3, 1], contract, step="15min")) == pytest.approx(-cost)


def test_an_hour_within_a_longer_step_is_charged_at_its_load() -> None:
    contract = peaks(hours=[f"{DAY}T17:00"], rate_per_kw=10)
    assert profit(flat([2, 7], contract, step="1d")) == pytest.approx(-20_000)


def test_hours_outside_of_the_horizon_are_not_billed() -> None:
    """Proves: of a mean over two hours one lies inside: half the rate on its 2 MW. Sensitivity: the mean over the
    hours inside would be 20,000."""
    contract = peaks(hours=[*at(1), "2024-12-01T00:00"], measure="mean", rate_per_kw=10)
    assert profit(flat([1, 2], contract)) == pytest.approx(-10_000)
    outside = flat([1, 2], peaks(hours=["2024-12-01T00:00"], rate_per_kw=10))
    assert "no known hour lies inside the horizon" in warnings_of(outside)
    assert profit(outside) == 0


def test_a_charge_of_next_year_counts_at_its_discounted_rate() -> None:
    """Proves: 10,000 / 1.25. Sensitivity: in full 10,000."""
    assert profit(flat([1], peaks(hours=at(0), rate_per_kw=10, paid_next_year=True, discount_rate=0.25))) == -8000


@pytest.mark.parametrize("measure", ["max", "mean"])
@pytest.mark.parametrize("load", [[2, 0, 5, 1], [5, 0, 2, 1], [[2, 0, 3, 0], [1, 0, 0, 9]]])
def test_two_runs_in_a_row_book_what_one_long_run_books(measure: str, load: Any) -> None:
    """Proves: the second run charges what it adds to the highest load of the first. Sensitivity: from nothing, 5 and
    2 MW would be charged for 7."""
    members = [0.5, 0.5] if isinstance(load[0], list) else None

    def case(first: int, end: int) -> dict[str, Any]:
        part = [row[first:end] for row in load] if members else load[first:end]
        contract = peaks(hours=at(0, 2, 3), measure=measure, rate_per_kw=10)
        return flat(part, contract, start=start_of(first), probabilities=members)

    runs = in_a_row(case, 0, 1, 3, 4)
    assert ledger_of(runs) == ledger_of([solved(case(0, 4))])
    carried = runs[0].summary["carry"]["components"]
    first = [row[0] for row in load] if members else load[0]
    assert carried == ({"cp": {"peaks_mw": {"group_1": first}}} if measure == "max" else {})
    assert runs[2].summary["carry"]["components"] == {}


def test_a_peak_without_hours_in_the_run_is_handed_on() -> None:
    contract = peaks(groups=[{"name": "winter", "hours": at(0, 5), "rate_per_kw": 10}])
    runs = in_a_row(lambda first, end: flat([3] * (end - first), contract, start=start_of(first)), 0, 2, 4, 6)
    assert [run.summary["ledger"].get("cp_coincident_peak", 0) for run in runs] == [pytest.approx(-30_000), 0, 0]
    assert runs[1].summary["carry"]["components"]["cp"] == {"peaks_mw": {"winter": 3.0}}


def test_hours_before_the_horizon_without_a_carry_are_a_warning() -> None:
    contract = peaks(hours=["2024-08-18T17:00", *at(0)], rate_per_kw=10)
    assert "what they were charged for is not carried in" in warnings_of(flat([1], contract))
    carry = {"at": START, "components": {"cp": {"peaks_mw": {"group_1": 4, "west": 1}}}}
    told = warnings_of(flat([1], contract) | {"carry": carry})
    assert "not carried in" not in told
    assert 'names a group that there is not; found "west"' in told


@pytest.mark.parametrize(
    ("peak", "words"),
    [
        (4, "the carry's peaks_mw is one number; must be by group, as in {group_1: 40}"),
        ({"group_1": -1}, "at least 0 MW"),
    ],
)
def test_peaks_carried_in_another_form_are_refused(peak: Any, words: str) -> None:
    carry = {"at": START, "components": {"cp": {"peaks_mw": peak}}}
    assert words in refusals(flat([1], peaks(hours=at(0), rate_per_kw=10)) | {"carry": carry})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hours": [*at(0), *at(0)]}, "contracts[1].hours[1]: this hour is in the group already"),
        ({"hours": [f"{DAY}T00:00", f"{DAY}T00:30"]}, "hours[1]: this hour is in the group already"),
        ({"hours": ["2024-12-01T00:00", "2024-12-01T00:00Z"]}, "hours[1]: this hour is in the group already"),
        ({"hours": []}, "contracts[1].hours"),
        ({"hours": ["noon"]}, "a time is written as"),
        ({"groups": [{"name": "x", "hours": at(0)}, {"name": "x", "hours": at(1)}]}, "two groups have the same name"),
        ({"groups": [{"hours": at(0), "rate_per_kw": -1}]}, "groups[0].rate_per_kw"),
        ({"groups": [{"hours": at(0), "measure": "sum"}]}, "groups[0].measure"),
    ],
)
def test_bad_hours_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(flat([1, 2], peaks(rate_per_kw=1, **fields)))


def test_an_hour_that_the_horizon_cuts_is_refused() -> None:
    """Half an hour of it is not its load."""
    case = flat([1, 2, 3], peaks(hours=at(1), rate_per_kw=10), step="30min")
    assert "contracts[1].hours[0]: the horizon holds only a part of this hour" in refusals(case)


def test_hours_are_those_of_the_local_clock() -> None:
    """Proves: 01:30 happens twice when the clocks go back; with its offset it is one of them."""
    contract = peaks(hours=["2024-11-03T01:00-06:00"], rate_per_kw=10)
    case = flat([1, 2, 3, 4], contract, start="2024-11-03T00:00", timezone="America/Chicago")
    assert profit(case) == pytest.approx(-30_000)
    contract = peaks(hours=["2024-11-03T01:00"], rate_per_kw=10)
    assert "happens twice" in refusals(flat([1], contract, timezone="America/Chicago"))


def test_known_hours_are_billed_and_marked_for_a_metered_load() -> None:
    """Proves: the bill from the meter alone has the kW; marked are the highest hour of each member."""
    case = flat([[0, 0, 0], [0, 0, 0]], peaks(hours=at(0, 2), rate_per_kw=10), probabilities=[0.5, 0.5])
    part = opt.build(opt.scenario_from_dict(case)).parts.components["cp"]
    meter = {("a", "import_mw"): np.array([[1.0, 9, 2], [4, 9, 3]]), ("a", "export_mw"): np.zeros((2, 3))}
    reading, contract = LoadReading(part.frame, meter, {}), part.component
    line = contract.bill(reading)["cp_coincident_peak"]  # type: ignore[attr-defined]
    assert line.amounts.tolist() == [[0, 0, -20_000], [0, 0, -40_000]]
    assert line.quantity.tolist() == [[0, 0, 2000], [0, 0, 4000]]
    found = contract.peaks_mw(reading)  # type: ignore[attr-defined]
    assert [(p.member, p.step, p.load_mw, p.words) for p in found] == [
        (0, 2, 2.0, "cp: coincident peak"),
        (1, 0, 4.0, "cp: coincident peak"),
    ]
    assert contract.settled_schedules(reading)["charged_mw"].tolist() == [[1, 0, 2], [4, 0, 3]]  # type: ignore[attr-defined]
