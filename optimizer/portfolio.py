"""Several searches of one problem side by side, each with other settings; the first that is through ends them all.

HiGHS works outside of Python, so threads suffice; each search has a HiGHS of its own, with one thread. All bounds are
proven for the same problem, so where time runs out the best plan of all stands beside the least bound of all. Which
search is through first may differ from run to run, and with it which of several plans within the gap is returned.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.interruptible import in_thread
from optimizer.solver_run import collect_log, new_highs, pass_arrays

if TYPE_CHECKING:
    from optimizer.compiled import Arrays
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"mip_heuristic_run_root_reduced_cost": True, "mip_heuristic_effort": 0.15},
    {"mip_heuristic_run_rins": False, "mip_heuristic_run_rens": False, "mip_lp_age_limit": 20},
    {"presolve": "off", "mip_heuristic_effort": 0.1},
)
"""What each search sets beside its random seed: as usual, more heuristics, more tree, the problem as it is."""


@dataclass(frozen=True)
class Race:
    """What came of it."""

    winner: Any
    """The HiGHS whose word is taken: that which was through, or else that with the best plan."""
    number: int
    interrupted: bool
    bound: float
    """The least bound of all."""


def race(arrays: Arrays, options: SolverOptions, start: Floats | None, lines: list[str]) -> Race:
    """Search with ``options.portfolio`` settings at once; ``lines`` collects the log of the first.

    Ctrl-C stops all and keeps the best plan; pressing it again raises KeyboardInterrupt.
    """
    over = threading.Event()
    runs = [_run(arrays, options, number, start) for number in range(options.portfolio)]
    collect_log(runs[0], lines)
    order: list[int] = []

    def watch(event: Any) -> None:
        if over.is_set():
            event.interrupt()

    def search(number: int) -> None:
        runs[number].run()
        order.append(number)
        if _is_through(runs[number]):
            over.set()

    def all_searches() -> None:
        threads = [threading.Thread(target=search, args=(number,), daemon=True) for number in range(1, len(runs))]
        for thread in threads:
            thread.start()
        search(0)
        for thread in threads:
            thread.join()

    for highs in runs:
        highs.cbMipInterrupt += watch
        highs.cbSimplexInterrupt += watch  # the first linear program may be most of the work
    interrupted = in_thread(all_searches, over.set)
    through = [number for number in order if _is_through(runs[number])]
    best = through[0] if through else max(range(len(runs)), key=lambda number: _objective(runs[number]))
    log.debug("portfolio: settings %d of %d, %s", best, len(runs), "through" if through else "the best plan")
    bound = min(_bound(highs) for highs in runs)
    return Race(runs[best], best, interrupted, bound)


def _run(arrays: Arrays, options: SolverOptions, number: int, start: Floats | None) -> Any:
    highs = new_highs(options.model_copy(update={"threads": 1, "seed": options.seed + number}))
    for name, value in SETTINGS[number % len(SETTINGS)].items():
        highs.setOptionValue(name, value)
    pass_arrays(highs, arrays)
    if start is not None:
        highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    return highs


def _is_through(highs: Any) -> bool:
    kind = highspy.HighsModelStatus
    return highs.getModelStatus() in (kind.kOptimal, kind.kInfeasible, kind.kUnbounded, kind.kUnboundedOrInfeasible)


def _objective(highs: Any) -> float:
    info = highs.getInfo()
    feasible = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
    return float(info.objective_function_value) if feasible else -np.inf


def _bound(highs: Any) -> float:
    info = highs.getInfo()
    return float(info.mip_dual_bound) if info.valid else np.inf
