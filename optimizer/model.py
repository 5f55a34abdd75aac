"""The components of a scenario write themselves into one Pyomo model. A loop, which names no kind.

Objective, maximised (``beta`` = risk weight, ``alpha`` = cvar_alpha, ``pi`` = probabilities, ``profit_w`` = all money
lines of a member)::

    (1 - beta) * sum_w pi_w * profit_w + beta * (zeta - sum_w pi_w * tail_w / (1 - alpha))
    tail_w >= zeta - profit_w,   tail_w >= 0                                     (Rockafellar and Uryasev 2000)
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.component import MoneyLine
from optimizer.frame import Part, add_index_sets
from optimizer.parts import Parts
from optimizer.reserves import declare_reserves
from optimizer.scenario import Scenario
from optimizer.spanning import declare_split
from optimizer.template import Constraint, Objective, Param, Var, new_model


def build_model(scenario: Scenario, parts: Parts, *, fast: bool) -> Any:
    """The whole model, on the fast road (templates) or as ordinary Pyomo; the declarations are the same."""
    model = new_model(fast=fast)
    add_index_sets(model, scenario.members, scenario.horizon.steps)
    model.probability = Param(model.members, values=scenario.ensemble.weights)
    model.sites = pyo.Block(list(parts.sites))
    model.parts = pyo.Block(list(parts.components))
    parts.with_model(model)
    for part in parts.components.values():
        part.component.variables(part.block, part.frame)
    for label, part in parts.sites.items():
        part.component.variables(model.sites[label], part.frame)
    for part in parts.components.values():
        declare_split(part)  # before the contract's own rules, which may be on what it delivers to each site
        part.component.constraints(part.block, part.frame)
    for part in parts.components.values():
        declare_reserves(part)
    for label, part in parts.sites.items():
        part.component.constraints(model.sites[label], part.frame)
    _declare_objective(model, scenario, money_lines(parts))
    return model


def money_lines(parts: Parts) -> list[tuple[Part, str, MoneyLine]]:
    """Every ledger line of every component."""
    return [
        (part, name, line)
        for part in parts.components.values()
        for name, line in part.component.money(part.block, part.frame).items()
    ]


def _declare_objective(model: Any, scenario: Scenario, lines: list[tuple[Part, str, MoneyLine]]) -> None:
    beta, alpha = scenario.risk.beta, scenario.risk.cvar_alpha

    def expected(m: Any) -> Any:
        return sum(m.probability[w] * _profit(lines, w) for w in m.members)

    if beta == 0:
        model.objective = Objective(rule=expected, doc="expected profit")
        return
    model.risk = pyo.RangeSet(0, 0)
    model.value_at_risk = Var(model.risk, within=pyo.Reals)
    model.tail = Var(model.members, within=pyo.NonNegativeReals)
    model.tail_profit = Constraint(
        model.members,
        rule=lambda m, w: m.tail[w] + _profit(lines, w) - m.value_at_risk[0] >= 0,
        doc="shortfall of a member's profit below the value at risk",
    )
    model.objective = Objective(
        rule=lambda m: (
            (1.0 - beta) * expected(m)
            + beta * m.value_at_risk[0]
            - sum(m.probability[w] * m.tail[w] * (beta / (1.0 - alpha)) for w in m.members)
        ),
        doc="expected profit and CVaR",
    )


def _profit(lines: list[tuple[Part, str, MoneyLine]], w: Any) -> Any:
    return sum([_of_member(part.block, line, w) for part, _, line in lines])


def _of_member(block: Any, line: MoneyLine, w: Any) -> Any:
    if len(line.index_sets) == 1:
        return line.rule(block, w)
    return sum(line.rule(block, w, i) for i in line.index_sets[1])
