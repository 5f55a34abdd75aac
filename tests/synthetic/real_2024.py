"""The real year 2024 of ERCOT for comparisons. It is not part of the project: without it, these tests are skipped."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ALIGNED = FOLDER / "aligned" / "aligned_ercot_west_2024.csv"
GENERATION = FOLDER / "carbon" / "ercot_generation_and_co2_hourly_2024.csv"
FORECAST = FOLDER / "weather" / "ercot_avg_temp_and_load_forecast_hourly_2024.csv"
TIMEZONE = "America/Chicago"

needs_real_data = pytest.mark.skipif(
    not all(path.is_file() for path in (ALIGNED, GENERATION, FORECAST)),
    reason="the real data of 2024 are not beside the project",
)


def prices() -> pd.DataFrame:
    """Energy and ancillary prices of the hours in which the latter were published."""
    table = pd.read_csv(ALIGNED)
    return table[table["as_flag"] == "source"].rename(columns=lambda name: name.removeprefix("as_"))


def system() -> pd.DataFrame:
    """Load, its day-ahead forecast and wind generation in GW, with local month, of the hours with figures."""
    table = pd.read_csv(GENERATION)
    forecast = pd.read_csv(FORECAST).drop_duplicates("utc_start")
    table = table.merge(forecast, on="utc_start", how="left")
    local = pd.DatetimeIndex(pd.to_datetime(table["utc_start"], utc=True)).tz_convert(TIMEZONE)
    columns = {"total_gen_mw": "load_gw", "da_demand_forecast_mw": "forecast_gw", "wind_gen_mw": "wind_gw"}
    found = (table[list(columns)] / 1e3).rename(columns=columns)
    found["month"] = local.month
    found["hour"] = local.hour
    return found[table["flag"] != "missing"].dropna()
