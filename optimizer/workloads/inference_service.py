"""An inference service: demand that is served within its latency target, or shed.

``served[p,w,t]`` is the rate (units per hour) served on pool ``p`` by ``nodes[p,w,t] = nodes_per_replica *
replicas[p,w,t]``::

    sum_p served[p,t] + shed_t = demand_t
    served[p,t] <= capacity * usable[p,t]
    sum_{t in period} sum_p served[p,t] >= min_served * sum_{t in period} demand_t      (:mod:`optimizer.service_level`)
    sum_p replicas[p,t] >= min_replicas
    power[p,t] = (idle_kw * nodes[p,t] + kwh_per_unit * served[p,t]) / 1000            (MW)
    revenue_t  = revenue_per_unit_t * sum_p served[p,t] * step_h
    penalty_t  = shed_penalty_per_unit_t * shed_t * step_h

What a node serves (``capacity``) and draws is told in :mod:`optimizer.service_capacity`, how many of the nodes held are
usable at the latency target in :mod:`optimizer.serving_capacity`.

A replica that is started serves only after ``cold_start_minutes`` (loading the model), on top of ``switch_minutes`` of
the pool. Several pools, also of several sites, share the demand: the plan routes it, within a latency limit and at a
cost of transfer if asked (:mod:`optimizer.service_routes`). Several models on one pool are several services.

Input and output counted apart: :mod:`optimizer.prefill`. Batch work that may wait: :mod:`optimizer.deferrable_demand`.
Money given back for missed service levels: :mod:`optimizer.service_credits`. Who is shed first:
:mod:`optimizer.service_priority`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.deferrable_demand import DeferrableDemand
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import PeriodKind
from optimizer.quantities import Fraction
from optimizer.served_demand import ServedDemand
from optimizer.service_audit import audit_service
from optimizer.service_checks import service_findings
from optimizer.service_credits import CREDIT_CARRIES, CreditTier, Months, credit_money, declare_credits, tier_problem
from optimizer.service_level import LEVEL_CARRIES, LEVEL_HOLDS, level_carry, level_constraint
from optimizer.serving_capacity import CAPACITY_HOLDS, capacity_constraints
from optimizer.template import Constraint, Var
from optimizer.workload import Workload


class InferenceService(ServedDemand):
    """Demand that is served on GPU nodes."""

    deeds: ClassVar[tuple[str, str, str]] = ("serves at", "serves nothing", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "within_demand": Holds(
            Code.DEMAND_MET, "all demand is served ({limit} an hour)", unit="unit an hour", field="demand_per_hour"
        ),
        "served": Holds(
            Code.DEMAND_MET, "all demand is served ({limit} an hour)", unit="unit an hour", field="demand_per_hour"
        ),
        "replicas": Holds(Code.ALL_IN_USE, "it can hold at most {limit} nodes", unit="node"),
        "kept_up": Holds(Code.SERVICE_LEVEL, "{limit} replicas are kept up", unit="node", field="min_replicas"),
        "level_kept": Holds(
            Code.SERVICE_LEVEL, "below the service level of the month credits are due", unit="unit", field="credits"
        ),
        "batch_waiting at least": Holds(Code.DEMAND_MET, "no batch work is waiting", unit="unit"),
        "batch_in_time": Holds(
            Code.DEADLINE, "batch work has to be served within its hours", unit="unit", field="deferrable.within_hours"
        ),
        **CAPACITY_HOLDS,
        **LEVEL_HOLDS,
    }

    gives_way: ClassVar[tuple[str, ...]] = (
        "min_served",
        "min_replicas",
        "demand_per_hour",
        "deferrable.demand_per_hour",
        "deferrable.within_hours",
    )

    expandable: ClassVar[dict[str, Expandable]] = {
        "demand_per_hour": Expandable("demand for the service", "unit/h", step=100),
        "min_served": Expandable("share of the demand that has to be served", "of the demand", step=-0.01),
    }
    earns_at: ClassVar[dict[str, str]] = {"revenue_per_unit": "revenue of a unit"}
    carries: ClassVar[dict[str, str]] = Workload.carries | DeferrableDemand.carries | CREDIT_CARRIES | LEVEL_CARRIES

    kind: Literal["inference_service"] = "inference_service"
    min_served: Fraction = 0.0
    """Share of the demand of each period that has to be served (service level)."""
    min_served_period: PeriodKind = "day"
    """Period over which the service level is counted."""
    credits: list[CreditTier] = []  # noqa: RUF012
    """Shares of a month's revenue given back where less than a share of the month's demand is served."""
    priority: Annotated[int, Field(ge=1, strict=True)] | None = None
    """1 is shed last: the planner is told where revenues and penalties would shed it before a service with a higher
    number on the same pool."""
    min_replicas: Annotated[int, Field(ge=0, strict=True)] = 0
    """Replicas kept up at all times, over all pools together."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        problem = tier_problem(self.credits)
        if self.deferrable is not None and self.prefill is not None and self.prefill.pools is not None:
            problem = "deferrable: cannot be served on pools that only take in input; make it a service of its own"
        if problem is not None:
            raise ValueError(problem)
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from super().check(f)
        yield from service_findings(self, f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        super().variables(b, f)
        self.declare_data(b, f)
        b.replicas = Var(
            b.pools,
            f.members,
            f.steps,
            within=pyo.NonNegativeIntegers if self.integer else pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (0, b.replicas_most[p, w, t]),
            scheduled="now",
        )
        b.served = Var(
            b.pools,
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, p, w, t: (0, b.demand[w, t] * b.can_serve[p, w, t]),
        )
        if self.chooses_pools(f):
            b.serving = Var(
                b.pools,
                f.members,
                f.steps,
                within=pyo.Binary,
                bounds=lambda b, p, w, t: (0, b.can_serve[p, w, t]),
            )
        if self.deferrable is not None:
            self.deferrable.variables(b, f, self.batch_work(f).capacity[:, 0, 0], self.nodes_in_reach(f))

    def constraints(self, b: Any, f: Frame) -> None:
        super().constraints(b, f)
        capacity_constraints(b, f, self)
        b.within_demand = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: self._served(b, w, t) <= b.demand[w, t],
            doc="served within demand",
        )
        if self.prefill is not None and self.prefill.pools is not None:
            b.prefilling = pyo.Set(initialize=self.unit_work(f).prefilling)
            b.both_stages = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: sum(b.served[p, w, t] for p in b.prefilling) == self._served(b, w, t),
                doc="what is answered has been taken in on the pools that prefill",
            )
        if self.min_replicas > 0:
            b.kept_up = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: sum(b.replicas[p, w, t] for p in b.pools) >= self.min_replicas,
                doc="replicas kept up (min_replicas)",
            )
        if self.min_served > 0:
            level_constraint(b, f, self, self._served)
        if self.deferrable is not None:
            self.deferrable.constraints(b, f)
        if self.credits:
            demand = f.values(self.demand_per_hour)
            declare_credits(
                b,
                f,
                self.credits,
                Months.of(f.horizon, demand, demand, self.unit_revenue(f)),
                lambda w, t: f.step_h * self._served(b, w, t),
                lambda w, t: b.unit_revenue[w, t] * f.step_h * self._served(b, w, t),
            )

    def nodes(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        return self.nodes_per_replica * b.replicas[p, w, t]

    def pool_power_mw(self, b: Any, f: Frame, p: Any, w: Any, t: Any) -> Any:
        power = b.held_mw[p] * self.nodes(b, f, p, w, t) + b.mwh_per_unit[p, w, t] * b.served[p, w, t]
        return power if self.deferrable is None else power + b.batch_mwh_per_unit[p] * b.batch[p, w, t]

    def _served(self, b: Any, w: Any, t: Any) -> Any:
        return sum(b.served[p, w, t] for p in b.answering)

    def _flow(self, b: Any, p: Any, w: Any, t: Any) -> Any:
        """Units that pass through pool ``p``, batch work included."""
        return b.served[p, w, t] if self.deferrable is None else b.served[p, w, t] + b.batch[p, w, t]

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines = {
            "inference_revenue": f.by_step(lambda b, w, t: b.unit_revenue[w, t] * f.step_h * self._served(b, w, t)),
            "inference_shed_penalty": f.by_step(
                lambda b, w, t: -b.unit_penalty[w, t] * f.step_h * (b.demand[w, t] - self._served(b, w, t))
            ),
        }
        if any(self.transfer_costs):
            lines["inference_transfer_cost"] = f.by_step(
                lambda b, w, t: -f.step_h * sum(b.transfer_cost[p] * self._flow(b, p, w, t) for p in b.pools)
            )
        if self.credits:
            lines["inference_credits"] = credit_money(b, f)
        if self.deferrable is not None:
            lines |= self.deferrable.money(b, f)
        return lines | super().money(b, f)

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = super().results(b, f)
        rate, labels = f"{self.unit}/h", tuple(part.label for part in f.hosts("pool"))
        found["demand"] = f.by_time(lambda b, w, t: b.demand[w, t], rate, "demand")
        found["served"] = f.by_time(lambda b, w, t: self._served(b, w, t), rate, "demand served")
        found["shed"] = f.by_time(lambda b, w, t: b.demand[w, t] - self._served(b, w, t), rate, "demand not served")
        if len(b.pools) > 1:
            found["served_by_pool"] = f.by_time_and(
                "pool", labels, b.pools, lambda b, p, w, t: b.served[p, w, t], rate, "demand served by pool"
            )
        if self.deferrable is not None:
            found |= self.deferrable.results(b, f, self.unit, labels)
        return found

    # ------------------------------------------------------------------ after the model
    def audited_pool_power_mw(self, a: AuditView, p: int) -> Floats:
        rate = self.rates_on(a)[p]
        nodes, served = self.audited_by_pool(a, "nodes")[p], self.audited_by_pool(a, "served")[p]
        power_kw = rate.idle_kw * nodes + self.unit_work(a).kwh[p] * served
        if self.deferrable is not None:
            power_kw = power_kw + self.batch_work(a).kwh[p] * self.audited_batch(a)[p]
        return np.asarray(power_kw / 1e3)

    def audited_batch(self, a: AuditView) -> Floats:
        """Batch work served by pool, (pools, members, steps); 0 without any."""
        if self.deferrable is None:
            return np.zeros((len(a.hosts("pool")), *a.shape))
        return a.table("batch_by_pool") if len(a.hosts("pool")) > 1 else a["batch_served"][np.newaxis]

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        rate = f"{self.unit}/h"
        lines, title = ("served", "shed"), "served and shed against demand"
        chart = Chart("Inference", lines, rate, title, limits=("demand",), stacked=True)
        if self.deferrable is None:
            return (chart,)
        waiting = Chart("Inference", ("batch_waiting", "batch_late"), self.unit, "batch work", at_step_end=True)
        return chart, Chart("Inference", ("batch_arrived", "batch_served"), rate, "batch work"), waiting

    def audit(self, a: AuditView) -> None:
        super().audit(a)
        audit_service(self, a)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        states = super().carry(a) | level_carry(self, a)
        if self.deferrable is not None:
            states |= self.deferrable.carry(a)
        if self.credits:
            months = Months.of(a.horizon, a.values(self.demand_per_hour), a["served"], self.unit_revenue(a))
            states |= (Months.carried(a.frame) + months).handed_on(a.frame, self.credits)
        return states

    def end_rule(self, f: Frame) -> str | None:
        if self.deferrable is not None:
            return "batch work that waits is handed on with the times at which it is due, and earns nothing here"
        return None

    def summary(self, a: AuditView) -> dict[str, float]:
        demand = float(a.probabilities @ a.values(self.demand_per_hour).sum(axis=1))
        served = float(a.probabilities @ a["served"].sum(axis=1))
        return {"served_fraction": served / demand if demand > 0 else 1.0}
