"""A record of the Utility Rate Database: periods with tiers, and schedules that say when each period is in force."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.errors import shown
from optimizer.tariffs.hours import SHAPE, Hours

_UNLIMITED = 1e9
"""A last tier that ends at a GW or a TWh has no end in practice; some records write it so."""
_TIER_FIELDS = ("rate", "adj", "max", "unit", "sell")


@dataclass(frozen=True)
class Tier:
    """What a kW or kWh costs, up to a total of so many."""

    price: float
    up_to: float | None
    unit: str


Period = tuple[Tier, ...]


@dataclass
class Record:
    """Fields of a record by their names in lower case, and what is wrong with them."""

    data: dict[str, Any]
    problems: list[str] = field(default_factory=list)

    def refuse(self, message: str) -> None:
        self.problems.append(message)

    def number(self, name: str) -> float:
        """A number that is not negative; 0 where the field is not there, or wrong."""
        value = self.data.get(name)
        if value is None:
            return 0.0
        if not _is_number(value) or value < 0:
            self.refuse(f"{name}: found {shown(value)}; must be a number of at least 0")
            return 0.0
        return float(value)

    def by_month(self, name: str) -> list[float] | None:
        """Twelve numbers; None where the field is not there, or wrong."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 12 or not all(_is_number(item) for item in value):
            self.refuse(f"{name}: found {shown(value)}; must be a list of 12 numbers, one for each month")
            return None
        return [float(item) for item in value]

    # ------------------------------------------------------------------ periods and their tiers
    def periods(self, name: str) -> list[Period] | None:
        """The periods of a structure; None where it is not there, or wrong."""
        structure = self.data.get(name)
        if structure is None or structure == []:
            return None
        if not isinstance(structure, list) or not all(isinstance(period, list) and period for period in structure):
            self.refuse(f"{name}: found {shown(structure)}; must be a list of periods, each a list of tiers")
            return None
        before = len(self.problems)
        periods = [self._period(f"{name}[{number}]", tiers) for number, tiers in enumerate(structure)]
        return periods if len(self.problems) == before else None

    def _period(self, place: str, tiers: list[Any]) -> Period:
        read = [tier for number, entry in enumerate(tiers) if (tier := self._tier(f"{place}[{number}]", entry))]
        reached = 0.0
        for number, tier in enumerate(read):
            is_last = number == len(read) - 1
            if is_last and tier.up_to is not None:
                self.refuse(f"{place}[{number}]: ends at {tier.up_to:g}, and nothing says what lies above costs")
            elif not is_last and tier.up_to is None:
                self.refuse(f"{place}[{number}]: has no max, but is not the last tier")
            elif tier.up_to is not None and tier.up_to <= reached:
                self.refuse(f"{place}[{number}].max: found {tier.up_to:g}; must be above the {reached:g} before it")
            reached = tier.up_to or reached
        return tuple(read)

    def _tier(self, place: str, entry: Any) -> Tier | None:
        if not isinstance(entry, dict) or not ("rate" in entry or "adj" in entry):
            self.refuse(f"{place}: found {shown(entry)}; must be a tier with a rate")
            return None
        strange = [str(key) for key in entry if key not in _TIER_FIELDS]
        if strange:
            self.refuse(f"{place}: fields not known: {', '.join(strange)}")
        wrong = [
            key for key in ("rate", "adj", "max", "sell") if entry.get(key) is not None and not _is_number(entry[key])
        ]
        for key in wrong:
            self.refuse(f"{place}.{key}: found {shown(entry[key])}; must be a number")
        if wrong:
            return None
        if entry.get("sell"):
            self.refuse(f"{place}.sell: exports are not paid by this reader; write an export contract")
        up_to = entry.get("max")
        up_to = None if up_to is None or up_to >= _UNLIMITED else float(up_to)
        return Tier((entry.get("rate") or 0.0) + (entry.get("adj") or 0.0), up_to, str(entry.get("unit", "")))

    # ------------------------------------------------------------------ when a period is in force
    def hours(self, structure: str, prefix: str, count: int) -> list[Hours] | None:
        """Hours of each of the periods, from the two schedules; None where they are wrong."""
        before = len(self.problems)
        schedules = [
            self._schedule(structure, name, count) for name in (f"{prefix}weekdayschedule", f"{prefix}weekendschedule")
        ]
        if len(self.problems) > before:
            return None
        period_of = np.stack(schedules, axis=1)
        return [period_of == period for period in range(count)]

    def _schedule(self, structure: str, name: str, count: int) -> Any:
        """Period of each month and hour, (12, 24)."""
        nowhere = np.zeros((SHAPE[0], SHAPE[2]), dtype=int)
        rows = self.data.get(name)
        if rows is None:
            if count > 1:
                self.refuse(f"{name}: is missing, but {structure} has {count} periods")
            return nowhere
        if not isinstance(rows, list) or len(rows) != 12:
            found = f"{len(rows)} rows" if isinstance(rows, list) else shown(rows)
            self.refuse(f"{name}: found {found}; must be 12 rows, one for each month")
            return nowhere
        for month, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != 24:
                found = f"{len(row)} values" if isinstance(row, list) else shown(row)
                self.refuse(f"{name}[{month}]: found {found}; must be 24, one for each hour")
                return nowhere
            for hour, period in enumerate(row):
                if type(period) is not int or not 0 <= period < count:
                    allowed = f"0 to {count - 1}, the periods of {structure}"
                    self.refuse(f"{name}[{month}][{hour}]: found {shown(period)}; must be {allowed}")
                    return nowhere
        return np.array(rows, dtype=int)

    def refuse_without(self, structure: str, *dependents: str) -> None:
        """Refuse what says when or how a structure bills that is not there."""
        orphans = [name for name in dependents if not is_empty(self.data.get(name))]
        if orphans:
            self.refuse(f"{', '.join(orphans)}: there is no {structure} to go with it")


def is_empty(value: object) -> bool:
    """Whether a value bills nothing: zero, false, or empty down to its last element."""
    if isinstance(value, list):
        return all(is_empty(item) for item in value)
    if isinstance(value, dict):
        return all(is_empty(item) for key, item in value.items() if key not in ("max", "unit"))
    return value is None or value in (0, False, "", "0", "False", "false")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
