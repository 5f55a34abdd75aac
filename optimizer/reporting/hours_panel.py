"""The strip of reasons and the table of one hour: the places on the page that its script fills."""

from __future__ import annotations

from html import escape

from optimizer.reporting.hours import told_member
from optimizer.reporting.palette import GROUPS, NOT_PAYING
from optimizer.reporting.view import View

ROW_PIXELS, MANY_ROWS, LOW_ROW_PIXELS, AXIS_PIXELS = 20, 30, 13, 6
"""Height of a row of the strip, and of each where there are many."""
LEGEND = (
    (GROUPS["money"], "runs: it pays"),
    (NOT_PAYING, "rests: it does not pay"),
    (GROUPS["limit"], "held by a limit"),
    (GROUPS["obligation"], "held by an obligation"),
    (GROUPS["none"], "nothing holds it"),
)
ACTIVITY = ((GROUPS["none"], "power, as a share of the component's own highest"),)


def hours_panel(view: View) -> str:
    """One row of the strip per component, and below it the hour that is looked at, with a table of all components."""
    explained = view.explanation is not None
    heading = "Why, hour by hour" if explained else "Hour by hour"
    keys = "".join(
        f'<span class="key"><span class="swatch" style="--c:{colour}"></span>{escape(words)}</span>'
        for colour, words in (LEGEND if explained else ACTIVITY)
    )
    note = (
        "The higher the bar, the more power."
        if explained
        else ("The reasons were not worked out for this plan; <code>optimizer run --explain</code> does so.")
    )
    told = told_member(view)
    member = (
        f" Shown is member {told}, with a probability of {view.weights[told] * 100:.3g} %." if view.members > 1 else ""
    )
    steps = view.timeline.horizon.steps
    pixels = ROW_PIXELS if _rows(view) <= MANY_ROWS else LOW_ROW_PIXELS
    height = pixels * _rows(view) + AXIS_PIXELS
    head = "".join(
        f'<th scope="col"{c}>{escape(words)}</th>' for words, c in _columns(view.plan.scenario.currency, explained)
    )
    return (
        f'<section><h2>{heading}</h2><div class="legend">{keys}</div>'
        f'<figure class="wide"><div class="frame strip"><canvas id="strip" data-row="{pixels}" tabindex="0" '
        f'role="application" aria-label="Reasons by component and hour. Arrow keys move by hour and component." '
        f'aria-describedby="hour-said" style="height:{height}px"></canvas></div></figure>'
        f'<p class="note">{note}{member}</p>'
        '<div class="hour-bar tools" role="group" aria-label="Hour">'
        '<button type="button" data-hours="-24" aria-label="A day earlier">«</button>'
        '<button type="button" data-hours="-1" aria-label="A step earlier">‹</button>'
        f'<input type="range" id="hour" min="0" max="{steps - 1}" step="1" value="0" aria-label="Hour">'
        '<button type="button" data-hours="1" aria-label="A step later">›</button>'
        '<button type="button" data-hours="24" aria-label="A day later">»</button>'
        '<output id="hour-name" for="hour"></output></div>'
        '<p id="hour-facts"></p>'
        f'<div class="scroll"><table id="hour-table" class="hour"><thead><tr>{head}</tr></thead><tbody></tbody></table>'
        '</div><p id="hour-said" class="unseen" aria-live="polite"></p>'
        '<div id="tip" class="tip" role="tooltip" hidden></div></section>'
    )


def _rows(view: View) -> int:
    """Rows of the strip: all that there are reasons of; without an explanation those that draw power."""
    if view.explanation is None:
        return len(view.looks)
    return len({*view.parts.components, *view.explanation.reasons})


def _columns(currency: str, explained: bool) -> list[tuple[str, str]]:
    number = ' class="number"'
    columns = [("component", ""), ("MW", number), (currency, number)]
    if explained:
        columns += [("why", ""), (f"margin, {currency}/MWh", number), ("limit", ""), ("one unit more earns", number)]
    return columns
