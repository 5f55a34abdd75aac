"""Declarations of the model: ordinary Pyomo components that can also be read as templates (the fast road).

Every rule of this project is written once, in Pyomo. On the **ordinary road** Pyomo runs it for every index and
builds its usual objects. On the **fast road** nothing is built: Pyomo runs the rule a single time with symbolic
indices (``templatize_rule``) and :mod:`optimizer.affine` evaluates that one expression over the whole index set with
numpy. Which road is taken is a property of the root model (see :func:`new_model`), so the declarations below are the
same on both. Over the index sets of a :mod:`light model <optimizer.light_model>`, which needs nothing of Pyomo's, they
become that model's own.

What a rule may do follows from that: it never branches on an index or on data, boundary steps have index sets of their
own, the state before the first step is index -1, and data live in :class:`Param` arrays.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyomo.environ as pyo
from numpy.typing import ArrayLike
from pyomo.core.base.constraint import IndexedConstraint
from pyomo.core.base.objective import ScalarObjective
from pyomo.core.base.param import IndexedParam
from pyomo.core.base.set import RangeSet
from pyomo.core.base.var import IndexedVar
from pyomo.core.expr.base import ExpressionBase
from pyomo.core.expr.template_expr import IndexTemplate, NPV_Numeric_GetItemExpression, Numeric_GetItemExpression

from optimizer.light_model import LightConstraint, LightParam, LightVar
from optimizer.light_sets import LightRange, LightSet


def new_model(*, fast: bool) -> Any:
    """An empty concrete model; ``fast`` says whether its components are templates or ordinary Pyomo objects."""
    model = pyo.ConcreteModel()
    model.on_fast_road = fast
    return model


def _on_fast_road(component: Any) -> bool:
    return bool(getattr(component.model(), "on_fast_road", False))


class Places:
    """Positions of labels in the factors of an index set, one index at a time.

    Only what Pyomo's sets say without being iterated over is used: within a template, iterating gives symbols.
    """

    def __init__(self, index_set: Any) -> None:
        self._factors = [(factor, factor.dimen, *consecutive(factor)) for factor in index_set.subsets()]

    def of(self, labels: tuple[Any, ...]) -> tuple[int, ...]:
        """One position per factor; KeyError for an index outside of the set."""
        places = []
        start = 0
        for factor, dimen, first, size in self._factors:
            end = start + dimen
            if end > len(labels):
                raise KeyError(f"index {labels} has fewer labels than its set")
            if size:
                offset = labels[start] - first
                place = int(offset)
                if place != offset or not 0 <= place < size:
                    raise KeyError(f"index {labels} is outside of its set")
            else:
                place = _ordinal(factor, labels[start] if dimen == 1 else labels[start:end], labels)
            places.append(place)
            start = end
        if start != len(labels):
            raise KeyError(f"index {labels} has more labels than its set")
        return tuple(places)


class Param(IndexedParam):  # type: ignore[misc]
    """Data over index sets, held in one array (shape = sizes of the sets).

    The array may be a zero-stride view: data that do not differ by member cost no memory per member.
    """

    def __new__(cls, *sets: Any, **keywords: Any) -> Any:
        return LightParam(*sets, **keywords) if _are_light(sets) else super().__new__(cls, *sets, **keywords)

    def __init__(self, *sets: Any, values: ArrayLike, doc: str | None = None) -> None:
        super().__init__(*sets, within=pyo.Any, default=0.0, doc=doc)
        self.array = np.asarray(values)

    def construct(self, data: Any = None) -> None:
        if not self._constructed:
            _construct_index(self)
            self._places = Places(self.index_set())

    def __getitem__(self, index: Any) -> Any:
        labels = index if index.__class__ is tuple else (index,)
        if any(map(_is_symbolic, labels)):
            # what Pyomo makes of it too, after a search that costs more than all the rest of a template
            return NPV_Numeric_GetItemExpression((self, *labels))
        try:
            return self.array[self._places.of(labels)].item()
        except (TypeError, KeyError, AttributeError):
            return super().__getitem__(index)  # slices, nested tuples, and Pyomo's messages

    def _getitem_when_not_present(self, index: Any) -> Any:
        return self.array[self._places.of(index if isinstance(index, tuple) else (index,))].item()


class Var(IndexedVar):  # type: ignore[misc]
    """Decision variables over index sets; on the fast road none is created, they are columns by position.

    ``bounds_rule`` is the rule of the bounds, or None. ``least``: the variable is bounded from below by what it
    measures (starts, switches); among equally good plans the one with the least of it is taken, so that it shows what
    it measures. ``decided_at``: the step in which a whole decision falls, by its last index, where that is not a step
    (for :mod:`optimizer.start_plan`). ``scheduled``: it is what a schedule sets, step by step (its last index):
    ``ahead`` of the day, or ``now``, when a step comes and its prices are seen (for :mod:`optimizer.backtest`).
    """

    _rule_bounds: Any

    def __new__(cls, *sets: Any, **keywords: Any) -> Any:
        return LightVar(*sets, **keywords) if _are_light(sets) else super().__new__(cls, *sets, **keywords)

    def __init__(
        self,
        *sets: Any,
        least: bool = False,
        decided_at: ArrayLike | None = None,
        scheduled: Literal["ahead", "now"] | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(*sets, **keywords)
        self.least = least
        self.scheduled = scheduled
        self.decided_at = None if decided_at is None else np.asarray(decided_at)

    def construct(self, data: Any = None) -> None:
        if not self._constructed:
            self.bounds_rule = self._rule_bounds
            self.places = Places(self.index_set())
            if _on_fast_road(self):
                self._dense = False
                self._rule_bounds = None  # the few that a comparison of rows creates need no bounds
        super().construct(data)

    def __getitem__(self, index: Any) -> Any:
        try:
            return self._data[index]
        except (KeyError, TypeError):
            labels = index if index.__class__ is tuple else (index,)
            if any(map(_is_symbolic, labels)):
                return Numeric_GetItemExpression((self, *labels))
        if not self._dense:
            try:
                self.places.of(labels)
            except (TypeError, KeyError, AttributeError):
                return super().__getitem__(index)  # slices, nested tuples, and Pyomo's messages
            return self._getitem_when_not_present(index)
        return super().__getitem__(index)


class Constraint(IndexedConstraint):  # type: ignore[misc]
    """Rows over index sets. ``doc`` is the rule in a planner's words; an infeasibility is explained with it."""

    def __new__(cls, *sets: Any, **keywords: Any) -> Any:
        return LightConstraint(*sets, **keywords) if _are_light(sets) else super().__new__(cls, *sets, **keywords)

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


def _is_symbolic(label: Any) -> bool:
    """Whether an index holds a symbol; a Pyomo expression of numbers alone is left to Pyomo."""
    if label.__class__ is IndexTemplate:
        return True
    return isinstance(label, ExpressionBase) and any(map(_is_symbolic, label.args))


def _are_light(sets: tuple[Any, ...]) -> bool:
    return bool(sets) and (sets[0].__class__ is LightRange or any(isinstance(s, LightSet) for s in sets))


def consecutive(factor: Any) -> tuple[int, int]:
    """First label and number of labels of a range of consecutive integers; (0, 0) for any other set."""
    if isinstance(factor, LightRange):
        return (factor.start, factor.size) if factor.size else (0, 0)
    if not isinstance(factor, RangeSet):
        return 0, 0
    ranges = list(factor.ranges())
    if len(ranges) != 1 or ranges[0].step not in (0, 1) or ranges[0].end is None:
        return 0, 0
    return ranges[0].start, ranges[0].end - ranges[0].start + 1


def _ordinal(factor: Any, label: Any, labels: tuple[Any, ...]) -> int:
    if label not in factor:
        raise KeyError(f"index {labels} is outside of its set")
    return int(factor.ord(label)) - 1


def _construct_index(component: Any) -> None:
    """Mark as constructed and build the product of the index sets, without visiting any index."""
    component._constructed = True
    for anonymous in component._anonymous_sets or ():
        anonymous.construct()
