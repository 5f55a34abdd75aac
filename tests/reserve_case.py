"""Paper-sized reserves, beside the scenarios of :mod:`small_case`."""

from __future__ import annotations

from typing import Any

from small_case import fleet, site_case, spot

import optimizer as opt


def service(name: str = "rrs", **fields: Any) -> dict[str, Any]:
    """A product up at 50 per MW and hour, an hour long, held by the fleet ``m``."""
    plain = {
        "kind": "ancillary_service",
        "name": name,
        "direction": "up",
        "price_per_mw_h": 50,
        "providers": ["m"],
    }
    return {key: value for key, value in (plain | fields).items() if value is not None}


def store(name: str = "b", **fields: Any) -> dict[str, Any]:
    """A battery of 10 MW and 4 MWh without losses, full at the start and free at the end."""
    plain = {"kind": "battery", "name": name, "power_mw": 10, "energy_mwh": 4, "soc_start_mwh": 4, "soc_end_mwh": 0}
    return {key: value for key, value in (plain | fields).items() if value is not None}


def held(plan: opt.Plan, product: str, provider: str, member: int = 0) -> list[float]:
    """What a provider holds of a product, MW."""
    values = plan.dispatch[f"{product}.offered_mw"].sel({f"{product}.provider": provider}).isel(member=member)
    return [round(float(v), 6) + 0.0 for v in values.to_numpy()]


def case(price: Any, *services: dict[str, Any], steps: int = 1, assets: Any = (), **fields: Any) -> dict[str, Any]:
    """Energy at a price, products, and a fleet of 3.5 MW that earns 400 an hour (or other assets)."""
    return site_case(steps=steps, contracts=[spot(price), *services], assets=assets or [fleet()], **fields)


def of_store(price: Any, *services: dict[str, Any], load: float = 10, **fields: Any) -> dict[str, Any]:
    """A site of 10 MW with a battery that holds the products."""
    on = store(**fields)
    steps = len(price) if isinstance(price, list) else 1
    return case(price, *services, steps=steps, assets=[on], house_load_mw=load)


def by_battery(name: str, price: Any, hours: float, **fields: Any) -> dict[str, Any]:
    """A product held by the battery."""
    return service(name, price_per_mw_h=price, sustain_hours=hours, providers=["b"]) | fields
