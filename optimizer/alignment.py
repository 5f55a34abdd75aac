"""Rows of a data file matched to the steps of the horizon by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.horizon import Horizon
from optimizer.time_stamps import Instants, described, microseconds

FillMethod = Literal["previous", "linear"]
Resampling = Literal["hold", "mean"]

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class Alignment:
    """Which row of a file serves which step, for each member; common to all columns of the file."""

    stamps: Instants
    """Instant of each row of the file, shape (R,)."""
    member: NDArray[np.int64]
    """Number of each row's member, shape (R,)."""
    labels: tuple[int | str, ...] | None
    """The file's names of its members; None if its values are common to all."""
    grid: Instants
    """Instants at which values are needed, in the file's own resolution, shape (G,)."""
    rows: NDArray[np.int64]
    """Row of the file that holds each of these values, -1 if none does, shape (M, G)."""
    source_step: int
    """Distance of the file's rows in microseconds."""
    per_step: int
    """Values of the grid that are averaged into one step of the horizon (1: none)."""
    held: NDArray[np.int64] | None
    """Position in the grid of the value that each step of the horizon holds, shape (T,); None if not held."""

    def taken(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """A column's values at the grid, NaN where the file has no row, shape (M, G)."""
        values = numbers[self.rows]
        values[self.rows < 0] = np.nan
        return values

    def taken_flags(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A column's flags at the grid, False where the file has no row, shape (M, G)."""
        return flags[self.rows] & (self.rows >= 0)

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at the grid (M, G) as values at the steps of the horizon (M, T)."""
        if self.held is not None:
            return values[:, self.held]
        if self.per_step > 1:
            averaged: NDArray[np.float64] = values.reshape(values.shape[0], -1, self.per_step).mean(axis=2)
            return averaged
        return values

    def filled(
        self,
        values: NDArray[np.float64],
        numbers: NDArray[np.float64],
        method: FillMethod,
        max_gap_steps: int | None,
        horizon: Horizon,
    ) -> NDArray[np.float64]:
        """`values` (M, G) with NaN filled from the file's own rows, also those outside the horizon.

        Raises ValueError for a gap that is too long, or that has no value on the side from which it is filled.
        """
        values = values.copy()
        for member in np.flatnonzero(np.isnan(values).any(axis=1)):
            rows = np.flatnonzero((self.member == member) & np.isfinite(numbers))
            rows = rows[np.argsort(self.stamps[rows], kind="stable")]
            known, known_values = self.stamps[rows], numbers[rows]
            missing = np.isnan(values[member])
            wanted = self.grid[missing]
            following = np.searchsorted(known, wanted, side="right")
            self._check_sides(wanted, following, len(known), method, horizon, int(member))
            if max_gap_steps is not None:
                end = self.stamps[self.member == member].max() + self.source_step
                lengths = np.append(known, end)[following] - known[following - 1]
                too_long = lengths > (max_gap_steps + 1) * self.source_step
                if too_long.any():
                    when = described(horizon, wanted[int(np.argmax(too_long))])
                    raise ValueError(
                        f"the gap at {when}{self.of_member(int(member))} is longer than {max_gap_steps} rows, the "
                        "longest that the source's `fill:` allows"
                    )
            if method == "previous":
                values[member, missing] = known_values[following - 1]
            else:
                values[member, missing] = np.interp(wanted, known, known_values)
        return values

    def _check_sides(
        self,
        wanted: Instants,
        following: NDArray[np.int64],
        known: int,
        method: FillMethod,
        horizon: Horizon,
        member: int,
    ) -> None:
        for unserved, side in ((following == 0, "before"), ((following == known) & (method == "linear"), "after")):
            if unserved.any():
                when = described(horizon, wanted[int(np.argmax(unserved))])
                raise ValueError(f"the gap at {when}{self.of_member(member)} has no value {side} it to fill it from")

    def first(self, bad: NDArray[np.bool_]) -> tuple[int, int]:
        """Member and position in the grid of the first bad value in time."""
        at = int(np.argmax(bad.any(axis=0)))
        return int(np.argmax(bad[:, at])), at

    def of_member(self, member: int) -> str:
        """` of member 3` for a message, or nothing."""
        return "" if self.labels is None else f" of member {self.labels[member]}"


def align(
    stamps: Instants,
    member: NDArray[np.int64],
    labels: tuple[int | str, ...] | None,
    horizon: Horizon,
    *,
    resample: Resampling | None,
    filled: bool,
    mend: str = "add it or declare `fill:` in the source",
) -> Alignment:
    """Match rows to steps; ValueError for a wrong step, a horizon that is not covered, duplicates and gaps.

    Only rows inside the horizon are judged. With `filled`, gaps between the first and the last row are left to be
    filled by column. `mend` is what the message says of a row that is not there.
    """
    ends = microseconds(horizon.utc[[0]])[0], microseconds(horizon.utc[[-1]])[0]
    step = round(horizon.step_h * _HOUR)
    start, end = int(ends[0]), int(ends[1]) + step
    times = np.unique(stamps)
    source_step = usual_step(times, step)
    _check_step(source_step, step, resample)
    per_step, held = 1, None
    if resample == "hold":
        _check_covered(times, source_step, start, end, horizon, "")
        grid = _held_grid(times, source_step, start, end)
        held = np.searchsorted(grid, microseconds(horizon.utc), side="right") - 1
    else:
        per_step = step // source_step
        grid = start + np.arange(horizon.steps * per_step, dtype=np.int64) * source_step
        off = (times >= start) & (times < end) & ((times - start) % source_step != 0)
        if off.any():
            raise ValueError(
                f"the time stamp {described(horizon, times[int(np.argmax(off))])} is not the start of a step of "
                f"{in_words(source_step)} counted from the horizon's start"
            )
    rows = _matched(stamps, member, 1 if labels is None else len(labels), grid, horizon, labels)
    alignment = Alignment(stamps, member, labels, grid, rows, source_step, per_step, held)
    _check_complete(alignment, start, end, horizon, None if filled else mend)
    return alignment


def usual_step(times: Instants, step: int) -> int:
    """Most frequent distance of rows, microseconds; a single row is taken to be in the horizon's ``step``."""
    if len(times) < 2:
        return step
    lengths, counts = np.unique(np.diff(times), return_counts=True)
    return int(lengths[np.argmax(counts)])


def _check_step(source_step: int, step: int, resample: Resampling | None) -> None:
    apart = f"its rows are {in_words(source_step)} apart"
    if source_step > step and resample != "hold":
        raise ValueError(
            f"{apart}, coarser than the horizon's step of {in_words(step)}; to repeat each value, declare "
            "`resample: hold` in the source"
        )
    if source_step < step and step % source_step:
        raise ValueError(f"{apart}, which does not divide the horizon's step of {in_words(step)}")
    if source_step < step and resample != "mean":
        raise ValueError(
            f"{apart}, finer than the horizon's step of {in_words(step)}; to average them, declare "
            "`resample: mean` in the source"
        )


def _held_grid(times: Instants, source_step: int, start: int, end: int) -> Instants:
    """Rows whose values are held during the horizon, and in gaps the instants at which rows should be."""
    first = max(int(np.searchsorted(times, start, side="right")) - 1, 0)
    grid = times[first : np.searchsorted(times, end, side="left")]
    # a day, week or month by the local clock may be an hour longer than the usual one
    longest = source_step + (_HOUR if source_step >= _DAY else 0)
    following = np.append(grid[1:], max(end, int(grid[-1])))
    lacking = [
        np.arange(grid[at] + source_step, following[at], source_step)
        for at in np.flatnonzero(following - grid > longest)
    ]
    grid = np.sort(np.concatenate([grid, *lacking]))
    return grid[max(int(np.searchsorted(grid, start, side="right")) - 1, 0) :]


def _matched(
    stamps: Instants,
    member: NDArray[np.int64],
    members: int,
    grid: Instants,
    horizon: Horizon,
    labels: tuple[int | str, ...] | None,
) -> NDArray[np.int64]:
    at = np.minimum(np.searchsorted(grid, stamps), len(grid) - 1)
    serving = np.flatnonzero(grid[at] == stamps)
    cells = member[serving] * len(grid) + at[serving]
    twice = np.bincount(cells, minlength=members * len(grid)).reshape(members, -1) > 1
    if twice.any():
        when = int(np.argmax(twice.any(axis=0)))
        whose = "" if labels is None else f" of member {labels[int(np.argmax(twice[:, when]))]}"
        raise ValueError(f"the time stamp {described(horizon, grid[when])}{whose} is there more than once")
    rows = np.full(members * len(grid), -1, dtype=np.int64)
    rows[cells] = serving
    return rows.reshape(members, -1)


def _check_complete(alignment: Alignment, start: int, end: int, horizon: Horizon, mend: str | None) -> None:
    missing = alignment.rows < 0
    for member in np.flatnonzero(missing.any(axis=1)).tolist():
        own = alignment.stamps[alignment.member == member]
        _check_covered(own, alignment.source_step, start, end, horizon, alignment.of_member(member))
    if missing.any() and mend is not None:
        member, at = alignment.first(missing)
        raise ValueError(f"no row for {described(horizon, alignment.grid[at])}{alignment.of_member(member)}; {mend}")


def _check_covered(stamps: Instants, source_step: int, start: int, end: int, horizon: Horizon, whose: str) -> None:
    first, after = int(stamps.min()), int(stamps.max()) + source_step
    if first > start or after < end:
        raise ValueError(
            f"covers {described(horizon, first)} to {described(horizon, after)}{whose}, but the horizon runs from "
            f"{described(horizon, start)} to {described(horizon, end)}"
        )


def in_words(microseconds_long: int) -> str:
    """A step in words: `15 min`, `1 h`, `1 d`."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_HOUR // 60, "min")):
        if microseconds_long % unit == 0:
            return f"{microseconds_long // unit} {name}"
    return f"{microseconds_long / 1e6:g} s"
