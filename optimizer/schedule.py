"""The plan's physical side as arrays: what the components report, before (and after) it is a labelled dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

    from optimizer.component import Result
    from optimizer.parts import Parts
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
FORMAT = 1
"""Version of the results' format."""


@dataclass
class Schedule:
    """The plan's physical side as arrays, from which :meth:`dataset` makes the dispatch."""

    scenario: Scenario
    parts: Parts
    shared: dict[tuple[str, str], dict[str, tuple[Result, Floats]]] = field(default_factory=dict)
    """By (``component`` or ``site``, variable) and label: variables of which each component or site has one."""
    tables: dict[str, tuple[Result, Floats]] = field(default_factory=dict)
    """By ``label.variable``: variables with a dimension of the component's own, (labels, members, steps)."""

    def add(self, dimension: str, label: str, name: str, result: Result, array: Floats) -> None:
        """Take a variable of a component or a site. Raises ValueError where it does not fit those of others."""
        if result.labels:
            self.tables[f"{label}.{name}"] = (result, array)
            return
        other = "site" if dimension == "component" else "component"
        if (other, name) in self.shared:
            raise ValueError(f"the result {name} is one of components and of sites; it needs two names")
        found = self.shared.setdefault((dimension, name), {})
        if found and next(iter(found.values()))[0].dims != result.dims:
            raise ValueError(f"{result.long_name} has not the same dimensions in {', '.join([*found, label])}")
        found[label] = (result, array)

    def __contains__(self, name: str) -> bool:
        return ("component", name) in self.shared or ("site", name) in self.shared

    def at(self, dimension: str, name: str, label: str) -> Floats:
        """A variable of one component or site; NaN where only others have it. Raises KeyError where none has."""
        found = self.shared[dimension, name]
        if label in found:
            return found[label][1]
        return np.full(next(iter(found.values()))[1].shape, np.nan)

    def table(self, name: str) -> Floats:
        """A variable with a dimension of the component's own, by ``label.variable``."""
        return self.tables[name][1]

    def labels(self, name: str) -> list[str]:
        """Labels of the component's own dimension of a variable."""
        return list(self.tables[name][0].labels)

    def first(self, steps: int) -> Schedule:
        """The first steps of it; arrays are views."""

        def seen(entry: tuple[Result, Floats]) -> tuple[Result, Floats]:
            result, array = entry
            return result, array[..., :steps] if result.dims[-1] == "time" else array

        shared = {key: {label: seen(entry) for label, entry in found.items()} for key, found in self.shared.items()}
        tables = {name: seen(entry) for name, entry in self.tables.items()}
        return Schedule(self.scenario, self.parts, shared, tables)

    def dataset(self) -> xr.Dataset:
        """The dispatch: dimensions ``member, time, site, component`` and the components' own."""
        import xarray as xr

        scenario, parts = self.scenario, self.parts
        labels, sites = list(parts.components), list(parts.sites)
        variables: dict[str, Any] = {}
        coordinates: dict[str, Any] = {
            "member": np.arange(scenario.members),
            "time": scenario.horizon.utc.tz_localize(None),
            "probability": ("member", scenario.ensemble.weights),
            "site": sites,
            "component": labels,
            "component_site": ("component", [part.site or "" for part in parts.components.values()]),
            "component_kind": ("component", [_kind(part.component) for part in parts.components.values()]),
        }
        for name, (result, array) in self.tables.items():
            label = name.rpartition(".")[0]
            own = f"{label}.{result.dims[0]}"
            coordinates[own] = list(result.labels)
            attributes = {"units": result.units, "long_name": f"{label}: {result.long_name}"}
            variables[name] = ((own, *result.dims[1:]), array, attributes)
        for (dimension, name), by_label in self.shared.items():
            result, first = next(iter(by_label.values()))
            empty = np.full(first.shape, np.nan)
            places = labels if dimension == "component" else sites
            stacked = np.stack([by_label[label][1] if label in by_label else empty for label in places])
            array = np.moveaxis(stacked, 0, -1)  # a view: written component by component, which is in their own order
            attributes = {"units": _units(by_label), "long_name": result.long_name}
            variables[name] = ((*result.dims, dimension), array, attributes)
        about: dict[str, Any] = {
            "format": FORMAT,
            "title": scenario.name,
            "timezone": scenario.horizon.timezone,
            "step_h": scenario.horizon.step_h,
            "time": "start of the step, UTC",
        }
        return xr.Dataset(variables, coordinates, about)


class DatasetSchedule:
    """A dispatch, also one that was read from a file, as the arrays of a schedule."""

    def __init__(self, dispatch: xr.Dataset) -> None:
        self._dispatch = dispatch
        self._places: dict[tuple[str, str], int] = {}
        for dimension in ("component", "site"):
            for place, label in enumerate(dispatch[dimension].to_numpy().tolist()):
                self._places[dimension, label] = place

    def __contains__(self, name: str) -> bool:
        return name in self._dispatch

    def at(self, dimension: str, name: str, label: str) -> Floats:
        """A variable of one component or site. Raises KeyError where there is none."""
        place = self._places[dimension, label]
        variable = self._dispatch.variables[name]
        found: Floats = np.take(variable.to_numpy(), place, axis=variable.dims.index(dimension))
        return found

    def table(self, name: str) -> Floats:
        """A variable with a dimension of the component's own, by ``label.variable``."""
        found: Floats = self._dispatch.variables[name].to_numpy()
        return found

    def labels(self, name: str) -> list[str]:
        """Labels of the component's own dimension of a variable."""
        own = self._dispatch.variables[name].dims[0]
        return [str(label) for label in self._dispatch[own].to_numpy()]


def _kind(component: Any) -> str:
    return str(component.kind)


def _units(by_label: dict[str, tuple[Result, Floats]]) -> str:
    """The unit; where it differs (each service counts in a unit of its own), it is named per component."""
    units = {label: result.units for label, (result, _) in by_label.items()}
    if len(set(units.values())) == 1:
        return next(iter(units.values()))
    return ", ".join(f"{label}: {unit}" for label, unit in units.items())
