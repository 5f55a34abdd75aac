"""Ensembles and risk: the objective, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_case import by_member, fleet, site_case, solved, spot

import optimizer as opt

REVENUE = 400.0
"""What the fleet of :func:`small_case.fleet` earns in an hour, for 3.5 MWh: at a price p the hour brings 400 - 3.5
p."""


def members_case(
    prices: list[list[float]], odds: list[float], *, alpha: float = 0.95, weight: float = 0.0, **fields: Any
) -> dict[str, Any]:
    """One fleet, one price per member and step."""
    case = site_case(steps=len(prices[0]), contracts=[spot(prices)], assets=[fleet(**fields)], probabilities=odds)
    return case | {"risk": {"cvar_alpha": alpha, "weight": weight}}


# ---------------------------------------------------------------------- expected profit
def test_expected_profit_weighs_the_members() -> None:
    """Proves: prices 0 and 100 bring 400 and 50; 0.25 * 400 + 0.75 * 50 = 137.5. Sensitivity: equal weights give 225,
    the probabilities the other way round 312.5, a sum 450."""
    plan = solved(members_case([[0], [100]], [0.25, 0.75]))
    assert plan.expected_profit == pytest.approx(137.5)
    assert plan.profit_by_member.tolist() == pytest.approx([400.0, 50.0])
    assert plan.summary["ledger"]["mining_revenue"] == pytest.approx(400.0)
    assert plan.summary["ledger"]["spot_energy"] == pytest.approx(-0.75 * 350.0)


def test_recourse_adapts_to_the_member() -> None:
    """Proves: at 150 the fleet stands still in that member only: 0.5 * 400 + 0.5 * 0. Sensitivity: one decision for
    both members runs at 0.5 * 400 - 0.5 * 125 = 137.5."""
    plan = solved(members_case([[0], [150]], [0.5, 0.5]))
    assert plan.expected_profit == pytest.approx(200.0)
    assert by_member(plan, "power_mw", "m") == [[3.5], [0.0]]


def test_here_and_now_decisions_are_the_same_for_all_members() -> None:
    """Proves: committed a day ahead, the fleet runs in both members at 137.5, and stands still where the bad member is
    likelier: 0.1 * 400 - 0.9 * 125 = -72.5 < 0. Sensitivity: recourse earns 200 and 40."""
    plan = solved(members_case([[0], [150]], [0.5, 0.5], commit="day_ahead"))
    assert plan.expected_profit == pytest.approx(137.5)
    assert by_member(plan, "power_mw", "m") == [[3.5], [3.5]]
    plan = solved(members_case([[0], [150]], [0.1, 0.9], commit="day_ahead"))
    assert plan.expected_profit == pytest.approx(0.0, abs=1e-9)
    assert by_member(plan, "power_mw", "m") == [[0.0], [0.0]]


def test_knowing_the_future_is_worth_something() -> None:
    """Proves: prices 0 or 300 bring 400 or -650. Known in time, 200; committed before, the fleet stands still: 0. So
    perfect information is worth 200. At the mean price of 150 it would stand still as well."""
    known = solved(members_case([[0], [300]], [0.5, 0.5])).expected_profit
    here_and_now = solved(members_case([[0], [300]], [0.5, 0.5], commit="day_ahead")).expected_profit
    assert known == pytest.approx(200.0)
    assert here_and_now == pytest.approx(0.0, abs=1e-9)


def test_the_ensemble_is_worth_more_than_its_mean() -> None:
    """Proves: with hashprices of 48 and 144 at a price of 200 the committed hour brings -300 or 500, on average 100,
    and the fleet runs; the plan at the worse odds 0.7 (-60) stands still. EEV of the other's plan: -60 < 0, VSS =
    60."""
    hashprices = [[48.0], [144.0]]
    for odds, earned in (([0.5, 0.5], 100.0), ([0.7, 0.3], 0.0)):
        plan = solved(members_case([[200], [200]], odds, commit="day_ahead", hashprice_per_ph_day=hashprices))
        assert plan.expected_profit == pytest.approx(earned, abs=1e-9)


# ---------------------------------------------------------------------- identities
def test_one_member_with_probability_one_is_the_deterministic_run() -> None:
    """Proves: 626, the smallest scenario, also as an ensemble of one, and of two of which one cannot happen."""
    prices = [100.0, 120.0, -50.0, 114.0]
    assert solved(site_case(steps=4, contracts=[spot(prices)], assets=[fleet()])).expected_profit == pytest.approx(626)
    assert solved(members_case([prices], [1.0])).expected_profit == pytest.approx(626.0)
    assert solved(members_case([prices, [0.0] * 4], [1.0, 0.0])).expected_profit == pytest.approx(626.0)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_members_that_are_alike_are_one(weight: float) -> None:
    """Proves: splitting a member of probability 0.5 into halves changes neither expected profit nor CVaR: tail 0.4 of
    (0.5: -225, 0.5: 400) is all of the worse member."""
    fields = {"weight": weight, "alpha": 0.6, "commit": "day_ahead"}
    two = solved(members_case([[0, 100], [100, 180]], [0.5, 0.5], **fields))
    three = solved(members_case([[0, 100], [100, 180], [100, 180]], [0.5, 0.25, 0.25], **fields))
    assert three.expected_profit == pytest.approx(two.expected_profit)
    assert three.summary["objective"] == pytest.approx(two.summary["objective"])
    assert three.summary.get("cvar") == pytest.approx(two.summary.get("cvar"))


def test_a_member_that_cannot_happen_is_pointed_out() -> None:
    """Proves: its plan is only feasible, as nothing in the objective depends on it, and the planner is told so."""
    scenario = opt.scenario_from_dict(members_case([[0], [100]], [1.0, 0.0]))
    assert "member 1 has probability 0" in str(scenario.warnings[0])
    assert not opt.scenario_from_dict(members_case([[0], [100]], [0.5, 0.5])).warnings


# ---------------------------------------------------------------------- risk
FIVE = [[0.0], [40.0], [80.0], [120.0], [160.0]]
"""Prices of five members; committed, the fleet brings 400, 260, 120, -20, -160: 120 on average."""


@pytest.mark.parametrize(
    ("alpha", "cvar"),
    [(0.8, -160.0), (0.6, -90.0), (0.4, -20.0), (0.95, -160.0), (0.7, -34.0 / 0.3), (0.01, 116.0 / 0.99)],
)
def test_cvar_is_the_mean_of_the_worst(alpha: float, cvar: float) -> None:
    """Proves: with equal odds the worst fifth is -160, two fifths -90, three fifths -20; in a tail of 0.3 the second
    member counts by half, (0.2 * -160 + 0.1 * -20) / 0.3; in one of 0.99 only 0.01 of the best is left out, (120 -
    0.01 * 400) / 0.99. Sensitivity: the value at risk gives -20 for 0.3, whole members -90."""
    plan = solved(members_case(FIVE, [0.2] * 5, alpha=alpha, weight=0.001, commit="day_ahead"))
    assert by_member(plan, "power_mw", "m") == [[3.5]] * 5
    assert plan.summary["cvar"] == pytest.approx(cvar)
    assert plan.summary["objective"] == pytest.approx(0.999 * 120.0 + 0.001 * cvar)
    assert plan.summary["bound"] == pytest.approx(plan.summary["objective"])


def test_cvar_counts_members_by_their_probability() -> None:
    """Proves: a tail of 0.2 holds the bad member (0.1) and as much of the good one: (0.1 * -160 + 0.1 * 400) / 0.2 =
    120. Sensitivity: members counted as equally likely give -160."""
    plan = solved(members_case([[160.0], [0.0]], [0.1, 0.9], alpha=0.8, weight=0.001, commit="day_ahead"))
    assert plan.summary["cvar"] == pytest.approx(120.0)
    assert plan.expected_profit == pytest.approx(0.1 * -160 + 0.9 * 400)


@pytest.mark.parametrize(("weight", "runs"), [(0.0, True), (0.42, True), (0.44, False), (1.0, False)])
def test_the_weight_of_risk_decides(weight: float, runs: bool) -> None:
    """Proves: committing is worth (1 - weight) * 120 - weight * 160, above 0 up to a weight of 120 / 280 = 0.4286.
    Sensitivity: without the factor 1 / (1 - alpha) the tail counts a fifth and the fleet runs up to 0.79."""
    plan = solved(members_case(FIVE, [0.2] * 5, alpha=0.8, weight=weight, commit="day_ahead"))
    assert by_member(plan, "power_mw", "m") == [[3.5 if runs else 0.0]] * 5
    assert plan.expected_profit == pytest.approx(120.0 if runs else 0.0, abs=1e-6)
    assert ("cvar" in plan.summary) == (weight > 0)


def two_fleets(weight: float, alpha: float) -> opt.Plan:
    """Free power for one of two committed fleets: ``x`` brings 800 in member 0 and 200 in member 1, ``y`` 100 and
    700."""
    fleets = [
        fleet("x", commit="day_ahead", hashprice_per_ph_day=[[96.0], [24.0]]),
        fleet("y", commit="day_ahead", hashprice_per_ph_day=[[12.0], [84.0]]),
    ]
    case = site_case(
        steps=1, contracts=[spot(0)], assets=fleets, grid={"import_limit_mw": 3.5}, probabilities=[0.5, 0.5]
    )
    return solved(case | {"risk": {"cvar_alpha": alpha, "weight": weight}})


@pytest.mark.parametrize(
    ("weight", "alpha", "share", "profits"),
    [
        (0.0, 0.95, 1.0, [800.0, 200.0]),
        (0.15, 0.95, 1.0, [800.0, 200.0]),
        (0.18, 0.95, 0.5, [450.0, 450.0]),
        (0.5, 0.5, 0.5, [450.0, 450.0]),
        (0.5, 0.2, 1.0, [800.0, 200.0]),
        (0.7, 0.2, 0.5, [450.0, 450.0]),
        (1.0, 0.999, 0.5, [450.0, 450.0]),
    ],
)
def test_risk_spreads_the_plan_over_two_fleets(weight: float, alpha: float, share: float, profits: list[float]) -> None:
    """Proves: with a share x for the first fleet, mean and worst are 400 + 100 x and 700 - 500 x (x >= 0.5), so that
    the plan is spread, x = 0.5, from a weight of 1/6 on. A tail of 0.8 holds 0.5 of the worse and 0.3 of the better
    member, a mean of 475 - 50 x, which takes a weight of 2/3. Weight 1 with alpha near 1 is the best worst member,
    450. Sensitivity: risk-neutral the worst member has 200; a tail without probabilities spreads at alpha 0.2 as at
    0.95."""
    plan = two_fleets(weight, alpha)
    assert plan.profit_by_member.tolist() == pytest.approx(profits)
    assert by_member(plan, "power_mw", "x")[0] == pytest.approx([3.5 * share])
    tail = 1.0 - alpha
    worst, best = min(profits), max(profits)
    cvar = (min(tail, 0.5) * worst + max(0.0, tail - 0.5) * best) / tail
    assert plan.summary.get("cvar", cvar) == pytest.approx(cvar)
    assert cvar <= plan.expected_profit + 1e-9


def test_at_full_weight_the_better_members_are_planned_for_profit_too() -> None:
    """Proves: at prices 0 and 100 the worst member brings 50, and the other its full 400 all the same. Sensitivity:
    with a weight of exactly 1 any profit of 50 or more would do for member 0, and 50 is what the solver leaves it."""
    plan = solved(members_case([[0], [100]], [0.5, 0.5], alpha=0.95, weight=1.0))
    assert plan.summary["cvar"] == pytest.approx(50.0)
    assert plan.profit_by_member.tolist() == pytest.approx([400.0, 50.0])


def test_risk_changes_nothing_where_there_is_one_member() -> None:
    """Proves: the CVaR of a certain profit is that profit, at any weight."""
    for weight in (0.3, 1.0):
        plan = solved(members_case([[100.0, 120.0, -50.0, 114.0]], [1.0], weight=weight))
        assert plan.summary["cvar"] == pytest.approx(626.0)
        assert plan.summary["objective"] == pytest.approx(626.0)


# ---------------------------------------------------------------------- limits of the model
def test_a_horizon_of_one_step_of_a_day() -> None:
    """Proves: one step of 24 hours earns 24 times the hour: 24 * (400 - 350) = 1200."""
    assert solved(
        site_case(steps=1, step="1d", contracts=[spot(100)], assets=[fleet()])
    ).expected_profit == pytest.approx(1200.0)


def test_nothing_to_decide_is_a_plan_too() -> None:
    """Proves: a site with a house load of 2 MW and no machines pays 2 * (10 + 30) = 80; the model is empty but for
    it."""
    plan = solved(site_case(steps=2, contracts=[spot([10, 30])], house_load_mw=2))
    assert plan.expected_profit == pytest.approx(-80.0)
    assert plan.summary["bound"] == pytest.approx(-80.0)


def test_many_members_differ_in_one_series_only() -> None:
    """Proves: 50 members with random prices earn the mean of max(0, 400 - 3.5 p), worked out with numpy."""
    prices = np.random.default_rng(3).uniform(0.0, 200.0, (50, 3)).round(2)
    plan = opt.optimize(opt.scenario_from_dict(members_case(prices.tolist(), [0.02] * 50)))
    assert plan.expected_profit == pytest.approx(np.maximum(0.0, REVENUE - 3.5 * prices).sum(axis=1).mean())
