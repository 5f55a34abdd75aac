"""Long work outside of Python that Ctrl-C can still reach: one piece of it, or several side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_NAME = "optimizer-solver"
"""Name of a thread in which work is being done."""


def in_thread(work: Callable[[], object], stop: Callable[[], None] | None = None) -> bool:
    """Do ``work`` in a thread, so that Ctrl-C reaches Python; returns whether it was interrupted.

    The first Ctrl-C calls ``stop`` and waits for the work to end. The second one, or the first where there is no
    ``stop``, raises KeyboardInterrupt and leaves the thread, a daemon, to itself.

    Within :func:`side_by_side` the work is done in the thread that is there, and the first Ctrl-C calls the ``stop`` of
    all pieces.
    """
    crew: _Crew | None = getattr(_mine, "crew", None)
    if crew is not None:
        with crew.stoppable(stop):
            work()
        return crew.is_asked
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


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item], threads: int) -> list[Result]:
    """Results of ``work`` for each item, in the order of the items, up to ``threads`` of them at a time.

    Meant for work that is mostly HiGHS's, which lets go of Python while it runs. The first Ctrl-C reaches each piece as
    it would alone: :func:`in_thread` inside of it calls its ``stop`` and says that it was interrupted. The first
    failure of a piece is raised once those that have begun are through; the others are left out.
    """
    count = min(threads, len(items))
    if count < 2:
        return [work(item) for item in items]
    crew, left = _Crew(), iter(range(len(items)))
    results: dict[int, Result] = {}
    failures: dict[int, BaseException] = {}

    def some_pieces() -> None:
        _mine.crew = crew
        while not failures and (number := crew.next(left)) is not None:
            try:
                results[number] = work(items[number])
            except BaseException as error:  # handed to the caller's thread
                failures[number] = error

    def all_pieces() -> None:
        threads = [threading.Thread(target=some_pieces, name=THREAD_NAME, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    in_thread(all_pieces, crew.stop)
    if failures:
        raise failures[min(failures)]
    return [results[number] for number in range(len(items))]


_mine = threading.local()


class _Crew:
    """Pieces of work side by side, which Ctrl-C stops together."""

    def __init__(self) -> None:
        self._lock, self._asked = threading.Lock(), False
        self._stops: list[Callable[[], None]] = []

    @property
    def is_asked(self) -> bool:
        return self._asked

    def next(self, left: Iterator[int]) -> int | None:
        """The next of the numbers that are left; None where there is none."""
        with self._lock:
            return next(left, None)

    def stop(self) -> None:
        """Ask every piece to stop; those that begin later are asked as they do."""
        with self._lock:
            self._asked = True
            stops = list(self._stops)
        for stop in stops:
            stop()

    @contextmanager
    def stoppable(self, stop: Callable[[], None] | None) -> Iterator[None]:
        """While a piece works, ``stop`` is what asks it to end."""
        if stop is None:
            yield
            return
        with self._lock:
            self._stops.append(stop)
            asked = self._asked
        if asked:
            stop()
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)
