"""Data of a rule before they are known: what will be looked up in parameters, and the arithmetic done to it.

A rule is read once and its data are filled in again and again. What depends on no datum is an array at once; the rest
is a :class:`Datum`, which becomes an array when the parameters' data are given.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Datum:
    """What a function makes of the data of all parameters of a rule, by their numbers."""

    __slots__ = ("look_up",)
    __array_ufunc__ = None  # an array leaves the operation to the datum

    def __init__(self, look_up: Callable[[Sequence[Any]], Any]) -> None:
        self.look_up = look_up

    def __add__(self, other: Any) -> Datum:
        return self if _is(other, 0) else _of(operator.add, self, other)

    def __radd__(self, other: Any) -> Datum:
        return self if _is(other, 0) else _of(operator.add, other, self)

    def __sub__(self, other: Any) -> Datum:
        return self if _is(other, 0) else _of(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Datum:
        return _of(operator.sub, other, self)

    def __mul__(self, other: Any) -> Datum:
        return self if _is(other, 1) else _of(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Datum:
        return self if _is(other, 1) else _of(operator.mul, other, self)

    def __rtruediv__(self, other: Any) -> Datum:
        return _of(operator.truediv, other, self)


def item_of(number: int, places: Sequence[Any]) -> Datum:
    """Items of a parameter at (broadcastable) places; whole numbers stay whole, as labels may be made of them."""
    at = tuple(places)

    def look_up(data: Sequence[Any]) -> Any:
        found = data[number][at]
        return found if found.dtype.kind == "f" else found.astype(np.int64)

    return Datum(look_up)


def summed(datum: Datum, mask: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Datum:
    """Sum over axes of what a mask leaves of a datum; ``shape`` is that of the axes that are summed over."""

    def look_up(data: Sequence[Any]) -> Any:
        weighted = np.asarray(datum.look_up(data) * mask)
        spread = np.broadcast_to(weighted, np.broadcast_shapes(weighted.shape, shape))
        return spread.sum(axis=axes, keepdims=True)

    return Datum(look_up)


def _of(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Datum:
    if right.__class__ is not Datum:
        first = left.look_up
        return Datum(lambda data: operation(first(data), right))
    second = right.look_up
    if left.__class__ is not Datum:
        return Datum(lambda data: operation(left, second(data)))
    first = left.look_up
    return Datum(lambda data: operation(first(data), second(data)))


def _is(value: Any, number: int) -> bool:
    return value.__class__ in (int, float) and value == number
