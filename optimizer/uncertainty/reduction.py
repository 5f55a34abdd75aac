"""A scenario with few members in place of many, and what that costs in money.

The members are compared by the scenario's own series: each that differs by member counts, once per column of data, in
standard deviations (:mod:`optimizer.forecasting.reduction` has the methods). ``weights`` say which series matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError, Problem
from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.reduction import Method, ProfitLoss, Reduction, reduce
from optimizer.problem import Problem as Compiled
from optimizer.quantities import Series
from optimizer.rebasing import _mapped
from optimizer.scenario import Scenario
from optimizer.uncertainty.members import selected_members
from optimizer.uncertainty.members_apart import SeveralMembers, combined

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ReducedScenario:
    """The smaller scenario, and how far its members are from all."""

    scenario: Scenario
    reduction: Reduction
    """Distances before and after, kept members, moments of each series."""


def member_series(scenario: Scenario) -> ForecastEnsemble:
    """All series that differ by member, by their column of data, or by their place in the file where they have none.

    Raises InputError where no series differs by member.
    """
    found: dict[str, Floats] = {}

    def noted(series: Series, place: str) -> Series:
        if series.varies_by_member:
            steps = scenario.horizon.steps
            name = place if series.reference is None else ".".join(series.reference)
            found.setdefault(name, np.broadcast_to(series.values, (scenario.members, steps)))
        return series

    for name in ("sites", "contracts", "workloads"):
        _mapped(getattr(scenario, name), noted, name)
    if not found:
        raise InputError([Problem("ensemble", "no series differs by member, so there is nothing to reduce")])
    return ForecastEnsemble.from_arrays(
        found, scenario.horizon, scenario.horizon.start_utc, probabilities=scenario.ensemble.weights
    )


def reduced(
    scenario: Scenario, members: int, method: Method = "forward", weights: Mapping[str, float] | None = None
) -> ReducedScenario:
    """Keep ``members`` of the scenario's members, with the probabilities of those left out given to them.

    ``weights`` by column of data (``forecast.lz_west_rt``) say what counts; the default is all alike. Members to which
    the method gives no probability are left out as well. Raises InputError as
    :func:`optimizer.forecasting.reduction.reduce` does, and where no series differs by member.
    """
    found = reduce(member_series(scenario), members, method, weights)
    after = found.reduced.probabilities
    kept = [(member, share) for member, share in zip(found.kept, after.tolist(), strict=True) if share > 0.0]
    return ReducedScenario(selected_members(scenario, *map(list, zip(*kept, strict=True))), found)


def profit_lost(scenario: Scenario, smaller: Scenario) -> ProfitLoss:
    """What the smaller scenario's plan promises, and what its here-and-now decisions earn over all members.

    Combined over members as the scenario's objective is. ``implemented`` is -inf where some member cannot carry the
    decisions out. Raises InfeasibleError, UnboundedError and NoPlanError as a solve does.
    """
    problem = Compiled(scenario)
    whole = problem.solve()
    small_problem = Compiled(smaller)
    small = small_problem.solve()
    assert small_problem.memory.values is not None
    several = SeveralMembers(scenario, problem)
    decisions = several.decisions_of(small_problem, small_problem.memory.values)
    earned = combined(scenario, several.carried_out(decisions).profit)
    return ProfitLoss(float(whole.summary["objective"]), float(small.summary["objective"]), earned)
