"""Hours of events that others call: a supplier's interruption, demand response, a grid emergency; 1 in them, else 0."""

from __future__ import annotations

import numpy as np

from optimizer.synthetic.clock import Clock
from optimizer.synthetic.noise import FloatArray


def event_hours(
    clock: Clock, stress: FloatArray, *, events: int, hours_each: int, at_least: float | None = None
) -> FloatArray:
    """Up to `events` blocks of `hours_each` hours on different local days, in which `stress` is highest on average.

    `stress` (paths, hours) is what the event is called for: system load, price, tightness. Returns 1 in the hours of
    events and 0 in others, (paths, hours). Blocks stay within a local day. With `at_least`, blocks with a lower mean
    stress are not called: a mild path then has fewer events, or none. The choice looks at the whole horizon, so a
    longer one may have other events.
    """
    called = np.zeros_like(stress)
    if clock.hours < hours_each:
        return called
    days = np.asarray(clock.local.normalize().asi8)
    starts = np.flatnonzero(days[: clock.hours - hours_each + 1] == days[hours_each - 1 :])
    blocks = np.lib.stride_tricks.sliding_window_view(stress, hours_each, axis=1).mean(axis=-1)
    for path, mean in enumerate(blocks):
        taken: set[int] = set()
        for start in sorted(starts, key=lambda hour: (-mean[hour], hour)):
            if len(taken) == events or (at_least is not None and mean[start] < at_least):
                break
            if int(days[start]) not in taken:
                taken.add(int(days[start]))
                called[path, start : start + hours_each] = 1.0
    return called
