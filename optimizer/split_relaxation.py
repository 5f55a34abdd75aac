"""Rows that follow from single decisions: what either way of a fraction leaves possible in the rows around it.

A decision ``z`` of 0.2 mixes two plans: a fifth of one in which it is 1 and four fifths of one in which it is 0. The
relaxation asks each row only of the mix. Here what stands around ``z`` (:mod:`optimizer.neighbourhood`) is asked of
both: with ``x`` the columns there and ``A`` the rows among them ::

    x = x1 + x0,   z row_lower <= A x1 <= z row_upper,   (1 - z) row_lower <= A x0 <= (1 - z) row_upper

and the same for the bounds of the columns (E. Balas, Disjunctive programming, Annals of Discrete Mathematics 5, 1979).
For a whole ``z`` one of both is ``x`` and the other nothing, so whole plans are the same.

The copies ``x1`` are only there to find rows. At the optimum of the relaxation with copies its duals add up the rows of
each decision to a single one in which the copies cancel out (E. Balas, S. Ceria, G. Cornuejols, A lift-and-project
cutting plane algorithm for mixed 0-1 programs, Mathematical Programming 58, 1993). With these rows alone the relaxation
has the same bound. They hold for any duals; what rounding leaves of the copies is charged at their bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.cuts import Cuts
from optimizer.implied_bounds import INFINITE, UNIT_ROUNDOFF
from optimizer.matrix import matrix_of
from optimizer.neighbourhood import Around, Neighbourhood

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ROUNDS = 5
"""Over how many rows bounds are passed on to columns without any; others stay without."""
OUTWARDS = 1e-12
"""Relative distance that is more than the rounding of any sum."""
SMALL = 1e-9
"""Coefficients that are left out of a row, relative to its largest; it is loosened by what they can contribute."""


@dataclass
class _Rows:
    """Rows to come, block by block."""

    rows: list[Integers] = field(default_factory=list)
    columns: list[Integers] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, sides: Floats, is_upper: bool, *entries: tuple[Integers, Integers, Floats]) -> None:
        """Rows with these upper (lower) sides; ``entries``: row of the block, column and value of each."""
        for rows, columns, values in entries:
            self.rows.append(rows + self.count)
            self.columns.append(columns)
            self.values.append(values)
        self.lower.append(np.full(len(sides), -np.inf) if is_upper else sides)
        self.upper.append(sides if is_upper else np.full(len(sides), np.inf))
        self.count += len(sides)


class SplitRelaxation:
    """``arrays`` with copies ``x1`` of what stands around each of the ``decisions`` (0 or 1); ``x0`` is ``x - x1``."""

    def __init__(self, arrays: Arrays, near: Neighbourhood, decisions: Integers) -> None:
        self._whole, self._near = arrays, near
        self._around = [near.around(int(decision)) for decision in decisions]
        copied = np.concatenate([np.zeros(0, np.int64), *(around.columns for around in self._around)])
        self._lower, self._upper = bounds_by_rows(arrays, near, np.unique(copied))
        self._first_row, self._first_column = len(arrays.row_lower), len(arrays.cost)
        self._rows, self._blocks = _Rows(), [0]
        first = self._first_column
        for around in self._around:
            copies = first + np.arange(len(around.columns))
            for is_upper in (True, False):
                self._split_bounds(around, copies, is_upper)
                self._split_rows(around, copies, is_upper)
            self._blocks.append(self._rows.count)
            first += len(copies)
        self.arrays = self._extended(copied)
        """The relaxation with copies; the first rows and columns are those of the whole."""

    def _split_bounds(self, around: Around, copies: Integers, is_upper: bool) -> None:
        bounds = (self._upper if is_upper else self._lower)[around.columns]
        chosen = np.flatnonzero(np.isfinite(bounds))
        bounds, columns, copies = bounds[chosen], around.columns[chosen], copies[chosen]
        rows, ones, decision = np.arange(len(chosen)), np.ones(len(chosen)), np.full(len(chosen), around.decision)
        self._rows.add(np.zeros(len(chosen)), is_upper, (rows, copies, ones), (rows, decision, -bounds))
        self._rows.add(bounds, is_upper, (rows, columns, ones), (rows, copies, -ones), (rows, decision, bounds))

    def _split_rows(self, around: Around, copies: Integers, is_upper: bool) -> None:
        near = self._near
        sides = self._whole.row_upper if is_upper else self._whole.row_lower
        chosen = around.rows[np.isfinite(sides[around.rows])]
        sides, decision = sides[chosen], np.full(len(chosen), around.decision)
        entries, rows = near.of_rows(chosen)
        at_decision = near.columns[entries] == around.decision
        own = np.bincount(rows[at_decision], near.values[entries[at_decision]], minlength=len(chosen))
        entries, rows, every = entries[~at_decision], rows[~at_decision], np.arange(len(chosen))
        columns, values = near.columns[entries], near.values[entries]
        copied = copies[np.searchsorted(around.columns, columns)]
        self._rows.add(np.zeros(len(chosen)), is_upper, (rows, copied, values), (every, decision, own - sides))
        self._rows.add(sides, is_upper, (rows, columns, values), (rows, copied, -values), (every, decision, sides))

    def _extended(self, copied: Integers) -> Arrays:
        whole, near, rows = self._whole, self._near, self._rows
        matrix = matrix_of(
            np.concatenate([near.rows, *(numbers + self._first_row for numbers in rows.rows)]),
            np.concatenate([near.columns, *rows.columns]),
            np.concatenate([near.values, *rows.values]),
            (self._first_row + rows.count, self._first_column + len(copied)),
        )
        return replace(
            whole,
            matrix=matrix,
            row_lower=np.concatenate([whole.row_lower, *rows.lower]),
            row_upper=np.concatenate([whole.row_upper, *rows.upper]),
            cost=np.concatenate([whole.cost, np.zeros(len(copied))]),
            col_lower=np.concatenate([whole.col_lower, np.minimum(0.0, self._lower[copied])]),
            col_upper=np.concatenate([whole.col_upper, np.maximum(0.0, self._upper[copied])]),
            integer=np.concatenate([whole.integer, np.zeros(len(copied), bool)]),
            least=None,
        )

    def basis(self, basis: Any) -> Any:
        """HiGHS's basis to start from, given one of the whole: the copies stand at zero."""
        kind = highspy.HighsBasisStatus
        lower, upper = (bounds[self._first_column :] for bounds in (self.arrays.col_lower, self.arrays.col_upper))
        copies = np.select([lower == 0, upper == 0, np.isinf(lower)], [0, 1, 2], default=0)
        extended = highspy.HighsBasis()
        kinds = kind.kLower, kind.kUpper, kind.kZero
        extended.col_status = [*basis.col_status, *(kinds[number] for number in copies)]
        extended.row_status = [*basis.row_status, *[kind.kBasic] * self._rows.count]
        extended.valid, extended.alien = True, False
        return extended

    def cuts(self, row_dual: Floats) -> Cuts:
        """Sums of the further rows of each decision, weighted by their duals; ``row_dual``, (rows,), any numbers."""
        rows = self._rows
        dual = np.nan_to_num(row_dual[self._first_row :])
        sides = np.where(dual > 0, np.concatenate([*rows.upper, []]), np.concatenate([*rows.lower, []]))
        dual, sides = np.where(np.isfinite(sides), dual, 0.0), np.where(np.isfinite(sides), sides, 0.0)
        entry_rows = np.concatenate([*rows.rows, []]).astype(np.int64)
        columns = np.concatenate([*rows.columns, []]).astype(np.int64)
        values = np.concatenate([*rows.values, []]) * dual[entry_rows]
        found: list[tuple[Integers, Floats, float]] = []
        for begin, end in zip(self._blocks[:-1], self._blocks[1:], strict=True):
            chosen = (entry_rows >= begin) & (entry_rows < end) & (values != 0)
            row = self._summed(columns[chosen], values[chosen], dual[begin:end] * sides[begin:end])
            found += [] if row is None else [row]
        return Cuts(
            np.repeat(np.arange(len(found)), [len(columns) for columns, _, _ in found]),
            np.concatenate([np.zeros(0, np.int64), *(columns for columns, _, _ in found)]),
            np.concatenate([np.zeros(0), *(values for _, values, _ in found)]),
            np.array([limit for _, _, limit in found]),
        )

    def _summed(self, columns: Integers, values: Floats, sides: Floats) -> tuple[Integers, Floats, float] | None:
        """One row ``values.x <= limit`` in columns of the whole from entries and sides; None where nothing is left."""
        columns, place = np.unique(columns, return_inverse=True)
        if not len(columns):
            return None
        sums, sizes = np.bincount(place, values), np.bincount(place, np.abs(values))
        lower, upper = self._bounds(columns)
        largest = np.abs(sums[columns < self._first_column]).max(initial=0.0)
        kept = (columns < self._first_column) & (np.abs(sums) > SMALL * largest)
        ends = np.where(sums > 0, lower, upper)
        least = np.where(kept | (sums == 0), 0.0, sums * np.where(sums == 0, 0.0, ends))
        # each sum is known up to the rounding of its terms
        reach = np.maximum(np.abs(lower), np.abs(upper))
        error = 2 * (len(sides) + len(values)) * UNIT_ROUNDOFF * (np.abs(sides).sum() + (sizes * reach).sum())
        limit = float(sides.sum() - least.sum() + error)
        if not kept.any() or not np.isfinite(limit):
            return None
        return columns[kept], sums[kept] / largest, limit / largest

    def _bounds(self, columns: Integers) -> tuple[Floats, Floats]:
        """Bounds of columns of the whole, with those that follow from rows, and of copies."""
        copies = columns >= self._first_column
        within = np.where(copies, 0, columns)
        lower = np.where(copies, self.arrays.col_lower[columns], self._lower[within])
        return lower, np.where(copies, self.arrays.col_upper[columns], self._upper[within])


def bounds_by_rows(arrays: Arrays, near: Neighbourhood, columns: Integers) -> tuple[Floats, Floats]:
    """Bounds of all columns, (columns,) each; ``columns`` without one get what their rows leave, rounded outwards."""
    lower = np.where(arrays.col_lower <= -INFINITE, -np.inf, arrays.col_lower)
    upper = np.where(arrays.col_upper >= INFINITE, np.inf, arrays.col_upper)
    asked = np.zeros(len(lower), bool)
    asked[columns] = True
    for _ in range(ROUNDS):
        missing = asked & (np.isinf(lower) | np.isinf(upper))
        rows = np.unique(near.rows[near.of_columns(np.flatnonzero(missing))[0]])
        entries, place = near.of_rows(rows)
        here, values = near.columns[entries], near.values[entries]
        chosen, rises = missing[here], values > 0
        low, high = lower[here], upper[here]
        least = _others(np.where(rises, values * low, values * high), place, len(rows), -1)
        most = _others(np.where(rises, values * high, values * low), place, len(rows), 1)
        from_above = (arrays.row_upper[rows][place] - least) / values
        from_below = (arrays.row_lower[rows][place] - most) / values
        new_lower, new_upper = np.full(len(lower), -np.inf), np.full(len(upper), np.inf)
        np.maximum.at(new_lower, here[chosen], np.where(rises, from_below, from_above)[chosen])
        np.minimum.at(new_upper, here[chosen], np.where(rises, from_above, from_below)[chosen])
        gained = (np.isinf(lower) & np.isfinite(new_lower)) | (np.isinf(upper) & np.isfinite(new_upper))
        lower, upper = np.where(np.isinf(lower), new_lower, lower), np.where(np.isinf(upper), new_upper, upper)
        if not gained.any():
            break
    return lower, upper


def _others(parts: Floats, place: Integers, rows: int, direction: int) -> Floats:
    """Beside each entry what the other ones of its row add up to, (entries,), moved outwards by more than rounding."""
    endless = np.isinf(parts)
    finite = np.where(endless, 0.0, parts)
    sums, sizes, ends = (np.bincount(place, part, rows)[place] for part in (finite, np.abs(finite), endless))
    others = sums - finite + direction * OUTWARDS * sizes
    return np.where(ends > endless, direction * np.inf, others)
