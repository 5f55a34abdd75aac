"""What is refused, or pointed out, in a training job: sizes that do not fit, work that cannot be done in time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.component import Finding
from optimizer.frame import Frame
from optimizer.job_scaling import dominated
from optimizer.job_state import WORK_DONE
from optimizer.named_pools import pool_of
from optimizer.rigid_jobs import Rigid

if TYPE_CHECKING:
    from optimizer.workloads.training_job import TrainingJob

MARGIN = 1e-9
"""Relative margin below which a lack of hours is rounding."""
FARTHEST_HOURS = 10 * 8766.0
"""Times beyond are not spelled out: the calendar of time stamps ends."""


def field_findings(job: TrainingJob) -> Iterator[str]:
    """Contradictions between a job's own fields."""
    if job.class_ == "malleable":
        if job.max_nodes is None:
            yield "a malleable job needs max_nodes"
        elif job.min_nodes > job.max_nodes:
            yield f"min_nodes {job.min_nodes:g} exceeds max_nodes {job.max_nodes:g}"
        if job.gang_nodes is not None:
            yield "gang_nodes is for preemptible and rigid jobs; a malleable job has min_nodes and max_nodes"
        if job.min_nodes == 0 and (job.restart_loss_hours > 0 or job.min_run_hours > 0):
            yield (
                "restart_loss_hours and min_run_hours need min_nodes above 0: a malleable job that may run on no nodes "
                "at all never has to be restarted"
            )
    elif job.gang_nodes is None and (job.max_nodes is None or job.min_nodes != job.max_nodes):
        yield f"a {job.class_} job needs gang_nodes (or min_nodes equal to max_nodes)"
    elif job.gang_nodes is not None and (job.max_nodes or job.gang_nodes) != job.gang_nodes:
        yield f"gang_nodes {job.gang_nodes:g} and max_nodes {job.max_nodes:g} differ; give gang_nodes only"
    elif job.gang_nodes is not None and job.min_nodes not in (0, job.gang_nodes):
        yield f"gang_nodes {job.gang_nodes:g} and min_nodes {job.min_nodes:g} differ; give gang_nodes only"
    if job.class_ == "preemptible" and job.restart_loss_hours >= job.block_hours:
        yield (
            f"restart_loss_hours {job.restart_loss_hours:g} must be below block_hours {job.block_hours:g}: "
            "a block would bring no progress"
        )
    if job.work_done_before >= job.work_node_hours:
        yield f"work_done_before {job.work_done_before:g} must be below work_node_hours {job.work_node_hours:g}"
    if (job.unfinished_value_per_node_hour or 0.0) * job.work_node_hours > job.value * (1 + MARGIN):
        yield (
            f"unfinished_value_per_node_hour {job.unfinished_value_per_node_hour:g} must be at most "
            f"value / work_node_hours = {job.value / job.work_node_hours:g}: "
            "otherwise the job is worth more unfinished than finished"
        )
    if job.latest_finish is not None and not job.may_be_late:
        yield "latest_finish needs late_penalty_per_hour: without one the job is worth nothing after its deadline"
    if job.overdue and not job.may_be_late:
        yield "overdue: true needs late_penalty_per_hour: without one the job is worth nothing after its deadline"
    if job.overdue and job.required:
        yield "a job cannot be both overdue and required by its deadline"
    yield from _scaling_problems(job)
    yield from job.place_problems()
    yield from job.failure_problems(job.most_nodes, job.class_ == "malleable")


def _scaling_problems(job: TrainingJob) -> Iterator[str]:
    if job.scaling is None:
        return
    sizes = [nodes for nodes, _ in job.scaling]
    if len(set(sizes)) < len(sizes):
        yield "scaling gives a number of nodes twice"
    faster = [f"[{n:g}, {e:g}]" for n, e in job.scaling if e > n * (1 + MARGIN)]
    if faster:
        yield f"scaling {', '.join(faster)}: nodes cannot be worth more than as many at full speed"
    if all(equivalent == 0 for _, equivalent in job.scaling):
        yield "scaling says that the job never makes progress"


def time_findings(job: TrainingJob, f: Frame) -> Iterator[Finding]:
    """Sizes, times and work against the pools and the horizon."""
    yield from _size_findings(job, f)
    yield from _effectless(job, f)
    window = job.window(f)
    carried = WORK_DONE in f.carried
    if window.deadline_h <= window.release_h and not (carried and job.release is None):
        yield Finding("deadline", f"is not after the release ({_at(f, window.release_h)})", job.deadline)
        return
    if window.last_chance_h < window.deadline_h:
        yield Finding("latest_finish", f"is before the deadline ({_at(f, window.deadline_h)})", job.latest_finish)
        return
    if carried and job.is_done(f).all():
        return
    if window.deadline_h <= 0 and not job.overdue:
        yield Finding(
            "deadline",
            "has passed before the horizon starts",
            job.deadline,
            hint="overdue: true with a late_penalty_per_hour lets it be finished late",
            fatal=not carried,
        )
        return
    if window.first >= f.horizon.steps:
        yield Finding("release", "lies after the horizon, in which the job does not run", job.release, fatal=False)
    if window.due_after:
        if job.unfinished_value_per_node_hour == 0:
            yield Finding(
                "deadline",
                "lies after the horizon, and work on a job that is not finished has no value: "
                "it only runs if it can be finished within the horizon",
                job.deadline,
                hint=f"unfinished_value_per_node_hour: {job.value / job.work_node_hours:.6g} values its work",
                fatal=False,
            )
        if job.required:
            yield Finding(
                "required",
                "has no effect on a job whose deadline lies after the horizon, but that the rest has to fit after it",
                fatal=False,
            )
    if not job.overdue:
        for finding in _fit(job, f):
            # what an earlier run has left is late, and not to be refused
            yield replace(finding, fatal=False) if carried else finding


def _size_findings(job: TrainingJob, f: Frame) -> Iterator[Finding]:
    field = "gang_nodes" if job.gang_nodes is not None else "max_nodes"
    pools = [pool_of(part) for part in f.hosts("pool")]
    largest = max(pool.nodes for pool in pools)
    if job.most_nodes > largest:
        where = f"the pool {pools[0].name} has" if len(pools) == 1 else "the largest pool has"
        yield Finding(field, f"more nodes than {where}", job.most_nodes, f"at most {largest}")
    elif job.gang:
        small = [part.label for part in f.hosts("pool") if pool_of(part).nodes < job.gang]
        if small:
            yield Finding(field, f"the gang does not fit on {', '.join(small)}", job.gang, fatal=False)
    if job.scaling is not None:
        below = dominated(job.scaling)
        if below:
            yield Finding(
                "scaling",
                f"the points at {', '.join(f'{n:g}' for n in below)} nodes lie below the envelope: "
                "sharing the time between other sizes is faster",
                fatal=False,
            )


def _effectless(job: TrainingJob, f: Frame) -> Iterator[Finding]:
    useful = {
        "block_hours": job.class_ == "preemptible",
        "min_run_hours": job.class_ != "rigid",
        "integer": job.class_ == "malleable",
    }
    for field, has_effect in useful.items():
        if getattr(job, field) != type(job).model_fields[field].default and not has_effect:
            yield Finding(field, f"has no effect on a {job.class_} job", fatal=False)
    yield from _effectless_tier(job, f)
    if job.class_ == "preemptible":
        blocks = job.block_hours / f.step_h
        if abs(blocks - round(blocks)) > MARGIN:
            rounded = math.ceil(blocks) * f.step_h
            yield Finding("block_hours", f"is rounded up to whole steps, {rounded:g} h", job.block_hours, fatal=False)


def _effectless_tier(job: TrainingJob, f: Frame) -> Iterator[Finding]:
    if job.flex is None:
        return
    window, steps = job.window(f), job.flex.steps(f.step_h)
    if job.class_ == "rigid":
        if job.power_caps is None:
            yield Finding("flex", "has no effect on a rigid job without power_caps", fatal=False)
        return
    if steps > window.end - window.first and WORK_DONE not in f.carried:
        hours = f"no window of {job.flex.window_hours:g} h lies within the time in which the job may run"
        yield Finding("flex.window_hours", f"{hours}: nothing is promised", job.flex.window_hours, fatal=False)
    if abs(job.flex.window_hours - steps * f.step_h) > MARGIN:
        rounded = f"is rounded up to whole steps, {steps * f.step_h:g} h"
        yield Finding("flex.window_hours", rounded, job.flex.window_hours, fatal=False)


def _fit(job: TrainingJob, f: Frame) -> Iterator[Finding]:
    """Work that cannot be done between release and deadline, even alone, at full speed and without a loss."""
    window, best = job.window(f), job.best_progress(f)
    full_speed = float(job.full_rates.max())
    done = best[:, window.due - 1] if window.due > 0 else job.work_done(f)
    if window.due_after:
        beyond = max(window.release_h, f.horizon.steps * f.step_h)
        done = done + full_speed * (window.deadline_h - beyond)
    member = int(np.argmin(done) if job.required else np.argmax(done))
    lacking = job.work_node_hours - float(done[member])
    if lacking <= MARGIN * job.work_node_hours:
        yield from _run_fits(job, f)
        return
    finish = _earliest_finish_h(job, f, best[member], full_speed)
    begin = "earliest start" if job.after or job.data_move_hours is not None else "release"
    where = f" in member {member}" if job.required and f.members_count > 1 else ""
    yield Finding(
        "work_node_hours",
        f"the job takes {job.work_node_hours:g} node-hours, of which at most {float(done[member]):.6g} can be done "
        f"by its deadline ({_at(f, window.deadline_h)}){where}, at full speed from its {begin}: "
        f"{lacking:.6g} node-hours are lacking; it could be finished at {_at(f, finish)} at the earliest",
        hint="overdue: true with a late_penalty_per_hour lets it be finished late",
    )


def _run_fits(job: TrainingJob, f: Frame) -> Iterator[Finding]:
    """A rigid run with its losses, in whole steps and without a break, between release and deadline."""
    if isinstance(job.rules, Rigid) and not job.rules.offers_a_start(f) and job.window(f).first < f.horizon.steps:
        yield Finding(
            "deadline" if job.deadline is not None else "work_node_hours",
            f"the run holds its gang for {job.rules.hours_needed(f):g} h (losses and whole steps included), "
            "and no start lets it end by its deadline",
            hint="overdue: true with a late_penalty_per_hour lets it be finished late",
        )


def _earliest_finish_h(job: TrainingJob, f: Frame, best: np.ndarray, full_speed: float) -> float:
    """Hours from the start of the horizon to the end of the step in which the work can be done, at full speed."""
    window, steps = job.window(f), f.horizon.steps
    late = job.model_copy(update={"late_penalty_per_hour": 0.0})
    reached = late.best_progress(f).max(axis=0) if not job.may_be_late else best
    enough = np.flatnonzero(reached >= job.work_node_hours * (1 - MARGIN))
    if len(enough):
        return float(enough[0] + 1) * f.step_h
    return max(window.release_h, steps * f.step_h) + (job.work_node_hours - float(reached[-1])) / full_speed


def _at(f: Frame, hours: float) -> str:
    if hours > FARTHEST_HOURS:
        return "a time more than ten years ahead"
    return f.horizon.describe(f.horizon.start_utc + pd.Timedelta(seconds=round(hours * 3600.0)))
