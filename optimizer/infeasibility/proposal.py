"""A repair as it is told: the path in the scenario, the value to write, what stands there now."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.infeasibility.levers import Lever
from optimizer.quantities import Series
from optimizer.scenario import Scenario

LARGEST_SHARE = 10.0
"""Beyond, a change is not told in per cent."""
LAST_RESORT = 10.0
"""Size of a change that gives up a rule altogether."""


@dataclass(frozen=True)
class Change:
    """Another value at one place of the scenario."""

    lever: Lever
    amount: float
    """How much it changes: units of the value, a share of it for a scaled series, hours for a time."""
    path: str
    """Path as ``--set`` takes it."""
    value: Any
    """Value to write there."""
    in_memory: Any = field(repr=False)
    """The same as the scenario object holds it."""
    now: Any = None
    """What stands there now."""
    hours_of_horizon: float = field(default=1.0, repr=False)

    @property
    def size(self) -> float:
        """How large the change is, relative to what stands there."""
        if self.lever.way == "switch":
            return LAST_RESORT
        if self.lever.way == "time":
            return abs(self.amount) / self.hours_of_horizon
        if self.now == 0:
            return LAST_RESORT / 2  # a limit of nothing is meant so
        return abs(self.amount) / self.lever.scale

    def __str__(self) -> str:
        return f"{self.path}={_text(self.value)} ({self._words()})"

    def _words(self) -> str:
        way, amount, unit = self.lever.way, abs(self.amount), self.lever.unit
        if way == "switch":
            return "now true"
        if way == "time":
            return f"now {self.now}; {amount:.4g} h {'later' if self.amount > 0 else 'earlier'}"
        if way == "scale":
            return f"{100 * amount:.3g} % {'more' if self.amount > 0 else 'less'} at every step"
        by = f"{'+' if self.amount > 0 else '-'}{amount:.4g}{f' {unit}' if unit else ''}"
        if way == "table":
            return f"{by} in every row"
        if isinstance(self.lever.value, Series) and not isinstance(self.lever.value.raw, int | float):
            return f"{by} at every step"
        share = f", {100 * self.size:.3g} %" if self.now and self.size < LARGEST_SHARE else ""
        return f"now {self.now:.6g}; {by}{share}"

    def as_dict(self) -> dict[str, Any]:
        """For scripts: ``path``, ``value``, ``now``, ``change`` and its ``unit``."""
        way = self.lever.way
        unit = {"time": "h", "scale": "share", "switch": ""}.get(way, self.lever.unit)
        change = None if way == "switch" else self.amount
        now = [list(row) for row in self.now] if way == "table" else self.now
        return {"path": self.path, "value": self.value, "now": now, "change": change, "unit": unit}


@dataclass(frozen=True)
class Repair:
    """Changes with which, made together, there is a plan."""

    changes: tuple[Change, ...]
    steps: int | None = None
    """In how many steps a change of a series is needed at all, where that was counted."""

    @property
    def size(self) -> float:
        """Total size of its changes."""
        return sum(change.size for change in self.changes)

    @property
    def overrides(self) -> list[str]:
        """The changes as ``--set`` takes them."""
        return [f"{change.path}={_text(change.value)}" for change in self.changes]

    def __str__(self) -> str:
        needed = "" if self.steps is None else f", needed in {self.steps} step{'s' if self.steps > 1 else ''}"
        return " and ".join(map(str, self.changes)) + needed

    def as_dict(self) -> dict[str, Any]:
        """For scripts: the ``changes``, and their ``size`` relative to what stands in the scenario."""
        return {"changes": [change.as_dict() for change in self.changes], "size": self.size, "steps": self.steps}


def change_of(lever: Lever, amount: float, scenario: Scenario) -> Change:
    """The change of a number by an amount, spelled out."""
    in_memory = lever.changed(amount, scenario)
    path, value, now = lever.path, in_memory, lever.value
    if isinstance(lever.value, Series):
        raw, written = lever.value.raw, in_memory.raw
        if isinstance(written, dict):
            key = "scale" if lever.way == "scale" else "add"
            path, value = f"{path}.{key}", written[key]
            now = raw.get(key) if isinstance(raw, dict) else None
        else:
            value, now = written, raw
    elif lever.way == "table":
        value = [[at, float(f"{number:.10g}")] for at, number in in_memory]
    if isinstance(value, float):
        value = float(f"{value:.10g}")
    hours = scenario.horizon.steps * scenario.horizon.step_h
    return Change(lever, amount, path, value, in_memory, now, hours)


def outward(lever: Lever, amount: float) -> float:
    """An amount enlarged to one that makes a short number of the value: three digits of the change, or a whole one."""
    if amount == 0 or not math.isfinite(amount):
        return amount
    if lever.way == "scale":
        base = lever.value.raw.get("scale", 1.0) if isinstance(lever.value.raw, dict) else 1.0
        return _rounded(base, base * amount) / base
    if isinstance(lever.value, Series):
        raw = lever.value.raw
        base = raw.get("add", 0.0) if isinstance(raw, dict) else raw if isinstance(raw, int | float) else 0.0
        return _rounded(float(base), amount)
    if lever.way == "table":
        return _rounded(0.0, amount)
    if lever.is_whole:
        return float(math.ceil(amount - 1e-6) if amount > 0 else math.floor(amount + 1e-6)) or math.copysign(1, amount)
    return _rounded(float(lever.value), amount)


def _rounded(base: float, amount: float) -> float:
    unit = 10.0 ** (math.floor(math.log10(abs(amount))) - 2)
    target = (base + amount) / unit
    whole = math.ceil(target - 1e-6) if amount > 0 else math.floor(target + 1e-6)
    return float(np.round(whole * unit, 12)) - base


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
