"""Runs the command line, in this process for speed or in one of its own."""

from __future__ import annotations

import contextlib
import io
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from optimizer.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command has left behind."""

    code: int
    out: str
    err: str


def optimizer(*arguments: object) -> Ran:
    """Run ``optimizer …`` in this process."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["optimizer", *map(str, arguments)]
    with _as_found(), mock.patch.object(sys, "argv", argv):
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main()
        except SystemExit as leaving:
            code = leaving.code
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())


def command(*arguments: object) -> list[str]:
    """The command line of a process of its own."""
    return [sys.executable, "-W", "error::ResourceWarning", "-m", "optimizer.cli", *map(str, arguments)]


def optimizer_process(*arguments: object, cwd: Path | None = None) -> Ran:
    """Run ``optimizer …`` in a process of its own."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, cwd=cwd, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _as_found() -> Iterator[None]:
    """Put back what the command line changes for its process: handlers of signals and the log."""
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    log = logging.getLogger("optimizer")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    try:
        yield
    finally:
        for number, handler in signals.items():
            signal.signal(number, handler)
        log.handlers[:], log.propagate = handlers, propagate
        log.setLevel(level)
