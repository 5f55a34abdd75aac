"""Pieces of work side by side: their order, their failures, and Ctrl-C, which reaches all of them."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from optimizer.interruptible import in_thread, side_by_side


def test_results_are_in_order_whichever_ends_first() -> None:
    """Proves: two pieces are at work at once (the first ends only after the second has), and their results stand in the
    order in which they were given."""
    second_is_over = threading.Event()

    def work(number: int) -> tuple[int, bool]:
        if number == 0:
            return number, second_is_over.wait(30.0)
        second_is_over.set()
        return number, True

    assert side_by_side(work, [0, 1], 2) == [(0, True), (1, True)]


def test_each_is_done_once_by_no_more_than_so_many() -> None:
    """Proves: of ten pieces each is done once, never more than three at a time; one at a time needs no thread."""
    lock, now, most = threading.Lock(), [0], [0]

    def work(number: int) -> tuple[int, bool]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return number, threading.current_thread() is threading.main_thread()

    assert side_by_side(work, range(10), 3) == [(number, False) for number in range(10)]
    assert 1 <= most[0] <= 3
    assert side_by_side(work, range(3), 1) == [(number, True) for number in range(3)]
    assert side_by_side(work, [7], 4) == [(7, True)]
    assert side_by_side(work, [], 4) == []


def test_a_failure_is_raised_once_the_others_are_through() -> None:
    """Proves: the failure of the first piece is raised, the second is seen through, and the last ones never begin."""
    begun: list[int] = []
    failed = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.set()
            raise ValueError("the first")
        failed.wait(30.0)
        time.sleep(0.2)

    with pytest.raises(ValueError, match="the first"):
        side_by_side(work, range(20), 2)
    assert len(begun) <= 3


def test_one_interrupt_stops_all_pieces_and_those_that_begin_later() -> None:
    """Proves: the first Ctrl-C calls the stop of both pieces at work, in_thread tells each that it was interrupted, and
    a third piece that begins afterwards is asked to stop as it does."""
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    def work(number: int) -> tuple[int, bool, bool]:
        asked = threading.Event()
        was_asked: list[bool] = []
        interrupted = in_thread(lambda: was_asked.append(asked.wait(30.0)), asked.set)
        return number, interrupted, was_asked[0]

    assert side_by_side(work, range(3), 2) == [(number, True, True) for number in range(3)]


def test_the_second_interrupt_leaves_at_once() -> None:
    """Proves: where pieces do not heed the first Ctrl-C, the second raises KeyboardInterrupt."""
    release = threading.Event()
    for delay_s in (0.2, 0.5):
        threading.Timer(delay_s, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        side_by_side(lambda _: in_thread(lambda: release.wait(30.0), lambda: None), range(2), 2)
    release.set()


def test_a_crew_within_a_crew_is_stopped_as_well() -> None:
    """Proves: pieces that are themselves done side by side hear of Ctrl-C."""
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    def inner(_: int) -> bool:
        asked = threading.Event()
        return in_thread(lambda: asked.wait(30.0), asked.set)

    assert side_by_side(lambda _: side_by_side(inner, range(2), 2), range(2), 2) == [[True, True], [True, True]]
