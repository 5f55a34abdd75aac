"""Forecast of the Bitcoin network: price, difficulty, fees and the hashprice that follows from them.

* The price is a random walk with drift: members repeat the daily log returns of past days, whose mean is the drift
  fitted over the look-back (or a given drift). Between days a Brownian bridge of the daily volatility is laid.
* Fees per block are resampled: their logarithm returns from its last value to the mean of the last 28 days as its
  autocorrelation says, and members add the errors that this rule made from the same past days.
* The difficulty is constant within an epoch and steps at retargets (:mod:`optimizer.forecasting.retargets`).
* The hashprice is that of :func:`optimizer.bitcoin.hashprice_per_ph_day`: it holds no luck of blocks.

A daily figure is taken to be that of noon, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from optimizer.bitcoin import RETARGET_DAYS, hashprice_per_ph_day, subsidy_btc
from optimizer.errors import InputError, Problem
from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.forecaster import check_issued
from optimizer.forecasting.history import FloatArray, History, refusal
from optimizer.forecasting.look_back import IntArray
from optimizer.forecasting.past_errors import even_draws
from optimizer.forecasting.point_rules import falling_autocorrelation
from optimizer.forecasting.retargets import BLOCKS_PER_DAY, epoch_at
from optimizer.horizon import Horizon

_DAY = pd.Timedelta(days=1)
_USUAL_FEE_DAYS, _FEWEST_FEE_DAYS = 28, 7
_LEAST_FEE_BTC = 1e-6


@dataclass(frozen=True)
class BitcoinForecast:
    """Forecaster of the network's economics from daily figures (a daily history, or one that repeats them by step).

    Daily figures are known when their UTC day is over: give the history the rule `day after 00:00 UTC` for them.
    """

    price: str = "btc_price_usd"
    """Column of the price, in currency per BTC; the forecast keeps the name."""
    difficulty: str = "btc_difficulty"
    """Column of the difficulty (daily mean); the forecast keeps the name."""
    fees: str = "btc_fees_per_block_btc"
    """Column of the fees, BTC per block."""
    fees_of_day: bool = False
    """The column of the fees holds the sum of a day; it is divided by the day's blocks (144 without `blocks`)."""
    blocks: str | None = None
    """Column of blocks found in the day, from which the next retarget is known better."""
    hashprice: str = "hashprice"
    """Name of the forecast hashprice, in currency per PH/s and day."""
    drift_per_day: float | None = None
    """Drift of the logarithm of the price; None: the mean of the look-back."""
    look_back_days: int = 730
    """Days from which returns and errors are drawn, or as many as the history has."""
    fewest_days: int = 60
    """Days that must be there."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """Members of price, difficulty, fees and hashprice; past days are drawn evenly.

        Raises InputError for a history that is too short, has holes, or shows fewer than two retargets.
        """
        days, table = self._daily(known, issued_at)
        span = self._knots(days, horizon)
        options = np.arange(_FEWEST_FEE_DAYS - 1, len(days) - span)
        if len(options) < 2:
            message = f"{len(days)} days are too few to draw {span} consecutive ones from"
            raise InputError([Problem("history", message, hint="a longer history or a shorter horizon")])
        rows = options[even_draws(len(options), members, np.random.default_rng(seed))]
        return self._members(days, table, rows, issued_at, horizon, seed)

    def forecast_from(
        self, origins: pd.DatetimeIndex, known: History, issued_at: pd.Timestamp, horizon: Horizon, seed: int
    ) -> ForecastEnsemble:
        """Members that repeat the returns and errors of the days from `origins` on.

        Raises InputError as :meth:`forecast` does, and for origins from which on the days are not known.
        """
        days, table = self._daily(known, issued_at)
        rows = np.asarray((origins.normalize() - days[0]) // _DAY, dtype=np.int64) - 1
        # the network's days are known a little later than prices, so the latest origins are moved by a day or two
        rows = np.minimum(rows, len(days) - 1 - self._knots(days, horizon))
        if (rows < _FEWEST_FEE_DAYS - 1).any():
            when = known.told(origins[int(np.argmin(rows))])
            message = f"the history of the network does not reach back {_FEWEST_FEE_DAYS} days before {when}"
            raise refusal(self.price, message, "shorten the look-back of the other forecaster")
        return self._members(days, table, rows, issued_at, horizon, seed)

    def _daily(self, known: History, issued_at: pd.Timestamp) -> tuple[pd.DatetimeIndex, dict[str, FloatArray]]:
        """Starts of the UTC days that were known as a whole, and the daily figures."""
        known = known.at(issued_at)
        columns = [self.price, self.difficulty, self.fees, *([self.blocks] if self.blocks else [])]
        known.check_names(columns)
        first = known.position(issued_at - timedelta(days=self.look_back_days))
        least = known.position(issued_at - timedelta(days=self.fewest_days))
        first = min(max(first, *(known.begins(name) for name in columns)), least)
        series = []
        for name in columns:
            known.check_complete(name, first)
            values = known.raw(name)[first:]
            if (values <= 0).any() and name != self.fees:
                when = known.told(known.stamps(first, first + len(values))[int(np.argmax(values <= 0))])
                raise refusal(name, f"found {values[values <= 0][0]:g} at {when}; must be above 0")
            stamps = known.stamps(first, first + len(values))
            series.append(pd.Series(values, index=stamps, name=name))
        table = pd.concat(series, axis=1)
        grouped = table.groupby(pd.DatetimeIndex(table.index).floor("D"))
        whole = (grouped.count() >= max(_DAY // known.step, 1)).all(axis=1)
        daily = grouped.mean()[whole]
        days = pd.DatetimeIndex(daily.index)
        return days, {name: daily[name].to_numpy(dtype=np.float64) for name in columns}

    @staticmethod
    def _knots(days: pd.DatetimeIndex, horizon: Horizon) -> int:
        """Days after the last known one whose noons enclose the horizon."""
        return int(np.ceil((horizon.end_utc - days[-1]) / _DAY - 0.5))

    def _members(
        self,
        days: pd.DatetimeIndex,
        table: dict[str, FloatArray],
        rows: IntArray,
        issued_at: pd.Timestamp,
        horizon: Horizon,
        seed: int,
    ) -> ForecastEnsemble:
        check_issued(issued_at, horizon)
        rng = np.random.default_rng([seed, 1])
        span = self._knots(days, horizon)
        middle = horizon.utc + 0.5 * pd.Timedelta(horizon.step_length)
        ahead = np.asarray((middle - days[-1]) / _DAY, dtype=np.float64) - 0.5
        price = np.exp(self._log_price(table[self.price], rows, span, ahead, rng))
        fees = np.exp(self._log_fees(table, rows, span, ahead))
        difficulty = self._difficulty(days, table, len(rows), issued_at, horizon, rng)
        hashprice = hashprice_per_ph_day(difficulty, subsidy_btc(horizon.utc) + fees, price)
        values = {
            self.price: price,
            self.difficulty: difficulty,
            "btc_fees_per_block_btc": fees,
            self.hashprice: hashprice,
        }
        units = {self.difficulty: "1", "btc_fees_per_block_btc": "BTC/block", self.hashprice: "currency/(PH/s)/day"}
        return ForecastEnsemble.from_arrays(values, horizon, issued_at, units=units)

    def _log_price(
        self, price: FloatArray, rows: IntArray, span: int, ahead: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        log_price = np.log(price)
        returns = np.diff(log_price)
        drift = returns.mean() if self.drift_per_day is None else self.drift_per_day
        steps = returns[rows[:, np.newaxis] + np.arange(span)] - returns.mean() + drift
        knots = np.cumsum(np.column_stack([np.full(len(rows), log_price[-1]), steps]), axis=1)
        bridge = returns.std() * _brownian_bridge(ahead, span, len(rows), rng)
        return np.asarray(_between(knots, ahead) + bridge)

    def _log_fees(self, table: dict[str, FloatArray], rows: IntArray, span: int, ahead: FloatArray) -> FloatArray:
        fees = table[self.fees]
        if self.fees_of_day:
            fees = fees / (table[self.blocks] if self.blocks else BLOCKS_PER_DAY)
        log_fees = np.log(np.maximum(fees, _LEAST_FEE_BTC))
        usual = pd.Series(log_fees).rolling(_USUAL_FEE_DAYS, min_periods=_FEWEST_FEE_DAYS).mean().to_numpy()
        off = log_fees - usual
        keep = falling_autocorrelation(off[_FEWEST_FEE_DAYS - 1 :], span)
        forecast = usual[-1] + keep * off[-1]
        outcome = log_fees[rows[:, np.newaxis] + np.arange(span + 1)]
        errors = outcome - usual[rows, np.newaxis] - keep * off[rows, np.newaxis]
        return _between(forecast + errors, ahead)

    def _difficulty(
        self,
        days: pd.DatetimeIndex,
        table: dict[str, FloatArray],
        members: int,
        issued_at: pd.Timestamp,
        horizon: Horizon,
        rng: np.random.Generator,
    ) -> FloatArray:
        blocks = table[self.blocks] if self.blocks else None
        try:
            epoch = epoch_at(issued_at, days, table[self.difficulty], blocks)
        except ValueError as error:
            raise refusal(self.difficulty, str(error), "a longer look-back") from error
        ahead = np.asarray((horizon.utc - issued_at) / _DAY, dtype=np.float64)
        epochs = int(ahead[-1] / (0.5 * RETARGET_DAYS)) + 2
        draws = rng.choice(epoch.log_changes, size=(members, epochs))
        return epoch.paths(ahead, draws, rng.standard_normal(members))


def _between(knots: FloatArray, ahead: FloatArray) -> FloatArray:
    """Values (M, T) at `ahead` days on the straight lines between `knots` (M, K) of the days 0, 1, …"""
    left = np.clip(np.floor(ahead).astype(np.int64), 0, knots.shape[1] - 2)
    share = ahead - left
    return np.asarray((1.0 - share) * knots[:, left] + share * knots[:, left + 1])


def _brownian_bridge(ahead: FloatArray, span: int, members: int, rng: np.random.Generator) -> FloatArray:
    """Brownian motion of unit daily variance less its straight line between whole days, shape (M, T)."""
    times = np.concatenate([np.arange(span + 1, dtype=np.float64), ahead])
    order = np.argsort(times, kind="stable")
    shocks = rng.standard_normal((members, len(times) - 1)) * np.sqrt(np.diff(times[order]))
    motion = np.empty((members, len(times)))
    motion[:, order] = np.cumsum(np.column_stack([np.zeros(members), shocks]), axis=1)
    return np.asarray(motion[:, span + 1 :] - _between(motion[:, : span + 1], ahead))
