"""Scale on which errors of a variable are alike in quiet and in wild hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.history import FloatArray

_NORMAL = 1.349
"""Interquartile range per standard deviation of the normal law."""


@dataclass(frozen=True)
class Scale:
    """z = arcsinh((x - centre) / spread): linear near the centre, logarithmic for spikes, defined below zero.

    After Uniejewski, Weron and Ziel, IEEE Trans. Power Syst. 33, 2219 (2018): the centre is the median. The spread is
    the interquartile range as a standard deviation of the normal law (they take the median absolute deviation, which
    is next to nothing where values lie at two levels).
    """

    centre: float
    spread: float

    @classmethod
    def of(cls, values: FloatArray) -> Scale:
        """The scale of the observed values (no blanks)."""
        centre = float(np.median(values))
        low, high = np.quantile(values, [0.25, 0.75])
        spread = float(high - low) / _NORMAL
        if spread <= 0.0:  # more than half of the values are the same
            spread = float(np.std(values)) or max(abs(centre), 1.0)
        return cls(centre, spread)

    def z(self, values: FloatArray) -> FloatArray:
        """Values on the scale."""
        return np.asarray(np.arcsinh((values - self.centre) / self.spread))

    def values(self, z: FloatArray) -> FloatArray:
        """Values from the scale."""
        # beyond 50 the result has no meaning as a price or a temperature, and would overflow
        return np.asarray(self.centre + self.spread * np.sinh(np.clip(z, -50.0, 50.0)))
