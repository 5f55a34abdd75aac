"""Forecast of the Bitcoin network: random walk, epochs of difficulty, resampled fees, hashprice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_history import FloatArray, hourly, window

from optimizer.bitcoin import hashprice_per_ph_day
from optimizer.errors import InputError
from optimizer.forecasting import BitcoinForecast, History, ResidualBootstrap, Together, issue
from optimizer.forecasting.retargets import Epoch, epoch_at

DAYS = 120
NAMES = ("btc_price_usd", "btc_difficulty", "btc_fees_per_block_btc")


def network(
    price: Any = 60e3,
    difficulty: FloatArray | None = None,
    fees: FloatArray | float = 0.1,
    **others: Any,
) -> History:
    """A daily history from 2024-06-01 on; the difficulty rises by 2 % every 14 days."""
    epochs = 80e12 * 1.02 ** (np.arange(DAYS) // 14) if difficulty is None else difficulty
    columns = {"btc_price_usd": price, "btc_difficulty": epochs, "btc_fees_per_block_btc": fees} | others
    arrays = {name: np.broadcast_to(values, DAYS) for name, values in columns.items()}
    return hourly(arrays, start="2024-06-01", freq="1D")


def forecast(record: History, hours: int = 72, members: int = 30, day: int = 100, **fields: Any) -> Any:
    start = (pd.Timestamp("2024-06-01") + pd.Timedelta(days=day)).strftime("%Y-%m-%dT00:00")
    return issue(BitcoinForecast(**fields), record, start, window(start, hours), members, seed=3)


# ---------------------------------------------------------------------- price
def test_the_drift_is_fitted_on_daily_data() -> None:
    """Proves: a price that grows by 1 % a day goes on so, from noon of the last known day: at the middle of the first
    hour half a day and half an hour later. Sensitivity: without drift it stays."""
    price = 50e3 * 1.01 ** np.arange(DAYS)
    found = forecast(network(price)).values("btc_price_usd")
    ahead = 0.5 + (np.arange(72) + 0.5) / 24
    np.testing.assert_allclose(found, np.broadcast_to(price[99] * 1.01**ahead, (30, 72)), rtol=1e-9)
    flat = forecast(network(price), drift_per_day=0.0).values("btc_price_usd")
    np.testing.assert_allclose(flat, price[99], rtol=1e-9)


def test_the_spread_grows_with_the_root_of_time_also_within_a_day() -> None:
    """Proves: daily volatility 3 %: after half a day and 3.5 days 2.1 % and 5.6 %. Sensitivity: straight lines between
    days would give 1.5 % at half a day."""
    rng = np.random.default_rng(2)
    price = 60e3 * np.exp(np.cumsum(rng.normal(0, 0.03, DAYS)))
    found = np.log(forecast(network(price), hours=80, members=2000).values("btc_price_usd")).std(axis=0)
    assert found[0] == pytest.approx(0.03 * np.sqrt(0.52), rel=0.12)
    assert found[71] == pytest.approx(0.03 * np.sqrt(3.48), rel=0.2)


# ---------------------------------------------------------------------- difficulty
def test_difficulty_is_constant_within_an_epoch_and_steps_at_the_retarget() -> None:
    """Proves: epochs of 14 days, each 2 % up, 14 days of it found at 2 % above 144 blocks a day; on day 100 the epoch
    is 2 days old. It ends after 14 d / 1.02 = 13.73 days, in 11.73 days, with a step of 2 %. Sensitivity: a smooth
    growth moves every day; a step at 14 days comes 6 hours late."""
    found = forecast(network(), hours=24 * 13, members=5).values("btc_difficulty")
    now = 80e12 * 1.02**7
    step = int(np.ceil((14 / 1.02 - 2) * 24))
    np.testing.assert_array_equal(found[:, :step], now)
    np.testing.assert_allclose(found[:, step:], now * 1.02, rtol=1e-9)


def test_a_slow_epoch_is_seen_in_its_blocks() -> None:
    """Proves: half the usual blocks since the last retarget, 10 days ago: 720 of 2016 are found, the rest will take
    long and the difficulty will fall. Sensitivity: by the calendar the retarget would come in four days, upwards."""
    blocks = np.full(DAYS, 144.0)
    blocks[98:] = 72.0
    record = network(blocks=blocks)
    start = "2024-09-17T00:00"  # day 108
    arguments = (record, start, window(start, 24 * 30), 40)
    counted = issue(BitcoinForecast(blocks="blocks"), *arguments).values("btc_difficulty")
    uncounted = issue(BitcoinForecast(), *arguments).values("btc_difficulty")
    assert (counted[:, : 24 * 7] == counted[0, 0]).all()
    assert (counted[:, -1] < counted[:, 0]).all()
    assert (uncounted[:, 24 * 5] > uncounted[:, 0]).all()


def test_the_mean_of_the_day_of_a_retarget_tells_its_time() -> None:
    """Proves: a mean a quarter of the way from the old level to the new one: a quarter of the day's 144 blocks, 36,
    belong to the new epoch, and with four whole days it is 4.25 days old. Sensitivity: counted from the day's start 5
    days and 720 blocks."""
    difficulty = np.repeat([80e12, 82e12, 84e12], [14, 14, 5])
    difficulty[28] = 82.5e12
    days = pd.date_range("2024-06-01", periods=33, freq="1D", tz="UTC")
    epoch = epoch_at(days[-1] + pd.Timedelta(days=1), days, difficulty, np.full(33, 144.0))
    assert epoch.elapsed_days == pytest.approx(4.25)
    assert epoch.blocks == pytest.approx(36 + 4 * 144)
    assert epoch.difficulty == 84e12
    later = epoch_at(days[-1] + pd.Timedelta(days=1.5), days, difficulty, np.full(33, 144.0))
    assert later.blocks == pytest.approx(36 + 4.5 * 144)


def test_a_retarget_of_the_last_day_is_undone_from_its_mixture() -> None:
    """Proves: 2016 blocks after the retarget at the start of day 14, the next one falls into day 28, after 0 of its
    blocks: its mean is the new level. With 72 blocks less before, half of day 28 is old: from a mean halfway, the new
    level follows. Sensitivity: the mean itself would be 1 % too low."""
    days = pd.date_range("2024-06-01", periods=43, freq="1D", tz="UTC")
    difficulty = np.repeat([80e12, 82e12, 84e12], [14, 14, 15])
    blocks = np.full(43, 144.0)
    blocks[30] -= 72.0
    difficulty[42] = 85e12  # half 84, half 86
    epoch = epoch_at(days[-1] + pd.Timedelta(days=1), days, difficulty, blocks)
    assert epoch.difficulty == pytest.approx(86e12)
    assert epoch.blocks == pytest.approx(72.0)
    assert epoch.elapsed_days == pytest.approx(0.5)
    two = epoch_at(
        days[-1] + pd.Timedelta(days=2),
        pd.date_range(days[0], periods=44, freq="1D"),
        np.append(difficulty, 86e12),
        np.append(blocks, 144.0),
    )
    assert [two.difficulty, two.elapsed_days, two.blocks] == pytest.approx([86e12, 1.5, 216.0])


def test_steps_are_clamped_and_later_ones_follow() -> None:
    """Proves: a network ten times as fast steps by 4 at most; and in 40 days there are three retargets of the draws."""
    epoch = Epoch(100.0, 0.0, None, np.array([0.0, 0.0]))
    luck = np.zeros(1)
    fast = epoch.paths(np.array([0.0, 20.0]), np.full((1, 1), np.log(10.0)), luck)
    assert fast[0].tolist() == [100.0, 400.0]
    steady = epoch.paths(np.array([10.0, 20.0, 30.0, 43.0]), np.full((1, 4), 0.0), luck)
    np.testing.assert_allclose(steady, 100.0)
    growing = epoch.paths(np.array([0.0, 13.9, 27.5, 41.2]), np.full((1, 4), np.log(1.02)), luck)
    np.testing.assert_allclose(growing[0], 100.0 * 1.02 ** np.arange(4))


def test_an_epoch_whose_blocks_are_all_found_steps_at_once() -> None:
    epoch = Epoch(100.0, 13.0, 2016.0, np.array([0.0, 0.02]))
    found = epoch.paths(np.array([0.0, 1.0]), np.zeros((3, 2)), np.zeros(3))
    np.testing.assert_allclose(found, 100.0 * 14 / 13)


def test_too_few_retargets_are_refused() -> None:
    with pytest.raises(InputError, match="btc_difficulty: holds 0 retargets in 100 days; two at least"):
        forecast(network(difficulty=np.full(DAYS, 80e12)))


# ---------------------------------------------------------------------- fees and hashprice
def test_fees_return_to_their_usual_level_with_past_errors() -> None:
    """Proves: members lie around the usual 0.1 BTC, some above 0.2, none below 0. Fees of a whole day are divided by
    its blocks."""
    rng = np.random.default_rng(9)
    fees = 0.1 * np.exp(rng.normal(0, 0.5, DAYS))
    found = forecast(network(fees=fees), members=200).values("btc_fees_per_block_btc")
    assert np.median(found[:, 48]) == pytest.approx(0.1, rel=0.3)
    assert 0.0 < found.min() < 0.06
    assert found.max() > 0.2
    of_day = forecast(network(fees=fees * 144.0), members=200, fees_of_day=True).values("btc_fees_per_block_btc")
    np.testing.assert_allclose(of_day, found)
    fast = forecast(network(fees=fees * 288.0, blocks=288.0), members=200, fees_of_day=True, blocks="blocks").values(
        "btc_fees_per_block_btc"
    )
    np.testing.assert_allclose(fast, found)


def test_the_hashprice_is_that_of_the_network() -> None:
    """Proves: difficulty 125e12, subsidy 3.125 and fees 0.09375, price 100,000 give the check value 51.8."""
    levels = np.repeat([121e12, 123e12, 125e12], [95, 15, 10])
    record = network(100e3, levels, 0.09375)
    found = forecast(record, hours=24, day=119, fewest_days=60)
    np.testing.assert_allclose(found.values("hashprice"), 51.8, atol=0.05)
    np.testing.assert_allclose(
        found.values("hashprice"),
        hashprice_per_ph_day(
            found.values("btc_difficulty"),
            3.125 + found.values("btc_fees_per_block_btc"),
            found.values("btc_price_usd"),
        ),
    )
    assert found.units["hashprice"] == "currency/(PH/s)/day"


def test_bad_figures_are_refused() -> None:
    price = np.full(DAYS, 60e3)
    price[80] = 0.0
    with pytest.raises(InputError, match=r"btc_price_usd: found 0 at 2024-08-20T00:00.*above 0"):
        forecast(network(price))
    with pytest.raises(InputError, match="days are too few to draw 96 consecutive ones"):
        forecast(network(), hours=24 * 95)


# ---------------------------------------------------------------------- together with prices
def daily_by_hour(days: int) -> History:
    """Power prices and bitcoin that move together day by day."""
    rng = np.random.default_rng(10)
    shock = rng.normal(0, 1, days)
    price = 60e3 * np.exp(np.cumsum(0.03 * shock))
    epochs = 80e12 * 1.02 ** (np.arange(days) // 14)
    da = 40 + rng.normal(0, 1, days)
    after = "day after 00:00 UTC"
    columns = {"da": da, "rt": da + 8 * shock, NAMES[0]: price, NAMES[1]: epochs, NAMES[2]: np.full(days, 0.1)}
    return hourly(
        {name: np.repeat(values, 24) for name, values in columns.items()},
        published={"da": "day before 13:00", **dict.fromkeys(NAMES, after)},
    )


def test_the_days_are_drawn_once_for_prices_and_network() -> None:
    """Proves: power is dear on the days on which bitcoin rises, and so it is in the members, at a correlation above
    0.8. Sensitivity: with days drawn apart it is about 0."""
    record = daily_by_hour(150)
    day = "2024-05-20T00:00"
    horizon = window(day, 24)
    bootstrap = ResidualBootstrap({"rt": "da"}, spike_quantile=None)
    joint = issue(Together((bootstrap, BitcoinForecast())), record, day, horizon, 80)
    apart = issue(BitcoinForecast(), record, day, horizon, 80)

    def correlation(prices: Any, network: Any) -> float:
        day_means = prices.values("rt").mean(axis=1), np.log(network.values("btc_price_usd")).mean(axis=1)
        return float(np.corrcoef(*day_means)[0, 1])

    assert correlation(joint, joint) > 0.8
    assert abs(correlation(joint, apart)) < 0.35
    assert set(joint.names) == {"rt", "da", *NAMES, "hashprice"}


def test_a_network_history_that_is_shorter_than_the_other_is_refused() -> None:
    record = daily_by_hour(150)
    columns = {name: np.array(record.raw(name)) for name in record.names}
    columns[NAMES[0]][: 24 * 70] = np.nan
    short = hourly(columns, published={name: rule.text for name, rule in record.published.items()})
    both = Together((ResidualBootstrap({"rt": "da"}), BitcoinForecast()))
    with pytest.raises(InputError, match="btc_price_usd: the history of the network does not reach back 7 days before"):
        issue(both, short, "2024-05-20", window("2024-05-20T00:00", 24), 20)
