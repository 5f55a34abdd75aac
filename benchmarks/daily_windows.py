"""Daily re-solves of a 48-hour window of a 100 MW campus on the real data of 2024: what is ours, and what is HiGHS's.

Each day the campus is planned anew for the next 48 hours. Two roads over the same windows:

* **kept**: one problem is compiled, the later ones are re-bound to their own data, and what a solve has learnt is left
  to the next (``opt.build(scenario, like=problem)``);
* **plain**: each window is compiled anew and the arrays are handed to HiGHS with its default options, cold.

Reported are the wall time of the kept road over the sum of HiGHS's own run times within it, and that sum against the
plain road's. The data are looked for in ``../shared/data`` beside the project. Usage: ``python
benchmarks/daily_windows.py [--days 20] [--json FILE]``; a year is ``--days 365``.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from measure import machine
from real_weeks import ALIGNED, real_week

import optimizer as opt
from optimizer.problem import Problem
from optimizer.rebasing import rebased, window
from optimizer.solver_run import SilentHighs, pass_arrays

STEPS, HOURS_OF_YEAR = 48, 8784
WORKLOADS: list[dict[str, Any]] = [
    {
        "kind": "training_job", "name": "finetune", "pool": "h100", "class": "malleable", "work_node_hours": 9000,
        "min_nodes": 64, "max_nodes": 320, "value": 160000, "restart_loss_hours": 0.3,
    },
    {
        "kind": "training_job", "name": "evaluation", "pool": "h100", "class": "preemptible", "min_nodes": 128,
        "max_nodes": 128, "work_node_hours": 3072, "value": 75000, "restart_loss_hours": 0.25, "block_hours": 4,
        "unfinished_value_per_node_hour": 8,
    },
]  # fmt: skip
"""Work of every window: due at its end."""
DEMAND_CHARGE: dict[str, Any] = {
    "kind": "demand_charge", "name": "wires", "rate_per_kw_month": 4.0, "month_to_date_peak_mw": 60.0,
}  # fmt: skip


def campus_year() -> opt.Scenario:
    """The shipped campus over the year 2024 on real data, with work that is due at the end of the horizon."""
    raw = real_week("2024-01-01", HOURS_OF_YEAR)
    site = raw["sites"][0]
    site["workloads"] = WORKLOADS + [w for w in site["workloads"] if w["kind"] != "training_job"]
    spot = next(c for c in site["contracts"] if c["name"] == "spot")
    site["contracts"].append(spot | {"name": "day_ahead", "price_per_mwh": "market.lz_west_da", "adder_per_mwh": 3.5})
    site["contracts"].append(DEMAND_CHARGE)
    raw["name"] = "100 MW campus, windows of 48 hours"
    return opt.scenario_from_dict(raw, folder=ALIGNED.parent)


class Stopwatch:
    """Seconds (and processor seconds) that HiGHS itself has run, wherever the library calls it."""

    def __init__(self) -> None:
        self.seconds, self.cpu_s, self.runs = 0.0, 0.0, 0

    @contextmanager
    def within(self) -> Iterator[None]:
        """Count the runs of all HiGHS objects in here."""
        kept = highspy.Highs.run

        def timed(highs: Any) -> Any:
            started, cpu = time.perf_counter(), time.process_time()
            try:
                return kept(highs)
            finally:
                self.seconds += time.perf_counter() - started
                self.cpu_s += time.process_time() - cpu
                self.runs += 1

        highspy.Highs.run = timed
        try:
            yield
        finally:
            highspy.Highs.run = kept


def plain_highs(scenario: opt.Scenario) -> tuple[float, float, float]:
    """Seconds and processor seconds of HiGHS with its own options, but for the gap, on arrays handed over plainly;
    and the profit."""
    arrays = opt.build(scenario).arrays
    highs = SilentHighs()
    highs.setOptionValue("mip_rel_gap", scenario.solver.mip_rel_gap)
    highs.setOptionValue("threads", scenario.solver.threads)
    pass_arrays(highs, arrays)
    started, cpu = time.perf_counter(), time.process_time()
    highs.run()
    return time.perf_counter() - started, time.process_time() - cpu, highs.getInfo().objective_function_value


def main() -> None:
    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {ALIGNED}")
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    logging.getLogger("optimizer").setLevel(logging.ERROR)
    year = campus_year()
    spread = max(1, 365 // options.days)
    firsts = [24 * spread * day for day in range(options.days)]
    rows = compared(year, firsts)
    figures = totals(rows)
    print(table(figures))
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(), "totals": figures, "days": rows}, indent=1))


def compared(year: opt.Scenario, firsts: list[int]) -> list[dict[str, Any]]:
    """Both roads, window by window in turns."""
    problem: Problem | None = None
    rows = []
    for first in firsts:
        times: dict[str, float] = defaultdict(float)
        clock = Stopwatch()
        with clock.within():
            started, cpu = time.perf_counter(), time.process_time()
            scenario = timed(times, "window", lambda first=first: rebased(year, horizon=window(year, first, STEPS)))
            problem = timed(times, "build", lambda s=scenario, p=problem: opt.build(s, like=p))
            plan = problem.solve()
            times["wall"], times["cpu"] = time.perf_counter() - started, time.process_time() - cpu
        kept = problem._kept
        plain_s, plain_cpu, plain_profit = plain_highs(scenario)
        gap = scenario.solver.mip_rel_gap
        if abs(plan.summary["objective"] - plain_profit) > 2 * gap * max(1.0, abs(plain_profit)):
            raise AssertionError(f"window at step {first}: {plan.summary['objective']} against {plain_profit}")
        rows.append(
            {
                "step": first, "highs_s": clock.seconds, "highs_cpu": clock.cpu_s, "highs_runs": clock.runs,
                "plain_highs_s": plain_s, "plain_highs_cpu": plain_cpu,
                "results_s": plan.summary["timing_s"]["results"], "road": plan.summary["road"],
                "status": plan.status, "evaluated": 0 if kept is None else kept.evaluated, **times,
            }
        )  # fmt: skip
    return rows


def timed(times: dict[str, float], name: str, call: Callable[[], Any]) -> Any:
    """Result of a call whose seconds are added up under a name."""
    started = time.perf_counter()
    found = call()
    times[name] += time.perf_counter() - started
    return found


def totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over the days, medians of our own parts, and the two ratios."""
    sums = {
        name: sum(row[name] for row in rows)
        for name in ("wall", "cpu", "highs_s", "highs_cpu", "plain_highs_s", "plain_highs_cpu")
    }
    own = {name: statistics.median(row[name] for row in rows) * 1e3 for name in ("window", "build", "results_s")}
    rest = [row["cpu"] - row["highs_cpu"] for row in rows]
    return {
        "windows": len(rows),
        "wall_s": sums["wall"],
        "highs_s": sums["highs_s"],
        "plain_highs_s": sums["plain_highs_s"],
        "wall_over_highs": sums["wall"] / sums["highs_s"],
        "wall_over_highs_by_cpu": sums["cpu"] / sums["highs_cpu"],
        "plain_over_kept": sums["plain_highs_s"] / sums["highs_s"],
        "plain_over_kept_by_cpu": sums["plain_highs_cpu"] / sums["highs_cpu"],
        "median_ms": {"window": own["window"], "build": own["build"], "results": own["results_s"],
                      "all but HiGHS (processor)": statistics.median(rest) * 1e3,
                      "HiGHS (processor)": statistics.median(r["highs_cpu"] for r in rows) * 1e3},
        "roads": dict(Counter(row["road"] for row in rows)),
        "optimal": sum(row["status"] == "optimal" for row in rows),
        "longest_s": float(np.max([row["wall"] for row in rows])),
    }  # fmt: skip


def table(figures: dict[str, Any]) -> str:
    """The totals as a markdown table."""
    lines = ["| figure | value |", "| --- | ---: |"]
    for name, value in figures.items():
        if name == "median_ms":
            lines += [f"| median {part}, ms | {ms:.2f} |" for part, ms in value.items()]
        elif isinstance(value, dict):
            lines += [f"| windows by road: {part} | {count} |" for part, count in value.items()]
        else:
            lines.append(
                f"| {name.replace('_', ' ')} | {value:.3g} |" if isinstance(value, float) else f"| {name} | {value} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
