"""Symbols with which a rule is run once for all of its indices, and the expressions that come of it.

A rule of a component is ordinary Pyomo: ``lambda b, w, t: b.x[w, t] <= b.p[t] * b.on[w, t]``. Run with a symbol for
each index it returns one expression, which :mod:`optimizer.tracing` evaluates over whole index sets with numpy. The
symbols know the four arithmetic operations, ``sum`` over index sets, and relations. Everything else they refuse: to be
compared (``if t == 0``), looked up in a dictionary or a list, asked whether they are in a set, or turned into a number.
A rule that branches on an index or on data therefore raises TypeError and is never silently wrong.

Every expression has a ``key``, a nested tuple with all that it says: the operations, the plain numbers, the components
by their number in the order in which the rule reads them. Two rules with the same key differ at most in which
components these are, and in the data of their parameters.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Iterable, Iterator
from types import GeneratorType
from typing import Any, Protocol

import numpy as np

ADD, MULTIPLY, DIVIDE, ITEM, SUM, SYMBOL = range(6)
EQUAL, AT_MOST = "==", "<="
_DONE = object()


class NotTraceableError(TypeError):
    """A rule does with a symbol what only a number can; it has to be run index by index."""


class IndexSet(Protocol):
    """What a symbol runs over."""

    @property
    def dimen(self) -> int: ...

    @property
    def key(self) -> Any: ...


class Tracing(threading.local):
    """The rule that is being run in this thread."""

    def __init__(self) -> None:
        self.active = False
        self.symbols = 0
        """Symbols in use; the next one has this number."""
        self.open: list[tuple[IndexSet, tuple[Expression, ...]]] = []
        """Sets over which a sum is being taken, outermost first."""
        self.read: dict[Any, int] = {}
        """Parameters and variables that the rule has read, numbered in that order; parameters only at symbolic
        indices."""


TRACING = Tracing()
_LOCK = threading.RLock()
_SUM = builtins.sum


class Expression:
    """An operation and what it is done to; of a sum, the first ``count`` of ``args`` are its terms.

    Of an item, ``args`` are the component, the labels, and the number of the component among those of its rule. What
    it says is known when it is made, but for a sum of terms, which may be gone on with.
    """

    __slots__ = ("_key", "args", "count", "op")
    __array_ufunc__ = None  # a numpy number leaves the operation to the expression

    def __init__(self, op: int, args: Any, key: Any = None, count: int = 0) -> None:
        self.op, self.args, self._key, self.count = op, args, key, count

    @property
    def key(self) -> Any:
        """All that the expression says, but for the data of its parameters."""
        if self._key is None:
            self._key = (ADD, *[key_of(term) for term in self.terms])
        return self._key

    @property
    def terms(self) -> list[Any]:
        """Terms of a sum."""
        found: list[Any] = self.args[: self.count]
        return found

    def __add__(self, other: Any) -> Any:
        return _sum_of(self, other)

    def __radd__(self, other: Any) -> Any:
        return _sum_of(other, self)

    def __sub__(self, other: Any) -> Any:
        return _sum_of(self, -other)

    def __rsub__(self, other: Any) -> Any:
        return _sum_of(other, -self)

    def __mul__(self, other: Any) -> Any:
        return _operation(MULTIPLY, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operation(MULTIPLY, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operation(DIVIDE, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operation(DIVIDE, other, self)

    def __neg__(self) -> Any:
        return _operation(MULTIPLY, -1, self)

    def __pos__(self) -> Any:
        return self

    def __le__(self, other: Any) -> Any:
        return Relation(AT_MOST, self, _operand(other))

    def __ge__(self, other: Any) -> Any:
        return Relation(AT_MOST, _operand(other), self)

    def __eq__(self, other: object) -> Any:
        return Relation(EQUAL, self, _operand(other))

    def __ne__(self, other: object) -> Any:
        raise NotTraceableError("a rule must not ask whether an index or data are different from something")

    def __lt__(self, other: Any) -> Any:
        raise NotTraceableError("a strict inequality has no optimum, and a rule must not branch; write <= or >=")

    __gt__ = __lt__

    def __bool__(self) -> bool:
        raise NotTraceableError("a rule must not branch on an index, on data or on a decision")


class Relation:
    """``left == right`` or ``left <= right``."""

    __slots__ = ("left", "op", "right")

    def __init__(self, op: str, left: Any, right: Any) -> None:
        self.op, self.left, self.right = op, left, right

    @property
    def key(self) -> Any:
        return self.op, key_of(self.left), key_of(self.right)

    def __bool__(self) -> bool:
        raise NotTraceableError("a rule must not branch on a comparison of indices, data or decisions")


def key_of(operand: Any) -> Any:
    """Key of an expression; a plain number is its own."""
    kind = operand.__class__
    if kind is Expression:
        return operand._key or operand.key
    return operand.key if kind is Relation else operand


def is_symbolic(label: Any) -> bool:
    """Whether a label of an index is, or holds, a symbol."""
    return isinstance(label, Expression)


def item(component: Any, labels: tuple[Any, ...]) -> Expression:
    """A variable or a parameter at an index."""
    read = TRACING.read
    number = read.get(component)
    if number is None:
        number = read[component] = len(read)
    words = [label._key or label.key if label.__class__ is Expression else label for label in labels]
    return Expression(ITEM, (component, labels, number), (ITEM, number, *words))


def item_itself(found: Any, sets: tuple[IndexSet, ...]) -> Any:
    """The variable or parameter of which a rule returns every item, over its own index sets in their order; or None."""
    if found.__class__ is not Expression or found.op != ITEM:
        return None
    component = found.args[0]
    if len(component.sets) != len(sets):
        return None
    symbols = 0
    for own, given in zip(component.sets, sets, strict=True):
        if own is not given and own.key != given.key:
            return None
        symbols += own.dimen
    return component if found.key[2:] == _FIRST_KEYS[:symbols] else None


def _operand(value: Any) -> Any:
    """An expression or a plain number; anything else has no place in a rule."""
    if value.__class__ in (float, int) or isinstance(value, Expression):
        return value
    if isinstance(value, np.number | np.bool_ | bool):
        return value.item() if isinstance(value, np.generic) else int(value)
    raise NotTraceableError(f"a rule cannot compute with {value!r}")


def _sum_of(left: Any, right: Any) -> Any:
    if left.__class__ is not Expression:
        left = _operand(left)
        if left.__class__ is int and left == 0:
            return _operand(right)
    if right.__class__ is not Expression:
        right = _operand(right)
        if right.__class__ is int and right == 0:
            return left
        more = [right]
    else:
        more = right.terms if right.op == ADD else [right]
    if left.__class__ is not Expression or left.op != ADD:
        return Expression(ADD, [left, *more], None, 1 + len(more))
    # the sum so far is gone on with in place, so that a thousand terms cost no million copies; its own end stays
    terms = left.args if len(left.args) == left.count else left.terms
    terms += more
    return Expression(ADD, terms, None, len(terms))


def _operation(op: int, left: Any, right: Any) -> Expression:
    if left.__class__ is Expression:
        first = left._key or left.key
    else:
        first = left = _operand(left)
    if right.__class__ is Expression:
        second = right._key or right.key
    else:
        second = right = _operand(right)
    return Expression(op, (left, right), (op, first, second))


# ---------------------------------------------------------------------- running rules
class tracing:  # noqa: N801  (a context, entered for every result: without a generator that takes half the time)
    """Within this, index sets give symbols where a rule iterates over them, and ``sum`` knows what to do with those."""

    __slots__ = ("_outside",)

    def __enter__(self) -> None:
        _LOCK.acquire()
        self._outside = builtins.sum
        builtins.sum = _symbolic_sum

    def __exit__(self, *_: object) -> None:
        builtins.sum = self._outside
        _LOCK.release()


Traced = tuple[Any, tuple[Any, ...]]
"""What a rule returns for symbolic indices, and the components that it reads, in the order of their numbers."""


def traced(rule: Any, block: Any, sets: tuple[IndexSet, ...]) -> Traced:
    """What a rule returns for symbolic indices, and the components that it reads; within :func:`tracing` alone.

    The symbols of the indices have the numbers 0, 1, … in the order of the labels. Raises NotTraceableError, or
    whatever the rule does where it meets a symbol in place of a number.
    """
    state = TRACING
    count = 0
    for index_set in sets:
        count += index_set.dimen
    read: dict[Any, int] = {}
    state.active, state.symbols, state.open, state.read = True, count, [], read
    try:
        found = rule(block, *(_FIRST_SYMBOLS[:count] if count <= len(_FIRST_SYMBOLS) else _symbols(0, count)))
        if state.open:
            raise NotTraceableError("a rule may go through an index set only within a sum")
        return found, (*read,)
    finally:
        state.active, state.read = False, {}  # what is read outside is not of this rule


def new_symbols(count: int) -> tuple[Expression, ...]:
    """Symbols that are not in use yet."""
    first = TRACING.symbols
    TRACING.symbols = end = first + count
    return _FIRST_SYMBOLS[first:end] if end <= len(_FIRST_SYMBOLS) else _symbols(first, end)


def _symbols(first: int, end: int) -> tuple[Expression, ...]:
    return tuple(Expression(SYMBOL, number, (SYMBOL, number)) for number in range(first, end))


_FIRST_SYMBOLS = _symbols(0, 32)
"""The same in every rule: a symbol is no more than its number."""
_FIRST_KEYS = tuple(symbol.key for symbol in _FIRST_SYMBOLS)


def opened(index_set: IndexSet) -> Iterator[Any]:
    """What iterating over an index set gives while a rule is traced: one symbol (or one tuple of them)."""
    symbols = new_symbols(index_set.dimen)
    TRACING.open.append((index_set, symbols))
    yield symbols[0] if len(symbols) == 1 else symbols


def _symbolic_sum(iterable: Iterable[Any], /, start: Any = 0) -> Any:
    if not (TRACING.active and isinstance(iterable, GeneratorType)):
        return _SUM(iterable, start)
    outside = len(TRACING.open)
    body = next(iterable, _DONE)
    bound = TRACING.open[outside:]
    if not bound:  # over plain numbers
        return start if body is _DONE else _SUM(iterable, start + body)
    if body is _DONE or next(iterable, _DONE) is not _DONE:
        raise NotTraceableError("a sum goes over index sets alone")
    del TRACING.open[outside:]
    body = _operand(body)
    sets, symbols = [index_set.key for index_set, _ in bound], [symbol.args for _, own in bound for symbol in own]
    return _sum_of(start, Expression(SUM, (tuple(bound), body), (SUM, *sets, *symbols, key_of(body))))
