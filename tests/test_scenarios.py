"""The shipped scenarios: solved, audited, compared with recorded figures, and sensible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shipped
from numpy.typing import NDArray

import optimizer as opt

REGRESSION = Path(__file__).parent / "regression.json"
"""Recorded figures by scenario, each with the tolerance that the gap of the solve allows: of an optimum known to 0.1 %,
another run or version of HiGHS may return any plan within 0.1 %."""

Floats = NDArray[np.float64]


def of(plan: opt.Plan, variable: str, component: str) -> Floats:
    """A variable of one component, (members, steps)."""
    found: Floats = plan.dispatch[variable].sel(component=component).to_numpy()
    return found


def price_of(plan: opt.Plan, site: int, contract: int, field: str = "price_per_mwh") -> Floats:
    """A contract's price, (members, steps)."""
    found: Floats = getattr(plan.scenario.sites[site].contracts[contract], field).by_member(plan.scenario.members)
    return found


# ---------------------------------------------------------------------- solved, proven, audited
@pytest.mark.parametrize("stem", shipped.STEMS)
def test_solved_to_the_asked_gap_and_audited(stem: str) -> None:
    """Proves: optimal within the scenario's own gap, nothing violated beyond 1e-6, money exact to a cent."""
    _, plan = shipped.solved(stem)
    summary = plan.summary
    assert summary["status"] == "optimal"
    assert summary["mip_gap"] <= plan.scenario.solver.mip_rel_gap
    assert summary["audit"]["largest_violation"] < 1e-6
    assert summary["audit"]["checks"] > 10
    assert abs(summary["audit"]["ledger_minus_objective"]) < 0.01
    assert not plan.scenario.warnings


def test_every_shipped_scenario_has_recorded_figures() -> None:
    """Proves: a scenario without recorded figures is a failing test."""
    assert sorted(json.loads(REGRESSION.read_text())) == shipped.STEMS


@pytest.mark.parametrize("stem", shipped.STEMS)
def test_figures_are_as_recorded(stem: str) -> None:
    """Proves: the objective is that recorded, within the gap, and neither bound excludes the other's plan.
    Sensitivity: a formulation that loses a cost or a limit earns more than the recorded bound; one that is too tight
    has a bound below the recorded plan."""
    _, plan = shipped.solved(stem)
    recorded: dict[str, Any] = json.loads(REGRESSION.read_text())[stem]
    tolerance = plan.scenario.solver.mip_rel_gap
    assert recorded["tolerance"] == tolerance
    assert plan.summary["objective"] == pytest.approx(recorded["objective"], rel=tolerance)
    assert plan.summary["objective"] <= recorded["bound"] * (1 + 1e-9)
    assert plan.summary["bound"] >= recorded["objective"] * (1 - 1e-9)


def test_the_smallest_is_as_worked_out_by_hand() -> None:
    """Proves: 50 + 0 + 575 + 1 = 626 (the break-even is 114.29 per MWh). Sensitivity: always on, 606."""
    _, plan = shipped.solved("smallest")
    assert plan.expected_profit == pytest.approx(626.0)
    assert of(plan, "power_mw", "m").tolist() == [[3.5, 0.0, 3.5, 3.5]]


# ---------------------------------------------------------------------- the week at one campus
def test_the_campus_stops_mining_in_the_spike() -> None:
    """Proves: while spot energy costs more than 500, the miners that draw 69 MW in the cheapest hour draw less than 2
    (of the block that cannot be resold, what neither the GPUs nor the 10 MW of export take), and the battery
    discharges in the dearest hour. Sensitivity: a plan blind to prices mines through, for 3 hours * 70 MW * 500 =
    105,000."""
    _, plan = shipped.solved("campus_week")
    price = price_of(plan, 0, 0)[0]
    spike = price > 500
    mining = of(plan, "power_mw", "s21")[0] + of(plan, "power_mw", "s19")[0]
    assert spike.sum() == 3
    assert mining[spike].max() < 2.0
    assert mining[int(np.argmin(price))] > 50.0
    assert of(plan, "discharge_mw", "bess")[0, int(np.argmax(price))] > 5.0


def test_the_campus_finishes_its_jobs_and_serves_its_users() -> None:
    """Proves: three jobs worth 1.07 million are finished by their deadlines, and at least 99 % of the demand of each
    day is served. Sensitivity: the recorded profit with one job less is lower by its value."""
    _, plan = shipped.solved("campus_week")
    jobs = {w.name: w for w in plan.scenario.sites[0].workloads if w.kind == "training_job"}
    assert len(jobs) == 3
    for name, job in jobs.items():
        assert plan.summary["work_done"][name] == pytest.approx(job.work_node_hours, rel=1e-6), name
        assert of(plan, "finished", name)[0, -1] == pytest.approx(1.0), name
    assert plan.summary["ledger"]["training_value"] == pytest.approx(sum(job.value for job in jobs.values()))
    days = plan.scenario.horizon.period_codes("day")
    demand, served = of(plan, "demand", "chat")[0], of(plan, "served", "chat")[0]
    for day in np.unique(days):
        assert served[days == day].sum() >= 0.99 * demand[days == day].sum() - 1e-6
    assert plan.summary["served_fraction"]["chat"] >= 0.99


def test_the_campus_keeps_its_connection() -> None:
    """Proves: 100 MW in, 10 MW out, and no change of more than 60 MW from hour to hour."""
    _, plan = shipped.solved("campus_week")
    imported, exported = (plan.dispatch[v].to_numpy()[0, :, 0] for v in ("import_mw", "export_mw"))
    assert imported.max() <= 100 + 1e-6
    assert exported.max() <= 10 + 1e-6
    assert np.abs(np.diff(imported - exported)).max() <= 60 + 1e-6
    assert np.minimum(imported, exported).max() < 1e-6


# ---------------------------------------------------------------------- two days with twenty members
def test_day_ahead_decisions_are_the_same_for_all_members_and_recourse_is_not() -> None:
    """Proves: starts of the committed machines and of the rigid job do not know the member; the other machines do."""
    _, plan = shipped.solved("day_ahead_48h")
    committed = plan.dispatch["s19.running"].sum("s19.mode").to_numpy()
    assert np.abs(committed - committed[0]).max() < 1e-6
    gang = of(plan, "nodes", "pretrain")
    assert np.abs(gang - gang[0]).max() < 1e-6
    free = plan.dispatch["s21.running"].sum("s21.mode").to_numpy()
    assert np.abs(free - free[0]).max() > 1.0


def test_the_risk_figures_of_the_day_ahead_plan() -> None:
    """Proves: CVaR 0.9 of 20 equally likely members is the mean of the two worst, and stands below the expected
    profit."""
    _, plan = shipped.solved("day_ahead_48h")
    profits = np.sort(plan.profit_by_member.to_numpy())
    assert plan.summary["cvar"] == pytest.approx(profits[:2].mean())
    assert plan.summary["cvar"] < plan.expected_profit
    weighed = 0.8 * plan.expected_profit + 0.2 * plan.summary["cvar"]
    assert plan.summary["objective"] == pytest.approx(weighed)


def test_each_member_stops_mining_where_its_own_price_is_high() -> None:
    """Proves: no S21 runs in any member's hours above 300 per MWh, and most do in its hours below 20."""
    _, plan = shipped.solved("day_ahead_48h")
    price = price_of(plan, 0, 0)
    running = plan.dispatch["s21.running"].sum("s21.mode").to_numpy()
    dear, cheap = price > 300, price < 20
    assert running[dear].max(initial=0.0) < 1.0
    assert running[cheap].mean() > 0.9 * plan.scenario.sites[0].assets[0].machines


# ---------------------------------------------------------------------- two sites
def test_work_shared_by_two_sites_runs_once() -> None:
    """Proves: the rigid job holds nodes of one pool only, and what both pools serve of a region adds up to its
    service."""
    _, plan = shipped.solved("two_sites_72h")
    pools = plan.dispatch["pretrain.nodes_by_pool"].max(["member", "time"]).to_numpy()
    assert sorted(np.round(pools)) == [0.0, 128.0]
    for service in ("chat_west", "chat_north"):
        by_pool = plan.dispatch[f"{service}.served_by_pool"].sum(f"{service}.pool").to_numpy()
        np.testing.assert_allclose(by_pool, of(plan, "served", service), atol=1e-6)
        assert plan.summary["served_fraction"][service] >= 0.98
    assert plan.summary["work_done"] == pytest.approx({"pretrain": 4608.0, "finetune": 5000.0}, rel=1e-6)


def test_overrides_change_the_plan_as_they_should() -> None:
    """Proves: a tenth of the smallest fleet earns a tenth, 62.6; without a rise in price in hour 2 it runs
    throughout."""
    smaller = opt.load(shipped.FOLDER / "smallest.yaml", ["sites.a.assets.m.machines=100"])
    assert opt.optimize(smaller).expected_profit == pytest.approx(62.6)
    cheaper = opt.load(shipped.FOLDER / "smallest.yaml", ["sites.a.contracts.spot.price_per_mwh=100"])
    assert opt.optimize(cheaper).expected_profit == pytest.approx(200.0)


def test_switches_show_what_is_switched() -> None:
    """Proves: in the campus week the rigid job takes up its 256 nodes once. Sensitivity: bounded from below only, and
    free of charge, 15,104 switches were shown for it, 256 in each step of its run."""
    _, plan = shipped.solved("campus_week")
    assert float(plan.dispatch["switched"].sel(component="pretrain").sum()) == pytest.approx(256.0)
    for job in ("finetune", "pretrain", "evaluation"):  # new jobs, which held no nodes before
        nodes = plan.dispatch["nodes"].sel(component=job).to_numpy()
        came = np.maximum(0.0, np.diff(nodes, axis=1, prepend=0.0))
        np.testing.assert_allclose(plan.dispatch["switched"].sel(component=job).to_numpy(), came, atol=1e-6)
        assert (np.diff(plan.dispatch["progress"].sel(component=job).to_numpy()) > -1e-6).all()
