"""Where a service may run: pools by latency, their own capacities, and the cost of sending data there.

``routes`` says of each pool how far it is from the users of the service, ``latency_ms`` for a request and back over the
network. Pools beyond ``max_latency_ms`` are not used: the service holds no nodes there. Users in several regions are
several services, each with the latencies seen from its region.

Data sent to a pool may cost ``cost_per_unit`` of each unit served there::

    transfer_cost = - sum_{p,t} cost_per_unit[p] * served[p,t] * step_h

Pools of other nodes (another GPU type) have capacities of their own: a route that gives ``model`` or
``capacity_per_node_hour`` describes the nodes of its pool, with their power, in place of the service's own figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from optimizer.component import Finding
from optimizer.errors import did_you_mean
from optimizer.named_pools import PoolName
from optimizer.quantities import NonNegative, Positive
from optimizer.service_capacity import NodeRates, Rates, ServiceCapacity, unit_problem
from optimizer.workload import Workload

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool


class Route(NodeRates):
    """The way to one of the pools."""

    pool: PoolName
    """The pool, as named in the service's ``pool``."""
    latency_ms: Annotated[NonNegative, Field(json_schema_extra={"unit": "ms"})] | None = None
    """Time for a request and its answer over the network, milliseconds."""
    cost_per_unit: NonNegative = 0.0
    """Cost of sending the data of a unit to the pool and back, currency."""

    @model_validator(mode="after")
    def _describes_nodes_wholly(self) -> Self:
        given = sorted(self.model_fields_set & (set(NodeRates.model_fields) - {"model", "capacity_per_node_hour"}))
        if given and not self.says_capacity:
            raise ValueError(f"{given[0]}: a route with figures of its own needs capacity_per_node_hour or model too")
        return self


class RoutedService(ServiceCapacity, Workload):
    """A service that may run on several pools."""

    unit: Annotated[str, Field(min_length=1, max_length=40)] = "unit"
    """Name of the unit in which demand is counted (``Mtok``, ``thousand requests``)."""
    routes: list[Route] = []  # noqa: RUF012
    """Latency, cost and nodes of each pool, where the service tells them apart."""
    max_latency_ms: Annotated[Positive, Field(json_schema_extra={"unit": "ms"})] | None = None
    """Pools beyond this latency are not used, milliseconds; not given: all may serve."""

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if not self.says_capacity and not all(route.says_capacity for route in self._way_to_each()):
            raise ValueError("capacity_per_node_hour: is missing (or give model)")
        problem = unit_problem(self.unit, self.capacity_unit, [self, *self.routes])
        if problem is not None:
            raise ValueError(problem)
        return self

    # ------------------------------------------------------------------ what is said of each pool
    @property
    def pool_names(self) -> list[str]:
        """The pools, as written."""
        return [self.pool] if isinstance(self.pool, str) else list(self.pool)

    def _way_to_each(self) -> list[Route]:
        ways = {route.pool: route for route in self.routes}
        return [ways[name] if name in ways else _plain_route(name) for name in self.pool_names]

    def rates(self, pools: Sequence[GpuPool]) -> list[Rates]:
        """What the nodes of each pool serve and draw."""
        return [rates.on(pool, self.unit) for rates, pool in zip(self._rates_by_pool(), pools, strict=True)]

    def _rates_by_pool(self) -> list[NodeRates]:
        return [way if way.says_capacity else self for way in self._way_to_each()]

    @property
    def in_reach(self) -> list[bool]:
        """Whether each pool is within the latency limit."""
        if self.max_latency_ms is None:
            return [True] * len(self.pool_names)
        return [way.latency_ms is not None and way.latency_ms <= self.max_latency_ms for way in self._way_to_each()]

    @property
    def transfer_costs(self) -> list[float]:
        """Cost of data per unit served on each pool, currency."""
        return [way.cost_per_unit for way in self._way_to_each()]

    def largest_node_kw(self, pool: GpuPool) -> float:
        """Draw of a node that serves its whole capacity, kW; the most of pools of the same name at several sites."""
        own = [
            rates
            for rates, name in zip(self._rates_by_pool(), self.pool_names, strict=True)
            if name.rpartition(".")[2] == pool.name
        ]
        return max(rates.on(pool, self.unit).largest_kw for rates in own)

    # ------------------------------------------------------------------ before the model
    def rate_findings(self, pools: Sequence[GpuPool]) -> Iterator[Finding]:
        """Powers that cannot be on the pools, or that are odd."""
        told = [route.pool for route in self.routes]
        for name, rates, pool in zip(self.pool_names, self._rates_by_pool(), pools, strict=True):
            yield from rates.findings(pool, self.unit, "" if rates is self else f"routes[{told.index(name)}]")

    def route_findings(self) -> Iterator[Finding]:
        """Routes to pools that the service does not name, and what the latency limit leaves."""
        names = self.pool_names
        for position, route in enumerate(self.routes):
            if route.pool not in names:
                allowed, hint = f"one of the service's pools: {', '.join(names)}", did_you_mean(route.pool, names)
                yield Finding(f"routes[{position}].pool", "the service has no such pool", route.pool, allowed, hint)
            elif any(other.pool == route.pool for other in self.routes[:position]):
                yield Finding(f"routes[{position}].pool", "is described twice", route.pool)
        limit = self.max_latency_ms
        if limit is None:
            if any(route.latency_ms is not None for route in self.routes):
                yield Finding("routes", "latency_ms has no effect without max_latency_ms", fatal=False)
            return
        unknown = [way.pool for way in self._way_to_each() if way.latency_ms is None]
        if unknown:
            yield Finding(
                "max_latency_ms",
                f"the latency of {', '.join(unknown)} is not known",
                limit,
                hint="give latency_ms of each pool in routes",
            )
            return
        far = [f"{way.pool} ({way.latency_ms:g} ms)" for way in self._way_to_each() if (way.latency_ms or 0.0) > limit]
        if far and not any(self.in_reach):
            yield Finding("max_latency_ms", f"no pool is within it: {', '.join(far)}", limit)
        elif far:
            what = f"{', '.join(far)} {'is' if len(far) == 1 else 'are'} beyond it and not used"
            yield Finding("max_latency_ms", what, limit, fatal=False)


@lru_cache(maxsize=1024)
def _plain_route(pool: str) -> Route:
    """A route of which nothing is told."""
    return Route(pool=pool)
