"""What a policy hands over, and how variables that a schedule sets are found in a model and in arrays.

Variables say themselves whether a schedule sets them (``Var(scheduled=…)``): ``ahead`` of the day, or ``now``. All
others (what the meter shows, what demand is served, peaks) follow from what is set and from what happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import Problem
from optimizer.rebasing import Column
from optimizer.scenario import Risk
from optimizer.time_windows import steps_at

Floats = NDArray[np.float64]


@runtime_checkable
class HoldsPosition(Protocol):
    """A contract with a position that is bought ahead and settled against what is used."""

    def hedge(self, b: Any, f: Any, values: Callable[[Any], Floats]) -> tuple[Any, Floats] | None:
        """The position's variable, and the position that buys what a solution expects to be used, MW, (steps,)."""
        ...

    def position_profit(self, r: Any) -> Floats:
        """What the position has earned against having bought everything in real time, (members, steps)."""
        ...


@dataclass(frozen=True)
class LookAhead:
    """With what a policy sets again what can be set now: all members of what may come, weighed by a risk."""

    members: int
    """Members after reduction."""
    risk: Risk


@dataclass(frozen=True)
class Schedule:
    """A plan for one window, as far as it is carried out."""

    targets: dict[str, Floats]
    """What each scheduled variable is to be, by its name in the model (``parts[m].running``), in the variable's shape
    for one member."""
    expected: dict[Column, Floats]
    """What is expected of each column of data, (steps,)."""
    expected_profit: float
    """Profit that is expected of the whole window."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it was found: ``gap``, ``bound``, ``highs_s``, ``road``."""
    look_ahead: LookAhead | None = None
    """How recourse sees what may come; None: as the mean of the forecast."""


@dataclass(frozen=True)
class Scheduled:
    """A scheduled variable of a compiled problem."""

    name: str
    variable: Any
    when: str
    """``ahead`` or ``now``."""
    columns: NDArray[np.int64]
    """Column numbers in the variable's shape."""
    steps: NDArray[np.int64]
    """Step of each position of the last index, (last,); -1 is the state before the first."""


def scheduled_in(problem: Problem) -> Iterator[Scheduled]:
    """The scheduled variables of a problem."""
    for variable in problem.compiled.evaluator.variables:
        when = getattr(variable, "scheduled", None)
        if when is None:
            continue
        columns = problem.compiled.columns(variable)
        if columns.size:
            yield Scheduled(variable.name, variable, when, columns, steps_of(variable, columns.shape[-1]))


def steps_of(variable: Any, positions: int) -> NDArray[np.int64]:
    """Step of each position of a variable's last index."""
    found = steps_at(variable, positions)
    if found is None:
        raise ValueError(f"{variable.name} is scheduled, but its last index is no range of steps")
    return found


def targets_of(problem: Problem, values: Floats) -> dict[str, Floats]:
    """Values of the scheduled variables at a solution of a problem of one member."""
    return {found.name: values[found.columns] for found in scheduled_in(problem)}


def hedged(problem: Problem, values: Floats) -> dict[str, Floats]:
    """Positions that buy ahead what a solution expects to be used, by the name of their variables."""
    found = {}
    for part in problem.parts.components.values():
        if isinstance(part.component, HoldsPosition):
            hedge = part.component.hedge(
                part.block, part.frame, lambda variable: values[problem.compiled.columns(variable)]
            )
            if hedge is not None:
                variable, position = hedge
                found[variable.name] = position
    return found
