"""The public tables: reproducible, extendable, with known and uncertain columns; forecasts that deserve trust."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.errors import InputError
from optimizer.synthetic import synthetic_ensemble, synthetic_market, write_table

START, TIMEZONE = "2024-08-19T00:00", "America/Chicago"


def test_same_arguments_give_the_same_table() -> None:
    pd.testing.assert_frame_equal(
        synthetic_ensemble(START, 24, TIMEZONE, 7, 4), synthetic_ensemble(START, 24, TIMEZONE, 7, 4)
    )
    assert not synthetic_market(START, 24, TIMEZONE, 7).equals(synthetic_market(START, 24, TIMEZONE, 8))


def test_longer_table_begins_with_the_shorter() -> None:
    week, day = (synthetic_market(START, hours, TIMEZONE, 7) for hours in (168, 24))
    pd.testing.assert_frame_equal(week.head(24), day)


def test_another_zone_leaves_the_first_as_it_was() -> None:
    alone = synthetic_market(START, 48, TIMEZONE, 7, ("west",))
    together = synthetic_market(START, 48, TIMEZONE, 7, ("west", "north"))
    for column in ("lz_west_da", "lz_west_rt", "hashprice", "co2_kg_per_mwh"):
        pd.testing.assert_series_equal(alone[column], together[column])
    np.testing.assert_array_equal(alone["t_db_c"], together["t_db_c_west"])
    np.testing.assert_array_equal(alone["chat_mtok"], together["chat_west_mtok"])


def test_columns_of_one_zone() -> None:
    table = synthetic_market(START, 3, TIMEZONE, 7)
    assert list(table.columns) == [
        "utc_start", "lz_west_da", "lz_west_rt", "hb_west_rt", "t_db_c", "t_wb_c", "hashprice", "btc_price_usd",
        "btc_difficulty", "btc_fees_per_block_btc", "co2_kg_per_mwh", "chat_mtok", "batch_mtok",
    ]  # fmt: skip
    assert list(table["utc_start"]) == ["2024-08-19T05:00Z", "2024-08-19T06:00Z", "2024-08-19T07:00Z"]


def test_what_is_known_ahead_has_one_column_and_agrees_with_what_happens() -> None:
    forecast = synthetic_ensemble(START, 48, TIMEZONE, 7, 3)
    outcome = synthetic_market(START, 48, TIMEZONE, 7)
    for column in ("lz_west_da", "btc_difficulty", "co2_kg_per_mwh", "batch_mtok"):
        pd.testing.assert_series_equal(forecast[column], outcome[column])
    for name in ("lz_west_rt", "hb_west_rt", "t_db_c", "t_wb_c", "hashprice", "chat_mtok"):
        members = [column for column in forecast.columns if column.startswith(f"{name}_0")]
        assert members == [f"{name}_000", f"{name}_001", f"{name}_002"]


def test_spread_grows_with_lead_time() -> None:
    forecasts = [synthetic_ensemble(START, 72, TIMEZONE, seed) for seed in range(20)]
    for name in ("t_db_c", "hashprice", "chat_mtok"):
        spread = np.mean([table.filter(like=f"{name}_").to_numpy().std(axis=1) for table in forecasts], axis=0)
        assert spread[1] < spread[12] < spread[48]
    z = np.mean([np.arcsinh(f.filter(like="lz_west_rt_").to_numpy() / 20).std(axis=1) for f in forecasts], axis=0)
    assert z[0] < 0.7 * z[24:].mean()


@pytest.mark.parametrize("name", ["lz_west_rt", "t_db_c", "chat_mtok", "hashprice"])
def test_outcome_lies_among_the_members_as_often_as_it_should(name: str) -> None:
    """Of 20 members and an outcome from one law, the outcome is neither lowest nor highest in 19 of 21 cases."""
    inside = []
    for seed, start in enumerate(pd.date_range("2024-01-03", periods=80, freq="4D").strftime("%Y-%m-%dT00:00")):
        members = synthetic_ensemble(start, 37, TIMEZONE, seed).filter(like=f"{name}_").to_numpy()[36]
        outcome = synthetic_market(start, 37, TIMEZONE, seed)[name][36]
        inside.append(members.min() <= outcome <= members.max())
    assert 0.8 < np.mean(inside) < 0.99


def test_a_minority_of_members_spikes_on_a_scarce_evening() -> None:
    peaks = np.concatenate(
        [synthetic_ensemble(START, 48, TIMEZONE, seed).filter(like="lz_west_rt_").max() for seed in range(60)]
    )
    assert 0.02 < np.mean(peaks > 500) < 0.2
    assert peaks.max() > 1_000


def test_clocks_going_back_give_25_hours_of_the_local_day() -> None:
    table = synthetic_market("2024-11-03T00:00", 25, TIMEZONE, 1)
    stamps = pd.DatetimeIndex(pd.to_datetime(table["utc_start"]))
    assert (stamps[1:] - stamps[:-1] == pd.Timedelta("1h")).all()
    assert stamps[24].tz_convert(TIMEZONE).strftime("%d %H") == "03 23"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), hours=st.integers(1, 60), month=st.integers(1, 12), members=st.integers(1, 4))
def test_every_table_is_complete_and_within_bounds(seed: int, hours: int, month: int, members: int) -> None:
    table = synthetic_ensemble(f"2025-{month:02d}-10T00:00", hours, TIMEZONE, seed, members, ("west", "north"))
    assert len(table) == hours
    numbers = table.drop(columns="utc_start")
    assert np.isfinite(numbers.to_numpy()).all()
    assert numbers.filter(regex="^(lz|hb)_").stack().between(-250, 5000).all()
    assert (numbers.filter(regex="^(hashprice|btc|chat|batch|co2)").to_numpy() >= 0).all()


def test_levels_can_be_chosen() -> None:
    table = synthetic_market(
        START, 500, TIMEZONE, 1, chat_mean_mtok=100, btc_price_start_usd=100_000, btc_difficulty_start=125e12
    )
    assert table["btc_price_usd"][0] == 100_000
    assert table["btc_difficulty"][0] == 125e12
    assert table["chat_mtok"].mean() == pytest.approx(100, rel=0.3)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown zone south: the zones are west, north"):
        synthetic_market(START, 24, TIMEZONE, 1, ("south",))
    with pytest.raises(ValueError, match="none given"):
        synthetic_market(START, 24, TIMEZONE, 1, ())
    with pytest.raises(ValueError, match="members is 0"):
        synthetic_ensemble(START, 24, TIMEZONE, 1, 0)
    for start, hours, timezone in ((START, 0, TIMEZONE), (START, 24, "Mars/Olympus"), ("19 August", 24, TIMEZONE)):
        with pytest.raises((ValueError, InputError)):
            synthetic_market(start, hours, timezone, 1)


def test_file_has_lf_line_ends_and_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "market.csv"
    write_table(synthetic_market(START, 2, TIMEZONE, 7), path)
    text = path.read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text.count("\n") == 3
    assert ",88000000000000," in text.splitlines()[1]
