"""What flexibility is worth on the real year 2024 (ERCOT West): the same site with and without one kind of it.

Each row is a function that plans both and returns their profits; the table is printed as Markdown (it stands in
``docs/flexibility.md``). A new row is a function more in ``ROWS``. All plans have perfect foresight of prices, so a
figure is the most that the flexibility could have earned.

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/flexibility_value.py [ROW ...]`` with names of functions, by default all of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optimizer as opt

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ALIGNED = DATA / "aligned" / "aligned_ercot_west_2024.csv"
ZONE = "America/Chicago"
HASHPRICE = {"series": "market.btc_hashprice_usd_per_th_day", "scale": 1000}


@dataclass(frozen=True)
class Row:
    """A line of the table: what is compared, and the profit of both plans, USD."""

    flexibility: str
    site: str
    without: str
    profit_without: float
    with_it: str
    profit_with: float


def planned(site: dict[str, Any], first_day: str = "2024-01-01", steps: int = 8784) -> opt.Plan:
    """The plan of one site over hours of 2024, proven to 0.01 %; series come from ``market``."""
    scenario = {
        "format": 1,
        "name": "value of flexibility",
        "currency": "USD",
        "horizon": {"start": f"{first_day}T00:00", "steps": steps, "step": "1h", "timezone": ZONE},
        "data": {"market": {"file": ALIGNED.name, "time": "utc_start"}},
        "sites": [{"name": "west"} | site],
        "solver": {"mip_rel_gap": 1e-4},
    }
    return opt.optimize(opt.scenario_from_dict(scenario, folder=ALIGNED.parent))


def spot(adder_per_mwh: float = 0.0) -> dict[str, Any]:
    """Power at real-time prices of the load zone West."""
    price = "market.lz_west_rt"
    return {"kind": "index_supply", "name": "spot", "price_per_mwh": price, "adder_per_mwh": adder_per_mwh}


# ---------------------------------------------------------------------- mining: on/off against the ladder
def on_off_against_ladder() -> Row:
    """10,000 machines that can be switched, or also throttled in nine firmware steps."""
    return _ladder_row(0.0, "10,000 Antminer S19j Pro at real-time prices")


def on_off_against_ladder_with_delivery() -> Row:
    """The same where delivery adds 20 per MWh, so that machines rest and throttle more often."""
    return _ladder_row(20.0, "the same with 20 USD/MWh of delivery")


def _ladder_row(adder_per_mwh: float, site: str) -> Row:
    top = {"name": "w2970", "hash_th_s": 100, "power_w": 2970}
    profits = [
        planned({"contracts": [spot(adder_per_mwh)], "assets": [_machines() | steps]}).expected_profit
        for steps in ({"modes": [top]}, {"model": "Antminer S19j Pro", "ladder": True})
    ]
    return Row("underclocking", site, "on or off at 2970 W", profits[0], "nine steps, 1740 to 2970 W", profits[1])


def _machines() -> dict[str, Any]:
    return {"kind": "miner_fleet", "name": "m", "machines": 10_000, "hashprice_per_ph_day": HASHPRICE}


# ---------------------------------------------------------------------- cooling: the free hours
def free_cooling() -> Row:
    """A GPU hall on water-cooled chillers, without and with free cooling against the wet bulb."""
    wet_bulb = {"temperature_c": "market.t_wb_c"}
    plant = {
        "kind": "chiller_plant",
        "name": "plant",
        "chillers": 4,
        "capacity_mw": 4.0,
        "cop": wet_bulb | {"table": [[-30, 8.5], [5, 8.0], [15, 7.0], [35, 4.5]]},
        "integer": False,
        "distribution": 0.03,
    }
    free = {"free_cooling": wet_bulb | {"return_c": 22, "ua_mw_per_k": 1.0, "power_per_mw": 0.02}}
    pool = {"kind": "gpu_pool", "name": "h100", "cooling": "plant", "nodes": 1000, "idle_kw": 2.0, "full_kw": 10.2}
    rental = {"kind": "rental", "name": "rental", "pool": "h100", "price_per_gpu_hour": 1.9, "max_nodes": 1000}
    sites = [
        {"contracts": [spot()], "cooling": [plant | extra], "assets": [pool], "workloads": [rental]}
        for extra in ({}, free)
    ]
    costs = [-planned(site).summary["ledger"]["spot_energy"] for site in sites]
    return Row(
        "free cooling",
        "1,000 H100 nodes rented out, on chilled water (cost of energy)",
        "chillers alone",
        -costs[0],
        "free cooling below 22 °C of wet bulb",
        -costs[1],
    )


# ---------------------------------------------------------------------- training: rigid against malleable
def rigid_against_malleable() -> Row:
    """A training job a week through May, beside miners that want the same megawatts."""
    profits = [_training(kind).expected_profit for kind in ({"class": "rigid"}, {"class": "malleable", "min_nodes": 0})]
    site = "1,024 H100 nodes and 30 MW of miners behind 32 MW, five weekly jobs in May 2024"
    return Row("malleable training", site, "rigid gangs of 512", profits[0], "0 to 768 nodes, as it suits", profits[1])


def power_capped_training() -> Row:
    """The malleable jobs of the row before, whose nodes may be capped by the default table."""
    malleable = {"class": "malleable", "min_nodes": 0}
    profits = [_training(kind).expected_profit for kind in (malleable, malleable | {"power_caps": "default"})]
    site = "the same, malleable"
    return Row(
        "power-capped training", site, "full power", profits[0], "caps down to half of the dynamic power", profits[1]
    )


def _training(kind: dict[str, Any]) -> opt.Plan:
    most = 512 if kind["class"] == "rigid" else 768
    jobs = [
        {
            "kind": "training_job",
            "name": f"week_{week}",
            "pool": "h100",
            "work_node_hours": 49_152,
            "min_nodes": 512,
            "max_nodes": most,
            "release": f"2024-05-{1 + 6 * week:02d}T00:00",
            "deadline": f"2024-05-{7 + 6 * week:02d}T00:00",
            "value": 1_000_000,
        }
        | kind
        for week in range(5)
    ]
    fleet = _machines() | {"model": "Antminer S21"}
    site = {"grid": {"import_limit_mw": 32}, "contracts": [spot()], "assets": [fleet, _pool(1024)], "workloads": jobs}
    return planned(site, "2024-05-01", 31 * 24)


def _pool(nodes: int, name: str = "h100") -> dict[str, Any]:
    pool = {"kind": "gpu_pool", "name": name, "nodes": nodes, "idle_kw": 2.0, "full_kw": 10.2}
    return pool | {"gpus_per_node": 8, "switch_minutes": 10}


# ---------------------------------------------------------------------- pools: nodes loaned between work
def node_loaning() -> Row:
    """Nodes that a service leaves idle at night train or are rented out; or each work has nodes of its own."""
    service = {
        "kind": "inference_service",
        "name": "chat",
        "demand_per_hour": {"series": "market.inference_outtok_norm", "scale": 20_000},
        "unit": "Mtok",
        "capacity_per_node_hour": 80,
        "revenue_per_unit": 0.9,
        "shed_penalty_per_unit": 2.0,
        "headroom": 0.1,
    }
    rental = {"kind": "rental", "name": "rental", "price_per_gpu_hour": 1.9, "max_nodes": 400}
    peak = 956
    apart = {
        "assets": [_pool(peak, "service"), _pool(1024 - peak, "rest")],
        "workloads": [service | {"pool": "service"}, rental | {"pool": "rest"} | {"max_nodes": 800}],
    }
    together = {
        "assets": [_pool(1024)],
        "workloads": [service | {"pool": "h100"}, rental | {"pool": "h100", "max_nodes": 800}],
    }
    plans = [planned({"contracts": [spot()]} | site, "2024-08-05", 14 * 24) for site in (apart, together)]
    site = f"1,024 H100 nodes, a service that needs up to {peak}, the rest rented out; two weeks of August 2024"
    profits = [plan.expected_profit for plan in plans]
    return Row("node loaning", site, "nodes of their own", profits[0], "one pool, 10 minutes a switch", profits[1])


ROWS: tuple[Callable[[], Row], ...] = (
    on_off_against_ladder,
    on_off_against_ladder_with_delivery,
    rigid_against_malleable,
    power_capped_training,
    node_loaning,
    free_cooling,
)


# ---------------------------------------------------------------------- the table
def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| flexibility | site | without | profit, USD | with | profit, USD | gain, USD | gain |",
        "| --- | --- | --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        gain = row.profit_with - row.profit_without
        share = f"{100 * gain / abs(row.profit_without):.1f} %" if row.profit_without else ""
        lines.append(
            f"| {row.flexibility} | {row.site} | {row.without} | {row.profit_without:,.0f} | {row.with_it} "
            f"| {row.profit_with:,.0f} | {gain:,.0f} | {share} |"
        )
    return "\n".join(lines)


def main() -> None:
    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {ALIGNED}")
        return
    wanted = set(sys.argv[1:])
    known = {row.__name__ for row in ROWS}
    if wanted - known:
        raise SystemExit(f"no such row: {', '.join(sorted(wanted - known))}; there are {', '.join(sorted(known))}")
    rows = []
    for row in ROWS:
        if not wanted or row.__name__ in wanted:
            started = time.perf_counter()
            rows.append(row())
            print(f"{row.__name__}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
