"""Rented nodes: break-even, market depth, and the nodes lost and paid for when they are switched; worked by hand."""

import pytest
from pool_case import pool, pool_case, rental, service, table, two_sites
from small_case import booked, by_member, profit, refusals, series, solved


def test_nodes_are_rented_up_to_the_break_even_price() -> None:
    """Proves: 0.8 an hour for 10 kW breaks even at 80 per MWh: at 79 ten nodes earn 10 * (0.8 - 0.79). Sensitivity:
    priced by node instead of by GPU nothing runs (0), with idle power both hours do (12.8)."""
    plan = solved(pool_case([79, 81], 2, rental(price_per_gpu_hour=0.1)))
    assert plan.expected_profit == pytest.approx(0.1)
    assert series(plan, "nodes", "r") == [10.0, 0.0]


def test_the_market_takes_only_so_many_nodes() -> None:
    """Proves: 4 and 2 nodes at 8 earn 48. Sensitivity: without a market depth 160."""
    plan = solved(pool_case(0, 2, rental(max_nodes=[4, 2])))
    assert plan.expected_profit == pytest.approx(48.0)
    assert booked(plan, "rental_revenue") == pytest.approx(48.0)


def test_contracted_nodes_are_given_at_a_loss() -> None:
    """Proves: 2 contracted nodes at 0.8 and 2 of energy lose 2.4. Sensitivity: without the contract 0."""
    assert profit(pool_case(200, 1, rental(price_per_gpu_hour=0.1, min_nodes=2))) == pytest.approx(-2.4)


def test_tenants_that_use_half_draw_half_of_the_range() -> None:
    """Proves: 10 nodes at 2 + 0.5 * 8 = 6 kW cost 6 at 100. Sensitivity: half of full power 5, full power 10."""
    plan = solved(pool_case(100, 1, rental(utilisation=0.5)))
    assert booked(plan, "spot_energy") == pytest.approx(-6.0)


def test_whole_nodes_are_rented_if_asked() -> None:
    """Proves: 5.5 available nodes give 5 whole ones, 40. Sensitivity: fractional nodes give 44."""
    on = pool(availability=0.55)
    assert profit(pool_case(0, 1, rental(integer=True), on=on)) == pytest.approx(40.0)
    assert profit(pool_case(0, 1, rental(), on=on)) == pytest.approx(44.0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, 240.0), ({"switch_minutes": 15}, 220.0), ({"switch_minutes": 15, "switch_cost": 2}, 210.0)],
)
def test_switching_away_and_back_is_weighed_against_staying(fields: dict[str, float], expected: float) -> None:
    """Proves: renting on through the hour at 1100 loses 3 per node. Leaving costs nothing (240) where switching is
    free, a quarter of 8 on coming back with 15 minutes (220), and 4 with a cost of 2 as well, so that staying
    is better: 240 - 30. Sensitivity: with a cost that is not charged the last case gives 220, with minutes that
    are not lost the second 240."""
    plan = solved(pool_case([0, 1100, 0, 0], 4, rental(), on=pool(**fields)))
    assert plan.expected_profit == pytest.approx(expected)


def test_the_switching_cost_is_booked_per_node() -> None:
    """Proves: 10 nodes come at 3 each: 2 hours earn 160 - 30. Sensitivity: charged every hour 100, never 160."""
    plan = solved(pool_case(0, 2, rental(nodes_before=0), on=pool(switch_cost=3)))
    assert booked(plan, "switching_cost") == pytest.approx(-30.0)
    assert plan.expected_profit == pytest.approx(130.0)
    assert series(plan, "switched", "r") == [10.0, 0.0]


def test_what_ran_before_is_free_unless_it_is_known() -> None:
    """Proves: 160 in two hours where nothing is known; 4 of 10 nodes held before leave 6 to switch, 3 node-hours
    (24). Sensitivity: a first step that is always a switch gives 120."""
    on = pool(switch_minutes=30)
    assert profit(pool_case(0, 2, rental(), on=on)) == pytest.approx(160.0)
    assert profit(pool_case(0, 2, rental(nodes_before=4), on=on)) == pytest.approx(136.0)


def test_a_long_switch_takes_its_time_from_the_steps_that_follow() -> None:
    """Proves: 90 minutes leave 2.5 of 4 hours: 10 * 8 * 2.5, and in steps of 15 minutes as well. Sensitivity: cut
    at one step 240, or 300 with the short steps."""
    assert profit(pool_case(0, 4, rental(nodes_before=0), on=pool(switch_minutes=90))) == pytest.approx(200.0)
    short = pool_case(0, 16, rental(nodes_before=0), on=pool(switch_minutes=90), step="15min")
    assert profit(short) == pytest.approx(200.0)


def test_nodes_move_between_workloads() -> None:
    """Proves: a service worth 30 per node-hour in the second hour takes the 10 nodes from rental at 8 and loses 6
    minutes of each: 80 + 270. Sensitivity: without switching 80 + 300."""
    work = service(demand_per_hour=[0, 100], revenue_per_unit=3.0, nodes_before=0)
    plan = solved(pool_case(0, 2, rental(), work, on=pool(switch_minutes=6)))
    assert plan.expected_profit == pytest.approx(350.0)
    assert table(plan, "h", "nodes_by_workload") == {"r": [10.0, 0.0], "s": [0.0, 10.0]}


def test_price_and_depth_differ_by_member() -> None:
    """Proves: 10 nodes at 16 and 5 at 8, at odds of 1 to 3: 40 + 30. Sensitivity: equal weights give 100."""
    work = rental(price_per_gpu_hour=[[2.0], [1.0]], max_nodes=[[10], [5]])
    plan = solved(pool_case(0, 1, work, probabilities=[0.25, 0.75]))
    assert plan.expected_profit == pytest.approx(70.0)
    assert by_member(plan, "nodes", "r") == [[10.0], [5.0]]


def test_one_market_is_shared_by_two_sites() -> None:
    """Proves: 12 nodes go to the site where energy costs less: 10 there, 2 at the other: 96 - 0.1 * 10 - 0.02 *
    100. Sensitivity: a market depth per site gives 160 - 11."""
    plan = solved(two_sites((10, 100), 1, rental(pool=["a.h", "b.h"], max_nodes=12)))
    assert plan.expected_profit == pytest.approx(93.0)
    assert table(plan, "r", "nodes_by_pool") == {"a.h": [10.0], "b.h": [2.0]}
    assert table(plan, "r", "power_by_pool_mw") == {"a.h": [0.1], "b.h": [0.02]}


def test_contracts_that_cannot_be_kept_are_refused() -> None:
    text = refusals(pool_case(0, 2, rental(min_nodes=[3, 9], max_nodes=8)))
    assert "9 nodes exceed max_nodes (8) at 2024-08-19T01:00" in text
    text = refusals(pool_case(0, 2, rental(min_nodes=9), on=pool(availability=[1.0, 0.5])))
    assert "9 nodes exceed the nodes available (5) at 2024-08-19T01:00" in text


def test_nodes_before_must_fit_the_pools() -> None:
    assert "more than the pool h has" in refusals(pool_case(0, 1, rental(nodes_before=11)))
    assert "one number per pool" in refusals(pool_case(0, 1, rental(nodes_before=[1, 2])))
