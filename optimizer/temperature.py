"""Quantities that depend on the outside air: tables over temperature, read at the temperature of each step and member.

Weather is an input, known per member, so that whatever follows from it is data and the model stays linear.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from optimizer.component import Finding, Floats, StrictModel
from optimizer.quantities import Finite, NonNegative, Series, SeriesOf

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.frame import Frame

HOTTEST_C = 90.0
COLDEST_C = -90.0


def _ascending(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    for (before, _), (after, _) in pairwise(points):
        if after <= before:
            raise ValueError(f"temperatures of a table must rise from row to row; found {after:g} after {before:g}")
    return points


Table = Annotated[list[tuple[Finite, NonNegative]], Field(min_length=1), AfterValidator(_ascending)]
"""Rows ``[temperature in °C, value]`` by rising temperature; straight lines between them."""


class OutsideAir(StrictModel):
    """A temperature series, and what holds where it leaves the range for which figures are given."""

    temperature_c: Annotated[Series, SeriesOf("°C", ge=COLDEST_C, le=HOTTEST_C)]
    """Temperature of the outside air (or whatever the table is written for), °C."""
    outside: Literal["error", "clamp"] = "error"
    """Beyond the table's temperatures: refuse the scenario, or use the nearest row."""

    def temperature(self, f: Frame | AuditView) -> Floats:
        """Temperature in °C, (members, steps)."""
        return f.values(self.temperature_c)

    def read(self, f: Frame | AuditView, table: list[tuple[float, float]]) -> Floats:
        """A table at the temperature of each step, (members, steps)."""
        temperatures, values = np.array(table).T
        return np.asarray(np.interp(self.temperature(f), temperatures, values))

    def range_findings(self, f: Frame, field: str, low: float, high: float) -> Iterator[Finding]:
        """One finding where the temperature leaves ``low..high``, naming the first such step."""
        temperature = self.temperature(f)
        beyond = (temperature < low) | (temperature > high)
        if self.outside == "clamp" or not beyond.any():
            return
        step = int(np.argmax(beyond.any(axis=0)))
        member = int(np.argmax(beyond[:, step]))
        value = float(temperature[member, step])
        where = f.horizon.describe(f.horizon.utc[step]) + (f" in member {member}" if len(temperature) > 1 else "")
        yield Finding(
            field,
            f"{value:g} °C at {where} is beyond the range of {low:g} to {high:g} °C for which there are figures "
            f"(temperatures of the horizon: {temperature.min():g} to {temperature.max():g} °C)",
            value,
            allowed=f"from {low:g} to {high:g} °C",
            hint="extend the table, or write outside: clamp to use the nearest figure",
        )


class TemperatureTable(OutsideAir):
    """A value that depends on the temperature: straight lines between the rows of a table."""

    table: Table
    """Rows ``[temperature in °C, value]`` by rising temperature."""

    def at(self, f: Frame | AuditView) -> Floats:
        """The value of each step, (members, steps)."""
        return self.read(f, self.table)

    def findings(self, f: Frame, field: str) -> Iterator[Finding]:
        """Temperatures that the table does not cover."""
        yield from self.range_findings(f, f"{field}.temperature_c", self.table[0][0], self.table[-1][0])
