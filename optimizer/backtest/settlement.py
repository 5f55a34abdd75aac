"""What was done is settled on what happened: one plan over the whole time, with its ledger, bill and audit.

The scenario of the whole time is compiled with the realised values, and everything that was set is fixed as it was
done; peaks, months and take-or-pay follow from that. The money is that of the very same ledger lines with which every
plan is made, and the audit recomputes it. As all policies are plans of one and the same problem, none can earn more
than perfect foresight is proven to be able to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.backtest.execution import Executed
from optimizer.backtest.nearest_plan import held, nearest
from optimizer.backtest.schedules import scheduled_in
from optimizer.backtest.settings import BacktestSettings
from optimizer.backtest.workshop import Workshop
from optimizer.errors import NoPlanError
from optimizer.highs import Outcome
from optimizer.problem import Problem
from optimizer.scenario import Scenario, SolverOptions

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]
ROUNDING = 1e-7
"""HiGHS's own tolerance: by as much two windows may differ about the state between them."""


@dataclass(frozen=True)
class Done:
    """What was done in a window."""

    first: int
    """First step in the record."""
    steps: int
    """Steps carried out."""
    values: dict[str, Floats]
    """Scheduled variables by name, in the window's shapes."""
    steps_of: dict[str, NDArray[np.int64]]
    """Step of each position of their last index."""

    @classmethod
    def of(cls, first: int, steps: int, executed: Executed) -> Done:
        """The part of a window that was carried out."""
        values, steps_of = {}, {}
        for name, found in executed.values.items():
            here = (executed.steps_of[name] >= 0) & (executed.steps_of[name] < steps)
            values[name], steps_of[name] = found[..., here], executed.steps_of[name][here]
        return cls(first, steps, values, steps_of)


def settled(problem: Problem, done: Iterable[Done]) -> Outcome:
    """What was done, as a solution of the problem over the whole time; ``problem.plan_of`` makes the audited plan."""
    found = list(scheduled_in(problem))
    targets = {each.name: np.zeros(each.columns.shape) for each in found}
    places = {each.name: each.steps for each in found}
    for part in done:
        for name, values in part.values.items():
            if name not in targets:
                raise ValueError(f"{name} was set in a window, but the whole time has no such variable")
            set_in = part.steps_of[name] + part.first
            at = np.minimum(np.searchsorted(places[name], set_in), len(places[name]) - 1)
            is_there = places[name][at] == set_in  # what a window finds begun has been set by one before
            targets[name][..., at[is_there]] = values[..., is_there]
    columns = np.concatenate([each.columns[..., each.steps >= 0].ravel() for each in found] or [np.zeros(0, np.int64)])
    wanted = np.concatenate([targets[each.name][..., each.steps >= 0].ravel() for each in found] or [np.zeros(0)])
    options = _over_the_whole(problem.scenario).model_copy(update={"mip_rel_gap": 0.0})
    workshop = Workshop(options)
    for slack in (0.0, ROUNDING):
        outcome = workshop.solved(problem, held(problem.arrays, columns, wanted, slack=slack))
        if outcome.values is not None:
            return outcome
    ahead = np.ones(len(columns), bool)
    close = workshop.solved(problem, nearest(problem.arrays, columns, wanted, ahead))
    if close.values is None:
        raise NoPlanError(f"what was done cannot be settled: HiGHS stopped ({close.stopped_by})")
    apart = np.abs(close.values[columns] - wanted)
    log.warning("what was done is settled with a difference of up to %.3g", float(apart.max()))
    outcome = workshop.solved(problem, held(problem.arrays, columns, close.values[columns], slack=ROUNDING))
    if outcome.values is None:
        raise NoPlanError(f"what was done cannot be settled: HiGHS stopped ({outcome.stopped_by})")
    return outcome


def _over_the_whole(scenario: Scenario) -> SolverOptions:
    """The scenario's options, with time for more than a window."""
    settings, solver = scenario.backtest or BacktestSettings(), scenario.solver
    return solver.model_copy(update={"time_limit_s": max(solver.time_limit_s, settings.whole_time_limit_s)})


def foreseen(problem: Problem) -> Outcome:
    """Perfect foresight: the best plan for the whole time with what happened, and the bound that nothing can beat.

    Raises NoPlanError where no plan is found in the time for the whole."""
    try:
        outcome = Workshop(_over_the_whole(problem.scenario)).planned(problem)
    except NoPlanError as error:
        raise NoPlanError(f"{error} for the whole time; backtest.whole_time_limit_s gives it longer") from error
    if outcome.status != "optimal":
        log.warning("perfect foresight is only proven to within %.3g %%", outcome.gap * 100)
    return outcome
