"""Index sets of a light model: labels in order, which give symbols while a rule is traced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pyomo.environ as pyo
from pyomo.core.base.set import SetData

from optimizer.symbols import TRACING, NotTraceableError, is_symbolic, opened

MOST_NUMBERED = 10_000
"""Contents of sets that are known by a number at a time."""


class Numbers:
    """A number for each content, the same one as long as the content is remembered, and never another's."""

    def __init__(self) -> None:
        self._of: dict[Any, int] = {}
        self._next = 0
        self._lock = threading.Lock()

    def of(self, content: Any) -> int:
        with self._lock:
            found = self._of.get(content)
            if found is None:
                if len(self._of) >= MOST_NUMBERED:
                    self._of.clear()
                found = self._of[content] = self._next
                self._next += 1
            return found


NUMBERS = Numbers()


class LightSet:
    """Labels of an index set, in order; ``dimen`` numbers (or words) each."""

    def __init__(self, labels: list[Any], dimen: int | None = None) -> None:
        self.members: Any = labels
        first = labels[0] if labels else None
        self.dimen: int = dimen or (len(first) if isinstance(first, tuple) else 1)
        self.name = ""

    @cached_property
    def key(self) -> Any:
        """What the set holds, by a number: as short for a year of labels as for two."""
        return "labels", NUMBERS.of((self.dimen, tuple(self.members)))

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {label: place for place, label in enumerate(self.members)}

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Any]:
        return opened(self) if TRACING.active else iter(self.members)

    def __contains__(self, label: Any) -> bool:
        if is_symbolic(label):
            raise NotTraceableError(f"the rule asks whether an index is in {self.name}")
        return label in self._places

    def subsets(self) -> tuple[LightSet, ...]:
        """The set itself: it is no product."""
        return (self,)

    def first(self) -> Any:
        return self.members[0]

    def last(self) -> Any:
        return self.members[-1]

    def place(self, label: Any) -> int:
        """Position of a label; KeyError for one that is not in the set."""
        return self._places[label]


class LightRange(LightSet):
    """Consecutive whole numbers from ``start``, ``size`` of them."""

    def __init__(self, start: int, size: int) -> None:
        self.start, self.size = start, size
        self.members: Any = range(start, start + size)
        self.dimen, self.name = 1, ""
        self.key = start, size

    def __len__(self) -> int:
        return self.size

    def __contains__(self, label: Any) -> bool:
        if is_symbolic(label):
            raise NotTraceableError(f"the rule asks whether an index is in {self.name}")
        return label in self.members

    def place(self, label: Any) -> int:
        if label in self.members:
            return int(label) - self.start
        raise KeyError(f"index {label} is outside of {self.name}")


class LightIndexedSet:
    """A set of labels for each label of another set: ``b.steps_of[period]``."""

    def __init__(self, initialize: Any, keys: LightSet) -> None:
        self._initialize, self._keys = initialize, keys
        self.name = ""
        self.groups: dict[Any, LightSet] = {}

    def construct(self, block: Any) -> None:
        """Work the labels out; a function is asked for those of each key."""
        given, keys = self._initialize, list(self._keys.members)
        found = {key: given(block, key) for key in keys} if callable(given) else given
        self.groups = {key: LightSet(list(found[key])) for key in keys}

    @cached_property
    def key(self) -> Any:
        """What the sets hold, by a number."""
        return "groups", NUMBERS.of(tuple((key, group.key) for key, group in self.groups.items()))

    def __getitem__(self, key: Any) -> Any:
        return LightGroup(self, key) if is_symbolic(key) else self.groups[key]


class LightGroup:
    """The set that belongs to a symbolic label."""

    dimen = 1

    def __init__(self, sets: LightIndexedSet, label: Any) -> None:
        self.sets, self.label = sets, label
        self.key = (sets.key, label.key)

    def members_of(self, label: Any) -> list[Any]:
        """Labels that belong to a plain label."""
        return list(self.sets.groups[label].members)

    def __iter__(self) -> Iterator[Any]:
        return opened(self)

    def __contains__(self, label: Any) -> bool:
        raise NotTraceableError(f"the rule asks whether an index is in {self.sets.name}")


class LightProduct:
    """The index sets of a declaration."""

    def __init__(self, sets: tuple[LightSet, ...]) -> None:
        self._sets = sets

    def subsets(self) -> tuple[LightSet, ...]:
        return self._sets


# ---------------------------------------------------------------------- of Pyomo's
def as_light(index_set: Any) -> Any:
    """A light set for one of Pyomo's that has not been put into a model yet."""
    if isinstance(index_set, LightSet | LightIndexedSet):
        return index_set
    if not isinstance(index_set, SetData):
        raise NotTraceableError(f"{index_set} is no index set of a light model")
    index_set.construct()
    return LightSet(list(index_set), index_set.dimen if isinstance(index_set.dimen, int) else None)


def _light_range(*bounds: int) -> Any:
    if len(bounds) != 2:
        return (
            LightSet(list(range(bounds[0], bounds[1] + 1, bounds[2]))) if len(bounds) == 3 else _light_range(1, *bounds)
        )
    return LightRange(bounds[0], max(0, bounds[1] + 1 - bounds[0]))


def _light_set(*keys: Any, initialize: Any = (), dimen: int | None = None) -> Any:
    return LightIndexedSet(initialize, keys[0]) if keys else LightSet(list(initialize), dimen)


_LOCK = threading.RLock()


@contextmanager
def light_sets() -> Iterator[None]:
    """Within this, ``pyo.Set`` and ``pyo.RangeSet`` of this thread's components are light ones."""
    owner = threading.get_ident()
    with _LOCK:
        kept = pyo.RangeSet, pyo.Set

        def choosing(light: Any, ordinary: Any) -> Any:
            def make(*arguments: Any, **keywords: Any) -> Any:
                return (light if threading.get_ident() == owner else ordinary)(*arguments, **keywords)

            return make

        pyo.RangeSet, pyo.Set = choosing(_light_range, kept[0]), choosing(_light_set, kept[1])
        try:
            yield
        finally:
            pyo.RangeSet, pyo.Set = kept
