"""Linear programs: which algorithm solves them, that all reach the same plan, what is known of one stopped early."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import highspy
import numpy as np
import pytest
from shipped import FOLDER
from small_case import fleet, site_case, spot
from test_highs import INF, arrays, hard

import optimizer as opt
from optimizer import highs, lp_algorithm
from optimizer.highs import solve
from optimizer.lp_algorithm import choose, violation
from optimizer.scenario import SolverOptions

SHARED = arrays([3.0, 2.0], [(-INF, [1.0, 1.0], 4.0), (-INF, [1.0, 0.0], 3.0)], [(0.0, 10.0), (0.0, 10.0)], [])
"""max 3 x + 2 y, x + y <= 4, x <= 3: 11."""


def test_simplex_unless_another_is_asked_for() -> None:
    assert choose(SHARED, SolverOptions()).algorithm == "simplex"
    for name in ("simplex", "ipm", "pdlp"):
        assert choose(SHARED, SolverOptions(lp_algorithm=name)).algorithm == name


@pytest.mark.parametrize("algorithm", ["auto", "simplex", "ipm", "pdlp"])
def test_every_algorithm_ends_in_the_same_vertex(algorithm: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Proves: x = 3, y = 1 exactly, proven. Sensitivity: PDLP left to itself ends near it (2.9999), and prints."""
    outcome = solve(SHARED, SolverOptions(mip_rel_gap=0.0, lp_algorithm=algorithm))
    assert outcome.status == "optimal"
    assert outcome.values is not None
    assert outcome.values.tolist() == pytest.approx([3.0, 1.0], abs=1e-12)
    assert outcome.bound == pytest.approx(11.0, abs=1e-12)
    assert outcome.linear is not None
    assert list(outcome.linear.row_dual) == pytest.approx([2.0, 1.0])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("algorithm", ["ipm", "pdlp"])
def test_plans_by_other_algorithms_are_audited_and_earn_the_same(algorithm: str) -> None:
    """Proves: a fleet at prices 100 and 130 earns 400 - 350 = 50 in the first hour only (see small_case.fleet)."""
    case = site_case(steps=2, contracts=[spot([100.0, 130.0])], assets=[fleet()])
    case["solver"] |= {"lp_algorithm": algorithm}
    plan = opt.optimize(opt.scenario_from_dict(case))
    assert plan.status == "optimal"
    assert plan.expected_profit == pytest.approx(50.0, abs=1e-6)
    assert plan.summary["audit"]["largest_violation"] <= plan.summary["audit"]["tolerance"]


def test_ties_are_broken_after_interior_points() -> None:
    """Proves: crossover leaves a basis to go on from: s = t = 0.5, where s = t = 10 earns as much (test_highs)."""
    model = replace(
        arrays(
            [1.0, 0.0, 0.0],
            [(-0.5, [-1.0, 1.0, 0.0], INF), (0.0, [0.0, -1.0, 1.0], INF)],
            [(0.0, 1.0), (0.0, 10.0), (0.0, 10.0)],
            [],
        ),
        least=np.array([False, True, True]),
    )
    for algorithm in ("ipm", "pdlp"):
        outcome = solve(model, SolverOptions(lp_algorithm=algorithm))
        assert outcome.values == pytest.approx([1.0, 0.5, 0.5])


def test_infeasible_and_unbounded_are_told_by_every_algorithm() -> None:
    contradiction = arrays([1.0], [(3.0, [1.0], INF), (-INF, [1.0], 2.0)], [(0.0, INF)], [])
    endless = arrays([1.0, 0.0], [(-INF, [1.0, -1.0], 2.0)], [(0.0, INF), (0.0, INF)], [])
    for algorithm in ("simplex", "ipm", "pdlp"):
        options = SolverOptions(lp_algorithm=algorithm, time_limit_s=10.0)
        assert solve(contradiction, options).status == "infeasible"
        assert solve(endless, options).status == "unbounded"


def test_a_linear_program_stopped_half_way_has_a_proven_bound() -> None:
    """Proves: stopped before anything, utility_month has no plan, and the bound from its duals lies above the optimum.

    Sensitivity: HiGHS itself knows no bound then (inf)."""
    problem = opt.build(opt.load(FOLDER / "utility_month.yaml"))
    model = problem.arrays
    assert not model.integer.any()
    best = solve(model, SolverOptions())
    stopped = solve(model, SolverOptions(time_limit_s=1e-6))
    assert (stopped.status, stopped.values, stopped.stopped_by) == ("no_plan", None, "time limit reached")
    assert best.objective <= stopped.bound < INF


def test_a_loose_result_is_a_plan_only_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: PDLP without time to polish: values within all limits are a plan with the gap that the duals prove (11
    against 10.9: 0.92 %); values that break a row by 1e-3 are none, and the bound stays."""

    def stopped(values: list[float]) -> highs.Outcome:
        loose = lp_algorithm.Loose(np.array(values), np.array([2.0, 1.0]))
        monkeypatch.setattr(highs, "polish", lambda *_: (loose, False))
        monkeypatch.setattr(highs, "run_highs", lambda *_: False)  # nothing is solved
        return solve(SHARED, SolverOptions(mip_rel_gap=0.001, lp_algorithm="pdlp"))

    within = stopped([2.9, 1.1])
    assert within.status == "feasible"
    assert within.objective == pytest.approx(10.9)
    assert within.bound == pytest.approx(11.0)
    assert within.gap == pytest.approx(0.1 / 10.9)
    beyond = stopped([3.001, 1.0])
    assert (beyond.status, beyond.values) == ("no_plan", None)
    assert beyond.bound == pytest.approx(11.0)


def test_the_violation_is_relative_to_the_size_of_the_limit() -> None:
    """Proves: x = 4.5 in x <= 4 is off by 0.5 / 4; y = -0.25 below 0 by 0.25 / 1; what holds is off by 0."""
    model = arrays([1.0, 1.0], [(-INF, [1.0, 0.0], 4.0)], [(0.0, 10.0), (0.0, INF)], [])
    assert violation(model, np.array([4.5, 1.0])) == pytest.approx(0.125)
    assert violation(model, np.array([1.0, -0.25])) == pytest.approx(0.25)
    assert violation(model, np.array([4.0, 0.0])) == 0.0


def test_a_mip_tells_when_it_had_its_first_bound() -> None:
    """Proves: a market split with fractions allowed is solved at once, so its bound is there early; without time for
    that there is none."""
    found = solve(hard(), SolverOptions(time_limit_s=2.0, threads=1))
    assert 0.0 <= found.bound_after_s <= 2.0
    assert np.isnan(solve(hard(), SolverOptions(time_limit_s=1e-6, threads=1)).bound_after_s)


def test_highs_knows_the_options_that_are_set() -> None:
    """Proves: no name or value is refused silently, as HiGHS does with a misspelt one."""
    for algorithm in ("simplex", "ipm", "pdlp"):
        found = highs.new_highs(SolverOptions())
        settings = choose(SHARED, SolverOptions(lp_algorithm=algorithm))
        settings.apply(found)
        status, value = found.getOptionValue("solver")
        assert (status, value) == (highspy.HighsStatus.kOk, lp_algorithm.SOLVERS[settings.algorithm])
