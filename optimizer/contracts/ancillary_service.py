"""Ancillary service: reserves sold to the operator of the grid, one contract per product.

``award_{d,j}`` MW are sold in block ``j`` of the clock, for all members together (``commit: day_ahead``, ``d`` = 0) or
for each (``recourse``, ``d`` = the member). In each member and step the providers ``c`` hold them, freely shared out::

    sum_c r_{c,w,t} + short_{w,t} = award_{d,j(t)},      r, short >= 0      (short = 0 without penalty_per_mwh)
    award <= max_mw;   with min_mw: award = 0, or min_mw <= award           (a binary per block)

What the providers can hold, and what the grid connection lets through, is said in :mod:`optimizer.reserves`.

Money, with ``p_t`` = ``deployment_probability``, the expected share of the reserve that is called::

    capacity   =   price_t * award_t * step_h
    energy     = + p_t * energy_price_t * sum_c r_{c,t} * step_h                     (up: paid for what is not taken)
                 - p_t * energy_price_t * sum_c r_{c,t} * step_h                     (down: paid by the site)
    deployment = - p_t * sum_c lost_value_{c,t} * r_{c,t} * step_h
    penalty    = - penalty_t * short_t * step_h

Calls are counted in expectation only: the schedules do not change by them, which is right as long as calls are rare.
``lost_value`` is what a MWh called costs its provider beside the energy itself, as each provider's page says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.clock_blocks import clock_blocks
from optimizer.component import Expandable, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import Horizon
from optimizer.metering import Reading
from optimizer.quantities import Megawatts, NonNegative, Series, SeriesOf
from optimizer.reserve_checks import award_findings, money_findings, provider_findings, time_findings
from optimizer.reserves import ReserveProduct
from optimizer.settlement import last_steps
from optimizer.template import Constraint, Param, Var


class AncillaryService(ReserveProduct):
    """Reserve sold to the operator of the grid."""

    deeds: ClassVar[tuple[str, str, str]] = ("holds", "holds nothing", "holds")
    holds: ClassVar[dict[str, Holds]] = {
        "backed": Holds(Code.RESERVE_AWARD, "what is awarded has to be held", unit="MW"),
        "award_mw": Holds(Code.CONTRACT_LIMIT, "at most {limit} MW can be awarded", unit="MW", field="max_mw"),
        "offered_mw": Holds(Code.ALL_IN_USE, "the provider can hold at most {limit} MW", unit="MW"),
        "least_size": Holds(Code.CONTRACT_MINIMUM, "an award is at least min_mw", unit="MW", field="min_mw"),
        "only_if_sold": Holds(Code.CONTRACT_MINIMUM, "an award is at least min_mw, or none", unit="MW", field="min_mw"),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("award_mw", "max_mw", "min_mw", "sustain_hours")

    expandable: ClassVar[dict[str, Expandable]] = {
        "max_mw": Expandable("most that can be awarded", "MW"),
    }
    earns_at: ClassVar[dict[str, str]] = {"price_per_mw_h": "price of the reserve"}
    schedules: ClassVar[tuple[str, ...]] = ("award_mw", "short_mw", "lost_value_per_h")

    kind: Literal["ancillary_service"] = "ancillary_service"
    price_per_mw_h: Annotated[Series, SeriesOf("currency/MW/h")]
    """Price of capacity: paid per MW awarded and hour, called or not."""
    notice_minutes: NonNegative | None = None
    """Minutes from a call to the full response; providers that are slower are refused. Not given: not checked."""
    block_hours: Annotated[float, Field(gt=0, le=24, strict=True, allow_inf_nan=False)] | None = None
    """The award is constant in blocks of so many hours, from midnight on; by default it may change with each step."""
    min_mw: Megawatts = 0.0
    """Least award of a block in which anything is sold."""
    max_mw: Megawatts | None = None
    """Largest award; by default what the providers can ever hold."""
    deployment_probability: Annotated[Series, SeriesOf("1", ge=0, le=1)] = Series.constant(0.0)
    """Expected share of the reserve held that is called."""
    energy_price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] = Series.constant(0.0)
    """Settlement of energy called: ``up``, what the site gets for not taking it (or saves); ``down``, what it pays."""
    penalty_per_mwh: Annotated[Series, SeriesOf("currency/MWh", ge=0)] | None = None
    """Penalty on what is awarded and held by nobody; not given: awards are always held."""
    commit: Literal["day_ahead", "recourse"] = "day_ahead"
    """``day_ahead``: awards are decided once for all members; ``recourse``: in each member."""
    award_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Awards that have cleared already; by default they are decided."""

    @model_validator(mode="after")
    def _awards_are_decided_or_given(self) -> Self:
        if self.max_mw is not None and self.min_mw > self.max_mw:
            raise ValueError(f"min_mw {self.min_mw:g} exceeds max_mw {self.max_mw:g}")
        if self.award_mw is not None and (self.min_mw > 0 or self.max_mw is not None or self.block_hours is not None):
            raise ValueError("award_mw: has cleared already; min_mw, max_mw and block_hours have no effect on it")
        return self

    @property
    def may_be_called(self) -> bool:
        """Whether calls are expected at all."""
        return bool((self.deployment_probability.values > 0).any())

    @property
    def pays_for_energy(self) -> bool:
        return self.may_be_called and bool((self.energy_price_per_mwh.values != 0).any())

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from time_findings(self, f)
        yield from provider_findings(self, f)
        yield from money_findings(self, f)
        yield from award_findings(self, f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        most = self.most_held_mw(f)
        b.providers = pyo.RangeSet(0, len(most) - 1)
        b.price = f.series_param(self.price_per_mw_h)
        b.called = f.series_param(self.deployment_probability)
        b.energy_price = f.series_param(self._sign * f.values(self.energy_price_per_mwh))
        b.lost_value = Param(b.providers, f.members, f.steps, values=self._lost_value(f))
        b.most_held_mw = Param(b.providers, f.members, f.steps, values=most)
        b.offered_mw = Var(
            b.providers,
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, k, w, t: (0, b.most_held_mw[k, w, t]),
        )
        if self.penalty_per_mwh is not None:
            b.penalty = f.series_param(self.penalty_per_mwh)
            b.short_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals)
        if self.award_mw is not None:
            b.cleared_mw = f.series_param(self.award_mw)
            return
        most_awarded, decisions = self.most_awarded_mw(f), self._decisions(f)
        b.decisions = pyo.RangeSet(0, decisions - 1)
        b.blocks = pyo.RangeSet(0, most_awarded.shape[1] - 1)
        b.decision_of = Param(f.members, values=np.arange(f.members_count) % decisions)
        b.block_of = Param(f.steps, values=self._blocks(f.horizon))
        b.most_mw = Param(b.decisions, b.blocks, values=most_awarded)
        b.award_mw = Var(
            b.decisions,
            b.blocks,
            within=pyo.NonNegativeReals,
            bounds=lambda b, d, j: (0, b.most_mw[d, j]),
            decided_at=np.unique(self._blocks(f.horizon), return_index=True)[1],
            scheduled="ahead",
        )
        if self.min_mw > 0:
            b.is_sold = Var(b.decisions, b.blocks, within=pyo.Binary)

    def constraints(self, b: Any, f: Frame) -> None:
        words = (
            "awards are held by the providers" if self.penalty_per_mwh is None else "awards are held, or short of it"
        )
        b.backed = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                sum(b.offered_mw[k, w, t] for k in b.providers) + self._short(b, w, t) == self._award(b, w, t)
            ),
            doc=words,
        )
        if self.award_mw is not None or self.min_mw == 0:
            return
        b.least_size = Constraint(
            b.decisions,
            b.blocks,
            rule=lambda b, d, j: b.award_mw[d, j] >= self.min_mw * b.is_sold[d, j],
            doc="an award is at least min_mw",
        )
        b.only_if_sold = Constraint(
            b.decisions,
            b.blocks,
            rule=lambda b, d, j: b.award_mw[d, j] <= b.most_mw[d, j] * b.is_sold[d, j],
            doc="an award is at least min_mw, or none",
        )

    def explained_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """What is awarded."""
        return self._award(b, w, t)

    def _award(self, b: Any, w: Any, t: Any) -> Any:
        return b.cleared_mw[w, t] if self.award_mw is not None else b.award_mw[b.decision_of[w], b.block_of[t]]

    def _short(self, b: Any, w: Any, t: Any) -> Any:
        return 0.0 if self.penalty_per_mwh is None else b.short_mw[w, t]

    def _lost_value_per_h(self, b: Any, w: Any, t: Any) -> Any:
        return sum(b.lost_value[k, w, t] * b.offered_mw[k, w, t] for k in b.providers)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines = {f"{self.name}_capacity": f.by_step(lambda b, w, t: b.price[w, t] * self._award(b, w, t) * f.step_h)}
        if self.may_be_called:
            lines[f"{self.name}_energy"] = f.by_step(
                lambda b, w, t: (
                    b.called[w, t] * b.energy_price[w, t] * sum(b.offered_mw[k, w, t] for k in b.providers) * f.step_h
                )
            )
            lines[f"{self.name}_deployment"] = f.by_step(
                lambda b, w, t: -b.called[w, t] * self._lost_value_per_h(b, w, t) * f.step_h
            )
        if self.penalty_per_mwh is not None:
            lines[f"{self.name}_penalty"] = f.by_step(lambda b, w, t: -b.penalty[w, t] * b.short_mw[w, t] * f.step_h)
        return lines

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        labels = tuple(part.label for part, _ in self.holders(f))
        found = {
            "award_mw": f.by_time(lambda b, w, t: self._award(b, w, t), "MW", "reserve awarded"),
            "offered_mw": f.by_time_and(
                "provider", labels, b.providers, lambda b, k, w, t: b.offered_mw[k, w, t], "MW", "reserve by provider"
            ),
        }
        if self.penalty_per_mwh is not None:
            found["short_mw"] = f.by_time(lambda b, w, t: b.short_mw[w, t], "MW", "awarded and held by nobody")
        if self.may_be_called:
            found["lost_value_per_h"] = f.by_time(
                lambda b, w, t: self._lost_value_per_h(b, w, t), "currency/h", "lost per hour in which all is called"
            )
        return found

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> dict[str, BillLine]:
        award, short = r.energy_mwh(r.reported("award_mw")), r.energy_mwh(r.reported("short_mw"))
        lines = {f"{self.name}_capacity": BillLine(r.values(self.price_per_mw_h) * award, award, "MW·h")}
        if self.may_be_called:
            called = r.values(self.deployment_probability)
            energy = called * (award - short)
            lost = called * r.energy_mwh(r.reported("lost_value_per_h"))
            price = self._sign * r.values(self.energy_price_per_mwh)
            lines[f"{self.name}_energy"] = BillLine(price * energy, energy, "MWh")
            lines[f"{self.name}_deployment"] = BillLine(-lost)
        if self.penalty_per_mwh is not None:
            lines[f"{self.name}_penalty"] = BillLine(-r.values(self.penalty_per_mwh) * short, short, "MWh")
        return lines

    def settled_schedules(self, r: Reading) -> dict[str, Floats]:
        return {} if self.award_mw is None else {"award_mw": r.values(self.award_mw)}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Reserves", ("offered_mw",), "MW", "award by provider", rest=("short_mw",), stacked=True),)

    def audit(self, a: AuditView) -> None:
        award, offered, short = a["award_mw"], a.table("offered_mw"), a.reported("short_mw")
        a.at_least("reserves are not negative", offered, 0.0)
        a.at_least("what is awarded and held by nobody is not negative", short, 0.0)
        a.equal("awards are held by the providers, or short of it", offered.sum(axis=0) + short, award)
        if self.award_mw is not None:
            a.equal("awards are those that have cleared", award, a.values(self.award_mw))
        else:
            self._audit_award(a, award)
        if self.may_be_called:
            lost = (self._lost_value(a.frame) * offered).sum(axis=0)
            a.equal("what is lost in a call follows from who holds the reserve", a["lost_value_per_h"], lost)
        super().audit(a)

    def _audit_award(self, a: AuditView, award: Floats) -> None:
        if self.commit == "day_ahead":
            a.equal("awards are the same for all members (commit: day_ahead)", award, a.full(award[0]))
        if self.max_mw is not None:
            a.at_most("awards within max_mw", award, self.max_mw)
        sold = award > 1e-6 * max(1.0, self.min_mw)
        a.at_least("awards are at least min_mw, or none", np.where(sold, award, self.min_mw), self.min_mw)
        ends = last_steps(self._blocks(a.horizon))
        of_block = award[:, ends][:, self._blocks(a.horizon)]
        a.equal("awards are constant in each block (block_hours)", award, of_block)

    # ------------------------------------------------------------------ figures from the data
    @property
    def _sign(self) -> float:
        return 1.0 if self.direction == "up" else -1.0

    def most_held_mw(self, f: Frame) -> Floats:
        """Most that each provider can ever hold, MW, (providers, members, steps)."""
        return np.stack([p.largest_reserve_mw(part.frame, self.direction) for part, p in self.holders(f)])

    def _lost_value(self, f: Frame) -> Floats:
        """What a MWh called costs each provider, currency, (providers, members, steps)."""
        return np.stack([p.lost_value_per_mwh(part.frame, self.direction) for part, p in self.holders(f)])

    def _decisions(self, f: Frame) -> int:
        return 1 if self.commit == "day_ahead" else f.members_count

    def most_awarded_mw(self, f: Frame) -> Floats:
        """Largest award that may make sense, MW, (decisions, blocks)."""
        codes = self._blocks(f.horizon)
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        extreme = np.minimum if self.penalty_per_mwh is None else np.maximum  # held always, or at least once
        most = extreme.reduceat(self.most_held_mw(f).sum(axis=0), starts, axis=1)
        if self._decisions(f) == 1:
            most = extreme.reduce(most, axis=0, keepdims=True)
        return np.asarray(np.minimum(most, np.inf if self.max_mw is None else self.max_mw))

    def _blocks(self, horizon: Horizon) -> NDArray[np.int64]:
        """Number of the block of each step, (steps,)."""
        return horizon.period_codes("step") if self.block_hours is None else clock_blocks(horizon, self.block_hours)
