"""Demand that may wait: batch work that is served within hours of its arrival.

``batch[p,t]`` is the rate at which it is served on pool ``p``, ``arrived_t`` that at which it arrives. What arrives in
step ``t`` is due by the end of step ``t + D``, with ``D`` the whole steps in ``within_hours``; the oldest is served
first. With ``waiting_t`` units in the queue at the end of step ``t``::

    waiting_t = waiting_{t-1} + step_h * (arrived_t - sum_p batch[p,t]),        waiting_t >= 0
    waiting_t <= step_h * sum_{t-D < u <= t} arrived_u + late_t,                late_t >= 0

The first two say that the sum served up to ``t`` is at most what has arrived by then, the third that it is at least
what arrived up to ``t - D``, less what is late. Without ``late_penalty_per_unit_hour`` nothing may be late
(``late_t = 0``); with it, each unit pays it for every hour that it waits beyond its time::

    batch_revenue      =   sum_t revenue_per_unit_t * step_h * sum_p batch[p,t]
    batch_late_penalty = - sum_t late_penalty_per_unit_hour * step_h * late_t

Batch work runs on the nodes of the service and yields to it. With ``fills_headroom`` it may therefore use what the
service keeps free for its latency; without, it counts as the service's own demand::

    with:      served[p,t] + batch[p,t] <= capacity * effective[p,t]
    without:   served[p,t] + batch[p,t] <= capacity * usable[p,t]

Where input and output are apart, a unit of batch work takes in ``prefill_per_unit`` units of input.

End of the horizon: what waits is handed on with the times at which it is due (:mod:`optimizer.carry`), and earns in the
run that serves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Carried, Finding, Floats, MoneyLine, Result, StrictModel
from optimizer.frame import Frame
from optimizer.quantities import Hours, NonNegative, Series, SeriesOf
from optimizer.template import Constraint, Param, Var

CARRIED = "batch_due"
ROUNDING = 1e-9


class DeferrableDemand(StrictModel):
    """Batch work that may wait."""

    demand_per_hour: Annotated[Series, SeriesOf("unit/h", ge=0)]
    """Batch work that arrives, units per hour."""
    within_hours: Hours
    """Hours within which it is served, from the end of the step in which it arrives; whole steps count."""
    revenue_per_unit: Annotated[Series, SeriesOf("currency/unit", ge=0)] = Series.constant(0.0)
    """Revenue per unit, when it is served."""
    late_penalty_per_unit_hour: NonNegative | None = None
    """Currency per unit and hour of lateness; not given: nothing may be late."""
    fills_headroom: bool = True
    """Whether it may use the capacity that is kept free for the latency target, as it yields to the service."""
    prefill_per_unit: NonNegative = 0.0
    """With ``prefill``: units of input that come with a unit of batch work."""

    carries: ClassVar[dict[str, str]] = {CARRIED: "units of batch work that wait, by the time at which they are due"}

    # ------------------------------------------------------------------ what arrives and when it is due
    def arrived(self, f: Frame | AuditView) -> Floats:
        """Units that arrive in each step, (members, steps)."""
        return f.values(self.demand_per_hour) * f.step_h

    def steps_of_grace(self, f: Frame | AuditView) -> int:
        """Whole steps for which work may wait."""
        return int(self.within_hours / f.step_h + ROUNDING)

    def waiting_before(self, f: Frame) -> Floats:
        """Units that wait at the start of the horizon, (members,)."""
        return sum(self._carried(f).values(), np.zeros(f.members_count))

    def _carried(self, f: Frame) -> dict[int, Floats]:
        """Units that wait at the start, by the number of steps in which they are due (0: overdue)."""
        due: dict[int, Floats] = {}
        for steps, units in f.carried.by_time(CARRIED, f.horizon).items():
            due[max(0, steps)] = due.get(max(0, steps), np.zeros(f.members_count)) + units
        return due

    def not_yet_due(self, f: Frame) -> Floats:
        """Units that have arrived by the end of each step and are not due by then, (members, steps)."""
        total = np.cumsum(self.arrived(f), axis=1)
        steps, grace = f.horizon.steps, self.steps_of_grace(f)
        due = np.zeros(f.shape)
        if grace < steps:
            due[:, grace:] = total[:, : steps - grace]
        for after, units in self._carried(f).items():
            total = total + units[:, np.newaxis]
            due[:, max(0, after - 1) :] += units[:, np.newaxis]
        return np.maximum(0.0, total - due)

    # ------------------------------------------------------------------ before the model
    def findings(self, f: Frame, most_per_hour: Floats, per_node_hour: float) -> Iterator[Finding]:
        """Deadlines that all nodes together cannot meet; ``most_per_hour`` is what they serve, (members, steps)."""
        if self.late_penalty_per_unit_hour is not None:
            return
        waiting, allowed = self.waiting_before(f), self.not_yet_due(f)
        short = np.zeros(f.shape)
        for t, arriving in enumerate(self.arrived(f).T):
            waiting = np.maximum(0.0, waiting + arriving - most_per_hour[:, t] * f.step_h)
            short[:, t] = waiting - allowed[:, t]
        bad = short > ROUNDING * np.maximum(1.0, allowed)
        if not bad.any():
            return
        t = int(np.argmax(bad.any(axis=0)))
        w = int(np.argmax(bad[:, t]))
        hours = min(t + 1, self.steps_of_grace(f) + 1) * f.step_h
        where = f" of member {w}" if f.members_count > 1 else ""
        yield Finding(
            "deferrable",
            f"cannot be served in time even with all nodes of the pools: by {f.horizon.describe(f.horizon.utc[t])}"
            f"{where}, {short[w, t]:.4g} units are late; {short[w, t] / (per_node_hour * hours):.4g} nodes are missing "
            f"over the {hours:g} h before",
            hint="more hours, fewer units, or a late_penalty_per_unit_hour",
        )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame, capacity: Floats, nodes: Floats) -> None:
        """``capacity`` (pools,): units per node-hour; ``nodes`` (pools, members, steps) available."""
        b.batch_arrived = f.series_param(self.demand_per_hour)
        b.batch_revenue = f.series_param(self.revenue_per_unit)
        b.batch_most = Param(b.pools, f.members, f.steps, values=capacity[:, np.newaxis, np.newaxis] * nodes)
        b.batch_not_yet_due = f.series_param(self.not_yet_due(f))
        b.batch_before = Param(f.members, values=self.waiting_before(f))
        b.batch = Var(
            b.pools,
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (0, b.batch_most[p, w, t]),
            scheduled="now",
        )
        b.batch_waiting = Var(f.members, f.steps, within=pyo.NonNegativeReals)
        if self.late_penalty_per_unit_hour is not None:
            b.batch_late = Var(f.members, f.steps, within=pyo.NonNegativeReals, least=True)

    def constraints(self, b: Any, f: Frame) -> None:
        b.batch_first = pyo.RangeSet(0, 0)
        b.batch_first_queue = Constraint(
            f.members,
            b.batch_first,
            rule=lambda b, w, t: b.batch_waiting[w, t] == b.batch_before[w] + self._change(b, f, w, t),
            doc="batch work that waits: what waited before and arrives, less what is served",
        )
        b.batch_queue = Constraint(
            f.members,
            f.inner_steps,
            rule=lambda b, w, t: b.batch_waiting[w, t] == b.batch_waiting[w, t - 1] + self._change(b, f, w, t),
            doc="batch work that waits: what waited before and arrives, less what is served",
        )
        b.batch_in_time = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.batch_waiting[w, t] - self._late(b, w, t) <= b.batch_not_yet_due[w, t],
            doc="batch work is served within its hours (deferrable)",
        )

    def _change(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return f.step_h * (b.batch_arrived[w, t] - self.served(b, w, t))

    def _late(self, b: Any, w: Any, t: Any) -> Any:
        return 0.0 if self.late_penalty_per_unit_hour is None else b.batch_late[w, t]

    def served(self, b: Any, w: Any, t: Any) -> Any:
        """Rate at which batch work is served, units per hour."""
        return sum(b.batch[p, w, t] for p in b.pools)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        penalty = self.late_penalty_per_unit_hour
        lines = {"batch_revenue": f.by_step(lambda b, w, t: b.batch_revenue[w, t] * f.step_h * self.served(b, w, t))}
        if penalty is not None:
            lines["batch_late_penalty"] = f.by_step(lambda b, w, t: -penalty * f.step_h * b.batch_late[w, t])
        return lines

    def results(self, b: Any, f: Frame, unit: str, labels: tuple[str, ...]) -> dict[str, Result]:
        rate = f"{unit}/h"
        found = {
            "batch_arrived": f.by_time(lambda b, w, t: b.batch_arrived[w, t], rate, "batch work that arrives"),
            "batch_served": f.by_time(lambda b, w, t: self.served(b, w, t), rate, "batch work served"),
            "batch_waiting": f.by_time(
                lambda b, w, t: b.batch_waiting[w, t], unit, "batch work that waits at the end of the step"
            ),
        }
        if self.late_penalty_per_unit_hour is not None:
            found["batch_late"] = f.by_time(
                lambda b, w, t: b.batch_late[w, t], unit, "batch work that is late at the end of the step"
            )
        if len(b.pools) > 1:
            found["batch_by_pool"] = f.by_time_and(
                "pool", labels, b.pools, lambda b, p, w, t: b.batch[p, w, t], rate, "batch work served by pool"
            )
        return found

    # ------------------------------------------------------------------ after the model
    def audit(self, a: AuditView, by_pool: Floats) -> None:
        """``by_pool``: rates served, (pools, members, steps)."""
        f, served, waiting = a.frame, by_pool.sum(axis=0), a["batch_waiting"]
        a.equal("batch work that arrives as given", a["batch_arrived"], a.values(self.demand_per_hour))
        a.at_least("batch work served is not negative", by_pool, 0.0)
        a.equal("batch work by pool adds up", a["batch_served"], served)
        change = np.cumsum(self.arrived(a) - served * a.step_h, axis=1)
        queue = self.waiting_before(f)[:, np.newaxis] + change
        a.equal("batch work that waits", waiting, queue)
        a.at_least("batch work is not served before it arrives", queue, 0.0)
        late = np.maximum(0.0, queue - self.not_yet_due(f))
        if self.late_penalty_per_unit_hour is None:
            a.at_most("batch work is served in time", queue, self.not_yet_due(f))
        else:
            a.equal("batch work that is late", a["batch_late"], late)
            a.money("batch_late_penalty", -self.late_penalty_per_unit_hour * late * a.step_h)
        a.money("batch_revenue", a.values(self.revenue_per_unit) * served * a.step_h)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        """What still waits, the oldest having been served first."""
        f, grace = a.frame, self.steps_of_grace(a)
        due = dict(self._carried(f))
        for t, units in enumerate(self.arrived(a).T):
            due[t + grace + 1] = due.get(t + grace + 1, np.zeros(f.members_count)) + units
        left = self.waiting_before(f) + self.arrived(a).sum(axis=1) - a["batch_waiting"][:, -1]
        waiting: dict[str, Floats] = {}
        for steps in sorted(due):
            units = np.maximum(0.0, due[steps] - left)
            left = np.maximum(0.0, left - due[steps])
            if (units > ROUNDING * np.maximum(1.0, due[steps])).any():
                stamp: pd.Timestamp = f.horizon.start_utc + steps * f.horizon.step_length
                waiting[stamp.tz_convert(f.horizon.timezone).isoformat(timespec="minutes")] = units
        return {CARRIED: waiting}
