"""Reserves of mining machines: throttled, stopped, started and raised on call; worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from reserve_case import case, service
from small_case import booked, fleet, profit, series, solved, unnoticed

LOW_AND_HIGH = [
    {"name": "low", "hash_th_s": 100, "power_w": 2000},
    {"name": "high", "hash_th_s": 150, "power_w": 3500},
]
"""200 and 300 an hour at 2 and 3.5 MW for 1000 machines: the step between them earns 66.67 per MWh."""


# ---------------------------------------------------------------------- power
def test_standby_power_cannot_be_given_up() -> None:
    """Proves: 1000 machines from 3500 to 500 W give 3 MW, from the low mode of 2000 W 1.5 MW. Sensitivity: 3.5 and 2 MW
    to nothing."""
    plan = solved(case(50, service(), assets=[fleet(standby_w=500)]))
    assert series(plan, "award_mw", "rrs") == pytest.approx([3])
    in_low_mode = fleet(modes=LOW_AND_HIGH, standby_w=500)
    plan = solved(case(90, service(price_per_mw_h=1), assets=[in_low_mode]))
    assert series(plan, "award_mw", "rrs") == pytest.approx([1.5])


@pytest.mark.parametrize(("hours", "awards"), [(2.0, [0, 0, 3.5]), (1.0, [0, 3.5, 3.5]), (0.0, [3.5, 3.5, 3.5])])
def test_machines_within_their_minimum_up_time_are_not_stopped(hours: float, awards: list[float]) -> None:
    """Proves: started in the first step, they are free to stop after ``hours``. Sensitivity: without the rule 3.5 MW
    in all steps."""
    started = fleet(min_up_hours=hours, running_before=0.0, start_cost=0.001)
    plan = solved(case(50, service(), steps=3, assets=[started]))
    assert series(plan, "award_mw", "rrs") == pytest.approx(awards)


def test_machines_within_their_minimum_up_time_are_throttled() -> None:
    """Proves: at 50 they run in the high mode, and give 1.5 MW down to the low one for 15 an hour, beside 125. Once
    past the two hours, 3.5 MW. Sensitivity: none at all 375, all of it 480."""
    started = fleet(modes=LOW_AND_HIGH, min_up_hours=2.0, running_before=0.0)
    plan = solved(case(50, service(price_per_mw_h=10), steps=3, assets=[started]))
    assert plan.expected_profit == pytest.approx(3 * 125 + 15 + 15 + 35)


def test_resting_machines_take_power_at_the_strongest_mode() -> None:
    """Proves: at 90 the low mode runs with 2 MW (the step to the high one earns 66.67 per MWh) and holds that step, 1.5
    MW down; at 120 none runs and 3.5 MW are held. Sensitivity: resting machines alone 0 and 3.5."""
    regdn = service(direction="down", price_per_mw_h=1)
    running = solved(case(90, regdn, assets=[fleet(modes=LOW_AND_HIGH)]))
    assert series(running, "award_mw", "rrs") == pytest.approx([1.5])
    assert running.expected_profit == pytest.approx(20 + 1.5)
    assert profit(case(120, regdn, assets=[fleet(modes=LOW_AND_HIGH)])) == pytest.approx(3.5)


def test_machines_that_are_not_there_hold_nothing() -> None:
    """Proves: of 60 % available machines, resting at 130, 2.1 MW down. Sensitivity: all of them 3.5 MW."""
    regdn = service(direction="down", price_per_mw_h=1)
    assert profit(case(130, regdn, assets=[fleet(availability=0.6)])) == pytest.approx(2.1)


def test_machines_within_their_minimum_down_time_are_not_started() -> None:
    """Proves: stopped in the first step (at 200 they would lose 300), they rest for two steps and hold 3.5 MW in the
    third. Sensitivity: without the rule 105 over the three."""
    regdn = service(direction="down", price_per_mw_h=10)
    stopped = fleet(min_down_hours=2.0, running_before=1000.0)
    plan = solved(case(200, regdn, steps=3, assets=[stopped]))
    assert series(plan, "award_mw", "rrs") == pytest.approx([0, 0, 3.5])
    assert unnoticed(plan, "m") == []


def test_a_call_up_costs_the_best_mode_and_one_down_earns_the_last_step() -> None:
    """Proves: the modes earn 100 and 85.71 per MWh; one called up costs 100, one called down earns the 66.67 of the
    step between them. Sensitivity: the mode that runs would make it 85.71 both ways."""
    up = solved(case(50, service(deployment_probability=1, price_per_mw_h=200), assets=[fleet(modes=LOW_AND_HIGH)]))
    assert booked(up, "rrs_deployment") == pytest.approx(-350)
    called: dict[str, Any] = {"deployment_probability": 1, "energy_price_per_mwh": 120}
    products = service(direction="down", price_per_mw_h=60, **called)
    down = solved(case(120, products, assets=[fleet(modes=LOW_AND_HIGH)]))
    assert booked(down, "rrs_deployment") == pytest.approx(3.5 * 200 / 3)


def test_the_revenue_of_a_call_follows_temperature_fee_and_uptime() -> None:
    """Proves: 400 * 0.9 (heat) * 0.98 * 0.99 an hour on 3.5 * 1.2 MW. Sensitivity: nameplate figures 400."""
    air = {"temperature_c": 40, "hash_factor": [[0, 1], [40, 0.9]], "power_factor": [[0, 1], [40, 1.2]]}
    hot = fleet(ambient=air, uptime=0.98, pool_fee=0.01)
    plan = solved(case(10, service(deployment_probability=1, price_per_mw_h=200), assets=[hot]))
    assert series(plan, "award_mw", "rrs") == pytest.approx([4.2])
    assert booked(plan, "rrs_deployment") == pytest.approx(-400 * 0.9 * 0.98 * 0.99)
