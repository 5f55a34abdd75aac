"""ERCOT's five products of the documentation on a real week of 2024, for a campus of 100 MW and two futures.

The data are not part of the project: where they are absent, the tests are skipped.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import optimizer as opt
from optimizer.scenario_file import parse_scenario

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kinds" / "ancillary_service.md"
DATA = ROOT.parent / "shared" / "data"
CAPACITY = DATA / "ercot" / "ercot_dam_as_mcpc_hourly_2024.csv"
ENERGY = DATA / "aligned" / "aligned_ercot_west_2024.csv"
FIRST, STEPS = "2024-08-19T00:00", 168
PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")
UP = ("regup", "rrs", "ecrs", "nspin")
needs_data = pytest.mark.skipif(
    not (CAPACITY.is_file() and ENERGY.is_file()), reason="the real data of 2024 are not beside the project"
)


def documented() -> dict[str, dict[str, Any]]:
    """The products of the documentation, by name."""
    text = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert text is not None
    contracts = parse_scenario(text[1], PAGE).data["sites"][0]["contracts"]
    return {c["name"]: c for c in contracts if c["kind"] == "ancillary_service"}


@cache
def week(file: Path) -> pd.DataFrame:
    """The week's rows of a table, as it stands in the file."""
    table = pd.read_csv(file)
    first = int(table.index[table["local_start"] == FIRST][0])
    return table.iloc[first : first + STEPS]


def column(file: Path, name: str) -> list[float]:
    values = week(file)[name].to_numpy(dtype=float)
    assert np.isfinite(values).all()
    return [float(v) for v in values]


def campus(products: tuple[str, ...]) -> dict[str, Any]:
    """The campus with some of the products; energy at the real-time price, or as it was expected the day before."""
    energy = [column(ENERGY, "lz_west_rt"), column(ENERGY, "lz_west_da")]
    services = []
    for name in products:
        service = documented()[name] | {"price_per_mw_h": column(CAPACITY, f"{name}_usd_per_mw_h"), "min_mw": 0.0}
        service["providers"] = [{"m": "s21", "b": "bess", "j": "finetune"}[p] for p in service["providers"]]
        services.append(service | ({"energy_price_per_mwh": energy} if "energy_price_per_mwh" in service else {}))
        services[-1]["providers"].append("s19")
    hashprice = {"hashprice_per_ph_day": [1000 * p for p in column(ENERGY, "btc_hashprice_usd_per_th_day")]}
    modes = [{"name": "eco", "hash_th_s": 80, "power_w": 2000}, {"name": "high", "hash_th_s": 100, "power_w": 2970}]
    return {
        "format": 1,
        "name": "100 MW, five products",
        "horizon": {"start": FIRST, "steps": STEPS, "step": "1h", "timezone": "America/Chicago"},
        "ensemble": {"members": 2, "probabilities": [0.5, 0.5]},
        "solver": {"mip_rel_gap": 1e-6},
        "sites": [
            {
                "name": "odessa",
                "grid": {"import_limit_mw": 100, "export_limit_mw": 10},
                "house_load_mw": 0.4,
                "contracts": [{"kind": "index_supply", "name": "spot", "price_per_mwh": energy}, *services],
                "assets": [
                    {"kind": "miner_fleet", "name": "s21", "model": "Antminer S21", "machines": 14000} | hashprice,
                    {"kind": "miner_fleet", "name": "s19", "modes": modes, "machines": 9000, "standby_w": 15}
                    | hashprice,
                    {"kind": "gpu_pool", "name": "h100", "nodes": 1024, "idle_kw": 2.0, "full_kw": 10.2},
                    {
                        "kind": "battery",
                        "name": "bess",
                        "power_mw": 10,
                        "energy_mwh": 20,
                        "charge_efficiency": 0.95,
                        "discharge_efficiency": 0.95,
                        "throughput_cost_per_mwh": 12,
                        "soc_end_mwh": 10,
                        "soc_end_value_per_mwh": 40,
                    },
                ],
                "workloads": [
                    {
                        "kind": "training_job",
                        "name": "finetune",
                        "pool": "h100",
                        "work_node_hours": 60000,
                        "max_nodes": 1024,
                        "value": 900000,
                        "flex_fraction": 0.25,
                    }
                ],
            }
        ],
    }


@cache
def plan_with(products: tuple[str, ...]) -> opt.Plan:
    return opt.optimize(opt.scenario_from_dict(campus(products)))


def of(plan: opt.Plan, variable: str, component: str) -> NDArray[np.float64]:
    """A variable of a component, (members, steps)."""
    found: NDArray[np.float64] = plan.dispatch[variable].sel(component=component).to_numpy()
    return found


def held(plan: opt.Plan, names: tuple[str, ...], provider: str) -> NDArray[np.float64]:
    """Reserves that a provider holds of several products, MW, (members, steps)."""
    total = np.zeros((2, STEPS))
    for name in names:
        offered = plan.dispatch[f"{name}.offered_mw"]
        if provider in offered[f"{name}.provider"].to_numpy():
            total = total + offered.sel({f"{name}.provider": provider}).to_numpy()
    return total


def test_the_documented_products_are_ercots() -> None:
    """Proves: direction, hours sustained and minutes of notice as of 2024, from 0.1 MW on."""
    found = {
        name: (p["direction"], p["sustain_hours"], p["notice_minutes"], p["min_mw"]) for name, p in documented().items()
    }
    assert found == {
        "regup": ("up", 1, 5, 0.1),
        "regdn": ("down", 1, 5, 0.1),
        "rrs": ("up", 1, 0.5, 0.1),
        "ecrs": ("up", 2, 10, 0.1),
        "nspin": ("up", 4, 30, 0.1),
    }


@needs_data
def test_awards_are_never_more_than_can_be_shed() -> None:
    """Proves: in both futures and every hour, what each provider holds up is within what it draws above standby (or its
    converter leaves, or its flex tier), what is held down within what rests and what the connection lets in.
    Sensitivity: awards by price alone are 100 MW in most hours."""
    plan = plan_with(PRODUCTS)
    award = sum((of(plan, "award_mw", name) for name in UP), np.zeros((2, STEPS)))
    assert (award[0] == award[1]).all()
    assert award.max() > 50
    s21, s19 = of(plan, "power_mw", "s21"), of(plan, "power_mw", "s19")
    net = of(plan, "charge_mw", "bess") - of(plan, "discharge_mw", "bess")
    nodes, standby = of(plan, "nodes", "finetune"), 9000 * 15e-6
    sheddable = s21 + (s19 - standby) + (10 + net) + 0.25 * 8.2e-3 * nodes
    assert (award <= sheddable + 1e-6).all()
    limits = {"s21": s21, "s19": s19 - standby, "bess": 10 + net, "finetune": 0.25 * 8.2e-3 * nodes}
    for provider, limit in limits.items():
        assert (held(plan, UP, provider) <= limit + 1e-6).all(), provider
    down = of(plan, "award_mw", "regdn")
    assert down.max() > 5
    addable = {"s21": 49 - s21, "s19": 9000 * 2970e-6 - s19, "bess": 10 - net}
    for provider, limit in addable.items():
        assert (held(plan, ("regdn",), provider) <= limit + 1e-6).all(), provider
    imported = plan.dispatch["import_mw"].to_numpy()[:, :, 0] - plan.dispatch["export_mw"].to_numpy()[:, :, 0]
    assert (imported + down <= 100 + 1e-6).all()
    assert (imported - award >= -10 - 1e-6).all()


@needs_data
def test_the_store_lasts_for_the_hours_that_each_product_is_sustained() -> None:
    """Proves: before and after every hour the level gives an hour of regulation and RRS, two of ECRS and four of
    non-spin, all at once. Sensitivity: by power alone 10 MW of non-spin would need 42 MWh."""
    plan = plan_with(PRODUCTS)
    hours = {"regup": 1, "rrs": 1, "ecrs": 2, "nspin": 4}
    needed = sum((h * held(plan, (name,), "bess") for name, h in hours.items()), np.zeros((2, STEPS)))
    assert needed.max() > 5
    after = of(plan, "soc_mwh", "bess")
    before = np.concatenate([np.full((2, 1), 10.0), after[:, :-1]], axis=1)
    assert (needed <= 0.95 * np.minimum(before, after) + 1e-6).all()
    room = 20 - np.maximum(before, after)
    assert (held(plan, ("regdn",), "bess") <= room / 0.95 + 1e-6).all()


@needs_data
def test_capacity_revenue_is_price_times_award() -> None:
    """Proves: by line, the awards of the plan at the clearing prices of the file. Sensitivity: a price taken an hour
    late changes the sum by more than 1 %."""
    plan = plan_with(PRODUCTS)
    for name in PRODUCTS:
        price = np.array(column(CAPACITY, f"{name}_usd_per_mw_h"))
        award = of(plan, "award_mw", name)[0]
        assert plan.summary["ledger"][f"{name}_capacity"] == pytest.approx(float(price @ award), abs=0.01)
    energy = np.array([column(ENERGY, "lz_west_rt"), column(ENERGY, "lz_west_da")])
    called = 0.15 * energy * of(plan, "award_mw", "regup")
    assert plan.summary["ledger"]["regup_energy"] == pytest.approx(float(called.sum(axis=1).mean()), abs=0.01)


@needs_data
def test_a_further_product_never_lowers_the_profit() -> None:
    """Proves: each product added to those before is worth something or nothing, up to the gap to which the plans are
    solved; together they are worth something. Sensitivity: a product that binds machines by itself would cost."""
    worth = [plan_with(PRODUCTS[:n]).expected_profit for n in range(len(PRODUCTS) + 1)]
    assert all(more >= less - 1e-5 * abs(less) for less, more in pairwise(worth))
    assert worth[-1] > worth[0] + 10_000


@needs_data
def test_awards_without_a_least_size_need_no_binaries() -> None:
    """Proves: the five products add none; those of the battery forbid it to burn energy for room."""
    sizes = [opt.build(opt.scenario_from_dict(campus(p))).arrays.size["integers"] for p in ((), UP, PRODUCTS)]
    assert sizes == [2, 2, 2 + 2 * STEPS]
