"""A rigid training job: a gang of fixed size that runs once, without a break.

Its start is decided once for all members (here-and-now): ``start[p,c,s]`` is 1 if it starts at step ``s`` on pool ``p``
at row ``c`` of its power caps (row 0: full power, the only one without caps), and it then holds its gang for
``length[p,c]`` steps: the time that its work takes there, its start's loss and the pool's switch time, rounded up to
whole steps::

    sum_{p,c,s} start[p,c,s] <= 1
    on[p,c,t] = on[p,c,t-1] + start[p,c,t] - start[p,c,t-length[p,c]]        nodes[p,t] = gang * sum_c on[p,c,t]
    ended[t]    = ended[t-1] + sum_{p,c} start[p,c,t-length[p,c]+1]
    progress[t] = progress[t-1] + sum_{p,c} (rate[p,c] * step_h * on[p,c,t] - lost in the first steps - rest of last)

with ``rate[p,c]`` the gang's speed on the pool at the row. Which starts are offered, and how long a run takes, is told
in :mod:`optimizer.rigid_starts`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.carry import time_label
from optimizer.component import Carried, Floats, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.job_classes import lost_shares
from optimizer.job_state import RUN, RUNNING
from optimizer.named_pools import pool_of
from optimizer.rigid_starts import RigidStarts, reachable
from optimizer.template import Constraint, Param, Var


class Rigid(RigidStarts):
    """One start, one run."""

    holds: ClassVar[dict[str, Holds]] = {
        "running": Holds(Code.WHOLE_DECISION, "it runs once, from its start to its end without a break", role="limit"),
        "once": Holds(Code.WHOLE_DECISION, "it runs once"),
        "required": Holds(Code.DEADLINE, "the job has to be finished by its deadline", field="required"),
    }

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
        on_most[..., 1:] = reachable(offered, reach, back)
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
