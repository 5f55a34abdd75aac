"""A chilled-water store: compressor power moved from a dear hour, within the limits of its plant."""

from __future__ import annotations

from typing import Any

import pytest
from consecutive_runs import in_a_row, start_of
from plant_case import case
from small_case import booked, fleet, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

ALWAYS: dict[str, Any] = {"hashprice_per_ph_day": 480}
"""The fleet earns 4000 an hour and runs at any price of these tests: 3.5 MW of heat."""
DEAR = [50, 150]
WITHOUT = 8000 - 3.5 * 200 - 0.7 * 200
"""What is earned at those prices when each hour's heat is cooled in its hour, at a COP of 5."""


def store(**fields: Any) -> dict[str, Any]:
    """10 MWh, empty at the start and free at the end."""
    plain = {
        "kind": "cold_store",
        "name": "tank",
        "cooling": "plant",
        "energy_mwh": 10,
        "charge_limit_mw": 10,
        "discharge_limit_mw": 10,
        "level_start_mwh": 0,
    }
    return plain | fields


def stored(price: Any = None, *, chiller_mw: float = 8, **fields: Any) -> dict[str, Any]:
    price = DEAR if price is None else price
    return case(price, store(**fields), machines=ALWAYS, chillers=1, capacity_mw=chiller_mw)


def test_a_store_moves_compressors_out_of_a_dear_hour() -> None:
    """Proves: 7 MW are cooled at 50 (1.4 MW), nothing at 150: 70 instead of 140. Sensitivity: without it 7160."""
    plan = solved(stored())
    assert plan.expected_profit == pytest.approx(WITHOUT + 70)
    assert series(plan, "compressor_mw", "plant") == pytest.approx([1.4, 0.0])
    assert series(plan, "cold_mwh", "tank") == pytest.approx([3.5, 0.0])
    assert series(plan, "cold_charge_mw", "tank") == pytest.approx([3.5, 0.0])
    assert unnoticed(plan, "tank") == unnoticed(plan, "plant") == []


@pytest.mark.parametrize(
    ("fields", "gain"),
    [
        ({"efficiency": 0.875}, 140 - 0.2 * 7.5 * 50),  # 4 MW are put in for 3.5
        ({"loss_per_hour": 0.125}, 140 - 0.2 * 7.5 * 50),  # 4 MWh are left after the hour of which 3.5 can be used
        ({"pump_power_per_mw": 0.02}, 70 - 0.07 * 200),
        ({"discharge_limit_mw": 2}, 40),
        ({"charge_limit_mw": 1}, 20),
        ({"energy_mwh": 3}, 60),
        ({"level_end_mwh": 1}, 70 - 10),  # a MWh more is charged at 50
    ],
)
def test_losses_pumps_and_limits(fields: dict[str, Any], gain: float) -> None:
    """Proves: a MW moved gains 0.2 * (150 - 50) = 20; each rule by itself."""
    plan = solved(stored(**fields))
    assert plan.expected_profit == pytest.approx(WITHOUT + gain)
    assert unnoticed(plan, "tank") == []


def test_a_store_charges_only_what_its_plant_can_cool() -> None:
    """Proves: 4 MW of chillers leave 0.5 MW for charging: 40 + 90 instead of 140. Sensitivity: 70 with no limit."""
    assert profit(stored(chiller_mw=4)) == pytest.approx(WITHOUT + 10)


def test_a_store_lets_machines_run_beyond_the_chillers() -> None:
    """Proves: chillers of 2 MW and 1.5 MWh in store bear 5.5 MWh of heat in two hours. Sensitivity: 4 without."""
    plan = solved(stored([50, 50], chiller_mw=2, level_start_mwh=1.5, level_end_mwh=0))
    assert sum(series(plan, "power_mw", "m")) == pytest.approx(5.5)


def test_no_more_heat_is_stored_than_there_is() -> None:
    """Proves: of 10 MWh in store with a discharge limit of 10 MW, 3.5 MW are used in an hour; each MWh left is worth 3:
    4000 - 175 + 6.5 * 3. Sensitivity: heat below zero would spare more than all compressors."""
    plan = solved(stored([50], level_start_mwh=10, level_end_value_per_mwh=3))
    assert series(plan, "cold_discharge_mw", "tank") == pytest.approx([3.5])
    assert booked(plan, "cold_end_value") == pytest.approx(19.5)
    assert plan.expected_profit == pytest.approx(4000 - 175 + 19.5)
    assert unnoticed(plan, "tank") == []


def test_at_negative_prices_cold_is_not_moved_in_circles() -> None:
    """Proves: 4000 + 4.2 * 50 = 4210 and nothing moves: what is charged at an efficiency of a half cannot stay in a
    full tank. Sensitivity: charging 9 MW while discharging 4.5 would draw 0.9 MW more: 4255."""
    plan = solved(stored([-50], efficiency=0.5, level_start_mwh=10))
    assert plan.expected_profit == pytest.approx(4210)
    assert series(plan, "cold_charge_mw", "tank") == [0.0]
    assert unnoticed(plan, "tank") == []


def test_the_level_at_the_end_is_that_of_the_start_by_default() -> None:
    """Proves: half full at both ends: the second hour charges back at 150 what the first would give at 50: nothing."""
    plan = solved(stored([50, 150, 50], level_start_mwh=None))
    assert series(plan, "cold_mwh", "tank")[-1] == pytest.approx(5.0)
    assert plan.summary["end_of_horizon"]["tank"] == "level at least 5 MWh"
    assert plan.expected_profit == pytest.approx(12000 - 4.2 * 250 + 0.7 * 100)


def test_a_store_may_stand_on_a_hall() -> None:
    """Proves: an overhead of 0.1 by night and 0.3 by day: 3.5 MW moved save 0.2 * 3.5 * 50."""
    hall = {"kind": "hall", "name": "plant", "overhead": [0.1, 0.3]}
    data = site_case(steps=2, contracts=[spot(50)], assets=[fleet(cooling="plant", **ALWAYS)], cooling=[hall, store()])
    assert profit(data) == pytest.approx(8000 - 7 * 50 - 7 * 0.1 * 50)


def test_the_level_is_carried_to_the_next_run() -> None:
    """Proves: the first hour, told that cold is worth 25 per MWh, charges 4.5 MWh; the second starts with them and
    cools all of its heat from them."""

    def hours(first: int, end: int) -> dict[str, Any]:
        data = stored(DEAR[first:end], level_end_value_per_mwh=25)
        data["horizon"]["start"] = start_of(first)
        return data

    one, two = in_a_row(hours, 0, 1, 2)
    assert one.summary["carry"]["components"]["tank"] == {"level_mwh": pytest.approx(4.5)}
    assert series(two, "compressor_mw", "plant") == [0.0]
    assert series(two, "cold_mwh", "tank") == pytest.approx([1.0])
    assert unnoticed(two, "tank") == []
    shrunk = hours(1, 2) | {"carry": one.summary["carry"]}
    shrunk["sites"][0]["cooling"][1]["energy_mwh"] = 4
    assert "level_mwh: is no level of this store; found 4.5" in refusals(shrunk)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cooling": None}, "cooling"),
        ({"cooling": "tank"}, "is no cooling"),
        ({"energy_mwh": 0}, "above 0"),
        ({"efficiency": 0}, "above 0"),
        ({"loss_per_hour": 1.5}, "at most 1"),
        ({"charge_limit_mw": -1}, "charge_limit_mw"),
        ({"level_start_mwh": 11}, "level_start_mwh"),
        ({"level_end_mwh": 11}, "exceeds energy_mwh 10"),
        ({"level_end_mwh": 10, "charge_limit_mw": 4}, "not reached at full charging"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(stored(**fields))


def test_what_is_odd_is_pointed_out() -> None:
    assert "no losses, and prices below zero" in warnings_of(stored([-50, 50]))
    assert "no losses" not in warnings_of(stored([-50, 50], loss_per_hour=0.01))
    idle = case(50, store(), machines={"cooling": None})
    assert "none to shift" in warnings_of(idle)
    assert warnings_of(stored()) == ""
