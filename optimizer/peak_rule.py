"""Which hours a coincident-peak charge counts: the rule of the tariff, and how likely each step is one of them.

A rule names the calendar months of the season and how the system's peaks are counted in it:

- ``peaks_per_month: k`` - each month has its own ``k`` peaks, and the charge is on the mean load in all
  ``n = k * months`` of them (ERCOT's 4CP: one in each of June to September, ``n = 4``);
- ``top: n`` - the ``n`` highest hours of the whole season (PJM's 5CP: ``n = 5`` from June to September).

A season over the end of a year (``[11, 12, 1, 2]``) belongs to the year in which it begins, ``2024/2025``.

**Probabilities given** are those that a step is one of the peaks. Over a month (or season) they add up to at most its
number of peaks, and to just that where the horizon covers it whole, within 1 %; outside of the rule's months they are
0. A peak is one hour, or one step: where steps are shorter, the probability of an hour is divided among its steps.

**A signal**, such as the forecast of the system's load, is made into probabilities: the steps of the ``H`` hours with
the highest signal of a month (or season) are equally likely, by member, and all others are not. Of a month of which the
horizon covers only the share ``s``, ``ceil(s * H)`` hours (in whole steps) are taken, and each has such a probability
that together they hold ``s`` times its peaks::

    Pr_t = s * peaks / candidates        for the candidates with the highest signal (the earlier of equals), else 0

So runs over the parts of a month expect, together, just its peaks. Nothing in this says whether the part that is
planned is likelier than the rest; who knows that gives probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from optimizer.component import Finding, Floats, StrictModel
from optimizer.horizon import Horizon
from optimizer.quantities import Count
from optimizer.when import first
from optimizer.windows import Month

if TYPE_CHECKING:
    from optimizer.frame import Frame

SUM_TOLERANCE = 0.01
"""Relative error that the probabilities of a month, or season, may have in sum."""
WHOLE = 1.0 - 1e-9
"""Share of a period from which on the horizon covers it whole."""


@dataclass(frozen=True)
class PeakPeriod:
    """A month (or season) of the rule, as far as the horizon covers it."""

    label: str
    """``2024-08`` or, for a season, ``2024``."""
    steps: NDArray[np.int64]
    """Its steps within the horizon."""
    peaks: int
    """Peaks that it has as a whole."""
    covered: float
    """Share of its hours that the horizon covers."""


class PeakRule(StrictModel):
    """The months of the season, and how the system's peaks are counted in it."""

    months: Annotated[tuple[Month, ...], Field(min_length=1)] = tuple(range(1, 13))
    """Calendar months of the season, 1 to 12; the whole year by default."""
    peaks_per_month: Count | None = None
    """Peaks that each month has of its own (4CP: 1)."""
    top: Count | None = None
    """Highest hours of the whole season (5CP: 5)."""

    @model_validator(mode="after")
    def _one_way_to_count(self) -> Self:
        if (self.peaks_per_month is None) == (self.top is None):
            raise ValueError("must be given either peaks_per_month or top")
        if len(set(self.months)) < len(self.months):
            raise ValueError("months: a month is named twice")
        return self

    @property
    def peaks(self) -> int:
        """Peaks of the whole season, ``n``: the charge is on the mean load in them."""
        return self.top if self.top is not None else (self.peaks_per_month or 0) * len(self.months)

    def periods(self, horizon: Horizon) -> list[PeakPeriod]:
        """The months (or seasons) of the rule that the horizon touches, in their order."""
        months = horizon.local.month.to_numpy()
        years = horizon.local.year.to_numpy()
        if self.top is None:
            codes = np.where(np.isin(months, self.months), years * 12 + months - 1, -1)
        else:
            codes = np.where(np.isin(months, self.months), years - (months < self._first_month), -1)
        return [
            self._period(int(code), np.flatnonzero(codes == code), horizon) for code in np.unique(codes[codes >= 0])
        ]

    def _period(self, code: int, steps: NDArray[np.int64], horizon: Horizon) -> PeakPeriod:
        if self.top is None:
            year, month = divmod(code, 12)
            label, peaks, calendar = f"{year:04d}-{month + 1:02d}", self.peaks_per_month or 0, [(year, month + 1)]
        else:
            over_new_year = min(self.months) < self._first_month
            label, peaks = f"{code}/{code + 1}" if over_new_year else str(code), self.top
            calendar = [(code + (month < self._first_month), month) for month in self.months]
        hours = sum(_hours_of_month(year, month, horizon.timezone) for year, month in calendar)
        return PeakPeriod(label, steps, peaks, min(1.0, len(steps) * horizon.step_h / hours))

    @property
    def _first_month(self) -> int:
        """Month in which a season begins: the earliest, but for one over the end of a year that after the longest
        gap."""
        chosen = sorted(self.months)
        if chosen[0] != 1 or chosen[-1] != 12 or len(chosen) == 12:
            return chosen[0]
        gaps = {after: after - before for before, after in pairwise(chosen)}
        return max(gaps, key=lambda month: (gaps[month], month))

    # ------------------------------------------------------------------ probabilities
    def findings(self, f: Frame, probability: Floats, field: str) -> Iterator[Finding]:
        """Probabilities outside of the months, or that do not add up to what the rule says."""
        months = f.horizon.local.month.to_numpy()
        outside = first(f, (probability > 0.0) & ~np.isin(months, self.months))
        if outside is not None:
            found = float(probability[outside.member, outside.step])
            yield Finding(field, f"outside of the rule's months, {outside.words}", found, allowed="0")
        for period in self.periods(f.horizon):
            sums = probability[:, period.steps].sum(axis=1)
            slack = SUM_TOLERANCE * period.peaks
            wrong = sums > period.peaks + slack
            allowed = f"at most {period.peaks}, its peaks"
            if period.covered >= WHOLE and not wrong.any():
                wrong = sums < period.peaks - slack
                allowed = f"{period.peaks}, its peaks, as the horizon covers it whole"
            if wrong.any():
                member = int(np.argmax(wrong))
                of = f" of member {member}" if f.members_count > 1 else ""
                yield Finding(
                    field,
                    f"the probabilities{of} add up to {sums[member]:.4g} in {period.label}",
                    allowed=f"{allowed} (within {SUM_TOLERANCE:.0%})",
                )

    def signal_findings(self, f: Frame, signal: Floats, candidate_hours: float) -> Iterator[Finding]:
        """A signal that says nothing, and candidates too few to hold the peaks."""
        peaks = self.top or self.peaks_per_month or 0
        if candidate_hours < peaks * f.step_h:
            yield Finding(
                "candidate_hours",
                "fewer than there are peaks in a " + ("season" if self.top else "month"),
                candidate_hours,
                allowed=f"at least {peaks * f.step_h:g} h",
            )
        for period in self.periods(f.horizon):
            flat = np.ptp(signal[:, period.steps], axis=1) == 0.0
            if flat.any() and len(period.steps) > 1:
                of = f" of member {int(np.argmax(flat))}" if f.members_count > 1 else ""
                yield Finding("signal", f"is the same in every step of {period.label}{of}, so it tells no hour apart")
            if period.covered < 0.5:
                yield Finding(
                    "signal",
                    f"the horizon covers {period.covered:.0%} of {period.label}: it is taken to hold that share of the "
                    "peaks, whatever the signal is in the rest",
                    hint="give a probability",
                    fatal=False,
                )

    def likely(self, signal: Floats, candidate_hours: float, horizon: Horizon) -> Floats:
        """Probability that a step is a peak, (members, steps), from a signal (members, steps) that is high in peaks."""
        probability = np.zeros(signal.shape)
        for period in self.periods(horizon):
            wanted = int(np.ceil(candidate_hours * period.covered / horizon.step_h - 1e-9))
            candidates = min(max(1, wanted), len(period.steps))
            order = np.argsort(-signal[:, period.steps], axis=1, kind="stable")[:, :candidates]
            each = period.covered * period.peaks / candidates
            np.put_along_axis(probability, period.steps[order], each, axis=1)
        return probability


def _hours_of_month(year: int, month: int, timezone: str) -> float:
    start = pd.Timestamp(year, month, 1)
    edges = [
        stamp.tz_localize(timezone, nonexistent="shift_forward", ambiguous=True)
        for stamp in (start, start + pd.DateOffset(months=1))
    ]
    return float((edges[1] - edges[0]) / pd.Timedelta(hours=1))
