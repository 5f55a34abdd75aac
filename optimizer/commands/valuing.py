"""``value``: what the next megawatt is worth, and prices at which the plan would change. What the command needs is
imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optimizer.commands.app import app
from optimizer.terminal import stdout


@app.command()
def value(
    file: Annotated[Path, typer.Argument(help="Scenario file (YAML or JSON).")],
    path: Annotated[
        list[str] | None,
        typer.Option("--path", help="Number to move, in place of all that are expandable; data.SOURCE.COLUMN too."),
    ] = None,
    by: Annotated[
        list[float] | None, typer.Option("--by", help="Step of each --path, in its unit (hours where it is a time).")
    ] = None,
    reoptimise: Annotated[
        int, typer.Option("--reoptimise", min=0, help="How many are also solved again with a step more and less.")
    ] = 5,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Also a day more for deadlines, lower service levels, a warmer day.")
    ] = False,
    break_even: Annotated[bool, typer.Option("--break-even", help="Also break-even prices over the horizon.")] = False,
    flips: Annotated[
        list[str] | None,
        typer.Option("--flips", help="Also the prices of power at which things would change at this time."),
    ] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="path=value: change the scenario.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the tables (CSV) and value.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON on stdout.")] = False,
) -> None:
    """What more of the grid, of contracts, cooling, nodes, storage … is worth, and who would use it.

    Exit code 4: a solve stopped at a limit before the gap asked for, so that an interval is wider.
    """
    from optimizer.commands.value import Asked, run_value

    asked = Asked(tuple(path or ()), tuple(by or ()), reoptimise, what_if, break_even, tuple(flips or ()))
    with stdout():
        code = run_value(file, asked, overrides=overrides or (), out=out, as_json=as_json)
    if code:
        raise typer.Exit(code)
