"""Parameters and variables are looked up by position; the meaning is that of Pyomo's sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.core.expr.template_expr import IndexTemplate

from optimizer.template import Param, Var, new_model


@pytest.fixture(params=[True, False], ids=["fast road", "ordinary road"])
def model(request: pytest.FixtureRequest) -> Any:
    """Sets that start below 0, go by twos, hold pairs, hold names."""
    model = new_model(fast=request.param)
    model.states = pyo.RangeSet(-1, 2)
    model.even = pyo.RangeSet(0, 6, 2)
    model.pairs = pyo.Set(initialize=[(0, 5), (1, 3)], dimen=2)
    model.names = pyo.Set(initialize=["hi", "lo"])
    model.p = Param(model.states, model.even, values=np.arange(16.0).reshape(4, 4))
    model.by_pair = Param(model.pairs, model.names, values=np.array([[10.0, 11.0], [12.0, 13.0]]))
    model.one = Param(pyo.RangeSet(3, 3), values=[7])
    model.x = Var(model.states, model.even)
    model.y = Var(model.pairs)
    return model


def test_a_parameter_is_read_by_label(model: Any) -> None:
    """Proves: label -1 stands in the first row and label 4 in the third column. Sensitivity: label 4 as a position
    would be outside of the array, and -1 its last row."""
    assert model.p[-1, 4] == 2.0
    assert model.p[2, 6] == 15.0
    assert model.p[2.0, 6] == 15.0
    assert model.by_pair[1, 3, "hi"] == 12.0
    assert model.by_pair[(1, 3), "hi"] == 12.0
    assert model.one[3] == 7


@pytest.mark.parametrize("index", [(-2, 0), (3, 0), (0, 1), (0, 8), (0.5, 0), (0,), (0, 0, 0), ("lo", 0)])
def test_an_index_outside_of_its_set_is_refused(model: Any, index: tuple[Any, ...]) -> None:
    """Proves: also below the first label, where a position would count from the end of the array."""
    with pytest.raises(KeyError):
        model.p[index]
    with pytest.raises(KeyError):
        model.x[index]


def test_pairs_that_are_not_in_the_set_are_refused(model: Any) -> None:
    assert model.y[0, 5].index() == (0, 5)
    with pytest.raises(KeyError):
        model.y[0, 3]
    with pytest.raises(KeyError):
        model.by_pair[0, 3, "hi"]


def test_a_variable_is_the_same_object_each_time(model: Any) -> None:
    assert model.x[-1, 6] is model.x[-1, 6]
    assert model.x[-1, 6].index() == (-1, 6)


def test_a_symbol_gives_a_template(model: Any) -> None:
    """Proves: an index with a symbol in it gives what Pyomo makes of it: data stay data, variables stay variables."""
    t = IndexTemplate(model.states)
    assert [argument is wanted for argument, wanted in zip(model.p[t, 0].args, (model.p, t, 0), strict=True)] == [
        True
    ] * 3
    assert not model.p[t - 1, 0].is_potentially_variable()
    assert model.x[t - 1, 0].is_potentially_variable()
