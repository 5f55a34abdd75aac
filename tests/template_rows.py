"""Small models compiled on both roads: rows by name, as compiled, after they were found equal to Pyomo's standard
form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from optimizer.compiled import Compiled
from optimizer.template import Constraint, Objective, Param, Var, new_model

Declare = Callable[[Any], None]
Row = tuple[dict[str, float], float, float]
FALLBACK = "cannot be compiled as a template"
"""What the log says where a rule is run index by index."""


def on_both_roads(declare: Declare) -> dict[str, Row]:
    """Rows by name, as compiled, after they were found equal to Pyomo's; so were costs, offset, bounds and domains."""
    model = new_model(fast=True)
    declare(model)
    compiled = Compiled(model)
    ordinary = new_model(fast=False)
    declare(ordinary)
    variables = [ordinary.find_component(v)[i] for v in compiled.evaluator.variables for i in v.index_set()]
    names = [v.name for v in variables]
    assert [label(compiled, column) for column in range(len(names))] == names
    arrays = compiled.arrays
    assert arrays.col_lower.tolist() == pytest.approx([-np.inf if v.lb is None else v.lb for v in variables])
    assert arrays.col_upper.tolist() == pytest.approx([np.inf if v.ub is None else v.ub for v in variables])
    assert arrays.integer.tolist() == [v.domain.isdiscrete() for v in variables]
    form = LinearStandardFormCompiler().write(ordinary, mixed_form=True, column_order=variables, set_sense=pyo.maximize)
    used = [v.name for v in form.columns]
    cost = dict.fromkeys(names, 0.0) | dict(zip(used, np.ravel(form.c.todense()), strict=True))
    assert dict(zip(names, arrays.cost.tolist(), strict=True)) == pytest.approx(cost)
    assert arrays.offset == pytest.approx(float(form.c_offset[0]))
    rows = compiled_rows(compiled, names)
    expected = {name: pytest.approx(canonical(row)) for name, row in pyomos_rows(form, used).items()}
    assert {name: canonical(row) for name, row in rows.items() if row[0]} == expected
    return rows


def label(compiled: Compiled, column: int) -> str:
    """Pyomo's name of the variable in a column."""
    for variable in compiled.evaluator.variables:
        columns = compiled.evaluator.columns[id(variable)]
        if columns.first <= column < columns.first + columns.size:
            return f"{variable.name}[{','.join(map(str, columns.label_of(column)))}]"
    raise IndexError(column)


def compiled_rows(compiled: Compiled, names: list[str]) -> dict[str, Row]:
    matrix = compiled.arrays.matrix.toarray()
    rows = {}
    for block in compiled.blocks:
        for row in range(block.rows.start, block.rows.stop):
            name = f"{block.constraint.name}[{','.join(map(str, block.index_of(row)))}]"
            entries = {names[c]: float(matrix[row, c]) for c in np.flatnonzero(matrix[row])}
            rows[name] = (entries, float(compiled.arrays.row_lower[row]), float(compiled.arrays.row_upper[row]))
    return rows


def pyomos_rows(form: Any, names: list[str]) -> dict[str, Row]:
    """Rows with two bounds stand twice in Pyomo's form: they are joined again."""
    matrix = form.A.toarray()
    rows: dict[str, Row] = {}
    for row, (constraint, bound) in enumerate(form.rows):
        entries = {names[c]: float(matrix[row, c]) for c in np.flatnonzero(matrix[row])}
        _, low, high = rows.get(constraint.name, ({}, -np.inf, np.inf))
        low, high = (form.rhs[row] if bound <= 0 else low), (form.rhs[row] if bound >= 0 else high)
        rows[constraint.name] = (entries, float(low), float(high))
    return rows


def canonical(row: Row) -> dict[str, float]:
    """One flat form of a row whatever its sign; infinite bounds are left out."""
    entries, low, high = row
    sign = 1.0 if entries[min(entries)] > 0 else -1.0
    low, high = (low, high) if sign > 0 else (-high, -low)
    bounds = {"low": low, "high": high}
    return {n: sign * v for n, v in entries.items()} | {n: v for n, v in bounds.items() if np.isfinite(v)}


def world(model: Any) -> None:
    """Two members, four steps, states from -1, data ``p[t] = 10, 20, 30, 40``, and a plain objective."""
    model.members = pyo.RangeSet(0, 1)
    model.steps = pyo.RangeSet(0, 3)
    model.states = pyo.RangeSet(-1, 3)
    model.one = pyo.RangeSet(0, 0)
    model.p = Param(model.steps, values=[10.0, 20.0, 30.0, 40.0])
    model.x = Var(model.members, model.states, within=pyo.NonNegativeReals)
    model.objective = Objective(rule=lambda m: m.x[0, 0] + 0.0, doc="profit")


def one_rule(*sets: str, rule: Any, also: Declare | None = None) -> Declare:
    """The world with one constraint ``c`` over the named sets."""

    def declare(model: Any) -> None:
        world(model)
        if also is not None:
            also(model)
        model.c = Constraint(*(getattr(model, name) for name in sets), rule=rule, doc="the rule under test")

    return declare


def rows_of(*sets: str, rule: Any, also: Declare | None = None) -> dict[str, Row]:
    return on_both_roads(one_rule(*sets, rule=rule, also=also))
