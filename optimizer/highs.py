"""HiGHS: arrays in, the best plan with its proven bound out; progress while it works, a clean stop on Ctrl-C."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.dual_bound import bound_from_duals
from optimizer.idle_decisions import without_idle
from optimizer.lp_algorithm import PLAN_TOLERANCE, Loose, choose, polish, violation
from optimizer.portfolio import race
from optimizer.scenario import SolverOptions
from optimizer.solver_run import Progress as Progress
from optimizer.solver_run import Reached, collect_log
from optimizer.solver_run import SilentHighs as SilentHighs
from optimizer.solver_run import new_highs as new_highs
from optimizer.solver_run import pass_arrays as pass_arrays
from optimizer.solver_run import run_highs as run_highs

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

Status = Literal["optimal", "feasible", "infeasible", "unbounded", "no_plan"]
PROOF_TOLERANCE = 1e-9
"""Relative distance of plan and bound that is rounding."""
DUAL_TOLERANCE = 1e-7
"""HiGHS's own tolerance of reduced costs and duals: smaller ones count as zero."""
WHOLE_WITHIN = 1e-9
"""Distance from a whole number up to which a decision is simply rounded."""


@dataclass
class Outcome:
    """What HiGHS returns. ``bound`` is a proven upper bound on the objective; ``values`` is None without a plan."""

    status: Status
    stopped_by: str
    objective: float
    bound: float
    gap: float
    values: Floats | None
    road: str = "branch and bound"
    """Which road found the plan."""
    seconds: float = 0.0
    nodes: int = 0
    bound_after_s: float = np.nan
    """Seconds until HiGHS had its first bound on the plans of a problem with whole decisions: the linear relaxation
    was solved. NaN where it was not, or where there are none."""
    log_lines: list[str] = field(default_factory=list, repr=False)
    linear: Any = field(default=None, repr=False)
    """HiGHS's solution of the linear program with all whole decisions as planned, where it was solved: its duals."""


def solve(
    arrays: Arrays,
    options: SolverOptions,
    *,
    progress: Callable[[Progress], None] | None = None,
    start: Floats | None = None,
    kept: Any = None,
    settings: Mapping[str, Any] | None = None,
    plain: Arrays | None = None,
) -> Outcome:
    """Maximise. ``optimal`` means proven within ``options.mip_rel_gap``; anything else with a plan is ``feasible``.

    A problem without whole decisions is solved by the algorithm of :func:`optimizer.lp_algorithm.choose`. Stopped
    before its end, it has a bound all the same, proven from whatever duals there are (:mod:`optimizer.dual_bound`).

    ``start``: a plan to start branch and bound from; ``kept``: HiGHS with the linear relaxation of the same arrays, in
    which the plan is settled; ``settings``: further options of HiGHS for the search; ``plain``: the same arrays without
    rows that are there for the search only, in which the plan is settled.

    Ctrl-C stops HiGHS and keeps the best plan so far; pressing it again raises KeyboardInterrupt.
    """
    started = time.perf_counter()
    lines: list[str] = []
    if options.portfolio > 1 and arrays.integer.any():
        return _raced(arrays, options, start, lines, started, plain or arrays)
    highs = new_highs(options)
    for name, value in (settings or {}).items():
        highs.setOptionValue(name, value)
    collect_log(highs, lines)
    pass_arrays(highs, arrays)
    if start is not None:
        highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    reached = Reached()
    if arrays.integer.any():
        interrupted, loose = run_highs(highs, progress, reached), None
    else:
        interrupted, loose = _run_linear(highs, arrays, options)
    outcome = _outcome(highs, arrays, options, interrupted=interrupted)
    outcome.bound_after_s = reached.bound_after_s
    if not arrays.integer.any() and outcome.status in ("feasible", "no_plan"):
        _prove(outcome, highs, arrays, options, loose)
    if outcome.values is not None and not interrupted:
        settle(outcome, plain or arrays, options, highs if kept is None else kept, kept=kept is not None)
    outcome.seconds = time.perf_counter() - started
    outcome.log_lines = lines
    return outcome


def _raced(
    arrays: Arrays, options: SolverOptions, start: Floats | None, lines: list[str], started: float, plain: Arrays
) -> Outcome:
    """Branch and bound by several settings side by side; settled in ``plain``."""
    found = race(arrays, options, start, lines)
    outcome = _outcome(found.winner, arrays, options, interrupted=found.interrupted)
    if outcome.values is not None:
        outcome.bound = min(outcome.bound, found.bound)
        within = relative_gap(outcome.objective, max(outcome.bound, outcome.objective)) <= options.mip_rel_gap
        judge(outcome, options, proven=outcome.status == "optimal" or within)
        if not found.interrupted:
            settle(outcome, plain, options, found.winner)
    outcome.road = f"branch and bound, setting {found.number + 1} of {options.portfolio}"
    outcome.seconds = time.perf_counter() - started
    outcome.log_lines = lines
    return outcome


def _run_linear(highs: Any, arrays: Arrays, options: SolverOptions) -> tuple[bool, Loose | None]:
    """Run HiGHS by the algorithm that suits; returns whether it was interrupted, and a loose result on the way."""
    settings = choose(arrays, options)
    log.debug("linear program by %s: %s", settings.algorithm, settings.why)
    settings.apply(highs)
    interrupted = run_highs(highs, None)
    if not settings.is_loose or interrupted:
        return interrupted, None
    loose, interrupted = polish(highs, arrays, lambda: run_highs(highs, None))
    return interrupted, loose


def _prove(outcome: Outcome, highs: Any, arrays: Arrays, options: SolverOptions, loose: Loose | None) -> None:
    """What a linear program that was stopped has reached: the best bound that its duals prove, and values that are a
    plan."""
    duals = [np.zeros(len(arrays.row_lower)), np.asarray(highs.getSolution().row_dual, dtype=float)]
    duals += [] if loose is None else [loose.row_dual]
    outcome.bound = min(outcome.bound, *(bound_from_duals(arrays, dual) for dual in duals if len(dual)))
    if loose is not None and outcome.values is None and violation(arrays, loose.values) <= PLAN_TOLERANCE:
        outcome.values = loose.values
        outcome.objective = float(arrays.cost @ loose.values) + arrays.offset
    judge(outcome, options, proven=False)


def _outcome(highs: Any, arrays: Arrays, options: SolverOptions, *, interrupted: bool) -> Outcome:
    status = highs.getModelStatus()
    info = highs.getInfo()
    kind = highspy.HighsModelStatus
    if status in (kind.kInfeasible, kind.kUnbounded, kind.kUnboundedOrInfeasible):
        settled: Status = "infeasible" if status == kind.kInfeasible else "unbounded"
        if status == kind.kUnboundedOrInfeasible:
            settled = _told_apart(arrays, options)
        return Outcome(settled, settled, np.nan, np.nan, np.inf, None, nodes=0)
    is_mip = bool(arrays.integer.any())
    feasible = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
    feasible = feasible or status == kind.kModelEmpty
    values = np.asarray(highs.getSolution().col_value, dtype=float) if feasible else None
    objective = info.objective_function_value if feasible else np.nan
    if status == kind.kModelEmpty:
        objective = arrays.offset
    proven = status in (kind.kOptimal, kind.kModelEmpty)
    bound = objective if proven else np.inf
    if is_mip and info.valid and status != kind.kModelEmpty:
        bound = info.mip_dual_bound
    stopped_by = "interrupt" if interrupted else highs.modelStatusToString(status).lower()
    outcome = Outcome("no_plan", stopped_by, objective, bound, np.inf, values, nodes=max(0, info.mip_node_count))
    judge(outcome, options, proven=proven)
    return outcome


def judge(outcome: Outcome, options: SolverOptions, *, proven: bool) -> None:
    """Set the gap and the status from objective and bound; ``optimal`` needs both HiGHS's word and the asked gap."""
    if abs(outcome.bound) >= highspy.kHighsInf:
        outcome.bound = np.inf
    if outcome.values is None:
        return
    outcome.bound = max(outcome.bound, outcome.objective)  # by rounding it may lie a hair below what has been reached
    outcome.gap = relative_gap(outcome.objective, outcome.bound)
    outcome.status = "optimal" if proven and outcome.gap <= options.mip_rel_gap + PROOF_TOLERANCE else "feasible"


def relative_gap(objective: float, bound: float) -> float:
    """HiGHS's own measure, distance to the bound relative to the objective; a distance within rounding is none."""
    distance = bound - objective
    if distance <= PROOF_TOLERANCE * max(1.0, abs(objective)):
        return 0.0
    return distance / abs(objective) if objective != 0 else np.inf


def settle(outcome: Outcome, arrays: Arrays, options: SolverOptions, highs: Any, *, kept: bool = False) -> None:
    """Make whole decisions exactly whole, take idle ones back and break ties; where either fails, the plan stays.

    HiGHS takes 0.999999 for 1, and a thousandth of a machine may hang on that: the whole decisions are fixed at their
    rounded values and the others solved again. Ties: see :func:`_break_ties`.

    ``highs`` is what has solved the arrays; with ``kept`` it holds their linear relaxation, whose whole decisions may
    have been moved, and goes on from its basis; it may have further rows without sides.
    """
    whole, has_ties = arrays, arrays.least is not None and bool(arrays.least.any())
    if arrays.integer.any():
        assert outcome.values is not None
        rounded = without_idle(np.where(arrays.integer, np.round(outcome.values), outcome.values), arrays)
        if np.abs(rounded - outcome.values).max() <= WHOLE_WITHIN:
            outcome.values = rounded + 0.0
            if not has_ties:
                return
        arrays = replace(
            arrays,
            col_lower=np.where(arrays.integer, rounded, arrays.col_lower),
            col_upper=np.where(arrays.integer, rounded, arrays.col_upper),
            integer=np.zeros_like(arrays.integer),
        )
        if kept:
            columns = np.flatnonzero(whole.integer).astype(np.int32)
            highs.changeColsBounds(len(columns), columns, rounded[columns], rounded[columns])
        else:
            highs = new_highs(options)
            pass_arrays(highs, arrays)
        if not _solved_again(highs, outcome):
            log.debug("the plan with its whole decisions fixed could not be solved again and is left as it is")
            return
        outcome.values = np.asarray(highs.getSolution().col_value, dtype=float)
        outcome.objective = highs.getInfo().objective_function_value
    if highs.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        outcome.linear = highs.getSolution()
        if has_ties:
            _break_ties(highs, outcome, arrays)
    judge(outcome, options, proven=outcome.status == "optimal")
    if outcome.values is not None and without_idle(outcome.values, whole) is not outcome.values:
        settle(outcome, whole, options, highs)  # with ties broken, nothing may hang on some decisions any more


def _solved_again(highs: Any, outcome: Outcome) -> bool:
    """Whether HiGHS comes to an optimum; that it was interrupted instead is noted, so that nobody goes on to the next
    problem as if nothing had been."""
    if run_highs(highs, None):
        outcome.stopped_by = "interrupt"
        return False
    return bool(highs.getModelStatus() == highspy.HighsModelStatus.kOptimal)


def _break_ties(highs: Any, outcome: Outcome, arrays: Arrays) -> None:
    """Of all equally good plans take one with the least of the columns marked so.

    By complementary slackness the equally good ones are those that keep every column with a reduced cost, and every
    row with a dual, where it is. HiGHS goes on from its last basis, so this takes few iterations.
    """
    solution = highs.getSolution()
    columns, rows = len(arrays.cost), len(arrays.row_lower)
    every_column, every_row = np.arange(columns, dtype=np.int32), np.arange(rows, dtype=np.int32)
    bounds = _kept(solution.col_value, solution.col_dual, arrays.col_lower, arrays.col_upper)
    highs.changeColsBounds(columns, every_column, *bounds)
    if rows:
        row_value, row_dual = solution.row_value[:rows], solution.row_dual[:rows]  # further ones have no sides any more
        sides = _kept(row_value, row_dual, arrays.row_lower, arrays.row_upper)
        highs.changeRowsBounds(rows, every_row, *sides)
    highs.changeColsCost(columns, every_column, -np.asarray(arrays.least, dtype=float))
    if not _solved_again(highs, outcome):
        log.debug("ties could not be broken; the plan is left as it is")
        return
    values = np.asarray(highs.getSolution().col_value, dtype=float)
    objective = float(arrays.cost @ values) + arrays.offset
    if objective >= outcome.objective - PROOF_TOLERANCE * max(1.0, abs(outcome.objective)):
        outcome.values, outcome.objective = values, objective


def _kept(values: Any, duals: Any, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Bounds that hold what has a dual at the bound where it stands."""
    value = np.asarray(values, dtype=float)
    bound = np.where(np.abs(value - lower) <= np.abs(upper - value), lower, upper)
    held = (np.abs(np.asarray(duals, dtype=float)) > DUAL_TOLERANCE) & np.isfinite(bound)
    return np.where(held, bound, lower), np.where(held, bound, upper)


def _told_apart(arrays: Arrays, options: SolverOptions) -> Status:
    """Presolve could not tell infeasible from unbounded: without an objective, only infeasible remains."""
    highs = new_highs(options)
    pass_arrays(highs, arrays)
    columns = len(arrays.cost)
    highs.changeColsCost(columns, np.arange(columns, dtype=np.int32), np.zeros(columns))
    run_highs(highs, None)  # in a thread of its own: HiGHS refuses another number of threads than the last one's there
    return "infeasible" if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible else "unbounded"
