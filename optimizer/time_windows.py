"""When the columns of a problem fall: their steps, which components decide them, and windows of time over them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays, Compiled
from optimizer.condensed import Condensed
from optimizer.template import consecutive

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max
"""Step that is after all others."""
ROUNDS = 3
"""How often steps are passed on through rows to columns without any of their own."""


@dataclass(frozen=True)
class Decisions:
    """Where the decision of each column falls, (columns,)."""

    step: Integers
    """Step: what its variable says (``decided_at``), or its last label."""
    component: Integers
    """Number of the component that decides it."""
    timed: Flags
    """Whether that is a step; other columns (a month's peak) belong to those they share rows with."""
    place: Integers
    """Number of the site, 0 on; -1 for what several sites share."""


def steps_at(variable: Any, positions: int) -> Integers | None:
    """Step of each position of a variable's last index, (positions,): what it says itself (``decided_at``), or its
    labels where they are a range; None elsewhere."""
    if variable.decided_at is not None:
        return np.broadcast_to(np.asarray(variable.decided_at, np.int64), (positions,))
    first, size = consecutive(list(variable.index_set().subsets())[-1])
    return first + np.arange(size) if size == positions else None


def decisions_of(compiled: Compiled) -> Decisions:
    """Places of the decisions of a compiled model."""
    count = len(compiled.arrays.cost)
    steps, components, places = np.zeros((3, count), np.int64)
    timed = np.zeros(count, bool)
    numbers: dict[int, int] = {}
    sites: dict[str, int] = {}
    first_step, horizon = consecutive(compiled.model.steps)
    for variable in compiled.evaluator.variables:
        columns = compiled.columns(variable)
        if columns.size == 0:
            continue
        block = variable.parent_block()
        components[columns] = numbers.setdefault(id(block), len(numbers))
        places[columns] = _place(str(block.name), sites)
        found = steps_at(variable, columns.shape[-1])
        if found is not None:
            steps[columns] = found
            timed[columns] = variable.decided_at is not None or found[-1] + 1 == first_step + horizon
    return Decisions(steps, components, timed, places if len(sites) > 1 else np.zeros_like(places))


def _place(block: str, sites: dict[str, int]) -> int:
    """Number of a block's site: ``sites[west]``, or where there are several ``parts[west.battery]``; -1 without one."""
    kind, _, label = block.rstrip("]").partition("[")
    site = label if kind == "sites" else label.partition(".")[0] if "." in label else None
    return -1 if site is None else sites.setdefault(site, len(sites))


@dataclass(frozen=True)
class Spans:
    """Steps over which each column of some arrays has a say, (columns,) each."""

    first: Integers
    last: Integers
    step: Integers
    """Step at which it is decided."""
    component: Integers
    place: Integers

    @property
    def places(self) -> int:
        """Number of sites."""
        return int(self.place.max(initial=0)) + 1

    def within(self, begin: float, end: float) -> Flags:
        """Columns with a say in the steps from ``begin`` to before ``end``."""
        return (self.last >= begin) & (self.first < end)

    def around(self, chosen: Flags, most_columns: int) -> Flags:
        """Columns with a say in the steps of the ``chosen`` ones, (columns,), and around them, up to about so many."""
        if len(self.step) <= most_columns:
            return np.ones_like(chosen)
        # of several sites only the one of the decisions, and what it shares with the others
        places = np.unique(self.place[chosen])
        here = np.isin(self.place, [-1, places[0]]) if len(places) == 1 and places[0] >= 0 else np.ones_like(chosen)
        lowest = int(self.step.min())
        per_step = np.bincount(self.step[here] - lowest)
        before = np.concatenate([[0], np.cumsum(per_step)])
        first = np.clip(int(self.first[chosen].min()) - lowest, 0, len(per_step))
        end = np.clip(int(self.last[chosen].max()) - lowest + 1, 0, len(per_step))
        # two thirds of what is spare for what follows: the past has been decided
        spare = max(0, most_columns - (before[end] - before[first]))
        end = int(np.searchsorted(before, before[end] + 2 * spare / 3))
        first = int(np.searchsorted(before, before[first] - spare / 3))
        return here & self.within(first + lowest, end + lowest)


def spans_of(whole: Arrays, decisions: Decisions, small: Condensed) -> Spans:
    """Spans of the condensed columns; ``whole`` and ``decisions`` are those before.

    A column that stands for several (a state that stays as it is), or that has no step, spans the steps of those that
    it shares rows with. Where that leads nowhere, it spans all that it stands for, or all.
    """
    first, last = _steps_stood_for(decisions, small)
    at_one = first == last
    rounds = _Rounds(small.arrays.matrix, np.where(at_one, first, NEVER), np.where(at_one, last, -NEVER))
    for _ in range(ROUNDS):
        rounds.pass_on()
    nowhere = rounds.first > rounds.last
    steps = decisions.step[decisions.timed]
    first, last = (
        np.where(first > last, steps.min(initial=0), first),
        np.where(first > last, steps.max(initial=0), last),
    )
    first, last = np.where(nowhere, first, rounds.first), np.where(nowhere, last, rounds.last)
    kept = small.representatives()
    return Spans(first, last, np.where(at_one, first, last), decisions.component[kept], decisions.place[kept])


def _steps_stood_for(decisions: Decisions, small: Condensed) -> tuple[Integers, Integers]:
    """First and last step of the columns that each condensed one stands for, (columns,); the first after the last where
    none has a step."""
    count = len(small.arrays.cost)
    first, last = np.full(count, NEVER), np.full(count, -NEVER)
    kept = decisions.timed & (small.stands_for >= 0)
    np.minimum.at(first, small.stands_for[kept], decisions.step[kept])
    np.maximum.at(last, small.stands_for[kept], decisions.step[kept])
    return first, last


class _Rounds:
    """Spans that are passed on through rows to columns that have none yet."""

    def __init__(self, matrix: Any, first: Integers, last: Integers) -> None:
        self.first, self.last = first, last
        self._columns, self._rows = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr)), matrix.indices
        self._row_count = matrix.shape[0]

    def pass_on(self) -> None:
        missing = self.first > self.last
        known = ~missing[self._columns]
        row_first, row_last = np.full(self._row_count, NEVER), np.full(self._row_count, -NEVER)
        np.minimum.at(row_first, self._rows[known], self.first[self._columns[known]])
        np.maximum.at(row_last, self._rows[known], self.last[self._columns[known]])
        here = missing[self._columns]
        np.minimum.at(self.first, self._columns[here], row_first[self._rows[here]])
        np.maximum.at(self.last, self._columns[here], row_last[self._rows[here]])


def window_ends(steps: Integers, most_decisions: int, most_windows: int) -> list[float]:
    """Steps at which windows end: none holds too many of the decisions that fall in ``steps``, (decisions,), but for
    those of a single step, and none is shorter than need be for ``most_windows``."""
    per_step = np.bincount(steps - steps.min())
    width = max(1, math.ceil(len(per_step) / most_windows))
    ends, held, begin = [], 0, 0
    for step, decisions in enumerate(per_step):
        if step > begin and (held + decisions > most_decisions or step - begin >= width):
            ends.append(float(steps.min() + step))
            held, begin = 0, step
        held += int(decisions)
    return [*ends, float(steps.max() + 1)]


def groups_backward(spans: Spans, chosen: Flags, most_decisions: int) -> Iterator[Flags]:
    """Decisions of components that follow each other in time, in groups that overlap by half, the last first."""
    of_chosen = spans.component[chosen]
    members, sizes = np.unique(of_chosen, return_counts=True)
    if len(members) < 2:
        return
    begins = np.bincount(of_chosen, spans.step[chosen])[members] / sizes
    order = np.argsort(-begins, kind="stable")
    group = np.cumsum(sizes[order]) // most_decisions
    for half in range(int(group.max()) + 1):
        yield chosen & np.isin(spans.component, members[order[(group == half) | (group == half + 1)]])
