"""A model of templates becomes the arrays that HiGHS takes: matrix, bounds, costs, integrality.

Each block of rows is compiled from one template. A rule that cannot be read as a template is run index by index
instead, with a warning. Each template is compared with its own rule at sampled indices as well, as Pyomo accepts some
rules that ask what an index is and gets them silently wrong. A difference stops the run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.common.errors import PyomoException
from pyomo.core.expr import relational_expr as rel
from pyomo.core.expr.template_expr import tuple_to_relational_expr
from pyomo.repn import generate_standard_repn

from optimizer.affine import MAX_AXES, Affine, Context, Evaluator, NotAffineError, SetIndex, Term
from optimizer.matrix import matrix_of
from optimizer.recipe import Recipe, Rows
from optimizer.symbolic import templatized

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
LONG_ROW = 1000
"""Entries of a row from which on it takes milliseconds to run its rule index by index."""


class TemplateMismatchError(Exception):
    """A compiled row differs from what its rule says at that index: the rule branches on an index or on data."""


@dataclass(frozen=True)
class RowBlock:
    """Rows of one constraint component, in the order of its index set."""

    constraint: Any
    rows: slice
    sets: tuple[SetIndex, ...]

    def index_of(self, row: int) -> tuple[Any, ...]:
        """Labels of one row (number within the whole matrix)."""
        places = np.unravel_index(row - self.rows.start, tuple(s.size for s in self.sets))
        return tuple(column[i].item() for s, i in zip(self.sets, places, strict=True) for column in s.labels)

    def row_of(self, index: tuple[Any, ...]) -> int:
        """Number within the whole matrix of the row with these labels."""
        row, start = 0, 0
        for factor in self.sets:
            labels = [np.asarray(label) for label in index[start : start + factor.dimen]]
            row, start = row * factor.size + int(factor.positions(labels)), start + factor.dimen
        return int(self.rows.start) + row


@dataclass(frozen=True)
class Arrays:
    """``max cost.x + offset`` with ``row_lower <= matrix x <= row_upper``, ``col_lower <= x <= col_upper``."""

    matrix: Any
    row_lower: Floats
    row_upper: Floats
    cost: Floats
    offset: float
    col_lower: Floats
    col_upper: Floats
    integer: NDArray[np.bool_]
    least: NDArray[np.bool_] | None = None
    """Columns of which, among equally good plans, the one with the least is taken."""

    @cached_property
    def size(self) -> dict[str, int]:
        rows, columns = self.matrix.shape
        return {
            "rows": rows,
            "columns": columns,
            "nonzeros": int(self.matrix.nnz),
            "integers": int(self.integer.sum()),
        }


@dataclass
class _Rows:
    """COO entries and bounds of one block; row numbers count from 0 within the block."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats
    lower: Floats
    upper: Floats


class Compiled:
    """Arrays of a model on the fast road, the place of every variable and rule in them, and evaluation of results."""

    def __init__(self, model: Any, *, sampled_rows: int = 1) -> None:
        self.model = model
        self.evaluator: Any = Evaluator(model)
        self.blocks: list[RowBlock] = []
        self.arrays = self._compile(sampled_rows)

    def columns(self, variable: Any) -> NDArray[np.int64]:
        """Column numbers of a variable, shaped by its index sets."""
        columns = self.evaluator.columns[id(variable)]
        return np.arange(columns.first, columns.first + columns.size).reshape(columns.shape)

    def values(
        self, block: Any, index_sets: tuple[Any, ...], rule: Any, solution: Floats, *, name: Any = None
    ) -> Floats:
        """Values of ``rule(block, *index)`` at a solution; shape = sizes of the index sets. ``name`` says whose they
        are."""
        rows = self.linear(block, index_sets, rule, name=name)
        return (rows.at(solution) + rows.upper).reshape(tuple(len(s) for s in index_sets))

    def linear(self, block: Any, index_sets: tuple[Any, ...], rule: Any, *, name: Any = None) -> Rows:
        """``rule(block, *index)`` as one row per index; ``upper`` holds the constants."""
        product = index_sets[0]
        for factor in index_sets[1:]:
            product = product * factor
        expression, symbols = templatized(block, lambda b, index: rule(b, *index), product)
        context = self.evaluator.bind(product, symbols, Context())
        affine = self.evaluator.affine(expression, context)
        terms = [Term((0, term.columns), term.coefficients, term.shape) for term in affine.terms]
        return Recipe(None, Affine(0.0, terms), Affine(affine.constant), context).rows([0], [])

    # ------------------------------------------------------------------ the matrix
    def _compile(self, sampled_rows: int) -> Arrays:
        parts: list[_Rows] = []
        count = 0
        for constraint in self.model.component_objects(pyo.Constraint, descend_into=True):
            sets = self.evaluator.sets_of(constraint.index_set())
            if any(s.size == 0 for s in sets):
                continue
            rows = self._block(constraint)
            block = RowBlock(constraint, slice(count, count + len(rows.lower)), sets)
            self._compare_with_rule(block, rows, sampled_rows)
            self.blocks.append(block)
            parts.append(_Rows(rows.rows + count, rows.columns, rows.values, rows.lower, rows.upper))
            count += len(rows.lower)
        columns = self.evaluator.column_count
        entries = np.concatenate([p.values for p in parts]) if parts else np.zeros(0)
        row = np.concatenate([p.rows for p in parts]) if parts else np.zeros(0, np.int64)
        column = np.concatenate([p.columns for p in parts]) if parts else np.zeros(0, np.int64)
        matrix = matrix_of(row, column, entries, (count, columns))
        cost, offset = self._objective()
        col_lower, col_upper, integer = self._bounds()
        return Arrays(
            matrix,
            np.concatenate([p.lower for p in parts]) if parts else np.zeros(0),
            np.concatenate([p.upper for p in parts]) if parts else np.zeros(0),
            cost,
            offset,
            col_lower,
            col_upper,
            integer,
            self._least(),
        )

    def _block(self, constraint: Any) -> _Rows:
        try:
            expression, symbols = templatized(constraint.parent_block(), constraint.rule, constraint.index_set())
            context = self.evaluator.bind(constraint.index_set(), symbols, Context())
            return self._vectorised(expression, context)
        except (NotAffineError, PyomoException, TypeError, ValueError, KeyError, IndexError) as error:
            log.warning(
                "%s cannot be compiled as a template (%s); its rule is run index by index, which is slow",
                constraint.name,
                error,
            )
            return self._index_by_index(constraint)

    def _vectorised(self, expression: Any, context: Context) -> _Rows:
        expression = _relation(expression)
        shape = context.shape[: context.axes]
        count = int(np.prod(shape, dtype=np.int64))
        column_shape = (*shape, *(1,) * (MAX_AXES - context.axes))

        def flat(values: Any) -> Floats:
            return np.asarray(np.broadcast_to(values, column_shape), dtype=float).reshape(count)

        if isinstance(expression, rel.RangedExpression):
            low, body, high = (self.evaluator.affine(argument, context) for argument in expression.args)
            lower, upper = flat(low.constant - body.constant), flat(high.constant - body.constant)
        else:
            left, right = (self.evaluator.affine(argument, context) for argument in expression.args)
            body = Affine(0.0, left.terms + right.scaled(-1.0).terms)
            upper = flat(right.constant - left.constant)
            lower = upper if isinstance(expression, rel.EqualityExpression) else np.full(count, -np.inf)
        numbers = np.arange(count, dtype=np.int64).reshape(column_shape)
        terms = body.terms
        entries = [np.broadcast_to(t.coefficients, t.shape).ravel() for t in terms]
        return _Rows(
            _joined([np.broadcast_to(numbers, t.shape).ravel() for t in terms], np.int64),
            _joined([np.broadcast_to(t.columns, t.shape).ravel() for t in terms], np.int64),
            _joined(entries, np.float64),
            lower,
            upper,
        )

    # ------------------------------------------------------------------ index by index, with Pyomo's own meaning
    def _index_by_index(self, constraint: Any) -> _Rows:
        sets = self.evaluator.sets_of(constraint.index_set())
        block = RowBlock(constraint, slice(0, int(np.prod([s.size for s in sets]))), sets)
        row, column, value = [], [], []
        lower, upper = np.zeros(block.rows.stop), np.zeros(block.rows.stop)
        for number in range(block.rows.stop):
            entries, lower[number], upper[number] = self._concrete_row(constraint, block.index_of(number))
            row += [number] * len(entries)
            column += list(entries)
            value += list(entries.values())
        return _Rows(np.asarray(row, np.int64), np.asarray(column, np.int64), np.asarray(value, float), lower, upper)

    def _concrete_row(self, constraint: Any, index: tuple[Any, ...]) -> tuple[dict[int, float], float, float]:
        expression = constraint.rule(constraint.parent_block(), index[0] if len(index) == 1 else index)
        if expression is pyo.Constraint.Skip or expression is pyo.Constraint.Feasible:
            return {}, -np.inf, np.inf
        expression = _relation(expression)
        if isinstance(expression, rel.RangedExpression):
            low, body, high = expression.args
            lower, upper = pyo.value(low), pyo.value(high)
        else:
            body = expression.args[0] - expression.args[1]
            upper = 0.0
            lower = 0.0 if isinstance(expression, rel.EqualityExpression) else -np.inf
        linear = generate_standard_repn(body, compute_values=True)
        if not linear.is_linear():
            raise ValueError(f"{constraint.name}{list(index)} is not linear")
        entries: dict[int, float] = {}
        for coefficient, variable in zip(linear.linear_coefs, linear.linear_vars, strict=True):
            column = self.evaluator.column_of(variable)
            entries[column] = entries.get(column, 0.0) + float(coefficient)
        return entries, lower - linear.constant, upper - linear.constant

    def _compare_with_rule(self, block: RowBlock, rows: _Rows, sampled: int) -> None:
        """Re-run the rule at the first, the last and ``sampled`` further indices and compare with the compiled rows.

        Of rows that are very long (all money of a member, for the risk) only one is taken: it holds every step anyway.
        """
        count = block.rows.stop - block.rows.start
        chosen = {0, count - 1, *np.random.default_rng(count).integers(0, count, sampled).tolist()}
        if len(rows.values) > LONG_ROW * count:
            chosen = {max(chosen)}
        found: dict[int, dict[int, float]] = {number: {} for number in chosen}
        here = np.flatnonzero(np.isin(rows.rows, list(chosen)))
        for row, column, value in zip(
            rows.rows[here].tolist(), rows.columns[here].tolist(), rows.values[here].tolist(), strict=True
        ):
            found[row][column] = found[row].get(column, 0.0) + value
        for number in sorted(chosen):
            index = block.index_of(block.rows.start + number)
            expected, lower, upper = self._concrete_row(block.constraint, index)
            compiled = found[number]
            same = all(close(expected.get(c, 0.0), compiled.get(c, 0.0)) for c in expected.keys() | compiled.keys())
            if not (same and close(lower, rows.lower[number]) and close(upper, rows.upper[number])):
                raise TemplateMismatchError(
                    f"{block.constraint.name}{list(index)}: the compiled row differs from the rule; "
                    "a rule must not branch on an index or on data"
                )

    # ------------------------------------------------------------------ objective and bounds
    def _objective(self) -> tuple[Floats, float]:
        objective = next(self.model.component_objects(pyo.Objective, active=True))
        expression, _ = templatized(objective.parent_block(), objective.rule, None)
        affine = self.evaluator.affine(expression, Context())
        cost = np.zeros(self.evaluator.column_count)
        for term in affine.terms:
            columns = np.broadcast_to(term.columns, term.shape).ravel()
            values = np.asarray(np.broadcast_to(term.coefficients, term.shape), float).ravel()
            cost += np.bincount(columns, values, len(cost))
        return cost, float(np.sum(affine.constant))

    def _bounds(self) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        count = self.evaluator.column_count
        lower, upper, integer = np.full(count, -np.inf), np.full(count, np.inf), np.zeros(count, bool)
        for variable in self.evaluator.variables:
            columns = self.evaluator.columns[id(variable)]
            if columns.size == 0:
                continue
            part = slice(columns.first, columns.first + columns.size)
            domain = variable._rule_domain(variable.parent_block(), None, variable)
            low, high = domain.bounds()
            lower[part] = -np.inf if low is None else low
            upper[part] = np.inf if high is None else high
            integer[part] = domain.isdiscrete()
            if variable.bounds_rule is None:
                continue
            bounds, symbols = templatized(variable.parent_block(), variable.bounds_rule, variable.index_set())
            context = self.evaluator.bind(variable.index_set(), symbols, Context())
            shape = (*context.shape[: context.axes], *(1,) * (MAX_AXES - context.axes))
            for bound, target, tighter in ((bounds[0], lower, np.maximum), (bounds[1], upper, np.minimum)):
                if bound is not None:
                    values = np.broadcast_to(self.evaluator.data(bound, context), shape).ravel()
                    target[part] = tighter(target[part], values)
        return lower, upper, integer

    def _least(self) -> NDArray[np.bool_]:
        sizes = [self.evaluator.columns[id(variable)].size for variable in self.evaluator.variables]
        return np.repeat([bool(variable.least) for variable in self.evaluator.variables], sizes)


def _relation(expression: Any) -> Any:
    """The relation that a rule returned; raises ValueError for anything else (a bare sum has two arguments as well)."""
    if expression.__class__ is tuple:
        expression = tuple_to_relational_expr(expression)
    if not isinstance(expression, rel.RelationalExpression):
        raise ValueError(f"a rule returns a relation between expressions, not {expression}")
    if np.any(getattr(expression, "strict", False)):
        raise ValueError(f"a strict inequality ({expression}) has no optimum; write <= or >=")
    return expression


def _joined(parts: list[Any], dtype: Any) -> Any:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.zeros(0, dtype)


def close(a: float, b: float) -> bool:
    """Whether two figures that were worked out in different orders are the same."""
    return a == b or bool(abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b)))
