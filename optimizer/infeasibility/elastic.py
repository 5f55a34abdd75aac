"""The smallest changes of numbers with which a model has a plan, from one solve.

A number of the scenario that only moves bounds and right-hand sides becomes a decision itself: with ``d`` the change
of a side per unit of the number, ``l + d * change <= row <= u + d * change``. What is minimised is the size of the
changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.infeasibility.feasibility import largest

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moves:
    """How the sides of rows and columns move per unit of a number."""

    row_lower: Floats
    row_upper: Floats
    col_lower: Floats
    col_upper: Floats

    def only(self, rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> Moves:
        """The moves of some rows and columns."""
        return Moves(
            np.where(rows, self.row_lower, 0.0),
            np.where(rows, self.row_upper, 0.0),
            np.where(columns, self.col_lower, 0.0),
            np.where(columns, self.col_upper, 0.0),
        )

    @property
    def is_none(self) -> bool:
        """Whether nothing moves at all."""
        return not any(side.any() for side in (self.row_lower, self.row_upper, self.col_lower, self.col_upper))


def same_structure(one: Arrays, other: Arrays) -> bool:
    """Whether two models have the same rows and columns, whatever the numbers in them."""
    return one.matrix.shape == other.matrix.shape and bool(np.array_equal(one.integer, other.integer))


def moves_between(before: Arrays, after: Arrays, amount: float) -> Moves | None:
    """How the sides move per unit of a number that has changed by ``amount``; None where it opens or closes a side, or
    changes which rows and columns there are."""
    if not same_structure(before, after):
        return None
    sides = []
    for name in ("row_lower", "row_upper", "col_lower", "col_upper"):
        old, new = getattr(before, name), getattr(after, name)
        if not np.array_equal(np.isfinite(old), np.isfinite(new)):
            return None
        with np.errstate(invalid="ignore"):
            sides.append(np.where(np.isfinite(old), new - old, 0.0) / amount)
    return Moves(*sides)


def same_coefficients(one: Arrays, other: Arrays) -> bool:
    """Whether two models of one structure have the same matrix."""
    ours, theirs = one.matrix.tocsc(), other.matrix.tocsc()
    return ours.nnz == theirs.nnz and all(
        np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("indptr", "indices", "data")
    )


def smallest_changes(
    arrays: Arrays,
    moves: Sequence[Moves],
    most: Sequence[float],
    prices: Sequence[float],
    time_limit_s: float,
    *,
    whole: bool = True,
) -> Floats | None:
    """Changes between 0 and ``most`` of each number, of the least total ``prices @ changes``, with which there is a
    plan; None where there is none or none was found in time. Without ``whole``, decisions may be fractions."""
    if not whole:
        arrays = replace(arrays, integer=np.zeros_like(arrays.integer))
    elastic = _elastic(arrays, moves, most, prices)
    found = largest(elastic, time_limit_s)
    return None if found is None else found.values[len(arrays.cost) :]


def _elastic(arrays: Arrays, moves: Sequence[Moves], most: Sequence[float], prices: Sequence[float]) -> Arrays:
    from scipy import sparse

    matrix = arrays.matrix.tocsc().tocsr()
    columns, count = matrix.shape[1], len(moves)
    low, high = (np.array([getattr(m, side) for m in moves]) for side in ("row_lower", "row_upper"))
    has_low, has_high = np.isfinite(arrays.row_lower), np.isfinite(arrays.row_upper)
    split = np.flatnonzero(has_low & has_high & (low != high).any(axis=0))
    own = np.where(has_low, low, high)
    row_lower, row_upper = arrays.row_lower.copy(), arrays.row_upper.copy()
    row_upper[split] = np.inf
    blocks: list[list[Any]] = [[matrix, sparse.csr_array(-own.T)]]
    lower, upper = [row_lower], [row_upper]

    def add(part: Any, move: Floats, least: Floats, greatest: Floats) -> None:
        blocks.append([part, sparse.csr_array(-move.T)])
        lower.append(least)
        upper.append(greatest)

    if len(split):
        add(matrix[split], high[:, split], np.full(len(split), -np.inf), arrays.row_upper[split])
    identity = sparse.eye_array(columns, format="csr")
    col_lower, col_upper = arrays.col_lower.copy(), arrays.col_upper.copy()
    for side, own_bound, free in (("col_lower", col_lower, -np.inf), ("col_upper", col_upper, np.inf)):
        move = np.array([getattr(m, side) for m in moves])
        moved = np.flatnonzero(move.any(axis=0))
        if len(moved):
            ends = own_bound[moved].copy()
            own_bound[moved] = free
            open_end = np.full(len(moved), -free)
            pair = (ends, open_end) if side == "col_lower" else (open_end, ends)
            add(identity[moved], move[:, moved], *pair)
    return Arrays(
        sparse.csc_array(sparse.block_array(blocks)),
        np.concatenate(lower),
        np.concatenate(upper),
        np.concatenate([np.zeros(columns), -np.asarray(prices, dtype=float)]),
        0.0,
        np.concatenate([col_lower, np.zeros(count)]),
        np.concatenate([col_upper, np.asarray(most, dtype=float)]),
        np.concatenate([arrays.integer, np.zeros(count, dtype=bool)]),
    )
