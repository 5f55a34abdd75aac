"""Whether a service level can be met at all: even if the service had its pools to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.component import Floats
from optimizer.frame import Frame

if TYPE_CHECKING:
    from optimizer.workloads.inference_service import InferenceService

ROUNDING = 1e-9
"""Relative margin below which a shortfall is rounding."""


def shortfalls(service: InferenceService, f: Frame) -> str | None:
    """What stands in the way of ``min_served``: the hours short of nodes and by how many; None if it can be met."""
    if service.min_served == 0:
        return None
    demand = f.values(service.demand_per_hour)
    codes = f.horizon.period_codes(service.min_served_period)
    best, wanted = np.minimum(demand, _servable(service, f)), service.min_served * demand
    gap = np.stack([(wanted - best)[:, codes == q].sum(axis=1) for q in range(int(codes.max()) + 1)], axis=1)
    size = np.stack([wanted[:, codes == q].sum(axis=1) for q in range(int(codes.max()) + 1)], axis=1)
    short = gap > ROUNDING * np.maximum(1.0, size)
    if not short.any():
        return None
    member, period = np.unravel_index(int(np.argmax(np.where(short, gap, -np.inf))), gap.shape)
    steps = np.flatnonzero(
        (codes == period) & (wanted[member] > best[member] + ROUNDING * np.maximum(1.0, wanted[member]))
    )
    missing = _missing_nodes(service, f, wanted)[member]
    worst = int(steps[np.argmax(missing[steps])])
    first = f.horizon.describe(f.horizon.utc[steps[0]])
    hours = (
        f"at {first}"
        if len(steps) == 1
        else f"in {len(steps)} steps from {first} to {f.horizon.describe(f.horizon.utc[steps[-1]])}"
    )
    where = f" of member {member}" if f.members_count > 1 else ""
    most = f", most at {f.horizon.describe(f.horizon.utc[worst])}" if len(steps) > 1 else ""
    return (
        f"cannot be met even with all nodes of the pools: {hours}{where} they are too few, "
        f"by {missing[worst]:.4g} nodes{most}"
    )


def _servable(service: InferenceService, f: Frame) -> Floats:
    """Most that all nodes of the pools can serve, units per hour, (members, steps)."""
    line, work, nodes = service.usable_line, service.unit_work(f), service.nodes_in_reach(f)
    usable = work.capacity * np.maximum(0.0, line.slope * nodes - line.intercept)
    stages = [usable[pools].sum(axis=0) for pools in (work.answering, work.prefilling) if pools]
    return np.asarray(np.minimum.reduce(stages))


def _missing_nodes(service: InferenceService, f: Frame, wanted: Floats) -> Floats:
    """Nodes beyond those available (as if on one pool of the best nodes) that the wanted rate needs, (members, steps);
    those that answer and those that take in input together."""
    line, work, nodes = service.usable_line, service.unit_work(f), service.nodes_in_reach(f)
    missing = np.zeros(f.shape)
    for pools in (work.answering, work.prefilling):
        if pools:
            needed = (wanted / work.capacity[pools].max(axis=0) + line.intercept) / line.slope
            missing += np.maximum(0.0, needed - nodes[pools].sum(axis=0))
    return missing
