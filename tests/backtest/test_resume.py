"""A backtest that is stopped goes on where it was and comes to the very same result; a checkpoint of anything else is
refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from backtest_case import END, START, write_case

import optimizer as opt
from optimizer.backtest import engine
from optimizer.backtest.checkpoint import Checkpoint, packed, unpacked
from optimizer.backtest.running import backtest
from optimizer.backtest.watching import Step
from optimizer.backtest.workshop import Workshop
from optimizer.highs import Outcome

RISING = [float(20 + 9 * hour) for hour in range(24)]
HOURLY = {"every": "1h", "recourse": False}


class StoppedError(Exception):
    """As if the process had ended there."""


def lines(folder: Path, policy: str = "deterministic") -> list[dict[str, object]]:
    """What the checkpoint says of each window, but for the time it took."""
    found = []
    for line in (folder / "checkpoints" / f"{policy}.jsonl").read_text().splitlines()[1:]:
        entry = json.loads(json.loads(line)["content"])
        entry.pop("seconds")
        entry["facts"].pop("highs_s")
        found.append(entry)
    return found


@pytest.fixture
def fresh_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FRESH_EVERY", 3)


@pytest.mark.usefixtures("fresh_often")
def test_killed_ten_times_it_is_the_same(tmp_path: Path) -> None:
    """Proves: 24 hourly windows, killed after every few, give the same decisions bit by bit as without a stop."""
    case = write_case(tmp_path, RISING, settings=HOURLY)
    whole = backtest(case, START, END, policies=["deterministic"], out=tmp_path / "whole")
    stops = iter(range(2, 24, 2))

    def kill(step: Step) -> None:
        nonlocal next_stop
        if step.policy == "deterministic" and step.done == next_stop:
            next_stop = next(stops, -1)
            raise StoppedError

    next_stop = next(stops)
    killed = 0
    while True:
        try:
            again = backtest(case, START, END, policies=["deterministic"], out=tmp_path / "parts", progress=kill)
            break
        except StoppedError:
            killed += 1
    assert killed >= 10
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")
    assert again.table["profit"].to_dict() == whole.table["profit"].to_dict()


@pytest.mark.usefixtures("fresh_often")
def test_a_finished_backtest_is_not_done_again(tmp_path: Path) -> None:
    """Proves: of 24 windows none is decided again (24 is a multiple of 3: the solver forgets at its end)."""
    case = write_case(tmp_path, RISING, settings=HOURLY)
    backtest(case, START, END, policies=["deterministic"], out=tmp_path / "out")
    steps: list[Step] = []
    backtest(case, START, END, policies=["deterministic"], out=tmp_path / "out", progress=steps.append)
    assert steps == []


def test_a_process_that_is_killed_goes_on(tmp_path: Path) -> None:
    """Proves: kill -9 in mid-run leaves windows that the next run of the command takes over, with the same result."""
    case = write_case(tmp_path, RISING, settings={"every": "1h", "policies": ["deterministic"]})
    command = [sys.executable, "-m", "optimizer.cli", "backtest", str(case), "--from", START, "--to", END, "--out"]
    process = subprocess.Popen([*command, str(tmp_path / "killed")], stderr=subprocess.DEVNULL)
    path = tmp_path / "killed" / "checkpoints" / "deterministic.jsonl"
    until = time.monotonic() + 120
    while time.monotonic() < until and (not path.is_file() or path.read_bytes().count(b"\n") < 13):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = path.read_bytes().count(b"\n")
    assert 13 <= before <= 25
    environment = os.environ | {"COLUMNS": "200"}
    again = subprocess.run([*command, str(tmp_path / "killed")], capture_output=True, text=True, env=environment)
    assert again.returncode == 0, again.stderr
    assert "perfect_foresight" in again.stdout
    backtest(case, START, END, out=tmp_path / "whole")
    assert lines(tmp_path / "killed") == lines(tmp_path / "whole")


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    """Proves: half a line at the end, as a kill leaves it, is done again."""
    checkpoint = Checkpoint(tmp_path / "c.jsonl", {"scenario": "a"})
    checkpoint.start()
    checkpoint.append({"window": 0})
    checkpoint.append({"window": 1})
    content = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(content[:-9])
    again = Checkpoint(checkpoint.path, {"scenario": "a"})
    assert again.read() == [{"window": 0}]
    again.append({"window": 1})
    assert checkpoint.path.read_bytes() == content


def test_a_line_without_its_end_is_taken_over(tmp_path: Path) -> None:
    """Proves: killed just before the end of a line, the next line does not run into it."""
    checkpoint = Checkpoint(tmp_path / "c.jsonl", {"scenario": "a"})
    checkpoint.start()
    checkpoint.append({"window": 0})
    checkpoint.append({"window": 1})
    content = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(content[:-1])
    again = Checkpoint(checkpoint.path, {"scenario": "a"})
    assert again.read() == [{"window": 0}, {"window": 1}]
    assert checkpoint.path.read_bytes() == content
    again.append({"window": 2})
    assert Checkpoint(checkpoint.path, {"scenario": "a"}).read() == [{"window": 0}, {"window": 1}, {"window": 2}]


def test_two_runs_do_not_write_into_each_others_windows(tmp_path: Path) -> None:
    """Proves: a run that has been overtaken by another in the same folder says so and leaves the other's windows whole.
    Sensitivity: written all the same, the next line would follow from another than the one before it, and the file
    would be refused."""
    first = Checkpoint(tmp_path / "c.jsonl", {"scenario": "a"})
    first.start()
    second = Checkpoint(first.path, {"scenario": "a"})
    second.read()
    second.append({"window": 0})
    with pytest.raises(opt.OutputError, match=r"c\.jsonl is being written by another run"):
        first.append({"window": 0})
    second.append({"window": 1})
    assert Checkpoint(first.path, {"scenario": "a"}).read() == [{"window": 0}, {"window": 1}]


def test_the_whole_has_time_of_its_own_and_says_where_it_had_too_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves: perfect foresight and the settlements do not end with the time of a window; where that for the whole does
    not suffice, the message names the setting, and with more the run goes on from the windows it has."""
    given: list[float] = []
    planned = Workshop.planned

    def out_of_time(self: Workshop, problem: opt.Problem, arrays: object = None) -> Outcome:
        if self._options is None:
            return planned(self, problem)
        given.append(self._options.time_limit_s)
        raise opt.NoPlanError("HiGHS stopped (time limit reached) before it found a plan")

    case = write_case(tmp_path, RISING, settings={"policies": ["schedule"], "whole_time_limit_s": 400})
    with monkeypatch.context() as patched:
        patched.setattr(Workshop, "planned", out_of_time)
        short = backtest(case, START, END, out=tmp_path / "out")
    assert given == [400.0]  # the window's own are 300
    told = "before it found a plan for the whole time; backtest.whole_time_limit_s gives it longer"
    assert told in short.failures["perfect_foresight"]
    assert set(short.plans) == {"schedule", "always_on"}
    before = lines(tmp_path / "out", "schedule")
    longer = backtest(case, START, END, out=tmp_path / "out", overrides=["backtest.whole_time_limit_s=4000"])
    assert "perfect_foresight" in longer.plans
    assert lines(tmp_path / "out", "schedule") == before


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda lines: [lines[0], lines[1].replace("7", "8"), lines[2]], "line 2 does not follow"),
        (lambda lines: [lines[0], lines[2]], "line 2 does not follow"),
        (lambda lines: ["not json", *lines[1:]], "line 1 is not what was written"),
        (lambda lines: [lines[1], lines[2]], "line 1 does not follow"),
    ],
)
def test_a_changed_checkpoint_is_refused(tmp_path: Path, edit: object, told: str) -> None:
    """Proves: a changed figure, a line that is missing and a foreign file are told by name and line."""
    checkpoint = Checkpoint(tmp_path / "c.jsonl", {"scenario": "a"})
    checkpoint.start()
    checkpoint.append({"window": 7})
    checkpoint.append({"window": 1})
    edited = edit(checkpoint.path.read_text().splitlines())  # type: ignore[operator]
    checkpoint.path.write_text("\n".join(edited) + "\n")
    with pytest.raises(opt.InputError, match=told) as refused:
        Checkpoint(checkpoint.path, {"scenario": "a"}).read()
    assert str(checkpoint.path) in str(refused.value)


def test_a_checkpoint_of_another_case_is_refused(tmp_path: Path) -> None:
    """Proves: with other prices or other machines the run says what is other, and leaves the checkpoint as it is."""
    case = write_case(tmp_path, RISING)
    backtest(case, START, END, policies=["schedule"], out=tmp_path / "out")
    before = (tmp_path / "out" / "checkpoints" / "schedule.jsonl").read_bytes()
    with pytest.raises(opt.InputError, match="other scenario"):
        backtest(
            case, START, END, policies=["schedule"], out=tmp_path / "out", overrides=["sites.a.assets.m.machines=5"]
        )
    write_case(tmp_path, [0.0] * 24)
    with pytest.raises(opt.InputError, match="other data"):
        backtest(case, START, END, policies=["schedule"], out=tmp_path / "out")
    assert (tmp_path / "out" / "checkpoints" / "schedule.jsonl").read_bytes() == before


@pytest.mark.parametrize("array", [np.array([0.1, -np.inf, np.pi]), np.zeros((2, 0, 3)), np.arange(6).reshape(2, 3)])
def test_arrays_are_kept_exactly(array: np.ndarray) -> None:
    again = unpacked(json.loads(json.dumps(packed(array))))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)
