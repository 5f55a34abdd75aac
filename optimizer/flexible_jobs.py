"""Jobs that may be interrupted: malleable ones, which change their size, and preemptible ones, which run as a gang.

Runs are decided by blocks ``k`` of steps, counted from the job's release: one step for a malleable job,
``block_hours`` for a preemptible one. ``run[w,k]`` is 1 while it runs; ``block_of[t]`` is the block of a step::

    malleable     min_nodes * run <= sum_p nodes[p,t] <= max_nodes * run      (without run where min_nodes is 0)
    preemptible   sum_p nodes[p,t] = gang * run[block_of[t]]
    several pools nodes[p,t] <= most * assigned[p],   sum_p assigned[p] = 1,  assigned the same for all members

The pace is the speed of the nodes held, were there no losses: all of them, or less where pools are slower
(:mod:`optimizer.job_places`) or nodes are capped (:mod:`optimizer.power_caps`)::

    pace_t = sum_p speed[p] * (nodes[p,t] - sum_c (1 - speed_c) * capped[p,c,t])

Starts and minimum runs are those of :mod:`optimizer.job_runs`. A start loses the first ``restart_loss_hours``, with
``share_j`` the part of the ``j``-th step after it that is lost, exactly so for any size::

    lost_t >= share_j * (pace_t - most * (1 - started_{t-j}))       (malleable; preemptible whose pace is not fixed)
    lost_t  = gang * share_{t in block} * started[block_of[t]]      (preemptible)

Progress and completion are those of :mod:`optimizer.job_completion`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.carry import past_and_present
from optimizer.component import Carried, Floats, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.job_completion import Completion
from optimizer.job_state import place_before
from optimizer.power_caps import cap_constraints, cap_variables
from optimizer.template import Constraint, Param, Var
from optimizer.throughput_tier import audit_tier, tier_carry, tier_constraints, tier_variables

ON_ITS_POOL = "nodes only on the pool to which the job is assigned"


class FlexibleJob(Completion):
    """Sizes, pace and losses of a job that may be interrupted."""

    holds: ClassVar[dict[str, Holds]] = {
        "held": Holds(Code.ALL_IN_USE, "the job uses at most {limit} nodes", unit="node", field="max_nodes"),
        "on_its_pool": Holds(Code.AVAILABILITY, "the job runs on another pool"),
    }

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        window = self.job.window(f)
        b.open_steps = pyo.RangeSet(window.first, max(window.end, window.first) - 1)
        open_step = np.zeros(f.horizon.steps)
        open_step[window.first : window.end] = 1.0
        b.is_open = Param(f.steps, values=open_step)
        there = np.arange(f.horizon.steps) >= self.job.first_steps(f)[:, np.newaxis]
        b.open_on = Param(b.pools, f.steps, values=open_step * there)
        b.pool_speed = Param(b.pools, values=self.job.pool_speeds)
        self._run_variables(b, f)
        self._node_variables(b, f)
        if self.job.power_caps is not None:
            cap_variables(b, f, self.job.most_nodes)
        self._progress_variables(b, f)
        if self.job.flex is not None:
            tier_variables(b, f, self.job, self.job.flex)

    def _node_variables(self, b: Any, f: Frame) -> None:
        """What says how many nodes are held on which pool."""
        b.held = Var(
            b.pools,
            f.members,
            f.steps,
            within=pyo.NonNegativeIntegers if self.job.integer else pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (0, self.job.most_nodes * b.open_on[p, t]),
            scheduled="ahead",
        )
        if len(b.pools) > 1:
            self._assignment_variable(b, f)

    def _assignment_variable(self, b: Any, f: Frame) -> None:
        """The pool of the whole job; known if it has run before."""
        place = place_before(f)
        b.assigned_least = Param(b.pools, values=np.zeros(len(b.pools)) if place is None else place)
        b.assigned_most = Param(b.pools, values=np.ones(len(b.pools)) if place is None else place)
        b.assigned = Var(
            b.pools,
            within=pyo.Binary,
            bounds=lambda b, p: (b.assigned_least[p], b.assigned_most[p]),
            decided_at=self.job.first_steps(f),
        )

    def constraints(self, b: Any, f: Frame) -> None:
        self._runs(b, f)
        self._sizes(b, f)
        if self.job.power_caps is not None:
            cap_constraints(b, f, lambda b, p, w, t: self.job.nodes(b, f, p, w, t))
        self._progress(b, f)
        self._completion(b, f)
        if self.job.flex is not None:
            tier_constraints(b, f, self.job, self.job.flex, self.job.largest_dip(f))

    @abstractmethod
    def _sizes(self, b: Any, f: Frame) -> None:
        """Rules on the nodes held."""

    def _assignment(self, b: Any, on_its_pool: Constraint) -> None:
        """One pool for the whole job, the same for all members."""
        b.one = pyo.RangeSet(0, 0)
        b.assignment = Constraint(
            b.one, rule=lambda b, one: sum(b.assigned[p] for p in b.pools) == 1, doc="the job runs on one of its pools"
        )
        b.on_its_pool = on_its_pool

    def _pace(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Full-speed nodes that the nodes held are worth, were there no losses."""
        job = self.job
        if not job.has_own_pace:
            return job.all_nodes(b, f, w, t)
        return sum(b.pool_speed[p] * self._uncapped(b, f, p, w, t, job.nodes(b, f, p, w, t)) for p in b.pools)

    def _uncapped(self, b: Any, f: Frame, p: Any, w: Any, t: Any, nodes: Any) -> Any:
        """Nodes on pool ``p`` less what they lose at power caps."""
        if self.job.power_caps is None:
            return nodes
        return nodes - sum(b.cap_loss[c] * b.capped[p, c, w, t] for c in b.caps)

    def _working(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Full-speed nodes that really work: ready after a switch, and past the loss of a start."""
        job = self.job
        ready = (
            sum(b.pool_speed[p] * self._uncapped(b, f, p, w, t, job.effective_nodes(b, f, p, w, t)) for p in b.pools)
            if job.has_own_pace
            else sum(job.effective_nodes(b, f, p, w, t) for p in b.pools)
        )
        return ready - self._lost(b, w, t) if job.restart_loss_hours > 0 else ready

    @property
    def _largest_pace(self) -> float:
        """Most full-speed nodes that the nodes held can be worth."""
        return self.job.most_nodes * float(self.job.pool_speeds.max())

    @abstractmethod
    def _lost(self, b: Any, w: Any, t: Any) -> Any:
        """Nodes without progress after a start."""

    def under_way(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        if self._has_runs:
            return b.run[w, b.block_of[t]]
        return self.job.all_nodes(b, f, w, t) / self.job.most_nodes

    def capped(self, b: Any, p: Any, c: Any, w: Any, t: Any) -> Any:
        return b.capped[p, c, w, t]

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {
            "finished": f.by_time(self.finished_by, "1", "finished by the end of the step (told from the deadline on)")
        }
        if self._has_runs:
            found["running"] = f.by_time(lambda b, w, t: b.is_open[t] * b.run[w, b.block_of[t]], "1", "running")
        if self.job.restart_loss_hours > 0:
            found["lost_nodes"] = f.by_time(
                lambda b, w, t: b.is_open[t] * self._lost(b, w, t), "nodes", "nodes without progress after a start"
            )
        return found

    # ------------------------------------------------------------------ after the model
    def carry(self, a: AuditView) -> dict[str, Carried]:
        states = super().carry(a)
        return states if self.job.flex is None else states | tier_carry(a, self.job, self.job.flex)

    def audit(self, a: AuditView) -> None:
        job, window = self.job, self.job.window(a)
        nodes = a["nodes"]
        closed = np.ones(a.shape[1], bool)
        closed[window.first : window.end] = False
        a.equal("no nodes before release or after the last step allowed", nodes[:, closed], 0.0)
        slowed = job.audited_slowing(a)
        working = np.einsum("p,pwt->wt", job.pool_speeds, job.audited_effective_nodes(a)) - slowed
        if self._has_runs:
            pace = np.einsum("p,pwt->wt", job.pool_speeds, job.audited_by_pool(a, "nodes")) - slowed
            self._audit_runs(a, window, pace)
        if job.restart_loss_hours > 0:
            working = working - a["lost_nodes"]
        speed = self._audited_speed(working, float(job.pool_speeds[job.audited_pool(a)]))
        done = np.diff(past_and_present(job.work_done(a.frame)[:, np.newaxis], a["progress"]), axis=1)
        self._audit_progress(a, done, a.step_h * np.where(closed, 0.0, speed))
        self._audit_completion(a)
        if job.flex is not None:
            audit_tier(a, job, job.flex)

    @abstractmethod
    def _audited_speed(self, working: Floats, of_pool: float) -> Floats:
        """Speed of a number of full-speed nodes at work on a pool of so much speed, equivalent nodes."""
