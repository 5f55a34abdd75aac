"""The condensed problem: what goes, what it leaves, and that nothing of the optimum is lost."""

from __future__ import annotations

import numpy as np
import pytest
from array_case import INF, arrays_of
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.compiled import Arrays
from optimizer.condensed import condensed
from optimizer.highs import solve
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Whole

EXACT = SolverOptions(mip_rel_gap=0.0, threads=1)


def test_a_chain_of_equal_states_becomes_one_column() -> None:
    """Proves: s0 = s1 = s2 become one column with the sum of their money and the tightest of their bounds.

    2 s0 - 1 s1 + 3 s2 with s <= 9, 5, 7 and s0 + u <= 6, u worth 1: money 4 per s, at most 5; so s = 5, u = 1, 21.
    Sensitivity: the bound of another of the three would give s = 6.
    """
    rows = [(0.0, [1, -1, 0, 0], 0.0), (0.0, [0, 1, -1, 0], 0.0), (-INF, [1, 0, 0, 1], 6.0)]
    small = condensed(arrays_of([2, -1, 3, 1], rows, upper=[9, 5, 7, 9], integer=False))
    assert small is not None
    assert small.arrays.size == {"rows": 1, "columns": 2, "nonzeros": 2, "integers": 0}
    assert small.arrays.cost.tolist() == [4.0, 1.0]
    assert small.arrays.col_upper.tolist() == [5.0, 9.0]
    found = solve(small.arrays, EXACT)
    assert found.values is not None
    assert small.expanded(found.values).tolist() == [5.0, 5.0, 5.0, 1.0]
    assert found.objective == 21.0
    assert small.condensed(np.array([5.0, 5.0, 5.0, 1.0])).tolist() == found.values.tolist()
    assert small.representatives().tolist() == [0, 3]


def test_what_is_settled_goes() -> None:
    """Proves: a fixed column moves the side of its row, a row of one column becomes its bound, a row that forces its
    columns to zero fixes them, and nothing is left of a problem that is settled so.

    a = 2; a + b <= 5 leaves b <= 3, which earns 1: b = 3. c + d <= 0 forces both: -0. Worth 3 + 10 * 2 = 23.
    """
    rows = [(-INF, [1, 1, 0, 0], 5.0), (-INF, [0, 0, 1, 1], 0.0)]
    small = condensed(arrays_of([10, 1, 5, 5], rows, lower=[2, 0, 0, 0], upper=[2, 9, 1, 1], integer=[0, 0, 1, 1]))
    assert small is not None
    assert small.arrays.size["columns"] == 0
    assert small.expanded(np.zeros(0)).tolist() == [2.0, 3.0, 0.0, 0.0]
    assert small.arrays.offset == 23.0


@pytest.mark.parametrize(
    "rows", [[(3.0, [1, 0], INF)], [(1.0, [1, 1], INF), (-INF, [1, 1], 0.0)]], ids=["bounds", "an empty row"]
)
def test_a_contradiction_is_told(rows: list[tuple[float, list[float], float]]) -> None:
    """Proves: where bounds or sides contradict each other there is no condensed problem (HiGHS is left to say why)."""
    assert condensed(arrays_of([1, 1], rows)) is None


@st.composite
def problems(draw: st.DrawFn) -> Arrays:
    """Random problems of 3 to 6 columns with small whole coefficients, many of them equalities and fixed."""
    count = draw(st.integers(3, 6))
    number = st.integers(-2, 2)
    rows = []
    for _ in range(draw(st.integers(1, 5))):
        low, width = draw(st.integers(-3, 1)), draw(st.sampled_from([0, 1, 4]))
        rows.append((float(low), draw(st.lists(number, min_size=count, max_size=count)), float(low + width)))
    for _ in range(draw(st.integers(0, 2))):
        pair = np.zeros(count)
        one, other = draw(st.sampled_from([(0, 1), (1, 2), (0, 2)]))
        pair[one], pair[other] = 1, -1
        rows.append((0.0, pair.tolist(), 0.0))
    lower = draw(st.lists(st.integers(-2, 1), min_size=count, max_size=count))
    width = draw(st.lists(st.sampled_from([0, 1, 3]), min_size=count, max_size=count))
    integer = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    cost = draw(st.lists(st.integers(-3, 3), min_size=count, max_size=count))
    return arrays_of(cost, rows, lower, np.add(lower, width), integer)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_optimum_stays(arrays: Arrays) -> None:
    """Proves: the optimum of the condensed problem is that of the whole, and its plan keeps to all of its rows."""
    whole, small = solve(arrays, EXACT), condensed(arrays)
    if small is None:
        assert whole.status == "infeasible"
        return
    found = solve(small.arrays, EXACT)
    assert found.status == whole.status
    if found.values is not None:
        assert found.objective == pytest.approx(whole.objective, abs=1e-6)
        values = small.expanded(found.values)
        assert Whole(arrays).violation(values) < 1e-6
        assert float(arrays.cost @ values) == pytest.approx(whole.objective, abs=1e-6)


def test_bounds_that_cross_are_not_hidden_by_what_is_fixed() -> None:
    """Proves: ``b = -1`` with ``b`` fixed at 0 is a contradiction, also where another row would fix ``b`` at 0."""
    assert condensed(arrays_of([0, 0], [(0.0, [1, 1], 0.0), (-1.0, [1, 0], -1.0)], [0, 0], [0, 3])) is None


def test_two_rows_that_want_different_values_contradict_each_other() -> None:
    """Proves: ``c = 1`` by one row and ``c = 0`` by another, both of which hold at one end only, is told."""
    rows = [(0.0, [0, 1, 1], 0.0), (0.0, [1, 0, 1], 0.0)]
    assert condensed(arrays_of([0, 0, 0], rows, [0, -1, 0], [0, -1, 1])) is None
