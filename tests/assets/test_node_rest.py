"""Maintenance windows and nodes that have to be woken, worked by hand.

10 nodes rented at 8 an hour; a node draws 2 kW idle and 10 kW at work.
"""

from typing import Any

import pytest
from pool_case import at, job, pool, pool_case, rental
from small_case import profit, refusals, series, solved, unnoticed, warnings_of


def out(first: float, last: float, **fields: Any) -> dict[str, Any]:
    return {"from": at(first), "until": at(last)} | fields


def test_nodes_under_maintenance_do_not_work() -> None:
    """Proves: 4 nodes are out in hours 1 and 2 (from 01:00 to 02:30, a step that is touched is out): 10, 6, 6, 10
    nodes at 8. Sensitivity: hours touched only in part left in 8 * 36, no maintenance 8 * 40."""
    plan = solved(pool_case(0, 4, rental(), on=pool(maintenance=[out(1, 2.5, nodes=4)])))
    assert plan.expected_profit == pytest.approx(8 * 32)
    assert series(plan, "nodes", "r") == [10.0, 6.0, 6.0, 10.0]
    assert series(plan, "nodes_out", "h") == [0.0, 4.0, 4.0, 0.0]
    assert unnoticed(plan, "h") == []


def test_windows_add_up_and_availability_is_of_the_others() -> None:
    """Proves: 4 and 2 nodes are out in hour 1, half of the other 4 is available: 5, 2, 3. Sensitivity: availability
    of all nodes less those out would be negative (5 - 6)."""
    windows = [out(1, 2, nodes=4), out(1, 3, nodes=2), out(2, 3, nodes=2)]
    plan = solved(pool_case(0, 3, rental(), on=pool(availability=0.5, maintenance=windows)))
    assert series(plan, "nodes", "r") == [5.0, 2.0, 3.0]


def test_the_whole_pool_may_be_out() -> None:
    """Proves: without a number all nodes are out: nothing is drawn in hour 1. Sensitivity: idle nodes would draw 20
    kW."""
    plan = solved(pool_case(0, 2, rental(), on=pool(switch_off=False, maintenance=[out(1, 2)])))
    assert series(plan, "pool_power_mw", "h") == [0.1, 0.0]


def test_a_gang_waits_for_the_end_of_the_maintenance() -> None:
    """Proves: a gang of 8 does not run while 4 of 10 nodes are out, and a deadline in that time is refused.
    Sensitivity: without the window 100 - 0.8."""
    gang = {"gang_nodes": 8, "class": "rigid"}
    on = pool(maintenance=[out(0, 2, nodes=4)])
    assert profit(pool_case([10, 10, 100], 3, job(work_node_hours=8, **gang), on=on)) == pytest.approx(92.0)
    late = job(work_node_hours=8, deadline=at(2), **gang)
    assert "8 node-hours are lacking" in refusals(pool_case(0, 3, late, on=on))


@pytest.mark.parametrize(("minutes", "expected"), [(0, 80.0), (10, 8 * 10 * 5 / 6), (30, 58.0), (90, 58.0)])
def test_a_node_that_is_off_has_to_be_woken(minutes: float, expected: float) -> None:
    """Proves: at 1100 a node at work loses 3 an hour, an idle one 2.2, one that is off nothing. Off in hour 0, it is
    woken at the start of hour 1 and loses 10 minutes of 8 (1.33, less than idling) or 30 minutes (4, more than
    idling: 80 - 22). Sensitivity: woken at once 80 in all cases."""
    plan = solved(pool_case([1100, 0], 2, rental(), on=pool(wake_minutes=minutes)))
    assert plan.expected_profit == pytest.approx(expected)
    assert unnoticed(plan, "h") == []


def test_waking_reaches_into_the_next_step() -> None:
    """Proves: idling for two dear hours costs 4.4 a node; off in hour 0 and woken in hour 1 (idle there for 2.2) it
    loses 4 in hour 2 as well. So nodes stay idle: 160 - 44. At 5000 an idle hour costs 10: woken in hour 3, a node
    works for half of hour 4. Sensitivity: a loss cut at one step 160 - 22 (woken in hour 1), and 80 at 5000."""
    plan = solved(pool_case([1100, 1100, 0, 0], 4, rental(), on=pool(wake_minutes=90)))
    assert plan.expected_profit == pytest.approx(160 - 44.0)
    dearer = solved(pool_case([5000, 5000, 5000, 0, 0], 5, rental(), on=pool(wake_minutes=90)))
    assert dearer.expected_profit == pytest.approx(10 * (8 - 4))
    assert series(dearer, "woken_nodes", "h") == [0.0, 0.0, 0.0, 10.0, 0.0]
    assert series(dearer, "nodes", "r") == [0.0, 0.0, 0.0, 0.0, 5.0]


def test_nodes_that_go_into_maintenance_from_rest_are_not_woken() -> None:
    """Proves: 10 nodes are off in the dear hour 0, 6 are out in hour 1, and 4 are woken: half an hour of 4 nodes; in
    hour 2 the 6 come back awake. Sensitivity: 6 nodes woken into maintenance could not be idle."""
    on = pool(wake_minutes=30, maintenance=[out(1, 2, nodes=6)])
    plan = solved(pool_case([4000, 0, 0], 3, rental(), on=on))
    assert plan.expected_profit == pytest.approx(8 * 2 + 80)
    assert series(plan, "woken_nodes", "h") == [0.0, 4.0, 0.0]


# ---------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([out(2, 1)], "is not after the begin (2024-08-19T02:00)"),
        ([out(1, 2, nodes=11)], "maintenance[0].nodes: more than the pool has; found 11.0; must be at most 10"),
        ([out(1, 2, nodes=6), out(1, 3, nodes=5)], "11 nodes are out at 2024-08-19T01:00"),
        ([out(1, 2, nodes=0)], "must be above 0"),
        ([{"from": at(1)}], "maintenance[0].until: is missing"),
        ([{"from": "soon", "until": at(1)}], "maintenance[0].from"),
    ],
)
def test_maintenance_that_cannot_be_is_refused(windows: list[dict[str, Any]], message: str) -> None:
    assert message in refusals(pool_case(0, 4, rental(), on=pool(maintenance=windows)))


def test_what_has_no_effect_is_pointed_out() -> None:
    assert "lies outside of the horizon" in warnings_of(pool_case(0, 4, rental(), on=pool(maintenance=[out(5, 6)])))
    assert "never switched off" in warnings_of(pool_case(0, 4, rental(), on=pool(wake_minutes=5, switch_off=False)))
