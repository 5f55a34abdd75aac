"""Load share: a share of whatever is imported, on cases worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt
from optimizer.audit import AuditView, Findings


def share_of_load(share: Any, price: Any, name: str = "poll", **fields: Any) -> dict[str, Any]:
    return {"kind": "load_share", "name": name, "share": share, "price_per_mwh": price} | fields


def lowest_price(case: dict[str, Any], component: str) -> list[float]:
    frame = opt.build(opt.scenario_from_dict(case)).parts.components[component].frame
    return [float(v) for v in frame.part.component.lowest_buy_price(frame)[0]]  # type: ignore[attr-defined]


def test_it_delivers_its_share_of_the_import_and_no_more() -> None:
    """Proves: of 2 MW for 2 h, 40 % cost 30 and the rest 20 and 90: 1.6 * 30 + 1.2 * 20 + 1.2 * 90 = 180. Sensitivity:
    a supply that may deliver up to its share buys nothing in hour 1: 40 + 24 + 108 = 172."""
    plan = solved(site_case(steps=2, contracts=[share_of_load(0.4, 30), spot([20, 90])], house_load_mw=2))
    assert plan.expected_profit == pytest.approx(-180)
    assert series(plan, "delivered_mw", "poll") == pytest.approx([0.8, 0.8])
    assert booked(plan, "poll_energy") == pytest.approx(-48)


def test_it_follows_what_the_machines_draw() -> None:
    """Proves: half of a MWh at 60 and half at 180 cost 120, above the break-even of 114.29: the fleet stands; at 60 and
    160 they cost 110, so 3.5 MW earn 400 - 385 = 15. Sensitivity: buying from the cheaper contract first runs both."""
    plan = solved(site_case(steps=2, contracts=[share_of_load(0.5, 60), spot([180, 160])], assets=[fleet()]))
    assert plan.expected_profit == pytest.approx(15)
    assert series(plan, "delivered_mw", "poll") == pytest.approx([0, 1.75])


def test_share_and_price_may_differ_by_step_and_member() -> None:
    """Proves: 1 MW; member 1 pays 0.25 * 40 + 0.75 * 10 = 17.5, then 1 * 20; member 2 0.5 * 60 + 0.5 * 10 = 35, then
    0 * 20 + 10: 0.5 * 37.5 + 0.5 * 45 = 41.25."""
    contract = share_of_load([[0.25, 1], [0.5, 0]], [[40, 20], [60, 20]])
    case = site_case(steps=2, contracts=[contract, spot(10)], house_load_mw=1, probabilities=[0.5, 0.5])
    assert profit(case) == pytest.approx(-41.25)


def test_several_shares_may_cover_the_whole_load() -> None:
    """Proves: 0.1 * 10 + 0.2 * 20 + 0.7 * 30 = 26 per MWh, though the three do not add up to 1 exactly in floating
    point."""
    contracts = [share_of_load(0.1, 10, "p"), share_of_load(0.2, 20, "q"), share_of_load(0.7, 30, "r")]
    assert profit(site_case(steps=1, contracts=contracts, house_load_mw=2)) == pytest.approx(-52)


# ---------------------------------------------------------------------- what a further MWh costs
@pytest.mark.parametrize(("price", "spot_price"), [(-50, 100), (100, -50), (30, 20)])
def test_the_lowest_price_never_exceeds_what_a_further_mwh_costs(price: float, spot_price: float) -> None:
    """Proves: with 90 % at one price and the rest at another, the bound (the lower of the two) is at most the average
    that a further MWh costs. Sensitivity: the share times its price, 90 for (100, -50), would be above the 85."""
    case = site_case(steps=1, contracts=[share_of_load(0.9, price), spot(spot_price)], house_load_mw=1)
    more = case | {"sites": [case["sites"][0] | {"house_load_mw": 2}]}
    frame = opt.build(opt.scenario_from_dict(case)).parts.sites["a"].frame
    marginal = profit(case) - profit(more)
    assert marginal == pytest.approx(0.9 * price + 0.1 * spot_price)
    assert float(frame.lowest_buy_price[0, 0]) == min(price, spot_price) <= marginal


def test_no_energy_is_burnt_where_the_average_price_is_negative() -> None:
    """Proves: at 0.9 * -50 + 0.1 * 100 = -35 per MWh a full battery that has to end full cannot draw a MWh more: 1 MWh
    of house load brings 35. Sensitivity: without the binary, charging 1.33 and discharging 0.67 MW at once burn
    0.67 MWh: 58.3."""
    battery = {
        "kind": "battery",
        "name": "b",
        "power_mw": 2,
        "energy_mwh": 4,
        "soc_start_mwh": 4,
        "discharge_efficiency": 0.5,
    }
    case = site_case(steps=1, contracts=[share_of_load(0.9, -50), spot(100)], assets=[battery], house_load_mw=1)
    assert profit(case) == pytest.approx(35)


def test_a_share_of_zero_delivers_nothing() -> None:
    case = site_case(steps=2, contracts=[share_of_load([0, 0.5], 5), spot(40)], house_load_mw=1)
    assert lowest_price(case, "poll") == [float("inf"), 5]


# ---------------------------------------------------------------------- several sites
def test_a_shared_contract_takes_its_share_of_each_site() -> None:
    """Proves: 2 MW at each of two sites, half at 50, the rest at 100 (a) and 0 (b): 2 * 50 + 1 * 100 = 200.
    Sensitivity: half of the sum, shared out freely, goes all to a and costs 100."""
    plan = solved(portfolio(share_of_load(0.5, 50)))
    assert plan.expected_profit == pytest.approx(-200)
    assert plan.dispatch["poll.delivered_at_site_mw"].to_numpy().ravel().tolist() == pytest.approx([1, 1])


def test_shares_at_each_site_count_together() -> None:
    """Proves: 0.7 of both sites and 0.4 of a alone are too much at a."""
    text = refusals(portfolio(share_of_load(0.7, 50), of_a=[share_of_load(0.4, 40, "local")]))
    assert "contracts[0].share: the shares of the load at site a add up to 1.1" in text
    assert text.count("add up") == 1


def portfolio(contract: dict[str, Any], of_a: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "format": 1,
        "name": "portfolio",
        "horizon": {"start": "2024-08-19T00:00", "steps": 1, "timezone": "UTC"},
        "sites": [
            {"name": "a", "house_load_mw": 2, "contracts": [spot(100), *(of_a or [])]},
            {"name": "b", "house_load_mw": 2, "contracts": [spot(0)]},
        ],
        "contracts": [contract],
    }


# ---------------------------------------------------------------------- what is wrong
def test_shares_above_the_whole_load_are_refused() -> None:
    """Proves: the third of 0.5, 0.3 and 0.3 is one too many, from the second hour on."""
    contracts = [share_of_load(0.5, 1, "p"), share_of_load(0.3, 1, "q"), share_of_load([0.2, 0.3], 1, "r")]
    text = refusals(site_case(steps=2, contracts=contracts))
    assert "contracts[2].share: the shares of the load at site a add up to 1.1, first at 2024-08-19T01:00" in text
    assert text.count("add up") == 1


def test_a_load_without_a_supply_for_the_rest_is_pointed_out() -> None:
    assert "no contract delivers the rest" in warnings_of(site_case(steps=2, contracts=[share_of_load(0.4, 30)]))
    assert warnings_of(site_case(steps=2, contracts=[share_of_load(0.4, 30), spot(20)])) == ""
    assert warnings_of(site_case(steps=2, contracts=[share_of_load(1, 30)])) == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"share": 1.2}, "contracts[0].share: found 1.2; must be at most 1"),
        ({"share": -0.1}, "contracts[0].share"),
        ({"price_per_mwh": [1, 2, 3]}, "must be one for each of 2 steps"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(site_case(steps=2, contracts=[share_of_load(0.5, 30) | fields, spot(10)]))


@pytest.mark.parametrize("several", [False, True])
def test_the_audit_notices_falsified_results(several: bool) -> None:
    one = site_case(steps=2, contracts=[share_of_load(0.4, 30), spot(20)], house_load_mw=2)
    assert unnoticed(solved(portfolio(share_of_load(0.4, 30)) if several else one), "poll") == []


def test_the_contracts_own_audit_holds_the_share_at_each_site() -> None:
    """Proves: a split that adds up is not enough. Sensitivity: held against the sum of the sites, nothing is found."""
    plan = solved(portfolio(share_of_load(0.5, 50)))
    false, findings = plan.dispatch.copy(deep=True), Findings()
    false["poll.delivered_at_site_mw"].loc[{"poll.at_site": "a"}] += 0.5
    false["poll.delivered_at_site_mw"].loc[{"poll.at_site": "b"}] -= 0.5
    frame = opt.build(plan.scenario).parts.components["poll"].frame
    frame.part.component.audit(AuditView(frame, false, findings))
    assert [found.rule for found in findings.worst] == ["the contract delivers its share of the metered import"] * 2
