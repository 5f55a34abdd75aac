"""Which numbers may mend a conflict, and in which direction each of them helps.

A number that leaves the contradiction as large as it is, by the weights that prove the conflict, cannot mend it; how
fast it eases the contradiction tells from which change on there may be a plan. Numbers that only move limits are told
from those that change the structure or the coefficients.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.errors import InputError
from optimizer.infeasibility.conflict import contradiction
from optimizer.infeasibility.elastic import Moves, moves_between, same_coefficients, same_structure
from optimizer.infeasibility.levers import Lever, with_value
from optimizer.infeasibility.proposal import Change, change_of
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    from optimizer.problem import Problem

Floats = NDArray[np.float64]
NUDGE = 1e-3
"""Share of a number by which it is changed to see what depends on it."""
NO_INFLUENCE = 1e-7
"""Relative change of the contradiction, per relative change of a number, below which it is rounding."""
LARGEST = 1e4
"""Largest change that is tried, in sizes of the number."""


@dataclass(frozen=True)
class Push:
    """A number that may mend the conflict, and in which direction."""

    lever: Lever
    direction: float
    moves: Moves | None = None
    """How limits move with it."""
    is_exact: bool = False
    """Whether limits are all that moves."""
    first: float = 0.0
    """Change from which on there may be a plan."""

    @property
    def most(self) -> float:
        """Largest change that makes sense: down to nothing, or up to a great multiple."""
        return largest_change(self.lever, self.direction)

    @property
    def signed_moves(self) -> Moves | None:
        """How limits move with a change in its direction."""
        if self.moves is None:
            return None
        sides = (self.moves.row_lower, self.moves.row_upper, self.moves.col_lower, self.moves.col_upper)
        return Moves(*(self.direction * side for side in sides))

    @property
    def expected_size(self) -> float:
        """How large the change will at least be; structural ones come between the small and the large."""
        return 0.5 if self.moves is None else self.first / self.lever.scale


class Influence:
    """What numbers of one scenario without a plan do to its conflict."""

    def __init__(self, scenario: Scenario, problem: Problem, ray: Floats | None, ends_at: float) -> None:
        """``ray``: weights of the problem's rows that prove the conflict, if there are any; nothing is looked into
        after ``ends_at``, of :func:`time.perf_counter`."""
        self._scenario = scenario
        self._problem = problem
        self._ray = ray
        self._excess = 0.0 if ray is None else contradiction(ray, problem.arrays)
        self._ends_at = ends_at

    def forget_the_proof(self) -> None:
        """There are further conflicts than the one that the weights prove: no number is left out."""
        self._excess = 0.0

    def pushes(self, lever: Lever) -> Iterator[Push]:
        """Directions in which a change may help; none where the contradiction stays as large as it is."""
        if time.perf_counter() > self._ends_at:
            return
        if lever.way in ("switch", "time"):
            yield Push(lever, 1.0)
            return
        nudge = 1.0 if lever.is_whole else NUDGE * lever.scale
        before = self._problem.arrays
        for direction in (1.0, -1.0):
            arrays = self.arrays([change_of(lever, direction * nudge, self._scenario)])
            if arrays is None or largest_change(lever, direction) == 0.0:
                continue
            moves = moves_between(before, arrays, direction * nudge)
            is_exact = moves is not None and same_coefficients(before, arrays)
            if is_exact and moves is not None and moves.is_none:
                return
            first = self._first(arrays, nudge) if same_structure(before, arrays) else 0.0
            if first is not None:
                yield Push(lever, direction, None if moves is None or moves.is_none else moves, is_exact, first)
                if self._excess > 0 and first > 0:
                    return  # the other direction makes it worse

    def _first(self, arrays: Arrays, nudge: float) -> float | None:
        """Change from which on there may be a plan, if a nudge in its direction leads to these arrays; None: never."""
        if self._ray is None or self._excess <= 0:
            return 0.0
        eased = self._excess - contradiction(self._ray, arrays)
        if not np.isfinite(eased):
            return nudge
        return self._excess / eased * nudge if eased > NO_INFLUENCE * self._excess * NUDGE else None

    def arrays(self, changes: Iterable[Change]) -> Arrays | None:
        """The arrays of the scenario with changes; None where it is refused."""
        from optimizer.problem import Problem

        scenario: Scenario | None = self._scenario
        for change in changes:
            assert scenario is not None
            scenario = with_value(scenario, change.lever.place, change.in_memory)
            if scenario is None:
                return None
        assert scenario is not None
        try:
            return Problem(scenario, like=self._problem).arrays
        except InputError:
            return None


def largest_change(lever: Lever, direction: float) -> float:
    """Largest change of a number that makes sense: down to nothing, or up to a great multiple."""
    if direction > 0:
        return LARGEST * lever.scale
    if lever.way == "scale":
        return 1.0
    return max(0.0, lever.least)
