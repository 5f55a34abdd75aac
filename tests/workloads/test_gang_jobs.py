"""Preemptible and rigid training jobs: gangs in blocks, and gangs without a break; worked by hand.

A gang of 4 takes 0.4 an hour at a price of 10, 4 at a price of 100.
"""

from typing import Any

import pytest
from pool_case import at, job, pool, pool_case, rental, two_sites
from small_case import booked, by_member, profit, refusals, series, solved, warnings_of


def preemptible(**fields: Any) -> dict[str, Any]:
    return job(gang_nodes=4, block_hours=2, **{"class": "preemptible"}, **fields)


def rigid(**fields: Any) -> dict[str, Any]:
    return job(gang_nodes=4, **{"class": "rigid"}, **fields)


def test_a_gang_runs_in_the_cheapest_blocks() -> None:
    """Proves: 16 node-hours in two blocks of 2 hours, those at 20 + 30 and 10 + 10: 2.0 + 0.8. Sensitivity: hour by
    hour 2.0 in all, without a pause 2.8 + ... from the start 4.4 + 2.0."""
    plan = solved(pool_case([10, 100, 20, 30, 10, 10], 6, preemptible(work_node_hours=16)))
    assert plan.expected_profit == pytest.approx(97.2)
    assert series(plan, "nodes", "j") == [0.0, 0.0, 4.0, 4.0, 4.0, 4.0]


def test_blocks_are_counted_from_the_release() -> None:
    """Proves: released at 01:00, the blocks are 1-2, 3-4 and the half block 5: 100 + 20, 30 + 10 and 10. 12
    node-hours take the last two: 1.6 + 0.4. Sensitivity: counted from midnight, 20 + 30 and 10 + 10, 2.8."""
    work = preemptible(work_node_hours=12, release=at(1))
    assert profit(pool_case([10, 100, 20, 30, 10, 10], 6, work)) == pytest.approx(98.0)


def test_the_whole_gang_or_nothing() -> None:
    """Proves: where only 3 of 4 nodes are available the gang does not run: 8 node-hours in the second block, 8.0.
    Sensitivity: a smaller gang does 6 of them for 0.6."""
    on = pool(nodes=4, availability=[0.75, 1.0, 1.0, 1.0])
    assert profit(pool_case([10, 10, 100, 100], 4, preemptible(work_node_hours=8), on=on)) == pytest.approx(92.0)


def test_the_whole_gang_runs_on_one_of_several_sites() -> None:
    """Proves: 4 node-hours take an hour of the whole gang of 10. Sensitivity: a smaller gang 99.6."""
    size = {"gang_nodes": 10, "block_hours": 1, "class": "preemptible"}
    work = job(work_node_hours=4, pool=["a.h", "b.h"], **size)
    assert profit(two_sites((10, 20), 2, work)) == pytest.approx(99.0)


def test_every_start_loses_work() -> None:
    """Proves: half an hour lost per start leaves 14 of 16 node-hours if the blocks adjoin, 12 if not; for 14 the
    block at 50 is run: 100 - 0.8 - 4.0. Sensitivity: without the loss the blocks at 10, 98.4."""
    prices = [10, 10, 50, 50, 10, 10]
    plan = solved(pool_case(prices, 6, preemptible(work_node_hours=14, restart_loss_hours=0.5)))
    assert plan.expected_profit == pytest.approx(95.2)
    assert max(series(plan, "progress", "j")) == pytest.approx(14.0)
    assert profit(pool_case(prices, 6, preemptible(work_node_hours=14))) == pytest.approx(98.4)


def test_a_loss_longer_than_a_step_stays_within_its_block() -> None:
    """Proves: 45 minutes lost are 3 steps of 15 minutes: 8 - 3 node-hours in a block. Sensitivity: cut at one step
    7."""
    work = preemptible(work_node_hours=5, restart_loss_hours=0.75)
    plan = solved(pool_case(10, 8, work, step="15min"))
    assert series(plan, "progress", "j") == [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_minimum_run_of_blocks() -> None:
    """Proves: runs of at least 3 hours are 2 blocks: 8 node-hours take 100 - 0.8 - 4.0, or with the block at 50
    first. Sensitivity: without a minimum run 99.2."""
    prices = [50, 50, 10, 10, 100, 100]
    assert profit(pool_case(prices, 6, preemptible(work_node_hours=8, min_run_hours=3))) == pytest.approx(95.2)
    assert profit(pool_case(prices, 6, preemptible(work_node_hours=8))) == pytest.approx(99.2)


def test_a_late_gang_pays_by_the_hour() -> None:
    """Proves: due after 2 hours at 300 (24 for the block), 2 hours of lateness at 3 are cheaper: 100 - 0.8 - 6.
    Sensitivity: lateness in blocks 100 - 0.8 - 3, not charged 99.2."""
    work = preemptible(work_node_hours=8, deadline=at(2), late_penalty_per_hour=3)
    assert profit(pool_case([300, 300, 10, 10], 4, work)) == pytest.approx(93.2)


def test_the_last_block_ends_with_the_deadline() -> None:
    """Proves: due after 3 hours the second block has one hour: 12 node-hours take both. Sensitivity: a block that
    runs on after the deadline costs 0.4 more."""
    plan = solved(pool_case(10, 4, preemptible(work_node_hours=12, deadline=at(3))))
    assert plan.expected_profit == pytest.approx(98.8)
    assert series(plan, "nodes", "j") == [4.0, 4.0, 4.0, 0.0]


# ---------------------------------------------------------------------------- rigid
def test_a_rigid_job_runs_without_a_break() -> None:
    """Proves: 8 node-hours take 2 hours on end, 10 + 30. Sensitivity: with a break 0.8."""
    plan = solved(pool_case([10, 100, 10, 30], 4, rigid(work_node_hours=8)))
    assert plan.expected_profit == pytest.approx(98.4)
    assert series(plan, "nodes", "j") == [0.0, 0.0, 4.0, 4.0]
    assert series(plan, "progress", "j") == [0.0, 0.0, 4.0, 8.0]
    assert series(plan, "finished", "j") == [0.0, 0.0, 0.0, 1.0]


def test_a_gang_may_be_written_by_its_bounds() -> None:
    work = job(work_node_hours=8, min_nodes=4, max_nodes=4, **{"class": "rigid"})
    assert profit(pool_case([10, 100, 10, 30], 4, work)) == pytest.approx(98.4)


def test_the_last_step_of_a_rigid_job_is_held_whole() -> None:
    """Proves: 10 node-hours hold 4 nodes for 3 hours, 1.2, and are shown as 10. Sensitivity: 2.5 hours 1.0."""
    plan = solved(pool_case(10, 4, rigid(work_node_hours=10)))
    assert plan.expected_profit == pytest.approx(98.8)
    assert max(series(plan, "progress", "j")) == pytest.approx(10.0)


def test_a_rigid_start_is_the_same_for_all_members() -> None:
    """Proves: either half of the day is cheap in one member and dear in the other: 0.8 or 8.0, 4.4 on average.
    Sensitivity: a start chosen by member gives 99.2."""
    prices = [[10, 10, 100, 100], [100, 100, 10, 10]]
    plan = solved(pool_case(prices, 4, rigid(work_node_hours=8), probabilities=[0.5, 0.5]))
    assert plan.expected_profit == pytest.approx(95.6)
    nodes = by_member(plan, "nodes", "j")
    assert nodes[0] == nodes[1]


def test_a_rigid_job_needs_its_gang_in_all_members() -> None:
    """Proves: the first two hours are cheap, but one member has 3 of 4 nodes in the second: 8.0. Sensitivity: 0.8
    if only the other member counted."""
    on = pool(nodes=4, availability=[[1, 1, 1, 1], [1, 0.75, 1, 1]])
    case = pool_case([10, 10, 100, 100], 4, rigid(work_node_hours=8), on=on, probabilities=[0.5, 0.5])
    assert profit(case) == pytest.approx(92.0)


def test_losses_make_a_rigid_job_longer() -> None:
    """Proves: 8 node-hours with 30 minutes to load and 45 to switch take 3.25, so 4 hours: 1.6, and 4 nodes
    switched at 1. Sensitivity: without losses 99.2 - 4, with one of them 3 hours."""
    on = pool(switch_minutes=45, switch_cost=1)
    plan = solved(pool_case(10, 5, rigid(work_node_hours=8, restart_loss_hours=0.5), on=on))
    assert plan.expected_profit == pytest.approx(100 - 1.6 - 4)
    assert booked(plan, "switching_cost") == pytest.approx(-4.0)
    progress = series(plan, "progress", "j")
    assert [p for p in progress if p > 0][:3] == [3.0, 7.0, 8.0]


def test_a_rigid_job_is_weighed_against_other_work() -> None:
    """Proves: 4 nodes rented at 8 an hour earn 64 in 2 hours, less than the 100 of the job: 100 + 2 * 48 + 2 * 80.
    At 13 they earn 104, more than the job. Sensitivity: without sharing nodes 420 and 620."""
    assert profit(pool_case(0, 4, rigid(work_node_hours=8), rental())) == pytest.approx(356.0)
    dear = pool_case(0, 4, rigid(work_node_hours=8), rental(price_per_gpu_hour=1.625))
    assert profit(dear) == pytest.approx(520.0)


@pytest.mark.parametrize(("penalty", "expected"), [(None, 76.0), (3.0, 93.2), (20.0, 76.0)])
def test_a_rigid_job_may_be_late_for_a_price(penalty: float | None, expected: float) -> None:
    """Proves: in time the two hours cost 24; two hours late 0.8 and twice the penalty. Sensitivity: lateness
    without a penalty for a job with none 99.2."""
    work = rigid(work_node_hours=8, deadline=at(2)) | ({} if penalty is None else {"late_penalty_per_hour": penalty})
    assert profit(pool_case([300, 300, 10, 10], 4, work)) == pytest.approx(expected)


def test_a_rigid_job_never_started_pays_to_the_horizons_end() -> None:
    """Proves: 4 late hours at 1, no value. Sensitivity: a charge only for jobs that start 0."""
    work = rigid(work_node_hours=8, value=5, deadline=at(2), late_penalty_per_hour=1)
    assert profit(pool_case(1000, 6, work)) == pytest.approx(-4.0)


def test_a_rigid_job_may_end_beyond_the_horizon() -> None:
    """Proves: 40 node-hours due later: the 3 hours from 01:00 do 12, worth 2 each: 24 - 1.2; starting at 00:00 adds
    8 for 12. Sensitivity: without starts that end later 0."""
    work = rigid(work_node_hours=40, deadline=at(20), unfinished_value_per_node_hour=2)
    plan = solved(pool_case([300, 10, 10, 10], 4, work))
    assert plan.expected_profit == pytest.approx(22.8)
    assert booked(plan, "training_unfinished_value") == pytest.approx(24.0)
    assert plan.summary["work_done"]["j"] == pytest.approx(12.0)


def test_a_rigid_job_runs_only_once() -> None:
    """Proves: finished in two hours it brings 100 - 0.8 and is not begun anew in the last hour. Sensitivity: a second
    run is credited 4 node-hours at 5, 118.8."""
    work = rigid(work_node_hours=8, deadline=at(20), unfinished_value_per_node_hour=5)
    assert profit(pool_case(10, 4, work)) == pytest.approx(99.2)


def test_a_running_rigid_job_goes_on_or_is_given_up() -> None:
    """Proves: with 8 of 16 node-hours done it runs in the first two hours, at 100, and loses nothing. Sensitivity:
    a new start in the cheap hours gives 99.2."""
    work = rigid(work_node_hours=16, work_done_before=8, restart_loss_hours=0.5)
    plan = solved(pool_case([100, 100, 10, 10], 4, work))
    assert plan.expected_profit == pytest.approx(92.0)
    assert profit(pool_case([2000, 2000, 10, 10], 4, work)) == pytest.approx(0.0)


def test_a_required_rigid_job_runs_at_any_price() -> None:
    """Proves: 8 node-hours at 2000 cost 160. Sensitivity: 0."""
    assert profit(pool_case(2000, 2, rigid(work_node_hours=8, required=True))) == pytest.approx(-60.0)


def test_scaling_sets_the_speed_of_a_gang() -> None:
    """Proves: 8 nodes worth 6 take 2 hours for 12 node-hours, 1.6. Sensitivity: at full speed 2 hours for 16."""
    for kind in ("rigid", "preemptible"):
        work = job(gang_nodes=8, work_node_hours=12, scaling=[[4, 4], [8, 6]], block_hours=1, **{"class": kind})
        plan = solved(pool_case(10, 4, work))
        assert plan.expected_profit == pytest.approx(98.4)
        assert max(series(plan, "progress", "j")) == pytest.approx(12.0)


def test_gangs_that_fit_no_pool_are_refused() -> None:
    assert "gang_nodes: more nodes than the pool h has" in refusals(
        pool_case(0, 4, rigid(work_node_hours=8) | {"gang_nodes": 11})
    )
    assert "block_hours: has no effect on a rigid job" in warnings_of(
        pool_case(0, 4, rigid(work_node_hours=8, block_hours=1))
    )
