"""``optimizer backtest``: live progress with the money so far, and policies side by side."""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from optimizer.backtest.by_month import BacktestByMonth, backtest_by_month
from optimizer.backtest.running import CHECKPOINTS, backtest
from optimizer.backtest.watching import Step, windows_kept
from optimizer.console import StdoutConsole
from optimizer.errors import InputError, Problem

if TYPE_CHECKING:
    from optimizer.backtest.result import Backtest

log = logging.getLogger(__name__)
A_POLICY_FAILED, STOPPED = 3, 4
"""Exit codes."""


def run_backtest(
    file: Path,
    start: str | None,
    end: str | None,
    *,
    policies: Sequence[str] | None,
    history: Sequence[str],
    overrides: Sequence[str],
    out: Path,
    jobs: int,
    as_json: bool,
    carry: Path | None = None,
    by_month: bool = False,
) -> int:
    """Run the backtest and print its table, or its summary as JSON; returns the exit code."""
    asked: dict[str, Any] = {
        "policies": policies or None,
        "history": _files(history),
        "overrides": overrides,
        "out": out,
        "jobs": jobs,
    }
    found: Backtest | BacktestByMonth
    try:
        with _live() as live:
            if by_month:
                begin, until = _edges(start, end, carry)
                found = backtest_by_month(file, begin, until, **asked, progress=_shown_in(live))
            else:
                found = backtest(file, start, end, **asked, carry=carry, progress=_shown_in(live))
    except KeyboardInterrupt:
        kept = sum(windows_kept(folder) for folder in out.rglob(CHECKPOINTS))
        if not kept:
            raise
        log.warning("interrupted: windows kept in %s: %d; the same command goes on from there", out, kept)
        return STOPPED
    if as_json:
        StdoutConsole().print_json(json.dumps(found.summary(), allow_nan=False))
    else:
        print_backtest(found, out)
    return A_POLICY_FAILED if found.failures else 0


def _edges(start: str | None, end: str | None, carry: Path | None) -> tuple[str, str]:
    """Begin and end of months that each begin anew. Raises InputError where they are not both given, and for states of
    which no month could begin."""
    if carry is not None:
        raise InputError([Problem("--by-month", "each month begins anew, so --carry has no effect")])
    if start is None or end is None:
        raise InputError([Problem("--by-month", "needs --from and --to")])
    return start, end


def _shown_in(live: Progress) -> Callable[[Step], None]:
    """Shows a line for each policy; policies in processes of their own are told of by another thread."""
    tasks: dict[str, TaskID] = {}
    one_at_a_time = threading.Lock()

    def progress(step: Step) -> None:
        with one_at_a_time:
            if step.policy not in tasks:
                tasks[step.policy] = live.add_task(step.policy, total=step.total, money="")
            live.update(tasks[step.policy], completed=step.done, money=f"{step.money:,.0f}")

    return progress


def _files(history: Sequence[str]) -> dict[str, Path]:
    """``source=file`` as given to ``--history``."""
    found, problems = {}, []
    for text in history:
        source, equals, file = text.partition("=")
        if not equals or not source or not file:
            problems.append(Problem("--history", "is not understood", text, "source=file, e.g. market=prices_2024.csv"))
        found[source] = Path(file)
    if problems:
        raise InputError(problems)
    return found


def _live() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[money]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def print_backtest(found: Backtest | BacktestByMonth, folder: Path) -> None:
    """Policies side by side on stdout."""
    console = StdoutConsole()
    if isinstance(found, BacktestByMonth):
        console.print(_sums_of_months(found))
    else:
        console.print(_policies(found))
        if math.isfinite(found.bound):
            console.print(f"Proven: nothing can earn more than {found.bound:,.0f}.", highlight=False)
    for name, reason in found.failures.items():
        console.print(f"[red]{escape(name)} failed[/]: {escape(reason)}", highlight=False)
    console.print(f"Results: {folder}/", highlight=False, markup=False, soft_wrap=True)


def _policies(found: Backtest) -> Table:
    summary = found.summary()
    title = f"{escape(summary['name'])}, {summary['start']} to {summary['end']}, money in {escape(summary['currency'])}"
    columns = ("profit", "of it\npositions", "capture", "worst\ndays", "peak\nMW", "served", "not\ndone", "seconds")
    table = _table(title, columns)
    for name, row in found.table.sort_values("profit", ascending=False).iterrows():
        table.add_row(
            str(name),
            f"{row['profit']:,.0f}",
            f"{row['trading']:,.0f}",
            _percent(row["capture"]),
            f"{row['worst_days']:,.0f}",
            f"{row['peak_import_mw']:.1f}",
            _percent(row["served_fraction"]),
            f"{row['not_done']:,.0f}",
            f"{row['wall_s'] or row['highs_s']:.1f}",
        )
    return table


def _sums_of_months(found: BacktestByMonth) -> Table:
    table = _table("Months that each begin anew", ("profit", "of it positions", "capture"))
    for name, row in found.table.sort_values("profit", ascending=False).iterrows():
        table.add_row(str(name), f"{row['profit']:,.0f}", f"{row['trading']:,.0f}", _percent(row["capture"]))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    """A table of policies; figures are folded, not cut off, where the terminal is too narrow for them."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("policy", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{share * 100:.1f} %"
