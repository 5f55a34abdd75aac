"""What each contract feature is worth to a 100 MW campus on the real prices of 2024 (ERCOT West).

The year is planned month by month. Every row is settled on the same facts, whatever its plan knew: real-time prices, a
demand charge of the wires company, and the transmission charge on the load in the real peak hour of each month from
June to September (4CP). Each row adds one feature to the row above:

* always on: the machines run whatever the price;
* price-responsive: the plan sees real-time prices (with foresight within the month) but no peak charges;
* with peak charges: the plan also sees the demand charge and, for each hour, how likely it is the month's peak as the
  day-ahead demand forecast ranks the hours; the real peak hours are not known to it;
* with ancillary services: ERCOT's five products at their day-ahead prices;
* with a resold block: 40 MW bought forward at a fixed price, sold back at the real-time price.

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/contract_value.py [FIRST_MONTH LAST_MONTH]``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import optimizer as opt
from optimizer.meter_table import meter_table

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
ALIGNED = DATA / "aligned" / "aligned_ercot_west_2024.csv"
GENERATION = DATA / "carbon" / "ercot_generation_and_co2_hourly_2024.csv"
ZONE = "America/Chicago"
PEAK_MONTHS = (6, 7, 8, 9)
TRANSMISSION_PER_KW_YEAR = 67.0
"""Assumed: the level of ERCOT's postage-stamp rate; a quarter of it falls on the load in each of the four peaks."""
DEMAND_PER_KW_MONTH = 1.0
"""Assumed: a large customer's wires charge at transmission voltage."""
CANDIDATE_HOURS = 24
"""Hours of each month, by forecast demand, that the plan takes as equally likely to be the month's peak."""
BLOCK_MW, BLOCK_PRICE = 40.0, 30.0
PRODUCTS: dict[str, dict[str, Any]] = {
    "regup": {"direction": "up", "sustain_hours": 1, "deployment_probability": 0.10},
    "regdn": {"direction": "down", "sustain_hours": 1, "deployment_probability": 0.10},
    "rrs": {"direction": "up", "sustain_hours": 1, "notice_minutes": 10, "deployment_probability": 0.01},
    "ecrs": {"direction": "up", "sustain_hours": 2, "notice_minutes": 10, "deployment_probability": 0.02},
    "nspin": {"direction": "up", "sustain_hours": 4, "notice_minutes": 30, "deployment_probability": 0.02},
}
"""ERCOT's five products; the deployed shares of the award are assumptions."""


def month_case(month: int, features: set[str], *, settled: bool = False) -> dict[str, Any]:
    """The campus in a month with the features that its plan sees, or (``settled``) with what it is billed for."""
    first = pd.Timestamp(f"2024-{month:02d}-01", tz=ZONE)
    steps = int((first + pd.offsets.MonthBegin(1) - first) / pd.Timedelta(hours=1))
    price: Any = "market.lz_west_rt" if "price" in features else -1000.0
    contracts: list[dict[str, Any]] = [
        {"kind": "index_supply", "name": "spot", "price_per_mwh": price, "adder_per_mwh": 3.0}
    ]
    if "block" in features:
        resale = {"price_per_mwh": "market.lz_west_rt"}
        contracts.append(
            {
                "kind": "fixed_block",
                "name": "block",
                "volume_mw": BLOCK_MW,
                "price_per_mwh": BLOCK_PRICE,
                "resale": resale,
            }
        )
    if "peaks" in features:
        contracts.append({"kind": "demand_charge", "name": "wires", "rate_per_kw_month": DEMAND_PER_KW_MONTH})
        if month in PEAK_MONTHS:
            contracts.append(transmission(month, settled))
    if "ancillary" in features:
        contracts += [
            {
                "kind": "ancillary_service",
                "name": name,
                "price_per_mw_h": f"reserves.as_{name}",
                "providers": ["s21", "s19", "bess"],
                "energy_price_per_mwh": 0.0,
            }
            | product
            for name, product in PRODUCTS.items()
        ]
    return campus(contracts) | {
        "name": f"100 MW campus, 2024-{month:02d}",
        "horizon": {"start": f"2024-{month:02d}-01T00:00", "steps": steps, "step": "1h", "timezone": ZONE},
    }


def transmission(month: int, settled: bool) -> dict[str, Any]:
    """The month's quarter of the transmission charge: by the real peak hour, or by the hours likely to be it."""
    quarter = TRANSMISSION_PER_KW_YEAR / len(PEAK_MONTHS)
    contract: dict[str, Any] = {"kind": "coincident_peak", "name": "transmission"}
    if settled:
        return contract | {"groups": [{"hours": [real_peak_hour(month)], "rate_per_kw": quarter}]}
    return contract | {
        "rate_per_kw": quarter,
        "rule": {"months": [month], "peaks_per_month": 1},
        "signal": "market.da_demand_forecast_mw",
        "candidate_hours": CANDIDATE_HOURS,
    }


def real_peak_hour(month: int) -> str:
    """Start of the hour in which ERCOT generated most in a month of 2024, local time."""
    table = pd.read_csv(GENERATION)
    local = pd.to_datetime(table["local_start"])
    of_month = table[local.dt.month == month]
    return str(of_month.loc[of_month["total_gen_mw"].idxmax(), "local_start"])


def campus(contracts: list[dict[str, Any]]) -> dict[str, Any]:
    """100 MW: two fleets of miners, GPU nodes for rent, a battery."""
    hashprice = {"series": "market.btc_hashprice_usd_per_th_day", "scale": 1000}
    modes = [
        {"name": "eco", "hash_th_s": 80, "power_w": 2000},
        {"name": "normal", "hash_th_s": 92, "power_w": 2500},
        {"name": "high", "hash_th_s": 100, "power_w": 2970},
    ]
    site = {
        "name": "west",
        "grid": {"import_limit_mw": 100},
        "house_load_mw": 0.5,
        "contracts": contracts,
        "assets": [
            {
                "kind": "miner_fleet",
                "name": "s21",
                "model": "Antminer S21",
                "machines": 15_000,
                "hashprice_per_ph_day": hashprice,
            },
            {
                "kind": "miner_fleet",
                "name": "s19",
                "modes": modes,
                "machines": 10_000,
                "hashprice_per_ph_day": hashprice,
            },
            {"kind": "gpu_pool", "name": "h100", "nodes": 1000, "idle_kw": 2.0, "full_kw": 10.2},
            {
                "kind": "battery",
                "name": "bess",
                "power_mw": 5,
                "energy_mwh": 10,
                "charge_efficiency": 0.95,
                "discharge_efficiency": 0.95,
                "throughput_cost_per_mwh": 12,
            },
        ],
        "workloads": [
            {"kind": "rental", "name": "rental", "pool": "h100", "price_per_gpu_hour": 1.9, "max_nodes": 800}
        ],
    }
    return {
        "format": 1,
        "currency": "USD",
        "data": {
            "market": {"file": ALIGNED.name, "time": "utc_start"},
            # 146 hours of the year have no ancillary prices: the last known ones are repeated
            "reserves": {"file": ALIGNED.name, "time": "utc_start", "fill": "previous"},
        },
        "sites": [site],
    }


def settled_profit(plan: opt.Plan, month: int, features: set[str]) -> dict[str, float]:
    """Money of a plan when the real bill comes: its work, and its metered load under the real contracts."""
    work = {"mining_revenue", "rental_revenue", "battery_wear"}
    earned = sum(amount for line, amount in plan.summary["ledger"].items() if line in work)
    real = opt.scenario_from_dict(month_case(month, features | {"price", "peaks"}, settled=True), folder=ALIGNED.parent)
    meter = meter_table(plan).set_index("time_utc")
    known = [column for column in meter.columns if not column.startswith("transmission.")]
    bill = opt.bill(real, meter[known])
    return {"work": earned, "bill": bill.total, "profit": earned + bill.total}


ROWS: dict[str, set[str]] = {
    "always on": set(),
    "price-responsive": {"price"},
    "with peak charges (4CP, demand)": {"price", "peaks"},
    "with ancillary services": {"price", "peaks", "ancillary"},
    "with a resold block": {"price", "peaks", "ancillary", "block"},
}


def main() -> None:
    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {ALIGNED}")
        return
    first, last = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (1, 12)
    table = []
    for name, features in ROWS.items():
        started, months = time.perf_counter(), []
        for month in range(first, last + 1):
            plan = opt.optimize(opt.scenario_from_dict(month_case(month, features), folder=ALIGNED.parent))
            settled = settled_profit(plan, month, features)
            months.append(settled | {"mwh": float(plan.dispatch["import_mw"].sum())})
        total = pd.DataFrame(months).sum()
        gain = total["profit"] - table[-1]["profit"] if table else np.nan
        table.append({"plan": name, **total.round().to_dict(), "gain": gain, "seconds": time.perf_counter() - started})
        print(table[-1], flush=True)
    print(pd.DataFrame(table).round(0).to_string(index=False))


if __name__ == "__main__":
    main()
