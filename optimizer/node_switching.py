"""Nodes that change their work: a node that comes to a workload is not ready for a while, and may cost something.

Whether it comes from another workload or from rest, it is not ready for ``switch_minutes`` of the pool and may cost
``switch_cost``::

    switched[p,w,t]  >= nodes[p,w,t] - nodes[p,w,t-1],   switched >= 0
    effective[p,w,t]  = nodes[p,w,t] - sum_k share_k * switched[p,w,t-k]

where ``share_k`` is the part of the ``k``-th step after the switch in which the node is not yet ready (15 minutes of
an hourly step: 0.25; 90 minutes: all of the first and half of the second).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING, handed_on_by_time, past_and_present
from optimizer.component import Carried, Component, Floats, MoneyLine
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.named_pools import pool_of
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class SwitchedNodes(Component):
    """Nodes held on pools, of which those that have just come are not ready."""

    holds: ClassVar[dict[str, Holds]] = {
        "switching": Holds(Code.START_COST, "nodes that come to it have to be switched", unit="node"),
        "first_switching": Holds(Code.START_COST, "nodes that come to it have to be switched", unit="node"),
    }
    carries: ClassVar[dict[str, str]] = {
        "nodes": "nodes held at the end of the run (where switching counts), by pool",
        "switched": "nodes switched to it that may not be ready yet, by pool and time",
    }

    @property
    @abstractmethod
    def known_nodes_before(self) -> list[float] | None:
        """Nodes held before the horizon by pool as the file has them, or None where that is not known."""

    @abstractmethod
    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Nodes held on pool ``p`` (position among the pools that the workload names)."""

    def held_before(self, f: Frame) -> Floats | None:
        """Nodes held before the horizon, (pools, members); None where that is not known."""
        if "nodes" in f.carried:
            held, none = f.carried.by_period("nodes"), np.zeros(f.members_count)
            return np.stack([held.get(part.label, none) for part in f.hosts("pool")])
        given = self.known_nodes_before
        return None if given is None else np.repeat(np.array(given)[:, np.newaxis], f.members_count, axis=1)

    def unready_minutes(self, pool: GpuPool) -> float:
        """Minutes for which a node that comes to this work is not ready."""
        return pool.switch_minutes

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

    # ------------------------------------------------------------------ the model
    def switch_variables(self, b: Any, f: Frame) -> None:
        """Nodes switched; ``b.pools`` is there by now."""
        if not self.switches(f):
            return
        pools = [pool_of(part) for part in f.hosts("pool")]
        share = self._unready_shares(pools, f.step_h)
        back = share.shape[1] - 1
        past = self._switched_before(f, back)
        inside = np.zeros((*past.shape[:2], f.horizon.steps))
        first = 1 if self.held_before(f) is None else 0
        b.switch_history = pyo.RangeSet(-back, f.horizon.steps - 1)
        least = np.concatenate([past, inside], axis=2)
        b.switched_least = Param(b.pools, f.members, b.switch_history, values=least)
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

    def effective_nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        """Nodes held on pool ``p`` less those not yet ready after a switch."""
        held = self.nodes(b, f, p, w, t)
        if not self.switches(f):
            return held
        return held - sum(b.unready_share[p, k] * b.switched[p, w, t - k] for k in b.unready_steps)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        if not self.switches(f):
            return {}
        return {
            "switching_cost": f.by_step(lambda b, w, t: -sum(b.switch_cost[p] * b.switched[p, w, t] for p in b.pools))
        }

    # ------------------------------------------------------------------ after the model
    def audited_by_pool(self, a: AuditView, variable: str) -> Floats:
        """A variable that is reported by pool where there are several, (pools, members, steps)."""
        return a.table(f"{variable}_by_pool") if len(a.hosts("pool")) > 1 else a[variable][np.newaxis]

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

    def audit_switching(self, a: AuditView) -> None:
        """Nodes switched and what they cost, from the nodes held alone."""
        pools, nodes = a.hosts("pool"), self.audited_by_pool(a, "nodes")
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
