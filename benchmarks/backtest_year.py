"""The year 2024 decided again day by day: a campus of 100 MW in ERCOT West, all policies, on real prices.

The campus buys day ahead and settles in real time (``LZ_WEST``), pays for the peak of each month, mines with 20,000
machines, and has 256 GPU nodes that serve a demand, train two jobs a month and are rented out otherwise. Day-ahead
prices are known from 13:00 of the day before; real-time prices, temperature and demand are forecast from what was
known; the hashprice is that of the last day. The data begin with January, so the first decision is that of 5 February.

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/backtest_year.py [--from 2024-02-05T00:00] [--to 2024-12-31T00:00] [--policy NAME ...] [--jobs 2] [--out
results/year] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from measure import machine

from optimizer.backtest.result import Backtest
from optimizer.backtest.running import backtest
from optimizer.backtest.watching import Step

ALIGNED = Path(__file__).resolve().parents[2] / "shared" / "data" / "aligned" / "aligned_ercot_west_2024.csv"
RT, DA, AIR, DEMAND = "m.lz_west_rt", "m.lz_west_da", "m.t_db_c", "m.inference_req_norm"
HASHPRICE = "m.btc_hashprice_usd_per_th_day"


def jobs(start: str, end: str) -> list[dict[str, Any]]:
    """Two training jobs a month: one that may pause and grow, one gang in blocks of four hours."""
    found = []
    months = pd.date_range(pd.Timestamp(start).normalize().replace(day=1), end, freq="MS")
    for month in months:
        for name, first, days, own in (
            ("tune", 3, 9, {"class": "malleable", "min_nodes": 0, "max_nodes": 96, "work_node_hours": 14_000}),
            (
                "gang",
                15,
                8,
                {
                    "class": "preemptible",
                    "gang_nodes": 64,
                    "block_hours": 4,
                    "restart_loss_hours": 0.3,
                    "work_node_hours": 8_192,
                },
            ),
        ):
            release = month + pd.Timedelta(days=first)
            deadline = release + pd.Timedelta(days=days)
            if release < pd.Timestamp(start) or deadline > pd.Timestamp(end):
                continue
            job = {
                "kind": "training_job",
                "name": f"{name}{month:%m}",
                "pool": "h100",
                "value": 16.0 * own["work_node_hours"],
            }
            job |= {
                "release": release.isoformat(timespec="minutes"),
                "deadline": deadline.isoformat(timespec="minutes"),
            }
            found.append(job | {"late_penalty_per_hour": 500.0, "overdue": True} | own)
    return found


def campus(start: str, end: str) -> dict[str, Any]:
    """The scenario as its file would say it."""
    fleet = {"kind": "miner_fleet", "name": "s21", "cooling": "air", "model": "Antminer S21", "machines": 20_000}
    fleet |= {"hashprice_per_ph_day": {"series": HASHPRICE, "scale": 1000}}
    chat = {"kind": "inference_service", "name": "chat", "pool": "h100", "unit": "kreq", "capacity_per_node_hour": 250}
    chat |= {
        "demand_per_hour": {"series": DEMAND, "scale": 15_000},
        "revenue_per_unit": 0.1,
        "shed_penalty_per_unit": 0.1,
    }
    site = {
        "name": "west",
        "grid": {"import_limit_mw": 100},
        "house_load_mw": 0.5,
        "contracts": [
            {"kind": "two_settlement", "name": "retail", "day_ahead_price_per_mwh": DA, "real_time_price_per_mwh": RT}
            | {"adder_per_mwh": 3.0, "virtual": False},
            {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 4.0},
        ],
        "cooling": [
            {"kind": "hall", "name": "air", "heat_limit_mw": 90}
            | {"overhead": {"temperature_c": AIR, "table": [[-25, 0.03], [20, 0.08], [45, 0.16]]}}
        ],
        "assets": [
            fleet,
            {"kind": "gpu_pool", "name": "h100", "cooling": "air", "nodes": 256, "idle_kw": 2.0, "full_kw": 10.2},
            {"kind": "battery", "name": "b", "power_mw": 5, "energy_mwh": 10, "charge_efficiency": 0.95}
            | {"discharge_efficiency": 0.95, "soc_start_mwh": 5, "throughput_cost_per_mwh": 4},
        ],
        "workloads": [
            chat,
            {"kind": "rental", "name": "spot_gpu", "pool": "h100", "price_per_gpu_hour": 1.9, "max_nodes": 64},
            *jobs(start, end),
        ],
    }
    return {
        "format": 1,
        "name": "West Texas campus, 2024",
        "horizon": {"start": start, "steps": 48, "step": "1h", "timezone": "America/Chicago"},
        "data": {"m": {"file": str(ALIGNED), "time": "utc_start"}},
        "sites": [site],
        "risk": {"cvar_alpha": 0.9, "weight": 0.3},
        "solver": {"mip_rel_gap": 1e-4, "threads": 1, "time_limit_s": 60},
        "backtest": {
            "every": "1d",
            "published": {DA: "day before 13:00", HASHPRICE: "day after 00:00 UTC"},
            "forecasts": [
                {"kind": "residual_bootstrap", "leaders": {RT: DA}, "others": [AIR], "limits": {RT: [-251, 5000]}},
                {"kind": "seasonal_naive", "columns": [DEMAND], "period": "week"},
            ],
            "members": 40,
            "reduce_to": 6,
        },
    }


def table(found: Backtest) -> str:
    """The policies as a table of the documentation."""
    lines = [
        "| policy | profit, million USD | of it positions | capture | worst days, USD | peak, MW "
        "| not done as planned | time, s | of it HiGHS |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in found.table.sort_values("profit", ascending=False).iterrows():
        share = "" if pd.isna(row["capture"]) else f"{row['capture'] * 100:.1f} %"
        lines.append(
            f"| {str(name).replace('_', ' ')} | {row['profit'] / 1e6:.3f} | {row['trading'] / 1e6:.3f} | {share} "
            f"| {row['worst_days']:,.0f} | {row['peak_import_mw']:.1f} | {row['not_done']:,.0f} "
            f"| {row['wall_s']:.0f} | {row['highs_s']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="start", default="2024-02-05T00:00")
    parser.add_argument("--to", dest="end", default="2024-12-31T00:00")
    parser.add_argument("--policy", action="append", default=None)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results") / "backtest-year")
    parser.add_argument("--no-recourse", action="store_true")
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="backtest.positions=optimize, …")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not ALIGNED.is_file():
        raise SystemExit("the prices of 2024 are not beside the project")
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / "campus.yaml"
    file.write_text(yaml.safe_dump(campus(asked.start, asked.end), sort_keys=False), encoding="utf-8")
    policies = asked.policy or ["schedule", "always_on", "strike_price", "deterministic", "ensemble", "risk_averse"]
    began = time.perf_counter()

    def progress(step: Step) -> None:
        if step.done % 30 == 0 or step.done == step.total:
            print(
                f"{time.perf_counter() - began:7.0f} s  {step.policy} {step.done}/{step.total}  {step.money:,.0f}",
                flush=True,
            )

    overrides = [*asked.overrides, *(["backtest.recourse=false"] if asked.no_recourse else [])]
    found = backtest(
        file,
        asked.start,
        asked.end,
        policies=policies,
        overrides=overrides,
        out=asked.out,
        jobs=asked.jobs,
        progress=progress,
    )
    print(machine())
    print(table(found))
    print(found.monthly_capture.round(3).to_string())
    print(f"bound {found.bound:,.0f}; {time.perf_counter() - began:.0f} s in all")
    if asked.json:
        asked.json.write_text(json.dumps(found.summary(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
