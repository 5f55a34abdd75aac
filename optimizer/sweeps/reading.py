"""Plain data become checked scenarios, many of one file: what is the same in all of them is read and checked once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from optimizer.data_files import Tables
from optimizer.errors import InputError
from optimizer.load_context import LoadContext
from optimizer.loading import checked, context_of, findings_between
from optimizer.scenario import Scenario
from optimizer.scenario_file import RawScenario, data_with, with_values
from optimizer.series import SourceReader
from optimizer.site import Site

if TYPE_CHECKING:
    from optimizer.sweeps.points import Groundwork

READ_WITH = ("horizon", "ensemble", "data", "previous_plan")
"""Sections that say how the others are read, or that stand for files."""


class Reader:
    """Makes checked scenarios of plain data, reading each data file and aligning each column once."""

    def __init__(self, ground: Groundwork) -> None:
        self._raw = ground.raw
        self._folder = ground.folder
        self._tables = dict(ground.tables)
        self._contexts: dict[str, LoadContext] = {}
        self._known: Scenario | None = None

    def scenario(self, raw: RawScenario) -> Scenario:
        """The checked scenario. Raises InputError with all that is wrong with it."""
        return checked(raw, self._folder, self._context(raw))

    def at(self, values: Mapping[str, Any], *, is_accepted: bool = False) -> Scenario:
        """The checked scenario of the groundwork with plain values at paths, without its warnings.

        As :meth:`scenario` of :func:`~optimizer.scenario_file.with_values`: components without a changed value are
        those that have been checked before, all others are checked, and so is what they have to do with each other.
        With ``is_accepted`` this has been done elsewhere, and what components have to do with each other is not
        checked again. Raises InputError with all that is wrong.
        """
        return self._at_once(values, is_accepted) or self.scenario(with_values(self._raw, values))

    @property
    def tables(self) -> dict[Path, Tables]:
        """All data files read so far, by path."""
        for context in self._contexts.values():
            if isinstance(context.sources, SourceReader):
                self._tables.update(context.sources.tables)
        return self._tables

    def _at_once(self, values: Mapping[str, Any], is_accepted: bool) -> Scenario | None:
        """The scenario by what is known of the groundwork's; None where that does not serve, or something is wrong."""
        try:
            data = data_with(self._raw, values)
            known = self._known = self._known or self.scenario(self._raw)
            if any(data.get(name) is not self._raw.data.get(name) for name in READ_WITH):
                return None
            taken = _taken_over(data, self._raw.data, known)
            found: Scenario = Scenario.model_validate(taken, context=self._context(self._raw))
        except (InputError, ValidationError):  # told where all of it is read anew
            return None
        if not is_accepted and any(finding.fatal for _, finding in findings_between(found)[1]):
            return None
        found._folder = self._folder
        return found

    def _context(self, raw: RawScenario) -> LoadContext:
        sections = [raw.data.get(name) for name in ("horizon", "ensemble", "data")]
        key = json.dumps(sections, sort_keys=True, default=str)
        if key not in self._contexts:
            self._contexts[key] = context_of(raw.data, self._folder, self.tables)
        return self._contexts[key]


def _taken_over(data: Any, before: Any, known: Any) -> Any:
    """Plain data with what is ``known``, and was made of the data ``before``, wherever these are the same object.

    Pydantic takes an object of the right type as it is. Only scenarios and sites are looked into: any other object is
    either the same or read anew as a whole, by all of its own rules.
    """
    if data is before:
        held = known if isinstance(known, tuple) else known.values() if isinstance(known, dict) else (known,)
        return known if all(isinstance(one, BaseModel) for one in held) else data
    if isinstance(known, Scenario | Site) and isinstance(data, dict) and isinstance(before, dict):
        return {key: _taken_over(value, before.get(key, ...), getattr(known, key, None)) for key, value in data.items()}
    if isinstance(known, tuple) and isinstance(data, list) and isinstance(before, list):
        return [_taken_over(*items) for items in itertools.zip_longest(data, before, known)][: len(data)]
    return data
