"""Which algorithm HiGHS solves a linear program with, and what is done with a loose result.

The rule and the measurements behind it stand in docs/solver.md. In short: dual simplex at every size, as interior
points took 1.8 to 4.4 times as long (once over 7 times) at all that were measured, with no sign of catching up, and
PDLP much longer, to a far looser result. The others can be asked for. Whatever is asked for, a plan ends in a vertex:
ties between equally good plans are broken from its basis (:func:`optimizer.highs.solve`), and marginal values are those
of a basis.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import highspy
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optimizer.compiled import Arrays
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

Algorithm = Literal["simplex", "ipm", "pdlp"]
SOLVERS: dict[Algorithm, str] = {"simplex": "simplex", "ipm": "ipx", "pdlp": "pdlp"}
"""HiGHS's names. IPX, as HiPO needs a package of its own (highspy-extras); its PDLP, as HiPDLP was no faster."""
PLAN_TOLERANCE = 1e-7
"""Largest violation of a bound or a row, relative to its size (at least 1), with which values count as a plan."""
TOLERANCE, LOOSE = 1e-7, 1e-4
"""HiGHS's own tolerance, and the one to which PDLP is run before its result is polished: the last digits are dear."""


@dataclass(frozen=True)
class Settings:
    """How HiGHS is to solve a linear program."""

    algorithm: Algorithm
    why: str
    """Reason of the choice, for the log."""

    @property
    def is_loose(self) -> bool:
        """Whether the result is only a start, to be made a vertex by :func:`polish`."""
        return self.algorithm == "pdlp"

    def apply(self, highs: Any) -> None:
        """Set HiGHS's options."""
        highs.setOptionValue("solver", SOLVERS[self.algorithm])
        if self.algorithm == "ipm":
            highs.setOptionValue("run_crossover", "on")
        if self.is_loose:
            highs.setOptionValue("pdlp_optimality_tolerance", LOOSE)
            highs.setOptionValue("kkt_tolerance", LOOSE)
            highs.setOptionValue("output_flag", False)  # PDLP prints past the log


def choose(arrays: Arrays, options: SolverOptions) -> Settings:
    """The algorithm that ``options.lp_algorithm`` names; ``auto`` is the one that was measured to be the fastest."""
    if options.lp_algorithm != "auto":
        return Settings(options.lp_algorithm, "as asked for")
    rows, columns = arrays.matrix.shape
    return Settings("simplex", f"the fastest that was measured, for {rows} rows and {columns} columns")


@dataclass(frozen=True)
class Loose:
    """A result of a loose algorithm: values and row duals, near the optimum but neither feasible nor optimal."""

    values: Floats
    row_dual: Floats


def polish(highs: Any, arrays: Arrays, run: Callable[[], bool]) -> tuple[Loose | None, bool]:
    """Go on from a loose result to a vertex, by simplex from the basis that lies nearest.

    Returns the loose result (None where there was none) and whether ``run``, which runs HiGHS, was interrupted. HiGHS's
    own clock goes on, so the time limit is one of all together. HiGHS's own crossover from a given solution is not
    used: in 1.16.0 it ends the process on small programs (docs/solver.md).
    """
    solution = highs.getSolution()
    found = None
    if solution.value_valid and solution.dual_valid:
        found = Loose(np.asarray(solution.col_value, dtype=float), np.asarray(solution.row_dual, dtype=float))
    highs.setOptionValue("kkt_tolerance", TOLERANCE)
    highs.setOptionValue("output_flag", True)
    highs.setOptionValue("solver", SOLVERS["simplex"])
    if found is not None:
        highs.setBasis(_nearest_basis(arrays, found.values))
    return found, run()


def _nearest_basis(arrays: Arrays, values: Floats) -> Any:
    """Columns and rows that stand at a side are out of the basis, all others in it; HiGHS makes up the right number."""
    basis = highspy.HighsBasis()
    basis.col_status = _statuses(values, arrays.col_lower, arrays.col_upper)
    basis.row_status = _statuses(_activities(arrays, values), arrays.row_lower, arrays.row_upper)
    basis.valid = basis.alien = True
    return basis


def _statuses(found: Floats, lower: Floats, upper: Floats) -> list[Any]:
    kinds = highspy.HighsBasisStatus
    reach = LOOSE * np.maximum(1.0, np.abs(found))
    below, above = found - lower <= reach, upper - found <= reach
    nearer_lower = below & ((found - lower <= upper - found) | ~above)
    names = [kinds.kBasic, kinds.kLower, kinds.kUpper]
    return [names[number] for number in np.where(nearer_lower, 1, np.where(above, 2, 0)).tolist()]


def _activities(arrays: Arrays, values: Floats) -> Floats:
    """Left sides of the rows, (rows,)."""
    matrix = arrays.matrix
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    return np.asarray(
        np.bincount(matrix.indices, matrix.data * values[columns], minlength=matrix.shape[0]), dtype=float
    )


def violation(arrays: Arrays, values: Floats) -> float:
    """Largest violation of a bound or a row, relative to the bound's size (at least 1)."""
    rows = _activities(arrays, values)
    return max(
        _beyond(rows, arrays.row_lower, arrays.row_upper), _beyond(values, arrays.col_lower, arrays.col_upper), 0.0
    )


def _beyond(found: Floats, lower: Floats, upper: Floats) -> float:
    below, above = lower - found, found - upper
    size = [np.maximum(1.0, np.abs(np.where(np.isfinite(bound), bound, 0.0))) for bound in (lower, upper)]
    return float(np.maximum(below / size[0], above / size[1]).max(initial=0.0))
