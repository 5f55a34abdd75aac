"""What was evaluated of a problem's rules, and all that it depends on: for the next problem like it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.matrix import Order


@dataclass(frozen=True)
class Entry:
    """What was evaluated of a rule, and all that it depends on beside the columns."""

    key: Any
    inputs: dict[str, tuple[Any, Any]]
    """Array (None of a variable) and signature of each component that the rule reads, by name."""
    value: Any
    firsts: FirstColumns
    """First columns of the variables at that time."""


@dataclass
class Kept:
    """Evaluations of a problem for the next one like it."""

    entries: dict[Any, Entry] = field(default_factory=dict)
    order: Order | None = None
    """Order of the matrix's entries."""
    reused: int = 0
    """Rules of the last problem that were taken over."""
    evaluated: int = 0
    """Rules of the last problem that were evaluated anew."""


class FirstColumns:
    """First columns of variables by name."""

    def __init__(self, found: list[tuple[str, int, int]]) -> None:
        self._of = {name: first for name, first, _ in found}
        filled = [(name, first) for name, first, size in found if size]
        self._names = [name for name, _ in filled]
        self._firsts = [first for _, first in filled]

    def moved(self, column: int, new: FirstColumns) -> int:
        """How far the variable of a column has moved."""
        place = bisect_right(self._firsts, column) - 1
        return new._of[self._names[place]] - self._firsts[place]


def same_inputs(ours: dict[str, tuple[Any, Any]], theirs: dict[str, Any]) -> bool:
    """Whether components are those of an entry, over the same index sets and with the same data."""
    return ours.keys() == theirs.keys() and all(_is_same(*given, theirs[name]) for name, given in ours.items())


def _is_same(array: Any, signature: Any, component: Any) -> bool:
    if signature != component.signature:
        return False
    new = getattr(component, "array", None)
    if array is None or new is None:
        return array is new
    return array is new or (array.dtype == new.dtype and np.array_equal(array, new))
