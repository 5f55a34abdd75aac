"""Evaluates rules that were run with :mod:`symbols <optimizer.symbols>` over whole index sets, with numpy.

As :mod:`optimizer.affine` does with Pyomo's templates: each index set gets an axis, an index becomes an array of
labels, a parameter a lookup, a variable an array of column numbers; what comes out is affine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.affine import MAX_AXES, Affine, Columns, Context, NotAffineError, SetIndex, Term, ragged
from optimizer.light_model import LightModel, LightParam, LightVar
from optimizer.light_sets import LightGroup, LightRange, LightSet
from optimizer.symbols import ADD, DIVIDE, ITEM, MULTIPLY, SUM, SYMBOL, Expression

Floats = NDArray[np.float64]
COLUMN_SHAPE = (1,) * MAX_AXES


@dataclass(frozen=True)
class Rows:
    """Rows with equally many entries each; ``lower <= sum of values * x[columns] <= upper``, each (rows,)."""

    columns: NDArray[np.int32]
    """(entries of a row, rows)."""
    values: Floats
    """(entries of a row, rows); 0 where a row has fewer entries than others."""
    lower: Floats
    upper: Floats
    variables: tuple[tuple[int, int], ...] = ()
    """Entries of a row that belong to one variable: how many, and a column of it."""

    def at(self, solution: Floats) -> Floats:
        """Sums of the rows at a solution, (rows,)."""
        found = self.values * solution[self.columns]
        return np.asarray(found.sum(axis=0) if len(found) != 1 else found[0])

    def moved(self, to: Callable[[int], int]) -> Rows:
        """The same rows where variables have other columns; ``to`` gives how far the variable of a column has moved."""
        ways = [to(column) for _, column in self.variables]
        if not any(ways):
            return self
        by = np.repeat(np.asarray(ways, np.int32), [count for count, _ in self.variables])
        variables = tuple((count, column + way) for (count, column), way in zip(self.variables, ways, strict=True))
        return replace(self, columns=self.columns + by[:, np.newaxis], variables=variables)


@lru_cache(maxsize=512)
def _range_index(start: int, size: int) -> SetIndex:
    return SetIndex(LightRange(start, size))


class LightEvaluator:
    """Knows the columns of a light model's variables and evaluates expressions over them."""

    def __init__(self, model: LightModel) -> None:
        self._sets: dict[int, SetIndex] = {}
        self.columns: dict[int, Columns] = {}
        self.variables: list[LightVar] = model.components(LightVar)
        count = 0
        for variable in self.variables:
            columns = Columns(count, self.sets_of(variable.index_set()))
            self.columns[id(variable)] = columns
            count += columns.size
        self.column_count = count

    def set_index(self, index_set: LightSet) -> SetIndex:
        """Labels and positions of a set."""
        if isinstance(index_set, LightRange):
            return _range_index(index_set.start, index_set.size)
        known = self._sets.get(id(index_set))
        if known is None:
            known = self._sets[id(index_set)] = SetIndex(index_set)
        return known

    def sets_of(self, index_set: Any) -> tuple[SetIndex, ...]:
        return tuple(self.set_index(s) for s in index_set.subsets())

    def bind(self, sets: tuple[LightSet, ...], first: int, context: Context) -> Context:
        """Give each set an axis and its symbols, the first of which is ``first``, their labels."""
        lengths: list[int] = []
        labels: dict[int, Any] = {}
        for index_set in sets:
            found = self.set_index(index_set)
            axis = context.axes + len(lengths)
            shape = [1] * MAX_AXES
            if axis < MAX_AXES:
                shape[axis] = found.size
            lengths.append(found.size)
            for column in found.labels:
                labels[first] = column.reshape(shape)
                first += 1
        return context.extended(lengths, labels)

    def data(self, node: Any, context: Context) -> Any:
        """Value of an expression without variables."""
        found = self.affine(node, context)
        if found.terms:
            raise NotAffineError("a variable where data are expected")
        return found.constant

    def affine(self, node: Any, context: Context) -> Affine:
        """``constant + terms`` over the axes of the context."""
        if not isinstance(node, Expression):
            return Affine(node)
        op, args = node.op, node.args
        if op == ITEM:
            return self._item(args[0], args[1], context)
        if op == SYMBOL:
            return Affine(context.labels[args])
        if op == ADD:
            parts = [self.affine(argument, context) for argument in node.terms]
            constant = 0  # an integer: ``t - 1`` is still an index
            for part in parts:
                constant = constant + part.constant
            return Affine(constant, [term for part in parts for term in part.terms])
        if op == MULTIPLY:
            left, right = self.affine(args[0], context), self.affine(args[1], context)
            if left.terms and right.terms:
                raise NotAffineError("a product of variables")
            return right.scaled(left.constant) if right.terms else left.scaled(right.constant)
        if op == DIVIDE:
            return self.affine(args[0], context).scaled(1.0 / self.data(args[1], context))
        assert op == SUM
        return self._sum(args[0], args[1], context)

    def _sum(self, bound: tuple[Any, ...], body: Any, context: Context) -> Affine:
        inner = context
        for index_set, symbols in bound:
            first = symbols[0].args
            if isinstance(index_set, LightGroup):
                label = np.asarray(self.data(index_set.label, inner))
                inner = ragged(inner, label, index_set.members_of, first)
            else:
                inner = self.bind((index_set,), first, inner)
        found = self.affine(body, inner)
        constant: Any = 0.0
        if np.any(found.constant):
            weighted = np.asarray(found.constant * inner.mask)
            shape = (*(1,) * context.axes, *inner.shape[context.axes :])
            spread = np.broadcast_to(weighted, np.broadcast_shapes(weighted.shape, shape))
            constant = spread.sum(axis=tuple(range(context.axes, inner.axes)), keepdims=True)
        return Affine(constant, found.terms)

    def _item(self, component: Any, labels: tuple[Any, ...], context: Context) -> Affine:
        places = self._places(component, labels, context)
        if isinstance(component, LightParam):
            found = component.array[tuple(places)]
            return Affine(found if found.dtype.kind == "f" else found.astype(np.int64))
        columns = self.columns[id(component)]
        position: Any = 0
        for size, place in zip(columns.shape, places, strict=True):
            position = position * size + place
        return Affine(0.0, [Term(columns.first + position, 1.0 * context.mask, context.shape)])

    def _places(self, component: Any, labels: tuple[Any, ...], context: Context) -> list[Any]:
        places: list[Any] = []
        start = 0
        for index_set in component.sets:
            end = start + index_set.dimen
            own = labels[start:end]
            if len(own) == 1 and isinstance(own[0], Expression) and own[0].op == SYMBOL and start < len(labels):
                values = context.labels[own[0].args]
                places.append(self.set_index(index_set).positions([values]))
            else:
                given = [np.asarray(self.data(label, context)) for label in own]
                places.append(self.set_index(index_set).positions(given))
            start = end
        if start != len(labels):
            raise NotAffineError(f"{component.name} has an index of another length than its sets")
        return places


def rows_of(low: Affine | None, body: Affine, high: Affine | None, context: Context) -> Rows:
    """``low <= body <= high`` over the axes of a context; the sides are data, None where there is none."""
    shape = context.shape[: context.axes]
    count = math.prod(shape)
    column_shape = (*shape, *(1,) * (MAX_AXES - context.axes))

    def side(affine: Affine | None, without: float) -> Floats:
        if affine is None:
            return np.full(count, without)
        if affine.terms:
            raise NotAffineError("a decision in a bound")
        values = np.asarray(affine.constant - body.constant, dtype=float)
        return np.broadcast_to(values, column_shape).reshape(count)

    terms = [term for term in body.terms if math.prod(term.shape)] if count else []
    sizes = [math.prod(term.shape[context.axes :]) for term in terms]
    columns, values = np.empty((sum(sizes), count), np.int32), np.empty((sum(sizes), count))
    start = 0
    for term, size in zip(terms, sizes, strict=True):  # written in place: no copy of a term of its own
        part = slice(start, start + size)
        for target, source in ((columns, term.columns), (values, term.coefficients)):
            _by_row(target[part], term.shape, context.axes)[...] = source
        start += size
    variables = tuple((size, int(np.asarray(term.columns).flat[0])) for term, size in zip(terms, sizes, strict=True))
    return Rows(columns, values, side(low, -np.inf), side(high, np.inf), variables)


def _by_row(entries: Any, shape: tuple[int, ...], axes: int) -> Any:
    """A view of (entries of a row, rows) in the shape of a term, whose first axes are those of the rows."""
    apart = entries.reshape(*shape[axes:], *shape[:axes])
    inner = len(shape) - axes
    return apart.transpose(*range(inner, len(shape)), *range(inner))
