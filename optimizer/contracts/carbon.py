"""Carbon: what the imported energy emits, its price, its cap, and the share that is matched hour by hour.

The emissions of a step, ``e_t`` tonnes, are counted in one of the two accounts of :mod:`optimizer.emissions_account`,
by location or by market. Both are reported, whichever is priced and capped::

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
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyomo.environ as pyo
from pydantic import model_validator

from optimizer.audit import AuditView
from optimizer.chart import Chart
from optimizer.component import Carried, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Contract
from optimizer.emissions_account import KG_PER_T, EmissionsAccount, delivered_mw, renewable
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.horizon import PeriodKind
from optimizer.metering import Reading
from optimizer.quantities import Fraction, NonNegative, Series, SeriesOf
from optimizer.settlement import declare_periods
from optimizer.template import Constraint, Param


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
        account = self._account(f)
        for site in account.sites:
            if not account.knows_grid(site) and (self.basis == "location" or account.needs_residual(site)):
                yield Finding(
                    "basis",
                    f"the carbon intensity of the grid at site {site.label} is not known",
                    self.basis,
                    hint="give the site's grid.co2_kg_per_mwh, or residual_co2_kg_per_mwh with basis: market",
                )
        for part in account.supplies:
            beyond = [name for name in part.frame.metered_sites if name not in f.metered_sites]
            if beyond:
                yield Finding(
                    "sites",
                    f"the supply {part.label} also delivers to {', '.join(beyond)}, which this account does not cover",
                    hint="list the account under the scenario's own contracts, with the same sites",
                )
        if self.matched_fraction and not any(renewable(part) > 0 for part in account.supplies):
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
        account = self._account(f)
        sites, supplies = account.sites, account.supplies
        b.site_numbers = pyo.RangeSet(0, max(0, len(sites) - 1))
        b.supply_numbers = pyo.RangeSet(0, max(0, len(supplies) - 1))
        grid = np.array([account.grid_intensity(site) for site in sites])
        own = np.array([account.own_intensity(part) for part in supplies]) if supplies else np.zeros((1, *f.shape))
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
            share, account = self.matched_fraction, self._account(f)
            renewable = np.stack([before for _, before in self._before(f, "renewable_mwh")], axis=1)
            imported = np.stack([before for _, before in self._before(f, "imported_mwh")], axis=1)
            b.ahead_mwh = Param(f.members, b.periods, values=renewable - share * imported)
            b.matching = Constraint(
                f.members,
                b.periods,
                rule=lambda b, w, p: (
                    b.ahead_mwh[w, p]
                    + sum((account.renewable_mw(w, t) - share * f.import_mw(w, t)) * f.step_h for t in b.steps_of[p])
                    >= 0
                ),
                doc="renewable energy matches the import hour by hour (matched_fraction)",
            )

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {f"{self.name}_carbon": f.by_step(lambda b, w, t: -b.price_per_t[w, t] * self._emitted_t(b, f, w, t))}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        account = self._account(f)
        return {
            "emitted_t": f.by_time(
                lambda b, w, t: self._emitted_t(b, f, w, t), "t", f"CO2 of the import ({self.basis})"
            ),
            "on_site_t": f.by_time(
                lambda b, w, t: account.plants_t(w, t) + 0.0 * f.import_mw(w, t), "t", "CO2 of fuel burnt on site"
            ),
            "renewable_mw": f.by_time(
                lambda b, w, t: account.renewable_mw(w, t), "MW", "renewable power delivered by the supplies"
            ),
        }

    def _emitted_t(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return self._grid_t(b, f, w, t) + self._account(f).plants_t(w, t)

    def _grid_t(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Emissions of the imported energy, tonnes."""
        if self.basis == "location":
            sites = enumerate(f.metered_sites)
            return f.step_h * sum([b.grid_t_per_mwh[i, w, t] * f.model.sites[s].import_mw[w, t] for i, s in sites])
        supplies = enumerate(self._account(f).supplies)
        return f.step_h * sum([b.supply_t_per_mwh[i, w, t] * delivered_mw(part, w, t) for i, part in supplies])

    # ------------------------------------------------------------------ after the model
    def bill(self, r: Reading) -> dict[str, BillLine]:
        emitted = self._account(r.frame).read_t(r, self.basis) + r.reported("on_site_t")
        return {f"{self.name}_carbon": BillLine(-r.values(self.price_per_t) * emitted, emitted, "t")}

    def audit(self, a: AuditView) -> None:
        account = self._account(a.frame)
        plants = sum((a.of(part.label)["emitted_kg"] for part in account.plants), np.zeros(a.shape))
        emitted, renewable_mw = account.read_t(a, self.basis) + plants / KG_PER_T, account.read_renewable_mw(a)
        a.equal("emissions on site are those of the plants", a["on_site_t"], plants / KG_PER_T)
        a.equal("emissions follow from the import and its intensity", a["emitted_t"], emitted)
        a.equal("renewable power is that of the supplies", a["renewable_mw"], renewable_mw)
        before = {key: np.stack([v for _, v in self._before(a.frame, key)], axis=1) for key in self.carries}
        if self.cap_t is not None:
            total = a.sum_by_period(emitted, self.settlement_period) + before["emitted_t"]
            a.at_most("emissions of the period within cap_t", total, self.cap_t)
        if self.matched_fraction is not None:
            matched = a.sum_by_period(a.energy_mwh(renewable_mw), self.settlement_period) + before["renewable_mwh"]
            imported = a.sum_by_period(a.energy_mwh(a.import_mw), self.settlement_period) + before["imported_mwh"]
            a.at_least("renewable energy matches the import", matched, self.matched_fraction * imported)
        super().audit(a)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        account = self._account(a.frame)
        found = {
            "emitted_t": account.read_t(a, self.basis) + a["on_site_t"],
            "imported_mwh": a.energy_mwh(a.import_mw),
            "renewable_mwh": a.energy_mwh(account.read_renewable_mw(a)),
        }
        last = a.horizon.period_labels(self.settlement_period)[-1]
        return {
            key: {last: a.sum_by_period(values, self.settlement_period)[:, -1] + self._before(a.frame, key)[-1][1]}
            for key, values in found.items()
        }

    def summary(self, a: AuditView) -> dict[str, float]:
        account = self._account(a.frame)
        found = {
            f"co2_{basis}_t": account.read_t(a, basis) + a["on_site_t"]
            for basis in ("location", "market")
            if account.is_known(basis)
        }
        figures = {key: float(a.probabilities @ values.sum(axis=1)) for key, values in found.items()}
        imported = float(a.probabilities @ a.import_mw.sum(axis=1))
        matched = float(a.probabilities @ account.read_renewable_mw(a).sum(axis=1))
        return figures | {"matched_fraction": matched / imported if imported > 0 else 1.0}

    def charts(self, f: Frame) -> tuple[Chart, ...]:
        return (Chart("Carbon", ("emitted_t",), "t", f"CO2 of the import ({self.basis})"),)

    # ------------------------------------------------------------------ figures from the data
    def _account(self, f: Frame) -> EmissionsAccount:
        return EmissionsAccount(f, self.residual_co2_kg_per_mwh, self.scope_1)

    def _before(self, f: Frame, key: str) -> list[tuple[str, Floats]]:
        """What earlier runs have carried, by period of this horizon: label and (members,)."""
        carried = f.carried.by_period(key)
        return [
            (label, carried.get(label, f.zeros()[:, 0])) for label in f.horizon.period_labels(self.settlement_period)
        ]
