"""A light model becomes the arrays that HiGHS takes, and anew with other data at the price of what has changed.

Every rule is run once with symbols (:mod:`optimizer.symbols`), each time a problem is made, which costs microseconds.
What it says (its ``key``: operations, plain numbers, index sets), the data of the parameters that it reads and the
columns of all variables are all that its rows depend on. :class:`Kept` holds the rows of the problem before with these
inputs; where they are the same, the rows are taken over, and where a rule, a number or a datum differs, they are
evaluated anew. Nothing is assumed of what a component may have done with a price.

At its first evaluation a rule is also run at a few plain indices, and the row compared (:mod:`optimizer.sampling`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.affine import MAX_AXES, Affine, Context, NotAffineError
from optimizer.compiled import Arrays, Compiled, RowBlock, TemplateMismatchError
from optimizer.kept import Entry, FirstColumns, Kept, same_inputs
from optimizer.light_model import LightConstraint, LightModel, LightParam
from optimizer.light_sets import LightSet
from optimizer.matrix import Matrix, matrix_in, order_of
from optimizer.sampling import compare_bounds, compare_items, compare_rows, compare_values, sides_of
from optimizer.symbols import NotTraceableError, Traced, item_itself, key_of, traced, tracing
from optimizer.tracing import COLUMN_SHAPE, LightEvaluator, Rows, rows_of

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]


UNTRACEABLE = (NotAffineError, TemplateMismatchError, TypeError, ValueError, KeyError, IndexError, AttributeError)
"""What comes of a rule that cannot be run with symbols."""


class LightCompiled(Compiled):
    """Arrays of a light model, the place of every variable and rule in them, and evaluation of results.

    ``kept`` is what the problem before has left; None keeps nothing. Raises NotTraceableError, or what the rule raises,
    for a rule that does with a symbol what it cannot.
    """

    def __init__(self, model: LightModel, kept: Kept | None = None) -> None:
        self.model = model
        self.evaluator: Any = LightEvaluator(model)
        self.blocks: list[RowBlock] = []
        self._kept = kept
        own = self.evaluator.columns
        self._firsts = FirstColumns([(v.name, own[id(v)].first, own[id(v)].size) for v in self.evaluator.variables])
        if kept is not None:
            kept.reused = kept.evaluated = 0
        with tracing():
            self.arrays = self._arrays()

    def values(
        self, block: Any, index_sets: tuple[Any, ...], rule: Any, solution: Floats, *, name: Any = None
    ) -> Floats:
        """Values of ``rule(block, *index)`` at a solution; shape = sizes of the index sets. ``name`` is that under
        which its evaluation is kept."""
        with tracing():
            found = traced(rule, block, index_sets)
        shape = tuple(len(s) for s in index_sets)
        component = item_itself(found[0], index_sets)
        if component is None:
            rows = self._linear(block, index_sets, rule, name, found)
            return (rows.at(solution) + rows.upper).reshape(shape)
        compare_items(component, index_sets, rule, block)
        if isinstance(component, LightParam):
            return np.array(np.broadcast_to(component.array, shape), dtype=float)
        columns = self.evaluator.columns[id(component)]
        return solution[columns.first : columns.first + columns.size].reshape(shape).copy()

    def linear(self, block: Any, index_sets: tuple[Any, ...], rule: Any, *, name: Any = None) -> Rows:
        """``rule(block, *index)`` as one row per index; ``upper`` holds the constants."""
        with tracing():  # again, where it is run for the objective already
            found = traced(rule, block, index_sets)
        return self._linear(block, index_sets, rule, name, found)

    def _linear(self, block: Any, index_sets: tuple[Any, ...], rule: Any, name: Any, traced_rule: Traced) -> Rows:
        def evaluate(found: Any, is_new: bool) -> Rows:
            context = self.evaluator.bind(index_sets, 0, Context())
            affine = self.evaluator.affine(found, context)
            rows = rows_of(None, Affine(0.0, affine.terms), Affine(affine.constant), context)
            if is_new:
                compare_values(self.evaluator, str(name), index_sets, rule, block, rows)
            return rows

        rows: Rows = self._evaluated(("linear", name), index_sets, traced_rule, evaluate)
        return rows

    # ------------------------------------------------------------------ what was evaluated before
    def _evaluated(
        self, name: Any, sets: tuple[LightSet, ...], traced_rule: Traced, evaluate: Callable[[Any, bool], Any]
    ) -> Any:
        """``evaluate`` of what the rule returns for symbols, or what was evaluated of the same before. It is told
        whether the rule says something new, and is to be compared with itself at plain indices, or has other data
        only."""
        found, components = traced_rule
        if isinstance(found, tuple):
            key: Any = ("bounds", *map(key_of, found), *(s.key for s in sets))
        else:
            key = (key_of(found), *(s.key for s in sets))
        kept = self._kept
        if kept is None or name[-1] is None:
            return evaluate(found, True)
        entry = kept.entries.get(name)
        if entry is not None and entry.key == key and same_inputs(entry.inputs, components):
            kept.reused += 1
            if entry.firsts is self._firsts or not isinstance(entry.value, Rows):
                return entry.value
            rows = entry.value.moved(lambda column: entry.firsts.moved(column, self._firsts))
            kept.entries[name] = replace(entry, value=rows, firsts=self._firsts)
            return rows
        kept.evaluated += 1
        log.debug("%s is evaluated %s", " ".join(map(str, name)), "for the first time" if entry is None else "anew")
        value = evaluate(found, entry is None or entry.key != key)
        inputs = {n: (getattr(c, "array", None), tuple(s.key for s in c.sets)) for n, c in components.items()}
        kept.entries[name] = Entry(key, inputs, value, self._firsts)
        return value

    # ------------------------------------------------------------------ the matrix
    def _arrays(self) -> Arrays:
        found: list[Rows] = []
        count = 0
        for constraint in self.model.components(LightConstraint):
            if any(len(s) == 0 for s in constraint.sets):
                continue
            rows = self._rows(constraint)
            sets = tuple(self.evaluator.set_index(s) for s in constraint.sets)
            self.blocks.append(RowBlock(constraint, slice(count, count + len(rows.lower)), sets))
            found.append(rows)
            count += len(rows.lower)
        matrix = self._matrix(found, (count, self.evaluator.column_count))
        row_lower, row_upper = (
            np.concatenate([getattr(rows, side) for rows in found]) if found else np.zeros(0)
            for side in ("lower", "upper")
        )
        cost, offset = self._objective()
        col_lower, col_upper, integer = self._bounds()
        return Arrays(matrix, row_lower, row_upper, cost, offset, col_lower, col_upper, integer, self._least())

    def _rows(self, constraint: LightConstraint) -> Rows:
        block = constraint.parent_block()

        def evaluate(found: Any, is_new: bool) -> Rows:
            context = self.evaluator.bind(constraint.sets, 0, Context())
            low, body, high = (
                None if side is None else self.evaluator.affine(side, context) for side in sides_of(found)
            )
            if body is None:
                raise NotTraceableError("a rule without a body")
            rows = rows_of(low, body, high, context)
            if is_new:
                compare_rows(self.evaluator, constraint, rows)
            return rows

        rows: Rows = self._evaluated(
            ("rows", constraint.name), constraint.sets, traced(constraint.rule, block, constraint.sets), evaluate
        )
        return rows

    def _matrix(self, found: list[Rows], shape: tuple[int, int]) -> Matrix:
        starts = [block.rows.start for block in self.blocks]
        kept = self._kept
        values = _joined([rows.values for rows in found], np.float64)
        places = [rows.columns for rows in found]
        if kept is not None and kept.order is not None and kept.order.is_of(places, shape):
            return matrix_in(kept.order, values)
        counts = [len(rows.values) for rows in found]
        row = _joined(
            [_numbers(rows, first, n) for rows, first, n in zip(found, starts, counts, strict=True)], np.int32
        )
        order = order_of(row, _joined(places, np.int32), shape, places if kept is not None else None)
        if kept is not None:
            kept.order = order
        return matrix_in(order, values)

    # ------------------------------------------------------------------ objective and bounds
    def _objective(self) -> tuple[Floats, float]:
        rule = self.model.objective_rule
        assert rule is not None

        def evaluate(found: Any, _: bool) -> Rows:
            affine = self.evaluator.affine(found, Context())
            total = np.sum(affine.constant, keepdims=True).reshape(COLUMN_SHAPE)
            return rows_of(None, Affine(0.0, affine.terms), Affine(total), Context())

        rest: Rows = self._evaluated(("objective", ""), (), traced(rule, self.model, ()), evaluate)
        columns, values, offset = [rest.columns.ravel()], [rest.values.ravel()], float(rest.upper[0])
        for line in self.model.lines:  # each as the ledger has it, and kept once for both
            rows = self.linear(line.block, line.index_sets, line.rule, name=line.name)
            weights = np.repeat(self.model.weights, len(rows.upper) // len(self.model.weights))
            columns.append(rows.columns.ravel())
            values.append((rows.values * weights).ravel())
            offset += float(weights @ rows.upper)
        cost = np.bincount(np.concatenate(columns), np.concatenate(values), self.evaluator.column_count)
        return cost.astype(float, copy=False), offset

    def _bounds(self) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        count = self.evaluator.column_count
        lower, upper, integer = np.full(count, -np.inf), np.full(count, np.inf), np.zeros(count, bool)
        for variable in self.evaluator.variables:
            columns = self.evaluator.columns[id(variable)]
            if columns.size == 0:
                continue
            part = slice(columns.first, columns.first + columns.size)
            low, high, integer[part] = _domain(variable.domain)
            lower[part], upper[part] = low, high
            if variable.bounds is None:
                continue
            for given, target, tighter in zip(
                self._given_bounds(variable), (lower, upper), (np.maximum, np.minimum), strict=True
            ):
                if given is not None:
                    target[part] = tighter(target[part], given)
        return lower, upper, integer

    def _given_bounds(self, variable: Any) -> Any:
        if not callable(variable.bounds):
            return variable.bounds

        def evaluate(found: Any, is_new: bool) -> Any:
            context = self.evaluator.bind(variable.sets, 0, Context())
            shape = (*context.shape[: context.axes], *(1,) * (MAX_AXES - context.axes))
            bounds = [
                None if side is None else np.broadcast_to(self.evaluator.data(side, context), shape).ravel()
                for side in found
            ]
            if is_new:
                compare_bounds(variable, bounds)
            return bounds

        block = variable.parent_block()
        found = traced(variable.bounds, block, variable.sets)
        return self._evaluated(("bounds", variable.name), variable.sets, found, evaluate)

    def _least(self) -> NDArray[np.bool_]:
        sizes = [self.evaluator.columns[id(variable)].size for variable in self.evaluator.variables]
        return np.repeat([bool(variable.least) for variable in self.evaluator.variables], sizes)


def _joined(parts: list[Any], dtype: Any) -> Any:
    return np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0, dtype)


def _numbers(rows: Rows, first: int, entries: int) -> Any:
    """Row numbers of the entries, the first row being ``first``."""
    count = len(rows.upper)
    return np.broadcast_to(np.arange(first, first + count, dtype=np.int32), (entries, count))


def _domain(domain: Any) -> tuple[float, float, bool]:
    known = _DOMAINS.get(id(domain))
    if known is None:
        low, high = domain.bounds()
        known = -np.inf if low is None else float(low), np.inf if high is None else float(high), domain.isdiscrete()
        _DOMAINS[id(domain)] = known  # Pyomo's domains live as long as the process
    return known


_DOMAINS: dict[int, tuple[float, float, bool]] = {}
