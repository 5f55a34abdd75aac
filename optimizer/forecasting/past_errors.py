"""Forecasts dressed with their own past errors: whole error paths of past days, drawn for all variables together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from optimizer.errors import InputError, Problem
from optimizer.forecasting.history import FloatArray, refusal
from optimizer.forecasting.look_back import DAY, IntArray, LookBack, Origins
from optimizer.forecasting.point_rules import PointRule

Limits = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class PastErrors:
    """What rules forecast now, and by how much they were wrong at each past origin; on the scale z."""

    look: LookBack
    origins: Origins
    """Past origins whose errors are known in full, and the present one."""
    path: dict[str, FloatArray]
    """Forecast by variable, shape (T,)."""
    errors: dict[str, FloatArray]
    """Outcome minus forecast by variable, shape (N, T); zero in steps that had been published."""

    @classmethod
    def of(
        cls, look: LookBack, rules: Mapping[str, PointRule], fewest: int, *, present_alone: bool = False
    ) -> PastErrors:
        """Apply each variable's rule to all origins of the look-back, or to the present one alone.

        Raises InputError where fewer than `fewest` past days can be compared, or where a rule has nothing to go by.
        """
        origins = look.origins(max(rule.warm_up_days for rule in rules.values()))
        if present_alone:
            origins = origins.kept(np.zeros(origins.past, bool))
        paths = {name: rule.path(look, name, origins) for name, rule in rules.items()}
        for name, path in paths.items():
            blank = np.isnan(path[-1])
            if blank.any():
                when = look.horizon.describe(look.horizon.utc[int(np.argmax(blank))])
                raise refusal(name, f"the look-back is too short for a forecast at {when}")
        errors = {name: look.actual(name, origins) - path[:-1] for name, path in paths.items()}
        whole = np.all([np.isfinite(error).all(axis=1) for error in errors.values()], axis=0)
        if whole.sum() < fewest:
            message = f"only {whole.sum()} past days can be compared with what came after them; {fewest} are needed"
            raise InputError([Problem("history", message, hint="a longer history, look-back or a shorter horizon")])
        kept = {name: error[whole] for name, error in errors.items()}
        return cls(look, origins.kept(whole), {name: path[-1] for name, path in paths.items()}, kept)

    def members(self, rows: IntArray, limits: Limits) -> dict[str, FloatArray]:
        """Values by variable, shape (M, T): the forecast plus the errors of the past origins `rows`.

        `rows` is (M, T): the origin whose error each member repeats at each step. Values stay within `limits`, by
        default within the range of the look-back (and of what is published).
        """
        steps = np.arange(self.look.horizon.steps)
        found = {}
        for name, path in self.path.items():
            values = self.look.scales[name].values(path + self.errors[name][rows, steps])
            published = self.look.known.ahead(name, self.look.horizon)
            low, high = limits.get(name, self.look.ranges[name])
            # what is published is taken as it is, not as it comes back from the scale
            found[name] = np.where(np.isnan(published), np.clip(values, low, high), published)
        return found


def systematic_draws(weights: FloatArray, count: int, rng: np.random.Generator) -> IntArray:
    """`count` rows drawn so that each is there as often as its share of the weights, rounded up or down.

    Systematic resampling (Kitagawa 1996): evenly spaced points with one random start on the cumulative weights. The
    order is shuffled.
    """
    edges = np.cumsum(weights) / np.sum(weights)
    points = (np.arange(count) + rng.random()) / count
    rows = np.minimum(np.searchsorted(edges, points, side="right"), len(weights) - 1)
    return np.asarray(rng.permutation(rows), dtype=np.int64)


def even_draws(options: int, count: int, rng: np.random.Generator) -> IntArray:
    """`count` rows, none more often than needed: each once before any comes twice."""
    rounds = [rng.permutation(options) for _ in range(-(-count // options))]
    return np.asarray(np.concatenate(rounds)[:count], dtype=np.int64)


def days(count: float) -> timedelta:
    """So many days."""
    return count * DAY
