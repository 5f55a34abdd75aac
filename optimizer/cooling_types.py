"""The bundled table of ways of cooling: typical overhead and, where a source gives one, the density that it serves.

Starting points for a first plan, not figures of a site: most sources tell the PUE of a whole facility over a year, of
which cooling is the larger part but not all. Each row says what its figure is of (``basis``) and where it comes from.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from optimizer.errors import did_you_mean, with_hint


@dataclass(frozen=True)
class CoolingType:
    """One way of cooling: cooling power per heat, the range that sources tell, and the largest kW per rack or tank."""

    type: str
    overhead: float
    overhead_low: float | None
    overhead_high: float | None
    limit_kw_per_rack: float | None
    basis: str
    source: str


def _number(text: str) -> float | None:
    return float(text) if text else None


@cache
def cooling_types() -> dict[str, CoolingType]:
    """All bundled ways of cooling by name."""
    text = (files("optimizer") / "data" / "cooling_types.csv").read_text(encoding="utf-8")
    found = [
        CoolingType(
            row["type"],
            float(row["overhead"]),
            _number(row["overhead_low"]),
            _number(row["overhead_high"]),
            _number(row["limit_kw_per_rack"]),
            row["basis"],
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    ]
    return {entry.type: entry for entry in found}


def cooling_type(name: str) -> CoolingType:
    """One bundled way of cooling. Raises ValueError, with the nearest name, where there is none."""
    types = cooling_types()
    if name in types:
        return types[name]
    raise ValueError(with_hint(f"type: found '{name}'; must be one of: {', '.join(types)}", did_you_mean(name, types)))
