"""One sentence for a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.explanation.reason import Code, Limit

AT_REST_MW = 1e-6


@dataclass(frozen=True)
class Told:
    """What a sentence is made of."""

    code: Code
    power_mw: float
    deeds: tuple[str, str, str]
    margin_per_mwh: float
    cost_per_mwh: float
    limit: Limit | None
    value_per_unit: float
    figure: float
    limit_time: pd.Timestamp | None
    currency: str


def sentence(told: Told) -> str:
    """The reason in one sentence: what it does, what a MWh brings and costs, and what holds it."""
    parts = [_deed(told)]
    money = _money(told)
    if money:
        parts.append(money)
    if (why := _why(told)) is not None:
        parts.append(why)
    return f"{parts[0]}: {'; '.join(parts[1:])}." if len(parts) > 1 else f"{parts[0]}."


def _deed(told: Told) -> str:
    forward, rests, backward = told.deeds
    if abs(told.power_mw) <= AT_REST_MW:
        return rests[:1].upper() + rests[1:]
    verb = forward if told.power_mw > 0 else backward
    return f"{verb[:1].upper()}{verb[1:]} {_number(abs(told.power_mw))} MW"


def _money(told: Told) -> str:
    margin, cost = told.margin_per_mwh, told.cost_per_mwh
    if not np.isfinite(margin) or told.code in (Code.FOLLOWS, Code.NO_WORK, Code.AVAILABILITY, Code.NO_DECISION):
        return ""
    brings = margin + cost
    rests = abs(told.power_mw) <= AT_REST_MW
    if told.code == Code.SETS_PRICE:
        return f"the next MWh comes from it, at {_number(cost)}"
    if abs(margin) <= 0.005:
        return f"a MWh brings as much as it costs, {_number(cost)}"
    if margin < 0 and (told.code == Code.WHOLE_DECISION or np.isnan(told.value_per_unit)) and not rests:
        return f"a MWh costs {_number(cost)}"
    if brings < 0 and cost < 0:  # of what gives power: the bus brings it money, and it pays for what it gives
        brings, cost = -cost, -brings
    would = "would bring" if rests else "brings"
    return f"a MWh {would} {_number(brings)} and {'cost' if rests else 'costs'} {_number(cost)}"


def _why(told: Told) -> str | None:
    code, limit = told.code, told.limit
    fixed = {
        Code.WHOLE_DECISION: "it is decided as a whole, for more than this step" if limit is None else None,
        Code.AVAILABILITY: "none of it is available" if limit is None else None,
        Code.FOLLOWS: "it follows what others do" if limit is None else None,
        Code.NO_WORK: "there is no work for it in this step",
        Code.NO_DECISION: "there is nothing to decide here",
        Code.PAYS: "it pays" if limit is None else None,
    }
    if (text := fixed.get(code)) is not None:
        return text
    if limit is None:
        return "that does not pay" if code == Code.PRICE_ABOVE_BREAK_EVEN else None
    words = limit_words(limit, told.figure)
    if told.limit_time is not None:
        words = f"{words} ({told.limit_time:%a %d %b %H:%M})"
    worth = told.value_per_unit
    is_zero = limit.side == "at least" and told.figure == 0.0  # that nothing is negative is no limit to be moved
    if np.isfinite(worth) and worth > 0 and not is_zero and code != Code.WHOLE_DECISION:
        words += f"; one {limit.unit or 'unit'} more is worth {_number(worth)} {told.currency}"
    return words


def limit_words(limit: Limit, figure: float) -> str:
    """A limit's words with their number."""
    number = _number(figure) if np.isfinite(figure) else "its bound"
    return limit.words.replace("{limit}", number).replace("{figure}", number)


def _number(value: float) -> str:
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value + 0.0:,.{digits}f}"
