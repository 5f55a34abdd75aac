"""``optimizer risk``: what information is worth, the efficient frontier and the worst member, in tables and files."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from optimizer.console import StdoutConsole
from optimizer.errors import InputError, Problem
from optimizer.loading import load
from optimizer.output_folder import OutputFolder
from optimizer.uncertainty import frontier, value_of_information, worst_member_plan

if TYPE_CHECKING:
    from optimizer.uncertainty import Frontier, Interval, RobustPlan, ValueOfInformation

STOPPED_WITH_PLAN = 4
"""Exit code: some solve stopped at a limit, so that an interval is wider than the gap asked for."""
FILES = ("members.csv", "frontier.csv", "frontier.html", "risk.json")


def run_risk(
    file: Path, *, overrides: Sequence[str], weights: str | None, worst: bool, out: Path | None, as_json: bool
) -> int:
    """Solve, print and write; returns the exit code.

    ``weights``: of a frontier, ``0,0.5,1``, or None for no frontier. ``out``: folder for ``members.csv``, ``risk.json``
    and the frontier's table and picture. Raises what loading and solving raise.
    """
    scenario = load(file, overrides)
    asked = None if weights is None else _weights(weights)
    if out is None:
        found = value_of_information(scenario)
        points = None if asked is None else frontier(scenario, asked)
        robust = worst_member_plan(scenario) if worst else None
    else:
        with OutputFolder(out, FILES, "results", replaces=True) as folder:
            found = value_of_information(scenario)
            points = None if asked is None else frontier(scenario, asked)
            robust = worst_member_plan(scenario) if worst else None
            _write(folder, found, points, robust)
    if as_json:
        StdoutConsole().print_json(json.dumps(_as_dict(found, points, robust), allow_nan=False))
    else:
        _print(found, points, robust, out)
    return 0 if _all_proven(found, points, robust) else STOPPED_WITH_PLAN


def _weights(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        allowed = "numbers within 0 to 1, such as 0,0.25,0.5,1"
        raise InputError([Problem("--frontier", value=text, allowed=allowed)]) from None


def _all_proven(found: ValueOfInformation, points: Frontier | None, robust: RobustPlan | None) -> bool:
    asked = found.scenario.solver.mip_rel_gap + 1e-9
    gaps = [0.0 if points is None else max(point.gap for point in points.points)]
    gaps.append(0.0 if robust is None else robust.worst_gap)
    plans = (found.plan, found.mean_plan)
    return max(gaps) <= asked and all(plan.status == "optimal" for plan in plans)


def _as_dict(found: ValueOfInformation, points: Frontier | None, robust: RobustPlan | None) -> dict[str, Any]:
    told = found.as_dict()
    if points is not None:
        told["frontier"] = points.table.drop(columns="seconds").to_dict("records")
    if robust is not None:
        told["worst_member"] = {
            "worst_profit": robust.worst_profit,
            "worst_bound": robust.worst_bound if math.isfinite(robust.worst_bound) else None,
            "worst_members": list(robust.worst_members),
            "expected_profit": robust.plan.expected_profit,
        }
    return told


def _write(folder: OutputFolder, found: ValueOfInformation, points: Frontier | None, robust: RobustPlan | None) -> None:
    found.by_member.to_csv(folder.staging / "members.csv", float_format="%.6f")
    if points is not None:
        points.table.to_csv(folder.staging / "frontier.csv", index=False, float_format="%.6f")
        points.figure().write_html(folder.staging / "frontier.html", include_plotlyjs=True)
    text = json.dumps(_as_dict(found, points, robust), indent=2, allow_nan=False)
    (folder.staging / "risk.json").write_text(text + "\n", encoding="utf-8")
    folder.publish()


def _print(found: ValueOfInformation, points: Frontier | None, robust: RobustPlan | None, out: Path | None) -> None:
    console = StdoutConsole()
    scenario = found.scenario
    currency = escape(scenario.currency)
    table = Table(title=f"{escape(scenario.name)}: {scenario.members} members", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    objective = "expected profit"
    if scenario.risk.beta > 0:
        objective = f"{1 - scenario.risk.weight:g} expected profit + {scenario.risk.weight:g} {scenario.risk.label}"
    table.add_row("objective", objective)
    table.add_row("plan for all members (RP)", f"{found.rp:,.2f} {currency}")
    table.add_row("each member known (WS)", f"{found.ws:,.2f} {currency}")
    table.add_row("decided for the mean (EEV)", f"{found.eev:,.2f} {currency}" if math.isfinite(found.eev) else "none")
    table.add_section()
    table.add_row("perfect information is worth (EVPI)", _told(found.evpi, currency))
    table.add_row("planning for all members is worth (VSS)", _told(found.vss, currency))
    console.print(table)
    if found.infeasible_members:
        members = ", ".join(map(str, found.infeasible_members))
        console.print(f"The decisions for the mean forecast cannot be carried out in member {members}.")
    if points is not None:
        console.print(_frontier_table(points, currency))
    if robust is not None:
        members = ", ".join(map(str, robust.worst_members))
        console.print(
            f"Worst member: no plan earns more than {robust.worst_bound:,.2f} {currency} in every member; this one "
            f"earns {robust.worst_profit:,.2f} in member {members}, and {robust.plan.expected_profit:,.2f} on average."
        )
    if out is not None:
        console.print(f"Written to {escape(str(out))}")


def _frontier_table(points: Frontier, currency: str) -> Table:
    table = Table(title="Efficient frontier", title_justify="left")
    for name in ("weight", f"expected profit, {currency}", f"{points.scenario.risk.label}, {currency}", "gap", ""):
        table.add_column(name, justify="right")
    for point in points.points:
        mark = "dominated" if point.dominated else ""
        money = (f"{point.expected_profit:,.2f}", f"{point.cvar:,.2f}")
        table.add_row(f"{point.weight:g}", *money, f"{point.gap * 100:.2g} %", mark)
    return table


def _told(found: Interval, currency: str) -> str:
    if not math.isfinite(found.value):
        return "without limit"
    if found.is_exact:
        return f"{found.value:,.2f} {currency}"
    return f"{found.value:,.2f} {currency} (proven: {found.low:,.2f} to {found.high:,.2f})"
