"""The plan as the report sees it: components in their places, their variables over time, the time line."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.audit import AuditView, Findings
from optimizer.component import Asset
from optimizer.contract import Contract, Peak
from optimizer.parts import Parts, place
from optimizer.reporting.members import SMALLEST, Spread, spread
from optimizer.reporting.palette import COLOURS, Look, looks
from optimizer.reporting.timeline import Timeline

if TYPE_CHECKING:
    from optimizer.explanation.explanation import Explanation
    from optimizer.frame import Part
    from optimizer.metering import Reading
    from optimizer.plan import Plan

Floats = NDArray[np.float64]


@dataclass
class View:
    """A plan and the time line on which it is drawn."""

    plan: Plan
    timeline: Timeline
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts, _ = place(self.plan.scenario)

    @cached_property
    def weights(self) -> Floats:
        """Probability of each member."""
        return self.plan.scenario.ensemble.weights

    @property
    def members(self) -> int:
        """Members of the ensemble."""
        return self.plan.scenario.members

    def spread(self, values: Floats) -> Spread:
        """Expected value and band of (members, steps)."""
        return spread(np.asarray(values, dtype=float), self.weights)

    @property
    def explanation(self) -> Explanation | None:
        """Reasons of what each component does; None where they were not worked out."""
        return self.plan.explanation

    @cached_property
    def looks(self) -> dict[str, Look]:
        """A look for each component that draws or gives power, the same in all pictures; where there are more than
        colours, the plain ones go to those that move most energy."""
        moved = {label: self._moved_mwh(label) for label in self.parts.components}
        shown = [label for label, energy in moved.items() if energy > SMALLEST]
        every = looks(len(shown))
        largest = sorted(shown, key=lambda label: -moved[label])[: len(COLOURS)]
        ranked = sorted(shown, key=lambda label: label not in largest)
        return dict(zip(ranked, every, strict=True))

    def _moved_mwh(self, label: str) -> float:
        power = np.abs(np.nan_to_num(self.variable(label, "power_mw")[0][1]))
        return float(np.where(power > SMALLEST, power, 0.0).sum()) * self.timeline.horizon.step_h

    def reading(self, label: str) -> Reading:
        """What was metered and scheduled in the plan, as a component sees it."""
        return AuditView(self.parts.components[label].frame, self.plan.dispatch, Findings())

    # ------------------------------------------------------------------ variables of the dispatch
    def variable(self, label: str, name: str) -> list[tuple[str, Floats]]:
        """A component's variable over time, (members, steps), with its name in words.

        One entry per label of a dimension of the component's own; none where the plan does not have it over time.
        """
        dispatch, own = self.plan.dispatch, f"{label}.{name}"
        if own in dispatch and dispatch[own].dims[1:] == ("member", "time"):
            array = dispatch[own]
            return [(str(key), array[i].to_numpy()) for i, key in enumerate(array[array.dims[0]].to_numpy())]
        if name in dispatch and dispatch[name].dims == ("member", "time", "component"):
            values = dispatch[name].sel(component=label).to_numpy()
            return [(str(dispatch[name].attrs.get("long_name", name)), values)]
        return []

    def site(self, site: str, name: str) -> Floats:
        """A site's variable, (members, steps)."""
        values: Floats = self.plan.dispatch[name].sel(site=site).to_numpy()
        return values

    @cached_property
    def peaks(self) -> dict[str, list[Peak]]:
        """Steps whose import sets a charge, by contract; without contracts that have none."""
        found = {
            label: part.component.peaks_mw(self.reading(label))
            for label, part in self.parts.components.items()
            if isinstance(part.component, Contract)
        }
        return {label: peaks for label, peaks in found.items() if peaks}

    # ------------------------------------------------------------------ power and prices of a site
    def powers(self, site: str) -> dict[str, Floats]:
        """Power reported under each name at a site, (members, steps); what sites share counts where its hosts are."""
        found: dict[str, Floats] = {}
        for label, part in self.parts.components.items():
            if part.site == site:
                found[label] = self.variable(label, "power_mw")[0][1]
            elif part.site is None and (shared := self._share(part, site)) is not None:
                found[label] = shared
        return found

    def _share(self, part: Part, site: str) -> Floats | None:
        """What a component shared by sites draws at one of them, by its power by host; None where not known."""
        for reference, hosts in part.hosts.items():
            here = [i for i, host in enumerate(hosts) if host.site == site and isinstance(host.component, Asset)]
            if not here:
                continue
            if len(here) == len(hosts):
                return self.variable(part.label, "power_mw")[0][1]
            by_host = self.variable(part.label, f"power_by_{reference}_mw")
            if by_host:
                return sum((by_host[i][1] for i in here[1:]), by_host[here[0]][1])
        return None

    def prices(self, site: str) -> dict[str, Floats]:
        """Prices that the site's contracts charge or pay, by name, (members, steps)."""
        return {
            name: values
            for part in self.parts.sites[site].frame.site_parts
            if isinstance(part.component, Contract)
            for name, values in part.component.prices(part.frame).items()
        }
