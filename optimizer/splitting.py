"""From which decisions rows are added to a relaxation (:mod:`optimizer.split_relaxation`), and when.

At the optimum of the relaxation what a fractional decision earns in some rows and costs in others cancels out. Rounded
up or down it loses one of both, so by the rows' duals ``|lost| * fraction * (1 - fraction)`` is a guess, for nothing,
at how far its mix of two plans lifts the bound. On a campus the dearest are the directions of the grid connection in
dear hours: sell what the battery holds, or cover the load from a block that cannot be resold, but not a fifth of this
and four fifths of that.

Where the guesses add up to several times the gap asked for, the rows are added before the dive, which then also starts
from better fractions; where they are less, only after a dive that has lost more than the gap.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.kept_lp import KeptLp
from optimizer.neighbourhood import Neighbourhood
from optimizer.split_relaxation import SplitRelaxation

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FRACTION = 1e-6
"""Distance from a whole number above which a value counts as a fraction; HiGHS's own tolerance."""
LEAST_COST, MOST_DECISIONS = 0.03, 16
"""A decision is looked at where rounding it costs this share of the gap; so many at most, the dearest."""
AT_ONCE, PERHAPS = 4.0, 0.2
"""Shares of the gap that rounding costs in all for rows to be added before the dive, and for them to be added ever.
With 1 instead of 4 forty windows of 48 h take a quarter longer (docs/mip-roads.md): most dives do without."""


class Splitting:
    """The decisions at the optimum of ``lp`` that are worth it, and the rows that follow from them."""

    def __init__(self, lp: KeptLp, gap: float) -> None:
        """``gap``: what a plan may earn less than the bound, in money."""
        self._lp, self._gap = lp, gap
        self._near = Neighbourhood(lp.arrays)
        dual = np.asarray(lp.highs.getSolution().row_dual, dtype=float)
        decisions, cost = dearest(lp.arrays, self._near, lp.values, dual)
        worth_it = cost >= LEAST_COST * gap
        self.decisions: Integers = decisions[worth_it]
        self._cost = float(cost[worth_it].sum())
        self._with_copies: KeptLp | None = None

    @property
    def is_urgent(self) -> bool:
        return len(self.decisions) > 0 and self._cost >= AT_ONCE * self._gap

    @property
    def may_help(self) -> bool:
        return len(self.decisions) > 0 and self._cost >= PERHAPS * self._gap

    def stop(self) -> None:
        """Ask HiGHS to stop; called from another thread."""
        if self._with_copies is not None:
            self._with_copies.stop()

    def add(self, options: SolverOptions) -> None:
        """Add the rows to ``lp``, which stands at that optimum, and solve it again; nothing where there are none."""
        lp, before = self._lp, self._lp.objective
        split = SplitRelaxation(lp.arrays, self._near, self.decisions)
        self._with_copies = KeptLp(split.arrays, options, split.basis(lp.highs.getBasis()))
        if lp.interrupted or not self._with_copies.run():
            return
        cuts = split.cuts(np.asarray(self._with_copies.highs.getSolution().row_dual, dtype=float))
        if not len(cuts.upper):
            return
        lp.add(cuts)
        lp.run()
        gained = (before - lp.objective) / self._gap
        log.debug("%d rows from %d decisions: %.3g gaps less", len(cuts.upper), len(self.decisions), gained)


def dearest(arrays: Arrays, near: Neighbourhood, values: Floats, row_dual: Floats) -> tuple[Integers, Floats]:
    """Decisions between 0 and 1 at ``values``, (columns,), and guesses at what each lifts the bound by, in money; at
    most :data:`MOST_DECISIONS`, the dearest first. ``row_dual``: (rows,), money for one more of each row's side."""
    fraction = values - np.floor(values)
    chosen = arrays.integer & (arrays.col_lower == 0) & (arrays.col_upper == 1)
    decisions = np.flatnonzero(chosen & (fraction > FRACTION) & (fraction < 1 - FRACTION))
    entries, place = near.of_columns(decisions)
    priced = near.values[entries] * row_dual[near.rows[entries]]
    costs, gains = (np.bincount(place, np.maximum(sign * priced, 0.0), len(decisions)) for sign in (1, -1))
    lifted = np.maximum(costs, gains) * fraction[decisions] * (1 - fraction[decisions])
    order = np.argsort(-lifted, kind="stable")[:MOST_DECISIONS]
    return decisions[order], lifted[order]
