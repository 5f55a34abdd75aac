"""The tables of synthetic data: one year, week or day as it happens, or a forecast of it in members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optimizer.synthetic.bitcoin import bitcoin_network
from optimizer.synthetic.clock import Clock
from optimizer.synthetic.demand import batch_mtok, chat_mtok
from optimizer.synthetic.grid import forecast_grid
from optimizer.synthetic.market import NODES, Market
from optimizer.synthetic.noise import FloatArray
from optimizer.synthetic.weather import forecast_weather, observed_weather

CHAT_MEAN_MTOK = 16_000.0
BATCH_MEAN_MTOK = 4_000.0
BTC_PRICE_START_USD = 60_000.0
BTC_DIFFICULTY_START = 88e12

_KNOWN_AHEAD = {"btc_difficulty", "co2_kg_per_mwh", "batch_mtok"}
# Digits kept, by the beginning of the column's name: finer than the figures are known, coarse enough for readable
# files.
_DIGITS = {
    "lz_": 2, "hb_": 2, "t_": 1, "hashprice": 2, "btc_price": 0, "btc_difficulty": -9, "btc_fees": 4,
    "co2_": 0, "chat_": 0, "batch_": 0,
}  # fmt: skip


def synthetic_market(
    start: str,
    hours: int,
    timezone: str,
    seed: int,
    zones: Sequence[str] = ("west",),
    *,
    chat_mean_mtok: float = CHAT_MEAN_MTOK,
    batch_mean_mtok: float = BATCH_MEAN_MTOK,
    btc_price_start_usd: float = BTC_PRICE_START_USD,
    btc_difficulty_start: float = BTC_DIFFICULTY_START,
) -> pd.DataFrame:
    """Hourly data as they happen.

    `start` is the local wall clock of `timezone` (an offset in it is honoured); `hours` rows follow. Columns:
    `utc_start`; prices `lz_<zone>_da` and `lz_<zone>_rt` in USD/MWh, and `hb_<zone>_rt` at the hub; `t_db_c` and
    `t_wb_c`, dry and wet bulb; `hashprice` in USD per PH/s and day, `btc_price_usd`, `btc_difficulty`,
    `btc_fees_per_block_btc`; `co2_kg_per_mwh`; `chat_mtok` and `batch_mtok`, inference demand in millions of tokens
    in the hour. With more than one zone the columns of temperature and chat carry the zone's name (`t_db_c_west`,
    `chat_west_mtok`). The same arguments give the same table; a longer table begins with the shorter one.
    """
    return _table(
        Clock(start, hours, timezone),
        seed,
        zones,
        None,
        chat_mean_mtok,
        batch_mean_mtok,
        btc_price_start_usd,
        btc_difficulty_start,
    )


def synthetic_ensemble(
    start: str,
    hours: int,
    timezone: str,
    seed: int,
    members: int = 20,
    zones: Sequence[str] = ("west",),
    *,
    chat_mean_mtok: float = CHAT_MEAN_MTOK,
    batch_mean_mtok: float = BATCH_MEAN_MTOK,
    btc_price_start_usd: float = BTC_PRICE_START_USD,
    btc_difficulty_start: float = BTC_DIFFICULTY_START,
) -> pd.DataFrame:
    """A forecast made at the start of the horizon, in equally likely members.

    Columns as in `synthetic_market`; real-time prices, temperatures, chat demand, `hashprice`, `btc_price_usd` and
    `btc_fees_per_block_btc` differ by member and are named `lz_west_rt_000`, `lz_west_rt_001`, …. Day-ahead prices,
    difficulty, carbon intensity and batch arrivals are known and have one column. Members spread with lead time.
    What `synthetic_market` gives for the same arguments is what then happens: close to one more draw from the same law,
    with the same day-ahead prices.
    """
    if members < 1:
        raise ValueError(f"members is {members}: at least one is needed")
    return _table(
        Clock(start, hours, timezone),
        seed,
        zones,
        members,
        chat_mean_mtok,
        batch_mean_mtok,
        btc_price_start_usd,
        btc_difficulty_start,
    )


def _table(
    clock: Clock,
    seed: int,
    zones: Sequence[str],
    members: int | None,
    chat_mean_mtok: float,
    batch_mean_mtok: float,
    btc_price_start_usd: float,
    btc_difficulty_start: float,
) -> pd.DataFrame:
    unknown = [zone for zone in zones if f"lz_{zone}" not in NODES]
    if unknown or not zones:
        known = ", ".join(node.removeprefix("lz_") for node in NODES if node.startswith("lz_"))
        raise ValueError(f"unknown zone {', '.join(unknown) or '(none given)'}: the zones are {known}")
    market = Market(clock, seed)
    grid = market.grid if members is None else forecast_grid(clock, seed, members)
    network = bitcoin_network(
        clock, seed, price_start_usd=btc_price_start_usd, difficulty_start=btc_difficulty_start, members=members
    )
    series: dict[str, FloatArray] = {}
    for zone in zones:
        series[f"lz_{zone}_da"] = market.day_ahead_prices(f"lz_{zone}")
        for node in (f"lz_{zone}", f"hb_{zone}"):
            series[f"{node}_rt"] = (
                market.real_time_prices(node) if members is None else market.forecast_prices(node, grid)
            )
    for zone in zones:
        weather = (
            observed_weather(clock, seed, zone) if members is None else forecast_weather(clock, seed, zone, members)
        )
        suffix = "" if len(zones) == 1 else f"_{zone}"
        series[f"t_db_c{suffix}"] = weather.dry_bulb_c
        series[f"t_wb_c{suffix}"] = weather.wet_bulb_c
    series["hashprice"] = network.hashprice_usd_per_ph_day
    series["btc_price_usd"] = network.price_usd
    series["btc_difficulty"] = network.difficulty
    series["btc_fees_per_block_btc"] = network.fees_per_block_btc
    series["co2_kg_per_mwh"] = market.grid.co2_kg_per_mwh
    for zone in zones:
        name = "chat_mtok" if len(zones) == 1 else f"chat_{zone}_mtok"
        series[name] = chat_mtok(clock, seed, zone, chat_mean_mtok, members=members)
    series["batch_mtok"] = batch_mtok(clock, seed, batch_mean_mtok)

    columns: dict[str, list[str] | FloatArray] = {"utc_start": clock.utc_stamps}
    for name, paths in series.items():
        digits = next(number for start, number in _DIGITS.items() if name.startswith(start))
        rounded = np.round(paths, digits) + 0.0  # turns -0.0 into 0.0
        if members is None or name.endswith("_da") or name in _KNOWN_AHEAD:
            columns[name] = rounded[0]
        else:
            columns.update({f"{name}_{member:03d}": path for member, path in enumerate(rounded)})
    return pd.DataFrame(columns)
