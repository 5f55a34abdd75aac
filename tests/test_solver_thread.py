"""Threads in which HiGHS is called: one after the other in the same one, unless it was left to itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from typing import Any

import pytest

from optimizer.interruptible import IDLE_NAME, THREAD_NAME, in_thread


def where(lane: Any) -> int:
    """Number of the thread in which work of a lane is done."""
    found: list[int] = []
    in_thread(lambda: found.append(threading.get_ident()), lane=lane)
    return found[0]


def test_work_of_a_lane_is_done_in_one_thread() -> None:
    """Proves: a lane keeps its thread, lanes do not share, and without a lane the thread ends."""
    one, two = where("one"), where("two")
    assert one != two
    assert [where("one"), where("two"), where("one")] == [one, two, one]
    assert where(None) not in (one, two)
    assert sum(thread.ident in (one, two) for thread in threading.enumerate()) == 2


def test_a_waiting_thread_is_none_that_works() -> None:
    """Proves: what looks for threads that were left at work finds none; while it works, it does."""
    names: list[str] = []
    in_thread(lambda: names.append(threading.current_thread().name), lane="named")
    in_thread(lambda: names.append(threading.current_thread().name), lane="named")
    assert names == [THREAD_NAME, THREAD_NAME]
    waiting = next(thread for thread in threading.enumerate() if thread.ident == where("named"))
    assert waiting.name == IDLE_NAME


def test_a_failure_leaves_the_thread_to_the_next() -> None:
    def failing() -> None:
        raise ValueError("from the thread")

    before = where("failing")
    with pytest.raises(ValueError, match="from the thread"):
        in_thread(failing, lane="failing")
    assert where("failing") == before


def test_a_thread_that_was_left_to_itself_gets_no_more_work() -> None:
    """Proves: after Ctrl-C without a way to stop, the next work of the lane does not wait behind the old one."""
    before, release = where("left"), threading.Event()
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        in_thread(lambda: release.wait(30.0), lane="left")
    try:
        assert where("left") != before
    finally:
        release.set()


def test_two_works_of_a_lane_at_once_have_a_thread_each() -> None:
    """Proves: nothing waits for a thread that is busy; both wait for more afterwards."""
    found: list[int] = []
    in_thread(lambda: found.extend([threading.get_ident(), where("busy")]), lane="busy")
    assert found[0] != found[1]
    assert {where("busy")} < set(found)


def _in_a_fork(answer: Any) -> None:
    answer.send(where("forked") > 0)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork on this system")
def test_in_a_forked_process_threads_are_new() -> None:
    """Proves: threads do not come along with a fork; work there is not handed to one that is not there."""
    where("forked")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_in_a_fork, args=(theirs,))
    process.start()
    try:
        assert ours.poll(20.0)
        assert ours.recv() is True
    finally:
        process.kill()
        process.join()
