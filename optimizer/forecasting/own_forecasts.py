"""Forecasts of the user's own: a function, or a file of members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.data_files import read_tables
from optimizer.errors import InputError, Problem
from optimizer.forecasting.ensemble import PROBABILITY, ForecastEnsemble
from optimizer.forecasting.forecaster import check_issued
from optimizer.forecasting.history import FloatArray, History, told
from optimizer.horizon import Horizon
from optimizer.series import DataSource, SourceReader, members_of_rows

Own = Callable[[History, pd.Timestamp, Horizon, int, int], "ForecastEnsemble | Mapping[str, npt.ArrayLike]"]


@dataclass(frozen=True)
class OwnFunction:
    """A function with the arguments of :meth:`Forecaster.forecast`, given only what was known."""

    function: Own
    """Gives an ensemble, or values by variable, (members, steps) or (steps,)."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """What the function says, checked. Raises InputError for members that stop early or are not finite."""
        check_issued(issued_at, horizon)
        found = self.function(known.at(issued_at), issued_at, horizon, members, seed)
        if isinstance(found, ForecastEnsemble):
            return found
        single = all(np.ndim(array) == 1 for array in found.values())
        if single:  # one path: all members agree
            found = {name: np.broadcast_to(np.asarray(array), (members, len(array))) for name, array in found.items()}  # type: ignore[arg-type]
        return ForecastEnsemble.from_arrays(found, horizon, issued_at)


@dataclass(frozen=True)
class MembersFile:
    """Members from a data file (CSV, Parquet, NetCDF), as scenarios read them.

    A long table may hold many forecasts: with the column `issued` (time stamps with UTC offset, or in the source's
    time zone), the newest that had been issued is taken. A column or variable `probability` gives the members'.
    """

    source: DataSource
    """The file, its columns of time and member, and what to do about gaps."""
    columns: tuple[str, ...]
    """Variables to take."""
    folder: Path = Path()
    """Folder against which the file is meant."""
    issued: str = "issued_at"
    """Column of the time of issue, if the file has it."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """The members in the file; `members` is how many there must be.

        Raises InputError, naming variable and time stamp, for members that stop before the horizon, for blanks, and
        for a file without a forecast that had been issued.
        """
        check_issued(issued_at, horizon)
        path = self.folder / self.source.file
        try:
            tables = dict(read_tables(path))
        except ValueError as error:
            raise InputError([Problem("forecast", str(error))]) from error
        issue = issued_at
        for dimensions, table in tables.items():
            if self.issued in table.columns:
                issue, tables[dimensions] = self._newest(table, issued_at, horizon.timezone)
        reader = SourceReader({"own": self.source}, self.folder, horizon, None, {path: tables})
        values: dict[str, FloatArray] = {}
        problems = []
        for column in self.columns:
            try:
                values[column] = reader.column("own", column)
            except ValueError as error:
                problems.append(Problem(column, str(error)))
        if problems:
            raise InputError(problems)
        weights = self._probabilities(list(tables.values()))
        return ForecastEnsemble.from_arrays(values, horizon, issue, probabilities=weights)

    def _newest(self, table: pd.DataFrame, issued_at: pd.Timestamp, timezone: str) -> tuple[pd.Timestamp, pd.DataFrame]:
        """The newest forecast of a long table that had been issued by then."""
        try:
            stamps = pd.DatetimeIndex(pd.to_datetime(table[self.issued], format="ISO8601"))
        except ValueError as error:
            raise InputError([Problem(self.issued, f"{self.source.file}: {error}")]) from error
        if stamps.tz is None:
            stamps = stamps.tz_localize(self.source.timezone or timezone, ambiguous="NaT", nonexistent="NaT")
        known = np.asarray(stamps <= issued_at)
        if not known.any():
            first, asked = told(stamps.min(), timezone), told(issued_at, timezone)
            message = f"{self.source.file}: its first forecast was issued at {first}, after {asked} when it is used"
            raise InputError([Problem(self.issued, message)])
        newest = stamps[known].max()
        return newest.tz_convert("UTC"), table[np.asarray(stamps == newest)]

    def _probabilities(self, tables: Sequence[pd.DataFrame]) -> FloatArray | None:
        """One probability per member, from the first table that has them."""
        for table in tables:
            name = self.source.member or ("member" if "member" in table.columns else None)
            if PROBABILITY in table.columns and name in table.columns:
                _, number = members_of_rows(table, name)
                by_member = pd.Series(table[PROBABILITY].to_numpy(dtype=np.float64)).groupby(number)
                several = np.asarray(by_member.nunique() > 1)
                if several.any():
                    member = int(np.argmax(several))
                    message = f"{self.source.file}: member {member} has several probabilities"
                    raise InputError([Problem(PROBABILITY, message)])
                return by_member.first().to_numpy(dtype=np.float64)
        return None
