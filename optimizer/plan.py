"""The plan: dispatch, ledger and summary of a solved scenario, and its files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from optimizer.errors import AuditError, InputError, Problem
from optimizer.results import Money
from optimizer.scenario import Scenario
from optimizer.schedule import Schedule

if TYPE_CHECKING:
    import xarray as xr

    from optimizer.billing import Bill
    from optimizer.explanation.explanation import Explanation
    from optimizer.explanation.reason import Reason
    from optimizer.marginals import Marginals
    from optimizer.plotting.plots import Plots


class Plan:
    """A solved scenario. Powers in MW, energy in MWh, money in the scenario's currency (revenue positive)."""

    def __init__(
        self,
        scenario: Scenario,
        dispatch: xr.Dataset | Schedule,
        money: Money,
        summary: dict[str, Any],
        solver_log: str = "",
        carry: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        """``carry`` works out the section of that name of the summary; None where it is there."""
        self.scenario = scenario
        self._dispatch = dispatch
        self.money = money
        """Money by (component, line), arrays (members, steps)."""
        self.figures = summary
        """The figures of :attr:`summary`; its section ``carry`` only once that has been asked for."""
        self._carry = carry
        self.solver_log = solver_log
        self.marginals: Marginals | None = None
        """Marginal values of rules, with all whole decisions as planned; not kept in the results folder, and None
        unless a component asks for them or the problem was solved with ``marginals=True``."""
        self._explained: Callable[[], Explanation | None] | None = None
        """Works the reasons out, or reads them, when they are first asked for."""

    @cached_property
    def dispatch(self) -> xr.Dataset:
        """Schedule: dimensions ``member, time, site, component``; every variable carries ``units`` and
        ``long_name``."""
        return self._dispatch.dataset() if isinstance(self._dispatch, Schedule) else self._dispatch

    @property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` holds."""
        if self._carry is not None:
            self.figures["carry"] = self._carry()
            self._carry = None
        return self.figures

    @property
    def status(self) -> str:
        """``optimal`` (proven to the asked gap) or ``feasible`` (stopped at a limit)."""
        return str(self.figures["status"])

    @property
    def expected_profit(self) -> float:
        """Probability-weighted profit over the horizon."""
        return float(self.figures["expected_profit"])

    @property
    def profit_by_member(self) -> pd.Series[float]:
        """Profit of each member."""
        return pd.Series(self.figures["profit_by_member"], name="profit").rename_axis("member")

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Tidy money: one row per site, component, line, member and step with a non-zero amount."""
        times = self.scenario.horizon.utc
        sites = dict(
            zip(self.dispatch["component"].to_numpy(), self.dispatch["component_site"].to_numpy(), strict=True)
        )
        frames = []
        for (label, line), amount in self.money.items():
            member, step = np.nonzero(amount)
            frames.append(
                pd.DataFrame(
                    {
                        "site": str(sites[label]),
                        "component": label,
                        "line": line,
                        "member": member,
                        "time_utc": times[step],
                        "amount": amount[member, step],
                    }
                )
            )
        columns = ["site", "component", "line", "member", "time_utc", "time_local", "amount"]
        if not frames:
            return pd.DataFrame(columns=columns)
        ledger = pd.concat(frames, ignore_index=True)
        ledger["time_local"] = ledger["time_utc"].dt.tz_convert(self.scenario.horizon.timezone)
        return ledger[columns]

    def bill(self) -> Bill:
        """What the contracts charge and pay for this plan, by line and month: recomputed from the dispatch alone."""
        from optimizer.billing import bill_of_plan

        return bill_of_plan(self)

    @cached_property
    def explanation(self) -> Explanation | None:
        """Why each component does what it does, step by step; worked out when it is first asked for.

        None for a plan that was stopped by hand, that is too large (unless it was solved with ``explain=True``), that
        was solved with ``explain=False``, or whose results folder has no reasons.
        """
        return None if self._explained is None else self._explained()

    def explain(self, component: str, time: Any, member: int = 0) -> Reason:
        """Why a component does what it does at a time: the number of a step, or any time within it (local, where it
        names no zone).

        Raises InputError, naming what is allowed, for a component, time or member that the plan does not have, and for
        a plan without an explanation.
        """
        if self.explanation is None:
            hint = "solve it with explain=True (optimizer run --explain)"
            raise InputError([Problem("", "the plan has no explanation", hint=hint)])
        return self.explanation.at(component, time, member)

    def __getstate__(self) -> dict[str, Any]:
        self.summary  # noqa: B018  (the frames that its carry is worked out from stay behind, and the model)
        return self.__dict__ | {"_explained": None}

    def carry_at(self, steps: int, *, terms: Scenario | None = None) -> dict[str, Any]:
        """The section ``carry`` of a scenario that goes on after the first ``steps`` of this plan, the rest of which is
        dropped.

        States are those at the end of step ``steps - 1``, and nothing counts that the plan books or decides later.
        ``summary["carry"]`` is that of the whole plan. ``terms`` is a scenario with the same components by whose terms
        they are counted, where the plan's own weigh them otherwise (:mod:`optimizer.rest_of_period`). Raises ValueError
        for steps outside of 1 to those of the plan.
        """
        most = self.scenario.horizon.steps
        if not 1 <= steps <= most:
            raise ValueError(f"the plan has {most} steps; {steps} of them cannot be carried out")
        from optimizer.audit import carry_after
        from optimizer.parts import place

        return carry_after(place(terms or self.scenario)[0], self._dispatch, steps)

    def check_audit(self, *, customised: bool = False) -> None:
        """Raise AuditError if the plan does not stand up to the audit.

        With ``customised`` the model has been changed by the user, whose own money terms the ledger does not know.
        """
        audit = self.figures["audit"]
        tolerance = audit["tolerance"]
        if not audit["largest_violation"] <= tolerance:
            raise AuditError(
                f"the audit found a violation of {audit['largest_violation']:.3g} (relative; allowed {tolerance:g}): "
                f"{audit['largest_violation_of']}. The plan is not trusted and not written."
            )
        scale = max(1.0, sum(float(np.abs(amount).sum(axis=1).max()) for amount in self.money.values()))
        difference = audit["ledger_minus_objective"]
        if (self.scenario.risk.beta > 0 or self.scenario.previous_plan is not None) and not difference < 0:
            difference = 0.0  # a plan short of optimal may have a better CVaR, or fewer changes, than the model says
        if not customised and not abs(difference) <= tolerance * scale:
            raise AuditError(
                f"the ledger differs from the objective by {audit['ledger_minus_objective']:.6g}; "
                "the plan is not trusted and not written."
            )

    @property
    def plot(self) -> Plots:
        """Pictures as plotly figures: ``plan.plot.power()``; see :class:`optimizer.plotting.plots.Plots`."""
        from optimizer.plotting.plots import Plots

        return Plots(self)

    def report(self, path: str | Path) -> Path:
        """Write the report, one self-contained HTML page."""
        from optimizer.report import write_report

        return write_report(self, Path(path))

    def save(self, folder: str | Path) -> Path:
        """Write the results folder, whole or not at all; returns its path. Raises OutputError if it cannot be
        written."""
        from optimizer.plan_files import save

        return save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a results folder back. Raises InputError for one that is incomplete or of another format."""
        from optimizer.plan_files import read, read_explanation

        plan = cls(*read(Path(folder)))
        plan._explained = lambda: read_explanation(Path(folder), plan.scenario)
        return plan

    def __repr__(self) -> str:
        gap = self.figures["mip_gap"]
        return (
            f"<Plan {self.scenario.name!r}: {self.status}, expected profit {self.expected_profit:,.2f} "
            f"{self.scenario.currency}" + ("" if gap is None else f", gap {gap * 100:.3g} %") + ">"
        )

    def _repr_html_(self) -> str:
        from optimizer.notebook import plan_html

        return plan_html(self)
