"""``optimizer sweep``: progress while the points are solved, and a short table of what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from optimizer.console import StdoutConsole
from optimizer.console_progress import live_count
from optimizer.parallel import Count, cores
from optimizer.sweeps.store import DATASET, TABLE
from optimizer.sweeps.sweeping import sweep
from optimizer.terminal import complain

if TYPE_CHECKING:
    import xarray as xr

SOME_WITHOUT_PROOF, NONE_WITH_A_PLAN = 4, 5
"""Exit codes."""
_MOST_ROWS = 20


def run_sweep(
    file: Path,
    vary: Sequence[str],
    table: Path | None,
    *,
    jobs: int | None,
    cluster: str | None,
    out: Path,
    resume: bool,
) -> int:
    """Run the sweep and print its table; returns the exit code."""
    counted: list[Count] = []
    try:
        with live_count("points") as show:

            def progress(count: Count) -> None:
                counted.append(count)
                show(count)

            dataset = sweep(
                file, vary, table, jobs=cores() if jobs is None else jobs, cluster=cluster, out=out,
                resume=resume, progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        if not counted:
            raise
        # not by a logger: where Ctrl-C falls, a point may have made it quiet
        last = counted[-1]
        complain(f"interrupted: {last.done} of {last.total} points are kept in {out}; go on with --resume")
        return SOME_WITHOUT_PROOF
    print_sweep(dataset, out)
    statuses = set(dataset["status"].to_numpy().ravel().tolist())
    if not statuses & {"optimal", "feasible"}:
        return NONE_WITH_A_PLAN
    return 0 if statuses == {"optimal"} else SOME_WITHOUT_PROOF


def print_sweep(dataset: xr.Dataset, out: Path) -> None:
    """Points by status, and the best of them, on stdout."""
    console = StdoutConsole()
    numbers = Counter(dataset["status"].to_numpy().ravel().tolist())
    told = ", ".join(f"{count:,} {status}" for status, count in numbers.most_common())
    shown = Table(title=f"{escape(dataset.attrs['name'])}: {told}", title_justify="left")
    stacked = dataset[["expected_profit", "mip_gap", "solve_s"]].to_dataframe()
    paths = [str(name) for name in dataset["status"].coords if name != "point"]
    rows = stacked.reset_index().dropna(subset="expected_profit")
    rows = rows.sort_values("expected_profit", ascending=False, kind="stable").head(_MOST_ROWS)
    for path in paths:
        shown.add_column(escape(path), justify="right", overflow="fold")
    shown.add_column(f"expected profit, {escape(dataset.attrs['currency'])}", justify="right")
    shown.add_column("proven gap, %", justify="right")
    for _, row in rows.iterrows():
        shown.add_row(
            *(escape(f"{row[path]:g}" if isinstance(row[path], float) else str(row[path])) for path in paths),
            f"{row['expected_profit']:,.2f}",
            f"{row['mip_gap'] * 100:.3g}",
        )
    console.print(shown)
    if sum(numbers.values()) > len(rows):
        console.print(f"The best {len(rows)} of {sum(numbers.values()):,} points.", highlight=False)
    console.print(f"Results: {out}/ ({DATASET}, {TABLE})", highlight=False, markup=False, soft_wrap=True)
