"""Ctrl-C and SIGTERM: before the solve, during it with and without a plan, twice, and while results are moved in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from broken_base import BASE, changed, write
from command_line import Ran

from optimizer.interruptible import in_thread
from optimizer.output_folder import OutputFolder, uninterrupted

ENDLESS = """\
import sys
from pathlib import Path
import numpy as np
from optimizer import cli, problem

# HiGHS at a market split that it cannot finish; `first` says when the signal may come
plan_first = sys.argv.pop(1) == "with-plan"
find_plan = problem.find_plan


def endless(arrays, options, progress=None, **others):
    def report(state):
        if abs(state.incumbent) < 1e30 or not plan_first:
            Path("now").touch()
        progress(state)

    return find_plan(arrays, options, progress=report, **others)


problem.find_plan = endless
cli.main()
"""


def hard_scenario(jobs: int = 24) -> str:
    """Many gangs of odd sizes on one pool: HiGHS finds plans soon, and cannot prove the best for long."""
    sizes = [(7 + 5 * number % 23, 3 + number % 7) for number in range(jobs)]
    work = "".join(
        f"      - {{kind: training_job, name: j{number}, pool: h100, class: rigid, gang_nodes: {nodes}, "
        f"work_node_hours: {nodes * hours}, deadline: 2024-08-20T00:00, value: {997 + 13 * number * nodes % 701}}}\n"
        for number, (nodes, hours) in enumerate(sizes)
    )
    text = changed(BASE, ("mip_rel_gap: 0.001", "mip_rel_gap: 0.0"), ("time_limit_s: 60", "time_limit_s: 100"))
    text = changed(text, ("weight: 0.1", "weight: 0.0"))
    return changed(text, ("      - kind: inference_service", work + "      - kind: inference_service"))


def interrupted(
    folder: Path, *signals: int, pause_s: float = 0.0, started: str = "with-plan", json_: bool = False
) -> Ran:
    """Run the hard scenario, and send the signals once HiGHS is at work (with a plan, or at all)."""
    file = write(folder, hard_scenario())
    command = [sys.executable, "-c", ENDLESS, started, "run", str(file), "--out", str(folder / "out")]
    if json_:
        command.append("--json")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
    _wait_for(folder / "now", process)
    for number in signals:
        process.send_signal(number)
        time.sleep(pause_s)
    out, err = process.communicate(timeout=60)
    (folder / "now").unlink()
    return Ran(process.returncode, out, err)


def _wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        if file.exists():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    pytest.fail("the solver has not come so far within a minute")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_mid_solve_the_plan_so_far_is_kept(number: int, tmp_path: Path) -> None:
    """Sensitivity: a wait by Thread.join lets Python take the solver for ended, and there would be no plan."""
    ran = interrupted(tmp_path, number, json_=True)
    assert ran.code == 4, ran.err
    assert "Traceback" not in ran.err
    assert "interrupted" in ran.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert json.loads(ran.out) == summary
    assert summary["status"] == "feasible"
    assert summary["stopped_by"] == "interrupt"
    assert summary["mip_gap"] > 0
    assert summary["bound"] > summary["expected_profit"] > 0
    assert "optimal" not in ran.err
    assert not list((tmp_path / "out").glob(".partial-*"))


def test_twice_leaves_at_once_and_writes_nothing(tmp_path: Path) -> None:
    ran = interrupted(tmp_path, signal.SIGINT, signal.SIGINT, pause_s=0.02)
    assert ran.code in (130, 4), ran.err  # 4: HiGHS was faster than the second signal
    if ran.code == 130:
        assert "nothing was written" in ran.err
        assert not (tmp_path / "out").exists()
    assert "Traceback" not in ran.err


def test_before_the_solve(tmp_path: Path) -> None:
    slow = "import time\nfrom optimizer import cli, loading\n" + (
        "def load(*args):\n    open('now', 'w').close()\n    time.sleep(60)\nloading.load = load\ncli.main()\n"
    )
    file = write(tmp_path)
    command = [sys.executable, "-c", slow, "run", str(file), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    _wait_for(tmp_path / "now", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "interrupted; nothing was written"
    assert not (tmp_path / "out").exists()


def test_without_a_plan_yet(tmp_path: Path) -> None:
    """A solve that reports no plan and waits for the signal stands for a long root relaxation."""
    waiting = (
        "import time\nfrom optimizer import cli, highs, interruptible, problem\n"
        "def find_plan(arrays, options, **others):\n"
        "    stop = []\n"
        "    def work():\n"
        "        open('now', 'w').close()\n"
        "        while not stop: time.sleep(0.01)\n"
        "    assert interruptible.in_thread(work, lambda: stop.append(1))\n"
        "    return highs.Outcome('no_plan', 'interrupt', float('nan'), 5e6, float('inf'), None, seconds=1.0)\n"
        "problem.find_plan = find_plan\ncli.main()\n"
    )
    file = write(tmp_path)
    command = [sys.executable, "-c", waiting, "run", str(file), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    _wait_for(tmp_path / "now", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 5, err
    assert "before it found a plan" in err
    assert "no plan can earn more than 5,000,000.00" in err
    assert not (tmp_path / "out").exists()


def _soon(number: int, delay_s: float = 0.2) -> None:
    threading.Timer(delay_s, lambda: os.kill(os.getpid(), number)).start()


def test_the_first_asks_to_stop_and_waits() -> None:
    stop = threading.Event()
    ended: list[float] = []

    def work() -> None:
        stop.wait(30.0)
        time.sleep(0.3)
        ended.append(time.monotonic())

    _soon(signal.SIGINT)
    assert in_thread(work, stop.set) is True
    assert ended
    assert ended[0] <= time.monotonic()


def test_the_second_is_raised_and_so_is_the_first_where_nothing_can_be_stopped() -> None:
    release = threading.Event()
    _soon(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        in_thread(lambda: release.wait(30.0))
    _soon(signal.SIGINT)
    _soon(signal.SIGINT, 0.5)
    with pytest.raises(KeyboardInterrupt):
        in_thread(lambda: release.wait(30.0), lambda: None)
    release.set()


def _interrupt_now() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)


def test_results_are_moved_in_whole_before_an_interrupt_is_obeyed() -> None:
    steps: list[str] = []

    def moving() -> None:
        with uninterrupted():
            _interrupt_now()
            steps.append("moved in")
        steps.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        moving()
    assert steps == ["moved in"]


def test_an_interrupt_while_files_are_written_leaves_nothing(tmp_path: Path) -> None:
    def writing() -> None:
        with OutputFolder(tmp_path / "out") as output:
            (output.staging / "summary.json").write_text("{}")
            _interrupt_now()

    with pytest.raises(KeyboardInterrupt):
        writing()
    assert not (tmp_path / "out").exists()


def test_outside_of_the_main_thread_signals_are_left_alone() -> None:
    done: list[bool] = []

    def work() -> None:
        with uninterrupted():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
