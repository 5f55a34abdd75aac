"""Whole decisions that a plan has taken although nothing hangs on them.

A binary such as "the dearer tiers are full" is bounded from below by what it says; a plan within the asked gap, or of a
member that never happens, may set it without need, and what it forces would then be billed. Such a decision (whole, and
declared ``least``) is taken back where every rule still holds without it. The others are solved again afterwards, so
the plan can only become better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optimizer.compiled import Arrays

Floats = NDArray[np.float64]
FEASIBILITY_TOLERANCE = 1e-7
"""HiGHS's own tolerance of rows."""


def without_idle(values: Floats, arrays: Arrays) -> Floats:
    """The plan with idle decisions at their lower bounds; the very same array where there are none."""
    if arrays.least is None:
        return values
    lowest = np.ceil(arrays.col_lower)
    above = np.isfinite(lowest) & (values > lowest + 0.5)
    candidates = np.flatnonzero(arrays.least & arrays.integer & (arrays.cost <= 0.0) & above)
    if not candidates.size:
        return values
    matrix, found = arrays.matrix, values
    columns = np.repeat(np.arange(len(values)), np.diff(matrix.indptr))
    rows = np.bincount(matrix.indices, matrix.data * values[columns], minlength=matrix.shape[0])
    for column in candidates:
        entries = slice(matrix.indptr[column], matrix.indptr[column + 1])
        touched = matrix.indices[entries]
        moved = rows[touched] + matrix.data[entries] * (lowest[column] - values[column])
        slack = np.minimum(moved - arrays.row_lower[touched], arrays.row_upper[touched] - moved)
        if (slack >= -FEASIBILITY_TOLERANCE).all():
            rows[touched] = moved
            found = values.copy() if found is values else found
            found[column] = lowest[column]
    return found
