"""Demand response: a committed reduction of load, paid for being available and for being delivered when called.

The commitment ``C`` MW is one decision for the horizon and for all members (here-and-now), or given. In an event step
the load reduced is the distance of the metered import to the programme's baseline, and never negative::

    reduction_t = max(0, baseline_t - import_t)
    short_t     = max(0, C - reduction_t)
    paid_t      = min(C, reduction_t),  or reduction_t with pay_above

    availability = sum_{t in window} availability_per_mw_h * C * step_h
    performance  = sum_{t in events} energy_per_mwh * paid_t * step_h
    penalty      = - sum_{t in events} penalty_per_mwh * short_t * step_h

With ``counted_t = min(import_t, baseline_t)``, what the programme sees of the load, this is convex::

    counted_t >= import_t,   reduction_t = baseline_t - counted_t,   short_t >= C - reduction_t,   short_t >= 0
    paid_t = C - short_t,  or reduction_t with pay_above

because no price is negative: less of either variable never costs. Only where the site can take more than its baseline
does the programme stop to see it, which is not convex; there a binary says whether it does, with ``most_t`` the most
that the site can take::

    counted_t >= import_t - (most_t - baseline_t) * (1 - below_t),    counted_t >= baseline_t * (1 - below_t)
    import_t >= baseline_t * (1 - below_t),                           counted_t <= baseline_t

Events above ``max_event_hours`` of the calendar period, earlier runs included, are refused: the operator of the
programme may not call them (:mod:`optimizer.event_hours`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Contract
from optimizer.event_hours import (
    HOURS_USED,
    BudgetPeriod,
    carried_hours,
    carried_hours_findings,
    hours_by_period,
    hours_to_carry,
    zero_or_one,
)
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Hours, Megawatts, Series, SeriesOf
from optimizer.template import Constraint, Var
from optimizer.when import first
from optimizer.windows import Window, mask_of


class DemandResponse(Contract):
    """A committed reduction of load in events."""

    holds: ClassVar[dict[str, Holds]] = {
        "shortfall": Holds(Code.CALL, "an event is called, and load above the commitment pays the penalty", unit="MW"),
        "counted": Holds(Code.CALL, "an event is called: load counts against the commitment", unit="MW"),
        "counted_below": Holds(
            Code.CALL, "an event is called: load counts against the baseline", unit="MW", field="baseline_mw"
        ),
        "counted_above": Holds(
            Code.CALL, "an event is called: above the baseline no reduction counts", unit="MW", field="baseline_mw"
        ),
        "above": Holds(
            Code.CALL, "the load is below the baseline of the event, or it is not", unit="MW", field="baseline_mw"
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("committed_mw", "min_mw", "max_event_hours")

    schedules: ClassVar[tuple[str, ...]] = ("committed_mw",)
    carries: ClassVar[dict[str, str]] = {HOURS_USED: "event hours so far, by the calendar period of max_event_hours, h"}

    kind: Literal["demand_response"] = "demand_response"
    committed_mw: Megawatts | None = None
    """Reduction that is committed, where it is not a decision."""
    min_mw: Megawatts | None = None
    """Least reduction to commit, where it is a decision; 0 by default."""
    max_mw: Megawatts | None = None
    """Most reduction to commit, where it is a decision."""
    availability_per_mw_h: Annotated[Series, SeriesOf("currency/MW/h", ge=0)] = Series.constant(0.0)
    """Payment per MW committed and hour of the programme's hours (``window``)."""
    window: Window | None = None
    """Hours of the programme: availability is paid in them, and events can only be called in them; always by
    default."""
    events: Annotated[Series, SeriesOf("1", ge=0, le=1)]
    """1 in the steps of an event, 0 in others; may differ by member."""
    baseline_mw: Annotated[Series, SeriesOf("MW", ge=0)]
    """Load that the programme takes the site to have without the event; may differ by member."""
    energy_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] = Series.constant(0.0)
    """Payment per MWh reduced in an event, up to the commitment."""
    pay_above: bool = False
    """Whether reductions above the commitment are paid too."""
    penalty_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] = Series.constant(0.0)
    """Penalty per MWh by which a reduction stays short of the commitment."""
    max_event_hours: Hours | None = None
    """Most hours of events that may be called in a calendar period."""
    max_event_hours_per: BudgetPeriod = "year"
    """Calendar period of ``max_event_hours``."""

    @model_validator(mode="after")
    def _given_or_decided(self) -> Self:
        if (self.committed_mw is None) == (self.max_mw is None):
            raise ValueError("must be given either committed_mw, or max_mw for a commitment that the plan decides")
        if self.max_mw is None and self.min_mw is not None:
            raise ValueError("min_mw: of no effect with committed_mw")
        least, most = self._range_mw
        if least > most:
            raise ValueError(f"min_mw {least:g} exceeds max_mw {most:g}")
        return self

    @property
    def _range_mw(self) -> tuple[float, float]:
        """Least and most that may be committed."""
        if self.committed_mw is not None:
            return self.committed_mw, self.committed_mw
        return self.min_mw or 0.0, self.max_mw or 0.0

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        events, baseline = f.values(self.events), f.values(self.baseline_mw)
        yield from zero_or_one(f, events, "events")
        called = events > 0.0
        if self.window is not None:
            yield from self.window.findings(f.horizon, "window")
            outside = first(f, called & ~self.window.mask(f.horizon))
            if outside is not None:
                yield Finding("events", f"an event is called outside of the programme's hours, {outside.words}")
        yield from self._budget_findings(f, events)
        committed, _ = self._range_mw
        low = first(f, called & (baseline < committed))
        if low is not None:
            yield Finding(
                "baseline_mw",
                f"lower than the commitment of {committed:g} MW in an event, {low.words}: that much cannot be reduced",
                float(baseline[low.member, low.step]),
                fatal=False,
            )

    def _budget_findings(self, f: Frame, events: Floats) -> Iterator[Finding]:
        per = self.max_event_hours_per
        yield from carried_hours_findings(f, per, "max_event_hours")
        if self.max_event_hours is None:
            return
        before, called = carried_hours(f, per), hours_by_period(f, events, per)
        over = before + called > self.max_event_hours * (1.0 + 1e-9)
        if over.any():
            member, period = np.unravel_index(np.argmax(over), over.shape)
            told = f"{called[member, period]:g} h of events are called in {f.horizon.period_labels(per)[period]}"
            told += f" of member {member}" if f.members_count > 1 else ""
            told += f", after {before[member, period]:g} h in earlier runs" if before[member, period] else ""
            yield Finding("events", told, allowed=f"at most {self.max_event_hours:g} h in all (max_event_hours)")

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        events, baseline = f.values(self.events), f.values(self.baseline_mw)
        b.event = f.series_param(self.events)
        b.baseline_mw = f.series_param(events * baseline)
        b.energy_price = f.series_param(self.energy_per_mwh)
        b.penalty = f.series_param(self.penalty_per_mwh)
        b.availability = f.series_param(f.values(self.availability_per_mw_h) * mask_of(self.window, f.horizon))
        least, most = self._range_mw
        b.commitment = pyo.RangeSet(0, 0)
        b.committed_mw = Var(b.commitment, within=pyo.NonNegativeReals, bounds=lambda b, i: (least, most))
        b.most_short_mw = f.series_param(events * most)
        b.counted_mw = Var(
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, t: (0, b.baseline_mw[w, t]),
            least=True,
        )
        b.short_mw = Var(
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, t: (0, b.most_short_mw[w, t]),
            least=True,
        )
        above = f.largest_load_mw > baseline
        b.events = _pairs(events > 0.0)
        b.always_below = _pairs((events > 0.0) & ~above)
        b.may_exceed = _pairs((events > 0.0) & above)
        b.room_above_mw = f.series_param(np.maximum(0.0, f.largest_load_mw - baseline))
        b.below = Var(b.may_exceed, within=pyo.Binary)

    def constraints(self, b: Any, f: Frame) -> None:
        b.shortfall = Constraint(
            b.events,
            rule=lambda b, w, t: b.short_mw[w, t] >= b.committed_mw[0] - self._reduction_mw(b, w, t),
            doc="reduction short of the commitment",
        )
        b.counted = Constraint(
            b.always_below,
            rule=lambda b, w, t: b.counted_mw[w, t] >= f.import_mw(w, t),
            doc="load in an event, up to the baseline (baseline_mw)",
        )
        b.counted_below = Constraint(
            b.may_exceed,
            rule=lambda b, w, t: b.counted_mw[w, t] >= f.import_mw(w, t) - b.room_above_mw[w, t] * (1 - b.below[w, t]),
            doc="load in an event, where it is below the baseline (baseline_mw)",
        )
        b.counted_above = Constraint(
            b.may_exceed,
            rule=lambda b, w, t: b.counted_mw[w, t] >= b.baseline_mw[w, t] * (1 - b.below[w, t]),
            doc="no reduction in an event where the load is above the baseline (baseline_mw)",
        )
        b.above = Constraint(
            b.may_exceed,
            rule=lambda b, w, t: f.import_mw(w, t) >= b.baseline_mw[w, t] * (1 - b.below[w, t]),
            doc="the load is below the baseline, or it is not (baseline_mw)",
        )

    def _reduction_mw(self, b: Any, w: Any, t: Any) -> Any:
        """0 outside of events, where baseline and counted load are 0."""
        return b.baseline_mw[w, t] - b.counted_mw[w, t]

    def _paid_mw(self, b: Any, w: Any, t: Any) -> Any:
        if self.pay_above:
            return self._reduction_mw(b, w, t)
        return b.event[w, t] * b.committed_mw[0] - b.short_mw[w, t]

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {
            f"{self.name}_availability": f.by_step(lambda b, w, t: b.availability[w, t] * b.committed_mw[0] * f.step_h),
            f"{self.name}_performance": f.by_step(
                lambda b, w, t: b.energy_price[w, t] * self._paid_mw(b, w, t) * f.step_h
            ),
            f"{self.name}_penalty": f.by_step(lambda b, w, t: -b.penalty[w, t] * b.short_mw[w, t] * f.step_h),
        }

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "event": f.by_time(lambda b, w, t: b.event[w, t], "1", "1 in an event that others call"),
            "committed_mw": f.by_time(lambda b, w, t: b.committed_mw[0], "MW", "reduction committed"),
            "reduction_mw": f.by_time(
                lambda b, w, t: self._reduction_mw(b, w, t), "MW", "load reduced below the baseline in an event"
            ),
            "short_mw": f.by_time(lambda b, w, t: b.short_mw[w, t], "MW", "reduction short of the commitment"),
        }

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (
            Chart("Reserves", ("reduction_mw",), "MW", "load reduced in events", limits=("committed_mw",)),
            Chart("Reserves", ("short_mw",), "MW", "reduction short of the commitment"),
        )

    def audit(self, a: AuditView) -> None:
        committed = a["committed_mw"]
        least, most = self._range_mw
        a.at_least("commitment at least min_mw", committed, least)
        a.at_most("commitment at most max_mw", committed, most)
        a.equal("one commitment for all members and steps", committed, a.full(committed[0, 0]))
        a.equal("events as given", a["event"], a.values(self.events))
        a.equal("load reduced is the distance to the baseline", a["reduction_mw"], self._reduced_mw(a))
        a.equal("reduction short of the commitment", a["short_mw"], self._short_mw(a, committed))
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        committed = r["committed_mw"]
        reduced, short = self._reduced_mw(r), r.energy_mwh(self._short_mw(r, committed))
        paid = r.energy_mwh(reduced if self.pay_above else np.minimum(reduced, committed))
        offered = r.energy_mwh(committed * mask_of(self.window, r.horizon))
        return {
            f"{self.name}_availability": BillLine(r.values(self.availability_per_mw_h) * offered, offered, "MW·h"),
            f"{self.name}_performance": BillLine(r.values(self.energy_per_mwh) * paid, paid, "MWh"),
            f"{self.name}_penalty": BillLine(-r.values(self.penalty_per_mwh) * short, short, "MWh"),
        }

    def settled_schedules(self, r: Reading) -> dict[str, Floats]:
        return {} if self.committed_mw is None else {"committed_mw": r.full(self.committed_mw)}

    def _reduced_mw(self, r: Reading) -> Floats:
        """Load reduced in events, (members, steps), from the meter."""
        return r.values(self.events) * np.maximum(0.0, r.values(self.baseline_mw) - r.import_mw)

    def _short_mw(self, r: Reading, committed: Floats) -> Floats:
        return r.values(self.events) * np.maximum(0.0, committed - self._reduced_mw(r))

    def carry(self, a: AuditView) -> dict[str, Carried]:
        return hours_to_carry(a, a.values(self.events), self.max_event_hours_per)

    def end_rule(self, f: Frame) -> str | None:
        return "the commitment holds for the horizon; event hours so far are carried"


def _pairs(holds: Any) -> Any:
    return pyo.Set(initialize=[(int(w), int(t)) for w, t in np.argwhere(holds)], dimen=2)
