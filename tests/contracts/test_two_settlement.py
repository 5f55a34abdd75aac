"""Two settlement: position, imbalance and the bounds that keep it physical."""

from __future__ import annotations

from typing import Any

import pytest
from small_case import booked, by_member, fleet, profit, refusals, series, site_case, solved, unnoticed

GRID = {"import_limit_mw": 10.0}


def hedge(**fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "kind": "two_settlement",
        "name": "ts",
        "day_ahead_price_per_mwh": 50.0,
        "real_time_price_per_mwh": 60.0,
    }
    return {key: value for key, value in (plain | fields).items() if value is not None}


def case(contract: dict[str, Any], steps: int = 1, load: Any = 2.0, **more: Any) -> dict[str, Any]:
    return site_case(steps=steps, contracts=[contract], house_load_mw=load, grid=more.pop("grid", GRID), **more)


def test_the_spread_is_taken_up_to_the_import_limit() -> None:
    """Proves: 2 MW of load; 10 MW are bought at 50 and 8 sold at 60: -500 + 480 = -20.

    Sensitivity: a position that could not be sold back would earn nothing from the spread, -100.
    """
    plan = solved(case(hedge()))
    assert plan.expected_profit == pytest.approx(-20.0)
    assert series(plan, "position_mw", "ts") == [10.0]
    assert booked(plan, "ts_day_ahead") == pytest.approx(-500.0)
    assert booked(plan, "ts_imbalance") == pytest.approx(480.0)
    assert unnoticed(plan, "ts") == []


def test_without_virtual_positions_no_more_is_bought_than_the_site_can_use() -> None:
    """Proves: 2 MW are bought at 50, -100. Sensitivity: the virtual position would give -20."""
    plan = solved(case(hedge(virtual=False)))
    assert plan.expected_profit == pytest.approx(-100.0)
    assert series(plan, "position_mw", "ts") == [2.0]


def test_a_position_beyond_the_load_is_not_virtual_if_machines_can_give_it_up() -> None:
    """Proves: the fleet of 3.5 MW earns 114.3 per MWh; real time at 200 it stands still and its position is resold.

    3.5 MW bought at 50 and sold at 200: 3.5 * 150 = 525. Sensitivity: a position of the real use would earn 0.
    """
    plan = solved(case(hedge(real_time_price_per_mwh=200.0, virtual=False), load=0.0, assets=[fleet()]))
    assert plan.expected_profit == pytest.approx(525.0)
    assert series(plan, "delivered_mw", "ts") == [0.0]


def test_the_position_is_one_decision_for_all_members() -> None:
    """Proves: real time 20 or 100, evenly: mean 60 beats day ahead 50, so 10 MW are bought in both members.

    Profits 10*(-50) + 8*20 = -340 and 10*(-50) + 8*100 = 300, mean -20. Sensitivity: a position by member would buy
    nothing at 20 (-40) and 10 MW at 100 (300), mean 130.
    """
    plan = solved(case(hedge(real_time_price_per_mwh=[[20.0], [100.0]]), probabilities=[0.5, 0.5]))
    assert by_member(plan, "position_mw", "ts") == [[10.0], [10.0]]
    assert plan.profit_by_member.tolist() == pytest.approx([-340.0, 300.0])
    assert unnoticed(plan, "ts") == []


def test_losses_and_adder() -> None:
    """Proves: 2 MW metered settle 2.2; a cleared 1 MW at 50, 1.2 MW at 60, adder 3 on 2 MWh: -50 - 72 - 6 = -128."""
    plan = solved(case(hedge(position_mw=1.0, loss_factor=1.1, adder_per_mwh=3.0)))
    assert plan.expected_profit == pytest.approx(-128.0)
    assert booked(plan, "ts_adder") == pytest.approx(-6.0)


def test_a_pair_of_prices() -> None:
    """Proves: shortage at 80, surplus at 30, day ahead 50: the certain load of 2 MW is bought day ahead, -100.

    With loads 0 or 4 MW instead, evenly: x MW cost 50x, in the first member x is sold at 30, in the second 4 - x are
    bought at 80: -50x + 15x - 40(4 - x) = 5x - 160, so x = 4: -140. Sensitivity: one price of 55 in both
    directions would buy 10 MW and give -60.
    """
    pair = hedge(real_time_price_per_mwh=None, short_price_per_mwh=80.0, long_price_per_mwh=30.0)
    assert profit(case(pair)) == pytest.approx(-100.0)
    plan = solved(case(pair, load=[[0.0], [4.0]], probabilities=[0.5, 0.5]))
    assert plan.expected_profit == pytest.approx(-140.0)
    assert series(plan, "position_mw", "ts") == [4.0]
    assert unnoticed(plan, "ts") == []


def test_a_surplus_worth_more_than_a_shortage_is_no_money_pump() -> None:
    """Proves: shortage 40, surplus 60, day ahead 50, cleared 1 MW, load 2 MW: -50 - 40 = -90.

    Sensitivity: without the binary, buying and selling at once would earn 20 per MWh without limit.
    """
    pump = hedge(real_time_price_per_mwh=None, short_price_per_mwh=40.0, long_price_per_mwh=60.0, position_mw=1.0)
    assert profit(case(pump)) == pytest.approx(-90.0)


def test_a_cleared_position_never_changes_the_schedule() -> None:
    """Proves: the day-ahead price moves the profit by price times volume, and nothing else."""
    plans = [
        solved(
            case(
                hedge(day_ahead_price_per_mwh=price, real_time_price_per_mwh=[100.0, 130.0], position_mw=3.0),
                steps=2,
                load=0.0,
                assets=[fleet()],
            )
        )
        for price in (20.0, 500.0)
    ]
    assert [series(plan, "delivered_mw", "ts") for plan in plans] == [[3.5, 0.0]] * 2
    assert plans[0].expected_profit - plans[1].expected_profit == pytest.approx(480.0 * 3.0 * 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"real_time_price_per_mwh": None}, "either real_time_price_per_mwh or both"),
        ({"short_price_per_mwh": 70.0}, "either real_time_price_per_mwh or both"),
        ({"real_time_price_per_mwh": None, "short_price_per_mwh": 70.0}, "either real_time_price_per_mwh or both"),
        ({"position_mw": 1.0, "virtual": False}, "position_mw"),
        ({"loss_factor": 0.9}, "loss_factor"),
        ({"position_limit_mw": -1.0}, "position_limit_mw"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], message: str) -> None:
    assert message in refusals(case(hedge(**fields)))


def test_a_position_without_any_bound_is_refused() -> None:
    assert "earn without limit" in refusals(case(hedge(), grid={}))


def test_a_cleared_position_by_member_is_refused() -> None:
    bad = case(hedge(position_mw=[[1.0], [2.0]]), probabilities=[0.5, 0.5])
    assert "the same for all members" in refusals(bad)
