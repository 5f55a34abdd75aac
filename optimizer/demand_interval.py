"""Metered demand: the mean import of clock-aligned intervals, as a demand meter registers it.

The demand of interval ``i`` is the mean of its steps, and counts if the interval lies in the window of the charge::

    demand_i = sum_{t in i} import_t / n_i

Intervals are aligned to the local clock (a quarter of an hour ends at :00, :15, :30, :45). Without ``interval``, and
where steps are at least as long, every step is an interval of its own: steps longer than the meter's interval hide the
peaks within them. Of an interval that the horizon cuts, the steps inside count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.component import Finding, Floats
from optimizer.frame import Frame
from optimizer.horizon import Horizon, step_length
from optimizer.template import Param
from optimizer.windows import Window

Interval = Literal["5min", "10min", "15min", "30min", "1h"]


@dataclass(frozen=True)
class DemandIntervals:
    """Intervals of a horizon, in order; each is a run of steps."""

    first: NDArray[np.int64]
    """First step of each interval, (intervals,)."""
    steps: NDArray[np.int64]
    """Number of steps of each interval, (intervals,)."""
    counted: NDArray[np.bool_]
    """Whether the interval lies in the window, (intervals,)."""

    @cached_property
    def of_step(self) -> NDArray[np.int64]:
        """Interval of each step, (steps,)."""
        return np.repeat(np.arange(len(self.first)), self.steps)

    def step_at(self) -> NDArray[np.int64]:
        """Steps of each interval, (intervals, longest); shorter ones repeat their last step (its weight is then 0)."""
        offsets = np.arange(self.steps.max())
        return np.asarray(self.first[:, np.newaxis] + np.minimum(offsets, self.steps[:, np.newaxis] - 1))

    def weights(self) -> Floats:
        """Weight of each of :meth:`step_at` in the mean, (intervals, longest)."""
        inside = np.arange(self.steps.max()) < self.steps[:, np.newaxis]
        return np.asarray(inside / self.steps[:, np.newaxis])

    def demand_mw(self, power_mw: Floats) -> Floats:
        """Demand that counts for the charge, 0 outside of the window: (members, steps) to (members, intervals)."""
        mean = np.add.reduceat(power_mw, self.first, axis=1) / self.steps
        return np.where(self.counted, np.maximum(mean, 0.0), 0.0)


def demand_intervals(horizon: Horizon, interval: Interval | None, counted: NDArray[np.bool_]) -> DemandIntervals:
    """The intervals of a horizon; ``counted`` says for each step whether it lies in the window, (steps,)."""
    if _is_step(horizon, interval):
        first = np.arange(horizon.steps, dtype=np.int64)
    else:
        # starts of the intervals in absolute time: an hour that the clock shows twice is two
        minute = horizon.utc.tz_localize(None).to_numpy().astype("datetime64[m]").astype(np.int64)
        began = minute - _minutes_into(horizon, interval)
        first = np.flatnonzero(np.diff(began, prepend=began[0] - 1))
    steps = np.diff(np.append(first, horizon.steps))
    return DemandIntervals(first, steps, counted[first])


def declare_intervals(b: Any, f: Frame, intervals: DemandIntervals) -> None:
    """Steps of each interval with their weights in its mean, and ``b.counted``, the intervals in the window."""
    step_at = intervals.step_at()
    b.intervals = pyo.RangeSet(0, len(step_at) - 1)
    b.within = pyo.RangeSet(0, step_at.shape[1] - 1)
    b.step_at = Param(b.intervals, b.within, values=step_at)
    b.weight = Param(b.intervals, b.within, values=intervals.weights())
    b.interval_of = Param(f.steps, values=intervals.of_step)
    b.counted = pyo.Set(initialize=np.flatnonzero(intervals.counted).tolist(), dimen=1)
    b.counts = Param(f.steps, values=intervals.counted[intervals.of_step].astype(float))


def mean_demand_mw(b: Any, f: Frame, w: Any, i: Any) -> Any:
    """Mean import of an interval, MW, as a model expression."""
    return sum(b.weight[i, u] * f.import_mw(w, b.step_at[i, u]) for u in b.within)


def interval_findings(horizon: Horizon, interval: Interval | None, windows: dict[str, Window]) -> Iterator[Finding]:
    """Steps or window hours that do not fit the intervals."""
    if _is_step(horizon, interval):
        return
    assert interval is not None
    minutes, step = _minutes(interval), round(horizon.step_h * 60)
    into = _minutes_into(horizon, interval)
    if minutes % step or (into % step).any():
        yield Finding(
            "interval",
            f"steps of {horizon.step} from {horizon.local[0]:%H:%M} on do not divide the clock's intervals",
            interval,
            allowed=f"at most {horizon.step}, or a multiple of it with a horizon that starts on its edges",
        )
        return
    hours = [(field, span) for field, window in windows.items() for span in window.hours or ()]
    for field, (start, end) in hours:
        if any(hour * 60 % minutes for hour in (start, end)):
            yield Finding(
                f"{field}.hours",
                f"the window begins or ends inside an interval of {interval}",
                [start, end],
                allowed=f"multiples of {minutes / 60:g} h",
            )
            return
    if into[0]:
        yield Finding(
            "interval",
            f"the horizon starts inside an interval, at {horizon.local[0]:%H:%M}: of that interval only the steps "
            "inside count",
            interval,
            fatal=False,
        )


def _is_step(horizon: Horizon, interval: Interval | None) -> bool:
    return interval is None or step_length(interval) <= horizon.step_length


def _minutes(interval: Interval) -> int:
    return round(step_length(interval).total_seconds() / 60)


def _minutes_into(horizon: Horizon, interval: Interval | None) -> NDArray[np.int64]:
    """Minutes of the local clock from the start of each step's interval to the step, (steps,)."""
    assert interval is not None
    local = horizon.local
    return np.asarray((local.hour.to_numpy() * 60 + local.minute.to_numpy()) % _minutes(interval), dtype=np.int64)
