"""Sparse matrices as entries, with the two products that explanations need.

scipy has them too, but loading it takes longer than compiling a model (:mod:`optimizer.matrix`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sparse:
    """Entries ``data`` at ``(row, column)``; entries at one place add up."""

    row: Ints
    column: Ints
    data: Floats
    shape: tuple[int, int]

    def __matmul__(self, vector: Floats) -> Floats:
        return np.bincount(self.row, self.data * vector[self.column], self.shape[0]).astype(float, copy=False)

    def __add__(self, other: Sparse) -> Sparse:
        row, column = np.concatenate([self.row, other.row]), np.concatenate([self.column, other.column])
        return Sparse(row, column, np.concatenate([self.data, other.data]), self.shape)

    @cached_property
    def _by_row(self) -> tuple[Ints, Ints]:
        """Entries in the order of their rows, and where each row starts among them."""
        order = np.argsort(self.row, kind="stable")
        starts = np.zeros(self.shape[0] + 1, np.int64)
        np.cumsum(np.bincount(self.row, minlength=self.shape[0]), out=starts[1:])
        return order, starts

    def times(self, other: Sparse) -> Sparse:
        """The product of two matrices, entries at one place added up."""
        order, starts = other._by_row
        counts = np.diff(starts)[self.column]
        mine = np.repeat(np.arange(len(self.row)), counts)
        within = np.arange(len(mine)) - np.repeat(np.cumsum(counts) - counts, counts)
        theirs = order[starts[self.column[mine]] + within]
        found = Sparse(
            self.row[mine], other.column[theirs], self.data[mine] * other.data[theirs], (self.shape[0], other.shape[1])
        )
        return found.summed()

    def summed(self) -> Sparse:
        """The same with one entry at each place, by row and column."""
        key = self.row * self.shape[1] + self.column
        places, inverse = np.unique(key, return_inverse=True)
        row, column = np.divmod(places, self.shape[1])
        data = np.bincount(inverse.ravel(), self.data, len(places)).astype(float, copy=False)
        return Sparse(row, column, data, self.shape)
