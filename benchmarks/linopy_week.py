"""The same problem formulated in linopy, for comparison: same variables, same rows, through linopy's own public API.

What a linopy author would know beforehand (which variable, which slice of it, which coefficients) is worked out first
and is not part of what is measured (:func:`recipe_of`). Measured is only linopy: ``add_variables``, arithmetic on
labelled variables with ``isel``, ``rename`` and ``sum``, ``add_constraints``, ``add_objective`` (:func:`formulate`),
and its direct hand-over to highspy (:func:`hand_over`). Every choice is the one that is fastest for linopy: whole
arrays at once, no step where a variable is taken as it is, one ``merge`` instead of a chain of ``+``, plain numbers
for coefficients that do not vary, no names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import linopy
import numpy as np
import pyomo.environ as pyo
import xarray as xr
from linopy.expressions import merge
from numpy.typing import NDArray
from pyomo.core.expr import relational_expr as rel
from pyomo.core.expr.template_expr import tuple_to_relational_expr

from optimizer.affine import MAX_AXES, Affine, Columns, Context, SetIndex, Term
from optimizer.compiled import Compiled
from optimizer.symbolic import templatized


@dataclass(frozen=True)
class VariableRecipe:
    """Arguments of ``add_variables``; a bound is a number where it does not vary."""

    lower: Any
    upper: Any
    coords: list[Any]
    dims: list[str]
    integer: bool


@dataclass(frozen=True)
class TermRecipe:
    """``coefficient * variable.isel(taken).rename(renamed).assign_coords(relabelled)``, summed over ``summed``.

    ``gathered`` takes windows: arrays of positions over several dimensions.
    """

    variable: int
    taken: dict[str, Any]
    renamed: dict[str, str]
    relabelled: dict[str, Any]
    gathered: dict[str, Any]
    coefficient: Any
    summed: list[str]


@dataclass(frozen=True)
class RowsRecipe:
    """One expression and what it is held against; linopy takes rows with two bounds as two rows."""

    terms: list[TermRecipe]
    bounds: list[tuple[str, Any]]


@dataclass
class Recipe:
    """A whole problem."""

    variables: list[VariableRecipe] = field(default_factory=list)
    rows: list[RowsRecipe] = field(default_factory=list)
    objective: list[TermRecipe] = field(default_factory=list)


# ---------------------------------------------------------------------- measured
def formulate(recipe: Recipe) -> linopy.Model:
    """The problem as a linopy model."""
    model = linopy.Model()
    variables = [
        model.add_variables(lower=v.lower, upper=v.upper, coords=v.coords, dims=v.dims, integer=v.integer)
        for v in recipe.variables
    ]
    for rows in recipe.rows:
        expressions = [_expression(term, variables) for term in rows.terms]
        left = expressions[0] if len(expressions) == 1 else merge(expressions, cls=linopy.LinearExpression)
        for sign, rhs in rows.bounds:
            model.add_constraints(left, sign, rhs)
    lines = [_expression(term, variables).sum() for term in recipe.objective]
    model.add_objective(merge(lines, cls=linopy.LinearExpression), sense="max")
    return model


def hand_over(model: linopy.Model) -> Any:
    """linopy's direct hand-over, without names."""
    return linopy.io.to_highspy(model, set_names=False)


def _expression(term: TermRecipe, variables: list[linopy.Variable]) -> Any:
    chosen = variables[term.variable]
    if term.taken:
        chosen = chosen.isel(term.taken)
    if term.renamed:
        chosen = chosen.rename(term.renamed)
    if term.relabelled:
        chosen = chosen.assign_coords(term.relabelled)
    if term.gathered:
        chosen = chosen.to_linexpr().isel(term.gathered).drop_vars(list(term.gathered))
    expression = term.coefficient * chosen
    return expression.sum(term.summed) if term.summed else expression


# ---------------------------------------------------------------------- worked out beforehand
class _Names:
    """Dimension names: one per index set, so that a variable used over its own sets needs no renaming."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, index: SetIndex) -> str:
        return self._known.setdefault(id(index), f"set{len(self._known)}")

    def of_all(self, sets: list[SetIndex]) -> list[str]:
        """Names of the axes of an expression; a set that stands twice gets a name of its own the second time."""
        names: list[str] = []
        for index in sets:
            name = self.of(index)
            while name in names:
                name += "_again"
            names.append(name)
        return names


def recipe_of(compiled: Compiled) -> Recipe:
    """What to tell linopy so that it makes the problem that ``compiled`` holds."""
    names = _Names()
    evaluator, arrays = compiled.evaluator, compiled.arrays
    recipe = Recipe()
    columns = [place for place in evaluator.columns.values() if place.size]
    for place in columns:
        part = slice(place.first, place.first + place.size)
        dims = names.of_all(list(place.sets))
        recipe.variables.append(
            VariableRecipe(
                _number_or_array(arrays.col_lower[part].reshape(place.shape), dims),
                _number_or_array(arrays.col_upper[part].reshape(place.shape), dims),
                [np.arange(s.size) for s in place.sets],
                dims,
                bool(arrays.integer[part].any()),
            )
        )
    for block in compiled.blocks:
        constraint = block.constraint
        expression, symbols = templatized(constraint.parent_block(), constraint.rule, constraint.index_set())
        if expression.__class__ is tuple:
            expression = tuple_to_relational_expr(expression)
        context = evaluator.bind(constraint.index_set(), symbols, Context())
        sides = [evaluator.affine(argument, context) for argument in expression.args]
        axes = names.of_all(list(block.sets))
        shape = context.shape[: context.axes]
        lower = _right_side(arrays.row_lower[block.rows].reshape(shape), axes)
        upper = _right_side(arrays.row_upper[block.rows].reshape(shape), axes)
        if isinstance(expression, rel.RangedExpression):
            terms, bounds = sides[1].terms, [(">=", lower), ("<=", upper)]
        else:
            terms = sides[0].terms + sides[1].scaled(-1.0).terms
            bounds = [("=" if isinstance(expression, rel.EqualityExpression) else "<=", upper)]
        recipe.rows.append(RowsRecipe([_term(t, axes, columns, names) for t in terms], bounds))
    objective = next(compiled.model.component_objects(pyo.Objective, active=True))
    expression, _ = templatized(objective.parent_block(), objective.rule, None)
    found: Affine = evaluator.affine(expression, Context())
    recipe.objective = [_term(t, [], columns, names) for t in found.terms]
    return recipe


def _right_side(values: NDArray[np.float64], axes: list[str]) -> xr.DataArray:
    """Without axes of length one, which linopy advises against where the variables do not have them."""
    kept = tuple(slice(None) if n > 1 else 0 for n in values.shape)
    return xr.DataArray(values[kept], dims=[name for name, n in zip(axes, values.shape, strict=True) if n > 1])


def _number_or_array(values: NDArray[np.float64], dims: list[str]) -> Any:
    first = float(values.flat[0])
    return first if (values == first).all() else xr.DataArray(values, dims=dims)


def _term(term: Term, axes: list[str], columns: list[Columns], names: _Names) -> TermRecipe:
    """How linopy reaches the columns of one term: which variable, by plain slices where possible."""
    numbers = np.asarray(term.columns)
    numbers = numbers.reshape((*numbers.shape, *(1,) * (MAX_AXES - numbers.ndim)))
    variable = next(i for i, c in enumerate(columns) if c.first <= numbers.flat[0] < c.first + c.size)
    place = columns[variable]
    positions = _positions(numbers - place.first, place.shape)
    varying = [_varying_axes(p) for p in positions]
    own = names.of_all(list(place.sets))
    labels = list(axes)
    # axes of sums: named as the variable's own dimension, if one runs along them
    for axis in range(len(axes), MAX_AXES):
        along = [own[d] for d, found in enumerate(varying) if found == [axis]]
        labels.append(along[0] if along and along[0] not in labels else f"sum{axis}")
    taken: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    relabelled: dict[str, Any] = {}
    gathered: dict[str, Any] = {}
    for dimension, position, found in zip(own, positions, varying, strict=True):
        size = place.sets[own.index(dimension)].size
        others = [v for v in varying if v is not found for _ in set(v) & set(found)]
        if not found:
            if size > 1 or _is_missing_axis(dimension, labels, term.shape):
                taken[dimension] = int(position.flat[0])
        elif len(found) == 1 and not others:
            along_axis = _reduced(position, found)
            start, stop = int(along_axis[0]), int(along_axis[-1]) + 1
            if (np.diff(along_axis) == 1).all():
                if (start, stop) != (0, size):
                    taken[dimension] = slice(start, stop)
            else:
                taken[dimension] = along_axis
            name = labels[found[0]]
            if name != dimension:
                renamed[dimension] = name
            if dimension in taken:
                relabelled[name] = np.arange(len(along_axis))
        else:
            gathered[dimension] = _labelled(position, labels)
    summed = [labels[axis] for axis in range(len(axes), MAX_AXES) if term.shape[axis] > 1]
    coefficient, repeats = _coefficient(term, labels, varying, summed)
    remaining = [name for name in summed if name not in repeats]
    scale = math.prod(term.shape[labels.index(name)] for name in repeats)
    weight = coefficient * scale if scale != 1 else coefficient
    return TermRecipe(variable, taken, renamed, relabelled, gathered, weight, remaining)


def _is_missing_axis(dimension: str, labels: list[str], shape: tuple[int, ...]) -> bool:
    """Whether a dimension of length one has no axis of its own in the rows, and must be dropped."""
    return dimension not in labels or shape[labels.index(dimension)] != 1


def _positions(numbers: NDArray[np.int64], shape: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Position in each dimension of a row-major number."""
    positions: list[NDArray[np.int64]] = []
    for size in reversed(shape):
        numbers, position = np.divmod(numbers, size)
        positions.insert(0, position)
    return positions


def _varying_axes(values: NDArray[Any]) -> list[int]:
    return [a for a in range(values.ndim) if values.shape[a] > 1 and bool(np.any(values != values.take([0], axis=a)))]


def _labelled(values: NDArray[Any], labels: list[str]) -> xr.DataArray:
    """An array over the axes along which it varies."""
    along = _varying_axes(values)
    return xr.DataArray(_reduced(values, along), dims=[labels[a] for a in along])


def _reduced(values: NDArray[Any], along: list[int]) -> NDArray[Any]:
    return np.asarray(values[tuple(slice(None) if a in along else 0 for a in range(values.ndim))])


def _coefficient(term: Term, labels: list[str], varying: list[list[int]], summed: list[str]) -> tuple[Any, list[str]]:
    """Coefficient (a number where it does not vary) and the sums along which neither it nor the columns vary."""
    values = np.asarray(term.coefficients, dtype=float)
    values = values.reshape((*values.shape, *(1,) * (MAX_AXES - values.ndim)))
    along = _varying_axes(values)
    used = {axis for found in varying for axis in found} | set(along)
    repeats = [name for name in summed if labels.index(name) not in used]
    if not along:
        return float(values.flat[0]), repeats
    return _labelled(values, labels), repeats
