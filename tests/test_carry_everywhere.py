"""Any plan may be left after any step and gone on with: proven for every shipped scenario, without naming a kind.

The plan is cut after ``k`` steps; a scenario over the rest takes over what :meth:`optimizer.plan.Plan.carry_at` says.
The audit, which recomputes every limit, balance and money line with plain numpy, then judges the rest of the plan as a
plan of that scenario.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from shipped import STEMS, solved

import optimizer as opt
from optimizer.audit import AuditView, Findings
from optimizer.contract import Contract
from optimizer.parts import Parts, place
from optimizer.rebasing import rebased, window

Floats = NDArray[np.float64]
TOLERANCE = 1e-6
CUTS = (0.0, 0.04, 0.3, 0.37, 0.5, 0.71, 1.0)
"""Where the plans are cut, as shares of their horizon: after the first step, …, before the last."""
SOLVED_STEPS = 30
"""The rest of a plan is also solved anew where it has about so many steps."""


def steps_of_cuts(stem: str) -> list[int]:
    steps = solved(stem)[1].scenario.horizon.steps
    return sorted({min(max(1, round(share * steps)), steps - 1) for share in CUTS})


def rest_of(plan: opt.Plan, step: int) -> opt.Scenario:
    """The scenario from a step on, in the state in which the plan leaves it."""
    horizon = window(plan.scenario, step, plan.scenario.horizon.steps - step)
    return rebased(plan.scenario, horizon=horizon, carry=plan.carry_at(step))


def audited(parts: Parts, dispatch: Any) -> Findings:
    """What the audit finds in a part of a plan: violations, and money by line."""
    findings = Findings()
    views = {label: AuditView(part.frame, dispatch, findings) for label, part in parts.components.items()}
    for view in views.values():
        view.component.audit(view)
    for label, part in parts.sites.items():
        own = [views[p.label] for p in part.frame.site_parts]
        parts.site_of(label).audit(AuditView(part.frame, dispatch, findings), own)
    return findings


def booked_by(plan: opt.Plan, step: int) -> dict[tuple[str, str], Floats]:
    """Money by line of the part that is carried out, (members,): contracts bill it as if the run had ended there."""
    parts = place(plan.scenario)[0].cut_after(step)
    executed = plan.dispatch.isel(time=slice(0, step))
    found = {key: amount[:, :step].sum(axis=1) for key, amount in plan.money.items()}
    for label, part in parts.components.items():
        if isinstance(part.component, Contract):
            bill = part.component.bill(AuditView(part.frame, executed, Findings()))
            found |= {(label, line): charge.amounts.sum(axis=1) for line, charge in bill.items()}
    return found


def by_member(amount: Floats) -> Floats:
    return amount.sum(axis=1) if amount.ndim == 2 else amount


@pytest.mark.parametrize("stem", STEMS)
def test_the_rest_of_a_plan_is_a_plan_of_the_scenario_that_goes_on(stem: str) -> None:
    """Proves: no limit is broken when the states are taken over, and what is booked before and after a cut is together,
    line by line and member by member, what the plan books. Sensitivity: a state that is dropped (a start, a level, work
    done) breaks a rule of the audit or is missing in the money."""
    plan = solved(stem)[1]
    for step in steps_of_cuts(stem):
        parts, wrong = place(rest_of(plan, step))
        assert not [finding for _, finding in wrong if finding.fatal], f"cut at {step}"
        found = audited(parts, plan.dispatch.isel(time=slice(step, None)))
        worst = [(v.where, v.rule, v.relative) for v in found.worst if not v.relative <= TOLERANCE]
        assert worst == [], f"cut at {step}"
        before, total = booked_by(plan, step), plan.money
        after: dict[tuple[str, str], Floats] = defaultdict(lambda: np.zeros(plan.scenario.members))
        after |= {key: by_member(amount) for key, amount in found.money.items()}
        for key, amount in total.items():
            scale = max(1.0, float(np.abs(amount).sum(axis=1).max()))
            off = np.abs(before[key] + after[key] - amount.sum(axis=1)).max()
            assert off <= TOLERANCE * scale, f"cut at {step}: {key} books {off:g} more or less"


@pytest.mark.parametrize("stem", STEMS)
def test_nothing_that_a_plan_leaves_is_refused(stem: str) -> None:
    """Proves: machines, work and cooling as left by a plan pass their own cross-checks."""
    plan = solved(stem)[1]
    for step in steps_of_cuts(stem):
        for label, part in place(rest_of(plan, step))[0].components.items():
            if not isinstance(part.component, Contract):
                refused = [f.message for f in part.component.check(part.frame) if f.fatal]
                assert refused == [], f"cut at {step}: {label}"


@pytest.mark.parametrize("stem", STEMS)
def test_the_rest_solved_anew_earns_as_much_and_no_more_than_a_whole_plan_can(stem: str) -> None:
    """Proves: the optimum of the rest is at least what the rest of the plan earns (it may go on as it was), and with
    what was earned before it is no more than any whole plan may earn (nothing is free, nothing is paid twice)."""
    plan = solved(stem)[1]
    steps = plan.scenario.horizon.steps
    step = max(1, steps - SOLVED_STEPS)
    logging.getLogger("optimizer").setLevel(logging.ERROR)
    rest = opt.optimize(rest_of(plan, step))
    weights = plan.scenario.ensemble.weights
    before = float(weights @ np.add.reduce(list(booked_by(plan, step).values())))
    scale = max(1.0, sum(float(np.abs(amount).sum(axis=1).max()) for amount in plan.money.values()))
    if plan.scenario.risk.weight == 0:
        assert rest.summary["bound"] >= plan.expected_profit - before - TOLERANCE * scale
        assert before + rest.expected_profit <= plan.summary["bound"] + TOLERANCE * scale


def test_a_plan_can_only_be_left_within_its_steps() -> None:
    plan = solved("smallest")[1]
    assert plan.carry_at(plan.scenario.horizon.steps) == plan.summary["carry"]
    for steps in (0, plan.scenario.horizon.steps + 1):
        with pytest.raises(ValueError, match="the plan has 4 steps"):
            plan.carry_at(steps)


def test_a_plan_read_back_is_left_in_the_same_state(tmp_path: Path) -> None:
    plan = solved("onsite_72h")[1]
    assert opt.Plan.load(plan.save(tmp_path / "plan")).carry_at(30) == plan.carry_at(30)
