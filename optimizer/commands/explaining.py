"""``explain``: why each component does what it does at a time. What the command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optimizer.commands.app import app
from optimizer.terminal import stdout


@app.command()
def explain(
    result: Annotated[Path, typer.Argument(help="Results folder of `optimizer run`.")],
    at: Annotated[str, typer.Option("--at", help="Time, local where it names no zone: 2024-08-20T17:00.")],
    component: Annotated[
        list[str] | None,
        typer.Option("--component", "-c", help="Only this component (or site); may be given several times."),
    ] = None,
    member: Annotated[int, typer.Option("--member", help="Member of the ensemble.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reasons as JSON on stdout.")] = False,
) -> None:
    """Why each component does what it does at a time: its power, its margin, and the limit that holds it."""
    from optimizer.commands.explain import run_explain

    with stdout():
        run_explain(result, at, components=component or (), member=member, as_json=as_json)
