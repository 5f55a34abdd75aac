"""Whether the reasons of a plan are true: the named limit is moved in the very arrays, and the plan is solved again
with its whole decisions as planned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

import optimizer as opt
from optimizer.explanation.explanation import Explanation
from optimizer.highs import new_highs, pass_arrays, run_highs

Floats = NDArray[np.float64]
TOLERANCE = 1e-9
"""Of a profit, relative to the largest sum of money in the plan."""


class FixedPlan:
    """The linear program of a plan with all whole decisions as planned, to be solved again after a change."""

    def __init__(self, problem: opt.Problem, values: Floats) -> None:
        arrays = problem.arrays
        self.values, self.rows = values, len(arrays.row_lower)
        self.arrays = replace(
            arrays,
            col_lower=np.where(arrays.integer, np.round(values), arrays.col_lower),
            col_upper=np.where(arrays.integer, np.round(values), arrays.col_upper),
            integer=np.zeros_like(arrays.integer),
        )
        self.highs = new_highs(problem.scenario.solver)
        self.highs.setOptionValue("presolve", "off")
        pass_arrays(self.highs, self.arrays)
        self.profit = self._solved()
        self.size = max(1.0, abs(self.profit), float(np.abs(self.arrays.cost * values).max()))

    def _solved(self) -> float:
        run_highs(self.highs, None)
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return -np.inf
        return float(self.highs.getInfo().objective_function_value)

    def solution(self) -> Floats:
        return np.asarray(self.highs.getSolution().col_value)

    def bound(self, place: int, side: str) -> float:
        """The number of a row or a bound."""
        a, number = self.arrays, place - self.rows if place >= self.rows else place
        lower, upper = (a.col_lower, a.col_upper) if place >= self.rows else (a.row_lower, a.row_upper)
        return float((upper if side == "at most" else lower)[number])

    def with_limit(self, place: int, side: str, by: float) -> float:
        """Profit with the row or the bound at a place moved by so much; -inf where there is no plan."""
        a = self.arrays
        number = place - self.rows if place >= self.rows else place
        lower, upper = (a.col_lower, a.col_upper) if place >= self.rows else (a.row_lower, a.row_upper)
        change = self.highs.changeColBounds if place >= self.rows else self.highs.changeRowBounds
        low, high = lower[number], upper[number]
        new = (low + (by if side != "at most" else 0.0), high + (by if side != "at least" else 0.0))
        change(int(number), *new)
        profit = self._solved()
        change(int(number), float(low), float(high))
        return profit

    def with_value(self, column: int, value: float) -> float:
        """Profit with a whole decision at another value."""
        low, high = float(self.arrays.col_lower[column]), float(self.arrays.col_upper[column])
        self.highs.changeColBounds(column, value, value)
        profit = self._solved()
        self.highs.changeColBounds(column, low, high)
        return profit

    def with_money(self, columns: NDArray[np.int64], more: Floats) -> tuple[float, Floats]:
        """Profit and values of the columns where units of these earn so much more."""
        self.highs.changeColsCost(len(columns), columns.astype(np.int32), self.arrays.cost[columns] + more)
        profit, found = self._solved(), self.solution()
        self.highs.changeColsCost(len(columns), columns.astype(np.int32), self.arrays.cost[columns])
        return profit, found


def wrong_with_limit(fixed: FixedPlan, explanation: Explanation, label: str, member: int, step: int) -> str | None:
    """What is wrong with the limit that a reason names; None where it is as claimed.

    Profit is concave in a limit, so its value lies between what a little more earns and what a little less costs; and a
    limit with a value, taken away a little, always costs.
    """
    found = explanation.reasons[label]
    assert found.place is not None
    place, value = int(found.place[member, step]), float(found.value[member, step])
    limit = explanation.limits[int(found.limit[member, step])]
    small = 1e-3 * max(1.0, abs(fixed.bound(place, limit.side)))
    tolerance = TOLERANCE * fixed.size
    relaxing = -small if limit.side == "at least" else small
    more, less = (fixed.with_limit(place, limit.side, by) - fixed.profit for by in (relaxing, -relaxing))
    if limit.side == "equals" and more < less:
        more, less = less, more
    if more > value * small + tolerance:
        return f"{small:g} more earns {more:g}, not at most {value * small:g}"
    if -less < value * small - tolerance:
        return f"{small:g} less costs {-less:g}, not at least {value * small:g}"
    return None


def wrong_with_price(fixed: FixedPlan, columns: Any, mwh: Floats, margin: float) -> tuple[str | None, bool]:
    """What is wrong with a margin at which a component rests, and whether it runs as soon as a MWh earns a little more.

    ``columns`` are those that it could move, ``mwh`` what a unit of each is. At a little less than the margin more,
    resting stays best. At a little more than that it runs, unless the duals are one of several truths.
    """
    short = -margin
    little = 1e-3 * max(1.0, short)
    profit, _ = fixed.with_money(columns, mwh * (short - little))
    if profit > fixed.profit + TOLERANCE * fixed.size:
        return f"{short - little:g} more per MWh earns {profit - fixed.profit:g}", False
    _, values = fixed.with_money(columns, mwh * (short + little))
    return None, bool((np.abs(values[columns]) @ mwh) > 1e-9)


def wrong_with_decision(fixed: FixedPlan, column: int, direction: int, within: float) -> str | None:
    """What is wrong with a whole decision that is said to be held: taking it otherwise must not earn more than the
    plan's proven gap."""
    profit = fixed.with_value(column, round(float(fixed.values[column])) + direction)
    if profit > fixed.profit + within + TOLERANCE * fixed.size:
        return f"decided otherwise, it earns {profit - fixed.profit:g} more"
    return None


def wrong_with_slack(fixed: FixedPlan, row: int, slack: float) -> str | None:
    """What is wrong with a rule that holds nothing: moving it by half of its slack must change nothing."""
    side = "at most" if np.isfinite(fixed.arrays.row_upper[row]) else "at least"
    for by in (0.5 * slack, -0.5 * slack):
        profit = fixed.with_limit(row, side, by)
        if abs(profit - fixed.profit) > TOLERANCE * fixed.size:
            return f"an unnamed rule moved by {by:g} changes the profit by {profit - fixed.profit:g}"
    return None
