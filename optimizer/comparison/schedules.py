"""How two schedules differ: energy and hours by component, peaks, work and services, and the hours themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.comparison.sides import Overlap, Side
from optimizer.stability.changes import reason_at
from optimizer.stability.settings import draws_power

Floats = NDArray[np.float64]
SMALLEST_MW = 1e-6
"""Below it, a difference of power is a solver's noise."""
MOST_REASONS = 2000
"""Hours for which reasons are told, those with the largest differences."""
NO_FIGURES = frozenset(
    {
        "energy_mwh", "ledger", "size", "timing_s", "versions", "audit", "end_of_horizon", "carry", "previous_plan",
        "moved_mwh",
    }
)  # fmt: skip
"""Sections of the summary that are told elsewhere, or say nothing of the plan by itself."""
ENERGY = (
    "component", "a_mwh", "b_mwh", "change_mwh", "hours_that_differ", "largest_change_mw", "at", "a_finished",
    "b_finished",
)  # fmt: skip
HOURS = ("time_utc", "time_local", "component", "a_mw", "b_mw", "change_mw")
REASONS = ("reason_a", "reason_b")


def powers(a: Side, b: Side, overlap: Overlap) -> dict[str, tuple[Floats, Floats]]:
    """Expected power of every component that draws any in either plan, (common steps,) each; 0 where a plan has it
    not."""
    labels: dict[str, None] = {}
    for side in (b, a):
        labels |= {label: None for label, part in side.parts.components.items() if draws_power(part.component)}
    return {label: (_power(a, label, overlap), _power(b, label, overlap)) for label in labels}


def _power(side: Side, label: str, overlap: Overlap) -> Floats:
    if label not in side.parts.components:
        return np.zeros(overlap.steps)
    return overlap.mean(side.power_mw(label), side.scenario.horizon)


def energy_table(power_mw: dict[str, tuple[Floats, Floats]], a: Side, b: Side, overlap: Overlap) -> pd.DataFrame:
    """By component: energy of both plans in the common time, hours that differ, the largest difference and its time,
    and when its work was finished."""
    rows = []
    for label, (one, other) in power_mw.items():
        change = other - one
        differs = np.abs(change) > SMALLEST_MW
        worst = int(np.argmax(np.abs(change)))
        rows.append(
            {
                "component": label,
                "a_mwh": float(one.sum() * overlap.step_h),
                "b_mwh": float(other.sum() * overlap.step_h),
                "change_mwh": float(change.sum() * overlap.step_h),
                "hours_that_differ": float(differs.sum() * overlap.step_h),
                "largest_change_mw": float(change[worst]) if differs.any() else 0.0,
                "at": overlap.local[worst] if differs.any() else pd.NaT,
                "a_finished": _finished(a, label),
                "b_finished": _finished(b, label),
            }
        )
    return pd.DataFrame(rows, columns=list(ENERGY)).set_index("component")


def _finished(side: Side, label: str) -> Any:
    """End of the step in which a component's progress is through, local time; NaT without work that ends."""
    dispatch = side.plan.dispatch
    if label not in side.parts.components or "progress" not in dispatch:
        return pd.NaT
    progress = side.expected(dispatch["progress"].sel(component=label).transpose("member", "time").to_numpy())
    if not np.isfinite(progress).all() or progress[-1] <= 0.0:
        return pd.NaT
    step = int(np.argmax(progress >= progress[-1] * (1.0 - 1e-6)))
    return side.scenario.horizon.local[step] + side.scenario.horizon.step_length


def hours_table(power_mw: dict[str, tuple[Floats, Floats]], a: Side, b: Side, overlap: Overlap) -> pd.DataFrame:
    """Every component and common step in which the powers differ, the largest difference first; with the reasons of
    both plans in the hours with the largest, where they have explanations (of the first member)."""
    frames = []
    for label, (one, other) in power_mw.items():
        steps = np.flatnonzero(np.abs(other - one) > SMALLEST_MW)
        if len(steps):
            frames.append(
                pd.DataFrame(
                    {
                        "time_utc": overlap.utc[steps],
                        "time_local": overlap.local[steps],
                        "component": label,
                        "a_mw": one[steps],
                        "b_mw": other[steps],
                        "change_mw": (other - one)[steps],
                    }
                )
            )
    if not frames:
        return pd.DataFrame(columns=[*HOURS, *REASONS])
    table = pd.concat(frames, ignore_index=True)
    order = np.lexsort((table["time_utc"], -np.round(table["change_mw"].abs(), 6)))
    table = table.iloc[order].reset_index(drop=True)
    for name, side in zip(REASONS, (a, b), strict=True):
        table[name] = _reasons(side, table)
    return table


def _reasons(side: Side, table: pd.DataFrame) -> list[str]:
    """Sentences for the first rows; none where the plan has no explanation."""
    if table.empty or getattr(side.plan, "explanation", None) is None:
        return [""] * len(table)
    steps = side.scenario.horizon.utc.get_indexer(pd.DatetimeIndex(table["time_utc"]))
    known = side.parts.components
    return [
        reason_at(side.plan, label, int(step)) if row < MOST_REASONS and step >= 0 and label in known else ""
        for row, (label, step) in enumerate(zip(table["component"], steps, strict=True))
    ]


def figures_table(a: Side, b: Side, overlap: Overlap) -> pd.DataFrame:
    """Figures of the summaries that differ, by section and name: peaks, work done, share served, emissions.

    Peaks of import are those of the common time; all other figures are of whole horizons and left out where these
    differ.
    """
    rows = _peaks(a, b, overlap)
    if overlap.is_whole:
        one, other = (_figures(side.plan.summary) for side in (a, b))
        rows += [(*key, one.get(key), other.get(key)) for key in dict.fromkeys([*other, *one])]
    table = pd.DataFrame(rows, columns=["figure", "of", "a", "b"]).astype({"a": float, "b": float})
    table["change"] = table["b"] - table["a"]
    same = np.isclose(table["a"], table["b"], rtol=1e-9, atol=1e-9)
    return table[~same & ~(table["a"].isna() & table["b"].isna())].reset_index(drop=True)


def _peaks(a: Side, b: Side, overlap: Overlap) -> list[tuple[str, str, Any, Any]]:
    rows: list[tuple[str, str, Any, Any]] = []
    names = list(dict.fromkeys([*b.parts.sites, *a.parts.sites]))
    for site in names:
        rows.append(("peak_import_mw", site, _peak(a, site, overlap), _peak(b, site, overlap)))
    return rows


def _peak(side: Side, site: str, overlap: Overlap) -> float | None:
    if site not in side.parts.sites:
        return None
    values = side.plan.dispatch["import_mw"].sel(site=site).transpose("member", "time").to_numpy()
    return float(overlap.mean(values, side.scenario.horizon).max())


def _figures(summary: dict[str, Any]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for section, entries in summary.items():
        if section in NO_FIGURES or section.startswith("peak_import") or not isinstance(entries, dict):
            continue
        for name, value in entries.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[section, str(name)] = float(value)
    if isinstance(summary.get("co2_t"), int | float):
        found["co2_t", ""] = float(summary["co2_t"])
    return found
