"""Why there is no plan, in the scenario's words: the smallest set of rules that HiGHS proves to conflict, or what grows without limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import highspy
import numpy as np
import pandas as pd

from optimizer.compiled import Arrays, Compiled
from optimizer.errors import InfeasibleError, UnboundedError
from optimizer.highs import SilentHighs, pass_arrays
from optimizer.horizon import Horizon
from optimizer.ordinary import OrdinaryRoad
from optimizer.scenario import Scenario

IIS_FROM_LP_IRREDUCIBLE = 2 + 4
IIS_TIME_LIMIT_S = 60.0
GROUP_TIME_LIMIT_S = 10.0


@dataclass
class Conflict:
    """One rule (or limit) of one component that takes part in the conflict, and at which steps."""

    where: str
    rule: str
    steps: set[int] = field(default_factory=set)
    members: set[int] = field(default_factory=set)

    def told(self, horizon: Horizon, several_members: bool) -> str:
        text = f"{self.where}: {self.rule}"
        if self.steps:
            local = horizon.local
            first, last = local[min(self.steps)], local[max(self.steps)]
            when = f"at {_clock(first)}" if first == last else f"{len(self.steps)} steps from {_clock(first)} to {_clock(last)}"
            text += f" ({when}" + (f", member {min(self.members)}" if several_members and self.members else "") + ")"
        return text


class Words:
    """Translates rows and columns of the matrix into components, rules and times."""

    def __init__(self, scenario: Scenario, compiled: Compiled, ordinary: OrdinaryRoad | None) -> None:
        self._scenario = scenario
        self._compiled = compiled
        self._ordinary = ordinary

    def row(self, row: int) -> tuple[str, str, int | None, int | None]:
        """Component, rule, member and step of a row."""
        if self._ordinary is not None:
            constraint = self._ordinary.rule_of_row(row)
            parent, index = constraint.parent_component(), constraint.index()
        else:
            block = next(b for b in self._compiled.blocks if b.rows.start <= row < b.rows.stop)
            parent, index = block.constraint, block.index_of(row)
        member, step = self._when(parent, index)
        return self._where(parent), parent.doc or parent.local_name, member, step

    def column(self, column: int) -> tuple[str, str, int | None, int | None]:
        """Component, limited quantity, member and step of a column."""
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
        member, step = self._when(parent, index)
        return self._where(parent), f"limit on {parent.local_name}", member, step

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
        found: dict[str, int] = {}
        position = 0
        for subset in component.index_set().subsets():
            width = subset.dimen or 1
            part = labels[position : position + width]
            position += width
            if subset is model.members:
                found["member"] = part[0]
            elif subset is model.steps or subset is model.inner_steps or subset is model.states:
                found["step"] = part[0]
            elif width == 2:
                found["member"], found["step"] = part
        step = found.get("step")
        return found.get("member"), step if step is None or step >= 0 else None


def explain(
    status: str, arrays: Arrays, compiled: Compiled, scenario: Scenario, ordinary: OrdinaryRoad | None
) -> InfeasibleError | UnboundedError:
    """The error to raise for a model without a plan (``infeasible``) or without an end to its profit (``unbounded``)."""
    words = Words(scenario, compiled, ordinary)
    if status == "unbounded":
        return UnboundedError(_unbounded(arrays, words))
    conflicts, how = _linear_conflict(arrays, words)
    if not conflicts:
        conflicts, how = _integer_conflict(arrays, compiled, words) if ordinary is None else ([], "")
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
    status, found = highs.getIis()
    if status == highspy.HighsStatus.kError or not (found.row_index_ or found.col_index_):
        return [], ""
    bounded = [
        column
        for column, bound in zip(found.col_index_, found.col_bound_, strict=True)
        if _tells(arrays, column, bound)
    ]
    entries = [words.row(row) for row in found.row_index_] + [words.column(column) for column in bounded]
    return _grouped(entries), "these conflict (leave out any one and there is a plan)"


def _tells(arrays: Arrays, column: int, bound: Any) -> bool:
    """Whether a column's bound says something to a planner: a quantity that cannot be negative does not."""
    lower_is_zero = arrays.col_lower[column] == 0.0
    return not (int(bound) == int(highspy.IisBoundStatus.kIisBoundStatusLower) and lower_is_zero)


def _integer_conflict(arrays: Arrays, compiled: Compiled, words: Words) -> tuple[list[Conflict], str]:
    """Feasible with fractions but not with whole numbers: drop whole rules, one at a time, as long as it stays infeasible."""
    needed = []
    lower, upper = arrays.row_lower.copy(), arrays.row_upper.copy()
    for block in compiled.blocks:
        kept = lower[block.rows].copy(), upper[block.rows].copy()
        lower[block.rows], upper[block.rows] = -np.inf, np.inf
        if _infeasible(replace(arrays, row_lower=lower, row_upper=upper)):
            continue
        lower[block.rows], upper[block.rows] = kept
        needed.append(words.row(block.rows.start)[:2])
    how = "these conflict once decisions have to be whole (started or not, here or there)"
    return [Conflict(where, rule) for where, rule in needed], how


def _infeasible(arrays: Arrays) -> bool:
    highs = SilentHighs()
    highs.setOptionValue("time_limit", GROUP_TIME_LIMIT_S)
    highs.setOptionValue("mip_rel_gap", np.inf)
    pass_arrays(highs, replace(arrays, cost=np.zeros_like(arrays.cost)))
    highs.run()
    return bool(highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible)


def _unbounded(arrays: Arrays, words: Words) -> str:
    highs = SilentHighs()
    highs.setOptionValue("presolve", "off")
    pass_arrays(highs, replace(arrays, integer=np.zeros_like(arrays.integer)))
    highs.run()
    _, has_ray, ray = highs.getPrimalRay()
    message = "profit grows without limit, so a limit is missing"
    if not has_ray:
        return f"{message}; check prices that pay for unlimited import or export"
    growing = np.flatnonzero(np.abs(np.asarray(ray)) > 1e-9)
    conflicts = _grouped([words.column(int(column)) for column in growing])
    what = ", ".join(f"{c.where} {c.rule.removeprefix('limit on ')}" for c in conflicts)
    return f"{message}: these can grow together without end: {what}"


def _grouped(entries: Iterable[tuple[str, str, int | None, int | None]]) -> list[Conflict]:
    grouped: dict[tuple[str, str], Conflict] = {}
    for where, rule, member, step in entries:
        conflict = grouped.setdefault((where, rule), Conflict(where, rule))
        if member is not None:
            conflict.members.add(member)
        if step is not None:
            conflict.steps.add(step)
    return list(grouped.values())


def _clock(stamp: pd.Timestamp) -> str:
    return stamp.strftime("%Y-%m-%d %H:%M")
