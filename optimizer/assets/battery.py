"""A battery: energy bought in one step and used or sold in another.

Charging ``ch_t`` and discharging ``dis_t`` in MW at the site's bus, level ``soc_t`` in MWh at the end of the step::

    soc_t = soc_{t-1} * (1 - self_discharge)^step_h + eta_c * ch_t * step_h - dis_t * step_h / eta_d
    soc_{-1} = soc_start
    soc_min * energy <= soc_t <= soc_max * energy,   soc_{T-1} >= soc_end,   ch_t + dis_t <= power
    wear      = - throughput_cost * sum_t dis_t * step_h
    end value =   soc_end_value * (soc_{T-1} - soc_end)

Charging and discharging at once only burns energy, which pays where a further MWh has a negative price, and also where
reserves down (:mod:`optimizer.storage_reserves`) make room in the store worth something. A binary forbids it in those
steps and members, and in no others (:mod:`optimizer.store_levels`).

End of the horizon: the level is at least ``soc_end_mwh`` (by default the starting level, so that the plan does not
live on stored energy), or is valued by ``soc_end_value_per_mwh``. The level, and what each depth segment holds, are
carried to the run that goes on; its end rule stays that of the file, with ``soc_start_mwh`` and not the carried level
as the default. Where a carried level is so low that full charging does not reach the end level, the battery is to be as
full as it can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING
from optimizer.chart import Chart
from optimizer.component import Asset, Carried, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.quantities import Efficiency, Fraction, MegawattHours, Megawatts, NonNegative
from optimizer.reserves import served
from optimizer.storage_reserves import StorageReserves
from optimizer.storage_wear import StorageWear
from optimizer.store_levels import StoreLevels, charging_constraints, charging_variables, end_in_words
from optimizer.template import Constraint, Param, Var


class Battery(StorageReserves, StorageWear, Asset):
    """A battery at the site's bus."""

    deeds: ClassVar[tuple[str, str, str]] = ("charges", "rests", "discharges")
    holds: ClassVar[dict[str, Holds]] = {
        "soc_mwh": Holds(Code.STORAGE_LIMIT, "the store is full at {limit} MWh", unit="MWh", field="energy_mwh"),
        "soc_mwh at least": Holds(
            Code.STORAGE_LIMIT, "the store is down to its {limit} MWh", unit="MWh", field="soc_min"
        ),
        "charge_mw": Holds(Code.ALL_IN_USE, "it charges at most {limit} MW", unit="MW", field="power_mw"),
        "discharge_mw": Holds(Code.ALL_IN_USE, "it discharges at most {limit} MW", unit="MW", field="power_mw"),
        "converter": Holds(Code.ALL_IN_USE, "the converter is at its {limit} MW", unit="MW", field="power_mw"),
        "charge_only": Holds(Code.RULE, "it does not charge and discharge at once"),
        "discharge_only": Holds(Code.RULE, "it does not charge and discharge at once"),
    }

    gives_way: ClassVar[tuple[str, ...]] = (
        "soc_end_mwh",
        "soc_start_mwh",
        "power_mw",
        "energy_mwh",
        "soc_min",
        "max_cycles_per_day",
        "max_cycles_per_year",
    )

    kind: Literal["battery"] = "battery"
    model_config = ConfigDict(populate_by_name=False)

    power_limit_mw: Megawatts = Field(alias="power_mw")
    """Most power of charging and of discharging, at the bus."""
    energy_mwh: MegawattHours
    """Energy that it can hold."""
    charge_efficiency: Efficiency = 1.0
    """Energy stored per energy drawn."""
    discharge_efficiency: Efficiency = 1.0
    """Energy given per energy taken from store."""
    soc_start_mwh: MegawattHours | None = None
    """Level before the first step; half of ``energy_mwh`` by default."""
    soc_end_mwh: MegawattHours | None = None
    """Least level after the last step; by default the starting level, or 0 where ``soc_end_value_per_mwh`` is given."""
    soc_end_value_per_mwh: NonNegative | None = None
    """Value of the energy left at the end above ``soc_end_mwh``, currency per MWh stored."""
    soc_min: Fraction = 0.0
    """Least level, as a share of ``energy_mwh``."""
    soc_max: Fraction = 1.0
    """Highest level, as a share of ``energy_mwh``."""
    throughput_cost_per_mwh: NonNegative = 0.0
    """Wear per MWh discharged at the bus."""
    self_discharge_per_hour: Fraction = 0.0
    """Share of the stored energy lost in an hour."""

    expandable: ClassVar[dict[str, Expandable]] = {
        "power_mw": Expandable("power of the battery", "MW", is_investment=True),
        "energy_mwh": Expandable("energy of the battery", "MWh", is_investment=True),
    }
    carries: ClassVar[dict[str, str]] = StorageWear.carries | {"soc_mwh": "energy stored at the end of the run, MWh"}

    @model_validator(mode="after")
    def _levels_are_consistent(self) -> Self:
        if self.soc_min > self.soc_max:
            raise ValueError(f"soc_min {self.soc_min:g} exceeds soc_max {self.soc_max:g}")
        least, most = self.soc_min * self.energy_mwh, self.soc_max * self.energy_mwh
        if not least <= self.given_start_mwh <= most:
            raise ValueError(
                f"soc_start_mwh {self.given_start_mwh:g} must lie within {least:g} to {most:g} MWh (soc_min, soc_max)"
            )
        if self.end_mwh > most:
            raise ValueError(f"soc_end_mwh {self.end_mwh:g} exceeds the highest level of {most:g} MWh (soc_max)")
        return self

    @property
    def given_start_mwh(self) -> float:
        """Level before the first step as the file has it, MWh."""
        return self.energy_mwh / 2.0 if self.soc_start_mwh is None else self.soc_start_mwh

    def start_mwh(self, f: Frame) -> Floats:
        """Level before the first step, MWh, (members,)."""
        return self._levels(f).start_mwh

    @property
    def end_mwh(self) -> float:
        """Least level after the last step, MWh."""
        if self.soc_end_mwh is not None:
            return self.soc_end_mwh
        return self.given_start_mwh if self.soc_end_value_per_mwh is None else 0.0

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from self._levels(f).findings("soc_min", "soc_end_mwh", self.soc_min)
        yield from self.reserve_findings(f)
        yield from self.wear_findings(f)
        if self.charge_efficiency * self.discharge_efficiency == 1.0 and bool((f.lowest_buy_price < 0).any()):
            yield Finding(
                "charge_efficiency",
                "no losses, and prices below zero: real batteries lose 5 to 20 % on a round trip",
                self.charge_efficiency,
                hint="give charge_efficiency and discharge_efficiency",
                fatal=False,
            )

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        yield from self._levels(f).carried_findings("battery")
        yield from self.carried_wear_findings(f)

    def _levels(self, f: Frame) -> StoreLevels:
        return StoreLevels(
            frame=f,
            carried_as="soc_mwh",
            given_start_mwh=self.given_start_mwh,
            least_mwh=self.soc_min * self.energy_mwh,
            most_mwh=self.soc_max * self.energy_mwh,
            end_mwh=self.end_mwh,
            stored_mwh=self.charge_efficiency * f.horizon.energy_mwh(self.power_limit_mw),
            kept=self._kept(f.step_h),
            size_mwh=self.energy_mwh,
        )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        least, most = self._levels(f).bounds()
        b.soc_least = Param(f.members, f.states, values=least)
        b.soc_most = Param(f.members, f.states, values=most)
        b.soc_mwh = Var(f.members, f.states, bounds=lambda b, w, t: (b.soc_least[w, t], b.soc_most[w, t]))
        power = (0, self.power_limit_mw)
        b.charge_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: power, scheduled="now"
        )
        b.discharge_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: power, scheduled="now"
        )
        charging_variables(b, self._burns(f))
        self.wear_variables(b, f, self.start_mwh(f))

    def constraints(self, b: Any, f: Frame) -> None:
        kept, limit = self._kept(f.step_h), self.power_limit_mw
        gain, loss = f.step_h * self.charge_efficiency, f.step_h / self.discharge_efficiency
        b.storing = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.soc_mwh[w, t] == kept * b.soc_mwh[w, t - 1] + gain * b.charge_mw[w, t] - loss * b.discharge_mw[w, t]
            ),
            doc="level follows from charging, discharging and losses",
        )
        b.converter = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.charge_mw[w, t] + b.discharge_mw[w, t] <= limit,
            doc="charging and discharging share power_mw",
        )
        charging_constraints(b, limit, limit)
        self.wear_constraints(b, f, kept, gain, loss)

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.charge_mw[w, t] - b.discharge_mw[w, t]

    def largest_power_mw(self, f: Frame) -> Floats:
        return f.full(self.power_limit_mw)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines: dict[str, MoneyLine] = {}
        if self.throughput_cost_per_mwh > 0:
            lines["battery_wear"] = f.by_step(
                lambda b, w, t: -self.throughput_cost_per_mwh * b.discharge_mw[w, t] * f.step_h
            )
        if self.soc_end_value_per_mwh is not None:
            value, last = self.soc_end_value_per_mwh, f.horizon.steps - 1
            lines["battery_end_value"] = f.by_member(lambda b, w: value * (b.soc_mwh[w, last] - self.end_mwh))
        return lines | self.wear_money(f)

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "soc_mwh": f.by_time(lambda b, w, t: b.soc_mwh[w, t], "MWh", "energy stored at the end of the step"),
            "charge_mw": f.by_time(lambda b, w, t: b.charge_mw[w, t], "MW", "charging power"),
            "discharge_mw": f.by_time(lambda b, w, t: b.discharge_mw[w, t], "MW", "discharging power"),
        } | self.wear_results(b, f)

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        least, most = self.soc_min * self.energy_mwh, self.soc_max * self.energy_mwh
        return (
            Chart(
                "Storage",
                ("soc_mwh",),
                "MWh",
                "energy stored",
                references=(("least", least), ("most", most)) if least > 0 else (("most", most),),
                at_step_end=True,
                initial=float(f.probabilities @ self.start_mwh(f)),
            ),
        )

    def audit(self, a: AuditView) -> None:
        level, charge, discharge = a["soc_mwh"], a["charge_mw"], a["discharge_mw"]
        before = np.concatenate([self.start_mwh(a.frame)[:, np.newaxis], level[:, :-1]], axis=1)
        stored = self.charge_efficiency * a.energy_mwh(charge) - a.energy_mwh(discharge) / self.discharge_efficiency
        a.equal("level follows from charging, discharging and losses", level, before * self._kept(a.step_h) + stored)
        a.at_least("level above soc_min", level, self.soc_min * self.energy_mwh)
        a.at_most("level below soc_max", level, self.soc_max * self.energy_mwh)
        a.at_least("level at the end above soc_end_mwh", level[:, -1], self._levels(a.frame).least_end_mwh)
        for rule, power in (("charging power", charge), ("discharging power", discharge)):
            a.at_least(f"{rule} is not negative", power, 0.0)
        a.at_most("charging and discharging share power_mw", charge + discharge, self.power_limit_mw)
        both = np.where(self._burns(a.frame), np.minimum(charge, discharge), 0.0)
        a.at_most("no charging while discharging where a MWh has a negative price", both, 0.0)
        a.equal("power is charging less discharging", a["power_mw"], charge - discharge)
        gain, loss = a.step_h * self.charge_efficiency, a.step_h / self.discharge_efficiency
        self.audit_wear(a, self.start_mwh(a.frame), self._kept(a.step_h), gain, loss)
        if self.throughput_cost_per_mwh > 0:
            a.money("battery_wear", -self.throughput_cost_per_mwh * a.energy_mwh(discharge).sum(axis=1))
        if self.soc_end_value_per_mwh is not None:
            a.money("battery_end_value", self.soc_end_value_per_mwh * (level[:, -1] - self.end_mwh))

    def carry(self, a: AuditView) -> dict[str, Carried]:
        gain, loss = a.step_h * self.charge_efficiency, a.step_h / self.discharge_efficiency
        states = self.carried_wear(a, self.start_mwh(a.frame), self._kept(a.step_h), gain, loss)
        least, most = self.soc_min * self.energy_mwh, self.soc_max * self.energy_mwh
        return states | {"soc_mwh": np.clip(np.round(a["soc_mwh"][:, -1], ROUNDING), least, most)}

    def end_rule(self, f: Frame) -> str | None:
        return end_in_words(self.end_mwh, self.soc_end_value_per_mwh)

    def _kept(self, step_h: float) -> float:
        """Share of the stored energy that is still there a step later."""
        return float((1.0 - self.self_discharge_per_hour) ** step_h)

    def _burns(self, f: Frame) -> NDArray[np.bool_]:
        """Steps in which burning energy might pay, (members, steps): at negative prices, or for room for reserves."""
        room_pays = bool(served(f.part, "down")) and self.charge_efficiency * self.discharge_efficiency < 1.0
        return (f.lowest_buy_price < 0) | room_pays
