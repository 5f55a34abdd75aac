"""Rules run with symbols: the rows they become, what is taken over of them, and what symbols refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from optimizer.compiled import Arrays, TemplateMismatchError
from optimizer.kept import Kept
from optimizer.light_model import LightModel
from optimizer.light_sets import LightRange, LightSet
from optimizer.rebinding import UNTRACEABLE, LightCompiled
from optimizer.template import Constraint, Param, Var


def light(declare: Callable[[Any], None], kept: Kept | None = None) -> Arrays:
    """Arrays of a small light model: x[t] over three steps, whose objective is their sum."""
    model = LightModel([], [])
    model.steps = LightRange(0, 3)  # type: ignore[attr-defined]
    steps = model.steps  # type: ignore[attr-defined]
    model.p = Param(steps, values=[10.0, 20.0, 30.0])  # type: ignore[attr-defined]
    model.objective_rule = lambda m: sum(m.x[t] for t in m.steps)
    declare(model)
    if model.component("x") is None:
        model.x = Var(steps)  # type: ignore[attr-defined]
    return LightCompiled(model, kept).arrays


def row_rule(rule: Any) -> Callable[[Any], None]:
    """One constraint over the three steps."""

    def declare(m: Any) -> None:
        m.x = Var(m.steps)
        m.c = Constraint(m.steps, rule=rule, doc="the rule under test")

    return declare


def test_a_number_that_a_rule_closes_over_is_seen_to_change() -> None:
    """Proves: a limit that was worked out from data outside of any parameter is taken over only while it stays: 5, 5,
    7. Sensitivity: comparing parameters alone keeps 5."""
    kept = Kept()

    def limited(limit: float) -> Callable[[Any], None]:
        return row_rule(lambda m, t: m.x[t] <= limit)

    found = [light(limited(limit), kept).row_upper.tolist() for limit in (5.0, 5.0, 7.0)]
    assert found == [[5.0] * 3, [5.0] * 3, [7.0] * 3]


def test_data_at_a_plain_index_are_seen_to_change() -> None:
    """Proves: ``p[0]`` read as a number is part of the rule: 10, then 11. Sensitivity: it is no parameter to
    compare."""
    kept = Kept()

    def first_datum(datum: float) -> Callable[[Any], None]:
        def declare(m: Any) -> None:
            m.q = Param(m.steps, values=[datum, 0.0, 0.0])
            row_rule(lambda m, t: m.x[t] <= m.q[0])(m)

        return declare

    assert [light(first_datum(datum), kept).row_upper[2] for datum in (10.0, 11.0)] == [10.0, 11.0]


def test_index_sets_of_the_same_size_are_not_the_same() -> None:
    """Proves: a sum over the steps 0 and 1, then 1 and 2, has other entries."""
    kept = Kept()

    def over(labels: list[int]) -> Callable[[Any], None]:
        def declare(m: Any) -> None:
            m.few = LightSet(labels)
            m.one = LightRange(0, 1)
            m.x = Var(m.steps)
            m.c = Constraint(m.one, rule=lambda m, o: sum(m.x[t] for t in m.few) <= 1, doc="sum over few steps")

        return declare

    found = [light(over(labels), kept).matrix.toarray().tolist() for labels in ([0, 1], [1, 2])]
    assert found == [[[1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]]]


def test_columns_that_move_take_their_rows_along() -> None:
    """Proves: a variable before x that grows from one column to three moves x from columns 1..3 to 3..5; the row of x
    is taken over, at its new place. Sensitivity: the old places would be columns of the other variable."""
    kept = Kept()

    def after(size: int) -> Callable[[Any], None]:
        def declare(m: Any) -> None:
            m.before = LightRange(0, size)
            m.y = Var(m.before)
            row_rule(lambda m, t: 2 * m.x[t] <= 1)(m)

        return declare

    light(after(1), kept)
    arrays = light(after(3), kept)
    assert kept.evaluated == 0
    assert arrays.matrix.toarray().tolist() == np.hstack([np.zeros((3, 3)), 2 * np.eye(3)]).tolist()
    assert arrays.cost.tolist() == [0, 0, 0, 1, 1, 1]


def test_coefficients_that_become_zero_and_come_back() -> None:
    """Proves: entries that vanish with the data are no entries, and stand where they stood when they return."""
    kept = Kept()

    def factors(values: list[float]) -> Callable[[Any], None]:
        def declare(m: Any) -> None:
            m.q = Param(m.steps, values=values)
            row_rule(lambda m, t: m.q[t] * m.x[t] + m.x[0] <= 1)(m)

        return declare

    for values in ([1.0, 2.0, 3.0], [-1.0, 0.0, 3.0], [1.0, 2.0, 3.0]):
        matrix = light(factors(values), kept).matrix
        expected = np.diag(values) + np.array([[1.0, 0, 0]] * 3)
        assert matrix.toarray().tolist() == expected.tolist()
        assert matrix.nnz == np.count_nonzero(expected)


@pytest.mark.parametrize(
    "rule",
    [
        lambda m, t: (m.x[t] if t == 2 else 5 * m.x[t]) <= 1,
        lambda m, t: (m.x[t] if t != 2 else 5 * m.x[t]) <= 1,
        lambda m, t: (m.x[t] if t in (1, 2) else 5 * m.x[t]) <= 1,
        lambda m, t: (m.x[t] if t in m.steps else 5 * m.x[t]) <= 1,
        lambda m, t: (m.x[t] if t == "lo" else 5 * m.x[t]) <= 1,
        lambda m, t: (m.x[t] if m.p[t] > 20 else 5 * m.x[t]) <= 1,
        lambda m, t: (m.x[t] if m.p[t] else 5 * m.x[t]) <= 1,
        lambda m, t: max(m.p[t], 15) * m.x[t] <= 1,
        lambda m, t: m.p[t] ** 2 * m.x[t] <= 1,
        lambda m, t: {0: 3, 1: 4, 2: 5}[t] * m.x[t] <= 1,
        lambda m, t: np.array([3.0, 4.0, 5.0])[t] * m.x[t] <= 1,
        lambda m, t: np.array([3.0, 4.0, 5.0]) * m.x[t] <= 1,
        lambda m, t: sum(m.x[u] for u in m.steps if u <= t) <= 1,
        lambda m, t: sum([m.x[u] for u in m.steps]) <= 1,
        lambda m, t: m.x[t] < 1,
        lambda m, t: m.x[t] + 1,
        lambda m, t: m.x[t] * m.x[t] <= 1,
        lambda m, t: m.x[t] / m.x[0] <= 1,
        lambda m, t: (m.x[t], m.x[0], 1),
        lambda m, t: m.x[t] <= m.p[t - 1],
        lambda m, t: m.x[t, t] <= 1,
        lambda m, t: float(m.p[t]) * m.x[t] <= 1,
        lambda m, t: None,
    ],
)
def test_what_symbols_refuse(rule: Any) -> None:
    """Proves: a rule that asks an index or a datum for anything but arithmetic raises, as does one that is no linear
    row or reaches outside of its sets; none gives rows that are silently wrong."""
    with pytest.raises(UNTRACEABLE):
        light(row_rule(rule))


def test_what_no_symbol_can_refuse_is_found_by_the_comparison() -> None:
    """Proves: ``isinstance(t, int)`` in a row, in a bound, in a bound's side and in a result stops the run."""
    with pytest.raises(TemplateMismatchError, match=r"c\[0\]: the row"):
        light(row_rule(lambda m, t: (m.x[t] if isinstance(t, int) else 5 * m.x[t]) <= 1))
    with pytest.raises(TemplateMismatchError, match=r"c\[0\]: the row"):
        light(row_rule(lambda m, t: m.x[t] <= (1 if isinstance(t, int) else 5)))

    def bounded(m: Any) -> None:
        m.x = Var(m.steps, bounds=lambda m, t: (0, 1 if isinstance(t, int) else 5))

    with pytest.raises(TemplateMismatchError, match=r"x\[0\]: the bound"):
        light(bounded)
    model = LightModel([], [])
    model.steps = LightRange(0, 3)  # type: ignore[attr-defined]
    model.x = Var(model.steps)  # type: ignore[attr-defined]
    model.objective_rule = lambda m: m.x[0] + 0.0
    compiled = LightCompiled(model)
    with pytest.raises(TemplateMismatchError):
        compiled.values(model, (model.steps,), lambda m, t: 1.0 if isinstance(t, int) else m.x[t], np.ones(3))  # type: ignore[attr-defined]


def test_sums_that_grow_from_the_same_beginning_stay_apart() -> None:
    """Proves: x0 + x1, gone on with in two ways, gives two rows. Sensitivity: sums that share their terms would give
    the second row the terms of the first."""

    def declare(m: Any) -> None:
        m.x = Var(m.steps)
        m.one = LightRange(0, 1)

        def both(m: Any, o: Any) -> Any:
            begun = m.x[0] + m.x[1]
            longer, other = begun + m.x[2], begun + 7
            return longer <= other + begun

        m.c = Constraint(m.one, rule=both, doc="two ways to go on")

    arrays = light(declare)
    assert arrays.matrix.toarray().tolist() == [[-1.0, -1.0, 1.0]]
    assert arrays.row_upper.tolist() == [7.0]
