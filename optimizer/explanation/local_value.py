"""What a small change of a scenario earns with all whole decisions as planned, in total and by hour.

A change of the scenario is a change of its arrays, whatever the number means to its component. With y and d the duals
of rows and columns and x the plan, a small change of the program ``max c.x, A x <= b, l <= x <= u`` earns::

    dc.x + d(offset) + y.(db - dA x) + d.dbounds

(the envelope theorem; Gal, Postoptimal Analyses, 1995, ch. 3). Where the plan is degenerate, these duals are one of
several truths, and a little more is worth less than a little less costs. So the program is solved again with a little
more and with a little less, from the plan's basis, and the duals of each of the two say what holds on that side.

By hour: what rows, columns and money of the hour contribute. What belongs to no single hour (the work of a job, the
energy of a month) is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.explanation.fixed_plan import FixedPlan, Optimum, is_clear
from optimizer.problem import Problem
from optimizer.results import money_of

Floats = NDArray[np.float64]
TIMES = ("steps", "inner_steps", "states")
"""Index sets whose labels are steps."""
SAME_WITHIN = 1e-6
"""Relative difference of two values that is rounding."""


@dataclass(frozen=True)
class Slope:
    """What one unit more of a number earns on one side of the plan, expected over the members (as the objective weighs
    them), currency per unit."""

    total: float
    by_step: Floats
    """(steps,)."""

    @property
    def rest(self) -> float:
        """What belongs to no single step, or is known as a whole only."""
        return float(self.total - self.by_step.sum())


def slope(fixed: FixedPlan, moved: Problem, by: float, *, is_small: bool = True) -> Slope | None:
    """What the change to ``moved``, by ``by`` units, earns per unit; None where its arrays have another shape, or the
    whole decisions as planned leave no plan.

    Where the change ``is_small``, the optimal basis at its end holds on the way to it; a whole machine or node may be
    too far for that, and the two optima themselves are compared.
    """
    base, there = fixed.problem, moved
    before, after = base.arrays, there.arrays
    if before.matrix.shape != after.matrix.shape:
        return None
    optimum = fixed.solved(after)
    if optimum is None:
        return None
    rows = _row_terms(before, after, optimum, fixed.base.values)
    columns = _bound_terms(before, after, optimum)
    money = (after.cost - before.cost) @ fixed.base.values + after.offset - before.offset
    total = float(rows.sum() + columns.sum() + money) if is_small else optimum.objective - fixed.base.objective
    steps = base.scenario.horizon.steps
    by_step = _rows_by_step(base, rows, steps) + _columns_by_step(base, columns, steps)
    if base.scenario.risk.beta == 0.0:  # else money of the members is weighed by rows without a step
        by_step += _money_by_step(base, there, fixed.base.values)
    return Slope(total / by, by_step / by)


def _row_terms(before: Arrays, after: Arrays, optimum: Optimum, values: Floats) -> Floats:
    """What the change of each row earns, (rows,)."""
    dual = optimum.rows
    side = np.where(dual > 0, after.row_upper, after.row_lower), np.where(dual > 0, before.row_upper, before.row_lower)
    with np.errstate(invalid="ignore"):
        moved = side[0] - side[1]
    moved = np.where(np.isfinite(moved), moved, 0.0) - (_times(after, values) - _times(before, values))
    return np.where(is_clear(dual), dual * moved, 0.0)


def _times(arrays: Arrays, values: Floats) -> Floats:
    """Sums of the rows at values of the columns, (rows,)."""
    matrix = arrays.matrix
    entries = matrix.data * np.repeat(values, np.diff(matrix.indptr))
    return np.bincount(matrix.indices, entries, matrix.shape[0]).astype(float)


def _bound_terms(before: Arrays, after: Arrays, optimum: Optimum) -> Floats:
    """What the change of each column's bound earns, (columns,); whole decisions stay where they are."""
    dual = optimum.columns
    with np.errstate(invalid="ignore"):
        upper, lower = after.col_upper - before.col_upper, after.col_lower - before.col_lower
    at_upper = np.abs(optimum.values - after.col_upper) <= np.abs(optimum.values - after.col_lower)
    moved = np.where(at_upper, upper, lower)
    held = is_clear(dual) & ~after.integer & np.isfinite(moved)
    return np.where(held, dual * np.where(held, moved, 0.0), 0.0)


# ---------------------------------------------------------------------- by hour
def _rows_by_step(problem: Problem, terms: Floats, steps: int) -> Floats:
    found = np.zeros(steps)
    for block in problem.compiled.blocks:
        own = terms[block.rows]
        if own.any():
            found += by_step(own, block.constraint.index_set(), block.sets, steps)
    return found


def _columns_by_step(problem: Problem, terms: Floats, steps: int) -> Floats:
    found = np.zeros(steps)
    for variable in problem.compiled.evaluator.variables:
        columns = problem.compiled.evaluator.columns[id(variable)]
        own = terms[columns.first : columns.first + columns.size]
        if own.any():
            found += by_step(own, variable.index_set(), columns.sets, steps)
    return found


def by_step(terms: Floats, index_set: Any, sets: Any, steps: int) -> Floats:
    """Terms over index sets, summed by step, (steps,); those of index sets without steps are left out."""
    names = [str(getattr(s, "local_name", s.name)) for s in index_set.subsets()]
    pairs = len(sets) == 1 and sets[0].dimen == 2  # (member, step)
    axis = next((number for number, name in enumerate(names) if name in TIMES), 0 if pairs else None)
    if axis is None:
        return np.zeros(steps)
    labels = np.asarray(sets[axis].labels[-1], dtype=np.int64)
    others = tuple(number for number in range(len(sets)) if number != axis)
    sums = terms.reshape([s.size for s in sets]).sum(axis=others)
    inside = (labels >= 0) & (labels < steps)
    return np.bincount(labels[inside], sums[inside], steps).astype(float)


def _money_by_step(base: Problem, there: Problem, values: Floats) -> Floats:
    """What the same plan earns more under the other data, by step, expected."""
    before, after = money_of(base.parts, base.compiled, values), money_of(there.parts, there.compiled, values)
    weights = base.scenario.ensemble.weights
    return np.asarray(weights @ sum(after[key] - before[key] for key in before))


def is_interval(more: float, less: float) -> bool:
    """Whether a little more is worth something else than a little less."""
    return bool(abs(more - less) > SAME_WITHIN * max(1.0, abs(more), abs(less)))
