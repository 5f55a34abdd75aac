"""The throughput that a flexible job is promised: what it may lose over any window of hours while it is under way.

Jobs come in tiers of flexibility: one may be slowed down or paused, but over any ``window_hours`` it loses at most
``loss`` of its full throughput (0, 0.1, 0.25 or 0.5 are the tiers of the field trial of Colangelo et al., "Turning AI
data centers into grid-interactive assets", arXiv 2507.00909, 2025). With ``k`` steps in a window and ``rate[p]`` the
full rate on pool ``p``::

    progress_t - progress_{t-k} >= (least[p] + dip) * (begun_{t-k+1} - finished_t - (1 - assigned[p])) - dip
    least[p] = (1 - loss) * k * step_h * rate[p]
    nodes_t <= most * begun_t,      begun_t >= begun_{t-1},      begun binary

with ``dip`` what one start can lose (:mod:`optimizer.flexible_jobs`), so that every window which lies within the
horizon, starts no earlier than the job and does not see its finish has its share, and no other is bound.
``counted_from: release`` counts from the release of a job that is taken on (``begun`` is one decision); ``start``
counts from the step in which it first holds nodes. A window that is cut by the end of the horizon is not judged. Losses
of starts and switches count as losses of throughput; those to failures do not (the full rate is what is left of them).
Of a run that goes on from an earlier one the windows reach back into that, over the work that was done by each step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING, handed_on_by_time, past_and_present, time_label
from optimizer.component import Carried, Floats, StrictModel
from optimizer.frame import Frame
from optimizer.job_state import BEGUN, WORK_BY_TIME
from optimizer.quantities import Fraction
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.workloads.training_job import TrainingJob


UNDER_WAY = "a job under way loses at most so much of its throughput in any window (flex)"


class ThroughputTier(StrictModel):
    """A promise on the throughput of a job."""

    loss: Fraction
    """Largest loss of throughput over a window, as a fraction of full throughput (tiers: 0, 0.1, 0.25, 0.5)."""
    window_hours: Annotated[float, Field(gt=0, le=8784, strict=True, allow_inf_nan=False)] = 24.0
    """Length of the windows, hours; rounded up to whole steps."""
    counted_from: Literal["release", "start"] = "release"
    """Whether windows are counted from the job's release, or from its first start."""

    def steps(self, step_h: float) -> int:
        """Length of a window in steps."""
        return max(1, math.ceil(self.window_hours / step_h - 1e-9))


def tier_variables(b: Any, f: Frame, job: TrainingJob, tier: ThroughputTier) -> None:
    """Whether the job is taken on, or has begun by each step."""
    window, from_start = job.window(f), tier.counted_from == "start"
    number = max(1, window.end - window.first) if from_start else 1
    b.beginnings = pyo.RangeSet(0, number - 1)
    b.later_beginnings = pyo.RangeSet(1, number - 1)
    b.beginning_of = Param(f.steps, values=np.clip(np.arange(f.horizon.steps) - window.first, 0, number - 1))
    b.begun_before = Param(f.members, values=np.minimum(1.0, _begun_by(f, 0)))
    b.begun = Var(
        f.members,
        b.beginnings,
        within=pyo.Binary,
        bounds=lambda b, w, k: (b.begun_before[w], 1),
        decided_at=window.first + np.arange(number),
    )


def tier_constraints(b: Any, f: Frame, job: TrainingJob, tier: ThroughputTier, dip: float) -> None:
    """Rules of the docstring; ``b.open_steps`` are the steps between release and the last one allowed, ``dip`` the
    node-hours by which progress may fall where it is not promised."""
    window, steps = job.window(f), tier.steps(f.step_h)
    least = (1.0 - tier.loss) * steps * f.step_h * job.full_rates
    b.least_progress = Param(b.pools, values=least)
    first_end = window.first + steps - 1
    b.window_ends = pyo.RangeSet(first_end, max(window.end, first_end) - 1)
    b.holding_once_begun = Constraint(
        f.members,
        b.open_steps,
        rule=lambda b, w, t: job.all_nodes(b, f, w, t) <= job.most_nodes * b.begun[w, b.beginning_of[t]],
        doc="a job with a throughput tier holds nodes only when it has begun (flex)",
    )
    b.staying_begun = Constraint(
        f.members,
        b.later_beginnings,
        rule=lambda b, w, k: b.begun[w, k] >= b.begun[w, k - 1],
        doc="a job that has begun stays under way until it is finished (flex)",
    )
    several = len(b.pools) > 1
    b.throughput = Constraint(
        b.pools,
        f.members,
        b.window_ends,
        rule=lambda b, p, w, t: (
            b.progress[w, t] - b.progress[w, t - steps]
            >= (b.least_progress[p] + dip)
            * (
                b.begun[w, b.beginning_of[t - steps + 1]]
                - job.rules.finished_by(b, w, t)
                - (1 - b.assigned[p] if several else 0)
            )
            - dip
        ),
        doc=UNDER_WAY,
    )
    _windows_from_before(b, f, job, tier, dip)


def _windows_from_before(b: Any, f: Frame, job: TrainingJob, tier: ThroughputTier, dip: float) -> None:
    """The same for windows that began before the horizon, numbered as carried."""
    steps, several = tier.steps(f.step_h), len(b.pools) > 1
    earlier = _earlier_windows(f, job, tier)
    if not earlier:
        return
    from_start = tier.counted_from == "start"
    begun = np.stack([np.minimum(1.0, _begun_by(f, start + 1)) for start, _ in earlier], axis=1)
    b.earlier_windows = pyo.RangeSet(0, len(earlier) - 1)
    b.earlier_work = Param(f.members, b.earlier_windows, values=np.stack([work for _, work in earlier], axis=1))
    b.earlier_end = Param(b.earlier_windows, values=np.array([start + steps - 1 for start, _ in earlier]))
    b.earlier_begun = Param(f.members, b.earlier_windows, values=begun if from_start else np.zeros_like(begun))
    taken_on = 0.0 if from_start else 1.0
    b.throughput_from_before = Constraint(
        b.pools,
        f.members,
        b.earlier_windows,
        rule=lambda b, p, w, k: (
            b.progress[w, b.earlier_end[k]] - b.earlier_work[w, k]
            >= (b.least_progress[p] + dip)
            * (
                b.earlier_begun[w, k]
                + taken_on * b.begun[w, 0]
                - job.rules.finished_by(b, w, b.earlier_end[k])
                - (1 - b.assigned[p] if several else 0)
            )
            - dip
        ),
        doc=UNDER_WAY,
    )


def _earlier_windows(f: Frame, job: TrainingJob, tier: ThroughputTier) -> list[tuple[int, Floats]]:
    """Windows that began before the horizon and end inside: first step (below 0), and work done by its beginning."""
    steps, end = tier.steps(f.step_h), job.window(f).end
    known = sorted(f.carried.by_time(WORK_BY_TIME, f.horizon).items())
    return [(start, work) for start, work in known if start < 0 <= start + steps - 1 < end]


def _begun_by(f: Frame, step: int) -> Floats:
    """Whether the job had begun before a step (at most that of the horizon's start), (members,)."""
    begun = [flag for start, flag in f.carried.by_time(BEGUN, f.horizon).items() if start < step]
    return np.asarray(np.add.reduce([np.zeros(f.members_count), *begun]))


def audit_tier(a: AuditView, job: TrainingJob, tier: ThroughputTier) -> None:
    """Progress in every window that the job is under way, from the plan alone."""
    f, window, steps = a.frame, job.window(a), tier.steps(a.step_h)
    nodes, full = a["nodes"], job.full_rates[job.audited_pool(a)]
    states = past_and_present(job.work_done(f)[:, np.newaxis], a["progress"])
    before = _begun_by(f, 0) > 0
    held = np.maximum.accumulate(nodes > 1e-6 * job.most_nodes, axis=1) | before[:, np.newaxis]
    begun = held if tier.counted_from == "start" else np.broadcast_to(held[:, -1:], held.shape)
    ends = np.arange(window.first + steps, window.end + 1)
    gained = states[:, ends] - states[:, ends - steps]
    unfinished = states[:, ends] < job.work_node_hours * (1 - 1e-6)
    judged = begun[:, ends - steps] & unfinished
    least = (1.0 - tier.loss) * steps * a.step_h * full
    a.at_least("throughput of the job in any window (flex)", np.where(judged, gained, least), least)
    for start, work in _earlier_windows(f, job, tier):
        end = states[:, start + steps]
        under_way = (_begun_by(f, start + 1) > 0) if tier.counted_from == "start" else begun[:, -1]
        judged = under_way & (end < job.work_node_hours * (1 - 1e-6))
        a.at_least("throughput of the job in any window (flex)", np.where(judged, end - work, least), least)


def tier_carry(a: AuditView, job: TrainingJob, tier: ThroughputTier) -> dict[str, Carried]:
    """When the job first held nodes, and the work done by the beginning of each window that goes on after the run."""
    f, horizon, steps = a.frame, a.horizon, tier.steps(a.step_h)
    held, before = a["nodes"] > 1e-6 * job.most_nodes, _begun_by(f, 0)
    first = held & (np.cumsum(held, axis=1) == 1) & (before == 0)[:, np.newaxis]
    reach = max(f.carried.reach(BEGUN, horizon), 1)
    past = f.carried.history(BEGUN, horizon, reach)
    states: dict[str, Carried] = {}
    if begun := handed_on_by_time(horizon, past_and_present(past, first.astype(float)), reach + horizon.steps):
        states[BEGUN] = begun
    work = {start: found for start, found in f.carried.by_time(WORK_BY_TIME, horizon).items() if start < 0}
    done = past_and_present(job.work_done(f)[:, np.newaxis], a["progress"])
    for start in range(job.window(a).first, horizon.steps):
        work[start] = np.round(done[:, start], ROUNDING)
    going_on = {time_label(horizon, s): w for s, w in sorted(work.items()) if s + steps > horizon.steps}
    return states | {WORK_BY_TIME: going_on} if going_on else states
