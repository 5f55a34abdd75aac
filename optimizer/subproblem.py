"""A part of a problem: some of its columns, with all others held at known values.

Only the rows that the free columns touch remain, with what the others add on their sides; so a part of a year costs as
much as its own time, however long the year is, and rows that reach beyond it (a month's peak, a budget, the work of a
job) see the rest as it is planned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.matrix import Matrix

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """The columns that are free and the problem that they make; its optimum counts the held ones, too."""

    arrays: Arrays
    columns: NDArray[np.int64]
    """Numbers of the free columns within the whole."""
    rows: NDArray[np.int64]
    """Numbers of the remaining rows within the whole."""

    def put(self, found: Floats, values: Floats) -> Floats:
        """The whole's values with those found for the free columns, (columns of the whole,)."""
        values = values.copy()
        values[self.columns] = found
        return values


class Whole:
    """A problem from which parts are cut."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self._entry_column = np.repeat(np.arange(len(arrays.cost), dtype=np.int32), np.diff(arrays.matrix.indptr))

    def objective(self, values: Floats) -> float:
        return float(self.arrays.cost @ values) + self.arrays.offset

    def rows_of(self, values: Floats) -> Floats:
        """Activity of the rows, (rows,)."""
        matrix = self.arrays.matrix
        sums = np.bincount(matrix.indices, matrix.data * values[self._entry_column], minlength=matrix.shape[0])
        return np.asarray(sums, dtype=float)

    def violation(self, values: Floats) -> float:
        """Largest distance of a row or column from its allowed range, relative to the size of what is compared."""
        arrays = self.arrays
        matrix = arrays.matrix
        size = np.bincount(matrix.indices, np.abs(matrix.data * values[self._entry_column]), minlength=matrix.shape[0])
        rows = self.rows_of(values)
        over = np.maximum(arrays.row_lower - rows, rows - arrays.row_upper) / np.maximum(1.0, size)
        out = np.maximum(arrays.col_lower - values, values - arrays.col_upper) / np.maximum(1.0, np.abs(values))
        return float(max(over.max(initial=0.0), out.max(initial=0.0)))

    def part(self, free: Flags, values: Floats, whole_numbers: Flags, rows: Flags | None = None) -> Part:
        """The part with the ``free`` columns, (columns,), all others held at ``values``.

        Of the columns that take whole numbers those of ``whole_numbers`` are decided, others may be fractions.
        ``rows``, (rows,): those that count; all by default.
        """
        arrays = self.arrays
        matrix = arrays.matrix
        columns = np.flatnonzero(free)
        inside = free[self._entry_column]
        if rows is not None:
            inside &= rows[matrix.indices]
        entry_rows = matrix.indices[inside]
        touched = np.zeros(matrix.shape[0], bool)
        touched[entry_rows] = True
        number = np.cumsum(touched, dtype=np.int32) - 1
        held = self.rows_of(np.where(free, 0.0, values))[touched]
        counts = np.bincount(self._entry_column[inside], minlength=len(free))[columns]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        shape = (int(touched.sum()), len(columns))
        return Part(
            replace(
                arrays,
                matrix=Matrix(shape, indptr, number[entry_rows].astype(np.int32), matrix.data[inside]),
                row_lower=arrays.row_lower[touched] - held,
                row_upper=arrays.row_upper[touched] - held,
                cost=arrays.cost[columns],
                offset=arrays.offset + float(arrays.cost @ np.where(free, 0.0, values)),
                col_lower=arrays.col_lower[columns],
                col_upper=arrays.col_upper[columns],
                integer=(arrays.integer & whole_numbers)[columns],
                least=None if arrays.least is None else arrays.least[columns],
            ),
            columns,
            np.flatnonzero(touched),
        )
