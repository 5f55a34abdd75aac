"""A model without Pyomo's objects: blocks and declarations that cost a microsecond each.

What the components declare is what they declare to Pyomo: ``b.x = Var(f.members, f.steps, …)``. Over the index sets of
a light model (:mod:`optimizer.light_sets`), the declarations of :mod:`optimizer.template` become the ones below. They
keep what was said, construct nothing, and offer of Pyomo's interface what the components use. Rules are run by
:mod:`optimizer.tracing`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import ArrayLike
from pyomo.core.base.component import Component as PyomoComponent
from pyomo.core.base.set import SetData

from optimizer.light_sets import LightIndexedSet, LightProduct, LightRange, LightSet, as_light
from optimizer.symbols import NotTraceableError, is_symbolic, item


class LightComponent:
    """A declaration in its place."""

    doc: str | None = None

    def __init__(self, sets: tuple[Any, ...]) -> None:
        self.sets: tuple[LightSet, ...] = tuple([s if s.__class__ is LightRange else as_light(s) for s in sets])
        self.signature: tuple[Any, ...] = (self.__class__, *[s.key for s in self.sets])
        """What a rule's rows depend on of the declaration, beside its data and its columns."""
        self.name = self.local_name = ""
        self._block: LightBlock | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple([len(s) for s in self.sets])

    @property
    def kind(self) -> Any:
        """Class of the component that has declared it; None of what is the model's own."""
        return None if self._block is None else self._block.kind

    def placed(self, block: LightBlock, name: str) -> None:
        """Take a name: in its block, and in the whole model as Pyomo writes it."""
        self._block, self.local_name = block, name
        self.name = sys.intern(f"{block.name}.{name}" if block.name else name)

    def parent_block(self) -> Any:
        return self._block

    def model(self) -> LightModel:
        assert self._block is not None
        return self._block.model()

    def is_indexed(self) -> bool:
        return True

    def index_set(self) -> LightProduct:
        return LightProduct(self.sets)

    def at(self, index: Any) -> Any:
        """The component at symbolic labels, or the places of plain ones; KeyError outside of its sets."""
        labels = index if index.__class__ is tuple else (index,)
        for label in labels:
            if is_symbolic(label):
                return item(self, labels)
        return self.places(labels)

    def places(self, labels: tuple[Any, ...]) -> tuple[int, ...]:
        """Position in each index set; KeyError outside."""
        found, start = [], 0
        for factor in self.sets:
            end = start + factor.dimen
            found.append(factor.place(labels[start] if factor.dimen == 1 else labels[start:end]))
            start = end
        if start != len(labels):
            raise KeyError(f"{self.name}: index {labels} has another number of labels than its sets")
        return tuple(found)


class LightParam(LightComponent):
    """Data over index sets, see :class:`optimizer.template.Param`."""

    def __init__(self, *sets: Any, values: ArrayLike, doc: str | None = None) -> None:
        super().__init__(sets)
        self.array, self.doc = np.asarray(values), doc

    def __getitem__(self, index: Any) -> Any:
        found = self.at(index)
        if found.__class__ is tuple:
            return self.array[found].item()
        return found


class LightVar(LightComponent):
    """Decision variables over index sets, see :class:`optimizer.template.Var`."""

    def __init__(
        self,
        *sets: Any,
        within: Any = pyo.Reals,
        bounds: Any = None,
        least: bool = False,
        decided_at: ArrayLike | None = None,
        scheduled: str | None = None,
        doc: str | None = None,
    ) -> None:
        super().__init__(sets)
        self.domain, self.bounds, self.least, self.doc = within, bounds, least, doc
        self.decided_at = None if decided_at is None else np.asarray(decided_at)
        self.scheduled = scheduled

    def __getitem__(self, index: Any) -> Any:
        found = self.at(index)
        return item(self, index if index.__class__ is tuple else (index,)) if found.__class__ is tuple else found


class LightConstraint(LightComponent):
    """Rows over index sets, see :class:`optimizer.template.Constraint`."""

    def __init__(self, *sets: Any, rule: Any, doc: str) -> None:
        super().__init__(sets)
        self.rule, self.doc = rule, doc


@dataclass(frozen=True)
class _Container:
    local_name: str


class LightBlock:
    """What a component declares, by name. Anything else may be kept on it as well."""

    def __init__(self, model: LightModel | None, container: str = "", label: str = "") -> None:
        self._model, self._container, self._label = model, container, label
        self.kind: type | None = None
        """Class of the component that declares here, where it is known."""
        self._name = f"{container}[{label}]" if container else ""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, LightComponent):
            self.__dict__[name] = value
            if value._block is None:
                value.placed(self, name)
                self.model().declared.append(value)
            return
        if isinstance(value, SetData):
            value = as_light(value)
        elif isinstance(value, PyomoComponent):
            raise NotTraceableError(
                f"{name} is one of Pyomo's own components; a light model knows those of the project"
            )
        self.__dict__[name] = value
        if isinstance(value, LightIndexedSet | LightSet) and not value.name:
            value.name = name
            if isinstance(value, LightIndexedSet):
                value.construct(self)

    def add_component(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def component(self, name: str) -> Any:
        """A declaration by name; None where there is none."""
        return self.__dict__.get(name)

    def model(self) -> LightModel:
        assert self._model is not None
        return self._model

    def index(self) -> str:
        return self._label

    def parent_component(self) -> Any:
        """What holds the blocks of its kind."""
        return _Container(self._container)

    @property
    def name(self) -> str:
        return self._name


@dataclass(frozen=True)
class ProfitLine:
    """A line of the ledger: ``rule(block, member, …)`` over index sets that start with the members."""

    name: tuple[str, ...]
    block: Any
    index_sets: tuple[Any, ...]
    rule: Callable[..., Any]


class LightModel(LightBlock):
    """The root: its own declarations, those of the sites and those of the components, each in a block of its own."""

    def __init__(self, sites: list[str], parts: list[str]) -> None:
        super().__init__(None)
        self.declared: list[LightComponent] = []
        self.lines: list[ProfitLine] = []
        """Money of the members, which the objective adds up by ``weights``."""
        self.weights = np.ones(1)
        self.objective_rule: Callable[[Any], Any] | None = None
        """What the objective holds beside it."""
        self.sites = {label: LightBlock(self, "sites", label) for label in sites}
        self.parts = {label: LightBlock(self, "parts", label) for label in parts}

    def model(self) -> LightModel:
        return self

    @cached_property
    def kinds(self) -> frozenset[Any]:
        """Classes of the components that declare in the model."""
        return frozenset(block.kind for block in (*self.sites.values(), *self.parts.values()))

    def components(self, kind: type[LightComponent]) -> list[Any]:
        """Declarations of a kind in Pyomo's order: the root's own, then block by block."""
        places = {id(block): n for n, block in enumerate((self, *self.sites.values(), *self.parts.values()))}
        found = [c for c in self.declared if isinstance(c, kind)]
        return sorted(found, key=lambda c: places[id(c._block)])
