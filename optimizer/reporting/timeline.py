"""The time axis of the report: local time, thinned where there are more steps than a screen has room for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.horizon import Horizon, to_utc

Floats = NDArray[np.float64]
LONGEST_GROUP_H = 8.0
"""Longer groups of steps are whole days, so that day and night do not beat against them."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """Maps steps to points of a picture.

    The axis keeps the UTC offset of the horizon's start throughout: a local clock that jumps would draw an hour twice
    or never.
    """

    horizon: Horizon
    steps_per_point: int

    @classmethod
    def of(cls, horizon: Horizon, most_points: int) -> Timeline:
        """A time line of at most so many points per area."""
        group = -(-horizon.steps // most_points)
        day = 24.0 / horizon.step_h
        if group * horizon.step_h > LONGEST_GROUP_H and day.is_integer():
            group = -(-group // int(day)) * int(day)
        return cls(horizon, group)

    # ------------------------------------------------------------------ places on the axis
    @cached_property
    def offset(self) -> timedelta:
        """UTC offset of the axis."""
        return self.horizon.local[0].utcoffset() or timedelta(0)

    @cached_property
    def clock_changes(self) -> list[pd.Timestamp]:
        """Steps (local time) with which another UTC offset begins."""
        naive = self.horizon.local.tz_localize(None).to_numpy() - self.horizon.utc.tz_localize(None).to_numpy()
        return [self.horizon.local[int(i) + 1] for i in np.flatnonzero(np.diff(naive))]

    @property
    def clock(self) -> str:
        """Name of the axis's time: ``CDT``, or its UTC offset where the clocks change within the horizon."""
        name = self.horizon.local[0].tzname() or ""
        if self.clock_changes or not name.isalpha():
            return utc_offset(self.offset)
        return name

    def place(self, instant: pd.Timestamp) -> str:
        """Where an instant stands on the axis."""
        return (instant.tz_convert("UTC").tz_localize(None) + self.offset).isoformat(sep=" ", timespec="seconds")

    def place_of(self, stamp: str) -> tuple[str, float]:
        """Where a time stamp of the scenario stands on the axis, and as a share of the horizon (0 start, 1 end)."""
        instant = pd.Timestamp(to_utc(stamp, self.horizon.zone))
        share = (instant - self.horizon.start_utc) / (self.horizon.end_utc - self.horizon.start_utc)
        return self.place(instant), float(share)

    def local(self, stamp: str) -> pd.Timestamp:
        """Local time of a time stamp of the scenario."""
        return pd.Timestamp(to_utc(stamp, self.horizon.zone)).tz_convert(self.horizon.timezone)

    @cached_property
    def range(self) -> list[str]:
        """Start and end of the horizon on the axis."""
        return [self.place(self.horizon.start_utc), self.place(self.horizon.end_utc)]

    @property
    def spacing_ms(self) -> float:
        """Distance of two points, milliseconds."""
        return self.horizon.step_length / timedelta(milliseconds=1) * self.steps_per_point

    # ------------------------------------------------------------------ values
    def means(self, values: Floats) -> Floats:
        """Mean of each group of steps; NaN where none has a value."""
        groups = self._groups(values)
        present = np.isfinite(groups)
        count = present.sum(axis=1)
        total = np.where(present, groups, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def extremes(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Lowest of ``low`` and highest of ``high`` in each group of steps; NaN where none has a value."""
        lowest = np.fmin.reduce(self._groups(low), axis=1)
        return lowest, np.fmax.reduce(self._groups(high), axis=1)

    def _groups(self, values: Floats) -> Floats:
        missing = -len(values) % self.steps_per_point
        return np.append(values, np.full(missing, np.nan)).reshape(-1, self.steps_per_point)

    def note(self) -> str:
        """How the data were thinned, for the reader; empty where they were not."""
        if self.steps_per_point == 1:
            return ""
        length = duration(self.horizon.step_length * self.steps_per_point)
        return f"Drawn in groups of {length}: means, and for lines a band from the lowest to the highest value. "


def utc_offset(offset: timedelta) -> str:
    """``UTC-05:00``."""
    minutes = round(offset / timedelta(minutes=1))
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def duration(length: timedelta) -> str:
    """``15 min``, ``6 h`` or ``2 d``."""
    minutes = round(length / timedelta(minutes=1))
    if minutes % 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes % 1440 else f"{minutes // 1440} d"


def readable(stamp: pd.Timestamp) -> str:
    """``Mon 19 Aug 2024 00:00``."""
    return f"{stamp:%a} {stamp.day} {stamp:%b %Y %H:%M}"
