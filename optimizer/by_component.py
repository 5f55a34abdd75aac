"""A plan some components at a time: put in one after another, then those that lose most are planned anew.

Dozens of jobs on one pool get in each other's way. What they share has a price in the linear relaxation, and at these
prices each of them can be asked what it would do by itself (:mod:`optimizer.decoupled`). That proves a bound, mostly a
far better one than the relaxation's, and it says what each component loses in a plan by making way for others: mostly
it is a handful that want the same nodes at the same time, while all others earn what they can. So parts are chosen by
what they lose and not by the clock:

- *put in*: from the plan in which no whole decision is taken, components follow one by one in the order in which the
  relaxation has them run. Each takes what is left to it where that is worth the price, so that those that follow find
  what they would pay more for;
- *planned anew*: the component that has lost most, together with those near to it in time that have lost most as well;
  where that has gained nothing, with those that stand in its way, since they pay for what it would take by itself.
  Every time that a component has been looked at without a gain it counts for half as much.

All decisions of other components are held; what is no whole decision is free in the steps in which the chosen ones
have a say. Nothing here is random. With several threads components are asked while others are put in, and several
groups that have no component in common are planned anew side by side from the same plan: their gains add up where both
fit into it together, and else the larger one counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.decision_windows import put_together
from optimizer.decoupled import Alone, Decoupled
from optimizer.highs import solve
from optimizer.interruptible import side_by_side
from optimizer.subproblem import Whole
from optimizer.time_windows import Spans

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

MANY_COMPONENTS = 12
"""Components with whole decisions from which on a plan is made this way."""
TOGETHER, LEAST_TOGETHER, MOST_TOGETHER = 6, 3, 12
"""Components that are planned anew together, in the largest group: at first; two thirds after one that has been stopped
without a gain, one more after one that has been solved."""
MOST_DECISIONS = 2500
"""Most whole decisions of those."""
NEAR_STEPS = 48.0
"""Distance in time, steps, at which another component counts 1/e as much."""
REACH_STEPS = 96.0
"""Steps after the last of the chosen in the relaxation up to which what they share with others is free."""
FIRST_SHARE, LATER_SHARE = 0.015, 0.045
"""Shares of the time limit for one component that is put in or asked, and for one part that is planned anew."""
WITHIN_GAP, LATER_GAP = 0.02, 0.0125
"""How near to their best parts are solved, as shares of the gap asked for: all components that are put in or asked
together, and one part that is planned anew."""
WORTHWHILE = 0.025
"""Gain of a part that starts the count of tries anew, and loss below which the search is over; as the gaps."""
WITHIN = 1e-7
"""Violation of a row that counts as none; HiGHS's own tolerance."""
VIOLATION = 5e-7
"""Relative violation up to which gains of two parts fit together; a whole plan may have twice as much."""
LEAST_GAP = 1e-4
"""Relative gap that counts where less is asked for."""
SETTINGS: dict[str, Any] = {
    "presolve_rule_off": 1 << 15,  # probing takes two thirds of the presolve of a part and removes next to nothing
    "simplex_dual_edge_weight_strategy": 1,  # Devex: fewer seconds on the degenerate rows of jobs
}


class ByComponent:
    """Parts of ``whole`` by component; ``relaxed``, (columns,), and ``row_dual``, (rows,), are the optimum of its
    relaxation and its duals, ``bound`` is what that proves."""

    def __init__(
        self,
        whole: Whole,
        spans: Spans,
        relaxed: Floats,
        row_dual: Floats,
        bound: float,
        options: SolverOptions,
        left_s: Callable[[], float],
    ) -> None:
        self.whole, self.spans, self.left_s = whole, spans, left_s
        self.threads = options.threads
        self.options = options.model_copy(update={"portfolio": 1, "threads": 1, "mip_rel_gap": 0.0})
        self.interrupted = False
        arrays = whole.arrays
        self.apart = Decoupled(whole, spans, relaxed, row_dual)
        self._free = arrays.integer & (arrays.col_lower < arrays.col_upper)
        self._gap_money = max(LEAST_GAP, options.mip_rel_gap) * abs(bound)
        self._relaxed_bound = bound
        weight = relaxed[self._free] + 1e-9  # where the relaxation takes nothing, all of its steps count alike
        of = self.apart.group[self._free]
        total = np.bincount(of, weight)
        self._at = np.bincount(of, weight * spans.step[self._free]) / total

    @property
    def components(self) -> Numbers:
        """Numbers of the components with whole decisions."""
        return self.apart.components

    @property
    def bound(self) -> float:
        """What is proven for every plan."""
        return min(self._relaxed_bound, self.apart.bound)

    def put_in(self, start: Floats | None = None) -> Floats | None:
        """A plan from nothing, or ``start``, and meanwhile each component asked what it would do by itself; None where
        there is no plan without any whole decision, or no time for one. Of what is interrupted, or runs out of time,
        that is kept which has been put in."""
        values = self._without_decisions() if start is None else start
        if values is None or self.left_s() <= 0:
            return start
        asked: list[int | None] = [*range(len(self.components))]
        first = [values]

        def piece(number: int | None) -> Alone | None:
            if number is None:
                first.append(self._one_by_one(values))
                return None
            return None if self.left_s() <= 0 or self.interrupted else self._alone(number)

        pieces = asked if start is not None else [None, *asked]
        for number, alone in zip(pieces, side_by_side(piece, pieces, self.threads), strict=True):
            if number is not None and alone is not None:
                self.interrupted |= alone.interrupted
                self.apart.take(number, alone)
        log.debug("%d components asked: bound %.8g, %.1f s left", len(asked), self.bound, self.left_s())
        return first[-1]

    def planned_anew(self, values: Floats, good_enough: Callable[[Floats], bool]) -> Floats:
        """The plan with its losses made smaller, until it is good enough, nothing is gained or the time is over."""
        tries = np.zeros(len(self.components))
        least, together = WORTHWHILE * self._gap_money, TOGETHER
        while self.left_s() > 0 and not self.interrupted and not good_enough(values):
            groups = self._groups(values, tries, least, together)
            if not groups:
                break
            parts = side_by_side(partial(self._planned, values), groups, self.threads)
            before = self.whole.objective(values)
            gains = [self.whole.objective(found) - before for found, _ in parts]
            values = self._joined(values, [found for found, _ in parts], gains)
            for chosen, gained, (_, is_solved) in zip(groups, gains, parts, strict=True):
                log.debug("%d components planned anew: %+.6g%s", len(chosen), gained, "" if is_solved else ", stopped")
                tries[chosen if is_solved else chosen[:1]] += 1
            if parts[0][1]:
                together = min(MOST_TOGETHER, together + 1)
            elif gains[0] <= least:  # too many to be planned in the time
                together = max(LEAST_TOGETHER, 2 * together // 3)
            if max(gains) > least:
                tries[:] = 0
            log.debug("now %.8g, %.1f s left", self.whole.objective(values), self.left_s())
        return values

    def _alone(self, number: int) -> Alone:
        within = WITHIN_GAP * self._gap_money / len(self.components)
        return self.apart.alone(number, self._limited(FIRST_SHARE), within, SETTINGS)

    def _one_by_one(self, values: Floats) -> Floats:
        """Components put in one after another, at the prices of what they share."""
        within = WITHIN_GAP * self._gap_money / len(self.components)
        for number in np.argsort(self._at, kind="stable"):
            if self.interrupted or self.left_s() <= 0:
                break
            values, _ = self._part(np.array([number]), values, FIRST_SHARE, within, cost=self.apart.cost)
        return values

    def _planned(self, values: Floats, chosen: Numbers) -> tuple[Floats, bool]:
        return self._part(chosen, values, LATER_SHARE, LATER_GAP * self._gap_money)

    def _joined(self, values: Floats, found: list[Floats], gains: list[float]) -> Floats:
        """The plan with the gains of several parts of it, the larger ones first, as far as they fit together."""
        arrays, joined = self.whole.arrays, values
        for number in np.argsort(-np.array(gains), kind="stable"):
            if gains[number] <= 0:
                break
            both = put_together(values, joined, found[number], arrays.col_lower, arrays.col_upper)
            if joined is values or self.whole.violation(both) <= VIOLATION:
                joined = both
        return joined

    def _groups(self, values: Floats, tries: Floats, least: float, together: int) -> list[Numbers]:
        """Positions of components to be planned anew, in a group for each thread, none of them in two; each begins with
        the one that has lost most. The first is the largest: beside a large group that may be stopped without a gain a
        small one is soon solved. Empty where nobody has lost much."""
        lost, paid, wanted = self.apart.lost(values), self.apart.paid(values), self.apart.paid(self.apart.choice)
        left = np.ones(len(lost), bool)
        groups: list[Numbers] = []
        for number in range(self.threads):
            counted = np.where(left, lost, 0.0) * 0.5**tries
            seed = int(np.argmax(counted))
            if counted[seed] < least:
                break
            near = np.exp(-np.abs(self._at - self._at[seed]) / NEAR_STEPS)
            weight = (np.maximum(lost, 0.0) + least) * near
            if tries[seed] % 2 == 1:
                weight += np.minimum(paid, wanted[seed]).clip(min=0.0).sum(axis=1)
            weight *= 0.5**tries
            weight[seed] = np.inf
            size = min(max(LEAST_TOGETHER, together // (number + 1)), int(left.sum()))
            order = np.argsort(-np.where(left, weight, -1.0), kind="stable")[:size]
            fits = np.cumsum(self.apart.decisions[order]) <= MOST_DECISIONS
            fits[0] = True
            groups.append(order[fits])
            left[order[fits]] = False
        return groups

    def _limited(self, share_of_time: float) -> SolverOptions:
        """The options for a part that may take so much of the time limit."""
        seconds = max(1e-2, min(share_of_time * self.options.time_limit_s, self.left_s()))
        return self.options.model_copy(update={"time_limit_s": seconds})

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
        settings = {"mip_abs_gap": LATER_GAP * self._gap_money}
        outcome = solve(replace(arrays, col_upper=upper, least=None), self._limited(1.0), settings=settings)
        self.interrupted = outcome.stopped_by == "interrupt"
        return None if self.interrupted else outcome.values

    def _part(
        self, chosen: Numbers, values: Floats, share_of_time: float, within: float, cost: Floats | None = None
    ) -> tuple[Floats, bool]:
        """The values with the components at the positions ``chosen`` planned anew, to the money ``within`` the best, as
        they are where that fails; and whether the part was solved in its time. ``cost``, (columns,): what counts in
        place of the money."""
        spans = self.spans
        own = np.isin(self.apart.group, chosen)
        decided = self._free & own
        end = min(float(spans.last[decided].max()) + 1, float(self._at[chosen].max()) + REACH_STEPS)
        around = spans.within(float(spans.first[decided].min()), end)
        part = self.whole.part((around | own) & ~(self._free & ~decided), values, decided)
        arrays = replace(part.arrays, least=None)  # ties are broken at the end
        if cost is not None:
            arrays = replace(arrays, cost=cost[part.columns], offset=0.0)
        settings = SETTINGS | {"mip_abs_gap": within}
        outcome = solve(arrays, self._limited(share_of_time), start=values[part.columns], settings=settings)
        if outcome.stopped_by == "interrupt":
            self.interrupted = True
        return values if outcome.values is None else part.put(outcome.values, values), outcome.stopped_by == "optimal"
