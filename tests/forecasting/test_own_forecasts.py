"""Forecasts of the user's own: functions and files of members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_history import hourly, refused, window

from optimizer.errors import InputError
from optimizer.forecasting import ForecastEnsemble, MembersFile, OwnFunction, issue
from optimizer.series import DataSource

RECORD = hourly({"rt": np.arange(72.0)})
START = "2024-01-02T00:00"
HORIZON = window(START, 3)


# ---------------------------------------------------------------------- functions
def test_a_function_gets_only_what_was_known() -> None:
    def seen(known: Any, issued_at: Any, horizon: Any, members: int, seed: int) -> dict[str, Any]:
        with pytest.raises(InputError, match="was cut"):
            known.at("2024-01-02T01:00")
        return {"rt": [known.raw("rt")[-1]] * horizon.steps, "steps": np.ones((members, horizon.steps))}

    found = issue(OwnFunction(seen), RECORD, START, HORIZON, 4)
    assert found.values("rt").tolist() == [[23.0] * 3] * 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0], r"rt: the members stop before the horizon: no value for 2024-01-02T02:00"),
        ([1.0, np.nan, 2.0], r"rt: found nan at 2024-01-02T01:00"),
        (np.ones((3, 3)), r"holds 3 members; 4 were asked for"),
        ([[1.0, 2.0, 3.0]], r"holds 1 members; 4 were asked for"),
    ],
)
def test_what_a_function_says_is_checked(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        issue(OwnFunction(lambda *arguments: {"rt": values}), RECORD, START, HORIZON, 4)


# ---------------------------------------------------------------------- files
def rows(first_hour: int = 0, members: int = 2, hours: int = 3, level: float = 0.0) -> list[str]:
    return [
        f"2024-01-02T{first_hour + hour:02d}:00Z,{member},{level + 10 * member + hour}"
        for member in range(members)
        for hour in range(hours)
    ]


def from_file(folder: Path, text: str, members: int = 2, **fields: Any) -> ForecastEnsemble:
    (folder / "own.csv").write_text(text, encoding="utf-8")
    forecaster = MembersFile(DataSource(file="own.csv"), ("rt",), folder, **fields)
    return issue(forecaster, RECORD, START, HORIZON, members)


def test_members_of_a_file(tmp_path: Path) -> None:
    found = from_file(tmp_path, "\n".join(["time,member,rt", *rows()]))
    assert found.values("rt").tolist() == [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]
    assert found.probabilities.tolist() == [0.5, 0.5]


def test_probabilities_of_a_file(tmp_path: Path) -> None:
    weighted = [f"{row},{0.25 if ',0,' in row else 0.75}" for row in rows()]
    found = from_file(tmp_path, "\n".join(["time,member,rt,probability", *weighted]))
    assert found.probabilities.tolist() == [0.25, 0.75]
    weighted[0] = weighted[0].replace("0.25", "0.5")
    with pytest.raises(InputError, match=r"probability: own.csv: member 0 has several probabilities"):
        from_file(tmp_path, "\n".join(["time,member,rt,probability", *weighted]))


def test_a_file_that_the_library_wrote(tmp_path: Path) -> None:
    """Proves: members and probabilities go through NetCDF and the file forecaster."""
    written = ForecastEnsemble.from_arrays({"rt": [[1.0] * 3, [2.0] * 3]}, HORIZON, START, probabilities=[0.1, 0.9])
    written.to_data(tmp_path / "own.nc")
    source = DataSource(file="own.nc", timezone="UTC")
    found = issue(MembersFile(source, ("rt",), tmp_path), RECORD, START, HORIZON, 2)
    assert found.values("rt").tolist() == written.values("rt").tolist()
    assert found.probabilities.tolist() == [0.1, 0.9]


def test_the_newest_forecast_that_had_been_issued_is_taken(tmp_path: Path) -> None:
    """Proves: of three forecasts in a file, issued at 06:00, 18:00 and, too late, at 01:00 of the next day, the one of
    18:00 serves. Sensitivity: the last of the file has 300, the first 100."""
    issued = [("2024-01-01T06:00Z", 100.0), ("2024-01-01T18:00Z", 200.0), ("2024-01-02T01:00Z", 300.0)]
    text = [f"{stamp},{row}" for stamp, level in issued for row in rows(level=level)]
    found = from_file(tmp_path, "\n".join(["issued_at,time,member,rt", *text]))
    assert found.values("rt")[0].tolist() == [200.0, 201.0, 202.0]
    assert found.issued_at == pd.Timestamp("2024-01-01T18:00Z")
    with pytest.raises(InputError, match=r"first forecast was issued at 2024-01-02T01:00.*after 2024-01-02T00:00"):
        from_file(tmp_path, "\n".join(["issued_at,time,member,rt", *text[-6:]]))
    with pytest.raises(InputError, match=r"issued_at: own.csv"):
        from_file(tmp_path, "\n".join(["issued_at,time,member,rt", f"soon,{rows()[0]}"]))


def test_times_of_issue_without_offset_are_of_the_sources_time_zone(tmp_path: Path) -> None:
    """Proves: 19:00 in Chicago is 01:00 UTC of the next day, too late; 17:00 serves."""
    naive = [row.replace("Z", "") for row in rows()]
    for hour, served in ((17, True), (19, False)):
        text = "\n".join(["issued_at,time,member,rt", *[f"2024-01-01T{hour}:00,{row}" for row in naive]])
        (tmp_path / "own.csv").write_text(text, encoding="utf-8")
        forecaster = MembersFile(DataSource(file="own.csv", timezone="America/Chicago"), ("rt",), tmp_path)
        horizon = window("2024-01-02T06:00", 3)
        if served:
            assert issue(forecaster, RECORD, START, horizon, 2).members == 2
        else:
            with pytest.raises(InputError, match="was issued at 2024-01-02T01:00"):
                issue(forecaster, RECORD, START, horizon, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (["time,member,rt", *rows(hours=2)], r"rt: own.csv: covers .*2024-01-02T02:00.* but the horizon runs"),
        (["time,member,rt", *rows()[:5]], r"rt: own.csv: covers .* of member 1, but"),
        (["time,member,rt", *rows()[:5], "2024-01-02T02:00Z,1,"], r"rt: own.csv, .*blank cell at 2024-01-02T02:00"),
        (["time,member,price", *rows()], r"rt: own.csv: no column 'rt'"),
        (["time,member,rt", *rows(members=3)], r"holds 3 members; 2 were asked for"),
        (["time,member,rt"], r"forecast: own.csv: holds a header but no rows"),
    ],
)
def test_files_that_do_not_serve_are_refused(tmp_path: Path, text: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_file(tmp_path, "\n".join(text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        issue(MembersFile(DataSource(file="gone.csv"), ("rt",), tmp_path), RECORD, START, HORIZON, 2)
    assert "gone.csv is not there" in refused(error)
