"""How a scenario, a problem and a plan show themselves in a notebook: small tables in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from optimizer.problem import Problem
    from optimizer.scenario import Scenario

MOST_LINES = 12
"""Ledger lines that a plan shows; the largest, with the rest in one line."""
Row = tuple[str, str]


def scenario_html(scenario: Scenario) -> str:
    """Horizon, members, and what stands at each site; warnings below."""
    from optimizer.parts import place

    horizon = scenario.horizon
    rows: list[Row] = [
        ("horizon", f"{horizon.start}, {horizon.steps:,} steps of {horizon.step}, {horizon.timezone}"),
        ("members", f"{scenario.members:,}"),
    ]
    parts, _ = place(scenario)
    by_site: dict[str, list[str]] = {site: [] for site in parts.sites}
    for label, part in parts.components.items():
        words = f"{label} ({str(getattr(part.component, 'kind', '')).replace('_', ' ')})"
        by_site.setdefault(part.site or "shared", []).append(words)
    rows += [(site, ", ".join(found)) for site, found in by_site.items()]
    return _card("Scenario", scenario.name, rows) + _listed([str(warning) for warning in scenario.warnings])


def problem_html(problem: Problem) -> str:
    """Its size, and how long it took to build."""
    rows = [(name, f"{count:,}") for name, count in problem.arrays.size.items()]
    return _card("Problem", problem.scenario.name, [*rows, ("built in", f"{problem.build_s:.2f} s")], numbers=True)


def plan_html(plan: Plan) -> str:
    """Profit with its proof, where it comes from, peak import and warnings."""
    summary, currency = plan.summary, plan.scenario.currency
    gap = summary["mip_gap"]
    proof = "no bound proven" if gap is None else f"gap {gap * 100:.3g} %"
    rows: list[Row] = [
        ("expected profit", f"<b>{plan.expected_profit:,.2f}</b> {escape(currency)}"),
        ("status", escape(f"{plan.status}, {proof}")),
        ("peak import", f"{summary['peak_import_mw']:,.1f} MW"),
    ]
    ledger = sorted(summary["ledger"].items(), key=lambda line: -abs(line[1]))
    moving = [(name, value) for name, value in ledger if round(value, 2)]
    rows += [(f"  {name}", f"{value:,.2f}") for name, value in moving[:MOST_LINES]]
    rest = moving[MOST_LINES:]
    if rest:
        rows.append((f"  {len(rest)} smaller lines", f"{sum(value for _, value in rest):,.2f}"))
    escaped = [(escape(name), value) for name, value in rows]
    return _card("Plan", plan.scenario.name, escaped, numbers=True, raw=True) + _listed(summary["warnings"])


def _card(what: str, name: str, rows: Iterable[Row], *, numbers: bool = False, raw: bool = False) -> str:
    """A table of two columns; ``raw`` rows are HTML already."""
    align = "right" if numbers else "left"
    clean: Any = (lambda text: text) if raw else escape
    body = "".join(
        f'<tr><th style="text-align:left">{clean(left)}</th><td style="text-align:{align}">{clean(right)}</td></tr>'
        for left, right in rows
    )
    caption = f'<caption style="text-align:left"><b>{escape(what)}</b> {escape(name)}</caption>'
    return f"<table>{caption}<tbody>{body}</tbody></table>"


def _listed(warnings: list[str]) -> str:
    if not warnings:
        return ""
    return "<p>Warnings:</p><ul>" + "".join(f"<li>{escape(text)}</li>" for text in warnings) + "</ul>"
