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


ROWS: tuple[Callable[[], Row], ...] = (on_off_against_ladder, on_off_against_ladder_with_delivery)


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
