"""Problems made like others: what is taken over, what is evaluated anew, and that it is what a fresh compile gives."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import FOLDER, STEMS
from small_case import fleet, site_case, spot

import optimizer as opt
import optimizer.problem
from optimizer.compiled import Arrays, Compiled
from optimizer.model import build_model
from optimizer.parts import place
from optimizer.quantities import Series
from optimizer.rebasing import _mapped, rebased, window, with_fields
from optimizer.rebinding import LightCompiled
from optimizer.scenario import Ensemble
from optimizer.symbols import NotTraceableError

DAY_STEPS = 24


def templates(scenario: opt.Scenario) -> Arrays:
    """Arrays of a scenario from Pyomo's templates, compiled for itself."""
    return Compiled(build_model(scenario, place(scenario)[0], fast=True)).arrays


def assert_same(ours: Arrays, theirs: Arrays) -> None:
    """Entry by entry; figures to rounding, as sums may be taken in another order."""
    assert ours.matrix.shape == theirs.matrix.shape
    assert ours.matrix.indptr.tolist() == theirs.matrix.indptr.tolist()
    assert ours.matrix.indices.tolist() == theirs.matrix.indices.tolist()
    pairs = [(ours.matrix.data, theirs.matrix.data), (np.array([ours.offset]), np.array([theirs.offset]))]
    names = ("row_lower", "row_upper", "cost", "col_lower", "col_upper")
    for one, other in [*pairs, *((getattr(ours, name), getattr(theirs, name)) for name in names)]:
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-10)
    assert ours.integer.tolist() == theirs.integer.tolist()
    assert ours.least is not None
    assert theirs.least is not None
    assert ours.least.tolist() == theirs.least.tolist()


def perturbed(scenario: opt.Scenario, seed: int) -> opt.Scenario:
    """All series a little lower, each by another share in each step; members with other probabilities."""
    random = np.random.default_rng(seed)

    def moved(series: Series, _: str) -> Series:
        values = series.values * (1.0 - 0.03 * random.random(series.values.shape))
        return Series(series.raw, values)

    changed: dict[str, Any] = {
        name: _mapped(getattr(scenario, name), moved, name) for name in ("sites", "contracts", "workloads")
    }
    members = scenario.members
    if members > 1:
        weights = random.random(members) + 0.5
        changed["ensemble"] = Ensemble(members=members, probabilities=tuple(float(w) for w in weights / weights.sum()))
    return with_fields(scenario, changed)


# ---------------------------------------------------------------------- whole scenarios
@pytest.mark.parametrize("stem", STEMS)
def test_shipped_scenarios_with_other_data_and_another_start(stem: str) -> None:
    """Proves: a problem made like one of the same scenario has the arrays of a fresh compile by Pyomo's templates,
    entry by entry: with every series and probability changed, a day later, and back at the first data. None falls
    back."""
    scenario = opt.load(FOLDER / f"{stem}.yaml")
    first = opt.build(scenario)
    assert isinstance(first.compiled, LightCompiled)
    assert_same(first.arrays, templates(scenario))
    others = [perturbed(scenario, 1), perturbed(scenario, 2)]
    if scenario.horizon.steps >= 3 * DAY_STEPS:
        others += [rebased(scenario, horizon=window(scenario, start, 2 * DAY_STEPS)) for start in (0, DAY_STEPS)]
    problem = first
    for other in [*others, scenario]:
        problem = opt.build(other, like=problem)
        assert_same(problem.arrays, templates(other))
    assert_same(first.arrays, templates(scenario))


def test_the_plan_of_a_rebound_problem_is_that_of_a_fresh_one() -> None:
    """Proves: dispatch, money, summary and marginal values of the second window are those of a problem of its own; so
    are those of the first problem, solved after the second was made. Sensitivity: results that were kept of other
    data."""
    prices = [100.0, 120.0, -50.0, 114.0, 30.0, 80.0, 90.0, 115.0]
    case = site_case(steps=8, contracts=[spot(prices)], assets=[fleet(availability=[1.0, 0.5] * 4)])
    whole = opt.scenario_from_dict(case)
    days = [rebased(whole, horizon=window(whole, first, 4)) for first in (0, 4)]
    problems = [opt.build(days[0])]
    problems.append(opt.build(days[1], like=problems[0]))
    problems.append(opt.build(days[0], like=problems[1]))
    for problem, scenario in ((problems[1], days[1]), (problems[0], days[0]), (problems[2], days[0])):
        plan, fresh = problem.solve(marginals=True), opt.build(scenario).solve(marginals=True)
        assert plan.dispatch.equals(fresh.dispatch)
        assert plan.expected_profit == pytest.approx(fresh.expected_profit, rel=1e-12)
        assert plan.marginals is not None
        assert fresh.marginals is not None
        np.testing.assert_allclose(plan.marginals.of("m", "installed"), fresh.marginals.of("m", "installed"))
    # 400 an hour and machine, less 3.5 MWh: 50 + half of -20 (rests) + 575 + half of 1
    assert problems[0].solve().expected_profit == pytest.approx(50.0 + 575.0 + 0.5)


def test_the_ordinary_model_of_a_rebound_problem() -> None:
    """Proves: the Pyomo model holds the new prices (400 - 350, 400 - 35), and a user's rule binds in it."""
    first = opt.build(opt.scenario_from_dict(site_case(steps=2, contracts=[spot([1, 2])], assets=[fleet()])))
    second = opt.scenario_from_dict(site_case(steps=2, contracts=[spot([100, 10])], assets=[fleet()]))
    problem = opt.build(second, like=first)
    model = problem.model
    assert problem.solve().expected_profit == pytest.approx(50 + 365)
    model.parts["m"].running[0, 0, 1].fix(0)
    assert problem.solve().expected_profit == pytest.approx(50)


def test_only_what_depends_on_the_change_is_evaluated_anew() -> None:
    """Proves: the same data again evaluate nothing; another price only its line of the ledger; another availability the
    rows and bounds that hold it, and fewer rules than are taken over."""

    def build(price: float, share: float, like: opt.Problem | None = None) -> opt.Problem:
        case = site_case(steps=2, contracts=[spot([price, 50])], assets=[fleet(availability=[share, 1.0])])
        return opt.build(opt.scenario_from_dict(case), like=like)

    problem = build(40, 0.5, build(40, 0.5))
    kept = problem._kept
    assert kept is not None
    assert (kept.reused, kept.evaluated > 3) == (0, True)
    counts = []
    for price, share in ((40, 0.5), (60, 0.5), (60, 0.75)):
        problem = build(price, share, problem)
        counts.append(kept.evaluated)
    assert counts[0] == 0
    assert counts[1] == 1
    assert counts[2] >= 2
    assert counts[2] < kept.reused


def test_another_structure_is_compiled_as_it_is() -> None:
    """Proves: another fleet, other steps, other members beside what is kept of the first give what a fresh compile
    gives."""
    problem = opt.build(opt.scenario_from_dict(site_case(steps=2, contracts=[spot(50)], assets=[fleet()])))
    others = [
        site_case(steps=3, contracts=[spot(50)], assets=[fleet()]),
        site_case(steps=3, contracts=[spot(50)], assets=[fleet(), fleet("n", machines=10, min_up_hours=2)]),
        site_case(steps=3, contracts=[spot([[1, 2, 3], [4, 5, 6]])], assets=[fleet()], probabilities=[0.25, 0.75]),
        site_case(steps=3, contracts=[spot([[1, 2, 3], [4, 5, 6]])], assets=[fleet()], probabilities=[0.5, 0.5])
        | {"risk": {"weight": 0.5}},
    ]
    for case in others:
        scenario = opt.scenario_from_dict(case)
        problem = opt.build(scenario, like=problem)
        assert_same(problem.arrays, templates(scenario))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-100, 100), st.floats(0, 1), st.booleans()),
        min_size=2,
        max_size=4,
    )
)
def test_any_order_of_changes_leaves_nothing_stale(changes: list[tuple[float, float, bool]]) -> None:
    """Proves: along any chain of prices (negative ones bring whole decisions of buying or selling, other columns),
    availabilities and probabilities the arrays are those of a problem of its own."""
    problem: opt.Problem | None = None
    for price, share, even in changes:
        case = site_case(
            steps=3,
            contracts=[
                spot([price, 20, -price]),
                {"kind": "export", "name": "sell", "price_per_mwh": [[5, 6, 7], [30, 1, 2]]},
            ],
            assets=[
                fleet(availability=[share, 1, share]),
                {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 2, "soc_start_mwh": share,
                 "charge_efficiency": 0.9, "discharge_efficiency": 0.9},
            ],
            grid={"import_limit_mw": 10, "export_limit_mw": 5},
            probabilities=[0.5, 0.5] if even else [0.2, 0.8],
        )  # fmt: skip
        scenario = opt.scenario_from_dict(case)
        problem = opt.build(scenario, like=problem)
        assert_same(problem.arrays, opt.build(scenario).arrays)
        assert_same(problem.arrays, templates(scenario))


def test_where_symbols_do_not_do_pyomos_templates_are_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Proves: the plan is the same, 50, and the log says that another road was taken and why."""
    scenario = opt.scenario_from_dict(site_case(steps=1, contracts=[spot(100)], assets=[fleet()]))

    def refusing(*_: Any) -> None:
        raise NotTraceableError("the rule takes a root")

    monkeypatch.setattr(optimizer.problem, "light_model", refusing)
    with caplog.at_level(logging.WARNING):
        problem = opt.build(scenario)
    assert not isinstance(problem.compiled, LightCompiled)
    assert problem.solve().expected_profit == pytest.approx(50.0)
    assert "takes a root" in caplog.text


def test_where_a_result_cannot_be_read_with_symbols_pyomos_templates_are_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Proves: the plan still comes, with its 50, and the log says why it took longer."""
    problem = opt.build(opt.scenario_from_dict(site_case(steps=1, contracts=[spot(100)], assets=[fleet()])))

    def refusing(*_: Any, **__: Any) -> None:
        raise NotTraceableError("the result takes a root")

    monkeypatch.setattr(LightCompiled, "values", refusing)
    with caplog.at_level(logging.WARNING):
        plan = problem.solve()
    assert plan.expected_profit == pytest.approx(50.0)
    assert "takes a root" in caplog.text
