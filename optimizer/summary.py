"""The summary of a plan: what ``summary.json`` says."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer import __version__
from optimizer.audit import audit_plan
from optimizer.highs import Outcome
from optimizer.parts import Parts
from optimizer.results import Money
from optimizer.scenario import Scenario
from optimizer.schedule import FORMAT, Schedule

Floats = NDArray[np.float64]
PACKAGES = ("highspy", "pyomo", "numpy", "pandas", "xarray")


def summarise(
    scenario: Scenario,
    parts: Parts,
    schedule: Schedule,
    money: Money,
    outcome: Outcome,
    size: dict[str, int],
    timing_s: dict[str, float],
) -> tuple[dict[str, Any], Callable[[], dict[str, Any]]]:
    """All figures of a plan, money in the scenario's currency, energy in MWh, power in MW; but for ``carry``, which has
    its place there, and what works it out: most of many plans are never gone on from."""
    weights = scenario.ensemble.weights
    by_member = profit_by_member(money, scenario.members)
    expected = float(weights @ by_member)
    tail = cvar(by_member, weights, 1.0 - scenario.tail_share)
    beta = scenario.risk.beta
    audit, sections, carry = audit_plan(scenario, parts, schedule, money, outcome.objective)
    objective = (1.0 - beta) * expected + beta * tail if beta > 0 else expected
    objective -= sections.get("previous_plan", {}).get("cost", 0.0)
    imports = {site: schedule.at("site", "import_mw", site) for site in parts.sites}
    summary: dict[str, Any] = {
        "format": FORMAT,
        "name": scenario.name,
        "status": outcome.status,
        "stopped_by": outcome.stopped_by,
        "road": outcome.road,
        "currency": scenario.currency,
        "expected_profit": expected,
        "objective": objective,
        "bound": outcome.bound if math.isfinite(outcome.bound) else None,
        "mip_gap": outcome.gap if math.isfinite(outcome.gap) else None,
        "members": scenario.members,
        "profit_by_member": by_member.tolist(),
        "ledger": expected_ledger(money, weights),
        "energy_mwh": energy_mwh(scenario, parts, schedule),
        "peak_import_mw": float(np.sum(list(imports.values()), axis=0).max()),
        "peak_import_mw_by_site": {site: float(mw.max()) for site, mw in imports.items()},
        "work_done": {},
        "served_fraction": {},
        "co2_t": co2_t(scenario, parts, imports),
        "end_of_horizon": {
            label: rule for label, part in parts.components.items() if (rule := part.component.end_rule(part.frame))
        },
        "carry": {},
        "size": size,
        "timing_s": timing_s,
        "versions": {"optimizer": __version__} | _versions(),
        "warnings": [str(problem) for problem in scenario.warnings],
        "audit": audit,
    }
    if beta > 0:
        summary["cvar"] = tail
    return summary | sections, carry


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


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


def energy_mwh(scenario: Scenario, parts: Parts, schedule: Schedule) -> dict[str, float]:
    """Expected energy by component over the horizon; consumption positive."""
    weights = scenario.ensemble.weights
    power_mw = {label: schedule.at("component", "power_mw", label) for label in parts.components}
    return {label: float(weights @ scenario.horizon.energy_mwh(mw.sum(axis=1))) for label, mw in power_mw.items()}


def co2_t(scenario: Scenario, parts: Parts, imports: Mapping[str, Floats]) -> float | None:
    """Expected emissions of the imported energy, tonnes; None where no site gives an intensity."""
    total, known = 0.0, False
    for site in scenario.sites:
        if site.grid.co2_kg_per_mwh is None:
            continue
        known = True
        frame = parts.sites[site.name].frame
        imported = scenario.horizon.energy_mwh(imports[site.name])
        kilograms = (imported * frame.values(site.grid.co2_kg_per_mwh)).sum(axis=1)
        total += float(scenario.ensemble.weights @ kilograms) / 1000.0
    return total if known else None
