"""The command line: what it prints and where, its exit codes, and how it takes closed pipes and full disks."""

from __future__ import annotations

import json
import logging
import subprocess
from pathlib import Path

import pytest
import typer
from broken_base import BASE, changed, line_of, write
from command_line import command, optimizer, optimizer_process
from test_highs import hard

from optimizer import __version__, cli, console
from optimizer.highs import Progress
from optimizer.interruptible import THREAD_NAME

SMALLEST = Path(__file__).parent.parent / "scenarios" / "smallest.yaml"


def test_run_prints_a_short_table_and_writes_the_results(tmp_path: Path) -> None:
    ran = optimizer("run", SMALLEST, "--out", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "")
    for part in (
        "smallest: optimal, proven gap 0 %",
        "626.00 USD",
        "peak import",
        "3.50 MW",
        f"Results: {tmp_path}/out/",
    ):
        assert part in ran.out
    assert (tmp_path / "out" / "summary.json").is_file()


def test_the_default_folder_bears_the_name_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert optimizer("run", SMALLEST).code == 0
    assert (tmp_path / "results" / "smallest" / "summary.json").is_file()


def test_json_is_exactly_the_summary_and_the_log_goes_to_stderr(tmp_path: Path) -> None:
    """With a warning to log: a pool without work."""
    idle = "      - {kind: gpu_pool, name: idle, nodes: 1, idle_kw: 1, full_kw: 9}\n"
    file = write(tmp_path, changed(BASE, ("      - kind: battery", idle + "      - kind: battery")))
    ran = optimizer_process("run", file, "--out", tmp_path / "out", "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert ran.err.startswith("WARNING: sites[0].assets[2].name (s.yaml:")
    assert "no workload runs on this pool" in ran.err
    assert optimizer("--quiet", "validate", file).err == ""


def test_json_of_a_scenario_without_a_plan_says_why(tmp_path: Path) -> None:
    arguments = ("--set", "sites.a.house_load_mw=1", "--set", "sites.a.contracts.spot.limit_mw=0.5")
    ran = optimizer("run", SMALLEST, "--out", tmp_path / "out", *arguments, "--json")
    summary = json.loads(ran.out)
    assert ran.code == 3
    assert (summary["format"], summary["name"], summary["status"]) == (1, "smallest", "infeasible")
    assert "power balance of the site" in summary["reason"]
    assert not (tmp_path / "out").exists()


def test_overrides_are_applied_and_kept_in_the_results(tmp_path: Path) -> None:
    arguments = ("--set", "sites.a.assets.m.machines=2000", "--set", "name=twice")
    ran = optimizer("run", SMALLEST, "--out", tmp_path / "out", *arguments, "--json")
    summary = json.loads(ran.out)
    assert (summary["name"], summary["expected_profit"]) == ("twice", pytest.approx(1252.0))
    again = optimizer("run", tmp_path / "out" / "scenario.yaml", "--out", tmp_path / "again", "--json")
    assert json.loads(again.out)["ledger"] == summary["ledger"]


def test_a_time_limit_with_a_plan_is_written_marked_and_never_called_optimal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimizer import problem

    def stopped(*args: object, **kwargs: object) -> object:
        outcome = real(*args, **kwargs)  # type: ignore[arg-type]
        outcome.status, outcome.stopped_by = "feasible", "time limit reached"
        outcome.bound, outcome.gap = outcome.objective * 1.25, 0.25
        return outcome

    real = problem.find_plan
    monkeypatch.setattr(problem, "find_plan", stopped)
    ran = optimizer("run", SMALLEST, "--out", tmp_path / "out")
    assert ran.code == 4
    assert "smallest: feasible, proven gap 25 % (stopped: time limit" in ran.out
    assert "HiGHS stopped (time limit reached) with a plan proven to within 25 %" in ran.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["status"], summary["mip_gap"]) == ("feasible", 0.25)
    assert summary["bound"] == pytest.approx(1.25 * summary["expected_profit"])
    assert "optimal" not in ran.out + ran.err


def test_validate_says_what_was_checked_and_goes_on_after_a_refused_file(tmp_path: Path) -> None:
    bad = write(tmp_path, changed(BASE, ("machines: 8000", "machines: 0")))
    ran = optimizer("validate", bad, SMALLEST)
    assert ran.code == 2
    assert "machines (s.yaml:" in ran.err
    assert ran.out.startswith(f"{SMALLEST}: valid. smallest: 4 steps of 1h from 2024-08-19T00:00+00:00 (UTC)")
    assert "Checked: keys, types, units" in ran.out
    assert optimizer("validate", SMALLEST).code == 0


def test_schema_names_every_section_with_its_meaning() -> None:
    ran = optimizer("schema")
    schema = json.loads(ran.out)
    assert ran.code == 0
    assert {"format", "horizon", "sites", "solver"} <= schema["properties"].keys()
    assert schema["properties"]["name"]["description"] == "Title of the plan."


def test_version_help_and_misuse() -> None:
    assert optimizer("--version").out == f"optimizer {__version__}\n"
    assert "run" in optimizer("--help").out
    assert optimizer("run").code == 2
    assert optimizer("run", SMALLEST, "--fast").code == 2
    assert optimizer("plan").code == 2
    for ran in (optimizer("run"), optimizer("plan")):
        assert "Traceback" not in ran.err


def test_markup_in_names_is_text(tmp_path: Path) -> None:
    text = changed(SMALLEST.read_text(), ("name: smallest", "name: '[/bold] half [1/2]'\ncurrency: '[/]'"))
    (tmp_path / "s.yaml").write_text(text)
    ran = optimizer("run", tmp_path / "s.yaml", "--out", tmp_path / "out [/red]")
    assert ran.code == 0, ran.err
    assert "[/bold] half [1/2]: optimal" in ran.out
    assert "626.00 [/]" in ran.out
    assert "out [/red]/" in ran.out


# ---------------------------------------------------------------------- failures
@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (MemoryError(), 1, "error: the memory does not suffice"),
        (ZeroDivisionError("by zero"), 1, "internal error: ZeroDivisionError: by zero\nThis is a defect of optimizer"),
        (KeyboardInterrupt(), 130, "interrupted; nothing was written"),
    ],
)
def test_failures_of_our_own_are_one_message(
    error: BaseException, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimizer import problem

    def failing(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(problem, "find_plan", failing)
    ran = optimizer("run", SMALLEST, "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())
    if isinstance(error, ZeroDivisionError):
        assert "Traceback" in optimizer("--verbose", "run", SMALLEST, "--out", tmp_path / "out").err


def test_out_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    ran = optimizer("run", SMALLEST, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "results cannot be written here: it is a file" in ran.err
    assert (tmp_path / "out").read_text() == "mine"


def test_results_are_not_written_over_the_scenario_itself(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(SMALLEST.read_text())
    ran = optimizer("run", file, "--out", tmp_path)
    assert ran.code == 2
    assert "scenario.yaml of other origin would be lost; choose another folder" in ran.err
    assert file.read_text() == SMALLEST.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["schema"], ["run", str(SMALLEST), "--json"], ["run", str(SMALLEST)]])
def test_a_full_disk_behind_stdout(arguments: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "error: stdout cannot be written: No space left on device\n"


@pytest.mark.parametrize("arguments", [["schema"], ["run", str(SMALLEST), "--json"], ["run", str(SMALLEST)]])
def test_a_reader_who_leaves_early_is_no_failure(arguments: list[str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), err) == (0, "")


def test_nobody_listens_at_all(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" >&- 2>&-', "sh", *command("run", SMALLEST, "--out", tmp_path / "out")],
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / "out" / "summary.json").is_file()
    done = subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *command("run", "absent.yaml")], check=False, timeout=60)
    assert done.returncode == 2


def test_leaving_while_highs_is_still_at_work_does_not_wait_for_it() -> None:
    script = (
        "import threading, time\nfrom optimizer import cli\n"
        f"threading.Thread(target=time.sleep, args=(60,), name={THREAD_NAME!r}).start()\n"
        "print('said')\ncli._leave(130)\n"
    )
    done = subprocess.run([command()[0], "-c", script], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (130, "said\n", "")


# ---------------------------------------------------------------------- the live line
def test_the_progress_line() -> None:
    line = console.progress_line(Progress(12.34, 1234567.0, 1240000.0, 0.0044, 17))
    assert line == "12.3 s  plan 1,234,567  bound 1,240,000  gap 0.44 %  nodes 17"
    early = console.progress_line(Progress(0.5, -float("inf"), 1e31, float("inf"), 0))
    assert early == "0.5 s  plan none yet  bound open  gap open  nodes 0"


def test_the_live_line_shows_on_a_terminal_only_and_never_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from optimizer.highs import solve
    from optimizer.scenario import SolverOptions

    with console.live_progress() as progress:
        solve(hard(), SolverOptions(time_limit_s=1.0, threads=1), progress=progress)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with console.live_progress() as progress:
        solve(hard(), SolverOptions(time_limit_s=1.5, threads=1), progress=progress)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "nodes 0" in shown.err


def test_a_library_user_finds_the_log_as_it_was() -> None:
    log = logging.getLogger("optimizer")
    before = log.handlers[:], log.propagate, log.level
    optimizer("--verbose", "validate", SMALLEST)
    assert (log.handlers, log.propagate, log.level) == before


def test_the_command_is_declared() -> None:
    assert isinstance(cli.app, typer.Typer)
    assert line_of(BASE, "sites:") == 11
