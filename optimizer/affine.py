"""Evaluates one expression template over whole index sets with numpy broadcasting.

A template is an ordinary Pyomo expression in which indices are symbols. Each iterated set gets an array axis; an index
expression becomes an integer array, a parameter a lookup, a variable an array of column numbers. What comes out is
affine: a constant plus a list of terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyomo.core.expr.numeric_expr as expr
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.core.expr.template_expr import GetItemExpression, IndexTemplate, TemplateSumExpression

from optimizer.template import Param, consecutive

MAX_AXES = 8
"""Nested index sets of one rule (its own and those of its sums); every array has this many axes, most of length 1."""

FEW_LABELS = 4000
"""Labels up to which they are looked up one by one."""

_SUMS = (expr.SumExpression, expr.LinearExpression, expr.NPV_SumExpression)
_PRODUCTS = (expr.ProductExpression, expr.MonomialTermExpression, expr.NPV_ProductExpression)


class NotAffineError(Exception):
    """The expression cannot be read as a template; the rule must be run index by index."""


class SetIndex:
    """Labels of one Pyomo set and their positions; ``labels`` has one array per dimension of the set."""

    def __init__(self, pyomo_set: Any) -> None:
        start, size = consecutive(pyomo_set)
        members = range(start, start + size) if size else list(pyomo_set)
        self.size = len(members)
        if size:
            members = np.arange(start, start + size)  # type: ignore[assignment]
        # an empty set that was made without dimen does not know it
        self.dimen: int = pyomo_set.dimen if isinstance(pyomo_set.dimen, int) and pyomo_set.dimen else 1
        columns = [members] if self.dimen == 1 else list(zip(*members, strict=True)) or [()] * self.dimen
        self.labels = [np.asarray(column) if len(column) else np.zeros(0, np.int64) for column in columns]
        first = self.labels[0]
        self._consecutive = (
            self.dimen == 1 and self.size > 0 and first.dtype.kind in "iu" and bool(np.all(np.diff(first) == 1))
        )
        self._lookup: pd.Index | None = None
        self._places: dict[Any, int] | None = None

    def positions(self, labels: list[Any]) -> NDArray[np.int64]:
        """Positions of (broadcastable) label arrays; KeyError where a label is not in the set."""
        if self._consecutive and np.asarray(labels[0]).dtype.kind in "iu":
            found: NDArray[np.int64] = np.asarray(labels[0] - self.labels[0][0], dtype=np.int64)
            if found.size and (found.min() < 0 or found.max() >= self.size):
                raise KeyError("index outside its set")
            return found
        arrays = np.broadcast_arrays(*labels)
        if self.dimen > 1 and max(self.size, arrays[0].size) <= FEW_LABELS:
            return self._one_by_one(arrays)
        if self._lookup is None:
            self._lookup = pd.Index(self.labels[0]) if self.dimen == 1 else pd.MultiIndex.from_arrays(list(self.labels))
        flat = [array.ravel() for array in arrays]
        wanted = pd.Index(flat[0]) if self.dimen == 1 else pd.MultiIndex.from_arrays(flat)
        found = self._lookup.get_indexer(wanted).astype(np.int64).reshape(arrays[0].shape)
        if (found < 0).any():
            raise KeyError("index outside its set")
        return found

    def _one_by_one(self, arrays: Sequence[Any]) -> NDArray[np.int64]:
        """The same from a dictionary, which is faster for a few labels of several parts than pandas' index."""
        if self._places is None:
            self._places = {label: n for n, label in enumerate(zip(*[c.tolist() for c in self.labels], strict=True))}
        wanted = zip(*[array.ravel().tolist() for array in arrays], strict=True)
        places = self._places
        return np.array([places[label] for label in wanted], np.int64).reshape(arrays[0].shape)


class Columns:
    """Where the columns of one variable stand: ``first + position in the index set`` (row-major)."""

    __slots__ = ("first", "sets", "shape", "size")

    def __init__(self, first: int, sets: tuple[SetIndex, ...]) -> None:
        self.first, self.sets = first, sets
        self.shape = tuple([s.size for s in sets])
        self.size = math.prod(self.shape)

    def label_of(self, column: int) -> tuple[Any, ...]:
        """Labels of the variable that stands in a column."""
        places = np.unravel_index(column - self.first, self.shape)
        return tuple(label[i].item() for s, i in zip(self.sets, places, strict=True) for label in s.labels)


@dataclass
class Term:
    """Columns and coefficients, both broadcastable to ``shape``."""

    columns: Any
    coefficients: Any
    shape: tuple[int, ...]


@dataclass
class Affine:
    """``constant + sum of terms`` over the axes of a context."""

    constant: Any = 0.0
    terms: list[Term] = field(default_factory=list)

    def scaled(self, factor: Any) -> Affine:
        terms = [Term(t.columns, t.coefficients * factor, t.shape) for t in self.terms]
        return Affine(self.constant * factor, terms)


@dataclass
class Context:
    """Symbols bound so far: labels by template, lengths of axes, axes in use, 0/1 mask of padded ragged sums."""

    labels: dict[int, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = (1,) * MAX_AXES
    axes: int = 0
    mask: Any = 1.0

    def extended(self, lengths: list[int], labels: dict[int, Any], mask: Any = None) -> Context:
        used = self.axes + len(lengths)
        if used > MAX_AXES:
            raise NotAffineError(f"more than {MAX_AXES} nested index sets")
        shape = (*self.shape[: self.axes], *lengths, *(1,) * (MAX_AXES - used))
        return Context(self.labels | labels, shape, used, self.mask if mask is None else self.mask * mask)


def ragged(context: Context, key: NDArray[Any], group_of: Callable[[Any], Any], symbol: int) -> Context:
    """An axis for the set that belongs to each key: members are padded to the longest set and masked."""
    keys = np.unique(key)
    groups = [np.asarray(group_of(k.item()), dtype=np.int64) for k in keys]
    longest = max((len(group) for group in groups), default=0)
    table = np.zeros((len(keys), longest), np.int64)
    mask = np.zeros((len(keys), longest))
    for row, group in enumerate(groups):
        table[row, : len(group)] = group
        if len(group):
            table[row, len(group) :] = group[0]
        mask[row, : len(group)] = 1.0
    position = np.searchsorted(keys, key)
    axis = context.axes

    def spread(values: Any) -> Any:
        moved = np.moveaxis(values[position], -1, axis)
        return moved.reshape((*position.shape[:axis], longest, *position.shape[axis + 1 :]))

    return context.extended([longest], {symbol: spread(table)}, spread(mask))


class Evaluator:
    """Knows the columns of a model's variables and evaluates templates over them."""

    def __init__(self, model: Any) -> None:
        self._sets: dict[int, SetIndex] = {}
        self.columns: dict[int, Columns] = {}
        self.variables: list[Any] = list(model.component_objects(pyo.Var, descend_into=True))
        count = 0
        for variable in self.variables:
            columns = Columns(count, self.sets_of(variable.index_set()))
            self.columns[id(variable)] = columns
            count += columns.size
        self.column_count = count

    def set_index(self, pyomo_set: Any) -> SetIndex:
        known = self._sets.get(id(pyomo_set))
        if known is None:
            known = self._sets[id(pyomo_set)] = SetIndex(pyomo_set)
        return known

    def sets_of(self, index_set: Any) -> tuple[SetIndex, ...]:
        return tuple(self.set_index(s) for s in index_set.subsets())

    def column_of(self, variable: Any) -> int:
        """Column of one concrete variable (a ``VarData``)."""
        parent = variable.parent_component()
        columns = self.columns[id(parent)]
        index = variable.index()
        position = 0
        for size, place in zip(
            columns.shape, parent.places.of(index if index.__class__ is tuple else (index,)), strict=True
        ):
            position = position * size + place
        return columns.first + position

    def bind(self, iterated: Any, templates: tuple[Any, ...], context: Context) -> Context:
        """Give each iterated set an axis and its symbols their labels."""
        if isinstance(iterated, GetItemExpression):
            return self._bind_ragged(iterated, templates, context)
        lengths: list[int] = []
        labels: dict[int, Any] = {}
        symbols = iter(templates)
        for subset in self.sets_of(iterated):
            axis = context.axes + len(lengths)
            shape = [1] * MAX_AXES
            if axis < MAX_AXES:
                shape[axis] = subset.size
            lengths.append(subset.size)
            for column in subset.labels:
                labels[id(next(symbols))] = column.reshape(shape)
        return context.extended(lengths, labels)

    def _bind_ragged(self, iterated: Any, templates: tuple[Any, ...], context: Context) -> Context:
        """A sum over ``IndexedSet[k]``: members are padded to the longest set and masked."""
        indexed_set = iterated.args[0]
        label = np.asarray(self.data(iterated.args[1], context))
        return ragged(context, label, lambda key: list(indexed_set[key]), id(templates[0]))

    def data(self, node: Any, context: Context) -> Any:
        """Value of an expression without variables."""
        found = self.affine(node, context)
        if found.terms:
            raise NotAffineError("a variable where data are expected")
        return found.constant

    def affine(self, node: Any, context: Context) -> Affine:
        if node.__class__ in (int, float) or isinstance(node, np.number | np.ndarray):
            return Affine(node)
        if isinstance(node, IndexTemplate):
            return Affine(context.labels[id(node)])
        if isinstance(node, GetItemExpression):
            return self._item(node, context)
        if isinstance(node, TemplateSumExpression):
            return self._sum(node, context)
        if isinstance(node, _SUMS):
            parts = [self.affine(argument, context) for argument in node.args]
            constant = 0  # an integer: ``t - 1`` is still an index
            for part in parts:
                constant = constant + part.constant
            return Affine(constant, [term for part in parts for term in part.terms])
        if isinstance(node, _PRODUCTS):
            left, right = (self.affine(argument, context) for argument in node.args)
            if left.terms and right.terms:
                raise NotAffineError("a product of variables")
            return right.scaled(left.constant) if right.terms else left.scaled(right.constant)
        if isinstance(node, expr.DivisionExpression | expr.NPV_DivisionExpression):
            return self.affine(node.args[0], context).scaled(1.0 / self.data(node.args[1], context))
        if isinstance(node, expr.NegationExpression | expr.NPV_NegationExpression):
            return self.affine(node.args[0], context).scaled(-1.0)
        if getattr(node, "is_variable_type", bool)():
            return self._variable(node.parent_component(), _labels(node.index()), context)
        if not getattr(node, "is_expression_type", bool)() and not getattr(node, "is_potentially_variable", bool)():
            return Affine(pyo.value(node))
        raise NotAffineError(f"{type(node).__name__} in a template")

    def _sum(self, node: Any, context: Context) -> Affine:
        inner = context
        for group in node.template_iters():
            inner = self.bind(group[0]._set, group, inner)
        body = self.affine(node._local_args_[0], inner)
        constant = body.constant
        if np.any(constant):
            summed = tuple(range(context.axes, inner.axes))
            shape = (*(1,) * context.axes, *inner.shape[context.axes :])
            weighted = np.asarray(constant * inner.mask)
            spread = np.broadcast_to(weighted, np.broadcast_shapes(weighted.shape, shape))
            constant = spread.sum(axis=summed, keepdims=True)
        else:
            constant = 0.0
        return Affine(constant, body.terms)

    def _item(self, node: Any, context: Context) -> Affine:
        component = node.args[0]
        labels = [self.data(argument, context) for argument in node.args[1:]]
        if id(component) in self.columns:
            return self._variable(component, labels, context)
        if isinstance(component, Param):
            positions = _positions(self.sets_of(component.index_set()), labels)
            found = component.array[tuple(positions)]
            return Affine(found if found.dtype.kind == "f" else found.astype(np.int64))
        raise NotAffineError(f"{type(component).__name__} indexed in a template")

    def _variable(self, component: Any, labels: list[Any], context: Context) -> Affine:
        columns = self.columns[id(component)]
        position: Any = 0
        for size, place in zip(columns.shape, _positions(columns.sets, labels), strict=True):
            position = position * size + place
        return Affine(0.0, [Term(columns.first + position, 1.0 * context.mask, context.shape)])


def _labels(index: Any) -> list[Any]:
    if index is None:
        return []
    return [np.asarray(label) for label in (index if isinstance(index, tuple) else (index,))]


def _positions(sets: tuple[SetIndex, ...], labels: list[Any]) -> list[Any]:
    positions = []
    start = 0
    for subset in sets:
        positions.append(subset.positions(labels[start : start + subset.dimen]))
        start += subset.dimen
    return positions
