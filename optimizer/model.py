"""The components of a scenario write themselves into one Pyomo model. A loop, which names no kind.

Objective, maximised (``beta`` = risk weight, ``tail`` = share of the outcomes that the risk looks at, 1 - cvar_alpha or
so little that only the worst member counts, ``pi`` = probabilities, ``profit_w`` = all money lines of a member)::

    (1 - beta) * sum_w pi_w * profit_w + beta * (zeta - sum_w pi_w * tail_w / tail)
    tail_w >= zeta - profit_w,   tail_w >= 0                                     (Rockafellar and Uryasev 2000)

less the cost of changes against a previous plan, where there is one (:mod:`optimizer.stability.rows`).
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from optimizer.component import MoneyLine, Rule
from optimizer.frame import Part, add_index_sets
from optimizer.light_model import LightModel, ProfitLine
from optimizer.light_sets import light_sets
from optimizer.parts import Parts
from optimizer.reserves import declare_reserves
from optimizer.scenario import Scenario
from optimizer.spanning import declare_split
from optimizer.stability.rows import cost_of_changes, declare_changes
from optimizer.template import Constraint, Objective, Param, Var, new_model

Lines = list[tuple[Part, str, MoneyLine]]
"""Lines of the ledger, each with its component and its name."""


def build_model(scenario: Scenario, parts: Parts, *, fast: bool) -> Any:
    """The whole model in Pyomo, on the fast road (templates) or as ordinary Pyomo; the declarations are the same."""
    model = new_model(fast=fast)
    model.sites = pyo.Block(list(parts.sites))
    model.parts = pyo.Block(list(parts.components))
    lines = _declare(model, scenario, parts)
    rest = _beside_profit(scenario, parts)

    def objective(m: Any) -> Any:
        expected = sum(m.probability[w] * profit_of_member(lines, w) for w in m.members)
        return expected if rest is None else (1.0 - scenario.risk.beta) * expected + rest(m)

    model.objective = Objective(rule=objective, doc="expected profit and CVaR")
    return model


def light_model(scenario: Scenario, parts: Parts) -> LightModel:
    """The same declarations without Pyomo's objects, to be read by :mod:`optimizer.tracing`."""
    model = LightModel(list(parts.sites), list(parts.components))
    with light_sets():
        lines = _declare(model, scenario, parts)
    model.lines = [
        ProfitLine(("money", part.label, name), part.block, line.index_sets, line.rule) for part, name, line in lines
    ]
    model.weights = (1.0 - scenario.risk.beta) * scenario.ensemble.weights
    model.objective_rule = _beside_profit(scenario, parts) or (lambda m: 0.0)
    return model


def _declare(model: Any, scenario: Scenario, parts: Parts) -> Lines:
    """All components' declarations in a model with blocks for them; returns the lines of the ledger."""
    add_index_sets(model, scenario.members, scenario.horizon.steps)
    model.probability = Param(model.members, values=scenario.ensemble.weights)
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
    declare_changes(scenario, parts)
    for label, part in parts.sites.items():
        part.component.constraints(model.sites[label], part.frame)
    lines = money_lines(parts)
    if scenario.risk.beta > 0:
        _declare_tail(model, lines)
    return lines


def money_lines(parts: Parts) -> Lines:
    """Every ledger line of every component."""
    return [
        (part, name, line)
        for part in parts.components.values()
        for name, line in part.component.money(part.block, part.frame).items()
    ]


def _declare_tail(model: Any, lines: Lines) -> None:
    model.risk = pyo.RangeSet(0, 0)
    model.value_at_risk = Var(model.risk, within=pyo.Reals)
    model.tail = Var(model.members, within=pyo.NonNegativeReals)
    model.tail_profit = Constraint(
        model.members,
        rule=lambda m, w: m.tail[w] + profit_of_member(lines, w) - m.value_at_risk[0] >= 0,
        doc="shortfall of a member's profit below the value at risk",
    )


def _beside_profit(scenario: Scenario, parts: Parts) -> Rule | None:
    """What the objective holds beside the expected profit; None for nothing."""
    beta, tail_share = scenario.risk.beta, scenario.tail_share
    cost = cost_of_changes(scenario, parts)

    def risk(m: Any) -> Any:
        short = sum(m.probability[w] * m.tail[w] * (beta / tail_share) for w in m.members)
        return beta * m.value_at_risk[0] - short

    if cost is None:
        return risk if beta > 0 else None
    return lambda m: (risk(m) if beta > 0 else 0.0) - cost(m)


def profit_of_member(lines: Lines, w: Any) -> Any:
    """All money lines of a member, as an expression."""
    return sum([_of_member(part.block, line, w) for part, _, line in lines])


def _of_member(block: Any, line: MoneyLine, w: Any) -> Any:
    if len(line.index_sets) == 1:
        return line.rule(block, w)
    return sum(line.rule(block, w, i) for i in line.index_sets[1])
