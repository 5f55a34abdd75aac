"""Marginal values: what a limit is worth at the margin, on both roads, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plant_case import case as plant_case
from small_case import fleet, site_case, solved, spot

import optimizer as opt
from optimizer.highs import Outcome
from optimizer.marginals import duals_of


def hall(**fields: Any) -> dict[str, Any]:
    return {"kind": "hall", "name": "air", "overhead": 0.1} | fields


def case(price: Any, steps: int = 1, **fields: Any) -> dict[str, Any]:
    return site_case(steps=steps, contracts=[spot(price)], assets=[fleet(cooling="air")], cooling=[hall(**fields)])


PER_MW = 400 / 3.5
"""What a MW of the fleet earns in an hour."""


def test_one_more_mw_of_a_hall() -> None:
    """Proves: at 50 a MW of limit lets a MW of machines run: 114.29 - 1.1 * 50; at 150 they rest and it is worth
    nothing. Sensitivity: without the cooling's own power 64.29."""
    plan = solved(case([50, 150], steps=2, heat_limit_mw=2))
    assert plan.summary["value_of_cooling_per_mw"] == pytest.approx({"air": PER_MW - 55})
    assert plan.marginals is not None
    assert plan.marginals.of("air", "limit") == pytest.approx(np.array([[PER_MW - 55, 0.0]]))
    one_more = solved(case([50, 150], steps=2, heat_limit_mw=3))
    assert one_more.expected_profit - plan.expected_profit == pytest.approx(PER_MW - 55)


def test_values_are_expected_over_the_members() -> None:
    """Proves: 0.25 * (114.29 - 55) + 0.75 * (114.29 - 88): a member counts by its probability."""
    data = case([[50], [80]], heat_limit_mw=2) | {"ensemble": {"members": 2, "probabilities": [0.25, 0.75]}}
    plan = solved(data)
    assert plan.summary["value_of_cooling_per_mw"]["air"] == pytest.approx(PER_MW - 0.25 * 55 - 0.75 * 88)


def test_one_more_mw_of_chillers() -> None:
    """Proves: one chiller of 2 MW at a COP of 5 and 0.1 MW to run: a further MW of chillers earns 114.29 - 60 less
    0.05 * 50 for running it. With N+1 of two, what may be asked grows and no other unit has to run: 54.29."""
    plan = solved(plant_case(50, chillers=1, running_kw=100))
    assert plan.summary["value_of_chillers_per_mw"] == pytest.approx({"plant": PER_MW - 62.5})
    assert "value_of_cooling_per_mw" not in plan.summary
    spare = solved(plant_case(50, reserve_units=1, running_kw=100))
    assert spare.summary["value_of_chillers_per_mw"]["plant"] == pytest.approx(PER_MW - 60)
    enough = solved(plant_case(50, running_kw=100))
    assert enough.summary["value_of_chillers_per_mw"]["plant"] == pytest.approx(0.0)
    committed = solved(plant_case(50, chillers=1, running_kw=100, start_cost=1))
    assert committed.summary["value_of_chillers_per_mw"]["plant"] == pytest.approx(PER_MW - 62.5)


def test_a_spare_that_works_at_part_load_is_no_loss() -> None:
    """Proves: N+1 of three chillers of 1.5 MW allows 3 MW, for which all three work at two thirds (0.49 MW; two at full
    load 0.6). A further MW that may be asked of them earns 114.29 - (1 + 0.1333) * 50. Sensitivity: with what another
    unit at work would cost at the margin, 1 less."""
    curve = [[0, 0.1], [0.75, 0.6], [1, 1]]
    plan = solved(plant_case(50, chillers=3, capacity_mw=1.5, reserve_units=1, part_load=curve))
    assert plan.dispatch["chillers_running"].sel(component="plant").item() == 3.0
    worth = PER_MW - 50 * (1 + 0.2 * (0.5 / 0.75))
    assert plan.summary["value_of_chillers_per_mw"]["plant"] == pytest.approx(worth)


def test_a_call_that_lacks_room_counts_too() -> None:
    """Proves: reserves down at 10 per MW and hour fill a limit of 2 MW while machines rest: a further MW earns 10."""
    data = case(130, heat_limit_mw=2)
    data["sites"][0]["contracts"].append(
        {"kind": "ancillary_service", "name": "down", "direction": "down", "price_per_mw_h": 10, "providers": ["m"]}
    )
    assert solved(data).summary["value_of_cooling_per_mw"]["air"] == pytest.approx(10)


@pytest.mark.parametrize("ordinary", [False, True])
def test_both_roads_tell_the_same_of_any_rule(ordinary: bool) -> None:
    """Proves: all machines run at 50 (3.85 MW) and 1 MW must be drawn at 150, for the ramp of 2.85 MW: a MW of ramp
    spares 150 - 114.29 / 1.1. A MW of load (the balance's right-hand side) costs 50 and that ramp in the first hour; in
    the second it costs 150 and spares it. Rules are asked for by name, also where no component wants them."""
    data = case([50, 150], steps=2)
    data["sites"][0]["grid"] = {"import_limit_mw": 20, "ramp_limit_mw_per_hour": 2.85}
    problem = opt.build(opt.scenario_from_dict(data))
    if ordinary:
        _ = problem.model
    assert problem.solve().marginals is None
    marginals = problem.solve(marginals=True).marginals
    assert marginals is not None
    ramp = 150 - PER_MW / 1.1
    assert marginals.of("a", "ramp") == pytest.approx(np.array([[ramp]]))
    assert marginals.of("a", "balance") == pytest.approx(np.array([[-50 - ramp, -150 + ramp]]))
    assert not marginals.of("m", "installed")[0, 1]
    with pytest.raises(KeyError, match="a has no rule bilance"):
        marginals.of("a", "bilance")
    with pytest.raises(KeyError, match="nobody"):
        marginals.of("nobody", "limit")


def test_chillers_that_rest_are_not_short() -> None:
    """Proves: 2.1 MW of machines, chillers of 2 MW that cost 0.4 MW to run: the second is not started for 0.1 MW.
    Sensitivity: the rule that holds the running one at 2 MW would be worth 54.29."""
    plan = solved(plant_case(50, machines={"machines": 600}, running_kw=400))
    assert plan.dispatch["chillers_running"].sel(component="plant").item() == 1.0
    assert plan.dispatch["heat_mw"].sel(component="plant").item() == pytest.approx(2.0)
    assert plan.summary["value_of_chillers_per_mw"]["plant"] == pytest.approx(0.0)


def test_a_plan_that_was_interrupted_has_none(caplog: pytest.LogCaptureFixture) -> None:
    problem = opt.build(opt.scenario_from_dict(case(50, heat_limit_mw=2)))
    stopped = Outcome("feasible", "interrupt", 0.0, 1.0, 1.0, np.zeros(len(problem.arrays.cost)))
    assert duals_of(stopped, problem.arrays, problem.scenario.solver) is None
    assert "marginal values are not known" in caplog.text


def test_a_loaded_plan_has_the_summary_but_not_the_values(tmp_path: Any) -> None:
    plan = solved(case(50, heat_limit_mw=2))
    again = opt.Plan.load(plan.save(tmp_path / "plan"))
    assert again.marginals is None
    assert again.summary["value_of_cooling_per_mw"] == plan.summary["value_of_cooling_per_mw"]
