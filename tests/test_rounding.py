"""Which way a fraction is rounded, and the dive that makes a whole plan of the relaxation, worked by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest
from array_case import in_new_thread
from test_highs import INF, arrays

from optimizer import diving
from optimizer.compiled import Arrays
from optimizer.diving import Dive
from optimizer.kept_lp import KeptLp
from optimizer.rounding import Rounder
from optimizer.scenario import SolverOptions

OPTIONS = SolverOptions(threads=1)
ROUND_UP = arrays(
    [-1.0, 0.0],
    [(0.0, [1.0, -64.0], INF), (-INF, [1.0, -320.0], 0.0)],
    [(64.0, INF), (0.0, 1.0)],
    [1],
)
"""At least 64 nodes at a cost of 1 each; a job that runs holds 64 to 320."""


def dived(model: Arrays, gap: float = 1e-3) -> tuple[bool, KeptLp]:
    lp = KeptLp(model, OPTIONS)
    assert in_new_thread(lp.run)
    return in_new_thread(Dive(lp, gap, time.perf_counter() + 60).run), lp


def test_a_fraction_is_rounded_the_way_that_breaks_no_row() -> None:
    """Proves: 64 nodes and 0.2 of a run: with a whole run both rows hold, without one 64 nodes are too many, by
    64 / 320 = 0.2 of a run. Sensitivity: the nearest whole number is 0."""
    rounding = Rounder(ROUND_UP).rounding(np.array([64.0, 0.2]), np.array([True]))
    assert rounding.columns.tolist() == [1]
    assert (rounding.targets.tolist(), rounding.others.tolist()) == ([1.0], [0.0])
    assert rounding.doubt.tolist() == [0.0]


def test_doubt_is_the_lesser_of_both_ways_over_their_sum() -> None:
    """Proves: of x + y = 0.5 with x = 0.1 and y = 0.4, x = 0 breaks the row by 0.1 and x = 1 by 0.9: doubt 0.1; y = 0
    by 0.4 and y = 1 by 0.6: doubt 0.4. x is the clearer and comes first."""
    model = arrays([0.0, 0.0], [(0.5, [1.0, 1.0], 0.5)], [(0.0, 1.0)] * 2, [0, 1])
    rounding = Rounder(model).rounding(np.array([0.1, 0.4]), np.array([True, True]))
    assert rounding.columns.tolist() == [0, 1]
    assert rounding.targets.tolist() == [0.0, 0.0]
    assert rounding.doubt == pytest.approx([0.1, 0.4])


def test_rows_of_other_units_count_alike() -> None:
    """Proves: 0.95 of a finish with 950 of 1000 node-hours done. A whole one lacks 50 node-hours, 0.05 of it; none
    at all goes back by 0.95 behind a neighbour at 0.95. Sensitivity: by bare violations, 50 against 0.95, it is rounded
    down."""
    rows = [(0.0, [1.0, -1000.0, 0.0], INF), (0.0, [0.0, 1.0, -1.0], INF)]
    model = arrays([0.0] * 3, rows, [(0.0, INF), (0.0, 1.0), (0.0, 1.0)], [1])
    rounding = Rounder(model).rounding(np.array([950.0, 0.95, 0.95]), np.array([True]))
    assert rounding.targets.tolist() == [1.0]
    assert rounding.doubt == pytest.approx([0.05 / (0.05 + 0.95)])


def test_whole_and_decided_ones_are_left_alone() -> None:
    model = arrays([0.0] * 3, [(0.0, [1.0, 1.0, 1.0], 3.0)], [(0.0, 1.0)] * 3, [0, 1, 2])
    rounding = Rounder(model).rounding(np.array([1.0, 0.5, 0.5]), np.array([True, False, True]))
    assert rounding.columns.tolist() == [2]


def test_the_dive_holds_what_the_relaxation_has_taken_in_full() -> None:
    """Proves: a finished job (f = 1, worth 8) needs 5.1 blocks of six at 1 each: the relaxation takes 0.1 of the sixth,
    the whole plan all six, 8 - 6 = 2. Sensitivity: where only 0.1 is rounded to 0, the job is not finished: 0."""
    rows = [(0.0, [-5.1] + [1.0] * 6, INF)]
    cost = [8.0, -1.0, -1.001, -1.002, -1.003, -1.004, -1.005]
    found, lp = dived(arrays(cost, rows, [(0.0, 1.0)] * 7, list(range(7))), gap=1.0)
    assert found
    assert lp.values.tolist() == [1.0] * 7


def test_a_costly_decision_is_tried_the_other_way() -> None:
    """Proves: of a knapsack of 5 with weights 3 and values 10 and 9, the relaxation takes 1 and 2/3. Rounded up, no
    plan is left; down, 10 remain."""
    model = arrays([10.0, 9.0], [(-INF, [3.0, 3.0], 5.0)], [(0.0, 1.0)] * 2, [0, 1])
    found, lp = dived(model)
    assert found
    assert lp.values.tolist() == [1.0, 0.0]
    assert lp.objective == pytest.approx(10.0)


def test_a_dive_without_a_way_out_fails() -> None:
    """Proves: 2 x + 2 y = 3 has fractions only; the dive ends, and says so."""
    found, _ = dived(arrays([1.0, 1.0], [(3.0, [2.0, 2.0], 3.0)], [(0.0, 1.0)] * 2, [0, 1]))
    assert not found


def test_a_dive_is_given_up_after_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diving, "MOST_RUNS", 1)
    found, lp = dived(ROUND_UP)
    assert not found
    assert lp.runs == 1


def test_a_kept_program_goes_on_from_its_basis() -> None:
    """Proves: max x + 2 y, x + y <= 4, y <= 3 is 7; with y held at 1 it is 5, in at most two iterations; free
    again 7."""
    model = arrays([1.0, 2.0], [(-INF, [1.0, 1.0], 4.0)], [(0.0, 9.0), (0.0, 3.0)], [])
    lp = KeptLp(model, OPTIONS)
    assert in_new_thread(lp.run)
    assert lp.objective == pytest.approx(7.0)
    before = lp.iterations
    lp.hold(np.array([1]), np.array([1.0]), np.array([1.0]))
    assert in_new_thread(lp.run)
    assert lp.objective == pytest.approx(5.0)
    assert lp.iterations - before <= 2
    lp.hold(np.array([1]), np.array([0.0]), np.array([3.0]))
    assert in_new_thread(lp.run)
    assert lp.objective == pytest.approx(7.0)
