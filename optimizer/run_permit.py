"""A permit of hours that generating units may run in a calendar year, on average over the units.

In each calendar year of the horizon, with what has been run in it before::

    sum_t units_running_t * step_h <= max_run_hours * units - run_hours_before
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.audit import AuditView
from optimizer.component import Finding, Floats, Rule
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.settlement import declare_periods
from optimizer.template import Constraint, Param

if TYPE_CHECKING:
    from optimizer.assets.generator import Generator

PERMIT_CARRIES = {"run_hours": "unit hours run so far (with max_run_hours), by calendar year"}
PERMIT_HOLDS = {
    "permit": Holds(
        Code.ENERGY_LIMIT, "the permit leaves {limit} unit hours of the year", unit="unit hour", field="max_run_hours"
    )
}
"""What its rule means to a planner."""


def run_before(f: Frame) -> list[tuple[str, Floats]]:
    """Unit hours carried in, by calendar year of this horizon: label and (members,)."""
    carried = f.carried.by_period("run_hours")
    return [(label, carried.get(label, f.zeros()[:, 0])) for label in f.horizon.period_labels("year")]


def permit_findings(f: Frame, generator: Generator) -> Iterator[Finding]:
    """A permit that has been used up before the horizon."""
    for label, before in run_before(f):
        if generator.max_run_hours is not None and (before > generator.max_run_hours * generator.units).any():
            yield Finding(
                "max_run_hours",
                f"{float(before.max()):g} unit hours have been run already in {label}",
                generator.max_run_hours,
                allowed=f"at least {float(before.max()) / generator.units:g} h",
            )


def permit_constraint(b: Any, f: Frame, most_unit_hours: float, running: Rule) -> None:
    """Bind ``running(b, w, t)``, units that run in a step, to unit hours of the year."""
    declare_periods(b, f.horizon.period_codes("year"))
    left = np.stack([most_unit_hours - before for _, before in run_before(f)], axis=1)
    b.hours_left = Param(f.members, b.periods, values=left)
    b.permit = Constraint(
        f.members,
        b.periods,
        rule=lambda b, w, p: sum(running(b, w, t) * f.step_h for t in b.steps_of[p]) <= b.hours_left[w, p],
        doc="unit hours of the year within the permit (max_run_hours)",
    )


def audit_permit(a: AuditView, most_unit_hours: float, running: Floats) -> None:
    """Unit hours from the plan alone; ``running``, (members, steps), are the units that run."""
    hours = a.sum_by_period(running * a.step_h, "year")
    before = np.stack([hours_run for _, hours_run in run_before(a.frame)], axis=1)
    a.at_most("unit hours of the year within the permit", hours + before, most_unit_hours)


def permit_carry(a: AuditView, running: Floats) -> dict[str, Floats]:
    """Unit hours so far of the last calendar year of the run."""
    label, before = run_before(a.frame)[-1]
    return {label: before + a.sum_by_period(running * a.step_h, "year")[:, -1]}
