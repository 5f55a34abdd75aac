"""Carbon: what the imported energy emits, its price, its cap, and the share that is matched hour by hour.

Emissions of a step, in tonnes, by one of the two accounts of the GHG Protocol's Scope 2 guidance (2015)::

    location: e_t = sum_s grid_intensity_{s,t} * import_{s,t} * step_h / 1000
    market:   e_t = sum_c intensity_{c,t} * delivered_{c,t} * step_h / 1000

``grid_intensity`` is the site's ``grid.co2_kg_per_mwh``. In the market account each supply counts with its own
``co2_kg_per_mwh``; one that guarantees none counts with ``residual_co2_kg_per_mwh``, by default the grid's. Both
accounts are reported, whichever is priced and capped::

    cost = sum_t price_t * e_t
    sum_{t in period} e_t <= cap_t - carried                                               (carried: of earlier runs)
    sum_{t in period} renewable_t * step_h >= share * sum_{t in period} import_t * step_h        (hourly matching)

``renewable_t`` is the renewable part of what the supplies deliver in the step. Because a supply delivers at most what
is imported in the same step, energy of another hour never counts: the share is one of hourly matching, not of annual
certificates. What a block sells back is not delivered and so does not count.

Fuel burnt on site (``scope_1``) is part of both accounts: ``e_t`` then includes what the sites' plants emit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Contract, Supply
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.horizon import PeriodKind
from optimizer.metering import Reading
from optimizer.quantities import Fraction, NonNegative, Series, SeriesOf
from optimizer.settlement import declare_periods
from optimizer.template import Constraint, Param

if TYPE_CHECKING:
    from optimizer.site import Site

KG_PER_T = 1000.0


class Carbon(Contract):
    """Price, cap and report of the emissions of imported energy."""

    holds: ClassVar[dict[str, Holds]] = {
        "cap": Holds(Code.ENERGY_LIMIT, "the emissions of the period are capped", unit="t", field="cap_t"),
        "matching": Holds(
            Code.CONTRACT_MINIMUM,
            "renewable energy has to match the import hour by hour",
            unit="MWh",
            field="matched_fraction",
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("cap_t", "matched_fraction")

    schedules: ClassVar[tuple[str, ...]] = ("on_site_t",)

    kind: Literal["carbon"] = "carbon"
    basis: Literal["location", "market"] = "location"
    """Account that is priced and capped: of the grid's energy, or of the supplies' own."""
    price_per_t: Annotated[Series, SeriesOf("currency/t", ge=0)] = Series.constant(0.0)
    """Price per tonne of CO2."""
    cap_t: NonNegative | None = None
    """Most tonnes per ``settlement_period``."""
    settlement_period: PeriodKind = "horizon"
    """Period of the cap and of the matched share."""
    matched_fraction: Fraction | None = None
    """Least share of the imported energy, over the period, that renewable supplies deliver in the same step."""
    scope_1: bool = True
    """Whether fuel burnt on site counts as well."""
    residual_co2_kg_per_mwh: Annotated[Series, SeriesOf("kg/MWh", ge=0)] | None = None
    """Intensity of supplies that guarantee none (the residual mix); by default the grid's."""

    carries: ClassVar[dict[str, str]] = {
        "emitted_t": "tonnes emitted so far, by settlement period",
        "imported_mwh": "energy imported so far, by settlement period",
        "renewable_mwh": "renewable energy delivered so far, by settlement period",
    }

    @model_validator(mode="after")
    def _period_has_a_use(self) -> Self:
        if self.settlement_period == "step" and self.cap_t is not None:
            raise ValueError(
                "settlement_period: a cap by step is a limit of power; must be day, month, year or horizon"
            )
        return self

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        for site in f.meters:
            if _site(site).grid.co2_kg_per_mwh is None and (self.basis == "location" or self._needs_residual(f, site)):
                yield Finding(
                    "basis",
                    f"the carbon intensity of the grid at site {site.label} is not known",
                    self.basis,
                    hint="give the site's grid.co2_kg_per_mwh, or residual_co2_kg_per_mwh with basis: market",
                )
        for part in self._supplies(f):
            beyond = [name for name in part.frame.metered_sites if name not in f.metered_sites]
            if beyond:
                yield Finding(
                    "sites",
                    f"the supply {part.label} also delivers to {', '.join(beyond)}, which this account does not cover",
                    hint="list the account under the scenario's own contracts, with the same sites",
                )
        if self.matched_fraction and not any(_renewable(part) > 0 for part in self._supplies(f)):
            yield Finding(
                "matched_fraction",
                "no supply is renewable, so no share can be matched",
                self.matched_fraction,
                hint="give a supply renewable_fraction above 0",
            )
        if self.cap_t is None and self.matched_fraction is None and self.settlement_period != "horizon":
            yield Finding("settlement_period", "has no effect without cap_t or matched_fraction", fatal=False)
        for label, before in self._before(f, "emitted_t"):
            if self.cap_t is not None and (before > self.cap_t).any():
                yield Finding(
                    "cap_t",
                    f"{float(before.max()):g} t have been emitted already in {label}",
                    self.cap_t,
                    allowed=f"at least {float(before.max()):g} t",
                )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.price_per_t = f.series_param(self.price_per_t)
        sites, supplies = list(f.meters), self._supplies(f)
        b.site_numbers = pyo.RangeSet(0, max(0, len(sites) - 1))
        b.supply_numbers = pyo.RangeSet(0, max(0, len(supplies) - 1))
        grid = np.array([self._grid_intensity(site) for site in sites])
        own = np.array([self._own_intensity(part) for part in supplies]) if supplies else np.zeros((1, *f.shape))
        b.grid_t_per_mwh = Param(b.site_numbers, f.members, f.steps, values=grid / KG_PER_T)
        b.supply_t_per_mwh = Param(b.supply_numbers, f.members, f.steps, values=own / KG_PER_T)

    def constraints(self, b: Any, f: Frame) -> None:
        declare_periods(b, f.horizon.period_codes(self.settlement_period))
        if self.cap_t is not None:
            left = np.stack([self.cap_t - before for _, before in self._before(f, "emitted_t")], axis=1)
            b.left_t = Param(f.members, b.periods, values=left)
            b.cap = Constraint(
                f.members,
                b.periods,
                rule=lambda b, w, p: sum(self._emitted_t(b, f, w, t) for t in b.steps_of[p]) <= b.left_t[w, p],
                doc="emissions of the period within cap_t",
            )
        if self.matched_fraction is not None:
            share = self.matched_fraction
            renewable = np.stack([before for _, before in self._before(f, "renewable_mwh")], axis=1)
            imported = np.stack([before for _, before in self._before(f, "imported_mwh")], axis=1)
            b.ahead_mwh = Param(f.members, b.periods, values=renewable - share * imported)
            b.matching = Constraint(
                f.members,
                b.periods,
                rule=lambda b, w, p: (
                    b.ahead_mwh[w, p]
                    + sum(
                        (self._renewable_mw(b, f, w, t) - share * f.import_mw(w, t)) * f.step_h for t in b.steps_of[p]
                    )
                    >= 0
                ),
                doc="renewable energy matches the import hour by hour (matched_fraction)",
            )

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {f"{self.name}_carbon": f.by_step(lambda b, w, t: -b.price_per_t[w, t] * self._emitted_t(b, f, w, t))}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "emitted_t": f.by_time(
                lambda b, w, t: self._emitted_t(b, f, w, t), "t", f"CO2 of the import ({self.basis})"
            ),
            "on_site_t": f.by_time(
                lambda b, w, t: self._on_site_t(f, w, t) + 0.0 * f.import_mw(w, t), "t", "CO2 of fuel burnt on site"
            ),
            "renewable_mw": f.by_time(
                lambda b, w, t: self._renewable_mw(b, f, w, t), "MW", "renewable power delivered by the supplies"
            ),
        }

    def _emitted_t(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self._grid_t(b, f, w, t) + self._on_site_t(f, w, t)

    def _on_site_t(self, f: Frame, w: Any, t: Any) -> Any:
        """Emissions of the plants on site, tonnes."""
        plants = [part.component.emitted_kg(part.block, part.frame, w, t) for part in self._plants(f)]
        return sum(plants) * (1.0 / KG_PER_T)

    def _grid_t(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Emissions of the imported energy, tonnes."""
        if self.basis == "location":
            sites = enumerate(f.metered_sites)
            return f.step_h * sum([b.grid_t_per_mwh[i, w, t] * f.model.sites[s].import_mw[w, t] for i, s in sites])
        supplies = enumerate(self._supplies(f))
        return f.step_h * sum([b.supply_t_per_mwh[i, w, t] * _delivered(part, w, t) for i, part in supplies])

    def _renewable_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return sum([_renewable(part) * _delivered(part, w, t) for part in self._supplies(f) if _renewable(part) > 0])

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> dict[str, BillLine]:
        emitted = self._read_t(r, self.basis) + r.reported("on_site_t")
        return {f"{self.name}_carbon": BillLine(-r.values(self.price_per_t) * emitted, emitted, "t")}

    def audit(self, a: AuditView) -> None:
        plants = sum((a.of(part.label)["emitted_kg"] for part in self._plants(a.frame)), np.zeros(a.shape))
        emitted, renewable = self._read_t(a, self.basis) + plants / KG_PER_T, self._read_renewable_mw(a)
        a.equal("emissions on site are those of the plants", a["on_site_t"], plants / KG_PER_T)
        a.equal("emissions follow from the import and its intensity", a["emitted_t"], emitted)
        a.equal("renewable power is that of the supplies", a["renewable_mw"], renewable)
        before = {key: np.stack([v for _, v in self._before(a.frame, key)], axis=1) for key in self.carries}
        if self.cap_t is not None:
            total = a.sum_by_period(emitted, self.settlement_period) + before["emitted_t"]
            a.at_most("emissions of the period within cap_t", total, self.cap_t)
        if self.matched_fraction is not None:
            matched = a.sum_by_period(a.energy_mwh(renewable), self.settlement_period) + before["renewable_mwh"]
            imported = a.sum_by_period(a.energy_mwh(a.import_mw), self.settlement_period) + before["imported_mwh"]
            a.at_least("renewable energy matches the import", matched, self.matched_fraction * imported)
        super().audit(a)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        found = {
            "emitted_t": self._read_t(a, self.basis) + a["on_site_t"],
            "imported_mwh": a.energy_mwh(a.import_mw),
            "renewable_mwh": a.energy_mwh(self._read_renewable_mw(a)),
        }
        last = a.horizon.period_labels(self.settlement_period)[-1]
        return {
            key: {last: a.sum_by_period(values, self.settlement_period)[:, -1] + self._before(a.frame, key)[-1][1]}
            for key, values in found.items()
        }

    def summary(self, a: AuditView) -> dict[str, float]:
        found = {
            f"co2_{basis}_t": self._read_t(a, basis) + a["on_site_t"]
            for basis in ("location", "market")
            if self._is_known(a, basis)
        }
        figures = {key: float(a.probabilities @ values.sum(axis=1)) for key, values in found.items()}
        imported = float(a.probabilities @ a.import_mw.sum(axis=1))
        matched = float(a.probabilities @ self._read_renewable_mw(a).sum(axis=1))
        return figures | {"matched_fraction": matched / imported if imported > 0 else 1.0}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Carbon", ("emitted_t",), "t", f"CO2 of the import ({self.basis})"),)

    # ------------------------------------------------------------------ figures from the data
    def _supplies(self, f: Frame) -> list[Part]:
        """The supplies of the account's sites, each once."""
        found = {part.label: part for site in f.meters for part in site.frame.site_parts}
        return [part for part in found.values() if isinstance(part.component, Supply)]

    def _plants(self, f: Frame) -> list[Part]:
        """Plants of the account's sites that burn fuel."""
        if not self.scope_1:
            return []
        return [part for site in f.meters for part in site.frame.site_parts if part.component.emits]

    def _needs_residual(self, f: Frame, site: Part) -> bool:
        supplies = [part.component for part in site.frame.site_parts if isinstance(part.component, Supply)]
        return self.residual_co2_kg_per_mwh is None and any(c.co2_kg_per_mwh is None for c in supplies)

    def _is_known(self, r: Reading, basis: str) -> bool:
        """Whether the data tell the emissions of an account; the one that is not priced may be unknown."""
        return all(
            _site(site).grid.co2_kg_per_mwh is not None
            or (basis == "market" and not self._needs_residual(r.frame, site))
            for site in r.frame.meters
        )

    def _grid_intensity(self, site: Part) -> Floats:
        """kg/MWh, (members, steps); 0 where it is not known, and then not used."""
        intensity = _site(site).grid.co2_kg_per_mwh
        return site.frame.zeros() if intensity is None else site.frame.values(intensity)

    def _own_intensity(self, part: Part) -> Floats:
        """Intensity of a supply in the market account, kg/MWh, (members, steps)."""
        supply = part.component
        assert isinstance(supply, Supply)
        for series in (supply.co2_kg_per_mwh, self.residual_co2_kg_per_mwh):
            if series is not None:
                return part.frame.values(series)
        return np.asarray(np.mean([self._grid_intensity(site) for site in part.frame.meters], axis=0))

    def _read_t(self, r: Reading, basis: str) -> Floats:
        """Emissions of the import by step, tonnes, from the reading alone."""
        if basis == "location":
            by_source = [(self._grid_intensity(site), r.at_site(site.label, "import_mw")) for site in r.frame.meters]
        else:
            by_source = [
                (self._own_intensity(part), r.of(part.label)["delivered_mw"]) for part in self._supplies(r.frame)
            ]
        kilograms = sum((intensity * r.energy_mwh(power) for intensity, power in by_source), np.zeros(r.shape))
        return np.asarray(kilograms / KG_PER_T)

    def _read_renewable_mw(self, r: Reading) -> Floats:
        supplies = self._supplies(r.frame)
        return sum((_renewable(p) * r.of(p.label)["delivered_mw"] for p in supplies), np.zeros(r.shape))

    def _before(self, f: Frame, key: str) -> list[tuple[str, Floats]]:
        """What earlier runs have carried, by period of this horizon: label and (members,)."""
        carried = f.carried.by_period(key)
        return [
            (label, carried.get(label, f.zeros()[:, 0])) for label in f.horizon.period_labels(self.settlement_period)
        ]


def _site(part: Part) -> Site:
    site: Site = part.component  # type: ignore[assignment]
    return site


def _renewable(part: Part) -> float:
    return part.component.renewable_fraction if isinstance(part.component, Supply) else 0.0


def _delivered(part: Part, w: Any, t: Any) -> Any:
    assert isinstance(part.component, Supply)
    return part.component.delivered_mw(part.block, part.frame, w, t)
