"""Synthetic Bitcoin network economics: price, difficulty, fees and the hashprice that follows from them.

Volatilities were fitted to 2024 after the halving of April; see docs/calibration.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.bitcoin import hashprice_per_ph_day, subsidy_btc
from optimizer.synthetic.clock import Clock
from optimizer.synthetic.noise import FloatArray, forecast_noise, red_noise, stream

RETARGET_H = 13.8 * 24.0
"""Blocks came a little faster than every ten minutes while the network grew."""


@dataclass(frozen=True)
class Bitcoin:
    """Network economics: arrays (paths, hours), difficulty and subsidy (1, hours)."""

    price_usd: FloatArray
    difficulty: FloatArray
    fees_per_block_btc: FloatArray
    subsidy_btc: FloatArray

    @property
    def hashprice_usd_per_ph_day(self) -> FloatArray:
        """Expected revenue of 1 PH/s in a day, before pool fees."""
        return hashprice_per_ph_day(self.difficulty, self.subsidy_btc + self.fees_per_block_btc, self.price_usd)


def bitcoin_network(
    clock: Clock,
    seed: int,
    *,
    price_start_usd: float,
    difficulty_start: float,
    members: int | None = None,
) -> Bitcoin:
    """The network from its state at the start of the horizon: `members` paths of a forecast, or what happens."""
    paths, kind = (1, "observed") if members is None else (members, "member")
    rng = stream(seed, "bitcoin", kind)
    # Daily volatility 2.75 %; hourly returns with 4 degrees of freedom have the tails that daily ones show.
    returns = 0.0275 / np.sqrt(24.0) * rng.standard_t(4.0, (clock.hours, paths)).T / np.sqrt(2.0)
    returns[:, 0] = 0.0
    log_fee = red_noise(stream(seed, "bitcoin fees"), 1, clock.hours, 160.0, smooth_h=12.0)
    if members is not None:
        log_fee = forecast_noise(log_fee, seed, ("bitcoin fees",), members, 160.0, smooth_h=12.0, skill=0.0)
    return Bitcoin(
        price_usd=price_start_usd * np.exp(np.cumsum(returns, axis=1)),
        difficulty=_difficulty(clock, seed, difficulty_start),
        fees_per_block_btc=0.085 * np.exp(0.6 * log_fee + 0.15 * log_fee**2),
        subsidy_btc=subsidy_btc(clock.utc)[np.newaxis],
    )


def _difficulty(clock: Clock, seed: int, difficulty_start: float) -> FloatArray:
    """Steps every 2016 blocks; the same in all members, as the next step is well known days ahead."""
    rng = stream(seed, "difficulty")
    first_h = RETARGET_H * rng.random()
    periods = np.floor((np.arange(clock.hours) + RETARGET_H - first_h) / RETARGET_H).astype(int)
    steps = 0.014 + 0.035 * rng.standard_normal(int(periods[-1]) + 1)
    steps[0] = 0.0
    difficulty: FloatArray = difficulty_start * np.exp(np.cumsum(steps))[periods][np.newaxis]
    return difficulty
