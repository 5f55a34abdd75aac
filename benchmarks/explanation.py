"""What explaining a plan costs: CPU time of working out all reasons against that of the solve, week by week.

The shipped scenarios, and the real weeks of 2024 where their data are beside the project. Reasons are worked out from
the duals that the solve has left; where it has left none, the linear program with the whole decisions fixed is solved
once more, and its time counts.

Usage: ``python benchmarks/explanation.py [--repeats N] [--json FILE]``; prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import Stopwatch, machine
from real_weeks import ALIGNED, WEEKS, real_week

import optimizer as opt
from optimizer.explanation.reason import CODES

ROOT = Path(__file__).resolve().parents[1]


def cases() -> Iterator[tuple[str, opt.Scenario]]:
    """Names and scenarios to be explained."""
    for path in sorted((ROOT / "scenarios").glob("*.yaml")):
        yield path.stem, opt.load(path)
    if ALIGNED.is_file():
        for name, first_day in WEEKS.items():
            yield f"real week: {name}", opt.scenario_from_dict(real_week(first_day), folder=ALIGNED.parent)


def measured(scenario: opt.Scenario, repeats: int) -> dict[str, float | int | str]:
    """CPU seconds of the solve and of the explanation (medians), and what the explanation says most often."""
    watch = Stopwatch()
    problem = opt.build(scenario)
    for _ in range(repeats):
        plan = watch.of("solve", problem.solve)
        found = watch.of("explain", lambda plan=plan: plan.explanation)
    assert found is not None
    counts = np.bincount(np.concatenate([of.codes.ravel() for of in found.reasons.values()]), minlength=len(CODES))
    solve, explain = (watch.median(name, clock="cpu_s") for name in ("solve", "explain"))
    return {
        "components": len(found.reasons),
        "reasons": int(counts.sum()),
        "columns": problem.arrays.size["columns"],
        "solve_cpu_s": solve,
        "explain_cpu_s": explain,
        "share": explain / solve,
        "kinds_of_reason": int((counts > 0).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {name: measured(scenario, arguments.repeats) for name, scenario in cases()}
    print("| scenario | columns | reasons | solve, CPU s | explanation, CPU s | share |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, of in found.items():
        print(
            f"| {name} | {of['columns']:,} | {of['reasons']:,} | {of['solve_cpu_s']:.3f} | {of['explain_cpu_s']:.3f} "
            f"| {of['share']:.0%} |"
        )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"machine": machine(), "cases": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
