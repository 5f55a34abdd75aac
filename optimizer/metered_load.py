"""A metered load, as a table of a caller or a file: its steps, and its columns as powers at meters and schedules.

Columns are ``import_mw`` and, if there is any, ``export_mw`` (with several sites ``<site>.import_mw`` of each), and
the schedules of contracts as ``<contract>.<variable>`` (``ppa.delivered_mw``), in MW. Rows are steps of equal length
by their starts; members of an ensemble stand in a column (or index level) ``member``, or in columns
``import_mw_000``, ``import_mw_001``, …
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from optimizer.alignment import align, in_words, usual_step
from optimizer.contract import Contract
from optimizer.data_files import Tables, read_tables
from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.horizon import Horizon, step_length
from optimizer.load_reading import Powers
from optimizer.parts import Parts
from optimizer.series import DataSource, SourceReader, members_of_rows
from optimizer.time_stamps import instants

Floats = NDArray[np.float64]
TIME = "time_utc"
NOT_READ = ("time_local",)
"""Columns that may stand beside, as in the tables that a plan writes."""
METERED = ("import_mw", "export_mw")
NOT_NEGATIVE = (*METERED, "delivered_mw", "sold_mw")
LEAST_MW = -1e-6
"""A solver's rounding below 0, as the meter's table of a plan may hold it."""
_MINUTE = 60_000_000
_BY_MEMBER = re.compile(r"_\d{3,}$")
_ANY_TIME = {"start": "1970-01-01T00:00Z", "steps": 84_000, "step": "1d"}


class MeterSource(DataSource):
    """The load as a data file: a meter's gaps are not filled."""

    may_be_filled: ClassVar[bool] = False


class MeteredLoad:
    """A table of powers over time, with the name by which errors call it."""

    def __init__(self, table: pd.DataFrame, name: str, time: str) -> None:
        self.name = name
        self._table = table
        self._time = time

    @classmethod
    def read(cls, load: str | Path | pd.DataFrame | pd.Series[float]) -> Self:
        """The load as a caller gives it. Raises InputError for a file or table that cannot be read."""
        if isinstance(load, pd.Series):
            load = load.to_frame("import_mw")
        if isinstance(load, pd.DataFrame):
            return cls(_with_time(load), "load", TIME)
        if not isinstance(load, str | Path):
            raise TypeError(f"a load is a pandas Series or DataFrame or a path, not {type(load).__name__}")
        path = Path(load)
        try:
            tables = read_tables(path)
        except ValueError as error:
            raise _refused(str(error)) from None
        if list(tables) != [()]:
            raise _refused(f"{path.name}: a load is a flat table (CSV or Parquet)")
        table = tables[()]
        return cls(table, path.name, TIME if TIME in table.columns else str(table.columns[0]))

    @property
    def members(self) -> int | None:
        """Members that the table tells apart; None if it is common to all."""
        if "member" in self._table.columns:
            return int(self._table["member"].nunique())
        bases = [_BY_MEMBER.sub("", name) for name in self._names if _BY_MEMBER.search(name)]
        return max(map(bases.count, bases), default=None)

    @property
    def timezone(self) -> str | None:
        """Name of the time zone of a caller's index, if it has one."""
        zone = getattr(self._table[self._time].dtype, "tz", None)
        return getattr(zone, "key", None)

    # ------------------------------------------------------------------ steps
    def horizon(self, timezone: str, step: str = "1h") -> Horizon:
        """The steps of the table, in a time zone; ``step`` is that of a table of one row.

        Time stamps without an offset are UTC in a column ``time_utc``, else the wall clock of the time zone. Raises
        InputError where the stamps are no steps of equal length.
        """
        try:
            return self._horizon(timezone, step)
        except ValidationError as error:
            raise _refused(f"{self.name}: {error.errors()[0]['msg']}") from None
        except ValueError as error:
            raise _refused(f"{self.name}: {error}") from None

    def _horizon(self, timezone: str, step: str) -> Horizon:
        self._check_header()
        labels, member = members_of_rows(self._table, "member" if "member" in self._table.columns else None)
        any_time = Horizon.model_validate({"timezone": timezone} | _ANY_TIME)
        stamps = instants(self._table[self._time], self._zone(timezone), member, any_time)
        times = np.unique(stamps)
        long = usual_step(times, round(step_length(step).total_seconds() * 1e6))
        minutes, rest = divmod(long, _MINUTE)
        if rest or not 5 <= minutes <= 1440:
            raise ValueError(f"its rows are {in_words(long)} apart; must be whole minutes, from 5 min to 1 d")
        first = pd.Timestamp(int(times[0]), unit="us", tz="UTC")
        horizon = Horizon(
            timezone=timezone,
            start=first.isoformat().replace("+00:00", "Z"),
            steps=int(times[-1] - times[0]) // long + 1,
            step=f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min",
        )
        # gaps and duplicates are told here: later, what does not fit the steps would be told of the scenario
        align(stamps, member, labels, horizon, resample=None, filled=False, mend="add it")
        return horizon

    def _zone(self, timezone: str) -> str:
        return "UTC" if self._time == TIME else timezone

    def _check_header(self) -> None:
        for name in map(str, self._table.columns):
            if re.match(r"\d{4}-\d\d-\d\d", name):
                raise ValueError(f"the first line must name the columns, such as {TIME},import_mw; found '{name}'")

    # ------------------------------------------------------------------ columns
    @property
    def _names(self) -> list[str]:
        """Columns of powers."""
        return [str(c) for c in self._table.columns if c not in (self._time, "member", *NOT_READ)]

    def powers(self, parts: Parts, horizon: Horizon, members: int) -> tuple[Powers, Powers]:
        """Import and export by site, and the schedules that are given by contract, each (members, steps).

        Raises InputError with all unknown and missing columns, else with what is wrong within the columns.
        """
        places = dict(_places(parts))
        found: dict[tuple[str, str], str] = {}
        problems: list[Problem] = []
        for column in dict.fromkeys(n if n in places else _BY_MEMBER.sub("", n) for n in self._names):
            place = places.get(column)
            if place is None:
                problems.append(self._unknown(column, places, parts))
            elif place in found:
                problems.append(self._problem(f"'{found[place]}' and '{column}' are the same"))
            else:
                found[place] = column
        problems += self._missing(found, parts)
        if problems:
            raise InputError(problems)
        source = MeterSource(file=self.name, time=self._time, timezone=self._zone(horizon.timezone))
        tables: dict[Path, Tables] = {Path(self.name): {(): self._table}}
        reader = SourceReader({"load": source}, Path(), horizon, members, tables)
        values: dict[tuple[str, str], Floats] = {}
        messages: list[str] = []
        for place, column in found.items():
            try:
                values[place] = np.broadcast_to(reader.column("load", column), (members, horizon.steps))
                self._check_sign(values[place], column, place[1], horizon)
            except ValueError as error:
                messages.append(str(error))
        if messages:
            raise InputError([Problem("", message) for message in dict.fromkeys(messages)])
        nothing = np.broadcast_to(np.zeros(()), (members, horizon.steps))
        meters = [(site, variable) for site in parts.sites for variable in METERED]
        metered = {meter: values.pop(meter, nothing) for meter in meters}
        return metered, values

    def _unknown(self, column: str, places: dict[str, tuple[str, str]], parts: Parts) -> Problem:
        names = {place: name for name, place in reversed(places.items())}  # the shortest of each
        hint = did_you_mean(column, places)
        if column in METERED:
            hint = f"there are several sites: {', '.join(f'{site}.{column}' for site in parts.sites)}"
        allowed = f"one of: {', '.join(reversed(names.values()))}"
        return self._problem(f"unknown column '{column}'", allowed=allowed, hint=hint)

    def _missing(self, found: dict[tuple[str, str], str], parts: Parts) -> Iterator[Problem]:
        billed = {site for part in parts.components.values() for site in part.frame.metered_sites}
        for site in parts.sites:
            if site in billed and (site, "import_mw") not in found:
                name = "import_mw" if len(parts.sites) == 1 else f"{site}.import_mw"
                yield self._problem(f"no column '{name}'", hint=f"columns: {', '.join(self._names) or 'none'}")

    def _check_sign(self, values: Floats, column: str, variable: str, horizon: Horizon) -> None:
        bad = values < LEAST_MW
        if variable not in NOT_NEGATIVE or not bad.any():
            return
        step = int(np.argmax(bad.any(axis=0)))
        member = int(np.argmax(bad[:, step]))
        whose = f" of member {member}" if len(values) > 1 else ""
        raise ValueError(
            f"{self.name}, column '{column}': found {values[member, step]:g} at "
            f"{horizon.describe(horizon.utc[step])}{whose}; must be at least 0 (what is given to the grid is export_mw)"
        )

    def _problem(self, message: str, allowed: str | None = None, hint: str | None = None) -> Problem:
        return Problem("", message, allowed=allowed, hint=hint, file=self.name)


def _with_time(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its index as columns ``time_utc`` and, for one of two levels, ``member``."""
    table = frame.rename(columns=str)
    levels = [frame.index.get_level_values(number) for number in range(frame.index.nlevels)]
    clock = [level for level in levels if isinstance(level, pd.DatetimeIndex)]
    rest = [level for level in levels if not isinstance(level, pd.DatetimeIndex)]
    if not clock and TIME in table.columns:
        return table.reset_index(drop=True)
    if len(clock) != 1 or len(rest) > 1:
        raise _refused("load: must have a DatetimeIndex, or an index of time stamps and members")
    if clock[0].tz is None:
        raise _refused("load: its time stamps have no time zone; give them one, as with load.tz_localize('UTC')")
    if not len(frame):
        raise _refused("load: holds no rows")
    index = {TIME: clock[0]} | ({"member": rest[0]} if rest else {})
    for name in index:
        if name in table.columns:
            raise _refused(f"load: '{name}' is both in the index and a column")
    return pd.DataFrame(index).join(table.reset_index(drop=True))


def _places(parts: Parts) -> Iterator[tuple[str, tuple[str, str]]]:
    """Names that a column may have, and the (site or contract, variable) that it holds."""
    for site in parts.sites:
        for variable in METERED:
            if len(parts.sites) == 1:
                yield variable, (site, variable)
            yield f"{site}.{variable}", (site, variable)
    for label, part in parts.components.items():
        if not isinstance(part.component, Contract):
            continue
        for variable in part.component.schedules:
            yield f"{label}.{variable}", (label, variable)
            if part.site is not None:  # the label in the results of a scenario whose other components share the name
                yield f"{part.site}.{part.component.name}.{variable}", (label, variable)


def _refused(message: str) -> InputError:
    return InputError([Problem("", message)])
