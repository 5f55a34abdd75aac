"""What a rule's rows are made of, before it is known whose rule it is and what the data are.

Two batteries, two sites, the same scenario again with other prices: their rules say the same of other variables and
other data. A :class:`Recipe` holds all that they have in common: which item of which variable stands where, the plain
coefficients, and what is still to be looked up (:mod:`optimizer.rule_data`). It depends on the rule's key alone
(:mod:`optimizer.symbols`) and on the index sets, never on a datum or on the number of a column, so :data:`RECIPES`
serves all problems of the process.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.affine import MAX_AXES, Affine, Context, NotAffineError
from optimizer.rule_data import Datum

Floats = NDArray[np.float64]
MOST_BYTES, MOST_BYTES_OF_ONE = 48 * 2**20, 4 * 2**20
"""Of recipes that are kept: a year of hours of one rule fits, and a hundred of them."""


@dataclass(frozen=True)
class Rows:
    """Rows with equally many entries each; ``lower <= sum of values * x[columns] <= upper``, each (rows,)."""

    columns: NDArray[np.int32]
    """(entries of a row, rows)."""
    values: Floats
    """(entries of a row, rows); 0 where a row has fewer entries than others."""
    lower: Floats
    upper: Floats

    def at(self, solution: Floats) -> Floats:
        """Sums of the rows at a solution, (rows,)."""
        found = self.values * solution[self.columns]
        return np.asarray(found.sum(axis=0) if len(found) != 1 else found[0])

    def moved(self, shifts: NDArray[np.int32]) -> Rows:
        """The same rows where variables have other columns; ``shifts`` tells of each column how far it has moved."""
        by = shifts[self.columns]
        return Rows(self.columns + by, self.values, self.lower, self.upper) if by.any() else self


@dataclass(frozen=True)
class _Blank:
    """Entries whose coefficients are looked up."""

    entries: slice
    shape: tuple[int, ...]
    coefficients: Datum


class Recipe:
    """Rows (or sides of bounds) of which data and columns are still to be filled in."""

    def __init__(self, low: Affine | None, body: Affine, high: Affine | None, context: Context) -> None:
        """``low <= body <= high`` over the axes of a context; the sides are data, None where there is none. The
        columns of terms are ``(number of the variable, positions within it)``."""
        shape = context.shape[: context.axes]
        self._axes, self._count = context.axes, math.prod(shape)
        self._column_shape = (*shape, *(1,) * (MAX_AXES - context.axes))
        self._low, self._high = (self._side(affine, body) for affine in (low, high))
        terms = [term for term in body.terms if math.prod(term.shape)] if self._count else []
        sizes = [math.prod(term.shape[context.axes :]) for term in terms]
        self._positions = np.empty((sum(sizes), self._count), np.int32)
        self._values = np.empty((sum(sizes), self._count))
        self._blanks: list[_Blank] = []
        self._variables: list[int] = []
        """Of each term: number of the variable."""
        start = 0
        for term, size in zip(terms, sizes, strict=True):  # written in place: no copy of a term of its own
            entries = slice(start, start + size)
            number, positions = term.columns
            _by_row(self._positions[entries], term.shape, self._axes)[...] = positions
            if isinstance(term.coefficients, Datum):
                self._blanks.append(_Blank(entries, term.shape, term.coefficients))
            else:
                _by_row(self._values[entries], term.shape, self._axes)[...] = term.coefficients
            self._variables.append(number)
            start += size
        self._sizes = np.asarray(sizes, np.intp)
        self._bound: tuple[tuple[int, ...], NDArray[np.int32]] | None = None
        self._open: dict[float, Floats] = {}
        """Sides that there are none of, by their value; for all rows of a recipe that is kept."""
        self.is_kept = False

    @property
    def bytes(self) -> int:
        """Memory that it takes, with the columns that were last filled in."""
        return 2 * self._positions.nbytes + self._values.nbytes + 32 * self._count + 1000

    def rows(self, firsts: Sequence[int], data: Sequence[Any]) -> Rows:
        """The rows for variables with these first columns and parameters with these data, by their numbers; a recipe
        that is not kept gives its own arrays away, once."""
        found = tuple([firsts[number] for number in self._variables])
        values = self._values
        if self._blanks:
            values = values.copy() if self.is_kept else values
            for blank in self._blanks:
                given = blank.coefficients.look_up(data)
                _by_row(values[blank.entries], blank.shape, self._axes)[...] = given
        low = self._none(-np.inf) if self._low is None else self._filled(self._low, data)
        high = self._none(np.inf) if self._high is None else self._filled(self._high, data)
        return Rows(self._columns(found), values, low, high)

    def sides(self, data: Sequence[Any]) -> list[Floats | None]:
        """The sides alone, flat; None where there is none."""
        return [None if side is None else self._filled(side, data) for side in (self._low, self._high)]

    def _side(self, side: Affine | None, body: Affine) -> Datum | Floats | None:
        if side is None:
            return None
        if side.terms:
            raise NotAffineError("a decision in a bound")
        found = side.constant - body.constant
        return found if isinstance(found, Datum) else self._flat(found)

    def _none(self, value: float) -> Floats:
        found = self._open.get(value)
        if found is None:
            found = np.full(self._count, value)
            if self.is_kept:
                self._open[value] = found
        return found

    def _filled(self, side: Datum | Floats, data: Sequence[Any]) -> Floats:
        return self._flat(side.look_up(data)) if isinstance(side, Datum) else side

    def _flat(self, side: Any) -> Floats:
        """(rows,) of what may be broadcast over the axes."""
        found = np.asarray(side, dtype=float)
        if found.size != self._count:
            spread = np.empty(self._column_shape)
            spread[...] = found
            found = spread
        return found.reshape(self._count)

    def _columns(self, firsts: tuple[int, ...]) -> NDArray[np.int32]:
        if self._bound is not None and self._bound[0] == firsts:
            return self._bound[1]
        columns = self._positions.copy() if self.is_kept else self._positions
        if any(firsts):
            columns += np.array(firsts, np.int32).repeat(self._sizes)[:, np.newaxis]
        if self.is_kept:
            self._bound = firsts, columns
        return columns


class Recipes:
    """Recipes by what they depend on, those used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Recipe] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Recipe | None:
        """The recipe of a key, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, recipe: Recipe) -> None:
        """Keep a recipe, unless it is very large; what was not used for longest goes."""
        if recipe.bytes > MOST_BYTES_OF_ONE:
            return
        with self._lock:
            if key in self._kept:
                return
            recipe.is_kept = True
            self._kept[key] = recipe
            self._bytes += recipe.bytes
            while self._bytes > MOST_BYTES:
                self._bytes -= self._kept.popitem(last=False)[1].bytes

    def __len__(self) -> int:
        return len(self._kept)


RECIPES = Recipes()


def _by_row(entries: Any, shape: tuple[int, ...], axes: int) -> Any:
    """A view of (entries of a row, rows) in the shape of a term, whose first axes are those of the rows."""
    apart = entries.reshape(*shape[axes:], *shape[:axes])
    inner = len(shape) - axes
    return apart.transpose(*range(inner, len(shape)), *range(inner))
