"""Rows that follow from single decisions: worked by hand, valid for every whole plan, and gone before the duals."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from array_case import INF, arrays_of, in_new_thread
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import FOLDER

import optimizer as opt
from optimizer import neighbourhood
from optimizer.cuts import Cuts, with_cuts
from optimizer.diving import Dive
from optimizer.kept_lp import KeptLp
from optimizer.neighbourhood import Neighbourhood
from optimizer.scenario import SolverOptions
from optimizer.solving import find_plan
from optimizer.split_relaxation import SplitRelaxation
from optimizer.splitting import Splitting, dearest

OPTIONS = SolverOptions(threads=1)
DEAR_HOUR = arrays_of(
    [-27.0, 100.0, 0.0, 0.0],
    [
        (4.0, [1.0, -1.0, 1.0, 0.0], 4.0),
        (-INF, [1.0, 0.0, 0.0, -10.0], 0.0),
        (-INF, [0.0, 1.0, 0.0, 10.0], 10.0),
    ],
    upper=[10.0, 10.0, 10.0, 1.0],
    integer=[False, False, False, True],
)
"""A load of 4 MW: a block of 10 MW at 27 delivers d, 100 are paid for the export e, a battery gives s up to 10 MW; the
site imports (z = 1) or exports. d - e + s = 4, d <= 10 z, e <= 10 (1 - z).

Whole plans earn 600 (all of the battery sold but for the load) or 0 (nothing sold). The relaxation imports a fifth:
e = 8, d = 2, 800 - 54 = 746."""


def solved() -> KeptLp:
    lp = KeptLp(DEAR_HOUR, OPTIONS)
    assert in_new_thread(lp.run)
    return lp


def dual_of(lp: KeptLp) -> np.ndarray:
    return np.asarray(lp.highs.getSolution().row_dual)


def split(lp: KeptLp) -> tuple[SplitRelaxation, KeptLp]:
    """The relaxation with copies around its one decision, solved."""
    relaxation = SplitRelaxation(lp.arrays, Neighbourhood(lp.arrays), np.array([3]))
    copies = KeptLp(relaxation.arrays, OPTIONS, relaxation.basis(lp.highs.getBasis()))
    assert in_new_thread(copies.run)
    return relaxation, copies


def test_a_fifth_of_the_import_is_worth_146_to_the_relaxation() -> None:
    lp = solved()
    assert lp.objective == pytest.approx(746.0)
    assert lp.values == pytest.approx([2.0, 8.0, 10.0, 0.2])


def test_copies_of_both_ways_leave_the_best_whole_plan() -> None:
    """Proves: each way by itself earns 600 and 0, so no mix of both earns more than 600."""
    _, copies = split(solved())
    assert copies.objective == pytest.approx(600.0)


def test_one_row_has_the_bound_of_all_copies() -> None:
    """Proves: the row found alone, in the four columns as they were, moves the bound from 746 to 600."""
    lp = solved()
    relaxation, copies = split(lp)
    cuts = relaxation.cuts(dual_of(copies))
    assert (len(cuts.upper), cuts.columns.max() < 4) == (1, True)
    lp.add(cuts)
    assert in_new_thread(lp.run)
    assert lp.objective == pytest.approx(600.0)


def test_the_cost_of_rounding_is_guessed_from_the_rows_duals() -> None:
    """Proves: with a dual b of the balance, the rows of e and d have 100 + b and -27 - b; z stands in both with 10, so
    both are alike: 36.5 for b = -63.5. Rounded, z loses 365 in one of them: 365 * 0.2 * 0.8 = 58.4."""
    lp = solved()
    decisions, cost = dearest(lp.arrays, Neighbourhood(lp.arrays), lp.values, dual_of(lp))
    assert decisions.tolist() == [3]
    assert cost == pytest.approx([58.4])


@pytest.mark.parametrize(
    ("gap", "urgent", "may_help"),
    [(14.0, True, True), (50.0, False, True), (200.0, False, True), (400.0, False, False)],
)
def test_rows_are_added_by_what_they_may_bring(gap: float, urgent: bool, may_help: bool) -> None:
    """Proves: 58.4 is more than four gaps of 14, little more than one of 50, a third of 200 and a seventh of 400."""
    splitting = Splitting(solved(), gap)
    assert (splitting.is_urgent, splitting.may_help) == (urgent, may_help)


def test_the_search_ends_without_branching() -> None:
    """Proves: asked for 0.1 %, the rounded plan is proven by the row. Sensitivity: without it branch and bound is."""
    with_rows = find_plan(DEAR_HOUR, SolverOptions(threads=1))
    assert (with_rows.status, with_rows.road, with_rows.nodes) == ("optimal", "rounded linear program", 0)
    assert (with_rows.objective, with_rows.bound) == (pytest.approx(600.0), pytest.approx(600.0))
    without = find_plan(DEAR_HOUR, SolverOptions(threads=1, cuts=False))
    assert without.road == "branch and bound from a rounded plan"
    assert without.objective == pytest.approx(600.0)


def test_marginal_values_are_those_of_the_scenarios_own_rows() -> None:
    """Proves: one MW more of load is one MW less sold at 100, whether or not rows were added on the way; those have no
    dual any more. (With a column that is wanted least among equals, the plan is always solved again.)"""
    model = replace(DEAR_HOUR, least=np.array([True, False, False, False]))
    for cuts in (True, False):
        linear = find_plan(model, SolverOptions(threads=1, cuts=cuts)).linear
        assert linear.row_dual[0] == pytest.approx(-100.0)
        assert np.abs(np.asarray(linear.row_dual)[3:]).max(initial=0.0) == 0.0


def test_a_kept_program_goes_back_to_where_it_stood() -> None:
    """Proves: with z held at 0 it is 600, back at its mark 746 in no iteration, and with z <= 0 as a further row 600
    until that row's side is taken away."""
    lp = solved()
    mark, before = lp.mark(), lp.iterations
    lp.hold(np.array([3]), np.zeros(1), np.zeros(1))
    assert in_new_thread(lp.run)
    assert lp.objective == pytest.approx(600.0)
    moved = lp.iterations
    assert moved > before
    assert in_new_thread(lambda: lp.go_back(mark))
    assert lp.objective == pytest.approx(746.0)
    assert lp.iterations == moved
    lp.add(Cuts(np.zeros(1, np.int64), np.array([3]), np.ones(1), np.zeros(1)))
    assert in_new_thread(lp.run)
    assert lp.objective == pytest.approx(600.0)
    lp.free_added()
    assert in_new_thread(lp.run)
    assert lp.objective == pytest.approx(746.0)


def test_a_dive_is_given_up_once_it_has_lost_too_much() -> None:
    """Proves: the whole plan is 146 below the relaxation; a dive that may lose 100 ends before it, one of 200 finds
    it."""
    for most, found in ((100.0, False), (200.0, True)):
        lp = solved()
        dive = Dive(lp, 1e-3, time.perf_counter() + 60, most=most)
        assert in_new_thread(dive.run) == found


def test_rows_are_put_at_the_end() -> None:
    """Proves: entry by entry; x0 - 2 x3 <= 5 and 3 x1 <= 6 below the matrix of three rows."""
    cuts = Cuts(np.array([0, 0, 1]), np.array([0, 3, 1]), np.array([1.0, -2.0, 3.0]), np.array([5.0, 6.0]))
    extended = with_cuts(DEAR_HOUR, cuts)
    dense = extended.matrix.toarray()
    assert (dense[:3] == DEAR_HOUR.matrix.toarray()).all()
    assert dense[3:].tolist() == [[1.0, 0.0, 0.0, -2.0], [0.0, 3.0, 0.0, 0.0]]
    assert extended.row_upper[3:].tolist() == [5.0, 6.0]
    assert (extended.row_lower[3:] == -INF).all()


def test_short_rows_lead_on_and_long_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: a chain 0-1-2-3-4 and a row of all five. From 0, with up to two columns, the second step is the last:
    columns 1 and 2, and the rows 0-1 and 1-2 among them; without a limit all, with the long row. Where the long row
    leads on, one step reaches all."""
    chain = [(-INF, [float(column in (first, first + 1)) for column in range(5)], 1.0) for first in range(4)]
    model = arrays_of([1.0] * 5, [*chain, (-INF, [1.0] * 5, 2.0)])
    monkeypatch.setattr(neighbourhood, "MOST_IN_ROW", 2)
    near = Neighbourhood(model).around(0)
    assert (near.columns.tolist(), near.rows.tolist()) == ([1, 2, 3, 4], [0, 1, 2, 3, 4])
    monkeypatch.setattr(neighbourhood, "MOST_COLUMNS", 2)
    near = Neighbourhood(model).around(0)
    assert (near.columns.tolist(), near.rows.tolist()) == ([1, 2], [0, 1])
    monkeypatch.setattr(neighbourhood, "MOST_IN_ROW", 5)
    assert Neighbourhood(model).around(0).columns.tolist() == [1, 2, 3, 4]


SMALL = st.integers(-3, 3)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_whole_plan_is_cut_off(data: st.DataObject) -> None:
    """Proves: for any problem of three decisions and two other columns, and for any duals at all, every whole plan
    keeps to the rows (to a few roundings). The other columns are tried at all whole values between -2 and 3."""
    count = data.draw(st.integers(1, 4))
    rows = []
    for _ in range(count):
        coefficients = data.draw(st.lists(SMALL, min_size=5, max_size=5))
        side = float(data.draw(st.integers(-2, 5)))
        kind = data.draw(st.sampled_from(["at most", "at least", "equal"]))
        rows.append((-INF if kind == "at most" else side, coefficients, INF if kind == "at least" else side))
    model = arrays_of(
        [1.0] * 5, rows, [0.0, 0.0, 0.0, -2.0, -INF], [1.0, 1.0, 1.0, 3.0, 3.0], [True, True, True, False, False]
    )
    decisions = np.array(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True)))
    relaxation = SplitRelaxation(model, Neighbourhood(model), decisions)
    size = len(relaxation.arrays.row_lower)
    number = st.floats(-5, 5, allow_subnormal=False)
    cuts = relaxation.cuts(np.array(data.draw(st.lists(number, min_size=size, max_size=size))))
    dense, further = model.matrix.toarray(), np.zeros((len(cuts.upper), 5))
    np.add.at(further, (cuts.rows, cuts.columns), cuts.values)
    for whole in product((0, 1), (0, 1), (0, 1), range(-2, 4), range(-2, 4)):
        plan = np.array(whole, dtype=float)
        sums = dense @ plan
        if (sums >= model.row_lower).all() and (sums <= model.row_upper).all():
            assert (further @ plan <= cuts.upper + 1e-9).all()


def test_the_shipped_week_is_proven_without_branching() -> None:
    """Proves: the week with all kinds to its 0.1 %, and that what was proven is not below the plan that branch and
    bound has from the relaxation as it is."""
    scenario = opt.load(FOLDER / "campus_week.yaml")
    problem = opt.build(scenario)
    found = find_plan(problem.arrays, scenario.solver, compiled=problem.compiled)
    assert (found.status, found.road, found.nodes) == ("optimal", "rounded linear program", 0)
    options = scenario.solver.model_copy(update={"cuts": False})
    branched = find_plan(problem.arrays, options, compiled=problem.compiled)
    assert found.bound >= branched.objective
    assert branched.bound >= found.objective
