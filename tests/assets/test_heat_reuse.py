"""Heat sold to a neighbour: what it earns, what it spares the cooling plant, what a heat pump costs."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, fleet, refusals, series, site_case, solved, spot, unnoticed, warnings_of

HALL = {"kind": "hall", "name": "air", "overhead": 0.1}


def buyer(**fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "kind": "heat_reuse",
        "name": "greenhouse",
        "cooling": "air",
        "price_per_mwh": 20.0,
        "demand_mw": 2.0,
    }
    return plain | fields


def case(price: float = 100.0, *, assets: Any = None, hall: Any = HALL, **fields: Any) -> dict[str, Any]:
    machines = [fleet(cooling="air"), buyer(**fields)] if assets is None else assets
    return site_case(steps=1, contracts=[spot(price)], assets=machines, cooling=[hall])


def test_heat_that_is_sold_needs_no_cooling() -> None:
    """Proves: 3.5 MW of heat, 2 sold at 20, 1.5 cooled at 10 %: 400 - 350 - 15 + 40 = 75. Sensitivity: cooling all
    of it, 55."""
    plan = solved(case())
    assert plan.expected_profit == pytest.approx(75.0)
    assert booked(plan, "heat_revenue") == pytest.approx(40.0)
    assert unnoticed(plan, "greenhouse") == []


def test_a_heat_pump_pays_for_its_power() -> None:
    """Proves: cop 4: 2 MW sold are 0.5 MW of power and 1.5 MW of heat: 400 - 350 - 20 (cooling of 2.0) - 50 + 40 = 20,
    more than the 15 without a sale. At 15 per MWh of heat the sale would cost more than it brings."""
    plan = solved(case(cop=4.0))
    assert plan.expected_profit == pytest.approx(20.0)
    assert series(plan, "power_mw", "greenhouse") == [0.5]
    assert series(solved(case(cop=4.0, price_per_mwh=15.0)), "heat_sold_mw", "greenhouse") == [0.0]
    assert unnoticed(plan, "greenhouse") == []


def test_no_more_is_sold_than_there_is() -> None:
    """Proves: of 10 MW of demand 3.5 can be met: 400 - 350 + 70; with a capacity of 3, 60 and 0.5 MW to cool."""
    assert solved(case(demand_mw=10.0)).expected_profit == pytest.approx(120.0)
    assert solved(case(demand_mw=10.0, capacity_mw=3.0)).expected_profit == pytest.approx(400 - 350 - 5 + 60)


def test_a_promise_of_heat_runs_machines_at_a_loss() -> None:
    """Proves: at 130 per MWh a MW of machines loses 15.71 and, sold, earns 20: 2 MW run. With a penalty of 10 that is
    2 * (114.29 - 130 + 20); without the sale they would stand still. At 140 they lose 25.71 and run only because of
    the penalty: 2 * (114.29 - 140 + 20) = -11.43 against -20."""
    run = solved(case(130.0, penalty_per_mwh=10.0))
    assert run.expected_profit == pytest.approx(2 * (400 / 3.5 - 130 + 20))
    forced = solved(case(140.0, penalty_per_mwh=10.0))
    assert forced.expected_profit == pytest.approx(2 * (400 / 3.5 - 140 + 20))
    assert solved(case(150.0, penalty_per_mwh=10.0)).expected_profit == pytest.approx(-20.0)
    assert unnoticed(forced, "greenhouse") == []


def test_a_hall_at_its_limit_gains_room() -> None:
    """Proves: a limit of 1 MW lets 3 MW of machines run when 2 MW are sold: 3 * 114.29 - 300 - 10 + 40."""
    tight = solved(case(hall=HALL | {"heat_limit_mw": 1.0}))
    assert tight.expected_profit == pytest.approx(3 * 400 / 3.5 - 300 - 10 + 40)


def test_bad_input() -> None:
    assert "cop" in refusals(case(cop=1.0))
    assert "demand_mw" in refusals(case(demand_mw=-1.0))
    assert "there is no cooling" in refusals(case(cooling="hall"))
    assert "none to sell" in warnings_of(case(assets=[buyer()]))
