"""What a component declares to those that loop over components: money, results, findings, needs, numbers to value.

A component only says what there is; the ledger, the dispatch, the messages and the valuation are made of it by others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rule = Callable[..., Any]
Carried = Floats | dict[str, Floats]
"""A carried value: (members,), or one such array per calendar period by its label."""
Direction = Literal["up", "down"]
"""Of a reserve: called ``up``, a site draws less (or feeds in more); called ``down``, it draws more."""


@dataclass(frozen=True)
class MoneyLine:
    """One line of the ledger: ``rule(b, member, …)`` over index sets that start with the members; currency, revenue
    positive.

    ``steps`` gives, for lines by settlement period, the last step of each period (the ledger books the amount there).
    """

    index_sets: tuple[Any, ...]
    rule: Rule
    steps: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Result:
    """One variable of the dispatch: ``rule(b, *index)`` over ``index_sets`` named by ``dims``.

    ``dims`` is a selection of ``("member", "time")`` preceded by at most one dimension of the component's own, whose
    ``labels`` are given.
    """

    dims: tuple[str, ...]
    index_sets: tuple[Any, ...]
    rule: Rule
    units: str
    long_name: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A defect found by a cross-check: ``field`` within the component, what is wrong, and what would be allowed."""

    field: str
    message: str
    value: object = None
    allowed: str | None = None
    hint: str | None = None
    fatal: bool = True
    """False: the plan can be made, but the planner should know (a warning)."""


@dataclass(frozen=True)
class Need:
    """What a rule asks for: ``rule(b, member, …)`` over index sets that start with the members, at least ``needed``."""

    index_sets: tuple[Any, ...]
    rule: Rule
    needed: float
    words: str
    """Told after the component's name where less is possible: ``needs {needed} node-hours, but at most {possible}
    fit``."""


@dataclass(frozen=True)
class Switch:
    """How a rule of thumb turns a component on and off: all of it, or nothing."""

    variable: Any
    """The variable that it sets; 0 is off."""
    on: Floats
    """Values when on, in the variable's shape."""
    break_even_per_mwh: Floats
    """Price of power above which being on does not pay, (members, steps)."""


@dataclass(frozen=True)
class Expandable:
    """A number of a component of which a planner may get more; what the next step of it is worth is worked out by
    solving (:mod:`optimizer.explanation.next_megawatt`), so that a component only says what there is."""

    words: str
    """What it is, in a planner's words: ``limit of the grid connection``."""
    unit: str
    step: float = 1.0
    """The next unit of it that can be had, for decisions; negative where less is asked for (a service level)."""
    is_investment: bool = False
    """Whether it is built or bought, and ranked by its value per year."""
    in_bits: bool = True
    """Whether it can change by ever so little, so that it has a local value; a deadline moves in whole steps."""
