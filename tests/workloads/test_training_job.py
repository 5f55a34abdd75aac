"""Malleable training jobs and what all classes share: hours chosen, deadlines, lateness, losses; worked by hand.

A node-hour takes 10 kWh: 0.1 at a price of 10, 1 at a price of 100.
"""

import pytest
from pool_case import at, job, pool, pool_case, table, two_sites
from small_case import booked, by_member, profit, refusals, series, solved

import optimizer as opt


def test_a_job_runs_in_the_cheapest_hours() -> None:
    """Proves: 20 node-hours at 20 and 50: 100 - 2 - 5. Sensitivity: from the start without a pause 100 - 10 - 2."""
    plan = solved(pool_case([100, 20, 50, 300], 4, job(work_node_hours=20)))
    assert plan.expected_profit == pytest.approx(93.0)
    assert series(plan, "nodes", "j") == [0.0, 10.0, 10.0, 0.0]
    assert series(plan, "progress", "j") == [0.0, 10.0, 20.0, 20.0]
    assert plan.summary["work_done"]["j"] == pytest.approx(20.0)


def test_a_job_not_worth_its_energy_is_left() -> None:
    """Proves: 20 node-hours at 1000 cost 200, more than 100. Sensitivity: a job that must be done gives -100, value
    by the share of work done 0 as well but with nodes at work."""
    plan = solved(pool_case(1000, 4, job(work_node_hours=20)))
    assert plan.expected_profit == pytest.approx(0.0)
    assert plan.summary["work_done"]["j"] == 0.0


def test_a_required_job_is_done_whatever_it_costs() -> None:
    """Proves: required, it loses 100. Sensitivity: 0."""
    assert profit(pool_case(1000, 4, job(work_node_hours=20, required=True))) == pytest.approx(-100.0)


def test_half_done_is_worth_nothing() -> None:
    """Proves: 10 of 20 node-hours cost 1, the others 150: nothing is earned. Sensitivity: a value by the share of
    work done earns 49."""
    assert profit(pool_case([10, 1500], 2, job(work_node_hours=20))) == pytest.approx(0.0)


def test_nothing_runs_before_release_or_after_the_deadline() -> None:
    """Proves: between 01:00 and 03:00 the hours cost 3 and 4 for 10 node-hours each. Sensitivity: without a release
    4 for 20, without a deadline 5, without both 2."""
    work = job(work_node_hours=20, release=at(1), deadline=at(3))
    assert profit(pool_case([10, 30, 40, 10], 4, work)) == pytest.approx(93.0)


def test_release_and_deadline_in_mid_step_count_whole_steps_only() -> None:
    """Proves: from 00:30 to 03:30 the steps at 30, 40 and 50 remain: 10 node-hours at 3. Sensitivity: rounded the
    other way 1."""
    work = job(work_node_hours=10, release=at(0.5), deadline=at(4.5))
    assert profit(pool_case([10, 30, 40, 50, 10], 5, work)) == pytest.approx(97.0)


def test_a_running_job_holds_its_least_nodes() -> None:
    """Proves: 12 node-hours on 5 to 10 nodes: 7 at 10 and 5 at 30, 0.7 + 1.5. Sensitivity: without min_nodes 10 and
    2, 1.6."""
    plan = solved(pool_case([10, 30], 2, job(work_node_hours=12, min_nodes=5)))
    assert plan.expected_profit == pytest.approx(97.8)
    assert series(plan, "nodes", "j") == [7.0, 5.0]


def test_whole_nodes() -> None:
    """Proves: 5 node-hours in steps of 40 minutes take 7 and 1 whole nodes, 5.33 node-hours: 100 - 0.4667 - 0.2.
    Sensitivity: fractional nodes (7 and 0.5) 100 - 0.4667 - 0.1."""
    case = pool_case([10, 30], 2, job(work_node_hours=5, max_nodes=7, integer=True), step="40min")
    assert profit(case) == pytest.approx(100 - 7 / 15 - 0.2)


def test_a_restart_loses_the_first_half_hour_of_whatever_size_it_has() -> None:
    """Proves: 15 node-hours with half an hour lost per start. Pausing over the hour at 100 leaves 5 + 5, so the job
    stays on one node: 8 nodes (4 lost), 1, 10 = 15: 0.8 + 1 + 1. Sensitivity: without losses 1.5, with only the
    first start's 2.0, with the loss of max_nodes at any size infeasible (value lost)."""
    work = job(work_node_hours=15, min_nodes=1, restart_loss_hours=0.5)
    plan = solved(pool_case([10, 100, 10], 3, work))
    assert plan.expected_profit == pytest.approx(97.2)
    assert series(plan, "nodes", "j") == [8.0, 1.0, 10.0]
    assert series(plan, "lost_nodes", "j") == [4.0, 0.0, 0.0]
    assert series(plan, "progress", "j") == [4.0, 5.0, 15.0]


def test_a_long_restart_reaches_into_later_steps() -> None:
    """Proves: 90 minutes lost on 10 nodes: 2 of 4 hours at 10 bring 5 + ... 10 * 2.5 = 25 of 25 node-hours, all
    four hours are needed. Sensitivity: a loss cut at one step needs 3 hours (3.0 - 0.5), no loss 2.5."""
    work = job(work_node_hours=25, min_nodes=10, restart_loss_hours=1.5)
    plan = solved(pool_case(10, 4, work))
    assert plan.expected_profit == pytest.approx(96.0)
    assert series(plan, "progress", "j") == [0.0, 5.0, 15.0, 25.0]


def test_work_done_before_goes_on_without_a_start() -> None:
    """Proves: of 20 node-hours 10 are done; what ran before is not known and the last 10 are done in the first
    hour: 99. Known to have rested (nodes_before: 0) it starts on one node, of which half an hour is lost, and
    does 9.5 node-hours in the second hour: 0.1 + 0.95. Sensitivity: a free start gives 99 in both cases."""
    work = job(work_node_hours=20, work_done_before=10, min_nodes=1, restart_loss_hours=0.5)
    assert profit(pool_case([10, 10], 2, work)) == pytest.approx(99.0)
    assert profit(pool_case([10, 10], 2, work | {"nodes_before": 0})) == pytest.approx(98.95)


def test_a_minimum_run_keeps_the_job_on() -> None:
    """Proves: 20 node-hours with runs of at least 2 hours: apart, the hours at 10 would cost 2; a run of 3 hours on
    10, 1 and 9 nodes costs 1 + 1 + 0.9. Sensitivity: without a minimum run 98."""
    work = job(work_node_hours=20, min_nodes=1, min_run_hours=2)
    assert profit(pool_case([10, 100, 10], 3, work)) == pytest.approx(97.1)
    assert profit(pool_case([10, 100, 10], 3, work | {"min_run_hours": 0})) == pytest.approx(98.0)


@pytest.mark.parametrize(("penalty", "expected"), [(30.0, 66.0), (110.0, -3.0)])
def test_a_late_hour_is_weighed_against_its_price(penalty: float, expected: float) -> None:
    """Proves: 40 node-hours are due after 4 hours of which one costs 100 for 10 node-hours. An hour of lateness at
    30 saves 99: 100 - 4 - 30; at 110 the job is in time: 100 - 3 - 100. Sensitivity: lateness not charged 96 in
    both cases, charged from the step before 36."""
    work = job(work_node_hours=40, deadline=at(4), late_penalty_per_hour=penalty)
    plan = solved(pool_case([10, 10, 10, 1000, 10, 10], 6, work))
    assert plan.expected_profit == pytest.approx(expected)
    late = 1 if penalty == 30 else 0
    assert booked(plan, "training_late_penalty") == pytest.approx(-penalty * late)
    assert series(plan, "finished", "j") == [0.0, 0.0, 0.0, 1.0 - late, 1.0, 1.0]


def test_lateness_is_counted_from_the_deadline_itself() -> None:
    """Proves: due at 01:30, the second 10 node-hours end at 02:00 in the second step (half an hour late, 5) or at
    03:00 (15). Sensitivity: counted from 01:00 90 - 11, from 02:00 100 - 2."""
    work = job(work_node_hours=20, deadline=at(1.5), late_penalty_per_hour=10, overdue=True)
    plan = solved(pool_case([10, 10, 10], 3, work))
    assert plan.expected_profit == pytest.approx(100 - 2 - 5)


def test_a_job_never_finished_pays_to_the_horizons_end_and_forfeits_its_value() -> None:
    """Proves: at 1000 the job worth 5 is left, 4 of the 6 hours are late: -4. Sensitivity: without the charge 0,
    with one from the start -6."""
    work = job(work_node_hours=20, value=5, deadline=at(2), late_penalty_per_hour=1)
    plan = solved(pool_case(1000, 6, work))
    assert plan.expected_profit == pytest.approx(-4.0)
    assert booked(plan, "training_value") == pytest.approx(0.0)


def test_without_a_late_penalty_the_deadline_is_final() -> None:
    """Proves: due after 2 hours at 600 a node-hour costs 6, more than the job's 5: it is left. Sensitivity:
    finished after the deadline for full value 100 - 2."""
    assert profit(pool_case([600, 600, 10, 10], 4, job(work_node_hours=20, deadline=at(2)))) == pytest.approx(0.0)


def test_unfinished_work_is_valued_at_the_horizons_end() -> None:
    """Proves: of a job that goes on beyond the horizon a node-hour is worth 2, up to a price of 200: 10 node-hours
    each at 100 and 150: 40 - 25. Sensitivity: without the value nothing runs (0)."""
    work = job(work_node_hours=100, value=300, deadline=at(20), unfinished_value_per_node_hour=2)
    plan = solved(pool_case([100, 300, 150, 250], 4, work))
    assert plan.expected_profit == pytest.approx(15.0)
    assert booked(plan, "training_unfinished_value") == pytest.approx(40.0)
    assert plan.summary["work_done"]["j"] == pytest.approx(20.0)


def test_a_finished_job_earns_its_value_once() -> None:
    """Proves: finished, the job brings 100 and nothing for its work; work beyond the need (the energy is paid for
    taking it) brings nothing more: 100 + 3 * 1. Sensitivity: both values give 183, credit for 30 node-hours
    143."""
    work = job(work_node_hours=20, unfinished_value_per_node_hour=4)
    plan = solved(pool_case(-10, 3, work))
    assert plan.expected_profit == pytest.approx(103.0)
    assert booked(plan, "training_unfinished_value") == pytest.approx(0.0)


def test_the_state_of_an_unfinished_job_counts_its_earlier_work() -> None:
    """Proves: with 15 of 20 node-hours done, finishing at 5 a node-hour brings 100 - 25, leaving it 15 * 4.9 =
    73.5. Sensitivity: if only new work counted, leaving it would be worth 0 and finishing would pay up to 20 a
    node-hour."""
    work = job(work_node_hours=20, work_done_before=15, unfinished_value_per_node_hour=4.9)
    assert profit(pool_case(500, 1, work)) == pytest.approx(75.0)
    assert profit(pool_case(600, 1, work)) == pytest.approx(73.5)


def test_more_nodes_bring_less_each() -> None:
    """Proves: 10 full-speed node-hours in two hours take 4 and 8 nodes (4 + 6): 12 node-hours at 1. Sensitivity:
    linear scaling gives 90; beyond the table's last point more nodes bring nothing (12 in an hour are worth 6)."""
    plan = solved(pool_case(100, 2, job(work_node_hours=10, scaling=[[4, 4], [8, 6]])))
    assert plan.expected_profit == pytest.approx(88.0)
    assert profit(pool_case(0, 1, job(work_node_hours=6, scaling=[[4, 4], [8, 6]]))) == pytest.approx(100.0)
    text = refusals(pool_case(0, 1, job(work_node_hours=6.1, scaling=[[4, 4], [8, 6]])))
    assert "0.1 node-hours are lacking" in text


def test_switching_nodes_to_a_job_loses_their_first_minutes() -> None:
    """Proves: a new job's nodes lose half an hour each: 8 nodes stay two hours for 12 node-hours. Sensitivity:
    without the loss 12 node-hours, 98.8; nodes that leave and come back would lose twice."""
    plan = solved(pool_case([10, 10], 2, job(work_node_hours=12), on=pool(switch_minutes=30, switch_cost=1)))
    assert plan.expected_profit == pytest.approx(100 - 1.6 - 8)
    assert booked(plan, "switching_cost") == pytest.approx(-8.0)
    assert series(plan, "progress", "j") == [4.0, 12.0]


def test_members_finish_each_for_themselves() -> None:
    """Proves: at 10 the job is done (98), at 1000 left: 0.25 * 98. Sensitivity: one decision for both gives 0 (24.5
    less 75), the mean price 747.5 nothing either."""
    plan = solved(pool_case([[10, 10], [1000, 1000]], 2, job(work_node_hours=20), probabilities=[0.25, 0.75]))
    assert plan.expected_profit == pytest.approx(24.5)
    assert by_member(plan, "finished", "j") == [[0.0, 1.0], [0.0, 0.0]]
    assert plan.summary["work_done"]["j"] == pytest.approx(5.0)


@pytest.mark.parametrize("kind", ["malleable", "preemptible", "rigid"])
def test_a_job_runs_on_one_of_its_sites(kind: str) -> None:
    """Proves: 20 node-hours on one site cost 11 either way round. Sensitivity: moving to the cheap site each hour
    costs 2, and half on each site 11 with 5 nodes on both."""
    size = {"max_nodes": 10} if kind == "malleable" else {"gang_nodes": 10, "block_hours": 1}
    size = size if kind != "rigid" else {"gang_nodes": 10}
    work = job(work_node_hours=20, pool=["a.h", "b.h"], **{"class": kind}, **size)
    plan = solved(two_sites(([10, 100], [100, 10]), 2, work))
    assert plan.expected_profit == pytest.approx(89.0)
    assert sorted(map(sum, table(plan, "j", "nodes_by_pool").values())) == [0.0, 20.0]


def test_the_site_is_the_same_for_all_members() -> None:
    """Proves: site a costs 2 in one member and 200 in the other, b the reverse; the job is left where it costs more
    than 100: (98 + 0) / 2. Sensitivity: a site chosen by member gives 98."""
    prices = ([[10, 10], [1000, 1000]], [[1000, 1000], [10, 10]])
    work = job(work_node_hours=20, pool=["a.h", "b.h"])
    assert profit(two_sites(prices, 2, work, probabilities=[0.5, 0.5])) == pytest.approx(49.0)


def test_a_finished_job_stays_finished() -> None:
    """Proves: a user's rule that has the job finished at 03:00 and not at 04:00 contradicts the model. Sensitivity:
    without the rule on staying finished, such a plan exists where lateness is free."""
    work = job(work_node_hours=20, deadline=at(2), late_penalty_per_hour=0)
    problem = opt.build(opt.scenario_from_dict(pool_case(10, 5, work)))
    finished = problem.model.parts["j"].is_finished
    finished[0, 2].setlb(1)
    finished[0, 3].setub(0)
    with pytest.raises(opt.InfeasibleError):
        problem.solve()
