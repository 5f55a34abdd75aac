"""Reserves that running generators hold."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, series, site_case, solved, spot, unnoticed


def engine(**fields: Any) -> dict[str, Any]:
    """2 MW, at least 1 MW, 9 GJ per MWh at 5 per GJ: 45 per MWh."""
    plain: dict[str, Any] = {
        "kind": "generator",
        "name": "gen",
        "unit_mw": 2.0,
        "min_load": 0.5,
        "heat_rate_gj_per_mwh": 9.0,
        "fuel_price_per_gj": 5.0,
    }
    return plain | fields


def product(direction: str = "up", price: float = 20.0, **fields: Any) -> dict[str, Any]:
    plain = {"kind": "ancillary_service", "name": "spin", "direction": direction, "price_per_mw_h": price}
    return plain | {"providers": ["gen"]} | fields


def case(price: float, *contracts: dict[str, Any], gen: dict[str, Any] | None = None) -> dict[str, Any]:
    grid = {"import_limit_mw": 10.0, "export_limit_mw": 10.0}
    return site_case(
        steps=1, contracts=[spot(price), *contracts], assets=[gen or engine()], house_load_mw=2.0, grid=grid
    )


def test_headroom_of_a_running_engine_is_sold() -> None:
    """Proves: at 40 the engine (45) would stand still; sold at 20 per MW of headroom it runs at its minimum:
    -45 - 40 + 20 = -65 against -80. Sensitivity: reserve of an engine at rest would earn 40: -40."""
    plan = solved(case(40.0, product()))
    assert plan.expected_profit == pytest.approx(-65.0)
    assert series(plan, "generated_mw", "gen") == [1.0]
    assert series(plan, "award_mw", "spin") == [1.0]
    assert unnoticed(plan, "gen") == []


def test_down_is_what_it_gives_above_its_minimum() -> None:
    """Proves: at 50 it runs flat out and can fall by 1 MW: -90 + 20 = -70. Sensitivity: 2 MW would give -50."""
    plan = solved(case(50.0, product("down")))
    assert plan.expected_profit == pytest.approx(-70.0)
    assert series(plan, "award_mw", "spin") == [1.0]


def test_a_call_burns_fuel_and_is_limited_by_it() -> None:
    """Proves: a tenth of the headroom is called: 0.1 MWh * 45. With 13.5 GJ/h of fuel 9 are burnt, and
    0.5 MW are held."""
    plan = solved(case(40.0, product(deployment_probability=0.1)))
    assert booked(plan, "spin_deployment") == pytest.approx(-4.5)
    scarce = solved(case(40.0, product(price=60.0), gen=engine(fuel_available_gj_per_hour=13.5)))
    assert series(scarce, "award_mw", "spin") == [0.5]
    assert unnoticed(scarce, "gen") == []
