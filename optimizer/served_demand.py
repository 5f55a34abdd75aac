"""The demand of a service and its prices, and what a unit of it takes on each pool that may serve it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.component import Floats
from optimizer.deferrable_demand import DeferrableDemand
from optimizer.frame import Frame
from optimizer.named_pools import nodes_available
from optimizer.prefill import Prefill, UnitWork, unit_work
from optimizer.quantities import Series, SeriesOf
from optimizer.service_capacity import Rates
from optimizer.service_routes import RoutedService
from optimizer.template import Param

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class ServedDemand(RoutedService):
    """Demand and prices of a service, and the nodes that may serve it."""

    demand_per_hour: Annotated[Series, SeriesOf("unit/h", ge=0)]
    """Demand in units per hour; may differ by member. With ``prefill``, the output."""
    prefill: Prefill | None = None
    """Input that comes with the demand, where it is counted apart."""
    revenue_per_unit: Annotated[Series, SeriesOf("currency/unit", ge=0)]
    """Revenue per unit served."""
    shed_penalty_per_unit: Annotated[Series, SeriesOf("currency/unit", ge=0)] = Series.constant(0.0)
    """Penalty per unit of demand that is not served."""
    deferrable: DeferrableDemand | None = None
    """Batch work that may wait, served by the same nodes."""
    cold_start_minutes: Annotated[
        float, Field(ge=0, le=1440, strict=True, allow_inf_nan=False, json_schema_extra={"unit": "min"})
    ] = 0.0
    """Minutes for which a replica that is started does not serve yet, beside ``switch_minutes`` of the pool."""
    integer: bool = False
    """Whole replicas; the default lets the number be fractional."""

    def unready_minutes(self, pool: GpuPool) -> float:
        return super().unready_minutes(pool) + self.cold_start_minutes

    def nodes_in_reach(self, f: Frame) -> Floats:
        """Nodes available on the pools within the latency limit, (pools, members, steps)."""
        nodes = nodes_available(f)
        return nodes if all(self.in_reach) else nodes * np.array(self.in_reach, dtype=float)[:, np.newaxis, np.newaxis]

    def unit_work(self, f: Frame | AuditView) -> UnitWork:
        """What a unit of demand takes on each pool."""
        ratio = f.full(0.0) if self.prefill is None else self.prefill.ratio(f, f.values(self.demand_per_hour))
        return unit_work(self.rates_on(f), self.pool_names, ratio, self.prefill)

    def batch_work(self, f: Frame | AuditView) -> UnitWork:
        """What a unit of batch work takes on each pool."""
        into = 0.0 if self.deferrable is None or self.prefill is None else self.deferrable.prefill_per_unit
        return unit_work(self.rates_on(f), self.pool_names, f.full(into), self.prefill)

    def rates_on(self, f: Frame | AuditView) -> list[Rates]:
        """What the nodes of each pool serve and draw."""
        pools: list[GpuPool] = [host.component for host in f.hosts("pool")]  # type: ignore[misc]
        return self.rates(pools)

    def unit_revenue(self, f: Frame | AuditView) -> Floats:
        """Revenue of a unit of demand with its input, (members, steps)."""
        revenue = f.values(self.revenue_per_unit)
        if self.prefill is None:
            return revenue
        ratio = self.prefill.ratio(f, f.values(self.demand_per_hour))
        return np.asarray(revenue + ratio * f.values(self.prefill.revenue_per_unit))

    def open(self, f: Frame) -> Floats:
        """1 where the service can serve: there is demand, and the pool has the nodes below which nothing is usable."""
        enough = self.nodes_in_reach(f) >= self.usable_line.least_servers
        near = np.array(self.in_reach)[:, np.newaxis, np.newaxis]
        return np.where(enough & near & (f.values(self.demand_per_hour) > 0), 1.0, 0.0)

    def chooses_pools(self, f: Frame) -> bool:
        """Whether a binary says on which pools it serves: each holds the nodes below which nothing is usable."""
        return self.latency_headroom is not None and len(f.hosts("pool")) > 1

    def declare_data(self, b: Any, f: Frame) -> None:
        """Parameters of the model: demand, prices, and what nodes serve and draw."""
        work, replicas = self.unit_work(f), self.nodes_in_reach(f) / self.nodes_per_replica
        b.answering = pyo.RangeSet(0, len(b.pools) - 1) if not work.prefilling else pyo.Set(initialize=work.answering)
        b.unit_capacity = Param(b.pools, f.members, f.steps, values=work.capacity)
        b.mwh_per_unit = Param(b.pools, f.members, f.steps, values=work.kwh / 1e3)
        b.held_mw = Param(b.pools, values=np.array([rate.idle_kw for rate in self.rates_on(f)]) / 1e3)
        b.demand = f.series_param(self.demand_per_hour)
        b.unit_revenue = f.series_param(self.unit_revenue(f))
        b.unit_penalty = f.series_param(self.shed_penalty_per_unit)
        b.transfer_cost = Param(b.pools, values=np.array(self.transfer_costs))
        b.replicas_most = Param(
            b.pools, f.members, f.steps, values=np.floor(replicas + 1e-9) if self.integer else replicas
        )
        b.can_serve = Param(b.pools, f.members, f.steps, values=self.open(f))
        if self.deferrable is not None:
            batch = self.batch_work(f)
            b.batch_mwh_per_unit = Param(b.pools, values=batch.kwh[:, 0, 0] / 1e3)
            b.batch_weight = Param(b.pools, f.members, f.steps, values=work.capacity / batch.capacity)
