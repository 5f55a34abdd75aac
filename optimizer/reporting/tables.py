"""The report in words and numbers: header, tiles, tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from optimizer.reporting.members import HIGH, LOW, quantiles
from optimizer.reporting.money import amount
from optimizer.reporting.timeline import duration, readable, utc_offset
from optimizer.reporting.view import View

MOST_WARNINGS = 3
"""Warnings that stand on the first screen."""


def header(view: View) -> str:
    """Name and horizon, in local time."""
    horizon = view.timeline.horizon
    start, end = horizon.local[0], horizon.end_utc.tz_convert(horizon.timezone)
    offsets = dict.fromkeys(_clock(stamp) for stamp in (start, *view.timeline.clock_changes))
    text = (
        f"{readable(start)} – {readable(end)}, {horizon.timezone} ({' then '.join(offsets)}), "
        f"{horizon.steps:,} step{'s' if horizon.steps > 1 else ''} of {duration(horizon.step_length)}"
    )
    members = f", {view.members:,} members" if view.members > 1 else ""
    return f'<h1>{escape(view.plan.scenario.name)}</h1>\n<p class="muted">{escape(text + members)}</p>'


def _clock(stamp: pd.Timestamp) -> str:
    offset, name = utc_offset(stamp.utcoffset() or pd.Timedelta(0)), stamp.tzname() or ""
    return f"{name} = {offset}" if name.isalpha() else offset


# ---------------------------------------------------------------------- tiles
def tiles(view: View) -> str:
    """The figures to see first."""
    summary, currency = view.plan.summary, view.plan.scenario.currency
    optimal = view.plan.status == "optimal"
    gap = summary["mip_gap"]
    proof = "no bound is proven" if gap is None else f"proven gap {gap * 100:.3g} %"
    stopped = "" if optimal or not summary.get("stopped_by") else f"stopped by {summary['stopped_by']}, "
    bound = "" if summary["bound"] is None else amount(summary["bound"])
    possible = f"the objective is at most {bound}" if "cvar" in summary else f"at most {bound} is possible"
    shown = [
        _tile(
            f"Expected profit, {currency}",
            amount(view.plan.expected_profit),
            possible if bound else "no bound is proven",
        ),
        _in_and_out(view),
        _tile("Status", view.plan.status, stopped + proof, "good" if optimal else "warn"),
    ]
    if "cvar" in summary:
        risk = view.plan.scenario.risk
        label = risk.label
        shown.append(_tile(f"{label}, {currency}", amount(summary["cvar"]), f"weight {risk.weight:g} in the objective"))
    sites = summary["peak_import_mw_by_site"] if len(view.parts.sites) > 1 else {}
    by_site = ", ".join(f"{site} {value:,.1f}" for site, value in sites.items())
    imported = sum(float(view.weights @ view.site(site, "import_mw").sum(axis=1)) for site in view.parts.sites)
    energy = f"{imported * view.timeline.horizon.step_h:,.0f} MWh in all"
    shown.append(
        _tile("Peak import", f"{summary['peak_import_mw']:,.1f} MW", f"{by_site}; {energy}" if by_site else energy)
    )
    if summary["co2_t"] is not None:
        shown.append(_tile("Emissions of import", f"{amount(summary['co2_t'])} t", "CO₂, expected"))
    shown.append(_audit(summary["audit"], currency))
    return f'<div class="tiles">{"".join(shown)}</div>'


def _in_and_out(view: View) -> str:
    """Money earned and paid, by the expected sum of each ledger line."""
    lines = view.plan.summary["ledger"].values()
    earned, paid = sum(value for value in lines if value > 0), sum(value for value in lines if value < 0)
    currency = view.plan.scenario.currency
    return _tile(f"Earned, {currency}", amount(earned), f"less {amount(-paid)} of costs")


def _audit(audit: dict[str, Any], currency: str) -> str:
    sound = audit["largest_violation"] <= audit["tolerance"]
    difference = round(audit["ledger_minus_objective"], 2) + 0.0  # no minus before a zero
    more = f"{audit['checks']:,} checks, largest violation {audit['largest_violation']:.2g}"
    if not sound:
        more += f" (allowed {audit['tolerance']:g})"
    if difference:
        more += f"; ledger less objective {difference:,.2f} {currency}"
    return _tile("Audit", "passed" if sound else "violated", more, "good" if sound else "warn")


def _tile(label: str, value: str, more: str, tone: str = "") -> str:
    return (
        f'<div class="tile"><div class="label">{escape(label)}</div><div class="value {tone}">{escape(value)}</div>'
        f'<div class="more">{escape(more)}</div></div>'
    )


def warnings(view: View) -> str:
    """What is allowed but probably not meant; the first few, the rest folded away."""
    found = [str(text) for text in view.plan.summary["warnings"]]
    if not found:
        return '<p class="note">No warnings.</p>'
    entries = [f"<li>{escape(text)}</li>" for text in found]
    count = f"{len(found)} warning{'s' if len(found) > 1 else ''}"
    more = entries[MOST_WARNINGS:]
    rest = f"<details><summary>{len(more)} more</summary><ul>{''.join(more)}</ul></details>" if more else ""
    first = "".join(entries[:MOST_WARNINGS])
    return f'<div class="warnings" role="note"><b>{count}</b><ul>{first}</ul>{rest}</div>'


# ---------------------------------------------------------------------- tables
def component_table(view: View) -> str:
    """Every component: energy, money and the figures that it adds to the summary."""
    summary, currency = view.plan.summary, view.plan.scenario.currency
    labels = list(view.parts.components)
    sections = {
        name: figures
        for name, figures in summary.items()
        if isinstance(figures, dict) and figures and name != "energy_mwh" and set(figures) <= set(labels)
    }
    wordy = {name for name, figures in sections.items() if any(isinstance(v, str) for v in figures.values())}
    sections = {name: sections[name] for name in sorted(sections, key=lambda name: name in wordy)}
    money = dict.fromkeys(labels, 0.0)
    for (label, _), booked in view.plan.money.items():
        money[label] += float(view.weights @ booked.sum(axis=1))
    several = len(view.parts.sites) > 1
    head = ["component", "kind", *(["site"] if several else []), "energy, MWh", f"money, {currency}"]
    rows = []
    for label, part in view.parts.components.items():
        kind = str(getattr(part.component, "kind", "")).replace("_", " ")
        figures = [_figure(section.get(label)) for section in sections.values()]
        energy = summary["energy_mwh"].get(label)
        place = [part.site or "shared"] if several else []
        rows.append([label, kind, *place, "" if not energy else f"{energy:,.1f}", amount(money[label]), *figures])
    numbers = set(range(3 + several - 1, len(head) + len(sections) - len(wordy)))
    words = set(range(len(head) + len(sections) - len(wordy), len(head) + len(sections)))
    return table([*head, *(name.replace("_", " ") for name in sections)], rows, numbers, words=words)


def _figure(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.6g}" if isinstance(value, int | float) else str(value)


def ledger_table(view: View) -> str:
    """Every ledger line of every component, and their sum; with several members the band from 10 to 90 %."""
    currency, several = view.plan.scenario.currency, view.members > 1
    head = ["ledger line", "component", f"expected, {currency}", *(["10 %", "90 %"] if several else [])]
    entries = [(line, label, booked.sum(axis=1)) for (label, line), booked in view.plan.money.items()]
    entries.sort(key=lambda entry: -float(view.weights @ entry[2]))
    profits = np.asarray(view.plan.summary["profit_by_member"], dtype=float)
    rows = []
    for line, label, by_member in [*entries, ("expected profit", "", profits)]:
        band = quantiles(by_member, view.weights, (LOW, HIGH)) if several else []
        rows.append([line, label, amount(float(view.weights @ by_member)), *(amount(float(v)) for v in band)])
    return table(head, rows, set(range(2, len(head))), total=True)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: set[int],
    *,
    total: bool = False,
    words: Collection[int] = (),
) -> str:
    """An HTML table; ``numbers`` are the columns to set flush right, ``words`` those of sentences, and ``total`` marks
    the last row."""

    def cells(row: Sequence[str], tag: str) -> str:
        classes = ['class="number"' if i in numbers else 'class="words"' if i in words else "" for i in range(len(row))]
        return "".join(f"<{tag} {c}>{escape(text)}</{tag}>" for text, c in zip(row, classes, strict=True))

    body = [cells(row, "td") for row in rows]
    lines = [
        f'<tr class="total">{row}</tr>' if total and i == len(body) - 1 else f"<tr>{row}</tr>"
        for i, row in enumerate(body)
    ]
    head_row, rows_text = f"<tr>{cells(head, 'th')}</tr>", "".join(lines)
    return f'<div class="scroll"><table><thead>{head_row}</thead><tbody>{rows_text}</tbody></table></div>'
