"""Two settlement: a position bought day ahead, and the difference to the real use settled in real time.

``x_t`` MW are bought day ahead, one decision for all members (here-and-now); ``q_{w,t}`` MW are used in member ``w``.
Energy is metered at the site and settled with losses, ``v = loss_factor * q``::

    day ahead = - sum_t day_ahead_price_t * x_t * step_h
    imbalance = - sum_t real_time_price_{w,t} * (v_{w,t} - x_t) * step_h                            (one price)
    imbalance =   sum_t (long_price_{w,t} * l_{w,t} - short_price_{w,t} * s_{w,t}) * step_h         (a pair of prices)
    adder     = - sum_t adder_t * q_{w,t} * step_h
    s - l = v - x,    s >= 0 (bought in real time),   l >= 0 (sold in real time)

Where the price paid for a surplus exceeds the price of a shortage, buying and selling at once would be a money pump;
a binary forbids it in those steps and members, and in no others: ``s <= M * z``, ``l <= M * (1 - z)`` with ``M`` the
larger of the position's bound and the largest load.

The position stays physical: ``0 <= x_t <= import_limit``; ``virtual: false`` also forbids more than the site's
largest load, so that nothing is bought day ahead only to be sold in real time beyond what the machines can give up.
That is one number, the highest of all steps and members: what has been bought is a fact, which a cooler hour than
expected does not take back.

With one price the position earns ``(real_time_price - day_ahead_price) * x`` whatever the site does, so that it says
nothing of how the site was run; :meth:`TwoSettlement.position_profit` tells the two apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Supply
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Megawatts, Series, SeriesOf
from optimizer.template import Constraint, Param, Var


class TwoSettlement(Supply):
    """Energy bought day ahead, with the difference to the real use settled in real time."""

    holds: ClassVar[dict[str, Holds]] = {
        "delivered_mw": Holds(
            Code.CONTRACT_LIMIT, "the contract delivers at most {limit} MW", unit="MW", field="limit_mw"
        ),
        "position": Holds(
            Code.CONTRACT_LIMIT, "the day-ahead position is at most {limit} MW", unit="MW", field="position_limit_mw"
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("position_mw", "position_limit_mw", "limit_mw")

    schedules: ClassVar[tuple[str, ...]] = ("delivered_mw", "position_mw")

    kind: Literal["two_settlement"] = "two_settlement"
    day_ahead_price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Day-ahead price; where it differs by member, the position is bought before it is known."""
    real_time_price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] | None = None
    """Price of the difference, in both directions; or give the pair ``short_price_per_mwh``, ``long_price_per_mwh``."""
    short_price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] | None = None
    """Price of what is used beyond the position (imbalance markets with two prices)."""
    long_price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] | None = None
    """Price paid for what the position exceeds the use."""
    adder_per_mwh: Annotated[Series, SeriesOf("currency/MWh")] = Series.constant(0.0)
    """Retailer's adder on every MWh used."""
    loss_factor: float = Field(default=1.0, ge=1.0, le=1.5, allow_inf_nan=False)
    """MWh settled per MWh metered (transmission and distribution losses)."""
    virtual: bool = True
    """Whether the position may exceed the largest load of the site (a financial bet on the spread)."""
    position_limit_mw: Megawatts | None = None
    """Largest position, beside the limit of the grid connection."""
    position_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """A position that has cleared already; by default it is decided."""
    limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most power that the contract delivers; unlimited by default."""

    @model_validator(mode="after")
    def _one_price_or_a_pair(self) -> Self:
        pair = (self.short_price_per_mwh is not None, self.long_price_per_mwh is not None)
        if (self.real_time_price_per_mwh is not None) == any(pair) or pair[0] != pair[1]:
            raise ValueError("give either real_time_price_per_mwh or both short_price_per_mwh and long_price_per_mwh")
        if self.position_mw is not None and (self.position_limit_mw is not None or not self.virtual):
            raise ValueError("position_mw: has cleared already; position_limit_mw and virtual have no effect on it")
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        if self.position_mw is not None:
            if f.values(self.position_mw).min(axis=0).tolist() != f.values(self.position_mw).max(axis=0).tolist():
                yield Finding("position_mw", "a position that has cleared is the same for all members")
            return
        if not np.isfinite(self._most_position(f)).all():
            yield Finding(
                "virtual",
                "nothing bounds the position, so a spread between the prices would earn without limit",
                self.virtual,
                hint="give grid.import_limit_mw or position_limit_mw, or virtual: false",
            )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.day_ahead_price = f.series_param(self.day_ahead_price_per_mwh)
        short, long = self._real_time_prices(f)
        b.short_price, b.long_price = f.series_param(short), f.series_param(long)
        b.adder = f.series_param(self.adder_per_mwh)
        least, most = self._position_bounds(f)
        b.position_least, b.position_most = Param(f.steps, values=least), Param(f.steps, values=most)
        b.position = Var(
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, t: (b.position_least[t], b.position_most[t]),
            scheduled="ahead",
        )
        b.limit_mw = f.series_param(self.most_delivered_mw(f))
        b.delivered_mw = Var(
            f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, b.limit_mw[w, t])
        )
        if self.real_time_price_per_mwh is not None:
            return
        b.short_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals, least=True)
        b.long_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals, least=True)
        pump = [(int(w), int(t)) for w, t in np.argwhere(long > short)]
        b.pump = pyo.Set(initialize=pump, dimen=2)
        b.is_short = Var(b.pump, within=pyo.Binary)
        b.most_mw = f.series_param(np.maximum(most, self.loss_factor * self._largest_mw(f)) if pump else f.zeros())

    def constraints(self, b: Any, f: Frame) -> None:
        if self.real_time_price_per_mwh is not None:
            return
        b.imbalance = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.short_mw[w, t] - b.long_mw[w, t] == self.loss_factor * b.delivered_mw[w, t] - b.position[t]
            ),
            doc="what is used beyond the position is bought, what is left of it is sold",
        )
        b.only_short = Constraint(
            b.pump,
            rule=lambda b, w, t: b.short_mw[w, t] <= b.most_mw[w, t] * b.is_short[w, t],
            doc="no buying while selling in real time",
        )
        b.only_long = Constraint(
            b.pump,
            rule=lambda b, w, t: b.long_mw[w, t] <= b.most_mw[w, t] * (1 - b.is_short[w, t]),
            doc="no selling while buying in real time",
        )

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def most_delivered_mw(self, f: Frame) -> Floats:
        """Most power that the contract delivers, MW, (members, steps); inf where it is not limited."""
        return f.full(np.inf) if self.limit_mw is None else f.values(self.limit_mw)

    def settled_schedules(self, r: Reading) -> dict[str, Floats]:
        return {} if self.position_mw is None else {"position_mw": r.values(self.position_mw)}

    def lowest_buy_price(self, f: Frame) -> Floats:
        """What a further MWh costs: the day-ahead position is sunk by then."""
        short, long = self._real_time_prices(f)
        return np.minimum(short, long) * self.loss_factor + f.values(self.adder_per_mwh)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        def imbalance(b: Any, w: Any, t: Any) -> Any:
            if self.real_time_price_per_mwh is not None:
                return -b.short_price[w, t] * (self.loss_factor * b.delivered_mw[w, t] - b.position[t]) * f.step_h
            return (b.long_price[w, t] * b.long_mw[w, t] - b.short_price[w, t] * b.short_mw[w, t]) * f.step_h

        return {
            f"{self.name}_day_ahead": f.by_step(lambda b, w, t: -b.day_ahead_price[w, t] * b.position[t] * f.step_h),
            f"{self.name}_imbalance": f.by_step(imbalance),
            f"{self.name}_adder": f.by_step(lambda b, w, t: -b.adder[w, t] * b.delivered_mw[w, t] * f.step_h),
        }

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "delivered_mw": f.by_time(lambda b, w, t: b.delivered_mw[w, t], "MW", "power delivered by the contract"),
            "position_mw": f.by_time(
                lambda b, w, t: b.position[t] + 0.0 * b.delivered_mw[w, t], "MW", "bought day ahead"
            ),
        }

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> dict[str, BillLine]:
        used, position = r.energy_mwh(r["delivered_mw"]), r.energy_mwh(r["position_mw"])
        short, long = self._real_time_prices(r.frame)
        difference = self.loss_factor * used - position
        imbalance = np.where(difference > 0, -short * difference, -long * difference)
        return {
            f"{self.name}_day_ahead": BillLine(-r.values(self.day_ahead_price_per_mwh) * position, position, "MWh"),
            f"{self.name}_imbalance": BillLine(imbalance, difference, "MWh"),
            f"{self.name}_adder": BillLine(-r.values(self.adder_per_mwh) * used, used, "MWh"),
        }

    def audit(self, a: AuditView) -> None:
        used, position = a["delivered_mw"], a["position_mw"]
        a.at_least("delivered power is not negative", used, 0.0)
        a.at_most("delivered power within limit_mw", used, self.most_delivered_mw(a.frame))
        least, most = self._position_bounds(a.frame)
        a.at_least("the position is at least what has cleared, and not negative", position, least)
        a.at_most("the position is physical", position, most)
        a.equal("the position is the same for all members", position, position[:1])
        super().audit(a)

    def prices(self, f: Frame) -> dict[str, Floats]:
        short, long = self._real_time_prices(f)
        found = {f"{self.name} day ahead": f.values(self.day_ahead_price_per_mwh)}
        if self.real_time_price_per_mwh is not None:
            return found | {f"{self.name} real time": short}
        return found | {f"{self.name} short": short, f"{self.name} long": long}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Contracts", ("delivered_mw", "position_mw"), "MW", "use and position"),)

    # ------------------------------------------------------------------ for those who decide again and again
    def hedge(self, b: Any, f: Frame, values: Callable[[Any], Floats]) -> tuple[Any, Floats] | None:
        """The position's variable and what is expected to be used, MW settled, (steps,), within its bounds; None for a
        position that has cleared. ``values`` gives a variable's values in a plan."""
        if self.position_mw is not None:
            return None
        used = self.loss_factor * (f.probabilities @ values(b.delivered_mw))
        return b.position, np.clip(used, *self._position_bounds(f))

    def position_profit(self, r: Reading) -> Floats:
        """What the position has earned against having bought and sold everything in real time, (members, steps)."""
        used, position = self.loss_factor * r.energy_mwh(r["delivered_mw"]), r.energy_mwh(r["position_mw"])
        short, long = self._real_time_prices(r.frame)
        difference = used - position
        with_it = np.where(difference > 0, -short * difference, -long * difference)
        return np.asarray(with_it - r.values(self.day_ahead_price_per_mwh) * position + short * used)

    # ------------------------------------------------------------------ figures from the data
    def _real_time_prices(self, f: Frame) -> tuple[Floats, Floats]:
        """Price of a shortage and of a surplus, (members, steps)."""
        if self.real_time_price_per_mwh is not None:
            return f.values(self.real_time_price_per_mwh), f.values(self.real_time_price_per_mwh)
        assert self.short_price_per_mwh is not None
        assert self.long_price_per_mwh is not None
        return f.values(self.short_price_per_mwh), f.values(self.long_price_per_mwh)

    def _most_position(self, f: Frame) -> Floats:
        """Largest position by step, (steps,): what at least one member could import."""
        most = f.full(np.inf) if f.import_limit_mw is None else f.import_limit_mw
        if not self.virtual:
            most = np.minimum(most, self.loss_factor * self._largest_mw(f).max())
        limit = np.inf if self.position_limit_mw is None else self.position_limit_mw
        return np.asarray(np.minimum(most.max(axis=0), limit))

    def _position_bounds(self, f: Frame) -> tuple[Floats, Floats]:
        """Least and largest position, (steps,)."""
        if self.position_mw is not None:
            return f.values(self.position_mw)[0], f.values(self.position_mw)[0]
        return np.zeros(f.horizon.steps), self._most_position(f)

    def _largest_mw(self, f: Frame) -> Floats:
        """Most that the contract can be asked to deliver, (members, steps)."""
        return np.minimum(f.largest_load_mw, self.most_delivered_mw(f))
