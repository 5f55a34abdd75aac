"""Window tables: rows as charges, the two real tables billed for a year, and what is refused, by row and column."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tariff_case import bill_of_flat_load

from optimizer.tariffs import TariffFileError
from optimizer.tariffs.files import read_tariff
from optimizer.tariffs.window_table import read_window_table

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tariffs"
HEADER = (
    "Billing Period,Start Month,End Month,Start Time,End Time,Excluding Start Time,Excluding End Time,"
    "Weekday?,Value,Charge,Name"
)
ALWAYS = "1,1,12,1,24,,,2,0.05,Energy,All hours"


def read(*rows: str, header: str = HEADER) -> list[dict[str, Any]]:
    return read_window_table("\n".join([header, *rows]) + "\n")


def refusal(*rows: str, header: str = HEADER) -> list[str]:
    with pytest.raises(TariffFileError) as caught:
        read(*rows, header=header)
    return caught.value.messages


# ---------------------------------------------------------------------- rows as charges
def test_a_price_per_kwh_becomes_one_per_mwh() -> None:
    """Proves: 0.05 per kWh is 50 per MWh, and a rate of all hours needs no window."""
    assert read(ALWAYS) == [
        {"kind": "energy_tariff", "name": "energy", "rates": [{"name": "all_hours", "price_per_mwh": 50.0}]}
    ]


def test_hours_are_named_by_their_end_and_others_are_excluded() -> None:
    """Proves: 17 to 21 is 16:00 to 21:00, and 1 to 24 without 17 to 21 is the rest. Sensitivity: read as starts, the
    peak would be 17:00 to 22:00."""
    off, peak = read("1,1,12,1,24,17,21,2,0.05,Energy,Off", "2,1,12,17,21,,,2,0.09,Energy,Peak")[0]["rates"]
    assert off["window"] == {"hours": [[0, 16], [21, 24]]}
    assert peak["window"] == {"hours": [[16, 21]]}


def test_rows_of_one_name_and_price_are_one_rate_and_others_keep_theirs() -> None:
    """Proves: two rows `Day` at 0.05 are one rate of two windows; a third at another price is a rate of its own."""
    rates = read(
        "1,1,6,1,24,,,1,0.05,Energy,Day",
        "2,1,6,1,24,,,0,0.05,Energy,Day",
        "3,7,12,1,24,,,1,0.05,Energy,Day",
        "4,7,12,1,24,,,0,0.06,Energy,Day",
    )[0]["rates"]
    assert [(rate["name"], rate["price_per_mwh"]) for rate in rates] == [("day", 50.0), ("day_2", 60.0)]
    assert rates[0]["windows"] == [
        {"months": [1, 2, 3, 4, 5, 6]},
        {"months": [7, 8, 9, 10, 11, 12], "weekdays": "workdays"},
    ]
    assert rates[1]["window"] == {"months": [7, 8, 9, 10, 11, 12], "weekdays": "weekend"}


def test_demand_rows_are_charges_of_their_own_unless_only_the_months_differ() -> None:
    """Proves: the winter of two rows is one charge by month; the same name on other hours, or overlapping months, is a
    second charge. Sensitivity: one charge for both hours would bill one peak instead of two."""
    charges = read(
        "1,1,5,1,24,,,2,10,Demand,Winter",
        "2,11,12,1,24,,,2,10,Demand,Winter",
        "3,1,5,17,21,,,2,10,Demand,Winter",
        "4,1,1,1,24,,,2,10,Demand,Winter",
    )
    assert [charge["name"] for charge in charges] == ["winter", "winter_2", "winter_3"]
    assert charges[0]["window"] == {"months": [1, 2, 3, 4, 5, 11, 12]}
    assert charges[1]["window"] == {"months": [1, 2, 3, 4, 5], "hours": [[16, 21]]}
    assert {charge["rate_per_kw_month"] for charge in charges} == {10.0}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", "row_2"), ("4CP (Summer)", "row_4cp_summer"), ("Adder", "row_adder"), ("Ärger & Co", "rger_co")],
)
def test_names_are_made_fit_for_a_scenario(name: str, expected: str) -> None:
    assert read(f"1,1,12,1,24,,,2,0.05,Energy,{name}")[0]["rates"][0]["name"] == expected


def test_columns_in_other_order_or_case_and_blank_rows_are_no_matter() -> None:
    header = "value,CHARGE,Weekday?,Start Time,End Time,Start Month,End Month,Billing Period"
    assert read("0.05,energy,2,1,24,1,12,1", ",,,,,,,", header=header)[0]["rates"][0]["price_per_mwh"] == 50.0


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,6,5,1,24,,,2,1,Demand,x", "row 2, Start Month: 6 lies after End Month 5; write two rows"),
        ("1,1,12,21,6,,,2,1,Demand,x", "row 2, Start Time: 21 lies after End Time 6; write two rows"),
        ("1,0,12,1,24,,,2,1,Demand,x", 'row 2, Start Month: found "0"; must be a whole number from 1 to 12'),
        ("1,1,12,0,24,,,2,1,Demand,x", 'row 2, Start Time: found "0"; must be a whole number from 1 to 24'),
        ("1,1,12,1,24,,,3,1,Demand,x", 'row 2, Weekday?: found "3"; must be a whole number from 0 to 2'),
        ("1,1,12,1,24,,,,1,Demand,x", "row 2, Weekday?: is blank; must be a whole number from 0 to 2"),
        ("1,1,12,1,24,,,2,free,Demand,x", 'row 2, Value: found "free"; must be a number'),
        ("1,1,12,1,24,,,2,nan,Demand,x", 'row 2, Value: found "nan"; must be a number'),
        ("1,1,12,1,24,,,2,,Demand,x", "row 2, Value: is blank; must be a number"),
        ("1,1,12,1,24,,,2,-1,Demand,x", 'row 2, Value: found "-1"; must be at least 0 for Demand'),
        ("1,1,12,1,24,,,2,1,Gas,x", 'row 2, Charge: found "Gas"; must be Energy or Demand'),
        ("1,1,12,1,24,,,2,1,,x", "row 2, Charge: is blank; must be Energy or Demand"),
        ("1,1,12,1,24,5,,2,1,Demand,x", "row 2, Excluding End Time: is blank; must be an hour, since the other one is"),
        ("1,1,12,8,12,5,9,2,1,Demand,x", "row 2, Excluding Start Time: 5 to 9 does not lie within 8 to 12"),
        ("1,1,12,8,12,8,12,2,1,Demand,x", "row 2: all its hours are excluded"),
        ("1.5,1,12,1,24,,,2,1,Demand,x", 'row 2, Billing Period: found "1.5"; must be a whole number'),
        ("1,1,12,1,24,,,2,1,Demand", "row 2: has 10 cells; must be 11, as the header"),
        ('1,1,12,1,24,,,2,1,Demand,"x', "row 2: is not readable as CSV: unexpected end of data"),
    ],
)
def test_a_wrong_cell_is_told_by_row_and_column(row: str, message: str) -> None:
    assert refusal(row) == [message]


def test_all_wrong_rows_are_told_at_once() -> None:
    messages = refusal("1,1,12,1,24,,,2,x,Energy,a", "1,6,5,1,24,,,2,1,Gas,b")
    assert [message.partition(":")[0] for message in messages] == [
        "row 2, Value",
        "row 3, Billing Period",
        "row 3, Start Month",
        "row 3, Charge",
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("Value", "Vlue"), "the column \"Vlue\" is not known; did you mean 'Value'?"),
        (HEADER.replace(",Charge", ""), "columns are missing: Charge"),
        (HEADER + ",Name_optional", 'the column "Name" is there twice'),
        (HEADER.replace(",", ";"), "the columns must be separated by commas"),
    ],
)
def test_a_wrong_header_is_refused(header: str, message: str) -> None:
    assert message in "\n".join(refusal(ALWAYS, header=header))


def test_hours_priced_twice_or_not_at_all_are_refused_by_row() -> None:
    """Proves: rows 2 and 3 share the hours ending 17 and 18; nobody prices summer weekends."""
    messages = refusal(
        "1,1,12,1,18,,,1,0.05,Energy,a",
        "2,1,12,17,24,,,1,0.05,Energy,b",
        "3,1,5,1,24,,,0,0.05,Energy,c",
        "4,9,12,1,24,,,0,0.05,Energy,d",
    )
    assert messages == [
        "rows 2 and 3: both price the energy of every month, workdays, 16:00 to 18:00",
        "rows 2, 3, 4, 5: none of them prices the energy of Jun to Aug, weekend, 0:00 to 24:00",
    ]


def test_a_table_without_rows_is_refused() -> None:
    assert refusal() == ["holds a header but no rows"]


# ---------------------------------------------------------------------- a year's bill, counted by hand
def counted_by_hand(path: Path, year: int, zone: str, load_kw: float) -> dict[str, float]:
    """Energy and demand of a flat load, hour by hour and row by row, straight from the file."""
    lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:] if line.strip(",")]
    total = {"Energy": 0.0, "Demand": 0.0}
    hour, end = (datetime(y, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC")) for y in (year, year + 1))
    months_of_row: dict[str, set[int]] = {}
    while hour < end:
        local = hour.astimezone(ZoneInfo(zone))
        for number, first, last, start, stop, without, until, days, value, charge, *_ in lines:
            ends_at = local.hour + 1
            is_excluded = without != "" and int(without) <= ends_at <= int(until)
            is_right_day = days == "2" or (days == "1") == (local.weekday() < 5)
            in_hours = int(start) <= ends_at <= int(stop) and not is_excluded
            if int(first) <= local.month <= int(last) and in_hours and is_right_day:
                if charge == "Energy":
                    total["Energy"] += float(value) * load_kw
                elif local.month not in months_of_row.setdefault(number, set()):
                    months_of_row[number].add(local.month)
                    total["Demand"] += float(value) * load_kw
        hour += timedelta(hours=1)
    return total


@pytest.mark.parametrize("name", ["dervet_tariff_PoSD_AL_TOU_2020.csv", "dervet_tariff_ev_battery_sizing.csv"])
def test_the_real_tables_bill_a_year_as_counted_by_hand(name: str) -> None:
    """Proves: windows, weekdays, excluded hours and units of the real tables, over a year with both clock changes: 2 MW
    all year cost what the rows say, hour by hour. Sensitivity: hours read by their start would move the peak by one
    hour."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip("the real tariffs are not beside the project")
    expected = counted_by_hand(path, 2023, "America/Los_Angeles", 2000.0)
    energy, demand = bill_of_flat_load(read_tariff(path), 2023, "America/Los_Angeles", 2.0)
    assert energy == pytest.approx(expected["Energy"], rel=1e-12)
    assert demand == pytest.approx(expected["Demand"], rel=1e-12)


def test_the_shipped_table_bills_a_year_as_counted_by_hand() -> None:
    """Proves: the made-up table too; by hand, demand of 2 MW = 2000 * (12 * 6.10 + 4 * 11.75 + 8 * 3.40) = 294,800."""
    path = Path(__file__).resolve().parents[2] / "scenarios" / "data" / "example_tariff.csv"
    expected = counted_by_hand(path, 2024, "America/Chicago", 2000.0)
    energy, demand = bill_of_flat_load(read_tariff(path), 2024, "America/Chicago", 2.0)
    assert energy == pytest.approx(expected["Energy"], rel=1e-12)
    assert expected["Demand"] == pytest.approx(294_800)
    assert demand == pytest.approx(294_800)
