"""A model without Pyomo's objects: blocks and declarations that cost a microsecond each.

What the components declare is what they declare to Pyomo: ``b.x = Var(f.members, f.steps, …)``. Over the index sets of
a light model (:mod:`optimizer.light_sets`), the declarations of :mod:`optimizer.template` become the ones below. They
keep what was said, construct nothing, and offer of Pyomo's interface what the components use. Rules are run by
:mod:`optimizer.tracing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import ArrayLike
from pyomo.core.base.component import Component as PyomoComponent
from pyomo.core.base.set import SetData

from optimizer.light_sets import NUMBERS, LightIndexedSet, LightProduct, LightRange, LightSet, as_light
from optimizer.symbols import Expression, NotTraceableError, item


class LightComponent:
    """A declaration in its place."""

    doc: str | None = None
    name: str = ""
    local_name: str = ""
    _block: LightBlock | None = None
    _signature: int | None = None

    def __init__(self, sets: tuple[Any, ...]) -> None:
        for index_set in sets:
            if index_set.__class__ is not LightRange:
                sets = tuple([as_light(s) for s in sets])
                break
        self.sets: tuple[LightSet, ...] = sets

    @property
    def signature(self) -> int:
        """What a rule's rows depend on of the declaration, beside its data and its columns, by a number."""
        if self._signature is None:
            self._signature = NUMBERS.of((self.__class__, *[s.key for s in self.sets]))
        return self._signature

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple([len(s) for s in self.sets])

    @property
    def kind(self) -> Any:
        """Class of the component that has declared it; None of what is the model's own."""
        return None if self._block is None else self._block.kind

    def placed(self, block: LightBlock, name: str) -> None:
        """Take a name: in its block, and in the whole model as Pyomo writes it."""
        self._block, self.local_name, self.name = block, name, block._prefix + name

    def parent_block(self) -> Any:
        return self._block

    def model(self) -> LightModel:
        assert self._block is not None
        return self._block.model()

    def is_indexed(self) -> bool:
        return True

    def index_set(self) -> LightProduct:
        return LightProduct(self.sets)

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
        """The datum at symbolic labels, or the number at plain ones; KeyError outside of its sets."""
        labels = index if index.__class__ is tuple else (index,)
        for label in labels:
            if label.__class__ is Expression:
                return item(self, labels)
        return self.array[self.places(labels)].item()


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

    def domain_limits(self) -> tuple[float, float, bool]:
        """Lower and upper bound of its domain, and whether that holds whole numbers only."""
        known = _DOMAINS.get(id(self.domain))
        if known is None:
            low, high = self.domain.bounds()
            whole = bool(self.domain.isdiscrete())
            known = -np.inf if low is None else float(low), np.inf if high is None else float(high), whole
            _DOMAINS[id(self.domain)] = known  # Pyomo's domains live as long as the process
        return known

    def __getitem__(self, index: Any) -> Any:
        """The variable at symbolic or plain labels; KeyError outside of its sets."""
        labels = index if index.__class__ is tuple else (index,)
        for label in labels:
            if label.__class__ is Expression:
                return item(self, labels)
        self.places(labels)
        return item(self, labels)


_DOMAINS: dict[int, tuple[float, float, bool]] = {}


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

    kind: type | None
    """Class of the component that declares here, where it is known."""
    _declared: list[LightComponent]
    """In the order in which they were declared."""
    _prefix: str
    """What stands before their names in those of the whole model."""
    _model: LightModel | None
    _container: str
    _label: str
    _name: str

    def __init__(self, model: LightModel | None, container: str = "", label: str = "") -> None:
        name = f"{container}[{label}]" if container else ""
        self.__dict__.update(
            kind=None, _declared=[], _model=model, _container=container, _label=label, _name=name,
            _prefix=f"{name}." if name else "",
        )  # fmt: skip

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, LightComponent):
            self.__dict__[name] = value
            if value._block is None:
                value.placed(self, name)
                self._declared.append(value)
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
        blocks = (self, *self.sites.values(), *self.parts.values())
        return [c for block in blocks for c in block._declared if c.__class__ is kind]
