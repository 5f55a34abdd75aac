"""Demand charge: peaks of the month, window, floor, prorating and units, on cases worked by hand."""

from typing import Any

import pytest
from demand_case import (
    INSIDE,
    MONTH_START,
    bill_of,
    billed_kw,
    charge,
    cost_of,
    fleet_case,
    load_case,
    peaks_of,
    tiers,
)
from small_case import booked, by_member, series, site_case, solved, spot, unnoticed

import optimizer as opt


# ---------------------------------------------------------------------- a fleet shaves what is not worth its peak
@pytest.mark.parametrize(("rate", "power", "earned"), [(0.05, 3.5, 25.0), (0.057, 3.5, 0.5), (0.058, 0.0, 0.0)])
def test_a_fleet_runs_if_its_margin_pays_for_the_peak(rate: float, power: float, earned: float) -> None:
    """Proves: four hours at 50 earn 200 for 3500 kW, so the fleet runs up to a rate of 0.05714 per kW. Sensitivity: a
    peak in MW would cost a thousandth, and the fleet would run at any of these rates."""
    plan = solved(fleet_case(charge(rate)))
    assert series(plan, "power_mw", "m") == pytest.approx([power] * 4)
    assert plan.expected_profit == pytest.approx(earned)
    assert plan.summary["ledger"].get("tdu_demand", 0.0) == pytest.approx(-1000 * rate * power)


@pytest.mark.parametrize(
    ("rate", "peak", "earned"), [(0.06, 3.0, -522.857), (0.03, 4.0, -405.714), (0.01, 6.5, -315.0)]
)
def test_a_fleet_fills_up_to_where_the_next_kw_is_not_worth_it(rate: float, peak: float, earned: float) -> None:
    """Proves: beside a house load of 0.5, 3, 0.5, 0.5 MW a further MW of peak earns 3 * 14.29 up to 3 MW (which the
    house sets anyway), 57.14 from 3 to 4 MW and 14.29 above, as only hour 2 has room. At 0.03 the peak is 4 MW: 11.5
    MWh earn 164.29, less 450 for the house's energy and 120. Sensitivity: with the machines' own peak charged instead
    of the site's, the fleet would not run at 0.06."""
    plan = solved(fleet_case(charge(rate), house_load_mw=[0.5, 3, 0.5, 0.5]))
    assert series(plan, "billed_demand_mw", "tdu") == pytest.approx([peak] * 4)
    assert plan.expected_profit == pytest.approx(earned, abs=1e-3)


def test_only_hours_in_the_window_count() -> None:
    """Proves: from 1:00 to 3:00 the fleet earns 100, less than the 105 of its peak, and rests; the two other hours earn
    100. Sensitivity: without the window the 200 of four hours would pay, leaving 95."""
    plan = solved(fleet_case(charge(0.03, window={"hours": [1, 3]})))
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0, 0, 3.5])
    assert series(plan, "demand_mw", "tdu") == [0, 0, 0, 0]
    assert plan.expected_profit == pytest.approx(100)


def test_several_charges_at_once_add_up() -> None:
    """Proves: 0.02 on all hours (70) and 0.03 on the two hours of the window (105): running outside earns 100 - 70.
    Sensitivity: 100 with the first forgotten, 130 with the second, 25 with both on all hours."""
    plan = solved(fleet_case(charge(0.02, "all"), charge(0.03, "noon", window={"hours": [1, 3]})))
    assert plan.expected_profit == pytest.approx(30)
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0, 0, 3.5])


def test_each_member_pays_for_its_own_peak() -> None:
    """Proves: at prices 100 and 60 the four hours earn 57.14 and 217.14 per MW, and a peak costs 60: only the second
    member runs, for 4 * 190 - 210. Sensitivity: with one peak for both members the first would run too."""
    plan = solved(fleet_case(charge(0.06), price=[[100] * 4, [60] * 4], probabilities=[0.5, 0.5]))
    assert by_member(plan, "power_mw", "m") == [[0] * 4, [3.5] * 4]
    assert plan.summary["profit_by_member"] == pytest.approx([0.0, 4 * 190 - 210])


# ---------------------------------------------------------------------- which peak of which month
def test_a_flat_load_pays_its_mean_power_twelve_times() -> None:
    """Known answer: 10,000 kWh a year, flat, at 10 per kW and month: 136.99. Sensitivity: 11.42 with
    one month charged, 0.137 with MW taken for kW."""
    case = load_case([10 / 8760] * 365, charge(10), start="2023-01-01T00:00", step="1d")
    assert cost_of(case) == pytest.approx(136.99, abs=0.005)


def test_every_month_pays_its_own_peak_at_its_own_rate() -> None:
    """Proves: three hours of July and three of August, at rates 10 and 20: 2000 * 10 + 3000 * 20, each booked in the
    last hour of its month. The horizon starts inside July, without load before. Sensitivity: one peak for both months
    costs 90,000."""
    monthly = [1, 1, 1, 1, 1, 1, 10, 20, 1, 1, 1, 1]
    load = [2, 1, 0, 3, 0, 1]
    plan = solved(load_case(load, charge(monthly, month_to_date_peak_mw=0), start="2024-07-31T21:00"))
    assert booked(plan, "tdu_demand") == pytest.approx(-80000)
    assert bill_of(plan).amounts.tolist() == [[0, 0, pytest.approx(-20000), 0, 0, pytest.approx(-60000)]]
    assert billed_kw(plan) == [2000, 3000]
    assert bill_of(plan).unit == "kW"
    assert series(plan, "billed_demand_mw", "tdu") == [2, 2, 2, 3, 3, 3]


def test_months_and_hours_are_those_of_the_local_clock() -> None:
    """Proves: in Chicago the horizon runs from 22:00 of 31 July; two hours of 1 MW belong to July, the rest to
    August, whose window from 1:00 to 2:00 holds the load of 2 MW. Sensitivity: in UTC the horizon starts at 3:00 of
    August, and nothing counts."""
    case = load_case(
        [1, 1, 5, 2, 5, 5],
        charge(1, window={"hours": [1, 2]}, month_to_date_peak_mw=0),
        start="2024-07-31T22:00",
        timezone="America/Chicago",
    )
    plan = solved(case)
    assert billed_kw(plan) == [0, 2000]
    assert series(plan, "demand_mw", "tdu") == [0, 0, 0, 2, 0, 0]


def test_weekdays_and_holidays_are_those_of_the_window() -> None:
    """Proves: Thursday is a holiday, Saturday no workday: Friday's 2 MW are billed. Sensitivity: 4000 with the holiday
    counted, 5000 with the weekend."""
    window = {"weekdays": "workdays", "holidays": ["2024-08-01"]}
    assert cost_of(load_case([4, 2, 5], charge(1, window=window), step="1d")) == pytest.approx(2000)


def test_months_left_out_by_the_window_have_no_charge() -> None:
    """Proves: a summer charge bills nothing in October, whatever the ratchet says. Sensitivity: 1000 kW by the ratchet
    of 0.5, 3000 kW by the load."""
    ratchet = {"fraction": 0.5, "previous_months": 3, "history_mw": {f"2024-0{month}": 1 for month in (6, 7, 8)}}
    summer = charge(1, window={"months": [6, 7, 8, 9]}, ratchet=ratchet, month_to_date_peak_mw=2)
    plan = solved(load_case([2, 3], summer, start="2024-09-30T23:00"))
    assert billed_kw(plan) == [0, 0]
    assert plan.summary["ledger"].get("tdu_demand", 0.0) == 0.0
    assert series(plan, "billed_demand_mw", "tdu") == [2, 0]


def test_a_charge_of_the_portfolio_sees_the_sum_of_its_sites() -> None:
    """Proves: loads of 2, 0 and of 1, 3 MW peak together at 3 MW. Sensitivity: site by site 2000 + 3000."""
    sites = [
        {"name": name, "house_load_mw": load, "contracts": [spot(0, f"spot_{name}")]}
        for name, load in (("a", [2, 0]), ("b", [1, 3]), ("c", [9, 9]))
    ]
    case = load_case([0, 0]) | {"sites": sites, "contracts": [charge(1, sites=["a", "b"])]}
    assert cost_of(case) == pytest.approx(3000)


# ---------------------------------------------------------------------- the month in which the horizon starts
@pytest.mark.parametrize(
    ("peak", "rate", "power", "earned"), [(2, 0.06, 2.0, 114.2857), (2, 0.05, 3.5, 125), (4, 9, 3.5, 200)]
)
def test_only_the_increase_over_the_peak_so_far_is_charged(
    peak: float, rate: float, power: float, earned: float
) -> None:
    """Proves: up to the peak so far the fleet runs at no charge. Above 2 MW it runs if 57.14 per MW exceed the rate:
    200 - 1500 * 0.05 = 125. Sensitivity: charged whole 25, and at 0.06 the fleet would rest."""
    plan = solved(fleet_case(charge(rate, month_to_date_peak_mw=peak), start=INSIDE))
    assert series(plan, "power_mw", "m") == pytest.approx([power] * 4)
    assert plan.expected_profit == pytest.approx(earned, abs=1e-4)
    assert billed_kw(plan) == [pytest.approx(1000 * max(0.0, power - peak))]


def test_a_month_cut_at_its_end_is_charged_whole() -> None:
    """Proves: of July (so far 0.8 MW) the increase to 1 MW, of August its two hours' 2 MW whole: 200 + 2000.
    Sensitivity: with August prorated 205, with July whole 3000."""
    plan = solved(load_case([1, 1, 1, 2], charge(1, month_to_date_peak_mw=0.8), start="2024-07-31T22:00"))
    assert booked(plan, "tdu_demand") == pytest.approx(-2200)
    assert plan.summary["end_of_horizon"] == {"tdu": "2024-08 is charged whole; its peak so far is carried on"}


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.06, 3.0])
def test_a_floor_that_was_booked_before_changes_the_money_and_not_the_schedule(rate: float) -> None:
    """Proves: 2 MW so far (booked before) and 2 MW of July with a ratchet of 1 (charged whole) give the same schedule;
    the profit differs by 2000 kW at the rate. Sensitivity: charging the whole peak again would stop the fleet at
    0.06."""
    sunk = solved(fleet_case(charge(rate, month_to_date_peak_mw=2), start="2024-08-01T01:00"))
    july = {"fraction": 1.0, "previous_months": 1, "history_mw": {"2024-07": 2}}
    whole = solved(fleet_case(charge(rate, ratchet=july)))
    assert series(sunk, "power_mw", "m") == series(whole, "power_mw", "m")
    assert sunk.expected_profit - whole.expected_profit == pytest.approx(2000 * rate)


def test_a_peak_so_far_above_all_machines_makes_the_charge_vanish() -> None:
    prices = [90, 120, 114, 130]
    free = solved(fleet_case(price=prices, start=INSIDE))
    sunk = solved(fleet_case(charge(8.0, month_to_date_peak_mw=3.5), price=prices, start=INSIDE))
    assert series(sunk, "power_mw", "m") == series(free, "power_mw", "m")
    assert sunk.expected_profit == pytest.approx(free.expected_profit)


# ---------------------------------------------------------------------- prorating and units
def test_a_prorated_month_pays_the_share_that_the_horizon_covers() -> None:
    """Proves: two of July's 744 hours at 1 MW and two of August's at 2 MW: 7.44 * (1000 + 2000) * 2 / 744 = 60.
    Sensitivity: charged whole 22,320; by the horizon's hours as one period 80."""
    case = load_case([1, 1, 1, 2], charge(7.44, prorate=True), start="2024-07-31T22:00")
    plan = solved(case)
    assert booked(plan, "tdu_demand") == pytest.approx(-60)
    assert billed_kw(plan) == [1000, 2000]


def test_a_prorated_month_deducts_no_floor() -> None:
    """Proves: 2 MW so far and 1 MW now: 2000 * 7.44 * 4 / 744 = 80. Sensitivity: 0 if the floor were deducted, 40
    if it did not count."""
    case = load_case([1] * 4, charge(7.44, prorate=True, month_to_date_peak_mw=2), start=INSIDE)
    assert cost_of(case) == pytest.approx(80)


def test_the_share_of_a_month_follows_the_clock_changes() -> None:
    """Proves: March has 743 hours in Chicago: 7.43 * 1000 * 1 / 743 = 10. Sensitivity: by 744 hours 9.987."""
    case = load_case([1], charge(7.43, prorate=True), start="2024-03-15T00:00", timezone="America/Chicago")
    assert cost_of(case) == pytest.approx(10, abs=1e-9)


def test_kva_are_billed_by_the_power_factor() -> None:
    """Proves: 1 MW at 0.8 is 1250 kVA at 2 each. Sensitivity: 2000 by kW, 1600 multiplied instead of divided."""
    plan = solved(load_case([1, 0.5], charge(2, unit="kva", power_factor=0.8)))
    assert booked(plan, "tdu_demand") == pytest.approx(-2500)
    assert billed_kw(plan) == [1250]
    assert bill_of(plan).unit == "kVA"
    assert series(plan, "billed_demand_mw", "tdu") == [1, 1]


def test_tiers_of_kva_end_at_mva() -> None:
    """Proves: 1 MW at 0.8 is 1250 kVA: 1000 at 1 and 250 at 3. Sensitivity: with the tier's end in MW all of it at 1,
    1250."""
    case = load_case([1], charge(unit="kva", power_factor=0.8, tiers=tiers((1, 1), (None, 3))))
    assert cost_of(case) == pytest.approx(1750)


# ---------------------------------------------------------------------- what the report and the audit see
def test_the_steps_that_set_the_charge_are_marked() -> None:
    """Proves: July's peak of 2 MW is the second hour; August's are hour 4 in one member and hour 5 in the other.
    Nothing is marked where the peak so far is higher."""
    load = [[1, 2, 0, 3, 2], [1, 2, 0, 1, 2]]
    probable: dict[str, Any] = {"probabilities": [0.5, 0.5], "start": "2024-07-31T21:00"}
    marked = peaks_of(solved(load_case(load, charge(1, month_to_date_peak_mw=1.5), **probable)))
    assert [(p.member, p.step, p.load_mw) for p in marked] == [(0, 1, 2), (0, 3, 3), (1, 1, 2), (1, 4, 2)]
    assert marked[0].words == "tdu: peak of 2024-07"
    higher = peaks_of(solved(load_case(load, charge(1, month_to_date_peak_mw=2), **probable)))
    assert [(p.member, p.step) for p in higher] == [(0, 3), (1, 4)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"month_to_date_peak_mw": 1.0},
        {"window": {"hours": [22, 24]}, "prorate": True},
        {"unit": "kva", "power_factor": 0.9},
        {"rate_per_kw_month": None, "tiers": tiers((1, 0.09), (2.5, 0.01), (None, 0.04))},
        {"window": {"months": [8]}, "month_to_date_peak_mw": 9},
    ],
)
def test_the_audit_notices_falsified_results(fields: dict[str, Any]) -> None:
    plain = charge(0.05) | fields
    contract = {key: value for key, value in plain.items() if value is not None}
    plan = solved(fleet_case(contract, start="2024-07-31T22:00", house_load_mw=[0.2, 0.1, 0.4, 0.3]))
    assert unnoticed(plan, "tdu") == []


def test_a_member_that_never_happens_is_billed_for_its_plan_too() -> None:
    """Proves: the bill of a member of probability 0 is its plan's, though nothing presses its peak down. Sensitivity:
    the audit refuses the plan if tiers or peaks stand higher than its load."""
    for steps in (tiers((2, 0.02), (None, 0.08)), tiers((2, 0.08), (None, 0.02)), tiers((2, 0), (None, 0.08))):
        case = fleet_case(charge(tiers=steps), probabilities=[1.0, 0.0], house_load_mw=0.1)
        assert solved(case).summary["audit"]["largest_violation"] < 1e-6


def test_a_battery_halves_a_peak() -> None:
    """Proves: a load of 2 MW and 0 MW, and a battery that charges in the second and must end where it began: it
    discharges 1 MWh in hour 1 and charges it in hour 2, the peak is 1 MW. Sensitivity: without the battery 2000."""
    battery = {"kind": "battery", "name": "b", "power_mw": 2, "energy_mwh": 4}
    case = site_case(steps=2, contracts=[spot(0), charge(1)], assets=[battery], house_load_mw=[2, 0], start=MONTH_START)
    assert -opt.optimize(opt.scenario_from_dict(case)).expected_profit == pytest.approx(1000)
