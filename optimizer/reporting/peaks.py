"""Peaks: the steps whose import sets a charge, marked on the load curve of the site.

Each contract has a symbol of its own; where a step sets the charges of several, theirs stand around each other. Over
an ensemble a step is marked if it sets a charge in any member, at the mean import of the members in which it does: the
fainter the mark, the less likely they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from optimizer.contract import Peak
from optimizer.reporting.figure import Figure
from optimizer.reporting.palette import INK, PAGE
from optimizer.reporting.timeline import readable
from optimizer.reporting.view import View

Floats = NDArray[np.float64]
SYMBOLS = (
    ("circle", "○"),
    ("diamond", "◇"),
    ("square", "□"),
    ("triangle-up", "△"),
    ("triangle-down", "▽"),
    ("star", "☆"),
    ("hexagon", "⬡"),
    ("pentagon", "⬠"),
)
"""Name in plotly and the same in the legend."""
MOST_MARKS = 60
"""Steps marked per contract; of more, those of the most likely and highest peaks."""
SMALLEST_SIZE, SIZE_STEP = 9, 7
"""Pixels of a mark, and how much more one has that stands around another."""
FAINTEST = 0.35
"""Opacity of a mark of next to no probability."""


@dataclass(frozen=True)
class Mark:
    """A step that sets a charge of one contract."""

    step: int
    share: float
    """Probability of the members in which it does."""
    import_mw: float
    """Import of the site in those members, mean."""
    words: str
    """What it sets."""


def add_peaks(view: View, figure: Figure, site: str) -> None:
    """Mark the peaks of all contracts whose meters include the site's."""
    marked: dict[str, list[Mark]] = {}
    for label, peaks in view.peaks.items():
        if site not in view.parts.components[label].frame.metered_sites:
            continue
        marks = _marks(view, label, peaks, site)
        marks.sort(key=lambda mark: (-mark.share, -mark.import_mw))
        if len(marks) > MOST_MARKS:
            figure.add_note(f"Of {len(marks):,} peaks of {label} the {MOST_MARKS} most likely and highest are marked.")
        marked[label] = sorted(marks[:MOST_MARKS], key=lambda mark: mark.step)
    if marked:
        faint = " in some of the members: the fainter the mark, the less likely" if view.members > 1 else ""
        figure.add_note(f"Marked on the import are the steps that set a charge{faint}.")
    figure.panel = "Peaks"
    inside: dict[int, int] = {}
    traces = []
    for number, (label, marks) in enumerate(marked.items()):
        symbol, glyph = SYMBOLS[number % len(SYMBOLS)]
        sizes = []
        for mark in marks:
            rank = inside[mark.step] = inside.get(mark.step, -1) + 1
            sizes.append(SMALLEST_SIZE + SIZE_STEP * rank)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"peaks of {escape(label)}",
                "legendgroup": figure.add_key(label, INK, "glyph", glyph=glyph),
                "x": [view.timeline.place(view.timeline.horizon.utc[mark.step]) for mark in marks],
                "y": [round(mark.import_mw, 6) for mark in marks],
                "text": [escape(mark.words) for mark in marks],
                "hovertemplate": "%{text}<extra></extra>",
                "cliponaxis": False,
                "marker": {
                    "symbol": symbol,
                    "size": sizes,
                    "opacity": [round(FAINTEST + (1.0 - FAINTEST) * min(mark.share, 1.0), 3) for mark in marks],
                    "color": PAGE,
                    "line": {"color": INK, "width": 1.7},
                },
            }
        )
    figure.traces += reversed(traces)  # the smaller marks on top of those around them


def _marks(view: View, label: str, peaks: list[Peak], site: str) -> list[Mark]:
    """One mark per step, from the peaks of all members."""
    by_step: dict[int, dict[str, list[Peak]]] = {}
    for peak in peaks:
        by_step.setdefault(peak.step, {}).setdefault(peak.words, []).append(peak)
    power = np.nan_to_num(view.site(site, "import_mw"))
    together = " (sites together)" if len(view.parts.components[label].frame.metered_sites) > 1 else ""
    marks = []
    for step, by_words in by_step.items():
        members = sorted({peak.member for found in by_words.values() for peak in found})
        words = [_words(view, text, found) + together for text, found in by_words.items()]
        share = float(view.weights[members].sum())
        mean = float(_mean(view.weights[members], power[members, step]))
        when = readable(view.timeline.horizon.local[step])
        marks.append(Mark(step, share, mean, f"{'; '.join(words)} ({when})"))
    return marks


def _words(view: View, text: str, peaks: list[Peak]) -> str:
    """``tdu: peak of 2024-08, 47.1 MW in 60 % of the members' probability``."""
    weights = view.weights[[peak.member for peak in peaks]]
    load = _mean(weights, np.array([peak.load_mw for peak in peaks]))
    share = float(weights.sum())
    return f"{text}, {load:,.4g} MW" + (f" (probability {share * 100:.3g} %)" if view.members > 1 else "")


def _mean(weights: Floats, values: Floats) -> float:
    total = float(weights.sum())
    return float(weights @ values) / total if total > 0 else float(values.mean())
