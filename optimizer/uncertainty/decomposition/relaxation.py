"""The linear relaxation of the whole ensemble: a first bound, first prices of the here-and-now decisions, and what
is best for the continuous decisions once the whole ones are chosen.

Kept in HiGHS, so that each candidate goes on from the last basis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.highs import new_highs, pass_arrays, run_highs
from optimizer.uncertainty.stages import Integers

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearPlan:
    """Solution of the relaxation."""

    objective: float
    values: Floats
    row_dual: Floats


class Relaxation:
    """The relaxation, to be solved for several choices of here-and-now decisions."""

    def __init__(self, arrays: Arrays, options: SolverOptions) -> None:
        self._arrays = arrays
        self._highs = new_highs(options)
        pass_arrays(self._highs, replace(arrays, integer=np.zeros_like(arrays.integer)))

    def solve(self, seconds: float) -> LinearPlan | None:
        """None where it is infeasible, unbounded or out of time."""
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + max(seconds, 0.1))
        if run_highs(self._highs, None) or self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self._highs.getSolution()
        values = np.asarray(solution.col_value, dtype=float)
        objective = float(self._highs.getInfo().objective_function_value)
        return LinearPlan(objective, values, np.asarray(solution.row_dual, dtype=float))

    def solve_with(self, columns: Integers, values: Floats, seconds: float) -> LinearPlan | None:
        """With these columns at these values; they are free again afterwards."""
        numbers = columns.astype(np.int32)
        self._highs.changeColsBounds(len(numbers), numbers, values, values)
        found = self.solve(seconds)
        lower, upper = self._arrays.col_lower[columns], self._arrays.col_upper[columns]
        self._highs.changeColsBounds(len(numbers), numbers, lower, upper)
        return found
