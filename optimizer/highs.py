"""HiGHS: arrays in, the best plan with its proven bound out; progress while it works, a clean stop on Ctrl-C."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.errors import InputError, Problem
from optimizer.idle_decisions import without_idle
from optimizer.interruptible import in_thread
from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

Status = Literal["optimal", "feasible", "infeasible", "unbounded", "no_plan"]
PROOF_TOLERANCE = 1e-9
"""Relative distance of plan and bound that is rounding."""
LARGEST_COST, LARGEST_COEFFICIENT = 1e20, 1e15
"""HiGHS takes larger ones for infinite, or refuses them."""
DUAL_TOLERANCE = 1e-7
"""HiGHS's own tolerance of reduced costs and duals: smaller ones count as zero."""
WHOLE_WITHIN = 1e-9
"""Distance from a whole number up to which a decision is simply rounded."""


@dataclass(frozen=True)
class Progress:
    """State of the search: seconds, best plan so far, proven bound, relative gap (inf: no plan yet), nodes."""

    seconds: float
    incumbent: float
    bound: float
    gap: float
    nodes: int


@dataclass
class Outcome:
    """What HiGHS returns. ``bound`` is a proven upper bound on the objective; ``values`` is None without a plan."""

    status: Status
    stopped_by: str
    objective: float
    bound: float
    gap: float
    values: Floats | None
    seconds: float = 0.0
    nodes: int = 0
    log_lines: list[str] = field(default_factory=list, repr=False)
    linear: Any = field(default=None, repr=False)
    """HiGHS's solution of the linear program with all whole decisions as planned, where it was solved: its duals."""


def solve(
    arrays: Arrays,
    options: SolverOptions,
    *,
    progress: Callable[[Progress], None] | None = None,
    start: Floats | None = None,
) -> Outcome:
    """Maximise. ``optimal`` means proven within ``options.mip_rel_gap``; anything else with a plan is ``feasible``.

    Ctrl-C stops HiGHS and keeps the best plan so far; pressing it again raises KeyboardInterrupt.
    """
    started = time.perf_counter()
    highs = new_highs(options)
    lines: list[str] = []
    _collect_log(highs, lines)
    pass_arrays(highs, arrays)
    if start is not None:
        highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    interrupted = run_highs(highs, progress)
    outcome = _outcome(highs, arrays, options, interrupted=interrupted)
    if outcome.values is not None and not interrupted:
        _settle(outcome, arrays, options, highs)
    outcome.seconds = time.perf_counter() - started
    outcome.log_lines = lines
    return outcome


class SilentHighs(highspy.Highs):  # type: ignore[misc]
    """HiGHS that leaves the console alone, its banner included (printed by the constructor as it enables callbacks)."""

    def enableCallbacks(self) -> None:  # noqa: N802 (HiGHS's name)
        self.setOptionValue("log_to_console", False)
        super().enableCallbacks()


def new_highs(options: SolverOptions) -> Any:
    """A silent HiGHS with the scenario's options."""
    highs = SilentHighs()
    for name, value in {
        "mip_rel_gap": options.mip_rel_gap,
        "mip_abs_gap": 0.0,
        "time_limit": options.time_limit_s,
        "threads": options.threads,
        "random_seed": options.seed,
        # spends half of the time of difficult weeks at the root and found no better plan in any shipped scenario
        # (docs/benchmarks.md)
        "mip_heuristic_run_root_reduced_cost": False,
    }.items():
        highs.setOptionValue(name, value)
    return highs


def pass_arrays(highs: Any, arrays: Arrays) -> None:
    """Hand the whole model over in one call. Raises InputError where a figure is beyond what HiGHS can take."""
    _check_size("money per unit", arrays.cost, LARGEST_COST)
    _check_size("a coefficient", arrays.matrix.data, LARGEST_COEFFICIENT)
    rows, columns = arrays.matrix.shape
    matrix = arrays.matrix
    status = highs.passModel(
        columns,
        rows,
        int(matrix.nnz),
        0,  # no Hessian
        int(highspy.MatrixFormat.kColwise),
        0,
        int(highspy.ObjSense.kMaximize),
        arrays.offset,
        arrays.cost,
        arrays.col_lower,
        arrays.col_upper,
        arrays.row_lower,
        arrays.row_upper,
        matrix.indptr.astype(np.int32, copy=False),
        matrix.indices.astype(np.int32, copy=False),
        matrix.data,
        np.zeros(1, np.int32),
        np.zeros(1, np.int32),
        np.zeros(1),
        arrays.integer.astype(np.int32),
    )
    if status == highspy.HighsStatus.kError:  # it would go on with an empty model and call that optimal
        raise RuntimeError("HiGHS refused the model")


def _check_size(what: str, numbers: Floats, limit: float) -> None:
    too_large = ~(np.abs(numbers) < limit)  # NaN too
    if too_large.any():
        message = (
            f"a figure of the scenario is too large for the solver: it leads to {what} of {numbers[too_large][0]:g}"
        )
        raise InputError([Problem("", message, allowed=f"below {limit:g}")])


def _collect_log(highs: Any, lines: list[str]) -> None:
    highs.cbLogging += lambda event: lines.append(event.message)


def run_highs(highs: Any, progress: Callable[[Progress], None] | None) -> bool:
    """Run HiGHS; returns whether it was interrupted."""
    asked = threading.Event()
    failure: list[Exception] = []

    def interrupt(event: Any) -> None:
        if asked.is_set():
            event.interrupt()

    def report(event: Any) -> None:
        data = event.data_out
        numbers = data.running_time, data.mip_primal_bound, data.mip_dual_bound, data.mip_gap, data.mip_node_count
        try:
            if progress is not None and not failure:
                progress(Progress(*numbers))
        except Exception as error:  # HiGHS would swallow it and report that it failed itself
            failure.append(error)
            asked.set()

    def stop() -> None:
        asked.set()
        log.warning("interrupted: HiGHS is asked to stop and the best plan so far is kept; again: leave at once")
        # called in every iteration of an LP (2 to 3 % of its time), so they are connected only when they are needed
        highs.cbSimplexInterrupt += interrupt
        highs.cbIpmInterrupt += interrupt

    highs.cbMipInterrupt += interrupt
    if progress is not None:
        highs.cbMipLogging += report
    interrupted = in_thread(highs.run, stop)
    if failure:
        raise failure[0]
    return interrupted


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
    _judge(outcome, options, proven=proven)
    return outcome


def _judge(outcome: Outcome, options: SolverOptions, *, proven: bool) -> None:
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


def _settle(outcome: Outcome, arrays: Arrays, options: SolverOptions, highs: Any) -> None:
    """Make whole decisions exactly whole, take idle ones back and break ties; where either fails, the plan stays.

    HiGHS takes 0.999999 for 1, and a thousandth of a machine may hang on that: the whole decisions are fixed at their
    rounded values and the others solved again. Ties: see :func:`_break_ties`.
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
        highs = new_highs(options)
        pass_arrays(highs, arrays)
        if run_highs(highs, None) or highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            log.debug("the plan with its whole decisions fixed could not be solved again and is left as it is")
            return
        outcome.values = np.asarray(highs.getSolution().col_value, dtype=float)
        outcome.objective = highs.getInfo().objective_function_value
    if highs.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        outcome.linear = highs.getSolution()
        if has_ties:
            _break_ties(highs, outcome, arrays)
    _judge(outcome, options, proven=outcome.status == "optimal")
    if outcome.values is not None and without_idle(outcome.values, whole) is not outcome.values:
        _settle(outcome, whole, options, highs)  # with ties broken, nothing may hang on some decisions any more


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
        sides = _kept(solution.row_value, solution.row_dual, arrays.row_lower, arrays.row_upper)
        highs.changeRowsBounds(rows, every_row, *sides)
    highs.changeColsCost(columns, every_column, -np.asarray(arrays.least, dtype=float))
    if run_highs(highs, None) or highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
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
    highs.run()
    return "infeasible" if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible else "unbounded"
