"""GPU pools: where nodes are, what they draw, what they heat, worked by hand."""

import numpy as np
import pytest
from pool_case import job, pool, pool_case, rental, service, table
from small_case import profit, refusals, series, solved, warnings_of


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({}, 0.0),
        ({"switch_off": False}, 4.0),
        ({"off_kw": 0.5}, 1.0),
        ({"switch_off": False, "off_kw": 0.5}, 4.0),
    ],
)
def test_resting_nodes_are_off_unless_they_have_to_idle(fields: dict[str, object], cost: float) -> None:
    """Proves: 10 nodes idling at 2 kW for 2 h at 100 cost 4, off at 0.5 kW they cost 1, off at 0 kW nothing.
    Sensitivity: without off nodes every case costs 4, without the draw of off nodes the third costs 0."""
    assert profit(pool_case(100, 2, on=pool(**fields))) == pytest.approx(-cost)


def test_a_negative_price_keeps_nodes_idling() -> None:
    """Proves: 20 kW of idle nodes earn 1 an hour at -50. Sensitivity: nodes that may only be off earn 0."""
    plan = solved(pool_case(-50, 2))
    assert plan.expected_profit == pytest.approx(2.0)
    assert series(plan, "idle_nodes", "h") == [10.0, 10.0]
    assert series(plan, "off_nodes", "h") == [0.0, 0.0]


def test_only_available_nodes_work_and_draw() -> None:
    """Proves: 10 and then 5 nodes rented at 8 an hour earn 120, and draw 100 and 50 kW, which costs 15.
    Sensitivity: without availability 160 - 20 = 140; with unavailable nodes idling 104."""
    plan = solved(pool_case(100, 2, rental(), on=pool(availability=[1.0, 0.5], switch_off=False)))
    assert plan.expected_profit == pytest.approx(105.0)
    assert series(plan, "pool_power_mw", "h") == pytest.approx([0.1, 0.05])


def test_availability_may_differ_by_member() -> None:
    """Proves: 80 and 40 at even odds earn 60. Sensitivity: the first member's availability for all gives 80."""
    case = pool_case(0, 1, rental(), on=pool(availability=[[1.0], [0.5]]), probabilities=[0.5, 0.5])
    assert profit(case) == pytest.approx(60.0)


def test_workloads_share_the_nodes() -> None:
    """Proves: a service worth 10 per node-hour takes its 4 nodes first, rental at 8 gets the other 6: 40 + 48.
    Sensitivity: without the balance of nodes rental takes all 10 as well, 120."""
    plan = solved(pool_case(0, 1, rental(), service(demand_per_hour=40)))
    assert plan.expected_profit == pytest.approx(88.0)
    assert table(plan, "h", "nodes_by_workload") == {"r": [6.0], "s": [4.0]}


def test_heat_of_workloads_and_resting_nodes_goes_to_the_hall() -> None:
    """Proves: of 0.05 MW of heat at 0.5 per power, 10 idle nodes take 0.01 and each rented one 0.004 more: 10
    nodes. With heat_fraction 1 it is 0.02 and 0.008: 3.75 nodes, 30. Sensitivity: without the heat of idle
    nodes 5 nodes, 40; without the workloads' heat 10 nodes, 80."""
    hall = {"kind": "hall", "name": "air", "heat_limit_mw": 0.05}
    on = pool(cooling="air", switch_off=False)
    assert profit(pool_case(0, 1, rental(), on=on, cooling=[hall])) == pytest.approx(30.0)
    assert profit(pool_case(0, 1, rental(), on=on | {"heat_fraction": 0.5}, cooling=[hall])) == pytest.approx(80.0)


def test_reported_powers_add_up_to_the_import() -> None:
    """Proves: 4 serving nodes, 3 rented and 3 idle draw 40 + 30 + 6 kW, each reported once. Sensitivity: a pool
    that reports its total as its own doubles to 146 kW."""
    on = pool(switch_off=False)
    plan = solved(pool_case(10, 1, service(demand_per_hour=40), rental(max_nodes=3), on=on))
    assert series(plan, "power_mw", "r") == pytest.approx([0.03])
    assert float(np.nansum(plan.dispatch["power_mw"])) == pytest.approx(0.076)
    assert float(plan.dispatch["import_mw"].sum()) == pytest.approx(0.076)


def test_powers_that_do_not_rise_are_refused() -> None:
    assert "must be off_kw <= idle_kw <= full_kw; found 0, 12 and 10 kW" in refusals(
        pool_case(0, 1, on=pool(idle_kw=12))
    )
    assert "found 3, 2 and 10 kW" in refusals(pool_case(0, 1, on=pool(off_kw=3)))


def test_watts_are_taken_for_what_they_are() -> None:
    assert "was 10 meant (watts given)?" in refusals(pool_case(0, 1, on=pool(idle_kw=2000, full_kw=10000)))


def test_a_pool_without_work_is_pointed_out() -> None:
    assert "no workload runs on this pool" in warnings_of(pool_case(0, 1))
    assert "no workload" not in warnings_of(pool_case(0, 1, rental()))


def test_an_unknown_pool_is_named() -> None:
    assert "did you mean 'h'" in refusals(pool_case(0, 1, job(pool="hh", work_node_hours=1)))
