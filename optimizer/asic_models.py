"""The bundled tables of mining machines: nameplates at 25 °C, and ladders of firmware steps, each with its source."""

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


@dataclass(frozen=True)
class LadderStep:
    """One firmware step of a machine: hash rate in TH/s, wall power in W, what the figures are, and their source."""

    model: str
    step: str
    hash_th_s: float
    power_w: float
    basis: str
    source: str


@cache
def asic_models() -> dict[str, AsicModel]:
    """All bundled models by name."""
    models = [
        AsicModel(r["model"], float(r["hash_th_s"]), float(r["power_w"]), r["cooling"], r["source"])
        for r in _rows("asic_models.csv")
    ]
    return {m.model: m for m in models}


@cache
def asic_ladders() -> dict[str, tuple[LadderStep, ...]]:
    """All bundled ladders by model, each by rising power."""
    found: dict[str, tuple[LadderStep, ...]] = {}
    for r in _rows("asic_ladders.csv"):
        step = LadderStep(r["model"], r["step"], float(r["hash_th_s"]), float(r["power_w"]), r["basis"], r["source"])
        found[step.model] = (*found.get(step.model, ()), step)
    return found


def asic_model(name: str) -> AsicModel:
    """One bundled model. Raises ValueError, with the nearest names, where there is none."""
    models = asic_models()
    if name in models:
        return models[name]
    by_lower = {model.lower(): model for model in models}
    near = [by_lower[found] for found in difflib.get_close_matches(name.lower(), list(by_lower), 3, 0.5)]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"no bundled model {name!r}{hint} Known: {', '.join(models)}")


def asic_ladder(name: str) -> tuple[LadderStep, ...]:
    """The ladder of a bundled model. Raises ValueError, naming those that have one, where there is none."""
    ladders = asic_ladders()
    if asic_model(name).model in ladders:
        return ladders[name]
    raise ValueError(f"no ladder is bundled for {name!r}, give modes. There are ladders for: {', '.join(ladders)}")


def _rows(table: str) -> list[dict[str, str]]:
    text = (files("optimizer") / "data" / table).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
