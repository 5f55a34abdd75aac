"""Differences of two plans that were really solved, with what their proofs leave open.

Each objective is known between the plan that was found and the bound that was proven, so that their difference lies in
an interval. Plans are carried over both ways where the arrays have one shape: the whole decisions of either are also
tried in the other, and what is found then counts. So a step that only loosens a limit never seems to cost money merely
because the second search stopped a little earlier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.explanation.fixed_plan import FixedPlan, outcome_of
from optimizer.highs import Outcome
from optimizer.problem import Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """What another scenario earns more than this one (with ``sign`` -1: this one more than the other), currency over
    the horizon."""

    objective: float
    """Of the other scenario's best known plan; -inf where it has none, NaN where none was found."""
    bound: float
    """Proven of the other scenario's plans."""
    base_objective: float
    base_bound: float
    sign: int = 1
    more_at_least: float = -math.inf
    """Proven otherwise: the other scenario earns at least so much more (0 where its limits are only looser)."""
    more_at_most: float = math.inf

    @property
    def value(self) -> float:
        """Between the best plans that are known; infinite where the other scenario has no plan, NaN where none was
        found."""
        return self.sign * (self.objective - self.base_objective)

    @property
    def _ends(self) -> tuple[float, float]:
        reached = -math.inf if math.isnan(self.objective) else self.objective
        low = max(reached - self.base_bound, self.more_at_least)
        high = min(self.bound - self.base_objective, self.more_at_most)
        return (low, high) if self.sign > 0 else (-high, -low)

    @property
    def low(self) -> float:
        """Proven: no less than this."""
        return self._ends[0]

    @property
    def high(self) -> float:
        """Proven: no more than this."""
        return self._ends[1]

    @property
    def is_exact(self) -> bool:
        """Whether the interval is a point, but for rounding of the objectives."""
        return self.high - self.low <= 1e-9 * max(1.0, abs(self.base_objective))

    def turned(self) -> Difference:
        """What this scenario earns more than the other."""
        return replace(self, sign=-self.sign)


class Base:
    """The solved scenario that others are compared with; its best known plan may get better on the way."""

    def __init__(self, outcome: Outcome, fixed: FixedPlan) -> None:
        assert outcome.values is not None
        self.fixed = fixed
        self.values = outcome.values
        """Values of the columns of the plan."""
        self.best_values = outcome.values
        """Values whose whole decisions are the best known ones."""
        self.objective = max(outcome.objective, fixed.base.objective)
        self.bound = max(outcome.bound, self.objective)

    @property
    def problem(self) -> Problem:
        return self.fixed.problem

    def learn(self, other: Problem, values: Floats) -> None:
        """Try the whole decisions of another scenario's plan."""
        if not self.problem.arrays.integer.any() or not _same_shape(other, self.problem):
            return
        found = self.fixed.solved(self.problem.arrays, values)
        if found is not None and found.objective > self.objective:
            self.objective, self.best_values = found.objective, found.values
            self.bound = max(self.bound, self.objective)


class Other:
    """Another scenario, solved. :meth:`difference` is asked for once all are: then the best decisions are known."""

    def __init__(self, problem: Problem, base: Base) -> None:
        self.problem, self.outcome = problem, outcome_of(problem, like=base.problem)
        if self.outcome.values is not None:
            base.learn(problem, self.outcome.values)

    def difference(self, base: Base) -> Difference:
        """What this scenario earns more than the base, with the best decisions of either tried in both."""
        known = base.objective, base.bound
        if self.outcome.status == "infeasible":
            return Difference(-math.inf, -math.inf, *known)
        best = self.outcome.objective if self.outcome.values is not None else -math.inf
        if _same_shape(self.problem, base.problem):
            for values in {id(v): v for v in (base.values, base.best_values)}.values():
                found = base.fixed.solved(self.problem.arrays, values)
                best = best if found is None else max(best, found.objective)
        if best == -math.inf:
            return Difference(math.nan, self.outcome.bound, *known)
        looser, tighter = (
            _is_looser(self.problem.arrays, base.problem.arrays),
            _is_looser(base.problem.arrays, self.problem.arrays),
        )
        return Difference(
            best,
            max(best, self.outcome.bound),
            *known,
            more_at_least=0.0 if looser else -math.inf,
            more_at_most=0.0 if tighter else math.inf,
        )


def _is_looser(one: Arrays, other: Arrays) -> bool:
    """Whether every plan of ``other`` is one of ``one`` and earns the same: only limits differ, and none is tighter."""
    if one.matrix.shape != other.matrix.shape or one.offset != other.offset:
        return False
    same = (
        np.array_equal(one.cost, other.cost)
        and np.array_equal(one.matrix.indptr, other.matrix.indptr)
        and np.array_equal(one.matrix.indices, other.matrix.indices)
        and np.array_equal(one.matrix.data, other.matrix.data)
        and np.array_equal(one.integer, other.integer)
    )
    lower = (one.col_lower <= other.col_lower).all() and (one.row_lower <= other.row_lower).all()
    upper = (one.col_upper >= other.col_upper).all() and (one.row_upper >= other.row_upper).all()
    return bool(same and lower and upper)


def _same_shape(one: Problem, other: Problem) -> bool:
    return bool(one.arrays.matrix.shape == other.arrays.matrix.shape)
