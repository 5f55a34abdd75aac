"""Runs a rule once with symbolic indices, and refuses what Pyomo's symbols would answer wrongly without a word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyomo.core.base.set import SetData
from pyomo.core.expr.numvalue import NumericValue
from pyomo.core.expr.template_expr import IndexTemplate, templatize_rule


def templatized(block: Any, rule: Any, index_set: Any) -> tuple[Any, tuple[Any, ...]]:
    """The rule as one expression over symbolic indices, and its symbols.

    Raises TypeError where the rule asks whether an index is a label (``k == "lo"``) or in a set (``t in m.peak``): of a
    symbol Pyomo says no, so that the branch would be left out for every index.
    """
    with _questions_refused():
        expression, symbols = templatize_rule(block, rule, index_set)
    return expression, symbols


@contextmanager
def _questions_refused() -> Iterator[None]:
    equal, contains = IndexTemplate.__eq__, SetData.__contains__

    def refusing_labels(symbol: Any, other: Any) -> Any:
        if isinstance(other, str):
            raise TypeError(f"the rule compares an index with the label {other!r}")
        return equal(symbol, other)

    def refusing_symbols(pyomo_set: Any, value: Any) -> Any:
        if isinstance(value, NumericValue):
            raise TypeError(f"the rule asks whether an index is in {pyomo_set}")
        return contains(pyomo_set, value)

    IndexTemplate.__eq__, SetData.__contains__ = refusing_labels, refusing_symbols
    try:
        yield
    finally:
        del IndexTemplate.__eq__  # what it inherits is in force again
        SetData.__contains__ = contains
