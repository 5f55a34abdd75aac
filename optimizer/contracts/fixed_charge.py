"""Fixed charge: an amount per month or per day, whatever is used.

Billed by the share of each month and of each day that the horizon covers, and booked at the end of each month::

    fixed_m = - per_month * covered share of m  -  per_day * sum over the days d of m of (covered share of d)

It is sunk: no schedule changes it. Customer charges, meter charges and credits of a fixed amount are of this kind.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from optimizer.component import Floats, MoneyLine
from optimizer.contract import BillLine, Contract
from optimizer.frame import Frame
from optimizer.horizon import Horizon
from optimizer.metering import Reading
from optimizer.quantities import Money
from optimizer.settlement import at_period_ends, declare_periods
from optimizer.template import Param


class FixedCharge(Contract):
    """An amount per month or per day."""

    kind: Literal["fixed_charge"] = "fixed_charge"
    per_month: Money | None = None
    """Amount per calendar month, currency; below 0 for a credit."""
    per_day: Annotated[Money, Field(json_schema_extra={"unit": "currency/day"})] | None = None
    """Amount per calendar day, currency; below 0 for a credit."""

    @model_validator(mode="after")
    def _charges_something(self) -> Self:
        if self.per_month is None and self.per_day is None:
            raise ValueError("give per_month, per_day, or both")
        return self

    def variables(self, b: Any, f: Frame) -> None:
        declare_periods(b, f.horizon.period_codes("month"))
        b.amount = Param(b.periods, values=self._amounts(f.horizon))

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        codes = f.horizon.period_codes("month")
        return {f"{self.name}_fixed": f.by_period(b.periods, lambda b, w, m: -b.amount[m], codes)}

    def bill(self, r: Reading) -> dict[str, BillLine]:
        months, days = r.horizon.covered_share("month"), _days(r.horizon)
        codes = r.horizon.period_codes("month")
        amount = (self.per_month or 0.0) * months + (self.per_day or 0.0) * days
        quantity, unit = (days, "days") if self.per_month is None else (months, "months")
        if self.per_month is not None and self.per_day is not None:
            return {f"{self.name}_fixed": BillLine(self._booked(r, codes, -amount))}
        return {f"{self.name}_fixed": BillLine(self._booked(r, codes, -amount), self._booked(r, codes, quantity), unit)}

    @staticmethod
    def _booked(r: Reading, codes: Any, by_month: Floats) -> Floats:
        return at_period_ends(codes, np.broadcast_to(by_month, (r.shape[0], len(by_month))))

    def _amounts(self, horizon: Horizon) -> Floats:
        """Amount of each month, (months,)."""
        return (self.per_month or 0.0) * horizon.covered_share("month") + (self.per_day or 0.0) * _days(horizon)


def _days(horizon: Horizon) -> Floats:
    """Days of each month that the horizon covers, (months,)."""
    first_of_day = np.flatnonzero(np.diff(horizon.period_codes("day"), prepend=-1))
    by_month = np.bincount(horizon.period_codes("month")[first_of_day], horizon.covered_share("day"))
    return by_month.astype(float)
