"""Plans made window by window: what they find, what they prove, and what happens where they find nothing."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import numpy as np
import pytest
from array_case import INF, arrays_of, in_new_thread
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_case import at, job, pool, pool_case, two_sites

import optimizer as opt
from optimizer import highs, relax_and_fix, relaxation, relaxed_windows, start_plan
from optimizer.compiled import Arrays
from optimizer.scenario import SolverOptions
from optimizer.start_plan import Decisions, decisions_of, solve_from_start, worth_it

HOURS = 20
EXACT = SolverOptions(mip_rel_gap=0.0, threads=1, start_plan=True)


def busy(**solver: Any) -> dict[str, Any]:
    """Three jobs, one of each class, that compete for 12 nodes."""
    rng = np.random.default_rng(7)
    price = np.round(rng.uniform(0, 900, HOURS), 1).tolist()
    classes: list[dict[str, Any]] = [
        {"class": "rigid", "gang_nodes": 6},
        {"class": "preemptible", "gang_nodes": 5, "block_hours": 2, "restart_loss_hours": 0.5},
        {"max_nodes": 8, "min_nodes": 2, "restart_loss_hours": 0.5},
    ]
    work = [
        job(f"j{n}", work_node_hours=30.0 + n, value=100.0 + 9 * n, release=at(float(2 * n)), **classes[n])
        | {"late_penalty_per_hour": 1.0, "deadline": at(float(2 * n + 12))}
        for n in range(3)
    ]
    days = pool_case(price, HOURS, *work, on=pool(nodes=12))
    return days | {"solver": {"mip_rel_gap": 0.02, "start_plan": True, "threads": 1} | solver}


def hourly(cost: list[float], rows: list[Any], *, steps: int, **bounds: Any) -> tuple[Arrays, Decisions]:
    """A problem whose first ``steps`` columns fall in a step each, of one component; the others have none."""
    arrays = arrays_of(cost, rows, **bounds)
    count = len(cost)
    timed = np.arange(count) < steps
    return arrays, Decisions(
        np.where(timed, np.arange(count), 0), np.zeros(count, np.int64), timed, np.zeros(count, np.int64)
    )


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of few decisions, without an attempt in one piece."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 25)
    monkeypatch.setattr(relax_and_fix, "ATTEMPT", 0.0)


@pytest.fixture
def one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of one step, with nothing around them decided anew."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 1)
    monkeypatch.setattr(relax_and_fix, "FITS_COLUMNS", 0)
    monkeypatch.setattr(relax_and_fix, "REGION_COLUMNS", 1)
    monkeypatch.setattr(relax_and_fix, "DOUBLINGS", 0)


@pytest.mark.usefixtures("one_step")
def test_a_window_leaves_the_budget_to_those_who_need_it(caplog: pytest.LogCaptureFixture) -> None:
    """Proves: of four hours that earn 1, 2, 3 and 4 with a budget of two, the last two are run, for 7. A window that
    saw nothing of the relaxation would spend the budget on the first two, for 3."""
    problem = hourly([1, 2, 3, 4], [(-INF, [1, 1, 1, 1], 2.0)], steps=4)
    with caplog.at_level(logging.DEBUG, logger="optimizer"):
        outcome = solve_from_start(*problem, EXACT)
    assert "window 4 of 4" in caplog.text
    assert outcome.values is not None
    assert outcome.values.tolist() == [0.0, 0.0, 1.0, 1.0]
    assert (outcome.status, outcome.road) == ("optimal", "windows")
    assert outcome.objective == 7.0
    assert outcome.bound == pytest.approx(7.0, abs=1e-9)


@pytest.mark.usefixtures("one_step")
def test_a_window_sees_the_peak_that_the_others_make() -> None:
    """Proves: four hours earn 3 each and their common peak costs 10 once: all run, for 2. A window by itself would not
    pay 10 for its 3, and earn nothing."""
    peaks = [(-INF, [*np.eye(4)[step], -1], 0.0) for step in range(4)]
    problem = hourly([3, 3, 3, 3, -10], peaks, steps=4, integer=[1, 1, 1, 1, 0])
    outcome = solve_from_start(*problem, EXACT)
    assert outcome.values is not None
    assert outcome.values.tolist() == [1.0] * 5
    assert (outcome.status, outcome.objective) == ("optimal", 2.0)


@pytest.mark.usefixtures("one_step")
def test_the_gap_is_that_to_the_relaxation() -> None:
    """Proves: a plan of the windows is told with the bound of the relaxation; where it is too loose HiGHS proves more.

    Two hours share 1.5: the relaxation runs one in full and the other, worth a little less, by half. Which of them is
    run is worth 2 or 1.9; the bound is 2 + 0.95. That proves a gap of a half; to prove none HiGHS goes on with the
    whole. (The third hour costs.)
    """
    problem = hourly([1.9, 2, -1], [(-INF, [1, 1, 0], 1.5)], steps=3)
    outcome = solve_from_start(*problem, EXACT)
    assert outcome.values is not None
    assert outcome.values.tolist() == [0.0, 1.0, 0.0]
    assert (outcome.status, outcome.bound, outcome.road) == ("optimal", 2.0, "branch and bound from windows")
    outcome = solve_from_start(*problem, EXACT.model_copy(update={"mip_rel_gap": 0.5}))
    assert outcome.road == "windows"
    assert outcome.bound == pytest.approx(2.95)
    assert outcome.gap == pytest.approx(0.95 / 2)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-2, 5), min_size=5, max_size=5),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
    st.integers(0, 8),
)
def test_the_optimum_lies_between_plan_and_bound(cost: list[int], size: list[int], budget: int) -> None:
    """Proves: with a budget over all hours and a rule on hours that follow each other, the plan keeps to the rules and
    the optimum, found by trying all, lies between it and the bound; to a gap of 0 they are the same."""
    follow = [(-INF, [1.0 if step in (first, first + 1) else 0.0 for step in range(5)], 1.0) for first in (0, 3)]
    arrays, decisions = hourly([float(c) for c in cost], [(-INF, size, float(budget)), *follow], steps=5)
    plans = [np.array(plan) for plan in itertools.product((0, 1), repeat=5)]
    allowed = [p for p in plans if p @ size <= budget and p[0] + p[1] <= 1 and p[3] + p[4] <= 1]
    best = max(float(p @ cost) for p in allowed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 1)
        patch.setattr(relax_and_fix, "FITS_COLUMNS", 0)
        patch.setattr(relax_and_fix, "REGION_COLUMNS", 2)
        coarse = solve_from_start(arrays, decisions, EXACT.model_copy(update={"mip_rel_gap": 0.3}))
        exact = solve_from_start(arrays, decisions, EXACT)
    assert coarse.values is not None
    assert any((coarse.values == p).all() for p in allowed)
    assert coarse.objective - 1e-9 <= best <= coarse.bound + 1e-9
    assert coarse.status == "optimal"
    assert exact.objective == pytest.approx(best)


@pytest.mark.usefixtures("small_windows")
def test_a_plan_made_window_by_window_is_proven(caplog: pytest.LogCaptureFixture) -> None:
    """Proves: the plan is within the asked gap of the optimum that HiGHS finds by itself, its bound above it, and it
    stands up to the audit. Sensitivity: a bound of a window in which something is fixed lies below the optimum."""
    with caplog.at_level(logging.INFO, logger="optimizer"):
        plan = opt.optimize(opt.scenario_from_dict(busy()))
    assert "plan of" in caplog.text
    best = opt.optimize(opt.scenario_from_dict(busy(start_plan=False, mip_rel_gap=1e-3))).expected_profit
    assert plan.status == "optimal"
    assert plan.expected_profit >= best * (1 - 0.02)
    assert plan.summary["bound"] >= best
    assert plan.summary["mip_gap"] <= 0.02


@pytest.mark.usefixtures("small_windows")
def test_a_long_horizon_is_relaxed_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: put together from windows of time, the relaxation has the bound that it has in one piece."""
    problem = opt.build(opt.scenario_from_dict(busy()))
    found = []
    for columns in (10**6, 100):
        monkeypatch.setattr(relaxed_windows, "WINDOW_COLUMNS", columns)
        found.append(_relaxed(problem))
    assert found[1].bound == pytest.approx(found[0].bound, rel=relaxation.SHARE_OF_GAP * 0.02)
    assert found[1].bound >= problem.solve().expected_profit


def _relaxed(problem: opt.Problem) -> relaxation.Relaxation:
    small = start_plan.condensed(problem.arrays)
    assert small is not None
    spans = start_plan.spans_of(problem.arrays, decisions_of(problem.compiled), small)
    return relaxation.relaxation(start_plan.Whole(small.arrays), spans, problem.scenario.solver, 60.0)


@pytest.mark.usefixtures("small_windows")
def test_sites_are_decided_one_by_one(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Proves: two sites with a job each and one that runs at either are planned in windows of their own, within the gap
    of the plan that HiGHS finds in one piece, and the bound lies above it."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 8)
    monkeypatch.setattr(relax_and_fix, "FITS_COLUMNS", 0)
    monkeypatch.setattr(relax_and_fix, "REGION_COLUMNS", 200)
    shared = job("both", work_node_hours=24, gang_nodes=6, pool=["a.h", "b.h"], **{"class": "rigid"})
    case = two_sites([40, [30.0] * 6 + [400.0] * 6], 12, shared)
    for site in case["sites"]:
        own = job("own", work_node_hours=32, gang_nodes=8, block_hours=2, **{"class": "preemptible"})
        site["workloads"] = [own]
    case["solver"] = {"mip_rel_gap": 0.05, "threads": 1, "start_plan": True}
    with caplog.at_level(logging.DEBUG, logger="optimizer"):
        plan = opt.optimize(opt.scenario_from_dict(case))
    assert "relaxed and fixed" in caplog.text
    best = opt.optimize(opt.scenario_from_dict(case | {"solver": {"mip_rel_gap": 0.0, "start_plan": False}}))
    assert plan.status == "optimal"
    assert plan.expected_profit >= best.expected_profit * 0.95
    assert plan.summary["bound"] >= best.expected_profit - 1e-6


def test_what_fits_is_tried_in_one_piece(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Proves: a problem that fits into one region is proven by rounding it in one piece where that is enough, and no
    window is opened: of a budget of two the hours worth 3 and 4 are run, for 7."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 1)
    with caplog.at_level(logging.DEBUG, logger="optimizer"):
        outcome = solve_from_start(*hourly([1, 2, 3, 4], [(-INF, [1, 1, 1, 1], 2.0)], steps=4), EXACT)
    assert "in one piece: optimal" in caplog.text
    assert "window" not in caplog.text
    assert (outcome.status, outcome.objective) == ("optimal", 7.0)


def test_few_decisions_need_no_windows(caplog: pytest.LogCaptureFixture) -> None:
    """Proves: with fewer decisions than two windows hold, HiGHS is left to itself."""
    with caplog.at_level(logging.INFO, logger="optimizer"):
        outcome = solve_from_start(*hourly([1, 2], [(-INF, [1, 1], 1.0)], steps=2), EXACT)
        options = EXACT.model_copy(update={"start_plan": "auto"})
        assert solve_from_start(*hourly([1, 2, 3], [(-INF, [1, 1, 1], 1.0)], steps=3), options).objective == 3.0
    assert (outcome.status, outcome.objective, outcome.road) == ("optimal", 2.0, "branch and bound")
    assert caplog.text == ""


def test_when_windows_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: ``auto`` asks for many free decisions, ``true`` for more than one window, ``false`` never; decisions that
    are fixed do not count."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 1)
    monkeypatch.setattr(start_plan, "MANY_DECISIONS", 4)
    rows = [(-INF, np.ones(5), 2.0)]
    five, four = arrays_of(np.ones(5), rows), arrays_of(np.ones(5), rows, upper=[0, 1, 1, 1, 1])
    asked: list[Any] = ["auto", True, False]
    options = [SolverOptions(start_plan=choice) for choice in asked]
    assert [worth_it(five, o) for o in options] == [True, True, False]
    assert [worth_it(four, o) for o in options] == [False, True, False]
    assert SolverOptions().start_plan == "auto"


@pytest.mark.usefixtures("one_step")
def test_a_window_without_a_plan_leaves_it_to_highs() -> None:
    """Proves: where what is held leaves no plan (half of the other hour, and 1.5 in all), HiGHS starts on the whole
    without and finds the plan; with no plan at all it says so."""
    outcome = solve_from_start(*hourly([1, 2, 0], [(1.5, [1, 1, 0.5], 1.5)], steps=3), EXACT)
    assert outcome.values is not None
    assert outcome.values.tolist() == [0.0, 1.0, 1.0]
    assert solve_from_start(*hourly([1, 2, 0], [(1.5, [1, 1, 1], 1.5)], steps=3), EXACT).status == "infeasible"
    assert solve_from_start(*hourly([1, 2, 0], [(4.0, [1, 1, 1], INF)], steps=3), EXACT).status == "infeasible"


@pytest.mark.usefixtures("one_step")
def test_an_unbounded_problem_is_told() -> None:
    """Proves: a column that earns without end is unbounded, as HiGHS says by itself."""
    problem = hourly([1, 1, 1], [(-INF, [1, -1, -1], 1.0)], steps=3, upper=INF)
    assert solve_from_start(*problem, EXACT).status == "unbounded"


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("after", [1, 3, 25])
def test_an_interrupted_search_ends_at_once(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: interrupted while windows are decided, there is no plan yet but a bound, if the relaxation was over;
    while they are improved, the plan is kept. Nothing more is run after it."""
    monkeypatch.setattr(relax_and_fix, "DECISIONS_PER_WINDOW", 5)
    problem = opt.build(opt.scenario_from_dict(busy(mip_rel_gap=0.0)))
    runs: list[bool] = []

    def run(solver: Any, *_: Any) -> bool:
        in_new_thread(solver.run)
        runs.append(len(runs) + 1 >= after)
        return runs[-1]

    monkeypatch.setattr(highs, "run_highs", run)
    monkeypatch.setattr(relaxation, "run_highs", run)
    outcome = solve_from_start(problem.arrays, decisions_of(problem.compiled), problem.scenario.solver)
    assert outcome.stopped_by == "interrupt"
    assert after <= len(runs) <= after + 1
    assert np.isfinite(outcome.bound)
    assert outcome.status == ("feasible" if after == 25 else "no_plan")


@pytest.mark.usefixtures("small_windows")
def test_the_search_keeps_to_its_time() -> None:
    """Proves: with a hundredth of a second for all there is no time for windows, and the limit is kept."""
    problem = opt.build(opt.scenario_from_dict(busy(time_limit_s=0.01)))
    outcome = solve_from_start(problem.arrays, decisions_of(problem.compiled), problem.scenario.solver)
    assert outcome.stopped_by == "time limit reached"
    assert outcome.seconds < 5.0


@pytest.mark.usefixtures("small_windows")
def test_progress_tells_plan_and_bound() -> None:
    """Proves: what is told on the way lies within the bound, and the last plan told is the one returned, or worse."""
    problem = opt.build(opt.scenario_from_dict(busy()))
    told: list[highs.Progress] = []
    outcome = solve_from_start(
        problem.arrays, decisions_of(problem.compiled), problem.scenario.solver, progress=told.append
    )
    assert told
    assert all(state.incumbent <= state.bound + 1e-6 for state in told)
    assert told[-1].incumbent <= outcome.objective + 1e-6
