"""Windows in which whole decisions are made, in stretches of a long horizon that are worked on side by side.

Windows that are decided at once lie half a year (or a third, with three threads) apart, each with the whole relaxation
held around it; so they hardly ever want the same. What they may both use (a budget of the year, a bill that sums it up)
shows when both are put into one plan: their changes are added, and where that breaks a rule, the later window is
decided again with the earlier one as planned.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.time_windows import Spans

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAST_WINDOWS = 4
"""Fewest windows of a stretch that is worked on beside others."""


@dataclass(frozen=True)
class Window:
    """Steps from ``begin`` to before ``end`` at the site with the number ``place``."""

    begin: float
    end: float
    place: int

    def holds(self, spans: Spans) -> Flags:
        """The columns that are decided in it, (columns,)."""
        found: Flags = (spans.step >= self.begin) & (spans.step < self.end) & (spans.place == self.place)
        return found


def windows_between(ends: list[tuple[float, int]]) -> list[Window]:
    """Windows that end at the given steps of their sites, in that order, each from where the one before ended."""
    begins: dict[int, float] = {}
    found = []
    for end, place in ends:
        found.append(Window(begins.get(place, -np.inf), end, place))
        begins[place] = end
    return found


def batches_of(windows: list[Window], threads: int) -> list[list[Window]]:
    """Windows that are decided at once, in the order of the batches: the next one of each stretch.

    There are as many stretches as threads, if each has :data:`LEAST_WINDOWS`; with a single one the windows follow each
    other one by one.
    """
    count = max(1, min(threads, len(windows) // LEAST_WINDOWS))
    cuts = [len(windows) * number // count for number in range(count + 1)]
    stretches = [windows[first:end] for first, end in itertools.pairwise(cuts)]
    return [[window for window in batch if window is not None] for batch in itertools.zip_longest(*stretches)]


def put_together(values: Floats, one: Floats, other: Floats, lower: Floats, upper: Floats) -> Floats:
    """Both changes of ``values``, (columns,): where both have changed a column, their sum, within its bounds."""
    changed = other != values
    both = changed & (one != values)
    added = np.clip(one + (other - values), lower, upper)
    return np.where(both, added, np.where(changed, other, one))
