"""A pool of identical GPU nodes, shared by the workloads that refer to it.

Every available node is held by a workload, idle or switched off, each member ``w`` and step ``t``::

    sum_guests nodes[t] + idle_t + off_t = available_t
    power_mw_t = sum_guests power_mw[t] + idle_t * idle_kw / 1000 + off_t * off_kw / 1000

with the nodes available, by maintenance and ``availability``, of :mod:`optimizer.node_rest`. Nodes that are not
available draw nothing. The pool draws the whole power from the bus and gives its heat to the cooling plant; reported
under the pool's own name is the power of idle and switched-off nodes only, the rest stands under the workloads' names.

A pool without workloads is allowed: it idles or rests. Switching a node between workloads is described in
:mod:`optimizer.workload`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import ConfigDict, Field, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Asset, Carried, Direction, Expandable, Finding, Floats, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.gpu_servers import filled_in, needed_without_model
from optimizer.node_rest import NodeRest
from optimizer.quantities import Count, Fraction, Kilowatts, Name, NonNegative, Series, SeriesOf
from optimizer.template import Constraint, Param, Var
from optimizer.workload import Workload

PLAUSIBLE_NODE_KW = 250.0
"""Above the largest racks sold as one node; a larger figure is surely in watts."""


class GpuPool(NodeRest, Asset):
    """Identical GPU nodes at a site."""

    deeds: ClassVar[tuple[str, str, str]] = ("idles at", "is off or at work", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "": Holds(Code.NO_WORK, "nodes that no work takes are idle or off"),
        "idle at least": Holds(Code.ALL_IN_USE, "all nodes of the pool are at work", unit="node", field="nodes"),
        "off at least": Holds(Code.ALL_IN_USE, "all nodes of the pool are at work", unit="node", field="nodes"),
        "off": Holds(Code.NO_WORK, "nodes cannot be switched off", unit="node", field="switch_off"),
        "node_balance": Holds(Code.ALL_IN_USE, "the pool has {limit} nodes", unit="node", field="nodes"),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("nodes", "availability", "switch_off")

    kind: Literal["gpu_pool"] = "gpu_pool"
    nodes: Count
    """Nodes installed."""
    model: str | None = None
    """A server of the bundled table (``DGX A100``); gives the GPUs and draws that are not given."""
    gpus_per_node: Count = 8
    """GPUs in a node."""
    off_kw: Kilowatts = 0.0
    """Draw of a node that is switched off, kW."""
    idle_kw: Kilowatts
    """Draw of a node that is on and has nothing to do, kW; required unless the ``model`` gives it."""
    full_kw: Kilowatts
    """Draw of a node at full work, kW; required unless the ``model`` gives it."""
    availability: Annotated[Series, SeriesOf("1", ge=0, le=1)] = Series.constant(1.0)
    """Share of the nodes that can be used (failures, or whatever takes nodes at random)."""
    switch_off: bool = True
    """Whether nodes without work may be switched off."""
    switch_minutes: Annotated[float, Field(ge=0, le=1440, strict=True, allow_inf_nan=False)] = 0.0
    """Minutes for which a node is not ready after it came to another workload (or came back to one)."""
    switch_cost: NonNegative = 0.0
    """Currency per node that comes to a workload."""
    cooling: Name | None = None
    """Cooling plant that takes the heat; without one, heat is not limited and costs nothing."""
    heat_fraction: Fraction = 1.0
    """Heat given to the cooling plant per electric power."""

    offers = "pool"
    feeds_in = False
    refers_to = {"cooling": "cooling"}  # noqa: RUF012
    expandable: ClassVar[dict[str, Expandable]] = {
        "nodes": Expandable("nodes of the pool", "node", step=10, is_investment=True),
    }
    carries: ClassVar[dict[str, str]] = NodeRest.rest_carries

    model_config = ConfigDict(json_schema_extra=needed_without_model)

    @model_validator(mode="before")
    @classmethod
    def _model_gives_powers(cls, data: Any) -> Any:
        return filled_in(data)

    @model_validator(mode="after")
    def _powers_rise(self) -> Self:
        if not self.off_kw <= self.idle_kw <= self.full_kw:
            raise ValueError(
                f"must be off_kw <= idle_kw <= full_kw; found {self.off_kw:g}, {self.idle_kw:g} and {self.full_kw:g} kW"
            )
        if self.full_kw > PLAUSIBLE_NODE_KW:
            raise ValueError(
                f"full_kw {self.full_kw:g} kW is more than any node draws; it is in kilowatts, "
                f"was {self.full_kw / 1000:g} meant (watts given)?"
            )
        return self

    def available_nodes(self, f: Frame | AuditView) -> Floats:
        """Nodes that can be used, (members, steps)."""
        share = f.values(self.availability)
        return (self.nodes - self.nodes_out(f.horizon)) * share if self.maintenance else self.nodes * share

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        if not any(isinstance(guest.component, Workload) for guest in f.guests):
            yield Finding("name", "no workload runs on this pool", self.name, fatal=False)
        yield from self.rest_findings(f)
        if self.wake_minutes > 0 and not self.switch_off:
            yield Finding("wake_minutes", "has no effect on nodes that are never switched off", fatal=False)

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        yield from self.carried_rest_findings(f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.available = f.series_param(self.available_nodes(f))
        b.off_most = f.series_param(self.available_nodes(f) * float(self.switch_off))
        b.largest_mw = f.series_param(self.largest_power_mw(f))
        b.idle = Var(f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.available[w, t]))
        b.off = Var(f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.off_most[w, t]))
        b.power_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.largest_mw[w, t])
        )

        b.out = Param(f.steps, values=self.nodes_out(f.horizon))
        self.waking_variables(b, f, self.available_nodes(f))
        guests = len(_workloads_on(f.part))
        b.guests = pyo.RangeSet(0, guests - 1)
        b.is_guest = Param(b.guests, b.guests, values=np.eye(guests))

    def constraints(self, b: Any, f: Frame) -> None:
        self.waking_constraints(b, f)
        guests = _workloads_on(f.part)
        b.node_balance = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                sum([work.nodes(g.block, g.frame, p, w, t) for g, work, p in guests]) + b.idle[w, t] + b.off[w, t]
                == b.available[w, t]
            ),
            doc="nodes at work, idle and off add up to the nodes available",
        )
        b.power_balance = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.power_mw[w, t]
                == sum([work.pool_power_mw(g.block, g.frame, p, w, t) for g, work, p in guests])
                + self._resting_mw(b, w, t)
            ),
            doc="power of the pool follows from what its nodes do",
        )

    def _resting_mw(self, b: Any, w: Any, t: Any) -> Any:
        """Power of idle and switched-off nodes, MW."""
        return self.idle_kw / 1e3 * b.idle[w, t] + self.off_kw / 1e3 * b.off[w, t]

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.power_mw[w, t]

    def own_power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self._resting_mw(b, w, t)

    def heat_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self.heat_fraction * b.power_mw[w, t]

    def largest_power_mw(self, f: Frame) -> Floats:
        node_kw = max([self.full_kw, *(work.largest_node_kw(self) for _, work, _ in _workloads_on(f.part))])
        return self.available_nodes(f) * (node_kw / 1e3)

    def reserve_power_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        guests = _workloads_on(f.part)
        return sum([work.pool_reserve_mw(g.block, g.frame, p, w, t, direction) for g, work, p in guests])

    def reserve_heat_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        return self.heat_fraction * self.reserve_power_mw(b, f, w, t, direction)

    # ------------------------------------------------------------------ after the model
    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {
            "idle_nodes": f.by_time(lambda b, w, t: b.idle[w, t], "nodes", "nodes on without work"),
            "off_nodes": f.by_time(lambda b, w, t: b.off[w, t], "nodes", "nodes switched off"),
            "pool_power_mw": f.by_time(lambda b, w, t: b.power_mw[w, t], "MW", "power of the whole pool"),
        }
        if self.maintenance:
            found["nodes_out"] = f.by_time(lambda b, w, t: b.out[t], "nodes", "nodes under maintenance")
        if self.wake_minutes > 0:
            found["woken_nodes"] = f.by_time(lambda b, w, t: b.woken[w, t], "nodes", "nodes woken")
        guests = _workloads_on(f.part)
        if guests:
            found["nodes_by_workload"] = f.by_time_and(
                "workload",
                tuple(g.label for g, _, _ in guests),
                b.guests,
                lambda b, k, w, t: sum(
                    b.is_guest[k, i] * work.nodes(g.block, g.frame, p, w, t) for i, (g, work, p) in enumerate(guests)
                ),
                "nodes",
                "nodes held by workload",
            )
        return found

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        resting = ("idle_nodes", "off_nodes", *(("nodes_out",) if self.maintenance else ()))
        return (Chart("GPU pools", ("nodes_by_workload",), "nodes", "nodes by workload", resting, stacked=True),)

    def audit(self, a: AuditView) -> None:
        idle, off = a["idle_nodes"], a["off_nodes"]
        a.at_least("idle nodes are not negative", idle, 0.0)
        a.at_least("nodes switched off are not negative", off, 0.0)
        if not self.switch_off:
            a.equal("no node is switched off (switch_off: false)", off, 0.0)
        self.audit_waking(a, self.available_nodes(a))
        if self.maintenance:
            a.equal("nodes under maintenance", a["nodes_out"], a.full(self.nodes_out(a.horizon)))
        at_work, power = a.full(0.0), (self.idle_kw * idle + self.off_kw * off) / 1e3
        a.equal("power of resting nodes", a["power_mw"], power)
        for guest in a.guests:
            if isinstance(guest.component, Workload):
                p = [host.label for host in guest.hosts("pool")].index(a.label)
                held = guest.component.audited_by_pool(guest, "nodes")[p]
                shown = a.table("nodes_by_workload")[a.labels("nodes_by_workload").index(guest.label)]
                a.equal("nodes by workload are those that the workload holds", shown, held)
                at_work = at_work + held
                power = power + guest.component.audited_pool_power_mw(guest, p)
        a.equal(
            "nodes at work, idle and off add up to the nodes available", at_work + idle + off, self.available_nodes(a)
        )
        a.equal("power of the pool follows from what its nodes do", a["pool_power_mw"], power)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        return self.carried_rest(a, self.available_nodes(a))

    def audited_power_mw(self, a: AuditView) -> Floats:
        return a["pool_power_mw"]

    def audited_heat_mw(self, a: AuditView) -> Floats:
        return self.heat_fraction * a["pool_power_mw"]

    def audited_reserve_power_mw(self, a: AuditView, direction: Direction) -> Floats:
        guests = [(a.of(g.label), work, p) for g, work, p in _workloads_on(a.frame.part)]
        return sum((work.audited_pool_reserve_mw(g, p, direction) for g, work, p in guests), np.zeros(a.shape))

    def audited_reserve_heat_mw(self, a: AuditView, direction: Direction) -> Floats:
        return self.heat_fraction * self.audited_reserve_power_mw(a, direction)


def _workloads_on(pool: Part) -> list[tuple[Part, Workload, int]]:
    """Workloads that refer to a pool, each with the position of the pool among those that it names."""
    return [
        (guest, guest.component, guest.hosts["pool"].index(pool))
        for guest in pool.guests
        if isinstance(guest.component, Workload)
    ]
