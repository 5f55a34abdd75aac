"""A year of flat load under the charges of a tariff, billed without a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import optimizer as opt
from optimizer.contract import Contract
from optimizer.load_reading import LoadReading


def year_case(charges: Iterable[Mapping[str, Any]], year: int, timezone: str, load_mw: float) -> dict[str, Any]:
    """A site with a house load all year under a tariff of these charges."""
    hours = 8784 if year % 4 == 0 else 8760
    return {
        "format": 1,
        "name": "a year under a tariff",
        "horizon": {"start": f"{year}-01-01T00:00", "steps": hours, "step": "1h", "timezone": timezone},
        "sites": [
            {
                "name": "a",
                "house_load_mw": load_mw,
                "contracts": [{"kind": "tariff", "name": "t", "charges": [dict(charge) for charge in charges]}],
            }
        ],
    }


def bill_lines(case: Mapping[str, Any], load_mw: float) -> dict[str, float]:
    """What each line of the bill charges for a flat load (revenue negative), by ``contract.line``."""
    parts = opt.build(opt.scenario_from_dict(case)).parts
    lines = {}
    for label, part in parts.components.items():
        load = np.full(part.frame.shape, load_mw)
        schedules = {(other, "delivered_mw"): load for other in parts.components}
        reading = LoadReading(part.frame, {("a", "import_mw"): load, ("a", "export_mw"): 0 * load}, schedules)
        assert isinstance(part.component, Contract)
        for name, line in part.component.bill(reading).items():
            lines[f"{label}.{name}"] = -float(line.amounts.sum())
    return lines


def bill_of_flat_load(
    charges: Iterable[Mapping[str, Any]], year: int, timezone: str, load_mw: float
) -> tuple[float, float]:
    """Energy and demand of a year, currency."""
    lines = bill_lines(year_case(charges, year, timezone, load_mw), load_mw)
    energy = sum(amount for name, amount in lines.items() if name.startswith("t-energy."))
    return energy, sum(lines.values()) - energy
