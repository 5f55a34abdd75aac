"""Hours of a tariff file (by month, kind of day and hour of the clock) as the windows of a scenario file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hours = NDArray[np.bool_]
"""(12 months, 2 kinds of day, 24 hours); a day is a workday (Monday to Friday) or of the weekend."""

SHAPE = (12, 2, 24)
KINDS_OF_DAY = ("workdays", "weekend")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def windows(inside: Hours) -> list[dict[str, Any]]:
    """Windows that hold each of the hours exactly once; what a window does not restrict is left out."""
    months_of: dict[tuple[str | None, bytes], list[int]] = {}
    for month, (workday, weekend) in enumerate(inside, start=1):
        spans: dict[str | None, Hours] = dict(zip(KINDS_OF_DAY, (workday, weekend), strict=True))
        if (workday == weekend).all():
            spans = {None: workday}
        for days, hours in spans.items():
            if hours.any():
                months_of.setdefault((days, hours.tobytes()), []).append(month)
    return [_window(months, days, np.frombuffer(hours, dtype=np.bool_)) for (days, hours), months in months_of.items()]


def in_force(inside: Hours) -> dict[str, Any]:
    """The fields of a charge that say when it applies: ``window``, ``windows``, or none for all hours."""
    found = windows(inside)
    if len(found) > 1:
        return {"windows": found}
    return {"window": found[0]} if found[0] else {}


def of_like_months(inside: Hours) -> list[Hours]:
    """The hours split into groups of months that have the same hours; months without any are left out."""
    groups: dict[bytes, Hours] = {}
    for month in range(12):
        if inside[month].any():
            group = groups.setdefault(inside[month].tobytes(), np.zeros(SHAPE, dtype=bool))
            group[month] = inside[month]
    return list(groups.values())


def described(inside: Hours) -> str:
    """The first of the hours in words, and how many more there are: ``Jan, workdays, 16:00 to 21:00``."""
    found = windows(inside)
    first = found[0]
    months = _runs(first.get("months", range(1, 13)))
    words = ["every month" if len(months) == 1 and months[0] == (1, 12) else ", ".join(_months(*m) for m in months)]
    words.append(first.get("weekdays", "every day"))
    words.append(" and ".join(f"{start}:00 to {end}:00" for start, end in first.get("hours", [[0, 24]])))
    more = "" if len(found) == 1 else f" (and {len(found) - 1} more)"
    return ", ".join(words) + more


def _months(first: int, last: int) -> str:
    return _MONTHS[first - 1] if first == last else f"{_MONTHS[first - 1]} to {_MONTHS[last - 1]}"


def _window(months: list[int], days: str | None, hours: Hours) -> dict[str, Any]:
    window: dict[str, Any] = {}
    if len(months) < 12:
        window["months"] = months
    if days is not None:
        window["weekdays"] = days
    if not hours.all():
        window["hours"] = [[first, last + 1] for first, last in _runs(np.flatnonzero(hours).tolist())]
    return window


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
