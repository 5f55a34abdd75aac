"""Surcharge: a tax on the charges of other contracts, or an adder on every metered MWh.

For each ledger line ``L`` of the contracts that ``on`` names, revenue lines included, and for the metered import::

    tax_L = fraction * L                            (booked where L is booked)
    adder = - per_mwh_t * import_t * step_h

A surcharge may itself be charged on: taxes and adders come in the order in which they refer to each other. A tax of
``f2`` on a contract and on its tax of ``f1`` adds ``f2 * (1 + f1)``. What is charged on and how it is read:
:mod:`optimizer.charged_on`.

A further MWh costs its price with all taxes on it. A tax leaves the sign of a price as it is, but makes a price below
0 lower still; that and adders below 0 count for the price from which binaries are derived.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from optimizer.charged_on import ChargedOn, ContractName, bills_charged_on, contracts_charged_on, lines_charged_on
from optimizer.component import Floats, MoneyLine
from optimizer.contract import BillLine
from optimizer.frame import Frame
from optimizer.metering import Reading
from optimizer.quantities import Fraction, Series, SeriesOf


class Surcharge(ChargedOn):
    """A tax on other contracts' charges, or an adder on the metered import."""

    kind: Literal["surcharge"] = "surcharge"
    on: Annotated[tuple[ContractName, ...], Field(min_length=1)] | None = None
    """Contracts whose charges (less their revenues) are taxed; other surcharges and minimum bills too."""
    fraction: Fraction | None = None
    """Tax as a share of those charges: 0.08 for 8 %."""
    per_mwh: Annotated[Series, SeriesOf("currency/MWh")] | None = None
    """Adder on every MWh of metered import; below 0 for a credit."""

    @model_validator(mode="after")
    def _has_a_base(self) -> Self:
        if self.fraction is None and self.per_mwh is None:
            raise ValueError("give fraction (with on), per_mwh, or both")
        if self.fraction is not None and self.on is None:
            raise ValueError("fraction: give on, the contracts whose charges are taxed")
        if self.fraction is None and self.on is not None:
            raise ValueError("on: has no effect without fraction; per_mwh is charged on the metered import")
        return self

    # ------------------------------------------------------------------ what a further MWh costs
    def lowest_buy_adder(self, f: Frame) -> Floats:
        credit = f.zeros() if self.per_mwh is None else np.minimum(0.0, f.values(self.per_mwh))
        hosts = contracts_charged_on(f)
        prices = [contract.lowest_buy_price(frame) for contract, frame in hosts]
        adders = [contract.lowest_buy_adder(frame) for contract, frame in hosts]
        taxed = np.minimum.reduce([f.zeros(), *prices]) + np.add.reduce([f.zeros(), *adders])
        return np.asarray(credit + (self.fraction or 0.0) * taxed)

    def highest_sell_adder(self, f: Frame) -> Floats:
        hosts = contracts_charged_on(f)
        prices = [contract.highest_sell_price(frame) for contract, frame in hosts]
        adders = [contract.highest_sell_adder(frame) for contract, frame in hosts]
        taxed = np.maximum.reduce([f.zeros(), *prices]) + np.add.reduce([f.zeros(), *adders])
        return np.asarray((self.fraction or 0.0) * taxed)

    # ------------------------------------------------------------------ money
    def variables(self, b: Any, f: Frame) -> None:
        if self.per_mwh is not None:
            b.per_mwh = f.series_param(self.per_mwh)

    def money(self, b: Any, f: Frame) -> dict[str, MoneyLine]:
        lines: dict[str, MoneyLine] = {}
        if self.fraction is not None:
            lines |= {
                f"{self.name}_on_{name}": self._taxed(host.block, line, self.fraction)
                for name, (host, line) in lines_charged_on(f).items()
            }
        if self.per_mwh is not None:
            lines[f"{self.name}_energy"] = f.by_step(lambda b, w, t: -b.per_mwh[w, t] * f.import_mw(w, t) * f.step_h)
        return lines

    @staticmethod
    def _taxed(host_block: Any, line: MoneyLine, fraction: float) -> MoneyLine:
        """The line's own rule, on the block of the contract that it belongs to, times the tax."""
        return MoneyLine(line.index_sets, lambda b, *index: fraction * line.rule(host_block, *index), line.steps)

    def bill(self, r: Reading) -> dict[str, BillLine]:
        lines: dict[str, BillLine] = {}
        if self.fraction is not None:
            lines |= {
                f"{self.name}_on_{name}": BillLine(self.fraction * line.amounts)
                for name, line in bills_charged_on(r).items()
            }
        if self.per_mwh is not None:
            energy = r.energy_mwh(r.import_mw)
            lines[f"{self.name}_energy"] = BillLine(-r.values(self.per_mwh) * energy, energy, "MWh")
        return lines

    def prices(self, f: Frame) -> dict[str, Floats]:
        return {} if self.per_mwh is None else {self.name: f.values(self.per_mwh)}
