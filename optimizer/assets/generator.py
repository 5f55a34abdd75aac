"""A generator behind the meter: gas, flare gas, diesel; one or several identical units.

``n_t`` of ``N`` units run and give ``p_t`` MW together; fuel is burnt along a convex curve (GJ/h over MW of one unit)::

    min_load * P * n_t <= p_t <= P * n_t * availability_t
    fuel_t >= slope_k * p_t + intercept_k * n_t      for each segment k of the curve   (GJ/h; equality on a single one)
    fuel_t * step_h <= fuel_available_t                                                 (flare gas: what the well gives)
    energy   = - sum_t (fuel_price_t * fuel_t + (operation - credit_t) * p_t) * step_h
    emitted  =   sum_t co2_kg_per_gj * fuel_t * step_h

The curve goes through the points given (:mod:`optimizer.fuel_curve`); its least fuel at a load is on the lower hull
because running units share the load. Starts, minimum times and start cost are those of :mod:`optimizer.commitment`; a
start also burns ``start_fuel_gj``. Hours that the units may run in a year: :mod:`optimizer.run_permit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.commitment import Commitment
from optimizer.component import Asset, Carried, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.fuel_curve import FuelPoint, curve_problem, fuel_lines
from optimizer.generator_reserves import GeneratorReserves
from optimizer.quantities import Count, Fraction, Hours, Megawatts, NonNegative, Series, SeriesOf
from optimizer.run_permit import (
    PERMIT_CARRIES,
    PERMIT_HOLDS,
    audit_permit,
    permit_carry,
    permit_constraint,
    permit_findings,
)
from optimizer.template import Constraint, Param, Var


class Generator(GeneratorReserves, Commitment, Asset):
    """Identical generating units behind the meter."""

    deeds: ClassVar[tuple[str, str, str]] = ("draws", "rests", "generates")
    holds: ClassVar[dict[str, Holds]] = {
        "burning": Holds(Code.RULE, "fuel follows from the power generated", role="link"),
        "generated_mw": Holds(Code.ALL_IN_USE, "it gives at most {limit} MW", unit="MW", field="unit_mw"),
        "most_load": Holds(Code.ALL_IN_USE, "the units that run give all they can", unit="MW", field="unit_mw"),
        "least_load": Holds(
            Code.MINIMUM_LOAD, "the units that run give at least their minimum load", unit="MW", field="min_load"
        ),
        "fuel_gj_h": Holds(
            Code.ENERGY_LIMIT, "there are {limit} GJ of fuel an hour", unit="GJ/h", field="fuel_available_gj_per_hour"
        ),
        **PERMIT_HOLDS,
    }

    gives_way: ClassVar[tuple[str, ...]] = (
        "units",
        "unit_mw",
        "availability",
        "fuel_available_gj_per_hour",
        "min_load",
        "min_up_hours",
        "min_down_hours",
        "max_starts_per_day",
        "max_run_hours",
        "running_before",
    )

    kind: Literal["generator"] = "generator"
    units: Count = 1
    """Units installed."""
    unit_mw: Annotated[Megawatts, Field(gt=0)]
    """Full power of one unit, MW."""
    min_load: Fraction = 0.0
    """Least power of a running unit, as a share of ``unit_mw``."""
    heat_rate_gj_per_mwh: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Fuel per MWh at any load (1 GJ/MWh is an efficiency of 360 %, 9 GJ/MWh one of 40 %); or give ``fuel_curve``."""
    fuel_curve: Annotated[tuple[FuelPoint, ...], Field(min_length=2)] | None = None
    """Points ``[share of full load, GJ per MWh]``, from low to full load (1.0)."""
    fuel_price_per_gj: Annotated[Series, SeriesOf("currency/GJ", ge=0)]
    """Price of fuel; 0 for gas that would be flared."""
    credit_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] = Series.constant(0.0)
    """Paid per MWh generated, as for gas that is not flared."""
    operation_per_mwh: NonNegative = 0.0
    """Cost of operation and maintenance per MWh generated."""
    fuel_available_gj_per_hour: Annotated[Series, SeriesOf("GJ/h", ge=0)] | None = None
    """Most fuel, all units together; unlimited by default."""
    co2_kg_per_gj: NonNegative = 56.1
    """Emissions of the fuel: 56.1 natural gas, 74.1 diesel (IPCC 2006, table 2.2)."""
    start_fuel_gj: NonNegative = 0.0
    """Fuel of one start of one unit."""
    availability: Annotated[Series, SeriesOf("1", ge=0, le=1)] = Series.constant(1.0)
    """Share of the power that can be given (heat, maintenance)."""
    max_run_hours: Hours | None = None
    """Permit: most hours that one unit runs in a calendar year; on average over the units."""
    integer: bool = True
    """Whole units run; with ``false`` the number may be fractional, and a minimum load then binds little."""

    expandable: ClassVar[dict[str, Expandable]] = {
        "unit_mw": Expandable("size of the generator's units", "MW", step=0.1, is_investment=True),
        "units": Expandable("generator units", "unit", is_investment=True),
    }
    emits: ClassVar[bool] = True
    carries: ClassVar[dict[str, str]] = PERMIT_CARRIES | Commitment.commitment_carries

    @model_validator(mode="after")
    def _fuel_is_described(self) -> Self:
        if (self.heat_rate_gj_per_mwh is None) == (self.fuel_curve is None):
            raise ValueError("give either heat_rate_gj_per_mwh or fuel_curve")
        if self.fuel_curve is not None:
            problem = curve_problem(self.fuel_curve, self.unit_mw, self.min_load)
            if problem is not None:
                raise ValueError(problem)
        return self

    @property
    def committed_units(self) -> int:
        return self.units

    @property
    def has_commitment(self) -> bool:
        intercepts = self.fuel_lines()[1]
        tied = self.min_load > 0 or self.start_fuel_gj > 0 or self.max_run_hours is not None
        return super().has_commitment or tied or bool((intercepts > 1e-12).any())

    def fuel_lines(self) -> tuple[Floats, Floats]:
        """Segments of the fuel curve of one unit: slopes, GJ/MWh, and intercepts, GJ/h."""
        if self.fuel_curve is None:
            return np.array([self.heat_rate_gj_per_mwh], dtype=float), np.zeros(1)
        return fuel_lines(self.fuel_curve, self.unit_mw)

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from self.commitment_findings(f)
        available = f.values(self.availability)
        if ((available < self.min_load) & (available > 0)).any():
            yield Finding("availability", "below min_load in some steps: the units stand still in them", fatal=False)
        yield from permit_findings(f, self)

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        yield from self.carried_commitment_findings(f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        power = self.unit_mw * self.units
        b.available = f.series_param(self.availability)
        b.fuel_price = f.series_param(self.fuel_price_per_gj)
        b.net_operation = f.series_param(self.operation_per_mwh - f.values(self.credit_per_mwh))
        b.generated_mw = Var(
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, t: (0, power * b.available[w, t]),
            scheduled="now",
        )
        slopes, intercepts = self.fuel_lines()
        b.segments = pyo.RangeSet(0, len(slopes) - 1)
        b.slope, b.intercept = Param(b.segments, values=slopes), Param(b.segments, values=intercepts)
        limit = f.full(np.inf) if self.fuel_available_gj_per_hour is None else f.values(self.fuel_available_gj_per_hour)
        b.fuel_limit = f.series_param(limit)
        b.fuel_gj_h = Var(
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, t: (0, b.fuel_limit[w, t]),
            least=len(slopes) > 1,  # free fuel could be burnt beyond the curve
        )
        if self.has_commitment:
            whole = pyo.NonNegativeIntegers if self.integer else pyo.NonNegativeReals
            b.running = Var(f.members, f.steps, within=whole, bounds=lambda b, w, t: (0, self.units), scheduled="now")
            self.commitment_variables(b, f)

    def constraints(self, b: Any, f: Frame) -> None:
        single = len(b.segments) == 1
        if single:
            b.burning = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: b.fuel_gj_h[w, t] == self._fuel(b, w, 0, t),
                doc="fuel follows from the power generated",
            )
        else:
            b.burning = Constraint(
                b.segments,
                f.members,
                f.steps,
                rule=lambda b, k, w, t: b.fuel_gj_h[w, t] >= self._fuel(b, w, k, t),
                doc="fuel follows from the power generated",
            )
        if not self.has_commitment:
            return
        b.most_load = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.generated_mw[w, t] <= self.unit_mw * b.available[w, t] * b.running[w, t],
            doc="power within that of the running units",
        )
        b.least_load = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.generated_mw[w, t] >= self.unit_mw * self.min_load * b.running[w, t],
            doc="running units give at least min_load",
        )
        self.commitment_constraints(b, f, lambda b, w, t: b.running[w, t])
        if self.max_run_hours is not None:
            permit_constraint(b, f, self.max_run_hours * self.units, lambda b, w, t: b.running[w, t])

    def _fuel(self, b: Any, w: Any, k: Any, t: Any) -> Any:
        running = b.running[w, t] if self.has_commitment else self.units
        return b.slope[k] * b.generated_mw[w, t] + b.intercept[k] * running

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return -b.generated_mw[w, t]

    def emitted_kg(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self.co2_kg_per_gj * (b.fuel_gj_h[w, t] * f.step_h + self._start_fuel(b, w, t))

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines = {
            "generator_fuel": f.by_step(
                lambda b, w, t: -b.fuel_price[w, t] * (b.fuel_gj_h[w, t] * f.step_h + self._start_fuel(b, w, t))
            ),
            "generator_operation": f.by_step(lambda b, w, t: -b.net_operation[w, t] * b.generated_mw[w, t] * f.step_h),
        }
        if self.start_cost > 0:
            lines["generator_start_cost"] = self.start_cost_line(f)
        return lines

    def _start_fuel(self, b: Any, w: Any, t: Any) -> Any:
        return self.start_fuel_gj * b.started[b.decision_of[w], t] if self.start_fuel_gj > 0 else 0.0

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {
            "generated_mw": f.by_time(lambda b, w, t: b.generated_mw[w, t], "MW", "power generated on site"),
            "fuel_gj_h": f.by_time(lambda b, w, t: b.fuel_gj_h[w, t], "GJ/h", "fuel burnt, without that of starts"),
        }
        found["emitted_kg"] = f.by_time(lambda b, w, t: self.emitted_kg(b, f, w, t), "kg", "CO2 of the fuel burnt")
        if not self.has_commitment:
            return found
        found["units_running"] = f.by_time(lambda b, w, t: b.running[w, t], "1", "units running")
        return found | self.commitment_results(f)

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("On-site energy", ("generated_mw",), "MW", "power generated"),)

    def audit(self, a: AuditView) -> None:
        power, fuel = a["generated_mw"], a["fuel_gj_h"]
        a.equal("power is fed in", a["power_mw"], -power)
        a.at_least("power generated is not negative", power, 0.0)
        running = a["units_running"] if self.has_commitment else a.full(self.units)
        a.at_most("power within that of the running units", power, self.unit_mw * a.values(self.availability) * running)
        slopes, intercepts = self.fuel_lines()
        of_segments = [k * power + c * running for k, c in zip(slopes, intercepts, strict=True)]
        burnt = np.maximum.reduce(of_segments)
        if len(slopes) == 1 or bool((a.values(self.fuel_price_per_gj) > 0).all()):
            a.equal("fuel follows from the power generated", fuel, burnt)
        else:
            a.at_least("fuel follows from the power generated", fuel, burnt)
        if self.fuel_available_gj_per_hour is not None:
            a.at_most("fuel within what is available", fuel, a.values(self.fuel_available_gj_per_hour))
        burnt_gj = a.energy_mwh(fuel)
        if self.has_commitment:
            a.at_least("running units give at least min_load", power, self.unit_mw * self.min_load * running)
            self.audit_commitment(a, running)
            burnt_gj = burnt_gj + self.start_fuel_gj * a["started"]
            if self.max_run_hours is not None:
                audit_permit(a, self.max_run_hours * self.units, running)
        a.equal("emissions are those of the fuel burnt", a["emitted_kg"], self.co2_kg_per_gj * burnt_gj)
        a.money("generator_fuel", -a.values(self.fuel_price_per_gj) * burnt_gj)
        net = self.operation_per_mwh - a.values(self.credit_per_mwh)
        a.money("generator_operation", -net * a.energy_mwh(power))
        if self.start_cost > 0:
            a.money("generator_start_cost", -self.start_cost * a["started"])

    def carry(self, a: AuditView) -> dict[str, Carried]:
        if not self.has_commitment:
            return {}
        states = self.commitment_carry(a, a["units_running"])
        if self.max_run_hours is not None:
            states["run_hours"] = permit_carry(a, a["units_running"])
        return states

    def end_rule(self, f: Frame) -> str | None:
        return self.commitment_end_rule() if self.has_commitment else None
