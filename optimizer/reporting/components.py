"""The pictures that the components say they have."""

from __future__ import annotations

from optimizer.chart import Chart
from optimizer.contract import Contract
from optimizer.frame import Part
from optimizer.reporting.figure import Figure
from optimizer.reporting.palette import GREYS, Look, looks
from optimizer.reporting.rows import row_figure
from optimizer.reporting.timeline import readable
from optimizer.reporting.view import View
from optimizer.spanning import split_charts


def component_figures(view: View) -> dict[str, list[Figure]]:
    """Pictures by heading, last those of contracts (also of the portfolio's), in the order in which they come.

    Without those that have nothing to show. Charts that are rows share one picture, the first under their heading.
    """
    charts: dict[str, list[tuple[Part, Chart]]] = {}
    for part in sorted(view.parts.components.values(), key=lambda part: isinstance(part.component, Contract)):
        for chart in (*part.component.charts(part.frame), *split_charts(part)):
            charts.setdefault(chart.group, []).append((part, chart))
    groups: dict[str, list[Figure]] = {}
    for group, wanted in charts.items():
        rows = row_figure(view, [(part, chart) for part, chart in wanted if chart.row])
        found = [rows, *(chart_figure(view, part, chart) for part, chart in wanted if not chart.row)]
        groups[group] = [figure for figure in found if figure is not None]
    return {group: figures for group, figures in groups.items() if figures}


def chart_figure(view: View, part: Part, chart: Chart) -> Figure | None:
    """The picture of a chart; None where there is nothing to show."""
    portfolio = part.site is None and isinstance(part.component, Contract)
    title = f"{part.label} ({', '.join(part.frame.metered_sites)})" if portfolio else part.label
    figure = Figure(title, ", ".join(text for text in (chart.title, chart.unit) if text), timeline=view.timeline)
    figure.layout["yaxis"] = {"rangemode": "tozero"}
    lines = [entry for name in chart.lines for entry in view.variable(part.label, name)]
    rest = [entry for name in chart.rest for entry in view.variable(part.label, name)]
    greys = [Look(GREYS[i % len(GREYS)]) for i in range(len(rest))]
    for (name, values), look in zip(lines + rest, _looks(view, [name for name, _ in lines]) + greys, strict=True):
        spread = view.spread(values)
        if spread.is_empty:
            continue
        if chart.stacked:
            figure.add_area(name, spread.expected, chart.unit, look)
        else:
            states_from = (float("nan") if chart.initial is None else chart.initial) if chart.at_step_end else None
            figure.add_line(name, spread, chart.unit, look, states_from=states_from)
    if not figure.traces:
        return None
    for name in chart.limits:
        for words, values in view.variable(part.label, name):
            figure.add_limit(words, view.spread(values), chart.unit)
    for label, value in chart.references:
        figure.add_reference(label, value, chart.unit)
    _marks(view, figure, chart)
    return figure


def _looks(view: View, names: list[str]) -> list[Look]:
    """Lines that are components look as in the picture of the power."""
    return [view.looks[name] for name in names] if set(names) <= set(view.looks) else looks(len(names))


def _marks(view: View, figure: Figure, chart: Chart) -> None:
    """Vertical lines; what lies outside the horizon is said below the picture."""
    outside, row = [], 0
    for label, stamp in chart.marks:
        if stamp is None:
            continue
        place, share = view.timeline.place_of(stamp)
        when = readable(view.timeline.local(stamp))
        if 0.0 <= share <= 1.0:
            figure.add_mark(f"{label} {when}", place, share, row)
            row += 1
        else:
            outside.append(f"{label} {when} (outside the horizon)")
    if outside:
        figure.add_note("; ".join(outside) + ".")
