"""One mining machine: its firmware steps, and what the outside air does to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, model_validator

from optimizer.component import Finding, Floats, StrictModel
from optimizer.quantities import Finite, Name
from optimizer.temperature import OutsideAir, Table

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.frame import Frame

PLAUSIBLE_J_PER_TH = (4.0, 1000.0)
"""From below the best announced chip to the first ASICs of 2013; outside, the units of a mode are surely mistaken."""


class Mode(StrictModel):
    """One firmware step of a machine."""

    name: Name
    """Name of the step, as in ``normal`` or ``eco``."""
    hash_th_s: float = Field(gt=0, allow_inf_nan=False)
    """Hash rate per machine, TH/s."""
    power_w: float = Field(gt=0, allow_inf_nan=False)
    """Wall power per machine, W."""

    @model_validator(mode="after")
    def _units_are_plausible(self) -> Self:
        low, high = PLAUSIBLE_J_PER_TH
        efficiency = self.power_w / self.hash_th_s
        if efficiency < low:
            raise ValueError(
                f"power_w {self.power_w:g} W for {self.hash_th_s:g} TH/s is {efficiency:.3g} J/TH, better than any "
                f"machine; power_w is in watts, was {self.power_w * 1000:g} meant (kW given)?"
            )
        if efficiency > high:
            raise ValueError(
                f"power_w {self.power_w:g} W for {self.hash_th_s:g} TH/s is {efficiency:.3g} J/TH; "
                "power_w is in watts and hash_th_s in TH/s per machine"
            )
        return self


class Ambient(OutsideAir):
    """What the inlet air does to a machine: factors on hash rate and power, and a temperature above which it stops.

    ``temperature_c`` is that of the inlet: in an air hall the outside air and what recirculates, as in ``{series:
    market.t_db_c, add: 2}``; in a tank or on a loop the outside air and the approach of its dry cooler.
    """

    hash_factor: Table | None = None
    """Rows ``[inlet temperature in °C, factor on the hash rate]`` by rising temperature; straight lines between."""
    power_factor: Table | None = None
    """Rows ``[inlet temperature in °C, factor on the power]`` by rising temperature; straight lines between."""
    stop_above_c: Finite | None = None
    """Machines stand by in steps whose temperature is above, °C."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.hash_factor is None and self.power_factor is None and self.stop_above_c is None:
            raise ValueError("give hash_factor, power_factor or stop_above_c")
        return self

    def factor(self, f: Frame | AuditView, table: Table | None) -> Floats:
        """A factor of each step, (members, steps); 1 without a table."""
        return f.full(1.0) if table is None else self.read(f, table)

    def can_run(self, f: Frame | AuditView) -> Floats:
        """1 where the machines may run, 0 where it is too hot, (members, steps)."""
        hottest = np.inf if self.stop_above_c is None else self.stop_above_c
        return np.asarray(self.temperature(f) <= hottest, dtype=float)

    def findings(self, f: Frame) -> Iterator[Finding]:
        """Temperatures that the tables do not cover; above ``stop_above_c`` none is needed."""
        for table in (self.hash_factor, self.power_factor):
            if table is not None:
                covered = self.stop_above_c is not None and self.stop_above_c <= table[-1][0]
                highest = np.inf if covered else table[-1][0]
                yield from self.range_findings(f, "ambient.temperature_c", table[0][0], highest)
