"""Cross-checks of a demand charge against the horizon, the connection, and what an earlier run has carried to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from optimizer.billing_demand import month_number
from optimizer.component import Finding
from optimizer.demand_interval import interval_findings
from optimizer.frame import Frame
from optimizer.windows import Window

if TYPE_CHECKING:
    from optimizer.contracts.demand_charge import DemandCharge

ROUNDING = 1e-6
"""Relative excess over a limit that a peak taken from a plan may have."""


def demand_findings(charge: DemandCharge, f: Frame) -> Iterator[Finding]:
    """All findings of a demand charge."""
    carried = list(_carried_peaks(f))
    yield from carried
    for field, window in charge.windows_by_field().items():
        yield from window.findings(f.horizon, field)
    intervals = list(interval_findings(f.horizon, charge.interval, charge.windows_by_field()))
    yield from intervals
    if carried or any(finding.fatal for finding in intervals):
        return  # what else there is would only follow from that
    in_season = Window(months=charge.calendar_months()).mask(f.horizon).any()
    if in_season and not charge.intervals(f).counted.any():
        yield Finding("window", "no step of the horizon lies in it: no load of this plan counts", fatal=False)
    yield from _month_to_date(charge, f)
    yield from _history(charge, f)
    yield from _bounds(charge, f)


def _carried_peaks(f: Frame) -> Iterator[Finding]:
    """Carried states that are no peaks by month."""
    if not np.isnan(f.carried.number("peaks_mw", np.nan)).all():
        allowed = "one number (or list by member) for each month: {2024-08: 71.2}"
        yield Finding("", "peaks_mw of the carry is one number for all months", allowed=allowed)
    for label, peak in f.carried.by_period("peaks_mw").items():
        try:
            month_number(label)
        except ValueError as error:
            yield Finding("", f"peaks_mw of the carry: {error}")
        if (peak < 0).any():
            yield Finding("", f"peaks_mw of the carry, {label}", float(peak.min()), allowed="at least 0")


def _month_to_date(charge: DemandCharge, f: Frame) -> Iterator[Finding]:
    months = charge.months(f)
    first, has_floor = months.labels[0], f.horizon.starts_inside("month") and months.in_window[0]
    given = charge.month_to_date_peak_mw
    if given is not None and not has_floor:
        why = f"has no hours in {first}" if not months.in_window[0] else f"starts with {first}, not inside of it"
        what = "the window" if not months.in_window[0] else "the horizon"
        yield Finding("month_to_date_peak_mw", f"has no effect: {what} {why}", given, fatal=False)
    if not has_floor:
        return
    if months.numbers[0] not in months.known_mw:
        if months.charged[0] and not charge.prorate:
            message = (
                f"the horizon starts inside {first}, and no peak so far is given: it counts as 0, and the whole peak "
                "is charged"
            )
            yield Finding("month_to_date_peak_mw", message, hint="give it, or the carry of the run before", fatal=False)
        return
    if f.import_limit_mw is None:
        return
    limit, to_date = f.import_limit_mw.max(axis=1), months.to_date_mw[:, 0]
    beyond = to_date > limit * (1 + ROUNDING)
    if beyond.any():
        member = int(np.argmax(beyond))
        yield Finding(
            "month_to_date_peak_mw",
            f"the peak of {first} so far is above the connection (grid.import_limit_mw)",
            float(to_date[member]),
            allowed=f"at most {limit[member]:g} MW",
        )


def _history(charge: DemandCharge, f: Frame) -> Iterator[Finding]:
    if charge.ratchet is None:
        return
    months = charge.months(f)
    planned = [label for label in charge.ratchet.history_mw if label in months.labels]
    if planned:
        hint = (
            "the peak so far of the month under way is month_to_date_peak_mw" if months.labels[0] in planned else None
        )
        message = f"has no effect for {', '.join(planned)}, which the horizon covers"
        yield Finding("ratchet.history_mw", message, hint=hint, fatal=False)
    if months.missing:
        yield Finding(
            "ratchet.history_mw",
            f"the ratchet looks back at months of which no peak is known: {', '.join(months.missing)}",
            hint="give their peaks (0 for a site without load), or the carry of the run before",
        )


def _bounds(charge: DemandCharge, f: Frame) -> Iterator[Finding]:
    """Falling rates need a largest demand."""
    months = sorted({month for month, _ in charge.tiered_rates(f).in_order()})
    if months and not np.isfinite(charge.largest_billed_mw(f)[:, months]).all():
        yield Finding(
            "tiers",
            "rates that fall with the demand need a largest load, and neither the connection nor the machines have one",
            hint="give grid.import_limit_mw of the site",
        )
