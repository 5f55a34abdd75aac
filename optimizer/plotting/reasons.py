"""Reasons by component and step as one picture: coloured by what decides, with the sentence at the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.reporting.palette import GROUPS, NOT_PAYING
from optimizer.reporting.view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

NAMES = {
    "money": "it pays",
    "rests": "it does not pay",
    "limit": "a limit",
    "obligation": "an obligation",
    "none": "none",
}
"""What each colour says, in the order of the colour scale."""
RUNNING_MW = 1e-6
ROW_PIXELS, MARGINS = 26, 130
MOST_SENTENCES = 20_000
"""Reasons up to which each is told in its own sentence at the pointer; of more, its code is."""


def reasons_figure(view: View, member: int) -> go.Figure:
    """A heat map of (components, steps); the plan has an explanation."""
    import plotly.graph_objects as go

    from optimizer.explanation.reason import CODES

    explanation = view.explanation
    assert explanation is not None
    labels = list(explanation.reasons)
    order = list(NAMES)
    colours = [NOT_PAYING if name == "rests" else GROUPS[name] for name in order]
    groups = np.array([order.index(code.group) for code in CODES])
    horizon = view.timeline.horizon
    told = len(labels) * horizon.steps <= MOST_SENTENCES
    rows, texts = [], []
    for label in labels:
        found = explanation.reasons[label]
        row = groups[found.codes[member]]
        resting = np.abs(np.nan_to_num(found.power_mw[member])) <= RUNNING_MW
        rows.append(np.where((row == order.index("money")) & resting, order.index("rests"), row))
        if told:
            texts.append([explanation.of_step(label, step, member).text for step in range(horizon.steps)])
        else:
            texts.append([CODES[int(code)].title for code in found.codes[member]])
    edges = np.linspace(0.0, 1.0, len(order) + 1)
    scale = [[float(edge), colour] for i, colour in enumerate(colours) for edge in edges[i : i + 2]]
    figure = go.Figure(
        go.Heatmap(
            z=np.stack(rows),
            x=[view.timeline.place(instant) for instant in horizon.utc],
            y=labels,
            text=texts,
            zmin=-0.5,
            zmax=len(order) - 0.5,
            colorscale=scale,
            ygap=3,
            colorbar={"tickvals": list(range(len(order))), "ticktext": list(NAMES.values()), "thickness": 12},
            hovertemplate="%{y}, %{x}<br>%{text}<extra></extra>",
        )
    )
    figure.update_layout(
        title={"text": "<b>Why each component does what it does</b>", "x": 0, "xref": "paper"},
        height=MARGINS + ROW_PIXELS * len(labels),
        template="plotly_white",
        yaxis={"autorange": "reversed", "showgrid": False},
        margin={"l": 100, "r": 20, "b": 40},
    )
    return figure
