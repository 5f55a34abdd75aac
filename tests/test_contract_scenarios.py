"""The shipped scenarios about contracts and on-site energy: what their contracts change in the plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shipped
from numpy.typing import NDArray

import optimizer as opt

Floats = NDArray[np.float64]


def of(plan: opt.Plan, variable: str, component: str) -> Floats:
    """A variable of one component, (members, steps)."""
    found: Floats = plan.dispatch[variable].sel(component=component).to_numpy()
    return found


def imported(plan: opt.Plan) -> Floats:
    """Import of all sites together, (members, steps)."""
    found: Floats = plan.dispatch["import_mw"].sum("site").to_numpy()
    return found


def data_of(plan: opt.Plan, contract: str, field: str) -> Floats:
    """A series of a contract, (members, steps)."""
    everything = [c for site in plan.scenario.sites for c in site.contracts] + list(plan.scenario.contracts)
    found: Floats = getattr(next(c for c in everything if c.name == contract), field).by_member(plan.scenario.members)
    return found


# ---------------------------------------------------------------------- a month under a contract book
def test_orders_events_and_peaks_move_the_month() -> None:
    """Proves: in the hours of the emergency no more than 15 MW are taken; in the events 40 MW less than the baseline;
    in the hours most likely to be the system's peak less than a third of the usual load.

    Sensitivity: in the other hours the site takes up to 96 MW, so each of these would be broken without its
    contract."""
    _, plan = shipped.solved("contract_month")
    load = imported(plan)[0]
    assert load.max() > 90
    assert (load[data_of(plan, "grid_emergency", "obligation")[0] > 0] <= 15 + 1e-6).all()
    events = data_of(plan, "curtailment", "events")[0] > 0
    assert (load[events] <= 60 - of(plan, "committed_mw", "curtailment")[0, events] + 1e-6).all()
    likely = data_of(plan, "transmission", "probability")[0] > 0.05
    assert likely.sum() > 3
    assert load[likely].mean() < load.mean() / 3


def test_the_summer_afternoons_stay_below_the_demand_that_is_billed() -> None:
    """Proves: workday afternoons set the wires charge, at least 0.8 of 52 MW; nights go far above it.
    Sensitivity: a charge on all hours would hold the nights down, too."""
    _, plan = shipped.solved("contract_month")
    local = plan.scenario.horizon.local
    afternoon = np.asarray((local.hour >= 13) & (local.hour < 19) & (local.day_of_week < 5))
    peak = imported(plan)[0][afternoon].max()
    assert plan.summary["ledger"]["wires_demand"] == pytest.approx(-4200 * max(peak, 0.8 * 52))
    assert imported(plan)[0][~afternoon].max() > peak + 20


def test_taxes_follow_what_they_are_on() -> None:
    _, plan = shipped.solved("contract_month")
    ledger = plan.summary["ledger"]
    assert ledger["gross_receipts_tax_on_spot_energy"] == pytest.approx(0.02 * ledger["spot_energy"])
    assert ledger["gross_receipts_tax_on_wires_demand"] == pytest.approx(0.02 * ledger["wires_demand"])


def test_the_month_hands_on_what_september_needs() -> None:
    """Proves: August's peak stands in the carry for the ratchet of the months after, with the hours and tonnes used."""
    _, plan = shipped.solved("contract_month")
    carry = plan.summary["carry"]
    assert carry["at"] == "2024-09-01T00:00-05:00"
    peaks = carry["components"]["wires"]["peaks_mw"]
    assert peaks["2024-08"] == pytest.approx(-plan.summary["ledger"]["wires_demand"] / 4200, rel=1e-6)
    assert carry["components"]["curtailment"]["hours_used"] == {"2024": pytest.approx(10.0)}


# ---------------------------------------------------------------------- reserves
def test_awards_are_one_decision_and_are_held_in_every_member() -> None:
    """Proves: awards are the same for all members, are sold, and what the products ask for is held or paid for."""
    _, plan = shipped.solved("reserves_48h")
    for product in ("regup", "regdn", "rrs", "ecrs", "nspin"):
        award = of(plan, "award_mw", product)
        assert award.max() > 1.0
        np.testing.assert_allclose(award, np.broadcast_to(award[0], award.shape), atol=1e-6)
        held = plan.dispatch[f"{product}.offered_mw"].to_numpy().sum(axis=0)
        np.testing.assert_allclose(held + of(plan, "short_mw", product), award, atol=1e-5)


def test_reserves_keep_machines_ready_that_can_be_shed() -> None:
    """Proves: the reserves up of the miners never exceed what they draw. Sensitivity: selling 85 MW of up reserves from
    machines that stand still would earn more."""
    _, plan = shipped.solved("reserves_48h")
    up = {"regup": "s21", "rrs": "s21", "ecrs": "s21", "nspin": "s21"}
    total = np.zeros_like(of(plan, "power_mw", "s21"))
    for product, provider in up.items():
        table = plan.dispatch[f"{product}.offered_mw"]
        own = str(table.dims[0])
        total += table.sel({own: provider}).to_numpy()
    assert (total <= of(plan, "power_mw", "s21") + 1e-5).all()
    assert total.max() > 5


# ---------------------------------------------------------------------- utility, portfolio, on site
def test_called_hours_leave_only_the_firm_power() -> None:
    """Proves: after the hour of notice no more than 2 MW of the interruptible supply are taken while it is called."""
    _, plan = shipped.solved("utility_month")
    called = data_of(plan, "interruptible", "called")[0] > 0
    after_notice = called & np.concatenate([[False], called[:-1]])
    taken = of(plan, "delivered_mw", "interruptible")[0]
    assert after_notice.sum() > 4
    assert (taken[after_notice] <= 2 + 1e-6).all()
    assert taken[~called].max() == pytest.approx(5.0)
    np.testing.assert_allclose(of(plan, "delivered_mw", "hedge")[0], 0.3 * imported(plan)[0], atol=1e-6)


def test_the_portfolio_obeys_its_joint_order_and_its_joint_peak() -> None:
    """Proves: in the evening of the order both sites together take 25 MW; elsewhere they stop at the tier's end of
    40 MW. Sensitivity: each alone could take more than that (their connections are 50 and 20 MW)."""
    _, plan = shipped.solved("portfolio_72h")
    order = data_of(plan, "evening_order", "obligation")[0] > 0
    load = imported(plan)
    assert order.sum() == 4
    assert (load[:, order] <= 25 + 1e-6).all()
    assert load.max() == pytest.approx(40.0)


def test_engines_burn_no_more_than_the_well_gives() -> None:
    """Proves: gas for less than two engines at full power; the sun is used first, and heat is sold in all hours in
    which machines run. Sensitivity: without the limit on gas both engines would run flat out: 46.5 GJ/h."""
    _, plan = shipped.solved("onsite_72h")
    assert of(plan, "fuel_gj_h", "engines").max() == pytest.approx(36.0, abs=1e-6)
    assert of(plan, "heat_sold_mw", "greenhouse").max() == pytest.approx(3.0)
    assert plan.summary["curtailed_fraction"]["solar"] < 0.05


def test_a_second_week_starts_where_the_first_has_ended(tmp_path: Path) -> None:
    """Proves: two weeks in a row, the second with the first one's carry.yaml, book together the demand charge of the
    higher of their peaks, and count the event hours of both. Sensitivity: without the carry the second week would pay
    for its whole peak again."""
    file = shipped.FOLDER / "contract_month.yaml"
    first = opt.optimize(opt.load(file, ["horizon.steps=168"]))
    first.save(tmp_path / "first")
    week = ["horizon.start=2024-08-08T00:00", "horizon.steps=168"]
    second = opt.optimize(opt.load(file, week, carry=tmp_path / "first" / "carry.yaml"))
    plans = (first, second)
    peaks = [plan.summary["carry"]["components"]["wires"]["peaks_mw"]["2024-08"] for plan in plans]
    assert peaks[1] >= peaks[0]
    booked = sum(plan.summary["ledger"]["wires_demand"] for plan in plans)
    assert booked == pytest.approx(-4200 * max(peaks[1], 0.8 * 52))
    events = data_of(first, "curtailment", "events").sum() + data_of(second, "curtailment", "events").sum()
    assert second.summary["carry"]["components"]["curtailment"]["hours_used"] == {"2024": pytest.approx(events)}


# ---------------------------------------------------------------------- chilled water, and everything at once
def test_the_store_moves_the_compressors_out_of_the_dear_hours() -> None:
    """Proves: the tank gives its cold in the dearest eighth of the hours and is charged in others; no day drinks more
    than its water; three of the four chillers could bear the heat at any time.

    Sensitivity: a store that ignored prices would be charged in the dear hours as often as in others."""
    _, plan = shipped.solved("chilled_72h")
    price = plan.scenario.sites[0].contracts[0].price_per_mwh.values[0]  # type: ignore[attr-defined]
    dear = price >= np.quantile(price, 0.875)
    given, taken = (
        plan.dispatch[v].sel(component="tank").to_numpy()[0] for v in ("cold_discharge_mw", "cold_charge_mw")
    )
    assert given[dear].mean() > 2 * given[~dear].mean()
    assert taken[dear].sum() == pytest.approx(0.0, abs=1e-6)
    water = plan.dispatch["water_m3"].sel(component="plant").to_numpy()[0].reshape(3, 24).sum(axis=1)
    assert (water <= 820 + 1e-6).all()


def test_everything_at_once_is_proven_within_the_gap() -> None:
    """Proves: all machines, work, cooling, on-site energy and services together; every job finishes."""
    _, plan = shipped.solved("campus_everything_week")
    assert plan.summary["work_done"] == pytest.approx({"finetune": 22_000, "pretrain": 18_432, "evaluation": 6_144})
    assert of(plan, "award_mw", "ecrs").max() == pytest.approx(20.0, abs=1e-6)
    assert plan.summary["ledger"]["wires_demand"] == pytest.approx(0.0)  # afternoons stay below the peak so far
