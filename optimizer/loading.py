"""From a file, or a dictionary, to a checked scenario: all errors at once, each with its place in the file."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from optimizer.component import Finding
from optimizer.contract import Contract
from optimizer.data_files import Tables
from optimizer.data_frames import with_frames
from optimizer.errors import InputError, Problem
from optimizer.horizon import Horizon
from optimizer.load_context import LoadContext
from optimizer.parts import Parts, finding_path, place
from optimizer.parts import Path as Place
from optimizer.scenario import Ensemble, Scenario
from optimizer.scenario_file import RawScenario, apply_overrides, read_scenario_file, take_section
from optimizer.series import DataSource, SourceReader
from optimizer.stability.given import taken_in
from optimizer.validation import genuine_errors, problems_of
from optimizer.yaml_reader import copied

if TYPE_CHECKING:
    from optimizer.data_frames import Frame

log = logging.getLogger(__name__)


def load(
    path: str | Path,
    overrides: Sequence[str] = (),
    carry: str | Path | None = None,
    *,
    frames: Mapping[str, Frame] | None = None,
) -> Scenario:
    """Read and check a scenario file (YAML or JSON); ``overrides`` are ``path=value`` as of ``--set``.

    ``carry`` is a file with the section ``carry`` of the run that ended where this one starts (``carry.yaml`` of its
    results folder). ``frames`` are pandas or xarray objects by the name of the data source whose file they stand in for
    (:func:`optimizer.data_frames.with_frames`). Raises :class:`~optimizer.errors.InputError` with every problem found,
    each with its place and line in the file.
    """
    started = time.perf_counter()
    scenario = _with_warnings_told(_checked_with(read_raw(path, overrides, carry), None, frames))
    scenario._file = Path(path)
    scenario._read_s = time.perf_counter() - started
    return scenario


def scenario_from_dict(
    data: Mapping[str, Any], folder: str | Path = ".", *, frames: Mapping[str, Frame] | None = None
) -> Scenario:
    """Check a scenario given as plain dictionaries, with the keys of the file; data files are found from ``folder``.

    A series may be a numpy array, a pandas Series or an xarray DataArray: with times, the values at the steps of the
    horizon are taken. ``frames`` are those of :func:`load`.
    """
    started = time.perf_counter()
    scenario = _with_warnings_told(_checked_with(RawScenario(copied(dict(data)), path=None), Path(folder), frames))
    scenario._read_s = time.perf_counter() - started
    return scenario


def _checked_with(raw: RawScenario, folder: Path | None, frames: Mapping[str, Frame] | None) -> Scenario:
    if not frames:
        return checked(raw, folder)
    folder = folder or raw.folder
    raw, tables = with_frames(raw, frames, folder)
    return checked(raw, folder, context_of(raw.data, folder, tables))


def read_raw(path: str | Path, overrides: Sequence[str] = (), carry: str | Path | None = None) -> RawScenario:
    """A scenario file as plain data, with the carry of an earlier run and the overrides taken in."""
    raw = read_scenario_file(path)
    if carry is not None:
        raw = take_section(raw, "carry", Path(carry))
    return apply_overrides(raw, overrides) if overrides else raw


def checked(raw: RawScenario, folder: Path | None = None, context: LoadContext | None = None) -> Scenario:
    """A scenario of plain data; ``context`` is that of its horizon, ensemble and data where it is known already.

    Raises InputError with every problem found. What is odd stands in the scenario's warnings and is not logged.
    """
    folder = folder or raw.folder
    context = context or context_of(raw.data, folder)
    raw, unreadable = taken_in(raw, folder)
    problems: list[Problem] = []
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(raw.data, context=context)
    except ValidationError as error:
        problems = problems_of(error, raw)
        scenario = _without_refused_components(error, raw.data, context)
    if scenario is not None:
        refused, warnings = cross_checked(scenario, raw, partial=bool(problems))
        problems += refused
        scenario._warnings = tuple(warnings)
        scenario._folder = folder
    problems += unreadable
    if scenario is None or problems:
        raise InputError(sorted(problems, key=lambda p: (p.line is None, p.line or 0)))
    return scenario


def _with_warnings_told(scenario: Scenario) -> Scenario:
    for warning in scenario.warnings:
        log.warning("%s", warning)
    return scenario


def context_of(data: Mapping[str, Any], folder: Path, tables: Mapping[Path, Tables] | None = None) -> LoadContext:
    """Horizon, ensemble and data sources, as far as they are valid; their errors are reported with all others.

    ``tables`` are those of data files that have been read already, by path.
    """
    horizon = _valid(Horizon, data.get("horizon"))
    ensemble = _valid(Ensemble, data.get("ensemble", {}))
    members = None if ensemble is None else ensemble.members
    sections = data.get("data", {})
    if horizon is None or not isinstance(sections, dict):
        return LoadContext(horizon, members, None)
    sources = {name: source for name, value in sections.items() if (source := _valid(DataSource, value)) is not None}
    if len(sources) < len(sections):
        return LoadContext(horizon, members, None)
    return LoadContext(horizon, members, SourceReader(sources, folder, horizon, members, tables))


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


def cross_checked(
    scenario: Scenario, raw: RawScenario, *, partial: bool = False, contracts_only: bool = False
) -> tuple[list[Problem], list[Problem]]:
    """What is wrong between components (fatal), and what is odd (warnings).

    With ``partial``, components are missing because they were refused: positions are looked up by name, and what could
    only be missing because of that is not reported. With ``contracts_only``, all else has been left out on purpose:
    sites need not be able to run, and what contracts refer to beside contracts may be missing.
    """
    parts, findings = findings_between(scenario, alone=partial or contracts_only)
    references = {part.path: part.component.refers_to for part in parts.components.values()}
    fatal: list[Problem] = []
    warnings: list[Problem] = []
    members = {part.path: part.label for part in parts.components.values() if part.bundle is not None}
    for base, finding in findings:
        if contracts_only and references.get(base, {}).get(finding.field, Contract.offers) != Contract.offers:
            continue
        if partial and finding.field in references.get(base, ()) and _may_be_refused(finding.value, raw.data):
            continue
        original = _original_place(scenario, base, raw.data) if partial else base
        path = finding_path(original, finding.field)
        is_in_file = base not in members or raw.locate(original)[0] == original
        problem = raw.problem(
            path,
            finding.message if is_in_file else f"{members[base]}: {finding.message}",
            value=... if finding.value is None else finding.value,
            allowed=finding.allowed,
            hint=finding.hint,
        )
        (fatal if finding.fatal else warnings).append(problem)
    return fatal, warnings


def findings_between(scenario: Scenario, *, alone: bool = False) -> tuple[Parts, list[tuple[Place, Finding]]]:
    """What components, and all of them together, find wrong or odd, with the place of each component; ``alone`` leaves
    out what only the whole can be asked."""
    parts, findings = place(scenario)
    references = {part.path: part.component.refers_to for part in parts.components.values()}
    unresolved = {base for base, finding in findings if finding.field in references.get(base, ())}
    for part in parts.components.values():
        if part.path in unresolved:
            continue  # what else it would find only follows from that
        findings += [(part.path, finding) for finding in part.component.check(part.frame)]
    if not alone:
        for part in parts.sites.values():
            findings += [(part.path, finding) for finding in part.component.check(part.frame)]
        if scenario.previous_plan is not None:
            told = scenario.previous_plan.findings(parts.components, scenario.horizon)
            findings += [(("previous_plan",), finding) for finding in told]
    return parts, findings


def _may_be_refused(name: object, data: object) -> bool:
    """Whether a name that was not found may be that of a refused component, or of a refused bundle's member."""
    return any(name == known or str(name).startswith(f"{known}-") for known in _names(data))


def _names(data: object) -> set[str]:
    """Every ``name`` in the file, refused components included."""
    if isinstance(data, dict):
        own = {data["name"]} if isinstance(data.get("name"), str) else set()
        return own.union(*(_names(value) for value in data.values()))
    return set().union(*(_names(value) for value in data)) if isinstance(data, list) else set()


def _original_place(scenario: Scenario, base: tuple[str | int, ...], data: Any) -> tuple[str | int, ...]:
    """Place in the file as written of a component of the reduced scenario: the entry with its name."""
    component: Any = scenario
    place: tuple[str | int, ...] = ()
    for step in base:
        component = component[step] if isinstance(step, int) else getattr(component, step)
        if isinstance(step, int) and isinstance(data, list):
            names = [entry.get("name") if isinstance(entry, dict) else None for entry in data]
            step = names.index(component.name) if component.name in names else step
            data = data[step]
        else:  # the members of a bundle that was read from a file are not in the scenario file
            data = data.get(step) if isinstance(data, dict) else None
        place = (*place, step)
    return place
