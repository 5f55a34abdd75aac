"""A small scenario with every section, from which the tests of bad input break one thing at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

BASE = """\
format: 1
name: broken on purpose
horizon: {start: 2024-08-19T00:00, steps: 24, step: 1h, timezone: America/Chicago}
data:
  market:
    file: market.csv
    time: utc_start
ensemble:
  members: 2
  probabilities: [0.25, 0.75]
sites:
  - name: odessa
    grid:
      import_limit_mw: 60
      export_limit_mw: 5
    house_load_mw: 0.4
    contracts:
      - kind: index_supply
        name: spot
        price_per_mwh: market.price
      - kind: fixed_block
        name: ppa
        volume_mw: 20
        price_per_mwh: 33
        resale: {price_per_mwh: market.price, fee_per_mwh: 0.5}
    cooling:
      - kind: hall
        name: air
        heat_limit_mw: 55
        overhead: 0.05
    assets:
      - kind: miner_fleet
        name: s21
        cooling: air
        machines: 8000
        modes:
          - {name: normal, hash_th_s: 200, power_w: 3500}
        hashprice_per_ph_day: 48
      - kind: gpu_pool
        name: h100
        cooling: air
        nodes: 100
        idle_kw: 2.0
        full_kw: 10.2
      - kind: battery
        name: bess
        power_mw: 5
        energy_mwh: 10
        charge_efficiency: 0.95
        discharge_efficiency: 0.95
    workloads:
      - kind: training_job
        name: pretrain
        pool: h100
        class: malleable
        work_node_hours: 500
        min_nodes: 10
        max_nodes: 50
        deadline: 2024-08-19T20:00
        value: 9000
      - kind: inference_service
        name: chat
        pool: h100
        demand_per_hour: 1000
        unit: Mtok
        capacity_per_node_hour: 80
        revenue_per_unit: 0.9
risk: {cvar_alpha: 0.9, weight: 0.1}
solver: {mip_rel_gap: 0.001, time_limit_s: 60, threads: 1}
"""

FIRST_ROW, HOURS = datetime(2024, 8, 19, 5), 30


def market(stamp: str = "%Y-%m-%dT%H:%MZ") -> str:
    """Thirty hourly prices from the start of the horizon on (in UTC), rising by 1 an hour from 30."""
    rows = [f"{FIRST_ROW + timedelta(hours=hour):{stamp}},{30 + hour}" for hour in range(HOURS)]
    return "utc_start,price\n" + "\n".join(rows) + "\n"


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The text with the first occurrence of each old part replaced by the new one."""
    for old, new in changes:
        assert old in text, f"{old!r} is not in the text"
        text = text.replace(old, new, 1)
    return text


def line_of(text: str, part: str) -> int:
    """Line (from 1) of the first occurrence of a part of a text."""
    assert part in text, f"{part!r} is not in the text"
    return text[: text.index(part)].count("\n") + 1


def write(folder: Path, scenario: str = BASE, data: str | bytes | None = None) -> Path:
    """Write a scenario and its data; returns the path of the scenario."""
    content = market() if data is None else data
    (folder / "market.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "s.yaml").write_text(scenario, encoding="utf-8")
    return folder / "s.yaml"
