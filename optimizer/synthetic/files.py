"""Writing synthetic tables as CSV files that are the same, byte for byte, on every run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write `table` as UTF-8 CSV with LF line ends and whole numbers without a decimal point; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tidy = table.copy()
    for column in tidy.select_dtypes("float64"):
        if (tidy[column] == tidy[column].round()).all():
            tidy[column] = tidy[column].astype("int64")
    path.write_bytes(tidy.to_csv(index=False, lineterminator="\n").encode())
