"""What an inference service can serve with its nodes and still keep its latency target.

``effective`` nodes are those held, less those not yet ready after a switch or a cold start. Of them are usable:

- by default all, or ``(1 - headroom) * effective``;
- with ``latency_headroom`` a tangent of Erlang's C formula (:mod:`optimizer.latency_headroom`), with a replica as one
  server: ``slope * effective - intercept * nodes_per_replica``. It lies on the safe side at any size, and below
  ``intercept / slope`` replicas nothing is usable. On a single pool the service therefore keeps that many wherever
  there is demand, which needs no binary (in steps in which the pool does not have so many available nothing is
  served); with several pools a binary says on which pools it serves.

Demand and batch work together have to be within the capacity of the usable nodes::

    served[p,t] + batch[p,t] <= capacity * usable[p,t]

Batch work that may fill the headroom (:mod:`optimizer.deferrable_demand`) has the whole capacity::

    served[p,t] <= capacity * usable[p,t],   served[p,t] + batch[p,t] <= capacity * effective[p,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.template import Constraint

if TYPE_CHECKING:
    from optimizer.workloads.inference_service import InferenceService

CAPACITY_HOLDS = {
    "capacity": Holds(Code.SERVICE_LEVEL, "its nodes are needed to keep the latency target", unit="unit an hour"),
    "whole_capacity": Holds(Code.ALL_IN_USE, "its nodes are used to their whole capacity", unit="unit an hour"),
    "serving_pools": Holds(
        Code.SERVICE_LEVEL, "a pool serves only with enough nodes for the latency target", unit="unit an hour"
    ),
}
"""What its rules mean to a planner."""


def capacity_constraints(b: Any, f: Frame, service: InferenceService) -> None:
    """Bind what is served on each pool to the nodes held there."""
    line, serves = service.usable_line, b.can_serve
    if service.chooses_pools(f):
        serves = b.serving
        b.serving_pools = Constraint(
            b.pools,
            f.members,
            f.steps,
            rule=lambda b, p, w, t: b.served[p, w, t] <= b.demand[w, t] * b.serving[p, w, t],
            doc="served only on pools that hold enough nodes for the latency target",
        )
    fills = service.deferrable is not None and service.deferrable.fills_headroom
    b.capacity = Constraint(
        b.pools,
        f.members,
        f.steps,
        rule=lambda b, p, w, t: (
            b.served[p, w, t] + (0.0 if fills else _batch(b, service, p, w, t))
            <= b.unit_capacity[p, w, t]
            * (line.slope * service.effective_nodes(b, f, p, w, t) - line.intercept * serves[p, w, t])
        ),
        doc="served within the capacity of the nodes at the latency target",
    )
    if fills:
        b.whole_capacity = Constraint(
            b.pools,
            f.members,
            f.steps,
            rule=lambda b, p, w, t: (
                b.served[p, w, t] + _batch(b, service, p, w, t)
                <= b.unit_capacity[p, w, t] * service.effective_nodes(b, f, p, w, t)
            ),
            doc="served and batch work within the whole capacity of the nodes",
        )


def _batch(b: Any, service: InferenceService, p: Any, w: Any, t: Any) -> Any:
    """Batch work on pool ``p`` in units of demand that would take as many node-hours."""
    return 0.0 if service.deferrable is None else b.batch_weight[p, w, t] * b.batch[p, w, t]
