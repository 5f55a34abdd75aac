"""A rigid training job: a gang of fixed size that runs once, without a break.

Its start is decided once for all members (here-and-now): ``start[p,c,s]`` is 1 if it starts at step ``s`` on pool ``p``
at row ``c`` of its power caps (row 0: full power, the only one without caps), and it then holds its gang for
``length[p,c]`` steps: the time that its work takes there, its start's loss and the pool's switch time, rounded up to
whole steps::

    sum_{p,c,s} start[p,c,s] <= 1
    on[p,c,t] = on[p,c,t-1] + start[p,c,t] - start[p,c,t-length[p,c]]        nodes[p,t] = gang * sum_c on[p,c,t]
    ended[t]    = ended[t-1] + sum_{p,c} start[p,c,t-length[p,c]+1]
    progress[t] = progress[t-1] + sum_{p,c} (rate[p,c] * step_h * on[p,c,t] - lost in the first steps - rest of last)

with ``rate[p,c]`` the gang's speed on the pool at the row. A start is offered only where the job then ends by its last
chance (its deadline or, with a late penalty, ``latest_finish``), also where that lies after the horizon, and with
``flex`` only at rows that lose no more than it allows. A job with work done before is running when the horizon starts:
it goes on in the first step, or is given up. A run that an earlier plan has left in progress goes on to its end: its
start lies before the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.audit import AuditView
from optimizer.carry import time_label
from optimizer.component import Carried, Finding, Floats, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.job_classes import JobClass, lost_shares
from optimizer.job_state import RUN, RUNNING, WORK_DONE
from optimizer.template import Constraint, Param, Var
from optimizer.workload import pool_of

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class Rigid(JobClass):
    """One start, one run."""

    holds: ClassVar[dict[str, Holds]] = {
        "running": Holds(Code.WHOLE_DECISION, "it runs once, from its start to its end without a break", role="limit"),
        "once": Holds(Code.WHOLE_DECISION, "it runs once"),
        "required": Holds(Code.DEADLINE, "the job has to be finished by its deadline", field="required"),
    }

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

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        job, steps = self.job, f.horizon.steps
        pools = [pool_of(part) for part in f.hosts("pool")]
        lengths, run = self._lengths(pools, f.step_h), self._run_before(f)
        age = 0 if run is None else -run[2]
        reach = np.minimum(lengths, steps + 1 + age)  # a longer run ends beyond the horizon all the same
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
        started = np.zeros_like(offered)
        on_least, on_most = np.zeros((*lengths.shape, steps + 1)), np.ones((*lengths.shape, steps + 1))
        on_most[..., 0] = 0.0
        if run is not None:
            started[run[0], run[1], back - age] = offered[run[0], run[1], back - age] = 1.0
            on_least[run[0], run[1], 0] = on_most[run[0], run[1], 0] = 1.0
        on_most[..., 1:] = _reachable(offered, reach, back)
        b.start_known = Param(b.pools, b.rows, b.start_steps, values=started)
        b.start_offered = Param(b.pools, b.rows, b.start_steps, values=offered)
        b.start = Var(
            b.pools,
            b.rows,
            b.start_steps,
            within=pyo.Binary,
            bounds=lambda b, p, c, s: (b.start_known[p, c, s], b.start_offered[p, c, s]),
        )
        b.on_least = Param(b.pools, b.rows, f.states, values=on_least)
        b.on_most = Param(b.pools, b.rows, f.states, values=on_most)
        b.on = Var(
            b.pools,
            b.rows,
            f.states,
            within=pyo.NonNegativeReals,
            bounds=lambda b, p, c, t: (b.on_least[p, c, t], b.on_most[p, c, t]),
            scheduled="ahead",
        )
        finished, done = job.finished_before(f)[0], job.work_done(f)[0]
        b.ended_least = Param(f.states, values=first_then(finished, np.zeros(steps)))
        b.ended_most = Param(f.states, values=first_then(finished, np.ones(steps)))
        b.ended = Var(f.states, within=pyo.NonNegativeReals, bounds=lambda b, t: (b.ended_least[t], b.ended_most[t]))
        b.progress_least = Param(f.states, values=first_then(done, np.full(steps, -np.inf)))
        b.progress_most = Param(f.states, values=first_then(done, np.full(steps, np.inf)))
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
        if job.required and not job.window(f).due_after:
            in_time, able = job.window(f).due - 1, float(self.has_to_finish(f)[0])
            b.required = Constraint(
                b.one, rule=lambda b, one: b.ended[in_time] >= able, doc="finished by the deadline (required)"
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
        on, run = np.round(by_pool[:, 0] / job.gang), self._audited_run(a)
        before = self._run_before(a.frame)
        a.at_most("a rigid job starts at most once", self._starts(a, on), 0 if before is not None else 1)
        worked, finished = job.work_done(a.frame)[0], job.finished_before(a.frame)[0]
        if run is not None:
            p, c, s = run
            a.equal("a rigid job runs on one pool", on.sum(axis=0), on[p])
            self._audit_row(a, s, c)
            ends = np.arange(1, a.shape[1] + 1) - s
            length = int(self._lengths(pools, a.step_h)[p, c])
            expected = np.where((ends >= 1) & (ends <= length), 1.0, 0.0)
            a.equal("a rigid job runs from its start to its end without a break", on.sum(axis=0), expected)
            hours = np.clip(ends * a.step_h, 0.0, self._hours(pools)[p, c]) - np.minimum(
                np.clip(ends * a.step_h, 0.0, None), self._lost_hours(pools)[p]
            )
            worked, finished = job.work_done_before + self._rates[p, c] * hours, np.where(ends >= length, 1.0, 0.0)
            if before is None:
                a.at_least("a rigid job starts after its release", s, window.firsts[p])
                a.at_most("a rigid job ends by its last chance", s + length, window.last_end)
        a.equal("progress follows from the run", a["progress"], a.full(worked))
        a.equal("a rigid job ends a fixed time after its start", a["finished"], a.full(finished))

    def _starts(self, a: AuditView, on: Floats) -> int:
        """Starts within the horizon; ``on`` is 1 where the job runs, (pools, steps)."""
        before = self._run_before(a.frame)
        first = np.zeros((len(on), 1))
        if before is not None:
            first[before[0]] = 1.0
        return int((np.diff(np.concatenate([first, on], axis=1), axis=1) > 0).sum())

    def _audited_run(self, a: AuditView) -> tuple[int, int, int] | None:
        """The run of the job, one in progress before the horizon included: pool, row of its power caps, start."""
        before = self._run_before(a.frame)
        if before is not None:
            return before
        on = np.round(self.job.audited_by_pool(a, "nodes")[:, 0] / self.job.gang)
        starts = np.argwhere(np.diff(on, axis=1, prepend=0.0) > 0)
        if len(starts) == 0:
            return None
        p, s = (int(place) for place in starts[0])
        if self.job.power_caps is None:
            return p, 0, s
        shares = a.table("capped_nodes")[:, 0, s] / self.job.gang
        return p, int(np.argmax([1.0 - shares.sum(), *shares])), s

    def carry(self, a: AuditView) -> dict[str, Carried]:
        """The run in progress."""
        run, everywhere = self._audited_run(a), np.ones(a.shape[0])
        if run is None or round(float(a["finished"][0, -1])) == 1:
            return {}
        place = f"{a.hosts('pool')[run[0]].label}:{run[1]}"
        return {RUNNING: everywhere, RUN: {f"{place}/{time_label(a.horizon, run[2])}": everywhere}}

    def _audit_row(self, a: AuditView, start: int, row: int) -> None:
        """One row of the power caps for the whole run, and none that loses more than ``flex`` allows."""
        if self.job.power_caps is None:
            return
        shares = a.table("capped_nodes") / self.job.gang
        a.whole("a rigid job runs at one power cap", shares)
        expected = np.where(np.arange(1, len(shares) + 1) == row, 1.0, 0.0)[:, np.newaxis, np.newaxis]
        a.equal("a rigid job runs at one power cap", shares, expected * a["running"])
        if self.job.flex is not None:
            a.at_least("throughput of the run (flex)", self._row_speeds[row], 1.0 - self.job.flex.loss)


def first_then(first: float, others: Floats) -> Floats:
    """Values over states: one for the state before the horizon, and those of its steps."""
    return np.concatenate([[first], others])


def _reachable(offered: Floats, reach: NDArray[np.int64], back: int) -> Floats:
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
