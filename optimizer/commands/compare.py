"""``optimizer compare`` and ``optimizer changes``: differences of plans in tables and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from optimizer.comparison.comparing import compare, records
from optimizer.comparison.drawing import amount, rows_of, signed
from optimizer.console import StdoutConsole
from optimizer.output_folder import OutputFolder
from optimizer.plan import Plan
from optimizer.stability.changes import changes, price_of_stability
from optimizer.stability.given import SECTION

if TYPE_CHECKING:
    from optimizer.comparison.comparing import Comparison

STOPPED_WITH_PLAN = 4
FILES = ("comparison.html", "inputs.csv", "money.csv", "energy.csv", "hours.csv", "why.csv", "comparison.json")
FEW = 12
"""Rows of a table in the terminal; files hold all."""
MOST_HOURS = 48
"""Changes that are listed in the terminal."""


def run_compare(a: Path, b: Path, *, why: bool, out: Path | None, as_json: bool) -> int:
    """Compare, print and write; returns the exit code. Raises what reading and solving raise."""
    if out is None or out.suffix.lower() in (".html", ".htm"):
        found = compare(a, b, why=why)
        if out is not None:
            found.write_html(out)
    else:
        with OutputFolder(out, FILES, "the comparison", replaces=True) as folder:
            found = compare(a, b, why=why)
            _write(found, folder)
    if as_json:
        StdoutConsole().print_json(json.dumps(found.as_dict(), allow_nan=False))
    else:
        _print(found, out)
    stopped = [side for side in (found.a, found.b) if side.was_solved and side.plan.status != "optimal"]
    return STOPPED_WITH_PLAN if stopped else 0


def _write(found: Comparison, folder: OutputFolder) -> None:
    from optimizer.comparison.page import page

    staging = folder.staging
    (staging / "comparison.html").write_text(page(found), encoding="utf-8")
    inputs = [(c.path, c.kind, c.text, c.group) for c in found.inputs]
    tables = {
        "inputs.csv": pd.DataFrame(inputs, columns=["path", "kind", "text", "piece"]),
        "money.csv": found.money,
        "energy.csv": found.energy.reset_index(),
        "hours.csv": found.hours,
    }
    if found.why is not None:
        tables["why.csv"] = found.why
    for name, table in tables.items():
        table.to_csv(staging / name, index=False, lineterminator="\n")
    text = json.dumps(found.as_dict(), indent=2, allow_nan=False)
    (staging / "comparison.json").write_text(text + "\n", encoding="utf-8")
    folder.publish()


def _print(found: Comparison, out: Path | None) -> None:
    console = StdoutConsole()
    one, other = found.profits
    currency = found.currency

    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    tell(f"A: {found.a.name}\nB: {found.b.name}")
    for note in found.notes:
        tell(f"Note: {note}")
    if found.is_empty:
        tell("The two do not differ: same input, same schedule, same money.")
        return
    tell(f"Expected profit: {amount(one)} -> {amount(other)} {currency} ({signed(other - one)})")
    if found.inputs:
        tell(f"\nInput: {len(found.inputs)} difference(s)")
        for change in found.inputs[:FEW]:
            tell(f"  {change}")
        _tell_rest(tell, len(found.inputs))
    else:
        tell("\nInput: the same")
    moving = found.money[found.money["change"].abs() > 5e-3]
    rows = [[r.component, r.line, amount(r.a), amount(r.b), signed(r.change)] for r in rows_of(moving.head(FEW))]
    _show(console, f"Money, {currency}", ("component", "line", "A", "B", "change"), rows, numbers=3)
    _tell_rest(tell, len(moving))
    if found.why is not None and len(found.why):
        rows = [
            [r.what, amount(r.profit), signed(r.change), f"± {amount(r.proven_within)}"] for r in rows_of(found.why)
        ]
        _show(console, "Why, one piece after the other", ("piece", "profit", "change", "within"), rows, numbers=3)
    differing = found.energy[found.energy["hours_that_differ"] > 0].sort_values("hours_that_differ", ascending=False)
    rows = [
        [str(label), f"{r.a_mwh:,.1f}", f"{r.b_mwh:,.1f}", f"{r.hours_that_differ:g}", f"{r.largest_change_mw:+,.2f}"]
        for label, r in differing.head(FEW).iterrows()
    ]
    headings = ("component", "A, MWh", "B, MWh", "hours that differ", "largest, MW")
    _show(console, "Schedule", headings, rows, numbers=4)
    _tell_rest(tell, len(differing))
    _print_hours(console, found)
    rows = [
        [r.figure, r.of, *("none" if pd.isna(v) else f"{v:,.6g}" for v in (r.a, r.b))] for r in rows_of(found.figures)
    ]
    _show(console, "Peaks, work and services", ("figure", "of", "A", "B"), rows, numbers=2)
    if out is not None:
        tell(f"Comparison: {out}")


def _print_hours(console: StdoutConsole, found: Comparison) -> None:
    few = found.hours.head(FEW)
    rows = [
        [_clock(r.time_local), r.component, f"{r.a_mw:,.2f}", f"{r.b_mw:,.2f}", f"{r.change_mw:+,.2f}"]
        for r in rows_of(few)
    ]
    title = f"Largest differences, {len(few)} of {len(found.hours):,} component-hours"
    _show(console, title, ("time", "component", "A, MW", "B, MW", "change"), rows, numbers=3)
    _reasons(console, [(_clock(r.time_local), r.component, r.reason_b) for r in rows_of(few)], "Why in B")


def _reasons(console: StdoutConsole, reasons: list[tuple[str, str, str]], title: str) -> None:
    """A line for each sentence there is: too long for the column of a table."""
    told = [f"  {time} {label}: {text}" for time, label, text in reasons if text]
    if told:
        console.print("\n".join([title, *told]), highlight=False, markup=False, soft_wrap=True)


def _clock(stamp: pd.Timestamp) -> str:
    return f"{stamp:%Y-%m-%d %H:%M}"


def _tell_rest(tell: Any, count: int) -> None:
    if count > FEW:
        tell(f"  … and {count - FEW} more (--json or --out hold them all)")


def _show(
    console: StdoutConsole,
    title: str,
    headings: tuple[str, ...],
    rows: list[list[str]],
    *,
    numbers: int,
) -> None:
    """A table whose last columns are numbers; nothing without rows."""
    if not rows:
        return
    first = len(headings) - numbers
    table = Table(title=escape(title), title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(escape(heading), justify="right" if place >= first else "left")
    for row in rows:
        table.add_row(*(escape(text) for text in row))
    console.print(table)


def run_changes(result: Path, *, price: bool, as_json: bool) -> None:
    """Print the changes of a plan against the one before it. Raises InputError for a plan without one."""
    plan = Plan.load(result)
    table = changes(plan)
    found = price_of_stability(plan) if price else None
    figures: dict[str, float] = plan.summary.get(SECTION, {})
    if as_json:
        told: dict[str, Any] = {"figures": figures, "changes": records(table)}
        if found is not None:
            told["price_of_stability"] = {"price": found.price, "at_most": found.high}
        StdoutConsole().print_json(json.dumps(told, allow_nan=False))
        return
    console = StdoutConsole()
    currency = plan.scenario.currency
    few = table.head(MOST_HOURS)
    rows = [
        [_clock(r.time_local), r.component, f"{r.previous_mw:,.2f}", f"{r.power_mw:,.2f}", f"{r.change_mw:+,.2f}"]
        for r in rows_of(few)
    ]
    headings = ("time", "component", "before, MW", "now, MW", "change")
    _show(console, "Changes against the previous plan", headings, rows, numbers=3)
    if len(table) > len(few):
        console.print(f"  … and {len(table) - len(few)} more (--json holds them all)", highlight=False)
    _reasons(console, [(_clock(r.time_local), r.component, r.reason) for r in rows_of(few)], "Why")
    if not rows:
        console.print("The plan is the same as the previous one, as far as their times meet.")
    if figures:
        console.print(
            f"{figures['moved_mwh']:,.1f} MWh moved in {figures['steps']:g} steps compared; the price on changes adds "
            f"up to {figures['cost']:,.2f} {escape(currency)}, which nobody pays.",
            highlight=False,
            soft_wrap=True,
        )
    if found is not None:
        at_most = f" (proven: at most {found.high:,.2f})" if found.high > found.price + 0.005 else ""
        console.print(
            f"Price of stability: {found.price:,.2f} {escape(currency)}{at_most}, the profit of the plan without "
            "regard to the previous one less that of this plan.",
            highlight=False,
            soft_wrap=True,
        )
