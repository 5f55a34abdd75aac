"""Priority among services that share a pool: who is shed first when nodes are short.

The plan gives a node to the service in which it earns most, so that the order in which demand is shed follows from
revenues and penalties. A node-hour on pool ``p`` that serves demand which would else be shed is worth::

    worth = slope * capacity * (revenue_per_unit + shed_penalty_per_unit) - energy price * power of the node

(``slope`` is that of the headroom line). Where this is larger for the service of higher priority in every step in which
both have demand, no optimal plan sheds it while one of lower priority is served on a node that they share: moving a
part of that node from the one to the other would earn the difference, and all else would stay as it is. Penalties that
are ordered in this way therefore shed in strict order of priority, without a binary; it is checked before the plan is
made, at the lowest price of energy, and the planner is told where the penalties do not give the order asked for.

The order does not hold against what is owed in any case (``min_served``, ``min_replicas``), nor where moving a node
changes more than the step (cold starts, switching, whole replicas, credits), nor where power instead of nodes is short
and the services need different power per node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.component import Finding, Floats
from optimizer.frame import Frame

if TYPE_CHECKING:
    from optimizer.workloads.inference_service import InferenceService


def order_findings(service: InferenceService, f: Frame) -> Iterator[Finding]:
    """Services of lower priority on the same pools which the plan would not shed first."""
    own = service.priority
    if own is None:
        return
    told: set[str] = set()
    for p, host in enumerate(f.hosts("pool")):
        for guest in host.guests:
            other: Any = guest.component
            lower = other.priority if isinstance(other, type(service)) else None
            if lower is None or lower <= own or guest.label in told:
                continue
            q = guest.hosts["pool"].index(host)
            here, there = worth_of_node_hour(service, f, p), worth_of_node_hour(other, guest.frame, q)
            both = (f.values(service.demand_per_hour) > 0) & (guest.frame.values(other.demand_per_hour) > 0)
            wrong = both & (here <= there * (1 + 1e-9))
            if not wrong.any():
                continue
            w, t = (int(i) for i in np.unravel_index(int(np.argmax(np.where(wrong, there - here, -np.inf))), f.shape))
            per_node = service.usable_line.slope * service.unit_work(f).capacity[p, w, t]
            penalty = float(f.values(service.shed_penalty_per_unit)[w, t] + (there - here)[w, t] / per_node)
            yield Finding(
                "priority",
                f"{guest.label} of lower priority ({lower}) is not shed first on {host.label}: at "
                f"{f.horizon.describe(f.horizon.utc[t])} a node-hour is worth {here[w, t]:.4g} here and "
                f"{there[w, t]:.4g} there",
                own,
                hint=f"a shed_penalty_per_unit above {penalty:.4g} would order them",
                fatal=False,
            )
            told.add(guest.label)


def worth_of_node_hour(service: InferenceService, f: Frame, p: int) -> Floats:
    """What a node-hour on pool ``p`` earns while demand would else be shed, currency, (members, steps)."""
    host = f.hosts("pool")[p]
    work, rate = service.unit_work(f), service.rates_on(f)[p]
    units = service.usable_line.slope * work.capacity[p]
    price = host.frame.lowest_buy_price
    power_mw = (rate.idle_kw + work.kwh[p] * units) / 1e3
    per_unit = service.unit_revenue(f) + f.values(service.shed_penalty_per_unit)
    return np.asarray(units * per_unit - np.where(np.isfinite(price), price, 0.0) * power_mw)
