"""What can be set now is set with all members of what may come: a stochastic plan in each step.

When a step comes, its values are seen, and the steps after it are forecast anew from what is known by its end. The
problem of the window then has the members of that forecast. What is set in the step that has come is one decision for
all of them (rows tie the members together), what is set later may differ. So a battery is worth what it earns in the
best hours of each member, and not what it earns in the hours of their mean, in which no spike is left.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.backtest.record import Decision, Record
from optimizer.backtest.schedules import LookAhead, Scheduled, scheduled_in
from optimizer.backtest.workshop import Workshop
from optimizer.compiled import Arrays
from optimizer.matrix import matrix_of
from optimizer.problem import Problem
from optimizer.rebasing import Column, window
from optimizer.scenario import Ensemble

if TYPE_CHECKING:
    from optimizer.forecasting import ForecastEnsemble

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ahead:
    """What is expected of the steps after the one that has come."""

    members: dict[Column, Floats]
    """By column, (members or 1, steps)."""
    probabilities: tuple[float, ...]

    @property
    def mean(self) -> dict[Column, Floats]:
        """Expected values by column, (steps,)."""
        weights = np.asarray(self.probabilities)
        return {c: values[0] if len(values) == 1 else weights @ values for c, values in self.members.items()}


def forecast_after(decision: Decision, record: Record, first: int, step: int, few: int | None) -> Ahead | None:
    """The forecast of the steps after ``step`` of a window, issued at its end.

    None after the last step, and where the record ends before what is published by then (tomorrow's prices on its last
    afternoon): the forecast before it stays. ``first`` is the window's first step in the record; ``few`` members are
    kept, or their mean alone (None).
    """
    from optimizer.backtest.policies import reduced
    from optimizer.forecasting import issue

    steps = decision.horizon.steps - step - 1
    if steps < 1:
        return None
    horizon = window(record.scenario, first + step + 1, steps)
    if not record.history.reaches(horizon.start_utc):
        return None
    members = decision.settings.members
    forecast: ForecastEnsemble = issue(
        decision.forecaster, record.history, horizon.start_utc, horizon, members, seed=decision.number
    )
    chosen = forecast.expected() if few is None else reduced(forecast, few)
    known = replace(decision, known=record.history.at(horizon.start_utc))
    return Ahead(known.columns(chosen), tuple(chosen.probabilities.tolist()))


def set_now(
    decision: Decision,
    record: Record,
    seen: Mapping[Column, Floats],
    ahead: Ahead,
    look: LookAhead,
    targets: Mapping[str, Floats],
    switched: Container[str],
    workshop: Workshop,
) -> dict[str, Floats] | None:
    """Values of what is set now, over the whole window: those of the step that has come are one decision for all
    members, those after it their mean. None where no plan is found for all members at once.

    ``seen`` holds the values of the window's steps up to the one that has come; ``switched`` are set by a rule.
    """
    step = len(next(iter(seen.values()))) - 1
    count = len(ahead.probabilities)
    columns = {column: _joined(values, ahead.members[column], count) for column, values in seen.items()}
    ensemble = Ensemble(members=count, probabilities=ahead.probabilities)
    scenario = decision.window_of(record.scenario, columns, ensemble)
    problem = workshop.problem("look ahead", decision.as_weighed(scenario).model_copy(update={"risk": look.risk}))
    arrays = replace(problem.arrays, least=None)
    lower, upper = arrays.col_lower.copy(), arrays.col_upper.copy()
    tied: list[NDArray[np.int64]] = []
    free: list[NDArray[np.int64]] = []
    names: list[str] = []
    for found in scheduled_in(problem):
        is_free = found.when == "now" and found.name not in switched
        fixed = (found.steps < step) | (not is_free)
        wanted = np.broadcast_to(targets[found.name], found.columns.shape)[..., fixed]
        here = found.columns[..., fixed]
        lower[here] = upper[here] = np.clip(wanted, arrays.col_lower[here], arrays.col_upper[here])
        if is_free:
            by_member = _members_first(problem, found)
            names.append(found.name)
            free.append(by_member)
            tied.append(by_member[..., found.steps == step].reshape(len(by_member), -1))
    arrays = replace(arrays, col_lower=lower, col_upper=upper)
    outcome = workshop.solved(problem, _together(arrays, tied), "look ahead")
    if outcome.values is None:
        return None
    weights = np.asarray(ahead.probabilities)
    found_values: dict[str, Floats] = {}
    for name, by_member in zip(names, free, strict=True):
        values = outcome.values[by_member]
        mean = weights @ values.reshape(count, -1) if len(by_member) == count else values[0]
        found_values[name] = mean.reshape(targets[name].shape)
    return found_values


def _joined(seen: Floats, later: Floats, count: int) -> Floats:
    """Values of all members: those seen, (steps,), and those of each member after them, (1 or members, steps)."""
    return np.concatenate([np.broadcast_to(part, (count, part.shape[-1])) for part in (seen, later)], axis=1)


def _members_first(problem: Problem, found: Scheduled) -> NDArray[np.int64]:
    """A variable's columns with its members as the first axis; of one that has none, an axis of length 1."""
    for axis, factor in enumerate(found.variable.index_set().subsets()):
        if factor is problem.compiled.model.members:
            return np.moveaxis(found.columns, axis, 0)
    return found.columns[np.newaxis]


def _together(arrays: Arrays, tied: list[NDArray[np.int64]]) -> Arrays:
    """Arrays in which the columns of all members, (members, …), are those of the first."""
    first = np.concatenate([np.broadcast_to(each[:1], each[1:].shape).ravel() for each in tied])
    other = np.concatenate([each[1:].ravel() for each in tied])
    if not len(first):
        return arrays
    rows, count = arrays.matrix.shape
    number = len(first)
    new_rows = rows + np.arange(number)
    matrix = matrix_of(
        np.concatenate([arrays.matrix.indices.astype(np.int64), new_rows, new_rows]),
        np.concatenate([np.repeat(np.arange(count), np.diff(arrays.matrix.indptr)), first, other]),
        np.concatenate([arrays.matrix.data, np.ones(number), -np.ones(number)]),
        (rows + number, count),
    )
    zeros = np.zeros(number)
    return replace(
        arrays,
        matrix=matrix,
        row_lower=np.concatenate([arrays.row_lower, zeros]),
        row_upper=np.concatenate([arrays.row_upper, zeros]),
    )
