"""The matrix by columns, compared with scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from optimizer.matrix import Matrix, joined, matrix_of, row_numbers


def made(entries: list[tuple[int, int, float]], shape: tuple[int, int]) -> Matrix:
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    return matrix_of(np.array(rows, np.int64), np.array(columns, np.int64), np.array(values, float), shape)


def test_entries_at_the_same_place_add_up_and_zeros_go() -> None:
    """Proves: 2 + 3 at (0, 1) is 5; 4 - 4 at (1, 0) and the written 0 leave no entry. Sensitivity: HiGHS refuses
    a matrix that has two entries at one place."""
    matrix = made([(0, 1, 2.0), (1, 0, 4.0), (0, 1, 3.0), (1, 0, -4.0), (2, 2, 0.0), (2, 1, 7.0)], (3, 3))
    assert matrix.indptr.tolist() == [0, 0, 2, 2]
    assert matrix.indices.tolist() == [0, 2]
    assert matrix.data.tolist() == [5.0, 7.0]
    assert matrix.nnz == 2


def test_no_entries() -> None:
    matrix = made([], (2, 3))
    assert matrix.indptr.tolist() == [0, 0, 0, 0]
    assert matrix.toarray().tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("shape", [(3, 4), (70_000, 5), (5, 70_000), (70_000, 200_000)])
def test_equals_scipys(shape: tuple[int, int]) -> None:
    """Proves: also where row or column numbers need more than 16 bits, which are sorted in more than one pass."""
    rng = np.random.default_rng(7)
    rows, columns = rng.integers(0, shape[0], 5000), rng.integers(0, shape[1], 5000)
    values = rng.integers(-2, 3, 5000).astype(float)
    expected = sp.csc_array((values, (rows, columns)), shape=shape)
    expected.eliminate_zeros()
    expected.sort_indices()
    matrix = matrix_of(rows, columns, values, shape)
    for found, wanted in ((matrix.indptr, expected.indptr), (matrix.indices, expected.indices)):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(matrix.data, expected.data)


places = st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(-3, 3).map(float))


@given(st.lists(places, max_size=40))
@settings(deadline=None)
def test_its_forms_say_the_same(entries: list[tuple[int, int, float]]) -> None:
    """Proves: dense, by columns and by rows are the sum of the entries."""
    dense: NDArray[np.float64] = np.zeros((5, 4))
    for row, column, value in entries:
        dense[row, column] += value
    matrix = made(entries, (5, 4))
    for found in (matrix.toarray(), matrix.tocsc().toarray(), matrix.tocsr().toarray()):
        np.testing.assert_array_equal(found, dense)
    assert (matrix.data != 0).all()


def test_rows_of_blocks_follow_each_other() -> None:
    """Proves: two entries in each of three rows, none in each of two, and one in each of two more are numbered in the
    order in which the entries are joined: 0 1 2 0 1 2, then 5 6. Sensitivity: rows without entries that are not
    counted."""
    parts = [np.array([[10, 11, 12], [20, 21, 22]]), np.zeros((0, 2), int), np.array([[30, 31]])]
    assert joined(parts, np.int32).tolist() == [10, 11, 12, 20, 21, 22, 30, 31]
    assert row_numbers(parts).tolist() == [0, 1, 2, 0, 1, 2, 5, 6]
    assert joined([], np.float64).dtype == np.float64
    assert row_numbers([]).tolist() == []
