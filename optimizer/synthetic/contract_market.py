"""Tables of synthetic data for power contracts: the market with ancillary services, coincident peaks and events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.synthetic.ancillary import SERVICES, ancillary_prices
from optimizer.synthetic.clock import Clock
from optimizer.synthetic.coincident_peak import peak_probability
from optimizer.synthetic.ensemble import synthetic_ensemble, synthetic_market
from optimizer.synthetic.events import event_hours
from optimizer.synthetic.grid import forecast_grid
from optimizer.synthetic.market import Market
from optimizer.synthetic.noise import FloatArray
from optimizer.synthetic.wind_and_solar import solar_park_share, wind_farm_share

ZONE = "west"
DEMAND_RESPONSE_LOAD_GW = 80.0
"""System load from which a forecast path has demand-response events; the 90th percentile of August 2024 is 81 GW."""
_PROBABILITY_DIGITS = 6
_OUTCOME_COLUMNS = (
    "hb_west_da", "hb_west_rt", "lz_west_da", "lz_west_rt", *SERVICES, "system_load_gw", "peak_probability",
    "wind_share", "solar_share", "hashprice", "t_db_c", "t_wb_c", "co2_kg_per_mwh", "chat_mtok",
    "called", "dr_event", "emergency",
)  # fmt: skip
_FORECAST_COLUMNS = (
    "hb_west_da", "lz_west_da", *SERVICES, "hb_west_rt", "lz_west_rt", "system_load_gw", "peak_probability",
    "wind_share", "solar_share", "hashprice", "t_db_c", "t_wb_c", "co2_kg_per_mwh", "chat_mtok", "dr_event",
)  # fmt: skip


@dataclass(frozen=True)
class EventCalendar:
    """How many events of each kind happen in the horizon, and how long each lasts. Assumptions, not fits."""

    calls: int = 4
    """Interruptions that the supplier calls, on the dearest days of the day-ahead market."""
    call_hours: int = 4
    demand_responses: int = 5
    """Demand-response events, on the days of the highest system load."""
    demand_response_hours: int = 2
    emergencies: int = 2
    """Emergencies of the grid, on the days of the highest real-time prices."""
    emergency_hours: int = 2


def synthetic_contract_market(
    start: str, hours: int, timezone: str, seed: int, calendar: EventCalendar | None = None
) -> pd.DataFrame:
    """Hourly data for the contracts of a site in West Texas, as they happen.

    `start` is the local wall clock of `timezone`; `hours` rows follow. Columns: `utc_start`; prices of the same hours
    day-ahead and in real time at the hub and in the load zone, `hb_west_da`, `hb_west_rt`, `lz_west_da`, `lz_west_rt`
    (USD/MWh); capacity prices `regup`, `regdn`, `rrs`, `ecrs`, `nspin` (USD per MW and hour, day-ahead);
    `system_load_gw`; `peak_probability`, that the hour is its month's coincident peak (June to September, else 0);
    `wind_share` and `solar_share`, output of one plant over its capacity; `hashprice` (USD per PH/s and day);
    `t_db_c`, `t_wb_c`; `co2_kg_per_mwh`; `chat_mtok`; and 1 or 0 for the hours in which a supplier interrupts
    (`called`), demand response is called (`dr_event`) or the grid is in an emergency (`emergency`).

    What `synthetic_market` has too is the same for the same arguments. Events and probabilities of peaks look at the
    whole horizon; all other columns of a longer table begin with those of the shorter one.
    """
    clock, calendar = Clock(start, hours, timezone), calendar or EventCalendar()
    market = Market(clock, seed)
    grid = market.grid
    table = synthetic_market(start, hours, timezone, seed, (ZONE,))
    added: dict[str, FloatArray] = {
        "hb_west_da": np.round(market.day_ahead_prices("hb_west"), 2),
        **_rounded_ancillary_prices(market),
        "system_load_gw": np.round(grid.load_gw, 2),
        "peak_probability": _cut(peak_probability(clock, grid.load_gw, seed)),
        "wind_share": np.round(wind_farm_share(clock, seed, grid, ZONE), 3),
        "solar_share": np.round(solar_park_share(clock, seed, grid, ZONE), 3),
        "called": event_hours(
            clock, market.day_ahead_prices("hb_west"), events=calendar.calls, hours_each=calendar.call_hours
        ),
        "dr_event": event_hours(
            clock, grid.load_gw, events=calendar.demand_responses, hours_each=calendar.demand_response_hours
        ),
        "emergency": event_hours(
            clock,
            market.real_time_prices("hb_west"),
            events=calendar.emergencies,
            hours_each=calendar.emergency_hours,
        ),
    }
    columns = {name: added[name][0] + 0.0 if name in added else table[name].to_numpy() for name in _OUTCOME_COLUMNS}
    return pd.DataFrame({"utc_start": table["utc_start"], **columns})


def synthetic_contract_ensemble(
    start: str,
    hours: int,
    timezone: str,
    seed: int,
    members: int = 5,
    *,
    demand_response_load_gw: float = DEMAND_RESPONSE_LOAD_GW,
) -> pd.DataFrame:
    """A forecast for bids into the day-ahead markets, made at the start of the horizon, in equally likely members.

    Known, one column each: `utc_start`; `hb_west_da`, `lz_west_da` (USD/MWh); the capacity prices `regup`, `regdn`,
    `rrs`, `ecrs`, `nspin` (USD per MW and hour); `co2_kg_per_mwh`. By member, named `lz_west_rt_000`, …:
    `hb_west_rt`, `lz_west_rt`, `system_load_gw`, `peak_probability`, `wind_share`, `solar_share`, `hashprice`,
    `t_db_c`, `t_wb_c`, `chat_mtok` and `dr_event`, 1 in a two-hour demand-response event: at most one a day, and only
    where the member's system load reaches `demand_response_load_gw`. The peak's probability is that given the
    member's load; over a horizon shorter than the month it adds up to less than 1.
    """
    clock = Clock(start, hours, timezone)
    market, table = Market(clock, seed), synthetic_ensemble(start, hours, timezone, seed, members, (ZONE,))
    grid = forecast_grid(clock, seed, members)
    days = len(np.unique(clock.local.date))
    known: dict[str, FloatArray] = {
        "hb_west_da": np.round(market.day_ahead_prices("hb_west"), 2),
        **_rounded_ancillary_prices(market),
    }
    uncertain: dict[str, FloatArray] = {
        "system_load_gw": np.round(grid.load_gw, 2),
        "peak_probability": _cut(peak_probability(clock, grid.load_gw, seed)),
        "wind_share": np.round(wind_farm_share(clock, seed, grid, ZONE, members=members), 3),
        "solar_share": np.round(solar_park_share(clock, seed, grid, ZONE, members=members), 3),
        "dr_event": event_hours(clock, grid.load_gw, events=days, hours_each=2, at_least=demand_response_load_gw),
    }
    added = {name: paths[0] for name, paths in known.items()}
    for name, paths in uncertain.items():
        added.update({f"{name}_{member:03d}": path for member, path in enumerate(paths)})
    columns: dict[str, FloatArray] = {}
    for name in _FORECAST_COLUMNS:
        single = name in known or name in table
        for column in [name] if single else [f"{name}_{member:03d}" for member in range(members)]:
            columns[column] = added[column] + 0.0 if column in added else table[column].to_numpy()
    return pd.DataFrame({"utc_start": table["utc_start"], **columns})


def _rounded_ancillary_prices(market: Market) -> dict[str, FloatArray]:
    return {name: np.round(price, 2) for name, price in ancillary_prices(market).items()}


def _cut(probability: FloatArray) -> FloatArray:
    """Fewer digits, always downwards: rounded figures of a month must not add up to more than 1."""
    scale = 10.0**_PROBABILITY_DIGITS
    cut: FloatArray = np.floor(probability * scale) / scale
    return cut
