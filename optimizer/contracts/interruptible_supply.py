"""Interruptible supply: cheaper energy that the supplier may call away.

Buys ``q_t`` MW at ``price + adder`` per MWh, up to ``limit_t``. ``called_t`` is 1 in the hours that the supplier calls
away; ``e_t`` is the share of step ``t`` in which a call is in force: 1 in called steps, except for the first
``notice_hours`` of each run of called steps (the supplier calls when it gives notice), and 0 elsewhere. In such steps
only ``firm_t`` may be taken.

**With a penalty**, more may be taken and costs extra::

    energy  = - sum_t (price_t + adder_t) * q_t * step_h
    penalty = - sum_t penalty_t * e_t * excess_t * step_h
    excess_t >= q_t - firm_t,   excess_t >= 0                           where e_t > 0

**Without**, it is forbidden: ``q_t <= firm_t`` where ``e_t > 0``.

Calls are known to the plan (a series, which may differ by member); the budget of called hours binds the supplier, so
calls above it are an error in the data. Called hours are those of ``called``, notice included. Those of a budget period
that began before the horizon are carried (:mod:`optimizer.running_period`), and so is the age of a call that runs over
the edge of the horizon, which uses up its notice only once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Supply
from optimizer.event_hours import zero_or_one
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Hours, Series, SeriesOf
from optimizer.running_period import carried_sums, handed_on
from optimizer.settlement import sums_by_period
from optimizer.template import Constraint, Var


class InterruptibleSupply(Supply):
    """Energy at a price, of which the supplier may call hours away."""

    holds: ClassVar[dict[str, Holds]] = {
        "delivered_mw": Holds(
            Code.CONTRACT_LIMIT, "the contract delivers at most {limit} MW", unit="MW", field="limit_mw"
        ),
        "interrupted": Holds(
            Code.CALL, "a call is in force: no power beyond the firm part", unit="MW", field="firm_mw"
        ),
        "beyond_firm": Holds(
            Code.CALL, "a call is in force: power beyond the firm part pays the penalty", unit="MW", field="firm_mw"
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("limit_mw", "firm_mw", "max_called_hours")

    expandable: ClassVar[dict[str, Expandable]] = {
        "limit_mw": Expandable("limit of the supply", "MW"),
        "firm_mw": Expandable("load that is never interrupted", "MW"),
    }
    carries: ClassVar[dict[str, str]] = {
        "called_hours": "h called so far, by budget period (with max_called_hours)",
        "call_running_hours": "h for which the call that runs at the end has lasted (with notice_hours)",
    }

    kind: Literal["interruptible_supply"] = "interruptible_supply"
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Price of the energy; may be negative and may differ by member."""
    adder_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] = Series.constant(0.0)
    """Retailer's adder on every MWh."""
    limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most power that the contract delivers; unlimited by default."""
    called: Annotated[Series, SeriesOf("1", ge=0, le=1)]
    """1 in steps that the supplier calls away, 0 elsewhere; may differ by member."""
    notice_hours: Hours = 0.0
    """The supplier calls when it gives notice: the first hours of each run of called steps are free of the penalty."""
    firm_mw: Annotated[Series, SeriesOf("MW", ge=0)] = Series.constant(0.0)
    """Power that may be taken while a call is in force."""
    penalty_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] | None = None
    """Penalty on every MWh beyond ``firm_mw`` while a call is in force, on top of its price; not given: taking it is
    forbidden."""
    max_called_hours: Hours | None = None
    """Most hours that the supplier may call in a budget period; calls above are refused as an error in the data."""
    budget_period: Literal["day", "month", "year", "horizon"] = "year"
    """Period of ``max_called_hours``."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        strange = list(zero_or_one(f, f.values(self.called), "called"))
        yield from strange
        if strange:
            return
        if self.max_called_hours is not None:
            yield from self._calls_above_budget(f)
        elif self.budget_period != "year":
            yield Finding("budget_period", "has no effect without max_called_hours", fatal=False)

    def _calls_above_budget(self, f: Frame) -> Iterator[Finding]:
        assert self.max_called_hours is not None
        carried = carried_sums(f, "called_hours", self.budget_period)
        hours = carried + self._called_hours(f)
        slack = 1e-9 * max(1.0, self.max_called_hours)
        for period, label in enumerate(f.horizon.period_labels(self.budget_period)):
            member = int(np.argmax(hours[:, period]))
            most, before = hours[member, period], carried[member, period]
            if most <= self.max_called_hours + slack:
                continue
            own = f.values(self.called)[member] > 0
            codes = f.horizon.period_codes(self.budget_period)
            reached = before + np.cumsum(own * (codes == period)) * f.step_h
            step = int(np.argmax(reached > self.max_called_hours + slack))
            yield Finding(
                "called",
                f"{most:g} h are called in {label}"
                + (f" ({before:g} h of them before the horizon)" if before > 0 else "")
                + (f" in member {member}" if f.members_count > 1 else "")
                + f"; above the budget from {f.horizon.describe(f.horizon.utc[step])} on",
                allowed=f"at most {self.max_called_hours:g} h (max_called_hours)",
            )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.unit_price = f.series_param(self._unit_price(f))
        b.firm_mw = f.series_param(self.firm_mw)
        b.limit_mw = f.series_param(f.full(np.inf) if self.limit_mw is None else self.limit_mw)
        b.delivered_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.limit_mw[w, t])
        )
        in_force = self._in_force(f)
        b.called = pyo.Set(initialize=[(int(w), int(t)) for w, t in np.argwhere(in_force > 0)], dimen=2)
        if self.penalty_per_mwh is None:
            return
        b.penalty = f.series_param(f.values(self.penalty_per_mwh) * in_force)
        b.excess_limit_mw = f.series_param(np.where(in_force > 0, np.inf, 0.0))
        b.excess_mw = Var(
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, t: (0, b.excess_limit_mw[w, t]),
            least=True,
        )

    def constraints(self, b: Any, f: Frame) -> None:
        if self.penalty_per_mwh is None:
            b.interrupted = Constraint(
                b.called,
                rule=lambda b, w, t: b.delivered_mw[w, t] <= b.firm_mw[w, t],
                doc="no power beyond firm_mw while a call is in force",
            )
        else:
            b.beyond_firm = Constraint(
                b.called,
                rule=lambda b, w, t: b.excess_mw[w, t] >= b.delivered_mw[w, t] - b.firm_mw[w, t],
                doc="power beyond firm_mw while a call is in force pays the penalty",
            )

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def lowest_buy_price(self, f: Frame) -> Floats:
        """The price; with the penalty, or not at all, where a call leaves nothing firm."""
        in_force = self._in_force(f)
        price, bare = self._unit_price(f), (in_force > 0) & (f.values(self.firm_mw) == 0)
        if self.penalty_per_mwh is None:
            return np.where(bare, np.inf, price)
        return price + np.where(bare, in_force * f.values(self.penalty_per_mwh), 0.0)

    def most_delivered_mw(self, f: Frame) -> Floats:
        limit = f.full(np.inf) if self.limit_mw is None else f.values(self.limit_mw)
        forbidden = self._in_force(f) > 0 if self.penalty_per_mwh is None else np.zeros(f.shape, dtype=bool)
        return np.where(forbidden, np.minimum(limit, f.values(self.firm_mw)), limit)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines = {
            f"{self.name}_energy": f.by_step(lambda b, w, t: -b.unit_price[w, t] * b.delivered_mw[w, t] * f.step_h)
        }
        if self.penalty_per_mwh is not None:
            lines[f"{self.name}_penalty"] = f.by_step(lambda b, w, t: -b.penalty[w, t] * b.excess_mw[w, t] * f.step_h)
        return lines

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {
            "delivered_mw": f.by_time(lambda b, w, t: b.delivered_mw[w, t], "MW", "power delivered by the contract")
        }
        if self.penalty_per_mwh is not None:
            found["excess_mw"] = f.by_time(
                lambda b, w, t: b.excess_mw[w, t], "MW", "power beyond firm_mw while a call is in force"
            )
        return found

    # ------------------------------------------------------------------ after the model
    def prices(self, f: Frame) -> dict[str, Floats]:
        return {self.name: self._unit_price(f)}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Contracts", ("delivered_mw", "excess_mw"), "MW", "power taken, and what pays the penalty"),)

    def audit(self, a: AuditView) -> None:
        delivered, firm, in_force = a["delivered_mw"], a.values(self.firm_mw), self._in_force(a.frame) > 0
        a.at_least("delivered power is not negative", delivered, 0.0)
        if self.limit_mw is not None:
            a.at_most("delivered power within limit_mw", delivered, a.values(self.limit_mw))
        if self.penalty_per_mwh is None:
            a.at_most("no power beyond firm_mw while a call is in force", delivered, np.where(in_force, firm, np.inf))
        else:
            beyond = np.where(in_force, np.maximum(0.0, delivered - firm), 0.0)
            a.equal("power beyond firm_mw while a call is in force", a["excess_mw"], beyond)
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        delivered = r["delivered_mw"]
        energy, price = r.energy_mwh(delivered), r.values(self.price_per_mwh) + r.values(self.adder_per_mwh)
        lines = {f"{self.name}_energy": BillLine(-price * energy, energy, "MWh")}
        if self.penalty_per_mwh is not None:
            beyond = np.maximum(0.0, delivered - r.values(self.firm_mw)) * self._in_force(r.frame)
            fined = r.energy_mwh(beyond)
            lines[f"{self.name}_penalty"] = BillLine(-r.values(self.penalty_per_mwh) * fined, fined, "MWh")
        return lines

    def carry(self, a: AuditView) -> dict[str, Carried]:
        states: dict[str, Carried] = {}
        if self.max_called_hours is not None:
            so_far = carried_sums(a.frame, "called_hours", self.budget_period) + self._called_hours(a.frame)
            if by_period := handed_on(a.horizon, self.budget_period, so_far):
                states["called_hours"] = by_period
        if self.notice_hours > 0:
            states["call_running_hours"] = self._running_hours(a.frame)[:, -1]
        return states

    def _unit_price(self, f: Frame) -> Floats:
        return f.values(self.price_per_mwh) + f.values(self.adder_per_mwh)

    def _called_hours(self, f: Frame) -> Floats:
        """Called hours of the horizon by budget period, (members, periods)."""
        return sums_by_period(f.horizon.period_codes(self.budget_period), f.values(self.called) * f.step_h)

    def _running_hours(self, f: Frame) -> Floats:
        """Hours from the start of the running call to the end of the step, (members, steps); 0 outside of calls."""
        called, step = f.values(self.called), np.arange(f.horizon.steps)
        last_free = np.maximum.accumulate(np.where(called > 0, -1, step), axis=1)
        before = np.where(last_free < 0, f.carried.number("call_running_hours")[:, np.newaxis], 0.0)
        return np.where(called > 0, (step - last_free) * f.step_h + before, 0.0)

    def _in_force(self, f: Frame) -> Floats:
        """Share of each step in which a call is in force, (members, steps)."""
        return np.asarray(np.clip((self._running_hours(f) - self.notice_hours) / f.step_h, 0.0, 1.0))
