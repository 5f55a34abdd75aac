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
from optimizer.kept import Entry, FirstColumns, Kept
from optimizer.light_model import LightConstraint, LightModel, LightParam
from optimizer.light_sets import LightSet, Numbers
from optimizer.matrix import Matrix, joined, matrix_in, order_of, row_numbers
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


WORDS = Numbers()
"""What rules say, by a number: long words are hashed once."""


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
        self._editions: dict[Any, int] = {}
        """Of the components that a rule has read; filled only where something is kept."""
        self._firsts: FirstColumns | None = None
        if kept is not None:
            kept.reused = kept.evaluated = 0
            own = self.evaluator.columns
            self._firsts = kept.first_columns(
                [(v.name, own[id(v)].first, own[id(v)].size) for v in self.evaluator.variables]
            )
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
        compare_once(
            said(rule, block, name, WORDS.of(_words(found[0])), index_sets, found[1]),
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
            rows: Rows = self.evaluator.rows(recipe, traced_rule[1])
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
        """``evaluate`` (told the rule's key, its words by a number) of what the rule returns for symbols, or what was
        evaluated of the same before."""
        found, read = traced_rule
        words, over = _words(found), [s.key for s in sets]
        kept = self._kept
        if kept is None or name[-1] is None:
            return evaluate((WORDS.of(words), *over))
        key = (words, *over)
        inputs = tuple([self._edition(component) for component in read])
        entry = kept.entries.get(name)
        assert self._firsts is not None
        if entry is not None and entry.inputs == inputs and entry.key == key:
            kept.reused += 1
            if entry.firsts is self._firsts or not isinstance(entry.value, Rows):
                return entry.value
            rows = entry.value.moved(entry.firsts.shifts(self._firsts))
            kept.entries[name] = Entry(key, inputs, rows, self._firsts)
            return rows
        kept.evaluated += 1
        log.debug("%s is evaluated %s", " ".join(map(str, name)), "for the first time" if entry is None else "anew")
        value = evaluate((WORDS.of(words), *over))
        kept.entries[name] = Entry(key, inputs, value, self._firsts)
        return value

    def _edition(self, component: Any) -> int:
        found = self._editions.get(component)
        if found is None:
            assert self._kept is not None
            found = self._editions[component] = self._kept.edition(component)
        return found

    def _recipe(
        self, key: Any, traced_rule: Traced, sets: tuple[LightSet, ...], sides: Callable[[Any], tuple[Any, Any, Any]]
    ) -> Recipe:
        """What a rule's rows are made of; ``sides`` finds lower side, body and upper side in what the rule returns."""
        found, components = traced_rule
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
        rows, count = None, 0
        set_index = self.evaluator.set_index
        for constraint in self.model.components(LightConstraint):
            sets = tuple([set_index(s) for s in constraint.sets])
            if 0 in [s.size for s in sets]:
                continue
            rows = self._rows(constraint)
            end = count + len(rows.lower)
            self.blocks.append(RowBlock(constraint, slice(count, end), sets))
            found.append(rows)
            count = end
        matrix = self._matrix(found, (count, self.evaluator.column_count))
        row_lower = np.concatenate([rows.lower for rows in found]) if found else np.zeros(0)
        row_upper = np.concatenate([rows.upper for rows in found]) if found else np.zeros(0)
        del found, rows  # as large as the matrix
        cost, offset = self._objective()
        col_lower, col_upper, integer, least = self._of_columns()
        return Arrays(matrix, row_lower, row_upper, cost, offset, col_lower, col_upper, integer, least)

    def _rows(self, constraint: LightConstraint) -> Rows:
        block = constraint.parent_block()
        found = traced(constraint.rule, block, constraint.sets)

        def evaluate(key: Any) -> Rows:
            recipe = self._recipe(key, found, constraint.sets, sides_of)
            rows: Rows = self.evaluator.rows(recipe, found[1])
            compare_once(
                said(constraint.rule, block, constraint.local_name, key[0], constraint.sets, found[1]),
                lambda: compare_rows(self.evaluator, constraint, rows),
            )
            return rows

        rows: Rows = self._evaluated(("rows", constraint.name), constraint.sets, found, evaluate)
        return rows

    def _matrix(self, found: list[Rows], shape: tuple[int, int]) -> Matrix:
        kept = self._kept
        values = joined([rows.values for rows in found], np.float64)
        places = [rows.columns for rows in found]
        if kept is not None and kept.order is not None and kept.order.is_of(places, shape):
            return matrix_in(kept.order, values)
        order = order_of(row_numbers(places), joined(places, np.int32), shape, places if kept is not None else None)
        if kept is not None:
            kept.order = order
        return matrix_in(order, values)

    # ------------------------------------------------------------------ objective and bounds
    def _objective(self) -> tuple[Floats, float]:
        rule = self.model.objective_rule
        assert rule is not None

        found = traced(rule, self.model, ())

        def evaluate(key: Any) -> Rows:
            rows: Rows = self.evaluator.rows(self._recipe(key, found, (), as_value), found[1])
            return rows

        rest: Rows = self._evaluated(("objective", ""), (), found, evaluate)
        columns, values, offset = [rest.columns.ravel()], [rest.values.ravel()], float(rest.upper[0])
        weights = self.model.weights
        for line in self.model.lines:  # each as the ledger has it, and kept once for both
            of_line = traced(line.rule, line.block, line.index_sets)
            rows = self._lines[line.name] = self._linear(line.block, line.index_sets, line.rule, line.name, of_line)
            columns.append(rows.columns.ravel())
            values.append(_weighted(rows.values, weights).ravel())
            offset += float(_by_member(rows.upper, weights).sum(axis=-1) @ weights)
        cost = np.bincount(np.concatenate(columns), np.concatenate(values), self.evaluator.column_count)
        return cost.astype(float, copy=False), offset

    def _of_columns(self) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
        """Lower and upper bounds of the columns, which are whole, and of which the least is taken."""
        columns = [(variable, self.evaluator.columns[id(variable)]) for variable in self.evaluator.variables]
        sizes = [own.size for _, own in columns]
        domains = np.array([(*variable.domain_limits(), variable.least) for variable, _ in columns]).reshape(-1, 4)
        lower, upper = np.repeat(domains[:, 0], sizes), np.repeat(domains[:, 1], sizes)
        integer, least = np.repeat(domains[:, 2] != 0, sizes), np.repeat(domains[:, 3] != 0, sizes)
        for variable, own in columns:
            if variable.bounds is None or own.size == 0:
                continue
            part = slice(own.first, own.first + own.size)
            low, high = self._given_bounds(variable)
            if low is not None:
                np.maximum(lower[part], low, out=lower[part])
            if high is not None:
                np.minimum(upper[part], high, out=upper[part])
        return lower, upper, integer, least

    def _given_bounds(self, variable: Any) -> Any:
        if not callable(variable.bounds):
            return variable.bounds

        block = variable.parent_block()
        found = traced(variable.bounds, block, variable.sets)

        def evaluate(key: Any) -> Any:
            recipe = self._recipe(key, found, variable.sets, as_bounds)
            bounds = recipe.sides(data_of(found[1]))
            compare_once(
                said(variable.bounds, block, variable.local_name, key[0], variable.sets, found[1]),
                lambda: compare_bounds(variable, bounds),
            )
            return bounds

        return self._evaluated(("bounds", variable.name), variable.sets, found, evaluate)


def _words(found: Any) -> Any:
    """What a rule says, of what it returned."""
    return ("sides", *map(key_of, found)) if found.__class__ is tuple else key_of(found)


def _by_member(values: Floats, weights: Floats) -> Floats:
    """Values by row, whose first index set is the members, as (…, members, rows of a member)."""
    return values.reshape(*values.shape[:-1], len(weights), values.shape[-1] // len(weights))


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Values by row, each times the weight of its member."""
    return values * weights[0] if len(weights) == 1 else _by_member(values, weights) * weights[:, np.newaxis]
