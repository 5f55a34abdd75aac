"""Reserves of a battery: energy and room in store, consecutive products, power; worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from reserve_case import by_battery, case, held, of_store, store
from small_case import profit, series, solved

from optimizer.reserves import claim_mwh


# ---------------------------------------------------------------------- stored energy
def test_a_store_holds_its_energy_over_the_sustained_hours() -> None:
    """Proves: 4 MWh give 0.9 * 4 / 2 = 1.8 MW for two hours. Sensitivity: without the loss 2 MW, without the duration
    3.6 MW, by power alone 10 MW."""
    plan = solved(of_store([0, 0], by_battery("ecrs", 50, 2), discharge_efficiency=0.9, soc_end_mwh=4))
    assert series(plan, "award_mw", "ecrs") == pytest.approx([1.8, 1.8])
    assert plan.expected_profit == pytest.approx(180)


def test_room_in_store_is_needed_for_reserves_down() -> None:
    """Proves: 4 MWh of room take 4 / 0.8 / 2 = 2.5 MW for two hours. Sensitivity: with the loss on the wrong side
    1.6 MW."""
    regdn = by_battery("regdn", [50, 50], 2, direction="down")
    plan = solved(of_store([10, 10], regdn, charge_efficiency=0.8, soc_start_mwh=0))
    assert series(plan, "award_mw", "regdn") == pytest.approx([2.5, 2.5])


def test_energy_below_soc_min_is_not_promised() -> None:
    """Proves: (4 - 0.25 * 4) / 1 = 3 MW. Sensitivity: down to the bottom 4 MW."""
    plan = solved(of_store([0], by_battery("rrs", 50, 1), soc_min=0.25, soc_end_mwh=4))
    assert series(plan, "award_mw", "rrs") == pytest.approx([3])


def test_the_energy_is_there_at_the_end_of_the_step_too() -> None:
    """Proves: a MW for four hours needs all 4 MWh until the step ends, so it is worth 100 and selling at 200 now is
    worth 800. Sensitivity: energy at the start of the step alone would bring both, 900."""
    assert profit(of_store([200, 0, 0, 0], by_battery("nspin", [100, 0, 0, 0], 4))) == pytest.approx(-2000 + 800)


def test_the_energy_is_there_at_the_start_of_the_step_already() -> None:
    """Proves: a store that is empty and charges 4 MWh holds nothing in that step and 4 MW in the next. Sensitivity:
    energy at the end of the step alone sells 4 MW in both, 400."""
    plan = solved(of_store([0, 0], by_battery("rrs", 50, 1), soc_start_mwh=0))
    assert series(plan, "award_mw", "rrs") == pytest.approx([0, 4])


def test_energy_drawn_by_a_call_is_missing_in_the_next_step() -> None:
    """Proves: 1 MW for two hours in the first step at 200; a call leaves 1 MWh of the 2 for the second, so one is sold
    there at 200 and the other, when the call is over, at 50: 450. Sensitivity: with awards looked at step by step both
    are sold at 200: 600; with no award 400."""
    ecrs = by_battery("ecrs", [200, 0, 0], 2)
    plan = solved(of_store([20, 200, 50], ecrs, energy_mwh=2, soc_start_mwh=2))
    assert plan.expected_profit == pytest.approx(-2700 + 450)
    assert series(plan, "soc_mwh", "b") == pytest.approx([2, 1, 0])


def test_consecutive_products_are_covered_together() -> None:
    """Proves: 1 MW of a four-hour product in two steps may have drawn 2 of the 4 MWh, so 2 MW of the next product are
    left: 2 * 100 + 2 * 90. Sensitivity: each product by itself 200 + 360; the second alone 360."""
    nspin, rrs = by_battery("nspin", [100, 100, 0, 0], 4), by_battery("rrs", [0, 0, 90, 0], 1)
    plan = solved(of_store([0, 0, 0, 0], nspin, rrs, soc_end_mwh=4))
    assert plan.expected_profit == pytest.approx(380)
    assert series(plan, "award_mw", "nspin") == pytest.approx([1, 1, 0, 0])
    assert series(plan, "award_mw", "rrs")[2] == pytest.approx(2)


def test_products_at_once_add_up() -> None:
    """Proves: 2 * ecrs + 4 * nspin <= 4: at 50 and 120 a MW of the longer one, 120. Sensitivity: the longest alone
    counted would add 2 MW of the other."""
    plan = solved(of_store([0] * 4, by_battery("ecrs", [50, 0, 0, 0], 2), by_battery("nspin", [120, 0, 0, 0], 4)))
    assert plan.expected_profit == pytest.approx(120)


def test_a_reserve_that_goes_on_claims_no_more_than_its_hours() -> None:
    """Proves: 4 MWh hold 1 MW of a four-hour product in all eight hours: 8 * 50. Sensitivity: an energy for each hour
    of award would hold half a MW."""
    assert profit(of_store([0] * 8, by_battery("nspin", 50, 4), soc_end_mwh=4)) == pytest.approx(400)


def test_another_product_does_not_tighten_the_first() -> None:
    """Proves: a product that pays nothing and lasts longer changes no profit, steps shorter than its hours included."""
    prices, on = [30, 0, 50, 10, 80, 0], {"charge_efficiency": 0.9, "soc_start_mwh": 2}
    alone = profit(of_store(prices, by_battery("rrs", [5, 9, 2, 4, 0, 7], 1), **on))
    beside = of_store(prices, by_battery("rrs", [5, 9, 2, 4, 0, 7], 1), by_battery("nspin", 0, 4), **on)
    assert profit(beside) == pytest.approx(alone)


@pytest.mark.parametrize("sustain_hours", [0.5, 1.0, 1.5, 2.0, 4.0])
def test_claims_cover_every_call_at_every_instant(sustain_hours: float) -> None:
    """Proves: a level that just meets the claims at the ends of the steps, straight between them, holds what any call
    has drawn and may still draw, for calls that begin at any instant (walked through on a grid of 5 minutes), and
    no less would do. Sensitivity: the sustained size alone falls short by up to 2.7 MWh."""
    rng, fine = np.random.default_rng(7), 12
    sizes = rng.uniform(0, 3, 9) * (rng.random(9) > 0.3)
    size_at, length = np.repeat(sizes, fine), round(sustain_hours * fine)
    needed = np.zeros(len(size_at) + 1)
    for begin in range(len(size_at)):
        drawn = 0.0
        for instant in range(begin, min(begin + length, len(size_at)) + 1):
            before, after = size_at[max(instant - 1, 0)], size_at[min(instant, len(size_at) - 1)]
            if instant == begin or instant - begin == length:
                held_now = after if instant == begin else before
            else:
                held_now = max(before, after)
            needed[instant] = max(needed[instant], drawn + (length - (instant - begin)) / fine * held_now)
            drawn += after / fine
    needed[-1] = max(needed[-1], sustain_hours * sizes[-1])
    claims = claim_mwh(sizes[np.newaxis], sustain_hours, 1.0)[0]
    at_ends = np.maximum(np.append(claims, 0.0), np.append(0.0, claims))
    level = np.interp(np.arange(len(needed)), np.arange(10) * fine, at_ends)
    assert (level >= needed - 1e-9).all()
    if sustain_hours != 1.5:  # a call that ends within a step is held until the step ends
        least = np.maximum(needed[::fine], np.append(0.0, sustain_hours * sizes))
        np.testing.assert_allclose(at_ends, least, atol=1e-9)


def test_steps_shorter_than_the_call_sustain_it() -> None:
    """Proves: quarters of an hour: 4 MWh hold 4 MW for an hour in all four, 4 * 4 * 0.25 * 50. Sensitivity: the energy
    of one step alone would hold 10 MW."""
    battery = store(soc_end_mwh=4)
    quarters = case(0, by_battery("rrs", 50, 1), steps=4, step="15min", assets=[battery], house_load_mw=10)
    assert profit(quarters) == pytest.approx(200)


def test_every_call_can_be_sustained_in_a_plan() -> None:
    """Proves: in the plan of a battery with three products over a day of prices, calls of all that is held, from any
    step on, product by product over its own duration, never empty the store. Sensitivity: the plan without products
    empties it."""
    rng = np.random.default_rng(3)
    prices = [float(p) for p in rng.uniform(0, 120, 24)]
    products = [
        by_battery(name, [float(p) for p in rng.uniform(0, 40, 24)], hours)
        for name, hours in (("rrs", 1), ("ecrs", 2), ("nspin", 4))
    ]
    losses = {"charge_efficiency": 0.95, "discharge_efficiency": 0.95, "power_mw": 3}
    plan = solved(of_store(prices, *products, **losses))
    level = np.array(series(plan, "soc_mwh", "b"))
    sizes = {name: np.array(held(plan, name, "b")) for name in ("rrs", "ecrs", "nspin")}
    assert min(size.max() for size in sizes.values()) > 0
    for begin in range(24):
        for now in range(begin, 24):
            drawn = sum(
                sizes[name][begin : now + 1].sum()
                for name, hours in (("rrs", 1), ("ecrs", 2), ("nspin", 4))
                if now - begin < hours
            )
            assert level[now] - drawn / 0.95 >= -1e-6
    assert np.array(series(solved(of_store(prices, **losses)), "soc_mwh", "b")).min() == pytest.approx(0)


# ---------------------------------------------------------------------- power of a battery
def test_a_battery_that_charges_can_stop_and_discharge() -> None:
    """Proves: charging 1 MW and able to discharge 1, it holds 2 MW up. Sensitivity: its idle power alone 1 MW."""
    rrs = by_battery("rrs", [10, 0], 1)
    plan = solved(of_store([0, 50], rrs, power_mw=1, soc_start_mwh=2))
    assert series(plan, "award_mw", "rrs")[0] == pytest.approx(2)
    assert series(plan, "charge_mw", "b")[0] == pytest.approx(1)


def test_a_battery_does_not_burn_energy_to_make_room() -> None:
    """Proves: full, without load or export, it has no room to sell. Sensitivity: charging and discharging 1 MW at once
    loses 1.5 MWh of the level and sells 2 MW of the second step for 200."""
    regdn = by_battery("regdn", 100, 1, direction="down")
    lossy = {"charge_efficiency": 0.5, "discharge_efficiency": 0.5, "power_mw": 2}
    assert profit(of_store([10, 10], regdn, load=0, **lossy)) == pytest.approx(0)
