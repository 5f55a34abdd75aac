"""Scenarios without a plan, each a small change to one that has: what a planner may get wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plant_case import plant
from pool_case import at, job, pool, pool_case, rental, service, two_sites
from reserve_case import service as reserve
from small_case import fleet, site_case, spot

from optimizer.scenario_file import RawScenario, apply_overrides, read_scenario_file

SHIPPED = Path(__file__).parents[2] / "scenarios"


@dataclass(frozen=True)
class Broken:
    """A scenario without a plan, and what its message has to name."""

    name: str
    make: Callable[[], RawScenario]
    words: tuple[str, ...]


def paper(name: str, case: Mapping[str, Any], *words: str) -> Broken:
    """A paper-sized scenario."""
    return Broken(name, lambda: RawScenario(dict(case)), words)


def shipped(name: str, stem: str, overrides: list[str], *words: str) -> Broken:
    """A shipped scenario with other values."""
    return Broken(name, lambda: apply_overrides(read_scenario_file(SHIPPED / f"{stem}.yaml"), overrides), words)


def cooled(limit_mw: Any, **fields: Any) -> dict[str, Any]:
    """A pool in a hall."""
    return {"cooling": [{"kind": "hall", "name": "air", "heat_limit_mw": limit_mw}], "on": pool(cooling="air")} | fields


BATTERY = {"kind": "battery", "name": "b", "power_mw": 3, "energy_mwh": 5, "soc_start_mwh": 1, "soc_end_mwh": 4}
GANG = {"class": "rigid", "gang_nodes": 6, "work_node_hours": 18, "required": True, "deadline": at(4)}
MUST = {"work_node_hours": 30, "required": True}
GENERATOR = {"kind": "generator", "name": "gen", "unit_mw": 2.0, "heat_rate_gj_per_mwh": 9.0, "fuel_price_per_gj": 5.0}
CLEAN_GRID = {"co2_kg_per_mwh": 400.0}
STORE = {
    "kind": "cold_store", "name": "tank", "cooling": "plant", "energy_mwh": 10, "charge_limit_mw": 10,
    "discharge_limit_mw": 10, "level_start_mwh": 0, "level_end_mwh": 9,
}  # fmt: skip


def portfolio(limit_mw: float) -> dict[str, Any]:
    """Two sites with loads of 2 and 3 MW on one shared supply."""
    case = site_case(steps=2, contracts=[])
    case["sites"] = [{"name": name, "house_load_mw": load} for name, load in (("a", 2), ("b", 3))]
    case["contracts"] = [spot(20, "shared", limit_mw=limit_mw)]
    return case


def on_one_of_two_sites() -> dict[str, Any]:
    """A job for either of two sites, neither of which has the power for it."""
    case = two_sites((10, 10), 4, job("j", **MUST) | {"pool": ["a.h", "b.h"]})
    for site in case["sites"]:
        site["contracts"][0]["limit_mw"] = 0.05
    return case


BROKEN = [
    paper("a supply too small in one hour",
          site_case(steps=3, contracts=[spot(10, limit_mw=[5, 1, 5])], house_load_mw=2),
          "site a needs 2", "at most 1 is possible", "spot: delivered_mw at most 1", "2024-08-19 01:00"),
    paper("a supply too small in one member",
          site_case(steps=2, contracts=[spot(10, limit_mw=[[5, 5], [5, 1]])], house_load_mw=2,
                    probabilities=[0.5, 0.5]),
          "member 1", "spot: delivered_mw at most 1"),
    paper("rented nodes beyond the connection",
          pool_case(10, 3, rental(min_nodes=8, max_nodes=10), grid={"import_limit_mw": 0.05}),
          "site a: import_mw at most 0.05", "r: rented nodes between min_nodes and what the market takes"),
    paper("rented nodes beyond the cooling",
          pool_case(10, 3, rental(min_nodes=8, max_nodes=10), **cooled(0.06)),
          "air: heat within the hall's limit", "needs", "r: "),
    paper("an order to curtail below the load",
          site_case(steps=3, house_load_mw=2, contracts=[
              spot(10), {"kind": "emergency_curtailment", "name": "order", "obligation": [0, 1, 0], "level_mw": 1}]),
          "order: import at most level_mw", "2024-08-19 01:00"),
    paper("a call on an interruptible supply",
          site_case(steps=2, house_load_mw=1, contracts=[
              {"kind": "interruptible_supply", "name": "int", "price_per_mwh": 20, "called": [0, 1]}]),
          "int: no power beyond firm_mw while a call is in force"),
    paper("a battery that has to be fuller than power allows",
          site_case(steps=2, contracts=[spot(10, limit_mw=0.5)], assets=[BATTERY]),
          "b needs energy stored at the end of the step (soc_mwh) of at least 4", "at most 2 is possible",
          "spot: delivered_mw at most 0.5"),
    paper("a battery whose power is taken by the load",
          site_case(steps=2, contracts=[spot(10)], assets=[BATTERY], house_load_mw=2, grid={"import_limit_mw": 2.5}),
          "b needs energy stored at the end of the step (soc_mwh) of at least 4", "site a: import_mw at most 2.5"),
    paper("a ramp from a high import",
          site_case(steps=2, contracts=[spot(10)], house_load_mw=1,
                    grid={"ramp_limit_mw_per_hour": 2, "net_import_before_mw": 5}),
          "net_import_before_mw"),
    paper("a ramp between loads",
          site_case(steps=3, contracts=[spot(10)], house_load_mw=[1, 5, 5], grid={"ramp_limit_mw_per_hour": 2}),
          "ramp limit of the grid connection"),
    paper("a cap on carbon",
          site_case(steps=2, contracts=[spot(60), {"kind": "carbon", "name": "co2", "cap_t": 0.5}], house_load_mw=1,
                    grid=CLEAN_GRID),
          "co2: emissions of the period within cap_t"),
    paper("green energy hour by hour",
          site_case(steps=2, house_load_mw=2, grid=CLEAN_GRID, contracts=[
              spot(60), spot(90, "wind", limit_mw=[2, 0.5], renewable_fraction=1.0),
              {"kind": "carbon", "name": "co2", "matched_fraction": 0.9}]),
          "co2: renewable energy matches the import hour by hour"),
    paper("energy of the month used up",
          site_case(steps=4, contracts=[spot(20, energy_cap_mwh=6, settlement_period="month")], house_load_mw=2),
          "spot: energy of the settlement period within energy_cap_mwh"),
    paper("a block smaller than the load",
          site_case(steps=2, house_load_mw=3, contracts=[
              {"kind": "fixed_block", "name": "ppa", "volume_mw": 2, "price_per_mwh": 30}]),
          "ppa: ", "site a needs 3"),
    paper("awards up and down of the same machines",
          site_case(steps=1, assets=[fleet()], contracts=[
              spot(100), reserve(award_mw=2), reserve("regdn", direction="down", award_mw=2)]),
          "reserves up within", "reserves down within"),
    paper("an award without the power for it",
          site_case(steps=2, assets=[fleet()], contracts=[spot(10, limit_mw=[5, 1]), reserve(award_mw=2)]),
          "spot: delivered_mw at most 1", "rrs"),
    paper("an award beyond what a member has, day ahead",
          site_case(steps=1, assets=[fleet()], probabilities=[0.5, 0.5],
                    contracts=[spot(10, limit_mw=[[4], [1]]), reserve(award_mw=2, commit="day_ahead")]),
          "member 1", "rrs"),
    paper("a job under a heat limit",
          pool_case(10, 4, job("j", **MUST, deadline=at(4)), **cooled(0.05)),
          "j needs 30 node-hours by 2024-08-19 04:00", "at most 20 fit", "air: heat within the hall's limit"),
    paper("a job whose deadline comes before the power",
          pool_case(10, 8, job("j", **MUST, deadline=at(4)), grid={"import_limit_mw": [0.02] * 4 + [0.1] * 4}),
          "j needs 30 node-hours", "at most 8 fit", "site a: import_mw at most 0.02"),
    paper("two gangs on one pool",
          pool_case(10, 4, job("j", **GANG), job("k", **GANG)),
          "j: finished by the deadline (required)", "k: finished by the deadline (required)", "h: nodes at work"),
    paper("a job beside a service with a service level",
          pool_case(10, 4, job("j", **MUST, deadline=at(4)),
                    service(demand_per_hour=60, shed_penalty_per_unit=1, min_served=1.0)),
          "j needs 30 node-hours", "at most 16 fit", "s: "),
    paper("replicas beyond the power",
          pool_case(10, 2, service(demand_per_hour=10, min_replicas=8), grid={"import_limit_mw": 0.01}),
          "s: replicas kept up (min_replicas)", "site a: import_mw at most 0.01"),
    paper("a preemptible job in blocks",
          pool_case(10, 8, job("j", **{"class": "preemptible"}, gang_nodes=5, work_node_hours=40, required=True),
                    rental(min_nodes=[6, 0, 0, 0, 0, 0, 0, 0])),
          "j needs 40 node-hours", "r: rented nodes"),
    paper("a job on one of two sites",
          on_one_of_two_sites(), "j needs 30 node-hours", "at most 20 fit"),
    paper("loads of two sites on one supply",
          portfolio(4), "shared: delivered_mw at most 4", "site a", "site b"),
    paper("a generator without fuel for its least load",
          site_case(steps=3, contracts=[spot(10, limit_mw=[1, 5, 1])], house_load_mw=3, assets=[
              GENERATOR | {"running_before": 0, "min_up_hours": 3, "min_load": 0.5,
                           "fuel_available_gj_per_hour": [18, 5, 18]}]),
          "gen: running units give at least min_load", "gen: minimum up time (min_up_hours)"),
    paper("hours of the permit",
          site_case(steps=4, contracts=[spot(10, limit_mw=1)], house_load_mw=2,
                    assets=[GENERATOR | {"max_run_hours": 1}]),
          "gen: unit hours of the year within the permit (max_run_hours)"),
    paper("chillers kept for a failure",
          pool_case(10, 2, rental(min_nodes=9, max_nodes=10), cooling=[plant(capacity_mw=0.05, reserve_units=1)],
                    on=pool(cooling="plant")),
          "plant: ", "r: "),
    paper("cold to be stored while the chillers are at their limit",
          pool_case(10, 2, rental(min_nodes=9, max_nodes=10),
                    cooling=[plant(chillers=1, capacity_mw=4), STORE], on=pool(cooling="plant")),
          "tank needs level_mwh of at least 9"),
    paper("water of the day",
          pool_case(10, 2, rental(min_nodes=10, max_nodes=10), on=pool(cooling="plant"), cooling=[
              plant(tower={"cycles_of_concentration": 4, "water_limit_m3": 0.1, "water_period": "day"})]),
          "plant: water of the period within the limit"),
    shipped("chat that the hall cannot cool", "day_ahead_48h", ["sites.odessa.cooling.air.heat_limit_mw=0.8"],
            "air: heat within the hall's limit", "chat: share of the demand served in each period (min_served)"),
    shipped("a battery to be charged under a cap on carbon", "onsite_72h",
            ["sites.wellsite.contracts.co2.cap_t=1", "sites.wellsite.assets.bess.soc_end_mwh=8",
             "sites.wellsite.assets.solar.capacity_mw=0", "sites.wellsite.assets.wind.capacity_mw=0",
             "sites.wellsite.house_load_mw=2"],
            "site wellsite", "co2: emissions of the period within cap_t"),
    shipped("a cap on the carbon of two sites", "portfolio_72h", ["contracts.co2.cap_t=5"],
            "co2: emissions of the period within cap_t", "site west needs 12.6 in all"),
]  # fmt: skip
