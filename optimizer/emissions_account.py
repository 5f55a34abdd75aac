"""Accounts of the emissions of imported energy, by the GHG Protocol's Scope 2 guidance (2015).

Emissions of a step, in tonnes::

    location: e_t = sum_s grid_intensity_{s,t} * import_{s,t} * step_h / 1000
    market:   e_t = sum_c intensity_{c,t} * delivered_{c,t} * step_h / 1000

``grid_intensity`` is the site's ``grid.co2_kg_per_mwh``. In the market account each supply counts with its own
``co2_kg_per_mwh``; one that guarantees none counts with ``residual_co2_kg_per_mwh``, by default the grid's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.component import Floats
from optimizer.contract import Supply
from optimizer.frame import Frame, Part
from optimizer.metering import Reading
from optimizer.quantities import Series

if TYPE_CHECKING:
    from optimizer.site import Site

KG_PER_T = 1000.0


@dataclass(frozen=True)
class EmissionsAccount:
    """Sites, supplies and plants of one account, and what is known of their emissions."""

    frame: Frame
    """That of the contract that keeps the account."""
    residual_co2_kg_per_mwh: Series | None
    """Intensity of supplies that guarantee none; None: the grid's."""
    counts_plants: bool
    """Whether fuel burnt on site counts."""

    @property
    def sites(self) -> list[Part]:
        return list(self.frame.meters)

    @property
    def supplies(self) -> list[Part]:
        """The supplies of the account's sites, each once."""
        found = {part.label: part for site in self.frame.meters for part in site.frame.site_parts}
        return [part for part in found.values() if isinstance(part.component, Supply)]

    @property
    def plants(self) -> list[Part]:
        """Plants of the account's sites that burn fuel."""
        if not self.counts_plants:
            return []
        return [part for site in self.frame.meters for part in site.frame.site_parts if part.component.emits]

    def knows_grid(self, site: Part) -> bool:
        """Whether the intensity of the grid at a site is given."""
        return _site(site).grid.co2_kg_per_mwh is not None

    def needs_residual(self, site: Part) -> bool:
        """Whether a supply of a site can only be told by the grid's intensity in the market account."""
        supplies = [part.component for part in site.frame.site_parts if isinstance(part.component, Supply)]
        return self.residual_co2_kg_per_mwh is None and any(c.co2_kg_per_mwh is None for c in supplies)

    def is_known(self, basis: str) -> bool:
        """Whether the data tell the emissions of an account; the one that is not priced may be unknown."""
        return all(
            self.knows_grid(site) or (basis == "market" and not self.needs_residual(site)) for site in self.sites
        )

    def grid_intensity(self, site: Part) -> Floats:
        """kg/MWh, (members, steps); 0 where it is not known, and then not used."""
        intensity = _site(site).grid.co2_kg_per_mwh
        return site.frame.zeros() if intensity is None else site.frame.values(intensity)

    def own_intensity(self, part: Part) -> Floats:
        """Intensity of a supply in the market account, kg/MWh, (members, steps)."""
        supply = part.component
        assert isinstance(supply, Supply)
        for series in (supply.co2_kg_per_mwh, self.residual_co2_kg_per_mwh):
            if series is not None:
                return part.frame.values(series)
        return np.asarray(np.mean([self.grid_intensity(site) for site in part.frame.meters], axis=0))

    # ------------------------------------------------------------------ the model
    def plants_t(self, w: Any, t: Any) -> Any:
        """Emissions of the plants on site, tonnes."""
        plants = [part.component.emitted_kg(part.block, part.frame, w, t) for part in self.plants]
        return sum(plants) * (1.0 / KG_PER_T)

    def renewable_mw(self, w: Any, t: Any) -> Any:
        """Renewable power delivered by the supplies, MW."""
        return sum([renewable(part) * delivered_mw(part, w, t) for part in self.supplies if renewable(part) > 0])

    # ------------------------------------------------------------------ after the model
    def read_t(self, r: Reading, basis: str) -> Floats:
        """Emissions of the import by step, tonnes, (members, steps), from the reading alone."""
        if basis == "location":
            by_source = [(self.grid_intensity(site), r.at_site(site.label, "import_mw")) for site in self.sites]
        else:
            by_source = [(self.own_intensity(part), r.of(part.label)["delivered_mw"]) for part in self.supplies]
        kilograms = sum((intensity * r.energy_mwh(power) for intensity, power in by_source), np.zeros(r.shape))
        return np.asarray(kilograms / KG_PER_T)

    def read_renewable_mw(self, r: Reading) -> Floats:
        """Renewable power delivered by the supplies, MW, (members, steps), from the reading alone."""
        delivered = (renewable(part) * r.of(part.label)["delivered_mw"] for part in self.supplies)
        return sum(delivered, np.zeros(r.shape))


def renewable(part: Part) -> float:
    """Renewable share of what a supply delivers; 0 of what is none."""
    return part.component.renewable_fraction if isinstance(part.component, Supply) else 0.0


def delivered_mw(part: Part, w: Any, t: Any) -> Any:
    """What a supply delivers, MW."""
    assert isinstance(part.component, Supply)
    return part.component.delivered_mw(part.block, part.frame, w, t)


def _site(part: Part) -> Site:
    site: Site = part.component  # type: ignore[assignment]
    return site
