"""Runs rules at a few plain indices and compares with what was evaluated of them over the whole index set.

Symbols refuse whatever would make a rule branch on an index or on data (:mod:`optimizer.symbols`), but a rule may ask
questions that no symbol can refuse (``isinstance(t, int)``). A rule is therefore run at the first, the last and one
further index, where its sets give plain labels and its parameters plain numbers, and the row that comes of it is
compared with the row that was evaluated. A difference stops the run.

That is a question to the rule's code, not to the data. It is asked once in a process for each thing that the code of a
kind of component says (:func:`said`): a problem like one before, or a second site with the same machines, is not asked
again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from optimizer.compiled import TemplateMismatchError, close
from optimizer.light_model import LightComponent, LightModel, LightParam, LightVar
from optimizer.recipe import Rows
from optimizer.symbols import ADD, DIVIDE, EQUAL, ITEM, MULTIPLY, Expression, NotTraceableError, Relation
from optimizer.tracing import LightEvaluator

Entries = dict[int, float]
MOST_REMEMBERED = 50_000
"""Things said by rules that have been compared."""
LONG_ROW = 200
"""Entries of a row from which on one index is enough: each step of a sum is an index of its own."""
SPREAD = 2_654_435_761
"""Its remainder by the number of indices is the further one: anywhere among them, and always the same."""


def sides_of(found: Any) -> tuple[Any, Any, Any]:
    """Lower side, body and upper side of what a rule returns: a relation, ``(low, body, high)`` or ``(left, right)``.

    The sides are data; None where there is none.
    """
    if isinstance(found, tuple) and len(found) == 2:
        found = Relation(EQUAL, *found)
    if isinstance(found, tuple) and len(found) == 3:
        return found
    if not isinstance(found, Relation):
        raise NotTraceableError(f"a rule returns a relation between expressions, not {found}")
    body = found.left - found.right
    return (0.0 if found.op == EQUAL else None), body, 0.0


def as_value(found: Any) -> tuple[Any, Any, Any]:
    """Of what a result or money returns: terms in the body, constants in the upper side."""
    return None, found, None


def as_bounds(found: Any) -> tuple[Any, Any, Any]:
    """Of what a rule of bounds returns, (low, high)."""
    low, high = found
    return low, 0.0, high


def said(rule: Any, block: Any, name: Any, words: Any, sets: Any, components: tuple[Any, ...]) -> Hashable:
    """All that the comparison of a rule depends on: its code, the kinds of component whose code that may run, what it
    says (``words``, by a number), and of which kinds' variables and data; of its index sets, whether they are
    too short for three different indices."""
    local = name[-1] if name.__class__ is tuple else name
    kinds = block.model().kinds, block.kind, *[c.kind for c in components]
    return getattr(rule, "__code__", rule), local, kinds, words, *[min(len(s), 3) for s in sets]


def compare_once(what: Hashable, compare: Callable[[], None]) -> None:
    """Compare, unless the same was found to be right in this process. Raises TemplateMismatchError."""
    if what in _COMPARED:
        return
    compare()
    if len(_COMPARED) >= MOST_REMEMBERED:
        _COMPARED.clear()
    _COMPARED.add(what)


_COMPARED: set[Hashable] = set()


def compare_rows(evaluator: LightEvaluator, component: Any, rows: Rows) -> None:
    """Rows of a constraint. Raises TemplateMismatchError."""
    block = component.parent_block()

    def row(labels: tuple[Any, ...]) -> tuple[Entries, float, float]:
        low, body, high = sides_of(component.rule(block, *labels))
        entries, constant = linear(evaluator, body)
        return (
            entries,
            -np.inf if low is None else low - constant,
            np.inf if high is None else high - constant,
        )

    # very long rows of the root hold all money of a member, whose lines are compared each
    if not (isinstance(block, LightModel) and len(rows.values) > LONG_ROW):
        _compare(component.name, component.sets, rows, row)


def compare_values(evaluator: LightEvaluator, name: str, sets: Any, rule: Any, block: Any, rows: Rows) -> None:
    """Values of a result or of money, as rows without bounds whose ``upper`` is the constant."""

    def row(labels: tuple[Any, ...]) -> tuple[Entries, float, float]:
        entries, constant = linear(evaluator, rule(block, *labels))
        return entries, -np.inf, constant

    _compare(name, sets, rows, row)


def compare_bounds(variable: LightVar, bounds: list[Any]) -> None:
    """Bounds of a variable, flat arrays or None."""
    for place, labels in _sampled(variable.sets):
        expected = variable.bounds(variable.parent_block(), *labels)
        for side, given in zip(bounds, expected, strict=True):
            if (side is None) != (given is None) or not (side is None or close(float(side[place]), float(given))):
                raise _mismatch(variable.name, labels, "bound")


def compare_items(component: LightComponent, sets: Any, rule: Any, block: Any) -> None:
    """A rule that returns the items of a variable or a parameter."""
    for place, labels in _sampled(sets):
        found = rule(block, *labels)
        if isinstance(component, LightParam):
            datum = float(component.array.flat[place])
            same = not isinstance(found, Expression) and (float(found) == datum or math.isnan(datum))
        else:
            same = isinstance(found, Expression) and found.op == ITEM and found.args[:2] == (component, labels)
        if not same:
            raise _mismatch(component.name, labels, "item")


def linear(evaluator: LightEvaluator, expression: Any) -> tuple[Entries, float]:
    """Coefficients by column and the constant of what a rule says at plain indices. Raises ValueError if not linear."""
    entries: Entries = {}

    def add(node: Any, factor: float) -> float:
        if not isinstance(node, Expression):
            return factor * float(node)
        args = node.args
        if node.op == ADD:
            return sum([add(part, factor) for part in node.terms])
        if node.op == ITEM:
            column = _column(evaluator, args[0], args[1])
            entries[column] = entries.get(column, 0.0) + factor
            return 0.0
        if node.op == MULTIPLY and not isinstance(args[0], Expression):
            return add(args[1], factor * args[0])
        if node.op in (MULTIPLY, DIVIDE) and not isinstance(args[1], Expression):
            return add(args[0], factor * args[1] if node.op == MULTIPLY else factor / args[1])
        raise ValueError("a rule is not linear")

    return entries, add(expression, 1.0)


def _column(evaluator: LightEvaluator, variable: LightVar, labels: tuple[Any, ...]) -> int:
    position = 0
    for size, place in zip(variable.shape, variable.places(labels), strict=True):
        position = position * size + place
    return evaluator.columns[id(variable)].first + position


def _sampled(sets: Any) -> list[tuple[int, tuple[Any, ...]]]:
    """Positions and labels of the indices to compare."""
    sizes = tuple(len(s) for s in sets)
    count = math.prod(sizes)
    if count == 0:
        return []
    chosen = sorted({0, SPREAD % count, count - 1})
    return [(number, _labels(sets, sizes, number)) for number in chosen]


def _labels(sets: Any, sizes: tuple[int, ...], number: int) -> tuple[Any, ...]:
    labels: tuple[Any, ...] = ()
    for factor, size in zip(reversed(sets), reversed(sizes), strict=True):
        number, position = divmod(number, size)
        label = factor.members[position]
        labels = (*label, *labels) if isinstance(label, tuple) else (label, *labels)
    return labels


def _compare(name: str, sets: Any, rows: Rows, row: Any) -> None:
    samples = _sampled(sets)
    if len(rows.values) > LONG_ROW:
        samples = samples[-1:]
    for number, labels in samples:
        expected, lower, upper = row(labels)
        ours: Entries = {}
        for column, value in zip(rows.columns[:, number].tolist(), rows.values[:, number].tolist(), strict=True):
            ours[column] = ours.get(column, 0.0) + value
        same = all(close(expected.get(c, 0.0), ours.get(c, 0.0)) for c in expected.keys() | ours.keys())
        if not (same and close(lower, rows.lower[number]) and close(upper, rows.upper[number])):
            raise _mismatch(name, labels, "row")


def _mismatch(name: str, labels: Any, what: str) -> TemplateMismatchError:
    return TemplateMismatchError(
        f"{name}{list(labels)}: the {what} of the whole index set differs from the rule; "
        "a rule must not branch on an index or on data"
    )
