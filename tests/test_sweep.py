"""Sweeps: what is varied, what comes of it, and what is refused before anything runs."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sweep_case import FEE, MACHINES, PROFIT, SCALE, assert_same, profits, scenario_file

import optimizer as opt
from optimizer.scenario_file import RawScenario, with_values
from optimizer.sweeps.points import Point, PointSolver, groundwork
from optimizer.sweeps.store import point_table
from optimizer.sweeps.values import Axis, plain
from optimizer.sweeps.variations import Variations, variations


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return scenario_file(tmp_path)


def refusals(scenario: Any, *arguments: Any, **options: Any) -> str:
    """The text of all problems for which a sweep is refused."""
    with pytest.raises(opt.InputError) as caught:
        opt.sweep(scenario, *arguments, **options)
    return str(caught.value)


# ---------------------------------------------------------------------- a grid
def test_a_grid_by_hand(file: Path) -> None:
    """Proves: three scales of the price times two sizes of the fleet; profit is in proportion to the machines.

    Sensitivity: were the scale not taken in, each row would hold 626 and 313.
    """
    counts = []
    found = opt.sweep(file, {SCALE: [0.5, 1.0, 1.5], MACHINES: (1000, 500)}, progress=counts.append)
    assert found["expected_profit"].dims == (SCALE, MACHINES)
    expected = [[PROFIT[scale], PROFIT[scale] / 2] for scale in (0.5, 1.0, 1.5)]
    assert found["expected_profit"].to_numpy() == pytest.approx(np.array(expected))
    assert found[SCALE].to_numpy().tolist() == [0.5, 1.0, 1.5]
    assert found[MACHINES].to_numpy().tolist() == [1000, 500]
    assert (found["status"] == "optimal").all()
    assert (found["reason"] == "").all()
    assert found["mip_gap"].to_numpy().max() <= 1e-3
    assert found["bound"].to_numpy() == pytest.approx(np.array(expected))
    at_scale_1 = found.sel({SCALE: 1.0, MACHINES: 1000})
    assert at_scale_1["ledger"].sel(line="mining_revenue") == pytest.approx(1200.0)
    assert at_scale_1["ledger"].sel(line="spot_energy") == pytest.approx(-574.0)
    assert at_scale_1["energy_mwh"].sel(component="m") == pytest.approx(10.5)
    assert at_scale_1["peak_import_mw"] == pytest.approx(3.5)
    assert at_scale_1["peak_import_mw_by_site"].sel(site="a") == pytest.approx(3.5)
    assert [(count.done, count.total, count.failed) for count in counts] == [(n, 6, 0) for n in range(1, 7)]


def test_the_ledger_adds_up_and_everything_has_its_unit(file: Path) -> None:
    found = opt.sweep(file, {SCALE: [0.5, 1.5]})
    assert found["ledger"].sum("line").to_numpy() == pytest.approx(found["expected_profit"].to_numpy())
    assert all({"units", "long_name"} <= variable.attrs.keys() for variable in found.data_vars.values())
    units = {name: variable.attrs["units"] for name, variable in found.data_vars.items()}
    assert {units[name] for name in ("expected_profit", "bound", "ledger")} == {"USD"}
    assert (units["peak_import_mw"], units["energy_mwh"], units["solve_s"]) == ("MW", "MWh", "s")
    assert found.attrs["name"] == "four hours"


def test_worker_processes_find_the_same(file: Path) -> None:
    """Proves: three processes agree with this one to the last digit."""
    vary = {SCALE: [0.5, 1.0, 1.5], FEE: [0.0, 0.02]}
    assert_same(opt.sweep(file, vary), opt.sweep(file, vary, jobs=3))


@pytest.mark.parametrize("whole", [False, True])
def test_a_point_does_not_depend_on_those_before_it(whole: bool, file: Path) -> None:
    """Proves: solved in the opposite order, by one worker that binds each anew to the last, points are the same; also
    with whole decisions and a gap that leaves HiGHS a choice."""
    if whole:
        fleet = "hashprice_per_ph_day: 48\n        integer: true\n        min_up_hours: 2\n        start_cost: 0.3\n"
        file.write_text(file.read_text().replace("hashprice_per_ph_day: 48\n", fleet) + "solver: {mip_rel_gap: 0.1}\n")
    ground, _, base = groundwork(file)
    assert opt.build(base).arrays.integer.any() == whole
    values = [{SCALE: scale, MACHINES: machines} for scale in (0.5, 1.0, 1.5) for machines in (1000, 500)]
    ground = replace(ground, reference=values[0])
    times = ("solve_s", "point_s", "cpu_s")

    def solved(order: list[dict[str, Any]]) -> list[dict[str, Any]]:
        solver = PointSolver(ground)
        return [{k: v for k, v in solver.record(Point(point)).items() if k not in times} for point in order]

    found = solved(values)
    assert {record["status"] for record in found} == {"optimal"}
    assert found == solved(values[::-1])[::-1]


def test_points_start_from_the_first_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: each worker solves the reference point once; every point starts from what that has left, and none sees
    what another point has left. A reference without a plan is no obstacle."""
    from optimizer import problem

    original, seen = problem.find_plan, []

    def watched(arrays: Any, *arguments: Any, memory: Any, **options: Any) -> Any:
        seen.append(None if memory.values is None else memory.values.tolist())
        return original(arrays, *arguments, memory=memory, **options)

    monkeypatch.setattr(problem, "find_plan", watched)
    opt.sweep(file, {SCALE: [0.5, 1.0, 1.5]})
    assert len(seen) == 4
    assert seen[0] is None
    assert seen[1] is not None
    assert seen[1] == seen[2] == seen[3]
    limit, load = "sites.a.contracts.spot.limit_mw", "sites.a.house_load_mw"
    found = opt.sweep(file, {limit: [0.5, 4.0], load: [1.0]})
    assert found["status"].to_numpy().ravel().tolist() == ["infeasible", "optimal"]


# ---------------------------------------------------------------------- tables
def test_a_table_is_one_dimension(file: Path) -> None:
    """Proves: the points are the rows, and the columns stand along them."""
    table = pd.DataFrame({SCALE: [0.5, 1.5], MACHINES: [500, 1000]})
    found = opt.sweep(file, table=table)
    assert found["expected_profit"].dims == ("point",)
    assert profits(found) == [551.5, 662.5]
    assert found[MACHINES].dims == ("point",)
    assert found[MACHINES].to_numpy().tolist() == [500, 1000]
    assert list(point_table(found).columns[:3]) == ["point", SCALE, MACHINES]


def test_a_table_times_a_grid(file: Path, tmp_path: Path) -> None:
    """Proves: cells are read as in a scenario file, and every row is combined with every value."""
    csv = tmp_path / "variations.csv"
    csv.write_text(f"sites.a.contracts.spot.price_per_mwh,{MACHINES}\nmarket.price,1000\nmarket.half,500\n\n80,1000\n")
    found = opt.sweep(file, {SCALE: "1,0.5"}, table=csv)
    assert found["status"].dims == ("point", SCALE)
    # at 80 an hour earns 120, at 40 it earns 260
    assert profits(found) == [626.0, 1103.0, 551.5, round((1600 - 3.5 * 71) / 2, 6), 480.0, 1040.0]
    assert found["sites.a.contracts.spot.price_per_mwh"].to_numpy().tolist() == ["market.price", "market.half", "80"]


# ---------------------------------------------------------------------- what can be varied
def test_scale_and_add_of_a_series() -> None:
    """Proves: behind text or a list they make a scaled series, behind a number they change it, and of one that is
    scaled already they take the place of what it says."""
    raw = RawScenario(
        {"a": {"text": "m.c", "list": [1, 2], "number": 12, "float": 2.0, "scaled": {"series": "m.c", "scale": 3}}}
    )
    changed = with_values(
        raw,
        {
            "a.text.scale": 0.5, "a.text.add": 1, "a.list.scale": 2, "a.number.scale": 1.1, "a.float.scale": 2,
            "a.scaled.scale": 4,
        },
    )  # fmt: skip
    assert changed.data["a"] == {
        "text": {"series": "m.c", "scale": 0.5, "add": 1},
        "list": {"series": [1, 2], "scale": 2},
        "number": 12 * 1.1,
        "float": 4.0,
        "scaled": {"series": "m.c", "scale": 4},
    }
    halved = with_values(raw, {"a.number.scale": 0.5}).data["a"]["number"]
    assert (halved, type(halved)) == (6, int)
    assert raw.data["a"]["number"] == 12


def test_number_of_machines_is_scaled_to_a_whole_number(file: Path) -> None:
    found = opt.sweep(file, {f"{MACHINES}.scale": [0.5, 1.1]})
    assert profits(found) == [313.0, 688.6]


def test_set_takes_scale_too(file: Path) -> None:
    scenario = opt.load(file, [f"{SCALE}=0.5"])
    assert opt.optimize(scenario).expected_profit == pytest.approx(1103.0)


def test_a_series_is_set_before_it_is_scaled(file: Path) -> None:
    """Proves: whatever the order given. Sensitivity: the other way round, the scale would be lost (1103 for both)."""
    found = opt.sweep(file, {SCALE: [1.0, 2.0], "sites.a.contracts.spot.price_per_mwh": ["market.half"]})
    assert profits(found) == [1103.0, 626.0]


def test_mappings_and_text_can_be_varied(file: Path) -> None:
    path = "sites.a.assets.m.modes"
    modes = [{"name": "on", "hash_th_s": 200, "power_w": watts} for watts in (3500, 3000)]
    found = opt.sweep(file, {path: [[modes[0]], [modes[1]]]})
    # 400 for 3 MWh: hours 1 (100), 2 (40), 3 (550) and 4 (58)
    assert profits(found) == [626.0, 748.0]
    assert found[path].to_numpy()[1] == '[{"name": "on", "hash_th_s": 200, "power_w": 3000}]'


def test_the_horizon_can_be_varied(file: Path) -> None:
    """Proves: the data files are aligned anew: the first 1, 2, 3 hours earn 50, 50, 625."""
    assert profits(opt.sweep(file, {"horizon.steps": "1:3:1"})) == [50.0, 50.0, 625.0]


def test_points_are_solved_with_one_thread_unless_threads_are_varied(file: Path) -> None:
    ground, _, _ = groundwork(file)
    solver = PointSolver(ground)
    assert solver._scenario(Point({SCALE: 1.0})).solver.threads == 1
    assert solver._scenario(Point({"solver.threads": 2})).solver.threads == 2


def test_a_scenario_stands_for_itself(file: Path) -> None:
    """Proves: one that was loaded is swept as it is, also when its files are gone or say something else by now."""
    scenario = opt.load(file)
    vary = {SCALE: [0.5, 1.5], "sites.a.house_load_mw": [0, 1]}
    expected = opt.sweep(scenario, vary)
    assert profits(expected)[::2] == [1103.0, 662.5]
    market = file.parent / "market.csv"
    market.write_text(market.read_text().replace(",120,", ",9,"))
    assert_same(opt.sweep(scenario, vary, jobs=2), expected)
    market.unlink()
    assert_same(opt.sweep(scenario, vary), expected)


def test_data_files_are_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: one read for checking and one sweep of four points together."""
    from optimizer import series

    read: list[Path] = []
    original = series.read_tables

    def counted(path: Path) -> Any:
        read.append(path)
        return original(path)

    monkeypatch.setattr(series, "read_tables", counted)
    opt.sweep(file, {SCALE: [0.5, 1.5], FEE: [0.0, 0.1]})
    assert len(read) == 1


# ---------------------------------------------------------------------- values as they are written
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2.5, -3e2", [1, 2.5, -300.0]),
        ("0:0.3:0.1", [0.0, 0.1, 0.2, 0.3]),
        ("10:20:5", [10, 15, 20]),
        ("10:22:5", [10, 15, 20]),
        ("3:1:-1", [3, 2, 1]),
        ("0:1:n5", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0:100:n3", [0, 50, 100]),
        ("5,10:20:10", [5, 10, 20]),
        ("market.a, market.b", ["market.a", "market.b"]),
        ("2024-08-20T20:00,2024-08-21T00:00", ["2024-08-20T20:00", "2024-08-21T00:00"]),
        ("true,false", [True, False]),
        ("{month: 1},[1, 2]", [{"month": 1}, [1, 2]]),
    ],
)  # fmt: skip
def test_values_are_read_as_written(text: str, values: list[Any]) -> None:
    found, problems = variations([f"a.b={text}"])
    assert problems == []
    assert [value for (value,) in found.axes[0].rows] == values
    assert [type(value) for (value,) in found.axes[0].rows] == [type(value) for value in values]


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 60))
def test_ranges_are_exact(start: int, step: int, count: int) -> None:
    """Proves: in hundredths, every value is the number nearest to the exact one, and the stop is the last of them."""
    stop = start + step * (count - 1)
    (axis,) = variations([f"x={start / 100:.2f}:{stop / 100:.2f}:{step / 100:.2f}"])[0].axes
    exact = [float(Fraction(start + step * n, 100)) for n in range(count)]
    assert [value for (value,) in axis.rows] == exact


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_points_are_all_combinations_each_once(lengths: list[int]) -> None:
    """Proves: the last path runs fastest, and ``holding`` finds exactly the points with a value."""
    axes = tuple(Axis(f"p{n}", (f"p{n}",), tuple((v,) for v in range(length))) for n, length in enumerate(lengths))
    found = Variations(axes)
    points = [tuple(found.point(number).values()) for number in range(len(found))]
    assert points == sorted(set(points))
    assert len(points) == math.prod(lengths)
    held = [tuple(found.point(number).values()) for number in found.holding(axes[0], "p0", 0)]
    assert held == [point for point in points if point[0] == 0]


def test_values_of_python_are_taken_as_plain_ones() -> None:
    assert plain(np.float64(0.5)) == 0.5
    assert plain(np.array([1, 2])) == [1, 2]
    assert plain(pd.Timestamp("2024-08-20T20:00")) == "2024-08-20T20:00:00"
    assert plain({"a": (np.int64(1), None, True)}) == {"a": [1, None, True]}
    with pytest.raises(ValueError, match="no value of a scenario file"):
        plain(object)
    found, problems = variations({"x": np.linspace(0, 1, 3), "y": range(2), "z": "1:3:1"})
    assert (found.shape, problems) == ((3, 2, 3), [])


# ---------------------------------------------------------------------- failed points
def test_a_point_without_a_plan_loses_no_other(file: Path) -> None:
    """Proves: a house load above what the supply can deliver cannot be met; the points around it are there, with the
    reason of the one that is not."""
    limit, load = "sites.a.contracts.spot.limit_mw", "sites.a.house_load_mw"
    found = opt.sweep(file, {limit: [0.5, 4.0], load: [0.0, 1.0]})
    assert found["status"].to_numpy().tolist() == [["optimal", "infeasible"], ["optimal", "optimal"]]
    assert np.isnan(found["ledger"].sel({limit: 0.5, load: 1.0})).all()
    assert "spot: delivered_mw at most 0.5" in str(found["reason"].to_numpy()[0, 1])
    # 0.5 MW are a seventh of the fleet's 3.5; beside the load, 3 MW are left for it, and the load costs 284
    expected = [round(626 / 7, 6), None, 626.0, round(626 * 3 / 3.5 - 284, 6)]
    assert profits(found) == expected


def test_a_combination_that_is_refused_is_told_at_its_point(file: Path) -> None:
    """Proves: each value is in order with some other, so that the sweep runs; what does not fit together is NaN."""
    low, high = "sites.a.assets.b.soc_start_mwh", "sites.a.assets.b.energy_mwh"
    file.write_text(
        file.read_text() + "      - {kind: battery, name: b, power_mw: 1, energy_mwh: 10, soc_start_mwh: 0}\n"
    )
    found = opt.sweep(file, {low: [0, 5, 15], high: [10, 20]})
    assert found["status"].to_numpy().tolist() == [
        ["optimal", "optimal"],
        ["optimal", "optimal"],
        ["refused", "optimal"],
    ]
    assert "soc_start_mwh" in str(found["reason"].to_numpy()[2, 0])


def test_an_unexpected_failure_loses_no_other_point(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optimizer import problem

    original = problem.find_plan

    def broken(arrays: Any, *arguments: Any, **options: Any) -> Any:
        if arrays.cost.min() < -170:
            raise ZeroDivisionError("of all things")
        return original(arrays, *arguments, **options)

    monkeypatch.setattr(problem, "find_plan", broken)
    counts = []
    found = opt.sweep(file, {SCALE: [1.0, 1.5, 0.5]}, progress=counts.append)
    assert found["status"].to_numpy().tolist() == ["optimal", "failed", "optimal"]
    assert found["reason"].to_numpy()[1] == "ZeroDivisionError: of all things"
    assert counts[-1].failed == 1


def test_points_that_stop_at_a_limit_are_marked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: a plan that is not proven is there with its status, and a point without one in time with the reason."""
    from optimizer import problem

    original = problem.find_plan

    def hurried(arrays: Any, options: Any, **others: Any) -> Any:
        outcome = original(arrays, options, **others)
        outcome.stopped_by = "time limit"
        outcome.status = "feasible"
        if options.time_limit_s < 2:
            outcome.status, outcome.values = "no_plan", None
        return outcome

    monkeypatch.setattr(problem, "find_plan", hurried)
    found = opt.sweep(file, {"solver.time_limit_s": [1, 3]})
    assert found["status"].to_numpy().tolist() == ["no_plan", "feasible"]
    assert found["reason"].to_numpy()[1] == "stopped: time limit"
    assert profits(found) == [None, 626.0]


def test_components_that_only_some_points_have(file: Path) -> None:
    """Proves: breakdowns hold all names, NaN where a point has none of it."""
    path = "sites.a.contracts.spot.name"
    found = opt.sweep(file, {path: ["spot", "other"]})
    energy = found["energy_mwh"].sel(component=["spot", "other"]).to_numpy()
    assert np.isnan(energy).tolist() == [[False, True], [True, False]]


def test_warnings_are_told_once_not_at_every_point(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text(
        file.read_text().replace("format: 1\n", "format: 1\nensemble: {members: 2, probabilities: [1, 0]}\n")
    )
    with caplog.at_level(logging.WARNING, "optimizer"):
        opt.sweep(file, {SCALE: [0.5, 1.0, 1.5]})
    assert sum("probability 0" in record.message for record in caplog.records) == 1


# ---------------------------------------------------------------------- bad input
def test_everything_that_is_wrong_is_told_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: nine mistakes of all kinds, each with its place, and no point is solved."""
    from optimizer.sweeps import sweeping

    monkeypatch.setattr(sweeping, "run_tasks", None)
    said = refusals(
        file,
        [
            f"{MACHINES}=10,ten",
            "sites.a.assets.m.machins=5",
            "sites.b.house_load_mw=1",
            "sites.a.contracts.spot.price_per_mwh.scal=1",
            f"{FEE}=",
            "sites.a.house_load_mw=1,1.0",
            "sites.a.grid.export_limit_mw=3:1:1",
            "nonsense",
        ],
        jobs=0,
        resume=True,
    )
    assert 'machines (--vary): found "ten"; must be a whole number' in said
    assert "machins (--vary): unknown key" in said
    assert "did you mean 'machines'?" in said
    assert "sites has no entry named 'b'; names: a" in said
    assert "did you mean 'scale'?" in said
    assert f"{FEE} (--vary): has no values" in said
    assert "sites.a.house_load_mw (--vary): the value is there twice; found 1.0" in said
    assert "steps of 1 do not lead from 3 to 1" in said
    assert "nonsense (--vary): cannot be read; write it as path=value,value,…" in said
    assert "jobs: found 0; must be at least 1" in said
    assert "resume: there is nothing to go on with" in said


def test_a_broken_scenario_is_told_with_the_rest(file: Path) -> None:
    file.write_text(file.read_text().replace("machines: 1000", "machines: -1"))
    said = refusals(file, {FEE: []})
    assert "machines (four_hours.yaml:12): found -1; must be at least 1" in said
    assert "has no values" in said


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ({}, "nothing is varied"),
        ({SCALE: 5}, "not iterable"),
        ({SCALE: "[1"}, "the values cannot be read"),
        ({SCALE: "0:1:n1"}, "1 values; must be 2 to 1,000,000"),
        ({SCALE: "0:1e9:0.1"}, "must be at most 1,000,000"),
        ({SCALE: "0:1:0"}, "steps of 0 do not lead from 0 to 1"),
        ({SCALE: "0:1:n2000", FEE: "0:1:n2000"}, "makes 4,000,000 points; must be at most 1,000,000"),
        ({SCALE: [object()]}, "no value of a scenario file"),
        ({SCALE: ["much"]}, "must be a finite number"),
        ({f"{MACHINES}.scale": ["much"]}, 'found "much"; must be a number'),
        ({f"{MACHINES}.scale": [0.0123]}, "must be a whole number"),
        ({"a..b": [1]}, "is no path"),
        ({"sites.a.grid": [{}], "sites.a.grid.import_limit_mw": [1]}, "sets what 'sites.a.grid' sets too"),
        ({"sites[0].name": ["x"], "sites.a.name": ["y"]}, "sets what 'sites[0].name' sets too"),
        ({"horizon.steps": [5]}, "with 5 the scenario is refused: "),
        ([f"{SCALE}=1", f"{SCALE}=2"], "is varied twice"),
    ],
)
def test_what_is_refused(vary: Any, said: str, file: Path) -> None:
    assert said in refusals(file, vary)


def test_wrong_tables(file: Path, tmp_path: Path) -> None:
    """Proves: an unknown column, a blank cell, a row that is there twice, a ragged row, each with its line."""
    csv = tmp_path / "wrong.csv"
    csv.write_text(f"{FEE},sites.a.assets.m.machins,{FEE}\n0.1,5,0\n0.2,,0\n0.1,5,0\n0.3,5\n")
    said = refusals(file, table=csv)
    assert "the column is there twice" in said
    assert "sites.a.assets.m.machins (wrong.csv:3): the cell is blank" in said
    assert "wrong.csv:4: is the same point as row 2" in said
    assert "wrong.csv:5: 2 cells under 3 columns" in said
    unknown = refusals(file, table=pd.DataFrame({"sites.a.assets.m.machins": [5]}))
    assert "machins (table): unknown key" in unknown
    assert "did you mean 'machines'?" in unknown
    assert "the cell is blank" in refusals(file, table=pd.DataFrame({FEE: [0.1, np.nan]}))
    assert "no value of a scenario file" in refusals(file, table=pd.DataFrame({FEE: [0.1, object()]}))
    assert f"{FEE} (--vary): is varied twice" in refusals(file, {FEE: [0.1]}, table=pd.DataFrame({FEE: [0.1]}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "the table cannot be read: No such file"),
        (b"", "the table is empty"),
        (b"a.b\n", "holds no points"),
        (b"a.b\n\xff\n", "the table cannot be read"),
        (b"a.b\n[1\n", "a cell is not well-formed YAML"),
        (b"a.b,\n1,2\n", "column 2 has no name"),
    ],
)
def test_tables_that_cannot_be_read(content: bytes | None, said: str, file: Path, tmp_path: Path) -> None:
    csv = tmp_path / "table.csv"
    if content is not None:
        csv.write_bytes(content)
    assert said in refusals(file, table=csv)


def test_the_result_can_be_written_and_read(file: Path, tmp_path: Path) -> None:
    """Proves: paths with dots and brackets are good names of dimensions in NetCDF."""
    found = opt.sweep(file, {"sites[0].assets[0].machines": [500, 1000], SCALE: [1.0]})
    found.to_netcdf(tmp_path / "sweep.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "sweep.nc", engine="h5netcdf") as again:
        xr.testing.assert_equal(again.load(), found)
