"""The hours of a synthetic horizon: UTC time stamps with the local hour, weekday and season that drive every series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from optimizer.horizon import Horizon
from optimizer.synthetic.noise import FloatArray


@dataclass(frozen=True)
class Clock:
    """`hours` consecutive hours from `start`, the local wall clock of `timezone` (an offset in `start` is honoured)."""

    start: str
    hours: int
    timezone: str

    @cached_property
    def _horizon(self) -> Horizon:
        return Horizon(start=self.start, steps=self.hours, step="1h", timezone=self.timezone)

    @property
    def utc(self) -> pd.DatetimeIndex:
        """Starts of the hours in UTC."""
        return self._horizon.utc

    @property
    def local(self) -> pd.DatetimeIndex:
        """Starts of the hours on the local wall clock."""
        return self._horizon.local

    @cached_property
    def local_hour(self) -> FloatArray:
        """Hour of the local day, 0 to 23."""
        return np.asarray(self.local.hour, dtype=np.float64)

    @cached_property
    def weekend(self) -> FloatArray:
        """1 on Saturdays and Sundays, else 0."""
        return np.asarray(self.local.day_of_week >= 5, dtype=np.float64)

    @cached_property
    def year_angle(self) -> FloatArray:
        """Position in the year in radians, 0 at the start of January, local time."""
        day = np.asarray(self.local.day_of_year, dtype=np.float64) - 1.0 + self.local_hour / 24.0
        return 2.0 * np.pi * day / 365.25

    @cached_property
    def utc_stamps(self) -> list[str]:
        """Starts of the hours as text, for example `2024-08-19T05:00Z`."""
        return list(self.utc.strftime("%Y-%m-%dT%H:%MZ"))

    def sun_harmonics(self, mean: float, *pairs: tuple[float, float]) -> FloatArray:
        """A daily shape in Central Standard Time all year: what the sun drives knows no daylight saving."""
        standard_hour = np.asarray((self.utc.hour - 6) % 24, dtype=np.float64)
        return _harmonics(2.0 * np.pi * standard_hour / 24.0, mean, pairs)

    def local_harmonics(self, mean: float, *pairs: tuple[float, float]) -> FloatArray:
        """A daily shape by the local wall clock, which people keep: mean plus cosine and sine of each harmonic."""
        return _harmonics(2.0 * np.pi * self.local_hour / 24.0, mean, pairs)

    def yearly_harmonics(self, mean: float, *pairs: tuple[float, float]) -> FloatArray:
        """A yearly shape: mean plus cosine and sine coefficients of the first, second, … harmonic of the year."""
        return _harmonics(self.year_angle, mean, pairs)


def _harmonics(angle: FloatArray, mean: float, pairs: tuple[tuple[float, float], ...]) -> FloatArray:
    shape = np.full_like(angle, mean)
    for order, (cosine, sine) in enumerate(pairs, start=1):
        shape = shape + cosine * np.cos(order * angle) + sine * np.sin(order * angle)
    return shape
