"""Many tasks in worker processes: each worker is made ready once, results come in the order in which they are done.

Workers are spawned, never forked: a fork after HiGHS has run can deadlock in its thread pool. Each of them computes in
one thread, so as many workers as there are cores use the machine in full. A worker that dies (out of memory, killed) is
replaced and its task tried once more; the tasks of the others go on undisturbed.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any, Generic, TypeVar

from optimizer.errors import OptimizerError

Given = TypeVar("Given")
Task = TypeVar("Task")
Result = TypeVar("Result")

ATTEMPTS = 2
"""How often a task is given to a worker before it counts as what kills them."""
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_PATIENCE_S = 5.0


class WorkerLostError(OptimizerError):
    """A worker process has died in the middle of a task, or before it could begin with one."""


@dataclass(frozen=True)
class Done(Generic[Result]):
    """A task that is over: its ``result``, or the ``error`` that it ended with."""

    number: int
    """Number of the task, from 0 in the order given."""
    result: Result | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Count:
    """How far a run of many tasks has come."""

    done: int
    total: int
    failed: int
    seconds: float
    """Since the run began."""
    remaining_s: float | None
    """Estimate at the pace so far; None before the first task is done."""


@dataclass
class Pace:
    """Counts tasks as they are done and estimates when the last one will be."""

    total: int
    before: int = 0
    """Done in an earlier run: they count, but say nothing about the pace."""
    failed: int = 0
    _here: int = 0
    _started: float = field(default_factory=time.perf_counter)

    def step(self, *, failed: bool = False) -> Count:
        """Count one more task."""
        self._here += 1
        self.failed += failed
        return self.now()

    def now(self) -> Count:
        """How far the run has come."""
        seconds, done = time.perf_counter() - self._started, self.before + self._here
        remaining = seconds / self._here * (self.total - done) if self._here else None
        return Count(done, self.total, self.failed, seconds, remaining)


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def run_tasks(
    tasks: Iterable[Task], make_ready: Callable[[Given], Callable[[Task], Result]], given: Given, *, jobs: int = 1
) -> Generator[Done[Result], None, None]:
    """Do all tasks, ``jobs`` at a time, and yield each as soon as it is done, whatever the order.

    Each worker calls ``make_ready(given)`` once and then the function that it returns, task by task. An exception of a
    task is its result and stops no other; one of ``make_ready`` is raised here. ``make_ready``, ``given``, tasks and
    results must be picklable, and a script that asks for more than one job must be importable
    (``if __name__ == "__main__":``). With one job all is done in this process.

    Ctrl-C, or leaving the iteration early, ends the workers at once. Raises WorkerLostError where workers cannot begin.
    """
    if jobs < 1:
        raise ValueError(f"{jobs} jobs; must be at least 1")
    return _here(tasks, make_ready, given) if jobs == 1 else _Crew(tasks, make_ready, given).work(jobs)


def _here(
    tasks: Iterable[Task], make_ready: Callable[[Given], Callable[[Task], Result]], given: Given
) -> Generator[Done[Result], None, None]:
    work = make_ready(given)
    for number, task in enumerate(tasks):
        yield _attempted(work, number, task)


def _attempted(work: Callable[[Task], Result], number: int, task: Task) -> Done[Result]:
    try:
        return Done(number, work(task))
    except Exception as error:
        return Done(number, error=error)


@dataclass(eq=False)
class _Worker:
    process: Any
    pipe: connection.Connection[Any, Any]
    is_ready: bool = False
    busy_with: tuple[int, Any] | None = None


class _Crew:
    """The workers of one run, seen from the process that gives them their tasks."""

    def __init__(self, tasks: Iterable[Any], make_ready: Callable[[Any], Callable[[Any], Any]], given: Any) -> None:
        self._tasks = enumerate(tasks)
        self._orders = (make_ready, given)
        self._again: deque[tuple[int, Any]] = deque()
        self._attempts: dict[int, int] = {}
        self._workers: list[_Worker] = []
        self._next: tuple[int, Any] | None = None

    def work(self, jobs: int) -> Generator[Done[Any], None, None]:
        try:
            while len(self._workers) < jobs and self._has_more(beyond=len(self._workers)):
                self._hire()
            while self._workers:
                for pipe in connection.wait([worker.pipe for worker in self._workers]):
                    worker = next(worker for worker in self._workers if worker.pipe is pipe)
                    done = self._heard(worker)
                    if done is not None:
                        yield done
        finally:
            self._dismiss()

    def _has_more(self, beyond: int) -> bool:
        """Whether there are more tasks than ``beyond``, without taking them all from where they come from."""
        while len(self._again) <= beyond:
            task = next(self._tasks, None)
            if task is None:
                return False
            self._again.append(task)
        return True

    def _hire(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker_main, args=(theirs, *self._orders), daemon=True)
        with _single_threaded(), _sheltered_from_ctrl_c():
            process.start()
        theirs.close()  # else a worker's death would not end the pipe
        self._workers.append(_Worker(process, ours))

    def _heard(self, worker: _Worker) -> Done[Any] | None:
        """Take what a worker says, and give it the next task before anything else is done with that."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return self._lost(worker)
        if isinstance(message, BaseException):
            raise message
        worker.is_ready, worker.busy_with = True, None
        self._give_task(worker)
        return message if isinstance(message, Done) else None

    def _give_task(self, worker: _Worker) -> None:
        if not self._has_more(beyond=0):
            self._workers.remove(worker)
            _leave(worker)
            return
        number, task = worker.busy_with = self._again.popleft()
        self._attempts[number] = self._attempts.get(number, 0) + 1
        with suppress(OSError):  # it has died: heard as the end of its pipe
            worker.pipe.send((number, task))

    def _lost(self, worker: _Worker) -> Done[Any] | None:
        """Replace a worker that has died. Its task is tried again, but not for ever."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join()
        why = _cause(worker.process.exitcode)
        if not worker.is_ready:
            raise WorkerLostError(
                f"a worker process ended before it could begin ({why}); a script that starts workers needs "
                "`if __name__ == '__main__':` around what it does"
            )
        given_up = None
        if worker.busy_with is not None:
            number, _ = worker.busy_with
            if self._attempts[number] < ATTEMPTS:
                self._again.appendleft(worker.busy_with)
            else:
                error = WorkerLostError(f"the worker process ended in the middle of it, {ATTEMPTS} times ({why})")
                given_up = Done[Any](number, error=error)
        if self._has_more(beyond=0):
            self._hire()
        return given_up

    def _dismiss(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_PATIENCE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
            worker.pipe.close()
        self._workers.clear()


def _leave(worker: _Worker) -> None:
    """Let an idle worker go."""
    with suppress(OSError):
        worker.pipe.send(None)
    worker.process.join(_PATIENCE_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.process.close()
    worker.pipe.close()


def _cause(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
    return f"exit code {exit_code}"


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes started in here compute in one thread each: their number is what uses the cores."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _sheltered_from_ctrl_c() -> Iterator[None]:
    """Processes started in here never see Ctrl-C, which a terminal sends to all of them: they are told what to do."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # there is none where there are no signal masks

    # started with the first worker, it would let Ctrl-C through to it
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _worker_main(pipe: connection.Connection[Any, Any], make_ready: Callable[[Any], Any], given: Any) -> None:
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work = make_ready(given)
    except Exception as error:
        _send(pipe, error)
        return
    pipe.send("ready")
    with suppress(EOFError, OSError):  # whoever gave the tasks is gone
        while (order := pipe.recv()) is not None:
            _send(pipe, _attempted(work, *order))


def _send(pipe: connection.Connection[Any, Any], message: Any) -> None:
    """Send a result or an error, or what can be said of one that cannot be sent."""
    try:
        content = pickle.dumps(message)
        pickle.loads(content)  # some errors can be pickled, but not read back
    except Exception as error:
        told = message.error if isinstance(message, Done) and message.error is not None else message
        if isinstance(told, BaseException):
            substitute = RuntimeError(f"{type(told).__name__}: {told}")
        else:
            substitute = RuntimeError(f"the result cannot be sent between processes: {error}")
        content = pickle.dumps(Done[Any](message.number, error=substitute) if isinstance(message, Done) else substitute)
    pipe.send_bytes(content)


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on computing for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
