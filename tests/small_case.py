"""Paper-sized scenarios for the tests of single kinds, solved on every road."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import optimizer as opt
from optimizer.audit import audit_plan

START = "2024-08-19T00:00"
BREAK_EVEN = 400.0 / 3.5
"""Price per MWh at which the fleet of :func:`fleet` earns nothing: 400 an hour for 3.5 MWh."""


def site_case(
    *,
    steps: int,
    contracts: Iterable[Mapping[str, Any]],
    assets: Iterable[Mapping[str, Any]] = (),
    cooling: Iterable[Mapping[str, Any]] = (),
    house_load_mw: Any = 0.0,
    grid: Mapping[str, Any] | None = None,
    step: str = "1h",
    start: str = START,
    timezone: str = "UTC",
    probabilities: list[float] | None = None,
) -> dict[str, Any]:
    """One site as a scenario file would write it, solved to optimality."""
    site = {
        "name": "a",
        "house_load_mw": house_load_mw,
        "contracts": [dict(c) for c in contracts],
        "cooling": [dict(c) for c in cooling],
        "assets": [dict(a) for a in assets],
    }
    if grid is not None:
        site["grid"] = dict(grid)
    case: dict[str, Any] = {
        "format": 1,
        "name": "small",
        "horizon": {"start": start, "steps": steps, "step": step, "timezone": timezone},
        "sites": [site],
        "solver": {"mip_rel_gap": 0.0},
    }
    if probabilities is not None:
        case["ensemble"] = {"members": len(probabilities), "probabilities": probabilities}
    return case


def spot(price: Any, name: str = "spot", **fields: Any) -> dict[str, Any]:
    """Index supply at a price."""
    return {"kind": "index_supply", "name": name, "price_per_mwh": price} | fields


def fleet(name: str = "m", **fields: Any) -> dict[str, Any]:
    """1000 machines of 200 TH/s and 3500 W at a hashprice of 48: 400 an hour for 3.5 MW."""
    plain = {
        "kind": "miner_fleet",
        "name": name,
        "machines": 1000,
        "modes": [{"name": "on", "hash_th_s": 200, "power_w": 3500}],
        "hashprice_per_ph_day": 48,
    }
    return {key: value for key, value in (plain | fields).items() if value is not None}


def solved(case: Mapping[str, Any]) -> opt.Plan:
    """The audited plan; the ordinary Pyomo model and the scenario as written back earn the same."""
    scenario = opt.scenario_from_dict(case)
    problem = opt.build(scenario)
    plan = problem.solve()
    _ = problem.model
    assert problem.solve().expected_profit == pytest.approx(plan.expected_profit, abs=1e-6, rel=1e-6)
    again = opt.scenario_from_dict(scenario.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert opt.optimize(again).expected_profit == pytest.approx(plan.expected_profit, abs=1e-6, rel=1e-6)
    return plan


def profit(case: Mapping[str, Any]) -> float:
    """Expected profit of :func:`solved`."""
    return solved(case).expected_profit


def series(plan: opt.Plan, variable: str, component: str) -> list[float]:
    """A variable of one component over time, first member."""
    return [round(float(v), 6) + 0.0 for v in _values(plan, variable, component)[0]]


def by_member(plan: opt.Plan, variable: str, component: str) -> list[list[float]]:
    """A variable of one component, one list per member."""
    return [[round(float(v), 6) + 0.0 for v in row] for row in _values(plan, variable, component)]


def _values(plan: opt.Plan, variable: str, component: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = plan.dispatch[variable].sel(component=component).to_numpy()
    return found


def booked(plan: opt.Plan, line: str) -> float:
    """Expected money of a ledger line."""
    return float(plan.summary["ledger"][line])


def unnoticed(plan: opt.Plan, component: str) -> list[str]:
    """Variables of a component that can be falsified, in any one step, without the audit noticing."""
    problem = opt.build(plan.scenario)
    missed = []
    for name, variable in plan.dispatch.data_vars.items():
        own = str(name).startswith(f"{component}.")
        if not own and ("component" not in variable.dims or variable.sel(component=component).isnull().all()):
            continue
        place: dict[Hashable, Any] = {} if own else {"component": component}
        for step in range(plan.dispatch.sizes["time"]):
            false = plan.dispatch.copy(deep=True)
            at: dict[Hashable, Any] = {"time": false["time"][step], "member": 0} | place
            at |= {dim: false[name][dim][0] for dim in variable.dims if str(dim).startswith(f"{component}.")}
            false[name].loc[at] += 0.37
            audit, *_ = audit_plan(plan.scenario, problem.parts, false, plan.money, plan.summary["objective"])
            if audit["largest_violation"] <= audit["tolerance"]:
                missed.append(f"{name} in step {step}")
    return missed


def refusals(case: Mapping[str, Any]) -> str:
    """The text of all problems for which the scenario is refused."""
    with pytest.raises(opt.InputError) as caught:
        opt.scenario_from_dict(case)
    return str(caught.value)


def warnings_of(case: Mapping[str, Any]) -> str:
    """The text of all warnings of a scenario that is accepted."""
    return "\n".join(str(warning) for warning in opt.scenario_from_dict(case).warnings)
