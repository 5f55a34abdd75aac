"""A plan to start from: relax and fix over time, then improve window by window.

The bound of a scenario with many jobs is tight from the start; what HiGHS lacks is a good plan. One is made in two
rounds over windows of time:

- relax and fix: the whole decisions of the first window are decided with all later ones relaxed to fractions, then
  fixed, then those of the next window, and so on; the last window leaves a plan for the whole horizon;
- fix and optimise: from the end of the horizon to its start, and again, the decisions of one window (they overlap by
  half) are decided anew with all others as planned, until the plan is good enough, a round brings nothing, or the time
  for it is over.

Each of these problems is small, since most of its whole decisions are fixed or relaxed. The window of a decision is
that of the step in which it falls (``decided_at`` of a variable, or its last label). The first window relaxes the whole
problem and fixes nothing, so HiGHS's bound of it is one of the whole problem. If it proves the plan to the gap asked
for, the search is over; if not, HiGHS goes on with the whole problem from the plan. Where a window has no plan, because
what is fixed already leaves none, HiGHS starts without.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays, Compiled
from optimizer.highs import PROOF_TOLERANCE, Outcome, Progress, new_highs, pass_arrays, relative_gap, run_highs, solve
from optimizer.template import consecutive

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

DECISIONS_PER_WINDOW = 2000
"""Whole decisions of one window; fewer in all are left to HiGHS alone."""
MOST_WINDOWS = 12
SHARE_OF_TIME = 0.6
"""Largest share of the time limit that is spent on the start."""
SHARE_OF_GAP = 0.25
"""Gap to which each window is solved, as a share of the gap asked for."""
AT_ONCE_S = 1e-3
"""Time limit of a run of HiGHS that only takes over the plan."""
GOOD_ENOUGH = 0.9
"""Share of the gap asked for at which the start is no longer improved."""


@dataclass(frozen=True)
class Start:
    """A plan to start from."""

    values: Floats | None
    """Values of all columns; None where no plan was found."""
    bound: float
    """Upper bound of the whole problem, from the first window."""
    seconds: float
    interrupted: bool


def solve_from_start(
    arrays: Arrays,
    steps: NDArray[np.int64],
    options: SolverOptions,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """As :func:`optimizer.highs.solve`, from a plan to start from; ``steps`` are those of :func:`decision_steps`."""
    start = start_plan(arrays, steps, options)
    if start is None:
        return solve(arrays, options, progress=progress)
    known = -np.inf if start.values is None else float(arrays.cost @ start.values) + arrays.offset
    proven = start.values is not None and start.bound - known <= options.mip_rel_gap * abs(known)
    is_over = start.interrupted or proven
    left = AT_ONCE_S if is_over else max(AT_ONCE_S, options.time_limit_s - start.seconds)
    outcome = solve(arrays, options.model_copy(update={"time_limit_s": left}), progress=progress, start=start.values)
    outcome.seconds += start.seconds
    if start.interrupted:
        outcome.stopped_by = "interrupt"
    if outcome.values is not None and start.bound < outcome.bound:
        outcome.bound = max(start.bound, outcome.objective)
        outcome.gap = relative_gap(outcome.objective, outcome.bound)
        if outcome.gap <= options.mip_rel_gap + PROOF_TOLERANCE:
            outcome.status, outcome.stopped_by = "optimal", "optimal"
    return outcome


def decision_steps(compiled: Compiled) -> NDArray[np.int64]:
    """Step in which each column's decision falls: what its variable says, or its last label."""
    steps = np.zeros(len(compiled.arrays.cost), np.int64)
    for variable in compiled.evaluator.variables:
        columns = compiled.columns(variable)
        if columns.size == 0:
            continue
        first, size = consecutive(list(variable.index_set().subsets())[-1])
        if variable.decided_at is not None:
            steps[columns] = variable.decided_at
        elif size == columns.shape[-1]:
            steps[columns] = first + np.arange(size)
    return steps


def start_plan(arrays: Arrays, steps: NDArray[np.int64], options: SolverOptions) -> Start | None:
    """A plan to start from; None where there are too few whole decisions to need one."""
    free = arrays.integer & (arrays.col_lower < arrays.col_upper)
    count = min(MOST_WINDOWS, math.ceil(int(free.sum()) / DECISIONS_PER_WINDOW))
    if count < 2:
        return None
    search = _Search(arrays, steps, options, float(steps[free].min()), float(steps[free].max() + 1), count)
    values, bound = search.relaxed_and_fixed()
    if values is not None:
        values = search.improved(values, bound)
        now = search.objective(values)
        log.info("start plan of %.6g, bound %.6g, after %.1f s", now, bound, search.seconds)
    return Start(values, bound, search.seconds, search.interrupted)


class _Search:
    """The two rounds over windows, on one clock."""

    def __init__(
        self, arrays: Arrays, steps: NDArray[np.int64], options: SolverOptions, first: float, end: float, count: int
    ) -> None:
        self.arrays, self.steps, self.options = arrays, steps, options
        self.count, self.end, self.width = count, end, (end - first) / count
        self.started, self.interrupted = time.perf_counter(), False

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def left_s(self) -> float:
        """Seconds left for the start."""
        return 0.0 if self.interrupted else max(0.0, SHARE_OF_TIME * self.options.time_limit_s - self.seconds)

    def objective(self, values: Floats) -> float:
        return float(self.arrays.cost @ values) + self.arrays.offset

    def relaxed_and_fixed(self) -> tuple[Floats | None, float]:
        """A plan, and the bound of the first window, in which nothing is fixed yet."""
        lower, upper = self.arrays.col_lower.copy(), self.arrays.col_upper.copy()
        values: Floats | None = None
        best = np.inf
        for left in reversed(range(self.count)):
            inside = self.arrays.integer & ((self.steps < self.end - left * self.width) | (left == 0))
            window = replace(self.arrays, col_lower=lower, col_upper=upper, integer=inside)
            is_first = left == self.count - 1
            # the first window has the whole problem's linear program to solve; the second round wants its time as well
            values, bound = self._solved(window, self.left_s / (2 if is_first else left + 3))
            best = bound if is_first else best
            log.debug("start plan: window up to step %g, %.1f s", self.end - left * self.width, self.seconds)
            if values is None or (self.interrupted and left > 0):
                return None, best
            lower[inside] = upper[inside] = np.round(values[inside])
        return values, best

    def improved(self, values: Floats, bound: float) -> Floats:
        """The plan with windows decided anew, one at a time."""
        gained = np.inf
        while gained > 0:
            before = self.objective(values)
            for first in self._windows_backward():
                now = self.objective(values)
                if self.left_s == 0 or bound - now <= GOOD_ENOUGH * self.options.mip_rel_gap * abs(now):
                    return values
                fixed = self.arrays.integer & ~((self.steps >= first) & (self.steps < first + self.width))
                lower, upper = self.arrays.col_lower.copy(), self.arrays.col_upper.copy()
                lower[fixed] = upper[fixed] = np.round(values[fixed])
                window = replace(self.arrays, col_lower=lower, col_upper=upper)
                found, _ = self._solved(window, self.left_s / self.count, values)
                log.debug("start plan: window from step %g anew, %.1f s", first, self.seconds)
                if found is not None and self.objective(found) > now:
                    values = found
            gained = self.objective(values) - before - SHARE_OF_GAP * self.options.mip_rel_gap * abs(before) / 10
        return values

    def _windows_backward(self) -> Iterator[float]:
        for half in range(2 * self.count - 1):
            yield self.end - self.width * (1 + half / 2)

    def _solved(self, arrays: Arrays, seconds: float, start: Floats | None = None) -> tuple[Floats | None, float]:
        limits = {"time_limit_s": seconds, "mip_rel_gap": SHARE_OF_GAP * self.options.mip_rel_gap}
        highs = new_highs(self.options.model_copy(update=limits))
        pass_arrays(highs, arrays)
        if start is not None:
            highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
        self.interrupted = run_highs(highs, None) or self.interrupted
        info = highs.getInfo()
        if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
            return None, np.inf
        return np.asarray(highs.getSolution().col_value, dtype=float), float(info.mip_dual_bound)
