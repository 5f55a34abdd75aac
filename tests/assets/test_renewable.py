"""Renewable power behind the meter: use, curtailment and what is paid."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import BREAK_EVEN, booked, fleet, refusals, series, site_case, solved, spot, unnoticed, warnings_of


def plant(**fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": "renewable", "name": "sun", "output_mw": [0.0, 2.0, 5.0]}
    return {key: value for key, value in (plain | fields).items() if value is not None}


def case(*assets: dict[str, Any], price: Any = 150.0, **more: Any) -> dict[str, Any]:
    contracts = [spot(price), *more.pop("contracts", ())]
    return site_case(steps=3, contracts=contracts, assets=assets, **more)


def test_power_that_spot_does_not_pay_for_runs_the_fleet() -> None:
    """Proves: at 150 the fleet (break-even 114.29) stands still on spot; on 0, 2 and 5 MW of free sun it runs 0, 2 and
    3.5 MW, and 1.5 MW are curtailed: 5.5 MWh * 114.29. Sensitivity: sun that must be used would be infeasible."""
    plan = solved(case(plant(), fleet()))
    assert plan.expected_profit == pytest.approx(5.5 * BREAK_EVEN)
    assert series(plan, "used_mw", "sun") == [0.0, 2.0, 3.5]
    assert series(plan, "curtailed_mw", "sun") == [0.0, 0.0, 1.5]
    assert plan.summary["curtailed_fraction"]["sun"] == pytest.approx(1.5 / 7.0)
    assert unnoticed(plan, "sun") == []


def test_a_price_of_use_and_a_price_of_what_is_available() -> None:
    """Proves: at 20 per MWh used, 5.5 MWh cost 110; at 20 per MWh available, 7 MWh cost 140 and the schedule is the
    same. At 120 per MWh used nothing runs; at 120 available all runs as before."""
    assert booked(solved(case(plant(price_per_mwh=20.0), fleet())), "renewable_energy") == pytest.approx(-110.0)
    taken = solved(case(plant(price_per_mwh=20.0, pay_for="available"), fleet()))
    assert booked(taken, "renewable_energy") == pytest.approx(-140.0)
    assert series(solved(case(plant(price_per_mwh=120.0), fleet())), "used_mw", "sun") == [0.0, 0.0, 0.0]
    sunk = solved(case(plant(price_per_mwh=120.0, pay_for="available"), fleet()))
    assert series(sunk, "used_mw", "sun") == [0.0, 2.0, 3.5]
    assert unnoticed(sunk, "sun") == []


def test_surplus_is_sold_where_the_grid_takes_it() -> None:
    """Proves: 1 MW may be exported at 40: hour 3 runs 3.5 MW and sells 1: 5.5 * 114.29 + 40."""
    sale = {"kind": "export", "name": "sale", "price_per_mwh": 40.0}
    plan = solved(case(plant(), fleet(), contracts=[sale], grid={"export_limit_mw": 1.0}))
    assert plan.expected_profit == pytest.approx(5.5 * BREAK_EVEN + 40.0)


def test_a_profile_of_a_capacity_is_the_same_as_an_output() -> None:
    by_profile = plant(output_mw=None, capacity_mw=5.0, profile=[0.0, 0.4, 1.0], technology="solar")
    assert solved(case(by_profile, fleet())).expected_profit == pytest.approx(5.5 * BREAK_EVEN)


def test_members_have_their_own_weather() -> None:
    """Proves: 2 MW or nothing, evenly, in one of three hours: half of 2 * 114.29."""
    weather = plant(output_mw=[[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    plan = solved(case(weather, fleet(), probabilities=[0.5, 0.5]))
    assert plan.expected_profit == pytest.approx(BREAK_EVEN)


@pytest.mark.parametrize(
    "fields",
    [
        {"output_mw": None},
        {"capacity_mw": 5.0},
        {"output_mw": None, "capacity_mw": 5.0},
        {"output_mw": None, "capacity_mw": 5.0, "profile": [0.0, 1.2, 0.0]},
        {"output_mw": [0.0, -1.0, 0.0]},
        {"technology": "tidal"},
        {"pay_for": "nothing"},
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any]) -> None:
    assert "sites[0].assets[0]" in refusals(case(plant(**fields)))


def test_odd_data_are_pointed_out() -> None:
    """Proves: data in UTC taken for local time show a sun at midnight."""
    assert "nothing is produced" in warnings_of(case(plant(output_mw=0.0)))
    assert "midnight" in warnings_of(case(plant(technology="solar")))
