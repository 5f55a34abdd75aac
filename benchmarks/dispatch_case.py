"""One dispatch problem of any size, for the comparison of roads to the solver: its numbers, its file, its rules.

Each site has a fleet of miners with a ladder of five modes, a pool of GPU nodes for rent, a battery, and a hall that
takes their heat up to a limit, behind a capped connection. Energy is bought day ahead (one position for all members,
here and now) and settled in real time at a pair of prices that differ by member; what is left over is exported.

For each site ``s``, member ``w`` and step ``t`` (powers in MW, steps of an hour)::

    import = delivered,   export = sold,   import - export = (1 + overhead) * heat + charge - discharge - overhead_free
    short - long = delivered - position[s, t]
    sum_m running_m <= machines * availability,   nodes + idle + off = all nodes,   nodes <= market depth
    pool = node_mw * nodes + idle_mw * idle,      heat = sum_m mode_mw * running_m + pool
    soc_t = soc_{t-1} + eta_c * charge - discharge / eta_d,   charge + discharge <= power
    profit = mining + rent + export - day ahead - imbalance - adder - wear,   expected over the members

(``overhead_free`` is 0: the hall draws ``overhead * heat`` and gives nothing back.) Every formulation in ``peers`` has
these rows and these variables, so that what is compared is the road, not the cleverness of a formulation. Prices are
made so that nothing needs a whole decision: buying costs more than 0 and more than selling pays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
START, TIMEZONE = "2024-01-01T00:00", "UTC"
DATA_FILE, SCENARIO_FILE = "market.nc", "scenario.json"

MODE_W = np.array([1850.0, 2000.0, 2500.0, 2700.0, 2970.0])
MODE_TH_S = np.array([76.0, 80.0, 92.0, 96.0, 100.0])
"""A firmware ladder whose steps all lie on the envelope of hash over power."""
POOL_FEE = 0.01
GPUS, IDLE_KW, FULL_KW = 8, 2.0, 9.8
"""Per node."""
CHARGE_EFFICIENCY, DISCHARGE_EFFICIENCY, WEAR_PER_MWH = 0.95, 0.94, 4.0
SPREAD_PER_MWH, ADDER_PER_MWH, EXPORT_FEE_PER_MWH, LEAST_PRICE_PER_MWH = 3.0, 8.0, 2.0, -2.0


@dataclass(frozen=True)
class Size:
    """Hours of the horizon, sites, members of the ensemble."""

    hours: int
    sites: int
    members: int

    @property
    def cells(self) -> int:
        """Hours times sites times members: what the size of the problem is proportional to."""
        return self.hours * self.sites * self.members

    def __str__(self) -> str:
        return f"{self.hours} h, {self.sites} sites, {self.members} members"


@dataclass(frozen=True)
class Site:
    """Plant of one site."""

    machines: int
    nodes: int
    import_limit_mw: float
    export_limit_mw: float
    heat_limit_mw: float
    battery_mw: float
    battery_mwh: float


@dataclass(frozen=True)
class Case:
    """All numbers of a problem, as a formulation gets them."""

    size: Size
    plant: list[Site]
    real_time: Floats
    """Price, currency per MWh, (sites, members, hours)."""
    day_ahead: Floats
    """Price, currency per MWh, (sites, hours); so are all that follow."""
    hashprice: Floats
    """Currency per PH/s and day."""
    availability: Floats
    """Share of the machines that can run."""
    overhead: Floats
    """Cooling power per heat."""
    gpu_price: Floats
    """Currency per GPU and hour."""
    market_nodes: Floats
    """Nodes that can be rented out."""

    @property
    def probability(self) -> float:
        return 1.0 / self.size.members

    def of_plant(self, name: str) -> Floats:
        """A figure of every site, (sites,)."""
        return np.array([getattr(site, name) for site in self.plant], dtype=float)

    @property
    def mode_mw(self) -> Floats:
        return MODE_W / 1e6

    @property
    def available(self) -> Floats:
        """Machines that can run, (sites, hours)."""
        return self.of_plant("machines")[:, None] * self.availability

    @property
    def machine_value(self) -> Floats:
        """Earned by a machine in a step, (sites, modes, hours)."""
        per_ph_s = self.hashprice * ((1.0 - POOL_FEE) / 24.0)
        return np.asarray(per_ph_s[:, None, :] * (MODE_TH_S / 1e3)[None, :, None])

    @property
    def node_value(self) -> Floats:
        """Earned by a rented node in a step, (sites, hours)."""
        return self.gpu_price * GPUS


def plant_of(sites: int) -> list[Site]:
    """Sites of differing size; connection and hall are too small for everything at once."""
    found = []
    for number in range(sites):
        scale = 1.0 + 0.1 * (number % 7)
        machines, nodes = round(10_000 * scale), 256 + 32 * (number % 5)
        load_mw = machines * MODE_W[-1] / 1e6 + nodes * FULL_KW / 1e3
        found.append(
            Site(
                machines,
                nodes,
                import_limit_mw=round(load_mw * 1.06, 3),
                export_limit_mw=10.0,
                heat_limit_mw=round(load_mw * 0.96, 3),
                battery_mw=10.0 * scale,
                battery_mwh=20.0 * scale,
            )
        )
    return found


def generated(size: Size, seed: int = 0) -> Case:
    """Prices with a daily shape, noise by member and spikes; weather and markets with a daily and a yearly shape."""
    rng = np.random.default_rng(seed)
    hour = np.arange(size.hours)
    day, year = np.sin(2 * np.pi * (hour - 9) / 24), np.cos(2 * np.pi * (hour / 8760 - 0.55))
    by_site = (size.sites, size.hours)
    expected = 38.0 + 18.0 * day + 8.0 * year + 6.0 * rng.standard_normal(by_site)
    noise = rng.standard_normal((size.sites, size.members, size.hours)) * 14.0
    spikes = np.where(rng.random(noise.shape) < 0.02, rng.gamma(2.0, 120.0, noise.shape), 0.0)
    return Case(
        size,
        plant_of(size.sites),
        real_time=np.maximum(expected[:, None, :] + noise + spikes, LEAST_PRICE_PER_MWH),
        day_ahead=np.maximum(expected + 4.0, LEAST_PRICE_PER_MWH),
        hashprice=48.0 + 4.0 * rng.standard_normal(by_site),
        availability=0.95 + 0.04 * rng.random(by_site),
        overhead=0.06 + 0.03 * (1.0 + day) + 0.02 * rng.random(by_site),
        gpu_price=np.maximum(0.0, 0.11 + 0.08 * rng.standard_normal(by_site)),
        market_nodes=np.floor(160.0 + 90.0 * rng.random(by_site)),
    )


BY_SITE = ("day_ahead", "hashprice", "availability", "overhead", "gpu_price", "market_nodes")


def write(case: Case, folder: Path) -> Path:
    """The scenario file and its data file; returns the scenario's path."""
    import xarray as xr

    steps = np.datetime64(START, "ns") + np.arange(case.size.hours) * np.timedelta64(1, "h")
    columns: dict[str, tuple[tuple[str, ...], Floats]] = {}
    for number in range(case.size.sites):
        price = case.real_time[number]
        columns[f"real_time_{number}"] = (("member", "time"), price) if case.size.members > 1 else (("time",), price[0])
        columns |= {f"{name}_{number}": (("time",), getattr(case, name)[number]) for name in BY_SITE}
    coordinates: dict[str, Any] = {"time": steps}
    if case.size.members > 1:
        coordinates["member"] = np.arange(case.size.members)
    xr.Dataset(columns, coordinates).to_netcdf(folder / DATA_FILE, engine="h5netcdf")
    file = folder / SCENARIO_FILE
    file.write_text(json.dumps(scenario(case)), encoding="utf-8")
    return file


def read(folder: Path) -> Case:
    """The numbers back from the files, as somebody would read them who formulates by hand."""
    import xarray as xr

    sections = json.loads((folder / SCENARIO_FILE).read_text(encoding="utf-8"))
    size = Size(sections["horizon"]["steps"], len(sections["sites"]), sections["ensemble"]["members"])
    with xr.open_dataset(folder / DATA_FILE, engine="h5netcdf") as data:
        found = {n: np.stack([data[f"{n}_{i}"].to_numpy() for i in range(size.sites)]) for n in ("real_time", *BY_SITE)}
    prices = found.pop("real_time").reshape(size.sites, size.members, size.hours)
    return Case(size, plant_of(size.sites), real_time=prices, **found)


def scenario(case: Case) -> dict[str, Any]:
    """The problem as a scenario file of this project."""
    return {
        "format": 1,
        "name": f"dispatch, {case.size}",
        "horizon": {"start": START, "steps": case.size.hours, "step": "1h", "timezone": TIMEZONE},
        "data": {"market": {"file": DATA_FILE, "timezone": TIMEZONE}},
        "ensemble": {"members": case.size.members},
        "sites": [_site(number, site) for number, site in enumerate(case.plant)],
        "solver": {"mip_rel_gap": 0.0, "time_limit_s": 7200.0},
    }


def _site(number: int, site: Site) -> dict[str, Any]:
    def column(name: str) -> str:
        return f"market.{name}_{number}"

    def shifted(by: float) -> dict[str, Any]:
        return {"series": column("real_time"), "add": by}

    modes = [
        {"name": f"w{w:.0f}", "power_w": float(w), "hash_th_s": float(th)}
        for w, th in zip(MODE_W, MODE_TH_S, strict=True)
    ]
    return {
        "name": f"s{number}",
        "grid": {"import_limit_mw": site.import_limit_mw, "export_limit_mw": site.export_limit_mw},
        "contracts": [
            {
                "kind": "two_settlement",
                "name": "power",
                "day_ahead_price_per_mwh": column("day_ahead"),
                "short_price_per_mwh": shifted(SPREAD_PER_MWH),
                "long_price_per_mwh": shifted(-SPREAD_PER_MWH),
                "adder_per_mwh": ADDER_PER_MWH,
            },
            {
                "kind": "export",
                "name": "sellback",
                "price_per_mwh": column("real_time"),
                "fee_per_mwh": EXPORT_FEE_PER_MWH,
            },
        ],
        "cooling": [
            {"kind": "hall", "name": "hall", "overhead": column("overhead"), "heat_limit_mw": site.heat_limit_mw}
        ],
        "assets": [
            {
                "kind": "miner_fleet",
                "name": "miners",
                "cooling": "hall",
                "machines": site.machines,
                "availability": column("availability"),
                "modes": modes,
                "hashprice_per_ph_day": column("hashprice"),
                "pool_fee": POOL_FEE,
            },
            {
                "kind": "gpu_pool",
                "name": "pool",
                "cooling": "hall",
                "nodes": site.nodes,
                "gpus_per_node": GPUS,
                "idle_kw": IDLE_KW,
                "full_kw": FULL_KW,
            },
            {
                "kind": "battery",
                "name": "battery",
                "power_mw": site.battery_mw,
                "energy_mwh": site.battery_mwh,
                "charge_efficiency": CHARGE_EFFICIENCY,
                "discharge_efficiency": DISCHARGE_EFFICIENCY,
                "throughput_cost_per_mwh": WEAR_PER_MWH,
            },
        ],
        "workloads": [
            {
                "kind": "rental",
                "name": "rent",
                "pool": "pool",
                "price_per_gpu_hour": column("gpu_price"),
                "max_nodes": column("market_nodes"),
            }
        ],
    }
