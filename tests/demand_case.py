"""Paper-sized scenarios of demand charges, beside those of :mod:`small_case`."""

from __future__ import annotations

from typing import Any

from small_case import booked, fleet, site_case, solved, spot

import optimizer as opt
from optimizer.audit import AuditView, Findings
from optimizer.contract import BillLine, Peak

MONTH_START = "2024-08-01T00:00"
"""A month that the horizon covers from its start on: it is charged whole."""
INSIDE = "2024-08-19T00:00"
"""A start inside a month: only the increase over the floor is charged."""
MARGIN = 50.0 / 3.5
"""What the fleet of :mod:`small_case` earns per MWh at a price of 100: 400 - 350 an hour for 3.5 MWh."""


def charge(rate: Any = None, name: str = "tdu", **fields: Any) -> dict[str, Any]:
    """A demand charge at a rate per kW and month."""
    rated = {} if rate is None else {"rate_per_kw_month": rate}
    return {"kind": "demand_charge", "name": name} | rated | fields


def tiers(*steps: tuple[float | None, Any]) -> list[dict[str, Any]]:
    """Tiers by upper end (None: open) and rate."""
    return [{"rate_per_kw_month": rate} | ({} if up_to is None else {"up_to_mw": up_to}) for up_to, rate in steps]


def load_case(load_mw: list[Any], *charges: dict[str, Any], start: str = MONTH_START, **case: Any) -> dict[str, Any]:
    """A load that is given, and free energy: the plan is a bill."""
    steps = len(load_mw[0]) if isinstance(load_mw[0], list) else len(load_mw)
    return site_case(steps=steps, contracts=[spot(0), *charges], house_load_mw=load_mw, start=start, **case)


def fleet_case(*charges: dict[str, Any], price: Any = 100, steps: int = 4, **case: Any) -> dict[str, Any]:
    """The fleet of 3.5 MW at a price of 100: each MWh earns 14.29, four hours 57.14 per MW of peak."""
    given: dict[str, Any] = {"start": MONTH_START, "assets": [fleet()]} | case
    return site_case(steps=steps, contracts=[spot(price), *charges], **given)


def bill_of(plan: opt.Plan, name: str = "tdu") -> BillLine:
    """The bill of a plan's own load."""
    found: BillLine = _view(plan, name).component.bill(_view(plan, name))[f"{name}_demand"]
    return found


def billed_kw(plan: opt.Plan, name: str = "tdu") -> list[float]:
    """Billed quantity of each month, first member."""
    horizon = plan.scenario.horizon
    codes = horizon.period_codes("month")
    quantity = bill_of(plan, name).quantity
    assert quantity is not None
    return [round(float(quantity[0, codes == p].sum()), 6) for p in range(int(codes.max()) + 1)]


def peaks_of(plan: opt.Plan, name: str = "tdu") -> list[Peak]:
    """Steps that set the charge."""
    view = _view(plan, name)
    found: list[Peak] = view.component.peaks_mw(view)
    return found


def cost_of(case: dict[str, Any], name: str = "tdu") -> float:
    """What the charge of a scenario costs."""
    return -booked(solved(case), f"{name}_demand")


def _view(plan: opt.Plan, name: str) -> AuditView:
    return AuditView(opt.build(plan.scenario).parts.components[name].frame, plan.dispatch, Findings())
