"""Inference services: power, shedding, service level, headroom and routing, worked by hand.

A node serves 10 units an hour; idling takes 0.2 kWh of a unit, serving 0.8 kWh.
"""

import logging
from typing import Any

import pytest
from pool_case import pool, pool_case, rental, service, table, two_sites
from small_case import booked, profit, refusals, series, solved, unnoticed, warnings_of

import optimizer as opt
from optimizer.latency_headroom import safe_tangent, usable_servers


def test_power_is_affine_in_nodes_and_load() -> None:
    """Proves: 4 nodes that serve 25 draw 4 * 2 + 25 * 0.8 = 28 kW: 25 - 2.8. Sensitivity: nodes at full power give
    21, load only 23, idle power only 24.2."""
    plan = solved(pool_case(100, 1, service(demand_per_hour=25, min_replicas=4)))
    assert plan.expected_profit == pytest.approx(22.2)
    assert series(plan, "power_mw", "s") == pytest.approx([0.028])


def test_energy_per_unit_may_be_given() -> None:
    """Proves: 2.5 nodes and 25 * 0.4 kWh draw 15 kW: 25 - 1.5. Sensitivity: with the default of 0.8 kWh 22.5."""
    assert profit(pool_case(100, 1, service(demand_per_hour=25, kwh_per_unit=0.4))) == pytest.approx(23.5)


def test_demand_is_shed_where_energy_costs_more_than_serving_brings() -> None:
    """Proves: a unit takes 1 kWh and brings 0.05 + 0.02 not paid as a penalty: it is served at 60 (-0.1) and shed
    at 80 (-0.2). Sensitivity: without the penalty 0, serving both hours -0.4, a penalty on all demand -0.5."""
    plan = solved(
        pool_case([60, 80], 2, service(demand_per_hour=10, revenue_per_unit=0.05, shed_penalty_per_unit=0.02))
    )
    assert plan.expected_profit == pytest.approx(-0.3)
    assert series(plan, "served", "s") == pytest.approx([10, 0])
    assert series(plan, "shed", "s") == pytest.approx([0, 10])
    assert booked(plan, "inference_shed_penalty") == pytest.approx(-0.2)


@pytest.mark.parametrize(("period", "expected"), [("horizon", 0.4), ("month", 0.4), ("day", -4.35), ("step", -4.35)])
def test_the_service_level_holds_in_every_period(period: str, expected: float) -> None:
    """Proves: half of 20 units in two hours on either side of midnight. Over the horizon, all at 0.01 a unit before
    midnight: 0.5 - 0.1. By day or step, 5 of them after midnight at 1.0: 0.4 + 0.25 - 5. Sensitivity: without a
    service level the same 0.4 in all four cases."""
    work = service(demand_per_hour=10, revenue_per_unit=0.05, min_served=0.5, min_served_period=period)
    assert profit(pool_case([10, 1000], 2, work, start="2024-08-19T23:00")) == pytest.approx(expected)


def test_the_service_level_holds_in_every_member() -> None:
    """Proves: the member at 1000 serves half its demand as well: (0.4 - 4.75) / 2. Sensitivity: a level held on
    average is met by the cheap member alone, 0.2."""
    work = service(demand_per_hour=10, revenue_per_unit=0.05, min_served=0.5)
    assert profit(pool_case([[10], [1000]], 1, work, probabilities=[0.5, 0.5])) == pytest.approx(-2.175)


def test_replicas_are_kept_up_without_demand() -> None:
    """Proves: 2 replicas of 2 nodes idle at 8 kW: 0.8 at 100. Sensitivity: replicas counted as nodes 0.4."""
    work = service(demand_per_hour=0, nodes_per_replica=2, min_replicas=2)
    assert profit(pool_case(100, 1, work)) == pytest.approx(-0.8)


@pytest.mark.parametrize(("per_replica", "expected"), [(1, 22.4), (4, 22.2)])
def test_whole_replicas(per_replica: int, expected: float) -> None:
    """Proves: 25 units take 3 whole nodes or 1 replica of 4 nodes: 25 - (3 or 4) * 0.2 - 2. Sensitivity: fractional
    replicas give 22.5 in both cases."""
    work = service(demand_per_hour=25, nodes_per_replica=per_replica, integer=True)
    assert profit(pool_case(100, 1, work)) == pytest.approx(expected)


def test_headroom_keeps_capacity_free() -> None:
    """Proves: at half the capacity 25 units take 5 nodes, 10 + 20 kW. Sensitivity: without headroom 22.5."""
    plan = solved(pool_case(100, 1, service(demand_per_hour=25, headroom=0.5)))
    assert plan.expected_profit == pytest.approx(22.0)
    assert series(plan, "nodes", "s") == pytest.approx([5.0])


def latency_case(demand: Any, **fields: Any) -> dict[str, Any]:
    work = service(demand_per_hour=demand, latency_headroom={"typical_nodes": 64})
    return pool_case(100, 1, work, on=pool(nodes=100), **fields)


def test_latency_headroom_is_exact_at_the_typical_size() -> None:
    """Proves: by Erlang's table 64 nodes can be used to 0.83, so that 530.9 units take 64 nodes. Sensitivity:
    without headroom 53.1 nodes."""
    plan = solved(latency_case(10 * usable_servers(64, 0.1)))
    assert series(plan, "nodes", "s") == pytest.approx([64.0])
    assert 10 * usable_servers(64, 0.1) == pytest.approx(10 * 64 * 0.83, abs=10 * 64 * 0.005)


@pytest.mark.parametrize("nodes", [8, 32, 90])
def test_latency_headroom_holds_enough_nodes_at_other_sizes(nodes: int) -> None:
    """Proves: what Erlang's formula allows on 8, 32 or 90 nodes is given at least as many. Sensitivity: the
    utilisation of 64 nodes would give 5.4, 29.4 and 92.6."""
    needed = series(solved(latency_case(10 * usable_servers(nodes, 0.1))), "nodes", "s")[0]
    assert nodes < needed < nodes + 4


def test_no_demand_needs_no_nodes_for_latency() -> None:
    """Proves: with demand, however little, intercept / slope nodes are held; without it none. Sensitivity: a rule
    that always holds them idles 1.3 kWh too much."""
    line = safe_tangent(64, 0.1)
    assert series(solved(latency_case(1e-6)), "nodes", "s") == pytest.approx([line.least_servers], abs=1e-4)
    assert profit(latency_case(0)) == pytest.approx(0.0)


def test_a_pool_too_small_for_the_latency_target_serves_nothing() -> None:
    """Proves: 5 nodes are fewer than the 6.1 below which nothing is usable, so 10 units are shed at 2. Sensitivity:
    a floor that is forced all the same is infeasible."""
    work = service(demand_per_hour=10, latency_headroom={"typical_nodes": 64}, shed_penalty_per_unit=2)
    assert profit(pool_case(100, 1, work, on=pool(nodes=5))) == pytest.approx(-20.0)


def test_nodes_are_bound_before_they_are_needed_if_switching_takes_time() -> None:
    """Proves: with half an hour to switch, n1 + n2 >= 4 nodes serve 10 and then 20 units: 8 + 24 kWh. Sensitivity:
    without switching 3 nodes, 30 kWh, 27.0; with the first hour's nodes switched too more than 32."""
    work = service(demand_per_hour=[10, 20], min_served=1.0)
    assert profit(pool_case(100, 2, work, on=pool(switch_minutes=30))) == pytest.approx(30 - 3.2)
    assert profit(pool_case(100, 2, work)) == pytest.approx(27.0)


def test_a_started_replica_serves_after_its_cold_start() -> None:
    """Proves: half an hour of cold start loses as much as half an hour of switching; of both together, 30 minutes each,
    nothing is left of the first hour. Sensitivity: a cold start that is not counted 27.0 in the first case."""
    work = service(demand_per_hour=[10, 20], min_served=1.0, cold_start_minutes=30)
    assert profit(pool_case(100, 2, work)) == pytest.approx(30 - 3.2)
    known = service(demand_per_hour=[10, 10], cold_start_minutes=30, nodes_before=0)
    plan = solved(pool_case(100, 2, known, on=pool(switch_minutes=30)))
    assert series(plan, "served", "s") == pytest.approx([0.0, 10.0])
    assert plan.expected_profit == pytest.approx(10 - 0.2 - 1.0)
    assert unnoticed(plan, "s") == []


def test_a_cold_start_holds_other_work_up_by_no_minute() -> None:
    """Proves: nodes given back to rental in the second hour are rented from its start: 8 * 8 * 2. Sensitivity: with the
    cold start on the pool 2 * 8 * 8 - 4 * 8 * 0.5 = 112."""
    work = service(demand_per_hour=[20, 0], capacity_per_node_hour=5, cold_start_minutes=30, revenue_per_unit=100)
    plan = solved(pool_case(0, 2, work, rental(nodes_before=6), on=pool(off_kw=0)))
    assert booked(plan, "rental_revenue") == pytest.approx(6 * 8 + 10 * 8)


@pytest.mark.parametrize("shared", [False, True])
def test_every_rule_is_read_as_a_template(shared: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Proves: with every option of a service, on one pool and on two sites, each rule compiles."""
    where: dict[str, Any] = {"pool": ["a.h", "b.h"] if shared else "h", "demand_per_hour": 9}
    latency, batch = {"typical_nodes": 8}, {"demand_per_hour": 5, "within_hours": 3}
    tiers = [{"below": 0.99, "credit_fraction": 0.1}, {"below": 0.9, "credit_fraction": 0.5}]
    split: dict[str, Any] = {"prefill": {"demand_per_hour": 18}, "prefill_capacity_per_node_hour": 40}
    apart = {"prefill": {"demand_per_hour": 18, "pools": ["b.h"]}} if shared else {}
    far = [{"pool": "a.h", "cost_per_unit": 0.1, "capacity_per_node_hour": 12, "prefill_capacity_per_node_hour": 30}]
    routes = {"routes": far} if shared else {}
    late = batch | {"late_penalty_per_unit_hour": 1, "fills_headroom": False, "prefill_per_unit": 2}
    works = [
        service("s1", latency_headroom=latency, deferrable=batch, credits=tiers, **where),
        service("s2", cold_start_minutes=90, priority=1, **where, **split, **routes),
        service("s3", latency_headroom=latency, integer=True, **where, **(split | apart)),
        service("s4", deferrable=late, **where, **split),
    ]
    case = two_sites((50, 60), 12, *works) if shared else pool_case(50, 12, *works)
    for site in case["sites"]:
        site["assets"] = [pool(nodes=40)]
    with caplog.at_level(logging.WARNING, logger="optimizer.compiled"):
        plan = opt.optimize(opt.scenario_from_dict(case))
    assert plan.summary["audit"]["largest_violation"] < 1e-6
    assert not [record for record in caplog.records if record.name == "optimizer.compiled"]


@pytest.mark.parametrize("shared", [False, True])
def test_nothing_that_a_service_reports_goes_unaudited(shared: bool) -> None:
    where: Any = ["a.h", "b.h"] if shared else "h"
    work = service(demand_per_hour=[5, 90], latency_headroom={"typical_nodes": 8}, min_replicas=1, pool=where)
    plan = solved(two_sites((10, 20), 2, work) if shared else pool_case(10, 2, work))
    assert unnoticed(plan, "s") == []


def test_demand_is_routed_to_the_cheaper_site() -> None:
    """Proves: of 150 units an hour 100 are served where a unit costs 0.01 and 50 where it costs 0.1, in turns: 300
    - 2 * 6. Sensitivity: on one site 200 - 11, half each 300 - 16.5."""
    work = service(demand_per_hour=150, pool=["a.h", "b.h"])
    plan = solved(two_sites(([10, 100], [100, 10]), 2, work))
    assert plan.expected_profit == pytest.approx(288.0)
    assert table(plan, "s", "served_by_pool") == {"a.h": [100.0, 50.0], "b.h": [50.0, 100.0]}
    assert plan.dispatch["import_mw"].sel(site="a").to_numpy().ravel() == pytest.approx([0.1, 0.05])


def test_latency_headroom_is_held_only_where_demand_is_served() -> None:
    """Proves: one unit an hour is served on one site, which holds the least nodes for it. Sensitivity: least nodes
    on both sites cost twice as much; nodes without a least number 0.2 kWh."""
    work = service(demand_per_hour=1, pool=["a.h", "b.h"], latency_headroom={"typical_nodes": 8}, revenue_per_unit=5)
    plan = solved(two_sites((100, 90), 1, work))
    line = safe_tangent(8, 0.1)
    nodes = (0.1 + line.intercept) / line.slope
    assert table(plan, "s", "nodes_by_pool") == {"a.h": [0.0], "b.h": pytest.approx([nodes], abs=1e-5)}
    assert plan.expected_profit == pytest.approx(5 - 0.09 * (2 * nodes + 0.8))


def test_served_fraction_weighs_units_not_members() -> None:
    """Proves: 100 units of an expected 0.25 * 100 + 0.75 * 200. Sensitivity: the mean of the members' fractions is
    0.625, without probabilities 0.667."""
    plan = solved(pool_case(0, 1, service(demand_per_hour=[[100], [200]]), probabilities=[0.25, 0.75]))
    assert plan.summary["served_fraction"]["s"] == pytest.approx(100 / 175)
    assert plan.expected_profit == pytest.approx(100.0)


def test_without_demand_all_is_served() -> None:
    assert solved(pool_case(0, 1, service(demand_per_hour=0))).summary["served_fraction"]["s"] == 1.0


def test_an_impossible_service_level_is_refused_with_hours_and_nodes() -> None:
    """Proves: 90 % of 150 units need 13.5 nodes, 3.5 more than there are; over both hours 180 of 200 units against
    150. A level of 0.7 can be met over the horizon (140), but not in every step (105 > 100)."""
    work = service(demand_per_hour=[50, 150], min_served=0.9, min_served_period="step")
    text = refusals(pool_case(0, 2, work, rental()))
    assert "min_served: cannot be met" in text
    assert "at 2024-08-19T01:00" in text
    assert "by 3.5 nodes" in text
    assert "cannot be met" in refusals(pool_case(0, 2, work | {"min_served_period": "horizon"}))
    assert "cannot be met" in refusals(pool_case(0, 2, work | {"min_served": 0.7}))
    assert profit(pool_case(0, 2, work | {"min_served": 0.7, "min_served_period": "horizon"})) == pytest.approx(150)


def test_several_short_hours_are_named_with_the_worst() -> None:
    work = service(demand_per_hour=[150, 120, 200, 10], min_served=1.0)
    text = refusals(pool_case(0, 4, work))
    assert "in 3 steps from 2024-08-19T00:00" in text
    assert "by 10 nodes, most at 2024-08-19T02:00" in text


def test_contradictions_are_refused() -> None:
    both = service(demand_per_hour=1, headroom=0.1, latency_headroom={"typical_nodes": 8})
    assert "give either headroom or latency_headroom" in refusals(pool_case(0, 1, both))
    assert "must be below 1" in refusals(pool_case(0, 1, service(demand_per_hour=1, headroom=1)))
    assert "less than one replica" in refusals(
        pool_case(0, 1, service(demand_per_hour=1, nodes_per_replica=4, latency_headroom={"typical_nodes": 2}))
    )
    text = refusals(pool_case(0, 1, service(demand_per_hour=1, min_replicas=11)))
    assert "11 replicas need 11 nodes; as few as 10 are available" in text


def test_improbable_energy_is_pointed_out() -> None:
    text = warnings_of(pool_case(0, 1, service(demand_per_hour=1, kwh_per_unit=2)))
    assert "would draw 22 kW, more than full_kw of h" in text
    assert "has no effect without min_served" in warnings_of(
        pool_case(0, 1, service(demand_per_hour=1, min_served_period="month"))
    )
