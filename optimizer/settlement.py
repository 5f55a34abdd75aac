"""Settlement periods: steps grouped by day, month, year or horizon, as index sets of a component."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray


def sums_by_period(codes: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of (members, steps) over the steps of each period, (members, periods); periods are runs of steps."""
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return np.asarray(np.add.reduceat(values, starts, axis=1))


def at_period_ends(codes: NDArray[np.int64], amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amounts by period, (members, periods), booked in the last step of each period, (members, steps)."""
    booked = np.zeros((amounts.shape[0], len(codes)))
    booked[:, last_steps(codes)] = amounts
    return booked


def last_steps(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Last step of each period, (periods,); periods are runs of steps."""
    return np.append(np.flatnonzero(np.diff(codes)), len(codes) - 1)


def declare_periods(b: Any, codes: NDArray[np.int64]) -> None:
    """``b.periods`` = 0..P-1 and ``b.steps_of[p]`` = the steps of period ``p``."""
    b.periods = pyo.RangeSet(0, int(codes.max()))
    b.steps_of = pyo.Set(b.periods, initialize={p: np.flatnonzero(codes == p).tolist() for p in b.periods})
