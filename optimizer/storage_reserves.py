"""Reserves held by a battery.

It holds what its converter leaves in their direction, and energy (or room) in store for the calls, at the start and at
the end of each step (``soc`` = ``soc_{t-1}`` and ``soc_t``)::

    up:    sum r_t <= power - dis_t + ch_t,     sum claims <= (soc - soc_min * energy) * eta_d
    down:  sum r_t <= power - ch_t + dis_t,     sum claims <= (soc_max * energy - soc) / eta_c

All that is called counts as drawn from (or fed into) the store, also where a battery only stops charging: the safe
side.

A MWh called up costs ``throughput_cost_per_mwh``. The energy that a call takes from the store (or leaves in it) is
valued at ``soc_end_value_per_mwh``, and not at all where that is not given: then a product that pays for energy makes
calls up look better than they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.audit import AuditView
from optimizer.component import Direction, Finding, Floats, Rule
from optimizer.frame import Frame
from optimizer.reserves import ReserveProvider, served


class StorageReserves(ReserveProvider):
    """A store behind a converter that charges or discharges on call."""

    if TYPE_CHECKING:  # fields of the battery
        power_limit_mw: float
        energy_mwh: float
        charge_efficiency: float
        discharge_efficiency: float
        soc_min: float
        soc_max: float
        throughput_cost_per_mwh: float
        soc_end_value_per_mwh: float | None

        def start_mwh(self, f: Frame) -> Floats: ...

    def reserve_findings(self, f: Frame) -> Iterator[Finding]:
        """Products that pay for energy which the battery takes for free."""
        paid = [part.label for part, product, _ in served(f.part, "up") if product.pays_for_energy]
        if paid and self.soc_end_value_per_mwh is None:
            yield Finding(
                "soc_end_value_per_mwh",
                f"what calls take from the store has no value, but {' and '.join(paid)} pays for it",
                hint="a MWh in store is worth about the mean price of energy",
                fatal=False,
            )

    # ------------------------------------------------------------------ power and energy
    def largest_reserve_mw(self, f: Frame, direction: Direction) -> Floats:
        return f.full(2.0 * self.power_limit_mw)

    def reserve_limits_mw(self, b: Any, f: Frame, direction: Direction) -> dict[str, Rule]:
        sign = 1.0 if direction == "up" else -1.0
        return {
            "what the converter leaves (power_mw)": lambda b, w, t: (
                self.power_limit_mw + sign * (b.charge_mw[w, t] - b.discharge_mw[w, t])
            )
        }

    def reserve_energy_mwh(self, b: Any, f: Frame, direction: Direction) -> dict[str, Rule]:
        what = "the energy stored" if direction == "up" else "the room in store"
        return {
            f"{what} at the start of the step": lambda b, w, t: self._within_reach_mwh(b.soc_mwh[w, t - 1], direction),
            f"{what} at the end of the step": lambda b, w, t: self._within_reach_mwh(b.soc_mwh[w, t], direction),
        }

    def _within_reach_mwh(self, level: Any, direction: Direction) -> Any:
        """Energy at the bus that can be given from a level (or taken in)."""
        if direction == "up":
            return (level - self.soc_min * self.energy_mwh) * self.discharge_efficiency
        return (self.soc_max * self.energy_mwh - level) * (1.0 / self.charge_efficiency)

    # ------------------------------------------------------------------ money
    def lost_value_per_mwh(self, f: Frame, direction: Direction) -> Floats:
        stored = self.soc_end_value_per_mwh or 0.0
        if direction == "up":
            return f.full(self.throughput_cost_per_mwh + stored / self.discharge_efficiency)
        return f.full(-stored * self.charge_efficiency)

    # ------------------------------------------------------------------ from the plan alone
    def audited_reserve_limits_mw(self, a: AuditView, direction: Direction) -> dict[str, Floats]:
        net = a["charge_mw"] - a["discharge_mw"]
        return {"what the converter leaves": self.power_limit_mw + (net if direction == "up" else -net)}

    def audited_reserve_energy_mwh(self, a: AuditView, direction: Direction) -> dict[str, Floats]:
        levels = np.concatenate([self.start_mwh(a.frame)[:, np.newaxis], a["soc_mwh"]], axis=1)
        if direction == "up":
            reach = (levels - self.soc_min * self.energy_mwh) * self.discharge_efficiency
        else:
            reach = (self.soc_max * self.energy_mwh - levels) / self.charge_efficiency
        return {"the level at the start of the step": reach[:, :-1], "the level at the end of the step": reach[:, 1:]}
