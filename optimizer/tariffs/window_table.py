"""Window tables (CSV, as DER-VET reads its tariffs) as charges: one row for each window of hours and what it costs.

Columns: ``Billing Period`` (a number of its own for each row), ``Start Month`` and ``End Month`` (1 to 12, both
inside), ``Start Time`` and ``End Time`` (hours by their end, 1 to 24, both inside: 17 to 21 is 16:00 to 21:00),
``Excluding Start Time`` and ``Excluding End Time`` (hours left out in between, or blank), ``Weekday?`` (1 Monday to
Friday, 0 weekend, 2 every day), ``Value`` (money per kWh, or per kW and month), ``Charge`` (``Energy`` or ``Demand``)
and ``Name`` (or ``Name_optional``).

Rows of ``Energy`` become the rates of one ``energy_tariff``; together they have to hold every hour of the year exactly
once. Rows of ``Demand`` become a ``demand_charge`` each; several of one name, value and hours in different months are
one charge.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.errors import did_you_mean, shown, with_hint
from optimizer.tariffs import TariffFileError
from optimizer.tariffs.hours import SHAPE, Hours, described, in_force

_NUMBERS = {
    "Billing Period": (0, 10**9),
    "Start Month": (1, 12),
    "End Month": (1, 12),
    "Start Time": (1, 24),
    "End Time": (1, 24),
    "Weekday?": (0, 2),
}
_EXCLUDED = ("Excluding Start Time", "Excluding End Time")
_COLUMNS = (*_NUMBERS, *_EXCLUDED, "Value", "Charge", "Name")
_CHARGES = ("Energy", "Demand")
_DAYS = {0: (1,), 1: (0,), 2: (0, 1)}
"""Kinds of day (0 workday, 1 weekend) by the cell of ``Weekday?``."""
_RESERVED = ("adder",)
"""Names of lines that an energy tariff has beside its rates."""


@dataclass(frozen=True)
class Row:
    """A window of hours and its price."""

    line: int
    """Line of the file, from 1."""
    inside: Hours
    value: float
    charge: str
    name: str


def read_window_table(text: str) -> list[dict[str, Any]]:
    """The charges of a window table. Raises :class:`TariffFileError` with everything that is wrong, by row."""
    problems: list[str] = []
    rows = list(_rows(text, problems))
    energy = [row for row in rows if row.charge == "Energy"]
    if energy and not problems:
        problems += _coverage(energy)
    if not rows and not problems:
        problems.append("holds a header but no rows")
    if problems:
        raise TariffFileError(problems)
    return [*_energy_tariff(energy), *_demand_charges([row for row in rows if row.charge == "Demand"])]


# ---------------------------------------------------------------------- rows
def _rows(text: str, problems: list[str]) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = _header(next(reader, []))
        periods: Counter[int] = Counter()
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue  # spreadsheets leave rows of bare commas behind
            place = f"row {reader.line_num}"
            if len(cells) != len(header):
                problems.append(f"{place}: has {len(cells)} cells; must be {len(header)}, as the header")
                continue
            row = _Cells(place, dict(zip(header, (cell.strip() for cell in cells), strict=True)), problems)
            period = row.number("Billing Period")
            if period is not None and periods[period]:
                problems.append(f"{place}, Billing Period: {period} is there twice")
            if period is not None:
                periods[period] += 1
            read = row.read(reader.line_num)
            if read is not None:
                yield read
    except csv.Error as error:
        problems.append(f"row {reader.line_num}: is not readable as CSV: {error}")


def _header(cells: list[str]) -> list[str]:
    """The columns by the names used here; TariffFileError for those that are missing or not known."""
    if len(cells) == 1 and any(mark in cells[0] for mark in ";\t"):
        raise TariffFileError([f"the columns must be separated by commas; found the header {shown(cells[0])}"])
    by_folded = {name.casefold(): name for name in _COLUMNS} | {"name_optional": "Name"}
    found = [by_folded.get(cell.strip().casefold(), cell.strip()) for cell in cells]
    problems = [f"the column {shown(name)} is there twice" for name, times in Counter(found).items() if times > 1]
    for name in found:
        if name not in _COLUMNS:
            problems.append(with_hint(f"the column {shown(name)} is not known", did_you_mean(name, _COLUMNS)))
    missing = [name for name in _COLUMNS if name not in found and name not in ("Name", *_EXCLUDED)]
    if missing:
        problems.append(f"columns are missing: {', '.join(missing)}")
    if problems:
        raise TariffFileError(problems)
    return found


@dataclass(frozen=True)
class _Cells:
    """The cells of a row by their columns."""

    place: str
    cells: dict[str, str]
    problems: list[str]

    def read(self, line: int) -> Row | None:
        """The row; None, and problems, where a cell is wrong."""
        before = len(self.problems)
        months, hours = self._span("Start Month", "End Month"), self._span("Start Time", "End Time")
        day, value, excluded = self.number("Weekday?"), self._value(), self._excluded(hours)
        charge = next((name for name in _CHARGES if name.casefold() == self.cells["Charge"].casefold()), None)
        if charge is None:
            self._refuse("Charge", "must be Energy or Demand")
        if charge == "Demand" and value < 0:
            self._refuse("Value", "must be at least 0 for Demand")
        if len(self.problems) > before or not months or not hours or day is None or charge is None:
            return None
        inside = np.zeros(SHAPE, dtype=bool)
        for kind in _DAYS[day]:
            inside[months[0] - 1 : months[1], kind, hours[0] - 1 : hours[1]] = True
        if excluded:
            inside[:, :, excluded[0] - 1 : excluded[1]] = False
        if not inside.any():
            self.problems.append(f"{self.place}: all its hours are excluded")
            return None
        return Row(line, inside, value, charge, self.cells.get("Name", ""))

    def number(self, column: str, must_be_there: bool = True) -> int | None:
        least, most = _NUMBERS.get(column, (1, 24))
        text = self.cells.get(column, "")
        if not text and not must_be_there:
            return None
        number = int(float(text)) if re.fullmatch(r"\d{1,9}(\.0*)?", text) else -1
        if not least <= number <= most:
            self._refuse(column, "must be a whole number" + (f" from {least} to {most}" if most < 10**9 else ""))
            return None
        return number

    def _span(self, first: str, last: str) -> tuple[int, int] | None:
        start, end = self.number(first), self.number(last)
        if start is None or end is None:
            return None
        if start > end:
            self.problems.append(f"{self.place}, {first}: {start} lies after {last} {end}; write two rows")
            return None
        return start, end

    def _excluded(self, hours: tuple[int, int] | None) -> tuple[int, int] | None:
        first, last = (self.cells.get(column, "") for column in _EXCLUDED)
        if not first and not last:
            return None
        if not first or not last:
            self._refuse(_EXCLUDED[0 if not first else 1], "must be an hour, since the other one is")
            return None
        span = self._span(*_EXCLUDED)
        if span and hours and not (hours[0] <= span[0] and span[1] <= hours[1]):
            within = f"{hours[0]} to {hours[1]}"
            self.problems.append(f"{self.place}, {_EXCLUDED[0]}: {span[0]} to {span[1]} does not lie within {within}")
        return span

    def _value(self) -> float:
        text = self.cells["Value"]
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", text):
            self._refuse("Value", "must be a number")
            return 0.0
        return float(text)

    def _refuse(self, column: str, must: str) -> None:
        text = self.cells.get(column, "")
        self.problems.append(f"{self.place}, {column}: {f'found {shown(text)}' if text else 'is blank'}; {must}")


def _coverage(rows: list[Row]) -> Iterator[str]:
    """Hours that several rows of energy hold, and hours that none does."""
    for number, row in enumerate(rows):
        for other in rows[number + 1 :]:
            both = row.inside & other.inside
            if both.any():
                yield f"rows {row.line} and {other.line}: both price the energy of {described(both)}"
    missing = ~np.logical_or.reduce([row.inside for row in rows])
    if missing.any():
        lines = ", ".join(str(row.line) for row in rows)
        yield f"rows {lines}: none of them prices the energy of {described(missing)}"


# ---------------------------------------------------------------------- charges
def _energy_tariff(rows: list[Row]) -> list[dict[str, Any]]:
    if not rows:
        return []
    names = _names(rows)
    rates: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(names):
        own = [row for row, of in zip(rows, names, strict=True) if of == name]
        inside = np.logical_or.reduce([row.inside for row in own])
        rates[name] = {"name": name} | in_force(inside) | {"price_per_mwh": round(own[0].value * 1000.0, 9)}
    return [{"kind": "energy_tariff", "name": "energy", "rates": list(rates.values())}]


def _demand_charges(rows: list[Row]) -> list[dict[str, Any]]:
    """A charge for each row; rows of one name, value and hours in months of their own are one charge."""
    merged: list[Row] = []
    for row in rows:
        like = next((number for number, other in enumerate(merged) if _continues(row, other)), None)
        if like is None:
            merged.append(row)
        else:
            first = merged[like]
            merged[like] = Row(first.line, first.inside | row.inside, first.value, first.charge, first.name)
    names = _names(merged, repeated=True)
    found = []
    for row, name in zip(merged, names, strict=True):
        charge = {"kind": "demand_charge", "name": name, "rate_per_kw_month": row.value}
        found.append(charge | in_force(row.inside))
    return found


def _continues(row: Row, other: Row) -> bool:
    months, others = row.inside.any(axis=(1, 2)), other.inside.any(axis=(1, 2))
    hours = row.inside[months][0]
    if (row.name, row.value) != (other.name, other.value) or (months & others).any():
        return False
    return bool((other.inside[others] == hours).all())


def _names(rows: list[Row], repeated: bool = False) -> list[str]:
    """Names as a scenario file may have them; rows of one name and value share theirs, unless ``repeated``."""
    names: list[str] = []
    taken: dict[str, tuple[str, float] | None] = {}
    for row in rows:
        words = re.sub(r"[^a-z0-9]+", "_", row.name.casefold())[:40].strip("_") or str(row.line)
        base = words if words[0].isalpha() and words not in _RESERVED else f"row_{words}"
        own = None if repeated else (row.name, row.value)
        name, count = base, 1
        while name in taken and (own is None or taken[name] != own):
            count += 1
            name = f"{base}_{count}"
        taken[name] = own
        names.append(name)
    return names
