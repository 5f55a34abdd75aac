"""What reserves ask of the grid connection, halls and jobs; worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from pool_case import job, pool_case, table, two_sites
from reserve_case import by_battery, case, held, service, store
from small_case import booked, fleet, refusals, series, solved, unnoticed, warnings_of

import optimizer as opt


# ---------------------------------------------------------------------- grid connection and halls
def test_reserves_down_need_room_at_the_grid_connection() -> None:
    """Proves: beside 0.5 MW of house load, a connection of 2 MW has room for 1.5 MW of the resting fleet. Sensitivity:
    without the rule 3.5 MW."""
    regdn = service(direction="down", price_per_mw_h=10)
    plan = solved(case(130, regdn, house_load_mw=0.5, grid={"import_limit_mw": 2}))
    assert series(plan, "award_mw", "rrs") == pytest.approx([1.5])


def test_room_for_reserves_down_includes_their_cooling() -> None:
    """Proves: with a tenth of cooling power 1.1 MW come with each MW: (2.7 - 0.5) / 1.1 = 2. Sensitivity: 2.2 MW."""
    regdn, hall = service(direction="down", price_per_mw_h=10), {"kind": "hall", "name": "air", "overhead": 0.1}
    cooled = [fleet(cooling="air")]
    grid = {"import_limit_mw": 2.7}
    plan = solved(case(130, regdn, house_load_mw=0.5, grid=grid, cooling=[hall], assets=cooled))
    assert series(plan, "award_mw", "rrs") == pytest.approx([2])


def test_reserves_down_need_room_in_the_hall() -> None:
    """Proves: of a limit of 3 MW of heat, one fleet of 3.5 MW with half its machines gives 1.75 MW and leaves 1.25 for
    the call of the other, which gives 0.8 of its power as heat: 1.5625 MW. Sensitivity: without the rule 3.5 MW."""
    regdn, hall = service(direction="down", price_per_mw_h=10), {"kind": "hall", "name": "air", "heat_limit_mw": 3}
    other = fleet("n", cooling="air", availability=0.5, hashprice_per_ph_day=96)
    plan = solved(case(130, regdn, cooling=[hall], assets=[fleet(cooling="air", heat_fraction=0.8), other]))
    assert series(plan, "award_mw", "rrs") == pytest.approx([1.25 / 0.8])
    assert unnoticed(plan, "air") == []


def test_reserves_up_beyond_the_load_need_room_for_export() -> None:
    """Proves: a battery of 10 MW behind a load of 3 MW and an export limit of 2 holds 5 MW. Sensitivity: 10 MW without
    the rule, 3 MW without counting the export."""
    sell = {"kind": "export", "name": "sell", "price_per_mwh": 0}
    battery = store(energy_mwh=40, soc_start_mwh=40, soc_end_mwh=40)
    products = by_battery("rrs", 50, 1), sell
    plan = solved(case(0, *products, assets=[battery], house_load_mw=3, grid={"export_limit_mw": 2}))
    assert series(plan, "award_mw", "rrs") == pytest.approx([5])


def test_room_for_reserves_up_includes_their_cooling() -> None:
    """Proves: a job of 0.1 MW with half as much cooling power is fed from a battery, all but the 0.015 MW of the
    connection; giving up 0.01 MW saves 0.005 of cooling and ends the import, and no export is allowed. Sensitivity:
    without the cooling 0.015 MW, without the rule 0.02 MW."""
    found = of_job(service(price_per_mw_h=1000, providers=["j"]), grid={"import_limit_mw": 0.015})
    found["sites"][0]["cooling"] = [{"kind": "hall", "name": "liquid", "overhead": 0.5}]
    found["sites"][0]["assets"][0]["cooling"] = "liquid"
    found["sites"][0]["assets"].append(store())
    assert held(solved(found), "rrs", "j") == pytest.approx([0.01, 0.01])


# ---------------------------------------------------------------------- jobs
def of_job(*services: dict[str, Any], grid: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Two hours of ten nodes from 2 to 10 kW, with a job of 20 node-hours worth 100."""
    found = pool_case(50, 2, job(**({"work_node_hours": 20, "flex_fraction": 0.25} | fields)), grid=grid)
    found["sites"][0]["contracts"] += services
    return found


def test_a_job_holds_its_flex_tier() -> None:
    """Proves: a quarter of 10 * 8 kW, 20 kW at 1000 in two hours: 40, beside 100 - 10 of the job. A tenth is called and
    costs 5 per node-hour, 625 per MWh: 2.5. Sensitivity: the whole power of the nodes 25 kW; all of their dynamic power
    80 kW."""
    plan = solved(of_job(service(price_per_mw_h=1000, providers=["j"], deployment_probability=0.1)))
    assert held(plan, "rrs", "j") == pytest.approx([0.02, 0.02])
    assert plan.expected_profit == pytest.approx(90 + 40 - 2.5)
    assert booked(plan, "rrs_deployment") == pytest.approx(-2.5)
    assert unnoticed(plan, "rrs") == []
    assert unnoticed(plan, "j") == []


def test_a_job_that_does_not_run_holds_nothing() -> None:
    """Proves: 10 node-hours take one of the two hours. Sensitivity: the size that it may have gives 20 kW in both."""
    plan = solved(of_job(service(price_per_mw_h=1000, providers=["j"]), work_node_hours=10, value=1000))
    assert sum(held(plan, "rrs", "j")) == pytest.approx(0.02 + 0.02)
    rigid = {"class": "rigid", "max_nodes": None, "gang_nodes": 10, "work_node_hours": 10}
    gang = of_job(service(price_per_mw_h=1000, providers=["j"]))
    gang["sites"][0]["workloads"] = [
        {k: v for k, v in (gang["sites"][0]["workloads"][0] | rigid).items() if v is not None}
    ]
    assert sum(held(solved(gang), "rrs", "j")) == pytest.approx(0.02)


def test_a_job_is_too_slow_for_short_notice_and_holds_nothing_down() -> None:
    slow = of_job(service(providers=["j"], notice_minutes=5))
    assert "j responds within 10 min" in refusals(slow)
    assert "j has nothing to hold as reserve down" in warnings_of(of_job(service(providers=["j"], direction="down")))
    assert "j has nothing to hold as reserve up" in warnings_of(of_job(service(providers=["j"]), flex_fraction=0.0))


def test_a_job_of_two_sites_holds_a_reserve_of_both() -> None:
    """Proves: assigned to the cheaper site, it holds its 20 kW there, under a contract of both: 100 - 4 + 40, also
    where sources behind both meters ask for room for what is called: nothing at the other site. Sensitivity: a call
    counted at both sites has to idle nodes at the other. A contract of one site alone is refused, as the job may run at
    the other."""
    shared = job(work_node_hours=20, flex_fraction=0.25, pool=["a.h", "b.h"])
    both = two_sites([50, 20], 2, shared)
    both["contracts"] = [service(price_per_mw_h=1000, providers=["j"])]
    plan = solved(both)
    assert held(plan, "rrs", "j") == pytest.approx([0.02, 0.02])
    assert sum(table(plan, "j", "nodes_by_pool")["b.h"]) == pytest.approx(20)
    both["sites"][0]["assets"].append(store(energy_mwh=0, soc_start_mwh=0))
    both["sites"][1]["assets"].append(store("c", energy_mwh=0, soc_start_mwh=0))
    plan = solved(both)
    assert plan.expected_profit == pytest.approx(100 - 4 + 40)
    assert unnoticed(plan, "j") == []
    both["contracts"][0]["sites"] = ["b"]
    assert "j stands at a and b" in refusals(both)


# ---------------------------------------------------------------------- the wall itself
def test_components_without_products_declare_nothing() -> None:
    """Proves: providers that serve no product, and their site, have no rule and no variable for reserves."""
    plain = opt.build(opt.scenario_from_dict(case(100, steps=2, assets=[fleet(min_up_hours=2.0), store()])))
    names = [block.constraint.name for block in plain.compiled.blocks]
    assert not [name for name in names if "reserve" in name or "claim" in name or "room" in name]
    with_product = opt.build(opt.scenario_from_dict(case(100, service(providers=["b"]), steps=2, assets=[store()])))
    assert [b for b in with_product.compiled.blocks if "reserve_up_0" in b.constraint.name]
