"""The fast road, rule by rule: what a template becomes, against Pyomo's own standard form of the same declarations."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from template_rows import FALLBACK, on_both_roads, rows_of, world

from optimizer.compiled import Compiled
from optimizer.template import Constraint, Objective, Param, Var, new_model


@pytest.fixture(autouse=True)
def _no_silent_fallback(caplog: pytest.LogCaptureFixture) -> Any:
    """A rule that falls back is as right and a hundred times slower."""
    with caplog.at_level(logging.WARNING):
        yield
    assert not [record for record in caplog.get_records("call") if FALLBACK in record.getMessage()]


# ---------------------------------------------------------------------- indices
def test_negative_shifts_start_at_the_state_before_the_horizon() -> None:
    """Proves: x[w,t] - 0.9 x[w,t-1] reaches the state -1 in the first step. Sensitivity: index -1 of numpy would
    take the last state, x[0,3]."""
    rows = rows_of("members", "steps", rule=lambda m, w, t: m.x[w, t] == 0.9 * m.x[w, t - 1] + m.p[t])
    assert rows["c[0,0]"] == ({"x[0,-1]": -0.9, "x[0,0]": 1.0}, 10.0, 10.0)
    assert rows["c[1,3]"] == ({"x[1,2]": -0.9, "x[1,3]": 1.0}, 40.0, 40.0)


def test_sums_reach_back_over_a_window() -> None:
    """Proves: sum_{k<3} y[t-k] over y from -2 on; the row of step 0 has y[-2], y[-1], y[0]."""

    def also(model: Any) -> None:
        model.window, model.history = pyo.RangeSet(0, 2), pyo.RangeSet(-2, 3)
        model.y = Var(model.history, within=pyo.NonNegativeReals)

    rows = rows_of("steps", rule=lambda m, t: sum(m.y[t - k] for k in m.window) <= m.x[0, t], also=also)
    assert rows["c[0]"][0] == {"y[-2]": 1.0, "y[-1]": 1.0, "y[0]": 1.0, "x[0,0]": -1.0}
    assert set(rows["c[3]"][0]) == {"y[1]", "y[2]", "y[3]", "x[0,3]"}


def test_a_parameter_can_be_an_index() -> None:
    """Proves: u[d[w],t] with d = (0, 0) has both members share the decision u[0,t]. Sensitivity: d = w gives u[1,t]."""

    def also(model: Any) -> None:
        model.decisions = pyo.RangeSet(0, 0)
        model.decision_of = Param(model.members, values=np.zeros(2, int))
        model.u = Var(model.decisions, model.steps, within=pyo.Binary)

    rows = rows_of("members", "steps", rule=lambda m, w, t: m.x[w, t] <= m.p[t] * m.u[m.decision_of[w], t], also=also)
    assert rows["c[1,2]"][0] == {"x[1,2]": 1.0, "u[0,2]": -30.0}


def test_a_parameter_of_a_parameter_can_be_an_index() -> None:
    """Proves: x[0, next[next[t]]] with next = (1,2,3,3): step 0 gives x[0,2], step 3 gives x[0,3]."""

    def also(model: Any) -> None:
        model.next = Param(model.steps, values=np.array([1, 2, 3, 3]))

    rows = rows_of("steps", rule=lambda m, t: m.x[0, m.next[m.next[t]]] <= 5, also=also)
    assert [set(row[0]) for row in rows.values()] == [{"x[0,2]"}, {"x[0,3]"}, {"x[0,3]"}, {"x[0,3]"}]


def test_an_index_can_be_a_plain_number() -> None:
    """Proves: x[w,3] and x[0,-1] are the last state and the first, whatever t."""
    rows = rows_of("members", rule=lambda m, w: m.x[w, 3] >= m.x[0, -1] + m.p[2])
    assert rows["c[1]"] == ({"x[0,-1]": 1.0, "x[1,3]": -1.0}, -np.inf, -30.0)


def test_an_index_can_be_used_as_a_number() -> None:
    """Proves: the coefficient t + 1 counts 1, 2, 3, 4."""
    rows = rows_of("steps", rule=lambda m, t: (t + 1) * m.x[0, t] <= 2 * t)
    assert [row[0][f"x[0,{t}]"] for t, row in enumerate(rows.values())] == [1.0, 2.0, 3.0, 4.0]
    assert [row[2] for row in rows.values()] == [0.0, 2.0, 4.0, 6.0]


def test_steps_of_a_range_may_be_two() -> None:
    """Proves: data over the range 2, 4, 6, 8 are read by place: 1, 2, 3, 4. Sensitivity: reading by distance from the
    first label takes the third value for label 4 and none for label 6."""

    def also(model: Any) -> None:
        model.even = pyo.RangeSet(2, 8, 2)
        model.share = Param(model.even, values=[1.0, 2.0, 3.0, 4.0])
        model.y = Var(model.even, within=pyo.NonNegativeReals)

    rows = rows_of("even", rule=lambda m, t: m.share[t] * m.y[t] <= 1, also=also)
    assert [row[0] for row in rows.values()] == [{"y[2]": 1.0}, {"y[4]": 2.0}, {"y[6]": 3.0}, {"y[8]": 4.0}]


def test_labels_may_be_words() -> None:
    """Proves: sets of names are looked up by name, in sums and in rows."""

    def also(model: Any) -> None:
        model.kinds = pyo.Set(initialize=["low", "high"])
        model.watts = Param(model.kinds, values=[2.0, 3.0])
        model.y = Var(model.kinds, model.steps, within=pyo.NonNegativeReals)

    rows = rows_of("steps", rule=lambda m, t: sum(m.watts[k] * m.y[k, t] for k in m.kinds) <= m.y["low", 0], also=also)
    assert rows["c[0]"][0] == {"y[low,0]": 1.0, "y[high,0]": 3.0}
    assert rows["c[1]"][0] == {"y[low,0]": -1.0, "y[low,1]": 2.0, "y[high,1]": 3.0}


# ---------------------------------------------------------------------- sets
def test_sums_over_ragged_sets() -> None:
    """Proves: the sum over steps_of[q] takes 3 steps in the first period, 1 in the second, none in the third, and data
    count once per step: 10 + 20 + 30, 40, 0. Sensitivity: without the mask of the padded places the second row would
    hold x[1,3] three times and 120."""

    def also(model: Any) -> None:
        model.periods = pyo.RangeSet(0, 2)
        model.steps_of = pyo.Set(model.periods, initialize={0: [0, 1, 2], 1: [3], 2: []})

    rows = rows_of(
        "members",
        "periods",
        rule=lambda m, w, q: (
            sum(0.5 * m.x[w, t] for t in m.steps_of[q]) - m.x[w, -1] <= 7 + sum(m.p[t] for t in m.steps_of[q])
        ),
        also=also,
    )
    before = {"x[1,-1]": -1.0}
    assert rows["c[1,0]"] == (before | {"x[1,0]": 0.5, "x[1,1]": 0.5, "x[1,2]": 0.5}, -np.inf, 67.0)
    assert rows["c[1,1]"] == (before | {"x[1,3]": 0.5}, -np.inf, 47.0)
    assert rows["c[1,2]"] == (before, -np.inf, 7.0)


def test_ragged_sums_nest_in_plain_ones() -> None:
    """Proves: sum_w sum_{t in steps_of[q]} (x + 1): the constant counts 2 members times 3 steps, 2 times 1."""

    def also(model: Any) -> None:
        model.periods = pyo.RangeSet(0, 1)
        model.steps_of = pyo.Set(model.periods, initialize={0: [0, 1, 2], 1: [3]})

    def rule(m: Any, q: Any) -> Any:
        return sum(sum(m.x[w, t] + 1 for t in m.steps_of[q]) for w in m.members) <= 100

    rows = rows_of("periods", rule=rule, also=also)
    assert [row[2] for row in rows.values()] == [94.0, 98.0]
    assert set(rows["c[1]"][0]) == {"x[0,3]", "x[1,3]"}


def test_rows_and_columns_over_sparse_pairs() -> None:
    """Proves: a set of pairs (member, step) gives as many rows and columns as pairs, each at its place."""

    def also(model: Any) -> None:
        model.pairs = pyo.Set(initialize=[(0, 1), (1, 0), (1, 3)], dimen=2)
        model.limit = Param(model.pairs, values=[5.0, 6.0, 7.0])
        model.on = Var(model.pairs, within=pyo.Binary)

    rows = rows_of("pairs", rule=lambda m, w, t: m.x[w, t] <= m.limit[w, t] * (1 - m.on[w, t]), also=also)
    assert rows == {
        "c[0,1]": ({"x[0,1]": 1.0, "on[0,1]": 5.0}, -np.inf, 5.0),
        "c[1,0]": ({"x[1,0]": 1.0, "on[1,0]": 6.0}, -np.inf, 6.0),
        "c[1,3]": ({"x[1,3]": 1.0, "on[1,3]": 7.0}, -np.inf, 7.0),
    }


def test_sparse_pairs_in_products_and_sums() -> None:
    """Proves: a product of a range and a set of pairs has rows (k, w, t), and a sum over pairs unpacks them."""

    def also(model: Any) -> None:
        model.pairs = pyo.Set(initialize=[(0, 1), (1, 3)], dimen=2)
        model.y = Var(model.steps, model.pairs, within=pyo.NonNegativeReals)

    rows = rows_of("steps", "pairs", rule=lambda m, k, w, t: m.y[k, w, t] <= m.x[w, t] + m.p[k], also=also)
    assert rows["c[3,1,3]"] == ({"y[3,1,3]": 1.0, "x[1,3]": -1.0}, -np.inf, 40.0)
    total = rows_of("one", rule=lambda m, o: sum(m.y[2, w, t] for w, t in m.pairs) <= 4, also=also)
    assert total["c[0]"][0] == {"y[2,0,1]": 1.0, "y[2,1,3]": 1.0}


def test_empty_sets_give_no_rows_no_columns_and_sums_of_nothing() -> None:
    """Proves: rows and columns over nothing are none; a sum over nothing is 0 and leaves the row's other terms."""

    def also(model: Any) -> None:
        model.nothing = pyo.RangeSet(0, -1)
        model.no_pairs = pyo.Set(initialize=[], dimen=2)
        model.y = Var(model.nothing, model.steps)
        model.z = Var(model.no_pairs, within=pyo.Binary)
        model.d = Constraint(model.no_pairs, rule=lambda m, w, t: m.z[w, t] <= m.x[w, t], doc="over nothing")

    rows = rows_of("steps", rule=lambda m, t: m.x[0, t] + sum(m.y[k, t] + 3 for k in m.nothing) <= 1, also=also)
    assert len(rows) == 4
    assert rows["c[2]"] == ({"x[0,2]": 1.0}, -np.inf, 1.0)


def test_a_horizon_of_one_step() -> None:
    """Proves: ranges of one label work, although Pyomo gives them step 0, and the steps with a predecessor are none."""

    def declare(model: Any) -> None:
        model.steps, model.inner, model.states = pyo.RangeSet(0, 0), pyo.RangeSet(1, 0), pyo.RangeSet(-1, 0)
        model.p = Param(model.steps, values=[4.0])
        model.x = Var(model.states, within=pyo.NonNegativeReals, bounds=lambda m, t: (0, 9))
        model.c = Constraint(model.steps, rule=lambda m, t: m.x[t] - m.x[t - 1] <= m.p[t], doc="first step")
        model.d = Constraint(model.inner, rule=lambda m, t: m.x[t] <= m.x[t - 1], doc="later steps")
        model.objective = Objective(rule=lambda m: sum(m.p[t] * m.x[t] for t in m.steps), doc="profit")

    assert on_both_roads(declare) == {"c[0]": ({"x[-1]": -1.0, "x[0]": 1.0}, -np.inf, 4.0)}


# ---------------------------------------------------------------------- expressions
@pytest.mark.parametrize(
    ("rule", "entries", "low", "high"),
    [
        (lambda m, t: m.x[0, t] + 2 * m.x[0, t] <= 5, {"x[0,2]": 3.0}, -np.inf, 5.0),
        (lambda m, t: m.x[0, t] - m.x[1, t] >= m.p[t], {"x[0,2]": -1.0, "x[1,2]": 1.0}, -np.inf, -30.0),
        (lambda m, t: -m.x[0, t] == -m.p[t] / 4, {"x[0,2]": -1.0}, -7.5, -7.5),
        (lambda m, t: m.x[0, t] / m.p[t] <= 1, {"x[0,2]": 1 / 30}, -np.inf, 1.0),
        (lambda m, t: 3 * (m.x[0, t] - 2) <= m.p[t] * (1 - m.x[1, t]), {"x[0,2]": 3.0, "x[1,2]": 30.0}, -np.inf, 36.0),
        (lambda m, t: (m.p[t] - 30) * m.x[0, t] + m.x[1, t] <= 1, {"x[1,2]": 1.0}, -np.inf, 1.0),
        (lambda m, t: m.x[0, t] - m.x[0, t] + m.x[1, t] <= 1, {"x[1,2]": 1.0}, -np.inf, 1.0),
        (lambda m, t: (m.p[t], m.x[0, t] + 1, 2 * m.p[t]), {"x[0,2]": 1.0}, 29.0, 59.0),
        (lambda m, t: (None, m.x[0, t], m.p[t]), {"x[0,2]": 1.0}, -np.inf, 30.0),
        (lambda m, t: (m.x[0, t], m.p[t]), {"x[0,2]": 1.0}, 30.0, 30.0),
        (lambda m, t: pyo.inequality(1, m.x[0, t], 2), {"x[0,2]": 1.0}, 1.0, 2.0),
        (lambda m, t: sum([m.x[w, t] for w in range(2)]) <= 2, {"x[0,2]": 1.0, "x[1,2]": 1.0}, -np.inf, 2.0),
        (lambda m, t: sum(m.p[u] for u in m.steps) * m.x[0, t] <= 1, {"x[0,2]": 100.0}, -np.inf, 1.0),
        (lambda m, t: m.x[0, t] * sum(m.p[u] / m.p[t] for u in m.steps) <= 1, {"x[0,2]": 100 / 30}, -np.inf, 1.0),
    ],
    ids=[
        "the same variable twice", "difference", "negation and division", "divided by data", "products with brackets",
        "a coefficient of 0", "terms that cancel", "two bounds", "one of two bounds", "a pair is an equality",
        "inequality()",
        "python sum over numbers", "sum of data times variable", "variable times sum of quotients",
    ],
)  # fmt: skip
def test_expressions(rule: Any, entries: dict[str, float], low: float, high: float) -> None:
    """Proves: the row of step 2 (p = 30), worked out by hand."""
    row = rows_of("steps", rule=rule)["c[2]"]
    assert row[0] == pytest.approx(entries)
    assert row[1:] == pytest.approx((low, high)) or row[1:] == (low, high)


def test_domains_and_bounds() -> None:
    """Proves: bounds are the tighter of the domain's and the rule's, by index; what is not bounded is infinite."""

    def declare(model: Any) -> None:
        world(model)
        model.lo = Param(model.steps, values=[-1.0, 0.0, 1.0, -np.inf])
        model.hi = Param(model.members, model.steps, values=np.array([[1.0, 2.0, 3.0, np.inf], [5.0, 6.0, 7.0, 8.0]]))
        model.free = Var(model.steps)
        model.whole = Var(model.steps, within=pyo.NonNegativeIntegers, bounds=lambda m, t: (m.lo[t], 2 * m.hi[0, t]))
        model.zero_one = Var(model.steps, within=pyo.Binary)
        model.box = Var(model.members, model.steps, bounds=lambda m, w, t: (m.lo[t], m.hi[w, t] - 0.5))
        model.half = Var(model.steps, within=pyo.NonPositiveReals, bounds=lambda m, t: (m.lo[t], None))
        model.fixed = Var(model.steps, bounds=(2, 3))

    on_both_roads(declare)
    model = new_model(fast=True)
    declare(model)
    compiled = Compiled(model)

    def bounds(variable: Any) -> tuple[list[float], list[float], bool]:
        columns = compiled.columns(variable).ravel()
        arrays = compiled.arrays
        return (
            arrays.col_lower[columns].tolist(),
            arrays.col_upper[columns].tolist(),
            bool(arrays.integer[columns].all()),
        )

    assert bounds(model.free) == ([-np.inf] * 4, [np.inf] * 4, False)
    assert bounds(model.whole) == ([0.0, 0.0, 1.0, 0.0], [2.0, 4.0, 6.0, np.inf], True)
    assert bounds(model.zero_one) == ([0.0] * 4, [1.0] * 4, True)
    assert bounds(model.box)[1] == [0.5, 1.5, 2.5, np.inf, 4.5, 5.5, 6.5, 7.5]
    assert bounds(model.half) == ([-1.0, 0.0, 1.0, -np.inf], [0.0] * 4, False)
    assert bounds(model.fixed) == ([2.0] * 4, [3.0] * 4, False)


def test_objective_with_nested_sums_and_an_offset() -> None:
    """Proves: sum_w pi_w sum_t (p_t x[w,t] - 1) + 7 costs pi_w p_t and has the offset 7 - 4 = 3."""

    def declare(model: Any) -> None:
        world(model)
        model.del_component("objective")
        model.odds = Param(model.members, values=[0.25, 0.75])
        model.objective = Objective(
            rule=lambda m: sum(m.odds[w] * sum(m.p[t] * m.x[w, t] - 1 for t in m.steps) for w in m.members) + 7, doc="p"
        )

    on_both_roads(declare)
    model = new_model(fast=True)
    declare(model)
    arrays = Compiled(model).arrays
    assert arrays.cost.tolist() == pytest.approx([0, 2.5, 5, 7.5, 10, 0, 7.5, 15, 22.5, 30])
    assert arrays.offset == pytest.approx(3.0)


def test_data_may_be_views_without_memory_of_their_own() -> None:
    """Proves: one array broadcast over the members gives the same rows as a copy for each."""

    def also(model: Any) -> None:
        shared = np.broadcast_to(np.array([1.0, 2.0, 3.0, 4.0]), (2, 4))
        assert shared.strides[0] == 0
        model.q = Param(model.members, model.steps, values=shared)

    rows = rows_of("members", "steps", rule=lambda m, w, t: m.q[w, t] * m.x[w, t] <= 1, also=also)
    assert [next(iter(row[0].values())) for row in rows.values()] == [1.0, 2.0, 3.0, 4.0] * 2


def test_values_of_a_rule_at_a_solution() -> None:
    """Proves: sums, shifts and constants of a result, worked out by hand at x[w,t] = 10 w + t (x[w,-1] = 10 w - 1)."""
    model = new_model(fast=True)
    world(model)
    compiled = Compiled(model)
    solution = np.array([10.0 * w + t for w in range(2) for t in range(-1, 4)])
    by_step = compiled.values(
        model, (model.members, model.steps), lambda m, w, t: m.p[t] + 2 * m.x[w, t] - m.x[w, t - 1], solution
    )
    assert by_step.tolist() == [[11, 22, 33, 44], [21, 32, 43, 54]]
    total = compiled.values(model, (model.members,), lambda m, w: sum(m.x[w, t] + 1 for t in m.steps), solution)
    assert total.tolist() == [10.0, 50.0]
    assert compiled.values(model, (model.members,), lambda m, w: 0.0, solution).tolist() == [0.0, 0.0]
