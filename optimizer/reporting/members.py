"""Figures over the members of the ensemble, weighted by probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LOW, HIGH = 0.1, 0.9
"""Shares between which the band of a figure lies."""
SMALLEST = 1e-9
"""Magnitude below which a solver's value is drawn as zero."""


@dataclass(frozen=True)
class Spread:
    """A quantity over time, each (steps,): expected value, median and the band from 10 to 90 % of the probability."""

    expected: Floats
    median: Floats
    low: Floats
    high: Floats

    @property
    def is_empty(self) -> bool:
        """Nothing to draw."""
        return not bool(np.isfinite(self.expected).any())

    @property
    def constant(self) -> float | None:
        """The value that it has in all steps and members; None where it varies."""
        low, high = float(np.min(self.low)), float(np.max(self.high))
        return low if low == high else None


def spread(values: Floats, weights: Floats) -> Spread:
    """Spread of (members, steps); infinite values count as missing."""
    clean = np.where(np.isfinite(values), values, np.nan)
    clean = np.where(np.abs(clean) < SMALLEST, 0.0, clean)
    if len(clean) == 1:
        return Spread(clean[0], clean[0], clean[0], clean[0])
    low, median, high = quantiles(clean, weights, (LOW, 0.5, HIGH))
    return Spread(weights @ clean, median, low, high)


def quantiles(values: Floats, weights: Floats, shares: tuple[float, ...]) -> list[Floats]:
    """Smallest value that is not exceeded with at least each probability, over the first axis."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(weights[order], axis=0)
    places = [np.minimum((reached < share - 1e-12).sum(axis=0), len(values) - 1) for share in shares]
    return [np.take_along_axis(ordered, place[np.newaxis], axis=0)[0] for place in places]
