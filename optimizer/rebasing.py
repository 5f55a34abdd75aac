"""The same scenario over a window of its horizon, or with other values of its data columns.

A rolling plan, a sweep and a reduction of members need a scenario hundreds of times with other numbers under the same
components. :func:`rebased` gives them in milliseconds: no file is read again, nothing is validated again but the bounds
of the series that change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel

from optimizer.carry import Carry
from optimizer.component import Component
from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.horizon import Horizon
from optimizer.quantities import Series
from optimizer.scenario import Ensemble, Scenario

Floats = NDArray[np.float64]
Column = tuple[str, str]
"""A column of a data source, ``("market", "price")`` for what a series writes as ``market.price``."""
Kept = TypeVar("Kept")
COMPONENTS = ("sites", "contracts", "workloads")
"""Sections of a scenario in which series stand."""


def window(scenario: Scenario, first: int, steps: int) -> Horizon:
    """``steps`` steps of a scenario's horizon, from step ``first`` on. Raises ValueError outside of it."""
    return scenario.horizon.part(first, steps)


def rebased(
    scenario: Scenario,
    *,
    horizon: Horizon | None = None,
    columns: Mapping[Column, ArrayLike] | None = None,
    ensemble: Ensemble | None = None,
    carry: Carry | Mapping[str, Any] | None = None,
) -> Scenario:
    """The scenario over ``horizon``, with ``columns`` in place of what its data files say.

    ``columns`` hold values over the new horizon, (T,), (1, T) or (members, T); series that scale a column or add to it
    go on doing so. All other series keep what they say of these times, so that the new horizon has to lie within the
    old one, and keep their members. ``carry`` holds states at the start; without one there are none, unless the horizon
    stays. Components whose defaults come from the start or the end of the horizon keep those of the old one
    (:meth:`~optimizer.component.Component.in_window`).

    Raises InputError for columns that no series refers to or of another shape, values outside a series' bounds (all at
    once), another step or time zone, a horizon outside of the old one, and members that do not fit.
    """
    to = scenario.horizon if horizon is None else horizon
    members = scenario.members if ensemble is None else ensemble.members
    first = _first_step(scenario.horizon, to)
    given = _Columns({key: np.atleast_2d(np.asarray(values, dtype=float)) for key, values in (columns or {}).items()})
    problems = given.misshapen(members, to.steps)
    if problems:
        raise InputError(problems)

    def moved(series: Series, place: str) -> Series:
        try:
            reference = series.reference
            if reference in given.values:
                return series.with_values(given, to, members)
            if series.values.shape[0] not in (1, members):
                raise ValueError(f"holds {series.values.shape[0]} members; the ensemble has {members}")
            return series.between(first, to.steps)
        except ValueError as error:
            problems.append(Problem(place, str(error)))
            return series

    def seen(component: Component) -> Component:
        return component if (first, to.steps) == (0, scenario.horizon.steps) else component.in_window(scenario.horizon)

    changed: dict[str, Any] = {name: _mapped(getattr(scenario, name), moved, name, seen) for name in COMPONENTS}
    problems += given.unused()
    if problems:
        raise InputError(problems)
    kept_carry = scenario.carry if horizon is None else None
    changed |= {
        "horizon": to,
        "ensemble": scenario.ensemble if ensemble is None else ensemble,
        "carry": kept_carry if carry is None else Carry.model_validate(carry),
    }
    return with_fields(scenario, changed)


def references(scenario: Scenario) -> list[Column]:
    """Columns of data sources to which series of a scenario refer, in the order of the file, each once."""
    found: dict[Column, None] = {}

    def noted(series: Series, _: str) -> Series:
        if series.reference is not None:
            found[series.reference] = None
        return series

    for name in COMPONENTS:
        _mapped(getattr(scenario, name), noted, name)
    return list(found)


def without_values(scenario: Scenario) -> Scenario:
    """The scenario with nothing in it of what its data files say: only :func:`rebased` with columns gives it values."""

    def emptied(series: Series, _: str) -> Series:
        return series if series.reference is None else series.without_values()

    return with_fields(scenario, {name: _mapped(getattr(scenario, name), emptied, name) for name in COMPONENTS})


class _Columns:
    """Columns in place of those of data files, for series to be resolved with."""

    def __init__(self, values: dict[Column, Floats]) -> None:
        self.values = values
        self._used: set[Column] = set()

    def column(self, source: str, column: str) -> Floats:
        self._used.add((source, column))
        return self.values[source, column]

    def misshapen(self, members: int, steps: int) -> list[Problem]:
        return [
            Problem(".".join(key), f"found values of shape {values.shape}", allowed=f"(1 or {members}, {steps})")
            for key, values in self.values.items()
            if values.shape not in ((1, steps), (members, steps))
        ]

    def unused(self) -> list[Problem]:
        """Columns to which nothing refers: most likely misspelt."""
        used = [".".join(key) for key in self._used]
        return [
            Problem(
                ".".join(key), "no series of the scenario refers to this column", hint=did_you_mean(".".join(key), used)
            )
            for key in self.values.keys() - self._used
        ]


def _first_step(old: Horizon, new: Horizon) -> int:
    """Step of the old horizon at which the new one starts."""
    if (old.step_length, old.timezone) != (new.step_length, new.timezone):
        raise InputError(
            [Problem("horizon", f"steps of {new.step} in {new.timezone}", allowed=f"{old.step}, {old.timezone}")]
        )
    first, rest = divmod(new.start_utc - old.start_utc, old.step_length)
    if rest or first < 0 or first + new.steps > old.steps:
        begin, end = old.describe(old.start_utc), old.describe(old.end_utc)
        message = f"{new.steps} steps from {new.describe(new.start_utc)} are not steps of the scenario's horizon"
        raise InputError([Problem("horizon", message, allowed=f"from {begin} to {end}")])
    return int(first)


def _mapped(
    value: Any,
    moved: Callable[[Series, str], Series],
    place: str,
    seen: Callable[[Component], Component] | None = None,
) -> Any:
    """A field's value with every series in it moved, and every component as ``seen``; the very same object where
    nothing changes."""
    if isinstance(value, Series):
        return moved(value, place)
    if isinstance(value, BaseModel):
        if seen is not None and isinstance(value, Component):
            value = seen(value)
        changed = {}
        for name, field in value.__dict__.items():
            if field.__class__ in _PLAIN or name not in type(value).model_fields:
                continue
            mapped = _mapped(field, moved, f"{place}.{name}", seen)
            if mapped is not field:
                changed[name] = mapped
        return with_fields(value, changed) if changed else value
    if isinstance(value, tuple | list):
        items = [_mapped(item, moved, f"{place}[{number}]", seen) for number, item in enumerate(value)]
        same = all(one is other for one, other in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if isinstance(value, dict):
        found = {key: _mapped(item, moved, f"{place}.{key}", seen) for key, item in value.items()}
        return value if all(found[key] is item for key, item in value.items()) else found
    return value


_PLAIN = frozenset({float, int, str, bool, type(None)})


def with_fields(model: Kept, changed: Mapping[str, Any]) -> Kept:
    """A copy with other fields and without anything that the old one has worked out from them."""
    assert isinstance(model, BaseModel)
    fields = {name: model.__dict__[name] for name in type(model).model_fields}
    result = type(model).model_construct({*model.model_fields_set, *changed}, **{**fields, **changed})
    if isinstance(model, Scenario) and isinstance(result, Scenario):
        result._file, result._folder, result._warnings = model._file, model._folder, model._warnings
    return result
