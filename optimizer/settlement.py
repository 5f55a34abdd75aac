"""Settlement periods: steps grouped by day, month or horizon, as index sets of a component."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray


def declare_periods(b: Any, codes: NDArray[np.int64]) -> None:
    """``b.periods`` = 0..P-1 and ``b.steps_of[p]`` = the steps of period ``p``."""
    b.periods = pyo.RangeSet(0, int(codes.max()))
    b.steps_of = pyo.Set(b.periods, initialize={p: np.flatnonzero(codes == p).tolist() for p in b.periods})
