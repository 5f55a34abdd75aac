"""The plan of an earlier window as the start of the next: what was decided for a time is decided for it again.

A window that has moved by a few steps shares most of its decisions with the one before, and most of them are still
right. They are held first (:mod:`optimizer.mip_road`), and only what is new or does not fit is rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Compiled
from optimizer.template import consecutive
from optimizer.time_windows import steps_at

if TYPE_CHECKING:
    from optimizer.horizon import Horizon

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_SHARED = 0.75
"""Share of the steps that two windows must have in common for the one's plan to be of use to the other: moved by 1 h of
48 the search takes a third of the time, moved by 24 h as long as without (docs/mip-roads.md)."""


def moved_by(old: Horizon, new: Horizon) -> int | None:
    """Steps by which the window has moved on; None where it has not, or where too little of it is left."""
    if (old.step_length, old.timezone) != (new.step_length, new.timezone):
        return None
    steps, rest = divmod(new.start_utc - old.start_utc, old.step_length)
    shared = min(old.steps - steps, new.steps)
    return int(steps) if not rest and steps > 0 and shared >= LEAST_SHARED * new.steps else None


def decided_before(old: Compiled, values: Floats, new: Compiled, steps: int) -> Floats:
    """Whole decisions of ``new``, (columns,), as a plan of ``old`` with ``values`` has them; NaN where it says nothing.

    Step ``t`` of the new window is step ``t + steps`` of the old one. What is of no time stays as it was.
    """
    found = np.full(len(new.arrays.cost), np.nan)
    known = {variable.name: variable for variable in old.evaluator.variables}
    for variable in new.evaluator.variables:
        columns = new.columns(variable)
        if variable.name not in known or not columns.size or not new.arrays.integer[columns].any():
            continue
        was = old.columns(known[variable.name])
        if was.shape[:-1] != columns.shape[:-1]:
            continue
        now, then = _times(variable, new, columns.shape[-1]), _times(known[variable.name], old, was.shape[-1])
        if now is not None and then is not None:
            _, here, there = np.intersect1d(now + steps, then, return_indices=True)
            found[columns[..., here]] = values[was[..., there]]
        elif now is None and then is None and was.shape == columns.shape:
            found[columns] = values[was]
    return found


def _times(variable: Any, compiled: Compiled, positions: int) -> Integers | None:
    """Step of each position of a variable's last index; None where that is not of a time."""
    begin, count = consecutive(compiled.model.steps)
    found = steps_at(variable, positions)
    if found is not None:
        return found if variable.decided_at is not None or found[-1] + 1 == begin + count else None
    labels = list(list(variable.index_set().subsets())[-1])  # such as the steps with a price that may be negative
    are_steps = all(isinstance(label, int) and begin <= label < begin + count for label in labels)
    return np.asarray(labels, np.int64) if labels and are_steps else None
