"""The audit notices what is wrong with a plan: every figure of every shipped scenario, changed by a bit, is caught."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import shipped
import xarray as xr
from numpy.typing import NDArray
from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.audit import TOLERANCE, AuditView, Findings, audit_plan
from optimizer.contracts.index_supply import IndexSupply

Floats = NDArray[np.float64]

REPORTS = {
    "import_limit_mw": "the limit as given, shown beside the import (inf where there is none)",
}
"""Results on which nothing rests: no rule and no money is computed from them."""

AT_LEAST = {
    "switched": "nodes switched are at least those that came; more only costs",
    "switched_by_pool": "as switched",
    "lost_nodes": "nodes lost after a start are at least those of the rule; more only costs progress",
}
"""Results with slack on one side: a figure too low is a violation, one too high a more careful plan."""


def audited(stem: str, dispatch: xr.Dataset | None = None, money: Any = None, objective: float | None = None) -> Any:
    """The audit of a shipped scenario's plan with some of it changed."""
    problem, plan = shipped.solved(stem)
    found, *_ = audit_plan(
        plan.scenario,
        problem.parts,
        plan.dispatch if dispatch is None else dispatch,
        plan.money if money is None else money,
        plan.summary["objective"] if objective is None else objective,
    )
    return found


def results(dispatch: xr.Dataset) -> Iterator[tuple[str, str, str]]:
    """Every variable, its dimension of components (or of its own) and each label that has figures."""
    for name, variable in dispatch.data_vars.items():
        shared = [d for d in ("component", "site") if d in variable.dims]
        dimension = str(shared[0] if shared else variable.dims[0])
        for label in dispatch[dimension].to_numpy():
            if not np.isnan(variable.sel({dimension: label}).to_numpy()).all():
                yield str(name), dimension, str(label)


def changed(dispatch: xr.Dataset, name: str, dimension: str, label: str, sign: float) -> xr.Dataset:
    """The largest figure of one result, changed by 1 % (by a half where all are 0)."""
    variable = dispatch[name].copy(deep=True)
    figures = variable.sel({dimension: label}).to_numpy().copy()
    if "switched" in name and sign < 0:
        figures = _nodes_that_came(dispatch, name, dimension, label)
    place = np.unravel_index(np.nanargmax(np.abs(figures)), figures.shape)
    size = abs(figures[place])
    figures[place] += sign * (0.01 * size if size > 0.01 else 0.5)
    variable.loc[{dimension: label}] = figures
    return dispatch.assign({name: variable})


def _nodes_that_came(dispatch: xr.Dataset, name: str, dimension: str, label: str) -> Floats:
    """Rise of the nodes held from step to step: the least that ``switched`` may show (where it shows more, it has
    slack)."""
    nodes = dispatch[name.replace("switched", "nodes")].sel({dimension: label}).to_numpy()
    return np.maximum(0.0, np.diff(nodes, axis=-1, prepend=nodes[..., :1]))


def is_report(name: str) -> bool:
    return name.split(".")[-1] in REPORTS


# ---------------------------------------------------------------------- every figure counts
@pytest.mark.parametrize("stem", shipped.STEMS)
def test_the_shipped_plans_stand_up(stem: str) -> None:
    """Proves: nothing is found in the plan as solved, so that what the next tests find is what they changed."""
    found = audited(stem)
    assert found["largest_violation"] < 1e-6  # HiGHS keeps rows to 1e-7; what is changed below is 1 %
    assert abs(found["ledger_minus_objective"]) < 1e-6


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["more", "less"])
@pytest.mark.parametrize("stem", shipped.STEMS)
def test_every_result_changed_by_a_bit_is_caught(stem: str, sign: float) -> None:
    """Proves: each variable of each component and site, 1 % off in a single step of a single member, violates a rule.
    Sensitivity: a component whose audit leaves out a balance or a limit keeps a figure that nothing catches."""
    _, plan = shipped.solved(stem)
    missed, reported = [], []
    for name, dimension, label in results(plan.dispatch):
        plain = name.split(".")[-1]
        slack = sign > 0 and plain in AT_LEAST
        if slack or is_report(name):
            reported.append(plain)
            continue
        found = audited(stem, changed(plan.dispatch, name, dimension, label, sign))
        if not found["largest_violation"] > TOLERANCE:
            missed.append(f"{name} of {label}")
    assert not missed
    assert set(reported) <= {*REPORTS, *AT_LEAST}


@pytest.mark.parametrize("stem", shipped.STEMS)
def test_every_ledger_line_changed_by_a_bit_is_caught(stem: str) -> None:
    """Proves: a line that books 1 % too much in its largest step (or 1 where it is 0) is named by the audit."""
    _, plan = shipped.solved(stem)
    for (label, line), amount in plan.money.items():
        wrong = amount.copy()
        place = np.unravel_index(np.argmax(np.abs(wrong)), wrong.shape)
        wrong[place] += max(0.01 * abs(wrong[place]), 1.0)
        found = audited(stem, money=plan.money | {(label, line): wrong})
        assert found["largest_violation"] > TOLERANCE, line
        assert found["largest_violation_of"] == f"{label}: ledger line {line}"


def test_a_figure_that_is_missing_is_caught() -> None:
    """Proves: NaN is a violation, not a comparison that is false."""
    _, plan = shipped.solved("smallest")
    power = plan.dispatch["power_mw"].copy(deep=True)
    power.loc[{"component": "m"}] = np.nan
    found = audited("smallest", plan.dispatch.assign(power_mw=power))
    assert not found["largest_violation"] <= TOLERANCE


def test_energy_that_nobody_is_paid_for_is_caught() -> None:
    """Proves: a plan that draws 3.5 MW from the grid while its contract delivers nothing and bills nothing is caught.
    Sensitivity: without the rule that import equals what the contracts deliver, each figure fits its own bill and the
    smallest scenario would earn 3 * 400 = 1200 in place of 626."""
    _, plan = shipped.solved("smallest")
    delivered = plan.dispatch["delivered_mw"] * 0.0
    found = audited(
        "smallest",
        plan.dispatch.assign(delivered_mw=delivered),
        plan.money | {("spot", "spot_energy"): np.zeros((1, 4))},
        objective=1200.0,
    )
    assert found["largest_violation_of"] == "a: import equals what the contracts deliver"
    assert found["largest_violation"] == pytest.approx(3.5)
    assert found["ledger_minus_objective"] == pytest.approx(0.0)


def test_energy_that_is_sold_but_not_exported_is_caught() -> None:
    """Proves: a contract that books 10 MW sold at 50 while 4 MW leave the site is caught: 500 in place of 200."""
    contracts = [spot(100), {"kind": "export", "name": "sell", "price_per_mwh": 50}]
    battery = {"kind": "battery", "name": "b", "power_mw": 9, "energy_mwh": 9, "soc_start_mwh": 9, "soc_end_mwh": 0}
    case = site_case(steps=1, contracts=contracts, assets=[battery], grid={"export_limit_mw": 4})
    problem = opt.build(opt.scenario_from_dict(case))
    plan = problem.solve()
    assert plan.expected_profit == pytest.approx(200.0)
    sold = plan.dispatch["sold_mw"] * 2.5
    money = plan.money | {("sell", "sell_revenue"): plan.money["sell", "sell_revenue"] * 2.5}
    found, *_ = audit_plan(plan.scenario, problem.parts, plan.dispatch.assign(sold_mw=sold), money, 500.0)
    assert found["largest_violation_of"] == "a: export equals what the contracts take"
    assert found["largest_violation_absolute"] == pytest.approx(6.0)


# ---------------------------------------------------------------------- money and objective
def test_a_ledger_line_that_no_audit_recomputes_is_an_infinite_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: money without a second computation is not trusted, whatever its size, and the plan is refused."""
    monkeypatch.setattr(IndexSupply, "audit", lambda self, a: None)
    assert audited("smallest")["largest_violation"] == np.inf
    with pytest.raises(opt.AuditError, match="spot: ledger line spot_energy is recomputed"):
        opt.optimize(opt.load(shipped.FOLDER / "smallest.yaml"))


def test_money_that_is_audited_but_not_booked_is_an_infinite_violation() -> None:
    """Proves: a bill that the ledger forgets is noticed from the audit's side."""
    _, plan = shipped.solved("smallest")
    found = audited("smallest", money={key: m for key, m in plan.money.items() if key != ("spot", "spot_energy")})
    assert found["largest_violation"] == np.inf
    assert found["largest_violation_of"] == "spot: ledger line spot_energy is booked"


def test_the_ledger_is_compared_with_the_objective() -> None:
    """Proves: an objective of 627 against a ledger of 626 is a difference of -1, for which the plan is refused."""
    _, plan = shipped.solved("smallest")
    found = audited("smallest", objective=627.0)
    assert found["ledger_minus_objective"] == pytest.approx(-1.0)
    wrong = opt.Plan(plan.scenario, plan.dispatch, plan.money, plan.summary | {"audit": found})
    with pytest.raises(opt.AuditError, match="ledger differs from the objective by -1"):
        wrong.check_audit()
    wrong.check_audit(customised=True)  # a user's own money terms are not in the ledger


def test_the_ledger_is_compared_with_an_objective_that_has_risk_in_it() -> None:
    """Proves: 1000 moved from the worst of 20 members to the best leave the expected profit as it is and lower the mean
    of the two worst (alpha 0.9) by 500, of which the weight 0.2 makes 100. Sensitivity: an audit that compares expected
    profits only sees a difference of 0."""
    _, plan = shipped.solved("day_ahead_48h")
    profits = plan.profit_by_member.to_numpy()
    key = next(iter(plan.money))
    moved = plan.money[key].copy()
    moved[np.argmin(profits), 0] -= 1000.0
    moved[np.argmax(profits), 0] += 1000.0
    found = audited("day_ahead_48h", money=plan.money | {key: moved})
    assert found["ledger_minus_objective"] == pytest.approx(-100.0, abs=1e-3)


@pytest.mark.parametrize("figure", ["largest_violation", "ledger_minus_objective"])
def test_a_plan_is_refused_beyond_the_tolerance(figure: str) -> None:
    """Proves: twice the tolerance raises, half of it passes, and what is no number raises (money counts relative to the
    sum of the lines' sizes, here 1200 + 574)."""
    _, plan = shipped.solved("smallest")
    scale = 1.0 if figure == "largest_violation" else 1774.0
    for size, refused in ((0.5, False), (2.0, True), (np.nan, True), (np.inf, True)):
        audit = plan.summary["audit"] | {figure: size * TOLERANCE * scale}
        wrong = opt.Plan(plan.scenario, plan.dispatch, plan.money, plan.summary | {"audit": audit})
        if refused:
            with pytest.raises(opt.AuditError, match="not trusted"):
                wrong.check_audit()
        else:
            wrong.check_audit()


def test_an_audit_error_stops_the_run_with_its_own_exit_code() -> None:
    """Proves: exit code 6, apart from refused input (2), infeasible (3) and limits (4, 5)."""
    assert opt.AuditError("x").exit_code == 6


# ---------------------------------------------------------------------- how rules are stated
def view() -> tuple[AuditView, Findings]:
    """A view of the fleet of a two-step case, with nothing found yet."""
    problem = opt.build(opt.scenario_from_dict(site_case(steps=2, contracts=[spot(10)], assets=[fleet()])))
    findings = Findings()
    return AuditView(problem.parts.components["m"].frame, problem.solve().dispatch, findings), findings


@pytest.mark.parametrize(
    ("left", "right", "relative"),
    [
        (5.0, 5.0, 0.0),
        (5.5, 5.0, 0.1),
        (0.5, 0.0, 0.5),
        (1100.0, 1000.0, 0.1),
        ([[1.0, 2.0]], [[1.0, 1.0]], 1.0),
        (1e9, np.inf, 0.0),
        (0.0, -np.inf, np.inf),
    ],
)
def test_at_most(left: Any, right: Any, relative: float) -> None:
    """Proves: violations are relative to the limit where that is above 1; no limit (inf) is never violated, an
    impossible one (-inf) always. Sensitivity: absolute sizes give 100 for 1100 against 1000."""
    a, findings = view()
    a.at_most("rule", left, right)
    assert (findings.largest.relative if findings.largest else 0.0) == pytest.approx(relative)
    mirrored, found = view()
    mirrored.at_least("rule", -np.asarray(left), -np.asarray(right))
    assert (found.largest.relative if found.largest else 0.0) == pytest.approx(relative)


def test_equal_whole_and_worst() -> None:
    """Proves: both signs of a difference count, halves are the farthest from whole, the worst rule is the one named,
    and figures that are no numbers beat all."""
    a, findings = view()
    a.equal("low", [[4.0, 5.0]], [[4.0, 5.5]])
    a.whole("whole", [1.0, 2.25])
    assert findings.largest is not None
    assert (findings.largest.rule, findings.largest.absolute) == ("whole", 0.25)
    assert findings.largest.where == "m"
    a.equal("half", 0.5, 0.0)
    assert findings.largest.rule == "half"
    a.at_most("nan", [np.nan, 0.0], 1.0)
    assert findings.largest.rule == "nan"
    assert findings.checks == 4


def test_nothing_to_compare_is_no_violation() -> None:
    """Proves: rules over no steps at all pass (a job whose window is the whole horizon has no closed steps)."""
    a, findings = view()
    a.equal("nothing", np.zeros((1, 0)), 0.0)
    assert findings.largest is None


def test_sums_by_period_and_energy() -> None:
    """Proves: two local days of 8 half-hour steps split at midnight: 2 + 6 steps of 10 MW are 10 and 30 MWh."""
    case = site_case(steps=8, step="30min", start="2024-08-19T23:00", contracts=[spot(10)], assets=[fleet()])
    problem = opt.build(opt.scenario_from_dict(case))
    a = AuditView(problem.parts.components["m"].frame, problem.solve().dispatch, Findings())
    assert a.sum_by_period(a.energy_mwh(np.full((1, 8), 10.0)), "day").tolist() == [[10.0, 30.0]]
