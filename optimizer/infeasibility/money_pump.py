"""Why profit has no limit: what grows without end, and what a unit of it earns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.infeasibility.feasibility import largest
from optimizer.infeasibility.words import Words, when

if TYPE_CHECKING:
    from optimizer.horizon import Horizon

Floats = NDArray[np.float64]
TIME_LIMIT_S = 20.0
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Pump:
    """Quantities that grow together without end, and what that earns."""

    parts: list[dict[str, Any]]
    """``where``, ``quantity``, ``step``, ``member``, ``per_unit`` (how much it grows with the pump) and ``earns``."""
    earns: float
    """Currency per unit of the quantity that grows the most."""


def find_pump(arrays: Arrays, words: Words) -> Pump | None:
    """The smallest way in which profit grows without limit; None where it is not found.

    A direction in which the plan can go for ever keeps all rows and bounds that are finite. Of all such directions with
    one unit of profit, the one with the least movement is taken, so that it holds one pump and not all of them.
    """
    ray = _direction(arrays)
    if ray is None:
        return None
    ray = ray / np.abs(ray).max()
    parts = []
    for column in np.flatnonzero(np.abs(ray) > 1e-7):
        entry = words.column(int(column))
        parts.append(
            {
                "where": entry.where,
                "quantity": entry.name,
                "step": entry.step,
                "member": entry.member,
                "per_unit": float(ray[column]),
                "earns": float(arrays.cost[column] * ray[column]),
            }
        )
    return Pump(parts, float(arrays.cost @ ray))


def _direction(arrays: Arrays) -> Floats | None:
    zero_low, zero_high = _homogeneous(arrays.row_lower, -np.inf), _homogeneous(arrays.row_upper, np.inf)
    least, most = _homogeneous(arrays.col_lower, -np.inf), _homogeneous(arrays.col_upper, np.inf)
    from scipy import sparse

    matrix = arrays.matrix.tocsc()
    columns = matrix.shape[1]
    identity = sparse.eye_array(columns, format="csc")
    rows = sparse.block_array(
        [
            [matrix, None],
            [sparse.csc_array(arrays.cost[np.newaxis, :]), None],
            [identity, -identity],
            [identity, identity],
        ],
        format="csc",
    )
    inf = np.full(columns, np.inf)
    cone = Arrays(
        rows,
        np.concatenate([zero_low, [1.0], -inf, np.zeros(columns)]),
        np.concatenate([zero_high, [1.0], np.zeros(columns), inf]),
        np.concatenate([np.zeros(columns), -np.ones(columns)]),
        0.0,
        np.concatenate([least, np.zeros(columns)]),
        np.concatenate([most, inf]),
        np.zeros(2 * columns, dtype=bool),
    )
    found = largest(cone, TIME_LIMIT_S)
    return None if found is None else found.values[:columns]


def _homogeneous(bounds: Floats, open_end: float) -> Floats:
    return np.where(np.isfinite(bounds), 0.0, open_end)


def told(pump: Pump, arrays: Arrays, horizon: Horizon, currency: str, members: int) -> str:
    """The pump as a sentence."""
    first = pump.parts[0]
    steps = {part["step"] for part in pump.parts if part["step"] is not None}
    at = f", {when(steps, horizon)}" if steps else ""
    if members > 1 and first["member"] is not None:
        at += f" in member {first['member']}"
    earning = [p for p in pump.parts if abs(p["earns"]) > TOLERANCE]
    what = ", ".join(f"{part['where']} {part['quantity']}" for part in pump.parts)
    sums = "; ".join(
        f"each unit of {p['where']} {p['quantity']} {'earns' if p['earns'] > 0 else 'costs'} "
        f"{abs(p['earns'] / p['per_unit']):.6g} {currency}"
        for p in earning
    )
    return (
        f"these can grow together without end{at}: {what}. {sums[:1].upper()}{sums[1:]}; "
        f"together {pump.earns:.6g} {currency} for each unit. One of them needs a limit"
    )
