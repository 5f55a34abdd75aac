"""How good a policy was: profit and its risk, what it captured of flexibility, where it lost, what was not done.

Capture is that of the gain from flexibility, ``(policy - always on) / (perfect foresight - always on)``: of total
profit even a careless policy captures most, because most of it needs no decision.

What positions bought ahead have earned against real time (*trading*) is no flexibility: with one price it does not
depend on how a site is run. Perfect foresight would take the better of two prices in every hour, which nobody can, and
a share of that would say nothing. So it is told by itself, and taken out of profit for the capture and the regret.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.backtest.engine import Window
from optimizer.backtest.schedules import HoldsPosition
from optimizer.model import money_lines
from optimizer.parts import place
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.summary import cvar

Floats = NDArray[np.float64]
DAILY_ALPHA = 0.95
"""CVaR of daily profit is the mean of the worst twentieth of the days."""


@dataclass(frozen=True)
class Booking:
    """Which ledger lines are booked step by step; the others belong to a month or to the whole time."""

    by_step: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, problem: Problem) -> Booking:
        """As the components of a compiled problem say."""
        found = {
            (part.label, name)
            for part, name, line in money_lines(problem.parts)
            if len(line.index_sets) == 2 and line.steps is None
        }
        return cls(frozenset(found))

    def hourly(self, plan: Plan) -> Floats:
        """Money of the lines that are booked step by step, (steps,)."""
        return self._sum(plan, by_step=True)

    def beyond(self, plan: Plan) -> Floats:
        """Money of all other lines, in the step in which they are booked, (steps,)."""
        return self._sum(plan, by_step=False)

    def _sum(self, plan: Plan, *, by_step: bool) -> Floats:
        total = np.zeros(plan.scenario.horizon.steps)
        for key, amount in plan.money.items():
            if (key in self.by_step) == by_step:
                total += amount[0]
        return total


def daily_profit(plan: Plan) -> pd.Series[float]:
    """All money by local day; a month's charges fall on its last day."""
    total = np.add.reduce([amount[0] for amount in plan.money.values()])
    days = plan.scenario.horizon.period_labels("day")
    return pd.Series(np.bincount(plan.scenario.horizon.period_codes("day"), total), index=pd.Index(days, name="day"))


def monthly_profit(plan: Plan) -> pd.Series[float]:
    """All money by local month."""
    return by_month(plan, np.add.reduce([amount[0] for amount in plan.money.values()]))


def by_month(plan: Plan, amounts: Floats) -> pd.Series[float]:
    """Sums of amounts (steps,) by local month."""
    months = plan.scenario.horizon.period_labels("month")
    codes = plan.scenario.horizon.period_codes("month")
    return pd.Series(np.bincount(codes, amounts), index=pd.Index(months, name="month"))


def trading(plan: Plan) -> Floats:
    """What positions bought ahead have earned against having bought everything in real time, (steps,)."""
    from optimizer.audit import AuditView, Findings

    total = np.zeros(plan.scenario.horizon.steps)
    for part in place(plan.scenario)[0].components.values():
        if isinstance(part.component, HoldsPosition):
            total += part.component.position_profit(AuditView(part.frame, plan.dispatch, Findings()))[0]
    return total


def deepest_fall(profit: pd.Series[float]) -> float:
    """Largest fall of the money earned so far from an earlier high (of the start, 0, as well), never negative."""
    so_far = np.concatenate([[0.0], np.cumsum(profit.to_numpy())])
    return float(np.max(np.maximum.accumulate(so_far) - so_far))


def worst_days(profit: pd.Series[float]) -> float:
    """CVaR of daily profit."""
    values = np.asarray(profit, dtype=float)
    return cvar(values, np.full(len(values), 1.0 / len(values)), DAILY_ALPHA)


def capture(profit: float, always_on: float, foresight: float) -> float:
    """Share of the gain from flexibility; NaN where there is none to be had."""
    gain = foresight - always_on
    return (profit - always_on) / gain if gain > 1e-9 * max(1.0, abs(foresight)) else np.nan


def regret(booking: Booking, plan: Plan, foresight: Plan, traded: Floats) -> pd.Series[float]:
    """What perfect foresight earned more in each step, of the lines that are booked step by step, without ``traded``:
    what it earned more by positions, (steps,).

    Single steps may be negative: foresight gives something up in one step to earn more in another.
    """
    index = plan.scenario.horizon.local.rename("time")
    return pd.Series(booking.hourly(foresight) - booking.hourly(plan) - traded, index=index, name="regret")


def not_done(windows: list[Window]) -> pd.DataFrame:
    """What could not be carried out as scheduled: one row for each difference."""
    rows = [
        {
            "window": found.number,
            "step": found.first + deviation.step,
            "variable": deviation.variable,
            "planned": deviation.planned,
            "done": deviation.done,
        }
        for found in windows
        for deviation in found.deviations
    ]
    return pd.DataFrame(rows, columns=["window", "step", "variable", "planned", "done"])


def seconds(windows: list[Window]) -> dict[str, float]:
    """Wall time of all windows by phase."""
    names = windows[0].seconds if windows else {}
    return {name: sum(found.seconds[name] for found in windows) for name in names}
