"""Runs of a job that may be interrupted: blocks in which it is on or off, starts, minimum runs, and what a start loses.

``run[w,k]`` is 1 while the job runs in block ``k`` of steps, counted from its release (-1: before the horizon)::

    started_k >= run_k - run_{k-1},      sum_{k-U < j <= k} started_j <= run_k     (minimum run of U blocks)

A job whose past is not known may go on in its first block without a start. Of a run that goes on from an earlier one
the past is known: whether the job runs, the starts whose minimum run or loss is not over, and how long a block that has
begun goes on as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.audit import AuditView, frame_of
from optimizer.carry import handed_on_by_time, past_and_present
from optimizer.component import Carried, Finding, Floats
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.job_classes import JobClass, lost_shares
from optimizer.job_state import BLOCK_LEFT, RUNNING, STARTS
from optimizer.job_window import JobWindow
from optimizer.template import Constraint, Param, Var


class BlockRuns(JobClass):
    """Runs and starts by blocks of steps."""

    holds: ClassVar[dict[str, Holds]] = {
        "min_run": Holds(Code.MINIMUM_UP, "the run is too short to be ended", field="min_run_hours"),
        "starting": Holds(Code.START_COST, "a pause would take another start"),
        "started at least": Holds(Code.START_COST, "a start, now or later, would cost more than it brings"),
    }

    @property
    def _has_runs(self) -> bool:
        return True

    @property
    def _nodes_follow_runs(self) -> bool:
        """Whether a run says how many nodes are held, so that it is what a schedule sets."""
        return False

    @property
    def _has_starts(self) -> bool:
        return self.job.restart_loss_hours > 0 or self.job.min_run_hours > 0

    def _block_steps(self, step_h: float) -> int:
        return 1

    def _origin(self, f: Frame | AuditView) -> int:
        """First step of the first block; before the horizon if a block had begun when the run before was left."""
        window, steps = self.job.window(f), self._block_steps(f.step_h)
        left = round(float(frame_of(f).carried.number(BLOCK_LEFT).max()) / f.step_h)
        return left - steps if 0 < left < steps and window.first == 0 else window.first

    def _blocks(self, f: Frame | AuditView) -> int:
        return max(1, math.ceil((self.job.window(f).end - self._origin(f)) / self._block_steps(f.step_h)))

    def _begins(self, f: Frame | AuditView) -> NDArray[np.int64]:
        """First step of each block within the horizon, (blocks,)."""
        steps = self._block_steps(f.step_h)
        return np.asarray(np.maximum(self._origin(f) + steps * np.arange(self._blocks(f)), 0), dtype=np.int64)

    def _whole_min_run(self, step_h: float) -> int:
        """Minimum run in blocks."""
        return max(1, math.ceil(self.job.min_run_hours / (step_h * self._block_steps(step_h)) - 1e-9))

    def _whole_lost_steps(self, step_h: float) -> int:
        """Steps that a start reaches forward with its loss."""
        return max(1, math.ceil(self.job.restart_loss_hours / step_h - 1e-9))

    def _known_steps(self, f: Frame | AuditView) -> int:
        """Steps from the earliest start known to the end of the horizon, beyond which rules say nothing more."""
        return f.horizon.steps + frame_of(f).carried.reach(STARTS, f.horizon)

    def _min_run_blocks(self, f: Frame | AuditView) -> int:
        return min(self._whole_min_run(f.step_h), self._known_steps(f))

    def _lost_steps(self, f: Frame | AuditView) -> int:
        return min(self._whole_lost_steps(f.step_h), self._known_steps(f))

    def _back(self, f: Frame | AuditView) -> int:
        """Blocks before the first one to which starts reach back."""
        return max(self._min_run_blocks(f), self._lost_steps(f)) - 1

    def _known_starts(self, f: Frame) -> Floats:
        """Starts of the run before in the blocks before the first, and in the first if it had begun, (members, back +
        1)."""
        back, steps, origin = self._back(f), self._block_steps(f.step_h), self._origin(f)
        known = np.zeros((f.members_count, back + 1))
        for step, found in f.carried.by_time(STARTS, f.horizon).items():
            block = (step - origin) // steps
            if -back <= block <= 0 and step < 0:
                known[:, back + block] = np.round(found)
        return known

    def state_findings(self, f: Frame) -> Iterator[Finding]:
        block_h = self._block_steps(f.step_h) * f.step_h
        left = f.carried.number(BLOCK_LEFT)
        if (left > block_h * (1 + 1e-9)).any() or (left != left[0]).any():
            most = "one number for all members" if (left != left[0]).any() else f"at most {block_h:g} h"
            yield Finding(BLOCK_LEFT, "is not the rest of a block", float(left.max()), most)

    # ------------------------------------------------------------------ the model
    def _run_variables(self, b: Any, f: Frame) -> None:
        """Runs have the state -1; starts reach back over the minimum run and the lost steps, as far as carried."""
        steps, last, origin = self._block_steps(f.step_h), self._blocks(f) - 1, self._origin(f)
        block = np.clip((np.arange(f.horizon.steps) - origin) // steps, 0, last)
        b.block_of = Param(f.steps, values=block)
        if not self._has_runs:
            return
        back, begins, had_begun = self._back(f), self._begins(f), origin < 0
        ran = self.job.ran_before(f)
        b.blocks = pyo.RangeSet(0, last)
        b.block_states = pyo.RangeSet(-1, last)
        b.block_history = pyo.RangeSet(-back, last)
        possible = np.where(begins >= self.job.first_steps(f).min(), 1.0, 0.0)
        least, most = np.zeros((f.members_count, last + 2)), np.ones((f.members_count, last + 2))
        most[:, 1:] = possible
        if ran is not None:
            least[:, 0] = most[:, 0] = ran
            if had_begun:
                least[:, 1] = most[:, 1] = ran
        b.run_least = Param(f.members, b.block_states, values=least)
        b.run_most = Param(f.members, b.block_states, values=most)
        b.run = Var(
            f.members,
            b.block_states,
            within=pyo.Binary,
            bounds=lambda b, w, k: (b.run_least[w, k], b.run_most[w, k]),
            decided_at=origin + steps * np.arange(-1, last + 1),
            scheduled="ahead" if self._nodes_follow_runs else None,
        )
        if self._has_starts:
            known = self._known_starts(f)
            fixed = known[:, :-1] if not had_begun else known
            inside = np.zeros((f.members_count, back + last + 1 + 1 - fixed.shape[1]))
            b.start_least = Param(f.members, b.block_history, values=np.concatenate([fixed, inside], axis=1))
            b.start_most = Param(f.members, b.block_history, values=np.concatenate([fixed, inside + 1.0], axis=1))
            b.started = Var(
                f.members,
                b.block_history,
                within=pyo.NonNegativeReals,
                bounds=lambda b, w, k: (b.start_least[w, k], b.start_most[w, k]),
                least=True,
            )

    def _runs(self, b: Any, f: Frame) -> None:
        if not self._has_starts:
            return
        b.starting = Constraint(
            f.members,
            b.blocks,
            rule=lambda b, w, k: b.started[w, k] >= b.run[w, k] - b.run[w, k - 1],
            doc="a job that runs after a pause is started",
        )
        shortest = self._min_run_blocks(f)
        if shortest > 1:
            b.run_window = pyo.RangeSet(0, shortest - 1)
            b.min_run = Constraint(
                f.members,
                b.blocks,
                rule=lambda b, w, k: sum(b.started[w, k - j] for j in b.run_window) <= b.run[w, k],
                doc="minimum run (min_run_hours)",
            )

    # ------------------------------------------------------------------ after the model
    def _audited_starts(self, a: AuditView) -> tuple[Floats, Floats]:
        """Runs by block, (members, blocks), and starts, (members, back + blocks); from the plan alone."""
        by_block = np.round(a["running"][:, self._begins(a)])
        ran = self.job.ran_before(a.frame)
        first = by_block[:, :1] if ran is None else ran[:, np.newaxis]
        started = np.maximum(0.0, np.diff(np.concatenate([first, by_block], axis=1), axis=1))
        known = self._known_starts(a.frame)
        if self._origin(a) < 0:
            started[:, 0] = known[:, -1]
        return by_block, np.concatenate([known[:, :-1], started], axis=1)

    def _audit_runs(self, a: AuditView, window: JobWindow, pace: Floats) -> None:
        """Runs and starts; ``pace`` is the speed of the nodes held, were there no losses."""
        running, steps = a["running"], self._block_steps(a.step_h)
        a.whole("a job runs or does not", running)
        if window.end <= window.first:
            return
        by_block, started = self._audited_starts(a)
        if self._origin(a) < 0:
            ran = self.job.ran_before(a.frame)
            a.equal("a block that has begun goes on as it is", by_block[:, 0], by_block[:, 0] if ran is None else ran)
        total, reach, back = np.cumsum(started, axis=1), self._min_run_blocks(a), self._back(a)
        recent = total - np.pad(total, ((0, 0), (reach, 0)))[:, : total.shape[1]]
        a.at_most("minimum run (min_run_hours)", recent[:, back:], by_block)
        if self.job.restart_loss_hours > 0:
            shares = lost_shares(self.job.restart_loss_hours, a.step_h, self._lost_steps(a))
            first_steps = self._origin(a) + steps * np.arange(-back, by_block.shape[1])
            for j, share in enumerate(shares):
                lost = first_steps + j
                inside = (lost >= window.first) & (lost < window.end)
                least = share * started[:, inside] * pace[:, lost[inside]]
                a.at_least("work lost after a start", a["lost_nodes"][:, lost[inside]], least)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        """Whether the job runs, starts that still matter, and how long a block goes on."""
        if not self._has_runs:
            return {}
        states: dict[str, Carried] = {}
        window, steps, horizon = self.job.window(a), self._block_steps(a.step_h), a.horizon
        running = np.round(a["running"][:, -1])
        if running.any():
            states[RUNNING] = running
        if window.first < horizon.steps:
            elapsed = (horizon.steps - self._origin(a)) % steps
            if elapsed:
                states[BLOCK_LEFT] = np.full(a.shape[0], (steps - elapsed) * a.step_h)
        if not self._has_starts:
            return states
        reach = max(self._whole_min_run(a.step_h) * steps, self._whole_lost_steps(a.step_h))
        past, inside = a.frame.carried.history(STARTS, horizon, reach), np.zeros(a.shape)
        if window.end > window.first:
            started = self._audited_starts(a)[1][:, self._back(a) :]
            fresh = self._origin(a) + steps * np.arange(started.shape[1]) >= 0
            inside[:, self._begins(a)[fresh]] = started[:, fresh]
        starts = handed_on_by_time(horizon, past_and_present(past, inside), reach)
        return states | {STARTS: starts} if starts else states
