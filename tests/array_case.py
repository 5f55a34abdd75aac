"""Problems of a few rows and columns, written out as matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from optimizer.compiled import Arrays
from optimizer.interruptible import in_thread
from optimizer.matrix import matrix_of

INF = np.inf


Result = TypeVar("Result")


def arrays_of(
    cost: ArrayLike,
    rows: list[tuple[float, ArrayLike, float]],
    lower: ArrayLike = 0.0,
    upper: ArrayLike = 1.0,
    integer: ArrayLike = True,
) -> Arrays:
    """``rows`` are (lower, coefficients, upper); bounds and integrality may be one for all columns."""
    money = np.asarray(cost, dtype=float)
    count = len(money)
    dense = np.array([np.asarray(coefficients, dtype=float) for _, coefficients, _ in rows]).reshape(len(rows), count)
    row, column = np.nonzero(dense)
    return Arrays(
        matrix_of(row, column, dense[row, column], (len(rows), count)),
        np.array([low for low, _, _ in rows], dtype=float),
        np.array([high for _, _, high in rows], dtype=float),
        money,
        0.0,
        np.broadcast_to(np.asarray(lower, dtype=float), count).copy(),
        np.broadcast_to(np.asarray(upper, dtype=float), count).copy(),
        np.broadcast_to(np.asarray(integer, dtype=bool), count).copy(),
    )


def in_new_thread(work: Callable[[], Result]) -> Result:
    """What ``work`` returns, done in a thread of its own: HiGHS refuses another number of threads than that with which
    it began in a thread, and other tests have begun with others."""
    found: list[Result] = []
    in_thread(lambda: found.append(work()))
    return found[0]
