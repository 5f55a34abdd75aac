"""What is refused, or pointed out, in an ancillary service: times, providers, money and awards that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from optimizer.component import Finding
from optimizer.frame import Frame
from optimizer.when import first

if TYPE_CHECKING:
    from optimizer.contracts.ancillary_service import AncillaryService

MARGIN = 1e-9
"""Relative margin below which a difference is rounding."""


def time_findings(service: AncillaryService, f: Frame) -> Iterator[Finding]:
    """Durations against the horizon, blocks against the steps and the day."""
    horizon_h, block_h = f.step_h * f.horizon.steps, service.block_hours
    for field, hours in (("sustain_hours", service.sustain_hours), ("block_hours", block_h)):
        if hours is not None and hours > horizon_h * (1 + MARGIN):
            yield Finding(field, "longer than the horizon", hours, allowed=f"at most {horizon_h:g} h")
    if block_h is None:
        return
    if not _is_multiple(block_h, f.step_h):
        yield Finding(
            "block_hours", "does not consist of whole steps", block_h, allowed=f"a multiple of the step, {f.step_h:g} h"
        )
    if not _is_multiple(24.0, block_h):
        yield Finding(
            "block_hours", "does not divide the day", block_h, allowed="1, 2, 3, 4, 6, 8, 12 or 24 h, or less"
        )


def provider_findings(service: AncillaryService, f: Frame) -> Iterator[Finding]:
    """Providers at other meters, too slow ones, and those that have nothing to hold."""
    if len(service.holders(f)) != len(service.providers):
        return  # a name that stands for several components, or for none
    for number, (part, provider) in enumerate(service.holders(f)):
        field, named = f"providers[{number}]", service.providers[number]
        sites = sorted(map(str, provider.reserve_sites(part)))
        if not set(sites) <= set(f.metered_sites):
            yield Finding(
                field,
                f"{part.label} stands at {' and '.join(sites)}, but the contract is one of "
                f"{' and '.join(f.metered_sites)}",
                named,
                hint="list a contract of several sites under the scenario's own contracts",
            )
        if service.notice_minutes is not None and provider.response_minutes > service.notice_minutes * (1 + MARGIN):
            yield Finding(
                field,
                f"{part.label} responds within {provider.response_minutes:g} min (response_minutes), later than the "
                f"notice of {service.notice_minutes:g} min",
                named,
            )
        elif not (provider.largest_reserve_mw(part.frame, service.direction) > 0).any():
            yield Finding(field, f"{part.label} has nothing to hold as reserve {service.direction}", named, fatal=False)


def money_findings(service: AncillaryService, f: Frame) -> Iterator[Finding]:
    """A penalty below the price, with which awards that nobody holds would pay, and prices without effect."""
    if service.penalty_per_mwh is not None and service.award_mw is None:
        price, penalty = f.values(service.price_per_mw_h), f.values(service.penalty_per_mwh)
        gain = price - penalty
        if service.commit == "day_ahead":
            gain = f.full(f.probabilities @ gain)
        pays = first(f, gain > MARGIN * np.maximum(1.0, np.abs(price)))
        if pays is not None:
            yield Finding(
                "penalty_per_mwh",
                f"below the price of capacity {pays.words}: awards that nobody holds would pay",
                float(penalty[pays.member, pays.step]),
                hint="a multiple of the price is written {series: source.column, scale: 3}",
            )
    if not service.may_be_called and (service.energy_price_per_mwh.values != 0).any():
        yield Finding("energy_price_per_mwh", "has no effect without deployment_probability", fatal=False)


def award_findings(service: AncillaryService, f: Frame) -> Iterator[Finding]:
    """Awards that the providers can never hold, and those that have cleared but differ by member."""
    most = service.most_held_mw(f).sum(axis=0)
    if service.award_mw is None:
        if service.min_mw > service.most_awarded_mw(f).max():
            message = "more than the providers can ever hold: nothing is sold"
            yield Finding("min_mw", message, service.min_mw, fatal=False)
        return
    award = f.values(service.award_mw)
    if service.commit == "day_ahead" and (award != award[:1]).any():
        yield Finding("award_mw", "awards that have cleared are the same for all members (commit: day_ahead)")
    beyond = first(f, award > most * (1 + MARGIN))
    if beyond is not None:
        yield Finding(
            "award_mw",
            f"more than its providers can ever hold, {beyond.words}",
            float(award[beyond.member, beyond.step]),
            allowed=f"at most {float(most[beyond.member, beyond.step]):g} MW",
            hint=None if service.penalty_per_mwh is not None else "with penalty_per_mwh awards may stay short",
            fatal=service.penalty_per_mwh is None,
        )


def _is_multiple(hours: float, unit: float) -> bool:
    times = hours / unit
    return times > 1 - MARGIN and abs(times - round(times)) <= MARGIN * times
