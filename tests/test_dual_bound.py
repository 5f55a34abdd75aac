"""Bounds from duals: by hand on small programs, never below what is reached on random ones, tight at the optimum."""

from __future__ import annotations

import numpy as np
import pytest
from array_case import in_new_thread
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import FOLDER
from test_highs import EXACT, INF, arrays

import optimizer as opt
from optimizer import implied_bounds as implied
from optimizer.compiled import Arrays
from optimizer.dual_bound import DualBound, bound_from_duals
from optimizer.highs import new_highs, pass_arrays, solve
from optimizer.implied_bounds import implied_bounds

SHARED = arrays([3.0, 2.0], [(-INF, [1.0, 1.0], 4.0), (-INF, [1.0, 0.0], 3.0)], [(0.0, 10.0), (0.0, 10.0)], [])
"""max 3 x + 2 y, x + y <= 4, x <= 3: x = 3, y = 1 earn 11, with duals 2 and 1."""


@pytest.mark.parametrize(
    ("duals", "bound"),
    [
        ([2.0, 1.0], 11.0),  # the best: 2 * 4 + 1 * 3
        ([3.0, 0.0], 12.0),  # 3 * 4, and y at 2 - 3 < 0 stays at 0
        ([2.0, 0.0], 18.0),  # 2 * 4, and x at 3 - 2 runs to its bound of 10
        ([0.0, 0.0], 50.0),  # nothing but the bounds: 3 * 10 + 2 * 10
        ([-5.0, 1.0], 43.0),  # a dual that pulls at a side that is not there counts as 0: 3 + (3 - 1) * 10 + 2 * 10
        ([np.nan, np.inf], 50.0),
    ],
)
def test_a_bound_by_hand(duals: list[float], bound: float) -> None:
    """Proves: the bound is ``sum y b + sum max d x`` for good, poor and meaningless duals, and a hair above it."""
    found = bound_from_duals(SHARED, duals)
    assert bound <= found <= bound * (1 + 1e-12)


def test_both_sides_of_a_row_and_the_offset() -> None:
    """Proves: 2 <= x <= 5 as a row; a negative dual (less x earns) takes its lower side. max 7 - x = 5, max 7 + x = 12.

    Sensitivity: with the upper side, -1 * 5 + 7 = 2 would lie below the plan x = 2.
    """
    row = [(2.0, [1.0], 5.0)]
    down, up = (arrays([cost], row, [(-INF, INF)], []) for cost in (-1.0, 1.0))
    for model, dual, best in ((down, -1.0, 5.0), (up, 1.0, 12.0)):
        model = Arrays(**{**model.__dict__, "offset": 7.0})
        assert best <= bound_from_duals(model, [dual]) <= best + 1e-12


def test_a_column_without_any_bound_proves_nothing() -> None:
    """Proves: x that earns and that nothing holds gives +inf, whatever the duals; so does an unbounded direction."""
    endless = arrays([1.0, 0.0], [(-INF, [1.0, -1.0], 2.0)], [(0.0, INF), (0.0, INF)], [])
    assert bound_from_duals(endless, [0.0]) == INF
    assert bound_from_duals(endless, [1.0]) == INF
    free = arrays([1.0], [], [(-INF, INF)], [])
    assert bound_from_duals(free, []) == INF


def test_bounds_are_passed_on_along_a_chain() -> None:
    """Proves: s_t = s_{t-1} + u_t with s_0 = 5 and 0 <= u <= 2 bounds s_3 by 5 and 11, so that max s_3 is bounded by 11
    even with no duals at all. Sensitivity: with the own bounds only, nothing would be proven."""
    columns = 4 + 3  # s_0 … s_3, u_1 … u_3
    rows = [(5.0, [1.0] + [0.0] * 6, 5.0)]
    for t in range(1, 4):
        row = [0.0] * columns
        row[t], row[t - 1], row[3 + t] = 1.0, -1.0, -1.0
        rows.append((0.0, row, 0.0))
    model = arrays([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], rows, [(-INF, INF)] * 4 + [(0.0, 2.0)] * 3, [])
    lower, upper = implied_bounds(model)
    assert lower[:4] == pytest.approx([5.0, 5.0, 5.0, 5.0])
    assert upper[:4] == pytest.approx([5.0, 7.0, 9.0, 11.0])
    assert 11.0 <= bound_from_duals(model, np.zeros(4)) <= 11.0 + 1e-9


def test_a_peak_is_no_larger_than_what_it_measures() -> None:
    """Proves: a peak p >= l_1, p >= l_2 with loads up to 6 and 8 that only costs need not exceed 8, so duals that are
    slightly too large for it (1.0001 in all for a price of 1) prove 2 * 14 - 8 = 20 and a little more, not +inf."""
    model = arrays(
        [2.0, 2.0, -1.0],
        [(-INF, [1.0, 0.0, -1.0], 0.0), (-INF, [0.0, 1.0, -1.0], 0.0)],
        [(0.0, 6.0), (0.0, 8.0), (0.0, INF)],
        [],
    )
    assert implied_bounds(model)[1].tolist()[:2] == [6.0, 8.0]
    assert implied_bounds(model)[1][2] == pytest.approx(8.0)
    assert 20.0 <= bound_from_duals(model, [0.0, 1.0001]) <= 20.01


def test_duals_are_moved_where_a_column_has_no_bound() -> None:
    """Proves: short >= delivered - position bought at 30 has no bound of its own: a dual of 30.5 is taken down to 30.

    max 50 d - 30 s with d - s <= 1, d <= 4: d = 4, s = 3 earn 110. Sensitivity: at 30.5 the bound would be +inf.
    """
    model = arrays([50.0, -30.0], [(-INF, [1.0, -1.0], 1.0), (0.0, [0.0, 1.0], INF)], [(0.0, 4.0), (-INF, INF)], [])
    assert 110.0 <= bound_from_duals(model, [30.5, 0.0]) <= 110.0 + 1e-9


finite = st.floats(-50.0, 50.0).map(lambda number: round(number, 2))


@st.composite
def programs(draw: st.DrawFn) -> tuple[Arrays, list[float], list[float]]:
    """A program, a point within all its limits, and some duals."""
    columns, rows = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    numbers = lambda count: draw(st.lists(finite, min_size=count, max_size=count))  # noqa: E731
    point = numbers(columns)
    sides = []
    for _ in range(rows):
        row = numbers(columns)
        activity = float(np.dot(row, point))
        below, above = draw(st.sampled_from([INF, 0.0, 3.5])), draw(st.sampled_from([INF, 0.0, 2.5]))
        sides.append((activity - below, row, activity + above))
    room = [(x - draw(st.sampled_from([INF, 0.0, 7.0])), x + draw(st.sampled_from([INF, 0.0, 7.0]))) for x in point]
    return arrays(numbers(columns), sides, room, []), point, numbers(rows)


@settings(max_examples=300, deadline=None)
@given(programs())
def test_no_point_within_the_limits_earns_more(case: tuple[Arrays, list[float], list[float]]) -> None:
    """Proves: whatever the duals, the bound lies above what a point within the limits earns (and the best one does)."""
    model, point, duals = case
    bound = bound_from_duals(model, duals)
    assert bound >= float(model.cost @ np.array(point)) - 1e-9 * max(1.0, abs(bound) if np.isfinite(bound) else 1.0)
    best = solve(model, EXACT)
    if best.status == "optimal":
        assert bound >= best.objective - 1e-6 * max(1.0, abs(best.objective))


@pytest.mark.parametrize("stem", ["campus_week", "day_ahead_48h", "utility_month", "reserves_48h"])
def test_the_duals_of_the_optimum_prove_it(stem: str) -> None:
    """Proves: on shipped scenarios (relaxed) the duals of a vertex prove the optimum to 1e-9, and those of 20 members'
    risk as well; duals off by one percent still prove a finite bound above it."""
    model = opt.build(opt.load(FOLDER / f"{stem}.yaml")).arrays
    highs = new_highs(EXACT)
    pass_arrays(highs, model)
    highs.setOptionValue("solve_relaxation", True)
    in_new_thread(highs.run)
    optimum = highs.getInfo().objective_function_value
    duals = np.asarray(highs.getSolution().row_dual)
    prover = DualBound(model)
    assert optimum * (1 - 1e-9) <= prover.of(duals) <= optimum * (1 + 1e-9)
    off = prover.of(duals * (1 + 0.01 * np.random.default_rng(1).uniform(-1, 1, len(duals))))
    assert optimum <= off < INF


def chain(growth: list[float], first: float = 5.0, most: float = 2.0) -> Arrays:
    """States s_t = growth_t s_{t-1} + u_t from s_0 = ``first``, without bounds of their own, 0 <= u <= ``most``."""
    steps = len(growth)
    rows = [(first, [1.0] + [0.0] * (2 * steps), first)]
    for t, factor in enumerate(growth, start=1):
        row = [0.0] * (2 * steps + 1)
        row[t], row[t - 1], row[steps + t] = 1.0, -factor, -1.0
        rows.append((0.0, row, 0.0))
    cost = [0.0] * steps + [1.0] + [0.0] * steps
    return arrays(cost, rows, [(-INF, INF)] * (steps + 1) + [(0.0, most)] * steps, [])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([1.0, 0.5, 0.9]), min_size=2, max_size=8), finite.map(abs), finite.map(abs))
def test_what_is_looked_up_is_what_would_be_found(growth: list[float], first: float, most: float) -> None:
    """Proves: bounds along a chain are the same to the last bit the first and the second time, when they are looked up,
    and with nothing kept; and what is kept of other numbers is not taken."""
    for model in (chain(growth, first, most), chain(growth, first, most + 1.0), chain([1.0, *growth[1:]], first, most)):
        once, again = implied_bounds(model), implied_bounds(model)
        implied._passed_on.cache_clear()
        alone = implied_bounds(model)
        for found in (once, again):
            assert all(np.array_equal(one, other) for one, other in zip(found, alone, strict=True))
        reach = first
        for factor in [model.matrix.toarray()[t, t - 1] for t in range(1, len(growth) + 1)]:
            reach = -factor * reach + model.col_upper[-1]
        assert alone[1][len(growth)] == pytest.approx(reach)


def test_the_same_chain_is_worked_out_once() -> None:
    """Proves: of three bounds of one chain, two are looked up, although the costs differ; with other data, none is."""
    implied._passed_on.cache_clear()
    for cost in (1.0, 2.0, 3.0):
        model = chain([1.0, 1.0, 1.0])
        bound_from_duals(Arrays(**{**model.__dict__, "cost": model.cost * cost}), np.zeros(4))
    assert implied._passed_on.cache_info()[:2] == (2, 1)
    bound_from_duals(chain([1.0, 1.0, 1.0], first=6.0), np.zeros(4))
    assert implied._passed_on.cache_info()[:2] == (2, 2)
