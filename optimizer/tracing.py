"""Reads rules that were run with :mod:`symbols <optimizer.symbols>` over whole index sets, with numpy.

As :mod:`optimizer.affine` does with Pyomo's templates: each index set gets an axis, an index becomes an array of
labels, a variable an array of positions, a parameter a datum to be looked up; what comes out is affine, and a
:class:`~optimizer.recipe.Recipe` for the rows of every rule that says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.affine import MAX_AXES, Affine, Columns, Context, NotAffineError, SetIndex, Term, ragged
from optimizer.light_model import LightModel, LightParam, LightVar
from optimizer.light_sets import LightGroup, LightRange, LightSet
from optimizer.recipe import Recipe, Rows
from optimizer.rule_data import Datum, item_of, summed
from optimizer.symbols import ADD, DIVIDE, ITEM, MULTIPLY, SUM, SYMBOL, Expression, NotTraceableError

Floats = NDArray[np.float64]


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
            columns = Columns(count, tuple([self.set_index(s) for s in variable.sets]))
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
        """Labels and positions of each of the sets of a declaration."""
        return tuple([self.set_index(s) for s in index_set.subsets()])

    def first_columns(self, components: Sequence[Any]) -> list[int]:
        """First column of each variable among the components of a rule; 0 for a parameter."""
        columns = self.columns
        return [columns[id(c)].first if c.__class__ is LightVar else 0 for c in components]

    def rows(self, recipe: Recipe, components: Sequence[Any]) -> Rows:
        """The rows of a rule that reads these components, with their columns and data."""
        rows: Rows = recipe.rows(self.first_columns(components), data_of(components))
        return rows


def data_of(components: Sequence[Any]) -> list[Any]:
    """Data of each parameter among the components of a rule; None for a variable."""
    return [c.array if c.__class__ is LightParam else None for c in components]


class Reader:
    """Reads one rule: what it said of symbols, over its index sets, with the components that it reads."""

    def __init__(self, evaluator: LightEvaluator, components: Sequence[Any]) -> None:
        self._evaluator = evaluator
        self._components = components
        self._whole: dict[int, tuple[int, Any, Any]] = {}
        """Of symbols that run over all of a set, by the number of the first: axis, set, and their positions in it."""
        self.is_of_data = False
        """Whether a label is a datum, so that the places of the entries are not those of other data."""

    def bind(self, sets: tuple[LightSet, ...], first: int, context: Context) -> Context:
        """Give each set an axis and its symbols, the first of which is ``first``, their labels."""
        lengths: list[int] = []
        labels: dict[int, Any] = {}
        for index_set in sets:
            found = self._evaluator.set_index(index_set)
            axis = context.axes + len(lengths)
            shape = [1] * MAX_AXES
            if axis < MAX_AXES:
                shape[axis] = found.size
            lengths.append(found.size)
            if axis < MAX_AXES:
                self._whole[first] = axis, index_set.key, np.arange(found.size).reshape(shape)
            for column in found.labels:
                labels[first] = column.reshape(shape)
                first += 1
        return context.extended(lengths, labels)

    def data(self, node: Any, context: Context) -> Any:
        """Value of an expression without variables: a number, an array, or a datum."""
        found = self.affine(node, context)
        if found.terms:
            raise NotAffineError("a variable where data are expected")
        return found.constant

    def _label(self, node: Any, context: Context) -> Any:
        """Value of an expression that is a label: known now, even if it is looked up in a parameter."""
        found = self.data(node, context)
        if isinstance(found, Datum):
            self.is_of_data = True
            found = found.look_up(data_of(self._components))
        return np.asarray(found)

    def affine(self, node: Any, context: Context) -> Affine:
        """``constant + terms`` over the axes of the context."""
        if not isinstance(node, Expression):
            return Affine(node)
        op, args = node.op, node.args
        if op == ITEM:
            return self._item(args[0], args[1], args[2], context)
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
                label = self._label(index_set.label, inner)
                inner = ragged(inner, label, index_set.members_of, first)
            else:
                inner = self.bind((index_set,), first, inner)
        found = self.affine(body, inner)
        constant = found.constant
        if not isinstance(constant, Datum) and not np.any(constant):
            return Affine(0.0, found.terms)
        shape, axes = (*(1,) * context.axes, *inner.shape[context.axes :]), tuple(range(context.axes, inner.axes))
        if isinstance(constant, Datum):
            return Affine(summed(constant, inner.mask, shape, axes), found.terms)
        known = Datum(lambda _: constant)
        return Affine(summed(known, inner.mask, shape, axes).look_up(()), found.terms)

    def _item(self, component: Any, labels: tuple[Any, ...], number: int, context: Context) -> Affine:
        if self._components[number] is not component:
            raise NotTraceableError(f"{component.name} was read outside of the rule")
        if isinstance(component, LightParam):
            axes = self._axes_of_all(component, labels)
            return Affine(item_of(number, self._places(component, labels, context) if axes is None else axes))
        places = self._places(component, labels, context)
        position: Any = 0
        for size, place in zip(component.shape, places, strict=True):
            position = position * size + place
        return Affine(0.0, [Term((number, position), 1.0 * context.mask, context.shape)])

    def _axes_of_all(self, component: LightParam, labels: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The index that spreads a parameter, all of which is read in its own order, over the axes; None for other
        ways to read it."""
        if len(labels) != len(component.sets):
            return None
        index: list[Any] = [None] * MAX_AXES
        last = -1
        for label, index_set in zip(labels, component.sets, strict=True):
            if not (isinstance(label, Expression) and label.op == SYMBOL):
                return None
            axis, key, _ = self._whole.get(label.args, (-1, None, None))
            if axis <= last or key != index_set.key:
                return None
            index[axis], last = slice(len(index_set)), axis  # data may hold more than the set has labels
        return tuple(index)

    def _places(self, component: Any, labels: tuple[Any, ...], context: Context) -> list[Any]:
        places: list[Any] = []
        start = 0
        for index_set in component.sets:
            end = start + index_set.dimen
            own = labels[start:end]
            places.append(self._place(index_set, own, context))
            start = end
        if start != len(labels):
            raise NotAffineError(f"{component.name} has an index of another length than its sets")
        return places

    def _place(self, index_set: LightSet, labels: tuple[Any, ...], context: Context) -> Any:
        """Positions of labels in a set; KeyError where one is not in it."""
        numbers = [label.args if isinstance(label, Expression) and label.op == SYMBOL else -1 for label in labels]
        if numbers and numbers[0] in self._whole:
            _, key, positions = self._whole[numbers[0]]
            if key == index_set.key and numbers == list(range(numbers[0], numbers[0] + index_set.dimen)):
                return positions
        given = [self._label(label, context) for label in labels]
        return self._evaluator.set_index(index_set).positions(given)
