"""A budget of hours in which a site can avoid being charged: only in so many does a reduction count.

In a step that may be a peak the site either avoids, and its metered load counts, or it does not, and then it counts
with at least ``counted_load`` (the load it has when nobody acts)::

    charged_t >= import_t,      charged_t >= counted_load_t * (1 - avoid_t),      avoid_t in {0, 1}
    sum_{t in period} avoid_t * step_h <= hours - hours used before               (those are carried)

What was used before is carried as ``hours_used`` by period (:mod:`optimizer.event_hours`).

Each member decides for itself (recourse): whether to curtail an hour is settled when it comes. A step is used up only
if the reduction counted, that is if it was charged below ``counted_load``.

A meter does not say which hours were avoided. A bill goes by the schedule ``charged_mw`` of the plan. Without one, for
a load that was only metered, the reductions count where they are worth most (probability times reduction), which is the
best that the budget allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from optimizer.component import Finding, Floats, StrictModel
from optimizer.event_hours import BudgetPeriod, carried_hours, carried_hours_findings, hours_by_period
from optimizer.quantities import Hours, Series, SeriesOf
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.frame import Frame
    from optimizer.metering import Reading

SAME_LOAD = 5e-7
"""Loads that differ less (relative to their size, at least 1 MW) are the same; half of what an audit tolerates."""


class AvoidedHours(StrictModel):
    """Hours in which a reduction of load counts."""

    hours: Hours
    """Hours per period in which the site can avoid being charged."""
    per: BudgetPeriod = "year"
    """Calendar period of the budget."""
    counted_load_mw: Annotated[Series, SeriesOf("MW", ge=0)]
    """Load with which the site counts at least in a step that it does not avoid."""

    def hours_left(self, f: Frame) -> Floats:
        """Hours that are left in each period of the horizon, (members, periods)."""
        return np.maximum(0.0, self.hours - carried_hours(f, self.per))

    def findings(self, f: Frame) -> Iterator[Finding]:
        """Carried hours that do not fit the budget."""
        yield from carried_hours_findings(f, self.per, "avoid.hours")
        used = carried_hours(f, self.per)
        if (used > self.hours).any():
            label = f.horizon.period_labels(self.per)[int(np.argmax((used > self.hours).any(axis=0)))]
            yield Finding(
                "avoid.hours",
                f"earlier runs have used {used.max():g} h in {label}, so none are left",
                self.hours,
                fatal=False,
            )

    # ------------------------------------------------------------------ the model
    def declare_variables(self, b: Any, f: Frame, probability: Floats) -> None:
        """``b.charged_mw``, 0 where no peak is possible, and a binary where one is."""
        possible = np.argwhere(probability > 0.0)
        b.possible = pyo.Set(initialize=[(int(w), int(t)) for w, t in possible], dimen=2)
        b.counted_load_mw = f.series_param(self.counted_load_mw)
        b.most_charged_mw = f.series_param(np.where(probability > 0.0, np.inf, 0.0))
        b.charged_mw = Var(
            f.members,
            f.steps,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, t: (0, b.most_charged_mw[w, t]),
            least=True,
        )
        b.avoided = Var(b.possible, within=pyo.Binary)
        codes, left = f.horizon.period_codes(self.per), self.hours_left(f)
        budgets = {
            (w, p): steps.tolist()
            for w in range(f.members_count)
            for p in range(left.shape[1])
            if len(steps := np.flatnonzero((probability[w] > 0.0) & (codes == p)))
        }
        b.budgets = pyo.RangeSet(0, len(budgets) - 1)
        b.budget_steps = pyo.Set(b.budgets, initialize=dict(enumerate(budgets.values())))
        b.budget_member = Param(b.budgets, values=np.array([w for w, _ in budgets], dtype=np.int64))
        b.hours_left = Param(b.budgets, values=np.array([left[place] for place in budgets]))

    def declare_constraints(self, b: Any, f: Frame) -> None:
        """The load charged, and the budget."""
        b.metered_load = Constraint(
            b.possible,
            rule=lambda b, w, t: b.charged_mw[w, t] >= f.import_mw(w, t),
            doc="the load charged is at least the import",
        )
        b.counted_load = Constraint(
            b.possible,
            rule=lambda b, w, t: b.charged_mw[w, t] >= b.counted_load_mw[w, t] * (1 - b.avoided[w, t]),
            doc="a step that is not avoided counts with at least counted_load_mw",
        )
        b.avoided_hours = Constraint(
            b.budgets,
            rule=lambda b, g: (
                sum(b.avoided[b.budget_member[g], t] * f.step_h for t in b.budget_steps[g]) <= b.hours_left[g]
            ),
            doc=f"hours avoided within the {self.hours:g} h of the {self.per} (avoid)",
        )

    # ------------------------------------------------------------------ after the model
    def avoided(self, r: Reading, probability: Floats) -> NDArray[np.bool_]:
        """Steps in which a reduction counted by the schedule: it charges less than ``counted_load_mw``."""
        counted = r.values(self.counted_load_mw)
        below = r["charged_mw"] < counted - SAME_LOAD * np.maximum(1.0, counted)
        return np.asarray((probability > 0.0) & below)

    def best_avoided(self, r: Reading, probability: Floats) -> NDArray[np.bool_]:
        """Steps of a metered load in which its reductions are worth most, within the budget."""
        worth = probability * np.maximum(0.0, r.values(self.counted_load_mw) - r.import_mw)
        codes, steps_left = r.horizon.period_codes(self.per), self.hours_left(r.frame) / r.step_h
        avoided = np.zeros(r.shape, dtype=bool)
        for (w, p), left in np.ndenumerate(steps_left):
            steps = np.flatnonzero((codes == p) & (worth[w] > 0.0))
            best = steps[np.argsort(-worth[w, steps], kind="stable")]
            avoided[w, best[: int(left + 1e-9)]] = True
        return avoided

    def charged_mw(self, r: Reading, probability: Floats, avoided: NDArray[np.bool_]) -> Floats:
        """Load that counts, given the steps avoided; 0 where no peak is possible."""
        counted = np.where(avoided, 0.0, r.values(self.counted_load_mw))
        return np.where(probability > 0.0, np.maximum(r.import_mw, counted), 0.0)

    def audit(self, a: AuditView, probability: Floats) -> None:
        """The budget, from the plan alone."""
        used = hours_by_period(a, self.avoided(a, probability), self.per)
        a.at_most("hours avoided within the budget", used, self.hours_left(a.frame))
