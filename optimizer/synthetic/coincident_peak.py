"""The chance that an hour is the coincident peak: the hour of the month in which the whole system draws most.

ERCOT charges transmission by what a consumer draws in four such peaks a year ("4CP"), those of June, July, August and
September. Its peaks are single quarters of an hour; here they are hours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.grid import observed_grid
from optimizer.synthetic.noise import FloatArray, stream

PEAK_MONTHS = (6, 7, 8, 9)
LOAD_UNCERTAINTY_GW = 1.1
"""Scale of the Gumbel law of the load forecast's error a day ahead (standard deviation 1.4 GW).

The likelihood of the twelve monthly peaks of 2024, given ERCOT's day-ahead forecast of demand, is highest at 1.1 to
1.2 GW, that of the four summer peaks at 1.0 GW; the forecast's error itself has a standard deviation of 1.6 GW.
"""
REST_OF_MONTH_DRAWS = 24


def peak_probability(
    clock: Clock,
    load_gw: FloatArray,
    seed: int,
    *,
    months: tuple[int, ...] = PEAK_MONTHS,
    uncertainty_gw: float = LOAD_UNCERTAINTY_GW,
) -> FloatArray:
    """Probability (paths, hours) that an hour is its local month's peak, given the system load `load_gw` in GW.

    The load of every hour is taken as forecast a day ahead, with independent errors of a Gumbel law of scale
    `uncertainty_gw`: the probability that an hour comes out highest is then exp(load / scale) over the sum of this
    over the month (the multinomial logit). The probabilities of a whole month add up to 1. Of a month that the
    horizon holds in part, the other hours are drawn from the climate, so its hours add up to what is left to them.
    Outside `months` the probability is 0.
    """
    labels = _month_labels(clock.local)
    probability = np.zeros_like(load_gw)
    for label in np.unique(labels):
        year, month = divmod(int(label), 12)
        if month + 1 not in months:
            continue
        inside = labels == label
        rest_gw = _load_of_rest_gw(clock, seed, year, month + 1)
        top_gw = max(load_gw[:, inside].max(), rest_gw.max(initial=-np.inf))
        weight = np.exp((load_gw[:, inside] - top_gw) / uncertainty_gw)
        weight_of_rest = np.exp((rest_gw - top_gw) / uncertainty_gw).sum(axis=1)
        total = weight.sum(axis=1)[:, np.newaxis] + weight_of_rest
        probability[:, inside] = weight * (1.0 / total).mean(axis=1)[:, np.newaxis]
    return probability


def _month_labels(local: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    return np.asarray(local.year * 12 + local.month - 1, dtype=np.int64)


def _load_of_rest_gw(clock: Clock, seed: int, year: int, month: int) -> FloatArray:
    """Load of the hours of a month that lie outside the horizon, (draws, hours)."""
    first = pd.Timestamp(year, month, 1, tz=clock.timezone)
    after = first + pd.DateOffset(months=1)
    hours = int((after - first) / pd.Timedelta("1h"))
    whole = Clock(first.strftime("%Y-%m-%dT%H:%M"), hours, clock.timezone)
    outside = (whole.utc < clock.utc[0]) | (whole.utc > clock.utc[-1])
    if not outside.any():
        return np.zeros((1, 0))
    # Whole months of their own: what the weather before and after the horizon brings is not known from within it.
    seeds = stream(seed, "rest of the month", str(year), str(month)).integers(2**32, size=REST_OF_MONTH_DRAWS)
    return np.concatenate([observed_grid(whole, int(draw)).load_gw[:, outside] for draw in seeds])
