"""What must hold of a served plan, recomputed from the plan alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.audit import AuditView
from optimizer.component import Floats
from optimizer.service_credits import Months, audited_credits
from optimizer.service_level import least_served

if TYPE_CHECKING:
    from optimizer.workloads.inference_service import InferenceService

IDLE = 1e-6
"""Share of the demand below which a pool counts as not serving it."""


def audit_service(service: InferenceService, a: AuditView) -> None:
    """Demand, capacity, service levels and money of an inference service."""
    demand, served, shed = a.values(service.demand_per_hour), a["served"], a["shed"]
    by_pool, work = service.audited_by_pool(a, "served"), service.unit_work(a)
    a.equal("demand as given", a["demand"], demand)
    a.at_least("served is not negative", by_pool, 0.0)
    a.equal("served by pool adds up", served, by_pool[work.answering].sum(axis=0))
    if work.prefilling:
        a.equal("what is answered has been taken in", by_pool[work.prefilling].sum(axis=0), served)
    a.at_most("served within demand", served, demand)
    a.equal("served and shed add up to the demand", served + shed, demand)
    _audit_nodes(service, a, by_pool)
    answered = a.sum_by_period(served * a.step_h, service.min_served_period)
    a.at_least("share served (min_served)", answered, least_served(service, a.frame))
    a.money("inference_revenue", (service.unit_revenue(a) * served * a.step_h).sum(axis=1))
    penalty = a.values(service.shed_penalty_per_unit) * (demand - served) * a.step_h
    a.money("inference_shed_penalty", -penalty.sum(axis=1))
    if any(service.transfer_costs):
        flow = by_pool + service.audited_batch(a)
        a.money("inference_transfer_cost", -np.einsum("p,pwt->wt", service.transfer_costs, flow) * a.step_h)
    if service.credits:
        months = Months.of(a.horizon, demand, served, service.unit_revenue(a))
        a.money("inference_credits", audited_credits(a.frame, service.credits, months))
    if service.deferrable is not None:
        service.deferrable.audit(a, service.audited_batch(a))


def _audit_nodes(service: InferenceService, a: AuditView, by_pool: Floats) -> None:
    """Capacity at the latency target, latency limit, replicas."""
    line, work = service.usable_line, service.unit_work(a)
    ready, nodes = service.audited_effective_nodes(a), service.audited_by_pool(a, "nodes")
    serves = by_pool > IDLE * np.maximum(1.0, a.values(service.demand_per_hour))
    usable = work.capacity * (line.slope * ready - line.intercept * serves)
    a.at_most("served within the capacity at the latency target", by_pool, usable)
    if service.deferrable is not None:
        weighed = by_pool + service.audited_batch(a) * work.capacity / service.batch_work(a).capacity
        most = work.capacity * ready if service.deferrable.fills_headroom else usable
        a.at_most("served and batch work within the capacity", weighed, most)
    far = [p for p, near in enumerate(service.in_reach) if not near]
    a.equal("no nodes beyond max_latency_ms", nodes[far], 0.0)
    a.at_least("replicas kept up (min_replicas)", a["nodes"], float(service.min_replicas * service.nodes_per_replica))
    if service.integer:
        a.whole("replicas are whole", nodes / service.nodes_per_replica)
