"""What the fields of a scenario need to know of the rest of the file while they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from optimizer.horizon import Horizon


class ColumnSource(Protocol):
    """What gives the columns to which series refer."""

    def column(self, source: str, column: str) -> NDArray[np.float64]:
        """Values at the steps of the horizon, (1, T) or (M, T)."""
        ...


@dataclass(frozen=True)
class LoadContext:
    """What a scenario's fields need to know of the rest of the file while they are read (pydantic's `context`)."""

    horizon: Horizon | None = None
    """The steps to which series are aligned."""
    members: int | None = None
    """Members of the forecast ensemble; 1 for a deterministic run, None if not known."""
    sources: ColumnSource | None = None
    """The data files; without them references to `source.column` are checked for their form only."""
