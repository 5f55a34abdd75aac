"""Charges that are paid for longer than the window in which a decision is taken.

A peak is paid for a month, take-or-pay is settled by the month, the blocks of a tariff are filled month by month, and a
decision may see two days of it. A window that is charged the whole for what it alone could earn would hardly run
anything at a month's beginning; one that has to make up at once for all that was not taken so far would take it at any
price. So decisions take **the rest of a period to be like the window**. With ``n`` the times that the window's part of
the period fits into what is left of it when the window starts,

    n = (hours left of the period) / (hours of the period in the window)

the whole of the rest earns ``n`` times what the window earns, and is charged for ``n`` times what the window adds to
the period's ``state`` so far. Of that the window is charged its part::

    charge = ( C(state + n * added) - C(state) ) / n

Towards the end of the period ``n`` falls to 1, and the charge is the contract's own. For

- a charge on a peak (the state is raised by one window as much as by ``n``) that is ``1/n`` of the rate;
- a sum that is held against a threshold (take-or-pay, a minimum bill, the blocks of a tariff) it is the contract's own
  formula with what was counted before, and every threshold of the whole period, divided by ``n``: what is still owed
  at the end of the period is spread over the hours that are left.

What was done is settled with the charge itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from optimizer.component import Component
from optimizer.running_period import CALENDAR_PERIODS

if TYPE_CHECKING:
    from optimizer.frame import Frame
    from optimizer.horizon import Horizon, PeriodKind

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ahead:
    """A window, and the time over which decisions are taken: at its end nothing is left to be gained."""

    window: Horizon
    whole: Horizon

    def windows_left(self, horizon: Horizon, kind: PeriodKind) -> Floats:
        """``n`` of each period of a horizon, (periods,); 1 for periods that the window does not touch."""
        left = self._left(kind)
        return np.array([left.get(label, 1.0) for label in horizon.period_labels(kind)])

    def covered(self, horizon: Horizon) -> Floats:
        """Share of each month of a horizon that the whole time covers, (months,); 0 of months outside."""
        share = dict(zip(self.whole.period_labels("month"), self.whole.covered_share("month"), strict=True))
        return np.array([share.get(label, 0.0) for label in horizon.period_labels("month")])

    def _left(self, kind: PeriodKind) -> dict[str, float]:
        if kind not in CALENDAR_PERIODS:  # a step, or the horizon, ends with the window
            return {}
        if kind not in self._known:
            inside = np.bincount(self.window.period_codes(kind))
            first = (self.window.start_utc - self.whole.start_utc) // self.whole.step_length
            codes = self.whole.period_codes(kind)[first:]
            left = np.bincount(codes - codes[0])
            labels = self.window.period_labels(kind)
            self._known[kind] = {
                label: float(n / i) for label, n, i in zip(labels, left[: len(inside)], inside, strict=True)
            }
        return self._known[kind]

    @cached_property
    def _known(self) -> dict[str, dict[str, float]]:
        return {}


class ChargedOverPeriods(Component):
    """A component that charges for calendar periods which reach beyond a window."""

    _ahead: Ahead | None = PrivateAttr(default=None)

    def weighed(self, ahead: Ahead) -> Self:
        found = self.model_copy()
        found._ahead = ahead
        return found

    def windows_left(self, f: Frame, kind: PeriodKind) -> Floats:
        """``n`` of each period of the frame's horizon, (periods,): 1 unless it is weighed for a window."""
        if self._ahead is None:
            return np.ones(len(f.horizon.period_labels(kind)))
        return self._ahead.windows_left(f.horizon, kind)

    def covered_share(self, f: Frame) -> Floats:
        """Share of each month of the frame's horizon that the time over which decisions are taken covers, (months,)."""
        return f.horizon.covered_share("month") if self._ahead is None else self._ahead.covered(f.horizon)
