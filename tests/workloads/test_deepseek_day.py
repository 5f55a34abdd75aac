"""A day of DeepSeek's inference, from its own public report, as an optimisation.

"DeepSeek-V3/R1 Inference System Overview" (1 March 2025): over 24 hours 226.75 nodes of 8 GPUs on average and 278 at
the peak; at 2 per GPU-hour they cost 87,072. 608 billion input tokens, of which 342 billion hit the cache, and 168
billion output tokens, priced at 0.14 (cached), 0.55 and 2.19 per million, bring 562,027. The tokens as rounded in the
report give 562,100.
"""

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pool_case import pool, pool_case, rental, service
from small_case import booked, solved

import optimizer as opt

PUBLISHED_COST, PUBLISHED_REVENUE = 87_072.0, 562_027.0
MEAN_NODES, PEAK_NODES, HOURS, GPUS = 226.75, 278, 24, 8
MTOK_CACHED, MTOK_UNCACHED, MTOK_OUT = 342e3, 266e3, 168e3
REVENUE = MTOK_CACHED * 0.14 + MTOK_UNCACHED * 0.55 + MTOK_OUT * 2.19
MTOK_OUT_PER_NODE_HOUR = MTOK_OUT / (MEAN_NODES * HOURS)


def day(price_per_gpu_hour: float) -> dict[str, Any]:
    """Output tokens over a day whose nodes swing about their mean up to the peak; idle nodes are rented out, which
    makes a GPU-hour cost what it could have earned. Each output token brings the income of the input tokens
    that came with it."""
    swing = [(PEAK_NODES - MEAN_NODES) * math.cos(2 * math.pi * (hour - 15) / HOURS) for hour in range(HOURS)]
    work = service(
        unit="Mtok",
        demand_per_hour=[MTOK_OUT_PER_NODE_HOUR * (MEAN_NODES + s) for s in swing],
        capacity_per_node_hour=MTOK_OUT_PER_NODE_HOUR,
        revenue_per_unit=REVENUE / MTOK_OUT,
    )
    return pool_case(0, HOURS, work, rental(price_per_gpu_hour=price_per_gpu_hour), on=pool(nodes=PEAK_NODES))


def test_a_days_income_and_cost_are_those_of_the_report() -> None:
    """Proves: serving earns the published income within 0.1 %, and its nodes cost the published 87,072 in rent
    forgone: the profit is 562,100 - 87,072 above that of renting out every node, 106,752. Sensitivity: without
    sharing nodes the rent forgone is 0; priced by node instead of by GPU it is an eighth."""
    plan = solved(day(2.0))
    everything_rented = PEAK_NODES * GPUS * HOURS * 2.0
    assert booked(plan, "inference_revenue") == pytest.approx(562_100.0)
    assert booked(plan, "inference_revenue") == pytest.approx(PUBLISHED_REVENUE, rel=1e-3)
    assert everything_rented - booked(plan, "rental_revenue") == pytest.approx(PUBLISHED_COST)
    assert plan.expected_profit == pytest.approx(everything_rented + 562_100.0 - PUBLISHED_COST)
    nodes = plan.dispatch["nodes"].sel(component="s").to_numpy()
    assert nodes.mean() == pytest.approx(MEAN_NODES)
    assert nodes.max() == pytest.approx(PEAK_NODES)


@pytest.mark.parametrize(("price_per_gpu_hour", "served"), [(12.9, 1.0), (12.92, 0.0)])
def test_the_service_gives_way_above_what_a_gpu_hour_earns_in_it(price_per_gpu_hour: float, served: float) -> None:
    """Proves: 562,100 in 43,536 GPU-hours is 12.911 each; beyond that renting out is better. Sensitivity: compared
    with the price of output tokens alone the service gives way above 8.45."""
    plan = solved(day(price_per_gpu_hour))
    assert plan.summary["served_fraction"]["s"] == pytest.approx(served, abs=1e-6)


# ---------------------------------------------------------------------- the shipped day, with training at night
SCENARIO = Path(__file__).parents[2] / "scenarios" / "deepseek_day.yaml"
MTOK_IN = 608e3
INPUT_PER_S, OUTPUT_PER_S = 73_700, 14_800


@cache
def shipped_day() -> opt.Plan:
    return opt.optimize(opt.load(SCENARIO))


def of(variable: str, component: str) -> NDArray[np.float64]:
    """A variable of one component, hour by hour."""
    found: NDArray[np.float64] = shipped_day().dispatch[variable].sel(component=component).to_numpy()[0]
    return found


def nodes_in_use() -> NDArray[np.float64]:
    """The day's nodes in use as written in the scenario: 278 at the peak, 226.75 on average."""
    chat: Any = shipped_day().scenario.sites[0].workloads[0]
    return np.asarray(chat.demand_per_hour.raw["series"], dtype=np.float64)


def test_the_shipped_day_has_the_published_averages() -> None:
    """Proves: nodes in use are 226.75 on average and 278 at the peak, and the tokens round to the 608 and 168 billion
    of the report, which bring the published income within 0.1 %. Sensitivity: the totals as rounded need 226.86
    nodes."""
    chat: Any = shipped_day().scenario.sites[0].workloads[0]
    assert nodes_in_use().mean() == pytest.approx(MEAN_NODES)
    assert nodes_in_use().max() == PEAK_NODES
    assert round(float(chat.prefill.demand_per_hour.values.sum()) / 1e3) == 608
    assert round(float(chat.demand_per_hour.values.sum()) / 1e3) == 168
    assert booked(shipped_day(), "inference_revenue") == pytest.approx(PUBLISHED_REVENUE, rel=1e-3)
    rounded = (MTOK_IN / INPUT_PER_S + MTOK_OUT / OUTPUT_PER_S) * 1e6 / 3600 / HOURS
    assert rounded == pytest.approx(226.86, abs=0.01)


def test_everything_is_served_on_no_more_nodes_than_published() -> None:
    """Proves: at the published throughput of a node, the plan serves all tokens and holds in no hour more nodes than
    were in use; 278 at the peak and 226.75 on average, as published. Sensitivity: with prompts at the rate of answers
    the peak needs more nodes than there are and the day is refused."""
    assert shipped_day().summary["served_fraction"]["chat"] == pytest.approx(1.0)
    nodes = of("nodes", "chat")
    assert (nodes <= nodes_in_use() + 1e-6).all()
    assert nodes.max() == pytest.approx(PEAK_NODES, rel=1e-4)
    assert nodes.mean() == pytest.approx(MEAN_NODES, rel=1e-4)
    with pytest.raises(opt.InputError, match="cannot be met even with all nodes"):
        opt.load(SCENARIO, ["sites.cluster.workloads.chat.prefill_capacity_per_node_hour=53.28"])


def test_the_rest_trains_at_night() -> None:
    """Proves: 278 nodes for 24 hours less those in use leave 1,230 node-hours; training finishes 1,200, of which 1,100
    from 00:00 to 09:00, and is paid 16 each. Sensitivity: nodes of its own for the peak leave training none."""
    free = PEAK_NODES * HOURS - of("nodes", "chat").sum()
    assert free == pytest.approx(1230, abs=0.2)
    assert shipped_day().summary["work_done"]["research"] == pytest.approx(1200)
    assert booked(shipped_day(), "training_value") == pytest.approx(19_200)
    training = of("nodes", "research")
    assert (of("nodes", "chat") + training <= PEAK_NODES + 1e-6).all()
    assert training[12:21].sum() == pytest.approx(1100, abs=1)
    assert training.max() == pytest.approx(168, abs=0.1)
