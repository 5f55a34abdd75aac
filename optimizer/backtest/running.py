"""Runs a backtest: all policies, side by side in processes where that is asked for, each kept window by window."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optimizer.backtest.checkpoint import Checkpoint
from optimizer.backtest.engine import Window, decision_steps, digests, run_policy
from optimizer.backtest.measures import Booking
from optimizer.backtest.policies import FORESIGHT, Policy, by_name
from optimizer.backtest.reading import Case, read_case
from optimizer.backtest.result import BASELINE, Backtest
from optimizer.backtest.settlement import foreseen, settled
from optimizer.backtest.watching import Step, Watched, watched
from optimizer.errors import InputError, OptimizerError, Problem
from optimizer.highs import Outcome
from optimizer.parallel import Done, run_tasks
from optimizer.plan import Plan
from optimizer.problem import Problem as Compiled

if TYPE_CHECKING:
    from optimizer.backtest.settings import BacktestSettings

log = logging.getLogger(__name__)
CHECKPOINTS = "checkpoints"
Solved = tuple[Outcome, list[Window]]


def backtest(
    scenario: str | Path,
    start: str | None = None,
    end: str | None = None,
    *,
    policies: Sequence[str | Policy] | None = None,
    history: Mapping[str, str | Path] | None = None,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    jobs: int = 1,
    progress: Callable[[Step], None] | None = None,
) -> Backtest:
    """Take the decisions between two local times again, policy by policy, and settle them on what happened.

    ``policies``: names, or objects with the methods of :class:`~optimizer.backtest.policies.Policy`; by default those
    of the scenario's section ``backtest``. Always on and perfect foresight, the ends of the scale, are always there.
    ``history`` gives files in place of data sources. With ``out`` every window is kept there, and a run that was
    stopped goes on where it was; results are written there. With ``jobs`` policies run in processes of their own
    (``progress`` is then called from a thread that reads along what is kept, and without ``out`` when one is through).

    Raises InputError for everything that is wrong before a window is decided, and for checkpoints of another case. A
    policy that fails in a window ends there: it is in ``failures`` with the reason, and the others go on.
    """
    case = read_case(scenario, start, end, history=history, overrides=overrides)
    chosen = chosen_policies(case, policies)
    windows_in_all = len(decision_steps(case))
    folder = None if out is None else _prepared(Path(out))
    problem = Compiled(case.record.scenario)
    result = Backtest(case, Booking.of(problem))
    kept_in = None if folder is None else folder / CHECKPOINTS
    given = _Given(case, chosen, kept_in, *((progress, problem) if jobs == 1 else (None, None)))
    names = [policy.name for policy in chosen] + [FORESIGHT]
    with (
        _read_along(given, windows_in_all, progress if jobs > 1 else None),
        closing(run_tasks(range(len(names)), _worker, given, jobs=min(jobs, len(names)))) as tasks,
    ):
        for done in tasks:
            name = names[done.number]
            try:
                plan, windows = _plan_of(done, problem)
            except InputError:
                raise
            except OptimizerError as error:
                log.error("%s", error)
                result.failures[name] = str(error)
                continue
            result.plans[name] = plan
            if name != FORESIGHT:
                result.windows[name] = windows
            if progress is not None and jobs > 1 and folder is None:
                progress(Step(name, len(windows), len(windows), plan.expected_profit))
    result.plans = {name: result.plans[name] for name in names if name in result.plans}
    if folder is not None:
        result.save(folder)
    return result


def _plan_of(done: Done[Solved], problem: Compiled) -> tuple[Plan, list[Window]]:
    """The audited plan of a policy; raises what it failed with."""
    if done.error is not None:
        raise done.error
    assert done.result is not None
    outcome, windows = done.result
    return problem.plan_of(outcome), windows


def _prepared(folder: Path) -> Path:
    """The folder of results, made. Raises InputError where nothing can be written there, before anything is decided."""
    try:
        (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"results cannot be written there: {error.strerror}"
        raise InputError([Problem("", message, file=str(folder))]) from error
    return folder


def _read_along(given: _Given, windows: int, progress: Callable[[Step], None] | None) -> AbstractContextManager[None]:
    """Progress of policies in other processes, from what they keep; nothing without either."""
    if progress is None or given.folder is None:
        return nullcontext()
    return watched(
        [Watched(policy.name, given.folder / f"{policy.name}.jsonl", windows) for policy in given.policies], progress
    )


def chosen_policies(case: Case, policies: Sequence[str | Policy] | None) -> list[Policy]:
    """The policies asked for and the baseline, each once. Raises InputError for names that are not known."""
    settings: BacktestSettings = case.settings
    wanted = list(settings.policies if policies is None else policies)
    names = [each if isinstance(each, str) else each.name for each in wanted]
    if BASELINE not in names:
        wanted.append(BASELINE)
    problems, found = [], []
    for each in wanted:
        if each == FORESIGHT:
            continue
        try:
            found.append(by_name(each, settings, case.record.scenario.risk) if isinstance(each, str) else each)
        except InputError as error:
            problems += error.problems
    twice = {policy.name for policy in found if sum(other.name == policy.name for other in found) > 1}
    problems += [Problem("policy", "is named twice", name) for name in sorted(twice)]
    if problems:
        raise InputError(problems)
    return found


@dataclass(frozen=True)
class _Given:
    case: Case
    policies: list[Policy]
    folder: Path | None
    progress: Callable[[Step], None] | None
    problem: Compiled | None
    """The problem over the whole time, for work in this process."""


def _worker(given: _Given) -> Callable[[int], Solved]:
    """What does one policy, or perfect foresight, by its number: a solution over the whole time, which another process
    can read (a plan holds what it cannot)."""
    problem = given.problem or Compiled(given.case.record.scenario)

    def run(number: int) -> Solved:
        if number == len(given.policies):
            return _plain(foreseen(problem)), []
        policy = given.policies[number]
        checkpoint = None
        if given.folder is not None:
            checkpoint = Checkpoint(given.folder / f"{policy.name}.jsonl", digests(given.case, policy))
        money = 0.0

        def told(window: Window, total: int) -> None:
            nonlocal money
            money += sum(window.money.values())
            if given.progress is not None:
                given.progress(Step(policy.name, window.number + 1, total, money))

        windows = run_policy(given.case, policy, checkpoint, told)
        return _plain(settled(problem, [window.done for window in windows])), windows

    return run


def _plain(outcome: Outcome) -> Outcome:
    """Without HiGHS's own objects, which stay in the process."""
    outcome.linear = None
    return outcome
