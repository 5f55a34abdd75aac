"""A site does not buy and sell at once.

A binary for the direction is created only for those members and steps in which selling pays at least what buying
costs; everywhere else importing and exporting at once only loses money::

    import <= most_import * importing,   export <= most_export * (1 - importing)

Each contract that can deliver but a part of the load is bound to the direction by a row of its own::

    delivered_c <= most_delivered_c * importing

Without them whole plans are the same (no import is none of any contract). But in the relaxation a tenth of the largest
load would let in all of a small block that cannot be resold, to sell it in every dear hour, and the bound would be two
to four times as far from the plan (docs/mip-roads.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from optimizer.component import Floats
from optimizer.contract import Contract
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame, Part
from optimizer.spanning import at_site
from optimizer.template import Constraint, Var

DIRECTION_HOLDS = {
    rule: Holds(Code.RULE, "a site does not buy and sell at once")
    for rule in ("import_direction", "export_direction", "delivery_direction_N")
}
"""What its rules mean to a planner."""


def direction_variables(b: Any, f: Frame, most_export_mw: Floats) -> None:
    """``b`` is the site's block, ``most_export_mw``, (members, steps), the limit of its export."""
    b.arbitrage = pyo.Set(initialize=_arbitrage(f, most_export_mw), dimen=2)
    b.importing = Var(b.arbitrage, within=pyo.Binary)


def direction_constraints(b: Any, f: Frame, site: str, most_export_mw: Floats, contracts: list[Part]) -> None:
    """Bind import, export and each contract of the site to the direction."""
    if len(b.arbitrage) == 0:
        return
    b.most_import_mw, b.most_export_mw = (f.series_param(limit) for limit in (f.largest_load_mw, most_export_mw))
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
            _delivery_direction(b, f, site, part, number, np.minimum(most, f.largest_load_mw))


def _delivery_direction(b: Any, f: Frame, site: str, part: Part, number: int, most_mw: Floats) -> None:
    """The direction of one contract; ``most_mw``, (members, steps), is the most that it can deliver here."""
    largest = f"most_delivered_{number}_mw"
    b.add_component(largest, f.series_param(most_mw))
    b.add_component(
        f"delivery_direction_{number}",
        Constraint(
            b.arbitrage,
            rule=lambda b, w, t: (
                at_site(part, "delivered", site, w, t) <= b.component(largest)[w, t] * b.importing[w, t]
            ),
            doc="no import while exporting",
        ),
    )


def _arbitrage(f: Frame, most_export_mw: Floats) -> list[tuple[int, int]]:
    """(member, step) in which selling pays at least what buying costs."""
    pairs = np.argwhere((most_export_mw > 0) & (f.highest_sell_price >= f.lowest_buy_price))
    return [(int(w), int(t)) for w, t in pairs]
