"""A malleable training job: it may change its size from step to step.

The class that is cheapest to solve; use it where the job tolerates it. The rules of runs, starts, progress and
completion are those of :mod:`optimizer.flexible_jobs`, with blocks of one step. With a scaling table the speed is a
variable below the pieces of its envelope; on several pools of different speeds the pieces are those of the pool to
which the job is assigned::

    speed_t <= slope_k * (pace_t - not yet ready_t - lost_t) + intercept_k * sum_p speed[p] * assigned[p]
"""

from __future__ import annotations

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


class Malleable(FlexibleJob):
    """A job that may change its size from step to step."""

    holds: ClassVar[dict[str, Holds]] = {
        "least_size": Holds(
            Code.MINIMUM_LOAD, "a job that runs holds at least min_nodes", unit="node", field="min_nodes"
        ),
        "largest_size": Holds(Code.ALL_IN_USE, "the job uses at most its max_nodes", unit="node", field="max_nodes"),
        "speed_of_size": Holds(Code.RULE, "speed follows from the number of nodes", role="link"),
        "restart_loss": Holds(
            Code.START_COST, "the first hours after a start bring no progress", field="restart_loss_hours"
        ),
    }

    def variables(self, b: Any, f: Frame) -> None:
        super().variables(b, f)
        if self.job.restart_loss_hours > 0:
            b.lost = Var(f.members, f.steps, within=pyo.NonNegativeReals, least=True)
        if self.job.scaling is not None:
            slopes, intercepts = self.job.envelope.pieces
            b.pieces = pyo.RangeSet(0, len(slopes) - 1)
            b.piece_slope, b.piece_base = Param(b.pieces, values=slopes), Param(b.pieces, values=intercepts)
            b.speed = Var(f.members, f.steps, within=pyo.Reals)

    @property
    def _has_runs(self) -> bool:
        return self.job.min_nodes > 0

    def _sizes(self, b: Any, f: Frame) -> None:
        job = self.job
        if len(b.pools) > 1:
            self._assignment(
                b,
                Constraint(
                    b.pools,
                    f.members,
                    b.open_steps,
                    rule=lambda b, p, w, t: b.held[p, w, t] <= job.most_nodes * b.assigned[p],
                    doc=ON_ITS_POOL,
                ),
            )
        if self._has_runs:
            b.least_size = Constraint(
                f.members,
                b.open_steps,
                rule=lambda b, w, t: job.all_nodes(b, f, w, t) >= job.min_nodes * b.run[w, b.block_of[t]],
                doc="a running job holds at least min_nodes",
            )
            b.largest_size = Constraint(
                f.members,
                b.open_steps,
                rule=lambda b, w, t: job.all_nodes(b, f, w, t) <= job.most_nodes * b.run[w, b.block_of[t]],
                doc="a job holds at most max_nodes, and none unless it runs",
            )
        if job.restart_loss_hours > 0:
            self._restart_loss(b, f)
        if job.scaling is not None:
            b.speed_of_size = Constraint(
                b.pieces,
                f.members,
                f.steps,
                rule=lambda b, k, w, t: (
                    b.speed[w, t]
                    <= b.piece_slope[k] * self._working(b, f, w, t) + b.piece_base[k] * self._speed_of_pool(b)
                ),
                doc="speed follows from the number of nodes (scaling)",
            )

    def _speed_of_pool(self, b: Any) -> Any:
        """Speed of the nodes of the pool on which the job runs."""
        speeds = self.job.pool_speeds
        if (speeds == speeds[0]).all():
            return float(speeds[0])
        return sum(b.pool_speed[p] * b.assigned[p] for p in b.pools)

    def _restart_loss(self, b: Any, f: Frame) -> None:
        steps, largest = self._lost_steps(f), self._largest_pace
        b.lost_steps = pyo.RangeSet(0, steps - 1)
        b.lost_share = Param(b.lost_steps, values=lost_shares(self.job.restart_loss_hours, f.step_h, steps))
        b.restart_loss = Constraint(
            b.lost_steps,
            f.members,
            b.open_steps,
            rule=lambda b, j, w, t: (
                b.lost[w, t]
                >= b.lost_share[j] * (self._pace(b, f, w, t) - largest * (1 - b.started[w, b.block_of[t] - j]))
            ),
            doc="the first hours after a start bring no progress (restart_loss_hours)",
        )

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return b.held[p, w, t]

    def _lost(self, b: Any, w: Any, t: Any) -> Any:
        return b.lost[w, t]

    def _speed(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        if self.job.scaling is not None:
            return b.speed[w, t]
        left = self.job.speed_factor
        return self._working(b, f, w, t) if left == 1.0 else left * self._working(b, f, w, t)

    def _audited_speed(self, working: Floats, of_pool: float) -> Floats:
        if self.job.scaling is None:
            return self.job.speed_factor * working
        slopes, intercepts = self.job.envelope.pieces
        return np.asarray((slopes * working[..., np.newaxis] + intercepts * of_pool).min(axis=-1))

    def _audit_progress(self, a: AuditView, done: Floats, possible: Floats) -> None:
        if self.job.scaling is None:
            super()._audit_progress(a, done, possible)
        else:
            a.at_most("progress within the speed of the nodes at work", done, possible)

    def audit(self, a: AuditView) -> None:
        super().audit(a)
        a.at_most("a job holds at most max_nodes", a["nodes"], self.job.most_nodes)
        if self._has_runs:
            a.at_least("a running job holds at least min_nodes", a["nodes"], self.job.min_nodes * a["running"])
            a.at_most("no nodes unless the job runs", a["nodes"], self.job.most_nodes * a["running"])
        if self.job.integer:
            a.whole("nodes are whole", self.job.audited_by_pool(a, "nodes"))
