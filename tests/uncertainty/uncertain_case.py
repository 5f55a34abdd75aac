"""Paper-sized scenarios under uncertainty, beside those of :mod:`small_case`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from small_case import fleet, site_case, spot

import optimizer as opt


def scenario(case: dict[str, Any], **risk: Any) -> opt.Scenario:
    """The checked scenario, with fields of its risk."""
    return opt.scenario_from_dict(case | ({"risk": risk} if risk else {}))


def newsvendor(
    demand_mw: Sequence[float],
    probabilities: Sequence[float] | None = None,
    *,
    day_ahead: float = 50.0,
    short: float = 80.0,
    long: float = 20.0,
) -> dict[str, Any]:
    """One hour in which a load of unknown size is bought day ahead: what is missing costs more, what is left over is
    sold for less. The best position is the ``(short - day_ahead) / (short - long)`` quantile of the load."""
    chances = [1.0 / len(demand_mw)] * len(demand_mw) if probabilities is None else list(probabilities)
    market = {
        "kind": "two_settlement",
        "name": "market",
        "day_ahead_price_per_mwh": day_ahead,
        "short_price_per_mwh": short,
        "long_price_per_mwh": long,
    }
    return site_case(
        steps=1,
        contracts=[market],
        house_load_mw=[[float(load)] for load in demand_mw],
        grid={"import_limit_mw": 1000.0},
        probabilities=chances,
    )


def hedge(
    real_time: Sequence[float],
    load_mw: Sequence[float],
    probabilities: Sequence[float] | None = None,
    *,
    day_ahead: float = 50.0,
    limit_mw: float = 10.0,
) -> dict[str, Any]:
    """One hour with a known load per member and a position of up to ``limit_mw``, settled at the real-time price: a
    member earns ``(real_time - day_ahead) * position - real_time * load``."""
    market = {
        "kind": "two_settlement",
        "name": "market",
        "day_ahead_price_per_mwh": day_ahead,
        "real_time_price_per_mwh": [[price] for price in real_time],
        "position_limit_mw": limit_mw,
    }
    chances = [1.0 / len(real_time)] * len(real_time) if probabilities is None else list(probabilities)
    return site_case(
        steps=1,
        contracts=[market],
        house_load_mw=[[float(load)] for load in load_mw],
        grid={"import_limit_mw": 100.0},
        probabilities=chances,
    )


def committed(
    price: Sequence[Sequence[float]], probabilities: Sequence[float], load_mw: float = 2.0, **fields: Any
) -> dict[str, Any]:
    """Machines and an engine that are committed day ahead for all members, a battery, and a spot price per member."""
    steps = len(price[0])
    engine = {
        "kind": "generator",
        "name": "engine",
        "units": 2,
        "unit_mw": 1.5,
        "min_load": 0.5,
        "heat_rate_gj_per_mwh": 9.0,
        "fuel_price_per_gj": 6.0,
        "start_cost": 25.0,
        "min_up_hours": 2,
        "commit": "day_ahead",
        "running_before": 0,
    }
    miners = fleet(commit="day_ahead", start_cost=0.02, min_down_hours=2, running_before=500)
    battery = {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 2, "soc_start_mwh": 1}
    case = site_case(
        steps=steps,
        contracts=[spot([list(row) for row in price])],
        assets=[miners, engine, battery],
        house_load_mw=load_mw,
        grid={"import_limit_mw": 6.0},
        probabilities=list(probabilities),
    )
    return case | fields


def whole_units(seed: int, members: int = 3, steps: int = 6) -> dict[str, Any]:
    """As :func:`committed`, with one engine that runs at 3 MW or not at all and four containers of machines that run
    whole, at random prices about their break-even: the linear relaxation is loose."""
    prices = np.random.default_rng(seed).normal(85, 60, (members, steps)).round(1)
    case = committed(prices.tolist(), [1 / members] * members)
    machines, engine, _ = case["sites"][0]["assets"]
    container = {"name": "on", "hash_th_s": 50_000, "power_w": 875_000}
    machines |= {"integer": True, "machines": 4, "running_before": 2, "modes": [container], "start_cost": 10}
    engine |= {"units": 1, "unit_mw": 3, "min_load": 1.0, "start_cost": 200, "min_up_hours": 3}
    return case | {"solver": {"mip_rel_gap": 1e-6}}
