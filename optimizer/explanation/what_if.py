"""What another scenario would earn more or less: a later deadline, a lower service level, a warmer day; really solved.

Each case is solved as the scenario itself is, and told with the interval that both proofs leave
(:mod:`optimizer.explanation.resolved`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from optimizer.errors import InputError
from optimizer.explanation.fixed_plan import solved_plan
from optimizer.explanation.levers import Variants, levers_of
from optimizer.explanation.resolved import Base, Difference, Other
from optimizer.parallel import Count, Pace
from optimizer.problem import Problem
from optimizer.quantities import Series
from optimizer.rebasing import Column, rebased
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

WARMER_K = 2.0
"""How much warmer the warmer day is."""


@dataclass(frozen=True)
class Case:
    """One case: what is different, and what it earns more."""

    name: str
    difference: Difference | None
    """None where the scenario is refused; ``why`` says so."""
    why: str = ""


@dataclass(frozen=True)
class WhatIf:
    """Cases of a scenario, in the order in which they were given."""

    scenario: Scenario
    objective: float
    bound: float
    cases: tuple[Case, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row per case: what it earns more, and the proven interval."""
        import pandas as pd

        rows = []
        for case in self.cases:
            found = case.difference
            told = (np.nan,) * 3 if found is None else (found.value, found.low, found.high)
            rows.append((case.name, *told, case.why))
        return pd.DataFrame(rows, columns=["case", "value", "low", "high", "why"])


def what_if(
    scenario: Scenario | Problem,
    cases: Mapping[str, Mapping[str, Any] | Scenario] | None = None,
    *,
    progress: Callable[[Count], None] | None = None,
) -> WhatIf:
    """What each case earns more than the scenario, currency over the horizon.

    A case is a scenario, or values by path as of ``--set``; by default those of :func:`usual_cases`. Raises InputError
    for a path given here that leads nowhere, and what :meth:`Problem.solve` raises for the scenario itself.
    """
    problem = scenario if isinstance(scenario, Problem) else Problem(scenario)
    variants = Variants(problem.scenario)
    if cases is None:
        scenarios: dict[str, Scenario | InputError] = dict(usual_cases(problem.scenario, variants))
    else:
        scenarios = {n: c if isinstance(c, Scenario) else variants.with_values(c) for n, c in cases.items()}
    outcome, fixed = solved_plan(problem)
    base = Base(outcome, fixed)
    others: dict[str, Other] = {}
    pace = Pace(len(scenarios))
    for name, other in scenarios.items():
        if isinstance(other, Scenario):
            others[name] = Other(Problem(other, like=problem), base)
        if progress is not None:
            progress(pace.step())
    found = [
        Case(name, None, str(other)) if isinstance(other, InputError) else Case(name, others[name].difference(base))
        for name, other in scenarios.items()
    ]
    return WhatIf(problem.scenario, base.objective, base.bound, tuple(found))


def usual_cases(scenario: Scenario, variants: Variants) -> Iterator[tuple[str, Scenario | InputError]]:
    """A day more for each deadline, one nine less for each service level, and a warmer hottest day."""
    for lever in levers_of(scenario):
        field = lever.path.rpartition(".")[2]
        if field == "deadline":
            yield f"{lever.label}: deadline a day later", _tried(partial(variants.more, lever.path, 24.0))
        if field == "min_served" and 0.0 < (level := variants.mean_of(lever.path)) < 1.0:
            lower = max(0.0, 1.0 - 10.0 * (1.0 - level))
            name = f"{lever.label}: {lower:.6g} of the demand has to be served instead of {level:.6g}"
            yield name, _tried(partial(variants.with_values, {lever.path: lower}))
    columns = temperatures(scenario)
    if columns:
        yield f"the hottest day {WARMER_K:g} K warmer", _tried(partial(warmer_day, scenario))


def _tried(make: Callable[[], Scenario]) -> Scenario | InputError:
    try:
        return make()
    except InputError as error:
        return error


def temperatures(scenario: Scenario) -> dict[Column, Any]:
    """Values of the data columns to which series in °C refer, as they are in the files, (1 or members, steps)."""
    found: dict[Column, Any] = {}
    _collect([scenario.sites, scenario.contracts, scenario.workloads], found)
    return found


def _collect(value: Any, found: dict[Column, Any]) -> None:
    if isinstance(value, Series):
        if value.unit == "°C" and value.reference is not None and isinstance(value.raw, str):
            found[value.reference] = value.values
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            _collect(getattr(value, name), found)
    elif isinstance(value, tuple | list):
        for item in value:
            _collect(item, found)


def warmer_day(scenario: Scenario, by: float = WARMER_K) -> Scenario:
    """The scenario with all its temperatures ``by`` K higher on the local day with the highest one."""
    columns = temperatures(scenario)
    local = scenario.horizon.local
    hottest = np.max([values.max(axis=0) for values in columns.values()], axis=0)
    day = local.normalize() == local.normalize()[int(np.argmax(hottest))]
    return rebased(scenario, columns={key: values + by * day for key, values in columns.items()})
