"""The shipped data files are those that `scenarios/generate.py` writes, and they show what the scenarios need."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.synthetic import write_table

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
NAMES = (
    "day_ahead_48h.csv",
    "campus_week.csv",
    "two_sites_72h.csv",
    "august_month.csv",
    "ancillary_48h.csv",
    "backtest_fortnight.csv",
)


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(SCENARIOS / "generate.py"))


@pytest.mark.parametrize("name", NAMES)
def test_shipped_file_equals_a_fresh_generation(name: str, generator: dict[str, Any], tmp_path: Path) -> None:
    write_table(generator["TABLES"][name](), tmp_path / name)
    pd.testing.assert_frame_equal(
        pd.read_csv(SCENARIOS / "data" / name), pd.read_csv(tmp_path / name), check_exact=False, rtol=1e-9, atol=1e-9
    )


def test_all_shipped_files_are_generated(generator: dict[str, Any]) -> None:
    assert set(generator["TABLES"]) == set(NAMES)


def test_week_has_a_spike_on_an_evening_and_hours_below_zero() -> None:
    week = pd.read_csv(SCENARIOS / "data" / "campus_week.csv")
    assert len(week) == 168
    top = int(week["lz_west_rt"].idxmax())
    assert week["lz_west_rt"][top] > 1_000
    assert 17 <= top % 24 <= 21
    assert (week["lz_west_rt"] < 0).sum() >= 5


def test_forecast_has_a_minority_of_spiking_members_and_some_below_zero() -> None:
    prices = pd.read_csv(SCENARIOS / "data" / "day_ahead_48h.csv").filter(like="lz_west_rt_")
    assert prices.shape == (48, 20)
    assert 2 <= (prices.max() > 500).sum() <= 6
    assert (prices.min() < 0).sum() >= 3


def test_two_sites_pay_different_prices() -> None:
    table = pd.read_csv(SCENARIOS / "data" / "two_sites_72h.csv")
    west, north = (table.filter(like=f"lz_{zone}_rt_").to_numpy() for zone in ("west", "north"))
    assert west.shape == north.shape == (72, 3)
    assert np.corrcoef(np.arcsinh(west.ravel()), np.arcsinh(north.ravel()))[0, 1] > 0.4
    # A margin of 10 USD/MWh in both directions: moving work between the sites pays.
    assert ((west - north) > 10).any()
    assert ((north - west) > 10).any()


def test_august_has_scarce_evenings_one_peak_and_all_events() -> None:
    month = pd.read_csv(SCENARIOS / "data" / "august_month.csv")
    assert (len(month), month["utc_start"].iloc[0], month["utc_start"].iloc[-1]) == (
        744,
        "2024-08-01T05:00Z",
        "2024-09-01T04:00Z",
    )
    assert month["lz_west_rt"].max() > 1_000
    assert (month["lz_west_rt"] < 0).sum() > 20
    assert month["ecrs"].max() > 200
    # cut digits leave a little less than 1, never more
    assert 0.999 < month["peak_probability"].sum() <= 1.0
    days = month["peak_probability"].groupby(month.index // 24).sum()
    assert (days > 0.04).sum() >= 4
    assert month[["called", "dr_event", "emergency"]].sum().tolist() == [16, 10, 4]
    assert month["lz_west_rt"][month["emergency"] == 1].min() > 200


def test_capacity_bids_face_one_day_ahead_market_and_five_real_time_prices() -> None:
    table = pd.read_csv(SCENARIOS / "data" / "ancillary_48h.csv")
    assert (len(table), table["utc_start"].iloc[0]) == (48, "2024-08-20T05:00Z")
    prices, events = (table.filter(like=f"{name}_0") for name in ("lz_west_rt", "dr_event"))
    assert prices.shape == events.shape == (48, 5)
    assert (prices.max() > 1_000).sum() == 1
    assert (prices < 0).to_numpy().any()
    assert sorted(events.sum()) == [0, 0, 0, 2, 4]
    peaks = table.filter(like="peak_probability_").sum()
    assert 0.01 < peaks.min() < 0.2 < peaks.max() < 1.0


def test_the_fortnight_has_dear_hours_that_the_day_ahead_price_missed() -> None:
    table = pd.read_csv(SCENARIOS / "data" / "backtest_fortnight.csv")
    assert (len(table), table["utc_start"].iloc[0], table["utc_start"].iloc[-1]) == (
        49 * 24,
        "2024-07-13T05:00Z",
        "2024-08-31T04:00Z",
    )
    history, fortnight = table.iloc[: 35 * 24], table.iloc[35 * 24 :]
    dear = fortnight["lz_west_rt"] > 72  # above what the older machines earn
    assert dear.sum() > 50
    assert (dear & (fortnight["lz_west_da"] < 72)).sum() > 25
    assert (fortnight["lz_west_rt"] < 0).sum() > 5
    assert history["lz_west_rt"].max() > fortnight["lz_west_rt"].max() > 500
