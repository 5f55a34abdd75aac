"""The throughput that a job is promised over windows of hours, worked by hand.

A node-hour takes 10 kWh; an hour of 10 nodes costs 1 at a price of 10, 10 at a price of 100.
"""

import itertools
from typing import Any

import numpy as np
import pytest
from pool_case import at, job, pool, pool_case, table, two_sites
from small_case import booked, profit, refusals, series, solved, unnoticed, warnings_of

DEAR_NOON = [10, 100, 100, 10]


def tier(loss: float, hours: float, **fields: Any) -> dict[str, Any]:
    return {"loss": loss, "window_hours": hours} | fields


def gang(**fields: Any) -> dict[str, Any]:
    return job(gang_nodes=10, block_hours=1, **{"class": "preemptible"}, **fields)


@pytest.mark.parametrize(("loss", "expected"), [(0.0, 79.0), (0.1, 80.8), (0.25, 83.5), (0.5, 88.0), (1.0, 97.0)])
def test_tiers_of_every_hour(loss: float, expected: float) -> None:
    """Proves: of 30 node-hours 10 * (1 - loss) are done in each of the dear hours 0 and 1, at 1 each, the others later
    at 0.1: 100 - 3 - 18 * (1 - loss). Sensitivity: without the tier 97 in all cases."""
    work = job(work_node_hours=30, flex=tier(loss, 1))
    plan = solved(pool_case([100, 100, 10, 10, 10], 5, work))
    assert plan.expected_profit == pytest.approx(expected)
    assert unnoticed(plan, "j") == []


def test_a_window_is_counted_over_all_its_hours() -> None:
    """Proves: hours 0 to 2 do half of 30 node-hours, 10 cheap and 5 dear; hours 1 to 3 see the finish. 20 node-hours
    cost 5 + 15 * 0.1. Sensitivity: without the tier 2, half in every single hour 10 * 0.1 + 10, with the last window
    judged as well 11."""
    work = job(work_node_hours=20, flex=tier(0.5, 3))
    plan = solved(pool_case(DEAR_NOON, 4, work))
    assert plan.expected_profit == pytest.approx(93.5)
    assert unnoticed(plan, "j") == []


def test_a_gang_pauses_no_longer_than_its_tier_allows() -> None:
    """Proves: of any two hours one is run until the job is done: hours 0 and 1 or 2, 1 + 10. Sensitivity: with a pause
    over both dear hours 2."""
    plan = solved(pool_case(DEAR_NOON, 4, gang(work_node_hours=20, flex=tier(0.5, 2))))
    assert plan.expected_profit == pytest.approx(89.0)
    assert unnoticed(plan, "j") == []


def test_windows_from_the_first_start() -> None:
    """Proves: without a loss the 20 node-hours run without a break, from the release at 1 each, or counted from the
    start in the cheap hours 2 and 3. Sensitivity: the same for both."""
    prices = [100, 100, 10, 10]
    assert profit(pool_case(prices, 4, job(work_node_hours=20, flex=tier(0, 1)))) == pytest.approx(80.0)
    later = job(work_node_hours=20, flex=tier(0, 1, counted_from="start"))
    plan = solved(pool_case(prices, 4, later))
    assert plan.expected_profit == pytest.approx(98.0)
    assert unnoticed(plan, "j") == []
    halves = solved(pool_case([10, 100, 10, 10], 4, later))
    assert series(halves, "nodes", "j") == [0.0, 0.0, 10.0, 10.0]


def test_windows_are_counted_from_the_release_on() -> None:
    """Proves: released at 02:00, hour 2 is dear and has to be run at no loss: 10 + 1. Sensitivity: counted from the
    start of the horizon the job cannot be taken on (0), without the tier hours 3 and 4 for 2."""
    work = job(work_node_hours=20, release=at(2), flex=tier(0, 1))
    assert profit(pool_case([10, 10, 100, 10, 10], 5, work)) == pytest.approx(89.0)


def test_a_job_that_is_not_taken_on_earns_nothing() -> None:
    """Proves: an unfinished job is credited 4 a node-hour. In hours 0 and 3 it does 20, but between them the tier asks
    for 10 more at 10: 120 - 2 - 100; at 20 each it is not taken on at all. Sensitivity: credit without the tier 78."""
    fields = {"value": 400, "deadline": at(20), "unfinished_value_per_node_hour": 4, "flex": tier(0.5, 2)}
    work = job(work_node_hours=100) | fields
    taken = solved(pool_case([10, 1000, 1000, 10], 4, work))
    assert taken.expected_profit == pytest.approx(18.0)
    assert booked(taken, "training_unfinished_value") == pytest.approx(120.0)
    left = solved(pool_case([10, 2000, 2000, 10], 4, work))
    assert left.expected_profit == pytest.approx(0.0)
    assert series(left, "nodes", "j") == [0.0] * 4


def test_losses_of_a_start_count() -> None:
    """Proves: half of the first hour is lost, 15 of 20 node-hours in two hours: a loss of 0.25 is kept, one of 0.2 not,
    and the job is left. Sensitivity: counted without the start's loss it runs in both cases."""
    work = gang(work_node_hours=15, restart_loss_hours=0.5)
    assert profit(pool_case(10, 3, work | {"flex": tier(0.25, 2)})) == pytest.approx(98.0)
    assert profit(pool_case(10, 3, work | {"flex": tier(0.2, 1)})) == pytest.approx(0.0)


def test_windows_before_the_start_ask_for_nothing() -> None:
    """Proves: in its first hour a gang loses an hour and a half, 15 of 10 node-hours, so progress falls by 5 within
    windows that begin before its start: 25 node-hours from hour 2 on, at 10. Sensitivity: held to no loss in those
    windows it starts in hour 0, for 20 + 2."""
    fields = {"work_node_hours": 25, "restart_loss_hours": 0.5, "flex": tier(0.75, 4, counted_from="start")}
    plan = solved(pool_case([100, 100, 10, 10, 10, 10], 6, gang(**fields), on=pool(switch_minutes=60)))
    assert series(plan, "progress", "j")[1:6] == [0.0, -5.0, 5.0, 15.0, 25.0]
    assert plan.expected_profit == pytest.approx(96.0)


def test_the_full_rate_is_that_of_the_pool() -> None:
    """Proves: at half the speed site b does 5 node-hours an hour, which is all that it can: without any loss 20
    node-hours take 4 hours at 10. Sensitivity: held against the rate of site a the job could not run at b
    (100 - 20)."""
    work = job(work_node_hours=20, pool=["a.h", "b.h"], speed_by_pool={"b.h": 0.5}, flex=tier(0, 2))
    plan = solved(two_sites((100, 10), 4, work))
    assert plan.expected_profit == pytest.approx(96.0)
    assert table(plan, "j", "nodes_by_pool")["b.h"] == [10.0] * 4


def test_failures_lower_the_full_rate() -> None:
    """Proves: at 0.8 of the speed 16 node-hours in two hours are all that can be done: no loss. Sensitivity: held
    against the speed without failures it is left."""
    failing = {"mtbf_hours_per_node": 50, "checkpoint_minutes": 6}
    work = job(work_node_hours=16, flex=tier(0, 1), **failing)
    assert profit(pool_case(10, 3, work)) == pytest.approx(98.0)


@pytest.mark.parametrize("counted_from", ["release", "start"])
@pytest.mark.parametrize("seed", range(3))
def test_against_every_pattern(seed: int, counted_from: str) -> None:
    """Proves: of all patterns of eight hours, with a late penalty, the plan takes the best that keeps the tier."""
    rng = np.random.default_rng(seed)
    price = np.round(rng.uniform(0, 800, 8), 1)
    penalty, due, window = 4.0, 5, 3
    options = [-penalty * (8 - due)]
    for pattern in itertools.product((0, 1), repeat=8):
        run = np.array(pattern)
        done = np.cumsum(run * 10.0)
        if done[-1] == 0:
            continue
        finish = int(np.argmax(done >= 30)) + 1 if done[-1] >= 30 else 9
        first = int(np.argmax(run)) if counted_from == "start" else 0
        windows = range(first, min(8, finish - 1) - window + 1)
        if all(run[k : k + window].sum() >= 2 for k in windows):
            worth = 100.0 if finish <= 8 else 0.0
            options.append(worth - penalty * max(0, min(finish, 8) - due) - 0.1 * float(run @ price))
    work = gang(
        work_node_hours=30,
        deadline=at(due),
        late_penalty_per_hour=penalty,
        flex=tier(0.34, window, counted_from=counted_from),
    )
    assert profit(pool_case(price.tolist(), 8, work)) == pytest.approx(max(options))


# ---------------------------------------------------------------------------- rigid jobs, bad input
def test_a_rigid_job_is_offered_the_rows_of_its_tier() -> None:
    """Proves: at a loss of 0.1 the cap at 0.8 of the speed is not offered: 2 hours at full power for 200 kWh; at 0.25
    it is: 3 hours for 150. Sensitivity: the same for both."""
    caps = [{"power": 0.5, "speed": 0.8}]
    work = job(gang_nodes=10, work_node_hours=20, value=300, power_caps=caps, **{"class": "rigid"})
    assert profit(pool_case(1000, 3, work | {"flex": tier(0.1, 2)})) == pytest.approx(100.0)
    assert profit(pool_case(1000, 3, work | {"flex": tier(0.25, 2)})) == pytest.approx(150.0)


def test_tiers_that_cannot_be_are_refused() -> None:
    assert "must be at most 1" in refusals(pool_case(0, 4, job(work_node_hours=1, flex={"loss": 25})))
    assert "must be above 0" in refusals(pool_case(0, 4, job(work_node_hours=1, flex=tier(0.1, 0))))
    assert "release or start" in refusals(
        pool_case(0, 4, job(work_node_hours=1, flex=tier(0.1, 1, counted_from="deadline")))
    )


def test_tiers_without_effect_are_pointed_out() -> None:
    rigid = job(work_node_hours=1, gang_nodes=1, flex=tier(0.1, 2), **{"class": "rigid"})
    assert "has no effect on a rigid job without power_caps" in warnings_of(pool_case(0, 4, rigid))
    long = job(work_node_hours=1, flex=tier(0.1, 24))
    assert "no window of 24 h lies within the time in which the job may run" in warnings_of(pool_case(0, 4, long))
    assert "is rounded up to whole steps, 2 h" in warnings_of(
        pool_case(0, 4, job(work_node_hours=1, flex=tier(0.1, 1)), step="2h")
    )
