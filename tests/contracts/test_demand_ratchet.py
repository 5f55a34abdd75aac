"""Demand charge: look-back months, inside and outside of the horizon, and what one run carries to the next."""

from typing import Any

import numpy as np
import pytest
from demand_case import bill_of, billed_kw, charge, cost_of, fleet_case, load_case, peaks_of, tiers
from small_case import booked, refusals, series, solved, unnoticed, warnings_of

import optimizer as opt

RATES = [10, 10, 20, 50, 20, 10, 20, 20, 20, 20, 20, 5]


def year_of_2022() -> list[float]:
    """100 kW in every hour, with four peaks (hours counted from 1)."""
    load = np.full(8760, 0.1)
    for hour, peak in {22: 0.2, 2403: 0.4, 4088: 0.5, 8333: 0.3}.items():
        load[hour - 1] = peak
    return [float(mw) for mw in load]


def ratchet(fraction: float = 1.0, previous_months: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"fraction": fraction, "previous_months": previous_months} | fields


# ---------------------------------------------------------------------- known answers
def test_look_back_over_the_months_of_a_year() -> None:
    """Known answer: 75 % of the highest of January, April and December (400 kW in April) is billed in every month.
    74,500 in all. Sensitivity: 43,500 without the ratchet, 86,875 with June's 500 kW among the months, 69,000 where
    only earlier months count."""
    rule = ratchet(0.75, "year", months=[1, 4, 12])
    plan = opt.optimize(
        opt.scenario_from_dict(load_case(year_of_2022(), charge(RATES, ratchet=rule), start="2022-01-01T00:00"))
    )
    assert billed_kw(plan) == [300, 300, 300, 400, 300, 500, 300, 300, 300, 300, 300, 300]
    assert booked(plan, "tdu_demand") == pytest.approx(-74500, abs=1e-6)
    assert bill_of(plan).amounts.sum() == pytest.approx(-74500, abs=1e-9)
    assert [(p.step + 1, p.load_mw) for p in peaks_of(plan)] == [(2403, 0.4), (4088, 0.5)]


def test_look_back_over_six_months_before() -> None:
    """Proves: the same year after an equal one: December's 300 kW count to March, April's 400 in May, June's 500 to
    December. (REopt publishes these figures for the look-back of a typical year, which closes to a ring.)
    Sensitivity: with the month itself skipped, or one month more or less, March or December differ."""
    history = {f"2021-{month:02d}": 0.3 if month == 12 else 0.1 for month in range(7, 13)}
    rule = ratchet(0.75, 6, history_mw=history)
    plan = opt.optimize(
        opt.scenario_from_dict(load_case(year_of_2022(), charge(RATES, ratchet=rule), start="2022-01-01T00:00"))
    )
    assert billed_kw(plan) == [225, 225, 225, 400, 300, 500, 375, 375, 375, 375, 375, 375]


# ---------------------------------------------------------------------- decisions and data
@pytest.mark.parametrize(("rate", "power", "earned"), [(0.05, 3.5, 25.0), (0.06, 0.0, 0.0)])
def test_peaks_of_look_back_months_in_the_horizon_are_decisions(rate: float, power: float, earned: float) -> None:
    """Proves: only August has a rate, and looks back at July: two hours of each month earn 57.14 per MW together, so
    July rests as well where the rate is above. Sensitivity: if August did not see the plan's own July, the fleet would
    run there and earn 100."""
    august = [rate if month == 8 else 0 for month in range(1, 13)]
    contract = charge(august, ratchet=ratchet(history_mw={"2024-06": 0}), month_to_date_peak_mw=0)
    plan = solved(fleet_case(contract, start="2024-07-31T22:00"))
    assert series(plan, "power_mw", "m") == pytest.approx([power] * 4)
    assert plan.expected_profit == pytest.approx(earned)
    assert unnoticed(plan, "tdu") == []


@pytest.mark.parametrize(
    ("rule", "billed"),
    [
        (ratchet(0.5, 2, history_mw={"2024-06": 3, "2024-07": 8}), 4000),
        (ratchet(0.5, 2, history_mw={"2024-06": 3, "2024-07": 8, "2024-05": 90}), 4000),
        (ratchet(0.5, 2, months=[5, 6], history_mw={"2024-06": 3}), 1500),
        (ratchet(0.1, 2, history_mw={"2024-06": 3, "2024-07": 8}), 1000),
        (ratchet(0.5, "year", months=[8, 12], history_mw={"2024-12": 6}), 3000),
    ],
)
def test_peaks_of_other_months_come_from_the_history(rule: dict[str, Any], billed: float) -> None:
    """Proves: August with a load of 1 MW is billed the share of the highest look-back month of those that count, and
    at least its own peak. Sensitivity: May's 90 MW, beyond two months, would bill 45,000."""
    assert cost_of(load_case([1, 1], charge(1, ratchet=rule))) == pytest.approx(billed)


def test_the_floor_of_the_ratchet_was_booked_before() -> None:
    """Proves: started inside August, at 2 MW so far and with 0.75 of July's 4 MW booked, a load of 3.5 MW is charged
    for 500 kW more. Sensitivity: 1500 over the peak so far alone, 3500 whole."""
    rule = ratchet(0.75, history_mw={"2024-07": 4})
    case = load_case([3.5, 1], charge(1, ratchet=rule, month_to_date_peak_mw=2), start="2024-08-19T00:00")
    assert cost_of(case) == pytest.approx(500)


def test_the_peak_so_far_counts_for_later_months() -> None:
    """Proves: 4 MW so far in August are September's floor of 0.5 * 4 MW; nothing is added to August. Sensitivity: by
    the planned hours alone September would be billed 1000 kW."""
    rule = ratchet(0.5, history_mw={"2024-07": 1})
    plan = solved(load_case([1, 1], charge(1, ratchet=rule, month_to_date_peak_mw=4), start="2024-08-31T23:00"))
    assert billed_kw(plan) == [0, 2000]


def test_the_month_under_way_has_a_peak_so_far_and_no_history() -> None:
    """Proves: started inside August, 9 MW of August in the history do not count (a warning says so): of 4 MW the
    increase over July's 0.5 * 1 MW is charged. Sensitivity: with 9 MW so far nothing would be."""
    rule = ratchet(0.5, history_mw={"2024-07": 1, "2024-08": 9})
    case = load_case([4, 1], charge(1, ratchet=rule), start="2024-08-19T00:00")
    assert "the peak so far of the month under way is month_to_date_peak_mw" in warnings_of(case)
    assert cost_of(case) == pytest.approx(3500)


def test_months_without_hours_in_the_window_need_no_history() -> None:
    """Proves: of the eleven months before June 2024 only July to September 2023 have hours that count; before September
    they are June to August, of which 0.8 * 2 MW are billed; in October nothing is. Sensitivity: asking for winter
    months whose peak is not even measured."""
    summer = {"months": [6, 7, 8, 9]}
    june = charge(1, window=summer, ratchet=ratchet(0.8, 11))
    assert "2023-07, 2023-08, 2023-09" in refusals(load_case([1], june, start="2024-06-01T00:00"))
    september = charge(1, window=summer, ratchet=ratchet(0.8, 3, history_mw={f"2024-0{m}": 2 for m in (6, 7, 8)}))
    assert cost_of(load_case([1], september, start="2024-09-01T00:00")) == pytest.approx(1600)
    october = charge(1, window=summer, ratchet=ratchet(0.8, 11))
    out_of_season = load_case([1], october, start="2024-10-01T00:00")
    assert warnings_of(out_of_season) == ""
    assert cost_of(out_of_season) == 0


# ---------------------------------------------------------------------- from one run to the next
def three_months(seed: int = 3) -> Any:
    return np.random.default_rng(seed).uniform(1.0, 9.0, 92).round(3)  # by day, 1 July to 30 September


def in_two_runs(load: Any, cut: int, contract: dict[str, Any]) -> tuple[opt.Plan, opt.Plan]:
    """Days before the cut, then the rest with what the first run carries to it."""
    first = solved(load_case(load[..., :cut].tolist(), contract, start="2024-07-01T00:00", step="1d", **_members(load)))
    state = first.summary["carry"]
    later = load_case(load[..., cut:].tolist(), contract, start=state["at"], step="1d", **_members(load))
    return first, solved(later | {"carry": state})


def _members(load: Any) -> dict[str, Any]:
    return {} if load.ndim == 1 else {"probabilities": [1 / len(load)] * len(load)}


@pytest.mark.parametrize("cut", [1, 31, 40, 75])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ratchet": ratchet(0.9, 2, history_mw={"2024-05": 8.8, "2024-06": 2})},
        {"ratchet": ratchet(0.95, 1, months=[7, 6], history_mw={"2024-06": 9.5})},
        {"rate_per_kw_month": None, "tiers": tiers((3, 4), (7, 2), (None, 8)), "window": {"weekdays": "workdays"}},
        {"window": {"months": [8, 9]}, "unit": "kva", "power_factor": 0.9},
    ],
)
def test_two_runs_book_together_what_one_run_books(cut: int, fields: dict[str, Any]) -> None:
    """Proves: wherever the horizon is cut, the carried peaks make the two bills add up to that of one run.
    Sensitivity: without the carry August would be charged twice."""
    contract = {key: value for key, value in (charge(3.0) | fields).items() if value is not None}
    load = three_months()
    whole = solved(load_case(load.tolist(), contract, start="2024-07-01T00:00", step="1d"))
    runs = in_two_runs(load, cut, contract)
    together = sum(run.summary["ledger"].get("tdu_demand", 0.0) for run in runs)
    assert together == pytest.approx(booked(whole, "tdu_demand"), rel=1e-9)
    assert runs[1].summary["carry"] == whole.summary["carry"]


def test_members_are_carried_on_by_themselves() -> None:
    """Proves: after 2 and 5 MW, another 4 MW add 2000 kW in the first member and nothing in the second: 1000.
    Sensitivity: with the higher peak carried for both nothing is added, with the lower one 2000."""
    first, second = in_two_runs(np.array([[2.0, 4.0], [5.0, 4.0]]), 1, charge(1))
    assert first.summary["carry"] == {
        "at": "2024-07-02T00:00+00:00",
        "components": {"tdu": {"peaks_mw": {"2024-07": [2.0, 5.0]}}},
    }
    assert booked(second, "tdu_demand") == pytest.approx(-1000)


def test_what_is_carried_goes_before_what_the_scenario_says() -> None:
    """Proves: 3 MW so far and 6 MW of July are carried, against 1 and 2 MW in the file: 0.5 * 6 = 3 MW are booked, and
    a load of 4 MW adds 1000. Sensitivity: by the file it would add 3000."""
    contract = charge(1, month_to_date_peak_mw=1, ratchet=ratchet(0.5, history_mw={"2024-07": 2}))
    case = load_case([4, 1], contract, start="2024-08-19T00:00")
    assert cost_of(case) == pytest.approx(3000)
    carried = {"at": "2024-08-19T00:00", "components": {"tdu": {"peaks_mw": {"2024-07": 6, "2024-08": 3}}}}
    assert cost_of(case | {"carry": carried}) == pytest.approx(1000)


def test_only_what_can_still_count_is_carried() -> None:
    """Proves: after a run to mid September a look-back of two months needs July (of the history), August and
    September; without a ratchet only the month under way; after a whole month nothing."""
    rule = ratchet(0.5, 2, history_mw={"2024-06": 3, "2024-07": 4})
    start = {"start": "2024-08-31T22:00", "step": "1h"}
    both = solved(load_case([1, 2, 5, 3], charge(1, ratchet=rule, month_to_date_peak_mw=7), **start))
    assert both.summary["carry"]["components"] == {"tdu": {"peaks_mw": {"2024-07": 4, "2024-08": 7, "2024-09": 5}}}
    alone = solved(load_case([1, 2, 5, 3], charge(1, month_to_date_peak_mw=7), **start))
    assert alone.summary["carry"]["components"] == {"tdu": {"peaks_mw": {"2024-09": 5}}}
    ended = solved(load_case([1, 2], charge(1, month_to_date_peak_mw=7), **start))
    assert ended.summary["carry"]["components"] == {}
    assert ended.summary["end_of_horizon"] == {}
    assert both.summary["end_of_horizon"] == {"tdu": "2024-09 is charged whole; its peak so far is carried on"}


def test_a_look_back_within_the_year_carries_the_months_of_that_year() -> None:
    """Proves: into December go the months of the year so far that count, not the estimate for December; into January
    goes nothing."""
    rule = ratchet(0.5, "year", months=[10, 11, 12])
    estimated = charge(1, ratchet=rule | {"history_mw": {"2024-10": 3, "2024-12": 4}})
    november = solved(load_case([1, 2], estimated, start="2024-11-01T00:00", step="1d"))
    assert billed_kw(november) == [2000]
    assert november.summary["carry"]["components"] == {"tdu": {"peaks_mw": {"2024-10": 3, "2024-11": 2}}}
    known = charge(1, month_to_date_peak_mw=1, ratchet=rule | {"history_mw": {"2024-10": 3, "2024-11": 2}})
    ended = solved(load_case([1], known, start="2024-12-31T00:00", step="1d"))
    assert ended.summary["carry"]["components"] == {}
