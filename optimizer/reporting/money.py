"""Where the profit comes from, and how it differs by member."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from optimizer.reporting.figure import Figure, Spec
from optimizer.reporting.palette import COLOURS, GAIN, INK, LOSS, NEUTRAL
from optimizer.reporting.view import View

Floats = NDArray[np.float64]

MOST_MARKERS = 120
"""Members that are marked one by one; of more only the line is drawn."""
MOST_CORNERS = 2000
"""Points of that line."""


def amount(value: float) -> str:
    """``1,234,567`` or ``-12.50``."""
    if round(value, 2) == 0.0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def waterfall(view: View) -> Figure | None:
    """Expected money by ledger line, from the largest revenue to the largest cost, to the expected profit."""
    ledger: dict[str, float] = view.plan.summary["ledger"]
    if not ledger:
        return None
    idle = [name for name, value in ledger.items() if amount(value) == "0"]
    moving = [item for item in ledger.items() if item[0] not in idle]
    gains = sorted((item for item in moving if item[1] > 0), key=lambda item: -item[1])
    costs = sorted((item for item in moving if item[1] < 0), key=lambda item: item[1])
    lines = [*gains, *costs, ("expected profit", view.plan.expected_profit)]
    currency = view.plan.scenario.currency
    figure = Figure(
        "Where the profit comes from", f"expected over the horizon, {currency}", height=40 + 36 * len(lines)
    )
    if idle:
        figure.note = f"Lines at zero: {', '.join(idle)}."
    figure.traces.append(
        {
            "type": "waterfall",
            "orientation": "h",
            "y": list(range(len(lines))),
            "x": [value for _, value in lines],
            "measure": ["relative"] * (len(lines) - 1) + ["total"],
            "customdata": [f"{escape(name)}: {amount(value)} {escape(currency)}" for name, value in lines],
            "hovertemplate": "%{customdata}<extra></extra>",
            "increasing": {"marker": {"color": GAIN}},
            "decreasing": {"marker": {"color": LOSS}},
            "totals": {"marker": {"color": COLOURS[0]}},
            "connector": {"line": {"width": 1, "color": NEUTRAL}},
            "showlegend": False,
        }
    )
    figure.layout = {
        "yaxis": {
            "autorange": "reversed",
            "tickvals": list(range(len(lines))),
            "ticktext": [f"{escape(name)}<br><b>{amount(value)}</b>" for name, value in lines],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "xaxis": {"zeroline": True, "fixedrange": True, "nticks": 6},
        "waterfallgap": 0.35,
    }
    return figure


def profit_by_member(view: View) -> Figure | None:
    """Profit of each member, sorted; the width of a stair is the member's probability. None for one member."""
    if view.members < 2:
        return None
    profits = np.asarray(view.plan.summary["profit_by_member"], dtype=float)
    if not np.isfinite(profits).any():
        return None
    currency = view.plan.scenario.currency
    order = np.argsort(profits, kind="stable")
    figure = Figure("Profit by member", f"{currency}, sorted, over the probability", height=300)
    figure.layout = {
        "xaxis": {"range": [0, 100], "ticksuffix": " %", "fixedrange": True},
        "yaxis": {"zeroline": False, "fixedrange": True},
        "hovermode": "closest",
    }
    figure.traces += _steps(profits[order], view.weights[order], order, currency)
    levels = [("expected", view.plan.expected_profit, "dash")]
    if "cvar" in view.plan.summary:
        levels.append((view.plan.scenario.risk.label, float(view.plan.summary["cvar"]), "dot"))
    for label, value, dash in levels:
        name = f"{label} {amount(value)} {currency}"
        line = {"color": INK, "width": 1.4, "dash": dash}
        figure.traces.append(
            {"type": "scatter", "x": [0, 100], "y": [value, value], "mode": "lines", "line": line, "hoverinfo": "skip"}
            | {"legendgroup": figure.add_key(name, INK, "dash")}
        )
    return figure


def _steps(profits: Floats, weights: Floats, order: NDArray[np.int64], currency: str) -> list[Spec]:
    """Sorted profits over the probability reached, with a marker per member where there is room."""
    reached = np.cumsum(weights) * 100.0
    picked = np.unique(np.linspace(0, len(profits) - 1, min(len(profits), MOST_CORNERS)).astype(int))
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [0.0, *reached[picked].tolist()],
        "y": [float(profits[0]), *profits[picked].tolist()],
        "line": {"color": COLOURS[0], "width": 2, "shape": "vh"},
        "hovertemplate": f"%{{x:.1f}} earn at most %{{y:,.0f}} {escape(currency)}<extra></extra>",
    }
    if len(profits) > MOST_MARKERS:
        return [line]
    markers = {
        "type": "scatter",
        "mode": "markers",
        "x": (reached - 50.0 * weights).tolist(),
        "y": profits.tolist(),
        "marker": {"color": COLOURS[0], "size": 8},
        "customdata": [
            f"member {member}, probability {share * 100:.3g} %<br>{amount(profit)} {escape(currency)}"
            for member, share, profit in zip(order, weights, profits, strict=True)
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    return [line | {"hoverinfo": "skip", "hovertemplate": ""}, markers]
