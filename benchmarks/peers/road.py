"""What a formulation offers to the runner: the phases of a solve, each to be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LINES = ("mining", "rent", "export", "day_ahead", "imbalance", "adder", "wear")
"""Ledger lines that every formulation returns."""
QUANTITIES = ("import_mw", "export_mw", "position_mw", "running", "nodes", "soc_mwh", "charge_mw", "discharge_mw")
"""Parts of the schedule that every formulation returns."""


@dataclass
class Results:
    """Schedule and money as arrays over (sites, members, hours); ``running`` by mode after the site."""

    dispatch: dict[str, Floats]
    money: dict[str, Floats]

    def expected(self, probability: float) -> float:
        """Expected profit from the money lines."""
        return float(sum(line.sum() for line in self.money.values())) * probability


class Road(Protocol):
    """One formulation; the methods are called in this order, each once."""

    def read(self, folder: Path) -> None:
        """From the files to what the formulation starts from."""

    def build(self) -> None:
        """Formulate."""

    def hand_over(self) -> Any:
        """Give the problem to HiGHS; returns the ``highspy.Highs`` that holds it."""

    def results(self, values: Floats) -> Results | Callable[[], Results]:
        """Schedule and money at ``values``, the values of HiGHS's columns; or what only remains to be put in the names
        and the order of the comparison, which is not measured."""


def size_of(highs: Any) -> dict[str, int]:
    """Rows, columns and non-zeros that HiGHS holds."""
    return {"rows": highs.getNumRow(), "columns": highs.getNumCol(), "nonzeros": highs.getNumNz()}
