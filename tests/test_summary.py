"""The summary: its keys, and its figures worked by hand or by brute force."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shipped
from small_case import fleet, site_case, solved, spot

import optimizer as opt
from optimizer.highs import solve
from optimizer.summary import cvar

KEYS = {
    "format", "name", "status", "currency", "expected_profit", "bound", "mip_gap", "members", "profit_by_member",
    "ledger", "energy_mwh", "peak_import_mw", "work_done", "served_fraction", "co2_t", "timing_s", "versions", "audit",
}  # fmt: skip
"""Promised by the format of summary.json; scripts hold on to them."""


# ---------------------------------------------------------------------- keys
@pytest.mark.parametrize("stem", shipped.STEMS)
def test_all_promised_keys_are_there(stem: str) -> None:
    """Proves: every key of the format, whether or not the scenario has jobs, services or emissions; ``cvar`` if
    asked."""
    _, plan = shipped.solved(stem)
    assert not KEYS - plan.summary.keys()
    assert ("cvar" in plan.summary) == (plan.scenario.risk.weight > 0)
    assert {"read", "build", "solve"} <= plan.summary["timing_s"].keys()
    assert {"largest_violation", "ledger_minus_objective", "tolerance"} <= plan.summary["audit"].keys()
    assert {"highspy", "pyomo", "numpy"} <= plan.summary["versions"].keys()


@pytest.mark.parametrize("stem", shipped.STEMS)
def test_the_summary_is_plain_json(stem: str) -> None:
    """Proves: no array and no NaN or infinity, which JSON does not have."""
    _, plan = shipped.solved(stem)
    assert json.loads(json.dumps(plan.summary, allow_nan=False)) == plan.summary


# ---------------------------------------------------------------------- sums
@pytest.mark.parametrize("stem", shipped.STEMS)
def test_figures_add_up(stem: str) -> None:
    """Proves: the ledger's lines, the members' profits by probability and the tidy table each add up to the expected
    profit; the bound is not below the objective, and the gap between them is the one asked for."""
    _, plan = shipped.solved(stem)
    summary = plan.summary
    weights = plan.scenario.ensemble.weights
    profit = pytest.approx(summary["expected_profit"], rel=1e-9)
    assert sum(summary["ledger"].values()) == profit
    assert weights @ np.array(summary["profit_by_member"]) == profit
    assert plan.ledger["amount"] @ weights[plan.ledger["member"]] == profit
    assert summary["audit"]["recomputed_profit"] == profit
    assert summary["bound"] >= summary["objective"] - 1e-6 * abs(summary["objective"])
    assert (summary["bound"] - summary["objective"]) / abs(summary["objective"]) <= plan.scenario.solver.mip_rel_gap
    assert summary["mip_gap"] <= plan.scenario.solver.mip_rel_gap


@pytest.mark.parametrize("stem", shipped.STEMS)
def test_reported_powers_add_up_to_the_site(stem: str) -> None:
    """Proves: the components' energies and the house load are what the sites import less what they export. Sensitivity:
    a pool that reports the power of its workloads as well counts it twice."""
    _, plan = shipped.solved(stem)
    dispatch, horizon = plan.dispatch, plan.scenario.horizon
    power = (dispatch["import_mw"] - dispatch["export_mw"] - dispatch["house_load_mw"]).sum("site").to_numpy()
    net = plan.scenario.ensemble.weights @ horizon.energy_mwh(power).sum(axis=1)
    assert sum(plan.summary["energy_mwh"].values()) == pytest.approx(net, rel=1e-9)


def two_members() -> dict[str, Any]:
    """Half-hour steps at 40 and at 150 | 40 and 40 per MWh, 1 MW of house load, odds of 1/4 and 3/4."""
    return site_case(
        steps=2,
        step="30min",
        contracts=[spot([[40, 150], [40, 40]])],
        assets=[fleet()],
        house_load_mw=1,
        grid={"import_limit_mw": 10, "co2_kg_per_mwh": [100, 200]},
        probabilities=[0.25, 0.75],
    )


def test_figures_by_hand() -> None:
    """Proves: member 0 mines in the first step only, 200 - 0.5 * (4.5 * 40 + 150) = 35; member 1 in both, 400 - 180 =
    220. Expected 173.75; energy 0.25 * 1.75 + 0.75 * 3.5 = 3.0625 MWh; emissions 0.25 * (225 + 100) + 0.75 * (225 +
    450) = 587.5 kg. Sensitivity: MW taken for MWh double the energy; the equally weighted mean is 127.5."""
    summary = solved(two_members()).summary
    assert summary["profit_by_member"] == pytest.approx([35.0, 220.0])
    assert summary["expected_profit"] == pytest.approx(173.75)
    assert summary["ledger"] == pytest.approx({"spot_energy": -176.25, "mining_revenue": 350.0})
    assert summary["energy_mwh"] == pytest.approx({"spot": 0.0, "m": 3.0625})
    assert summary["co2_t"] == pytest.approx(0.5875)
    assert summary["peak_import_mw"] == pytest.approx(4.5)
    assert (summary["members"], summary["currency"], summary["status"]) == (2, "USD", "optimal")
    assert (summary["work_done"], summary["served_fraction"]) == ({}, {})


def test_the_peak_is_that_of_all_sites_together() -> None:
    """Proves: sites that draw 4.5 MW in one hour and 6 in another peak at 6 + 1, not at 4.5 + 6."""
    case = site_case(steps=2, contracts=[spot(10)], house_load_mw=[4.5, 1])
    case["sites"].append({"name": "b", "contracts": [spot(10)], "house_load_mw": [1, 6]})
    summary = solved(case).summary
    assert summary["peak_import_mw"] == pytest.approx(7.0)
    assert summary["peak_import_mw_by_site"] == pytest.approx({"a": 4.5, "b": 6.0})


def test_the_ledger_table_says_where_and_when() -> None:
    """Proves: one row per line, member and step with money in it, with the local time."""
    case = two_members()
    case["horizon"]["timezone"] = "America/Chicago"
    plan = solved(case)
    rows = plan.ledger[plan.ledger["line"] == "mining_revenue"]
    assert rows[["member", "amount"]].to_numpy().tolist() == [[0, 200.0], [1, 200.0], [1, 200.0]]
    assert str(rows["time_local"].iloc[2]) == "2024-08-19 00:30:00-05:00"
    assert str(rows["time_utc"].iloc[2]) == "2024-08-19 05:30:00+00:00"
    assert set(rows["site"]) == {"a"}


def test_money_without_a_step_of_its_own_is_booked_where_it_falls_due() -> None:
    """Proves: a daily take-or-pay of 1 MW at 50 that nobody uses is due in the last hour of each day (1 h and 2 h of
    it: -50 and -100), and the battery's 2 MWh at 30 each at the horizon's end: 60."""
    block = {"kind": "fixed_block", "name": "block", "volume_mw": 1, "price_per_mwh": 50, "settlement_period": "day"}
    battery = {"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 2, "soc_start_mwh": 2,
               "soc_end_mwh": 0, "soc_end_value_per_mwh": 30}  # fmt: skip
    case = site_case(steps=3, start="2024-08-19T23:00", contracts=[spot(500), block], assets=[battery])
    ledger = solved(case).ledger
    due = {
        line: rows[["time_local", "amount"]].astype(str).to_numpy().tolist() for line, rows in ledger.groupby("line")
    }
    assert due == {
        "block_shortfall": [["2024-08-19 23:00:00+00:00", "-50.0"], ["2024-08-20 01:00:00+00:00", "-100.0"]],
        "battery_end_value": [["2024-08-20 01:00:00+00:00", "60.0"]],
    }


def test_end_rules_and_warnings_are_named() -> None:
    """Proves: what the plan assumes beyond the horizon, and what is odd in the scenario, stand in the summary."""
    case = site_case(
        steps=2,
        contracts=[spot(10)],
        assets=[{"kind": "battery", "name": "b", "power_mw": 1, "energy_mwh": 2, "charge_efficiency": 0.9}],
        grid={"net_import_before_mw": 1},
    )
    summary = solved(case).summary
    assert "1 MWh" in summary["end_of_horizon"]["b"]
    assert any("net_import_before_mw" in warning for warning in summary["warnings"])


def test_a_plan_stopped_at_a_limit_says_so() -> None:
    """Proves: a plan without a proven bound shows none, not infinity, and is marked; one with a bound shows its gap."""
    problem = opt.build(opt.load(shipped.FOLDER / "smallest.yaml"))
    best = solve(problem.arrays, problem.scenario.solver)
    stopped = replace(best, status="feasible", stopped_by="time limit reached", bound=np.inf, gap=np.inf)
    summary = problem._plan(stopped, best.values, problem.arrays.size, 0.0).summary
    assert (summary["status"], summary["stopped_by"]) == ("feasible", "time limit reached")
    assert (summary["bound"], summary["mip_gap"]) == (None, None)
    stopped = replace(stopped, bound=640.0, gap=14 / 626)
    summary = problem._plan(stopped, best.values, problem.arrays.size, 0.0).summary
    assert (summary["bound"], summary["mip_gap"]) == (640.0, 14 / 626)


# ---------------------------------------------------------------------- CVaR
@pytest.mark.parametrize("seed", range(8))
def test_cvar_against_brute_force(seed: int) -> None:
    """Proves: the mean of the worst share of a sample in which every member stands as often as it is likely, and the
    value of the linear programme max z - E[(z - profit)+] / (1 - alpha), whose best z is one of the profits."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(1, 30, 7)
    profits = draw.normal(0, 1000, 7).round(2)
    weights = counts / counts.sum()
    for worst in (1, 5, int(counts.sum() // 2), int(counts.sum() - 1)):
        alpha = 1.0 - worst / counts.sum()
        sample = np.sort(np.repeat(profits, counts))[:worst].mean()
        programme = max(z - weights @ np.maximum(0.0, z - profits) / (1.0 - alpha) for z in profits)
        assert cvar(profits, weights, alpha) == pytest.approx(sample)
        assert cvar(profits, weights, alpha) == pytest.approx(programme)
        assert cvar(profits, weights, alpha) <= weights @ profits + 1e-9


def test_cvar_at_the_ends() -> None:
    """Proves: alpha near 1 is the worst member, alpha near 0 the mean; members that cannot happen do not count."""
    profits, weights = np.array([5.0, -7.0, 3.0]), np.array([0.5, 0.25, 0.25])
    assert cvar(profits, weights, 0.999999) == pytest.approx(-7.0)
    assert cvar(profits, weights, 1e-9) == pytest.approx(weights @ profits)
    assert cvar(np.array([-100.0, 1.0]), np.array([0.0, 1.0]), 0.95) == pytest.approx(1.0)
    assert cvar(np.array([4.0]), np.array([1.0]), 0.95) == pytest.approx(4.0)


def test_units_of_a_shared_variable_are_named_per_component_where_they_differ() -> None:
    """Proves: two services that count in units of their own. Sensitivity: the first one's unit for both."""
    pool = {"kind": "gpu_pool", "name": "h", "nodes": 10, "idle_kw": 2, "full_kw": 10}
    case = site_case(steps=1, contracts=[spot(10)], assets=[pool])
    case["sites"][0]["workloads"] = [
        {"kind": "inference_service", "name": name, "pool": "h", "unit": unit, "demand_per_hour": 5,
         "capacity_per_node_hour": 10, "revenue_per_unit": 1.0}
        for name, unit in (("chat", "Mtok"), ("speech", "h"))
    ]  # fmt: skip
    dispatch = opt.optimize(opt.scenario_from_dict(case)).dispatch
    assert dispatch["served"].attrs["units"] == "chat: Mtok/h, speech: h/h"
    assert dispatch["nodes"].attrs["units"] == "nodes"


# ---------------------------------------------------------------------- the carry
def test_the_carry_is_worked_out_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: the figures are there without it, it stands in its place of the summary, it is worked out once, and a
    copy takes it along."""
    from optimizer import audit

    original, asked = audit.carry_of, []

    def counted(*arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(audit, "carry_of", counted)
    case = site_case(steps=2, contracts=[spot(40)], assets=[fleet(integer=True, min_up_hours=2)])
    plan, sent = (opt.optimize(opt.scenario_from_dict(case)) for _ in range(2))
    assert plan.status == "optimal"
    assert plan.figures["expected_profit"] == plan.expected_profit
    assert (plan.figures["carry"], asked) == ({}, [])
    keys = list(plan.figures)
    carry = plan.summary["carry"]
    assert carry["components"]["m"]
    assert plan.summary["carry"] is carry
    assert len(asked) == 1
    assert list(plan.summary) == keys
    assert copy(sent).summary["carry"] == carry
