"""When a job may run, by when it is due, and what a late hour is: the job's times in steps of the horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optimizer.component import Floats
from optimizer.horizon import Horizon, to_utc


@dataclass(frozen=True)
class JobWindow:
    """Steps in which a job may run and those that come too late.

    A release inside a step waits for the next one, and only steps that end by the deadline count as in time.
    """

    first: int
    """First step in which it may run, 0..T."""
    firsts: tuple[int, ...]
    """First step in which it may run by pool, 0..T, each at least ``first``: its data have to be there."""
    end: int
    """Step after the last in which it may run, 0..T."""
    due: int
    """Number of steps that end by the deadline, 0..T: work done in later steps is late."""
    open_ended: bool
    """The deadline lies beyond the horizon: the job need not be finished in it."""
    late_hours: Floats
    """Hours of each step that lie after the deadline, (T,)."""
    release_h: float
    """Release, hours from the start of the horizon; may be negative."""
    deadline_h: float
    """Deadline, hours from the start of the horizon; may be negative or beyond its end."""

    @property
    def finish_states(self) -> range:
        """States (ends of steps) for which it is told whether the job has finished; the first is the last in time."""
        return range(self.due - 1, max(self.end, self.due))


def job_window(
    horizon: Horizon, release: str | None, deadline: str | None, move_hours: tuple[float, ...], *, may_be_late: bool
) -> JobWindow:
    """The window of a job; by default it may start with the horizon and is due at its end. ``move_hours`` are those
    from the release to its start by pool."""
    steps, hours = horizon.steps, horizon.step_h
    deadline_h = steps * hours if deadline is None else _hours_from_start(horizon, deadline)
    due = int(np.clip(steps if deadline is None else horizon.step_at(deadline, side="end"), 0, steps))
    starts = np.arange(steps) * hours
    released = 0 if release is None else int(np.clip(horizon.step_at(release, side="start"), 0, steps))
    release_h = 0.0 if release is None else _hours_from_start(horizon, release)
    firsts = tuple(
        min(steps, math.ceil((max(release_h, 0.0) + move) / hours - 1e-9)) if move > 0 else released
        for move in move_hours
    )
    open_ended = deadline_h > steps * hours
    return JobWindow(
        first=min(firsts),
        firsts=firsts,
        end=steps if may_be_late or open_ended else due,
        due=due,
        open_ended=open_ended,
        late_hours=np.clip(starts + hours - deadline_h, 0.0, hours),
        release_h=release_h,
        deadline_h=deadline_h,
    )


def _hours_from_start(horizon: Horizon, stamp: str) -> float:
    return (to_utc(stamp, horizon.zone) - horizon.start_utc.to_pydatetime()).total_seconds() / 3600.0
