"""Load share: a percentage-of-load contract, which follows the meter.

Delivers exactly ``share_t`` of the metered import of each of its sites, whatever it is::

    q_{s,t} = share_t * import_{s,t},      cost = sum_t price_t * share_t * sum_s import_{s,t} * step_h

So a contract of several sites (:mod:`optimizer.spanning`) is not shared out freely: each site gets its share.

A further MWh at a site costs ``share * price`` and, for the rest, what the other contracts charge. The price alone
bounds that from below together with theirs: an average is never less than the least of what it averages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from optimizer.audit import AuditView
from optimizer.component import Expandable, Finding, Floats, MoneyLine, Result
from optimizer.contract import BillLine, Contract, Supply
from optimizer.explanation.reason import Code, Holds
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Series, SeriesOf
from optimizer.spanning import at_site, audited_at_site
from optimizer.template import Constraint, Var

ROUNDING = 1e-9
"""Shares written in decimals may add up to this much more than 1."""


class LoadShare(Supply):
    """A fixed share of whatever the site imports, at a price."""

    holds: ClassVar[dict[str, Holds]] = {
        "": Holds(Code.FOLLOWS, "it delivers its share of the import"),
        "follows_load_N": Holds(Code.FOLLOWS, "it delivers its share of the import", role="link"),
    }

    gives_way: ClassVar[tuple[str, ...]] = ("share",)

    expandable: ClassVar[dict[str, Expandable]] = {
        "share": Expandable("share of the load under the contract", "of the load", step=0.01),
    }
    kind: Literal["load_share"] = "load_share"
    share: Annotated[Series, SeriesOf("1", ge=0, le=1)]
    """Share of the metered import that the contract delivers."""
    price_per_mwh: Annotated[Series, SeriesOf("currency/MWh")]
    """Price of the energy; may be negative and may differ by member."""

    # ------------------------------------------------------------------ before the model
    def check(self, f: Frame) -> Iterator[Finding]:
        for site in f.meters:
            at_this = [p for p in site.frame.site_parts if isinstance(p.component, Contract) and p.component.delivers]
            shares = [(p, p.component) for p in at_this if isinstance(p.component, LoadShare)]
            until_here = [part for part, _ in shares].index(f.part) + 1
            total = np.add.reduce([f.values(contract.share) for _, contract in shares[:until_here]])
            above = total > 1.0 + ROUNDING
            step = int(np.argmax(above.any(axis=0)))
            if above.any():
                yield Finding(
                    "share",
                    f"the shares of the load at site {site.label} add up to {total[:, step].max():g}, "
                    f"first at {f.horizon.describe(f.horizon.utc[step])}",
                    allowed="at most 1 in all",
                )
                return
            below = total < 1.0 - ROUNDING
            step = int(np.argmax(below.any(axis=0)))
            if below.any() and until_here == len(shares) == len(at_this):
                yield Finding(
                    "share",
                    f"at {f.horizon.describe(f.horizon.utc[step])} no contract delivers the rest of the load of site "
                    f"{site.label}, so nothing can be imported",
                    float(total[:, step].min()),
                    hint="add a supply for the rest, for example an index_supply",
                    fatal=False,
                )

    # ------------------------------------------------------------------ the model
    def variables(self, b: Any, f: Frame) -> None:
        b.share = f.series_param(self.share)
        b.price = f.series_param(self.price_per_mwh)
        b.delivered_mw = Var(f.members, f.steps, within=pyo.NonNegativeReals)

    def constraints(self, b: Any, f: Frame) -> None:
        for number, site in enumerate(f.metered_sites):
            follows = Constraint(
                f.members,
                f.steps,
                rule=lambda b, w, t, site=site: (
                    at_site(f.part, "delivered", site, w, t) == b.share[w, t] * f.model.sites[site].import_mw[w, t]
                ),
                doc="the contract delivers its share of the metered import",
            )
            b.add_component(f"follows_load_{number}", follows)

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return b.delivered_mw[w, t]

    def lowest_buy_price(self, f: Frame) -> Floats:
        return np.where(f.values(self.share) > 0, f.values(self.price_per_mwh), np.inf)

    def settled_schedules(self, r: Reading) -> dict[str, Floats]:
        return {"delivered_mw": r.values(self.share) * r.import_mw}

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        return {f"{self.name}_energy": f.by_step(lambda b, w, t: -b.price[w, t] * b.delivered_mw[w, t] * f.step_h)}

    def results(self, b: Any, f: Frame) -> dict[str, Result]:
        return {
            "delivered_mw": f.by_time(lambda b, w, t: b.delivered_mw[w, t], "MW", "power delivered by the contract")
        }

    # ------------------------------------------------------------------ after the model
    def prices(self, f: Frame) -> dict[str, Floats]:
        return {self.name: f.values(self.price_per_mwh)}

    def audit(self, a: AuditView) -> None:
        share = a.values(self.share)
        for site in a.frame.metered_sites:
            delivered = audited_at_site(a, "delivered", site)
            metered = a.at_site(site, "import_mw")
            a.equal("the contract delivers its share of the metered import", delivered, share * metered)
        super().audit(a)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        delivered = r.energy_mwh(r.values(self.share) * r.import_mw)
        return {f"{self.name}_energy": BillLine(-r.values(self.price_per_mwh) * delivered, delivered, "MWh")}
