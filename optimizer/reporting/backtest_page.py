"""The page of a backtest: policies side by side, money over time, where it was lost and why."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.backtest.explanation import costliest_hours
from optimizer.backtest.fan import fan_around
from optimizer.backtest.policies import FORESIGHT
from optimizer.backtest.result import BASELINE
from optimizer.reporting.backtest_figures import capture_by_month, fan_figure, money_over_time, regret_map
from optimizer.reporting.figure import Figure
from optimizer.reporting.money import amount
from optimizer.reporting.page import Shelf, assembled
from optimizer.reporting.timeline import readable

if TYPE_CHECKING:
    from optimizer.backtest.result import Backtest


def write_backtest_report(found: Backtest, path: Path, policy: str | None = None) -> Path:
    """Write the page; ``policy`` is the one whose regret is shown (default: the best that decides by itself)."""
    path.write_text(backtest_page(found, policy), encoding="utf-8")
    return path


def backtest_page(found: Backtest, policy: str | None = None) -> str:
    """The page as HTML."""
    shelf = Shelf()
    chosen = policy or best_policy(found)
    figures = [figure for figure in (capture_by_month(found), _map(found, chosen), _fan(found, chosen)) if figure]
    body = "\n".join(
        [
            f"<section><h2>Policies</h2>{_policies(found)}</section>",
            shelf.section("Money over time", money_over_time(found), wide=True),
            shelf.section("Capture, regret and forecasts", figures, wide=True),
            _hours(found, chosen),
            _failures(found),
        ]
    )
    scenario = found.case.record.scenario
    end = scenario.horizon.end_utc.tz_convert(scenario.horizon.timezone)
    header = (
        f'<h1>{escape(scenario.name)}: backtest</h1>\n<p class="muted">'
        f"{escape(readable(scenario.horizon.local[0]))} – {escape(readable(end))}, "
        f"{escape(scenario.horizon.timezone)}; a decision every {escape(found.case.settings.every)}, each for "
        f"{found.case.window_steps} steps of "
        f"{escape(scenario.horizon.step)}</p>"
    )
    notes = (
        "Each decision was taken with what was known then and settled on what happened. Capture is the share of what "
        "perfect foresight earns more than always on."
    )
    return assembled(shelf, title=f"{scenario.name}: backtest", header=header, notes=notes, body=body)


def best_policy(found: Backtest) -> str | None:
    """The policy that earned most, beside the ends of the scale."""
    profits = {name: plan.expected_profit for name, plan in found.plans.items() if name not in (BASELINE, FORESIGHT)}
    return max(profits, key=lambda name: profits[name]) if profits else None


def _map(found: Backtest, policy: str | None) -> Figure | None:
    return None if policy is None else regret_map(found, policy)


def _fan(found: Backtest, policy: str | None) -> Figure | None:
    """The fan around the costliest hour, of the first column that the settings' rules forecast."""
    targets = [name for rule in found.case.settings.forecasts for name in rule.targets()]
    if policy is None or not targets or FORESIGHT not in found.plans:
        return None
    return fan_figure(fan_around(found.case, targets[0], int(np.argmax(found.regret(policy).to_numpy()))))


def _policies(found: Backtest) -> str:
    table = found.table.sort_values("profit", ascending=False)
    columns: dict[str, Callable[[float], str]] = {
        "profit": amount,
        "trading": amount,
        "capture": _percent,
        "worst_days": amount,
        "deepest_fall": amount,
        "peak_import_mw": lambda value: f"{value:,.1f}",
        "served_fraction": _percent,
        "work_done": lambda value: "" if np.isnan(value) else f"{value:,.0f}",
        "not_done": lambda value: f"{value:,.0f}",
        "wall_s": lambda value: f"{value:,.1f}",
    }
    heads = "".join(f'<th class="number">{escape(_head(name))}</th>' for name in columns)
    rows = "".join(
        f"<tr><td>{escape(str(name).replace('_', ' '))}</td>"
        + "".join(f'<td class="number">{escape(words(float(row[column])))}</td>' for column, words in columns.items())
        + "</tr>"
        for name, row in table.iterrows()
    )
    proof = (
        ""
        if not np.isfinite(found.bound)
        else (
            f'<p class="note">Proven: nothing could have earned more than {escape(amount(found.bound))} '
            f"{escape(found.case.record.scenario.currency)}. Worst days: mean profit of the worst twentieth of the "
            "days; deepest fall: of the money so far from an earlier high. Trading: what positions bought ahead "
            "earned against real time; it is part of the profit, and of neither capture nor regret.</p>"
        )
    )
    head = f"<thead><tr><th>policy</th>{heads}</tr></thead>"
    return f'<div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>{proof}'


def _head(column: str) -> str:
    """A column's name with its unit: ``peak import, MW``."""
    for ending, unit in (("_mw", "MW"), ("_s", "s")):
        if column.endswith(ending):
            return f"{column.removesuffix(ending).replace('_', ' ')}, {unit}"
    return column.replace("_", " ")


def _hours(found: Backtest, policy: str | None) -> str:
    """The costliest hours in words."""
    if policy is None or FORESIGHT not in found.plans:
        return ""
    rows = "".join(
        f"<tr><td>{escape(readable(pd.Timestamp(hour.time)))}</td>"
        f'<td class="number">{escape(amount(hour.regret))}</td><td>{escape(hour.why)}</td></tr>'
        for hour in costliest_hours(found, policy)
    )
    if not rows:
        return ""
    return (
        f"<section><h2>Costliest hours of {escape(policy.replace('_', ' '))}</h2>"
        f'<div class="scroll"><table><thead><tr><th>hour</th><th class="number">'
        f"{escape(found.case.record.scenario.currency)}</th><th>what happened</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _failures(found: Backtest) -> str:
    if not found.failures:
        return ""
    items = "".join(f"<li>{escape(reason)}</li>" for reason in found.failures.values())
    return f'<section class="warnings"><h2>Failed</h2><ul>{items}</ul></section>'


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{share * 100:.1f} %"
