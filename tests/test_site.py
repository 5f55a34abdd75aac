"""The site's grid connection and balances, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
from array_case import in_new_thread
from small_case import BREAK_EVEN, by_member, fleet, profit, refusals, site_case, solved, spot, warnings_of

import optimizer as opt
from optimizer.audit import audit_plan
from optimizer.kept_lp import KeptLp
from optimizer.parts import place
from optimizer.scenario import SolverOptions

SELL = {"kind": "export", "name": "sell"}


def battery(**fields: Any) -> dict[str, Any]:
    """10 MW and 20 MWh, full at the start, and empty at the end if it pays."""
    plain = {"kind": "battery", "name": "b", "power_mw": 10, "energy_mwh": 20, "soc_start_mwh": 20, "soc_end_mwh": 0}
    return plain | fields


def at_site(plan: opt.Plan, variable: str, site: str = "a", member: int = 0) -> list[float]:
    values = plan.dispatch[variable].sel(site=site).isel(member=member).to_numpy()
    return [round(float(v), 6) + 0.0 for v in values]


# ---------------------------------------------------------------------- balance
def test_import_covers_house_load_and_machines() -> None:
    """Proves: 2 MW of house load and 3.5 MW of machines are 5.5 MW; 400 - 5.5 * 40 = 180 an hour. Sensitivity: a
    balance that forgets the house load earns 260, one that counts it twice 100."""
    plan = solved(site_case(steps=1, contracts=[spot(40)], assets=[fleet()], house_load_mw=2))
    assert plan.expected_profit == pytest.approx(180.0)
    assert at_site(plan, "import_mw") == [5.5]
    assert at_site(plan, "house_load_mw") == [2.0]
    assert plan.summary["energy_mwh"]["m"] == pytest.approx(3.5)


def test_contracts_share_the_import() -> None:
    """Proves: of 3.5 MW the cheaper contract delivers its 2 MW and the dearer the rest: 400 - 2 * 20 - 1.5 * 50 = 285.
    Sensitivity: contracts each for the whole load cost 175 and 70."""
    contracts = [spot(20, "cheap", limit_mw=2), spot(50, "dear")]
    plan = solved(site_case(steps=1, contracts=contracts, assets=[fleet()]))
    assert plan.expected_profit == pytest.approx(285.0)
    assert at_site(plan, "import_mw") == [3.5]


def test_what_a_battery_feeds_in_needs_no_import() -> None:
    """Proves: 3.5 MW for the machines come out of the battery: 400 without a MWh bought. Sensitivity: with the
    battery's sign turned, 7 MW are bought and the fleet stands still at 200 per MWh: 0."""
    plan = solved(site_case(steps=1, contracts=[spot(200)], assets=[fleet(), battery()]))
    assert plan.expected_profit == pytest.approx(400.0)
    assert at_site(plan, "import_mw") == [0.0]


def test_the_house_load_may_differ_by_step_and_member() -> None:
    """Proves: 1, 2 | 3, 4 MW at 10 per MWh, equally likely: -0.5 * 30 - 0.5 * 70 = -50."""
    case = site_case(steps=2, contracts=[spot(10)], house_load_mw=[[1, 2], [3, 4]], probabilities=[0.5, 0.5])
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(-50.0)
    assert at_site(plan, "import_mw", member=1) == [3.0, 4.0]


# ---------------------------------------------------------------------- limits
def test_the_import_limit_holds_for_machines_and_house_load_together() -> None:
    """Proves: 2.5 MW less 0.75 MW of house load leave half of the machines: 200 - 2.5 * 40 = 100. Sensitivity: a limit
    on the machines alone gives 400 * 2.5 / 3.5 - 3.25 * 40 = 155.7."""
    grid = {"import_limit_mw": 2.5}
    plan = solved(site_case(steps=1, contracts=[spot(40)], assets=[fleet()], house_load_mw=0.75, grid=grid))
    assert plan.expected_profit == pytest.approx(100.0)
    assert at_site(plan, "import_mw") == [2.5]


def test_the_import_limit_may_differ_by_step_and_member() -> None:
    """Proves: limits of 3.5, 1.75 | 0, 3.5 MW at a price of 0 earn 600 and 400: 500 on average."""
    grid = {"import_limit_mw": [[3.5, 1.75], [0.0, 3.5]]}
    case = site_case(steps=2, contracts=[spot(0)], assets=[fleet()], grid=grid, probabilities=[0.5, 0.5])
    plan = solved(case)
    assert plan.profit_by_member.tolist() == pytest.approx([600.0, 400.0])
    assert by_member(plan, "power_mw", "m") == [[3.5, 1.75], [0.0, 3.5]]


def test_without_a_limit_the_import_is_unlimited_and_nothing_is_exported() -> None:
    """Proves: the defaults: a million machines draw 3500 MW; a price of -100 is not earned without a load to use it."""
    plan = solved(site_case(steps=1, contracts=[spot(-100)], assets=[fleet(machines=1_000_000)]))
    assert at_site(plan, "import_mw") == [3500.0]
    assert at_site(plan, "export_mw") == [0.0]
    assert profit(site_case(steps=1, contracts=[spot(-100)], assets=[])) == pytest.approx(0.0)


def test_the_export_limit_holds() -> None:
    """Proves: of the battery's 10 MW only 4 get out, for two hours at 50: 400; 12 MWh stay. Sensitivity: without the
    limit 20 MWh bring 1000."""
    case = site_case(
        steps=2, contracts=[spot(100), SELL | {"price_per_mwh": 50}], assets=[battery()], grid={"export_limit_mw": 4}
    )
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(400.0)
    assert at_site(plan, "export_mw") == [4.0, 4.0]


def test_own_load_is_served_before_anything_is_exported() -> None:
    """Proves: 10 MW out of the battery, 3 for the house and 7 sold at 50: 350. Sensitivity: selling all 10 and buying
    the house's 3 at 100 gives 200; 10 sold and the house load forgotten 500."""
    case = site_case(
        steps=1,
        contracts=[spot(100), SELL | {"price_per_mwh": 50}],
        assets=[battery()],
        house_load_mw=3,
        grid={"export_limit_mw": 20},
    )
    plan = solved(case)
    assert plan.expected_profit == pytest.approx(350.0)
    assert (at_site(plan, "import_mw"), at_site(plan, "export_mw")) == ([0.0], [7.0])


# ---------------------------------------------------------------------- ramps
PRICES = [0.0, 200.0, 0.0, 0.0]
"""The fleet would run, stop, run, run: 3.5, 0, 3.5, 3.5 MW for 1200."""


@pytest.mark.parametrize(
    ("step", "ramp", "power", "earned"),
    [
        ("1h", 1.4, [3.5, 2.1, 3.5, 3.5], 1020.0),
        ("1h", 3.5, [3.5, 0.0, 3.5, 3.5], 1200.0),
        ("30min", 2.8, [3.5, 2.1, 3.5, 3.5], 510.0),
    ],
)
def test_the_ramp_limit_is_per_hour(step: str, ramp: float, power: list[float], earned: float) -> None:
    """Proves: a MW brings 114.29 an hour at a price of 0 and costs 85.71 at 200; one less in the dear hour takes one
    from the hours before and after. So with 1.4 MW per hour the fleet goes down by no more: 1200 - 2.1 * 85.71 = 1020.
    Sensitivity: without the ramp 1200; in half-hour steps with the hourly limit per step 600 - 0.35 * 85.71 = 570."""
    grid = {"ramp_limit_mw_per_hour": ramp}
    plan = solved(site_case(steps=4, step=step, contracts=[spot(PRICES)], assets=[fleet()], grid=grid))
    assert at_site(plan, "import_mw") == pytest.approx(power)
    assert plan.expected_profit == pytest.approx(earned)


@pytest.mark.parametrize(
    ("before", "power"), [(None, [3.5, 3.5]), (0.0, [1.0, 2.0]), (2.0, [3.0, 3.5]), (3.5, [3.5, 3.5])]
)
def test_the_ramp_starts_from_the_net_import_before(before: float | None, power: list[float]) -> None:
    """Proves: with 1 MW per hour the first step reaches 1 MW above what was drawn before; not given, it is free.
    Sensitivity: without the rule for the first step all four start with 3.5 MW; with 0 assumed, the first starts at
    1."""
    grid = {"ramp_limit_mw_per_hour": 1.0}
    if before is not None:
        grid["net_import_before_mw"] = before
    plan = solved(site_case(steps=2, contracts=[spot(0)], assets=[fleet()], grid=grid))
    assert at_site(plan, "import_mw") == pytest.approx(power)
    assert plan.expected_profit == pytest.approx(sum(power) / 3.5 * 400.0)


def test_the_ramp_holds_down_as_well_and_through_zero() -> None:
    """Proves: from 2 MW of net import the site may go down by 3 to -1, whether by less import or by export: 1 MWh sold
    at 500. Sensitivity: a limit on import and export apart lets 3 MW out: 1500; none at all 10 MW: 5000."""
    grid = {"export_limit_mw": 10, "ramp_limit_mw_per_hour": 3, "net_import_before_mw": 2}
    contracts = [spot(600), SELL | {"price_per_mwh": 500}]
    plan = solved(site_case(steps=1, contracts=contracts, assets=[battery()], grid=grid))
    assert at_site(plan, "export_mw") == [1.0]
    assert plan.expected_profit == pytest.approx(500.0)


def test_a_ramp_that_cannot_be_kept_is_infeasible_and_named() -> None:
    """Proves: 5 MW of house load out of nothing with 1 MW per hour: the rule is named in the error."""
    grid = {"ramp_limit_mw_per_hour": 1, "net_import_before_mw": 0}
    scenario = opt.scenario_from_dict(site_case(steps=1, contracts=[spot(10)], house_load_mw=5, grid=grid))
    with pytest.raises(opt.InfeasibleError, match="net_import_before_mw"):
        opt.optimize(scenario)


def test_a_start_without_a_ramp_has_no_effect() -> None:
    """Proves: the planner is told that net_import_before_mw alone does nothing."""
    case = site_case(steps=1, contracts=[spot(10)], assets=[fleet()], grid={"net_import_before_mw": 3})
    assert "no effect without ramp_limit_mw_per_hour" in warnings_of(case)


# ---------------------------------------------------------------------- direction
def arbitrage(buy: Any, sell: Any, **fields: Any) -> dict[str, Any]:
    """A site of 3.5 MW that may buy and sell 10 MW."""
    grid = {"import_limit_mw": 10, "export_limit_mw": 10}
    contracts = [spot(buy), SELL | {"price_per_mwh": sell}]
    return site_case(steps=1, contracts=contracts, assets=[fleet()], grid=grid, **fields)


def test_never_import_and_export_at_once() -> None:
    """Proves: where selling pays more than buying costs, the site still uses one direction: 400 - 3.5 * 20 = 330.
    Sensitivity: without the binary 10 MW come in at 20 and 6.5 go out at 60, for 400 - 200 + 390 = 590."""
    plan = solved(arbitrage(20, 60))
    assert plan.expected_profit == pytest.approx(330.0)
    assert (at_site(plan, "import_mw"), at_site(plan, "export_mw")) == ([3.5], [0.0])


def test_a_negative_price_is_no_money_pump() -> None:
    """Proves: paid 50 for each MWh in and 10 for each out, the site takes what it can use: 400 + 175 = 575.
    Sensitivity: without the binary 10 MW in and 6.5 out bring 400 + 500 + 65 = 965."""
    assert profit(arbitrage(-50, 10)) == pytest.approx(575.0)
    assert profit(arbitrage(-50, -50)) == pytest.approx(575.0)


def test_the_direction_is_free_to_change_by_step_and_member() -> None:
    """Proves: member 0 imports for its battery at 10 and sells it at 90, member 1 the other way round; only where
    selling pays at least what buying costs there is a binary: 1 of 4 member-steps each way, here (0, 1) and (1, 0)."""
    case = site_case(
        steps=2,
        contracts=[spot([[10, 80], [80, 10]]), SELL | {"price_per_mwh": [[5, 90], [90, 5]]}],
        assets=[battery(soc_start_mwh=10, soc_end_mwh=10)],
        grid={"import_limit_mw": 10, "export_limit_mw": 10},
        probabilities=[0.5, 0.5],
    )
    problem = opt.build(opt.scenario_from_dict(case))
    assert sorted(problem.parts.sites["a"].frame.model.sites["a"].arbitrage) == [(0, 1), (1, 0)]
    assert int(problem.arrays.integer.sum()) == 2
    plan = solved(case)
    assert plan.profit_by_member.tolist() == pytest.approx([10 * (90 - 10), 10 * (90 - 10)])


def test_no_binary_where_selling_pays_less_than_buying() -> None:
    """Proves: a linear model where it can be one: buying and selling at once only loses money."""
    problem = opt.build(opt.scenario_from_dict(arbitrage(20, 19.99)))
    assert not problem.arrays.integer.any()
    assert at_site(problem.solve(), "export_mw") == [0.0]


@pytest.mark.parametrize("sell", [20.0, 20.5])
def test_a_binary_already_where_selling_pays_what_buying_costs(sell: float) -> None:
    """Proves: at equal prices buying and selling at once costs nothing, and is no plan all the same; half a dollar
    above, 6.5 MW more through the site would bring 3.25."""
    problem = opt.build(opt.scenario_from_dict(arbitrage(20, sell)))
    assert int(problem.arrays.integer.sum()) == 1
    assert problem.solve().expected_profit == pytest.approx(330.0)


def test_the_power_used_while_importing_is_not_cut_by_the_binary() -> None:
    """Proves: the bound of the import is no tighter than all that can be used: fleet 3.5, battery 10, house load 1,
    hall at 10 % of 3.5: 14.85 MW at -100. Sensitivity: a big-M of the fleet alone leaves 3.5 MW."""
    case = site_case(
        steps=1,
        contracts=[spot(-100), SELL | {"price_per_mwh": 0}],
        cooling=[{"kind": "hall", "name": "air", "overhead": 0.1}],
        assets=[fleet(cooling="air"), battery(soc_start_mwh=0, charge_efficiency=0.9)],
        house_load_mw=1,
        grid={"import_limit_mw": 100, "export_limit_mw": 10},
    )
    plan = solved(case)
    assert at_site(plan, "import_mw") == [14.85]
    assert plan.expected_profit == pytest.approx(400 + 1485)


def test_the_relaxation_cannot_sell_a_block_that_is_not_resold() -> None:
    """Proves: a house of 11 MW, a battery that gives 10 MW, a paid block of 10 MW: at 100 per MWh nothing is sold, as
    the house needs 1 MW more than the battery gives. In fractions the block comes in with a share of 0.55 (5.5 MW,
    as 4.5 are sold): 450. Sensitivity: bound to the largest load of 21 MW only, a share of 0.355 would let in 7.45 MW
    and sell 6.45: 645."""
    block = {"kind": "fixed_block", "name": "block", "volume_mw": 10, "price_per_mwh": 0, "take_or_pay_fraction": 1}
    contracts = [block, SELL | {"price_per_mwh": 100}]
    storage = battery(energy_mwh=40, soc_start_mwh=40)
    case = site_case(steps=1, contracts=contracts, assets=[storage], house_load_mw=11, grid={"export_limit_mw": 10})
    assert solved(case).expected_profit == pytest.approx(0.0, abs=1e-6)
    relaxed = KeptLp(opt.build(opt.scenario_from_dict(case)).arrays, SolverOptions(threads=1))
    assert in_new_thread(relaxed.run)
    assert relaxed.objective == pytest.approx(450.0)


# ---------------------------------------------------------------------- emissions
def test_emissions_count_the_import_by_step_and_member() -> None:
    """Proves: 2 MW at 300 and 500 kg/MWh, in half-hour steps, are 0.3 + 0.5 t; a second member at 0 and odds of 1/4
    leaves 0.75 * 0.8 = 0.6 t. Sensitivity: MW taken for MWh give 1.2, tonnes for kilograms 600."""
    case = site_case(
        steps=2,
        step="30min",
        contracts=[spot(10)],
        house_load_mw=2,
        grid={"co2_kg_per_mwh": [[300, 500], [0, 0]]},
        probabilities=[0.75, 0.25],
    )
    assert solved(case).summary["co2_t"] == pytest.approx(0.6)
    del case["sites"][0]["grid"]
    assert solved(case).summary["co2_t"] is None


def test_emissions_do_not_steer_the_plan() -> None:
    """Proves: without a price the intensity changes the report only: the plan earns the same 50."""
    assert profit(site_case(steps=1, contracts=[spot(100)], assets=[fleet()])) == pytest.approx(50.0)
    case = site_case(steps=1, contracts=[spot(100)], assets=[fleet()], grid={"co2_kg_per_mwh": 1000})
    assert profit(case) == pytest.approx(50.0)


# ---------------------------------------------------------------------- several sites
def two(north: dict[str, Any], south: dict[str, Any]) -> dict[str, Any]:
    case = site_case(steps=1, contracts=[])
    return case | {"sites": [{"name": "north"} | north, {"name": "south"} | south]}


def test_sites_do_not_share_power() -> None:
    """Proves: cheap power in the north does not run the south's machines: 400 - 35 and 0 (150 is above break-even
    114.29). Sensitivity: one bus for both sites earns 365 twice."""
    case = two(
        {"contracts": [spot(10)], "assets": [fleet()], "house_load_mw": 1},
        {"contracts": [spot(150)], "assets": [fleet()], "grid": {"import_limit_mw": 9, "co2_kg_per_mwh": 400}},
    )
    plan = solved(case)
    assert BREAK_EVEN < 150
    assert plan.expected_profit == pytest.approx(365.0 - 10.0)
    assert at_site(plan, "import_mw", "north") == [4.5]
    assert at_site(plan, "import_mw", "south") == [0.0]
    assert plan.summary["peak_import_mw_by_site"] == pytest.approx({"north": 4.5, "south": 0.0})
    assert plan.summary["energy_mwh"]["north.m"] == pytest.approx(3.5)


def test_names_used_at_two_sites_are_told_apart_by_site() -> None:
    """Proves: components of one name are labelled site.name, and both bill under one line of the ledger."""
    case = two({"contracts": [spot(10)], "assets": [fleet()]}, {"contracts": [spot(20)], "assets": [fleet("solo")]})
    plan = solved(case)
    assert plan.dispatch["component"].to_numpy().tolist() == ["north.spot", "m", "south.spot", "solo"]
    assert plan.dispatch["component_site"].to_numpy().tolist() == ["north", "north", "south", "south"]
    assert plan.summary["ledger"]["spot_energy"] == pytest.approx(-3.5 * 30)


def test_emissions_add_up_over_the_sites_that_give_an_intensity() -> None:
    """Proves: 3.5 MWh at 400 kg in the north and none known in the south are 1.4 t."""
    case = two(
        {"contracts": [spot(10)], "assets": [fleet()], "grid": {"co2_kg_per_mwh": 400}},
        {"contracts": [spot(10)], "assets": [fleet()]},
    )
    assert solved(case).summary["co2_t"] == pytest.approx(1.4)


# ---------------------------------------------------------------------- what is refused
def test_a_house_load_beyond_the_import_limit_is_refused() -> None:
    """Proves: the step from which on it cannot be served is named in local time."""
    case = site_case(
        steps=3, contracts=[spot(10)], assets=[fleet()], house_load_mw=[1, 1, 5], grid={"import_limit_mw": [9, 9, 4]}
    )
    text = refusals(case)
    assert "house load of 5 MW exceeds the import limit of 4 MW" in text
    assert "02:00" in text


def test_a_site_without_a_supply_is_refused() -> None:
    """Proves: no contract that delivers, no plan; an export contract does not help."""
    case = site_case(steps=1, contracts=[SELL | {"price_per_mwh": 50}], assets=[battery()], grid={"export_limit_mw": 4})
    assert "no contract delivers energy" in refusals(case)


def audited_against(case: dict[str, Any], plan: opt.Plan) -> dict[str, Any]:
    """The audit of a plan against another scenario's rules."""
    parts, _ = place(opt.scenario_from_dict(case))
    found, *_ = audit_plan(plan.scenario, parts, plan.dispatch, plan.money, plan.summary["objective"])
    return found


def test_the_audit_measures_the_ramp_from_the_plan() -> None:
    """Proves: a plan made without the ramp limit, 3.5, 0, 3.5, 3.5 MW, exceeds one of 1.4 MW by 2.1, and with a start
    at 0 one of 1 MW by 2.5 in its first step."""
    case = site_case(steps=4, contracts=[spot(PRICES)], assets=[fleet()])
    plan = solved(case)
    found = audited_against(_with_grid(case, ramp_limit_mw_per_hour=1.4), plan)
    assert found["largest_violation_of"] == "a: ramp limit of the grid connection"
    assert found["largest_violation_absolute"] == pytest.approx(2.1)
    flat = site_case(steps=2, contracts=[spot(0)], assets=[fleet()])
    found = audited_against(_with_grid(flat, ramp_limit_mw_per_hour=1.0, net_import_before_mw=0.0), solved(flat))
    assert found["largest_violation_absolute"] == pytest.approx(2.5)


def test_the_audit_measures_the_connection_from_the_plan() -> None:
    """Proves: a plan of 3.5 MW exceeds an import limit of 3 by 0.5, and one that exports 4 MW an export limit of 3 by
    1."""
    case = site_case(steps=1, contracts=[spot(0)], assets=[fleet()])
    found = audited_against(_with_grid(case, import_limit_mw=3), solved(case))
    assert found["largest_violation_of"] == "a: import within import_limit_mw"
    assert found["largest_violation_absolute"] == pytest.approx(0.5)
    contracts = [spot(100), SELL | {"price_per_mwh": 50}]
    case = site_case(steps=1, contracts=contracts, assets=[battery()], grid={"export_limit_mw": 4})
    found = audited_against(_with_grid(case, export_limit_mw=3), solved(case))
    assert found["largest_violation_of"] == "a: export within export_limit_mw"
    assert found["largest_violation_absolute"] == pytest.approx(1.0)


def _with_grid(case: dict[str, Any], **grid: float) -> dict[str, Any]:
    return case | {"sites": [case["sites"][0] | {"grid": case["sites"][0].get("grid", {}) | grid}]}
