"""The points of a sweep as one labelled dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optimizer.sweeps.points import Record
from optimizer.sweeps.values import POINT, Axis
from optimizer.sweeps.variations import Variations

FIGURES = {
    "objective": ("currency", "what the plan maximises"),
    "expected_profit": ("currency", "probability-weighted profit over the horizon"),
    "cvar": ("currency", "mean profit of the worst outcomes"),
    "bound": ("currency", "proven upper bound on the objective"),
    "mip_gap": ("1", "proven relative distance of the objective from its bound"),
    "peak_import_mw": ("MW", "largest import of all sites together"),
    "co2_t": ("t", "expected emissions of the imported energy"),
    "solve_s": ("s", "time of the solver"),
    "point_s": ("s", "time of the whole point: scenario, build, solver, results, audit"),
    "cpu_s": ("s", "processor time of the whole point, all threads"),
}
"""One number per point: unit and meaning."""
TEXTS = {
    "status": "optimal, feasible (stopped at a limit), infeasible, unbounded, no_plan, refused or failed",
    "reason": "why there is no plan, or none that is proven to the asked gap",
    "road": "which road found the plan",
}
BREAKDOWNS = {
    "ledger": ("line", "currency", "expected money by line; the lines add up to the expected profit"),
    "energy_mwh": ("component", "MWh", "expected energy, consumption positive"),
    "peak_import_mw_by_site": ("site", "MW", "largest import of each site"),
    "work_done": ("job", "node-hours", "expected work done"),
    "served_fraction": ("service", "1", "expected share of the demand that is served"),
}
"""Numbers by name: dimension, unit and meaning. NaN where a point has no such line, component, …"""


def dataset_of(
    found: Variations, records: Mapping[int, Record], *, name: str, currency: str, versions: Mapping[str, str]
) -> xr.Dataset:
    """All points; NaN where there is no plan, ``status`` and ``reason`` say why.

    Dimensions are the varied paths (``point`` for the rows of a table, whose columns are coordinates along it), and for
    breakdowns one more. Every variable has ``units`` and ``long_name``.
    """
    dims, shape = tuple(axis.name for axis in found.axes), found.shape
    kept = [records.get(number, {}) for number in range(len(found))]
    variables: dict[str, xr.Variable] = {}
    for key, meaning in TEXTS.items():
        texts = np.array([str(record.get(key, "")) for record in kept], dtype=object).reshape(shape)
        variables[key] = xr.Variable(dims, texts, {"units": "", "long_name": meaning})
    for key, (unit, meaning) in FIGURES.items():
        numbers = np.array([record.get(key, np.nan) for record in kept], dtype=float).reshape(shape)
        if key in ("cvar", "co2_t") and np.isnan(numbers).all():
            continue  # not asked for
        variables[key] = xr.Variable(dims, numbers, {"units": _unit(unit, currency), "long_name": meaning})
    coordinates = {key: value for axis in found.axes for key, value in _coordinates(axis).items()}
    for key, (dim, unit, meaning) in BREAKDOWNS.items():
        labels, values = _by_name([record.get(key) or {} for record in kept])
        if not labels:
            continue
        while dim in dims:  # a path of this very name
            dim += "_"
        attributes = {"units": _unit(unit, currency), "long_name": meaning}
        variables[key] = xr.Variable((*dims, dim), values.reshape(*shape, len(labels)), attributes)
        coordinates[dim] = xr.Variable((dim,), np.array(labels, dtype=object))
    attributes = {"name": name, "currency": currency, "versions": json.dumps(dict(versions))}
    return xr.Dataset(variables, coordinates, attributes)


def _unit(unit: str, currency: str) -> str:
    return currency if unit == "currency" else unit


def _by_name(entries: list[Mapping[str, float]]) -> tuple[list[str], NDArray[np.float64]]:
    """Names in the order in which they first appear, and the values as (points, names)."""
    labels = list(dict.fromkeys(label for entry in entries for label in entry))
    return labels, np.array([[entry.get(label, np.nan) for label in labels] for entry in entries], dtype=float)


def _coordinates(axis: Axis) -> dict[str, xr.Variable]:
    """Values along an axis; those that are neither all numbers nor all text are told as JSON."""
    if axis.name == POINT:
        columns = {
            path: xr.Variable((POINT,), _labels([row[number] for row in axis.rows]))
            for number, path in enumerate(axis.paths)
        }
        return {POINT: xr.Variable((POINT,), np.arange(len(axis.rows)))} | columns
    return {axis.name: xr.Variable((axis.name,), _labels([value for (value,) in axis.rows]))}


def _labels(values: list[Any]) -> NDArray[Any]:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.int64 if all(isinstance(value, int) for value in values) else np.float64)
    texts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    return np.array(texts, dtype=object)
