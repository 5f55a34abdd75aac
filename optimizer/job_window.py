"""When a job may run, by when it is due, and what a late hour is: the job's times in steps of the horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optimizer.component import Floats
from optimizer.horizon import Horizon, to_utc


@dataclass(frozen=True)
class JobTimes:
    """Time stamps of a job."""

    release: str | None
    """By default the start of the horizon."""
    deadline: str | None
    """By default the end of the horizon."""
    latest_finish: str | None
    """Last time at which a late job is worth anything; by default it is told by the horizon."""
    may_be_late: bool
    move_hours: tuple[float, ...]
    """Hours from the release until the data are at each pool."""
    moves_left: tuple[float, ...] | None = None
    """Of a job that an earlier run has left: hours from the start of the horizon instead, if it was released by
    then."""


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
    """The last chance lies beyond the horizon: the job need not be finished in it."""
    late_hours: Floats
    """Hours of each step that lie after the deadline (and before ``latest_finish``), (T,)."""
    release_h: float
    """Release, hours from the start of the horizon; may be negative."""
    deadline_h: float
    """Deadline, hours from the start of the horizon; may be negative or beyond its end."""
    last_chance_h: float
    """Last finish that is worth anything, in the same hours: the deadline, or ``latest_finish`` of a job that may be
    late; infinite where nothing says so."""
    last_end: float
    """Whole steps from the start of the horizon to the last chance; may be beyond T, or infinite."""
    horizon_h: float
    """Hours of the horizon."""

    @property
    def finish_states(self) -> range:
        """States (ends of steps) for which it is told whether the job has finished; the first is the last in time."""
        return range(self.due - 1, max(self.end, self.due))

    @property
    def due_after(self) -> bool:
        """Whether the deadline lies after the horizon."""
        return self.deadline_h > self.horizon_h

    @property
    def _goes_on_h(self) -> float:
        """Hours from the start of the horizon from which on the job can run after it."""
        return max(self.release_h, self.horizon_h)

    @property
    def deadline_left_h(self) -> float:
        """Hours after the horizon in which the job can run in time."""
        return max(0.0, self.deadline_h - self._goes_on_h)

    @property
    def last_chance_left_h(self) -> float:
        """Hours after the horizon in which the job can run at all."""
        return max(0.0, self.last_chance_h - self._goes_on_h)


def job_window(horizon: Horizon, times: JobTimes) -> JobWindow:
    """The window of a job; by default it may start with the horizon and is due at its end."""
    steps, hours = horizon.steps, horizon.step_h
    whole_h = steps * hours
    deadline_h = whole_h if times.deadline is None else _hours_from_start(horizon, times.deadline)
    due = steps if times.deadline is None else horizon.step_at(times.deadline, side="end")
    starts = np.arange(steps) * hours
    released = 0 if times.release is None else int(np.clip(horizon.step_at(times.release, side="start"), 0, steps))
    release_h = 0.0 if times.release is None else _hours_from_start(horizon, times.release)
    if times.moves_left is not None and release_h <= 0:
        there = [(0.0, left) for left in times.moves_left]
    else:
        there = [(max(release_h, 0.0), move) for move in times.move_hours]
    firsts = tuple(
        min(steps, math.ceil((begin + move) / hours - 1e-9)) if move > 0 else released for begin, move in there
    )
    last_chance_h, last_end = deadline_h, float(due)
    if times.may_be_late:
        last_chance_h = last_end = math.inf
        if times.latest_finish is not None:
            last_chance_h = _hours_from_start(horizon, times.latest_finish)
            last_end = horizon.step_at(times.latest_finish, side="end")
    may_go_on = times.latest_finish is not None if times.may_be_late else True
    return JobWindow(
        first=min(firsts),
        firsts=firsts,
        end=int(np.clip(last_end, 0, steps)),
        due=int(np.clip(due, 0, steps)),
        open_ended=deadline_h > whole_h or (may_go_on and last_chance_h > whole_h),
        late_hours=np.maximum(0.0, np.minimum(starts + hours, last_chance_h) - np.maximum(starts, deadline_h))
        if times.may_be_late
        else np.clip(starts + hours - deadline_h, 0.0, hours),
        release_h=release_h,
        deadline_h=deadline_h,
        last_chance_h=last_chance_h,
        last_end=last_end,
        horizon_h=whole_h,
    )


def _hours_from_start(horizon: Horizon, stamp: str) -> float:
    return (to_utc(stamp, horizon.zone) - horizon.start_utc.to_pydatetime()).total_seconds() / 3600.0
