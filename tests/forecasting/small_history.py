"""Histories and horizons of paper size for the tests of forecasts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from optimizer.errors import InputError
from optimizer.forecasting import History
from optimizer.horizon import Horizon

FloatArray = npt.NDArray[np.float64]


def hourly(
    columns: Mapping[str, npt.ArrayLike],
    start: str = "2024-01-01",
    timezone: str = "UTC",
    published: Mapping[str, str] | None = None,
    freq: str = "1h",
) -> History:
    """A record with one value per hour from local midnight of `start` on."""
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    index = pd.date_range(pd.Timestamp(start, tz=timezone), periods=len(next(iter(arrays.values()))), freq=freq)
    return History.from_table(pd.DataFrame(arrays, index=index), timezone, published)


def window(start: str, steps: int, timezone: str = "UTC", step: str = "1h") -> Horizon:
    """A horizon from a local time on."""
    return Horizon(start=start, steps=steps, step=step, timezone=timezone)


def refused(error: pytest.ExceptionInfo[InputError]) -> str:
    """All that an error says."""
    return str(error.value)


def wild_market(days: int, seed: int = 1, timezone: str = "UTC") -> History:
    """Random prices with a day-ahead price, a temperature that goes with them, and daily network figures by hour."""
    rng = np.random.default_rng(seed)
    hours = 24 * days
    hour = np.arange(hours) % 24
    day_ahead = 30.0 + 10.0 * np.sin(hour / 24 * 2 * np.pi) + np.repeat(rng.normal(0, 5, days), 24)
    shock = np.repeat(rng.normal(0, 8, days), 24) + rng.normal(0, 2, hours)
    spikes = np.where(rng.random(hours) < 0.005, 400.0, 0.0)
    returns = np.repeat(rng.normal(0, 0.03, days), 24) / 24
    epochs = 80e12 * 1.03 ** ((np.arange(hours) // 24) // 14)
    return hourly(
        {
            "rt": day_ahead + shock + spikes,
            "da": day_ahead,
            "temperature": 15.0 + shock + rng.normal(0, 1, hours),
            "btc_price_usd": np.repeat(60e3 * np.exp(np.cumsum(returns))[::24], 24),
            "btc_difficulty": epochs,
            "btc_fees_per_block_btc": np.repeat(0.1 * np.exp(rng.normal(0, 0.3, days)), 24),
        },
        timezone=timezone,
        published={
            "da": "day before 13:00",
            "btc_price_usd": "day after 00:00 UTC",
            "btc_difficulty": "day after 00:00 UTC",
            "btc_fees_per_block_btc": "day after 00:00 UTC",
        },
    )
