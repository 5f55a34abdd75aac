"""Coincident peak: a charge on the import in the hours in which the whole system draws most.

Which hours these are is known only afterwards. Three forms, by what is known when the plan is made:

**Known hours** (``hours`` or ``groups``): a bill for the past, or a peak that has been announced; the charge is on the
highest or the mean load of each group (:mod:`optimizer.known_peaks`).

**Probabilities** (``probability``): the expected charge. With ``n`` peaks in the season (:mod:`optimizer.peak_rule`)
and ``Pr_t`` that step ``t`` is one of them, each kW of a peak is charged at ``rate / n``::

    cost = rate / n * sum_t Pr_t * charged_t,         charged_t = import_t            (kW)

**A signal** (``signal``, ``candidate_hours``): probabilities made from a series that is high when the system peaks.

With ``avoid``, reductions count in a limited number of hours only, and ``charged_t`` may be more than the import
(:mod:`optimizer.avoided_hours`).

``paid_next_year``: peaks of this season set next year's charge, as in ERCOT's 4CP and PJM's 5CP. The plan that draws
the load carries the charge, at ``1 / (1 + discount_rate)`` of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from optimizer.audit import AuditView
from optimizer.avoided_hours import AvoidedHours
from optimizer.chart import Chart
from optimizer.component import Carried, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Contract, Peak
from optimizer.event_hours import HOURS_USED, hours_to_carry
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.known_peaks import KW_PER_MW, PEAKS, Interval, KnownPeaks, Measure, PeakGroup
from optimizer.metering import Reading
from optimizer.peak_rule import PeakRule
from optimizer.quantities import NonNegative, Series, SeriesOf, Stamp
from optimizer.rest_of_period import ChargedOverPeriods

CandidateHours = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False, json_schema_extra={"unit": "h"})]


class CoincidentPeak(ChargedOverPeriods, Contract):
    """Charge on the import at the system's peak hours."""

    holds: ClassVar[dict[str, Holds]] = {
        "known_peak": Holds(
            Code.PEAK_AVOIDANCE,
            "more would raise the load of {figure} MW that is charged for the peak hours",
            unit="MW",
            figure="peak_mw",
        ),
        "metered_load": Holds(
            Code.PEAK_AVOIDANCE, "this hour may be a coincident peak, and its load is charged", unit="MW"
        ),
        "counted_load": Holds(Code.PEAK_AVOIDANCE, "this hour is not among those that are avoided", unit="MW"),
        "avoided_hours": Holds(Code.PEAK_AVOIDANCE, "the hours that can be avoided are used up", unit="step"),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("avoid.hours", "avoid.counted_load_mw")

    schedules: ClassVar[tuple[str, ...]] = ("charged_mw",)
    carries: ClassVar[dict[str, str]] = {
        PEAKS: "highest load so far, MW, by group of known hours",
        HOURS_USED: "hours of avoid used so far, by its calendar period, h",
    }

    kind: Literal["coincident_peak"] = "coincident_peak"
    rate_per_kw: NonNegative | None = None
    """Charge per kW for the whole season (or year): on the mean load in its peaks, or on that of a group of hours."""

    hours: Annotated[tuple[Stamp, ...], Field(min_length=1)] | None = None
    """Known peak hours, one group: local time stamps at which the hours start."""
    measure: Measure | None = None
    """With ``hours``: whether the highest load in them is charged (``max``, the default) or the mean."""
    groups: Annotated[tuple[PeakGroup, ...], Field(min_length=1)] | None = None
    """Known peak hours in several groups, each charged by itself."""
    interval: Interval | None = None
    """Length of a known peak hour, ``1h`` by default: its load is the mean over it."""

    probability: Annotated[Series, SeriesOf("1", ge=0, le=1)] | None = None
    """Probability that the step is one of the peaks that the rule counts; may differ by member."""
    signal: Annotated[Series, SeriesOf("1")] | None = None
    """A series that is high when the system peaks, such as the forecast of its load; may differ by member."""
    candidate_hours: CandidateHours | None = None
    """With ``signal``: hours per month (``top``: per season) with the highest signal that may be a peak."""
    rule: PeakRule | None = None
    """Months of the season and how peaks are counted in it; for ``probability`` and ``signal``."""
    avoid: AvoidedHours | None = None
    """Budget of hours in which a reduction counts; for ``probability`` and ``signal``."""

    paid_next_year: bool = False
    """Whether the charge is due a year after the peaks."""
    discount_rate: NonNegative = 0.0
    """Interest per year at which a charge of next year counts today; with ``paid_next_year``."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [name for name in ("hours", "groups", "probability", "signal") if getattr(self, name) is not None]
        if len(forms) != 1:
            found = " and ".join(forms) or "none of them"
            raise ValueError(f"must be given one of hours, groups, probability and signal; found {found}")
        known = forms[0] in ("hours", "groups")
        misplaced = {
            "measure": forms[0] != "hours",
            "interval": not known,
            "candidate_hours": forms[0] != "signal",
            "rule": known,
            "avoid": known,
        }
        wrong = [name for name, is_wrong in misplaced.items() if is_wrong and getattr(self, name) is not None]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: of no effect with {forms[0]}")
        missing = ["rule"] if not known and self.rule is None else []
        missing += ["candidate_hours"] if forms[0] == "signal" and self.candidate_hours is None else []
        if self.rate_per_kw is None and not (self.groups and all(g.rate_per_kw is not None for g in self.groups)):
            missing.append("rate_per_kw")
        if missing:
            raise ValueError(f"with {forms[0]} must also be given: {', '.join(missing)}")
        if self.discount_rate > 0 and not self.paid_next_year:
            raise ValueError("discount_rate: of no effect without paid_next_year")
        return self

    # ------------------------------------------------------------------ what is known
    @property
    def _known(self) -> KnownPeaks | None:
        """The charges on known hours; None for the other forms."""
        if self.hours is not None:
            groups: tuple[PeakGroup, ...] = (PeakGroup(hours=self.hours, measure=self.measure or "max"),)
        elif self.groups is not None:
            groups = self.groups
        else:
            return None
        return KnownPeaks(groups, self.rate_per_kw or 0.0, self.interval or "1h", self._discount, self._ahead)

    @property
    def _discount(self) -> float:
        """What a charge counts today."""
        return 1.0 / (1.0 + self.discount_rate)

    def _probability(self, r: Frame | Reading) -> Floats:
        """Probability of a peak, (members, steps); 1 in known hours."""
        if (known := self._known) is not None:
            return r.full(known.is_known(r.horizon))
        if self.probability is not None:
            return r.values(self.probability)
        assert self.signal is not None
        assert self.rule is not None
        assert self.candidate_hours is not None
        return self.rule.likely(r.values(self.signal), self.candidate_hours, r.horizon)

    @property
    def _rate_per_mw(self) -> float:
        """Charge per MW of one peak of the season."""
        assert self.rule is not None
        assert self.rate_per_kw is not None
        return self._discount * self.rate_per_kw * KW_PER_MW / self.rule.peaks

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        if (known := self._known) is not None:
            one = dict.fromkeys(known.groups, "hours")
            several = {label: f"groups[{i}].hours" for i, label in enumerate(known.groups)}
            yield from known.findings(f, one if self.groups is None else several)
            return
        assert self.rule is not None
        if not self.rule.periods(f.horizon):
            yield Finding("rule.months", "the horizon has no step in these months, so nothing is charged", fatal=False)
        if self.probability is not None:
            yield from self.rule.findings(f, f.values(self.probability), "probability")
        elif self.signal is not None and self.candidate_hours is not None:
            yield from self.rule.signal_findings(f, f.values(self.signal), self.candidate_hours)
        if self.avoid is not None:
            yield from self.avoid.findings(f)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        probability = self._probability(f)
        b.probability = f.series_param(probability)
        b.is_possible = f.series_param((probability > 0.0).astype(float))
        if (known := self._known) is not None:
            known.declare_variables(b, f)
        elif self.avoid is not None:
            self.avoid.declare_variables(b, f, probability)

    def constraints(self, b: Any, f: Frame) -> None:
        if (known := self._known) is not None:
            known.declare_constraints(b, f)
        elif self.avoid is not None:
            self.avoid.declare_constraints(b, f)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        if (known := self._known) is not None:
            return {self._line: known.money(b, f)} if known.charges(f.horizon) else {}
        rate = self._rate_per_mw
        return {self._line: f.by_step(lambda b, w, t: -rate * b.probability[w, t] * self._charged_mw(b, f, w, t))}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "peak_probability": f.by_time(
                lambda b, w, t: b.probability[w, t], "1", "probability that the step is a coincident peak"
            ),
            "charged_mw": f.by_time(
                lambda b, w, t: self._charged_mw(b, f, w, t), "MW", "load that counts if the step is a coincident peak"
            ),
        }

    def _charged_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.is_possible[w, t] * f.import_mw(w, t) if self.avoid is None else b.charged_mw[w, t]

    @property
    def _line(self) -> str:
        return f"{self.name}_coincident_peak"

    # ------------------------------------------------------------------ after the model
    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (
            Chart("Peaks", ("peak_probability",), "1", "probability that the step is a peak"),
            Chart("Peaks", ("charged_mw",), "MW", "load that counts if the step is a peak"),
        )

    def audit(self, a: AuditView) -> None:
        probability = self._probability(a)
        a.equal("probability of a peak as given", a["peak_probability"], probability)
        a.equal("load charged follows from the import", a["charged_mw"], self._billed_mw(a, probability))
        if self.avoid is not None:
            self.avoid.audit(a, probability)
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        if (known := self._known) is not None:
            return {self._line: known.bill(r)} if known.charges(r.horizon) else {}
        assert self.rule is not None
        probability = self._probability(r)
        charged = probability * self._billed_mw(r, probability)
        return {self._line: BillLine(-self._rate_per_mw * charged, charged * KW_PER_MW / self.rule.peaks, "kW")}

    def settled_schedules(self, r: Reading) -> dict[str, Floats]:
        probability = self._probability(r)
        if self.avoid is None:
            return {"charged_mw": self._billed_mw(r, probability)}
        best = self.avoid.best_avoided(r, probability)
        return {"charged_mw": self.avoid.charged_mw(r, probability, best)}

    def _billed_mw(self, r: Reading, probability: Floats) -> Floats:
        """Load that counts in each step, (members, steps), from the meter and, with ``avoid``, what was avoided."""
        if self.avoid is None:
            return np.where(probability > 0.0, r.import_mw, 0.0)
        return self.avoid.charged_mw(r, probability, self.avoid.avoided(r, probability))

    def carry(self, a: AuditView) -> dict[str, Carried]:
        if (known := self._known) is not None:
            peaks = known.carry(a)
            return {PEAKS: peaks} if peaks else {}
        if self.avoid is None:
            return {}
        return hours_to_carry(a, self.avoid.avoided(a, self._probability(a)), self.avoid.per)

    def peaks_mw(self, r: Reading) -> list[Peak]:
        """The known hours that are charged, or the likeliest steps of each month (or season), as many as it has
        peaks."""
        imported = r.import_mw
        if (known := self._known) is not None:
            found = []
            several = len(known.groups) > 1
            for charge in known.charges(r.horizon):
                loads = charge.loads_mw(imported)
                for member, highest in enumerate(np.argmax(loads, axis=1)):
                    load, step = float(loads[member, highest]), int(charge.hours[highest][0])
                    of = f" of {charge.label}" if several else ""
                    found.append(Peak(member, step, load, f"{self.name}: coincident peak{of}"))
            return found
        assert self.rule is not None
        probability = self._probability(r)
        return [
            Peak(
                member,
                int(step),
                float(imported[member, step]),
                f"{self.name}: peak of {period.label} with a probability of {probability[member, step]:.0%}",
            )
            for period in self.rule.periods(r.horizon)
            for member in range(r.shape[0])
            for step in period.steps[np.argsort(-probability[member, period.steps], kind="stable")[: period.peaks]]
            if probability[member, step] > 0.0
        ]

    def end_rule(self, f: Frame) -> str | None:
        if self._known is not None:
            return "known hours after the horizon are not charged; the highest load so far of their group is carried"
        rule = "peaks after the horizon are not charged"
        return rule if self.avoid is None else f"{rule}; the hours avoided so far are carried"
