"""Tariffs of the Utility Rate Database (OpenEI, fields of versions 3 to 8 of its API) as charges.

A record is read as follows, and what cannot be billed is refused, never left out silently:

* ``energyratestructure`` with its two schedules becomes an ``energy_tariff``: each tier costs ``rate + adj`` (and the
  month's ``fueladjustmentsmonthly``) per kWh. A tariff of ``servicetype`` *Delivery* charges what is metered and
  delivers nothing itself.
* ``flatdemandstructure`` with ``flatdemandmonths`` becomes one ``demand_charge`` for the whole year, each period of
  ``demandratestructure`` one within its hours; ``demandwindow`` is the interval over which demand is the mean.
* ``lookbackpercent`` with ``lookbackrange`` (so many months back) or ``lookbackmonths`` (those months of the calendar
  year) is the ratchet of the flat demand charge; ``demandratchetpercentage`` is the same percentage, given by month.
* ``fixedchargefirstmeter`` or ``fixedmonthlycharge`` becomes a ``fixed_charge``, ``mincharge`` or ``minmonthlycharge``
  a ``minimum_bill`` on all other charges. One meter is billed, so what further meters cost does not matter.

Hours are those of the local clock, a weekend is Saturday and Sunday; the database knows no holidays. Eligibility
(voltage, size), dates, names and comments are not judged.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from optimizer.errors import did_you_mean, shown, with_hint
from optimizer.tariffs import TariffFileError
from optimizer.tariffs.urdb_demand import demand_charges
from optimizer.tariffs.urdb_energy import energy_tariff
from optimizer.tariffs.urdb_record import Record, is_empty


def _fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WITHOUT_MEANING = _fields("""
    label uri name utility utilityname eiaid eia sector servicetype description source sourceparent sourcereference
    startdate enddate approved is_default supercedes supersedes country revisions latest_update type
    basicinformationcomments demandcomments energycomments fixedcomments
    peakkwcapacitymin peakkwcapacitymax peakkwcapacityhistory peakkwhusagemin peakkwhusagemax peakkwhusagehistory
    voltageminimum voltagemaximum voltagecategory phasewiring demandunits fixedchargeeaaddl
""")
"""Names, dates, who is eligible, text; and what further meters cost."""
_READ = _fields("""
    energyratestructure energyweekdayschedule energyweekendschedule fueladjustmentsmonthly
    flatdemandstructure flatdemandmonths flatdemandunit
    demandratestructure demandweekdayschedule demandweekendschedule demandrateunit demandwindow
    demandratchetpercentage lookbackpercent lookbackrange lookbackmonths
    fixedchargefirstmeter fixedchargeunits fixedmonthlycharge mincharge minchargeunits minmonthlycharge
""")
_NOT_SUPPORTED = {
    "annualmincharge": "a minimum by year",
    "coincidentratestructure": "the file does not say which hour is the peak; write a coincident_peak contract",
    "demandreactivepowercharge": "reactive power is not metered here",
    "demandattrs": "charges in words",
    "energyattrs": "charges in words",
    "fixedattrs": "charges in words",
    "usenetmetering": "net metering of exports",
    "dgrules": "compensation of exports",
    "flatratebuy": "a field of version 2",
    "flatratesell": "a field of version 2",
    "flatratefueladj": "a field of version 2",
}
"""Fields with a billing meaning; harmless where they are empty or zero."""
_ONLY_WITH_OTHERS = frozenset({"coincidentrateunit", "coincidentrateschedule", "coincidentschedule"})
_PER_MONTH = {"$/month": 1.0, "$/year": 1.0 / 12.0}


def read_urdb(data: object) -> list[dict[str, Any]]:
    """The charges of a record, or of an answer of the API that holds one record.

    Raises :class:`TariffFileError` with everything that is wrong, not known or not supported.
    """
    record = _record(data)
    _judge_fields(record)
    charges = [
        *energy_tariff(record),
        *demand_charges(record),
        *_fixed_charge(record),
    ]
    charges += _minimum_bill(record, [charge["name"] for charge in charges])
    if not charges and not record.problems:
        record.refuse("no charge is in the file")
    if record.problems:
        raise TariffFileError(record.problems)
    return charges


def _record(data: object) -> Record:
    if isinstance(data, dict) and isinstance(data.get("items"), list):
        items = data["items"]
        if len(items) != 1:
            raise TariffFileError([f"holds {len(items)} tariffs under items; must be one"])
        data = items[0]
    if not isinstance(data, dict):
        raise TariffFileError([f"holds {shown(data)}; must be a record of the Utility Rate Database"])
    names = [str(name).casefold() for name in data]  # lookbackMonths and lookbackmonths are both in use
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise TariffFileError([f"{', '.join(twice)}: is there twice"])
    return Record(dict(zip(names, data.values(), strict=True)))


def _judge_fields(record: Record) -> None:
    """Refuse what has a billing meaning and is not supported, and what is not known at all."""
    meant = [name for name in _NOT_SUPPORTED if not is_empty(record.data.get(name))]
    if meant:
        listed = ", ".join(f"{name} ({_NOT_SUPPORTED[name]})" for name in meant)
        record.refuse(f"fields not supported, which would change the bill: {listed}")
    known = {*_WITHOUT_MEANING, *_READ, *_NOT_SUPPORTED, *_ONLY_WITH_OTHERS}
    strange = [name for name in record.data if name not in known]
    if strange:
        hint = next((near for name in strange if (near := did_you_mean(name, known))), None)
        record.refuse(with_hint(f"fields not known: {', '.join(strange)}", hint))


def _fixed_charge(record: Record) -> list[dict[str, Any]]:
    first, monthly = record.number("fixedchargefirstmeter"), record.number("fixedmonthlycharge")
    if first and monthly:
        record.refuse("fixedchargefirstmeter, fixedmonthlycharge: only one of them can be the fixed charge")
    if monthly:
        return [{"kind": "fixed_charge", "name": "fixed", "per_month": monthly}]
    if not first:
        return []
    unit = record.data.get("fixedchargeunits", "$/month")
    if unit == "$/day":
        return [{"kind": "fixed_charge", "name": "fixed", "per_day": first}]
    if unit not in _PER_MONTH:
        record.refuse(f"fixedchargeunits: found {shown(unit)}; must be $/month, $/day or $/year")
        return []
    return [{"kind": "fixed_charge", "name": "fixed", "per_month": first * _PER_MONTH[unit]}]


def _minimum_bill(record: Record, others: list[str]) -> list[dict[str, Any]]:
    least, monthly = record.number("mincharge"), record.number("minmonthlycharge")
    if least and monthly:
        record.refuse("mincharge, minmonthlycharge: only one of them can be the minimum bill")
    if least and (unit := record.data.get("minchargeunits", "$/month")) != "$/month":
        record.refuse(f"minchargeunits: found {shown(unit)}; must be $/month")
    amount = least or monthly
    if not amount:
        return []
    if not others:
        record.refuse("mincharge: there is no charge on which it could be a minimum")
    return [{"kind": "minimum_bill", "name": "minimum", "on": others, "per_month": amount}]
