"""What a sweep varies: values of paths, as a grid, as a table, or both; checked before anything is solved."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.errors import InputError, PathKey, Problem, shown
from optimizer.scenario_file import RawScenario, with_values
from optimizer.sweeps.values import MOST_POINTS, VARY, Axis, key_of, read_table, read_values

if TYPE_CHECKING:
    import pandas as pd

_TRIED_POINTS = 20


@dataclass(frozen=True)
class Variations:
    """All points of a sweep, numbered with the last dimension running fastest."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return tuple(len(axis.rows) for axis in self.axes)

    def __len__(self) -> int:
        return math.prod(self.shape)

    def point(self, number: int) -> dict[str, Any]:
        """Values by path of a point, those of series before what scales them."""
        positions = np.unravel_index(number, self.shape)
        pairs = [
            pair
            for axis, position in zip(self.axes, positions, strict=True)
            for pair in zip(axis.paths, axis.rows[position], strict=True)
        ]
        return dict(sorted(pairs, key=lambda pair: is_scaling(pair[0])))

    def holding(self, axis: Axis, path: str, value: Any) -> Iterator[int]:
        """Numbers of the points at which a path of an axis has a value."""
        choices = [axis.positions(path, value) if other is axis else range(len(other.rows)) for other in self.axes]
        for positions in itertools.product(*choices):
            yield int(np.ravel_multi_index(positions, self.shape))


def variations(
    vary: Mapping[str, Any] | Sequence[str] | None = None, table: pd.DataFrame | str | Path | None = None
) -> tuple[Variations, list[Problem]]:
    """What is to be varied, and what is wrong with how that is written.

    ``vary`` holds values by path, or texts ``path=values``; ``table`` has a column per path, and its rows are a
    dimension of their own. A text of values is a list with commas, of values as in YAML, of ``start:stop:step`` (with
    the stop, where a step falls on it) and of ``start:stop:nN`` (N values at equal distances).
    """
    problems: list[Problem] = []
    axes = [] if table is None else read_table(table, problems)
    pairs = vary.items() if isinstance(vary, Mapping) else [_split(text, problems) for text in vary or ()]
    for path, values in pairs:
        if path:
            axes.append(Axis(path, (path,), tuple((v,) for v in read_values(path, values, problems))))
    seen: set[str] = set()
    for axis in axes:
        problems += [Problem(path, "is varied twice", file=axis.origin) for path in axis.paths if path in seen]
        seen.update(axis.paths)
    found = Variations(tuple(axes))
    if not axes and not problems:
        problems.append(Problem(VARY, "nothing is varied", hint="write it as path=value,value,…"))
    if len(found) > MOST_POINTS:
        problems.append(Problem(VARY, f"makes {len(found):,} points", allowed=f"at most {MOST_POINTS:,}"))
    return found, problems


def _split(text: str, problems: list[Problem]) -> tuple[str, str]:
    path, is_assigned, values = text.partition("=")
    if not is_assigned or not path.strip():
        problems.append(Problem(text, "cannot be read", hint="write it as path=value,value,…", file=VARY))
        return "", ""
    return path.strip(), values


def faults(
    found: Variations, raw: RawScenario, accept: Callable[[Mapping[str, Any]], object]
) -> tuple[list[Problem], set[int]]:
    """Every path that leads nowhere, or to what another one sets, and every value that no point can have; and numbers
    of points that have been accepted on the way, as far as there are no problems.

    ``accept`` raises InputError for values by path with which the scenario is refused. Values are tried in points that
    hold them, since two may only be in order together; what is in order in one of them is not refused.
    """
    problems: list[Problem] = []
    places: list[tuple[PathKey, str]] = []
    sound = []
    for axis in (axis for axis in found.axes if axis.rows):
        before = len(problems)
        for path, value in zip(axis.paths, axis.rows[0], strict=True):
            try:
                changed = with_values(raw, {path: value})
            except InputError as error:
                problems += [replace(problem, file=axis.origin) for problem in error.problems]
                continue
            place = next(place for place, line in changed.lines.items() if line != raw.lines.get(place))
            problems += _overlaps(path, place, places, axis.origin)
            places.append((place, path))
        if len(problems) == before:
            sound.append(axis)
    trial = _Trial(Variations(tuple(sound)), accept)
    for axis in sound:
        for path in axis.paths:
            for value in axis.values(path):
                problems += trial.refusal(axis, path, value)
    return list(dict.fromkeys(problems)), trial.accepted


class _Trial:
    """Tries points of a sweep until every value is known to be in order, or not to be."""

    def __init__(self, found: Variations, accept: Callable[[Mapping[str, Any]], object]) -> None:
        self.accepted: set[int] = set()
        """Numbers of points that were accepted."""
        self._found, self._accept = found, accept
        self._in_order: set[tuple[str, str]] = set()

    def refusal(self, axis: Axis, path: str, value: Any) -> list[Problem]:
        """Why no point can hold a value; empty if one can."""
        if (path, key_of(value)) in self._in_order:
            return []
        for number in itertools.islice(self._found.holding(axis, path, value), _TRIED_POINTS):
            point = self._found.point(number)
            if not self._refused(point):
                self.accepted.add(number)
                self._in_order.update((path, key_of(value)) for path, value in point.items())
                return []
        told = self._refused({path: value})
        theirs = [problem for problem in told if problem.file == "--set"]
        if theirs:
            return [replace(problem, file=axis.origin) for problem in theirs]
        if not told:
            return []
        words = "; ".join(str(problem) for problem in told[:3])
        return [Problem(path, f"with {shown(value)} the scenario is refused: {words}", file=axis.origin)]

    def _refused(self, values: Mapping[str, Any]) -> list[Problem]:
        try:
            self._accept(values)
        except InputError as error:
            return error.problems
        return []


def _overlaps(path: str, place: PathKey, others: list[tuple[PathKey, str]], origin: str) -> Iterator[Problem]:
    """Paths that set the same thing, or one that holds the other (a series and its scale are no such case)."""
    for other_place, other in others:
        short = min(len(place), len(other_place))
        is_series = place == other_place and (is_scaling(path) or is_scaling(other))
        if place[:short] == other_place[:short] and not is_series and path != other:
            yield Problem(path, f"sets what '{other}' sets too", hint="vary one of them", file=origin)


def is_scaling(path: str) -> bool:
    """Whether a path scales a series or adds to it."""
    return path.endswith((".scale", ".add"))
