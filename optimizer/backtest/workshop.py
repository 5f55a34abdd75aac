"""Problems that are solved again and again with other numbers, each like the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.errors import NoPlanError
from optimizer.highs import Outcome, solve
from optimizer.infeasibility import explain
from optimizer.mip_road import solve_whole
from optimizer.problem import Problem
from optimizer.scenario import Scenario, SolverOptions
from optimizer.solving import Memory, find_plan

ONE_MEMBER = "one member"
"""Purpose of a window's problem with one member, whether it is planned or carried out: the two differ by prices and
weather alone, so that the second is bound to the first at little cost."""


class Workshop:
    """Keeps the last problem of each purpose, so that the next is bound to its structure, and the time HiGHS takes."""

    def __init__(self, options: SolverOptions | None = None) -> None:
        """``options`` in place of the scenarios' own."""
        self._last: dict[str, Problem] = {}
        self._options = options
        self._solves: dict[str, _LastSolve] = {}
        self.highs_s = 0.0
        """Seconds spent in HiGHS so far."""

    def problem(self, purpose: str, scenario: Scenario) -> Problem:
        """The scenario's problem, like the last of the same purpose."""
        problem = Problem(scenario, like=self._last.get(purpose))
        self._last[purpose] = problem
        return problem

    def forget(self) -> None:
        """Go on as if nothing had been solved before: what follows does not depend on it any more."""
        for problem in self._last.values():
            problem.memory = Memory()
        self._solves.clear()

    def planned(self, problem: Problem, arrays: Arrays | None = None) -> Outcome:
        """The best plan of a problem; raises InfeasibleError, UnboundedError or NoPlanError with the reason."""
        outcome = find_plan(
            problem.arrays if arrays is None else arrays,
            self._options or problem.scenario.solver,
            compiled=problem.compiled,
            memory=problem.memory,
        )
        self._count(outcome)
        if outcome.status in ("infeasible", "unbounded"):
            raise explain(outcome.status, problem.arrays, problem.compiled, problem.scenario, None, repairs=False)
        if outcome.values is None:
            raise NoPlanError(f"HiGHS stopped ({outcome.stopped_by}) before it found a plan")
        return outcome

    def solved(self, problem: Problem, arrays: Arrays, purpose: str = "") -> Outcome:
        """The outcome for arrays made from a problem's, whatever it is.

        What is solved for one ``purpose`` again and again begins where the last has ended: with its basis, and within
        the same window with its plan.
        """
        options = self._options or problem.scenario.solver
        has_choice = bool((arrays.integer & (arrays.col_lower < arrays.col_upper)).any())
        if has_choice and options.rounding:
            window = problem.scenario.horizon.start_utc
            last = self._solves.get(purpose)
            basis, before = (None, None) if last is None else last.start(arrays, window)
            outcome, basis = solve_whole(arrays, options, basis=basis, before=before)
            if purpose:
                self._solves[purpose] = _LastSolve(arrays.matrix.shape, window, basis, outcome.values)
        else:
            outcome = solve(arrays, options)
        self._count(outcome)
        return outcome

    def _count(self, outcome: Outcome) -> None:
        """Count its time. Raises KeyboardInterrupt where Ctrl-C has stopped HiGHS: with the plan of a solve that was
        cut short, a run would differ from one that was never stopped."""
        self.highs_s += outcome.seconds
        if outcome.stopped_by == "interrupt":
            raise KeyboardInterrupt


@dataclass(frozen=True)
class _LastSolve:
    """What the last solve of one purpose has left."""

    shape: tuple[int, ...]
    window: datetime
    basis: Any
    values: NDArray[np.float64] | None

    def start(self, arrays: Arrays, window: datetime) -> tuple[Any, NDArray[np.float64] | None]:
        """The basis and the plan to begin with for ``arrays``; None for what does not fit them."""
        if arrays.matrix.shape != self.shape:
            return None, None
        return self.basis, self.values if window == self.window else None
