"""A backtest cut into months that know nothing of each other, so that all of them can run side by side.

Each month begins from the states of the scenario file (a cold start: what a store holds at first, machines on as by
default, no peak so far) and ends as a horizon ends (stores back at their level, jobs that reach beyond left to their
end rules). That is another question than that of one long run, whose states go from month to month and which therefore
has to be run in a row: what is gained is time, and what is lost is every decision that reaches over the end of a month.
A month in which a job of the scenario cannot lie is refused, as a horizon of that month would be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.backtest import measures
from optimizer.backtest.policies import FORESIGHT, Policy
from optimizer.backtest.reading import read_case
from optimizer.backtest.result import BASELINE, Backtest
from optimizer.backtest.running import run_cases
from optimizer.backtest.watching import Step


@dataclass
class BacktestByMonth:
    """Backtests of months that each began anew."""

    months: dict[str, Backtest]
    """By month (``2024-08``), in their order."""

    @cached_property
    def profit(self) -> pd.DataFrame:
        """Profit by month and policy; NaN where a policy failed."""
        rows = {
            month: {name: plan.expected_profit for name, plan in found.plans.items()}
            for month, found in self.months.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("month")

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each policy that came through all months: ``profit``, ``trading``, ``capture`` of the sums."""
        rows = {}
        for name in self.profit.columns[self.profit.notna().all()]:
            rows[name] = {"profit": float(self.profit[name].sum()), "trading": self._trading(name)}
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")
        table["capture"] = np.nan
        if BASELINE in rows and FORESIGHT in rows:
            operated = table["profit"] - table["trading"]
            table["capture"] = [measures.capture(own, operated[BASELINE], operated[FORESIGHT]) for own in operated]
        return table

    @property
    def failures(self) -> dict[str, str]:
        """Policies that did not come to the end of a month, by policy and month, and why."""
        return {
            f"{name} {month}": reason for month, found in self.months.items() for name, reason in found.failures.items()
        }

    def summary(self) -> dict[str, Any]:
        """The figures of each month as plain data, and what failed."""
        return {"months": {month: found.summary() for month, found in self.months.items()}, "failures": self.failures}

    def _trading(self, name: str) -> float:
        return float(sum(found.trading(name).sum() for found in self.months.values()))


def backtest_by_month(
    scenario: str | Path,
    start: str,
    end: str,
    *,
    policies: Sequence[str | Policy] | None = None,
    history: Mapping[str, str | Path] | None = None,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    jobs: int = 1,
    progress: Callable[[Step], None] | None = None,
) -> BacktestByMonth:
    """The decisions between two local times taken again in months that each begin anew, policies and months side by
    side in ``jobs`` processes.

    Arguments as of :func:`optimizer.backtest.running.backtest`; with ``out`` each month has a folder of its own there,
    and is gone on with where it was stopped. Raises InputError for everything that is wrong in any month.
    """
    edges = month_edges(start, end)
    cases = [read_case(scenario, begin, until, history=history, overrides=overrides) for begin, until, _ in edges]
    labels = [label for _, _, label in edges]
    folders = [None if out is None else Path(out) / label for label in labels]
    found = run_cases(cases, folders, policies, labels=labels, jobs=jobs, progress=progress)
    return BacktestByMonth(dict(zip(labels, found, strict=True)))


def month_edges(start: str, end: str) -> list[tuple[str, str, str]]:
    """Start, end and label of each calendar month between two local times; the first and last may be cut."""
    begin, until = pd.Timestamp(start), pd.Timestamp(end)
    firsts = pd.date_range(begin.normalize().replace(day=1), until, freq="MS")
    inner = [first for first in firsts if begin < first < until]
    edges = [begin, *inner, until]
    return [
        (one.isoformat(timespec="minutes"), two.isoformat(timespec="minutes"), f"{one:%Y-%m}")
        for one, two in pairwise(edges)
    ]
