"""What the three classes of training jobs have in common: how they are written, and how their results are told.

A class of job says which nodes the job holds, how its work progresses and when it is finished; what that is worth is
said once, in :mod:`optimizer.workloads.training_job`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.audit import AuditView
from optimizer.component import Carried, Finding, Floats, Result
from optimizer.frame import Frame

if TYPE_CHECKING:
    from optimizer.workloads.training_job import TrainingJob


class JobClass(ABC):
    """Rules of one class of jobs."""

    def __init__(self, job: TrainingJob) -> None:
        self.job = job

    @abstractmethod
    def variables(self, b: Any, f: Frame) -> None:
        """Declare the job's decisions."""

    @abstractmethod
    def constraints(self, b: Any, f: Frame) -> None:
        """Declare the rules that they obey."""

    @abstractmethod
    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Nodes held on pool ``p``."""

    @abstractmethod
    def progress(self, b: Any, w: Any, t: Any) -> Any:
        """Node-hours done by the end of step ``t`` (a state: -1 is before the first)."""

    @abstractmethod
    def finished(self, b: Any, w: Any, t: Any) -> Any:
        """1 if the job has finished by the end of step ``t``; for states from the deadline on."""

    @abstractmethod
    def finished_by(self, b: Any, w: Any, t: Any) -> Any:
        """1 if the job has finished by the end of step ``t``, at any state; told of a job for which others wait, or
        whose throughput is promised."""

    @abstractmethod
    def under_way(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Part of the job (of 1) that runs in step ``t``; of a rigid one, also if it has run by then."""

    @abstractmethod
    def capped(self, b: Any, p: Any, c: Any, w: Any, t: Any) -> Any:
        """Nodes held on pool ``p`` at row ``c`` of the power caps."""

    @abstractmethod
    def credited(self, b: Any, f: Frame, w: Any) -> Any:
        """Node-hours done by the end of the horizon, at most the job's work."""

    @abstractmethod
    def told_states(self, f: Frame) -> range:
        """States for which it is told whether the job has finished."""

    @abstractmethod
    def has_to_finish(self, f: Frame) -> Floats:
        """1 where a required job has to be finished by its deadline: not where it was left too late, (members,)."""

    @abstractmethod
    def state_findings(self, f: Frame) -> Iterator[Finding]:
        """States of the class that no run can have left."""

    @abstractmethod
    def carry(self, a: AuditView) -> dict[str, Carried]:
        """States of the class at the end of a run, from the plan alone."""

    @abstractmethod
    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        """Variables of the dispatch beside nodes and progress."""

    @abstractmethod
    def audit(self, a: AuditView) -> None:
        """Check nodes and progress against the class's rules."""


def finished_at_end(a: AuditView) -> Floats:
    """1 for members in which the job is finished at the end of the horizon."""
    return np.asarray(a["finished"][:, -1])


def lost_shares(lost_hours: float, step_h: float, steps: int) -> Floats:
    """Share of the k-th step after a start that is lost, for ``steps`` steps."""
    return np.clip(lost_hours / step_h - np.arange(steps), 0.0, 1.0)
