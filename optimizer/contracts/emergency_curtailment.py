"""Emergency curtailment: hours in which the site must not draw more than a level.

Grid operators may oblige large loads to curtail in an emergency. In the steps of an obligation the import is held at
or below the level, whatever it costs::

    import_t <= level_t              for t with obligation_t = 1

There is no money in it: what the operator pays for being ready is a matter of demand response. A plan that cannot obey
is infeasible, and the reason says so; a house load that nothing on the site can serve is refused before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Finding, Floats, Result
from optimizer.contract import BillLine, Contract
from optimizer.event_hours import zero_or_one
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Series, SeriesOf
from optimizer.template import Constraint
from optimizer.when import first

if TYPE_CHECKING:
    from optimizer.site import Site


class EmergencyCurtailment(Contract):
    """An obligation to stay below a level in an emergency."""

    holds: ClassVar[dict[str, Holds]] = {
        "curtailed": Holds(
            Code.CALL, "the obligation to curtail holds: import is at most {limit} MW", unit="MW", field="level_mw"
        ),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("level_mw",)

    kind: Literal["emergency_curtailment"] = "emergency_curtailment"
    obligation: Annotated[Series, SeriesOf("1", ge=0, le=1)]
    """1 in the steps in which the obligation holds, 0 in others; may differ by member."""
    level_mw: Annotated[Series, SeriesOf("MW", ge=0)]
    """Most import in these steps; may differ by member."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        obliged, level = f.values(self.obligation), f.values(self.level_mw)
        yield from zero_or_one(f, obliged, "obligation")
        if not obliged.any():
            yield Finding("obligation", "never holds within the horizon", fatal=False)
        over = first(f, (obliged > 0.0) & (self._house_load_mw(f) > level * (1.0 + 1e-9)))
        if over is not None:
            needed = self._house_load_mw(f)[over.member, over.step]
            yield Finding(
                "level_mw",
                f"the load that cannot be reduced exceeds it {over.words}",
                float(level[over.member, over.step]),
                allowed=f"at least {needed:g} MW",
                fatal=self._only_draws(f),
            )

    def _house_load_mw(self, f: Frame) -> Floats:
        """House load of the metered sites together, MW, (members, steps)."""
        sites: list[Site] = [meter.component for meter in f.meters]  # type: ignore[misc]
        loads = [meter.frame.values(site.house_load_mw) for meter, site in zip(f.meters, sites, strict=True)]
        return np.asarray(np.add.reduce([f.zeros(), *loads]))

    def _only_draws(self, f: Frame) -> bool:
        """Whether the sites have machines, of which none can serve the house load.

        Without any, the load may be one that was metered, and there is nothing to plan.
        """
        parts = [p.component for meter in f.meters for p in meter.frame.site_parts]
        machines = [component for component in parts if not isinstance(component, Contract)]
        return bool(machines) and not any(component.feeds_in for component in machines)

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.event = f.series_param(self.obligation)
        b.level_mw = f.series_param(self.level_mw)
        obliged = np.argwhere(f.values(self.obligation) > 0.0)
        b.obliged = pyo.Set(initialize=[(int(w), int(t)) for w, t in obliged], dimen=2)

    def constraints(self, b: Any, f: Frame) -> None:
        b.curtailed = Constraint(
            b.obliged,
            rule=lambda b, w, t: f.import_mw(w, t) <= b.level_mw[w, t],
            doc="import at most level_mw while the obligation to curtail holds (emergency)",
        )

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {"event": f.by_time(lambda b, w, t: b.event[w, t], "1", "1 in an event that others call")}

    # ------------------------------------------------------------------ after the model
    def audit(self, a: AuditView) -> None:
        a.equal("obligation as given", a["event"], a.values(self.obligation))
        a.at_most("import within level_mw while the obligation holds", a.import_mw, self._most_mw(a))
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        return {}

    def _most_mw(self, r: Reading) -> Floats:
        """Most import, (members, steps); inf where no obligation holds."""
        return np.where(r.values(self.obligation) > 0.0, r.values(self.level_mw), np.inf)
