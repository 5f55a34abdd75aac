"""What the Bitcoin network pays for hash rate.

Sources: the difficulty target is defined so that a block takes ``difficulty * 2**32`` hashes on average (Bitcoin
protocol); the difficulty is retargeted every 2016 blocks and moves at most by a factor of 4; the subsidy halves
every 210,000 blocks from 50 BTC (halving at height 840,000 on 2024-04-20 00:09:27 UTC).

**Difficulty by epoch.** A retarget multiplies the difficulty by 14 days over what its 2016 blocks have taken. Where
the network's hash rate grows by ``g`` a year, at the steady rate ``r = ln(1 + g)``, blocks come faster than every ten
minutes and each epoch ``L`` ends the sooner; both follow from each other (``W`` is Lambert's function)::

    D_{k+1} / D_k = 14 d / L,    D_{k+1} / D_k = exp(r * L)    =>    L = W(r * 14 d) / r

At 50 % a year an epoch takes 13.79 days and raises the difficulty by 1.54 %. The horizon's own fleets are too small to
count.
"""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from optimizer.component import StrictModel
from optimizer.quantities import Series, SeriesOf, Stamp

BLOCKS_PER_RETARGET = 2016
BLOCKS_PER_HALVING = 210_000
TARGET_BLOCK_SECONDS = 600.0
RETARGET_CLAMP = 4.0
RETARGET_DAYS = BLOCKS_PER_RETARGET * TARGET_BLOCK_SECONDS / 86400.0
DAYS_PER_YEAR = 365.25
HASHES_PER_DIFFICULTY = 2.0**32

HALVINGS = (
    (pd.Timestamp("2012-11-28T15:24:38Z"), 25.0),
    (pd.Timestamp("2016-07-09T16:46:13Z"), 12.5),
    (pd.Timestamp("2020-05-11T19:23:43Z"), 6.25),
    (pd.Timestamp("2024-04-20T00:09:27Z"), 3.125),
)
"""Block times of past halvings (heights 210,000 to 840,000) and the subsidy from then on, BTC per block."""


def hashprice_per_ph_day(
    difficulty: ArrayLike, reward_btc: ArrayLike, price: ArrayLike, pool_fee: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Revenue of 1 PH/s for a day, in the currency of ``price``.

    ``1e15 * 86400 / (difficulty * 2**32) * reward * price * (1 - fee)``; ``reward_btc`` is subsidy plus mean fees per
    block.
    Check value: difficulty 125e12, reward 3.21875, price 100,000 give 51.8.
    """
    hashes_per_block = np.asarray(difficulty, dtype=float) * HASHES_PER_DIFFICULTY
    blocks_per_day = 1e15 * 86400.0 / hashes_per_block
    return np.asarray(blocks_per_day * np.asarray(reward_btc) * np.asarray(price) * (1.0 - np.asarray(pool_fee)))


def subsidy_btc(utc: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Block subsidy at each time; halvings after the last known one are placed at a block in ten minutes."""
    subsidy = np.full(len(utc), 50.0)
    steps = list(HALVINGS)
    interval = pd.Timedelta(seconds=BLOCKS_PER_HALVING * TARGET_BLOCK_SECONDS)
    while steps[-1][0] + interval <= utc[-1]:
        steps.append((steps[-1][0] + interval, steps[-1][1] / 2.0))
    for since, value in steps:
        if since <= utc[0]:
            subsidy[:] = value
        elif since <= utc[-1]:
            subsidy[np.asarray(utc >= since)] = value
    return subsidy


class Retarget(StrictModel):
    """Expected changes of difficulty inside the horizon: at each retarget, or from the growth of the network."""

    at: Stamp
    """Local time of the next retarget; later ones follow epoch by epoch."""
    change: Annotated[float, Field(gt=-1.0, allow_inf_nan=False)] | None = None
    """Relative change at each retarget (0.03 = 3 % more difficult), every 2016 blocks at ten minutes (14 days); the
    protocol clamps the factor to 1/4 to 4."""
    network_growth_per_year: Annotated[float, Field(gt=-0.99, le=100.0, allow_inf_nan=False)] | None = None
    """Growth of the network's hash rate in a year (0.5 = half as much again), from which changes and epochs follow."""

    @model_validator(mode="after")
    def _one_assumption(self) -> Self:
        if (self.change is None) == (self.network_growth_per_year is None):
            raise ValueError("give either change (at each retarget) or network_growth_per_year")
        return self

    @property
    def factor(self) -> float:
        """Difficulty after a retarget per difficulty before it."""
        factor = 1.0 + self.change if self.change is not None else RETARGET_DAYS / self.epoch_days
        return min(max(factor, 1.0 / RETARGET_CLAMP), RETARGET_CLAMP)

    @property
    def epoch_days(self) -> float:
        """Days from one retarget to the next."""
        if self.network_growth_per_year is None or self.network_growth_per_year == 0.0:
            return RETARGET_DAYS
        from scipy.special import lambertw  # with Pyomo loaded, scipy takes as long to import as all the rest

        daily = np.log1p(self.network_growth_per_year) / DAYS_PER_YEAR
        return float(lambertw(daily * RETARGET_DAYS).real / daily)


class BitcoinNetwork(StrictModel):
    """Network data from which the hashprice is computed."""

    price: Annotated[Series, SeriesOf("currency/BTC", gt=0)]
    """Price of one bitcoin, in the scenario's currency."""
    difficulty: Annotated[Series, SeriesOf("1", gt=0)]
    """Network difficulty. Constant for 2016 blocks at a time: a number and ``retarget``, or a series that steps."""
    fees_per_block_btc: Annotated[Series, SeriesOf("BTC/block", ge=0)] = Series.constant(0.0)
    """Mean transaction fees per block, BTC."""
    subsidy_btc: Annotated[Series, SeriesOf("BTC/block", ge=0)] | None = None
    """Block subsidy, BTC; by default from the halving schedule and the time of each step."""
    retarget: Retarget | None = None
    """Expected retargets inside the horizon."""

    def difficulty_path(
        self, utc: pd.DatetimeIndex, timezone: str, difficulty: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Difficulty per step: as given, times the clamped change of each retarget that lies before the step."""
        if self.retarget is None:
            return difficulty
        first = pd.Timestamp(self.retarget.at)
        first = first.tz_localize(timezone) if first.tzinfo is None else first
        epoch = pd.Timedelta(days=self.retarget.epoch_days)
        passed = np.floor(np.asarray((utc - first) / epoch, dtype=float)).astype(int) + 1
        return np.asarray(difficulty * self.retarget.factor ** np.maximum(passed, 0))
