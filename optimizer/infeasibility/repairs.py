"""Changes of the scenario with which there is a plan: each is tried, and only what was proven is told.

For every number that may give way the smallest change is looked for: in one solve, where the number only moves limits
(:mod:`optimizer.infeasibility.elastic`), else by trying larger and larger changes and halving the last step. Which
numbers have to do with the conflict, and in which direction they help: :mod:`optimizer.infeasibility.pushes`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.errors import PathKey
from optimizer.horizon import to_utc
from optimizer.infeasibility.elastic import Moves, smallest_changes
from optimizer.infeasibility.feasibility import has_plan
from optimizer.infeasibility.levers import Lever
from optimizer.infeasibility.proposal import Change, Repair, change_of, outward
from optimizer.infeasibility.pushes import Influence, Push
from optimizer.infeasibility.words import Words
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    from optimizer.problem import Problem

Floats = NDArray[np.float64]
TIME_LIMIT_S = 35.0
"""Seconds for all repairs together."""
LEVER_TIME_LIMIT_S = 10.0
SOLVE_TIME_LIMIT_S = 6.0
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


class RepairSearch:
    """Looks for repairs of one scenario without a plan."""

    def __init__(self, scenario: Scenario, problem: Problem, ray: Floats | None, time_limit_s: float = TIME_LIMIT_S):
        """``problem`` is the scenario's; ``ray`` weights of its rows that prove the conflict, if there are any."""
        self._scenario = scenario
        self._problem = problem
        self._ends_at = time.perf_counter() + time_limit_s
        self._influence = Influence(scenario, problem, ray, self._ends_at)
        self._lever_ends_at = self._ends_at

    def single(self, levers: Iterable[Lever]) -> list[Repair]:
        """Changes of one number each that give a plan, the smallest first."""
        pushes = [push for lever in levers for push in self._influence.pushes(lever)]
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
        self._influence.forget_the_proof()
        pushes = [push for lever in levers for push in self._influence.pushes(lever) if push.moves is not None]
        if not pushes:
            return []
        moves = [push.signed_moves for push in pushes if push.signed_moves is not None]
        most = [push.most for push in pushes]
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
    def _of(self, push: Push) -> Iterator[Repair]:
        lever = push.lever
        if lever.way == "switch":
            yield from self._proven(lever, [1.0])
        elif lever.way == "time":
            yield from self._moved_time(lever)
        else:
            moves = push.signed_moves
            repairs = [] if moves is None else list(self._by_limits(push, moves))
            yield from repairs or ([] if push.is_exact else self._by_trial(push))

    def _by_limits(self, push: Push, moves: Moves) -> Iterator[Repair]:
        """The smallest move of the limits, found in one solve: with fractions allowed first, which is quick."""
        most, signed = push.most, [moves]
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
            yield replace(repair, steps=self._steps_needed(push, moves, abs(repair.changes[0].amount)))

    def _at_least(self, push: Push, amount: float, margins: tuple[float, ...]) -> list[Repair]:
        """The first repair that is proven among an amount and somewhat larger ones."""
        most = push.most
        tried = [min(amount * margin, most) for margin in margins]
        return list(self._proven(push.lever, [outward(push.lever, push.direction * t) for t in tried if t > 0]))

    def _steps_needed(self, push: Push, moves: Moves, amount: float) -> int | None:
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

    def _by_trial(self, push: Push) -> Iterator[Repair]:
        """Larger and larger changes until there is a plan, then back by halves."""
        lever, direction, most = push.lever, push.direction, push.most
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

    # ------------------------------------------------------------------ trying
    def _works(self, changes: list[Change]) -> bool:
        if any(change.amount == 0 or not math.isfinite(change.amount) for change in changes):
            return False
        arrays = self._influence.arrays(changes)
        limit_s = min(SOLVE_TIME_LIMIT_S, self._ends_at - time.perf_counter())
        return arrays is not None and limit_s > 0 and has_plan(arrays, limit_s) is True
