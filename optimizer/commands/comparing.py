"""Commands that set one plan against another: compare, changes. What a command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optimizer.commands.app import app
from optimizer.terminal import stdout


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Results folder, or scenario file (which is solved).")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Results folder or scenario file set against it.")],
    why: Annotated[
        bool,
        typer.Option("--why", help="Attribute the money to the changes of the input: one solve per changed piece."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Page to write (ends in .html), or a folder for page, tables and JSON."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print exactly the comparison, as JSON, on stdout.")] = False,
) -> None:
    """What changed between two plans or scenarios: in the input, in the schedule, in the money, and why.

    Exit code 4: a scenario was solved for it and stopped before its plan was optimal.
    """
    from optimizer.commands.compare import run_compare

    with stdout():
        code = run_compare(a, b, why=why, out=out, as_json=as_json)
    if code:
        raise typer.Exit(code)


@app.command()
def changes(
    result: Annotated[Path, typer.Argument(help="Results folder of a plan made with the section previous_plan.")],
    price: Annotated[
        bool, typer.Option("--price", help="Solve once more without the previous plan: what staying near it costs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print exactly the changes, as JSON, on stdout.")] = False,
) -> None:
    """How a plan differs from the one before it, hour by hour."""
    from optimizer.commands.compare import run_changes

    with stdout():
        run_changes(result, price=price, as_json=as_json)
