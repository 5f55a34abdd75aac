"""Heat reuse: heat of a hall sold to a neighbour, directly or through a heat pump.

``h_t`` MW are taken from the hall and ``s_t`` MW sold; a heat pump adds its own electricity::

    s_t = h_t                        without a heat pump
    s_t = h_t + e_t,   e_t = s_t / cop                       with one of coefficient of performance ``cop``
    0 <= s_t <= min(demand_t, capacity)
    sale      =   sum_t price_t * s_t * step_h
    shortfall = - sum_t penalty_t * (demand_t - s_t) * step_h                       (only with penalty_per_mwh)

What is taken leaves the hall without its cooling plant: it lowers the heat that counts against the hall's limit and
the power of cooling. The hall's own rule says that no more is taken than the machines give.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Asset, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.quantities import Megawatts, Name, Series, SeriesOf
from optimizer.template import Var


class HeatReuse(Asset):
    """Heat of a hall, sold."""

    holds: ClassVar[dict[str, Holds]] = {
        "sold_mw": Holds(Code.DEMAND_MET, "the buyer takes at most {limit} MW of heat", unit="MW", field="demand_mw"),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("demand_mw", "capacity_mw")

    kind: Literal["heat_reuse"] = "heat_reuse"
    cooling: Name
    """Hall whose heat is sold."""
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Price paid per MWh of heat delivered."""
    demand_mw: Annotated[Series, SeriesOf("MW", ge=0)]
    """Most heat that is taken, MW; may differ by member."""
    capacity_mw: Megawatts | None = None
    """Most heat that the exchanger or heat pump delivers; unlimited by default."""
    cop: Annotated[float, Field(gt=1, le=20, allow_inf_nan=False)] | None = None
    """Heat delivered per electricity of a heat pump; not given: the heat is warm enough as it is."""
    penalty_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] | None = None
    """Penalty per MWh of demand that is not met; not given: the neighbour takes what there is."""

    refers_to = {"cooling": "cooling"}  # noqa: RUF012
    expandable: ClassVar[dict[str, Expandable]] = {
        "demand_mw": Expandable("demand for heat", "MW"),
        "capacity_mw": Expandable("capacity for heat", "MW", is_investment=True),
    }
    earns_at: ClassVar[dict[str, str]] = {"price_per_mwh": "price of heat"}
    feeds_in: ClassVar[bool] = False

    def check(self, f: Frame) -> Iterator[Finding]:
        if all(hall.guests == [f.part] for hall in f.hosts("cooling")):
            yield Finding("cooling", "no machine gives heat to this hall, so there is none to sell", fatal=False)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.price = f.series_param(self.price_per_mwh)
        b.most_mw = f.series_param(self._most_mw(f))
        b.demand_mw = f.series_param(self.demand_mw)
        b.sold_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.most_mw[w, t]))
        if self.penalty_per_mwh is not None:
            b.penalty = f.series_param(self.penalty_per_mwh)

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self._electricity * b.sold_mw[w, t]

    def heat_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return -(1.0 - self._electricity) * b.sold_mw[w, t]

    def largest_power_mw(self, f: Frame) -> Floats:
        return np.asarray(self._electricity * self._most_mw(f))

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines = {"heat_revenue": f.by_step(lambda b, w, t: b.price[w, t] * b.sold_mw[w, t] * f.step_h)}
        if self.penalty_per_mwh is not None:
            lines["heat_shortfall"] = f.by_step(
                lambda b, w, t: -b.penalty[w, t] * (b.demand_mw[w, t] - b.sold_mw[w, t]) * f.step_h
            )
        return lines

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "heat_sold_mw": f.by_time(lambda b, w, t: b.sold_mw[w, t], "MW", "heat sold"),
            "heat_demand_mw": f.by_time(lambda b, w, t: b.demand_mw[w, t], "MW", "heat that could be sold"),
        }

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Heat sold", ("heat_sold_mw",), "MW", "heat sold", limits=("heat_demand_mw",)),)

    def audit(self, a: AuditView) -> None:
        sold = a["heat_sold_mw"]
        a.at_least("heat sold is not negative", sold, 0.0)
        a.at_most("heat sold within demand and capacity", sold, self._most_mw(a))
        a.equal("heat demand as given", a["heat_demand_mw"], a.values(self.demand_mw))
        a.equal("power is that of the heat pump", a["power_mw"], self._electricity * sold)
        a.money("heat_revenue", a.values(self.price_per_mwh) * a.energy_mwh(sold))
        if self.penalty_per_mwh is not None:
            short = a.energy_mwh(a.values(self.demand_mw) - sold)
            a.money("heat_shortfall", -a.values(self.penalty_per_mwh) * short)

    def audited_heat_mw(self, a: AuditView) -> Floats:
        return -(1.0 - self._electricity) * a["heat_sold_mw"]

    @property
    def _electricity(self) -> float:
        """Electricity per heat delivered."""
        return 0.0 if self.cop is None else 1.0 / self.cop

    def _most_mw(self, f: Frame | AuditView) -> Floats:
        demand = f.values(self.demand_mw)
        return demand if self.capacity_mw is None else np.minimum(demand, self.capacity_mw)
