"""Puts the page together: one HTML file that needs nothing beside itself."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from optimizer.reporting import tables
from optimizer.reporting.bill import bill_section
from optimizer.reporting.components import component_figures
from optimizer.reporting.figure import Figure, Key
from optimizer.reporting.money import profit_by_member, waterfall
from optimizer.reporting.power import import_figures, power_figures
from optimizer.reporting.timeline import Timeline
from optimizer.reporting.view import View

if TYPE_CHECKING:
    from optimizer.plan import Plan

MOST_BYTES = 3_000_000
"""A page that can still be mailed and opened on a phone; most of it is the drawing library."""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""The browser itself keeps the page from loading anything."""
MOST_POINTS = (800, 400, 200, 100)
"""Points per line to try, until the page is small enough."""


def page(plan: Plan) -> str:
    """The report as HTML."""
    text = ""
    for points in MOST_POINTS:
        text = _page(View(plan, Timeline.of(plan.scenario.horizon, points)))
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def _page(view: View) -> str:
    shelf = Shelf()
    body = "\n".join(
        [
            shelf.section("Power", power_figures(view), wide=True),
            shelf.section("Money", [f for f in (waterfall(view), profit_by_member(view)) if f is not None]),
            bill_section(view),
            shelf.section("Members", import_figures(view) if view.members > 1 else []),
            *(shelf.section(group, figures) for group, figures in component_figures(view).items()),
        ]
    )
    return assembled(
        shelf,
        title=view.plan.scenario.name,
        header=tables.header(view) + tables.tiles(view) + tables.warnings(view),
        notes=_time_note(view),
        body=body
        + f"\n<section><h2>Components</h2>\n{tables.component_table(view)}\n</section>"
        + f"\n<section><h2>Ledger</h2>\n{tables.ledger_table(view)}\n</section>",
        footer=_footer(view),
    )


def assembled(shelf: Shelf, *, title: str, header: str, notes: str, body: str, footer: str = "") -> str:
    """A whole page from its parts: HTML but for the title, and the pictures on the shelf."""
    return _TEMPLATE.format(
        policy=POLICY,
        title=escape(title),
        css=_resource("page.css"),
        header=header,
        body=body,
        notes=notes,
        footer=footer,
        plotly=_plotly(),
        figures=_json([figure.spec for figure in shelf.figures]),
        script=_resource("page.js"),
    )


class Shelf:
    """Numbers the pictures as they are put on the page."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def section(self, heading: str, figures: Iterable[Figure], *, wide: bool = False) -> str:
        """A heading with its pictures; empty without any."""
        shown = [self._figure(figure) for figure in figures]
        if not shown:
            return ""
        layout = "figures wide" if wide else "figures"
        return f'<section><h2>{escape(heading)}</h2><div class="{layout}">{"".join(shown)}</div></section>'

    def _figure(self, figure: Figure) -> str:
        number = len(self.figures)
        self.figures.append(figure)
        subtitle = f" <span>{escape(figure.subtitle)}</span>" if figure.subtitle else ""
        legend = _legend(figure.legend)
        note = f'<p class="note">{escape(figure.note)}</p>' if figure.note else ""
        name = escape(f"{figure.title}, {figure.subtitle}" if figure.subtitle else figure.title)
        return (
            f"<figure><figcaption>{escape(figure.title)}{subtitle}</figcaption>"
            f"{legend}"
            f'<div class="plot" id="figure-{number}" data-figure="{number}" role="img" aria-label="{name}" '
            f'style="height:{figure.height}px"></div>{note}</figure>\n'
        )


def _legend(keys: list[Key]) -> str:
    """One row per panel; none where there is nothing to tell apart."""
    if not keys or (len(keys) == 1 and keys[0].shape != "dash"):
        return ""
    rows = []
    for panel in dict.fromkeys(key.panel for key in keys):
        head = f'<span class="muted">{escape(panel)}</span>' if panel else ""
        rows.append(f'<div class="legend">{head}{"".join(_entry(key) for key in keys if key.panel == panel)}</div>')
    return "".join(rows)


def _entry(key: Key) -> str:
    colour = "var(--ink)" if key.colour.startswith("@") else key.colour
    shape = f"{key.shape} hatched" if key.hatch else key.shape
    swatch = f'<span class="swatch {shape}" style="--c:{colour}"></span>'
    if key.glyph:
        swatch = f'<span class="glyph">{escape(key.glyph)}</span>'
    return f'<button type="button" aria-pressed="true" data-group="k{key.number}">{swatch}{escape(key.name)}</button>'


def _time_note(view: View) -> str:
    timeline = view.timeline
    text = f"Times are local ({timeline.horizon.timezone}); the axes show {timeline.clock}"
    text += " throughout, although the clocks change within the horizon. " if timeline.clock_changes else ". "
    if view.members > 1:
        text += "Lines are expected values, bands hold the middle 80 % of the probability (10 to 90 %). "
    text += timeline.note()
    text += "Drag to zoom all pictures over time, double-click to go back; click a legend entry to hide or show it. "
    return escape(text)


def _footer(view: View) -> str:
    summary = view.plan.summary
    seconds = ", ".join(f"{name} {value:.2f} s" for name, value in summary["timing_s"].items())
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    return "<br>".join(escape(text) for text in (seconds, versions) if text)


def _json(value: object) -> str:
    """JSON that can stand inside a script element: nothing in it can close the element or open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _resource(name: str) -> str:
    return files("optimizer.reporting").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """The drawing library, which comes with plotly, compressed (4.8 MB become 2.0); read when a report is written."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(zlib.compress(get_plotlyjs().encode("utf-8"), 6)).decode("ascii")


_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{css}
</style>
</head>
<body>
<header>
{header}
</header>
<main>
<p class="note">{notes}</p>
<noscript><p class="warnings">The pictures need JavaScript; the tables do not.</p></noscript>
<p class="warnings" id="too-old" hidden>The pictures need a browser of 2023 or later; the tables do not.</p>
{body}
</main>
<footer class="note">{footer}</footer>
<script type="text/plain" id="library">{plotly}</script>
<script type="application/json" id="figures">{figures}</script>
<script>
{script}
</script>
</body>
</html>
"""
