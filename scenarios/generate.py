"""Writes the data files of the shipped scenarios: `python scenarios/generate.py [FOLDER]`.

The data are synthetic (see docs/calibration.md) and the same on every run; a test compares the shipped files with a
fresh generation. The seeds were chosen among some hundreds for files that show something: a spike on a hot evening,
some hours of negative prices, a forecast in which a few members spike.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from optimizer.synthetic import (
    synthetic_contract_ensemble,
    synthetic_contract_market,
    synthetic_ensemble,
    synthetic_market,
    write_table,
)

START, TIMEZONE = "2024-08-19T00:00", "America/Chicago"
FOLDER = Path(__file__).resolve().parent / "data"


def day_ahead_48h() -> pd.DataFrame:
    """Two days in 20 members, with prices known a day ahead."""
    return synthetic_ensemble(START, 48, TIMEZONE, seed=239, members=20)


def campus_week() -> pd.DataFrame:
    """One week as it happens: a real-time spike on one evening, negative prices in some hours."""
    return synthetic_market(START, 168, TIMEZONE, seed=264)


def two_sites_72h() -> pd.DataFrame:
    """Three days in 3 members for a site in the west and one in the north, with demand by region."""
    return synthetic_ensemble(START, 72, TIMEZONE, seed=372, members=3, zones=("west", "north"), chat_mean_mtok=9_000.0)


def august_month() -> pd.DataFrame:
    """A whole month as it happens: a heat wave with scarce evenings, calls, events and two emergencies."""
    return synthetic_contract_market("2024-08-01T00:00", 31 * 24, TIMEZONE, seed=1275)


def backtest_fortnight() -> pd.DataFrame:
    """Seven weeks as they happen: five of history, and a fortnight with evenings that the day-ahead price missed."""
    table = synthetic_market("2024-07-13T00:00", 49 * 24, TIMEZONE, seed=7)
    return table[["utc_start", "lz_west_da", "lz_west_rt", "t_db_c", "hashprice", "chat_mtok"]]


def ancillary_48h() -> pd.DataFrame:
    """Two days in 5 members with capacity prices: one member spikes, two have demand-response events."""
    return synthetic_contract_ensemble("2024-08-20T00:00", 48, TIMEZONE, seed=293, members=5)


TABLES = {
    "day_ahead_48h.csv": day_ahead_48h,
    "campus_week.csv": campus_week,
    "two_sites_72h.csv": two_sites_72h,
    "august_month.csv": august_month,
    "ancillary_48h.csv": ancillary_48h,
    "backtest_fortnight.csv": backtest_fortnight,
}


def main() -> None:
    """Write all tables into the folder given, by default `scenarios/data`."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, table in TABLES.items():
        write_table(table(), folder / name)
        print(folder / name)


if __name__ == "__main__":
    main()
