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

    def holding(self, axis: Axis, path: str, value: Any) -> Iterator[dict[str, Any]]:
        """The points at which a path of an axis has a value."""
        column = axis.paths.index(path)
        choices = [
            [i for i, row in enumerate(other.rows) if other is not axis or key_of(row[column]) == key_of(value)]
            for other in self.axes
        ]
        for positions in itertools.product(*choices):
            yield self.point(int(np.ravel_multi_index(positions, self.shape)))


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


def faults(found: Variations, raw: RawScenario, accept: Callable[[RawScenario], object]) -> list[Problem]:
    """Every path that leads nowhere, or to what another one sets, and every value that no point can have.

    ``accept`` raises InputError for a scenario that is refused. A value that is refused alone may still be in order
    together with others, so that some points that hold it are tried before it is refused.
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
    points = Variations(tuple(sound))
    for axis in sound:
        for column, path in enumerate(axis.paths):
            for value in {key_of(row[column]): row[column] for row in axis.rows}.values():
                problems += _refusal(points, axis, path, value, raw, accept)
    return list(dict.fromkeys(problems))


def _refusal(
    found: Variations, axis: Axis, path: str, value: Any, raw: RawScenario, accept: Callable[[RawScenario], object]
) -> list[Problem]:
    """Why no point can hold a value; empty if one can."""
    first: list[Problem] = []
    for values in itertools.chain([{path: value}], itertools.islice(found.holding(axis, path, value), _TRIED_POINTS)):
        try:
            accept(with_values(raw, values))
        except InputError as error:
            first = first or error.problems
        else:
            return []
    theirs = [problem for problem in first if problem.file == "--set"]
    if theirs:
        return [replace(problem, file=axis.origin) for problem in theirs]
    told = "; ".join(str(problem) for problem in first[:3])
    return [Problem(path, f"with {shown(value)} the scenario is refused: {told}", file=axis.origin)]


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
