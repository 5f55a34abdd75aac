"""A solution becomes the dispatch (xarray) and the money by line, through the rules that the components registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Compiled
from optimizer.component import Result
from optimizer.model import money_lines
from optimizer.parts import Parts
from optimizer.scenario import Scenario
from optimizer.schedule import FORMAT as FORMAT
from optimizer.schedule import Schedule
from optimizer.spanning import split_results

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
Money = dict[tuple[str, str], Floats]
"""Money by (component, ledger line), each (members, steps); lines without time stand in the last step of their
period."""


def schedule_of(scenario: Scenario, parts: Parts, compiled: Compiled, values: Floats) -> Schedule:
    """The plan's physical side at a solution."""
    schedule = Schedule(scenario, parts)

    def add(dimension: str, label: str, block: Any, name: str, result: Result) -> None:
        array = compiled.values(block, result.index_sets, result.rule, values, name=(dimension, label, name))
        schedule.add(dimension, label, name, result, array)

    for label, part in parts.components.items():
        frame, component, block = part.frame, part.component, part.block
        power = frame.by_time(
            lambda b, w, t, c=component, f=frame: c.own_power_mw(b, f, w, t), "MW", "power (consumption positive)"
        )
        add("component", label, block, "power_mw", power)
        for name, result in (component.results(block, frame) | split_results(part)).items():
            add("component", label, block, name, result)
    for label, part in parts.sites.items():
        block = part.frame.model.sites[label]
        for name, result in part.component.results(block, part.frame).items():
            add("site", label, block, name, result)
    return schedule


def dispatch_of(scenario: Scenario, parts: Parts, compiled: Compiled, values: Floats) -> xr.Dataset:
    """The plan's physical side: dimensions ``member, time, site, component`` and the components' own."""
    return schedule_of(scenario, parts, compiled, values).dataset()


def money_of(parts: Parts, compiled: Compiled, values: Floats) -> Money:
    """The ledger lines at a solution: the very rules that the objective adds up."""
    money: Money = {}
    for part, name, line in money_lines(parts):
        amount = compiled.values(part.block, line.index_sets, line.rule, values, name=("money", part.label, name))
        if amount.shape != part.frame.shape or line.steps is not None:
            booked = np.zeros(part.frame.shape)
            places = [part.frame.horizon.steps - 1] if line.steps is None else list(line.steps)
            booked[:, places] = amount.reshape(len(amount), len(places))
            amount = booked
        money[part.label, name] = amount
    return money
