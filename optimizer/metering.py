"""What was metered and scheduled, as one component sees it: from a plan, or from a meter.

A contract is billed from a reading alone (:meth:`optimizer.contract.Contract.bill`), with plain numpy and without the
model: the same bill settles a plan, audits its ledger, and prices a metered load that no optimiser has planned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.frame import Frame
    from optimizer.horizon import Horizon, PeriodKind
    from optimizer.quantities import Series

Floats = NDArray[np.float64]


class Reading(ABC):
    """Powers in MW, (members, steps), of the sites that a component belongs to, and its own schedules."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    # ------------------------------------------------------------------ what was metered
    @abstractmethod
    def __getitem__(self, variable: str) -> Floats:
        """A variable of this component: (members, steps), or (members,) for one without time."""

    @abstractmethod
    def reported(self, variable: str) -> Floats:
        """A variable of this component, (members, steps); 0 where it does not report it."""

    @abstractmethod
    def at_site(self, site: str, variable: str) -> Floats:
        """A variable of a site (``import_mw``, ``export_mw``), (members, steps)."""

    @abstractmethod
    def of(self, label: str) -> Reading:
        """The same reading as another component sees it."""

    @property
    def import_mw(self) -> Floats:
        """Metered import of the component's sites together, (members, steps)."""
        return sum((self.at_site(site, "import_mw") for site in self._frame.metered_sites), np.zeros(self.shape))

    @property
    def export_mw(self) -> Floats:
        """Metered export of the component's sites together, (members, steps)."""
        return sum((self.at_site(site, "export_mw") for site in self._frame.metered_sites), np.zeros(self.shape))

    # ------------------------------------------------------------------ what is known
    @property
    def label(self) -> str:
        return self._frame.part.label

    @property
    def component(self) -> Any:
        return self._frame.part.component

    @property
    def frame(self) -> Frame:
        return self._frame

    @property
    def shape(self) -> tuple[int, int]:
        """(members, steps)."""
        return self._frame.shape

    @property
    def horizon(self) -> Horizon:
        return self._frame.horizon

    @property
    def step_h(self) -> float:
        return self._frame.step_h

    @property
    def probabilities(self) -> Floats:
        """Probability of each member."""
        return self._frame.probabilities

    def values(self, series: Series) -> Floats:
        """A series of the scenario as (members, steps)."""
        return self._frame.values(series)

    def full(self, value: Any) -> Floats:
        return self._frame.full(value)

    def energy_mwh(self, power_mw: Floats) -> Floats:
        """Energy per step of a power, MWh."""
        return self.horizon.energy_mwh(power_mw)

    def sum_by_period(self, values: Floats, kind: PeriodKind) -> Floats:
        """Sums over settlement periods, (members, periods)."""
        codes = self.horizon.period_codes(kind)
        return np.stack([values[:, codes == p].sum(axis=1) for p in range(int(codes.max()) + 1)], axis=1)

    def hosts(self, reference: str) -> Sequence[Reading]:
        """The components that a field refers to, each with its own view of the reading."""
        return [self.of(part.label) for part in self._frame.hosts(reference)]
