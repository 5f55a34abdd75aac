"""Input and output counted apart, on the same nodes and on pools of their own, worked by hand.

A node gives out 10 Mtok of output or takes in 40 Mtok of input an hour; two of input come with one of output.
"""

from typing import Any

import pytest
from pool_case import pool, pool_case, service, table
from small_case import booked, profit, refusals, series, solved, unnoticed, warnings_of

INPUT_NODES = {"kind": "gpu_pool", "name": "i", "nodes": 10, "idle_kw": 1, "full_kw": 5}


def split(output: Any, into: Any, **fields: Any) -> dict[str, Any]:
    apart = fields.pop("prefill", {})
    return service(
        demand_per_hour=output, prefill={"demand_per_hour": into} | apart, prefill_capacity_per_node_hour=40, **fields
    )


def on_two_pools(price: Any, steps: int, work: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Nodes that answer (``h``), and nodes that only take in input (``i``, 1 kW idle and 5 kW at full work)."""
    case = pool_case(price, steps, work | {"pool": ["i", "h"]})
    case["sites"][0]["assets"].append(INPUT_NODES | fields)
    return case


def test_a_node_hour_is_used_by_input_and_output() -> None:
    """Proves: 20 of output and 40 of input take 2 + 1 nodes, each at full 10 kW: 20 - 3. Sensitivity: without input
    18; input at the rate of output 14."""
    plan = solved(pool_case(100, 1, split(20, 40)))
    assert plan.expected_profit == pytest.approx(17.0)
    assert series(plan, "nodes", "s") == pytest.approx([3.0])
    assert unnoticed(plan, "s") == []


def test_the_mix_may_change_from_step_to_step() -> None:
    """Proves: nodes for (20, 40), (20, 0) and (20, 160): 3, 2 and 6. Sensitivity: with the mean mix 3.67 each."""
    plan = solved(pool_case(100, 3, split(20, [40, 0, 160])))
    assert series(plan, "nodes", "s") == pytest.approx([3.0, 2.0, 6.0])


def test_input_is_paid_and_powered_apart() -> None:
    """Proves: 40 of input bring 4 and, at 0.1 kWh each beyond idling, draw 4 kW on top of 3 * 2 + 20 * 0.8: 24 - 2.6.
    Sensitivity: without revenue of input 17.4, with the default 0.2 kWh 21."""
    work = split(20, 40, prefill={"revenue_per_unit": 0.1}, prefill_kwh_per_unit=0.1)
    plan = solved(pool_case(100, 1, work))
    assert plan.expected_profit == pytest.approx(21.4)
    assert booked(plan, "inference_revenue") == pytest.approx(24.0)


def test_both_are_shed_together_where_nodes_are_short() -> None:
    """Proves: 10 nodes serve 10 / 0.15 = 66.7 of 100. Sensitivity: output alone would fit on 10 nodes."""
    plan = solved(pool_case(0, 1, split(100, 200)))
    assert series(plan, "served", "s") == pytest.approx([66.666667])


def test_input_and_output_on_pools_of_their_own() -> None:
    """Proves: 2 nodes at 10 kW answer and 1 at 5 kW takes in the input: 20 - 2.5. Sensitivity: all on the nodes that
    answer 17; all on the others 18.5."""
    plan = solved(on_two_pools(100, 1, split(20, 40, prefill={"pools": ["i"]})))
    assert plan.expected_profit == pytest.approx(17.5)
    assert table(plan, "s", "nodes_by_pool") == {"i": [1.0], "h": [2.0]}
    assert table(plan, "s", "power_by_pool_mw") == {"i": [0.005], "h": [0.02]}
    assert series(plan, "served", "s") == pytest.approx([20.0])
    assert unnoticed(plan, "s") == []


def test_what_cannot_be_taken_in_is_not_answered() -> None:
    """Proves: one node takes in 40 an hour, input of 20 of output. Sensitivity: without the balance of both 40."""
    plan = solved(on_two_pools(0, 1, split(40, 80, prefill={"pools": ["i"]}), nodes=1))
    assert series(plan, "served", "s") == pytest.approx([20.0])


def test_each_pool_keeps_its_own_headroom() -> None:
    """Proves: at half the capacity 20 and 40 units take 4 and 2 nodes. Sensitivity: headroom of one of them 3 or 5."""
    plan = solved(on_two_pools(0, 1, split(20, 40, prefill={"pools": ["i"]}, headroom=0.5, min_served=1.0)))
    nodes = table(plan, "s", "nodes_by_pool")
    assert nodes["h"][0] >= 4.0 - 1e-6
    assert nodes["i"][0] >= 2.0 - 1e-6
    latency = split(20, 40, prefill={"pools": ["i"]}, latency_headroom={"typical_nodes": 4}, min_served=1.0)
    assert series(solved(on_two_pools(10, 1, latency)), "served", "s") == pytest.approx([20.0])


def test_a_days_nodes_of_the_published_throughput_are_those_published() -> None:
    """Proves: 608 billion tokens at 73,700 a second and node, and 168 billion at 14,800, take 226.86 nodes on average;
    226.75 are published (0.05 % less, from figures rounded to three digits). Sensitivity: output alone 131.4."""
    work = {
        "kind": "inference_service",
        "name": "s",
        "pool": "h",
        "unit": "Gtok",
        "model": "DeepSeek-V3/R1 on 8xH800",
        "demand_per_hour": 168 / 24,
        "prefill": {"demand_per_hour": 608 / 24},
        "revenue_per_unit": 2190,
        "min_served": 1.0,
    }
    plan = solved(pool_case(10, 1, work, on=pool(nodes=278)))
    assert series(plan, "nodes", "s")[0] == pytest.approx(226.86, abs=0.01)
    assert series(plan, "nodes", "s")[0] == pytest.approx(226.75, rel=1e-3)


def test_an_impossible_level_names_nodes_of_both_kinds() -> None:
    """Proves: 200 of output need 20 nodes and 800 of input 20 of the others; 10 of each are there."""
    work = split(200, 800, prefill={"pools": ["i"]}, min_served=1.0)
    assert "by 20 nodes" in refusals(on_two_pools(0, 1, work))


def test_contradictions_are_refused() -> None:
    assert "input without output at 2024-08-19T01:00" in refusals(pool_case(0, 2, split([1, 0], 4)))
    apart = split(1, [4, 0], prefill={"pools": ["i"]})
    assert "output without input at 2024-08-19T01:00" in refusals(on_two_pools(0, 2, apart))
    assert "the service has no such pool" in refusals(pool_case(0, 1, split(1, 4, prefill={"pools": ["x"]})))
    assert "no pool is left to answer" in refusals(pool_case(0, 1, split(1, 4, prefill={"pools": ["h"]})))
    alone = {key: value for key, value in split(1, 4).items() if key != "prefill_capacity_per_node_hour"}
    assert "is missing for h" in refusals(pool_case(0, 1, alone))
    batch = {"demand_per_hour": 1, "within_hours": 1}
    text = refusals(on_two_pools(0, 1, split(1, 4, prefill={"pools": ["i"]}, deferrable=batch)))
    assert "make it a service of its own" in text
    assert "has no effect without prefill" in warnings_of(
        pool_case(0, 1, service(demand_per_hour=1, deferrable=batch | {"prefill_per_unit": 1}))
    )


def test_demand_without_input_in_some_steps_is_served_on_shared_nodes() -> None:
    assert profit(pool_case(0, 2, split([20, 0], [0, 0]))) == pytest.approx(20.0)
