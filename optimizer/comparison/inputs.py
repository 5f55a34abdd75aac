"""What differs between two scenarios: every field by its path, series in words, components by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from optimizer.comparison.sides import Overlap, Side
from optimizer.errors import shown
from optimizer.quantities import Series

Floats = NDArray[np.float64]
Path = tuple[str, ...]
Found = tuple[Path, str, str]
LEFT_OUT = ("format", "data")
"""Fields of the scenario that say nothing by themselves: data files show in the series that come from them."""
COMPONENTS = ("contracts", "cooling", "assets", "workloads")
"""Sections whose entries are compared by name."""
THOUSANDS_OF_NUMBERS = {"schedule"}
"""Fields that are not spelled out: the schedule of a previous plan."""
SAME = 1e-12
"""Relative difference below which numbers are the same: they may have been written to a file and read back."""


@dataclass(frozen=True)
class InputChange:
    """One difference of the input."""

    path: str
    """By names, as for ``--set``: ``sites.odessa.assets.s21.machines``."""
    kind: str
    """``changed``, ``added``, ``removed`` or ``series``."""
    text: str
    """In words: ``50 -> 60 (+20 %)``."""
    group: str
    """The piece of the scenario that is exchanged as a whole where the money is attributed: ``sites.odessa.assets.s21``
    or ``risk``."""

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def input_changes(a: Side, b: Side, overlap: Overlap) -> list[InputChange]:
    """All differences of the scenarios, in the order of the file."""
    walk = _Walk(a, b, overlap)
    return [
        InputChange(".".join(path), kind, text, group_of(path))
        for path, kind, text in walk.model(a.scenario, b.scenario, ())
    ]


def group_of(path: tuple[str, ...]) -> str:
    """The piece of the scenario that a path lies in: a component, a site without its components, or a section."""
    if path[0] == "sites":
        return ".".join(path[:4] if len(path) > 3 and path[2] in COMPONENTS else path[:2])
    return ".".join(path[:2] if path[0] in COMPONENTS else path[:1])


class _Walk:
    """Goes through two scenarios side by side; yields path, kind of change and words."""

    def __init__(self, a: Side, b: Side, overlap: Overlap) -> None:
        self._a, self._b, self._overlap = a, b, overlap

    def model(self, a: BaseModel, b: BaseModel, path: Path) -> Iterator[Found]:
        for name, field in type(b).model_fields.items():
            if path or name not in LEFT_OUT:
                yield from self.value(getattr(a, name), getattr(b, name), (*path, field.alias or name))

    def value(self, a: Any, b: Any, path: Path) -> Iterator[Found]:
        if isinstance(a, Series) and isinstance(b, Series):
            if text := self._series(a, b):
                yield path, "series", text
        elif path == ("previous_plan", "schedule") and a is not None and b is not None:
            if not _same(a, b):
                yield path, "changed", "another plan"
        elif isinstance(a, BaseModel) and type(a) is type(b):
            yield from self.model(a, b, path)
        elif _are_named(a) and _are_named(b) and (a or b):
            yield from self._entries(a, b, path)
        elif a is None and b is not None:
            yield path, "added", f"none -> {_words(b)}"
        elif b is None and a is not None:
            yield path, "removed", f"{_words(a)} -> none"
        elif not _same(a, b):
            yield path, "changed", _change(a, b)

    def _entries(self, a: Any, b: Any, path: Path) -> Iterator[Found]:
        of_a, of_b = ({entry.name: entry for entry in entries} for entries in (a, b))
        for name in dict.fromkeys([*of_b, *of_a]):
            inner = (*path, str(name))
            if name not in of_a:
                yield inner, "added", f"added: {_words(of_b[name])}"
            elif name not in of_b:
                yield inner, "removed", f"removed: {_words(of_a[name])}"
            else:
                yield from self.value(of_a[name], of_b[name], inner)

    # ------------------------------------------------------------------ series
    def _series(self, a: Series, b: Series) -> str:
        """How two series differ over the common time; empty where they do not."""
        if a.values.shape == b.values.shape and np.allclose(a.values, b.values, rtol=SAME, atol=0.0):
            return ""
        one, other = self._expected(a, self._a), self._expected(b, self._b)
        change = other - one
        moved = ~np.isclose(one, other, rtol=SAME, atol=1e-12)
        spread = self._spread(a, b)
        if not moved.any():
            return spread
        if _is_one_number(a) and _is_one_number(b):
            return _change(float(a.values[0, 0]), float(b.values[0, 0])) + (f"; {spread}" if spread else "")
        worst = int(np.argmax(np.abs(change)))
        text = (
            f"{int(moved.sum()):,} of {len(change):,} steps differ, mean {one.mean():.6g} -> {other.mean():.6g}, "
            f"most by {change[worst]:+.6g} at {self._overlap.local[worst].strftime('%Y-%m-%d %H:%M')}"
        )
        return text + (f"; {spread}" if spread else "")

    def _spread(self, a: Series, b: Series) -> str:
        if a.values.shape[0] != b.values.shape[0]:
            return f"members {a.values.shape[0]} -> {b.values.shape[0]}"
        if a.values.shape[0] > 1 and a.values.shape == b.values.shape:
            differ = ~np.all(np.isclose(a.values, b.values, rtol=SAME, atol=1e-12), axis=1)
            if differ.any():
                return f"{int(differ.sum())} of {a.values.shape[0]} members differ"
        return ""

    def _expected(self, series: Series, side: Side) -> Floats:
        """Expected values in the common steps."""
        scenario = side.scenario
        values = series.values
        weights = scenario.ensemble.weights if len(values) > 1 else np.ones(1)
        whole = (
            np.broadcast_to(weights @ values, (scenario.horizon.steps,)) if values.shape[1] == 1 else weights @ values
        )
        return self._overlap.mean(whole, scenario.horizon)


def _are_named(entries: Any) -> bool:
    return isinstance(entries, tuple | list) and all(isinstance(e, BaseModel) and hasattr(e, "name") for e in entries)


def _is_one_number(series: Series) -> bool:
    return bool(series.values.size and (series.values == series.values[0, 0]).all())


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return bool(a == b)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return bool(np.isclose(a, b, rtol=SAME, atol=0.0))
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(_same(one, other) for one, other in zip(a, b, strict=True))
    if isinstance(a, BaseModel) and type(a) is type(b):
        return all(_same(getattr(a, name), getattr(b, name)) for name in type(a).model_fields)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def _change(a: Any, b: Any) -> str:
    text = f"{_words(a)} -> {_words(b)}"
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (a, b))
    return f"{text} ({(b - a) / abs(a) * 100:+.3g} %)" if numbers and a != 0 else text


def _words(value: Any) -> str:
    if isinstance(value, Series):
        if _is_one_number(value):
            return f"{value.values[0, 0]:g}"
        return f"{value.values.shape[1]:,} steps from {value.values.min():g} to {value.values.max():g}"
    if isinstance(value, BaseModel):
        kind, name = getattr(value, "kind", ""), getattr(value, "name", "")
        if kind or name:
            return f"{kind} {name}".strip()
        return shown(value.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=THOUSANDS_OF_NUMBERS))
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:,.6g}"
    if isinstance(value, tuple | list) and value and isinstance(value[0], BaseModel):
        return shown([_words(entry) for entry in value])
    return str(value) if isinstance(value, str | int) else shown(value)
