"""A hall: takes the heat of the machines in it, at a power overhead that depends on the weather.

The weather is known per member and step, so the rules are exactly linear::

    heat_t  = sum of the guests' heat                 (MW)
    power_t = a(T_t) * heat_t                         (MW, fans, pumps and chillers)
    heat_t <= limit_t
    passed_t = heat_t * (1 + fan_heat_fraction * a(T_t))            to the hall's own plant, if it names one

A hall without a ``plant`` gives its heat to the outside air itself; ``a`` is then all of its cooling. A hall on a plant
(or on another hall that stands for a liquid loop) has its fans and pumps in ``a``, and what they draw becomes heat.
Overheads: :mod:`optimizer.cooling_overhead`. Heat, its limit and its value: :mod:`optimizer.heat_collector`. With
``type`` and no overhead of its own, a hall has the typical overhead of its way of cooling
(:mod:`optimizer.cooling_types`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Direction, Finding, Floats, Result
from optimizer.cooling_overhead import Overhead, overhead_at, overhead_findings
from optimizer.cooling_types import CoolingType, cooling_type
from optimizer.frame import Frame
from optimizer.heat_collector import HeatCollector, stands_on_itself
from optimizer.quantities import Fraction, Name


class Hall(HeatCollector):
    """A hall, container yard or liquid loop with fans, pumps and perhaps chillers."""

    gives_way: ClassVar[tuple[str, ...]] = ("heat_limit_mw", "heat_limit_table.table")

    kind: Literal["hall"] = "hall"
    overhead: Overhead | None = None
    """Cooling power per heat (partial PUE less 1): a number, a series, by temperature, or several laws that add up; by
    default that of ``type``, or none."""
    type: str | None = None
    """Way of cooling, from the bundled table (``air_free_cooling``, ``immersion``, …): the overhead where none is
    given."""
    plant: Name | None = None
    """Chiller plant, or hall that stands for a loop, to which the heat goes on; by default to the outside air."""
    fan_heat_fraction: Fraction = 1.0
    """Share of the hall's own power that becomes heat for its ``plant``."""

    called: ClassVar[str] = "hall"
    refers_to = {"plant": "cooling"}  # noqa: RUF012

    @model_validator(mode="after")
    def _type_is_known(self) -> Self:
        if self.type is not None:
            cooling_type(self.type)
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        if circle := stands_on_itself(f.part):
            yield Finding("plant", f"the heat goes round in a circle: {' -> '.join(circle)}", self.plant)
            return
        yield from overhead_findings(self.overhead, f, "overhead")
        if (typical := self._typical) is not None:
            message = f"the overhead is {typical.overhead:g}, typical of this way of cooling: {typical.source}"
            yield Finding("type", message, self.type, hint="give overhead for that of the hall", fatal=False)
        if self.heat_limit_table is not None:
            yield from self.heat_limit_table.findings(f, "heat_limit_table")
        if not f.guests:
            yield Finding("name", "nothing refers to this hall, so it removes no heat", self.name, fatal=False)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.overhead = f.series_param(self._overhead(f))
        self.declare_heat(b, f)

    def constraints(self, b: Any, f: Frame) -> None:
        self.heat_rules(b, f)

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.overhead[w, t] * b.heat_mw[w, t]

    def heat_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return (1.0 + self.fan_heat_fraction * b.overhead[w, t]) * b.heat_mw[w, t]

    def reserve_power_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        return b.overhead[w, t] * self.called_heat(f, w, t, direction)

    def reserve_heat_mw(self, b: Any, f: Frame, w: Any, t: Any, direction: Direction) -> Any:
        return (1.0 + self.fan_heat_fraction * b.overhead[w, t]) * self.called_heat(f, w, t, direction)

    def largest_power_mw(self, f: Frame) -> Floats:
        """Overhead on the most heat that can be collected."""
        return self._overhead(f) * self.largest_collected_mw(f)

    def largest_heat_mw(self, f: Frame) -> Floats:
        return self._passed_on(f) * self.largest_collected_mw(f)

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {
            "heat_mw": f.by_time(lambda b, w, t: b.heat_mw[w, t], "MW", "heat removed"),
            "overhead": f.by_time(lambda b, w, t: b.overhead[w, t], "1", "cooling power per heat"),
        }
        if self.has_limit:
            found["heat_limit_mw"] = f.by_time(lambda b, w, t: b.heat_limit_mw[w, t], "MW", "most heat removed")
        return found

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Cooling", ("heat_mw",), "MW", "heat against its limit", limits=("heat_limit_mw",)),)

    def audit(self, a: AuditView) -> None:
        collected = self.audit_heat(a)
        a.equal("overhead follows from the weather", a["overhead"], self._overhead(a))
        a.equal("cooling power is overhead times heat", a["power_mw"], self._overhead(a) * collected)

    def audited_heat_mw(self, a: AuditView) -> Floats:
        return self._passed_on(a) * a["heat_mw"]

    def audited_reserve_power_mw(self, a: AuditView, direction: Direction) -> Floats:
        return self._overhead(a) * self.audited_called_heat(a, direction)

    def audited_reserve_heat_mw(self, a: AuditView, direction: Direction) -> Floats:
        return self._passed_on(a) * self.audited_called_heat(a, direction)

    # ------------------------------------------------------------------ figures from the data
    @property
    def _typical(self) -> CoolingType | None:
        """The bundled figures, where they are used."""
        return cooling_type(self.type) if self.type is not None and self.overhead is None else None

    def _overhead(self, f: Frame | AuditView) -> Floats:
        if (typical := self._typical) is not None:
            return f.full(typical.overhead)
        return overhead_at(self.overhead, f)

    def _passed_on(self, f: Frame | AuditView) -> Floats:
        """Heat given to the plant per heat collected."""
        return np.asarray(1.0 + self.fan_heat_fraction * self._overhead(f))
