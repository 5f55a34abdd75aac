"""The same dispatch problem through this project, ordinary Pyomo, linopy, PyPSA and hand-written arrays.

Usage: ``python benchmarks/against_peers.py [--json FILE] [--document]``. One process per formulation, size and round
(``peers/one_run.py``), the formulations in turn, so that each round's ratios are of times taken under the same
conditions. All reach the same optimum wherever a size is solved, and hold the same problem everywhere else
(rows, columns, non-zeros and a fingerprint of the entries), or the run stops. What would take longer than
``--longest-s`` or more memory than there is, by proportion to the last size that was measured, is left out and listed.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from dispatch_case import Size, generated, write
from measure import machine
from peers.one_run import PHASES
from peers.roads import ROADS, why_not
from peers.tables import into_document, peers_tables

BENCHMARKS = Path(__file__).parent
HOURS, SITES, MEMBERS = (48, 168, 720, 8760), (1, 5, 20), (1, 20, 100)
SIZES = (
    "48x1x1", "168x1x1", "168x5x1", "168x20x1", "168x1x20", "720x1x1", "720x5x1", "720x1x20", "8760x1x1", "8760x5x1",
)  # fmt: skip
"""Hours x sites x members that are measured unless others are asked for."""
RELATIVE = 1e-6
"""How far optima may differ."""
SHARE_OF_MEMORY = 0.8
"""Of the machine's memory, the part that a run may be expected to use."""
REPEATED_BELOW_S = 1.0
"""A run shorter than this is repeated within its process."""


class DifferentProblemError(Exception):
    """Two formulations disagree on the problem or its optimum."""


def sizes(asked: list[str], largest_cells: float) -> list[Size]:
    """Those asked for, ``all`` meaning every combination of hours, sites and members, smallest first."""
    every = [Size(*numbers) for numbers in product(HOURS, SITES, MEMBERS)]
    named = [Size(*map(int, text.split("x"))) for text in asked if text != "all"]
    found = dict.fromkeys([*(every if "all" in asked else []), *named])
    return sorted((size for size in found if size.cells <= largest_cells), key=lambda size: size.cells)


def memory_mb() -> float:
    """Memory of the machine, MB; unlimited where it is not told."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("MemTotal"))
    except (OSError, StopIteration):
        return math.inf


class Comparison:
    """Collects the runs of all formulations over all sizes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.roads: list[str] = options.roads
        self.options = options
        self.runs: dict[tuple[Size, str], list[dict[str, Any]]] = {}
        self.left_out: list[dict[str, Any]] = []
        self._last: dict[str, tuple[Size, dict[str, Any]]] = {}

    def measure(self, size: Size, warm_up: Path) -> None:
        """All rounds of one size."""
        roads = [road for road in self.roads if self._fits(road, size)]
        if not roads:
            return
        with tempfile.TemporaryDirectory() as name:
            write(generated(size), Path(name))
            for number in range(self.options.rounds):
                for road in list(roads):
                    found = self._run(road, size, Path(name), warm_up, solve=number == 0)
                    if found is None:
                        roads.remove(road)
                        continue
                    self.runs.setdefault((size, road), []).append(found)
                    self._last[road] = (size, found)
                if number == 0:
                    self._compare(size, {road: self.runs[size, road][0] for road in roads})

    def _run(self, road: str, size: Size, folder: Path, warm_up: Path, *, solve: bool) -> dict[str, Any] | None:
        solve_s = self.options.solve_s if solve and size.cells <= self.options.solve_cells else 0.0
        repetitions = 1
        if road in self._last:
            before, found = self._last[road]
            if _busy_s(found) * max(1.0, size.cells / before.cells) < REPEATED_BELOW_S:
                repetitions = 3
        arguments = [road, str(folder), str(warm_up), str(repetitions), str(solve_s), self.options.algorithm]
        command = [sys.executable, "-W", "ignore", "-m", "peers.one_run", *arguments]
        done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False)
        if done.returncode < 0 or "MemoryError" in done.stderr:
            self._leave_out(road, size, "ran out of memory")
            return None
        refused = re.search(r"InputError: .* need (about \S+ GB to plan)", done.stderr)
        if refused is not None:  # this project looks at the free memory before it builds
            self._leave_out(road, size, refused[1])
            return None
        if done.returncode != 0:
            raise RuntimeError(f"{road} at {size} failed:\n{done.stderr}")
        line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
        print(f"{size}: {road}: {_busy_s(json.loads(line[7:])):.3f} s", file=sys.stderr, flush=True)
        return dict(json.loads(line[7:]))

    def _fits(self, road: str, size: Size) -> bool:
        reason = why_not(road, size)
        if reason is None and road in self._last:
            before, found = self._last[road]
            growth = size.cells / before.cells
            seconds = _busy_s(found) * growth
            peaks = dict(found["peak_mb"])
            if size.cells > self.options.solve_cells and "solve" in peaks:  # the peaks are those of HiGHS at work
                peaks = {"hand over": peaks["hand over"]}
            mb = found["baseline_mb"] + (max(peaks.values()) - found["baseline_mb"]) * growth
            if seconds > self.options.longest_s:
                reason = f"about {seconds:.0f} s"
            elif mb > SHARE_OF_MEMORY * memory_mb():
                reason = f"about {mb / 1024:.0f} GB of memory"
        if reason is not None:
            self._leave_out(road, size, reason)
        return reason is None

    def _leave_out(self, road: str, size: Size, reason: str) -> None:
        self.left_out.append({"road": road, "size": vars(size), "reason": reason})

    def _compare(self, size: Size, found: dict[str, dict[str, Any]]) -> None:
        """Raises DifferentProblemError unless all formulations hold one problem and reach one optimum."""
        same_rows = {road: run for road, run in found.items() if ROADS[road].same_rows}
        for what in ("size", "fingerprint"):
            told = {road: run[what] for road, run in same_rows.items() if what in run}
            if any(not _agree(one, next(iter(told.values()))) for one in told.values()):
                raise DifferentProblemError(f"{size}: {what} differs: {told}")
        optima = {road: run[key] for road, run in found.items() for key in ("optimum", "money") if key in run}
        optima |= {f"{road}, public": run["public_profit"] for road, run in found.items() if "public_profit" in run}
        for road, run in found.items():
            if "optimum" in run and not _agree([run["money"]], [run["optimum"]]):
                raise DifferentProblemError(f"{size}: {road}: money {run['money']} and optimum {run['optimum']}")
        if any(not _agree([one], [next(iter(optima.values()))]) for one in optima.values()):
            raise DifferentProblemError(f"{size}: the optima differ: {optima}")

    def result(self) -> dict[str, Any]:
        """All that was found, as it is written to the JSON file."""
        return {
            "benchmark": "one dispatch problem through every road",
            "machine": machine(),
            "rounds": self.options.rounds,
            "algorithm": self.options.algorithm,
            "runs": [_summary(size, road, runs) for (size, road), runs in self.runs.items()],
            "left_out": self.left_out,
        }

    def write(self, file: Path) -> None:
        """What was found so far."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.result(), indent=1) + "\n", encoding="utf-8")


def _busy_s(found: dict[str, Any]) -> float:
    """CPU seconds of a pass without the solve."""
    return sum(seconds[1] for phase, seconds in found["times"][0].items() if phase != "solve")


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return bool(one == other)
    return all(math.isclose(a, b, rel_tol=RELATIVE) for a, b in zip(one, other, strict=True))


def _summary(size: Size, road: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians and ranges over all passes of all rounds; memory is that of the largest round."""

    def spread(passes: list[list[float]]) -> dict[str, dict[str, float]]:
        return {
            clock: {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}
            for clock, seconds in zip(("wall_s", "cpu_s"), zip(*passes, strict=True), strict=True)
        }

    passes = [times for run in runs for times in run["times"]]
    phases = {phase: [p[phase] for p in passes if phase in p] for phase in PHASES if phase in passes[0]}
    overhead = [
        [sum(p[phase][clock] for phase in ("build", "hand over", "results")) for clock in (0, 1)] for p in passes
    ]
    first = runs[0]
    return {
        "road": road,
        "hours": size.hours,
        "sites": size.sites,
        "members": size.members,
        **first["size"],
        "phases": {phase: spread(times) for phase, times in phases.items()},
        "build, hand over and results": spread(overhead),
        "passes": len(passes),
        "baseline_mb": max(run["baseline_mb"] for run in runs),
        "peak_mb": {phase: max(run["peak_mb"][phase] for run in runs if phase in run["peak_mb"]) for phase in phases},
        "optimum": first.get("optimum"),
        "stopped": first["stopped"],
        "public_solve_s": first.get("public_solve"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=BENCHMARKS / "results" / "peers.json", help="file for all figures")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="such as 168x5x1, or all: hours, sites, members")
    parser.add_argument("--largest-cells", type=float, default=math.inf, help="largest hours x sites x members")
    parser.add_argument("--solve-cells", type=float, default=50_000, help="up to this size HiGHS solves, too")
    parser.add_argument("--longest-s", type=float, default=60.0, help="longest run (without the solve)")
    parser.add_argument("--solve-s", type=float, default=600.0, help="time limit of a solve")
    parser.add_argument(
        "--algorithm", default="choose", help="HiGHS's option `solver`: choose, simplex, ipm, hipo, pdlp"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--roads", nargs="+", choices=list(ROADS), default=list(ROADS))
    parser.add_argument("--document", action="store_true", help="rewrite the tables in docs/benchmarks.md")
    options = parser.parse_args()
    comparison = Comparison(options)
    with tempfile.TemporaryDirectory() as warm_up:
        write(generated(Size(6, 1, 1)), Path(warm_up))
        for size in sizes(options.sizes, options.largest_cells):
            comparison.measure(size, Path(warm_up))
            comparison.write(options.json)  # after each size: the last ones take longest
    tables = peers_tables(comparison.result())
    print(tables)
    if options.document:
        into_document("peers", tables)


if __name__ == "__main__":
    main()
