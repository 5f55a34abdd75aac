"""What the next megawatt is worth, and who uses it: local values, really solved steps, intervals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optimizer as opt
from optimizer.component import Expandable
from optimizer.explanation.fixed_plan import FixedPlan, with_whole
from optimizer.explanation.levers import SMALL, Lever, Variants, lever_at, levers_of
from optimizer.explanation.local_value import slope
from optimizer.explanation.next_megawatt import next_megawatt
from optimizer.explanation.values import LOCAL, REOPTIMISED, NextMegawatt, Worth
from optimizer.highs import solve
from optimizer.sweeps.points import taken_apart
from tests.explanation.grid_case import BETTER, LIMIT, POORER, two_fleets, whole_nodes
from tests.shipped import STEMS, solved

MOST_ROWS_ANEW = 3000
"""Rows up to which a problem is solved from nothing for comparison."""


def valued(case: dict[str, Any], path: str, by: float = 1.0, **options: Any) -> NextMegawatt:
    scenario = opt.scenario_from_dict(case)
    return next_megawatt(scenario, [lever_at(scenario, path, by)], **options)


def worth(case: dict[str, Any], path: str, by: float = 1.0) -> Worth:
    return valued(case, path, by).worths[0]


def test_the_next_megawatt_goes_to_the_fleet_that_waits_for_it() -> None:
    """Proves: one MW more is worth the margin of the fleet that would use it, 35.71 per MWh in each of two hours, and
    not that of the fleet that earns most (64.29), whose machines all run already."""
    found = worth(two_fleets(), LIMIT)
    margin = POORER - 50
    assert found.more == pytest.approx(2 * margin)
    assert found.less == pytest.approx(2 * margin)
    assert not found.is_degenerate
    assert found.by_step == pytest.approx([margin, margin])
    assert found.rest == pytest.approx(0.0, abs=1e-6)
    assert found.step_more is not None
    assert found.step_less is not None
    assert found.step_more.value == pytest.approx(2 * margin)
    assert found.step_less.value == pytest.approx(2 * margin)
    assert found.more < 2 * (BETTER - 50) - 50


def test_who_uses_the_next_megawatt() -> None:
    """Proves: the stack holds 1 MW of the poorer fleet in both hours, with decisions as planned and solved again."""
    stack = valued(two_fleets(), LIMIT).stack
    assert set(stack["component"]) == {"poorer"}
    assert set(stack["how"]) == {LOCAL, REOPTIMISED}
    assert stack["power_mw"].to_numpy() == pytest.approx([1.0] * 4)


def test_a_kink_is_told_as_an_interval() -> None:
    """Proves: at 7 MW, exactly what both fleets draw, a little more is worth nothing and a little less costs 35.71 an
    hour; the duals of the plan alone would say one of the two, or anything between."""
    found = worth(two_fleets(7.0), LIMIT)
    assert found.is_degenerate
    assert found.more == pytest.approx(0.0, abs=1e-6)
    assert found.less == pytest.approx(2 * (POORER - 50))


def test_prices_by_hour() -> None:
    """Proves: by hour the limit is worth the margin of that hour: 35.71 at 50, and at 100, where only the better fleet
    pays, 14.29 for the part of it that finds no room under 3 MW."""
    found = worth(two_fleets(3.0, [50.0, 100.0]), LIMIT)
    assert found.by_step == pytest.approx([BETTER - 50, BETTER - 100])


def test_members_count_with_their_probability() -> None:
    """Proves: with prices of 50 (a quarter) and 100 (three quarters), 5 MW leave the poorer fleet short only in the
    first member: the next MW is worth a quarter of 35.71."""
    case = two_fleets(5.0, [[50.0], [100.0]], steps=1, probabilities=[0.25, 0.75])
    found = valued(case, LIMIT)
    assert found.worths[0].more == pytest.approx(0.25 * (POORER - 50))
    assert found.stack["power_mw"].to_numpy() == pytest.approx([0.25] * 2)


def test_a_whole_decision_has_no_local_value_but_a_step_has() -> None:
    """Proves: with 0.25 MW two whole nodes run. A little more lets no third one run and is worth nothing; 0.1 MW more,
    really solved, earns 20 - 5, and 0.1 MW less costs as much."""
    found = worth(whole_nodes(0.25), LIMIT, 0.1)
    assert found.more == pytest.approx(0.0, abs=1e-6)
    assert found.less == pytest.approx(0.0, abs=1e-6)
    assert found.step_more is not None
    assert found.step_less is not None
    assert found.step_more.value == pytest.approx(15)
    assert found.step_less.value == pytest.approx(15)
    assert found.step_more.is_exact


def test_less_than_the_whole_decisions_need() -> None:
    """Proves: with 0.2 MW exactly, the two nodes as planned leave no plan with less (infinite), while solved again
    0.1 MW less cost 15."""
    found = worth(whole_nodes(0.2), LIMIT, 0.1)
    assert math.isinf(found.less)
    assert found.step_less is not None
    assert found.step_less.value == pytest.approx(15)


def test_machines_and_constant_numbers() -> None:
    """Proves: 100 more machines of the better fleet take 0.35 MW from the poorer one: 40 less 30 an hour, and not the
    22.5 that they would earn with room of their own; whole numbers are moved by one."""
    found = worth(two_fleets(), "sites.a.assets.better.machines", 100)
    assert found.more == pytest.approx(2 * (0.4 - 0.3))
    assert found.step_more is not None
    assert found.step_more.value == pytest.approx(2 * 10)


def test_a_default_can_be_moved() -> None:
    """Proves: a field that the file leaves out is moved from its default: 1 MW of house load costs its power and what
    the poorer fleet would have earned with it."""
    case = two_fleets()
    del case["sites"][0]["house_load_mw"]
    found = worth(case, "sites.a.house_load_mw")
    assert found.more == pytest.approx(-2 * POORER)


def test_ranking_by_year() -> None:
    """Proves: two hours are scaled to 8760: 100 machines of the poorer fleet wait in vain for power, so that only the
    connection and the better machines have a value, the connection 71.43 * 4380 and the machines 20 * 4380."""
    found = next_megawatt(opt.scenario_from_dict(two_fleets()))
    ranking = found.ranking.set_index("path")["step_year"]
    assert list(ranking.index[:2]) == [LIMIT, "sites.a.assets.better.machines"]
    assert ranking.iloc[0] == pytest.approx(2 * (POORER - 50) * 4380)
    assert ranking.iloc[1] == pytest.approx(20 * 4380)
    assert ranking["sites.a.assets.poorer.machines"] == pytest.approx(0.0, abs=1e-6)
    assert set(found.as_dict()["refused"]) == set()


def test_only_the_most_valuable_are_solved_again() -> None:
    """Proves: ``reoptimise=1`` solves the connection again, which is locally worth most, and nothing else."""
    found = next_megawatt(opt.scenario_from_dict(two_fleets()), reoptimise=1)
    again = [w.lever.path for w in found.worths if w.step_more is not None]
    assert again == [LIMIT]


def test_paths_that_lead_nowhere() -> None:
    """Proves: all that is wrong is told at once, with the nearest name; a unit mistake (half a machine) is refused."""
    scenario = opt.scenario_from_dict(two_fleets())
    asked = [("sites.a.grid.import_limit_m", 1.0), ("sites.a.assets.beter.machines", 1.0), ("sites.a.name", 1.0)]
    asked += [("sites.a.assets.better.machines", 0.5), ("sites.a.grid.ramp_limit_mw_per_hour", 1.0)]
    asked += [("data.market.price", 1.0)]
    levers = [Lever("", path, Expandable(path, "unit", by)) for path, by in asked]
    with pytest.raises(opt.InputError) as caught:
        next_megawatt(scenario, levers)
    told = str(caught.value)
    assert len(caught.value.problems) == len(asked)
    for words in ("did you mean 'import_limit_mw'", "did you mean 'better'", "whole number", "there is no limit"):
        assert words in told
    assert "no series of the scenario refers to this column" in told


@pytest.mark.parametrize("stem", STEMS)
def test_local_values_of_every_shipped_scenario(stem: str) -> None:
    """Proves: the duals' value of a little more of every number that is called expandable is the difference of two
    optima with the whole decisions as planned, within a thousandth (or what rounding leaves of so small a difference);
    of small problems the second is one of a run from nothing, with presolve."""
    problem, _ = solved(stem)
    assert problem.memory.values is not None
    fixed = FixedPlan(problem, problem.memory.values)
    variants = Variants(problem.scenario)
    options = problem.scenario.solver
    before = fixed.base.objective
    compared = 0
    for lever in levers_of(problem.scenario):
        if not lever.what.in_bits or variants.moves_in_whole(lever.path):
            continue
        by = abs(lever.what.step) * SMALL
        try:
            moved = opt.build(variants.more(lever.path, by), like=problem)
        except opt.InputError:
            continue
        found = slope(fixed, moved, by)
        if found is None:
            continue
        if problem.arrays.size["rows"] <= MOST_ROWS_ANEW:
            again = solve(with_whole(moved.arrays, fixed.whole), options).objective
        else:
            optimum = fixed.solved(moved.arrays)
            assert optimum is not None
            again = optimum.objective
        rounding = 1e-9 * abs(before) / by
        assert found.total == pytest.approx((again - before) / by, rel=1e-3, abs=rounding), lever.path
        compared += 1
    assert compared >= 1


@settings(max_examples=15, deadline=None)
@given(
    limit=st.floats(0.5, 8.0),
    prices=st.lists(st.floats(-20.0, 150.0), min_size=3, max_size=3),
)
def test_what_always_holds_of_a_limit(limit: float, prices: list[float]) -> None:
    """Proves: more of a limit never costs, a little more is never worth more than a little less costs, hours add up to
    the total, and the really solved step lies in its interval and below what the first bit of it would make."""
    found = worth(two_fleets(limit, prices, steps=3), LIMIT)
    assert found.more >= -1e-6
    assert found.more <= found.less + 1e-6
    assert found.by_step.sum() + found.rest == pytest.approx(found.more, abs=1e-6)
    assert found.step_more is not None
    assert found.step_more.low - 1e-6 <= found.step_more.value <= found.step_more.high + 1e-6
    assert found.step_more.value <= found.more + 1e-5


def test_columns_move_wherever_they_are_used() -> None:
    """Proves: one degree, or one dollar, more in a data column changes every series that refers to it."""
    problem, _ = solved("onsite_72h")
    column = next(iter(problem.scenario.data))
    moved = Variants(problem.scenario).more(f"data.{column}.hashprice", 1.0)
    fleets = [next(a for a in s.sites[0].assets if a.name == "s21") for s in (problem.scenario, moved)]
    assert np.allclose(fleets[1].hashprice_per_ph_day.values, fleets[0].hashprice_per_ph_day.values + 1.0)


def test_a_scenario_with_members_is_taken_apart() -> None:
    """Proves: an ensemble whose probabilities have been worked out still stands for its own file, and nothing is
    copied from it."""
    problem, _ = solved("two_sites_72h")
    assert problem.scenario.ensemble.weights.sum() == pytest.approx(1.0)
    raw, folder, tables = taken_apart(problem.scenario)
    assert tables == {}
    assert folder == problem.scenario._folder
    assert raw.data["ensemble"]["members"] == 3


def test_a_model_with_rules_of_its_own_is_refused() -> None:
    """Proves: once the Pyomo model is in the user's hands, values are refused: his rules are not in the arrays."""
    problem = opt.build(opt.scenario_from_dict(two_fleets()))
    _ = problem.model
    with pytest.raises(opt.InputError, match="build the problem again"):
        next_megawatt(problem)


def test_a_price_earns_by_what_is_sold_at_it() -> None:
    """Proves: 200 PH/s in three hours earn 200 / 24 * 3 = 25 for each dollar of hashprice more (the smallest scenario).
    Sensitivity: without the change of the money per column nothing at all."""
    problem = opt.build(opt.load(Path(__file__).parents[2] / "scenarios" / "smallest.yaml"))
    problem.solve()
    assert problem.memory.values is not None
    moved = Variants(problem.scenario).more("sites.a.assets.m.hashprice_per_ph_day", 1e-3)
    found = slope(FixedPlan(problem, problem.memory.values), opt.build(moved, like=problem), 1e-3)
    assert found is not None
    assert found.total == pytest.approx(25)
    assert found.by_step.sum() == pytest.approx(25)
