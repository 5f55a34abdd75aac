"""What nodes can serve and what they draw: capacity, energy per unit and the headroom kept for latency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from optimizer.component import Floats, StrictModel
from optimizer.latency_headroom import LatencyHeadroom, Tangent
from optimizer.quantities import Count, Fraction, NonNegative, Positive

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class ServiceCapacity(StrictModel):
    """Capacity of the nodes of a service."""

    capacity_per_node_hour: Positive
    """Units that a fully used node serves in an hour."""
    nodes_per_replica: Count = 1
    """Nodes that hold one copy of the model and serve together."""
    kwh_per_unit: NonNegative | None = None
    """Energy per unit served, beyond idling; by default such that a node at its capacity draws ``full_kw``."""
    headroom: Fraction | None = None
    """Share of the capacity kept free for the latency target; or give ``latency_headroom``."""
    latency_headroom: LatencyHeadroom | None = None
    """Capacity kept free by the number of nodes (Erlang's C formula), on the safe side."""

    @model_validator(mode="after")
    def _one_headroom(self) -> Self:
        if self.headroom is not None and self.latency_headroom is not None:
            raise ValueError("give either headroom or latency_headroom")
        if self.headroom == 1.0:
            raise ValueError("headroom 1 leaves nothing to serve with; must be below 1")
        if self.latency_headroom is not None and self.latency_headroom.typical_nodes < self.nodes_per_replica:
            raise ValueError(
                f"latency_headroom.typical_nodes {self.latency_headroom.typical_nodes:g} is less than one replica "
                f"({self.nodes_per_replica} nodes)"
            )
        return self

    @property
    def usable_line(self) -> Tangent:
        """Usable nodes of one pool as ``slope * nodes - intercept``."""
        if self.latency_headroom is None:
            return Tangent(1.0 - (self.headroom or 0.0), 0.0)
        return self.latency_headroom.usable_nodes(self.nodes_per_replica)

    def servable(self, nodes: Floats) -> Floats:
        """Most that nodes by pool can serve, units per hour, (members, steps)."""
        line = self.usable_line
        usable = np.maximum(0.0, line.slope * nodes - line.intercept)
        return np.asarray(self.capacity_per_node_hour * usable.sum(axis=0))

    def energy_per_unit_kwh(self, pool: GpuPool) -> float:
        """Energy per unit served beyond idling, kWh."""
        if self.kwh_per_unit is not None:
            return self.kwh_per_unit
        return (pool.full_kw - pool.idle_kw) / self.capacity_per_node_hour

    def largest_node_kw(self, pool: GpuPool) -> float:
        """Draw of a node that serves its whole capacity, kW."""
        return pool.idle_kw + self.energy_per_unit_kwh(pool) * self.capacity_per_node_hour
