"""Why there is no plan: the conflict is told in the scenario's words, with its times and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo
import pytest
from pool_case import at, job, pool_case
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.infeasibility import conflict, explanation


def reason(case: dict[str, Any], change: Callable[[Any], None] | None = None) -> list[str]:
    """Lines of the message of the infeasible case, after ``change`` was made to its Pyomo model; without repairs."""
    problem = opt.build(opt.scenario_from_dict(case))
    if change is not None:
        change(problem.model)
    with pytest.raises(opt.InfeasibleError) as caught:
        problem.solve()
    assert caught.value.exit_code == 3
    lines = [line.removeprefix("  - ") for line in str(caught.value).splitlines()]
    ends = [number for number, line in enumerate(lines) if "it was tried" in line or "all were tried" in line]
    return lines[: ends[0] if ends else None]


def test_a_supply_too_small_for_one_hour() -> None:
    told = reason(site_case(steps=3, contracts=[spot(10, limit_mw=[5, 1, 5])], house_load_mw=2))
    assert told == [
        'no plan satisfies all rules: site a needs 2 ("power balance of the site" at 2024-08-19 01:00), but at most 1 '
        "is possible; in the way: spot: delivered_mw at most 1 (at 2024-08-19 01:00)",
        "these conflict (leave out any one and there is a plan):",
        "spot: delivered_mw at most 1 (at 2024-08-19 01:00)",
        "site a: import equals what the contracts deliver (at 2024-08-19 01:00)",
        "site a: power balance of the site (at 2024-08-19 01:00)",
    ]


def test_states_before_the_horizon_and_runs_of_hours() -> None:
    battery = {"kind": "battery", "name": "b", "power_mw": 3, "energy_mwh": 5, "soc_start_mwh": 1, "soc_end_mwh": 4}
    told = reason(site_case(steps=2, contracts=[spot(10, limit_mw=0)], assets=[battery]))
    assert "b: soc_mwh at most 1 (before the first step)" in told
    assert "b: soc_mwh at least 4 (at 2024-08-19 01:00)" in told
    assert "spot: delivered_mw at most 0 (2 steps from 2024-08-19 00:00 to 2024-08-19 01:00)" in told


def test_the_member_is_named() -> None:
    case = site_case(
        steps=2, contracts=[spot(10, limit_mw=[[5, 5], [5, 1]])], house_load_mw=2, probabilities=[0.5, 0.5]
    )
    assert "spot: delivered_mw at most 1 (at 2024-08-19 01:00, member 1)" in reason(case)


def test_jobs_that_fit_alone_but_not_together() -> None:
    gang = {"class": "rigid", "gang_nodes": 6, "work_node_hours": 18, "required": True, "deadline": at(4)}
    told = reason(pool_case(10, 4, job("j", **gang), job("k", **gang)))
    assert "j: finished by the deadline (required)" in told
    assert "k: finished by the deadline (required)" in told
    assert any(line.startswith("h: ") for line in told)
    assert not any("start at most 0" in line for line in told)


def test_a_conflict_that_only_whole_decisions_have() -> None:
    """Proves: 2 z = 3 has a solution with fractions, so that HiGHS's own search finds nothing; the rule is named."""

    def odd(model: Any) -> None:
        model.z = pyo.Var(within=pyo.Integers, bounds=(0, 10))
        model.odd = pyo.Constraint(expr=2 * model.z == 3, doc="an odd number of pairs")

    told = reason(site_case(steps=2, contracts=[spot(10)], assets=[fleet()]), odd)
    assert told == [
        "no plan satisfies all rules; these conflict once decisions have to be whole (started or not, here or there):",
        "portfolio: an odd number of pairs",
    ]


def test_on_the_fast_road_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search over whole rules, forced for a conflict that HiGHS could have named."""
    nothing = conflict.Found([], "")
    monkeypatch.setattr(conflict, "linear_conflict", lambda arrays, words: nothing)
    case = site_case(steps=3, contracts=[spot(10, limit_mw=[5, 1, 5])], house_load_mw=2)
    told = reason(case)
    assert told[-2:] == ["site a: import equals what the contracts deliver", "site a: power balance of the site"]
    monkeypatch.setattr(conflict, "RULE_TIME_LIMIT_S", 0.0)
    assert "site a: power balance of the site" in reason(case)  # out of time: every rule is listed
    monkeypatch.setattr(explanation, "find_conflict", lambda arrays, words: nothing)
    assert reason(case) == ["no plan satisfies all rules; HiGHS could not name a smaller set that conflicts"]


CASE = site_case(steps=3, contracts=[spot([10, 200, 10])], assets=[fleet()])


def test_a_constraint_of_the_users_own() -> None:
    """Proves: with at most 5 MWh in all, the fleet of 3.5 MW earns 114.29 - 10 on each of 5 MWh: 521.43.

    Sensitivity: without the constraint it is 2 * 3.5 * 104.29 = 730.
    """
    problem = opt.build(opt.scenario_from_dict(CASE))
    assert problem.solve().expected_profit == pytest.approx(730.0)
    model = problem.model
    model.cap = pyo.Constraint(expr=sum(model.sites["a"].import_mw[0, t] for t in model.steps) <= 5)
    plan = problem.solve()
    assert plan.expected_profit == pytest.approx(5 * (400 / 3.5 - 10))
    assert float(plan.dispatch["import_mw"].sum()) == pytest.approx(5.0)
    model.cap.deactivate()
    assert problem.solve().expected_profit == pytest.approx(730.0)


@pytest.mark.parametrize(
    ("declare", "named"),
    [
        (lambda m: pyo.Constraint(expr=m.sites["a"].import_mw[0, 1] >= 4, doc="a promise"), "portfolio: a promise"),
        (lambda m: pyo.Constraint(expr=m.sites["a"].import_mw[0, 1] >= 4), "portfolio: promised"),
        (
            lambda m: pyo.Constraint([1], rule=lambda m, t: m.sites["a"].import_mw[0, t] >= 4),
            "portfolio: promised",
        ),
        (
            lambda m: pyo.Constraint([("x", "y")], rule=lambda m, x, y: m.sites["a"].import_mw[0, 1] >= 4),
            "portfolio: promised",
        ),
    ],
)
def test_an_infeasible_constraint_of_the_users_own_is_named(declare: Callable[[Any], Any], named: str) -> None:
    told = reason(CASE, lambda model: model.add_component("promised", declare(model)))
    assert named in told
    assert "m: running at most 1000 (at 2024-08-19 01:00)" in told


def test_a_users_constraint_over_our_steps_is_told_with_its_time() -> None:
    def promise(model: Any) -> None:
        model.promised = pyo.Constraint(
            model.members, model.steps, rule=lambda m, w, t: m.sites["a"].import_mw[w, t] >= 4 * (t == 2)
        )

    assert "portfolio: promised (at 2024-08-19 02:00)" in reason(CASE, promise)


def test_profit_without_limit() -> None:
    problem = opt.build(opt.scenario_from_dict(CASE))
    problem.model.gift = pyo.Var(within=pyo.NonNegativeReals)
    problem.model.objective.set_value(problem.model.objective.expr + problem.model.gift)
    with pytest.raises(opt.UnboundedError, match=r"without limit.*portfolio gift") as caught:
        problem.solve()
    assert caught.value.exit_code == 3


def test_the_money_pump_is_named() -> None:
    """Proves: power bought at 10 in the last hour and given away at 25 earns 15 for each unit; the limits that the
    supply and the connection could have are named. Sensitivity: the first hour, at 20, would earn 5."""
    problem = opt.build(opt.scenario_from_dict(site_case(steps=2, contracts=[spot([20, 10])])))
    model = problem.model
    model.sold = pyo.Var(model.members, model.steps, within=pyo.NonNegativeReals)
    for step in model.steps:
        balance = model.sites["a"].balance[0, step]
        balance.set_value(balance.body - model.sold[0, step] == balance.upper)
    model.objective.set_value(model.objective.expr + sum(25 * model.sold[0, t] for t in model.steps))
    with pytest.raises(opt.UnboundedError) as caught:
        problem.solve()
    told = str(caught.value)
    assert "together 15 USD for each unit" in told
    assert "Each unit of spot delivered_mw costs 10 USD; each unit of portfolio sold earns 25 USD" in told
    assert told.endswith("needs a limit: sites.a.contracts.spot.limit_mw or sites.a.grid.import_limit_mw")
    assert [part["where"] for part in caught.value.grows] == ["spot", "portfolio", "site a"]
    assert sum(part["earns"] for part in caught.value.grows) == pytest.approx(15.0)
    assert caught.value.details == {"grows": caught.value.grows}
