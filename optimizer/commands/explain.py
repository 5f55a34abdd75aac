"""``optimizer explain``: a table of all components at one time."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from optimizer.console import StdoutConsole
from optimizer.errors import InputError, Problem
from optimizer.explanation.asking import checked
from optimizer.explanation.explanation import Explanation
from optimizer.explanation.reason import Reason
from optimizer.plan import Plan

STYLES = {"money": "green", "limit": "yellow", "obligation": "magenta", "none": "dim"}
"""Colours of the groups of codes."""


def run_explain(folder: Path, at: str, *, components: Sequence[str], member: int, as_json: bool) -> None:
    """Print why each component (or those named) does what it does at a time.

    Raises InputError for a folder without a plan or without reasons, and for names, times and members that it does not
    have.
    """
    plan = Plan.load(folder)
    explanation = plan.explanation
    if explanation is None:
        hint = "run the scenario again with --explain"
        raise InputError([Problem("", "the results hold no reasons", hint=hint, file=str(folder))])
    asked = _asked(explanation, components, at, member)
    reasons = [explanation.of_step(*one) for one in asked]
    step, member = asked[0][1:]
    prices = {site: float(price[member, step]) for site, price in explanation.power_price.items()}
    if as_json:
        typer.echo(json.dumps(as_dict(reasons, prices, plan.scenario.currency), indent=2, allow_nan=False))
    else:
        print_reasons(reasons, prices, plan)


def _asked(explanation: Explanation, components: Sequence[str], at: str, member: int) -> list[tuple[str, int, int]]:
    """Labels, steps and members asked for; all that is wrong is told at once."""
    names = list(components) or list(explanation.reasons)
    found, problems = [], []
    for name in names:
        try:
            found.append(checked(explanation, name, at, member))
        except InputError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise InputError(problems)
    return found


def as_dict(reasons: Sequence[Reason], prices: dict[str, float], currency: str) -> dict[str, Any]:
    """The reasons as plain data; None where there is no number."""
    return {
        "time": reasons[0].time.isoformat(),
        "member": reasons[0].member,
        "currency": currency,
        "power_price_per_mwh": {site: _finite(price) for site, price in prices.items()},
        "components": [
            {
                "component": reason.component,
                "power_mw": reason.power_mw,
                "code": str(reason.code),
                "group": reason.code.group,
                "text": reason.text,
                "margin_per_mwh": _finite(reason.margin_per_mwh),
                "limit": None
                if reason.limit is None
                else {
                    "where": reason.limit.where,
                    "rule": reason.limit.rule,
                    "words": reason.limit.words,
                    "side": reason.limit.side,
                    "field": reason.limit.field,
                    "unit": reason.limit.unit,
                },
                "value_per_unit": _finite(reason.value_per_unit),
            }
            for reason in reasons
        ],
    }


def print_reasons(reasons: Sequence[Reason], prices: dict[str, float], plan: Plan) -> None:
    """The table on stdout."""
    console = StdoutConsole()
    first = reasons[0]
    of_member = f", member {first.member}" if plan.scenario.members > 1 else ""
    title = f"{plan.scenario.name}, {first.time:%a %Y-%m-%d %H:%M}{of_member}"
    shown = Table(title=escape(title), title_justify="left")
    shown.add_column("component")
    shown.add_column("MW", justify="right")
    shown.add_column("reason", min_width=12)
    shown.add_column("why", ratio=1)
    shown.add_column("margin per MWh", justify="right")
    for reason in reasons:
        style = STYLES[reason.code.group]
        shown.add_row(
            escape(reason.component),
            f"{reason.power_mw + 0.0:,.2f}",
            f"[{style}]{escape(reason.code.title)}[/{style}]",
            escape(reason.text),
            "" if math.isnan(reason.margin_per_mwh) else f"{reason.margin_per_mwh + 0.0:,.2f}",
        )
    console.print(shown)
    told = ", ".join(f"{site} {price:,.2f}" for site, price in prices.items())
    console.print(f"A MWh at the bus is worth, {plan.scenario.currency}: {told}.", highlight=False, markup=False)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
