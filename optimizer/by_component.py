"""A plan some components at a time: put in one after another, then those that lose most are planned anew.

Dozens of jobs on one pool get in each other's way. The linear relaxation says what each of them could earn; where a
plan falls short of that is mostly a handful of jobs that want the same nodes at the same time, while all others earn
what they can. So parts are chosen by what they lose and not by the clock:

- *put in*: from the plan in which no whole decision is taken, components follow in the order in which the relaxation
  has them run, a few at a time and each of them in two groups, so that it may still make way for the next;
- *planned anew*: the component that has lost most against the relaxation, together with those near to it in time that
  have lost or gained most; every time that a component has been looked at without a gain it counts for half as much.

All decisions of other components are held; what is no whole decision is free in the steps in which the chosen ones
have a say. Nothing here is random.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.highs import solve
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

MANY_COMPONENTS = 12
"""Components with whole decisions from which on a plan is made this way."""
AT_ONCE, FOLLOWING = 4, 2
"""Components that are put in together, and how many of them are new."""
TOGETHER, LEAST_TOGETHER, MOST_TOGETHER = 6, 3, 12
"""Components that are planned anew together: at first; two thirds after a part that has been stopped without a gain,
one more after one that has been solved."""
MOST_DECISIONS = 2500
"""Most whole decisions of those."""
NEAR_STEPS = 48.0
"""Distance in time, steps, at which another component counts 1/e as much."""
REACH_STEPS = 96.0
"""Steps after the last of the chosen in the relaxation up to which what they share with others is free."""
FIRST_SHARE, LATER_SHARE = 0.015, 0.05
"""Shares of the time limit for one part while components are put in and afterwards."""
FIRST_GAP, LATER_GAP = 0.1, 0.02
"""Gaps to which parts are solved while components are put in and afterwards, as shares of the gap asked for."""
WORTHWHILE = 0.025
"""Gain of a part that starts the count of tries anew, and loss below which the search is over; as the gaps."""
WITHIN = 1e-7
"""Violation of a row that counts as none; HiGHS's own tolerance."""
LEAST_GAP = 1e-4
"""Relative gap that counts where less is asked for."""
SETTINGS: dict[str, Any] = {
    "presolve_rule_off": 1 << 15,  # probing takes two thirds of the presolve of a part and removes next to nothing
    "simplex_dual_edge_weight_strategy": 1,  # Devex: fewer seconds on the degenerate rows of jobs
}


class ByComponent:
    """Parts of ``whole`` by component; ``relaxed`` are values of its relaxation's optimum, ``bound`` what it proves."""

    def __init__(
        self,
        whole: Whole,
        spans: Spans,
        relaxed: Floats,
        bound: float,
        options: SolverOptions,
        left_s: Callable[[], float],
    ) -> None:
        self.whole, self.spans, self.left_s = whole, spans, left_s
        self.options = options.model_copy(update={"portfolio": 1})
        self.interrupted = False
        arrays = whole.arrays
        self._free = arrays.integer & (arrays.col_lower < arrays.col_upper)
        self._scale = abs(bound)
        count = int(spans.component.max(initial=-1)) + 1
        decisions = np.bincount(spans.component[self._free], minlength=count)
        self.components: Numbers = np.flatnonzero(decisions)
        self._decisions = decisions[self.components]
        weight = relaxed[self._free] + 1e-9  # where the relaxation takes nothing, all of its steps count alike
        of = spans.component[self._free]
        total = np.bincount(of, weight, count)[self.components]
        self._at = np.bincount(of, weight * spans.step[self._free], count)[self.components] / total
        self._could_earn = self._earned(relaxed)

    def put_in(self) -> Floats | None:
        """A plan from nothing; None where there is none without any whole decision, or the time is over."""
        values = self._without_decisions()
        order = np.argsort(self._at, kind="stable")
        begin, following = 0, FOLLOWING
        while begin < len(order):
            if values is None or self.interrupted or self.left_s() <= 0:
                return None
            chosen = order[max(0, begin - (AT_ONCE - FOLLOWING)) : begin + following]
            values, is_solved = self._part(chosen, values, FIRST_SHARE, FIRST_GAP)
            begin += following
            following = FOLLOWING if is_solved else 1
        return values

    def planned_anew(self, values: Floats, good_enough: Callable[[Floats], bool]) -> Floats:
        """The plan with its losses made smaller, until it is good enough, nothing is gained or the time is over."""
        tries = np.zeros(len(self.components))
        least = WORTHWHILE * max(LEAST_GAP, self.options.mip_rel_gap) * self._scale
        together = TOGETHER
        while self.left_s() > 0 and not self.interrupted and not good_enough(values):
            lost = (self._could_earn - self._earned(values)) * 0.5**tries
            seed = int(np.argmax(lost))
            if lost[seed] < least:
                break
            chosen = self._around(seed, np.abs(lost) + least * 0.5**tries, together)
            found, is_solved = self._part(chosen, values, LATER_SHARE, LATER_GAP)
            gained = self.whole.objective(found) - self.whole.objective(values)
            log.debug(
                "%d components planned anew: %+.6g%s, %.1f s left",
                len(chosen),
                gained,
                "" if is_solved else ", stopped",
                self.left_s(),
            )
            if gained > 0:
                values = found
            if gained > least:
                tries[:] = 0
            elif not is_solved:  # too many to be planned in the time
                together = max(LEAST_TOGETHER, 2 * together // 3)
            if is_solved:
                together = min(MOST_TOGETHER, together + 1)
                tries[chosen] += 1
            else:
                tries[seed] += 1
        return values

    def _earned(self, values: Floats) -> Floats:
        """What the columns of each component earn, (components,)."""
        earned = np.bincount(self.spans.component, self.whole.arrays.cost * values)
        return np.asarray(earned[self.components], dtype=float)

    def _around(self, seed: int, weight: Floats, together: int) -> Numbers:
        """Positions of the seed and the heaviest near to it in time, as many as may be planned together."""
        near = weight * np.exp(-np.abs(self._at - self._at[seed]) / NEAR_STEPS)
        near[seed] = np.inf
        order = np.argsort(-near, kind="stable")[:together]
        fits = np.cumsum(self._decisions[order]) <= MOST_DECISIONS
        fits[0] = True
        return order[fits]

    def _without_decisions(self) -> Floats | None:
        """The best plan with whole decisions at their least, but for those of which some have to be taken (one of
        several pools)."""
        arrays, matrix = self.whole.arrays, self.whole.arrays.matrix
        columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        rows = matrix.shape[0]
        only_whole = np.bincount(matrix.indices, ~arrays.integer[columns], minlength=rows) == 0
        at_least = np.where(arrays.integer, arrays.col_lower, 0.0)
        some = only_whole & (arrays.row_lower > self.whole.rows_of(at_least) + WITHIN)
        asked = np.zeros(len(arrays.cost), bool)
        asked[columns[some[matrix.indices]]] = True
        upper = np.where(arrays.integer & ~asked, arrays.col_lower, arrays.col_upper)
        limits = {"time_limit_s": max(1e-2, self.left_s()), "mip_rel_gap": self.options.mip_rel_gap}
        outcome = solve(replace(arrays, col_upper=upper, least=None), self.options.model_copy(update=limits))
        self.interrupted = outcome.stopped_by == "interrupt"
        return None if self.interrupted else outcome.values

    def _part(self, chosen: Numbers, values: Floats, share_of_time: float, share_of_gap: float) -> tuple[Floats, bool]:
        """The values with the components at the positions ``chosen`` planned anew, as they are where that fails; and
        whether the part was solved in its time."""
        spans = self.spans
        own = np.isin(spans.component, self.components[chosen])
        decided = self._free & own
        end = min(float(spans.last[decided].max()) + 1, float(self._at[chosen].max()) + REACH_STEPS)
        around = spans.within(float(spans.first[decided].min()), end)
        part = self.whole.part((around | own) & ~(self._free & ~decided), values, decided)
        now = max(abs(self.whole.objective(values)), 1e-9)
        limits = {
            "time_limit_s": max(1e-2, min(share_of_time * self.options.time_limit_s, self.left_s())),
            "mip_rel_gap": share_of_gap * self.options.mip_rel_gap * self._scale / now,
        }
        arrays = replace(part.arrays, least=None)  # ties are broken at the end
        limited = self.options.model_copy(update=limits)
        outcome = solve(arrays, limited, start=values[part.columns], settings=SETTINGS)
        if outcome.stopped_by == "interrupt":
            self.interrupted = True
        return values if outcome.values is None else part.put(outcome.values, values), outcome.status == "optimal"
