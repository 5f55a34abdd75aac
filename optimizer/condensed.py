"""Arrays without what is settled before any search: the same problem in fewer rows and columns.

A long horizon is mostly settled: a job that lives for two weeks of a year has its states in all other hours as well,
each equal to the one before. HiGHS's presolve removes them too, but takes its time and holds the whole once more; this
does only what whole arrays at a time can do, over and over until little more goes:

- a column whose bounds agree is put into the rows' sides;
- a row without columns goes, one with a single column becomes bounds of it;
- a row that holds for whatever values within the bounds goes; one that only holds where all its columns stand at one
  end fixes them there;
- of two columns that a row says are equal, one stands for both, and so for whole chains of them;
- a column that no row asks to be more, and that earns nothing by it, stands at its lowest (or the other way round).

None of this changes what the best plan earns, so a bound of the condensed problem is one of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.matrix import matrix_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ROUNDS = 30
"""Most rounds; a year of hours takes about ten."""
LITTLE = 1e-3
"""Share of rows and columns that a round has to remove for another one."""
TOLERANCE = 1e-9
"""Distance within which sides and bounds count as equal; HiGHS's own tolerance of rows is 1e-7."""


@dataclass(frozen=True)
class Condensed:
    """Fewer rows and columns, and the way back."""

    arrays: Arrays
    stands_for: Integers
    """Column of ``arrays`` that tells the value of each column of the whole, (columns of the whole,); -1: settled."""
    settled: Floats
    """Values of the columns that are settled, (columns of the whole,); 0 elsewhere."""

    def expanded(self, values: Floats) -> Floats:
        """Values of all columns of the whole from those of the condensed, (columns of the whole,)."""
        return np.where(self.stands_for >= 0, values[self.stands_for], self.settled) if len(values) else self.settled

    def condensed(self, values: Floats) -> Floats:
        """Values of the condensed columns from those of the whole, (columns,)."""
        found = np.zeros(len(self.arrays.cost))
        found[self.stands_for[self.stands_for >= 0]] = values[self.stands_for >= 0]
        return found

    def representatives(self) -> Integers:
        """A column of the whole for each condensed one, (columns,): the first that it stands for."""
        found = np.zeros(len(self.arrays.cost), np.int64)
        kept = np.flatnonzero(self.stands_for >= 0)[::-1]
        found[self.stands_for[kept]] = kept
        return found


def condensed(arrays: Arrays) -> Condensed | None:
    """The same problem with fewer rows and columns; None where it shows on the way that there is no plan at all."""
    work = _Work(arrays)
    for _ in range(ROUNDS):
        before = work.size
        if not work.round():
            return None
        if before - work.size <= LITTLE * before:
            break
    return work.result()


class _Work:
    """Rows and columns that are left, as entries."""

    def __init__(self, arrays: Arrays) -> None:
        count = len(arrays.cost)
        self.whole = arrays
        self.offset = arrays.offset
        self.cost, self.integer = arrays.cost.copy(), arrays.integer.copy()
        self.lower, self.upper = arrays.col_lower.copy(), arrays.col_upper.copy()
        self.row_lower, self.row_upper = arrays.row_lower.copy(), arrays.row_upper.copy()
        self.least = np.zeros(count, bool) if arrays.least is None else arrays.least.copy()
        self.rows = arrays.matrix.indices
        self.columns = np.repeat(np.arange(count, dtype=np.int32), np.diff(arrays.matrix.indptr))
        self.values = arrays.matrix.data
        self.row_left = np.ones(len(arrays.row_lower), bool)
        self.column_left = np.ones(count, bool)
        self.stands_for = np.arange(count)
        self.settled = np.zeros(count)

    @property
    def size(self) -> int:
        return int(self.row_left.sum()) + int(self.column_left.sum())

    def round(self) -> bool:
        """One round; False where bounds or sides contradict each other."""
        self._single_columns()
        if self._is_crossed():  # what is fixed from here on would hide it
            return False
        self._forced()
        self.lower[self.integer] = np.ceil(self.lower[self.integer] - 1e-6)
        self.upper[self.integer] = np.floor(self.upper[self.integer] + 1e-6)
        self._merge()
        if self._is_crossed():
            return False
        self._idle()
        self._fix()
        empty = self.row_left & (np.bincount(self.rows, minlength=len(self.row_left)) == 0)
        wrong = (self.row_lower > 1e-7) | (self.row_upper < -1e-7)
        self.row_left &= ~empty
        return not (empty & wrong).any()

    def _is_crossed(self) -> bool:
        return bool((self.lower > self.upper + TOLERANCE * np.maximum(1.0, np.abs(self.upper))).any())

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        self.rows, self.columns, self.values = self.rows[kept], self.columns[kept], self.values[kept]

    def _fix(self) -> None:
        """Put columns whose bounds agree into the rows' sides."""
        same = self.upper - self.lower <= TOLERANCE * np.minimum(1.0, np.maximum(np.abs(self.upper), TOLERANCE))
        fixed = self.column_left & same & np.isfinite(self.lower)
        if not fixed.any():
            return
        value = np.where(fixed, self.lower, 0.0)
        inside = fixed[self.columns]
        shift = np.bincount(
            self.rows[inside], self.values[inside] * value[self.columns[inside]], minlength=len(self.row_left)
        )
        self.row_lower, self.row_upper = self.row_lower - shift, self.row_upper - shift
        self.offset += float(self.cost[fixed] @ value[fixed])
        self.settled[fixed] = value[fixed]
        self.column_left[fixed] = False
        self._keep(~inside)

    def _single_columns(self) -> None:
        """Rows with one column become its bounds."""
        single = np.bincount(self.rows, minlength=len(self.row_left)) == 1
        here = single[self.rows]
        if not here.any():
            return
        rows, columns, values = self.rows[here], self.columns[here], self.values[here]
        ends = np.stack([self.row_lower[rows] / values, self.row_upper[rows] / values])
        np.maximum.at(self.lower, columns, ends.min(axis=0))
        np.minimum.at(self.upper, columns, ends.max(axis=0))
        self.row_left &= ~single
        self._keep(~here)

    def _forced(self) -> None:
        """Drop rows that always hold; fix the columns of those that hold at one end only."""
        count = len(self.row_left)
        low, high = self.lower[self.columns], self.upper[self.columns]
        rising = self.values > 0
        least_at, most_at = np.where(rising, low, high), np.where(rising, high, low)
        with np.errstate(invalid="ignore"):
            least = np.bincount(self.rows, self.values * least_at, minlength=count)
            most = np.bincount(self.rows, self.values * most_at, minlength=count)
            always = (least >= self.row_lower) & (most <= self.row_upper)
            at_least = (np.abs(least - self.row_upper) <= TOLERANCE) & ~always
            at_most = (np.abs(most - self.row_lower) <= TOLERANCE) & ~always & ~at_least
        for which, at in ((at_least, least_at), (at_most, most_at)):
            inside = (which & self.row_left)[self.rows]
            np.maximum.at(self.lower, self.columns[inside], at[inside])  # two rows may want different values: crossed
            np.minimum.at(self.upper, self.columns[inside], at[inside])
        dropped = self.row_left & (always | at_least | at_most)
        self.row_left &= ~dropped
        self._keep(~dropped[self.rows])

    def _idle(self) -> None:
        """Fix columns that earn nothing, or cost, by being more, at their lowest where no row asks for more; and the
        other way round."""
        rising = self.values > 0
        has_lower, has_upper = self.row_lower[self.rows] > -np.inf, self.row_upper[self.rows] < np.inf
        count = len(self.cost)
        wants_more = np.bincount(self.columns, np.where(rising, has_lower, has_upper), count) > 0
        wants_less = np.bincount(self.columns, np.where(rising, has_upper, has_lower), count) > 0
        down = self.column_left & ~wants_more & (self.cost <= 0.0) & np.isfinite(self.lower)
        up = self.column_left & ~wants_less & (self.cost >= 0.0) & np.isfinite(self.upper) & ~down
        self.upper[down], self.lower[up] = self.lower[down], self.upper[up]

    def _merge(self) -> None:
        """Let one of several equal columns stand for all of them."""
        count = np.bincount(self.rows, minlength=len(self.row_left))
        pair = self.row_left & (count == 2) & (self.row_lower == 0.0) & (self.row_upper == 0.0)
        if not pair.any():
            return
        sums = np.bincount(self.rows, self.values, minlength=len(self.row_left))
        pair &= sums == 0.0
        here = np.flatnonzero(pair[self.rows])
        order = here[np.argsort(self.rows[here], kind="stable")]
        one, other = self.columns[order[::2]].astype(np.int64), self.columns[order[1::2]].astype(np.int64)
        label = connected(one, other, len(self.cost))
        moved = label != np.arange(len(label))
        np.maximum.at(self.lower, label[moved], self.lower[moved])
        np.minimum.at(self.upper, label[moved], self.upper[moved])
        np.add.at(self.cost, label[moved], self.cost[moved])
        np.logical_or.at(self.integer, label[moved], self.integer[moved])
        np.logical_or.at(self.least, label[moved], self.least[moved])
        self.lower[moved], self.upper[moved], self.cost[moved] = -np.inf, np.inf, 0.0
        self.integer[moved], self.least[moved], self.column_left[moved] = False, False, False
        self.row_left &= ~pair
        self._keep(~pair[self.rows])
        self.stands_for = label[self.stands_for]
        shape = (len(self.row_left), len(self.cost))
        joined = matrix_of(self.rows, label[self.columns], self.values, shape)
        self.rows, self.values = joined.indices, joined.data
        self.columns = np.repeat(np.arange(len(self.cost), dtype=np.int32), np.diff(joined.indptr))

    def result(self) -> Condensed:
        columns, rows = np.cumsum(self.column_left) - 1, np.cumsum(self.row_left) - 1
        left, kept = self.column_left, self.row_left
        shape = (int(kept.sum()), int(left.sum()))
        matrix = matrix_of(rows[self.rows], columns[self.columns], self.values, shape)
        arrays = replace(
            self.whole,
            matrix=matrix,
            row_lower=self.row_lower[kept],
            row_upper=self.row_upper[kept],
            cost=self.cost[left],
            offset=self.offset,
            col_lower=self.lower[left],
            col_upper=self.upper[left],
            integer=self.integer[left],
            least=None if self.whole.least is None else self.least[left],
        )
        stands_for = np.where(left[self.stands_for], columns[self.stands_for], -1)
        settled = np.where(stands_for < 0, self.settled[self.stands_for], 0.0)
        return Condensed(arrays, stands_for, settled)


def connected(one: Integers, other: Integers, count: int) -> Integers:
    """The lowest number that each of ``count`` things is joined with, over pairs of them."""
    label = np.arange(count)
    while True:
        first, second = label[one], label[other]
        low, high = np.minimum(first, second), np.maximum(first, second)
        if (low == high).all():
            return label
        np.minimum.at(label, high, low)
        while (label[label] != label).any():
            label = label[label]
