"""The state of a training job between one run and the next: work done, runs under way, its place, its data.

What :mod:`optimizer.carry` says of all components, for jobs. The states of a class of jobs (starts whose minimum run
or loss is not over, a rigid run in progress) are told by the class; those below all jobs have. A state that is missing
is 0: nothing done, not finished, not running.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING
from optimizer.component import Carried, Finding, Floats
from optimizer.frame import Frame

if TYPE_CHECKING:
    from optimizer.workloads.training_job import TrainingJob

WORK_DONE, FINISHED, RUNNING = "work_done", "finished", "running"
STARTS, BLOCK_LEFT, RUN, PLACE, MOVES = "starts", "block_hours_left", "run", "place", "data_move_hours_left"
BEGUN, WORK_BY_TIME = "begun", "work_by_time"
JOB_CARRIES = {
    WORK_DONE: "node-hours done by the end of the run",
    FINISHED: "1 where the job's finish has been told and its value booked",
    RUNNING: "1 where the job runs at the end of the run",
    STARTS: "1 for each start within its minimum run or loss (malleable, preemptible), by time",
    BLOCK_LEFT: "hours for which the preemptible job goes on as it is",
    RUN: "1 for the run in progress (rigid; with the row of its power caps), by place and time",
    PLACE: "1 for the pool on which the job runs (of several), by pool",
    MOVES: "hours until the job's data are there, by pool",
    BEGUN: "1 where the job first held nodes (with flex), by time",
    WORK_BY_TIME: "node-hours done by then (with flex; may be below 0), by time",
    "credited_node_hours": "node-hours credited to the unfinished job so far",
    "late_hours_counted": "hours of lateness after the run that have been paid for",
}


def moves_left(f: Frame) -> tuple[float, ...]:
    """Hours from the start of the horizon until the data are at each pool."""
    carried = f.carried.by_period(MOVES)
    return tuple(float(carried[part.label].max()) if part.label in carried else 0.0 for part in f.hosts("pool"))


def place_before(f: Frame) -> Floats | None:
    """1 for the pool on which the job has run, (pools,); None where it has not, or has only one."""
    carried = f.carried.by_period(PLACE)
    if not carried:
        return None
    return np.array([float(np.round(carried[p.label].max())) if p.label in carried else 0.0 for p in f.hosts("pool")])


def state_findings(job: TrainingJob, f: Frame) -> Iterator[Finding]:
    """States that no run can have left."""
    pools = [part.label for part in f.hosts("pool")]
    for key in (FINISHED, RUNNING):
        found = f.carried.number(key)
        if not np.isin(np.round(found, 6), (0.0, 1.0)).all():
            yield Finding(key, "is told as 0 or 1", float(found.max()), "0 or 1")
    finished, done = f.carried.number(FINISHED), job.work_done(f)
    if (done[finished > 0.5] < job.work_node_hours * (1 - 1e-6)).any():
        odd = float(done[finished > 0.5].min())
        yield Finding(FINISHED, f"{odd:g} node-hours are not the work of the job", 1, f"{job.work_node_hours:g} done")
    for key in (PLACE, MOVES):
        for label in f.carried.by_period(key):
            if label not in pools:
                yield Finding(key, "the job does not run on this pool", label, f"one of: {', '.join(pools)}")
    for key in (BLOCK_LEFT, "credited_node_hours", "late_hours_counted"):
        if (f.carried.number(key) < 0).any():
            yield Finding(key, "is below 0", float(f.carried.number(key).min()), "at least 0")
    for key in (STARTS, RUN):
        if any(step >= 0 for step in f.carried.steps(key, f.horizon)):
            yield Finding(key, "a time is not before the horizon", allowed="times of steps before it")
    yield from job.rules.state_findings(f)


def state_of(a: AuditView, job: TrainingJob) -> dict[str, Carried]:
    """States at the end of a run, from the plan alone."""
    from optimizer.job_end_value import end_carry

    at_end = np.round(a["finished"][:, -1])
    done = a["progress"][:, -1]
    near = np.abs(done - job.work_node_hours) <= 1e-7 * job.work_node_hours
    done = np.where(near, job.work_node_hours, np.round(done, ROUNDING))
    states: dict[str, Carried] = {WORK_DONE: done}
    if at_end.any():
        states[FINISHED] = at_end
    states |= _place(a, job) | _moves(a, job) | job.rules.carry(a)
    states |= end_carry(a, job, at_end)
    return states


def _place(a: AuditView, job: TrainingJob) -> dict[str, Carried]:
    pools = [host.label for host in a.hosts("pool")]
    if len(pools) == 1:
        return {}
    place = place_before(a.frame)
    if place is None:
        used = job.audited_by_pool(a, "nodes").max(axis=(1, 2)) > 1e-6 * job.most_nodes
        if not used.any():
            return {}
        place = used.astype(float)
    return {PLACE: {label: np.full(a.shape[0], 1.0) for label, here in zip(pools, place, strict=True) if here > 0}}


def _moves(a: AuditView, job: TrainingJob) -> dict[str, Carried]:
    window, run_h = job.window(a), a.shape[1] * a.step_h
    if window.release_h > run_h or not any(job.move_hours):
        return {}
    if WORK_DONE in a.frame.carried and window.release_h <= 0:
        there = moves_left(a.frame)
    else:
        there = tuple(max(window.release_h, 0.0) + move for move in job.move_hours)
    pools = [host.label for host in a.hosts("pool")]
    left = {label: np.full(a.shape[0], h - run_h) for label, h in zip(pools, there, strict=True) if h > run_h}
    return {MOVES: left} if left else {}
