"""Plans near the one before: a price and a bound on changes, worked out by hand, and what must hold of any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_case import at, job, pool_case
from roads import assert_same_model
from shipped import FOLDER, STEMS
from small_case import fleet, series, site_case, spot
from stable_case import FREE, FREE_MW, KEPT, OLD_MW, new_case, new_scenario, old_plan, on_both_roads

import optimizer as opt
from optimizer.audit import audit_plan
from optimizer.parts import place
from optimizer.rebasing import rebased, window
from optimizer.rebinding import LightCompiled
from optimizer.scenario import Scenario
from optimizer.stability.changes import changes, price_of_stability, worth
from optimizer.stability.given import previous_plan, without_previous_plan
from optimizer.stability.rows import audited_changes
from optimizer.stability.settings import PreviousPlan, draws_power


# ---------------------------------------------------------------------- by hand
@pytest.mark.parametrize(
    ("per_mwh", "mw", "profit", "moved_mwh"),
    [
        (0.0, FREE_MW, FREE, 7.0),
        (4.0, FREE_MW, FREE, 7.0),
        (5.0, [3.5, 0.0, 0.0, 0.0], 225.0, 3.5),
        (6.0, OLD_MW, KEPT, 0.0),
        (1000.0, OLD_MW, KEPT, 0.0),
    ],
)
def test_price_on_changes(per_mwh: float, mw: list[float], profit: float, moved_mwh: float) -> None:
    """Proves: running in the second hour earns 15 / 3.5 = 4.3 per MWh changed, resting in the third 20 / 3.5 = 5.7, so
    that a price of 4 keeps nothing, 5 the second hour and 6 both; the price is in the objective and never in the
    profit; a very high one gives the old plan where it is feasible."""
    plan = on_both_roads(new_scenario(cost_per_mwh=per_mwh))
    assert series(plan, "power_mw", "m") == mw
    assert plan.expected_profit == pytest.approx(profit)
    assert plan.summary["previous_plan"]["moved_mwh"] == pytest.approx(moved_mwh)
    assert plan.summary["previous_plan"]["cost"] == pytest.approx(per_mwh * moved_mwh)
    assert plan.summary["objective"] == pytest.approx(profit - per_mwh * moved_mwh)
    assert sum(plan.summary["ledger"].values()) == pytest.approx(profit)
    assert abs(plan.summary["audit"]["ledger_minus_objective"]) < 1e-6


def test_bound_on_changes() -> None:
    """Proves: with at most 1 MW of change the fleet runs at 1 MW in the second hour (15 / 3.5 of profit) and at 2.5 in
    the third (2.5 / 3.5 of the loss of 20): 225 + 4.2857 - 14.2857 = 215."""
    plan = on_both_roads(new_scenario(most_change_mw=1.0))
    assert series(plan, "power_mw", "m") == [3.5, 1.0, 2.5, 0.0]
    assert plan.expected_profit == pytest.approx(215.0)
    assert plan.summary["objective"] == pytest.approx(215.0)


def test_soft_bound() -> None:
    """Proves: beyond 1 MW a change costs 5 per MWh. More than that is gained by resting in the third hour (20 / 3.5 =
    5.7 per MWh), not by running in the second (15 / 3.5 = 4.3): 225 + 15 / 3.5, less 2.5 MWh * 5."""
    plan = on_both_roads(new_scenario(most_change_mw=1.0, cost_beyond_per_mwh=5.0))
    assert series(plan, "power_mw", "m") == [3.5, 1.0, 0.0, 0.0]
    assert plan.summary["previous_plan"]["cost"] == pytest.approx(12.5)
    assert plan.summary["objective"] == pytest.approx(225 + 15 / 3.5 - 12.5)


def test_only_part_of_the_time_and_of_the_components() -> None:
    """Proves: steps before ``from`` and after ``until`` are free, and components that are not named are."""
    early = on_both_roads(new_scenario(cost_per_mwh=100.0, until=at(2)))
    assert series(early, "power_mw", "m") == [3.5, 0.0, 0.0, 0.0]
    late = on_both_roads(new_scenario(cost_per_mwh=100.0, from_=at(1.5)))
    assert series(late, "power_mw", "m") == [3.5, 3.5, 3.5, 0.0]
    assert late.summary["previous_plan"]["steps"] == 2
    two = [fleet(), fleet("n")]
    old = opt.optimize(opt.scenario_from_dict(site_case(steps=4, contracts=[spot([50, 150, 50, 150])], assets=two)))
    new = opt.scenario_from_dict(site_case(steps=4, contracts=[spot([50, 110, 120, 150])], assets=two))
    plan = on_both_roads(previous_plan(new, old, most_change_mw=0.0, components=["n"]))
    assert (series(plan, "power_mw", "m"), series(plan, "power_mw", "n")) == (FREE_MW, OLD_MW)
    assert plan.summary["moved_mwh"] == {"n": 0.0}


def test_whole_decisions_stay() -> None:
    """Proves: a rigid job keeps its hour where moving it earns less than the price on its energy. It takes all nodes
    for an hour (0.1 MWh with idling, of which it moves 0.08 and the pool the rest); power at 40 instead of 50 saves 1,
    and 0.1 MWh taken from one hour and put into another cost 0.2 * 4 = 0.8, or 0.2 * 6 = 1.2."""
    work = job(work_node_hours=10, max_nodes=10, min_nodes=10, gang_nodes=10) | {"class": "rigid"}
    work = {k: v for k, v in work.items() if k not in ("max_nodes", "min_nodes")}
    old = opt.optimize(opt.scenario_from_dict(pool_case([50.0, 90.0, 90.0], 3, work)))
    assert np.argmax(series(old, "power_mw", "j")) == 0
    new = opt.scenario_from_dict(pool_case([50.0, 90.0, 40.0], 3, work))
    moved = on_both_roads(previous_plan(new, old, cost_per_mwh=4.0))
    kept = on_both_roads(previous_plan(new, old, cost_per_mwh=6.0))
    assert (np.argmax(series(moved, "power_mw", "j")), np.argmax(series(kept, "power_mw", "j"))) == (2, 0)
    assert moved.expected_profit - kept.expected_profit == pytest.approx(1.0)
    assert moved.summary["previous_plan"]["moved_mwh"] == pytest.approx(0.2)


# ---------------------------------------------------------------------- members
def test_members_are_held_to_what_was_expected() -> None:
    """Proves: of an old plan that runs in one of two members, half the power is what every new member is held to; and
    the cost is expected over the new members."""
    fields: dict[str, Any] = {"probabilities": [0.5, 0.5]}
    old = opt.optimize(
        opt.scenario_from_dict(site_case(steps=1, contracts=[spot([[50.0], [150.0]])], assets=[fleet()], **fields))
    )
    one = opt.scenario_from_dict(site_case(steps=1, contracts=[spot([100.0])], assets=[fleet()]))
    plan = on_both_roads(previous_plan(one, old, most_change_mw=1.0))
    assert series(plan, "power_mw", "m") == [2.75]
    two = site_case(steps=1, contracts=[spot([[100.0], [130.0]])], assets=[fleet()], probabilities=[0.75, 0.25])
    plan = on_both_roads(previous_plan(opt.scenario_from_dict(two), old, cost_per_mwh=2.0))
    assert plan.dispatch["power_mw"].sel(component="m").to_numpy().ravel() == pytest.approx([3.5, 0.0])
    assert plan.summary["previous_plan"]["cost"] == pytest.approx(2.0 * 1.75)


def test_here_and_now_decisions_are_held_as_decided() -> None:
    """Proves: a fleet decided a day ahead has one schedule in all members, which is what the next plan is held to."""
    members: dict[str, Any] = {"probabilities": [0.5, 0.5]}
    fleets = [fleet(commit="day_ahead", start_lost_minutes=0.0)]
    price = [[50.0, 110.0], [70.0, 190.0]]
    old = opt.optimize(opt.scenario_from_dict(site_case(steps=2, contracts=[spot(price)], assets=fleets, **members)))
    assert old.dispatch["power_mw"].sel(component="m").to_numpy().tolist() == [[3.5, 0.0], [3.5, 0.0]]
    new = opt.scenario_from_dict(
        site_case(steps=2, contracts=[spot([[150.0, 50.0], [150.0, 50.0]])], assets=fleets, **members)
    )
    plan = on_both_roads(previous_plan(new, old, most_change_mw=0.0))
    assert plan.dispatch["power_mw"].sel(component="m").to_numpy().tolist() == [[3.5, 0.0], [3.5, 0.0]]


def test_the_risk_does_not_see_the_price_on_changes() -> None:
    """Proves: with a risk weight the objective is that of the ledger less the expected cost of changes."""
    old = old_plan()
    case = site_case(
        steps=4,
        contracts=[spot([[50.0, 110.0, 120.0, 150.0], [50.0, 100.0, 160.0, 150.0]])],
        assets=[fleet()],
        probabilities=[0.5, 0.5],
    )
    scenario = opt.scenario_from_dict(case | {"risk": {"weight": 0.5, "measure": "worst"}})
    plan = on_both_roads(previous_plan(scenario, old, cost_per_mwh=3.0))
    free = on_both_roads(scenario)
    figures = plan.summary
    assert figures["objective"] == pytest.approx(
        0.5 * figures["expected_profit"] + 0.5 * figures["cvar"] - figures["previous_plan"]["cost"]
    )
    assert figures["previous_plan"]["cost"] > 0.0
    assert worth(plan) <= worth(free) + 1e-6


# ---------------------------------------------------------------------- the audit
def test_the_audit_recomputes_bound_and_cost() -> None:
    """Proves: a plan that is changed after the solve by more than the bound is a violation, and one with a price no
    longer has the objective that was found."""
    bound = opt.build(new_scenario(most_change_mw=1.0))
    plan = bound.solve()
    false = plan.dispatch.copy(deep=True)
    false["power_mw"].loc[{"component": "m", "time": false["time"][1]}] += 0.5
    audit, *_ = audit_plan(plan.scenario, bound.parts, false, plan.money, plan.summary["objective"])
    assert audit["largest_violation"] > audit["tolerance"]
    priced = opt.build(new_scenario(cost_per_mwh=3.0))
    plan = priced.solve()
    false = plan.dispatch.copy(deep=True)
    false["power_mw"].loc[{"component": "m", "time": false["time"][0]}] -= 1.0
    audit, *_ = audit_plan(plan.scenario, priced.parts, false, plan.money, plan.summary["objective"])
    assert audit["ledger_minus_objective"] == pytest.approx(-3.0)


def test_nothing_without_the_section() -> None:
    """Proves: a scenario without it has none of its figures, and no cost."""
    plan = opt.optimize(opt.scenario_from_dict(new_case()))
    assert "previous_plan" not in plan.summary
    assert audited_changes(plan.scenario, opt.build(plan.scenario).parts, {}) == (0.0, {})
    with pytest.raises(opt.InputError, match="without an earlier plan"):
        changes(plan)


# ---------------------------------------------------------------------- what it costs, and what changed
def test_price_of_stability() -> None:
    """Proves: keeping yesterday's plan costs 240 - 205 = 35, found by really solving without it; the free plan costs
    nothing."""
    held = price_of_stability(opt.optimize(new_scenario(most_change_mw=0.0)))
    assert (held.price, held.moved_mwh) == (pytest.approx(35.0), 0.0)
    assert held.high == pytest.approx(35.0)
    assert held.free.expected_profit == pytest.approx(FREE)
    assert price_of_stability(opt.optimize(new_scenario())).price == pytest.approx(0.0, abs=1e-9)


def test_changes_hour_by_hour() -> None:
    """Proves: the table has the hours that differ, and those that are kept from differing with what a MWh of freedom
    would earn there: 15 / 3.5 in the second hour, 20 / 3.5 in the third; the others do not want to change."""
    table = changes(opt.build(new_scenario(most_change_mw=1.0)).solve(marginals=True))
    assert table["time_local"].dt.hour.tolist() == [1, 2]
    assert table["change_mw"].tolist() == pytest.approx([1.0, -1.0])
    assert table["value_per_mwh"].tolist() == pytest.approx([15 / 3.5, 20 / 3.5])
    assert table["previous_mw"].tolist() == [0.0, 3.5]
    still = changes(opt.build(new_scenario(cost_per_mwh=1000.0)).solve(marginals=True))
    assert still.empty
    soft = changes(opt.build(new_scenario(most_change_mw=1.0, cost_beyond_per_mwh=5.0)).solve(marginals=True))
    assert soft["cost"].tolist() == pytest.approx([0.0, 2.5 * 5.0])
    assert soft["value_per_mwh"].tolist() == pytest.approx([15 / 3.5, 5.0])
    without = changes(opt.optimize(new_scenario()))
    assert without["change_mw"].tolist() == [3.5, -3.5]
    assert without["value_per_mwh"].isna().all()
    assert "above the previous plan" in table["reason"][0]
    assert "below the previous plan" in table["reason"][1]


def test_bound_that_cannot_be_kept() -> None:
    """Proves: where half the machines are gone, the message names the bound on changes; a soft bound gives a plan."""
    case = site_case(steps=4, contracts=[spot([50.0, 150.0, 50.0, 150.0])], assets=[fleet(availability=0.5)])
    scenario = opt.scenario_from_dict(case)
    with pytest.raises(opt.InfeasibleError, match="below the previous plan"):
        opt.optimize(previous_plan(scenario, old_plan(), most_change_mw=1.0))
    plan = on_both_roads(previous_plan(scenario, old_plan(), most_change_mw=1.0, cost_beyond_per_mwh=50.0))
    assert series(plan, "power_mw", "m") == [1.75, 0.0, 1.75, 0.0]


# ---------------------------------------------------------------------- rolling on
def test_the_next_day_is_held_where_the_times_meet() -> None:
    """Proves: a plan that starts two hours later is held in the two hours that yesterday's covers, by instants; later
    ones are free, and a window of the scenario is held in its own hours."""
    later = site_case(steps=4, contracts=[spot([120.0, 110.0, 50.0, 150.0])], assets=[fleet()], start=at(2))
    scenario = previous_plan(opt.scenario_from_dict(later), old_plan(), most_change_mw=0.0)
    plan = on_both_roads(scenario)
    assert series(plan, "power_mw", "m") == [3.5, 0.0, 3.5, 0.0]
    assert plan.summary["previous_plan"]["steps"] == 2
    part = on_both_roads(rebased(scenario, horizon=window(scenario, 1, 3)))
    assert series(part, "power_mw", "m") == [0.0, 3.5, 0.0]
    beyond = on_both_roads(rebased(scenario, horizon=window(scenario, 2, 2)))
    assert series(beyond, "power_mw", "m") == [3.5, 0.0]
    assert beyond.summary["previous_plan"]["steps"] == 0


# ---------------------------------------------------------------------- of any prices
PRICES = st.lists(st.integers(40, 190).map(float), min_size=4, max_size=4)


@settings(max_examples=25, deadline=None)
@given(old=PRICES, new=PRICES, cost=st.sampled_from([0.0, 1.0, 5.0, 20.0, 500.0]))
def test_invariants(old: list[float], new: list[float], cost: float) -> None:
    """Proves, of any prices: a price of 0 changes nothing, the price of stability is never negative, a dearer change
    moves no more energy, the objective is the profit less the cost, and a prohibitive price keeps the old plan."""
    before = opt.optimize(
        opt.scenario_from_dict(
            site_case(steps=4, contracts=[spot(old)], assets=[fleet(), fleet("n", hashprice_per_ph_day=60)])
        )
    )
    scenario = opt.scenario_from_dict(
        site_case(steps=4, contracts=[spot(new)], assets=[fleet(), fleet("n", hashprice_per_ph_day=60)])
    )
    free = opt.optimize(without_previous_plan(previous_plan(scenario, before)))
    one, two = (opt.optimize(previous_plan(scenario, before, cost_per_mwh=c)) for c in (cost, 2 * cost + 1))
    figures, dearer = one.summary["previous_plan"], two.summary["previous_plan"]
    assert one.expected_profit <= free.expected_profit + 1e-6
    assert one.summary["objective"] == pytest.approx(one.expected_profit - figures["cost"])
    assert dearer["moved_mwh"] <= figures["moved_mwh"] + 1e-6
    if cost == 0.0:
        assert one.expected_profit == pytest.approx(free.expected_profit)
    if cost == 500.0:
        assert figures["moved_mwh"] == pytest.approx(0.0, abs=1e-6)


# ---------------------------------------------------------------------- on every road, of every kind
def at_rest(scenario: Scenario) -> dict[str, Any]:
    """A schedule in which all that can draw power draws none."""
    horizon = scenario.horizon
    labels = [name for name, part in place(scenario)[0].components.items() if draws_power(part.component)]
    start = f"{horizon.start_utc.tz_localize(None).isoformat()}Z"
    return {"start": start, "step": horizon.step, "power_mw": {label: [0.0] * horizon.steps for label in labels}}


def near_rest(scenario: Scenario, **fields: Any) -> Scenario:
    section = PreviousPlan.model_validate({"schedule": at_rest(scenario)} | fields)
    return scenario.model_copy(update={"previous_plan": section})


@pytest.mark.parametrize("stem", STEMS)
def test_no_kind_is_left_out(stem: str) -> None:
    """Proves: of every shipped scenario each component that draws power gets its two columns for each member and step,
    and no kind makes the model fall back to the slower road."""
    scenario = opt.load(FOLDER / f"{stem}.yaml")
    steps = min(6, scenario.horizon.steps)
    scenario = rebased(scenario, horizon=window(scenario, 0, steps))
    free, held = opt.build(scenario), opt.build(near_rest(scenario, cost_per_mwh=1.0))
    assert isinstance(held.compiled, LightCompiled)
    count = len(at_rest(scenario)["power_mw"])
    assert count > 0
    more = held.arrays.size["columns"] - free.arrays.size["columns"]
    assert more == 2 * count * scenario.members * steps


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_both_roads_have_the_same_rows(weight: float) -> None:
    """Proves: with price, soft bound and only part of the time, of two sites and three members, the arrays are those of
    Pyomo's own standard form, with and without risk."""
    scenario = opt.load(FOLDER / "two_sites_72h.yaml", [f"risk.weight={weight}"])
    scenario = rebased(scenario, horizon=window(scenario, 0, 5))
    fields = {"cost_per_mwh": 2.0, "most_change_mw": 1.0, "cost_beyond_per_mwh": 7.0, "from": "2024-08-19T02:00"}
    assert_same_model(near_rest(scenario, **fields))


def test_a_problem_is_bound_again() -> None:
    """Proves: ``like=`` takes another previous plan, or another price on changes, into account."""
    scenario = opt.scenario_from_dict(new_case())
    first = opt.build(previous_plan(scenario, old_plan(), cost_per_mwh=4.0))
    assert series(first.solve(), "power_mw", "m") == FREE_MW
    dearer = opt.build(previous_plan(scenario, old_plan(), cost_per_mwh=6.0), like=first)
    assert series(dearer.solve(), "power_mw", "m") == OLD_MW
    rest = opt.build(near_rest(scenario, cost_per_mwh=6.0), like=dearer)
    assert series(rest.solve(), "power_mw", "m") == [3.5, 0.0, 0.0, 0.0]
