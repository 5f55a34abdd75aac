"""Settlement periods that began before the horizon, or go on after it: what has been counted in them so far.

A calendar period (day, month, year) that a plan cuts goes on in the run that follows. What was counted in it (MWh
taken, hours called) is handed on under the label of the period and added to what the next run counts::

    counted so far = carried + sum over the period's steps inside the horizon

Periods that have ended are not handed on. A ``step`` or the ``horizon`` as settlement period ends with the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optimizer.frame import Frame
    from optimizer.horizon import Horizon, PeriodKind

Floats = NDArray[np.float64]
CALENDAR_PERIODS = ("day", "month", "year")


def carried_sums(f: Frame, key: str, kind: PeriodKind) -> Floats:
    """What was carried of each of the horizon's periods, (members, periods); 0 where nothing was."""
    sums = np.zeros((f.members_count, int(f.horizon.period_codes(kind)[-1]) + 1))
    if kind in CALENDAR_PERIODS:
        labels = f.horizon.period_labels(kind)
        for label, carried in f.carried.by_period(key).items():
            if label in labels:
                sums[:, labels.index(label)] = carried
    return sums


def handed_on(horizon: Horizon, kind: PeriodKind, sums: Floats) -> dict[str, Floats]:
    """Of (members, periods) counted so far, the period that the end of the horizon may cut, by its label."""
    return {horizon.period_labels(kind)[-1]: sums[:, -1]} if kind in CALENDAR_PERIODS else {}
