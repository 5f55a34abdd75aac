"""The plan before this one: read from its results folder, or taken from the plan itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from optimizer.contract import Contract
from optimizer.discovery import kinds
from optimizer.errors import InputError, Problem, did_you_mean, path_text
from optimizer.load_context import LoadContext
from optimizer.parts import place
from optimizer.schedule import FORMAT
from optimizer.stability.settings import DECIMALS, PlannedPower, PreviousPlan

if TYPE_CHECKING:
    import xarray as xr

    from optimizer.plan import Plan
    from optimizer.scenario import Scenario
    from optimizer.scenario_file import RawScenario

SECTION = "previous_plan"
DISPATCH = "dispatch.nc"
NEEDED = ("power_mw", "probability", "component_kind")


def planned_power(folder: Path) -> PlannedPower:
    """The expected schedule of the plan in a results folder. Raises InputError for one that holds none."""
    import xarray as xr

    path = folder / DISPATCH
    if not path.is_file():
        near = None
        if not folder.is_dir() and folder.parent.is_dir():
            near = did_you_mean(folder.name, (other.name for other in folder.parent.iterdir() if other.is_dir()))
        what = f"is no results folder: it has no {DISPATCH}" if folder.is_dir() else "there is no such folder"
        raise InputError([Problem("", what, allowed="the results folder of a plan", hint=near, file=str(folder))])
    try:
        with xr.open_dataset(path, engine="h5netcdf") as stored:
            dispatch = stored.load()
    except (OSError, ValueError, KeyError) as error:
        raise InputError([Problem("", f"cannot be read: {error}", allowed="a NetCDF file", file=str(path))]) from error
    if dispatch.attrs.get("format") != FORMAT or any(name not in dispatch.variables for name in NEEDED):
        raise InputError([Problem("", "holds no dispatch of a plan", allowed="that of this version", file=str(path))])
    return power_in(dispatch)


def power_in(dispatch: xr.Dataset) -> PlannedPower:
    """Power of each component in a dispatch, expected over its members: with one decision for all members, that one."""
    times = dispatch["time"].to_numpy()
    power_mw = dispatch["power_mw"].transpose("member", "time", "component").to_numpy()
    expected = np.tensordot(dispatch["probability"].to_numpy(), power_mw, axes=1)
    contracts = {kind.model_fields["kind"].default for kind in kinds(Contract)}  # they deliver power and draw none
    labels, of_kind = dispatch["component"].to_numpy(), dispatch["component_kind"].to_numpy()
    return PlannedPower(
        start=f"{np.datetime_as_string(times[0], unit='s')}Z",
        step=f"{round(float(dispatch.attrs['step_h']) * 60)}min",
        power_mw={
            str(label): tuple(np.round(expected[:, number], DECIMALS).tolist())
            for number, (label, kind) in enumerate(zip(labels, of_kind, strict=True))
            if kind not in contracts
        },
    )


def taken_in(raw: RawScenario, folder: Path) -> tuple[RawScenario, list[Problem]]:
    """The scenario with the schedule in place of the results folder that its section ``previous_plan`` names.

    So a scenario that was read depends on no folder any more, and what a plan writes back can be run elsewhere. Where
    the folder cannot be read, the section is left out and the problem told.
    """
    section = raw.data.get(SECTION)
    if not isinstance(section, dict) or not isinstance(section.get("results"), str) or "schedule" in section:
        return raw, []
    rest = {name: value for name, value in section.items() if name != "results"}
    try:
        rest["schedule"] = planned_power(folder / section["results"]).model_dump(mode="json")
    except InputError as error:
        told = [f"{problem.file}: {problem.message}" for problem in error.problems]
        details = {"allowed": error.problems[0].allowed, "hint": error.problems[0].hint}
        problem = raw.problem((SECTION, "results"), "; ".join(told), **details)
        return replace(raw, data={name: value for name, value in raw.data.items() if name != SECTION}), [problem]
    return replace(raw, data=raw.data | {SECTION: rest}), []


def previous_plan(scenario: Scenario, plan: Plan | str | Path, **section: Any) -> Scenario:
    """The scenario, to be planned near an earlier plan (or that of a results folder).

    ``section`` holds the other fields of the scenario's section ``previous_plan``, as in ``cost_per_mwh=2.0``, with
    ``from_`` for ``from``. Raises InputError for fields that are wrong and for a plan that has no component or no time
    in common with the scenario.
    """
    power = planned_power(Path(plan)) if isinstance(plan, str | Path) else power_in(plan.dispatch)
    try:
        context = LoadContext(scenario.horizon, scenario.members)
        found = PreviousPlan.model_validate({"schedule": power.model_dump()} | section, context=context)
    except ValidationError as error:
        raise InputError([_problem(details) for details in error.errors()]) from error
    problems, warnings = findings_as_problems(scenario.model_copy(update={SECTION: found}))
    if problems:
        raise InputError(problems)
    near = scenario.model_copy(update={SECTION: found})
    near._warnings = (*scenario.warnings, *warnings)
    return near


def _problem(details: Any) -> Problem:
    path = path_text((SECTION, *details["loc"]))
    return Problem(path, details["msg"].removeprefix("Value error, "), value=details["input"])


def without_previous_plan(scenario: Scenario) -> Scenario:
    """The scenario without any regard to an earlier plan."""
    return scenario.model_copy(update={SECTION: None})


def findings_as_problems(scenario: Scenario) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with the section of a scenario that was not read from a file, and what is told."""
    assert scenario.previous_plan is not None
    found = list(scenario.previous_plan.findings(place(scenario)[0].components, scenario.horizon))
    told = [
        (
            Problem(
                f"{SECTION}.{finding.field}".rstrip("."),
                finding.message,
                value=... if finding.value is None else finding.value,
                allowed=finding.allowed,
                hint=finding.hint,
            ),
            finding.fatal,
        )
        for finding in found
    ]
    return [problem for problem, fatal in told if fatal], [problem for problem, fatal in told if not fatal]
