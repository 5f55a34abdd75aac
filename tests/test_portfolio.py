"""Searches side by side: the same answers as one search, and never more than is proven."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import FOLDER

import optimizer as opt
from optimizer.compiled import Arrays
from optimizer.highs import solve
from optimizer.matrix import matrix_of
from optimizer.scenario import SolverOptions

TWO = SolverOptions(portfolio=2, mip_rel_gap=1e-6, rounding=False)


def knapsack(values: list[float], weights: list[int], limit: float, lower: float = -np.inf) -> Arrays:
    """``max values.x`` with ``lower <= weights.x <= limit``, x 0 or 1."""
    count = len(values)
    rows, columns = np.zeros(count, np.int64), np.arange(count)
    matrix = matrix_of(rows, columns, np.asarray(weights, float), (1, count))
    return Arrays(
        matrix,
        np.array([lower]),
        np.array([limit]),
        np.asarray(values, float),
        0.0,
        np.zeros(count),
        np.ones(count),
        np.ones(count, bool),
    )


def best(values: list[float], weights: list[int], limit: float) -> float:
    """By trying all."""
    chosen = (np.arange(2 ** len(values))[:, np.newaxis] >> np.arange(len(values))) & 1
    fits = chosen @ np.asarray(weights) <= limit
    return float((chosen @ np.asarray(values))[fits].max())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), min_size=2, max_size=9), st.integers(1, 40))
def test_the_best_of_all_is_found(items: list[tuple[int, int]], limit: int) -> None:
    """Proves: the plan is the one found by trying all, proven, whichever search was through first."""
    values, weights = [float(value) for value, _ in items], [weight for _, weight in items]
    outcome = solve(knapsack(values, weights, limit), TWO)
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(best(values, weights, limit))
    assert outcome.bound == pytest.approx(outcome.objective)
    assert "of 2" in outcome.road


def test_infeasible_is_told() -> None:
    """Proves: weights of 2 cannot add up to between 2.5 and 3.5 … and both searches say so."""
    assert solve(knapsack([1.0, 1.0], [2, 2], 3.5, 2.5), TWO).status == "infeasible"


def test_a_shipped_week_is_proven_and_audited() -> None:
    """Proves: the plan of a real-sized scenario stands up to the audit and is within the gap of that of one search."""
    plans = [
        opt.optimize(opt.load(FOLDER / "two_sites_72h.yaml", [f"solver.portfolio={count}", "solver.rounding=false"]))
        for count in (1, 2)
    ]
    assert plans[1].status == "optimal"
    assert plans[1].summary["bound"] >= plans[0].expected_profit - 1e-6
    assert plans[1].expected_profit == pytest.approx(plans[0].expected_profit, rel=1e-3)


def test_the_time_limit_keeps_the_best_plan_and_the_least_bound() -> None:
    """Proves: stopped at once, nothing is called optimal and the bound is above the optimum (or nothing is known)."""
    rng = np.random.default_rng(3)
    hard = knapsack(rng.uniform(50, 60, 60).tolist(), rng.integers(40, 60, 60).tolist(), 1000.5)
    outcome = solve(hard, SolverOptions(portfolio=2, mip_rel_gap=0.0, time_limit_s=0.3, rounding=False))
    assert outcome.status in ("optimal", "feasible", "no_plan")
    if outcome.status == "feasible":
        assert outcome.bound > outcome.objective
