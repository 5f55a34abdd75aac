"""Other weights and measures of risk on the arrays of a problem with risk.

The rows ``tail_w + profit_w - zeta >= 0`` and the columns ``zeta`` and ``tail_w >= 0`` (:mod:`optimizer.model`) are
there; another weight is another cost vector, and one solve's plan starts the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.uncertainty.stages import MemberProfits

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RiskArrays:
    """Arrays of a problem with risk, the members' profits in them, and their probabilities."""

    arrays: Arrays
    profits: MemberProfits
    weights: Floats
    """Probabilities of the members, (members,)."""

    def with_cvar(self, beta: float, tail_share: float) -> Arrays:
        """``(1 - beta) * mean + beta * CVaR`` of the worst ``tail_share`` is maximised."""
        cost = self._expected(1.0 - beta)
        cost[self.profits.value_at_risk] = beta
        cost[self.profits.tails] = -beta * self.weights / tail_share
        return replace(self.arrays, cost=cost, offset=(1.0 - beta) * self._constant)

    def with_mean(self) -> Arrays:
        """The expected profit is maximised."""
        return replace(self.arrays, cost=self._expected(1.0), offset=self._constant)

    def with_worst(self) -> Arrays:
        """The profit of the worst member that can happen is maximised."""
        cost = np.zeros(len(self.arrays.cost))
        cost[self.profits.value_at_risk] = 1.0
        upper = self.arrays.col_upper.copy()
        upper[self.profits.tails[self.weights > 0.0]] = 0.0
        return replace(self.arrays, cost=cost, offset=0.0, col_upper=upper)

    def with_mean_above(self, floor: float) -> Arrays:
        """The expected profit is maximised; no member that can happen earns less than ``floor``."""
        arrays = self.with_worst()
        lower = arrays.col_lower.copy()
        lower[self.profits.value_at_risk] = floor
        return replace(self.with_mean(), col_lower=lower, col_upper=arrays.col_upper)

    def measured(self, values: Floats, tail_share: float) -> Floats:
        """The plan with the value at risk and the shortfalls worked out from its profits."""
        profits = self.profits.at(values)
        order = np.argsort(profits, kind="stable")
        reached = np.cumsum(self.weights[order])
        edge = profits[order[min(int(np.searchsorted(reached, tail_share - 1e-12)), len(order) - 1)]]
        found = values.copy()
        found[self.profits.value_at_risk] = edge
        found[self.profits.tails] = np.maximum(0.0, edge - profits)
        return found

    @property
    def _constant(self) -> float:
        return float(self.weights @ self.profits.constant)

    def _expected(self, scale: float) -> Floats:
        return np.asarray(scale * (self.profits.coefficients.T @ self.weights))
