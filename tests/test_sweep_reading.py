"""Points of a sweep as scenarios: what is known of the others is taken over, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from shipped import FOLDER, STEMS
from sweep_case import FEE, MACHINES, SCALE, scenario_file

import optimizer as opt
from optimizer.loading import read_raw
from optimizer.scenario_file import RawScenario, data_with, with_values
from optimizer.sweeps.points import Groundwork, _same, groundwork, versions
from optimizer.sweeps.reading import Reader
from optimizer.sweeps.values import Axis
from optimizer.sweeps.variations import Variations, faults

Values = dict[str, Any]


def reader_of(raw: RawScenario) -> Reader:
    return Reader(Groundwork(raw, raw.folder, {}, {}, {}, versions()))


def outcome(read: Callable[[Any], opt.Scenario], given: Any) -> opt.Scenario | str:
    """A scenario, or the words in which it is refused."""
    try:
        return read(given)
    except opt.InputError as error:
        return str(error)


def numbers_in(value: Any, place: str = "") -> list[tuple[str, float]]:
    """Paths of plain numbers below the sections of sites, by position, and what stands there."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in numbers_in(item, f"{place}.{key}")]
    if isinstance(value, list):
        items = enumerate(value) if any(isinstance(item, dict) for item in value) else ()
        return [found for number, item in items for found in numbers_in(item, f"{place}[{number}]")]
    return [(place, value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


@pytest.mark.parametrize("stem", STEMS)
def test_a_point_is_the_scenario_read_anew(stem: str) -> None:
    """Proves: with each number of a shipped scenario changed by itself, the point says what a file with this number
    says, or is refused in the same words; what has not changed is taken over."""
    raw = read_raw(FOLDER / f"{stem}.yaml")
    reader, apart = reader_of(raw), reader_of(raw)
    paths = [(f"sites{path}", number) for path, number in numbers_in(raw.data["sites"])]
    assert paths
    taken_over = 0
    for path, number in paths[:: max(1, len(paths) // 8)]:
        for value in (number + 1, -1 - abs(number)):
            values = {path: value}
            expected, found = outcome(apart.scenario, with_values(raw, values)), outcome(reader.at, values)
            assert _same(found, expected)
            if isinstance(found, str):
                continue
            own = reader._known
            assert own is not None
            changed = int(path.split("[")[1].split("]")[0])
            taken_over += sum(
                any(component is other for _, _, other in own.sites[changed].components())
                for _, _, component in found.sites[changed].components()
            )
    assert taken_over


@pytest.mark.parametrize(
    "values", [{"horizon.steps": 2}, {"data.market.fill": "previous"}, {SCALE: 2, "horizon.steps": 3}]
)
def test_what_others_are_read_with_is_never_taken_over(values: Values, tmp_path: Path) -> None:
    """Proves: with another horizon or other data files, all is read anew."""
    raw = read_raw(scenario_file(tmp_path))
    reader = reader_of(raw)
    assert reader._at_once(values, False) is None
    assert _same(reader.at(values), reader_of(raw).scenario(with_values(raw, values)))


def test_lists_may_become_longer_or_shorter(tmp_path: Path) -> None:
    """Proves: components that are given in another number are those given, not those known of their places."""
    raw = read_raw(scenario_file(tmp_path))
    assets = raw.data["sites"][0]["assets"]
    second = {**assets[0], "name": "second"}
    for given in ([*assets, second], [second], [second, assets[0]]):
        found = reader_of(raw).at({"sites.a.assets": given})
        assert [asset.name for asset in found.sites[0].assets] == [asset["name"] for asset in given]
        assert _same(found, reader_of(raw).scenario(with_values(raw, {"sites.a.assets": given})))


def test_data_with_values_leaves_the_rest_where_it_is() -> None:
    """Proves: only what is on the way to a path is a copy, and the data that were given stay as they were."""
    data: Values = {"a": [{"name": "x", "n": 1}, {"name": "y", "n": 2}], "b": {"c": [1, 2]}}
    raw = RawScenario(data)
    found = data_with(raw, {"a.x.n": 5, "a.x.m": 6})
    assert found == {"a": [{"name": "x", "n": 5, "m": 6}, {"name": "y", "n": 2}], "b": {"c": [1, 2]}}
    assert found == with_values(raw, {"a.x.n": 5, "a.x.m": 6}).data
    assert found["b"] is data["b"]
    assert found["a"][1] is data["a"][1]
    assert data["a"] == [{"name": "x", "n": 1}, {"name": "y", "n": 2}]


# ---------------------------------------------------------------------- the check before anything runs
def tried(vary: tuple[Axis, ...], file: Path) -> tuple[list[Values], set[int], list[str]]:
    """Points that are tried, numbers of those accepted, and what is refused."""
    ground, reader, _ = groundwork(file)
    asked: list[Values] = []

    def accept(values: Any) -> object:
        asked.append(dict(values))
        return reader.at(values)

    problems, accepted = faults(Variations(vary), ground.raw, accept)
    return asked, accepted, [str(problem) for problem in problems]


def test_each_row_of_a_table_is_tried_once(tmp_path: Path) -> None:
    """Proves: a row that is accepted settles all of its values; of a grid of 3 x 2, three points hold all values."""
    file = scenario_file(tmp_path)
    table = Axis("point", (SCALE, MACHINES), ((0.5, 500), (1.0, 1000), (1.5, 1500)))
    asked, accepted, problems = tried((table,), file)
    assert (len(asked), accepted, problems) == (3, {0, 1, 2}, [])
    grid = (Axis(SCALE, (SCALE,), ((0.5,), (1.0,), (1.5,))), Axis(FEE, (FEE,), ((0.0,), (0.1,))))
    asked, accepted, problems = tried(grid, file)
    assert (len(asked), accepted, problems) == (4, {0, 1, 2, 4}, [])


def test_a_value_that_no_row_can_have_is_refused_alone(tmp_path: Path) -> None:
    """Proves: the value at fault is told, and not the good one in the same row."""
    table = Axis("point", (SCALE, MACHINES), ((0.5, 500), (1.0, -7)))
    _, accepted, problems = tried((table,), scenario_file(tmp_path))
    assert accepted == {0}
    assert len(problems) == 1
    assert MACHINES.rpartition(".")[2] in problems[0]
    assert "-7" in problems[0]


def test_a_point_that_was_accepted_is_not_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: the points of a table are cross-checked once each, before the sweep; points of a grid that were not tried
    are checked where they are solved."""
    from optimizer.sweeps import reading

    file, original, checks = scenario_file(tmp_path), reading.findings_between, []

    def counted(scenario: Any) -> Any:
        checks.append(scenario)
        return original(scenario)

    monkeypatch.setattr(reading, "findings_between", counted)
    opt.sweep(file, table=pd.DataFrame({SCALE: [0.5, 1.5], MACHINES: [500, 1000]}))
    reference = 1  # solved first by each worker, and checked there
    assert len(checks) == 2 + reference
    checks.clear()
    opt.sweep(file, {SCALE: [0.5, 1.5], MACHINES: [500, 1000]})
    assert len(checks) == 3 + 1 + reference
