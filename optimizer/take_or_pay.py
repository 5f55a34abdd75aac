"""Take-or-pay: a share of the energy offered is paid, whether it is taken or not.

Over a settlement period with the energy offered ``O``, its worth at the contract's prices ``W`` and the energy taken
``T``, the contract charges, beside what is taken::

    shortfall charge = W / O * max(0, phi * O - T)

``W / O`` is the volume-weighted mean price of the period: which MWh of it were not taken is not said by the contract.

**A period that several runs share.** ``O``, ``W`` and ``T`` are counted from the start of the period: each run hands
on what it has added to them. A run books the charge on the period so far, less what the runs before it have booked
by the same formula::

    booked = - (charge on the period so far  -  charge on the part before the horizon)

So runs in a row book together what one run over the whole period books for the same load; a run whose load makes up
for a shortfall gets the charge back. What was booked before is a constant: the schedule sees what a MWh is worth to
the period as a whole. Of a period that the end of the horizon cuts, the steps inside count, in use and in obligation.
In a window in which decisions are taken, what is still owed is spread over the hours left of the period
(:mod:`optimizer.rest_of_period`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.running_period import carried_sums, handed_on
from optimizer.settlement import sums_by_period

if TYPE_CHECKING:
    from optimizer.component import Carried
    from optimizer.frame import Frame
    from optimizer.horizon import Horizon, PeriodKind

Floats = NDArray[np.float64]
CARRIED = {
    "taken_mwh": "MWh taken so far, by settlement period",
    "offered_mwh": "MWh offered so far, by settlement period",
    "offered_value": "currency, what the energy offered so far costs at the contract's prices, by settlement period",
}


@dataclass(frozen=True)
class Account:
    """Energy taken and offered in each settlement period, MWh, and what the offer costs; (members, periods)."""

    taken_mwh: Floats
    offered_mwh: Floats
    offered_value: Floats

    @classmethod
    def carried(cls, f: Frame, kind: PeriodKind) -> Account:
        """What earlier runs have counted in the periods of the horizon."""
        return cls(*(carried_sums(f, key, kind) for key in CARRIED))

    @classmethod
    def of(cls, horizon: Horizon, kind: PeriodKind, taken_mw: Floats, offered_mw: Floats, price: Floats) -> Account:
        """Powers and prices of the horizon, (members, steps), summed by period."""
        codes = horizon.period_codes(kind)
        taken, offered = horizon.energy_mwh(taken_mw), horizon.energy_mwh(offered_mw)
        return cls(*(sums_by_period(codes, values) for values in (taken, offered, price * offered)))

    def __add__(self, other: Account) -> Account:
        return Account(
            self.taken_mwh + other.taken_mwh,
            self.offered_mwh + other.offered_mwh,
            self.offered_value + other.offered_value,
        )

    def scaled(self, factor: Floats) -> Account:
        """The account if ``factor`` times as much were offered; broadcast to (members, periods)."""
        return Account(self.taken_mwh, self.offered_mwh * factor, self.offered_value * factor)

    def divided(self, parts: Floats) -> Account:
        """Its part of what is counted, (periods,) parts."""
        return Account(self.taken_mwh / parts, self.offered_mwh / parts, self.offered_value / parts)

    @property
    def mean_price(self) -> Floats:
        """Volume-weighted mean price; 0 where nothing is offered, and so nothing is owed."""
        offered = self.offered_mwh
        return np.divide(self.offered_value, offered, out=np.zeros_like(offered), where=offered > 0)

    def owed_mwh(self, fraction: float) -> Floats:
        """Obligation less what was taken, MWh; below 0 where more was taken."""
        return np.asarray(fraction * self.offered_mwh - self.taken_mwh)

    def short_mwh(self, fraction: float) -> Floats:
        """Energy that is paid and was not taken, MWh."""
        return np.maximum(0.0, self.owed_mwh(fraction))

    def charge(self, fraction: float) -> Floats:
        """Shortfall charge, currency."""
        return np.asarray(self.mean_price * self.short_mwh(fraction))

    def handed_on(self, horizon: Horizon, kind: PeriodKind) -> dict[str, Carried]:
        """The carry under :data:`CARRIED`; empty for settlement periods that end with the horizon."""
        states = {key: handed_on(horizon, kind, getattr(self, key)) for key in CARRIED}
        return {key: by_period for key, by_period in states.items() if by_period}
