"""Service-level credits: a share of a month's revenue that is given back when too little of its demand was served.

With the share served ``S_m / D_m`` of calendar month ``m`` and tiers ``k`` that fall in ``below_k`` and rise in
``fraction_k`` (``fraction_0 = 0``), the customer gets back the fraction of the lowest tier that the month is below::

    credit_m = max { fraction_k : S_m < below_k * D_m } * revenue_m

As fractions rise, that is the sum of their increments, each with a binary ``missed_{k,m}``::

    S_m >= below_k * D_m * (1 - missed_{k,m})
    part_{k,m} >= (fraction_k - fraction_{k-1}) * (revenue_m - most_m * (1 - missed_{k,m})),    part_{k,m} >= 0
    credits = - sum_m sum_k part_{k,m}

with ``most_m`` the revenue of a month in which everything is served, the least big-M that will do. A level that is
reached to 1e-6 of the demand counts as reached. ``revenue_m`` is that of the service's own demand, with input priced
apart; batch work does not count.

A month that the horizon cuts is judged on what has been served so far. Demand, served units and revenue of the month
before the horizon are carried (:mod:`optimizer.running_period`); what the runs before have booked is taken off, so that
runs in a row book together what one long run books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.component import Carried, Floats, MoneyLine, StrictModel
from optimizer.frame import Frame
from optimizer.running_period import carried_sums, handed_on
from optimizer.settlement import at_period_ends, sums_by_period
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.horizon import Horizon

CARRIES = {
    "month_demand": "demand so far, units, by month (with credits)",
    "month_served": "demand served so far, units, by month (with credits)",
    "month_revenue": "revenue so far, currency, by month (with credits)",
}
BOOKED = "month_credited"
CREDIT_CARRIES = CARRIES | {BOOKED: "credits booked so far, currency, by month (with credits)"}
REACHED = 1e-6
"""Relative margin within which a level counts as reached."""


class CreditTier(StrictModel):
    """One tier of the service-level agreement."""

    below: Annotated[float, Field(gt=0, le=1, strict=True)]
    """Share of the month's demand; credits are due where less is served."""
    credit_fraction: Annotated[float, Field(gt=0, le=1, strict=True)]
    """Share of the month's revenue that is given back."""


def tier_problem(tiers: Sequence[CreditTier]) -> str | None:
    """What is wrong with the order of tiers."""
    for higher, lower in pairwise(tiers):
        if lower.below >= higher.below:
            return f"credits: tiers must fall in below; found {higher.below:g} before {lower.below:g}"
        if lower.credit_fraction <= higher.credit_fraction:
            return (
                f"credits: a lower tier gives back more; found {higher.credit_fraction:g} below {higher.below:g} and "
                f"{lower.credit_fraction:g} below {lower.below:g}"
            )
    return None


@dataclass(frozen=True)
class Months:
    """Demand and served demand (units) and revenue (currency) of each month, (members, months)."""

    demand: Floats
    served: Floats
    revenue: Floats

    @classmethod
    def carried(cls, f: Frame) -> Months:
        """What came before the horizon."""
        return cls(*(carried_sums(f, key, "month") for key in CARRIES))

    @classmethod
    def of(cls, horizon: Horizon, demand: Floats, served: Floats, price: Floats) -> Months:
        """Rates (units per hour) and prices of the horizon, (members, steps), summed by month."""
        codes = horizon.period_codes("month")
        demand, served = demand * horizon.step_h, served * horizon.step_h
        return cls(*(sums_by_period(codes, values) for values in (demand, served, price * served)))

    def __add__(self, other: Months) -> Months:
        return Months(self.demand + other.demand, self.served + other.served, self.revenue + other.revenue)

    def credit(self, tiers: Sequence[CreditTier]) -> Floats:
        """What is given back, (members, months)."""
        fraction = np.zeros(self.demand.shape)
        for tier in tiers:
            missed = self.served < tier.below * self.demand - REACHED * np.maximum(1.0, self.demand)
            fraction = np.where(missed, tier.credit_fraction, fraction)
        return np.asarray(fraction * self.revenue)

    def handed_on(self, f: Frame, tiers: Sequence[CreditTier]) -> dict[str, Carried]:
        """The carry of the last month; a plan that is left before its end has booked nothing of it yet."""
        booked = booked_before(f, tiers) if f.is_cut else self.credit(tiers)
        sums = zip([*CARRIES, BOOKED], (self.demand, self.served, self.revenue, booked), strict=True)
        return {key: handed_on(f.horizon, "month", values) for key, values in sums}


def booked_before(f: Frame, tiers: Sequence[CreditTier]) -> Floats:
    """Credits that earlier runs have booked, (members, months); by their formula where that is not carried."""
    return carried_sums(f, BOOKED, "month") if BOOKED in f.carried else Months.carried(f).credit(tiers)


def declare_credits(b: Any, f: Frame, tiers: Sequence[CreditTier], whole: Months, served: Any, revenue: Any) -> None:
    """Variables and rules; ``whole`` are the months with everything served, ``served(w, t)`` and ``revenue(w, t)`` the
    model's units and currency of a step."""
    before = Months.carried(f)
    below = np.array([tier.below for tier in tiers])[:, np.newaxis, np.newaxis]
    step_up = np.diff([0.0, *(tier.credit_fraction for tier in tiers)])
    codes = f.horizon.period_codes("month")
    b.months = pyo.RangeSet(0, int(codes.max()))
    b.month_steps = pyo.Set(b.months, initialize={m: np.flatnonzero(codes == m).tolist() for m in b.months})
    b.tiers = pyo.RangeSet(0, len(tiers) - 1)
    b.level = Param(b.tiers, f.members, b.months, values=np.maximum(0.0, below * (before + whole).demand))
    b.month_served_before = Param(f.members, b.months, values=before.served)
    b.month_revenue_before = Param(f.members, b.months, values=before.revenue)
    b.month_revenue_most = Param(f.members, b.months, values=(before + whole).revenue)
    b.credit_before = Param(f.members, b.months, values=booked_before(f, tiers))
    b.credit_step = Param(b.tiers, values=step_up)
    b.missed = Var(b.tiers, f.members, b.months, within=pyo.Binary, least=True)
    b.credit = Var(b.tiers, f.members, b.months, within=pyo.NonNegativeReals)
    b.level_kept = Constraint(
        b.tiers,
        f.members,
        b.months,
        rule=lambda b, k, w, m: (
            sum(served(w, t) for t in b.month_steps[m])
            >= b.level[k, w, m] * (1 - b.missed[k, w, m]) - b.month_served_before[w, m]
        ),
        doc="the month's service level is kept, or credits are due",
    )
    b.credit_due = Constraint(
        b.tiers,
        f.members,
        b.months,
        rule=lambda b, k, w, m: (
            b.credit[k, w, m]
            >= b.credit_step[k]
            * (
                b.month_revenue_before[w, m]
                + sum(revenue(w, t) for t in b.month_steps[m])
                - b.month_revenue_most[w, m] * (1 - b.missed[k, w, m])
            )
        ),
        doc="credits are a share of the month's revenue",
    )


def credit_money(b: Any, f: Frame) -> MoneyLine:
    """Credits of each month, booked in its last step, less what earlier runs have booked."""
    return f.by_period(
        b.months,
        lambda b, w, m: b.credit_before[w, m] - sum(b.credit[k, w, m] for k in b.tiers),
        f.horizon.period_codes("month"),
    )


def audited_credits(f: Frame, tiers: Sequence[CreditTier], served_months: Months) -> Floats:
    """Credits step by step, (members, steps), from the units of the horizon."""
    before = Months.carried(f)
    booked = booked_before(f, tiers) - (before + served_months).credit(tiers)
    return at_period_ends(f.horizon.period_codes("month"), booked)
