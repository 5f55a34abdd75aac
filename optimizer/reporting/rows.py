"""Work as rows over time, as in a Gantt chart: when it may run, when it does, and how large it is then."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from optimizer.chart import Chart
from optimizer.frame import Part
from optimizer.reporting.figure import NUMBER, Figure, Spec, single, trace
from optimizer.reporting.members import SMALLEST
from optimizer.reporting.palette import FAINT_INK, INK, Look, looks
from optimizer.reporting.timeline import readable
from optimizer.reporting.view import View

Floats = NDArray[np.float64]
ROW_PIXELS, MANY_ROWS, LOW_ROW_PIXELS = 30, 24, 20
"""Height of a row, and of each where there are many."""
MARGINS = 44
FILLED = 0.78
"""Share of a row's height that its highest value takes."""


@dataclass(frozen=True)
class Row:
    """One row: a component, what it shows, and its series (steps,)."""

    part: Part
    chart: Chart
    values: Floats


def row_figure(view: View, wanted: list[tuple[Part, Chart]]) -> Figure | None:
    """One picture of all rows under a heading, the first on top; None where no row has anything to show."""
    rows = [row for part, chart in wanted for row in _rows(view, part, chart)]
    if not rows:
        return None
    first = rows[0].chart
    title = rows[0].part.label if len(rows) == 1 else first.group
    expected = " (expected)" if view.members > 1 else ""
    figure = Figure(title, f"{first.title}{expected}", timeline=view.timeline, wide=True)
    figure.height = MARGINS + (ROW_PIXELS if len(rows) <= MANY_ROWS else LOW_ROW_PIXELS) * len(rows)
    own = dict(zip((row.part.label for row in rows), looks(len(rows)), strict=False))
    for number, row in enumerate(rows):
        _add(view, figure, row, float(-number), view.looks.get(row.part.label, own[row.part.label]))
    figure.layout["yaxis"] = {
        "range": [0.6 - len(rows), 0.9],
        "tickvals": [-float(number) + FILLED / 2 for number in range(len(rows))],
        "ticktext": [escape(row.part.label) for row in rows],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    figure.layout["hovermode"] = "x"
    return figure


def _rows(view: View, part: Part, chart: Chart) -> list[Row]:
    found = []
    for name in chart.lines:
        for _, values in view.variable(part.label, name):
            if not np.isfinite(values).any():
                continue
            expected = view.weights @ np.nan_to_num(values)
            found.append(Row(part, chart, np.where(np.abs(expected) < SMALLEST, 0.0, expected)))
    return found


def _add(view: View, figure: Figure, row: Row, place: float, look: Look) -> None:
    """The time allowed, and what is done as an area upon it, (steps,) scaled to the row."""
    timeline = view.timeline
    _add_window(view, figure, row, place, look)
    most = float(row.values.max())
    scale = FILLED / most if most > 0 else 1.0
    means = timeline.means(row.values)
    base: Spec = {"type": "scatter", "mode": "lines", "yaxis": "y"}
    floor: Spec = {"x": timeline.range, "y": [place, place], "hoverinfo": "skip", "showlegend": False}
    figure.traces.append(base | floor | {"line": {"width": 1, "color": FAINT_INK}})
    times = [f"{label} {readable(timeline.local(stamp))}" for label, stamp in row.chart.marks if stamp is not None]
    allowed = f" ({'; '.join(times)})" if times else ""
    area: Spec = trace(row.part.label, row.chart.unit, "y", "rows") | figure.spacing
    area |= {"mode": "lines", "fill": "tonexty", "fillcolor": look.faint(0.85), "_lod": "mean", "_row": [place, scale]}
    area["y"] = single(place + scale * np.append(means, means[-1]))
    area["line"] = {"width": 0.5, "color": look.colour, "shape": "hv"}
    words = escape(f"{row.part.label}: %{{customdata:{NUMBER}}} {row.chart.unit}{allowed}")
    area["hovertemplate"] = f"{words}<extra></extra>"
    figure.traces.append(area)


def _add_window(view: View, figure: Figure, row: Row, place: float, look: Look) -> None:
    """A pale bar over the time allowed, with its ends."""
    ends = [view.timeline.place_of(stamp)[0] for _, stamp in row.chart.marks if stamp is not None]
    shapes = figure.layout.setdefault("shapes", [])
    line: Spec = {"type": "line", "y0": place - 0.08, "y1": place + FILLED, "line": {"color": INK, "width": 1.2}}
    if len(ends) > 1:
        bar: Spec = {"type": "rect", "x0": ends[0], "x1": ends[-1], "y0": place, "y1": place + FILLED}
        shapes.append(bar | {"layer": "below", "line": {"width": 0}, "fillcolor": look.faint(0.16)})
    shapes += [line | {"x0": end, "x1": end} for end in ends]
