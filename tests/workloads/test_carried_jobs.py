"""Jobs and services that go on in the state in which an earlier run has left them."""

from __future__ import annotations

from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from pool_case import at, job, pool, pool_case, rental, service, two_sites
from small_case import booked, profit, refusals, series, solved, unnoticed

import optimizer as opt
from optimizer.audit import audit_plan
from optimizer.horizon import Horizon
from optimizer.rebasing import rebased, window

FREE = 0.0


def left(component: str = "j", start: int = 0, **states: Any) -> dict[str, Any]:
    return {"carry": {"at": start_of(start), "components": {component: states}}}


def is_noticed(plan: opt.Plan, variable: str) -> bool:
    """Whether the audit sees that a figure of the job is too large."""
    false = plan.dispatch.copy(deep=True)
    false[variable].loc[{"component": "j"}] += 0.37
    parts = opt.build(plan.scenario).parts
    audit, *_ = audit_plan(plan.scenario, parts, false, plan.money, plan.summary["objective"])
    return bool(audit["largest_violation"] > audit["tolerance"])


def hours(first: int, end: int, prices: Any, *work: dict[str, Any], **fields: Any) -> dict[str, Any]:
    case = pool_case(prices if isinstance(prices, float) else prices[first:end], end - first, *work, **fields)
    case["horizon"]["start"] = start_of(first)
    return case


# ---------------------------------------------------------------------- value and finish
def test_a_finish_is_booked_once_over_runs_in_a_row() -> None:
    """Proves: 10 node-hours are done in hour 0 (free) and the value of 100 is booked there; the run after it, up to the
    deadline, books nothing and holds no nodes. Sensitivity: a forgotten finish would bring 100 again."""
    work = job(work_node_hours=10, deadline=at(4), unfinished_value_per_node_hour=5)
    first, second = in_a_row(lambda a, e: hours(a, e, [0.0, 0.0, 90.0, 90.0], work), 0, 1, 4)
    assert first.summary["carry"]["components"]["j"] == {"work_done": 10.0, "finished": 1.0}
    assert booked(first, "training_value") == 100.0
    assert booked(second, "training_value") == 0.0
    assert series(second, "nodes", "j") == [0.0, 0.0, 0.0]
    assert is_noticed(second, "finished")
    assert is_noticed(second, "progress")


def test_a_plan_that_is_left_before_it_tells_the_finish_books_it_later() -> None:
    """Proves: the plan over 4 hours tells the finish at the deadline, so that after hour 0 nothing is booked yet, and
    the rest books the whole value."""
    plan = solved(hours(0, 4, [0.0, 90.0, 90.0, 90.0], job(work_node_hours=10)))
    carry = plan.carry_at(1)
    assert carry["at"] == "2024-08-19T01:00+00:00"
    assert carry["components"]["j"] == {"work_done": pytest.approx(10.0)}
    rest = opt.optimize(rebased(plan.scenario, horizon=window(plan.scenario, 1, 3), carry=carry))
    assert rest.summary["ledger"]["training_value"] == 100.0


def test_finished_and_not_done_is_refused() -> None:
    case = pool_case(FREE, 2, job(work_node_hours=10))
    assert "finished: 3 node-hours are not the work of the job" in refusals(case | left(work_done=3.0, finished=1.0))
    assert "running: is told as 0 or 1" in refusals(case | left(work_done=3.0, running=0.5))


# ---------------------------------------------------------------------- runs under way
def test_a_minimum_run_goes_on_in_the_next_run() -> None:
    """Proves: started an hour ago for at least 3, the job holds its 5 nodes in hours 0 and 1 at 0.05 MW and 1000 per
    MWh. Sensitivity: a start that is forgotten lets it wait for the cheap power of hour 2."""
    work = job(work_node_hours=15, gang_nodes=5, max_nodes=5, block_hours=1, min_run_hours=3)
    case = pool_case([1000.0, 1000.0, 1.0, 1.0], 4, work | {"class": "preemptible"})
    states = {"work_done": 5.0, "running": 1.0}
    plan = solved(case | left(**states, starts={start_of(-1): 1.0}))
    assert series(plan, "nodes", "j") == [5.0, 5.0, 0.0, 0.0]
    assert series(solved(case | left(**states)), "nodes", "j") == [0.0, 0.0, 5.0, 5.0]
    assert unnoticed(plan, "j") == []


def test_the_loss_of_a_start_goes_on_in_the_next_run() -> None:
    """Proves: of 2.5 h lost at a start 2 h ago half of the first hour is left; 10 nodes do 5 + 10 node-hours."""
    work = job(work_node_hours=15, min_nodes=10, restart_loss_hours=2.5)
    case = pool_case(FREE, 2, work)
    assert profit(case | left(running=1.0, work_done=0.0, starts={start_of(-2): 1.0})) == pytest.approx(100.0)
    assert profit(case | left(running=1.0, work_done=0.0, starts={start_of(-1): 1.0})) == pytest.approx(0.0)


def test_a_block_that_has_begun_goes_on_as_it_is() -> None:
    """Proves: two hours into a block of three, a paused job may not run in hour 0, and its blocks begin in hour 1.
    Sensitivity: blocks counted anew would let it run in the free hour 0, and over hours 0 to 2."""
    work = job(work_node_hours=15, gang_nodes=5, max_nodes=5, block_hours=3) | {"class": "preemptible"}
    case = pool_case([0.0, 0.0, 0.0, 0.0, 1000.0], 5, work)
    plan = solved(case | left(work_done=0.0, block_hours_left=1.0))
    assert series(plan, "nodes", "j") == [0.0, 5.0, 5.0, 5.0, 0.0]
    assert "is not the rest of a block; found 4.0" in refusals(case | left(work_done=0.0, block_hours_left=4.0))


def test_a_rigid_run_in_progress_goes_on_to_its_end() -> None:
    """Proves: 20 node-hours on 5 nodes, begun 2 h ago, take 2 more hours whatever power costs, and earn the value.
    Sensitivity: a run that could be given up would save 1000 of power for 100 of value."""
    work = job(work_node_hours=20, gang_nodes=5, max_nodes=5) | {"class": "rigid"}
    case = pool_case([10000.0, 10000.0, 0.0], 3, work)
    plan = solved(case | left(work_done=10.0, running=1.0, run={f"h:0/{start_of(-2)}": 1.0}))
    assert series(plan, "nodes", "j") == [5.0, 5.0, 0.0]
    assert series(plan, "progress", "j") == [15.0, 20.0, 20.0]
    assert plan.expected_profit == pytest.approx(100.0 - 1000.0)
    assert unnoticed(plan, "j") == []
    assert "no run has this place" in refusals(case | left(work_done=10.0, run={f"x:0/{start_of(-2)}": 1.0}))
    two = {f"h:0/{start_of(-2)}": 1.0, f"h:0/{start_of(-3)}": 1.0}
    assert "a rigid job runs once" in refusals(case | left(work_done=10.0, run=two))


def test_a_job_stays_on_its_pool_and_its_data_go_on_moving() -> None:
    """Proves: begun on the dear pool, the job stays there; not begun, it waits an hour for its data at the other pool,
    of the 3 h that they take (2 are gone). Sensitivity: a move that began anew would leave no free hour."""
    work = {
        "kind": "training_job",
        "name": "j",
        "pool": ["a.h", "b.h"],
        "work_node_hours": 10,
        "max_nodes": 10,
        "value": 100,
        "data_at": "a.h",
        "data_move_hours": 3,
    }
    case = two_sites([[500.0] * 2, [0.0] * 2], 2, work)
    moving = solved(case | left(work_done=0.0, data_move_hours_left={"b.h": 1.0}))
    assert moving.expected_profit == pytest.approx(100.0)
    assert series(moving, "nodes", "j") == [0.0, 10.0]
    stuck = solved(case | left(work_done=2.0, place={"a.h": 1.0}))
    assert stuck.expected_profit == pytest.approx(100.0 - 8 * 0.01 * 500.0)
    assert "the job does not run on this pool" in refusals(case | left(work_done=0.0, place={"c.h": 1.0}))


def test_a_promise_on_throughput_reaches_back_over_the_run_before() -> None:
    """Proves: at most half of the throughput of any 2 h may be lost; nothing was done in the last hour, so all 10 nodes
    work in hour 0 at 20 an hour of power. Sensitivity: windows counted from the run's start leave hour 0 at rest."""
    tier = {"loss": 0.5, "window_hours": 2, "counted_from": "start"}
    case = pool_case([200.0, 0.0, 0.0], 3, job(work_node_hours=25, flex=tier, value=100))
    states = {"work_done": 5.0, "begun": {start_of(-2): 1.0}}
    plan = solved(case | left(**states, work_by_time={start_of(-1): 5.0}))
    assert series(plan, "nodes", "j")[0] == 10.0
    assert series(solved(case | left(**states)), "nodes", "j")[0] == 0.0
    assert unnoticed(plan, "j") == []


def test_a_job_may_follow_one_that_an_earlier_run_has_finished() -> None:
    """Proves: its predecessor done before, a job starts in hour 0 and is done by its end, worth 100; after one of which
    9 of 10 node-hours are done it cannot start, and only that one is worth 100."""
    first = job("one", work_node_hours=10, max_nodes=10)
    second = job("two", work_node_hours=10, max_nodes=10, after=["one"])
    case = pool_case(FREE, 1, first, second)
    assert profit(case | left("one", work_done=10.0, finished=1.0)) == pytest.approx(100.0)
    waiting = left("one", work_done=9.0)
    waiting["carry"]["components"]["two"] = {"work_done": 0.0}
    assert profit(case | waiting) == pytest.approx(100.0)
    done = solved(case | left("one", work_done=10.0, finished=1.0))
    assert series(done, "nodes", "two") == [10.0]
    assert series(solved(case | waiting), "nodes", "two") == [0.0]


# ---------------------------------------------------------------------- late and lost
def test_a_job_left_too_late_is_late_and_not_refused() -> None:
    """Proves: 30 node-hours with 2 h to the deadline are refused in a first run; as left by another they are late: done
    after 3 h at a penalty of 10. Without a late penalty the job is lost, and required it asks for what cannot be."""
    late = job(work_node_hours=30, deadline=at(2), late_penalty_per_hour=10)
    assert "10 node-hours are lacking" in refusals(pool_case(FREE, 4, late))
    assert profit(pool_case(FREE, 4, late) | left(work_done=0.0)) == pytest.approx(90.0)
    lost = job(work_node_hours=30, deadline=at(2), required=True)
    assert profit(pool_case(FREE, 4, lost) | left(work_done=0.0)) == pytest.approx(0.0)
    passed = job(work_node_hours=30, deadline="2024-08-18T20:00", late_penalty_per_hour=10)
    assert profit(pool_case(FREE, 4, passed) | left(work_done=0.0)) == pytest.approx(70.0)


# ---------------------------------------------------------------------- services
def test_nodes_that_are_not_ready_go_on_being_so() -> None:
    """Proves: 4 nodes that came an hour ago with 90 minutes to go are worth half in hour 0 (8 a node-hour)."""
    case = pool_case(FREE, 2, rental(max_nodes=4), on=pool(switch_minutes=90))
    held = {"nodes": {"h": 4.0}}
    assert profit(case | left("r", **held)) == pytest.approx(64.0)
    plan = solved(case | left("r", **held, switched={f"h/{start_of(-1)}": 4.0}))
    assert plan.expected_profit == pytest.approx(48.0)
    assert unnoticed(plan, "r") == []
    assert "it does not run on this pool" in refusals(case | left("r", nodes={"x": 1.0}))
    assert "from 0 to 10" in refusals(case | left("r", nodes={"h": 11.0}))


def test_a_service_level_is_counted_over_runs() -> None:
    """Proves: of 10 units before none was served; 80 % of the day's 30 are 24, more than the 20 that are left, so the
    day is missed and 80 % of the rest (16) is served. With 5 of 10 served, 19 of 20 are. A unit costs 0.1 more than it
    brings. Sensitivity: a level counted anew would serve 16 in both."""
    costly = service(demand_per_hour=10, min_served=0.8, revenue_per_unit=0.0)
    case = pool_case(1000.0, 2, costly)
    for served, wanted in ((0.0, 16.0), (5.0, 19.0), (10.0, 14.0)):
        day = {"level_demand": {"2024-08-19": 10.0}, "level_served": {"2024-08-19": served}}
        plan = solved(case | left("s", **day))
        assert sum(series(plan, "served", "s")) == pytest.approx(wanted)
        assert plan.summary["carry"]["components"]["s"]["level_served"] == {
            "2024-08-19": pytest.approx(served + wanted)
        }
        assert unnoticed(plan, "s") == []


# ---------------------------------------------------------------------- end of a window
def test_work_on_a_job_that_goes_on_is_worth_its_share() -> None:
    """Proves: 20 node-hours, worth 100, of which 10 fit into an hour: 50 are credited, and power above 500 per MWh is
    not bought for 5 a node-hour. Sensitivity: worth nothing, the job would wait; worth its whole value, overpay."""
    work = job(work_node_hours=20, deadline=at(9))
    assert profit(pool_case(400.0, 1, work)) == pytest.approx(50.0 - 40.0)
    assert profit(pool_case(600.0, 1, work)) == pytest.approx(0.0)
    assert profit(pool_case(400.0, 1, work | {"unfinished_value_per_node_hour": 0})) == pytest.approx(0.0)
    plan = solved(pool_case(400.0, 1, work))
    assert plan.summary["ledger"]["training_unfinished_value"] == pytest.approx(50.0)
    assert "5, while the rest can still be done" in plan.summary["end_of_horizon"]["j"]
    assert is_noticed(plan, "credited")


def test_a_job_is_not_put_off_until_it_cannot_be_done() -> None:
    """Proves: of 30 node-hours with one hour after the window, 20 have to be done inside, though renting pays 24 a
    node-hour in hour 0, against 20. Where there is time, hour 0 is rented out and the job begins in hour 1; worth 10 a
    node-hour, the job is given up and hour 1 left empty. Sensitivity: without the rule the job would begin in hour 1
    (440), and the next window could not finish it."""
    work, let = job(work_node_hours=30, deadline=at(3), value=600), rental(price_per_gpu_hour=[3.0, 0.0])
    plan = solved(pool_case(FREE, 2, work, let))
    assert series(plan, "progress", "j") == [10.0, 20.0]
    assert plan.expected_profit == pytest.approx(400.0)
    patient = solved(pool_case(FREE, 2, work | {"deadline": at(9)}, let))
    assert patient.expected_profit == pytest.approx(240.0 + 200.0)
    given_up = solved(pool_case(FREE, 2, work | {"value": 300}, let))
    assert given_up.expected_profit == pytest.approx(240.0)
    assert booked(given_up, "training_unfinished_value") == pytest.approx(0.0)


def test_lateness_after_the_window_is_counted_as_far_as_it_is_certain() -> None:
    """Proves: 30 node-hours due in an hour after a window of one: with 10 done the rest is at least an hour late, with
    none two hours; each costs 50. Sensitivity: without it, renting at 24 a node-hour would look better than 10."""
    work = job(work_node_hours=30, deadline=at(2), value=300, late_penalty_per_hour=50, overdue=True)
    plan = solved(pool_case(FREE, 1, work))
    assert plan.summary["ledger"]["training_expected_late_penalty"] == pytest.approx(-50.0)
    assert plan.expected_profit == pytest.approx(100.0 - 50.0)
    assert plan.summary["carry"]["components"]["j"]["late_hours_counted"] == pytest.approx(1.0)
    idle = solved(pool_case(FREE, 1, work, rental(price_per_gpu_hour=3.0)))
    assert idle.expected_profit == pytest.approx(240.0 - 100.0)
    assert is_noticed(plan, "late_after_h")


@pytest.mark.parametrize(
    "work", [{"deadline": at(4)}, {"deadline": at(3), "late_penalty_per_hour": 7, "overdue": True}]
)
def test_what_a_window_credits_is_taken_back_in_the_next(work: dict[str, Any]) -> None:
    """Proves: windows of an hour that are carried out whole book together what one run over all hours books, line by
    line, where both do the same (power is free and the job works at full speed)."""

    def case(first: int, end: int) -> dict[str, Any]:
        return hours(first, end, FREE, job(work_node_hours=40, value=200, **work))

    together, apart = ledger_of(in_a_row(case, 0, 4)), ledger_of(in_a_row(case, 0, 1, 2, 4))
    assert {line: money for line, money in apart.items() if money} == {
        line: money for line, money in together.items() if money
    }


def test_a_late_job_is_worth_finishing_until_its_last_finish() -> None:
    """Proves: due in hour 1 and finished after 3 h it pays for two hours; with a last finish in hour 2 it is lost, and
    nothing is done. A last finish after the horizon keeps the worth of the work at its end."""
    late = job(work_node_hours=30, deadline=at(1), late_penalty_per_hour=10, overdue=True)
    assert profit(pool_case(FREE, 3, late)) == pytest.approx(80.0)
    assert profit(pool_case(FREE, 3, late | {"latest_finish": at(2)})) == pytest.approx(-10.0)
    plan = solved(pool_case(FREE, 2, late | {"latest_finish": at(8)}))
    assert plan.expected_profit == pytest.approx(100 * 20 / 30 - 10 - 10)


def test_in_a_window_defaults_are_those_of_the_whole() -> None:
    """Proves: a job without times is due at the end of the whole, and a late one is worth finishing until then."""
    whole = Horizon(timezone="UTC", start=start_of(0), steps=9)
    scenario = opt.scenario_from_dict(
        pool_case(FREE, 2, job(work_node_hours=1), job("l", work_node_hours=1, late_penalty_per_hour=1))
    )
    plain, late = (work.in_window(whole) for work in scenario.sites[0].workloads)
    assert (plain.deadline, plain.latest_finish) == ("2024-08-19T09:00+00:00", None)
    assert (late.deadline, late.latest_finish) == ("2024-08-19T09:00+00:00", "2024-08-19T09:00+00:00")
    assert scenario.sites[0].assets[0].in_window(whole) == scenario.sites[0].assets[0]
