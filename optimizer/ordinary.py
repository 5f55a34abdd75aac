"""The ordinary road: the same declarations as a full Pyomo model, for users' own constraints, other solvers, and as
the oracle of tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.common.errors import InfeasibleConstraintException
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from optimizer.compiled import Arrays, Compiled
from optimizer.errors import InfeasibleError
from optimizer.marginals import Duals
from optimizer.model import build_model
from optimizer.parts import place
from optimizer.scenario import Scenario

Floats = NDArray[np.float64]


class OrdinaryRoad:
    """An ordinary Pyomo model of a scenario and how its variables map to the columns of the fast road."""

    def __init__(self, scenario: Scenario, compiled: Compiled) -> None:
        self.parts, _ = place(scenario)
        self.model = build_model(scenario, self.parts, fast=False)
        self._compiled = compiled
        self._own = self._in_column_order(compiled)
        self._form: Any = None

    def _in_column_order(self, compiled: Compiled) -> list[Any]:
        """Our own variables in the order of the fast road's columns."""
        own: list[Any] = []
        for fast in compiled.evaluator.variables:
            ordinary = self.model.find_component(fast)
            own += [ordinary[index] for index in ordinary.index_set()]
        return own

    def compile(self) -> Arrays:
        """Arrays of the model as it stands, by Pyomo's own standard-form compiler.

        Rows with two bounds become two rows. Raises ValueError where there is not exactly one active, linear
        objective, and InfeasibleError for a rule that fixed variables violate by themselves.
        """
        # no column_order: with it, Pyomo 6.10 takes the columns of fixed variables for those of others
        try:
            self._form = LinearStandardFormCompiler().write(self.model, mixed_form=True, set_sense=pyo.maximize)
        except InfeasibleConstraintException as error:
            raise InfeasibleError(
                f"no plan satisfies all rules; fixed variables break one by themselves: {error}"
            ) from error
        form = self._form
        if len(form.c_offset) != 1:
            raise ValueError(f"the model needs one active objective; found {len(form.c_offset)}")
        lower, upper = np.full(len(form.rows), -np.inf), np.full(len(form.rows), np.inf)
        for row, (_, bound_type) in enumerate(form.rows):
            if bound_type >= 0:
                upper[row] = form.rhs[row]
            if bound_type <= 0:
                lower[row] = form.rhs[row]
        columns = form.columns
        return Arrays(
            matrix=form.A.tocsc(),
            row_lower=lower,
            row_upper=upper,
            cost=np.asarray(form.c.todense(), dtype=float).ravel(),
            offset=float(form.c_offset[0]),
            col_lower=np.array([-np.inf if v.lb is None else v.lb for v in columns]),
            col_upper=np.array([np.inf if v.ub is None else v.ub for v in columns]),
            integer=np.array([v.is_integer() for v in columns], dtype=bool),
            least=np.array([getattr(v.parent_component(), "least", False) for v in columns], dtype=bool),
        )

    def take(self, values: Floats) -> Floats:
        """Load a solution into the Pyomo model; returns it in the columns of the fast road."""
        for variable, value in zip(self._form.columns, values, strict=True):
            variable.set_value(float(value), skip_validation=True)
        return np.array([_value_of(variable) for variable in self._own])

    def take_duals(self, duals: Duals) -> Duals:
        """Duals in the rows and columns of the fast road; rules that the user has added have no place there.

        A rule with two bounds is two rows here; what relaxing them earns adds up.
        """
        rows = np.zeros(len(self._compiled.arrays.row_lower))
        blocks = {block.constraint.name: block for block in self._compiled.blocks}
        for (rule, bound_type), dual in zip(self._form.rows, duals.rows, strict=True):
            block = blocks.get(rule.parent_component().name)
            if block is not None:
                index = rule.index()
                row = block.row_of(index if isinstance(index, tuple) else (index,))
                rows[row] += dual if bound_type == 0 else abs(dual)
        place = {id(variable): column for column, variable in enumerate(self._form.columns)}
        columns = np.array([duals.columns[place[id(v)]] if id(v) in place else 0.0 for v in self._own])
        return Duals(rows, columns, np.array([_value_of(variable) for variable in self._own]))

    def column(self, column: int) -> Any:
        """The Pyomo variable of a column of :meth:`compile`."""
        return self._form.columns[column]

    def rule_of_row(self, row: int) -> Any:
        """The Pyomo constraint that a row of :meth:`compile` came from."""
        return self._form.rows[row][0]


def _value_of(variable: Any) -> float:
    """Value of a variable; one that no rule and no money line mentions is anything within its bounds."""
    if variable.value is not None:
        return float(variable.value)
    low, high = variable.lb, variable.ub
    return float(max(low if low is not None else 0.0, min(0.0, high if high is not None else 0.0)))
