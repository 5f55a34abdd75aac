"""Bounds of columns that follow from the rows, for columns that have none of their own; rounded outwards."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

UNIT_ROUNDOFF = 2.0**-53
INFINITE = 1e20
"""HiGHS takes a bound of this size for none."""
ROUNDS = 2000
"""Most steps over which bounds are passed on from row to row."""
MOST_KEPT, MOST_LOOKED_UP = 100_000, 16
"""Most entries of rows of which the bounds that are passed on are kept, and most such sets that are."""


def implied_bounds(arrays: Arrays) -> tuple[Floats, Floats]:
    """Bounds of the columns, (columns,) each: their own, and where they have none those that follow from the rest.

    From ``row_lower_i <= sum_j a_ij x_j <= row_upper_i`` each ``x_j`` is bounded by what the others can add at least
    and at most; along chains (a state of charge, the progress of a job) bounds are passed on from step to step. A
    column that earns nothing and that every row only wants to be large enough (a peak, fuel, a bill) need not exceed
    the most that any row can want of it: such a bound cuts off plans, but never all of the best. Only missing bounds
    are filled; those of their own are never tightened. A bound may still be infinite.
    """
    lower = np.where(arrays.col_lower <= -INFINITE, -np.inf, arrays.col_lower)
    upper = np.where(arrays.col_upper >= INFINITE, np.inf, arrays.col_upper)
    if np.isinf(lower).any() or np.isinf(upper).any():
        rows = _Rows.of(arrays)
        rows.pass_on(lower, upper)
        rows.cut_off(lower, upper, arrays.cost, above=True)
        rows.cut_off(lower, upper, arrays.cost, above=False)
    return lower, upper


class _Rows:
    """What rows say about single columns, given bounds of all, which are filled in place; entries in order of rows."""

    def __init__(
        self, rows: Integers, columns: Integers, values: Floats, row_lower: Floats, row_upper: Floats, count: int
    ) -> None:
        """Entries by rising row; ``count`` is the number of columns."""
        self._rows, self._columns, self._values, self._count = rows, columns, values, count
        self._lower, self._upper = row_lower, row_upper
        counts = np.bincount(rows, minlength=len(row_lower))
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._error = 4 * rounding_error(counts + 4)

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        rows, columns, values = entries_of(arrays.matrix)
        count = len(arrays.row_lower)
        # numbers of two bytes are sorted several times as fast
        order = np.argsort(rows.astype(np.uint16) if count <= np.iinfo(np.uint16).max else rows, kind="stable")
        lower = np.where(arrays.row_lower <= -INFINITE, -np.inf, arrays.row_lower)
        upper = np.where(arrays.row_upper >= INFINITE, np.inf, arrays.row_upper)
        return cls(rows[order], columns[order], values[order], lower, upper, len(arrays.cost))

    def pass_on(self, lower: Floats, upper: Floats) -> None:
        """Fill missing bounds from the rows, then from the rows of the columns that have just got one, and so on.

        After the first round what is left is mostly the same as in the problem before (states that are passed on from
        step to step), and is looked up.
        """
        missing = np.isinf(lower) | np.isinf(upper)
        new = self._fill(_each(self._rows[missing[self._columns]], len(self._error)), lower, upper)
        missing = np.isinf(lower) | np.isinf(upper)
        if not new.any() or not missing.any():
            return
        left = _each(self._rows[missing[self._columns]], len(self._error))
        entries = _ranges(self._starts, left)
        columns = _each(self._columns[entries], self._count)
        place = np.zeros(self._count, np.int64)
        place[columns] = np.arange(len(columns))
        numbers = np.repeat(np.arange(len(left)), self._starts[left + 1] - self._starts[left])
        sides = self._lower[left], self._upper[left], lower[columns], upper[columns]
        content = numbers, place[self._columns[entries]], new[columns], self._values[entries], *sides
        look_up = _passed_on if len(entries) <= MOST_KEPT else _passed_on.__wrapped__
        found = look_up(*(part.tobytes() for part in content))
        lower[columns], upper[columns] = (np.frombuffer(part) for part in found)

    def go_on(self, new: NDArray[np.bool_], lower: Floats, upper: Floats) -> None:
        """The rounds after the first, which has given ``new`` columns, (columns,), a bound."""
        by_column = np.argsort(self._columns, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(self._columns, minlength=self._count))])
        for _ in range(ROUNDS - 1):
            if not new.any():
                return
            rows = _each(self._rows[by_column[_ranges(starts, np.flatnonzero(new))]], len(self._error))
            new = self._fill(rows, lower, upper)

    def _fill(self, rows: Integers, lower: Floats, upper: Floats) -> NDArray[np.bool_]:
        """Fill missing bounds from some rows; which columns have got one, (columns,)."""
        entries = _ranges(self._starts, rows)
        here = np.isinf(lower[self._columns[entries]]) | np.isinf(upper[self._columns[entries]])
        new = np.zeros(self._count, bool)
        if not here.any():
            return new
        columns, rising = self._columns[entries[here]], self._values[entries[here]] > 0
        least, most = self._others(entries, here, lower, upper)
        above = (self._upper[self._rows[entries[here]]] - least) / self._values[entries[here]]
        below = (self._lower[self._rows[entries[here]]] - most) / self._values[entries[here]]
        before = lower[columns], upper[columns]
        _fill(lower, columns, np.where(rising, below, above), tightest=np.maximum)
        _fill(upper, columns, np.where(rising, above, below), tightest=np.minimum)
        new[columns[(before[0] != lower[columns]) | (before[1] != upper[columns])]] = True
        return new

    def cut_off(self, lower: Floats, upper: Floats, cost: Floats, *, above: bool) -> None:
        """Bound columns from above (below) that are wanted only large (small) enough, by the most that is wanted."""
        near, far = (lower, upper) if above else (upper, lower)
        lower_asks = (self._values > 0) == above  # the lower side of the row asks something of the column, or its upper
        barred = np.isfinite(np.where(lower_asks, self._upper[self._rows], self._lower[self._rows]))
        free = np.bincount(self._columns, barred, len(cost)) == 0
        free &= np.isinf(far) & np.isfinite(near) & (cost <= 0 if above else cost >= 0)
        rows = _each(self._rows[free[self._columns]], len(self._error))
        entries = _ranges(self._starts, rows)
        here = free[self._columns[entries]]
        if not here.any():
            return
        least, most = self._others(entries, here, lower, upper)
        chosen = entries[here]
        columns, places = self._columns[chosen], self._rows[chosen]
        sides = np.where(lower_asks[chosen], self._lower[places], self._upper[places])
        asking = np.isfinite(sides)
        rest = np.where(lower_asks[chosen], least, most)[asking]
        wanted = _outwards((sides[asking] - rest) / self._values[chosen][asking], 1 if above else -1)
        columns, bound = columns[asking], near.copy()
        (np.maximum if above else np.minimum).at(bound, columns, wanted)
        fit = free & (np.abs(bound) < INFINITE)
        far[fit] = bound[fit]

    def _others(
        self, entries: Integers, chosen: NDArray[np.bool_], lower: Floats, upper: Floats
    ) -> tuple[Floats, Floats]:
        """Least and largest sum of the other columns of its row, beside each chosen one of the entries (whole rows),
        rounded outwards."""
        rows, columns, values = self._rows[entries], self._columns[entries], self._values[entries]
        groups = np.cumsum(np.diff(rows, prepend=rows[:1]) != 0)
        error, sums = self._error[rows[chosen]], []
        for sign in (1, -1):
            parts = values * np.where((values > 0) == (sign > 0), lower[columns], upper[columns])
            endless = np.isinf(parts)
            parts[endless] = 0.0
            total, size, open_ends = (np.bincount(groups, w)[groups[chosen]] for w in (parts, np.abs(parts), endless))
            others = total - parts[chosen] - sign * error * size
            sums.append(np.where(open_ends > endless[chosen], -sign * np.inf, others))
        return sums[0], sums[1]


@lru_cache(maxsize=MOST_LOOKED_UP)
def _passed_on(
    rows: bytes,
    columns: bytes,
    new: bytes,
    values: bytes,
    row_lower: bytes,
    row_upper: bytes,
    lower: bytes,
    upper: bytes,
) -> tuple[bytes, bytes]:
    """Bounds of the columns after all further rounds (:meth:`_Rows.go_on`)."""
    found = np.frombuffer(lower).copy(), np.frombuffer(upper).copy()
    entries = np.frombuffer(rows, np.int64), np.frombuffer(columns, np.int64), np.frombuffer(values)
    part = _Rows(*entries, np.frombuffer(row_lower), np.frombuffer(row_upper), len(found[0]))
    part.go_on(np.frombuffer(new, bool), *found)
    return found[0].tobytes(), found[1].tobytes()


def _fill(bounds: Floats, columns: Integers, found: Floats, *, tightest: Any) -> None:
    """Missing bounds become the tightest of those found, rounded outwards."""
    missing = np.isinf(bounds[columns])
    found = _outwards(found, 1 if tightest is np.minimum else -1)
    missing &= np.abs(found) < INFINITE
    tightest.at(bounds, columns[missing], found[missing])


def _ranges(starts: Integers, which: Integers) -> Integers:
    """``starts[i] … starts[i + 1] - 1`` for each ``i`` in ``which``, one after the other."""
    sizes = starts[which + 1] - starts[which]
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(sizes.sum()) + np.repeat(starts[which] - ends + sizes, sizes), dtype=np.int64)


def _each(numbers: Integers, count: int) -> Integers:
    """The numbers, below ``count``, each once and rising."""
    there = np.zeros(count, bool)
    there[numbers] = True
    return np.flatnonzero(there)


def _outwards(bounds: Floats, direction: int) -> Floats:
    """Moved by more than a few roundings."""
    return bounds + direction * 8 * UNIT_ROUNDOFF * np.where(np.isfinite(bounds), np.abs(bounds), 0.0)


def entries_of(matrix: Any) -> tuple[Integers, Integers, Floats]:
    """Rows, columns and values of the entries, none of them zero."""
    rows = matrix.indices.astype(np.int64)
    columns, values = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr)), matrix.data
    kept = values != 0
    return (rows, columns, values) if kept.all() else (rows[kept], columns[kept], values[kept])


def rounding_error(operations: Integers) -> Floats:
    """Largest relative error of so many operations (Higham 2002, section 3.1: gamma)."""
    return np.asarray(operations * UNIT_ROUNDOFF / (1 - operations * UNIT_ROUNDOFF), dtype=float)
