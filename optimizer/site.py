"""A site: its grid connection and its balances.

Power balance, each member and step, in MW at the site's bus::

    import - export = house load + sum of the components' power
    import = sum of what the contracts deliver,   export = sum of what they take

The limits of the connection, its ramp, and its room for the reserves that the site's components hold
(:mod:`optimizer.reserves`) stand in :mod:`optimizer.grid_connection`; that a site does not buy and sell at once in
:mod:`optimizer.trade_direction`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING
from optimizer.component import Carried, Component, Expandable, Finding, Floats, Result, StrictModel
from optimizer.contract import Contract
from optimizer.discovery import AnyAsset, AnyContract, AnyCooling, AnyWorkload
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.grid_connection import CONNECTION_HOLDS, Grid
from optimizer.quantities import Name, Series, SeriesOf
from optimizer.spanning import at_site, audited_at_site
from optimizer.template import Constraint, Var
from optimizer.trade_direction import DIRECTION_HOLDS, direction_constraints, direction_variables

SURE = 1e-6
"""Relative margin beyond which a load surely does not fit: the solver's own tolerance is smaller."""
LEAST_LOAD_MW = 1e-6
"""A watt: a lesser load is within what the solver takes for nothing."""


class Site(StrictModel):
    """One campus behind one grid connection."""

    deeds: ClassVar[tuple[str, str, str]] = ("takes", "takes nothing from the grid", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "balance": Holds(Code.RULE, "power balance of the site", role="price"),
        "bought": Holds(Code.RULE, "import equals what the contracts deliver", role="price"),
        "sold": Holds(Code.RULE, "export equals what the contracts take", role="price"),
        **CONNECTION_HOLDS,
        **DIRECTION_HOLDS,
    }

    name: Name
    """Name in results and messages."""
    grid: Grid = Grid()
    """Connection to the grid; by default unlimited import and no export."""
    house_load_mw: Annotated[Series, SeriesOf("MW", ge=0)] = Series.constant(0.0)
    """Load that is always there (lights, offices, losses)."""
    contracts: tuple[AnyContract, ...] = ()
    """How energy is bought, sold and charged."""
    cooling: tuple[AnyCooling, ...] = ()
    """Plant that removes heat."""
    assets: tuple[AnyAsset, ...] = ()
    """Machines."""
    workloads: tuple[AnyWorkload, ...] = ()
    """Work on the site's GPU pools."""

    expandable: ClassVar[dict[str, Expandable]] = {
        "grid.import_limit_mw": Expandable("import limit of the grid connection", "MW", is_investment=True),
        "grid.export_limit_mw": Expandable("export limit of the grid connection", "MW", is_investment=True),
    }
    gives_way: ClassVar[tuple[str, ...]] = (
        "grid.import_limit_mw",
        "grid.export_limit_mw",
        "grid.ramp_limit_mw_per_hour",
        "house_load_mw",
        "grid.net_import_before_mw",
    )
    """Numbers that a planner can change where there is no plan."""
    carries: ClassVar[dict[str, str]] = {"net_import_mw": "net import at the end of the run, MW (with a ramp limit)"}

    def components(self) -> Iterator[tuple[str, int, Component]]:
        """Section, position and component, in the order of the file's sections."""
        for section in ("contracts", "cooling", "assets", "workloads"):
            for position, component in enumerate(getattr(self, section)):
                yield section, position, component

    def import_limit(self, f: Frame) -> Floats:
        """(members, steps), MW; inf where unlimited."""
        return self.grid.import_limit(f)

    def largest_load(self, f: Frame) -> Floats:
        """Most that the site can take from the grid, (members, steps), MW: all machines at full power, within the
        limit."""
        loads = [p.component.largest_power_mw(p.frame) for p in f.site_parts]
        return np.minimum(self.import_limit(f), np.add.reduce([f.values(self.house_load_mw), *loads]))

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        yield from self._firm_load_findings(f)
        if self.grid.net_import_before_mw is not None and self.grid.ramp_limit_mw_per_hour is None:
            yield Finding("grid.net_import_before_mw", "has no effect without ramp_limit_mw_per_hour", fatal=False)
        if not np.isfinite(f.lowest_buy_price).any():
            yield Finding(
                "contracts",
                "no contract delivers energy, so nothing at this site can run",
                hint="add one, for example {kind: index_supply, name: spot, price_per_mwh: 40}",
            )

    def _firm_load_findings(self, f: Frame) -> Iterator[Finding]:
        """A load that is always there, beyond what the grid can bring: without own sources there is no plan."""
        if any(p.component.feeds_in for p in f.site_parts):
            return
        house, limit = f.values(self.house_load_mw), self.import_limit(f)
        contracts = [(p.component, p.frame) for p in f.site_parts if isinstance(p.component, Contract)]
        supply = np.add.reduce([f.zeros(), *(c.most_delivered_mw(of) for c, of in contracts if c.delivers)])
        for most, what, fatal in ((limit, "the import limit of", True), (supply, "what its contracts deliver,", False)):
            over = house > most * (1 + SURE) + LEAST_LOAD_MW
            if over.any():
                step = int(np.flatnonzero(over.any(axis=0))[0])
                member = int(np.argmax(house[:, step] - most[:, step]))
                yield Finding(
                    "house_load_mw",
                    f"the house load of {house[member, step]:g} MW exceeds {what} {most[member, step]:g} MW from "
                    f"{f.horizon.describe(f.horizon.utc[step])} on" + ("" if fatal else ": there is no plan"),
                    fatal=fatal,
                )
                return

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.house_load_mw = f.series_param(self.house_load_mw)
        b.import_limit_mw = f.series_param(self.import_limit(f))
        b.export_limit_mw = f.series_param(self.grid.export_limit_mw)
        for name, limit in (("import_mw", b.import_limit_mw), ("export_mw", b.export_limit_mw)):
            power = Var(
                f.members, f.steps, within=pyo.NonNegativeReals, bounds=lambda b, w, t, limit=limit: (0, limit[w, t])
            )
            b.add_component(name, power)
        direction_variables(b, f, f.values(self.grid.export_limit_mw))

    def constraints(self, b: Any, f: Frame) -> None:
        # sums over components are over lists: Pyomo's templates cannot take an empty generator
        contracts = [p for p in f.site_parts if isinstance(p.component, Contract)]
        loads = [p for p in f.site_parts if not isinstance(p.component, Contract)]
        b.bought = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.import_mw[w, t] == sum([at_site(p, "delivered", self.name, w, t) for p in contracts])
            ),
            doc="import equals what the contracts deliver",
        )
        b.sold = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: b.export_mw[w, t] == sum([at_site(p, "sold", self.name, w, t) for p in contracts]),
            doc="export equals what the contracts take",
        )
        b.balance = Constraint(
            f.members,
            f.steps,
            rule=lambda b, w, t: (
                b.import_mw[w, t] - b.export_mw[w, t] == b.house_load_mw[w, t] + sum([p.power_mw(w, t) for p in loads])
            ),
            doc="power balance of the site",
        )
        self.grid.ramp_constraints(b, f)
        direction_constraints(b, f, self.name, f.values(self.grid.export_limit_mw), contracts)
        self.grid.reserve_constraints(b, f, self.name, loads)

    # ------------------------------------------------------------------ after the model
    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "import_mw": f.by_time(lambda b, w, t: b.import_mw[w, t], "MW", "power taken from the grid"),
            "export_mw": f.by_time(lambda b, w, t: b.export_mw[w, t], "MW", "power given to the grid"),
            "import_limit_mw": f.by_time(lambda b, w, t: b.import_limit_mw[w, t], "MW", "limit of the connection"),
            "house_load_mw": f.by_time(lambda b, w, t: b.house_load_mw[w, t], "MW", "load that is always there"),
        }

    def audit(self, a: AuditView, parts: list[AuditView]) -> None:
        """Limits of the connection and the power balance, from the plan alone."""
        imported, exported = a.site("import_mw"), a.site("export_mw")
        self.grid.audit_limits(a)
        a.equal("never import and export at once", np.minimum(imported, exported), 0.0)
        contracts = [p for p in parts if isinstance(p.component, Contract)]
        bought = sum((audited_at_site(p, "delivered", self.name) for p in contracts), np.zeros(a.shape))
        sold = sum((audited_at_site(p, "sold", self.name) for p in contracts), np.zeros(a.shape))
        a.equal("import equals what the contracts deliver", imported, bought)
        a.equal("export equals what the contracts take", exported, sold)
        a.equal("house load as given", a.site("house_load_mw"), a.values(self.house_load_mw))
        load = a.values(self.house_load_mw) + sum(p.site_power_mw() for p in parts)
        a.equal("power balance of the site", imported - exported, load)
        self.grid.audit_room_and_ramp(a, self.name, parts)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        """Net import of the last step, from which the ramp limit goes on."""
        if self.grid.ramp_limit_mw_per_hour is None:
            return {}
        return {"net_import_mw": np.round(a.site("import_mw")[:, -1] - a.site("export_mw")[:, -1], ROUNDING)}
