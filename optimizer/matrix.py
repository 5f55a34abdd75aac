"""A sparse matrix by columns, as HiGHS takes it, made from entries with numpy alone.

scipy is imported only by who asks for one of its matrices: with Pyomo loaded, importing any part of scipy makes Pyomo
load ``scipy.stats`` as well, which takes longer than compiling a model, and some 60 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Matrix:
    """Entries of column ``j`` stand at ``indptr[j]:indptr[j + 1]``, by rising row; none is zero, none stands twice."""

    shape: tuple[int, int]
    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]
    data: Floats

    @property
    def nnz(self) -> int:
        return len(self.data)

    def tocsc(self) -> Any:
        """The same as a ``scipy.sparse.csc_array``."""
        from scipy.sparse import csc_array

        return csc_array((self.data, self.indices, self.indptr), shape=self.shape)

    def tocsr(self) -> Any:
        """The same as a ``scipy.sparse.csr_array``."""
        return self.tocsc().tocsr()

    def toarray(self) -> Floats:
        """The same as a dense array."""
        dense = np.zeros(self.shape)
        dense[self.indices, np.repeat(np.arange(self.shape[1]), np.diff(self.indptr))] = self.data
        return dense


@dataclass(frozen=True)
class Order:
    """Where entries that are given in any order stand in a matrix; other values at the same places need no sorting."""

    shape: tuple[int, int]
    sorted: Integers
    """Entries by column and row, as positions in the order in which they are given."""
    starts: Integers | None
    """First of the sorted entries of each place; None where no two stand at the same."""
    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]
    given: list[Any] | None = None
    """Columns of the entries, block by block, each (entries of a row, rows), where they are kept."""

    def is_of(self, given: list[Any], shape: tuple[int, int]) -> bool:
        """Whether it is the order of entries in these columns."""
        if self.given is None or self.shape != shape or len(self.given) != len(given):
            return False
        return all(one is other or np.array_equal(one, other) for one, other in zip(self.given, given, strict=True))


def order_of(rows: Any, columns: Any, shape: tuple[int, int], given: list[Any] | None = None) -> Order:
    """The order of entries at these places."""
    # a merge sort of numbers that come in long rising runs, one for each variable in a rule
    place = columns.astype(np.int64)
    place *= shape[0]
    place += rows
    order = np.argsort(place, kind="stable")
    place = place[order]
    rows = rows[order]
    starts = None
    if len(order):
        new = np.ones(len(order), bool)
        np.not_equal(place[1:], place[:-1], out=new[1:])
        if not new.all():
            starts = np.flatnonzero(new)
            rows, columns = rows[starts], columns[order[starts]]
    del place
    return Order(shape, order, starts, _starts_of(columns, shape[1]), rows.astype(np.int32, copy=False), given)


def matrix_in(order: Order, values: Floats) -> Matrix:
    """The matrix of entries whose order is known: those at the same place are summed, zeros dropped."""
    values = values[order.sorted]
    if order.starts is not None:
        values = np.add.reduceat(values, order.starts)
    kept = values != 0.0
    if kept.all():
        return Matrix(order.shape, order.indptr, order.indices, values)
    before = np.zeros(len(kept) + 1, np.int32)
    np.cumsum(kept, dtype=np.int32, out=before[1:])
    return Matrix(order.shape, before[order.indptr], order.indices[kept], values[kept])


def joined(parts: list[Any], dtype: Any) -> Any:
    """Entries block by block in one array; each part is (entries of a row, rows)."""
    return np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0, dtype)


def row_numbers(parts: list[Any]) -> NDArray[np.int32]:
    """Row of each entry in the order of :func:`joined`; the rows of the parts follow each other."""
    numbers = np.empty(sum([part.size for part in parts]), np.int32)
    first = start = 0
    for part in parts:
        entries, count = part.shape
        end = start + entries * count
        numbers[start:end].reshape(entries, count)[...] = np.arange(first, first + count, dtype=np.int32)
        first, start = first + count, end
    return numbers


def matrix_of(rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]) -> Matrix:
    """Sum entries that stand at the same place, drop zeros, order by column and row."""
    return matrix_in(order_of(rows, columns, shape), values)


def _starts_of(columns: Any, count: int) -> NDArray[np.int32]:
    indptr = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(columns, minlength=count), out=indptr[1:])
    return indptr
