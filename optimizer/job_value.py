"""What a finished training job is worth, and what it costs to be late.

With ``finished_t`` = 1 if the work is done by the end of step ``t``, ``D`` the first step that ends after the deadline
and ``T`` steps in all::

    training_value        =   value * sum_t (finished_t - finished_{t-1})
    training_late_penalty = - late_penalty_per_hour * sum_{t >= D} late_hours_t * (1 - finished_{t-1})

The value is booked in the step at whose end the finish is told: for a job that may be interrupted that of its deadline,
or a later one. A job without a late penalty is worth nothing after its deadline and does not run then. One with a late
penalty may finish late, inside the horizon or by ``latest_finish``, and pays for every hour from the deadline to its
finish; if it does not finish it forfeits its value and pays for all hours from the deadline to the horizon's end (a
finish counts at the end of its step; hours before the horizon are sunk).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Floats, MoneyLine, Need
from optimizer.frame import Frame
from optimizer.template import Param

if TYPE_CHECKING:
    from optimizer.workloads.training_job import TrainingJob


def value_data(b: Any, f: Frame, job: TrainingJob) -> None:
    """Declare hours of lateness and the steps at whose end a finish is told."""
    window = job.window(f)
    b.late_steps = pyo.RangeSet(window.due, f.horizon.steps - 1)
    b.late_hours = Param(b.late_steps, values=window.late_hours[window.due :])
    b.finished_before = Param(f.members, values=job.finished_before(f))
    told = job.rules.told_states(f)
    b.told_steps = pyo.RangeSet(max(0, told.start), max(0, told.start, told.stop - 1))
    at_start = np.zeros(f.horizon.steps)
    at_start[0] = float(told.start < 0)
    b.told_at_start = Param(f.steps, values=at_start)


def value_money(b: Any, f: Frame, job: TrainingJob) -> dict[str, MoneyLine]:
    """Value and penalty."""
    rules = job.rules
    told = f.by_some_steps(b.told_steps, lambda b, w, t: job.value * _newly_finished(b, job, w, t))
    lines = {"training_value": told}
    if job.late_penalty_per_hour is not None and len(b.late_steps) > 0:
        penalty = job.late_penalty_per_hour
        lines["training_late_penalty"] = f.by_some_steps(
            b.late_steps,
            lambda b, w, t: -penalty * b.late_hours[t] * (1 - rules.finished_by(b, w, t - 1)),
        )
    return lines


def _newly_finished(b: Any, job: TrainingJob, w: Any, t: Any) -> Any:
    """1 in the step at whose end the finish is told."""
    before = job.rules.finished_by(b, w, t - 1)
    return job.rules.finished_by(b, w, t) - before + b.told_at_start[t] * (before - b.finished_before[w])


def needed_by_deadline(f: Frame, job: TrainingJob) -> dict[str, Need]:
    """The work that a required job has to have done by its deadline, node-hours."""
    window = job.window(f)
    if not job.required or window.due_after:
        return {}
    due = (f.horizon.start_utc + pd.Timedelta(hours=window.deadline_h)).tz_convert(f.horizon.timezone)
    words = f"needs {{needed}} node-hours by {due:%Y-%m-%d %H:%M}, but at most {{possible}} fit"
    in_time = window.due - 1
    return {"required": Need((f.members,), lambda b, w: job.rules.progress(b, w, in_time), job.work_node_hours, words)}


def audit_value(a: AuditView, job: TrainingJob, at_end: Floats) -> None:
    """Value and penalty from the plan alone; ``at_end``, (members,), is 1 where the job is finished."""
    window, finished = job.window(a), a["finished"]
    before = job.finished_before(a.frame)
    a.whole("a job is finished or not", finished)
    if job.required and not window.due_after:
        in_time = finished[:, window.due - 1] if window.due > 0 else before
        a.at_least("finished by the deadline (required)", in_time, job.rules.has_to_finish(a.frame))
    a.money("training_value", job.value * (at_end - before))
    if job.late_penalty_per_hour is not None and window.due < a.shape[1]:
        earlier = np.concatenate([before[:, np.newaxis], finished[:, :-1]], axis=1)
        late = (window.late_hours * (1.0 - earlier))[:, window.due :].sum(axis=1)
        a.money("training_late_penalty", -job.late_penalty_per_hour * late)
