"""The linear relaxation of a long problem, put together from windows of time: a plan in fractions and a proven bound.

HiGHS's simplex takes long over a year of hours when it starts from nothing, and only moments when it starts near the
optimum. So windows of time are solved first (:mod:`optimizer.relaxed_windows`). Their duals, put together, prove a
bound of the whole (:mod:`optimizer.dual_bound`) whatever the windows have missed. Where bound and value lie too far
apart, the duals around the edges of windows are made better first if the whole is very long
(:mod:`optimizer.dual_regions`); and where that is not enough (a budget of the year, which no window but the last has
seen), the bases of the windows are put together to one of the whole, from which HiGHS goes on to the optimum.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer import relaxed_windows
from optimizer.compiled import Arrays
from optimizer.dual_bound import DualBound
from optimizer.dual_regions import DualRegions
from optimizer.highs import new_highs, pass_arrays, run_highs
from optimizer.kept_lp import DEVEX
from optimizer.relaxed_windows import RelaxedWindows, Stitched
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

SHARE_OF_GAP = 0.25
"""Share of the gap asked for by which bound and value of windows put together may differ: the rest is left to the whole
decisions, which take a few hundredths of it."""
REGIONS_COLUMNS = 500_000
"""Columns from which on better duals are looked for in regions; with fewer, the simplex method on the whole takes
seconds."""
WITHIN_REACH = 2.5
"""Distance of bound and value up to which that is tried, as a multiple of the allowed one: a round over the regions has
been measured to take half of it away, and a second one next to nothing."""


@dataclass(frozen=True)
class Relaxation:
    """What the linear relaxation says."""

    values: Floats | None
    """Values of all columns; None where it has no solution, or the time was over."""
    bound: float
    """Proven upper bound of the whole problem; inf where nothing is proven."""
    interrupted: bool
    seconds: float


def relaxation(whole: Whole, spans: Spans, options: SolverOptions, most_seconds: float) -> Relaxation:
    """Solve the linear relaxation of ``whole``: to the optimum, or so near to it that ``options.mip_rel_gap`` hardly
    feels the rest."""
    started = time.perf_counter()
    arrays = replace(whole.arrays, integer=np.zeros_like(whole.arrays.integer))
    proof, stitched, bound = DualBound(arrays), None, np.inf
    if len(arrays.cost) > 2 * relaxed_windows.WINDOW_COLUMNS * spans.places:
        endless = np.isinf(proof.lower) | np.isinf(proof.upper)
        windows = RelaxedWindows(Whole(arrays), spans, endless, options, most_seconds / 2)
        stitched = windows.run()
        if stitched is not None:
            bound, interrupted = _bound_of(arrays, windows, stitched, proof, options, started + most_seconds / 2)
            if interrupted or _is_close(bound, whole.objective(stitched.values), options):
                return Relaxation(stitched.values, bound, interrupted, time.perf_counter() - started)
    left = max(1e-3, most_seconds - (time.perf_counter() - started))
    highs = new_highs(options.model_copy(update={"time_limit_s": left}))
    pass_arrays(highs, arrays)
    if stitched is not None:
        highs.setOptionValue("simplex_dual_edge_weight_strategy", DEVEX)  # half of the time from such a basis
        highs.setBasis(stitched.basis())
    interrupted = run_highs(highs, None)
    values = None if stitched is None else stitched.values
    if highs.getModelStatus() in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
        solution = highs.getSolution()
        values = np.asarray(solution.col_value, dtype=float)
        bound = min(bound, proof.of(solution.row_dual))
        if not np.isfinite(bound):  # columns without bounds: HiGHS's own word, as for any linear program
            bound = highs.getInfo().objective_function_value
    seconds = time.perf_counter() - started
    log.info("relaxation: bound %.8g after %.1f s", bound, seconds)
    return Relaxation(values, bound, interrupted, seconds)


def _is_close(bound: float, value: float, options: SolverOptions, times: float = 1.0) -> bool:
    return bound - value <= times * SHARE_OF_GAP * options.mip_rel_gap * abs(value)


def _bound_of(
    arrays: Arrays, windows: RelaxedWindows, stitched: Stitched, proof: DualBound, options: SolverOptions, until: float
) -> tuple[float, bool]:
    """What the windows' duals prove, made better where that is needed and enough; and whether it was interrupted."""
    bound, value = proof.of(stitched.duals), float(arrays.cost @ stitched.values) + arrays.offset
    log.info("relaxation: %.8g from windows, bound %.8g", value, bound)
    if (
        len(arrays.cost) <= REGIONS_COLUMNS
        or _is_close(bound, value, options)
        or not _is_close(bound, value, options, WITHIN_REACH)
    ):
        return bound, False
    regions = DualRegions(arrays, proof, windows, options, until)
    _, bound = regions.improved(stitched.duals, bound)
    log.info("relaxation: bound %.8g from regions", bound)
    return bound, regions.interrupted
