"""The points of a sweep on a Dask cluster: the same tasks as on one machine, handed to a scheduler.

The scenario travels once, as the result of a task: a worker that is lost takes nothing along that the scheduler could
not have computed again elsewhere.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import logging
import pickle
import threading
import uuid
import warnings
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from optimizer.errors import InputError, OptimizerError, Problem
from optimizer.parallel import Done, WorkerLostError
from optimizer.sweeps.points import Groundwork, Point, Record, Solve, make_ready, versions

log = logging.getLogger(__name__)
CONNECT_WITHIN_S = 15.0
"""How long a scheduler, and its first worker, may take to answer."""
_AHEAD = 4
"""Points handed over per worker: enough that none waits, few enough that the scheduler stays small."""
_one_at_a_time = threading.Lock()
_ready: dict[str, Callable[[Point], Record]] = {}


@contextmanager
def cluster_at(address: str) -> Iterator[Solve]:
    """What solves points on the workers of the Dask scheduler at ``address``, each yielded as soon as it is done.

    Raises InputError, before anything runs, for a scheduler that does not answer, has no workers, or whose workers have
    other versions. Leaving the iteration early takes back what has not been solved.
    """
    with _connected(address) as client:
        _check_versions(client, address)
        yield lambda points, ground: _solved(client, points, ground)


def _solved(client: Any, points: Iterable[Point], ground: Groundwork) -> Generator[Done[Record], None, None]:
    token = uuid.uuid4().hex  # of this run: the scheduler remembers tasks by their keys
    with _large_tasks_allowed():
        shared = client.submit(_passed_on, pickle.dumps(ground), key=f"sweep-{token}", pure=False)
    waiting = enumerate(points)
    numbers: dict[str, int] = {}

    def handed_over(count: int) -> list[Any]:
        futures = []
        for number, point in itertools.islice(waiting, count):
            key = f"sweep-{token}-{number}"
            numbers[key] = number
            futures.append(client.submit(solve_point, shared, token, point, key=key, pure=False))
        return futures

    first = handed_over(_AHEAD * _workers(client))
    running = importlib.import_module("distributed").as_completed(first, loop=client.loop)
    for future in running:
        if future.cancelled():
            raise OptimizerError("the cluster was lost; the points that were solved are kept")
        running.update(handed_over(1))
        yield _done(numbers.pop(future.key), future)
        future.release()


def solve_point(content: bytes, token: str, point: Point) -> Record:
    """One point, on a worker: which is made ready once for a sweep, and solves one point at a time."""
    with _one_at_a_time:
        if token not in _ready:
            _ready.clear()
            _ready[token] = make_ready(pickle.loads(content))
        return _ready[token](point)


def _passed_on(content: bytes) -> bytes:
    return content


def _done(number: int, future: Any) -> Done[Record]:
    error = future.exception()
    if error is None:
        return Done(number, future.result())
    if type(error).__name__ == "KilledWorker":
        error = WorkerLostError(f"the cluster gave it up: {error}")
    return Done(number, error=error)


def _workers(client: Any) -> int:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if any(worker["nthreads"] > 1 for worker in workers):
        log.warning(
            "a worker solves one point at a time, however many threads it has: start workers with --nthreads 1, "
            "as many as there are cores"
        )
    return max(1, len(workers))


async def _kind_of_server(distributed: Any, address: str) -> str:
    """What answers at an address. A client would wait for ever for somebody who listens and says nothing."""

    async def asked() -> str:
        arguments = distributed.Security().get_connection_args("client")
        async with distributed.rpc(address, connection_args=arguments) as server:
            return str((await server.identity())["type"])

    return await asyncio.wait_for(asked(), CONNECT_WITHIN_S)


def _in_a_loop_of_its_own(work: Coroutine[Any, Any, str]) -> str:
    """Notebooks have a loop running already, in which nothing can be waited for."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError:
        hint = "pip install 'hybrid-compute-optimizer[cluster]'"
        raise _refused(address, "needs the package distributed, which is not installed", hint=hint) from None
    try:
        kind = _in_a_loop_of_its_own(_kind_of_server(distributed, address))
    except (OSError, ValueError, TimeoutError) as error:
        told = str(error) or f"nothing came back within {CONNECT_WITHIN_S:g} s"
        raise _refused(address, f"the cluster does not answer: {told}") from None
    if kind != "Scheduler":
        raise _refused(address, f"is the address of a {kind.lower()}", hint="give that of the scheduler")
    client = distributed.Client(address, timeout=CONNECT_WITHIN_S, set_as_default=False)
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_WITHIN_S)
        except distributed.TimeoutError:
            raise _refused(address, "the cluster has no workers") from None
        yield client


def _check_versions(client: Any, address: str) -> None:
    """Other versions solve other problems, or cannot even read the tasks."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages on which no point depends
            client.get_versions(check=True)
    except ValueError as error:
        raise _refused(address, f"the cluster runs other versions: {error}") from None
    ours = versions()
    workers_by_fault: dict[str, list[str]] = {}
    for worker, theirs in client.run(versions, on_error="return").items():
        if isinstance(theirs, Exception):
            workers_by_fault.setdefault(f"cannot import optimizer {ours['optimizer']}: {theirs}", []).append(worker)
            continue
        for name, version in ours.items():
            if theirs.get(name) != version:
                fault = f"has {name} {theirs.get(name, 'missing')}, here it is {version}"
                workers_by_fault.setdefault(fault, []).append(worker)
    if workers_by_fault:
        raise InputError(
            [
                Problem("--cluster", f"{len(workers)} worker(s), such as {workers[0]}: {fault}", value=address)
                for fault, workers in workers_by_fault.items()
            ]
        )


@contextmanager
def _large_tasks_allowed() -> Iterator[None]:
    """The scenario with its data may be many MB; it is sent once, which is what Dask's warning asks for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
        yield


def _refused(address: str, message: str, **details: Any) -> InputError:
    return InputError([Problem("--cluster", message, value=address, **details)])
