"""A sweep that ends before its end, however: what was solved is kept, and going on gives what it would have given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from command_line import command, optimizer
from sweep_case import FEE, MACHINES, SCALE, assert_same, profits, scenario_file

import optimizer as opt
from optimizer.errors import OutputError
from optimizer.sweeps import store as store_module
from optimizer.sweeps.files import fingerprints, read_files
from optimizer.sweeps.store import DATASET, MANIFEST, POINTS, TABLE, Store, differences
from optimizer.sweeps.values import Axis
from optimizer.sweeps.variations import Variations

VARY = {SCALE: [0.5, 1.0, 1.5], FEE: [0.0, 0.02]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return scenario_file(tmp_path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def lines(out: Path) -> list[dict[str, Any]]:
    """What is kept, line by line."""
    return [json.loads(line) for line in (out / POINTS).read_text().splitlines()]


def read(out: Path) -> xr.Dataset:
    with xr.open_dataset(out / DATASET, engine="h5netcdf") as dataset:
        return dataset.load()


def stopped_after(points: int) -> Callable[[Any], None]:
    """Progress that ends a sweep in its middle."""

    def progress(count: Any) -> None:
        if count.done == points:
            raise KeyboardInterrupt

    return progress


def refusals(*arguments: Any, **options: Any) -> str:
    with pytest.raises(opt.InputError) as caught:
        opt.sweep(*arguments, **options)
    return str(caught.value)


# ---------------------------------------------------------------------- what is kept
def test_every_point_is_kept_as_soon_as_it_is_solved(file: Path, out: Path) -> None:
    """Proves: when the progress says so, the point's line is on the disk, whole."""
    kept = []
    found = opt.sweep(file, VARY, out=out, progress=lambda count: kept.append(len(lines(out))))
    assert kept == [1, 2, 3, 4, 5, 6]
    assert [line["point"] for line in lines(out)] == [0, 1, 2, 3, 4, 5]
    assert sorted(path.name for path in out.iterdir()) == sorted([MANIFEST, POINTS, DATASET, TABLE])
    xr.testing.assert_equal(read(out), found)
    table = (out / TABLE).read_text().splitlines()
    assert table[0].startswith(f"{SCALE},{FEE},status,reason")
    assert len(table) == 7


def test_going_on_solves_only_what_is_left(file: Path, out: Path) -> None:
    whole = opt.sweep(file, VARY)
    with pytest.raises(KeyboardInterrupt):
        opt.sweep(file, VARY, out=out, progress=stopped_after(2))
    assert len(lines(out)) == 2
    before, counts = lines(out), []
    found = opt.sweep(file, VARY, out=out, resume=True, progress=counts.append)
    assert [count.done for count in counts] == [3, 4, 5, 6]
    assert lines(out)[:2] == before
    assert_same(found, whole)
    # and once more, when all is there: nothing is solved
    assert_same(opt.sweep(file, VARY, out=out, resume=True, progress=stopped_after(0)), whole)
    assert len(lines(out)) == 6


def test_a_line_that_was_cut_off_is_solved_again(file: Path, out: Path) -> None:
    """Proves: every possible end of the last line that a power cut may leave. Sensitivity: appended to half a line, the
    next point would be lost too."""
    whole = opt.sweep(file, VARY, out=out)
    content = (out / POINTS).read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    for end in (last + 1, last + 9, len(content) - 2, len(content) - 1):
        (out / POINTS).write_bytes(content[:end])
        assert_same(opt.sweep(file, VARY, out=out, resume=True), whole)
        assert [line["point"] for line in lines(out)] == [0, 1, 2, 3, 4, 5]


def test_points_that_failed_are_tried_again(file: Path, out: Path) -> None:
    """Proves: a failure (a worker out of memory) is no property of the point; infeasible is."""
    limit = "sites.a.contracts.spot.limit_mw"
    vary = {limit: [0.5, 4.0], "sites.a.house_load_mw": [0, 1]}
    whole = opt.sweep(file, vary, out=out)
    spoilt = [line | {"status": "failed"} if line["point"] == 2 else line for line in lines(out)]
    (out / POINTS).write_text("".join(json.dumps(line) + "\n" for line in spoilt))
    assert_same(opt.sweep(file, vary, out=out, resume=True), whole)
    assert [line["point"] for line in lines(out)] == [0, 1, 2, 3, 2]
    assert_same(opt.sweep(file, vary, out=out, resume=True), whole)


SWEEP = [f"--vary={SCALE}=0.5:1.5:0.05", f"--vary={FEE}=0,0.02,0.04"]
POINTS_OF_SWEEP = 63


def ended(file: Path, out: Path, number: int, *options: str) -> tuple[int, str]:
    """Start the command in a process group of its own and send it a signal in the middle; exit code and stderr."""
    process = subprocess.Popen(
        command("sweep", file, *SWEEP, "--out", out, *options),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 100
    while not (out / POINTS).exists() or (out / POINTS).read_bytes().count(b"\n") < 5:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_and_gone_on_with_gives_the_same(jobs: str, file: Path, out: Path, tmp_path: Path) -> None:
    """Proves: after SIGKILL to all of its processes the sweep goes on, and every figure is as if nothing had been."""
    whole = opt.sweep(file, [option.removeprefix("--vary=") for option in SWEEP])
    code, _ = ended(file, out, signal.SIGKILL, "--jobs", jobs)
    assert code == -signal.SIGKILL
    kept = len(lines(out)) if (out / POINTS).read_bytes().endswith(b"\n") else None
    assert kept is None or kept < POINTS_OF_SWEEP
    ran = optimizer("sweep", file, *SWEEP, "--out", out, "--resume", "--jobs", jobs)
    assert ran.code == 0, ran.err
    assert sorted(line["point"] for line in lines(out)) == list(range(POINTS_OF_SWEEP))
    assert_same(read(out), whole)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_what_is_solved(jobs: str, file: Path, out: Path) -> None:
    code, err = ended(file, out, signal.SIGINT, "--jobs", jobs)
    assert code == 4, err
    assert "Traceback" not in err
    assert f"of {POINTS_OF_SWEEP} points are kept in {out}; go on with --resume" in err
    assert 5 <= len(lines(out)) < POINTS_OF_SWEEP


# ---------------------------------------------------------------------- what is refused
def test_a_folder_that_holds_a_sweep_is_not_written_over(file: Path, out: Path) -> None:
    opt.sweep(file, VARY, out=out)
    assert "holds a sweep already; go on with --resume, or choose another folder" in refusals(file, VARY, out=out)


def test_another_sweep_is_not_mixed_in(file: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: a changed scenario, changed data, other values, another version: each is refused, and each is shown."""
    opt.sweep(file, VARY, out=out)
    before = lines(out)
    text, market = file.read_text(), file.parent / "market.csv"
    prices = market.read_text()

    file.write_text(text.replace("machines: 1000", "machines: 900"))
    said = refusals(file, VARY, out=out, resume=True)
    assert "holds another sweep than the one asked for" in said
    assert "scenario.sites[0].assets[0].machines (manifest.json): was 1000, is 900" in said
    file.write_text(text)

    market.write_text(prices.replace(",120,", ",121,"))
    assert "market.csv (manifest.json): its content has changed" in refusals(file, VARY, out=out, resume=True)
    market.write_text(prices)

    said = refusals(file, {SCALE: [0.5, 1.0, 2.0], MACHINES: [5]}, out=out, resume=True)
    assert "was [[0.0], [0.02]], is not there" in said
    assert "was 1.5, is 2.0" in said

    monkeypatch.setattr("optimizer.sweeps.points.PACKAGES", ("numpy",))
    assert "versions.highspy (manifest.json): was " in refusals(file, VARY, out=out, resume=True)
    assert lines(out) == before


def test_many_differences_are_cut_short() -> None:
    found = list(differences({"a": [1, 2], "b": 3}, {"a": [1, 5], "c": 4}))
    assert found == [("a[1]", "was 2, is 5"), ("b", "was 3, is not there"), ("c", "was not there, is 4")]


def test_only_one_sweep_writes_at_a_time(file: Path, out: Path) -> None:
    opt.sweep(file, VARY, out=out)
    asked = json.loads((out / MANIFEST).read_text())
    with Store(out, asked, 6, resume=True):
        assert "another sweep is writing here" in refusals(file, VARY, out=out, resume=True)
    opt.sweep(file, VARY, out=out, resume=True)


def test_folders_that_cannot_be_used(file: Path, tmp_path: Path) -> None:
    """Proves: a file in its place, results of other origin, a manifest that is none, a point that does not exist."""
    occupied = tmp_path / "occupied"
    occupied.touch()
    assert "results cannot be written here" in refusals(file, VARY, out=occupied)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / POINTS).write_text("mine")
    assert "points.jsonl of other origin would be lost" in refusals(file, VARY, out=foreign)
    assert (foreign / POINTS).read_text() == "mine"
    broken = tmp_path / "broken"
    opt.sweep(file, VARY, out=broken)
    manifest = (broken / MANIFEST).read_text()
    (broken / MANIFEST).write_text("{")
    assert "manifest.json cannot be read" in refusals(file, VARY, out=broken, resume=True)
    (broken / MANIFEST).write_text(manifest)
    (broken / POINTS).write_text('{"point": 6, "status": "optimal"}\n')
    assert "has point 6, and the sweep has 6" in refusals(file, VARY, out=broken, resume=True)


def test_resume_without_a_sweep_begins_one(file: Path, out: Path) -> None:
    assert profits(opt.sweep(file, {SCALE: [1.0]}, out=out, resume=True)) == [626.0]


def test_a_full_disk_keeps_what_is_there(file: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: neither a point nor the results that cannot be written lose the points before."""
    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.os, "fsync", full)
    with pytest.raises(OutputError, match=r"point 2 could not be written to .*: No space left.*the points before it"):
        opt.sweep(file, VARY, out=out)
    monkeypatch.undo()

    def no_table(dataset: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "point_table", no_table)
    with pytest.raises(OutputError, match="results could not be written"):
        opt.sweep(file, VARY, out=out, resume=True)
    monkeypatch.undo()
    assert_same(opt.sweep(file, VARY, out=out, resume=True), opt.sweep(file, VARY))


def test_tariff_files_count_as_data(file: Path) -> None:
    """Proves: what a scenario reads beside its series is part of what may not change, and so are varied files."""
    rates = file.parent / "rates.csv"
    rates.write_text("anything")
    data = {"sites": [{"contracts": [{"kind": "tariff", "file": "rates.csv"}]}], "data": {"m": {"file": "gone.csv"}}}
    varied = Variations((Axis("a", ("a",), (("market.csv",), (5,), ("text",))),))
    first = fingerprints(read_files(data, varied, file.parent), {})
    assert sorted(first) == ["market.csv", "rates.csv"]
    rates.write_text("anything else")
    assert fingerprints(read_files(data, varied, file.parent), {})["rates.csv"] != first["rates.csv"]


# ---------------------------------------------------------------------- the command
def test_the_command_prints_the_best_points(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: results in the folder of the file's name, a table with the best first, exit code 0."""
    monkeypatch.chdir(tmp_path)
    ran = optimizer("sweep", file, "--vary", f"{SCALE}=0.5:1.5:0.5", "--jobs", 1)
    assert ran.code == 0, ran.err
    assert "four hours: 3 optimal" in ran.out
    assert ran.out.index("1,103.00") < ran.out.index("662.50") < ran.out.index("626.00")
    assert "Results: results/four_hours-sweep/ (sweep.nc, points.csv)" in ran.out
    assert np.allclose(read(tmp_path / "results" / "four_hours-sweep")["expected_profit"], [1103, 626, 662.5])


def test_exit_codes_of_the_command(file: Path, tmp_path: Path) -> None:
    """Proves: 4 where some points have no proven plan, 5 where none has one, 2 where the input is refused."""
    limit = "sites.a.contracts.spot.limit_mw"
    load = "sites.a.house_load_mw=1"
    some = optimizer("sweep", file, "--vary", f"{limit}=0.5,4", "--vary", load, "--out", tmp_path / "s", "--jobs", 1)
    assert (some.code, "1 infeasible, 1 optimal" in some.out) == (4, True), some.err
    none = optimizer("sweep", file, "--vary", f"{limit}=0.4,0.5", "--vary", load, "--out", tmp_path / "n", "--jobs", 1)
    assert (none.code, "2 infeasible" in none.out) == (5, True), none.err
    refused = optimizer("sweep", file, "--vary", "sites.a.nam=x", "--jobs", 0, "--out", tmp_path / "r")
    assert refused.code == 2
    assert "the input was refused (2 problems)" in refused.err
    assert "did you mean 'name'?" in refused.err
    assert not (tmp_path / "r").exists()


def test_only_the_best_points_are_printed(file: Path, out: Path) -> None:
    ran = optimizer("sweep", file, "--vary", f"{SCALE}=0.5:1.5:n30", "--jobs", 1, "--out", out)
    assert ran.code == 0, ran.err
    assert "The best 20 of 30 points." in ran.out
