"""A plan as a function of one price: ``V(s) = max (cost + s * direction).x + constants`` over the same limits.

V is convex and made of straight pieces, each the line of one plan, whose slope is what the plan gains per unit of s.
Two plans and their lines say where the next break can be: where the lines cross. If the plan that is best there lies on
both, that is the break; else it is a third line, and the search goes on to both sides of it (Eisner and Severance,
Mathematical techniques for efficient record segmentation, J. ACM 23, 1976). So breaks are exact, not halved into, and a
few solves find each. All of it holds with whole decisions as well, within the gap to which each plan is proven.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import NoPlanError
from optimizer.explanation.fixed_plan import FixedPlan, outcome_of, with_whole
from optimizer.interruptible import in_thread
from optimizer.kept_lp import KeptLp

Floats = NDArray[np.float64]
SAME_WITHIN = 1e-9
"""Relative difference of money that is rounding."""


@dataclass(frozen=True)
class Point:
    """The best plan at one value of the parameter."""

    at: float
    value: float
    """Money."""
    slope: float
    """Money per unit of the parameter that this plan earns."""
    plan: Floats
    """Values of the columns."""
    within: float
    """How far the value may lie below the best (gap, or rounding)."""

    def line(self, at: float) -> float:
        """What this plan earns at another value of the parameter."""
        return self.value + self.slope * (at - self.at)


@dataclass(frozen=True)
class Break:
    """A value of the parameter at which one plan takes the place of another."""

    at: float
    before: Point
    """Best just below."""
    after: Point
    """Best just above."""


class Parametric:
    """Best plans by the parameter; with ``reoptimise`` whole decisions are taken anew, else they stay as planned."""

    def __init__(self, fixed: FixedPlan, direction: Floats, *, constant: float = 0.0, reoptimise: bool = False) -> None:
        """``direction``: change of the columns' money per unit of the parameter; ``constant``: that of the offset."""
        self._fixed, self._direction, self._constant = fixed, direction, constant
        self._arrays = fixed.problem.arrays
        self._lp: KeptLp | None = None
        self._reoptimise = reoptimise and bool(self._arrays.integer.any())
        if not self._reoptimise:
            arrays = with_whole(self._arrays, fixed.whole)
            self._lp = KeptLp(arrays, fixed.problem.scenario.solver, fixed.basis)
        self.solves = 0

    def turn(self, direction: Floats, constant: float = 0.0) -> None:
        """Go on with another direction."""
        if self._lp is not None:
            self._set_costs(0.0)
        self._direction, self._constant = direction, constant
        self.back()

    def back(self) -> None:
        """Go on from the basis of the plan, which is near to where the next search begins."""
        if self._lp is not None:
            self._lp.highs.setBasis(self._fixed.basis)

    def at(self, at: float) -> Point:
        """The best plan at a value. Raises NoPlanError where the solver stops before it has one."""
        self.solves += 1
        plan, within = self._linear(at) if self._lp is not None else self._whole(at)
        slope = float(self._direction @ plan) + self._constant
        value = float(self._arrays.cost @ plan) + self._arrays.offset + at * slope
        return Point(at, value, slope, plan, within + SAME_WITHIN * max(1.0, abs(value)))

    def _set_costs(self, at: float) -> None:
        assert self._lp is not None
        columns = np.flatnonzero(self._direction).astype(np.int32)
        costs = self._arrays.cost[columns] + at * self._direction[columns]
        self._lp.highs.changeColsCost(len(columns), columns, costs)

    def _linear(self, at: float) -> tuple[Floats, float]:
        assert self._lp is not None
        self._set_costs(at)
        if in_thread(self._lp.run, self._lp.stop):
            raise KeyboardInterrupt
        if not self._lp.is_optimal:
            raise NoPlanError("the plan could not be solved again with another price")
        return self._lp.values, 0.0

    def _whole(self, at: float) -> tuple[Floats, float]:
        offset = self._arrays.offset + at * self._constant
        arrays = replace(self._arrays, cost=self._arrays.cost + at * self._direction, offset=offset)
        outcome = outcome_of(self._fixed.problem, arrays, like=self._fixed.problem)
        if outcome.values is None:
            raise NoPlanError("no plan was found with another price")
        return outcome.values, max(0.0, outcome.bound - outcome.objective)

    # ------------------------------------------------------------------ breaks
    def breaks(self, low: Point, high: Point) -> Iterator[Break]:
        """All breaks between two points, by rising parameter."""
        crossing = _crossing(low, high)
        if crossing is None:
            return
        middle = self.at(crossing)
        if _is_no_better(middle, low, high):
            yield Break(crossing, low, high)
            return
        yield from self.breaks(low, middle)
        yield from self.breaks(middle, high)

    def first_break(self, near: Point, far: Point) -> Break | None:
        """The break that is nearest to ``near`` on the way to ``far``; None where there is none."""
        while (crossing := _crossing(*sorted((near, far), key=lambda point: point.at))) is not None:
            middle = self.at(crossing)
            if _is_no_better(middle, near, far):
                return Break(crossing, *sorted((near, far), key=lambda point: point.at))
            far = middle
        return None


def _crossing(low: Point, high: Point) -> float | None:
    """Where the lines of two plans cross between their values; None where the plan at one is as good at the other."""
    if high.line(low.at) >= low.value - low.within or low.line(high.at) >= high.value - high.within:
        return None
    at = low.at + (low.value - high.line(low.at)) / (high.slope - low.slope)
    return at if low.at < at < high.at else None


def _is_no_better(middle: Point, one: Point, other: Point) -> bool:
    reached = max(one.line(middle.at), other.line(middle.at))
    return bool(middle.value <= reached + max(one.within, other.within, middle.within))
