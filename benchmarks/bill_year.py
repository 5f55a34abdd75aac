"""How long a year of hourly load takes to bill under a contract book of all kinds.

Usage: ``python benchmarks/bill_year.py [REPETITIONS]``. Prints medians: with the load and the series of the contracts
in CSV files, with the load in memory, and of the bill alone, with contracts and load at hand. Fails if a kind of
contract is missing from the book.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from measure import Stopwatch, machine

import optimizer as opt
from optimizer.billing import bill_of_book
from optimizer.contract import Contract
from optimizer.contract_book import read_book
from optimizer.discovery import kinds
from optimizer.metered_load import MeteredLoad
from optimizer.yaml_reader import parse_yaml, to_yaml

START, HOURS = "2024-01-01T06:00Z", 8784
BOOK = """\
- {kind: index_supply, name: spot, price_per_mwh: market.price, price_cap_per_mwh: 900}
- {kind: index_supply, name: capped, price_per_mwh: 20, limit_mw: 5, energy_cap_mwh: 2000}
- {kind: fixed_block, name: ppa, volume_mw: 20, price_per_mwh: 33, resale: {price_per_mwh: market.price}}
- {kind: fixed_block, name: baseload, volume_mw: 10, price_per_mwh: 27, take_or_pay_fraction: 0.7}
- {kind: elected_block, name: elected, min_mw: 5, max_mw: 5, price_per_mwh: 31, take_or_pay_fraction: 0.8}
- {kind: load_share, name: share, share: 0.1, price_per_mwh: market.price}
- {kind: interruptible_supply, name: calls, price_per_mwh: 25, limit_mw: 10, called: market.event, firm_mw: 2,
   penalty_per_mwh: 500}
- {kind: two_settlement, name: position, day_ahead_price_per_mwh: market.price, real_time_price_per_mwh: market.price,
   position_mw: 8}
- kind: energy_tariff
  name: retail
  limit_mw: 20
  rates: &rates
    - {name: on_peak, window: {months: [6, 7, 8, 9], weekdays: workdays, hours: [14, 19]}, price_per_mwh: 90}
    - name: off_peak
      windows:
        - {months: [6, 7, 8, 9], weekdays: workdays, hours: [19, 14]}
        - {months: [6, 7, 8, 9], weekdays: weekend}
      blocks: [{up_to_mwh: 4000, price_per_mwh: 44}, {price_per_mwh: 41}]
    - {name: winter, window: {months: [1, 2, 3, 4, 5, 10, 11, 12]}, price_per_mwh: 40}
- {kind: delivery_charge, name: wires, rates: *rates}
- {kind: export, name: sellback, price_per_mwh: market.price}
- kind: demand_charge
  name: tdu
  window: {hours: [13, 19]}
  tiers: [{up_to_mw: 50, rate_per_kw_month: 4}, {rate_per_kw_month: 6}]
  ratchet: {fraction: 0.75, previous_months: 2, history_mw: {2023-11: 88, 2023-12: 88}}
- {kind: demand_charge, name: facility, rate_per_kw_month: [10, 10, 20, 50, 20, 10, 20, 20, 20, 20, 20, 5]}
- {kind: coincident_peak, name: four_cp, rate_per_kw: 60, probability: market.peak,
   rule: {months: [6, 7, 8, 9], peaks_per_month: 1}}
- {kind: coincident_peak, name: known, rate_per_kw: 20, hours: [2024-07-01T17:00, 2024-08-20T17:00]}
- {kind: demand_response, name: response, events: market.event, baseline_mw: 80, committed_mw: 20,
   availability_per_mw_h: 4, energy_per_mwh: 100, penalty_per_mwh: 300}
- {kind: emergency_curtailment, name: emergency, obligation: market.event, level_mw: 100}
- {kind: ancillary_service, name: reserve, direction: up, providers: [machines], price_per_mw_h: market.reserve_price,
   award_mw: 5}
- {kind: carbon, name: co2, price_per_t: 6}
- {kind: fixed_charge, name: metering, per_month: 1850}
- {kind: minimum_bill, name: least, on: [retail, tdu], per_month: 9000}
- {kind: surcharge, name: tax, on: [spot, tdu, metering], fraction: 0.05, per_mwh: 0.7}
- {kind: tariff, name: city, charges: [{kind: fixed_charge, name: meter, per_day: 3}]}
"""
"""Every kind of contract; the machines that hold the reserve do not matter to a bill."""


def write_case(folder: Path) -> tuple[Path, Path]:
    """Scenario and load, each with its CSV."""
    rng = np.random.default_rng(7)
    times = pd.date_range(START, periods=HOURS, freq="1h")
    local = times.tz_convert("America/Chicago")
    market = {
        "price": rng.gamma(2.0, 20.0, HOURS) - 5,
        "reserve_price": rng.gamma(2.0, 3.0, HOURS),
        "peak": np.where(local.month.isin([6, 7, 8, 9]), 1 / (24 * local.days_in_month), 0.0),
        "co2": rng.uniform(200, 500, HOURS),
    }
    market["event"] = (rng.uniform(size=HOURS) < 0.002).astype(float)
    pd.DataFrame(market, index=times.rename("utc_start")).to_csv(folder / "market.csv")
    power = {"import_mw": rng.uniform(60, 95, HOURS), "export_mw": np.where(rng.uniform(size=HOURS) < 0.02, 3.0, 0.0)}
    pd.DataFrame(power, index=times.rename("time_utc")).to_csv(folder / "load.csv")
    scenario = {
        "format": 1,
        "name": "a year under all kinds of contracts",
        "horizon": {"timezone": "America/Chicago"},
        "data": {"market": {"file": "market.csv", "time": "utc_start"}},
        "sites": [
            {
                "name": "a",
                "grid": {"import_limit_mw": 100, "export_limit_mw": 10, "co2_kg_per_mwh": "market.co2"},
                "contracts": parse_yaml(BOOK)[0],
            }
        ],
    }
    (folder / "s.yaml").write_text(to_yaml(scenario), encoding="utf-8")
    return folder / "s.yaml", folder / "load.csv"


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    in_book = {contract["kind"] for contract in parse_yaml(BOOK)[0]}
    missing = {kind.model_fields["kind"].default for kind in kinds(Contract)} - in_book
    if missing:
        raise SystemExit(f"the book lacks {', '.join(sorted(missing))}")
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as name:
        scenario, load = write_case(Path(name))
        table = pd.read_csv(load, index_col="time_utc", parse_dates=True)
        bill = opt.bill(scenario, load)
        print(bill)
        for _ in range(repetitions):
            watch.of("load and series in files", lambda: opt.bill(scenario, load))
            watch.of("load in memory, series in a file", lambda: opt.bill(scenario, table))
            metered = MeteredLoad.read(table)
            book = read_book(scenario, metered)
            watch.of("bill alone", lambda book=book: bill_of_book(book, "load"))
    print(json.dumps(machine(), indent=2))
    print(f"{len(bill.entries)} lines, {HOURS} hours, median of {repetitions} repetitions, seconds (wall, CPU):")
    for phase in watch.times:
        print(f"  {watch.median(phase):.3f}  {watch.median(phase, clock='cpu_s'):.3f}  {phase}")


if __name__ == "__main__":
    main()
