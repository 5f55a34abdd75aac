"""Whose row, and of which member and step: where each row and column of the matrix stands in the scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Compiled
from optimizer.template import consecutive

Ints = NDArray[np.int64]
NOWHERE = -1
"""No single member or step; as an owner, the model as a whole."""


@dataclass(frozen=True)
class Places:
    """Owner, name, member and step of each row (or column); each (number of rows,)."""

    owner: Ints
    """Place in :attr:`ModelIndex.owners`, or -1."""
    name: Ints
    """Place in :attr:`ModelIndex.names`."""
    member: Ints
    step: Ints


class ModelIndex:
    """Where the rows and columns of a compiled scenario stand."""

    def __init__(self, compiled: Compiled, labels: list[str], members: int, steps: int) -> None:
        """``labels`` are the owners, in the order of their numbers: ``site NAME`` for a site, else the component's
        label."""
        self._members, self._steps = members, steps
        self._model = compiled.model
        self._of_owner = {label: number for number, label in enumerate(labels)}
        self._of_name: dict[tuple[int, str], int] = {}
        self.docs: list[str | None] = []
        """Planner's words of each name, where it is a rule and has some."""
        rows, columns = compiled.arrays.matrix.shape
        blocks = [(b.constraint, b.rows.start, b.rows.stop) for b in compiled.blocks]
        self.rules = self._places(blocks, rows)
        """Places of the rows."""
        own = compiled.evaluator.columns
        found = [(v, own[id(v)].first, own[id(v)].first + own[id(v)].size) for v in compiled.evaluator.variables]
        self.variables = self._places(found, columns)
        """Places of the columns."""

    @property
    def owners(self) -> list[str]:
        """Labels of components, and ``site NAME``."""
        return list(self._of_owner)

    @property
    def names(self) -> list[tuple[int, str]]:
        """Owner and name of each rule and variable."""
        return list(self._of_name)

    def owner(self, label: str) -> int:
        """Number of an owner. Raises KeyError."""
        return self._of_owner[label]

    def name(self, owner: int, name: str) -> int:
        """Number of a rule or variable of an owner; -1 where there is none."""
        return self._of_name.get((owner, name), NOWHERE)

    # ------------------------------------------------------------------ from the model's declarations
    def _places(self, declared: list[tuple[Any, int, int]], count: int) -> Places:
        places = Places(*(np.full(count, NOWHERE, np.int64) for _ in range(4)))
        for declaration, start, stop in declared:
            if stop <= start:
                continue
            part = slice(start, stop)
            owner = self._owner_of(declaration)
            places.owner[part] = owner
            places.name[part] = self._number(owner, declaration)
            member, step = self._when(declaration)
            places.member[part], places.step[part] = member, step
        return places

    def _number(self, owner: int, declaration: Any) -> int:
        key = owner, declaration.local_name
        if key not in self._of_name:
            self._of_name[key] = len(self._of_name)
            self.docs.append(getattr(declaration, "doc", None))
        return self._of_name[key]

    def _owner_of(self, declaration: Any) -> int:
        block = declaration.parent_block()
        if block is block.model():
            return NOWHERE
        kind = "site " if block.parent_component().local_name == "sites" else ""
        return self.owner(f"{kind}{block.index()}")

    def _when(self, declaration: Any) -> tuple[Ints, Ints]:
        """Member and step at each index, flat; -1 where the index sets do not say."""
        factors = list(declaration.index_set().subsets())
        shape = tuple(len(factor) for factor in factors)
        member, step = np.full(shape, NOWHERE, np.int64), np.full(shape, NOWHERE, np.int64)
        has_member = has_step = False
        for axis, factor in reversed(list(enumerate(factors))):  # steps stand last
            own = [1] * len(shape)
            own[axis] = shape[axis]
            if factor is self._model.members:
                member[...], has_member = np.arange(shape[axis]).reshape(own), True
            elif (not has_step and self._counts_steps(factor)) or (
                not has_step and (factor.dimen or 1) == 1 and self._are_steps(factor)
            ):
                labels = np.array(list(factor), np.int64)
                step[...], has_step = np.where(labels < 0, NOWHERE, labels).reshape(own), True
            elif factor.dimen == 2 and not (has_step or has_member):
                pairs = np.array(list(factor), np.int64).reshape(-1, 2)
                member[...], step[...] = (pairs[:, part].reshape(own) for part in (0, 1))
                has_member = has_step = True
        if not has_member and has_step and self._members > 1:
            self._decisions(factors, member)
        return member.ravel(), step.ravel()

    def _counts_steps(self, factor: Any) -> bool:
        """Whether a set is a range that ends with the steps (and may begin before, or after, the first)."""
        if factor is self._model.steps:
            return True
        if (factor.dimen or 1) != 1 or len(factor) == 0:
            return False
        start, size = consecutive(factor)
        return size > 1 and start + size == self._steps and size >= 0.5 * self._steps

    def _are_steps(self, factor: Any) -> bool:
        """Whether a set names some of the steps by their numbers; components call such sets ``…_steps`` or
        ``…_states``."""
        name = str(getattr(factor, "local_name", None) or factor.name).rpartition(".")[2]
        if not name.endswith(("step", "steps", "states")) or len(factor) == 0:
            return False
        return bool(max(factor) < self._steps)

    def _decisions(self, factors: list[Any], member: Ints) -> None:
        """One decision per member is that member's."""
        for axis, factor in enumerate(factors):
            if consecutive(factor) == (0, self._members) and factor is not self._model.steps:
                own = [1] * member.ndim
                own[axis] = self._members
                member[...] = np.arange(self._members).reshape(own)
                return
