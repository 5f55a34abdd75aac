"""What a rule of the conflict asks for, and how much of it is possible: "needs 9,000, but at most 8,420 are possible".

The rule is left out and as much as possible of what it asks for is planned, with all other rules in force. What a rule
asks for says the component (:meth:`optimizer.component.Component.needs`); of a rule of which it says nothing, it is the
left-hand side of the row that belongs to the conflict.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.compiled import Arrays, Compiled
from optimizer.infeasibility.feasibility import Extreme, largest
from optimizer.infeasibility.words import PORTFOLIO, Entry, when

if TYPE_CHECKING:
    from optimizer.component import Need
    from optimizer.horizon import Horizon
    from optimizer.parts import Parts

TIME_LIMIT_S = 4.0
MOST_TRIED = 12
"""Rules of a conflict of which it is tried how much is possible."""
ROUNDING = 1e-6
MOST_LIMITS = 3


@dataclass(frozen=True)
class Shortfall:
    """One rule that asks for more than can be had."""

    where: str
    words: str
    """What is asked for, with figures."""
    needed: float
    possible: float

    def __str__(self) -> str:
        return f"{self.where} {self.words}"


@dataclass(frozen=True)
class _Asked:
    """A sum over columns that has to be at least ``needed``, and the rows, or the bound, that say so."""

    entry: Entry
    cost: Any
    constant: float
    needed: float
    rows: list[tuple[int, int]]
    """Each with the side that asks: 1 its lower, -1 its upper, 0 both."""
    columns: list[int]
    words: str


def find_shortfall(
    entries: Sequence[Entry], arrays: Arrays, compiled: Compiled, parts: Parts | None, horizon: Horizon, members: int
) -> Shortfall | None:
    """The first rule of a conflict of which more is asked than is possible; None where none can be told so."""
    rules = list(islice(_asked(entries, arrays, compiled, parts, horizon), MOST_TRIED))
    ends_at = time.perf_counter() + TIME_LIMIT_S
    # where each rule conflicts with something else as well, what this conflict alone would allow
    for alone, asked in ((alone, asked) for alone in (False, True) for asked in rules):
        if not alone and time.perf_counter() > ends_at:
            continue
        found = _possible(asked, arrays, entries, alone=alone)
        if found is None:
            continue
        possible = asked.constant + max(found.value, found.bound if np.isfinite(found.bound) else found.value)
        if asked.needed - possible <= ROUNDING * max(1.0, abs(asked.needed)):
            continue
        possible = 0.0 if abs(possible) <= ROUNDING * abs(asked.needed) else possible
        figures = {"needed": _figure(asked.needed), "possible": _figure(possible)}
        words = asked.words.format(**figures)
        if asked.entry.member is not None and members > 1:
            words += f" in member {asked.entry.member}"
        limits = _limits(entries, asked.entry, horizon)
        return Shortfall(asked.entry.where, words + limits, asked.needed, possible)
    return None


def _asked(
    entries: Sequence[Entry], arrays: Arrays, compiled: Compiled, parts: Parts | None, horizon: Horizon
) -> Iterator[_Asked]:
    """What rules ask for: those of which the component says so first, then bounds and rows."""
    matrix = arrays.matrix.tocsc().tocsr()
    for entry in entries:
        need = None if parts is None or entry.row is None else _need(entry, parts)
        if need is not None:
            yield from _declared(entry, need, compiled, len(arrays.cost))
    bounds = [e for e in entries if e.column is not None and e.side == "at least" and (e.limit or 0.0) > 0.0]
    rules = [e for e in entries if e.row is not None and e.side != "equals"]
    links = [e for e in entries if e.row is not None and e.side == "equals"]
    for group in (*_together(bounds), *_together(rules), *_together(links)):
        cost, needed = np.zeros(len(arrays.cost)), 0.0
        rows: list[tuple[int, int]] = []
        for entry in group:
            if entry.column is not None or entry.row is None:
                cost[entry.column] += 1.0
                needed += float(arrays.col_lower[entry.column])
                continue
            lower, upper = float(arrays.row_lower[entry.row]), float(arrays.row_upper[entry.row])
            sign = 1 if np.isfinite(lower) and lower > 0 else -1
            part = matrix[[entry.row]]
            cost[part.indices] += sign * part.data
            rows.append((entry.row, sign))
            needed += lower if sign > 0 else -upper
        if not np.isfinite(needed) or needed <= 0:
            continue
        first = group[0]
        at = f" {when({e.step for e in group if e.step is not None}, horizon)}" if first.step is not None else ""
        in_all = " in all" if len(group) > 1 else ""
        what = _quantity(first, parts) if first.column is not None else ""
        asks = f"{what} of at least {{needed}}{in_all}{at}" if what else f'{{needed}}{in_all} ("{first.rule}"{at})'
        words = f"needs {asks.strip()}, but at most {{possible}} is possible"
        columns = [entry.column for entry in group if entry.column is not None]
        yield _Asked(first, cost, 0.0, needed, rows, columns, words)


def _together(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries of one rule and member."""
    found: dict[tuple[str, str, int | None], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.where, entry.rule, entry.member), []).append(entry)
    return list(found.values())


def _quantity(entry: Entry, parts: Parts | None) -> str:
    """A quantity in words: as the results call it, if they do."""
    part = None if parts is None else parts.components.get(entry.where)
    result = None if part is None else part.component.results(part.block, part.frame).get(entry.name)
    return entry.name if result is None else f"{result.long_name} ({entry.name})"


def _need(entry: Entry, parts: Parts) -> Need | None:
    part = parts.components.get(entry.where)
    return None if part is None else part.component.needs(part.block, part.frame).get(entry.name)


def _declared(entry: Entry, need: Need, compiled: Compiled, columns: int) -> Iterator[_Asked]:
    block = next(b for b in compiled.blocks if entry.row is not None and b.rows.start <= entry.row < b.rows.stop)
    rows = compiled.linear(block.constraint.parent_block(), need.index_sets, need.rule)
    shape = [len(s) for s in need.index_sets]
    at = 0 if entry.member is None or shape[0] == 1 else entry.member
    number = int(np.ravel_multi_index((at, *(0 for _ in shape[1:])), shape))
    values = np.broadcast_to(rows.values, rows.columns.shape)
    cost = np.bincount(rows.columns[:, number], values[:, number], columns).astype(float)
    constant = float(np.broadcast_to(rows.upper, (int(np.prod(shape)),))[number])
    all_rows = [(row, 0) for row in range(block.rows.start, block.rows.stop)]
    yield _Asked(entry, cost, constant, need.needed, all_rows, [], need.words)


def _possible(asked: _Asked, arrays: Arrays, entries: Sequence[Entry], *, alone: bool) -> Extreme | None:
    """The most of what is asked for if nothing asks for it, with all other rules, or with those of the conflict
    ``alone`` (and fractions of decisions)."""
    row_lower, row_upper, col_lower = arrays.row_lower.copy(), arrays.row_upper.copy(), arrays.col_lower.copy()
    for row, sign in asked.rows:
        if sign >= 0:
            row_lower[row] = -np.inf
        if sign <= 0:
            row_upper[row] = np.inf
    col_lower[asked.columns] = np.minimum(0.0, col_lower[asked.columns])
    freed = replace(arrays, row_lower=row_lower, row_upper=row_upper, col_lower=col_lower, cost=asked.cost)
    if not alone:
        return largest(freed, TIME_LIMIT_S)
    outside = np.ones(len(row_lower), dtype=bool)
    outside[[entry.row for entry in entries if entry.row is not None]] = False
    part = replace(
        freed,
        row_lower=np.where(outside, -np.inf, row_lower),
        row_upper=np.where(outside, np.inf, row_upper),
        integer=np.zeros_like(arrays.integer),
    )
    return largest(part, TIME_LIMIT_S)


def _limits(entries: Sequence[Entry], asked: Entry, horizon: Horizon) -> str:
    """Upper limits of others that take part: what stands in the way."""
    found: dict[str, set[int]] = {}
    sizes: dict[str, set[float]] = {}
    for entry in entries:
        is_limit = entry.side == "at most" or (entry.row is not None and entry.side == "")
        if not is_limit or entry.where in (asked.where, PORTFOLIO):
            continue
        what = f"{entry.where}: {entry.rule}"
        found.setdefault(what, set()).update(() if entry.step is None else (entry.step,))
        sizes.setdefault(what, set()).update(() if entry.limit is None else (entry.limit,))
    told = []
    for what, steps in list(found.items())[:MOST_LIMITS]:
        size = f" {min(sizes[what]):g}" if sizes[what] else ""
        told.append(what + size + (f" ({when(steps, horizon)})" if steps else ""))
    return f"; in the way: {', '.join(told)}" if told else ""


def _figure(number: float) -> str:
    return f"{number:,.6g}"
