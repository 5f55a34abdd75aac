"""The smallest set of rules and limits that cannot be kept together.

Of a model that is infeasible even with fractions, the dual ray of the simplex method names a few rows and bounds whose
weighted sum contradicts itself (Farkas). HiGHS's search for an irreducible infeasible subsystem then runs on these
only: on a week of 7,000 rows it takes a second instead of 40. A conflict that only whole decisions have is narrowed
down by leaving out whole rules, one after the other, as long as there is still no plan.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.highs import SilentHighs, pass_arrays
from optimizer.infeasibility.feasibility import has_plan
from optimizer.infeasibility.words import Entry, Words, when
from optimizer.interruptible import in_thread

if TYPE_CHECKING:
    from optimizer.horizon import Horizon

Floats = NDArray[np.float64]
IIS_FROM_LP_IRREDUCIBLE = 2 + 4
IRREDUCIBLE = 3
IIS_TIME_LIMIT_S = 15.0
RULE_TIME_LIMIT_S = 5.0
RAY_TOLERANCE = 1e-9
"""Size of a multiplier, relative to the largest, below which it is rounding."""


@dataclass
class Conflict:
    """One rule (or limit) of one component that takes part in the conflict, and at which steps."""

    where: str
    rule: str
    is_link: bool = False
    """Whether it only says how quantities follow from each other (an equality)."""
    steps: set[int] = field(default_factory=set)
    members: set[int] = field(default_factory=set)
    limits: set[float] = field(default_factory=set)

    def told(self, horizon: Horizon, several_members: bool) -> str:
        """One line of the message."""
        text = f"{self.where}: {self.rule}"
        if self.limits:
            low, high = min(self.limits), max(self.limits)
            text += f" {low:g}" if low == high else f" {low:g} to {high:g}"
        if self.steps:
            text += f" ({when(self.steps, horizon)}"
            text += f", member {min(self.members)})" if several_members and self.members else ")"
        return text

    def as_dict(self, horizon: Horizon) -> dict[str, Any]:
        """For scripts: ``where``, ``rule``, ``limit`` (lowest and highest), ``first`` and ``last`` (local times),
        ``steps`` (how many), ``members``."""
        inside = sorted(step for step in self.steps if step >= 0)
        ends = [horizon.local[step].isoformat(timespec="minutes") for step in (inside[:1] + inside[-1:])]
        return {
            "where": self.where,
            "rule": self.rule,
            "limit": [min(self.limits), max(self.limits)] if self.limits else None,
            "first": ends[0] if ends else None,
            "last": ends[-1] if ends else None,
            "steps": len(inside),
            "members": sorted(int(member) for member in self.members),
        }


@dataclass(frozen=True)
class Found:
    """Rows and bounds that conflict, how they were found, and the weights that prove it."""

    entries: list[Entry]
    how: str
    ray: Floats | None = None
    """Multiplier of each row (of the whole model); None for a conflict that only whole decisions have."""
    beside: tuple[str, ...] = ()
    """Labels of further components whose quantities stand in the rules, where limits were not looked at."""

    @property
    def conflicts(self) -> list[Conflict]:
        """The entries by component and rule."""
        return grouped(self.entries)


def find_conflict(arrays: Arrays, words: Words) -> Found:
    """What conflicts in a model without a plan; no entries where nothing smaller than all of it was found."""
    found = linear_conflict(arrays, words)
    return found if found.entries else integer_conflict(arrays, words)


def linear_conflict(arrays: Arrays, words: Words) -> Found:
    """An irreducible conflict of the model without integrality; without entries if that is feasible."""
    relaxed = replace(arrays, integer=np.zeros_like(arrays.integer), cost=np.zeros_like(arrays.cost))
    has_plan_in_fractions, ray = dual_ray(relaxed)
    if has_plan_in_fractions:
        return Found([], "")
    rows = np.arange(len(arrays.row_lower))
    if ray is not None:
        rows = np.flatnonzero(np.abs(ray) > RAY_TOLERANCE * np.abs(ray).max())
    part, columns = _rows_of(relaxed, rows)
    highs = SilentHighs()
    highs.setOptionValue("iis_strategy", IIS_FROM_LP_IRREDUCIBLE)
    highs.setOptionValue("iis_time_limit", IIS_TIME_LIMIT_S)
    pass_arrays(highs, part)
    answer: list[Any] = []
    in_thread(lambda: answer.extend(highs.getIis()))
    status, found = answer
    if status == highspy.HighsStatus.kError or not (len(found.row_index_) or len(found.col_index_)):
        return Found([], "")
    entries = [words.row(int(rows[row]), arrays) for row in found.row_index_]
    kind = highspy.IisBoundStatus
    boxed, low, high = (
        int(k) for k in (kind.kIisBoundStatusBoxed, kind.kIisBoundStatusLower, kind.kIisBoundStatusUpper)
    )
    for column, bound in zip(found.col_index_, found.col_bound_, strict=True):
        takes = int(bound)
        at = int(columns[column])
        entries += words.bounds(arrays, at, lower=takes in (boxed, low), upper=takes in (boxed, high))
    irreducible = int(found.status_) == IRREDUCIBLE
    how = "these conflict" + (" (leave out any one and there is a plan)" if irreducible else "")
    return Found(entries, how, ray)


def dual_ray(arrays: Arrays) -> tuple[bool, Floats | None]:
    """Whether a linear program has a solution, and multipliers of the rows that prove that it has none, (rows,); None
    where HiGHS has none."""
    highs = SilentHighs()
    for option, value in (("presolve", "off"), ("solver", "simplex"), ("time_limit", IIS_TIME_LIMIT_S)):
        highs.setOptionValue(option, value)
    pass_arrays(highs, arrays)
    in_thread(highs.run)
    if highs.getModelStatus() != highspy.HighsModelStatus.kInfeasible:
        return highs.getModelStatus() == highspy.HighsModelStatus.kOptimal, None
    _, has_ray, ray = highs.getDualRay()
    found = np.asarray(ray, dtype=float)
    return False, found if has_ray and np.abs(found).max(initial=0.0) > 0.0 else None


def contradiction(ray: Floats, arrays: Arrays) -> float:
    """By how much the rows, weighted with the ray, ask for more than the bounds of the columns allow; 0 or less: not
    at all. Proportional to the length of the ray."""
    return max(_excess(sign * ray, arrays) for sign in (1.0, -1.0))


def _excess(ray: Floats, arrays: Arrays) -> float:
    used = np.abs(ray) > RAY_TOLERANCE * np.abs(ray).max()
    sides = np.where(ray > 0, arrays.row_lower, arrays.row_upper)[used]
    if not np.isfinite(sides).all():
        return -np.inf
    weighted = np.where(used, ray, 0.0)
    reduced = np.asarray(arrays.matrix.tocsc().T @ weighted)
    reduced[np.abs(reduced) <= RAY_TOLERANCE * np.abs(ray).max()] = 0.0
    moves = reduced != 0.0
    bounds = np.where(reduced > 0, arrays.col_upper, arrays.col_lower)[moves]
    if not np.isfinite(bounds).all():
        return -np.inf
    return float(sides @ weighted[used] - bounds @ reduced[moves])


def _rows_of(arrays: Arrays, rows: NDArray[np.int64]) -> tuple[Arrays, NDArray[np.int64]]:
    """The model of some rows and the columns in them; and which columns these are."""
    matrix = arrays.matrix.tocsc().tocsr()[rows]
    columns = np.unique(matrix.indices)
    part = matrix[:, columns].tocsc()
    return (
        Arrays(
            part,
            arrays.row_lower[rows],
            arrays.row_upper[rows],
            arrays.cost[columns],
            0.0,
            arrays.col_lower[columns],
            arrays.col_upper[columns],
            arrays.integer[columns],
        ),
        columns,
    )


def integer_conflict(arrays: Arrays, words: Words, time_limit_s: float = IIS_TIME_LIMIT_S) -> Found:
    """Feasible with fractions but not with whole numbers: rules are left out as long as there is no plan, first all of
    a component, then one by one."""
    lower, upper = arrays.row_lower.copy(), arrays.row_upper.copy()
    ends_at = time.perf_counter() + time_limit_s
    rules = words.rules(len(lower))
    by_component: dict[str, list[int]] = {}
    for number, (entry, _) in enumerate(rules):
        by_component.setdefault(entry.where, []).append(number)
    needed = set(range(len(rules)))

    def is_needed(numbers: list[int]) -> bool:
        """Leave rules out for good, unless there is a plan without them (or nobody knows)."""
        rows = np.concatenate([rules[number][1] for number in numbers])
        kept = lower[rows], upper[rows]  # copies: the rows are a list of numbers
        lower[rows], upper[rows] = -np.inf, np.inf
        limit_s = min(RULE_TIME_LIMIT_S, ends_at - time.perf_counter())
        if limit_s > 0 and has_plan(replace(arrays, row_lower=lower, row_upper=upper), limit_s) is False:
            needed.difference_update(numbers)
            return False
        lower[rows], upper[rows] = kept
        return True

    for numbers in by_component.values():
        if is_needed(numbers) and len(numbers) > 1:
            for number in numbers:
                is_needed([number])
    entries = [rules[number][0] for number in sorted(needed)]
    matrix = arrays.matrix.tocsc().tocsr()
    columns = {int(column) for entry in entries for column in matrix[[entry.row]].indices}
    beside = tuple(dict.fromkeys(words.column(column).label for column in sorted(columns)))
    how = "these conflict once decisions have to be whole (started or not, here or there)"
    return Found(entries, how, beside=beside)


def grouped(entries: Iterable[Entry]) -> list[Conflict]:
    """Entries by component and rule; rules that only link quantities come last."""
    found: dict[tuple[str, str], Conflict] = {}
    for entry in entries:
        is_link = entry.side == "equals"
        conflict = found.setdefault((entry.where, entry.rule), Conflict(entry.where, entry.rule, is_link))
        if entry.member is not None:
            conflict.members.add(entry.member)
        if entry.step is not None:
            conflict.steps.add(entry.step)
        if entry.limit is not None:
            conflict.limits.add(entry.limit)
    return sorted(found.values(), key=lambda conflict: conflict.is_link)
