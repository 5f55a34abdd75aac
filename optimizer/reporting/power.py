"""Power by component against the limits of the connection, and the price below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.reporting.figure import Figure
from optimizer.reporting.members import SMALLEST, Spread
from optimizer.reporting.palette import COLOURS, GREYS, INK, NEUTRAL, Look, looks
from optimizer.reporting.peaks import add_peaks
from optimizer.reporting.reserves import add_reserves, reserves
from optimizer.reporting.timeline import readable
from optimizer.reporting.view import View

Floats = NDArray[np.float64]

PANEL_HEIGHTS = {"power": 270, "reserves": 84, "price": 112}
"""Pixels of each panel."""
GAP, MARGINS = 34, 54
"""Pixels between panels, for the title of the lower one, and above and below all of them."""
FAR_LIMIT = 2.5
"""A limit beyond so many times the peak is not drawn: it would press the picture flat."""
UNEXPLAINED_MW = 1e-3
"""Import that no component's name explains is drawn from here on."""
MIDDLE = (0.1, 0.9)
"""Shares between which the usual prices lie."""
OUTLIER = 3.0
"""Prices farther out than so many times the usual range are cut off, and said to be."""
ROOM = 2.0
"""What is left of the usual range on the side where prices are cut off."""
MOST_AREAS = len(COLOURS)
"""Components with an area of their own; the rest, those of the least energy, share one."""
MOST_BANDS = 2
"""Bands of more prices would cover each other; only the first gets one."""
MOST_FLAGS = 200
"""Cut-off prices that get a mark of their own."""


def power_figures(view: View) -> Iterator[Figure]:
    """One picture per site: power above, price below, on one time axis."""
    several = len(view.parts.sites) > 1
    for site in view.parts.sites:
        yield power_figure(view, site, f"{site}: power and price" if several else "Power and price")


def power_figure(view: View, site: str, title: str) -> Figure:
    """Power above, what is held in reserve below it, and prices at the bottom, of one site."""
    prices, held = view.prices(site), reserves(view, site)
    panels = _panels(["power", *(["reserves"] if held else []), *(["price"] if prices else [])])
    figure = Figure(title, height=panels.height, timeline=view.timeline, wide=True)
    if view.members > 1:
        figure.subtitle = "expected values"
    figure.layout["yaxis"] = {"domain": panels.domain["power"], "rangemode": "tozero", "zeroline": True}
    figure.layout["hoversubplots"] = "axis"
    figure.panel = "Power" if len(panels.domain) > 1 else ""
    _areas(view, figure, site)
    _import(view, figure, site)
    add_limit(view, figure, site)
    add_limit(view, figure, site, export=True)
    figure.add_panel_title(
        "Power, MW (feed-in below zero)" if view.site(site, "export_mw").any() else "Power, MW",
        panels.domain["power"][1],
    )
    add_peaks(view, figure, site)
    if held:
        figure.panel = "Reserves"
        figure.layout["yaxis3"] = {"domain": panels.domain["reserves"], "rangemode": "tozero", "zeroline": True}
        figure.layout["xaxis"]["anchor"] = "y3"
        down = any(np.nan_to_num(values).min() < 0 for values in held.values())
        title = "Held in reserve, MW (to draw more: below zero)" if down else "Held in reserve, MW"
        figure.add_panel_title(title, panels.domain["reserves"][1])
        add_reserves(view, figure, held, "y3")
    if prices:
        figure.panel = "Price"
        _prices(view, figure, prices, panels.domain["price"])
    for change in view.timeline.clock_changes:
        figure.add_mark(
            f"clocks change ({readable(change)} {change.tzname()})", *view.timeline.place_of(change.isoformat()), row=1
        )
    return figure


@dataclass(frozen=True)
class Panels:
    """Panels of a picture on top of each other, as shares of its height (0 bottom, 1 top)."""

    height: int
    """Pixels of the whole picture, with its margins."""
    domain: dict[str, list[float]]


def _panels(names: list[str]) -> Panels:
    """Places the panels from the top down."""
    heights = [PANEL_HEIGHTS[name] for name in names]
    whole = sum(heights) + GAP * (len(names) - 1)
    tops = [sum(heights[:i]) + GAP * i for i in range(len(names))]
    domain = {
        name: [round(max(0.0, 1.0 - (top + height) / whole), 4), round(1.0 - top / whole, 4)]
        for name, top, height in zip(names, tops, heights, strict=True)
    }
    return Panels(whole + MARGINS, domain)


def _areas(view: View, figure: Figure, site: str) -> None:
    house = view.site(site, "house_load_mw")
    powers = {name: view.weights @ np.nan_to_num(values) for name, values in view.powers(site).items()}
    net = view.weights @ (view.site(site, "import_mw") - view.site(site, "export_mw"))
    drawn = {name: values for name, values in powers.items() if name in view.looks and values.any()}
    constant = view.weights @ house
    if constant.any():
        figure.add_area("house load", constant, "MW", Look(NEUTRAL))
    largest = sorted(drawn, key=lambda name: -float(np.abs(drawn[name]).sum()))[:MOST_AREAS]
    if len(drawn) <= MOST_AREAS + 1:
        largest = list(drawn)
    for name, values in drawn.items():
        if name in largest:
            figure.add_area(name, values, "MW", view.looks[name])
    small = [values for name, values in drawn.items() if name not in largest]
    if small:
        figure.add_area(f"{len(small)} smaller ones", np.add.reduce(small), "MW", Look(GREYS[0]))
    rest = np.nan_to_num(net) - constant - np.add.reduce([np.zeros_like(net), *powers.values()])
    if np.abs(rest).max() > UNEXPLAINED_MW:
        figure.add_area("other", rest, "MW", Look(NEUTRAL, "/"))


def _import(view: View, figure: Figure, site: str) -> None:
    """What the meter sees: the areas less what batteries and generators give.

    Its band, which darkens the areas, is drawn where marks of peaks stand on it, off the line.
    """
    power = view.site(site, "import_mw")
    if np.nan_to_num(power).any():
        band = view.members > 1 and any(
            site in view.parts.components[label].frame.metered_sites for label in view.peaks
        )
        figure.add_line("metered import", view.spread(power), "MW", Look(INK), band=band)


def add_limit(view: View, figure: Figure, site: str, *, export: bool = False) -> None:
    """A limit of the connection, if it is finite and anywhere near; that of exports only where there are any."""
    name, variable = ("export limit", "export_mw") if export else ("import limit", "import_mw")
    frame = view.parts.sites[site].frame
    limits = frame.export_limit_mw if export else frame.import_limit_mw
    power = np.nan_to_num(view.site(site, variable))
    if limits is None or not np.isfinite(limits).any() or (export and not power.any()):
        return
    least = float(limits[np.isfinite(limits)].min())
    if least > FAR_LIMIT * max(float(power.max()), SMALLEST):
        figure.add_note(f"The {name} ({least:,.6g} MW and more) lies far above and is not drawn.")
        return
    figure.add_limit(name, view.spread(limits), "MW", downwards=export)


# ---------------------------------------------------------------------- prices
def _prices(view: View, figure: Figure, prices: dict[str, Floats], domain: list[float]) -> None:
    unit = f"{view.plan.scenario.currency}/MWh"
    spreads = {name: view.spread(values) for name, values in prices.items()}
    figure.layout["yaxis2"] = {"domain": domain, "zeroline": True}
    figure.layout["xaxis"]["anchor"] = "y2"
    for (name, values), look in zip(spreads.items(), looks(len(spreads)), strict=True):
        fixed = values.constant
        words = name if fixed is None else f"{name} {fixed:,.5g}"  # the pointer has enough to show without it
        band = len(spreads) <= MOST_BANDS or name == next(iter(spreads))
        figure.add_line(words, values, unit, look, axis="y2", band=band, hover=fixed is None)
    figure.add_panel_title(f"Price, {unit}", domain[1])
    window = usual_range(list(spreads.values()))
    if window is not None:
        figure.layout["yaxis2"]["range"] = list(window)
        _flag_outliers(view, figure, spreads, window, unit)


def usual_range(prices: list[Spread]) -> tuple[float, float] | None:
    """The range to show where a few prices lie far outside of all the others; None where all can be shown."""
    values = np.concatenate([v for p in prices for v in (p.expected, p.low, p.high)])
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, MIDDLE)
    usual = max(high - low, 0.2 * max(abs(high), abs(low)), 1.0)
    bottom = low - ROOM * usual if values.min() < low - OUTLIER * usual else min(values.min(), 0.0) - 0.05 * usual
    top = high + ROOM * usual if values.max() > high + OUTLIER * usual else values.max() + 0.05 * usual
    if bottom <= values.min() and top >= values.max():
        return None
    return float(bottom), float(top)


def _flag_outliers(
    view: View, figure: Figure, prices: dict[str, Spread], window: tuple[float, float], unit: str
) -> None:
    """Triangles at the edge, with the true value in the hover text, and a sentence below the picture."""
    horizon, sentences = view.timeline.horizon, []
    for edge, sign, symbol in ((window[1], 1.0, "triangle-up"), (window[0], -1.0, "triangle-down")):
        for name, price in prices.items():
            reach = np.fmax(price.expected, price.high) if sign > 0 else np.fmin(price.expected, price.low)
            steps = np.flatnonzero(sign * reach > sign * edge)
            if not len(steps):
                continue
            values = reach[steps]
            extreme = float(values[np.abs(values).argmax()])
            shown = np.sort(np.argsort(-np.abs(values), kind="stable")[:MOST_FLAGS])
            figure.traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [view.timeline.place(horizon.utc[int(steps[i])]) for i in shown],
                    "y": [edge] * len(shown),
                    "yaxis": "y2",
                    "cliponaxis": False,
                    "marker": {"symbol": symbol, "size": 7, "color": "#D55E00"},
                    "hoverinfo": "skip",
                }
            )
            plural = "s" if len(steps) > 1 else ""
            what = f"the band of {name}" if view.members > 1 else name
            sentences.append(
                f"{what} goes to {extreme:,.0f} {unit} ({len(steps):,} step{plural} off the scale, marked)"
            )
    if sentences:
        figure.add_note("; ".join(sentences) + "; double-click the panel to see all.")
