"""What takes part in a window: work that is finished, or is only released after it, need not be modelled in it.

A campus plans some dozens of jobs over a year, of which two or three are under way at a time. The others have no
decision in a window of two days and earn nothing in it, but each costs as much time to declare as one that runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from optimizer.component import Component
from optimizer.rebasing import with_fields
from optimizer.scenario import Scenario


def without_idle(scenario: Scenario) -> Scenario:
    """The scenario without the work that has no part in its horizon (:meth:`~optimizer.component.Component.is_idle`),
    and without the states carried to it.

    Work for which other work waits stays, and so does work that shares its name with another's: results are told by
    name, and names by what else there is.
    """
    named = Counter(component.name for component in _components(scenario))
    referred = {name for component in _components(scenario) for name in _references(component)}
    states = {} if scenario.carry is None else scenario.carry.components

    def stays(component: Component) -> bool:
        name = component.name
        if named[name] > 1 or name in referred:
            return True
        return not component.is_idle(scenario.horizon, states.get(name, {}))

    idle = {component.name for component in _work(scenario) if not stays(component)}
    if not idle:
        return scenario

    def kept(work: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(component for component in work if component.name not in idle)

    changed: dict[str, Any] = {
        "sites": tuple(with_fields(site, {"workloads": kept(site.workloads)}) for site in scenario.sites),
        "workloads": kept(scenario.workloads),
    }
    if scenario.carry is not None:
        left = {name: state for name, state in states.items() if name not in idle}
        changed["carry"] = scenario.carry.model_copy(update={"components": left})
    return with_fields(scenario, changed)


def with_states_of_idle(carry: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Section ``carry`` with the states of those that had no part in the window, as they were before it."""
    if before is None:
        return dict(carry)
    return {**carry, "components": {**before.get("components", {}), **carry.get("components", {})}}


def _references(component: Component) -> Iterator[str]:
    """Names of components to which one refers, without their sites."""
    for field in component.refers_to:
        names = getattr(component, field)
        for name in (names,) if isinstance(names, str) else names or ():
            yield str(name).rsplit(".", 1)[-1]


def _work(scenario: Scenario) -> Iterator[Component]:
    yield from scenario.workloads
    for site in scenario.sites:
        yield from site.workloads


def _components(scenario: Scenario) -> Iterator[Component]:
    yield from _work(scenario)
    yield from scenario.contracts
    for site in scenario.sites:
        yield from (*site.contracts, *site.cooling, *site.assets)
