"""What an audit has found: of each rule the worst violation, and money as it was recomputed.

A plan of two days is checked against some hundred rules of a few dozen numbers each, so numpy's cost per call is nearly
all that an audit costs. What is stated is therefore copied to a buffer, and judged a buffer at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
BUFFER = 32_768
"""Numbers that are judged at a time."""


@dataclass(frozen=True)
class Violation:
    """Size of the worst violation of one rule; relative to the size of the quantities compared (at least 1)."""

    where: str
    rule: str
    relative: float
    absolute: float


class Findings:
    """What the audit has checked so far."""

    def __init__(self) -> None:
        self.checks = 0
        self.money: dict[tuple[str, str], Floats] = {}
        """Recomputed money by (component, line), each (members,) or (members, steps)."""
        self._limits, self._sizes = _Buffer(_of_limits), _Buffer(_of_sizes)
        self._found: list[tuple[int, Violation]] = []

    def add(self, where: str, rule: str, excess: ArrayLike, scale: ArrayLike) -> None:
        """Note how far a rule is violated: ``excess`` above zero, in units of ``scale``, which may be broadcast."""
        above = np.asarray(excess, dtype=float)
        self._take(self._sizes, where, rule, above, np.asarray(scale, dtype=float), above.shape)

    def limit(self, where: str, rule: str, left: ArrayLike, right: ArrayLike) -> None:
        """Note how far ``left <= right`` is violated, in units of the limit; inf is no limit."""
        ours, theirs = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
        same = ours.shape == theirs.shape or not theirs.ndim
        self._take(
            self._limits,
            where,
            rule,
            ours,
            theirs,
            ours.shape if same else np.broadcast_shapes(ours.shape, theirs.shape),
        )

    @property
    def worst(self) -> list[Violation]:
        """The worst violation of each rule that is violated, in the order in which they were checked."""
        for buffer in (self._limits, self._sizes):
            self._found += buffer.judged()
        self._found.sort(key=lambda found: found[0])
        return [violation for _, violation in self._found]

    @property
    def largest(self) -> Violation | None:
        return max(self.worst, key=lambda v: np.inf if np.isnan(v.relative) else v.relative, default=None)

    def _take(self, buffer: _Buffer, where: str, rule: str, one: Floats, other: Floats, shape: tuple[int, ...]) -> None:
        self.checks += 1
        size = math.prod(shape)
        if size > buffer.room:
            self._found += buffer.judged()
        if size:
            buffer.take((self.checks, where, rule), one, other, shape, size)


class _Buffer:
    """Pairs of numbers of several rules, one after the other."""

    def __init__(self, judge: Any) -> None:
        """``judge`` gives excess and scale of pairs."""
        self._judge = judge
        self._pairs = np.empty((2, BUFFER))
        self._names: list[tuple[int, str, str]] = []
        self._starts: list[int] = []
        self._end = 0

    @property
    def room(self) -> int:
        return self._pairs.shape[1] - self._end

    def take(self, name: tuple[int, str, str], one: Floats, other: Floats, shape: tuple[int, ...], size: int) -> None:
        """A copy, as what is given may be gone on with."""
        if size > self.room:  # a rule of more numbers than the buffer has
            self._pairs = np.empty((2, size))
        start, self._end = self._end, self._end + size
        for target, given in zip(self._pairs, (one, other), strict=True):
            target[start : self._end].reshape(shape)[...] = given
        self._names.append(name)
        self._starts.append(start)

    def judged(self) -> list[tuple[int, Violation]]:
        """Violations of what was taken, with their numbers; nothing is left."""
        if not self._names:
            return []
        excess, scale = self._judge(*self._pairs[:, : self._end])
        relative = excess / np.maximum(1.0, np.abs(scale))
        seen = np.where(np.isnan(relative), np.inf, relative)
        found = []
        ends = [*self._starts[1:], self._end]
        for place in np.flatnonzero(np.maximum.reduceat(seen, self._starts) > 0.0).tolist():
            number, where, rule = self._names[place]
            worst = self._starts[place] + int(np.argmax(seen[self._starts[place] : ends[place]]))
            found.append((number, Violation(where, rule, float(relative[worst]), float(excess[worst]))))
        self._names, self._starts, self._end = [], [], 0
        return found


def _of_limits(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    unlimited = np.isposinf(right)
    excess = np.where(unlimited, -np.inf, left - np.where(unlimited, 0.0, right))
    return excess, np.where(np.isinf(right), 0.0, right)


def _of_sizes(excess: Floats, scale: Floats) -> tuple[Floats, Floats]:
    return excess, scale
