"""The library's face: light to import, its names where they are promised, and the way through it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyomo.environ as pyo
import pytest
import shipped

import optimizer as opt

NAMES = {
    "load", "scenario_from_dict", "Scenario", "build", "Problem", "optimize", "Plan", "bill", "Bill",
    "OptimizerError", "InputError", "InfeasibleError", "UnboundedError", "NoPlanError", "AuditError", "OutputError",
}  # fmt: skip
"""Names that users hold on to; more may be added."""


def in_a_fresh_python(code: str) -> Any:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---------------------------------------------------------------------- what is no scenario
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("scenarios/smallest.yaml", r"not a str: optimizer\.load\(\.\.\.\) makes one"),
        (Path("scenarios/smallest.yaml"), r"Path: optimizer\.load\("),
        ({"name": "x"}, r"not a dict: optimizer\.scenario_from_dict\("),
    ],
)
def test_a_file_or_a_dict_is_told_how_it_becomes_a_scenario(given: Any, told: str) -> None:
    for ask in (opt.optimize, opt.build):
        with pytest.raises(TypeError, match=told):
            ask(given)


# ---------------------------------------------------------------------- import
def test_the_import_is_light() -> None:
    """Proves: ``import optimizer`` loads none of the heavy packages (0.02 s; all of them take more than a second)."""
    heavy = ("pyomo", "pandas", "highspy", "numpy", "xarray", "pydantic", "plotly", "scipy")
    code = f"""
import json, sys
import optimizer
print(json.dumps([m for m in {heavy!r} if m in sys.modules]))
"""
    assert in_a_fresh_python(code) == []


def test_reading_and_solving_does_without_pictures() -> None:
    """Proves: a scenario is solved without the packages that only the report needs."""
    code = f"""
import json, sys
import optimizer as opt
profit = opt.optimize(opt.load({str(shipped.FOLDER / "smallest.yaml")!r})).expected_profit
print(json.dumps([round(profit, 6), [m for m in ("plotly", "matplotlib", "rich", "typer") if m in sys.modules]]))
"""
    assert in_a_fresh_python(code) == [626.0, []]


def test_the_library_prints_nothing() -> None:
    """Proves: stdout belongs to the caller: HiGHS, Pyomo and the library stay silent."""
    code = f"""
import optimizer as opt
plan = opt.optimize(opt.load({str(shipped.FOLDER / "smallest.yaml")!r}))
problem = opt.build(plan.scenario)
problem.model
problem.solve()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# ---------------------------------------------------------------------- names
def test_promised_names_are_there() -> None:
    """Proves: every public name can be had from the package, is listed, and is the object of its home module."""
    assert set(opt.__all__) >= NAMES
    for name in opt.__all__:
        assert name in dir(opt)
        assert getattr(opt, name) is getattr(sys.modules[getattr(opt, name).__module__], name)
    assert opt.__version__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """Proves: lazy names do not swallow mistakes."""
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        _ = opt.optimise  # type: ignore[attr-defined]


def test_errors_have_one_root_and_exit_codes() -> None:
    """Proves: one ``except`` catches all that the library raises on purpose."""
    codes = {
        opt.InputError: 2, opt.InfeasibleError: 3, opt.UnboundedError: 3, opt.NoPlanError: 5, opt.AuditError: 6,
        opt.OutputError: 1,
    }  # fmt: skip
    assert {kind: kind.exit_code for kind in codes} == codes
    assert all(issubclass(kind, opt.OptimizerError) for kind in codes)


# ---------------------------------------------------------------------- the way through it
def test_load_solve_look_save_and_load_again(tmp_path: Path) -> None:
    """Proves: the library's example: 626, with the schedule, the ledger and the summary at hand, before and after."""
    scenario = opt.load(shipped.FOLDER / "smallest.yaml")
    plan = opt.optimize(scenario)
    assert plan.status == "optimal"
    assert plan.expected_profit == pytest.approx(626.0)
    assert plan.dispatch["power_mw"].sel(component="m", member=0).to_numpy().tolist() == [3.5, 0.0, 3.5, 3.5]
    assert plan.ledger.groupby("line")["amount"].sum().to_dict() == pytest.approx(
        {"mining_revenue": 1200.0, "spot_energy": -574.0}
    )
    assert plan.summary["bound"] == pytest.approx(626.0)
    assert "626.00 USD" in repr(plan)
    again = opt.Plan.load(plan.save(tmp_path / "results"))
    assert again.expected_profit == plan.expected_profit
    assert again.ledger["amount"].tolist() == plan.ledger["amount"].tolist()
    assert again.dispatch["power_mw"].identical(plan.dispatch["power_mw"])


def test_a_constraint_of_ones_own() -> None:
    """Proves: in plain Pyomo, at most 7 MWh in all: the hour that earns 1 is given up, 625; without the constraint
    again 626. The audit still holds."""
    problem = opt.build(opt.load(shipped.FOLDER / "smallest.yaml"))
    model = problem.model
    imported = model.sites["a"].import_mw
    model.budget = pyo.Constraint(expr=sum(imported[0, t] for t in model.steps) <= 7.0)
    plan = problem.solve()
    assert plan.expected_profit == pytest.approx(625.0)
    assert plan.summary["audit"]["largest_violation"] < 1e-9
    model.budget.deactivate()
    assert problem.solve().expected_profit == pytest.approx(626.0)


def test_a_money_term_of_ones_own_steers_but_is_not_booked() -> None:
    """Proves: 10 more per MWh drawn in the model's objective makes the hour at 114 not worth it; the ledger has 625."""
    problem = opt.build(opt.load(shipped.FOLDER / "smallest.yaml"))
    model = problem.model
    drawn = sum(model.sites["a"].import_mw[0, t] for t in model.steps)
    profit = model.objective.expr
    model.objective.deactivate()
    model.taxed = pyo.Objective(expr=profit - 10.0 * drawn, sense=pyo.maximize)
    plan = problem.solve()
    assert plan.expected_profit == pytest.approx(625.0)
    assert plan.summary["audit"]["ledger_minus_objective"] == pytest.approx(70.0)


def test_a_scenario_is_frozen() -> None:
    """Proves: what was validated stays as it was."""
    scenario = opt.load(shipped.FOLDER / "smallest.yaml")
    with pytest.raises(ValueError, match="frozen"):
        scenario.name = "other"


def test_solving_twice_gives_the_same_plan() -> None:
    """Proves: the same seed, the same plan, also where many are equally good."""
    problem, plan = shipped.solved("two_sites_72h")
    assert problem.solve().dispatch.identical(plan.dispatch)


def test_progress_is_reported_while_solving() -> None:
    """Proves: a caller sees time, best plan, bound and gap of the search, the bound never below the best plan."""
    seen: list[Any] = []
    opt.optimize(opt.load(shipped.FOLDER / "two_sites_72h.yaml"), progress=seen.append)
    assert seen
    assert all(p.seconds >= 0 for p in seen)
    assert all(p.bound >= p.incumbent - 1e-6 * abs(p.bound) for p in seen if p.gap < 1)
