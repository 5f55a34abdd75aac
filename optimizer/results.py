"""A solution becomes the dispatch (xarray) and the money by line, through the rules that the components registered."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optimizer.compiled import Compiled
from optimizer.component import Result
from optimizer.model import money_lines
from optimizer.parts import Parts
from optimizer.scenario import Scenario
from optimizer.spanning import split_results

Floats = NDArray[np.float64]
Money = dict[tuple[str, str], Floats]
"""Money by (component, ledger line), each (members, steps); lines without time stand in the last step of their
period."""

FORMAT = 1
"""Version of the results' format."""


def dispatch_of(scenario: Scenario, parts: Parts, compiled: Compiled, values: Floats) -> xr.Dataset:
    """The plan's physical side: dimensions ``member, time, site, component`` and the components' own."""
    labels, sites = list(parts.components), list(parts.sites)
    shared: dict[tuple[str, str], dict[str, tuple[Result, Floats]]] = {}
    variables: dict[str, xr.DataArray] = {}

    def add(dimension: str, label: str, block: Any, name: str, result: Result) -> None:
        array = compiled.values(block, result.index_sets, result.rule, values)
        if result.labels:
            own = f"{label}.{result.dims[0]}"
            variables[f"{label}.{name}"] = xr.DataArray(
                array,
                dims=(own, *result.dims[1:]),
                coords={own: list(result.labels)},
                attrs={"units": result.units, "long_name": f"{label}: {result.long_name}"},
            )
        else:
            shared.setdefault((dimension, name), {})[label] = (result, array)

    for label, part in parts.components.items():
        frame, component, block = part.frame, part.component, part.block
        power = frame.by_time(
            lambda b, w, t, c=component, f=frame: c.own_power_mw(b, f, w, t), "MW", "power (consumption positive)"
        )
        add("component", label, block, "power_mw", power)
        for name, result in (component.results(block, frame) | split_results(part)).items():
            add("component", label, block, name, result)
    for label, part in parts.sites.items():
        block = part.frame.model.sites[label]
        for name, result in part.component.results(block, part.frame).items():
            add("site", label, block, name, result)
    for (dimension, name), by_label in shared.items():
        if name in variables:
            raise ValueError(f"the result {name} is one of components and of sites; it needs two names")
        variables[name] = _stacked(dimension, labels if dimension == "component" else sites, by_label)
    coordinates = {
        "member": np.arange(scenario.members),
        "time": scenario.horizon.utc.tz_localize(None),
        "probability": ("member", scenario.ensemble.weights),
        "site": sites,
        "component": labels,
        "component_site": ("component", [part.site or "" for part in parts.components.values()]),
        "component_kind": ("component", [_kind(part.component) for part in parts.components.values()]),
    }
    attributes = {
        "format": FORMAT,
        "title": scenario.name,
        "timezone": scenario.horizon.timezone,
        "step_h": scenario.horizon.step_h,
        "time": "start of the step, UTC",
    }
    return xr.Dataset(variables, coordinates, attributes)


def _kind(component: Any) -> str:
    return str(component.kind)


def _stacked(dimension: str, labels: list[str], by_label: dict[str, tuple[Result, Floats]]) -> xr.DataArray:
    """One variable over all components (or sites); NaN for those that do not have it."""
    result, first = next(iter(by_label.values()))
    if any(other.dims != result.dims for other, _ in by_label.values()):
        raise ValueError(f"{result.long_name} has not the same dimensions in {', '.join(by_label)}")
    empty = np.full(first.shape, np.nan)
    array = np.stack([by_label[label][1] if label in by_label else empty for label in labels], axis=-1)
    return xr.DataArray(
        array, dims=(*result.dims, dimension), attrs={"units": _units(by_label), "long_name": result.long_name}
    )


def _units(by_label: dict[str, tuple[Result, Floats]]) -> str:
    """The unit; where it differs (each service counts in a unit of its own), it is named per component."""
    units = {label: result.units for label, (result, _) in by_label.items()}
    if len(set(units.values())) == 1:
        return next(iter(units.values()))
    return ", ".join(f"{label}: {unit}" for label, unit in units.items())


def money_of(parts: Parts, compiled: Compiled, values: Floats) -> Money:
    """The ledger lines at a solution: the very rules that the objective adds up."""
    money: Money = {}
    for part, name, line in money_lines(parts):
        amount = compiled.values(part.block, line.index_sets, line.rule, values)
        if amount.shape != part.frame.shape or line.steps is not None:
            booked = np.zeros(part.frame.shape)
            places = [part.frame.horizon.steps - 1] if line.steps is None else list(line.steps)
            booked[:, places] = amount.reshape(len(amount), len(places))
            amount = booked
        money[part.label, name] = amount
    return money
