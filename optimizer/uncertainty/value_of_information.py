"""What it is worth to know the future, and to plan for more than its mean: EVPI and VSS.

Profits are combined over the members as the scenario's objective does, ``R = (1 - beta) * mean + beta * CVaR``
(the mean, without risk). Then (Birge and Louveaux, Introduction to Stochastic Programming, 2011, chapter 4)::

    RP  = R of the plan for all members (here-and-now plan)
    WS  = R of plans each made for one member alone, as if its future were known
    EEV = R of the plan for the mean forecast: its here-and-now decisions kept, all else decided anew in each member

    EVPI = WS - RP >= 0      what perfect information would be worth
    VSS  = RP - EEV >= 0     what is gained by planning for all members and not for their mean

``R`` never falls when the profit of a member rises, so both signs hold with risk too. Every solve ends with a plan and
a proven bound; the two values are told with the interval that follows from all gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import Problem
from optimizer.uncertainty.members import mean_member
from optimizer.uncertainty.members_apart import MemberOutcomes, SeveralMembers, combined

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.plan import Plan
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value between what is reached and what is proven, currency."""

    value: float
    """From the plans that were found, moved into the interval."""
    low: float
    high: float

    @property
    def is_exact(self) -> bool:
        """Whether the interval is a point, but for rounding."""
        return self.high - self.low <= 1e-6 * max(1.0, abs(self.value))

    @property
    def sign_is_clear(self) -> bool:
        """Whether it is proven to be above 0."""
        return self.low > 0.0


@dataclass(frozen=True)
class ValueOfInformation:
    """RP, WS and EEV of a scenario, by member and combined; money in the scenario's currency."""

    plan: Plan
    """The here-and-now plan for all members."""
    mean_plan: Plan
    """The plan for the mean forecast, for one member."""
    wait_and_see: MemberOutcomes
    mean_value: MemberOutcomes
    """With the here-and-now decisions of ``mean_plan``."""

    @property
    def scenario(self) -> Scenario:
        return self.plan.scenario

    @property
    def rp(self) -> float:
        """Objective of the plan for all members."""
        return float(self.plan.summary["objective"])

    @property
    def rp_bound(self) -> float:
        """Proven upper bound of the same."""
        bound = self.plan.summary["bound"]
        return np.inf if bound is None else float(bound)

    @cached_property
    def ws(self) -> float:
        """Objective with perfect information."""
        return combined(self.scenario, self.wait_and_see.profit)

    @cached_property
    def eev(self) -> float:
        """Objective with the decisions for the mean forecast; -inf where some member cannot carry them out."""
        return combined(self.scenario, self.mean_value.profit)

    @cached_property
    def evpi(self) -> Interval:
        """Expected value of perfect information, at least 0."""
        bound = combined(self.scenario, self.wait_and_see.bound)
        return _interval(self.ws - self.rp, self.ws - self.rp_bound, bound - self.rp)

    @cached_property
    def vss(self) -> Interval:
        """Value of the stochastic solution, at least 0; infinite where the decisions for the mean are infeasible."""
        if not np.isfinite(self.eev):
            return Interval(np.inf, np.inf, np.inf)
        bound = combined(self.scenario, self.mean_value.bound)
        return _interval(self.rp - self.eev, self.rp - bound, self.rp_bound - self.eev)

    @property
    def infeasible_members(self) -> tuple[int, ...]:
        """Members in which the decisions for the mean forecast cannot be carried out."""
        return tuple(np.flatnonzero(~np.isfinite(self.mean_value.profit)).tolist())

    @property
    def by_member(self) -> pd.DataFrame:
        """One row per member: probability and its profit in the three plans, and what its forecast would be worth."""
        import pandas as pd

        here_and_now = self.plan.profit_by_member.to_numpy()
        return pd.DataFrame(
            {
                "probability": self.scenario.ensemble.weights,
                "here_and_now": here_and_now,
                "wait_and_see": self.wait_and_see.profit,
                "mean_value": self.mean_value.profit,
                "regret": self.wait_and_see.profit - here_and_now,
            }
        ).rename_axis("member")

    def as_dict(self) -> dict[str, Any]:
        """Figures for JSON; infinite ones are None."""

        def plain(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        def interval(found: Interval) -> dict[str, float | None]:
            return {"value": plain(found.value), "low": plain(found.low), "high": plain(found.high)}

        return {
            "name": self.scenario.name,
            "currency": self.scenario.currency,
            "members": self.scenario.members,
            "here_and_now": plain(self.rp),
            "here_and_now_bound": plain(self.rp_bound),
            "wait_and_see": plain(self.ws),
            "mean_value": plain(self.eev),
            "evpi": interval(self.evpi),
            "vss": interval(self.vss),
            "infeasible_members": list(self.infeasible_members),
            "by_member": [
                {name: plain(value) for name, value in row.items()} for row in self.by_member.to_dict("records")
            ],
        }


def value_of_information(scenario: Scenario) -> ValueOfInformation:
    """Plan for all members, for each alone and for their mean, and compare.

    Each solve goes to the scenario's gap; members are solved side by side, one thread each.
    Raises InfeasibleError or UnboundedError where there is no plan for all members, for one alone or for the mean
    forecast, NoPlanError where the solver stopped before it had one, and InputError for members that rules tie
    together.
    """
    problem = Problem(scenario)
    plan = problem.solve()
    several = SeveralMembers(scenario, problem)
    mean_problem = Problem(mean_member(scenario))
    mean_values, mean_plan = _solved(mean_problem)
    kept = several.carried_out(several.decisions_of(mean_problem, mean_values))
    return ValueOfInformation(plan, mean_plan, several.wait_and_see(), kept)


def _solved(problem: Problem) -> tuple[Floats, Plan]:
    plan = problem.solve()
    assert problem.memory.values is not None
    return problem.memory.values, plan


def _interval(value: float, low: float, high: float) -> Interval:
    """The value with what the gaps leave open; that it is not below 0 is known."""
    low, high = max(0.0, low), max(0.0, high)
    low = min(low, high)  # where both are proven exactly they may differ in the last digit
    return Interval(min(max(value, low), high), low, high)
