"""Elected block: power that the buyer elects month by month, under take-or-pay.

For each calendar month ``k`` of the horizon the buyer elects ``E_k`` MW, once for all members (here-and-now), and may
then take up to as much in every step (in those of ``window`` for a shaped block)::

    min_mw <= E_k <= max_mw                    (a multiple of step_mw, if given)
    0 <= q_t <= open_t * E_{k(t)}              open_t = 1 inside the window, else 0
    energy    = - sum_t price_t * q_t * step_h
    shortfall = - mean_price_k * s_k  (+ what was booked before the horizon)
    s_k >= phi * (offered_k + E_k * open hours of k) - taken_k - sum_{t in k} q_t * step_h,     s_k >= 0

Months that have been elected already (``elected_mw``, or carried) are data; a month that runs when the horizon starts
has to be. ``offered_k`` and ``taken_k`` are MWh of its part before the horizon, 0 where nothing was carried;
``mean_price_k`` is the mean price over the hours of the month counted so far. How a month is settled that several runs
share is said in :mod:`optimizer.take_or_pay`.

Electing costs nothing by itself, so a fraction ``phi`` of 0 makes the block an option that is always elected in full
as far as it is of use. The last month of the horizon is elected for what the plan sees of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Expandable, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Supply
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import Horizon
from optimizer.metering import Reading
from optimizer.quantities import Fraction, Megawatts, Series, SeriesOf
from optimizer.rest_of_period import ChargedOverPeriods
from optimizer.settlement import at_period_ends, declare_periods
from optimizer.take_or_pay import CARRIED, Account
from optimizer.template import Constraint, Param, Var
from optimizer.windows import Window, mask_of

PositiveMegawatts = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False, json_schema_extra={"unit": "MW"})]
SLACK = 1e-9
"""Relative slack of whole multiples of ``step_mw``."""


class ElectedBlock(ChargedOverPeriods, Supply):
    """Power elected month by month, of which a share is paid in any case."""

    holds: ClassVar[dict[str, Holds]] = {
        "within_election": Holds(
            Code.CONTRACT_LIMIT, "{figure} MW are elected for the month", unit="MW", figure="elected_mw"
        ),
        "elected_mw": Holds(Code.CONTRACT_LIMIT, "at most {limit} MW can be elected", unit="MW", field="max_mw"),
        "elected_mw at least": Holds(
            Code.CONTRACT_MINIMUM, "at least {limit} MW are elected", unit="MW", field="min_mw"
        ),
        "take_or_pay": Holds(
            Code.CONTRACT_MINIMUM,
            "energy elected and not taken is paid all the same",
            unit="MWh",
            field="take_or_pay_fraction",
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("max_mw", "min_mw")

    schedules: ClassVar[tuple[str, ...]] = ("delivered_mw", "elected_mw")
    expandable: ClassVar[dict[str, Expandable]] = {
        "max_mw": Expandable("most that can be elected", "MW"),
    }
    carries: ClassVar[dict[str, str]] = {"elected_mw": "MW elected, by month"} | CARRIED

    kind: Literal["elected_block"] = "elected_block"
    min_mw: Megawatts = 0.0
    """Least power that may be elected."""
    max_mw: Megawatts
    """Most power that may be elected."""
    step_mw: PositiveMegawatts | None = None
    """Elections are whole multiples of it; any power by default."""
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)]
    """Price of the energy; may differ by member where it is indexed."""
    take_or_pay_fraction: Fraction = 1.0
    """Share of the elected month's energy that is paid in any case."""
    window: Window | None = None
    """Hours of a shaped block, such as 5x16: ``{weekdays: workdays, hours: [6, 22]}``; all hours by default."""
    elected_mw: dict[str, Megawatts] = {}  # noqa: RUF012
    """Months that have been elected already, such as ``{2024-08: 20}``; the others are decided by the plan."""

    @model_validator(mode="after")
    def _something_can_be_elected(self) -> Self:
        if self.min_mw > self.max_mw:
            raise ValueError(f"min_mw {self.min_mw:g} exceeds max_mw {self.max_mw:g}")
        if self.step_mw is not None:
            least, most = self._multiples(self.step_mw)
            if least > most:
                raise ValueError(
                    f"no multiple of step_mw {self.step_mw:g} lies within {self.min_mw:g} to {self.max_mw:g} MW"
                )
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from self._elections_out_of_terms()
        if self.window is not None:
            yield from self.window.findings(f.horizon, "window")
        label = f.horizon.period_labels("month")[0]
        if f.horizon.starts_inside("month") and 0 not in self._known_mw(f):
            yield Finding(
                "elected_mw",
                f"the month {label} runs already when the horizon starts, so it has been elected",
                hint=f"give elected_mw: {{{label}: 20}} (or the carry of the run before)",
            )
        for month, carried in f.carried.by_period("elected_mw").items():
            if (carried != carried[0]).any():
                yield Finding("elected_mw", f"the carried election of {month} differs by member", carried.tolist())

    def _elections_out_of_terms(self) -> Iterator[Finding]:
        for month, elected in self.elected_mw.items():
            field = f"elected_mw.{month}"
            if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
                yield Finding(field, "is no month", month, allowed="written as 2024-08")
            elif not self.min_mw <= elected <= self.max_mw:
                yield Finding(field, "", elected, allowed=f"within {self.min_mw:g} to {self.max_mw:g} MW")
            elif self.step_mw is not None and abs(elected / self.step_mw - round(elected / self.step_mw)) > SLACK:
                yield Finding(field, "", elected, allowed=f"a multiple of step_mw {self.step_mw:g}")

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        codes = f.horizon.period_codes("month")
        declare_periods(b, codes)
        b.month_of = Param(f.steps, values=codes)
        b.open_step = Param(f.steps, values=mask_of(self.window, f.horizon).astype(float))
        b.price = f.series_param(self.price_per_mwh)
        least, most = self._bounds_mw(f)
        b.least_mw, b.most_mw = Param(b.periods, values=least), Param(b.periods, values=most)
        b.elected_mw = Var(
            b.periods,
            within=pyo.NonNegativeReals,
            bounds=lambda b, p: (b.least_mw[p], b.most_mw[p]),
            least=True,
            decided_at=_decided_at(f.horizon),
            scheduled="ahead",
        )
        if self.step_mw is not None:
            self._multiples_variable(b, f)
        b.delivered_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.most_mw[b.month_of[t]])
        )
        before, offer = self._before(f), self._offer_of_one_mw(f)
        # a month that was offered before has an election, and so its mean price is data
        mean_price = (before + offer.scaled(np.where(before.offered_mwh > 0, most, 1.0))).mean_price
        b.mean_price = Param(f.members, b.periods, values=mean_price)
        b.booked_before = Param(f.members, b.periods, values=before.charge(self.take_or_pay_fraction))
        b.owed_before_mwh = Param(f.members, b.periods, values=before.owed_mwh(self.take_or_pay_fraction))
        b.open_hours = Param(b.periods, values=offer.offered_mwh[0])
        b.most_short_mwh = Param(
            f.members, b.periods, values=(before + offer.scaled(most)).short_mwh(self.take_or_pay_fraction)
        )
        b.shortfall_mwh = Var(
            f.members, b.periods, within=pyo.NonNegativeReals, bounds=lambda b, w, p: (0, b.most_short_mwh[w, p])
        )

    def _multiples_variable(self, b: Any, f: Frame) -> None:
        """How many ``step_mw`` are elected; 0 in months that are elected already, whatever they hold."""
        assert self.step_mw is not None
        known = self._known_mw(f)
        least, most = self._multiples(self.step_mw)
        open_month = np.array([month not in known for month in range(len(b.periods))], dtype=float)
        b.known_mw = Param(b.periods, values=np.array([known.get(month, 0.0) for month in range(len(b.periods))]))
        b.least_multiple = Param(b.periods, values=open_month * least)
        b.most_multiple = Param(b.periods, values=open_month * most)
        b.multiples = Var(
            b.periods,
            within=pyo.NonNegativeIntegers,
            bounds=lambda b, p: (b.least_multiple[p], b.most_multiple[p]),
        )

    def constraints(self, b: Any, f: Frame) -> None:
        b.within_election = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.delivered_mw[w, t] <= b.open_step[t] * b.elected_mw[b.month_of[t]],
            doc="no more is taken than was elected for the month",
        )
        b.take_or_pay = Constraint(
            f.members,
            b.periods,
            rule=lambda b, w, p: (
                b.shortfall_mwh[w, p]
                >= b.owed_before_mwh[w, p]
                + self.take_or_pay_fraction * b.open_hours[p] * b.elected_mw[p]
                - sum(b.delivered_mw[w, t] * f.step_h for t in b.steps_of[p])
            ),
            doc="take-or-pay: energy elected and not taken is paid (take_or_pay_fraction)",
        )
        if self.step_mw is not None:
            b.whole_multiples = Constraint(
                b.periods,
                rule=lambda b, p: b.elected_mw[p] == b.known_mw[p] + self.step_mw * b.multiples[p],
                doc="elections are whole multiples of step_mw",
            )

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def most_delivered_mw(self, f: Frame) -> Floats:
        _, most = self._bounds_mw(f)
        return f.full(most[f.horizon.period_codes("month")] * mask_of(self.window, f.horizon))

    def settled_schedules(self, r: Reading) -> dict[str, Floats]:
        least, most = self._bounds_mw(r.frame)
        return {"elected_mw": r.full(most[r.horizon.period_codes("month")])} if (least == most).all() else {}

    def lowest_buy_price(self, f: Frame) -> Floats:
        """The price less the shortfall that the next MWh saves; a higher election only makes it dearer."""
        _, most = self._bounds_mw(f)
        before, offer = self._before(f), self._offer_of_one_mw(f)
        so_far = before + offer.scaled(most)
        saved = np.where(so_far.short_mwh(self.take_or_pay_fraction) > 0, so_far.mean_price, 0.0)
        cost = f.values(self.price_per_mwh) - saved[:, f.horizon.period_codes("month")]
        return np.where(self.most_delivered_mw(f) > 0, cost, np.inf)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {
            f"{self.name}_energy": f.by_step(lambda b, w, t: -b.price[w, t] * b.delivered_mw[w, t] * f.step_h),
            f"{self.name}_shortfall": f.by_period(
                b.periods,
                lambda b, w, p: b.booked_before[w, p] - b.mean_price[w, p] * b.shortfall_mwh[w, p],
                f.horizon.period_codes("month"),
            ),
        }

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "delivered_mw": f.by_time(lambda b, w, t: b.delivered_mw[w, t], "MW", "power delivered by the contract"),
            "elected_mw": f.by_time(lambda b, w, t: b.elected_mw[b.month_of[t]], "MW", "power elected"),
        }

    # ------------------------------------------------------------------ after the model
    def prices(self, f: Frame) -> dict[str, Floats]:
        return {self.name: f.values(self.price_per_mwh)}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Contracts", ("delivered_mw",), "MW", "use of the election", limits=("elected_mw",)),)

    def end_rule(self, f: Frame) -> str | None:
        return "the last month is elected for, and settled on, the steps inside the horizon; both are carried"

    def audit(self, a: AuditView) -> None:
        taken, elected, codes = a["delivered_mw"], a["elected_mw"], a.horizon.period_codes("month")
        least, most = self._bounds_mw(a.frame)
        first = elected[:1, np.searchsorted(codes, codes)]
        a.equal("an election is the same for all members and for the whole month", elected, a.full(first))
        a.at_least("elected at least min_mw, and what has been elected", elected, least[codes])
        a.at_most("elected at most max_mw, and what has been elected", elected, most[codes])
        if self.step_mw is not None:
            a.whole("elections are multiples of step_mw", elected[:, least[codes] < most[codes]] / self.step_mw)
        a.at_least("power taken is not negative", taken, 0.0)
        a.at_most("power taken within the election", taken, elected * mask_of(self.window, a.horizon))
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        energy, price, phi = r.energy_mwh(r["delivered_mw"]), r.values(self.price_per_mwh), self.take_or_pay_fraction
        before = self._before(r.frame)
        so_far = before + self._added(r)
        codes = r.horizon.period_codes("month")
        return {
            f"{self.name}_energy": BillLine(-price * energy, energy, "MWh"),
            f"{self.name}_shortfall": BillLine(
                at_period_ends(codes, before.charge(phi) - so_far.charge(phi)),
                at_period_ends(codes, so_far.short_mwh(phi) - before.short_mwh(phi)),
                "MWh",
            ),
        }

    def carry(self, a: AuditView) -> dict[str, Carried]:
        so_far = Account.carried(a.frame, "month") + self._added(a)
        elected: Carried = {a.horizon.period_labels("month")[-1]: a["elected_mw"][:, -1]}
        return {"elected_mw": elected} | so_far.handed_on(a.horizon, "month")

    # ------------------------------------------------------------------ figures from the data
    def _added(self, r: Reading) -> Account:
        """What the steps of the horizon add to the months."""
        offered = r["elected_mw"] * mask_of(self.window, r.horizon)
        return Account.of(r.horizon, "month", r["delivered_mw"], offered, r.values(self.price_per_mwh))

    def _before(self, f: Frame) -> Account:
        """The months' part before the horizon, as the horizon is charged for it."""
        return Account.carried(f, "month").divided(self.windows_left(f, "month"))

    def _offer_of_one_mw(self, f: Frame) -> Account:
        """What an election of 1 MW would add to the months, if nothing of it were taken."""
        offered = f.full(mask_of(self.window, f.horizon))
        return Account.of(f.horizon, "month", f.zeros(), offered, f.values(self.price_per_mwh))

    def _multiples(self, step_mw: float) -> tuple[int, int]:
        """Least and most multiples of the step that may be elected."""
        return math.ceil(self.min_mw / step_mw - SLACK), math.floor(self.max_mw / step_mw + SLACK)

    def _known_mw(self, f: Frame) -> dict[int, float]:
        """Elections made before the horizon, by number of the month in it; what is carried comes first."""
        labels = f.horizon.period_labels("month")
        made = self.elected_mw | {label: float(mw[0]) for label, mw in f.carried.by_period("elected_mw").items()}
        return {labels.index(label): elected for label, elected in made.items() if label in labels}

    def _bounds_mw(self, f: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and most of each month's election, (months,)."""
        months, known = len(f.horizon.period_labels("month")), self._known_mw(f)
        least = np.array([known.get(month, self.min_mw) for month in range(months)])
        most = np.array([known.get(month, self.max_mw) for month in range(months)])
        return least, most


def _decided_at(horizon: Horizon) -> NDArray[np.int64]:
    """First step of each month; -1 of one that runs already when the horizon starts, and so has been elected."""
    first = np.unique(horizon.period_codes("month"), return_index=True)[1]
    return np.where((first == 0) & horizon.starts_inside("month"), -1, first)
