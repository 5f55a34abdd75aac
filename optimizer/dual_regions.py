"""Better duals of a long linear program, a region of its rows at a time: a tighter bound without solving the whole.

Duals of windows that were solved one after another do not agree where a month or a job was cut in two. With the duals
of all rows outside of a region held, the best ones inside are those of the linear program ::

    max (cost - A_out' y_out) . x   within the bounds of all columns that a row of the region touches, and its rows

and the bound of the whole (:mod:`optimizer.dual_bound`) falls by what they are better, or stays. So rounds over regions
can only tighten it: block coordinate descent on the dual function. It may stop short of the optimum, as the function
has edges. Regions that share no column are independent and solved side by side; a region lies around the edge between
two windows, in the rows of one site, and then in those of what sites share.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.dual_bound import DualBound
from optimizer.highs import new_highs, pass_arrays, run_highs
from optimizer.interruptible import side_by_side
from optimizer.matrix import Matrix
from optimizer.relaxed_windows import RelaxedWindows
from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEAST_S = 1e-3
"""Shortest time limit given to HiGHS."""
ROUNDING = 1e-9
"""Reduced cost, relative to the largest, that is taken for none."""


class DualRegions:
    """Regions around the edges of ``windows``. All is done by ``deadline``, on the clock of ``time.perf_counter``."""

    def __init__(
        self, arrays: Arrays, proof: DualBound, windows: RelaxedWindows, options: SolverOptions, deadline: float
    ) -> None:
        self._arrays, self._proof, self._windows = arrays, proof, windows
        self._options, self._deadline = options, deadline
        matrix = arrays.matrix
        self._columns = np.repeat(np.arange(matrix.shape[1], dtype=np.int32), np.diff(matrix.indptr))
        self.interrupted = False

    def improved(self, duals: Floats, bound: float) -> tuple[Floats, float]:
        """Duals after one round over all regions, (rows,), and the bound that they prove: never a larger one."""
        places = np.unique(self._windows.row_place)
        for group in (places[places >= 0], places[places < 0]):
            for parity in (0, 1):
                regions = [(edge, place) for edge in self._windows.edges[1:-1][parity::2] for place in group.tolist()]
                if not regions or self.interrupted or time.perf_counter() > self._deadline:
                    continue
                found = self._solved(duals, regions)
                reached = self._proof.of(found)
                log.debug("relaxation: bound %.8g from duals of %d regions", reached, len(regions))
                if reached < bound:
                    duals, bound = found, reached
        return duals, bound

    def _solved(self, duals: Floats, regions: list[tuple[float, int]]) -> Floats:
        """The duals with those of all regions at their best, each with the others as they were."""
        threads = self._options.threads

        def solve(region: tuple[float, int]) -> tuple[Integers, Floats] | None:
            return self._best(duals, *region, 1 if min(threads, len(regions)) > 1 else threads)

        found = duals.copy()
        for better in side_by_side(solve, regions, threads):
            if better is not None:
                found[better[0]] = better[1]
        return found

    def _best(self, duals: Floats, edge: float, place: int, threads: int) -> tuple[Integers, Floats] | None:
        """Rows of a region and their best duals; None where they were not found."""
        windows = self._windows
        inside = (np.abs(windows.row_step - edge) <= windows.around) & (windows.row_place == place)
        left = self._deadline - time.perf_counter()
        if not inside.any() or left <= 0:
            return None
        limits = {"time_limit_s": max(LEAST_S, left), "threads": threads}
        highs = new_highs(self._options.model_copy(update=limits))
        pass_arrays(highs, self._priced(duals, inside))
        if run_highs(highs, None):
            self.interrupted = True
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return np.flatnonzero(inside), np.asarray(highs.getSolution().row_dual, dtype=float)

    def _priced(self, duals: Floats, inside: Flags) -> Arrays:
        """The rows ``inside``, (rows,), with all their columns, which pay the duals of their other rows."""
        arrays, matrix = self._arrays, self._arrays.matrix
        entries = inside[matrix.indices]
        counts = np.bincount(self._columns[entries], minlength=len(arrays.cost))
        columns = np.flatnonzero(counts)
        near = (counts > 0)[self._columns]
        prices = matrix.data[near] * np.where(inside, 0.0, duals)[matrix.indices[near]]
        cost = (arrays.cost - np.bincount(self._columns[near], prices, len(arrays.cost)))[columns]
        cost[np.abs(cost) <= ROUNDING * np.abs(cost).max(initial=0.0)] = 0.0
        number = np.cumsum(inside, dtype=np.int32) - 1
        shape = (int(inside.sum()), len(columns))
        indptr = np.concatenate([[0], np.cumsum(counts[columns])]).astype(np.int32)
        return replace(
            arrays,
            matrix=Matrix(shape, indptr, number[matrix.indices[entries]], matrix.data[entries]),
            row_lower=arrays.row_lower[inside],
            row_upper=arrays.row_upper[inside],
            cost=cost,
            offset=0.0,
            col_lower=self._proof.lower[columns],
            col_upper=self._proof.upper[columns],
            integer=np.zeros(len(columns), bool),
            least=None,
        )
