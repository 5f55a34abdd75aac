"""Ancillary services: awards, blocks, sizes, money and members, on cases worked by hand."""

from typing import Any

import pytest
from reserve_case import held, service, store
from small_case import (
    booked,
    by_member,
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
from optimizer.clock_blocks import clock_blocks
from optimizer.horizon import Horizon

TWO = [0.75, 0.25]
DOWN_IN_THE_SECOND = [[1], [0]]
"""Availability of the fleet: all of it in the first member, none in the second."""


def case(price: Any, *services: dict[str, Any], steps: int = 1, on: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A fleet of 3.5 MW that earns 400 an hour, and products that it may hold."""
    return site_case(steps=steps, contracts=[spot(price), *services], assets=[on or fleet()], **fields)


# ---------------------------------------------------------------------- money
def test_a_fleet_runs_at_a_loss_where_the_reserve_pays_more() -> None:
    """Proves: at 130 the fleet loses 55 and holds 3.5 MW for 175; at 170 it would lose 195, and stands still.
    Sensitivity: a reserve that needs no running machine earns 175 in both hours."""
    plan = solved(case([130, 170], service(), steps=2))
    assert plan.expected_profit == pytest.approx(120)
    assert series(plan, "award_mw", "rrs") == pytest.approx([3.5, 0])
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 0])
    assert booked(plan, "rrs_capacity") == pytest.approx(175)


def test_calls_up_are_paid_in_energy_and_cost_the_mining() -> None:
    """Proves: a tenth of 3.5 MW is called; it saves 100 and loses 400 / 3.5 per MWh: 35 - 40 beside 175 and the 50 of
    running. Sensitivity: without what mining loses 260, with the energy of all that is held 535."""
    fields: dict[str, Any] = {"deployment_probability": 0.1, "energy_price_per_mwh": 100}
    plan = solved(case(100, service(**fields)))
    assert plan.expected_profit == pytest.approx(50 + 175 + 35 - 40)
    assert booked(plan, "rrs_energy") == pytest.approx(35)
    assert booked(plan, "rrs_deployment") == pytest.approx(-40)


def test_calls_down_pay_for_their_energy_and_earn_the_mining() -> None:
    """Proves: the fleet rests at 130 and takes 3.5 MW on call, a fifth of the time: 3.5 * 10 - 0.2 * 3.5 * 130 + 0.2 *
    400 = 24. Sensitivity: with the sign of a reserve up the energy brings 91, 206 in all."""
    called: dict[str, Any] = {"deployment_probability": 0.2, "energy_price_per_mwh": 130}
    plan = solved(case(130, service(direction="down", price_per_mw_h=10, **called)))
    assert plan.expected_profit == pytest.approx(24)
    assert booked(plan, "rrs_energy") == pytest.approx(-91)
    assert booked(plan, "rrs_deployment") == pytest.approx(80)


def test_calls_of_a_battery_cost_its_wear() -> None:
    """Proves: 4 MW from 4 MWh, half of it called at a wear of 6: 200 - 12; a call down wears nothing. Sensitivity: wear
    on all that is held 176."""
    fields: dict[str, Any] = {"providers": ["b"], "deployment_probability": 0.5}
    battery = store(throughput_cost_per_mwh=6, soc_end_mwh=4)
    assert profit(case(0, service(**fields), on=battery, house_load_mw=4)) == pytest.approx(188)
    empty = store(throughput_cost_per_mwh=6, soc_start_mwh=0)
    down = service(direction="down", price_per_mw_h=1, **fields)
    assert profit(case(20, down, on=empty)) == pytest.approx(4)


def test_energy_that_calls_take_from_a_store_has_the_value_of_the_store() -> None:
    """Proves: 4 MW held, half of it called at a price of 30; a MWh from the store is worth 20 / 0.8: 200 + 60 - 50.
    Called down, it leaves 0.9 in store: 4 + 36 - 60 (room of 3.6 MWh, 4 MW at 1). Sensitivity: energy for nothing would
    earn 260, and the loss on the wrong side 40 instead of 50; where it has no value, that is pointed out."""
    up = service(providers=["b"], deployment_probability=0.5, energy_price_per_mwh=30)
    valued = store(discharge_efficiency=0.8, energy_mwh=5, soc_start_mwh=5, soc_end_mwh=5, soc_end_value_per_mwh=20)
    assert profit(case(0, up, on=valued, house_load_mw=4)) == pytest.approx(200 + 60 - 50)
    down = service(
        direction="down", price_per_mw_h=1, providers=["b"], deployment_probability=0.5, energy_price_per_mwh=30
    )
    empty = store(charge_efficiency=0.9, energy_mwh=3.6, soc_start_mwh=0, soc_end_mwh=0, soc_end_value_per_mwh=20)
    assert profit(case(50, down | {"award_mw": 4}, on=empty)) == pytest.approx(4 + 36 - 60)
    assert "has no value, but rrs pays for it" in warnings_of(case(0, up, on=store(), house_load_mw=4))


def test_capacity_is_paid_by_the_hour() -> None:
    """Proves: two quarters of an hour of 3.5 MW at 50 bring 87.5 beside 25 of mining. Sensitivity: paid by the
    step 350."""
    plan = solved(case(100, service(sustain_hours=0.25), steps=2, step="15min"))
    assert plan.expected_profit == pytest.approx(112.5)


def test_the_award_is_not_above_max_mw() -> None:
    """Proves: 50 + 1 * 50. Sensitivity: without the limit 225."""
    assert profit(case(100, service(max_mw=1))) == pytest.approx(100)


# ---------------------------------------------------------------------- several products
def test_two_products_share_a_provider() -> None:
    """Proves: 1 MW at 60 and the other 2.5 MW at 50, beside 50 of mining: 235. Sensitivity: the same MW sold twice
    brings 285."""
    plan = solved(case(100, service(), service("regup", price_per_mw_h=60, max_mw=1)))
    assert plan.expected_profit == pytest.approx(235)
    assert held(plan, "rrs", "m") == pytest.approx([2.5])
    assert held(plan, "regup", "m") == pytest.approx([1])


def test_up_and_down_do_not_share() -> None:
    """Proves: of 3.5 MW that may run at 114.29 for nothing, x run and hold x up, the rest holds 3.5 - x down: at 50 and
    30 all runs, 175; at 50 and 60 none does, 210. Sensitivity: one limit for both directions allows 3.5 of each, 280
    and 385."""
    at_break_even = 400 / 3.5
    for down, best in ((30, 175), (60, 210)):
        products = service(), service("regdn", direction="down", price_per_mw_h=down)
        assert profit(case(at_break_even, *products)) == pytest.approx(best)


def test_providers_hold_an_award_together() -> None:
    """Proves: 3.5 MW of the fleet and 4 MW of the battery. Sensitivity: each on its own award would be the same money;
    one provider alone 225 or 250."""
    both = site_case(
        steps=1,
        contracts=[spot(100), service(providers=["m", "b"])],
        assets=[fleet(), store(soc_end_mwh=4)],
        house_load_mw=4,
    )
    plan = solved(both)
    assert plan.expected_profit == pytest.approx(50 + 375 - 400)
    assert held(plan, "rrs", "m") + held(plan, "rrs", "b") == pytest.approx([3.5, 4])


# ---------------------------------------------------------------------- blocks and sizes
@pytest.mark.parametrize(
    ("start", "awards"), [("2024-08-19T00:00", [1.75, 1.75, 3.5, 3.5]), ("2024-08-19T01:00", [3.5, 1.75, 1.75, 3.5])]
)
def test_awards_are_constant_in_blocks_of_the_clock(start: str, awards: list[float]) -> None:
    """Proves: half of the fleet in the second hour halves the award of its block of two hours, which begins at an even
    hour. Sensitivity: free awards bring 612.5 in both cases, blocks counted from the start of the horizon the same
    525."""
    on = fleet(availability=[1, 0.5, 1, 1])
    plan = solved(case(100, service(block_hours=2), steps=4, on=on, start=start))
    assert series(plan, "award_mw", "rrs") == pytest.approx(awards)
    assert booked(plan, "rrs_capacity") == pytest.approx(50 * sum(awards))


def blocks(start: str, block_hours: float) -> list[int]:
    horizon = Horizon(start=start, steps=6, step="1h", timezone="America/Chicago")
    return list(clock_blocks(horizon, block_hours).tolist())


def test_blocks_where_the_clocks_change() -> None:
    """Proves: with 0, 1, 1, 2, 3, 4 on the clock a block of two hours has three, the hour that comes twice is two
    blocks of an hour; in spring (0, 1, 3, 4, 5, 6) a block has one. Sensitivity: blocks of elapsed hours would be 0 0
    1 1 2 2."""
    assert blocks("2024-11-03T00:00", 2) == [0, 0, 0, 1, 1, 2]
    assert blocks("2024-11-03T00:00", 1) == [0, 1, 2, 3, 4, 5]
    assert blocks("2024-03-10T00:00", 2) == [0, 0, 1, 2, 2, 3]
    assert blocks("2024-03-10T00:00", 24) == [0, 0, 0, 0, 0, 0]


def test_an_award_below_the_least_size_is_none() -> None:
    """Proves: half of the fleet, 1.75 MW, is below 2 MW: 75 of mining and 175 in the first hour. Sensitivity: without
    the least size 337.5."""
    plan = solved(case(100, service(min_mw=2), steps=2, on=fleet(availability=[1, 0.5])))
    assert plan.expected_profit == pytest.approx(250)
    assert series(plan, "award_mw", "rrs") == pytest.approx([3.5, 0])


def test_the_least_size_makes_machines_run() -> None:
    """Proves: at 140 a MW loses 25.71 and the reserve pays 25 to 30; with at least 2 MW at 30 two MW are run only where
    that pays: 2 * (30 - 25.714); at 25 none. Sensitivity: a least size without the choice of none costs 1.43."""
    for price, best in ((30, 3.5 * (30 - (140 - 400 / 3.5))), (25, 0.0)):
        assert profit(case(140, service(min_mw=2, price_per_mw_h=price))) == pytest.approx(best)


# ---------------------------------------------------------------------- members
@pytest.mark.parametrize(("penalty", "best"), [(120, 37.5 + 175 - 105), (250, 37.5), (None, 37.5)])
def test_an_award_is_one_decision_and_short_where_the_fleet_is_down(penalty: float | None, best: float) -> None:
    """Proves: a MW brings 50 and costs the penalty in a quarter of the cases: worth it at 120 (30), not at 250 (62.5);
    without a penalty awards are always held, so there are none. Sensitivity: awards by member 168.75; without the
    penalty's probability 120 would not pay either."""
    on = fleet(availability=DOWN_IN_THE_SECOND)
    plan = solved(case(100, service(penalty_per_mwh=penalty), on=on, probabilities=TWO))
    assert plan.expected_profit == pytest.approx(best)
    if penalty == 120:
        assert by_member(plan, "award_mw", "rrs") == [[3.5], [3.5]]
        assert by_member(plan, "short_mw", "rrs") == [[0], [3.5]]
        assert booked(plan, "rrs_penalty") == pytest.approx(-105)


def test_as_recourse_each_member_has_its_own_award() -> None:
    """Proves: 0.75 * (50 + 175). Sensitivity: one award for both 37.5."""
    plan = solved(case(100, service(commit="recourse"), on=fleet(availability=DOWN_IN_THE_SECOND), probabilities=TWO))
    assert plan.expected_profit == pytest.approx(168.75)
    assert by_member(plan, "award_mw", "rrs") == [[3.5], [0]]


def test_shares_of_the_providers_are_recourse() -> None:
    """Proves: 2 MW are held by the fleet where it is there and by the battery where it is not. Sensitivity: shares
    decided once need the battery in both members and leave nothing for the second product: 100 + 100 against 200 + 75
    in expectation."""
    products = service(providers=["m", "b"], max_mw=2), service("ecrs", providers=["m"], commit="recourse")
    contracts = [spot(100), *products]
    assets = [fleet(availability=DOWN_IN_THE_SECOND), store(energy_mwh=2, soc_start_mwh=2, soc_end_mwh=2)]
    plan = solved(site_case(steps=1, contracts=contracts, assets=assets, probabilities=TWO, house_load_mw=2))
    assert held(plan, "rrs", "b", member=1) == pytest.approx([2])
    assert plan.expected_profit == pytest.approx(37.5 - 200 + 100 + 0.75 * 175)


# ---------------------------------------------------------------------- awards that have cleared
def test_cleared_awards_are_kept() -> None:
    """Proves: 2 and 3 MW are held at 140, where a MW loses 25.71. Sensitivity: free awards of 20 per MW would be
    none."""
    plan = solved(case(140, service(price_per_mw_h=20, award_mw=[2, 3]), steps=2))
    assert series(plan, "award_mw", "rrs") == pytest.approx([2, 3])
    assert plan.expected_profit == pytest.approx(5 * (20 - (140 - 400 / 3.5)))


def test_cleared_awards_beyond_reach_are_refused_or_short() -> None:
    text = refusals(case(100, service(award_mw=[3, 4]), steps=2))
    assert "contracts[1].award_mw" in text
    assert "at most 3.5 MW" in text
    assert "2024-08-19T01:00" in text
    short = case(100, service(award_mw=[3, 4], penalty_per_mwh=10), steps=2)
    assert "more than its providers can ever hold" in warnings_of(short)
    assert profit(short) == pytest.approx(100 + 7 * 50 - 0.5 * 10)


def test_cleared_awards_that_cannot_be_held_together_are_explained() -> None:
    """Proves: 2 MW up and 2 MW down of 3.5 MW: no number running holds both; the rules are named."""
    products = service(award_mw=2), service("regdn", direction="down", award_mw=2)
    with pytest.raises(opt.InfeasibleError) as caught:
        opt.optimize(opt.scenario_from_dict(case(100, *products)))
    assert "reserves" in str(caught.value)


# ---------------------------------------------------------------------- several sites
def test_one_award_is_held_at_several_sites() -> None:
    """Proves: 3.5 MW at each of two sites hold one award of 7 MW. Sensitivity: a contract of one site sells half of
    it."""
    two = site_case(steps=1, contracts=[spot(100)], assets=[fleet()])
    two["sites"].append({"name": "b", "contracts": [spot(100)], "assets": [fleet()]})
    two["contracts"] = [service(providers=["a.m", "b.m"])]
    plan = solved(two)
    assert series(plan, "award_mw", "rrs") == pytest.approx([7])
    assert plan.expected_profit == pytest.approx(100 + 350)
    two["contracts"][0]["sites"] = ["a"]
    assert "stands at b" in refusals(two)


# ---------------------------------------------------------------------- audit
@pytest.mark.parametrize(
    "fields",
    [
        {"min_mw": 1.0, "block_hours": 2.0, "penalty_per_mwh": 90, "deployment_probability": 0.1},
        {"award_mw": [1, 2], "energy_price_per_mwh": 40, "deployment_probability": 0.2},
        {"commit": "recourse"},
    ],
)
def test_the_audit_notices_falsified_results(fields: dict[str, Any]) -> None:
    plan = solved(case([100, 120], service(**fields), steps=2, probabilities=TWO))
    assert unnoticed(plan, "rrs") == []
    assert unnoticed(plan, "m") == []
