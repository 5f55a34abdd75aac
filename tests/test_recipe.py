"""Recipes of rules, shared by all problems of a process: no data, number or column of one rule is another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optimizer.light_sets
import optimizer.recipe
from optimizer.compiled import Arrays, TemplateMismatchError
from optimizer.light_model import LightModel
from optimizer.light_sets import LightRange, LightSet
from optimizer.rebinding import LightCompiled
from optimizer.recipe import RECIPES, Recipes
from optimizer.template import Constraint, Param, Var

Declare = Callable[[Any], None]


def compiled(*declare: Declare, kinds: tuple[type, ...] = ()) -> LightCompiled:
    """A light model of one block for each ``declare``, with three steps; the objective is 0."""
    labels = [str(n) for n in range(len(declare))]
    model = LightModel([], labels)
    model.steps = LightRange(0, 3)  # type: ignore[attr-defined]
    model.objective_rule = lambda m: 0.0
    for label, kind in zip(labels, kinds or (object,) * len(declare), strict=True):
        model.parts[label].kind = kind
    for label, one in zip(labels, declare, strict=True):
        one(model.parts[label])
    return LightCompiled(model)


def arrays(*declare: Declare) -> Arrays:
    return compiled(*declare).arrays


def steps_of(b: Any) -> Any:
    return b.model().steps


def priced(values: list[float], factor: float = 1.0) -> Declare:
    """``p[t] * x[t] <= factor * p[t]`` in each step."""

    def declare(b: Any) -> None:
        b.p = Param(steps_of(b), values=values)
        b.x = Var(steps_of(b), bounds=lambda b, t: (0, b.p[t]))
        b.c = Constraint(steps_of(b), rule=lambda b, t: b.p[t] * b.x[t] <= factor * b.p[t], doc="priced")

    return declare


@pytest.fixture
def empty_store(monkeypatch: pytest.MonkeyPatch) -> Recipes:
    """A store of its own, in place of that of the process."""
    store = Recipes()
    monkeypatch.setattr(optimizer.rebinding, "RECIPES", store)
    return store


# ---------------------------------------------------------------------- what is shared
def test_rules_that_say_the_same_share_a_recipe_and_nothing_else(empty_store: Recipes) -> None:
    """Proves: two components with the same rules need one recipe for each (bounds, rows, the objective), and the second
    has its own columns (3 to 5) and its own data. Sensitivity: a recipe with columns or data in it would give the
    second component the first one's."""
    one, other = [1.0, 2.0, 3.0], [40.0, 50.0, 60.0]
    alone = arrays(priced(one))
    recipes = len(empty_store)
    both = arrays(priced(one), priced(other))
    assert len(empty_store) == recipes == 3
    assert alone.matrix.toarray().tolist() == np.diag(one).tolist()
    assert both.matrix.toarray().tolist() == np.diag(one + other).tolist()
    assert both.row_upper.tolist() == both.col_upper.tolist() == one + other


def test_other_data_are_filled_in_anew() -> None:
    """Proves: a model after another has its own coefficients, sides and bounds, and the first keeps what it had."""
    first = arrays(priced([1.0, 2.0, 3.0]))
    second = arrays(priced([7.0, 0.0, 9.0]))
    assert second.matrix.toarray().tolist() == np.diag([7.0, 0.0, 9.0]).tolist()
    assert second.matrix.nnz == 2
    assert second.row_upper.tolist() == second.col_upper.tolist() == [7.0, 0.0, 9.0]
    assert first.matrix.toarray().tolist() == np.diag([1.0, 2.0, 3.0]).tolist()
    assert first.col_upper.tolist() == [1.0, 2.0, 3.0]


def test_a_plain_number_in_a_rule_is_part_of_what_it_says() -> None:
    """Proves: sides of 2 and 3 times 10."""
    found = [arrays(priced([10.0] * 3, factor)).row_upper.tolist() for factor in (2.0, 3.0, 2.0)]
    assert found == [[20.0] * 3, [30.0] * 3, [20.0] * 3]


def test_labels_that_are_data_are_looked_up_each_time(empty_store: Recipes) -> None:
    """Proves: ``x[next[t]]`` follows the data of ``next``: (1, 2, 0), then (2, 0, 1). Sensitivity: its recipe must not
    be kept."""

    def following(after: list[int]) -> Declare:
        def declare(b: Any) -> None:
            b.next = Param(steps_of(b), values=after)
            b.x = Var(steps_of(b))
            b.c = Constraint(steps_of(b), rule=lambda b, t: b.x[b.next[t]] <= 1, doc="next")

        return declare

    for after in ([1, 2, 0], [2, 0, 1]):
        entries = arrays(following(after)).matrix.toarray()
        assert entries.argmax(axis=1).tolist() == after
    assert len(empty_store) == 1  # the objective


@pytest.mark.parametrize("labels", [[0, 1], [1, 2], ["a", "b"], [(0, 1), (1, 0)], [(1, 0), (0, 1)]])
def test_sets_of_the_same_size_with_other_labels(labels: list[Any]) -> None:
    """Proves: a sum of ``k * y[k]`` (of the first part of a label) has the coefficients of these labels, in their
    order, whichever set was summed over before."""

    def summed(b: Any) -> None:
        b.few, b.one = LightSet(labels), LightRange(0, 1)
        b.weight = Param(b.few, values=[3.0, 5.0])
        b.y = Var(b.few)
        plain = isinstance(labels[0], int)
        b.c = Constraint(
            b.one, rule=lambda b, o: sum(b.weight[k] * b.y[k] * (k if plain else 1) for k in b.few) <= 1, doc="weighted"
        )

    factors = labels if isinstance(labels[0], int) else [1, 1]
    assert arrays(summed).matrix.toarray().tolist() == [[3.0 * factors[0], 5.0 * factors[1]]]


def test_data_that_hold_more_than_the_set_are_read_by_place() -> None:
    """Proves: of four values over three steps the first three count."""

    def declare(b: Any) -> None:
        b.p = Param(steps_of(b), values=[1.0, 2.0, 3.0, 99.0])
        b.x = Var(steps_of(b))
        b.c = Constraint(steps_of(b), rule=lambda b, t: b.x[t] <= b.p[t], doc="limit")

    assert arrays(declare).row_upper.tolist() == [1.0, 2.0, 3.0]


@given(st.lists(st.tuples(st.lists(st.floats(-9, 9), min_size=3, max_size=3), st.sampled_from([1.0, 2.0])), max_size=5))
@settings(deadline=None)
def test_any_order_of_models_gives_what_each_gives_alone(models: list[tuple[list[float], float]]) -> None:
    """Proves: with a store that has seen all the others, a model has the arrays that it has with an empty one."""
    for values, factor in models:
        ours = arrays(priced(values, factor))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(optimizer.rebinding, "RECIPES", Recipes())
            alone = arrays(priced(values, factor))
        assert ours.matrix.toarray().tolist() == alone.matrix.toarray().tolist()
        for side in ("row_lower", "row_upper", "col_lower", "col_upper"):
            assert getattr(ours, side).tolist() == getattr(alone, side).tolist()


def test_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch, empty_store: Recipes) -> None:
    """Proves: with room for three small recipes not more are kept, one that is too large is not kept at all, and rows
    are right either way."""
    monkeypatch.setattr(optimizer.recipe, "MOST_BYTES", 3600)
    for factor in range(8):
        assert arrays(priced([10.0] * 3, float(factor))).row_upper.tolist() == [10.0 * factor] * 3
        assert len(empty_store) <= 3
    assert len(empty_store) > 0
    monkeypatch.setattr(optimizer.recipe, "MOST_BYTES_OF_ONE", 0)
    kept = len(empty_store)
    for factor in (8.0, 8.0):
        assert arrays(priced([10.0] * 3, factor)).row_upper.tolist() == [80.0] * 3
    assert len(empty_store) == kept


def test_a_number_of_labels_is_never_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: labels that were forgotten get a new number, and a set keeps its own."""
    monkeypatch.setattr(optimizer.light_sets, "MOST_NUMBERED", 2)
    sets = [LightSet([f"{n} of many"]) for n in range(5)]
    keys = [found.key for found in sets]
    assert len(set(keys)) == 5
    assert LightSet(["0 of many"]).key not in keys
    assert [found.key for found in sets] == keys


# ---------------------------------------------------------------------- the comparison with the rule, once
class _Honest:
    pass


class _Sly:
    pass


def asked(rule: Any) -> Declare:
    """A rule of the component, called by a rule that all components have in common."""

    def declare(b: Any) -> None:
        b.x = Var(steps_of(b))
        b.c = Constraint(steps_of(b), rule=_common(rule), doc="common")

    return declare


def _common(rule: Any) -> Any:
    return lambda b, t: rule(b, t) <= 1


def _sly(b: Any, t: Any) -> Any:
    return 5 * b.x[t] if isinstance(t, int) else b.x[t]


def test_a_kind_is_compared_though_another_has_said_the_same() -> None:
    """Proves: after an honest kind has said ``x[t] <= 1``, a kind that says so of symbols only is still found out, and
    each time anew. Sensitivity: the code of the common rule and what it says are the same."""
    compiled(asked(lambda b, t: b.x[t]), kinds=(_Honest,))
    for _ in range(2):
        with pytest.raises(TemplateMismatchError, match=r"parts\[0\].c\[0\]: the row"):
            compiled(asked(_sly), kinds=(_Sly,))
    with pytest.raises(TemplateMismatchError, match=r"parts\[1\].c\[0\]: the row"):
        compiled(asked(lambda b, t: b.x[t]), asked(_sly), kinds=(_Honest, _Sly))


def test_a_rule_is_compared_once_for_what_it_says() -> None:
    """Proves: the rule is run at three plain indices at first, at none for other data, and again for another number."""
    plain: list[int] = []

    def counted(factor: float) -> Declare:
        def rule(b: Any, t: Any) -> Any:
            if isinstance(t, int):
                plain.append(t)
            return factor * b.x[t]

        return asked(rule)

    class Kind:
        pass

    counts = []
    for factor in (2.0, 2.0, 3.0):
        compiled(counted(factor), kinds=(Kind,))
        counts.append(len(plain))
    assert counts == [3, 3, 6]


def test_the_store_of_the_process_is_in_use() -> None:
    """Proves: after a model, making it again adds no recipe."""
    arrays(priced([1.0, 2.0, 3.0]))
    before = len(RECIPES)
    arrays(priced([3.0, 2.0, 1.0]))
    assert len(RECIPES) == before
