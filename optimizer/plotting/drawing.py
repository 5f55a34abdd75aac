"""A picture of the report as a figure of plotly's own."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.reporting.figure import Figure
from optimizer.reporting.palette import FAINT_INK, INK, PAGE

if TYPE_CHECKING:
    import plotly.graph_objects as go

LIGHT = {INK: "#18202b", FAINT_INK: "rgba(28,36,48,.22)", PAGE: "#ffffff"}
"""Colours of a light page."""
TITLE_PIXELS, LEGEND_PIXELS, KEYS_PER_ROW = 48, 22, 7
"""Room above the picture, and below it for each row of the legend."""


def drawn(figure: Figure) -> go.Figure:
    """The same traces and axes, with title, legend and colours of a light page."""
    import plotly.graph_objects as go

    traces = [_painted(_plain(trace)) for trace in figure.traces]
    keys = {f"k{key.number}" for key in figure.legend}
    shown: set[str] = set()
    for trace in reversed(traces):  # the line itself comes after its band
        group = trace.get("legendgroup", "")
        if trace["type"] == "scatter":
            trace["showlegend"] = group in keys and group not in shown and bool(trace.get("name"))
            shown.add(group)
    layout = _painted(figure.layout)
    subtitle = f"<br><sub>{escape(figure.subtitle)}</sub>" if figure.subtitle else ""
    margin = {"l": 60, "r": 20} | layout.get("margin", {})
    rows = -(-len(figure.legend) // KEYS_PER_ROW)
    margin |= {"t": margin.get("t", 8) + TITLE_PIXELS, "b": 44 + LEGEND_PIXELS * rows}
    height = figure.height + margin["t"] + margin["b"] - 40
    title = {"text": f"<b>{escape(figure.title)}</b>{subtitle}", "x": 0, "xref": "paper", "y": 1.0 - 24 / height}
    # below the axis: as many rows as the notebook's width makes of it do not reach into the picture
    legend = {"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom", "x": 0, "tracegroupgap": 0}
    return go.Figure(
        traces,
        layout | {"title": title, "height": height, "margin": margin, "template": "plotly_white", "legend": legend},
    )


def _plain(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace without what only the report's script understands."""
    plain = {key: value for key, value in trace.items() if not key.startswith("_")}
    if trace.get("_spread") and "_between" in trace:
        plain |= {
            "customdata": np.stack([trace["_low"], trace["_high"]], axis=1),
            "hovertemplate": trace["_between"],
        }
    if "_row" in trace:
        place, scale = trace["_row"]
        plain["customdata"] = (trace["y"] - place) / scale
    return plain


def _painted(value: Any) -> Any:
    if isinstance(value, str):
        return LIGHT.get(value, value)
    if isinstance(value, dict):
        return {key: _painted(entry) for key, entry in value.items()}
    return [_painted(entry) for entry in value] if isinstance(value, list) else value
