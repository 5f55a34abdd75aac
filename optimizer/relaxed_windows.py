"""Windows of time (and of sites) over a long linear program: values that keep to all rows, duals, and a basis.

A window sees some steps before its own, which it solves anew, and some beyond; windows meet where the fewest long
things (a month's peak, a job) are cut in two. Of several sites each has windows of its own, in which what it shares
with the others (a joint peak, a job that may run at any of them) is free and what stands at the others is held.

With more than one thread the horizon is cut into as many stretches, whose windows are solved side by side, each stretch
from its first window to its last as if nothing had been before. What lies around the seam between two stretches is then
solved once more with both of them held, so that states go on from one to the other. Where they do not fit together, the
stretch behind the seam is solved again from where the one before has ended.
"""

from __future__ import annotations

import itertools
import logging
import time
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.condensed import connected
from optimizer.highs import new_highs, pass_arrays, run_highs
from optimizer.interruptible import side_by_side
from optimizer.scenario import SolverOptions
from optimizer.subproblem import Part, Whole
from optimizer.time_windows import NEVER, Spans

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

WINDOW_COLUMNS = 30_000
"""Columns of a window of one site, without those that it sees around it (half as many each side)."""
LEAST_WINDOWS = 2
"""Fewest windows of a stretch that is solved beside others."""
WIDENINGS = 2
"""How often what is solved anew before a window, or around a seam, is doubled where there is no solution."""
LEAST_S = 1e-3
"""Shortest time limit given to HiGHS."""
BASIC = int(highspy.HighsBasisStatus.kBasic)


@dataclass
class Stitched:
    """What windows have left: values and statuses of the columns, (columns,), duals and statuses of the rows, (rows,).

    The duals are what one unit more of a row's sides earns.
    """

    values: Floats
    duals: Floats
    column_status: Integers
    row_status: Integers

    @classmethod
    def nothing(cls, whole: Whole) -> Stitched:
        """Every column as near to 0 as its bounds allow."""
        arrays = whole.arrays
        rows = len(arrays.row_lower)
        outside = _outside(arrays.col_lower, arrays.col_upper)
        values = np.clip(0.0, arrays.col_lower, arrays.col_upper)
        return cls(values, np.zeros(rows), outside, np.full(rows, BASIC))

    def take(self, part: Part, highs: Any, own_columns: Flags, own_rows: Flags) -> None:
        """All values, as the next window starts from them; of duals and basis only the window's own."""
        solution, basis = highs.getSolution(), highs.getBasis()
        self.values = part.put(np.asarray(solution.col_value, dtype=float), self.values)
        rows, columns = own_rows[part.rows], own_columns[part.columns]
        self.duals[part.rows[rows]] = np.asarray(solution.row_dual)[rows]
        self.column_status[part.columns[columns]] = np.array([int(s) for s in basis.col_status])[columns]
        self.row_status[part.rows[rows]] = np.array([int(s) for s in basis.row_status])[rows]

    def followed_by(self, later: Stitched, later_columns: Flags, later_rows: Flags) -> Stitched:
        """With columns and rows of another from a step on."""
        return Stitched(
            np.where(later_columns, later.values, self.values),
            np.where(later_rows, later.duals, self.duals),
            np.where(later_columns, later.column_status, self.column_status),
            np.where(later_rows, later.row_status, self.row_status),
        )

    def basis(self) -> Any:
        """A basis of the whole, which HiGHS repairs where windows do not fit together."""
        kinds = [highspy.HighsBasisStatus(number) for number in range(5)]
        basis = highspy.HighsBasis()
        basis.col_status = [kinds[number] for number in self.column_status]
        basis.row_status = [kinds[number] for number in self.row_status]
        basis.valid = True
        return basis


class RelaxedWindows:
    """The windows over ``whole``, a linear program; ``endless``, (columns,): columns whose bounds nothing tells."""

    def __init__(self, whole: Whole, spans: Spans, endless: Flags, options: SolverOptions, most_seconds: float) -> None:
        self._whole, self._spans, self._options = whole, spans, options
        self._deadline = time.perf_counter() + most_seconds
        self._last_row_step = _last_steps(whole, spans)
        self.row_place = _row_places(whole, spans)
        """Site of each row, (rows,); -1 for what several share."""
        self.row_step = _steps_of_chains(whole, self._last_row_step, endless)
        """Step of the window that gives each row its dual, (rows,)."""
        self.edges, self.around = edges(spans, whole.arrays.cost != 0)

    def run(self) -> Stitched | None:
        """None where one of the windows has no solution or the time is over."""
        windows = list(itertools.pairwise(self.edges))
        count = max(1, min(self._options.threads, len(windows) // LEAST_WINDOWS))
        cuts = [len(windows) * number // count for number in range(count + 1)]
        stretches = [windows[first:end] for first, end in itertools.pairwise(cuts)]
        if count > 1:
            self._options = self._options.model_copy(update={"threads": 1})
        first, *others = side_by_side(lambda stretch: self._swept(stretch, None), stretches, count)
        for stretch, found in zip(stretches[1:], others, strict=True):
            joined = None if first is None or found is None else self._joined(first, found, stretch[0][0])
            if joined is None and first is not None:
                log.debug("relaxation: the stretch from step %g is solved again from the one before", stretch[0][0])
                joined = self._swept(stretch, first)
            first = joined
        return first

    def _swept(self, windows: list[tuple[float, float]], found: Stitched | None) -> Stitched | None:
        """One window after another, from what others have ``found`` before them."""
        is_cold = found is None
        found = Stitched.nothing(self._whole) if found is None else found
        until = windows[-1][1]
        for begin, end in windows:
            beyond = end + self.around
            own_columns = (self._spans.last >= begin) & (self._spans.last < until)
            own_rows = (self.row_step >= begin) & (self.row_step < until)
            for widening in range(WIDENINGS + 1):
                free = self._spans.within(begin - self.around * 2**widening, beyond)
                rows = self._last_row_step < beyond
                if self._solved_by_site(found, free, rows, own_columns, own_rows, is_cold=is_cold):
                    break
            else:
                log.debug("relaxation: the window from step %g has no solution", begin)
                return None
            is_cold = False
        return found

    def _joined(self, before: Stitched, behind: Stitched, edge: float) -> Stitched | None:
        """Two stretches that meet at a step, with what lies around it solved once more; None where they do not fit."""
        found = before.followed_by(behind, self._spans.last >= edge, self.row_step >= edge)
        nothing, every_row = np.zeros_like(self._spans.last, bool), np.ones_like(self.row_step, bool)
        for widening in range(WIDENINGS + 1):
            reach = self.around * 2**widening
            free = self._spans.within(edge - reach, edge + reach)
            if self._solved_by_site(found, free, every_row, nothing, ~every_row):
                return found
        return None

    def _solved_by_site(
        self,
        found: Stitched,
        free: Flags,
        rows: Flags,
        own_columns: Flags,
        own_rows: Flags,
        *,
        is_cold: bool = False,
    ) -> bool:
        """Solve what is free site by site, with what sites share; all at once where that fails, or of a single one.

        ``is_cold``: nothing has been solved before, so sites whose turn comes later may have no plan yet to be held.
        """
        values = found.values
        place = self._spans.place
        sites = np.unique(place[free & (place >= 0)]).tolist()
        if len(sites) > 1 and all(
            self._solved(
                found,
                free & ((place == site) | (place < 0)),
                rows & ~np.isin(self.row_place, sites[number + 1 :]) if is_cold else rows,
                own_columns,
                own_rows,
            )
            for number, site in enumerate(sites)
        ):
            return True
        found.values = values
        return self._solved(found, free, rows, own_columns, own_rows)

    def _solved(self, found: Stitched, free: Flags, rows: Flags, own_columns: Flags, own_rows: Flags) -> bool:
        left = self._deadline - time.perf_counter()
        if left <= 0:
            return False
        part = self._whole.part(free, found.values, np.zeros_like(free), rows=rows)
        highs = new_highs(self._options.model_copy(update={"time_limit_s": max(LEAST_S, left)}))
        pass_arrays(highs, part.arrays)
        if run_highs(highs, None) or highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return False
        found.take(part, highs, own_columns, own_rows)
        return True


def _outside(lower: Floats, upper: Floats) -> Integers:
    """Where columns stand that are not in the basis."""
    kinds = highspy.HighsBasisStatus
    status = np.where(np.isfinite(upper), int(kinds.kUpper), int(kinds.kZero))
    return np.where(np.isfinite(lower), int(kinds.kLower), status)


def _last_steps(whole: Whole, spans: Spans) -> Integers:
    """Last step of the columns of each row that fall in a single one, (rows,)."""
    matrix = whole.arrays.matrix
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    single = (spans.first == spans.last)[columns]
    last = np.full(matrix.shape[0], -NEVER)
    np.maximum.at(last, matrix.indices[single], spans.last[columns[single]])
    return last


def _row_places(whole: Whole, spans: Spans) -> Integers:
    """Site of each row, (rows,): that of its columns; -1 where they are of several, or none is of a site."""
    matrix = whole.arrays.matrix
    place = spans.place[np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))]
    lowest, highest = np.full(matrix.shape[0], NEVER), np.full(matrix.shape[0], -1)
    here = place >= 0
    np.minimum.at(lowest, matrix.indices[here], place[here])
    np.maximum.at(highest, matrix.indices[here], place[here])
    return np.where(lowest == highest, highest, -1)


def _steps_of_chains(whole: Whole, row_step: Integers, endless: Flags) -> Integers:
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


def edges(spans: Spans, earns: Flags) -> tuple[list[float], float]:
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
