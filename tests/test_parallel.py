"""Tasks in worker processes: every task once, whatever fails or dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from optimizer.parallel import THREAD_VARIABLES, Done, Pace, WorkerLostError, cores, run_tasks


# ---------------------------------------------------------------------- what the workers do
def adder(given: int) -> Callable[[int], tuple[int, int]]:
    """Adds what it was made ready with; also says in which process."""
    return lambda task: (task + given, os.getpid())


def fails_at(given: int) -> Callable[[int], int]:
    def work(task: int) -> int:
        if task == given:
            raise ValueError(f"not {task}")
        return task

    return work


def dies(given: tuple[str, int]) -> Callable[[int], int]:
    """Kills its process at one task, for good or (the folder remembers) only the first time."""
    folder, deadly = given

    def work(task: int) -> int:
        mark = Path(folder) / f"died-{os.getpid()}"
        if task == abs(deadly) and (deadly < 0 or not list(Path(folder).glob("died-*"))):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    return work


def environment(given: None) -> Callable[[str], str | None]:
    return os.environ.get


class UnpicklableError(Exception):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def cannot_be_sent(given: None) -> Callable[[str], Any]:
    def work(task: str) -> Any:
        if task == "error":
            raise UnpicklableError(1, 2)
        return lambda: task

    return work


def never_ready(given: str) -> Callable[[int], int]:
    raise RuntimeError(given)


def ends_at_once(given: None) -> Callable[[int], int]:
    os._exit(3)


def sleeper(given: str) -> Callable[[int], int]:
    def work(task: int) -> int:
        (Path(given) / f"{os.getpid()}").touch()
        time.sleep(60)
        return task

    return work


def collected(done: Iterable[Done[Any]]) -> dict[int, Any]:
    """Results, or errors, by number; each number once."""
    found: dict[int, Any] = {}
    for one in done:
        assert one.number not in found
        found[one.number] = one.result if one.error is None else one.error
    return found


# ---------------------------------------------------------------------- results
@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_task_is_done_once(jobs: int) -> None:
    """Proves: 3 tasks give 3 results, whether there are fewer or more workers; with one job in this very process."""
    found = collected(run_tasks([10, 20, 30], adder, 1, jobs=jobs))
    assert {number: value for number, (value, _) in found.items()} == {0: 11, 1: 21, 2: 31}
    here = {process == os.getpid() for _, process in found.values()}
    assert here == {jobs == 1}


def test_no_tasks_no_workers() -> None:
    assert list(run_tasks([], adder, 1, jobs=3)) == []


def test_tasks_are_taken_as_they_are_needed() -> None:
    """Proves: an endless source of tasks can be left when enough is known, and no worker is left behind."""

    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    done = run_tasks(endless(), adder, 0, jobs=2)
    workers = {next(done).result[1] for _ in range(12)}  # type: ignore[index]
    done.close()
    assert not [process for process in workers if _is_alive(process)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_failure_stops_no_other_task(jobs: int) -> None:
    found = collected(run_tasks(range(5), fails_at, 2, jobs=jobs))
    assert isinstance(found[2], ValueError)
    assert str(found[2]) == "not 2"
    assert [found[number] for number in (0, 1, 3, 4)] == [0, 1, 3, 4]


def test_what_cannot_be_sent_is_told() -> None:
    """Proves: neither a result nor an error that pickle cannot take hangs the run."""
    found = collected(run_tasks(["error", "result"], cannot_be_sent, None, jobs=2))
    assert str(found[0]) == "UnpicklableError: 1 and 2"
    assert "cannot be sent between processes" in str(found[1])


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_cannot_be_made_ready_ends_the_run(jobs: int) -> None:
    with pytest.raises(RuntimeError, match="no licence"):
        list(run_tasks([1, 2], never_ready, "no licence", jobs=jobs))


def test_jobs_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="0 jobs; must be at least 1"):
        run_tasks([1], adder, 1, jobs=0)


# ---------------------------------------------------------------------- processes
def test_workers_compute_in_one_thread_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = collected(run_tasks(THREAD_VARIABLES, environment, None, jobs=2))
    assert set(found.values()) == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_a_killed_worker_is_replaced_and_its_task_tried_again(tmp_path: Path) -> None:
    """Proves: nothing is lost or doubled. Sensitivity: a process pool of the standard library loses all that runs."""
    assert collected(run_tasks(range(8), dies, (str(tmp_path), 3), jobs=2)) == {n: n for n in range(8)}
    assert len(list(tmp_path.glob("died-*"))) == 1


def test_a_task_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    """Proves: tried twice, then told as what it is; the others are done."""
    found = collected(run_tasks(range(6), dies, (str(tmp_path), -3), jobs=2))
    lost = found.pop(3)
    assert isinstance(lost, WorkerLostError)
    assert "2 times (SIGKILL, perhaps out of memory)" in str(lost)
    assert found == {n: n for n in (0, 1, 2, 4, 5)}
    assert len(list(tmp_path.glob("died-*"))) == 2


def test_workers_that_cannot_begin_are_no_endless_loop() -> None:
    with pytest.raises(WorkerLostError, match=r"exit code 3.*__main__"):
        list(run_tasks([1, 2], ends_at_once, None, jobs=2))


INTERRUPTED = """\
import sys
from optimizer.parallel import run_tasks
from test_parallel import sleeper

if __name__ == "__main__":
    try:
        list(run_tasks([1, 2, 3], sleeper, sys.argv[1], jobs=2))
    except KeyboardInterrupt:
        print("interrupted")
"""


def _interrupted(folder: Path, number: int, *, whole_group: bool) -> tuple[str, str, list[int]]:
    """Send a signal in the middle of the work; what was printed, and the workers' processes."""
    script = folder / "script.py"
    script.write_text(INTERRUPTED)
    begun = folder / "begun"
    begun.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(begun)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(list(begun.iterdir())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=30)
    return out, err, [int(file.name) for file in begun.iterdir()]


def test_ctrl_c_ends_all_at_once_and_quietly(tmp_path: Path) -> None:
    """Proves: a terminal sends Ctrl-C to workers too; they leave it to the parent, without a traceback each."""
    out, err, workers = _interrupted(tmp_path, signal.SIGINT, whole_group=True)
    assert (out, err) == ("interrupted\n", "")
    assert not [process for process in workers if _is_alive(process)]


SHELTERED = """
import multiprocessing, pathlib, time
from optimizer.parallel import _sheltered_from_ctrl_c
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,), daemon=True)
    with _sheltered_from_ctrl_c():
        process.start()
    for who in ("self", process.pid):
        status = pathlib.Path(f"/proc/{who}/status").read_text()
        print(int(status.partition("SigBlk:")[2].split()[0], 16) >> 1 & 1)
    process.kill()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process blocks is read from /proc")
def test_the_first_worker_is_sheltered_from_ctrl_c_from_its_first_moment(tmp_path: Path) -> None:
    """Proves: SIGINT (bit 1) is blocked in the worker, which would tell of it by a traceback while it still imports,
    and not in the parent. Sensitivity: multiprocessing starts its tracker with its first process, and lets SIGINT
    through."""
    script = tmp_path / "sheltered.py"
    script.write_text(SHELTERED)
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == ["0", "1"]


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Proves: no worker computes on for nobody."""
    _, err, workers = _interrupted(tmp_path, signal.SIGKILL, whole_group=False)
    deadline = time.monotonic() + 10
    while any(_is_alive(process) for process in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "Traceback" not in err


def _is_alive(process: int) -> bool:
    """Whether a process runs (one that is over but not yet waited for does not)."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# ---------------------------------------------------------------------- pace
def test_the_end_is_estimated_from_what_was_done_in_this_run() -> None:
    """Proves: 8 of 10 were done before; after 1 more in t seconds, 1 is left: t seconds."""
    pace = Pace(total=10, before=8)
    assert pace.now().remaining_s is None
    time.sleep(0.01)
    count = pace.step(failed=True)
    assert (count.done, count.total, count.failed) == (9, 10, 1)
    assert count.remaining_s == pytest.approx(count.seconds)
    assert pace.step().remaining_s == 0.0


def test_cores_that_may_be_used() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
