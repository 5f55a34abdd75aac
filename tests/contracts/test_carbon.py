"""Carbon: two accounts, price, cap, hourly matching, and what is carried to the next run."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import (
    BREAK_EVEN,
    booked,
    fleet,
    profit,
    refusals,
    series,
    site_case,
    solved,
    spot,
    unnoticed,
    warnings_of,
)

import optimizer as opt

DIRTY = {"co2_kg_per_mwh": [400.0, 100.0]}


def account(**fields: Any) -> dict[str, Any]:
    return {"kind": "carbon", "name": "co2"} | fields


def wind(volume: Any = 2.0, price: float = 30.0, **fields: Any) -> dict[str, Any]:
    """A wind block that may go unused at no cost."""
    plain: dict[str, Any] = {"kind": "index_supply", "name": "wind", "price_per_mwh": price, "limit_mw": volume}
    return plain | {"co2_kg_per_mwh": 0.0, "renewable_fraction": 1.0} | fields


def case(*contracts: dict[str, Any], steps: int = 2, grid: Any = None, load: Any = 0.0, **more: Any) -> dict[str, Any]:
    return site_case(
        steps=steps,
        contracts=contracts,
        house_load_mw=load,
        grid=DIRTY if grid is None else grid,
        **{"assets": [fleet()]} | more,
    )


# ---------------------------------------------------------------------- price
def test_a_price_stops_the_machines_in_dirty_hours() -> None:
    """Proves: at 60 per MWh the fleet earns 54.29 per MWh; 200 per t adds 80 in the dirty hour, 20 in the clean one.

    It runs in the clean hour only: (114.29 - 60 - 20) * 3.5 = 120, of which carbon is -0.35 t * 200 = -70.
    Sensitivity: a price that only reports would run both hours and earn 2 * 190 - 350 = 30.
    """
    plan = solved(case(spot(60.0), account(price_per_t=200.0)))
    assert plan.expected_profit == pytest.approx(120.0)
    assert booked(plan, "co2_carbon") == pytest.approx(-70.0)
    assert series(plan, "emitted_t", "co2") == [0.0, 0.35]
    assert plan.summary["co2_location_t"]["co2"] == pytest.approx(0.35)
    assert unnoticed(plan, "co2") == []


def test_the_market_account_counts_what_was_bought() -> None:
    """Proves: 2 MW of 3.5 MW are wind at 0 kg; the rest is the residual mix at 500 kg: 0.75 t an hour, at 20 each.

    Hour by hour: 400 revenue - 2 * 30 - 1.5 * 60 - 0.75 * 20 = 235. Sensitivity: by location it would be 1.4 and
    0.35 t, so 222 and 243.
    """
    market = account(basis="market", price_per_t=20.0, residual_co2_kg_per_mwh=500.0)
    plan = solved(case(spot(60.0), wind(), market))
    assert plan.expected_profit == pytest.approx(470.0)
    assert plan.summary["co2_market_t"]["co2"] == pytest.approx(1.5)
    assert plan.summary["co2_location_t"]["co2"] == pytest.approx(1.75)
    assert plan.summary["matched_fraction"]["co2"] == pytest.approx(2.0 / 3.5)
    assert unnoticed(plan, "co2") == []


# ---------------------------------------------------------------------- cap
def test_a_cap_leaves_the_dirtiest_energy_out() -> None:
    """Proves: 0.75 t allow the clean hour whole (0.35 t) and 1 MWh of the dirty one: 4.5 MWh at 54.29.

    Sensitivity: a cap on the mean intensity would let both hours run: 380.
    """
    plan = solved(case(spot(60.0), account(cap_t=0.75)))
    assert plan.expected_profit == pytest.approx(4.5 * (BREAK_EVEN - 60.0))


def test_what_was_emitted_before_counts() -> None:
    """Proves: with 0.4 t carried in, 0.35 t of 0.75 are left: the clean hour only; 0.75 t are handed on."""
    carry = {"at": "2024-08-19T00:00", "components": {"co2": {"emitted_t": {"2024": 0.4}}}}
    capped = case(spot(60.0), account(cap_t=0.75, settlement_period="year")) | {"carry": carry}
    plan = solved(capped)
    assert plan.expected_profit == pytest.approx(3.5 * (BREAK_EVEN - 60.0))
    assert plan.summary["carry"]["components"]["co2"]["emitted_t"] == {"2024": pytest.approx(0.75)}


def test_two_runs_in_a_row_keep_the_cap_of_one() -> None:
    """Proves: the second run starts with the tonnes of the first; together they emit at most the year's cap."""
    grid = {"co2_kg_per_mwh": 100.0}
    capped = case(spot(60.0), account(cap_t=0.5, settlement_period="year"), steps=1, grid=grid)
    first = solved(capped)
    second = capped | {"carry": first.summary["carry"]}
    second["horizon"] = capped["horizon"] | {"start": "2024-08-19T01:00"}
    plan = solved(second)
    assert first.summary["co2_location_t"]["co2"] == pytest.approx(0.35)
    assert plan.summary["co2_location_t"]["co2"] == pytest.approx(0.15)


def test_a_cap_that_the_house_load_breaks_is_named() -> None:
    infeasible = case(spot(60.0), account(cap_t=0.1), load=1.0)
    with pytest.raises(opt.InfeasibleError, match="cap_t"):
        opt.optimize(opt.scenario_from_dict(infeasible))


# ---------------------------------------------------------------------- matching
def test_matching_is_hourly() -> None:
    """Proves: wind of 3.5 MW in the first hour only; half of the import has to be matched.

    Both hours run: 3.5 of 7 MWh. With 60 % the second hour shrinks to 3.5 * 0.4 / 0.6 = 2.333 MWh.
    Sensitivity: annual certificates would count unused wind too; here there is none to use.
    """
    windy = wind(volume=[3.5, 0.0], price=60.0)
    assert profit(case(spot(60.0), windy, account(matched_fraction=0.5))) == pytest.approx(380.0)
    plan = solved(case(spot(60.0), windy, account(matched_fraction=0.6)))
    assert plan.expected_profit == pytest.approx((3.5 + 3.5 * 0.4 / 0.6) * (BREAK_EVEN - 60.0))
    assert plan.summary["matched_fraction"]["co2"] == pytest.approx(0.6)
    assert unnoticed(plan, "co2") == []


def test_wind_is_taken_at_a_loss_to_match_the_load() -> None:
    """Proves: 1 MW of house load must be matched by wind at 90 while spot costs 60: -180. Sensitivity: -120."""
    plan = solved(case(spot(60.0), wind(price=90.0), account(matched_fraction=1.0), load=1.0, assets=()))
    assert plan.expected_profit == pytest.approx(-180.0)


# ---------------------------------------------------------------------- portfolio
def test_an_account_of_two_sites() -> None:
    """Proves: site a at 100 kg, site b at 400 kg share a cap of 0.35 t: the clean site runs, the other does not."""
    one = case(spot(60.0), steps=1, grid={"co2_kg_per_mwh": 100.0})
    site_b = one["sites"][0] | {"name": "b", "grid": {"co2_kg_per_mwh": 400.0}}
    both = one | {"sites": [one["sites"][0], site_b], "contracts": [account(cap_t=0.35)]}
    plan = solved(both)
    assert plan.expected_profit == pytest.approx(190.0)
    assert plan.dispatch["import_mw"].sel(site="b").item() == pytest.approx(0.0)


# ---------------------------------------------------------------------- bad input
def test_bad_input() -> None:
    unknown = {"import_limit_mw": 10.0}
    assert "is not known" in refusals(case(spot(60.0), account(), grid=unknown))
    assert "is not known" in refusals(case(spot(60.0), account(basis="market"), grid=unknown))
    assert "no supply is renewable" in refusals(case(spot(60.0), account(matched_fraction=0.5)))
    assert "settlement_period" in refusals(case(spot(60.0), account(cap_t=1.0, settlement_period="step")))
    assert "at least 0" in refusals(case(spot(60.0), account(price_per_t=-1.0)))
    assert "no effect" in warnings_of(case(spot(60.0), account(settlement_period="month")))
    carry = {"at": "2024-08-19T00:00", "components": {"co2": {"emitted_t": {"horizon": 2.0}}}}
    assert "emitted already" in refusals(case(spot(60.0), account(cap_t=1.0)) | {"carry": carry})


def test_a_supply_that_serves_other_sites_too_cannot_be_accounted() -> None:
    one = case(spot(60.0), account())
    site_b = one["sites"][0] | {"name": "b", "contracts": []}
    shared = one | {"sites": [one["sites"][0], site_b], "contracts": [spot(50.0, name="shared")]}
    assert "also delivers to b" in refusals(shared)


def test_fuel_burnt_on_site_counts() -> None:
    """Proves: 2 MW from gas (9 GJ/MWh, 56.1 kg/GJ) emit 1.0098 t an hour: at 50 per t the engine costs 45 + 25.2 per
    MWh and loses against the grid at 60 + 100 kg * 50 = 65; without scope 1 it wins."""
    engine = {"kind": "generator", "name": "gen", "unit_mw": 2.0, "heat_rate_gj_per_mwh": 9.0, "fuel_price_per_gj": 5.0}
    grid = {"co2_kg_per_mwh": 100.0}
    shared = {"steps": 1, "grid": grid, "load": 2.0, "assets": [engine]}
    assert profit(case(spot(60.0), account(price_per_t=50.0), **shared)) == pytest.approx(-130.0)
    free = case(spot(60.0), account(price_per_t=50.0, scope_1=False), **shared)
    assert profit(free) == pytest.approx(-90.0)
    dear = solved(case(spot(90.0), account(price_per_t=50.0), **shared))
    assert series(dear, "on_site_t", "co2") == [pytest.approx(1.0098)]
    assert dear.expected_profit == pytest.approx(-90.0 - 1.0098 * 50)
    assert unnoticed(dear, "co2") == []
    assert unnoticed(dear, "gen") == []
