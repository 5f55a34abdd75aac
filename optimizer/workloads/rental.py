"""Nodes rented out by the hour at a market price.

``nodes[p,w,t]`` nodes of pool ``p``, at most as many as the market takes (over all pools together), less those not yet
ready after a switch::

    min_nodes_t <= sum_p nodes[p,t] <= max_nodes_t
    revenue_t = price_t * sum_p gpus_per_node[p] * effective[p,t] * step_h
    power_t   = sum_p nodes[p,t] * (idle_kw[p] + utilisation * (full_kw[p] - idle_kw[p])) / 1000              (MW)

A rented node is paid whether or not its tenant uses it; ``utilisation`` says how much power tenants make it draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Expandable, Finding, Floats, MoneyLine
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.named_pools import nodes_available, pool_of
from optimizer.quantities import Fraction, Series, SeriesOf
from optimizer.template import Constraint, Param, Var
from optimizer.workload import Workload

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class Rental(Workload):
    """Nodes rented out by the hour."""

    deeds: ClassVar[tuple[str, str, str]] = ("rents out at", "rents nothing out", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "market": Holds(Code.DEMAND_MET, "the market takes at most {limit} nodes", unit="node", field="max_nodes"),
        "market at least": Holds(
            Code.CONTRACT_MINIMUM, "at least {limit} nodes stay rented", unit="node", field="min_nodes"
        ),
        "nodes": Holds(Code.DEMAND_MET, "the market takes at most {limit} nodes", unit="node", field="max_nodes"),
        "nodes at least": Holds(
            Code.CONTRACT_MINIMUM, "at least {limit} nodes stay rented", unit="node", field="min_nodes"
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("min_nodes", "max_nodes")

    expandable: ClassVar[dict[str, Expandable]] = {
        "max_nodes": Expandable("nodes that can be rented out", "node", step=10),
    }
    earns_at: ClassVar[dict[str, str]] = {"price_per_gpu_hour": "price of a GPU hour"}
    kind: Literal["rental"] = "rental"
    price_per_gpu_hour: Annotated[Series, SeriesOf("currency/(GPU*h)", ge=0)]
    """Market price of one GPU for an hour."""
    max_nodes: Annotated[Series, SeriesOf("nodes", ge=0)] | None = None
    """Most nodes that the market takes at that price; not given: all nodes of the pools."""
    min_nodes: Annotated[Series, SeriesOf("nodes", ge=0)] = Series.constant(0.0)
    """Nodes under contract, which have to be given."""
    utilisation: Fraction = 1.0
    """Share of the range from idle to full power that a rented node draws."""
    integer: bool = False
    """Whole nodes; the default lets the number be fractional."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from super().check(f)
        least, available = f.values(self.min_nodes), nodes_available(f).sum(axis=0)
        for over, what in ((least > self._most(f), "max_nodes"), (least > available, "the nodes available")):
            if over.any():
                w, t = (int(i) for i in np.unravel_index(int(np.argmax(over)), over.shape))
                limit = self._most(f) if what == "max_nodes" else available
                yield Finding(
                    "min_nodes",
                    f"{least[w, t]:g} nodes exceed {what} ({limit[w, t]:g}) at {f.horizon.describe(f.horizon.utc[t])}",
                )
                return

    def _most(self, f: Frame | AuditView) -> Floats:
        return f.full(np.inf) if self.max_nodes is None else f.values(self.max_nodes)

    def node_kw(self, pool: GpuPool) -> float:
        """Power of a rented node, kW."""
        return pool.idle_kw + self.utilisation * (pool.full_kw - pool.idle_kw)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        super().variables(b, f)
        pools = [pool_of(part) for part in f.hosts("pool")]
        b.node_mw = Param(b.pools, values=np.array([self.node_kw(pool) for pool in pools]) / 1e3)
        b.gpus = Param(b.pools, values=np.array([pool.gpus_per_node for pool in pools]))
        b.price = f.series_param(self.price_per_gpu_hour)
        b.least = f.series_param(self.min_nodes)
        b.most = f.series_param(np.minimum(self._most(f), nodes_available(f).sum(axis=0)))
        b.pool_nodes = Param(b.pools, f.members, f.steps, values=nodes_available(f))
        b.nodes = Var(
            b.pools,
            f.members,
            f.steps,
            within=pyo.NonNegativeIntegers if self.integer else pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (0, b.pool_nodes[p, w, t]),
            scheduled="ahead",
        )

    def constraints(self, b: Any, f: Frame) -> None:
        super().constraints(b, f)
        b.market = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (b.least[w, t], self.all_nodes(b, f, w, t), b.most[w, t]),
            doc="rented nodes between min_nodes and what the market takes (max_nodes)",
        )

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return b.nodes[p, w, t]

    def pool_power_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return b.node_mw[p] * b.nodes[p, w, t]

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        revenue = f.by_step(
            lambda b, w, t: (
                b.price[w, t] * f.step_h * sum(b.gpus[p] * self.effective_nodes(b, f, p, w, t) for p in b.pools)
            )
        )
        return {"rental_revenue": revenue} | super().money(b, f)

    # ------------------------------------------------------------------ after the model
    def audited_pool_power_mw(self, a: AuditView, p: int) -> Floats:
        node_kw = self.node_kw(a.hosts("pool")[p].component)
        return np.asarray(self.audited_by_pool(a, "nodes")[p] * (node_kw / 1e3))

    def audit(self, a: AuditView) -> None:
        super().audit(a)
        a.at_least("rented nodes at least min_nodes", a["nodes"], a.values(self.min_nodes))
        a.at_most("rented nodes within max_nodes", a["nodes"], self._most(a))
        if self.integer:
            a.whole("rented nodes are whole", self.audited_by_pool(a, "nodes"))
        gpus = np.array([host.component.gpus_per_node for host in a.hosts("pool")])
        gpu_hours = np.einsum("p,pwt->wt", gpus, self.audited_effective_nodes(a)) * a.step_h
        a.money("rental_revenue", (a.values(self.price_per_gpu_hour) * gpu_hours).sum(axis=1))
