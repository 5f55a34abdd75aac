"""Data given as pandas and xarray objects: in place of the file of a data source, or as the values of one field."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.data_files import Tables, tables_of
from optimizer.errors import InputError, Problem
from optimizer.horizon import Horizon
from optimizer.yaml_reader import copied

if TYPE_CHECKING:
    import xarray as xr

    from optimizer.scenario_file import RawScenario

    Frame = pd.DataFrame | pd.Series[Any] | xr.Dataset | xr.DataArray
_TIME, _MEMBER = "time", "member"


def with_frames(raw: RawScenario, frames: Mapping[str, Frame], folder: Path) -> tuple[RawScenario, dict[Path, Tables]]:
    """The scenario with objects in place of files, and their tables by the path at which they are looked up.

    A source that the file does not have is added. Times without a zone are UTC in xarray objects, which know no zones,
    and the wall clock of the horizon in pandas objects, unless the source has a ``timezone``. Raises InputError for
    objects that hold no series over time.
    """
    data = copied(raw.data)
    sources = data.setdefault("data", {})
    tables: dict[Path, Tables] = {}
    problems: list[Problem] = []
    for name, frame in frames.items():
        source = dict(sources.get(name) or {}) if isinstance(sources, dict) else {}
        source.setdefault("file", f"{name} (in memory)")
        clock = "UTC" if _is_xarray(frame) else _clock(data)
        if clock is not None:
            source.setdefault("timezone", clock)
        try:
            tables[folder / str(source["file"])] = _tables(name, frame, str(source.get("time", _TIME)))
        except ValueError as error:
            problems.append(Problem(f"frames[{name!r}]", str(error)))
        if isinstance(sources, dict):
            sources[name] = source
    if problems:
        raise InputError(problems)
    return replace(raw, data=data), tables


def _clock(data: Mapping[str, Any]) -> str | None:
    horizon = data.get("horizon")
    zone = horizon.get("timezone") if isinstance(horizon, Mapping) else None
    return zone if isinstance(zone, str) else None


def _tables(name: str, frame: object, time: str) -> Tables:
    if isinstance(frame, pd.Series):
        frame = frame.to_frame(str(frame.name) if frame.name is not None else name)
    if isinstance(frame, pd.DataFrame):
        return {(): _flat(frame, time)}
    if _is_xarray(frame):
        dataset: Any = frame if hasattr(frame, "data_vars") else frame.to_dataset(name=frame.name or name)  # type: ignore[attr-defined]
        found = tables_of(dataset)
        if not found:
            raise ValueError("holds no variable over time, or over member and time")
        return found
    kind = type(frame).__name__
    raise ValueError(f"found {kind}; must be a pandas DataFrame or Series, or an xarray Dataset or DataArray")


def _flat(frame: pd.DataFrame, time: str) -> pd.DataFrame:
    """With the time (and the member) of an index as columns."""
    if not isinstance(frame.index, pd.RangeIndex):
        names = [
            time if isinstance(level, pd.DatetimeIndex) else str(label or _MEMBER)
            for label, level in (
                (frame.index.names[number], frame.index.get_level_values(number))
                for number in range(frame.index.nlevels)
            )
        ]
        frame = frame.rename_axis(index=names).reset_index()
    frame = frame.rename(columns=str)
    if frame.empty:
        raise ValueError("holds no rows")
    if time not in frame.columns:
        raise ValueError(f"has neither a DatetimeIndex nor a column {time!r}; columns: {', '.join(frame.columns)}")
    return frame


def _is_xarray(value: object) -> bool:
    """Without importing xarray: who has such an object has imported it."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(value, xarray.Dataset | xarray.DataArray)


def is_series_object(value: object) -> bool:
    """Whether a field is given a pandas Series or an xarray DataArray."""
    return isinstance(value, pd.Series) or (_is_xarray(value) and not hasattr(value, "data_vars"))


def listed(value: Any, horizon: Horizon | None) -> list[Any]:
    """Numbers of a pandas Series or an xarray DataArray as the list(s) that a scenario file would hold.

    Values with times are taken at the steps of the horizon; without, they have to be one for each step. A DataArray may
    have the dimensions ``member`` and ``time``. Raises ValueError where the object does not have a step's value.
    """
    if isinstance(value, pd.Series):
        times = value.index if isinstance(value.index, pd.DatetimeIndex) else None
        if times is not None and times.tz is None and horizon is not None:
            times = times.tz_localize(horizon.timezone)
        return list(_at_steps(value.to_numpy(dtype=float), times, horizon).tolist())
    dimensions = [str(dimension) for dimension in value.dims]
    if sorted(dimensions) not in ([_TIME], [_MEMBER, _TIME]):
        raise ValueError(f"found the dimensions {', '.join(dimensions)}; must be time, or member and time")
    array = value.transpose(..., _TIME)
    times = pd.DatetimeIndex(array[_TIME].to_numpy()).tz_localize("UTC") if _TIME in array.coords else None
    return list(_at_steps(array.to_numpy().astype(float), times, horizon).tolist())


def _at_steps(
    values: NDArray[np.float64], times: pd.DatetimeIndex | None, horizon: Horizon | None
) -> NDArray[np.float64]:
    """``values`` (…, times) at the steps of the horizon."""
    if times is None or horizon is None:
        return values
    if times.has_duplicates:
        raise ValueError(f"has the time {times[times.duplicated()][0].isoformat()} twice")
    position = times.get_indexer(horizon.utc)
    if (position < 0).any():
        first = horizon.utc[int(np.argmax(position < 0))]
        raise ValueError(f"has no value at {horizon.describe(first)}")
    return values[..., position]
