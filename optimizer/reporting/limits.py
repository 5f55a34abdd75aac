"""The limits that hold the plan back most, for the first screen.

With an explanation of the plan they are those behind which a number of the scenario stands, ranked by what one per cent
more of it would earn over the horizon, since a machine and a megawatt are not alike; with all whole decisions as
planned, and expected over the members. Without one, by the share of the time in which the plan runs into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

from optimizer.reporting.money import amount
from optimizer.reporting.view import View

Floats = NDArray[np.float64]
SHOWN = 3
REACHED = 1e-3
"""Relative distance within which a limit counts as reached."""
PER_CENT, LEAST_WORTH = 0.01, 0.005
LEAST_USED = 0.5
"""A limit of which less is used at any time is not worth a card."""
BALANCE = 0.999
"""A line that is always at its limit is a balance (demand that is met in full), not something in the way."""


@dataclass(frozen=True)
class Held:
    """A limit and how much it holds the plan back."""

    where: str
    words: str
    share: float
    """Share of the time (and of the probability) in which it does."""
    used: float = 1.0
    """Highest share of it that is used."""
    per_unit: float | None = None
    """What one unit more would earn over the horizon; None where that was not worked out."""
    per_cent: float = 0.0
    """What one per cent more would."""
    unit: str = "unit"


@dataclass
class Worth:
    """What is summed up of one number of the scenario, (members, steps)."""

    per_unit: Floats
    per_cent: Floats
    holds: NDArray[np.bool_]
    figures: list[Floats] = field(default_factory=list)
    largest: tuple[float, int] = (-1.0, 0)
    """Value and number of the limit that is worth most of those behind which it stands."""


def most_valuable(view: View) -> list[Held]:
    """At most three, the most valuable first."""
    if view.explanation is None:
        found = [held for held in _reached(view) if held.used >= LEAST_USED]
        found.sort(key=lambda held: (-held.share, -held.used, held.where, held.words))
    else:
        found = [held for held in _valued(view) if held.per_cent > LEAST_WORTH]
        found.sort(key=lambda held: (-held.per_cent, held.where, held.words))
    return found[:SHOWN]


def _valued(view: View) -> Iterator[Held]:
    """What more of each number would earn, over all steps and members.

    Several components may run into one limit, and a limit of many steps (a month's energy) is met in each of them: it
    is worth that once, in its own step or, with no step of its own, on the whole. A value is as the objective counts
    money, so that it is weighed by probability already.
    """
    explanation = view.explanation
    assert explanation is not None
    shape = view.members, view.timeline.horizon.steps
    by_number: dict[int, Worth] = {}
    for found in explanation.reasons.values():
        value, size = np.nan_to_num(found.value), np.abs(np.nan_to_num(found.figure))
        known = (found.limit >= 0) & (value > 0)
        for number in np.unique(found.limit[known]):
            if explanation.limits[number].field is None or explanation.limits[number].side == "equals":
                continue
            member, at = np.nonzero(known & (found.limit == number))
            worth = by_number.setdefault(int(number), Worth(np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)))
            step = np.maximum(found.limit_step[member, at], 0)  # of no step of its own: all in one place
            np.maximum.at(worth.per_unit, (member, step), value[member, at])
            np.maximum.at(worth.per_cent, (member, step), value[member, at] * size[member, at] * PER_CENT)
            worth.holds[member, at] = True
            worth.figures.append(found.figure[member, at])
    by_field: dict[str, Worth] = {}
    for number, worth in by_number.items():
        name, total = str(explanation.limits[number].field), float(worth.per_cent.sum())
        whole = by_field.setdefault(name, Worth(np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)))
        whole.per_unit, whole.per_cent = whole.per_unit + worth.per_unit, whole.per_cent + worth.per_cent
        whole.holds |= worth.holds
        if total > whole.largest[0]:
            whole.largest, whole.figures = (total, number), worth.figures
    for worth in by_field.values():
        limit = explanation.limits[worth.largest[1]]
        share = float(view.weights @ worth.holds.mean(axis=1))
        yield Held(
            limit.where,
            _with_figures(limit.words, np.concatenate(worth.figures)),
            share,
            per_unit=float(worth.per_unit.sum()),
            per_cent=float(worth.per_cent.sum()),
            unit=limit.unit or "unit",
        )


def _with_figures(words: str, figures: Floats) -> str:
    """The limit's words with its number, or with the range of its numbers."""
    known = np.abs(figures[np.isfinite(figures)])
    if not len(known):
        return words.replace("{limit}", "its bound").replace("{figure}", "its bound")
    low, high = (f"{value:,.4g}" if value < 1000 else f"{value:,.0f}" for value in (known.min(), known.max()))
    text = low if low == high else f"{low} to {high}"
    return words.replace("{limit}", text).replace("{figure}", text)


def _reached(view: View) -> Iterator[Held]:
    """Limits of the connections, and those of the components' pictures of a single line (or of stacked ones)."""
    for name, site in view.parts.sites.items():
        pairs = (("import", site.frame.import_limit_mw), ("export", site.frame.export_limit_mw))
        for direction, limits in pairs:
            if limits is not None:
                power = np.nan_to_num(view.site(name, f"{direction}_mw"))
                yield _held(view, name, f"{direction} limit of the connection", power, limits)
    for part in view.parts.components.values():
        for chart in part.component.charts(part.frame):
            lines = [values for line in chart.lines for _, values in view.variable(part.label, line)]
            limits_found = [entry for name in chart.limits for entry in view.variable(part.label, name)]
            if not lines or len(limits_found) != 1 or (len(lines) > 1 and not chart.stacked):
                continue
            words, most = limits_found[0]
            held = _held(view, part.label, words, np.add.reduce([np.nan_to_num(values) for values in lines]), most)
            if held.share < BALANCE:
                yield held


def _held(view: View, where: str, words: str, values: Floats, limits: Floats) -> Held:
    limits = np.broadcast_to(limits, values.shape)
    there = np.isfinite(limits) & (limits > 0)
    used = np.divide(values, limits, out=np.zeros_like(values), where=there)
    share = float(view.weights @ (used >= 1.0 - REACHED).mean(axis=1))
    return Held(where, words, share, used=float(used.max()))


def limit_cards(view: View) -> str:
    """The cards of the first screen."""
    found = most_valuable(view)
    valued = view.explanation is not None
    if not found:
        text = "No limit holds the plan back." if valued else "No limit comes near."
        return f'<p class="note">{text}</p>'
    heading = "Most valuable limits" if valued else "Limits that come nearest"
    cards = "".join(_card(view, held) for held in found)
    return f'<h2 class="small">{heading}</h2><ol class="tiles limits">{cards}</ol>'


def _card(view: View, held: Held) -> str:
    share = held.share
    if held.per_unit is not None:
        value = f"1 % more earns {amount(held.per_cent)} {view.plan.scenario.currency}"
        more = f"{amount(held.per_unit)} per {held.unit}; holds in {_percent(share)} of the time"
    else:
        value = f"{_percent(min(held.used, 1.0))} used at most"
        more = f"reached in {_percent(share)} of the time" if share > 0 else "never reached"
        share = min(held.used, 1.0)
    return (
        f'<li class="tile limit"><div class="label">{escape(held.where)}</div>'
        f'<div class="words">{escape(held.words)}</div>'
        f'<div class="value">{escape(value)}</div><div class="more">{escape(more)}</div>'
        f'<div class="meter" aria-hidden="true"><i style="width:{share * 100:.1f}%"></i></div></li>'
    )


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 0.095 or share == 0 else f"{share * 100:.1f} %"
