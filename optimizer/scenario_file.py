"""Scenario files as plain data with line numbers: reading, overrides by path, and where in the file an error is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from optimizer.errors import InputError, PathKey, Problem, did_you_mean, path_text
from optimizer.yaml_reader import copied, parse_yaml

_LARGEST_BYTES = 16 * 1024**2
_OVERRIDE = "--set"
_OVERRIDDEN = 0  # stands for a line: the value is not from the file
_SCALINGS = ("scale", "add")
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_SEGMENT = re.compile(r"([^.\[\]]+)((?:\[\d{1,9}\])*)(?:\.|$)")


@dataclass(frozen=True)
class RawScenario:
    """A scenario file as it stands: plain dicts, lists, text and numbers, not yet judged by the schema."""

    data: dict[str, Any]
    lines: dict[PathKey, int] = field(default_factory=dict, repr=False)
    """Line (from 1) of keys and list items; an item on its list's own line may be left out."""
    path: Path | None = None
    """The file; None if the text came from elsewhere."""
    taken: dict[str | int, RawScenario] = field(default_factory=dict, repr=False)
    """Sections that were taken from other files, and these files."""

    @property
    def folder(self) -> Path:
        """Folder against which the scenario's data files are meant."""
        return self.path.parent if self.path is not None else Path()

    def line_of(self, place: Sequence[str | int]) -> int | None:
        """Line of a place, or of the nearest thing around it; None for what an override has set."""
        return self._nearest_line(place) or None

    def _nearest_line(self, place: Sequence[str | int]) -> int | None:
        enclosing = (tuple(place[:length]) for length in range(len(place), 0, -1))
        return next((self.lines[outer] for outer in enclosing if outer in self.lines), None)

    def locate(self, location: Sequence[str | int]) -> tuple[PathKey, object]:
        """Place in the file, and the value there (`...` if none), of an error location of the schema.

        Parts of `location` that are not in the data (the schema's names of union members) are left out; a last part
        that is not there is kept, since it is a key that is missing.
        """
        place: PathKey = ()
        value: object = self.data
        for number, part in enumerate(location):
            is_item = isinstance(value, list) and isinstance(part, int) and part < len(value)
            if is_item or (isinstance(value, dict) and part in value):
                place, value = (*place, part), value[part]  # type: ignore[index]
            elif number == len(location) - 1 and isinstance(value, dict):
                return (*place, part), ...
        return place, value

    def problem(self, place: Sequence[str | int], message: str = "", **details: Any) -> Problem:
        """A problem at a place of this file; `details` are further fields of `Problem`."""
        line = self._nearest_line(place)
        if line == _OVERRIDDEN:
            return Problem(path_text(place), message, file=_OVERRIDE, **details)
        if place and place[0] in self.taken:
            return self.taken[place[0]].problem(place, message, **details)
        name = self.path.name if self.path is not None else None
        return Problem(path_text(place), message, file=name, line=line, **details)


def read_scenario_file(path: str | Path) -> RawScenario:
    """Read a YAML or JSON file; InputError if it is missing, too large, not UTF-8 or not well formed."""
    path = Path(path)
    try:
        with path.open("rb") as file:  # one byte more than allowed tells that there is too much, also from a pipe
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        beside = path.parent.iterdir() if path.parent.is_dir() else iter(())
        hint = did_you_mean(path.name, (other.name for other in beside if other.is_file()))
        raise InputError([Problem("", "the file is not there", hint=hint, file=str(path))]) from None
    except IsADirectoryError:
        raise InputError([Problem("", "is a folder, not a scenario file", file=str(path))]) from None
    except OSError as error:
        raise InputError([Problem("", f"cannot be read: {error.strerror}", file=str(path))]) from error
    if len(content) > _LARGEST_BYTES:
        allowed = f"at most {_LARGEST_BYTES // 1024**2} MiB; long series belong into data files"
        raise InputError([Problem("", "the scenario file is too large", allowed=allowed, file=path.name)])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError([Problem("", "is not UTF-8 text", file=path.name, line=line)]) from error
    return parse_scenario(text, path)


def parse_scenario(text: str, path: Path | None = None) -> RawScenario:
    """Read the text of a scenario file; InputError if it is not well formed or no mapping."""
    name = path.name if path is not None else None
    if path is not None and path.suffix.lower() == ".json":
        text = _SURROGATES.sub(_joined, text)  # JSON writes one character as two escapes, YAML knows them as one
    data, lines = parse_yaml(text, name)
    if not isinstance(data, dict):
        what = "the file is empty" if data is None else "a scenario file must be a mapping of keys to values"
        raise InputError([Problem("", what, file=name)])
    return RawScenario(data, lines, path)


def take_section(raw: RawScenario, section: str, path: Path) -> RawScenario:
    """The scenario with a section of another file. Raises InputError if that file has none, or the scenario has its
    own."""
    other = read_scenario_file(path)
    if section not in other.data:
        hint = f"a plan writes {section}.yaml into its results folder"
        raise InputError([Problem("", f"has no section '{section}'", hint=hint, file=path.name)])
    if section in raw.data:
        hint = f"take it out, or leave {path.name} away"
        raise InputError([raw.problem((section,), f"is also given by {path.name}", hint=hint)])
    return replace(raw, data=raw.data | {section: other.data[section]}, taken=raw.taken | {section: other})


def _joined(match: re.Match[str]) -> str:
    pair = bytes.fromhex(match[2] + match[3]).decode("utf-16-be")
    return f"{match[1]}\\U{ord(pair):08x}"


def apply_overrides(raw: RawScenario, overrides: Iterable[str]) -> RawScenario:
    """A copy of the scenario with values set by `path=value`, the value written as in YAML; see :func:`with_values`.

    Raises InputError with every override whose path leads nowhere or whose value is not well formed.
    """
    values: list[tuple[str, Any]] = []
    problems: list[Problem] = []
    for override in overrides:
        try:
            values.append(_read_override(override))
        except InputError as error:
            problems += error.problems
    return _with_values(raw, values, problems)


def with_values(raw: RawScenario, values: Mapping[str, Any]) -> RawScenario:
    """A copy of the scenario with plain values set at paths.

    A path goes by index (`sites[0].assets[2].machines`) or by name (`sites.odessa.assets.s21.machines`). Keys that a
    mapping lacks are created, and the schema judges them afterwards. `scale` or `add` behind the path of a series that
    has none makes it a scaled one, and behind a number changes that number. Raises InputError with every path that
    leads nowhere.
    """
    return _with_values(raw, values.items(), [])


def _with_values(raw: RawScenario, values: Iterable[tuple[str, Any]], problems: list[Problem]) -> RawScenario:
    changed = replace(raw, data=copied(raw.data), lines=dict(raw.lines))
    for path, value in values:
        try:
            place = _put(changed.data, path, value)
        except InputError as error:
            problems += error.problems
            continue
        for inner in [other for other in changed.lines if other[: len(place)] == place]:
            del changed.lines[inner]
        changed.lines[place] = _OVERRIDDEN
    if problems:
        raise InputError(problems)
    return changed


def data_with(raw: RawScenario, values: Mapping[str, Any]) -> dict[str, Any]:
    """The data of :func:`with_values` alone; whatever is not on the way to a path is the very object of ``raw``.

    Raises InputError for the first path that leads nowhere.
    """
    data = dict(raw.data)
    for path, value in values.items():
        _put(data, path, value)
    return data


def value_at(raw: RawScenario, path: str) -> Any:
    """The plain value that stands at a path; ``...`` where mappings lack its last keys.

    Raises InputError for a path that leads nowhere.
    """
    steps = _steps(path)
    if not steps:
        raise _refused(path, "is no path", hint="write it as sites.NAME.grid.import_limit_mw")
    owner: Any = raw.data
    place: PathKey = ()
    for step in steps:
        owner = {} if owner is ... else owner
        key = _key(owner, step, place, path)
        owner = owner.get(key, ...) if isinstance(owner, dict) else owner[key]
        place = (*place, key)
    return owner


def _read_override(override: str) -> tuple[str, Any]:
    path, is_assigned, text = override.partition("=")
    path = path.strip()
    if not is_assigned or not _steps(path):
        raise _refused(path or override, f"cannot read the override '{override}'", hint="write it as path=value")
    try:
        return path, parse_yaml(text)[0]
    except InputError as error:
        raise _refused(path, f"the value {error.problems[0].message or 'cannot be read'}", value=text) from error


def _put(data: dict[str, Any], path: str, value: Any) -> PathKey:
    """Set a value in the data, whose mappings and lists on the way to it are replaced by copies; returns its place."""
    steps = _steps(path)
    if not steps:
        raise _refused(path, "is no path", hint="write it as sites.NAME.grid.import_limit_mw")
    owner: Any = data
    place: PathKey = ()
    for depth, step in enumerate(steps):
        key = _key(owner, step, place, path)
        rest = steps[depth + 1 :]
        if not rest:
            owner[key] = value
        elif len(rest) == 1 and rest[0] in _SCALINGS and _is_series_without(key, owner):
            owner[key] = _scaled(owner[key], str(rest[0]), value, path)
            rest = []
        else:
            if isinstance(owner, dict):
                owner.setdefault(key, {})
            if isinstance(owner[key], dict | list):
                owner[key] = owner[key].copy()
        owner, place = owner[key], (*place, key)
        if not rest:
            break
    return place


def _is_series_without(key: str | int, owner: Any) -> bool:
    """Whether a series, or a number, stands there that is not scaled yet."""
    value = owner.get(key) if isinstance(owner, dict) else owner[key]
    if isinstance(value, list):
        return not any(isinstance(item, dict) for item in value)
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _scaled(value: Any, how: str, by: Any, path: str) -> Any:
    if isinstance(value, str | list):
        return {"series": value, how: by}
    if not isinstance(by, int | float) or isinstance(by, bool):
        raise _refused(path, value=by, allowed="a number")
    try:
        result = value * by if how == "scale" else value + by
    except OverflowError:  # an integer beyond the range of a float
        raise _refused(path, value=value, allowed="a finite number") from None
    is_count = isinstance(value, int) and math.isfinite(result) and math.isclose(result, round(result), rel_tol=1e-12)
    return round(result) if is_count else result


def _steps(path: str) -> list[str | int]:
    """`sites[0].name` as `["sites", 0, "name"]`; empty if it is no path."""
    steps: list[str | int] = []
    at = 0
    while match := _SEGMENT.match(path, at):
        steps += [match[1], *(int(index) for index in re.findall(r"\d+", match[2]))]
        at = match.end()
    return steps if at == len(path) and not path.endswith(".") else []


def _key(owner: Any, step: str | int, place: PathKey, path: str) -> str | int:
    """Key or index by which one step of a path goes on from `owner`."""
    where = path_text(place) or "the file"
    if isinstance(owner, dict):
        if isinstance(step, str):
            return step
        raise _refused(path, f"{where} is not a list, so [{step}] leads nowhere")
    if not isinstance(owner, list):
        raise _refused(
            path, f"{where} holds a single value, so '{step}' leads nowhere", hint=did_you_mean(str(step), _SCALINGS)
        )
    if isinstance(step, int):
        if step < len(owner):
            return step
        raise _refused(
            path, f"{where} has no entry [{step}]", hint=f"entries are counted from 0 and there are {len(owner)}"
        )
    names = [item.get("name") if isinstance(item, dict) else None for item in owner]
    if step in names:
        return names.index(step)
    known = [name for name in names if isinstance(name, str)]
    hint = did_you_mean(step, known or _SCALINGS) or f"names: {', '.join(known) or 'none'}"
    raise _refused(path, f"{where} has no entry named '{step}'", hint=hint)


def _refused(path: str, message: str = "", **details: Any) -> InputError:
    return InputError([Problem(path, message, file=_OVERRIDE, **details)])
