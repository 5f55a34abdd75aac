"""How the money of two plans differs, line by line: expected over the members, revenue positive."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.comparison.sides import Overlap, Side

Floats = NDArray[np.float64]
COLUMNS = ("site", "component", "line", "a", "b", "change")


def money_table(a: Side, b: Side, overlap: Overlap) -> pd.DataFrame:
    """Every ledger line of both plans in the common time; ``change`` adds up to that of the profit.

    With the same horizon, ``a`` and ``b`` add up to the expected profits. Of plans whose horizons differ, amounts
    count that are booked in a common step; charges by month or over the horizon are booked in its last.
    """
    one, other = (_lines(side, overlap) for side in (a, b))
    keys = list(dict.fromkeys([*other, *one]))
    sites = {key: _site(key[0], (b, a)) for key in keys}
    amounts = np.array([[one.get(key, 0.0), other.get(key, 0.0)] for key in keys]).reshape(-1, 2)
    table = pd.DataFrame(
        {
            "site": [sites[key] for key in keys],
            "component": [key[0] for key in keys],
            "line": [key[1] for key in keys],
            "a": amounts[:, 0],
            "b": amounts[:, 1],
            "change": amounts[:, 1] - amounts[:, 0],
        },
        columns=list(COLUMNS),
    )
    order = np.argsort(-np.abs(table["change"].to_numpy(dtype=float)), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _lines(side: Side, overlap: Overlap) -> dict[tuple[str, str], float]:
    return {
        key: float(overlap.total(side.expected(amount), side.scenario.horizon).sum())
        for key, amount in side.plan.money.items()
    }


def _site(label: str, among: tuple[Side, ...]) -> str:
    for side in among:
        if label in side.parts.components:
            return side.parts.components[label].site or ""
    return ""
