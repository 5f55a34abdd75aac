"""A preemptible training job: a gang of fixed size, on or off by blocks of hours.

The rules of runs, starts, progress and completion are those of :mod:`optimizer.flexible_jobs`. Blocks are counted from
the release; the last one ends with the horizon, or with the deadline of a job that may not be late. On several pools
the run is that of the pool to which the job is assigned; a job whose data arrive there within a block runs from the
next block on::

    sum_p run_on[p,k] = run_k,     run_on[p,k] <= assigned[p],     nodes[p,t] = gang * run_on[p,block_of[t]]
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Floats
from optimizer.explanation.reason import Code, Holds
from optimizer.flexible_jobs import ON_ITS_POOL, FlexibleJob
from optimizer.frame import Frame
from optimizer.job_classes import lost_shares
from optimizer.template import Constraint, Param, Var


class Preemptible(FlexibleJob):
    """A gang of fixed size, on or off by blocks of ``block_hours``."""

    holds: ClassVar[dict[str, Holds]] = {
        "gang": Holds(Code.RULE, "a running job holds its whole gang", role="link"),
        "restart_loss": Holds(
            Code.START_COST, "the first hours after a start bring no progress", field="restart_loss_hours"
        ),
    }

    def variables(self, b: Any, f: Frame) -> None:
        super().variables(b, f)
        window, steps = self.job.window(f), self._block_steps(f.step_h)
        within = (np.arange(f.horizon.steps) - self._origin(f)) % steps
        shares = lost_shares(self.job.restart_loss_hours, f.step_h, steps)
        b.lost_of_step = Param(f.steps, values=self._largest_pace * shares[within])
        if self._loss_is_chosen:
            b.lost = Var(f.members, f.steps, within=pyo.NonNegativeReals, least=True)
            losing = np.flatnonzero((shares[within] > 0) & (np.arange(f.horizon.steps) >= window.first))
            b.losing_steps = pyo.Set(initialize=[int(t) for t in losing if t < window.end])
            b.lost_share = Param(f.steps, values=shares[within])

    @property
    def _nodes_follow_runs(self) -> bool:
        return True

    @property
    def _loss_is_chosen(self) -> bool:
        """Whether what a start loses depends on more than the start: on power caps, or on the pool."""
        job = self.job
        differ = bool((job.pool_speeds != job.pool_speeds[0]).any())
        return job.restart_loss_hours > 0 and (job.power_caps is not None or differ)

    def _node_variables(self, b: Any, f: Frame) -> None:
        """On several pools, the run on each; the nodes follow from the runs."""
        if len(b.pools) == 1:
            return
        there = np.where(self._begins(f) >= self.job.first_steps(f)[:, np.newaxis], 1.0, 0.0)
        b.run_on_most = Param(b.pools, b.blocks, values=there)
        b.run_on = Var(
            b.pools,
            f.members,
            b.blocks,
            within=pyo.NonNegativeReals,
            bounds=lambda b, p, w, k: (0, b.run_on_most[p, k]),
            decided_at=self._origin(f) + self._block_steps(f.step_h) * np.arange(self._blocks(f)),
            scheduled="ahead",
        )
        self._assignment_variable(b, f)

    def _block_steps(self, step_h: float) -> int:
        return max(1, math.ceil(self.job.block_hours / step_h - 1e-9))

    def _sizes(self, b: Any, f: Frame) -> None:
        if self._loss_is_chosen:
            self._restart_loss(b, f)
        if len(b.pools) == 1:
            return
        b.gang = Constraint(
            f.members,
            b.blocks,
            rule=lambda b, w, k: sum(b.run_on[p, w, k] for p in b.pools) == b.run[w, k],
            doc="a running job holds its whole gang",
        )
        self._assignment(
            b,
            Constraint(
                b.pools,
                f.members,
                b.blocks,
                rule=lambda b, p, w, k: b.run_on[p, w, k] <= b.assigned[p],
                doc=ON_ITS_POOL,
            ),
        )

    def _restart_loss(self, b: Any, f: Frame) -> None:
        largest = self._largest_pace
        b.restart_loss = Constraint(
            f.members,
            b.losing_steps,
            rule=lambda b, w, t: (
                b.lost[w, t] >= b.lost_share[t] * (self._pace(b, f, w, t) - largest * (1 - b.started[w, b.block_of[t]]))
            ),
            doc="the first hours after a start bring no progress (restart_loss_hours)",
        )

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        if len(b.pools) > 1:
            return self.job.gang * b.open_on[p, t] * b.run_on[p, w, b.block_of[t]]
        return self.job.gang * b.is_open[t] * b.run[w, b.block_of[t]]

    def _lost(self, b: Any, w: Any, t: Any) -> Any:
        return b.lost[w, t] if self._loss_is_chosen else b.lost_of_step[t] * b.started[w, b.block_of[t]]

    def _speed(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self.job.gang_speed / self.job.gang * self._working(b, f, w, t)

    def _audited_speed(self, working: Floats, of_pool: float) -> Floats:
        return working * (self.job.gang_speed / self.job.gang)

    def audit(self, a: AuditView) -> None:
        super().audit(a)
        a.equal("a running job holds its whole gang", a["nodes"], self.job.gang * a["running"])
