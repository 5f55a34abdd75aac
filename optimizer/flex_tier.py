"""The flex tier of a job: the part of its power that it gives up when a reserve is called.

A job that tolerates a loss of throughput of ``flex_fraction`` while a call lasts can hold that share of its dynamic
power, what its nodes draw above idling, as reserve up (power caps cut power at least as much as speed); what it saves
by power caps anyway it cannot give up again::

    sum r_t <= flex_fraction * sum_p ((full_kw[p] - idle_kw[p]) / 1000 * nodes[p,t] - saved by caps[p,t])

It holds no reserve down. A MWh called costs the node-hours that its nodes do not work, each worth ``value / work``
of the job; that a late job may lose all its value is not counted. The response takes the minutes of a checkpoint.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from optimizer.audit import AuditView
from optimizer.component import Direction, Floats, Rule
from optimizer.frame import Frame, Part
from optimizer.named_pools import nodes_available, pool_of
from optimizer.quantities import Fraction, NonNegative
from optimizer.reserves import ReserveProvider, audited_held_mw, held_mw
from optimizer.workload import Workload


class FlexTier(ReserveProvider, Workload):
    """Work that can slow down on call."""

    flex_fraction: Fraction = 0.0
    """Loss of throughput that is tolerated while a reserve is called (flex tiers: 0.1, 0.25, 0.5)."""
    response_minutes: NonNegative = 10.0
    """Minutes from a call to the full response, such as those of a checkpoint."""

    @property
    @abstractmethod
    def most_nodes(self) -> float:
        """Most nodes that the work holds."""

    @property
    @abstractmethod
    def value_per_node_hour(self) -> float:
        """What a node-hour of work is worth, currency."""

    def largest_reserve_mw(self, f: Frame, direction: Direction) -> Floats:
        if direction == "down":
            return f.zeros()
        if not f.hosts("pool"):
            return f.full(np.inf)  # its pool was refused: nothing is known against the tier
        dynamic = np.array([pool_of(part).full_kw - pool_of(part).idle_kw for part in f.hosts("pool")]) / 1e3
        nodes = np.minimum(nodes_available(f), self.most_nodes)
        return np.asarray(self.flex_fraction * (dynamic[:, np.newaxis, np.newaxis] * nodes).max(axis=0))

    def reserve_limits_mw(self, b: Any, f: Frame, direction: Direction) -> dict[str, Rule]:
        if direction == "down":
            return {}
        return {
            "the flex tier of the job (flex_fraction)": lambda b, w, t: sum(
                self._tier_mw(b, f, p, w, t) for p in b.pools
            )
        }

    def _tier_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """The flex tier of the nodes held on pool ``p``, MW."""
        dynamic = (b.full_mw[p] - b.idle_mw[p]) * self.nodes(b, f, p, w, t)
        return self.flex_fraction * (dynamic - self.saved_mw(b, f, p, w, t))

    def saved_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Power that the nodes held on pool ``p`` save by power caps, MW."""
        return 0.0

    def audited_saving_mw(self, a: AuditView, p: int) -> Floats:
        """Power saved by caps on pool ``p``, MW, (members, steps), from the plan alone."""
        return np.zeros(a.shape)

    def pool_reserve_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any, direction: Direction) -> Any:
        """What is held; of a job that may run on several pools the whole tier where it runs (none elsewhere)."""
        if len(f.hosts("pool")) == 1:
            return held_mw(f.part, direction, w, t)
        return self._tier_mw(b, f, p, w, t) if direction == "up" else 0.0

    def lost_value_per_mwh(self, f: Frame, direction: Direction) -> Floats:
        """The worth of the node-hours in a MWh, on the pool whose nodes draw least."""
        pools = [pool_of(part) for part in f.hosts("pool")]
        dynamic_mw = [(pool.full_kw - pool.idle_kw) / 1e3 for pool in pools if pool.full_kw > pool.idle_kw]
        return f.full(self.value_per_node_hour / min(dynamic_mw) if dynamic_mw and direction == "up" else 0.0)

    def reserve_sites(self, part: Part) -> set[str | None]:
        return {host.site for host in part.hosts["pool"]}

    def reserve_power_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        return 0.0  # at the bus its pool is seen

    def audited_reserve_limits_mw(self, a: AuditView, direction: Direction) -> dict[str, Floats]:
        tiers = [self._audited_tier_mw(a, p) for p in range(len(a.hosts("pool")))]
        return {"the flex tier of the job": np.add.reduce(tiers)} if direction == "up" else {}

    def _audited_tier_mw(self, a: AuditView, p: int) -> Floats:
        pool = a.hosts("pool")[p].component
        nodes = self.audited_by_pool(a, "nodes")[p]
        dynamic = (pool.full_kw - pool.idle_kw) / 1e3 * nodes
        return np.asarray(self.flex_fraction * (dynamic - self.audited_saving_mw(a, p)))

    def audited_pool_reserve_mw(self, a: AuditView, p: int, direction: Direction) -> Floats:
        if len(a.hosts("pool")) == 1:
            return audited_held_mw(a, direction)
        return self._audited_tier_mw(a, p) if direction == "up" else np.zeros(a.shape)

    def audited_reserve_power_mw(self, a: AuditView, direction: Direction) -> Floats:
        return np.zeros(a.shape)
