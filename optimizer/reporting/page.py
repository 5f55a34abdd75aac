"""Puts the page together: one HTML file that needs nothing beside itself."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from optimizer.reporting import tables
from optimizer.reporting.arrays import ArrayStore
from optimizer.reporting.bill import bill_section
from optimizer.reporting.components import component_figures
from optimizer.reporting.fan import fan_figures
from optimizer.reporting.figure import Figure, Key
from optimizer.reporting.hours import hours_data, packed_hours
from optimizer.reporting.hours_panel import hours_panel
from optimizer.reporting.limits import limit_cards
from optimizer.reporting.money import profit_by_member, waterfall
from optimizer.reporting.power import power_figures
from optimizer.reporting.timeline import Timeline
from optimizer.reporting.view import View

if TYPE_CHECKING:
    from optimizer.plan import Plan

MOST_BYTES = 10_000_000
"""A page that can still be mailed; of a week it is 2.2 MB, most of it the drawing library."""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""The browser itself keeps the page from loading anything."""
MOST_POINTS = (40_000, 9_000, 3_000, 800, 200)
"""Points per line to try, until the page is small enough."""
FOLDED = 6
"""Pictures under a heading from which they are folded away, but for the first."""


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
    hours = hours_data(view, shelf.store)
    sections = [
        shelf.section("Power", power_figures(view), wide=True, tools=_range_tools(view)),
        hours_panel(view),
        *(shelf.section(group, figures) for group, figures in component_figures(view).items()),
        shelf.section("Money", [f for f in (waterfall(view), profit_by_member(view)) if f is not None]),
        shelf.section("Members", fan_figures(view) if view.members > 1 else []),
        bill_section(view),
        f'<section class="parts"><h2>Components</h2>\n{tables.component_table(view)}\n</section>',
        f"<section><h2>Ledger</h2>\n{tables.ledger_table(view)}\n</section>",
    ]
    return assembled(
        shelf,
        title=view.plan.scenario.name,
        header=tables.header(view) + tables.tiles(view) + limit_cards(view) + tables.warnings(view),
        notes=_time_note(view),
        body="\n".join(sections),
        footer=_footer(view),
        hours=hours,
    )


def assembled(
    shelf: Shelf,
    *,
    title: str,
    header: str,
    notes: str,
    body: str,
    footer: str = "",
    hours: dict[str, Any] | None = None,
) -> str:
    """A whole page from its parts: HTML but for the title, the pictures on the shelf, and what is told by the hour."""
    body, contents = _with_contents(body)
    specs = _json(shelf.store.referred([figure.spec for figure in shelf.figures]))
    return _TEMPLATE.format(
        policy=POLICY,
        title=escape(title),
        css=_resource("page.css"),
        contents=contents,
        header=header,
        body=body,
        notes=notes,
        footer=footer,
        plotly=_plotly(),
        figures=specs,
        lengths=_json(shelf.store.lengths),
        arrays=shelf.store.packed(),
        hours="" if hours is None else packed_hours(hours),
        script="\n".join(_resource(name) for name in SCRIPTS),
    )


SCRIPTS = ("series.js", "pictures.js", "hours.js", "page.js")
"""In this order: each uses those before it."""


def _with_contents(body: str) -> tuple[str, str]:
    """The body with a place to jump to at each heading, and the list of them."""
    entries: list[str] = []

    def anchored(found: re.Match[str]) -> str:
        number = len(entries)
        entries.append(f'<a href="#s{number}">{found[1]}</a>')
        return f'<h2 id="s{number}" tabindex="-1">{found[1]}</h2>'

    body = re.sub(r"<h2>(.*?)</h2>", anchored, body)
    return body, "".join(entries)


def _range_tools(view: View) -> str:
    """Buttons for the time shown: they do what dragging does, for a finger and for the keyboard."""
    hours = view.timeline.horizon.steps * view.timeline.horizon.step_h
    spans = [(name, length) for name, length in (("Day", 24), ("Week", 168), ("Month", 730)) if length < hours]
    if not spans:
        return ""
    buttons = "".join(f'<button type="button" data-span-h="{length}">{name}</button>' for name, length in spans)
    return (
        '<div class="tools range" role="group" aria-label="Time shown">'
        '<button type="button" data-shift="-1" aria-label="Earlier">‹</button>'
        f'{buttons}<button type="button" data-span-h="" aria-pressed="true">All</button>'
        '<button type="button" data-shift="1" aria-label="Later">›</button></div>'
    )


class Shelf:
    """Numbers the pictures as they are put on the page."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.store = ArrayStore()
        """Series of all of them."""

    def section(self, heading: str, figures: Iterable[Figure], *, wide: bool = False, tools: str = "") -> str:
        """A heading with its pictures; empty without any."""
        figures = list(figures)
        if not figures:
            return ""
        narrow = [figure for figure in figures if not figure.wide]
        if len(narrow) % 2:  # none stands alone in its line
            narrow[-1].wide = True
        shown = [self._figure(figure) for figure in figures]
        layout = "figures wide" if wide else "figures"
        first, rest = (shown, []) if len(shown) <= FOLDED else (shown[:1], shown[1:])
        grid = f'<div class="{layout}">{"".join(first)}</div>'
        if rest:
            folded = f'<div class="{layout}">{"".join(rest)}</div>'
            grid += f"<details><summary>{len(rest)} more pictures</summary>{folded}</details>"
        return f"<section><h2>{escape(heading)}</h2>{tools}{grid}</section>"

    def _figure(self, figure: Figure) -> str:
        number = len(self.figures)
        self.figures.append(figure)
        subtitle = f" <span>{escape(figure.subtitle)}</span>" if figure.subtitle else ""
        legend = _legend(figure.legend)
        note = f'<p class="note">{escape(figure.note)}</p>' if figure.note else ""
        name = escape(f"{figure.title}, {figure.subtitle}" if figure.subtitle else figure.title)
        kind = "time" if figure.timeline is not None else "still"
        return (
            f'<figure class="{"wide" if figure.wide else ""}"><figcaption>{escape(figure.title)}{subtitle}</figcaption>'
            f"{legend}"
            f'<div class="frame {kind}"><div class="plot" id="figure-{number}" data-figure="{number}" role="img" '
            f'aria-label="{name}" style="height:{figure.height}px"></div></div>{note}</figure>\n'
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
    text += (
        "Drag to zoom all pictures over time, double-click to go back; click an hour to see why; click a legend entry "
        "to hide or show it. "
    )
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
<a class="skip" href="#content">Skip to the plan</a>
<div class="bar"><nav aria-label="Sections">{contents}</nav><div class="tools"><button type="button" id="theme">\
Theme: auto</button><button type="button" id="print">Print</button></div></div>
<header>
{header}
</header>
<main id="content" tabindex="-1">
<noscript><p class="warnings">The pictures need JavaScript; the tables do not.</p></noscript>
<p class="warnings" id="too-old" hidden>The pictures need a browser of 2023 or later; the tables do not.</p>
{body}
</main>
<footer class="note"><p>{notes}</p><p>{footer}</p></footer>
<script type="text/plain" id="library">{plotly}</script>
<script type="text/plain" id="arrays">{arrays}</script>
<script type="application/json" id="lengths">{lengths}</script>
<script type="application/json" id="figures">{figures}</script>
<script type="text/plain" id="hours">{hours}</script>
<script>
(() => {{
"use strict";
{script}
}})();
</script>
</body>
</html>
"""
