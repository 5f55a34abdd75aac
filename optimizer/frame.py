"""What a component sees of the world: index sets, data arrays, its block, its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.carry import CarriedStates
from optimizer.component import Component, MoneyLine, Result, Rule
from optimizer.contract import Contract
from optimizer.quantities import Series
from optimizer.settlement import last_steps
from optimizer.template import Param

if TYPE_CHECKING:
    from optimizer.horizon import Horizon

Floats = NDArray[np.float64]
Worked = TypeVar("Worked")


@dataclass(eq=False)
class Part:
    """A component in its place: label, path in the file, site, and the parts it refers to or is referred to by."""

    label: str
    component: Component
    path: tuple[str | int, ...]
    site: str | None
    bundle: str | None = None
    """Name of the bundle that the component is a member of."""
    hosts: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    guests: list[Part] = field(default_factory=list)
    frame: Frame = field(init=False, repr=False)

    @property
    def block(self) -> Any:
        return self.frame.model.parts[self.label]

    def power_mw(self, w: Any, t: Any) -> Any:
        return self.component.power_mw(self.block, self.frame, w, t)

    def heat_mw(self, w: Any, t: Any) -> Any:
        return self.component.heat_mw(self.block, self.frame, w, t)


@dataclass(eq=False)
class Frame:
    """Index sets, data and neighbours of one component. ``model`` is None while a scenario is only being checked."""

    part: Part
    horizon: Horizon
    members_count: int
    probabilities: Floats
    parts: dict[str, Part]
    site_parts: tuple[Part, ...] = ()
    """Components of the same site, in the file's order, then contracts of the portfolio that span it."""
    meters: tuple[Part, ...] = ()
    """The component's site, or the sites that a contract of the portfolio spans."""
    import_limit_mw: Floats | None = None
    """Limit of the connections of the metered sites together, (members, steps), inf where there is none; None for a
    workload shared by sites."""
    export_limit_mw: Floats | None = None
    carried: CarriedStates = field(default_factory=lambda: CarriedStates({}, 1))
    """States in which an earlier run has left the component."""
    is_cut: bool = False
    """Whether a plan is seen up to a step before its end: what it books at the end is not to count."""
    model: Any = None
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What the component has worked out from these data and asks for again and again."""

    def remembered(self, key: Any, work: Callable[[], Worked]) -> Worked:
        """What ``work()`` gives, worked out when first asked for under this key; arrays are not to be written to.

        It may depend on the frame's data and on the component's own fields, not on the model.
        """
        if key not in self.memo:
            found = work()
            if isinstance(found, np.ndarray):
                found = found.view()
                found.flags.writeable = False
            self.memo[key] = found
        known: Worked = self.memo[key]
        return known

    def forget(self) -> None:
        """Work everything out anew, as the horizon has changed."""
        self.memo.clear()
        for name in ("lowest_buy_price", "highest_sell_price", "largest_load_mw"):
            self.__dict__.pop(name, None)

    # ------------------------------------------------------------------ sizes and data
    @property
    def shape(self) -> tuple[int, int]:
        """(members, steps)."""
        return self.members_count, self.horizon.steps

    @property
    def step_h(self) -> float:
        """Length of a step, hours."""
        return self.horizon.step_h

    def values(self, series: Series) -> Floats:
        """A series as (members, steps); no copy is made for members that share it, nor for a part of the horizon."""
        if series.values.shape[1] == 1:
            return self.full(series.values)
        values = series.values
        if values.shape == self.shape:
            return values  # a series is not to be written to either
        return series.by_member(self.members_count)[:, : self.horizon.steps]

    def full(self, value: Any) -> Floats:
        """A number, or an array that may be broadcast, as (members, steps), not to be written to."""
        array = np.asarray(value, dtype=float)
        if array.ndim == 0:  # by far the most; what numpy's own function does for it takes ten times as long
            found = np.ndarray(self.shape, float, np.array(array, ndmin=1), strides=(0, 0))
        elif array.shape == self.shape:
            found = array.view()
        else:
            return np.broadcast_to(array, self.shape)
        found.flags.writeable = False
        return found

    def zeros(self) -> Floats:
        return self.full(0.0)

    def hosts(self, reference: str) -> tuple[Part, ...]:
        """The parts that the field ``reference`` names."""
        return self.part.hosts.get(reference, ())

    @cached_property
    def lowest_buy_price(self) -> Floats:
        """Lowest marginal price per MWh at which the site's contracts can deliver, (members, steps); inf without
        any."""
        if self._is_behind_a_meter:
            return self.meters[0].frame.lowest_buy_price
        contracts = [(p.component, p.frame) for p in self.site_parts if isinstance(p.component, Contract)]
        prices = [contract.lowest_buy_price(f) for contract, f in contracts]
        adders = [contract.lowest_buy_adder(f) for contract, f in contracts]
        return np.asarray(np.minimum.reduce([self.full(np.inf), *prices]) + np.add.reduce([self.zeros(), *adders]))

    @cached_property
    def highest_sell_price(self) -> Floats:
        """Highest marginal price per MWh that the site's contracts pay, (members, steps); -inf without any."""
        if self._is_behind_a_meter:
            return self.meters[0].frame.highest_sell_price
        contracts = [(p.component, p.frame) for p in self.site_parts if isinstance(p.component, Contract)]
        prices = [contract.highest_sell_price(f) for contract, f in contracts]
        adders = [contract.highest_sell_adder(f) for contract, f in contracts]
        return np.asarray(np.maximum.reduce([self.full(-np.inf), *prices]) + np.add.reduce([self.zeros(), *adders]))

    @property
    def _is_behind_a_meter(self) -> bool:
        """Whether it is the frame of a component at one site, which sees what the site's own frame sees."""
        return self.part.site is not None and self.meters[0] is not self.part

    @property
    def metered_sites(self) -> tuple[str, ...]:
        """Names of the sites whose meters the component sees."""
        return tuple(site.label for site in self.meters)

    @cached_property
    def largest_load_mw(self) -> Floats:
        """Most that the metered sites together can take from the grid, MW, (members, steps): all machines at full
        power, within the connections. A finite bound for peaks and positions."""
        if self._is_behind_a_meter:
            return self.meters[0].frame.largest_load_mw
        site_loads = [site.component.largest_load(site.frame) for site in self.meters]  # type: ignore[attr-defined]
        return np.asarray(np.add.reduce([self.zeros(), *site_loads]))

    @property
    def guests(self) -> list[Part]:
        """The parts that refer to this one."""
        return self.part.guests

    # ------------------------------------------------------------------ index sets (of the model)
    @property
    def members(self) -> Any:
        return self.model.members

    @property
    def steps(self) -> Any:
        """Steps 0..T-1."""
        return self.model.steps

    @property
    def inner_steps(self) -> Any:
        """Steps 1..T-1: those with a predecessor inside the horizon."""
        return self.model.inner_steps

    @property
    def states(self) -> Any:
        """-1..T-1: a state before the first step and one at the end of each step."""
        return self.model.states

    # ------------------------------------------------------------------ what the meter sees (in rules)
    def import_mw(self, w: Any, t: Any) -> Any:
        """Metered import of the metered sites together, MW, as a model expression."""
        return sum([self.model.sites[site].import_mw[w, t] for site in self.metered_sites])

    def export_mw(self, w: Any, t: Any) -> Any:
        """Metered export of the metered sites together, MW, as a model expression."""
        return sum([self.model.sites[site].export_mw[w, t] for site in self.metered_sites])

    # ------------------------------------------------------------------ declarations
    def series_param(self, series: Series | Floats) -> Param:
        """A parameter over (members, steps)."""
        array = self.values(series) if isinstance(series, Series) else self.full(series)
        return Param(self.members, self.steps, values=array)

    def by_step(self, rule: Rule) -> MoneyLine:
        """A money line ``rule(b, w, t)`` booked in every step."""
        return MoneyLine((self.members, self.steps), rule)

    def by_some_steps(self, steps: Any, rule: Rule) -> MoneyLine:
        """A money line ``rule(b, w, t)`` booked in each of a range of steps."""
        return MoneyLine((self.members, steps), rule, tuple(steps))

    def by_member(self, rule: Rule) -> MoneyLine:
        """A money line ``rule(b, w)`` booked once, at the end of the horizon."""
        return MoneyLine((self.members,), rule)

    def by_period(self, periods: Any, rule: Rule, codes: NDArray[np.int64]) -> MoneyLine:
        """A money line ``rule(b, w, p)`` booked at the end of each settlement period; ``codes`` gives the period of
        each step."""
        return MoneyLine((self.members, periods), rule, tuple(last_steps(codes).tolist()))

    def by_time(self, rule: Rule, units: str, long_name: str) -> Result:
        """A result ``rule(b, w, t)``."""
        return Result(("member", "time"), (self.members, self.steps), rule, units, long_name)

    def by_time_and(
        self, dim: str, labels: tuple[str, ...], index_set: Any, rule: Rule, units: str, long_name: str
    ) -> Result:
        """A result ``rule(b, k, w, t)`` with a dimension of the component's own."""
        return Result((dim, "member", "time"), (index_set, self.members, self.steps), rule, units, long_name, labels)

    def once(self, rule: Rule, units: str, long_name: str) -> Result:
        """A result ``rule(b, w)`` without time."""
        return Result(("member",), (self.members,), rule, units, long_name)


def add_index_sets(model: Any, members: int, steps: int) -> None:
    """Index sets shared by all components; ``states`` starts at -1, so that no rule has a first-step special case."""
    model.members = pyo.RangeSet(0, members - 1)
    model.steps = pyo.RangeSet(0, steps - 1)
    model.inner_steps = pyo.RangeSet(1, steps - 1)
    model.states = pyo.RangeSet(-1, steps - 1)
