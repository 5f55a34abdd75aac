"""Roads to a plan: what each proves, when one falls through to the next, and that all tell the same as HiGHS alone."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
from array_case import in_new_thread
from hypothesis import given, settings
from hypothesis import strategies as st
from test_highs import EXACT, INF, KNOWN_CASES, arrays, hard

from optimizer import diving
from optimizer.compiled import Arrays
from optimizer.highs import Progress, solve
from optimizer.kept_lp import KeptLp
from optimizer.scenario import SolverOptions
from optimizer.solving import Memory, find_plan

KNAPSACK = arrays([1.0, 1.0], [(-INF, [3.0, 3.0], 5.0)], [(0.0, 1.0)] * 2, [0, 1])
"""One of two things of 3 fits into 5: 1; the relaxation takes 5 / 3."""


def options(gap: float, **fields: object) -> SolverOptions:
    return SolverOptions.model_validate({"mip_rel_gap": gap, "threads": 1} | fields)


def test_a_plan_within_the_gap_of_the_relaxation_needs_no_branching() -> None:
    """Proves: 1 is within 0.7 of 5/3 (2/3 of it above), so the search ends with the relaxation's bound."""
    outcome = find_plan(KNAPSACK, options(0.7))
    assert (outcome.status, outcome.stopped_by, outcome.road) == ("optimal", "optimal", "rounded linear program")
    assert outcome.objective == pytest.approx(1.0)
    assert outcome.bound == pytest.approx(5 / 3)
    assert outcome.gap == pytest.approx(2 / 3)
    assert outcome.nodes == 0
    assert outcome.log_lines[0].startswith("Linear relaxation: bound 1.666666")


def test_a_plan_outside_of_the_gap_is_where_branching_starts() -> None:
    """Proves: asked for 10 %, the rounded plan is handed on and HiGHS proves it. Sensitivity: the relaxation's bound
    alone would leave a gap of 2/3."""
    outcome = find_plan(KNAPSACK, options(0.1))
    assert (outcome.status, outcome.road) == ("optimal", "branch and bound from a rounded plan")
    assert outcome.objective == pytest.approx(1.0)
    assert outcome.bound <= 1.1 + 1e-9


def test_a_rounding_that_fails_falls_through_to_branch_and_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diving, "MOST_RUNS", 0)
    outcome = find_plan(KNAPSACK, options(0.0))
    assert (outcome.status, outcome.road) == ("optimal", "branch and bound")
    assert (outcome.objective, outcome.bound) == (pytest.approx(1.0), pytest.approx(1.0))


def test_without_rounding_highs_is_alone() -> None:
    outcome = find_plan(KNAPSACK, options(0.7, rounding=False))
    assert (outcome.status, outcome.road) == ("optimal", "branch and bound")


def test_without_whole_decisions_the_road_is_a_linear_program() -> None:
    outcome = find_plan(arrays([1.0], [(-INF, [1.0], 5.0)], [(0.0, 9.0)], []), EXACT)
    assert (outcome.status, outcome.road, outcome.objective) == ("optimal", "linear program", 5.0)


@pytest.mark.parametrize("name", KNOWN_CASES)
def test_models_that_a_version_of_highs_got_wrong(name: str) -> None:
    model, optimum = KNOWN_CASES[name]
    outcome = find_plan(model, EXACT)
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(-optimum)
    assert outcome.bound == pytest.approx(-optimum)


NO_PLAN = {
    "no fractions": (arrays([1.0], [(3.0, [1.0], INF), (-INF, [1.0], 2.0)], [(0.0, INF)], [0]), "infeasible"),
    "fractions only": (arrays([1.0, 1.0], [(3.0, [2.0, 2.0], 3.0)], [(0.0, 1.0)] * 2, [0, 1]), "infeasible"),
    "no whole number within the bounds": (arrays([1.0], [(0.0, [1.0], 9.0)], [(0.3, 0.7)], [0]), "infeasible"),
    "endless": (arrays([1.0, 0.0], [(-INF, [1.0, -1.0], 2.0)], [(0.0, INF)] * 2, [0]), "unbounded"),
    "endless, but not whole": (
        arrays([1.0, 0.0], [(-INF, [1.0, 0.0], INF), (3.0, [0.0, 2.0], 3.0)], [(0.0, INF), (0.0, 1.0)], [1]),
        "infeasible",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PLAN)
def test_infeasible_and_unbounded_are_told_as_before(name: str) -> None:
    model, status = NO_PLAN[name]
    outcome = find_plan(model, EXACT)
    assert outcome.status == status == solve(model, EXACT).status
    assert outcome.values is None


@st.composite
def small_problems(draw: st.DrawFn) -> Arrays:
    """Up to five columns, some of them whole and some without an upper bound, and up to four rows."""
    columns, rows = draw(st.integers(1, 5)), draw(st.integers(0, 4))
    number = st.integers(-6, 6).map(float)
    drawn = [
        (draw(st.one_of(st.just(-INF), number)), [draw(number) for _ in range(columns)], draw(st.integers(0, 12)) + 0.0)
        for _ in range(rows)
    ]
    sides = [(min(low, high), coefficients, high) for low, coefficients, high in drawn]
    bounds = [(draw(number), INF if draw(st.booleans()) and draw(st.booleans()) else 7.0) for _ in range(columns)]
    whole = [column for column in range(columns) if draw(st.booleans())]
    return arrays([draw(number) for _ in range(columns)], sides, bounds, whole)


@settings(max_examples=150, deadline=None)
@given(model=small_problems(), gap=st.sampled_from([1e-6, 0.05, 0.5]))
def test_all_roads_tell_the_same(model: Arrays, gap: float) -> None:
    """Proves: status, a plan within the gap of the optimum, a bound above the optimum, whole decisions whole, every row
    kept."""
    plain, outcome = solve(model, EXACT), find_plan(model, options(gap))
    if plain.status in ("infeasible", "unbounded"):
        assert outcome.status == plain.status
        return
    assert outcome.status == "optimal"
    assert outcome.values is not None
    slack = 1e-6 * max(1.0, abs(plain.objective))
    assert outcome.objective <= plain.objective + slack
    assert outcome.bound >= plain.objective - slack
    assert outcome.bound - outcome.objective <= gap * abs(outcome.objective) + slack
    assert np.abs(outcome.values - np.round(outcome.values))[model.integer].max(initial=0.0) == 0.0
    matrix = model.matrix
    used = np.repeat(outcome.values, np.diff(matrix.indptr)) * matrix.data
    rows = np.bincount(matrix.indices, used, minlength=matrix.shape[0])
    assert (rows >= model.row_lower - 1e-5).all()  # HiGHS keeps whole decisions to 1e-6, times a coefficient of 6
    assert (rows <= model.row_upper + 1e-5).all()


def test_a_time_limit_keeps_the_best_plan_and_the_proven_bound() -> None:
    outcome = find_plan(hard(), options(1e-3, time_limit_s=2.0))
    assert (outcome.status, outcome.stopped_by) == ("feasible", "time limit reached")
    assert outcome.values is not None
    assert outcome.bound > outcome.objective
    assert outcome.seconds < 15.0


def test_progress_tells_of_the_rounded_plan() -> None:
    seen: list[Progress] = []
    outcome = find_plan(KNAPSACK, options(0.7), progress=seen.append)
    assert [(state.incumbent, state.bound) for state in seen] == [(outcome.objective, outcome.bound)]


def test_an_interrupt_in_the_dive_leaves_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: Ctrl-C while the fractions are rounded ends the search with what is proven, 5/3, and without a plan."""
    run = KeptLp.run

    def interrupted(lp: KeptLp) -> bool:
        if lp.runs == 1 and not lp.interrupted:
            signal.raise_signal(signal.SIGINT)
            while not lp.interrupted:
                time.sleep(0.01)
        return run(lp)

    monkeypatch.setattr(KeptLp, "run", interrupted)
    outcome = find_plan(KNAPSACK, options(0.0))
    assert (outcome.status, outcome.stopped_by, outcome.values) == ("no_plan", "interrupt", None)
    assert outcome.bound == pytest.approx(5 / 3)


def test_the_basis_is_left_to_the_next_problem_of_the_same_shape() -> None:
    """Proves: from the basis of a market split the same one's relaxation takes no iteration more, and one with other
    targets ends at the same optimum as from nothing."""
    memory, limited = Memory(), options(0.5, time_limit_s=1.0)
    model = hard(20)
    find_plan(model, limited, memory=memory)
    assert memory.basis is not None
    again = KeptLp(model, limited, memory.basis)
    assert in_new_thread(again.run)
    assert again.iterations == 0
    other = hard(20, seed=2)
    warm, cold = KeptLp(other, limited, memory.basis), KeptLp(other, limited)
    assert in_new_thread(warm.run)
    assert in_new_thread(cold.run)
    assert warm.objective == pytest.approx(cold.objective, abs=1e-7)
