"""Marginal values: what one more unit of a limit would earn, with all whole decisions as planned.

The plan's whole decisions (units running, jobs started) are fixed and the rest is a linear program, whose duals are the
values. They hold for a small change and for these whole decisions: one more MW may be worth more where it would let
another unit rest or another job start, and where a plan is degenerate they are one of several truths.

Sign: of a rule ``left <= right`` or ``left >= right``, what relaxing it by one unit earns (never negative); of an
equality, what raising its right-hand side by one unit earns. Money is as in the objective: expected over the members,
and with ``risk.weight`` as the objective weighs it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays, Compiled
from optimizer.highs import Outcome, solve

if TYPE_CHECKING:
    from optimizer.parts import Parts
    from optimizer.scenario import SolverOptions

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Duals:
    """Duals of the rows and reduced costs of the columns of a maximised linear program: what one unit more earns; and
    the values of the columns."""

    rows: Floats
    columns: Floats
    values: Floats


def duals_of(outcome: Outcome, arrays: Arrays, options: SolverOptions) -> Duals | None:
    """Duals of a plan with its whole decisions fixed; None (and a message) where the solver stopped before them."""
    assert outcome.values is not None
    if outcome.linear is None and outcome.stopped_by != "interrupt":
        fixed = replace(
            arrays,
            col_lower=np.where(arrays.integer, outcome.values, arrays.col_lower),
            col_upper=np.where(arrays.integer, outcome.values, arrays.col_upper),
            integer=np.zeros_like(arrays.integer),
            least=None,
        )
        outcome.linear = solve(fixed, options).linear
    if outcome.linear is None:
        log.warning("the plan was stopped early, so its marginal values are not known")
        return None
    linear = outcome.linear
    own = linear.row_dual[: len(arrays.row_lower)]  # rows that a search has added stand after those of the problem
    return Duals(*(np.asarray(found, float) for found in (own, linear.col_dual, linear.col_value)))


class Marginals:
    """Marginal values of a solved scenario, by rule and by variable, in the shape of their index sets."""

    def __init__(self, compiled: Compiled, parts: Parts, duals: Duals) -> None:
        self._compiled = compiled
        self._parts = parts
        self._duals = duals

    def of(self, label: str, name: str) -> Floats:
        """Values of a rule by the name of its component (or site) and its own; KeyError where there is none."""
        if label in self._parts.components:
            block = self._parts.components[label].block
        else:
            block = self._parts.sites[label].frame.model.sites[label]
        rule = block.component(name)
        if rule is None or not hasattr(rule, "rule"):
            raise KeyError(f"{label} has no rule {name}")
        return self.of_rule(rule)

    def of_rule(self, rule: Any) -> Floats:
        """Values of a constraint of the model, in the shape of its index sets; 0 where it has no rows."""
        for block in self._compiled.blocks:
            if block.constraint is rule:
                values = self._duals.rows[block.rows]
                arrays = self._compiled.arrays
                equality = arrays.row_lower[block.rows] == arrays.row_upper[block.rows]
                return np.where(equality, values, np.abs(values)).reshape([s.size for s in block.sets])
        return np.zeros([factor.size for factor in self._compiled.evaluator.sets_of(rule.index_set())])

    def of_variable(self, variable: Any) -> Floats:
        """What one unit more of a variable earns where a bound or a whole decision holds it, in its shape; else 0."""
        return np.asarray(self._duals.columns[self._compiled.columns(variable)])

    def value_of(self, variable: Any) -> Floats:
        """Values of a variable in the linear program, in its shape."""
        return np.asarray(self._duals.values[self._compiled.columns(variable)])


def asked_for(parts: Parts) -> bool:
    """Whether a component has figures that need marginal values."""
    return any(part.component.asks_for_marginals for part in parts.components.values())


def marginal_sections(parts: Parts, marginals: Marginals) -> dict[str, dict[str, float]]:
    """The components' figures from marginal values, by section of the summary."""
    sections: dict[str, dict[str, float]] = {}
    for label, part in parts.components.items():
        for section, figure in part.component.marginal_figures(part.block, part.frame, marginals).items():
            sections.setdefault(section, {})[label] = figure
    return sections
