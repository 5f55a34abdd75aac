"""What a field for a series may hold, made into values at the steps of the horizon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.data_frames import is_series_object, listed
from optimizer.errors import did_you_mean, shown, with_hint
from optimizer.horizon import Horizon
from optimizer.load_context import LoadContext


def first_of(values: NDArray[np.float64], bad: NDArray[np.bool_], horizon: Horizon | None) -> str:
    """The first bad value in time, with its local time stamp and member where they say something."""
    step = int(np.argmax(bad.any(axis=0)))
    member = int(np.argmax(bad[:, step]))
    text = f"{values[member, step]:g}"
    if (values == values[0, 0]).all():
        return text
    text += f" at step {step}" if horizon is None else f" at {horizon.describe(horizon.utc[step])}"
    return text + (f" in member {member}" if values.shape[0] > 1 else "")


def resolved(raw: object, context: LoadContext) -> NDArray[np.float64] | None:
    """Values aligned to the horizon, or None for a reference that is read without its data files."""
    if isinstance(raw, Mapping):
        for key in raw:
            if key not in ("series", "scale", "add"):
                hint = did_you_mean(str(key), ("series", "scale", "add"))
                raise ValueError(with_hint(f"unknown key '{key}' in a series; must be series, scale or add", hint))
        if "series" not in raw or isinstance(raw["series"], Mapping):
            raise ValueError("a scaled series is written as {series: source.column, scale: 1.1, add: 3.0}")
        scale, add = _finite(raw.get("scale", 1), "scale"), _finite(raw.get("add", 0), "add")
        inner = resolved(raw["series"], context)
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow is reported by the check of bounds
            return None if inner is None else inner * scale + add
    if isinstance(raw, str):
        return _referenced(raw, context)
    if isinstance(raw, list):
        return _listed(raw, context)
    number = np.full((1, 1), _finite(raw, None))
    return number if context.horizon is None else np.broadcast_to(number, (1, context.horizon.steps))


def _referenced(raw: str, context: LoadContext) -> NDArray[np.float64] | None:
    source, _, column = raw.partition(".")
    if not source or not column or source != source.strip():
        raise ValueError(f"found {shown(raw)}; must be a number, a list of numbers or a column written source.column")
    if _is_number(raw):
        raise ValueError(f"found the text {shown(raw)}; a number is written without quotes")
    return None if context.sources is None else context.sources.column(source, column)


def _listed(raw: list[Any], context: LoadContext) -> NDArray[np.float64]:
    by_member = bool(raw) and isinstance(raw[0], list)
    rows = raw if by_member else [raw]
    if by_member and context.members is not None and len(rows) != context.members:
        raise ValueError(f"found {len(rows)} lists, one per member; the ensemble has {context.members} members")
    steps = context.horizon.steps if context.horizon is not None else None
    for member, row in enumerate(rows):
        where = f"member {member}: " if by_member else ""
        if not isinstance(row, list) or not row:
            raise ValueError(f"{where}found {shown(row)}; must be a list of numbers")
        expected = steps if steps is not None else len(rows[0])
        if len(row) != expected:
            raise ValueError(f"{where}found {len(row)} values; must be one for each of {expected} steps")
        for step, value in enumerate(row):
            if not isinstance(value, float | int) or isinstance(value, bool) or not _fits(value):
                raise ValueError(f"{where}found {shown(value)} at position {step}; must be a finite number")
    return np.array(rows, dtype=np.float64)


def _finite(value: object, name: str | None) -> float:
    if isinstance(value, float | int) and not isinstance(value, bool) and _fits(value):
        return float(value)
    allowed = "a finite number" if name else "a finite number, a list of numbers or a column written source.column"
    raise ValueError(f"{name + ': ' if name else ''}found {shown(value)}; must be {allowed}")


def _fits(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of a float
        return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def plain(value: object, horizon: Horizon | None) -> object:
    """Arrays, tuples and series objects of Python callers as the lists that a scenario file would hold."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item, horizon) if isinstance(item, np.ndarray | np.generic | tuple) else item for item in value]
    if isinstance(value, Mapping) and "series" in value:
        return {key: plain(item, horizon) if key == "series" else item for key, item in value.items()}
    if is_series_object(value):
        return listed(value, horizon)
    return value


def copied(raw: Any) -> Any:
    if isinstance(raw, list):
        return [list(item) if isinstance(item, list) else item for item in raw]
    return {key: copied(item) for key, item in raw.items()} if isinstance(raw, Mapping) else raw
