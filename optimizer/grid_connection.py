"""The connection of a site to the grid: its limits, its ramp, and the room that it keeps for reserves.

In MW at the site's bus, with ``net = import - export`` and ``r`` the change of the site's power if all reserves of a
direction are called::

    0 <= import <= import_limit,   0 <= export <= export_limit,   |net_t - net_{t-1}| <= ramp_limit * step_h
    net_t + r_down_t <= import_limit,   r_up_t - net_t <= export_limit

Before the first step stands the net import that a plan hands on, or the one of the file; where neither is known the
first step is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.component import Floats, StrictModel
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.quantities import Series, SeriesOf
from optimizer.reserves import is_reserved
from optimizer.template import Constraint, Param

if TYPE_CHECKING:
    from optimizer.audit import AuditView

CONNECTION_HOLDS = {
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
    "room_down": Holds(
        Code.RESERVE_AWARD, "the connection keeps room for the reserves down", unit="MW", field="grid.import_limit_mw"
    ),
    "room_up": Holds(
        Code.RESERVE_AWARD, "the connection keeps room for the reserves up", unit="MW", field="grid.export_limit_mw"
    ),
}
"""What its rules and bounds mean to a planner."""


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

    def import_limit(self, f: Frame) -> Floats:
        """(members, steps), MW; inf where unlimited."""
        return f.full(np.inf) if self.import_limit_mw is None else f.values(self.import_limit_mw)

    def net_import_before(self, f: Frame) -> Floats | None:
        """Net import before the first step, MW, (members,); None where it is not known."""
        if "net_import_mw" in f.carried:
            return f.carried.number("net_import_mw")
        before = self.net_import_before_mw
        return None if before is None else f.full(before)[:, 0]

    # ------------------------------------------------------------------ the model
    def ramp_constraints(self, b: Any, f: Frame) -> None:
        """``b`` is the site's block."""
        if self.ramp_limit_mw_per_hour is None:
            return
        most = self.ramp_limit_mw_per_hour * f.step_h
        b.ramp = Constraint(
            f.members,
            f.inner_steps,
            rule=lambda b, w, t: (-most, _net_mw(b, w, t) - _net_mw(b, w, t - 1), most),
            doc="ramp limit of the grid connection (ramp_limit_mw_per_hour)",
        )
        before = self.net_import_before(f)
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

    def reserve_constraints(self, b: Any, f: Frame, site: str, loads: list[Part]) -> None:
        """Room for the reserves that ``loads``, all components of a site but its contracts, hold."""
        if self.import_limit_mw is not None and is_reserved(site, f.parts, "down"):
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
        if any(p.component.feeds_in for p in loads) and is_reserved(site, f.parts, "up"):
            b.room_up = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t: (
                    sum([p.component.reserve_power_mw(p.block, p.frame, w, t, "up") for p in loads])
                    <= b.export_limit_mw[w, t] + _net_mw(b, w, t)
                ),
                doc="the grid connection has room for the reserves up (grid.export_limit_mw)",
            )

    # ------------------------------------------------------------------ after the model
    def audit_limits(self, a: AuditView) -> None:
        """Import and export within the limits."""
        imported, exported = a.site("import_mw"), a.site("export_mw")
        a.at_least("import is not negative", imported, 0.0)
        a.at_least("export is not negative", exported, 0.0)
        if self.import_limit_mw is not None:
            a.at_most("import within import_limit_mw", imported, a.values(self.import_limit_mw))
        a.at_most("export within export_limit_mw", exported, a.values(self.export_limit_mw))

    def audit_room_and_ramp(self, a: AuditView, site: str, parts: list[AuditView]) -> None:
        """Room for the reserves of the site's ``parts``, and the ramp."""
        net = a.site("import_mw") - a.site("export_mw")
        if is_reserved(site, a.frame.parts, "up"):
            moved = sum((p.component.audited_reserve_power_mw(p, "up") for p in parts), np.zeros(a.shape))
            room = a.values(self.export_limit_mw) + net
            a.at_most("the grid connection has room for the reserves up", moved, room)
        if is_reserved(site, a.frame.parts, "down"):
            moved = sum((p.component.audited_reserve_power_mw(p, "down") for p in parts), np.zeros(a.shape))
            a.at_most("the grid connection has room for the reserves down", net + moved, self.import_limit(a.frame))
        if self.ramp_limit_mw_per_hour is not None:
            most = self.ramp_limit_mw_per_hour * a.step_h
            before = self.net_import_before(a.frame)
            if before is not None:
                net = np.concatenate([before[:, np.newaxis], net], axis=1)
            a.at_most("ramp limit of the grid connection", np.abs(np.diff(net, axis=1)), most)


def _net_mw(b: Any, w: Any, t: Any) -> Any:
    return b.import_mw[w, t] - b.export_mw[w, t]
