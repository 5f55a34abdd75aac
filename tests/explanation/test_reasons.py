"""Reasons worked out by hand: which code, which margin, which limit, and what it is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyomo.environ as pyo
import pytest
from pool_case import job, pool, pool_case, rental, service
from shipped import STEMS
from shipped import solved as shipped
from small_case import BREAK_EVEN, fleet, site_case, spot

import optimizer as opt
from optimizer.component import Asset, Floats, MoneyLine
from optimizer.explanation.explanation import Explanation
from optimizer.explanation.reason import CODES, Code, Reason
from optimizer.explanation.reasons import explain_plan
from optimizer.frame import Frame
from optimizer.marginals import duals_of
from optimizer.quantities import Megawatts, NonNegative
from optimizer.template import Constraint, Var


def explained(case: Any) -> Explanation:
    found = opt.optimize(opt.scenario_from_dict(case)).explanation
    assert found is not None
    return found


def reasons(case: Any, component: str = "m") -> list[Reason]:
    """The reasons of a component in all steps."""
    found = explained(case)
    return [found.of_step(component, step) for step in range(found.scenario.horizon.steps)]


# ---------------------------------------------------------------------- what pays, and what does not
def test_a_fleet_runs_below_its_break_even_and_rests_above() -> None:
    """Proves: a MWh of mining brings 114.29; at 50 it leaves 64.29 and all machines run, each of which is 3.5 kW: one
    more is worth 0.225; at 150 a MWh would lose 35.71."""
    cheap, dear = reasons(site_case(steps=2, contracts=[spot([50, 150])], assets=[fleet()]))
    assert (cheap.code, dear.code) == (Code.PAYS, Code.PRICE_ABOVE_BREAK_EVEN)
    assert cheap.margin_per_mwh == pytest.approx(BREAK_EVEN - 50)
    assert dear.margin_per_mwh == pytest.approx(BREAK_EVEN - 150)
    assert cheap.limit is not None
    assert cheap.limit.field == "sites[0].assets[0].machines"
    assert cheap.value_per_unit == pytest.approx(0.0035 * (BREAK_EVEN - 50))
    assert cheap.text.startswith(
        "Mines with 3.50 MW: a MWh brings 114.3 and costs 50.00; all machines that are there run (1,000); "
        "one machine more is worth 0.2"
    )
    assert dear.text == "Rests: a MWh would bring 114.3 and cost 150.0; that does not pay."
    assert dear.limit is None
    assert np.isnan(dear.value_per_unit)


def test_members_have_reasons_of_their_own() -> None:
    """Proves: margins are per MWh of the member, whatever its probability."""
    case = site_case(steps=1, contracts=[spot([[50], [150]])], assets=[fleet()], probabilities=[0.25, 0.75])
    found = explained(case)
    assert found.of_step("m", 0, 0).margin_per_mwh == pytest.approx(BREAK_EVEN - 50)
    assert found.of_step("m", 0, 1).margin_per_mwh == pytest.approx(BREAK_EVEN - 150)
    assert found.of_step("m", 0, 1).code is Code.PRICE_ABOVE_BREAK_EVEN
    assert found.power_price["a"][0, 0] == pytest.approx(50)


def test_with_risk_the_members_that_count_more_do_not_distort_margins() -> None:
    """Proves: with all weight on the worst member, a MWh of it still earns 114.29 - 50; the other's profit counts for
    nothing, so it has no margin."""
    case = site_case(steps=1, contracts=[spot([[50], [20]])], assets=[fleet()], probabilities=[0.5, 0.5])
    found = explained(case | {"risk": {"weight": 0.5, "cvar_alpha": 0.5}})
    assert found.of_step("m", 0, 0).margin_per_mwh == pytest.approx(BREAK_EVEN - 50)
    assert found.of_step("m", 0, 1).margin_per_mwh == pytest.approx(BREAK_EVEN - 20)


def test_at_break_even_more_or_less_of_it_is_the_same() -> None:
    """Proves: 300 for 3 MWh is 100 per MWh, the price: no margin and no limit is claimed."""
    case = site_case(steps=1, contracts=[spot(100)], assets=[fleet(hashprice_per_ph_day=42)])
    (reason,) = reasons(case)
    assert reason.code is Code.INDIFFERENT
    assert reason.margin_per_mwh == pytest.approx(0.0, abs=1e-9)


# ---------------------------------------------------------------------- limits
def test_the_grid_limit_holds_the_marginal_fleet_and_the_one_that_rests() -> None:
    """Proves: on 2 MW of grid at 50 the better fleet takes it all; a MW more is worth 114.29 - 50. The other fleet
    earns 85.71: less than the 114.29 that a MWh is worth here, but more than the 50 that it costs, so the limit is what
    holds it. Sensitivity: by price alone it would be said not to pay."""
    assets = [fleet(), fleet("weak", hashprice_per_ph_day=36)]
    found = explained(site_case(steps=1, contracts=[spot(50)], assets=assets, grid={"import_limit_mw": 2}))
    for label in ("m", "weak", "site a"):
        reason = found.of_step(label, 0)
        assert reason.code is Code.GRID_LIMIT, label
        assert reason.value_per_unit == pytest.approx(BREAK_EVEN - 50), label
        assert reason.limit is not None
        assert (reason.limit.where, reason.limit.rule, reason.limit.side) == ("site a", "import_mw", "at most")
        assert reason.limit.field == "sites[0].grid.import_limit_mw"
    assert found.of_step("m", 0).margin_per_mwh == pytest.approx(0.0, abs=1e-9)
    assert found.of_step("weak", 0).margin_per_mwh == pytest.approx(300 / 3.5 - BREAK_EVEN)
    assert found.of_step("spot", 0).code is Code.GRID_LIMIT
    assert found.power_price["a"][0, 0] == pytest.approx(BREAK_EVEN)


def test_a_fleet_that_would_not_pay_at_the_price_either_is_not_held_by_the_grid() -> None:
    """Proves: at 90 the weak fleet's 85.71 does not pay, grid limit or not."""
    assets = [fleet(), fleet("weak", hashprice_per_ph_day=36)]
    found = explained(site_case(steps=1, contracts=[spot(90)], assets=assets, grid={"import_limit_mw": 2}))
    assert found.of_step("m", 0).code is Code.GRID_LIMIT
    assert found.of_step("weak", 0).code is Code.PRICE_ABOVE_BREAK_EVEN


def test_the_cooling_limit_holds_the_fleet() -> None:
    """Proves: 2 MW of heat at an overhead of 0.1 and a price of 50: a MWh of mining costs 55, and a MW of cooling more
    is worth 114.29 - 55."""
    hall = {"kind": "hall", "name": "air", "overhead": 0.1, "heat_limit_mw": 2}
    found = explained(site_case(steps=1, contracts=[spot(50)], assets=[fleet(cooling="air")], cooling=[hall]))
    for label in ("m", "air"):
        reason = found.of_step(label, 0)
        assert reason.code is Code.COOLING_LIMIT, label
        assert reason.value_per_unit == pytest.approx(BREAK_EVEN - 55), label
    assert found.of_step("m", 0).margin_per_mwh == pytest.approx(BREAK_EVEN - 55)


def test_a_peak_is_avoided_and_told() -> None:
    """Proves: 2 MW have been metered this month; at 100 per kW a MW more costs 100,000 and earns 64.29 an hour, so the
    fleet stays at 2 MW, and the peak is told."""
    charge = {"kind": "demand_charge", "name": "tdu", "rate_per_kw_month": 100, "month_to_date_peak_mw": 2}
    found = explained(site_case(steps=1, contracts=[spot(50), charge], assets=[fleet()]))
    reason = found.of_step("m", 0)
    assert reason.code is Code.PEAK_AVOIDANCE
    assert reason.power_mw == pytest.approx(2.0)
    assert reason.value_per_unit == pytest.approx(BREAK_EVEN - 50)
    assert "the peak of 2.00 MW" in reason.text


def test_a_block_that_is_used_up_is_told_before_the_price_beyond_it() -> None:
    """Proves: a block of 1 MW at 30 and the market at 300: the fleet uses the block and no more, and a MW more of it is
    worth 114.29 - 30."""
    block = {"kind": "fixed_block", "name": "block", "volume_mw": 1, "price_per_mwh": 30, "take_or_pay_fraction": 0}
    found = explained(site_case(steps=1, contracts=[spot(300), block], assets=[fleet()]))
    reason = found.of_step("m", 0)
    assert reason.code is Code.CONTRACT_LIMIT
    assert reason.limit is not None
    assert reason.limit.where == "block"
    assert reason.value_per_unit == pytest.approx(BREAK_EVEN - 30)
    assert found.of_step("spot", 0).code is Code.PRICE_ABOVE_BREAK_EVEN


def test_nothing_available_is_no_matter_of_price() -> None:
    """Proves: machines that are not there rest, and the next hour pays."""
    out, there = reasons(site_case(steps=2, contracts=[spot(50)], assets=[fleet(availability=[0.0, 1.0])]))
    assert out.code in (Code.AVAILABILITY, Code.ALL_IN_USE)
    assert there.code is Code.PAYS


# ---------------------------------------------------------------------- obligations
def generator(**fields: Any) -> dict[str, Any]:
    """1 MW at 10 GJ/MWh and 5 per GJ: 50 per MWh."""
    plain = {"kind": "generator", "name": "g", "unit_mw": 1, "units": 1, "heat_rate_gj_per_mwh": 10}
    return plain | {"fuel_price_per_gj": 5, "running_before": 0} | fields


def test_a_minimum_load_drives_an_engine_that_has_to_stay_on() -> None:
    """Proves: an engine at 50 stays on for three hours in a market at 200, 20, 200; in the second it gives its minimum
    of 0.5 MW at a loss of 30 per MWh, and a MW less of minimum load is worth 30."""
    case = site_case(
        steps=3, contracts=[spot([200, 20, 200])], assets=[generator(min_load=0.5, min_up_hours=3)], house_load_mw=2
    )
    first, second, third = reasons(case, "g")
    assert (first.code, second.code, third.code) == (Code.PAYS, Code.MINIMUM_LOAD, Code.PAYS)
    assert second.power_mw == pytest.approx(-0.5)
    assert second.margin_per_mwh == pytest.approx(-30)
    assert second.value_per_unit == pytest.approx(30)
    assert first.margin_per_mwh == pytest.approx(150)


def test_a_job_runs_because_of_its_deadline() -> None:
    """Proves: 15 node-hours on 10 nodes in the two cheapest hours: full at 20, half at 50, none at 80. At the margin an
    hour of work is worth what it costs in the second hour, 10 kW * 50 = 0.5, and that is what the deadline asks for."""
    case = pool_case([50, 20, 80], 3, job(work_node_hours=15, required=True))
    half, full, none = reasons(case, "j")
    assert half.code is Code.DEADLINE
    assert half.value_per_unit == pytest.approx(0.5)
    assert full.code is Code.PAYS
    assert full.margin_per_mwh == pytest.approx(30)
    assert none.code is Code.PRICE_ABOVE_BREAK_EVEN
    assert none.margin_per_mwh == pytest.approx(-30)


def test_work_on_a_pool_competes_for_its_nodes() -> None:
    """Proves: rental earns 8 per node and hour, 800 per MWh at 10 kW; all 10 nodes are rented, and one more is worth 8
    - 0.5."""
    found = explained(pool_case(50, 1, rental(max_nodes=10), service(demand_per_hour=100, revenue_per_unit=0.01)))
    reason = found.of_step("r", 0)
    assert reason.code in (Code.PAYS, Code.DEMAND_MET, Code.ALL_IN_USE)
    assert reason.margin_per_mwh == pytest.approx(750)
    assert reason.value_per_unit == pytest.approx(7.5)
    assert found.of_step("s", 0).code is not Code.NO_DECISION
    assert found.of_step("h", 0).code in (Code.NO_WORK, Code.ALL_IN_USE)


def test_a_battery_is_told_by_its_spread_and_its_limits() -> None:
    """Proves: 1 MW and 0.9 MWh, bought at 20 and sold at 100: charging and discharging pay; at 60 in between neither
    does."""
    battery = {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 0.9, "soc_start_mwh": 0, "soc_end_mwh": 0}
    battery |= {"charge_efficiency": 0.9}
    case = site_case(steps=3, contracts=[spot([20, 60, 100])], assets=[battery], house_load_mw=2)
    charging, resting, giving = reasons(case, "b")
    assert charging.power_mw > 0 > giving.power_mw
    assert resting.power_mw == 0.0
    assert resting.code in (Code.PRICE_ABOVE_BREAK_EVEN, Code.STORAGE_LIMIT)
    assert {charging.code, giving.code} <= {Code.PAYS, Code.STORAGE_LIMIT}
    assert charging.margin_per_mwh + giving.margin_per_mwh >= 0


# ---------------------------------------------------------------------- a new kind, all scenarios
class Kiln(Asset):
    """A kiln that earns by the MWh and takes a share of its power from a store of clay, which it says nothing about."""

    kind: Literal["kiln"] = "kiln"
    most_mw: Megawatts
    clay_mwh: Megawatts
    price_per_mwh: NonNegative

    def variables(self, b: Any, f: Frame) -> None:
        b.burnt_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t: (0, self.most_mw))

    def constraints(self, b: Any, f: Frame) -> None:
        b.clay = Constraint(
            f.members,
            rule=lambda b, w: sum(b.burnt_mw[w, t] for t in f.steps) <= self.clay_mwh,
            doc="clay that there is",
        )

    def power_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.burnt_mw[w, t]

    def largest_power_mw(self, f: Frame) -> Floats:
        return f.full(self.most_mw)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {"bricks": f.by_step(lambda b, w, t: self.price_per_mwh * b.burnt_mw[w, t] * f.step_h)}


def test_a_new_kind_explains_itself() -> None:
    """Proves: a kind that says nothing of its rules is told by their docs and bounds. Clay for 3 MWh, 2 MW at most,
    bricks at 100: it burns 2 MW at 20 (a MW more is worth 30: it replaces the hour at 50), 1 MW at 50, where the clay
    ends (a MWh of clay is worth 50), and nothing at 120."""
    scenario = opt.scenario_from_dict(site_case(steps=3, contracts=[spot([20, 50, 120])], assets=[fleet()]))
    kiln = Kiln(name="kiln", most_mw=2, clay_mwh=3, price_per_mwh=100)
    site = scenario.sites[0].model_copy(update={"assets": (kiln,)})
    problem = opt.build(scenario.model_copy(update={"sites": (site,)}))
    found = _reasons(problem)
    first, second, third = (found.of_step("kiln", step) for step in range(3))
    assert first.code is Code.PAYS
    assert second.limit is not None
    assert (second.limit.words, second.limit.where) == ("clay that there is", "kiln")
    assert second.value_per_unit == pytest.approx(50)
    assert second.margin_per_mwh == pytest.approx(50)
    assert third.code is Code.PRICE_ABOVE_BREAK_EVEN
    assert third.margin_per_mwh == pytest.approx(-20)


def _reasons(problem: opt.Problem) -> Any:
    """Of a scenario that no file could hold, whose plan has no results."""
    outcome = problem._outcome(problem.arrays, None)
    duals = duals_of(outcome, problem.arrays, problem.scenario.solver)
    assert duals is not None
    assert outcome.values is not None
    return explain_plan(problem.scenario, problem.parts, problem.compiled, duals, outcome.values)


def test_reasons_are_those_of_the_plan_as_it_was_solved() -> None:
    """Proves: asked only after the problem has become an ordinary Pyomo model, the plan's reasons are as before."""
    scenario = opt.scenario_from_dict(site_case(steps=3, contracts=[spot([20, 50, 120])], assets=[fleet()]))
    known = opt.optimize(scenario).explanation
    problem = opt.build(scenario)
    plan = problem.solve()
    assert problem.model is not None
    assert plan.explanation is not None
    assert known is not None
    assert plan.explanation.table().equals(known.table())


def test_a_negative_price_is_a_cost_below_zero() -> None:
    """Proves: at -50 a machine that breaks even at 114.29 is told that a MWh brings 114.3 and costs -50; read the other
    way round, it would bring 50 and cost -114.3."""
    plan = opt.optimize(opt.load(Path(__file__).parents[2] / "scenarios" / "smallest.yaml"))
    reason = plan.explain("m", "2024-08-19T02:00")
    assert "brings 114.3 and costs -50.00" in reason.text
    assert reason.margin_per_mwh == pytest.approx(400 / 3.5 + 50)


@pytest.mark.parametrize("stem", STEMS)
def test_every_component_and_hour_has_a_reason(stem: str) -> None:
    """Proves: nothing that moves is without a reason; nothing that has a limit is told without its words; every
    sentence is one; and the arrays fit the plan."""
    _, plan = shipped(stem)
    found = plan.explanation
    assert found is not None
    assert set(plan.dispatch["component"].to_numpy()) <= set(found.reasons)
    for label, of in found.reasons.items():
        moves = np.abs(of.power_mw) > 1e-6
        codes = {CODES[code] for code in np.unique(of.codes[moves]).tolist()}
        assert Code.NO_DECISION not in codes, label
        for step in range(0, of.codes.shape[1], 11):
            reason = found.of_step(label, step)
            assert reason.text.endswith("."), label
            assert "{" not in reason.text
            assert "nan" not in reason.text
            assert (reason.code is Code.RULE) <= (reason.limit is not None), (label, step)
            assert np.isnan(reason.value_per_unit) or reason.value_per_unit >= 0
    for label in plan.dispatch["component"].to_numpy():
        power = plan.dispatch["power_mw"].sel(component=label).to_numpy()
        if not hasattr(opt.build(plan.scenario).parts.components[label].component, "delivered_mw"):
            np.testing.assert_allclose(found.reasons[label].power_mw, power, atol=1e-9)


def test_the_ordinary_road_has_the_same_reasons() -> None:
    """Proves: the model in ordinary Pyomo, with its own rows and columns, is explained like the arrays."""
    assets = [fleet(), fleet("weak", hashprice_per_ph_day=36)]
    case = site_case(steps=2, contracts=[spot([50, 90])], assets=assets, grid={"import_limit_mw": 2})
    problem = opt.build(opt.scenario_from_dict(case))
    fast = problem.solve().explanation
    _ = problem.model
    ordinary = problem.solve().explanation
    assert fast is not None
    assert ordinary is not None
    for label in ("m", "weak", "spot", "site a"):
        for step in range(2):
            one, other = fast.of_step(label, step), ordinary.of_step(label, step)
            assert (one.code, one.limit) == (other.code, other.limit), (label, step)
            assert one.margin_per_mwh == pytest.approx(other.margin_per_mwh)


def test_pools_that_idle_have_a_reason() -> None:
    """Proves: a pool whose nodes cannot be switched off idles because nothing else is to be done with them."""
    found = explained(pool_case(50, 1, rental(max_nodes=4), on=pool(switch_off=False)))
    assert found.of_step("h", 0).code is Code.NO_WORK
    assert found.of_step("r", 0).code is Code.DEMAND_MET
