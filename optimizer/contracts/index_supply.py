"""Index supply: energy at the spot price.

Buys ``q_t`` MW at ``index * loss_factor + adder`` per MWh, up to an optional MW limit and an optional MWh cap per
settlement period::

    index_t = min(max(price_t, price_floor_t), price_cap_t)
    cost    = sum_t (index_t * loss_factor + adder_t) * q_t * step_h
    q_t <= limit_t,   sum_{t in period} q_t * step_h <= energy_cap - energy already taken in the period (carried)

The collar (cap and floor) is on the index itself, before losses and adder. Of a settlement period that began before
the horizon the cap holds for what is left of it (:mod:`optimizer.running_period`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.component import Carried, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, EnergyCap, Supply
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import PeriodKind
from optimizer.metering import Reading
from optimizer.quantities import MegawattHours, Series, SeriesOf
from optimizer.running_period import carried_sums, handed_on
from optimizer.settlement import declare_periods
from optimizer.template import Constraint, Param, Var


class IndexSupply(Supply):
    """Energy bought at an index (spot) price."""

    holds: ClassVar[dict[str, Holds]] = {
        "delivered_mw": Holds(
            Code.CONTRACT_LIMIT, "the contract delivers at most {limit} MW", unit="MW", field="limit_mw"
        ),
        "energy_cap": Holds(
            Code.ENERGY_LIMIT,
            "{limit} MWh are left of the energy of the settlement period",
            unit="MWh",
            field="energy_cap_mwh",
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("limit_mw", "energy_cap_mwh")

    expandable: ClassVar[dict[str, Expandable]] = {
        "limit_mw": Expandable("limit of the supply", "MW"),
        "energy_cap_mwh": Expandable("energy that may be taken", "MWh", step=10),
    }
    carries: ClassVar[dict[str, str]] = {"energy_mwh": "MWh taken so far, by settlement period (with energy_cap_mwh)"}

    kind: Literal["index_supply"] = "index_supply"
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Index price; may be negative and may differ by member."""
    price_cap_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] | None = None
    """Collar: most that counts of the index, before losses and adder; no cap by default."""
    price_floor_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] | None = None
    """Collar: least that counts of the index, before losses and adder; no floor by default."""
    adder_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] = Series.constant(0.0)
    """Retailer's adder on every MWh."""
    loss_factor: float = Field(default=1.0, ge=1.0, le=1.5, allow_inf_nan=False)
    """MWh bought at the index per MWh delivered (transmission and distribution losses)."""
    limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most power that the contract delivers; unlimited by default."""
    energy_cap_mwh: MegawattHours | None = None
    """Most energy per settlement period; unlimited by default."""
    settlement_period: PeriodKind = "month"
    """Period of the energy cap."""

    def check(self, f: Frame) -> Iterator[Finding]:
        if self.energy_cap_mwh is None and self.settlement_period != "month":
            yield Finding("settlement_period", "has no effect without energy_cap_mwh", fatal=False)
        yield from self._crossed_collar(f)
        if self.energy_cap_mwh is not None:
            taken = float(carried_sums(f, "energy_mwh", self.settlement_period).max())
            if taken > self.energy_cap_mwh * (1.0 + 1e-9):
                yield Finding(
                    "energy_cap_mwh",
                    f"{taken:g} MWh of it were taken before the horizon: nothing is left",
                    self.energy_cap_mwh,
                    fatal=False,
                )

    def _crossed_collar(self, f: Frame) -> Iterator[Finding]:
        if self.price_cap_per_mwh is None or self.price_floor_per_mwh is None:
            return
        cap, floor = f.values(self.price_cap_per_mwh), f.values(self.price_floor_per_mwh)
        crossed = cap < floor
        if crossed.any():
            step = int(np.argmax(crossed.any(axis=0)))
            member = int(np.argmax(crossed[:, step]))
            yield Finding(
                "price_cap_per_mwh",
                f"below price_floor_per_mwh, first at {f.horizon.describe(f.horizon.utc[step])}",
                float(cap[member, step]),
                allowed=f"at least the floor of {floor[member, step]:g}",
            )

    def variables(self, b: Any, f: Frame) -> None:
        b.unit_price = f.series_param(self._unit_price(f))
        if self.limit_mw is None:
            b.delivered_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals)
        else:
            b.limit_mw = f.series_param(self.limit_mw)
            b.delivered_mw = Var(
                f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.limit_mw[w, t])
            )

    def constraints(self, b: Any, f: Frame) -> None:
        if self.energy_cap_mwh is None:
            return
        declare_periods(b, f.horizon.period_codes(self.settlement_period))
        b.cap_left_mwh = Param(f.members, b.periods, values=self._cap_left_mwh(f))
        b.energy_cap = Constraint(
            f.members,
            b.periods,
            rule=lambda b, w, p: sum(b.delivered_mw[w, t] * f.step_h for t in b.steps_of[p]) <= b.cap_left_mwh[w, p],
            doc="energy of the settlement period within energy_cap_mwh",
        )

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def lowest_buy_price(self, f: Frame) -> Floats:
        return self._unit_price(f)

    def most_delivered_mw(self, f: Frame) -> Floats:
        return f.full(np.inf) if self.limit_mw is None else f.values(self.limit_mw)

    def energy_cap(self, f: Frame) -> EnergyCap | None:
        if self.energy_cap_mwh is None:
            return None
        return EnergyCap(f.horizon.period_codes(self.settlement_period), self._cap_left_mwh(f))

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {f"{self.name}_energy": f.by_step(lambda b, w, t: -b.unit_price[w, t] * b.delivered_mw[w, t] * f.step_h)}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "delivered_mw": f.by_time(lambda b, w, t: b.delivered_mw[w, t], "MW", "power delivered by the contract")
        }

    def prices(self, f: Frame) -> dict[str, Floats]:
        return {self.name: self._unit_price(f)}

    def audit(self, a: AuditView) -> None:
        delivered = a["delivered_mw"]
        a.at_least("delivered power is not negative", delivered, 0.0)
        if self.limit_mw is not None:
            a.at_most("delivered power within limit_mw", delivered, a.values(self.limit_mw))
        if self.energy_cap_mwh is not None:
            used = a.sum_by_period(a.energy_mwh(delivered), self.settlement_period)
            a.at_most("energy within energy_cap_mwh", used, self._cap_left_mwh(a.frame))
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        delivered = r.energy_mwh(r["delivered_mw"])
        index = r.values(self.price_per_mwh)
        if self.price_floor_per_mwh is not None:
            index = np.maximum(index, r.values(self.price_floor_per_mwh))
        if self.price_cap_per_mwh is not None:
            index = np.minimum(index, r.values(self.price_cap_per_mwh))
        price = index * self.loss_factor + r.values(self.adder_per_mwh)
        return {f"{self.name}_energy": BillLine(-price * delivered, delivered, "MWh")}

    def carry(self, a: AuditView) -> dict[str, Carried]:
        if self.energy_cap_mwh is None:
            return {}
        used = a.sum_by_period(a.energy_mwh(a["delivered_mw"]), self.settlement_period)
        so_far = used + carried_sums(a.frame, "energy_mwh", self.settlement_period)
        states = handed_on(a.horizon, self.settlement_period, so_far)
        return {"energy_mwh": states} if states else {}

    def _unit_price(self, f: Frame) -> Floats:
        floor = -np.inf if self.price_floor_per_mwh is None else f.values(self.price_floor_per_mwh)
        cap = np.inf if self.price_cap_per_mwh is None else f.values(self.price_cap_per_mwh)
        return np.clip(f.values(self.price_per_mwh), floor, cap) * self.loss_factor + f.values(self.adder_per_mwh)

    def _cap_left_mwh(self, f: Frame) -> Floats:
        """What is left of the cap, MWh, (members, periods)."""
        assert self.energy_cap_mwh is not None
        return np.maximum(0.0, self.energy_cap_mwh - carried_sums(f, "energy_mwh", self.settlement_period))
