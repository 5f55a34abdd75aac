"""Runs of a job that may be interrupted: blocks in which it is on or off, starts, minimum runs, and what a start loses.

``run[w,k]`` is 1 while the job runs in block ``k`` of steps, counted from its release (-1: before the horizon)::

    started_k >= run_k - run_{k-1},      sum_{k-U < j <= k} started_j <= run_k     (minimum run of U blocks)

A job whose past is not known may go on in its first block without a start.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Floats
from optimizer.frame import Frame
from optimizer.job_classes import JobClass, lost_shares
from optimizer.job_window import JobWindow
from optimizer.template import Constraint, Param, Var


class BlockRuns(JobClass):
    """Runs and starts by blocks of steps."""

    @property
    def _has_runs(self) -> bool:
        return True

    @property
    def _has_starts(self) -> bool:
        return self.job.restart_loss_hours > 0 or self.job.min_run_hours > 0

    def _block_steps(self, step_h: float) -> int:
        return 1

    def _blocks(self, window: JobWindow, step_h: float) -> int:
        return max(1, math.ceil((window.end - window.first) / self._block_steps(step_h)))

    def _min_run_blocks(self, f: Frame | AuditView) -> int:
        """Minimum run in blocks; beyond the horizon more blocks say nothing more."""
        blocks = math.ceil(self.job.min_run_hours / (f.step_h * self._block_steps(f.step_h)) - 1e-9)
        return max(1, min(blocks, f.horizon.steps))

    def _lost_steps(self, f: Frame | AuditView) -> int:
        """Steps that a start reaches forward with its loss."""
        return max(1, min(math.ceil(self.job.restart_loss_hours / f.step_h - 1e-9), f.horizon.steps))

    # ------------------------------------------------------------------ the model
    def _run_variables(self, b: Any, f: Frame, window: JobWindow) -> None:
        """Runs have the state -1; starts reach back over the minimum run and the lost steps, where they are zero."""
        steps, last = self._block_steps(f.step_h), self._blocks(window, f.step_h) - 1
        block = np.clip((np.arange(f.horizon.steps) - window.first) // steps, 0, last)
        b.block_of = Param(f.steps, values=block)
        if not self._has_runs:
            return
        back = max(self._min_run_blocks(f), self._lost_steps(f)) - 1
        ran = self.job.ran_before
        b.blocks = pyo.RangeSet(0, last)
        b.block_states = pyo.RangeSet(-1, last)
        b.block_history = pyo.RangeSet(-back, last)
        b.run_least = Param(b.block_states, values=first_then(float(ran or 0), np.zeros(last + 1)))
        possible = window.first + steps * np.arange(last + 1) >= self.job.first_steps(f).min()
        b.run_most = Param(b.block_states, values=first_then(float(ran is not False), np.where(possible, 1.0, 0.0)))
        b.start_most = Param(b.block_history, values=np.concatenate([np.zeros(back), np.ones(last + 1)]))
        b.run = Var(
            f.members,
            b.block_states,
            within=pyo.Binary,
            bounds=lambda b, w, k: (b.run_least[k], b.run_most[k]),
            decided_at=window.first + steps * np.arange(-1, last + 1),
        )
        if self._has_starts:
            b.started = Var(
                f.members,
                b.block_history,
                within=pyo.NonNegativeReals,
                bounds=lambda b, w, k: (0, b.start_most[k]),
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
    def _audit_runs(self, a: AuditView, window: JobWindow, pace: Floats) -> None:
        """Runs and starts; ``pace`` is the speed of the nodes held, were there no losses."""
        running, steps = a["running"], self._block_steps(a.step_h)
        a.whole("a job runs or does not", running)
        by_block = np.round(running[:, window.first : window.end : steps])
        ran = self.job.ran_before
        first = by_block[:, :1] if ran is None else np.full((len(by_block), 1), float(ran))
        started = np.maximum(0.0, np.diff(np.concatenate([first, by_block], axis=1), axis=1))
        total, reach = np.cumsum(started, axis=1), self._min_run_blocks(a)
        recent = total - np.pad(total, ((0, 0), (reach, 0)))[:, : total.shape[1]]
        a.at_most("minimum run (min_run_hours)", recent, by_block)
        if self.job.restart_loss_hours > 0:
            shares = lost_shares(self.job.restart_loss_hours, a.step_h, self._lost_steps(a))
            first_steps = np.arange(window.first, window.end, steps)
            for j, share in enumerate(shares):
                lost = first_steps[first_steps + j < window.end] + j
                least = share * started[:, : len(lost)] * pace[:, lost]
                a.at_least("work lost after a start", a["lost_nodes"][:, lost], least)


def first_then(first: float, others: Floats) -> Floats:
    """Values over states: one for the state before the horizon, and those of its steps."""
    return np.concatenate([[first], others])
