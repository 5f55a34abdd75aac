"""What is refused and what is pointed out in training jobs: sizes, times, and work that cannot be done in time."""

from typing import Any

import pytest
from pool_case import at, job, pool, pool_case
from small_case import profit, refusals, warnings_of


def test_work_that_does_not_fit_is_refused_with_what_is_lacking() -> None:
    """Proves: 10 nodes do 40 node-hours by 04:00; 10 are lacking, and 05:00 is the earliest finish."""
    late = job(work_node_hours=50, deadline=at(4))
    text = refusals(pool_case(0, 6, late))
    assert "at most 40 can be done by its deadline (2024-08-19T04:00" in text
    assert "10 node-hours are lacking" in text
    assert "finished at 2024-08-19T05:00" in text
    assert "10 node-hours are lacking" in refusals(pool_case(0, 6, late | {"late_penalty_per_hour": 1}))
    accepted = late | {"late_penalty_per_hour": 1, "overdue": True}
    assert profit(pool_case(0, 6, accepted)) == pytest.approx(99.0)


def test_the_earliest_finish_may_lie_beyond_the_horizon() -> None:
    text = refusals(pool_case(0, 4, job(work_node_hours=55)))
    assert "15 node-hours are lacking" in text
    assert "finished at 2024-08-19T05:30" in text


def test_a_deadline_beyond_the_horizon_is_judged_with_the_hours_beyond() -> None:
    work = job(work_node_hours=55, deadline=at(5))
    assert "5 node-hours are lacking" in refusals(pool_case(0, 4, work))
    assert warnings_of(pool_case(0, 4, work | {"deadline": at(6)})) == ""
    worthless = work | {"deadline": at(6), "unfinished_value_per_node_hour": 0}
    assert "work on a job that is not finished has no value" in warnings_of(pool_case(0, 4, worthless))


def test_a_last_finish_has_to_follow_the_deadline_of_a_job_that_may_be_late() -> None:
    late = job(work_node_hours=10, deadline=at(3), latest_finish=at(2))
    assert "latest_finish needs late_penalty_per_hour" in refusals(pool_case(0, 4, late))
    late |= {"late_penalty_per_hour": 1}
    assert "latest_finish: is before the deadline" in refusals(pool_case(0, 4, late))


def test_unavailable_nodes_count_in_what_fits() -> None:
    text = refusals(pool_case(0, 2, job(work_node_hours=20), on=pool(availability=[1.0, 0.5])))
    assert "5 node-hours are lacking" in text


def test_a_required_job_must_fit_in_every_member() -> None:
    case = pool_case(
        0, 2, job(work_node_hours=20), on=pool(availability=[[1.0, 1.0], [1.0, 0.5]]), probabilities=[0.5, 0.5]
    )
    assert profit(case) == pytest.approx(50.0)
    case["sites"][0]["workloads"][0]["required"] = True
    assert "in member 1" in refusals(case)


def test_times_that_contradict_each_other_are_refused() -> None:
    text = refusals(pool_case(0, 4, job(work_node_hours=1, release=at(3), deadline=at(2))))
    assert "deadline: is not after the release (2024-08-19T03:00" in text
    before = job(work_node_hours=1, release="2024-08-18T00:00", deadline="2024-08-18T12:00")
    assert "has passed before the horizon starts" in refusals(pool_case(0, 4, before))
    known = before | {"late_penalty_per_hour": 1, "overdue": True}
    assert profit(pool_case(0, 4, known)) == pytest.approx(99.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_nodes": None}, "a malleable job needs max_nodes"),
        ({"min_nodes": 11}, "min_nodes 11 exceeds max_nodes 10"),
        ({"gang_nodes": 5}, "gang_nodes is for preemptible and rigid jobs"),
        ({"restart_loss_hours": 0.5}, "need min_nodes above 0"),
        ({"class": "rigid", "max_nodes": None}, "a rigid job needs gang_nodes"),
        ({"class": "rigid", "gang_nodes": 5, "max_nodes": 6}, "gang_nodes 5 and max_nodes 6 differ"),
        ({"class": "preemptible", "gang_nodes": 5, "max_nodes": None, "min_nodes": 2}, "gang_nodes 5 and min_nodes 2"),
        ({"class": "preemptible", "min_nodes": 10, "restart_loss_hours": 4}, "must be below block_hours 4"),
        ({"work_done_before": 10}, "work_done_before 10 must be below work_node_hours 10"),
        ({"unfinished_value_per_node_hour": 11}, "must be at most value / work_node_hours = 10"),
        ({"overdue": True}, "overdue: true needs late_penalty_per_hour"),
        ({"overdue": True, "late_penalty_per_hour": 1, "required": True}, "both overdue and required"),
        ({"scaling": [[4, 5]]}, "[4, 5]: nodes cannot be worth more"),
        ({"scaling": [[4, 4], [4, 3]]}, "a number of nodes twice"),
        ({"scaling": [[4, 0]]}, "never makes progress"),
        ({"max_nodes": 11}, "more nodes than the pool h has"),
        ({"nodes_before": 11}, "more than the pool h has"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    written = {key: value for key, value in job(work_node_hours=10, **fields).items() if value is not None}
    if "class" in fields and "max_nodes" not in fields and "gang_nodes" not in fields:
        written["max_nodes"] = 10
    assert message in refusals(pool_case(0, 24, written))


def test_what_has_no_effect_is_pointed_out() -> None:
    assert "block_hours: has no effect on a malleable job" in warnings_of(
        pool_case(0, 4, job(work_node_hours=1, block_hours=2))
    )
    assert "points at 6 nodes lie below" in warnings_of(
        pool_case(0, 4, job(work_node_hours=1, scaling=[[2, 2], [4, 4], [6, 4.5], [8, 6]]))
    )
    assert "is rounded up to whole steps, 4 h" in warnings_of(
        pool_case(0, 8, job(work_node_hours=1, gang_nodes=1, block_hours=3, **{"class": "preemptible"}), step="2h")
    )
    assert "lies after the horizon" in warnings_of(
        pool_case(0, 4, job(work_node_hours=1, release=at(5), deadline=at(9)))
    )


def test_a_rigid_run_must_fit_with_its_losses() -> None:
    """Proves: 8 node-hours on 4 nodes take 2 hours, with 75 minutes of losses 4 whole ones: they do not fit in 3."""
    work = job(work_node_hours=8, gang_nodes=4, restart_loss_hours=0.5, deadline=at(3), **{"class": "rigid"})
    text = refusals(pool_case(0, 6, work, on=pool(switch_minutes=45)))
    assert "holds its gang for 4 h (losses and whole steps included)" in text
    assert profit(pool_case(0, 6, work, on=pool(switch_minutes=15))) == pytest.approx(100.0)
