"""The ordinary road: users' own constraints, fixed variables, and values that come back into the Pyomo model."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest
from small_case import fleet, site_case, spot

import optimizer as opt


def _problem() -> opt.Problem:
    case = site_case(steps=4, contracts=[spot([100, 120, -50, 114])], assets=[fleet()])
    return opt.build(opt.scenario_from_dict(case))


def test_a_constraint_of_the_user_binds() -> None:
    """Proves: with at most 7 MWh for the fleet the hour that earns 1 is given up: 625. Sensitivity: 626 without the
    constraint."""
    problem = _problem()
    running = problem.model.parts["m"].running
    problem.model.budget = pyo.Constraint(expr=sum(3.5e-3 * running[0, 0, t] for t in range(4)) <= 7.0)
    plan = problem.solve()
    assert plan.expected_profit == pytest.approx(625.0)
    assert [round(running[0, 0, t].value) for t in range(4)] == [1000, 0, 1000, 0]


def test_a_variable_of_the_user_may_earn() -> None:
    """Proves: a user's own variable and money count in the objective; the plan's ledger holds the plan's own money
    only."""
    problem = _problem()
    model = problem.model
    model.extra = pyo.Var(bounds=(0, 3))
    model.objective.deactivate()
    model.mine = pyo.Objective(expr=model.objective.expr + 10 * model.extra, sense=pyo.maximize)
    plan = problem.solve()
    assert model.extra.value == pytest.approx(3.0)
    assert plan.expected_profit == pytest.approx(626.0)
    assert plan.summary["audit"]["ledger_minus_objective"] == pytest.approx(-30.0)


def test_a_fixed_variable_is_obeyed() -> None:
    """Proves: with the fleet held at 500 machines in hour 2 the hour costs 10 (1.75 MWh at 120 for 200): 616."""
    problem = _problem()
    problem.model.parts["m"].running[0, 0, 1].fix(500)
    assert problem.solve().expected_profit == pytest.approx(616.0)


def test_fixed_variables_that_break_a_rule_are_named() -> None:
    """Proves: a rule without a free variable is still checked (2 MW imported, 1 MW delivered)."""
    problem = _problem()
    model = problem.model
    model.parts["spot"].delivered_mw[0, 0].fix(1.0)
    model.sites["a"].import_mw[0, 0].fix(2.0)
    with pytest.raises(opt.InfeasibleError, match="import equals what the contracts deliver"):
        problem.solve()


def test_a_model_without_an_objective_is_refused() -> None:
    problem = _problem()
    problem.model.objective.deactivate()
    with pytest.raises(ValueError, match="one active objective"):
        problem.solve()
