"""Why the profit differs: from one scenario to the other, one changed piece at a time, solved after each.

The pieces are exchanged in the order of the scenario file, a site's own fields before its components. What a piece
brings is the profit after it less the profit before it, so that the pieces add up to the whole
difference exactly; in another order, what two pieces do together would be counted with the other of them. Where a
scenario in between is refused or has no plan (a job whose pool comes later), the piece is exchanged with the next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel

from optimizer.comparison.inputs import COMPONENTS, InputChange
from optimizer.comparison.sides import Side
from optimizer.errors import InputError, WithoutPlanError
from optimizer.parts import place
from optimizer.problem import Problem
from optimizer.quantities import Series
from optimizer.scenario import Scenario
from optimizer.site import Site

log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=BaseModel)
WITHOUT_EFFECT = frozenset({"name", "backtest"})
"""Pieces that no plan depends on."""
COLUMNS = ("step", "what", "profit", "change", "proven_within")


def attribution(a: Side, b: Side, changes: list[InputChange]) -> pd.DataFrame:
    """One row per piece (or several that had to go together): the expected profit after it and what it brought.

    ``proven_within``: by how much the change may be off because solves stop within their gap. The last row's profit is
    that of ``b`` itself; a difference that no piece explains (the same scenario, solved to another plan within the gap)
    stands in a row of its own.
    """
    order = _in_order(b.scenario, a.scenario, {c.group for c in changes} - WITHOUT_EFFECT)
    rows: list[tuple[str, float, float]] = [("A", a.plan.expected_profit, a.gap_in_money)]
    applied: set[str] = set()
    waiting: list[str] = []
    problem: Problem | None = None
    for number, group in enumerate(order):
        waiting.append(group)
        applied.add(group)
        if number == len(order) - 1:
            rows.append((", ".join(waiting), b.plan.expected_profit, b.gap_in_money))
            break
        scenario = between(a.scenario, b.scenario, applied)
        if _is_refused(scenario):
            continue
        try:
            problem = Problem(scenario, like=problem)
            side = Side("", problem.solve())
        except (WithoutPlanError, InputError) as error:
            log.info("%s together with what comes next: %s", ", ".join(waiting), error)
            problem = None
            continue
        rows.append((", ".join(waiting), side.plan.expected_profit, side.gap_in_money))
        waiting = []
    if not order and a.plan.expected_profit != b.plan.expected_profit:
        rows.append(("another plan of the same scenario", b.plan.expected_profit, b.gap_in_money))
    profits = np.array([row[1] for row in rows])
    gaps = np.array([row[2] for row in rows])
    return pd.DataFrame(
        {
            "step": np.arange(1, len(rows)),
            "what": [row[0] for row in rows[1:]],
            "profit": profits[1:],
            "change": np.diff(profits),
            "proven_within": gaps[1:] + gaps[:-1],
        },
        columns=list(COLUMNS),
    )


def _in_order(b: Scenario, a: Scenario, groups: set[str]) -> list[str]:
    """The pieces in the order of the scenario: ensemble first, then sites, contracts, workloads, and the rest."""
    order: list[str] = ["horizon", "ensemble"]
    for sites in (b.sites, a.sites):
        for site in sites:
            order.append(f"sites.{site.name}")
            for section in COMPONENTS:
                order += [f"sites.{site.name}.{section}.{entry.name}" for entry in getattr(site, section)]
    for scenario in (b, a):
        for section in ("contracts", "workloads"):
            order += [f"{section}.{entry.name}" for entry in getattr(scenario, section)]
    found = [group for group in dict.fromkeys(order) if group in groups]
    return found + sorted(groups - set(found))


def between(a: Scenario, b: Scenario, applied: set[str]) -> Scenario:
    """Scenario ``a`` with the pieces named in ``applied`` as they are in ``b``."""
    changed: dict[str, Any] = {
        name: getattr(b if name in applied else a, name)
        for name in Scenario.model_fields
        if name not in ("sites", "contracts", "workloads")
    }
    changed["sites"] = tuple(
        _site(site_a, site_b, applied)
        for site_a, site_b in _pairs(a.sites, b.sites)
        if (site_b if f"sites.{(site_b or site_a).name}" in applied else site_a) is not None
    )
    for section in ("contracts", "workloads"):
        changed[section] = _entries(getattr(a, section), getattr(b, section), section, applied)
    found = _with(a, changed)
    found._file, found._folder = a._file, a._folder
    return found


def _site(a: Site | None, b: Site | None, applied: set[str]) -> Site:
    """A site of which both scenarios have one, or the only one there is."""
    if a is None or b is None:
        found = b or a
        assert found is not None
        return found
    path = f"sites.{b.name}"
    own = b if path in applied else a
    sections = {name: _entries(getattr(a, name), getattr(b, name), f"{path}.{name}", applied) for name in COMPONENTS}
    return _with(own, sections)


def _entries(a: Iterable[Any], b: Iterable[Any], path: str, applied: set[str]) -> tuple[Any, ...]:
    chosen = (two if f"{path}.{(two or one).name}" in applied else one for one, two in _pairs(a, b))
    return tuple(entry for entry in chosen if entry is not None)


def _pairs(a: Iterable[Any], b: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Entries of the same name, in ``b``'s order, then what only ``a`` has."""
    of_a, of_b = ({entry.name: entry for entry in entries} for entries in (a, b))
    return [(of_a.get(name), of_b.get(name)) for name in dict.fromkeys([*of_b, *of_a])]


def _with(model: Model, changed: dict[str, Any]) -> Model:
    """A copy with other fields and without anything that the old one has worked out from them."""
    fields = {name: getattr(model, name) for name in type(model).model_fields}
    return type(model).model_construct({*model.model_fields_set, *changed}, **(fields | changed))


def _is_refused(scenario: Scenario) -> bool:
    """Whether the pieces do not fit together: names that are not there, series of another ensemble, or what the
    components' own checks find."""
    if not scenario.sites or not _members_fit(scenario, scenario.members):
        return True
    parts, findings = place(scenario)
    if any(finding.fatal for _, finding in findings):
        return True
    placed = (*parts.components.values(), *parts.sites.values())
    if any(finding.fatal for part in placed for finding in part.component.check(part.frame)):
        return True
    section = scenario.previous_plan
    return section is not None and any(f.fatal for f in section.findings(parts.components, scenario.horizon))


def _members_fit(value: Any, members: int) -> bool:
    if isinstance(value, Series):
        return value.values.shape[0] in (1, members)
    if isinstance(value, BaseModel):
        return all(_members_fit(getattr(value, name), members) for name in type(value).model_fields)
    return all(_members_fit(entry, members) for entry in value) if isinstance(value, tuple | list) else True
