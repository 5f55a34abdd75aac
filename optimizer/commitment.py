"""Unit commitment of a count of identical units: how many run, how many are started and stopped.

For machines, engines or chillers that cannot be switched freely. ``on_t`` of ``N`` units run in step ``t``::

    on_t - on_{t-1} = started_t - stopped_t,     0 <= on_t <= N
    sum_{t-UT < k <= t} started_k <= on_t                  (minimum up time of UT steps)
    sum_{t-DT < k <= t} stopped_k <= N - on_t              (minimum down time of DT steps)
    sum_{t in day} started_t <= max_starts_per_day * N     (each calendar day, local time)

Minimum times are rounded up to whole steps. Units that run (or rest) before the horizon have done so for long: they
may be stopped (or started) in the first step. The starts of a day are an average over the units; a day that the
horizon covers in part has its whole allowance, less the starts before the horizon (``starts_before``).

A run that goes on from an earlier one takes over the units on, the starts and stops whose minimum times (or lost
minutes) reach into it, and the starts of the day (:mod:`optimizer.commitment_state`): the sums above reach back over
them.
``commit: day_ahead`` makes the three counts one decision for all members (here-and-now), whatever each member then
does with the units that run.

The kind that inherits the fields below declares what runs in a member, as ``running(b, w, t)``, and ties it to
``on``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.carry import past_and_present
from optimizer.commitment_state import CommitmentState
from optimizer.component import Finding, Floats, MoneyLine, Result, Rule
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.quantities import Hours, NonNegative
from optimizer.settlement import sums_by_period
from optimizer.template import Constraint, Param, Var


class Commitment(CommitmentState):
    """Fields and rules of units that are started and stopped."""

    holds: ClassVar[dict[str, Holds]] = {
        "committed": Holds(Code.RULE, "units running equal the number committed", role="link"),
        "switching": Holds(Code.START_COST, "units that come on have to be started", role="link"),
        "min_up": Holds(
            Code.MINIMUM_UP, "units have been started too recently to be stopped", unit="unit", field="min_up_hours"
        ),
        "min_down": Holds(
            Code.MINIMUM_DOWN,
            "units have been stopped too recently to be started",
            unit="unit",
            field="min_down_hours",
            without=("stopped", Code.ALL_IN_USE, "all {limit} units run"),
        ),
        "starts_of_day": Holds(
            Code.START_COST, "the starts of the day are used up", unit="start", field="max_starts_per_day"
        ),
        "on": Holds(Code.ALL_IN_USE, "all {limit} units run", unit="unit"),
        "running": Holds(Code.ALL_IN_USE, "all {limit} units run", unit="unit"),
        "started at least": Holds(Code.START_COST, "a start, now or later, would cost more than it brings"),
        "stopped at least": Holds(Code.START_COST, "stopping would cost a start later"),
    }

    commit: Literal["recourse", "day_ahead"] = "recourse"
    """``day_ahead``: how many units run is decided once for all members."""
    integer: bool = False
    """Whole units; the default lets the number be fractional, whose error is below that of the data."""
    running_before: Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)] | None = None
    """Units running before the horizon; not given: as many as in the first step, in which then none starts or stops."""
    min_up_hours: Hours = 0.0
    """A started unit runs at least so long."""
    min_down_hours: Hours = 0.0
    """A stopped unit rests at least so long."""
    start_cost: NonNegative = 0.0
    """Wear per start of one unit, currency."""
    max_starts_per_day: Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)] | None = None
    """Most starts of a unit in a calendar day, on average over the units; not limited by default."""
    starts_before: NonNegative = 0.0
    """Starts, of all units together, on the first calendar day before the horizon."""

    @property
    @abstractmethod
    def committed_units(self) -> int:
        """Units that can be committed, ``N``."""

    @property
    def has_commitment(self) -> bool:
        """Whether starting and stopping is modelled."""
        restricted = max(self.min_up_hours, self.min_down_hours, self.start_cost) > 0
        return self.commit == "day_ahead" or restricted or self.max_starts_per_day is not None

    # ------------------------------------------------------------------ before the model
    def commitment_findings(self, f: Frame) -> Iterator[Finding]:
        """Cross-checks of the fields with each other and with the horizon."""
        if self.running_before is not None:
            if self.running_before > self.committed_units:
                yield Finding(
                    "running_before",
                    "more units run before the horizon than there are",
                    self.running_before,
                    allowed=f"at most {self.committed_units}",
                )
            elif self.integer and self.running_before != round(self.running_before):
                yield Finding("running_before", "integer: true", self.running_before, allowed="a whole number")
            elif not self.has_commitment:
                yield Finding("running_before", "has no effect without a rule on starting or stopping", fatal=False)
        if self.starts_before > 0:
            if self.max_starts_per_day is None:
                odd = "has no effect without max_starts_per_day"
                yield Finding("starts_before", odd, self.starts_before, fatal=False)
            elif self.starts_before > self.max_starts_per_day * self.committed_units:
                odd = "more starts than max_starts_per_day allows: none is left on the first day"
                yield Finding("starts_before", odd, self.starts_before, fatal=False)
        hours = f.step_h * f.horizon.steps
        if f.carried:
            return  # a window of a longer run: its minimum times go on in the next
        for field, action, value in (
            ("min_up_hours", "a unit started in it is not stopped again", self.min_up_hours),
            ("min_down_hours", "a unit stopped in it is not started again", self.min_down_hours),
        ):
            if value > hours:
                yield Finding(field, f"longer than the horizon of {hours:g} h: {action}", value, fatal=False)

    # ------------------------------------------------------------------ the model
    def commitment_variables(self, b: Any, f: Frame) -> None:
        """``on`` has the state -1; starts and stops reach back over minimum times and lost minutes, as carried."""
        count, steps = float(self.committed_units), f.horizon.steps
        decisions = 1 if self.commit == "day_ahead" else f.members_count
        b.decisions = pyo.RangeSet(0, decisions - 1)
        b.decision_of = Param(f.members, values=np.arange(f.members_count) % decisions)
        before, shape = self.units_before(f), (decisions, steps + 1)
        least, most = np.zeros(shape), np.full(shape, count)
        if before is not None:
            least[:, 0] = most[:, 0] = before[:decisions]
        b.on_least = Param(b.decisions, f.states, values=least)
        b.on_most = Param(b.decisions, f.states, values=most)
        back, changes = max(self._reach(f)), np.full((decisions, steps), count)
        if before is None:
            changes[:, 0] = 0.0
        b.history = pyo.RangeSet(-back, steps - 1)
        past = [np.pad(p[:decisions], ((0, 0), (back - p.shape[1], 0))) for p in self.changes_before(f)]
        for name, known in zip(("started", "stopped"), past, strict=True):
            least, most = (past_and_present(known, inside) for inside in (np.zeros_like(changes), changes))
            b.add_component(f"{name}_least", Param(b.decisions, b.history, values=least))
            b.add_component(f"{name}_most", Param(b.decisions, b.history, values=most))
        if self.max_starts_per_day is not None:
            codes, allowed = f.horizon.period_codes("day"), self._starts_allowed(f)[:decisions]
            b.start_days = pyo.RangeSet(0, allowed.shape[1] - 1)
            b.steps_of_day = pyo.Set(b.start_days, initialize=lambda b, p: np.flatnonzero(codes == p).tolist())
            b.starts_allowed = Param(b.decisions, b.start_days, values=allowed)
        whole = pyo.NonNegativeIntegers if self.integer else pyo.NonNegativeReals
        b.on = Var(
            b.decisions,
            f.states,
            within=whole,
            bounds=lambda b, d, t: (b.on_least[d, t], b.on_most[d, t]),
            scheduled="ahead" if self.commit == "day_ahead" else None,
        )
        b.started = Var(
            b.decisions,
            b.history,
            within=pyo.NonNegativeReals,
            bounds=lambda b, d, t: (b.started_least[d, t], b.started_most[d, t]),
            least=True,
        )
        b.stopped = Var(
            b.decisions,
            b.history,
            within=pyo.NonNegativeReals,
            bounds=lambda b, d, t: (b.stopped_least[d, t], b.stopped_most[d, t]),
            least=True,
        )

    def commitment_constraints(self, b: Any, f: Frame, running: Rule) -> None:
        """Tie ``running(b, w, t)`` to the number committed, and that number to its starts and stops."""
        up, down = self._min_steps(f)
        b.up_window = pyo.RangeSet(0, up - 1)
        b.down_window = pyo.RangeSet(0, down - 1)
        b.committed = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: running(b, w, t) == b.on[b.decision_of[w], t],
            doc="units running equal the number committed",
        )
        b.switching = Constraint(
            b.decisions,
            f.steps,
            rule=lambda b, d, t: b.on[d, t] - b.on[d, t - 1] == b.started[d, t] - b.stopped[d, t],
            doc="units running follow from starts and stops",
        )
        b.min_up = Constraint(
            b.decisions,
            f.steps,
            rule=lambda b, d, t: sum(b.started[d, t - k] for k in b.up_window) <= b.on[d, t],
            doc="minimum up time (min_up_hours)",
        )
        b.min_down = Constraint(
            b.decisions,
            f.steps,
            rule=lambda b, d, t: sum(b.stopped[d, t - k] for k in b.down_window) <= self.committed_units - b.on[d, t],
            doc="minimum down time (min_down_hours)",
        )

        if self.max_starts_per_day is None:
            return
        b.starts_of_day = Constraint(
            b.decisions,
            b.start_days,
            rule=lambda b, d, p: sum(b.started[d, t] for t in b.steps_of_day[p]) <= b.starts_allowed[d, p],
            doc="starts of a day (max_starts_per_day)",
        )

    def held_up(self, b: Any, w: Any, t: Any) -> Any:
        """Units that have been started too recently to be stopped (``commitment_constraints`` comes first)."""
        return sum(b.started[b.decision_of[w], t - k] for k in b.up_window)

    def held_down(self, b: Any, w: Any, t: Any) -> Any:
        """Units that have been stopped too recently to be started (``commitment_constraints`` comes first)."""
        return sum(b.stopped[b.decision_of[w], t - k] for k in b.down_window)

    def start_cost_line(self, f: Frame) -> MoneyLine:
        """Wear of the starts, booked in the step of the start."""
        return f.by_step(lambda b, w, t: -self.start_cost * b.started[b.decision_of[w], t])

    def commitment_results(self, f: Frame) -> dict[str, Result]:
        """Starts and stops, by member also where they are one decision for all."""
        return {
            "started": f.by_time(lambda b, w, t: b.started[b.decision_of[w], t], "1", "units started"),
            "stopped": f.by_time(lambda b, w, t: b.stopped[b.decision_of[w], t], "1", "units stopped"),
        }

    # ------------------------------------------------------------------ after the model
    def commitment_end_rule(self) -> str:
        """How the number running is treated at the end of the horizon."""
        return "units running at the end are free; minimum times that reach beyond it bind in the run that goes on"

    def audit_commitment(self, a: AuditView, running: Floats) -> None:
        """Walk through the starts and stops of the plan, given the units running, (members, steps)."""
        started, stopped, before = a["started"], a["stopped"], self.units_before(a.frame)
        first = running[:, :1] if before is None else before[:, np.newaxis]
        change = np.diff(np.concatenate([first, running], axis=1), axis=1)
        a.equal("units running follow from starts and stops", started - stopped, change)
        a.at_least("starts are not negative", started, 0.0)
        a.at_least("stops are not negative", stopped, 0.0)
        held_up, held_down = self.audited_held(a)
        a.at_most("minimum up time", held_up, running)
        a.at_most("minimum down time", held_down, self.committed_units - running)
        if self.max_starts_per_day is not None:
            of_day = sums_by_period(a.horizon.period_codes("day"), started)
            a.at_most("starts of a day", of_day, self._starts_allowed(a.frame))
        if self.integer:
            a.whole("units running are whole", running)
        if self.commit == "day_ahead":
            a.equal("units committed day ahead are the same for all members", running, a.full(running[0]))

    def audited_held(self, a: AuditView) -> tuple[Floats, Floats]:
        """Units started too recently to be stopped, and stopped too recently to be started, (members, steps) each."""
        up, down = self._min_steps(a)
        started, stopped = self.audited_changes(a)
        return _sums_back(started, up, a.shape[1]), _sums_back(stopped, down, a.shape[1])


def _sums_back(values: Floats, reach: int, steps: int) -> Floats:
    """Sums over each of the last ``steps`` steps and the ``reach - 1`` before it, as far as there are any."""
    total = np.concatenate([np.zeros((len(values), reach)), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(total[:, reach:] - total[:, : total.shape[1] - reach])[:, -steps:]
