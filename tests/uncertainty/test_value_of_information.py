"""EVPI and VSS: a newsvendor worked by hand, identities on random ensembles, decisions that cannot be carried out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_case import by_member, site_case, spot
from uncertain_case import committed, hedge, newsvendor, scenario

import optimizer as opt
from optimizer.uncertainty import mean_member, one_member, selected_members, value_of_information

PRICES = st.lists(st.floats(-20, 250), min_size=3, max_size=3)


def ensembles(most: int = 4) -> Any:
    """Spot prices by member and probabilities."""
    weights = st.integers(1, 9)
    return st.lists(st.tuples(PRICES, weights), min_size=1, max_size=most).map(
        lambda members: (
            [price for price, _ in members],
            [weight / sum(weight for _, weight in members) for _, weight in members],
        )
    )


def test_newsvendor_by_hand() -> None:
    """Proves: a load of 2, 5 or 9 MW (0.3, 0.4, 0.3) is bought at 50; what is missing costs 80, what is left brings 20.

    The quantile (80 - 50) / (80 - 20) = 0.5 is 5 MW: costs of 190, 250 and 570, expected 328. With the load known it
    costs 50 a MW: 100, 250 and 450, expected 265. The mean, 5.3 MW, costs 199, 259 and 561, expected 331.6.
    EVPI = 63, VSS = 3.6. Sensitivity: one price of 50 for surplus and shortage would make all three equal.
    """
    found = value_of_information(scenario(newsvendor([2, 5, 9], [0.3, 0.4, 0.3])))
    assert by_member(found.plan, "position_mw", "market") == [[5.0]] * 3
    assert by_member(found.mean_plan, "position_mw", "market") == [[5.3]]
    assert [found.rp, found.ws, found.eev] == pytest.approx([-328.0, -265.0, -331.6])
    assert [found.evpi.value, found.vss.value] == pytest.approx([63.0, 3.6])
    assert found.evpi.is_exact
    assert found.vss.sign_is_clear
    table = found.by_member
    assert table["here_and_now"].tolist() == pytest.approx([-190, -250, -570])
    assert table["wait_and_see"].tolist() == pytest.approx([-100, -250, -450])
    assert table["mean_value"].tolist() == pytest.approx([-199, -259, -561])
    assert table["regret"].tolist() == pytest.approx([90, 0, 120])
    told = found.as_dict()
    assert told["evpi"]["value"] == pytest.approx(63.0)
    assert [row["probability"] for row in told["by_member"]] == pytest.approx([0.3, 0.4, 0.3])


@settings(max_examples=15, deadline=None)
@given(
    loads=st.lists(st.floats(0, 50), min_size=2, max_size=8),
    prices=st.tuples(st.floats(0, 40), st.floats(1, 30), st.floats(1, 30)),
)
def test_newsvendor_is_the_quantile(loads: list[float], prices: tuple[float, float, float]) -> None:
    """Proves: for any loads and prices the profit is that of the critical quantile of the load."""
    long, day_ahead, short = np.cumsum(prices)
    chances = np.full(len(loads), 1 / len(loads))
    order = np.argsort(loads)
    reached = np.cumsum(chances[order])
    ratio = (short - day_ahead) / (short - long)
    position = np.array(loads)[order][np.argmax(reached >= ratio - 1e-12)]
    left = position - np.array(loads)
    costs = day_ahead * position + short * np.maximum(-left, 0.0) - long * np.maximum(left, 0.0)
    plan = opt.optimize(scenario(newsvendor(loads, day_ahead=day_ahead, short=short, long=long)))
    assert plan.expected_profit == pytest.approx(-float(chances @ costs), abs=1e-5)


@settings(max_examples=12, deadline=None)
@given(ensemble=ensembles(), weight=st.sampled_from([0.0, 0.4, 1.0]), alpha=st.sampled_from([0.5, 0.9]))
def test_identities(ensemble: tuple[list[list[float]], list[float]], weight: float, alpha: float) -> None:
    """Proves: EVPI >= 0 and VSS >= 0, as differences of what was found and without any clipping, with and without risk;
    with one member both are 0. Wait-and-see of a member is the plan of a scenario of that member alone."""
    prices, chances = ensemble
    case = scenario(committed(prices, chances), weight=weight, cvar_alpha=alpha)
    found = value_of_information(case)
    tolerance = 1e-6 * max(1.0, abs(found.rp))
    assert found.ws >= found.rp - tolerance
    assert found.eev <= found.rp + tolerance
    for interval in (found.evpi, found.vss):
        assert 0.0 <= interval.low <= interval.value <= interval.high
    if len(prices) == 1:
        assert [found.ws, found.eev] == pytest.approx([found.rp] * 2, abs=tolerance)
    alone = [opt.optimize(one_member(case, member)) for member in range(len(prices))]
    profits = [plan.expected_profit for plan in alone]
    assert found.wait_and_see.profit.tolist() == pytest.approx(profits, abs=1e-4, rel=1e-6)


@settings(max_examples=6, deadline=None)
@given(ensemble=ensembles(3), split=st.floats(0.1, 0.9), weight=st.sampled_from([0.0, 0.4]))
def test_a_member_split_in_two_changes_nothing(
    ensemble: tuple[list[list[float]], list[float]], split: float, weight: float
) -> None:
    """Proves: RP, WS and EEV are the same where one member stands twice and its probability is split."""
    prices, chances = ensemble
    case = scenario(committed(prices, chances), weight=weight, cvar_alpha=0.7)
    parts = [chances[0] * split, *chances[1:], chances[0] * (1 - split)]
    twice = selected_members(case, [*range(len(prices)), 0], parts)
    one, other = value_of_information(case), value_of_information(twice)
    scale = max(1.0, abs(one.rp))
    assert [other.rp, other.ws, other.eev] == pytest.approx([one.rp, one.ws, one.eev], abs=2e-5 * scale)


def test_decisions_for_the_mean_that_nobody_can_carry_out() -> None:
    """Proves: a service needs 400 or 800 nodes of 10 kW, 4 or 8 MW, behind a connection of 6 MW. For the mean, 6, no
    engine is committed, and the member of 8 MW cannot be served: the loss is infinite, and the member is named. For all
    members the engine is started (10, and 400 per MWh of fuel against 100 of the grid), which is the plan."""
    engine = {"kind": "generator", "name": "e", "unit_mw": 3, "heat_rate_gj_per_mwh": 10, "fuel_price_per_gj": 40}
    engine |= {"commit": "day_ahead", "start_cost": 10, "running_before": 0}
    pool = {"kind": "gpu_pool", "name": "p", "nodes": 800, "gpus_per_node": 8, "idle_kw": 10, "full_kw": 10}
    chat = {"kind": "inference_service", "name": "chat", "pool": "p", "demand_per_hour": [[400], [800]], "unit": "k"}
    chat |= {"capacity_per_node_hour": 1, "revenue_per_unit": 0, "shed_penalty_per_unit": 0, "min_served": 1.0}
    case = site_case(
        steps=1,
        contracts=[spot(100)],
        assets=[engine, pool],
        grid={"import_limit_mw": 6},
        probabilities=[0.5, 0.5],
    )
    case["sites"][0]["workloads"] = [chat]
    found = value_of_information(scenario(case))
    # 8 MW: 6 from the grid at 100 and 2 from the engine at 400; both members start it
    assert found.rp == pytest.approx(-0.5 * (400 + 10) - 0.5 * (600 + 800 + 10))
    assert found.infeasible_members == (1,)
    assert found.eev == -np.inf
    assert found.vss.value == np.inf
    assert found.as_dict()["vss"]["value"] is None
    assert found.ws == pytest.approx(-0.5 * 400 - 0.5 * 1410)


def test_gaps_leave_an_interval() -> None:
    """Proves: where HiGHS stops at a gap, EVPI and VSS are told as intervals that hold the exact values, and no sign is
    claimed that is not proven."""
    prices = [[100.0, 120.0, -50.0, 130.0], [120.0, 90.0, 20.0, 250.0], [60.0, 200.0, 110.0, 118.0]]
    case = committed(prices, [0.2, 0.3, 0.5])
    exact = value_of_information(scenario(case))
    loose = value_of_information(scenario(case | {"solver": {"mip_rel_gap": 0.2}}))
    for found, true in ((loose.evpi, exact.evpi), (loose.vss, exact.vss)):
        assert found.low <= found.value <= found.high
        assert found.low - 1e-6 <= true.value
    assert loose.evpi.high + 1e-6 >= exact.evpi.value
    assert not loose.vss.sign_is_clear or loose.vss.low > 0


def test_mean_of_zeros_and_ones() -> None:
    """Proves: hours that are called in some members are called in the mean where that is at least as likely as not."""
    supply = {"kind": "interruptible_supply", "name": "s", "price_per_mwh": 50, "called": [[1, 0], [1, 1], [0, 0]]}
    supply |= {"penalty_per_mwh": 500}
    case = site_case(steps=2, contracts=[supply, spot(90)], house_load_mw=1, probabilities=[0.3, 0.2, 0.5])
    mean = mean_member(scenario(case))
    assert mean.members == 1
    assert mean.sites[0].contracts[0].called.values.tolist() == [[1.0, 0.0]]  # type: ignore[attr-defined]
    assert opt.optimize(mean).expected_profit == pytest.approx(-90 - 50)


def test_selected_members_are_written_out() -> None:
    """Proves: a scenario of some members can be written and read back without its data; bad choices are refused."""
    case = scenario(hedge([30, 90, 60], [4, 5, 6]))
    two = selected_members(case, [2, 0], [0.25, 0.75])
    again = opt.scenario_from_dict(two.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert again.sites[0].house_load_mw.values.tolist() == [[6.0], [4.0]]
    assert opt.optimize(again).expected_profit == pytest.approx(opt.optimize(two).expected_profit)
    with pytest.raises(opt.InputError, match="members: found"):
        selected_members(case, [3], [1.0])
    with pytest.raises(opt.InputError, match="probabilities: found"):
        selected_members(case, [0, 1], [0.5, 0.6])
