"""An upper bound on what any plan can earn, proven from duals of any quality.

Weak duality: for whatever duals ``y`` of the rows, every ``x`` within all limits satisfies ::

    cost.x + offset = offset + y.(A x) + (cost - A'y).x
                   <= offset + sum_i max(y_i row_lower_i, y_i row_upper_i) + sum_j max(d_j col_lower_j, d_j col_upper_j)

with ``d = cost - A'y``. So it does not matter where the duals come from (a solver stopped half-way, duals of shorter
windows put together, another day's, a guess), and none of a solver's own words is taken. Good duals give a tight bound,
poor ones a loose one, never a wrong one. Whole decisions play no part: the bound is one of the linear relaxation, and
so of every whole plan.

Rounding is on the safe side: the error of each ``d_j`` is bounded (``gamma_n = n u / (1 - n u)`` with ``u = 2^-53``;
Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1) and charged at the bound of its column, the
last sum is exact (``math.fsum``), and the result is moved outwards by what the products may have lost. A dual that
pulls at a side that its row does not have is taken as zero, which is as good a dual as any. Columns without a bound of
their own get the one that follows from the rows, where one does (:mod:`optimizer.implied_bounds`); if there is none
either, the duals nearby are looked for that leave it without a reduced cost. One freedom is left: where not even the
rows bound a column, a reduced cost within its own rounding error counts as zero; the bound then holds for costs that
differ from the given ones by no more than rounding. Where it is larger, the bound is +inf.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.implied_bounds import INFINITE, UNIT_ROUNDOFF, entries_of, implied_bounds, rounding_error

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

REPAIRS, MOST_REPAIRED = 5, 500
"""Most rounds of looking for better duals, and most columns without a bound for which it is done."""


def bound_from_duals(arrays: Arrays, row_dual: Any) -> float:
    """What ``cost.x + offset`` reaches at most for any ``x`` within all limits; +inf where nothing is proven.

    ``row_dual``: (rows,), what one unit more of each row's sides earns (HiGHS's ``row_dual`` of a maximised problem).
    Any numbers will do; those that are not finite count as zero. For many bounds of the same arrays there is
    :class:`DualBound`.
    """
    return DualBound(arrays).of(row_dual)


class DualBound:
    """Bounds from duals for one set of arrays; what does not depend on the duals is computed once."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self._rows, self._columns, self._values = entries_of(arrays.matrix)
        self._sizes = np.abs(self._values)
        operations = np.bincount(self._columns, minlength=len(arrays.cost)) + 3
        self._error = 2 * rounding_error(operations)
        self.lower, self.upper = implied_bounds(arrays)
        self._dual_lower, self._dual_upper = self._dual_limits()

    def of(self, row_dual: Any) -> float:
        """As :func:`bound_from_duals`."""
        arrays = self._arrays
        dual, reduced, error = self._repaired(_usable(np.asarray(row_dual, dtype=float), arrays))
        near = np.abs(reduced) <= error
        # where the sign is sure, the column stands at one bound; else at whichever is farther from 0, if there is one
        side = np.where(near, 0.0, np.where(reduced > 0, self.upper, self.lower))
        reach = np.where(near, 2 * np.maximum(np.abs(self.lower), np.abs(self.upper)), np.abs(side))
        charged = error * np.where(near & ~np.isfinite(reach), 0.0, reach)
        sides = np.where(dual == 0, 0.0, np.where(dual > 0, arrays.row_upper, arrays.row_lower))
        terms = np.concatenate([dual * sides, np.where(near, 0.0, reduced) * side, charged])
        if not (terms < np.inf).all():  # NaN too
            return float(np.inf)
        terms = terms[terms != 0.0]
        total = math.fsum([*terms.tolist(), arrays.offset])
        return total + 4 * UNIT_ROUNDOFF * (math.fsum(np.abs(terms).tolist()) + abs(arrays.offset))

    def _repaired(self, dual: Floats) -> tuple[Floats, Floats, Floats]:
        """Duals next to the given ones that leave no column without a bound with a reduced cost, as far as such are
        found, with the reduced costs and their rounding errors.

        Where such a column stands in one row, the row's dual is limited by what the column earns; the rows of others
        are changed in proportion to their duals, so that few change their sign.
        """
        dual = _usable(np.clip(dual, self._dual_lower, self._dual_upper), self._arrays)
        reduced, error = self._reduced(dual)
        chosen = np.zeros(len(reduced), bool)
        for _ in range(REPAIRS):
            endless = np.isinf(np.where(reduced > 0, self.upper, self.lower)) & (np.abs(reduced) > error)
            chosen |= endless
            if not endless.any() or chosen.sum() > MOST_REPAIRED:
                break
            entries = np.flatnonzero(chosen[self._columns])
            rows, row = np.unique(self._rows[entries], return_inverse=True)
            columns, column = np.unique(self._columns[entries], return_inverse=True)
            matrix = np.zeros((len(rows), len(columns)))
            matrix[row, column] = self._values[entries]
            weights = np.sqrt(np.abs(dual[rows]))
            step = weights * np.linalg.lstsq((weights[:, None] * matrix).T, reduced[columns], rcond=None)[0]
            dual = dual.copy()
            dual[rows] += step
            dual = _usable(dual, self._arrays)
            reduced, error = self._reduced(dual)
        return dual, reduced, error

    def _dual_limits(self) -> tuple[Floats, Floats]:
        """Least and largest dual of each row, (rows,) each, that columns in it alone and without a bound allow."""
        lowest, highest = np.full(len(self._arrays.row_lower), -np.inf), np.full(len(self._arrays.row_lower), np.inf)
        single = np.bincount(self._columns, minlength=len(self._arrays.cost)) == 1
        entries = np.flatnonzero(single[self._columns])
        columns, rows, values = self._columns[entries], self._rows[entries], self._values[entries]
        edges = self._arrays.cost[columns] / values
        # without an upper bound the reduced cost may not be positive, without a lower one not negative
        for endless, rising in (
            (np.isinf(self.upper[columns]), values > 0),
            (np.isinf(self.lower[columns]), values < 0),
        ):
            np.maximum.at(lowest, rows[endless & rising], edges[endless & rising])
            np.minimum.at(highest, rows[endless & ~rising], edges[endless & ~rising])
        return lowest, np.maximum(lowest, highest)

    def _reduced(self, dual: Floats) -> tuple[Floats, Floats]:
        """Reduced costs and bounds of their rounding errors, (columns,) each."""
        cost = self._arrays.cost
        reduced = cost - self._by_column(self._values * dual[self._rows])
        error = self._error * (np.abs(cost) + self._by_column(self._sizes * np.abs(dual)[self._rows]))
        return reduced, error

    def _by_column(self, entries: Floats) -> Floats:
        return np.asarray(np.bincount(self._columns, entries, minlength=len(self._arrays.cost)), dtype=float)


def _usable(dual: Floats, arrays: Arrays) -> Floats:
    """The duals without those that pull at a side which the row does not have."""
    no_side = np.where(dual > 0, arrays.row_upper >= INFINITE, arrays.row_lower <= -INFINITE)
    return np.where(no_side | ~np.isfinite(dual), 0.0, dual)
