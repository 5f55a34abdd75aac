"""Data files (CSV, Parquet, NetCDF by suffix) read into plain tables; a defect is a ValueError that names the file."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from optimizer.errors import did_you_mean, with_hint

if TYPE_CHECKING:
    import xarray as xr

_LARGEST_BYTES = 2 * 1024**3
_LONGEST_HEADER = 1024**2
_SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".nc": "netcdf", ".nc4": "netcdf"}

Tables = Mapping[tuple[str, ...], pd.DataFrame]
"""Tables of a file by their dimensions: a flat file has one, under the key `()`; a NetCDF file one for each set of
dimensions, in which these are columns like any other."""


def read_tables(path: Path) -> Tables:
    """All columns of a data file; at least one row."""
    kind = _checked_kind(path)
    try:
        if kind == "netcdf":
            tables = _read_netcdf(path)
        else:
            tables = {(): _read_csv(path) if kind == "csv" else _read_parquet(path)}
    except (OSError, MemoryError) as error:
        raise ValueError(f"{path.name}: cannot be read: {error}") from error
    if all(table.empty for table in tables.values()):
        raise ValueError(f"{path.name}: holds a header but no rows")
    return tables


def _checked_kind(path: Path) -> str:
    """Kind of a file that exists and is no larger than can be read."""
    if not path.is_file():
        raise ValueError(_missing(path))
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"{path.name}: unknown kind of data file; must be one of {', '.join(_SUFFIXES)}")
    size = path.stat().st_size
    if size == 0:
        raise ValueError(f"{path.name}: is empty")
    if size > _LARGEST_BYTES:
        raise ValueError(f"{path.name}: holds {size / 1024**3:.1f} GiB; must be at most 2 GiB")
    return _SUFFIXES[path.suffix.lower()]


def _missing(path: Path) -> str:
    if path.is_dir():
        return f"{path.name}: is a folder, not a data file"
    if not path.parent.is_dir():
        return f"data file {path} is not there (no folder {path.parent})"
    others = (other.name for other in path.parent.iterdir() if other.is_file())
    return with_hint(f"data file {path} is not there", did_you_mean(path.name, others))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first_line = file.readline(_LONGEST_HEADER + 1)
        if len(first_line) > _LONGEST_HEADER:
            raise ValueError(
                f"{path.name}: the first line is longer than {_LONGEST_HEADER} characters; it must name the columns"
            )
        header = next(csv.reader([first_line]), [])
        repeated = {name for name, times in Counter(header).items() if times > 1}
        if repeated:  # pandas would rename the second one silently
            raise ValueError(f"{path.name}: the column '{min(repeated)}' is there twice")
        if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
            raise ValueError(f"{path.name}: the columns must be separated by commas; found the header {header[0]!r}")
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # told when rows are longer than the header
            table = pd.read_csv(path, encoding="utf-8-sig", index_col=False, low_memory=False)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: is not UTF-8 text: {error}") from error
    except pd.errors.ParserWarning as error:
        raise ValueError(f"{path.name}: rows have more cells than the header has columns") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path.name}: is empty") from error
    except (pd.errors.ParserError, csv.Error) as error:
        raise ValueError(f"{path.name}: is not a readable CSV file: {error}") from error
    return table.dropna(how="all")  # spreadsheets leave rows of bare commas behind


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{path.name}: is not a readable Parquet file: {error}") from error
    return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()


def _read_netcdf(path: Path) -> Tables:
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            tables = tables_of(dataset)
    except (ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path.name}: is not a readable NetCDF-4 file: {error}") from error
    if not tables:
        raise ValueError(f"{path.name}: holds no variable over time, or over member and time")
    return tables


def tables_of(dataset: xr.Dataset) -> Tables:
    """The variables of a dataset over one or two dimensions (time, or time and member) as tables."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, variable in dataset.data_vars.items():
        if 1 <= variable.ndim <= 2:
            names.setdefault(tuple(sorted(map(str, variable.dims))), []).append(str(name))
    return {dimensions: dataset[variables].to_dataframe().reset_index() for dimensions, variables in names.items()}
