"""What has been observed, cut at the time of a forecast so that nothing later can be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.forecasting.local_calendar import MICROSECOND, LocalCalendar
from optimizer.forecasting.publication import AT_THE_END, Publication
from optimizer.horizon import Horizon, stamp_text, to_utc, zone
from optimizer.series import SourceReader
from optimizer.time_stamps import Instants, microseconds

FloatArray = npt.NDArray[np.float64]


def refusal(variable: str, message: str, hint: str | None = None) -> InputError:
    """The error that names a variable of a history or a forecast."""
    return InputError([Problem(variable, message, hint=hint)])


class History:
    """Series on one grid of equal intervals, as far as each was known at `issued_at`; immutable.

    :meth:`at` gives the view that a forecaster gets: copies of the values that were published by then. Values beyond
    are not in it; it cannot be widened again. Blanks (NaN) may be in it and are judged where they are used.
    """

    def __init__(
        self,
        columns: Mapping[str, npt.ArrayLike],
        start: pd.Timestamp,
        step: timedelta,
        timezone: str,
        published: Mapping[str, Publication | str] | None = None,
        issued_at: pd.Timestamp | None = None,
    ) -> None:
        """`columns` hold one value for each interval of length `step` from `start` on.

        `published` says when values become known, by column (default: `at the end` of their interval). Without
        `issued_at` it is the whole record, of which only :meth:`at` should be handed on.
        Raises InputError for a rule that cannot be read or belongs to no column.
        """
        zone(timezone)
        self.start, self.step, self.timezone, self.issued_at = utc(start, timezone), step, timezone, issued_at
        self._columns = {str(name): _frozen(values) for name, values in columns.items()}
        if not self._columns:
            raise InputError([Problem("history", "holds no columns")])
        self._instants: dict[str, Instants] = {}
        longest = max(len(values) for values in self._columns.values())
        self.calendar = LocalCalendar(self.start, step, timezone, longest)
        self.published = dict.fromkeys(self._columns, AT_THE_END)
        for name, rule in (published or {}).items():
            self.check_names([name])
            try:
                self.published[name] = Publication.parse(rule) if isinstance(rule, str) else rule
            except ValueError as error:
                raise refusal(f"published.{name}", str(error)) from error

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, timezone: str, published: Mapping[str, Publication | str] | None = None
    ) -> History:
        """A table with a time-zone aware index of interval starts and columns of numbers.

        The step is the usual distance of rows; a missing row is a blank. Raises InputError for stamps that are naive,
        repeated or off the grid, and for columns that hold no numbers.
        """
        stamps = table.index
        if not isinstance(stamps, pd.DatetimeIndex) or stamps.tz is None:
            raise InputError([Problem("history", "needs a time-zone aware index of interval starts")])
        if len(stamps) < 2:
            raise InputError([Problem("history", f"holds {len(stamps)} rows; two at least give the step")])
        at = microseconds(stamps)
        order = np.argsort(at, kind="stable")
        at = at[order]
        lengths, counts = np.unique(np.diff(at), return_counts=True)
        step = int(lengths[np.argmax(counts)])
        off = np.flatnonzero((np.diff(at) <= 0) | (np.diff(at) % max(step, 1) != 0))
        if off.size:
            when = told(pd.Timestamp(at[off[0] + 1], unit="us", tz="UTC"), timezone)
            raise InputError([Problem("history", f"the row of {when} repeats a time or is not a whole step later")])
        position = (at - at[0]) // step
        columns: dict[str, FloatArray] = {}
        for name in table.columns:
            if not pd.api.types.is_numeric_dtype(table[name].dtype) or pd.api.types.is_bool_dtype(table[name].dtype):
                raise refusal(str(name), f"holds no numbers but {table[name].dtype}")
            columns[str(name)] = np.full(int(position[-1]) + 1, np.nan)
            columns[str(name)][position] = table[name].to_numpy(dtype=np.float64, na_value=np.nan)[order]
        first = pd.Timestamp(at[0], unit="us", tz="UTC")
        return cls(columns, first, timedelta(microseconds=step), timezone, published)

    @classmethod
    def from_sources(
        cls,
        reader: SourceReader,
        columns: Mapping[str, str],
        horizon: Horizon,
        published: Mapping[str, Publication | str] | None = None,
    ) -> History:
        """Columns of data files, by name and `source.column`, over the `horizon` for which the reader was made.

        Raises InputError for every defect that :class:`SourceReader` finds, naming the variable, file and time.
        """
        found: dict[str, FloatArray] = {}
        problems = []
        for name, reference in columns.items():
            source, _, column = reference.partition(".")
            try:
                values = reader.column(source, column)
                if len(values) > 1:
                    raise ValueError(f"{reference} holds {len(values)} members; what happened is one path")
                found[name] = values[0]
            except ValueError as error:
                problems.append(Problem(name, str(error)))
        if problems:
            raise InputError(problems)
        return cls(found, horizon.start_utc, horizon.step_length, horizon.timezone, published)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    def check_names(self, names: Iterable[str]) -> None:
        """Raises InputError for columns that are not there."""
        for name in names:
            if name not in self._columns:
                hint = did_you_mean(name, self._columns) or f"columns: {', '.join(list(self._columns)[:12])}"
                raise refusal(name, "the history has no such column", hint)

    def at(self, issued_at: pd.Timestamp | str) -> History:
        """What was known at `issued_at` (local wall clock if naive), and nothing else.

        Raises InputError for a time after the one at which this history itself was cut.
        """
        cut = utc(issued_at, self.timezone)
        if self.issued_at is not None and cut > self.issued_at:
            when, asked = self.told(self.issued_at), self.told(cut)
            raise InputError([Problem("history", f"was cut at {when}; what was known at {asked} is not in it")])
        columns = {name: values[: self.known_steps(name, cut)] for name, values in self._columns.items()}
        seen = History(columns, self.start, self.step, self.timezone, self.published, cut)
        seen._instants, seen.calendar = self._instants, self.calendar  # times alone; no value is in them
        return seen

    def known_steps(self, name: str, issued_at: pd.Timestamp | None = None) -> int:
        """Intervals from the start whose values had been published at `issued_at` and are in the history."""
        self.check_names([name])
        length = len(self._columns[name])
        if issued_at is None:
            return length
        return int(np.searchsorted(self.published_at(name, 0, length), _instant(issued_at), side="right"))

    def published_at(self, name: str, first: int, end: int) -> Instants:
        """When the values at the positions `first` to `end - 1` become known: microseconds of UTC, rising."""
        rule = self.published[name]
        found = self._instants.get(rule.text)
        if found is None or len(found) < end:
            longest = max(end, *(len(values) for values in self._columns.values()))
            found = rule.instants(self.stamps(0, longest), self.step, self.timezone)
            self._instants[rule.text] = found
        return found[first:end]

    def reaches(self, moment: pd.Timestamp) -> bool:
        """Whether the columns hold all values that are published by then; a record ends somewhere."""
        due = _instant(moment)
        return not any(
            self.published[name].text != "always" and self.published_at(name, len(values), len(values) + 1)[0] <= due
            for name, values in self._columns.items()
        )

    def begins(self, name: str) -> int:
        """Position of the first value that is not blank; the length of the column if there is none."""
        there = np.isfinite(self.raw(name))
        return int(np.argmax(there)) if there.any() else len(there)

    def stamps(self, first: int, end: int) -> pd.DatetimeIndex:
        """Starts (UTC) of the intervals at the positions `first` to `end - 1`; position 0 is the first of all."""
        return self.calendar.stamps(first, end)

    def position(self, stamp: pd.Timestamp) -> int:
        """Position of the interval in which an instant lies; below 0 before the first."""
        return (_instant(stamp) - _instant(self.start)) // (self.step // MICROSECOND)

    def raw(self, name: str) -> FloatArray:
        """All known values of a column from the first interval on, read-only, blanks as NaN."""
        self.check_names([name])
        return self._columns[name]

    def past(self, name: str, look_back: timedelta | None = None) -> pd.Series[float]:
        """Known values without a blank, by local interval start; with `look_back` those of the time before the cut.

        Values published ahead follow those of the past. Raises InputError, naming the variable and the first bad
        stamp, for a history that is shorter than the look-back, has a hole in it, or ends before it should.
        """
        values = self.raw(name)
        reference = self.issued_at or self.stamps(len(values), len(values) + 1)[0]
        first = 0 if look_back is None else self.position(reference - look_back)
        self.check_complete(name, first)
        index = self.stamps(first, len(values)).tz_convert(self.timezone)
        return pd.Series(values[first:], index=index, name=name)

    def ahead(self, name: str, horizon: Horizon) -> FloatArray:
        """Values at the steps of `horizon` as far as they are known already, else NaN, shape (T,)."""
        values, first = self.raw(name), self.first_step(horizon)
        found = np.full(horizon.steps, np.nan)
        known = values[max(first, 0) : max(first + horizon.steps, 0)]
        lead = max(-first, 0)
        found[lead : lead + len(known)] = known
        return found

    def first_step(self, horizon: Horizon) -> int:
        """Position of the first step of `horizon`; InputError where its steps are not the history's."""
        if horizon.step_length != self.step:
            message = f"its steps are {horizon.step} long, those of the history {self.step}"
            raise InputError([Problem("horizon", message, hint="resample the history first")])
        if (_instant(horizon.start_utc) - _instant(self.start)) % (self.step // MICROSECOND):
            raise InputError([Problem("horizon", f"its steps do not start with those of the history ({self.step})")])
        return self.position(horizon.start_utc)

    def check_complete(self, name: str, first: int) -> None:
        """Raises InputError unless every value from position `first` on is there that was published at the cut."""
        values = self.raw(name)
        begins = self.begins(name)
        if first < begins:
            needed, found = self.told(self.stamps(first, first + 1)[0]), self.told(self.stamps(begins, begins + 1)[0])
            what = f"begins at {found}" if begins < len(values) else "holds no value"
            raise refusal(name, f"the history {what}; the look-back needs it from {needed}", "shorten the look-back")
        if self.issued_at is not None:
            due = self.published_at(name, len(values), len(values) + 1)[0]
            if self.published[name].text != "always" and due <= _instant(self.issued_at):
                when = self.told(self.stamps(len(values), len(values) + 1)[0])
                raise refusal(
                    name,
                    f"the history ends before {when}, though that value is published ({self.published[name].text}) "
                    f"when the forecast is issued, at {self.told(self.issued_at)}",
                )
        holes = np.flatnonzero(~np.isfinite(values[first:]))
        if holes.size:
            when = self.told(self.stamps(first + int(holes[0]), first + int(holes[0]) + 1)[0])
            raise refusal(name, f"the history has {holes.size} blanks in the look-back, the first at {when}")

    def told(self, stamp: pd.Timestamp) -> str:
        """An instant for a message: local time, and UTC in brackets."""
        return told(stamp, self.timezone)

    def __repr__(self) -> str:
        until = "whole record" if self.issued_at is None else f"known at {self.told(self.issued_at)}"
        return f"History({', '.join(self.names)}; from {self.told(self.start)}; {until})"


def utc(stamp: pd.Timestamp | str, timezone: str) -> pd.Timestamp:
    """An instant in UTC; a stamp without an offset is the wall clock of `timezone`.

    Raises InputError for text that is no time, and for a wall-clock time that happens twice or never.
    """
    if isinstance(stamp, pd.Timestamp) and stamp.tzinfo is not None:
        return stamp.tz_convert("UTC")
    try:
        return pd.Timestamp(to_utc(str(stamp_text(stamp)), zone(timezone)))
    except ValueError as error:
        raise InputError([Problem("issued_at", str(error))]) from error


def told(stamp: pd.Timestamp, timezone: str) -> str:
    """An instant for a message: local time, and UTC in brackets."""
    local = stamp.tz_convert(timezone).isoformat(timespec="minutes")
    return f"{local} ({stamp.tz_convert('UTC').tz_localize(None).isoformat(timespec='minutes')}Z)"


def _instant(stamp: pd.Timestamp) -> int:
    return int(stamp.value) // 1000


def _frozen(values: npt.ArrayLike) -> FloatArray:
    """A copy that cannot be written to, and that holds on to nothing else."""
    copied = np.array(values, dtype=np.float64)
    copied.flags.writeable = False
    return copied
