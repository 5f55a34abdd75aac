"""Time series files: alignment by time, and every defect named with file, column and first bad time stamp."""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from optimizer.alignment import align
from optimizer.horizon import Horizon
from optimizer.load_context import LoadContext
from optimizer.quantities import Series, SeriesOf
from optimizer.series import DataSource, SourceReader
from optimizer.time_stamps import microseconds

CHICAGO = "America/Chicago"
DAY = Horizon(start="2024-08-19T00:00", steps=24, timezone=CHICAGO)
SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"


def hourly(horizon: Horizon = DAY, before: int = 2, after: int = 2) -> pd.DataFrame:
    """A table whose price at step t is t, with some hours before and after the horizon."""
    steps = np.arange(-before, horizon.steps + after)
    stamps = horizon.utc[0] + pd.TimedeltaIndex(steps * np.timedelta64(horizon.step_length, "us"))
    return pd.DataFrame({"utc": stamps.strftime("%Y-%m-%dT%H:%MZ"), "price": steps.astype(float)})


class Files:
    """A folder with one data file, read under the options of its source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, table: pd.DataFrame | str | bytes) -> None:
        path = self.folder / "market.csv"
        if isinstance(table, pd.DataFrame):
            table.to_csv(path, index=False)
        else:
            path.write_bytes(table if isinstance(table, bytes) else table.encode())

    def reader(self, horizon: Horizon = DAY, members: int | None = 1, **options: Any) -> SourceReader:
        source = DataSource.model_validate({"file": "market.csv", "time": "utc"} | options)
        return SourceReader({"market": source}, self.folder, horizon, members)

    def read(
        self,
        table: pd.DataFrame | str | bytes | None = None,
        column: str = "price",
        horizon: Horizon = DAY,
        members: int | None = 1,
        **options: Any,
    ) -> list[list[float]]:
        if table is not None:
            self.write(table)
        values = self.reader(horizon, members, **options).column("market", column)
        assert values.shape == (values.shape[0], horizon.steps)
        assert not values.flags.writeable
        return values.tolist()  # type: ignore[no-any-return]

    def refusal(self, *arguments: Any, **options: Any) -> str:
        with pytest.raises(ValueError, match=r"\.csv") as caught:
            self.read(*arguments, **options)
        return str(caught.value)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


RAMP = [[float(step) for step in range(24)]]


def test_a_column_is_aligned_by_time_not_by_row(files: Files) -> None:
    assert files.read(hourly()) == RAMP
    assert files.read(hourly().sample(frac=1, random_state=1)) == RAMP


def test_offsets_are_honoured(files: Files) -> None:
    table = hourly()
    table["utc"] = [stamp.tz_convert(CHICAGO).isoformat() for stamp in pd.to_datetime(table["utc"])]
    assert files.read(table) == RAMP


def test_a_file_is_read_once(files: Files) -> None:
    files.write(hourly().assign(load=1.0))
    reader = files.reader()
    first = reader.column("market", "price")
    (files.folder / "market.csv").unlink()
    assert reader.column("market", "load").tolist() == [[1.0] * 24]
    assert reader.column("market", "price") is first


def test_blemishes_outside_the_horizon_are_no_matter(files: Files) -> None:
    table = hourly().astype({"price": object})
    table.loc[0, "price"] = None
    table.loc[27, "price"] = "n/k"
    assert files.read(pd.concat([table, table.iloc[[0, 27]]])) == RAMP


def test_rows_of_bare_commas_are_skipped(files: Files) -> None:
    assert files.read(hourly().to_csv(index=False) + ",\n,\n") == RAMP


AT_5 = "2024-08-19T05:00-05:00 (2024-08-19T10:00Z)"


def edited(edit: Any) -> pd.DataFrame:
    """The table with the row of step 5 (index 7) edited."""
    table = hourly().astype({"price": object})
    return edit(table)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda t: t.drop(index=7), ["market.csv: no row for " + AT_5, "`fill:`"]),
        (lambda t: pd.concat([t, t.loc[[7]]]), [f"market.csv: the time stamp {AT_5} is there more than once"]),
        (lambda t: t.assign(price=t["price"].where(t.index != 7)), ["column 'price'", "a blank cell at " + AT_5]),
        (lambda t: t.assign(price=t["price"].where(t.index != 7, "n/k")), ["column 'price': found \"n/k\" at " + AT_5]),
        (lambda t: t.assign(price=t["price"].where(t.index != 7, "inf")), ["found Infinity at " + AT_5, "finite"]),
        (lambda t: t.assign(price=True), ["holds true and false; write 1 and 0"]),
        (lambda t: t.iloc[:20], ["market.csv: covers 2024-08-18T22:00-05:00", "to 2024-08-19T18:00-05:00"]),
        (
            lambda t: t.iloc[4:],
            ["covers 2024-08-19T02:00-05:00", "horizon runs from 2024-08-19T00:00-05:00"],
        ),
        (lambda t: t.iloc[:1], ["covers 2024-08-18T22:00-05:00"]),
        (
            lambda t: t.assign(utc=t["utc"].str.replace(":00Z", ":30Z")),
            ["T00:30-05:00", "not the start of a step"],
        ),
        (lambda t: t.assign(utc=t["utc"].str.replace("Z", "")), ["no UTC offset", "`timezone: UTC`"]),
        (lambda t: t.assign(utc=t["utc"].where(t.index != 7, "2024-08-19T10:00")), ["some have none", "in row 8"]),
        (lambda t: t.assign(utc=t["utc"].where(t.index != 7, "19.8.24")), ["row 8 of column 'utc' holds '19.8.24'"]),
        (lambda t: t.assign(utc=t["utc"].where(t.index != 7)), ["row 8 has no time stamp in column 'utc'"]),
        (lambda t: t.assign(utc=range(28)), ["column 'utc' holds numbers, not time stamps"]),
        (lambda t: t.rename(columns={"price": "prices"}), ["no column 'price'; did you mean 'prices'?"]),
        (lambda t: t.rename(columns={"price": "lmp"}), ["no column 'price'; columns: utc, lmp"]),
        (lambda t: t.rename(columns={"utc": "utc_start"}), ["no column 'utc'; columns: utc_start, price"]),
        (lambda t: t.iloc[:0], ["market.csv: holds a header but no rows"]),
    ],
)
def test_defects_are_named_with_their_place(files: Files, edit: Any, words: list[str]) -> None:
    message = files.refusal(edited(edit))
    for part in words:
        assert part in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"utc,price\n\xff\xfe,1\n", "is not UTF-8 text"),
        (b"utc,price\n2024-08-19T05:00Z,1,2\n", "more cells than the header has columns"),
        (b"utc,price\n2024-08-19T05:00Z,1\n2024-08-19T06:00Z,1,2\n", "not a readable CSV file"),
        (b"utc;price\n2024-08-19T05:00Z;1\n", "must be separated by commas"),
        (b"utc,price,price\n2024-08-19T05:00Z,1,2\n", "the column 'price' is there twice"),
    ],
)
def test_files_that_are_no_tables(files: Files, content: bytes, words: str) -> None:
    assert words in files.refusal(content)


def test_missing_files_and_sources_name_their_neighbour(files: Files) -> None:
    files.write(hourly())
    assert "did you mean 'market.csv'?" in files.refusal(file="marktet.csv")
    assert "no folder" in files.refusal(file="data/market.csv")
    (files.folder / "folder.csv").mkdir()
    assert "is a folder" in files.refusal(file="folder.csv")
    with pytest.raises(ValueError, match=r"no data source 'markt' under `data:`; did you mean 'market'\?"):
        files.reader().column("markt", "price")
    (files.folder / "market.xlsx").write_bytes(b"x")
    with pytest.raises(ValueError, match="unknown kind of data file"):
        files.reader(file="market.xlsx").column("market", "price")


def test_a_file_that_is_too_large_is_not_read(files: Files) -> None:
    with (files.folder / "market.csv").open("wb") as file:
        file.truncate(2 * 1024**3 + 1)
    assert "must be at most 2 GiB" in files.refusal()


# --- resampling ---


def test_a_coarser_file_is_held_only_if_asked(files: Files) -> None:
    quarters = Horizon(start="2024-08-19T00:15", steps=8, step="15min", timezone=CHICAGO)
    message = files.refusal(hourly(), horizon=quarters)
    assert "its rows are 1 h apart, coarser than the horizon's step of 15 min" in message
    assert "`resample: hold`" in message
    assert files.read(horizon=quarters, resample="hold") == [[0, 0, 0, 1, 1, 1, 1, 2]]
    assert "`resample: hold`" in files.refusal(horizon=quarters, resample="mean")


def test_a_finer_file_is_averaged_only_if_asked(files: Files) -> None:
    blocks = Horizon(start="2024-08-19T00:00", steps=6, step="4h", timezone=CHICAGO)
    message = files.refusal(hourly(), horizon=blocks)
    assert "its rows are 1 h apart, finer than the horizon's step of 4 h" in message
    assert "`resample: mean`" in message
    assert files.read(horizon=blocks, resample="mean") == [[1.5, 5.5, 9.5, 13.5, 17.5, 21.5]]
    assert "no row for " + AT_5 in files.refusal(hourly().drop(index=7), horizon=blocks, resample="mean")
    files.write(hourly())
    odd = Horizon(start="2024-08-19T00:00", steps=6, step="90min", timezone=CHICAGO)
    assert "does not divide" in files.refusal(horizon=odd, resample="mean")


def test_held_values_have_gaps_and_ends_too(files: Files) -> None:
    daily = "utc,price\n" + "".join(f"2024-08-{day}T00:00Z,{day}\n" for day in (17, 18, 19, 21, 22, 23))
    day20 = Horizon(start="2024-08-19T00:00", steps=48, timezone="UTC")
    assert "no row for 2024-08-20T00:00+00:00" in files.refusal(daily, horizon=day20, resample="hold")
    assert files.read(horizon=day20, resample="hold", fill="previous") == [[19.0] * 48]
    assert files.read(horizon=day20, resample="hold", fill="linear") == [[19.0] * 24 + [20.0] * 24]
    past_end = Horizon(start="2024-08-23T12:00", steps=13, timezone="UTC")
    assert "covers 2024-08-17T00:00" in files.refusal(horizon=past_end, resample="hold")
    in_gap = Horizon(start="2024-08-20T12:00", steps=2, timezone="UTC")
    assert "no row for 2024-08-20T00:00" in files.refusal(horizon=in_gap, resample="hold")
    before = Horizon(start="2024-08-16T12:00", steps=2, timezone="UTC")
    assert "covers 2024-08-17T00:00" in files.refusal(horizon=before, resample="hold")


def test_days_by_the_local_clock_are_held_over_a_clock_change(files: Files) -> None:
    """A file of local days has rows 25 hours apart once a year; that is no gap."""
    daily = "utc,price\n" + "".join(f"2024-11-0{day},{day}\n" for day in range(1, 6))
    horizon = Horizon(start="2024-11-02T12:00", steps=48, timezone=CHICAGO)
    values = files.read(daily, horizon=horizon, timezone=CHICAGO, resample="hold")
    assert values == [[2.0] * 12 + [3.0] * 25 + [4.0] * 11]


# --- filling ---


def test_gaps_are_filled_as_declared(files: Files) -> None:
    table = hourly().drop(index=[7, 8])
    table.loc[12, "price"] = None
    by_previous = [*RAMP[0][:5], 4, 4, *RAMP[0][7:10], 9, *RAMP[0][11:]]
    assert files.read(table, fill="previous") == [by_previous]
    assert files.read(fill="linear") == RAMP
    assert files.read(fill={"method": "previous", "max_gap_steps": 2}) == [by_previous]
    message = files.refusal(fill={"method": "linear", "max_gap_steps": 1})
    assert f"column 'price': the gap at {AT_5} is longer than 1 rows" in message


def test_filling_draws_on_rows_outside_the_horizon_but_does_not_extend_the_file(files: Files) -> None:
    blank_ends = hourly()
    blank_ends.loc[[2, 25], "price"] = None
    assert files.read(blank_ends, fill="linear") == RAMP
    assert files.read(fill="previous") == [[-1.0, *RAMP[0][1:23], 22.0]]
    assert "covers" in files.refusal(hourly().iloc[:20], fill="previous")
    blank_ends.loc[[0, 1, 26, 27], "price"] = None
    assert "has no value before it" in files.refusal(blank_ends, fill="previous")
    blank_ends.loc[0, "price"] = 1.0
    assert "has no value after it" in files.refusal(blank_ends, fill="linear")
    assert files.read(fill={"method": "previous", "max_gap_steps": 3}) == [[1.0, *RAMP[0][1:23], 22.0]]
    assert "longer than 1 rows" in files.refusal(fill={"method": "previous", "max_gap_steps": 1})


def test_text_is_never_filled(files: Files) -> None:
    table = hourly().astype({"price": object})
    table.loc[7, "price"] = "n/k"
    assert 'found "n/k" at ' + AT_5 in files.refusal(table, fill="previous")


def test_fill_is_written_short_or_long() -> None:
    fill = DataSource.model_validate({"file": "a.csv", "fill": "linear"}).fill
    assert fill is not None
    assert fill.method == "linear"
    for bad in ("next", {"method": "previous", "max_gap_steps": 0}, {"max_gap": 3}):
        with pytest.raises(ValidationError):
            DataSource.model_validate({"file": "a.csv", "fill": bad})
    with pytest.raises(ValidationError, match="unknown time zone"):
        DataSource.model_validate({"file": "a.csv", "timezone": "Chicago"})
    assert "anyOf" in TypeAdapter(DataSource).json_schema()["$defs"]["FillRule"]


# --- local time stamps and clock changes ---


def local_table(horizon: Horizon, form: str = "%Y-%m-%dT%H:%M") -> pd.DataFrame:
    return pd.DataFrame({"utc": horizon.local.strftime(form), "price": np.arange(horizon.steps, dtype=float)})


@pytest.mark.parametrize("day", ["2024-03-10", "2024-11-03", "2024-08-19"])
@pytest.mark.parametrize("step", ["1h", "15min"])
def test_local_time_stamps_over_a_clock_change(files: Files, day: str, step: str) -> None:
    horizon = Horizon(start=f"{day}T00:00", steps=60, step=step, timezone=CHICAGO)
    assert files.read(local_table(horizon), horizon=horizon, timezone=CHICAGO) == [list(range(60))]


AUTUMN = Horizon(start="2024-11-03T00:00", steps=25, timezone=CHICAGO)


def test_a_repeated_hour_needs_both_rows_in_order(files: Files) -> None:
    """Sensitivity: taking the hour for its first time alone would leave or double an hour silently."""
    table = local_table(AUTUMN)
    once = files.refusal(table.drop(index=2), horizon=AUTUMN, timezone=CHICAGO)
    assert "local time 2024-11-03T01:00:00 happens twice in America/Chicago" in once
    thrice = files.refusal(pd.concat([table, table.iloc[[1]]]), horizon=AUTUMN, timezone=CHICAGO)
    assert "not in the file exactly twice" in thrice
    assert "not in the order of time" in files.refusal(table.iloc[::-1], horizon=AUTUMN, timezone=CHICAGO)
    quarters = Horizon(start="2024-11-03T00:00", steps=60, step="15min", timezone=CHICAGO)
    by_clock = local_table(quarters).sort_values("utc", kind="stable")
    assert "not in the order of time" in files.refusal(by_clock, horizon=quarters, timezone=CHICAGO)


def test_a_clock_change_outside_the_horizon_is_no_matter(files: Files) -> None:
    later = Horizon(start="2024-11-03T06:00", steps=12, timezone=CHICAGO)
    table = local_table(AUTUMN).drop(index=2)
    assert files.read(table, horizon=later, timezone=CHICAGO) == [[float(value) for value in range(7, 19)]]


def test_a_local_time_that_never_happens(files: Files) -> None:
    spring = Horizon(start="2024-03-10T00:00", steps=10, timezone=CHICAGO)
    table = hourly(Horizon(start="2024-03-10T00:00", steps=12, timezone="UTC"))
    table["utc"] = table["utc"].str.replace("Z", "")
    message = files.refusal(table, horizon=spring, timezone=CHICAGO)
    assert "local time 2024-03-10T02:00:00 does not exist in America/Chicago" in message


# --- members ---


def long_table(labels: list[Any]) -> pd.DataFrame:
    """Price of member m (in the order of `labels`) at step t is 100 m + t."""
    tables = [
        hourly().assign(member=label, price=lambda t, m=m: t["price"] + 100 * m) for m, label in enumerate(labels)
    ]
    return pd.concat(tables)


def expected(members: int) -> list[list[float]]:
    return [[100.0 * member + step for step in range(24)] for member in range(members)]


@pytest.mark.parametrize("labels", [[0, 1, 2], [1, 2, 10], ["m1", "m2", "m10"]])
def test_a_long_table_of_members(files: Files, labels: list[Any]) -> None:
    table = long_table(labels)
    assert files.read(table, members=3) == expected(3)
    assert files.read(table.sample(frac=1, random_state=3), members=3) == expected(3)
    assert files.read(table.rename(columns={"member": "scenario"}), members=3, member="scenario") == expected(3)


def test_numbered_columns_of_members(files: Files) -> None:
    table = hourly()[["utc"]]
    for member in (2, 0, 1):
        table = table.assign(**{f"price_{member:03d}": hourly()["price"] + 100 * member})
    assert files.read(table, members=3) == expected(3)
    assert files.read(table, column="price_001") == expected(2)[1:]
    assert "'price_001' is not there" in files.refusal(table.drop(columns="price_001"), members=3)


def test_defects_of_members_are_named(files: Files) -> None:
    table = long_table([0, 1, 2]).reset_index(drop=True)
    own = table["member"] == 2
    at_5 = own & (table["price"] == 205)
    assert f"no row for {AT_5} of member 2" in files.refusal(table[~at_5], members=3)
    assert f"a blank cell at {AT_5} of member 2" in files.refusal(
        table.assign(price=table["price"].where(~at_5)), members=3
    )
    doubled = files.refusal(pd.concat([table, table[at_5]]), members=3)
    assert f"{AT_5} of member 2 is there more than once" in doubled
    assert "of member 2, but the horizon runs" in files.refusal(table[~own | (table["price"] < 210)], members=3)
    assert files.read(table[~at_5], members=3, fill="linear") == expected(3)
    assert "row 1 has no member" in files.refusal(table.assign(member=table["member"].where(table.index > 0)))
    assert "no column 'scenario'" in files.refusal(table, members=3, member="scenario")
    assert "both by column" in files.refusal(
        table.rename(columns={"price": "price_000"}).assign(price_001=1.0), members=3
    )


def test_members_must_be_those_of_the_ensemble(files: Files) -> None:
    files.write(long_table([0, 1, 2]))
    assert "holds 3 members, but the ensemble has 4" in files.refusal(members=4)
    assert "holds 3 members, but the scenario has no ensemble" in files.refusal(members=1)
    assert files.read(members=None) == expected(3)


def test_members_must_be_the_same_in_all_sources(files: Files) -> None:
    """Members are joint outcomes: pairing number 1 of one file with number 2 of another would be a silent error."""
    long_table([0, 1, 2]).to_csv(files.folder / "a.csv", index=False)
    long_table([1, 2, 3]).to_csv(files.folder / "b.csv", index=False)
    sources = {name: DataSource(file=f"{name}.csv", time="utc") for name in ("a", "b")}
    reader = SourceReader(sources, files.folder, DAY, 3)
    reader.column("a", "price")
    with pytest.raises(ValueError, match=r"not those of source 'a' \(member 3 is not there\)"):
        reader.column("b", "price")


# --- other kinds of file ---


def test_parquet(files: Files) -> None:
    table = hourly().assign(utc=lambda t: pd.to_datetime(t["utc"]))
    table.to_parquet(files.folder / "a.parquet")
    assert files.read(file="a.parquet") == RAMP
    table.set_index("utc").to_parquet(files.folder / "b.parquet")
    assert files.read(file="b.parquet") == RAMP
    table.assign(utc=table["utc"].dt.tz_localize(None)).to_parquet(files.folder / "c.parquet")
    with pytest.raises(ValueError, match="no UTC offset"):
        files.read(file="c.parquet")
    assert files.read(file="c.parquet", timezone="UTC") == RAMP
    (files.folder / "d.parquet").write_bytes(b"no parquet")
    with pytest.raises(ValueError, match=r"d\.parquet: is not a readable Parquet file"):
        files.read(file="d.parquet")


@pytest.mark.parametrize("dims", [("member", "time"), ("time", "member")])
def test_netcdf(files: Files, dims: tuple[str, str]) -> None:
    stamps = DAY.utc.tz_localize(None)
    data = np.array(expected(3)) if dims[0] == "member" else np.array(expected(3)).T
    dataset = xr.Dataset(
        {"price": (dims, data), "load": ("time", np.arange(24.0)), "limit": ((), 5.0)},
        coords={"time": stamps, "member": [0, 1, 2]},
    )
    dataset.to_netcdf(files.folder / "a.nc", engine="h5netcdf")
    source = DataSource(file="a.nc", timezone="UTC")
    reader = SourceReader({"a": source}, files.folder, DAY, 3)
    assert reader.column("a", "price").tolist() == expected(3)
    assert reader.column("a", "load").tolist() == RAMP
    with pytest.raises(ValueError, match=r"a\.nc: no column 'limit'"):
        reader.column("a", "limit")
    with pytest.raises(ValueError, match="no UTC offset"):
        files.read(file="a.nc", time="time")
    (files.folder / "b.nc").write_bytes(b"no netcdf")
    with pytest.raises(ValueError, match=r"b\.nc: "):
        files.read(file="b.nc")


# --- in a field ---


class Contract(BaseModel):
    price: Annotated[Series, SeriesOf(unit="1/MWh", ge=0)]


def test_a_reference_in_a_field(files: Files) -> None:
    files.write(hourly())
    context = LoadContext(DAY, 1, files.reader())
    contract = Contract.model_validate({"price": {"series": "market.price", "scale": 2, "add": 1}}, context=context)
    assert contract.price.values.tolist() == [[2 * value + 1 for value in RAMP[0]]]
    assert contract.model_dump() == {"price": {"series": "market.price", "scale": 2, "add": 1}}
    again = Contract.model_validate({"price": contract.price})
    assert again.price.values.tolist() == contract.price.values.tolist()
    with pytest.raises(ValidationError, match="no column 'pric'; did you mean 'price'"):
        Contract.model_validate({"price": "market.pric"}, context=context)
    with pytest.raises(ValidationError, match=r"found -1 at 2024-08-19T00:00-05:00 \(2024-08-19T05:00Z\)"):
        Contract.model_validate({"price": {"series": "market.price", "add": -1}}, context=context)


# --- any file, and real files ---


@given(
    order=st.permutations(range(28)),
    lost=st.sets(st.integers(3, 24), max_size=5),
)
def test_whatever_the_order_and_the_gaps_a_row_serves_its_own_step(order: list[int], lost: set[int]) -> None:
    steps = np.array([step for step in order if step not in lost]) - 2
    stamps = microseconds(DAY.utc[[0]])[0] + steps * 3_600_000_000
    member = np.zeros(len(steps), np.int64)
    alignment = align(stamps, member, None, DAY, resample=None, filled=True)
    found = alignment.taken(steps.astype(float))[0]
    assert all(np.isnan(found[step]) if step + 2 in lost else found[step] == step for step in range(24))
    filled = alignment.filled(found[None, :], steps.astype(float), "linear", None, DAY)
    np.testing.assert_allclose(filled, RAMP)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real data is not there")
def test_a_real_year_is_read_and_aligned_quickly() -> None:
    year = Horizon(start="2024-01-01T00:00", steps=8784, timezone=CHICAGO)
    file = "aligned/aligned_ercot_west_2024.csv"
    sources = {
        "utc": DataSource(file=file, time="utc_start"),
        "local": DataSource(file=file, time="local_start", timezone=CHICAGO),
        "ancillary": DataSource(file="ercot/ercot_dam_as_mcpc_hourly_2024.csv", time="utc_start"),
    }
    reader = SourceReader(sources, SHARED, year, 1)
    prices = reader.column("utc", "lz_west_rt")
    assert prices.max() > 3000
    np.testing.assert_array_equal(prices, reader.column("local", "lz_west_rt"))
    seconds = []
    for column in ("hb_west_da", "hb_west_rt", "lz_west_da"):
        started = time.perf_counter()
        reader.column("utc", column)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.03  # the least, because a busy machine can hold up any one of them
    with pytest.raises(ValueError, match=r"column 'regup_usd_per_mw_h': found a blank cell at 2024-03-10T00:00-06:00"):
        reader.column("ancillary", "regup_usd_per_mw_h")
