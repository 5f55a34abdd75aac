"""Components apart at the prices of what they share: the bound that proves, and what each of them loses in a plan."""

from __future__ import annotations

import numpy as np
import pytest
from array_case import INF, arrays_of, in_new_thread
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.compiled import Arrays
from optimizer.decoupled import Decoupled
from optimizer.highs import solve
from optimizer.kept_lp import KeptLp
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

EXACT = SolverOptions(mip_rel_gap=0.0, threads=1)


def apart(arrays: Arrays, component: list[int], relaxed: list[float], row_dual: list[float]) -> Decoupled:
    count = len(component)
    step = np.zeros(count, np.int64)
    spans = Spans(step, step, step, np.array(component), step)
    return Decoupled(Whole(arrays), spans, np.array(relaxed, dtype=float), np.array(row_dual, dtype=float))


def asked(found: Decoupled) -> Decoupled:
    """With every component asked what it would do by itself."""
    for number in range(len(found.components)):
        found.take(number, found.alone(number, EXACT, 0.0, {}))
    return found


def half_a_job() -> Decoupled:
    """A job worth 14 that needs the node for two hours, of which one is left (columns: runs in either hour, finished),
    and another that would use that hour for 6. The relaxation finishes the first by half, for 7."""
    arrays = arrays_of([0, 0, 14, 6], [(-INF, [1, 0, 0, 1], 1.0), (0.0, [1, 1, -2, 0], INF)], upper=[1, 0, 1, 1])
    return apart(arrays, [0, 0, 0, 1], [1.0, 0.0, 0.5, 0.0], [6.0, -7.0])


def test_a_job_that_cannot_finish_proves_less_than_its_relaxation() -> None:
    """Proves: with the hour at 6 the relaxation's duals prove 6 for the hour and 7 - 6 = 1 for half of the job, 7 in
    all; by itself and whole the job does nothing, which proves 6: what the best plan earns."""
    found = half_a_job()
    assert found.shared.tolist() == [True, False]
    assert found.components.tolist() == [0, 1]
    assert found.bound == pytest.approx(7.0, abs=1e-6)
    asked(found)
    assert found.most.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert found.bound == pytest.approx(6.0, abs=1e-6)
    assert found.bound >= 6.0


def test_what_is_paid_and_lost() -> None:
    """Proves: where the second job is given the hour it pays all that it earns and nobody loses anything; where the
    first has it and does not finish, that loses the 6 which it pays."""
    found = asked(half_a_job())
    assert found.paid(np.array([0.0, 0.0, 0.0, 1.0])).tolist() == [[0.0], [6.0]]
    assert found.lost(np.array([0.0, 0.0, 0.0, 1.0])).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert found.lost(np.array([1.0, 0.0, 0.0, 0.0])).tolist() == pytest.approx([6.0, 0.0], abs=1e-6)


def test_a_price_without_a_side_is_none() -> None:
    """Proves: a dual that pulls at a side which its row does not have counts as no price, so the bound holds: both jobs
    by themselves earn 5 + 9 = 14."""
    arrays = arrays_of([5, 9], [(-INF, [3, 3], 4.0)])
    found = asked(apart(arrays, [0, 1], [0.0, 0.0], [-2.0]))
    assert found.price.tolist() == [0.0]
    assert found.bound == pytest.approx(14.0, abs=1e-6)


def test_what_no_component_decides_is_left_to_its_relaxation() -> None:
    """Proves: columns without whole decisions make one part, bounded by the duals: 4 nodes at 2 and a machine that
    earns 3 a node at most, beside a job of 3 nodes worth 7: 8 + 4 * (3 - 2) + (7 - 6) = 13."""
    arrays = arrays_of([7, 3], [(-INF, [3, 1], 4.0)], upper=[1, 4], integer=[True, False])
    found = asked(apart(arrays, [0, 1], [1.0, 1.0], [2.0]))
    assert found.components.tolist() == [0]
    assert found.bound == pytest.approx(13.0, abs=1e-6)
    assert found.lost(np.zeros(2)).tolist() == pytest.approx([1.0], abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_bound_holds_for_any_prices_and_is_no_worse_than_the_relaxations(data: st.DataObject) -> None:
    """Proves: for whatever prices, no plan earns more than the components apart; at the relaxation's own prices they
    prove as much as the relaxation does, or more; and what all lose, with what is left although it has a price, is the
    distance of a plan from the bound."""
    whole = st.integers(0, 5)
    worth = data.draw(st.lists(st.integers(1, 20), min_size=6, max_size=6))
    rows = [(-INF, data.draw(st.lists(whole, min_size=6, max_size=6)), float(data.draw(st.integers(1, 9))))]
    rows += [(-INF, [4, 3, 0, 0, 0, 0], 5.0), (-INF, [0, 0, 2, 3, 3, 0], 6.0)]
    arrays = arrays_of([float(w) for w in worth], rows)
    best = solve(arrays, EXACT)
    lp = KeptLp(arrays, EXACT)
    assert in_new_thread(lp.run)
    guess = data.draw(st.lists(st.integers(-3, 6), min_size=3, max_size=3))
    relaxed, dual = lp.values.tolist(), np.asarray(lp.highs.getSolution().row_dual).tolist()
    for prices in (dual, [float(price) for price in guess]):
        found = asked(apart(arrays, [0, 0, 1, 1, 1, 2], relaxed, prices))
        assert found.bound >= best.objective - 1e-9
        assert best.values is not None
        unused = found.price * (arrays.row_upper - found.whole.rows_of(best.values))
        distance = found.lost(best.values).sum() + unused.sum()
        assert distance == pytest.approx(found.bound - best.objective, abs=1e-5)
        if prices is dual:
            assert found.bound <= lp.objective + 1e-6
