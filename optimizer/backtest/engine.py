"""Takes the decisions of the past again, one after the other: what was known, the schedule, what came of it.

Every ``FRESH_EVERY`` windows the solver forgets what it has learnt from those before, so that a run that goes on from a
checkpoint there comes to the very same decisions as one that was never stopped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer import __version__
from optimizer.backtest.checkpoint import Checkpoint, digest_of, packed, unpacked
from optimizer.backtest.execution import Deviation, Execution
from optimizer.backtest.policies import Policy
from optimizer.backtest.reading import Case
from optimizer.backtest.record import Decision
from optimizer.backtest.settlement import Done
from optimizer.backtest.workshop import Workshop
from optimizer.errors import InputError, OptimizerError
from optimizer.horizon import step_length
from optimizer.rebasing import window, without_values

log = logging.getLogger(__name__)
FRESH_EVERY = 10


class WindowFailedError(OptimizerError):
    """A window of a backtest in which there was no decision, or one that could not be carried out."""

    exit_code = 3


@dataclass(frozen=True)
class Window:
    """What was decided, done and earned in one window."""

    number: int
    first: int
    """First step in the record."""
    steps: int
    """Steps carried out."""
    expected_profit: float
    """Of the whole window, when it was decided."""
    done: Done
    money: dict[str, float]
    carry: dict[str, Any]
    is_on: dict[str, bool]
    deviations: tuple[Deviation, ...]
    expected: dict[str, NDArray[np.float64]]
    """What the schedule took each column to be in the steps carried out."""
    facts: dict[str, Any]
    seconds: dict[str, float]
    """Wall time by phase: ``forecast`` and planning (``decide``), ``carry_out``; and ``highs``, its part in HiGHS."""

    def to_json(self) -> dict[str, Any]:
        """As a line of a checkpoint."""
        arrays = {
            name: {"values": packed(values), "steps": packed(self.done.steps_of[name])}
            for name, values in self.done.values.items()
        }
        plain = {
            name: getattr(self, name)
            for name in ("number", "first", "steps", "expected_profit", "money", "carry", "is_on", "facts", "seconds")
        }
        expected = {name: packed(values) for name, values in self.expected.items()}
        deviations = [asdict(each) for each in self.deviations]
        return plain | {"done": arrays, "deviations": deviations, "expected": expected}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Window:
        """The window of a line."""
        arrays = entry.pop("done")
        done = Done(
            entry["first"],
            entry["steps"],
            {name: unpacked(each["values"]) for name, each in arrays.items()},
            {name: unpacked(each["steps"]) for name, each in arrays.items()},
        )
        deviations = tuple(Deviation(**each) for each in entry.pop("deviations"))
        expected = {name: unpacked(each) for name, each in entry.pop("expected").items()}
        return cls(done=done, deviations=deviations, expected=expected, **entry)


def decision_steps(case: Case) -> list[tuple[int, int]]:
    """First step in the record, and steps carried out, of each decision."""
    horizon = case.record.scenario.horizon
    end = horizon.steps
    every = case.settings.every
    if every == "1d":
        days = horizon.period_codes("day")
        firsts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist()]
    else:
        steps, rest = divmod(step_length(every), horizon.step_length)
        if rest or steps < 1:
            message = f"found {every}; must be a whole number of the scenario's steps of {horizon.step}"
            raise InputError([_problem("backtest.every", message)])
        firsts = list(range(0, end, steps))
    sizes = np.diff([*firsts, end]).tolist()
    longest = max(sizes)
    if longest > case.window_steps:
        message = f"found {every}: {longest} steps are carried out, but only {case.window_steps} planned"
        raise InputError([_problem("backtest.every", message, hint="make horizon.steps longer")])
    return list(zip(firsts, sizes, strict=True))


def _problem(path: str, message: str, hint: str | None = None) -> Any:
    from optimizer.errors import Problem

    return Problem(path, message, hint=hint)


def run_policy(
    case: Case,
    policy: Policy,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[Window, int], None] | None = None,
) -> list[Window]:
    """All windows of a policy; those in the checkpoint are not done again.

    ``progress`` is called with each new window and the number of all. Raises WindowFailedError, naming the window and
    the reason; what was done before stays in the checkpoint.
    """
    plan = decision_steps(case)
    windows = _resumed(checkpoint)
    runner = _Runner(case, policy)
    for number, (first, steps) in enumerate(plan):
        if number < len(windows):
            continue
        if number % FRESH_EVERY == 0:
            runner.workshop.forget()
        found = runner.window(number, first, steps, windows[-1] if windows else None)
        windows.append(found)
        if checkpoint is not None:
            if number == 0:  # not before: a case that is refused in its first window leaves nothing to be gone on from
                checkpoint.start()
            checkpoint.append(found.to_json())
        if progress is not None:
            progress(found, len(plan))
    return windows


def _resumed(checkpoint: Checkpoint | None) -> list[Window]:
    """Windows done before, up to the last at which the solver forgets."""
    if checkpoint is None:
        return []
    entries = checkpoint.read()
    fresh = len(entries) // FRESH_EVERY * FRESH_EVERY
    if 0 < fresh < len(entries):
        checkpoint.cut(fresh)
    return [Window.from_json(entry) for entry in entries[:fresh]]


class _Runner:
    """One policy on its way through the record."""

    def __init__(self, case: Case, policy: Policy) -> None:
        self.case, self.policy = case, policy
        self.workshop = Workshop()
        self.execution = Execution(case.record, self.workshop)
        self.blank = without_values(case.record.scenario)
        self.forecaster = case.forecaster()

    def window(self, number: int, first: int, steps: int, before: Window | None) -> Window:
        """Decide and carry out one window."""
        record = self.case.record
        ahead = min(self.case.window_steps, record.scenario.horizon.steps - first)
        horizon = window(record.scenario, first, ahead)
        state = before.carry if before is not None else _initial(record.scenario)
        started, highs_before = time.perf_counter(), self.workshop.highs_s
        try:
            known = record.history.at(horizon.start_utc)
            decision = Decision(number, steps, horizon, known, self.blank, state, self.forecaster, self.case.settings)
            schedule = self.policy.decide(decision, self.workshop)
            decided = time.perf_counter()
            executed = self.execution.carried_out(
                decision,
                first,
                schedule,
                recourse=self.policy.recourse,
                switching=self.policy.switch(),
                was_on=before.is_on if before is not None else None,
            )
        except OptimizerError as error:
            if isinstance(error, InputError) and number == 0:
                raise  # of the case, not of this window: a history too short, a forecast that a field refuses
            when = horizon.describe(horizon.start_utc)
            raise WindowFailedError(f"{self.policy.name}: window {number}, from {when}: {error}") from error
        seconds = {
            "decide": decided - started,
            "carry_out": time.perf_counter() - decided,
            "highs": self.workshop.highs_s - highs_before,
        }
        return Window(
            number,
            first,
            steps,
            schedule.expected_profit,
            Done.of(first, steps, executed),
            executed.money,
            executed.carry,
            executed.is_on,
            executed.deviations,
            {".".join(column): values[:steps].copy() for column, values in schedule.expected.items()},
            dict(schedule.facts),
            seconds,
        )


def _initial(scenario: Any) -> dict[str, Any] | None:
    return None if scenario.carry is None else scenario.carry.model_dump(mode="json")


def digests(case: Case, policy: Policy) -> dict[str, str]:
    """What a policy's windows depend on."""
    scenario, record = case.record.scenario, case.record
    # a run that had too little time for the whole goes on with more, from the windows it has
    written = scenario.model_dump_json(exclude={"data": True, "backtest": {"whole_time_limit_s"}})
    values = [record.history.raw(name).tobytes() for name in record.history.names]
    return {
        "scenario": digest_of(written, str(case.window_steps)),
        "data": digest_of(*record.history.names, *values),
        "policy": digest_of(repr(policy)),
        "version": __version__,
    }
