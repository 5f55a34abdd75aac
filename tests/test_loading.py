"""From a file or a dictionary to a scenario: overrides, data files, cross-checks, warnings, what is not told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from broken_base import BASE, changed, line_of, market, write
from small_case import fleet, refusals, site_case, spot, warnings_of

import optimizer as opt
from optimizer.yaml_reader import parse_yaml


def problems(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    """What is told of the changed base scenario, one text per problem."""
    with pytest.raises(opt.InputError) as caught:
        opt.load(write(tmp_path, changed(BASE, *changes)))
    return [str(problem) for problem in caught.value.problems]


def test_a_file_and_its_dictionary_are_the_same_scenario(tmp_path: Path) -> None:
    from_file = opt.load(write(tmp_path))
    data, _ = parse_yaml(BASE)
    from_dict = opt.scenario_from_dict(data, tmp_path)
    assert from_dict.model_dump() == from_file.model_dump()
    assert from_file._read_s > 0
    assert data == parse_yaml(BASE)[0]  # the caller's dictionaries are left alone


def test_data_files_are_found_beside_the_scenario_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert opt.load("../s.yaml").sites[0].contracts[0].price_per_mwh.values[0, :2].tolist() == [30.0, 31.0]  # type: ignore[attr-defined]


def test_overrides_come_before_the_check(tmp_path: Path) -> None:
    file = write(tmp_path, changed(BASE, ("machines: 8000", "machines: -5")))
    assert opt.load(file, ["sites.odessa.assets.s21.machines=7"]).sites[0].assets[0].machines == 7  # type: ignore[attr-defined]


def test_a_scenario_is_frozen(tmp_path: Path) -> None:
    scenario = opt.load(write(tmp_path))
    with pytest.raises(ValueError, match="frozen"):
        scenario.name = "other"  # type: ignore[misc]


def test_warnings_are_logged_and_kept_and_refuse_nothing(caplog: pytest.LogCaptureFixture) -> None:
    case = site_case(steps=2, contracts=[spot(10, settlement_period="day")], assets=[fleet()])
    with caplog.at_level(logging.WARNING, logger="optimizer"):
        scenario = opt.scenario_from_dict(case)
    (warning,) = scenario.warnings
    assert warning.path == "sites[0].contracts[0].settlement_period"
    assert str(warning) in caplog.text
    assert "has no effect without energy_cap_mwh" in warnings_of(case)


# ---------------------------------------------------------------------- several problems
def test_cross_checks_are_told_together_with_errors_of_the_schema_in_the_order_of_the_file(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        ("volume_mw: 20", "volume_mw: 80"),
        ("machines: 8000", "machines: -5"),
        ("work_node_hours: 500", "work_node_hours: 50000"),
    )
    places = ["contracts[1].volume_mw", "assets[0].machines", "workloads[0].work_node_hours"]
    assert [one.split(" ")[0] for one in told] == [f"sites[0].{place}" for place in places]


def test_places_are_those_of_the_file_also_behind_a_refused_entry(tmp_path: Path) -> None:
    """The workload stands second in the file, and first among those that are left to be cross-checked."""
    told = problems(
        tmp_path,
        ("work_node_hours: 500", "work_node_hours: -500"),
        ("pool: h100\n        demand", "pool: h10\n        demand"),
    )
    text = changed(BASE, ("pool: h100\n        demand", "pool: h10\n        demand"))
    assert told[0].startswith("sites[0].workloads[0].work_node_hours")
    assert told[1].startswith(f"sites[0].workloads[1].pool (s.yaml:{line_of(text, 'pool: h10' + chr(10))})")


def test_what_only_follows_from_a_refused_component_is_not_told(tmp_path: Path) -> None:
    told = problems(tmp_path, ("nodes: 100", "nodes: none"))
    assert len(told) == 1
    assert told[0].startswith("sites[0].assets[1].nodes")
    told = problems(tmp_path, ("heat_limit_mw: 55", "heat_limit_mw: -55"))
    assert len(told) == 1


def test_what_only_follows_from_an_unknown_pool_is_not_told(tmp_path: Path) -> None:
    told = problems(tmp_path, ("pool: h100\n        class", "pool: [h100, h10]\n        class"))
    assert len(told) == 1
    assert 'found "h10"' in told[0]


def test_a_broken_horizon_ensemble_or_source_is_told_alone(tmp_path: Path) -> None:
    for old, new, place in (
        ("steps: 24", "steps: -1", "horizon.steps"),
        ("members: 2", "members: 0", "ensemble.members"),
        ("time: utc_start", "time: 7", "data.market.time"),
        ("data:\n  market:\n    file: market.csv\n    time: utc_start\n", "data: []\n", "data"),
        (
            "data:\n  market:\n    file: market.csv\n    time: utc_start\n",
            "data:\n  market: market.csv\n",
            "data.market",
        ),
    ):
        assert [one.split(" ")[0] for one in problems(tmp_path, (old, new))] == [place]


def test_an_error_outside_of_components_keeps_the_schemas_errors_of_all(tmp_path: Path) -> None:
    told = problems(tmp_path, ("export_limit_mw: 5", "export_limit_mw: -5"), ("machines: 8000", "machines: -5"))
    assert [one.split(" ")[0] for one in told] == ["sites[0].grid.export_limit_mw", "sites[0].assets[0].machines"]


def test_shared_workloads_are_told_by_their_own_place(tmp_path: Path) -> None:
    shared = (
        "workloads:\n"
        "  - {kind: rental, name: a, pool: odessa.h100, price_per_gpu_hour: -1}\n"
        "  - {kind: rental, name: b, pool: odessa.h10, price_per_gpu_hour: 1}\n"
    )
    told = problems(tmp_path, ("risk:", shared + "risk:"))
    assert told[0].startswith("workloads[0].price_per_gpu_hour")
    assert told[1].startswith("workloads[1].pool")
    assert "did you mean 'odessa.h100'?" in told[1]


def test_no_file_and_no_line_for_a_dictionary() -> None:
    case = site_case(steps=2, contracts=[spot(10)], assets=[fleet(machines=-1)])
    assert refusals(case) == "sites[0].assets[0].machines: found -1; must be at least 1"


@pytest.mark.parametrize("size", [500, 2000])
def test_many_problems_are_told_in_bounded_time(tmp_path: Path, size: int) -> None:
    entries = "".join(f"      - {{kind: miner_fleet, name: m{n}, machines: -1}}\n" for n in range(size))
    told = problems(tmp_path, ("    assets:\n", "    assets:\n" + entries))
    assert len(told) >= size


def test_data_are_read_once_for_all_their_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optimizer import series

    read: list[Path] = []
    tables = series.read_tables
    monkeypatch.setattr(series, "read_tables", lambda path: read.append(path) or tables(path))
    opt.load(write(tmp_path, BASE, market()))
    assert len(read) == 1
