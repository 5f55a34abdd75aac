"""What a template cannot say is run index by index, and what is no linear row is refused: never silently wrong."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.core.expr.template_expr import TemplateExpressionError
from template_rows import FALLBACK, one_rule, rows_of, world

from optimizer.affine import MAX_AXES
from optimizer.compiled import Compiled, TemplateMismatchError
from optimizer.template import Objective, Var, new_model


@pytest.fixture
def falls_back(caplog: pytest.LogCaptureFixture) -> Any:
    """The rule is run index by index, and the log says so."""
    with caplog.at_level(logging.WARNING):
        yield
    messages = [record.getMessage() for record in caplog.get_records("call")]
    assert any(FALLBACK in message and "index by index" in message for message in messages)


@pytest.mark.usefixtures("falls_back")
@pytest.mark.parametrize(
    ("rule", "coefficients"),
    [
        (lambda m, t: (m.x[0, t] if t == 2 else 5 * m.x[0, t]) <= 1, [5, 5, 1, 5]),
        (lambda m, t: (m.x[0, t] if t in (1, 2) else 5 * m.x[0, t]) <= 1, [5, 1, 1, 5]),
        (lambda m, t: (m.x[0, t] if t in m.peak else 5 * m.x[0, t]) <= 1, [5, 1, 1, 5]),
        (lambda m, t: (m.x[0, t] if t + 1 in m.peak else 5 * m.x[0, t]) <= 1, [1, 1, 5, 5]),
        (lambda m, t: (m.x[0, t] if t in m.steps_of[1] else 5 * m.x[0, t]) <= 1, [5, 5, 1, 1]),
        (lambda m, t: (m.x[0, t] if m.p[t] > 20 else 5 * m.x[0, t]) <= 1, [5, 5, 1, 1]),
        (lambda m, t: max(m.p[t], 15) * m.x[0, t] <= 1, [15, 20, 30, 40]),
        (lambda m, t: m.p[t] ** 2 * m.x[0, t] <= 1, [100, 400, 900, 1600]),
        (lambda m, t: {0: 3, 1: 4, 2: 5, 3: 6}[t] * m.x[0, t] <= 1, [3, 4, 5, 6]),
        (lambda m, t: np.array([3.0, 4.0, 5.0, 6.0])[t] * m.x[0, t] <= 1, [3, 4, 5, 6]),
    ],
    ids=[
        "if t ==",
        "if t in tuple",
        "if t in range",
        "if t + 1 in range",
        "if t in set",
        "if on data",
        "max",
        "power",
        "dict",
        "numpy array",
    ],
)
def test_rules_that_no_template_can_say_are_run_index_by_index(rule: Any, coefficients: list[float]) -> None:
    """Proves: the rows are those of Pyomo, and the log says that it was slow. Sensitivity: one branch for all rows."""

    def also(model: Any) -> None:
        model.peak = pyo.RangeSet(1, 2)
        model.steps_of = pyo.Set(model.members, initialize={0: [0, 1], 1: [2, 3]})

    rows = rows_of("steps", rule=rule, also=also)
    assert [row[0][f"x[0,{t}]"] for t, row in enumerate(rows.values())] == coefficients


@pytest.mark.usefixtures("falls_back")
def test_filtered_sums_are_run_index_by_index() -> None:
    """Proves: sum over u <= t has 1, 2, 3, 4 terms."""
    rows = rows_of("steps", rule=lambda m, t: sum(m.x[0, u] for u in m.steps if u <= t) <= 1)
    assert [len(row[0]) for row in rows.values()] == [1, 2, 3, 4]


@pytest.mark.usefixtures("falls_back")
def test_a_rule_may_skip_an_index() -> None:
    """Proves: Constraint.Skip leaves a row without terms and bounds, the others stay at their place."""
    rows = rows_of("steps", rule=lambda m, t: pyo.Constraint.Skip if t == 1 else m.x[0, t] <= m.p[t])
    assert rows["c[1]"] == ({}, -np.inf, np.inf)
    assert [row[2] for row in rows.values()] == [10.0, np.inf, 30.0, 40.0]


@pytest.mark.usefixtures("falls_back")
def test_more_sets_than_axes() -> None:
    """Proves: one set more than an array has axes falls back, with the right count of 2^9 terms."""

    def also(model: Any) -> None:
        model.bit = pyo.RangeSet(0, 1)
        model.y = Var(*[model.bit] * (MAX_AXES + 1), within=pyo.NonNegativeReals)

    def rule(m: Any, *_: Any) -> Any:
        return sum(
            m.y[a, b, c, d, e, f, g, h, i]
            for a in m.bit for b in m.bit for c in m.bit for d in m.bit for e in m.bit
            for f in m.bit for g in m.bit for h in m.bit for i in m.bit
        ) <= 1  # fmt: skip

    model = new_model(fast=True)
    one_rule("one", rule=rule, also=also)(model)
    assert np.diff(Compiled(model).arrays.matrix.tocsr().indptr).tolist() == [2 ** (MAX_AXES + 1)]


@pytest.mark.usefixtures("falls_back")
@pytest.mark.parametrize(
    "rule",
    [
        lambda m, k: (m.y[k, 0] if k == "mid" else 5 * m.y[k, 0]) <= 1,
        lambda m, k: (5 * m.y[k, 0] if k != "mid" else m.y[k, 0]) <= 1,
        lambda m, k: (m.y[k, 0] if k in ("mid", "other") else 5 * m.y[k, 0]) <= 1,
    ],
    ids=["==", "!=", "in"],
)
def test_a_comparison_with_a_label_is_noticed(rule: Any) -> None:
    """Proves: rows 5, 1, 5, also where the label stands in the middle, at an index that no sample need hit.
    Sensitivity: to Pyomo's symbol the label is unequal, and all three rows would have 5."""
    rows = rows_of("kinds", rule=rule, also=_kinds)
    assert [next(iter(row[0].values())) for row in rows.values()] == [5.0, 1.0, 5.0]


@pytest.mark.usefixtures("falls_back")
def test_a_sum_filtered_by_a_label_is_noticed() -> None:
    """Proves: two of three labels are summed. Sensitivity: to Pyomo's symbol no label is "mid", and three would be."""
    rows = rows_of("one", rule=lambda m, o: sum(m.y[k, 0] for k in m.kinds if k != "mid") <= 1, also=_kinds)
    assert set(rows["c[0]"][0]) == {"y[low,0]", "y[high,0]"}


def test_labels_compared_in_bounds_and_money_are_refused() -> None:
    """Proves: where no row is there to compare, the comparison raises. Sensitivity: all bounds 9, all money counted."""

    def bounds(model: Any) -> None:
        world(model)
        _kinds(model)
        model.z = Var(model.kinds, bounds=lambda m, k: (0, 5 if k == "mid" else 9))

    def money(model: Any) -> None:
        world(model)
        _kinds(model)
        model.del_component("objective")
        model.objective = Objective(rule=lambda m: sum(m.y[k, 0] for k in m.kinds if k != "mid"), doc="p")

    for declare in (bounds, money):
        model = new_model(fast=True)
        declare(model)
        with pytest.raises((TypeError, TemplateExpressionError), match=r"label 'mid'|loop over kinds"):
            Compiled(model)
    model = new_model(fast=True)
    world(model)
    _kinds(model)
    compiled = Compiled(model)
    with pytest.raises(TypeError, match="compares an index with the label 'mid'"):
        compiled.values(model, (model.kinds,), lambda m, k: 1.0 if k == "mid" else 2.0, np.zeros(22))


def _kinds(model: Any) -> None:
    model.kinds = pyo.Set(initialize=["low", "mid", "high"])
    model.y = Var(model.kinds, model.steps, within=pyo.NonNegativeReals)


def test_a_rule_that_asks_what_its_index_is_stops_the_run() -> None:
    """Proves: where Pyomo notices nothing, the comparison of rows does. Sensitivity: without it x[0,t] would count 5
    times on the fast road and once on the ordinary one."""
    model = new_model(fast=True)
    one_rule("steps", rule=lambda m, t: (m.x[0, t] if isinstance(t, int) else 5 * m.x[0, t]) <= 1)(model)
    with pytest.raises(TemplateMismatchError, match=r"c\[0\]: the compiled row differs from the rule"):
        Compiled(model)


def test_a_bound_that_asks_what_its_index_is_stops_the_run() -> None:
    """Proves: right-hand sides are compared too: 5 on the fast road, 1 at every index."""
    model = new_model(fast=True)
    one_rule("steps", rule=lambda m, t: m.x[0, t] <= (1 if isinstance(t, int) else 5))(model)
    with pytest.raises(TemplateMismatchError):
        Compiled(model)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda m, t: m.x[0, t] * m.x[1, t] <= 1, "not linear"),
        (lambda m, t: m.x[0, t] < 1, "strict"),
        (lambda m, t: m.x[0, t] + m.x[1, t], "relation"),
        (lambda m, t: m.p[t] <= 50, "relation"),
    ],
    ids=["product of variables", "strict inequality", "no relation", "data alone"],
)
def test_rules_that_are_no_linear_rows_are_refused(rule: Any, message: str) -> None:
    """Proves: refused, as Pyomo does. Sensitivity: a product would become a row without terms, and a sum of two terms
    would be read as the relation ``first <= second``."""
    model = new_model(fast=True)
    one_rule("steps", rule=rule)(model)
    with pytest.raises(ValueError, match=message):
        Compiled(model)


def test_an_index_outside_of_its_set_is_refused() -> None:
    """Proves: p[t-1] has no value in step 0. Sensitivity: numpy's own index -1 would silently give the last, 40."""
    model = new_model(fast=True)
    one_rule("steps", rule=lambda m, t: m.x[0, t] <= m.p[t - 1])(model)
    with pytest.raises(KeyError):
        Compiled(model)
