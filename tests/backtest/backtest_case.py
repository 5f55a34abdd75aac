"""Paper-sized backtests: one fleet (3.5 MW, 400 an hour) at prices that the test chooses, three days of which the
first two are only history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

START, END = "2024-08-20T00:00", "2024-08-21T00:00"
"""The day that is backtested."""


def write_case(
    folder: Path,
    day: Sequence[float],
    before: Sequence[float] | float = 100.0,
    *,
    steps: int = 12,
    settings: Mapping[str, Any] | None = None,
    columns: Mapping[str, Sequence[float]] | None = None,
    start: str = START,
    **site: Any,
) -> Path:
    """A scenario file with ``day`` as the prices of the day that begins at ``start``, ``before`` as those of the two
    days before.

    ``columns`` are further columns of all three days, 72 values each.
    """
    stamps = pd.date_range(pd.Timestamp(start) - pd.Timedelta(days=2), periods=72, freq="h", tz="UTC")
    price = np.concatenate([np.broadcast_to(np.asarray(before, float), 48), np.asarray(day, float)])
    table = pd.DataFrame({"time": stamps, "price": price} | {name: list(v) for name, v in (columns or {}).items()})
    table.to_csv(folder / "m.csv", index=False)
    fleet = {
        "kind": "miner_fleet",
        "name": "m",
        "machines": 1000,
        "modes": [{"name": "on", "hash_th_s": 200, "power_w": 3500}],
        "hashprice_per_ph_day": 48,
    }
    own = {
        "name": "a",
        "contracts": [{"kind": "index_supply", "name": "spot", "price_per_mwh": "m.price"}],
        "assets": [fleet],
    }
    case = {
        "format": 1,
        "name": "small",
        "horizon": {"start": start, "steps": steps, "step": "1h", "timezone": "UTC"},
        "data": {"m": {"file": "m.csv"}},
        "sites": [own | site],
        "backtest": {"every": "6h", "members": 1} | dict(settings or {}),
        "solver": {"mip_rel_gap": 0.0},
    }
    path = folder / "case.yaml"
    path.write_text(yaml.safe_dump(case), encoding="utf-8")
    return path
