"""What the command line prints: results on stdout, messages and logs on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from optimizer.errors import InputError, OptimizerError, OutputError


class StderrHandler(logging.Handler):
    """Logs to what stderr is at that moment: above the progress line while there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(self.format(record))


def say(text: str) -> None:
    """Print on stdout."""
    with stdout():
        typer.echo(text)


@contextmanager
def stdout() -> Iterator[None]:
    """Printing on stdout; a reader who has seen enough and left (`| head -1`) is no failure."""
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the rest is tried again at exit
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"stdout cannot be written: {error.strerror}") from error


def complain(text: str) -> None:
    """Print on stderr, if anybody still listens there."""
    with suppress(OSError):
        typer.echo(text, err=True)


def told(error: OptimizerError) -> str:
    """An error as it is printed."""
    if not isinstance(error, InputError):
        return f"error: {error}"
    count = len(error.problems)
    return f"error: the input was refused ({count} problem{'s' if count > 1 else ''}):\n" + "\n".join(
        f"  - {problem}" for problem in error.problems
    )
