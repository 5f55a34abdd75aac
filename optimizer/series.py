"""Time series files: columns aligned to the horizon by time, with every defect told by file, column and time stamp."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema

from optimizer.alignment import Alignment, FillMethod, Resampling, align
from optimizer.data_files import Tables, read_tables
from optimizer.errors import did_you_mean, shown, with_hint
from optimizer.horizon import Horizon, zone
from optimizer.time_stamps import described, instants

_FROZEN = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FillRule(BaseModel):
    """How blank cells and missing rows inside the file's span are filled; `fill: previous` for short."""

    model_config = _FROZEN

    method: FillMethod
    """`previous` repeats the last value, `linear` draws a straight line to the next one."""
    max_gap_steps: int | None = Field(default=None, ge=1, strict=True)
    """Longest gap that is filled, in rows of the file; a longer one is an error. Default: no limit."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["previous", "linear"]}, handler.resolve_ref_schema(handler(schema))]}


class DataSource(BaseModel):
    """A time series file of the scenario, named under `data:`."""

    model_config = _FROZEN

    file: str = Field(strict=True, min_length=1)
    """Path of the file, relative to the scenario file: CSV, Parquet or NetCDF by its suffix."""
    time: str = Field(default="time", strict=True, min_length=1)
    """Column (NetCDF: coordinate) of the interval starts, as ISO 8601 time stamps."""
    timezone: str | None = Field(default=None, strict=True)
    """IANA time zone of the time stamps if they have no UTC offset."""
    member: str | None = Field(default=None, strict=True, min_length=1)
    """Column (NetCDF: dimension) of the ensemble member; default: `member` if it is there."""
    fill: FillRule | None = None
    """What to do about gaps: `previous`, `linear`, or `{method: previous, max_gap_steps: 3}`; default: refuse them."""
    resample: Resampling | None = None
    """For a file in another step than the horizon's: `hold` (coarser, repeats values), `mean` (finer, averages)."""

    may_be_filled: ClassVar[bool] = True
    """Whether messages about gaps offer to declare `fill:`."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            zone(name)
        return name


class SourceReader:
    """Reads the data files of a scenario, each once, and aligns their columns to its horizon."""

    def __init__(
        self,
        sources: Mapping[str, DataSource],
        folder: Path,
        horizon: Horizon,
        members: int | None = None,
        tables: Mapping[Path, Tables] | None = None,
    ) -> None:
        """`folder` is the scenario file's; `members` the size of the ensemble (1 without one, None if unknown).

        `tables` are those of files that have been read already, by path.
        """
        self._sources = dict(sources)
        self._folder = folder
        self._horizon = horizon
        self._members = members
        self._tables: dict[Path, Tables] = dict(tables or {})
        self._alignments: dict[tuple[str, tuple[str, ...]], Alignment] = {}
        self._columns: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._labels: tuple[str, tuple[int | str, ...]] | None = None

    @property
    def folder(self) -> Path:
        """Folder of the scenario file, against which its files are meant."""
        return self._folder

    @property
    def tables(self) -> Mapping[Path, Tables]:
        """Tables of the files that have been read so far, by path."""
        return self._tables

    def column(self, source: str, column: str) -> NDArray[np.float64]:
        """Values of `source.column` at the steps of the horizon, shape (1, T), or (M, T) if they differ by member.

        Read-only. Raises ValueError for every defect of the file that touches the column inside the horizon.
        """
        if source not in self._sources:
            hint = did_you_mean(source, self._sources) or f"sources: {', '.join(self._sources) or 'none'}"
            raise ValueError(with_hint(f"no data source '{source}' under `data:`", hint))
        if (source, column) not in self._columns:
            values = self._read(source, column)
            values.flags.writeable = False
            self._columns[source, column] = values
        return self._columns[source, column]

    def _read(self, source: str, column: str) -> NDArray[np.float64]:
        spec = self._sources[source]
        path = self._folder / spec.file
        if path not in self._tables:
            self._tables[path] = read_tables(path)
        try:
            dimensions, names = _located(self._tables[path], column, spec)
            table = self._tables[path][dimensions]
            alignment = self._aligned(source, dimensions, table)
        except ValueError as error:
            raise ValueError(f"{spec.file}: {error}") from error
        labels = alignment.labels
        if len(names) > 1:
            if labels is not None:
                raise ValueError(f"{spec.file}: members are given both by column '{names[0]}' and by a member column")
            labels = tuple(int(name.rpartition("_")[2]) for name in names)
        self._check_members(source, labels)
        return np.concatenate([self._values(table[name], alignment, spec) for name in names])

    def _aligned(self, source: str, dimensions: tuple[str, ...], table: pd.DataFrame) -> Alignment:
        if (source, dimensions) not in self._alignments:
            spec = self._sources[source]
            member_column = spec.member or ("member" if "member" in table.columns else None)
            if member_column is not None and member_column not in table.columns and dimensions:
                member_column = None  # a NetCDF variable over time alone is common to all members
            labels, member = members_of_rows(table, member_column)
            stamps = instants(_only(table, spec.time), spec.timezone, member, self._horizon)
            mend = "add it or declare `fill:` in the source" if spec.may_be_filled else "add it"
            self._alignments[source, dimensions] = align(
                stamps, member, labels, self._horizon, resample=spec.resample, filled=spec.fill is not None, mend=mend
            )
        return self._alignments[source, dimensions]

    def _values(self, cells: pd.Series, alignment: Alignment, spec: DataSource) -> NDArray[np.float64]:
        where = f"{spec.file}, column '{cells.name}'"
        numbers, text = _numbers(cells, where)
        found = alignment.taken(numbers)
        bad = ~np.isfinite(found)
        if bad.any():
            if text is not None:
                self._refuse(alignment, bad & alignment.taken_flags(text), cells, where, "must be a number")
            self._refuse(alignment, np.isinf(found), cells, where, "must be finite")
            if spec.fill is None:
                or_fill = " (or declare `fill:` in the source)" if spec.may_be_filled else ""
                self._refuse(alignment, bad, cells, where, f"must be a number{or_fill}")
            else:
                try:
                    found = alignment.filled(found, numbers, spec.fill.method, spec.fill.max_gap_steps, self._horizon)
                except ValueError as error:
                    raise ValueError(f"{where}: {error}") from error
        return alignment.spread(found)

    def _refuse(self, alignment: Alignment, bad: NDArray[np.bool_], cells: pd.Series, where: str, must: str) -> None:
        """ValueError for the first of the bad cells in time, if there is any."""
        if not bad.any():
            return
        member, at = alignment.first(bad)
        cell = cells.iloc[alignment.rows[member, at]]
        what = "a blank cell" if pd.isna(cell) else shown(cell if isinstance(cell, str) else float(cell))
        when = described(self._horizon, alignment.grid[at])
        raise ValueError(f"{where}: found {what} at {when}{alignment.of_member(member)}; {must}")

    def _check_members(self, source: str, labels: tuple[int | str, ...] | None) -> None:
        """Members must be as many as the ensemble's, and the same in all sources."""
        if labels is None:
            return
        file = self._sources[source].file
        if self._members is not None and len(labels) != self._members:
            ensemble = f"the ensemble has {self._members}" if self._members > 1 else "the scenario has no ensemble"
            raise ValueError(f"{file}: holds {len(labels)} members, but {ensemble}")
        if self._labels is None:
            self._labels = (source, labels)
        elif labels != self._labels[1]:
            only = [label for label in labels if label not in self._labels[1]]
            raise ValueError(
                f"{file}: its members are not those of source '{self._labels[0]}' (member {only[0]} is not there)"
            )


def _only(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table.columns:
        columns = [str(column) for column in table.columns]
        raise ValueError(with_hint(f"no column '{name}'", did_you_mean(name, columns) or _listing(columns)))
    return table[name]


def _listing(columns: list[str]) -> str:
    shown_columns = ", ".join(columns[:12])
    return f"columns: {shown_columns}{', …' if len(columns) > 12 else ''}"


def _located(tables: Tables, column: str, spec: DataSource) -> tuple[tuple[str, ...], list[str]]:
    """Dimensions of the table that holds a column, and the name of the column, or of its columns by member."""
    for dimensions, table in tables.items():
        if column in table.columns and column not in (spec.time, *dimensions):
            return dimensions, [column]
    numbered = re.compile(re.escape(column) + r"_(\d{3,})")
    for dimensions, table in tables.items():
        matches = [match for name in table.columns if (match := numbered.fullmatch(str(name)))]
        if matches:
            matches.sort(key=lambda match: int(match[1]))
            numbers = [int(match[1]) for match in matches]
            lacking = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
            if numbers[0] > 1 or lacking:
                lacks = lacking[0] if lacking else 0
                raise ValueError(f"columns '{column}_…' by member: '{column}_{lacks:03d}' is not there")
            return dimensions, [match[0] for match in matches]
    names = list(dict.fromkeys(str(name) for table in tables.values() for name in table.columns))
    raise ValueError(with_hint(f"no column '{column}'", did_you_mean(column, names) or _listing(names)))


def members_of_rows(table: pd.DataFrame, column: str | None) -> tuple[tuple[int | str, ...] | None, NDArray[np.int64]]:
    """Labels of the members in their order, and the number of each row's member."""
    if column is None:
        return None, np.zeros(len(table), dtype=np.int64)
    cells = _only(table, column)
    if cells.isna().any():
        raise ValueError(f"row {int(np.argmax(cells.isna().to_numpy())) + 1} has no member in column '{column}'")
    codes, found = pd.factorize(cells)
    labels = [_label(value) for value in found]
    order = sorted(range(len(labels)), key=lambda number: _natural(labels[number]))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return tuple(labels[number] for number in order), rank[codes]


def _label(value: Any) -> int | str:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else text


def _natural(label: int | str) -> list[tuple[int, int, str]]:
    """Sorting key by which `m2` comes before `m10`."""
    parts = re.findall(r"\d+|\D+", str(label))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _numbers(cells: pd.Series, where: str) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """Cells as numbers, NaN for blank cells and for text; and which cells are text, if any can be."""
    if pd.api.types.is_bool_dtype(cells.dtype):
        raise ValueError(f"{where}: holds true and false; write 1 and 0")
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan), None
    numbers = pd.to_numeric(cells, errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan), (numbers.isna() & cells.notna()).to_numpy(dtype=bool)
