"""Levels that a store of energy or of cold can have: where it starts, how full it can be, what is left at the end.

In MWh, at the end of each step::

    fullest_t = min(most, fullest_{t-1} * (1 - loss)^step_h + stored at full charging),     fullest_{-1} = start

The level carried in takes the place of the start that the file gives. Where that level is so low that full charging
does not reach the least level at the end, the store is to be as full as it can be.

Charging and discharging at once only burns energy, which a plan would do where it pays: a binary forbids it there::

    charge_t <= charge limit * charging_t,   discharge_t <= discharge limit * (1 - charging_t)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.carry import past_and_present
from optimizer.component import Finding, Floats
from optimizer.frame import Frame
from optimizer.template import Constraint, Var

SLACK = 1e-9
"""Share of a store's size by which a level may miss another and be taken for it."""
CARRIED_SLACK = 1e-6
"""The same for a level that an earlier plan has left."""


@dataclass(frozen=True)
class StoreLevels:
    """Levels of one store in a horizon."""

    frame: Frame
    carried_as: str
    """Key of the level that is carried from run to run."""
    given_start_mwh: float
    """Level before the first step as the file has it."""
    least_mwh: float
    most_mwh: float
    end_mwh: float
    """Least level after the last step as the file has it."""
    stored_mwh: float
    """What a step of full charging adds."""
    kept: float
    """Share of the level that is still there a step later."""
    size_mwh: float

    @property
    def is_carried(self) -> bool:
        return self.carried_as in self.frame.carried

    @property
    def start_mwh(self) -> Floats:
        """Level before the first step, (members,)."""
        return self.frame.carried.number(self.carried_as, self.given_start_mwh)

    @property
    def fullest_mwh(self) -> Floats:
        """Level at the end of each step if it is charged at full power from the start on, (members, steps)."""
        level, levels = self.start_mwh, []
        for _ in range(self.frame.horizon.steps):
            level = np.minimum(self.most_mwh, level * self.kept + self.stored_mwh)
            levels.append(level)
        return np.stack(levels, axis=1)

    @property
    def least_end_mwh(self) -> Floats:
        """Least level after the last step, (members,): what the file says, as far as a carried level allows it."""
        if not self.is_carried:
            return self.frame.full(self.end_mwh)[:, 0]
        return np.minimum(self.end_mwh, self.fullest_mwh[:, -1])

    def bounds(self) -> tuple[Floats, Floats]:
        """Least and highest level at each state, (members, states)."""
        steps, start = np.ones(self.frame.shape), self.start_mwh[:, np.newaxis]
        least, most = self.least_mwh * steps, self.most_mwh * steps
        least[:, -1] = np.maximum(least[:, -1], self.least_end_mwh)
        return past_and_present(start, least), past_and_present(start, most)

    def findings(self, least_field: str, end_field: str, least_share: float = 0.0) -> Iterator[Finding]:
        """Charging at full power from the start on: no plan has a higher level in any step.

        The fields hold the least level (as a share of the size) and the one at the end.
        """
        f, slack = self.frame, SLACK * max(1.0, self.size_mwh)
        for step, level in enumerate(self.fullest_mwh.min(axis=0)):
            if level < self.least_mwh - slack:
                when = f.horizon.describe(f.horizon.utc[step])
                yield Finding(
                    least_field,
                    f"self-discharge takes the level below {self.least_mwh:g} MWh at {when}, even at full charging "
                    "power",
                    least_share,
                )
                return
        if level < self.end_mwh - slack:  # the last step's
            yield Finding(
                end_field,
                "not reached at full charging power within the horizon",
                self.end_mwh,
                allowed=f"at most {level:g} MWh",
                hint="from the level carried in it is brought as high as it goes" if self.is_carried else None,
                fatal=not self.is_carried,
            )

    def carried_findings(self, store: str) -> Iterator[Finding]:
        """A carried level that the ``store`` (a word for it) cannot have."""
        level, slack = self.start_mwh, CARRIED_SLACK * max(1.0, self.size_mwh)
        low, high = self.least_mwh - slack, self.most_mwh + slack
        if (level < low).any() or (level > high).any():
            odd = float(level.min() if (level < low).any() else level.max())
            allowed = f"from {self.least_mwh:g} to {self.most_mwh:g} MWh"
            yield Finding(self.carried_as, f"is no level of this {store}", odd, allowed)


def charging_variables(b: Any, burning_pays: NDArray[np.bool_]) -> None:
    """The binary where charging and discharging at once would pay, (members, steps)."""
    b.paid_to_burn = pyo.Set(initialize=[(int(w), int(t)) for w, t in np.argwhere(burning_pays)], dimen=2)
    b.charging = Var(b.paid_to_burn, within=pyo.Binary)


def charging_constraints(b: Any, charge_limit_mw: float, discharge_limit_mw: float) -> None:
    """Either charging or discharging, where both at once would pay."""
    b.charge_only = Constraint(
        b.paid_to_burn,
        rule=lambda b, w, t: b.charge_mw[w, t] <= charge_limit_mw * b.charging[w, t],
        doc="no charging while discharging",
    )
    b.discharge_only = Constraint(
        b.paid_to_burn,
        rule=lambda b, w, t: b.discharge_mw[w, t] <= discharge_limit_mw * (1 - b.charging[w, t]),
        doc="no discharging while charging",
    )


def end_in_words(end_mwh: float, value_per_mwh: float | None) -> str:
    """How the level is treated at the end of the horizon."""
    rule = f"level at least {end_mwh:g} MWh"
    return rule if value_per_mwh is None else f"{rule}, each MWh above valued at {value_per_mwh:g}"
