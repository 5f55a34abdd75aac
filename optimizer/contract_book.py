"""The contracts of a scenario alone, over the steps of a metered load: all that a bill needs.

Assets, cooling, workloads and the house load are left out before anything is checked: a scenario whose machines do not
fit the months that are billed, or that has no machines at all, can be billed. In the place of the machines stands the
metered load, as the load of the site.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from optimizer.contract import Contract
from optimizer.errors import InputError, Problem
from optimizer.horizon import Horizon, step_length, zone
from optimizer.load_reading import Powers
from optimizer.loading import context_of, cross_checked, log, read_raw
from optimizer.metered_load import MeteredLoad
from optimizer.parts import Parts, place
from optimizer.quantities import Series
from optimizer.scenario import Scenario
from optimizer.scenario_file import RawScenario, apply_overrides, take_section
from optimizer.validation import problems_of
from optimizer.yaml_reader import copied

Contracts = Scenario | str | Path | Mapping[str, Any] | Iterable[Contract | Mapping[str, Any]]
OF_A_SITE = ("assets", "cooling", "workloads", "house_load_mw")
OF_A_SCENARIO = ("workloads", "previous_plan", "risk", "solver")
OPEN_CONNECTION = {"import_limit_mw": 1e6, "export_limit_mw": 1e6}
"""Connection of the site of plain contracts, MW: whatever was metered has come through it."""


@dataclass(frozen=True)
class ContractBook:
    """Contracts in their places, and what was metered and scheduled under them."""

    scenario: Scenario
    parts: Parts
    metered: Powers
    schedules: Powers


def read_book(
    contracts: Contracts,
    load: MeteredLoad,
    *,
    timezone: str | None = None,
    overrides: Sequence[str] = (),
    carry: str | Path | None = None,
) -> ContractBook:
    """Contracts and load, checked against each other. Raises InputError with all that is wrong with the contracts, or
    else with the load."""
    if timezone is not None and isinstance(contracts, Scenario | str | Path | Mapping):
        raise InputError([Problem("timezone", "is that of the scenario's horizon", value=timezone)])
    if isinstance(contracts, Scenario):
        known = contracts.horizon
        steps = load.horizon(known.timezone, known.step)
        if not overrides and carry is None and _are_the_same(steps, known):
            # checked before, with its series at hand
            others = _names_left_out(contracts.model_dump(include={"sites", "workloads"}))
            return _with_load(_without_machines(contracts), load, others)
    raw, folder = _raw(contracts, load, timezone, overrides, carry)
    return _checked(raw, folder, load)


# ---------------------------------------------------------------------- what is billed, as a scenario
def _raw(
    contracts: Contracts,
    load: MeteredLoad,
    timezone: str | None,
    overrides: Sequence[str],
    carry: str | Path | None,
) -> tuple[RawScenario, Path]:
    if isinstance(contracts, str | Path):
        raw = read_raw(contracts, overrides, carry)
        return raw, raw.folder
    folder = Path()
    if isinstance(contracts, Scenario):
        document = contracts.model_dump(mode="json", by_alias=True, exclude_unset=True)
        raw, folder = RawScenario(document, path=contracts._file), contracts._folder
    elif isinstance(contracts, Mapping):
        raw = RawScenario(copied(dict(contracts)))
    else:
        raw = RawScenario(_of_contracts(contracts, load, timezone))
    if carry is not None:
        raw = take_section(raw, "carry", Path(carry))
    return (apply_overrides(raw, overrides) if overrides else raw), folder


def _of_contracts(
    contracts: Iterable[Contract | Mapping[str, Any]], load: MeteredLoad, timezone: str | None
) -> dict[str, Any]:
    """Contracts of one site as a scenario; members are those of the load, equally likely."""
    entries = [
        contract.model_dump(mode="json", by_alias=True, exclude_none=True)
        if isinstance(contract, Contract)
        else copied(dict(contract))
        for contract in contracts
    ]
    return {
        "format": 1,
        "name": "contracts",
        "horizon": {"timezone": timezone or load.timezone or "UTC"},
        "ensemble": {"members": load.members or 1},
        "sites": [{"name": "site", "grid": dict(OPEN_CONNECTION), "contracts": entries}],
    }


def _reduced(raw: RawScenario, load: MeteredLoad) -> tuple[RawScenario, set[str]]:
    """The scenario without its machines, over the steps of the load, and the names of what was left out; positions of
    contracts stay as they are."""
    data = {key: value for key, value in raw.data.items() if key not in OF_A_SCENARIO}
    if isinstance(data.get("sites"), list):
        data["sites"] = [
            {key: value for key, value in site.items() if key not in OF_A_SITE} if isinstance(site, dict) else site
            for site in data["sites"]
        ]
    given = data.get("horizon")
    given = given if isinstance(given, dict) else {}
    steps = _steps(load, given.get("timezone"), given.get("step"))
    data["horizon"] = given | {"start": steps.start, "steps": steps.steps, "step": steps.step}
    return replace(raw, data=data), _names_left_out(raw.data)


def _steps(load: MeteredLoad, timezone: object, step: object) -> Horizon:
    """Steps of the load; a time zone or step that is none is told where the scenario is checked."""
    try:
        name = zone(str(timezone)).key
    except ValueError:
        name = "UTC"
    try:
        step_length(str(step))
    except ValueError:
        step = "1h"
    return load.horizon(name, str(step))


def _are_the_same(one: Horizon, other: Horizon) -> bool:
    return (one.start_utc, one.steps, one.step_length) == (other.start_utc, other.steps, other.step_length)


def _without_machines(scenario: Scenario) -> Scenario:
    emptied = {"assets": (), "cooling": (), "workloads": ()}
    sites = tuple(site.model_copy(update=emptied) for site in scenario.sites)
    return scenario.model_copy(update={"sites": sites, "workloads": (), "previous_plan": None})


# ---------------------------------------------------------------------- checks
def _checked(raw: RawScenario, folder: Path, load: MeteredLoad) -> ContractBook:
    raw, others = _reduced(raw, load)
    try:
        scenario = Scenario.model_validate(raw.data, context=context_of(raw.data, folder))
    except ValidationError as error:
        raise InputError(problems_of(error, raw)) from None
    book = _with_load(scenario, load, others)
    refused, warnings = cross_checked(book.scenario, raw, contracts_only=True)
    if refused:
        raise InputError(sorted(refused, key=lambda p: (p.line is None, p.line or 0)))
    for warning in warnings:
        log.warning("%s", warning)
    return book


def _with_load(scenario: Scenario, load: MeteredLoad, others: Collection[str]) -> ContractBook:
    """The scenario with the metered import as the load of its sites, and the states of its contracts alone.

    ``others`` are names of components that were left out.
    """
    parts, _ = place(scenario)
    metered, schedules = load.powers(parts, scenario.horizon, scenario.members)
    sites = tuple(
        site.model_copy(update={"house_load_mw": Series("load", metered[site.name, "import_mw"].copy())})
        for site in scenario.sites
    )
    update: dict[str, Any] = {"sites": sites}
    if scenario.carry is not None:
        states = {_label(label, parts): value for label, value in scenario.carry.components.items()}
        kept = {label: value for label, value in states.items() if label in parts.components or label not in others}
        update["carry"] = scenario.carry.model_copy(update={"components": kept})
    scenario = scenario.model_copy(update=update)
    return ContractBook(scenario, place(scenario)[0], metered, schedules)


def _label(label: str, parts: Parts) -> str:
    """The label of a contract that a plan calls ``site.name``, because one of its machines has the same name."""
    if label in parts.components:
        return label
    named = (own for own, part in parts.components.items() if label == f"{part.site}.{part.component.name}")
    return next(named, label)


def _names_left_out(data: Mapping[str, Any]) -> set[str]:
    """Names by which the components that are left out of a scenario may be called, plain and with their site."""
    sites = [site for site in _listed(data, "sites") if isinstance(site, dict)]
    at_sites = [
        (site.get("name"), entry) for site in sites for section in OF_A_SITE for entry in _listed(site, section)
    ]
    entries = [*at_sites, *((None, entry) for entry in _listed(data, "workloads"))]
    named = [(site, entry.get("name")) for site, entry in entries if isinstance(entry, dict)]
    return {str(name) for _, name in named} | {f"{site}.{name}" for site, name in named}


def _listed(data: Mapping[str, Any], section: str) -> Sequence[Any]:
    """Entries of a section; none where the file has no list there."""
    entries = data.get(section)
    return entries if isinstance(entries, list | tuple) else ()
