"""Rows and bounds of the matrix as limits in a planner's words, which the components say."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import path_text
from optimizer.explanation.model_index import NOWHERE, ModelIndex
from optimizer.explanation.reason import Code, Holds, Limit, Role, gathered

if TYPE_CHECKING:
    from optimizer.explanation.holders import Holders
    from optimizer.parts import Parts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOLLOWS = ""
"""Key of ``Component.holds`` for what it means that a component only moves along with others."""
SIDES = ("at most", "at least", "equals")
_RULE, _BOUND, _WITHOUT = 0, 1, 2
_SOME = 1e-6
_NUMBER = re.compile(r"\d+")


def plain(name: str) -> str:
    """A name without its numbers, under which components speak of rules of which there are several:
    ``reserve_up_N``."""
    return _NUMBER.sub("N", name)


class Vocabulary:
    """What the components of a scenario say of their rules and bounds."""

    def __init__(self, parts: Parts, index: ModelIndex) -> None:
        self._index = index
        everything = [(f"site {name}", part) for name, part in parts.sites.items()] + list(parts.components.items())
        self._paths = {index.owner(label): part.path for label, part in everything}
        self.words = {index.owner(f"site {name}"): gathered(type(part.component)) for name, part in parts.sites.items()}
        self.words |= {index.owner(label): part.component.said_of_limits() for label, part in parts.components.items()}
        self.roles: dict[int, Role] = {}
        for number, (owner, name) in enumerate(index.names):
            said = self._of_name(owner, name)
            if said is not None and said.role is not None:
                self.roles[number] = said.role

    def _of_name(self, owner: int, name: str) -> Holds | None:
        words = self.words.get(owner, {})
        return words.get(name) or words.get(plain(name))

    @property
    def firm(self) -> NDArray[np.bool_]:
        """Of each name: whether its rule is an obligation, or rest that has to be kept, which no other quantity makes
        up for."""
        said = [self._of_name(owner, name) for owner, name in self._index.names]
        return np.array([s is not None and (s.code.group == "obligation" or s.code == Code.MINIMUM_DOWN) for s in said])

    def without(self, owner: int, name: str) -> tuple[str, Code, str] | None:
        """The variable without which a rule means something else, and what."""
        said = self._of_name(owner, name)
        return None if said is None else said.without

    def figure(self, owner: int, name: str) -> str | None:
        """The variable whose value is told with a rule."""
        said = self._of_name(owner, name)
        return None if said is None else said.figure

    def said(self, owner: int, name: str, side: str, *, is_rule: bool) -> Holds | None:
        """What is said of a rule, or of a bound on a side; None where nothing is."""
        words = self.words.get(owner, {})
        of_side = words.get(f"{name} {side}") or words.get(f"{plain(name)} {side}")
        if of_side is not None or (side == "at least" and not is_rule):
            return of_side  # what is said of a variable is said of its upper bound
        return self._of_name(owner, name)

    def of_follower(self, owner: int) -> Code:
        """What it means that a component only moves along with others."""
        said = self.words.get(owner, {}).get(FOLLOWS)
        return Code.FOLLOWS if said is None else said.code

    def limit(self, owner: int, name: str, side: str, *, is_rule: bool) -> Limit:
        """A rule or a bound as a limit."""
        doc = self._index.docs[self._index.name(owner, name)]
        said = self.said(owner, name, side, is_rule=is_rule)
        if said is None:
            said = Holds(Code.RULE, doc or f"{name.replace('_', ' ')} {side} {{limit}}")
        path = self._paths.get(owner)
        field = None if said.field is None or path is None else f"{path_text(path)}.{said.field}"
        where = "portfolio" if owner == NOWHERE else self._index.owners[owner]
        return Limit(where, name, said.words or (doc or name), side, field, said.unit, said.code)


class LimitBook:
    """The limits that reasons refer to, each once, however many rows it has."""

    def __init__(self, holders: Holders, vocabulary: Vocabulary) -> None:
        self._holders, self._vocabulary = holders, vocabulary
        self.limits: list[Limit] = []
        self._of_key: dict[tuple[int, int, int], int] = {}
        self._without = self._rows_without()

    def numbers(self, places: Ints) -> NDArray[np.int32]:
        """Numbers of the limits at rows (or, from the number of rows on, at bounds of columns); -1 stays -1."""
        holders, index = self._holders, self._holders.index
        found = np.full(len(places), NOWHERE, np.int32)
        is_bound = places >= holders.rows
        for chosen in ((places >= 0) & ~is_bound, is_bound):
            own = places[chosen]
            if not len(own):
                continue
            if chosen is is_bound:
                own = own - holders.rows
                keys = np.stack([index.variables.name[own], self._sides_of_bounds(own), np.full(len(own), _BOUND)])
            else:
                keys = np.stack([index.rules.name[own], self._sides_of_rows(own), self._without[own]])
            unique, inverse = np.unique(keys, axis=1, return_inverse=True)
            numbers = [self._number(*key) for key in unique.T.tolist()]
            found[chosen] = np.array(numbers, np.int32)[inverse.ravel()]
        return found

    def _number(self, name: int, side: int, sort: int) -> int:
        key = name, side, sort
        if key not in self._of_key:
            owner, text = self._holders.index.names[name]
            limit = self._vocabulary.limit(owner, text, SIDES[side], is_rule=sort != _BOUND)
            without = self._vocabulary.without(owner, text)
            if sort == _WITHOUT and without is not None:
                limit = replace(limit, code=without[1], words=without[2])
            self._of_key[key] = len(self.limits)
            self.limits.append(limit)
        return self._of_key[key]

    def _rows_without(self) -> Ints:
        """Of each row: whether the variable is 0 without which its rule means something else."""
        holders, index, e = self._holders, self._holders.index, self._holders.entries
        found = np.full(holders.rows, _RULE)
        for number, (owner, name) in enumerate(index.names):
            without = self._vocabulary.without(owner, name)
            if without is None:
                continue
            found[index.rules.name == number] = _WITHOUT
            chosen = (index.rules.name[e.row] == number) & (
                index.variables.name[e.column] == index.name(owner, without[0])
            )
            chosen &= np.abs(holders.x[e.column]) > _SOME
            found[e.row[chosen]] = _RULE
        return found

    def _sides_of_rows(self, rows: Ints) -> Ints:
        holders = self._holders
        arrays = holders.arrays
        equal = arrays.row_lower[rows] == arrays.row_upper[rows]
        return np.where(equal, 2, np.where(holders.duals.rows[rows] >= 0, 0, 1))

    def _sides_of_bounds(self, columns: Ints) -> Ints:
        return np.where(self._holders.duals.columns[columns] >= 0, 0, 1)

    # ------------------------------------------------------------------ numbers of a place
    def values(self, places: Ints) -> Floats:
        """What one unit more of the limit at each place earns; NaN where there is none."""
        holders = self._holders
        both = np.concatenate([holders.duals.rows, holders.duals.columns])
        return np.where(places >= 0, np.abs(both[places]), np.nan)

    def steps(self, places: Ints) -> Ints:
        """Step of each place, or -1."""
        index = self._holders.index
        both = np.concatenate([index.rules.step, index.variables.step])
        return np.where(places >= 0, both[places], NOWHERE)

    def figures(self, places: Ints) -> Floats:
        """The number that the words of a limit tell: the bound, the value of the variable that is named, or the number
        on the rule's right-hand side."""
        holders = self._holders
        arrays, y, d = holders.arrays, holders.duals.rows, holders.duals.columns
        sides = np.where(y >= 0, arrays.row_upper, arrays.row_lower)
        sides = np.where(np.isfinite(sides) & (sides != 0.0), sides, np.nan)
        for (owner, name), number in zip(holders.index.names, range(len(holders.index.names)), strict=True):
            figure = self._vocabulary.figure(owner, name)
            if figure is not None:
                self._told(sides, number, holders.index.name(owner, figure))
        bounds = np.where(d >= 0, arrays.col_upper, arrays.col_lower)
        both = np.concatenate([sides, np.where(np.isfinite(bounds), bounds, np.nan)])
        return np.where(places >= 0, both[places], np.nan)

    def _told(self, sides: Floats, rule: int, variable: int) -> None:
        e, index = self._holders.entries, self._holders.index
        chosen = (index.rules.name[e.row] == rule) & (index.variables.name[e.column] == variable)
        sides[e.row[chosen]] = self._holders.x[e.column[chosen]]
