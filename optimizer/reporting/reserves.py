"""Reserves: power that contracts hold ready for the grid, as a strip under the load of the site."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.contract import Contract
from optimizer.frame import Part
from optimizer.reporting.figure import Figure
from optimizer.reporting.members import SMALLEST
from optimizer.reporting.palette import COLOURS, looks
from optimizer.reporting.view import View
from optimizer.reserves import ReserveProduct

Floats = NDArray[np.float64]
HELD = ("award_mw", "committed_mw")
"""Results of contracts that are power held ready: awarded by the grid's operator, or committed to a programme."""


def reserves(view: View, site: str) -> dict[str, Floats]:
    """Power that each contract of the site holds ready, by name, (members, steps), negative for what the site would
    draw more; without those that hold none."""
    found: dict[str, Floats] = {}
    for part in view.parts.components.values():
        if not isinstance(part.component, Contract) or site not in part.frame.metered_sites:
            continue
        down = isinstance(part.component, ReserveProduct) and part.component.direction == "down"
        for name, values in _held(view, part, site):
            if np.nan_to_num(values).max() > SMALLEST:
                found[name] = -values if down else values
    return found


def _held(view: View, part: Part, site: str) -> Iterator[tuple[str, Floats]]:
    for result in HELD:
        for _, values in view.variable(part.label, result):
            if len(part.frame.metered_sites) == 1:
                yield part.label, values
            elif (here := _offered_at(view, part, site)) is not None:
                yield part.label, here
            else:
                yield f"{part.label} (sites together)", values


def _offered_at(view: View, part: Part, site: str) -> Floats | None:
    """What the site's own providers hold of a reserve of several sites; None where that is not known."""
    providers, offered = part.hosts.get("providers", ()), view.variable(part.label, "offered_mw")
    if not providers or len(providers) != len(offered) or any(provider.site is None for provider in providers):
        return None
    own = [values for provider, (_, values) in zip(providers, offered, strict=True) if provider.site == site]
    return np.asarray(np.add.reduce([np.zeros_like(offered[0][1]), *own]))


def add_reserves(view: View, figure: Figure, held: dict[str, Floats], axis: str) -> None:
    """Areas on top of each other, expected over the members; in other colours than those of the load."""
    for (name, values), look in zip(held.items(), reversed(looks(max(len(held), len(COLOURS)))), strict=False):
        figure.add_area(name, view.weights @ np.nan_to_num(values), "MW", look, axis=axis)
