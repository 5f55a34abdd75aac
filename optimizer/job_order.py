"""The order of jobs: a job that runs ``after`` others starts when all of them have finished.

In each member, with ``under_way`` the part of the job that runs, or has run (of 1)::

    under_way_t <= finished_{t-1} of each predecessor

A predecessor that is left undone holds its successors back for good. It may stand at another site and run on other
pools. A rigid job starts at the same time in all members, so its predecessors must have finished in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Finding, StrictModel
from optimizer.frame import Frame, Part
from optimizer.named_pools import PoolName
from optimizer.template import Constraint

if TYPE_CHECKING:
    from optimizer.workloads.training_job import TrainingJob

REFERENCE = "after"


class Ordered(StrictModel):
    """Work that waits for other work."""

    after: tuple[PoolName, ...] = ()
    """Jobs that must have finished before this one starts; those of other sites are written ``site.job``."""


def predecessors(part: Part) -> list[tuple[Part, TrainingJob]]:
    """Jobs for which a job waits."""
    return [(host, cast("TrainingJob", host.component)) for host in part.hosts.get(REFERENCE, ())]


def has_successors(part: Part) -> bool:
    """Whether any job waits for this one."""
    return any(part in guest.hosts.get(REFERENCE, ()) for guest in part.guests)


def cycle_through(part: Part) -> list[str]:
    """Labels of jobs that wait for each other, from the job back to itself; empty where there is no such cycle."""
    waiting: list[tuple[Part, list[str]]] = [(part, [part.label])]
    seen: list[Part] = []
    while waiting:
        here, path = waiting.pop()
        for host in here.hosts.get(REFERENCE, ()):
            if host is part:
                return [*path, part.label]
            if host not in seen:
                seen.append(host)
                waiting.append((host, [*path, host.label]))
    return []


def earliest_start(part: Part, waiting: tuple[Part, ...] = ()) -> int:
    """First step in which a job can run for its predecessors' sake, each at full speed from its own earliest start;
    the number of steps if one of them cannot finish within the horizon."""
    steps = [0]
    for host, job in predecessors(part):
        if host is not part and host not in waiting and not job.is_done(host.frame).any():
            best = job.best_progress(host.frame, (*waiting, part)).max(axis=0)
            enough = np.flatnonzero(best >= job.work_node_hours * (1 - 1e-9))
            steps.append(int(enough[0]) + 1 if len(enough) else len(best))
    return max(steps)


def order_findings(f: Frame) -> Iterator[Finding]:
    """Jobs that wait for each other."""
    cycle = cycle_through(f.part)
    if cycle:
        yield Finding(REFERENCE, f"the jobs wait for each other: {' after '.join(cycle)}")


def order_constraints(b: Any, f: Frame, job: TrainingJob) -> None:
    """The job is not under way before its predecessors have finished."""
    window = job.window(f)
    known = any(predecessor.is_done(host.frame).any() for host, predecessor in predecessors(f.part))
    begin = max(0 if known else 1, window.first)
    b.waiting_steps = pyo.RangeSet(begin, max(window.end, begin) - 1)
    for number, (host, predecessor) in enumerate(predecessors(f.part)):
        rule = Constraint(
            f.members,
            b.waiting_steps,
            rule=lambda b, w, t, host=host, predecessor=predecessor: (
                job.rules.under_way(b, f, w, t) <= predecessor.rules.finished_by(host.block, w, t - 1)
            ),
            doc=f"starts when {host.label} has finished (after)",
        )
        b.add_component(f"after_{number}", rule)


def audit_order(a: AuditView) -> None:
    """Nodes are held only when the predecessors' work is done."""
    for view in a.hosts(REFERENCE):
        work = view.component.work_node_hours
        start = view.component.work_done(view.frame)[:, np.newaxis]
        done = np.concatenate([start, view["progress"][:, :-1]], axis=1)
        running = a["nodes"] > 1e-6
        a.at_least(f"starts when {view.label} has finished (after)", np.where(running, done, work), work)
