"""Surcharge: taxes and adders in order, and what they do to the price of a further MWh, on cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed

import optimizer as opt


def tax(fraction: float, *on: str, name: str = "tax", **fields: Any) -> dict[str, Any]:
    return {"kind": "surcharge", "name": name, "on": list(on), "fraction": fraction} | fields


def adder(per_mwh: Any, name: str = "fee") -> dict[str, Any]:
    return {"kind": "surcharge", "name": name, "per_mwh": per_mwh}


def meter(per_day: float = 24, name: str = "meter") -> dict[str, Any]:
    return {"kind": "fixed_charge", "name": name, "per_day": per_day}


def export(price: float, name: str = "out") -> dict[str, Any]:
    return {"kind": "export", "name": name, "price_per_mwh": price}


def battery() -> dict[str, Any]:
    """1 MW that stores half of what it takes and gives half of what it stored; it is full and has to be so again."""
    fields = {"power_mw": 1, "energy_mwh": 10, "soc_start_mwh": 10}
    return {"kind": "battery", "name": "b", "charge_efficiency": 0.5, "discharge_efficiency": 0.5} | fields


def prices(case: dict[str, Any], site: str = "a") -> tuple[float, float]:
    """Lowest price of a further MWh and highest of a sold one, in the first step."""
    frame = opt.build(opt.scenario_from_dict(case)).parts.sites[site].frame
    return float(frame.lowest_buy_price[0, 0]), float(frame.highest_sell_price[0, 0])


# ---------------------------------------------------------------------- taxes and adders
def test_a_tax_is_charged_on_every_line_of_the_contracts_named() -> None:
    """Proves: 8 % on 2 MWh at 50 and on a meter charge of 2: 8 and 0.16; what is not named is not taxed. Sensitivity:
    on all contracts it would be 8.96."""
    contracts = [spot(50), meter(), meter(120, "other"), tax(0.08, "spot", "meter")]
    plan = solved(site_case(steps=2, contracts=contracts, house_load_mw=1))
    assert booked(plan, "tax_on_spot_energy") == pytest.approx(-8)
    assert booked(plan, "tax_on_meter_fixed") == pytest.approx(-0.16)
    assert plan.expected_profit == pytest.approx(-100 - 2 - 10 - 8.16)
    assert plan.money["tax", "tax_on_spot_energy"][0].tolist() == pytest.approx([-4, -4])
    assert plan.money["tax", "tax_on_meter_fixed"][0].tolist() == pytest.approx([0, -0.16])
    assert unnoticed(plan, "tax") == []


def test_a_tax_on_a_tax() -> None:
    """Proves: 100, a tax of 10, and 20 % on both: 22. Sensitivity: both on the energy alone make 30 instead of 32, the
    second on the first tax alone 12."""
    contracts = [tax(0.2, "spot", "tax", name="vat"), spot(100), tax(0.1, "spot")]
    plan = solved(site_case(steps=1, contracts=contracts, house_load_mw=1))
    assert booked(plan, "vat_on_spot_energy") == pytest.approx(-20)
    assert booked(plan, "vat_on_tax_on_spot_energy") == pytest.approx(-2)
    assert plan.expected_profit == pytest.approx(-132)


def test_a_tax_moves_the_break_even() -> None:
    """Proves: at 100 a fleet of break-even 114.29 earns 50; with 15 % a MWh costs 115 and it rests. Sensitivity: a tax
    that the plan does not see would book a loss of 2.5."""
    contracts = [spot([100, 99]), tax(0.15, "spot")]
    plan = solved(site_case(steps=2, contracts=contracts, assets=[fleet()]))
    assert series(plan, "power_mw", "m") == pytest.approx([0, 3.5])
    assert plan.expected_profit == pytest.approx(400 - 1.15 * 99 * 3.5)


def test_an_adder_is_charged_on_all_metered_import_and_may_be_taxed() -> None:
    """Proves: 1 MW at 20 and 2 MW at 90, an adder of 5 and 4 in two hours on 3 MWh each: 27, and 10 % of it.
    Sensitivity: on one of the supplies 9 or 18."""
    contracts = [spot(20, limit_mw=1), spot(90, name="rest"), adder([5, 4]), tax(0.1, "fee")]
    plan = solved(site_case(steps=2, contracts=contracts, house_load_mw=3))
    assert booked(plan, "fee_energy") == pytest.approx(-27)
    assert booked(plan, "tax_on_fee_energy") == pytest.approx(-2.7)
    assert unnoticed(plan, "fee") == []


def test_one_surcharge_may_be_both() -> None:
    plan = solved(site_case(steps=1, contracts=[spot(100), tax(0.1, "spot", per_mwh=3)], house_load_mw=2))
    assert plan.expected_profit == pytest.approx(-200 - 20 - 6)


def test_revenue_lowers_what_is_taxed() -> None:
    """Proves: a block of 2 MW at 50, of which 1 MW is resold at 80: 10 % on 100 less 80 is 2. Sensitivity: without the
    revenue line it is 10. Using a MWh forgoes 88, so a fleet of break-even 114.29 still runs with 88 and not with 115.5
    (resale at 105)."""
    block = {"kind": "fixed_block", "name": "ppa", "volume_mw": 2, "price_per_mwh": 50, "resale": {"price_per_mwh": 80}}
    plan = solved(site_case(steps=1, contracts=[block, tax(0.1, "ppa")], house_load_mw=1))
    assert booked(plan, "tax_on_ppa_block") == pytest.approx(-10)
    assert booked(plan, "tax_on_ppa_resale") == pytest.approx(8)
    for resale, power in ((80, 3.5), (105, 0.0)):
        block |= {"volume_mw": 3.5, "resale": {"price_per_mwh": resale}}
        running = solved(site_case(steps=1, contracts=[block, tax(0.1, "ppa")], assets=[fleet()]))
        assert series(running, "power_mw", "m") == pytest.approx([power])


def test_lines_by_period_are_taxed_where_they_are_booked() -> None:
    """Proves: rising blocks are booked at the end of a month, so is their tax: 20 % of 10 and of 10 + 50."""
    rate = {"blocks": [{"up_to_mwh": 1, "price_per_mwh": 10}, {"price_per_mwh": 50}]}
    contracts = [{"kind": "energy_tariff", "name": "t", "rates": [rate]}, tax(0.2, "t")]
    plan = solved(site_case(steps=3, start="2024-08-31T23:00", contracts=contracts, house_load_mw=1))
    assert plan.money["tax", "tax_on_t_energy"][0].tolist() == pytest.approx([-2, 0, -12])


def test_members_are_taxed_on_their_own_prices() -> None:
    case = site_case(
        steps=1, contracts=[spot([[100], [200]]), tax(0.1, "spot")], house_load_mw=1, probabilities=[0.5, 0.5]
    )
    assert solved(case).profit_by_member.tolist() == pytest.approx([-110, -220])


# ---------------------------------------------------------------------- sites
def two_sites() -> dict[str, Any]:
    case = site_case(steps=1, contracts=[spot(100)], house_load_mw=1)
    case["sites"].append(case["sites"][0] | {"name": "b", "house_load_mw": 2})
    return case


def test_a_tax_of_the_portfolio_is_on_contracts_of_several_sites() -> None:
    """Proves: 10 % of 100 at one site and of 200 at the other, in lines of their own as both contracts go by the same
    name. Sensitivity: lines by name alone would lose one of them."""
    plan = solved(two_sites() | {"contracts": [tax(0.1, "a.spot", "b.spot")]})
    assert booked(plan, "tax_on_a.spot.spot_energy") == pytest.approx(-10)
    assert booked(plan, "tax_on_b.spot.spot_energy") == pytest.approx(-20)
    assert unnoticed(plan, "tax") == []


def test_a_tax_of_one_site_is_not_on_contracts_of_another() -> None:
    case = two_sites()
    case["sites"][0] = case["sites"][0] | {"contracts": [spot(100), tax(0.1, "spot", "b.spot")]}
    text = refusals(case)
    assert "b.spot is charged for b, which this contract does not span" in text
    assert "list this contract under the scenario's own contracts" in text


def test_a_tax_on_a_bundle_is_on_all_its_members() -> None:
    """Proves: a tariff of 100 for energy and 24 a day: 10 % of 100 and of 1. Sensitivity: on the energy alone 10."""
    bundle = {
        "kind": "tariff",
        "name": "retail",
        "charges": [{"kind": "energy_tariff", "name": "energy", "rates": [{"price_per_mwh": 100}]}, meter()],
    }
    plan = solved(site_case(steps=1, contracts=[bundle, tax(0.1, "retail")], house_load_mw=1))
    assert plan.expected_profit == pytest.approx(-1.1 * 101)


# ---------------------------------------------------------------------- what a further MWh costs
@pytest.mark.parametrize(
    ("contracts", "lowest"),
    [
        ([spot(-50), tax(0.1, "spot")], -55),
        ([spot(-50), tax(0.1, "spot"), tax(0.2, "spot", "tax", name="vat")], -66),
        ([spot(-50), tax(0.1, "spot"), tax(0.2, "spot", name="vat")], -65),
        ([spot(-50), tax(0.1, "spot"), tax(0.2, "tax", name="vat")], -56),
        ([spot(-50), spot(20, name="other"), tax(0.1, "spot", "other")], -55),
        ([spot(50), tax(0.1, "spot")], 50),
        ([spot(50), adder(10)], 50),
        ([spot(3), adder(-5), tax(0.2, "fee")], -3),
        ([spot(3), adder(-5), tax(0.2, "spot")], -2),
        ([spot(3), meter(-24), tax(0.2, "meter")], 3),
    ],
)
def test_the_lowest_price_counts_taxes_on_prices_below_zero_and_credits(
    contracts: list[dict[str, Any]], lowest: float
) -> None:
    """Proves: taxes in order on -50 or on a credit of 5; charges above 0 are left out, which is on the safe side.
    Sensitivity: without them binaries would be missing where a MWh is paid for."""
    assert prices(site_case(steps=1, contracts=contracts))[0] == pytest.approx(lowest)


@pytest.mark.parametrize(
    ("contracts", "highest"),
    [
        ([export(48), tax(0.1, "out")], 52.8),
        ([export(48), tax(0.1, "out"), tax(0.5, "tax", name="vat")], 48 + 4.8 + 2.4),
        ([export(-48), tax(0.1, "out")], -48),
    ],
)
def test_the_highest_selling_price_counts_taxes_on_revenue(contracts: list[dict[str, Any]], highest: float) -> None:
    case = site_case(steps=1, contracts=[spot(50), *contracts], grid={"export_limit_mw": 1})
    assert prices(case)[1] == pytest.approx(highest)


@pytest.mark.parametrize(("buy", "sell", "taxed"), [(-50.0, -52.0, "spot"), (50.0, 48.0, "out")])
def test_taxes_do_not_make_buying_and_selling_at_once_pay(buy: float, sell: float, taxed: str) -> None:
    """Proves: a MWh bought at -55 and sold at -52, or bought at 50 and sold at 52.8, cannot go round: nothing is earned
    with a connection that carries it one way at a time. Sensitivity: a direction binary that does not know the tax
    would be missing, and 3 or 2.8 be earned, until the audit refuses the plan."""
    contracts = [spot(buy), export(sell), tax(0.1, taxed)]
    grid = {"import_limit_mw": 1, "export_limit_mw": 1}
    assert profit(site_case(steps=1, contracts=contracts, grid=grid)) == pytest.approx(0, abs=1e-9)


def test_a_battery_does_not_burn_for_a_taxed_credit() -> None:
    """Proves: spot 5.5 with a credit of 5 and a fifth more is -0.5: the full battery stays idle. Sensitivity: without
    the tax on the credit no binary keeps it from charging 0.8 and discharging 0.2 MW at once for 0.3."""
    contracts = [spot(5.5), adder(-5), tax(0.2, "fee")]
    plan = solved(site_case(steps=1, contracts=contracts, assets=[battery()]))
    assert plan.expected_profit == pytest.approx(0, abs=1e-9)


# ---------------------------------------------------------------------- refusals
def test_a_circle_is_refused_with_its_path_and_told_once() -> None:
    contracts = [spot(-5), tax(0.1, "spot", "c", name="a1"), tax(0.1, "a1", name="b"), tax(0.1, "b", name="c")]
    case = site_case(steps=1, contracts=[*contracts, tax(0.1, "a1", name="outside")], assets=[battery()])
    text = refusals(case)
    assert "sites[0].contracts[1].on" in text
    assert "contracts are charged on each other: a1 -> c -> b -> a1" in text
    assert text.count("charged on each other") == 1


def test_a_tax_on_itself_is_refused() -> None:
    text = refusals(site_case(steps=1, contracts=[spot(5), tax(0.1, "tax")]))
    assert "contracts are charged on each other: tax -> tax" in text


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        ({"kind": "surcharge", "name": "tax"}, "give fraction (with on), per_mwh, or both"),
        ({"kind": "surcharge", "name": "tax", "fraction": 0.1}, "give on, the contracts whose charges are taxed"),
        ({"kind": "surcharge", "name": "tax", "per_mwh": 1, "on": ["spot"]}, "has no effect without fraction"),
        (tax(-0.1, "spot"), "fraction"),
        (tax(8, "spot"), "was 0.08 meant"),
        (tax(0.1), "on: needs at least 1 entry"),
        (tax(0.1, "spott"), "there is no contract of this name"),
        (tax(0.1, "m"), "is no contract"),
        (tax(0.1, "spot", "spot"), "is named twice"),
        (adder(float("nan")), "per_mwh"),
    ],
)
def test_bad_fields_are_refused(contract: dict[str, Any], words: str) -> None:
    assert words in refusals(site_case(steps=1, contracts=[spot(20), contract], assets=[fleet()]))


def test_a_tax_of_nothing_changes_nothing() -> None:
    assert profit(site_case(steps=1, contracts=[spot(20), tax(0.0, "spot")], house_load_mw=1)) == pytest.approx(-20)
