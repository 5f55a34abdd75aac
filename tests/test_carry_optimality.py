"""The rest of an optimal plan is optimal, from every step on and for every state that is carried.

Small cases in which a state matters (a start in flight, a node not yet ready, a block that has begun, a window of
throughput half gone) are solved as a whole and again from every step on, with what the first part hands on. What the
first part books and the optimum of the rest are together exactly the optimum of the whole: a state that is lost makes
the rest freer and earns more (or breaks its money), one that is carried wrongly earns less or has no plan.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from pool_case import at, job, pool, pool_case, rental, service, two_sites
from small_case import fleet, site_case, spot
from test_carry_everywhere import booked_by, rest_of

import optimizer as opt
from optimizer.contract import Contract
from optimizer.parts import place

STEPS = 10
Case = Callable[[np.random.Generator], dict[str, Any]]
CASES: dict[str, Case] = {}


def case(build: Case) -> Case:
    CASES[build.__name__] = build
    return build


def prices(rng: np.random.Generator, low: float = 20.0, high: float = 220.0) -> list[float]:
    return [float(price) for price in np.round(rng.uniform(low, high, STEPS), 1)]


def site(rng: np.random.Generator, **fields: Any) -> dict[str, Any]:
    return site_case(steps=STEPS, contracts=[spot(prices(rng))], **fields)


def on_pool(rng: np.random.Generator, *work: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Power that is worth as much as the work of a node (8 an hour for 10 kW)."""
    return pool_case(prices(rng, 0.0, 1400.0), STEPS, *work, **fields)


# ---------------------------------------------------------------------- machines
@case
def miners_with_minimum_times(rng: np.random.Generator) -> dict[str, Any]:
    return site(rng, assets=[fleet(min_up_hours=4, min_down_hours=3, start_cost=0.02)])


@case
def miners_that_lose_minutes_at_a_start(rng: np.random.Generator) -> dict[str, Any]:
    return site(rng, assets=[fleet(start_lost_minutes=150, integer=True, machines=10)])


@case
def miners_with_few_starts_a_day(rng: np.random.Generator) -> dict[str, Any]:
    machines = fleet(max_starts_per_day=1.5, start_cost=0.01, starts_before=300)
    return site(rng, assets=[machines], start="2024-08-19T19:00")


@case
def miners_committed_for_two_members(rng: np.random.Generator) -> dict[str, Any]:
    by_member = [prices(rng), prices(rng)]
    machines = fleet(commit="day_ahead", min_up_hours=3, min_down_hours=2, running_before=400)
    return site_case(steps=STEPS, contracts=[spot(by_member)], assets=[machines], probabilities=[0.4, 0.6])


@case
def engines_with_a_permit(rng: np.random.Generator) -> dict[str, Any]:
    engine = {
        "kind": "generator",
        "name": "gen",
        "units": 2,
        "unit_mw": 1.0,
        "min_load": 0.5,
        "heat_rate_gj_per_mwh": 9,
        "fuel_price_per_gj": 8,
        "start_cost": 30,
        "start_fuel_gj": 2,
        "min_up_hours": 3,
        "min_down_hours": 3,
        "max_run_hours": 3.5,
        "max_starts_per_day": 1,
    }
    return site(rng, assets=[engine], house_load_mw=2.0)


@case
def a_battery_that_wears_by_depth(rng: np.random.Generator) -> dict[str, Any]:
    store = {
        "kind": "battery",
        "name": "bess",
        "power_mw": 2,
        "energy_mwh": 4,
        "charge_efficiency": 0.9,
        "discharge_efficiency": 0.9,
        "self_discharge_per_hour": 0.01,
        "soc_start_mwh": 3,
        "depth_wear": [{"depth": 0.25, "cost_per_mwh": 1}, {"depth": 1.0, "cost_per_mwh": 25}],
        "max_cycles_per_day": 1.5,
    }
    return site(rng, assets=[store], house_load_mw=2.0)


@case
def a_site_with_a_ramp_limit(rng: np.random.Generator) -> dict[str, Any]:
    return site(rng, assets=[fleet()], grid={"ramp_limit_mw_per_hour": 1.0})


@case
def chillers_and_a_cold_store(rng: np.random.Generator) -> dict[str, Any]:
    plant = {
        "kind": "chiller_plant",
        "name": "plant",
        "chillers": 3,
        "capacity_mw": 2,
        "cop": 4,
        "part_load": [[0.5, 0.7], [1, 1]],
        "running_kw": 100,
        "start_cost": 20,
        "min_up_hours": 3,
        "min_down_hours": 2,
        "max_starts_per_day": 1,
    }
    tank = {
        "kind": "cold_store",
        "name": "tank",
        "cooling": "plant",
        "energy_mwh": 5,
        "charge_limit_mw": 2,
        "discharge_limit_mw": 2,
        "efficiency": 0.95,
        "loss_per_hour": 0.01,
    }
    return site(rng, assets=[fleet(cooling="plant")], cooling=[plant, tank])


# ---------------------------------------------------------------------- pools and services
@case
def nodes_that_wake_slowly(rng: np.random.Generator) -> dict[str, Any]:
    slow = pool(wake_minutes=150, maintenance=[{"from": at(4), "until": at(6), "nodes": 3}])
    return on_pool(rng, rental(max_nodes=[0, 8, 2, 9, 4, 0, 7, 3, 8, 1]), on=slow)


@case
def nodes_that_are_switched_between_services(rng: np.random.Generator) -> dict[str, Any]:
    slow = pool(switch_minutes=90, switch_cost=3, nodes=6)
    demand = [float(d) for d in rng.integers(0, 60, STEPS)]
    chat = service(demand_per_hour=demand, shed_penalty_per_unit=0.3, revenue_per_unit=1.2, cold_start_minutes=30)
    return on_pool(rng, chat, rental(), on=slow)


@case
def nodes_that_are_switched_to_tenants(rng: np.random.Generator) -> dict[str, Any]:
    asked = rental(price_per_gpu_hour=3, max_nodes=[0, 0, 3, 3, 3, 1, 4, 4, 4, 4])
    return on_pool(rng, asked, on=pool(switch_minutes=90, switch_cost=3))


@case
def a_service_level_by_day(rng: np.random.Generator) -> dict[str, Any]:
    demand = [float(d) for d in rng.integers(5, 60, STEPS)]
    chat = service(demand_per_hour=demand, min_served=0.8, revenue_per_unit=0.7)
    return on_pool(rng, chat, on=pool(nodes=6), start="2024-08-19T19:00")


@case
def a_service_with_credits_and_a_queue(rng: np.random.Generator) -> dict[str, Any]:
    demand = [float(d) for d in rng.integers(0, 40, STEPS)]
    chat = service(
        demand_per_hour=demand,
        credits=[{"below": 0.95, "credit_fraction": 0.1}, {"below": 0.8, "credit_fraction": 0.4}],
        deferrable={
            "demand_per_hour": [float(d) for d in rng.integers(0, 30, STEPS)],
            "within_hours": 3,
            "revenue_per_unit": 0.4,
            "late_penalty_per_unit_hour": 0.2,
        },
    )
    return on_pool(rng, chat, on=pool(nodes=5))


# ---------------------------------------------------------------------- jobs
@case
def a_malleable_job(rng: np.random.Generator) -> dict[str, Any]:
    work = job(work_node_hours=32, min_nodes=2, max_nodes=8, restart_loss_hours=1.5, min_run_hours=3, value=400)
    slow = pool(switch_minutes=90, switch_cost=0.5)
    return on_pool(rng, work | {"deadline": at(8), "late_penalty_per_hour": 30}, rental(), on=slow)


@case
def a_malleable_job_for_two_members(rng: np.random.Generator) -> dict[str, Any]:
    by_member = [prices(rng, 0.0, 1400.0), prices(rng, 0.0, 1400.0)]
    work = job(work_node_hours=30, min_nodes=2, max_nodes=8, restart_loss_hours=0.5, value=300)
    return pool_case(by_member, STEPS, work | {"deadline": at(9)}, rental(), probabilities=[0.5, 0.5])


@case
def a_preemptible_job(rng: np.random.Generator) -> dict[str, Any]:
    work = job(work_node_hours=20, gang_nodes=5, block_hours=3, restart_loss_hours=0.5, min_run_hours=5, value=300)
    return on_pool(rng, work | {"class": "preemptible", "release": at(1), "max_nodes": 5}, rental())


@case
def a_rigid_job_with_power_caps(rng: np.random.Generator) -> dict[str, Any]:
    caps = [{"power": 0.6, "speed": 0.8}]
    work = job(work_node_hours=20, gang_nodes=5, restart_loss_hours=0.5, value=300, power_caps=caps)
    return on_pool(rng, work | {"class": "rigid", "deadline": at(9), "max_nodes": 5}, rental())


@case
def a_rigid_job_that_is_already_running(rng: np.random.Generator) -> dict[str, Any]:
    work = job(work_node_hours=30, gang_nodes=5, work_done_before=8, value=300)
    return on_pool(rng, work | {"class": "rigid", "max_nodes": 5}, rental())


@case
def a_job_that_chooses_its_pool(rng: np.random.Generator) -> dict[str, Any]:
    work = {
        "kind": "training_job",
        "name": "j",
        "pool": ["a.h", "b.h"],
        "work_node_hours": 24,
        "min_nodes": 2,
        "max_nodes": 6,
        "restart_loss_hours": 0.5,
        "value": 300,
        "speed_by_pool": {"b.h": 1.4},
        "data_at": "a.h",
        "data_move_hours": 3.5,
    }
    power = [prices(rng, 0.0, 1400.0), prices(rng, 0.0, 1400.0)]
    return two_sites(power, STEPS, work)


@case
def a_preemptible_job_that_chooses_its_pool(rng: np.random.Generator) -> dict[str, Any]:
    work = {
        "kind": "training_job",
        "name": "j",
        "class": "preemptible",
        "pool": ["a.h", "b.h"],
        "work_node_hours": 16,
        "gang_nodes": 4,
        "block_hours": 2,
        "restart_loss_hours": 0.5,
        "value": 250,
        "data_at": "a.h",
        "data_move_hours": 2,
        "speed_by_pool": {"b.h": 1.2},
    }
    return two_sites([prices(rng, 0.0, 1400.0), prices(rng, 0.0, 1400.0)], STEPS, work)


@case
def a_throughput_promised_from_the_start(rng: np.random.Generator) -> dict[str, Any]:
    tier = {"loss": 0.4, "window_hours": 4, "counted_from": "start"}
    return on_pool(rng, job(work_node_hours=40, max_nodes=8, value=400, flex=tier, release=at(1)), rental())


@case
def a_throughput_promised_from_the_release(rng: np.random.Generator) -> dict[str, Any]:
    tier = {"loss": 0.4, "window_hours": 4, "counted_from": "release"}
    return on_pool(rng, job(work_node_hours=40, max_nodes=8, value=400, flex=tier, release=at(1)), rental())


@case
def jobs_that_wait_for_each_other(rng: np.random.Generator) -> dict[str, Any]:
    first = job("one", work_node_hours=16, min_nodes=2, max_nodes=8, value=100)
    second = job("two", work_node_hours=20, gang_nodes=5, value=200, after=["one"], max_nodes=5)
    third = job("three", work_node_hours=8, max_nodes=4, value=100, after=["one"])
    return on_pool(rng, first, second | {"class": "rigid"}, third, rental())


@case
def jobs_that_go_on_after_the_end(rng: np.random.Generator) -> dict[str, Any]:
    late = job("late", work_node_hours=90, max_nodes=6, value=900, deadline=at(12), late_penalty_per_hour=20)
    late |= {"overdue": True}
    tight = job("tight", work_node_hours=60, max_nodes=5, value=500, deadline=at(14))
    rigid = job("rigid", work_node_hours=24, gang_nodes=3, value=300, deadline=at(16), max_nodes=3)
    return on_pool(rng, late, tight, rigid | {"class": "rigid"}, rental(), on=pool(nodes=12))


@case
def a_job_that_is_required(rng: np.random.Generator) -> dict[str, Any]:
    return on_pool(rng, job(work_node_hours=40, max_nodes=8, required=True, deadline=at(8), value=1), rental())


@cache
def solved_case(name: str, seed: int) -> opt.Plan:
    return opt.optimize(opt.scenario_from_dict(CASES[name](np.random.default_rng(seed))))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_what_was_earned_and_the_best_of_the_rest_are_the_best_of_the_whole(name: str, seed: int) -> None:
    """Proves: for every cut the two parts earn what one plan earns, neither more nor less."""
    plan = solved_case(name, seed)
    weights = plan.scenario.ensemble.weights
    for step in range(1, STEPS):
        before = float(weights @ np.add.reduce(list(booked_by(plan, step).values())))
        rest = opt.optimize(rest_of(plan, step)).expected_profit
        assert before + rest == pytest.approx(plan.expected_profit, rel=1e-6, abs=1e-5), f"from step {step} on"


def test_every_state_of_machines_and_work_is_carried_in_one_of_the_cases() -> None:
    """Proves: no state is declared that no case hands on."""
    declared: set[tuple[str, str]] = set()
    carried: set[tuple[str, str]] = set()
    for name in CASES:
        for seed in (1, 2):
            plan = solved_case(name, seed)
            parts = place(plan.scenario)[0].components
            kinds = {
                label: str(plan.dispatch["component_kind"].sel(component=label).item())
                for label, part in parts.items()
                if not isinstance(part.component, Contract)
            }
            declared |= {(kinds[label], key) for label in kinds for key in parts[label].component.carries}
            for step in range(1, STEPS + 1):
                states = plan.carry_at(step)["components"]
                carried |= {(kinds[label], key) for label in kinds for key in states.get(label, ())}
    elsewhere = {(kind, key) for kind, key in declared if key == "water_m3"}  # in tests/cooling/test_plant_water.py
    assert declared - carried - elsewhere == set()
