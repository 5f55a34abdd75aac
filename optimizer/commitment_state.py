"""Units that are started and stopped, as one run leaves them to the next.

Handed on are the units on, the starts and stops whose minimum times (or lost minutes) are not over, and the starts of
the day; the run that goes on reads them as what happened in the steps before its first. Without a carry the past is
that of the fields: ``running_before`` units have run, or rested, for long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optimizer.audit import AuditView, frame_of
from optimizer.carry import ROUNDING, handed_on_by_time, past_and_present
from optimizer.component import Carried, Finding, Floats, StrictModel
from optimizer.frame import Frame
from optimizer.running_period import carried_sums, handed_on
from optimizer.settlement import sums_by_period


class CommitmentState(StrictModel):
    """What is known of the units before the horizon, and what is handed on."""

    if TYPE_CHECKING:  # fields of the units that are started and stopped
        commit: str
        integer: bool
        running_before: float | None
        min_up_hours: float
        min_down_hours: float
        max_starts_per_day: float | None
        starts_before: float

        @property
        def committed_units(self) -> int: ...

        @property
        def has_commitment(self) -> bool: ...

    commitment_carries: ClassVar[dict[str, str]] = {
        "units_on": "units running at the end of the run",
        "started": "units started within their minimum up time or lost minutes, by time",
        "stopped": "units stopped within their minimum down time, by time",
        "starts": "starts so far (with max_starts_per_day), by day",
    }

    def _whole_min_steps(self, f: Frame | AuditView) -> tuple[int, int]:
        """Minimum up and down time in steps, at least 1."""
        up, down = (math.ceil(h / f.step_h - 1e-9) for h in (self.min_up_hours, self.min_down_hours))
        return max(1, up), max(1, down)

    def _min_steps(self, f: Frame | AuditView) -> tuple[int, int]:
        """The same; longer than from the earliest change known to the end of the horizon more steps say nothing
        more."""
        carried = frame_of(f).carried
        up, down = self._whole_min_steps(f)
        most = [f.horizon.steps + carried.reach(key, f.horizon) for key in ("started", "stopped")]
        return min(up, most[0]), min(down, most[1])

    @property
    def lost_reach_hours(self) -> float:
        """Hours after a start for which it loses something."""
        return 0.0

    def _reach(self, f: Frame | AuditView) -> tuple[int, int]:
        """Steps before the horizon that starts and stops reach back to: those of minimum times and lost minutes."""
        lost = math.ceil(self.lost_reach_hours / f.step_h - 1e-9)
        up, down = self._min_steps(f)
        return max(up, lost, 1) - 1, down - 1

    def units_before(self, f: Frame) -> Floats | None:
        """Units running before the horizon, (members,); None where that is not known."""
        if "units_on" in f.carried:
            return self._counted(f.carried.number("units_on"))
        return None if self.running_before is None else f.full(self.running_before)[:, 0]

    def _counted(self, units: Floats) -> Floats:
        return np.round(units) if self.integer else units

    def changes_before(self, f: Frame) -> tuple[Floats, Floats]:
        """Starts and stops in the steps before the horizon that still matter, (members, steps) each."""
        back = self._reach(f)
        keys = zip(("started", "stopped"), back, strict=True)
        started, stopped = (self._counted(f.carried.history(key, f.horizon, steps)) for key, steps in keys)
        return started, stopped

    def carried_commitment_findings(self, f: Frame) -> Iterator[Finding]:
        """Carried units that there are not, or that differ between members although they are one decision."""
        if not self.has_commitment:
            return
        units = f.carried.number("units_on")
        allowed = f"from 0 to {self.committed_units}"
        if (units < 0).any() or (units > self.committed_units * (1 + 1e-9)).any():
            yield Finding("units_on", "is not a number of the units", float(units.max()), allowed)
        if self.integer and (np.abs(units - np.round(units)) > 1e-6).any():
            yield Finding("units_on", "integer: true", float(units[0]), "a whole number")
        if self.commit == "day_ahead" and (units != units[0]).any():
            yield Finding("units_on", "commit: day_ahead: the units are the same in all members", units.tolist())
        earlier = {key: f.carried.by_time(key, f.horizon) for key in ("started", "stopped")}
        for key, by_step in earlier.items():
            if any(step >= 0 for step in by_step):
                yield Finding(key, "a time is not before the horizon", allowed="times of steps before it")
        up = sum((n for step, n in earlier["started"].items() if -step < self._whole_min_steps(f)[0]), np.zeros(1))
        if (up > units + 1e-6 * max(1, self.committed_units)).any():
            yield Finding("started", "more units are within their minimum up time than run (units_on)", float(up.max()))

    # ------------------------------------------------------------------ starts of the day
    def _starts_allowed(self, f: Frame) -> Floats:
        """Most starts of all units in each calendar day of the horizon, (members, days)."""
        assert self.max_starts_per_day is not None
        whole = self.max_starts_per_day * self.committed_units
        return np.asarray(np.maximum(0.0, whole - self._starts_before(f)))

    def _starts_before(self, f: Frame) -> Floats:
        """Starts before the horizon in each of its calendar days, (members, days)."""
        before = carried_sums(f, "starts", "day")
        if "starts" not in f.carried:
            before[:, 0] = self.starts_before
        return before

    # ------------------------------------------------------------------ after the model
    def audited_changes(self, a: AuditView) -> tuple[Floats, Floats]:
        """Starts and stops of the plan, those carried in before them, (members, steps before + steps) each."""
        before = self.changes_before(a.frame)
        started, stopped = (past_and_present(p, a[n]) for p, n in zip(before, ("started", "stopped"), strict=True))
        return started, stopped

    def commitment_carry(self, a: AuditView, running: Floats) -> dict[str, Carried]:
        """Units on, starts and stops that still matter, and the starts of the day; ``running`` is (members, steps)."""
        if not self.has_commitment:
            return {}
        up, down = self._whole_min_steps(a)
        lost = math.ceil(self.lost_reach_hours / a.step_h - 1e-9)
        states: dict[str, Carried] = {"units_on": self._counted(np.round(running[:, -1], ROUNDING))}
        carried, horizon = a.frame.carried, a.horizon
        for key, reach in (("started", max(up, lost, 1) - 1), ("stopped", down - 1)):
            past = past_and_present(self._counted(carried.history(key, horizon, reach)), self._counted(a[key]))
            if changes := handed_on_by_time(horizon, past, reach):
                states[key] = changes
        if self.max_starts_per_day is not None:
            so_far = self._starts_before(a.frame) + sums_by_period(horizon.period_codes("day"), a["started"])
            states["starts"] = handed_on(horizon, "day", so_far)
        return states
