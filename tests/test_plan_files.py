"""The results folder: whole or not at all, read back into the same plan, and run again elsewhere."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from broken_base import BASE, changed, write

import optimizer as opt
from optimizer import plan_files
from optimizer.output_folder import RESULT_FILES, OutputFolder
from optimizer.plan_files import dispatch_table, resolved


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> opt.Plan:
    """The plan of the base scenario: two members, data from a file, every kind of section."""
    return opt.optimize(opt.load(write(tmp_path_factory.mktemp("base"))))


@pytest.fixture(scope="module")
def saved(plan: opt.Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plan.save(tmp_path_factory.mktemp("saved") / "plan")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of the results folder, to be broken."""
    return Path(shutil.copytree(saved, tmp_path / "plan"))


def test_saved_and_read_back_it_is_the_same_plan(plan: opt.Plan, saved: Path) -> None:
    again = opt.Plan.load(saved)
    assert again.summary == plan.summary
    assert again.solver_log == plan.solver_log
    xr.testing.assert_identical(again.dispatch, plan.dispatch)
    assert again.money.keys() == plan.money.keys()
    for key, amount in plan.money.items():
        np.testing.assert_array_equal(again.money[key], amount)
    pd.testing.assert_frame_equal(again.ledger, plan.ledger)
    assert repr(again) == repr(plan)


def test_the_folder_holds_what_is_promised_and_nothing_else(saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} == set(RESULT_FILES)
    summary = json.loads((saved / "summary.json").read_text())
    assert summary["format"] == 1
    assert summary["timing_s"]["write"] > 0
    assert sum(summary["ledger"].values()) == pytest.approx(summary["expected_profit"])


def test_it_runs_again_from_its_own_scenario_wherever_it_is(plan: opt.Plan, folder: Path) -> None:
    again = opt.optimize(opt.load(folder / "scenario.yaml"))
    for figure in (
        "status",
        "expected_profit",
        "profit_by_member",
        "ledger",
        "bound",
        "energy_mwh",
        "work_done",
        "cvar",
    ):
        assert again.summary[figure] == plan.summary[figure]
    xr.testing.assert_identical(again.dispatch, plan.dispatch)


def test_a_run_from_results_into_the_same_folder(plan: opt.Plan, folder: Path) -> None:
    opt.optimize(opt.load(folder / "scenario.yaml")).save(folder)
    assert opt.Plan.load(folder).expected_profit == plan.expected_profit


def test_a_scenario_without_data_files_needs_no_inputs(tmp_path: Path) -> None:
    text = BASE.replace("market.price", "33").replace(
        "data:\n  market:\n    file: market.csv\n    time: utc_start\n", ""
    )
    scenario = opt.load(write(tmp_path, text))
    document, inputs = resolved(scenario)
    assert inputs is None
    assert document["sites"][0]["contracts"][0]["price_per_mwh"] == 33


def test_series_of_files_are_resolved_with_their_scale(tmp_path: Path) -> None:
    scaled = "price_per_mwh: {series: market.price, scale: 2, add: 1}\n"
    scenario = opt.load(write(tmp_path, changed(BASE, ("price_per_mwh: market.price\n", scaled))))
    document, inputs = resolved(scenario)
    assert inputs is not None
    name = "sites_odessa_contracts_spot_price_per_mwh"
    assert document["sites"][0]["contracts"][0]["price_per_mwh"] == f"inputs.{name}"
    np.testing.assert_array_equal(inputs[name], 2 * np.arange(30.0, 54.0) + 1)


def test_tables_of_inputs_that_would_have_one_name(tmp_path: Path) -> None:
    """``a`` + ``b_contracts_c`` and ``a_contracts_b`` + ``c`` join to the same; both series must survive."""
    assert plan_files._unused("a", {"a": 1, "a_": 2}) == "a__"


def test_dispatch_csv_has_a_row_for_each_component_and_site(plan: opt.Plan, saved: Path) -> None:
    table = pd.read_csv(saved / "dispatch.csv")
    steps, components = plan.dispatch.sizes["time"], plan.dispatch.sizes["component"]
    assert len(table) == 2 * steps * (components + 1)
    first = table.iloc[0]
    assert first["time_utc"] == "2024-08-19 05:00:00+00:00"
    assert first["time_local"] == "2024-08-19 00:00:00-05:00"
    imported = table[table["kind"] == "site"]["import_mw"].to_numpy()
    np.testing.assert_allclose(imported, plan.dispatch["import_mw"].to_numpy().ravel())
    frame = dispatch_table(plan)
    machines = frame[(frame["component"] == "s21") & (frame["member"] == 0)]
    power = plan.dispatch["power_mw"].sel(component="s21", member=0).to_numpy()
    np.testing.assert_allclose(machines["power_mw"], power)
    own = [column for column in frame.columns if "[" in column]
    assert own
    assert frame[own].notna().any().all()


# ---------------------------------------------------------------------- folders of others
def test_foreign_files_survive_and_earlier_results_are_replaced(plan: opt.Plan, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / "mine").mkdir()
    (folder / "solver.log").write_text("of an earlier run")
    text = BASE.replace("market.price", "33")
    small = opt.optimize(opt.load(write(folder.parent, changed(text, ("name: broken on purpose", "name: other")))))
    small.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "mine").is_dir()
    assert (folder / "solver.log").read_text() == small.solver_log
    assert not (folder / "inputs.nc").exists()  # the earlier run's, which this one has no use for
    assert opt.Plan.load(folder).scenario.name == "other"
    assert not list(folder.glob(".partial-*"))


@pytest.mark.parametrize("name", ["scenario.yaml", "report.html", "summary.json"])
def test_files_of_the_same_name_that_are_no_results_are_not_overwritten(
    plan: opt.Plan, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text('{"format": 1}')
    with pytest.raises(opt.InputError, match=f"{name} of other origin would be lost; choose another folder"):
        plan.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_places_that_cannot_be_written(plan: opt.Plan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(opt.InputError, match="cannot be written here: it is a file"):
        plan.save(tmp_path / "file")
    with pytest.raises(opt.InputError, match="cannot be written here: Not a directory"):
        plan.save(tmp_path / "file" / "deeper" / "still")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_may_not_be_written(plan: opt.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a raised error, since the tests may run as root, for whom there is no such folder."""
    _refuse(monkeypatch, "optimizer.output_folder.tempfile.mkdtemp", errno.EACCES)
    with pytest.raises(opt.InputError, match="cannot be written here: Permission denied"):
        plan.save(tmp_path / "new" / "deep")
    assert not list(tmp_path.iterdir())
    _refuse(monkeypatch, "optimizer.output_folder.tempfile.mkdtemp", errno.ENOSPC)
    with pytest.raises(opt.OutputError, match="No space left on device"):
        plan.save(tmp_path / "new" / "deep")
    assert not list(tmp_path.iterdir())


def _refuse(monkeypatch: pytest.MonkeyPatch, target: str, number: int) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise OSError(number, {errno.EACCES: "Permission denied", errno.ENOSPC: "No space left on device"}[number])

    monkeypatch.setattr(target, refused)


# ---------------------------------------------------------------------- a full disk
@pytest.mark.parametrize("full_at", RESULT_FILES)
@pytest.mark.parametrize("earlier", [False, True])
def test_a_disk_that_fills_up_leaves_all_as_it_was(
    plan: opt.Plan, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str, earlier: bool
) -> None:
    target = tmp_path / "out"
    if earlier:
        shutil.copytree(saved, target)
    before = _contents(tmp_path)
    opened = Path.open

    def full_disk(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == full_at and path.parent.name.startswith(".partial-"):
            with opened(path, "w") as file:
                file.write("half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *args, **kwargs)

    def to_csv(frame: pd.DataFrame, path: Path, **kwargs: Any) -> None:
        with path.open("w") as file:
            file.write("a,b")

    monkeypatch.setattr(Path, "open", full_disk)
    monkeypatch.setattr(pd.DataFrame, "to_csv", to_csv)
    with pytest.raises(opt.OutputError, match=r"could not be written .* No space left on device") as caught:
        plan.save(target)
    monkeypatch.undo()
    assert caught.value.exit_code == 1
    assert _contents(tmp_path) == before


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stuck_at", range(2, 2 * len(RESULT_FILES)))
def test_a_failure_while_files_are_moved_in_is_undone(
    plan: opt.Plan, folder: Path, monkeypatch: pytest.MonkeyPatch, stuck_at: int
) -> None:
    before = _contents(folder)
    moved: list[str] = []
    replace = Path.replace

    def stuck(path: Path, target: Path) -> Path:
        moved.append(path.name)
        if len(moved) == stuck_at:
            raise OSError(errno.EIO, "Input/output error")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stuck)
    with pytest.raises(opt.OutputError, match="Input/output error"):
        plan.save(folder)
    monkeypatch.undo()
    assert _contents(folder) == before


def test_leaving_without_publishing_leaves_no_trace(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "a" / "b") as output:
        (output.staging / "half").write_text("")
        assert output.staging.parent == tmp_path / "a" / "b"
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- folders that cannot be read
def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _with(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_without("summary.json"), "is no results folder: it has no summary.json"),
        (_without("dispatch.nc"), "the results folder lacks dispatch.nc"),
        (_without("scenario.yaml"), "lacks scenario.yaml"),
        (_without("inputs.nc"), "inputs.nc is not there"),
        (_with("summary.json", b"{"), "cannot be read"),
        (_with("summary.json", b"[]"), "must be 1 for this version"),
        (_with("summary.json", b'{"format": 2}'), "found 2; must be 1 for this version"),
        (
            _with("summary.json", b'{"format": 1, "status": "optimal"}'),
            "is no summary of a plan: it lacks expected_profit",
        ),
        (_with("dispatch.nc", b"rubbish"), "dispatch.nc: cannot be read"),
        (_with("dispatch.nc", b""), "dispatch.nc: cannot be read"),
        (_with("ledger.csv", b""), "ledger.csv: cannot be read"),
        (_with("ledger.csv", b"a,b\n1,2\n"), "ledger.csv: cannot be read"),
        (
            _with("ledger.csv", b"component,line,member,time_utc,amount\ns21,x,0,2031-01-01T00:00Z,1\n"),
            "2031-01-01T00:00:00+00:00 is no step of the horizon",
        ),
        (
            _with("ledger.csv", b"component,line,member,time_utc,amount\ns21,x,7,2024-08-19T05:00Z,1\n"),
            "ledger.csv: cannot be read",
        ),
        (_with("solver.log", b"\xff\xfe"), "solver.log: cannot be read"),
        (_with("scenario.yaml", b"format: 1\n"), "is missing"),
    ],
)
def test_folders_that_are_incomplete_or_of_others(folder: Path, change: Callable[[Path], None], says: str) -> None:
    change(folder)
    with pytest.raises(opt.InputError) as caught:
        opt.Plan.load(folder)
    assert says in str(caught.value)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(opt.InputError, match="is no results folder"):
        opt.Plan.load(tmp_path / "absent")
