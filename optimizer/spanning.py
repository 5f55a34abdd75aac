"""Contracts of the portfolio: one contract whose energy is shared out among several sites.

What such a contract delivers (or takes) in a step is split among its sites, freely::

    sum_s delivered_to_{s,w,t} = delivered_{w,t},     delivered_to >= 0            (and the same for what is sold)

The dispatch holds it as ``delivered_at_site_mw`` (``sold_at_site_mw``). A kind may bind the split further, as a load
share does. Charges on metered import (demand, coincident peaks) need no split: they see the sum over the sites.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

from optimizer.chart import Chart
from optimizer.component import Result
from optimizer.contract import Contract
from optimizer.template import Constraint, Var

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.frame import Part

DIRECTIONS = ("delivered", "sold")


def directions(part: Part) -> list[str]:
    """What of a contract is split among sites; nothing for one of a single site."""
    contract = part.component
    if part.site is not None or not isinstance(contract, Contract):
        return []
    return [d for d, has in zip(DIRECTIONS, (contract.delivers, contract.sells), strict=True) if has]


def declare_split(part: Part) -> None:
    """Variables and rules of the split, on the contract's own block."""
    b, f, contract = part.block, part.frame, part.component
    for direction in directions(part):
        if not hasattr(b, "split_sites"):
            b.split_sites = pyo.RangeSet(0, len(f.metered_sites) - 1)
        split = f"{direction}_at_site_mw"
        b.add_component(split, Var(b.split_sites, f.members, f.steps, within=pyo.NonNegativeReals))
        whole = getattr(contract, f"{direction}_mw")
        b.add_component(
            f"{direction}_split",
            Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t, split=split, whole=whole: (
                    sum(b.component(split)[s, w, t] for s in b.split_sites) == whole(b, f, w, t)
                ),
                doc="a contract of several sites is shared out among them",
            ),
        )


def at_site(part: Part, direction: str, site: str, w: Any, t: Any) -> Any:
    """What a contract delivers to (or takes from) one of its sites, MW."""
    if part.site is not None:
        return getattr(part.component, f"{direction}_mw")(part.block, part.frame, w, t)
    if direction not in directions(part):
        return 0.0
    return part.block.component(f"{direction}_at_site_mw")[part.frame.metered_sites.index(site), w, t]


def split_results(part: Part) -> dict[str, Result]:
    """The split as variables of the dispatch."""
    b, f = part.block, part.frame
    return {
        f"{direction}_at_site_mw": f.by_time_and(
            "at_site",
            f.metered_sites,
            b.split_sites,
            lambda b, s, w, t, split=f"{direction}_at_site_mw": b.component(split)[s, w, t],
            "MW",
            f"power {direction} by site",
        )
        for direction in directions(part)
    }


def split_charts(part: Part) -> tuple[Chart, ...]:
    """The split, as a picture for the report."""
    return tuple(
        Chart("Contracts", (f"{direction}_at_site_mw",), "MW", f"power {direction} by site", stacked=True)
        for direction in directions(part)
    )


def audited_at_site(a: AuditView, direction: str, site: str) -> Any:
    """What a contract delivers to (or takes from) one of its sites, MW, (members, steps), from the plan alone."""
    part = a.frame.part
    whole = getattr(part.component, f"audited_{direction}_mw")(a)
    if part.site is not None:
        return whole
    if direction not in directions(part):
        return a.full(0.0)
    table = a.table(f"{direction}_at_site_mw")
    a.at_least(f"power {direction} by site is not negative", table, 0.0)
    a.equal("a contract of several sites is shared out among them", table.sum(axis=0), whole)
    return table[part.frame.metered_sites.index(site)]
