"""A training job: work to be done between a release and a deadline, worth something when it is finished.

Work is counted in node-hours at full speed. Three classes say what the job tolerates, each written out in a file of
its own:

- ``malleable`` (default): its size may change from step to step (:mod:`optimizer.malleable_jobs`);
- ``preemptible``: a gang of fixed size, on or off by blocks of hours (:mod:`optimizer.preemptible_jobs`);
- ``rigid``: a gang that runs once without a break, started at the same time in all members
  (:mod:`optimizer.rigid_jobs`).

What the finished job is worth, and what it costs to be late: :mod:`optimizer.job_value`. Of a job that is not finished,
with ``finished_{T-1}`` = 1 if the work is done by the end of the last step::

    training_unfinished_value = unfinished_value_per_node_hour * (credited - work * finished_{T-1})

End of the horizon: a job that may go on after it is credited the share of its value that has been worked for, as long
as the rest can still be done (:mod:`optimizer.job_end_value`). ``unfinished_value_per_node_hour`` sets another worth,
also for a job that is due inside; it counts all work done, including ``work_done_before``. Work beyond the need earns
nothing. A run that goes on from an earlier one takes over the job as it was left (:mod:`optimizer.job_state`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Expandable, Finding, Floats, MoneyLine, Need, Result
from optimizer.explanation.reason import Holds, gathered
from optimizer.flex_tier import FlexTier
from optimizer.frame import Frame
from optimizer.job_checks import field_findings, time_findings
from optimizer.job_classes import JobClass, finished_at_end
from optimizer.job_end_value import (
    audit_end,
    end_constraints,
    end_money,
    end_variables,
    is_counted_late,
    worth_of_work,
)
from optimizer.job_order import audit_order, order_constraints, order_findings
from optimizer.job_progress import JobProgress
from optimizer.job_state import JOB_CARRIES, state_findings, state_of
from optimizer.job_value import audit_value, needed_by_deadline, value_data, value_money
from optimizer.malleable_jobs import Malleable
from optimizer.named_pools import pool_of
from optimizer.preemptible_jobs import Preemptible
from optimizer.quantities import Hours, NonNegative, Positive, Stamp
from optimizer.rigid_jobs import Rigid
from optimizer.throughput_tier import ThroughputTier
from optimizer.workload import Workload

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool

CLASSES: dict[str, type[JobClass]] = {"malleable": Malleable, "preemptible": Preemptible, "rigid": Rigid}


class TrainingJob(JobProgress, FlexTier):
    """Work with a deadline on GPU nodes."""

    deeds: ClassVar[tuple[str, str, str]] = ("trains at", "waits", "feeds in")

    gives_way: ClassVar[tuple[str, ...]] = (
        "deadline",
        "work_node_hours",
        "max_nodes",
        "min_nodes",
        "release",
        "min_run_hours",
        "flex.loss",
        "required",
    )

    kind: Literal["training_job"] = "training_job"
    work_node_hours: Positive
    """Work of the whole job, node-hours at full speed."""
    work_done_before: NonNegative = 0.0
    """Node-hours done before the horizon."""
    release: Stamp | None = None
    """Earliest start; the start of the horizon by default."""
    deadline: Stamp | None = None
    """Latest finish in time; the end of the horizon by default."""
    value: NonNegative = 0.0
    """Worth of the finished job, currency."""
    late_penalty_per_hour: NonNegative | None = None
    """Currency per hour of lateness; not given: the job is worth nothing after its deadline."""
    latest_finish: Stamp | None = None
    """With ``late_penalty_per_hour``: last time at which a late finish is worth anything; by default the end of the
    horizon, or open where the deadline lies after it."""
    unfinished_value_per_node_hour: NonNegative | None = None
    """Worth at the horizon's end of each node-hour done on an unfinished job, at most ``value / work_node_hours``; by
    default that much for a job that may go on after the horizon, and 0 for one that may not."""
    required: bool = False
    """The job must be finished by its deadline in every member."""
    overdue: bool = False
    """The job is known to be late: it is accepted although it cannot meet its deadline (needs a late penalty)."""
    min_run_hours: Hours = 0.0
    """A started job runs at least so long (malleable, preemptible)."""
    block_hours: Annotated[float, Field(gt=0, le=168, strict=True, allow_inf_nan=False)] = 4.0
    """A preemptible job is switched on or off for blocks of so many hours, counted from its release."""
    integer: bool = False
    """Whole nodes for a malleable job; the default lets the number be fractional."""
    flex: ThroughputTier | None = None
    """Throughput that the job is promised while it is under way, as the loss allowed over any window of hours."""

    offers = ("reserve", "training_job")
    refers_to = {"pool": "pool", "after": "training_job"}  # noqa: RUF012
    expandable: ClassVar[dict[str, Expandable]] = {
        "deadline": Expandable("deadline of the job", "h", step=24, in_bits=False),
    }
    earns_at: ClassVar[dict[str, str]] = {"value": "value of the job"}
    carries: ClassVar[dict[str, str]] = Workload.carries | JOB_CARRIES

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        problems = list(field_findings(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    # ------------------------------------------------------------------ sizes and times
    @property
    def value_per_node_hour(self) -> float:
        """Worth of the finished job per node-hour of its work, currency."""
        return self.value / self.work_node_hours

    @property
    def may_be_late(self) -> bool:
        """Whether the job is worth finishing after its deadline."""
        return self.late_penalty_per_hour is not None

    @property
    def worth_when_open(self) -> float:
        """Worth of a node-hour done on the job while it may go on after the horizon, currency."""
        given = self.unfinished_value_per_node_hour
        return self.value_per_node_hour if given is None else given

    @property
    def is_rigid(self) -> bool:
        return self.class_ == "rigid"

    @property
    def known_nodes_before(self) -> list[float] | None:
        """A job on which nothing has been done yet held no nodes before the horizon."""
        given = super().known_nodes_before
        if given is None and self.work_done_before == 0:
            return [0.0] * (len(self.pool) if isinstance(self.pool, list) else 1)
        return given

    def said_of_limits(self) -> dict[str, Holds]:
        return super().said_of_limits() | gathered(CLASSES[self.class_])

    @property
    def rules(self) -> JobClass:
        """The job's class."""
        return CLASSES[self.class_](self)

    def check(self, f: Frame) -> Iterator[Finding]:
        yield from super().check(f)
        yield from time_findings(self, f)
        yield from order_findings(f)
        yield from self.cap_findings([pool_of(part) for part in f.hosts("pool")])
        yield from self.failure_findings(self.counted_nodes)

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        yield from super().carried_findings(f)
        yield from state_findings(self, f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        super().variables(b, f)
        if self.power_caps is not None:
            self.cap_params(b, [pool_of(part) for part in f.hosts("pool")])
        value_data(b, f, self)
        self.rules.variables(b, f)
        end_variables(b, f, self)

    def constraints(self, b: Any, f: Frame) -> None:
        super().constraints(b, f)
        self.rules.constraints(b, f)
        order_constraints(b, f, self)
        end_constraints(b, f, self)

    def needs(self, b: Any, f: Frame) -> dict[str, Need]:
        return needed_by_deadline(f, self)

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return self.rules.nodes(b, f, p, w, t)

    def pool_power_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return b.full_mw[p] * self.nodes(b, f, p, w, t) - self.saved_mw(b, f, p, w, t)

    def saved_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        if self.power_caps is None:
            return 0.0
        return sum(b.cap_saving_mw[p, c] * self.rules.capped(b, p, c, w, t) for c in b.caps)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        rules, last = self.rules, self.window(f).finish_states.stop - 1
        lines = value_money(b, f, self) | end_money(b, f, self, lambda w: rules.finished_by(b, w, last))
        return lines | super().money(b, f)

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = super().results(b, f) | self.rules.results(b, f)
        found["progress"] = f.by_time(
            lambda b, w, t: self.rules.progress(b, w, t), "node*h", "work done by the end of the step"
        )
        if self.power_caps is not None:
            found["capped_nodes"] = f.by_time_and(
                "power",
                self.cap_labels,
                b.caps,
                lambda b, c, w, t: sum(self.rules.capped(b, p, c, w, t) for p in b.pools),
                "nodes",
                "nodes at a power cap, by the power that it leaves",
            )
        if worth_of_work(self, f) > 0:
            found["credited"] = f.once(
                lambda b, w: self.rules.credited(b, f, w), "node*h", "work credited at the end of the horizon"
            )
        if is_counted_late(self, f):
            found["late_after_h"] = f.once(lambda b, w: b.late_after[w], "h", "least lateness after the horizon")
        return found

    # ------------------------------------------------------------------ after the model
    def audited_pool_power_mw(self, a: AuditView, p: int) -> Floats:
        pool: GpuPool = a.hosts("pool")[p].component
        nodes = self.audited_by_pool(a, "nodes")[p]
        return np.asarray(nodes * (pool.full_kw / 1e3) - self.audited_saving_mw(a, p))

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        caps = Chart("Training", ("capped_nodes",), "nodes", "nodes at power caps", limits=("nodes",), stacked=True)
        allowed = (("release", self.release), ("deadline", self.deadline))
        return (
            Chart("Training", ("nodes",), "nodes", "nodes held, from release to deadline", marks=allowed, row=True),
            *(() if self.power_caps is None else (caps,)),
            Chart(
                "Training",
                ("progress",),
                "node·h",
                "work done",
                references=(("work", self.work_node_hours),),
                marks=allowed,
                at_step_end=True,
                initial=float(f.probabilities @ self.work_done(f)),
            ),
        )

    def end_rule(self, f: Frame) -> str | None:
        worth = worth_of_work(self, f)
        if worth == 0:
            return "work done on an unfinished job is worth nothing"
        if self.window(f).open_ended:
            return f"each node-hour done on an unfinished job is worth {worth:g}, while the rest can still be done"
        return f"each node-hour done on an unfinished job is worth {worth:g}"

    def audit(self, a: AuditView) -> None:
        super().audit(a)
        self.rules.audit(a)
        self._audit_starts(a)
        if len(a.hosts("pool")) > 1:
            used = self.audited_by_pool(a, "nodes").max(axis=(1, 2)) > 1e-6 * self.most_nodes
            a.at_most("the job runs on one of its pools", used.sum(), 1)
        at_end = finished_at_end(a)
        audit_value(a, self, at_end)
        audit_end(a, self, at_end)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        return super().carry(a) | state_of(a, self)

    def _audit_starts(self, a: AuditView) -> None:
        """Starts no earlier than its data and its predecessors allow; capped nodes among those held."""
        early = np.arange(a.shape[1]) < np.array(self.window(a).firsts)[:, np.newaxis]
        by_pool = self.audited_by_pool(a, "nodes")
        a.equal("no nodes before the job's data are there", by_pool * early[:, np.newaxis], 0.0)
        audit_order(a)
        if self.power_caps is not None:
            capped = a.table("capped_nodes")
            a.at_least("nodes at a power cap are not negative", capped, 0.0)
            a.at_most("nodes at a power cap are among those held", capped.sum(axis=0), a["nodes"])

    def summary(self, a: AuditView) -> dict[str, float]:
        done = np.minimum(a["progress"][:, -1], self.work_node_hours)
        found = {"work_done": float(a.probabilities @ done)}
        if self.mtbf_hours_per_node is not None:
            found["checkpoint_interval_h"] = self.checkpoint_interval_hours(self.counted_nodes)
        return found
