"""Long horizons and many jobs: relax and fix over windows of time, then improve part by part, under a proven bound.

The linear relaxation of such a scenario is tight; what HiGHS lacks is a good plan. One is made from it:

- the problem is condensed first (:mod:`optimizer.condensed`) and relaxed (:mod:`optimizer.relaxation`): a plan in
  fractions, and a bound of the whole;
- relax and fix: window by window the whole decisions of a stretch of time are made. What lies around it (the region)
  is decided anew in fractions; what lies beyond is held as planned so far, so that a month's peak, a budget or a job's
  work outside of the window counts as it is planned there, and no window spends what the relaxation has given to
  another. What the last window leaves is a plan of the whole;
- fix and optimise: the decisions of two windows that follow each other, and of some components that follow each other
  in time (such as jobs, which may then move to another pool), are made anew with all others as planned, again and again
  until the plan is good enough, a round brings nothing, or the time for it is over.

Where dozens of components (jobs) have decisions and the whole is not too large, the plan is made component by component
instead of window by window (:mod:`optimizer.by_component`).

Each of these is a part of the problem (:mod:`optimizer.subproblem`) whose size does not grow with the horizon. The
window of a decision is that of the step in which it falls (:mod:`optimizer.time_windows`). Where a window has no plan
with what is held around it, its region is doubled; where it has none even so, HiGHS starts on the whole without. It
also goes on with the whole, from the plan, where the gap is not proven and the whole is not too large.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer import relax_and_fix
from optimizer.compiled import Arrays
from optimizer.condensed import condensed
from optimizer.highs import PROOF_TOLERANCE, Outcome, Progress, relative_gap, solve
from optimizer.mip_road import solve_whole
from optimizer.relax_and_fix import LEAST_S, Search
from optimizer.subproblem import Whole
from optimizer.time_windows import Decisions, decisions_of, spans_of

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

__all__ = ["decisions_of", "solve_from_start", "worth_it"]
log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

MANY_DECISIONS = 5000
"""Whole decisions above which ``auto`` makes a plan window by window."""
VIOLATION = 1e-6
"""Largest relative violation that a plan may have; HiGHS's own tolerance is 1e-7 before scaling."""


def worth_it(arrays: Arrays, options: SolverOptions) -> bool:
    """Whether a plan is made window by window: as ``options.start_plan`` says, or by ``auto`` where HiGHS alone has
    been measured to be slower (docs/long-horizons.md). Never with so few whole decisions that one window holds them."""
    if options.start_plan is False:
        return False
    decisions = int((arrays.integer & (arrays.col_lower < arrays.col_upper)).sum())
    if options.start_plan is True:
        return decisions > 2 * relax_and_fix.DECISIONS_PER_WINDOW
    return decisions > MANY_DECISIONS


def solve_from_start(
    arrays: Arrays,
    decisions: Decisions,
    options: SolverOptions,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """As :func:`optimizer.highs.solve`, from a plan to start from; ``decisions`` are those of :func:`decisions_of`."""
    started = time.perf_counter()
    small = condensed(arrays) if worth_it(arrays, options) else None
    if small is None or not small.arrays.integer.any():
        return solve(arrays, options, progress=progress)
    if options.start_plan is not True and _has_few_decisions(small.arrays):
        return solve_whole(arrays, options, progress=progress)[0]
    log.info("condensed to %s after %.1f s", small.arrays.size, time.perf_counter() - started)
    search = Search(small, spans_of(arrays, decisions, small), options, started, progress)
    values = search.run()
    outcome = None if values is None else _judged(arrays, values, search)
    if search.interrupted or (outcome is not None and (outcome.status == "optimal" or search.is_large)):
        # nothing is left to be done, or nothing that would fit: the plan is told with the gap that is proven
        stopped = outcome or Outcome("no_plan", "interrupt", np.nan, search.bound, np.inf, None)
        stopped.seconds, stopped.road = search.seconds, search.road
        if search.interrupted:
            stopped.stopped_by = "interrupt"
        return stopped
    left = options.model_copy(update={"time_limit_s": max(LEAST_S, options.time_limit_s - search.seconds)})
    start = None if outcome is None else outcome.values
    outcome = _on_condensed(left, search) if search.is_large else solve(arrays, left, progress=progress, start=start)
    outcome.seconds = search.seconds
    if start is not None:
        outcome.road = f"branch and bound from {search.road}"
    if search.bound < outcome.bound:
        _bound_by(outcome, search.bound, options)
    return outcome


def _has_few_decisions(arrays: Arrays) -> bool:
    """Whether one window would hold all decisions that are left of a problem that HiGHS can take as a whole: those of
    many members (the direction of the connection in each) mostly follow from its rows."""
    few = int(arrays.integer.sum()) <= 2 * relax_and_fix.DECISIONS_PER_WINDOW
    return few and len(arrays.cost) <= relax_and_fix.WHOLE_COLUMNS


def _bound_by(outcome: Outcome, bound: float, options: SolverOptions) -> None:
    """Judge a plan by a bound that is proven elsewhere."""
    if outcome.values is None:
        outcome.bound = bound
        return
    outcome.bound = max(bound, outcome.objective)
    outcome.gap = relative_gap(outcome.objective, outcome.bound)
    if outcome.gap <= options.mip_rel_gap + PROOF_TOLERANCE:
        outcome.status, outcome.stopped_by = "optimal", "optimal"


def _on_condensed(options: SolverOptions, search: Search) -> Outcome:
    """HiGHS on the whole without a start, for horizons of which only the condensed problem fits into memory."""
    outcome = solve(search.small.arrays, options, progress=search.progress)
    outcome.linear = None  # its duals are those of the condensed rows
    if outcome.values is not None:
        outcome.values = search.small.expanded(outcome.values)
    return outcome


def _judged(arrays: Arrays, values: Floats, search: Search) -> Outcome | None:
    """The plan in all columns, judged; None where it does not keep to every row after all."""
    full = search.small.expanded(values)
    worst = Whole(arrays).violation(full)
    if worst > VIOLATION:
        log.warning("the plan made window by window breaks a rule by %.1g and is not used", worst)
        return None
    objective = float(arrays.cost @ full) + arrays.offset
    found = Outcome("feasible", "windows", objective, np.inf, np.inf, full)
    _bound_by(found, search.bound, search.options)
    if found.status != "optimal" and search.left_s <= 0:
        found.stopped_by = "time limit reached"
    return found
