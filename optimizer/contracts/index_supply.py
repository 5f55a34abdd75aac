"""Index supply: energy at the spot price.

Buys ``q_t`` MW at ``price * loss_factor + adder`` per MWh, up to an optional MW limit and an optional MWh cap per
settlement period::

    cost = sum_t (price_t * loss_factor + adder_t) * q_t * step_h
    q_t <= limit_t,   sum_{t in period} q_t * step_h <= energy_cap
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.component import Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Supply
from optimizer.frame import Frame
from optimizer.horizon import PeriodKind
from optimizer.metering import Reading
from optimizer.quantities import MegawattHours, Series, SeriesOf
from optimizer.settlement import declare_periods
from optimizer.template import Constraint, Var


class IndexSupply(Supply):
    """Energy bought at an index (spot) price."""

    kind: Literal["index_supply"] = "index_supply"
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Index price; may be negative and may differ by member."""
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
        b.energy_cap = Constraint(
            f.members,
            b.periods,
            rule=lambda b, w, p: sum(b.delivered_mw[w, t] * f.step_h for t in b.steps_of[p]) <= self.energy_cap_mwh,
            doc="energy of the settlement period within energy_cap_mwh",
        )

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def lowest_buy_price(self, f: Frame) -> Floats:
        return self._unit_price(f)

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
            a.at_most("energy within energy_cap_mwh", used, self.energy_cap_mwh)
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        delivered = r.energy_mwh(r["delivered_mw"])
        price = r.values(self.price_per_mwh) * self.loss_factor + r.values(self.adder_per_mwh)
        return {f"{self.name}_energy": BillLine(-price * delivered, delivered, "MWh")}

    def _unit_price(self, f: Frame) -> Floats:
        return f.values(self.price_per_mwh) * self.loss_factor + f.values(self.adder_per_mwh)
