"""This project: the scenario file through the public road, `opt.load`, `opt.build`, arrays to HiGHS, results.

The results are those of a plan before labels are put on: all that the components report (some 40 quantities) and all
ledger lines, so more is made here than the other formulations return. Giving them the names and the order of the
comparison is no part of what is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from dispatch_case import SCENARIO_FILE

import optimizer as opt
from optimizer.highs import new_highs, pass_arrays
from optimizer.results import Money, money_of, schedule_of
from optimizer.schedule import Schedule
from peers.road import Floats, Results

OWN_LINE = {
    "mining_revenue": "mining", "rental_revenue": "rent", "sellback_revenue": "export", "power_day_ahead": "day_ahead",
    "power_imbalance": "imbalance", "power_adder": "adder", "battery_wear": "wear",
}  # fmt: skip


class ThisProject:
    """The library."""

    def read(self, folder: Path) -> None:
        self.scenario = opt.load(folder / SCENARIO_FILE)

    def build(self) -> None:
        self.problem = opt.build(self.scenario)

    def hand_over(self) -> Any:
        highs = new_highs(self.scenario.solver)
        pass_arrays(highs, self.problem.arrays)
        return highs

    def results(self, values: Floats) -> Callable[[], Results]:
        problem = self.problem
        schedule = schedule_of(self.scenario, problem.parts, problem.compiled, values)
        money = money_of(problem.parts, problem.compiled, values)
        return lambda: self._by_site(schedule, money)

    def whole_solve(self) -> float:
        """The public call: HiGHS with ties broken, results, summary and audit; returns the expected profit."""
        return self.problem.solve().expected_profit

    def _by_site(self, schedule: Schedule, amounts: Money) -> Results:
        """The results under the names that all formulations share, (sites, members, hours)."""
        sites = [site.name for site in self.scenario.sites]

        def label(site: str, name: str) -> str:
            return f"{site}.{name}" if len(sites) > 1 else name

        def of_component(variable: str, component: str) -> Floats:
            return np.stack([schedule.at("component", variable, label(site, component)) for site in sites])

        dispatch = {
            **{n: np.stack([schedule.at("site", n, site) for site in sites]) for n in ("import_mw", "export_mw")},
            **{n: of_component(n, "battery") for n in ("soc_mwh", "charge_mw", "discharge_mw")},
            "position_mw": of_component("position_mw", "power"),
            "nodes": of_component("nodes", "rent"),
            "running": np.stack([schedule.table(f"{label(site, 'miners')}.running") for site in sites]),
        }
        money: dict[str, list[Floats]] = {}
        for (_, line), amount in amounts.items():
            money.setdefault(OWN_LINE[line], []).append(amount)
        return Results(dispatch, {line: np.stack(by_site) for line, by_site in money.items()})
