"""What a planner sees in the terminal: a live line while HiGHS works, and a short table of the plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from optimizer.billing import Bill
    from optimizer.highs import Progress
    from optimizer.plan import Plan


@contextmanager
def live_progress() -> Iterator[Callable[[Progress], None]]:
    """A status line on stderr with bound, incumbent and gap; silent where stderr is no terminal."""
    console = Console(stderr=True)
    with console.status("building and solving …") as status:

        def show(progress: Progress) -> None:
            status.update(progress_line(progress))

        yield show


def progress_line(progress: Progress) -> str:
    """``12.3 s  plan 1,234,567  bound 1,240,000  gap 0.44 %  nodes 17``."""
    plan = f"{progress.incumbent:,.0f}" if abs(progress.incumbent) < 1e30 else "none yet"
    bound = f"{progress.bound:,.0f}" if abs(progress.bound) < 1e30 else "open"
    gap = f"{progress.gap * 100:.3g} %" if math.isfinite(progress.gap) and progress.gap < 1e3 else "open"
    return f"{progress.seconds:.1f} s  plan {plan}  bound {bound}  gap {gap}  nodes {progress.nodes:,}"


class StdoutConsole(Console):
    """Leaves it to the caller what a reader means who has seen enough and left (`| head -1`)."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise


def print_plan(plan: Plan, folder: Path) -> None:
    """The plan in a few lines on stdout."""
    summary = plan.summary
    console = StdoutConsole()
    currency = escape(summary["currency"])
    gap = summary["mip_gap"]
    state = f"{summary['status']}" + ("" if gap is None else f", proven gap {gap * 100:.3g} %")
    if summary["status"] != "optimal":
        state += f" (stopped: {summary['stopped_by']})"
    table = Table(title=f"{escape(summary['name'])}: {state}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for line, amount in summary["ledger"].items():
        table.add_row(line, f"{amount:,.2f} {currency}")
    table.add_section()
    table.add_row("[bold]expected profit", f"[bold]{summary['expected_profit']:,.2f} {currency}")
    if "cvar" in summary:
        table.add_row(plan.scenario.risk.label, f"{summary['cvar']:,.2f} {currency}")
    table.add_section()
    for label, energy in summary["energy_mwh"].items():
        if energy:
            table.add_row(f"energy {label}", f"{energy:,.1f} MWh")
    table.add_row("peak import", f"{summary['peak_import_mw']:,.2f} MW")
    for label, done in summary["work_done"].items():
        table.add_row(f"work done {label}", f"{done:,.1f} node-hours")
    for label, share in summary["served_fraction"].items():
        table.add_row(f"served {label}", f"{share * 100:.2f} %")
    seconds = ", ".join(f"{name} {value:.2f} s" for name, value in summary["timing_s"].items())
    violation = summary["audit"]["largest_violation"]
    table.add_section()
    table.add_row("audit", f"{summary['audit']['checks']} checks, largest violation {violation:.1e}")
    table.add_row("time", seconds)
    console.print(table)
    files = "report.html, summary.json, dispatch.nc, dispatch.csv, ledger.csv"
    console.print(f"Results: {folder}/ ({files})", highlight=False, markup=False, soft_wrap=True)


def print_bill(bill: Bill, file: Path | None) -> None:
    """A bill by month and line on stdout, with what was taken for granted."""
    console = StdoutConsole()
    weights = bill.probabilities
    over = f", expected over {len(weights)} members" if len(weights) > 1 else ""
    title = f"{escape(bill.name)}: bill in {escape(bill.currency)}, revenue positive{over}"
    console.print(title, highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("line")
    table.add_column("quantity", justify="right")
    table.add_column("amount", justify="right")
    for number, month in enumerate(bill.months):
        for label, entry in zip(bill.labels, bill.entries, strict=True):
            quantity = "" if entry.quantity is None else f"{weights @ entry.quantity[:, number]:,.3f} {entry.unit}"
            table.add_row(escape(label), escape(quantity), f"{weights @ entry.amount[:, number]:,.2f}")
        table.add_row(f"[bold]{month}", "", f"[bold]{bill.by_month[month].sum():,.2f}", end_section=True)
    if len(bill.months) > 1:
        table.add_row("[bold]total", "", f"[bold]{bill.total:,.2f}")
    console.print(table)
    for note in bill.notes:
        console.print(f"Note: {note}", highlight=False, markup=False, soft_wrap=True)
    if file is not None:
        console.print(f"Bill: {file}", highlight=False, markup=False, soft_wrap=True)
