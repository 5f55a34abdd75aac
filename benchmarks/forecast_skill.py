"""How good the forecasters are on real prices: ERCOT West in 2024, the Bitcoin network, and Nord Pool 2016 to 2018.

At each issue, midnight, only what was known then is visible (day-ahead prices from 13:00 of the day before), and models
are fitted to it alone. The members are scored against what came. Nothing is chosen by these scores but the defaults of
the residual bootstrap, which were looked at on the same year and hardly matter: see docs/forecasts.md.

The data are not part of the project; they are looked for in ``../shared/data`` beside it. Usage: ``python
benchmarks/forecast_skill.py [--every-days 7] [--hours 48] [--members 50]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from optimizer.forecasting import (
    Autoregression,
    BitcoinForecast,
    Forecaster,
    History,
    OwnFunction,
    Persistence,
    ResidualBootstrap,
    SeasonalNaive,
    Verification,
    issue,
    reduce,
)
from optimizer.horizon import Horizon

DATA = Path(__file__).parents[1].parent / "shared" / "data"
ALIGNED = DATA / "aligned" / "aligned_ercot_west_2024.csv"
NORD_POOL = DATA / "forecasts" / "epftoolbox_NP_da_forecasts.csv"
BITCOIN = DATA / "bitcoin" / "btc_daily_2020_2024.csv"
ZONE = "America/Chicago"
RT, DA, LOAD, AIR = "lz_west_rt", "lz_west_da", "da_demand_forecast_mw", "t_db_c"
CAPS = {RT: (-251.0, 5000.0), DA: (-251.0, 5000.0)}
SPIKE = 200.0
"""USD/MWh: 1 % of the hours of 2024 cost more."""
FIRST, LAST = "2024-02-05", "2024-12-29"
"""Five weeks of history come before the first issue."""


def ercot() -> History:
    """Prices, temperature and demand forecast of ERCOT West, 2024."""
    table = pd.read_csv(ALIGNED)
    table.index = pd.DatetimeIndex(pd.to_datetime(table["utc_start"], utc=True))
    return History.from_table(table[[RT, DA, AIR, LOAD]], ZONE, {DA: "day before 13:00", LOAD: "day before 06:00"})


def day_ahead_alone(
    known: History, issued_at: pd.Timestamp, horizon: Horizon, members: int, seed: int
) -> Mapping[str, np.ndarray]:
    """The day-ahead price as it is; where it is not published yet, that of the same hour of the last day that is."""
    price = known.ahead(DA, horizon)
    for hour in np.flatnonzero(np.isnan(price)):
        price[hour] = price[max(hour - 24, 0)]  # a day may have 23 hours
    return {RT: price}


def forecasters() -> dict[str, Forecaster]:
    """Forecasters of the real-time price, by name."""
    leaders = {RT: DA}
    alike = {"season_days": np.inf, "effective_days": np.inf, "spike_quantile": None}
    return {
        "persistence": Persistence((RT,), limits=CAPS),
        "same hour of the day before": SeasonalNaive((RT,), "day", limits=CAPS),
        "same hour of the week before": SeasonalNaive((RT,), "week", limits=CAPS),
        "day-ahead price alone (one path)": OwnFunction(day_ahead_alone),
        "autoregression (statsmodels)": Autoregression(leaders, limits=CAPS),
        "residual bootstrap, all days alike": ResidualBootstrap(leaders, limits=CAPS, **alike),
        "residual bootstrap, no spike regime": ResidualBootstrap(leaders, limits=CAPS, spike_quantile=None),
        "residual bootstrap": ResidualBootstrap(leaders, limits=CAPS),
    }


def horizons(first: str, last: str, every_days: int, hours: int, timezone: str) -> Iterator[Horizon]:
    """Horizons that begin at local midnight."""
    for day in pd.date_range(first, last, freq=f"{every_days}D"):
        yield Horizon(start=day.strftime("%Y-%m-%dT00:00"), steps=hours, step="1h", timezone=timezone)


def verified(
    found: Verification,
    competitors: Mapping[str, Forecaster],
    record: History,
    windows: list[Horizon],
    members: int,
    hours_before: float = 0.0,
) -> dict[str, float]:
    """Issue and score all forecasts, so long before they begin; seconds per forecast by forecaster."""
    seconds = {}
    for name, forecaster in competitors.items():
        started = time.perf_counter()
        before = pd.Timedelta(hours=hours_before)
        ensembles = [issue(forecaster, record, window.start_utc - before, window, members) for window in windows]
        seconds[name] = (time.perf_counter() - started) / len(windows)
        for ensemble in ensembles:
            found.add(name, ensemble, record)
    return seconds


def real_time_prices(every_days: int, hours: int, members: int) -> tuple[Verification, pd.DataFrame]:
    """Scores of the real-time price of LZ West."""
    record = ercot()
    found = Verification((RT,), spike_above={RT: SPIKE})
    windows = list(horizons(FIRST, LAST, every_days, hours, ZONE))
    seconds = verified(found, forecasters(), record, windows, members)
    table = found.table().set_index("forecaster")
    table["ms"] = 1000.0 * pd.Series(seconds)
    table["first_day"] = [found.by_lead(name, RT)[:24].mean() for name in table.index]
    return found, table


def joint(every_days: int, hours: int, members: int) -> pd.DataFrame:
    """Energy score of prices and temperature together, drawn from the same past days or not."""
    record = ercot()
    variables = (RT, DA, AIR)
    windows = list(horizons(FIRST, LAST, every_days, hours, ZONE))
    found = Verification(variables)
    competitors: dict[str, Forecaster] = {
        "persistence": Persistence(variables, limits=CAPS),
        "same hour of the day before": SeasonalNaive(variables, "day", limits=CAPS),
        "autoregression (statsmodels)": Autoregression({RT: DA}, (AIR,), limits=CAPS),
        "residual bootstrap": ResidualBootstrap({RT: DA}, (AIR,), limits=CAPS),
    }
    verified(found, competitors, record, windows, members)
    return found.table()


def nord_pool(every_days: int, members: int) -> pd.DataFrame:
    """Day-ahead prices of Nord Pool, forecast at 11:00 of the day before, when the exchange still takes bids.

    A published point forecast is known by then. Every day has 24 hours in these data.
    """
    table = pd.read_csv(NORD_POOL)
    table.index = pd.DatetimeIndex(pd.to_datetime(table["local_start"], utc=True))
    price, lear = "real_da", "forecast_lear_ensemble"
    rules = {price: "day before 12:42", lear: "day before 10:00"}
    record = History.from_table(table[[price, lear]], "UTC", rules)
    found = Verification((price,))
    competitors: dict[str, Forecaster] = {
        "persistence": Persistence((price,)),
        "same hour of the day before": SeasonalNaive((price,), "day"),
        "same hour of the week before": SeasonalNaive((price,), "week"),
        "residual bootstrap on the LEAR forecast": ResidualBootstrap({price: lear}),
    }
    windows = list(horizons("2017-03-01", "2018-12-20", every_days, 24, "UTC"))
    verified(found, competitors, record, windows, members, hours_before=13.0)
    return found.table()


def bitcoin(every_days: int, members: int) -> pd.DataFrame:
    """Price, difficulty and hashprice of the Bitcoin network, 14 days ahead, 2022 to 2024."""
    table = pd.read_csv(BITCOIN)
    table.index = pd.DatetimeIndex(pd.to_datetime(table["date_utc"], utc=True))
    table["hashprice"] = 1000.0 * table["hashprice_usd_per_th_day"]
    columns = ["price_usd", "difficulty_mean", "fees_btc", "block_count", "hashprice"]
    record = History.from_table(table[columns], "UTC")
    found = Verification(("price_usd", "difficulty_mean", "hashprice"))
    names = ("price_usd", "difficulty_mean", "hashprice")
    network = {"price": names[0], "difficulty": names[1], "fees": "fees_btc", "fees_of_day": True}
    competitors: dict[str, Forecaster] = {
        "persistence": Persistence(names, look_back_days=730),
        "network": BitcoinForecast(**network),
        "network with block counts": BitcoinForecast(**network, blocks="block_count"),
    }
    windows = [
        Horizon(start=day.strftime("%Y-%m-%dT00:00"), steps=14, step="1d", timezone="UTC")
        for day in pd.date_range("2022-02-01", "2024-12-15", freq=f"{max(every_days, 3)}D")
    ]
    verified(found, competitors, record, windows, members)
    return found.table()


def reduction_loss(every_days: int = 28) -> pd.DataFrame:
    """What is lost when 200 members of price and temperature are reduced, the mean over issues."""
    record = ercot()
    forecaster = ResidualBootstrap({RT: DA}, (AIR,), limits=CAPS)
    rows = []
    for window in horizons(FIRST, LAST, every_days, 48, ZONE):
        full = issue(forecaster, record, window.start, window, 200)
        for method in ("forward", "medoids", "energy"):
            for members in (50, 20, 10, 5):
                started = time.perf_counter()
                found = reduce(full, members, method)
                seconds = time.perf_counter() - started
                price = found.moments()[RT]
                rows.append(
                    {
                        "method": method,
                        "members": members,
                        "transport": found.lost_share,
                        "energy": found.energy / found.energy_of_one,
                        "mean": price["mean_after"] / price["mean_before"],
                        "spread": price["spread_after"] / price["spread_before"],
                        "highest_decile": price["highest_decile_after"] / price["highest_decile_before"],
                        "ms": 1000.0 * seconds,
                    }
                )
    return pd.DataFrame(rows).groupby(["method", "members"], sort=False).mean().reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every-days", type=int, default=7)
    parser.add_argument("--hours", type=int, default=48)
    parser.add_argument("--members", type=int, default=50)
    asked = parser.parse_args()
    if not ALIGNED.is_file():
        print(f"skipped: the real data are not at {ALIGNED}")
        return
    started = time.perf_counter()
    found, table = real_time_prices(asked.every_days, asked.hours, asked.members)
    print(f"LZ West real time, {int(table['issues'].iloc[0])} issues, {int(table['spikes'].iloc[0])} hours of spikes")
    print(
        "| forecaster | CRPS | first day | skill | median's error | coverage of 80 % | spike recall | precision | ms |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, row in table.iterrows():
        print(
            f"| {name} | {row['crps']:.2f} | {row['first_day']:.2f} | {row['skill']:.0%} | {row['median_error']:.2f} "
            f"| {row['coverage']:.0%} | {row['spike_recall']:.0%} | {row['spike_precision']:.0%} | {row['ms']:.0f} |"
        )
    histogram = found.pit_histogram("residual bootstrap", RT)
    print("\nPIT of the residual bootstrap by tenths:", " ".join(f"{share:.3f}" for share in histogram))
    others = {"joint": joint(asked.every_days, asked.hours, asked.members)}
    others |= {"Nord Pool": nord_pool(asked.every_days, asked.members), "Bitcoin": bitcoin(7, asked.members)}
    for title, scores in others.items():
        print(f"\n{title}, {scores['issues'].iloc[0]} issues")
        columns = ["forecaster", "variable", "crps", "skill", "coverage", "energy_score"]
        print(scores[columns].round(4).to_string(index=False))
    print("\nReduction of 200 members: shares of the loss of one member, and ratios after to before")
    print(reduction_loss().round(3).to_string(index=False))
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
