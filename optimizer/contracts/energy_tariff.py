"""Energy tariff: supply at the rates of a tariff, by time of use and by blocks.

Delivers ``q_t`` MW, up to an optional limit, and charges it by the rates of :mod:`optimizer.energy_rates`::

    0 <= q_t <= limit_t,      cost = sum of the rates' charges and of the adder, on q_t
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Floats, Result
from optimizer.contract import Supply
from optimizer.energy_rates import EnergyRates
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Series, SeriesOf
from optimizer.template import Var


class EnergyTariff(EnergyRates, Supply):
    """Energy bought at the rates of a tariff."""

    holds: ClassVar[dict[str, Holds]] = {
        "delivered_mw": Holds(
            Code.CONTRACT_LIMIT, "the contract delivers at most {limit} MW", unit="MW", field="limit_mw"
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("limit_mw",)

    kind: Literal["energy_tariff"] = "energy_tariff"
    limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most power that the contract delivers; unlimited by default."""

    def variables(self, b: Any, f: Frame) -> None:
        b.limit_mw = f.series_param(self.most_delivered_mw(f))
        b.delivered_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.limit_mw[w, t])
        )
        super().variables(b, f)

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def billed_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def metered_mw(self, r: Reading) -> Floats:
        return r["delivered_mw"]

    def most_delivered_mw(self, f: Frame) -> Floats:
        return f.full(np.inf) if self.limit_mw is None else f.values(self.limit_mw)

    def most_billed_mw(self, f: Frame) -> Floats:
        return np.minimum(self.most_delivered_mw(f), f.largest_load_mw)

    def lowest_buy_price(self, f: Frame) -> Floats:
        return self.lowest_price(f)

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "delivered_mw": f.by_time(lambda b, w, t: b.delivered_mw[w, t], "MW", "power delivered by the contract")
        }

    def audit(self, a: AuditView) -> None:
        a.at_least("delivered power is not negative", a["delivered_mw"], 0.0)
        a.at_most("delivered power within limit_mw", a["delivered_mw"], self.most_delivered_mw(a.frame))
        super().audit(a)
