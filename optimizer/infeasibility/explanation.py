"""The error to raise for a scenario without a plan: what conflicts, by how much, and which changes would mend it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from optimizer.compiled import Arrays, Compiled
from optimizer.errors import InfeasibleError, InputError, UnboundedError
from optimizer.infeasibility.conflict import Found, find_conflict
from optimizer.infeasibility.elastic import same_structure
from optimizer.infeasibility.feasibility import has_plan
from optimizer.infeasibility.levers import levers_of, open_limits
from optimizer.infeasibility.money_pump import find_pump, told
from optimizer.infeasibility.proposal import Repair
from optimizer.infeasibility.repairs import RepairSearch
from optimizer.infeasibility.shortfall import find_shortfall
from optimizer.infeasibility.words import Words
from optimizer.parts import place

if TYPE_CHECKING:
    from optimizer.ordinary import OrdinaryRoad
    from optimizer.problem import Problem
    from optimizer.scenario import Scenario

log = logging.getLogger(__name__)
MOST_REPAIRS = 6
"""Repairs that the message lists; the error holds all."""
MOST_RULES = 16
"""Rules that the message lists; the error holds all."""


def explain(
    status: str,
    arrays: Arrays,
    compiled: Compiled,
    scenario: Scenario,
    ordinary: OrdinaryRoad | None,
    *,
    repairs: bool = True,
) -> InfeasibleError | UnboundedError:
    """The error to raise for a model without a plan (``infeasible``) or with endless profit (``unbounded``).

    ``repairs``: look for changes that give a plan, which takes up to half a minute. There are none to look for where a
    model has rules of the user's own (``ordinary``).
    """
    words = Words(compiled, ordinary)
    if status == "unbounded":
        return _unbounded(arrays, words, scenario)
    found = find_conflict(arrays, words)
    problem = None if ordinary is not None else _problem_of(scenario, arrays)
    conflicts = [conflict.as_dict(scenario.horizon) for conflict in found.conflicts]
    proposed = _repairs(found, scenario, problem) if repairs and problem is not None else []
    text = "\n".join(_lines(found, arrays, scenario, problem, proposed))
    return InfeasibleError(text, conflicts, [repair.as_dict() for repair in proposed])


def check_for_plan(scenario: Scenario, time_limit_s: float | None = None) -> bool:
    """Whether any plan keeps all rules, found without an objective; False where that was not found out in time (by
    default that of the scenario's solver).

    Raises InfeasibleError with what conflicts where there is none.
    """
    from optimizer.problem import Problem

    problem = Problem(scenario)
    found = has_plan(problem.arrays, scenario.solver.time_limit_s if time_limit_s is None else time_limit_s)
    if found is False:
        raise explain("infeasible", problem.arrays, problem.compiled, scenario, None)
    return found is True


def _lines(
    found: Found, arrays: Arrays, scenario: Scenario, problem: Problem | None, proposed: list[Repair]
) -> Iterable[str]:
    if not found.entries:
        yield "no plan satisfies all rules; HiGHS could not name a smaller set that conflicts"
    else:
        short = None
        if problem is not None:
            short = find_shortfall(
                found.entries, arrays, problem.compiled, problem.parts, scenario.horizon, scenario.members
            )
        yield f"no plan satisfies all rules; {found.how}:" if short is None else f"no plan satisfies all rules: {short}"
        if short is not None:
            yield f"{found.how}:"
        for conflict in found.conflicts[:MOST_RULES]:
            yield f"  - {conflict.told(scenario.horizon, scenario.members > 1)}"
        if len(found.conflicts) > MOST_RULES:
            yield f"  - and {len(found.conflicts) - MOST_RULES} more, which link these"
    if proposed:
        one = "this change gives a plan (it was tried):"
        yield one if len(proposed) == 1 else "each of these changes gives a plan (all were tried):"
        for repair in proposed[:MOST_REPAIRS]:
            yield f"  - {repair}"


def _problem_of(scenario: Scenario, arrays: Arrays) -> Problem | None:
    """The scenario's own problem; None where the arrays without a plan are not its own."""
    from optimizer.problem import Problem

    problem = Problem(scenario)
    return problem if same_structure(problem.arrays, arrays) else None


def _repairs(found: Found, scenario: Scenario, problem: Problem) -> list[Repair]:
    labels = [*(entry.label for entry in found.entries), *found.beside]
    own = levers_of(problem.parts, scenario, labels)
    search = RepairSearch(scenario, problem, found.ray)
    try:
        proposed = search.single(own)
        if not proposed:
            everything = [*problem.parts.components, *problem.parts.sites]
            others = [lever for lever in levers_of(problem.parts, scenario, everything) if lever not in own]
            proposed = search.together([*own, *others]) or search.single(others)
    except InputError as error:  # a number beyond what the solver takes
        log.debug("no repair could be looked for: %s", error)
        return []
    return proposed


def _unbounded(arrays: Arrays, words: Words, scenario: Scenario) -> UnboundedError:
    message = "profit grows without limit, so a limit is missing"
    pump = find_pump(arrays, words)
    if pump is None:
        return UnboundedError(f"{message}; check prices that pay for unlimited import or export")
    text = told(pump, arrays, scenario.horizon, scenario.currency, scenario.members)
    parts, _ = place(scenario)
    limits = open_limits(parts, scenario, [str(part["where"]).removeprefix("site ") for part in pump.parts])
    where = f": {' or '.join(limits)}" if limits else ""
    return UnboundedError(f"{message}: {text}{where}", pump.parts)
