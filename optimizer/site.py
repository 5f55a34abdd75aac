"""A site: its grid connection and its balances.

Power balance, each member and step, in MW at the site's bus::

    import - export = house load + sum of the components' power
    import = sum of what the contracts deliver,   export = sum of what they take
    0 <= import <= import_limit,   0 <= export <= export_limit,   |net_t - net_{t-1}| <= ramp_limit * step_h

The connection also has room for the reserves that the site's components hold (:mod:`optimizer.reserves`).

A binary for the direction is created only for those members and steps in which selling pays at least what buying
costs; everywhere else importing and exporting at once only loses money. Each contract that can deliver but a part of
the load is bound to the direction by a row of its own::

    delivered_c <= most_delivered_c * importing

Without them whole plans are the same (no import is none of any contract). But in the relaxation a tenth of the largest
load would let in all of a small block that cannot be resold, to sell it in every dear hour, and the bound would be two
to four times as far from the plan (docs/mip-roads.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.audit import AuditView
from optimizer.carry import ROUNDING
from optimizer.component import Carried, Component, Expandable, Finding, Floats, Result, StrictModel
from optimizer.contract import Contract
from optimizer.discovery import AnyAsset, AnyContract, AnyCooling, AnyWorkload
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.quantities import Name, Series, SeriesOf
from optimizer.reserves import is_reserved
from optimizer.spanning import at_site, audited_at_site
from optimizer.template import Constraint, Param, Var

SURE = 1e-6
"""Relative margin beyond which a load surely does not fit: the solver's own tolerance is smaller."""
LEAST_LOAD_MW = 1e-6
"""A watt: a lesser load is within what the solver takes for nothing."""


class Grid(StrictModel):
    """The connection to the grid."""

    import_limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] | None = None
    """Most power taken from the grid; unlimited by default."""
    export_limit_mw: Annotated[Series, SeriesOf("MW", ge=0)] = Series.constant(0.0)
    """Most power given to the grid."""
    ramp_limit_mw_per_hour: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Largest change of net import (import less export) within an hour, as grid operators ask of large loads."""
    net_import_before_mw: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Net import before the first step, from which the ramp limit starts; not given: the first step is free. One that
    is carried in takes its place."""
    co2_kg_per_mwh: Annotated[Series, SeriesOf("kg/MWh", ge=0)] | None = None
    """Carbon intensity of the grid's energy, reported as ``co2_t`` (1 g/kWh = 1 kg/MWh)."""


class Site(StrictModel):
    """One campus behind one grid connection."""

    deeds: ClassVar[tuple[str, str, str]] = ("takes", "takes nothing from the grid", "feeds in")
    holds: ClassVar[dict[str, Holds]] = {
        "balance": Holds(Code.RULE, "power balance of the site", role="price"),
        "bought": Holds(Code.RULE, "import equals what the contracts deliver", role="price"),
        "sold": Holds(Code.RULE, "export equals what the contracts take", role="price"),
        "import_mw": Holds(
            Code.GRID_LIMIT, "the grid connection takes in at most {limit} MW", unit="MW", field="grid.import_limit_mw"
        ),
        "export_mw": Holds(
            Code.GRID_LIMIT, "the grid connection feeds in at most {limit} MW", unit="MW", field="grid.export_limit_mw"
        ),
        "ramp": Holds(
            Code.RAMP_LIMIT,
            "the net import may change by {limit} MW from step to step at most",
            unit="MW",
            field="grid.ramp_limit_mw_per_hour",
        ),
        "first_ramp": Holds(
            Code.RAMP_LIMIT,
            "the net import before the horizon sets how far the first step can go",
            unit="MW",
            field="grid.ramp_limit_mw_per_hour",
        ),
        "import_direction": Holds(Code.RULE, "a site does not buy and sell at once"),
        "export_direction": Holds(Code.RULE, "a site does not buy and sell at once"),
        "delivery_direction_N": Holds(Code.RULE, "a site does not buy and sell at once"),
        "room_down": Holds(
            Code.RESERVE_AWARD,
            "the connection keeps room for the reserves down",
            unit="MW",
            field="grid.import_limit_mw",
        ),
        "room_up": Holds(
            Code.RESERVE_AWARD, "the connection keeps room for the reserves up", unit="MW", field="grid.export_limit_mw"
        ),
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
        return f.full(np.inf) if self.grid.import_limit_mw is None else f.values(self.grid.import_limit_mw)

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
        b.arbitrage = pyo.Set(initialize=self._arbitrage(f), dimen=2)
        b.importing = Var(b.arbitrage, within=pyo.Binary)

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
        self._ramp(b, f)
        self._direction(b, f, contracts)
        self._reserves(b, f, loads)

    def _ramp(self, b: Any, f: Frame) -> None:
        if self.grid.ramp_limit_mw_per_hour is None:
            return
        most = self.grid.ramp_limit_mw_per_hour * f.step_h
        b.ramp = Constraint(
            f.members,
            f.inner_steps,
            rule=lambda b, w, t: (-most, _net_mw(b, w, t) - _net_mw(b, w, t - 1), most),
            doc="ramp limit of the grid connection (ramp_limit_mw_per_hour)",
        )
        before = self._net_import_before(f)
        if before is None:
            return
        b.net_before_mw = Param(f.members, values=before)
        b.first_step = pyo.RangeSet(0, 0)
        b.first_ramp = Constraint(
            f.members,
            b.first_step,
            rule=lambda b, w, t: (-most, _net_mw(b, w, t) - b.net_before_mw[w], most),
            doc="ramp limit from the net import before the horizon (net_import_before_mw)",
        )

    def _net_import_before(self, f: Frame) -> Floats | None:
        """Net import before the first step, MW, (members,); None where it is not known."""
        if "net_import_mw" in f.carried:
            return f.carried.number("net_import_mw")
        before = self.grid.net_import_before_mw
        return None if before is None else f.full(before)[:, 0]

    def _direction(self, b: Any, f: Frame, contracts: list[Part]) -> None:
        if len(b.arbitrage) == 0:
            return
        limits = f.largest_load_mw, f.values(self.grid.export_limit_mw)
        b.most_import_mw, b.most_export_mw = (f.series_param(limit) for limit in limits)
        b.import_direction = Constraint(
            b.arbitrage,
            rule=lambda b, w, t: b.import_mw[w, t] <= b.most_import_mw[w, t] * b.importing[w, t],
            doc="no import while exporting",
        )
        b.export_direction = Constraint(
            b.arbitrage,
            rule=lambda b, w, t: b.export_mw[w, t] <= b.most_export_mw[w, t] * (1 - b.importing[w, t]),
            doc="no export while importing",
        )
        for number, part in enumerate(contracts):
            assert isinstance(part.component, Contract)
            most = part.component.most_delivered_mw(part.frame)
            if part.component.delivers and (most < f.largest_load_mw).any():
                self._delivery_direction(b, f, part, number, np.minimum(most, f.largest_load_mw))

    def _delivery_direction(self, b: Any, f: Frame, part: Part, number: int, most_mw: Floats) -> None:
        """The direction of one contract; ``most_mw``, (members, steps), is the most that it can deliver here."""
        largest = f"most_delivered_{number}_mw"
        b.add_component(largest, f.series_param(most_mw))
        b.add_component(
            f"delivery_direction_{number}",
            Constraint(
                b.arbitrage,
                rule=lambda b, w, t: (
                    at_site(part, "delivered", self.name, w, t) <= b.component(largest)[w, t] * b.importing[w, t]
                ),
                doc="no import while exporting",
            ),
        )

    def _reserves(self, b: Any, f: Frame, loads: list[Part]) -> None:
        if self.grid.import_limit_mw is not None and is_reserved(self.name, f.parts, "down"):
            b.room_down = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: (
                    _net_mw(b, w, t)
                    + sum([p.component.reserve_power_mw(p.block, p.frame, w, t, "down") for p in loads])
                    <= b.import_limit_mw[w, t]
                ),
                doc="the grid connection has room for the reserves down (grid.import_limit_mw)",
            )
        # without any source behind the meter no call can turn the site into one
        if any(p.component.feeds_in for p in loads) and is_reserved(self.name, f.parts, "up"):
            b.room_up = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: (
                    sum([p.component.reserve_power_mw(p.block, p.frame, w, t, "up") for p in loads])
                    <= b.export_limit_mw[w, t] + _net_mw(b, w, t)
                ),
                doc="the grid connection has room for the reserves up (grid.export_limit_mw)",
            )

    def _arbitrage(self, f: Frame) -> list[tuple[int, int]]:
        """(member, step) in which selling pays at least what buying costs."""
        exports = f.values(self.grid.export_limit_mw) > 0
        pairs = np.argwhere(exports & (f.highest_sell_price >= f.lowest_buy_price))
        return [(int(w), int(t)) for w, t in pairs]

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
        a.at_least("import is not negative", imported, 0.0)
        a.at_least("export is not negative", exported, 0.0)
        if self.grid.import_limit_mw is not None:
            a.at_most("import within import_limit_mw", imported, a.values(self.grid.import_limit_mw))
        a.at_most("export within export_limit_mw", exported, a.values(self.grid.export_limit_mw))
        a.equal("never import and export at once", np.minimum(imported, exported), 0.0)
        contracts = [p for p in parts if isinstance(p.component, Contract)]
        bought = sum((audited_at_site(p, "delivered", self.name) for p in contracts), np.zeros(a.shape))
        sold = sum((audited_at_site(p, "sold", self.name) for p in contracts), np.zeros(a.shape))
        a.equal("import equals what the contracts deliver", imported, bought)
        a.equal("export equals what the contracts take", exported, sold)
        a.equal("house load as given", a.site("house_load_mw"), a.values(self.house_load_mw))
        load = a.values(self.house_load_mw) + sum(p.site_power_mw() for p in parts)
        a.equal("power balance of the site", imported - exported, load)
        net = imported - exported
        if is_reserved(self.name, a.frame.parts, "up"):
            moved = sum((p.component.audited_reserve_power_mw(p, "up") for p in parts), np.zeros(a.shape))
            room = a.values(self.grid.export_limit_mw) + net
            a.at_most("the grid connection has room for the reserves up", moved, room)
        if is_reserved(self.name, a.frame.parts, "down"):
            moved = sum((p.component.audited_reserve_power_mw(p, "down") for p in parts), np.zeros(a.shape))
            a.at_most("the grid connection has room for the reserves down", net + moved, self.import_limit(a.frame))
        if self.grid.ramp_limit_mw_per_hour is not None:
            most = self.grid.ramp_limit_mw_per_hour * a.step_h
            before = self._net_import_before(a.frame)
            if before is not None:
                net = np.concatenate([before[:, np.newaxis], net], axis=1)
            a.at_most("ramp limit of the grid connection", np.abs(np.diff(net, axis=1)), most)

    def carry(self, a: AuditView) -> dict[str, Carried]:
        """Net import of the last step, from which the ramp limit goes on."""
        if self.grid.ramp_limit_mw_per_hour is None:
            return {}
        return {"net_import_mw": np.round(a.site("import_mw")[:, -1] - a.site("export_mw")[:, -1], ROUNDING)}


def _net_mw(b: Any, w: Any, t: Any) -> Any:
    return b.import_mw[w, t] - b.export_mw[w, t]
