"""Roads to a plan with whole decisions: each step on and off, against HiGHS with default settings on the same matrix.

Cases: the shipped scenarios, six real weeks of 2024 (:mod:`real_weeks`), real windows of 48 hours, and the two hardest
of those found (``hard``). Roads, each on the same arrays handed over as they are:

* ``default``: HiGHS with default settings (gap and threads as the scenario says);
* ``settings``: with the project's settings, and the plan settled (whole decisions made whole, ties broken);
* ``rounding``: the linear relaxation, rounded, and branch and bound only where that proves too little;
* ``cuts``: the same, with rows from single decisions added to the relaxation where it needs them: what a plan takes;
* ``loose``: as ``cuts``, without the rows that bind each contract to the direction of the connection;
* ``searches``: branch and bound alone, from no plan, by as many settings side by side as ``--portfolio`` says (2).

A table of time (CPU time of all threads, and wall time), gap, nodes and road; ``lp gap`` is the distance from the
relaxation's bound to the best plan of any road.

Usage: ``python benchmarks/mip_roads.py [--cases shipped,weeks,windows,hard] [--windows 20] [--only campus_week,2024-05]
[--roads default,settings,rounding,cuts,loose] [--portfolio 2] [--json FILE]``; with ``--portfolio`` the roads are by
default ``settings,cuts,searches``. The real data are looked for in ``../shared/data`` beside the project.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import machine
from real_weeks import ALIGNED, WEEKS, real_week

import optimizer as opt
from optimizer.compiled import Arrays
from optimizer.dual_bound import bound_from_duals
from optimizer.highs import Outcome, relative_gap, solve
from optimizer.kept_lp import KeptLp
from optimizer.matrix import Matrix
from optimizer.solver_run import SilentHighs, pass_arrays
from optimizer.solving import find_plan

SCENARIOS = Path(__file__).parents[1] / "scenarios"
ROADS = ("default", "settings", "rounding", "cuts", "loose")
SIDE_BY_SIDE = ("settings", "cuts", "searches")
HARD = ("2024-05-07", "2024-05-08")
"""Windows of scarcity prices, the hardest found."""
DAYS_APART = 17
JOBS: dict[str, float] = {"finetune": 7000, "pretrain": 256 * 24, "evaluation": 128 * 20}
"""Node-hours of the jobs of a window of 48 hours; they are due after 44."""


def real_window(first_day: str) -> dict[str, Any]:
    """The shipped campus over 48 real hours, with work that fits into them."""
    raw = real_week(first_day, 48)
    deadline = (pd.Timestamp(first_day) + pd.Timedelta(hours=44)).isoformat(timespec="minutes")
    for work in raw["sites"][0]["workloads"]:
        if work["kind"] == "training_job":
            work.pop("release", None)
            work |= {"deadline": deadline, "work_node_hours": JOBS[work["name"]]}
    return raw


def cases(kinds: list[str], windows: int) -> Iterator[tuple[str, str, opt.Problem]]:
    """Kind, name and problem of each case that has whole decisions."""
    if "shipped" in kinds:
        for file in sorted(SCENARIOS.glob("*.yaml")):
            problem = opt.build(opt.load(file))
            if problem.arrays.integer.any():
                yield "shipped", file.stem, problem
    if not ALIGNED.is_file():
        print(f"the real data are not at {ALIGNED}: only shipped scenarios")
        return
    real = [("weeks", f"{day} {name}", real_week(day)) for name, day in WEEKS.items()]
    first = pd.Timestamp("2024-01-05")
    days = [(first + pd.Timedelta(days=DAYS_APART * number)).date().isoformat() for number in range(windows)]
    real += [("windows", day, real_window(day)) for day in days]
    real += [("hard", day, real_window(day)) for day in HARD]
    for kind, name, raw in real:
        if kind in kinds:
            yield kind, name, opt.build(opt.scenario_from_dict(raw, folder=ALIGNED.parent))


def loosened(problem: opt.Problem) -> Arrays:
    """The arrays without the rows that bind each contract to the direction."""
    arrays = problem.arrays
    kept = np.ones(arrays.matrix.shape[0], bool)
    for block in problem.compiled.blocks:
        if ".delivery_direction_" in block.constraint.name:
            kept[block.rows] = False
    matrix = arrays.matrix
    inside = kept[matrix.indices]
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))[inside]
    counts = np.bincount(columns, minlength=matrix.shape[1])
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    rows = (np.cumsum(kept) - 1)[matrix.indices[inside]].astype(np.int32)
    return replace(
        arrays,
        matrix=Matrix((int(kept.sum()), matrix.shape[1]), indptr, rows, matrix.data[inside]),
        row_lower=arrays.row_lower[kept],
        row_upper=arrays.row_upper[kept],
    )


def by_default(arrays: Arrays, options: Any) -> Outcome:
    """HiGHS as it comes."""
    highs = SilentHighs()
    for name, value in {
        "mip_rel_gap": options.mip_rel_gap,
        "mip_abs_gap": 0.0,
        "threads": options.threads,
        "time_limit": options.time_limit_s,
    }.items():
        highs.setOptionValue(name, value)
    pass_arrays(highs, arrays)
    highs.run()
    info = highs.getInfo()
    values = np.asarray(highs.getSolution().col_value)
    status = highs.modelStatusToString(highs.getModelStatus()).lower()
    objective, bound = info.objective_function_value, info.mip_dual_bound
    gap = relative_gap(objective, bound)
    return Outcome("feasible", status, objective, bound, gap, values, road="default", nodes=info.mip_node_count)


def taken(road: str, problem: opt.Problem, portfolio: int) -> Outcome:
    options = problem.scenario.solver
    if road == "default":
        return by_default(problem.arrays, options)
    if road == "settings":
        return solve(problem.arrays, options)
    if road == "searches":
        return solve(problem.arrays, options.model_copy(update={"portfolio": portfolio}))
    arrays = loosened(problem) if road == "loose" else problem.arrays
    options = options.model_copy(update={"cuts": road != "rounding"})
    return find_plan(arrays, options, compiled=problem.compiled)


def lp_bound(arrays: Arrays, options: Any) -> float:
    lp = KeptLp(arrays, options)
    lp.run()
    return bound_from_duals(arrays, np.asarray(lp.highs.getSolution().row_dual))


def measured(kind: str, name: str, problem: opt.Problem, roads: list[str], portfolio: int) -> dict[str, Any]:
    """Figures of one case: by road time, gap, nodes and road; the relaxation's distance with and without the rows."""
    row: dict[str, Any] = {"kind": kind, "case": name} | problem.arrays.size
    best = -np.inf
    for road in roads:
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = taken(road, problem, portfolio)
        row[road] = {
            "cpu_s": time.process_time() - cpu,
            "wall_s": time.perf_counter() - wall,
            "gap": outcome.gap,
            "nodes": outcome.nodes,
            "road": outcome.road,
            "stopped_by": outcome.stopped_by,
        }
        best = max(best, outcome.objective)
    options = problem.scenario.solver
    for key, arrays in (("lp_gap", problem.arrays), ("lp_gap_loose", loosened(problem))):
        row[key] = relative_gap(best, lp_bound(arrays, options))
    return row


def table(rows: list[dict[str, Any]], roads: list[str]) -> str:
    """Markdown: CPU seconds (wall seconds) by road, and sums by kind."""
    lines = [
        "| case | lp gap, % (loose) | " + " | ".join(roads) + " | road of `cuts` |",
        "| --- | ---: |" + " ---: |" * len(roads) + " --- |",
    ]
    for row in rows:
        times = [f"{row[road]['cpu_s']:.2f} ({row[road]['wall_s']:.2f})" for road in roads]
        told = row["cuts"]["road"] if "cuts" in roads else ""
        gaps = f"{row['lp_gap'] * 100:.3f} ({row['lp_gap_loose'] * 100:.3f})"
        lines.append(f"| {row['case']} | {gaps} | " + " | ".join(times) + f" | {told} |")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [row for row in rows if row["kind"] == kind]
        sums = [
            f"{sum(row[road]['cpu_s'] for row in of_kind):.2f} ({sum(row[road]['wall_s'] for row in of_kind):.2f})"
            for road in roads
        ]
        lines.append(f"| **all {kind}** ({len(of_kind)}) | | " + " | ".join(sums) + " | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="shipped,weeks,windows,hard")
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--roads", help="by default all, or those that show what a portfolio is worth")
    parser.add_argument("--only", default="", help="parts of the cases' names")
    parser.add_argument("--portfolio", type=int, help="searches side by side")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    roads = (asked.roads or ",".join(ROADS if asked.portfolio is None else SIDE_BY_SIDE)).split(",")
    only = asked.only.split(",")
    chosen = (case for case in cases(asked.cases.split(","), asked.windows) if any(part in case[1] for part in only))
    rows = [measured(*case, roads, asked.portfolio or 2) for case in chosen]
    print(table(rows, roads))
    if asked.json is not None:
        asked.json.write_text(json.dumps({"machine": machine(), "cases": rows}, indent=1))


if __name__ == "__main__":
    main()
