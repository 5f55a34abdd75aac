"""A statistical model: autoregression with exogenous variables, fitted anew at each issue by statsmodels.

For each variable, on the scale z (the "expert model" of price forecasting; Ziel and Weron, Energy Economics 70, 396,
2018, without its daily extremes)::

    z_t = c + sum_l phi_l z_{t-l} + beta_0 x_t + beta_1 x_{t-1} + hour of day + weekend + e_t

with lags ``l`` of 1 and 2 hours, a day and a week, and ``x`` the leader known ahead (the day-ahead price), where there
is one. Leaders are forecast by the same model without ``x`` where they are not published yet.

Members: residuals of past hours of the same hour of day, drawn for all variables together, are passed through the
autoregression. So the dependence between variables is kept, and errors have the tails that they had.

It needs statsmodels, an extra: ``pip install 'hybrid-compute-optimizer[forecast]'``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.history import FloatArray, History
from optimizer.forecasting.look_back import IntArray, LookBack
from optimizer.forecasting.past_errors import Limits, days
from optimizer.horizon import Horizon


@dataclass(frozen=True)
class Fitted:
    """The model of one variable."""

    constant: float
    lags: dict[int, float]
    """Coefficient by lag, in steps."""
    exogenous: FloatArray
    """Coefficients of the exogenous variables."""
    residuals: FloatArray
    """Residual at each position of the look-back, NaN where lags are missing."""

    def filtered(self, shocks: FloatArray) -> FloatArray:
        """What shocks (…, T) leave behind in z, from a state without any."""
        denominator = np.zeros(max(self.lags) + 1)
        denominator[0] = 1.0
        for lag, coefficient in self.lags.items():
            denominator[lag] = -coefficient
        return np.asarray(lfilter([1.0], denominator, shocks, axis=-1))

    def mean(self, past: FloatArray, exogenous: FloatArray) -> FloatArray:
        """The path without shocks after `past`, for the exogenous variables (steps, K) to come."""
        longest = max(self.lags)
        z = np.concatenate([past[-longest:], np.zeros(len(exogenous))])
        driven = self.constant + exogenous @ self.exogenous
        for step in range(len(exogenous)):
            now = longest + step
            z[now] = driven[step] + sum(coefficient * z[now - lag] for lag, coefficient in self.lags.items())
        return z[longest:]


@dataclass(frozen=True)
class Autoregression:
    """Forecaster: autoregressive models of all variables with jointly resampled residuals."""

    leaders: Mapping[str, str] = field(default_factory=dict)
    """What a variable follows: `{"lz_west_rt": "lz_west_da"}`. Leaders are forecast too."""
    others: tuple[str, ...] = ()
    """Variables without a leader."""
    look_back_days: int = 120
    """Days to which the models are fitted, or as many as the history has."""
    fewest_days: int = 28
    """Days that must be there."""
    limits: Limits = field(default_factory=dict)
    """Least and largest value by variable; by default the range of the look-back."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """Members of all variables. Raises InputError for a history that is too short or has holes, ImportError
        without statsmodels."""
        rng = np.random.default_rng(seed)
        alone = [name for name in (*self.leaders.values(), *self.others) if name not in self.leaders]
        order = list(dict.fromkeys([*alone, *self.leaders]))
        least, longest = days(self.fewest_days), days(max(self.look_back_days, self.fewest_days))
        look = LookBack(known, issued_at, horizon, order, longest, least, self.leaders)
        fits = {name: _fit(look, name, self._design(look, name, look.z)) for name in order}
        first = min(len(look.z[name]) for name in order)
        drawn = _drawn_positions(look, fits, first, members, rng)
        paths: dict[str, FloatArray] = {}
        for name in order:
            paths[name] = self._paths(look, name, fits[name], drawn[:, len(look.z[name]) - first :], paths)
        values = {name: self._values(look, name, path) for name, path in paths.items()}
        return ForecastEnsemble.from_arrays(values, horizon, issued_at)

    def _paths(
        self, look: LookBack, name: str, fit: Fitted, drawn: IntArray, leaders: Mapping[str, FloatArray]
    ) -> FloatArray:
        """z of the members from the first position on that is known, past and future together, shape (M, end)."""
        past = look.z[name]
        leader = self.leaders.get(name)
        members, steps = drawn.shape
        whole = np.empty((members, max(len(past) + steps, look.end)))
        whole[:, : len(past)] = past
        if steps:
            shocks = fit.residuals[drawn]
            typical = None if leader is None else {leader: leaders[leader].mean(axis=0)}
            design = self._design(look, name, typical or {})[len(past) : len(past) + steps]
            if leader is not None:  # a member's own leader differs from the typical one
                off = leaders[leader] - leaders[leader].mean(axis=0)
                here, before = fit.exogenous[-2:]
                moved = here * off + before * np.column_stack([np.zeros(members), off[:, :-1]])
                shocks = shocks + moved[:, len(past) : len(past) + steps]
            whole[:, len(past) : len(past) + steps] = fit.mean(past, design) + fit.filtered(shocks)
        return whole

    def _design(self, look: LookBack, name: str, leaders: Mapping[str, FloatArray]) -> FloatArray:
        """Hour of day, weekend and, last, the leader and its value of the step before: (positions, K)."""
        hours = np.asarray(look.local.hour)
        columns = [(hours == hour).astype(np.float64) for hour in np.unique(hours)[1:]]
        columns.append(look.weekend.astype(np.float64))
        if name in self.leaders:
            leader = leaders[self.leaders[name]]
            columns += [leader, np.append(leader[:1], leader[:-1])]
        length = min(len(column) for column in columns)
        return np.column_stack([column[:length] for column in columns])

    def _values(self, look: LookBack, name: str, path: FloatArray) -> FloatArray:
        low, high = self.limits.get(name, look.ranges[name])
        values = np.clip(look.scales[name].values(path[:, look.start : look.end]), low, high)
        published = look.known.ahead(name, look.horizon)
        return np.asarray(np.where(np.isnan(published), values, published))


def _fit(look: LookBack, name: str, design: FloatArray) -> Fitted:
    try:
        from statsmodels.tsa.ar_model import AutoReg
    except ImportError as error:
        raise ImportError(
            "statsmodels is needed for statistical forecasts: pip install 'hybrid-compute-optimizer[forecast]'"
        ) from error
    length = min(len(look.z[name]), len(design))
    lags = sorted({lag for lag in (1, 2, look.per_day, 7 * look.per_day) if 0 < lag < length // 3})
    fitted: Any = AutoReg(look.z[name][:length], lags=lags, trend="c", exog=design[:length]).fit()
    parameters = np.asarray(fitted.params, dtype=np.float64)
    residuals = np.full(length, np.nan)
    residuals[max(lags) :] = fitted.resid
    coefficients = dict(zip(lags, parameters[1 : 1 + len(lags)].tolist(), strict=True))
    return Fitted(float(parameters[0]), coefficients, parameters[1 + len(lags) :], residuals)


def _drawn_positions(
    look: LookBack, fits: Mapping[str, Fitted], first: int, members: int, rng: np.random.Generator
) -> IntArray:
    """For each member and position from `first` on, a past position of the same hour with residuals, (M, steps)."""
    shortest = min(len(fit.residuals) for fit in fits.values())
    usable = np.all([np.isfinite(fit.residuals[:shortest]) for fit in fits.values()], axis=0)
    hours = np.asarray(look.local.hour)
    drawn = np.empty((members, max(look.end - first, 0)), dtype=np.int64)
    for step, hour in enumerate(hours[first : look.end]):
        drawn[:, step] = rng.choice(np.flatnonzero(usable & (hours[:shortest] == hour)), size=members)
    return drawn
