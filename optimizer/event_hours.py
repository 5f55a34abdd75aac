"""Hours of events and of curtailment: 0/1 series, and budgets of hours by calendar month or year.

The hours that earlier runs have used of a budget are carried as ``hours_used``, by the period's label (``2024-08`` or
``2024``); see :mod:`optimizer.running_period`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.component import Carried, Finding, Floats
from optimizer.running_period import carried_sums, handed_on
from optimizer.settlement import sums_by_period
from optimizer.when import first

if TYPE_CHECKING:
    from optimizer.frame import Frame
    from optimizer.metering import Reading

BudgetPeriod = Literal["month", "year"]
HOURS_USED = "hours_used"
_LABEL_LENGTH = {"month": 7, "year": 4}


def zero_or_one(f: Frame, values: Floats, field: str) -> Iterator[Finding]:
    """Values of a 0/1 series that are neither."""
    bad = first(f, (values != 0.0) & (values != 1.0))
    if bad is not None:
        yield Finding(
            field, f"a 0/1 series, but not {bad.words}", float(values[bad.member, bad.step]), allowed="0 or 1"
        )


def carried_hours(f: Frame, per: BudgetPeriod) -> Floats:
    """Hours that earlier runs have used in each period of the horizon, (members, periods)."""
    return carried_sums(f, HOURS_USED, per)


def carried_hours_findings(f: Frame, per: BudgetPeriod, field: str) -> Iterator[Finding]:
    """Hours carried in that are not by the budget's kind of period, or negative."""
    if not np.isnan(f.carried.number(HOURS_USED, np.nan)).any():
        example = f"{{{f.horizon.period_labels(per)[0]}: 12}}"
        yield Finding(field, f"the carry's {HOURS_USED} is one number", allowed=f"by {per}, as in {example}")
    for label, hours in f.carried.by_period(HOURS_USED).items():
        if len(label) != _LABEL_LENGTH[per]:
            yield Finding(field, f"the carry's {HOURS_USED} is not by {per}", label)
        elif (hours < 0).any():
            yield Finding(field, f"the carry's {HOURS_USED} of {label}", float(hours.min()), allowed="at least 0 h")


def hours_by_period(r: Reading | Frame, used: NDArray[np.bool_] | Floats, per: BudgetPeriod) -> Floats:
    """Hours of the steps marked in ``used`` (members, steps), by period of the horizon, (members, periods)."""
    return sums_by_period(r.horizon.period_codes(per), np.asarray(used, dtype=float)) * r.step_h


def hours_to_carry(r: Reading, used: NDArray[np.bool_] | Floats, per: BudgetPeriod) -> dict[str, Carried]:
    """The entry ``hours_used`` of a carry: hours used so far in the period that the end of the horizon cuts."""
    so_far = carried_hours(r.frame, per) + hours_by_period(r, used, per)
    return {HOURS_USED: handed_on(r.horizon, per, so_far)}
