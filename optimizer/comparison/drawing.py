"""Pictures of the comparison as SVG: what made the profit differ, and the power of both plans over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WIDTH, ROW, NAMES = 900, 26, 330
"""Of a picture of bars: width, height of a row and room for names, in the picture's own units."""
HEIGHT, MARGIN = 150, 52
"""Of a picture over time."""
MOST_POINTS = 900
"""Points per line; of longer horizons the means of several steps are drawn."""
LONGEST_NAME = 40


def amount(value: float) -> str:
    """``1,234,567`` or ``-12.50``."""
    if round(value, 2) == 0.0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """Rows of a table, with its columns as attributes."""
    return iter(table.itertuples())


def signed(value: float) -> str:
    """With its sign, but for zero."""
    return f"+{amount(value)}" if value > 0 and amount(value) != "0" else amount(value)


def steps_from_a_to_b(start: float, changes: Sequence[tuple[str, float]], end: float, title: str) -> str:
    """A waterfall from one profit to the other; ``changes`` add up to the difference."""
    levels = np.concatenate([[start], start + np.cumsum([change for _, change in changes])])
    low, high = min(0.0, float(levels.min()), end), max(0.0, float(levels.max()), end)
    is_cut = _far_from_zero(levels)
    if is_cut:
        low, high = float(levels.min()), float(levels.max())
        margin = 0.15 * (high - low)
        low, high = low - margin, high + margin
    span = (high - low) or 1.0
    room = WIDTH - NAMES - 90

    def x(value: float) -> float:
        return NAMES + room * (value - low) / span

    base = low if low > 0 else high if high < 0 else 0.0
    rows = [("A", base, start, "total", amount(start))]
    for (name, change), before in zip(changes, levels, strict=False):
        rows.append((name, float(before), float(before + change), "gain" if change >= 0 else "loss", signed(change)))
    rows.append(("B", base, end, "total", amount(end)))
    parts = []
    for number, (name, begin, stop, style, text) in enumerate(rows):
        top = number * ROW + 4
        left, right = sorted((x(begin), x(stop)))
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        parts.append(
            f'<text x="{NAMES - 10}" y="{top + 13}" text-anchor="end">{escape(short)}</text>'
            f'<rect class="{style}" x="{left:.1f}" y="{top}" width="{max(right - left, 1.5):.1f}" height="{ROW - 9}">'
            f"<title>{escape(name)}: {escape(text)}</title></rect>"
            f'<text x="{right + 6:.1f}" y="{top + 13}">{escape(text)}</text>'
        )
    height = len(rows) * ROW + 6
    cut = " <span>(the bars of A and B do not begin at zero)</span>" if is_cut else ""
    return (
        f"<figure><figcaption>{escape(title)}{cut}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg></figure>'
    )


def _far_from_zero(levels: Floats) -> bool:
    """Whether differences would not be seen beside the whole amounts."""
    span = float(np.ptp(levels))
    return bool(span > 0 and np.abs(levels).min() > 3 * span and (levels > 0).all() == (levels.min() > 0))


def over_time(label: str, a: Floats, b: Floats, local: pd.DatetimeIndex) -> str:
    """Power of one component in both plans, as steps over time."""
    group = -(-len(a) // MOST_POINTS)
    one, other = (_means(values, group) for values in (a, b))
    low, high = min(0.0, one.min(), other.min()), max(0.0, one.max(), other.max())
    span = (high - low) or 1.0
    room = WIDTH - MARGIN - 10

    def y(value: float) -> float:
        return float(8 + (HEIGHT - 16) * (high - value) / span)

    def line(values: Floats, style: str) -> str:
        edges = MARGIN + room * np.arange(len(values) + 1) / len(values)
        points = [f"M{edges[0]:.1f} {y(values[0]):.1f}"]
        for number, value in enumerate(values):
            points.append(f"V{y(value):.1f}H{edges[number + 1]:.1f}")
        return f'<path class="line {style}" d="{"".join(points)}"/>'

    axes = "".join(
        f'<line class="axis" x1="{MARGIN}" x2="{WIDTH - 10}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text class="label" x="{MARGIN - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:,.4g}</text>'
        for v in dict.fromkeys((low, 0.0, high))
    )
    dates = "".join(
        f'<text class="label" x="{MARGIN + room * place / len(a):.1f}" y="{HEIGHT + 14}">{local[place]:{form}}</text>'
        for place, form in _dates(local)
    )
    title = f"{label}, MW"
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 20}" role="img" aria-label="{escape(title)} in both plans">'
        f"{axes}{line(one, 'a')}{line(other, 'b')}{dates}</svg></figure>"
    )


def _means(values: Floats, group: int) -> Floats:
    if group == 1:
        return values
    starts = np.arange(0, len(values), group)
    return np.asarray(np.add.reduceat(values, starts) / np.diff([*starts, len(values)]))


def _dates(local: pd.DatetimeIndex) -> list[tuple[int, str]]:
    """Up to eight places for dates along the axis: beginnings of days, or hours within one day."""
    days = np.flatnonzero(local.normalize() == local)
    if len(days) < 2:
        places = np.arange(0, len(local), max(1, len(local) // 6))
        return [(int(place), "%H:%M") for place in places]
    return [(int(place), "%-d %b") for place in days[:: -(-len(days) // 8)]]
