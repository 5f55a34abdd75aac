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
from optimizer.backtest.site_groups import Group, case_of, groups_for, together
from optimizer.backtest.watching import Step, Watched, watched
from optimizer.errors import InputError, OptimizerError, Problem
from optimizer.highs import Outcome
from optimizer.parallel import Done, run_tasks
from optimizer.problem import Problem as Compiled

if TYPE_CHECKING:
    from optimizer.backtest.settings import BacktestSettings

log = logging.getLogger(__name__)
CHECKPOINTS = "checkpoints"
Solved = tuple[Outcome | None, list[Window]]
"""A solution over the whole time (None of some sites alone), and the windows that led to it."""


def backtest(
    scenario: str | Path,
    start: str | None = None,
    end: str | None = None,
    *,
    policies: Sequence[str | Policy] | None = None,
    history: Mapping[str, str | Path] | None = None,
    overrides: Sequence[str] = (),
    carry: str | Path | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    progress: Callable[[Step], None] | None = None,
) -> Backtest:
    """Take the decisions between two local times again, policy by policy, and settle them on what happened.

    ``policies``: names, or objects with the methods of :class:`~optimizer.backtest.policies.Policy`; by default those
    of the scenario's section ``backtest``. Always on and perfect foresight, the ends of the scale, are always there.
    ``history`` gives files in place of data sources, ``carry`` the states at the start. With ``out`` every window is
    kept there, and a run that was stopped goes on where it was; results are written there. With ``jobs`` policies run
    in processes of their own (``progress`` is then called from a thread that reads along what is kept, and without
    ``out`` when one is through).

    Raises InputError for everything that is wrong before a window is decided, and for checkpoints of another case. A
    policy that fails in a window ends there: it is in ``failures`` with the reason, and the others go on.
    """
    case = read_case(scenario, start, end, history=history, overrides=overrides, carry=carry)
    (found,) = run_cases([case], [None if out is None else Path(out)], policies, jobs=jobs, progress=progress)
    return found


def run_cases(
    cases: Sequence[Case],
    folders: Sequence[Path | None],
    policies: Sequence[str | Policy] | None,
    *,
    labels: Sequence[str] = ("",),
    jobs: int = 1,
    progress: Callable[[Step], None] | None = None,
) -> list[Backtest]:
    """Backtests of several cases, each policy of each a task of its own; results are written to the cases' folders.

    ``labels`` tell them apart in the progress. Raises InputError as :func:`backtest` does.
    """
    chosen = [(chosen_policies(case, policies), len(decision_steps(case))) for case in cases]  # all is refused here
    tasks: list[_Task] = []
    for number, ((own, windows), folder, label) in enumerate(zip(chosen, folders, labels, strict=True)):
        kept_in = None if folder is None else _prepared(folder) / CHECKPOINTS
        for policy in own:
            groups = groups_for(cases[number], policy)
            tasks += [_Task(number, policy, kept_in, windows, label, group, len(groups)) for group in groups]
        tasks.append(_Task(number, None, kept_in, windows, label))
    problems = [Compiled(case.record.scenario) for case in cases]
    results = [Backtest(case, Booking.of(problem)) for case, problem in zip(cases, problems, strict=True)]
    given = _Given(list(cases), *((progress, problems) if jobs == 1 else (None, None)))
    with (
        _read_along(tasks, progress if jobs > 1 else None),
        closing(run_tasks(tasks, _worker, given, jobs=min(jobs, len(tasks)))) as running,
    ):
        gathered: dict[tuple[int, str], dict[int, list[Window]]] = {}
        for done in running:
            task = tasks[done.number]
            result = results[task.case]
            try:
                outcome, windows_done = _result_of(done)
                if outcome is None:
                    by_group = gathered.setdefault((task.case, task.name), {})
                    by_group[done.number] = windows_done
                    if len(by_group) < task.groups:
                        continue
                    by_sites = {tasks[number].group: by_group[number] for number in sorted(by_group)}
                    windows_done = together(result.case, by_sites)
                    outcome = _settled(problems[task.case], windows_done)
                plan = problems[task.case].plan_of(outcome)
            except InputError:
                raise
            except OptimizerError as error:
                log.error("%s: %s", task.shown, error)
                result.failures[task.name] = str(error)
                continue
            result.plans[task.name] = plan
            if task.policy is not None:
                result.windows[task.name] = windows_done
            if progress is not None and jobs > 1 and task.folder is None:
                progress(Step(task.shown, len(windows_done), len(windows_done), plan.expected_profit))
    for number, (result, folder) in enumerate(zip(results, folders, strict=True)):
        names = dict.fromkeys(task.name for task in tasks if task.case == number)
        result.plans = {name: result.plans[name] for name in names if name in result.plans}
        if folder is not None:
            result.save(folder)
    return results


def _result_of(done: Done[Solved]) -> Solved:
    """What a task has found; raises what it failed with."""
    if done.error is not None:
        raise done.error
    assert done.result is not None
    return done.result


def _settled(problem: Compiled, windows: list[Window]) -> Outcome:
    """What was done, as a solution over the whole time that another process can read (HiGHS's own objects stay)."""
    return _plain(settled(problem, [window.done for window in windows]))


def _prepared(folder: Path) -> Path:
    """The folder of results, made. Raises InputError where nothing can be written there, before anything is decided."""
    try:
        (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"results cannot be written there: {error.strerror}"
        raise InputError([Problem("", message, file=str(folder))]) from error
    return folder


def _read_along(tasks: Sequence[_Task], progress: Callable[[Step], None] | None) -> AbstractContextManager[None]:
    """Progress of policies in other processes, from what they keep; nothing without either."""
    files = [
        Watched(task.shown, task.folder / task.file, task.windows)
        for task in tasks
        if task.folder is not None and task.policy is not None
    ]
    return nullcontext() if progress is None or not files else watched(files, progress)


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
class _Task:
    """One policy of one case, or perfect foresight."""

    case: int
    """Number of the case."""
    policy: Policy | None
    """None: perfect foresight."""
    folder: Path | None
    """Folder of its checkpoint."""
    windows: int
    """Windows in all."""
    label: str
    """What the case is called in the progress; nothing where there is only one."""
    group: Group = ()
    """Sites that it decides for."""
    groups: int = 1
    """Groups of sites in all."""

    @property
    def name(self) -> str:
        return FORESIGHT if self.policy is None else self.policy.name

    @property
    def file(self) -> str:
        """Name of its checkpoint: of one of several groups, with that of its first site."""
        return f"{self.name}.jsonl" if self.groups == 1 else f"{self.name}@{self.group[0]}.jsonl"

    @property
    def shown(self) -> str:
        """Its name in the progress."""
        sites = "" if self.groups == 1 else f" {'+'.join(self.group)}"
        return f"{self.name}{sites} {self.label}".strip()


@dataclass(frozen=True)
class _Given:
    cases: list[Case]
    progress: Callable[[Step], None] | None
    problems: list[Compiled] | None
    """The problems over the whole time, for work in this process."""


def _worker(given: _Given) -> Callable[[_Task], Solved]:
    """What does one task: a solution over the whole time, which another process can read (a plan holds what it
    cannot)."""
    compiled: dict[int, Compiled] = dict(enumerate(given.problems or []))

    def whole(case: int) -> Compiled:
        if case not in compiled:
            compiled[case] = Compiled(given.cases[case].record.scenario)
        return compiled[case]

    def run(task: _Task) -> Solved:
        case = given.cases[task.case]
        if task.policy is None:
            return _plain(foreseen(whole(task.case))), []
        case = case_of(case, task.group)
        policy, checkpoint = task.policy, None
        if task.folder is not None:
            checkpoint = Checkpoint(task.folder / task.file, digests(case, policy))
        money = 0.0

        def told(window: Window, total: int) -> None:
            nonlocal money
            money += sum(window.money.values())
            if given.progress is not None:
                given.progress(Step(task.shown, window.number + 1, total, money))

        windows = run_policy(case, policy, checkpoint, told)
        return (None if task.groups > 1 else _settled(whole(task.case), windows)), windows

    return run


def _plain(outcome: Outcome) -> Outcome:
    """Without HiGHS's own objects, which stay in the process."""
    outcome.linear = None
    return outcome
