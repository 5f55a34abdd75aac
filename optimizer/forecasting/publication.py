"""When a value becomes known: at the end of its interval, at a time of the day before, or long ahead.

A day-ahead price of ERCOT is published at about 13:00 of the day before (`day before 13:00`); a real-time price when
its interval is over (`at the end`); a daily figure of the Bitcoin network when its UTC day is over
(`day after 00:00 UTC`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from optimizer.horizon import zone
from optimizer.time_stamps import Instants, microseconds

_DELAY = re.compile(r"(\d{1,4})(min|h|d) after the end", re.ASCII)
_CLOCK = re.compile(
    r"(?:(?P<same>same day)|(?:(?P<days>\d{1,3}) days|day) (?P<side>before|after)) "
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?: (?P<zone>\S+))?",
    re.ASCII,
)
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_FORMS = "`at the end`, `2h after the end`, `day before 13:00`, `same day 06:00`, `2 days after 09:30 UTC` or `always`"
_LONG_AGO = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Publication:
    """Rule by which the value of an interval becomes known; made by :meth:`parse`."""

    text: str
    """The rule as written."""
    delay: timedelta | None = None
    """Time between the end of the interval and its publication."""
    day: int | None = None
    """Day of publication counted from the local day in which the interval starts: -1 is the day before."""
    clock: timedelta = timedelta()
    """Local time of publication on that day."""
    timezone: str | None = None
    """Time zone of `day` and `clock`; the history's by default."""

    @classmethod
    def parse(cls, text: str) -> Publication:
        """The rule of a text; ValueError for one that is none."""
        if text == "always":
            return cls(text)
        if text == "at the end":
            return cls(text, delay=timedelta())
        if delay := _DELAY.fullmatch(text):
            return cls(text, delay=timedelta(minutes=int(delay[1]) * _MINUTES[delay[2]]))
        clock = _CLOCK.fullmatch(text)
        if clock is None or int(clock["hour"]) > 23 or int(clock["minute"]) > 59:
            raise ValueError(f"found '{text}'; when a value is published is written as {_FORMS}")
        if clock["zone"]:
            zone(clock["zone"])
        days = 0 if clock["same"] else int(clock["days"] or 1) * (-1 if clock["side"] == "before" else 1)
        at = timedelta(hours=int(clock["hour"]), minutes=int(clock["minute"]))
        return cls(text, day=days, clock=at, timezone=clock["zone"])

    def instants(self, starts: pd.DatetimeIndex, step: timedelta, timezone: str) -> Instants:
        """When the values of the intervals from `starts` (UTC, rising) on become known: microseconds of UTC, rising."""
        if self.delay is not None:
            return microseconds(starts) + round((step + self.delay) / timedelta(microseconds=1))
        if self.day is None:
            return np.full(len(starts), _LONG_AGO, dtype=np.int64)
        place = self.timezone or timezone
        days = starts.tz_convert(place).tz_localize(None).normalize()
        of_day, code = np.unique(days.to_numpy(), return_inverse=True)
        wall = pd.DatetimeIndex(of_day) + pd.Timedelta(days=self.day) + pd.Timedelta(self.clock)
        # where the clocks change, the later of two readings: nothing is taken for known too early
        local = wall.tz_localize(place, ambiguous=np.zeros(len(wall), bool), nonexistent="shift_forward")
        return np.maximum.accumulate(microseconds(local)[code])


AT_THE_END = Publication.parse("at the end")
