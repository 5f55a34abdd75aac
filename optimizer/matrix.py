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


def matrix_of(rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]) -> Matrix:
    """Sum entries that stand at the same place, drop zeros, order by column and row."""
    order = _sorting(columns, shape[1], _sorting(rows, shape[0], None))
    rows, columns, values = rows[order], columns[order], values[order]
    if len(values):
        new = np.ones(len(values), bool)
        np.logical_or(rows[1:] != rows[:-1], columns[1:] != columns[:-1], out=new[1:])
        if not new.all():
            values = np.add.reduceat(values, np.flatnonzero(new))
            rows, columns = rows[new], columns[new]
        kept = values != 0.0
        if not kept.all():
            rows, columns, values = rows[kept], columns[kept], values[kept]
    indptr = np.zeros(shape[1] + 1, np.int32)
    np.cumsum(np.bincount(columns, minlength=shape[1]), out=indptr[1:])
    return Matrix(shape, indptr, rows.astype(np.int32), values)


def _sorting(keys: Integers, bound: int, order: Integers | None) -> Integers:
    """A stable order by keys below ``bound``, after ``order``: 16 bits at a time, which numpy sorts by counting."""
    for shift in range(0, max(1, int(bound - 1).bit_length()), 16):
        digits = ((keys if order is None else keys[order]) >> shift).astype(np.uint16)
        placed = np.argsort(digits, kind="stable")
        order = placed if order is None else order[placed]
    assert order is not None
    return order
