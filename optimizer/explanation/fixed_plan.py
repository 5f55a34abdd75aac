"""A plan whose whole decisions stay as they are: the linear program that is left, solved again for other data.

What one more of something is worth locally, and who would use it, is read from that program at other data: it goes on
from the plan's basis, so that it takes few iterations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.contract import Contract
from optimizer.errors import InputError, NoPlanError
from optimizer.errors import Problem as Finding
from optimizer.highs import DUAL_TOLERANCE, Outcome
from optimizer.interruptible import in_thread
from optimizer.kept_lp import KeptLp
from optimizer.problem import Problem
from optimizer.solving import find_plan
from optimizer.stopped_early import without_plan

Floats = NDArray[np.float64]
WHOLE_WITHIN = 1e-6
"""How far a whole decision may lie outside of its bounds by rounding."""


@dataclass(frozen=True)
class Optimum:
    """An optimum of the linear program: money, values of the columns, and what one unit more of a row's or a column's
    bound earns."""

    objective: float
    values: Floats
    rows: Floats
    columns: Floats


class FixedPlan:
    """A solved problem with its whole decisions fixed. ``base`` is its optimum."""

    def __init__(self, problem: Problem, values: Floats) -> None:
        """``values`` are those of the plan's columns."""
        self.problem = problem
        self.whole = np.round(values)
        self.basis: Any = None
        """HiGHS's basis of ``base``."""
        base = self.solved(problem.arrays)
        if base is None:
            raise NoPlanError("the plan with its whole decisions fixed could not be solved again")
        self.base = base

    def solved(self, arrays: Arrays, values: Floats | None = None) -> Optimum | None:
        """The optimum of other arrays of the same shape with this plan's whole decisions (or those of ``values``); None
        where they leave no plan."""
        whole = self.whole if values is None else np.round(values)
        integer = arrays.integer
        over = np.maximum(arrays.col_lower - whole, whole - arrays.col_upper)[integer]
        if over.size and over.max() > WHOLE_WITHIN:
            return None
        lp = KeptLp(with_whole(arrays, whole), self.problem.scenario.solver, self.basis)
        if in_thread(lp.run, lp.stop):
            raise KeyboardInterrupt
        if not lp.is_optimal:
            return None
        if self.basis is None:
            self.basis = lp.highs.getBasis()
        solution = lp.highs.getSolution()
        duals = (np.asarray(found, dtype=float) for found in (solution.row_dual, solution.col_dual))
        return Optimum(lp.objective, lp.values, *duals)


def with_whole(arrays: Arrays, whole: Floats) -> Arrays:
    """The arrays with whole decisions fixed at values."""
    return replace(
        arrays,
        col_lower=np.where(arrays.integer, whole, arrays.col_lower),
        col_upper=np.where(arrays.integer, whole, arrays.col_upper),
        integer=np.zeros_like(arrays.integer),
        least=None,
    )


def outcome_of(problem: Problem, arrays: Arrays | None = None, *, like: Problem | None = None) -> Outcome:
    """The best plan of a problem, or of other arrays of its shape, as :meth:`Problem.solve` finds it, without the
    audit. ``like`` has left something to start from."""
    memory = replace((problem if like is None else like).memory)
    arrays = problem.arrays if arrays is None else arrays
    outcome = find_plan(arrays, problem.scenario.solver, compiled=problem.compiled, memory=memory)
    if outcome.stopped_by == "interrupt":
        raise KeyboardInterrupt
    if like is None and outcome.values is not None:
        problem.memory = memory
    return outcome


def solved_plan(problem: Problem) -> tuple[Outcome, FixedPlan]:
    """The plan of a problem. Raises what :meth:`Problem.solve` raises where there is none, and InputError for one whose
    Pyomo model has been asked for: what the user has changed there is not in the arrays."""
    if problem.is_customised:
        message = "the problem's Pyomo model has been asked for, and may hold rules of its own"
        raise InputError([Finding("", message, hint="build the problem again; its values are those of the scenario")])
    outcome = outcome_of(problem)
    if outcome.values is None:
        if outcome.status in ("infeasible", "unbounded"):
            problem.solve()  # tells why
        raise NoPlanError(without_plan(outcome, problem.scenario.solver, problem.arrays.size["integers"]))
    return outcome, FixedPlan(problem, outcome.values)


class Powers:
    """Power of each component that is no contract, MW, consumption positive, expected over the members."""

    def __init__(self, problem: Problem) -> None:
        self._rows: dict[str, Any] = {}
        self._weights = problem.scenario.ensemble.weights
        self._steps = problem.scenario.horizon.steps
        for label, part in problem.parts.components.items():
            component, frame = part.component, part.frame
            if not isinstance(component, Contract):
                result = frame.by_time(lambda b, w, t, c=component, f=frame: c.own_power_mw(b, f, w, t), "MW", "power")
                name = ("component", label, "power_mw")
                self._rows[label] = problem.compiled.linear(part.block, result.index_sets, result.rule, name=name)

    @property
    def labels(self) -> tuple[str, ...]:
        """The components."""
        return tuple(self._rows)

    def of(self, values: Floats) -> dict[str, Floats]:
        """At values of the columns, (steps,), by component."""
        found = {}
        for label, rows in self._rows.items():
            power = (rows.at(values) + rows.upper).reshape(-1, self._steps)
            found[label] = np.asarray(self._weights @ power)
        return found

    def in_step(self, values: Floats, step: int) -> dict[str, float]:
        """At values of the columns, in one step, by component."""
        found = {}
        for label, rows in self._rows.items():
            places = step + self._steps * np.arange(len(self._weights))
            power = (rows.values[:, places] * values[rows.columns[:, places]]).sum(axis=0) + rows.upper[places]
            found[label] = float(self._weights @ power)
        return found


def is_clear(dual: Floats) -> NDArray[np.bool_]:
    """Duals that are more than rounding."""
    return np.asarray(np.abs(dual) > DUAL_TOLERANCE)
