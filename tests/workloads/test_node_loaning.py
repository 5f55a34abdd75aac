"""Nodes lent between inference, training and rental, with what each switch loses; worked by hand.

A node serves 10 units an hour, worth 10, or is rented at 8 an hour. Power is free.
"""

import pytest
from pool_case import job, pool, pool_case, rental, service, table
from small_case import booked, profit, refusals, series, site_case, solved, spot

NIGHT = [80, 20, 20, 80]


def test_training_takes_the_nodes_that_inference_leaves_at_night() -> None:
    """Proves: 8 nodes serve by day and 2 at night; nodes that switch lose half an hour. The job does 1 + 5 + 5 + 2 =
    13 node-hours: it takes 2 nodes, then 8, and gives 3 back an hour early, so that only 3 of the service's nodes are
    not ready in hour 3: 80 + 20 + 20 + 65 + 100. Sensitivity: without switching losses 300, with losses of the job
    only 300 as well, with two pools of 8 and 2 nodes the job does not fit."""
    work = job(work_node_hours=13)
    plan = solved(pool_case(0, 4, service(demand_per_hour=NIGHT), work, on=pool(switch_minutes=30)))
    assert plan.expected_profit == pytest.approx(285.0)
    assert max(series(plan, "progress", "j")) == pytest.approx(13.0)
    assert booked(plan, "inference_revenue") == pytest.approx(185.0)
    assert profit(pool_case(0, 4, service(demand_per_hour=NIGHT), work)) == pytest.approx(300.0)
    split = site_case(steps=4, contracts=[spot(0)], assets=[pool(nodes=8), pool("own", nodes=2)])
    split["sites"][0]["workloads"] = [service(demand_per_hour=NIGHT), work | {"pool": "own", "max_nodes": 2}]
    assert "5 node-hours are lacking" in refusals(split)


@pytest.mark.parametrize(("cost", "expected"), [(0.0, 300.0), (1.0, 286.0), (20.0, 200.0)])
def test_a_switch_may_cost_money(cost: float, expected: float) -> None:
    """Proves: 20 node-hours take all that the service leaves, 2, 8, 8 and 2 nodes: 2 + 6 nodes come to the job and 6
    back to the service: 300 - 14 * cost; at 20 a switch even 5 nodes throughout cost all of its value. Sensitivity: the
    way back not charged 292."""
    case = pool_case(0, 4, service(demand_per_hour=NIGHT), job(work_node_hours=20), on=pool(switch_cost=cost))
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(expected)
    if cost == 1.0:
        assert booked(plan, "switching_cost") == pytest.approx(-14.0)


@pytest.mark.parametrize(("minutes", "expected", "lent"), [(30, 200.0, 0.0), (20, 220.0, 10.0), (0, 280.0, 10.0)])
def test_an_hour_is_lent_only_if_it_pays_for_both_switches(minutes: float, expected: float, lent: float) -> None:
    """Proves: in an hour without demand 10 nodes could be rented for 80 (in no other). With 30 minutes a switch the
    rental gets 40
    and the service loses 50 coming back; with 20 it gets 53.3 and loses 33.3. Sensitivity: one way only 240 and
    253.3."""
    guests = service(demand_per_hour=[100, 0, 100]), rental(price_per_gpu_hour=[0, 1, 0])
    case = pool_case(0, 3, *guests, on=pool(switch_minutes=minutes))
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(expected)
    assert table(plan, "h", "nodes_by_workload")["r"] == [0.0, lent, 0.0]


def test_three_kinds_of_work_share_a_day() -> None:
    """Proves: demand leaves 2, 6 and 4 of 10 nodes; the job (12 node-hours, 100) takes all of them at no loss rather
    than 8 an hour of rental, and does not take a node of the service worth 10. With 11 node-hours to do one node-hour
    is left for the rental. Sensitivity: rental first 8 * 12 and no job."""
    use = service(demand_per_hour=[80, 40, 60])
    assert profit(pool_case(0, 3, use, rental(), job(work_node_hours=12))) == pytest.approx(180 + 100)
    plan = solved(pool_case(0, 3, use, rental(), job(work_node_hours=11)))
    assert plan.expected_profit == pytest.approx(180 + 100 + 8)
    assert sum(table(plan, "h", "nodes_by_workload")["r"]) == pytest.approx(1.0)
