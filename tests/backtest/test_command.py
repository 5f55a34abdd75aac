"""``optimizer backtest``: what it prints and writes, its exit codes, Ctrl-C, and progress of several processes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from backtest_case import END, START, write_case
from command_line import command, optimizer

from optimizer.backtest import running, workshop
from optimizer.backtest.checkpoint import Checkpoint
from optimizer.backtest.engine import WindowFailedError
from optimizer.backtest.running import backtest
from optimizer.backtest.watching import Step, Watched, watched, windows_kept

DAY = [100.0] * 12 + [200.0] * 12
OF_THE_DAY = ("--from", START, "--to", END)


def windows(folder: Path, policy: str) -> int:
    return (folder / "checkpoints" / f"{policy}.jsonl").read_text().count("\n") - 1


# ---------------------------------------------------------------------- what is printed and written
def test_the_table_and_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: policies stand in the order of what they earned, 600, -3,000 and -3,000, under what nobody can beat; each
    has a results folder, all have a page and tables by day and month."""
    monkeypatch.setenv("COLUMNS", "120")
    case = write_case(tmp_path, DAY, settings={"recourse": False})
    ran = optimizer(
        "backtest", case, *OF_THE_DAY, "--policy", "schedule", "--policy", "strike_price", "--out", tmp_path / "o"
    )
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith("small, 2024-08-20T00:00+00:00 to 2024-08-21T00:00+00:00, money in USD")
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    # the rule switches nothing off with recourse alone: it is told the price of each step as it comes
    assert rows["strike_price"][:4] == ["600", "0", "100.0", "%"]
    assert rows["always_on"][:4] == ["-3,000", "0", "0.0", "%"]
    assert rows["schedule"][:4] == ["-3,000", "0", "0.0", "%"]
    assert list(rows).index("strike_price") < list(rows).index("schedule")
    assert "Proven: nothing can earn more than 600." in ran.out
    assert f"Results: {tmp_path / 'o'}/" in ran.out
    for name in ("schedule", "strike_price", "always_on", "perfect_foresight"):
        assert json.loads((tmp_path / "o" / name / "summary.json").read_text())["name"] == "small"
    daily = pd.read_csv(tmp_path / "o" / "daily.csv", index_col="day")
    assert daily.loc["2024-08-20", "schedule"] == pytest.approx(-3000)
    assert pd.read_csv(tmp_path / "o" / "monthly.csv")["strike_price"].to_numpy() == pytest.approx([600])
    assert (tmp_path / "o" / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_json_is_exactly_the_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: stdout is JSON and nothing else, the file's content, with null for what is no number; without --out the
    folder bears the name of the file."""
    monkeypatch.chdir(tmp_path)
    case = write_case(tmp_path, DAY)
    ran = optimizer("backtest", case, *OF_THE_DAY, "--policy", "schedule", "--json")
    assert (ran.code, ran.err) == (0, "")
    summary = json.loads(ran.out)
    assert summary == json.loads((tmp_path / "results" / "case-backtest" / "backtest.json").read_text())
    assert summary["bound"] == pytest.approx(600)
    assert summary["policies"]["schedule"]["capture"] == pytest.approx(0.0)
    assert summary["policies"]["schedule"]["served_fraction"] is None
    assert (summary["every"], summary["window_steps"], summary["failures"]) == ("6h", 12, {})


def test_history_is_taken_in_place_of_the_scenarios_file(tmp_path: Path) -> None:
    """Proves: with a file in which the afternoon costs 100 all day earns 24 * 50. Sensitivity: the scenario's own file
    would make it -3,000."""
    case = write_case(tmp_path, DAY)
    other = tmp_path / "other"
    other.mkdir()
    write_case(other, [100.0] * 24)
    ran = optimizer(
        "backtest", case, *OF_THE_DAY, "--history", f"m={other / 'm.csv'}", "--policy", "schedule", "--out",
        tmp_path / "o", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["policies"]["schedule"]["profit"] == pytest.approx(1200)


# ---------------------------------------------------------------------- what is refused, and failures
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--history", "m.csv", "--history", "=x"], "(2 problems)"),
        (["--history", "market=m.csv"], "the scenario has no data source of this name"),
        (["--history", "m=nowhere.csv"], "nowhere.csv"),
        (["--policy", "clever"], "one of: deterministic, schedule, ensemble"),
        (["--policy", "schedule", "--policy", "schedule"], "is named twice"),
        (["--to", START], "before it has begun"),
        (["--set", "backtest.every=90min"], "whole number of the scenario's steps"),
    ],
)
def test_what_is_refused(arguments: list[str], told: str, tmp_path: Path) -> None:
    """Proves: exit code 2 and one message, and nothing is written."""
    ran = optimizer("backtest", write_case(tmp_path, DAY), "--from", START, *arguments, "--out", tmp_path / "o")
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert not (tmp_path / "o").exists()


def test_a_folder_that_is_a_file_is_refused_before_anything_is_decided(tmp_path: Path) -> None:
    case = write_case(tmp_path, DAY)
    ran = optimizer("backtest", case, *OF_THE_DAY, "--out", tmp_path / "m.csv")
    assert (ran.code, ran.out) == (2, "")
    assert "m.csv: results cannot be written there" in ran.err


def test_a_case_that_was_refused_can_be_mended_in_the_same_folder(tmp_path: Path) -> None:
    """Proves: a look-back longer than the history is refused in the first window; with a shorter one the same folder
    serves. Sensitivity: a checkpoint begun before the first decision would be one of another case."""
    rule = {"kind": "seasonal_naive", "columns": ["m.price"], "spread": True}
    case = write_case(tmp_path, DAY, settings={"forecasts": [rule]})
    arguments = ("backtest", case, *OF_THE_DAY, "--policy", "schedule", "--out", tmp_path / "o")
    ran = optimizer(*arguments)
    assert (ran.code, "the look-back needs it" in ran.err) == (2, True)
    write_case(tmp_path, DAY)
    assert optimizer(*arguments).code == 0


def test_a_policy_that_fails_is_told_and_the_others_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: exit code 3, with the window and the reason (brackets and all) below the table of those that came to the
    end; the summary holds it."""
    case = write_case(tmp_path, DAY)
    real = running.run_policy

    def failing(case: Any, policy: Any, *others: Any) -> Any:
        if policy.name == "schedule":
            raise WindowFailedError("schedule: window 2, from noon: there is [no] power")
        return real(case, policy, *others)

    monkeypatch.setattr(running, "run_policy", failing)
    ran = optimizer("backtest", case, *OF_THE_DAY, "--policy", "schedule", "--out", tmp_path / "o")
    assert ran.code == 3
    assert "schedule failed: schedule: window 2, from noon: there is [no] power" in " ".join(ran.out.split())
    summary = json.loads((tmp_path / "o" / "backtest.json").read_text())
    assert list(summary["failures"]) == ["schedule"]
    assert list(summary["policies"]) == ["always_on", "perfect_foresight"]


# ---------------------------------------------------------------------- Ctrl-C
def test_ctrl_c_keeps_the_windows_and_says_how_to_go_on(tmp_path: Path) -> None:
    """Proves: exit code 4, stderr says that the same command goes on, and it does."""
    case = write_case(tmp_path, DAY, settings={"every": "1h", "policies": ["deterministic"]})
    arguments = command("backtest", case, *OF_THE_DAY, "--out", tmp_path / "o")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    path = tmp_path / "o" / "checkpoints" / "deterministic.jsonl"
    until = time.monotonic() + 120
    while time.monotonic() < until and (not path.is_file() or path.read_bytes().count(b"\n") < 12):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, ""), err
    assert "the same command goes on from there" in err
    assert f"windows kept in {tmp_path / 'o'}: " in err
    assert "Traceback" not in err
    assert windows(tmp_path / "o", "deterministic") >= 11
    again = optimizer("backtest", case, *OF_THE_DAY, "--out", tmp_path / "o", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["policies"]["deterministic"]["profit"] == pytest.approx(600)


def test_a_solve_that_ctrl_c_cut_short_is_not_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: where HiGHS was stopped in the third window, two are kept, and the window is decided again. Sensitivity:
    a run that took the plan so far for the decision would have come to the end, with exit code 0."""
    case = write_case(tmp_path, DAY, settings={"recourse": False})
    real, solves = workshop.solve, iter(range(100))

    def interrupted(*arguments: Any) -> Any:
        outcome = real(*arguments)
        return replace(outcome, stopped_by="interrupt") if next(solves) == 2 else outcome  # one solve for each window

    monkeypatch.setattr(workshop, "solve", interrupted)
    ran = optimizer("backtest", case, *OF_THE_DAY, "--policy", "schedule", "--out", tmp_path / "o")
    assert (ran.code, ran.out) == (4, "")
    assert f"windows kept in {tmp_path / 'o'}: 2; the same command goes on" in ran.err
    assert windows(tmp_path / "o", "schedule") == 2
    monkeypatch.setattr(workshop, "solve", real)
    assert optimizer("backtest", case, *OF_THE_DAY, "--policy", "schedule", "--out", tmp_path / "o").code == 0


def test_ctrl_c_before_the_first_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: where nothing is kept the exit code is that of any command that was interrupted."""

    def interrupted(*arguments: Any, **others: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "read_case", interrupted)
    ran = optimizer("backtest", write_case(tmp_path, DAY), *OF_THE_DAY, "--out", tmp_path / "o")
    assert (ran.code, ran.out) == (130, "")
    assert "nothing was written" in ran.err


# ---------------------------------------------------------------------- progress
def test_progress_by_window_and_policy(tmp_path: Path) -> None:
    """Proves: one call for each of four windows and policies, with the money so far: 300 after six hours of 50."""
    steps: list[Step] = []
    backtest(write_case(tmp_path, [100.0] * 24), START, END, policies=["schedule"], progress=steps.append)
    assert [(step.policy, step.done, step.total) for step in steps] == [
        (name, number, 4) for name in ("schedule", "always_on") for number in (1, 2, 3, 4)
    ]
    assert [step.money for step in steps] == pytest.approx([300, 600, 900, 1200] * 2)


def test_policies_in_processes_of_their_own_are_read_along(tmp_path: Path) -> None:
    """Proves: with two jobs the result is that of one, and progress comes to the last window of each policy with the
    money that its windows book. Sensitivity: what is told at the end alone has no window before the last."""
    case = write_case(tmp_path, [100.0] * 24, settings={"every": "1h", "recourse": False})
    steps: list[Step] = []
    found = backtest(case, START, END, policies=["schedule"], out=tmp_path / "o", jobs=2, progress=steps.append)
    assert found.table["profit"]["schedule"] == pytest.approx(1200)
    for name in ("schedule", "always_on"):
        own = [step for step in steps if step.policy == name]
        assert [step.done for step in own] == sorted({step.done for step in own})
        assert (own[-1].done, own[-1].total) == (24, 24)
        assert own[-1].money == pytest.approx(1200)


def window(number: int, money: float) -> dict[str, Any]:
    return {"number": number, "money": {"mining": money, "energy": -1.0}}


def test_a_checkpoint_is_read_along(tmp_path: Path) -> None:
    """Proves: news only where a window came; half a line is waited for; a file that was cut is counted anew; a line
    that cannot be read is left to who goes on from it."""
    file = Watched("own", tmp_path / "own.jsonl", 9)
    assert file.news() is None
    checkpoint = Checkpoint(file.path, {"scenario": "a"})
    checkpoint.start()
    assert file.news() is None
    checkpoint.append(window(0, 5.0))
    checkpoint.append(window(1, 7.0))
    assert file.news() == Step("own", 2, 9, 10.0)
    assert file.news() is None
    whole = file.path.read_bytes()
    checkpoint.append(window(2, 1.0))
    longer = file.path.read_bytes()
    file.path.write_bytes(longer[:-4])
    assert file.news() is None
    file.path.write_bytes(longer)
    assert file.news() == Step("own", 3, 9, 10.0)
    checkpoint.cut(1)
    assert file.news() == Step("own", 1, 9, 4.0)
    file.path.write_bytes(whole + b"what is this\n")
    assert file.news() == Step("own", 2, 9, 10.0)
    assert windows_kept(tmp_path) == 2
    assert windows_kept(tmp_path / "nowhere") == 0


def test_what_came_at_the_very_end_is_told_too(tmp_path: Path) -> None:
    """Proves: a window written just before the end is told, from whatever thread."""
    steps: list[Step] = []
    checkpoint = Checkpoint(tmp_path / "own.jsonl", {"scenario": "a"})
    with watched([Watched("own", checkpoint.path, 1)], steps.append):
        checkpoint.start()
        checkpoint.append(window(0, 5.0))
    assert steps[-1] == Step("own", 1, 1, 4.0)
    assert len(steps) == 1
