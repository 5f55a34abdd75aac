"""Fixed block: power bought ahead at a fixed price, with or without the right to sell it back.

The site uses ``q_t`` of a block of ``volume_t`` MW, ``0 <= q_t <= volume_t``. A shaped block (``window``, such as 5x16)
has a volume of 0 outside of its hours.

**With resale** the whole block is paid and what is not used is sold at the market::

    block  = - sum_t price_t * volume_t * step_h                             (sunk: no decision changes it)
    resale =   sum_t (resale_t - fee_t) * (volume_t - q_t) * step_h

So using a MWh costs what it would have brought, ``resale_t - fee_t``, and the schedule does not depend on
``price_t``. The resale is a settlement at the market: it needs no export connection.

**Without resale** the block is take-or-pay by settlement period ``k``, at ``price * max(sum q, phi * sum volume)``::

    energy    = - sum_t price_t * q_t * step_h
    shortfall = - mean_price_k * s_k  (+ what was booked before the horizon)
    s_k >= phi * (offered_k + sum_{t in k} volume_t * step_h) - taken_k - sum_{t in k} q_t * step_h,      s_k >= 0

``offered_k`` and ``taken_k`` are MWh of the period's part before the horizon, 0 where nothing was carried; how a period
is settled that several runs share, and at which price, is said in :mod:`optimizer.take_or_pay`. With one price the two
lines are the formula above.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Expandable, Finding, Floats, MoneyLine, Result, StrictModel
from optimizer.contract import BillLine, Supply
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import PeriodKind
from optimizer.metering import Reading
from optimizer.quantities import Fraction, Series, SeriesOf
from optimizer.rest_of_period import ChargedOverPeriods
from optimizer.settlement import at_period_ends, declare_periods
from optimizer.take_or_pay import CARRIED, Account
from optimizer.template import Constraint, Param, Var
from optimizer.windows import Window


class Resale(StrictModel):
    """Terms on which unused power of a block is sold back."""

    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Market price at which it is sold; may be negative and may differ by member."""
    fee_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] = Series.constant(0.0)
    """Fee on every MWh sold back."""


class FixedBlock(ChargedOverPeriods, Supply):
    """Power bought ahead at a fixed price."""

    holds: ClassVar[dict[str, Holds]] = {
        "delivered_mw": Holds(Code.CONTRACT_LIMIT, "the block of {limit} MW is used up", unit="MW", field="volume_mw"),
        "take_or_pay": Holds(
            Code.CONTRACT_MINIMUM,
            "energy of the block that is not taken is paid all the same",
            unit="MWh",
            field="take_or_pay_fraction",
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("volume_mw",)

    expandable: ClassVar[dict[str, Expandable]] = {
        "volume_mw": Expandable("volume of the block", "MW"),
    }
    carries: ClassVar[dict[str, str]] = CARRIED

    kind: Literal["fixed_block"] = "fixed_block"
    volume_mw: Annotated[Series, SeriesOf("MW", ge=0)]
    """Power of the block; may differ by member, as for a pay-as-produced share of a wind farm."""
    window: Window | None = None
    """Hours of a shaped block, such as 5x16: ``{weekdays: workdays, hours: [6, 22]}``; outside the volume is 0."""
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)]
    """Price of the block; may differ by member where it is indexed."""
    resale: Resale | None = None
    """Terms of selling back what is not used; without them the block is take-or-pay."""
    take_or_pay_fraction: Fraction = 1.0
    """Share of the block's energy that is paid in any case, per settlement period; only without ``resale``."""
    settlement_period: PeriodKind = "month"
    """Period of take-or-pay; only without ``resale``."""

    @model_validator(mode="after")
    def _resale_or_take_or_pay(self) -> Self:
        if self.resale is not None and (self.take_or_pay_fraction != 1.0 or self.settlement_period != "month"):
            raise ValueError("take_or_pay_fraction and settlement_period are for a block without resale")
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        if self.window is not None:
            yield from self.window.findings(f.horizon, "window")
        volume = self._volume_mw(f)
        limit = f.full(np.inf) if f.import_limit_mw is None else f.import_limit_mw
        beyond = volume > limit
        if not beyond.any():
            return
        step = int(np.argmax(beyond.any(axis=0)))
        stamp = f.horizon.describe(f.horizon.utc[step])
        never = bool(volume.max() > limit.max())
        yield Finding(
            "volume_mw",
            f"larger than grid.import_limit_mw, first at {stamp}: the block cannot be used in full"
            + ("" if never else " in such steps, and is paid all the same"),
            float(volume[:, step].max()),
            allowed=f"at most {float(limit[:, step].min()):g} MW",
            fatal=never,
        )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.volume_mw = f.series_param(self._volume_mw(f))
        b.price = f.series_param(self.price_per_mwh)
        b.delivered_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.volume_mw[w, t])
        )
        if self.resale is not None:
            b.resale_price = f.series_param(self._net_resale_price(f))
            return
        declare_periods(b, f.horizon.period_codes(self.settlement_period))
        before, untaken = self._accounts(f)
        b.obligation_mwh = Param(f.members, b.periods, values=untaken.owed_mwh(self.take_or_pay_fraction))
        b.mean_price = Param(f.members, b.periods, values=untaken.mean_price)
        b.booked_before = Param(f.members, b.periods, values=before.charge(self.take_or_pay_fraction))
        b.most_short_mwh = Param(f.members, b.periods, values=untaken.short_mwh(self.take_or_pay_fraction))
        b.shortfall_mwh = Var(
            f.members, b.periods, within=pyo.NonNegativeReals, bounds=lambda b, w, p: (0, b.most_short_mwh[w, p])
        )

    def constraints(self, b: Any, f: Frame) -> None:
        if self.resale is not None:
            return
        b.take_or_pay = Constraint(
            f.members,
            b.periods,
            rule=lambda b, w, p: (
                b.shortfall_mwh[w, p]
                >= b.obligation_mwh[w, p] - sum(b.delivered_mw[w, t] * f.step_h for t in b.steps_of[p])
            ),
            doc="take-or-pay: energy not taken is paid (take_or_pay_fraction)",
        )

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def lowest_buy_price(self, f: Frame) -> Floats:
        """What the next MWh costs: the resale it forgoes; under take-or-pay, its price less the shortfall it saves."""
        cost = f.values(self.price_per_mwh)
        if self.resale is not None:
            cost = self._net_resale_price(f)
        elif self.take_or_pay_fraction > 0:
            _, untaken = self._accounts(f)
            saved = np.where(untaken.short_mwh(self.take_or_pay_fraction) > 0, untaken.mean_price, 0.0)
            cost = cost - saved[:, f.horizon.period_codes(self.settlement_period)]
        return np.where(self._volume_mw(f) > 0, cost, np.inf)

    def most_delivered_mw(self, f: Frame) -> Floats:
        return self._volume_mw(f)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        if self.resale is not None:
            return {
                f"{self.name}_block": f.by_step(lambda b, w, t: -b.price[w, t] * b.volume_mw[w, t] * f.step_h),
                f"{self.name}_resale": f.by_step(
                    lambda b, w, t: b.resale_price[w, t] * (b.volume_mw[w, t] - b.delivered_mw[w, t]) * f.step_h
                ),
            }
        codes = f.horizon.period_codes(self.settlement_period)
        return {
            f"{self.name}_energy": f.by_step(lambda b, w, t: -b.price[w, t] * b.delivered_mw[w, t] * f.step_h),
            f"{self.name}_shortfall": f.by_period(
                b.periods,
                lambda b, w, p: b.booked_before[w, p] - b.mean_price[w, p] * b.shortfall_mwh[w, p],
                codes,
            ),
        }

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        found = {
            "delivered_mw": f.by_time(lambda b, w, t: b.delivered_mw[w, t], "MW", "power delivered by the contract")
        }
        if self.resale is not None:
            found["resold_mw"] = f.by_time(
                lambda b, w, t: b.volume_mw[w, t] - b.delivered_mw[w, t], "MW", "power of the block sold back"
            )
        return found

    # ------------------------------------------------------------------ after the model
    def prices(self, f: Frame) -> dict[str, Floats]:
        found = {self.name: f.values(self.price_per_mwh)}
        return found if self.resale is None else found | {f"{self.name} resale": self._net_resale_price(f)}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Contracts", ("delivered_mw", "resold_mw"), "MW", "use of the block", stacked=True),)

    def audit(self, a: AuditView) -> None:
        used, volume = a["delivered_mw"], self._volume_mw(a.frame)
        a.at_least("power used of the block is not negative", used, 0.0)
        a.at_most("power used within volume_mw", used, volume)
        if self.resale is not None:
            a.equal("power not used is sold back", a["resold_mw"], volume - used)
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        used, volume, price = r["delivered_mw"], self._volume_mw(r.frame), r.values(self.price_per_mwh)
        taken, offered = r.energy_mwh(used), r.energy_mwh(volume)
        if self.resale is not None:
            net = r.values(self.resale.price_per_mwh) - r.values(self.resale.fee_per_mwh)
            return {
                f"{self.name}_block": BillLine(-price * offered, offered, "MWh"),
                f"{self.name}_resale": BillLine(net * (offered - taken), offered - taken, "MWh"),
            }
        before, phi = self._before(r.frame), self.take_or_pay_fraction
        so_far = before + Account.of(r.horizon, self.settlement_period, used, volume, price)
        codes = r.horizon.period_codes(self.settlement_period)
        return {
            f"{self.name}_energy": BillLine(-price * taken, taken, "MWh"),
            f"{self.name}_shortfall": BillLine(
                at_period_ends(codes, before.charge(phi) - so_far.charge(phi)),
                at_period_ends(codes, so_far.short_mwh(phi) - before.short_mwh(phi)),
                "MWh",
            ),
        }

    def carry(self, a: AuditView) -> dict[str, Carried]:
        if self.resale is not None:
            return {}
        used, price = a["delivered_mw"], a.values(self.price_per_mwh)
        added = Account.of(a.horizon, self.settlement_period, used, self._volume_mw(a.frame), price)
        so_far = Account.carried(a.frame, self.settlement_period) + added
        return so_far.handed_on(a.horizon, self.settlement_period)

    def _accounts(self, f: Frame) -> tuple[Account, Account]:
        """The periods' part before the horizon, and the periods so far if nothing were taken inside."""
        before = self._before(f)
        offer = Account.of(
            f.horizon, self.settlement_period, f.zeros(), self._volume_mw(f), f.values(self.price_per_mwh)
        )
        return before, before + offer

    def _before(self, f: Frame) -> Account:
        """The periods' part before the horizon, as the horizon is charged for it."""
        left = self.windows_left(f, self.settlement_period)
        return Account.carried(f, self.settlement_period).divided(left)

    def _volume_mw(self, f: Frame) -> Floats:
        volume = f.values(self.volume_mw)
        return volume if self.window is None else volume * self.window.mask(f.horizon)

    def _net_resale_price(self, f: Frame) -> Floats:
        assert self.resale is not None
        return f.values(self.resale.price_per_mwh) - f.values(self.resale.fee_per_mwh)
