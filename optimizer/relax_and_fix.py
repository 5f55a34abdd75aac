"""Relax and fix over windows of time, then fix and optimise: the rounds of :mod:`optimizer.start_plan`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.by_component import MANY_COMPONENTS, ByComponent
from optimizer.condensed import Condensed
from optimizer.decision_windows import Window, batches_of, put_together, windows_between
from optimizer.highs import Progress, relative_gap, solve
from optimizer.idle_decisions import without_idle
from optimizer.interruptible import side_by_side
from optimizer.mip_road import rounded, solve_whole
from optimizer.relaxation import relaxation
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans, groups_backward, window_ends

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DECISIONS_PER_WINDOW = 1000
"""Most whole decisions of one window; up to twice as many in all are left to HiGHS alone."""
FITS_COLUMNS = 60_000
"""Columns up to which the whole is the region of every window, and windows hold twice as many decisions."""
ATTEMPT = 0.05
"""Share of the time limit for which such a problem is first tried in one piece, by rounding its relaxation once that is
solved."""
REGION_COLUMNS = 15_000
"""Columns in and around a window that are decided anew with it; the others are held."""
WHOLE_COLUMNS = 150_000
"""Columns of the condensed problem up to which HiGHS goes on with the whole."""
PARTS_PER_ROUND = 6
"""Parts of a round of improvements among which the time that is left is shared, at least."""
SHARE_OF_TIME = 0.6
"""Largest share of the time limit that is spent on the start where HiGHS can go on with the whole."""
COMPONENTS_SHARE = 0.9
"""The same where plans are made by component, whose bound is better than what branch and bound has come to."""
FIRST_GAP, LATER_GAP = 0.25, 0.05
"""Gaps to which the parts of both rounds are solved, as shares of the gap asked for: many small gains add up."""
WORTHWHILE = 0.025
"""Gain of a round below which the search is over, as a share of the gap asked for."""
GOOD_ENOUGH = 0.9
"""Share of the gap asked for at which the start is no longer improved."""
DOUBLINGS = 3
"""How often the region of a window without a plan is doubled."""
FITTING = 5e-7
"""Largest relative violation of a rule by windows put together; a plan is taken up to twice as much."""
LEAST_S = 1e-2
"""Shortest time limit given to HiGHS."""


@dataclass
class Search:
    """Relaxation and both rounds on the condensed problem, on one clock."""

    small: Condensed
    spans: Spans
    options: SolverOptions
    started: float
    progress: Callable[[Progress], None] | None

    def __post_init__(self) -> None:
        arrays = self.small.arrays
        self.whole, self.bound, self.interrupted = Whole(arrays), np.inf, False
        self.relaxed: Floats | None = None
        self.row_dual: Floats | None = None
        self.road = "windows"
        self.free = arrays.integer
        self.is_large, self.fits = len(arrays.cost) > WHOLE_COLUMNS, len(arrays.cost) <= FITS_COLUMNS
        self.per_window = DECISIONS_PER_WINDOW * (2 if self.fits else 1)
        self.ends = [
            (end, place)
            for place in np.unique(self.spans.place[self.free]).tolist()
            for end in self._window_ends(self.spans.place == place)
        ]
        self.ends.sort()

    def _window_ends(self, here: Flags) -> list[float]:
        """Ends of the windows over the decisions of one place."""
        steps = self.spans.step[self.free & here]
        most = len(steps) // self.per_window + 1 if self.fits else 3 * int(here.sum()) // REGION_COLUMNS + 2
        return window_ends(steps, self.per_window, most)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def left_s(self) -> float:
        """Seconds left for the start."""
        by_component = COMPONENTS_SHARE if self.road == "components" else SHARE_OF_TIME
        share = 1.0 if self.is_large else by_component
        return 0.0 if self.interrupted else max(0.0, share * self.options.time_limit_s - self.seconds)

    def run(self) -> Floats | None:
        """A plan in the condensed columns; None where none was found."""
        start, is_over = self._in_one_piece() if self.fits else self._relaxed()
        if is_over:
            return start
        parts = self._by_component()
        values = start if parts is None else parts.put_in(start)
        if parts is not None:
            self.interrupted |= parts.interrupted
            self.bound = min(self.bound, parts.bound)
        if parts is None or values is None:
            values = self._by_windows(start)
        if values is not None:
            self._tell(values, "relaxed and fixed" if parts is None else "put in")
            values = self.improved(values) if parts is None else parts.planned_anew(values, self._good_enough)
            self.interrupted |= parts is not None and parts.interrupted
            values = self.finished(values)
            log.info("plan of %.8g, bound %.8g, after %.1f s", self._now(values), self.bound, self.seconds)
        return values

    def _by_windows(self, start: Floats | None) -> Floats | None:
        """Relax and fix, from ``start``, which is a plan already where the whole fits."""
        values = self.relaxed_and_fixed(np.zeros(len(self.small.arrays.cost)) if start is None else start)
        if self.fits and start is not None and (values is None or self._now(values) < self._now(start)):
            return start
        return values

    def _in_one_piece(self) -> tuple[Floats | None, bool]:
        """What rounding the relaxation of the whole leads to in a short time; and whether that is all."""
        if ATTEMPT <= 0:
            return None, False
        found = rounded(self.small.arrays, self.options, ATTEMPT)
        self.interrupted, self.relaxed, self.row_dual = found.interrupted, found.relaxed, found.row_dual
        self.bound = min(self.bound, found.bound)  # NaN, of a problem without a plan, is not less
        log.info("in one piece: %s, bound %.8g, after %.1f s", found.status, self.bound, self.seconds)
        values = self.finished(found.values) if found.status == "optimal" and found.values is not None else found.values
        return values, found.status != "open" or self.interrupted

    def _by_component(self) -> ByComponent | None:
        """Parts by component, where there are many and the relaxation says what each could earn."""
        if not self.fits or self.relaxed is None or self.row_dual is None:
            return None
        relaxed, dual, left_s = self.relaxed, self.row_dual, lambda: self.left_s
        parts = ByComponent(self.whole, self.spans, relaxed, dual, self.bound, self.options, left_s)
        if len(parts.components) < MANY_COMPONENTS:
            return None
        self.road = "components"
        return parts

    def _relaxed(self) -> tuple[Floats | None, bool]:
        """The plan in fractions; and whether that is all."""
        relaxed = relaxation(self.whole, self.spans, self.options, self.left_s / 2)
        self.bound, self.interrupted = relaxed.bound, relaxed.interrupted
        return relaxed.values if not relaxed.interrupted else None, relaxed.interrupted or relaxed.values is None

    def relaxed_and_fixed(self, values: Floats) -> Floats | None:
        """A plan, from one in fractions; windows that lie far apart are decided side by side."""
        windows = windows_between(self.ends)
        batches = batches_of(windows, 1 if self.fits else self.options.threads)
        found = self._decided(values, batches)
        if found is None and self.left_s > 0 and len(batches) < len(windows):
            log.info("windows are decided again, one after another")
            found = self._decided(values, batches_of(windows, 1))
        return found

    def _decided(self, values: Floats, batches: list[list[Window]]) -> Floats | None:
        decided = np.zeros(len(values), bool)
        for number, batch in enumerate(batches):
            seconds = min(1.5 * self.left_s / (len(batches) - number + 2), self.left_s)
            inside = [chosen for window in batch if (chosen := self.free & window.holds(self.spans)).any()]
            if not inside:
                continue
            found = self._batch(values, inside, decided, seconds, FIRST_GAP if number else LATER_GAP)
            if found is None:
                log.info("no plan for a window up to step %g after %.1f s", batch[-1].end, self.seconds)
                return None
            values, decided = found, np.logical_or.reduce([decided, *inside])
            self._tell(values, f"window {number + 1} of {len(batches)}")
        return values

    def _batch(self, values: Floats, inside: list[Flags], decided: Flags, seconds: float, gap: float) -> Floats | None:
        """The decisions of several windows made, side by side and then in one plan."""
        threads = self.options.threads if len(inside) == 1 else 1

        def window(chosen: Flags) -> Floats | None:
            return self._window(values, chosen, decided, seconds, gap, threads)

        arrays = self.whole.arrays
        merged, *others = side_by_side(window, inside, len(inside))
        for number, other in enumerate(others, start=1):
            if merged is None:
                return None
            both = None if other is None else put_together(values, merged, other, arrays.col_lower, arrays.col_upper)
            if both is None or self.whole.violation(both) > FITTING:
                log.debug("a window is decided again: it does not fit beside another")
                settled = np.logical_or.reduce([decided, *inside[:number]])
                both = self._window(merged, inside[number], settled, seconds, gap, self.options.threads)
            merged = both
        return merged

    def _window(
        self, values: Floats, inside: Flags, decided: Flags, seconds: float, gap: float, threads: int
    ) -> Floats | None:
        """The decisions ``inside`` made, with as much around them as it takes."""
        for doubling in range(DOUBLINGS + 1):
            if self.left_s <= 0:
                return None
            region = self._region(inside, REGION_COLUMNS * 2**doubling)
            found, bound = self._solved(region & ~decided | inside, values, inside, seconds, gap, threads=threads)
            if found is not None:
                if region.all() and not decided.any():
                    self.bound = min(self.bound, bound)
                return found
            if region.all():
                break
        return None

    def improved(self, values: Floats) -> Floats:
        """The plan with some of its decisions made anew, a part at a time."""
        gained = np.inf
        while gained > 0 and not self._good_enough(values):
            before = self._now(values)
            for chosen in filter(np.any, self._parts_backward()):
                if self.left_s <= 0 or self._good_enough(values):
                    return values
                held = self.free & ~chosen
                free = self._region(chosen, REGION_COLUMNS) & ~held | chosen
                seconds = self.left_s / min(len(self.ends), PARTS_PER_ROUND)
                found, _ = self._solved(free, values, chosen, seconds, LATER_GAP, start=True)
                if found is not None and self._now(found) > self._now(values):
                    values = found
                self._tell(values, "improving")
            gained = self._now(values) - before - WORTHWHILE * self.options.mip_rel_gap * abs(before)
        return values

    def finished(self, values: Floats) -> Floats:
        """The plan with idle decisions taken back, all others than the whole ones at their best, and ties broken."""
        arrays = self.small.arrays
        values = without_idle(values, arrays)
        if self.is_large or self.interrupted:
            return values
        found, _ = self._solved(~arrays.integer, values, np.zeros_like(arrays.integer), max(1.0, self.left_s), 1.0)
        return values if found is None else found

    def _now(self, values: Floats) -> float:
        return self.whole.objective(values)

    def _good_enough(self, values: Floats) -> bool:
        now = self._now(values)
        return self.bound - now <= GOOD_ENOUGH * self.options.mip_rel_gap * abs(now)

    def _region(self, chosen: Flags, most_columns: int) -> Flags:
        return np.ones_like(chosen) if self.fits else self.spans.around(chosen, most_columns)

    def _parts_backward(self) -> Iterator[Flags]:
        """Decisions of two windows that follow each other, the last first, then of groups of components, by place."""
        for place in sorted({place for _, place in self.ends}):
            here = self.free & (self.spans.place == place)
            ends = [end for end, of in self.ends if of == place]
            begins = [-np.inf, *ends[:-1]]
            for first, end in zip(reversed(begins[:-1]), reversed(ends[1:]), strict=True):
                yield here & (self.spans.step >= first) & (self.spans.step < end)
            yield from groups_backward(self.spans, here, self.per_window)

    def _solved(
        self,
        free: Flags,
        values: Floats,
        decided: Flags,
        seconds: float,
        share_of_gap: float,
        *,
        start: bool = False,
        threads: int | None = None,
    ) -> tuple[Floats | None, float]:
        part = self.whole.part(free, values, decided)
        # the gap of a part is measured against the whole's objective: of a long horizon it may lose its own share only
        share_of_gap *= min(1.0, 2 * REGION_COLUMNS / len(values))
        limits = {
            "time_limit_s": max(LEAST_S, seconds),
            "mip_rel_gap": share_of_gap * self.options.mip_rel_gap,
            "threads": threads or self.options.threads,
        }
        arrays = part.arrays
        if self.is_large:  # ties are left as they are: they cost as much as the search
            arrays = replace(arrays, least=None)
        options = self.options.model_copy(update=limits)
        if start or self.fits or not arrays.integer.any():
            outcome = solve(arrays, options, start=values[part.columns] if start else None)
        else:  # rounding is several times as fast as branch and bound where nearly all is said by the linear program
            outcome, _ = solve_whole(arrays, options)
        self.interrupted = outcome.stopped_by == "interrupt" or self.interrupted
        if outcome.values is None:
            return None, np.inf
        found = part.put(outcome.values, values)
        found[decided] = np.round(found[decided])
        return found, outcome.bound

    def _tell(self, values: Floats, what: str) -> None:
        """Log and report how far the search is; values are a plan in fractions until all windows are decided."""
        log.debug("%s: %.8g, bound %.8g, %.1f s", what, self._now(values), self.bound, self.seconds)
        if self.progress is not None and not what.startswith("window"):
            now = self._now(values)
            self.progress(Progress(self.seconds, now, self.bound, relative_gap(now, self.bound), 0))
