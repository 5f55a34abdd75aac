"""Work that has no part in a window is not modelled in it, and nothing that is done or earned changes by that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backtest_case import END, START, write_case

from optimizer.backtest import present
from optimizer.backtest.engine import Window, run_policy
from optimizer.backtest.policies import Optimized
from optimizer.backtest.present import with_states_of_idle, without_idle
from optimizer.backtest.reading import Case, read_case
from optimizer.backtest.record import Decision
from optimizer.horizon import Horizon
from optimizer.rebasing import rebased, window
from optimizer.scenario import Scenario

PRICES = [100.0 + 7 * (5 * hour % 24) for hour in range(24)]
"""No two hours cost the same, so that the best plan is one."""
POOL = {"kind": "gpu_pool", "name": "h100", "nodes": 100, "idle_kw": 0.0, "full_kw": 10.0}


def job(name: str, release: str, deadline: str, **more: Any) -> dict[str, Any]:
    """200 node-hours on at most 100 nodes at once, which draw 1 MW."""
    own = {"kind": "training_job", "name": name, "pool": "h100", "class": "malleable", "min_nodes": 0, "max_nodes": 100}
    own |= {"work_node_hours": 200.0, "value": 8000.0, "release": f"2024-08-20T{release}"}
    return own | {"deadline": f"2024-08-20T{deadline}"} | more


EARLY, LATE = job("early", "00:00", "06:00"), job("late", "14:00", "20:00")


def case_of(folder: Path, *jobs: dict[str, Any]) -> Case:
    path = write_case(folder, PRICES, [*PRICES, *PRICES], assets=[POOL], workloads=list(jobs))
    return read_case(path, START, END)


def names_in(scenario: Scenario) -> list[str]:
    return [work.name for site in scenario.sites for work in site.workloads]


def from_hour(case: Case, first: int, steps: int, carry: dict[str, Any] | None = None) -> Scenario:
    scenario = case.record.scenario
    at = window(scenario, first, steps)
    states = None if carry is None else {"at": at.start, "components": carry}
    return rebased(scenario, horizon=at, carry=states)


def test_work_that_is_released_later_or_finished_is_left_out(tmp_path: Path) -> None:
    """Proves: at 06:00, for 8 hours, neither the finished job nor that of 14:00 is in the window; for 9 hours the later
    one is; a job that is not finished always is."""
    case = case_of(tmp_path, EARLY, LATE)
    finished = {"early": {"work_done": 200.0, "finished": 1.0}}
    assert names_in(without_idle(from_hour(case, 6, 8, finished))) == []
    assert names_in(without_idle(from_hour(case, 6, 9, finished))) == ["late"]
    assert names_in(without_idle(from_hour(case, 6, 8, {"early": {"work_done": 30.0}}))) == ["early"]
    left = without_idle(from_hour(case, 6, 9, finished)).carry
    assert left is not None
    assert left.components == {}


def test_work_that_others_wait_for_stays(tmp_path: Path) -> None:
    """Proves: a finished job that another runs after stays, since the other has to know that it is done."""
    case = case_of(tmp_path, EARLY, LATE | {"after": ["early"]})
    finished = {"early": {"work_done": 200.0, "finished": 1.0}}
    assert names_in(without_idle(from_hour(case, 6, 12, finished))) == ["early", "late"]


def test_states_of_what_is_left_out_are_handed_on() -> None:
    """Proves: the states after a window are its own and those of before for what had no part in it."""
    before = {"at": "2024-08-20T00:00", "components": {"early": {"finished": 1.0}, "b": {"soc_mwh": 1.0}}}
    after = {"at": "2024-08-20T06:00", "components": {"b": {"soc_mwh": 2.0}}}
    found = with_states_of_idle(after, before)
    assert found == after | {"components": {"early": {"finished": 1.0}, "b": {"soc_mwh": 2.0}}}
    assert with_states_of_idle(after, None) == after


def test_what_is_done_and_earned_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: four windows of 12 hours, 6 of which are carried out, come to the same schedules and money as with all
    jobs in every window, where both jobs run in the cheapest hours that they have; and windows are smaller."""
    seen: list[int] = []

    def counted(scenario: Scenario) -> Scenario:
        found = without_idle(scenario)
        seen.append(len(names_in(found)))
        return found

    def all_there(scenario: Scenario) -> Scenario:
        return scenario

    case = case_of(tmp_path, EARLY, LATE)
    ways: list[list[Window]] = []
    for way in (counted, all_there):
        monkeypatch.setattr("optimizer.backtest.record.without_idle", way)
        ways.append(run_policy(case, Optimized()))
    lean, whole = ways
    assert max(seen) == 1
    for one, other in zip(lean, whole, strict=True):
        assert sum(one.money.values()) == pytest.approx(sum(other.money.values()), abs=1e-6)
        for name, values in other.done.values.items():
            absent = np.zeros_like(values)
            np.testing.assert_allclose(one.done.values.get(name, absent), values, atol=1e-6)
    # each job takes all nodes in the two cheapest hours that it has, 1 MWh in each
    cheap = [sorted(PRICES[0:6])[:2], sorted(PRICES[14:20])[:2]]
    earned = 2 * 8000.0 - sum(map(sum, cheap))
    assert sum(sum(each.money.values()) for each in lean) == pytest.approx(earned, abs=1e-6)


def test_every_view_of_a_window_leaves_the_same_out(tmp_path: Path) -> None:
    """Proves: what is decided and what is carried out have the same variables, since both come by the same door.
    Sensitivity: were one of them whole, the schedule would lack what the other is to be told."""
    case = case_of(tmp_path, EARLY, LATE)
    horizon: Horizon = window(case.record.scenario, 0, 12)
    decision = Decision(0, 6, horizon, case.record.history, case.record.scenario, None, None, case.settings)  # type: ignore[arg-type]
    seen = decision.window_of(case.record.scenario, case.record.actual(0, 12))
    assert names_in(seen) == ["early"]
    assert present.without_idle(seen) is seen
