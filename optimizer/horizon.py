"""The planning horizon: steps, time zone, days and months, and the only conversion of MW to MWh."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from optimizer.errors import did_you_mean, with_hint

PeriodKind = Literal["step", "day", "month", "year", "horizon"]

_STAMP = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_STEP = re.compile(r"(\d{1,6})(min|h|d)", re.ASCII)
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_YEARS = range(1970, 2200)
_CALENDAR_UNITS: dict[str, Literal["D", "M", "Y"]] = {"day": "D", "month": "M", "year": "Y"}


@dataclass(frozen=True)
class _Calendar:
    """Calendar periods that the steps fall into."""

    periods: Any
    """As datetime64 of days, months or years, (P,)."""
    codes: NDArray[np.int64]
    """Number of the period in which each step starts, (T,)."""
    starts_inside: bool
    """Whether the first step lies inside a period that began before."""


class Horizon(BaseModel):
    """The steps that are planned: `steps` intervals of equal absolute length from `start` on.

    Steps are lengths of absolute time, so a local day on which the clocks change has 23 or 25 hourly steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    timezone: str = Field(strict=True)
    """IANA name of the time zone in which the file's clock times, days and months are meant: `America/Chicago`."""
    start: str
    """Start of the first step: local wall clock of `timezone` (`2024-08-19T00:00`), or with a UTC offset."""
    steps: int = Field(ge=1, le=1_100_000, strict=True)
    """Number of steps (the upper limit is ten years of 5-minute steps)."""
    step: str = Field(default="1h", strict=True)
    """Length of a step, from 5 minutes to 1 day: `5min`, `15min`, `1h`, `1d`."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        zone(name)
        return name

    @field_validator("start", mode="before")
    @classmethod
    def _start_as_text(cls, value: object) -> object:
        return stamp_text(value)

    @field_validator("start")
    @classmethod
    def _single_instant(cls, stamp: str, info: ValidationInfo) -> str:
        to_utc(stamp, zone(info.data.get("timezone", "UTC")))
        return stamp

    @field_validator("step")
    @classmethod
    def _step_in_range(cls, text: str) -> str:
        step_length(text)
        return text

    @cached_property
    def step_length(self) -> timedelta:
        """Length of a step."""
        return step_length(self.step)

    @cached_property
    def step_h(self) -> float:
        """Length of a step in hours."""
        return self.step_length / timedelta(hours=1)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return zone(self.timezone)

    @cached_property
    def start_utc(self) -> pd.Timestamp:
        """Start of the first step in UTC."""
        return pd.Timestamp(to_utc(self.start, self.zone))

    @cached_property
    def end_utc(self) -> pd.Timestamp:
        """End of the last step in UTC."""
        return self.start_utc + self.steps * self.step_length

    @cached_property
    def utc(self) -> pd.DatetimeIndex:
        """Starts of the steps in UTC, shape (T,)."""
        first = np.datetime64(self.start_utc.tz_localize(None).to_pydatetime(), "us")
        stamps = first + np.arange(self.steps) * np.timedelta64(self.step_length, "us")
        return pd.DatetimeIndex(stamps, tz="UTC", name="time")

    @cached_property
    def local(self) -> pd.DatetimeIndex:
        """Starts of the steps in local time, shape (T,)."""
        return self.utc.tz_convert(self.timezone)

    def part(self, first: int, steps: int) -> Horizon:
        """``steps`` steps from step ``first`` on, which share the calendar of the whole: a year of windows asks the
        time zone once. Raises ValueError outside of the horizon."""
        if not (first >= 0 and steps >= 1 and first + steps <= self.steps):
            raise ValueError(f"steps {first} to {first + steps - 1} are not within 0 to {self.steps - 1}")
        start = (self.start_utc + first * self.step_length).tz_convert(self.timezone)
        found = Horizon(timezone=self.timezone, start=start.isoformat(timespec="minutes"), steps=steps, step=self.step)
        here = slice(first, first + steps)
        calendars: dict[str, _Calendar] = {}
        for kind in _CALENDAR_UNITS:
            whole = self._calendar(kind)
            codes = whole.codes[here]
            low, high = int(codes.min()), int(codes.max())
            calendars[kind] = found._calendar_of(whole.periods[low : high + 1], codes - low)
        # as if it had worked them out itself
        found.__dict__.update(utc=self.utc[here], local=self.local[here], _calendars=calendars)
        return found

    def period_codes(self, kind: PeriodKind) -> NDArray[np.int64]:
        """Number of the period (0..P-1, by local time) in which each step starts, shape (T,)."""
        match kind:
            case "step":
                return np.arange(self.steps, dtype=np.int64)
            case "horizon":
                return np.zeros(self.steps, dtype=np.int64)
            case "day" | "month" | "year":
                return self._calendar(kind).codes.copy()
        raise ValueError(f"unknown period '{kind}'; must be step, day, month, year or horizon")

    def period_labels(self, kind: PeriodKind) -> tuple[str, ...]:
        """Name of each period: `2024-08-19`, `2024-08`, `2024`, `horizon`, or the start of a step in local time."""
        match kind:
            case "step":
                return tuple(stamp.isoformat(timespec="minutes") for stamp in self.local)
            case "horizon":
                return ("horizon",)
        return tuple(str(period) for period in self._calendar(kind).periods)

    def covered_share(self, kind: Literal["day", "month", "year"]) -> NDArray[np.float64]:
        """Share of each calendar period that the horizon covers (1 for a whole one), shape (P,)."""
        periods = self._calendar(kind).periods
        edges, ends = [self._begin(p) for p in periods], [self._begin(p + 1) for p in periods]
        hours = np.array([(end - start) / pd.Timedelta(hours=1) for start, end in zip(edges, ends, strict=True)])
        return np.asarray(np.bincount(self.period_codes(kind)) * self.step_h / hours)

    def starts_inside(self, kind: Literal["day", "month", "year"]) -> bool:
        """Whether the first step lies inside a calendar period that began before the horizon."""
        return self._calendar(kind).starts_inside

    def _calendar(self, kind: str) -> _Calendar:
        """The calendar periods of the steps; worked out once, as a model asks for them a hundred times."""
        known = self._calendars.get(kind)
        if known is None:
            of_step = self.local.tz_localize(None).to_numpy().astype(f"datetime64[{_CALENDAR_UNITS[kind]}]")
            periods, codes = np.unique(of_step, return_inverse=True)
            known = self._calendars[kind] = self._calendar_of(periods, codes.astype(np.int64))
        return known

    def _calendar_of(self, periods: Any, codes: NDArray[np.int64]) -> _Calendar:
        return _Calendar(periods, codes, bool(self._begin(periods[codes[0]]) < self.start_utc))

    def _begin(self, period: Any) -> pd.Timestamp:
        """First instant of a calendar period; where clocks skip midnight or show it twice, the first there is."""
        return pd.Timestamp(period).tz_localize(self.timezone, nonexistent="shift_forward", ambiguous=True)

    @cached_property
    def _calendars(self) -> dict[str, _Calendar]:
        return {}

    def step_at(self, stamp: str, *, side: Literal["start", "end"]) -> int:
        """Whole steps between the start of the horizon and a local time stamp; may be below 0 or above T.

        `side="start"` rounds up to the next step's start (a release in mid-step waits for the next step),
        `side="end"` rounds down (a deadline in mid-step counts whole steps only).
        Raises ValueError for a stamp that is no single instant.
        """
        since_start = to_utc(stamp, self.zone) - self.start_utc.to_pydatetime()
        whole, rest = divmod(since_start, self.step_length)
        return whole + (1 if side == "start" and rest else 0)

    @overload
    def energy_mwh(self, power_mw: float) -> float: ...
    @overload
    def energy_mwh(self, power_mw: NDArray[np.float64]) -> NDArray[np.float64]: ...
    @overload
    def energy_mwh(self, power_mw: Any) -> Any: ...
    def energy_mwh(self, power_mw: Any) -> Any:
        """Energy (MWh) of a constant power (MW) over one step; numbers, arrays and model expressions alike."""
        return power_mw * self.step_h

    def describe(self, instant: pd.Timestamp | np.datetime64) -> str:
        """An instant for a message: local time, and UTC in brackets. A datetime64 is taken as UTC."""
        stamp = pd.Timestamp(instant)
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
        local = stamp.tz_convert(self.timezone).isoformat(timespec="minutes")
        return f"{local} ({stamp.tz_localize(None).isoformat(timespec='minutes')}Z)"


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; ValueError for any other."""
    try:
        if name.casefold() != "localtime":  # would mean another zone on another machine
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    hint = did_you_mean(name, available_timezones())
    raise ValueError(with_hint(f"unknown time zone '{name}'; must be an IANA name such as America/Chicago", hint))


def step_length(text: str) -> timedelta:
    """Length of a step written as `5min`, `1h` or `1d`; ValueError outside 5 minutes to 1 day."""
    match = _STEP.fullmatch(text)
    minutes = int(match[1]) * _MINUTES[match[2]] if match else 0
    if not 5 <= minutes <= 1440:
        raise ValueError(f"found '{text}'; a step must be from 5 minutes to 1 day, written as 15min, 1h or 1d")
    return timedelta(minutes=minutes)


def stamp_text(value: object) -> object:
    """A time stamp as text: dates and times of Python become ISO text, anything else is passed on to be judged."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes" if value.second == 0 and value.microsecond == 0 else "auto")
    return value.isoformat() if isinstance(value, date) else value


def parse_stamp(text: str) -> datetime:
    """ISO time stamp `2024-08-19`, `2024-08-19T06:00[:00]`, with or without UTC offset; ValueError for any other."""
    try:
        parsed = datetime.fromisoformat(text) if _STAMP.fullmatch(text) else None
    except ValueError as error:
        raise ValueError(f"found '{text}', which is not a time: {error}") from None
    if parsed is None:
        raise ValueError(f"found '{text}'; a time is written as 2024-08-19T06:00 or 2024-08-19T06:00-05:00")
    if parsed.year not in _YEARS:
        raise ValueError(f"found '{text}'; the year must be from {_YEARS[0]} to {_YEARS[-1]}")
    return parsed


def to_utc(text: str, local_zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a time stamp; without an offset it is the wall clock of `local_zone`.

    Raises ValueError where the wall clock shows that time twice or never, because only an offset settles it.
    """
    parsed = parse_stamp(text)
    if parsed.tzinfo is not None:
        return parsed.astimezone(UTC)
    early, late = (parsed.replace(tzinfo=local_zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early.astimezone(UTC)
    if early.astimezone(UTC).astimezone(local_zone).replace(tzinfo=None) == parsed:
        what = f"happens twice in {local_zone.key} when the clocks go back"
    else:
        what = f"does not exist in {local_zone.key} because the clocks go forward"
    either = sorted(stamp.isoformat(timespec="minutes") for stamp in (early, late))
    raise ValueError(f"local time {text} {what}; write it with its UTC offset: {either[0]} or {either[1]}")
