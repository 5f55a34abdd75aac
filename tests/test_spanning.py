"""Contracts of the portfolio: one contract, several sites, on cases worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from small_case import START, booked, fleet, profit, refusals, series, solved, spot, unnoticed

import optimizer as opt
from optimizer.audit import AuditView, Findings, audit_plan
from optimizer.spanning import audited_at_site

EXPORT = {"kind": "export", "name": "sell", "price_per_mwh": [70, 75], "limit_mw": 4}
BATTERY = {"kind": "battery", "name": "bess", "power_mw": 5, "energy_mwh": 20, "soc_start_mwh": 20, "soc_end_mwh": 0}


def portfolio(
    sites: list[dict[str, Any]], contracts: list[Any], *, steps: int = 2, start: str = START, **more: Any
) -> dict[str, Any]:
    """A scenario whose own ``contracts`` are those given."""
    horizon = {"start": start, "steps": steps, "timezone": "UTC"}
    case = {"format": 1, "name": "portfolio", "horizon": horizon, "sites": sites, "contracts": contracts}
    return case | {"solver": {"mip_rel_gap": 0.0}} | more


def site(name: str, load_mw: Any = 0.0, *contracts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": name, "house_load_mw": load_mw, "contracts": list(contracts)} | fields


def two_sites(*contracts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """2 MW at a (own supply at 100, 10) and 3 MW at b (own supply at 50, 80)."""
    return portfolio([site("a", 2, spot([100, 10])), site("b", 3, spot([50, 80]))], list(contracts), **more)


def shared(**fields: Any) -> dict[str, Any]:
    return spot(20, "shared") | fields


def split(plan: opt.Plan, contract: str, direction: str = "delivered") -> dict[str, list[float]]:
    """What a contract delivers to (or takes from) each site over time, first member."""
    table = plan.dispatch[f"{contract}.{direction}_at_site_mw"]
    return {
        str(name): [round(float(v), 6) + 0.0 for v in table.sel({f"{contract}.at_site": name}).to_numpy()[0]]
        for name in table[f"{contract}.at_site"].to_numpy()
    }


def battery_site(name: str, price: Any, export_limit_mw: float) -> dict[str, Any]:
    return site(name, 0, spot(price), assets=[BATTERY], grid={"export_limit_mw": export_limit_mw})


# ---------------------------------------------------------------------- what is shared out
def test_a_shared_supply_goes_where_the_other_supply_is_dearest() -> None:
    """Proves: of 4 MW at 20, hour 1 gives a its 2 MW (else at 100) and b 2 (else at 50), hour 2 b its 3 (else at 80)
    and a none (10 is cheaper): 140 + 50 + 20. Sensitivity: half to each site costs 40 * 2 + 1 * 50 + 20 + 1 * 80 = 230,
    the limit by site instead of in all 160."""
    plan = solved(two_sites(shared(limit_mw=4)))
    assert plan.expected_profit == pytest.approx(-210)
    assert split(plan, "shared") == {"a": [2, 0], "b": [2, 3]}
    assert series(plan, "delivered_mw", "shared") == [4, 3]
    assert booked(plan, "shared_energy") == pytest.approx(-140)


def test_what_a_shared_block_does_not_deliver_to_any_site_is_resold_once() -> None:
    """Proves: resale at 60 keeps only a's 2 MW in hour 1 (else at 100), at 20 only b's 3 in hour 2 (else at 80): resold
    2 * 60 + 1 * 20 = 140, block 8 * 30, own supplies 3 * 50 + 2 * 10: -270. Sensitivity: a block for each site would
    resell 360 and cost 480."""
    resale = {"price_per_mwh": [60, 20]}
    block = {"kind": "fixed_block", "name": "shared", "volume_mw": 4, "price_per_mwh": 30, "resale": resale}
    plan = solved(two_sites(block))
    assert plan.expected_profit == pytest.approx(-270)
    assert split(plan, "shared") == {"a": [2, 0], "b": [0, 3]}
    assert booked(plan, "shared_resale") == pytest.approx(140)
    assert series(plan, "resold_mw", "shared") == [2, 1]


def test_a_shared_export_takes_from_both_sites_within_one_limit() -> None:
    """Proves: 4 MW in all at 70 and 75, of which a's connection lets out at most 1: 580. Sensitivity: a limit by site
    brings 5 MW, 725."""
    plan = solved(portfolio([battery_site("a", 90, 1), battery_site("b", 95, 3)], [EXPORT]))
    assert plan.expected_profit == pytest.approx(580)
    assert split(plan, "sell", "sold") == {"a": [1, 1], "b": [3, 3]}


def test_a_site_does_not_import_to_export_through_shared_contracts() -> None:
    """Proves: sites without load buy nothing at 20 to sell it at 70 and 75, since each connection works one way at a
    time: 0. Sensitivity: without a binary where a shared contract pays more than one charges, 4 * (50 + 55) = 420."""
    grid = {"export_limit_mw": 4, "import_limit_mw": 4}
    sites = [site("a", 0, spot(90), grid=grid), site("b", 0, spot(95), grid=grid)]
    assert profit(portfolio(sites, [EXPORT, shared()])) == pytest.approx(0)


def test_sites_names_a_subset() -> None:
    """Proves: only b is served, 3 MW at 20 in both hours; a pays 200 + 20: -340. Sensitivity: serving all -240."""
    plan = solved(two_sites(shared(sites=["b"])))
    assert plan.expected_profit == pytest.approx(-340)
    assert split(plan, "shared") == {"b": [3, 3]}


def test_a_shared_contract_of_one_site_is_as_if_it_were_its_own() -> None:
    """Proves: 2 MW for 2 h at 20: 80, in the only site there is."""
    plan = solved(portfolio([site("a", 2)], [shared()]))
    assert plan.expected_profit == pytest.approx(-80)
    assert split(plan, "shared") == {"a": [2, 2]}


def test_members_are_shared_out_each_for_itself() -> None:
    """Proves: 4 MW at 20 for loads of 2 | 4 at a (else at 100) and 3 at b (else at 50): member 1 buys 1 * 50, member 2
    3 * 50: 0.5 * 130 + 0.5 * 230 = 180. Sensitivity: member 1's split for both would cost 0.5 * 130 + 0.5 * 330."""
    sites = [site("a", [[2], [4]], spot(100)), site("b", 3, spot(50))]
    case = portfolio(sites, [shared(limit_mw=4)], steps=1, ensemble={"members": 2})
    assert profit(case) == pytest.approx(-180)


def test_a_shared_contract_may_bear_the_name_of_a_sites_own() -> None:
    """Proves: their labels differ, so each has its own results."""
    plan = solved(two_sites(spot(20, "spot", limit_mw=4)))
    assert plan.expected_profit == pytest.approx(-210)
    assert set(plan.dispatch["component"].to_numpy()) == {"a.spot", "b.spot", "spot"}


def test_the_cap_on_energy_is_one_for_all_sites_and_is_carried() -> None:
    """Proves: 8 MWh a day at 20, else 100 and 50: hours 1 and 2 take 5 each but the cap stops at 8; in a row of two
    runs, the second has 3 left. Both cost the same. Sensitivity: a new cap in the second run saves 2 * 30."""

    def case(first: int, end: int) -> Mapping[str, Any]:
        sites = [site("a", 2, spot(100)), site("b", 3, spot(50))]
        cap = shared(energy_cap_mwh=8, settlement_period="day")
        return portfolio(sites, [cap], steps=end - first, start=start_of(first))

    assert ledger_of(in_a_row(case, 0, 2)) == {"shared_energy": -160, "spot_energy": -100}
    runs = in_a_row(case, 0, 1, 2)
    assert ledger_of(runs) == {"shared_energy": -160, "spot_energy": -100}
    assert runs[1].summary["carry"]["components"]["shared"]["energy_mwh"] == {"2024-08-19": pytest.approx(8)}


# ---------------------------------------------------------------------- what is wrong
@pytest.mark.parametrize(
    ("case", "words"),
    [
        (two_sites(shared(sites=["a", "bb"])), "contracts[0].sites[1]: there is no site of this name"),
        (two_sites(shared(sites=["a", "a"])), "contracts[0].sites[1]: is named twice"),
        (two_sites(shared(sites=[])), "contracts[0].sites: needs at least 1 entry"),
        (two_sites(fleet()), "miner_fleet is listed under assets"),
        (two_sites(workloads=[spot(3)]), "index_supply is listed under contracts"),
        (two_sites(shared(), shared()), "contracts[1].name: the name is used twice"),
        (two_sites(EXPORT), "an export contract needs a grid connection"),
        (portfolio([site("a", 2), site("b", 3)], [shared(sites=["a"])]), "sites[1].contracts: no contract delivers"),
        (portfolio([site("a", 2, spot(1, sites=["a"]))], []), "sites[0].contracts[0].sites: this contract stands at"),
    ],
)
def test_bad_contracts_of_the_portfolio_are_refused(case: dict[str, Any], words: str) -> None:
    assert words in refusals(case)


def test_an_unknown_site_is_told_once() -> None:
    """Proves: the site that was meant is not said to have no supply on top of it."""
    text = refusals(portfolio([site("odessa", 2)], [shared(sites=["odesa"])]))
    assert "did you mean 'odessa'?" in text
    assert "no contract delivers" not in text


def test_loads_beyond_a_shared_limit_are_infeasible_in_a_planners_words() -> None:
    with pytest.raises(opt.InfeasibleError) as caught:
        opt.optimize(opt.scenario_from_dict(portfolio([site("a", 2), site("b", 3)], [shared(limit_mw=4)])))
    assert "shared: a contract of several sites is shared out among them" in str(caught.value)
    assert "shared: delivered_mw at most 4" in str(caught.value)


# ---------------------------------------------------------------------- after the solve
@pytest.mark.parametrize("contract", ["shared", "sell"])
def test_the_audit_notices_falsified_results(contract: str) -> None:
    sites = [battery_site("a", 90, 1), battery_site("b", 95, 3)]
    assert unnoticed(solved(portfolio(sites, [EXPORT, shared(limit_mw=4)])), contract) == []


def test_the_audit_notices_a_sum_that_is_not_what_the_sites_get() -> None:
    """Proves: at a price of 0, where no bill is wrong, the contract's power is still held against its split."""
    assert unnoticed(solved(two_sites(spot(0, "shared"))), "shared") == []


def test_the_audit_notices_power_moved_from_one_site_to_the_other() -> None:
    """Proves: a split that still adds up is held against each site's import. Sensitivity: only the sum is right."""
    plan = solved(two_sites(shared(limit_mw=4)))
    problem, false = opt.build(plan.scenario), plan.dispatch.copy(deep=True)
    false["shared.delivered_at_site_mw"].loc[{"shared.at_site": "a"}] += 0.5
    false["shared.delivered_at_site_mw"].loc[{"shared.at_site": "b"}] -= 0.5
    audit, *_ = audit_plan(plan.scenario, problem.parts, false, plan.money, plan.summary["objective"])
    assert audit["largest_violation"] > 0.1
    assert audit["largest_violation_of"].endswith("import equals what the contracts deliver")


def test_the_audit_notices_a_site_that_gives_to_the_others() -> None:
    """Proves: what one site gets beyond the whole may not be taken from another."""
    plan = solved(two_sites(shared(limit_mw=4)))
    false, findings = plan.dispatch.copy(deep=True), Findings()
    false["shared.delivered_at_site_mw"].loc[{"shared.at_site": "a"}] += 9
    false["shared.delivered_at_site_mw"].loc[{"shared.at_site": "b"}] -= 9
    frame = opt.build(plan.scenario).parts.components["shared"].frame
    audited_at_site(AuditView(frame, false, findings), "delivered", "a")
    assert [found.rule for found in findings.worst] == ["power delivered by site is not negative"]


def test_a_plan_with_a_split_is_read_back_and_reported(tmp_path: Path) -> None:
    plan = solved(portfolio([battery_site("a", 90, 1), battery_site("b", 95, 3)], [EXPORT, shared(limit_mw=4)]))
    again = opt.Plan.load(plan.save(tmp_path / "results"))
    assert split(again, "sell", "sold") == {"a": [1, 1], "b": [3, 3]}
    assert again.ledger["site"].unique().tolist() == plan.ledger["site"].unique().tolist()
    page = again.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "power sold by site" in page
