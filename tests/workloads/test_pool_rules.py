"""Every rule of pools and workloads is read as a template, none is run index by index."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from pool_case import at, job, pool, pool_case, rental, service, two_sites

import optimizer as opt
from optimizer.highs import solve

SCALING = [[4, 4], [8, 6]]
LATENCY = {"typical_nodes": 8}
ANY_PLAN = 0.3
"""A gap that the first good plan is within."""
LOSSES = {"restart_loss_hours": 1.5, "min_run_hours": 3, "late_penalty_per_hour": 1, "deadline": at(10)}


@pytest.mark.parametrize("shared", [False, True])
def test_no_rule_falls_back(shared: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Proves: with every option of every kind, on one pool and on two sites, each rule compiles."""
    where = {"pool": ["a.h", "b.h"] if shared else "h"}
    gang = {"gang_nodes": 4, "work_node_hours": 8, "unfinished_value_per_node_hour": 1}
    work = [
        job("j1", work_node_hours=8, min_nodes=1, scaling=SCALING, integer=True, **LOSSES, **where),
        job("j2", work_node_hours=8, unfinished_value_per_node_hour=1, **where),
        job("j3", **gang, **LOSSES, **where, **{"class": "preemptible"}),
        job("j4", **gang, restart_loss_hours=1.5, scaling=SCALING, **where, **{"class": "rigid"}),
        job("j5", work_node_hours=4, required=True, **where),
        service("s1", demand_per_hour=9, latency_headroom=LATENCY, min_replicas=1, min_served=0.5, **where),
        service("s2", demand_per_hour=9, integer=True, headroom=0.2, **where),
        rental(min_nodes=1, max_nodes=3, nodes_before=[1] if not shared else [1, 0], **where),
    ]
    on = pool(nodes=30, switch_minutes=90, switch_cost=1)
    case = pool_case(50, 12, *work, on=on) if not shared else two_sites((50, 60), 12, *work)
    for site in case["sites"]:
        site["assets"] = [on]
    with caplog.at_level(logging.WARNING, logger="optimizer.compiled"):
        plan = opt.optimize(opt.scenario_from_dict(case))
    assert plan.expected_profit > 0
    assert not [record for record in caplog.records if record.name == "optimizer.compiled"]


@pytest.mark.parametrize("shared", [False, True])
def test_no_rule_of_flexible_training_falls_back(shared: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Proves: with power caps, throughput tiers, order, failures, pools that differ, maintenance and waking, on one
    pool and on two sites, each rule compiles, and a plan by them passes the audit. Any plan will do: the best one is
    looked for where few of these options meet."""
    where: dict[str, Any] = {"pool": "h"}
    if shared:
        where = {"pool": ["a.h", "b.h"], "speed_by_pool": {"b.h": 0.5}, "data_at": "a.h", "data_move_hours": 1}
    all_of_it = {"power_caps": "default", "mtbf_hours_per_node": 500, "checkpoint_minutes": 3, **where}
    gang = {"gang_nodes": 4, "work_node_hours": 8, "restart_loss_hours": 0.5}
    tier = {"loss": 0.75, "window_hours": 4}
    later = tier | {"counted_from": "start"}
    work = [
        job("j1", work_node_hours=8, min_nodes=1, scaling=SCALING, restart_loss_hours=0.5, flex=tier, **all_of_it),
        job("j2", **gang, flex=later, after=["j1"], **all_of_it, **{"class": "preemptible"}),
        job("j3", **gang, after=["j1", "j2"], **all_of_it, **{"class": "rigid"}),
        job("j4", work_node_hours=8, after=["j3"], flex=later, **all_of_it),
    ]
    on = pool(nodes=30, switch_minutes=90, wake_minutes=90, maintenance=[{"from": at(1), "until": at(3), "nodes": 4}])
    case = pool_case(50, 23, *work, on=on) if not shared else two_sites((50, 60), 23, *work)
    for site in case["sites"]:
        site["assets"] = [on]
    case["solver"] = {"mip_rel_gap": ANY_PLAN}
    with caplog.at_level(logging.WARNING, logger="optimizer.compiled"):
        plan = opt.optimize(opt.scenario_from_dict(case))
    assert plan.expected_profit > 300
    assert not [record for record in caplog.records if record.name == "optimizer.compiled"]


@pytest.mark.parametrize("of_class", ["preemptible", "rigid"])
def test_free_slack_is_not_shown_as_switches(of_class: str) -> None:
    """Proves: of all plans that earn the same, the one is taken that shows 4 nodes switched to the job, once.

    Sensitivity: switches are bounded from below only and cost nothing here; asked for many of them, at a price within
    its tolerance, HiGHS shows 10 (all nodes of the pool) in each step that has slack.
    """
    work = job("j", work_node_hours=8, value=100, gang_nodes=4, **{"class": of_class})
    problem = opt.build(opt.scenario_from_dict(pool_case(50, 12, work, on=pool(nodes=10, switch_minutes=6))))
    switched = problem.compiled.columns(problem.parts.components["j"].block.switched).ravel()
    cost = problem.arrays.cost.copy()
    cost[switched] += 1e-11
    outcome = solve(replace(problem.arrays, cost=cost), problem.scenario.solver)
    assert outcome.values is not None
    assert outcome.values[switched].sum() == pytest.approx(4.0, abs=1e-6)
