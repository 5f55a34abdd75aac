"""How far the members of the ensemble lie apart: fans of import and prices over time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.reporting.figure import Figure, single, trace
from optimizer.reporting.members import SMALLEST, quantiles
from optimizer.reporting.palette import COLOURS, Look
from optimizer.reporting.power import add_limit
from optimizer.reporting.view import View

Floats = NDArray[np.float64]
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
BANDS = ((0, 4, 0.18, "5–95 %"), (1, 3, 0.38, "25–75 %"))
"""Places in ``SHARES`` of a band's edges, its opacity, and its name."""


def fan_figures(view: View) -> Iterator[Figure]:
    """Fans of each site's import and of each of its prices that differs by member."""
    several = len(view.parts.sites) > 1
    for number, site in enumerate(view.parts.sites):
        where = f"{site}: " if several else ""
        figure = import_fan(view, site, where)
        if figure is not None:
            yield figure
        for name, values in view.prices(site).items():
            if len(values) > 1 and np.ptp(values, axis=0).max() > SMALLEST:
                unit = f"{view.plan.scenario.currency}/MWh"
                colour = COLOURS[(number + 2) % len(COLOURS)]
                priced = _fan(view, f"{where}{name}, price over the members", unit, values, colour)
                if priced is not None:
                    yield priced


def import_fan(view: View, site: str, where: str = "") -> Figure | None:
    """The fan of a site's import, with its limit."""
    figure = _fan(
        view,
        f"{where}import over the members" if where else "Import over the members",
        "MW",
        view.site(site, "import_mw"),
        COLOURS[0],
    )
    if figure is not None:
        add_limit(view, figure, site)
    return figure


def _fan(view: View, title: str, unit: str, values: Floats, colour: str) -> Figure | None:
    """Nested bands of the probability around the median, (members, steps)."""
    values = np.broadcast_to(values, (view.members, values.shape[1]))
    if not np.isfinite(values).any():
        return None
    figure = Figure(title, f"median and bands, {unit}", timeline=view.timeline)
    figure.layout["yaxis"] = {"rangemode": "tozero"}
    clean = np.where(np.abs(values) < SMALLEST, 0.0, values)
    levels = [_ended(view.timeline.means(level)) for level in quantiles(clean, view.weights, SHARES)]
    look = Look(colour)
    for low, high, opacity, name in BANDS:
        group = figure.add_key(name, colour, "area faint" if opacity < 0.3 else "area half")
        edge = {"mode": "lines", "line": {"width": 0, "shape": "hv", "color": colour}, "hoverinfo": "skip"}
        for place, fill in ((low, {}), (high, {"fill": "tonexty", "fillcolor": look.faint(opacity)})):
            edges = trace(name, unit, "y", group) | figure.spacing | edge | {"y": single(levels[place])} | fill
            del edges["hovertemplate"]
            figure.traces.append(edges | {"_lod": "mean"})
    middle = trace("median", unit, "y", figure.add_key("median", colour, "line")) | figure.spacing
    middle |= {"y": single(levels[2]), "_lod": "mean", "_low": single(levels[0]), "_high": single(levels[4])}
    middle |= {"mode": "lines", "line": {"width": 1.8, "color": colour, "shape": "hv"}, "_spread": True}
    middle["_between"] = f"%{{y:,.3~f}} (5–95 %: %{{customdata[0]:,.3~f}} to %{{customdata[1]:,.3~f}}) {unit}"
    figure.traces.append(middle)
    return figure


def _ended(values: Floats) -> Floats:
    return np.append(values, values[-1])
