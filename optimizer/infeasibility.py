"""Why there is no plan, in the scenario's words.

For an infeasible model: the smallest set of rules and limits that HiGHS proves to conflict. For an unbounded one: what
grows without end.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import highspy
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyomo.core.base.set import RangeSet

from optimizer.compiled import Arrays, Compiled
from optimizer.errors import InfeasibleError, UnboundedError
from optimizer.highs import SilentHighs, pass_arrays
from optimizer.horizon import Horizon
from optimizer.interruptible import in_thread
from optimizer.light_sets import LightRange
from optimizer.ordinary import OrdinaryRoad
from optimizer.scenario import Scenario

IIS_FROM_LP_IRREDUCIBLE = 2 + 4
IRREDUCIBLE = 3
IIS_TIME_LIMIT_S = 60.0
GROUP_TIME_LIMIT_S = 10.0


@dataclass(frozen=True)
class Entry:
    """One row or bound of the matrix in words: component, rule, member and step (None without), value of the bound."""

    where: str
    rule: str
    member: int | None = None
    step: int | None = None
    limit: float | None = None


@dataclass
class Conflict:
    """One rule (or limit) of one component that takes part in the conflict, and at which steps."""

    where: str
    rule: str
    steps: set[int] = field(default_factory=set)
    members: set[int] = field(default_factory=set)
    limits: set[float] = field(default_factory=set)

    def told(self, horizon: Horizon, several_members: bool) -> str:
        text = f"{self.where}: {self.rule}"
        if self.limits:
            low, high = min(self.limits), max(self.limits)
            text += f" {low:g}" if low == high else f" {low:g} to {high:g}"
        if self.steps:
            text += f" ({self._when(horizon)}"
            text += f", member {min(self.members)})" if several_members and self.members else ")"
        return text

    def _when(self, horizon: Horizon) -> str:
        steps = [step for step in self.steps if step >= 0]
        if not steps:
            return "before the first step"
        first, last = horizon.local[min(steps)], horizon.local[max(steps)]
        if first == last:
            return f"at {_clock(first)}"
        return f"{len(steps)} steps from {_clock(first)} to {_clock(last)}"


class Words:
    """Translates rows and columns of the matrix into components, rules and times."""

    def __init__(self, scenario: Scenario, compiled: Compiled, ordinary: OrdinaryRoad | None) -> None:
        self._scenario = scenario
        self._compiled = compiled
        self._ordinary = ordinary

    def row(self, row: int) -> Entry:
        """The rule that a row belongs to."""
        if self._ordinary is not None:
            constraint = self._ordinary.rule_of_row(row)
            parent, index = constraint.parent_component(), constraint.index()
        else:
            block = next(b for b in self._compiled.blocks if b.rows.start <= row < b.rows.stop)
            parent, index = block.constraint, block.index_of(row)
        return Entry(self._where(parent), parent.doc or parent.local_name, *self._when(parent, index))

    def bounds(self, arrays: Arrays, column: int, status: Any) -> list[Entry]:
        """The bounds of a column that take part in a conflict, without those that say nothing to a planner."""
        sides = {
            int(highspy.IisBoundStatus.kIisBoundStatusLower): ("at least",),
            int(highspy.IisBoundStatus.kIisBoundStatusUpper): ("at most",),
            int(highspy.IisBoundStatus.kIisBoundStatusBoxed): ("at least", "at most"),
        }.get(int(status), ())
        quantity = self.column(column)
        before_horizon = quantity.step is not None and quantity.step < 0
        limits = {"at least": float(arrays.col_lower[column]), "at most": float(arrays.col_upper[column])}
        return [
            replace(quantity, rule=f"{quantity.rule} {side}", limit=limits[side])
            for side in sides
            # that no quantity is negative, or that nothing ran before the horizon, goes without saying
            if limits[side] != 0.0 or (side == "at most" and not before_horizon)
        ]

    def column(self, column: int) -> Entry:
        """The quantity that a column stands for."""
        if self._ordinary is not None:
            variable = self._ordinary.column(column)
            parent, index = variable.parent_component(), variable.index()
        else:
            evaluator = self._compiled.evaluator
            parent = next(
                v
                for v in evaluator.variables
                if 0 <= column - evaluator.columns[id(v)].first < evaluator.columns[id(v)].size
            )
            index = evaluator.columns[id(parent)].label_of(column)
        return Entry(self._where(parent), parent.local_name, *self._when(parent, index))

    def rules(self, rows: int) -> list[tuple[Entry, NDArray[np.int64]]]:
        """Every rule and its rows."""
        if self._ordinary is None:
            found = [(b.rows.start, np.arange(b.rows.start, b.rows.stop)) for b in self._compiled.blocks]
        else:
            of_parent: dict[int, list[int]] = {}
            for row in range(rows):
                of_parent.setdefault(id(self._ordinary.rule_of_row(row).parent_component()), []).append(row)
            found = [(own[0], np.array(own)) for own in of_parent.values()]
        return [(replace(self.row(first), member=None, step=None), own) for first, own in found]

    def _where(self, component: Any) -> str:
        block = component.parent_block()
        if block is block.model():
            return "portfolio"
        kind = "site" if block.parent_component().local_name == "sites" else ""
        return f"{kind} {block.index()}".strip()

    def _when(self, component: Any, index: Any) -> tuple[int | None, int | None]:
        """Member and step among the labels of an index, by the index sets they come from."""
        model = component.model()
        labels = index if isinstance(index, tuple) else (index,)
        found: dict[str, Any] = {}
        position = 0
        for subset in component.index_set().subsets() if component.is_indexed() else ():
            width = subset.dimen or 1
            part = labels[position : position + width]
            position += width
            if subset is model.members:
                found["member"] = part[0]
            elif subset is model.steps or subset is model.inner_steps or _reaches_back(subset, model.steps):
                found["step"] = part[0]
            elif width == 2 and component.parent_block() is not model:  # our sparse sets are of members and steps
                found["member"], found["step"] = part
        return found.get("member"), found.get("step")


def _reaches_back(index_set: Any, steps: Any) -> bool:
    """Whether an index set is the steps and some before them."""
    return isinstance(index_set, RangeSet | LightRange) and index_set.first() < 0 and index_set.last() == steps.last()


def explain(
    status: str, arrays: Arrays, compiled: Compiled, scenario: Scenario, ordinary: OrdinaryRoad | None
) -> InfeasibleError | UnboundedError:
    """The error to raise for a model without a plan (``infeasible``) or with endless profit (``unbounded``)."""
    words = Words(scenario, compiled, ordinary)
    if status == "unbounded":
        return UnboundedError(_unbounded(arrays, words))
    conflicts, how = _linear_conflict(arrays, words)
    if not conflicts:
        conflicts, how = _integer_conflict(arrays, words)
    if not conflicts:
        return InfeasibleError("no plan satisfies all rules; HiGHS could not name a smaller set that conflicts")
    told = [c.told(scenario.horizon, scenario.members > 1) for c in conflicts]
    return InfeasibleError(f"no plan satisfies all rules; {how}:\n" + "\n".join(f"  - {line}" for line in told))


def _linear_conflict(arrays: Arrays, words: Words) -> tuple[list[Conflict], str]:
    """HiGHS's irreducible infeasible subsystem of the model without integrality; empty if that is feasible."""
    highs = SilentHighs()
    highs.setOptionValue("iis_strategy", IIS_FROM_LP_IRREDUCIBLE)
    highs.setOptionValue("iis_time_limit", IIS_TIME_LIMIT_S)
    pass_arrays(highs, replace(arrays, integer=np.zeros_like(arrays.integer)))
    answer: list[Any] = []
    in_thread(lambda: answer.extend(highs.getIis()))
    status, found = answer
    if status == highspy.HighsStatus.kError or not (found.row_index_ or found.col_index_):
        return [], ""
    entries = [words.row(row) for row in found.row_index_]
    for column, bound in zip(found.col_index_, found.col_bound_, strict=True):
        entries += words.bounds(arrays, column, bound)
    irreducible = int(found.status_) == IRREDUCIBLE
    return _grouped(entries), "these conflict" + (" (leave out any one and there is a plan)" if irreducible else "")


def _integer_conflict(arrays: Arrays, words: Words) -> tuple[list[Conflict], str]:
    """Feasible with fractions but not with whole numbers: drop rules, one by one, as long as it stays infeasible."""
    needed = []
    lower, upper = arrays.row_lower.copy(), arrays.row_upper.copy()
    ends_at = time.perf_counter() + IIS_TIME_LIMIT_S
    for entry, rows in words.rules(len(lower)):
        kept = lower[rows], upper[rows]  # copies: the rows are a list of numbers
        lower[rows], upper[rows] = -np.inf, np.inf
        time_limit_s = min(GROUP_TIME_LIMIT_S, ends_at - time.perf_counter())
        if time_limit_s > 0 and _infeasible(replace(arrays, row_lower=lower, row_upper=upper), time_limit_s):
            continue
        lower[rows], upper[rows] = kept
        needed.append(entry)
    return _grouped(needed), "these conflict once decisions have to be whole (started or not, here or there)"


def _infeasible(arrays: Arrays, time_limit_s: float) -> bool:
    highs = SilentHighs()
    highs.setOptionValue("time_limit", time_limit_s)
    highs.setOptionValue("mip_rel_gap", np.inf)
    pass_arrays(highs, replace(arrays, cost=np.zeros_like(arrays.cost)))
    in_thread(highs.run)
    return bool(highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible)


def _unbounded(arrays: Arrays, words: Words) -> str:
    highs = SilentHighs()
    highs.setOptionValue("presolve", "off")
    highs.setOptionValue("time_limit", IIS_TIME_LIMIT_S)
    pass_arrays(highs, replace(arrays, integer=np.zeros_like(arrays.integer)))
    in_thread(highs.run)
    _, has_ray, ray = highs.getPrimalRay()
    message = "profit grows without limit, so a limit is missing"
    if not has_ray:
        return f"{message}; check prices that pay for unlimited import or export"
    growing = np.flatnonzero(np.abs(np.asarray(ray)) > 1e-9)
    conflicts = _grouped([words.column(int(column)) for column in growing])
    what = ", ".join(f"{c.where} {c.rule}" for c in conflicts)
    return f"{message}: these can grow together without end: {what}"


def _grouped(entries: Iterable[Entry]) -> list[Conflict]:
    grouped: dict[tuple[str, str], Conflict] = {}
    for entry in entries:
        conflict = grouped.setdefault((entry.where, entry.rule), Conflict(entry.where, entry.rule))
        for found, one in (
            (conflict.members, entry.member),
            (conflict.steps, entry.step),
            (conflict.limits, entry.limit),
        ):
            if one is not None:
                found.add(one)  # type: ignore[arg-type]
    return list(grouped.values())


def _clock(stamp: pd.Timestamp) -> str:
    return stamp.strftime("%Y-%m-%d %H:%M")
