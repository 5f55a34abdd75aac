"""Wear of a battery by depth, and limits on its cycles."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, refusals, series, site_case, solved, spot, unnoticed

BY_DEPTH = [{"depth": 0.5, "cost_per_mwh": 10.0}, {"depth": 1.0, "cost_per_mwh": 60.0}]


def store(**fields: Any) -> dict[str, Any]:
    """4 MWh without losses, full at the start, free at the end."""
    plain: dict[str, Any] = {
        "kind": "battery",
        "name": "bess",
        "power_mw": 4.0,
        "energy_mwh": 4.0,
        "soc_start_mwh": 4.0,
        "soc_end_mwh": 0.0,
    }
    return plain | fields


def case(battery: dict[str, Any], price: list[float], **more: Any) -> dict[str, Any]:
    return site_case(steps=len(price), contracts=[spot(price)], assets=[battery], house_load_mw=4.0, **more)


def test_the_deep_half_is_used_only_where_it_pays() -> None:
    """Proves: at 50 per MWh the upper half (10 per MWh) is discharged and the lower (60) is not: 2 of 4 MWh are saved.
    -(2 * 50) - 20 = -120. At 100 both: -20 - 120 = -140. Sensitivity: the mean cost of 35 would discharge all at 50."""
    shallow = solved(case(store(depth_wear=BY_DEPTH), [50.0]))
    assert shallow.expected_profit == pytest.approx(-120.0)
    assert booked(shallow, "battery_depth_wear") == pytest.approx(-20.0)
    assert unnoticed(shallow, "bess") == []
    assert solved(case(store(depth_wear=BY_DEPTH), [100.0])).expected_profit == pytest.approx(-140.0)


def test_two_shallow_cycles_are_cheaper_than_a_deep_one() -> None:
    """Proves: recharging in between at 20 lets 2 MWh be discharged twice from the upper half: 4 * 10 of wear.

    Prices 50, 20, 50: -(2 * 50 + 4 * 20 + 2 * 20 + 2 * 50) - 40 = -360. Sensitivity: without recharging the second
    2 MWh would wear 60 each and stay in store: -(100 + 80 + 200) - 20 = -400."""
    plan = solved(case(store(depth_wear=BY_DEPTH), [50.0, 20.0, 50.0]))
    assert plan.expected_profit == pytest.approx(-360.0)
    assert series(plan, "soc_mwh", "bess") == [2.0, 4.0, 2.0]
    assert unnoticed(plan, "bess") == []


def test_a_half_full_store_begins_in_its_shallow_half() -> None:
    """Proves: what is stored at the start lies in the shallowest segments: 2 MWh at 10 per MWh of wear."""
    plan = solved(case(store(soc_start_mwh=2.0, depth_wear=BY_DEPTH), [50.0]))
    assert booked(plan, "battery_depth_wear") == pytest.approx(-20.0)


def test_cycles_of_a_day_go_to_the_dearest_hour() -> None:
    """Proves: half a cycle a day is 2 MWh: both in the hour at 90, though the store holds 4. -(4 * 60 + 2 * 90)."""
    plan = solved(case(store(max_cycles_per_day=0.5), [60.0, 90.0]))
    assert plan.expected_profit == pytest.approx(-420.0)
    assert plan.summary["carry"]["components"]["bess"]["discharged_mwh"] == {"2024-08-19": 2.0}
    assert unnoticed(plan, "bess") == []


def test_the_warranty_counts_what_was_discharged_before() -> None:
    """Proves: of 100 cycles of 4 MWh 399 MWh are used: 1 MWh is left for the year."""
    carry = {"at": "2024-08-19T00:00", "components": {"bess": {"discharged_mwh": {"2024": 399.0}}}}
    warranted = case(store(max_cycles_per_year=100.0), [90.0])
    plan = solved(warranted | {"carry": carry})
    assert plan.expected_profit == pytest.approx(-3 * 90.0)
    assert plan.summary["carry"]["components"]["bess"]["discharged_mwh"] == {"2024": 400.0}
    assert "at least 99.75" in refusals(case(store(max_cycles_per_year=99.0), [90.0]) | {"carry": carry})


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ([{"depth": 0.5, "cost_per_mwh": 10.0}], "must end at 1"),
        ([{"depth": 1.0, "cost_per_mwh": 10.0}, {"depth": 0.5, "cost_per_mwh": 60.0}], "depths must rise"),
        ([{"depth": 0.5, "cost_per_mwh": 60.0}, {"depth": 1.0, "cost_per_mwh": 10.0}], "must not fall"),
        ([], "depth_wear"),
    ],
)
def test_bad_segments_are_refused(segments: list[dict[str, float]], words: str) -> None:
    assert words in refusals(case(store(depth_wear=segments), [50.0]))
