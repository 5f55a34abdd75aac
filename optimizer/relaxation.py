"""The linear relaxation of a long problem, put together from windows of time: a plan in fractions and a proven bound.

HiGHS's simplex takes long over a year of hours when it starts from nothing, and only moments when it starts near the
optimum. So windows of time are solved first, one after another. Each sees some steps before its own, which it solves
anew, and some beyond; windows meet where the fewest long things (a month's peak, a job) are cut in two. Their duals,
put together, prove a bound of the whole (:mod:`optimizer.dual_bound`) whatever the windows have missed. Where bound and
value lie too far apart (a budget of the year, which no window but the last has seen), their bases are put together to
one of the whole, from which HiGHS goes on to the optimum.
"""

from __future__ import annotations

import itertools
import logging
import time
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.condensed import connected
from optimizer.dual_bound import DualBound
from optimizer.highs import new_highs, pass_arrays, run_highs
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Part, Whole
from optimizer.time_windows import NEVER, Spans

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Statuses = NDArray[np.int64]
Flags = NDArray[np.bool_]

WINDOW_COLUMNS = 30_000
"""Columns of a window for each site, without those that it sees around it (half as many each side); up to twice as many
in all are solved at once."""
SHARE_OF_GAP = 0.1
"""Share of the gap asked for by which bound and value of windows put together may differ."""
BASIC = int(highspy.HighsBasisStatus.kBasic)


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
    proof, basis = DualBound(arrays), None
    if len(arrays.cost) > 2 * WINDOW_COLUMNS * spans.places:
        stitched = _stitched(Whole(arrays), spans, proof, options, most_seconds / 2)
        if stitched is not None:
            bound, value = proof.of(stitched.duals), whole.objective(stitched.values)
            seconds = time.perf_counter() - started
            log.info("relaxation: %.8g from windows, bound %.8g, after %.1f s", value, bound, seconds)
            if bound - value <= SHARE_OF_GAP * options.mip_rel_gap * abs(value):
                return Relaxation(stitched.values, bound, False, seconds)
            basis = stitched.basis()
    left = max(1e-3, most_seconds - (time.perf_counter() - started))
    highs = new_highs(options.model_copy(update={"time_limit_s": left}))
    pass_arrays(highs, arrays)
    if basis is not None:
        highs.setBasis(basis)
    interrupted = run_highs(highs, None)
    values, bound = None, np.inf
    if highs.getModelStatus() in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
        solution = highs.getSolution()
        values = np.asarray(solution.col_value, dtype=float)
        bound = proof.of(solution.row_dual)
        if not np.isfinite(bound):  # columns without bounds: HiGHS's own word, as for any linear program
            bound = highs.getInfo().objective_function_value
    seconds = time.perf_counter() - started
    log.info("relaxation: bound %.8g after %.1f s", bound, seconds)
    return Relaxation(values, bound, interrupted, seconds)


@dataclass
class _Stitched:
    """What windows of time have left, one after another."""

    values: Floats
    duals: Floats
    column_status: Statuses
    row_status: Statuses

    def take(self, part: Part, highs: Any, own_columns: Flags, own_rows: Flags) -> None:
        """All values, as the next window starts from them; of duals and basis only the window's own."""
        solution, basis = highs.getSolution(), highs.getBasis()
        self.values = part.put(np.asarray(solution.col_value, dtype=float), self.values)
        rows, columns = own_rows[part.rows], own_columns[part.columns]
        self.duals[part.rows[rows]] = np.asarray(solution.row_dual)[rows]
        self.column_status[part.columns[columns]] = np.array([int(s) for s in basis.col_status])[columns]
        self.row_status[part.rows[rows]] = np.array([int(s) for s in basis.row_status])[rows]

    def basis(self) -> Any:
        """A basis of the whole, which HiGHS repairs where windows do not fit together."""
        kinds = [highspy.HighsBasisStatus(number) for number in range(5)]
        basis = highspy.HighsBasis()
        basis.col_status = [kinds[number] for number in self.column_status]
        basis.row_status = [kinds[number] for number in self.row_status]
        basis.valid = True
        return basis


def _stitched(
    whole: Whole, spans: Spans, proof: DualBound, options: SolverOptions, most_seconds: float
) -> _Stitched | None:
    """Windows of ``whole``, a linear program; None where one of them has no solution or the time is over."""
    started = time.perf_counter()
    arrays = whole.arrays
    found = _Stitched(
        np.clip(0.0, arrays.col_lower, arrays.col_upper),
        np.zeros(len(arrays.row_lower)),
        _outside(arrays.col_lower, arrays.col_upper),
        np.full(len(arrays.row_lower), BASIC),
    )
    last_row_step = _last_steps(whole, spans)
    row_step = _steps_of_chains(whole, last_row_step, np.isinf(proof.lower) | np.isinf(proof.upper))
    edges, around = _edges(spans, whole.arrays.cost != 0)
    for begin, end in itertools.pairwise(edges):
        since, beyond = begin - around, end + around
        free = spans.within(since, beyond)
        part = whole.part(free, found.values, np.zeros_like(free), rows=last_row_step < beyond)
        highs = new_highs(options.model_copy(update={"time_limit_s": most_seconds}))
        pass_arrays(highs, part.arrays)
        if run_highs(highs, None) or time.perf_counter() - started > most_seconds:
            return None
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            log.debug("relaxation: the window from step %g has no solution", begin)
            return None
        found.take(part, highs, spans.last >= begin, row_step >= begin)
    return found


def _outside(lower: Floats, upper: Floats) -> Statuses:
    """Where columns stand that are not in the basis."""
    kinds = highspy.HighsBasisStatus
    status = np.where(np.isfinite(upper), int(kinds.kUpper), int(kinds.kZero))
    return np.where(np.isfinite(lower), int(kinds.kLower), status)


def _last_steps(whole: Whole, spans: Spans) -> NDArray[np.int64]:
    """Last step of the columns of each row that fall in a single one, (rows,)."""
    matrix = whole.arrays.matrix
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    single = (spans.first == spans.last)[columns]
    last = np.full(matrix.shape[0], -NEVER)
    np.maximum.at(last, matrix.indices[single], spans.last[columns[single]])
    return last


def _steps_of_chains(whole: Whole, row_step: NDArray[np.int64], endless: Flags) -> NDArray[np.int64]:
    """Step by which the window is chosen that gives a row its dual, (rows,).

    Where no bound of a column is known (the work done on a job so far), duals that do not agree prove nothing. So rows
    that such ``endless`` columns hold together take theirs from one window: that of the middle of their steps.
    """
    matrix = whole.arrays.matrix
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    chained = matrix.indices[endless[columns]].astype(np.int64)
    of = columns[endless[columns]]
    same = of[1:] == of[:-1]
    label = connected(chained[:-1][same], chained[1:][same], matrix.shape[0])
    known = row_step > -NEVER
    first, last = np.where(known, row_step, NEVER), row_step.copy()
    np.minimum.at(first, label[known], row_step[known])
    np.maximum.at(last, label[known], row_step[known])
    return np.where(known, first + (last - first) // 2, last)[label]


def _edges(spans: Spans, earns: Flags) -> tuple[list[float], float]:
    """Steps at which windows begin, with the end of the last, and how many steps a window sees on either side.

    What is cut in two counts where money hangs on it (``earns``, (columns,)), and hardly else.
    """
    lowest, length = int(spans.step.min()), int(spans.step.max() - spans.step.min()) + 1
    weight = np.where(earns, 1.0, 1e-3)
    opened = np.bincount(np.clip(spans.first + 1 - lowest, 0, length), weight, length + 1)
    closed = np.bincount(np.clip(spans.last + 1 - lowest, 0, length), weight, length + 1)
    cut = np.cumsum(opened - closed)  # what an edge before each step would cut in two
    count = max(2, round(len(spans.step) / (WINDOW_COLUMNS * spans.places)))
    width = length / count
    inner = []
    for number in range(1, count):
        near = np.arange(max(1, round((number - 0.4) * width)), min(length, round((number + 0.4) * width) + 1))
        if len(near):
            inner.append(float(lowest + near[np.argmin(cut[near])]))
    return [-np.inf, *inner, np.inf], width / 2
