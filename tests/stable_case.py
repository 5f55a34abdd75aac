"""A day planned twice: yesterday's plan of one fleet, and today's scenario with other prices.

The fleet of :mod:`small_case` earns 400 an hour for 3.5 MWh. Yesterday it ran at 50 and rested at 150, in turns. Today
the second hour costs 110 (running earns 15) and the third 120 (running loses 20).
"""

from __future__ import annotations

from typing import Any

from small_case import fleet, site_case, spot

import optimizer as opt
from optimizer.plan import Plan
from optimizer.scenario import Scenario
from optimizer.stability.given import previous_plan

OLD_PRICES = [50.0, 150.0, 50.0, 150.0]
NEW_PRICES = [50.0, 110.0, 120.0, 150.0]
OLD_MW = [3.5, 0.0, 3.5, 0.0]
FREE_MW = [3.5, 3.5, 0.0, 0.0]
FREE, KEPT = 240.0, 205.0
"""Profit of today's best plan, 225 + 15, and of yesterday's at today's prices, 225 - 20."""


def old_plan(**fields: Any) -> Plan:
    case = site_case(steps=4, contracts=[spot(OLD_PRICES)], assets=[fleet()], **fields)
    return opt.optimize(opt.scenario_from_dict(case))


def new_case(**fields: Any) -> dict[str, Any]:
    return site_case(steps=4, contracts=[spot(NEW_PRICES)], assets=[fleet()], **fields)


def new_scenario(**section: Any) -> Scenario:
    """Today's scenario near yesterday's plan."""
    return previous_plan(opt.scenario_from_dict(new_case()), old_plan(), **section)


def on_both_roads(scenario: Scenario) -> Plan:
    """The plan; the ordinary Pyomo model has the same objective."""
    problem = opt.build(scenario)
    plan = problem.solve()
    _ = problem.model
    again = problem.solve()
    assert abs(again.summary["objective"] - plan.summary["objective"]) < 1e-6
    return plan
