"""Ways to decide, each given only what was known: optimised, by a strike price, always on, or the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from optimizer.backtest.record import Decision
from optimizer.backtest.schedules import LookAhead, Schedule, hedged, targets_of
from optimizer.backtest.workshop import ONE_MEMBER, Workshop
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
    decides_by_site: ClassVar[bool] = True
    """Sites that share nothing are decided apart (:mod:`optimizer.backtest.site_groups`)."""

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        return planned(decision, workshop, decision.forecast(decision.settings.members).expected())

    def switch(self) -> Switching | None:
        return None


@dataclass(frozen=True)
class Stochastic:
    """Plans with all members: what is decided before they part is the same for all, and carried out. With recourse,
    what can be set now is set in each step with all members of what may come after it
    (:mod:`optimizer.backtest.recourse`); what is set ahead but differs by member is planned again with their mean."""

    name: str = "ensemble"
    recourse: bool = True
    risk: Risk = field(default_factory=Risk)

    @property
    def decides_by_site(self) -> bool:
        """Only where it weighs no tail, which is one of the profits of all sites together."""
        return self.risk.beta == 0.0

    def decide(self, decision: Decision, workshop: Workshop) -> Schedule:
        forecast = decision.forecast(decision.settings.members)
        chosen = reduced(forecast, decision.settings.reduce_to)
        scenario = decision.scenario(chosen).model_copy(update={"risk": self.risk})
        problem = workshop.problem(self.name, scenario)
        outcome = workshop.planned(problem)
        here_and_now = here_and_now_of(problem, _values(outcome))
        if decision.settings.positions == "hedge":
            outcome, positions = _hedged(problem, problem.arrays, outcome, workshop)
            here_and_now |= positions
        schedule = planned(decision, workshop, forecast.expected(), here_and_now)
        facts = {"members_gap": outcome.gap, "members_highs_s": outcome.seconds}
        return replace(
            schedule,
            expected_profit=outcome.objective,
            facts={**schedule.facts, **facts},
            look_ahead=LookAhead(chosen.members, self.risk),
        )

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
    decides_by_site: ClassVar[bool] = True

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
    decides_by_site: ClassVar[bool] = True

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
    problem = workshop.problem(ONE_MEMBER, scenario)
    arrays = problem.arrays
    if here_and_now:
        arrays = _decided(problem, here_and_now)
    outcome = workshop.planned(problem, arrays)
    expected = {column: values[0] for column, values in decision.columns(forecast).items()}
    facts = {"gap": outcome.gap, "bound": outcome.bound, "road": outcome.road, "highs_s": outcome.seconds}
    if here_and_now is None and decision.settings.positions == "hedge":
        outcome, _ = _hedged(problem, arrays, outcome, workshop)
    return Schedule(targets_of(problem, _values(outcome)), expected, outcome.objective, facts)


def _hedged(
    problem: Compiled, arrays: Arrays, outcome: Outcome, workshop: Workshop
) -> tuple[Outcome, dict[str, Floats]]:
    """The plan with positions that buy what it expects to be used, and these positions by name.

    A position that nothing else depends on (one price in real time) only moves the money; else it is planned again.
    """
    positions = hedged(problem, _values(outcome))
    values, objective = _values(outcome).copy(), outcome.objective
    tied = False
    for variable in problem.compiled.evaluator.variables:
        if variable.name in positions:
            columns = problem.compiled.columns(variable)
            tied |= bool(np.diff(arrays.matrix.indptr)[columns].any())
            objective += float(arrays.cost[columns] @ (positions[variable.name] - values[columns]))
            values[columns] = positions[variable.name]
    if tied:
        return workshop.planned(problem, _decided(problem, positions)), positions
    return replace(outcome, values=values, objective=objective), positions


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


def reduced(forecast: ForecastEnsemble, members: int | None) -> ForecastEnsemble:
    """A forecast with few members (None: all), moved so that the mean of each column stays what it was.

    What is bought ahead depends on the mean alone where a plan is risk-neutral, and few members miss it: of prices with
    spikes by 5 % and more. Values stay within those of all members.
    """
    from optimizer.forecasting import reduce

    if members is None or members >= forecast.members:
        return forecast
    few = reduce(forecast, members, method="energy").reduced
    moved = {}
    for name in few.names:
        values, every = few.values(name), forecast.values(name)
        moved[name] = np.clip(values + forecast.mean(name) - few.mean(name), every.min(axis=0), every.max(axis=0))
    return few.with_variables(moved, few.units)


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
