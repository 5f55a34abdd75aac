"""The report of a year of hours: bytes of the page, seconds to write it, and time to its first picture in a browser.

A linear campus (no whole decisions, so that the plan itself takes seconds): two fleets, a pool with an inference
service, a job a week and rented nodes, a battery and a hall, under a spot price with spikes, a block that is resold and
a charge on each month's peak. Prices and demand are made here, so no data are needed. The browser is Chromium, driven
by playwright (``pip install playwright``); without either, the page alone is measured.

Usage: ``python benchmarks/report_year.py [--hours N] [--members N] [--keep FILE.html] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from measure import machine

import optimizer as opt

FIRST, ZONE = pd.Timestamp("2024-01-01T00:00"), "America/Chicago"
READY = "html[data-ready]"
ZOOMS = 5


def prices(hours: int, members: int, seed: int = 3) -> list[list[float]]:
    """A daily and a yearly swing with noise, and one hour in two hundred at hundreds per MWh."""
    rng = np.random.default_rng(seed)
    hour = np.arange(hours)
    swing = 32 + 12 * np.sin((hour % 24 - 9) / 24 * 2 * np.pi) + 8 * np.sin(hour / 8760 * 2 * np.pi)
    noise = rng.normal(0, 9, (members, hours))
    spikes = (rng.random((members, hours)) < 0.005) * rng.uniform(200, 3000, (members, hours))
    return [[round(float(v), 2) for v in row] for row in swing + noise + spikes]


def jobs(hours: int) -> list[dict[str, Any]]:
    """One malleable job a week."""
    found = []
    for week in range(hours // 168):
        release = (FIRST + pd.Timedelta(hours=168 * week + 12)).tz_localize(ZONE)
        due = (FIRST + pd.Timedelta(hours=168 * week + 150)).tz_localize(ZONE)
        found.append(
            {
                "kind": "training_job",
                "name": f"week{week + 1:02d}",
                "pool": "h100",
                "work_node_hours": 4000.0 + 500 * (week % 5),
                "release": release.isoformat(timespec="minutes"),
                "deadline": due.isoformat(timespec="minutes"),
                "max_nodes": 120.0,
                "value": 80_000.0,
                "unfinished_value_per_node_hour": 12.0,
            }
        )
    return found


def scenario(hours: int, members: int = 1) -> opt.Scenario:
    """The campus over so many hours."""
    spot = prices(hours, members)
    hour = np.arange(hours)
    demand = (900 + 500 * np.sin((hour % 24 - 8) / 24 * 2 * np.pi)).round(1).tolist()
    outside = (18 + 12 * np.sin((hour / 8760 - 0.3) * 2 * np.pi) + 5 * np.sin((hour % 24 - 9) / 24 * 2 * np.pi)).round(
        2
    )
    overhead = (0.04 + 0.003 * np.maximum(outside - 15, 0)).round(4).tolist()
    fleet = {"kind": "miner_fleet", "hashprice_per_ph_day": 48, "cooling": "hall"}
    resale = {"price_per_mwh": spot}
    site = {
        "name": "west",
        "grid": {"import_limit_mw": 60, "export_limit_mw": 10},
        "house_load_mw": 0.4,
        "contracts": [
            {"kind": "index_supply", "name": "spot", "price_per_mwh": spot, "adder_per_mwh": 3},
            {"kind": "fixed_block", "name": "block", "volume_mw": 20, "price_per_mwh": 33, "resale": resale},
            {"kind": "demand_charge", "name": "wires", "rate_per_kw_month": 2},
            {"kind": "export", "name": "sellback", "price_per_mwh": 15},
        ],
        "cooling": [{"kind": "hall", "name": "hall", "overhead": overhead, "heat_limit_mw": 55}],
        "assets": [
            fleet | {"name": "s21", "machines": 9000, "modes": [{"name": "on", "hash_th_s": 200, "power_w": 3500}]},
            fleet | {"name": "s19", "machines": 6000, "modes": [{"name": "on", "hash_th_s": 100, "power_w": 3250}]},
            {"kind": "battery", "name": "bess", "power_mw": 10, "energy_mwh": 20, "charge_efficiency": 0.93},
            {
                "kind": "gpu_pool",
                "name": "h100",
                "nodes": 300,
                "full_kw": 10.2,
                "idle_kw": 2.5,
                "off_kw": 0.2,
                "cooling": "hall",
            },
        ],
        "workloads": [
            {
                "kind": "inference_service",
                "name": "chat",
                "pool": "h100",
                "demand_per_hour": demand,
                "unit": "Mtok",
                "capacity_per_node_hour": 12,
                "revenue_per_unit": 4,
                "shed_penalty_per_unit": 1,
            },
            *jobs(hours),
            {"kind": "rental", "name": "spot_gpu", "pool": "h100", "max_nodes": 60, "price_per_gpu_hour": 1.6},
        ],
    }
    case = {
        "format": 1,
        "name": f"{hours:,} hours of a 60 MW campus",
        "horizon": {"start": FIRST.isoformat(timespec="minutes"), "steps": hours, "step": "1h", "timezone": ZONE},
        "ensemble": {"members": members},
        "sites": [site],
        "solver": {"mip_rel_gap": 0.01, "time_limit_s": 900},
    }
    return opt.scenario_from_dict(case)


def browser_cpu_s() -> float:
    """Processor seconds so far of the browser's processes, all of them, which a busy machine does not stretch."""
    return float(sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True)))


def seen(page: Path) -> dict[str, float]:
    """Milliseconds to the first picture and of a zoom, by the clock and (all processes of the browser together) of the
    processor; empty without a browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if chromium is None:
        return {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        before = browser_cpu_s()
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector(READY, state="attached", timeout=120_000)
        first = float(tab.evaluate("Number(document.documentElement.dataset.firstPictureMs)"))
        opened = browser_cpu_s()
        zooms = []
        for number in range(ZOOMS):
            button = "[data-span-h='24']" if number % 2 == 0 else "[data-span-h='']"
            started = time.perf_counter()
            tab.evaluate(f'document.querySelector("{button}").click()')
            zooms.append(1000 * (time.perf_counter() - started))
        zoomed = browser_cpu_s()
        browser.close()
    return {
        "first_picture_ms": first,
        "opening_cpu_ms": 1000 * (opened - before),
        "zoom_ms": float(np.median(zooms)),
        "zoom_cpu_ms": 1000 * (zoomed - opened) / ZOOMS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Size and speed of the report of a year.")
    parser.add_argument("--hours", type=int, default=8760)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--page", type=Path, default=None, help="only measure a page that is there already")
    parser.add_argument("--keep", type=Path, default=None, help="where to leave the page")
    parser.add_argument("--results", type=Path, default=None, help="where to leave the results folder")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    if given.page is not None:
        print(json.dumps({"megabytes": round(given.page.stat().st_size / 1e6, 2), **seen(given.page)}))
        return
    plan = opt.optimize(scenario(given.hours, given.members))
    if given.results is not None:
        plan.save(given.results)
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "report.html"
        started = time.process_time()
        plan.report(path)
        written = time.process_time() - started
        found = {
            "hours": given.hours,
            "members": given.members,
            "components": len(plan.dispatch["component"]),
            "megabytes": round(path.stat().st_size / 1e6, 2),
            "write_cpu_s": round(written, 2),
            "solve_s": round(plan.summary["timing_s"]["solve"], 1),
            **{name: round(value) for name, value in seen(path).items()},
        }
    print(machine())
    print("| " + " | ".join(found) + " |\n|" + " ---: |" * len(found))
    print("| " + " | ".join(str(value) for value in found.values()) + " |")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine(), "report": found}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
