"""Changes of the scenario with which there is a plan: each is tried, and only what was proven is told.

For every number that may give way the smallest change is looked for: in one solve, where the number only moves limits
(:mod:`optimizer.infeasibility.elastic`), else by trying larger and larger changes and halving the last step. Which
direction helps, and which numbers have nothing to do with the conflict, follows from the weights that prove the
conflict: a number that leaves the contradiction as large as it is cannot mend it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.errors import InputError, PathKey
from optimizer.horizon import to_utc
from optimizer.infeasibility.conflict import contradiction
from optimizer.infeasibility.elastic import Moves, moves_between, same_coefficients, same_structure, smallest_changes
from optimizer.infeasibility.feasibility import has_plan
from optimizer.infeasibility.levers import Lever, with_value
from optimizer.infeasibility.proposal import Change, Repair, change_of, outward
from optimizer.infeasibility.words import Words
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    from optimizer.problem import Problem

Floats = NDArray[np.float64]
TIME_LIMIT_S = 35.0
"""Seconds for all repairs together."""
LEVER_TIME_LIMIT_S = 10.0
SOLVE_TIME_LIMIT_S = 6.0
NUDGE = 1e-3
"""Share of a number by which it is changed to see what depends on it."""
NO_INFLUENCE = 1e-7
"""Relative change of the contradiction, per relative change of a number, below which it is rounding."""
ROUNDING = 1e-9
STEP_ROUNDING = 1e-6
MOST_STEPS = 1000
"""Steps up to which it is counted in how many a change is needed."""
FIRST_TRIAL = 0.02
MARGINS = (1.0, 1.02, 1.1, 1.5)
"""What is tried around the smallest change, where rounding or a detail lies in the way."""
WIDE_MARGINS = (1.1, 1.5, 2.5)
"""The same where only the smallest change with fractions of decisions is known."""
GROWTH = 2.0
MOST_GROWTHS = 10
HALVINGS = 7
LARGEST = 1e4
"""Largest change that is tried, in sizes of the number."""


@dataclass(frozen=True)
class _Push:
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
    def expected_size(self) -> float:
        """How large the change will at least be; structural ones come between the small and the large."""
        return 0.5 if self.moves is None else self.first / self.lever.scale


class RepairSearch:
    """Looks for repairs of one scenario without a plan."""

    def __init__(self, scenario: Scenario, problem: Problem, ray: Floats | None, time_limit_s: float = TIME_LIMIT_S):
        """``problem`` is the scenario's; ``ray`` weights of its rows that prove the conflict, if there are any."""
        self._scenario = scenario
        self._problem = problem
        self._ray = ray
        self._excess = 0.0 if ray is None else contradiction(ray, problem.arrays)
        self._ends_at = time.perf_counter() + time_limit_s
        self._lever_ends_at = self._ends_at

    def single(self, levers: Iterable[Lever]) -> list[Repair]:
        """Changes of one number each that give a plan, the smallest first."""
        pushes = [push for lever in levers for push in self._pushes(lever)]
        found: list[Repair] = []
        done: set[tuple[PathKey, float]] = set()
        for push in sorted(pushes, key=lambda push: push.expected_size):
            if time.perf_counter() > self._ends_at:
                break
            if (push.lever.place, push.direction) in done:
                continue  # shifted or scaled: one of them is enough
            self._lever_ends_at = min(self._ends_at, time.perf_counter() + LEVER_TIME_LIMIT_S)
            repairs = list(self._of(push))
            if repairs:
                done.add((push.lever.place, push.direction))
                found += repairs
        return sorted(found, key=lambda repair: repair.size)

    def together(self, levers: Iterable[Lever]) -> list[Repair]:
        """One repair that changes several numbers, each as little as it takes; empty if there is none."""
        self._excess = 0.0  # there are further conflicts than the one that the weights prove: nothing is left out
        pushes = [push for lever in levers for push in self._pushes(lever) if push.moves is not None]
        if not pushes:
            return []
        moves = [_signed(push.moves, push.direction) for push in pushes if push.moves is not None]
        most = [self._most(push.lever, push.direction) for push in pushes]
        prices = [1.0 / push.lever.scale for push in pushes]
        amounts = smallest_changes(self._problem.arrays, moves, most, prices, SOLVE_TIME_LIMIT_S)
        if amounts is None:
            return []
        for margin in MARGINS:
            changes = [
                change_of(push.lever, outward(push.lever, push.direction * amount * margin), self._scenario)
                for push, amount in zip(pushes, amounts, strict=True)
                if amount > ROUNDING * push.lever.scale
            ]
            if changes and self._works(changes):
                return [Repair(tuple(changes))]
        return []

    # ------------------------------------------------------------------ one number
    def _of(self, push: _Push) -> Iterator[Repair]:
        lever = push.lever
        if lever.way == "switch":
            yield from self._proven(lever, [1.0])
        elif lever.way == "time":
            yield from self._moved_time(lever)
        else:
            repairs = [] if push.moves is None else list(self._by_limits(push, push.moves))
            yield from repairs or ([] if push.is_exact else self._by_trial(push))

    def _by_limits(self, push: _Push, moves: Moves) -> Iterator[Repair]:
        """The smallest move of the limits, found in one solve: with fractions allowed first, which is quick."""
        most = self._most(push.lever, push.direction)
        signed = [_signed(moves, push.direction)]
        arrays, limit_s = self._problem.arrays, SOLVE_TIME_LIMIT_S
        relaxed = smallest_changes(arrays, signed, [most], [1.0], limit_s, whole=False)
        if relaxed is None:
            return
        repairs = self._at_least(push, float(relaxed[0]), (1.0,) if arrays.integer.any() else MARGINS)
        if not repairs and arrays.integer.any():
            whole = smallest_changes(arrays, signed, [most], [1.0], limit_s)
            amount, margins = (relaxed, WIDE_MARGINS) if whole is None else (whole, MARGINS)
            repairs = self._at_least(push, float(amount[0]), margins)
        for repair in repairs:
            yield replace(repair, steps=self._steps_needed(push, signed[0], abs(repair.changes[0].amount)))

    def _at_least(self, push: _Push, amount: float, margins: tuple[float, ...]) -> list[Repair]:
        """The first repair that is proven among an amount and somewhat larger ones."""
        most = self._most(push.lever, push.direction)
        tried = [min(amount * margin, most) for margin in margins]
        return list(self._proven(push.lever, [outward(push.lever, push.direction * t) for t in tried if t > 0]))

    def _steps_needed(self, push: _Push, moves: Moves, amount: float) -> int | None:
        """In how few steps a change of a series by (at most) this amount may be needed; None where it is not known.

        Each step has a change of its own, and the least in all is taken (of a problem without whole decisions).
        """
        arrays = self._problem.arrays
        if push.lever.way != "shift" or not push.is_exact or arrays.integer.any():
            return None
        words = Words(self._problem.compiled, None)
        row_steps = {
            row: words.row(row).step for row in np.flatnonzero(moves.row_lower + moves.row_upper != 0).tolist()
        }
        sides = np.flatnonzero(moves.col_lower + moves.col_upper != 0).tolist()
        column_steps = {column: words.column(column).step for column in sides}
        steps = sorted({step for step in (*row_steps.values(), *column_steps.values()) if step is not None})
        if None in (*row_steps.values(), *column_steps.values()) or not 1 < len(steps) <= MOST_STEPS:
            return None
        rows = np.array([row_steps.get(row, -1) for row in range(len(arrays.row_lower))])
        columns = np.array([column_steps.get(column, -1) for column in range(len(arrays.cost))])
        by_step = [moves.only(rows == step, columns == step) for step in steps]
        prices = np.ones(len(steps)).tolist()
        found = smallest_changes(arrays, by_step, [amount] * len(steps), prices, SOLVE_TIME_LIMIT_S)
        return None if found is None else int((found > STEP_ROUNDING * amount).sum())

    def _proven(self, lever: Lever, amounts: Iterable[float]) -> Iterator[Repair]:
        for amount in dict.fromkeys(amounts):
            change = change_of(lever, amount, self._scenario)
            if self._works([change]):
                yield Repair((change,))
                return

    def _by_trial(self, push: _Push) -> Iterator[Repair]:
        """Larger and larger changes until there is a plan, then back by halves."""
        lever, direction, most = push.lever, push.direction, self._most(push.lever, push.direction)
        least = 1.0 if lever.is_whole else FIRST_TRIAL * lever.scale
        low, high, best = 0.0, min(max(push.first, least), most), None
        for _ in range(MOST_GROWTHS):
            amount = outward(lever, direction * high)
            change = change_of(lever, amount, self._scenario)
            if self._works([change]):
                best = change
                break
            if high >= most or time.perf_counter() > self._lever_ends_at:
                return
            low, high = high, min(high * GROWTH, most)
        if best is None:
            return
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            amount = outward(lever, direction * middle)
            if abs(amount) >= abs(best.amount) or time.perf_counter() > self._lever_ends_at:
                break
            change = change_of(lever, amount, self._scenario)
            if self._works([change]):
                best, high = change, middle
            else:
                low = middle
        yield Repair((best,))

    def _moved_time(self, lever: Lever) -> Iterator[Repair]:
        """A deadline later or a release earlier, by as few whole steps as it takes, within the horizon."""
        horizon = self._scenario.horizon
        stamp = pd.Timestamp(to_utc(lever.value, horizon.zone))
        for direction, room in ((1.0, horizon.end_utc - stamp), (-1.0, stamp - horizon.start_utc)):
            low, high = 0, int(room.total_seconds() / 3600.0 / horizon.step_h)
            if high < 1:
                continue

            def change(steps: int, direction: float = direction) -> Change:
                return change_of(lever, direction * steps * horizon.step_h, self._scenario)

            if not self._works([change(high)]):
                continue
            while high - low > 1 and time.perf_counter() < self._lever_ends_at:
                middle = (low + high) // 2
                low, high = (low, middle) if self._works([change(middle)]) else (middle, high)
            yield Repair((change(high),))

    # ------------------------------------------------------------------ what a number does
    def _pushes(self, lever: Lever) -> Iterator[_Push]:
        """Directions in which a change may help; none where the contradiction stays as large as it is."""
        if time.perf_counter() > self._ends_at:
            return
        if lever.way in ("switch", "time"):
            yield _Push(lever, 1.0)
            return
        nudge = 1.0 if lever.is_whole else NUDGE * lever.scale
        before = self._problem.arrays
        for direction in (1.0, -1.0):
            arrays = self._arrays(lever, direction * nudge)
            if arrays is None or self._most(lever, direction) == 0.0:
                continue
            moves = moves_between(before, arrays, direction * nudge)
            is_exact = moves is not None and same_coefficients(before, arrays)
            if is_exact and moves is not None and moves.is_none:
                return
            first = self._first(arrays, nudge) if same_structure(before, arrays) else 0.0
            if first is not None:
                yield _Push(lever, direction, None if moves is None or moves.is_none else moves, is_exact, first)
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

    def _most(self, lever: Lever, direction: float) -> float:
        """Largest change that makes sense: down to nothing, or up to a great multiple."""
        if direction > 0:
            return LARGEST * lever.scale
        if lever.way == "scale":
            return 1.0
        return max(0.0, lever.least)

    # ------------------------------------------------------------------ trying
    def _arrays(self, lever: Lever, amount: float) -> Arrays | None:
        return self._arrays_of([change_of(lever, amount, self._scenario)])

    def _arrays_of(self, changes: Iterable[Change]) -> Arrays | None:
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

    def _works(self, changes: list[Change]) -> bool:
        if any(change.amount == 0 or not math.isfinite(change.amount) for change in changes):
            return False
        arrays = self._arrays_of(changes)
        limit_s = min(SOLVE_TIME_LIMIT_S, self._ends_at - time.perf_counter())
        return arrays is not None and limit_s > 0 and has_plan(arrays, limit_s) is True


def _signed(moves: Moves, direction: float) -> Moves:
    sides: list[Any] = [direction * getattr(moves, n) for n in ("row_lower", "row_upper", "col_lower", "col_upper")]
    return Moves(*sides)
