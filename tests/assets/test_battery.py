"""Battery: round trips, wear, self-discharge, end of the horizon and negative prices, worked by hand."""

from typing import Any

import pytest
from small_case import booked, profit, refusals, series, site_case, solved, spot, unnoticed, warnings_of

import optimizer as opt


def battery(**fields: Any) -> dict[str, Any]:
    """10 MW and 20 MWh without losses, empty at the start and free at the end."""
    plain = {
        "kind": "battery",
        "name": "b",
        "power_mw": 10,
        "energy_mwh": 20,
        "soc_start_mwh": 0,
        "soc_end_mwh": 0,
    }
    return {key: value for key, value in (plain | fields).items() if value is not None}


def case(price: Any, load_mw: float, steps: int, step: Any = "1h", **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, step=step, contracts=[spot(price)], assets=[battery(**fields)], house_load_mw=load_mw)


def test_a_round_trip_loses_on_the_way_in_and_on_the_way_out() -> None:
    """Proves: 10 MWh bought at 10 store 9, which give 7.2 at 100: 20 * 10 + 2.8 * 100 = 480. Sensitivity: without
    losses 200, without the loss on discharging 300, with losses on the wrong side (9 / 0.8, more than the load
    needs) 200."""
    plan = solved(case([10, 100], 10, 2, charge_efficiency=0.9, discharge_efficiency=0.8))
    assert plan.expected_profit == pytest.approx(-480)
    assert series(plan, "soc_mwh", "b") == pytest.approx([9, 0])
    assert series(plan, "power_mw", "b") == pytest.approx([10, -7.2])


def test_wear_is_paid_per_discharged_mwh() -> None:
    """Proves: 7.2 MWh at 4 add 28.8 to the bill of 480. Sensitivity: wear on the stored 9 MWh gives 36, on both
    directions 68.8."""
    plan = solved(case([10, 100], 10, 2, charge_efficiency=0.9, discharge_efficiency=0.8, throughput_cost_per_mwh=4))
    assert plan.expected_profit == pytest.approx(-508.8)
    assert booked(plan, "battery_wear") == pytest.approx(-28.8)


@pytest.mark.parametrize(("wear", "cost"), [(86.0, 1099.2), (87.0, 1100.0)])
def test_the_battery_rests_where_wear_exceeds_the_gain(wear: float, cost: float) -> None:
    """Proves: a MWh bought at 10 gives 0.72 at 100, so up to (72 - 10) / 0.72 = 86.1 of wear a trip pays (7.2 * 86
    = 619.2 against a gain of 620). Sensitivity: without wear the battery moves at any."""
    fields = {"charge_efficiency": 0.9, "discharge_efficiency": 0.8, "throughput_cost_per_mwh": wear}
    assert profit(case([10, 100], 10, 2, **fields)) == pytest.approx(-cost)


def test_by_default_the_plan_does_not_live_on_stored_energy() -> None:
    """Proves: the level starts at half, 10 MWh, and ends there: 10 MW for 2 h at 100 cost 2000. Sensitivity: a free
    end gives 1000."""
    assert profit(case(100, 10, 2, soc_start_mwh=None, soc_end_mwh=None)) == pytest.approx(-2000)
    assert profit(case(100, 10, 2, soc_start_mwh=None)) == pytest.approx(-1000)


def test_the_level_at_the_end_is_a_minimum() -> None:
    """Proves: 5 MWh more than at the start are bought at 20: 10 * 100 + 15 * 20 = 1300. Sensitivity: without the
    end 1200."""
    plan = solved(case([100, 20], 10, 2, soc_end_mwh=5))
    assert plan.expected_profit == pytest.approx(-1300)


def test_energy_left_at_the_end_is_worth_its_value() -> None:
    """Proves: valued at 50, the level of 10 MWh falls by 5 at a price of 60 and rises by 5 at 40: 5 * 60 + 15 * 40
    - 50 * 10 = 400. Sensitivity: with no value it would fall by 10 (300 + 200 = 500 paid), and with a minimum of 10
    by default the value would be 0."""
    fields = {"power_mw": 5, "soc_start_mwh": 10, "soc_end_mwh": None, "soc_end_value_per_mwh": 50}
    plan = solved(case([60, 40], 10, 2, **fields))
    assert plan.expected_profit == pytest.approx(-400)
    assert booked(plan, "battery_end_value") == pytest.approx(500)
    assert plan.summary["end_of_horizon"]["b"] == "level at least 0 MWh, each MWh above valued at 50"


def test_only_energy_above_the_required_end_is_valued() -> None:
    """Proves: of the 10 MWh left, 4 are required: 900 - 50 * 6 = 600. Sensitivity: valuing all of it gives 400."""
    fields = {"power_mw": 5, "soc_start_mwh": 10, "soc_end_mwh": 4, "soc_end_value_per_mwh": 50}
    assert profit(case([60, 40], 10, 2, **fields)) == pytest.approx(-600)


def test_stored_energy_discharges_itself() -> None:
    """Proves: of 8 MWh half is lost in the first hour, 4 are used at once: 2000 - 400 = 1600. Sensitivity: without
    the loss 1200; with the loss after the use 8 MWh are there and it is 1200 too."""
    fields = {"soc_start_mwh": 8, "self_discharge_per_hour": 0.5}
    assert profit(case(100, 10, 2, **fields)) == pytest.approx(-1600)


def test_self_discharge_compounds_over_the_length_of_the_step() -> None:
    """Proves: after half an hour at 0.5 per hour 8 * 0.5**0.5 = 5.657 MWh are left: 1000 - 565.7. Sensitivity: a
    linear quarter leaves 6 (400), the hourly loss in a half hour 4 (600)."""
    fields = {"power_mw": 20, "soc_start_mwh": 8, "self_discharge_per_hour": 0.5}
    expected = 20 * 0.5 * 100 - 8 * 0.5**0.5 * 100
    assert profit(case(100, 20, 1, "30min", **fields)) == pytest.approx(-expected)


def test_levels_stay_between_the_least_and_the_highest_share() -> None:
    """Proves: from 4 up to 16 of 20 MWh, 12 move from 100 to 10: 32 * 10 + 8 * 100 = 1120 (up to 20 MWh it would be
    760); from 10 down to 4, 6 are used: 14 * 100 = 1400 (down to 0 it would be 1000)."""
    shares = {"power_mw": 20, "soc_min": 0.2, "soc_max": 0.8}
    assert profit(case([10, 100], 20, 2, soc_start_mwh=4, soc_end_mwh=None, **shares)) == pytest.approx(-1120)
    assert profit(case(100, 20, 1, soc_start_mwh=10, **shares)) == pytest.approx(-1400)


def test_power_is_limited_in_both_directions() -> None:
    """Proves: 3 MW in, 3 MW out: 13 * 10 + 7 * 100 = 830. Sensitivity: without the limit of charging 10 MW move:
    200."""
    assert profit(case([10, 100], 10, 2, power_mw=3)) == pytest.approx(-830)


def test_energy_is_not_burnt_at_a_negative_price() -> None:
    """Proves: a full battery earns nothing from -100 beyond the load's 100. Sensitivity: charging 8 and discharging
    2 MW at once keeps the level (0.5 * 8 = 2 / 0.5) and burns 6 MW: without the binary the profit is 700; without
    the shared power limit it is 850 (10 and 2.5)."""
    full = {
        "energy_mwh": 10,
        "soc_start_mwh": 10,
        "soc_end_mwh": 10,
        "charge_efficiency": 0.5,
        "discharge_efficiency": 0.5,
    }
    plan = solved(case(-100, 1, 1, **full))
    assert plan.expected_profit == pytest.approx(100)
    assert series(plan, "charge_mw", "b") == series(plan, "discharge_mw", "b") == [0]


def test_a_binary_stands_only_where_a_price_is_negative() -> None:
    """Proves: one of four steps, in one of two members. Sensitivity: a binary everywhere would be 8 integers."""
    price = [[10, 20, 30, 40], [10, -20, 30, 40]]
    data = site_case(
        steps=4, contracts=[spot(price)], assets=[battery(charge_efficiency=0.9)], probabilities=[0.5, 0.5]
    )
    assert opt.build(opt.scenario_from_dict(data)).arrays.size["integers"] == 1


def test_members_store_by_their_own_prices() -> None:
    """Proves: member 0 shifts 10 MWh (1100 - 900), member 1 does not (1100): 0.5 * 200 + 0.5 * 1100 = 650.
    Sensitivity: one schedule for both costs (200 + 2000) / 2 = 1100 either way."""
    data = site_case(
        steps=2,
        contracts=[spot([[10, 100], [100, 10]])],
        assets=[battery()],
        house_load_mw=10,
        probabilities=[0.5, 0.5],
    )
    assert profit(data) == pytest.approx(-650)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"soc_start_mwh": 21}, "soc_start_mwh 21 must lie within 0 to 20 MWh"),
        ({"soc_min": 0.6, "soc_max": 0.5}, "soc_min 0.6 exceeds soc_max 0.5"),
        ({"soc_end_mwh": 30}, "soc_end_mwh 30 exceeds"),
        ({"charge_efficiency": 0}, "charge_efficiency: found 0; must be above 0"),
        ({"discharge_efficiency": 1.1}, "discharge_efficiency: found 1.1; must be at most 1"),
        ({"power_mw": -1}, "assets[0].power_mw: found -1; must be at least 0"),
        ({"power_limit_mw": 1}, "power_limit_mw: unknown key"),
        ({"soc_end_mwh": 20, "power_mw": 4}, "not reached at full charging power"),
        (
            {"self_discharge_per_hour": 0.5, "soc_min": 0.5, "soc_start_mwh": 10, "soc_end_mwh": 10, "power_mw": 2},
            "soc_min",
        ),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in refusals(case(50, 1, 2, **fields))


def test_a_battery_without_losses_is_pointed_out_where_prices_are_negative() -> None:
    assert "charge_efficiency" in warnings_of(case([50, -1], 1, 2))
    assert warnings_of(case(50, 1, 2)) == ""
    assert warnings_of(case([50, -1], 1, 2, charge_efficiency=0.95)) == ""


def test_charging_and_discharging_share_the_converter() -> None:
    """Proves: 5 MW in and 6 MW out at once exceed 10 MW. Sensitivity: with a limit for each direction both fit."""
    problem = opt.build(opt.scenario_from_dict(case(50, 10, 1, soc_start_mwh=10)))
    part = problem.model.parts["b"]
    part.discharge_mw[0, 0].setlb(6)
    part.charge_mw[0, 0].setlb(4)
    assert problem.solve().dispatch["power_mw"].sel(component="b").item() == pytest.approx(-2)
    part.charge_mw[0, 0].setlb(5)
    with pytest.raises(opt.InfeasibleError):
        problem.solve()


def test_the_audit_notices_falsified_results() -> None:
    fields = {"charge_efficiency": 0.9, "throughput_cost_per_mwh": 4, "soc_end_value_per_mwh": 50}
    assert unnoticed(solved(case([10, 100], 10, 2, **fields)), "b") == []
