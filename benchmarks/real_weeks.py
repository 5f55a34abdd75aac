"""The shipped 100 MW campus on real weeks of 2024 (ERCOT West): proven gap, audit, time, and whether the plan reacts
as it should.

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/real_weeks.py [OUT]`` writes each plan's results folder (with its report) below OUT, by default
``results/real_weeks``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import optimizer as opt
from optimizer.scenario_file import read_scenario_file

ROOT = Path(__file__).parents[1]
ALIGNED = ROOT.parent / "shared" / "data" / "aligned" / "aligned_ercot_west_2024.csv"
SCENARIO = ROOT / "scenarios" / "campus_week.yaml"
WEEKS = {
    "freeze": "2024-01-14",
    "dst_spring": "2024-03-10",
    "halving": "2024-04-15",
    "price_spike": "2024-05-06",
    "summer": "2024-08-19",
    "dst_autumn": "2024-11-03",
}
"""First day (local) of each week of 168 hours and what it is known for."""
BLOCKS_PER_DAY = 144
MEAN_CHAT_MTOK = 16_000
COLUMNS: dict[str, Any] = {
    "hashprice": {"series": "market.btc_hashprice_usd_per_th_day", "scale": 1000},
    "btc_difficulty": "market.btc_difficulty_mean",
    "btc_fees_per_block_btc": {"series": "market.btc_fees_btc", "scale": 1 / BLOCKS_PER_DAY},
    "chat_mtok": {"series": "market.inference_outtok_norm", "scale": MEAN_CHAT_MTOK},
    "co2_kg_per_mwh": "emissions.co2_g_per_kwh",
}
"""Where the real file names or scales a column differently from the synthetic one."""


def real_week(first_day: str, steps: int = 168) -> dict[str, Any]:
    """The shipped campus week, moved to ``first_day`` and to the real data, as a dictionary for
    ``scenario_from_dict``."""
    raw = read_scenario_file(SCENARIO).data
    moved = pd.Timestamp(first_day) - pd.Timestamp(raw["horizon"]["start"])

    def visit(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: visit(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [visit(v) for v in value]
        if isinstance(value, str) and value.startswith("market."):
            return COLUMNS.get(value.removeprefix("market."), value)
        if key in ("release", "deadline"):
            return (pd.Timestamp(value) + moved).isoformat(timespec="minutes")
        return value

    scenario: dict[str, Any] = visit(raw)
    scenario["name"] = f"100 MW campus, real week of {first_day}"
    # 169 hours of the year have no carbon figure: filled, in a source of its own, so that no price is ever filled
    scenario["data"] = {
        "market": {"file": ALIGNED.name, "time": "utc_start"},
        "emissions": {"file": ALIGNED.name, "time": "utc_start", "fill": "linear"},
    }
    scenario["horizon"] |= {"start": f"{first_day}T00:00", "steps": steps}
    return scenario


def mining_reaction(plan: opt.Plan, high: float = 300.0) -> tuple[float, float]:
    """Mean mining power, MW, in hours above ``high`` per MWh and in the cheapest quarter of the hours."""
    miners = plan.dispatch["component_kind"].to_numpy() == "miner_fleet"
    power = plan.dispatch["power_mw"].isel(component=miners).sum("component").to_numpy()[0]
    price = np.asarray(plan.scenario.sites[0].contracts[0].price_per_mwh.values[0])  # type: ignore[attr-defined]
    cheap = price <= np.quantile(price, 0.25)
    dear = price > high
    return float(power[dear].mean()) if dear.any() else float("nan"), float(power[cheap].mean())


def main() -> None:
    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {ALIGNED}")
        return
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results" / "real_weeks"
    rows = []
    for name, first_day in WEEKS.items():
        plan = opt.optimize(opt.scenario_from_dict(real_week(first_day), folder=ALIGNED.parent))
        plan.save(out / name)
        spike, cheap = mining_reaction(plan)
        timing, summary = plan.summary["timing_s"], plan.summary
        rows.append(
            {
                "week": f"{first_day} {name}",
                "status": summary["status"],
                "gap_%": round(summary["mip_gap"] * 100, 4),
                "audit": f"{summary['audit']['largest_violation']:.0e}",
                "profit": round(summary["expected_profit"]),
                "build_s": round(timing["build"], 3),
                "solve_s": round(timing["solve"], 2),
                "mining_MW>300": round(spike, 2),
                "mining_MW_cheap": round(cheap, 1),
                "work_done": json.dumps({k: round(v) for k, v in summary["work_done"].items()}),
            }
        )
        print(rows[-1], flush=True)
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
