"""Demand charge by tiers: rising, falling and mixed rates, on a fleet worked by hand and against enumeration."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from demand_case import MARGIN, billed_kw, charge, cost_of, fleet_case, load_case, tiers
from small_case import fleet, profit, series, solved, unnoticed

import optimizer as opt
from optimizer import highs
from optimizer.idle_decisions import without_idle
from optimizer.rate_tiers import TieredRates


@pytest.mark.parametrize(
    ("steps", "cost"),
    [
        ([(2, 1), (5, 3), (None, 4)], 2000 + 9000 + 4000),
        ([(2, 4), (5, 3), (None, 1)], 8000 + 9000 + 1000),
        ([(2, 3), (5, 1), (None, 4)], 6000 + 3000 + 4000),
        ([(6, 1), (None, 9)], 6000),
        ([(None, 2)], 12000),
    ],
)
def test_each_part_of_the_demand_has_the_rate_of_its_tier(steps: Any, cost: float) -> None:
    """Proves: 6 MW are cut at the tiers' ends. Sensitivity: 24,000, 6,000 and 24,000 with the whole demand at its last
    tier's rate; 12,000 and 10,000 where the cheapest tiers fill first."""
    assert cost_of(load_case([6, 1], charge(tiers=tiers(*steps)))) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("steps", "power", "earned"),
    [
        ([(2, 0.02), (None, 0.08)], 2.0, 114.286 - 40),
        ([(2, 0.08), (None, 0.02)], 3.5, 200 - 160 - 30),
        ([(2.2, 0.08), (None, 0.02)], 0.0, 0.0),
        ([(1, 0.02), (2, 0.08), (None, 0.03)], 3.5, 200 - 20 - 80 - 45),
        ([(1, 0.08), (2, 0.02), (None, 0.09)], 2.0, 114.286 - 80 - 20),
        ([(1, 0.0), (None, 0.08)], 1.0, 57.143),
    ],
)
def test_the_fleet_weighs_the_tiers_in_their_order(steps: Any, power: float, earned: float) -> None:
    """Proves: a MW of peak earns 57.14. Rising: it stops where the rate goes above. Falling: the dear first tier has
    to be paid to reach the cheap one, worth it for 2 MW but not for 2.2. Sensitivity: with the cheap tiers open at
    once the second case would earn 130, the third too, the fourth 105 and the fifth 37.14."""
    plan = solved(fleet_case(charge(tiers=tiers(*steps))))
    assert series(plan, "power_mw", "m") == pytest.approx([power] * 4)
    assert series(plan, "billed_demand_mw", "tdu") == pytest.approx([power] * 4)
    assert plan.expected_profit == pytest.approx(earned, abs=1e-3)
    assert unnoticed(plan, "tdu") == []


@pytest.mark.parametrize("seed", range(12))
def test_the_best_peak_is_one_of_the_ends_of_the_tiers(seed: int) -> None:
    """Proves: against enumeration, tiers with any rates: profit is piecewise linear in the peak, so the best one is 0,
    an end of a tier, or the whole fleet."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.uniform(0.2, 3.3, 3)).round(3)
    rates = rng.uniform(0.0, 0.12, 4).round(4)
    widths = np.diff(np.concatenate([[0.0], ends, [3.5]]))
    earned = np.concatenate([[0.0], np.cumsum(widths * (4 * MARGIN - 1000 * rates))])
    steps = zip([*ends.tolist(), None], rates.tolist(), strict=True)
    assert profit(fleet_case(charge(tiers=tiers(*steps)))) == pytest.approx(earned.max(), abs=1e-6)


def test_rates_of_tiers_may_fall_in_one_month_and_rise_in_another() -> None:
    """Proves: July at 0.08, then 0.02; its two hours at a price of 40 earn 148.57 per MW, which pays for the whole
    fleet: 520 - 160 - 30. August at 0.02, then 0.08; its hours earn 28.57 per MW, worth the first 2 MW: 57.14 - 40.
    Only July's order needs a binary. Sensitivity: July's rates in August would let the fleet rest there."""
    july_first = [0.08 if month == 7 else 0.02 for month in range(1, 13)]
    then = [0.02 if month == 7 else 0.08 for month in range(1, 13)]
    case = fleet_case(
        charge(tiers=tiers((2, july_first), (None, then)), month_to_date_peak_mw=0),
        price=[40, 40, 100, 100],
        start="2024-07-31T22:00",
    )
    problem = opt.build(opt.scenario_from_dict(case))
    plan = solved(case)
    assert series(plan, "power_mw", "m") == pytest.approx([3.5, 3.5, 2, 2])
    assert plan.expected_profit == pytest.approx(2 * (400 - 140) - 190 + 4 * MARGIN - 40)
    assert problem.arrays.size["integers"] == 1


def test_the_floor_lies_in_its_tier() -> None:
    """Proves: 2 MW so far, then 4: the increase crosses the tier's end at 3 MW: 1000 * 1 + 1000 * 5. Sensitivity:
    counted from 0 the increase of 2 MW would cost 2000."""
    case = load_case([4], charge(tiers=tiers((3, 1), (None, 5)), month_to_date_peak_mw=2), start="2024-08-19T00:00")
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-6000)
    assert billed_kw(plan) == [2000]


def test_a_free_first_tier_shows_the_demand_that_was_metered() -> None:
    """Proves: below the end of a free tier the billed demand is the peak, though nothing presses it down. Sensitivity:
    any figure up to 2 MW costs as little."""
    plan = solved(load_case([0.5, 1], charge(tiers=tiers((2, 0), (None, 3)))))
    assert series(plan, "billed_demand_mw", "tdu") == [1, 1]


def test_the_last_tier_is_open_in_the_bill_and_bounded_in_the_plan_by_what_can_be_drawn() -> None:
    """Proves: the bound of a falling tier is the fleet of 3.5 MW within a connection of 3 MW, or the floor above it.
    Sensitivity: an arbitrary large number would loosen the proof."""
    steps = tiers((2, 0.08), (None, 0.02))
    problem = opt.build(opt.scenario_from_dict(fleet_case(charge(tiers=steps), grid={"import_limit_mw": 3})))
    block = problem.model.parts["tdu"]
    assert [block.in_tier_mw[0, 0, j].ub for j in (0, 1)] == [2, 1]
    july = {"fraction": 0.5, "previous_months": 1, "history_mw": {"2024-07": 12}}
    floor = opt.build(opt.scenario_from_dict(fleet_case(charge(tiers=steps, ratchet=july))))
    block = floor.model.parts["tdu"]
    assert [block.in_tier_mw[0, 0, j].bounds for j in (0, 1)] == [(2, 2), (4, 4)]


def test_a_tier_held_full_without_need_is_taken_back() -> None:
    """Proves: a plan that says "the first tier is full" at a peak of 1 MW is billed for 1 MW all the same: 80.
    Sensitivity: left as it is, 2 MW would be billed for 160, and the audit would refuse the plan."""
    case = fleet_case(charge(tiers=tiers((2, 0.08), (None, 0.02))), price=200, house_load_mw=1)  # it never mines
    problem = opt.build(opt.scenario_from_dict(case))
    options, arrays = problem.scenario.solver, problem.arrays
    stuck = replace(arrays, col_lower=np.where(arrays.integer, 1.0, arrays.col_lower))
    outcome = highs.solve(stuck, options)
    assert outcome.values is not None
    assert outcome.objective == pytest.approx(-800 - 160)
    assert without_idle(outcome.values, stuck) is outcome.values
    highs.settle(outcome, arrays, options, None)
    assert outcome.objective == pytest.approx(-800 - 80)
    assert without_idle(outcome.values, arrays) is outcome.values


def test_decisions_that_something_hangs_on_stay() -> None:
    """Proves: at 3 MW the first tier has to be full. Sensitivity: taken back, the second tier could not be used."""
    case = load_case([3, 0.5], charge(tiers=tiers((2, 0.08), (None, 0.02))))
    problem = opt.build(opt.scenario_from_dict(case))
    outcome = highs.solve(problem.arrays, problem.scenario.solver)
    assert outcome.values is not None
    assert outcome.values[problem.arrays.integer].tolist() == [1.0]
    assert without_idle(outcome.values, problem.arrays) is outcome.values
    assert outcome.objective == pytest.approx(-180)


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        ([1, 2, 3], []),
        ([2, 2, 2], []),
        ([3, 2, 1], [1, 2]),
        ([1, 3, 2], [2]),
        ([3, 2, 5], [1, 2]),
        ([5, 10, 3], [1, 2]),
        ([2, 2, 1], [1, 2]),
    ],
)
def test_which_tiers_need_a_binary(rates: list[float], told: list[int]) -> None:
    """Proves: from the first tier on before which one is dearer than one that follows. In [2, 2, 1] the first two are
    one tier in effect, but the third must not open before either is full."""
    found = TieredRates(np.array([1.0, 2.0, np.inf]), np.array([rates, [1.0, 1.0, 1.0]])).in_order()
    assert found == [(0, tier) for tier in told]


@pytest.mark.parametrize("limit", [1.3, 3.0])
@pytest.mark.parametrize("house", [0.0, 1.2])
@pytest.mark.parametrize("steps", [[(None, 0.05)], [(1, 0.02), (None, 0.07)], [(2, 0.08), (None, 0.02)]])
def test_more_capacity_never_lowers_the_profit(steps: Any, house: float, limit: float) -> None:
    """Invariant: more machines, or a larger connection, leave every plan of before possible."""

    def earned(machines: int, connection: float) -> float:
        case = fleet_case(
            charge(tiers=tiers(*steps)),
            price=[80, 100, 112, 130],
            assets=[fleet(machines=machines)],
            grid={"import_limit_mw": connection},
            house_load_mw=house,
        )
        return opt.optimize(opt.scenario_from_dict(case)).expected_profit

    small, more, larger = earned(300, limit), earned(1200, limit), earned(1200, 2 * limit)
    assert small <= more + 1e-9
    assert more <= larger + 1e-9
