"""Carries a schedule out: what is set is set where that can be, the rest follows from what really happens.

The window is solved again with the realised values in the steps that are carried out, and with what was expected in
those after. What the schedule sets is fixed. Where that cannot be (less demand than machines were meant for, a hall too
hot), as little as possible is changed, first in what can be set at once, and every difference is booked.

With recourse, what can be set ``now`` is decided again step by step, each time with the values of that step and of
those before, and with what is expected of those after, forecast anew: nothing later is in the problem that is solved.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.backtest.nearest_plan import held, nearest
from optimizer.backtest.present import with_states_of_idle
from optimizer.backtest.record import Decision, Record
from optimizer.backtest.recourse import forecast_after, set_now
from optimizer.backtest.schedules import Schedule, Scheduled, scheduled_in, steps_of
from optimizer.backtest.workshop import ONE_MEMBER, Workshop
from optimizer.errors import InputError, NoPlanError
from optimizer.errors import Problem as Refused
from optimizer.highs import Outcome
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.rebasing import Column
from optimizer.scenario import Scenario

Floats = NDArray[np.float64]
Switching = Callable[[bool, float, float], bool]
"""Whether what mines is on in a step: was it on in the step before, the price per MWh seen, the break-even price."""
NOTICED = 1e-6
"""Differences from the schedule below this, relative to the largest value of the variable, are rounding."""


@dataclass(frozen=True)
class Deviation:
    """Something that could not be carried out as scheduled."""

    variable: str
    step: int
    planned: float
    done: float


@dataclass(frozen=True)
class Executed:
    """What was done in the steps that were carried out."""

    values: dict[str, Floats]
    """Scheduled variables over the whole window, in their shapes; those of the steps carried out are what was done."""
    steps_of: dict[str, NDArray[np.int64]]
    """Step of each position of their last index."""
    carry: dict[str, Any]
    """States at the end of the last step carried out."""
    money: dict[str, float]
    """Money by ledger line that the window's ledger books in the steps carried out; what runs on beyond them (a
    month's peak) is booked where it ends, so that only the settlement of the whole is exact."""
    deviations: tuple[Deviation, ...]
    is_on: dict[str, bool]
    """What mined in the last step carried out, by component; empty where no rule switches it."""
    highs_s: float


class Execution:
    """Carries out schedules against one record."""

    def __init__(self, record: Record, workshop: Workshop) -> None:
        self.record, self.workshop = record, workshop

    def carried_out(
        self,
        decision: Decision,
        first: int,
        schedule: Schedule,
        *,
        recourse: bool,
        switching: Switching | None = None,
        was_on: Mapping[str, bool] | None = None,
    ) -> Executed:
        """Carry out the first steps of a schedule; ``first`` is the window's first step in the record.

        ``was_on``: what mined in the step before, by component (all, where nothing is said).
        """
        actual = self.record.actual(first, decision.horizon.steps)
        targets = {name: values.copy() for name, values in schedule.targets.items()}
        deviations: dict[tuple[str, int], Deviation] = {}
        highs_s = 0.0
        problem = self._problem(decision, schedule.expected, actual, decision.steps)
        _check_targets(targets, problem)
        is_on: dict[str, bool] = dict(was_on or {})
        switched: set[str] = set()
        if switching is not None:
            is_on, switched = _switched(problem, targets, switching, is_on, decision.steps)
        expected = dict(schedule.expected)
        for step in range(decision.steps) if recourse else ():
            highs_s += self._react(decision, first, schedule, actual, expected, targets, step, switched, deviations)
        if recourse:
            problem = self._problem(decision, expected, actual, decision.steps)
        # what is set now was only thought of for the steps after these: they are decided by the window that follows
        free_after = switched if recourse else None
        outcome, changed = self._follow(problem, targets, decision.steps, free_after, breaking_ties=True)
        _note(deviations, changed, decision.steps, up_to=decision.steps)
        plan = problem.plan_of(outcome)
        done = {found.name: _values(outcome)[found.columns] for found in scheduled_in(problem)}
        places = {found.name: found.steps for found in scheduled_in(problem)}
        money = _money(plan, decision.steps)
        # states are counted by the contracts' own terms, not by those with which the window was weighed
        counted = self._scenario(decision, expected, actual, decision.steps)
        carry = with_states_of_idle(plan.carry_at(decision.steps, terms=counted), decision.state)
        return Executed(done, places, carry, money, tuple(deviations.values()), is_on, highs_s + outcome.seconds)

    def _react(
        self,
        decision: Decision,
        first: int,
        schedule: Schedule,
        actual: dict[Column, Floats],
        expected: dict[Column, Floats],
        targets: dict[str, Floats],
        step: int,
        switched: set[str],
        deviations: dict[tuple[str, int], Deviation],
    ) -> float:
        """Set what can be set now in a step that has come; changes what is expected, the targets and the deviations.
        Returns the time in HiGHS."""
        look = schedule.look_ahead
        few = None if look is None else look.members
        ahead = forecast_after(decision, self.record, first, step, few) if decision.settings.reissue else None
        if ahead is not None:
            for column, mean in ahead.mean.items():
                expected[column] = np.concatenate([expected[column][: step + 1], mean])
            if look is not None and len(ahead.probabilities) > 1:
                seen = {column: values[: step + 1] for column, values in actual.items()}
                before = self.workshop.highs_s
                chosen = set_now(decision, self.record, seen, ahead, look, targets, switched, self.workshop)
                if chosen is not None:
                    targets |= chosen
                    return self.workshop.highs_s - before
        problem = self._problem(decision, expected, actual, step + 1)
        outcome, changed = self._follow(problem, targets, step, switched)
        _note(deviations, changed, decision.steps, up_to=step + 1)
        self._take(problem, outcome, targets, step)
        return outcome.seconds

    def _problem(
        self, decision: Decision, expected: Mapping[Column, Floats], actual: dict[Column, Floats], seen: int
    ) -> Problem:
        """The window with ``seen`` steps as they happened and the rest as expected."""
        scenario = self._scenario(decision, expected, actual, seen)
        return self.workshop.problem(ONE_MEMBER, decision.as_weighed(scenario))

    def _scenario(
        self, decision: Decision, expected: Mapping[Column, Floats], actual: dict[Column, Floats], seen: int
    ) -> Scenario:
        columns = {
            column: np.concatenate([values[:seen], expected[column][seen:]]) for column, values in actual.items()
        }
        return decision.window_of(self.record.scenario, columns)

    def _follow(
        self,
        problem: Problem,
        targets: Mapping[str, Floats],
        step: int,
        switched: Container[str] | None = None,
        *,
        breaking_ties: bool = False,
    ) -> tuple[Outcome, list[Deviation]]:
        """Solve with everything set; with ``switched``, all but what is set now from ``step`` on and is not in it."""
        fixed = []
        for found in scheduled_in(problem):
            is_free = switched is not None and found.when == "now" and found.name not in switched
            where = np.broadcast_to((found.steps < step) | (not is_free), found.columns.shape)
            fixed.append((found, where))
        columns = np.concatenate([found.columns[where] for found, where in fixed] or [np.zeros(0, np.int64)])
        wanted = np.concatenate([targets[found.name][where] for found, where in fixed] or [np.zeros(0)])
        arrays = problem.arrays
        if switched is not None and not breaking_ties:  # until all is done any of equally good ways will do
            arrays = replace(arrays, least=None)
        outcome = self.workshop.solved(problem, held(arrays, columns, wanted), "as set")
        if outcome.values is not None:
            return outcome, _differences(fixed, wanted, outcome.values[columns])
        ahead = np.concatenate([np.full(int(where.sum()), found.when == "ahead") for found, where in fixed])
        close = self.workshop.solved(problem, nearest(arrays, columns, wanted, ahead))
        if close.values is None:
            raise NoPlanError(
                f"nothing that can be done meets all limits in the window from {problem.scenario.horizon.start}"
            )
        possible = np.clip(close.values[columns], arrays.col_lower[columns], arrays.col_upper[columns])
        possible = np.where(arrays.integer[columns], np.round(possible), possible)
        outcome = self.workshop.solved(problem, held(arrays, columns, possible, slack=NOTICED))
        if outcome.values is None:
            raise NoPlanError("what was changed as little as possible cannot be carried out either")
        return outcome, _differences(fixed, wanted, possible)

    def _take(self, problem: Problem, outcome: Outcome, targets: dict[str, Floats], step: int) -> None:
        """Set what can be set now, in the step that has come and, for the time being, in those after it."""
        for found in scheduled_in(problem):
            if found.when == "now":
                here = found.steps >= step
                targets[found.name][..., here] = _values(outcome)[found.columns][..., here]


def _check_targets(targets: Mapping[str, Floats], problem: Problem) -> None:
    """Raises InputError where a policy says nothing of what is to be set, or in another shape."""
    problems = [
        Refused(
            found.name,
            "the policy does not say what this is to be"
            if found.name not in targets
            else f"the policy gives values of shape {targets[found.name].shape}",
            allowed=f"an array of shape {found.columns.shape}",
        )
        for found in scheduled_in(problem)
        if found.name not in targets or targets[found.name].shape != found.columns.shape
    ]
    if problems:
        raise InputError(problems)


def _switched(
    problem: Problem, targets: dict[str, Floats], switching: Switching, was_on: dict[str, bool], steps: int
) -> tuple[dict[str, bool], set[str]]:
    """Set what a rule switches, step by step: it is told the prices of each step as the step comes. Returns what is on
    at the end, by component, and the variables set."""
    is_on, switched = dict(was_on), set()
    for label, part in problem.parts.components.items():
        switch = part.component.switch(part.block, part.frame)
        if switch is None:
            continue
        variable, price = switch.variable, part.frame.lowest_buy_price[0]
        chosen = targets[variable.name].copy()
        at = steps_of(variable, chosen.shape[-1])
        for step in range(steps):
            is_on[label] = switching(
                is_on.get(label, True), float(price[step]), float(switch.break_even_per_mwh[0, step])
            )
            chosen[..., at == step] = switch.on[..., at == step] if is_on[label] else 0.0
        targets[variable.name] = chosen
        switched.add(variable.name)
    return is_on, switched


def _differences(fixed: list[tuple[Scheduled, NDArray[np.bool_]]], wanted: Floats, possible: Floats) -> list[Deviation]:
    found, start = [], 0
    for scheduled, where in fixed:
        count = int(where.sum())
        steps = np.broadcast_to(scheduled.steps, where.shape)[where]
        planned, done = wanted[start : start + count], possible[start : start + count]
        scale = max(1.0, float(np.abs(planned).max(initial=0.0)))
        for at in np.flatnonzero(np.abs(planned - done) > NOTICED * scale):
            found.append(Deviation(scheduled.name, int(steps[at]), float(planned[at]), float(done[at])))
        start += count
    return found


def _note(known: dict[tuple[str, int], Deviation], found: list[Deviation], steps: int, up_to: int) -> None:
    """Keep the differences of the steps that were carried out: the first that was noticed of each."""
    for deviation in found:
        if deviation.step < min(steps, up_to):
            known.setdefault((deviation.variable, deviation.step), deviation)


def _values(outcome: Outcome) -> Floats:
    assert outcome.values is not None
    return outcome.values


def _money(plan: Plan, steps: int) -> dict[str, float]:
    lines: dict[str, float] = {}
    for (_, line), amount in plan.money.items():
        lines[line] = lines.get(line, 0.0) + float(amount[:, :steps].sum())
    return lines
