"""A chiller plant behind the fleet of 3.5 MW that earns 400 an hour."""

from __future__ import annotations

from typing import Any

from small_case import fleet, site_case, spot


def plant(**fields: Any) -> dict[str, Any]:
    """Two chillers of 2 MW at a COP of 5."""
    plain = {"kind": "chiller_plant", "name": "plant", "chillers": 2, "capacity_mw": 2, "cop": 5}
    return {key: value for key, value in (plain | fields).items() if value is not None}


def case(price: Any, *more: dict[str, Any], machines: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The fleet on the plant, and further cooling beside it; as many steps as prices."""
    steps = len(price) if isinstance(price, list) and not isinstance(price[0], list) else fields.pop("steps", 1)
    return site_case(
        steps=steps,
        contracts=[spot(price)],
        assets=[fleet(**({"cooling": "plant"} | (machines or {})))],
        cooling=[plant(**fields), *more],
    )
