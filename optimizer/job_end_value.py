"""What a job that is not finished is worth at the end of the horizon, where it may go on after it.

A job may go on if its last chance lies after the horizon: its deadline or, where it may be late, ``latest_finish``.
Work done by the end then earns its share of the value, ``worth = value / work`` per node-hour, or
``unfinished_value_per_node_hour`` where that is given. Without more, a window of a longer plan would put off work as
long as other work pays better, and be surprised by the deadline; so the work left has to fit between the end of the
horizon and the last chance, ``left_h`` hours at full speed, or the job counts as given up and nothing is credited::

    training_unfinished_value = worth * (credited - work * finished_{T-1})
    credited <= progress_{T-1},    credited <= work * in_reach
    work - progress_{T-1} <= rate * left_h + most * (1 - in_reach)                 in_reach binary, most from the data

Of a job that may be late, the hours by which it will at least be late after the horizon are paid for at once::

    training_expected_late_penalty = - late_penalty_per_hour * late_after
    late_after >= (work - progress_{T-1}) / rate - hours from the horizon's end to the deadline,     late_after >= 0
    late_after >= hours from the deadline (or the horizon's end, if later) to latest_finish * (1 - in_reach)

Why that is neither too much nor too little: with ``rate`` the most that the job ever makes in an hour, work that does
not fit can surely not be done (the rule is necessary, so nothing is given up that could be saved), and the hours of
lateness are a lower bound of the real ones. That it fits does not mean that nodes will be free; a window that runs into
a shortage is late, as any plan made without knowledge of the future. A share of the value per node-hour makes an hour
of work worth the same in every window: a job that is finished has earned exactly its value.

Runs in a row book together what one long run books: what an earlier run has credited, and the lateness that it has
paid for beforehand, is carried and taken back in the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView, frame_of
from optimizer.carry import ROUNDING
from optimizer.component import Floats, MoneyLine
from optimizer.frame import Frame
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.workloads.training_job import TrainingJob

CREDITED, COUNTED = "credited_node_hours", "late_hours_counted"


def worth_of_work(job: TrainingJob, f: Frame | AuditView) -> float:
    """Worth of a node-hour done on the unfinished job at the end of the horizon, currency; 0 where it is lost."""
    if job.unfinished_value_per_node_hour is not None:
        return job.unfinished_value_per_node_hour
    return job.value_per_node_hour if job.window(f).open_ended else 0.0


def credited_before(f: Frame) -> Floats:
    """Node-hours that earlier runs have credited, (members,)."""
    return f.carried.number(CREDITED)


def counted_before(f: Frame) -> Floats:
    """Hours of lateness that earlier runs have paid for beforehand, (members,)."""
    return f.carried.number(COUNTED)


def is_credited(job: TrainingJob, f: Frame) -> bool:
    """Whether the horizon's end credits work, or takes back what was credited."""
    return worth_of_work(job, f) > 0 or bool(credited_before(f).any())


def is_counted_late(job: TrainingJob, f: Frame) -> bool:
    """Whether lateness after the horizon is counted, or taken back."""
    return bool(job.late_penalty_per_hour) and (job.window(f).open_ended or bool(counted_before(f).any()))


def has_to_fit(job: TrainingJob, f: Frame | AuditView) -> bool:
    """Whether credit depends on the work left: it is told by a binary. The runs of a rigid job end in time anyway."""
    return not job.is_rigid and worth_of_work(job, f) > 0 and _excess(job, f) > 0


def _excess(job: TrainingJob, f: Frame | AuditView) -> float:
    """Most node-hours that may not fit after the horizon."""
    left_h = job.window(f).last_chance_left_h
    if not (job.window(f).open_ended and np.isfinite(left_h)):
        return 0.0
    done = float(job.work_done(frame_of(f)).min())
    return job.work_node_hours - done + job.largest_dip(f) - _rate(job) * left_h


def _rate(job: TrainingJob) -> float:
    return float(job.full_rates.max())


def end_variables(b: Any, f: Frame, job: TrainingJob) -> None:
    """``in_reach`` and ``late_after``, where they are needed."""
    last = np.full(f.members_count, f.horizon.steps - 1)
    b.credited_before = Param(f.members, values=credited_before(f))
    b.counted_before = Param(f.members, values=counted_before(f))
    if has_to_fit(job, f):
        least = np.zeros(f.members_count)
        if job.required and job.window(f).due_after:
            rest = job.work_node_hours - job.best_progress(f)[:, -1]
            least = np.where(rest <= _rate(job) * job.window(f).last_chance_left_h, 1.0, 0.0)
        b.in_reach_least = Param(f.members, values=least)
        b.in_reach = Var(f.members, within=pyo.Binary, bounds=lambda b, w: (b.in_reach_least[w], 1), decided_at=last)
    if is_counted_late(job, f):
        b.late_after = Var(f.members, within=pyo.NonNegativeReals, least=True)


def end_constraints(b: Any, f: Frame, job: TrainingJob) -> None:
    """The rules above."""
    window, last, rate, work = job.window(f), f.horizon.steps - 1, _rate(job), job.work_node_hours
    if has_to_fit(job, f):
        most = _excess(job, f)
        b.rest_fits = Constraint(
            f.members,
            rule=lambda b, w: (
                work - job.rules.progress(b, w, last) <= rate * window.last_chance_left_h + most * (1 - b.in_reach[w])
            ),
            doc="the work left can still be done after the horizon, or the job is given up",
        )
        b.credit_in_reach = Constraint(
            f.members,
            rule=lambda b, w: job.rules.credited(b, f, w) <= work * b.in_reach[w],
            doc="work is credited if the rest can still be done after the horizon",
        )
    if not (is_counted_late(job, f) and window.open_ended):
        return
    b.lateness_after = Constraint(
        f.members,
        rule=lambda b, w: rate * (b.late_after[w] + window.deadline_left_h) >= work - job.rules.progress(b, w, last),
        doc="hours by which the job will at least be late after the horizon",
    )
    if has_to_fit(job, f):
        until_h = window.last_chance_left_h - window.deadline_left_h
        b.late_for_good = Constraint(
            f.members,
            rule=lambda b, w: b.late_after[w] >= until_h * (1 - b.in_reach[w]),
            doc="a job that is given up is late to the last",
        )


def end_money(b: Any, f: Frame, job: TrainingJob, finished: Any) -> dict[str, MoneyLine]:
    """The two lines; ``finished(w)`` is 1 if the job is finished at the end."""
    lines = {}
    worth, taken_back = worth_of_work(job, f), job.worth_when_open
    if is_credited(job, f):
        lines["training_unfinished_value"] = f.by_member(
            lambda b, w: (
                (worth * (job.rules.credited(b, f, w) - job.work_node_hours * finished(w)) if worth > 0 else 0.0)
                - taken_back * b.credited_before[w]
            )
        )
    if is_counted_late(job, f):
        penalty = job.late_penalty_per_hour or 0.0
        lines["training_expected_late_penalty"] = f.by_member(
            lambda b, w: -penalty * (b.late_after[w] - b.counted_before[w])
        )
    return lines


def audit_end(a: AuditView, job: TrainingJob, at_end: Floats) -> None:
    """Credit and lateness from the plan alone; ``at_end`` is 1 for members that have finished."""
    f, window, worth = a.frame, job.window(a), worth_of_work(job, a)
    done, rate = a["progress"][:, -1], _rate(job)
    missing = job.work_node_hours - done
    in_reach = np.ones(len(done), dtype=bool)
    if has_to_fit(job, a):
        in_reach = missing <= rate * window.last_chance_left_h + 1e-6 * job.work_node_hours
    if is_credited(job, f):
        credited = np.zeros(len(done))
        if worth > 0:
            credited = a["credited"]
            a.at_most("work credited has been done", credited, done)
            a.at_most("work credited within the work of the job", credited, job.work_node_hours)
            a.at_most("no work is credited of a job that is given up", credited[~in_reach], 0.0)
        open_work = credited - job.work_node_hours * at_end
        money = worth * open_work - job.worth_when_open * credited_before(f)
        a.money("training_unfinished_value", money)
    if is_counted_late(job, f):
        assert job.late_penalty_per_hour is not None
        late = a["late_after_h"]
        if window.open_ended:
            a.at_least("hours late after the horizon", late, missing / rate - window.deadline_left_h)
        a.at_least("hours late after the horizon are not negative", late, 0.0)
        a.money("training_expected_late_penalty", -job.late_penalty_per_hour * (late - counted_before(f)))


def end_carry(a: AuditView, job: TrainingJob, at_end: Floats) -> dict[str, Floats]:
    """What has been credited and counted by the end of the run; what a plan books after the part of it that is carried
    out does not count."""
    f = a.frame
    credited, counted = credited_before(f), counted_before(f)
    if not f.is_cut:
        if is_credited(job, f):
            worth = worth_of_work(job, f)
            credited = a["credited"] - job.work_node_hours * at_end if worth > 0 else np.zeros_like(credited)
        if is_counted_late(job, f):
            counted = a["late_after_h"]
    found = {CREDITED: np.maximum(credited, 0.0), COUNTED: np.maximum(counted, 0.0)}
    return {
        key: np.asarray(np.round(value, ROUNDING), dtype=float) for key, value in found.items() if (value > 1e-9).any()
    }
