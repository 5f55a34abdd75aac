"""A year of hours of a 100 MW campus (or of several) on real prices, planned to a proven gap: size, time by phase,
bound, gap and peak memory.

Each campus has two fleets of miners (one in the firmware steps of its ladder, in whole machines, with minimum times
and start costs), a pool of 1,024 GPU nodes with a training job a week (in turn rigid, preemptible and malleable) and a
large malleable one a month, an inference service and rented nodes beside them, a battery and a hall whose cooling
follows the weather. It buys at real-time prices of ERCOT West in 2024 beside a fixed block that is resold, and pays
for the peak of each month and for the hours that are likely to be the system's. Several sites have campuses of the
same make with jobs of their own, a demand charge on their joint load, and a job a quarter that runs at any of them.

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/year.py [--hours N] [--sites N] [--gap 0.01] [--limit SECONDS] [--threads N] [--whole] [--json FILE]``. With
one thread windows follow each other, with more they are solved side by side. ``--whole`` gives the same problem to
HiGHS in one piece as well (a month takes minutes, a year does not end). The process is one of its own, so the peak
memory is that of one plan from reading to the audit.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import machine

import optimizer as opt

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ALIGNED = DATA / "aligned" / "aligned_ercot_west_2024.csv"
ZONE = "America/Chicago"
FIRST, HOURS = pd.Timestamp("2024-01-01T00:00"), 8784
NODE_HOUR_USD = 20.0
MEAN_CHAT_MTOK = 16_000


def jobs(hours: int, seed: int = 1) -> list[dict[str, Any]]:
    """One job a week, in turn rigid, preemptible and malleable, and a large malleable one a month."""
    rng = np.random.default_rng(seed)
    found = []
    for week in range(hours // 168):
        nodes = float(rng.choice([64, 128, 256]))
        run_h = float(rng.integers(30, 70))
        release = FIRST + pd.Timedelta(hours=168 * week + int(rng.integers(0, 72)))
        gang = {"gang_nodes": nodes}
        kind: dict[str, Any] = [
            {"class": "rigid"} | gang,
            {"class": "preemptible", "block_hours": 4.0} | gang,
            {"class": "malleable", "min_nodes": nodes / 4, "max_nodes": nodes},
        ][week % 3]
        found.append(
            _job(f"week{week + 1}", nodes * run_h, release, release + pd.Timedelta(hours=run_h * 2 + 24)) | kind
        )
    for month in range(hours // 720):
        work = 128.0 * float(rng.integers(250, 400))
        release = FIRST + pd.DateOffset(months=month)
        kind = {"class": "malleable", "min_nodes": 32.0, "max_nodes": 256.0, "min_run_hours": 4.0}
        due = release + pd.DateOffset(months=1)
        found.append(_job(f"month{month + 1}", work, release, due) | kind)
    return found


def _stamp(local: pd.Timestamp) -> str:
    """A local time with its UTC offset: the clocks are put back within the year."""
    return local.tz_localize(ZONE, ambiguous=True, nonexistent="shift_forward").isoformat(timespec="minutes")


def _job(name: str, work: float, release: pd.Timestamp, due: pd.Timestamp) -> dict[str, Any]:
    return {
        "kind": "training_job",
        "name": name,
        "pool": "h100",
        "work_node_hours": work,
        "release": _stamp(release),
        "deadline": _stamp(due),
        "value": round(work * NODE_HOUR_USD),
        "unfinished_value_per_node_hour": 0.6 * NODE_HOUR_USD,
        "restart_loss_hours": 0.3,
    }


def campus(name: str, hours: int, seed: int) -> dict[str, Any]:
    """Miners with commitment, GPU nodes with jobs and a service, a battery and a hall, under charges on peaks."""
    hashprice = {"series": "market.btc_hashprice_usd_per_th_day", "scale": 1000}
    block = {"kind": "fixed_block", "name": "block", "volume_mw": 30, "price_per_mwh": 30}
    return {
        "name": name,
        "grid": {"import_limit_mw": 100},
        "house_load_mw": 0.5,
        "contracts": [
            {"kind": "index_supply", "name": "spot", "price_per_mwh": "market.lz_west_rt", "adder_per_mwh": 3.0},
            block | {"resale": {"price_per_mwh": "market.lz_west_rt", "fee_per_mwh": 0.5}},
            {"kind": "demand_charge", "name": "wires", "rate_per_kw_month": 3.0},
            {
                "kind": "coincident_peak",
                "name": "transmission",
                "rate_per_kw": 67.0,
                "rule": {"months": [6, 7, 8, 9], "peaks_per_month": 1},
                "signal": "market.da_demand_forecast_mw",
                "candidate_hours": 24,
            },
        ],
        "cooling": [
            {
                "kind": "hall",
                "name": "air",
                "overhead": {"temperature_c": "market.t_db_c", "table": [[-30, 0.02], [20, 0.05], [50, 0.11]]},
            }
        ],
        "assets": [
            {
                "kind": "miner_fleet",
                "name": "s21",
                "model": "Antminer S21",
                "machines": 12_000,
                "hashprice_per_ph_day": hashprice,
                "cooling": "air",
            },
            {
                "kind": "miner_fleet",
                "name": "s19",
                "model": "Antminer S19j Pro",
                "ladder": True,
                "machines": 9000,
                "hashprice_per_ph_day": hashprice,
                "cooling": "air",
                "integer": True,
                "min_up_hours": 3,
                "min_down_hours": 2,
                "start_cost": 0.1,
            },
            {"kind": "gpu_pool", "name": "h100", "nodes": 1024, "idle_kw": 2.0, "full_kw": 10.2, "switch_minutes": 10},
            {
                "kind": "battery",
                "name": "bess",
                "power_mw": 10,
                "energy_mwh": 20,
                "charge_efficiency": 0.95,
                "discharge_efficiency": 0.95,
                "throughput_cost_per_mwh": 12,
            },
        ],
        "workloads": [
            *jobs(hours, seed),
            {
                "kind": "inference_service",
                "name": "chat",
                "pool": "h100",
                "demand_per_hour": {"series": "market.inference_outtok_norm", "scale": MEAN_CHAT_MTOK},
                "unit": "Mtok",
                "capacity_per_node_hour": 80,
                "revenue_per_unit": 0.9,
                "shed_penalty_per_unit": 1.0,
                "min_replicas": 16,
            },
            {"kind": "rental", "name": "rental", "pool": "h100", "price_per_gpu_hour": 1.2, "max_nodes": 128},
        ],
    }


def shared(hours: int, names: list[str]) -> dict[str, Any]:
    """What several sites have in common: a charge on their joint peak and a job a quarter."""
    if len(names) < 2:
        return {}
    work = []
    for quarter in range(max(1, hours // 2184)):
        release = FIRST + pd.DateOffset(months=3 * quarter)
        kind = {
            "class": "preemptible",
            "block_hours": 8.0,
            "gang_nodes": 128.0,
            "pool": [f"{name}.h100" for name in names],
        }
        work.append(_job(f"quarter{quarter + 1}", 128.0 * 120, release, release + pd.Timedelta(hours=400)) | kind)
    charge = {"kind": "demand_charge", "name": "joint_demand", "rate_per_kw_month": 0.5}
    return {"contracts": [charge], "workloads": work}


def scenario(hours: int = HOURS, sites: int = 1, **solver: Any) -> opt.Scenario:
    """The scenario, to be proven to 1 % in ten minutes, or in 45 if there are several sites."""
    names = [f"west{n + 1}" for n in range(sites)]
    case = {
        "format": 1,
        "name": f"{sites} x 100 MW, {hours} h of 2024",
        "horizon": {"start": FIRST.isoformat(timespec="minutes"), "steps": hours, "step": "1h", "timezone": ZONE},
        "data": {"market": {"file": ALIGNED.name, "time": "utc_start"}},
        "sites": [campus(name, hours, seed=number + 1) for number, name in enumerate(names)],
        "solver": {"mip_rel_gap": 0.01, "time_limit_s": 600.0 if sites == 1 else 2700.0, "threads": 2} | solver,
    }
    return opt.scenario_from_dict(case | shared(hours, names), folder=ALIGNED.parent)


class Phases(logging.Handler):
    """What the search says about itself, with seconds and CPU seconds since the start of the process's plan, and the
    most memory that the process has had so far."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.started, self.lines = time.perf_counter(), []  # type: ignore[var-annotated]

    def emit(self, record: logging.LogRecord) -> None:
        wall, cpu = round(time.perf_counter() - self.started, 1), round(time.process_time(), 1)
        self.lines.append({"wall_s": wall, "cpu_s": cpu, "peak_mb": peak_mb(), "what": record.getMessage()})
        print(f"| {wall} | {cpu} | {peak_mb()} | {record.getMessage()} |", flush=True)


def peak_mb() -> int:
    """Most memory that this process has had, MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(hours: int, sites: int, **solver: Any) -> dict[str, Any]:
    """One plan: its phases, figures and the peak memory of this process."""
    phases = Phases()
    for name in ("start_plan", "relax_and_fix", "relaxation"):
        logger = logging.getLogger(f"optimizer.{name}")
        logger.setLevel(logging.INFO)
        logger.addHandler(phases)
    started, cpu = time.perf_counter(), time.process_time()
    problem = opt.build(scenario(hours, sites, **solver))
    plan = problem.solve()
    summary = plan.summary
    return {
        "hours": hours,
        "sites": sites,
        **problem.arrays.size,
        "wall_s": round(time.perf_counter() - started, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        **{f"{name}_s": round(seconds, 2) for name, seconds in summary["timing_s"].items()},
        "status": summary["status"],
        "profit": round(plan.expected_profit),
        "bound": round(summary["bound"]),
        "gap_%": round(100 * summary["mip_gap"], 3),
        "audit": f"{summary['audit']['largest_violation']:.0e}",
        "peak_mb": peak_mb(),
        "phases": phases.lines,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A year of hours, planned to a proven gap.")
    parser.add_argument("--hours", type=int, default=HOURS)
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--limit", type=float, default=None, help="time limit of the solver, seconds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--whole", action="store_true", help="also HiGHS on the whole in one piece")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {DATA}")
        return
    solver: dict[str, Any] = {"mip_rel_gap": given.gap, "threads": given.threads} | (
        {"time_limit_s": given.limit} if given.limit else {}
    )
    print(machine())
    print("| wall, s | CPU, s | peak, MB | phase |\n| ---: | ---: | ---: | --- |")
    found = [measured(given.hours, given.sites, start_plan=True, **solver)]
    if given.whole:
        found.append(measured(given.hours, given.sites, start_plan=False, **solver))
    print("\n| | " + " | ".join(["windows", "whole"][: len(found)]) + " |")
    print("| --- |" + " ---: |" * len(found))
    for name in found[0]:
        if name != "phases":
            print(f"| {name} | " + " | ".join(str(result[name]) for result in found) + " |")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine(), "results": found}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
