"""Energy charges of a record of the Utility Rate Database."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.errors import shown
from optimizer.tariffs.hours import Hours, in_force
from optimizer.tariffs.urdb_record import Period, Record

_KINDS = {
    "Bundled": "energy_tariff",
    "Energy": "energy_tariff",
    "Delivery with Standard Offer": "energy_tariff",
    "Delivery": "delivery_charge",
}
"""Contract that bills the energy, by ``servicetype``: a tariff that only delivers is charged on all that is metered."""
_SETTLED_BY = {"": "month", "kWh": "month", "kWh daily": "day"}
_STRUCTURE = "energyratestructure"


def energy_tariff(record: Record) -> list[dict[str, Any]]:
    """The ``energy_tariff`` (or ``delivery_charge``) of a record; none without a structure, or where it is wrong."""
    periods = record.periods(_STRUCTURE)
    if periods is None:
        if _STRUCTURE not in record.data or record.data[_STRUCTURE] == []:
            schedules = ("energyweekdayschedule", "energyweekendschedule")
            record.refuse_without(_STRUCTURE, *schedules, "fueladjustmentsmonthly")
        return []
    service = record.data.get("servicetype") or "Bundled"
    if service not in _KINDS:
        record.refuse(f"servicetype: found {shown(service)}; must be one of {', '.join(_KINDS)}")
    hours = record.hours(_STRUCTURE, "energy", len(periods))
    fuel = record.by_month("fueladjustmentsmonthly") or [0.0] * 12
    if hours is None or record.problems:
        return []
    settled = _settled_by(record, periods, hours)
    rates = [rate for number, period in enumerate(periods) for rate in _rates(number, period, hours[number], fuel)]
    return [{"kind": _KINDS[service], "name": "energy", "rates": rates} | settled]


def _settled_by(record: Record, periods: list[Period], hours: list[Hours]) -> dict[str, str]:
    """The period whose energy fills the tiers; refuses other counts, and tiers of which it is not clear."""
    units = {tier.unit for period in periods if len(period) > 1 for tier in period}
    strange = sorted(units - _SETTLED_BY.keys())
    if strange:
        record.refuse(f"{_STRUCTURE}: tiers in {', '.join(strange)}; must be in kWh or kWh daily")
        return {}
    settled = {_SETTLED_BY[unit] for unit in units}
    if len(settled) > 1:
        record.refuse(f"{_STRUCTURE}: tiers in kWh and in kWh daily; all must be in one of them")
    _judge_overlap(record, periods, hours)
    return {"settlement_period": "day"} if settled == {"day"} else {}


def _judge_overlap(record: Record, periods: list[Period], hours: list[Hours]) -> None:
    for month in range(12):
        present = [number for number in range(len(periods)) if hours[number][month].any()]
        tiered = [number for number in present if len(periods[number]) > 1]
        if tiered and len(present) > 1:
            record.refuse(
                f"{_STRUCTURE}[{tiered[0]}]: has tiers, and month {month + 1} has several periods; the file does not "
                "say whether a tier counts the energy of its period or of the whole month"
            )
            return


def _rates(number: int, period: Period, hours: Hours, fuel: list[float]) -> list[dict[str, Any]]:
    """A rate for each fuel adjustment of the months in which the period is in force."""
    used = [month for month in range(12) if hours[month].any()]
    adjustments = list(dict.fromkeys(fuel[month] for month in used))
    found = []
    for adjustment in adjustments:
        months = [month for month in used if fuel[month] == adjustment]
        inside = np.zeros_like(hours)
        inside[months] = hours[months]
        name = f"period_{number}" if len(adjustments) == 1 else f"period_{number}_from_month_{months[0] + 1}"
        found.append({"name": name} | in_force(inside) | _price(period, adjustment))
    return found


def _price(period: Period, adjustment: float) -> dict[str, Any]:
    def per_mwh(price: float) -> float:
        return round((price + adjustment) * 1000.0, 9)

    if len(period) == 1:
        return {"price_per_mwh": per_mwh(period[0].price)}
    blocks = [
        ({} if tier.up_to is None else {"up_to_mwh": tier.up_to / 1000.0}) | {"price_per_mwh": per_mwh(tier.price)}
        for tier in period
    ]
    return {"blocks": blocks}
