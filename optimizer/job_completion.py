"""Progress and completion of a job that may be interrupted.

Progress is what was really done: work beyond the need is shown, and earns nothing. In a step in which a switch and a
start together lose more than the step, it falls, and the work is made up for later::

    progress_t = progress_{t-1} + step_h * speed(pace_t - not yet ready_t - lost_t)
    progress_t >= work * finished_t,   finished_t >= finished_{t-1},   finished binary, for t from the deadline on
    credited   <= work,  credited <= progress_{T-1}

Where others wait for the job (:mod:`optimizer.job_order`), or its throughput is promised
(:mod:`optimizer.throughput_tier`), ``finished`` is told from the earliest step on in which it can be. Before the
deadline the progress of an unfinished job may be below 0 by what one start loses::

    progress_t >= work * finished_t - dip * (1 - finished_t)
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.carry import past_and_present
from optimizer.component import Floats
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.job_end_value import worth_of_work
from optimizer.job_order import has_successors
from optimizer.job_runs import BlockRuns
from optimizer.job_state import WORK_DONE
from optimizer.template import Constraint, Param, Var


class Completion(BlockRuns):
    """Work done, and whether all of it is."""

    holds: ClassVar[dict[str, Holds]] = {
        "completing": Holds(
            Code.DEADLINE, "the work has to be done by the deadline", unit="node-hour", field="work_node_hours"
        ),
        "required": Holds(Code.DEADLINE, "the job has to be finished by its deadline", field="required"),
        "credit": Holds(Code.DEADLINE, "work done by the end of the horizon is worth something", unit="node-hour"),
        "credited": Holds(Code.DEMAND_MET, "all of its work is done", unit="node-hour", field="work_node_hours"),
    }

    # ------------------------------------------------------------------ the model
    def _progress_variables(self, b: Any, f: Frame) -> None:
        before = self.job.work_done(f)[:, np.newaxis]
        anything = np.full(f.shape, np.inf)
        b.progress_least = Param(f.members, f.states, values=past_and_present(before, -anything))
        b.progress_most = Param(f.members, f.states, values=past_and_present(before, anything))
        b.progress = Var(
            f.members,
            f.states,
            within=pyo.Reals,
            bounds=lambda b, w, t: (b.progress_least[w, t], b.progress_most[w, t]),
        )
        states = self.told_states(f)
        best = past_and_present(before, self.job.best_progress(f))
        possible = best[:, states.start + 1 : states.stop + 1] >= self.job.work_node_hours * (1 - 1e-9)
        b.finish_states = pyo.RangeSet(states.start, states.stop - 1)
        b.later_states = pyo.RangeSet(states.start + 1, states.stop - 1)
        b.finish_possible = Param(f.members, b.finish_states, values=np.where(possible, 1.0, 0.0))
        early = np.where(np.array(states) < self.job.window(f).finish_states.start, 1.0, 0.0)
        b.dip = Param(b.finish_states, values=early * self.job.largest_dip(f))
        b.is_finished = Var(
            f.members,
            b.finish_states,
            within=pyo.Binary,
            bounds=lambda b, w, t: (b.finished_before[w], b.finish_possible[w, t]),
        )
        state = np.arange(-1, f.horizon.steps)
        b.decided = Param(f.states, values=np.where(state >= states.start, 1.0, 0.0))
        b.decided_in = Param(f.states, values=np.clip(state, states.start, states.stop - 1))
        if worth_of_work(self.job, f) > 0:
            b.credited = Var(f.members, within=pyo.NonNegativeReals, bounds=lambda b, w: (0, self.job.work_node_hours))

    def told_states(self, f: Frame) -> range:
        """From the deadline on, or as soon as it can be."""
        states = self.job.window(f).finish_states
        if self.job.flex is None and not has_successors(f.part):
            return states
        best = past_and_present(self.job.work_done(f)[:, np.newaxis], self.job.best_progress(f))
        enough = np.flatnonzero(best.max(axis=0) >= self.job.work_node_hours * (1 - 1e-9)) - 1
        return range(min(states.start, int(enough[0])) if len(enough) else states.start, states.stop)

    def has_to_finish(self, f: Frame) -> Floats:
        job = self.job
        if WORK_DONE not in f.carried:
            return np.ones(f.members_count)
        due = job.window(f).due
        best = job.best_progress(f)[:, due - 1] if due > 0 else job.work_done(f)
        return np.where(best >= job.work_node_hours * (1 - 1e-9), 1.0, 0.0)

    def _progress(self, b: Any, f: Frame) -> None:
        b.progressing = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.progress[w, t] == b.progress[w, t - 1] + f.step_h * b.is_open[t] * self._speed(b, f, w, t)
            ),
            doc="progress follows from the nodes at work",
        )

    @abstractmethod
    def _speed(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Equivalent nodes at full speed."""

    def _completion(self, b: Any, f: Frame) -> None:
        job = self.job
        b.completing = Constraint(
            f.members,
            b.finish_states,
            rule=lambda b, w, t: (
                b.progress[w, t] >= job.work_node_hours * b.is_finished[w, t] - b.dip[t] * (1 - b.is_finished[w, t])
            ),
            doc="a finished job has done its work",
        )
        b.staying_finished = Constraint(
            f.members,
            b.later_states,
            rule=lambda b, w, t: b.is_finished[w, t] >= b.is_finished[w, t - 1],
            doc="a finished job stays finished",
        )
        window = job.window(f)
        if job.required and not window.due_after:
            in_time = window.finish_states.start
            b.required_here = Param(f.members, values=self.has_to_finish(f))
            b.required = Constraint(
                f.members,
                rule=lambda b, w: b.is_finished[w, in_time] >= b.required_here[w],
                doc="finished by the deadline (required)",
            )
        if worth_of_work(job, f) > 0:
            last = f.horizon.steps - 1
            b.credit = Constraint(
                f.members,
                rule=lambda b, w: b.credited[w] <= b.progress[w, last],
                doc="work credited at the end of the horizon has been done",
            )

    def progress(self, b: Any, w: Any, t: Any) -> Any:
        return b.progress[w, t]

    def finished(self, b: Any, w: Any, t: Any) -> Any:
        return b.is_finished[w, t]

    def finished_by(self, b: Any, w: Any, t: Any) -> Any:
        return b.decided[t] * b.is_finished[w, b.decided_in[t]] + (1 - b.decided[t]) * b.finished_before[w]

    def credited(self, b: Any, f: Frame, w: Any) -> Any:
        return b.credited[w]

    # ------------------------------------------------------------------ after the model
    def _audit_completion(self, a: AuditView) -> None:
        job = self.job
        states = self.told_states(a.frame)
        told = slice(max(0, states.start), states.stop)
        finished = a["finished"][:, told]
        least = np.where(finished > 1e-9, job.work_node_hours * finished, -np.inf)
        a.at_least("a finished job has done its work", a["progress"][:, told], least)
        a.at_least("a finished job stays finished", np.diff(finished, axis=1), 0.0)

    def _audit_progress(self, a: AuditView, done: Floats, possible: Floats) -> None:
        a.equal("progress follows from the nodes at work", done, possible)
