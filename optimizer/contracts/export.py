"""Export: power sold to the grid at a price series.

Sells ``e_t`` MW, up to an optional limit of the contract and, over all contracts, to the limit of the grid connection::

    revenue = sum_t (price_t - fee_t) * e_t * step_h,      0 <= e_t <= limit_t
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Expandable, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Contract
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Series, SeriesOf
from optimizer.template import Var


class Export(Contract):
    """Power sold to the grid."""

    deeds: ClassVar[tuple[str, str, str]] = ("delivers", "takes nothing", "takes away")
    holds: ClassVar[dict[str, Holds]] = {
        "sold_mw": Holds(Code.CONTRACT_LIMIT, "the contract takes at most {limit} MW", unit="MW", field="limit_mw"),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("limit_mw",)

    expandable: ClassVar[dict[str, Expandable]] = {
        "limit_mw": Expandable("limit of what is sold", "MW"),
    }
    sells: ClassVar[bool] = True
    schedules: ClassVar[tuple[str, ...]] = ("sold_mw",)

    kind: Literal["export"] = "export"
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Price paid for exports; may be negative and may differ by member."""
    fee_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] = Series.constant(0.0)
    """Fee on every MWh exported."""
    limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most power that the contract takes; by default what the grid connection lets through."""

    def check(self, f: Frame) -> Iterator[Finding]:
        if not (_grid_limit_mw(f) > 0).any():
            yield Finding(
                "kind",
                "an export contract needs a grid connection that lets power out",
                hint="give the site's grid.export_limit_mw above 0",
            )

    def variables(self, b: Any, f: Frame) -> None:
        b.unit_price = f.series_param(self._unit_price(f))
        b.limit_mw = f.series_param(self._limit_mw(f))
        b.sold_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.limit_mw[w, t]))

    def sold_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.sold_mw[w, t]

    def highest_sell_price(self, f: Frame) -> Floats:
        return np.where(self._limit_mw(f) > 0, self._unit_price(f), -np.inf)

    def most_sold_mw(self, f: Frame) -> Floats:
        return f.full(np.inf) if self.limit_mw is None else f.values(self.limit_mw)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {f"{self.name}_revenue": f.by_step(lambda b, w, t: b.unit_price[w, t] * b.sold_mw[w, t] * f.step_h)}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {"sold_mw": f.by_time(lambda b, w, t: b.sold_mw[w, t], "MW", "power sold by the contract")}

    def prices(self, f: Frame) -> dict[str, Floats]:
        return {self.name: self._unit_price(f)}

    def audit(self, a: AuditView) -> None:
        sold = a["sold_mw"]
        a.at_least("power sold is not negative", sold, 0.0)
        if self.limit_mw is not None:
            a.at_most("power sold within limit_mw", sold, a.values(self.limit_mw))
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        sold = r.energy_mwh(r["sold_mw"])
        price = r.values(self.price_per_mwh) - r.values(self.fee_per_mwh)
        return {f"{self.name}_revenue": BillLine(price * sold, sold, "MWh")}

    def _unit_price(self, f: Frame) -> Floats:
        return f.values(self.price_per_mwh) - f.values(self.fee_per_mwh)

    def _limit_mw(self, f: Frame) -> Floats:
        """Most that can be sold; the grid's limit is a bound of each contract too, which keeps the variable finite."""
        grid = _grid_limit_mw(f)
        return grid if self.limit_mw is None else np.minimum(grid, f.values(self.limit_mw))


def _grid_limit_mw(f: Frame) -> Floats:
    return f.zeros() if f.export_limit_mw is None else f.export_limit_mw
