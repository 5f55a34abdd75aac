"""What is decided before the forecast resolves and what after, read off the matrix of a compiled problem.

A column belongs to one member where its variable is indexed by the members, or where all that hangs on it (the rows it
stands in, directly or through other columns without a member, and the money it moves) is one member's. All others are
**here-and-now**: one decision for all members. Nothing is assumed of the rows: one in which columns of two members
stand would tie their recourse together, and a problem with such a row is refused.

A here-and-now decision on which only one member's rows and money depend counts as that member's recourse. Nobody else
is touched by it, so that no profit depends on which it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError
from optimizer.errors import Problem as InputProblem
from optimizer.matrix import Matrix

if TYPE_CHECKING:
    from optimizer.compiled import Compiled
    from optimizer.problem import Problem
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SHARED = -1
"""In place of a member's number: columns and rows that are the same for all members."""
_MOST_TOLD = 5


@dataclass(frozen=True)
class MemberProfits:
    """Profit of each member as a linear function of the columns: ``coefficients @ x + constant``."""

    coefficients: Any
    """``scipy.sparse.csr_array``, (members, columns)."""
    constant: Floats
    """(members,), currency."""
    tails: Integers
    """Column of each member's shortfall below the value at risk, (members,)."""
    value_at_risk: int
    """Column of the value at risk."""

    def at(self, values: Floats) -> Floats:
        """Profit of each member at a solution, (members,)."""
        return np.asarray(self.coefficients @ values + self.constant)


@dataclass(frozen=True)
class Stages:
    """The two stages of a compiled problem."""

    member_of_column: Integers
    """Member of each column, ``SHARED`` for here-and-now, (columns,)."""
    member_of_row: Integers
    """Member of each row, ``SHARED`` for rows of here-and-now columns alone, (rows,)."""
    decided: NDArray[np.bool_]
    """Here-and-now columns that are decisions, (columns,): not the value at risk, which only measures, and not those on
    which no member's money or rows hang."""
    names: dict[str, Integers]
    """Columns of each here-and-now variable that is a decision, by its name in the model, shaped as its index sets."""

    @property
    def here_and_now(self) -> Integers:
        """Numbers of the here-and-now columns."""
        return np.flatnonzero(self.member_of_column == SHARED)


def stages_of(problem: Problem, profits: MemberProfits | None = None) -> Stages:
    """Which columns and rows of a problem belong to which member.

    ``profits`` are :func:`member_profits`; without them only rows say what hangs on a column, which is enough where
    each column keeps its whole cost. Raises InputError where rows tie several members together, naming the rules;
    members then cannot be planned apart.
    """
    compiled, members = problem.compiled, problem.scenario.members
    labels = _labels(compiled)
    if members == 1:
        labels[:] = 0
    entries = _Entries(compiled.arrays.matrix)
    risk = risk_columns(compiled)
    labels, touches = _with_private(labels, entries, profits, risk)
    lowest, highest = entries.extremes(labels)
    tied = lowest < highest
    if tied.any():
        raise InputError([_tied(compiled, np.flatnonzero(tied))])
    of_row = np.where(highest < 0, SHARED, lowest)
    decided = (labels == SHARED) & touches
    decided[risk] = False
    names = {}
    for variable in compiled.evaluator.variables:
        columns = compiled.columns(variable)
        if columns.size and decided[columns].any():
            names[str(variable.name)] = columns
    return Stages(labels, of_row, decided, names)


def problem_with_risk(scenario: Scenario, problem: Problem | None = None) -> Problem:
    """A problem of the scenario in whose rows the profits of the members stand; ``problem`` itself if it is one."""
    from optimizer.problem import Problem as Compiles

    if scenario.risk.beta > 0.0:
        return Compiles(scenario) if problem is None else problem
    return Compiles(scenario.model_copy(update={"risk": scenario.risk.model_copy(update={"weight": 0.5})}))


def member_profits(problem: Problem) -> MemberProfits:
    """The money lines of each member, from the rows on its shortfall below the value at risk.

    ``problem`` is one of :func:`problem_with_risk`; ValueError for another.
    """
    from scipy.sparse import csr_array

    compiled = problem.compiled
    rule = getattr(compiled.model, "tail_profit", None)
    block = next((block for block in compiled.blocks if block.constraint is rule), None)
    if rule is None or block is None:
        raise ValueError("the problem has no rows on the profits of its members")
    tails, measure = compiled.columns(compiled.model.tail).ravel(), risk_columns(compiled)
    rows = csr_array(compiled.arrays.matrix.tocsr()[block.rows])
    lower = compiled.arrays.row_lower[block.rows]
    upper = compiled.arrays.row_upper[block.rows]
    # tail + profit - zeta >= 0, or the same with the other sign
    sign = np.sign(rows[np.arange(len(tails)), tails])
    entries = rows.tocoo()
    own = ~np.isin(entries.col, np.concatenate([tails, measure]))
    values = entries.data[own] * sign[entries.row[own]]
    coefficients = csr_array((values, (entries.row[own], entries.col[own])), shape=rows.shape)
    return MemberProfits(coefficients, np.where(sign > 0.0, -lower, upper), tails, int(measure[0]))


class _Entries:
    """Entries of the matrix, as row and column numbers."""

    def __init__(self, matrix: Matrix) -> None:
        self.shape = matrix.shape
        self.rows = matrix.indices.astype(np.int64)
        self.columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))

    def extremes(self, labels: Integers) -> tuple[Integers, Integers]:
        """Lowest and highest member of each row's columns; the highest is ``SHARED`` where there is none."""
        own = labels[self.columns] != SHARED
        lowest = np.full(self.shape[0], np.iinfo(np.int64).max)
        highest = np.full(self.shape[0], SHARED)
        np.minimum.at(lowest, self.rows[own], labels[self.columns[own]])
        np.maximum.at(highest, self.rows[own], labels[self.columns[own]])
        return lowest, highest


def _labels(compiled: Compiled) -> Integers:
    """Member of each column whose variable is indexed by the members; ``SHARED`` for the others."""
    members = compiled.model.members
    labels = np.full(len(compiled.arrays.cost), SHARED)
    for variable in compiled.evaluator.variables:
        columns = compiled.columns(variable)
        axes = [axis for axis, factor in enumerate(variable.index_set().subsets()) if factor is members]
        if columns.size and axes:
            shape = [1] * columns.ndim
            shape[axes[0]] = columns.shape[axes[0]]
            labels[columns] = np.arange(columns.shape[axes[0]]).reshape(shape)
    return labels


def _with_private(
    labels: Integers, entries: _Entries, profits: MemberProfits | None, risk: Integers
) -> tuple[Integers, NDArray[np.bool_]]:
    """Labels with the member given to columns without one on which only that member depends, and whether any member
    hangs on each column at all. The value at risk is everybody's, and ties nobody's decisions together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    free = labels == SHARED
    free[risk] = False
    if not free.any():
        return labels, ~free
    lowest, highest = entries.extremes(labels)
    linked = free[entries.columns]
    rows, columns = entries.rows[linked], entries.columns[linked]
    count = entries.shape[1]
    size = count + entries.shape[0]
    graph = coo_array((np.ones(len(rows)), (columns, count + rows)), shape=(size, size))
    group = connected_components(graph, directed=False)[1]
    least, most = np.full(group.max() + 1, np.iinfo(np.int64).max), np.full(group.max() + 1, SHARED)
    np.minimum.at(least, group[count + rows], lowest[rows])
    np.maximum.at(most, group[count + rows], highest[rows])
    if profits is not None:
        money = profits.coefficients.tocoo()
        moved = free[money.col]
        np.minimum.at(least, group[money.col[moved]], money.row[moved].astype(np.int64))
        np.maximum.at(most, group[money.col[moved]], money.row[moved].astype(np.int64))
    private = free & (least == most)[group[:count]]
    return np.where(private, least[group[:count]], labels), ~free | (most >= 0)[group[:count]]


def risk_columns(compiled: Compiled) -> Integers:
    """Columns that hold the value at risk: one, or none without risk."""
    measure = getattr(compiled.model, "value_at_risk", None)
    return np.zeros(0, np.int64) if measure is None else compiled.columns(measure).ravel()


def _tied(compiled: Compiled, rows: Integers) -> InputProblem:
    words = {
        block.constraint.doc or str(block.constraint.name)
        for row in rows
        for block in compiled.blocks
        if block.rows.start <= row < block.rows.stop
    }
    told = "; ".join(sorted(words)[:_MOST_TOLD])
    return InputProblem("ensemble", f"rules tie several members together, so they cannot be planned apart: {told}")
