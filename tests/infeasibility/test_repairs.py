"""What is proposed where there is no plan: smallest changes, in the form in which the file writes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pool_case import at, job, pool, pool_case
from small_case import site_case, spot, warnings_of

import optimizer as opt
from optimizer.component import Asset
from optimizer.infeasibility import check_for_plan, explain
from optimizer.infeasibility.levers import levers_of, with_value
from optimizer.parts import place


def error(case: dict[str, Any]) -> opt.InfeasibleError:
    with pytest.raises(opt.InfeasibleError) as caught:
        opt.optimize(opt.scenario_from_dict(case))
    return caught.value


def proposed(case: dict[str, Any]) -> dict[str, Any]:
    """Values of the repairs of one number, by path."""
    changes = [repair["changes"] for repair in error(case).repairs]
    return {change["path"]: change["value"] for (change,) in changes}


def test_the_work_that_fits_the_time_that_suffices_and_the_power_that_is_lacking() -> None:
    """Proves: 2 nodes' worth of power for 4 hours make 8 of 30 node-hours. With 10 nodes' worth from hour 4 on, the
    other 22 take 3 hours more; 0.075 MW for 7.5 nodes take 0.055 MW more."""
    power = [0.02] * 4 + [0.1] * 4
    late = pool_case(
        10, 8, job("j", work_node_hours=30, required=True, deadline=at(4)), grid={"import_limit_mw": power}
    )
    assert proposed(late) == {
        "sites.a.workloads.j.deadline": "2024-08-19T07:00",
        "sites.a.grid.import_limit_mw.add": pytest.approx(0.055),
        "sites.a.workloads.j.work_node_hours": pytest.approx(8.0),
        "sites.a.workloads.j.required": False,
    }


def test_a_table_is_raised_in_every_row() -> None:
    """Proves: 8 nodes of 10 kW in a hall for 0.06 MW at any temperature: 0.02 MW more."""
    hall = {
        "kind": "hall",
        "name": "air",
        "heat_limit_table": {"temperature_c": 20, "table": [[-20, 0.08], [20, 0.06], [40, 0.04]]},
    }
    rented = {"kind": "rental", "name": "r", "pool": "h", "price_per_gpu_hour": 1, "min_nodes": 8}
    case = pool_case(10, 1, rented, cooling=[hall], on=pool(cooling="air"))
    table = proposed(case)["sites.a.cooling.air.heat_limit_table.table"]
    assert table == [[-20.0, pytest.approx(0.10)], [20.0, pytest.approx(0.08)], [40.0, pytest.approx(0.06)]]


def test_series_are_shifted_or_scaled_and_counted_by_step() -> None:
    """Proves: loads of 1, 4 and 3 MW on 2 MW: 2 MW more in 2 steps, or half of the load."""
    repairs = error(site_case(steps=3, contracts=[spot(10, limit_mw=2)], house_load_mw=[1, 4, 3])).repairs
    by_path = {repair["changes"][0]["path"]: repair for repair in repairs}
    supply = by_path["sites.a.contracts.spot.limit_mw"]
    assert (supply["changes"][0]["value"], supply["steps"]) == (4.0, 2)
    assert by_path["sites.a.house_load_mw.scale"]["changes"][0]["value"] == pytest.approx(0.5)


def test_two_conflicts_at_once_take_two_changes() -> None:
    """Proves: two sites, each with a supply 1 MW too small: no change of one number helps; both together do."""
    case = site_case(steps=1, contracts=[spot(10, limit_mw=1)], house_load_mw=2)
    case["sites"].append({**case["sites"][0], "name": "b"})
    (repair,) = error(case).repairs
    assert sorted(change["path"].split(".")[1] for change in repair["changes"]) == ["a", "b"]
    assert all(change["change"] == pytest.approx(-1.0) for change in repair["changes"])  # half of the load is less
    assert " and " in str(error(case)).splitlines()[-1]


def test_of_a_kind_that_names_nothing_every_number_is_tried() -> None:
    """Proves: a new kind has repairs without a word of its own."""

    class Kiln(Asset):
        burn_mw: float
        spare: float = 3.0
        is_lit: bool = True

    scenario = opt.scenario_from_dict(site_case(steps=1, contracts=[spot(10)]))
    parts, _ = place(scenario)
    parts.sites["a"].component = Kiln(name="kiln", burn_mw=2.0)  # type: ignore[assignment]
    found = {lever.place[-1]: lever.way for lever in levers_of(parts, scenario, ["a"])}
    assert found == {"burn_mw": "number", "spare": "number", "is_lit": "switch"}


def test_what_the_file_would_refuse_is_not_proposed() -> None:
    """Proves: the schema and the cross-checks judge a change as they would judge the file."""
    scenario = opt.scenario_from_dict(pool_case(10, 4, job("j", work_node_hours=20)))
    place_of = ("sites", 0, "workloads", 0)
    assert with_value(scenario, (*place_of, "work_node_hours"), -1.0) is None
    assert with_value(scenario, (*place_of, "work_node_hours"), 41.0) is None  # 10 nodes for 4 hours
    changed = with_value(scenario, (*place_of, "work_node_hours"), 30.0)
    assert changed is not None
    assert opt.optimize(changed).summary["work_done"] == {"j": pytest.approx(30.0)}
    assert scenario.sites[0].workloads[0].work_node_hours == 20  # type: ignore[union-attr]


def test_repairs_are_left_out_where_they_are_not_asked_for() -> None:
    scenario = opt.scenario_from_dict(site_case(steps=1, contracts=[spot(10, limit_mw=1)], house_load_mw=2))
    problem = opt.build(scenario)
    found = explain("infeasible", problem.arrays, problem.compiled, scenario, None, repairs=False)
    assert isinstance(found, opt.InfeasibleError)
    assert found.repairs == []
    assert found.conflicts[0] == {
        "where": "spot",
        "rule": "delivered_mw at most",
        "limit": [1.0, 1.0],
        "first": "2024-08-19T00:00+00:00",
        "last": "2024-08-19T00:00+00:00",
        "steps": 1,
        "members": [0],
    }


loads = st.lists(st.integers(0, 4000).map(lambda kw: kw / 1e3), min_size=2, max_size=2)


@settings(max_examples=25, deadline=None)
@example(house=[0.0, 4.75e-183], supply=[1.0, 0.0], level=0.0, export=False)
@given(house=loads, supply=loads, level=st.floats(0, 4), export=st.booleans())
def test_a_scenario_that_has_a_plan_is_never_called_hopeless(
    house: list[float], supply: list[float], level: float, export: bool
) -> None:
    """Proves: the check before the solve says "no plan" only where there is none, with a battery that helps or not."""
    battery = {"kind": "battery", "name": "b", "power_mw": 2, "energy_mwh": 4, "soc_start_mwh": 4, "soc_end_mwh": 0}
    case = site_case(
        steps=2, contracts=[spot(10, limit_mw=supply)], house_load_mw=house, assets=[battery] if export else []
    )
    warned = "there is no plan" in warnings_of(case)
    try:
        opt.optimize(opt.scenario_from_dict(case))
    except opt.InfeasibleError:
        assert export or warned  # without own sources the check is exact
    else:
        assert not warned


def test_whether_there_is_a_plan_can_be_asked_alone() -> None:
    fine = opt.scenario_from_dict(site_case(steps=1, contracts=[spot(10, limit_mw=2)], house_load_mw=2))
    assert check_for_plan(fine)
    short = opt.scenario_from_dict(site_case(steps=1, contracts=[spot(10, limit_mw=1)], house_load_mw=2))
    with pytest.raises(opt.InfeasibleError, match="at most 1 is possible"):
        check_for_plan(short)


def test_a_house_load_beyond_the_connection_is_in_order_with_own_power() -> None:
    """Proves: 3 MW on a connection of 2 run with a generator of 2 MW beside them; without it the file is refused."""
    generator = {
        "kind": "generator", "name": "gen", "unit_mw": 2, "heat_rate_gj_per_mwh": 9, "fuel_price_per_gj": 5,
    }  # fmt: skip
    case = site_case(steps=1, contracts=[spot(10)], house_load_mw=3, assets=[generator], grid={"import_limit_mw": 2})
    assert opt.optimize(opt.scenario_from_dict(case)).expected_profit == pytest.approx(-2 * 10 - 45)
    case["sites"][0]["assets"] = []
    with pytest.raises(opt.InputError, match="exceeds the import limit of 2 MW"):
        opt.scenario_from_dict(case)
