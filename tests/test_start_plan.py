"""Plans to start from: windows over time, what they find, and what happens where they find nothing."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from pool_case import at, job, pool, pool_case

import optimizer as opt
from optimizer import start_plan
from optimizer.start_plan import decision_steps, solve_from_start

HOURS = 36


def busy(**solver: Any) -> dict[str, Any]:
    """Six jobs of all classes that compete for 12 nodes over a day and a half."""
    rng = np.random.default_rng(7)
    price = np.round(rng.uniform(0, 900, HOURS), 1).tolist()
    classes: list[dict[str, Any]] = [
        {"class": "rigid", "gang_nodes": 6},
        {"class": "preemptible", "gang_nodes": 5, "block_hours": 2, "restart_loss_hours": 0.5},
        {"max_nodes": 8, "min_nodes": 2, "restart_loss_hours": 0.5},
    ]
    work = [
        job(f"j{n}", work_node_hours=30.0 + n, value=100.0 + 9 * n, release=at(float(3 * n)), **classes[n % 3])
        | {"late_penalty_per_hour": 1.0, "deadline": at(float(3 * n + 20))}
        for n in range(6)
    ]
    days = pool_case(price, HOURS, *work, on=pool(nodes=12))
    for entry in days["sites"][0]["workloads"]:
        entry["deadline"] = _over_midnight(entry["deadline"])
        entry["release"] = _over_midnight(entry["release"])
    return days | {"solver": {"mip_rel_gap": 0.02, "start_plan": True} | solver}


def _over_midnight(stamp: str) -> str:
    hour = int(stamp[11:13])
    return f"2024-08-{19 + hour // 24:02d}T{hour % 24:02d}:00"


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_plan, "DECISIONS_PER_WINDOW", 100)


def test_the_steps_of_decisions() -> None:
    """Proves: runs fall in the first step of their block, starts in their own, the choice of a pool at the release.
    Sensitivity: the number of a block or of a pool taken for a step."""
    gang = job("p", work_node_hours=8, gang_nodes=4, block_hours=2, release=at(1), **{"class": "preemptible"})
    rigid = job("r", work_node_hours=8, gang_nodes=4, release=at(3), **{"class": "rigid"})
    problem = opt.build(opt.scenario_from_dict(pool_case(10, 9, gang, rigid)))
    steps = decision_steps(problem.compiled)
    blocks = {label: part.block for label, part in problem.parts.components.items()}
    assert steps[problem.compiled.columns(blocks["p"].run)[0]].tolist() == [-1, 1, 3, 5, 7]
    assert steps[problem.compiled.columns(blocks["r"].start)[0, 0]].tolist() == [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert steps[problem.compiled.columns(blocks["h"].idle)[0]].tolist() == list(range(9))


@pytest.mark.usefixtures("small_windows")
def test_a_plan_made_window_by_window_is_proven(caplog: pytest.LogCaptureFixture) -> None:
    """Proves: the plan is within the asked gap of the optimum that HiGHS finds by itself, its bound above it, and it
    stands up to the audit. Sensitivity: a bound of a window in which something is fixed lies below the optimum."""
    with caplog.at_level(logging.INFO, logger="optimizer.start_plan"):
        plan = opt.optimize(opt.scenario_from_dict(busy()))
    assert "start plan of" in caplog.text
    best = opt.optimize(opt.scenario_from_dict(busy(start_plan=False, mip_rel_gap=1e-4))).expected_profit
    assert plan.status == "optimal"
    assert plan.expected_profit >= best * (1 - 0.02)
    assert plan.summary["bound"] >= best * (1 - 1e-4)
    assert plan.summary["mip_gap"] <= 0.02


@pytest.mark.usefixtures("small_windows")
def test_a_finer_gap_is_proven_by_highs() -> None:
    """Proves: where the windows do not reach the gap, HiGHS goes on from their plan until it does."""
    plan = opt.optimize(opt.scenario_from_dict(busy(mip_rel_gap=1e-4)))
    best = opt.optimize(opt.scenario_from_dict(busy(start_plan=False, mip_rel_gap=1e-4)))
    assert plan.status == "optimal"
    assert plan.expected_profit == pytest.approx(best.expected_profit, rel=2e-4)


def test_few_decisions_need_no_start(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="optimizer.start_plan"):
        assert opt.optimize(opt.scenario_from_dict(busy())).status == "optimal"
    assert "start plan of" not in caplog.text


@pytest.mark.usefixtures("small_windows")
def test_a_window_without_a_plan_leaves_it_to_highs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: HiGHS starts without, and finds the same plan."""
    monkeypatch.setattr(start_plan._Search, "_solved", lambda *_: (None, np.inf))
    assert opt.optimize(opt.scenario_from_dict(busy())).status == "optimal"


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("after", [1, 6])
def test_an_interrupted_start_ends_at_once(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: interrupted while windows are decided, there is no plan yet; while they are improved, the plan is kept
    with its bound."""
    problem = opt.build(opt.scenario_from_dict(busy(mip_rel_gap=0.0)))
    runs: list[bool] = []

    def run(highs: Any, _: Any) -> bool:
        highs.run()
        runs.append(len(runs) + 1 >= after)
        return runs[-1]

    monkeypatch.setattr(start_plan, "run_highs", run)
    outcome = solve_from_start(problem.arrays, decision_steps(problem.compiled), problem.scenario.solver)
    assert outcome.stopped_by == "interrupt"
    assert len(runs) == after
    assert outcome.status == ("no_plan" if after == 1 else "feasible")
    if after > 1:
        assert np.isfinite(outcome.bound)


@pytest.mark.usefixtures("small_windows")
def test_the_start_takes_its_share_of_the_time() -> None:
    """Proves: with a tenth of a second for all there is no time for a start, and the limit is kept."""
    problem = opt.build(opt.scenario_from_dict(busy(time_limit_s=0.1)))
    outcome = solve_from_start(problem.arrays, decision_steps(problem.compiled), problem.scenario.solver)
    assert outcome.seconds < 5.0
