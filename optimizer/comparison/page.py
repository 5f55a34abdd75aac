"""The comparison as one self-contained HTML page, without scripts: tiles, money, input, schedule, hours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.comparison.drawing import amount, over_time, rows_of, signed, steps_from_a_to_b

if TYPE_CHECKING:
    from optimizer.comparison.comparing import Comparison

MOST_BARS, MOST_PICTURES, MOST_HOURS, MOST_INPUTS = 14, 8, 60, 200
"""Bars of a waterfall, components drawn, hours and differences of the input listed; the rest is counted."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The browser itself keeps the page from loading anything."""


def page(comparison: Comparison) -> str:
    """The page as HTML."""
    body = [_header(comparison), _tiles(comparison), _notes(comparison)]
    if comparison.is_empty:
        body.append("<p>The two do not differ: same input, same schedule, same money.</p>")
    else:
        body += [_money(comparison), _why(comparison), _inputs(comparison), _schedule(comparison), _figures(comparison)]
    title = f"{comparison.b.name} against {comparison.a.name}"
    css = files("optimizer.comparison").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _header(c: Comparison) -> str:
    start, end = c.overlap.local[0], c.overlap.local[-1] + pd.Timedelta(hours=c.overlap.step_h)
    return (
        "<h1>Two plans compared</h1>"
        f'<p><span class="key a"></span>A: {escape(c.a.name)}<br><span class="key b"></span>B: {escape(c.b.name)}</p>'
        f'<p class="muted">{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}, {escape(c.overlap.timezone)}, '
        f"{c.overlap.steps:,} steps of {c.overlap.step_h:g} h; changes are B less A, money in {escape(c.currency)}</p>"
    )


def _tiles(c: Comparison) -> str:
    one, other = c.profits
    hours = c.hours["time_utc"].nunique() * c.overlap.step_h
    moved = float(c.hours["change_mw"].abs().sum() * c.overlap.step_h) if len(c.hours) else 0.0
    shown = [
        ("Profit of B less A", signed(other - one), f"{amount(one)} to {amount(other)}"),
        ("Differences of the input", f"{len(c.inputs)}", f"in {len({i.group for i in c.inputs})} pieces"),
        ("Hours that differ", f"{hours:,.4g}", f"of {c.overlap.steps * c.overlap.step_h:,.4g}"),
        ("Energy moved", f"{moved:,.4g} MWh", "up and down, all components"),
    ]
    tiles = "".join(
        f'<div class="tile"><div class="label">{escape(label)}</div><div class="value">{escape(value)}</div>'
        f'<div class="more">{escape(more)}</div></div>'
        for label, value, more in shown
    )
    return f'<div class="tiles">{tiles}</div>'


def _notes(c: Comparison) -> str:
    if not c.notes:
        return ""
    return f'<div class="notes"><ul>{"".join(f"<li>{escape(note)}</li>" for note in c.notes)}</ul></div>'


def _money(c: Comparison) -> str:
    one, other = c.profits
    moving = c.money[~np.isclose(c.money["a"], c.money["b"], rtol=1e-9, atol=1e-9)]
    bars = [(f"{row.component}: {row.line}", float(row.change)) for row in rows_of(moving)]
    picture = steps_from_a_to_b(one, _few(bars, other - one), other, f"Profit by ledger line, {c.currency}")
    rows = [
        [row.site, row.component, row.line, amount(row.a), amount(row.b), signed(row.change)] for row in rows_of(moving)
    ]
    same = len(c.money) - len(moving)
    rows.append(["", "", "all lines" if same == 0 else f"all lines, with {same} that are the same"])
    rows[-1] += [amount(one), amount(other), signed(other - one)]
    table = _table(("site", "component", "line", "A", "B", "change"), rows, numbers=3, total=True)
    return f"<h2>Money</h2>{picture}{table}"


def _few(bars: list[tuple[str, float]], total: float) -> list[tuple[str, float]]:
    """The largest bars, and all others as one."""
    if len(bars) > MOST_BARS:
        rest = bars[MOST_BARS - 1 :]
        bars = [*bars[: MOST_BARS - 1], (f"{len(rest)} other lines", sum(change for _, change in rest))]
    left = total - sum(change for _, change in bars)
    return bars if abs(left) < 1e-6 * max(1.0, abs(total)) else [*bars, ("rounding", left)]


def _why(c: Comparison) -> str:
    if c.why is None or c.why.empty:
        return ""
    one, other = c.profits
    bars = [(row.what, float(row.change)) for row in rows_of(c.why)]
    picture = steps_from_a_to_b(one, bars, other, f"Profit by change of the input, in this order, {c.currency}")
    texts = {group: [i for i in c.inputs if i.group == group] for group in dict.fromkeys(i.group for i in c.inputs)}
    rows = []
    for row in rows_of(c.why):
        told = "; ".join(str(i) for group in row.what.split(", ") for i in texts.get(group, ())[:3])
        rows.append([row.what, told, amount(row.profit), signed(row.change), f"± {amount(row.proven_within)}"])
    note = (
        '<p class="note">Each piece is exchanged on top of those before it and the scenario solved again; in another '
        "order, what two pieces do together would be counted with the other. "
        "± is what the solver's gaps leave open.</p>"
    )
    headings = ("piece", "what changed", "profit after it", "change", "within")
    return f"<h2>Why</h2>{picture}{_table(headings, rows, numbers=3)}{note}"


def _inputs(c: Comparison) -> str:
    rows = [[i.path, i.text] for i in c.inputs[:MOST_INPUTS]]
    more = len(c.inputs) - len(rows)
    note = f'<p class="note">{more} more are not listed.</p>' if more else ""
    table = _table(("field", "A -> B"), rows) if rows else '<p class="note">The input is the same.</p>'
    return f"<h2>Input</h2>{table}{note}"


def _schedule(c: Comparison) -> str:
    if c.hours.empty:
        return '<h2>Schedule</h2><p class="note">Every component draws the same power in every hour.</p>'
    moved = {label: float(np.abs(b - a).sum()) for label, (a, b) in c.power_mw.items()}
    changed = [label for label in sorted(moved, key=lambda label: -moved[label]) if c.energy.hours_that_differ[label]]
    pictures = "".join(over_time(label, *c.power_mw[label], c.overlap.local) for label in changed[:MOST_PICTURES])
    rows = [_energy_row(label, c.energy.loc[label]) for label in changed]
    headings = ("component", "A, MWh", "B, MWh", "change", "hours", "largest, MW", "at", "A finished", "B finished")
    table = _table(headings, rows, numbers=8)
    return f"<h2>Schedule</h2>{pictures}{table}{_hours(c)}"


def _energy_row(label: str, row: Any) -> list[str]:
    return [
        label,
        f"{row.a_mwh:,.1f}",
        f"{row.b_mwh:,.1f}",
        f"{row.change_mwh:+,.1f}",
        f"{row.hours_that_differ:,.4g}",
        f"{row.largest_change_mw:+,.3f}",
        *(_when(stamp) for stamp in (row["at"], row.a_finished, row.b_finished)),
    ]


def _hours(c: Comparison) -> str:
    few = c.hours.head(MOST_HOURS)
    has_reasons = bool((c.hours["reason_a"] != "").any() or (c.hours["reason_b"] != "").any())
    rows = []
    for row in rows_of(few):
        shown = [_when(row.time_local), row.component]
        reasons = [row.reason_a, row.reason_b] if has_reasons else []
        rows.append([*shown, *reasons, f"{row.a_mw:,.3f}", f"{row.b_mw:,.3f}", f"{row.change_mw:+,.3f}"])
    headings = ("time", "component", *(("why in A", "why in B") if has_reasons else ()), "A, MW", "B, MW", "change")
    more = len(c.hours) - len(few)
    note = f'<p class="note">The {len(few)} largest of {len(c.hours):,}.</p>' if more else ""
    return f"<h2>Hours</h2>{_table(headings, rows, numbers=3)}{note}"


def _figures(c: Comparison) -> str:
    if c.figures.empty:
        return ""
    rows = [
        [row.figure, row.of, *("none" if pd.isna(v) else f"{v:,.6g}" for v in (row.a, row.b, row.change))]
        for row in rows_of(c.figures)
    ]
    return f"<h2>Peaks, work and services</h2>{_table(('figure', 'of', 'A', 'B', 'change'), rows, numbers=3)}"


def _when(stamp: Any) -> str:
    return "" if pd.isna(stamp) else f"{stamp:%a %-d %b %H:%M}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0, total: bool = False) -> str:
    """A table whose last ``numbers`` columns are numbers; ``total``: so is the last row of all."""
    first = len(headings) - numbers

    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="{"number" if place >= first else "path"}">{escape(str(text))}</{tag}>'
            for place, text in enumerate(texts)
        )

    head = f"<thead><tr>{cells('th', headings)}</tr></thead>"
    body = "".join(
        f"<tr{' class=total' if total and number == len(rows) - 1 else ''}>{cells('td', row)}</tr>"
        for number, row in enumerate(rows)
    )
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>'
