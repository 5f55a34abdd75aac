"""Blocks of hours of the local clock, counted from midnight: 00:00 to 04:00, 04:00 to 08:00, …"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.horizon import Horizon


def clock_blocks(horizon: Horizon, block_hours: float) -> NDArray[np.int64]:
    """Number of the block (0, 1, …) in which each step starts, (steps,); ``block_hours`` divides the day.

    Where the clocks change, a block of several hours is longer or shorter by the change; the hour that comes twice is
    two blocks of an hour. The horizon may cut the first and the last block.
    """
    wall = horizon.local.tz_localize(None).to_numpy()
    day, hour = wall.astype("datetime64[D]"), np.timedelta64(1, "h")
    slot = np.floor((wall - day) / hour / block_hours + 1e-9)
    offset = (wall - horizon.utc.tz_localize(None).to_numpy()) / hour
    keys = np.stack([day.astype(float), slot, offset if block_hours <= 1 else np.zeros(len(slot))])
    begins = (np.diff(keys) != 0).any(axis=0)
    return np.cumsum(np.append(False, begins), dtype=np.int64)
