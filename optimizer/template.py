"""Declarations of the model: ordinary Pyomo components that can also be read as templates (the fast road).

Every rule of this project is written once, in Pyomo. On the **ordinary road** Pyomo runs it for every index and builds its usual
objects. On the **fast road** nothing is built: Pyomo runs the rule a single time with symbolic indices (``templatize_rule``) and
:mod:`optimizer.affine` evaluates that one expression over the whole index set with numpy. Which road is taken is a property of the root model
(see :func:`new_model`), so the declarations below are the same on both.

What a rule may do follows from that: it never branches on an index or on data, boundary steps have index sets of their own, the state
before the first step is index -1, and data live in :class:`Param` arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import ArrayLike
from pyomo.core.base.constraint import IndexedConstraint
from pyomo.core.base.objective import ScalarObjective
from pyomo.core.base.param import IndexedParam
from pyomo.core.base.set import RangeSet
from pyomo.core.base.var import IndexedVar
from pyomo.core.expr.template_expr import IndexTemplate, templatize_rule


def new_model(*, fast: bool) -> Any:
    """An empty concrete model; ``fast`` says whether its components are templates or ordinary Pyomo objects."""
    model = pyo.ConcreteModel()
    model.on_fast_road = fast
    return model


def _on_fast_road(component: Any) -> bool:
    return bool(getattr(component.model(), "on_fast_road", False))


class Param(IndexedParam):  # type: ignore[misc]
    """Data over index sets, held in one array (shape = sizes of the sets).

    The array may be a zero-stride view: data that do not differ by member cost no memory per member.
    """

    def __init__(self, *sets: Any, values: ArrayLike, doc: str | None = None) -> None:
        super().__init__(*sets, within=pyo.Any, default=0.0, doc=doc)
        self.array = np.asarray(values)

    def construct(self, data: Any = None) -> None:
        if not self._constructed:
            _construct_index(self)

    def _getitem_when_not_present(self, index: Any) -> Any:
        return self.array[self._positions(index)].item()

    def _positions(self, index: Any) -> tuple[int, ...]:
        labels = index if isinstance(index, tuple) else (index,)
        sets = self.index_set().subsets()
        return tuple(_position(s, label) for s, label in zip(sets, labels, strict=True))


class Var(IndexedVar):  # type: ignore[misc]
    """Decision variables over index sets; on the fast road none is created, they are columns by position.

    ``bounds_rule`` is the rule of the bounds, or None.
    """

    def construct(self, data: Any = None) -> None:
        if not self._constructed:
            self.bounds_rule = self._rule_bounds
            if _on_fast_road(self):
                self._dense = False
                self._rule_bounds = None  # the few that a comparison of rows creates need no bounds
        super().construct(data)


class Constraint(IndexedConstraint):  # type: ignore[misc]
    """Rows over index sets. ``doc`` is the rule in a planner's words; an infeasibility is explained with it."""

    def __init__(self, *sets: Any, rule: Any, doc: str) -> None:
        super().__init__(*sets, rule=rule, doc=doc)

    def construct(self, data: Any = None) -> None:
        if not _on_fast_road(self):
            super().construct(data)
        elif not self._constructed:
            _construct_index(self)


class Objective(ScalarObjective):  # type: ignore[misc]
    """The objective, maximised."""

    def __init__(self, *, rule: Any, doc: str) -> None:
        super().__init__(rule=rule, sense=pyo.maximize, doc=doc)

    def construct(self, data: Any = None) -> None:
        if not _on_fast_road(self):
            super().construct(data)
        elif not self._constructed:
            _construct_index(self)


def _position(index_set: Any, label: Any) -> int:
    if isinstance(index_set, RangeSet) and len(index_set) == 1:
        return int(label - index_set.first())  # ranges of one element have step 0, on which Pyomo's ord() divides
    return int(index_set.ord(label)) - 1


def templatized(block: Any, rule: Any, index_set: Any) -> tuple[Any, tuple[Any, ...]]:
    """The rule as one expression over symbolic indices, and its symbols; raises TypeError where the rule compares a label.

    To Pyomo ``k == "lo"`` is False for a symbol ``k``: the branch would be left out for every index, without a word.
    """
    pyomos_own = IndexTemplate.__eq__

    def refusing_labels(symbol: Any, other: Any) -> Any:
        if isinstance(other, str):
            raise TypeError(f"the rule compares an index with the label {other!r}")
        return pyomos_own(symbol, other)

    IndexTemplate.__eq__ = refusing_labels
    try:
        expression, symbols = templatize_rule(block, rule, index_set)
    finally:
        del IndexTemplate.__eq__  # what it inherits is in force again
    return expression, symbols


def _construct_index(component: Any) -> None:
    """Mark as constructed and build the product of the index sets, without visiting any index."""
    component._constructed = True
    for anonymous in component._anonymous_sets or ():
        anonymous.construct()
