"""The local clock of a history's positions: times alone, worked out once for a record and all that is cut from it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.time_stamps import microseconds

IntArray = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


class LocalCalendar:
    """Offsets of the local clock, weekends, and the same time of days before, by position from ``start`` on."""

    def __init__(self, start: pd.Timestamp, step: timedelta, timezone: str, steps: int) -> None:
        """``steps`` are worked out when it is first asked for; it grows with what is asked for later."""
        self.start, self.step, self.timezone = start, step, timezone
        self._least = steps
        self._offset: IntArray = np.zeros(0, np.int64)
        self._weekend: Flags = np.zeros(0, bool)
        self._earlier: dict[int, IntArray] = {}
        self._same_kind: dict[int, Flags] = {}

    def stamps(self, first: int, end: int) -> pd.DatetimeIndex:
        """Starts (UTC) of the intervals at the positions ``first`` to ``end - 1``."""
        origin = np.datetime64(self.start.tz_localize(None).to_pydatetime(), "us")
        return pd.DatetimeIndex(origin + np.arange(first, end) * np.timedelta64(self.step, "us"), tz="UTC")

    def offset(self, first: int, end: int) -> IntArray:
        """Steps by which the local clock is ahead of UTC at each position."""
        self._reach(end)
        return self._offset[first:end]

    def weekend(self, first: int, end: int) -> Flags:
        """Whether each position lies on a Saturday or Sunday."""
        self._reach(end)
        return self._weekend[first:end]

    def earlier(self, days: int, first: int, end: int) -> IntArray:
        """Positions of the same local time 1 to ``days`` days before each position, (days, positions), counted from
        ``first``; below 0 before it."""
        self._reach(end)
        found = self._earlier.get(days)
        if found is None:
            positions = np.arange(len(self._offset))
            straight = positions - np.arange(1, days + 1)[:, np.newaxis] * (DAY // self.step)
            # where the clock has changed in between, the same local time lies that much earlier or later
            shift = self._offset - self._offset[np.maximum(straight, 0)]
            found = self._earlier[days] = straight + shift
        return found[:, first:end] - first

    def same_kind(self, days: int, first: int, end: int) -> Flags:
        """Whether those days are workdays or weekends as the position's own, (days, positions)."""
        self._reach(end)
        found = self._same_kind.get(days)
        if found is None:
            earlier = self.earlier(days, 0, len(self._offset))
            found = self._same_kind[days] = self._weekend[np.maximum(earlier, 0)] == self._weekend
        return found[:, first:end]

    def _reach(self, end: int) -> None:
        """Work out positions up to ``end``."""
        if end <= len(self._offset):
            return
        stamps = self.stamps(0, max(end, self._least))
        local = stamps.tz_convert(self.timezone)
        ahead = microseconds(local.tz_localize(None)) - microseconds(stamps)
        self._offset = ahead // (self.step // MICROSECOND)
        self._weekend = np.asarray(local.day_of_week >= 5)
        self._least = len(self._offset) + 30 * (DAY // self.step)  # not anew each day
        self._earlier, self._same_kind = {}, {}
