"""Time stamps of a data file as instants, with what the clock changes leave to be settled."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.horizon import Horizon

Instants = NDArray[np.int64]
"""Microseconds of UTC since 1970."""

_WITH_OFFSET = r"[T ]\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$"


def microseconds(stamps: pd.DatetimeIndex) -> Instants:
    """Instants of an index in UTC, or wall-clock microseconds of a naive one."""
    naive = stamps if stamps.tz is None else stamps.tz_convert("UTC").tz_localize(None)
    return naive.to_numpy().astype("datetime64[us]").astype(np.int64)


def described(horizon: Horizon, instant: int | np.int64) -> str:
    """An instant for a message: local time, and UTC in brackets."""
    return horizon.describe(np.datetime64(int(instant), "us"))


def instants(column: pd.Series, timezone: str | None, member: NDArray[np.int64], horizon: Horizon) -> Instants:
    """Instants of the rows of a time column; `member` is the number of each row's member.

    Raises ValueError where a stamp is blank or no ISO 8601 time, where it is a local time but no `timezone` is
    declared, and where a local time inside the horizon happens twice or never and the order of the rows does not
    settle it.
    """
    stamps = _parsed(column)
    if stamps.tz is not None:
        return microseconds(stamps)
    if timezone is None:
        raise ValueError(
            f"the time stamps of column '{column.name}' have no UTC offset (first: {stamps[0].isoformat()}); "
            "declare their time zone in the source, e.g. `timezone: UTC`"
        )
    return _localised(stamps, timezone, member, horizon)


def _parsed(column: pd.Series) -> pd.DatetimeIndex:
    """The time stamps, in UTC or all naive."""
    blank = column.isna().to_numpy()
    if blank.any():
        raise ValueError(f"row {int(np.argmax(blank)) + 1} has no time stamp in column '{column.name}'")
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(column.dt.tz_convert("UTC"))
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return pd.DatetimeIndex(column)
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise ValueError(f"column '{column.name}' holds numbers, not time stamps such as 2024-08-19T06:00Z")
    text = column.astype("str").str.strip()
    aware = text.str.contains(_WITH_OFFSET, regex=True).to_numpy(dtype=bool)
    stamps = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    unreadable = stamps.isna().to_numpy()
    if unreadable.any():
        row = int(np.argmax(unreadable))
        raise ValueError(
            f"row {row + 1} of column '{column.name}' holds '{text.iloc[row]}', which is no time stamp such as "
            "2024-08-19T06:00Z"
        )
    if aware.all():
        return pd.DatetimeIndex(stamps)
    if aware.any():
        row = int(np.argmin(aware))
        raise ValueError(
            f"some time stamps of column '{column.name}' have a UTC offset and some have none "
            f"(first: '{text.iloc[row]}' in row {row + 1})"
        )
    return pd.DatetimeIndex(stamps).tz_localize(None)


def _localised(wall: pd.DatetimeIndex, timezone: str, member: NDArray[np.int64], horizon: Horizon) -> Instants:
    start, end = microseconds(pd.DatetimeIndex([horizon.start_utc, horizon.end_utc]))
    early = _as_instants(wall, timezone, first_time=True)
    late = _as_instants(wall, timezone, first_time=False)

    never = pd.isna(wall.tz_localize(timezone, ambiguous=np.ones(len(wall), bool), nonexistent="NaT"))
    never &= (early >= start) & (early < end)
    if never.any():
        raise ValueError(
            f"local time {wall[int(np.argmax(never))].isoformat()} does not exist in {timezone} because the clocks go "
            "forward; are the time stamps in another time zone?"
        )

    twice = early != late
    if not twice.any():
        return early
    rank, count = _occurrences(wall, member, twice)
    resolved = np.where(rank == 1, late, early)
    judged = twice & (late >= start) & (early < end)
    _check_pairs(wall, timezone, judged & (count != 2))
    _check_order(wall, timezone, member, resolved, judged)
    return resolved


def _as_instants(wall: pd.DatetimeIndex, timezone: str, *, first_time: bool) -> Instants:
    """Instants if every hour that happens twice is its first (or its second) time."""
    summer = np.full(len(wall), first_time)
    return microseconds(wall.tz_localize(timezone, ambiguous=summer, nonexistent="shift_forward"))


def _occurrences(
    wall: pd.DatetimeIndex, member: NDArray[np.int64], twice: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For rows in an hour that happens twice: which occurrence in the file it is (from 0), and of how many."""
    rank, count = np.zeros(len(wall), np.int64), np.zeros(len(wall), np.int64)
    groups = pd.DataFrame({"member": member[twice], "wall": wall[twice]}).groupby(["member", "wall"])["wall"]
    rank[twice] = groups.cumcount().to_numpy()
    count[twice] = groups.transform("size").to_numpy()
    return rank, count


def _check_pairs(wall: pd.DatetimeIndex, timezone: str, unpaired: NDArray[np.bool_]) -> None:
    if unpaired.any():
        raise ValueError(
            f"local time {wall[int(np.argmax(unpaired))].isoformat()} happens twice in {timezone} when the clocks go "
            "back, but is not in the file exactly twice; write the time stamps with their UTC offset"
        )


def _check_order(
    wall: pd.DatetimeIndex,
    timezone: str,
    member: NDArray[np.int64],
    resolved: Instants,
    judged: NDArray[np.bool_],
) -> None:
    """The order of rows settles which of two equal local times is the first only if the rows follow in time."""
    order = np.argsort(member, kind="stable")
    steps = np.diff(resolved[order])
    near = judged[order]
    wrong = (steps <= 0) & (np.diff(member[order]) == 0) & (near[1:] | near[:-1])
    if wrong.any():
        raise ValueError(
            f"local time {wall[order[int(np.argmax(wrong))]].isoformat()} is near the hour that happens twice in "
            f"{timezone}, and the rows are not in the order of time; write the time stamps with their UTC offset"
        )
