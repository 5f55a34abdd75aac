"""HiGHS: arrays in, the best plan with its proven bound out; progress while it works, a clean stop on Ctrl-C."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

Status = Literal["optimal", "feasible", "infeasible", "unbounded", "no_plan"]
INTEGRALITY_TOLERANCE = 1e-6


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
    seconds: float
    nodes: int
    log_lines: list[str] = field(default_factory=list, repr=False)


def solve(
    arrays: Arrays,
    options: SolverOptions,
    *,
    progress: Callable[[Progress], None] | None = None,
    start: Floats | None = None,
    log_file: Path | None = None,
) -> Outcome:
    """Maximise. ``optimal`` means proven within ``options.mip_rel_gap``; anything else with a plan is ``feasible``.

    Ctrl-C stops HiGHS and keeps the best plan so far; pressing it again raises KeyboardInterrupt.
    """
    highs = new_highs(options)
    lines: list[str] = []
    _collect_log(highs, lines)
    pass_arrays(highs, arrays)
    if start is not None:
        highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    started = time.perf_counter()
    interrupted = _run(highs, progress)
    seconds = time.perf_counter() - started
    outcome = _outcome(highs, arrays, options, seconds, interrupted=interrupted)
    outcome.log_lines = lines
    return outcome


class SilentHighs(highspy.Highs):  # type: ignore[misc]
    """HiGHS that leaves the console alone, its banner included (printed when callbacks are enabled in the constructor)."""

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
    }.items():
        highs.setOptionValue(name, value)
    return highs


def pass_arrays(highs: Any, arrays: Arrays) -> None:
    """Hand the whole model over in one call."""
    rows, columns = arrays.matrix.shape
    matrix = arrays.matrix
    highs.passModel(
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


def _collect_log(highs: Any, lines: list[str]) -> None:
    highs.cbLogging += lambda event: lines.append(event.message)


def _run(highs: Any, progress: Callable[[Progress], None] | None) -> bool:
    """Run HiGHS in a thread, so that Ctrl-C reaches Python; returns whether it was interrupted."""
    stop = threading.Event()

    def interrupt(event: Any) -> None:
        if stop.is_set():
            event.interrupt()

    def report(event: Any) -> None:
        data = event.data_out
        if progress is not None:
            progress(
                Progress(
                    data.running_time, data.mip_primal_bound, data.mip_dual_bound, data.mip_gap, data.mip_node_count
                )
            )

    for callback in (highs.cbMipInterrupt, highs.cbSimplexInterrupt, highs.cbIpmInterrupt):
        callback += interrupt
    if progress is not None:
        highs.cbMipLogging += report
    failure: list[BaseException] = []

    def work() -> None:
        try:
            highs.run()
        except BaseException as error:  # handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=work, name="highs", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.05)
    except KeyboardInterrupt:
        log.warning("interrupted: HiGHS is asked to stop; the best plan so far is kept")
        stop.set()
        thread.join()
    if failure:
        raise failure[0]
    return stop.is_set()


def _outcome(highs: Any, arrays: Arrays, options: SolverOptions, seconds: float, *, interrupted: bool) -> Outcome:
    status = highs.getModelStatus()
    info = highs.getInfo()
    kind = highspy.HighsModelStatus
    if status in (kind.kInfeasible, kind.kUnbounded, kind.kUnboundedOrInfeasible):
        settled: Status = "infeasible" if status == kind.kInfeasible else "unbounded"
        if status == kind.kUnboundedOrInfeasible:
            settled = _told_apart(arrays, options)
        return Outcome(settled, settled, np.nan, np.nan, np.inf, None, seconds, 0)
    is_mip = bool(arrays.integer.any())
    feasible = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
    values = np.asarray(highs.getSolution().col_value, dtype=float) if feasible else None
    objective = info.objective_function_value if feasible else np.nan
    proven = status in (kind.kOptimal, kind.kModelEmpty)
    bound = info.mip_dual_bound if is_mip and status != kind.kModelEmpty else (objective if proven else np.inf)
    bound = np.inf if abs(bound) >= highspy.kHighsInf else bound
    gap = _relative_gap(objective, bound) if feasible else np.inf
    stopped_by = "interrupt" if interrupted else highs.modelStatusToString(status).lower()
    proven = feasible and proven and gap <= options.mip_rel_gap * (1 + 1e-9) + 1e-12
    settled = "optimal" if proven else "feasible" if feasible else "no_plan"
    return Outcome(settled, stopped_by, objective, bound, gap, values, seconds, max(0, info.mip_node_count))


def _relative_gap(objective: float, bound: float) -> float:
    """HiGHS's own measure: distance to the bound, relative to the objective."""
    distance = max(0.0, bound - objective)
    if distance == 0.0:
        return 0.0
    return distance / abs(objective) if objective != 0 else np.inf


def _told_apart(arrays: Arrays, options: SolverOptions) -> Status:
    """Presolve could not tell infeasible from unbounded: without an objective, only infeasible remains."""
    highs = new_highs(options)
    pass_arrays(highs, arrays)
    columns = len(arrays.cost)
    highs.changeColsCost(columns, np.arange(columns, dtype=np.int32), np.zeros(columns))
    highs.run()
    return "infeasible" if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible else "unbounded"
