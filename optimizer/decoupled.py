"""Components apart from each other: what they share has a price, and each of them does its best by itself.

The rows that several components share (the nodes of a pool, the power of a site) are taken out and their sides paid for
at the prices ``y`` that the linear relaxation gives them; what is left falls into one problem for each component with
whole decisions and one for all the rest::

    bound = offset + sum_shared max(y_i row_lower_i, y_i row_upper_i) + sum_g max { (cost - A'y)_g x : own rows, whole }

This is Lagrangian relaxation (Geoffrion, Lagrangean relaxation for integer programming, 1974): for any prices the
bound holds for every plan, and at the duals of the linear relaxation it is never above that relaxation's own, since
each component's decisions are whole here. A job that the relaxation finishes by half for half its value has to finish.

What each component could earn so, less what it earns in a plan at the same prices, is what it loses by making way; over
all components these losses, with what is not used although it has a price, add up to the distance of the plan from the
bound.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.dual_bound import bound_from_duals
from optimizer.highs import PROOF_TOLERANCE, solve
from optimizer.subproblem import Part, Whole
from optimizer.time_windows import Spans

if TYPE_CHECKING:
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

REST = -1
"""Group of the columns that belong to no component with whole decisions."""


@dataclass(frozen=True)
class Alone:
    """What a component does by itself."""

    columns: Numbers
    values: Floats | None
    """Its choice, (columns,); None where none was found in the time."""
    most: float
    """What it earns at the prices at most, proven."""
    interrupted: bool


class Decoupled:
    """The components of ``whole`` with whole decisions, apart.

    ``relaxed``, (columns,), and ``row_dual``, (rows,): optimum of the linear relaxation and its duals.
    """

    def __init__(self, whole: Whole, spans: Spans, relaxed: Floats, row_dual: Floats) -> None:
        self.whole = whole
        arrays, matrix = whole.arrays, whole.arrays.matrix
        free = arrays.integer & (arrays.col_lower < arrays.col_upper)
        count = int(spans.component.max(initial=-1)) + 1
        decisions = np.bincount(spans.component[free], minlength=count)
        self.components: Numbers = np.flatnonzero(decisions)
        self.decisions: Numbers = decisions[self.components]
        position = np.full(count, REST)
        position[self.components] = np.arange(len(self.components))
        self.group: Numbers = position[spans.component]
        """Position of the component of each column among those with whole decisions, (columns,); ``REST`` elsewhere."""
        columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        self.shared = _of_several(self.group[columns], matrix.indices, matrix.shape[0])
        side = np.where(row_dual > 0, arrays.row_upper, arrays.row_lower)
        self.price: Floats = np.where(self.shared & np.isfinite(side), row_dual, 0.0)
        paid_by_column = np.bincount(columns, matrix.data * self.price[matrix.indices], len(arrays.cost))
        self.cost: Floats = arrays.cost - paid_by_column
        """What one of each column earns at the prices, (columns,)."""
        paid_for = self.price * np.where(self.price != 0, side, 0.0)
        self.choice = relaxed.copy()
        """What each component does by itself, (columns,); the relaxation's values until it has been asked."""
        self._parts = [self._part(number) for number in range(len(self.components))]
        self.most: Floats = np.array([self._at_most(part, row_dual) for part in self._parts], dtype=float)
        """What each component earns at the prices at most, (components,)."""
        self._fixed = arrays.offset + paid_for.sum() + self._at_most(self._part(REST), row_dual)
        self._rounding = PROOF_TOLERANCE * float(np.abs(paid_for).sum())
        self._priced = _Priced(self)

    @property
    def bound(self) -> float:
        """What any plan of the whole earns at most; as good as the relaxation's until components have been asked."""
        return float(self._fixed + self.most.sum()) + self._rounding

    def alone(self, number: int, options: SolverOptions, within: float, settings: dict[str, Any]) -> Alone:
        """What the component at position ``number`` does by itself, to the money ``within`` the best."""
        part = self._parts[number]
        exact = options.model_copy(update={"mip_rel_gap": 0.0})
        outcome = solve(part.arrays, exact, settings=settings | {"mip_abs_gap": within})
        proven = outcome.bound if np.isfinite(outcome.bound) else np.inf  # NaN: it says that there is no plan
        return Alone(part.columns, outcome.values, proven, outcome.stopped_by == "interrupt")

    def take(self, number: int, found: Alone) -> None:
        """Count what the component at position ``number`` does by itself."""
        self.most[number] = min(self.most[number], found.most)
        if found.values is not None:
            self.choice[found.columns] = found.values

    def lost(self, values: Floats) -> Floats:
        """What each component earns less at the prices than it could by itself, (components,)."""
        earned = np.bincount(self.group + 1, self.cost * values, len(self.components) + 1)[1:]
        return np.asarray(self.most - earned, dtype=float)

    def paid(self, values: Floats) -> Floats:
        """What each component pays in each row that has a price, (components, priced rows)."""
        return self._priced.money(values)

    def _part(self, number: int) -> Part:
        """The problem of one component, or of the rest, at the prices."""
        arrays = self.whole.arrays
        part = self.whole.part(self.group == number, np.zeros(len(arrays.cost)), arrays.integer, rows=~self.shared)
        return replace(part, arrays=replace(part.arrays, cost=self.cost[part.columns], offset=0.0, least=None))

    def _at_most(self, part: Part, row_dual: Floats) -> float:
        """What the relaxation's own duals prove of a part."""
        return bound_from_duals(part.arrays, row_dual[part.rows])


class _Priced:
    """Entries of components in rows that have a price."""

    def __init__(self, apart: Decoupled) -> None:
        matrix = apart.whole.arrays.matrix
        columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
        priced = apart.price != 0
        here = priced[matrix.indices] & (apart.group[columns] != REST)
        rows = matrix.indices[here]
        self._columns = columns[here]
        self._shape = len(apart.components), int(priced.sum())
        self._place = apart.group[self._columns] * self._shape[1] + (np.cumsum(priced) - 1)[rows]
        self._paid = apart.price[rows] * matrix.data[here]

    def money(self, values: Floats) -> Floats:
        """What each component pays in each row, (components, priced rows)."""
        size = self._shape[0] * self._shape[1]
        paid = np.bincount(self._place, self._paid * values[self._columns], size)
        return np.asarray(paid, dtype=float).reshape(self._shape)


def _of_several(group: Numbers, row: NDArray[np.int32], rows: int) -> Flags:
    """Rows with entries of more than one group, (rows,); group and row of each entry are given."""
    least, most = np.full(rows, np.iinfo(np.int64).max), np.full(rows, np.iinfo(np.int64).min)
    np.minimum.at(least, row, group)
    np.maximum.at(most, row, group)
    return least < most
