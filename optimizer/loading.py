"""From a file, or a dictionary, to a checked scenario: all errors at once, each with its place in the file."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from optimizer.errors import InputError, Problem
from optimizer.frame import Part
from optimizer.horizon import Horizon
from optimizer.parts import finding_path, place
from optimizer.quantities import LoadContext
from optimizer.scenario import Ensemble, Scenario
from optimizer.scenario_file import RawScenario, apply_overrides, read_scenario_file
from optimizer.series import DataSource, SourceReader
from optimizer.validation import genuine_errors, problems_of
from optimizer.yaml_reader import copied

log = logging.getLogger(__name__)


def load(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read and check a scenario file (YAML or JSON); ``overrides`` are ``path=value`` as of ``--set``.

    Raises :class:`~optimizer.errors.InputError` with every problem found, each with its place and line in the file.
    """
    started = time.perf_counter()
    raw = read_scenario_file(path)
    if overrides:
        raw = apply_overrides(raw, overrides)
    scenario = _checked(raw)
    scenario._file = Path(path)
    scenario._read_s = time.perf_counter() - started
    return scenario


def scenario_from_dict(data: Mapping[str, Any], folder: str | Path = ".") -> Scenario:
    """Check a scenario given as plain dictionaries, with the keys of the file; data files are found from ``folder``."""
    started = time.perf_counter()
    scenario = _checked(RawScenario(copied(dict(data)), path=None), Path(folder))
    scenario._read_s = time.perf_counter() - started
    return scenario


def _checked(raw: RawScenario, folder: Path | None = None) -> Scenario:
    context = _context(raw.data, folder or raw.folder)
    problems: list[Problem] = []
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(raw.data, context=context)
    except ValidationError as error:
        problems = problems_of(error, raw)
        scenario = _without_refused_components(error, raw.data, context)
    if scenario is not None:
        refused, warnings = _cross_checked(scenario, raw, partial=bool(problems))
        problems += refused
        scenario._warnings = tuple(warnings)
    if scenario is None or problems:
        raise InputError(sorted(problems, key=lambda p: (p.line is None, p.line or 0)))
    for warning in scenario.warnings:
        log.warning("%s", warning)
    return scenario


def _context(data: Mapping[str, Any], folder: Path) -> LoadContext:
    """Horizon, ensemble and data sources, as far as they are valid; their errors are reported with all others."""
    horizon = _valid(Horizon, data.get("horizon"))
    ensemble = _valid(Ensemble, data.get("ensemble", {}))
    members = None if ensemble is None else ensemble.members
    sections = data.get("data", {})
    if horizon is None or not isinstance(sections, dict):
        return LoadContext(horizon, members, None)
    sources = {name: source for name, value in sections.items() if (source := _valid(DataSource, value)) is not None}
    if len(sources) < len(sections):
        return LoadContext(horizon, members, None)
    return LoadContext(horizon, members, SourceReader(sources, folder, horizon, members))


def _valid(model: Any, value: object) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _without_refused_components(error: ValidationError, data: dict[str, Any], context: LoadContext) -> Scenario | None:
    """The scenario less the components that were refused, so that the others are cross-checked in the same run."""
    rest = copied(data)
    refused: dict[tuple[str | int, ...], set[int]] = {}
    for found in genuine_errors(error):
        place = found["loc"]
        if place[0] in ("contracts", "workloads") and len(place) >= 2:
            refused.setdefault((place[0],), set()).add(int(place[1]))
        elif place[:1] == ("sites",) and len(place) >= 4 and isinstance(place[3], int):
            refused.setdefault(tuple(place[:3]), set()).add(int(place[3]))
        else:
            return None
    for section, positions in refused.items():
        entries: Any = rest
        for step in section:
            entries = entries[step]
        for position in sorted(positions, reverse=True):
            del entries[position]
    try:
        scenario = Scenario.model_validate(rest, context=context)
    except ValidationError:
        return None
    scenario._warnings = ()
    return scenario


def _cross_checked(scenario: Scenario, raw: RawScenario, *, partial: bool) -> tuple[list[Problem], list[Problem]]:
    """What is wrong between components (fatal), and what is odd (warnings).

    With ``partial``, components are missing because they were refused: positions are looked up by name, and what could
    only be missing because of that is not reported.
    """
    parts, findings = place(scenario)
    for part in parts.components.values():
        if not _all_hosts_found(part):
            continue  # what else it would find only follows from that
        findings += [(part.path, finding) for finding in part.component.check(part.frame)]
    if not partial:
        for part in parts.sites.values():
            findings += [(part.path, finding) for finding in part.component.check(part.frame)]
    fatal: list[Problem] = []
    warnings: list[Problem] = []
    references = {part.path: part.component.refers_to for part in parts.components.values()}
    for base, finding in findings:
        if partial and finding.field in references.get(base, ()) and finding.value in _names(raw.data):
            continue
        original = _original_place(scenario, base, raw.data) if partial else base
        path = finding_path(original, finding.field)
        problem = raw.problem(
            path,
            finding.message,
            value=... if finding.value is None else finding.value,
            allowed=finding.allowed,
            hint=finding.hint,
        )
        (fatal if finding.fatal else warnings).append(problem)
    return fatal, warnings


def _all_hosts_found(part: Part) -> bool:
    for field in part.component.refers_to:
        value = getattr(part.component, field)
        names = [] if value is None else [value] if isinstance(value, str) else list(value)
        if len(part.hosts.get(field, ())) < len(names):
            return False
    return True


def _names(data: object) -> set[str]:
    """Every ``name`` in the file, refused components included."""
    if isinstance(data, dict):
        own = {data["name"]} if isinstance(data.get("name"), str) else set()
        return own.union(*(_names(value) for value in data.values()))
    return set().union(*(_names(value) for value in data)) if isinstance(data, list) else set()


def _original_place(scenario: Scenario, base: tuple[str | int, ...], data: Any) -> tuple[str | int, ...]:
    """Place in the file as written of a component of the reduced scenario: the entry with its name."""
    component: Any = scenario
    for step in base:
        component = component[step] if isinstance(step, int) else getattr(component, step)
    entries = data
    for step in base[:-1]:
        entries = entries[step]
    for position, entry in enumerate(entries):
        if isinstance(entry, dict) and entry.get("name") == component.name:
            return (*base[:-1], position)
    return base
