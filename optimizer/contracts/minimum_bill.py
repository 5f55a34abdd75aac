"""Minimum bill: a month's charges are topped up to an amount.

With ``C_m`` the charges of month ``m`` on the contracts that ``on`` names, revenues deducted::

    top_up_m >= minimum_m - C_m,     top_up_m >= 0,     cost = sum_m top_up_m

so that they and the top-up together cost ``max(C_m, minimum_m)``, which is convex in the charges: as cost is minimised,
the inequality is enough and needs no binary. Up to the minimum a further MWh costs nothing at the margin, beyond it
what the contracts charge.

A month that the horizon cuts counts by the share covered: ``minimum_m = per_month * share``. Of a month that is
already running, what came before is counted too where it is known::

    minimum_m = minimum before + per_month * share,     C_m = charges before + charges in the horizon

``charges_to_date`` gives the charges before; the minimum before is then ``per_month`` times the share of the month
that has passed, so that at the end of a month the whole minimum counts, and what is topped up is booked in this run. A
run that follows another takes both from its carry, and books the top-up of the month so far less what the runs before
it have booked by the same formula: together they book what one long run books.

Which contracts are counted: :mod:`optimizer.charged_on`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.charged_on import (
    REFERENCE,
    ChargedOn,
    ContractName,
    bills_charged_on,
    contracts_charged_on,
    lines_charged_on,
)
from optimizer.component import Carried, Finding, Floats, MoneyLine, Rule
from optimizer.contract import BillLine
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import Horizon
from optimizer.metering import Reading
from optimizer.quantities import Money, NonNegative
from optimizer.rest_of_period import ChargedOverPeriods
from optimizer.running_period import handed_on
from optimizer.settlement import at_period_ends, declare_periods
from optimizer.template import Constraint, Param, Var


@dataclass(frozen=True)
class _MonthSoFar:
    """What came before the horizon, and the minimum with it; (members, months), currency."""

    minimum: Floats
    charges: Floats
    topped_up: Floats


class MinimumBill(ChargedOverPeriods, ChargedOn):
    """An amount to which a month's charges are topped up."""

    holds: ClassVar[dict[str, Holds]] = {
        "minimum": Holds(
            Code.CONTRACT_MINIMUM,
            "the month costs its minimum whatever is taken",
            unit="unit of money",
            field="per_month",
        ),
    }

    carries: ClassVar[dict[str, str]] = {
        "charges": "charges so far, currency, by month",
        "minimum": "minimum so far, currency: what has been topped up to, by month",
    }

    kind: Literal["minimum_bill"] = "minimum_bill"
    on: Annotated[tuple[ContractName, ...], Field(min_length=1)]
    """Contracts whose charges (less their revenues) count towards the minimum."""
    per_month: Annotated[NonNegative, Field(json_schema_extra={"unit": "currency/month"})]
    """Least that a calendar month costs, currency."""
    charges_to_date: Money | None = None
    """Charges of these contracts in a month that is already running, before the horizon, currency. What a run before
    has carried (``charges``) takes its place."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from super().check(f)
        if self.charges_to_date is not None and not f.horizon.starts_inside("month"):
            yield Finding("charges_to_date", "has no effect, as the horizon starts with a month", fatal=False)
        for guest in f.guests:
            left_out = [host.label for host in f.hosts(REFERENCE) if host not in guest.hosts.get(REFERENCE, ())]
            if f.part in guest.hosts.get(REFERENCE, ()) and left_out:
                # else using a MWh more would be paid for: it lowers a top-up that is taxed
                yield Finding(
                    REFERENCE,
                    f"{guest.label} is charged on this top-up, but not on {', '.join(left_out)}, which it tops up",
                    hint=f"name them in {guest.label} too, or leave the minimum bill out of it",
                )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        declare_periods(b, f.horizon.period_codes("month"))
        so_far = self._weighed_so_far(f)
        b.left_to_charge = Param(f.members, b.periods, values=so_far.minimum - so_far.charges)
        b.topped_up_before = Param(f.members, b.periods, values=so_far.topped_up)
        # below the minimum a charge costs nothing more: without the least of it, variables of contracts that measure
        # something (a peak, a shortfall) could lie above what they measure, at the expense of the top-up
        b.charges = Var(f.members, b.periods, within=pyo.Reals, least=True)
        b.top_up = Var(f.members, b.periods, within=pyo.NonNegativeReals)

    def constraints(self, b: Any, f: Frame) -> None:
        charges = [
            _by_month(b, number, host.block, line, f)
            for number, (host, line) in enumerate(lines_charged_on(f).values())
        ]
        b.counted = Constraint(
            f.members,
            b.periods,
            rule=lambda b, w, m: b.charges[w, m] + sum([money(w, m) for money in charges]) == 0,
            doc="charges of the month are those of the contracts charged on",
        )
        b.minimum = Constraint(
            f.members,
            b.periods,
            rule=lambda b, w, m: b.top_up[w, m] + b.charges[w, m] >= b.left_to_charge[w, m],
            doc="a month costs at least per_month",
        )

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {
            f"{self.name}_minimum": f.by_period(
                b.periods,
                lambda b, w, m: b.topped_up_before[w, m] - b.top_up[w, m],
                f.horizon.period_codes("month"),
            )
        }

    # ------------------------------------------------------------------ what a further MWh costs
    def lowest_buy_price(self, f: Frame) -> Floats:
        """Nothing, while the minimum is not reached; less only where a contract's own price is below 0."""
        prices = [contract.lowest_buy_price(frame) for contract, frame in contracts_charged_on(f)]
        lowest = np.minimum.reduce([f.full(np.inf), *prices])
        return np.where(np.isfinite(lowest), np.minimum(lowest, 0.0), np.inf)

    def highest_sell_price(self, f: Frame) -> Floats:
        """Nothing, while the minimum is not reached; more only where a contract's own price is above 0."""
        prices = [contract.highest_sell_price(frame) for contract, frame in contracts_charged_on(f)]
        highest = np.maximum.reduce([f.full(-np.inf), *prices])
        return np.where(np.isfinite(highest), np.maximum(highest, 0.0), -np.inf)

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> dict[str, BillLine]:
        so_far = self._weighed_so_far(r.frame)
        top_up = np.maximum(0.0, so_far.minimum - so_far.charges - self._charges(r))
        booked = at_period_ends(r.horizon.period_codes("month"), so_far.topped_up - top_up)
        return {f"{self.name}_minimum": BillLine(booked)}

    def carry(self, a: AuditView) -> dict[str, Carried]:
        so_far = self._so_far(a.frame)
        return {
            "charges": handed_on(a.horizon, "month", so_far.charges + self._charges(a)),
            "minimum": handed_on(a.horizon, "month", so_far.minimum),
        }

    def end_rule(self, f: Frame) -> str | None:
        return "the minimum of a month that the horizon cuts counts by the share covered"

    def _charges(self, r: Reading) -> Floats:
        """Charges of the horizon by month, (members, months)."""
        amounts = sum((line.amounts for line in bills_charged_on(r).values()), np.zeros(r.shape))
        return r.sum_by_period(-amounts, "month")

    def _so_far(self, f: Frame) -> _MonthSoFar:
        labels, share = f.horizon.period_labels("month"), f.horizon.covered_share("month")
        before, charges, topped_up = (np.zeros((f.members_count, len(labels))) for _ in range(3))
        if self.charges_to_date is not None and f.horizon.starts_inside("month"):
            charges[:, 0] = self.charges_to_date
            before[:, 0] = self.per_month * _share_before(f.horizon)
        carried, minimum = f.carried.by_period("charges"), f.carried.by_period("minimum")
        for month in [number for number, label in enumerate(labels) if label in carried]:
            charges[:, month] = carried[labels[month]]
            before[:, month] = self.per_month * _share_before(f.horizon) if month == 0 else 0.0
            if labels[month] in minimum:
                before[:, month] = minimum[labels[month]]
                topped_up[:, month] = np.maximum(0.0, before[:, month] - charges[:, month])
        return _MonthSoFar(before + self.per_month * share, charges, topped_up)

    def _weighed_so_far(self, f: Frame) -> _MonthSoFar:
        """What came before as the horizon is charged for it: in a window in which decisions are taken what is still to
        be charged is spread over the hours left of the month (:mod:`optimizer.rest_of_period`)."""
        so_far, left = self._so_far(f), self.windows_left(f, "month")
        if (left == 1.0).all():
            return so_far
        inside = self.per_month * f.horizon.covered_share("month")
        return _MonthSoFar((so_far.minimum - inside) / left + inside, so_far.charges / left, so_far.topped_up / left)


def _share_before(horizon: Horizon) -> float:
    """Share of the first month that has passed when the horizon starts."""
    steps = int((horizon.period_codes("month") == 0).sum())
    hours = steps * horizon.step_h / float(horizon.covered_share("month")[0])
    first = pd.Timestamp(f"{horizon.local[0]:%Y-%m-01}").tz_localize(horizon.timezone, nonexistent="shift_forward")
    return (horizon.start_utc - first) / pd.Timedelta(hours=1) / hours


def _by_month(b: Any, number: int, block: Any, line: MoneyLine, f: Frame) -> Rule:
    """A money line of another contract summed by month, as ``rule(w, m)``."""
    codes = f.horizon.period_codes("month")
    months = np.arange(codes[-1] + 1)
    if len(line.index_sets) == 2 and line.steps is None:
        return lambda w, m: sum(line.rule(block, w, t) for t in b.steps_of[m])
    steps = [f.horizon.steps - 1] if line.steps is None else list(line.steps)
    is_booked = (codes[steps] == months[:, np.newaxis]).astype(float)
    if len(line.index_sets) == 1:
        b.add_component(f"is_booked_{number}", Param(b.periods, values=is_booked[:, 0]))
        once = b.component(f"is_booked_{number}")
        return lambda w, m: once[m] * line.rule(block, w)
    # 0/1 factors: a set by month would not do, as Pyomo's templates take no such sum around another one of the line
    b.add_component(f"is_booked_{number}", Param(b.periods, line.index_sets[1], values=is_booked))
    booked = b.component(f"is_booked_{number}")
    return lambda w, m: sum(booked[m, i] * line.rule(block, w, i) for i in line.index_sets[1])
