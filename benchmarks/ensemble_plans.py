"""How large an ensemble one solve takes, what bundles of members add, and what information is worth on real prices.

A 100 MW campus over two days of August 2024 (ERCOT West): day-ahead positions, machines and engines committed day
ahead, a rigid job, a battery. The members are drawn by the residual bootstrap from what was known at midnight.
``--hard`` adds awards of reserves in blocks with a least size, engines of two more kinds and two more rigid jobs.

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/ensemble_plans.py [--members 1,5,20,50,100,200] [--gap 0.001] [--hard] [--risk 0.3] [--values]
[--json FILE]``. Each solve runs in a process of its own. ``--values`` adds EVPI, VSS, the frontier and the loss by
reduction.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DAY, HOURS = "2024-08-20", 48
ROADS = ("whole", "bundles")


def site(*, hard: bool) -> dict[str, Any]:
    """The campus."""
    rt, da, air = "forecast.lz_west_rt", "forecast.lz_west_da", "forecast.t_db_c"
    engine = {"kind": "generator", "min_load": 0.4, "commit": "day_ahead", "running_before": 0, "min_down_hours": 3}
    gas = {"fuel_price_per_gj": 3.0, "operation_per_mwh": 8.0, "min_up_hours": 4}
    contracts: list[dict[str, Any]] = [
        {
            "kind": "two_settlement",
            "name": "market",
            "day_ahead_price_per_mwh": da,
            "real_time_price_per_mwh": rt,
            "adder_per_mwh": 3.0,
            "virtual": False,
        },
        {"kind": "export", "name": "sellback", "price_per_mwh": rt, "fee_per_mwh": 1.0},
    ]
    ladder = [("eco", 80, 2000), ("normal", 92, 2500), ("high", 100, 2970)]
    assets: list[dict[str, Any]] = [
        {
            "kind": "miner_fleet",
            "name": "s21",
            "cooling": "air",
            "model": "Antminer S21",
            "machines": 12_000,
            "hashprice_per_ph_day": 46.0,
            "pool_fee": 0.01,
        },
        {
            "kind": "miner_fleet",
            "name": "s19",
            "cooling": "air",
            "machines": 10_000,
            "modes": [{"name": name, "hash_th_s": hash_th_s, "power_w": watt} for name, hash_th_s, watt in ladder],
            "hashprice_per_ph_day": 46.0,
            "pool_fee": 0.01,
            "commit": "day_ahead",
            "start_cost": 0.10,
            "min_up_hours": 4,
            "min_down_hours": 3,
        },
        engine | gas | {"name": "gas", "units": 4, "unit_mw": 2.5, "heat_rate_gj_per_mwh": 9.5, "start_cost": 250},
        {"kind": "gpu_pool", "name": "h100", "cooling": "air", "nodes": 512, "gpus_per_node": 8}
        | {"idle_kw": 2.0, "full_kw": 10.2},
        {"kind": "battery", "name": "bess", "power_mw": 10, "energy_mwh": 20, "throughput_cost_per_mwh": 12}
        | {"charge_efficiency": 0.95, "discharge_efficiency": 0.95},
    ]
    rigid = {"kind": "training_job", "pool": "h100", "class": "rigid", "min_nodes": 128, "max_nodes": 128}
    malleable = {"kind": "training_job", "pool": "h100", "class": "malleable"}
    workloads: list[dict[str, Any]] = [
        rigid | {"name": "pretrain", "work_node_hours": 2560, "deadline": "2024-08-21T20:00", "value": 60_000},
        malleable | {"name": "finetune", "work_node_hours": 4000, "max_nodes": 160, "value": 90_000},
        {"kind": "rental", "name": "spot_gpu", "pool": "h100", "price_per_gpu_hour": 1.7, "max_nodes": 256},
    ]
    if hard:
        contracts += [
            {"kind": "ancillary_service", "name": name, "direction": "up", "price_per_mw_h": price, "min_mw": 5}
            | {"block_hours": 4, "providers": ["s21", "bess"], "sustain_hours": hours, "deployment_probability": 0.02}
            for name, price, hours in (("rrs", 9.0, 0.5), ("ecrs", 12.0, 2.0))
        ]
        diesel = {"fuel_price_per_gj": 14.0, "operation_per_mwh": 15.0, "min_up_hours": 2}
        assets += [
            engine | gas | {"name": "old", "units": 3, "unit_mw": 1.6, "heat_rate_gj_per_mwh": 11.0, "start_cost": 90},
            engine
            | diesel
            | {"name": "diesel", "units": 5, "unit_mw": 1.2, "heat_rate_gj_per_mwh": 9.8, "start_cost": 40},
        ]
        workloads += [
            rigid | {"name": "eval", "work_node_hours": 1280, "deadline": "2024-08-21T12:00", "value": 21_000},
            rigid | {"name": "distil", "work_node_hours": 1920, "value": 31_000},
        ]
    return {
        "name": "west",
        "grid": {"import_limit_mw": 100, "export_limit_mw": 10},
        "house_load_mw": 0.5,
        "contracts": contracts,
        "cooling": [
            {"kind": "hall", "name": "air", "heat_limit_mw": 95}
            | {"overhead": {"temperature_c": air, "table": [[-20, 0.02], [20, 0.05], [50, 0.11]]}}
        ],
        "assets": assets,
        "workloads": workloads,
    }


def scenario(members: int, *, gap: float, hard: bool, risk: float, time_limit_s: float = 300.0) -> Any:
    """The campus with members drawn from the year's own past."""
    from forecast_skill import AIR, CAPS, DA, RT, ZONE, ercot

    import optimizer as opt
    from optimizer.forecasting import ResidualBootstrap, issue
    from optimizer.horizon import Horizon

    window = Horizon(start=f"{DAY}T00:00", steps=HOURS, step="1h", timezone=ZONE)
    forecast = issue(ResidualBootstrap({RT: DA}, (AIR,), limits=CAPS), ercot(), window.start, window, members)
    with tempfile.TemporaryDirectory() as folder:
        case = {
            "format": 1,
            "name": f"Two days of August 2024 in {members} members",
            "horizon": {"start": window.start, "steps": HOURS, "step": "1h", "timezone": ZONE},
            "sites": [site(hard=hard)],
            "risk": {"cvar_alpha": 0.9, "weight": risk},
            "solver": {"mip_rel_gap": gap, "time_limit_s": time_limit_s, "threads": 2},
        }
        return opt.scenario_from_dict(case | forecast.to_sources(Path(folder) / "forecast.nc"))


def one(members: int, road: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """One solve in this process: times, peak memory, plan and bound."""
    import optimizer as opt
    from optimizer.uncertainty import solve_in_bundles

    case = scenario(members, **options)
    wall, cpu = time.perf_counter(), time.process_time()
    problem = opt.build(case)
    found: dict[str, Any] = {"members": members, "road": road} | problem.arrays.size
    found["build_s"] = problem.build_s
    try:
        plan = problem.solve() if road == "whole" else solve_in_bundles(problem)
    except opt.OptimizerError as error:
        return found | {"status": type(error).__name__, "wall_s": time.perf_counter() - wall}
    names = ("status", "road", "objective", "bound", "mip_gap")
    found |= {("found_by" if name == "road" else name): plan.summary[name] for name in names}
    found |= {"solve_s": plan.summary["timing_s"]["solve"], "wall_s": time.perf_counter() - wall}
    found |= {"cpu_s": time.process_time() - cpu}
    return found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def in_process(members: int, road: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """:func:`one` in a process of its own."""
    command = [sys.executable, __file__, "--one", json.dumps([members, road, dict(options)])]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def values(options: Mapping[str, Any]) -> dict[str, Any]:
    """EVPI, VSS, frontier, worst member, and the loss by reduction, of twenty members."""
    from optimizer.uncertainty import frontier, profit_lost, reduced, value_of_information, worst_member_plan

    case = scenario(20, **options)
    clock = time.perf_counter()
    information = value_of_information(case)
    found: dict[str, Any] = {"information": information.as_dict() | {"seconds": time.perf_counter() - clock}}
    del found["information"]["by_member"]
    points = frontier(case)
    found["frontier"] = points.table.to_dict("records")
    clock = time.perf_counter()
    robust = worst_member_plan(case)
    found["worst_member"] = {
        "worst_profit": robust.worst_profit,
        "worst_bound": robust.worst_bound,
        "expected_profit": robust.plan.expected_profit,
        "seconds": time.perf_counter() - clock,
    }
    rows = []
    for method in ("forward", "medoids", "energy"):
        for members in (10, 5, 3):
            smaller = reduced(case, members, method)
            loss = profit_lost(case, smaller.scenario)
            rows.append(
                {
                    "method": method,
                    "members": members,
                    "transport": smaller.reduction.lost_share,
                    "energy": smaller.reduction.energy / smaller.reduction.energy_of_one,
                    "promised_too_much": loss.promised_too_much,
                    "loss": loss.loss,
                    "loss_%": 100 * (loss.loss or 0.0) / loss.full,
                }
            )
    return found | {"reduction": rows}


def markdown(rows: list[dict[str, Any]], columns: Mapping[str, str]) -> str:
    """A table of rows, ``columns`` by name with their formats."""
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    for row in rows:
        cells = (format(row[name], form) if row.get(name) is not None else "" for name, form in columns.items())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", default="1,5,20,50,100,200")
    parser.add_argument("--roads", default=",".join(ROADS))
    parser.add_argument("--gap", type=float, default=1e-3)
    parser.add_argument("--time-limit", type=float, default=300.0)
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--risk", type=float, default=0.0)
    parser.add_argument("--values", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        json.dump(one(*json.loads(asked.one)), sys.stdout)
        return
    from forecast_skill import ALIGNED

    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {ALIGNED}")
        return
    options = {"gap": asked.gap, "hard": asked.hard, "risk": asked.risk, "time_limit_s": asked.time_limit}
    rows = []
    for members in map(int, filter(None, asked.members.split(","))):
        for road in asked.roads.split(","):
            rows.append(in_process(members, road, options))
            print(rows[-1], file=sys.stderr, flush=True)
    found: dict[str, Any] = {"options": options, "solves": rows}
    form = {"rows": ",", "columns": ",", "integers": ",", "build_s": ".2f", "solve_s": ".1f", "cpu_s": ".1f"}
    print(
        markdown(
            rows,
            {"members": "", "road": ""}
            | form
            | {"peak_mb": ".0f", "status": "", "objective": ",.0f", "bound": ",.0f", "mip_gap": ".2e", "found_by": ""},
        )
    )
    if asked.values:
        found |= values(options)
        print(json.dumps(found["information"], indent=1))
        print(markdown(found["frontier"], {"weight": "g", "expected_profit": ",.0f", "cvar": ",.0f", "gap": ".1e"}))
        print(found["worst_member"])
        shares = {"transport": ".2f", "energy": ".2f", "promised_too_much": ",.0f", "loss": ",.0f", "loss_%": ".2f"}
        print(markdown(found["reduction"], {"method": "", "members": ""} | shares))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
