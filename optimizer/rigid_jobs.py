"""A rigid training job: a gang of fixed size that runs once, without a break.

Its start is decided once for all members (here-and-now): ``start[p,s]`` is 1 if it starts at step ``s`` on pool ``p``,
and it then holds its gang for ``length[p]`` steps: the time that its work takes, its start's loss and the pool's
switch time, rounded up to whole steps::

    sum_{p,s} start[p,s] <= 1
    on[p,t] = on[p,t-1] + start[p,t] - start[p,t-length[p]]             nodes[p,t] = gang * on[p,t]
    ended[t]    = ended[t-1] + sum_p start[p,t-length[p]+1]
    progress[t] = progress[t-1] + sum_p (gang_speed * step_h * on[p,t] - lost in the first steps - rest of the last)

A start is offered only where the job then ends by its deadline, or may end later (a late penalty, a deadline beyond
the horizon). A job with work done before is running when the horizon starts: it goes on in the first step, or is given
up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.audit import AuditView
from optimizer.component import Floats, Result
from optimizer.frame import Frame
from optimizer.job_classes import JobClass, lost_shares
from optimizer.template import Constraint, Param, Var
from optimizer.workload import pool_of


class Rigid(JobClass):
    """One start, one run."""

    # ------------------------------------------------------------------ times
    def _lost_hours(self, pools: list[Any]) -> Floats:
        """Hours without progress after the start, by pool."""
        if self.job.work_done_before > 0:
            return np.zeros(len(pools))
        return np.array([self.job.restart_loss_hours + pool.switch_minutes / 60.0 for pool in pools])

    def _hours(self, pools: list[Any]) -> Floats:
        """Hours from the start to the end of the work, by pool."""
        return (self.job.work_node_hours - self.job.work_done_before) / self.job.gang_speed + self._lost_hours(pools)

    def _lengths(self, pools: list[Any], step_h: float) -> NDArray[np.int64]:
        """Steps that the job takes, by pool."""
        return np.maximum(1, np.ceil(self._hours(pools) / step_h - 1e-9)).astype(np.int64)

    def _offered_starts(self, f: Frame, lengths: NDArray[np.int64]) -> Floats:
        """1 where a start is offered, (pools, steps)."""
        window, steps = self.job.window(f), np.arange(f.horizon.steps)
        ends = steps + lengths[:, np.newaxis]
        in_time = (steps >= window.first) & (steps < window.end) & ((ends <= window.end) | self._may_end_later(f))
        if self.job.work_done_before > 0:
            in_time &= steps == 0
        return in_time.astype(float)

    def offers_a_start(self, f: Frame) -> bool:
        """Whether there is any start, were the pools free."""
        return bool(self._offered_starts(f, self._lengths([pool_of(part) for part in f.hosts("pool")], f.step_h)).any())

    def hours_needed(self, f: Frame) -> float:
        """Hours that the run holds its gang on the fastest pool, losses and whole steps included."""
        lengths = self._lengths([pool_of(part) for part in f.hosts("pool")], f.step_h)
        return float(lengths.min()) * f.step_h

    def _may_end_later(self, f: Frame) -> bool:
        return self.job.may_be_late or self.job.window(f).open_ended

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        job, steps = self.job, f.horizon.steps
        pools = [pool_of(part) for part in f.hosts("pool")]
        lengths = self._lengths(pools, f.step_h)
        reach = np.minimum(lengths, steps + 1)  # a longer run ends beyond the horizon all the same
        back = int(reach.max())
        rest = lengths * f.step_h - self._hours(pools)
        shares = np.stack([lost_shares(lost, f.step_h, back) for lost in self._lost_hours(pools)])
        lost_steps = max(1, int(np.count_nonzero(shares.any(axis=0))))
        b.start_steps = pyo.RangeSet(-back, steps - 1)
        b.lost_steps = pyo.RangeSet(0, lost_steps - 1)
        b.length = Param(b.pools, values=reach)
        b.lost_work = Param(b.pools, b.lost_steps, values=job.gang_speed * f.step_h * shares[:, :lost_steps])
        b.rest_work = Param(b.pools, values=job.gang_speed * rest)
        offered = np.concatenate([np.zeros((len(pools), back)), self._offered_starts(f, lengths)], axis=1)
        b.start_offered = Param(b.pools, b.start_steps, values=offered)
        b.start = Var(b.pools, b.start_steps, within=pyo.Binary, bounds=lambda b, p, s: (0, b.start_offered[p, s]))
        b.inside = Param(f.states, values=np.concatenate([[0.0], np.ones(steps)]))
        b.on = Var(b.pools, f.states, within=pyo.NonNegativeReals, bounds=lambda b, p, t: (0, b.inside[t]))
        b.ended = Var(f.states, within=pyo.NonNegativeReals, bounds=lambda b, t: (0, b.inside[t]))
        b.progress_least = Param(f.states, values=np.concatenate([[job.work_done_before], np.full(steps, -np.inf)]))
        b.progress_most = Param(f.states, values=np.concatenate([[job.work_done_before], np.full(steps, np.inf)]))
        b.progress = Var(f.states, within=pyo.Reals, bounds=lambda b, t: (b.progress_least[t], b.progress_most[t]))

    def constraints(self, b: Any, f: Frame) -> None:
        job = self.job
        b.one = pyo.RangeSet(0, 0)
        b.once = Constraint(
            b.one,
            rule=lambda b, one: sum(b.start[p, s] for p in b.pools for s in b.start_steps) <= 1,
            doc="a rigid job starts at most once",
        )
        b.running = Constraint(
            b.pools,
            f.steps,
            rule=lambda b, p, t: b.on[p, t] == b.on[p, t - 1] + b.start[p, t] - b.start[p, t - b.length[p]],
            doc="a rigid job runs from its start to its end without a break",
        )
        b.ending = Constraint(
            f.steps,
            rule=lambda b, t: b.ended[t] == b.ended[t - 1] + sum(b.start[p, t - b.length[p] + 1] for p in b.pools),
            doc="a rigid job ends a fixed time after its start",
        )
        b.progressing = Constraint(
            f.steps,
            rule=lambda b, t: (
                b.progress[t]
                == b.progress[t - 1]
                + sum(
                    job.gang_speed * f.step_h * b.on[p, t] - b.rest_work[p] * b.start[p, t - b.length[p] + 1]
                    for p in b.pools
                )
                - sum(b.lost_work[p, j] * b.start[p, t - j] for p in b.pools for j in b.lost_steps)
            ),
            doc="progress follows from the run",
        )
        if job.required:
            in_time = job.window(f).due - 1
            b.required = Constraint(
                b.one, rule=lambda b, one: b.ended[in_time] >= 1, doc="finished by the deadline (required)"
            )

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return self.job.gang * b.on[p, t]

    def progress(self, b: Any, w: Any, t: Any) -> Any:
        return b.progress[t]

    def finished(self, b: Any, w: Any, t: Any) -> Any:
        return b.ended[t]

    def credited(self, b: Any, f: Frame, w: Any) -> Any:
        return b.progress[f.horizon.steps - 1]

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "finished": f.by_time(lambda b, w, t: b.ended[t], "1", "finished by the end of the step"),
            "running": f.by_time(lambda b, w, t: sum(b.on[p, t] for p in b.pools), "1", "running"),
        }

    # ------------------------------------------------------------------ after the model
    def audit(self, a: AuditView) -> None:
        job, window = self.job, self.job.window(a)
        by_pool = job.audited_by_pool(a, "nodes")
        running = a["running"]
        a.whole("a job runs or does not", running)
        a.equal("a running job holds its whole gang", a["nodes"], job.gang * running)
        a.equal("a rigid job runs at the same time in all members", running, a.full(running[0]))
        pools = [host.component for host in a.hosts("pool")]
        on = np.round(by_pool[:, 0] / job.gang)
        starts = np.argwhere(np.diff(on, axis=1, prepend=0.0) > 0)
        a.at_most("a rigid job starts at most once", len(starts), 1)
        worked, finished = np.zeros(a.shape[1]), np.zeros(a.shape[1])
        for p, s in starts[:1]:
            ends = np.arange(1, a.shape[1] + 1) - s
            length = int(self._lengths(pools, a.step_h)[p])
            expected = np.where((ends >= 1) & (ends <= length), 1.0, 0.0)
            a.equal("a rigid job runs from its start to its end without a break", on.sum(axis=0), expected)
            a.at_least("a rigid job starts after its release", s, window.first)
            hours = np.clip(ends * a.step_h, 0.0, self._hours(pools)[p]) - np.minimum(
                np.clip(ends * a.step_h, 0.0, None), self._lost_hours(pools)[p]
            )
            worked, finished = job.gang_speed * hours, np.where(ends >= length, 1.0, 0.0)
            if not (job.may_be_late or window.open_ended):
                a.at_most("a rigid job ends by its deadline", s + length, window.due)
        a.equal("progress follows from the run", a["progress"], a.full(job.work_done_before + worked))
        a.equal("a rigid job ends a fixed time after its start", a["finished"], a.full(finished))
