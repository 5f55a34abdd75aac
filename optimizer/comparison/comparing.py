"""The comparison itself: two sides, and everything in which they differ."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.comparison.inputs import InputChange, input_changes
from optimizer.comparison.money import money_table
from optimizer.comparison.schedules import energy_table, figures_table, hours_table, powers
from optimizer.comparison.sides import Comparable, Overlap, Side, sides
from optimizer.errors import InputError, Problem

Floats = NDArray[np.float64]
FORMAT = 1
"""Version of what :meth:`Comparison.as_dict` holds."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Plan ``b`` against plan ``a``; every change is ``b`` less ``a``. Money is expected over the members."""

    a: Side
    b: Side
    overlap: Overlap = field(repr=False)
    notes: tuple[str, ...]
    """What the reader should know: other horizons, plans stopped early."""
    inputs: tuple[InputChange, ...] = field(repr=False)
    """Differences of the scenarios."""
    power_mw: dict[str, tuple[Floats, Floats]] = field(repr=False)
    """Expected power by component, (common steps,) of each plan."""
    energy: pd.DataFrame = field(repr=False)
    """By component: energy, hours that differ, largest difference, when its work is finished."""
    hours: pd.DataFrame = field(repr=False)
    """Components and steps whose power differs, the largest difference first."""
    figures: pd.DataFrame = field(repr=False)
    """Peaks, work done, services and the like, where they differ."""
    money: pd.DataFrame = field(repr=False)
    """Ledger lines of both plans, the largest difference first."""
    why: pd.DataFrame | None = field(repr=False)
    """What each changed piece of the input brought, solved one by one; None where it was not asked for."""

    @property
    def profits(self) -> tuple[float, float]:
        """Expected profit of both plans in the common time."""
        if self.overlap.is_whole:
            return self.a.plan.expected_profit, self.b.plan.expected_profit
        return float(self.money["a"].sum()), float(self.money["b"].sum())

    @property
    def profit_change(self) -> float:
        """Expected profit of ``b`` less that of ``a`` in the common time."""
        one, other = self.profits
        return other - one

    @property
    def is_empty(self) -> bool:
        """Whether the two do not differ in anything."""
        same_money = bool(np.allclose(self.money["a"], self.money["b"], rtol=1e-9, atol=1e-9))
        return same_money and not self.inputs and self.hours.empty and self.figures.empty

    @property
    def currency(self) -> str:
        return self.a.scenario.currency

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON: times as ISO text, local."""
        one, other = self.profits
        return {
            "format": FORMAT,
            "a": self.a.name,
            "b": self.b.name,
            "currency": self.currency,
            "from": self.overlap.local[0].isoformat(),
            "steps": self.overlap.steps,
            "step_h": self.overlap.step_h,
            "notes": list(self.notes),
            "expected_profit": {"a": one, "b": other, "change": other - one},
            "inputs": [{"path": c.path, "kind": c.kind, "text": c.text, "piece": c.group} for c in self.inputs],
            "money": records(self.money),
            "energy": records(self.energy.reset_index()),
            "figures": records(self.figures),
            "hours": records(self.hours),
            "why": None if self.why is None else records(self.why),
        }

    def write_html(self, path: str | Path) -> Path:
        """Write the comparison as one self-contained page. Raises InputError or OutputError where it cannot be."""
        from optimizer.comparison.page import page
        from optimizer.output_folder import write_whole

        return write_whole(Path(path), page(self), "the comparison")

    def __repr__(self) -> str:
        return (
            f"<Comparison of {self.b.name!r} with {self.a.name!r}: profit {self.profit_change:+,.2f} {self.currency}, "
            f"{len(self.inputs)} difference(s) of the input, {len(self.hours)} component-hours that differ>"
        )


def compare(
    a: Comparable, b: Comparable, *, why: bool = False, names: tuple[str | None, str | None] = (None, None)
) -> Comparison:
    """What differs between two plans, results folders, scenarios or scenario files; scenarios are solved.

    ``why`` attributes the difference of the profit to the changes of the input, one solve per changed piece but the
    last. Raises InputError for what cannot be read, for other currencies and for times that do not meet, and
    InfeasibleError and its like where a scenario has no plan.
    """
    first, second = sides((a, b), names)
    if first.scenario.currency != second.scenario.currency:
        told = f"{first.name} is in {first.scenario.currency}, {second.name} in {second.scenario.currency}"
        raise InputError([Problem("currency", told, allowed="the same of both: money is not converted")])
    overlap = Overlap(first.scenario.horizon, second.scenario.horizon)
    inputs = input_changes(first, second, overlap)
    power_mw = powers(first, second, overlap)
    found = None
    if why and overlap.is_whole:
        from optimizer.comparison.attribution import attribution

        found = attribution(first, second, inputs)
    return Comparison(
        first,
        second,
        overlap,
        tuple(_notes(first, second, overlap, why)),
        tuple(inputs),
        power_mw,
        energy_table(power_mw, first, second, overlap),
        hours_table(power_mw, first, second, overlap),
        figures_table(first, second, overlap),
        money_table(first, second, overlap),
        found,
    )


def _notes(a: Side, b: Side, overlap: Overlap, why: bool) -> list[str]:
    notes = []
    if not overlap.is_whole:
        start, end = overlap.local[0], overlap.local[-1] + pd.Timedelta(hours=overlap.step_h)
        notes.append(
            f"the horizons differ; compared is their common time, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} "
            f"({overlap.steps:,} steps of {overlap.step_h:g} h). Money counts where it is booked in it."
        )
        if why:
            notes.append("the difference of the money is not attributed: that takes the same horizon of both")
    if not set(a.parts.components) & set(b.parts.components):
        notes.append("the two have no component in common")
    for letter, side in (("A", a), ("B", b)):
        if side.plan.status != "optimal":
            gap = side.plan.summary["mip_gap"]
            proven = "no bound is proven" if gap is None else f"it is proven to within {gap * 100:.3g} %"
            notes.append(f"{letter} was stopped before it was optimal; {proven}")
    members = [side.scenario.members for side in (a, b)]
    if max(members) > 1:
        told = (
            f"both have {members[0]} members"
            if members[0] == members[1]
            else f"A has {members[0]}, B {members[1]} members"
        )
        notes.append(f"{told}; power and money are expected over the members, reasons are the first's")
    return notes


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain data for JSON: times as ISO text, None where there is no number."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records", date_format="iso", double_precision=15))
    for name in table.columns:
        if isinstance(table[name].dtype, pd.DatetimeTZDtype):
            for record, stamp in zip(found, table[name], strict=True):
                record[name] = None if pd.isna(stamp) else stamp.isoformat()
    return found
