"""The result of a backtest: what each policy did and earned, and how near that came to what could be had."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.backtest import measures
from optimizer.backtest.engine import Window
from optimizer.backtest.policies import FORESIGHT
from optimizer.plan import Plan

if TYPE_CHECKING:
    from optimizer.backtest.reading import Case

Floats = NDArray[np.float64]
BASELINE = "always_on"


@dataclass
class Backtest:
    """Policies side by side. Money in the scenario's currency."""

    case: Case
    booking: measures.Booking
    plans: dict[str, Plan] = field(default_factory=dict)
    """What was done, settled, by policy; ``perfect_foresight`` is what could be had."""
    windows: dict[str, list[Window]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Policies that did not come to the end, and why."""
    _trading: dict[str, Floats] = field(default_factory=dict, repr=False)

    @property
    def bound(self) -> float:
        """What no policy can have earned more than; inf without perfect foresight."""
        plan = self.plans.get(FORESIGHT)
        return np.inf if plan is None else float(plan.summary["bound"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each policy: profit, capture of the gain from flexibility, risk, peaks, records, time."""
        rows = {name: self._row(name, plan) for name, plan in self.plans.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")

    def _row(self, name: str, plan: Plan) -> dict[str, float]:
        daily, windows = measures.daily_profit(plan), self.windows.get(name, [])
        spent = measures.seconds(windows)
        return {
            "profit": plan.expected_profit,
            "trading": float(self.trading(name).sum()),
            "capture": self.capture(name),
            "capture_with_trading": self._capture(name),
            "capture_of_bound": self._capture_of_bound(name),
            "worst_days": measures.worst_days(daily),
            "deepest_fall": measures.deepest_fall(daily),
            "peak_import_mw": float(plan.summary["peak_import_mw"]),
            "served_fraction": _mean(plan.summary.get("served_fraction")),
            "work_done": _total(plan.summary.get("work_done")),
            "not_done": float(sum(len(found.deviations) for found in windows)),
            "expected_by_window": float(np.mean([found.expected_profit for found in windows])) if windows else np.nan,
            "wall_s": spent.get("decide", 0.0) + spent.get("carry_out", 0.0),
            "highs_s": spent.get("highs", float(plan.summary["timing_s"].get("solve", np.nan))),
        }

    def trading(self, name: str) -> Floats:
        """What a policy's positions earned against real time, (steps,); part of its profit."""
        if name not in self._trading:
            self._trading[name] = measures.trading(self.plans[name])
        return self._trading[name]

    def capture(self, name: str) -> float:
        """Share of the gain from flexibility that a policy captured, without what positions earned; NaN where an end
        of the scale is missing."""
        return self._capture(name, traded=False)

    def _capture(self, name: str, *, traded: bool = True) -> float:
        if BASELINE not in self.plans or FORESIGHT not in self.plans:
            return np.nan
        profits = [
            self.plans[each].expected_profit - (0.0 if traded else float(self.trading(each).sum()))
            for each in (name, BASELINE, FORESIGHT)
        ]
        return measures.capture(*profits)

    def _capture_of_bound(self, name: str) -> float:
        """Capture with what positions earned, up to what nobody can have earned more than."""
        if BASELINE not in self.plans or not np.isfinite(self.bound):
            return np.nan
        return measures.capture(self.plans[name].expected_profit, self.plans[BASELINE].expected_profit, self.bound)

    @cached_property
    def daily(self) -> pd.DataFrame:
        """Profit by local day and policy."""
        return pd.DataFrame({name: measures.daily_profit(plan) for name, plan in self.plans.items()})

    @cached_property
    def monthly(self) -> pd.DataFrame:
        """Profit by local month and policy."""
        return pd.DataFrame({name: measures.monthly_profit(plan) for name, plan in self.plans.items()})

    @cached_property
    def monthly_capture(self) -> pd.DataFrame:
        """Capture of the gain from flexibility by month and policy, without what positions earned."""
        months = self.monthly.copy()
        for name in months:
            months[name] -= measures.by_month(self.plans[str(name)], self.trading(str(name)))
        if BASELINE not in months or FORESIGHT not in months:
            return pd.DataFrame(index=months.index)
        return pd.DataFrame(
            {
                name: [
                    measures.capture(*values)
                    for values in zip(months[name], months[BASELINE], months[FORESIGHT], strict=True)
                ]
                for name in months
                if name not in (BASELINE, FORESIGHT)
            },
            index=months.index,
        )

    def regret(self, name: str) -> pd.Series[float]:
        """What perfect foresight earned more, step by step, without what positions earned. Raises KeyError without
        perfect foresight."""
        traded = self.trading(FORESIGHT) - self.trading(name)
        return measures.regret(self.booking, self.plans[name], self.plans[FORESIGHT], traded)

    def not_done(self, name: str) -> pd.DataFrame:
        """What a policy could not carry out as scheduled."""
        return measures.not_done(self.windows[name])

    def summary(self) -> dict[str, Any]:
        """The figures as plain data."""
        horizon = self.case.record.scenario.horizon
        table = self.table.astype(object).where(self.table.notna(), None)
        return {
            "format": 1,
            "name": self.case.record.scenario.name,
            "currency": self.case.record.scenario.currency,
            "start": horizon.local[0].isoformat(timespec="minutes"),
            "end": horizon.end_utc.tz_convert(horizon.timezone).isoformat(timespec="minutes"),
            "every": self.case.settings.every,
            "window_steps": self.case.window_steps,
            "bound": None if not np.isfinite(self.bound) else self.bound,
            "policies": table.to_dict(orient="index"),
            "failures": self.failures,
        }

    def save(self, folder: str | Path) -> Path:
        """Write ``backtest.json``, ``daily.csv``, ``monthly.csv``, ``report.html`` and each policy's results folder."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name, plan in self.plans.items():
            plan.save(target / name)
        self.daily.to_csv(target / "daily.csv")
        self.monthly.to_csv(target / "monthly.csv")
        self.report(target / "report.html")
        (target / "backtest.json").write_text(json.dumps(self.summary(), indent=2) + "\n", encoding="utf-8")
        return target

    def report(self, path: str | Path, policy: str | None = None) -> Path:
        """Write the page of the backtest; ``policy`` is the one whose regret is shown, by default the best."""
        from optimizer.reporting.backtest_page import write_backtest_report

        return write_backtest_report(self, Path(path), policy)

    def skill(self) -> pd.DataFrame:
        """Scores of the forecasts by column, against persistence (:func:`optimizer.backtest.fan.skill`)."""
        from optimizer.backtest.fan import skill

        return skill(self.case)

    def __repr__(self) -> str:
        return f"<Backtest of {self.case.record.scenario.name!r}: {', '.join(self.plans)}>"


def _mean(section: dict[str, float] | None) -> float:
    return float(np.mean(list(section.values()))) if section else np.nan


def _total(section: dict[str, float] | None) -> float:
    return float(sum(section.values())) if section else np.nan
