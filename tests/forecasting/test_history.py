"""What was known when: the cut at the time of issue, and histories that do not serve."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_history import hourly, refused, window

from optimizer.errors import InputError
from optimizer.forecasting import History
from optimizer.horizon import Horizon
from optimizer.series import DataSource, SourceReader

ZONE = "America/Chicago"


def two_prices(days: int = 3) -> History:
    """Real-time and day-ahead prices that count the hours."""
    count = np.arange(24.0 * days)
    return hourly({"rt": count, "da": 1000.0 + count}, timezone=ZONE, published={"da": "day before 13:00"})


# ---------------------------------------------------------------------- the cut
def test_a_cut_holds_what_was_published_by_then_and_no_more() -> None:
    """Proves: at noon of the first day the twelve hours that are over and the day-ahead prices of that day; from 13:00
    on also those of the next day. Sensitivity: without the rule of publication the day-ahead price ends at noon too."""
    noon, one = two_prices().at("2024-01-01T12:00"), two_prices().at("2024-01-01T13:00")
    assert [noon.known_steps(name) for name in ("rt", "da")] == [12, 24]
    assert [one.known_steps(name) for name in ("rt", "da")] == [13, 48]
    assert one.raw("rt")[-1] == 12.0
    assert one.raw("da")[-1] == 1047.0


def test_an_hour_that_is_not_over_is_not_known() -> None:
    assert two_prices().at("2024-01-01T11:59").known_steps("rt") == 11


def test_a_cut_cannot_be_widened_but_narrowed() -> None:
    cut = two_prices().at("2024-01-02T00:00")
    with pytest.raises(InputError, match=r"was cut at 2024-01-02T00:00-06:00.*2024-01-02T01:00"):
        cut.at("2024-01-02T01:00")
    assert cut.at("2024-01-01T05:00").known_steps("rt") == 5


def test_a_cut_holds_copies_that_lead_nowhere_and_cannot_be_written() -> None:
    """Proves: the values of the future are not behind those of the past in memory."""
    cut = two_prices().at("2024-01-01T12:00")
    assert cut.raw("rt").base is None
    with pytest.raises(ValueError, match="read-only"):
        cut.raw("rt")[0] = 1.0


def test_values_ahead_are_those_that_are_published() -> None:
    """Proves: from noon of the first day on, the horizon of 24 hours has day-ahead prices for 12 hours, no real-time
    ones."""
    cut = two_prices().at("2024-01-01T12:00")
    ahead = cut.ahead("da", window("2024-01-01T12:00", 24, ZONE))
    assert ahead[:12].tolist() == [1012.0 + hour for hour in range(12)]
    assert np.isnan(ahead[12:]).all()
    assert np.isnan(cut.ahead("rt", window("2024-01-01T12:00", 24, ZONE))).all()


def test_values_ahead_of_a_horizon_that_began_before_the_history() -> None:
    ahead = two_prices().ahead("rt", window("2023-12-31T22:00", 4, ZONE))
    np.testing.assert_array_equal(ahead, [np.nan, np.nan, 0.0, 1.0])


def test_the_past_is_a_series_in_local_time() -> None:
    past = two_prices().at("2024-01-02T00:00").past("rt", timedelta(hours=3))
    assert past.tolist() == [21.0, 22.0, 23.0]
    assert past.index[0] == pd.Timestamp("2024-01-01T21:00", tz=ZONE)
    assert two_prices().past("rt").size == 72


# ---------------------------------------------------------------------- histories that do not serve
def test_a_history_shorter_than_the_look_back_names_variable_and_stamps() -> None:
    with pytest.raises(InputError) as error:
        two_prices().at("2024-01-02T00:00").past("rt", timedelta(days=2))
    assert "rt: the history begins at 2024-01-01T00:00-06:00" in refused(error)
    assert "the look-back needs it from 2023-12-31T00:00-06:00" in refused(error)


def test_a_column_that_begins_later_or_is_empty_is_shorter_too() -> None:
    values = np.arange(48.0)
    history = hourly({"rt": values, "late": np.where(values < 30, np.nan, values), "none": np.full(48, np.nan)})
    cut = history.at("2024-01-03T00:00")
    with pytest.raises(InputError, match="late: the history begins at 2024-01-02T06:00"):
        cut.past("late", timedelta(days=1))
    with pytest.raises(InputError, match="none: the history holds no value"):
        cut.past("none", timedelta(days=1))
    assert cut.past("late", timedelta(hours=18)).size == 18


def test_a_hole_names_variable_and_first_bad_stamp() -> None:
    values = np.arange(48.0)
    values[[30, 31, 40]] = np.nan
    cut = hourly({"rt": values}).at("2024-01-03T00:00")
    with pytest.raises(
        InputError, match="rt: the history has 3 blanks in the look-back, the first at 2024-01-02T06:00"
    ):
        cut.past("rt", timedelta(days=1))
    assert cut.past("rt", timedelta(hours=7)).size == 7, "blanks before the look-back do not matter"


def test_a_history_that_ends_before_the_issue_is_out_of_date() -> None:
    history = hourly({"rt": np.arange(20.0)})
    with pytest.raises(InputError, match=r"rt: the history ends before 2024-01-01T20:00.*at the end.*2024-01-02T00:00"):
        history.at("2024-01-02T00:00").past("rt", timedelta(hours=5))


def test_a_publication_that_is_late_is_noticed() -> None:
    """Proves: at 13:00 the prices of the next day are due; before that they are not missed."""
    history = hourly({"da": np.arange(24.0)}, published={"da": "day before 13:00"})
    assert history.at("2024-01-01T12:59").past("da", timedelta(hours=2)).size > 0
    with pytest.raises(InputError, match="da: the history ends before 2024-01-02T00:00"):
        history.at("2024-01-01T13:00").past("da", timedelta(hours=2))


def test_horizons_off_the_grid_are_refused() -> None:
    cut = two_prices().at("2024-01-02T00:00")
    with pytest.raises(InputError, match="its steps are 15min long"):
        cut.ahead("rt", window("2024-01-02T00:00", 4, ZONE, "15min"))
    with pytest.raises(InputError, match="do not start with those of the history"):
        cut.ahead("rt", window("2024-01-02T00:30", 4, ZONE))


def test_names_that_are_not_there_are_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="dah: the history has no such column"):
        two_prices().raw("dah")
    with pytest.raises(InputError, match="did you mean 'rt'"):
        hourly({"rt": [1.0, 2.0]}, published={"rtt": "always"})
    with pytest.raises(InputError, match="holds no columns"):
        History({}, pd.Timestamp("2024-01-01", tz="UTC"), timedelta(hours=1), "UTC")
    with pytest.raises(InputError, match=r"published.rt: found 'soon'"):
        hourly({"rt": [1.0, 2.0]}, published={"rt": "soon"})


@pytest.mark.parametrize("stamp", ["2024-11-03T01:30", "2024-03-10T02:30", "yesterday"])
def test_times_of_issue_that_are_no_instant_are_refused(stamp: str) -> None:
    with pytest.raises(InputError, match="issued_at"):
        two_prices().at(stamp)


# ---------------------------------------------------------------------- tables and files
def table(stamps: list[str], values: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"rt": values}, index=pd.DatetimeIndex(pd.to_datetime(stamps)))


def test_a_missing_row_is_a_blank_and_the_order_does_not_matter() -> None:
    stamps = ["2024-01-01T03:00Z", "2024-01-01T00:00Z", "2024-01-01T01:00Z"]
    history = History.from_table(table(stamps, [3.0, 0.0, 1.0]), "UTC")
    np.testing.assert_array_equal(history.raw("rt"), [0.0, 1.0, np.nan, 3.0])


@pytest.mark.parametrize(
    ("stamps", "values", "message"),
    [
        (["2024-01-01T00:00", "2024-01-01T01:00"], [1.0, 2.0], "time-zone aware"),
        (["2024-01-01T00:00Z"], [1.0], "1 rows"),
        (["2024-01-01T00:00Z", "2024-01-01T01:00Z", "2024-01-01T01:00Z"], [1.0, 2.0, 3.0], "2024-01-01T01:00.*repeats"),
        (
            ["2024-01-01T00:00Z", "2024-01-01T01:00Z", "2024-01-01T02:00Z", "2024-01-01T02:30Z"],
            [1.0] * 4,
            "2024-01-01T02:30.*whole step",
        ),
        (["2024-01-01T00:00Z", "2024-01-01T01:00Z"], ["1", "x"], "rt: holds no numbers"),
    ],
)
def test_tables_with_defects_are_refused(stamps: list[str], values: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        History.from_table(table(stamps, values), "UTC")


def read(folder: Path, text: str, **columns: str) -> History:
    (folder / "market.csv").write_text(text, encoding="utf-8")
    horizon = Horizon(start="2024-01-01T00:00", steps=3, timezone="UTC")
    reader = SourceReader({"market": DataSource(file="market.csv")}, folder, horizon)
    return History.from_sources(reader, columns, horizon, {"rt": "1h after the end"})


HEADER = "time,rt,da\n2024-01-01T00:00Z,1,4\n2024-01-01T01:00Z,2,5\n"


def test_a_history_from_data_files(tmp_path: Path) -> None:
    history = read(tmp_path, HEADER + "2024-01-01T02:00Z,3,6\n", rt="market.rt", da="market.da")
    assert history.at("2024-01-01T02:00").raw("rt").tolist() == [1.0]
    assert history.at("2024-01-01T02:00").raw("da").tolist() == [4.0, 5.0]
    assert "rt, da" in repr(history)
    assert "known at" in repr(history.at("2024-01-01T02:00"))


def test_all_defects_of_files_are_told_with_variable_file_and_time(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, HEADER + "2024-01-01T02:00Z,,6\n", rt="market.rt", da="market.ad")
    assert "rt: market.csv, column 'rt': found a blank cell at 2024-01-01T02:00" in refused(error)
    assert "da: market.csv: no column 'ad'" in refused(error)


def test_a_file_of_members_is_no_history(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-01T0{hour}:00Z,{member},1\n" for member in (0, 1) for hour in (0, 1, 2))
    horizon = Horizon(start="2024-01-01T00:00", steps=3, timezone="UTC")
    (tmp_path / "market.csv").write_text("time,member,rt\n" + rows, encoding="utf-8")
    reader = SourceReader({"market": DataSource(file="market.csv")}, tmp_path, horizon, members=2)
    with pytest.raises(InputError, match=r"rt: market.rt holds 2 members; what happened is one path"):
        History.from_sources(reader, {"rt": "market.rt"}, horizon)


def test_a_record_reaches_as_far_as_all_that_is_published_is_in_it() -> None:
    """Proves: of a record that ends with the 2nd of March, at 13:00 of that day tomorrow's day-ahead prices are out
    and not in it; until then, and of a column that is known at the end of its hour, all is. Contracts, known for good,
    do not matter."""
    stamps = pd.Timestamp("2024-03-01T00:00", tz="UTC")
    hours = [1.0] * 48
    both = History(
        {"rt": hours, "da": hours, "flat": hours},
        stamps,
        timedelta(hours=1),
        "UTC",
        {"da": "day before 13:00", "flat": "always"},
    )
    assert both.reaches(pd.Timestamp("2024-03-02T12:59", tz="UTC"))
    assert not both.reaches(pd.Timestamp("2024-03-02T13:00", tz="UTC"))
    alone = History({"rt": hours}, stamps, timedelta(hours=1), "UTC")
    assert alone.reaches(pd.Timestamp("2024-03-03T00:00", tz="UTC"))
    assert not alone.reaches(pd.Timestamp("2024-03-03T01:00", tz="UTC"))
