"""What a new peak of the month costs a window: its share of the time for which it is paid.

A demand charge is paid once for the highest demand of a month, which then may be drawn again in all the days that are
left of it. A window of two days that is charged the whole of it for what it alone could earn would hardly ever run
anything at a month's beginning. So a window in which decisions are taken pays, of each month ``k`` and for all that it
adds to the peak so far,

    rate_k * (hours of month k in the window) / (hours left of month k when the window starts)

which rises to the whole rate towards the end of the month, and is the whole of it where the window covers all that is
left. What was done is settled with the rate itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from optimizer.contract import Contract
from optimizer.contracts.demand_charge import DemandCharge
from optimizer.horizon import Horizon
from optimizer.rate_tiers import MONTHS_OF_YEAR, MonthlyRate
from optimizer.scenario import Scenario

Model = TypeVar("Model", bound=BaseModel)


def with_peaks_spread(scenario: Scenario, shares: Sequence[float]) -> Scenario:
    """A window's scenario with demand charges as it is to weigh them: each calendar month at its share."""
    if all(share == 1.0 for share in shares):
        return scenario
    sites = tuple(_changed(site, {"contracts": _spread(site.contracts, shares)}) for site in scenario.sites)
    return scenario.model_copy(update={"sites": sites, "contracts": _spread(scenario.contracts, shares)})


def shares_of_months(window: Horizon, whole: Horizon) -> tuple[float, ...]:
    """Hours of each calendar month (January first) in the window, as a share of those left when it starts; 1 for months
    that it does not touch.

    ``whole`` is the time over which decisions are taken: at its end nothing is left to be gained from a peak.
    """
    inside = np.bincount(_months(window, window.steps), minlength=MONTHS_OF_YEAR)
    first = (window.start_utc - whole.start_utc) // whole.step_length
    labels = whole.period_codes("month")[first:]
    # a month comes again after a year: only the first of each is left
    new = labels - labels[0] < MONTHS_OF_YEAR
    left = np.bincount(_months(whole, whole.steps)[first:][new], minlength=MONTHS_OF_YEAR)
    return tuple(float(i / n) if i else 1.0 for i, n in zip(inside, left, strict=True))


def _months(horizon: Horizon, steps: int) -> Any:
    """Calendar month of each step, 0 to 11."""
    return np.asarray(horizon.local[:steps].month) - 1


def _spread(contracts: Sequence[Contract], shares: Sequence[float]) -> tuple[Any, ...]:
    return tuple(_charge(contract, shares) for contract in contracts)


def _charge(contract: Any, shares: Sequence[float]) -> Any:
    """A contract with its demand charges, and those of a bundle, changed."""
    if isinstance(contract, DemandCharge):
        if contract.tiers is not None:
            tiers = tuple(
                _changed(tier, {"rate_per_kw_month": _rates(tier.rate_per_kw_month, shares)}) for tier in contract.tiers
            )
            return _changed(contract, {"tiers": tiers})
        assert contract.rate_per_kw_month is not None
        return _changed(contract, {"rate_per_kw_month": _rates(contract.rate_per_kw_month, shares)})
    if isinstance(contract, Contract):
        held = {
            name: tuple(_charge(each, shares) for each in value)
            for name, value in contract
            if isinstance(value, tuple) and any(isinstance(each, Contract) for each in value)
        }
        return _changed(contract, held) if held else contract
    return contract


def _rates(rate: MonthlyRate, shares: Sequence[float]) -> tuple[float, ...]:
    return tuple(
        float(r) * s for r, s in zip(np.broadcast_to(np.asarray(rate, float), MONTHS_OF_YEAR), shares, strict=True)
    )


def _changed(model: Model, fields: dict[str, Any]) -> Model:
    return model.model_copy(update=fields)
