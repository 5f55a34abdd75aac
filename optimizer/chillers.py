"""Chillers: identical units that run or rest, with a part-load curve, weather-dependent capacity and a spare.

``N`` units of which ``out_t`` are in maintenance; ``n_t`` of them run. A unit's capacity ``C(T)`` and its ``cop(T)`` at
full load are series or laws over the dry or wet bulb (:mod:`optimizer.temperature`). The part-load curve gives the
share ``y`` of the full-load power ``C(T) / cop(T)`` that a unit draws at the share ``x`` of its capacity; its points
are ``j``, and ``k[j,t]`` of the running units work at point ``j``::

    n_t <= N - out_t,     sum_j k[j,t] = n_t
    chilled_t    = C(T_t) * sum_j x_j * k[j,t]                                   (MW of heat)
    compressor_t = C(T_t) / cop(T_t) * sum_j y_j * k[j,t]                        (MW of power)
    auxiliary_t  = running_kw / 1000 * n_t                                       (pumps of a running unit)
    chilled_t <= (N - out_t - reserve_units) * C(T_t)                            (N+1: one spare unit)

With no curve of its own a unit draws in proportion to its load, so that ``P = c0 * n + c1(T) * Q`` with ``c0 =
running_kw`` and ``c1 = 1 / cop``. Only points on the lower hull of the curve are modelled: units that share the load
beat any point above. Below its first point a curve stays at that point's power (hot-gas bypass).

**The spare.** With ``reserve_units: 1`` the plan never asks the chillers for more than what is left when one of the
available units fails, running or not: the units that rest are taken to start in time (by a store, or the heat that the
building holds). It limits the heat, not the number that runs.

Units are whole unless ``integer: false``: with fractional units the draw of running a unit is spread thin, and part
load costs nothing. Starts, minimum times and start cost are those of :mod:`optimizer.commitment`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import Discriminator, Field, Tag, model_validator

from optimizer.audit import AuditView
from optimizer.commitment import Commitment
from optimizer.component import Finding, Floats, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.hull import upper_hull
from optimizer.quantities import Kilowatts, Series, SeriesOf
from optimizer.temperature import ByTemperature, form_of_law, values_of
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.marginals import Marginals

PLAUSIBLE_UNIT_MW = 40.0
"""The largest chillers built remove about so much; a larger figure is surely in kilowatts."""
PLAUSIBLE_COP = (1.5, 25.0)
"""COP of real chillers, from air-cooled ones on a hot day to water-cooled ones at a cold condenser."""
KW_PER_TON = 3.517
"""kW of heat per ton of refrigeration: a COP of 3.517 is 1 kW per ton."""

Capacity = Annotated[
    Annotated[Series, SeriesOf("MW", ge=0), Tag("series")] | Annotated[ByTemperature, Tag("by_temperature")],
    Discriminator(form_of_law),
]
Cop = Annotated[
    Annotated[Series, SeriesOf("MW/MW", gt=0), Tag("series")] | Annotated[ByTemperature, Tag("by_temperature")],
    Discriminator(form_of_law),
]
LoadPoint = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, allow_inf_nan=False)]]


class Chillers(Commitment):
    """Fields and rules of identical chillers."""

    holds: ClassVar[dict[str, Holds]] = {
        "spare": Holds(
            Code.COOLING_LIMIT,
            "the chillers can bear the failure of the units in reserve",
            unit="MW of heat",
            field="reserve_units",
        ),
        "sharing": Holds(
            Code.COOLING_LIMIT, "the chillers that run are at their full load", unit="chiller", field="chillers"
        ),
    }

    chillers: Annotated[int, Field(strict=True, ge=0, json_schema_extra={"unit": "count"})] = 0
    """Chillers installed; 0 for a plant that cools freely only."""
    capacity_mw: Capacity | None = None
    """Most heat that one chiller removes, MW: a number, a series, or by temperature (wet bulb where a tower rejects the
    heat, dry bulb for air-cooled chillers)."""
    cop: Cop | None = None
    """Heat removed per electric power of the compressor at full load (3.517 divided by kW per ton): a number, a series,
    or by temperature."""
    part_load: Annotated[tuple[LoadPoint, ...], Field(min_length=2)] | None = None
    """Points ``[share of capacity, share of full-load power]`` of one chiller, up to ``[1, 1]``; in proportion by
    default."""
    running_kw: Kilowatts = 0.0
    """Draw of a running chiller beside its compressor (its pumps), kW."""
    units_out: Annotated[Series, SeriesOf("1", ge=0)] = Series.constant(0.0)
    """Chillers in maintenance."""
    reserve_units: Annotated[int, Field(strict=True, ge=0, json_schema_extra={"unit": "count"})] = 0
    """Available chillers whose failure the rest must be able to bear (1: N+1)."""
    integer: bool = True
    """Whole chillers run; with ``false`` the number may be fractional, and part load then costs too little."""

    @model_validator(mode="after")
    def _chillers_are_described(self) -> Self:
        if self.chillers and (self.capacity_mw is None or self.cop is None):
            missing = "capacity_mw" if self.capacity_mw is None else "cop"
            raise ValueError(f"chillers: {self.chillers} chillers need capacity_mw and cop; {missing} is missing")
        if self.chillers and self.reserve_units >= self.chillers:
            raise ValueError(f"reserve_units: all {self.chillers} chillers would be spare; must be below chillers")
        if self.part_load is not None:
            loads, powers = zip(*self.part_load, strict=True)
            if sorted(set(loads)) != list(loads):
                raise ValueError("part_load: the shares of capacity must rise")
            if sorted(powers) != list(powers):
                raise ValueError("part_load: the power must not fall while the load rises")
            if self.part_load[-1] != (1.0, 1.0):
                raise ValueError(f"part_load: the last point is {list(self.part_load[-1])}; it must be [1, 1]")
        return self

    @property
    def committed_units(self) -> int:
        return self.chillers

    @property
    def _curve(self) -> list[tuple[float, float]]:
        """Points of the curve from no load on, those above the hull included."""
        if self.part_load is None:
            return [(0.0, 0.0), (1.0, 1.0)]
        first, power = self.part_load[0]
        return [(0.0, power), *self.part_load] if first > 0 else list(self.part_load)

    @property
    def load_points(self) -> list[tuple[float, float]]:
        """Points that a plan can use: the lower hull of the curve."""
        return [self._curve[i] for i in upper_hull([(x, -y) for x, y in self._curve], rising=False)]

    def _hull_at(self, share: Any) -> Any:
        """Share of the full-load power at a share of the capacity, on the lower hull."""
        loads, powers = zip(*self.load_points, strict=True)
        return np.interp(share, loads, powers)

    # ------------------------------------------------------------------ before the model
    def chiller_findings(self, f: Frame) -> Iterator[Finding]:
        """Cross-checks of the chillers' fields with each other, the weather and the horizon."""
        for field, law in (("capacity_mw", self.capacity_mw), ("cop", self.cop)):
            if isinstance(law, ByTemperature):
                yield from law.findings(f, field)
        if not self.chillers:
            return
        yield from self.commitment_findings(f)
        if float(self.unit_mw(f).max()) > PLAUSIBLE_UNIT_MW:
            most = float(self.unit_mw(f).max())
            meant = f"was {most / 1e3:g} meant (kilowatts given)?"
            yield Finding("capacity_mw", f"one chiller removes up to {most:g} MW", hint=meant, fatal=False)
        assert self.cop is not None
        lowest, highest = float(values_of(self.cop, f).min()), float(values_of(self.cop, f).max())
        if lowest <= 0.0:
            yield Finding("cop", f"falls to {lowest:g} within the horizon", allowed="above 0")
        elif lowest < PLAUSIBLE_COP[0] or highest > PLAUSIBLE_COP[1]:
            odd = lowest if lowest < PLAUSIBLE_COP[0] else highest
            hint = f"was {KW_PER_TON / odd:.3g} meant (kW per ton given)?" if odd == lowest else None
            yield Finding("cop", f"{odd:g} MW of heat per MW of power is unlike any chiller", hint=hint, fatal=False)
        yield from self._outage_findings(f)
        above = [list(point) for point in self._curve if point[1] > self._hull_at(point[0]) + 1e-9]
        if above:
            message = f"{above} lie above the lower hull of the curve and are never used: units share the load"
            yield Finding("part_load", message, fatal=False)

    def _outage_findings(self, f: Frame) -> Iterator[Finding]:
        out = f.values(self.units_out)
        for wrong, message, fatal in (
            (out > self.chillers, f"more chillers are out than the {self.chillers} installed", True),
            (out != np.round(out), "part of a chiller is out; units are whole", self.integer),
            (
                (out + self.reserve_units >= self.chillers) & (out <= self.chillers),
                "no chiller is left beside those out and the reserve: the chillers remove no heat",
                False,
            ),
        ):
            if wrong.any():
                step = int(np.argmax(wrong.any(axis=0)))
                where = f.horizon.describe(f.horizon.utc[step])
                yield Finding("units_out", f"{message} (first at {where})", float(out[:, step].max()), fatal=fatal)

    # ------------------------------------------------------------------ the model
    def chiller_variables(self, b: Any, f: Frame) -> None:
        """Units that run, the points at which they work, and the heat that they remove."""
        whole = pyo.NonNegativeIntegers if self.integer else pyo.NonNegativeReals
        loads, powers = zip(*self.load_points, strict=True)
        b.points = pyo.RangeSet(0, len(loads) - 1)
        b.load_share, b.power_share = Param(b.points, values=np.array(loads)), Param(b.points, values=np.array(powers))
        b.unit_mw, b.full_load_mw = f.series_param(self.unit_mw(f)), f.series_param(self.full_load_mw(f))
        b.available = f.series_param(self.available_units(f))
        b.chiller_limit_mw = f.series_param(self.chiller_limit_mw(f))
        b.chilled_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals)
        b.running = Var(
            f.members, f.steps, within=whole, bounds=lambda b, w, t: (0, b.available[w, t]), scheduled="now"
        )
        b.at_point = Var(b.points, f.members, f.steps, within=pyo.NonNegativeReals)
        if self.has_commitment:
            self.commitment_variables(b, f)

    def chiller_constraints(self, b: Any, f: Frame) -> None:
        """The load is shared by the units that run, and one can fail."""
        b.sharing = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: sum(b.at_point[j, w, t] for j in b.points) == b.running[w, t],
            doc="running chillers share the load",
        )
        b.loading = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.chilled_mw[w, t] == b.unit_mw[w, t] * sum(b.load_share[j] * b.at_point[j, w, t] for j in b.points)
            ),
            doc="heat that the chillers remove follows from their load",
        )
        b.spare = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.chilled_mw[w, t] <= b.chiller_limit_mw[w, t],
            doc="chillers can bear the failure of reserve_units (chillers, units_out, reserve_units)",
        )
        if self.has_commitment:
            self.commitment_constraints(b, f, lambda b, w, t: b.running[w, t])

    def compressor_mw(self, b: Any, w: Any, t: Any) -> Any:
        """Power of the compressors, MW, as a model expression."""
        return b.full_load_mw[w, t] * sum(b.power_share[j] * b.at_point[j, w, t] for j in b.points)

    def auxiliary_mw(self, b: Any, w: Any, t: Any) -> Any:
        """Power of the running units' pumps, MW, as a model expression."""
        return self.running_kw / 1e3 * b.running[w, t]

    def chiller_results(self, b: Any, f: Frame) -> dict[str, Result]:
        """Heat, power and number of the chillers."""
        found = {
            "chilled_mw": f.by_time(lambda b, w, t: b.chilled_mw[w, t], "MW", "heat removed by chillers"),
            "chiller_limit_mw": f.by_time(
                lambda b, w, t: b.chiller_limit_mw[w, t], "MW", "most heat that the chillers may remove"
            ),
            "compressor_mw": f.by_time(lambda b, w, t: self.compressor_mw(b, w, t), "MW", "power of the compressors"),
            "chillers_running": f.by_time(lambda b, w, t: b.running[w, t], "1", "chillers running"),
        }
        return found | self.commitment_results(f) if self.has_commitment else found

    # ------------------------------------------------------------------ after the model
    def audit_chillers(self, a: AuditView) -> None:
        """Units, load and power of the compressors, from the plan alone."""
        running, chilled, power = a["chillers_running"], a["chilled_mw"], a["compressor_mw"]
        a.at_least("chillers running are not negative", running, 0.0)
        a.at_most("chillers running are available", running, self.available_units(a))
        if self.integer:
            a.whole("chillers are whole", running)
        a.at_least("heat removed by chillers is not negative", chilled, 0.0)
        most = running * self.unit_mw(a)
        a.at_most("heat within the capacity of the chillers that run", chilled, most)
        a.equal("chillers' limit follows from units and weather", a["chiller_limit_mw"], self.chiller_limit_mw(a))
        a.at_most("chillers can bear the failure of reserve_units", chilled, self.chiller_limit_mw(a))
        share = np.divide(chilled, most, out=np.zeros_like(chilled), where=most > 0)
        full, idle = running * self.full_load_mw(a), self.load_points[0][1]
        a.at_least("compressors draw at least their curve", power, full * self._hull_at(share))
        a.at_most("compressors draw no more than units at no and full load", power, full * (idle + (1 - idle) * share))
        if self.has_commitment:
            self.audit_commitment(a, running)

    def value_of_chillers(self, b: Any, f: Frame, marginals: Marginals) -> float:
        """What one more MW of chillers would earn over the horizon, expected over the members.

        Another MW of what may be asked of them (the rules of the spare) and, where every unit runs, another MW of units
        at work: the reduced cost of their number, per MW of a unit.
        """
        allowed = sum(marginals.of_rule(rule) for rule in (b.spare, b.component("called_spare")) if rule is not None)
        one_more = marginals.of_variable(b.running)
        if self.has_commitment:
            decided = marginals.of_variable(b.on)[:, 1:]
            one_more = one_more + decided / (len(one_more) / len(decided))
        unit, all_run = self.unit_mw(f), np.isclose(marginals.value_of(b.running), self.available_units(f))
        at_work = np.divide(one_more, unit, out=np.zeros(f.shape), where=(unit > 0) & all_run)
        if self.reserve_units > 0:  # what may be asked grows without another unit at work
            at_work = np.maximum(at_work, 0.0)
        return float(np.maximum(allowed + at_work, 0.0).sum())

    # ------------------------------------------------------------------ figures from the data
    def unit_mw(self, f: Frame | AuditView) -> Floats:
        """Capacity of one chiller, MW, (members, steps)."""
        return f.full(0.0) if self.capacity_mw is None else values_of(self.capacity_mw, f)

    def full_load_mw(self, f: Frame | AuditView) -> Floats:
        """Power of one chiller's compressor at full load, MW, (members, steps)."""
        if self.cop is None:
            return f.full(0.0)
        cop = values_of(self.cop, f)
        return np.divide(self.unit_mw(f), cop, out=np.zeros(f.shape), where=cop > 0)

    def available_units(self, f: Frame | AuditView) -> Floats:
        """Chillers that can run, (members, steps)."""
        return np.asarray(self.chillers - f.values(self.units_out))

    def chiller_limit_mw(self, f: Frame | AuditView) -> Floats:
        """Most heat that may be asked of the chillers, the reserve kept free, MW, (members, steps)."""
        return np.maximum(self.available_units(f) - self.reserve_units, 0.0) * self.unit_mw(f)

    def steepest_overhead(self, f: Frame | AuditView) -> Floats:
        """Most compressor power per further heat of the units that run, MW/MW, (members, steps)."""
        (x0, y0), (x1, y1) = self.load_points[-2:]
        full, unit = self.full_load_mw(f), self.unit_mw(f)
        return np.divide(full * ((y1 - y0) / (x1 - x0)), unit, out=np.zeros(f.shape), where=unit > 0)
