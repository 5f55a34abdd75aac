"""Statistics of the synthetic data beside those of real data, written into docs/calibration.md.

Run from anywhere: `python benchmarks/calibration.py`. The real data are expected in `../shared/data` beside the
project's root; without them the script says so and changes nothing. The synthetic column is the mean over several
seeds, each a whole year at the calendar of 2024, with the range between the seeds, since single spikes dominate the
moments of a single year.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.synthetic import synthetic_ensemble, synthetic_market

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"
DOCUMENT = ROOT / "docs" / "calibration.md"
BEGIN, END = "<!-- statistics: begin -->", "<!-- statistics: end -->"
SEEDS = range(1, 9)
TIMEZONE = "America/Chicago"
SEASONS = {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}

Statistics = dict[str, float]
Values = npt.NDArray[np.float64]


def real_year() -> pd.DataFrame:
    """The real year 2024 with the column names of the synthetic table."""
    aligned = pd.read_csv(REAL_DATA / "aligned" / "aligned_ercot_west_2024.csv")
    hubs = pd.read_csv(REAL_DATA / "ercot" / "ercot_hub_prices_hourly_2024.csv")
    year = aligned[["utc_start", "lz_west_da", "lz_west_rt", "hb_west_rt", "t_db_c", "t_wb_c"]].copy()
    year["lz_north_da"], year["lz_north_rt"] = hubs["lz_north_da"], hubs["lz_north_rt"]
    year["co2_kg_per_mwh"] = aligned["co2_g_per_kwh"]
    return year


def local_index(table: pd.DataFrame) -> pd.DatetimeIndex:
    """Local wall clock of the rows."""
    return pd.DatetimeIndex(pd.to_datetime(table["utc_start"], utc=True)).tz_convert(TIMEZONE)


def price_statistics(table: pd.DataFrame) -> Statistics:
    """Level, spread, tails, shape and memory of the prices."""
    local = local_index(table)
    found: Statistics = {}
    for name, label in (
        ("lz_west_da", "LZ West DA"),
        ("lz_west_rt", "LZ West RT"),
        ("hb_west_rt", "HB West RT"),
        ("lz_north_da", "LZ North DA"),
        ("lz_north_rt", "LZ North RT"),
    ):
        price = table[name]
        z = pd.Series(np.arcsinh(price / 20.0))
        found[f"{label}: mean, USD/MWh"] = price.mean()
        found[f"{label}: standard deviation"] = price.std()
        for share in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99):
            found[f"{label}: quantile {share:g}"] = float(price.quantile(share))
        found[f"{label}: hours below 0, %"] = 100.0 * (price < 0).mean()
        found[f"{label}: hours above 200, %"] = 100.0 * (price > 200).mean()
        found[f"{label}: hours above 1000, %"] = 100.0 * (price > 1000).mean()
        found[f"{label}: maximum"] = price.max()
        for lag in (1, 6, 24):
            found[f"{label}: autocorrelation of arcsinh(price/20), {lag} h"] = z.autocorr(lag)
    for season, months in SEASONS.items():
        inside = local.month.isin(months)
        for hour in (3, 7, 12, 17, 20, 23):
            at = inside & (local.hour == hour)
            found[f"LZ West DA: median, {season}, hour {hour}"] = table["lz_west_da"][at].median()
    for season, months in SEASONS.items():
        inside = local.month.isin(months)
        found[f"LZ West RT: hours below 0, {season}, %"] = 100.0 * (table["lz_west_rt"][inside] < 0).mean()
    spike = table["lz_west_rt"] > 200
    found["LZ West RT: share of the spikes above 200 at hours 17 to 21, %"] = 100.0 * float(
        np.mean((local.hour[spike] >= 17) & (local.hour[spike] <= 21))
    )
    runs = int((spike & ~spike.shift(fill_value=False)).sum())
    found["LZ West RT: mean length of a spike above 200, h"] = spike.sum() / runs
    found["Zones: correlation of arcsinh(DA/20), west and north"] = float(
        np.corrcoef(np.arcsinh(table["lz_west_da"] / 20), np.arcsinh(table["lz_north_da"] / 20))[0, 1]
    )
    found["Zones: correlation of arcsinh(RT/20), west and north"] = float(
        np.corrcoef(np.arcsinh(table["lz_west_rt"] / 20), np.arcsinh(table["lz_north_rt"] / 20))[0, 1]
    )
    return found


def difference_statistics(table: pd.DataFrame) -> Statistics:
    """Real time against day-ahead, LZ West."""
    difference = table["lz_west_rt"] - table["lz_west_da"]
    z = pd.Series(np.arcsinh(table["lz_west_rt"] / 20) - np.arcsinh(table["lz_west_da"] / 20))
    found = {"RT - DA: mean, USD/MWh": difference.mean(), "RT - DA: standard deviation": difference.std()}
    for share in (0.001, 0.01, 0.05, 0.5, 0.95, 0.99, 0.999):
        found[f"RT - DA: quantile {share:g}"] = float(difference.quantile(share))
    found["RT - DA in arcsinh(price/20): standard deviation"] = z.std()
    found["RT - DA in arcsinh(price/20): excess kurtosis"] = float(z.kurt())  # type: ignore[arg-type]
    for lag in (1, 3, 24):
        found[f"RT - DA in arcsinh(price/20): autocorrelation, {lag} h"] = z.autocorr(lag)
    return found


def weather_statistics(
    dry_bulb_c: pd.Series, wet_bulb_c: pd.Series, month: npt.NDArray[Any], day: npt.NDArray[Any]
) -> Statistics:
    """Temperature by season and its daily swing (Midland, the west zone)."""
    found: Statistics = {}
    swing = dry_bulb_c.groupby(day).max() - dry_bulb_c.groupby(day).min()
    month_of_day = pd.Series(month).groupby(day).first()
    mean_of_day = dry_bulb_c.groupby(day).mean()
    for season, months in SEASONS.items():
        inside, days = np.isin(month, months), month_of_day.isin(months)
        found[f"West, {season}: mean temperature, °C"] = dry_bulb_c[inside].mean()
        found[f"West, {season}: standard deviation of hours"] = dry_bulb_c[inside].std()
        found[f"West, {season}: standard deviation of daily means"] = mean_of_day[days].std()
        found[f"West, {season}: mean daily swing"] = swing[days].mean()
        found[f"West, {season}: mean wet-bulb depression"] = (dry_bulb_c - wet_bulb_c)[inside].mean()
    found["West: lowest hour, °C"], found["West: highest hour, °C"] = dry_bulb_c.min(), dry_bulb_c.max()
    found["West: highest wet bulb, °C"] = wet_bulb_c.max()
    return found


def carbon_statistics(table: pd.DataFrame) -> Statistics:
    """Carbon intensity and its ties with price."""
    carbon, z = table["co2_kg_per_mwh"], pd.Series(np.arcsinh(table["lz_west_da"] / 20))
    found = {"CO2: mean, kg/MWh": carbon.mean(), "CO2: standard deviation": carbon.std()}
    found.update({f"CO2: autocorrelation, {lag} h": carbon.autocorr(lag) for lag in (1, 6, 24)})
    found["CO2: correlation with arcsinh(LZ West DA/20)"] = float(carbon.corr(z))
    return found


def bitcoin_statistics(price: pd.Series, hashprice: pd.Series, fees: pd.Series, difficulty: pd.Series) -> Statistics:
    """Level and volatility of the network's economics, from daily values."""
    retargets = np.log(difficulty).diff()[lambda change: change.abs() > 0.001]
    log_fee = np.log(fees)
    return {
        "Bitcoin price: daily volatility, %": 100.0 * np.log(price).diff().std(),
        "Hashprice: mean, USD per PH/s and day": hashprice.mean(),
        "Hashprice: daily volatility, %": 100.0 * np.log(hashprice).diff().std(),
        "Fees per block: median, BTC": fees.median(),
        "Fees per block: standard deviation of the logarithm": log_fee.std(),
        "Fees per block: autocorrelation of the logarithm, 1 day": log_fee.autocorr(1),
        "Difficulty: mean daily growth, %": 100.0 * float(retargets.sum()) / len(difficulty),
    }


def demand_statistics(chat: pd.Series, hour: npt.NDArray[Any], day: npt.NDArray[Any]) -> Statistics:
    """Shape and variability of the tokens per hour."""
    relative = chat / chat.mean()
    log = np.log(chat)
    shape = np.exp(log.groupby(hour).mean() - log.mean())
    found = {f"Chat demand: hour {at} over the mean hour": shape[at] for at in (2, 5, 8, 11, 14, 17, 20, 22)}
    found["Chat demand: standard deviation over mean"] = relative.std()
    found["Chat demand: standard deviation of the logarithm of daily means"] = np.log(chat.groupby(day).mean()).std()
    found["Chat demand: highest hour over mean"] = relative.max()
    found.update({f"Chat demand: autocorrelation, {lag} h": relative.autocorr(lag) for lag in (1, 6, 24)})
    return found


def real_statistics() -> Statistics:
    """All statistics of the real data."""
    year = real_year()
    tmy = pd.read_csv(REAL_DATA / "weather" / "tmy3_midland_tx.csv")
    bitcoin = (
        pd.read_csv(REAL_DATA / "bitcoin" / "btc_daily_2020_2024.csv").query("date_utc >= '2024-05-01'").reset_index()
    )
    service = pd.read_csv(REAL_DATA / "inference" / "servegen_m_large_hourly.csv")
    return (
        price_statistics(year)
        | difference_statistics(year)
        | weather_statistics(
            tmy["t_db_c"], tmy["t_wb_c"], tmy["month"].to_numpy(), ((tmy["hour_of_year"] - 1) // 24).to_numpy()
        )
        | carbon_statistics(year)
        | bitcoin_statistics(
            bitcoin["price_usd"],
            bitcoin["hashprice_usd_per_th_day"] * 1000.0,
            bitcoin["fees_btc"] / bitcoin["block_count"],
            bitcoin["difficulty_mean"],
        )
        | demand_statistics(
            service["in_tok_per_s"] + service["out_tok_per_s"],
            service["hour_of_day_presumed_local"].to_numpy(),
            service["day"].to_numpy(),
        )
    )


def synthetic_statistics(seed: int) -> Statistics:
    """The same statistics of one synthetic year; Bitcoin over eight months, demand over two weeks as in reality."""
    year = synthetic_market("2024-01-01T00:00", 8784, TIMEZONE, seed, ("west", "north"))
    standard_time = pd.DatetimeIndex(pd.to_datetime(year["utc_start"], utc=True)).tz_convert("Etc/GMT+6")
    local = local_index(year)
    daily = synthetic_market("2024-05-01T00:00", 245 * 24, TIMEZONE, seed).iloc[::24].reset_index()
    weeks = slice(0, 336)
    return (
        price_statistics(year)
        | difference_statistics(year)
        | weather_statistics(
            year["t_db_c_west"],
            year["t_wb_c_west"],
            standard_time.month.to_numpy(),
            standard_time.day_of_year.to_numpy(),
        )
        | carbon_statistics(year)
        | bitcoin_statistics(
            daily["btc_price_usd"], daily["hashprice"], daily["btc_fees_per_block_btc"], daily["btc_difficulty"]
        )
        | demand_statistics(
            year["chat_west_mtok"][weeks], local.hour.to_numpy()[weeks], local.day_of_year.to_numpy()[weeks]
        )
    )


def spread_by_lead_time() -> str:
    """Standard deviation between the members by lead time, and how often the outcome lies inside the members' range."""
    starts = pd.date_range("2024-01-08", periods=120, freq="3D").strftime("%Y-%m-%dT00:00")
    forecasts = [synthetic_ensemble(start, 72, TIMEZONE, seed) for seed, start in enumerate(starts)]
    outcomes = [synthetic_market(start, 72, TIMEZONE, seed) for seed, start in enumerate(starts)]
    transforms: dict[str, Callable[[Values], Values]] = {
        "lz_west_rt": lambda price: np.arcsinh(price / 20.0),
        "t_db_c": lambda temperature: temperature,
        "chat_mtok": lambda demand: 100.0 * np.log(demand),
        "hashprice": lambda hashprice: 100.0 * np.log(hashprice),
    }
    lines = ["| lead time, h | RT price, arcsinh(price/20) | temperature, °C | chat demand, % | hashprice, % |"]
    lines.append("| ---: | ---: | ---: | ---: | ---: |")
    for lead in (0, 1, 3, 6, 12, 24, 48, 71):
        cells = [str(lead)]
        for name, transform in transforms.items():
            members = np.array([table.filter(like=f"{name}_").iloc[lead].to_numpy() for table in forecasts])
            outcome = np.array([table[name].iloc[lead] for table in outcomes])
            inside = np.mean((members.min(axis=1) <= outcome) & (outcome <= members.max(axis=1)))
            cells.append(f"{transform(members).std(axis=1).mean():.2f} ({100.0 * inside:.0f} %)")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def statistics_table() -> str:
    """Markdown table: statistic, real value, mean and range of the synthetic values."""
    real = real_statistics()
    synthetic = pd.DataFrame([synthetic_statistics(seed) for seed in SEEDS])
    lines = [f"| statistic | real | synthetic | range over {len(SEEDS)} seeds |", "| --- | ---: | ---: | ---: |"]
    for name, value in real.items():
        column = synthetic[name]
        lines.append(
            f"| {name} | {_short(value)} | {_short(column.mean())} | {_short(column.min())} to {_short(column.max())} |"
        )
    return "\n".join(lines)


def _short(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value + 0.0:.{digits}f}".replace("-", "−")


def main() -> None:
    """Rewrite the tables in the document, or say why not."""
    if not REAL_DATA.is_dir():
        print(f"No real data at {REAL_DATA}: {DOCUMENT.name} is left as it is.")
        return
    head, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    spread_title = (
        "Spread between 20 members by lead time, mean of 120 forecasts over the year (in brackets: outcomes inside "
        "the range of the members, ideally 19 of 21 = 90 %):"
    )
    body = "\n\n".join((statistics_table(), spread_title, spread_by_lead_time()))
    DOCUMENT.write_text(f"{head}{BEGIN}\n{body}\n{END}{tail}", encoding="utf-8", newline="\n")
    print(body)


if __name__ == "__main__":
    main()
