"""Cross-checks of an inference service: capacities and powers, routes, service levels, deadlines, priorities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimizer.component import Finding
from optimizer.frame import Frame
from optimizer.named_pools import pool_of
from optimizer.service_level import shortfalls
from optimizer.service_priority import order_findings

if TYPE_CHECKING:
    from optimizer.workloads.inference_service import InferenceService


def service_findings(service: InferenceService, f: Frame) -> Iterator[Finding]:
    """What is wrong, and what is odd. Where figures of nodes are wrong, what would follow from them is not told."""
    pools = [pool_of(part) for part in f.hosts("pool")]
    first = [*service.route_findings(), *service.rate_findings(pools)]
    if service.prefill is not None:
        demand = f.values(service.demand_per_hour)
        first += service.prefill.findings(f, demand, service.pool_names, service.rates(pools))
    yield from first
    if any(finding.fatal for finding in first):
        return
    yield from _without_effect(service)
    least = float(service.nodes_in_reach(f).sum(axis=0).min())
    needed = service.min_replicas * service.nodes_per_replica
    if needed > least:
        what = f"{service.min_replicas} replicas need {needed} nodes; as few as {least:g} are available"
        yield Finding("min_replicas", what, service.min_replicas)
    message = shortfalls(service, f)
    if message:
        yield Finding("min_served", message, service.min_served)
    if service.deferrable is not None:
        batch, nodes = service.batch_work(f), service.nodes_in_reach(f)
        usable = 1.0 if service.deferrable.fills_headroom else service.usable_line.slope
        most = (batch.capacity * usable * nodes).sum(axis=0)
        yield from service.deferrable.findings(f, most, usable * float(batch.capacity.max()))
    yield from order_findings(service, f)


def _without_effect(service: InferenceService) -> Iterator[Finding]:
    """Fields that change nothing."""
    if service.min_served == 0 and service.min_served_period != "day":
        yield Finding("min_served_period", "has no effect without min_served", fatal=False)
    if service.prefill is None:
        for field in ("prefill_capacity_per_node_hour", "prefill_kwh_per_unit"):
            if getattr(service, field) is not None:
                yield Finding(field, "has no effect without prefill", fatal=False)
        if service.deferrable is not None and service.deferrable.prefill_per_unit > 0:
            yield Finding("deferrable.prefill_per_unit", "has no effect without prefill", fatal=False)
