"""A store of chilled water (or ice): heat is taken out of it in one step and given to it in another.

Charging ``in_t`` is heat that the plant removes from the store, discharging ``out_t`` heat that the store takes in the
plant's stead, both in MW of heat; the level ``cold_t`` is the heat that the store can still take, MWh, at the end of
the step::

    cold_t = cold_{t-1} * (1 - loss)^step_h + efficiency * in_t * step_h - out_t * step_h
    cold_{-1} = start,   0 <= cold_t <= energy,   cold_{T-1} >= end
    0 <= in_t <= charge limit,   0 <= out_t <= discharge limit
    heat_t    = in_t - out_t                                            to the plant (or hall) that it stands on
    power_t   = pump * (in_t + out_t)                                                                   (MW)
    end value = end_value * (cold_{T-1} - end)

So charging adds to the plant's heat and discharging takes from it, within the plant's own limits, spare and water; a
store never takes more heat than the machines give. It serves no reserves.

Charging and discharging at once only burns power, which pays where a further MWh has a negative price. A binary
forbids it in those steps and members, and in no others (:mod:`optimizer.store_levels`).

End of the horizon: the level is at least ``level_end_mwh`` (by default the starting level), or is valued by
``level_end_value_per_mwh``. The level is carried to the run that goes on; its end rule stays that of the file, with
``level_start_mwh`` and not the carried level as the default. Where a carried level is so low that full charging does
not reach the end level, the store is to be as full as it can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING
from optimizer.chart import Chart
from optimizer.component import Carried, Cooling, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.quantities import Efficiency, Fraction, MegawattHours, Megawatts, Name, NonNegative
from optimizer.store_levels import StoreLevels, charging_constraints, charging_variables, end_in_words
from optimizer.template import Constraint, Param, Var


class ColdStore(Cooling):
    """A store of chilled water or ice on a plant."""

    holds: ClassVar[dict[str, Holds]] = {
        "level_mwh": Holds(Code.STORAGE_LIMIT, "the cold store is full at {limit} MWh", unit="MWh", field="energy_mwh"),
        "level_mwh at least": Holds(Code.STORAGE_LIMIT, "the cold store is down to its {limit} MWh", unit="MWh"),
        "charge_mw": Holds(Code.ALL_IN_USE, "it charges at most {limit} MW", unit="MW"),
        "discharge_mw": Holds(Code.ALL_IN_USE, "it discharges at most {limit} MW", unit="MW"),
    }

    gives_way: ClassVar[tuple[str, ...]] = (
        "level_end_mwh",
        "level_start_mwh",
        "energy_mwh",
        "charge_limit_mw",
        "discharge_limit_mw",
    )

    kind: Literal["cold_store"] = "cold_store"
    cooling: Name
    """Plant (or hall) whose heat the store shifts."""
    energy_mwh: Annotated[MegawattHours, Field(gt=0)]
    """Heat that a full store takes, MWh of heat."""
    charge_limit_mw: Megawatts
    """Most heat that the plant takes out of it, MW."""
    discharge_limit_mw: Megawatts
    """Most heat that it takes in, MW."""
    efficiency: Efficiency = 1.0
    """Cold that can be used per cold put in (mixing of warm and cold water)."""
    loss_per_hour: Fraction = 0.0
    """Share of the level lost in an hour."""
    pump_power_per_mw: NonNegative = 0.0
    """Power of its pumps per heat moved, MW/MW."""
    level_start_mwh: MegawattHours | None = None
    """Level before the first step; half of ``energy_mwh`` by default. A carried level takes its place."""
    level_end_mwh: MegawattHours | None = None
    """Least level after the last step; by default ``level_start_mwh``, or 0 where ``level_end_value_per_mwh`` is
    given."""
    level_end_value_per_mwh: NonNegative | None = None
    """Value of the cold left at the end above ``level_end_mwh``, currency per MWh of heat."""

    offers = None
    refers_to = {"cooling": "cooling"}  # noqa: RUF012
    expandable: ClassVar[dict[str, Expandable]] = {
        "energy_mwh": Expandable("size of the cold store", "MWh", is_investment=True),
        "discharge_limit_mw": Expandable("discharge limit of the cold store", "MW", is_investment=True),
    }
    carries: ClassVar[dict[str, str]] = {"level_mwh": "heat that the store can still take at the end of the run, MWh"}

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        for field in ("level_start_mwh", "level_end_mwh"):
            level = getattr(self, field)
            if level is not None and level > self.energy_mwh:
                raise ValueError(f"{field} {level:g} exceeds energy_mwh {self.energy_mwh:g}")
        return self

    @property
    def end_mwh(self) -> float:
        """Least level after the last step, MWh."""
        if self.level_end_mwh is not None:
            return self.level_end_mwh
        return 0.0 if self.level_end_value_per_mwh is not None else self._start_mwh

    @property
    def _start_mwh(self) -> float:
        return self.energy_mwh / 2.0 if self.level_start_mwh is None else self.level_start_mwh

    def start_mwh(self, f: Frame) -> Floats:
        """Level before the first step, MWh, (members,)."""
        return self._levels(f).start_mwh

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        if all(host.guests == [f.part] for host in f.hosts("cooling")):
            yield Finding("cooling", "no machine gives heat to this plant, so there is none to shift", fatal=False)
        lossless = self.efficiency == 1.0 and self.loss_per_hour == 0.0
        if lossless and bool((f.lowest_buy_price < 0).any()):
            message = "no losses, and prices below zero: real stores lose a few per cent a day and mix warm with cold"
            yield Finding("efficiency", message, 1.0, hint="give efficiency and loss_per_hour", fatal=False)
        yield from self._levels(f).findings("energy_mwh", "level_end_mwh")

    def carried_findings(self, f: Frame) -> Iterator[Finding]:
        yield from self._levels(f).carried_findings("store")

    def _levels(self, f: Frame) -> StoreLevels:
        return StoreLevels(
            frame=f,
            carried_as="level_mwh",
            given_start_mwh=self._start_mwh,
            least_mwh=0.0,
            most_mwh=self.energy_mwh,
            end_mwh=self.end_mwh,
            stored_mwh=self.efficiency * f.horizon.energy_mwh(self.charge_limit_mw),
            kept=self._kept(f.step_h),
            size_mwh=self.energy_mwh,
        )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        least, most = self._levels(f).bounds()
        b.level_least = Param(f.members, f.states, values=least)
        b.level_most = Param(f.members, f.states, values=most)
        b.level_mwh = Var(f.members, f.states, bounds=lambda b, w, t: (b.level_least[w, t], b.level_most[w, t]))
        charge, discharge = (0, self.charge_limit_mw), (0, self.discharge_limit_mw)
        # where moving heat through the store and back costs nothing, the plan shows what it needs and no more
        b.charge_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: charge, least=True, scheduled="now"
        )
        b.discharge_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: discharge, scheduled="now"
        )
        charging_variables(b, self._burns(f))

    def constraints(self, b: Any, f: Frame) -> None:
        kept, gain, loss = self._kept(f.step_h), f.step_h * self.efficiency, f.step_h
        b.storing = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.level_mwh[w, t]
                == kept * b.level_mwh[w, t - 1] + gain * b.charge_mw[w, t] - loss * b.discharge_mw[w, t]
            ),
            doc="level follows from charging, discharging and losses",
        )
        charging_constraints(b, self.charge_limit_mw, self.discharge_limit_mw)

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self.pump_power_per_mw * (b.charge_mw[w, t] + b.discharge_mw[w, t])

    def heat_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.charge_mw[w, t] - b.discharge_mw[w, t]

    def largest_power_mw(self, f: Frame) -> Floats:
        return f.full(self.pump_power_per_mw * (self.charge_limit_mw + self.discharge_limit_mw))

    def largest_heat_mw(self, f: Frame) -> Floats:
        return f.full(self.charge_limit_mw)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        if self.level_end_value_per_mwh is None:
            return {}
        value, last = self.level_end_value_per_mwh, f.horizon.steps - 1
        return {"cold_end_value": f.by_member(lambda b, w: value * (b.level_mwh[w, last] - self.end_mwh))}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "cold_mwh": f.by_time(lambda b, w, t: b.level_mwh[w, t], "MWh", "heat that the store can take, at the end"),
            "cold_charge_mw": f.by_time(lambda b, w, t: b.charge_mw[w, t], "MW", "heat taken out of the store"),
            "cold_discharge_mw": f.by_time(lambda b, w, t: b.discharge_mw[w, t], "MW", "heat given to the store"),
        }

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        start = float(f.probabilities @ self.start_mwh(f))
        full = (("full", self.energy_mwh),)
        return (
            Chart("Cooling", ("cold_mwh",), "MWh", "cold stored", references=full, at_step_end=True, initial=start),
        )

    def audit(self, a: AuditView) -> None:
        level, charge, discharge = a["cold_mwh"], a["cold_charge_mw"], a["cold_discharge_mw"]
        before = np.concatenate([self.start_mwh(a.frame)[:, np.newaxis], level[:, :-1]], axis=1)
        stored = self.efficiency * a.energy_mwh(charge) - a.energy_mwh(discharge)
        a.equal("level follows from charging, discharging and losses", level, before * self._kept(a.step_h) + stored)
        a.at_least("level not below empty", level, 0.0)
        a.at_most("level within energy_mwh", level, self.energy_mwh)
        a.at_least("level at the end above level_end_mwh", level[:, -1], self._levels(a.frame).least_end_mwh)
        a.at_least("charging is not negative", charge, 0.0)
        a.at_most("charging within charge_limit_mw", charge, self.charge_limit_mw)
        a.at_least("discharging is not negative", discharge, 0.0)
        a.at_most("discharging within discharge_limit_mw", discharge, self.discharge_limit_mw)
        both = np.where(self._burns(a.frame), np.minimum(charge, discharge), 0.0)
        a.at_most("no charging while discharging where a MWh has a negative price", both, 0.0)
        a.equal("power is that of the pumps", a["power_mw"], self.pump_power_per_mw * (charge + discharge))
        if self.level_end_value_per_mwh is not None:
            a.money("cold_end_value", self.level_end_value_per_mwh * (level[:, -1] - self.end_mwh))

    def audited_heat_mw(self, a: AuditView) -> Floats:
        return a["cold_charge_mw"] - a["cold_discharge_mw"]

    def carry(self, a: AuditView) -> dict[str, Carried]:
        return {"level_mwh": np.clip(np.round(a["cold_mwh"][:, -1], ROUNDING), 0.0, self.energy_mwh)}

    def end_rule(self, f: Frame) -> str | None:
        return end_in_words(self.end_mwh, self.level_end_value_per_mwh)

    def _kept(self, step_h: float) -> float:
        """Share of the level that is still there a step later."""
        return float((1.0 - self.loss_per_hour) ** step_h)

    def _burns(self, f: Frame) -> NDArray[np.bool_]:
        """Steps in which moving heat in circles might pay, (members, steps): at negative prices, if it costs power."""
        costs = self.efficiency < 1.0 or self.pump_power_per_mw > 0.0
        return (f.lowest_buy_price < 0) & costs
