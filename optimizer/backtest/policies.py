"""Ways to decide, each given only what was known: optimised, by a strike price, always on, or the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from optimizer.backtest.record import Decision
from optimizer.backtest.schedules import Schedule, targets_of
from optimizer.backtest.workshop import Workshop
from optimizer.errors import InputError, Problem
from optimizer.scenario import Risk

if TYPE_CHECKING:
    from optimizer.backtest.execution import Switching
    from optimizer.backtest.settings import BacktestSettings
    from optimizer.compiled import Arrays
    from optimizer.forecasting import ForecastEnsemble
    from optimizer.highs import Outcome
    from optimizer.problem import Problem as Compiled

Floats = NDArray[np.float64]
FORESIGHT = "perfect_foresight"
"""The upper end of the scale; no policy, as nothing is hidden from it (:mod:`optimizer.backtest.settlement`)."""


class Policy(Protocol):
    """Decides what is to be done in a window."""

    @property
    def name(self) -> str:
        """Name in results."""
        ...

    @property
    def recourse(self) -> bool:
        """Whether what can be set in the step itself is decided again when the step comes."""
        ...

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        """A schedule for the window, from what was known alone."""
        ...

    def switch(self) -> Switching | None:
        """Whether what mines is on, step by step; None where the schedule says so."""
        ...


@dataclass(frozen=True)
class Optimized:
    """Plans with the mean of the forecast."""

    name: str = "deterministic"
    recourse: bool = True

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        return planned(decision, workshop, decision.forecast(decision.settings.members).expected())

    def switch(self) -> Switching | None:
        return None


@dataclass(frozen=True)
class Stochastic:
    """Plans with all members: what is decided before they part is the same for all (and carried out); what comes after
    is planned again with their mean."""

    name: str = "ensemble"
    recourse: bool = True
    risk: Risk = field(default_factory=Risk)

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        forecast = decision.forecast(decision.settings.members)
        few = decision.settings.reduce_to
        chosen = forecast if few is None or few >= forecast.members else _reduced(forecast, few)
        scenario = decision.scenario(chosen).model_copy(update={"risk": self.risk})
        problem = workshop.problem(self.name, scenario)
        outcome = workshop.planned(problem)
        here_and_now = here_and_now_of(problem, _values(outcome))
        schedule = planned(decision, workshop, forecast.expected(), here_and_now)
        facts = {"members_gap": outcome.gap, "members_highs_s": outcome.seconds}
        return replace(schedule, expected_profit=outcome.objective, facts={**schedule.facts, **facts})

    def switch(self) -> Switching | None:
        return None


@dataclass(frozen=True)
class ByStrikePrice:
    """The industry's rule: what mines stops above its break-even price and starts again below a part of it. All other
    work is planned with the mean of the forecast."""

    name: str = "strike_price"
    on_fraction: float = 0.95
    """What has stopped starts again below this part of the break-even price, so that it does not flutter."""
    recourse: bool = True

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        return planned(decision, workshop, decision.forecast(decision.settings.members).expected())

    def switch(self) -> Switching:
        def on(was_on: bool, price: float, break_even: float) -> bool:
            return price <= break_even * (1.0 if was_on else self.on_fraction)

        return on


@dataclass(frozen=True)
class AlwaysOn:
    """What mines never stops, as far as power and cooling suffice. All other work is planned with the mean of the
    forecast. The lower end of the scale: what flexibility earns is counted from here."""

    name: str = "always_on"
    recourse: bool = True

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        return planned(decision, workshop, decision.forecast(decision.settings.members).expected())

    def switch(self) -> Switching:
        return lambda was_on, price, break_even: True


def planned(
    decision: Decision,
    workshop: Workshop,
    forecast: ForecastEnsemble,
    here_and_now: Mapping[str, Floats] | None = None,
) -> Schedule:
    """The optimal schedule for one member; ``here_and_now`` holds variables that have been decided already."""
    scenario = decision.scenario(forecast)
    problem = workshop.problem("one member", scenario)
    arrays = problem.arrays
    if here_and_now:
        arrays = _decided(problem, here_and_now)
    outcome = workshop.planned(problem, arrays)
    expected = {column: values[0] for column, values in decision.columns(forecast).items()}
    facts = {"gap": outcome.gap, "bound": outcome.bound, "road": outcome.road, "highs_s": outcome.seconds}
    return Schedule(targets_of(problem, _values(outcome)), expected, outcome.objective, facts)


def _decided(problem: Compiled, here_and_now: Mapping[str, Floats]) -> Arrays:
    """Arrays with the decisions taken before fixed, where the model of one member has them in the same shape."""
    arrays = problem.arrays
    lower, upper = arrays.col_lower.copy(), arrays.col_upper.copy()
    for variable in problem.compiled.evaluator.variables:
        columns = problem.compiled.columns(variable)
        values = here_and_now.get(variable.name)
        if values is None or values.shape != columns.shape or getattr(variable, "scheduled", None) != "ahead":
            continue
        lower[columns] = np.clip(values, arrays.col_lower[columns], arrays.col_upper[columns])
        upper[columns] = lower[columns]
    return replace(arrays, col_lower=lower, col_upper=upper)


def by_name(name: str, settings: BacktestSettings, risk: Risk) -> Policy:
    """The policy of a settings' name. Raises InputError where the scenario does not say what it needs."""
    if name == "risk_averse" and risk.weight == 0.0:
        message = "the policy risk_averse weighs the bad members, but risk.weight is 0"
        raise InputError([Problem("risk.weight", message, allowed="above 0")])
    policies: dict[str, Policy] = {
        "deterministic": Optimized(recourse=settings.recourse),
        "schedule": Optimized("schedule", recourse=False),
        "ensemble": Stochastic(recourse=settings.recourse),
        "risk_averse": Stochastic("risk_averse", settings.recourse, risk),
        "strike_price": ByStrikePrice(on_fraction=settings.strike_on_fraction, recourse=settings.recourse),
        "always_on": AlwaysOn(recourse=settings.recourse),
    }
    if name not in policies:
        raise InputError([Problem("policy", "is not known", name, f"one of: {', '.join([*policies, FORESIGHT])}")])
    return policies[name]


def _reduced(forecast: ForecastEnsemble, members: int) -> ForecastEnsemble:
    from optimizer.forecasting import reduce

    return reduce(forecast, members, method="energy").reduced


def here_and_now_of(problem: Compiled, values: Floats) -> dict[str, Floats]:
    """Values of the variables that are the same for all members, by name."""
    members = problem.scenario.members
    found = {}
    for variable in problem.compiled.evaluator.variables:
        sets = list(variable.index_set().subsets())
        if members > 1 and any(factor is problem.compiled.model.members for factor in sets):
            continue
        found[variable.name] = values[problem.compiled.columns(variable)]
    return found


def _values(outcome: Outcome) -> Floats:
    assert outcome.values is not None
    return outcome.values
