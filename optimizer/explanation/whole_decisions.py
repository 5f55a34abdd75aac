"""Which rule a whole decision would break if it were one more, or one less.

A whole decision (a unit that runs, a job that starts) is fixed in the linear program, so its reduced cost says what it
is worth but not what holds it. Here the rows in which it stands are looked at with everything else as planned: an
inequality that one step would break holds it, and so does a balance that the quantities beside it cannot make up for
within their bounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.explanation.holders import Holders
from optimizer.explanation.model_index import NOWHERE

Floats = NDArray[np.float64]
SLACK = 1e-6
"""Relative amount by which a step has to break a rule."""


class WholeDecisions:
    """The rules around whole decisions."""

    def __init__(self, holders: Holders, firm: NDArray[np.bool_]) -> None:
        """``firm``: of each name, whether its rule stands by itself: a started unit has been started, whatever other
        quantities of the rule might do."""
        self._holders, self._firm = holders, firm
        e = holders.entries
        self._activity = np.bincount(e.row, e.coefficient * holders.x[e.column], holders.rows)
        self._of_row = np.argsort(e.row, kind="stable")
        """Entries in the order of their rows."""
        self._starts = np.r_[0, np.cumsum(np.bincount(e.row, minlength=holders.rows))]
        self._known: dict[tuple[int, int], int] = {}

    def holds(self, column: int, direction: int) -> int:
        """The row that one step of a column in a direction (1 or -1) would break, or -1."""
        key = column, direction
        if key not in self._known:
            self._known[key] = self._broken(column, direction)
        return self._known[key]

    def _broken(self, column: int, direction: int) -> int:
        arrays, matrix = self._holders.arrays, self._holders.arrays.matrix
        part = slice(matrix.indptr[column], matrix.indptr[column + 1])
        best, worst = NOWHERE, SLACK
        for row, coefficient in zip(matrix.indices[part].tolist(), matrix.data[part].tolist(), strict=True):
            if self._holders.role[row] == "m":
                continue
            step = direction * coefficient
            after = self._activity[row] + step
            over = max(after - arrays.row_upper[row], arrays.row_lower[row] - after)
            if over <= SLACK * max(1.0, abs(step)):
                continue
            firm = self._firm[self._holders.index.rules.name[row]]
            over = (over if firm else over - self._room(row, column, step)) / max(1.0, abs(step))
            if over > worst:
                best, worst = row, over
        return best

    def _room(self, row: int, column: int, step: float) -> float:
        """How far the other quantities of a row can make up for a step, those alone that are not whole."""
        arrays, x = self._holders.arrays, self._holders.x
        entries = self._of_row[self._starts[row] : self._starts[row + 1]]
        columns, coefficients = self._holders.entries.column[entries], self._holders.entries.coefficient[entries]
        free = (columns != column) & ~arrays.integer[columns]
        columns, coefficients = columns[free], coefficients[free]
        falls = (coefficients > 0) == (step > 0)
        room = np.where(falls, x[columns] - arrays.col_lower[columns], arrays.col_upper[columns] - x[columns])
        return float(np.abs(coefficients) @ np.minimum(np.maximum(room, 0.0), 1e12))
