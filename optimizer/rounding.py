"""Which way a fraction is rounded, and how clear that is: by what the rows say.

A decision of 0.2 is not always nearly 0. Where it says that a job of 64 to 320 nodes runs, 0.2 stands for 64 nodes:
rounding it down would have to send all of them away, while rounding it up breaks nothing. So both ways are tried on the
rows: each whole decision alone is moved up and down with all other columns as they are, and the way that breaks the
rows less is taken. How far a row is broken is measured in units of the decision itself (the violation over its
coefficient), so that rows of MW and of node-hours count alike. A decision is the clearer, the smaller the lesser of
both is against their sum: 0 where one way breaks nothing, 0.5 where both break as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

FRACTION = 1e-6
"""Distance from a whole number above which a value counts as a fraction; HiGHS's own tolerance."""
WITHIN = 1e-7
"""Violation of a row that counts as none; HiGHS's own tolerance."""
BY_DISTANCE = 1e-3
"""Weight of the distance from a whole number in the order of decisions that are equally clear otherwise."""


@dataclass(frozen=True)
class Rounding:
    """Whole decisions that are fractions, the clearest first; all arrays are of the same length."""

    columns: Numbers
    targets: Floats
    """Whole number to which each is rounded."""
    others: Floats
    """Whole number on its other side."""
    doubt: Floats
    """0 (clear) to 0.5."""


class Rounder:
    """Rounds the whole decisions of ``arrays``."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        matrix = arrays.matrix
        self.columns: Numbers = np.flatnonzero(arrays.integer)
        """Numbers of all whole decisions."""
        self._entry_column = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        of_whole = arrays.integer[self._entry_column] & (matrix.data != 0)
        place = np.cumsum(arrays.integer) - 1
        self._place = place[self._entry_column[of_whole]]
        self._row = matrix.indices[of_whole]
        self._coefficient = matrix.data[of_whole]

    def rounding(self, values: Floats, free: NDArray[np.bool_]) -> Rounding:
        """What to round at ``values``, (columns,); ``free``, (whole decisions,), are those not decided yet."""
        whole = values[self.columns]
        below, above = np.floor(whole), np.ceil(whole)
        fraction = whole - below
        chosen = np.flatnonzero(free & (fraction > FRACTION) & (fraction < 1 - FRACTION))
        down, up = self._broken(values, below - whole), self._broken(values, above - whole)
        total, lesser = (down + up)[chosen], np.minimum(down, up)[chosen]
        doubt = np.where(total > 0, lesser / np.where(total > 0, total, 1.0), 0.0)
        upwards = np.where(up == down, fraction > 0.5, up < down)[chosen]
        fraction, below, above = fraction[chosen], below[chosen], above[chosen]
        order = np.argsort(doubt + BY_DISTANCE * np.minimum(fraction, 1 - fraction), kind="stable")
        targets, others = np.where(upwards, above, below), np.where(upwards, below, above)
        return Rounding(self.columns[chosen][order], targets[order], others[order], doubt[order])

    def _broken(self, values: Floats, steps: Floats) -> Floats:
        """How far the rows of each whole decision are broken if it alone moves by its step, (whole decisions,)."""
        arrays, matrix = self._arrays, self._arrays.matrix
        activity = np.bincount(matrix.indices, matrix.data * values[self._entry_column], minlength=matrix.shape[0])
        moved = activity[self._row] + self._coefficient * steps[self._place]
        beyond = np.maximum(arrays.row_lower[self._row] - moved, moved - arrays.row_upper[self._row])
        beyond = np.where(beyond > WITHIN, beyond / np.abs(self._coefficient), 0.0)
        return np.bincount(self._place, beyond, minlength=len(self.columns)).astype(float)
