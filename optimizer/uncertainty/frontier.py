"""The efficient frontier: what the expected profit gives up for a better CVaR.

Each point is the plan that is best for a weight ``beta`` of CVaR; its objective is ``(1 - beta) * mean + beta * CVaR``.
As both are linear in the plan's profits, the points lie on the upper right edge of all (CVaR, mean) that plans can
reach; with whole decisions there may be plans between two points that no weight finds (they lie below the line between
the two). A point is **dominated** if another has more of one and no less of the other: the solver's gap leaves room for
that. Each solve starts from the plan of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError, NoPlanError
from optimizer.errors import Problem as InputProblem
from optimizer.highs import Outcome, solve
from optimizer.infeasibility import explain
from optimizer.problem import Problem
from optimizer.scenario import LARGEST_RISK_WEIGHT, Scenario
from optimizer.summary import cvar
from optimizer.uncertainty.risk_arrays import RiskArrays
from optimizer.uncertainty.stages import member_profits, problem_with_risk

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.compiled import Arrays
    from optimizer.plan import Plan

Floats = NDArray[np.float64]
WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Weights of a frontier where none are given."""
_SAME = 1e-9
"""Relative difference within which two profits are the same."""


@dataclass(frozen=True)
class FrontierPoint:
    """The best plan for one weight; money in the scenario's currency."""

    weight: float
    expected_profit: float
    cvar: float
    objective: float
    bound: float
    """Proven upper bound on the objective."""
    gap: float
    profit_by_member: Floats = field(repr=False)
    seconds: float
    dominated: bool = False
    """Whether another point is better in one and no worse in the other."""


@dataclass(frozen=True)
class Frontier:
    """Points by rising weight of the risk."""

    scenario: Scenario
    points: tuple[FrontierPoint, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row per point: weight, expected profit, CVaR, objective, bound, gap, seconds, dominated."""
        import pandas as pd

        names = ("weight", "expected_profit", "cvar", "objective", "bound", "gap", "seconds", "dominated")
        return pd.DataFrame([{name: getattr(point, name) for name in names} for point in self.points], columns=names)

    def plan(self, weight: float) -> Plan:
        """The plan with this weight, solved as a scenario of its own."""
        return Problem(with_weight(self.scenario, weight)).solve()

    def figure(self) -> Any:
        """The frontier as a ``plotly`` figure: CVaR to the right, expected profit upwards."""
        import plotly.graph_objects as go

        figure = go.Figure()
        kept = [point for point in self.points if not point.dominated]
        for name, points, marker in (
            ("efficient", kept, {"size": 9}),
            ("dominated", [point for point in self.points if point.dominated], {"size": 8, "symbol": "x"}),
        ):
            if not points:
                continue
            points = sorted(points, key=lambda point: point.cvar)
            figure.add_scatter(
                x=[point.cvar for point in points],
                y=[point.expected_profit for point in points],
                text=[f"{point.weight:g}" for point in points],
                hovertemplate="weight %{text}<br>%{x:,.0f}<br>%{y:,.0f}<extra></extra>",
                mode="lines+markers+text" if name == "efficient" else "markers",
                textposition="bottom left",
                marker=marker,
                name=name,
            )
        figure.update_layout(
            title=f"Expected profit against risk: {self.scenario.name}",
            xaxis_title=f"{self.scenario.risk.label}, {self.scenario.currency}",
            yaxis_title=f"expected profit, {self.scenario.currency}",
            template="plotly_white",
        )
        return figure


def with_weight(scenario: Scenario, weight: float) -> Scenario:
    """The scenario with another weight of the risk."""
    return scenario.model_copy(update={"risk": scenario.risk.model_copy(update={"weight": weight})})


def frontier(scenario: Scenario, weights: Sequence[float] = WEIGHTS) -> Frontier:
    """Solve for each weight of the scenario's measure of risk, in rising order, each from the plan before it.

    Raises InputError for weights that are not within 0 to 1, InfeasibleError and UnboundedError as a solve does, and
    NoPlanError where the solver stopped before it had a plan.
    """
    bad = [weight for weight in weights if not 0.0 <= weight <= 1.0]
    if bad or not len(weights):
        raise InputError([InputProblem("weights", value=bad or list(weights), allowed="numbers within 0 to 1")])
    problem = problem_with_risk(scenario)
    arrays = RiskArrays(problem.arrays, member_profits(problem), scenario.ensemble.weights)
    points: list[FrontierPoint] = []
    values: Floats | None = None
    for weight in sorted(set(weights)):
        outcome, values = _solved(problem, arrays, arrays_for(arrays, scenario, weight), values)
        points.append(_point(scenario, weight, arrays.profits.at(values), outcome))
    return Frontier(scenario, marked(points))


def arrays_for(arrays: RiskArrays, scenario: Scenario, weight: float) -> Arrays:
    """Costs of one weight; of a whole one a little is left to the expected profit, as in the model."""
    return arrays.with_cvar(min(weight, LARGEST_RISK_WEIGHT), scenario.tail_share)


def _solved(problem: Problem, risky: RiskArrays, arrays: Arrays, values: Floats | None) -> tuple[Outcome, Floats]:
    """A solve, and the plan that it found."""
    scenario = problem.scenario
    start = None if values is None else risky.measured(values, scenario.tail_share)
    outcome = solve(arrays, scenario.solver, start=start)
    if outcome.status in ("infeasible", "unbounded"):
        raise explain(outcome.status, problem.arrays, problem.compiled, scenario, None)
    if outcome.values is None:
        raise NoPlanError(f"HiGHS stopped ({outcome.stopped_by}) before it found a plan")
    return outcome, outcome.values


def _point(scenario: Scenario, weight: float, profits: Floats, outcome: Outcome) -> FrontierPoint:
    probabilities = scenario.ensemble.weights
    mean = float(probabilities @ profits)
    tail = cvar(profits, probabilities, 1.0 - scenario.tail_share)
    beta = min(weight, LARGEST_RISK_WEIGHT)
    objective = (1.0 - beta) * mean + beta * tail
    return FrontierPoint(
        weight, mean, tail, objective, max(outcome.bound, objective), outcome.gap, profits, outcome.seconds
    )


def marked(points: Sequence[FrontierPoint]) -> tuple[FrontierPoint, ...]:
    """The points with a mark on those that another one dominates."""

    def is_worse(one: FrontierPoint, other: FrontierPoint) -> bool:
        gains = (other.expected_profit - one.expected_profit, other.cvar - one.cvar)
        tolerance = _SAME * max(1.0, abs(one.expected_profit), abs(one.cvar))
        return max(gains) > tolerance and min(gains) >= -tolerance

    return tuple(replace(point, dominated=any(is_worse(point, other) for other in points)) for point in points)
