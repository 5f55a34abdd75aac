"""Demand charges of a record of the Utility Rate Database."""

from __future__ import annotations

from typing import Any

from optimizer.errors import shown
from optimizer.tariffs.hours import in_force, of_like_months
from optimizer.tariffs.urdb_record import Period, Record

_INTERVALS = {5: "5min", 10: "10min", 15: "15min", 30: "30min", 60: "1h"}
_FLAT, _BY_HOUR = "flatdemandstructure", "demandratestructure"


def demand_charges(record: Record) -> list[dict[str, Any]]:
    """The ``demand_charge`` contracts of a record."""
    flat, by_hour = _flat(record), _by_hour(record)
    ratchet = _ratchet(record)
    if ratchet is not None:
        if len(flat) == 1:
            flat[0]["ratchet"] = ratchet
        elif flat:
            record.refuse(f"{_FLAT}: a look-back over seasons of different tiers is not supported")
        else:
            record.refuse(f"lookbackpercent: is for the charges of {_FLAT}, of which there are none")
    interval = _interval(record)
    return [charge | interval for charge in (*flat, *by_hour)]


def _flat(record: Record) -> list[dict[str, Any]]:
    """Charges on the peak of the whole month."""
    periods = record.periods(_FLAT)
    if periods is None:
        if not record.data.get(_FLAT):
            record.refuse_without(_FLAT, "flatdemandmonths")
        return []
    months = _period_of_month(record, len(periods))
    if months is None or not _is_in_kw(record, "flatdemandunit"):
        return []
    if all(len(periods[number]) == 1 for number in months):
        rates = [_per_kw(periods[number][0].price) for number in months]
        rate: Any = rates[0] if len(set(rates)) == 1 else rates
        return [{"kind": "demand_charge", "name": "demand", "rate_per_kw_month": rate}] if any(rates) else []
    found = []
    for number in dict.fromkeys(months):
        season = [month for month, of in enumerate(months, start=1) if of == number]
        name = "demand" if len(season) == 12 else f"demand_season_{number}"
        window = {} if len(season) == 12 else {"window": {"months": season}}
        found += _charge(name, periods[number], window)
    return found


def _by_hour(record: Record) -> list[dict[str, Any]]:
    """Charges on the month's peak within the hours of each period."""
    periods = record.periods(_BY_HOUR)
    if periods is None:
        if not record.data.get(_BY_HOUR):
            record.refuse_without(_BY_HOUR, "demandweekdayschedule", "demandweekendschedule")
        return []
    hours = record.hours(_BY_HOUR, "demand", len(periods))
    if hours is None or not _is_in_kw(record, "demandrateunit"):
        return []
    found = []
    for number, period in enumerate(periods):
        groups = of_like_months(hours[number])  # months bill apart, so that groups of them may be charges of their own
        for position, inside in enumerate(groups, start=1):
            name = f"demand_period_{number}" + (f"_{position}" if len(groups) > 1 else "")
            when = in_force(inside)
            found += _charge(name, period, when)
    return found


def _charge(name: str, period: Period, window: dict[str, Any]) -> list[dict[str, Any]]:
    if not any(tier.price for tier in period):
        return []
    charge: dict[str, Any] = {"kind": "demand_charge", "name": name} | window
    if len(period) == 1:
        return [charge | {"rate_per_kw_month": _per_kw(period[0].price)}]
    tiers = [
        ({} if tier.up_to is None else {"up_to_mw": tier.up_to / 1000.0}) | {"rate_per_kw_month": _per_kw(tier.price)}
        for tier in period
    ]
    return [charge | {"tiers": tiers}]


def _per_kw(price: float) -> float:
    return round(price, 9)


def _period_of_month(record: Record, count: int) -> list[int] | None:
    found = record.data.get("flatdemandmonths")
    if found is None and count == 1:
        return [0] * 12
    if (
        not isinstance(found, list)
        or len(found) != 12
        or not all(type(number) is int and 0 <= number < count for number in found)
    ):
        allowed = f"a list of 12, each 0 to {count - 1}, the periods of {_FLAT}"
        record.refuse(f"flatdemandmonths: found {shown(found)}; must be {allowed}")
        return None
    return found


def _is_in_kw(record: Record, name: str) -> bool:
    unit = record.data.get(name) or "kW"
    if unit != "kW":
        record.refuse(f"{name}: found {shown(unit)}; must be kW")
    return bool(unit == "kW")


def _interval(record: Record) -> dict[str, str]:
    minutes = record.data.get("demandwindow")
    if not minutes:
        return {}
    if minutes not in _INTERVALS:
        record.refuse(f"demandwindow: found {shown(minutes)}; must be one of {', '.join(map(str, _INTERVALS))} minutes")
        return {}
    return {"interval": _INTERVALS[minutes]}


def _ratchet(record: Record) -> dict[str, Any] | None:
    """The look-back of a record: a fraction, and the months whose peaks count."""
    by_month = record.by_month("demandratchetpercentage") or [0.0]
    if len(set(by_month)) > 1:
        record.refuse(f"demandratchetpercentage: found {shown(by_month)}; must be the same in every month")
        return None
    percent, fraction = by_month[0], record.number("lookbackpercent") or by_month[0]
    name = "lookbackpercent" if record.data.get("lookbackpercent") else "demandratchetpercentage"
    if percent not in (0.0, fraction):
        record.refuse(f"lookbackpercent, demandratchetpercentage: found {fraction:g} and {percent:g}; must be the same")
        return None
    if not 0.0 <= fraction <= 1.0:
        record.refuse(f"{name}: found {fraction:g}; must be a fraction from 0 to 1")
        return None
    if fraction == 0.0:
        return None
    back, flags = record.data.get("lookbackrange") or 0, record.data.get("lookbackmonths") or []
    if type(back) is not int or back < 0:
        record.refuse(f"lookbackrange: found {shown(back)}; must be a number of months")
        return None
    if not isinstance(flags, list) or len(flags) not in (0, 12) or any(flag not in (0, 1) for flag in flags):
        record.refuse(f"lookbackmonths: found {shown(flags)}; must be a list of 12, each true or false")
        return None
    months = [month for month, flag in enumerate(flags, start=1) if flag]
    if back and months and len(months) < 12:
        record.refuse("lookbackrange, lookbackmonths: only one of them can say how far the look-back goes")
        return None
    if back:
        return {"fraction": fraction, "previous_months": back}
    if months:
        return {"fraction": fraction, "previous_months": "year", "months": months}
    record.refuse(f"{name}: the file does not say how far it looks back; add lookbackrange (11: the 11 months before)")
    return None
