"""A whole plan out of the linear relaxation: fractions are rounded some at a time, and the rest solved again.

In each round the clearest fractions (:mod:`optimizer.rounding`) are held at whole numbers, together with all decisions
that the relaxation has taken in full (a job that is finished stays so). HiGHS solves the rest from where it stood
(:mod:`optimizer.kept_lp`), some milliseconds for a week. What a round loses against the bound is watched:

- a round that loses a larger share of what the gap asked for still allows, or leaves no plan, is taken back and a third
  as many decisions are tried;
- a single decision that loses much is tried the other way as well, and the better way is taken;
- where neither way leaves a plan, the decisions that were held along with it are let go; where even that does not help,
  the dive has failed, and branch and bound starts without a plan.

Nothing here is random or depends on the clock, but for the time limit.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.kept_lp import KeptLp
from optimizer.rounding import Rounder, Rounding

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

SHARE_OF_ROUND, SHARE_OF_ONE = 0.5, 0.2
"""What a round of several decisions, and a single one, may lose: shares of what the gap still allows."""
LEAST_OF_ROUND, LEAST_OF_ONE = 0.05, 0.02
"""The same as shares of the whole gap, below which no loss is looked at; a plan to start from deserves it, too."""
LEAST_GAP = 1e-4
"""Relative gap that counts where less is asked for."""
CLEAR = 0.5
"""Doubt up to which several decisions are rounded at once; those that are as doubtful one by one."""
FEWER = 3
"""By how much fewer decisions are tried after a round that has been taken back."""
MOST_RUNS = 150
ITERATIONS, MORE_ITERATIONS = 5000, 4
"""Simplex iterations of a whole dive: so many, and so many times those of the relaxation."""


@dataclass
class _Try:
    """Decisions to hold, and the bounds they had."""

    columns: Numbers
    targets: Floats
    lower: Floats
    upper: Floats


class Dive:
    """From the relaxation's optimum, at which ``lp`` stands, to a whole plan."""

    def __init__(self, lp: KeptLp, gap: float, deadline: float, *, most: float = np.inf) -> None:
        """``deadline``: reading of ``time.perf_counter`` at which the dive is given up; ``most``: what may be lost
        until then."""
        self._lp, self._deadline, self._most = lp, deadline, most
        self._rounder = Rounder(lp.arrays)
        self._bound = lp.objective
        self._gap = max(gap, LEAST_GAP) * abs(lp.objective)
        self._most_iterations = ITERATIONS + (1 + MORE_ITERATIONS) * lp.iterations

    def run(self) -> bool:
        """Whether ``lp`` holds a whole plan now."""
        lp, columns = self._lp, self._rounder.columns
        most = len(columns)
        while True:
            free = lp.lower[columns] < lp.upper[columns]
            rounding = self._rounder.rounding(lp.values, free)
            if not len(rounding.columns):
                return True
            taken = columns[free & (np.round(lp.values[columns]) > lp.lower[columns])]
            taken = np.setdiff1d(taken, rounding.columns, assume_unique=True)
            most = self._round(rounding, taken, min(most, int((rounding.doubt < CLEAR).sum())))
            if self._bound - lp.objective > self._most:
                log.debug("the dive has lost more than the gap: %d runs, %d iterations", lp.runs, lp.iterations)
                return False
            if most == 0:
                log.debug("no plan by rounding: %d runs, %d iterations", lp.runs, lp.iterations)
                return False

    def _round(self, rounding: Rounding, taken: Numbers, most: int) -> int:
        """Hold up to ``most`` of the decisions; returns how many to try in the next round, 0 where there is no way."""
        lp, before = self._lp, self._lp.objective
        basis, values = lp.highs.getBasis(), lp.values
        count = max(1, most)
        while not self._is_over:
            columns = np.concatenate([rounding.columns[:count], taken])
            tried = self._hold(columns, np.concatenate([rounding.targets[:count], np.round(values[taken])]))
            found = lp.run()
            if found and before - lp.objective <= self._may_lose(before, count):
                return 2 * count
            if count == 1 and self._either_way(rounding, basis, lp.objective if found else -np.inf):
                return 2
            self._undo(tried, basis)
            if count == 1 and not len(taken):
                break
            taken = taken[:0] if count == 1 else taken
            count = max(1, count // FEWER)
        return 0

    def _either_way(self, rounding: Rounding, basis: Any, reached: float) -> bool:
        """Leave the first decision the better way round, given what it reached the one way (-inf: no plan); False where
        neither leaves a plan."""
        lp = self._lp
        lp.highs.setBasis(basis)
        self._hold(rounding.columns[:1], rounding.others[:1])
        if lp.run() and lp.objective >= reached:
            return True
        if not np.isfinite(reached):
            return False
        lp.highs.setBasis(basis)
        self._hold(rounding.columns[:1], rounding.targets[:1])
        return lp.run()

    @property
    def _is_over(self) -> bool:
        lp = self._lp
        many = lp.runs >= MOST_RUNS or lp.iterations >= self._most_iterations
        return many or lp.interrupted or time.perf_counter() > self._deadline

    def _may_lose(self, before: float, count: int) -> float:
        left = self._gap - (self._bound - before)
        share, least = (SHARE_OF_ONE, LEAST_OF_ONE) if count == 1 else (SHARE_OF_ROUND, LEAST_OF_ROUND)
        return max(share * left, least * self._gap)

    def _hold(self, columns: Numbers, targets: Floats) -> _Try:
        tried = _Try(columns, targets, self._lp.lower[columns].copy(), self._lp.upper[columns].copy())
        self._lp.hold(columns, targets, targets)
        return tried

    def _undo(self, tried: _Try, basis: Any) -> None:
        self._lp.hold(tried.columns, tried.lower, tried.upper)
        self._lp.highs.setBasis(basis)
