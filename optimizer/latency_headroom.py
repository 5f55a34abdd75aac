"""How many servers may be busy so that requests seldom wait: Erlang's C formula, and a safe linear rule drawn from it.

With ``c`` servers and an offered load of ``a`` busy servers (Poisson arrivals, exponential service times, one queue)
the share of requests that wait is Erlang's ``C(c, a)`` (A. K. Erlang 1917). The largest load with ``C(c, a) <= p`` is
``usable(c) = c * rho(c)``; for ``p`` = 0.1 the utilisation ``rho`` is 0.56, 0.67, 0.76, 0.83, 0.88 and 0.91 for 8, 16,
32, 64, 128 and 256 servers. ``usable`` is convex in ``c`` (large groups can be used better, roughly ``c - k *
sqrt(c)``), so a tangent lies below it everywhere::

    usable(c) >= slope * c - intercept,        equal at the typical number of servers

which a linear plan can use: right at the typical size, on the safe side at any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field

from optimizer.component import StrictModel


class LatencyHeadroom(StrictModel):
    """Capacity kept free so that requests seldom wait."""

    typical_nodes: Annotated[float, Field(ge=1, le=100_000, strict=True, allow_inf_nan=False)]
    """Nodes at which the rule is exact; at other sizes it is on the safe side."""
    wait_probability: Annotated[float, Field(gt=0, lt=1, strict=True, allow_inf_nan=False)] = 0.1
    """Largest share of requests that may have to wait for a free server."""

    def usable_nodes(self, nodes_per_server: int) -> Tangent:
        """The safe rule in nodes, where that many nodes are one server."""
        line = safe_tangent(self.typical_nodes / nodes_per_server, self.wait_probability)
        return Tangent(line.slope, line.intercept * nodes_per_server)


@dataclass(frozen=True)
class Tangent:
    """``usable = slope * servers - intercept``."""

    slope: float
    intercept: float

    @property
    def least_servers(self) -> float:
        """Servers below which nothing is usable."""
        return self.intercept / self.slope


def waiting_share(servers: int, load: float) -> float:
    """Erlang's C: share of requests that wait, ``load`` in busy servers, below ``servers``."""
    blocked = 1.0  # Erlang's B by its recursion over the servers, which neither overflows nor loses digits
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return servers * blocked / (servers - load * (1.0 - blocked))


@cache
def usable_servers(servers: int, wait_probability: float) -> float:
    """Largest load, in busy servers, at which at most ``wait_probability`` of the requests wait."""
    low, high = 0.0, float(servers)
    while high - low > 1e-12 * servers:
        middle = 0.5 * (low + high)
        if waiting_share(servers, middle) <= wait_probability:
            low = middle
        else:
            high = middle
    return low


def safe_tangent(typical_servers: float, wait_probability: float) -> Tangent:
    """Tangent of ``usable`` at a number of servers: the line through the whole numbers around it, extended."""
    lower = max(1, int(typical_servers))
    at, above = (usable_servers(c, wait_probability) for c in (lower, lower + 1))
    slope = above - at
    return Tangent(slope, slope * lower - at)
