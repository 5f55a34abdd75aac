"""The service level: what has to be served of each period's demand, and whether it can be met at all.

Of the demand of a period (day, month, year), inside the horizon and before it, at least a share is served::

    sum_{t in period} served_t * step_h  >=  min_served * (before_demand + sum_{t in period} demand_t * step_h)
                                             - before_served

``before`` is what earlier runs have counted in a period that goes on (:mod:`optimizer.running_period`). Where even all
nodes of the pools cannot make good what was missed before the horizon, the period is missed, and ``min_served`` holds
for the rest of it by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.component import Carried, Floats, Rule
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.running_period import carried_sums, handed_on
from optimizer.settlement import declare_periods, sums_by_period
from optimizer.template import Constraint, Param

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.workloads.inference_service import InferenceService

LEVEL_CARRIES = {
    "level_demand": "demand so far, units (with min_served), by its period",
    "level_served": "demand served so far, units (with min_served), by its period",
}

LEVEL_HOLDS = {
    "service_level": Holds(
        Code.SERVICE_LEVEL, "the service level of the period has to be reached", unit="unit an hour", field="min_served"
    )
}
"""What its rule means to a planner."""

ROUNDING = 1e-9
"""Relative margin below which a shortfall is rounding."""


def level_constraint(b: Any, f: Frame, service: InferenceService, served: Rule) -> None:
    """Bind ``served(b, w, t)``, units per hour of a member and a step, to the service level."""
    declare_periods(b, f.horizon.period_codes(service.min_served_period))
    b.level_needed = Param(f.members, b.periods, values=least_served(service, f) / f.step_h)
    b.service_level = Constraint(
        f.members,
        b.periods,
        rule=lambda b, w, q: sum(served(b, w, t) for t in b.steps_of[q]) >= b.level_needed[w, q],
        doc="share of the demand served in each period (min_served)",
    )


def least_served(service: InferenceService, f: Frame) -> Floats:
    """Units to be served inside the horizon in each period of the service level, (members, periods)."""
    kind = service.min_served_period
    codes, demand = f.horizon.period_codes(kind), f.values(service.demand_per_hour) * f.step_h
    inside = service.min_served * sums_by_period(codes, demand)
    if "level_demand" not in f.carried:
        return inside
    asked, served = (carried_sums(f, key, kind) for key in LEVEL_CARRIES)
    whole = np.maximum(0.0, inside + service.min_served * asked - served)
    best = sums_by_period(codes, np.minimum(demand, _servable(service, f) * f.step_h))
    missed = whole > best + ROUNDING * np.maximum(1.0, whole)
    return np.where(missed, np.minimum(inside, whole), whole)


def level_carry(service: InferenceService, a: AuditView) -> dict[str, Carried]:
    """Demand and served demand so far of the period that the end of the run may cut."""
    if service.min_served == 0:
        return {}
    kind = service.min_served_period
    codes = a.horizon.period_codes(kind)
    states: dict[str, Carried] = {}
    for key, rate in zip(LEVEL_CARRIES, (a.values(service.demand_per_hour), a["served"]), strict=True):
        so_far = carried_sums(a.frame, key, kind) + sums_by_period(codes, rate * a.step_h)
        if handed := handed_on(a.horizon, kind, so_far):
            states[key] = handed
    return states


def shortfalls(service: InferenceService, f: Frame) -> str | None:
    """What stands in the way of ``min_served``: the hours short of nodes and by how many; None if it can be met."""
    if service.min_served == 0:
        return None
    demand, codes = f.values(service.demand_per_hour), f.horizon.period_codes(service.min_served_period)
    best, wanted = np.minimum(demand, _servable(service, f)), service.min_served * demand
    size = least_served(service, f) / f.step_h
    gap = size - sums_by_period(codes, best)
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
