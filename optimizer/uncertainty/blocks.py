"""Arrays of one member, or of a bundle of members, cut out of those of the whole ensemble, and their solution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.matrix import Matrix
from optimizer.uncertainty.stages import SHARED, Integers, Stages

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

Floats = NDArray[np.float64]
Result = TypeVar("Result")
Work = TypeVar("Work")
FIXED_WITHIN = 1e-7
"""Rounding of a decision that is fixed (relative above 1): HiGHS's own tolerance."""


@dataclass(frozen=True)
class Block:
    """Members with a copy of the here-and-now columns of their own."""

    members: Integers
    columns: Integers
    """Numbers of its columns in the whole problem."""
    rows: Integers
    arrays: Arrays
    """Without costs."""
    shared: Integers
    """Positions of the here-and-now columns among its own, in the order of :attr:`Stages.here_and_now`."""

    def with_cost(self, cost: Floats) -> Arrays:
        """The arrays with a cost per column, (columns,), to be maximised."""
        return replace(self.arrays, cost=cost)


class Cutter:
    """Cuts blocks out of the arrays of a whole problem."""

    def __init__(self, arrays: Arrays, stages: Stages) -> None:
        self._arrays, self._stages = arrays, stages
        self._by_row = arrays.matrix.tocsr()

    def block(self, members: Sequence[int] | Integers) -> Block:
        """These members, the here-and-now columns and all rows on them."""
        arrays, stages = self._arrays, self._stages
        chosen = np.asarray(members, dtype=np.int64)
        kept = [SHARED, *chosen.tolist()]
        columns = np.flatnonzero(np.isin(stages.member_of_column, kept))
        rows = np.flatnonzero(np.isin(stages.member_of_row, kept))
        part = self._by_row[rows].tocsc()[:, columns]
        part.sort_indices()
        matrix = Matrix(
            (len(rows), len(columns)), part.indptr.astype(np.int32), part.indices.astype(np.int32), part.data
        )
        least = None if arrays.least is None else arrays.least[columns]
        own = Arrays(
            matrix,
            arrays.row_lower[rows],
            arrays.row_upper[rows],
            np.zeros(len(columns)),
            0.0,
            arrays.col_lower[columns],
            arrays.col_upper[columns],
            arrays.integer[columns],
            least,
        )
        shared = np.flatnonzero(stages.member_of_column[columns] == SHARED)
        return Block(chosen, columns, rows, own, shared)


def fixed(arrays: Arrays, columns: Integers, values: Floats, *, within: float = 0.0) -> Arrays | None:
    """The arrays with some columns held at values: whole ones exactly, others within a tolerance (relative above 1).

    None where a value lies outside of its column's bounds by more than rounding: nothing can carry it out.
    """
    whole, least, most = arrays.integer[columns], arrays.col_lower[columns], arrays.col_upper[columns]
    held = np.where(whole, np.round(values), values)
    slack = FIXED_WITHIN * np.maximum(1.0, np.abs(held))
    if ((held < least - slack) | (held > most + slack)).any():
        return None
    slack = np.where(whole, 0.0, within * np.maximum(1.0, np.abs(held)))
    lower, upper = arrays.col_lower.copy(), arrays.col_upper.copy()
    lower[columns] = np.clip(held - slack, least, most)
    upper[columns] = np.clip(held + slack, least, most)
    return replace(arrays, col_lower=lower, col_upper=upper)


def each(work: Callable[[Work], Result], items: Iterable[Work], threads: int) -> list[Result]:
    """Results of a piece of work that is mostly HiGHS's, which lets go of Python while it runs; in order.

    After Ctrl-C what has begun is finished and KeyboardInterrupt is raised.
    """
    with ThreadPoolExecutor(max(1, threads)) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def one_thread(options: SolverOptions) -> SolverOptions:
    """For blocks that are solved side by side."""
    return options.model_copy(update={"threads": 1})
