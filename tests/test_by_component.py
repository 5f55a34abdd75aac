"""Plans made component by component: what they reach, that they keep every rule, and where they begin and end."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from array_case import INF, arrays_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_case import at, job, pool, pool_case

import optimizer as opt
from optimizer import by_component, relax_and_fix
from optimizer.by_component import ByComponent
from optimizer.compiled import Arrays
from optimizer.highs import solve
from optimizer.scenario import SolverOptions
from optimizer.start_plan import Decisions, solve_from_start
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

EXACT = SolverOptions(mip_rel_gap=0.0, threads=1, start_plan=True)


def each_by_itself(count: int, steps: list[int] | None = None) -> Spans:
    """Spans of columns that are a component each and fall in a step each."""
    step = np.arange(count) if steps is None else np.array(steps)
    return Spans(step, step, step, np.arange(count), np.zeros(count, np.int64))


def parts_of(
    arrays: Arrays,
    relaxed: list[float],
    bound: float,
    prices: list[float] | None = None,
    *,
    steps: list[int] | None = None,
    left_s: float = 60.0,
    threads: int = 1,
) -> ByComponent:
    spans = each_by_itself(len(arrays.cost), steps)
    dual = np.zeros(len(arrays.row_lower)) if prices is None else np.array(prices)
    options = EXACT.model_copy(update={"threads": threads})
    return ByComponent(Whole(arrays), spans, np.array(relaxed), dual, bound, options, lambda: left_s)


def together(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """So many components are planned anew together."""
    for name in ("TOGETHER", "LEAST_TOGETHER", "MOST_TOGETHER"):
        monkeypatch.setattr(by_component, name, count)


@pytest.mark.parametrize(("price", "first"), [(0.0, [1.0, 0.0]), (2.0, [0.0, 1.0])])
def test_a_component_is_put_in_where_it_is_worth_what_it_takes(price: float, first: list[float]) -> None:
    """Proves: of two jobs of 3 nodes on a pool of 4, worth 5 and 9, the earlier is put in and fills the pool where
    nodes have no price; at 2 a node it is not worth the 6 that it would pay, and leaves them to the other."""
    arrays = arrays_of([5, 9], [(-INF, [3, 3], 4.0)])
    put_in = parts_of(arrays, [1 / 3, 1.0], 9 + 5 / 3, [price]).put_in()
    assert put_in is not None
    assert put_in.tolist() == first


def test_the_one_that_has_lost_most_is_planned_anew_with_its_neighbour_and_then_with_what_stands_in_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Proves: with the first job in the pool the second loses the 3 that it could earn at 2 a node. It is planned anew
    together with the third, which runs next to it on a pool of its own, for nothing; and then with the first, which
    pays for the nodes that it wants, and makes way. No plan earns more than 4 * 2 + 0 + 3 + 1 = 12 at these prices."""
    together(monkeypatch, 2)
    arrays = arrays_of([5, 9, 1], [(-INF, [3, 3, 0], 4.0), (-INF, [0, 0, 1], 1.0)])
    parts = parts_of(arrays, [1 / 3, 1.0, 1.0], 10 + 5 / 3, [2.0, 0.0], steps=[0, 1000, 1001])
    begun = np.array([1.0, 0.0, 1.0])
    assert parts.put_in(begun) is begun
    assert parts.apart.bound == pytest.approx(12.0, abs=1e-6)
    assert parts.bound == pytest.approx(10 + 5 / 3)
    seen: list[float] = []

    def is_best(values: np.ndarray[Any, Any]) -> bool:
        seen.append(parts.whole.objective(values))
        return seen[-1] == 10.0

    assert parts.planned_anew(begun, is_best).tolist() == [0.0, 1.0, 1.0]
    assert seen == [6.0, 6.0, 10.0]


def test_groups_side_by_side_add_up_where_they_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: two pools with the worse of two jobs in each are both planned anew in one round of two threads; two jobs
    that do not fit on one pool together, put in by themselves in one round, leave the better one."""
    together(monkeypatch, 2)
    pools = arrays_of([5, 9, 4, 8], [(-INF, [3, 3, 0, 0], 4.0), (-INF, [0, 0, 3, 3], 4.0)])
    parts = parts_of(pools, [0.0, 1.0, 0.0, 1.0], 17.0, [2.0, 2.0], steps=[0, 0, 1000, 1000], threads=2)
    begun = parts.put_in(np.array([1.0, 0.0, 1.0, 0.0]))
    assert begun is not None
    seen: list[float] = []

    def is_best(values: np.ndarray[Any, Any]) -> bool:
        seen.append(parts.whole.objective(values))
        return seen[-1] == 17.0

    assert parts.planned_anew(begun, is_best).tolist() == [0.0, 1.0, 0.0, 1.0]
    assert seen == [9.0, 17.0]
    together(monkeypatch, 1)
    one_pool = parts_of(arrays_of([5, 9], [(-INF, [3, 3], 4.0)]), [0.0, 1.0], 9.0, threads=2)
    begun = one_pool.put_in(np.zeros(2))
    assert begun is not None
    assert one_pool.planned_anew(begun, lambda values: bool(values.any())).tolist() == [0.0, 1.0]


def test_a_component_that_has_to_choose_has_a_first_plan() -> None:
    """Proves: where one of two has to be taken (a job's pool), the plan to begin with takes one; without such a row all
    start from nothing."""
    arrays = arrays_of([-1, -2, 4], [(1.0, [1, 1, 0], 1.0), (-INF, [0, 1, 1], 1.0)])
    first = parts_of(arrays, [1.0, 0.0, 1.0], 3.0).put_in()
    assert first is not None
    assert first.tolist() == [1.0, 0.0, 1.0]


def test_nothing_is_begun_without_time() -> None:
    """Proves: with no time left there is no first plan, and a plan stays as it is."""
    arrays = arrays_of([5, 9], [(-INF, [3, 3], 4.0)])
    parts = parts_of(arrays, [1 / 3, 1.0], 9 + 5 / 3, left_s=0.0)
    assert parts.put_in() is None
    begun = np.array([1.0, 0.0])
    assert parts.put_in(begun) is begun
    assert parts.planned_anew(np.array([1.0, 0.0]), lambda values: False).tolist() == [1.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=5, max_size=5),
    st.lists(st.integers(1, 4), min_size=5, max_size=5),
    st.integers(1, 12),
    st.integers(0, 5),
    st.integers(1, 2),
)
def test_the_plan_keeps_to_the_rows_and_never_falls(
    worth: list[int], size: list[int], room: int, price: int, threads: int
) -> None:
    """Proves: whatever is put in keeps to the pool, planning anew never loses, and nothing exceeds the optimum, nor
    that the bound. Every component is part of each group here, so without a price the optimum itself is reached."""
    arrays = arrays_of([float(w) for w in worth], [(-INF, size, float(room))])
    best = solve(arrays, EXACT).objective
    whole = Whole(arrays)
    parts = parts_of(arrays, [1.0] * 5, float(sum(worth)), [float(price)], threads=threads)
    first = parts.put_in()
    assert first is not None
    last = parts.planned_anew(first, lambda values: False)
    assert whole.violation(first) <= 1e-9
    assert whole.violation(last) <= 1e-9
    assert whole.objective(first) <= whole.objective(last) + 1e-9
    assert whole.objective(last) <= best + 1e-9 <= parts.bound + 1e-6
    if price == 0:
        assert whole.objective(last) == pytest.approx(best)


def crowded(count: int = 14) -> dict[str, Any]:
    """Gangs of 5 to 7 nodes of which only one at a time fits on 9."""
    rng = np.random.default_rng(3)
    price = np.round(rng.uniform(0, 400, 30), 1).tolist()
    work = [
        job(
            f"j{n}",
            work_node_hours=3.0 * (5 + n % 3),
            value=100.0 + 7 * n,
            release=at(float(n)),
            deadline=at(n + 9.0),
            gang_nodes=5 + n % 3,
            late_penalty_per_hour=2.0,
            **{"class": "rigid"},
        )
        for n in range(count)
    ]
    return pool_case(price, 30, *work, on=pool(nodes=9)) | {"solver": {"threads": 1, "mip_rel_gap": 1e-4}}


def test_many_jobs_are_planned_by_component(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Proves: fourteen jobs that want one pool take the road by component, to a plan within the gap of the one that
    branch and bound finds on the whole, under a proven bound; the audit finds every rule kept."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 20)
    monkeypatch.setattr(relax_and_fix, "SHARE_OF_TIME", 0.9)
    monkeypatch.setattr(by_component, "MANY_COMPONENTS", 8)
    raw = crowded()
    whole = opt.build(opt.scenario_from_dict(raw | {"solver": raw["solver"] | {"start_plan": False}})).solve()
    with caplog.at_level(logging.DEBUG, logger="optimizer"):
        plan = opt.build(opt.scenario_from_dict(raw | {"solver": raw["solver"] | {"start_plan": True}})).solve()
    assert "components" in plan.summary["road"]
    assert "planned anew" in caplog.text
    assert plan.summary["status"] == "optimal"
    assert plan.expected_profit == pytest.approx(whole.expected_profit, rel=2e-4)
    assert plan.summary["audit"]["largest_violation"] < 1e-6


def test_decisions_that_follow_from_the_rows_need_no_windows() -> None:
    """Proves: of 5,102 decisions all but two may not be taken, as a row says; so ``auto``, which makes windows for that
    many, leaves the two that remain to the linear program. They exclude each other, and the dearer one is taken."""
    count = 5102
    forbidden, together = np.ones(count), np.zeros(count)
    forbidden[:2], together[:2] = 0.0, 1.0
    money = np.full(count, 1.0)
    money[:2] = 3.0, 2.0
    arrays = arrays_of(money, [(-INF, forbidden, 0.0), (-INF, together, 1.0)])
    step = np.arange(count)
    decisions = Decisions(step, np.zeros(count, np.int64), np.ones(count, bool), np.zeros(count, np.int64))
    outcome = solve_from_start(arrays, decisions, SolverOptions(threads=1, mip_rel_gap=0.0))
    assert (outcome.objective, outcome.status, outcome.road) == (3.0, "optimal", "rounded linear program")
