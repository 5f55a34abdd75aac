"""Delivery charge: wires and riders charged on all metered import, whoever supplies it.

Delivers nothing. The metered import of the contract's sites is charged by the rates of
:mod:`optimizer.energy_rates`::

    cost = sum of the rates' charges and of the adder, on import_t
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from optimizer.component import Floats
from optimizer.energy_rates import EnergyRates
from optimizer.frame import Frame
from optimizer.metering import Reading


class DeliveryCharge(EnergyRates):
    """A charge per MWh on all metered import."""

    kind: Literal["delivery_charge"] = "delivery_charge"

    def billed_mw(self, b: Any, f: Frame, w: Any, t: Any) -> Any:
        return f.import_mw(w, t)

    def metered_mw(self, r: Reading) -> Floats:
        return r.import_mw

    def most_billed_mw(self, f: Frame) -> Floats:
        return f.largest_load_mw

    def lowest_buy_adder(self, f: Frame) -> Floats:
        return np.minimum(0.0, self.lowest_price(f))
