"""The command line: thin, and quick to start (the library is imported when a command needs it).

The commands are declared in :mod:`optimizer.commands.planning` and its neighbours.

Exit codes: 0 solved to the asked gap; 1 results could not be written, or an internal error; 2 the input was refused;
3 infeasible or unbounded; 4 stopped at a limit or by Ctrl-C with a plan (written, marked); 5 stopped without one; 6 the
audit refused the plan; 130 interrupted outside of the solve.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from optimizer.commands import comparing, explaining, planning, studying, valuing  # noqa: F401  (they declare the commands)
from optimizer.commands.app import app
from optimizer.errors import OptimizerError
from optimizer.interruptible import THREAD_NAME
from optimizer.terminal import complain, told

log = logging.getLogger("optimizer")
EXIT_INTERNAL = 1
EXIT_INTERRUPTED = 130


def main() -> None:
    """Entry point: every failure is one message on stderr and the documented exit code, never a traceback."""
    _end_cleanly_when_told_to()
    try:
        app()
    except SystemExit as leaving:  # typer's own way out, also from Ctrl-C
        if leaving.code == EXIT_INTERRUPTED:
            complain("interrupted; nothing was written")
        _leave(leaving.code if isinstance(leaving.code, int) else 0)
    except OptimizerError as error:
        complain(told(error))
        _leave(error.exit_code)
    except MemoryError:
        complain("error: the memory does not suffice for a scenario of this size; nothing was written")
        _leave(EXIT_INTERNAL)
    except Exception as error:
        log.debug("internal error", exc_info=True)
        complain(
            f"internal error: {type(error).__name__}: {error}\nThis is a defect of optimizer: please report it with "
            "the scenario file; `optimizer --verbose …` shows where it happened."
        )
        _leave(EXIT_INTERNAL)


def _end_cleanly_when_told_to() -> None:
    """Let SIGTERM and a closed terminal end a run as Ctrl-C does: the best plan so far is kept."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # `nohup` has set it to be ignored
            signal.signal(number, signal.default_int_handler)


def _leave(code: int) -> NoReturn:
    if any(thread.name == THREAD_NAME for thread in threading.enumerate()):
        # a second Ctrl-C has left HiGHS at work: it must not run into an interpreter that is being taken down
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
