"""Quantities that depend on the outside air: tables and fits, read at the temperature of each step and member.

Weather is an input, known per member, so that whatever follows from it is data and the model stays linear. A law is
written over the dry bulb or over the wet bulb, whichever series it is given as ``temperature_c``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

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


class TemperatureFit(StrictModel):
    """A polynomial over temperature, and where it holds: ``sum_k coefficients[k] * T^k``."""

    coefficients: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=4)]
    """Coefficients of 1, T, T^2 and T^3, T in °C."""
    from_c: Finite
    """Lowest temperature for which the fit holds, °C."""
    to_c: Finite
    """Highest temperature for which the fit holds, °C."""

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.from_c >= self.to_c:
            raise ValueError(f"from_c {self.from_c:g} must be below to_c {self.to_c:g}")
        return self

    def at(self, temperature_c: Floats) -> Floats:
        """The value at temperatures, those beyond the range at its ends."""
        within = np.clip(temperature_c, self.from_c, self.to_c)
        return np.asarray(np.polynomial.polynomial.polyval(within, self.coefficients))


class Law(OutsideAir):
    """A table or a fit over temperature; which fits there are is said by the subclass."""

    table: Table | None = None
    """Rows ``[temperature in °C, value]`` by rising temperature; straight lines between them."""

    @property
    @abstractmethod
    def curve(self) -> TemperatureFit | None:
        """The fit, where there is one."""

    @model_validator(mode="after")
    def _table_or_fit(self) -> Self:
        if (self.table is None) == (self.curve is None):
            raise ValueError("give either table or fit")
        return self

    def at(self, f: Frame | AuditView) -> Floats:
        """The value of each step, (members, steps)."""
        if self.table is not None:
            return self.read(f, self.table)
        assert self.curve is not None
        return self.curve.at(self.temperature(f))

    def findings(self, f: Frame, field: str) -> Iterator[Finding]:
        """Temperatures beyond the table or fit, and values of a fit that are negative."""
        if self.table is not None:
            low, high = self.table[0][0], self.table[-1][0]
        else:
            assert self.curve is not None
            low, high = self.curve.from_c, self.curve.to_c
        yield from self.range_findings(f, f"{field}.temperature_c", low, high)
        if (lowest := float(self.at(f).min())) < 0.0:
            yield Finding(f"{field}.fit", f"falls to {lowest:g} within the horizon", allowed="values of at least 0")


class ByTemperature(Law):
    """A value that depends on the temperature: a table or a fit."""

    fit: TemperatureFit | None = None
    """A polynomial over temperature and its range."""

    @property
    def curve(self) -> TemperatureFit | None:
        return self.fit


def form_of_law(value: object) -> str:
    """A mapping with a temperature is a law; anything else (a mapping with ``series`` too) is a series."""
    law = isinstance(value, OutsideAir) or (isinstance(value, Mapping) and "series" not in value)
    return "by_temperature" if law else "series"


def values_of(law: Series | ByTemperature, f: Frame | AuditView) -> Floats:
    """A quantity given as a series or by temperature, (members, steps)."""
    return f.values(law) if isinstance(law, Series) else law.at(f)
