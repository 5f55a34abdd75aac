"""The bill: what the contracts charge and pay, by line and month, for a plan or for any metered load.

A bill holds the ledger lines of the contracts, computed from what was metered and scheduled alone: for a plan from its
dispatch (:meth:`optimizer.Plan.bill`), for a metered load from its table (:func:`bill`), in both without the model.
What a meter does not say is settled by :mod:`optimizer.settlement_rule`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.contract import Contract
from optimizer.contract_book import ContractBook, Contracts, read_book
from optimizer.load_reading import LoadReading
from optimizer.metered_load import MeteredLoad
from optimizer.output_folder import write_whole
from optimizer.results import FORMAT
from optimizer.settlement import sums_by_period
from optimizer.settlement_rule import EXPORT, IMPORT, settle

if TYPE_CHECKING:
    from optimizer.metering import Reading
    from optimizer.parts import Parts
    from optimizer.plan import Plan
    from optimizer.scenario import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Entry:
    """One line of a contract's bill, by calendar month."""

    site: str
    """Empty for a contract of the portfolio."""
    contract: str
    line: str
    amount: Floats
    """Currency, revenue positive, (members, months)."""
    quantity: Floats | None
    """What is billed, in ``unit``, (members, months)."""
    unit: str


@dataclass(frozen=True, eq=False)
class Bill:
    """What the contracts charge and pay by line and local calendar month; money is revenue positive."""

    name: str
    currency: str
    months: tuple[str, ...]
    """Calendar months in local time, such as ``2024-08``; charges by period stand in the month in which it ends."""
    probabilities: Floats
    """Probability of each member."""
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    """What was taken for granted because the load does not say it."""

    @property
    def total(self) -> float:
        """Expected sum of all lines."""
        return float(self.probabilities @ self.by_member.to_numpy())

    @cached_property
    def by_member(self) -> pd.Series[float]:
        """Sum of all lines by member."""
        nothing = np.zeros(len(self.probabilities))
        total = sum((entry.amount.sum(axis=1) for entry in self.entries), nothing)
        return pd.Series(total, name="amount").rename_axis("member")

    @cached_property
    def lines(self) -> pd.DataFrame:
        """Tidy: one row per site, contract, line, month and member, with amount, billed quantity and unit."""
        members = len(self.probabilities)
        columns = ["site", "contract", "line", "month", "member", "amount", "quantity", "unit"]
        frames = [
            pd.DataFrame(
                {
                    "site": entry.site,
                    "contract": entry.contract,
                    "line": entry.line,
                    "month": np.repeat(np.array(self.months, dtype=object), members),
                    "member": np.tile(np.arange(members), len(self.months)),
                    "amount": entry.amount.T.ravel(),
                    "quantity": np.nan if entry.quantity is None else entry.quantity.T.ravel(),
                    "unit": entry.unit,
                }
            )
            for entry in self.entries
        ]
        return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)

    @cached_property
    def by_month(self) -> pd.DataFrame:
        """Expected amounts: a row per contract and line, a column per month."""
        index = pd.MultiIndex.from_tuples(
            [(entry.contract, entry.line) for entry in self.entries], names=["contract", "line"]
        )
        rows = [self.probabilities @ entry.amount for entry in self.entries]
        return pd.DataFrame(rows, index=index, columns=pd.Index(self.months, name="month"), dtype=float)

    @property
    def labels(self) -> list[str]:
        """Names of the lines for a reader: with their contract where several contracts have lines of the same name."""
        uses = Counter(entry.line for entry in self.entries)
        return [e.line if uses[e.line] == 1 else f"{e.contract}: {e.line}" for e in self.entries]

    def to_csv(self, path: str | Path) -> Path:
        """Write :attr:`lines`, whole or not at all. Raises InputError or OutputError where that is not possible."""
        return write_whole(Path(path), self.lines.to_csv(index=False, lineterminator="\n"), "the bill")

    def as_dict(self) -> dict[str, Any]:
        """The bill as plain data, as ``optimizer bill --json`` prints it."""
        lines = self.lines.astype(object).where(self.lines.notna(), None)
        return {
            "format": FORMAT,
            "name": self.name,
            "currency": self.currency,
            "total": self.total,
            "total_by_member": self.by_member.tolist(),
            "total_by_month": self.by_month.sum().to_dict(),
            "lines": lines.to_dict("records"),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """The bill by line and month as text."""
        table = self.by_month.set_axis(self.labels)
        table = pd.concat([table, table.sum().to_frame("total").T])
        table["total"] = table.sum(axis=1)
        rows = table.to_string(float_format=lambda amount: f"{amount:,.2f}")
        return "\n".join([f"{self.name}: bill in {self.currency}, revenue positive", rows, *self.notes])

    def __repr__(self) -> str:
        span = f"{self.months[0]} to {self.months[-1]}" if len(self.months) > 1 else self.months[0]
        return f"<Bill {self.name!r}: {span}, {self.total:,.2f} {self.currency}>"


def bill(
    contracts: Contracts,
    load: pd.Series[float] | pd.DataFrame | str | Path,
    *,
    timezone: str | None = None,
    overrides: Sequence[str] = (),
    carry: str | Path | None = None,
) -> Bill:
    """The bill of a metered load under contracts, month by month, without optimising anything.

    ``contracts`` is a scenario (of which the contracts alone are checked and billed), the path of a scenario file, or a
    list of contracts of one site, as objects or as the dictionaries that a file would hold; for a list, ``timezone`` is
    that of its months and windows (default: that of the load, else UTC).

    ``load`` holds MW by step: a Series (the import), a DataFrame with the columns ``import_mw``, ``export_mw`` and
    schedules such as ``ppa.delivered_mw`` over a time-zone aware index, or the path of such a table as CSV or Parquet
    (:mod:`optimizer.metered_load`). Its steps take the place of the scenario's horizon. What its columns do not say
    follows from the settlement rule (:mod:`optimizer.settlement_rule`); other schedules are taken as 0. Both are told
    in :attr:`Bill.notes`.

    ``overrides`` and ``carry`` are those of :func:`optimizer.load`. Raises InputError for contracts, data files or a
    load that are refused.
    """
    metered = MeteredLoad.read(load)
    book = read_book(contracts, metered, timezone=timezone, overrides=overrides, carry=carry)
    return bill_of_book(book, metered.name)


def bill_of_book(book: ContractBook, load: str) -> Bill:
    """The bill of a contract book; ``load`` is the name of its load in errors."""
    readings, notes = _settled(book, load)
    return _bill(book.scenario, book.parts, readings, notes)


def bill_of_plan(plan: Plan) -> Bill:
    """The bill of a plan's own dispatch."""
    from optimizer.audit import AuditView, Findings
    from optimizer.parts import place

    parts, _ = place(plan.scenario)
    findings = Findings()
    readings = {
        label: AuditView(part.frame, plan.dispatch, findings)
        for label, part in parts.components.items()
        if isinstance(part.component, Contract)
    }
    return _bill(plan.scenario, parts, readings, ())


def _bill(scenario: Scenario, parts: Parts, readings: Mapping[str, Reading], notes: Sequence[str]) -> Bill:
    codes = scenario.horizon.period_codes("month")
    entries = [
        Entry(
            parts.components[label].site or "",
            label,
            line,
            sums_by_period(codes, billed.amounts),
            None if billed.quantity is None else sums_by_period(codes, billed.quantity),
            billed.unit,
        )
        for label, reading in readings.items()
        for line, billed in reading.component.bill(reading).items()
    ]
    months = scenario.horizon.period_labels("month")
    return Bill(scenario.name, scenario.currency, months, scenario.ensemble.weights, tuple(entries), tuple(notes))


def _settled(book: ContractBook, load: str) -> tuple[dict[str, Reading], list[str]]:
    """What each contract sees of the load, with every schedule that it needs, and what was taken for granted."""
    parts = [part for part in book.parts.components.values() if isinstance(part.component, Contract)]
    known = dict(book.schedules)
    for part in parts:
        reading = LoadReading(part.frame, book.metered, book.schedules)
        settled: dict[str, Floats] = part.component.settled_schedules(reading)  # type: ignore[attr-defined]
        for variable, power in settled.items():
            known.setdefault((part.label, variable), power)
    notes: list[str] = []
    for direction in (IMPORT, EXPORT):
        dealt = settle(direction, parts, book.metered, known, load)
        known |= dealt.schedules
        notes += dealt.notes
    for part in parts:
        lacking = [v for v in part.component.schedules if (part.label, v) not in known]  # type: ignore[attr-defined]
        for variable in lacking:
            known[part.label, variable] = part.frame.zeros()
            notes.append(f"no {variable} given for {part.label}: taken as 0")
    return {part.label: LoadReading(part.frame, book.metered, known) for part in parts}, notes
