"""Jobs on pools that differ: speed by pool, and data that have to be moved first; worked by hand.

A node-hour takes 10 kWh: 0.1 at a price of 10, 1 at a price of 100.
"""

from typing import Any

import pytest
from pool_case import at, job, pool, pool_case, table, two_sites
from small_case import profit, refusals, series, site_case, solved, spot, unnoticed

CLASSES = ("malleable", "preemptible", "rigid")


def sized(of_class: str, nodes: float = 10, **fields: Any) -> dict[str, Any]:
    size = {"max_nodes": nodes} if of_class == "malleable" else {"gang_nodes": nodes}
    size |= {"block_hours": 1} if of_class == "preemptible" else {}
    return job(**{"class": of_class}, **size, **fields)


def two_pools(price: Any, steps: int, *workloads: dict[str, Any], **of_slow: Any) -> dict[str, Any]:
    """One site with a pool ``h`` and a pool ``a``, whose nodes draw 4 kW."""
    slow = pool("a", idle_kw=1, full_kw=4) | of_slow
    case = site_case(steps=steps, contracts=[spot(price)], assets=[pool(), slow])
    case["sites"][0]["workloads"] = [dict(work) for work in workloads]
    return case


@pytest.mark.parametrize("of_class", CLASSES)
def test_a_slower_pool_takes_longer(of_class: str) -> None:
    """Proves: 10 nodes of half the speed do 20 node-hours in 4 hours for 4 kWh each, 160 kWh at 100, less than the 200
    kWh of the fast pool: 100 - 16. Sensitivity: at full speed there 100 - 8."""
    work = sized(of_class, work_node_hours=20, pool=["h", "a"], speed_by_pool={"h": 1.0, "a": 0.5})
    plan = solved(two_pools(100, 4, work))
    assert plan.expected_profit == pytest.approx(84.0)
    assert series(plan, "progress", "j") == [5.0, 10.0, 15.0, 20.0]
    assert table(plan, "j", "nodes_by_pool")["a"] == [10.0] * 4


@pytest.mark.parametrize("of_class", CLASSES)
def test_in_a_hurry_the_fast_pool_is_taken(of_class: str) -> None:
    """Proves: with 3 hours only the fast pool does the work, 100 - 20. Sensitivity: the slow one 100 - 12."""
    work = sized(of_class, work_node_hours=20, pool=["h", "a"], speed_by_pool={"a": 0.5})
    assert profit(two_pools(100, 3, work)) == pytest.approx(80.0)
    text = refusals(two_pools(100, 3, work | {"pool": "a"}))
    assert "at most 15 can be done" in text
    assert "finished at 2024-08-19T04:00" in text


def test_the_speed_of_the_only_pool_counts() -> None:
    """Proves: at a speed of 2 the 20 node-hours take one hour of 10 nodes: 100 - 10. Sensitivity: 100 - 20."""
    assert profit(pool_case(100, 1, job(work_node_hours=20, speed_by_pool={"h": 2}))) == pytest.approx(90.0)


def test_a_scaling_table_is_one_of_each_pools_nodes() -> None:
    """Proves: on the slow pool 8 nodes are worth 6 of its own, 3 at full speed: 3 node-hours an hour, 6 in two, for
    64 kWh at 100. Sensitivity: the second piece of the table not slowed (4 * 0.5 * 0.5 + 2 = 3 + 1) 8, which ends in
    less; on the fast pool 6 node-hours take 60 or more, at 10 kWh each 8 (6 and 2)."""
    work = job(work_node_hours=6, pool=["h", "a"], max_nodes=8, scaling=[[4, 4], [8, 6]], speed_by_pool={"a": 0.5})
    plan = solved(two_pools(100, 2, work, full_kw=3.5))
    assert plan.expected_profit == pytest.approx(100 - 5.6)
    assert series(plan, "progress", "j") == [3.0, 6.0]


@pytest.mark.parametrize("of_class", ["malleable", "preemptible"])
def test_a_start_loses_the_work_of_its_pool(of_class: str) -> None:
    """Proves: half an hour lost at half the speed leaves 10 * 0.5 * 1.5 = 7.5 node-hours of two hours on the slow pool:
    80 kWh at 100. Sensitivity: the loss at full speed leaves 5, and the fast pool takes 2 hours of 10 nodes (or one of
    5 and one of 5 nodes) for 10 and more."""
    work = sized(of_class, work_node_hours=7.5, pool=["h", "a"], speed_by_pool={"a": 0.5}, restart_loss_hours=0.5)
    work |= {"min_nodes": 10}
    plan = solved(two_pools(100, 2, work))
    assert plan.expected_profit == pytest.approx(92.0)
    assert series(plan, "lost_nodes", "j") == [2.5, 0.0]
    assert series(plan, "progress", "j") == [2.5, 7.5]


def test_switched_nodes_lose_the_time_of_their_pool() -> None:
    """Proves: 10 nodes that switch for half an hour at half the speed do 2.5 and 5. Sensitivity: 10 * 0.5 - 5 = 0."""
    work = job(work_node_hours=7.5, pool=["h", "a"], speed_by_pool={"a": 0.5})
    case = two_pools(100, 2, work, switch_minutes=30)
    case["sites"][0]["assets"][0]["full_kw"] = 100
    plan = solved(case)
    assert series(plan, "progress", "j") == [2.5, 7.5]
    assert plan.expected_profit == pytest.approx(92.0)


# ---------------------------------------------------------------------------- data that move
@pytest.mark.parametrize("of_class", CLASSES)
def test_data_have_to_arrive_first(of_class: str) -> None:
    """Proves: site b is cheap in the first three hours, but the data come there only after 90 minutes: the 20
    node-hours run from 02:00 at 10 and 30. Sensitivity: without the move 2, rounded down 2, at site a 20."""
    work = sized(of_class, work_node_hours=20, pool=["a.h", "b.h"], data_at="a.h", data_move_hours=1.5)
    plan = solved(two_sites((100, [10, 10, 10, 30]), 4, work))
    assert plan.expected_profit == pytest.approx(96.0)
    assert table(plan, "j", "nodes_by_pool")["b.h"] == [0.0, 0.0, 10.0, 10.0]
    assert unnoticed(plan, "j") == []


def test_data_move_from_the_release() -> None:
    """Proves: released at 01:00, the data are at b at 02:00: 10 node-hours at 20. Sensitivity: moved from the start
    of the horizon they would be there at 01:00, at 10."""
    work = job(work_node_hours=10, pool=["a.h", "b.h"], data_at="a.h", data_move_hours={"b.h": 1}, release=at(1))
    assert profit(two_sites((100, [10, 10, 20]), 3, work)) == pytest.approx(98.0)


def test_a_job_released_long_ago_moves_its_data_from_now_on() -> None:
    """Proves: released before the horizon, it starts at b after an hour, at 20. Sensitivity: at once, at 10."""
    work = job(work_node_hours=10, pool=["a.h", "b.h"], data_at="a.h", data_move_hours=1, release="2024-08-18T00:00")
    assert profit(two_sites((100, [10, 20]), 2, work)) == pytest.approx(98.0)


def test_hours_by_pool_without_a_place() -> None:
    """Proves: a job on one pool waits for its data there: the second hour, at 30. Sensitivity: 10."""
    work = job(work_node_hours=10, data_move_hours={"h": 1})
    assert profit(pool_case([10, 30], 2, work)) == pytest.approx(97.0)
    text = refusals(pool_case([10, 30], 2, work | {"work_node_hours": 11}))
    assert "at most 10 can be done by its deadline" in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"speed_by_pool": {"x": 1}}, "names x, on which the job does not run; must be h"),
        ({"speed_by_pool": {"h": 0}}, "must be above 0"),
        ({"data_move_hours": {"x": 1}}, "names x, on which the job does not run; must be h"),
        ({"data_move_hours": 1}, "one number for all pools needs data_at"),
        ({"data_at": "h"}, "data_at needs data_move_hours"),
        ({"data_at": "h", "data_move_hours": {"h": 1}}, "gives hours to h, where the data are already"),
        ({"data_at": "h", "data_move_hours": -1}, "must be at least 0"),
    ],
)
def test_places_that_cannot_be_are_refused(fields: dict[str, Any], message: str) -> None:
    assert message in refusals(pool_case(0, 4, job(work_node_hours=1, **fields)))
