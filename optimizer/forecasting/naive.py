"""The naive forecasts against which others are judged: persistence and the same time a day or a week ago."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.history import History
from optimizer.forecasting.look_back import LookBack
from optimizer.forecasting.past_errors import Limits, PastErrors, days, even_draws
from optimizer.forecasting.point_rules import LastValue, PointRule, SamePeriod
from optimizer.horizon import Horizon

FEWEST_ORIGINS = 7
"""Past days that must be there to draw errors from."""


def _dressed(
    rule: PointRule,
    variables: tuple[str, ...],
    look_back_days: int,
    spread: bool,
    limits: Limits,
    known: History,
    issued_at: pd.Timestamp,
    horizon: Horizon,
    members: int,
    seed: int,
) -> ForecastEnsemble:
    """Members of a rule: its path, with (`spread`) the whole error paths of past days."""
    ahead_days = int(np.ceil((horizon.end_utc - issued_at) / pd.Timedelta(days=1)))
    fewest = FEWEST_ORIGINS if spread else 0
    at_least = days(max(rule.warm_up_days, 1) + (fewest + ahead_days if spread else 0))
    look = LookBack(known, issued_at, horizon, variables, max(days(look_back_days), at_least), at_least)
    past = PastErrors.of(look, dict.fromkeys(variables, rule), fewest, present_alone=not spread)
    if spread:
        rows = even_draws(past.origins.past, members, np.random.default_rng(seed))
        by_step = np.broadcast_to(rows[:, np.newaxis], (members, horizon.steps))
        values = past.members(by_step, limits)
        return ForecastEnsemble.from_arrays(values, horizon, issued_at, origins=past.origins.stamps[rows])
    single = {name: look.scales[name].values(path) for name, path in past.path.items()}
    exact = {name: np.where(np.isnan(ahead := known.ahead(name, horizon)), single[name], ahead) for name in variables}
    repeated = {name: np.broadcast_to(path, (members, horizon.steps)) for name, path in exact.items()}
    return ForecastEnsemble.from_arrays(repeated, horizon, issued_at)


@dataclass(frozen=True)
class Persistence:
    """All steps are like the last known value; members repeat the errors that this rule made on past days.

    Steps whose value has been published are taken as published.
    """

    variables: tuple[str, ...]
    """Columns of the history."""
    look_back_days: int = 90
    """Days from which errors are drawn, or as many as the history has."""
    spread: bool = True
    """Without it, all members are the one path."""
    limits: Limits = field(default_factory=dict)
    """Least and largest value by variable; by default the range of the look-back."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """Members of all variables, of the same past days. Raises InputError for a history that does not serve."""
        return _dressed(
            LastValue(),
            self.variables,
            self.look_back_days,
            self.spread,
            self.limits,
            known,
            issued_at,
            horizon,
            members,
            seed,
        )


@dataclass(frozen=True)
class SeasonalNaive:
    """Each step is like the same local time one day or week before, the latest that was known.

    Members repeat the errors that this rule made on past days. Steps whose value has been published are taken as
    published.
    """

    variables: tuple[str, ...]
    """Columns of the history."""
    period: Literal["day", "week"] = "week"
    """What is repeated."""
    look_back_days: int = 90
    """Days from which errors are drawn, or as many as the history has."""
    spread: bool = True
    """Without it, all members are the one path."""
    limits: Limits = field(default_factory=dict)
    """Least and largest value by variable; by default the range of the look-back."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """Members of all variables, of the same past days. Raises InputError for a history that does not serve."""
        rule = SamePeriod(7 if self.period == "week" else 1)
        return _dressed(
            rule,
            self.variables,
            self.look_back_days,
            self.spread,
            self.limits,
            known,
            issued_at,
            horizon,
            members,
            seed,
        )
