"""Where a plant's heat goes: free cooling, and the tower with its water.

At the temperature ``T`` of the outside air, with ``coc`` cycles of concentration in the tower::

    0 <= free_t <= min(ua * max(return_c - T_t, 0), capacity_t)                                   (MW of heat)
    rejected_t = chilled_t + compressor_t + free_t (if it goes through the tower)                 (MW of heat)
    water_t    = 1.48 * coc / (coc - 1) * evaporated_fraction_t * rejected_t * step_h             (m3)
    sum_{t in period} water_t <= water_limit - used before                                  (m3 per settlement period)

``T`` is the wet bulb for free cooling by a tower, the dry bulb for a dry cooler. 1.48 L per kWh is the evaporation of
all the heat: 3600 kJ per kWh over the 2430 kJ that a kilogram of water takes at 30 °C. The factor of ``coc`` adds the
blowdown that keeps the salts in the tower at ``coc`` times those of the make-up water; drift is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.component import Finding, Floats, StrictModel
from optimizer.frame import Frame
from optimizer.horizon import PeriodKind
from optimizer.quantities import NonNegative, Series, SeriesOf
from optimizer.temperature import COLDEST_C, HOTTEST_C

M3_PER_MWH_EVAPORATED = 1.48
"""Water evaporated per heat, m3/MWh (L/kWh)."""


class FreeCooling(StrictModel):
    """Heat given to the outside air without chillers: a heat exchanger on the tower, or a dry cooler."""

    temperature_c: Annotated[Series, SeriesOf("°C", ge=COLDEST_C, le=HOTTEST_C)]
    """Temperature of the outside air that the cooler works against, °C: wet bulb for a tower, dry bulb for a dry
    cooler."""
    return_c: Annotated[Series, SeriesOf("°C", ge=0, le=100)]
    """Temperature of the water that comes back from the machines, °C."""
    ua_mw_per_k: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False, json_schema_extra={"unit": "MW/K"})]
    """Heat removed per degree between the return and the outside air, MW/K."""
    capacity_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most heat that it removes however cold it is; not limited by default."""
    power_per_mw: Annotated[Series, SeriesOf("MW/MW", ge=0)] = Series.constant(0.0)
    """Power of its fans and pumps per heat that it removes."""
    through_tower: bool = True
    """Its heat is given off by the plant's tower, where there is one (its water and power); ``false``: by a dry
    cooler."""
    integrated: bool = True
    """It takes what it can and the chillers the rest; ``false``: either it or the chillers run, never both in a
    step."""

    def limit_mw(self, f: Frame | AuditView) -> Floats:
        """Most heat that it removes, MW, (members, steps)."""
        degrees = np.maximum(f.values(self.return_c) - f.values(self.temperature_c), 0.0)
        most = self.ua_mw_per_k * degrees
        return most if self.capacity_mw is None else np.minimum(most, f.values(self.capacity_mw))

    def findings(self, f: Frame, field: str) -> Iterator[Finding]:
        """Free cooling that never helps."""
        if not (self.limit_mw(f) > 0).any():
            coldest = float(f.values(self.temperature_c).min())
            message = f"never cools within the horizon: the outside air has {coldest:g} °C or more"
            yield Finding(f"{field}.return_c", message, float(f.values(self.return_c).max()), fatal=False)


class Tower(StrictModel):
    """A cooling tower: fans, pumps and water."""

    cycles_of_concentration: Annotated[float, Field(gt=1, strict=True, allow_inf_nan=False)] = 4.0
    """Salts in the tower's water over those in the make-up water; 2 to 4 are common, 6 and more possible."""
    evaporated_fraction: Annotated[Series, SeriesOf("1", ge=0, le=1)] = Series.constant(1.0)
    """Share of the heat that evaporates water; less for hybrid towers and in cold air."""
    power_per_mw: Annotated[Series, SeriesOf("MW/MW", ge=0)] = Series.constant(0.0)
    """Power of its fans and the condenser pumps per heat rejected."""
    water_price_per_m3: Annotated[Series, SeriesOf("currency/m3", ge=0)] = Series.constant(0.0)
    """Price of water and its treatment."""
    water_limit_m3: NonNegative | None = None
    """Most water per ``water_period``, m3; not limited by default."""
    water_period: PeriodKind = "month"
    """Period of the limit: day, month, year or horizon."""

    def m3_per_mwh(self, f: Frame | AuditView) -> Floats:
        """Water per heat rejected, m3/MWh, (members, steps)."""
        cycles = self.cycles_of_concentration
        evaporated = M3_PER_MWH_EVAPORATED * f.values(self.evaporated_fraction)
        return np.asarray(evaporated * (cycles / (cycles - 1.0)))


class HeatRejection(StrictModel):
    """The fields of a plant that say where its heat goes, and what follows from them and the weather."""

    free_cooling: FreeCooling | None = None
    """Heat given to the outside air without chillers; none by default."""
    tower: Tower | None = None
    """Cooling tower that rejects the heat; by default air-cooled condensers, whose fans are part of ``cop``."""

    @property
    def free_through_tower(self) -> bool:
        """Whether the heat of free cooling is given off by the tower."""
        return self.tower is not None and self.free_cooling is not None and self.free_cooling.through_tower

    @property
    def water_limit_m3(self) -> float | None:
        """Most water per period of the tower."""
        return None if self.tower is None else self.tower.water_limit_m3

    def free_limit(self, f: Frame | AuditView) -> Floats:
        """Most heat that free cooling removes, MW, (members, steps)."""
        return f.full(0.0) if self.free_cooling is None else self.free_cooling.limit_mw(f)

    def free_power(self, f: Frame | AuditView) -> Floats:
        """Power of free cooling per heat, MW/MW, (members, steps)."""
        return f.full(0.0) if self.free_cooling is None else f.values(self.free_cooling.power_per_mw)

    def tower_power(self, f: Frame | AuditView) -> Floats:
        """Power of the tower per heat rejected, MW/MW, (members, steps)."""
        return f.full(0.0) if self.tower is None else f.values(self.tower.power_per_mw)

    def used_before(self, f: Frame) -> list[tuple[str, Floats]]:
        """Water of earlier runs, by period of this horizon: label and m3, (members,)."""
        carried = f.carried.by_period("water_m3")
        period = "month" if self.tower is None else self.tower.water_period
        return [(label, carried.get(label, f.zeros()[:, 0])) for label in f.horizon.period_labels(period)]

    def rejection_findings(self, f: Frame) -> Iterator[Finding]:
        """Free cooling that never helps, and water that has been used up already."""
        if self.free_cooling is not None:
            yield from self.free_cooling.findings(f, "free_cooling")
        limit = self.water_limit_m3
        for label, used in self.used_before(f):
            if limit is not None and (used > limit).any():
                most = float(used.max())
                message = f"{most:g} m3 have been used already in {label}"
                yield Finding("tower.water_limit_m3", message, limit, allowed=f"at least {most:g} m3")
