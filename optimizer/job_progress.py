"""How far a job is when a run begins, when it may run in it, and how far it can come at best.

An earlier run leaves the work done, whether the job ran and whether its finish has been told
(:mod:`optimizer.job_state`); without one the fields of the file say what is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from optimizer.audit import AuditView, frame_of
from optimizer.component import Floats
from optimizer.frame import Frame, Part
from optimizer.horizon import Horizon, to_utc
from optimizer.job_order import Ordered, earliest_start
from optimizer.job_speed import JobSpeed
from optimizer.job_state import FINISHED, RUNNING, WORK_DONE, moves_left
from optimizer.job_window import JobTimes, JobWindow, job_window
from optimizer.named_pools import nodes_available, pool_of


class JobProgress(JobSpeed, Ordered):
    """State of a job before the horizon, and its times."""

    if TYPE_CHECKING:  # fields of the job
        work_node_hours: float
        work_done_before: float
        release: str | None
        deadline: str | None
        latest_finish: str | None

        @property
        def may_be_late(self) -> bool: ...

    def ran_before(self, f: Frame) -> Floats | None:
        """1 where it was running before the horizon, (members,); None where that is not known."""
        if WORK_DONE in f.carried:
            return np.round(f.carried.number(RUNNING))
        before = self.known_nodes_before
        return None if before is None else f.full(float(sum(before) > 0))[:, 0]

    def work_done(self, f: Frame) -> Floats:
        """Node-hours done before the horizon, (members,)."""
        return f.carried.number(WORK_DONE, self.work_done_before)

    def is_done(self, f: Frame) -> NDArray[np.bool_]:
        """Whether all work was done before the horizon, (members,)."""
        return np.asarray(self.work_done(f) >= self.work_node_hours * (1 - 1e-9))

    def finished_before(self, f: Frame) -> Floats:
        """1 where an earlier run has told that the job is finished and booked its value, (members,)."""
        return np.round(f.carried.number(FINISHED))

    def largest_dip(self, f: Frame | AuditView) -> float:
        """Node-hours by which progress may fall: what one start can lose."""
        unready = max(self.unready_minutes(pool_of(part)) for part in frame_of(f).hosts("pool")) / 60.0
        pace = self.most_nodes * float(self.pool_speeds.max())
        return pace * self.speed_factor * (unready + self.restart_loss_hours)

    def window(self, f: Frame | AuditView) -> JobWindow:
        """Steps in which it may run, and which are late."""
        frame = frame_of(f)
        times = JobTimes(self.release, self.deadline, self.latest_finish, self.may_be_late, self.move_hours)
        if times not in frame.memo:  # the same component may be asked with other times, to say what would do
            frame.memo[times] = self._window(frame, times)
        found: JobWindow = frame.memo[times]
        return found

    def _window(self, frame: Frame, times: JobTimes) -> JobWindow:
        if WORK_DONE not in frame.carried:
            return job_window(frame.horizon, times)
        window = job_window(frame.horizon, replace(times, moves_left=moves_left(frame)))
        over = bool(self.finished_before(frame).all()) and not frame.carried.number(RUNNING).any()
        return replace(window, end=min(window.first, window.end)) if over else window

    def in_window(self, whole: Horizon) -> Self:
        end = whole.end_utc.tz_convert(whole.timezone).isoformat(timespec="minutes")
        spelled = {}
        if self.deadline is None:
            spelled["deadline"] = end
        inside = self.deadline is None or to_utc(self.deadline, whole.zone) <= whole.end_utc.to_pydatetime()
        if self.may_be_late and self.latest_finish is None and inside:
            spelled["latest_finish"] = end
        return self.model_copy(update=spelled)

    def is_idle(self, horizon: Horizon, states: Mapping[str, Any]) -> bool:
        """Whether the job has been finished, or is only released after the horizon."""
        if FINISHED in states:
            return bool(np.min(states[FINISHED]) > 0.5)
        return self.release is not None and horizon.step_at(self.release, side="start") >= horizon.steps

    def first_steps(self, f: Frame, waiting: tuple[Part, ...] = ()) -> NDArray[np.int64]:
        """First step in which it can run by pool, (pools,): released, its data there, its predecessors finished."""
        return np.maximum(self.window(f).firsts, earliest_start(f.part, waiting))

    def best_progress(self, f: Frame, waiting: tuple[Part, ...] = ()) -> Floats:
        """Work done by the end of each step, at full speed from the earliest start, on the best pool, (members, steps).

        ``waiting`` are the jobs for whose sake this is asked: where jobs wait for each other in a circle, the circle is
        left there.
        """
        available, window = nodes_available(f), self.window(f)
        if self.gang:
            speed = np.where(available >= self.gang * (1 - 1e-9), self.gang_speed, 0.0)
        else:
            speed = self.envelope.speed(np.minimum(available, self.most_nodes))
        there = np.arange(f.horizon.steps) >= self.first_steps(f, waiting)[:, np.newaxis]
        speed = speed * (self.pool_speeds[:, np.newaxis] * there)[:, np.newaxis]
        speed[:, :, window.end :] = 0.0
        done = self.work_done(f)[:, np.newaxis] + np.cumsum(speed * f.step_h, axis=2)
        return np.asarray(done.max(axis=0))
