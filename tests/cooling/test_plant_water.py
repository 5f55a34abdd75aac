"""Towers: what they draw, the water that they take, its price and its limit over runs in a row."""

from __future__ import annotations

from typing import Any

import pytest
from consecutive_runs import in_a_row, ledger_of, start_of
from plant_case import case
from small_case import booked, profit, refusals, series, solved, unnoticed

M3_PER_MWH = 1.48 * 4 / 3
"""Four cycles of concentration: a third more than what evaporates."""
FULL_M3 = 3.5 * 1.2 * M3_PER_MWH
"""3.5 MW of heat and 0.7 MW of compressors for an hour: 8.288 m3."""


def tower(**fields: Any) -> dict[str, Any]:
    return {"cycles_of_concentration": 4} | fields


def test_the_heat_of_the_compressors_goes_up_the_tower_as_well() -> None:
    """Proves: 4.2 MW rejected take 8.288 m3 at 2 each, and 0.042 MW of fans: 400 - 4.242 * 50 - 16.576. Sensitivity:
    on the machines' heat alone 6.907 m3; without blowdown 6.216."""
    plan = solved(case(50, tower=tower(water_price_per_m3=2, power_per_mw=0.01)))
    assert series(plan, "water_m3", "plant") == pytest.approx([8.288])
    assert plan.expected_profit == pytest.approx(400 - 4.242 * 50 - 16.576)
    assert booked(plan, "cooling_water") == pytest.approx(-16.576)
    assert plan.summary["water_m3"] == pytest.approx({"plant": 8.288})
    assert unnoticed(plan, "plant") == []


def test_free_cooling_evaporates_too_unless_it_is_dry() -> None:
    """Proves: 3.5 MW through the tower are 6.907 m3 and its 0.035 MW; a dry cooler takes none, a hybrid tower half."""
    free = {"temperature_c": 5, "return_c": 20, "ua_mw_per_k": 0.5}
    wet = solved(case(50, free_cooling=free, tower=tower(power_per_mw=0.01)))
    assert series(wet, "water_m3", "plant") == pytest.approx([3.5 * M3_PER_MWH], abs=1e-6)
    assert wet.expected_profit == pytest.approx(400 - 3.535 * 50)
    dry = solved(case(50, free_cooling=free | {"through_tower": False}, tower=tower(power_per_mw=0.01)))
    assert series(dry, "water_m3", "plant") == [0.0]
    assert dry.expected_profit == pytest.approx(225)
    half = solved(case(50, tower=tower(evaporated_fraction=0.5)))
    assert series(half, "water_m3", "plant") == pytest.approx([FULL_M3 / 2])


def test_the_price_of_water_decides_between_tower_and_dry_cooler() -> None:
    """Proves: a dry cooler at 0.3 MW per MW costs 15 per MW of heat; chillers and tower 10 and water for 2.368 per
    unit of price: at 2 the tower (400 - 4.2 * 50 - 16.576), at 3 the dry cooler (400 - 3.5 * 1.3 * 50)."""
    free = {"temperature_c": 5, "return_c": 20, "ua_mw_per_k": 0.5, "power_per_mw": 0.3, "through_tower": False}
    assert profit(case(50, free_cooling=free, tower=tower(water_price_per_m3=2))) == pytest.approx(173.424)
    assert profit(case(50, free_cooling=free, tower=tower(water_price_per_m3=3))) == pytest.approx(172.5)


def test_a_water_limit_binds_where_machines_earn_least() -> None:
    """Proves: water for one and a half hours: all of it at 50 per MWh, half the fleet at 60: 190 + 74. Sensitivity:
    without the limit 338; a limit by day has the water of each day: 190 + 148."""
    limit = {"water_limit_m3": 1.5 * FULL_M3}
    plan = solved(case([60, 50], tower=tower(**limit, water_period="horizon")))
    assert plan.expected_profit == pytest.approx(264)
    assert series(plan, "heat_mw", "plant") == pytest.approx([1.75, 3.5])
    assert unnoticed(plan, "plant") == []
    assert plan.marginals is not None
    # a further m3 cools 1 / 2.368 MW of machines, which earn 114.29 - 1.2 * 60 an hour
    worth = (400 / 3.5 - 72) / (1.2 * M3_PER_MWH)
    assert plan.marginals.of("plant", "water") == pytest.approx(worth)
    by_day = case([60, 50], tower=tower(**limit, water_period="day")) | {}
    by_day["horizon"] |= {"start": "2024-08-19T23:00"}
    assert profit(by_day) == pytest.approx(338)


def test_water_that_was_used_is_carried_to_the_next_run() -> None:
    """Proves: run hour by hour, the water of the month is used up in the first hours: 148 + 95; the second run knows
    of the first's 8.288 m3. One long run of the same prices books 264, as it keeps the water for the better hour."""

    def hours(first: int, end: int) -> dict[str, Any]:
        data = case([60, 50][first:end], tower=tower(water_limit_m3=1.5 * FULL_M3, water_price_per_m3=0.001))
        data["horizon"]["start"] = start_of(first)
        return data

    plans = in_a_row(hours, 0, 1, 2)
    assert [round(plan.expected_profit) for plan in plans] == [148, 95]
    carried = plans[0].summary["carry"]["components"]["plant"]["water_m3"]
    assert carried == {"2024-08": pytest.approx(FULL_M3)}
    assert plans[1].summary["carry"]["components"]["plant"]["water_m3"]["2024-08"] == pytest.approx(1.5 * FULL_M3)
    assert ledger_of(plans)["cooling_water"] == pytest.approx(-1.5 * FULL_M3 * 0.001, abs=1e-6)
    tight = hours(1, 2) | {"carry": plans[0].summary["carry"]}
    tight["sites"][0]["cooling"][0]["tower"]["water_limit_m3"] = 5
    assert "8.288 m3 have been used already in 2024-08" in refusals(tight)
