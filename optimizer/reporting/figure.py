"""Building blocks of the report's pictures: plain dictionaries in the terms of plotly.js, which the page draws.

Series over time are given step by step, however many there are: the page's script draws of the hours that are shown as
many points as the screen has room for. What it has to know for that stands in keys that begin with an underscore and
that plotly never sees:

- ``_lod``: what becomes of a group of steps: its ``mean``, its ``low``est or ``high``est value, or for states the one
  at its beginning (``state``);
- ``_low``, ``_high``: the band around a line, shown at the pointer with ``_between``; ``_spread`` says that there is
  one also where no steps are put together (over the members);
- ``_row``: place and scale of a row of a picture of rows, ``y = place + scale * value``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.reporting.members import SMALLEST, Spread
from optimizer.reporting.palette import INK, Look
from optimizer.reporting.timeline import Timeline

Floats = NDArray[np.float64]
Spec = dict[str, Any]
CROWDED = 300
"""Points from which lines are drawn thinner."""
BANDED = 700
"""Steps from which a line has a band, which shows the extremes where steps are put together."""
NUMBER = ",.3~f"
"""How values are written where the pointer is (d3-format)."""


@dataclass(frozen=True)
class Key:
    """An entry of a picture's legend; ``shape`` is ``area``, ``line``, ``dash`` or ``glyph``."""

    name: str
    colour: str
    shape: str
    hatch: str = ""
    number: int = 0
    """Traces that it shows and hides carry this number."""
    panel: str = ""
    """Panel of the picture to which it belongs, where there are several."""
    glyph: str = ""
    """Character that stands for the marks, with the shape ``glyph``."""


@dataclass
class Figure:
    """One picture with its caption and legend."""

    title: str
    subtitle: str = ""
    note: str = ""
    height: int = 230
    wide: bool = False
    """Drawn over the whole width, with room for names at the left."""
    timeline: Timeline | None = None
    alone: bool = False
    """Shows hours of its own, whatever the other pictures show."""
    traces: list[Spec] = field(default_factory=list)
    layout: Spec = field(default_factory=dict)
    legend: list[Key] = field(default_factory=list)
    panel: str = ""
    """Panel to which the next entries of the legend belong."""

    def __post_init__(self) -> None:
        if self.timeline is not None:
            self.layout["xaxis"] = {
                "type": "date",
                "range": self.timeline.range,
                "hoverformat": f"%a %-d %b %Y %H:%M {escape(self.timeline.clock)}",
            }
            self.layout["hovermode"] = "x unified"

    @property
    def spec(self) -> Spec:
        """What the page's script draws."""
        time: Spec | None = None
        if self.timeline is not None:
            time = {"start": self.timeline.range[0], "step_ms": self.timeline.spacing_ms}
            time |= {"alone": True} if self.alone else {}
        return {
            "data": self.traces,
            "layout": self.layout | {"height": self.height},
            "time": time,
            "wide": self.wide,
        }

    def add_note(self, sentence: str) -> None:
        """A sentence below the picture."""
        self.note = f"{self.note} {sentence}".strip()

    def add_key(self, name: str, colour: str, shape: str, hatch: str = "", glyph: str = "") -> str:
        """An entry of the legend; returns the group that the traces belonging to it carry."""
        number = len(self.legend)
        self.legend.append(Key(name, colour, shape, hatch, number, self.panel, glyph))
        return f"k{number}"

    @property
    def spacing(self) -> Spec:
        assert self.timeline is not None
        return {"x0": self.timeline.range[0], "dx": self.timeline.spacing_ms}

    # ------------------------------------------------------------------ over time
    def add_area(
        self, name: str, values: Floats, unit: str, look: Look, *, axis: str = "y", always: bool = False
    ) -> None:
        """A step-wise area on top of those before it, (steps,); what is negative goes downwards."""
        assert self.timeline is not None
        group, mean = "", _to_the_end(self.timeline.means(np.nan_to_num(values, posinf=0.0, neginf=0.0)))
        for sign, stack in ((1.0, "up"), (-1.0, "down")):
            part = sign * np.maximum(sign * mean, 0.0)
            if not part.any() and not (always and sign > 0):
                continue
            group = group or self.add_key(name, look.colour, "area", look.hatch)
            pattern = {"shape": look.hatch, "size": 6, "bgcolor": look.colour, "fgcolor": "#fff", "solidity": 0.25}
            self.traces.append(
                trace(name, unit, axis, group)
                | self.spacing
                | ({"fillpattern": pattern} if look.hatch else {})
                | {
                    "y": single(part),
                    "_lod": "mean",
                    "mode": "lines",
                    "stackgroup": stack + axis,
                    "line": {"width": 0, "color": look.colour, "shape": "hv"},
                    "fillcolor": look.faint(0.85),
                }
            )

    def add_line(
        self,
        name: str,
        values: Spread,
        unit: str,
        look: Look,
        *,
        axis: str = "y",
        dash: str = "solid",
        states_from: float | None = None,
        centre: str = "expected",
        band: bool = True,
        hover: bool = True,
    ) -> None:
        """A line with its band over the members, (steps,).

        ``states_from`` (maybe NaN) is the value before the first step and makes it a state at the end of each step.
        Without ``hover`` the pointer does not show its values.
        """
        assert self.timeline is not None
        if values.is_empty:
            return
        steps = [getattr(values, centre), values.low, values.high]
        if states_from is not None:
            steps = [np.insert(v, 0, states_from) for v in steps]
        line, (low, high) = self.timeline.means(steps[0]), self.timeline.extremes(steps[1], steps[2])
        if states_from is None:
            line, low, high = _to_the_end(line), _to_the_end(low), _to_the_end(high)
        shape = "hv" if states_from is None else "linear"
        group = self.add_key(name, look.colour, "line" if dash == "solid" else "dash")
        drawn = trace(name, unit, axis, group) | self.spacing | {"y": single(line), "mode": "lines"}
        drawn["_lod"] = "mean" if states_from is None else "state"
        width = 1.8 if len(line) <= CROWDED else 1.1
        drawn["line"] = {"width": width, "color": look.colour, "shape": shape, "dash": dash}
        spreads = bool((np.nan_to_num(high - low) > SMALLEST).any())
        if dash == "solid" and (spreads or len(line) > BANDED):
            edge = {"mode": "lines", "line": {"width": 0, "shape": shape, "color": look.colour}, "hoverinfo": "skip"}
            edges = trace(name, unit, axis, group) | self.spacing | edge
            del edges["hovertemplate"]
            if band:
                self.traces.append(edges | {"y": single(low), "_lod": "low"})
                fill = {"fill": "tonexty", "fillcolor": look.faint()}
                self.traces.append(edges | {"y": single(high), "_lod": "high"} | fill)
            between = " to ".join(f"%{{customdata[{i}]:{NUMBER}}}" for i in (0, 1))
            drawn |= {"_low": single(low), "_high": single(high), "_spread": spreads}
            drawn["_between"] = f"%{{y:{NUMBER}}} ({between}) {escape(unit)}"
        if not hover:
            del drawn["hovertemplate"]
            drawn.pop("_between", None)
            drawn["hoverinfo"] = "skip"
        self.traces.append(drawn)

    def add_limit(self, name: str, values: Spread, unit: str, *, axis: str = "y", downwards: bool = False) -> None:
        """A dashed line in the colour of the text; what is infinite is not drawn."""
        if downwards:
            values = Spread(-values.expected, -values.median, -values.high, -values.low)
        self.add_line(name, values, unit, Look(INK), axis=axis, dash="dash")

    # ------------------------------------------------------------------ single values
    def add_reference(self, label: str, value: float, unit: str, *, colour: str = INK) -> None:
        """A dotted horizontal line; its value stands in the legend."""
        assert self.timeline is not None
        name = f"{label} {value:,.6g} {unit}".rstrip()
        drawn = trace(name, unit, "y", self.add_key(name, colour, "dash"))
        line = {"width": 1.4, "dash": "dot", "color": colour}
        drawn |= {"x": self.timeline.range, "y": [value, value], "mode": "lines", "line": line, "hoverinfo": "skip"}
        del drawn["hovertemplate"]
        self.traces.append(drawn)

    def add_mark(self, text: str, place: str, share: float, row: int = 0) -> None:
        """A dotted vertical line with its text above the picture."""
        self.layout.setdefault("shapes", []).append(
            {
                "type": "line",
                "x0": place,
                "x1": place,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"width": 1.2, "dash": "dot", "color": INK},
            }
        )
        self.layout.setdefault("annotations", []).append(
            {
                "x": place,
                "y": 1,
                "yref": "paper",
                "yshift": 14 * row,
                "text": escape(text),
                "showarrow": False,
                "xanchor": "left" if share < 0.5 else "right",
                "yanchor": "bottom",
                "font": {"size": 11},
            }
        )
        margin = self.layout.setdefault("margin", {})
        margin["t"] = max(margin.get("t", 8), 22 + 14 * row)

    def add_panel_title(self, text: str, y: float) -> None:
        """A title at the left, above the panel whose upper edge is at ``y`` (0 to 1)."""
        self.layout.setdefault("annotations", []).append(
            {
                "x": 0,
                "y": y,
                "xref": "paper",
                "yref": "paper",
                "text": escape(text),
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "bottom",
                "font": {"size": 12},
            }
        )
        self.layout.setdefault("margin", {})["t"] = 24


def trace(name: str, unit: str, axis: str, group: str) -> Spec:
    """What all lines and areas have in common."""
    return {
        "type": "scatter",
        "name": escape(name),
        "yaxis": axis,
        "legendgroup": group,
        "hovertemplate": f"%{{y:{NUMBER}}} {escape(unit)}",
    }


def single(values: Floats) -> NDArray[np.float32]:
    """A series in single precision, finer than any screen."""
    return values.astype("<f4")


def _to_the_end(values: Floats) -> Floats:
    """The last value again, so that its step reaches to the end of the horizon."""
    return np.append(values, values[-1])
