"""Bundles of members planned apart, with a proven bound and a plan for all: for ensembles too large for one solve.

1. The linear relaxation of the whole ensemble gives a bound, and its duals the first prices
   (:mod:`optimizer.uncertainty.decomposition.prices`).
2. Every bundle of members is planned on its own at these prices, side by side; the bundles' proven bounds add up to one
   of the whole problem.
3. Candidates for the whole here-and-now decisions are those of the bundles' plans and of the relaxation. Each is tried
   in the relaxation with them fixed, which says what it can earn at most and what is best for the continuous ones. The
   best is carried out: all here-and-now decisions fixed, every bundle decides its recourse, and last the continuous
   decisions of all are made anew with every whole one as it is.
4. Prices are moved against the bundles' disagreement, and so on from 2 until the gap is proven, the prices bring
   nothing more, or the time is over.

That the bundles are separable is read off the matrix (:mod:`optimizer.uncertainty.stages`). A measure of risk needs
nothing of its own: the value at risk is a here-and-now column like others.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError, NoPlanError
from optimizer.errors import Problem as InputProblem
from optimizer.highs import PROOF_TOLERANCE, Outcome, Status, relative_gap, solve
from optimizer.uncertainty.blocks import FIXED_WITHIN, Block, Cutter, each, fixed, one_thread
from optimizer.uncertainty.decomposition.prices import SHORTER, Prices, first_prices
from optimizer.uncertainty.decomposition.relaxation import LinearPlan, Relaxation
from optimizer.uncertainty.stages import SHARED, Stages, stages_of

if TYPE_CHECKING:
    from optimizer.compiled import Arrays
    from optimizer.plan import Plan
    from optimizer.problem import Problem
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

BUNDLE_SIZE = 5
"""Members of a bundle: larger ones give a tighter bound and take longer."""
MOST_CANDIDATES = 4
"""Candidates that are tried in each round."""
MOST_ROUNDS = 30
BLOCK_GAP = 0.25
"""Gap to which bundles are solved, as a share of the gap asked for: their gaps add up."""
LEAST_PROGRESS = 0.02
"""Fall of the bound, as a share of what is still open, below which the step is shortened."""
SHORTEST_STEP = 0.05
SHARE_OF_BUNDLES = 0.6
"""Share of the time left that the bundles' plans may take: without candidates carried out there would be no plan."""


def solve_in_bundles(problem: Problem, bundle_size: int = BUNDLE_SIZE) -> Plan:
    """The plan of a problem by scenario bundles; :attr:`Plan.summary` names the road and the proven bound.

    Raises InputError where the members cannot be planned apart, InfeasibleError and UnboundedError as
    :meth:`Problem.solve` does, and NoPlanError where no candidate could be carried out in every member in time.
    """
    if bundle_size < 1:
        raise InputError([InputProblem("bundle_size", value=bundle_size, allowed="at least 1")])
    stages = stages_of(problem)
    options = problem.scenario.solver
    search = _Search(problem.arrays, stages, problem.scenario.ensemble.weights, options, bundle_size)
    outcome = search.run()
    if outcome is None:  # the relaxation has no solution: the usual road says why
        return problem.solve()
    if outcome.values is None:
        raise NoPlanError(
            f"no here-and-now decisions were found that every member can carry out, after {outcome.seconds:.1f} s; no "
            f"plan can earn more than {outcome.bound:,.2f}. Give it more time (solver.time_limit_s) or solve it whole."
        )
    return problem._plan(outcome, outcome.values, problem.arrays.size, problem.build_s)


@dataclass(frozen=True)
class _BundlePlan:
    """A bundle's plan at some prices."""

    objective: float
    bound: float
    values: Floats | None


class _Search:
    def __init__(
        self, arrays: Arrays, stages: Stages, weights: Floats, options: SolverOptions, bundle_size: int
    ) -> None:
        self.arrays, self.stages, self.options = arrays, stages, options
        self.started = time.perf_counter()
        self.shared = stages.here_and_now
        cutter = Cutter(arrays, stages)
        parts = np.array_split(np.arange(len(weights)), max(1, -(-len(weights) // bundle_size)))
        self.blocks = [cutter.block(members) for members in parts]
        mass = np.array([weights[block.members].sum() for block in self.blocks])
        # a bundle that never happens still has a copy; its share in the mean is 0
        self.shares = mass / mass.sum()
        self.relaxation = Relaxation(arrays, options)
        self.bound = np.inf
        self.best: Floats | None = None
        self.tried: set[bytes] = set()
        self.rounds = 0

    @property
    def left_s(self) -> float:
        return max(0.0, self.options.time_limit_s - (time.perf_counter() - self.started))

    @property
    def reached(self) -> float:
        return -np.inf if self.best is None else float(self.arrays.cost @ self.best) + self.arrays.offset

    @property
    def gap(self) -> float:
        return np.inf if self.best is None else relative_gap(self.reached, self.bound)

    def run(self) -> Outcome | None:
        """The best plan and bound; None where the relaxation has no solution."""
        linear = self.relaxation.solve(self.left_s)
        if linear is None:
            return None
        self.bound = linear.objective
        prices = first_prices(self.arrays, self.stages, self.blocks, self.shares, linear.row_dual)
        last = np.inf
        for self.rounds in range(1, MOST_ROUNDS + 1):
            found = self._bundles(prices)
            bound = sum(plan.bound for plan in found) + self.arrays.offset
            self.bound = min(self.bound, bound)
            copies = self._copies(found, linear.values[self.shared])
            self._try_candidates(copies, linear)
            log.debug("bundles, round %d: plan %.8g, bound %.8g", self.rounds, self.reached, self.bound)
            if self.gap <= self.options.mip_rel_gap or self.left_s == 0.0:
                break
            if last - bound < LEAST_PROGRESS * max(last - self.reached, 0.0):
                prices.step *= SHORTER
            last = min(last, bound)
            target = self.reached if self.best is not None else self.bound - abs(self.bound) * self.options.mip_rel_gap
            if prices.step < SHORTEST_STEP or not prices.moved(copies, bound, target):
                break
        return self._outcome()

    # ------------------------------------------------------------------ bound
    def _bundles(self, prices: Prices) -> list[_BundlePlan]:
        """Each bundle planned at its prices."""
        share = self.options.mip_rel_gap * BLOCK_GAP
        options = one_thread(self.options).model_copy(
            update={"mip_rel_gap": share, "time_limit_s": self._seconds_each(SHARE_OF_BUNDLES)}
        )

        def planned(number: int) -> _BundlePlan:
            block = self.blocks[number]
            cost = self.arrays.cost[block.columns]
            cost[block.shared] = prices.costs[number]
            outcome = solve(replace(block.with_cost(cost), least=None), options)
            bound = np.inf if outcome.status in ("infeasible", "unbounded") else outcome.bound
            return _BundlePlan(outcome.objective, bound, outcome.values)

        return each(planned, range(len(self.blocks)), self.options.threads)

    def _seconds_each(self, share: float) -> float:
        """Time limit of each bundle, so that all together take no more than this share of the time left."""
        turns = -(-len(self.blocks) // max(1, self.options.threads))
        return max(0.1, share * self.left_s / turns)

    def _copies(self, found: list[_BundlePlan], otherwise: Floats) -> Floats:
        """Here-and-now columns of each bundle's plan, (bundles, columns)."""
        return np.stack(
            [
                otherwise if plan.values is None else plan.values[block.shared]
                for block, plan in zip(self.blocks, found, strict=True)
            ]
        )

    # ------------------------------------------------------------------ plans
    def _try_candidates(self, copies: Floats, linear: LinearPlan) -> None:
        """Carry out the most promising new choice of the whole here-and-now decisions."""
        whole = self.arrays.integer[self.shared]
        columns = self.shared[whole]
        chosen: list[tuple[float, LinearPlan]] = []
        for candidate in self._candidates(copies, linear.values[self.shared], whole):
            if self.left_s == 0.0:
                break
            plan = self.relaxation.solve_with(columns, candidate, self.left_s)
            if plan is not None and plan.objective > self.reached:
                chosen.append((plan.objective, plan))
        for _, plan in sorted(chosen, key=lambda pair: -pair[0])[:2]:
            if self.gap <= self.options.mip_rel_gap or self.left_s == 0.0:
                return
            self._carry_out(plan.values)

    def _candidates(self, copies: Floats, relaxed: Floats, whole: NDArray[np.bool_]) -> list[Floats]:
        """Whole here-and-now decisions of bundles that have not been tried, the nearest to the mean first."""
        mean = self.shares @ copies
        near = np.abs(copies - mean)[:, whole].sum(axis=1)
        found = [copies[number][whole] for number in np.argsort(near, kind="stable")]
        if np.abs(relaxed[whole] - np.round(relaxed[whole])).max(initial=0.0) < 1e-6:
            found.insert(0, relaxed[whole])
        new: list[Floats] = []
        for fractional in found:
            candidate = np.asarray(np.round(fractional), dtype=float)
            key = candidate.tobytes()
            if key not in self.tried and len(new) < MOST_CANDIDATES:
                self.tried.add(key)
                new.append(candidate)
        return new

    def _carry_out(self, values: Floats) -> None:
        """Fix the here-and-now decisions, let every bundle decide its recourse, and keep the plan if it is better."""
        decided = values[self.shared]
        options = one_thread(self.options).model_copy(
            update={
                "mip_rel_gap": self.options.mip_rel_gap * BLOCK_GAP,
                "time_limit_s": self._seconds_each(1.0),
            }
        )

        def recourse(block: Block) -> Floats | None:
            arrays = block.with_cost(self.arrays.cost[block.columns])
            held = fixed(arrays, block.shared, decided, within=FIXED_WITHIN)  # made exact by the last step
            return None if held is None else solve(replace(held, least=None), options).values

        found = each(recourse, self.blocks, self.options.threads)
        whole = values.copy()
        for block, part in zip(self.blocks, found, strict=True):
            if part is None:
                return
            own = self.stages.member_of_column[block.columns] != SHARED
            whole[block.columns[own]] = part[own]
        polished = self._polished(whole)
        if polished is not None and float(self.arrays.cost @ polished) + self.arrays.offset > self.reached:
            self.best = polished

    def _polished(self, values: Floats) -> Floats | None:
        """All continuous decisions anew, with every whole one as it is."""
        columns = np.flatnonzero(self.arrays.integer)
        held = fixed(self.arrays, columns, values[columns])
        if held is None:
            return None
        options = self.options.model_copy(update={"time_limit_s": max(1.0, self.left_s)})
        return solve(replace(held, integer=np.zeros_like(held.integer)), options).values

    def _outcome(self) -> Outcome:
        seconds = time.perf_counter() - self.started
        road = f"{len(self.blocks)} bundles of members, {self.rounds} round{'s' if self.rounds > 1 else ''}"
        if self.best is None:
            return Outcome("no_plan", "no candidate", np.nan, self.bound, np.inf, None, road=road, seconds=seconds)
        bound = max(self.bound, self.reached)
        gap = relative_gap(self.reached, bound)
        proven = gap <= self.options.mip_rel_gap + PROOF_TOLERANCE
        stopped_by = "optimal" if proven else "time limit reached" if self.left_s == 0.0 else "prices at rest"
        status: Status = "optimal" if proven else "feasible"
        return Outcome(status, stopped_by, self.reached, bound, gap, self.best, road=road, seconds=seconds)
