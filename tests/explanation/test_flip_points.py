"""Prices at which things would change: in one hour, and over the horizon; what-ifs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optimizer as opt
from optimizer.explanation.break_even import break_even
from optimizer.explanation.flip_points import Flip, flip_points
from optimizer.explanation.what_if import temperatures, warmer_day, what_if
from tests.explanation.grid_case import BETTER, POORER, two_fleets, whole_nodes
from tests.shipped import solved
from tests.small_case import fleet, series, site_case, spot


def flips_of(case: dict[str, Any], step: int = 0, **options: Any) -> dict[str, Flip]:
    found = flip_points(opt.scenario_from_dict(case), steps=[step], **options)
    return {flip.component: flip for flip in found.flips}


def test_break_even_of_the_hour_where_nothing_couples() -> None:
    """Proves: without a peak or a limit, each fleet stops above what it earns per MWh, 114.29 and 85.71, and at a price
    of 100 the poorer one, at rest, would run below 85.71."""
    found = flips_of(two_fleets(20.0, 100.0))
    assert found["better"].price_per_mwh == pytest.approx(100)
    assert found["better"].less_above == pytest.approx(BETTER)
    assert found["better"].then_less_mw == pytest.approx(0.0)
    assert found["poorer"].more_below == pytest.approx(POORER)
    assert found["poorer"].then_more_mw == pytest.approx(3.5)
    assert np.isnan(found["better"].more_below)


def test_the_connection_keeps_a_fleet_from_running_at_any_price() -> None:
    """Proves: 1.5 of the poorer fleet's 3.5 MW run for want of room; it would not draw more at any lower price, though
    its break-even alone says that it would. Above 85.71 it stops."""
    found = flips_of(two_fleets(5.0, 50.0))["poorer"]
    assert found.power_mw == pytest.approx(1.5)
    assert np.isnan(found.more_below)
    assert found.less_above == pytest.approx(POORER)


def peaked(prices: list[float]) -> dict[str, Any]:
    """One fleet and a demand charge of 100 per MW of the highest hour."""
    charge = {"kind": "demand_charge", "name": "wires", "rate_per_kw_month": 0.1}
    return site_case(steps=2, contracts=[spot(prices), charge], assets=[fleet()])


def test_the_peak_is_paid_for_both_hours() -> None:
    """Proves: at 50 both hours pay the peak together (2 * 64.29 > 100), so that the fleet runs. It leaves the first
    hour where what is left of both no longer does: at 50 + 28.57 = 78.57, neither at its break-even of 114.29, nor at
    none because the peak (100) is more than one hour's margin."""
    found = flips_of(peaked([50.0, 50.0]))["m"]
    assert found.power_mw == pytest.approx(3.5)
    assert found.less_above == pytest.approx(50 + 2 * (BETTER - 50) - 100)


@pytest.mark.parametrize("by", [-0.01, 0.01])
def test_flip_points_against_plans_at_prices_beside_them(by: float) -> None:
    """Proves: a cent below the flip point the plan runs in that hour, and a cent above it does not."""
    flip = flips_of(peaked([50.0, 60.0]))["m"].less_above
    plan = opt.optimize(opt.scenario_from_dict(peaked([flip + by, 60.0])))
    assert series(plan, "power_mw", "m")[0] == pytest.approx(3.5 if by < 0 else 0.0)


def test_whole_decisions_flip_only_when_taken_anew() -> None:
    """Proves: rented nodes that are on as a whole stay on at any price with the decisions as planned; taken anew they
    end where the rent of 20 no longer pays 0.1 MW: at 200."""
    planned = flips_of(whole_nodes(0.25))["r"]
    again = flips_of(whole_nodes(0.25), reoptimise=True)["r"]
    assert np.isnan(planned.less_above)
    assert again.less_above == pytest.approx(200)
    assert again.then_less_mw == pytest.approx(0.0)


def test_prices_of_the_horizon() -> None:
    """Proves: with prices of 100, 120, -50 and 114, a hashprice of 48 pays in three hours. Below 47.88 the hour at 114
    is left, above 50.4 that at 120 joins, and below 42 only the hour runs that is paid for anyway; power in all hours
    may cost 164.29 more until the last one is left."""
    case = site_case(steps=4, contracts=[spot([100.0, 120.0, -50.0, 114.0])], assets=[fleet()])
    found = break_even(opt.scenario_from_dict(case))
    (price,) = found.prices
    assert (price.component, price.words, price.now) == ("m", "hashprice", pytest.approx(48))
    assert price.less_below == pytest.approx(48 * 114 / BETTER)
    assert price.more_above == pytest.approx(48 * 120 / BETTER)
    assert price.stops_below == pytest.approx(48 * 100 / BETTER)
    (power,) = found.power
    assert power.energy_mwh == pytest.approx(10.5)
    assert power.stops_above_per_mwh == pytest.approx(BETTER + 50, abs=0.011)


def test_break_even_sees_who_else_would_use_the_power() -> None:
    """Proves: behind a connection of 3.5 MW the better fleet stops at the hashprice of the poorer one, 36, which takes
    its place, and not at the 21 at which it would pay the power alone."""
    found = break_even(opt.scenario_from_dict(two_fleets(3.5, 50.0)), ["better"])
    (price,) = found.prices
    assert price.stops_below == pytest.approx(36)
    assert price.less_below == pytest.approx(36)


def test_a_shipped_flip_point_is_one() -> None:
    """Proves: in three hours of a site with engines, sun, wind and a battery, just above its flip point a thing draws
    less than as planned, and just below it does not: from plans solved with the hour's price moved by hand."""
    problem, _ = solved("onsite_72h")
    found = flip_points(problem, steps=[5, 17, 40], components=["s21", "greenhouse", "bess"])
    checked = 0
    for flip in found.flips:
        if np.isnan(flip.less_above):
            continue
        for by, is_less in ((0.05, True), (-0.05, False)):
            moved = flip.less_above - flip.price_per_mwh + by
            power = _power_with(problem, flip.component, flip.step, moved)
            assert (power < flip.power_mw - 1e-4) is is_less, flip
        checked += 1
    assert checked >= 4


def _power_with(problem: opt.Problem, component: str, step: int, per_mwh: float) -> float:
    """Power of a component with the whole decisions as planned and power dearer in one step, solved from nothing."""
    from dataclasses import replace

    from optimizer.explanation.fixed_plan import FixedPlan, Powers, with_whole
    from optimizer.highs import solve

    assert problem.memory.values is not None
    fixed = FixedPlan(problem, problem.memory.values)
    block = problem.compiled.model.sites["wellsite"]
    cost = problem.arrays.cost.copy()
    cost[problem.compiled.columns(block.import_mw)[:, step]] -= per_mwh
    cost[problem.compiled.columns(block.export_mw)[:, step]] += per_mwh
    arrays = with_whole(replace(problem.arrays, cost=cost), fixed.whole)
    values = solve(arrays, problem.scenario.solver).values
    assert values is not None
    return Powers(problem).in_step(values, step)[component]


def test_what_is_refused() -> None:
    """Proves: unknown components (with the nearest name), steps outside of the horizon, a reach of nothing and a plan
    that weighs risk are told at once."""
    scenario = opt.scenario_from_dict(two_fleets() | {"risk": {"weight": 0.5}})
    with pytest.raises(opt.InputError) as caught:
        flip_points(scenario, components=["beter"], steps=[7], reach_per_mwh=0)
    told = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "did you mean 'better'" in told
    assert "risk.weight" in told
    with pytest.raises(opt.InputError, match="did you mean 'poorer'"):
        break_even(opt.scenario_from_dict(two_fleets()), ["porer"])


def test_what_if_is_really_solved() -> None:
    """Proves: 10 per MWh less on 5 MW in two hours earn 100; 2 MW more of the connection 2 * 71.43; both are exact, as
    nothing is left open."""
    cases = {
        "cheaper": {"sites.a.contracts.spot.price_per_mwh": 40},
        "wider": {"sites.a.grid.import_limit_mw": 7},
    }
    found = what_if(opt.scenario_from_dict(two_fleets()), cases)
    assert found.table["value"].tolist() == pytest.approx([100, 4 * (POORER - 50)])
    assert found.table["low"].tolist() == pytest.approx(found.table["high"].tolist())


def test_a_warmer_day() -> None:
    """Proves: only the local day with the highest temperature is 2 K warmer, in every column that holds temperatures,
    and the case costs what two plans differ by."""
    problem, plan = solved("onsite_72h")
    warmer = warmer_day(problem.scenario)
    before, after = temperatures(problem.scenario), temperatures(warmer)
    hottest = max((values.max(), key) for key, values in before.items())[1]
    local = problem.scenario.horizon.local
    day = local[int(np.argmax(before[hottest][0]))].date()
    for key, values in before.items():
        assert after[key] - values == pytest.approx(np.array([[2.0 * (time.date() == day) for time in local]]))
    case = next(c for c in what_if(problem).cases if "K warmer" in c.name)
    assert case.difference is not None
    assert case.difference.value == pytest.approx(opt.optimize(warmer).expected_profit - plan.expected_profit, abs=0.01)
    assert case.difference.value < 0


def test_a_day_more_for_a_job() -> None:
    """Proves: by default each deadline is moved by a day, and the proven interval holds the difference of two plans."""
    problem, plan = solved("chilled_72h")
    case = next(c for c in what_if(problem).cases if c.name == "finetune: deadline a day later")
    assert case.difference is not None
    assert case.difference.low <= case.difference.value <= case.difference.high
    gap = problem.scenario.solver.mip_rel_gap * plan.summary["objective"]
    assert case.difference.high - case.difference.low <= 2 * gap
