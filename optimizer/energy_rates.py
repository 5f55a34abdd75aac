"""Energy rates: what a tariff charges per MWh, by time of use and by blocks.

Each step belongs to exactly one rate ``r``, by windows of the local clock. With ``q_t`` the power that is billed::

    flat rate:   charge_r   = sum_{t in r} (price_{r,t}) * q_t * step_h
    block rate:  charge_r,k = C_r(x0 + E) - C_r(x0),      E = sum_{t in r and k} q_t * step_h
    adder:                    sum_t adder_t * q_t * step_h

for each settlement period ``k``; ``C_r`` and how it is modelled: :mod:`optimizer.energy_blocks`. Every rate counts
the MWh of the period that are billed at it, and fills its own blocks with them. ``x0`` is the energy of a period that
was already running, from the run before or from ``month_to_date_mwh``. Blocks are never scaled: a period that the end
of the horizon cuts is billed as far as it goes. Only a window in which decisions are taken sees its part of what is
left of each block (:mod:`optimizer.rest_of_period`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.component import Carried, Finding, Floats, MoneyLine
from optimizer.contract import BillLine, Contract
from optimizer.energy_blocks import (
    Account,
    Block,
    check_order,
    constrain_blocks,
    cost_from_start,
    declare_blocks,
    divided,
)
from optimizer.frame import Frame
from optimizer.horizon import Horizon
from optimizer.metering import Reading
from optimizer.quantities import MegawattHours, Name, Series, SeriesOf
from optimizer.rate_hours import hours_of_rates
from optimizer.rest_of_period import ChargedOverPeriods
from optimizer.running_period import handed_on
from optimizer.settlement import at_period_ends, last_steps
from optimizer.template import Param
from optimizer.windows import Windowed

CARRY_KEY = "energy_mwh"
ADDER = "adder"


class Rate(Windowed):
    """Price of the energy in some hours: one price, or blocks."""

    name: Name = "energy"
    """Name of its line in ledger and bill: ``<contract>_<rate>``."""
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] | None = None
    """Price of every MWh; may differ by step and by member."""
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)] | None = None
    """Instead of one price: blocks of the settlement period's energy, in order; their prices may rise and fall."""
    month_to_date_mwh: MegawattHours = 0.0
    """Energy billed at this rate in a month that is already running, where the first MWh of the horizon starts in the
    blocks. What a run before has carried (``energy_mwh``) takes its place."""

    @model_validator(mode="after")
    def _one_way_each(self) -> Self:
        if (self.price_per_mwh is None) == (self.blocks is None):
            raise ValueError("give either price_per_mwh or blocks")
        if self.blocks is not None:
            check_order(self.blocks)
        return self


class EnergyRates(ChargedOverPeriods, Contract):
    """Fields and rules of a contract that charges energy by rates."""

    carries: ClassVar[dict[str, str]] = {
        CARRY_KEY: "MWh billed so far at a rate with blocks, by settlement period and rate: 2024-08/on_peak"
    }

    rates: Annotated[tuple[Rate, ...], Field(min_length=1)]
    """Rates that together hold every hour exactly once; a flat tariff is one rate without a window."""
    settlement_period: Literal["month", "day"] = "month"
    """Period whose energy fills the blocks."""
    adder_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] = Series.constant(0.0)
    """Added to the price of every MWh, whatever its rate (a fuel or loss adjustment); below 0 for a credit."""

    @model_validator(mode="after")
    def _rates_are_told_apart(self) -> Self:
        names = [rate.name for rate in self.rates]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise ValueError(f"rates: the name {name} is used twice; each rate has a line of its own")
            if name == ADDER:
                raise ValueError(f"rates: a rate cannot be named {ADDER}, which is the line of adder_per_mwh")
            if self.rates[position].month_to_date_mwh > 0 and self.settlement_period != "month":
                raise ValueError(f"rates: month_to_date_mwh of {name} is of a month, but blocks are settled by day")
        return self

    # ------------------------------------------------------------------ what the kinds say
    @abstractmethod
    def billed_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Power that is billed, MW, as a model expression."""

    @abstractmethod
    def metered_mw(self, r: Reading) -> Floats:
        """Power that is billed, MW, (members, steps), from a reading."""

    @abstractmethod
    def most_billed_mw(self, f: Frame) -> Floats:
        """Most power that can be billed, MW, (members, steps)."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from hours_of_rates(self.rates, f.horizon)
        has_blocks = [rate.name for rate in self.rates if rate.blocks is not None]
        if not has_blocks and self.settlement_period != "month":
            yield Finding("settlement_period", "has no effect without blocks", fatal=False)
        for number, rate in enumerate(self.rates):
            reason = "without blocks" if rate.blocks is None else "as the horizon starts with a month"
            if rate.month_to_date_mwh > 0 and (rate.blocks is None or not f.horizon.starts_inside("month")):
                yield Finding(f"rates[{number}].month_to_date_mwh", f"has no effect {reason}", fatal=False)
        for label, energy in f.carried.by_period(CARRY_KEY).items():
            if label.rpartition("/")[2] not in has_blocks or (energy < 0).any():
                yield Finding(
                    "rates",
                    f"{CARRY_KEY} of the carry does not fit: {label}: {energy.min():g}",
                    allowed="MWh of a period and a rate with blocks: "
                    + (", ".join(f"{f.horizon.period_labels('month')[0]}/{name}" for name in has_blocks) or "none"),
                )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        flat = [np.where(mask, self._flat_price(f, rate), 0.0) for rate, mask in self._masks(f.horizon)]
        b.rates = pyo.RangeSet(0, len(self.rates) - 1)
        b.flat_price = Param(b.rates, f.members, f.steps, values=np.stack(flat))
        b.adder = f.series_param(self.adder_per_mwh)
        accounts = self._accounts(f)
        if accounts:
            declare_blocks(b, f, [account for _, _, account in accounts])
        for number in {rate for rate, _, _ in accounts}:
            own = [k for k, (rate, _, _) in enumerate(accounts) if rate == number]
            b.add_component(_accounts_of(number), pyo.RangeSet(own[0], own[-1]))

    def constraints(self, b: Any, f: Frame) -> None:
        if hasattr(b, "accounts"):
            constrain_blocks(b, f, lambda b, w, t: self.billed_mw(b, f, w, t))

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines: dict[str, MoneyLine] = {}
        ends = last_steps(f.horizon.period_codes(self.settlement_period))
        accounts = self._accounts(f)
        for number, (rate, mask) in enumerate(self._masks(f.horizon)):
            if not mask.any():
                continue
            if rate.blocks is None:
                lines[self._line(rate)] = f.by_step(
                    lambda b, w, t, r=number: -b.flat_price[r, w, t] * self.billed_mw(b, f, w, t) * f.step_h
                )
            else:
                lines[self._line(rate)] = MoneyLine(
                    (f.members, b.component(_accounts_of(number))),
                    lambda b, w, k: -sum(b.charge[w, s] for s in b.stretches_of[k]),
                    tuple(int(ends[period]) for of_rate, period, _ in accounts if of_rate == number),
                )
        if self._has_adder:
            lines[f"{self.name}_{ADDER}"] = f.by_step(
                lambda b, w, t: -b.adder[w, t] * self.billed_mw(b, f, w, t) * f.step_h
            )
        return lines

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> dict[str, BillLine]:
        energy = r.energy_mwh(self.metered_mw(r))
        codes = r.horizon.period_codes(self.settlement_period)
        lines: dict[str, BillLine] = {}
        for rate, mask in self._masks(r.horizon):
            billed = np.where(mask, energy, 0.0)
            if not mask.any():
                continue
            if rate.blocks is None:
                lines[self._line(rate)] = BillLine(-self._flat_price(r.frame, rate) * billed, billed, "MWh")
                continue
            of_period, before = r.sum_by_period(billed, self.settlement_period), self._before_mwh(r.frame, rate)
            left = self.windows_left(r.frame, self.settlement_period)
            charge = cost_from_start(rate.blocks, before + left * of_period) - cost_from_start(rate.blocks, before)
            lines[self._line(rate)] = BillLine(
                at_period_ends(codes, -charge / left), at_period_ends(codes, of_period), "MWh"
            )
        if self._has_adder:
            lines[f"{self.name}_{ADDER}"] = BillLine(-r.values(self.adder_per_mwh) * energy, energy, "MWh")
        return lines

    def carry(self, a: AuditView) -> dict[str, Carried]:
        energy = a.energy_mwh(self.metered_mw(a))
        states: dict[str, Floats] = {}
        for rate, mask in self._masks(a.horizon):
            if rate.blocks is not None:
                so_far = a.sum_by_period(np.where(mask, energy, 0.0), self.settlement_period)
                so_far = so_far + self._before_mwh(a.frame, rate)
                for period, total in handed_on(a.horizon, self.settlement_period, so_far).items():
                    states[f"{period}/{rate.name}"] = total
        return {CARRY_KEY: states} if states else {}

    def prices(self, f: Frame) -> dict[str, Floats]:
        """The price in each step; of blocks each one's, under its number."""
        most = max(len(rate.blocks or ()) for rate in self.rates)
        found = {}
        for number in range(max(1, most)):
            price = f.values(self.adder_per_mwh).copy()
            for rate, mask in self._masks(f.horizon):
                price[:, mask] += self._price_of_block(f, rate, number)[:, mask]
            found[self.name if most < 2 else f"{self.name} block {number + 1}"] = price
        return found

    def end_rule(self, f: Frame) -> str | None:
        if all(rate.blocks is None for rate in self.rates):
            return None
        return f"blocks of a {self.settlement_period} that the horizon cuts are whole and filled as far as it goes"

    def lowest_price(self, f: Frame) -> Floats:
        """Lowest price that a further MWh may have, (members, steps)."""
        price = f.values(self.adder_per_mwh).copy()
        for rate, mask in self._masks(f.horizon):
            of_blocks = [self._price_of_block(f, rate, number)[:, mask] for number in range(len(rate.blocks or "1"))]
            price[:, mask] += np.minimum.reduce(of_blocks)
        return price

    # ------------------------------------------------------------------ data
    @property
    def _has_adder(self) -> bool:
        return not (self.adder_per_mwh.is_constant and self.adder_per_mwh.values[0, 0] == 0)

    def _line(self, rate: Rate) -> str:
        return f"{self.name}_{rate.name}"

    def _masks(self, horizon: Horizon) -> list[tuple[Rate, NDArray[np.bool_]]]:
        return [(rate, rate.mask(horizon)) for rate in self.rates]

    def _flat_price(self, f: Frame, rate: Rate) -> Floats:
        return f.zeros() if rate.price_per_mwh is None else f.values(rate.price_per_mwh)

    def _price_of_block(self, f: Frame, rate: Rate, number: int) -> Floats:
        """Price of a rate's block of this number, of its last one where it has fewer."""
        if rate.blocks is None:
            return self._flat_price(f, rate)
        return f.full(rate.blocks[min(number, len(rate.blocks) - 1)].price_per_mwh)

    def _before_mwh(self, f: Frame, rate: Rate) -> Floats:
        """Energy at a rate in periods that began before the horizon, (members, periods)."""
        labels = f.horizon.period_labels(self.settlement_period)
        before = np.zeros((f.members_count, len(labels)))
        if f.horizon.starts_inside(self.settlement_period):
            before[:, 0] = rate.month_to_date_mwh
        for label, energy in f.carried.by_period(CARRY_KEY).items():
            period, _, name = label.rpartition("/")
            if name == rate.name and period in labels:
                before[:, labels.index(period)] = energy
        return before

    def _accounts(self, f: Frame) -> list[tuple[int, int, Account]]:
        """Accounts of the rates with blocks, by number of rate and period."""
        codes = f.horizon.period_codes(self.settlement_period)
        most = f.horizon.energy_mwh(self.most_billed_mw(f))
        left = self.windows_left(f, self.settlement_period)
        found = []
        for number, (rate, mask) in enumerate(self._masks(f.horizon)):
            if rate.blocks is None:
                continue
            before = self._before_mwh(f, rate)
            for period in np.unique(codes[mask]):
                steps = np.flatnonzero(mask & (codes == period))
                blocks, so_far = divided(rate.blocks, left[period]), before[:, period] / left[period]
                account = Account(blocks, steps.tolist(), so_far, most[:, steps].sum(axis=1))
                found.append((number, int(period), account))
        return found


def _accounts_of(rate: int) -> str:
    return f"accounts_of_rate_{rate}"
