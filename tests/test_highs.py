"""HiGHS itself on small big-M models that versions of it have got wrong, and what we make of its answers."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from optimizer import highs, interruptible
from optimizer.compiled import Arrays
from optimizer.errors import InputError
from optimizer.highs import Progress, solve
from optimizer.scenario import SolverOptions

INF = np.inf
EXACT = SolverOptions(mip_rel_gap=0.0, threads=1)


def arrays(
    cost: list[float],
    rows: list[tuple[float, list[float], float]],
    bounds: list[tuple[float, float]],
    integer: list[int],
    *,
    minimise: bool = False,
) -> Arrays:
    """``rows`` are (lower, coefficients, upper); ``integer`` the numbers of the whole columns."""
    sign = -1.0 if minimise else 1.0
    matrix = np.array([coefficients for _, coefficients, _ in rows]).reshape(len(rows), len(cost))
    return Arrays(
        sp.csc_array(matrix),
        np.array([low for low, _, _ in rows]),
        np.array([high for _, _, high in rows]),
        sign * np.array(cost),
        0.0,
        np.array([low for low, _ in bounds]),
        np.array([high for _, high in bounds]),
        np.isin(np.arange(len(cost)), integer),
    )


KNOWN_CASES = {
    # min 2 b + 99999 y, a + b = 10, a <= 100 y; HiGHS 1.14.0 fixed y at 1: 99999 (HiGHS issue 2975)
    "binary fixed wrongly": (
        arrays([0, 2, 99999], [(10, [1, 1, 0], 10), (-INF, [1, 0, -100], 0)], [(0, INF), (0, INF), (0, 1)], [2],
               minimise=True),
        20.0,
    ),
    # two big-M links of which one may be used; HiGHS 1.14.0 served the lighter one: 10000 (HiGHS issue 3094)
    "one slot for two": (
        arrays(
            [0, 0, 10, 8, 0, 0],
            [(-INF, [1, 0, 0, 0, -1000, 0], 0), (-INF, [0, 1, 0, 0, 0, -1000], 0), (1000, [1, 0, 1, 0, 0, 0], 1000),
             (1000, [0, 1, 0, 1, 0, 0], 1000), (-INF, [0, 0, 0, 0, 1, 1], 1)],
            [(0, 1000)] * 4 + [(0, 1)] * 2, [4, 5], minimise=True,
        ),
        8000.0,
    ),
    # min 2 x + 3 z, x + z >= 4.5, z whole; HiGHS 1.14.0 took z = 5: 15 (fixed by HiGHS pull request 2961)
    "a column stuffed": (arrays([2, 3], [(4.5, [1, 1], INF)], [(0, 10), (0, 10)], [1], minimise=True), 9.0),
    # min 2 x + y, 2 x + y >= 10, y >= 9, x binary; HiGHS 1.14.0 took x = 1: 11
    "a cover for nothing": (arrays([2, 1], [(10, [2, 1], INF)], [(0, 1), (9, INF)], [0], minimise=True), 10.0),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN_CASES)
def test_models_that_highs_1_14_0_got_wrong(name: str) -> None:
    model, optimum = KNOWN_CASES[name]
    outcome = solve(model, EXACT)
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(-optimum)
    assert outcome.bound == pytest.approx(-optimum)


@pytest.mark.parametrize("seed", range(12))
def test_random_big_m_models_against_all_ways_to_switch(seed: int) -> None:
    """Proves: a unit that is on (at a fixed cost) may run between its least and its most; all 2^6 choices are tried."""
    rng = np.random.default_rng(seed)
    units = 6
    most, least = rng.integers(20, 90, units).astype(float), rng.integers(1, 15, units).astype(float)
    margin, fixed = rng.uniform(-1, 4, units), rng.uniform(0, 200, units)
    total, demand = 0.6 * most.sum(), 0.25 * most.sum()
    eye = np.eye(units)
    rows = [(-INF, [*eye[i], *(-most[i] * eye[i])], 0.0) for i in range(units)]
    rows += [(0.0, [*eye[i], *(-least[i] * eye[i])], INF) for i in range(units)]
    rows += [(demand, [1.0] * units + [0.0] * units, total)]
    bounds = [(0.0, INF)] * units + [(0.0, 1.0)] * units
    model = arrays([*margin, *-fixed], rows, bounds, list(range(units, 2 * units)))
    best = -INF
    for on in itertools.product((0.0, 1.0), repeat=units):
        chosen = np.array(on)
        if demand <= (most * chosen).sum() and (least * chosen).sum() <= total:
            best = max(best, _filled(least * chosen, most * chosen, margin, demand, total) - float(fixed @ chosen))
    outcome = solve(model, EXACT)
    assert outcome.objective == pytest.approx(best)


def _filled(low: np.ndarray, high: np.ndarray, margin: np.ndarray, demand: float, total: float) -> float:
    """Best earnings of loads within bounds whose sum is between demand and total: the best margins are filled first."""
    load, room = low.copy(), total - low.sum()
    for i in np.argsort(-margin):
        wanted = high[i] - low[i] if margin[i] > 0 else max(0.0, min(high[i] - low[i], demand - load.sum()))
        step = min(wanted, room)
        load[i] += step
        room -= step
    return float(margin @ load)


def test_a_bound_is_never_below_what_was_reached_and_no_distance_is_no_gap() -> None:
    nothing_pays = arrays([-1.0], [(-INF, [1.0], 5.0)], [(0.0, 1.0)], [0])
    outcome = solve(nothing_pays, EXACT)
    assert (outcome.status, outcome.objective, outcome.gap) == ("optimal", 0.0, 0.0)
    empty = Arrays(sp.csc_array((0, 0)), *(np.zeros(0),) * 3, 7.0, np.zeros(0), np.zeros(0), np.zeros(0, bool))
    outcome = solve(empty, EXACT)
    assert (outcome.status, outcome.objective, outcome.bound) == ("optimal", 7.0, 7.0)


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e25])
def test_a_model_that_highs_cannot_take_is_not_taken_for_an_empty_one(number: float) -> None:
    """Sensitivity: HiGHS goes on with the empty model that it had before, and calls that optimal."""
    with pytest.raises(InputError, match="too large for the solver: it leads to a coefficient of"):
        solve(arrays([1.0], [(-INF, [number], 5.0)], [(0.0, 9.0)], []), EXACT)
    with pytest.raises(InputError, match="it leads to money per unit of"):
        solve(arrays([number], [(-INF, [1.0], 5.0)], [(0.0, 9.0)], []), EXACT)
    with pytest.raises(RuntimeError, match="HiGHS refused the model"):
        solve(arrays([1.0], [(-INF, [1.0], np.nan)], [(0.0, 9.0)], []), EXACT)


def test_infeasible_and_unbounded_are_told_apart() -> None:
    contradiction = arrays([1.0], [(3.0, [1.0], INF), (-INF, [1.0], 2.0)], [(0.0, INF)], [])
    assert solve(contradiction, EXACT).status == "infeasible"
    endless = arrays([1.0, 0.0], [(-INF, [1.0, -1.0], 2.0)], [(0.0, INF), (0.0, INF)], [])
    assert solve(endless, EXACT).status == "unbounded"
    fractions_only = arrays([1.0], [(0.3, [1.0], 0.7)], [(0.0, 1.0)], [0])
    assert solve(fractions_only, EXACT).status == "infeasible"
    # unbounded as well as infeasible, as far as a presolve can tell
    both = arrays([1.0, 0.0], [(-INF, [0.0, 1.0], -1.0)], [(0.0, INF), (0.0, INF)], [])
    assert solve(both, EXACT).status == "infeasible"


def test_whole_decisions_are_made_exactly_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: with y = 0.9999995 for 1 (within HiGHS's tolerance) and M = 12000, 0.006 machines too few would run.

    Sensitivity: left as it is, the objective would be 11999.994 - 100; made whole, it is 11900.
    """
    model = arrays([1.0, -100.0], [(-INF, [1.0, -12000.0], 0.0)], [(0.0, INF), (0.0, 1.0)], [1])
    outcome = solve(model, EXACT)
    off = 1.0 - 5e-7
    outcome.values, outcome.objective = np.array([12000 * off, off]), 12000 * off - 100 * off
    highs.settle(outcome, model, EXACT, None)
    assert outcome.values.tolist() == [12000.0, 1.0]
    assert outcome.objective == pytest.approx(11900.0, abs=1e-9)
    assert outcome.status == "optimal"
    # where rounding leaves no plan, the plan stays as it is
    tight = replace(model, col_upper=np.array([INF, 1.0]), row_lower=np.array([-0.001]))
    outcome.values = np.array([0.0, 4e-7])
    stuck = replace(tight, col_lower=np.array([0.004, 0.0]))
    highs.settle(outcome, stuck, EXACT, None)
    assert outcome.values.tolist() == [0.0, 4e-7]


@pytest.mark.parametrize("run", [1, 2])
def test_ctrl_c_while_a_plan_is_settled_keeps_it_and_is_not_forgotten(
    run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves: an interruption of the run that fixes whole decisions (1) or breaks ties (2) is told to the caller, who
    would else go on to the next problem; the plan that was proven stays. Sensitivity: swallowed, ``stopped_by`` would
    be "optimal"."""
    model = replace(KNOWN_CASES["binary fixed wrongly"][0], least=np.array([True, False, False]))
    outcome = solve(model, EXACT)
    assert outcome.values is not None
    outcome.values = outcome.values + np.array([0.0, 0.0, -4e-7])
    before, runs = outcome.objective, itertools.count(1)

    def interrupted(solver: object, progress: object, reached: object = None) -> bool:
        return next(runs) == run or really(solver, None)

    really = highs.run_highs
    monkeypatch.setattr(highs, "run_highs", interrupted)
    highs.settle(outcome, model, EXACT, None)
    assert (outcome.status, outcome.stopped_by) == ("optimal", "interrupt")
    assert outcome.values is not None
    assert outcome.objective == pytest.approx(before)
    assert next(runs) == run + 1


def test_tiny_distances_are_rounded_without_another_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    model = arrays([1.0, -100.0], [(-INF, [1.0, -12000.0], 0.0)], [(0.0, INF), (0.0, 1.0)], [1])
    outcome = solve(model, EXACT)
    outcome.values = np.array([12000.0, 1.0 - 1e-13])
    monkeypatch.setattr(highs, "new_highs", lambda options: pytest.fail("solved again"))
    highs.settle(outcome, model, EXACT, None)
    assert outcome.values.tolist() == [12000.0, 1.0]


@pytest.mark.parametrize("whole", [[], [0]])
def test_ties_are_broken_towards_the_least(whole: list[int]) -> None:
    """Proves: s >= x - 0.5 and t >= s measure x = 1, so s = t = 0.5. Sensitivity: s = t = 10 earns as much; the first
    plan below is that one, since HiGHS is asked for much of both at a price within its tolerance."""
    model = arrays(
        [1.0, 1e-11, 1e-11],
        [(-0.5, [-1.0, 1.0, 0.0], INF), (0.0, [0.0, -1.0, 1.0], INF)],
        [(0.0, 1.0), (0.0, 10.0), (0.0, 10.0)],
        whole,
    )
    eager = solve(model, EXACT)
    assert eager.values == pytest.approx([1.0, 10.0, 10.0])
    outcome = solve(replace(model, least=np.array([False, True, True])), EXACT)
    assert outcome.values == pytest.approx([1.0, 0.5, 0.5])
    assert outcome.objective == pytest.approx(1.0)


def hard(columns: int = 60, seed: int = 1) -> Arrays:
    """A market split: whole numbers whose weighted sums must hit targets; it takes HiGHS very long."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 100, (6, columns)).astype(float)
    targets = np.floor(weights.sum(axis=1) / 2)
    slack = np.hstack([np.eye(6), -np.eye(6)])
    rows = [(target, [*w, *s], target) for target, w, s in zip(targets, weights, slack, strict=True)]
    return arrays([0.0] * columns + [-1.0] * 12, rows, [(0.0, 1.0)] * columns + [(0.0, INF)] * 12, list(range(columns)))


def test_a_time_limit_with_a_plan_is_feasible_and_states_its_gap() -> None:
    outcome = solve(hard(), SolverOptions(time_limit_s=1.0, threads=1))
    assert (outcome.status, outcome.stopped_by) == ("feasible", "time limit reached")
    assert outcome.values is not None
    assert outcome.bound > outcome.objective
    assert outcome.gap > 1e-3
    assert outcome.seconds < 10.0
    assert any("Solving report" in line for line in outcome.log_lines)


def test_a_time_limit_without_a_plan() -> None:
    outcome = solve(hard(), SolverOptions(time_limit_s=1e-6, threads=1))
    assert (outcome.status, outcome.values) == ("no_plan", None)
    assert outcome.bound == INF


def test_progress_is_reported_and_its_own_failure_is_not_taken_for_the_solvers() -> None:
    seen: list[Progress] = []
    solve(hard(), SolverOptions(time_limit_s=1.0, threads=1), progress=seen.append)
    assert seen
    assert seen[-1].bound >= seen[-1].incumbent

    def failing(progress: Progress) -> None:
        raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError, match="the terminal is gone"):
        solve(hard(), SolverOptions(time_limit_s=30.0, threads=1), progress=failing)


def test_a_start_is_taken_up() -> None:
    model = hard()
    start = solve(model, SolverOptions(time_limit_s=0.5, threads=1)).values
    assert start is not None
    again = solve(model, SolverOptions(time_limit_s=0.5, threads=1), start=start)
    assert again.objective >= float(model.cost @ start) - 1e-9


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    solve(KNOWN_CASES["one slot for two"][0], EXACT)
    assert capfd.readouterr() == ("", "")


def test_a_failure_in_the_thread_reaches_the_caller() -> None:
    def failing() -> None:
        raise ValueError("from the thread")

    with pytest.raises(ValueError, match="from the thread"):
        interruptible.in_thread(failing)
    assert not any(thread.name == interruptible.THREAD_NAME for thread in threading.enumerate())
