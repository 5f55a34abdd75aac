"""Commands about one scenario: run, bill, validate, schema, new. What a command needs is imported when it runs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.commands.app import app
from optimizer.errors import InfeasibleError, InputError, Problem, WithoutPlanError
from optimizer.terminal import complain, say, stdout, told

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from optimizer.scenario import Scenario

EXIT_STOPPED_WITH_PLAN = 4


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="Scenario file (YAML or JSON).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Results folder; default results/<file stem>.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="path=value: change the scenario, e.g. --set sites.odessa.grid.import_limit_mw=80."),
    ] = None,
    carry: Annotated[
        Path | None,
        typer.Option(
            "--carry", help="carry.yaml of the run that ended where this one starts: peaks, volumes and hours."
        ),
    ] = None,
    explain: Annotated[
        bool | None,
        typer.Option(
            "--explain/--no-explain",
            help="Work out why each component does what it does, for `optimizer explain`; by default for all but the "
            "largest plans.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print exactly the summary, as JSON, on stdout.")] = False,
) -> None:
    """Solve one scenario file and write its results folder."""
    from optimizer.console import live_progress, print_plan
    from optimizer.loading import load
    from optimizer.plan_files import OutputFolder, write
    from optimizer.problem import build
    from optimizer.results import FORMAT

    scenario = load(file, overrides or (), carry)
    with OutputFolder(out if out is not None else Path("results") / file.stem) as output:
        try:
            with live_progress() as progress:
                plan = build(scenario).solve(progress, explain=explain)
        except WithoutPlanError as error:
            if as_json:
                without = {"format": FORMAT, "name": scenario.name, "status": error.status, "reason": str(error)}
                say(json.dumps(without | error.details, indent=2))
            raise
        write(plan, output)
    _print(plan, output.folder, as_json, print_plan)
    if plan.status != "optimal":
        raise typer.Exit(EXIT_STOPPED_WITH_PLAN)


def _print(plan: Plan, folder: Path, as_json: bool, print_plan: Any) -> None:
    if as_json:
        say(json.dumps(plan.summary, indent=2, allow_nan=False))
    else:
        with stdout():
            print_plan(plan, folder)


@app.command()
def bill(
    file: Annotated[Path, typer.Argument(help="Scenario file; its contracts alone are checked and billed.")],
    load: Annotated[
        Path,
        typer.Option(
            "--load",
            help="Metered load in MW, CSV or Parquet: time_utc, import_mw and, if there are any, export_mw and "
            "schedules such as ppa.delivered_mw (with several sites SITE.import_mw). The meter.csv of a plan is one.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="CSV file for the lines of the bill.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="path=value: change the scenario.")] = None,
    carry: Annotated[
        Path | None, typer.Option("--carry", help="carry.yaml of the run that ended where the load starts.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the bill as JSON on stdout.")] = False,
) -> None:
    """Bill a metered load under a scenario's contracts, month by month, without optimising anything.

    The horizon is that of the load. Energy whose supply the load does not say goes to the cheapest contract first.
    """
    from optimizer.billing import bill as billed
    from optimizer.console import print_bill

    if out is not None and any(path.resolve() == out.resolve() for path in (file, load, carry) if path is not None):
        raise InputError([Problem("", "the bill would be written over what it is made from", file=str(out))])
    found = billed(file, load, overrides=overrides or (), carry=carry)
    if out is not None:
        found.to_csv(out)
    if as_json:
        say(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    else:
        with stdout():
            print_bill(found, out)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Scenario files.")],
    has_plan: Annotated[
        bool,
        typer.Option(
            "--has-plan", help="Also look whether any plan keeps all rules, and tell what conflicts if none does."
        ),
    ] = False,
) -> None:
    """Check scenario files without solving them; says what was checked."""
    from optimizer.loading import load
    from optimizer.parts import place

    refused = without_plan = False
    for file in files:
        try:
            scenario = load(file)
        except InputError as error:
            refused = True
            complain(told(error))
            continue
        try:
            any_plan = _told_of_plan(scenario) if has_plan else ""
        except WithoutPlanError as error:
            without_plan = True
            complain(f"{file}: {told(error)}")
            continue
        parts, _ = place(scenario)
        horizon = scenario.horizon
        say(
            f"{file}: valid. {scenario.name}: {horizon.steps} steps of {horizon.step} from "
            f"{horizon.local[0].isoformat(timespec='minutes')} ({horizon.timezone}), {scenario.members} member(s), "
            f"{len(scenario.sites)} site(s), {len(parts.components)} components, {len(scenario.data)} data file(s). "
            "Checked: keys, types, units and ranges, names and references, series against the horizon, components "
            f"against each other{any_plan}."
        )
    if refused or without_plan:
        raise typer.Exit(InputError.exit_code if refused else InfeasibleError.exit_code)


def _told_of_plan(scenario: Scenario) -> str:
    """What to say of a scenario that has a plan; raises InfeasibleError for one that has none."""
    from optimizer.infeasibility import check_for_plan

    return "; there is a plan" if check_for_plan(scenario) else "; whether there is a plan was not found out in time"


@app.command()
def schema() -> None:
    """Print the JSON Schema of the scenario file (for editors)."""
    from optimizer.scenario import Scenario

    say(json.dumps(Scenario.model_json_schema(by_alias=True), indent=2))


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make; must not hold a scenario yet.")],
) -> None:
    """Make a commented starter scenario with generated data, ready to run."""
    from optimizer.starter import write_starter

    scenario = write_starter(folder)
    say(f"Made {scenario}. Run it with: optimizer run {shlex.quote(str(scenario))}")
