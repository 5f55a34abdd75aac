"""A light model becomes the arrays that HiGHS takes, and anew with other data at the price of what has changed.

Every rule is run once with symbols (:mod:`optimizer.symbols`), each time a problem is made, which costs microseconds.
What it says (its ``key``: operations, plain numbers, index sets), the data of the parameters that it reads and the
columns of all variables are all that its rows depend on. :class:`Kept` holds the rows of the problem before with these
inputs; where they are the same, the rows are taken over, and where a rule, a number or a datum differs, they are
evaluated anew. Nothing is assumed of what a component may have done with a price.

To evaluate a rule is to fill data and columns into its :class:`~optimizer.recipe.Recipe`, which is worked out once in a
process for all rules that say the same. The first time that a rule says it, it is also run at a few plain indices, and
the row compared (:mod:`optimizer.sampling`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.affine import Affine, Context, NotAffineError
from optimizer.compiled import Arrays, Compiled, RowBlock, TemplateMismatchError
from optimizer.kept import Entry, FirstColumns, Kept, same_inputs
from optimizer.light_model import LightConstraint, LightModel, LightParam
from optimizer.light_sets import LightSet
from optimizer.matrix import Matrix, matrix_in, order_of
from optimizer.recipe import RECIPES, Recipe, Rows
from optimizer.sampling import (
    as_bounds,
    as_value,
    compare_bounds,
    compare_items,
    compare_once,
    compare_rows,
    compare_values,
    said,
    sides_of,
)
from optimizer.symbols import NotTraceableError, Traced, item_itself, key_of, traced, tracing
from optimizer.tracing import LightEvaluator, Reader, data_of

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
        self._lines: dict[Any, Rows] = {}
        """Lines of the ledger as the objective adds them up."""
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
        which its evaluation is kept; a line of the ledger is known by it from the objective."""
        shape = tuple([len(s) for s in index_sets])
        if name in self._lines:
            rows = self._lines[name]
            return (rows.at(solution) + rows.upper).reshape(shape)
        with tracing():
            found = traced(rule, block, index_sets)
        component = item_itself(found[0], index_sets)
        if component is None:
            rows = self._linear(block, index_sets, rule, name, found)
            return (rows.at(solution) + rows.upper).reshape(shape)
        key = self._key(found, index_sets)
        compare_once(
            said(rule, block, name, key[0], index_sets, found[1]),
            lambda: compare_items(component, index_sets, rule, block),
        )
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
        def evaluate(key: Any) -> Rows:
            recipe = self._recipe(key, traced_rule, index_sets, as_value)
            rows: Rows = self.evaluator.rows(recipe, [*traced_rule[1].values()])
            compare_once(
                said(rule, block, name, key[0], index_sets, traced_rule[1]),
                lambda: compare_values(self.evaluator, str(name), index_sets, rule, block, rows),
            )
            return rows

        rows: Rows = self._evaluated(("linear", name), index_sets, traced_rule, evaluate)
        return rows

    # ------------------------------------------------------------------ what was evaluated before
    def _evaluated(
        self, name: Any, sets: tuple[LightSet, ...], traced_rule: Traced, evaluate: Callable[[Any], Any]
    ) -> Any:
        """``evaluate`` (told the rule's key) of what the rule returns for symbols, or what was evaluated of the same
        before."""
        key, components = self._key(traced_rule, sets), traced_rule[1]
        kept = self._kept
        if kept is None or name[-1] is None:
            return evaluate(key)
        entry = kept.entries.get(name)
        if entry is not None and entry.key == key and same_inputs(entry.inputs, components):
            kept.reused += 1
            if entry.firsts is self._firsts or not isinstance(entry.value, Rows):
                return entry.value
            rows = entry.value.moved(lambda column: entry.firsts.moved(column, self._firsts))
            kept.entries[name] = Entry(key, entry.inputs, rows, self._firsts)
            return rows
        kept.evaluated += 1
        log.debug("%s is evaluated %s", " ".join(map(str, name)), "for the first time" if entry is None else "anew")
        value = evaluate(key)
        inputs = {n: (getattr(c, "array", None), c.signature) for n, c in components.items()}
        kept.entries[name] = Entry(key, inputs, value, self._firsts)
        return value

    def _key(self, traced_rule: Traced, sets: tuple[LightSet, ...]) -> Any:
        """What a rule says, and over which index sets."""
        found = traced_rule[0]
        words = ("sides", *map(key_of, found)) if found.__class__ is tuple else key_of(found)
        return (words, *[s.key for s in sets])

    def _recipe(
        self, key: Any, traced_rule: Traced, sets: tuple[LightSet, ...], sides: Callable[[Any], tuple[Any, Any, Any]]
    ) -> Recipe:
        """What a rule's rows are made of; ``sides`` finds lower side, body and upper side in what the rule returns."""
        found, read = traced_rule
        components = [*read.values()]
        whole_key = (sides, key, *[c.signature for c in components])
        recipe = RECIPES.get(whole_key)
        if recipe is None:
            reader = Reader(self.evaluator, components)
            context = reader.bind(sets, 0, Context())
            low, body, high = (None if side is None else reader.affine(side, context) for side in sides(found))
            if body is None:
                raise NotTraceableError("a rule without a body")
            if sides is as_value:
                body, high = Affine(0.0, body.terms), Affine(body.constant)
            recipe = Recipe(low, body, high, context)
            if not reader.is_of_data:
                RECIPES.put(whole_key, recipe)
        return recipe

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
        found = traced(constraint.rule, block, constraint.sets)

        def evaluate(key: Any) -> Rows:
            recipe = self._recipe(key, found, constraint.sets, sides_of)
            rows: Rows = self.evaluator.rows(recipe, [*found[1].values()])
            compare_once(
                said(constraint.rule, block, constraint.local_name, key[0], constraint.sets, found[1]),
                lambda: compare_rows(self.evaluator, constraint, rows),
            )
            return rows

        rows: Rows = self._evaluated(("rows", constraint.name), constraint.sets, found, evaluate)
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

        found = traced(rule, self.model, ())

        def evaluate(key: Any) -> Rows:
            rows: Rows = self.evaluator.rows(self._recipe(key, found, (), as_value), [*found[1].values()])
            return rows

        rest: Rows = self._evaluated(("objective", ""), (), found, evaluate)
        columns, values, offset = [rest.columns.ravel()], [rest.values.ravel()], float(rest.upper[0])
        for line in self.model.lines:  # each as the ledger has it, and kept once for both
            rows = self._lines[line.name] = self.linear(line.block, line.index_sets, line.rule, name=line.name)
            weights = self.model.weights
            columns.append(rows.columns.ravel())
            values.append((_by_member(rows.values, weights) * weights[:, np.newaxis]).ravel())
            offset += float(_by_member(rows.upper, weights).sum(axis=-1) @ weights)
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

        block = variable.parent_block()
        found = traced(variable.bounds, block, variable.sets)

        def evaluate(key: Any) -> Any:
            recipe = self._recipe(key, found, variable.sets, as_bounds)
            bounds = recipe.sides(data_of([*found[1].values()]))
            compare_once(
                said(variable.bounds, block, variable.local_name, key[0], variable.sets, found[1]),
                lambda: compare_bounds(variable, bounds),
            )
            return bounds

        return self._evaluated(("bounds", variable.name), variable.sets, found, evaluate)

    def _least(self) -> NDArray[np.bool_]:
        sizes = [self.evaluator.columns[id(variable)].size for variable in self.evaluator.variables]
        return np.repeat([bool(variable.least) for variable in self.evaluator.variables], sizes)


def _by_member(values: Floats, weights: Floats) -> Floats:
    """Values by row, whose first index set is the members, as (…, members, rows of a member)."""
    return values.reshape(*values.shape[:-1], len(weights), values.shape[-1] // len(weights))


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
