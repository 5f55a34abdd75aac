"""Problems with whole decisions, first by rounding: the linear relaxation bounds them, and mostly nearly is the plan.

1. The relaxation is solved. Its optimum is a bound of every plan, proven from the duals
   (:mod:`optimizer.dual_bound`).
2. Where an earlier plan is known, its decisions are held and the others rounded. A plan within the gap asked for ends
   the search: road "rounded linear program".
3. Where the dearest fractions alone may make up the gap, rows that follow from them are added and the relaxation is
   solved again (:mod:`optimizer.splitting`).
4. Its fractions are rounded in a dive (:mod:`optimizer.diving`), which ends the search in the same way.
5. Else HiGHS's branch and bound goes on from that plan, or from none where the dive has found none; the better of both
   bounds counts: roads "branch and bound from a rounded plan" and "branch and bound".

The whole decisions of any plan are fixed and the others solved again in the same HiGHS, from its last basis
(:func:`optimizer.highs.settle`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.diving import LEAST_GAP, Dive
from optimizer.dual_bound import bound_from_duals
from optimizer.highs import PROOF_TOLERANCE, Outcome, judge, relative_gap, settle, solve
from optimizer.interruptible import in_thread
from optimizer.kept_lp import KeptLp
from optimizer.solver_run import Progress
from optimizer.splitting import Splitting

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

WHOLE_BOUNDS_WITHIN = 1e-9
"""Distance from a whole number up to which the bound of a whole decision is taken for that number."""
SHARE_OF_TIME = 0.3
"""Largest share of the time limit that relaxation and dive take where branch and bound may have to follow."""
LEAST_S = 1e-2
"""Shortest time limit given to HiGHS."""


def solve_whole(
    arrays: Arrays,
    options: SolverOptions,
    *,
    basis: Any = None,
    before: Floats | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Outcome, Any]:
    """As :func:`optimizer.highs.solve`, for arrays with whole decisions; and the basis of the relaxation's optimum.

    The basis is None where there is no optimum. ``basis``: one of a problem of the same shape, to start from.
    ``before``: whole decisions of an earlier plan, (columns,), to try first; NaN where there is none.
    """
    tightened = _tightened(arrays)
    if tightened is None:
        return solve(arrays, options, progress=progress), None
    road = _Road(tightened, options, basis, progress, before=before)
    return road.outcome(arrays), road.basis


def _tightened(arrays: Arrays) -> Arrays | None:
    """The arrays with whole bounds of whole decisions; None where one of them has no whole number left."""
    lower = np.where(arrays.integer, np.ceil(arrays.col_lower - WHOLE_BOUNDS_WITHIN), arrays.col_lower)
    upper = np.where(arrays.integer, np.floor(arrays.col_upper + WHOLE_BOUNDS_WITHIN), arrays.col_upper)
    if (lower > upper).any():
        return None
    return replace(arrays, col_lower=lower, col_upper=upper)


@dataclass(frozen=True)
class Rounded:
    """What relaxation and dive have led to, without any branch and bound."""

    values: Floats | None
    """A whole plan, not settled; None without one."""
    relaxed: Floats | None
    """Values of the relaxation's optimum; None where it has none, or the time was over."""
    row_dual: Floats | None
    """Duals of the rows there, (rows,); None without such an optimum."""
    bound: float
    """Proven by the relaxation; inf where nothing is."""
    status: str
    """``optimal``: the plan is proven; ``infeasible``, ``unbounded`` or ``open``."""
    interrupted: bool


def rounded(arrays: Arrays, options: SolverOptions, dive: float) -> Rounded:
    """Relaxation and dive alone; ``dive`` is the share of the time limit that the dive may take after the relaxation,
    which may take :data:`SHARE_OF_TIME` of it."""
    tightened = _tightened(arrays)
    if tightened is None:
        return Rounded(None, None, None, np.nan, "infeasible", False)
    return _Road(tightened, options, None, None, dive).attempt()


class _Road:
    """Relaxation, dive and what follows, on one clock."""

    def __init__(
        self,
        arrays: Arrays,
        options: SolverOptions,
        basis: Any,
        progress: Callable[[Progress], None] | None,
        dive: float | None = None,
        *,
        before: Floats | None = None,
    ) -> None:
        """``dive``: share of the time limit for the dive by itself; by default it shares the relaxation's. ``before``:
        whole decisions to try first."""
        self.started = time.perf_counter()
        self.arrays, self.options, self.progress, self.dive = arrays, options, progress, dive
        share = options.model_copy(update={"time_limit_s": max(LEAST_S, SHARE_OF_TIME * options.time_limit_s)})
        self.lp, self.share = KeptLp(arrays, share, basis), share
        self.relaxed: Floats | None = None
        self.row_dual: Floats | None = None
        self.basis: Any = None
        self.bound, self.bound_after_s = np.inf, np.nan
        self.values: Floats | None = None
        self.splitting: Splitting | None = None
        self.before = before

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def outcome(self, arrays: Arrays) -> Outcome:
        """The plan for ``arrays``, of which the relaxation is a tightened form."""
        interrupted = in_thread(self._rounded, self._stop)
        if self.lp.runs == 1 and self.lp.status == highspy.HighsModelStatus.kInfeasible:
            return Outcome("infeasible", "infeasible", np.nan, np.nan, np.inf, None, seconds=self.seconds)
        found = None if self.values is None else self._found(arrays)
        if interrupted and found is None:
            found = Outcome("no_plan", "interrupt", np.nan, self.bound, np.inf, None)
        if found is None or (found.status != "optimal" and not interrupted):
            found = self._branched(arrays, found)
        if interrupted:
            found.stopped_by = "interrupt"
        found.seconds, found.bound_after_s = self.seconds, self.bound_after_s
        found.log_lines.insert(0, self._told)
        return found

    def attempt(self) -> Rounded:
        """Relaxation and dive."""
        interrupted = in_thread(self._rounded, self._stop)
        kind = highspy.HighsModelStatus
        if self.relaxed is None and self.lp.status in (kind.kInfeasible, kind.kUnbounded):
            status = "infeasible" if self.lp.status == kind.kInfeasible else "unbounded"
            return Rounded(None, None, None, np.nan, status, interrupted)
        reached = self.lp.objective
        gap = relative_gap(reached, max(self.bound, reached))
        is_proven = self.values is not None and gap <= self.options.mip_rel_gap + PROOF_TOLERANCE
        status = "optimal" if is_proven else "open"
        return Rounded(self.values, self.relaxed, self.row_dual, self.bound, status, interrupted)

    def _stop(self) -> None:
        log.warning("interrupted: HiGHS is asked to stop and the best plan so far is kept; again: leave at once")
        self.lp.stop()
        if self.splitting is not None:
            self.splitting.stop()

    def _rounded(self) -> None:
        """Solve the relaxation and dive; the whole plan, if there is one, stands in ``values``."""
        lp = self.lp
        is_optimal = lp.run()
        if not is_optimal and lp.status in (
            highspy.HighsModelStatus.kInfeasible,
            highspy.HighsModelStatus.kUnbounded,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        ):
            return
        if not is_optimal:  # stopped; the duals prove a bound all the same
            self._prove()
            return
        self.basis, self.bound_after_s, self.relaxed = lp.highs.getBasis(), self.seconds, lp.values
        self.row_dual = np.asarray(lp.highs.getSolution().row_dual, dtype=float)
        limit = self.options.time_limit_s
        deadline = self.started + (SHARE_OF_TIME * limit if self.dive is None else self.seconds + self.dive * limit)
        if self._dive(deadline):
            self.values = lp.values

    def _prove(self) -> None:
        """The bound that the duals prove, where it is the better one."""
        lp = self.lp
        proven = bound_from_duals(lp.arrays, np.asarray(lp.highs.getSolution().row_dual, dtype=float))
        if not np.isfinite(proven) and lp.is_optimal:  # columns without bounds: HiGHS's own word, as for any other
            proven = lp.objective
        self.bound = min(self.bound, proven)

    def _dive(self, deadline: float) -> bool:
        """Dive from the optimum of the relaxation, tightened where that is worth it; whether there is a whole plan."""
        lp, options = self.lp, self.options
        gap = max(options.mip_rel_gap, LEAST_GAP) * abs(lp.objective)
        root = lp.mark()
        self._prove()
        if self.before is not None:
            if self._as_before(self.before, gap, deadline):
                return True
            if lp.interrupted or not lp.go_back(root):
                return False
        self.splitting = Splitting(lp, gap)
        is_split = options.cuts and self.splitting.is_urgent
        if is_split:
            self.splitting.add(self.share)
            self._prove()
        if options.cuts and not is_split and self.splitting.may_help:
            if Dive(lp, options.mip_rel_gap, deadline, most=gap).run():
                return True
            if lp.interrupted or time.perf_counter() > deadline or not lp.go_back(root):
                return False
            self.splitting.add(self.share)
            self._prove()
        return lp.is_optimal and Dive(lp, options.mip_rel_gap, deadline).run()

    def _as_before(self, before: Floats, gap: float, deadline: float) -> bool:
        """Decide as before where that is possible, and dive for the rest; whether that loses no more than the gap."""
        lp = self.lp
        dive = Dive(lp, self.options.mip_rel_gap, deadline, most=gap)
        columns = np.flatnonzero(self.arrays.integer & np.isfinite(before) & (lp.lower < lp.upper))
        targets = np.round(before[columns])
        fits = (lp.lower[columns] <= targets) & (targets <= lp.upper[columns])
        reached = lp.objective
        lp.hold(columns[fits], targets[fits], targets[fits])
        is_plan = lp.run() and reached - lp.objective <= gap and dive.run()
        log.debug("%d decisions as before: %s", int(fits.sum()), "a plan" if is_plan else "no plan within the gap")
        return is_plan

    def _found(self, arrays: Arrays) -> Outcome:
        """The rounded plan, judged by the relaxation's bound; settled where the search ends with it."""
        found = Outcome("no_plan", "optimal", self.lp.objective, self.bound, np.inf, self.values)
        found.road = "rounded linear program"
        judge(found, self.options, proven=True)
        self.lp.highs.setOptionValue("time_limit", self.options.time_limit_s)
        self.lp.free_added()
        if found.status == "optimal":
            settle(found, arrays, self.options, self.lp.highs, kept=True)
        log.debug("rounded in %d runs, %.3f s, gap %.3g", self.lp.runs, self.seconds, found.gap)
        if self.progress is not None:
            self.progress(Progress(self.seconds, found.objective, found.bound, found.gap, 0))
        return found

    def _branched(self, arrays: Arrays, found: Outcome | None) -> Outcome:
        """HiGHS's branch and bound, from the rounded plan where there is one."""
        left = max(LEAST_S, self.options.time_limit_s - self.seconds)
        limited = self.options.model_copy(update={"time_limit_s": left})
        start = None if found is None else found.values
        self.lp.free_added()
        outcome = solve(self.lp.arrays, limited, progress=self.progress, start=start, kept=self.lp.highs, plain=arrays)
        if outcome.status in ("infeasible", "unbounded"):
            if found is None:
                return outcome
            outcome.stopped_by = "rounding errors"  # there is a plan, whatever presolve makes of its tolerances
        if found is not None:
            if outcome.values is None or outcome.objective < found.objective:  # stopped before it took the start up
                settle(found, arrays, self.options, None)
                outcome.values, outcome.objective, outcome.linear = found.values, found.objective, found.linear
            outcome.road = "branch and bound from a rounded plan"
        proven, outcome.bound = outcome.status == "optimal", min(self.bound, outcome.bound)
        judge(outcome, self.options, proven=True)
        if outcome.status == "optimal" and not proven and outcome.stopped_by != "interrupt":
            outcome.stopped_by = "optimal"
        return outcome

    @property
    def _told(self) -> str:
        """What has been done before branch and bound, for the log."""
        return (
            f"Linear relaxation: bound {self.bound:.10g}; "
            f"{'rounded' if self.values is not None else 'no plan by rounding'} in {self.lp.runs} runs, "
            f"{self.lp.iterations} simplex iterations\n"
        )
