"""Forecasts beside what came of them: the fan of a few days, and skill against persistence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.backtest.engine import decision_steps
from optimizer.backtest.reading import Case
from optimizer.horizon import Horizon
from optimizer.rebasing import window

Floats = NDArray[np.float64]
MOST_ISSUES = 60
"""Decisions whose forecasts are scored, evenly over the time."""


@dataclass(frozen=True)
class Fan:
    """Forecasts of one column, each for the steps until the next decision, and the outcome; (steps,)."""

    column: str
    horizon: Horizon
    mean: Floats
    low: Floats
    """Not exceeded with a probability of a tenth."""
    high: Floats
    """Not exceeded with a probability of nine tenths."""
    outcome: Floats


def fan_around(case: Case, column: str, step: int, days: float = 7.0) -> Fan:
    """The forecasts as they were issued on the days around a step of the record."""
    from optimizer.forecasting import issue

    scenario, settings = case.record.scenario, case.settings
    half = int(days / 2 * 24 / scenario.horizon.step_h)
    forecaster = case.forecaster()
    shown = [
        (first, steps) for first, steps in decision_steps(case) if first + steps > step - half and first <= step + half
    ]
    parts: list[list[Floats]] = [[], [], []]
    for first, steps in shown:
        horizon = window(scenario, first, min(case.window_steps, scenario.horizon.steps - first))
        number = decision_steps(case).index((first, steps))
        forecast = issue(forecaster, case.record.history, horizon.start_utc, horizon, settings.members, seed=number)
        low, high = forecast.quantiles(column, [0.1, 0.9])
        for part, values in zip(parts, (forecast.mean(column), low, high), strict=True):
            part.append(values[:steps])
    begin, end = shown[0][0], shown[-1][0] + shown[-1][1]
    source, _, name = column.partition(".")
    outcome = case.record.columns[source, name][begin:end]
    mean, low, high = (np.concatenate(part) for part in parts)
    return Fan(column, window(scenario, begin, end - begin), mean, low, high, outcome)


def skill(case: Case) -> pd.DataFrame:
    """Scores of the settings' forecasts by column, against persistence, over the horizons of up to 60 decisions.

    Columns as of :meth:`optimizer.forecasting.Verification.table`. Needs the extra ``forecast``.
    """
    from optimizer.forecasting import Persistence, Verification, issue

    scenario, settings = case.record.scenario, case.settings
    names = tuple(name for name in case.record.history.names if _is_forecast(case, name))
    verification = Verification(names)
    if not names:
        return verification.table()
    forecaster = case.forecaster()
    plan = decision_steps(case)
    for number in np.unique(np.linspace(0, len(plan) - 1, min(len(plan), MOST_ISSUES)).astype(int)):
        first, _ = plan[number]
        horizon = window(scenario, first, min(case.window_steps, scenario.horizon.steps - first))
        for label, rule in (("forecast", forecaster), ("persistence", Persistence(names, spread=False))):
            members = settings.members if label == "forecast" else 1
            ensemble = issue(rule, case.record.history, horizon.start_utc, horizon, members, seed=int(number))
            verification.add(label, ensemble, case.record.history)
    return verification.table()


def _is_forecast(case: Case, name: str) -> bool:
    """Whether there is something to forecast: not what is known ahead for good."""
    return case.settings.published.get(name) != "always"
