"""What holds for any scenario: drawn at random, solved, and compared with a changed one."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import optimizer as opt
from optimizer.audit import TOLERANCE

GAP = 1e-6
STEPS = 6

examples = settings(
    max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=True
)


def amounts(low: float, high: float) -> st.SearchStrategy[float]:
    """Figures with one decimal: small enough to read, and without the rounding noise of arbitrary floats."""
    return st.integers(round(low * 10), round(high * 10)).map(lambda n: n / 10)


def series(low: float, high: float) -> st.SearchStrategy[list[float]]:
    return st.lists(amounts(low, high), min_size=STEPS, max_size=STEPS)


def by_member(members: int, low: float, high: float) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(series(low, high), min_size=members, max_size=members)


@st.composite
def campuses(draw: st.DrawFn, members: int | None = None, *, risk: bool = True) -> dict[str, Any]:
    """A small campus: spot supply, a block, export, a hall, a fleet, a battery, a pool with three kinds of work."""
    count = draw(st.integers(1, 3)) if members is None else members
    shares = draw(st.lists(st.integers(1, 5), min_size=count, max_size=count))
    pool = {"kind": "gpu_pool", "name": "h", "nodes": draw(st.integers(4, 20)), "idle_kw": 20, "full_kw": 100,
            "switch_minutes": draw(st.sampled_from([0, 15])), "switch_cost": draw(st.sampled_from([0, 1]))}  # fmt: skip
    modes = [{"name": "eco", "hash_th_s": 160, "power_w": 2500}, {"name": "on", "hash_th_s": 200, "power_w": 3500}]
    fleet = {"kind": "miner_fleet", "name": "m", "machines": 1000, "modes": modes, "cooling": "air",
             "hashprice_per_ph_day": draw(by_member(count, 20, 60)),
             "commit": draw(st.sampled_from(["recourse", "day_ahead"])),
             "start_cost": draw(st.sampled_from([0.0, 0.02])),
             "min_up_hours": draw(st.sampled_from([0, 2]))}  # fmt: skip
    battery = {"kind": "battery", "name": "b", "power_mw": draw(amounts(0.5, 3)), "energy_mwh": 4.0,
               "charge_efficiency": 0.9, "discharge_efficiency": 0.9, "throughput_cost_per_mwh": 2}  # fmt: skip
    job = {"kind": "training_job", "name": "j", "pool": "h", "class": draw(st.sampled_from(["malleable", "rigid"])),
           "work_node_hours": 12, "min_nodes": 4, "max_nodes": 4, "value": draw(amounts(50, 600))}  # fmt: skip
    service = {"kind": "inference_service", "name": "s", "pool": "h", "demand_per_hour": draw(by_member(count, 0, 40)),
               "capacity_per_node_hour": 10, "revenue_per_unit": 1.5, "shed_penalty_per_unit": 0.5}  # fmt: skip
    rental = {"kind": "rental", "name": "r", "pool": "h", "price_per_gpu_hour": draw(amounts(0.5, 3)), "max_nodes": 6}
    price = draw(by_member(count, -30, 200))
    selling = [[p - draw(st.sampled_from([1.0, 20.0])) for p in member] for member in price]
    site = {
        "name": "a",
        "grid": {"import_limit_mw": draw(amounts(3, 8)), "export_limit_mw": 2},
        "house_load_mw": 0.2,
        "contracts": [
            {"kind": "index_supply", "name": "spot", "price_per_mwh": price},
            {"kind": "fixed_block", "name": "block", "volume_mw": 1, "price_per_mwh": draw(amounts(10, 90)),
             "resale": {"price_per_mwh": price, "fee_per_mwh": 1}},
            {"kind": "export", "name": "sell", "price_per_mwh": selling},
        ],
        "cooling": [{"kind": "hall", "name": "air", "overhead": 0.1, "heat_limit_mw": 3}],
        "assets": [fleet, battery, pool],
        "workloads": [job, service, rental],
    }  # fmt: skip
    case = {
        "format": 1,
        "name": "drawn",
        "horizon": {"start": "2024-08-19T00:00", "steps": STEPS, "step": "1h", "timezone": "UTC"},
        "ensemble": {"members": count, "probabilities": [share / sum(shares) for share in shares]},
        "sites": [site],
        "solver": {"mip_rel_gap": GAP},
    }
    if risk and count > 1:
        case["risk"] = {"weight": draw(st.sampled_from([0.0, 0.4])), "cvar_alpha": draw(st.sampled_from([0.5, 0.9]))}
    return case


def solved(case: dict[str, Any]) -> opt.Plan:
    return opt.optimize(opt.scenario_from_dict(case))


def objective(plan: opt.Plan) -> float:
    return float(plan.summary["objective"])


def close_to(value: float) -> Any:
    """Equal within what the gap leaves open."""
    return pytest.approx(value, rel=3 * GAP, abs=1e-3)


def part(case: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in case["sites"][0][section] if entry["name"] == name)
    return found


# ---------------------------------------------------------------------- a plan in itself
@examples
@given(campuses())
def test_the_plan_stands_up(case: dict[str, Any]) -> None:
    """Proves: the audit is clean, the ledger adds up to the objective, the bound is not below it, the gap is kept."""
    summary = solved(case).summary
    weights, profits = np.array(case["ensemble"]["probabilities"]), np.array(summary["profit_by_member"])
    assert summary["status"] == "optimal"
    assert summary["audit"]["largest_violation"] <= TOLERANCE
    assert abs(summary["audit"]["ledger_minus_objective"]) <= 1e-5 * max(1.0, abs(summary["objective"]))
    assert sum(summary["ledger"].values()) == pytest.approx(weights @ profits, abs=1e-6)
    assert summary["bound"] >= summary["objective"] - 1e-6 * max(1.0, abs(summary["objective"]))
    assert summary["mip_gap"] <= GAP * (1 + 1e-6)
    assert summary.get("cvar", -np.inf) <= summary["expected_profit"] + 1e-6


@examples
@given(campuses())
def test_both_roads_earn_the_same(case: dict[str, Any]) -> None:
    """Proves: the ordinary Pyomo model of the same declarations has the same optimum."""
    problem = opt.build(opt.scenario_from_dict(case))
    fast = objective(problem.solve())
    _ = problem.model
    assert objective(problem.solve()) == close_to(fast)


# ---------------------------------------------------------------------- more of something
MORE = {
    "grid": lambda case: case["sites"][0]["grid"].update(import_limit_mw=20),
    "export": lambda case: case["sites"][0]["grid"].update(export_limit_mw=9),
    "machines": lambda case: part(case, "assets", "m").update(machines=1300),
    "nodes": lambda case: part(case, "assets", "h").update(nodes=part(case, "assets", "h")["nodes"] + 5),
    "battery": lambda case: part(case, "assets", "b").update(energy_mwh=6.0, soc_start_mwh=2.0, soc_end_mwh=2.0),
    "hall": lambda case: part(case, "cooling", "air").update(heat_limit_mw=9),
    "market": lambda case: part(case, "workloads", "r").update(max_nodes=9),
    "recourse": lambda case: part(case, "assets", "m").update(commit="recourse"),
}


@examples
@given(campuses(), st.permutations(sorted(MORE)))
def test_more_never_earns_less(case: dict[str, Any], order: list[str]) -> None:
    """Proves: a larger connection, fleet, pool, battery, hall or market, and decisions taken later, leave every old
    plan possible. Sensitivity: a limit with the wrong sign, or a cost per machine installed, loses by it."""
    before = objective(solved(case))
    grown = copy.deepcopy(case)
    for name in order[:3]:
        MORE[name](grown)
        after = objective(solved(grown))
        assert after >= before - 3 * GAP * abs(before) - 1e-3, name
        before = after


# ---------------------------------------------------------------------- money
@examples
@given(campuses(risk=False), amounts(100, 300))
def test_a_sunk_cost_changes_no_schedule(case: dict[str, Any], price: float) -> None:
    """Proves: the price of a block that is resold shifts the profit by exactly what it costs more, for 1 MW and 6
    hours; what is decided is worth the same. Sensitivity: a plan that saves the sunk price loses at the market."""
    block = part(case, "contracts", "block")
    cheap = objective(solved(case))
    paid = block["price_per_mwh"]
    block["price_per_mwh"] = price
    assert objective(solved(case)) + (price - paid) * STEPS == close_to(cheap)


MONEY = ("price_per_mwh", "fee_per_mwh", "hashprice_per_ph_day", "start_cost", "throughput_cost_per_mwh", "value",
         "switch_cost", "revenue_per_unit", "shed_penalty_per_unit", "price_per_gpu_hour")  # fmt: skip


def scaled(entry: Any, factor: float) -> Any:
    """All prices and values of a scenario times a factor: the same money in another currency."""
    if isinstance(entry, dict):
        return {k: times(v, factor) if k in MONEY else scaled(v, factor) for k, v in entry.items()}
    return [scaled(v, factor) for v in entry] if isinstance(entry, list) else entry


def times(value: Any, factor: float) -> Any:
    if isinstance(value, dict):
        return scaled(value, factor)
    return [times(v, factor) for v in value] if isinstance(value, list) else value * factor


@examples
@given(campuses(), st.sampled_from([0.25, 8.0]))
def test_money_in_another_currency_is_the_same_plan(case: dict[str, Any], factor: float) -> None:
    """Proves: all prices and values times 8 earn 8 times as much. Sensitivity: a price or cost that is not scaled with
    the others (a figure in the code) breaks it."""
    assert objective(solved(scaled(case, factor))) == close_to(factor * objective(solved(case)))


# ---------------------------------------------------------------------- members
@examples
@given(campuses(members=1))
def test_an_ensemble_of_one_is_the_deterministic_plan(case: dict[str, Any]) -> None:
    """Proves: without an ensemble the same scenario earns the same, risk or not, and so do two members that are
    alike."""
    alone = objective(solved(case))
    deterministic = copy.deepcopy(case) | {"risk": {"weight": 0.5, "cvar_alpha": 0.7}}
    del deterministic["ensemble"]
    assert objective(solved(deterministic)) == close_to(alone)
    twice = _with_members(case, [0, 0]) | {"ensemble": {"members": 2, "probabilities": [0.3, 0.7]}}
    assert objective(solved(twice)) == close_to(alone)


@examples
@given(campuses(members=3), st.permutations([0, 1, 2]))
def test_members_in_another_order_are_the_same_plan(case: dict[str, Any], order: list[int]) -> None:
    """Proves: with the members the profits change places. Sensitivity: probabilities that do not move along, or a rule
    that holds for the first member only."""
    odds = case["ensemble"]["probabilities"]
    moved = _with_members(case, order) | {"ensemble": {"members": 3, "probabilities": [odds[m] for m in order]}}
    plan, again = solved(case), solved(moved)
    assert objective(again) == close_to(objective(plan))
    if part(case, "assets", "m")["commit"] == "recourse" and part(case, "workloads", "j")["class"] == "malleable":
        apart = [solved(_with_members(case, [m]) | {"ensemble": {"members": 1}}) for m in range(3)]
        profits = [objective(one) for one in apart]
        if case["risk"]["weight"] == 0.0:
            assert plan.profit_by_member.tolist() == [close_to(p) for p in profits]
            assert again.profit_by_member.tolist() == [close_to(profits[m]) for m in order]


@examples
@given(campuses(members=2, risk=False))
def test_here_and_now_lies_between_the_mean_member_and_perfect_foresight(case: dict[str, Any]) -> None:
    """Proves: EVPI >= 0: knowing the member beforehand (each solved alone) earns at least as much as one plan for
    all."""
    together = objective(solved(case))
    odds = case["ensemble"]["probabilities"]
    alone = [objective(solved(_with_members(case, [m]) | {"ensemble": {"members": 1}})) for m in range(2)]
    foresight = float(np.dot(odds, alone))
    assert together <= foresight + 3 * GAP * abs(foresight) + 1e-3


@examples
@given(campuses(members=3, risk=False), st.sampled_from([0.5, 0.8, 0.95]))
def test_risk_trades_expected_profit_for_the_worst(case: dict[str, Any], alpha: float) -> None:
    """Proves: with more weight on the tail, expected profit does not rise and CVaR does not fall."""
    plans = [solved(case | {"risk": {"weight": weight, "cvar_alpha": alpha}}) for weight in (0.01, 0.5, 1.0)]
    for low, high in pairwise(plans):
        slack = 0.01 + 200 * GAP * max(abs(low.expected_profit), abs(low.summary["cvar"]))
        assert high.expected_profit <= low.expected_profit + slack
        assert high.summary["cvar"] >= low.summary["cvar"] - slack


def _with_members(case: dict[str, Any], order: list[int]) -> dict[str, Any]:
    """The scenario with its members picked in this order: in all series, which are lists of lists."""

    def picked(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {key: picked(value) for key, value in entry.items()}
        if isinstance(entry, list) and entry and isinstance(entry[0], list):
            return [entry[member] for member in order]
        return [picked(value) for value in entry] if isinstance(entry, list) else entry

    return {**case, "sites": picked(case["sites"])}
