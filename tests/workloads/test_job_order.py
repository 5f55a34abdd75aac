"""Jobs that wait for others: order across classes, pools, sites and members; worked by hand.

10 node-hours take 1 at a price of 10, 10 at a price of 100.
"""

import itertools
from typing import Any

import numpy as np
import pytest
from pool_case import at, job, pool, pool_case, two_sites
from small_case import by_member, profit, refusals, series, solved, unnoticed

from optimizer.reporting.timeline import Timeline
from optimizer.reporting.view import View

CLASSES = ("malleable", "preemptible", "rigid")


def of(of_class: str, name: str, nodes: float = 10, **fields: Any) -> dict[str, Any]:
    size: dict[str, Any] = {"max_nodes": nodes} if of_class == "malleable" else {"gang_nodes": nodes}
    size |= {"block_hours": 1} if of_class == "preemptible" else {}
    return job(name, work_node_hours=10, **{"class": of_class}, **size, **fields)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(CLASSES, CLASSES)))
def test_a_job_starts_when_the_other_has_finished(first: str, second: str) -> None:
    """Proves: the cheapest hours are 0 and 2, and the second job may have hour 2 only after the first has run:
    200 - 2 - 1. Sensitivity: without the order the jobs take hours 2 and 0 at will (and the second one hour 0 at 1.5
    nodes less); turned round the second would run first."""
    case = pool_case([20, 50, 10], 3, of(first, "one"), of(second, "two", after=["one"]))
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(197.0)
    assert series(plan, "nodes", "one") == [10.0, 0.0, 0.0]
    assert series(plan, "nodes", "two") == [0.0, 0.0, 10.0]
    assert unnoticed(plan, "one") == []
    assert unnoticed(plan, "two") == []


@pytest.mark.parametrize("of_class", CLASSES)
def test_a_job_left_undone_holds_the_other_back(of_class: str) -> None:
    """Proves: the first job is worth 5 and takes 10; the second, worth 100, waits for it: both, 105 - 10 - 1. At 120
    for the first neither pays. Sensitivity: the second alone 99."""
    first = of(of_class, "one", value=5)
    second = of(of_class, "two", after=["one"], release=at(1))
    assert profit(pool_case([100, 10], 2, first | {"deadline": at(1)}, second)) == pytest.approx(94.0)
    assert profit(pool_case([1200, 10], 2, first | {"deadline": at(1)}, second)) == pytest.approx(0.0)


def test_all_predecessors_must_have_finished() -> None:
    """Proves: two jobs of 5 nodes end after hours 0 and 1; the third runs in hour 2: 1 + 3 + 5. Sensitivity: after one
    of them it runs in hour 1."""
    one = of("rigid", "one", deadline=at(2)) | {"gang_nodes": 10, "deadline": at(1)}
    two = of("rigid", "two", release=at(1), deadline=at(2))
    three = of("malleable", "three", after=["one", "two"])
    plan = solved(pool_case([10, 30, 50], 3, one, two, three))
    assert plan.expected_profit == pytest.approx(300 - 1 - 3 - 5)
    assert series(plan, "nodes", "three") == [0.0, 0.0, 10.0]


def test_a_chain_across_sites() -> None:
    """Proves: at site a hours cost 10, at b 10 and 40; job two at b waits for job one at a: it runs in hour 1.
    Sensitivity: without the order in hour 0 for 1."""
    one = of("malleable", "one", pool="a.h")
    two = of("malleable", "two", pool="b.h", after=["one"])
    assert profit(two_sites((10, [10, 40]), 2, one, two)) == pytest.approx(200 - 1 - 4)
    case = two_sites((10, [10, 40]), 2, two | {"after": ["a.one"]})
    case["sites"][0]["workloads"] = [one | {"pool": "h"}]
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(195.0)


@pytest.mark.parametrize("flex", [None, {"loss": 0.5, "window_hours": 4}])
def test_a_start_that_loses_more_than_a_step_is_made_up_for(flex: dict[str, Any] | None) -> None:
    """Proves: an hour of switching and half an hour of loading take 1.5 times the first hour: progress falls to -5, and
    the 25 node-hours take 4 hours; the next job, of an hour that it loses and one that it works, follows in hours 4 and
    5. Sensitivity: a job for which others wait held at 0 and above never starts, and nothing is earned."""
    one = of("preemptible", "one", restart_loss_hours=0.5, flex=flex) | {"work_node_hours": 25}
    two = of("malleable", "two", after=["one"])
    plan = solved(pool_case(10, 6, one, two, on=pool(switch_minutes=60)))
    assert series(plan, "progress", "one") == [-5.0, 5.0, 15.0, 25.0, 25.0, 25.0]
    assert plan.expected_profit == pytest.approx(200 - 4 - 2)


def test_a_report_shows_a_job_where_its_pool_is() -> None:
    """Proves: a job of the portfolio on a pool at b, waiting for a job at a, draws at b only. Sensitivity: shown at the
    site of the job that it waits for as well."""
    two = of("malleable", "two", pool="b.h", after=["a.one"])
    case = two_sites((10, 10), 2, two)
    case["sites"][0]["workloads"] = [of("malleable", "one")]
    plan = solved(case)
    view = View(plan, Timeline.of(plan.scenario.horizon, 800))
    assert "two" not in view.powers("a")
    assert view.powers("b")["two"].tolist() == [[0.0, 0.1]]


def test_each_member_has_its_own_order_and_a_rigid_job_waits_for_all() -> None:
    """Proves: the first job takes the cheap hour, 0 in one member and 1 in the other; a malleable job follows at once
    (hours 1 and 2), a rigid one in hour 2 in both: 100 - 1 + 100 - 50 (first member) and 100 - 1 + 100 - 3 (second).
    Sensitivity: a rigid job that waits for its own member only runs in hour 1 of the first, at 100."""
    prices = [[10, 100, 500], [1000, 10, 30]]
    one = of("malleable", "one")
    rigid = solved(pool_case(prices, 3, one, of("rigid", "two", after=["one"]), probabilities=[0.5, 0.5]))
    assert by_member(rigid, "nodes", "one") == [[10.0, 0.0, 0.0], [0.0, 10.0, 0.0]]
    assert by_member(rigid, "nodes", "two") == [[0.0, 0.0, 10.0]] * 2
    assert rigid.expected_profit == pytest.approx((149 + 196) / 2)
    free = solved(pool_case(prices, 3, one, of("malleable", "two", after=["one"]), probabilities=[0.5, 0.5]))
    assert by_member(free, "nodes", "two") == [[0.0, 10.0, 0.0], [0.0, 0.0, 10.0]]


def test_a_late_predecessor_makes_a_late_successor() -> None:
    """Proves: the first job is due after hour 0 at 200 and may be late at 3 an hour: run in hour 1 at 10 it costs 4,
    and the second runs in hour 2. Sensitivity: the second in hour 1 as well."""
    one = of("preemptible", "one", 5, deadline=at(2), late_penalty_per_hour=3)
    two = of("malleable", "two", after=["one"])
    plan = solved(pool_case([200, 10, 10, 10], 4, one, two))
    assert series(plan, "nodes", "one") == [0.0, 5.0, 5.0, 0.0]
    assert series(plan, "nodes", "two") == [0.0, 0.0, 0.0, 10.0]
    assert plan.expected_profit == pytest.approx(200 - 1 - 3 - 1)


@pytest.mark.parametrize("seed", range(3))
def test_chains_against_every_order(seed: int) -> None:
    """Proves: three jobs of an hour each in a chain, on random prices, take the best rising triple of hours."""
    price = np.round(np.random.default_rng(seed).uniform(0, 300, 7), 1)
    best = min(price[list(hours)].sum() for hours in itertools.combinations(range(7), 3))
    chain = [
        of("preemptible", "one", required=True),
        of("rigid", "two", after=["one"], required=True),
        of("malleable", "three", after=["two"], required=True),
    ]
    assert profit(pool_case(price.tolist(), 7, *chain)) == pytest.approx(300 - 0.1 * best)


# ---------------------------------------------------------------------------- bad input
def test_jobs_that_wait_for_each_other_are_refused() -> None:
    text = refusals(pool_case(0, 4, of("malleable", "one", after=["two"]), of("rigid", "two", after=["one"])))
    assert "the jobs wait for each other: one after two after one" in text
    assert "one after one" in refusals(pool_case(0, 4, of("malleable", "one", after=["one"])))


def test_names_that_are_no_jobs_are_refused() -> None:
    text = refusals(pool_case(0, 4, of("malleable", "one", after=["h"]), of("malleable", "two", after=["on"])))
    assert "is no training_job" in text
    assert "there is no training_job of this name" in text
    assert "did you mean 'one'?" in text
    named = of("malleable", "one"), of("malleable", "two", after=["one", "one"])
    assert "is named twice" in refusals(pool_case(0, 4, *named))


def test_a_chain_that_does_not_fit_is_refused() -> None:
    """Proves: each job takes an hour; the third of a chain cannot be finished within two."""
    chain = [of("malleable", "one"), of("rigid", "two", after=["one"]), of("malleable", "three", after=["two"])]
    text = refusals(pool_case(0, 2, *chain))
    assert "three" in text or "workloads[2]" in text
    assert "at full speed from its earliest start: 10 node-hours are lacking" in text
