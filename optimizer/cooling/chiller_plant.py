"""A chiller plant: chillers, free cooling, a tower with its water, and the pumps and fans that distribute the cold.

Heat ``Q`` is collected from machines, halls and stores that name the plant (:mod:`optimizer.heat_collector`) and
removed by free cooling and by chillers, which are units (:mod:`optimizer.chillers`)::

    Q_t     = free_t + chilled_t
    power_t = distribution(T_t) * Q_t + compressor_t + running_kw / 1000 * n_t
              + free_power_t * free_t + tower_power_t * rejected_t                                          (MW)
    water   = - sum_t water_price_t * water_t

How far free cooling reaches, what the tower rejects and the water that it takes: :mod:`optimizer.heat_rejection`. With
``integrated: false`` a binary ``x`` says which of the two runs: ``free_t <= limit_t * x_t``, ``n_t <= N * (1 - x_t)``.

**Reserves down** (machines that would draw more on a call) are borne by what runs already, the spare kept free, and
the plant's power for their heat counts at the steepest slope of the part-load curve::

    Q_t + called heat <= free limit_t + n_t * C(T_t)
    Q_t + called heat <= free limit_t + (N - out_t - reserve_units) * C(T_t)

The water of a call is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.chillers import Chillers
from optimizer.commitment import Commitment
from optimizer.component import Carried, Direction, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.cooling_overhead import Overhead, overhead_at, overhead_findings
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.heat_collector import HeatCollector, is_called_within
from optimizer.heat_rejection import HeatRejection
from optimizer.settlement import declare_periods
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.marginals import Marginals


class ChillerPlant(HeatRejection, Chillers, HeatCollector):
    """A plant of chillers, free cooling and towers."""

    holds: ClassVar[dict[str, Holds]] = {
        "free_mw": Holds(
            Code.COOLING_LIMIT,
            "the outside air takes at most {limit} MW of heat",
            unit="MW of heat",
            field="free_cooling",
        ),
        "water": Holds(
            Code.ENERGY_LIMIT, "{limit} m3 of water are left for the period", unit="m3", field="tower.water_limit_m3"
        ),
        "called_running": Holds(
            Code.RESERVE_AWARD, "the chillers that run keep room for the reserves down", unit="MW of heat"
        ),
        "called_spare": Holds(Code.RESERVE_AWARD, "the chillers keep room for the reserves down", unit="MW of heat"),
    }

    gives_way: ClassVar[tuple[str, ...]] = (
        "heat_limit_mw",
        "chillers",
        "capacity_mw",
        "units_out",
        "reserve_units",
        "tower.water_limit_m3",
        "min_up_hours",
        "min_down_hours",
        "max_starts_per_day",
        "running_before",
    )

    kind: Literal["chiller_plant"] = "chiller_plant"
    distribution: Overhead | None = None
    """Power of pumps and air handlers per heat: a number, a series, by temperature, or several laws that add up."""

    expandable: ClassVar[dict[str, Expandable]] = HeatCollector.expandable | {
        "chillers": Expandable("chillers", "unit", is_investment=True),
    }
    carries: ClassVar[dict[str, str]] = {
        "water_m3": "water used so far, by the period of the limit"
    } | Commitment.commitment_carries

    @model_validator(mode="after")
    def _heat_is_removed(self) -> Self:
        if self.chillers == 0 and self.free_cooling is None:
            raise ValueError("chillers: a plant without chillers and without free_cooling removes no heat")
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from self.chiller_findings(f)
        yield from overhead_findings(self.distribution, f, "distribution")
        if self.heat_limit_table is not None:
            yield from self.heat_limit_table.findings(f, "heat_limit_table")
        yield from self.rejection_findings(f)
        if not f.guests:
            yield Finding("name", "nothing refers to this plant, so it removes no heat", self.name, fatal=False)

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        yield from self.carried_commitment_findings(f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        self.declare_heat(b, f)
        self.chiller_variables(b, f)
        b.distribution = f.series_param(overhead_at(self.distribution, f))
        b.called_overhead = f.series_param(self._steepest(f))
        b.free_limit_mw, b.free_power = f.series_param(self.free_limit(f)), f.series_param(self.free_power(f))
        if self.free_cooling is not None:
            limit = b.free_limit_mw
            b.free_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, limit[w, t]))
        if self.tower is not None:
            b.tower_power = f.series_param(self.tower_power(f))
            b.m3_per_mwh = f.series_param(self.tower.m3_per_mwh(f))
            b.water_price = f.series_param(self.tower.water_price_per_m3)
        if self._switches_over:
            b.free_runs = Var(f.members, f.steps, within=pyo.Binary)

    def constraints(self, b: Any, f: Frame) -> None:
        self.heat_rules(b, f)
        self.chiller_constraints(b, f)
        b.removed = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.heat_mw[w, t] == self._free_mw(b, w, t) + b.chilled_mw[w, t],
            doc="heat is removed by free cooling and by chillers",
        )
        if self._switches_over:
            b.free_only = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: b.free_mw[w, t] <= b.free_limit_mw[w, t] * b.free_runs[w, t],
                doc="no free cooling while chillers run (free_cooling.integrated)",
            )
            b.chillers_only = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: b.running[w, t] <= b.available[w, t] * (1 - b.free_runs[w, t]),
                doc="no chillers while free cooling runs (free_cooling.integrated)",
            )
        self._water_rule(b, f)
        if is_called_within(f.part, "down"):
            self._called_rules(b, f)

    def _water_rule(self, b: Any, f: Frame) -> None:
        limit = self.water_limit_m3
        if self.tower is None or limit is None:
            return
        declare_periods(b, f.horizon.period_codes(self.tower.water_period))
        left = np.stack([limit - used for _, used in self.used_before(f)], axis=1)
        b.water_left_m3 = Param(f.members, b.periods, values=left)
        b.water = Constraint(
            f.members,
            b.periods,
            rule=lambda b, w, p: sum(self._water_m3(b, f, w, t) for t in b.steps_of[p]) <= b.water_left_m3[w, p],
            doc="water of the period within the limit (tower.water_limit_m3)",
        )

    def _called_rules(self, b: Any, f: Frame) -> None:
        b.called_running = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.heat_mw[w, t] + self.called_heat(f, w, t, "down")
                <= self._free_at_hand(b, w, t) + b.unit_mw[w, t] * b.running[w, t]
            ),
            doc="chillers that run and free cooling have room for the heat of the reserves down",
        )
        b.called_spare = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.heat_mw[w, t] + self.called_heat(f, w, t, "down")
                <= self._free_at_hand(b, w, t) + b.chiller_limit_mw[w, t]
            ),
            doc="chillers can bear the failure of reserve_units under a call of the reserves down, too",
        )

    def _free_at_hand(self, b: Any, w: Any, t: Any) -> Any:
        """Free cooling that a call can use."""
        return b.free_limit_mw[w, t] * b.free_runs[w, t] if self._switches_over else b.free_limit_mw[w, t]

    def _free_mw(self, b: Any, w: Any, t: Any) -> Any:
        return b.free_mw[w, t] if self.free_cooling is not None else 0.0

    def _rejected_mw(self, b: Any, w: Any, t: Any) -> Any:
        """Heat given off by the tower."""
        free = self._free_mw(b, w, t) if self.free_through_tower else 0.0
        return b.chilled_mw[w, t] + self.compressor_mw(b, w, t) + free

    def _water_m3(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return f.step_h * b.m3_per_mwh[w, t] * self._rejected_mw(b, w, t)

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        chillers = self.compressor_mw(b, w, t) + self.auxiliary_mw(b, w, t)
        tower = b.tower_power[w, t] * self._rejected_mw(b, w, t) if self.tower is not None else 0.0
        free = b.free_power[w, t] * self._free_mw(b, w, t)
        return b.distribution[w, t] * b.heat_mw[w, t] + chillers + free + tower

    def reserve_power_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        return b.called_overhead[w, t] * self.called_heat(f, w, t, direction)

    def largest_power_mw(self, f: Frame) -> Floats:
        """All available chillers and free cooling at their limits."""
        collected, units = self.largest_collected_mw(f), self.available_units(f)
        free = np.minimum(self.free_limit(f), collected)
        compressors = units * self.full_load_mw(f)
        rejected = units * self.unit_mw(f) + compressors + free
        outside = self.free_power(f) * free + self.tower_power(f) * rejected
        return overhead_at(self.distribution, f) * collected + compressors + units * self.running_kw / 1e3 + outside

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines: dict[str, MoneyLine] = {}
        if self.tower is not None:
            lines["cooling_water"] = f.by_step(lambda b, w, t: -b.water_price[w, t] * self._water_m3(b, f, w, t))
        if self.start_cost > 0:
            lines["chiller_start_cost"] = self.start_cost_line(f)
        return lines

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {"heat_mw": f.by_time(lambda b, w, t: b.heat_mw[w, t], "MW", "heat removed")}
        if self.has_limit:
            found["heat_limit_mw"] = f.by_time(lambda b, w, t: b.heat_limit_mw[w, t], "MW", "most heat removed")
        if self.free_cooling is not None:
            found["free_mw"] = f.by_time(lambda b, w, t: b.free_mw[w, t], "MW", "heat removed by free cooling")
        if self.tower is not None:
            found["water_m3"] = f.by_time(lambda b, w, t: self._water_m3(b, f, w, t), "m3", "water of the tower")
        return found | self.chiller_results(b, f)

    # ------------------------------------------------------------------ after the model
    @property
    def asks_for_marginals(self) -> bool:
        return self.chillers > 0 or super().asks_for_marginals

    def marginal_figures(self, b: Any, f: Frame, marginals: Marginals) -> dict[str, float]:
        found = super().marginal_figures(b, f, marginals)
        if self.chillers:
            found["value_of_chillers_per_mw"] = self.value_of_chillers(b, f, marginals)
        return found

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (
            Chart("Cooling", ("free_mw", "chilled_mw"), "MW", "heat", limits=("heat_limit_mw",), stacked=True),
            Chart("Cooling", ("chillers_running",), "units", "chillers running"),
            Chart("Cooling", ("water_m3",), "m3", "water per step"),
        )

    def audit(self, a: AuditView) -> None:
        collected = self.audit_heat(a)
        self.audit_chillers(a)
        free, chilled, compressors = a.reported("free_mw"), a["chilled_mw"], a["compressor_mw"]
        a.at_least("free cooling is not negative", free, 0.0)
        a.at_most("free cooling within what the outside air takes", free, self.free_limit(a))
        a.equal("heat is removed by free cooling and by chillers", free + chilled, collected)
        if self._switches_over:
            both = np.minimum(free, a["chillers_running"])
            a.at_most("free cooling and chillers never run in the same step", both, 0.0)
        rejected = chilled + compressors + (free if self.free_through_tower else 0.0)
        power = overhead_at(self.distribution, a) * collected + compressors + self.free_power(a) * free
        power = power + self.running_kw / 1e3 * a["chillers_running"] + self.tower_power(a) * rejected
        a.equal("power is that of chillers, free cooling, tower and distribution", a["power_mw"], power)
        if self.tower is not None:
            water = self.tower.m3_per_mwh(a) * a.energy_mwh(rejected)
            a.equal("water follows from the heat rejected", a["water_m3"], water)
            a.money("cooling_water", -a.values(self.tower.water_price_per_m3) * water)
            if (limit := self.water_limit_m3) is not None:
                used = np.stack([before for _, before in self.used_before(a.frame)], axis=1)
                total = a.sum_by_period(water, self.tower.water_period) + used
                a.at_most("water of the period within the limit", total, limit)
        if self.start_cost > 0:
            a.money("chiller_start_cost", -self.start_cost * a["started"])
        if is_called_within(a.frame.part, "down"):
            called = collected + self.audited_called_heat(a, "down")
            at_hand = np.where((a["chillers_running"] > 0) & self._switches_over, 0.0, self.free_limit(a))
            running = at_hand + a["chillers_running"] * self.unit_mw(a)
            a.at_most("running chillers have room for the heat of the reserves down", called, running)
            a.at_most("a call leaves the reserve units free", called, at_hand + self.chiller_limit_mw(a))

    def audited_reserve_power_mw(self, a: AuditView, direction: Direction) -> Floats:
        return self._steepest(a) * self.audited_called_heat(a, direction)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        states = self.commitment_carry(a, a["chillers_running"])
        if self.tower is not None and self.water_limit_m3 is not None:
            label, used = self.used_before(a.frame)[-1]
            states["water_m3"] = {label: used + a.sum_by_period(a["water_m3"], self.tower.water_period)[:, -1]}
        return states

    def summary(self, a: AuditView) -> dict[str, float]:
        if self.tower is None:
            return {}
        return {"water_m3": float(a.probabilities @ a["water_m3"].sum(axis=1))}

    def end_rule(self, f: Frame) -> str | None:
        return self.commitment_end_rule() if self.has_commitment else None

    # ------------------------------------------------------------------ figures from the data
    @property
    def _switches_over(self) -> bool:
        return self.free_cooling is not None and not self.free_cooling.integrated and self.chillers > 0

    def _steepest(self, f: Frame | AuditView) -> Floats:
        """Most power of the plant per further heat, MW/MW, (members, steps)."""
        compressors, tower = self.steepest_overhead(f), self.tower_power(f)
        by_chillers = compressors + tower * (1.0 + compressors)
        free = self.free_power(f) + (tower if self.free_through_tower else 0.0)
        return overhead_at(self.distribution, f) + np.maximum(by_chillers, free)
