"""Further rows for a search: what every whole plan keeps to anyway, and the relaxation does not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.matrix import Matrix

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Cuts:
    """Rows ``sum of values * x[columns] <= upper``, entry by entry in the order of the rows."""

    rows: Integers
    """Number of the row of each entry, 0 on."""
    columns: Integers
    values: Floats
    upper: Floats
    """(rows,)"""


def with_cuts(arrays: Arrays, cuts: Cuts) -> Arrays:
    """The arrays with the rows at their end."""
    matrix, count = arrays.matrix, len(cuts.upper)
    columns = np.concatenate([np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr)), cuts.columns])
    order = np.argsort(columns, kind="stable")  # the further rows come last in each column
    rows = np.concatenate([matrix.indices, cuts.rows + matrix.shape[0]])[order].astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=matrix.shape[1]))]).astype(np.int32)
    values = np.concatenate([matrix.data, cuts.values])[order]
    return replace(
        arrays,
        matrix=Matrix((matrix.shape[0] + count, matrix.shape[1]), starts, rows, values),
        row_lower=np.concatenate([arrays.row_lower, np.full(count, -np.inf)]),
        row_upper=np.concatenate([arrays.row_upper, cuts.upper]),
    )
