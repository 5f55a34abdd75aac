"""A linear program kept in HiGHS: bounds of columns change, and HiGHS goes on from where it stood.

After a bound has moved, the last basis is still dual feasible, so the dual simplex method needs few iterations where a
run from nothing needs thousands. Presolve is left out for that reason: it would throw the basis away.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.cuts import Cuts, with_cuts
from optimizer.lp_algorithm import choose
from optimizer.solver_run import new_highs, pass_arrays

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

DEVEX = 1
"""HiGHS's number for Devex pricing: a quarter of the time of steepest edge on forty jobs, and as long or less on all
others (docs/mip-roads.md)."""
PRESOLVED_ROWS = 20_000
"""Rows from which on the first run is presolved: what that saves is then more than what it loses."""


@dataclass(frozen=True)
class Mark:
    """Where a linear program stood."""

    lower: Floats
    upper: Floats
    basis: Any


class KeptLp:
    """The linear relaxation of ``arrays``. All that :meth:`run` finds is that of the last run."""

    def __init__(self, arrays: Arrays, options: SolverOptions, basis: Any = None) -> None:
        """``basis``: HiGHS's basis of a problem of the same shape, to start from."""
        self.arrays = arrays
        self.lower, self.upper = arrays.col_lower.copy(), arrays.col_upper.copy()
        self.values = np.zeros(len(arrays.cost))
        self.objective, self.runs, self.iterations = -np.inf, 0, 0
        self.status = highspy.HighsModelStatus.kNotset
        self.added = 0
        """Rows added since, at the end."""
        self.highs = new_highs(options)
        self.highs.setOptionValue("simplex_dual_edge_weight_strategy", DEVEX)
        self._asked = threading.Event()
        pass_arrays(self.highs, replace(arrays, integer=np.zeros_like(arrays.integer)))
        self.highs.setOptionValue("output_flag", False)
        if basis is None and arrays.matrix.shape[0] >= PRESOLVED_ROWS:
            choose(arrays, options).apply(self.highs)
        else:
            self.highs.setOptionValue("presolve", "off")
        if basis is not None:
            self.highs.setBasis(basis)

    @property
    def interrupted(self) -> bool:
        return self._asked.is_set()

    @property
    def is_optimal(self) -> bool:
        return bool(self.status == highspy.HighsModelStatus.kOptimal)

    def stop(self) -> None:
        """Ask HiGHS to stop; called from another thread."""
        self._asked.set()
        self.highs.cbSimplexInterrupt += self._interrupt
        self.highs.cbIpmInterrupt += self._interrupt

    def _interrupt(self, event: Any) -> None:
        event.interrupt()

    def run(self) -> bool:
        """Solve; returns whether there is an optimum, which then stands in ``values`` and ``objective``."""
        if self.interrupted:
            return False
        self.highs.run()
        if self.runs == 0:
            self.highs.setOptionValue("presolve", "off")
            self.highs.setOptionValue("solver", "simplex")
        self.runs += 1
        self.status = self.highs.getModelStatus()
        info = self.highs.getInfo()
        self.iterations += max(0, info.simplex_iteration_count)
        if self.is_optimal:
            self.values = np.asarray(self.highs.getSolution().col_value, dtype=float)
            self.objective = info.objective_function_value
        return self.is_optimal

    def mark(self) -> Mark:
        """Where it stands, to come back to."""
        return Mark(self.lower.copy(), self.upper.copy(), self.highs.getBasis())

    def go_back(self, mark: Mark) -> bool:
        """To where it stood, with as many rows as then; returns whether there is an optimum, as there was."""
        columns = np.flatnonzero((self.lower != mark.lower) | (self.upper != mark.upper))
        self.hold(columns, mark.lower[columns], mark.upper[columns])
        self.highs.setBasis(mark.basis)
        return self.run()

    def add(self, cuts: Cuts) -> None:
        """Further rows, at the end."""
        count = len(cuts.upper)
        starts = np.searchsorted(cuts.rows, np.arange(count)).astype(np.int32)
        self.highs.addRows(
            count,
            np.full(count, -np.inf),
            cuts.upper,
            len(cuts.values),
            starts,
            cuts.columns.astype(np.int32),
            cuts.values,
        )
        self.arrays = with_cuts(self.arrays, cuts)
        self.added += count

    def free_added(self) -> None:
        """Take the further rows' sides away. The rows stay, and so does the basis."""
        rows = np.arange(self.arrays.matrix.shape[0] - self.added, self.arrays.matrix.shape[0], dtype=np.int32)
        endless = np.full(len(rows), np.inf)
        self.highs.changeRowsBounds(len(rows), rows, -endless, endless)

    def hold(self, columns: Numbers, lower: Floats, upper: Floats) -> None:
        """Other bounds for ``columns``."""
        self.highs.changeColsBounds(len(columns), columns.astype(np.int32), lower, upper)
        self.lower[columns], self.upper[columns] = lower, upper
