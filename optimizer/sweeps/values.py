"""Values of a sweep as they are written: lists, ranges, and tables with a column per path."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.errors import InputError, Problem, shown
from optimizer.yaml_reader import parse_yaml

if TYPE_CHECKING:
    import pandas as pd

MOST_POINTS = 1_000_000
POINT = "point"
"""Dimension of the rows of a table."""
VARY = "--vary"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER}):(n\d+|{_NUMBER})")


@dataclass(frozen=True)
class Axis:
    """One dimension of a sweep: a varied path, or the rows of a table."""

    name: str
    paths: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    """Values of the paths at each position."""
    origin: str = VARY
    """Where it was given, for messages."""

    def values(self, path: str) -> list[Any]:
        """The values of a path, each once."""
        return [self.rows[positions[0]][self.paths.index(path)] for positions in self._positions[path].values()]

    def positions(self, path: str, value: Any) -> list[int]:
        """Positions at which a path has a value."""
        return self._positions[path].get(key_of(value), [])

    @cached_property
    def _positions(self) -> dict[str, dict[str, list[int]]]:
        """By path and value, in the order of the rows."""
        found: dict[str, dict[str, list[int]]] = {path: {} for path in self.paths}
        for position, row in enumerate(self.rows):
            for path, value in zip(self.paths, row, strict=True):
                found[path].setdefault(key_of(value), []).append(position)
        return found


# ---------------------------------------------------------------------- one path
def read_values(path: str, given: Any, problems: list[Problem]) -> list[Any]:
    """The values of one path, in the order given; what is wrong with them is added to ``problems``."""
    found: list[Any] = []
    try:
        if isinstance(given, str):
            for item in parse_yaml(f"[{given}]")[0]:
                found += _expanded(item)
        else:
            found = [plain(value) for value in (given.tolist() if hasattr(given, "tolist") else given)]
    except InputError as error:
        message = f"the values cannot be read: {error.problems[0].message}"
        problems.append(Problem(path, message, value=given, file=VARY))
        return []
    except (TypeError, ValueError) as error:
        problems.append(Problem(path, str(error), value=given, hint="give a list of values", file=VARY))
        return []
    if not found:
        problems.append(Problem(path, "has no values", file=VARY))
    seen: set[str] = set()
    for value in found:
        if key_of(value) in seen:
            problems.append(Problem(path, "the value is there twice", value=value, file=VARY))
        seen.add(key_of(value))
    return found


def _expanded(item: Any) -> list[Any]:
    """An item of a list of values, or the numbers that a range stands for. Raises ValueError for an impossible one."""
    match = _RANGE.fullmatch(item) if isinstance(item, str) else None
    if match is None:
        return [item]
    start, stop = Decimal(match[1]), Decimal(match[2])  # decimal, so that 0:0.3:0.1 ends at 0.3
    if match[3].startswith("n"):
        count = int(match[3][1:])
        step = (stop - start) / (count - 1) if count > 1 else Decimal(0)
        if not 2 <= count <= MOST_POINTS:
            raise ValueError(f"{item}: {count} values; must be 2 to {MOST_POINTS:,}")
    else:
        step = Decimal(match[3])
        if step == 0 or (stop - start) / step < 0:
            raise ValueError(f"{item}: steps of {step} do not lead from {start} to {stop}")
        count = int((stop - start) / step) + 1
        if count > MOST_POINTS:
            raise ValueError(f"{item}: {count:,} values; must be at most {MOST_POINTS:,}")
    numbers = [start + step * position for position in range(count)]
    is_whole = "." not in item and all(number == number.to_integral_value() for number in numbers)
    return [int(number) if is_whole else float(number) for number in numbers]


def plain(value: Any) -> Any:
    """A value as a scenario file would hold it. Raises ValueError where it could hold no such thing."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"{shown(value)} is no value of a scenario file")


def key_of(value: Any) -> str:
    """Equal for values that mean the same: 1 and 1.0."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        value = float(value)
    return json.dumps(value, sort_keys=True)


# ---------------------------------------------------------------------- tables
def read_table(table: pd.DataFrame | str | Path, problems: list[Problem]) -> list[Axis]:
    """The axis that the rows of a table are, if it holds any; what is wrong is added to ``problems``."""
    if isinstance(table, str | Path):
        origin, header, rows = _read_csv(Path(table), problems)
    else:
        origin, header = "table", tuple(str(name).strip() for name in table.columns)
        rows = {number: _row(cells, number, problems) for number, cells in enumerate(table.to_numpy(object).tolist())}
    for number, name in enumerate(header):
        if not name or name in header[:number]:
            what = "the column is there twice" if name else f"column {number + 1} has no name"
            problems.append(Problem(name, what, file=origin))
    if header and not rows:
        problems.append(Problem("", "holds no points", file=origin))
    for number, row in rows.items():
        if len(row) != len(header):
            problems.append(Problem("", f"{len(row)} cells under {len(header)} columns", file=origin, line=number))
    rows = {number: row for number, row in rows.items() if len(row) == len(header)}
    seen: dict[str, int] = {}
    for number, row in rows.items():
        problems += [
            Problem(name, "the cell is blank", file=origin, line=number)
            for name, value in zip(header, row, strict=True)
            if value is None or (isinstance(value, float) and math.isnan(value))
        ]
        twin = seen.setdefault("\n".join(map(key_of, row)), number)
        if twin != number:
            problems.append(Problem("", f"is the same point as row {twin}", file=origin, line=number))
    return [Axis(POINT, header, tuple(rows.values()), origin)] if rows else []


def _row(cells: Iterable[Any], number: int, problems: list[Problem]) -> tuple[Any, ...]:
    try:
        return tuple(plain(cell) for cell in cells)
    except ValueError as error:
        problems.append(Problem("", str(error), file="table", line=number))
        return ()


def _read_csv(path: Path, problems: list[Problem]) -> tuple[str, tuple[str, ...], dict[int, tuple[Any, ...]]]:
    """Header, and the rows by line of the file; cells are written as in YAML."""
    rows: dict[int, tuple[Any, ...]] = {}
    header: tuple[str, ...] = ()
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                line = reader.line_num
                if not header:
                    header = tuple(cell.strip() for cell in cells)
                elif any(cell.strip() for cell in cells):
                    rows[line] = tuple(parse_yaml(cell)[0] for cell in cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        problems.append(Problem("", f"the table cannot be read: {told}", file=str(path)))
    except InputError as error:
        problems.append(Problem("", f"a cell {error.problems[0].message}", file=path.name, line=line))
    else:
        if not header:
            problems.append(Problem("", "the table is empty", file=path.name))
    return path.name, header, rows
