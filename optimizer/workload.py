"""Work that runs on the nodes of GPU pools: what training jobs, inference services and rentals have in common.

A workload holds ``nodes[p,w,t]`` nodes of each pool ``p`` that it names, and draws its power through the pool
(``power_mw`` is 0 at the bus; what is reported under its name is what its nodes draw). A node that comes to a
workload, from another workload or from rest, is not ready for ``switch_minutes`` of the pool and may cost
``switch_cost``::

    switched[p,w,t]  >= nodes[p,w,t] - nodes[p,w,t-1],   switched >= 0
    effective[p,w,t]  = nodes[p,w,t] - sum_k share_k * switched[p,w,t-k]

where ``share_k`` is the part of the ``k``-th step after the switch in which the node is not yet ready (15 minutes of
an hourly step: 0.25; 90 minutes: all of the first and half of the second). What ran before the horizon is not known
and its nodes cost nothing in the first step, unless ``nodes_before`` is given. A run that goes on from an earlier one
takes over the nodes held and those that are not ready yet.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING, handed_on_by_time, past_and_present
from optimizer.component import Carried, Component, Direction, Finding, Floats, MoneyLine, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.quantities import NonNegative
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool

PoolName = Annotated[
    str, Field(strict=True, pattern=r"^([A-Za-z][A-Za-z0-9_-]*\.)?[A-Za-z][A-Za-z0-9_-]*$", max_length=129)
]


class Workload(Component):
    """Work on GPU pools."""

    deeds: ClassVar[tuple[str, str, str]] = ("works at", "has no nodes", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "switching": Holds(Code.START_COST, "nodes that come to it have to be switched", unit="node"),
        "first_switching": Holds(Code.START_COST, "nodes that come to it have to be switched", unit="node"),
    }

    pool: PoolName | Annotated[list[PoolName], Field(min_length=1)]
    """Pool on which it runs, or several to choose from; pools of other sites are written ``site.pool``."""
    nodes_before: NonNegative | list[NonNegative] | None = None
    """Nodes held before the horizon (a list gives one number per pool); not given: not known, so that nodes held in the
    first step have not been switched."""

    refers_to = {"pool": "pool"}  # noqa: RUF012
    carries: ClassVar[dict[str, str]] = {
        "nodes": "nodes held at the end of the run (where switching counts), by pool",
        "switched": "nodes switched to it that may not be ready yet, by pool and time",
    }

    @property
    def known_nodes_before(self) -> list[float] | None:
        """Nodes held before the horizon by pool as the file has them, or None where that is not known."""
        if self.nodes_before is None:
            return None
        return list(self.nodes_before) if isinstance(self.nodes_before, list) else [self.nodes_before]

    def held_before(self, f: Frame) -> Floats | None:
        """Nodes held before the horizon, (pools, members); None where that is not known."""
        if "nodes" in f.carried:
            held, none = f.carried.by_period("nodes"), np.zeros(f.members_count)
            return np.stack([held.get(part.label, none) for part in f.hosts("pool")])
        given = self.known_nodes_before
        return None if given is None else np.repeat(np.array(given)[:, np.newaxis], f.members_count, axis=1)

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

    def unready_minutes(self, pool: GpuPool) -> float:
        """Minutes for which a node that comes to this work is not ready."""
        return pool.switch_minutes

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        pools = [pool_of(part) for part in f.hosts("pool")]
        b.pools = pyo.RangeSet(0, len(pools) - 1)
        b.idle_mw = Param(b.pools, values=np.array([pool.idle_kw for pool in pools]) / 1e3)
        b.full_mw = Param(b.pools, values=np.array([pool.full_kw for pool in pools]) / 1e3)
        self._switch_variables(b, f, pools)

    def _switch_variables(self, b: Any, f: Frame, pools: list[GpuPool]) -> None:
        if not self.switches(f):
            return
        share = self._unready_shares(pools, f.step_h)
        back = share.shape[1] - 1
        past = self._switched_before(f, back)
        inside = np.zeros((*past.shape[:2], f.horizon.steps))
        first = 1 if self.held_before(f) is None else 0
        b.switched_least = Param(
            b.pools, f.members, _history(b, back, f), values=np.concatenate([past, inside], axis=2)
        )
        inside[:, :, first:] = np.array([float(pool.nodes) for pool in pools])[:, np.newaxis, np.newaxis]
        most = np.concatenate([past, inside], axis=2)
        b.unready_steps = pyo.RangeSet(0, back)
        b.unready_share = Param(b.pools, b.unready_steps, values=share)
        b.switch_cost = Param(b.pools, values=np.array([pool.switch_cost for pool in pools]))
        b.switched_most = Param(b.pools, f.members, b.switch_history, values=most)
        b.switched = Var(
            b.pools,
            f.members,
            b.switch_history,
            within=pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (b.switched_least[p, w, t], b.switched_most[p, w, t]),
            least=True,
        )

    def constraints(self, b: Any, f: Frame) -> None:
        if not self.switches(f):
            return
        b.switching = Constraint(
            b.pools,
            f.members,
            f.inner_steps,
            rule=lambda b, p, w, t: b.switched[p, w, t] >= self.nodes(b, f, p, w, t) - self.nodes(b, f, p, w, t - 1),
            doc="nodes that come to the workload are switched",
        )
        if (held := self.held_before(f)) is not None:
            b.held_before = Param(b.pools, f.members, values=held)
            b.first_step = pyo.RangeSet(0, 0)
            b.first_switching = Constraint(
                b.pools,
                f.members,
                b.first_step,
                rule=lambda b, p, w, t: b.switched[p, w, t] >= self.nodes(b, f, p, w, t) - b.held_before[p, w],
                doc="nodes that come to the workload in the first step are switched (nodes_before)",
            )

    def switches(self, f: Frame) -> bool:
        """Whether switching nodes to this workload loses time or costs money on any of its pools."""
        pools = [pool_of(part) for part in f.hosts("pool")]
        return any(self.unready_minutes(pool) > 0 or pool.switch_cost > 0 for pool in pools)

    def _switched_before(self, f: Frame, steps: int) -> Floats:
        """Nodes switched in the last steps before the horizon, (pools, members, steps)."""
        return np.stack([f.carried.history("switched", f.horizon, steps, part.label) for part in f.hosts("pool")])

    def _unready_shares(self, pools: list[GpuPool], step_h: float) -> Floats:
        """Share of the k-th step after a switch in which a node is not ready, (pools, k)."""
        steps = np.array([self.unready_minutes(pool) for pool in pools]) / 60.0 / step_h
        reach = max(1, int(np.ceil(steps.max() - 1e-9)))
        return np.clip(steps[:, np.newaxis] - np.arange(reach), 0.0, 1.0)

    @abstractmethod
    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Nodes held on pool ``p`` (position among the pools that the workload names)."""

    @abstractmethod
    def pool_power_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Power drawn through pool ``p``, MW."""

    def pool_reserve_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any, direction: Direction) -> Any:
        """Change of the power drawn through pool ``p`` if all reserves of a direction are called, MW, counted
        positive."""
        return 0.0

    def effective_nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Nodes held on pool ``p`` less those not yet ready after a switch."""
        held = self.nodes(b, f, p, w, t)
        if not self.switches(f):
            return held
        return held - sum(b.unready_share[p, k] * b.switched[p, w, t - k] for k in b.unready_steps)

    def all_nodes(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Nodes held on all pools."""
        return sum(self.nodes(b, f, p, w, t) for p in b.pools)

    def own_power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return sum(self.pool_power_mw(b, f, p, w, t) for p in b.pools)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        if not self.switches(f):
            return {}
        return {
            "switching_cost": f.by_step(lambda b, w, t: -sum(b.switch_cost[p] * b.switched[p, w, t] for p in b.pools))
        }

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
    def audited_by_pool(self, a: AuditView, variable: str) -> Floats:
        """A variable that is reported by pool where there are several, (pools, members, steps)."""
        return a.table(f"{variable}_by_pool") if len(a.hosts("pool")) > 1 else a[variable][np.newaxis]

    @abstractmethod
    def audited_pool_power_mw(self, a: AuditView, p: int) -> Floats:
        """Power drawn through pool ``p``, MW, recomputed from the nodes held."""

    def audited_pool_reserve_mw(self, a: AuditView, p: int, direction: Direction) -> Floats:
        """Change of the power drawn through pool ``p`` if all reserves of a direction are called, MW, from the plan
        alone."""
        return np.zeros(a.shape)

    def audited_power_mw(self, a: AuditView) -> Floats:
        return np.zeros(a.shape)

    def audited_effective_nodes(self, a: AuditView) -> Floats:
        """Nodes held less those not yet ready, (pools, members, steps)."""
        nodes = self.audited_by_pool(a, "nodes")
        pools = [host.component for host in a.hosts("pool")]
        shares = self._unready_shares(pools, a.step_h)
        if not shares.any():
            return nodes
        back = shares.shape[1] - 1
        switched = np.concatenate([self._switched_before(a.frame, back), self.audited_by_pool(a, "switched")], axis=2)
        ready = nodes.copy()
        for k in range(back + 1):
            ready -= shares[:, k, np.newaxis, np.newaxis] * switched[:, :, back - k : back - k + a.shape[1]]
        return ready

    def carry(self, a: AuditView) -> dict[str, Carried]:
        """Nodes held, and those switched that may not be ready in the next step."""
        if not self.switches(a.frame):
            return {}
        labels, by_pool = [host.label for host in a.hosts("pool")], self.audited_by_pool(a, "nodes")
        held = np.maximum(np.round(by_pool[:, :, -1], ROUNDING), 0.0)
        states: dict[str, Carried] = {"nodes": dict(zip(labels, held, strict=True))}
        pools = [host.component for host in a.hosts("pool")]
        reach = self._unready_shares(pools, a.step_h).shape[1] - 1
        before, switched = self._switched_before(a.frame, reach), self.audited_by_pool(a, "switched")
        changes: dict[str, Floats] = {}
        for p, label in enumerate(labels):
            changes |= handed_on_by_time(a.horizon, past_and_present(before[p], switched[p]), reach, label)
        return states | {"switched": changes} if changes else states

    def audit(self, a: AuditView) -> None:
        pools = a.hosts("pool")
        nodes = self.audited_by_pool(a, "nodes")
        a.at_least("nodes are not negative", nodes, 0.0)
        power = np.stack([self.audited_pool_power_mw(a, p) for p in range(len(pools))])
        a.equal("power follows from the nodes held", a["power_mw"], power.sum(axis=0))
        if len(pools) > 1:
            a.equal("nodes by pool add up", a["nodes"], nodes.sum(axis=0))
            a.equal("power by pool follows from the nodes held", a.table("power_by_pool_mw"), power)
        cost = np.array([pool.component.switch_cost for pool in pools])
        if not (cost.any() or any(self.unready_minutes(pool.component) > 0 for pool in pools)):
            return
        before = self.held_before(a.frame)
        held = nodes[:, :, :1] if before is None else before[:, :, np.newaxis]
        change = np.diff(np.concatenate([held, nodes], axis=2), axis=2)
        switched = self.audited_by_pool(a, "switched")
        if len(pools) > 1:
            a.equal("nodes switched by pool add up", a["switched"], switched.sum(axis=0))
        a.at_least("nodes that come to the workload are switched", switched, np.maximum(change, 0.0))
        a.money("switching_cost", -np.einsum("p,pwt->w", cost, switched))


def _history(b: Any, back: int, f: Frame) -> Any:
    """Steps of the horizon and the ``back`` ones before it, declared on the block."""
    b.switch_history = pyo.RangeSet(-back, f.horizon.steps - 1)
    return b.switch_history


def pool_of(part: Part) -> GpuPool:
    """The pool that a reference resolved to."""
    pool: GpuPool = part.component  # type: ignore[assignment]
    return pool


def nodes_available(f: Frame) -> Floats:
    """Nodes of each pool that a workload names, (pools, members, steps)."""
    return np.stack([pool_of(part).available_nodes(part.frame) for part in f.hosts("pool")])
