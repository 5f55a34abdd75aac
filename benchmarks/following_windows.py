"""Windows that follow each other by hours, each beginning with the plan before or with its basis alone.

The campus of ``daily_windows.py`` is planned for 48 hours, again some hours later, by two roads: with
the whole decisions of the window before (:mod:`optimizer.plan_before`) and without them. Both keep structure and basis.
Reported are CPU milliseconds of build and solve (HiGHS and results) and the gap that is left. Usage: ``python
benchmarks/following_windows.py [--windows 60] [--moved-by 1 6 24] [--from 3192]``.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from collections import defaultdict
from dataclasses import replace

from daily_windows import STEPS, campus_year
from measure import machine
from real_weeks import ALIGNED

import optimizer as opt
from optimizer.problem import Problem
from optimizer.rebasing import rebased, window

ROADS = ("with the plan before", "without")


def compared(year: opt.Scenario, first: int, moved_by: int, windows: int) -> dict[str, dict[str, list[float]]]:
    """Build and solve of each window (CPU ms) and its gap in percent, by road."""
    last: dict[str, Problem] = {}
    found: dict[str, dict[str, list[float]]] = {road: defaultdict(list) for road in ROADS}
    for number in range(windows):
        scenario = rebased(year, horizon=window(year, first + moved_by * number, STEPS))
        for road in ROADS if number % 2 else ROADS[::-1]:
            started = time.process_time()
            problem = opt.build(scenario, like=last.get(road))
            if road == "without":
                problem.go_on_from(replace(problem.memory, before=None))
            built = time.process_time()
            plan = problem.solve(explain=False)
            solved = time.process_time()
            last[road] = problem
            if number:  # the first has nothing before it
                found[road]["build"].append(1e3 * (built - started))
                found[road]["solve"].append(1e3 * (solved - built))
                found[road]["gap"].append(100.0 * plan.summary["mip_gap"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--windows", type=int, default=60)
    parser.add_argument("--moved-by", type=int, nargs="+", default=[1, 6, 24])
    parser.add_argument("--from", dest="first", type=int, default=24 * 133)
    asked = parser.parse_args()
    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {ALIGNED}")
        return
    logging.getLogger("optimizer").setLevel(logging.ERROR)
    year = campus_year()
    print(machine())
    print("| moved by, h | plan before | build, ms | solve, ms: median | mean | gap, % |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for moved_by in asked.moved_by:
        found = compared(year, asked.first, moved_by, asked.windows)
        for road, rows in found.items():
            build, solve, gap = rows["build"], rows["solve"], rows["gap"]
            print(
                f"| {moved_by} | {'yes' if road == ROADS[0] else 'no'} | {statistics.median(build):.1f} "
                f"| {statistics.median(solve):.1f} | {statistics.fmean(solve):.1f} | {statistics.fmean(gap):.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
