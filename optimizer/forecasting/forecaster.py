"""The interface of a forecaster, and the one door through which forecasts are made: what was known goes in, checked
members come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from optimizer.errors import InputError, Problem
from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.history import FloatArray, History, told, utc
from optimizer.horizon import Horizon


class Forecaster(Protocol):
    """Makes members of a forecast from what was known when it was issued."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """`members` members over `horizon`, from `known`, a history cut at `issued_at`.

        The same arguments give the same members. Raises InputError where the history does not serve.
        """
        ...


@runtime_checkable
class DrawsOrigins(Protocol):
    """A forecaster that can repeat the errors of given past days, so that its members go with another's."""

    def forecast_from(
        self, origins: pd.DatetimeIndex, known: History, issued_at: pd.Timestamp, horizon: Horizon, seed: int
    ) -> ForecastEnsemble:
        """One member for each of the `origins` (UTC), the past times of issue whose errors it repeats."""
        ...


def issue(
    forecaster: Forecaster,
    history: History,
    issued_at: pd.Timestamp | str,
    horizon: Horizon,
    members: int,
    seed: int = 0,
) -> ForecastEnsemble:
    """The forecast that was possible at `issued_at` (local wall clock if naive): nothing later is handed on.

    Raises InputError for a forecast that is issued after the decision, which is taken when the horizon starts; for
    what the forecaster refuses; and for members that are not those asked for.
    """
    moment = utc(issued_at, horizon.timezone)
    check_issued(moment, horizon)
    if members < 1:
        raise InputError([Problem("members", f"found {members}; must be at least 1")])
    ensemble = forecaster.forecast(history.at(moment), moment, horizon, members, seed)
    if not same_steps(ensemble.horizon, horizon):
        raise InputError([Problem("forecast", "is for another horizon than the one asked for")])
    if ensemble.issued_at > moment:
        found, asked = told(ensemble.issued_at, horizon.timezone), told(moment, horizon.timezone)
        raise InputError([Problem("forecast", f"was issued at {found}, after {asked} when it is used")])
    if ensemble.members != members:
        hint = "reduce them with optimizer.forecasting.reduce" if ensemble.members > members else None
        message = f"holds {ensemble.members} members; {members} were asked for"
        raise InputError([Problem("forecast", message, hint=hint)])
    return ensemble


def same_steps(one: Horizon, other: Horizon) -> bool:
    """Whether two horizons have the same steps."""
    return (one.start_utc, one.steps, one.step_length) == (other.start_utc, other.steps, other.step_length)


def check_issued(issued_at: pd.Timestamp, horizon: Horizon) -> None:
    """Raises InputError for a forecast that comes after the decision."""
    if issued_at > horizon.start_utc:
        issued, decided = told(issued_at, horizon.timezone), told(horizon.start_utc, horizon.timezone)
        message = f"the forecast is issued at {issued}, after the decision at {decided}, the start of its horizon"
        raise InputError([Problem("issued_at", message)])


@dataclass(frozen=True)
class Together:
    """Several forecasters for different variables, joined member by member.

    Members of the first are drawn first; those after it that can (:class:`DrawsOrigins`) repeat the errors of the
    same past days, so that dependence between their variables is kept. The others are independent.
    """

    forecasters: tuple[Forecaster, ...]
    """Forecasters in their order; a variable of a later one replaces that of the same name."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """Members of all variables. Raises InputError where members of the parts differ in number."""
        if not self.forecasters:
            raise InputError([Problem("forecasters", "none is given")])
        joined = issue(self.forecasters[0], known, issued_at, horizon, members, seed)
        values: dict[str, FloatArray] = {}
        units: dict[str, str] = {}
        for number, forecaster in enumerate(self.forecasters[1:], start=1):
            if joined.origins is not None and isinstance(forecaster, DrawsOrigins):
                part = forecaster.forecast_from(joined.origins, known, issued_at, horizon, seed + number)
            else:
                part = issue(forecaster, known, issued_at, horizon, members, seed + number)
            if not np.allclose(part.probabilities, joined.probabilities):
                raise InputError([Problem("forecasters", "members of the parts differ in their probabilities")])
            values |= {name: part.values(name) for name in part.names}
            units |= part.units
        return joined.with_variables(values, units) if values else joined
