"""Delivery charge: energy rates on all metered import, whoever delivers it, on cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed

import optimizer as opt


def wires(*rates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "delivery_charge", "name": "wires", "rates": list(rates)} | fields


def flat(price: Any, **fields: Any) -> dict[str, Any]:
    return wires({"price_per_mwh": price}, **fields)


def rising(end: float, price: float, beyond: float, **fields: Any) -> dict[str, Any]:
    return wires({"blocks": [{"up_to_mwh": end, "price_per_mwh": price}, {"price_per_mwh": beyond}]} | fields)


def battery(**fields: Any) -> dict[str, Any]:
    """1 MW that stores half of what it takes and gives half of what it stored; it is full and has to be so again."""
    plain = {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 10, "soc_start_mwh": 10}
    return plain | {"charge_efficiency": 0.5, "discharge_efficiency": 0.5} | fields


def lowest_price(case: dict[str, Any]) -> list[float]:
    frame = opt.build(opt.scenario_from_dict(case)).parts.sites["a"].frame
    return [float(price) for price in frame.lowest_buy_price[0]]


def test_all_import_is_charged_whoever_delivers_it() -> None:
    """Proves: 1 MW at 20 and 2 MW at 90 are delivered for 200, all 3 MWh at 10: 30. Sensitivity: charged on one supply
    it is 10 or 20, delivering 3 MW of its own the site would buy nothing."""
    contracts = [flat(10), spot(20, name="first", limit_mw=1), spot(90, name="second")]
    plan = solved(site_case(steps=1, contracts=contracts, house_load_mw=3))
    assert booked(plan, "wires_energy") == pytest.approx(-30)
    assert plan.expected_profit == pytest.approx(-230)
    assert unnoticed(plan, "wires") == []


def test_it_moves_the_break_even() -> None:
    """Proves: at spot 100 a fleet of break-even 114.29 earns 50, with 20 for delivery it rests. Sensitivity: a charge
    that the plan does not see would book a loss of 20."""
    case = site_case(steps=1, contracts=[spot(100), flat(20)], assets=[fleet()])
    assert profit(case) == pytest.approx(0)


def test_blocks_and_the_month_to_date_are_of_the_metered_import() -> None:
    """Proves: 7 MWh at 5 of which 3.5 are used, then 60; spot 80: hour 1 earns 400 - 280 - 17.5 = 102.5, the others
    would lose. Sensitivity: from the start of the blocks two hours run."""
    case = site_case(steps=3, contracts=[spot(80), rising(7, 5, 60, month_to_date_mwh=3.5)], assets=[fleet()])
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(102.5)
    assert plan.summary["carry"]["components"]["wires"]["energy_mwh"] == {"2024-08/energy": pytest.approx(7)}


def test_falling_blocks_are_bounded_by_what_the_site_can_take() -> None:
    """Proves: 3.5 MWh at 200, then 0, spot 20: 4 hours run, 1600 - 280 - 700 = 620. Sensitivity: without binaries the
    free block comes first and they earn 1320."""
    contract = wires({"blocks": [{"up_to_mwh": 3.5, "price_per_mwh": 200}, {"price_per_mwh": 0}]})
    problem = opt.build(opt.scenario_from_dict(site_case(steps=4, contracts=[spot(20), contract], assets=[fleet()])))
    assert problem.solve().expected_profit == pytest.approx(620)
    assert problem.parts.components["wires"].block.room_mwh.array.tolist() == [[pytest.approx(3.5), pytest.approx(14)]]


def test_two_runs_in_a_row_bill_what_one_long_run_bills() -> None:
    """Proves: 6 hours of 1 MW with blocks of 4 MWh at 10 and then 50: 140; cut after 3 hours 30 and 110. Sensitivity:
    without the carry the second run bills 30."""

    def run(start: str, hours: int, carry: Any = None) -> opt.Plan:
        case = site_case(steps=hours, start=start, contracts=[spot(0), rising(4, 10, 50)], house_load_mw=1)
        return solved(case | ({} if carry is None else {"carry": carry}))

    first = run("2024-08-19T00:00", 3)
    second = run("2024-08-19T03:00", 3, first.summary["carry"])
    assert [first.expected_profit, second.expected_profit] == pytest.approx([-30, -110])
    assert run("2024-08-19T00:00", 6).expected_profit == pytest.approx(-140)


@pytest.mark.parametrize(("price", "adder", "lowest"), [(-5, 0, -2), (1, -6, -2), (5, 0, 3), (5, -1, 3)])
def test_only_credits_count_for_the_price_of_a_further_mwh(price: float, adder: float, lowest: float) -> None:
    """Proves: spot is 3; a credit of 5 makes it -2. A charge may be taken over by a minimum bill, so it does not count.
    Sensitivity: without the credit no binary would keep a battery from burning energy."""
    contracts = [spot(3), flat(price, adder_per_mwh=adder)]
    assert lowest_price(site_case(steps=1, contracts=contracts)) == pytest.approx([lowest])


def test_credits_of_several_contracts_add_up_and_a_battery_does_not_burn_for_them() -> None:
    """Proves: spot 3 with two credits of 2.5 is -2: the battery stays idle, 0. Sensitivity: without its binary it
    charges 0.8 and discharges 0.2 MW at once, burns 0.6 MWh and earns 1.2."""
    contracts = [spot(3), flat(-2.5), flat(-2.5, name="rider")]
    plan = solved(site_case(steps=1, contracts=contracts, assets=[battery()]))
    assert plan.expected_profit == pytest.approx(0, abs=1e-9)
    assert series(plan, "charge_mw", "b") == [0]


def test_it_sees_the_sites_of_the_portfolio_together() -> None:
    """Proves: sites of 1 and 2 MW fill a block of 2 MWh at 10, the third MWh costs 50. Sensitivity: by site 30."""
    case = site_case(steps=1, contracts=[spot(0)], house_load_mw=1)
    case["sites"].append(case["sites"][0] | {"name": "b", "house_load_mw": 2})
    case["contracts"] = [rising(2, 10, 50)]
    assert profit(case) == pytest.approx(-70)


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (flat(1, limit_mw=3), "limit_mw: unknown key"),
        (wires({"price_per_mwh": 1, "window": {"hours": [1, 2]}}), "no rate applies (of energy) at 2024-08-19T00:00"),
        (rising(0, 1, 2), "blocks[0].up_to_mwh"),
    ],
)
def test_bad_fields_are_refused(contract: dict[str, Any], words: str) -> None:
    assert words in refusals(site_case(steps=24, contracts=[contract, spot(20)]))


def test_it_delivers_nothing() -> None:
    assert "no contract delivers energy" in refusals(site_case(steps=1, contracts=[flat(1)]))
