"""What every contract obeys: how energy is bought, sold, charged, reserved or called away.

A contract is settled twice. In the model its money lines (:meth:`Contract.money`) are part of the objective; after the
solve, and for any metered load, its bill (:meth:`Contract.bill`) gives the same lines from the reading alone, in plain
numpy. The audit holds the two against each other, step by step.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optimizer.component import Component, Floats
from optimizer.quantities import Fraction, Name, Series, SeriesOf

if TYPE_CHECKING:
    from optimizer.audit import AuditView
    from optimizer.frame import Frame
    from optimizer.metering import Reading


@dataclass(frozen=True)
class Peak:
    """A step whose load sets a charge."""

    member: int
    step: int
    load_mw: float
    words: str
    """What it sets, in a planner's words: ``tdu: peak of 2024-08``."""


@dataclass(frozen=True)
class BillLine:
    """One line of a bill; charges by period stand in the last step of their period.

    (:func:`optimizer.settlement.at_period_ends`)
    """

    amounts: Floats
    """Currency, revenue positive, (members, steps): the same as the money line of this name."""
    quantity: Floats | None = None
    """What is billed, (members, steps), booked like the amounts; None where there is only an amount."""
    unit: str = ""
    """Unit of the quantity: ``MWh``, ``kW``."""


@dataclass(frozen=True)
class EnergyCap:
    """Most energy that a contract delivers per settlement period."""

    codes: NDArray[np.int64]
    """Number of the period in which each step lies, (steps,)."""
    most_mwh: Floats
    """What it can still deliver in the part of each period that the horizon covers, MWh, (members, periods)."""


class Contract(Component):
    """A way in which a site's energy is bought, sold, charged, reserved or called away."""

    deeds: ClassVar[tuple[str, str, str]] = ("delivers", "delivers nothing", "takes away")

    sites: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """For a contract of the portfolio (listed under the scenario's own ``contracts``): the sites that it spans; all by
    default."""

    offers: ClassVar[str | None] = "contract"
    delivers: ClassVar[bool] = False
    """Whether :meth:`delivered_mw` is part of the sites' import."""
    sells: ClassVar[bool] = False
    """Whether :meth:`sold_mw` is part of the sites' export."""

    schedules: ClassVar[tuple[str, ...]] = ()
    """Results of its own, over members and steps, that its bill needs beside the metered import and export
    (``delivered_mw``)."""

    @abstractmethod
    def bill(self, r: Reading) -> dict[str, BillLine]:
        """The contract's ledger lines from what was metered and scheduled, without the model."""

    def audit(self, a: AuditView) -> None:
        """The bill of the plan against its ledger; kinds add their limits (and call this)."""
        for line, billed in self.bill(a).items():
            a.money(line, billed.amounts)

    def delivered_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Power that the contract delivers at the grid connection, MW."""
        return 0.0

    def sold_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """Power that the contract takes away at the grid connection, MW."""
        return 0.0

    def explained_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        """What it delivers, less what it takes away."""
        return self.delivered_mw(b, f, w, t) - self.sold_mw(b, f, w, t)

    def audited_delivered_mw(self, a: AuditView) -> Floats:
        """Power delivered at the grid connection, MW, (members, steps), from the plan alone."""
        return a.reported("delivered_mw")

    def audited_sold_mw(self, a: AuditView) -> Floats:
        """Power taken away at the grid connection, MW, (members, steps), from the plan alone."""
        return a.reported("sold_mw")

    def lowest_buy_price(self, f: Frame) -> Floats:
        """Lowest marginal price per MWh at which the contract can deliver, (members, steps); inf where it delivers
        nothing."""
        return np.full(f.shape, np.inf)

    def highest_sell_price(self, f: Frame) -> Floats:
        """Highest marginal price per MWh that the contract pays for exports, (members, steps); -inf where it takes
        nothing."""
        return np.full(f.shape, -np.inf)

    def lowest_buy_adder(self, f: Frame) -> Floats:
        """Least that the contract adds to the price of a further MWh of import, whoever delivers it, (members, steps).

        At most 0: only credits count, because another contract (a minimum bill) may take over what is charged.
        """
        return f.zeros()

    def highest_sell_adder(self, f: Frame) -> Floats:
        """Most that the contract adds to what an exported MWh brings, at least 0, (members, steps)."""
        return f.zeros()

    # ------------------------------------------------------------------ a metered load, billed without a plan
    def most_delivered_mw(self, f: Frame) -> Floats:
        """Most power that the contract can deliver, MW, (members, steps); inf where it is not limited."""
        return f.full(np.inf)

    def most_sold_mw(self, f: Frame) -> Floats:
        """Most power that the contract can take, MW, (members, steps); inf where it is not limited."""
        return f.full(np.inf)

    def energy_cap(self, f: Frame) -> EnergyCap | None:
        """Most energy that it delivers per settlement period; None without such a limit."""
        return None

    def settled_schedules(self, r: Reading) -> dict[str, Floats]:
        """Those of ``schedules`` that follow from the contract's terms and the metered load alone, (members, steps).

        A position that has cleared, a fixed share of the load: what a meter's data need not say again.
        """
        return {}

    def peaks_mw(self, r: Reading) -> list[Peak]:
        """Steps whose import sets a charge, for the report's load curve."""
        return []

    def prices(self, f: Frame) -> dict[str, Floats]:
        """Prices per MWh that the contract really charges or pays, by name, (members, steps); ``f`` has no model."""
        return {}


class Supply(Contract):
    """A contract that delivers energy: ``delivered_mw`` of each step is part of the import."""

    delivers: ClassVar[bool] = True
    schedules: ClassVar[tuple[str, ...]] = ("delivered_mw",)

    co2_kg_per_mwh: Annotated[Series, SeriesOf("kg/MWh", ge=0)] | None = None
    """Carbon intensity that the contract guarantees (market-based accounting); the grid's intensity by default."""
    renewable_fraction: Fraction = 0.0
    """Share of the delivered energy that is renewable and counts for hourly matching."""
