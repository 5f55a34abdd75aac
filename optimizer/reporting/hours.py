"""What the page's script needs to say of any hour what each component does in it, what that earns, and why.

Without an explanation of the plan (:mod:`optimizer.explanation`) the hour shows power and money alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.reporting.arrays import ArrayStore, compressed
from optimizer.reporting.members import SMALLEST
from optimizer.reporting.palette import GROUPS, NOT_PAYING
from optimizer.reporting.view import View

if TYPE_CHECKING:
    from optimizer.explanation.explanation import Explanation

Floats = NDArray[np.float64]
MOST_SENTENCES = 60_000
"""Reasons (components times steps) up to which each is told in its own sentence; of more, the sentence is left out and
the code, the limit and the figures say it."""


def told_member(view: View) -> int:
    """The member whose reasons are told: the most likely one, the first of those that are as likely."""
    return int(np.argmax(view.weights))


def hours_data(view: View, store: ArrayStore) -> dict[str, Any]:
    """By component: power, money and reasons over time; and the clock. Series go into the store."""
    explanation = view.explanation
    member = told_member(view)
    known = list(view.parts.components)
    others = [] if explanation is None else [label for label in explanation.reasons if label not in known]
    rows = [_row(view, store, label, member) for label in (*others, *known)]
    data: dict[str, Any] = {
        "clock": _clock(view),
        "currency": view.plan.scenario.currency,
        "chosen": _chosen(view, member),
        "member": member if view.members > 1 else None,
        "members": view.members,
        "rows": rows,
        "sites": [_site(view, store, name, member) for name in view.parts.sites],
        "explained": explanation is not None,
        "groups": GROUPS,
        "notPaying": NOT_PAYING,
    }
    if explanation is not None:
        data |= _words(explanation)
        if len(rows) * view.timeline.horizon.steps <= MOST_SENTENCES:
            data["sentences"] = _sentences(explanation, member, store, rows)
    return data


def packed_hours(data: dict[str, Any]) -> str:
    """The data as the page holds them."""
    return compressed(json.dumps(data, allow_nan=False, separators=(",", ":")).encode("utf-8"))


def _row(view: View, store: ArrayStore, label: str, member: int) -> dict[str, Any]:
    """A component (or, with an explanation, a site's connection): its power, its money, and its reasons."""
    part = view.parts.components.get(label)
    reasons = None if view.explanation is None else view.explanation.reasons.get(label)
    row: dict[str, Any] = {"label": label, "kind": "", "site": "", "colour": None, "power": None, "money": None}
    power = None if reasons is None else reasons.power_mw[member]
    if part is not None:
        row["kind"] = str(getattr(part.component, "kind", "")).replace("_", " ")
        row["site"] = part.site or ""
        row["colour"] = view.looks[label].colour if label in view.looks else None
        money = np.zeros(view.timeline.horizon.steps)
        for (owner, _), amount in view.plan.money.items():
            if owner == label:
                money = money + amount[member]
        row["money"] = store.add(money) if money.any() else None
        power = view.variable(label, "power_mw")[0][1][member] if power is None else power
    clean = np.nan_to_num(np.zeros(view.timeline.horizon.steps) if power is None else power)
    clean = np.where(np.abs(clean) < SMALLEST, 0.0, clean)
    row["power"] = store.add(clean) if clean.any() else None
    if reasons is not None:
        row |= {
            "code": store.add(reasons.codes[member]),
            "margin": store.add(reasons.margin_per_mwh[member]),
            "limit": store.add(reasons.limit[member]),
            "value": store.add(reasons.value[member]),
            "also": store.add(reasons.also[member]),
            "figure": store.add(reasons.figure[member]),
        }
    return row


def _site(view: View, store: ArrayStore, name: str, member: int) -> dict[str, Any]:
    explanation = view.explanation
    prices = view.prices(name)
    site: dict[str, Any] = {
        "name": name,
        "import": store.add(np.nan_to_num(view.site(name, "import_mw")[member])),
        "export": store.add(np.nan_to_num(view.site(name, "export_mw")[member])),
        "prices": [[words, store.add(values[min(member, len(values) - 1)])] for words, values in prices.items()],
    }
    if explanation is not None and name in explanation.power_price:
        site["powerPrice"] = store.add(explanation.power_price[name][member])
    return site


def _words(explanation: Explanation) -> dict[str, Any]:
    from optimizer.explanation.reason import CODES

    codes = [{"name": str(code), "title": code.title, "group": code.group} for code in CODES]
    limits = [{"where": limit.where, "words": limit.words, "unit": limit.unit} for limit in explanation.limits]
    return {"codes": codes, "limits": limits}


def _sentences(explanation: Explanation, member: int, store: ArrayStore, rows: list[dict[str, Any]]) -> list[str]:
    """Every sentence once; each row says by step which it is."""
    places: dict[str, int] = {}
    for row in rows:
        label = row["label"]
        if label in explanation.reasons:
            steps = explanation.reasons[label].codes.shape[1]
            told = [explanation.of_step(label, step, member).text for step in range(steps)]
            row["sentence"] = store.add(np.array([places.setdefault(text, len(places)) for text in told], dtype=float))
    return list(places)


def _clock(view: View) -> dict[str, Any]:
    """Start and step in milliseconds; and the steps at which the UTC offset changes, with offset (minutes) and name."""
    local = view.timeline.horizon.local
    starts = [0, *(int(local.searchsorted(change)) for change in view.timeline.clock_changes)]
    offsets = []
    for step in starts:
        offset = local[step].utcoffset()
        minutes = 0.0 if offset is None else offset.total_seconds() / 60.0
        offsets.append([step, minutes, local[step].tzname() or ""])
    return {
        "utc": int(view.timeline.horizon.start_utc.timestamp() * 1000),
        "step": view.timeline.horizon.step_h * 3_600_000.0,
        "steps": view.timeline.horizon.steps,
        "offsets": offsets,
    }


def _chosen(view: View, member: int) -> int:
    """The hour to show first: that of the highest price."""
    highest = np.full(view.timeline.horizon.steps, -np.inf)
    for site in view.parts.sites:
        for values in view.prices(site).values():
            highest = np.fmax(highest, values[min(member, len(values) - 1)])
    return int(np.argmax(highest))
