"""Prices of the here-and-now decisions, which split one problem into bundles: Lagrangian decomposition.

Every bundle ``b`` gets a copy ``x_b`` of the here-and-now columns; that the copies agree is relaxed. With costs ``g_b``
of the copies that add up to the true ones, ``sum_b g_b = c``, the bundles' optima add up to an upper bound ::

    L(g) = sum_b max { g_b x_b + c_b y_b : rows of b }  >=  max { c x + sum_b c_b y_b : all rows }

(Caroe and Schultz, Oper. Res. Lett. 24, 37, 1999). The first prices come from the duals ``u`` of the whole linear
relaxation: ``g_b = A_b'u_b + share_b (c - sum_b A_b'u_b)``, with which ``L`` is at most the relaxation's optimum, and
below it by what the whole decisions inside the bundles cost. They are then moved against the copies' disagreement
``x_b - mean``, in a step by Polyak's rule. Columns without both bounds, such as the value at risk, keep their first
price: another might make a bundle unbounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.uncertainty.blocks import Block
from optimizer.uncertainty.stages import SHARED, Integers, Stages

Floats = NDArray[np.float64]
SHORTER = 0.5
"""By how much the step becomes shorter when the bound does not fall."""


@dataclass
class Prices:
    """Costs of the copies, (bundles, here-and-now columns); they always add up to the true costs."""

    costs: Floats
    shares: Floats
    """Weight of each bundle's copy in the mean, (bundles,), adding up to 1."""
    ranges: Floats
    """Width of each column's bounds, the unit in which copies are compared; inf: the price stays."""
    step: float = 1.0

    def disagreement(self, copies: Floats) -> Floats:
        """``x_b - mean`` of the copies, (bundles, columns), in units of the columns' ranges; 0 where there is none."""
        away = copies - self.shares @ copies
        return np.where(np.isfinite(self.ranges), away / self.ranges, 0.0)

    def moved(self, copies: Floats, bound: float, target: float) -> bool:
        """Lower the bound towards the target; returns whether there is anything left to move."""
        away = self.disagreement(copies)
        length = float((away**2).sum())
        if length <= 1e-16 or bound <= target:
            return False
        scale = np.where(np.isfinite(self.ranges), self.ranges, 1.0)
        change = self.step * (bound - target) / length * away / scale
        self.costs = self.costs - (change - change.mean(axis=0))
        return True


def first_prices(arrays: Arrays, stages: Stages, blocks: Sequence[Block], shares: Floats, row_dual: Floats) -> Prices:
    """Prices from duals of the relaxation, (rows,)."""
    shared = stages.here_and_now
    numbers = _bundle_of_member(blocks)
    by_bundle = np.zeros((len(blocks), len(shared)))
    matrix = arrays.matrix
    for place, column in enumerate(shared):
        entries = slice(matrix.indptr[column], matrix.indptr[column + 1])
        rows = matrix.indices[entries]
        owners = stages.member_of_row[rows]
        own = owners != SHARED
        np.add.at(by_bundle[:, place], numbers[owners[own]], matrix.data[entries][own] * row_dual[rows[own]])
    rest = arrays.cost[shared] - by_bundle.sum(axis=0)
    width = arrays.col_upper[shared] - arrays.col_lower[shared]
    ranges = np.where(np.isfinite(width) & (width > 0.0), width, np.inf)
    return Prices(by_bundle + np.outer(shares, rest), shares, ranges)


def _bundle_of_member(blocks: Sequence[Block]) -> Integers:
    numbers = np.zeros(1 + max(int(block.members.max()) for block in blocks), np.int64)
    for number, block in enumerate(blocks):
        numbers[block.members] = number
    return numbers
