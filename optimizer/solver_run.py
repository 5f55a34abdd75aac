"""One run of HiGHS: its options, the model as arrays, its log, and a clean stop on Ctrl-C."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.errors import InputError, Problem
from optimizer.interruptible import in_thread
from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

LARGEST_COST, LARGEST_COEFFICIENT = 1e20, 1e15
"""HiGHS takes larger ones for infinite, or refuses them."""


@dataclass(frozen=True)
class Progress:
    """State of the search: seconds, best plan so far, proven bound, relative gap (inf: no plan yet), nodes."""

    seconds: float
    incumbent: float
    bound: float
    gap: float
    nodes: int


@dataclass
class Reached:
    """What HiGHS had when."""

    bound_after_s: float = np.nan


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


def collect_log(highs: Any, lines: list[str]) -> None:
    highs.cbLogging += lambda event: lines.append(event.message)


def run_highs(highs: Any, progress: Callable[[Progress], None] | None, reached: Reached | None = None) -> bool:
    """Run HiGHS; returns whether it was interrupted. ``reached`` is told when there was a first bound."""
    asked = threading.Event()
    failure: list[Exception] = []

    def interrupt(event: Any) -> None:
        if asked.is_set():
            event.interrupt()
        if reached is not None and np.isnan(reached.bound_after_s) and np.isfinite(event.data_out.mip_dual_bound):
            reached.bound_after_s = event.data_out.running_time

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
