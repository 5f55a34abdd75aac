"""Reserves that running generators hold: what they do not give yet, and what they give beyond their minimum load.

``up``: the running units can rise to full load, as far as the fuel goes; a MWh called costs the fuel of the steepest
part of the curve. ``down``: they can fall to their minimum load; a MWh called saves the fuel of the flattest part (the
safe side of both). Units that stand still hold nothing: their start is not part of a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.component import Direction, Floats, Rule
from optimizer.frame import Frame
from optimizer.reserves import ReserveProvider

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.quantities import Series


class GeneratorReserves(ReserveProvider):
    """Running units that rise or fall on call."""

    if TYPE_CHECKING:  # fields of the generator
        units: int
        unit_mw: float
        min_load: float
        availability: Series
        fuel_price_per_gj: Series
        credit_per_mwh: Series
        operation_per_mwh: float
        fuel_available_gj_per_hour: Series | None

        @property
        def has_commitment(self) -> bool: ...

        def fuel_lines(self) -> tuple[Floats, Floats]: ...

    def largest_reserve_mw(self, f: Frame, direction: Direction) -> Floats:
        return np.asarray(self.unit_mw * self.units * f.values(self.availability))

    def reserve_limits_mw(self, b: Any, f: Frame, direction: Direction) -> dict[str, Rule]:
        def running(b: Any, w: Any, t: Any) -> Any:
            return b.running[w, t] if self.has_commitment else self.units

        if direction == "down":
            return {
                "what the units give above min_load": lambda b, w, t: (
                    b.generated_mw[w, t] - self.unit_mw * self.min_load * running(b, w, t)
                )
            }
        limits: dict[str, Rule] = {
            "what the running units do not give": lambda b, w, t: (
                self.unit_mw * b.available[w, t] * running(b, w, t) - b.generated_mw[w, t]
            )
        }
        if self.fuel_available_gj_per_hour is not None:
            per_mwh = 1.0 / float(self.fuel_lines()[0][-1])
            limits["what the fuel allows"] = lambda b, w, t: (b.fuel_limit[w, t] - b.fuel_gj_h[w, t]) * per_mwh
        return limits

    def lost_value_per_mwh(self, f: Frame, direction: Direction) -> Floats:
        slopes = self.fuel_lines()[0]
        operation = self.operation_per_mwh - f.values(self.credit_per_mwh)
        if direction == "up":
            return np.asarray(f.values(self.fuel_price_per_gj) * slopes[-1] + operation)
        return np.asarray(-(f.values(self.fuel_price_per_gj) * slopes[0] + operation))

    def audited_reserve_limits_mw(self, a: AuditView, direction: Direction) -> dict[str, Floats]:
        running = a["units_running"] if self.has_commitment else a.full(self.units)
        power = a["generated_mw"]
        if direction == "down":
            return {"what the units give above min_load": power - self.unit_mw * self.min_load * running}
        limits = {
            "what the running units do not give": self.unit_mw * a.values(self.availability) * running - power,
        }
        if self.fuel_available_gj_per_hour is not None:
            left = a.values(self.fuel_available_gj_per_hour) - a["fuel_gj_h"]
            limits["what the fuel allows"] = left / self.fuel_lines()[0][-1]
        return limits
