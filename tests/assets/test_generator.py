"""Generators: fuel curves, minimum load, permits, flare gas, and what is carried to the next run."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt


def engine(**fields: Any) -> dict[str, Any]:
    """2 MW that burn 9 GJ per MWh at 5 per GJ: 45 per MWh."""
    plain: dict[str, Any] = {
        "kind": "generator",
        "name": "gen",
        "unit_mw": 2.0,
        "heat_rate_gj_per_mwh": 9.0,
        "fuel_price_per_gj": 5.0,
    }
    return {key: value for key, value in (plain | fields).items() if value is not None}


def case(*assets: dict[str, Any], price: Any = (20.0, 60.0), load: Any = 2.0, **more: Any) -> dict[str, Any]:
    price = list(price) if isinstance(price, tuple) else price
    steps = len(price) if isinstance(price, list) and not isinstance(price[0], list) else more.pop("steps", 1)
    return site_case(steps=steps, contracts=[spot(price)], assets=assets, house_load_mw=load, **more)


def test_it_runs_where_it_is_cheaper_than_the_grid() -> None:
    """Proves: 45 per MWh beats 60, not 20: -(2 * 20) - (2 * 45) = -130. Sensitivity: grid alone -160."""
    plan = solved(case(engine()))
    assert plan.expected_profit == pytest.approx(-130.0)
    assert series(plan, "generated_mw", "gen") == [0.0, 2.0]
    assert series(plan, "fuel_gj_h", "gen") == [0.0, 18.0]
    assert unnoticed(plan, "gen") == []


def test_a_minimum_load_and_a_start_cost_may_keep_it_off() -> None:
    """Proves: with a minimum of 80 % and 1 MW of load, power beyond the load has nowhere to go: off, -20 - 60 = -80.

    At 2 MW of load a start at 35 costs more than the 30 saved: -160; at 25 it pays: -40 - 90 - 25 = -155.
    """
    assert profit(case(engine(min_load=0.8), load=1.0)) == pytest.approx(-80.0)
    assert profit(case(engine(start_cost=35.0, running_before=0))) == pytest.approx(-160.0)
    plan = solved(case(engine(start_cost=25.0, running_before=0)))
    assert plan.expected_profit == pytest.approx(-155.0)
    assert booked(plan, "generator_start_cost") == pytest.approx(-25.0)
    assert unnoticed(plan, "gen") == []


def test_the_fuel_curve() -> None:
    """Proves: 10 GJ/MWh at half load (10 GJ/h at 1 MW), 9 at full load (18 GJ/h at 2 MW): 2 GJ/h of running alone and
    8 GJ per further MWh. At 1 MW of load and 60 per MWh: 10 GJ * 5 = 50 beats 60; at 45 it does not.

    Sensitivity: the full-load rate alone would say 45 and run at 46 per MWh.
    """
    curve = engine(heat_rate_gj_per_mwh=None, fuel_curve=[[0.5, 10.0], [1.0, 9.0]])
    assert profit(case(curve, price=(60.0,), load=1.0)) == pytest.approx(-50.0)
    assert profit(case(curve, price=(46.0,), load=1.0)) == pytest.approx(-46.0)
    plan = solved(case(curve, price=(60.0,), load=1.5))
    assert plan.expected_profit == pytest.approx(-70.0)
    assert unnoticed(plan, "gen") == []


def test_a_curve_of_two_segments_is_followed_from_below() -> None:
    """Proves: 5 GJ/h at 1 MW, 15 GJ/h at 2 MW (4 MW would be 5 and 10 per MWh): at 40 per MWh the second MW costs
    10 * 5 = 50 and stays off: 1 MW for 25 and 1 MW for 40. Free fuel is not burnt beyond the curve."""
    curve = engine(heat_rate_gj_per_mwh=None, fuel_curve=[[0.01, 5.0], [0.5, 5.0], [1.0, 7.5]])
    plan = solved(case(curve, price=(40.0,)))
    assert plan.expected_profit == pytest.approx(-65.0)
    free = solved(case(curve | {"fuel_price_per_gj": 0.0}, price=(40.0,)))
    assert series(free, "fuel_gj_h", "gen") == [15.0]
    assert unnoticed(plan, "gen") == []


def test_a_curve_that_rises_with_the_load_burns_nothing_at_rest() -> None:
    """Proves: 8 GJ/MWh up to half load, 9 at full load: off at 30 per MWh; 1 MW for 40 at 45, where the second MW would
    cost 50. Sensitivity: the line through both points alone would give fuel back at rest."""
    rising = engine(heat_rate_gj_per_mwh=None, fuel_curve=[[0.5, 8.0], [1.0, 9.0]])
    assert profit(case(rising, price=(30.0,))) == pytest.approx(-60.0)
    assert profit(case(rising, price=(45.0,))) == pytest.approx(-85.0)


def test_units_share_a_minimum_load() -> None:
    """Proves: 3 MW from two units of 2 MW with a minimum of 1.6 MW each: two units give at least 3.2, one at most 2.

    One unit runs, 1 MW is bought: -(2 * 45 + 60) = -150. Sensitivity: fractional units would give 3 MW for 135.
    """
    pair = engine(units=2, min_load=0.8)
    assert profit(case(pair, price=(60.0,), load=3.0)) == pytest.approx(-150.0)
    assert profit(case(pair | {"integer": False}, price=(60.0,), load=3.0)) == pytest.approx(-135.0)


def test_flare_gas_runs_the_miners_as_far_as_the_well_gives() -> None:
    """Proves: 18 GJ/h of free gas give 2 of 3.5 MW; at 150 per MWh the grid does not pay: 2 * 114.29 + 2 * 5 credit."""
    gas = engine(unit_mw=10.0, fuel_price_per_gj=0.0, fuel_available_gj_per_hour=18.0, credit_per_mwh=5.0)
    plan = solved(case(gas, fleet(), price=(150.0,), load=0.0))
    assert plan.expected_profit == pytest.approx(2.0 * (400.0 / 3.5 + 5.0))


def test_a_permit_spends_its_hours_where_they_are_worth_most() -> None:
    """Proves: one of three hours may be run: that at 90, saving 2 * 45. The hours run before count."""
    prices = (60.0, 90.0, 70.0)
    plan = solved(case(engine(max_run_hours=1.0), price=prices))
    assert series(plan, "generated_mw", "gen") == [0.0, 2.0, 0.0]
    assert plan.summary["carry"]["components"]["gen"]["run_hours"] == {"2024": 1.0}
    carry = {"at": "2024-08-19T00:00", "components": {"gen": {"run_hours": {"2024": 1.0}}}}
    second = solved(case(engine(max_run_hours=2.0), price=prices) | {"carry": carry})
    assert series(second, "generated_mw", "gen") == [0.0, 2.0, 0.0]
    assert "already in 2024" in refusals(case(engine(max_run_hours=0.5), price=prices) | {"carry": carry})


def test_operation_and_start_fuel() -> None:
    """Proves: 3 per MWh of operation and 4 GJ per start: 2 * 48 + 20 = 116 against 120 from the grid."""
    plan = solved(case(engine(operation_per_mwh=3.0, start_fuel_gj=4.0, running_before=0), price=(60.0,)))
    assert plan.expected_profit == pytest.approx(-116.0)
    assert booked(plan, "generator_fuel") == pytest.approx(-110.0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"fuel_curve": [[0.5, 10.0], [1.0, 9.0]]}, "either heat_rate"),
        ({"heat_rate_gj_per_mwh": None}, "either heat_rate"),
        ({"heat_rate_gj_per_mwh": None, "fuel_curve": [[1.0, 9.0], [0.5, 10.0]]}, "must rise"),
        ({"heat_rate_gj_per_mwh": None, "fuel_curve": [[0.5, 10.0], [0.9, 9.0]]}, "full load"),
        ({"heat_rate_gj_per_mwh": None, "fuel_curve": [[0.3, 9.0], [0.6, 12.0], [1.0, 9.0]]}, "not convex"),
        ({"heat_rate_gj_per_mwh": None, "fuel_curve": [[0.5, 10.0], [1.0, 9.0]], "min_load": 0.3}, "above min_load"),
        ({"min_load": 1.2}, "min_load"),
        ({"unit_mw": 0.0}, "unit_mw"),
        ({"fuel_price_per_gj": -1.0}, "fuel_price_per_gj"),
        ({"running_before": 2}, "at most 1"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(engine(**fields)))


def test_availability_below_the_minimum_load_is_pointed_out() -> None:
    """Proves: at half availability a unit with a minimum of 80 % stands still; the plan says so beforehand."""
    weak = engine(min_load=0.8, availability=[1.0, 0.5])
    assert "stand still" in warnings_of(case(weak))
    assert series(opt.optimize(opt.scenario_from_dict(case(weak))), "generated_mw", "gen") == [0.0, 0.0]
