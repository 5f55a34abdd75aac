"""What it costs to stay near yesterday's plan, and what it does to the solve, for several prices on changes.

Usage: ``python benchmarks/stable_plans.py [SCENARIO] [--rounds 3] [--json FILE]``. Yesterday's plan is that of the
scenario; today its prices of power have changed by a tenth on average (normal, seed 1), step by step. Every price on
changes, and every bound, is really solved; the times are CPU time, the least of the rounds.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine

import optimizer as opt
from optimizer.plan import Plan
from optimizer.rebasing import rebased, references
from optimizer.scenario import Scenario
from optimizer.stability.changes import worth
from optimizer.stability.given import previous_plan, without_previous_plan

SCENARIO = Path(__file__).parents[1] / "scenarios" / "two_sites_72h.yaml"
SECTIONS: tuple[dict[str, float], ...] = (
    {},
    {"cost_per_mwh": 0.5},
    {"cost_per_mwh": 2.0},
    {"cost_per_mwh": 5.0},
    {"cost_per_mwh": 20.0},
    {"most_change_mw": 5.0, "cost_beyond_per_mwh": 100.0},
    {"most_change_mw": 1.0, "cost_beyond_per_mwh": 100.0},
)
SPREAD = 0.1


def today(scenario: Scenario) -> Scenario:
    """The scenario with other prices of power."""
    random = np.random.default_rng(1)
    columns: dict[tuple[str, str], Any] = {}
    for contract in [contract for site in scenario.sites for contract in site.contracts]:
        price = getattr(contract, "price_per_mwh", None)
        if price is not None and price.reference in references(scenario):
            noise = 1.0 + SPREAD * random.standard_normal((1, scenario.horizon.steps))
            columns[price.reference] = price.values * noise
    return rebased(scenario, columns=columns)


def solved(scenario: Scenario, rounds: int) -> tuple[Plan, float]:
    """The plan, and the least CPU seconds of building and solving it."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        plan = opt.optimize(scenario)
        seconds.append(time.process_time() - started)
    return plan, min(seconds)


def measured(file: Path, rounds: int) -> list[dict[str, Any]]:
    """One row per section."""
    yesterday = opt.load(file)
    old, new = opt.optimize(yesterday), today(yesterday)
    free, free_s = solved(without_previous_plan(new), rounds)
    rows = []
    for section in SECTIONS:
        plan, cpu_s = solved(previous_plan(new, old, **section), rounds)
        rows.append(
            {
                "section": ", ".join(f"{name}: {value:g}" for name, value in section.items()) or "compared only",
                "moved_mwh": plan.summary["previous_plan"]["moved_mwh"],
                "profit": plan.expected_profit,
                "price_of_stability": worth(free) - worth(plan),
                "cpu_s": cpu_s,
                "times_free": cpu_s / free_s,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", type=Path, default=SCENARIO)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = measured(asked.scenario, asked.rounds)
    print(f"{asked.scenario.stem}\n")
    print("| section | moved, MWh | expected profit | price of stability | CPU, s | times the free solve |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        told = " | ".join(f"{row[name]:,.0f}" for name in ("moved_mwh", "profit", "price_of_stability"))
        print(f"| {row['section']} | {told} | {row['cpu_s']:.2f} | {row['times_free']:.2f} |")
    if asked.json is not None:
        asked.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
