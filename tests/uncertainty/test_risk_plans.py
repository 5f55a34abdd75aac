"""Risk against profit, and the worst member: a hedge worked by hand, identities, the limit of CVaR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_case import by_member
from test_value_of_information import ensembles
from uncertain_case import committed, hedge, scenario

import optimizer as opt
from optimizer.summary import cvar
from optimizer.uncertainty import Frontier, frontier, worst_member_plan
from optimizer.uncertainty.frontier import marked

SPREAD = hedge([30, 90], [4, 4])
"""Real-time prices of 30 or 90 for a load of 4 MW, and a position of x MW, up to 10, at 50: the members earn
``-20 x - 120`` and ``40 x - 360``. The mean is best with x = 10 (-140); the worst of the two with x = 4, the load (-200
in both); below a weight of 1/3 on the worst the mean wins (``(1 - beta) 10 = beta 20``)."""


@pytest.mark.parametrize(("weight", "position", "profits"), [(0.3, 10, [-320, 40]), (0.4, 4, [-200, -200])])
@pytest.mark.parametrize("risk", [{"cvar_alpha": 0.5}, {"measure": "worst", "cvar_alpha": 0.1}])
def test_hedge_by_hand(weight: float, position: float, profits: list[float], risk: dict[str, object]) -> None:
    """Proves: the weight at which the position falls from all that is allowed to the load, for the mean of the worse
    half, which is the worse of two members, and for ``measure: worst``, which does not ask for ``cvar_alpha``.
    Sensitivity: the mean of 90 % of the outcomes would keep 10 MW at a weight of 0.4."""
    plan = opt.optimize(scenario(SPREAD, weight=weight, **risk))
    assert by_member(plan, "position_mw", "market") == [[position]] * 2
    assert plan.profit_by_member.tolist() == pytest.approx(profits)
    assert plan.summary["cvar"] == pytest.approx(min(profits))
    assert plan.summary["objective"] == pytest.approx((1 - weight) * np.mean(profits) + weight * min(profits))


def test_measure_worst_is_told_by_its_name() -> None:
    case = scenario(SPREAD, weight=0.4, measure="worst")
    assert case.risk.label == "worst member"
    assert scenario(SPREAD, weight=0.4).risk.label == "CVaR 0.95"
    with pytest.raises(opt.InputError, match=r"risk\.measure"):
        scenario(SPREAD, measure="variance")


def test_frontier_by_hand() -> None:
    """Proves: the two plans of the hedge by rising weight, none dominated, each with a bound; the figure shows both."""
    found = frontier(scenario(SPREAD, cvar_alpha=0.5), weights=[0.4, 0.0, 0.25, 1.0, 0.0])
    assert found.table["weight"].tolist() == [0.0, 0.25, 0.4, 1.0]
    assert found.table["expected_profit"].tolist() == pytest.approx([-140, -140, -200, -200])
    assert found.table["cvar"].tolist() == pytest.approx([-320, -320, -200, -200])
    assert not found.table["dominated"].any()
    assert (found.table["bound"] >= found.table["objective"]).all()
    assert found.plan(0.4).expected_profit == pytest.approx(-200)
    figure = found.figure()
    assert [trace.name for trace in figure.data] == ["efficient"]
    assert list(figure.data[0].x) == pytest.approx([-320, -320, -200, -200])
    for weights in ([], [1.1], [-0.1, 0.5]):
        with pytest.raises(opt.InputError, match="weights: found"):
            frontier(scenario(SPREAD), weights=weights)


def test_a_dominated_point_is_marked() -> None:
    """Proves: a point that another beats in both (a solve may stop short of the best by its gap) is marked, no other
    is, and it is drawn as a trace of its own."""
    found = frontier(scenario(SPREAD, cvar_alpha=0.5), weights=[0.0, 0.25, 1.0])
    worse = replace(found.points[0], expected_profit=-150.0, cvar=-330.0)
    points = marked([worse, *found.points[1:]])
    assert [point.dominated for point in points] == [True, False, False]
    assert [trace.name for trace in Frontier(found.scenario, points).figure().data] == ["efficient", "dominated"]


def test_worst_member_by_hand() -> None:
    """Proves: the hedge at its best worst member, -200, and that no plan does better."""
    found = worst_member_plan(scenario(SPREAD))
    assert found.plan.profit_by_member.tolist() == pytest.approx([-200, -200])
    assert found.worst_profit == pytest.approx(-200)
    assert found.worst_bound == pytest.approx(-200)
    assert found.worst_gap <= 1e-8
    assert found.worst_members == (0, 1)
    assert found.plan.summary["bound"] >= found.plan.summary["objective"]


def test_the_better_members_break_the_tie() -> None:
    """Proves: where the worst member (10 MW at 50, -500 whatever the position) leaves the position open, it is the one
    that is best for the other: 10 MW, bought at 50 and sold at 90, 400 less a load of 90. Sensitivity: without the
    second solve any position would do (-90 to 310). A member that never happens does not count as the worst."""
    found = worst_member_plan(scenario(hedge([50, 90], [10, 1])))
    assert found.plan.profit_by_member.tolist() == pytest.approx([-500, 310])
    assert found.worst_members == (0,)
    never = worst_member_plan(scenario(hedge([50, 90, 1000], [10, 1, 90], [0.5, 0.5, 0.0])))
    assert never.worst_profit == pytest.approx(-500)


def test_an_infeasible_scenario_is_explained() -> None:
    """Proves: an infeasible scenario is explained as by any other road."""
    case = hedge([30, 90], [4, 4])
    case["sites"][0]["contracts"][0]["limit_mw"] = 1.0  # of a load of 4 MW
    with pytest.raises(opt.InfeasibleError):
        worst_member_plan(scenario(case))
    with pytest.raises(opt.InfeasibleError):
        frontier(scenario(case), weights=[0.0])


@settings(max_examples=10, deadline=None)
@given(ensemble=ensembles(), alpha=st.sampled_from([0.3, 0.8]))
def test_identities_of_risk(ensemble: tuple[list[list[float]], list[float]], alpha: float) -> None:
    """Proves: CVaR is at most the mean at every point; weight 0 is the risk-neutral plan; by rising weight the mean
    never rises and CVaR never falls; no point beats the best worst member, which CVaR reaches when only the worst
    counts."""
    prices, chances = ensemble
    case = scenario(committed(prices, chances), cvar_alpha=alpha)
    found = frontier(case, weights=[0.0, 0.5, 1.0])
    scale = max(1.0, *(abs(point.expected_profit) for point in found.points))
    for point in found.points:
        assert point.cvar <= point.expected_profit + 1e-9 * scale
        assert point.objective <= point.bound + 1e-9 * scale
        assert point.cvar == pytest.approx(cvar(point.profit_by_member, case.ensemble.weights, alpha))
    neutral = opt.optimize(scenario(committed(prices, chances)))
    assert found.points[0].expected_profit == pytest.approx(neutral.expected_profit, abs=1e-6 * scale)
    means, tails = found.table["expected_profit"].to_numpy(), found.table["cvar"].to_numpy()
    assert (np.diff(means) <= 1e-6 * scale).all()
    assert (np.diff(tails) >= -2e-4 * scale).all()  # of weight 1 a ten-thousandth is left to the mean
    worst = worst_member_plan(case)
    assert all(point.profit_by_member.min() <= worst.worst_bound + 1e-6 * scale for point in found.points)
    limit = opt.optimize(scenario(committed(prices, chances), weight=1.0, cvar_alpha=1 - min(chances) / 2))
    assert limit.profit_by_member.min() == pytest.approx(worst.worst_profit, abs=2e-4 * scale)
    assert limit.profit_by_member.min() <= worst.worst_bound + 1e-6 * scale
