"""The bill: what each contract charges and pays, by line and month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from optimizer.contract import Contract
from optimizer.frame import Part
from optimizer.reporting.members import HIGH, LOW, SMALLEST, quantiles
from optimizer.reporting.view import View
from optimizer.settlement import sums_by_period

Floats = NDArray[np.float64]
MOST_MONTHS = 24
"""A longer bill is shown by calendar year."""
MOST_UPRIGHT = 5
"""Periods up to which a printed bill stands upright on its page."""
POWERS = frozenset({"kW", "kVA", "MW", "MVA"})
"""Units of quantities that do not add up over months."""


@dataclass(frozen=True)
class Row:
    """One line of a contract's bill, by period."""

    part: Part
    line: str
    unit: str
    amounts: Floats
    """Currency, revenue positive, (members, periods)."""
    quantities: Floats | None
    """What is billed, (members, periods)."""
    one_way: bool
    """Whether it is billed in one direction only, so that a mean price says something."""


def bill_section(view: View) -> str:
    """The bill as a section of the page; empty without a contract that charges or pays anything."""
    bill = view.plan.bill()
    if not bill.entries:
        return ""
    years = len(bill.months) > MOST_MONTHS
    periods, codes = np.unique([month[: len("2024")] if years else month for month in bill.months], return_inverse=True)
    both_ways = set(_both_ways(view))
    rows = [
        Row(
            view.parts.components[entry.contract],
            entry.line,
            entry.unit,
            sums_by_period(codes, entry.amount),
            None if entry.quantity is None else sums_by_period(codes, entry.quantity),
            (entry.contract, entry.line) not in both_ways,
        )
        for entry in bill.entries
    ]
    over = ", expected over the members" if view.members > 1 else ""
    note = (
        f"{bill.currency} by contract, line and {'calendar year' if years else 'month'} (local time){over}: revenue "
        "positive, costs negative. Below each amount stands the quantity that it is charged or paid for."
    )
    style = "bill wide" if len(periods) > MOST_UPRIGHT else "bill"
    table = _table(view, periods.tolist(), rows)
    return f'<section class="{style}"><h2>Bill</h2><p class="note">{escape(note)}</p>{table}</section>'


def _both_ways(view: View) -> Iterator[tuple[str, str]]:
    """Contracts and lines whose quantity is positive in some steps and negative in others."""
    for label, part in view.parts.components.items():
        if not isinstance(part.component, Contract):
            continue
        for line, billed in part.component.bill(view.reading(label)).items():
            quantity = np.zeros(1) if billed.quantity is None else billed.quantity
            if quantity.min() < -SMALLEST and quantity.max() > SMALLEST:
                yield label, line


# ---------------------------------------------------------------------- the table
def _table(view: View, periods: Sequence[str], rows: Sequence[Row]) -> str:
    several = len(periods) > 1
    head = "".join(
        f'<th class="number">{escape(text)}</th>' for text in (*periods, *(["total"] if several else []), "per unit")
    )
    body = [text for _, own in groupby(rows, _bundle) for text in _group(view, list(own))]
    body += _totals(view, rows)
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">contract, line</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _bundle(row: Row) -> tuple[str | None, str]:
    """Lines are summed up by contract, or by the bundle that it is a member of."""
    return row.part.site, row.part.bundle or row.part.label


def _group(view: View, rows: list[Row]) -> Iterator[str]:
    """The lines of a contract; if there are several, below its heading with their sum."""
    part = rows[0].part
    heading = f"<b>{_breakable(part.bundle or part.label)}</b> <span>{escape(_about(view, part))}</span>"
    if len(rows) == 1:
        yield _row(f"{heading}<br>{_breakable(rows[0].line)}", _cells(view, rows[0]), "group")
        return
    sums = view.weights @ np.add.reduce([row.amounts for row in rows])
    yield _row(heading, [*(_money(value) for value in _with_total(sums)), ""], "group sum")
    for row in rows:
        yield _row(_breakable(row.line), _cells(view, row))


def _about(view: View, part: Part) -> str:
    """Kind and place of a contract."""
    kind = "" if part.bundle else str(getattr(part.component, "kind", "")).replace("_", " ")
    place = part.site or f"portfolio: {', '.join(part.frame.metered_sites)}"
    return ", ".join(text for text in (kind, place if len(view.parts.sites) > 1 else "") if text)


def _cells(view: View, row: Row) -> list[str]:
    """Expected amounts and quantities of a line, and what it comes to per unit."""
    amounts = _with_total(view.weights @ row.amounts)
    if row.quantities is None:
        return [*(_money(amount) for amount in amounts), ""]
    quantities = _with_total(view.weights @ row.quantities)
    texts = [f"{_quantity(value)} {escape(row.unit)}" if np.isfinite(value) else "" for value in quantities]
    if len(texts) > row.amounts.shape[1] and row.unit in POWERS:
        texts[-1] = ""
    cells = [_money(amount) + f"<span>{text}</span>" * bool(text) for amount, text in zip(amounts, texts, strict=True)]
    return [*cells, _unit_price(amounts[-1], quantities[-1], row.unit) if row.one_way else ""]


def _totals(view: View, rows: Sequence[Row]) -> Iterator[str]:
    """What all contracts come to together; with several members also the band from 10 to 90 %."""
    by_member = _with_total(np.add.reduce([row.amounts for row in rows]))
    lines = {"total": view.weights @ by_member}
    if view.members > 1:
        low, high = quantiles(by_member, view.weights, (LOW, HIGH))
        lines |= {"total, 10 % quantile": low, "total, 90 % quantile": high}
    for label, values in lines.items():
        yield _row(label, [*(_money(value) for value in values), ""], "total" if label == "total" else "")


def _with_total(by_period: Floats) -> Floats:
    """Figures by period (the last axis), and their sum where there are several."""
    total = by_period.sum(axis=-1, keepdims=True)
    return by_period if by_period.shape[-1] == 1 else np.concatenate([by_period, total], axis=-1)


def _breakable(name: str) -> str:
    """A name that may go on in the next line on a phone."""
    return escape(name).replace("_", "_<wbr>")


def _row(heading: str, cells: Sequence[str], style: str = "") -> str:
    texts = "".join(f'<td class="number">{text}</td>' for text in cells)
    return f'<tr class="{style}"><th scope="row">{heading}</th>{texts}</tr>'


# ---------------------------------------------------------------------- numbers
def _money(value: float) -> str:
    """To the cent, as on a bill."""
    return f"{round(value, 2) + 0.0:,.2f}" if np.isfinite(value) else ""


def _quantity(value: float) -> str:
    if abs(value) < SMALLEST:
        return "0"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:,.4g}"


def _unit_price(amount: float, quantity: float, unit: str) -> str:
    """Mean price of what is billed; empty where nothing is."""
    if not abs(quantity) > SMALLEST or not np.isfinite(amount):
        return ""
    price = amount / quantity + 0.0
    figure = f"{price:.4f}" if 0 < abs(price) < 1 else f"{price:,.2f}"
    return f"{figure}<span>/{escape(unit)}</span>"
