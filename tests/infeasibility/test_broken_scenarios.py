"""Thirty scenarios without a plan: the message alone is enough to mend each."""

from __future__ import annotations

import json
import pickle
from functools import cache
from typing import Any

import pytest
from broken_scenarios import BROKEN, Broken

import optimizer as opt
from optimizer.loading import checked
from optimizer.scenario import Scenario
from optimizer.scenario_file import apply_overrides


@cache
def told(broken: Broken) -> opt.InfeasibleError:
    """The error of a broken scenario; looked for once in a process, so that what is told of one is tested together."""
    with pytest.raises(opt.InfeasibleError) as caught:
        opt.optimize(checked(broken.make()))
    return caught.value


def repaired(broken: Broken, repair: Any) -> Scenario:
    """The scenario with a repair applied as `--set` would, as text."""
    overrides = [f"{change['path']}={json.dumps(change['value'])}" for change in repair["changes"]]
    return checked(apply_overrides(broken.make(), overrides))


def test_there_are_thirty() -> None:
    assert len({broken.name for broken in BROKEN}) == len(BROKEN) >= 30


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_the_message_names_what_conflicts_and_its_first_repair_gives_a_plan(broken: Broken) -> None:
    """Proves: rules in the scenario's words, with figures and times, in the message and for scripts; what is proposed
    is in the message word for word, and taken literally there is a plan with it, audited."""
    error = told(broken)
    assert [word for word in broken.words if word not in str(error)] == []
    assert error.conflicts
    assert all(conflict["where"] and conflict["rule"] for conflict in error.conflicts)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.conflicts, again.repairs) == (str(error), error.conflicts, error.repairs)
    json.dumps(error.details, allow_nan=False)
    first = error.repairs[0]
    assert f"{first['changes'][0]['path']}=" in str(error)
    scenario = repaired(broken, first)
    loose = scenario.model_copy(update={"solver": scenario.solver.model_copy(update={"mip_rel_gap": 0.2})})
    assert opt.optimize(loose).status == "optimal"


PAPER = [broken for broken in BROKEN if broken.make().path is None]


@pytest.mark.parametrize("broken", PAPER, ids=lambda broken: broken.name)
def test_every_repair_gives_a_plan_and_is_small(broken: Broken) -> None:
    """Proves: with each change there is a plan, with nine tenths of a change of one number there is none: what is
    proposed is (nearly) the smallest change."""
    for repair in told(broken).repairs:
        assert opt.optimize(repaired(broken, repair)).status == "optimal"
        (change,) = repair["changes"]
        now, value = change["now"], change["value"]
        if not isinstance(value, float) or not isinstance(now, float | int | None):
            continue
        key = change["path"].rpartition(".")[2]
        start = {"add": 0.0, "scale": 1.0}.get(key, 0.0) if now is None else float(now)
        less = apply_overrides(broken.make(), [f"{change['path']}={start + 0.9 * (value - start)}"])
        with pytest.raises((opt.InfeasibleError, opt.InputError)):
            opt.optimize(checked(less))
