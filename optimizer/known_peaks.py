"""Coincident peaks whose hours are known: groups of hours, each charged on its highest or its mean load.

The load of an hour is the mean import over its steps (or that of the step that holds it, where steps are longer)::

    measure max:    charge_g = rate_g * (max_{h in g} load_h - before_g)
    measure mean:   charge_g = rate_g / n_g * sum_{h in g} load_h                       (n_g: all hours of the group)

Only hours inside the horizon are billed. ``before_g`` is the highest load in those hours of the group that earlier runs
have billed, carried as ``peaks_mw`` by group: a run charges what it adds to it. A mean is charged hour by hour, so it
needs no such state. A window in which decisions are taken is charged for a highest load by its part of the group's
hours that are left (:mod:`optimizer.rest_of_period`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pydantic import Field

from optimizer.component import Finding, Floats, MoneyLine, StrictModel
from optimizer.contract import BillLine
from optimizer.horizon import Horizon, to_utc
from optimizer.quantities import Name, NonNegative, Stamp
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.frame import Frame
    from optimizer.metering import Reading
    from optimizer.rest_of_period import Ahead

Interval = Literal["15min", "30min", "1h"]
Measure = Literal["max", "mean"]
PEAKS = "peaks_mw"
KW_PER_MW = 1000.0
_LENGTHS: dict[Interval, timedelta] = {
    "15min": timedelta(minutes=15),
    "30min": timedelta(minutes=30),
    "1h": timedelta(hours=1),
}


class PeakGroup(StrictModel):
    """Hours that are charged together."""

    name: Name | None = None
    """Name of the group in messages and in the carry; ``group_1``, ``group_2``, … by default."""
    hours: Annotated[tuple[Stamp, ...], Field(min_length=1)]
    """Local time stamps of the hours; each stands for the hour (or ``interval``) that starts there."""
    rate_per_kw: NonNegative | None = None
    """Charge per kW of the group's load; by default the contract's ``rate_per_kw``."""
    measure: Measure = "max"
    """``max``: the highest load of the group's hours is charged; ``mean``: the mean over all of them."""


@dataclass(frozen=True)
class PeakHour:
    """One known hour: its steps within the horizon (none if it lies outside)."""

    steps: NDArray[np.int64]
    cut: bool
    """Whether the horizon holds a part of it only."""
    past: bool
    """Whether it lies before the horizon."""
    future: bool
    """Whether it lies after the horizon."""


@dataclass(frozen=True)
class PeakCharge:
    """A charge on the highest load of some hours: those of a group, or a single one of a mean."""

    label: str
    rate_per_kw: float
    share: float
    """Part of the rate: 1, or 1/n for an hour of a mean over n; of a window in which decisions are taken, its part."""
    hours: tuple[NDArray[np.int64], ...]
    """Steps of each hour."""

    @property
    def last(self) -> int:
        """Step in which the charge is booked."""
        return int(max(steps[-1] for steps in self.hours))

    def loads_mw(self, import_mw: Floats) -> Floats:
        """Load of each hour, (members, hours)."""
        return np.stack([import_mw[:, steps].mean(axis=1) for steps in self.hours], axis=1)


class KnownPeaks:
    """The charges of a contract with known hours, ``discount`` times its rates; with ``ahead``, as they are weighed."""

    def __init__(
        self,
        groups: tuple[PeakGroup, ...],
        rate: float,
        interval: Interval,
        discount: float,
        ahead: Ahead | None = None,
    ) -> None:
        self.groups = {group.name or f"group_{i + 1}": group for i, group in enumerate(groups)}
        self._count = len(groups)
        self._rate = rate
        self._length = _LENGTHS[interval]
        self._discount = discount
        self._ahead = ahead

    def charges(self, horizon: Horizon) -> list[PeakCharge]:
        """What is charged within the horizon."""
        found = []
        for label, group in self.groups.items():
            rate = self._discount * (self._rate if group.rate_per_kw is None else group.rate_per_kw)
            inside = tuple(h.steps for h in self._hours(group, horizon) if len(h.steps))
            if group.measure == "mean":
                found += [PeakCharge(label, rate, 1.0 / len(group.hours), (steps,)) for steps in inside]
            elif inside:
                found.append(PeakCharge(label, rate, len(inside) / self._left(group, len(inside)), inside))
        return found

    def _left(self, group: PeakGroup, inside: int) -> int:
        """Hours of the group that are left when the window starts, those ``inside`` it among them."""
        if self._ahead is None:
            return inside
        of_window, of_whole = (self._hours(group, horizon) for horizon in (self._ahead.window, self._ahead.whole))
        return sum(not hour.past and len(known.steps) > 0 for hour, known in zip(of_window, of_whole, strict=True))

    def before_mw(self, f: Frame, charges: list[PeakCharge]) -> Floats:
        """Load that earlier runs have charged already, (members, charges)."""
        carried, nothing = f.carried.by_period(PEAKS), np.zeros(f.members_count)
        before = [nothing if self.groups[c.label].measure == "mean" else carried.get(c.label, nothing) for c in charges]
        return np.stack(before, axis=1) if before else np.zeros((f.members_count, 0))

    def is_known(self, horizon: Horizon) -> NDArray[np.bool_]:
        """Steps of known hours, (T,)."""
        known = np.zeros(horizon.steps, dtype=bool)
        for charge in self.charges(horizon):
            known[np.concatenate(charge.hours)] = True
        return known

    def _hours(self, group: PeakGroup, horizon: Horizon) -> list[PeakHour]:
        return [self._hour(stamp, horizon) for stamp in group.hours]

    def _hour(self, stamp: str, horizon: Horizon) -> PeakHour:
        """Steps that overlap an hour."""
        since_start = to_utc(stamp, horizon.zone) - horizon.start_utc.to_pydatetime()
        first = since_start // horizon.step_length
        end = -((-(since_start + self._length)) // horizon.step_length)
        if self._length <= horizon.step_length:
            end = first + 1  # the step that holds its start
        inside = np.arange(max(first, 0), min(end, horizon.steps), dtype=np.int64)
        return PeakHour(inside, 0 < len(inside) < end - first, end <= 0, first >= horizon.steps)

    # ------------------------------------------------------------------ before the model
    def findings(self, f: Frame, field_of: dict[str, str]) -> Iterator[Finding]:
        """Hours named twice or cut by the horizon, groups that are not known or of which nothing is billed.

        ``field_of`` is the field of each group's hours.
        """
        if len(self.groups) < self._count:
            yield Finding("groups", "two groups have the same name")
            return
        for label, group in self.groups.items():
            yield from self._hours_findings(f, label, group, field_of[label])
        yield from self._carry_findings(f)
        if not self.charges(f.horizon):
            fields = next(iter(field_of.values())) if len(field_of) == 1 else "groups"
            yield Finding(fields, "no known hour lies inside the horizon, so nothing is charged", fatal=False)

    def _carry_findings(self, f: Frame) -> Iterator[Finding]:
        if not np.isnan(f.carried.number(PEAKS, np.nan)).any():
            allowed = f"by group, as in {{{next(iter(self.groups))}: 40}}"
            yield Finding("groups", f"the carry's {PEAKS} is one number", allowed=allowed)
        for label, peak in f.carried.by_period(PEAKS).items():
            if label not in self.groups:
                yield Finding("groups", f"the carry's {PEAKS} names a group that there is not", label, fatal=False)
            elif (peak < 0).any():
                yield Finding("groups", f"the carry's {PEAKS} of {label}", float(peak.min()), allowed="at least 0 MW")

    def _hours_findings(self, f: Frame, label: str, group: PeakGroup, field: str) -> Iterator[Finding]:
        hours = self._hours(group, f.horizon)
        starts = [to_utc(stamp, f.horizon.zone) for stamp in group.hours]
        steps_seen: set[int] = set()
        for position, (stamp, hour) in enumerate(zip(group.hours, hours, strict=True)):
            if hour.cut:
                yield Finding(f"{field}[{position}]", "the horizon holds only a part of this hour", stamp)
            elif starts[position] in starts[:position] or not steps_seen.isdisjoint(hour.steps.tolist()):
                yield Finding(f"{field}[{position}]", "this hour is in the group already", stamp)
            steps_seen |= set(hour.steps.tolist())
        unknown = group.measure == "max" and label not in f.carried.by_period(PEAKS)
        if unknown and any(h.past for h in hours) and any(len(h.steps) for h in hours):
            yield Finding(
                field,
                f"some hours of {label} lie before the horizon, and what they were charged for is not carried in: "
                "the highest load inside is charged in full",
                hint=f"take over the carry of the run before ({PEAKS})",
                fatal=False,
            )

    # ------------------------------------------------------------------ the model
    def declare_variables(self, b: Any, f: Frame) -> None:
        """``b.peak_mw``: the load that each charge is on."""
        charges = self.charges(f.horizon)
        hours = [(i, steps) for i, charge in enumerate(charges) for steps in charge.hours]
        ends = sorted({charge.last for charge in charges})
        b.charges = pyo.RangeSet(0, len(charges) - 1)
        b.known_hours = pyo.RangeSet(0, len(hours) - 1)
        b.bookings = pyo.RangeSet(0, len(ends) - 1)
        b.steps_of = pyo.Set(b.known_hours, initialize={j: steps.tolist() for j, (_, steps) in enumerate(hours)})
        b.charge_of = Param(b.known_hours, values=np.array([i for i, _ in hours]))
        b.step_share = Param(b.known_hours, values=np.array([1.0 / len(steps) for _, steps in hours]))
        rates = np.array([charge.rate_per_kw * charge.share * KW_PER_MW for charge in charges])
        b.rate_per_mw = Param(b.charges, values=rates)
        b.before_mw = Param(f.members, b.charges, values=self.before_mw(f, charges))
        booked = {k: [i for i, charge in enumerate(charges) if charge.last == end] for k, end in enumerate(ends)}
        b.booked_at = pyo.Set(b.bookings, initialize=booked)
        b.peak_mw = Var(
            f.members,
            b.charges,
            within=pyo.NonNegativeReals,
            bounds=lambda b, w, i: (b.before_mw[w, i], None),
            least=True,
        )

    def declare_constraints(self, b: Any, f: Frame) -> None:
        """The load charged is at least that of each hour."""
        b.known_peak = Constraint(
            f.members,
            b.known_hours,
            rule=lambda b, w, j: (
                b.peak_mw[w, b.charge_of[j]] >= sum(f.import_mw(w, t) * b.step_share[j] for t in b.steps_of[j])
            ),
            doc="the load charged is the highest in the known peak hours",
        )

    def money(self, b: Any, f: Frame) -> MoneyLine:
        """The charges, booked in the last step of their hours."""
        ends = sorted({charge.last for charge in self.charges(f.horizon)})
        return MoneyLine(
            (f.members, b.bookings),
            lambda b, w, k: sum(-b.rate_per_mw[i] * (b.peak_mw[w, i] - b.before_mw[w, i]) for i in b.booked_at[k]),
            tuple(ends),
        )

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> BillLine:
        """The same charges from the meter alone."""
        amounts, quantity = np.zeros(r.shape), np.zeros(r.shape)
        charges = self.charges(r.horizon)
        for charge, before in zip(charges, self.before_mw(r.frame, charges).T, strict=True):
            added_kw = np.maximum(0.0, charge.loads_mw(r.import_mw).max(axis=1) - before) * KW_PER_MW
            amounts[:, charge.last] -= charge.rate_per_kw * charge.share * added_kw
            quantity[:, charge.last] += charge.share * added_kw
        return BillLine(amounts, quantity, "kW")

    def carry(self, r: Reading) -> dict[str, Floats]:
        """Highest load so far of the groups that have hours after the horizon."""
        found = r.frame.carried.by_period(PEAKS)
        own = {c.label: c for c in self.charges(r.horizon) if self.groups[c.label].measure == "max"}
        kept = {}
        for label, group in self.groups.items():
            if group.measure == "mean" or not any(hour.future for hour in self._hours(group, r.horizon)):
                continue
            so_far = [found[label]] if label in found else []
            if label in own:
                so_far.append(own[label].loads_mw(r.import_mw).max(axis=1))
            if so_far:
                kept[label] = np.asarray(np.max(so_far, axis=0))
        return kept
