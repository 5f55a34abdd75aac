"""A window's scenario as decisions are to weigh it: what is charged for longer than the window is charged in part.

Each component says itself what that means for it (:meth:`~optimizer.component.Component.weighed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from optimizer.component import Component
from optimizer.rest_of_period import Ahead
from optimizer.scenario import Scenario

Model = TypeVar("Model")


def as_weighed(scenario: Scenario, ahead: Ahead) -> Scenario:
    """The scenario with every component as it is weighed in a window; the very same one where none differs."""
    changed = _changed(scenario, ahead)
    sites = [_with(site, _changed(site, ahead)) for site in scenario.sites]
    if any(one is not other for one, other in zip(sites, scenario.sites, strict=True)):
        changed["sites"] = tuple(sites)
    return _with(scenario, changed)


def _changed(model: Any, ahead: Ahead) -> dict[str, Any]:
    """Fields of components in which one is weighed otherwise."""
    found = {}
    for name, value in model.__dict__.items():
        if isinstance(value, Sequence) and value and isinstance(value[0], Component):
            weighed = [each.weighed(ahead) for each in value]
            if any(one is not other for one, other in zip(weighed, value, strict=True)):
                found[name] = type(value)(weighed)  # type: ignore[call-arg]
    return found


def _with(model: Model, changed: dict[str, Any]) -> Model:
    copy: Model = model.model_copy(update=changed) if changed else model  # type: ignore[attr-defined]
    return copy
