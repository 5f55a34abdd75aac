"""What the values of the next megawatt cost, and how well they agree with plans that were really solved.

For each scenario: CPU seconds of the plan, of the local values of all its expandable numbers (two linear programs
each, from the plan's basis), of the five most valuable ones solved again with a step more and less, of the flip points
of one hour, and of the break-even prices; and the largest relative difference between a local value (from duals) and
the difference of two optima with the whole decisions as planned. Usage: ``python benchmarks/next_megawatt.py
[SCENARIO …] [--json FILE]``; prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path
from typing import Any

from measure import machine

import optimizer as opt
from optimizer.explanation.break_even import break_even
from optimizer.explanation.fixed_plan import solved_plan
from optimizer.explanation.flip_points import flip_points
from optimizer.explanation.levers import SMALL, Variants, levers_of
from optimizer.explanation.local_value import slope
from optimizer.explanation.next_megawatt import next_megawatt

SCENARIOS = Path(__file__).parents[1] / "scenarios"
WEEKS = ("chilled_72h", "reserves_48h", "campus_week", "campus_everything_week", "contract_month")
AGAIN = 5


def measured(stem: str) -> dict[str, Any]:
    """Figures of one scenario."""
    scenario = opt.load(SCENARIOS / f"{stem}.yaml")
    problem = opt.build(scenario)
    found: dict[str, Any] = {"scenario": stem, **problem.arrays.size}
    found["plan_s"] = _cpu(problem.solve)
    found["numbers"] = len(levers_of(scenario))
    found["local_s"] = _cpu(lambda: next_megawatt(problem, reoptimise=0)) - found["plan_s"]
    found["again_s"] = _cpu(lambda: next_megawatt(problem, reoptimise=AGAIN)) - found["plan_s"] - found["local_s"]
    found["deviation"] = _deviation(problem)
    if scenario.risk.beta == 0.0:
        flips = []
        found["hour_s"] = _cpu(lambda: flips.append(flip_points(problem, steps=[17]))) - found["plan_s"]
        found["solves_of_hour"] = flips[0].solves
        found["break_even_s"] = _cpu(lambda: break_even(problem)) - found["plan_s"]
    return found


def _cpu(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _deviation(problem: opt.Problem) -> float:
    """Largest relative difference of a local value and of that of two optima, where it is more than rounding."""
    _, fixed = solved_plan(problem)
    variants = Variants(problem.scenario)
    largest = 0.0
    for lever in levers_of(problem.scenario):
        if not lever.what.in_bits or variants.moves_in_whole(lever.path):
            continue
        by = abs(lever.what.step) * SMALL
        try:
            moved = opt.build(variants.more(lever.path, by), like=problem)
        except opt.InputError:
            continue
        told, optimum = slope(fixed, moved, by), fixed.solved(moved.arrays)
        if told is None or optimum is None:
            continue
        difference = (optimum.objective - fixed.base.objective) / by
        if abs(difference) > 1e-6 * abs(fixed.base.objective) / by * 1e-3:
            largest = max(largest, abs(told.total - difference) / abs(difference))
    return largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", default=WEEKS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = []
    heads = (
        "scenario",
        "rows",
        "numbers",
        "plan, s",
        "local values, s",
        "five solved again, s",
        "flips of one hour, s",
    )
    print(f"| {' | '.join(heads)} |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for stem in given.scenarios:
        row = measured(stem)
        rows.append(row)
        hour = f"{row['hour_s']:.2f} ({row['solves_of_hour']} solves)" if "hour_s" in row else "weighs risk"
        figures = f"{row['plan_s']:.2f} | {row['local_s']:.2f} | {row['again_s']:.2f} | {hour}"
        print(f"| `{stem}` | {row['rows']:,} | {row['numbers']} | {figures} |", flush=True)
    print(f"\nLargest relative difference of a local value: {max(row['deviation'] for row in rows):.1e}")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
