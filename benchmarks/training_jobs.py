"""Forty training jobs of a real cluster over two weeks, planned together on real prices: size, time and proven gap.

The jobs are every second or third of a sample of Philly's trace (submit time, GPUs, hours), or with ``--draws`` others
of it, chosen at random with that number as seed; each GPU of the trace stands for a node of 8 GPUs. Short jobs and
those of 16 nodes are rigid, those of 8 preemptible in blocks of 4 hours, those of 4 malleable. A job is worth 20 USD
per node-hour when finished by its deadline (half as long again as it takes, at least a day more), loses 1 % of that per
hour of lateness, and is credited four fifths for work that is left at the end. They compete for 32 nodes (or for two
pools, one of half the speed) beside a fleet of miners, at the real-time prices of ERCOT West in August 2024. The plan
starts from one made job by job (``solver.start_plan``).

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/training_jobs.py [one_pool|two_pools ...] [--draws 0,1,2] [--without-start] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import machine

import optimizer as opt

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ALIGNED = DATA / "aligned" / "aligned_ercot_west_2024.csv"
JOBS = DATA / "training_jobs" / "philly_sample_100_two_weeks.csv"
START, STEPS = pd.Timestamp("2024-08-05T00:00"), 336
NODE_HOUR_USD = 20.0
SHORT_HOURS = 12.0


def jobs(count: int = 40, draw: int = 0) -> list[dict[str, Any]]:
    """Jobs of the trace, evenly chosen over the two weeks (draw 0) or at random, as a scenario file would write them,
    without a pool."""
    trace = pd.read_csv(JOBS)
    even = np.linspace(0, len(trace) - 1, count).round().astype(int)
    chosen = trace.iloc[even] if draw == 0 else trace.sample(count, random_state=draw).sort_index()
    found = []
    for number, job in chosen.iterrows():
        release = START + pd.Timedelta(hours=round(float(job["submit_hour"]), 2))
        hours, nodes = float(job["duration_h"]), float(job["num_gpus"])
        value = round(float(job["gpu_hours"]) * NODE_HOUR_USD, 2)
        found.append(
            {
                "kind": "training_job",
                "name": f"{job['job_id']}-{number}",
                "work_node_hours": float(job["gpu_hours"]),
                "release": release.isoformat(timespec="minutes"),
                "deadline": (release + pd.Timedelta(hours=max(1.5 * hours, hours + 24))).isoformat(timespec="minutes"),
                "value": value,
                "late_penalty_per_hour": value / 100,
                "unfinished_value_per_node_hour": 0.8 * NODE_HOUR_USD,
                "restart_loss_hours": 0.3,
            }
            | _class(hours, nodes)
        )
    return found


def _class(hours: float, nodes: float) -> dict[str, Any]:
    if hours < SHORT_HOURS or nodes == 16:
        return {"class": "rigid", "gang_nodes": nodes}
    if nodes == 8:
        return {"class": "preemptible", "gang_nodes": nodes, "block_hours": 4.0}
    return {"class": "malleable", "min_nodes": 1.0, "max_nodes": nodes}


def campus(work: list[dict[str, Any]], *, two_pools: bool = False) -> dict[str, Any]:
    """The jobs on one pool, or on two of which the second is half as fast, beside 2,000 miners."""
    h100 = {"kind": "gpu_pool", "name": "h100", "nodes": 32, "idle_kw": 2.0, "full_kw": 10.2, "switch_minutes": 10.0}
    a100 = h100 | {"name": "a100", "nodes": 16, "idle_kw": 1.5, "full_kw": 6.5}
    miners = {
        "kind": "miner_fleet",
        "name": "s21",
        "model": "Antminer S21",
        "machines": 2000,
        "hashprice_per_ph_day": {"series": "market.btc_hashprice_usd_per_th_day", "scale": 1000},
    }
    where: dict[str, Any] = {"pool": "h100"}
    if two_pools:
        where = {"pool": ["h100", "a100"], "speed_by_pool": {"h100": 1.0, "a100": 0.5}}
        h100 = h100 | {"nodes": 24}
    return {
        "name": "west",
        "contracts": [{"kind": "index_supply", "name": "spot", "price_per_mwh": "market.lz_west_rt"}],
        "assets": [h100, *([a100] if two_pools else []), miners],
        "workloads": [job | where for job in work],
    }


def scenario(*, two_pools: bool = False, count: int = 40, draw: int = 0, start_plan: bool = True) -> opt.Scenario:
    """The scenario, to be proven to 1 % in two minutes."""
    case = {
        "format": 1,
        "name": f"{count} training jobs over two weeks",
        "horizon": {
            "start": START.isoformat(timespec="minutes"),
            "steps": STEPS,
            "step": "1h",
            "timezone": "America/Chicago",
        },
        "data": {"market": {"file": ALIGNED.name, "time": "utc_start"}},
        "sites": [campus(jobs(count, draw), two_pools=two_pools)],
        "solver": {"mip_rel_gap": 0.01, "time_limit_s": 120.0, "threads": 2, "start_plan": start_plan},
    }
    return opt.scenario_from_dict(case, folder=ALIGNED.parent)


def measured(name: str, draw: int, *, start_plan: bool) -> dict[str, Any]:
    """Size, time and gap of one variant."""
    wall, cpu = time.perf_counter(), time.process_time()
    problem = opt.build(scenario(two_pools=name == "two_pools", draw=draw, start_plan=start_plan))
    plan = problem.solve()
    summary, ledger = plan.summary, plan.summary["ledger"]
    training = sum(amount for line, amount in ledger.items() if line.startswith("training_"))
    at_end = plan.dispatch["finished"].isel(time=-1, member=0)
    return {
        "variant": name,
        "draw": draw,
        "start plan": start_plan,
        **{what: int(number) for what, number in problem.arrays.size.items()},
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "status": summary["status"],
        "road": summary["road"],
        "profit": round(plan.expected_profit),
        "training_usd": round(training),
        "bound": round(summary["bound"]),
        "gap_%": round(100 * summary["mip_gap"], 2),
        "gap_of_training_%": round(100 * (summary["bound"] - plan.expected_profit) / training, 2),
        "finished": int(at_end.sum()),
        "audit": f"{summary['audit']['largest_violation']:.0e}",
    }


def main() -> None:
    if not (ALIGNED.is_file() and JOBS.is_file()):
        print(f"skipped: the real data are not at {DATA}")
        return
    parser = argparse.ArgumentParser(description="Forty real training jobs over two weeks.")
    parser.add_argument("variants", nargs="*", default=["one_pool", "two_pools"], metavar="one_pool|two_pools")
    parser.add_argument("--draws", default="0", help="which jobs, e.g. 0,1,2; 0: evenly chosen (default)")
    parser.add_argument("--without-start", action="store_true", help="leave it to HiGHS alone")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    print(machine())
    found = []
    for name in given.variants:
        for draw in map(int, given.draws.split(",")):
            found.append(measured(name, draw, start_plan=not given.without_start))
            print(found[-1], flush=True)
    print("\n| | " + " | ".join(str(row["variant"]) for row in found) + " |\n| --- |" + " ---: |" * len(found))
    for name in found[0]:
        print(f"| {name} | " + " | ".join(str(row[name]) for row in found) + " |")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine(), "results": found}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
