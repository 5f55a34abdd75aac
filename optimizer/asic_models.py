"""The bundled table of mining machines (nameplate figures at 25 °C, each with its source)."""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class AsicModel:
    """Nameplate of one machine: hash rate in TH/s, wall power in W, type of cooling, source of the figures."""

    model: str
    hash_th_s: float
    power_w: float
    cooling: str
    source: str


@cache
def asic_models() -> dict[str, AsicModel]:
    """All bundled models by name."""
    text = (files("optimizer") / "data" / "asic_models.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    models = [
        AsicModel(r["model"], float(r["hash_th_s"]), float(r["power_w"]), r["cooling"], r["source"]) for r in rows
    ]
    return {m.model: m for m in models}


def asic_model(name: str) -> AsicModel:
    """One bundled model. Raises ValueError, with the nearest names, where there is none."""
    models = asic_models()
    if name in models:
        return models[name]
    by_lower = {model.lower(): model for model in models}
    near = [by_lower[found] for found in difflib.get_close_matches(name.lower(), list(by_lower), 3, 0.5)]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"no bundled model {name!r}{hint} Known: {', '.join(models)}")
