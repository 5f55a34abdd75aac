"""Power caps: nodes that draw less than full power and work a little slower.

A row of the table says what a node at the cap draws, as a fraction of its full power, and how fast it then works, as a
fraction of full speed. Of the nodes held, ``capped[p,c,t]`` stand at row ``c`` and the others at full power::

    sum_c capped[p,c,t] <= nodes[p,t]
    power[p,t] = full_kw[p] * nodes[p,t] / 1000 - sum_c (full_kw[p] - cap_kw[p,c]) / 1000 * capped[p,c,t]
    pace[p,t]  = nodes[p,t] - sum_c (1 - speed_c) * capped[p,c,t]                  (full-speed nodes)

The numbers are continuous: a step may be worked partly at one cap and partly at another. Only rows on the upper
concave envelope of speed over power count, the full node (1, 1) included. With a scaling table, capped nodes count as
fewer nodes at full speed. A node that is not yet ready after a switch loses the time of a node at full speed, which is
on the safe side. A rigid job keeps one row for its whole run.

``power_caps: default`` is a fit to measurements of training on four kinds of GPUs under power limits (Zeus: You, Chung
and Chowdhury, NSDI 2023; its published traces), taken from the runs that load the GPU to at least 80 % of its limit
and, of these, the 388 points at which it still draws at least half of its power. With ``d`` the part of the power that
is cut, least squares give::

    1 - speed = 0.158 * d + 2.44 * d^3                       (root mean square error 0.049)
    power above idling     0.8    0.7    0.6    0.5
    speed                0.949  0.887  0.781  0.616

Of a node, the fit is applied to what it draws above idling: ``cap_kw = idle_kw + power * (full_kw - idle_kw)``. That is
on the safe side too, since the idle draw of the GPUs themselves is among what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyomo.environ as pyo
from pydantic import Field

from optimizer.component import Finding, Floats, StrictModel
from optimizer.frame import Frame
from optimizer.hull import upper_hull
from optimizer.quantities import Efficiency
from optimizer.template import Constraint, Param, Var

if TYPE_CHECKING:
    from optimizer.assets.gpu_pool import GpuPool

LINEAR_LOSS, CUBIC_LOSS = 0.158, 2.44
"""Least-squares fit of the loss of speed over the part of the power that is cut; see the module's docstring."""
DEFAULT_POWERS = (0.8, 0.7, 0.6, 0.5)
"""Rows of the default table: fractions of the power above idling."""


class PowerCap(StrictModel):
    """A power cap and what it costs in speed."""

    power: Efficiency
    """Draw of a node at the cap, as a fraction of its full power."""
    speed: Efficiency
    """Speed at the cap, as a fraction of full speed."""


def measured_speed(power: float) -> float:
    """Speed at a fraction of the power, by the fit to measurements (for powers from 0.5 to 1)."""
    cut = 1.0 - power
    return 1.0 - LINEAR_LOSS * cut - CUBIC_LOSS * cut**3


class PowerCapped(StrictModel):
    """Work whose nodes may be capped."""

    power_caps: Literal["default"] | Annotated[list[PowerCap], Field(min_length=1)] | None = None
    """Power caps ``[{power: 0.7, speed: 0.92}, …]``, or ``default`` for a table fitted to measurements; not given:
    nodes always work at full power."""

    @property
    def _rows(self) -> list[tuple[float, float]]:
        """(power, speed) as written, or those of the default table."""
        if self.power_caps == "default":
            return [(power, measured_speed(power)) for power in DEFAULT_POWERS]
        return [(row.power, row.speed) for row in self.power_caps or []]

    @property
    def capped_rows(self) -> list[tuple[float, float]]:
        """(power, speed) of the rows below full power that count, by falling power."""
        points = [*self._rows, (1.0, 1.0)]
        kept = [points[i] for i in upper_hull(points, rising=False)]
        return [point for point in reversed(kept) if point[0] < 1.0]

    @property
    def cap_labels(self) -> tuple[str, ...]:
        """Names of the rows in results: the power that they leave."""
        return tuple(f"{power:.4g}" for power, _ in self.capped_rows)

    @property
    def cap_speeds(self) -> Floats:
        """Speeds of the rows, (rows,)."""
        return np.array([speed for _, speed in self.capped_rows])

    def cap_savings_kw(self, pools: list[GpuPool]) -> Floats:
        """What a node at each row draws less than at full work, kW, (pools, rows)."""
        cut = np.array([1.0 - power for power, _ in self.capped_rows])
        part = [pool.full_kw - (pool.idle_kw if self.power_caps == "default" else 0.0) for pool in pools]
        return np.asarray(np.array(part)[:, np.newaxis] * cut)

    # ------------------------------------------------------------------ before the model
    def cap_findings(self, pools: list[GpuPool]) -> Iterator[Finding]:
        """Rows that no node can keep, and rows on which nothing depends."""
        if self.power_caps is None:
            return
        for pool in pools:
            for number, (power, _) in enumerate(self._rows):
                if self.power_caps != "default" and power * pool.full_kw < pool.idle_kw * (1 - 1e-9):
                    yield Finding(
                        f"power_caps[{number}].power",
                        f"{power:g} of full_kw {pool.full_kw:g} is less than an idle node of {pool.name} draws",
                        power,
                        f"at least {pool.idle_kw / pool.full_kw:.4g}",
                    )
        below = [f"{power:g}" for power, speed in self._rows if (power, speed) not in [*self.capped_rows, (1.0, 1.0)]]
        if below:
            yield Finding(
                "power_caps",
                f"the rows at power {', '.join(below)} lie below the envelope: sharing the time between other rows is "
                "faster",
                fatal=False,
            )

    # ------------------------------------------------------------------ the model
    def cap_params(self, b: Any, pools: list[GpuPool]) -> None:
        """Rows, what they lose in speed and what they save in power."""
        b.caps = pyo.RangeSet(0, len(self.capped_rows) - 1)
        b.cap_loss = Param(b.caps, values=1.0 - self.cap_speeds)
        b.cap_saving_mw = Param(b.pools, b.caps, values=self.cap_savings_kw(pools) / 1e3)


def cap_variables(b: Any, f: Frame, most_nodes: float) -> None:
    """Nodes at each row, where the work may hold nodes (``open_on``)."""
    b.capped = Var(
        b.pools,
        b.caps,
        f.members,
        f.steps,
        within=pyo.NonNegativeReals,
        bounds=lambda b, p, c, w, t: (0, most_nodes * b.open_on[p, t]),
        scheduled="ahead",
    )


def cap_constraints(b: Any, f: Frame, nodes: Any) -> None:
    """Capped nodes are among those held, ``nodes(b, p, w, t)``."""
    b.capped_nodes = Constraint(
        b.pools,
        f.members,
        b.open_steps,
        rule=lambda b, p, w, t: sum(b.capped[p, c, w, t] for c in b.caps) <= nodes(b, p, w, t),
        doc="nodes at a power cap are among those held",
    )
