"""The robust plan: the worst member's profit is made as large as it can be, then the others' as good as that allows.

Two solves, one after the other: first ``max theta`` with ``profit_w >= theta`` for every member that can happen, then
the expected profit with ``profit_w >= theta*``. So no money of the worst member is given away for the others, as a
weight of 0.9999 on CVaR would where that pays ten thousand times over, and where many plans serve the worst member
equally well the best of them is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import NoPlanError
from optimizer.highs import Outcome, relative_gap, solve
from optimizer.infeasibility import explain
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.scenario import Risk, Scenario
from optimizer.uncertainty.risk_arrays import RiskArrays
from optimizer.uncertainty.stages import member_profits

Floats = NDArray[np.float64]
_ROUNDING = 1e-9
"""Relative slack of the floor under the worst profit: both solves have a tolerance."""


@dataclass(frozen=True)
class RobustPlan:
    """The plan and what is proven of its worst member; money in the scenario's currency."""

    plan: Plan
    """Best expected profit among the plans with this worst profit. Its objective is 0.9999 times the worst profit and
    0.0001 times the expected one, and its bound is one of that."""
    worst_profit: float
    """Profit of the worst member that can happen."""
    worst_bound: float
    """No plan earns more than this in every member."""
    worst_gap: float
    worst_members: tuple[int, ...]
    """Members whose profit is the worst."""


def worst_member_plan(scenario: Scenario) -> RobustPlan:
    """The plan that earns most in the worst member; ``scenario.risk`` plays no part.

    Raises InfeasibleError, UnboundedError and NoPlanError as a solve does.
    """
    all_on_worst = Risk(measure="worst", weight=1.0)
    problem = Problem(scenario.model_copy(update={"risk": all_on_worst}))
    weights, beta = scenario.ensemble.weights, all_on_worst.beta
    risky = RiskArrays(problem.arrays, member_profits(problem), weights)
    first = solve(risky.with_worst(), scenario.solver)
    if first.status in ("infeasible", "unbounded"):
        raise explain(first.status, problem.arrays, problem.compiled, scenario, None)
    start = _values(first)
    floor = float(risky.profits.at(start)[weights > 0.0].min())
    second = solve(risky.with_mean_above(floor - _ROUNDING * max(1.0, abs(floor))), scenario.solver, start=start)
    values = risky.measured(_values(second), problem.scenario.tail_share)
    profits = risky.profits.at(values)
    worst, mean = float(profits[weights > 0.0].min()), float(weights @ profits)
    bound = max(first.bound, worst)
    outcome = replace(second, values=values, objective=(1.0 - beta) * mean + beta * worst)
    outcome.road, outcome.seconds = "worst member, then expected profit", first.seconds + second.seconds
    outcome.bound = max(outcome.objective, (1.0 - beta) * _mean_at_most(risky, scenario) + beta * bound)
    outcome.gap = relative_gap(outcome.objective, outcome.bound)
    near = profits <= worst + 1e-6 * max(1.0, abs(worst))
    members = tuple(np.flatnonzero(near & (weights > 0.0)).tolist())
    plan = problem._plan(outcome, values, problem.arrays.size, problem.build_s)
    return RobustPlan(plan, worst, bound, relative_gap(worst, bound), members)


def _mean_at_most(risky: RiskArrays, scenario: Scenario) -> float:
    """Upper bound on the expected profit of any plan, from the linear relaxation."""
    arrays = risky.with_mean()
    return solve(replace(arrays, integer=np.zeros_like(arrays.integer), least=None), scenario.solver).bound


def _values(outcome: Outcome) -> Floats:
    if outcome.values is None:
        raise NoPlanError(f"HiGHS stopped ({outcome.stopped_by}) before it found a plan")
    return outcome.values
