"""``optimizer value``: the next megawatt, what-ifs, break-even prices and flip points, in tables and files."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from optimizer.console import StdoutConsole
from optimizer.console_progress import live_count
from optimizer.errors import InputError, Problem
from optimizer.explanation.asking import step_at
from optimizer.explanation.break_even import break_even
from optimizer.explanation.flip_points import flip_points, weighs_risk
from optimizer.explanation.levers import lever_at
from optimizer.explanation.next_megawatt import next_megawatt
from optimizer.explanation.resolved import Difference
from optimizer.explanation.values import NextMegawatt, Worth, plain
from optimizer.explanation.what_if import what_if
from optimizer.loading import load
from optimizer.output_folder import OutputFolder
from optimizer.problem import Problem as Solvable
from optimizer.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

STOPPED_WITH_PLAN = 4
"""Exit code: a solve stopped at a limit, so that an interval is wider than the gap asked for."""
SECTIONS = ("values", "ranking", "by_hour", "users", "what_if", "break_even", "break_even_power", "flips")
FILES = (*(f"{name}.csv" for name in SECTIONS), "value.json")


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    paths: tuple[str, ...] = ()
    by: tuple[float, ...] = ()
    reoptimise: int = 5
    what_if: bool = False
    break_even: bool = False
    flips: tuple[str, ...] = ()


def run_value(file: Path, asked: Asked, *, overrides: Sequence[str], out: Path | None, as_json: bool) -> int:
    """Solve, print and write; returns the exit code. Raises what loading and solving raise, and InputError with all
    that is wrong with what is asked for."""
    scenario = load(file, overrides)
    steps = _checked(scenario, asked)
    with ExitStack() as stack:
        folder = None if out is None else stack.enter_context(OutputFolder(out, FILES, "values", replaces=True))
        found, tables = _worked_out(scenario, asked, steps)
        if folder is not None:
            for name, table in tables.items():
                table.to_csv(folder.staging / f"{name}.csv", index=name == "by_hour", float_format="%.6f")
            text = json.dumps(_as_dict(found, tables), indent=2, allow_nan=False)
            (folder.staging / "value.json").write_text(text + "\n", encoding="utf-8")
            folder.publish()
    if as_json:
        StdoutConsole().print_json(json.dumps(_as_dict(found, tables), allow_nan=False))
    else:
        _print(found, tables)
        if out is not None:
            StdoutConsole().print(f"Written to {escape(str(out))}")
    gap = (found.bound - found.objective) / max(1.0, abs(found.objective))
    return 0 if gap <= scenario.solver.mip_rel_gap + 1e-9 else STOPPED_WITH_PLAN


def _checked(scenario: Scenario, asked: Asked) -> list[int]:
    """Steps of the flip points asked for. Raises InputError with all that is wrong."""
    problems: list[Problem] = []
    if len(asked.paths) != len(asked.by):
        message = f"{len(asked.paths)} --path and {len(asked.by)} --by"
        problems.append(Problem("--by", message, hint="give each path its step: --path PATH --by STEP"))
    problems += [
        Problem("--by", value=step, allowed="a finite number other than 0")
        for step in asked.by
        if step == 0.0 or not math.isfinite(step)
    ]
    steps = [step_at(scenario.horizon, time, problems) for time in asked.flips]
    if asked.break_even or asked.flips:
        problems += weighs_risk(scenario)
    if problems:
        raise InputError(problems)
    return steps


def _worked_out(scenario: Scenario, asked: Asked, steps: list[int]) -> tuple[NextMegawatt, dict[str, pd.DataFrame]]:
    problem = Solvable(scenario)
    levers = [lever_at(scenario, path, by) for path, by in zip(asked.paths, asked.by, strict=True)] or None
    with live_count("values") as show:
        found = next_megawatt(problem, levers, reoptimise=asked.reoptimise, progress=show)
    tables = {"values": found.table, "ranking": found.ranking, "by_hour": found.by_hour, "users": found.stack}
    if asked.what_if:
        with live_count("cases") as show:
            tables["what_if"] = what_if(problem, progress=show).table
    if asked.break_even:
        prices = break_even(problem)
        tables |= {"break_even": prices.table, "break_even_power": prices.power_table}
    if steps:
        with live_count("hours") as show:
            tables["flips"] = flip_points(problem, steps=steps, progress=show).table
    return found, tables


def _as_dict(found: NextMegawatt, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    told = found.as_dict()
    for name in ("ranking", "what_if", "break_even", "break_even_power", "flips"):
        if name in tables:
            told[name] = [
                {
                    str(key): value.isoformat() if hasattr(value, "isoformat") else plain(value)
                    for key, value in row.items()
                }
                for row in tables[name].to_dict("records")
            ]
    return told


# ---------------------------------------------------------------------- printing
def _print(found: NextMegawatt, tables: dict[str, pd.DataFrame]) -> None:
    console = StdoutConsole()
    currency = escape(found.scenario.currency)
    console.print(_values_table(found, currency))
    for path, why in found.refused.items():
        console.print(f"{escape(path)} was left out: {escape(why)}", highlight=False)
    for users in found.users:
        used = {label: float(power.mean()) for label, power in users.power_mw.items()}
        told = ", ".join(f"{label} {mean:+.3g} MW" for label, mean in _largest(used))
        if told:
            console.print(
                f"{users.lever.what.step:+g} {users.lever.what.unit} of {escape(users.lever.title)} "
                f"({users.how}), on average: {escape(told)}",
                highlight=False,
            )
    _print_ranking(console, tables["ranking"], found, currency)
    for name, title in (
        ("what_if", f"What if, {currency} more over the horizon"),
        ("break_even", "Prices at which components earn, means of the horizon (whole decisions as planned)"),
        ("break_even_power", "Price of power: what has to be added in all hours until it stops, per MWh"),
        ("flips", "Prices of power in one hour at which it would change, per MWh (whole decisions as planned)"),
    ):
        if name in tables:
            console.print(_plain_table(tables[name].drop(columns="path", errors="ignore"), title))


def _values_table(found: NextMegawatt, currency: str) -> Table:
    table = Table(
        title=f"{escape(found.scenario.name)}: value of one unit more over the horizon, {currency}",
        caption="local: whole decisions as planned; re-optimised: really solved, with the proven interval of the step",
        title_justify="left",
        caption_justify="left",
    )
    for name in ("", "unit", "local", "step", "a step more earns", "a step less costs"):
        table.add_column(name, justify="left" if name in ("", "unit") else "right")
    for worth in found.worths:
        what = worth.lever.what
        steps = (_told(worth.step_more), _told(worth.step_less))
        table.add_row(escape(worth.lever.title), escape(what.unit), _local(worth), f"{what.step:g}", *steps)
    return table


def _local(worth: Worth) -> str:
    if math.isnan(worth.more):
        return ""
    more = f"{worth.more + 0.0:,.2f}"
    if math.isnan(worth.less) or not worth.is_degenerate:
        return more
    return f"{more} to {worth.less:,.2f}" if math.isfinite(worth.less) else f"{more}; no plan with less"


def _told(found: Difference | None) -> str:
    if found is None:
        return ""
    if not math.isfinite(found.value):
        return "no plan"
    if found.is_exact:
        return f"{found.value + 0.0:,.2f}"
    return f"{found.value + 0.0:,.2f} ({found.low:,.0f} to {found.high:,.0f})"


def _largest(used: dict[str, float]) -> list[tuple[str, float]]:
    rows = sorted(used.items(), key=lambda pair: -abs(pair[1]))
    return [(label, mean) for label, mean in rows[:4] if abs(mean) > 5e-4]


def _print_ranking(console: StdoutConsole, ranking: pd.DataFrame, found: NextMegawatt, currency: str) -> None:
    rows = [] if ranking.empty else ranking[ranking["step_year"] > 0].to_dict("records")
    if not rows:
        return
    table = Table(
        title=f"Investments by value per year, {currency} (this horizon's, {found.per_year:.3g} times)",
        title_justify="left",
    )
    for name in ("", "step", "a step earns in a year"):
        table.add_column(name, justify="left" if name == "" else "right")
    for row in rows:
        words = f"{row['component']}: {row['what']}"
        table.add_row(escape(words), escape(f"{row['step']:g} {row['unit']}"), f"{row['step_year']:,.0f}")
    console.print(table)


def _plain_table(frame: pd.DataFrame, title: str) -> Table:
    table = Table(title=escape(title), title_justify="left")
    for name in frame.columns:
        table.add_column(escape(str(name).replace("_", " ")), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(escape(_cell(value)) for value in row))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value + 0.0:,.2f}"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "isoformat") else str(value)
