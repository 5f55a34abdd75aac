"""What was evaluated of a problem's rules, and all that it depends on: for the next problem like it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.matrix import Order


@dataclass(frozen=True)
class Entry:
    """What was evaluated of a rule, and all that it depends on beside the columns."""

    key: Any
    inputs: tuple[int, ...]
    """Editions of the components that the rule reads, in the order in which it does (:meth:`Kept.edition`)."""
    value: Any
    firsts: FirstColumns
    """First columns of the variables at that time."""


@dataclass
class Kept:
    """Evaluations of a problem for the next one like it."""

    entries: dict[Any, Entry] = field(default_factory=dict)
    order: Order | None = None
    """Order of the matrix's entries."""
    firsts: FirstColumns | None = None
    """First columns of the variables of the last problem."""
    reused: int = 0
    """Rules of the last problem that were taken over."""
    evaluated: int = 0
    """Rules of the last problem that were evaluated anew."""
    _editions: dict[str, tuple[int, Any, Any]] = field(default_factory=dict)
    """By name of a declaration: number, signature and data of its last edition."""
    _count: int = 0

    def edition(self, component: Any) -> int:
        """A number that stands for a variable or parameter of this name over these index sets with these data: that
        of the problem before, unless something of it has changed."""
        name, signature, array = component.name, component.signature, getattr(component, "array", None)
        last = self._editions.get(name)
        if last is not None and last[1] == signature and _are_same(last[2], array):
            return last[0]
        self._count += 1
        self._editions[name] = self._count, signature, array
        return self._count

    def first_columns(self, found: list[tuple[str, int, int]]) -> FirstColumns:
        """First columns of the variables of a problem, told as (name, first column, size): the very same object as
        long as nothing has moved."""
        if self.firsts is None or self.firsts.found != found:
            self.firsts = FirstColumns(found)
        return self.firsts


class FirstColumns:
    """First columns of variables by name."""

    def __init__(self, found: list[tuple[str, int, int]]) -> None:
        """``found``: name, first column and size of each variable, in the order of the columns."""
        self.found = found
        self._shifts: tuple[FirstColumns, NDArray[np.int32]] | None = None

    def shifts(self, new: FirstColumns) -> NDArray[np.int32]:
        """How far the variable of each column has moved; 0 where there is none of its name any more."""
        if self._shifts is None or self._shifts[0] is not new:
            firsts = {name: first for name, first, _ in new.found}
            ways = [firsts.get(name, first) - first for name, first, _ in self.found]
            self._shifts = new, np.repeat(np.asarray(ways, np.int32), [size for _, _, size in self.found])
        return self._shifts[1]


def _are_same(one: Any, other: Any) -> bool:
    """Whether two arrays hold the same, or are both none; of NaN nothing is the same."""
    if one is other:
        return True
    if one is None or other is None or one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool((one == other).all())
