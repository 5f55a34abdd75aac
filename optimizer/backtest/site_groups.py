"""Sites that share nothing are decided apart, side by side, and what they did is put together again.

Two sites belong together where something sees both: a contract of the portfolio that spans them, work whose pools stand
at both, a component that names one of the other site. Between groups of sites there is no rule and no money, so that
the best plan of the whole is the best plan of each group. Forecasts are issued for all columns of the whole, so each
group plans with the very members with which the whole would be planned. What was done is settled on the whole.

A policy may ask for it (``decides_by_site``) if it weighs nothing that all sites have in common: the tail of their
profits together is such a thing, and only the policy itself knows of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from optimizer.backtest.engine import Window
from optimizer.backtest.policies import Policy
from optimizer.backtest.reading import Case
from optimizer.backtest.record import Record
from optimizer.contract import Contract
from optimizer.frame import Part
from optimizer.parts import place
from optimizer.scenario import Scenario

Value = TypeVar("Value")
Group = tuple[str, ...]
"""Names of sites, in the scenario's order."""
_OF_A_PART = re.compile(r"^parts\[(.*?)\]")


def independent_groups(scenario: Scenario) -> list[Group]:
    """Sites that share something, group by group, in the scenario's order; one group where changes of an earlier plan
    are limited or priced, which are counted over all sites."""
    names = [site.name for site in scenario.sites]
    if scenario.previous_plan is not None:
        return [tuple(names)]
    group_of = {name: {name} for name in names}
    for part in place(scenario)[0].components.values():
        together = set().union(*(group_of[name] for name in _sites_of(part, names)))
        for name in together:
            group_of[name] = together
    return list(dict.fromkeys(tuple(name for name in names if name in group_of[one]) for one in names))


def _sites_of(part: Part, names: Sequence[str]) -> set[str]:
    """Sites that a component has to do with; all ``names`` where it says nothing of any."""
    found = {part.site, *(host.site for hosts in part.hosts.values() for host in hosts)}
    if part.site is None and isinstance(part.component, Contract):
        found |= set(part.frame.metered_sites)
    return {name for name in found if name is not None} or set(names)


def groups_for(case: Case, policy: Policy) -> list[Group]:
    """Groups of sites for which a policy decides apart."""
    scenario = case.record.scenario
    if not getattr(policy, "decides_by_site", False):
        return [tuple(site.name for site in scenario.sites)]
    return independent_groups(scenario)


def case_of(case: Case, group: Group) -> Case:
    """The case of a group of sites; the very same one where that is all of them."""
    scenario = case.record.scenario
    names = [site.name for site in scenario.sites]
    if len(group) == len(names):
        return case
    own = {part.path for part in place(scenario)[0].components.values() if not _sites_of(part, names) - set(group)}
    changed: dict[str, Any] = {
        section: tuple(each for number, each in enumerate(getattr(scenario, section)) if (section, number) in own)
        for section in ("contracts", "workloads")
    }
    changed["sites"] = tuple(site for site in scenario.sites if site.name in group)
    if scenario.carry is not None:
        of_whole = {whole: label for label, whole in _labels(case, scenario.model_copy(update=changed)).items()}
        states = {of_whole[label]: found for label, found in scenario.carry.components.items() if label in of_whole}
        at_sites = {name: found for name, found in scenario.carry.sites.items() if name in group}
        changed["carry"] = scenario.carry.model_copy(update={"components": states, "sites": at_sites})
    record = Record(scenario.model_copy(update=changed), case.record.history)
    return replace(case, record=record, forecast_for=scenario)


def _labels(case: Case, some: Scenario) -> dict[str, str]:
    """Labels of the components of some sites, and of the same components in the case's whole scenario."""
    whole = {
        (part.site, part.component.name): label for label, part in place(case.record.scenario)[0].components.items()
    }
    components = place(some.model_copy(update={"carry": None}))[0].components
    return {label: whole[part.site, part.component.name] for label, part in components.items()}


def together(case: Case, groups: Mapping[Group, Sequence[Window]]) -> list[Window]:
    """What all groups did, window by window, as the windows of the whole case."""
    labels = [_labels(case, case_of(case, group).record.scenario) for group in groups]
    return [
        _joined([_renamed(window, own) for window, own in zip(of_groups, labels, strict=True)])
        for of_groups in zip(*groups.values(), strict=True)
    ]


def _renamed(window: Window, labels: Mapping[str, str]) -> Window:
    """A window of one group with the names that its components have in the whole: ``parts[m].running`` is
    ``parts[west.m].running`` there, if other sites have an ``m`` as well."""

    def variable(name: str) -> str:
        return _OF_A_PART.sub(lambda found: f"parts[{labels[found[1]]}]", name)

    done = window.done
    return replace(
        window,
        done=replace(
            done,
            values={variable(name): values for name, values in done.values.items()},
            steps_of={variable(name): steps for name, steps in done.steps_of.items()},
        ),
        carry=window.carry | {"components": {labels[own]: found for own, found in window.carry["components"].items()}},
        is_on={labels[label]: is_on for label, is_on in window.is_on.items()},
        deviations=tuple(replace(each, variable=variable(each.variable)) for each in window.deviations),
    )


def _joined(windows: Sequence[Window]) -> Window:
    """The same window of all groups as one; how each was found (``facts``) is not told of them together."""
    first = windows[0]
    carry = {"at": first.carry["at"], "components": _merged(w.carry["components"] for w in windows)}
    at_sites = _merged(window.carry.get("sites", {}) for window in windows)
    return Window(
        number=first.number,
        first=first.first,
        steps=first.steps,
        expected_profit=sum(window.expected_profit for window in windows),
        done=replace(
            first.done,
            values=_merged(window.done.values for window in windows),
            steps_of=_merged(window.done.steps_of for window in windows),
        ),
        money=_added(window.money for window in windows),
        carry=carry | ({"sites": at_sites} if at_sites else {}),
        is_on=_merged(window.is_on for window in windows),
        deviations=tuple(each for window in windows for each in window.deviations),
        expected=_merged(window.expected for window in windows),
        facts={},
        seconds=_added(window.seconds for window in windows),
    )


def _merged(parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    return {name: value for part in parts for name, value in part.items()}


def _added(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0.0) + amount
    return total
