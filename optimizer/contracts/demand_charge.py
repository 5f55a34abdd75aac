"""Demand charge: money per kW of the highest import of a month, in a window of hours.

``peak_k`` is at least every metered demand (:mod:`optimizer.demand_interval`) of month ``k`` that lies in the window;
``billed_k`` adds the peak to date and the ratchet (:mod:`optimizer.billing_demand`); ``cost_k`` prices it, by tiers if
there are (:mod:`optimizer.rate_tiers`)::

    demand = - sum_k (cost_k(billed_k) - sunk_k)
    peak_k >= demand_i for i in the window and month k

A month is charged whole, also one that the horizon cuts at its end. Of the month in which the horizon starts inside
only the increase over its floor is charged, ``sunk_k = cost_k(floor_k)``: the floor was booked before. In all other
months ``sunk_k = 0``. With ``prorate`` each month pays ``share_k * cost_k(billed_k)`` instead, by the share of its
hours that the horizon covers, and nothing is sunk.

In ``kva`` the billed demand is the power divided by ``power_factor``; rates and tiers are then per kVA. Several
demand charges (of all hours, of the summer's afternoons) are several contracts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import Field, field_validator, model_validator

from optimizer.audit import AuditView
from optimizer.billing_demand import (
    MONTHS_OF_YEAR,
    BillingMonths,
    Ratchet,
    billing_months,
    calendar_month,
    month_after,
    month_label,
)
from optimizer.chart import Chart
from optimizer.component import Carried, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Contract, Peak
from optimizer.demand_checks import demand_findings
from optimizer.demand_interval import (
    DemandIntervals,
    Interval,
    declare_intervals,
    demand_intervals,
    mean_demand_mw,
)
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Efficiency, Megawatts
from optimizer.rate_tiers import (
    KW_PER_MW,
    DemandTier,
    MonthlyRate,
    TieredRates,
    check_order,
    constrain_tiers,
    declare_tiers,
    in_all_tiers_mw,
    rates_by_month,
)
from optimizer.rest_of_period import ChargedOverPeriods
from optimizer.settlement import at_period_ends, last_steps
from optimizer.template import Constraint, Param, Var
from optimizer.windows import Windowed


class DemandCharge(Windowed, ChargedOverPeriods, Contract):
    """A charge on the highest import of each month."""

    holds: ClassVar[dict[str, Holds]] = {
        "peak": Holds(
            Code.PEAK_AVOIDANCE,
            "more would raise the peak of {figure} MW that the month is charged for",
            unit="MW",
            figure="peak_mw",
        ),
        "own_peak": Holds(Code.PEAK_AVOIDANCE, "the peak of the month is charged", unit="MW"),
        "ratchet": Holds(Code.PEAK_AVOIDANCE, "the peak counts for later months, too", unit="MW", field="ratchet"),
        "peak_mw at least": Holds(
            Code.PEAK_AVOIDANCE,
            "the month has had a peak of {limit} MW already",
            unit="MW",
            field="month_to_date_peak_mw",
        ),
    }

    carries: ClassVar[dict[str, str]] = {"peaks_mw": "highest demand in the window, MW, by month"}

    kind: Literal["demand_charge"] = "demand_charge"
    rate_per_kw_month: MonthlyRate | None = None
    """Money per kW (or kVA) of billed demand and month: a number, or 12 by calendar month; or give ``tiers``."""
    tiers: Annotated[tuple[DemandTier, ...], Field(min_length=1)] | None = None
    """Marginal rates by size of the billed demand, in rising order; the last tier is open."""
    month_to_date_peak_mw: Megawatts | None = None
    """Highest demand so far, in the window, of the month in which the horizon starts inside."""
    ratchet: Ratchet | None = None
    """Share of the peaks of other months that is billed at least."""
    prorate: bool = False
    """Charge each month by the share of it that the horizon covers; by default a month is charged whole."""
    unit: Literal["kw", "kva"] = "kw"
    """Unit in which demand is billed."""
    power_factor: Efficiency | None = None
    """kW per kVA of the site, for ``unit: kva``."""
    interval: Interval | None = None
    """Interval of the demand meter, aligned to the clock: demand is its mean; by default that of a step."""

    @field_validator("tiers")
    @classmethod
    def _tiers_in_order(cls, tiers: tuple[DemandTier, ...] | None) -> tuple[DemandTier, ...] | None:
        if tiers:
            check_order(tiers)
        return tiers

    @model_validator(mode="after")
    def _rate_and_unit(self) -> Self:
        if (self.rate_per_kw_month is None) == (self.tiers is None):
            raise ValueError("give either rate_per_kw_month or tiers")
        if self.unit == "kva" and self.power_factor is None:
            raise ValueError("unit: kva needs power_factor")
        if self.unit == "kw" and self.power_factor is not None:
            raise ValueError("power_factor is for unit: kva")
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from demand_findings(self, f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        months, intervals, rates = self.months(f), self.intervals(f), self.tiered_rates(f)
        b.months = pyo.RangeSet(0, len(months.numbers) - 1)
        b.month_of = Param(f.steps, values=months.codes)
        b.to_date_mw = Param(f.members, b.months, values=months.to_date_mw)
        b.peak_mw = Var(
            f.members,
            b.months,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, k: (b.to_date_mw[w, k], np.inf),
            least=True,
        )
        declare_tiers(b, f, rates, months.floor_mw, self._most_billed_mw(f))
        declare_intervals(b, f, intervals)
        b.month_of_interval = Param(b.intervals, values=months.codes[intervals.first])
        b.share = Param(b.months, values=self._shares(f))
        b.sunk = Param(f.members, b.months, values=rates.cost(self._booked_before_mw(f)))

    def constraints(self, b: Any, f: Frame) -> None:
        months = self.months(f)
        b.peak = Constraint(
            f.members,
            b.counted,
            rule=lambda b, w, i: mean_demand_mw(b, f, w, i) <= b.peak_mw[w, b.month_of_interval[i]],
            doc="the month's peak covers the demand of every interval in the window",
        )
        b.charged = pyo.Set(initialize=np.flatnonzero(months.charged).tolist(), dimen=1)
        b.own_peak = Constraint(
            f.members,
            b.charged,
            rule=lambda b, w, k: in_all_tiers_mw(b, w, k) >= b.peak_mw[w, k],
            doc="the billed demand covers the month's peak",
        )
        b.lookbacks = pyo.Set(initialize=months.lookbacks, dimen=2)
        b.ratchet = Constraint(
            f.members,
            b.lookbacks,
            rule=lambda b, w, k, j: in_all_tiers_mw(b, w, k) >= months.fraction * b.peak_mw[w, j],
            doc="the billed demand covers the ratchet's share of the peaks of look-back months",
        )
        constrain_tiers(b, f)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        codes = f.horizon.period_codes("month")
        return {
            f"{self.name}_demand": f.by_period(
                b.months, lambda b, w, k: -b.share[k] * (b.cost[w, k] - b.sunk[w, k]), codes
            )
        }

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "billed_demand_mw": f.by_time(
                lambda b, w, t: in_all_tiers_mw(b, w, b.month_of[t]), "MW", "billed demand of the month"
            ),
            "demand_mw": f.by_time(
                lambda b, w, t: b.counts[t] * mean_demand_mw(b, f, w, b.interval_of[t]),
                "MW",
                "metered demand in the window",
            ),
        }

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Peaks", ("demand_mw",), "MW", "demand in the window", limits=("billed_demand_mw",)),)

    def end_rule(self, f: Frame) -> str | None:
        after = month_after(f.horizon)
        if after == self.months(f).numbers[-1]:
            charged = "by the share covered" if self.prorate else "whole"
            return f"{month_label(after)} is charged {charged}; its peak so far is carried on"
        return None if self.ratchet is None else "peaks of look-back months are carried on"

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> dict[str, BillLine]:
        months, rates = self.months(r.frame), self.tiered_rates(r.frame)
        billed = months.billed_mw(self._peaks_mw(r))
        sunk_mw = self._booked_before_mw(r.frame)
        amounts = -self._shares(r.frame) * (rates.cost(billed) - rates.cost(sunk_mw))
        quantity = (billed - sunk_mw) * KW_PER_MW / self._kw_per_unit
        return {
            f"{self.name}_demand": BillLine(
                at_period_ends(months.codes, amounts),
                at_period_ends(months.codes, quantity),
                "kVA" if self.unit == "kva" else "kW",
            )
        }

    def peaks_mw(self, r: Reading) -> list[Peak]:
        """The step of each month's highest demand, where that demand is what the month is charged for."""
        months, intervals = self.months(r.frame), self.intervals(r.frame)
        demand, imported = intervals.demand_mw(r.import_mw), r.import_mw
        billed, booked = months.billed_mw(self._peaks_mw(r)), self._booked_before_mw(r.frame)
        found = []
        for member, month in np.argwhere(billed > booked):
            of_month = np.where(months.codes[intervals.first] == month, demand[member], -np.inf)
            highest = int(np.argmax(of_month))
            if of_month[highest] < billed[member, month]:
                continue  # the peak to date or a look-back month sets the charge
            of_interval = np.where(intervals.of_step == highest, imported[member], -np.inf)
            words = f"{self.name}: peak of {months.labels[month]}"
            found.append(Peak(int(member), int(np.argmax(of_interval)), float(of_month[highest]), words))
        return found

    def audit(self, a: AuditView) -> None:
        months, intervals = self.months(a.frame), self.intervals(a.frame)
        demand = intervals.demand_mw(a.import_mw)[:, intervals.of_step]
        a.equal("demand is the mean import of each interval in the window", a["demand_mw"], demand)
        reported = a["billed_demand_mw"]
        by_month = reported[:, last_steps(months.codes)]
        a.equal("billed demand is one figure for the month", reported, by_month[:, months.codes])
        needed = months.billed_mw(self._peaks_mw(a))
        a.at_least("billed demand covers the peaks of the month and of look-back months", by_month, needed)
        a.at_most("no demand is billed in months without a charge", by_month * ~months.charged, 0.0)
        # more than needed may stand there only where it is free, within a tier of rate 0
        rates = self.tiered_rates(a.frame)
        a.equal("billed demand costs no more than what was metered", rates.cost(by_month), rates.cost(needed))
        super().audit(a)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        peaks = self.months(a.frame).needed_later(self._peaks_mw(a), self.ratchet, month_after(a.horizon))
        return {"peaks_mw": peaks} if peaks else {}

    # ------------------------------------------------------------------ what is known beforehand
    @property
    def _kw_per_unit(self) -> float:
        """kW per unit in which demand is billed."""
        return 1.0 if self.power_factor is None else self.power_factor

    def months(self, f: Frame) -> BillingMonths:
        """Months of the horizon, with their floors."""
        return f.remembered("months", lambda: self._billing_months(f))

    def _billing_months(self, f: Frame) -> BillingMonths:
        has_rate = np.asarray(self._rates(range(1, MONTHS_OF_YEAR + 1)).any(axis=1))
        return billing_months(f, self.ratchet, self.calendar_months(), self.month_to_date_peak_mw, has_rate)

    def intervals(self, f: Frame) -> DemandIntervals:
        """Intervals of the demand meter."""
        return f.remembered("intervals", lambda: demand_intervals(f.horizon, self.interval, self.mask(f.horizon)))

    def tiered_rates(self, f: Frame) -> TieredRates:
        """Cost of a demand in MW by month; none in months without a charge."""
        return f.remembered("tiered_rates", lambda: self._rates_of_months(f))

    def _rates_of_months(self, f: Frame) -> TieredRates:
        months = self.months(f)
        rates = self._rates([calendar_month(n) for n in months.numbers]) * KW_PER_MW / self._kw_per_unit
        ends = [tier.up_to_mw for tier in self.tiers or ()][:-1]
        ends_mw = np.append(np.array(ends, dtype=float) * self._kw_per_unit, np.inf)
        return TieredRates(ends_mw, rates * months.charged[:, np.newaxis])

    def _rates(self, calendar_months: Sequence[int]) -> Floats:
        """Rates per kW (or kVA), (months, tiers)."""
        rates = [tier.rate_per_kw_month for tier in self.tiers or ()]
        if self.rate_per_kw_month is not None:
            rates = [self.rate_per_kw_month]
        return np.stack([rates_by_month(rate, calendar_months) for rate in rates], axis=1)

    def _peaks_mw(self, r: Reading) -> Floats:
        """Highest demand of each month in the horizon, (members, months)."""
        intervals = self.intervals(r.frame)
        return self.months(r.frame).peaks_mw(intervals.demand_mw(r.import_mw), intervals)

    def largest_billed_mw(self, f: Frame) -> Floats:
        """Most that can be billed, all machines running, (members, months)."""
        intervals, months = self.intervals(f), self.months(f)
        return months.billed_mw(months.peaks_mw(intervals.demand_mw(f.largest_load_mw), intervals))

    def _most_billed_mw(self, f: Frame) -> Floats:
        """Bound of the billed demand, (members, months): finite only where binaries need it."""
        months = self.months(f)
        bounded = np.zeros(len(months.numbers), dtype=bool)
        bounded[[month for month, _ in self.tiered_rates(f).in_order()]] = True
        most = np.where(months.charged, np.inf, 0.0)
        return np.where(bounded, self.largest_billed_mw(f), most)

    def _shares(self, f: Frame) -> Floats:
        """Share of each month's cost that is charged, (months,); of a window in which decisions are taken, its part."""
        left = self.windows_left(f, "month")
        return (self.covered_share(f) if self.prorate else np.ones_like(left)) / left

    def _booked_before_mw(self, f: Frame) -> Floats:
        """Billed demand that was charged before the horizon, (members, months); none of it where months are
        prorated."""
        booked = self.months(f).booked_before_mw
        return np.zeros_like(booked) if self.prorate else booked
