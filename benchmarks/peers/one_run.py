"""One formulation at one size in a process of its own: time and peak memory of each phase, as JSON on stdout.

Usage: ``python -m peers.one_run ROAD FOLDER WARM_UP_FOLDER REPETITIONS SOLVE_S ALGORITHM`` in the folder
``benchmarks``. The warm-up (a few hours) pays for imports and first calls; memory is that of the first repetition,
above that of the process after the warm-up. HiGHS solves the problem once, with an ALGORITHM of its option ``solver``,
if SOLVE_S (its time limit, s) is above 0; otherwise the results are those of the zero vector, which takes as long.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import highspy
import numpy as np

from peers.road import Results, size_of
from peers.roads import ROADS, road

PHASES = ("read", "build", "hand over", "solve", "results")
FREQUENCIES = (0.37, 1.9, 7.3)
"""Of the waves that label rows and columns in :func:`fingerprint`."""
PUBLIC_SOLVE_BELOW_S = 10.0
"""The public call solves once more, and breaks ties; it is tried where HiGHS takes less CPU time than this."""


def peak_mb() -> float:
    """Largest resident memory of this process so far, MB (of 2^20 bytes)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(float(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):  # not Linux; this one may count the process from which it was started
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (2.0**-20 if sys.platform == "darwin" else 2.0**-10)


class Pass:
    """The phases of one pass."""

    def __init__(self, name: str, folder: Path, *, solve_s: float = 0.0, algorithm: str = "choose") -> None:
        self.times: dict[str, tuple[float, float]] = {}
        self.peaks: dict[str, float] = {}
        self.optimum: float | None = None
        self.road = road(name)
        self._phase("read", lambda: self.road.read(folder))
        self._phase("build", self.road.build)
        self.highs = self._phase("hand over", self.road.hand_over)
        values = np.zeros(self.highs.getNumCol())
        self.stopped: str | None = None
        if solve_s > 0:
            for option, value in {
                "output_flag": False, "threads": 2, "time_limit": solve_s, "solver": algorithm,
            }.items():  # fmt: skip
                self.highs.setOptionValue(option, value)
            self._phase("solve", self.highs.run)
            status = self.highs.modelStatusToString(self.highs.getModelStatus())
            if status == "Optimal":
                values = np.array(self.highs.getSolution().col_value)
                self.optimum = abs(float(self.highs.getInfo().objective_function_value))  # some minimise
            elif status == "Time limit reached":
                self.stopped = status
            else:
                raise RuntimeError(f"{name}: {status}")
        found = self._phase("results", lambda: self.road.results(values))
        self.results: Results = found() if callable(found) else found

    def _phase(self, name: str, call: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        self.times[name] = (time.perf_counter() - wall, time.process_time() - cpu)
        self.peaks[name] = peak_mb()
        return result


def fingerprint(highs: Any) -> list[float]:
    """Sums over all entries that depend on what stands in which kind of row and column, but not on their order or sign.

    Two problems that agree in these have the same entries between the same kinds of rows and columns.
    """
    lp = highs.getLp()
    matrix = lp.a_matrix_
    counts = np.diff(np.asarray(matrix.start_))
    along, across, value = (
        np.repeat(np.arange(len(counts)), counts),
        np.asarray(matrix.index_),
        np.asarray(matrix.value_),
    )
    # HiGHS keeps the order in which it was given the entries until it solves
    row, column = (across, along) if matrix.format_ == highspy.MatrixFormat.kColwise else (along, across)

    def label(*bounds: Any) -> Any:
        """Of the finite bounds the one furthest from zero."""
        return np.max([np.where(np.abs(b) < 1e20, np.abs(b), 0.0) for b in bounds], axis=0)

    rows = label(np.asarray(lp.row_lower_), np.asarray(lp.row_upper_))
    columns = np.abs(np.asarray(lp.col_cost_)) + label(np.asarray(lp.col_lower_), np.asarray(lp.col_upper_))
    sums = [float(np.abs(lp.col_cost_).sum()), float(rows.sum()), float(columns.sum())]
    for frequency in FREQUENCIES:
        g, h = np.sin(frequency * columns) + 1.5, np.cos(frequency * rows) + 1.5
        sums.append(float((value**2 * g[column] * h[row]).sum()))
    return sums


def main() -> None:
    name, folder, warm_up, repetitions, solve_s, algorithm = sys.argv[1:7]
    Pass(name, Path(warm_up))
    gc.collect()
    baseline = peak_mb()
    first = Pass(name, Path(folder), solve_s=float(solve_s), algorithm=algorithm)
    found: dict[str, Any] = {
        "baseline_mb": baseline,
        "peak_mb": first.peaks,
        "size": size_of(first.highs),
        "times": [first.times],
        "stopped": first.stopped,
    }
    if first.optimum is not None:
        found["optimum"] = first.optimum
        found["money"] = first.results.expected(1.0 / len(first.results.dispatch["import_mw"][0]))
        if hasattr(first.road, "whole_solve") and first.times["solve"][1] < PUBLIC_SOLVE_BELOW_S:
            wall, cpu = time.perf_counter(), time.process_time()
            found["public_profit"] = first.road.whole_solve()
            found["public_solve"] = (time.perf_counter() - wall, time.process_time() - cpu)
    if ROADS[name].same_rows and first.highs.getNumNz() < 50_000_000:
        found["fingerprint"] = fingerprint(first.highs)
    del first
    found["times"] += [Pass(name, Path(folder)).times for _ in range(int(repetitions) - 1)]
    print("RESULT " + json.dumps(found))


if __name__ == "__main__":
    main()
