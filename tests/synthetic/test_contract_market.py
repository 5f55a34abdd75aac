"""The tables for contracts: columns, agreement with the market's own table, events where the stress is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.synthetic import (
    EventCalendar,
    synthetic_contract_ensemble,
    synthetic_contract_market,
    synthetic_ensemble,
    synthetic_market,
)

START, TIMEZONE = "2024-08-19T00:00", "America/Chicago"
CAPACITY = ["regup", "regdn", "rrs", "ecrs", "nspin"]


def test_columns() -> None:
    table = synthetic_contract_market(START, 30, TIMEZONE, 7)
    assert list(table.columns) == [
        "utc_start", "hb_west_da", "hb_west_rt", "lz_west_da", "lz_west_rt", *CAPACITY, "system_load_gw",
        "peak_probability", "wind_share", "solar_share", "hashprice", "t_db_c", "t_wb_c", "co2_kg_per_mwh", "chat_mtok",
        "called", "dr_event", "emergency",
    ]  # fmt: skip
    assert np.isfinite(table.drop(columns="utc_start").to_numpy()).all()


def test_same_arguments_give_the_same_market_and_the_same_table() -> None:
    table, market = (make(START, 48, TIMEZONE, 7) for make in (synthetic_contract_market, synthetic_market))
    common = [column for column in table.columns if column in market.columns]
    assert len(common) == 9
    pd.testing.assert_frame_equal(table[common], market[common])
    pd.testing.assert_frame_equal(table, synthetic_contract_market(START, 48, TIMEZONE, 7))


def test_longer_table_begins_with_the_shorter() -> None:
    week, day = (synthetic_contract_market(START, hours, TIMEZONE, 7) for hours in (168, 24))
    horizon_wide = ["peak_probability", "called", "dr_event", "emergency"]
    pd.testing.assert_frame_equal(week.head(24).drop(columns=horizon_wide), day.drop(columns=horizon_wide))


@pytest.mark.parametrize("seed", range(3))
def test_events_lie_where_the_stress_is(seed: int) -> None:
    """Proves: events of each kind last as long as asked for, at a level well above the mean."""
    table = synthetic_contract_market("2024-08-01T00:00", 744, TIMEZONE, seed)
    for event, cause, hours in (
        ("called", "hb_west_da", 16),
        ("dr_event", "system_load_gw", 10),
        ("emergency", "hb_west_rt", 4),
    ):
        inside = table[event] == 1
        assert inside.sum() == hours
        assert table[cause][inside].min() > table[cause].quantile(0.85)
        assert table[cause][inside].mean() > table[cause].quantile(0.96)
    none = synthetic_contract_market(
        START, 48, TIMEZONE, seed, EventCalendar(calls=0, demand_responses=1, emergencies=0)
    )
    assert none[["called", "dr_event", "emergency"]].sum().tolist() == [0, 2, 0]


def test_known_and_uncertain_columns_of_the_forecast() -> None:
    forecast = synthetic_contract_ensemble(START, 48, TIMEZONE, 7, 3)
    outcome = synthetic_contract_market(START, 48, TIMEZONE, 7)
    for column in ("hb_west_da", "lz_west_da", *CAPACITY, "co2_kg_per_mwh"):
        pd.testing.assert_series_equal(forecast[column], outcome[column])
    uncertain = [
        "hb_west_rt", "lz_west_rt", "system_load_gw", "peak_probability", "wind_share", "solar_share", "hashprice",
        "t_db_c", "t_wb_c", "chat_mtok", "dr_event",
    ]  # fmt: skip
    for name in uncertain:
        members = [column for column in forecast.columns if column.startswith(f"{name}_0")]
        assert members == [f"{name}_000", f"{name}_001", f"{name}_002"]
    assert forecast.shape == (48, 1 + 8 + 3 * len(uncertain))
    market = synthetic_ensemble(START, 48, TIMEZONE, 7, 3)
    common = [column for column in forecast.columns if column in market.columns]
    pd.testing.assert_frame_equal(forecast[common], market[common])


def test_demand_response_comes_with_the_load() -> None:
    """Proves: a member has a two-hour event on a day on which two of its hours reach the level, and none on others."""
    forecast = synthetic_contract_ensemble(START, 72, TIMEZONE, 7, 8, demand_response_load_gw=72.0)
    load, events = (forecast.filter(like=f"{name}_0").to_numpy().T for name in ("system_load_gw", "dr_event"))
    called = []
    for path, event in zip(load.reshape(8, 3, 24), events.reshape(8, 3, 24), strict=True):
        for day, hours in zip(path, event, strict=True):
            best = max(day[hour : hour + 2].mean() for hour in range(23))
            assert hours.sum() == (2 if best >= 72.0 else 0)
            called.append(hours.sum() > 0)
    assert 0 < sum(called) < len(called)


def test_no_members_are_refused() -> None:
    with pytest.raises(ValueError, match="members is 0"):
        synthetic_contract_ensemble(START, 24, TIMEZONE, 1, 0)
