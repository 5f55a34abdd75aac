"""What happened, and the only door through which a policy sees of it what was known when it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.backtest.present import without_idle
from optimizer.backtest.settings import BacktestSettings
from optimizer.backtest.weighing import as_weighed
from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.horizon import Horizon
from optimizer.rebasing import Column, rebased, references
from optimizer.rest_of_period import Ahead
from optimizer.scenario import Ensemble, Scenario

if TYPE_CHECKING:
    from optimizer.forecasting import ForecastEnsemble, Forecaster, History

Floats = NDArray[np.float64]
ROUNDING = 1e-9
"""Relative size of what is rounding in a forecast."""


@dataclass(frozen=True)
class Record:
    """What happened: a scenario over the whole time, with realised values, and the history from before it on."""

    scenario: Scenario
    """One member; its horizon is the time in which decisions are taken. Windows end with it, so that rules for the end
    of a horizon are met at the end of the whole by every policy alike."""
    history: History
    """All columns of data that the scenario refers to, by ``source.column``."""

    def __post_init__(self) -> None:
        if self.scenario.members != 1:
            message = f"found {self.scenario.members} members; what happened is one path"
            raise InputError([Problem("ensemble.members", message, hint="give --set ensemble.members=1")])

    @cached_property
    def columns(self) -> dict[Column, Floats]:
        """Realised values of each column over the scenario's horizon, (steps,)."""
        found = {}
        first = self.history.first_step(self.scenario.horizon)
        problems = []
        for source, column in references(self.scenario):
            name = f"{source}.{column}"
            self.history.check_names([name])
            values = self.history.raw(name)[max(first, 0) : first + self.scenario.horizon.steps]
            bad = np.flatnonzero(~np.isfinite(values))
            if first < 0 or len(values) < self.scenario.horizon.steps or bad.size:
                at = 0 if first < 0 else int(bad[0]) if bad.size else len(values)
                when = self.scenario.horizon.describe(self.scenario.horizon.start_utc + at * self.history.step)
                problems.append(
                    Problem(name, f"what happened is missing from {when} on", hint="end the backtest before")
                )
            found[source, column] = values
        if problems:
            raise InputError(problems)
        return found

    def actual(self, first: int, steps: int) -> dict[Column, Floats]:
        """Realised values of each column in ``steps`` steps from step ``first`` on."""
        return {column: values[first : first + steps] for column, values in self.columns.items()}


@dataclass(frozen=True)
class Decision:
    """What a policy sees when it decides: nothing here holds a value that was not known by then."""

    number: int
    """Number of the window, from 0."""
    steps: int
    """Steps that will be carried out before the next decision."""
    horizon: Horizon
    """Steps to plan, the first of which starts now."""
    known: History
    """History as far as it was known."""
    blank: Scenario = field(repr=False)
    """The scenario over the whole time without any value from its data files."""
    state: Mapping[str, Any] | None = field(repr=False)
    """States in which the components are: a section ``carry``."""
    forecaster: Forecaster = field(repr=False)
    """How columns are forecast (the settings' rules)."""
    settings: BacktestSettings = field(repr=False)

    def as_weighed(self, scenario: Scenario) -> Scenario:
        """A scenario of this window as decisions are to weigh it: what is charged for longer than the window is charged
        in part."""
        return as_weighed(scenario, self._ahead)

    @cached_property
    def _ahead(self) -> Ahead:
        return Ahead(self.horizon, self.blank.horizon)

    @property
    def at(self) -> pd.Timestamp:
        """When the decision is taken (UTC)."""
        return self.horizon.start_utc

    def forecast(self, members: int) -> ForecastEnsemble:
        """Members of all columns, issued now; the same at each call."""
        from optimizer.forecasting import issue

        return issue(self.forecaster, self.known, self.at, self.horizon, members, seed=self.number)

    def scenario(self, forecast: ForecastEnsemble) -> Scenario:
        """The scenario of this window, with the forecast in place of the data, from the present state on.

        Raises InputError for a forecast that lacks a column or is outside a field's bounds.
        """
        weights = tuple(forecast.probabilities.tolist())
        ensemble = Ensemble(members=forecast.members, probabilities=weights)
        return self.as_weighed(self.window_of(self.blank, self.columns(forecast), ensemble))

    def window_of(
        self, whole: Scenario, columns: Mapping[Column, Floats], ensemble: Ensemble | None = None
    ) -> Scenario:
        """This window of a scenario over the whole time, from the present state on, with ``columns`` in place of its
        data and without the work that has no part in it."""
        scenario = rebased(whole, horizon=self.horizon, columns=columns, ensemble=ensemble, carry=self.state)
        return without_idle(scenario)

    def columns(self, forecast: ForecastEnsemble) -> dict[Column, Floats]:
        """What a forecast says of each column of the scenario's data, (1 or members, steps), without rounding beyond
        the known values. Raises InputError for a column that it lacks."""
        found = {}
        for source, column in references(self.blank):
            name = f"{source}.{column}"
            values = snapped(forecast.values(name), self.known.raw(name))
            found[source, column] = values[:1] if forecast.members == 1 else values
        return found


def snapped(values: Floats, known: Floats) -> Floats:
    """Values that lie outside of the known ones by rounding alone, put on their end: a forecast that repeats a 0 may
    give it back as -1e-16, which a field refuses."""
    seen = known[np.isfinite(known)]
    if not seen.size:
        return values
    low, high = float(seen.min()), float(seen.max())
    rounding = ROUNDING * max(1.0, abs(low), abs(high))
    values = np.where((values < low) & (values >= low - rounding), low, values)
    return np.where((values > high) & (values <= high + rounding), high, values)


def columns_needed(settings: BacktestSettings, scenario: Scenario) -> list[str]:
    """Columns of which the history is needed: those that series refer to, and leaders of the forecasts.

    Raises InputError for settings about columns that are neither.
    """
    referred = [".".join(column) for column in references(scenario)]
    leaders = [name for rule in settings.forecasts for name in rule.leading()]
    needed = list(dict.fromkeys([*referred, *leaders]))
    problems = [
        Problem(f"backtest.{where}", "no series refers to this column", name, hint=did_you_mean(name, needed))
        for where, names in (
            ("published", list(settings.published)),
            ("forecasts", [name for rule in settings.forecasts for name in rule.targets()]),
        )
        for name in names
        if name not in needed
    ]
    if problems:
        raise InputError(problems)
    return needed


def forecaster_of(settings: BacktestSettings, scenario: Scenario) -> Forecaster:
    """The settings' rules together; columns without one are taken to be like the same time of the last day known."""
    from optimizer.forecasting import SeasonalNaive, Together

    covered = [name for rule in settings.forecasts for name in (*rule.targets(), *rule.leading())]
    rest = tuple(name for name in columns_needed(settings, scenario) if name not in covered)
    rules = [rule.forecaster() for rule in settings.forecasts]
    return Together((*rules, *([SeasonalNaive(rest, "day", spread=False)] if rest else [])))
