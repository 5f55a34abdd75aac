"""Metered loads: time stamps and columns as files and callers give them, and every defect in one message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from broken_base import BASE, changed, write
from command_line import optimizer
from metered import HEADER, ROWS, SMALLEST, flat, load, run_bill, sites_case, write_smallest
from small_case import site_case, spot

import optimizer as opt


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the smallest scenario and a load."""
    monkeypatch.chdir(tmp_path)
    return write_smallest(tmp_path)


# ---------------------------------------------------------------------- time stamps of a file
def test_stamps_without_an_offset_are_the_scenarios_wall_clock(folder: Path) -> None:
    """Proves: the local day of 25 hours in which 01:00 to 02:00 comes twice, as a utility's file has it."""
    case = site_case(steps=1, contracts=[spot(10)], timezone="America/Chicago")
    (folder / "s.yaml").write_text(yaml.safe_dump(case))
    day = flat(1.0, "2024-11-03", "2024-11-04", timezone="America/Chicago")
    day.index = pd.DatetimeIndex(day.index).tz_localize(None)
    day.rename_axis("interval_start").to_frame("import_mw").to_csv(folder / "load.csv")
    ran = run_bill("--json")
    assert json.loads(ran.out)["total"] == pytest.approx(-250.0)
    day.iloc[[0, *range(2, 25)]].rename_axis("interval_start").to_frame("import_mw").to_csv(folder / "load.csv")
    assert "happens twice in America/Chicago" in run_bill().err


def test_time_utc_is_utc_also_without_a_mark_and_local_time_may_stand_beside(folder: Path) -> None:
    text = "time_local,time_utc,import_mw\nx,2024-09-01T04:00,1\ny,2024-09-01T05:00,1\n"
    (folder / "load.csv").write_text(text)
    changes = ("--set", "sites.a.contracts.spot.price_per_mwh=10", "--set", "horizon.timezone=America/Chicago")
    told = json.loads(run_bill("--json", *changes).out)
    assert told["total_by_month"] == {"2024-08": -10.0, "2024-09": -10.0}


# ---------------------------------------------------------------------- bad input
@dataclass(frozen=True)
class Bad:
    """A defect of the load, and what the message must contain."""

    name: str
    text: str
    says: tuple[str, ...]


def bad(name: str, text: str, *says: str) -> Bad:
    return Bad(name, text, says)


def rows(*changes: tuple[str, str]) -> str:
    return HEADER + changed(ROWS, *changes)


AT = "2024-08-19T02:00+00:00 (2024-08-19T02:00Z)"
MEMBER_ROWS = [("a", "00"), ("a", "01"), ("a", "02"), ("b", "00"), ("b", "02")]
CASES = [
    bad("a gap", rows(("2024-08-19T02:00Z,2\n", "")), "load.csv: no row for", AT, "add it"),
    bad("a duplicate", HEADER + ROWS + "2024-08-19T02:00Z,2\n", "load.csv: the time stamp", AT, "more than once"),
    bad("a blank", rows(("02:00Z,2", "02:00Z,")), "load.csv, column 'import_mw': found a blank cell at", AT),
    bad("a word", rows(("02:00Z,2", "02:00Z,off")), "column 'import_mw': found \"off\" at", AT, "must be a number"),
    bad("infinite", rows(("02:00Z,2", "02:00Z,inf")), "column 'import_mw': found Infinity at", AT, "must be finite"),
    bad("negative", rows(("02:00Z,2", "02:00Z,-2")), "found -2 at", AT, "at least 0 (what is given to the grid is"),
    bad("no header", ROWS, "the first line must name the columns, such as time_utc,import_mw", "2024-08-19T00:00Z"),
    bad("header only", HEADER, "load.csv: holds a header but no rows"),
    bad("empty", "", "load.csv: is empty"),
    bad("half a file", HEADER + ROWS[: len(ROWS) // 2 - 2], "load.csv, column 'import_mw': found a blank cell"),
    bad("cut in a stamp", HEADER + ROWS + "2024-08-1", "(first: '2024-08-1' in row 5)"),
    bad("a row too long", HEADER + "2024-08-19T00:00Z,1,2\n", "rows have more cells than the header has columns"),
    bad("semicolons", (HEADER + ROWS).replace(",", ";"), "the columns must be separated by commas"),
    bad("no time stamp", rows(("2024-08-19T02:00Z,2", ",2")), "row 3 has no time stamp in column 'time_utc'"),
    bad("numbers as time", "time_utc,import_mw\n1,2\n2,3\n", "column 'time_utc' holds numbers, not time stamps"),
    bad(
        "a wrong step",
        rows(("2024-08-19T02:00Z", "2024-08-19T01:30Z")) + "2024-08-19T04:00Z,4\n",
        "load.csv: the time stamp 2024-08-19T01:30+00:00 (2024-08-19T01:30Z) is not the start of a step of 1 h",
    ),
    bad("too fine", HEADER + "2024-08-19T00:00Z,1\n2024-08-19T00:01Z,1\n", "its rows are 1 min apart", "from 5 min"),
    bad("odd seconds", HEADER + "2024-08-19T00:00Z,1\n2024-08-19T00:07:30Z,1\n", "its rows are 450 s apart"),
    bad("too coarse", HEADER + "2024-08-01T00:00Z,1\n2024-09-01T00:00Z,1\n", "its rows are 31 d apart", "to 1 d"),
    bad("long ago", HEADER + "0900-08-19T00:00Z,1\n", "load.csv:", "the year must be from 1970 to 2199"),
    bad("no import", "time_utc,a.export_mw\n2024-08-19T00:00Z,1\n", "no column 'import_mw'; columns: a.export_mw"),
    bad(
        "a misspelt column",
        (HEADER + ROWS).replace("import_mw", "imports_mw"),
        "load.csv: unknown column 'imports_mw'; must be one of: import_mw, export_mw, spot.delivered_mw; did you mean "
        "'import_mw'?",
        "load.csv: no column 'import_mw'",
    ),
    bad(
        "an unknown schedule",
        "time_utc,import_mw,spot.delivery_mw\n2024-08-19T00:00Z,1,1\n",
        "unknown column 'spot.delivery_mw'",
        "did you mean 'spot.delivered_mw'?",
    ),
    bad(
        "one column twice",
        "time_utc,import_mw,a.import_mw\n2024-08-19T00:00Z,1,1\n",
        "load.csv: 'import_mw' and 'a.import_mw' are the same",
    ),
    bad("the same name twice", "time_utc,import_mw,import_mw\nx,1,1\n", "the column 'import_mw' is there twice"),
    bad(
        "members without an ensemble",
        "time_utc,member,import_mw\n2024-08-19T00:00Z,0,1\n2024-08-19T00:00Z,1,1\n",
        "load.csv: holds 2 members, but the scenario has no ensemble",
    ),
    bad(
        "a gap of one member",
        "time_utc,member,import_mw\n" + "".join(f"2024-08-19T{at}:00Z,{m},1\n" for m, at in MEMBER_ROWS),
        "load.csv: no row for 2024-08-19T01:00+00:00 (2024-08-19T01:00Z) of member b",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_load_with_a_defect_is_refused(folder: Path, case: Bad) -> None:
    """Proves: exit code 2, one message that names file, column and first bad stamp, nothing printed or written."""
    (folder / "load.csv").write_text(case.text, encoding="utf-8")
    ran = run_bill("--out", "bill.csv", "--json", "--set", "sites.a.contracts.spot.price_per_mwh=10")
    assert (ran.code, ran.out) == (2, "")
    for part in case.says:
        assert part in ran.err
    assert "fill" not in ran.err
    assert "Traceback" not in ran.err
    assert sorted(path.name for path in folder.iterdir()) == ["load.csv", "s.yaml"]


def test_bytes_and_files_that_are_no_table(folder: Path) -> None:
    (folder / "load.csv").write_bytes(b"time_utc,import_mw\n\xff\xfe,1\n")
    assert "load.csv: is not UTF-8 text" in run_bill().err
    (folder / "load.txt").write_text("x")
    assert "load.txt: unknown kind of data file" in optimizer("bill", "s.yaml", "--load", "load.txt").err
    absent = optimizer("bill", "s.yaml", "--load", "laod.csv")
    assert (absent.code, "did you mean 'load.csv'?" in absent.err) == (2, True)
    load([1.0]).tz_localize(None).rename_axis("time").to_xarray().to_netcdf(folder / "load.nc", engine="h5netcdf")
    assert "load.nc: a load is a flat table (CSV or Parquet)" in optimizer("bill", "s.yaml", "--load", "load.nc").err


def test_a_list_of_prices_has_to_fit_the_load(folder: Path) -> None:
    (folder / "load.csv").write_text(HEADER + ROWS + "2024-08-19T04:00Z,4\n")
    ran = run_bill("--out", "bill.csv")
    assert ran.code == 2
    assert "sites[0].contracts[0].price_per_mwh (s.yaml:8): found 4 values; must be one for each of 5 steps" in ran.err
    assert not (folder / "bill.csv").exists()


def test_data_files_have_to_cover_the_load(tmp_path: Path) -> None:
    """Proves: the file ends on the 20th at 11:00Z, an hour before the load."""
    path = write(tmp_path)
    hours = load([1.0] * 2, start="2024-08-20T10:00")
    hours.rename_axis("time_utc").to_csv(tmp_path / "load.csv")
    ran = optimizer("bill", path, "--load", tmp_path / "load.csv")
    assert ran.code == 2
    assert "sites[0].contracts[0].price_per_mwh (s.yaml:" in ran.err
    assert "market.csv: covers" in ran.err


def test_a_stamp_of_another_year_is_told_of_the_load(tmp_path: Path) -> None:
    """Proves: it is the gap in the load, not the market's file, that is at fault."""
    path = write(tmp_path)
    hours = load([1.0] * 3, start="2024-08-19T06:00").rename_axis("time_utc")
    (tmp_path / "load.csv").write_text(hours.to_csv().replace("2024-08-19 08", "2025-08-19 08"))
    ran = optimizer("bill", path, "--load", tmp_path / "load.csv")
    assert ran.code == 2
    assert "load.csv: no row for 2024-08-19T03:00-05:00 (2024-08-19T08:00Z); add it" in ran.err
    assert "market" not in ran.err


def test_all_that_is_wrong_with_the_contracts_is_told_at_once(tmp_path: Path) -> None:
    text = changed(BASE, ("name: spot\n", "name: spot\n        limit_mw: -1\n"), ("volume_mw: 20", "volume_mw: no"))
    path = write(tmp_path, changed(text, ("machines: 8000", "machines: -1")))
    load([1.0], start="2024-08-19T06:00").rename_axis("time_utc").to_csv(tmp_path / "load.csv")
    ran = optimizer("bill", path, "--load", tmp_path / "load.csv")
    assert "the input was refused (2 problems)" in ran.err
    assert "sites[0].contracts[0].limit_mw (s.yaml:" in ran.err
    assert "sites[0].contracts[1].volume_mw (s.yaml:" in ran.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("timezone: UTC", "timezone: Mars/Base"), "horizon.timezone (s.yaml:4): unknown time zone 'Mars/Base'"),
        (("timezone: UTC", "zone: UTC"), "horizon.timezone (s.yaml:4): is missing"),
        (("horizon: {", "horizons: {"), "horizons (s.yaml:4): unknown key"),
        (("sites:", "site:"), "site (s.yaml:5): unknown key"),
        (("kind: index_supply", "kind: index"), "sites[0].contracts[0].kind (s.yaml:7): unknown kind"),
        (("name: spot", "name: 7"), "sites[0].contracts[0].name"),
    ],
)
def test_a_scenario_that_is_wrong_beside_its_machines(folder: Path, change: tuple[str, str], says: str) -> None:
    text = (folder / "s.yaml").read_text()
    text = changed(text, ("contracts: [{", "contracts: [\n      {"), change)
    (folder / "s.yaml").write_text("\n".join(line for line in text.split("\n") if not line.startswith("#")))
    ran = run_bill()
    assert ran.code == 2
    assert says.split(" (")[0] in ran.err
    assert says.partition("): ")[2] in ran.err


def test_an_absent_scenario(folder: Path) -> None:
    ran = optimizer("bill", "absent.yaml", "--load", "load.csv")
    assert (ran.code, "the file is not there" in ran.err) == (2, True)


# ---------------------------------------------------------------------- loads of a caller
def naive() -> Any:
    return load([1.0]).tz_localize(None)


def other_index() -> Any:
    return pd.Series([1.0, 2.0])


def empty() -> Any:
    return load([1.0]).iloc[:0]


def twice_named() -> Any:
    return load([1.0]).assign(time_utc=1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (naive, "load: its time stamps have no time zone; give them one, as with load.tz_localize('UTC')"),
        (other_index, "load: must have a DatetimeIndex"),
        (empty, "load: holds no rows"),
        (twice_named, "load: 'time_utc' is both in the index and a column"),
    ],
)
def test_tables_of_a_caller_that_are_refused(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(opt.InputError) as caught:
        opt.bill([spot(10)], make())
    assert str(caught.value).startswith(says)


def test_a_table_with_its_time_as_a_column() -> None:
    table = load([1.0, 2.0]).rename_axis("time_utc").reset_index()
    assert opt.bill([spot(10)], table).total == pytest.approx(-30.0)


def test_what_is_no_load_at_all() -> None:
    with pytest.raises(TypeError, match="a load is a pandas Series or DataFrame or a path, not list"):
        opt.bill([spot(10)], [1.0, 2.0])  # type: ignore[arg-type]


def test_the_time_zone_of_a_scenario_is_its_own() -> None:
    with pytest.raises(opt.InputError, match='timezone: is that of the scenario\'s horizon; found "UTC"'):
        opt.bill(SMALLEST, load([1.0] * 4), timezone="UTC")


def test_import_of_several_sites_has_to_say_whose_it_is() -> None:
    case = sites_case({"west": [spot(10)], "north": [spot(20)]})
    with pytest.raises(opt.InputError) as caught:
        opt.bill(case, load([1.0]))
    told = str(caught.value)
    assert "unknown column 'import_mw'" in told
    assert "there are several sites: west.import_mw, north.import_mw" in told
    assert "no column 'west.import_mw'" in told
    assert "no column 'north.import_mw'" in told
