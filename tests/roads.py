"""Compares the two roads: arrays compiled from templates, and Pyomo's own standard form of the ordinary model."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp
from numpy.typing import NDArray

import optimizer as opt
from optimizer.compiled import Arrays


def assert_same_model(scenario: opt.Scenario) -> dict[str, int]:
    """Same matrix, row bounds, costs, column bounds and integrality on both roads; returns the size."""
    problem = opt.build(scenario)
    fast = problem.arrays
    _ = problem.model
    road = problem._ordinary
    assert road is not None
    slow = road.compile()
    own = {id(variable): number for number, variable in enumerate(road._own)}
    columns = np.array([own[id(variable)] for variable in road._form.columns])
    _same_columns(fast, slow, columns, road._own)
    row_of = _rows_by_constraint(problem)
    places = np.array([row_of[id(constraint)] for constraint, _ in road._form.rows])
    _same_rows(fast, slow, columns, places)
    return fast.size


def _rows_by_constraint(problem: opt.Problem) -> dict[int, int]:
    """Row on the fast road of each ordinary Pyomo constraint."""
    rows = {}
    for block in problem.compiled.blocks:
        ordinary = problem.model.find_component(block.constraint)
        for row in range(block.rows.start, block.rows.stop):
            index = block.index_of(row)
            rows[id(ordinary[index if len(index) > 1 else index[0]])] = row
    return rows


def _same_columns(fast: Arrays, slow: Arrays, columns: NDArray[np.int64], own: list[object]) -> None:
    cost = np.zeros(len(fast.cost))
    cost[columns] = slow.cost
    np.testing.assert_allclose(fast.cost, cost, rtol=1e-9, atol=1e-9)
    assert fast.offset == np.float64(slow.offset) or abs(fast.offset - slow.offset) < 1e-9 * abs(fast.offset)
    np.testing.assert_array_equal(fast.integer[columns], slow.integer)
    # columns that Pyomo leaves out are in no rule and no money line
    left_out = np.setdiff1d(np.arange(len(fast.cost)), columns)
    assert np.diff(fast.matrix.indptr)[left_out].sum() == 0
    lower = np.array([-np.inf if v.lb is None else v.lb for v in own])  # type: ignore[attr-defined]
    upper = np.array([np.inf if v.ub is None else v.ub for v in own])  # type: ignore[attr-defined]
    np.testing.assert_allclose(fast.col_lower, lower)
    np.testing.assert_allclose(fast.col_upper, upper)
    np.testing.assert_array_equal(fast.integer, [v.domain.isdiscrete() for v in own])  # type: ignore[attr-defined]


def _same_rows(fast: Arrays, slow: Arrays, columns: NDArray[np.int64], places: NDArray[np.int64]) -> None:
    """Ranged rows stand twice in Pyomo's form; every other row once, perhaps with the opposite sign."""
    rows, count = fast.matrix.shape
    matrix = slow.matrix.tocoo()
    expected = sp.csr_array((matrix.data, (matrix.row, columns[matrix.col])), shape=(matrix.shape[0], count))
    compiled = fast.matrix.tocsr()
    found = compiled[places, :]
    sign = _signs(expected, found)
    odd = abs(sp.diags_array(sign) @ expected - found).max(axis=1).toarray().ravel()
    size = np.maximum(1.0, abs(found).max(axis=1).toarray().ravel())
    assert places[odd > 1e-9 * size].tolist() == [], "rows that differ"
    bounds = np.sort([sign * slow.row_lower, sign * slow.row_upper], axis=0)
    lower, upper = np.full(rows, -np.inf), np.full(rows, np.inf)
    np.maximum.at(lower, places, bounds[0])
    np.minimum.at(upper, places, bounds[1])
    seen = np.zeros(rows, bool)
    seen[places] = True
    # rows that Pyomo leaves out have no variable and must hold by themselves
    empty = np.flatnonzero(~seen)
    assert np.diff(compiled.indptr)[empty].sum() == 0
    assert (fast.row_lower[empty] <= 1e-9).all()
    assert (fast.row_upper[empty] >= -1e-9).all()
    np.testing.assert_allclose(fast.row_lower[seen], lower[seen], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fast.row_upper[seen], upper[seen], rtol=1e-9, atol=1e-9)


def _signs(expected: sp.csr_array, found: sp.csr_array) -> NDArray[np.float64]:
    """1 or -1 by row: that of the first entry against what is expected there."""
    sign = np.ones(found.shape[0])
    filled = np.flatnonzero(np.diff(found.indptr))
    first = found.indptr[filled]
    there = np.asarray(expected[filled, found.indices[first]]).ravel()
    same = there != 0
    sign[filled[same]] = np.sign(found.data[first[same]] / there[same])
    return sign


def assert_same_optimum(scenario: opt.Scenario, tolerance: float = 1e-6) -> None:
    """Both roads earn the same, through the same HiGHS."""
    problem = opt.build(scenario)
    fast = problem.solve().expected_profit
    assert isinstance(problem.model, pyo.ConcreteModel)
    slow = problem.solve().expected_profit
    assert abs(fast - slow) <= tolerance * max(1.0, abs(fast))
