"""Two fleets behind one grid connection that is too small for both, with every value worked out by hand."""

from __future__ import annotations

from typing import Any

from tests.small_case import fleet, site_case, spot

BETTER, POORER = 400 / 3.5, 300 / 3.5
"""What a MWh earns in each fleet: 400 and 300 an hour for 3.5 MW."""
LIMIT = "sites.a.grid.import_limit_mw"


def two_fleets(limit_mw: Any = 5.0, price: Any = 50.0, *, steps: int = 2, **fields: Any) -> dict[str, Any]:
    """At 50 per MWh both fleets pay; 5 MW are enough for all of the better one (3.5 MW) and 1.5 MW of the poorer."""
    assets = [fleet("better"), fleet("poorer", hashprice_per_ph_day=36)]
    return site_case(steps=steps, contracts=[spot(price)], assets=assets, grid={"import_limit_mw": limit_mw}, **fields)


def whole_nodes(limit_mw: float) -> dict[str, Any]:
    """One hour, four nodes of 0.1 MW that are rented out whole or not at all for 20 an hour, power at 50."""
    case = site_case(
        steps=1,
        contracts=[spot(50)],
        assets=[{"kind": "gpu_pool", "name": "p", "nodes": 4, "gpus_per_node": 1, "idle_kw": 0, "full_kw": 100}],
        grid={"import_limit_mw": limit_mw},
    )
    case["sites"][0]["workloads"] = [
        {"kind": "rental", "name": "r", "pool": "p", "price_per_gpu_hour": 20, "integer": True}
    ]
    return case
