"""Checkpoints and failures by Young's rule, worked by hand.

10 nodes of which each fails every 50 hours fail every 5 hours; a checkpoint of 6 minutes (0.1 h) is written every
sqrt(2 * 0.1 * 5) = 1 hour and costs, with the half hour that a failure loses, 0.1 + 0.1 of the speed.
"""

from typing import Any

import pytest
from pool_case import job, pool_case
from small_case import profit, refusals, series, solved, unnoticed, warnings_of

FAILING = {"mtbf_hours_per_node": 50, "checkpoint_minutes": 6}


@pytest.mark.parametrize("of_class", ["malleable", "preemptible", "rigid"])
def test_checkpoints_and_failures_slow_a_job_down(of_class: str) -> None:
    """Proves: 16 node-hours take 2 hours of 10 nodes at 0.8 of the speed, 200 kWh at 100, written every hour.
    Sensitivity: without the loss 160 kWh (malleable) or the same hours with 20 node-hours done."""
    size = {"max_nodes": 10} if of_class == "malleable" else {"gang_nodes": 10}
    work = job(work_node_hours=16, **{"class": of_class}, **size, **FAILING)
    plan = solved(pool_case(100, 4, work | ({"block_hours": 1} if of_class == "preemptible" else {})))
    assert plan.expected_profit == pytest.approx(80.0)
    assert max(series(plan, "progress", "j")) == pytest.approx(16.0)
    assert plan.summary["checkpoint_interval_h"]["j"] == pytest.approx(1.0)
    assert unnoticed(plan, "j") == []


def test_recovery_costs_its_share() -> None:
    """Proves: half an hour to recover every 5 hours takes another 0.1: 7 node-hours in an hour. Sensitivity: counted
    once, or not, 8."""
    assert profit(pool_case(0, 1, job(work_node_hours=7, recovery_hours=0.5, **FAILING))) == pytest.approx(100.0)
    text = refusals(pool_case(0, 1, job(work_node_hours=7.5, recovery_hours=0.5, **FAILING)))
    assert "0.5 node-hours are lacking" in text


def test_recovery_is_a_restart_by_default() -> None:
    """Proves: a gang of 10 loses half an hour at its start (5 of 10) and 0.1 of its speed to restarts after failures,
    0.7 * (5 + 10) in two hours. Sensitivity: without them 0.8 * 15 = 12."""
    size = {"gang_nodes": 10, "block_hours": 2, "class": "preemptible"}
    work = job(work_node_hours=10.5, restart_loss_hours=0.5, **size, **FAILING)
    assert series(solved(pool_case(0, 2, work)), "progress", "j") == [3.5, 10.5]
    assert "lacking" in refusals(pool_case(0, 2, work | {"work_node_hours": 14.5}))


def test_the_failures_of_typical_nodes() -> None:
    """Proves: counted for 2.5 nodes a failure comes every 20 hours, which takes sqrt(0.2 / 20) = 0.1: 9 node-hours an
    hour. Sensitivity: counted for the most that it can hold 8."""
    work = job(work_node_hours=9, typical_nodes=2.5, **FAILING)
    assert profit(pool_case(0, 1, work)) == pytest.approx(100.0)


def test_the_loss_applies_to_a_scaling_table() -> None:
    """Proves: 8 nodes worth 6 fail every 6.25 hours: 6 * (1 - sqrt(0.2 / 6.25)). Sensitivity: 6."""
    speed = 6 * (1 - (0.2 / 6.25) ** 0.5)
    work = job(work_node_hours=speed, scaling=[[4, 4], [8, 6]], max_nodes=8, **FAILING)
    assert series(solved(pool_case(0, 1, work)), "progress", "j") == [round(speed, 6)]
    assert "lacking" in refusals(pool_case(0, 1, work | {"work_node_hours": 5}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"checkpoint_minutes": 6}, "checkpoint_minutes needs mtbf_hours_per_node"),
        ({"recovery_hours": 1}, "recovery_hours needs mtbf_hours_per_node"),
        ({"mtbf_hours_per_node": 1, "checkpoint_minutes": 6}, "10 nodes fail every 0.1 h"),
        ({"mtbf_hours_per_node": 50, "typical_nodes": 11}, "typical_nodes 11 exceeds max_nodes 10"),
        ({"mtbf_hours_per_node": 0}, "must be above 0"),
    ],
)
def test_failures_that_cannot_be_are_refused(fields: dict[str, Any], message: str) -> None:
    assert message in refusals(pool_case(0, 4, job(work_node_hours=1, **fields)))


def test_what_is_odd_is_pointed_out() -> None:
    gang = job(work_node_hours=1, gang_nodes=4, typical_nodes=2, mtbf_hours_per_node=50, **{"class": "rigid"})
    assert "typical_nodes is for malleable jobs" in refusals(pool_case(0, 4, gang))
    odd = job(work_node_hours=1, mtbf_hours_per_node=3, checkpoint_minutes=6)
    assert "the first-order rule is rough" in warnings_of(pool_case(0, 8, odd))
