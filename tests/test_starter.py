"""`optimizer new`: a commented scenario with its data that runs as it is."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from command_line import optimizer

import optimizer as opt
from optimizer.starter import HOURS, START, TIMEZONE, write_starter


def test_the_starter_runs_as_it_is(tmp_path: Path) -> None:
    made = optimizer("new", tmp_path / "my campus")
    scenario = tmp_path / "my campus" / "scenario.yaml"
    assert (made.code, made.err) == (0, "")
    assert made.out == f"Made {scenario}. Run it with: optimizer run '{scenario}'\n"
    assert sorted(path.name for path in scenario.parent.iterdir()) == ["market.csv", "scenario.yaml"]
    ran = optimizer("run", scenario, "--out", tmp_path / "out", "--json")
    assert (ran.code, ran.err) == (0, "")
    summary = json.loads(ran.out)
    assert summary["status"] == "optimal"
    assert summary["expected_profit"] > 0
    assert summary["warnings"] == []


def test_its_data_fit_its_horizon_and_every_section_is_commented(tmp_path: Path) -> None:
    path = write_starter(tmp_path)
    scenario = opt.load(path)
    assert scenario.horizon.timezone == TIMEZONE
    assert scenario.horizon.local[0].isoformat()[:16] == START
    assert scenario.horizon.steps == HOURS
    lines = path.read_text().splitlines()
    assert sum("#" in line for line in lines) >= 25
    assert max(map(len, lines)) <= 120


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = write_starter(tmp_path / "a").parent, write_starter(tmp_path / "b").parent
    assert (first / "market.csv").read_bytes() == (second / "market.csv").read_bytes()


@pytest.mark.parametrize("name", ["scenario.yaml", "market.csv"])
def test_a_folder_that_holds_a_scenario_or_data_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    ran = optimizer("new", tmp_path)
    assert ran.code == 2
    assert f"the starter cannot be written here: {name} of other origin would be lost" in ran.err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_results_folder_is_refused_too(tmp_path: Path) -> None:
    scenario = write_starter(tmp_path / "a")
    assert optimizer("run", scenario, "--out", tmp_path / "out").code == 0
    assert optimizer("new", tmp_path / "out").code == 2
    assert opt.Plan.load(tmp_path / "out").status == "optimal"


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write_starter(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "it is a file" in optimizer("new", tmp_path / "file").err


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def full(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "scenario.yaml" and "w" in str(args) + str(kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *args, **kwargs)  # type: ignore[arg-type,call-overload]

    monkeypatch.setattr(Path, "open", full)
    ran = optimizer("new", tmp_path / "a")
    monkeypatch.undo()
    assert ran.code == 1
    assert "the starter cannot be written to" in ran.err
    assert not list(tmp_path.iterdir())
