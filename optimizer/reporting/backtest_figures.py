"""Pictures of a backtest: money over time by policy, capture by month, where money was lost, forecast and outcome."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.backtest.policies import FORESIGHT
from optimizer.backtest.result import BASELINE
from optimizer.reporting.figure import Figure
from optimizer.reporting.members import Spread
from optimizer.reporting.palette import COLOURS, INK, NEUTRAL, Look
from optimizer.reporting.timeline import Timeline

if TYPE_CHECKING:
    from optimizer.backtest.fan import Fan
    from optimizer.backtest.result import Backtest

Floats = NDArray[np.float64]
MOST_POINTS = 800
MUCH_MONEY = 1e6
"""Money so far from which on the axis counts in thousands and millions, for which there is room."""
LEAST_CAPTURE = -100.0
"""Percent at which the axis of captures ends below, so that one month does not flatten all others."""


def looks(found: Backtest) -> dict[str, Look]:
    """A colour for each policy, the same in all pictures; the ends of the scale in the text's and in grey."""
    named = [name for name in found.plans if name not in (BASELINE, FORESIGHT)]
    colours = {name: Look(COLOURS[number % len(COLOURS)]) for number, name in enumerate(named)}
    return colours | {BASELINE: Look(NEUTRAL), FORESIGHT: Look(INK)}


def money_over_time(found: Backtest) -> list[Figure]:
    """Money so far by policy, and how much of it flexibility has earned."""
    scenario = found.case.record.scenario
    timeline = Timeline.of(scenario.horizon, MOST_POINTS)
    so_far = {
        name: np.cumsum(np.add.reduce([amount[0] for amount in plan.money.values()]))
        for name, plan in found.plans.items()
    }
    whole = Figure("Money so far", scenario.currency, timeline=timeline, height=300)
    gain = Figure("Earned more than always on", f"{scenario.currency}, so far", timeline=timeline, height=300)
    for name, look in looks(found).items():
        if name not in so_far:
            continue
        dash = "dash" if name == FORESIGHT else "solid"
        whole.add_line(_words(name), _single(so_far[name]), scenario.currency, look, dash=dash)
        if BASELINE in so_far and name != BASELINE:
            traded = np.cumsum(found.trading(name) - found.trading(BASELINE))
            more = _single(so_far[name] - so_far[BASELINE] - traded)
            gain.add_line(_words(name), more, scenario.currency, look, dash=dash)
    if max(float(np.abs(values).max(initial=0.0)) for values in so_far.values()) >= MUCH_MONEY:
        for figure in (whole, gain):
            figure.layout["yaxis"] = {"tickformat": "~s"}  # 80M: the figures themselves are at the pointer
    whole.add_note("What belongs to a month (peaks) is booked at its end.")
    gain.add_note("Without what positions bought ahead earned against real time.")
    return [whole, gain] if gain.traces else [whole]


def capture_by_month(found: Backtest) -> Figure | None:
    """Share of the gain from flexibility that each policy captured, by month; None for a single month."""
    captured = found.monthly_capture
    if len(captured) < 2 or captured.empty:
        return None
    figure = Figure("Capture by month", "% of what perfect foresight earns more than always on", height=300)
    for name in captured:
        look = looks(found)[str(name)]
        share = (captured[name] * 100.0).replace([np.inf, -np.inf], np.nan)
        figure.traces.append(
            {
                "type": "bar",
                "name": escape(_words(str(name))),
                "x": list(captured.index),
                "y": [None if np.isnan(value) else round(float(value), 2) for value in share],
                "marker": {"color": look.colour},
                "legendgroup": figure.add_key(_words(str(name)), look.colour, "area"),
                "hovertemplate": "%{x}: %{y:.1f} %<extra>" + escape(_words(str(name))) + "</extra>",
            }
        )
    figure.layout = {
        "barmode": "group",
        "xaxis": {"type": "category", "fixedrange": True},
        "yaxis": {"ticksuffix": " %", "fixedrange": True},
    }
    shares = captured.to_numpy(dtype=float) * 100.0
    lowest = float(shares[np.isfinite(shares)].min(initial=0.0))
    if lowest < LEAST_CAPTURE:  # of next to nothing that was to be had any loss is thousands of percent
        figure.layout["yaxis"]["range"] = [LEAST_CAPTURE, 105.0]
        figure.add_note(f"Bars that end at {LEAST_CAPTURE:.0f} % go on below; their figures are at the pointer.")
    return figure


def regret_map(found: Backtest, name: str) -> Figure | None:
    """What perfect foresight earned more, by day and hour; None without it."""
    if FORESIGHT not in found.plans or name == FORESIGHT:
        return None
    regret = found.regret(name)
    local = pd.DatetimeIndex(regret.index)
    table = (
        pd.DataFrame({"day": local.date, "hour": local.hour, "regret": regret.to_numpy()})
        .groupby(["hour", "day"])["regret"]
        .sum()
        .unstack("day")
    )
    currency = found.case.record.scenario.currency
    figure = Figure(f"Regret of {_words(name)}", f"{currency} by day and hour of the local clock", height=320)
    values = table.to_numpy()
    strongest = float(np.nanquantile(np.abs(values), 0.99)) or 1.0
    figure.traces.append(
        {
            "type": "heatmap",
            "x": [f"{day}T12:00" for day in table.columns],
            "y": [int(hour) for hour in table.index],
            "z": [[None if np.isnan(cell) else round(float(cell), 1) for cell in row] for row in values],
            "zmin": -strongest,
            "zmax": strongest,
            # blue to vermilion through white: told apart by all eyes
            "colorscale": [[0.0, "#0072B2"], [0.5, "#FFFFFF"], [1.0, "#D55E00"]],
            "colorbar": {"thickness": 12, "outlinewidth": 0},
            "hovertemplate": f"%{{x}} %{{y}}:00<br>%{{z:,.0f}} {escape(currency)}<extra></extra>",
        }
    )
    figure.layout = {
        "xaxis": {"type": "date"},
        "yaxis": {"title": {"text": "hour"}, "dtick": 6},
        "hovermode": "closest",
    }
    figure.add_note(
        "Where it is above 0, perfect foresight earned more in that hour; below 0 it gave something up there for more "
        "elsewhere. Colours end at the 99th percentile."
    )
    return figure


def fan_figure(fan: Fan) -> Figure:
    """The forecasts of each decision for the steps until the next, as a band, with what happened."""
    timeline = Timeline.of(fan.horizon, MOST_POINTS)
    figure = Figure(
        "Forecast and outcome",
        f"{fan.column}, days around the costliest hour",
        timeline=timeline,
        alone=True,
        height=300,
    )
    figure.add_line("forecast (band: 10 to 90 %)", Spread(fan.mean, fan.mean, fan.low, fan.high), "", Look(COLOURS[0]))
    figure.add_line("outcome", _single(fan.outcome), "", Look(COLOURS[5]))
    return figure


def _single(values: Floats) -> Spread:
    return Spread(values, values, values, values)


def _words(name: str) -> str:
    return name.replace("_", " ")
