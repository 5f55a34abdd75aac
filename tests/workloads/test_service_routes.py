"""Routing within a latency limit, at a cost of transfer, and to nodes of another kind, worked by hand.

Sites ``a`` and ``b`` with 10 nodes each; a unit takes 1 kWh on a node that is full.
"""

from typing import Any

import pytest
from pool_case import pool_case, service, table, two_sites
from small_case import booked, profit, refusals, solved, unnoticed, warnings_of

FAR_AND_NEAR = [{"pool": "a.h", "latency_ms": 120}, {"pool": "b.h", "latency_ms": 40}]


def shared(demand: Any, **fields: Any) -> dict[str, Any]:
    return service(demand_per_hour=demand, pool=["a.h", "b.h"], **fields)


def test_pools_beyond_the_latency_limit_are_not_used() -> None:
    """Proves: 50 units are served where they cost 0.1 each, as the cheap site is too far: 45. Sensitivity: 49.5."""
    case = two_sites((10, 100), 1, shared(50, routes=FAR_AND_NEAR, max_latency_ms=80))
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(45.0)
    assert table(plan, "s", "nodes_by_pool") == {"a.h": [0.0], "b.h": [5.0]}
    assert "a.h (120 ms) is beyond it and not used" in warnings_of(case)
    assert unnoticed(plan, "s") == []


def test_pools_at_the_limit_are_used() -> None:
    assert profit(two_sites((10, 100), 1, shared(50, routes=FAR_AND_NEAR, max_latency_ms=120))) == pytest.approx(49.5)


@pytest.mark.parametrize(("cost", "expected"), [(0.05, 47.0), (0.2, 45.0)])
def test_sending_data_costs_by_unit(cost: float, expected: float) -> None:
    """Proves: a unit costs 0.01 + cost at the one site and 0.1 at the other. Sensitivity: without the cost 49.5."""
    plan = solved(two_sites((10, 100), 1, shared(50, routes=[{"pool": "a.h", "cost_per_unit": cost}])))
    assert plan.expected_profit == pytest.approx(expected)
    assert booked(plan, "inference_transfer_cost") == pytest.approx(-2.5 if cost < 0.1 else 0.0)


def test_data_of_batch_work_costs_too() -> None:
    """Proves: 10 units of batch work at 0.2 each. Sensitivity: only the service's own data 2."""
    batch = {"demand_per_hour": 10, "within_hours": 0}
    work = service(demand_per_hour=10, deferrable=batch, routes=[{"pool": "h", "cost_per_unit": 0.2}])
    assert booked(solved(pool_case(0, 1, work)), "inference_transfer_cost") == pytest.approx(-4.0)


def test_nodes_of_another_kind_have_figures_of_their_own() -> None:
    """Proves: at 20 units per node 50 units take 2.5 nodes and 25 kWh on the one site, at equal prices: 50 - 2.5.
    Sensitivity: with the service's figures 45; 5 nodes at 0.4 kWh 47."""
    plan = solved(two_sites((100, 100), 1, shared(50, routes=[{"pool": "b.h", "capacity_per_node_hour": 20}])))
    assert plan.expected_profit == pytest.approx(47.5)
    assert table(plan, "s", "nodes_by_pool") == {"a.h": [0.0], "b.h": [2.5]}
    assert unnoticed(plan, "s") == []


def test_a_service_may_give_figures_by_route_only() -> None:
    """Proves: 300 units fill 10 nodes at 10 and 10 at 20. Sensitivity: at one figure 200 or 400."""
    routes = [{"pool": "a.h", "capacity_per_node_hour": 10}, {"pool": "b.h", "capacity_per_node_hour": 20}]
    work = {key: value for key, value in shared(400, routes=routes).items() if key != "capacity_per_node_hour"}
    assert profit(two_sites((0, 0), 1, work)) == pytest.approx(300.0)
    del work["routes"][1]["capacity_per_node_hour"]
    assert "is missing (or give model)" in refusals(two_sites((0, 0), 1, work))


def test_latency_headroom_needs_no_nodes_on_a_pool_too_far() -> None:
    work = shared(50, routes=FAR_AND_NEAR, max_latency_ms=80, latency_headroom={"typical_nodes": 8}, min_served=1.0)
    assert table(solved(two_sites((10, 100), 1, work)), "s", "nodes_by_pool")["a.h"] == [0.0]


def test_a_service_level_counts_the_pools_in_reach() -> None:
    """Proves: 150 units need 15 nodes, of which 10 are in reach. Sensitivity: with both sites it can be met."""
    work = shared(150, routes=FAR_AND_NEAR, min_served=1.0)
    assert profit(two_sites((0, 0), 1, work | {"max_latency_ms": 200})) == pytest.approx(150.0)
    assert "by 5 nodes" in refusals(two_sites((0, 0), 1, work | {"max_latency_ms": 80}))


def test_contradictions_are_refused() -> None:
    def told(**fields: Any) -> str:
        return refusals(two_sites((0, 0), 1, shared(1, **fields)))

    assert "the service has no such pool" in told(routes=[{"pool": "c.h"}])
    assert "is described twice" in told(routes=[{"pool": "a.h"}, {"pool": "a.h"}])
    assert "the latency of b.h is not known" in told(routes=FAR_AND_NEAR[:1], max_latency_ms=80)
    assert "no pool is within it: a.h (120 ms), b.h (40 ms)" in told(routes=FAR_AND_NEAR, max_latency_ms=30)
    assert "needs capacity_per_node_hour or model too" in told(routes=[{"pool": "a.h", "kwh_per_unit": 0.1}])
    text = warnings_of(two_sites((0, 0), 1, shared(1, routes=FAR_AND_NEAR)))
    assert "latency_ms has no effect without max_latency_ms" in text
    odd = [{"pool": "b.h", "capacity_per_node_hour": 20, "kwh_per_unit": 1}]
    assert "routes[0].kwh_per_unit" in warnings_of(two_sites((0, 0), 1, shared(1, routes=odd)))
