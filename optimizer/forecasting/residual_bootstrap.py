"""Members from a forecast known ahead (day-ahead prices) and the errors of past days like the one to come.

**Path.** Each variable has a rule: one with a leader follows it, ``z(leader) + rho(h) * last deviation``; the others
follow their usual day, moved by their last deviation from it (:mod:`optimizer.forecasting.point_rules`). z is the
scale of :class:`~optimizer.forecasting.scales.Scale`.

**Errors.** A member repeats the error path of a past day, for all variables together, so that the dependence between
price, temperature, demand and network, between hours, and the growth of errors with lead time are those of the past
(block bootstrap: Künsch, Ann. Stat. 17, 1217, 1989). Past days start at the same local hour as the forecast; after
`block_hours` another day is drawn.

**Which days.** Days weigh more, the more their leaders looked like today's, hour by hour (level and shape), and the
nearer they lie in the season (analog ensemble: Delle Monache and others, Mon. Wea. Rev. 141, 3498, 2013).

**Spikes.** Days with an error among the highest (`spike_quantile`) form a regime of their own. Its probability is the
weighted share of such days, drawn towards their overall share by `spike_prior_days` days, and within it days of other
levels and seasons count too: spikes are too few to be told from days exactly like today's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.history import FloatArray, History
from optimizer.forecasting.look_back import IntArray, LookBack
from optimizer.forecasting.past_errors import Limits, PastErrors, days, systematic_draws
from optimizer.forecasting.point_rules import Anchored, Led, PointRule
from optimizer.horizon import Horizon

_YEAR_DAYS = 365.25
_MOST_OF_DAYS = 0.5
"""Share of the days that count by season, beyond which the level's kernel is not widened."""


@dataclass(frozen=True)
class ResidualBootstrap:
    """Forecaster: leaders known ahead, and residuals of past days drawn in blocks."""

    leaders: Mapping[str, str]
    """What each price (or demand) follows: `{"lz_west_rt": "lz_west_da"}`. Leaders are forecast too."""
    others: tuple[str, ...] = ()
    """Further variables without a leader, whose errors are drawn with the same days."""
    look_back_days: int = 365
    """Days from which errors are drawn, or as many as the history has."""
    usual_days: int = 28
    """Days of which the usual day is the mean."""
    block_hours: float = 48.0
    """Time for which a member follows one past day."""
    season_days: float = 45.0
    """A day so far off in the season weighs 0.61 of one at the same time of the year. Infinite: it does not matter."""
    effective_days: float = 30.0
    """Days that count effectively at least: the level's kernel is widened until they do (of a short history fewer).
    Infinite: the level does not matter."""
    spike_quantile: float | None = 0.99
    """Hourly errors above this quantile are spikes; None: no regime of their own."""
    spike_prior_days: float = 10.0
    """Weight of the overall share of spike days, in days."""
    fewest_days: int = 14
    """Past days that must be there to draw errors from."""
    limits: Limits = field(default_factory=dict)
    """Least and largest value by variable (offer cap and floor); by default the range of the look-back."""

    def forecast(
        self, known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
    ) -> ForecastEnsemble:
        """Members of all variables. Raises InputError for a history that is too short, has holes or is out of date."""
        usual = Anchored(self.usual_days)
        rules: dict[str, PointRule] = {name: Led(leader, usual) for name, leader in self.leaders.items()}
        rules |= {name: usual for name in (*self.leaders.values(), *self.others) if name not in rules}
        ahead_days = int(np.ceil((horizon.end_utc - issued_at) / pd.Timedelta(days=1)))
        at_least = days(usual.warm_up_days + ahead_days + self.fewest_days)
        longest = max(days(self.look_back_days), at_least)
        look = LookBack(known, issued_at, horizon, list(rules), longest, at_least, self.leaders)
        past = PastErrors.of(look, rules, self.fewest_days)
        rows = self._drawn(past, members, np.random.default_rng(seed))
        values = past.members(rows, self.limits)
        return ForecastEnsemble.from_arrays(values, horizon, issued_at, origins=past.origins.stamps[rows[:, 0]])

    def _drawn(self, past: PastErrors, members: int, rng: np.random.Generator) -> IntArray:
        """The past origin whose error each member repeats at each step, shape (M, T)."""
        steps = past.look.horizon.steps
        block = max(round(self.block_hours / past.look.horizon.step_h), 1)
        blocks = [slice(first, min(first + block, steps)) for first in range(0, steps, block)]
        return np.concatenate([self._drawn_block(past, part, members, rng) for part in blocks], axis=1)

    def _drawn_block(self, past: PastErrors, part: slice, members: int, rng: np.random.Generator) -> IntArray:
        season = self._season_weights(past)
        weights = season * self._level_weights(past, part, season, 1.0)
        weights /= weights.sum()
        spiky = self._spike_days(past, part)
        if spiky.any() and not spiky.all():
            effective = 1.0 / np.sum(weights**2)
            prior = self.spike_prior_days
            chance = (effective * weights[spiky].sum() + prior * spiky.mean()) / (effective + prior)
            wider = np.where(spiky, self._level_weights(past, part, np.ones_like(season), 3.0), 0.0)
            calm = np.where(spiky, 0.0, weights)
            weights = (1.0 - chance) * calm / calm.sum() + chance * wider / wider.sum()
        # spike days lie side by side, so that their number among the members is right to one
        order = np.argsort(spiky, kind="stable")
        rows = order[systematic_draws(weights[order], members, rng)]
        return np.broadcast_to(rows[:, np.newaxis], (members, part.stop - part.start))

    def _season_weights(self, past: PastErrors) -> FloatArray:
        stamps = past.origins.stamps.tz_convert(past.look.known.timezone)
        day = np.asarray(stamps.day_of_year, dtype=np.float64)
        apart = np.abs(day[:-1] - day[-1])
        apart = np.minimum(apart, _YEAR_DAYS - apart)
        return np.asarray(np.exp(-0.5 * (apart / self.season_days) ** 2))

    def _level_weights(self, past: PastErrors, part: slice, season: FloatArray, widening: float) -> FloatArray:
        """Kernel on the distance of the leaders' published paths, wide enough for the effective number of days."""
        squares, count = np.zeros(past.origins.past), 0
        for leader in dict.fromkeys(self.leaders.values()):
            paths = past.look.seen(leader, past.origins.targets[:, part], past.origins)
            both = np.isfinite(paths).all(axis=0)
            squares += ((paths[:-1, both] - paths[-1, both]) ** 2).sum(axis=1)
            count += int(both.sum())
        if not count or np.isinf(self.effective_days):
            return np.ones(past.origins.past)
        distance = np.sqrt(squares / count)
        wanted = min(self.effective_days, _MOST_OF_DAYS * np.sum(season) ** 2 / np.sum(season**2))
        width = max(float(np.quantile(distance, 0.01)), 1e-9)
        for _ in range(60):
            weights = season * np.exp(-0.5 * (distance / width) ** 2) + 1e-300
            if weights.sum() ** 2 / np.sum(weights**2) >= wanted:
                break
            width *= 1.15
        return np.asarray(np.exp(-0.5 * (distance / (widening * width)) ** 2) + 1e-300)

    def _spike_days(self, past: PastErrors, part: slice) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which past days had a price error among the highest within the block."""
        spiky = np.zeros(past.origins.past, dtype=bool)
        for name in self.leaders if self.spike_quantile is not None else ():
            errors = past.errors[name]
            spiky |= (errors[:, part] > np.quantile(errors, self.spike_quantile or 1.0)).any(axis=1)
        return spiky
