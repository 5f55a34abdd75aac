"""An inference service: demand that is served within its latency target, or shed.

``served[p,w,t]`` is the rate (units per hour) served on pool ``p`` by ``nodes[p,w,t] = nodes_per_replica *
replicas[p,w,t]``::

    sum_p served[p,t] + shed_t = demand_t
    served[p,t] <= capacity_per_node_hour * usable[p,t]
    sum_{t in period} sum_p served[p,t] >= min_served * sum_{t in period} demand_t
    sum_p replicas[p,t] >= min_replicas
    power[p,t] = (idle_kw * nodes[p,t] + kwh_per_unit * served[p,t]) / 1000            (MW)
    revenue_t  = revenue_per_unit_t * sum_p served[p,t] * step_h
    penalty_t  = shed_penalty_per_unit_t * shed_t * step_h

Power is affine in the load: a node that serves ``capacity_per_node_hour`` draws ``full_kw``, so that by default
``kwh_per_unit = (full_kw - idle_kw) / capacity_per_node_hour``.

Nodes usable at the latency target, with ``effective`` nodes (held less those not yet ready after a switch):

- by default all of them, or ``(1 - headroom) * effective``;
- with ``latency_headroom`` a tangent of Erlang's C formula (:mod:`optimizer.latency_headroom`), with a replica as one
  server: ``slope * effective - intercept * nodes_per_replica``. It lies on the safe side at any size, and below
  ``intercept / slope`` replicas nothing is usable. On a single pool the service therefore keeps that many wherever
  there is demand, which needs no binary (in steps in which the pool does not have so many available nothing is
  served); with several pools a binary says on which pools it serves.

Several pools, also of several sites, share the demand: the plan routes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Finding, Floats, MoneyLine, Result
from optimizer.frame import Frame
from optimizer.horizon import PeriodKind
from optimizer.quantities import Fraction, Series, SeriesOf
from optimizer.service_capacity import ServiceCapacity
from optimizer.service_level import shortfalls
from optimizer.settlement import declare_periods
from optimizer.template import Constraint, Param, Var
from optimizer.workload import Workload, nodes_available, pool_of

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class InferenceService(ServiceCapacity, Workload):
    """Demand that is served on GPU nodes."""

    kind: Literal["inference_service"] = "inference_service"
    demand_per_hour: Annotated[Series, SeriesOf("unit/h", ge=0)]
    """Demand in units per hour; may differ by member."""
    unit: Annotated[str, Field(min_length=1, max_length=40)] = "unit"
    """Name of the unit in which demand is counted (``Mtok``, ``thousand requests``)."""
    revenue_per_unit: Annotated[Series, SeriesOf("currency/unit", ge=0)]
    """Revenue per unit served."""
    shed_penalty_per_unit: Annotated[Series, SeriesOf("currency/unit", ge=0)] = Series.constant(0.0)
    """Penalty per unit of demand that is not served."""
    min_served: Fraction = 0.0
    """Share of the demand of each period that has to be served (service level)."""
    min_served_period: PeriodKind = "day"
    """Period over which the service level is counted."""
    min_replicas: Annotated[int, Field(ge=0, strict=True)] = 0
    """Replicas kept up at all times, over all pools together."""
    integer: bool = False
    """Whole replicas; the default lets the number be fractional."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from super().check(f)
        available = nodes_available(f)
        least = float(available.sum(axis=0).min())
        if self.min_replicas * self.nodes_per_replica > least:
            yield Finding(
                "min_replicas",
                f"{self.min_replicas} replicas need {self.min_replicas * self.nodes_per_replica} nodes; "
                f"as few as {least:g} are available",
                self.min_replicas,
            )
        if self.min_served == 0 and self.min_served_period != "day":
            yield Finding("min_served_period", "has no effect without min_served", fatal=False)
        for pool in map(pool_of, f.hosts("pool")):
            most_kw = self.largest_node_kw(pool)
            if most_kw > pool.full_kw * (1 + 1e-9):
                what = f"a node at its capacity would draw {most_kw:g} kW, more than full_kw of {pool.name}"
                yield Finding(
                    "kwh_per_unit",
                    what,
                    self.kwh_per_unit,
                    f"at most {(pool.full_kw - pool.idle_kw) / self.capacity_per_node_hour:g}",
                    fatal=False,
                )
        message = shortfalls(self, f, self.servable(available))
        if message:
            yield Finding("min_served", message, self.min_served)

    def _open(self, f: Frame) -> Floats:
        """1 where the service can serve: there is demand, and the pool has the nodes below which nothing is usable."""
        enough = nodes_available(f) >= self.usable_line.least_servers
        return np.where(enough & (f.values(self.demand_per_hour) > 0), 1.0, 0.0)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        super().variables(b, f)
        pools = [pool_of(part) for part in f.hosts("pool")]
        energy = np.array([self.energy_per_unit_kwh(pool) for pool in pools])
        replicas = nodes_available(f) / self.nodes_per_replica
        b.mwh_per_unit = Param(b.pools, values=energy / 1e3)
        b.demand = f.series_param(self.demand_per_hour)
        b.unit_revenue = f.series_param(self.revenue_per_unit)
        b.unit_penalty = f.series_param(self.shed_penalty_per_unit)
        b.replicas_most = Param(
            b.pools, f.members, f.steps, values=np.floor(replicas + 1e-9) if self.integer else replicas
        )
        b.can_serve = Param(b.pools, f.members, f.steps, values=self._open(f))
        b.replicas = Var(
            b.pools,
            f.members,
            f.steps,
            within=pyo.NonNegativeIntegers if self.integer else pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (0, b.replicas_most[p, w, t]),
        )
        b.served = Var(
            b.pools,
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (0, b.demand[w, t] * b.can_serve[p, w, t]),
        )
        if self._chooses_pools(f):
            b.serving = Var(
                b.pools,
                f.members,
                f.steps,
                within=pyo.Binary,
                bounds=lambda b, p, w, t: (0, b.can_serve[p, w, t]),
            )

    def _chooses_pools(self, f: Frame) -> bool:
        return self.latency_headroom is not None and len(f.hosts("pool")) > 1

    def constraints(self, b: Any, f: Frame) -> None:
        super().constraints(b, f)
        self._capacity(b, f)
        b.within_demand = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: self._served(b, w, t) <= b.demand[w, t],
            doc="served within demand",
        )
        if self.min_replicas > 0:
            b.kept_up = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: sum(b.replicas[p, w, t] for p in b.pools) >= self.min_replicas,
                doc="replicas kept up (min_replicas)",
            )
        if self.min_served > 0:
            declare_periods(b, f.horizon.period_codes(self.min_served_period))
            b.service_level = Constraint(
                f.members,
                b.periods,
                rule=lambda b, w, q: (
                    sum(self._served(b, w, t) for t in b.steps_of[q])
                    >= self.min_served * sum(b.demand[w, t] for t in b.steps_of[q])
                ),
                doc="share of the demand served in each period (min_served)",
            )

    def _capacity(self, b: Any, f: Frame) -> None:
        capacity, line, serves = self.capacity_per_node_hour, self.usable_line, b.can_serve
        if self._chooses_pools(f):
            serves = b.serving
            b.serving_pools = Constraint(
                b.pools,
                f.members,
                f.steps,
                rule=lambda b, p, w, t: b.served[p, w, t] <= b.demand[w, t] * b.serving[p, w, t],
                doc="served only on pools that hold enough nodes for the latency target",
            )
        b.capacity = Constraint(
            b.pools,
            f.members,
            f.steps,
            rule=lambda b, p, w, t: (
                b.served[p, w, t]
                <= capacity * (line.slope * self.effective_nodes(b, f, p, w, t) - line.intercept * serves[p, w, t])
            ),
            doc="served within the capacity of the nodes at the latency target",
        )

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return self.nodes_per_replica * b.replicas[p, w, t]

    def pool_power_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return b.idle_mw[p] * self.nodes(b, f, p, w, t) + b.mwh_per_unit[p] * b.served[p, w, t]

    def _served(self, b: Any, w: Any, t: Any) -> Any:
        return sum(b.served[p, w, t] for p in b.pools)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines = {
            "inference_revenue": f.by_step(lambda b, w, t: b.unit_revenue[w, t] * f.step_h * self._served(b, w, t)),
            "inference_shed_penalty": f.by_step(
                lambda b, w, t: -b.unit_penalty[w, t] * f.step_h * (b.demand[w, t] - self._served(b, w, t))
            ),
        }
        return lines | super().money(b, f)

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = super().results(b, f)
        rate = f"{self.unit}/h"
        found["demand"] = f.by_time(lambda b, w, t: b.demand[w, t], rate, "demand")
        found["served"] = f.by_time(lambda b, w, t: self._served(b, w, t), rate, "demand served")
        found["shed"] = f.by_time(lambda b, w, t: b.demand[w, t] - self._served(b, w, t), rate, "demand not served")
        if len(b.pools) > 1:
            labels = tuple(part.label for part in f.hosts("pool"))
            found["served_by_pool"] = f.by_time_and(
                "pool", labels, b.pools, lambda b, p, w, t: b.served[p, w, t], rate, "demand served by pool"
            )
        return found

    # ------------------------------------------------------------------ after the model
    def audited_pool_power_mw(self, a: AuditView, p: int) -> Floats:
        pool: GpuPool = a.hosts("pool")[p].component
        nodes, served = self.audited_by_pool(a, "nodes")[p], self.audited_by_pool(a, "served")[p]
        return np.asarray((pool.idle_kw * nodes + self.energy_per_unit_kwh(pool) * served) / 1e3)

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        rate = f"{self.unit}/h"
        lines, title = ("served", "shed"), "served and shed against demand"
        return (Chart("Inference", lines, rate, title, limits=("demand",), stacked=True),)

    def audit(self, a: AuditView) -> None:
        super().audit(a)
        demand, served, shed = a.values(self.demand_per_hour), a["served"], a["shed"]
        by_pool, ready = self.audited_by_pool(a, "served"), self.audited_effective_nodes(a)
        a.equal("demand as given", a["demand"], demand)
        a.at_least("served is not negative", by_pool, 0.0)
        a.equal("served by pool adds up", served, by_pool.sum(axis=0))
        a.at_most("served within demand", served, demand)
        a.equal("served and shed add up to the demand", served + shed, demand)
        line = self.usable_line
        usable = np.maximum(0.0, line.slope * ready - line.intercept)
        a.at_most("served within the capacity at the latency target", by_pool, self.capacity_per_node_hour * usable)
        a.at_least("replicas kept up (min_replicas)", a["nodes"], float(self.min_replicas * self.nodes_per_replica))
        if self.integer:
            a.whole("replicas are whole", self.audited_by_pool(a, "nodes") / self.nodes_per_replica)
        wanted = a.sum_by_period(demand, self.min_served_period)
        a.at_least(
            "share served (min_served)", a.sum_by_period(served, self.min_served_period), self.min_served * wanted
        )
        a.money("inference_revenue", (a.values(self.revenue_per_unit) * served * a.step_h).sum(axis=1))
        penalty = a.values(self.shed_penalty_per_unit) * (demand - served) * a.step_h
        a.money("inference_shed_penalty", -penalty.sum(axis=1))

    def summary(self, a: AuditView) -> dict[str, float]:
        demand = float(a.probabilities @ a.values(self.demand_per_hour).sum(axis=1))
        served = float(a.probabilities @ a["served"].sum(axis=1))
        return {"served_fraction": served / demand if demand > 0 else 1.0}
