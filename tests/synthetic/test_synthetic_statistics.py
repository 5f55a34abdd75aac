"""A synthetic year behaves like Texas: wide bounds around the statistics in docs/calibration.md."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.bitcoin import hashprice_per_ph_day
from optimizer.synthetic import synthetic_market
from optimizer.synthetic.clock import Clock
from optimizer.synthetic.grid import dusk, sun
from optimizer.synthetic.weather import wet_bulb_c

TIMEZONE = "America/Chicago"


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return synthetic_market("2024-01-01T00:00", 8784, TIMEZONE, 5, ("west", "north"))


@pytest.fixture(scope="module")
def local(year: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(year["utc_start"])).tz_convert(TIMEZONE)


def test_level_and_tails_of_prices(year: pd.DataFrame) -> None:
    for column in ("lz_west_da", "lz_west_rt"):
        assert 20 < year[column].median() < 30
        assert 28 < year[column].mean() < 48
        assert 0.003 < (year[column] > 200).mean() < 0.025
        assert year[column].between(-250, 5000).all()
    assert year["lz_west_rt"].max() > 800
    assert 0.02 < (year["lz_west_da"] < 0).mean() < 0.06
    assert 0.05 < (year["lz_west_rt"] < 0).mean() < 0.12
    assert (year["lz_north_da"] < 0).mean() < 0.02


def test_evenings_are_dear_and_middays_cheap(year: pd.DataFrame, local: pd.DatetimeIndex) -> None:
    by_hour = year["lz_west_da"].groupby(np.asarray(local.hour)).median()
    assert by_hour[20] > 1.8 * by_hour[12]
    spikes = year["lz_west_rt"] > 200
    assert np.mean((local.hour[spikes] >= 17) & (local.hour[spikes] <= 21)) > 0.4


def test_real_time_differs_from_day_ahead_with_memory_and_heavy_tails(year: pd.DataFrame) -> None:
    difference = pd.Series(np.arcsinh(year["lz_west_rt"] / 20) - np.arcsinh(year["lz_west_da"] / 20))
    assert 0.35 < difference.std() < 0.5
    assert 0.7 < difference.autocorr(1) < 0.9
    assert difference.kurt() > 0.5


def test_zones_correlate(year: pd.DataFrame) -> None:
    z = np.arcsinh(year[["lz_west_rt", "lz_north_rt"]].to_numpy() / 20)
    assert 0.65 < np.corrcoef(z.T)[0, 1] < 0.9
    assert np.corrcoef(year["t_db_c_west"], year["t_db_c_north"])[0, 1] > 0.9


def test_temperature_by_season_and_daily_swing(year: pd.DataFrame, local: pd.DatetimeIndex) -> None:
    temperature_c = year["t_db_c_west"]
    by_month = temperature_c.groupby(np.asarray(local.month)).mean()
    assert 3 < by_month[1] < 11
    assert 24 < by_month[7] < 30
    assert temperature_c.between(-25, 46).all()
    days = temperature_c.groupby(np.asarray(local.date))
    assert 11 < (days.max() - days.min()).mean() < 17
    assert (year["t_wb_c_west"] <= temperature_c).all()


def test_heat_and_cold_raise_prices(year: pd.DataFrame, local: pd.DatetimeIndex) -> None:
    """Proves that prices hang on the weather: freezing January hours pay more than mild ones."""
    january = local.month == 1
    z = np.arcsinh(year["lz_north_da"] / 20)
    assert np.corrcoef(z[january], year["t_db_c_north"][january])[0, 1] < -0.2


def test_hashprice_follows_from_its_parts(year: pd.DataFrame, local: pd.DatetimeIndex) -> None:
    after_halving = year[local >= pd.Timestamp("2024-04-21", tz=TIMEZONE)]
    expected = hashprice_per_ph_day(
        after_halving["btc_difficulty"], 3.125 + after_halving["btc_fees_per_block_btc"], after_halving["btc_price_usd"]
    )
    assert after_halving["hashprice"].to_numpy() == pytest.approx(expected, rel=1e-3)


def test_halving_halves_the_subsidy() -> None:
    """At 2024-04-20 00:09:27 UTC the subsidy falls from 6.25 to 3.125 BTC; the hashprice nearly halves."""
    day = synthetic_market("2024-04-19T12:00", 24, "UTC", 1)["hashprice"]
    assert day[13] / day[12] == pytest.approx(0.51, abs=0.02)


def test_demand_shape(year: pd.DataFrame, local: pd.DatetimeIndex) -> None:
    by_hour = year["chat_west_mtok"].groupby(np.asarray(local.hour)).mean()
    assert by_hour[20] > 1.3 * by_hour[6]
    assert year["chat_west_mtok"].mean() == pytest.approx(16_000, rel=0.1)
    assert year["batch_mtok"].mean() == pytest.approx(4_000, rel=0.1)
    weekend = np.asarray(local.day_of_week >= 5)
    assert year["chat_west_mtok"][weekend].mean() < year["chat_west_mtok"][~weekend].mean()


def test_carbon_follows_the_wind_and_the_sun(year: pd.DataFrame, local: pd.DatetimeIndex) -> None:
    carbon = year["co2_kg_per_mwh"]
    assert carbon.between(20, 530).all()
    assert carbon[local.hour == 20].mean() > carbon[local.hour == 11].mean()


def test_sun_and_dusk() -> None:
    """By hand: on 21 June in Texas the sun is up at noon and down at midnight, and sets after 20:00 CDT."""
    clock = Clock("2024-06-21T00:00", 24, TIMEZONE)
    assert sun(clock)[13] > 0.95
    assert sun(clock)[0] == sun(clock)[23] == 0.0
    assert dusk(clock).argmax() in (19, 20)
    assert dusk(clock)[8:14].max() < 0.01


def test_wet_bulb_of_the_published_example() -> None:
    """Stull (2011): 20 °C and 50 % relative humidity (dew point 9.26 °C) give 13.7 °C."""
    assert wet_bulb_c(np.array([20.0]), np.array([9.26]))[0] == pytest.approx(13.7, abs=0.05)
