"""When a rigid training job can start, and how long its run takes.

On pool ``p``, at row ``c`` of its power caps, the gang works at ``rate[p,c]`` full-speed nodes, and the run takes the
time of its work there, of its start's loss and of the pool's switch time, rounded up to whole steps::

    length[p,c] = ceil((work / rate[p,c] + lost[p]) / step_h),     rate[p,c] = speed of the gang * speed[p] * speed[c]

A start is offered only where the job then ends by its last chance (its deadline or, with a late penalty,
``latest_finish``), also where that lies after the horizon, and with ``flex`` only at rows that lose no more than it
allows. A job with work done before is running when the horizon starts: it goes on in the first step, or is given up. A
run that an earlier plan has left in progress goes on to its end: its start lies before the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.component import Finding, Floats
from optimizer.frame import Frame
from optimizer.job_classes import JobClass
from optimizer.job_state import RUN, WORK_DONE
from optimizer.named_pools import pool_of

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class RigidStarts(JobClass):
    """Starts offered, and the run that each of them would be."""

    @property
    def _row_speeds(self) -> Floats:
        """Speed at each row, full power first, (rows,)."""
        return np.concatenate([[1.0], self.job.cap_speeds])

    @property
    def _rates(self) -> Floats:
        """Full-speed nodes that the gang is worth, (pools, rows)."""
        return np.asarray(self.job.gang_speed * self.job.pool_speeds[:, np.newaxis] * self._row_speeds)

    def _lost_hours(self, pools: list[GpuPool]) -> Floats:
        """Hours without progress after the start, by pool."""
        if self.job.work_done_before > 0:
            return np.zeros(len(pools))
        return np.array([self.job.restart_loss_hours + pool.switch_minutes / 60.0 for pool in pools])

    def _hours(self, pools: list[GpuPool]) -> Floats:
        """Hours from the start to the end of the work, (pools, rows)."""
        work = self.job.work_node_hours - self.job.work_done_before
        return np.asarray(work / self._rates + self._lost_hours(pools)[:, np.newaxis])

    def _lengths(self, pools: list[GpuPool], step_h: float) -> NDArray[np.int64]:
        """Steps that the job takes, (pools, rows)."""
        return np.maximum(1, np.ceil(self._hours(pools) / step_h - 1e-9)).astype(np.int64)

    def _offered_starts(self, f: Frame, lengths: NDArray[np.int64]) -> Floats:
        """1 where a start is offered, (pools, rows, steps)."""
        window, steps = self.job.window(f), np.arange(f.horizon.steps)
        ends = steps + lengths[..., np.newaxis]
        released = steps >= self.job.first_steps(f)[:, np.newaxis, np.newaxis]
        in_time = released & (steps < window.end) & (ends <= window.last_end)
        if self.job.work_done_before > 0:
            in_time &= (steps == 0) & (WORK_DONE not in f.carried)
        if self._run_before(f) is not None or self.job.is_done(f).any():
            in_time &= False
        if self.job.flex is not None:
            in_time &= (self._row_speeds >= 1.0 - self.job.flex.loss - 1e-9)[:, np.newaxis]
        return in_time.astype(float)

    def offers_a_start(self, f: Frame) -> bool:
        """Whether there is any start, were the pools free."""
        return bool(self._offered_starts(f, self._lengths([pool_of(part) for part in f.hosts("pool")], f.step_h)).any())

    def hours_needed(self, f: Frame) -> float:
        """Hours that the run holds its gang on the fastest pool, losses and whole steps included."""
        lengths = self._lengths([pool_of(part) for part in f.hosts("pool")], f.step_h)
        return float(lengths.min()) * f.step_h

    def _run_before(self, f: Frame) -> tuple[int, int, int] | None:
        """The run in progress before the horizon: position of its pool, row of its power caps, and step of its start
        (below 0); None without one."""
        for p, part in enumerate(f.hosts("pool")):
            for c in range(len(self.job.capped_rows) + 1):
                for step in f.carried.by_time(RUN, f.horizon, f"{part.label}:{c}"):
                    if step < 0:
                        return p, c, step
        return None

    def told_states(self, f: Frame) -> range:
        return range(f.horizon.steps)

    def has_to_finish(self, f: Frame) -> Floats:
        able: bool = WORK_DONE not in f.carried or self.offers_a_start(f) or bool(self.job.is_done(f).any())
        run = self._run_before(f)
        if run is not None:
            lengths = self._lengths([pool_of(part) for part in f.hosts("pool")], f.step_h)
            able = run[2] + int(lengths[run[:2]]) <= self.job.window(f).due
        return f.full(float(able))[:, 0]

    def state_findings(self, f: Frame) -> Iterator[Finding]:
        labels = [f"{part.label}:{c}" for part in f.hosts("pool") for c in range(len(self.job.capped_rows) + 1)]
        found = f.carried.by_period(RUN)
        for label, flags in found.items():
            if label.rpartition("/")[0] not in labels:
                yield Finding(RUN, "no run has this place", label, f"{' or '.join(labels)}, and /time")
            elif (np.round(flags, 6) != 1.0).any():
                yield Finding(RUN, "a rigid job runs in all members or in none", float(flags.min()), "1")
        if len(found) > 1:
            yield Finding(RUN, "a rigid job runs once", list(found), "one run")
        elif found and self._run_before(f) is None:
            yield Finding(RUN, "did not start before the horizon", next(iter(found)))
        done = self.job.work_done(f)
        if (done != done[0]).any():
            yield Finding(WORK_DONE, "a rigid job does the same in all members", done.tolist(), "one number")


def reachable(offered: Floats, reach: NDArray[np.int64], back: int) -> Floats:
    """1 in the steps in which a start that is offered can still be running, (pools, rows, steps); ``offered`` begins
    ``back`` steps before the horizon.

    The rules say so too, but bounds let presolve drop what comes after a job's last chance: most of a year.
    """
    begun = np.concatenate([np.zeros((*offered.shape[:2], 1)), offered.cumsum(axis=2)], axis=2)
    ends = np.arange(back, offered.shape[2]) + 1
    found = np.zeros((*offered.shape[:2], len(ends)))
    for p, c in np.ndindex(*reach.shape):
        found[p, c] = begun[p, c, ends] > begun[p, c, np.maximum(ends - reach[p, c], 0)]
    return found
