"""What the Bitcoin network pays for hash rate.

Sources: the difficulty target is defined so that a block takes ``difficulty * 2**32`` hashes on average (Bitcoin
protocol); the difficulty is retargeted every 2016 blocks and moves at most by a factor of 4; the subsidy halves
every 210,000 blocks from 50 BTC (halving at height 840,000 on 2024-04-20 00:09:27 UTC).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from optimizer.component import StrictModel
from optimizer.quantities import Series, SeriesOf, Stamp

BLOCKS_PER_RETARGET = 2016
BLOCKS_PER_HALVING = 210_000
TARGET_BLOCK_SECONDS = 600.0
RETARGET_CLAMP = 4.0
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
        subsidy[np.asarray(utc >= since)] = value
    return subsidy


class Retarget(StrictModel):
    """An expected change of difficulty inside the horizon."""

    at: Stamp
    """Local time of the next retarget; later ones follow every 2016 blocks at ten minutes (14 days)."""
    change: float = Field(gt=-1.0, allow_inf_nan=False)
    """Relative change at each retarget (0.03 = 3 % more difficult); the protocol clamps the factor to 1/4 to 4."""


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
    """Expected retarget inside the horizon."""

    def difficulty_path(
        self, utc: pd.DatetimeIndex, timezone: str, difficulty: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Difficulty per step: as given, times the clamped change of each retarget that lies before the step."""
        if self.retarget is None:
            return difficulty
        first = pd.Timestamp(self.retarget.at)
        first = first.tz_localize(timezone) if first.tzinfo is None else first
        epoch = pd.Timedelta(seconds=BLOCKS_PER_RETARGET * TARGET_BLOCK_SECONDS)
        passed = np.floor(np.asarray((utc - first) / epoch, dtype=float)).astype(int) + 1
        factor = min(max(1.0 + self.retarget.change, 1.0 / RETARGET_CLAMP), RETARGET_CLAMP)
        return np.asarray(difficulty * factor ** np.maximum(passed, 0))
