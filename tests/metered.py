"""Metered loads for the tests of bills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from command_line import Ran, optimizer

SMALLEST = Path(__file__).parent.parent / "scenarios" / "smallest.yaml"
START = "2024-08-19T00:00"
HEADER = "time_utc,import_mw\n"
ROWS = "".join(f"2024-08-19T{hour:02}:00Z,{hour}\n" for hour in range(4))


def load(
    mw: Sequence[float], *, start: str = START, step: str = "1h", timezone: str = "UTC", **columns: Sequence[float]
) -> pd.DataFrame:
    """A load of one site; further columns are schedules, with ``__`` for the point (``ppa__delivered_mw``)."""
    times = pd.date_range(pd.Timestamp(start).tz_localize(timezone), periods=len(mw), freq=step)
    named = {name.replace("__", "."): values for name, values in columns.items()}
    return pd.DataFrame({"import_mw": mw} | named, index=times, dtype=float)


def flat(mw: float, start: str, end: str, *, step: str = "1h", timezone: str = "UTC") -> pd.Series[float]:
    """A constant load from a local day to another (exclusive)."""
    times = pd.date_range(start, end, freq=step, tz=timezone, inclusive="left")
    return pd.Series(mw, index=times, dtype=float)


def demand(rate: float = 10.0, **fields: Any) -> dict[str, Any]:
    """A demand charge."""
    return {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": rate} | fields


def sites_case(
    sites: Mapping[str, Iterable[Mapping[str, Any]]], contracts: Iterable[Mapping[str, Any]] = (), members: int = 1
) -> dict[str, Any]:
    """Several sites with their contracts, and contracts of the portfolio; nothing of the horizon but its time zone."""
    return {
        "format": 1,
        "name": "portfolio",
        "horizon": {"timezone": "UTC"},
        "ensemble": {"members": members},
        "sites": [{"name": name, "contracts": [dict(c) for c in own]} for name, own in sites.items()],
        "contracts": [dict(c) for c in contracts],
    }


def write_smallest(folder: Path) -> Path:
    """The smallest scenario as ``s.yaml``, and ``load.csv`` of 0, 1, 2 and 3 MW: 0 + 120 - 100 + 342 = 362."""
    (folder / "s.yaml").write_text(SMALLEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "load.csv").write_text(HEADER + ROWS, encoding="utf-8")
    return folder


def run_bill(*more: object) -> Ran:
    """``optimizer bill`` of these two, in their folder."""
    return optimizer("bill", "s.yaml", "--load", "load.csv", *more)
