"""Numbers of a scenario that a planner can change where there is no plan, and the scenario with one of them changed.

Which numbers these are says each kind (``gives_way``); of a kind that says nothing, every number is tried. A number is
changed where it stands in the file, and what is proposed can be given to ``--set`` as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from optimizer.component import Component
from optimizer.errors import InputError, PathKey
from optimizer.frame import Part
from optimizer.load_context import LoadContext
from optimizer.moved_numbers import attribute_of, held_in, moved, moved_time, scaled
from optimizer.parts import Parts, place, place_by_names
from optimizer.quantities import Series, SeriesOf
from optimizer.scenario import Scenario
from optimizer.site import Site

Way = Literal["number", "shift", "scale", "table", "time", "switch"]
"""How a value changes: by an amount; a series by an amount at all steps, or by a factor; a table by an amount in all
rows; a time by whole steps; a switch from true to false."""


@dataclass(frozen=True)
class Lever:
    """One number in the scenario that may change."""

    label: str
    """Component or site that it belongs to."""
    place: PathKey
    """Fields and positions that lead to it from the scenario."""
    path: str
    """The same by names, as ``--set`` takes it."""
    value: Any
    """What stands there: a number, a series, a time stamp, or True."""
    way: Way
    unit: str = ""

    @property
    def scale(self) -> float:
        """Size against which a change is large or small."""
        if self.way in ("time", "switch", "scale"):
            return 1.0
        now = np.abs(self._numbers).max()
        return float(now) if now > 0 else 1.0

    @property
    def least(self) -> float:
        """Least of its numbers."""
        return float(self._numbers.min())

    @property
    def _numbers(self) -> NDArray[np.float64]:
        if self.way == "table":
            return np.array([number for _, number in self.value], dtype=float)
        return self.value.values if isinstance(self.value, Series) else np.array([self.value], dtype=float)

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers will do."""
        return isinstance(self.value, int) and not isinstance(self.value, bool)

    def changed(self, amount: float, scenario: Scenario) -> Any:
        """The value as it would be in memory after a change by ``amount``: units of the value, a share of it for a
        series that is scaled, hours for a time."""
        if self.way == "switch":
            return False
        if self.way == "time":
            return moved_time(self.value, amount, scenario.horizon.zone)
        if self.way == "table":
            return [(at, number + amount) for at, number in self.value]
        if self.way == "number":
            return round(self.value + amount) if self.is_whole else self.value + amount
        raw = self.value.raw
        written = scaled(raw, 1.0 + amount) if self.way == "scale" else moved(raw, amount, scenario.horizon.zone)
        values = self.value.values * (1.0 + amount) if self.way == "scale" else self.value.values + amount
        return Series(written, values, self.value._kind)


def levers_of(parts: Parts, scenario: Scenario, labels: Iterable[str]) -> list[Lever]:
    """Numbers of the components and sites with these labels, in the order given and then that of each kind."""
    found: list[Lever] = []
    for label in dict.fromkeys(labels):
        part = parts.components.get(label) or parts.sites.get(label)
        if part is not None:
            found += _of_part(part, scenario)
    return found


def open_limits(parts: Parts, scenario: Scenario, labels: Iterable[str]) -> list[str]:
    """Paths of limits that the components and sites with these labels could have and have not."""
    found = []
    for label in dict.fromkeys(labels):
        part = parts.components.get(label) or parts.sites.get(label)
        if part is None:
            continue
        for field in part.component.gives_way:
            at = held_in(part.component, field)
            prefix = place_by_names(scenario, part.path)
            if at is None and prefix is not None and field.endswith("limit_mw"):
                found.append(f"{prefix}.{field}")
    return found


def _of_part(part: Part, scenario: Scenario) -> Iterator[Lever]:
    owner = part.component
    prefix = place_by_names(scenario, part.path)
    if prefix is None:
        return
    for field in owner.gives_way or _numeric_fields(owner):
        steps = field.split(".")
        at: Any = owner
        information: FieldInfo | None = None
        for step in steps:
            if isinstance(at, BaseModel):
                information = type(at).model_fields[attribute_of(at, step)]
                at = getattr(at, attribute_of(at, step))
        for way in _ways(at):
            unit = "" if information is None else _unit(information)
            yield Lever(part.label, (*part.path, *steps), f"{prefix}.{field}", at, way, unit)


def _ways(value: Any) -> tuple[Way, ...]:
    if isinstance(value, bool):
        return ("switch",) if value else ()
    if isinstance(value, int | float) and math.isfinite(value):
        return ("number",)
    if isinstance(value, Series):
        return _series_ways(value)
    if isinstance(value, list) and all(isinstance(row, tuple) and len(row) == 2 for row in value):
        return ("table",)
    return ("time",) if isinstance(value, str) else ()


def _series_ways(series: Series) -> tuple[Way, ...]:
    raw = series.raw
    if isinstance(raw, int | float):
        return ("shift",)
    if isinstance(raw, dict) and raw.get("add", 0) != 0:
        return ("shift",)
    return ("shift", "scale")


def _numeric_fields(owner: BaseModel) -> list[str]:
    return [name for name, value in owner if isinstance(value, int | float | Series)]


def _unit(information: FieldInfo) -> str:
    """Unit of a field, from its type; empty for a pure number."""
    marks = [information, *information.metadata]
    for argument in get_args(information.annotation):
        marks += getattr(argument, "__metadata__", ())
    for mark in marks:
        if isinstance(mark, SeriesOf):
            unit = mark.unit
        elif isinstance(extra := getattr(mark, "json_schema_extra", None), dict):
            unit = str(extra.get("unit", ""))
        else:
            continue
        return "" if unit in ("1", "count") else unit
    return ""


# ---------------------------------------------------------------------- the changed scenario
def with_value(scenario: Scenario, where: PathKey, value: Any) -> Scenario | None:
    """The scenario with another value at a place; None where the schema or a cross-check refuses it.

    Only the component that holds the value is validated again, and no file is read. What the cross-checks refuse of the
    scenario as it was does not count.
    """
    try:
        changed = _put(scenario, where, value, LoadContext(scenario.horizon, scenario.members, None))
    except (ValidationError, ValueError, InputError):
        return None
    assert isinstance(changed, Scenario)
    changed._file, changed._folder, changed._warnings = scenario._file, scenario._folder, ()
    return None if _refusals(changed) - _refusals(scenario) else changed


def _put(owner: Any, where: PathKey, value: Any, context: LoadContext) -> Any:
    if not where:
        return value
    step, rest = where[0], where[1:]
    if isinstance(owner, list | tuple):
        assert isinstance(step, int)
        items = [_put(item, rest, value, context) if n == step else item for n, item in enumerate(owner)]
        return type(owner)(items)
    if isinstance(owner, dict):
        return owner | {step: _put(owner[step], rest, value, context)}
    step = attribute_of(owner, str(step))
    new = _put(getattr(owner, step), rest, value, context)
    if isinstance(owner, Scenario | Site):
        fields = {name: owner.__dict__[name] for name in type(owner).model_fields} | {step: new}
        return type(owner).model_construct({*owner.model_fields_set, step}, **fields)
    given = {n: v for n, v in owner if v is not None and n in owner.model_fields_set} | {step: new}
    return type(owner).model_validate(given, context=context)


def _refusals(scenario: Scenario) -> set[str]:
    parts, findings = place(scenario)
    found = [finding for _, finding in findings]
    for part in (*parts.components.values(), *parts.sites.values()):
        component: Component = part.component
        found += component.check(part.frame)
    return {finding.field for finding in found if finding.fatal}
