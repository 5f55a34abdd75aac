"""The summary of a plan: what ``summary.json`` says."""

from __future__ import annotations

import math
from collections import defaultdict
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optimizer import __version__
from optimizer.audit import audit_plan
from optimizer.highs import Outcome
from optimizer.parts import Parts
from optimizer.results import FORMAT, Money
from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
PACKAGES = ("highspy", "pyomo", "numpy", "pandas", "xarray")


def summarise(
    scenario: Scenario,
    parts: Parts,
    dispatch: xr.Dataset,
    money: Money,
    outcome: Outcome,
    size: dict[str, int],
    timing_s: dict[str, float],
) -> dict[str, Any]:
    """All figures of a plan; money in the scenario's currency, energy in MWh, power in MW."""
    weights = scenario.ensemble.weights
    by_member = profit_by_member(money, scenario.members)
    expected = float(weights @ by_member)
    tail = cvar(by_member, weights, scenario.risk.cvar_alpha)
    beta = scenario.risk.beta
    objective = (1.0 - beta) * expected + beta * tail if beta > 0 else expected
    audit, sections, carry = audit_plan(scenario, parts, dispatch, money, outcome.objective)
    summary: dict[str, Any] = {
        "format": FORMAT,
        "name": scenario.name,
        "status": outcome.status,
        "stopped_by": outcome.stopped_by,
        "currency": scenario.currency,
        "expected_profit": expected,
        "objective": objective,
        "bound": outcome.bound if math.isfinite(outcome.bound) else None,
        "mip_gap": outcome.gap if math.isfinite(outcome.gap) else None,
        "members": scenario.members,
        "profit_by_member": by_member.tolist(),
        "ledger": expected_ledger(money, weights),
        "energy_mwh": energy_mwh(scenario, dispatch),
        "peak_import_mw": float(dispatch["import_mw"].sum("site").max()),
        "peak_import_mw_by_site": {
            str(site): float(dispatch["import_mw"].sel(site=site).max()) for site in dispatch["site"].to_numpy()
        },
        "work_done": {},
        "served_fraction": {},
        "co2_t": co2_t(scenario, parts, dispatch),
        "end_of_horizon": {
            label: rule for label, part in parts.components.items() if (rule := part.component.end_rule(part.frame))
        },
        "carry": carry,
        "size": size,
        "timing_s": timing_s,
        "versions": {"optimizer": __version__} | {name: version(name) for name in PACKAGES},
        "warnings": [str(problem) for problem in scenario.warnings],
        "audit": audit,
    }
    if beta > 0:
        summary["cvar"] = tail
    return summary | sections


def profit_by_member(money: Money, members: int) -> Floats:
    """Sum of all ledger lines, (members,)."""
    total = np.zeros(members)
    for amount in money.values():
        total = total + amount.sum(axis=1)
    return total


def cvar(profits: Floats, weights: Floats, alpha: float) -> float:
    """Mean of the worst ``1 - alpha`` of the outcomes (the member at the edge counts in part)."""
    order = np.argsort(profits, kind="stable")
    tail = 1.0 - alpha
    before = np.concatenate([[0.0], np.cumsum(weights[order])[:-1]])
    share = np.clip(tail - before, 0.0, weights[order])
    return float(share @ profits[order] / share.sum())


def expected_ledger(money: Money, weights: Floats) -> dict[str, float]:
    """Expected money by line, summed over components; the lines add up to the expected profit."""
    lines: dict[str, float] = defaultdict(float)
    for (_, line), amount in money.items():
        lines[line] += float(weights @ amount.sum(axis=1))
    return dict(lines)


def energy_mwh(scenario: Scenario, dispatch: xr.Dataset) -> dict[str, float]:
    """Expected energy by component over the horizon; consumption positive."""
    energy = scenario.horizon.energy_mwh(dispatch["power_mw"].sum("time"))
    expected = (energy * dispatch["probability"]).sum("member")
    values = zip(expected["component"].to_numpy(), expected.to_numpy(), strict=True)
    return {str(label): float(value) for label, value in values}


def co2_t(scenario: Scenario, parts: Parts, dispatch: xr.Dataset) -> float | None:
    """Expected emissions of the imported energy, tonnes; None where no site gives an intensity."""
    total, known = 0.0, False
    for site in scenario.sites:
        if site.grid.co2_kg_per_mwh is None:
            continue
        known = True
        frame = parts.sites[site.name].frame
        imported = scenario.horizon.energy_mwh(dispatch["import_mw"].sel(site=site.name).to_numpy())
        kilograms = (imported * frame.values(site.grid.co2_kg_per_mwh)).sum(axis=1)
        total += float(scenario.ensemble.weights @ kilograms) / 1000.0
    return total if known else None
