"""Minimum bill: the larger of charges and minimum, month by month, on cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from roads import assert_same_model
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt
from optimizer.contract import BillLine
from optimizer.contracts.fixed_charge import FixedCharge

AUGUST = {"steps": 31, "step": "1d", "start": "2024-08-01T00:00"}


def least(per_month: float, *on: str, name: str = "min", **fields: Any) -> dict[str, Any]:
    return {"kind": "minimum_bill", "name": name, "on": list(on or ("spot",)), "per_month": per_month} | fields


def august(*contracts: dict[str, Any], load: Any = 1, **fields: Any) -> dict[str, Any]:
    """A whole month in steps of a day: 1 MW are 24 MWh a day and 744 in all."""
    return site_case(**AUGUST, contracts=contracts, house_load_mw=load, **fields)


def prices(case: dict[str, Any]) -> tuple[float, float]:
    """Lowest price of a further MWh and highest of a sold one, in the first step."""
    frame = opt.build(opt.scenario_from_dict(case)).parts.sites["a"].frame
    return float(frame.lowest_buy_price[0, 0]), float(frame.highest_sell_price[0, 0])


# ---------------------------------------------------------------------- the rule
@pytest.mark.parametrize(("minimum", "top_up"), [(0, 0), (7000, 0), (7440, 0), (10000, 2560)])
def test_charges_are_topped_up_to_the_minimum(minimum: float, top_up: float) -> None:
    """Proves: 744 MWh at 10 are 7440; together they cost max(7440, minimum). Sensitivity: added to the charges it would
    cost 17,440, as a minimum of each day 10,000 as well but for every month."""
    plan = solved(august(spot(10), least(minimum)))
    assert booked(plan, "spot_energy") == pytest.approx(-7440)
    assert booked(plan, "min_minimum") == pytest.approx(-top_up)
    assert plan.money["min", "min_minimum"][0, -1] == pytest.approx(-top_up)
    assert unnoticed(plan, "min") == []


@pytest.mark.parametrize(("minimum", "days"), [(0, 0), (33600, 2), (50400, 3), (16800 * 31, 31)])
def test_energy_is_free_at_the_margin_up_to_the_minimum(minimum: float, days: int) -> None:
    """Proves: a day of the fleet earns 9600 and costs 84 MWh at 200 = 16,800, so it does not pay. With a minimum of two
    days' worth exactly two days run: 2 * 9600 - 33,600. No binary is needed: what is minimised, max(charges, minimum),
    is convex. Sensitivity: a plan that sees the price and not the minimum rests and pays 33,600."""
    plan = solved(site_case(**AUGUST, contracts=[spot(200), least(minimum)], assets=[fleet()]))
    assert plan.expected_profit == pytest.approx(9600 * days - minimum)
    assert sum(series(plan, "power_mw", "m")) == pytest.approx(3.5 * days)
    assert plan.summary["size"]["integers"] == 0


BY_MONTH = {"kind": "energy_tariff", "name": "spot", "rates": [{"blocks": [{"price_per_mwh": 10}]}]}


@pytest.mark.parametrize("energy", [spot(10), BY_MONTH], ids=["by step", "by month"])
def test_months_are_topped_up_one_by_one(energy: dict[str, Any]) -> None:
    """Proves: August uses 744 MWh and September 1440, at 10: minima of 10,000 add 2560 and nothing. Sensitivity: over
    both months together 21,840 are above 20,000 and nothing would be added."""
    load = [1.0] * 31 + [2.0] * 30
    case = site_case(steps=61, step="1d", start="2024-08-01T00:00", contracts=[energy, least(10000)])
    case["sites"][0]["house_load_mw"] = load
    plan = solved(case)
    assert [round(m, 6) for m in plan.money["min", "min_minimum"][0][[30, 60]]] == [-2560, 0]


@pytest.mark.parametrize(("on", "top_up"), [(("spot", "tax"), 1726.4), (("spot", "tax", "ppa"), 3586.4)])
def test_only_the_contracts_named_count_and_revenue_counts_against_them(on: tuple[str, ...], top_up: float) -> None:
    """Proves: 744 MWh at 4 with a tax of 10 % are 3273.6, 372 MWh of a sunk block are resold at 5 for 1860; a minimum
    of 5000 adds 1726.4 without the block and 3586.4 with it. Sensitivity: with the meter charge of 310 that is not
    named it would add 310 less."""
    block = {"kind": "fixed_block", "name": "ppa", "volume_mw": 0.5, "price_per_mwh": 0, "resale": {"price_per_mwh": 5}}
    meter = {"kind": "fixed_charge", "name": "meter", "per_month": 310}
    tax = {"kind": "surcharge", "name": "tax", "on": ["spot"], "fraction": 0.1}
    plan = solved(august(least(5000, *on), spot(4), tax, meter, block))
    assert booked(plan, "ppa_resale") == pytest.approx(1860)
    assert booked(plan, "min_minimum") == pytest.approx(-top_up)
    assert plan.expected_profit == pytest.approx(-3273.6 + 1860 - 310 - top_up)


def test_below_the_minimum_every_line_still_says_what_is_charged() -> None:
    """Proves: 744 MWh in rising blocks cost 100 * 10 + 644 * 30, the peak of 1 MW 2000: 22,320 in all, topped up by
    27,680. Sensitivity: all that matters to the sum is max(charges, 50,000): a peak or a cost above the true one would
    go unseen in it, at the expense of the top-up."""
    rate = {"blocks": [{"up_to_mwh": 100, "price_per_mwh": 10}, {"price_per_mwh": 30}]}
    energy = {"kind": "energy_tariff", "name": "t", "rates": [rate]}
    peak = {"kind": "demand_charge", "name": "peak", "rate_per_kw_month": 2}
    plan = solved(august(least(50000, "t", "peak"), energy, peak))
    assert booked(plan, "t_energy") == pytest.approx(-20320)
    assert booked(plan, "peak_demand") == pytest.approx(-2000)
    assert booked(plan, "min_minimum") == pytest.approx(-27680)


def test_members_are_topped_up_by_their_own_charges() -> None:
    case = august(spot([[10] * 31, [20] * 31]), least(10000), probabilities=[0.5, 0.5])
    assert solved(case).profit_by_member.tolist() == pytest.approx([-10000, -14880])


def test_a_line_booked_once_counts_in_the_last_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: a line without time stands in the last step of the horizon, so of two minima of 1000 only September's is
    less by its 300. Sensitivity: in the first month, or in both, 700 would be added to August."""

    def billed(self: FixedCharge, r: Any) -> dict[str, BillLine]:
        return {"meter_fixed": BillLine(r.full([0.0] * 60 + [-300.0]))}

    monkeypatch.setattr(FixedCharge, "money", lambda self, b, f: {"meter_fixed": f.by_member(lambda b, w: -300.0)})
    monkeypatch.setattr(FixedCharge, "bill", billed)
    meter = {"kind": "fixed_charge", "name": "meter", "per_day": 10}
    case = site_case(steps=61, step="1d", start="2024-08-01T00:00", contracts=[spot(0), meter, least(1000, "meter")])
    plan = solved(case)
    assert plan.money["min", "min_minimum"][0][[30, 60]].tolist() == pytest.approx([-1000, -700])


def test_a_minimum_of_the_portfolio_counts_the_contracts_of_its_sites() -> None:
    """Proves: two sites of 7440 each are above 10,000 together. Sensitivity: by site 5120 would be added."""
    case = august(spot(10))
    case["sites"].append(case["sites"][0] | {"name": "b"})
    case["contracts"] = [least(10000, "a.spot", "b.spot")]
    assert profit(case) == pytest.approx(-14880)


def test_both_roads_make_the_same_model() -> None:
    tax = {"kind": "surcharge", "name": "tax", "on": ["spot", "f"], "fraction": 0.1}
    contracts = [BY_MONTH, {"kind": "fixed_charge", "name": "f", "per_day": 1}, tax, least(10000, "spot", "f", "tax")]
    case = site_case(steps=61, step="1d", start="2024-08-01T00:00", contracts=contracts, assets=[fleet()])
    assert_same_model(opt.scenario_from_dict(case))


# ---------------------------------------------------------------------- taxes on it
def test_a_tax_on_the_whole_bill_is_on_the_top_up_too() -> None:
    """Proves: 1.1 * max(7440, 10,000). Sensitivity: without the top-up taxed 10,744."""
    tax = {"kind": "surcharge", "name": "tax", "on": ["spot", "min"], "fraction": 0.1}
    plan = solved(august(spot(10), least(10000), tax))
    assert plan.expected_profit == pytest.approx(-11000)
    assert booked(plan, "tax_on_min_minimum") == pytest.approx(-256)
    assert unnoticed(plan, "tax") == []


def test_a_tax_on_the_top_up_alone_is_refused() -> None:
    """Because a MWh more would then be paid for: it lowers a top-up that is taxed, and the charge itself is not."""
    tax = {"kind": "surcharge", "name": "tax", "on": ["min"], "fraction": 0.1}
    text = refusals(august(spot(10), spot(20, name="more"), least(10000, "spot", "more"), tax))
    assert "tax is charged on this top-up, but not on spot, more, which it tops up" in text


def test_a_circle_with_a_tax_is_refused() -> None:
    tax = {"kind": "surcharge", "name": "tax", "on": ["spot", "min"], "fraction": 0.1}
    text = refusals(august(spot(10), least(10000, "spot", "tax"), tax))
    assert "contracts are charged on each other: min -> tax -> min" in text


# ---------------------------------------------------------------------- months that the horizon cuts
def test_a_month_that_is_cut_counts_by_the_share_covered() -> None:
    """Proves: 4 of 744 hours of a minimum of 7440 are 40, of which 4 MWh at 3 make 12. Sensitivity: the whole month's
    minimum in 4 hours would add 7428."""
    plan = solved(site_case(steps=4, contracts=[spot(3), least(7440)], house_load_mw=1))
    assert booked(plan, "min_minimum") == pytest.approx(-28)


@pytest.mark.parametrize(
    ("steps", "top_up"),
    [(1, 1900 - 1000 - 24), (13, 3100 - 1000 - 13 * 24), (14, 3100 - 1000 - 13 * 24 + 3100 / 30 - 24)],
)
def test_charges_to_date_count_and_so_does_the_month_that_has_passed(steps: int, top_up: float) -> None:
    """Proves: from the 19th on, with 1000 charged before and 24 a day: after one day 19 / 31 of the minimum of 3100
    counts, to the end of August all of it; 1 September is a day of a month of its own. Sensitivity: without what came
    before the minimum of 13 days is 1300, to which 988 would be added; a whole one after a single day adds 2076."""
    contracts = [spot(1), least(3100, charges_to_date=1000)]
    case = site_case(steps=steps, step="1d", start="2024-08-19T00:00", contracts=contracts, house_load_mw=1)
    assert booked(solved(case), "min_minimum") == pytest.approx(-top_up)


@pytest.mark.parametrize("start", ["2024-08-01T00:00", "2024-08-10T12:00"])
@pytest.mark.parametrize("loads", [(1.0, 9.0, 1.0), (9.0, 1.0, 1.0), (1.0, 1.0, 1.0), (9.0, 9.0, 9.0), (0.0, 4.5, 0.0)])
def test_three_runs_in_a_row_book_what_one_long_run_books(start: str, loads: tuple[float, ...]) -> None:
    """Proves: 20 days in runs of 7, 7 and 6, at 1 per MWh and a minimum of 100 a day: a top-up of the first week is
    given back when later weeks use more. Sensitivity: at loads of 1, 9 and 1 MW the charges of 1824 are topped up by
    176; runs without the carry add 532 in the first and 456 in the last week."""
    days = [7, 7, 6]

    def run(first_day: int, steps: int, load: list[float], carry: Any = None) -> opt.Plan:
        at = f"2024-08-{int(start[8:10]) + first_day:02d}{start[10:]}"
        case = site_case(steps=steps, step="1d", start=at, contracts=[spot(1), least(3100)], house_load_mw=load)
        return solved(case | ({} if carry is None else {"carry": carry}))

    carry, booked_in_all, done = None, 0.0, 0
    for steps, load in zip(days, loads, strict=True):
        plan = run(done, steps, [load] * steps, carry)
        carry, booked_in_all, done = plan.summary["carry"], booked_in_all + booked(plan, "min_minimum"), done + steps
    whole = run(0, 20, [load for steps, load in zip(days, loads, strict=True) for _ in range(steps)])
    assert booked_in_all == pytest.approx(booked(whole, "min_minimum"))
    assert carry == whole.summary["carry"]


def test_the_carry_wins_over_charges_to_date_and_may_differ_by_member() -> None:
    """Proves: of a minimum of 1900 to the 19th, 1900 and 0 have been charged: nothing and 1900 - 24 are added; what is
    carried without its minimum counts from the start of the month. Sensitivity: with charges_to_date 876 twice."""
    contracts = [spot(1), least(3100, charges_to_date=1000)]
    case = site_case(
        steps=1,
        step="1d",
        start="2024-08-19T00:00",
        contracts=contracts,
        house_load_mw=1,
        probabilities=[0.5, 0.5],
    )
    states = {"charges": {"2024-08": [1900.0, 0.0], "2024-07": 5.0}}
    case["carry"] = {"at": "2024-08-19T00:00", "components": {"min": states}}
    assert solved(case).profit_by_member.tolist() == pytest.approx([-24, -1900])


# ---------------------------------------------------------------------- what a further MWh costs
@pytest.mark.parametrize(("price", "lowest"), [(20.0, 0.0), (-5.0, -5.0)])
def test_the_lowest_price_is_nothing_while_the_minimum_is_not_reached(price: float, lowest: float) -> None:
    assert prices(site_case(steps=1, contracts=[spot(price), spot(30, name="other"), least(100)]))[0] == lowest


@pytest.mark.parametrize(("price", "highest"), [(20.0, 20.0), (-5.0, 0.0)])
def test_the_highest_selling_price_is_nothing_at_least(price: float, highest: float) -> None:
    export = {"kind": "export", "name": "out", "price_per_mwh": price}
    case = site_case(steps=1, contracts=[spot(30), export, least(100, "out")], grid={"export_limit_mw": 1})
    assert prices(case) == (30.0, highest)


def test_energy_that_is_owed_is_not_sold_on_at_once() -> None:
    """Proves: a minimum of 1000 on a supply at 50 and nothing to use it for costs 1000, though exports bring 10.
    Sensitivity: without a binary for the direction 20 MWh already paid for would go round for 200."""
    export = {"kind": "export", "name": "out", "price_per_mwh": 10}
    grid = {"import_limit_mw": 1, "export_limit_mw": 1}
    assert profit(august(spot(50), export, least(1000), load=0, grid=grid)) == pytest.approx(-1000)


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (least(-1), "per_month"),
        ({"kind": "minimum_bill", "name": "min", "per_month": 5}, "on: is missing"),
        ({"kind": "minimum_bill", "name": "min", "on": [], "per_month": 5}, "on: needs at least 1 entry"),
        ({"kind": "minimum_bill", "name": "min", "on": ["spot"]}, "per_month: is missing"),
        (least(5, "spott"), "there is no contract of this name"),
        (least(5, "spot", "spot"), "is named twice"),
        (least(5, charges_to_date="ten"), "charges_to_date"),
        (least(5, per_day=1), "per_day: unknown key"),
    ],
)
def test_bad_fields_are_refused(contract: dict[str, Any], words: str) -> None:
    assert words in refusals(site_case(steps=1, contracts=[spot(20), contract]))


def test_charges_to_date_of_a_month_that_begins_with_the_horizon_are_a_warning() -> None:
    assert "as the horizon starts with a month" in warnings_of(august(spot(1), least(5, charges_to_date=1)))


def test_contracts_of_another_site_are_refused() -> None:
    case = august(spot(10))
    case["sites"].append(case["sites"][0] | {"name": "b", "contracts": [spot(10), least(5, "a.spot")]})
    assert "a.spot is charged for a, which this contract does not span" in refusals(case)
