"""The costliest hours of a policy in words: what was expected, what came, what was done and what should have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.backtest.policies import FORESIGHT
from optimizer.parts import place

if TYPE_CHECKING:
    from optimizer.backtest.result import Backtest
    from optimizer.plan import Plan

NOTICED_MW = 0.05
"""Differences in power below this are not told."""
MOST_COMPONENTS = 3


@dataclass(frozen=True)
class CostlyHour:
    """A step in which perfect foresight earned more."""

    step: int
    time: pd.Timestamp
    regret: float
    why: str


def costliest_hours(found: Backtest, policy: str, count: int = 10) -> list[CostlyHour]:
    """The steps with the largest regret, the largest first. Raises KeyError without perfect foresight."""
    regret = found.regret(policy)
    values = regret.to_numpy()
    order = np.argsort(values, kind="stable")[::-1][:count]
    prices = _prices(found)
    return [
        CostlyHour(int(step), regret.index[step], float(values[step]), _why(found, policy, int(step), prices))
        for step in order
        if values[step] > 0
    ]


def _prices(found: Backtest) -> dict[str, np.ndarray]:
    """What the next MWh cost at each site, (steps,)."""
    parts, _ = place(found.case.record.scenario)
    return {label: part.frame.lowest_buy_price[0] for label, part in parts.sites.items()}


def _why(found: Backtest, policy: str, step: int, prices: dict[str, np.ndarray]) -> str:
    """Price and expectation, then the components whose power differs most."""
    said = [
        f"a MWh cost {price[step]:,.0f}" + (f" at {site}" if len(prices) > 1 else "")
        for site, price in prices.items()
        if np.isfinite(price[step])
    ]
    expected = _expected(found, policy, step)
    if expected is not None:
        said.append(expected)
    done, best = _power(found.plans[policy], step), _power(found.plans[FORESIGHT], step)
    apart = (best - done).sort_values(key=np.abs, ascending=False)
    for label, difference in apart.head(MOST_COMPONENTS).items():
        if abs(difference) >= NOTICED_MW:
            name = str(label)
            said.append(f"{name} drew {done[name]:,.1f} MW, with foresight {best[name]:,.1f} MW")
    return "; ".join(said)


def _expected(found: Backtest, policy: str, step: int) -> str | None:
    """What the window's forecast said of the column that was furthest off, relative to its usual spread."""
    window = next((w for w in found.windows.get(policy, []) if w.first <= step < w.first + w.steps), None)
    if window is None or not window.expected:
        return None
    furthest, told = 0.0, None
    for name, values in window.expected.items():
        source, _, column = name.partition(".")
        actual = found.case.record.columns[source, column]
        spread = float(np.nanstd(actual)) or 1.0
        off = abs(actual[step] - values[step - window.first]) / spread
        if off > furthest:
            furthest = off
            told = f"{name} was expected at {values[step - window.first]:,.4g} and came at {actual[step]:,.4g}"
    return told


def _power(plan: Plan, step: int) -> pd.Series[float]:
    power = plan.dispatch["power_mw"].isel(member=0, time=step).to_series()
    return power.astype(float)
