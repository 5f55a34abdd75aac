"""A sweep whose every point is worked out by hand, and what two runs of a sweep have to agree in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

SCALE = "sites.a.contracts.spot.price_per_mwh.scale"
MACHINES = "sites.a.assets.m.machines"
FEE = "sites.a.assets.m.pool_fee"
TEXT = """\
format: 1
name: four hours
horizon: {start: 2024-08-19T00:00, steps: 4, step: 1h, timezone: UTC}
data:
  market: {file: market.csv}
sites:
  - name: a
    contracts: [{kind: index_supply, name: spot, price_per_mwh: market.price}]
    assets:
      - kind: miner_fleet
        name: m
        machines: 1000
        modes: [{name: on, hash_th_s: 200, power_w: 3500}]
        hashprice_per_ph_day: 48
"""
"""1000 machines earn 400 an hour for 3.5 MWh, so that they run in the hours that cost less than 114.29 per MWh."""
PRICES = "time,price,half\n" + "".join(
    f"2024-08-19T0{hour}:00Z,{price},{price / 2}\n" for hour, price in enumerate((100, 120, -50, 114))
)
PROFIT = {0.5: 1103.0, 1.0: 626.0, 1.5: 662.5}
"""Profit by scale of the price. At half of it all four hours pay: 1600 - 3.5 * (50 + 60 - 25 + 57). As it is, hours
1, 3 and 4 do: 50 + 575 + 1. At one and a half, only the one at -75: 400 + 262.5."""


def scenario_file(folder: Path) -> Path:
    """The scenario with its data file."""
    (folder / "market.csv").write_text(PRICES)
    path = folder / "four_hours.yaml"
    path.write_text(TEXT)
    return path


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """Both datasets say the same, to the last digit, of all but the time that it took."""
    times = ["solve_s", "point_s", "cpu_s"]
    one, other = one.drop_vars(times), other.drop_vars(times)
    xr.testing.assert_identical(one, other)


def profits(dataset: xr.Dataset) -> list[float]:
    """Expected profits in the order of the points, NaN as None."""
    return [None if np.isnan(value) else round(value, 6) for value in dataset["expected_profit"].to_numpy().ravel()]
