"""Hours of rates: every hour has to have exactly one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from optimizer.component import Finding
from optimizer.horizon import Horizon
from optimizer.windows import Window


class HasHours(Protocol):
    """Something that applies in some hours."""

    @property
    def name(self) -> str: ...

    def windows_by_field(self) -> dict[str, Window]: ...

    def mask(self, horizon: Horizon) -> NDArray[np.bool_]: ...


def hours_of_rates(rates: Sequence[HasHours], horizon: Horizon, field: str = "rates") -> Iterator[Finding]:
    """Windows off the edges of the steps; hours of the horizon with no rate or several; and, as a warning, such hours
    of the calendar year in which the horizon starts."""
    off_the_edges = [
        finding
        for number, rate in enumerate(rates)
        for name, window in rate.windows_by_field().items()
        for finding in window.findings(horizon, f"{field}[{number}].{name}")
    ]
    yield from off_the_edges
    if off_the_edges:
        return  # hours cannot be told apart by these steps
    inside = list(_defects(rates, horizon))
    for step, words in inside:
        yield Finding(
            field,
            f"{words} at {horizon.describe(horizon.utc[step])}",
            allowed="windows that hold every hour exactly once",
        )
    if inside:
        return
    year = _year_of(horizon)
    for step, words in _defects(rates, year):
        stamp = year.local[step]
        yield Finding(
            field,
            f"outside of the horizon, {words} at {stamp:%Y-%m-%d %H:%M} (a {stamp.day_name()})",
            hint="windows should hold every hour of the year exactly once",
            fatal=False,
        )


def _defects(rates: Sequence[HasHours], horizon: Horizon) -> Iterator[tuple[int, str]]:
    """The first step in which several rates apply, and the first in which none does, in words."""
    masks = np.stack([rate.mask(horizon) for rate in rates])
    count = masks.sum(axis=0)
    several, none = np.flatnonzero(count > 1), np.flatnonzero(count == 0)
    if several.size:
        names = [rate.name for rate, mask in zip(rates, masks, strict=True) if mask[several[0]]]
        yield int(several[0]), f"several rates apply ({', '.join(names)})"
    if none.size:
        names = [rate.name for rate in rates]
        yield int(none[0]), f"no rate applies (of {', '.join(names)})"


def _year_of(horizon: Horizon) -> Horizon:
    """The calendar year in which the horizon starts, in steps of at most an hour and without changes of the clock."""
    year = int(horizon.local[0].year)
    step = horizon.step if horizon.step_length < timedelta(hours=1) else "1h"
    days = (np.datetime64(f"{year + 1}-01-01") - np.datetime64(f"{year}-01-01")).astype(int)
    steps = int(days * timedelta(days=1) / min(horizon.step_length, timedelta(hours=1)))
    return Horizon(timezone="UTC", start=f"{year}-01-01T00:00", steps=steps, step=step)
