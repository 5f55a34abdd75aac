"""The members of a scenario planned apart: each as if it were certain, or with decisions that are taken already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InfeasibleError, NoPlanError, UnboundedError
from optimizer.highs import Outcome, solve
from optimizer.summary import cvar
from optimizer.uncertainty.blocks import FIXED_WITHIN, Cutter, each, fixed, one_thread
from optimizer.uncertainty.stages import member_profits, problem_with_risk, stages_of

if TYPE_CHECKING:
    from optimizer.problem import Problem
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MemberOutcomes:
    """Profits of plans with the same rules for every member, (members,) each, currency."""

    profit: Floats
    """Reached; -inf where no plan exists."""
    bound: Floats
    """Proven upper bounds."""

    @property
    def is_feasible(self) -> bool:
        return bool(np.isfinite(self.profit).all())


class SeveralMembers:
    """The members of a scenario, to be planned apart."""

    def __init__(self, scenario: Scenario, problem: Problem | None = None) -> None:
        self.scenario = scenario
        self.problem = problem_with_risk(scenario, problem)
        self.profits = member_profits(self.problem)
        self.stages = stages_of(self.problem, self.profits)
        self._cutter = Cutter(self.problem.arrays, self.stages)

    def decisions_of(self, other: Problem, values: Floats) -> Floats:
        """Here-and-now decisions of a plan for the same components and other members, in this problem's order; NaN for
        the value at risk, which is none.

        Raises ValueError where the other problem does not know one of them.
        """
        known = {str(variable.name): variable for variable in other.compiled.evaluator.variables}
        found = np.full(len(self.stages.member_of_column), np.nan)
        for name, columns in self.stages.names.items():
            theirs = other.compiled.columns(known[name]) if name in known else np.zeros(0, np.int64)
            if theirs.shape != columns.shape:
                raise ValueError(
                    f"{name} is decided for all members here, and not, or in other steps, in the other plan"
                )
            found[columns] = values[theirs]
        return np.asarray(found[self.stages.here_and_now])

    def wait_and_see(self) -> MemberOutcomes:
        """Each member planned alone. Raises InfeasibleError, UnboundedError or NoPlanError where one has no plan."""
        found = self._each(None)
        hopeless = np.flatnonzero(~np.isfinite(found.profit))
        if hopeless.size:
            raise InfeasibleError(f"there is no plan for member {', '.join(map(str, hopeless))} alone")
        return found

    def carried_out(self, decisions: Floats) -> MemberOutcomes:
        """Each member with the here-and-now decisions kept, (here-and-now columns,), and all else decided anew."""
        return self._each(decisions)

    def _each(self, decisions: Floats | None) -> MemberOutcomes:
        options = one_thread(self.scenario.solver)
        kept = self.stages.decided[self.stages.here_and_now]

        def solved(member: int) -> tuple[float, float]:
            block = self._cutter.block([member])
            arrays = block.with_cost(self.profits.coefficients[[member]].toarray()[0][block.columns])
            if decisions is None:
                return self._reached(member, solve(arrays, options))
            # exactly; where only rounding of the decisions stands against that, as nearly as HiGHS itself is exact
            for within in (0.0, FIXED_WITHIN):
                held = fixed(arrays, block.shared[kept], decisions[kept], within=within)
                if held is None:
                    break
                found = self._reached(member, solve(held, options))
                if np.isfinite(found[0]):
                    return found
            return -np.inf, -np.inf

        found = np.array(each(solved, range(self.scenario.members), self.scenario.solver.threads))
        return MemberOutcomes(found[:, 0], found[:, 1])

    def _reached(self, member: int, outcome: Outcome) -> tuple[float, float]:
        """Profit and bound of one member; -inf where it has no plan."""
        if outcome.status == "infeasible":
            return -np.inf, -np.inf
        if outcome.status == "unbounded":
            raise UnboundedError(f"the profit of member {member} alone can grow without limit")
        if outcome.values is None:
            raise NoPlanError(f"HiGHS stopped ({outcome.stopped_by}) before it found a plan for member {member}")
        constant = float(self.profits.constant[member])
        return outcome.objective + constant, outcome.bound + constant


def combined(scenario: Scenario, profits: Floats) -> float:
    """Profits of the members, (members,), as the scenario's objective adds them up; members of probability 0 do not
    count."""
    happens = scenario.ensemble.weights > 0.0
    weights, profits = scenario.ensemble.weights[happens], profits[happens]
    if not np.isfinite(profits).all():
        return float(profits[~np.isfinite(profits)].min())
    beta = scenario.risk.beta
    expected = float(weights @ profits)
    return (
        expected if beta == 0.0 else (1.0 - beta) * expected + beta * cvar(profits, weights, 1.0 - scenario.tail_share)
    )
