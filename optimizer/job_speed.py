"""How fast a training job runs: its size, and all that makes a node-hour worth less than a node-hour at full speed.

A job of ``n`` full-speed nodes at work makes ``speed(n)`` node-hours of progress per hour::

    speed(n) = speed_factor * envelope(n)

with the envelope of the scaling table (:mod:`optimizer.job_scaling`; without one, ``envelope(n) = n``) and the factor
that checkpoints and failures leave (:mod:`optimizer.job_failures`). Which nodes are at work, and how many full-speed
nodes they are worth, depends on the pool (:mod:`optimizer.job_places`) and on power caps (:mod:`optimizer.power_caps`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.component import Floats
from optimizer.job_failures import JobFailures
from optimizer.job_places import JobPlaces
from optimizer.job_scaling import Scaling, scaling_of
from optimizer.power_caps import PowerCapped
from optimizer.quantities import NonNegative, Positive


class JobSpeed(PowerCapped, JobFailures, JobPlaces):
    """Class and size of a job, and its speed."""

    class_: Literal["malleable", "preemptible", "rigid"] = Field(default="malleable", alias="class")
    """What the job tolerates: changing its size, pauses, or neither."""
    min_nodes: NonNegative = 0.0
    """Fewest nodes on which a malleable job runs (0: it may shrink to nothing at no loss)."""
    max_nodes: Positive | None = None
    """Most nodes that a malleable job can use."""
    gang_nodes: Positive | None = None
    """Nodes of a preemptible or rigid job; or give min_nodes = max_nodes."""
    scaling: Annotated[list[tuple[Positive, NonNegative]], Field(min_length=1)] | None = None
    """Scaling table ``[[nodes, equivalent full-speed nodes], …]``; by default every node counts fully."""

    @property
    def gang(self) -> float:
        """Nodes of a gang; 0 for a malleable job."""
        if self.class_ == "malleable":
            return 0.0
        return float(self.gang_nodes or self.max_nodes or 0.0)

    @property
    def most_nodes(self) -> float:
        """Most nodes that the job holds."""
        return self.gang or float(self.max_nodes or 0.0)

    @property
    def counted_nodes(self) -> float:
        """Nodes whose failures are counted."""
        return float(self.typical_nodes or self.most_nodes)

    @property
    def speed_factor(self) -> float:
        """Share of the speed that checkpoints and failures leave."""
        return self.speed_left(self.counted_nodes)

    @property
    def envelope(self) -> Scaling:
        """Speed by full-speed nodes at work; without a table, they count fully up to the most that the job holds."""
        return scaling_of(self.scaling or [(self.most_nodes, self.most_nodes)], self.speed_factor)

    @property
    def gang_speed(self) -> float:
        """Speed of the whole gang on a pool of speed 1."""
        return float(self.envelope.speed(self.gang))

    @property
    def full_rates(self) -> Floats:
        """Most progress per hour on each pool, (pools,)."""
        return self.pool_speeds * float(self.envelope.speed(self.most_nodes))

    @property
    def has_own_pace(self) -> bool:
        """Whether its nodes are worth other than one full-speed node each."""
        return self.power_caps is not None or bool((self.pool_speeds != 1.0).any())

    def audited_slowing(self, a: AuditView) -> Floats:
        """Full-speed nodes lost at power caps, (members, steps), from the plan alone; ``a`` is the job's view."""
        if self.power_caps is None:
            return np.zeros(a.shape)
        lost = np.einsum("c,cwt->wt", 1.0 - self.cap_speeds, a.table("capped_nodes"))
        return np.asarray(lost * self.pool_speeds[self.audited_pool(a)])

    def audited_pool(self, a: AuditView) -> int:
        """Position of the pool on which the job runs."""
        return int(self.audited_by_pool(a, "nodes").sum(axis=(1, 2)).argmax())

    def audited_saving_mw(self, a: AuditView, p: int) -> Floats:
        """Power saved by caps on pool ``p``, MW, (members, steps), from the plan alone."""
        if self.power_caps is None or p != self.audited_pool(a):
            return np.zeros(a.shape)
        saving: Any = self.cap_savings_kw([host.component for host in a.hosts("pool")])[p] / 1e3
        return np.asarray(np.einsum("c,cwt->wt", saving, a.table("capped_nodes")))
