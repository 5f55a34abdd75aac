"""The price of power up to which a fleet is worth running, by its best and by its last step.

A step between two modes breaks even at ``revenue / power``, both of the step alone, where the power includes that of
the cooling behind it (``a`` MW per MW of heat)::

    break_even_t = hashprice_t / 24 * uptime * (1 - pool_fee) * (PH/s of the step / MW of the step)
                   / (1 + heat_fraction * a_t)                                                (currency per MWh)

that is ``1000 * hashprice / (24 * marginal J/TH * (1 + a))`` before fees. In the summary, as means over the horizon
and over the members, for each fleet:

* ``break_even_per_mwh``: of the best step, from standing by to the mode that earns most per MWh: above it, the fleet
  rests. Sorted by it, the fleets are the ladder in which a site switches off;
* ``last_step_break_even_per_mwh``: of the last step, to the strongest mode used: below it, the fleet runs flat out;
* ``never_worth_running``: for a fleet that stands still throughout because its best break-even stays below the lowest
  price of power at its site in every step: the hashprice at which it would first run. Such a fleet is due for
  retirement, unless that hashprice is expected;
* ``never_ran``: for a fleet that stands still for another reason (connection, hall, a better fleet, cost of starts): by
  how much its break-even exceeds the lowest price at most, per MWh.

``a`` is the overhead of the fleet's hall and of what stands behind it; of a chiller plant, its mean over the horizon.
"""

from __future__ import annotations

import numpy as np

from optimizer.audit import AuditView
from optimizer.component import Floats
from optimizer.mining_reserves import MiningReserves

STILL = 1e-6
"""Machines below which a fleet stands still."""


def break_even_figures(fleet: MiningReserves, a: AuditView, hashprice: Floats) -> dict[str, float]:
    """Sections of the summary for a fleet, from its plan alone; ``hashprice`` is before fees, (members, steps)."""
    per_power = 1.0 + cooling_overhead(a) * fleet.heat_fraction
    best = fleet.lost_value_per_mwh(a.frame, "up") / per_power
    last = -fleet.lost_value_per_mwh(a.frame, "down") / per_power
    figures = {
        "break_even_per_mwh": float(a.probabilities @ best.mean(axis=1)),
        "last_step_break_even_per_mwh": float(a.probabilities @ last.mean(axis=1)),
    }
    can_run, price = fleet.available_machines(a) > 0, a.lowest_buy_price
    if a.table("running").max() > STILL or not can_run.any() or not np.isfinite(price[can_run]).all():
        return figures
    margin = (best - price)[can_run]
    if margin.max() > 0:
        return figures | {"never_ran": float(margin.max())}
    paid = can_run & (best > 0)
    if paid.any():
        needed = hashprice[paid] * price[paid] / best[paid]
        figures["never_worth_running"] = float(needed.min())
    return figures


def cooling_overhead(a: AuditView) -> Floats:
    """Power of the cooling behind a component per MW of its heat, (members, steps)."""
    overhead, passed = np.zeros(a.shape), np.ones(a.shape)
    hosts = a.hosts("cooling")
    while hosts:
        plant = hosts[0]
        collected = plant.reported("heat_mw")
        overhead += passed * _own_overhead(plant, collected)
        passed *= np.divide(plant.heat_mw(), collected, out=np.ones(a.shape), where=collected > 0)
        hosts = plant.hosts("plant")
    return overhead


def _own_overhead(plant: AuditView, collected: Floats) -> Floats:
    """As it reports it; for a plant without such a figure, its mean power per heat."""
    reported = plant.reported("overhead")
    if reported.any() or not collected.any():
        return reported
    return np.asarray(plant.full(plant.site_power_mw().sum() / collected.sum()))
