"""Billed demand of a month: its own peak, the peak so far, and a share of the peaks of look-back months (ratchet).

For month ``k``, with ``peak_k`` the highest demand in the window and ``L_k`` the look-back months::

    billed_k = max(peak_k, fraction * max_{j in L_k} peak_j)

Peaks of look-back months inside the horizon are decisions of the same plan; those of other months come from
``history_mw`` or from the run before. Of the month in which the horizon starts inside, ``peak_k`` is at least the peak
to date. ``floor_k`` is what all that is known beforehand makes of ``billed_k``.

``previous_months: 11`` looks back at so many months before. ``previous_months: year`` looks at all months of the same
calendar year, before and after: the rule of a typical year, as REopt's ``demand_lookback_months`` applies it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from optimizer.component import Floats, StrictModel
from optimizer.demand_interval import DemandIntervals
from optimizer.frame import Frame
from optimizer.horizon import Horizon
from optimizer.quantities import Fraction, Megawatts
from optimizer.windows import Month

MONTHS_OF_YEAR = 12
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


class Ratchet(StrictModel):
    """A share of the highest peak of other months that is billed at least."""

    fraction: Fraction
    """Share of that peak."""
    previous_months: Literal["year"] | Annotated[int, Field(strict=True, ge=1, le=60)] = 11
    """Months before that are looked back at; ``year``: all other months of the same calendar year, before and after."""
    months: Annotated[tuple[Month, ...], Field(min_length=1)] | None = None
    """Calendar months whose peaks count; all by default."""
    history_mw: dict[str, Megawatts] = {}  # noqa: RUF012
    """Peaks in the window of look-back months that are not planned, by month: ``{"2024-07": 80}``."""

    @field_validator("history_mw")
    @classmethod
    def _months_are_named(cls, history: dict[str, float]) -> dict[str, float]:
        for label in history:
            month_number(label)
        return history

    def looks_back_at(self, month: int) -> Iterable[int]:
        """Numbers of the months whose peaks count for a month."""
        if self.previous_months == "year":
            january = month - month % MONTHS_OF_YEAR
            others: Iterable[int] = (m for m in range(january, january + MONTHS_OF_YEAR) if m != month)
        else:
            others = range(month - self.previous_months, month)
        return (m for m in others if self.months is None or calendar_month(m) in self.months)

    def still_counts(self, month: int, later: int) -> bool:
        """Whether the peak of a month can count for one from month ``later`` on."""
        if self.months is not None and calendar_month(month) not in self.months:
            return False
        if self.previous_months == "year":
            return month // MONTHS_OF_YEAR >= later // MONTHS_OF_YEAR
        return month >= later - self.previous_months


def month_number(label: str) -> int:
    """A month written as ``2024-07``, as a number that rises by one from month to month; ValueError for any other."""
    if not _MONTH.fullmatch(label):
        raise ValueError(f"found '{label}'; a month is written as 2024-07")
    year, month = label.split("-")
    return int(year) * MONTHS_OF_YEAR + int(month) - 1


def month_label(number: int) -> str:
    """``2024-07``."""
    return f"{number // MONTHS_OF_YEAR:04d}-{calendar_month(number):02d}"


def calendar_month(number: int) -> int:
    """1 for January to 12."""
    return number % MONTHS_OF_YEAR + 1


def month_after(horizon: Horizon) -> int:
    """Number of the month in which a run would start that begins where this one ends."""
    end = horizon.end_utc.tz_convert(horizon.timezone)
    return int(end.year * MONTHS_OF_YEAR + end.month - 1)


@dataclass(frozen=True)
class BillingMonths:
    """Months of a horizon, and what is known of their billed demand beforehand."""

    numbers: tuple[int, ...]
    codes: NDArray[np.int64]
    """Month of each step, (steps,)."""
    starts_inside: bool
    """Whether the first month began before the horizon."""
    in_window: NDArray[np.bool_]
    """Whether the month is one of the window's, (months,)."""
    charged: NDArray[np.bool_]
    """Whether the month has a charge, (months,)."""
    known_mw: dict[int, Floats]
    """Peaks of months outside of the horizon and, where it starts inside one, that month's peak to date; (members,)."""
    to_date_mw: Floats
    """Peak to date, (members, months); 0 but in a first month that began before the horizon."""
    floor_mw: Floats
    """Billed demand that is certain beforehand, (members, months)."""
    fraction: float
    """Share of the look-back months' peaks that is billed at least."""
    lookbacks: tuple[tuple[int, int], ...]
    """(month, look-back month), both of the horizon."""
    missing: tuple[str, ...]
    """Look-back months of which nothing is known."""

    @property
    def labels(self) -> tuple[str, ...]:
        """``2024-08``, …"""
        return tuple(month_label(number) for number in self.numbers)

    @property
    def booked_before_mw(self) -> Floats:
        """Billed demand that was charged before the horizon, (members, months): the first month's floor, if that month
        began before it."""
        booked = np.zeros_like(self.floor_mw)
        if self.starts_inside:
            booked[:, 0] = self.floor_mw[:, 0]
        return booked

    def peaks_mw(self, demand_mw: Floats, intervals: DemandIntervals) -> Floats:
        """Highest demand of each month, peak to date included, (members, months), from the demand by interval."""
        starts = intervals.of_step[np.flatnonzero(np.diff(self.codes, prepend=-1))]
        return np.maximum(np.maximum.reduceat(demand_mw, starts, axis=1), self.to_date_mw)

    def billed_mw(self, peaks_mw: Floats) -> Floats:
        """Billed demand, (members, months), from the months' peaks; 0 where nothing is charged."""
        billed = np.maximum(peaks_mw, self.floor_mw)
        for month, looked_at in self.lookbacks:
            billed[:, month] = np.maximum(billed[:, month], self.fraction * peaks_mw[:, looked_at])
        return np.where(self.charged, billed, 0.0)

    def needed_later(self, peaks_mw: Floats, ratchet: Ratchet | None, later: int) -> dict[str, Floats]:
        """Peaks by month, (members,), that matter to a run that starts in month ``later``."""
        before = {n: peak for n, peak in self.known_mw.items() if n < self.numbers[0]}
        own = {n: peaks_mw[:, k] for k, n in enumerate(self.numbers) if self.in_window[k]}
        return {
            month_label(n): peak
            for n, peak in sorted((before | own).items())
            if n == later or (ratchet is not None and ratchet.still_counts(n, later))
        }


def billing_months(
    f: Frame,
    ratchet: Ratchet | None,
    window: tuple[int, ...] | None,
    month_to_date_mw: float | None,
    has_rate: NDArray[np.bool_],
) -> BillingMonths:
    """Months of a frame's horizon, with the peaks carried to it.

    ``window`` are the calendar months of the charge (None for all), ``has_rate`` says for each of the 12 whether its
    rate is above 0.
    """
    numbers = [month_number(label) for label in f.horizon.period_labels("month")]
    starts_inside = f.horizon.starts_inside("month")
    known_mw = _known_peaks(f, numbers, ratchet, month_to_date_mw)
    in_window = np.array([window is None or calendar_month(n) in window for n in numbers])
    charged = in_window & np.array([has_rate[calendar_month(n) - 1] for n in numbers])
    to_date = np.zeros((f.members_count, len(numbers)))
    if in_window[0] and numbers[0] in known_mw:
        to_date[:, 0] = known_mw[numbers[0]]
    floor = np.where(charged, to_date, 0.0)
    lookbacks: list[tuple[int, int]] = []
    missing: set[int] = set()
    for k in np.flatnonzero(charged).tolist():
        for number in () if ratchet is None else ratchet.looks_back_at(numbers[k]):
            if window is not None and calendar_month(number) not in window:
                continue  # it has no hours that count
            if number in numbers:
                lookbacks.append((k, numbers.index(number)))
            elif number in known_mw and ratchet is not None:
                floor[:, k] = np.maximum(floor[:, k], ratchet.fraction * known_mw[number])
            else:
                missing.add(number)
    return BillingMonths(
        numbers=tuple(numbers),
        codes=f.horizon.period_codes("month"),
        starts_inside=starts_inside,
        in_window=in_window,
        charged=charged,
        known_mw=known_mw,
        to_date_mw=to_date,
        floor_mw=floor,
        fraction=0.0 if ratchet is None else ratchet.fraction,
        lookbacks=tuple(lookbacks),
        missing=tuple(month_label(number) for number in sorted(missing)),
    )


def _known_peaks(
    f: Frame, numbers: list[int], ratchet: Ratchet | None, month_to_date_mw: float | None
) -> dict[int, Floats]:
    """Peaks by month, (members,): of months that are not planned and, to date, of the one under way. What was carried
    goes before what the scenario says."""
    by_member = np.ones(f.members_count)
    history = {} if ratchet is None else ratchet.history_mw
    known = {month_number(label): peak * by_member for label, peak in history.items()}
    known.pop(numbers[0], None)  # of the month under way only the peak to date counts
    if month_to_date_mw is not None:
        known[numbers[0]] = month_to_date_mw * by_member
    known |= {month_number(label): peak for label, peak in f.carried.by_period("peaks_mw").items()}
    planned = numbers[1:] if f.horizon.starts_inside("month") else numbers
    return {number: peak for number, peak in known.items() if number not in planned}
