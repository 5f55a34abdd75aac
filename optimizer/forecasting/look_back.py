"""The part of a history that a forecast looks back on, and the past times of issue that it contains.

A rule of forecasting is judged by what it would have said in the past: at each past *origin*, the same local time of an
earlier day, it sees what had been published by then and no more. Its errors there are drawn as errors of the forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.forecasting.forecaster import check_issued
from optimizer.forecasting.history import FloatArray, History
from optimizer.forecasting.local_calendar import MICROSECOND
from optimizer.forecasting.scales import Scale
from optimizer.horizon import Horizon
from optimizer.time_stamps import Instants, microseconds

IntArray = npt.NDArray[np.int64]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Origins:
    """Past times of issue and, as the last row, the present one."""

    issued: Instants
    """Times of issue, microseconds of UTC, shape (N + 1,)."""
    targets: IntArray
    """Positions of the steps that are forecast from each, shape (N + 1, T)."""

    @property
    def past(self) -> int:
        """Number of past origins."""
        return len(self.issued) - 1

    @cached_property
    def stamps(self) -> pd.DatetimeIndex:
        """Times of issue in UTC."""
        return pd.DatetimeIndex(self.issued.astype("datetime64[us]"), tz="UTC")

    def kept(self, which: npt.NDArray[np.bool_]) -> Origins:
        """Those past origins, and the present one."""
        rows = np.append(which, True)
        return Origins(self.issued[rows], self.targets[rows])


class LookBack:
    """Values of some variables from `look_back` before the issue on, on the scale `z`, with what was known when."""

    def __init__(
        self,
        known: History,
        issued_at: pd.Timestamp,
        horizon: Horizon,
        names: Sequence[str],
        look_back: timedelta,
        at_least: timedelta,
        scaled_like: Mapping[str, str] | None = None,
    ) -> None:
        """`names` are looked back on for `look_back`, or as far as the history goes if that is `at_least` so long.

        `scaled_like` names variables that take the scale of another. Raises InputError for a shorter history, holes
        and values that should be known.
        """
        check_issued(issued_at, horizon)
        self.known = known = known.at(issued_at)
        known.check_names(names)
        self.horizon, self.names = horizon, tuple(dict.fromkeys(names))
        needed = known.position(issued_at - at_least)
        begins = max(known.begins(name) for name in self.names)
        self._first = max(known.position(issued_at - look_back), begins) if begins <= needed else needed
        for name in self.names:
            known.check_complete(name, self._first)
        self.start = known.first_step(horizon) - self._first
        self.end = self.start + horizon.steps
        self._issued = int(microseconds(pd.DatetimeIndex([issued_at]))[0])
        values = {name: known.raw(name)[self._first :] for name in self.names}
        like = dict(scaled_like or {})
        self.scales = {name: Scale.of(values[like.get(name, name)]) for name in self.names}
        self.z = {name: self.scales[name].z(values[name]) for name in self.names}
        self.by_day: dict[tuple[str, int], tuple[FloatArray, IntArray, IntArray]] = {}
        """Kept by rules that look at the same time of many days: by variable and days."""
        self.count = max(self.end, *(len(z) for z in self.z.values()))
        """Positions up to the end of the horizon, or of what is published beyond it."""
        self.ranges = {name: (float(values[name].min()), float(values[name].max())) for name in self.names}

    @property
    def per_day(self) -> int:
        """Steps in a day of 24 hours."""
        return DAY // self.known.step

    @cached_property
    def stamps(self) -> pd.DatetimeIndex:
        """Interval starts (UTC) of all positions up to the end of the horizon."""
        return self.known.stamps(self._first, self._first + self.count)

    @cached_property
    def local(self) -> pd.DatetimeIndex:
        """The same in local time."""
        return self.stamps.tz_convert(self.known.timezone)

    @cached_property
    def weekend(self) -> npt.NDArray[np.bool_]:
        """Whether each position lies on a Saturday or Sunday."""
        return self.known.calendar.weekend(self._first, self._first + self.count)

    def earlier(self, days: int) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """Positions of the same local time 1 to ``days`` days before each position, below 0 before the look-back, and
        whether those days are of the same kind, workday or weekend; both (days, positions)."""
        place = days, self._first, self._first + self.count
        return self.known.calendar.earlier(*place), self.known.calendar.same_kind(*place)

    @cached_property
    def _offset(self) -> IntArray:
        """Steps by which the local clock is ahead of UTC at each position."""
        return self.known.calendar.offset(self._first, self._first + self.count)

    @cached_property
    def _published(self) -> dict[str, Instants]:
        first, end = self._first, self._first + self.count
        return {name: self.known.published_at(name, first, end) for name in self.names}

    def days_before(self, positions: IntArray, days: int | IntArray) -> IntArray:
        """Positions of the same local time so many days earlier; below 0 before the look-back."""
        earlier = positions - days * self.per_day
        last = len(self._offset) - 1
        shift = self._offset[np.clip(positions, 0, last)] - self._offset[np.clip(earlier, 0, last)]
        return np.asarray(np.where(positions < 0, -1, earlier + shift))

    def known_end(self, name: str, origins: Origins) -> IntArray:
        """Number of positions that had been published at each origin, shape (N + 1,)."""
        count = np.searchsorted(self._published[name], origins.issued, side="right")
        return np.minimum(count, len(self.z[name]))

    def seen(self, name: str, positions: IntArray, origins: Origins) -> FloatArray:
        """z at `positions` (N + 1, …) as far as each origin could know it, else NaN."""
        end = self.known_end(name, origins).reshape((-1,) + (1,) * (positions.ndim - 1))
        visible = (positions >= 0) & (positions < end)
        found = self.z[name][np.where(visible, positions, 0)]
        return np.asarray(np.where(visible, found, np.nan))

    def actual(self, name: str, origins: Origins) -> FloatArray:
        """z that came after each past origin, shape (N, T); NaN where it is not known yet."""
        targets = origins.targets[:-1]
        visible = targets < len(self.z[name])
        return np.asarray(np.where(visible, self.z[name][np.where(visible, targets, 0)], np.nan))

    def origins(self, warm_up_days: int) -> Origins:
        """Every earlier day whose horizon is over, after a `warm_up_days` that rules need to look back on."""
        steps = np.arange(self.horizon.steps)
        end = min(len(self.z[name]) for name in self.names)
        days = np.arange(1, max(self.start // self.per_day, 0) + 1)
        starts = self.days_before(np.full(len(days), self.start), days)
        usable = (starts + self.horizon.steps <= end) & (starts >= warm_up_days * self.per_day)
        starts = np.append(starts[usable][::-1], self.start)
        lead = (self.start - starts) * (self.known.step // MICROSECOND)
        return Origins(self._issued - lead, starts[:, np.newaxis] + steps)
