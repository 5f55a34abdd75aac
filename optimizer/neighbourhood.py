"""What stands around a column of a problem: the columns that short rows lead to, and the rows among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_COLUMNS, MOST_IN_ROW = 150, 20
"""Up to how many columns another step is taken, and the longest rows that lead to further columns: on a campus about
what shares an hour and the next ones, without what a whole month shares."""


@dataclass(frozen=True)
class Around:
    """A column, those around it (without itself), and the rows that have no others; all by number."""

    decision: int
    columns: Integers
    rows: Integers


class Neighbourhood:
    """The entries of a problem by row and by column."""

    def __init__(self, arrays: Arrays) -> None:
        matrix = arrays.matrix
        self.rows: Integers = matrix.indices.astype(np.int64)
        """Row of each entry; entries are in the order of the columns."""
        self.columns: Integers = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        self.values: Floats = matrix.data
        self.row_sizes: Integers = np.bincount(self.rows, minlength=matrix.shape[0])
        """Entries of each row."""
        self._by_row = np.argsort(self.rows, kind="stable")
        self._row_starts = np.cumsum(self.row_sizes) - self.row_sizes
        self._column_starts, self._column_sizes = matrix.indptr[:-1].astype(np.int64), np.diff(matrix.indptr)

    def of_columns(self, columns: Integers) -> tuple[Integers, Integers]:
        """Entries of the columns, one after the other, and the position of its column among them for each."""
        sizes = self._column_sizes[columns]
        return _ranges(self._column_starts[columns], sizes), np.repeat(np.arange(len(columns)), sizes)

    def of_rows(self, rows: Integers) -> tuple[Integers, Integers]:
        """Entries of the rows, one after the other, and the position of its row among them for each."""
        sizes = self.row_sizes[rows]
        return self._by_row[_ranges(self._row_starts[rows], sizes)], np.repeat(np.arange(len(rows)), sizes)

    def around(self, decision: int) -> Around:
        """What short rows lead to from the column, step by step until there are :data:`MOST_COLUMNS`."""
        reached, used = np.zeros(len(self._column_sizes), bool), self.row_sizes > MOST_IN_ROW
        reached[decision] = True
        newest = np.array([decision])
        while len(newest) and reached.sum() <= MOST_COLUMNS:
            rows = np.unique(self.rows[self.of_columns(newest)[0]])
            rows = rows[~used[rows]]
            used[rows] = True
            columns = np.unique(self.columns[self.of_rows(rows)[0]])
            newest = columns[~reached[columns]]
            reached[newest] = True
        entries, _ = self.of_columns(np.flatnonzero(reached))
        rows, inside = np.unique(self.rows[entries], return_counts=True)
        reached[decision] = False
        return Around(decision, np.flatnonzero(reached), rows[inside == self.row_sizes[rows]])


def _ranges(starts: Integers, sizes: Integers) -> Integers:
    """``starts[i] … starts[i] + sizes[i] - 1`` for each ``i``, one after the other."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(sizes.sum()) + np.repeat(starts - ends + sizes, sizes), dtype=np.int64)
