"""The command line's frame: options that hold for all commands."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from optimizer import __version__
from optimizer.terminal import StderrHandler

log = logging.getLogger("optimizer")

_ORDER = (
    "run",
    "explain",
    "value",
    "compare",
    "changes",
    "bill",
    "sweep",
    "risk",
    "backtest",
    "validate",
    "new",
    "schema",
)
"""Commands as a newcomer meets them; others come after."""


class _InOrder(TyperGroup):
    """Lists the commands in that order."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(
            super().list_commands(ctx), key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)
        )


app = typer.Typer(
    cls=_InOrder,
    name="optimizer",
    help="Plan a hybrid compute campus: what each megawatt does, hour by hour.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"optimizer {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More log on stderr.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")] = False,
) -> None:
    """Options before the command hold for all commands."""
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    handler = StderrHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False
