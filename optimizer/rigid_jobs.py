"""A rigid training job: a gang of fixed size that runs once, without a break.

Its start is decided once for all members (here-and-now): ``start[p,c,s]`` is 1 if it starts at step ``s`` on pool ``p``
at row ``c`` of its power caps (row 0: full power, the only one without caps), and it then holds its gang for
``length[p,c]`` steps: the time that its work takes there, its start's loss and the pool's switch time, rounded up to
whole steps::

    sum_{p,c,s} start[p,c,s] <= 1
    on[p,c,t] = on[p,c,t-1] + start[p,c,t] - start[p,c,t-length[p,c]]        nodes[p,t] = gang * sum_c on[p,c,t]
    ended[t]    = ended[t-1] + sum_{p,c} start[p,c,t-length[p,c]+1]
    progress[t] = progress[t-1] + sum_{p,c} (rate[p,c] * step_h * on[p,c,t] - lost in the first steps - rest of last)

with ``rate[p,c]`` the gang's speed on the pool at the row. A start is offered only where the job then ends by its
deadline, or may end later (a late penalty, a deadline beyond the horizon), and with ``flex`` only at rows that lose no
more than it allows. A job with work done before is running when the horizon starts: it goes on in the first step, or is
given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.audit import AuditView
from optimizer.component import Floats, Result
from optimizer.frame import Frame
from optimizer.job_classes import JobClass, lost_shares
from optimizer.template import Constraint, Param, Var
from optimizer.workload import pool_of

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class Rigid(JobClass):
    """One start, one run."""

    # ------------------------------------------------------------------ times
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
        in_time = released & (steps < window.end) & ((ends <= window.end) | self._may_end_later(f))
        if self.job.work_done_before > 0:
            in_time &= steps == 0
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
        b.rows = pyo.RangeSet(0, len(job.capped_rows))
        b.length = Param(b.pools, b.rows, values=reach)
        work = self._rates * f.step_h
        b.step_work = Param(b.pools, b.rows, values=work)
        lost_work = work[..., np.newaxis] * shares[:, np.newaxis, :lost_steps]
        b.lost_work = Param(b.pools, b.rows, b.lost_steps, values=lost_work)
        b.rest_work = Param(b.pools, b.rows, values=self._rates * rest)
        nowhere = np.zeros((*lengths.shape, back))
        offered = np.concatenate([nowhere, self._offered_starts(f, lengths)], axis=2)
        b.start_offered = Param(b.pools, b.rows, b.start_steps, values=offered)
        b.start = Var(
            b.pools, b.rows, b.start_steps, within=pyo.Binary, bounds=lambda b, p, c, s: (0, b.start_offered[p, c, s])
        )
        b.inside = Param(f.states, values=np.concatenate([[0.0], np.ones(steps)]))
        b.on = Var(b.pools, b.rows, f.states, within=pyo.NonNegativeReals, bounds=lambda b, p, c, t: (0, b.inside[t]))
        b.ended = Var(f.states, within=pyo.NonNegativeReals, bounds=lambda b, t: (0, b.inside[t]))
        b.progress_least = Param(f.states, values=np.concatenate([[job.work_done_before], np.full(steps, -np.inf)]))
        b.progress_most = Param(f.states, values=np.concatenate([[job.work_done_before], np.full(steps, np.inf)]))
        b.progress = Var(f.states, within=pyo.Reals, bounds=lambda b, t: (b.progress_least[t], b.progress_most[t]))

    def constraints(self, b: Any, f: Frame) -> None:
        job = self.job
        b.one = pyo.RangeSet(0, 0)
        b.once = Constraint(
            b.one,
            rule=lambda b, one: sum(b.start[p, c, s] for p in b.pools for c in b.rows for s in b.start_steps) <= 1,
            doc="a rigid job starts at most once",
        )
        b.running = Constraint(
            b.pools,
            b.rows,
            f.steps,
            rule=lambda b, p, c, t: (
                b.on[p, c, t] == b.on[p, c, t - 1] + b.start[p, c, t] - b.start[p, c, t - b.length[p, c]]
            ),
            doc="a rigid job runs from its start to its end without a break",
        )
        b.ending = Constraint(
            f.steps,
            rule=lambda b, t: (
                b.ended[t]
                == b.ended[t - 1] + sum(b.start[p, c, t - b.length[p, c] + 1] for p in b.pools for c in b.rows)
            ),
            doc="a rigid job ends a fixed time after its start",
        )
        b.progressing = Constraint(
            f.steps,
            rule=lambda b, t: (
                b.progress[t]
                == b.progress[t - 1]
                + sum(
                    b.step_work[p, c] * b.on[p, c, t] - b.rest_work[p, c] * b.start[p, c, t - b.length[p, c] + 1]
                    for p in b.pools
                    for c in b.rows
                )
                - sum(
                    b.lost_work[p, c, j] * b.start[p, c, t - j] for p in b.pools for c in b.rows for j in b.lost_steps
                )
            ),
            doc="progress follows from the run",
        )
        if job.required:
            in_time = job.window(f).due - 1
            b.required = Constraint(
                b.one, rule=lambda b, one: b.ended[in_time] >= 1, doc="finished by the deadline (required)"
            )

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return self.job.gang * sum(b.on[p, c, t] for c in b.rows)

    def capped(self, b: Any, p: Any, c: Any, w: Any, t: Any) -> Any:
        return self.job.gang * b.on[p, c + 1, t]

    def progress(self, b: Any, w: Any, t: Any) -> Any:
        return b.progress[t]

    def finished(self, b: Any, w: Any, t: Any) -> Any:
        return b.ended[t]

    def finished_by(self, b: Any, w: Any, t: Any) -> Any:
        return b.ended[t]

    def under_way(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return sum(b.on[p, c, t] for p in b.pools for c in b.rows) + b.ended[t - 1]

    def credited(self, b: Any, f: Frame, w: Any) -> Any:
        return b.progress[f.horizon.steps - 1]

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "finished": f.by_time(lambda b, w, t: b.ended[t], "1", "finished by the end of the step"),
            "running": f.by_time(lambda b, w, t: sum(b.on[p, c, t] for p in b.pools for c in b.rows), "1", "running"),
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
            c = self._audited_row(a, int(s))
            ends = np.arange(1, a.shape[1] + 1) - s
            length = int(self._lengths(pools, a.step_h)[p, c])
            expected = np.where((ends >= 1) & (ends <= length), 1.0, 0.0)
            a.equal("a rigid job runs from its start to its end without a break", on.sum(axis=0), expected)
            a.at_least("a rigid job starts after its release", s, window.firsts[p])
            hours = np.clip(ends * a.step_h, 0.0, self._hours(pools)[p, c]) - np.minimum(
                np.clip(ends * a.step_h, 0.0, None), self._lost_hours(pools)[p]
            )
            worked, finished = self._rates[p, c] * hours, np.where(ends >= length, 1.0, 0.0)
            if not (job.may_be_late or window.open_ended):
                a.at_most("a rigid job ends by its deadline", s + length, window.due)
        a.equal("progress follows from the run", a["progress"], a.full(job.work_done_before + worked))
        a.equal("a rigid job ends a fixed time after its start", a["finished"], a.full(finished))

    def _audited_row(self, a: AuditView, start: int) -> int:
        """Row at which the job runs: one for the whole run, and none that loses more than ``flex`` allows."""
        if self.job.power_caps is None:
            return 0
        shares = a.table("capped_nodes") / self.job.gang
        a.whole("a rigid job runs at one power cap", shares)
        row = int(np.argmax([1.0 - shares[:, 0, start].sum(), *shares[:, 0, start]]))
        expected = np.where(np.arange(1, len(shares) + 1) == row, 1.0, 0.0)[:, np.newaxis, np.newaxis]
        a.equal("a rigid job runs at one power cap", shares, expected * a["running"])
        if self.job.flex is not None:
            a.at_least("throughput of the run (flex)", self._row_speeds[row], 1.0 - self.job.flex.loss)
        return row
