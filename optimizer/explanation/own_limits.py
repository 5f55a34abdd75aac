"""Limits with value inside a component: in a step of its own, and along a state that is handed on from step to step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.explanation.holders import Holders
from optimizer.explanation.model_index import NOWHERE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class OwnLimits:
    """Where rows and bounds of a component's own carry value."""

    def __init__(self, holders: Holders, owners: int, shape: tuple[int, int]) -> None:
        self._holders, self._shape = holders, shape
        columns, places, worth = holders.limits.row, holders.limits.column, np.abs(holders.limits.data)
        index = holders.index
        is_row = places < holders.rows
        row = np.where(is_row, places, 0)
        owner = np.where(is_row, index.rules.owner[row], index.variables.owner[columns])
        step = np.where(is_row & (index.rules.step[row] >= 0), index.rules.step[row], index.variables.step[columns])
        member = np.where(
            is_row & (index.rules.member[row] >= 0), index.rules.member[row], index.variables.member[columns]
        )
        self.at = self._strongest(owner, member, step, places, worth, owners)
        """(owners, members, steps): the place that carries most value, or -1."""
        states = self._states() & ~holders.is_flow
        of_state = states[columns] & (owner >= 0) & (index.variables.owner[columns] == owner)
        self._along = self._by_owner(owner[of_state], member[of_state], step[of_state], places[of_state])
        self._tight = self._by_owner(*self._tight_rows(states))

    @staticmethod
    def _by_owner(owner: Ints, member: Ints, step: Ints, places: Ints) -> dict[int, tuple[Ints, Ints, Ints]]:
        found = {}
        for number in np.unique(owner).tolist():
            own = owner == number
            found[number] = member[own], step[own], places[own]
        return found

    def _tight_rows(self, states: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints, Ints]:
        """Owner, member, step and number of the limits on states that the plan just meets, whatever they are worth."""
        holders, index, e = self._holders, self._holders.index, self._holders.entries
        arrays = holders.arrays
        activity = np.bincount(e.row, e.coefficient * holders.x[e.column], holders.rows)
        size = np.maximum(
            1.0, np.abs(activity) + np.bincount(e.row, np.abs(e.coefficient * holders.x[e.column]), holders.rows)
        )
        tight = np.minimum(np.abs(activity - arrays.row_lower), np.abs(arrays.row_upper - activity)) <= 1e-7 * size
        on_state = np.zeros(holders.rows, bool)
        on_state[e.row[states[e.column] & (index.rules.owner[e.row] == index.variables.owner[e.column])]] = True
        rows = np.flatnonzero(tight & on_state & (holders.role == "l"))
        return index.rules.owner[rows], index.rules.member[rows], index.rules.step[rows], rows

    def _strongest(self, owner: Ints, member: Ints, step: Ints, places: Ints, worth: Floats, owners: int) -> Ints:
        members, steps = self._shape
        found = np.full((owners, members, steps), NOWHERE, np.int64)
        known = (owner >= 0) & (step >= 0) & (step < steps)  # other numbers than those of steps: tiers of a charge
        order = np.argsort(worth[known], kind="stable")
        owner, member, step, places = (each[known][order] for each in (owner, member, step, places))
        shared = member < 0
        for w in range(members) if shared.any() else ():
            found[owner[shared], w, step[shared]] = places[shared]
        found[owner[~shared], member[~shared], step[~shared]] = places[~shared]  # the strongest comes last
        return found

    def _states(self) -> NDArray[np.bool_]:
        """Columns of the variables that balances hand on from step to step."""
        holders, index = self._holders, self._holders.index
        e = holders.entries
        across = (holders.role[e.row] == "p") & (index.rules.owner[e.row] == index.variables.owner[e.column])
        across &= (index.rules.step[e.row] >= 0) & (index.variables.step[e.column] != index.rules.step[e.row])
        named = np.zeros(len(index.names), bool)
        named[index.variables.name[e.column[across]]] = True
        return np.asarray(named[index.variables.name])

    def along(self, owner: int, member: int, step: int) -> int:
        """The next limit with value of the component's state from a step on, or else the last one before; -1
        without."""
        return self._next(self._along, owner, member, step)

    def tight_along(self, owner: int, member: int, step: int) -> int:
        """The same of limits that the plan just meets: a whole decision less, and they are broken."""
        return self._next(self._tight, owner, member, step)

    def _next(self, of: dict[int, tuple[Ints, Ints, Ints]], owner: int, member: int, step: int) -> int:
        found = of.get(owner)
        if found is None:
            return NOWHERE
        members, steps, places = found
        ours = (members < 0) | (members == member)
        if not ours.any():
            return NOWHERE
        away = np.where(steps < 0, self._shape[1], steps) - step
        order = np.where(away >= 0, away, self._shape[1] - away)
        return int(places[ours][np.argmin(order[ours])])
