"""A hall: takes the heat of the machines in it, at a power overhead that depends on the weather.

The weather is known per member and step, so both rules are exactly linear::

    heat_t  = sum of the guests' heat                 (MW)
    power_t = a(T_t) * heat_t                         (MW, fans, pumps and chillers)
    heat_t <= limit_t,   the lower of heat_limit_mw and heat_limit_table at T_t

``a`` is a number, a series, a table over temperature, or the fit ``ppue``. That fit is of partial PUE over outside
temperature in °C, ``a(T) = 7.1705e-5 * T^2 + 0.0041 * T + 0.0743``, for a hall with free cooling; it holds from
-3.9 °C (0.06) to 35 °C (0.31).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import Discriminator, Tag, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Cooling, Finding, Floats, Result
from optimizer.frame import Frame
from optimizer.quantities import Series, SeriesOf
from optimizer.temperature import OutsideAir, Table, TemperatureTable
from optimizer.template import Constraint, Var

PPUE_FIT = (7.1705e-5, 0.0041, 0.0743)
"""Coefficients of T^2, T and 1 of the overhead fit, T in °C."""
PPUE_RANGE_C = (-3.9, 35.0)
"""Temperatures for which the fit holds."""
LIKELY_A_PUE = 1.0
"""An overhead from here on means that cooling draws more than the machines; probably a PUE was written."""


class OverheadByTemperature(OutsideAir):
    """Cooling power per heat, over the outside temperature: a table or the fit ``ppue``."""

    table: Table | None = None
    """Rows ``[temperature in °C, overhead]`` by rising temperature; straight lines between them."""
    fit: Literal["ppue"] | None = None
    """The documented fit of partial PUE, valid from -3.9 to 35 °C."""

    @model_validator(mode="after")
    def _table_or_fit(self) -> Self:
        if (self.table is None) == (self.fit is None):
            raise ValueError("give either table or fit")
        return self

    @property
    def range_c(self) -> tuple[float, float]:
        """Temperatures for which there are figures, °C."""
        return PPUE_RANGE_C if self.table is None else (self.table[0][0], self.table[-1][0])

    def at(self, f: Frame | AuditView) -> Floats:
        """Overhead of each step, (members, steps)."""
        if self.table is not None:
            return self.read(f, self.table)
        return np.asarray(np.polyval(PPUE_FIT, np.clip(self.temperature(f), *PPUE_RANGE_C)))


def _form_of_overhead(value: object) -> str:
    """A mapping with a temperature is a law; anything else (a mapping with ``series`` too) is a series."""
    law = isinstance(value, OverheadByTemperature) or (isinstance(value, Mapping) and "series" not in value)
    return "by_temperature" if law else "series"


Overhead = Annotated[
    Annotated[Series, SeriesOf("MW/MW", ge=0), Tag("series")] | Annotated[OverheadByTemperature, Tag("by_temperature")],
    Discriminator(_form_of_overhead),
]


class Hall(Cooling):
    """A hall (or container yard) with fans, pumps and perhaps chillers."""

    kind: Literal["hall"] = "hall"
    overhead: Overhead = Series.constant(0.0)
    """Cooling power per heat (partial PUE less 1): a number, a series, or by temperature."""
    heat_limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most heat that the hall removes; not limited by default."""
    heat_limit_table: TemperatureTable | None = None
    """Most heat that the hall removes by temperature, MW; with ``heat_limit_mw``, the lower of the two holds."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        if isinstance(self.overhead, OverheadByTemperature):
            yield from self.overhead.range_findings(f, "overhead.temperature_c", *self.overhead.range_c)
        if self.heat_limit_table is not None:
            yield from self.heat_limit_table.findings(f, "heat_limit_table")
        if (overhead := float(self._overhead(f).max())) >= LIKELY_A_PUE:
            yield Finding(
                "overhead",
                f"cooling draws up to {overhead:g} MW per MW of heat; the overhead is partial PUE less 1",
                hint=f"was {overhead - 1.0:.4g} meant?",
                fatal=False,
            )
        if not f.guests:
            yield Finding("name", "nothing refers to this hall, so it removes no heat", self.name, fatal=False)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.overhead = f.series_param(self._overhead(f))
        b.heat_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals)
        if self.has_limit:
            b.heat_limit_mw = f.series_param(self._limit_mw(f))

    def constraints(self, b: Any, f: Frame) -> None:
        b.collected = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.heat_mw[w, t] == sum(guest.heat_mw(w, t) for guest in f.guests),
            doc="the hall's heat is that of the machines in it",
        )
        if self.has_limit:
            b.limit = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: b.heat_mw[w, t] <= b.heat_limit_mw[w, t],
                doc="heat within the hall's limit (heat_limit_mw, heat_limit_table)",
            )

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.overhead[w, t] * b.heat_mw[w, t]

    def largest_power_mw(self, f: Frame) -> Floats:
        """Overhead on the limit or all guests at full power, if less (no machine gives more heat than it draws)."""
        guests = [guest.component.largest_power_mw(guest.frame) for guest in f.guests]
        return self._overhead(f) * np.minimum(self._limit_mw(f), np.add.reduce([f.zeros(), *guests]))

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
        heat = a["heat_mw"]
        collected = np.add.reduce([np.zeros(a.shape), *(guest.heat_mw() for guest in a.guests)])
        a.equal("overhead follows from the weather", a["overhead"], self._overhead(a))
        a.equal("the hall's heat is that of the machines in it", heat, collected)
        a.equal("cooling power is overhead times heat", a["power_mw"], self._overhead(a) * collected)
        if self.has_limit:
            a.equal("heat limit follows from the weather", a["heat_limit_mw"], self._limit_mw(a))
            a.at_most("heat within the hall's limit", collected, self._limit_mw(a))

    @property
    def has_limit(self) -> bool:
        """Whether the heat is limited."""
        return self.heat_limit_mw is not None or self.heat_limit_table is not None

    def _overhead(self, f: Frame | AuditView) -> Floats:
        return f.values(self.overhead) if isinstance(self.overhead, Series) else self.overhead.at(f)

    def _limit_mw(self, f: Frame | AuditView) -> Floats:
        """(members, steps); inf where the heat is not limited."""
        fixed = f.full(np.inf) if self.heat_limit_mw is None else f.values(self.heat_limit_mw)
        return fixed if self.heat_limit_table is None else np.minimum(fixed, self.heat_limit_table.at(f))
