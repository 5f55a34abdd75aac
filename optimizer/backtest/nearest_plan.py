"""A problem with what was set held, and the one that finds what is nearest to it where that cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.matrix import matrix_of

Floats = NDArray[np.float64]
AHEAD_WEIGHT = 100.0
"""How much rather something set now is changed than something set ahead, per share of its largest value."""


def held(arrays: Arrays, columns: NDArray[np.int64], values: Floats, slack: float = 0.0) -> Arrays:
    """Arrays with columns fixed at values (within their bounds, and within a slack of rounding)."""
    lower, upper = arrays.col_lower.copy(), arrays.col_upper.copy()
    around = slack * np.maximum(1.0, np.abs(values)) * ~arrays.integer[columns]
    lower[columns] = np.maximum(lower[columns], values - around)
    upper[columns] = np.minimum(upper[columns], values + around)
    crossed = columns[lower[columns] > upper[columns]]
    lower[crossed] = upper[crossed] = np.clip(lower[crossed], arrays.col_lower[crossed], arrays.col_upper[crossed])
    return replace(arrays, col_lower=lower, col_upper=upper)


def nearest(arrays: Arrays, columns: NDArray[np.int64], wanted: Floats, ahead: NDArray[np.bool_]) -> Arrays:
    """Arrays whose optimum differs least from what is wanted: ``x + under - over = wanted``, both at a price."""
    rows, count = arrays.matrix.shape
    number = len(columns)
    old_columns = np.repeat(np.arange(count), np.diff(arrays.matrix.indptr))
    new_rows = rows + np.arange(number)
    matrix = matrix_of(
        np.concatenate([arrays.matrix.indices.astype(np.int64), new_rows, new_rows, new_rows]),
        np.concatenate([old_columns, columns, count + np.arange(number), count + number + np.arange(number)]),
        np.concatenate([arrays.matrix.data, np.ones(number), np.ones(number), -np.ones(number)]),
        (rows + number, count + 2 * number),
    )
    span = np.maximum(1.0, np.where(np.isfinite(arrays.col_upper[columns]), arrays.col_upper[columns], np.abs(wanted)))
    price = -np.where(ahead, AHEAD_WEIGHT, 1.0) / span
    return Arrays(
        matrix,
        np.concatenate([arrays.row_lower, wanted]),
        np.concatenate([arrays.row_upper, wanted]),
        np.concatenate([np.zeros(count), price, price]),
        0.0,
        np.concatenate([arrays.col_lower, np.zeros(2 * number)]),
        np.concatenate([arrays.col_upper, np.full(2 * number, np.inf)]),
        np.concatenate([arrays.integer, np.zeros(2 * number, bool)]),
    )
