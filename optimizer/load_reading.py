"""A metered load as the contracts of a scenario see it: powers at the meters and schedules, without any plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.metering import Reading

if TYPE_CHECKING:
    from optimizer.frame import Frame

Floats = NDArray[np.float64]
Powers = Mapping[tuple[str, str], Floats]
"""By (site or contract, variable), each (members, steps)."""


class LoadReading(Reading):
    """What was metered at the sites and scheduled under the contracts, as one contract sees it."""

    def __init__(self, frame: Frame, metered: Powers, schedules: Powers) -> None:
        """``metered`` holds import and export by site; ``schedules`` every schedule that is known by contract."""
        super().__init__(frame)
        self._metered = metered
        self._schedules = schedules

    def __getitem__(self, variable: str) -> Floats:
        return self._schedules[self.label, variable]

    def reported(self, variable: str) -> Floats:
        return self._schedules.get((self.label, variable), np.zeros(self.shape))

    def at_site(self, site: str, variable: str) -> Floats:
        return self._metered[site, variable]

    def of(self, label: str) -> LoadReading:
        return LoadReading(self._frame.parts[label].frame, self._metered, self._schedules)
