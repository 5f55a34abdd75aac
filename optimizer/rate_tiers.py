"""Tiered rates: each part of a billed demand at the rate of its tier.

Tier ``j`` holds the demand between ``start_j`` and ``end_j``; ``x_j`` of the demand falls into it::

    x_j <= end_j - start_j,     cost >= sum_j rate_j * x_j

Where rates rise, the cheapest plan fills the tiers in order by itself: the cost is an epigraph. From the first tier on
that is cheaper than one before it, a binary ``full_j`` says that the tiers before ``j`` are full::

    x_j <= most_j * full_j,     x_{j-1} >= (end_{j-1} - start_{j-1}) * full_j

Only such tiers get a binary, month by month: a tariff may fall in summer and rise in winter. ``most_j`` comes from the
largest load that the site can take. A tier that is held full without need would be billed: see
:mod:`optimizer.idle_decisions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.component import Floats, StrictModel
from optimizer.frame import Frame
from optimizer.template import Constraint, Param, Var

KW_PER_MW = 1000.0
MONTHS_OF_YEAR = 12

Rate = Annotated[
    float, Field(strict=True, ge=0, allow_inf_nan=False, json_schema_extra={"unit": "currency/(kW month)"})
]
MonthlyRate = Rate | Annotated[tuple[Rate, ...], Field(min_length=MONTHS_OF_YEAR, max_length=MONTHS_OF_YEAR)]
"""A rate, or one for each calendar month from January to December."""


class DemandTier(StrictModel):
    """A part of the billed demand with a rate of its own."""

    up_to_mw: (
        Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False, json_schema_extra={"unit": "MW"})] | None
    ) = None
    """Upper end of the tier (MVA where the unit is ``kva``); the last tier is open and has none."""
    rate_per_kw_month: MonthlyRate
    """Rate of the demand within the tier; a number, or 12 by calendar month."""


def check_order(tiers: Sequence[DemandTier]) -> None:
    """ValueError for tiers that are out of order, overlap, or leave demand without a rate."""
    for number, tier in enumerate(tiers[:-1]):
        if tier.up_to_mw is None:
            raise ValueError(f"tier {number} has no up_to_mw; only the last tier is open")
    if tiers[-1].up_to_mw is not None:
        raise ValueError(
            f"the last tier ends at {tiers[-1].up_to_mw:g} MW, and demand above it has no rate; "
            "leave its up_to_mw out, it is open"
        )
    ends = [tier.up_to_mw for tier in tiers[:-1] if tier.up_to_mw is not None]
    for number, (end, following) in enumerate(pairwise(ends)):
        if following <= end:
            raise ValueError(
                f"tiers {number} and {number + 1} are out of order or overlap: up to {end:g} MW, then up to "
                f"{following:g} MW; up_to_mw must rise"
            )


def rates_by_month(rate: MonthlyRate, calendar_months: Sequence[int]) -> Floats:
    """The rate in each of the given calendar months (1 to 12)."""
    by_month = np.broadcast_to(np.asarray(rate, dtype=float), (MONTHS_OF_YEAR,))
    return np.asarray(by_month[np.asarray(calendar_months, dtype=int) - 1])


@dataclass(frozen=True)
class TieredRates:
    """Rates of a demand in MW by month and tier."""

    ends_mw: Floats
    """Upper end of each tier, (tiers,); the last is inf."""
    per_mw: Floats
    """Currency per MW and month, (months, tiers)."""

    @property
    def starts_mw(self) -> Floats:
        """Lower end of each tier, (tiers,)."""
        return np.concatenate([[0.0], self.ends_mw[:-1]])

    @property
    def widths_mw(self) -> Floats:
        """Size of each tier, (tiers,)."""
        return np.asarray(self.ends_mw - self.starts_mw)

    def filled_mw(self, demand_mw: Floats) -> Floats:
        """What of a demand falls into each tier, (members, months) to (members, months, tiers)."""
        return np.clip(demand_mw[..., np.newaxis] - self.starts_mw, 0.0, self.widths_mw)

    def cost(self, demand_mw: Floats) -> Floats:
        """Cost of a demand, (members, months), currency."""
        return np.asarray((self.filled_mw(demand_mw) * self.per_mw).sum(axis=-1))

    def in_order(self) -> list[tuple[int, int]]:
        """(month, tier) that need a binary: the first tier that costs less than one before it, or has one that does
        after it, and all that follow."""
        dearest_before = np.maximum.accumulate(self.per_mw, axis=1)[:, :-1]
        cheapest_from = np.minimum.accumulate(self.per_mw[:, ::-1], axis=1)[:, ::-1][:, 1:]
        told = np.logical_or.accumulate(dearest_before > cheapest_from, axis=1)
        return [(int(k), int(j) + 1) for k, j in np.argwhere(told)]


def declare_tiers(b: Any, f: Frame, rates: TieredRates, least_mw: Floats, most_mw: Floats) -> None:
    """``b.in_tier_mw[w, k, j]`` and ``b.cost[w, k]`` over ``b.months``, for demands from ``least_mw`` to ``most_mw``.

    Both are (members, months). ``most_mw`` has to be finite where :meth:`TieredRates.in_order` names tiers.
    """
    b.tiers = pyo.RangeSet(0, len(rates.ends_mw) - 1)
    b.rate = Param(b.months, b.tiers, values=rates.per_mw)
    b.tier_width_mw = Param(b.tiers, values=rates.widths_mw)
    b.least_in_tier_mw = Param(f.members, b.months, b.tiers, values=rates.filled_mw(least_mw))
    b.most_in_tier_mw = Param(f.members, b.months, b.tiers, values=rates.filled_mw(most_mw))
    b.in_tier_mw = Var(
        f.members,
        b.months,
        b.tiers,
        within=pyo.NonNegativeReals,
        bounds=lambda b, w, k, j: (b.least_in_tier_mw[w, k, j], b.most_in_tier_mw[w, k, j]),
        least=True,
    )
    b.cost = Var(f.members, b.months, within=pyo.NonNegativeReals, least=True)
    b.in_order = pyo.Set(initialize=rates.in_order(), dimen=2)
    b.full = Var(f.members, b.in_order, within=pyo.Binary, least=True)


def constrain_tiers(b: Any, f: Frame) -> None:
    """The cost by tiers, and the order in which they fill."""
    b.tiered_cost = Constraint(
        f.members,
        b.months,
        rule=lambda b, w, k: b.cost[w, k] >= sum(b.rate[k, j] * b.in_tier_mw[w, k, j] for j in b.tiers),
        doc="each part of the billed demand costs the rate of its tier",
    )
    b.opened = Constraint(
        f.members,
        b.in_order,
        rule=lambda b, w, k, j: b.in_tier_mw[w, k, j] <= b.most_in_tier_mw[w, k, j] * b.full[w, k, j],
        doc="a tier is open once those before it are full",
    )
    b.filled = Constraint(
        f.members,
        b.in_order,
        rule=lambda b, w, k, j: b.in_tier_mw[w, k, j - 1] >= b.tier_width_mw[j - 1] * b.full[w, k, j],
        doc="the tier before an open one is full",
    )


def in_all_tiers_mw(b: Any, w: Any, k: Any) -> Any:
    """The demand billed in a month, MW, as a model expression."""
    return sum(b.in_tier_mw[w, k, j] for j in b.tiers)
