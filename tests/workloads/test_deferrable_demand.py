"""Batch work that may wait: deadlines, lateness, headroom that it fills, and runs in a row, worked by hand.

A node serves 10 units an hour at 10 kW, 1 kWh per unit; a unit of batch work brings 0.5.
"""

from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from pool_case import at, pool_case, service, table, two_sites
from small_case import START, booked, by_member, profit, refusals, series, solved, unnoticed


def batch(arriving: Any, within: float, **fields: Any) -> dict[str, Any]:
    """A service with batch work only."""
    stream = {"demand_per_hour": arriving, "within_hours": within, "revenue_per_unit": 0.5} | fields
    return service(demand_per_hour=0, deferrable=stream)


@pytest.mark.parametrize(("within", "expected"), [(0, 4.0), (1, 4.5), (2, 4.9), (2.9, 4.9)])
def test_work_waits_for_the_cheapest_hour_before_it_is_due(within: float, expected: float) -> None:
    """Proves: 10 units of the first hour cost 1, 0.5 or 0.1 in the three hours. Sensitivity: without deadlines 4.9 in
    all cases, without waiting 4.0."""
    plan = solved(pool_case([100, 50, 10], 3, batch([10, 0, 0], within)))
    assert plan.expected_profit == pytest.approx(expected)
    assert unnoticed(plan, "s") == []


def test_work_is_not_served_before_it_arrives() -> None:
    """Proves: what arrives in the second hour is served then, at 100. Sensitivity: served ahead 5.0."""
    assert profit(pool_case([0, 100], 2, batch([0, 10], 1))) == pytest.approx(4.0)


def test_half_hours_count_as_they_are() -> None:
    """Proves: 10 units an hour over half an hour are 5 units, which wait 3 half-hours for the price of 10: 2.5 - 0.05.
    Sensitivity: hours taken for steps give 2.5 - 0.25 (price 50), units taken for rates 4.9."""
    case = pool_case([100, 50, 50, 10], 4, batch([10, 0, 0, 0], 1.5), step="30min")
    assert profit(case) == pytest.approx(2.45)


def test_lateness_is_paid_by_unit_and_hour() -> None:
    """Proves: at once the energy costs 10; one hour late 10 * 0.2 + 0.1. Sensitivity: in time -5, lateness free 4.9."""
    plan = solved(pool_case([1000, 10], 2, batch([10, 0], 0, late_penalty_per_unit_hour=0.2)))
    assert plan.expected_profit == pytest.approx(5 - 2.1)
    assert series(plan, "batch_late", "s") == pytest.approx([10.0, 0.0])
    assert booked(plan, "batch_late_penalty") == pytest.approx(-2.0)
    assert unnoticed(plan, "s") == []


def test_work_that_is_never_served_is_late_to_the_end() -> None:
    """Proves: 10 units late at the end of both hours, and nothing earned. Sensitivity: late in the first only -2."""
    plan = solved(pool_case([1000, 1000], 2, batch([10, 0], 0, late_penalty_per_unit_hour=0.2)))
    assert plan.expected_profit == pytest.approx(-4.0)
    assert plan.summary["carry"]["components"]["s"]["batch_due"] == {f"{at(1)}+00:00": 10.0}


@pytest.mark.parametrize(("fills", "expected"), [(True, 56.6), (False, 29.0)])
def test_work_fills_the_headroom_kept_for_latency(fills: bool, expected: float) -> None:
    """Proves: 50 units at half the capacity hold all 10 nodes, and 30 units of batch work fit beside: 50 + 15 - 20 * .1
    - 80 * .08. Without filling, 30 of the 50 make way: 20 + 15 - 6."""
    work = batch(30, 0, fills_headroom=fills) | {"demand_per_hour": 50, "headroom": 0.5}
    plan = solved(pool_case(100, 1, work))
    assert plan.expected_profit == pytest.approx(expected)
    assert unnoticed(plan, "s") == []


def test_work_that_yields_does_not_crowd_out_the_service() -> None:
    """Proves: with latency headroom the service serves all that Erlang's formula allows, and batch work no more than
    what is left of the nodes. Sensitivity: counted against the usable nodes, batch work would find none."""
    work = batch(30, 0, late_penalty_per_unit_hour=0.1) | {
        "demand_per_hour": 100,
        "latency_headroom": {"typical_nodes": 8},
        "shed_penalty_per_unit": 1,
    }
    plan = solved(pool_case(10, 1, work))
    served, beside = series(plan, "served", "s")[0], series(plan, "batch_served", "s")[0]
    alone = solved(pool_case(10, 1, {key: value for key, value in work.items() if key != "deferrable"}))
    assert served == pytest.approx(series(alone, "served", "s")[0])
    assert beside == pytest.approx(30.0)
    assert served + beside <= 100 + 1e-6


def test_work_takes_in_its_own_input() -> None:
    """Proves: 20 units with 4 of input each, at 40 an hour and node, take 2 + 2 nodes. Sensitivity: without input 2."""
    work = batch(20, 0, prefill_per_unit=4) | {
        "prefill": {"demand_per_hour": 0},
        "prefill_capacity_per_node_hour": 40,
    }
    plan = solved(pool_case(100, 1, work))
    assert series(plan, "nodes", "s") == pytest.approx([4.0])
    assert plan.expected_profit == pytest.approx(10 - 4.0)
    assert unnoticed(plan, "s") == []


def test_work_is_routed_to_the_cheaper_site() -> None:
    """Proves: 50 units where a unit costs 0.01. Sensitivity: at the other site 20."""
    plan = solved(two_sites((10, 100), 1, batch(50, 0) | {"pool": ["a.h", "b.h"]}))
    assert plan.expected_profit == pytest.approx(24.5)
    assert table(plan, "s", "batch_by_pool") == {"a.h": [50.0], "b.h": [0.0]}
    assert unnoticed(plan, "s") == []


def test_each_member_has_its_own_queue() -> None:
    """Proves: the member at [100, 10] waits, that at [10, 100] does not: 4.9 each. Sensitivity: a common schedule
    4.45."""
    case = pool_case([[100, 10], [10, 100]], 2, batch([10, 0], 1), probabilities=[0.5, 0.5])
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(4.9)
    assert by_member(plan, "batch_served", "s") == [[0.0, 10.0], [10.0, 0.0]]


def run(first: int, end: int, prices: list[float], within: float) -> dict[str, Any]:
    return pool_case(prices[first:end], end - first, batch(10, within), start=start_of(first))


def test_runs_in_a_row_book_what_one_long_run_books() -> None:
    """Proves: what arrives in the third hour, at 1000, waits over the edge, and is due at the end of the fifth. The two
    runs book together what the one does: 30 - (4 * 0.2 + 2 * 0.1). Sensitivity: a queue that is forgotten books 5
    less, one that is doubled 5 more."""
    prices = [10.0, 10.0, 1000.0, 20.0, 20.0, 20.0]
    plans = in_a_row(lambda first, end: run(first, end, prices, 2), 0, 3, 6)
    assert plans[0].summary["carry"]["components"]["s"]["batch_due"] == {"2024-08-19T05:00+00:00": 10.0}
    assert plans[1].summary["carry"]["components"]["s"]["batch_due"] == {}
    (long,) = in_a_row(lambda first, end: run(first, end, prices, 2), 0, 6)
    assert ledger_of(plans) == pytest.approx(ledger_of([long]))
    assert long.expected_profit == pytest.approx(30 - 1.0)


def test_carried_work_keeps_its_deadline() -> None:
    """Proves: the 20 units that wait over the edge are due at the end of the fourth and of the fifth hour, and are
    served there at 1000; the 30 that arrive later wait for 10. Sensitivity: with deadlines that start anew at the edge
    all 50 wait for 10."""
    prices = [1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 10.0]
    plans = in_a_row(lambda first, end: run(first, end, prices, 2), 0, 3, 6)
    assert series(plans[0], "batch_served", "s") == pytest.approx([0.0, 0.0, 10.0])
    assert sum(series(plans[1], "batch_served", "s")[:2]) == pytest.approx(20.0)
    assert series(plans[1], "batch_served", "s")[2] == pytest.approx(30.0)
    (long,) = in_a_row(lambda first, end: run(first, end, prices, 2), 0, 6)
    assert ledger_of(plans) == pytest.approx(ledger_of([long]))


def test_overdue_work_is_late_from_the_start() -> None:
    """Proves: 10 units due two hours before the start pay 2 in the hour in which they are not served. Sensitivity: due
    two hours after the start, nothing."""
    work = batch([0, 0], 0, late_penalty_per_unit_hour=0.2)
    carried = {"at": START, "components": {"s": {"batch_due": {"2024-08-18T22:00": 10.0}}}}
    case = pool_case([1000, 10], 2, work) | {"carry": carried}
    assert profit(case) == pytest.approx(5 - 2 - 0.1)


def test_deadlines_that_cannot_be_met_are_refused_with_the_missing_nodes() -> None:
    """Proves: 200 units in an hour are 100 more than 10 nodes serve, 10 nodes; over two hours they fit. 250 over two
    hours are 50 more, 2.5 nodes."""
    text = refusals(pool_case(0, 2, batch([200, 0], 0)))
    assert "by 2024-08-19T00:00" in text
    assert "100 units are late; 10 nodes are missing over the 1 h before" in text
    assert profit(pool_case(0, 2, batch([200, 0], 1))) == pytest.approx(100.0)
    assert "50 units are late; 2.5 nodes are missing over the 2 h before" in refusals(
        pool_case(0, 2, batch([250, 0], 1))
    )
    late = batch([200, 0], 0, late_penalty_per_unit_hour=0.1)
    assert profit(pool_case(0, 2, late)) == pytest.approx(100 - 10.0)


def test_a_carried_queue_that_cannot_be_read_is_refused() -> None:
    carried = {"at": START, "components": {"s": {"batch_due": {"tomorrow": 10.0}}}}
    assert "batch_due" in refusals(pool_case(0, 1, batch(0, 0)) | {"carry": carried})
