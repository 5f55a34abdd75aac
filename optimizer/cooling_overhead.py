"""Cooling power per heat: a number, a series, or laws over the temperature of the outside air.

A law is a table, a fit of one's own, or the bundled fit ``ppue`` of partial PUE over outside temperature in °C::

    a(T) = 7.1705e-5 * T^2 + 0.0041 * T + 0.0743            from -3.9 °C (0.06) to 35 °C (0.31)

for a hall with free cooling. Several laws add up: fans over the dry bulb, say, and a tower over the wet bulb.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from optimizer.audit import AuditView
from optimizer.component import Finding, Floats
from optimizer.frame import Frame
from optimizer.quantities import Series, SeriesOf
from optimizer.temperature import Law, OutsideAir, TemperatureFit, form_of_law

PPUE = TemperatureFit(coefficients=(0.0743, 0.0041, 7.1705e-5), from_c=-3.9, to_c=35.0)
"""The bundled fit of partial PUE less 1."""
LIKELY_A_PUE = 1.0
"""An overhead from here on means that cooling draws more than the machines; probably a PUE was written."""


class OverheadByTemperature(Law):
    """Cooling power per heat, over the outside temperature (dry or wet bulb): a table or a fit."""

    fit: Literal["ppue"] | TemperatureFit | None = None
    """The documented fit of partial PUE (``ppue``, valid from -3.9 to 35 °C), or a polynomial and its range."""

    @property
    def curve(self) -> TemperatureFit | None:
        return PPUE if self.fit == "ppue" else self.fit


def _form(value: object) -> str:
    several = isinstance(value, list | tuple) and any(isinstance(law, Mapping | OutsideAir) for law in value)
    return "laws" if several else form_of_law(value)


Laws = Annotated[tuple[OverheadByTemperature, ...], Field(min_length=1)]
Overhead = Annotated[
    Annotated[Series, SeriesOf("MW/MW", ge=0), Tag("series")]
    | Annotated[OverheadByTemperature, Tag("by_temperature")]
    | Annotated[Laws, Tag("laws")],
    Discriminator(_form),
]
"""A number, a series, one law over temperature, or a list of laws that add up."""


def overhead_at(overhead: Series | OverheadByTemperature | Laws | None, f: Frame | AuditView) -> Floats:
    """Overhead of each step, (members, steps); 0 where none is given."""
    if overhead is None:
        return f.full(0.0)
    if isinstance(overhead, Series):
        return f.values(overhead)
    laws = overhead if isinstance(overhead, tuple) else (overhead,)
    return np.asarray(np.add.reduce([law.at(f) for law in laws]))


def overhead_findings(
    overhead: Series | OverheadByTemperature | Laws | None, f: Frame, field: str
) -> Iterator[Finding]:
    """Temperatures without figures, negative values, and what looks like a PUE."""
    if overhead is None:
        return
    if isinstance(overhead, OverheadByTemperature):
        yield from overhead.findings(f, field)
    elif isinstance(overhead, tuple):
        for number, law in enumerate(overhead):
            yield from law.findings(f, f"{field}[{number}]")
    if (highest := float(overhead_at(overhead, f).max())) >= LIKELY_A_PUE:
        yield Finding(
            field,
            f"cooling draws up to {highest:g} MW per MW of heat; the overhead is partial PUE less 1",
            hint=f"was {highest - 1.0:.4g} meant?",
            fatal=False,
        )
