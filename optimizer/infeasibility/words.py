"""Rows and columns of the matrix in a planner's words: component, rule, member and step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyomo.core.base.set import RangeSet

from optimizer.compiled import Arrays, Compiled
from optimizer.light_sets import LightRange

if TYPE_CHECKING:
    from optimizer.horizon import Horizon
    from optimizer.ordinary import OrdinaryRoad

PORTFOLIO = "portfolio"


@dataclass(frozen=True)
class Entry:
    """One row or bound of the matrix in words: component, rule, member and step (None without), value of the bound."""

    where: str
    rule: str
    member: int | None = None
    step: int | None = None
    limit: float | None = None
    name: str = ""
    """Name of the constraint or of the variable in its component."""
    row: int | None = None
    column: int | None = None
    side: str = ""
    """``at least`` or ``at most`` for a bound, ``equals`` for a row that is an equality; empty for other rows."""

    @property
    def label(self) -> str:
        """Label of the component, or name of the site."""
        return self.where.removeprefix("site ")


class Words:
    """Translates rows and columns of the matrix into components, rules and times."""

    def __init__(self, compiled: Compiled, ordinary: OrdinaryRoad | None) -> None:
        self._compiled = compiled
        self._ordinary = ordinary

    def row(self, row: int, arrays: Arrays | None = None) -> Entry:
        """The rule that a row belongs to; with ``arrays``, whether it is an equality."""
        if self._ordinary is not None:
            constraint = self._ordinary.rule_of_row(row)
            parent, index = constraint.parent_component(), constraint.index()
        else:
            block = next(b for b in self._compiled.blocks if b.rows.start <= row < b.rows.stop)
            parent, index = block.constraint, block.index_of(row)
        equals = arrays is not None and arrays.row_lower[row] == arrays.row_upper[row]
        member, step = self._when(parent, index)
        return Entry(
            _where(parent),
            parent.doc or parent.local_name,
            member,
            step,
            name=parent.local_name,
            row=row,
            side="equals" if equals else "",
        )

    def bounds(self, arrays: Arrays, column: int, *, lower: bool, upper: bool) -> list[Entry]:
        """The bounds of a column that take part in a conflict, without those that say nothing to a planner."""
        quantity = self.column(column)
        before_horizon = quantity.step is not None and quantity.step < 0
        limits = {"at least": float(arrays.col_lower[column]), "at most": float(arrays.col_upper[column])}
        return [
            replace(quantity, rule=f"{quantity.rule} {side}", limit=limits[side], side=side)
            for side, takes_part in (("at least", lower), ("at most", upper))
            # that no quantity is negative, that nothing ran before the horizon, and that what is decided is decided at
            # most once goes without saying
            if takes_part
            and (limits[side] != 0.0 or (side == "at most" and not before_horizon))
            and not (side == "at most" and limits[side] == 1.0 and arrays.integer[column])
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
        member, step = self._when(parent, index)
        return Entry(_where(parent), parent.local_name, member, step, name=parent.local_name, column=column)

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


def _where(component: Any) -> str:
    block = component.parent_block()
    if block is block.model():
        return PORTFOLIO
    kind = "site" if block.parent_component().local_name == "sites" else ""
    return f"{kind} {block.index()}".strip()


def _reaches_back(index_set: Any, steps: Any) -> bool:
    """Whether an index set is the steps and some before them."""
    return isinstance(index_set, RangeSet | LightRange) and index_set.first() < 0 and index_set.last() == steps.last()


def clock(stamp: pd.Timestamp) -> str:
    """A local time as messages write it."""
    return stamp.strftime("%Y-%m-%d %H:%M")


def when(steps: set[int], horizon: Horizon) -> str:
    """``at 2024-08-19 01:00`` or ``3 steps from … to …``; steps below 0 lie before the horizon."""
    inside = [step for step in steps if step >= 0]
    if not inside:
        return "before the first step"
    first, last = horizon.local[min(inside)], horizon.local[max(inside)]
    return f"at {clock(first)}" if first == last else f"{len(inside)} steps from {clock(first)} to {clock(last)}"
