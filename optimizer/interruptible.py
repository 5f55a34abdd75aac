"""Long work outside of Python that Ctrl-C can still reach."""

from __future__ import annotations

import threading
from collections.abc import Callable

THREAD_NAME = "optimizer-solver"
"""Name of the thread in which the work is done."""


def in_thread(work: Callable[[], object], stop: Callable[[], None] | None = None) -> bool:
    """Do ``work`` in a thread, so that Ctrl-C reaches Python; returns whether it was interrupted.

    The first Ctrl-C calls ``stop`` and waits for the work to end. The second one, or the first where there is no
    ``stop``, raises KeyboardInterrupt and leaves the thread, a daemon, to itself.
    """
    failure: list[BaseException] = []
    done = threading.Event()  # not Thread.join: where Ctrl-C ends that, Python takes the thread for ended, too

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # handed to the caller's thread
            failure.append(error)
        finally:
            done.set()

    interrupted = False
    try:
        threading.Thread(target=guarded, name=THREAD_NAME, daemon=True).start()
        _wait(done)
    except KeyboardInterrupt:
        if stop is None:
            raise
        interrupted = True
        stop()
        _wait(done)
    if failure:
        raise failure[0]
    return interrupted


def _wait(done: threading.Event) -> None:
    while not done.wait(0.05):  # a wait without limit would not let Ctrl-C through on every system
        pass
