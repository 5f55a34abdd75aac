"""Numbers of a scenario of which there might be more, and the scenario with more or less of one of them.

Components say which of their numbers these are (:attr:`optimizer.component.Component.expandable`), so that a new kind
takes part by itself; any other number can be named by its path, as for ``--set``. A data column,
``data.SOURCE.COLUMN``, changes wherever a series refers to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from optimizer.component import Expandable
from optimizer.errors import InputError, Problem, did_you_mean
from optimizer.loading import context_of
from optimizer.moved_numbers import held_in, moved, scaled
from optimizer.parts import Parts, place, place_by_names
from optimizer.quantities import Series
from optimizer.rebasing import rebased, references
from optimizer.scenario import Scenario
from optimizer.scenario_file import value_at, with_values
from optimizer.sweeps.points import Groundwork, taken_apart, versions
from optimizer.sweeps.reading import Reader

PATH = "--path"
"""Where a path is given, for messages."""
SMALL = 1e-3
"""Share of a step by which a number moves for a local value."""
_COLUMN = re.compile(r"data\.([^.\[\]]+)\.(.+)")


@dataclass(frozen=True)
class Lever:
    """A number of the scenario and the step by which it can move."""

    label: str
    """Of the component or the site; empty for a path given by hand."""
    path: str
    """Place in the scenario, by names: ``sites.odessa.grid.import_limit_mw``."""
    what: Expandable

    @property
    def title(self) -> str:
        """``odessa: limit of the grid connection``."""
        return f"{self.label}: {self.what.words}" if self.label else self.what.words


def levers_of(scenario: Scenario) -> list[Lever]:
    """All numbers that the scenario's sites and components call expandable, where they are given a value."""
    parts: Parts = place(scenario)[0]
    found = []
    for part in (*parts.sites.values(), *parts.components.values()):
        if part.bundle is not None:
            continue  # a tariff is as it is written
        for field, what in part.component.expandable.items():
            if held_in(part.component, field) is not None:
                found.append(Lever(part.label, f"{place_by_names(scenario, part.path)}.{field}", what))
    return found


def prices_of(scenario: Scenario) -> list[tuple[str, str, str]]:
    """Label, path and words of all prices at which components say that they earn."""
    parts: Parts = place(scenario)[0]
    return [
        (part.label, f"{place_by_names(scenario, part.path)}.{field}", words)
        for part in parts.components.values()
        if part.bundle is None
        for field, words in part.component.earns_at.items()
        if held_in(part.component, field) is not None
    ]


def lever_at(scenario: Scenario, path: str, by: float) -> Lever:
    """The number at a path, to be moved by ``by`` of its unit; what a component says of it is kept."""
    for lever in levers_of(scenario):
        if path == lever.path:
            return replace(lever, what=replace(lever.what, step=by))
    return Lever("", path, Expandable(path, "unit", by))


class Variants:
    """A scenario with other numbers at paths; data files are read once."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._raw, folder, tables = taken_apart(scenario)
        self._reader = Reader(Groundwork(self._raw, folder, tables, {}, {}, versions()))
        self._folder = folder

    def more(self, path: str, by: float) -> Scenario:
        """The scenario with ``by`` more at a path; hours where a time stands there.

        Raises InputError for a path at which no number stands, and for a scenario that is refused.
        """
        column = _COLUMN.fullmatch(path)
        if column is not None:
            return self._with_column((column[1], column[2]), path, by)
        try:
            raw = with_values(self._raw, {path: self._moved(path, by)})
        except InputError as error:
            raise InputError([replace(problem, file=PATH) for problem in error.problems]) from None
        return self._accepted(raw, path)

    def scaled(self, path: str, factor: float) -> Scenario:
        """The scenario with the number or the series at a path scaled. Raises InputError as :meth:`more`."""
        value = value_at(self._raw, path)
        value = self._default(path) if value is ... else value
        written = scaled(value, factor)
        if written is None:
            raise InputError([Problem(path, "holds no number that could be scaled", value=value, file=PATH)])
        return self._accepted(with_values(self._raw, {path: written}), path)

    def mean_of(self, path: str) -> float:
        """Mean over time and members of the number or the series at a path."""
        held = self._held(path)
        return float(held.values.mean()) if isinstance(held, Series) else float(held)

    def with_values(self, values: Mapping[str, Any]) -> Scenario:
        """The scenario with plain values at paths, as of ``--set``. Raises InputError as :meth:`more`."""
        return self._reader.scenario(with_values(self._raw, values))

    def moves_in_whole(self, path: str) -> bool:
        """Whether only whole numbers can stand at a path."""
        return not _COLUMN.fullmatch(path) and type(self._held(path)) is int

    def _accepted(self, raw: Any, path: str) -> Scenario:
        try:
            return self._reader.scenario(raw)
        except InputError as error:
            told = "; ".join(str(problem) for problem in error.problems[:3])
            raise InputError([Problem(path, f"so moved, the scenario is refused: {told}", file=PATH)]) from None

    def _with_column(self, column: tuple[str, str], path: str, by: float) -> Scenario:
        known = references(self.scenario)
        if column not in known:
            names = [f"data.{source}.{name}" for source, name in known]
            message = "no series of the scenario refers to this column"
            raise InputError([Problem(path, message, hint=did_you_mean(path, names), file=PATH)])
        sources = context_of(self._raw.data, self._folder, self._reader.tables).sources
        assert sources is not None
        return rebased(self.scenario, columns={column: sources.column(*column) + by})

    def _moved(self, path: str, by: float) -> Any:
        """What is to stand at a path."""
        value = value_at(self._raw, path)
        if value is ...:
            value = self._default(path)
        if isinstance(value, bool) or value is None:
            raise InputError([Problem(path, value=value, allowed="a number, a time or a series", file=PATH)])
        written = moved(value, by, self.scenario.horizon.zone)
        if written is not None:
            return written
        raise InputError([Problem(path, "holds no number that could be moved", value=value, file=PATH)])

    def _default(self, path: str) -> Any:
        """What a field says that the file leaves out. Raises InputError where there is no such field, or no limit."""
        held = self._held(path)
        if held is None:
            hint = "give it a value first; without one there is no limit"
            raise InputError([Problem(path, "is not given, so that there is nothing to move", hint=hint, file=PATH)])
        return float(held.values[0, 0]) if isinstance(held, Series) else held

    def _held(self, path: str) -> Any:
        """What the scenario itself holds at a path. Raises InputError where it has no such field."""
        owner: Any = self.scenario
        keys = re.findall(r"[^.\[\]]+", path)
        for position, key in enumerate(keys):
            if isinstance(owner, tuple | list):
                owner = owner[int(key)] if key.isdigit() else next(item for item in owner if item.name == key)
                continue
            known = type(owner).model_fields if isinstance(owner, BaseModel) else {}
            names = {field.alias or name: name for name, field in known.items()}
            if key not in names:
                hint = did_you_mean(key, names) or (f"fields: {', '.join(names)}" if names else None)
                where = ".".join(keys[:position]) or "the scenario"
                raise InputError([Problem(path, f"{where} has no '{key}'", hint=hint, file=PATH)])
            owner = getattr(owner, names[key])
        return owner
