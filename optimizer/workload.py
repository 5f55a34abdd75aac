"""Work that runs on the nodes of GPU pools: what training jobs, inference services and rentals have in common.

A workload holds ``nodes[p,w,t]`` nodes of each pool ``p`` that it names, and draws its power through the pool
(``power_mw`` is 0 at the bus; what is reported under its name is what its nodes draw). Nodes that come to it may lose
time and cost money (:mod:`optimizer.node_switching`). What ran before the horizon is not known and its nodes cost
nothing in the first step, unless ``nodes_before`` is given. A run that goes on from an earlier one takes over the nodes
held and those that are not ready yet.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.component import Direction, Finding, Floats, Result
from optimizer.frame import Frame
from optimizer.named_pools import PoolName, pool_of
from optimizer.node_switching import SwitchedNodes
from optimizer.quantities import NonNegative
from optimizer.template import Param

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class Workload(SwitchedNodes):
    """Work on GPU pools."""

    deeds: ClassVar[tuple[str, str, str]] = ("works at", "has no nodes", "feeds in")

    pool: PoolName | Annotated[list[PoolName], Field(min_length=1)]
    """Pool on which it runs, or several to choose from; pools of other sites are written ``site.pool``."""
    nodes_before: NonNegative | list[NonNegative] | None = None
    """Nodes held before the horizon (a list gives one number per pool); not given: not known, so that nodes held in the
    first step have not been switched."""

    refers_to = {"pool": "pool"}  # noqa: RUF012

    @property
    def known_nodes_before(self) -> list[float] | None:
        """Nodes held before the horizon by pool as the file has them, or None where that is not known."""
        if self.nodes_before is None:
            return None
        return list(self.nodes_before) if isinstance(self.nodes_before, list) else [self.nodes_before]

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        before, pools = self.known_nodes_before, f.hosts("pool")
        if before is None:
            return
        if len(before) != len(pools):
            yield Finding(
                "nodes_before", "one number per pool is needed", self.nodes_before, f"a list of {len(pools)} numbers"
            )
        for nodes, part in zip(before, pools, strict=False):
            if nodes > pool_of(part).nodes:
                yield Finding(
                    "nodes_before", f"more than the pool {part.label} has", nodes, f"at most {pool_of(part).nodes}"
                )

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        most = {part.label: pool_of(part).nodes for part in f.hosts("pool")}
        for label, nodes in f.carried.by_period("nodes").items():
            if label not in most:
                yield Finding("nodes", "it does not run on this pool", label, f"one of: {', '.join(most)}")
            elif (nodes < 0).any() or (nodes > most[label] * (1 + 1e-9)).any():
                odd = float(nodes.min() if (nodes < 0).any() else nodes.max())
                yield Finding("nodes", f"of {label}", odd, f"from 0 to {most[label]}")
        for label in f.carried.by_period("switched"):
            if label.rpartition("/")[0] not in most:
                yield Finding("switched", "it does not run on this pool", label, f"{next(iter(most))}/time")

    def largest_node_kw(self, pool: GpuPool) -> float:
        """Most that a node of the pool can draw while it does this work, kW."""
        return pool.full_kw

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        pools = [pool_of(part) for part in f.hosts("pool")]
        b.pools = pyo.RangeSet(0, len(pools) - 1)
        b.idle_mw = Param(b.pools, values=np.array([pool.idle_kw for pool in pools]) / 1e3)
        b.full_mw = Param(b.pools, values=np.array([pool.full_kw for pool in pools]) / 1e3)
        self.switch_variables(b, f)

    @abstractmethod
    def pool_power_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Power drawn through pool ``p``, MW."""

    def pool_reserve_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any, direction: Direction) -> Any:
        """Change of the power drawn through pool ``p`` if all reserves of a direction are called, MW, counted
        positive."""
        return 0.0

    def all_nodes(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Nodes held on all pools."""
        return sum(self.nodes(b, f, p, w, t) for p in b.pools)

    def own_power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return sum(self.pool_power_mw(b, f, p, w, t) for p in b.pools)

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {"nodes": f.by_time(lambda b, w, t: self.all_nodes(b, f, w, t), "nodes", "nodes held")}
        tables = {}
        if len(b.pools) > 1:
            tables["nodes_by_pool"] = (lambda b, p, w, t: self.nodes(b, f, p, w, t), "nodes", "nodes held by pool")
            tables["power_by_pool_mw"] = (
                lambda b, p, w, t: self.pool_power_mw(b, f, p, w, t),
                "MW",
                "power drawn by pool",
            )
        if self.switches(f):
            found["switched"] = f.by_time(
                lambda b, w, t: sum(b.switched[p, w, t] for p in b.pools), "nodes", "nodes switched to the workload"
            )
            if len(b.pools) > 1:
                tables["switched_by_pool"] = (lambda b, p, w, t: b.switched[p, w, t], "nodes", "nodes switched by pool")
        labels = tuple(part.label for part in f.hosts("pool"))
        for name, (rule, units, long_name) in tables.items():
            found[name] = f.by_time_and("pool", labels, b.pools, rule, units, long_name)
        return found

    # ------------------------------------------------------------------ after the model
    @abstractmethod
    def audited_pool_power_mw(self, a: AuditView, p: int) -> Floats:
        """Power drawn through pool ``p``, MW, recomputed from the nodes held."""

    def audited_pool_reserve_mw(self, a: AuditView, p: int, direction: Direction) -> Floats:
        """Change of the power drawn through pool ``p`` if all reserves of a direction are called, MW, from the plan
        alone."""
        return np.zeros(a.shape)

    def audited_power_mw(self, a: AuditView) -> Floats:
        return np.zeros(a.shape)

    def audit(self, a: AuditView) -> None:
        pools = a.hosts("pool")
        nodes = self.audited_by_pool(a, "nodes")
        a.at_least("nodes are not negative", nodes, 0.0)
        power = np.stack([self.audited_pool_power_mw(a, p) for p in range(len(pools))])
        a.equal("power follows from the nodes held", a["power_mw"], power.sum(axis=0))
        if len(pools) > 1:
            a.equal("nodes by pool add up", a["nodes"], nodes.sum(axis=0))
            a.equal("power by pool follows from the nodes held", a.table("power_by_pool_mw"), power)
        self.audit_switching(a)
