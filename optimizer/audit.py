"""Recomputes every balance, limit and bill from the plan alone.

The one place, beside the tests, where money and physics are computed a second time on purpose: with plain numpy from
the dispatch and the scenario, never from the model. A component audits itself through an :class:`AuditView`; this
module adds what lies between components: the site's balance, and the ledger against the objective.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimizer.audit_findings import Findings as Findings
from optimizer.carry import carry_of
from optimizer.metering import Reading
from optimizer.reserves import audit_reserves
from optimizer.schedule import DatasetSchedule, Schedule
from optimizer.stability.rows import audited_changes

if TYPE_CHECKING:
    import xarray as xr

    from optimizer.frame import Frame
    from optimizer.parts import Parts
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
TOLERANCE = 1e-6
"""Largest relative violation that a plan may have; beyond, the run fails."""


class AuditView(Reading):
    """The plan as one component sees it, and the ways to state what must hold."""

    def __init__(self, frame: Frame, dispatch: xr.Dataset | Schedule | DatasetSchedule, findings: Findings) -> None:
        super().__init__(frame)
        known = isinstance(dispatch, Schedule | DatasetSchedule)
        self._dispatch: Any = dispatch if known else DatasetSchedule(dispatch)  # type: ignore[arg-type]
        self._findings = findings
        self._others: dict[str, AuditView] = {self.label: self}
        """Views of the same plan by component, as far as they have been asked for; all of them share it."""

    # ------------------------------------------------------------------ the plan
    def __getitem__(self, variable: str) -> Floats:
        """A variable of this component: (members, steps), or (members,) for one without time."""
        found: Floats = self._dispatch.at("component", variable, self.label)
        return found

    def reported(self, variable: str) -> Floats:
        """A variable of this component, (members, steps); 0 where it does not report it."""
        return np.nan_to_num(self[variable]) if variable in self._dispatch else np.zeros(self.shape)

    def site(self, variable: str) -> Floats:
        """A variable of the site that this view is of, (members, steps)."""
        return self.at_site(self.label, variable)

    def table(self, variable: str) -> Floats:
        """A variable with a dimension of the component's own, (labels, members, steps)."""
        found: Floats = self._dispatch.table(f"{self.label}.{variable}")
        return found

    def labels(self, variable: str) -> list[str]:
        """Labels of the component's own dimension of a variable."""
        found: list[str] = self._dispatch.labels(f"{self.label}.{variable}")
        return found

    def at_site(self, site: str, variable: str) -> Floats:
        found: Floats = self._dispatch.at("site", variable, site)
        return found

    def of(self, label: str) -> AuditView:
        found = self._others.get(label)
        if found is None or found.frame is not self._frame.parts[label].frame:
            found = AuditView(self._frame.parts[label].frame, self._dispatch, self._findings)
            found._others = self._others
            self._others[label] = found
        return found

    def hosts(self, reference: str) -> list[AuditView]:
        return [self.of(part.label) for part in self._frame.hosts(reference)]

    @property
    def guests(self) -> list[AuditView]:
        """Views of the components that refer to this one."""
        return [self.of(part.label) for part in self._frame.guests]

    @property
    def lowest_buy_price(self) -> Floats:
        """Lowest marginal price per MWh at the component's site, from the scenario, (members, steps)."""
        return self._frame.lowest_buy_price

    def heat_mw(self) -> Floats:
        return self._frame.part.component.audited_heat_mw(self)

    def site_power_mw(self) -> Floats:
        return self._frame.part.component.audited_power_mw(self)

    # ------------------------------------------------------------------ what must hold
    def at_most(self, rule: str, left: ArrayLike, right: ArrayLike) -> None:
        self._findings.limit(self.label, rule, left, right)

    def at_least(self, rule: str, left: ArrayLike, right: ArrayLike) -> None:
        self.at_most(rule, -np.asarray(left, dtype=float), -np.asarray(right, dtype=float))

    def equal(self, rule: str, left: ArrayLike, right: ArrayLike) -> None:
        left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
        self._findings.add(self.label, rule, np.abs(left - right), right)

    def whole(self, rule: str, values: ArrayLike) -> None:
        values = np.asarray(values, dtype=float)
        self._findings.add(self.label, rule, np.abs(values - np.round(values)), 1.0)

    def money(self, line: str, amounts: ArrayLike) -> None:
        """A ledger line as recomputed, revenue positive: (members,), or step by step (members, steps)."""
        given = np.asarray(amounts, dtype=float)
        shape = self.shape if given.ndim == 2 else self.shape[:1]
        self._findings.money[self.label, line] = given if given.shape == shape else np.broadcast_to(given, shape)


def frame_of(f: Frame | AuditView) -> Frame:
    """The frame of a component, or of a view."""
    return f.frame if isinstance(f, AuditView) else f


def audit_plan(
    scenario: Scenario,
    parts: Parts,
    dispatch: xr.Dataset | Schedule,
    money: dict[tuple[str, str], Floats],
    objective: float,
) -> tuple[dict[str, Any], dict[str, dict[str, float]], Callable[[], dict[str, Any]]]:
    """Audit a plan; returns the audit's section of the summary, the components' figures by section, and what works out
    the carry.

    Every ledger line has to be recomputed by its component: one that is not counts as a violation of infinite size.
    """
    findings = Findings()
    plan = dispatch if isinstance(dispatch, Schedule) else DatasetSchedule(dispatch)
    views = {label: AuditView(part.frame, plan, findings) for label, part in parts.components.items()}
    for view in views.values():
        view._others = views
    sections: dict[str, dict[str, float]] = {}
    for label, view in views.items():
        view.component.audit(view)
        audit_reserves(view)
        for section, figure in view.component.summary(view).items():
            sections.setdefault(section, {})[label] = figure
    sites = {label: AuditView(part.frame, plan, findings) for label, part in parts.sites.items()}
    for label, part in parts.sites.items():
        parts.site_of(label).audit(sites[label], [views[p.label] for p in part.frame.site_parts])
    change_cost, of_changes = audited_changes(scenario, parts, views)
    sections |= of_changes
    _audit_money(findings, money)
    weights = scenario.ensemble.weights
    by_member = sum((amount.sum(axis=1) for amount in money.values()), np.zeros(scenario.members))
    recomputed = sum(
        (amount.sum(axis=1) if amount.ndim == 2 else amount for amount in findings.money.values()),
        np.zeros(scenario.members),
    )
    worst = findings.largest
    return (
        {
            "checks": findings.checks,
            "largest_violation": worst.relative if worst else 0.0,
            "largest_violation_of": f"{worst.where}: {worst.rule}" if worst else None,
            "largest_violation_absolute": worst.absolute if worst else 0.0,
            "ledger_minus_objective": _objective(scenario, by_member) - change_cost - objective,
            "recomputed_profit": float(weights @ recomputed),
            "tolerance": TOLERANCE,
        },
        sections,
        partial(carry_of, scenario.horizon, views, sites),
    )


def carry_after(parts: Parts, dispatch: xr.Dataset | Schedule, steps: int) -> dict[str, Any]:
    """The section ``carry`` as of the end of the first ``steps`` of a plan, as if the run had ended there.

    The frames of ``parts`` see no more than these from then on.
    """
    parts.cut_after(steps)
    nothing = Findings()
    executed = dispatch.first(steps) if isinstance(dispatch, Schedule) else dispatch.isel(time=slice(0, steps))
    components, sites = (
        {label: AuditView(part.frame, executed, nothing) for label, part in group.items()}
        for group in (parts.components, parts.sites)
    )
    horizon = next(iter(parts.sites.values())).frame.horizon
    return carry_of(horizon, components, sites)


def _audit_money(findings: Findings, money: dict[tuple[str, str], Floats]) -> None:
    for (label, line), amount in money.items():
        recomputed = findings.money.get((label, line))
        if recomputed is None:
            findings.add(label, f"ledger line {line} is recomputed", np.inf, 1.0)
            continue
        total = np.abs(amount).sum(axis=1)
        if recomputed.ndim == 2:
            findings.add(label, f"ledger line {line}", np.abs(amount - recomputed), total[:, np.newaxis])
        else:
            findings.add(label, f"ledger line {line}", np.abs(amount.sum(axis=1) - recomputed), total)
    for label, line in findings.money.keys() - money.keys():
        findings.add(label, f"ledger line {line} is booked", np.inf, 1.0)


def _objective(scenario: Scenario, by_member: Floats) -> float:
    """The objective that the ledger implies, before the cost of changes against a previous plan; with risk, CVaR
    by its definition, not by the model's variables."""
    from optimizer.summary import cvar

    weights, beta = scenario.ensemble.weights, scenario.risk.beta
    expected = float(weights @ by_member)
    if beta == 0:
        return expected
    return (1.0 - beta) * expected + beta * cvar(by_member, weights, 1.0 - scenario.tail_share)
