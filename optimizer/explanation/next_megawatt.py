"""What the next megawatt (of grid, contract, cooling, nodes, storage …) is worth, and who would use it.

Two figures, which answer two questions:

* **local**: a little more, with all whole decisions as planned (:mod:`optimizer.explanation.local_value`). Prices of
  the hour: what a flexible unit gains or loses. Where a little more and a little less differ, both are told.
* **re-optimised**: one step more, really solved again, with the interval that both proofs leave. What a decision (a
  larger connection, a later deadline) earns; it may be more than the local value, where the step lets another unit
  run, and less, where the first tenth of it is all that is used.

Money is the objective's: expected over the members, and with ``risk.weight`` as it weighs them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import InputError
from optimizer.explanation.fixed_plan import FixedPlan, Powers, solved_plan
from optimizer.explanation.levers import SMALL, Lever, Variants, levers_of
from optimizer.explanation.local_value import Slope, slope
from optimizer.explanation.resolved import Base, Other
from optimizer.explanation.values import LOCAL, REOPTIMISED, NextMegawatt, Users, Worth
from optimizer.parallel import Count, Pace
from optimizer.problem import Problem
from optimizer.scenario import Scenario

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]


def next_megawatt(
    scenario: Scenario | Problem,
    levers: Sequence[Lever] | None = None,
    *,
    reoptimise: bool | int = True,
    progress: Callable[[Count], None] | None = None,
) -> NextMegawatt:
    """Values of more of the scenario's numbers; ``levers`` by default all that its components call expandable.

    With ``reoptimise`` they are also solved again with a step more and with a step less, two solves each; a number says
    how many of them, those first whose step is locally worth most. Raises InputError for a lever given here that cannot
    be moved, and what :meth:`Problem.solve` raises.
    """
    problem = scenario if isinstance(scenario, Problem) else Problem(scenario)
    variants = Variants(problem.scenario)
    chosen = levers_of(problem.scenario) if levers is None else list(levers)
    if levers is not None:
        _check(variants, chosen)
    outcome, fixed = solved_plan(problem)
    base = Base(outcome, fixed)
    most = len(chosen) if reoptimise is True else int(reoptimise)
    pace = Pace(len(chosen) + min(most, len(chosen)))
    worths: list[Worth] = []
    refused: dict[str, str] = {}
    for lever in chosen:
        try:
            variants.more(lever.path, lever.what.step)
            worths.append(Worth(lever, *_local(lever, variants, fixed)))
        except InputError as error:
            refused[lever.path] = "; ".join(str(problem) for problem in error.problems)
            log.debug("%s: %s", lever.path, error)
        _report(progress, pace)
    by_worth = sorted(worths, key=_step_value, reverse=True)[:most]
    solved = {}
    for worth in by_worth:
        solved[worth.lever.path] = _both_ways(worth.lever, variants, base)
        _report(progress, pace)
    users = [found for worth in worths for found in _users(worth.lever, variants, base, solved)]
    worths = [_with_steps(worth, solved.get(worth.lever.path), base) for worth in worths]
    return NextMegawatt(problem.scenario, base.objective, base.bound, tuple(worths), tuple(users), refused)


def _check(variants: Variants, levers: Sequence[Lever]) -> None:
    """Raises InputError with all that is wrong with the paths of levers."""
    problems = []
    for lever in levers:
        try:
            variants.more(lever.path, lever.what.step)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)


def _report(progress: Callable[[Count], None] | None, pace: Pace) -> None:
    count = pace.step()
    if progress is not None:
        progress(count)


def _step_value(worth: Worth) -> float:
    """By which numbers are chosen to be solved again: those without a local value come first, as nothing else tells
    what they are worth."""
    return math.inf if math.isnan(worth.more) else abs(worth.more * worth.lever.what.step)


def _both_ways(lever: Lever, variants: Variants, base: Base) -> tuple[Other, Other | None]:
    """Solved with a step more, and with a step less where that can be."""
    more = Other(Problem(variants.more(lever.path, lever.what.step), like=base.problem), base)
    try:
        less = Problem(variants.more(lever.path, -lever.what.step), like=base.problem)
    except InputError:
        return more, None
    return more, Other(less, base)


def _with_steps(worth: Worth, solved: tuple[Other, Other | None] | None, base: Base) -> Worth:
    if solved is None:
        return worth
    more, less = solved
    back = None if less is None else less.difference(base).turned()
    return replace(worth, step_more=more.difference(base), step_less=back)


def _local(lever: Lever, variants: Variants, fixed: FixedPlan) -> tuple[float, float, Floats]:
    """What a little more earns and a little less costs, per unit, and the former by step."""
    nothing = np.zeros(fixed.problem.scenario.horizon.steps)
    if not lever.what.in_bits:
        return np.nan, np.nan, nothing
    in_whole = variants.moves_in_whole(lever.path)
    by = 1.0 if in_whole else abs(lever.what.step) * SMALL

    def side(by: float) -> Slope | None:
        return slope(fixed, Problem(variants.more(lever.path, by), like=fixed.problem), by, is_small=not in_whole)

    more = side(by)
    try:
        less = side(-by)
        down = math.inf if less is None else less.total
    except InputError:
        down = np.nan
    if more is None:
        return np.nan, down, nothing
    return more.total, down, more.by_step


def _users(
    lever: Lever, variants: Variants, base: Base, solved: dict[str, tuple[Other, Other | None]]
) -> Iterator[Users]:
    """Who would use a step more: with the whole decisions as planned, and re-optimised where that was solved."""
    if lever.what.unit != "MW":
        return
    other = solved[lever.path][0] if lever.path in solved else None
    moved = Problem(variants.more(lever.path, lever.what.step), like=base.problem) if other is None else other.problem
    if moved.arrays.matrix.shape == base.problem.arrays.matrix.shape:
        optimum = base.fixed.solved(moved.arrays)
        if optimum is not None:
            yield Users(lever, LOCAL, _change(base.problem, base.fixed.base.values, moved, optimum.values))
    if other is not None and other.outcome.values is not None:
        yield Users(lever, REOPTIMISED, _change(base.problem, base.values, moved, other.outcome.values))


def _change(one: Problem, before: Floats, other: Problem, after: Floats) -> dict[str, Floats]:
    old, new = Powers(one).of(before), Powers(other).of(after)
    return {label: new[label] - old[label] for label in old}
