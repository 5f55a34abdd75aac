"""A sweep of a plan of 48 hours: how much of the machine's ideal throughput it reaches.

Plans of three sizes: ``day_ahead`` (shipped, 20 members), ``reserves`` (shipped, 5 members, ancillary services) and
``campus``, the first two days of the shipped campus, which HiGHS solves in a few hundredths of a second, so that all
the rest weighs most. The points are rows of a table: price level, hashprice level and import limit, drawn with a fixed
seed. Ideal is the sum of HiGHS's own run times divided by the cores: no reading, building, results, audit, files, start
of processes. Measured are whole commands:

* **processes**: ``optimizer sweep … --jobs CORES``, from the start of its Python to the results on disk;
* **Dask**: the same through a local cluster of as many worker processes, which is running already;
* **killed and resumed**: SIGKILL to all processes at half of the points, then ``--resume``; every figure but the times
  has to be the same as without.

HiGHS's own run time is a share of what a plan reports as the solver's time; the share is measured in this process at
some of the points. Usage: ``python benchmarks/sweep_throughput.py [--case reserves] [--points 60]
[--jobs CORES] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from daily_windows import Stopwatch
from measure import machine

import optimizer as opt
from optimizer.loading import read_raw
from optimizer.parallel import cores
from optimizer.sweeps.points import Point, PointSolver, groundwork
from optimizer.yaml_reader import to_yaml

SCENARIOS = Path(__file__).parents[1] / "scenarios"
PRICES = {
    "reserves": "sites.odessa.contracts.power.real_time_price_per_mwh.scale",
    "campus": "sites.odessa.contracts.spot.price_per_mwh.scale",
    "day_ahead": "sites.odessa.contracts.spot.price_per_mwh.scale",
}
"""What stands for the price level in each plan."""
WORKLOADS: list[dict[str, Any]] = [
    {
        "kind": "training_job", "name": "finetune", "pool": "h100", "class": "malleable", "work_node_hours": 9000,
        "min_nodes": 64, "max_nodes": 320, "deadline": "2024-08-20T22:00", "value": 160000, "restart_loss_hours": 0.3,
    },
    {
        "kind": "training_job", "name": "evaluation", "pool": "h100", "class": "preemptible", "min_nodes": 128,
        "max_nodes": 128, "work_node_hours": 3072, "deadline": "2024-08-21T00:00", "value": 75000,
        "restart_loss_hours": 0.25, "block_hours": 4, "unfinished_value_per_node_hour": 8,
    },
]  # fmt: skip
TIMES = ["solve_s", "point_s", "cpu_s"]
SAMPLED = 12


def scenario_file(case: str, folder: Path) -> Path:
    """The scenario of a case; the campus over its first 48 hours has work that is due within them."""
    if case != "campus":
        return SCENARIOS / f"{case}_48h.yaml"
    raw = read_raw(SCENARIOS / "campus_week.yaml", ["horizon.steps=48"]).data
    raw["name"] = "100 MW campus, 48 hours"
    raw["data"]["market"]["file"] = str((SCENARIOS / raw["data"]["market"]["file"]).resolve())
    site = raw["sites"][0]
    site["workloads"] = WORKLOADS + [w for w in site["workloads"] if w["kind"] != "training_job"]
    path = folder / "campus_48h.yaml"
    path.write_text(to_yaml(raw), encoding="utf-8")
    return path


def variations_table(case: str, points: int) -> pd.DataFrame:
    rng = np.random.default_rng(20240819)
    return pd.DataFrame(
        {
            PRICES[case]: rng.uniform(0.6, 1.6, points).round(4),
            "sites.odessa.assets.s21.hashprice_per_ph_day.scale": rng.uniform(0.7, 1.3, points).round(4),
            "sites.odessa.grid.import_limit_mw": rng.uniform(80, 120, points).round(2),
        }
    )


def command(file: Path, table: Path, out: Path, jobs: int, *options: str) -> list[str]:
    sweep = ["sweep", str(file), "--table", str(table), "--jobs", str(jobs), "--out", str(out)]
    return [sys.executable, "-m", "optimizer.cli", *sweep, *options]


def whole(arguments: list[str]) -> float:
    """Seconds of a command."""
    started = time.perf_counter()
    done = subprocess.run(arguments, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 4):  # 4: some points have no plan, which is no failure of the sweep
        raise subprocess.CalledProcessError(done.returncode, arguments)
    return time.perf_counter() - started


def kill_at(arguments: list[str], out: Path, points: int) -> int:
    """Start a command, kill it and its workers when so many points are kept; how many were kept then."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, start_new_session=True)
    kept = out / "points.jsonl"
    while not kept.exists() or kept.read_bytes().count(b"\n") < points:
        if process.poll() is not None:
            raise RuntimeError("the sweep was over before it could be killed")
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return kept.read_bytes().count(b"\n")


def read(out: Path) -> xr.Dataset:
    with xr.open_dataset(out / "sweep.nc", engine="h5netcdf") as dataset:
        return dataset.load()


def through_dask(file: Path, table: Path, jobs: int) -> tuple[xr.Dataset, float]:
    """The sweep by a cluster of ``jobs`` workers, which have imported what they need, and its seconds."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(jobs)
        started = time.perf_counter()
        return opt.sweep(file, table=table, cluster=cluster.scheduler_address), time.perf_counter() - started


def share_of_highs(file: Path, table: pd.DataFrame) -> dict[str, float]:
    """HiGHS's own runs against what a plan reports as the solver's time and against the whole point, CPU seconds."""
    ground, _, _ = groundwork(file)
    solver, clock = PointSolver(replace(ground, reference=table.iloc[0].to_dict())), Stopwatch()
    solver.record(Point(table.iloc[0].to_dict()))  # imports, and what is compiled once
    records = []
    with clock.within():
        for _, row in table.head(SAMPLED).iterrows():
            records.append(solver.record(Point(row.to_dict())))
    return {
        "of_solve_s": clock.seconds / sum(record.get("solve_s", 0.0) for record in records),
        "rest_cpu_ms": (sum(record["cpu_s"] for record in records) - clock.cpu_s) / len(records) * 1e3,
        "highs_cpu_ms": clock.cpu_s / len(records) * 1e3,
    }


def measured(case: str, points: int, jobs: int, folder: Path) -> dict[str, Any]:
    file, table = scenario_file(case, folder), folder / "variations.csv"
    variations_table(case, points).to_csv(table, index=False)
    share = share_of_highs(file, variations_table(case, points))

    processes_s = whole(command(file, table, folder / "whole", jobs))
    found = read(folder / "whole")
    kept = kill_at(command(file, table, folder / "killed", jobs), folder / "killed", points // 2)
    resumed_s = whole(command(file, table, folder / "killed", jobs, "--resume"))
    by_dask, dask_s = through_dask(file, table, jobs)

    def ideal_s(dataset: xr.Dataset) -> float:
        return float(dataset["solve_s"].sum()) * share["of_solve_s"] / jobs

    statuses, counts = np.unique(found["status"].to_numpy().astype(str), return_counts=True)
    return {
        "case": case,
        "points": points,
        "jobs": jobs,
        "statuses": dict(zip(statuses.tolist(), counts.tolist(), strict=True)),
        "share": share,
        "processes": {"wall_s": processes_s, "ideal_s": ideal_s(found), "share": ideal_s(found) / processes_s},
        "dask": {"wall_s": dask_s, "ideal_s": ideal_s(by_dask), "share": ideal_s(by_dask) / dask_s},
        "killed": {
            "kept": kept,
            "resumed_s": resumed_s,
            "identical": bool(read(folder / "killed").drop_vars(TIMES).identical(found.drop_vars(TIMES))),
        },
        "dask_identical": bool(by_dask.drop_vars(TIMES).equals(found.drop_vars(TIMES))),
    }


def table_of(found: dict[str, Any]) -> str:
    share, killed = found["share"], found["killed"]
    rows = [
        f"`{found['case']}`: {found['points']} points, {found['jobs']} workers of one thread; {found['statuses']}",
        "",
        "| road | wall, s | ideal, s | share of the ideal |",
        "| --- | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {name} | {found[key]['wall_s']:.1f} | {found[key]['ideal_s']:.1f} | {found[key]['share']:.1%} |"
        for name, key in (("`optimizer sweep --jobs`, whole command", "processes"), ("Dask, local cluster", "dask"))
    ]
    loss = found["dask"]["wall_s"] / found["processes"]["wall_s"] - 1
    return "\n".join(
        [
            *rows,
            "",
            f"- Dask against processes: {loss:+.1%} wall time; figures identical: {found['dask_identical']}",
            f"- killed at {killed['kept']} points and resumed in {killed['resumed_s']:.1f} s: "
            f"figures identical: {killed['identical']}",
            f"- a point: HiGHS {share['highs_cpu_ms']:.0f} ms, all the rest {share['rest_cpu_ms']:.0f} ms (CPU, "
            f"{SAMPLED} points); HiGHS's runs are {share['of_solve_s']:.1%} of the reported solver time",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--case", choices=list(PRICES), default="reserves")
    parser.add_argument("--points", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(options.case, options.points, options.jobs, Path(folder))
    print(table_of(found))
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
