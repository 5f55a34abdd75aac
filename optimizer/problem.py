"""A scenario made ready to solve: its arrays, its Pyomo model, and the way from a solution to a plan."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays, Compiled
from optimizer.errors import NoPlanError
from optimizer.highs import Outcome, Progress
from optimizer.infeasibility import explain as refusal
from optimizer.kept import Kept
from optimizer.marginals import Marginals, asked_for, duals_of, marginal_sections
from optimizer.memory_estimate import check_memory
from optimizer.model import build_model, light_model
from optimizer.ordinary import OrdinaryRoad
from optimizer.parts import Parts, place
from optimizer.plan import Plan
from optimizer.plan_before import decided_before, moved_by
from optimizer.rebinding import UNTRACEABLE, LightCompiled
from optimizer.results import Money, money_of, schedule_of
from optimizer.scenario import Scenario
from optimizer.schedule import Schedule
from optimizer.solving import Memory, find_plan
from optimizer.stopped_early import without_plan
from optimizer.summary import summarise

if TYPE_CHECKING:
    from optimizer.explanation.explanation import Explanation

log = logging.getLogger(__name__)
MOST_COLUMNS_ANEW = 200_000
"""Columns up to which a linear program is solved once more only for figures of the summary."""


class Problem:
    """A compiled scenario. ``model`` is the same problem as an ordinary Pyomo model, made when first asked for.

    Once ``model`` has been asked for, :meth:`solve` solves that model, with whatever the user has added to or changed
    in it.
    """

    def __init__(self, scenario: Scenario, *, like: Problem | None = None) -> None:
        """``like``: a problem of the same structure. What was evaluated of it is taken over where its inputs are the
        same, and its solves have left something for this one's. Raises InputError for a scenario that will not fit into
        the free memory, TypeError for what is no scenario."""
        started = time.perf_counter()
        if not isinstance(scenario, Scenario):
            read = "scenario_from_dict" if isinstance(scenario, Mapping) else "load"
            raise TypeError(f"a Scenario is wanted, not a {type(scenario).__name__}: optimizer.{read}(...) makes one")
        self.scenario = scenario
        check_memory(scenario)
        self.parts, _ = place(scenario)
        self._kept: Kept | None = None
        if like is not None:  # only a problem that is followed by another pays for keeping its parts
            like._kept = self._kept = like._kept or Kept()
        self.compiled = self._compiled()
        self._learnt: Memory = Memory() if like is None else _taught(like, self)
        self.memory: Memory = replace(self._learnt)
        """What the last solve of this problem has left, for those that are like it; it never goes on from its own, so
        that solving it again gives the same plan."""
        self.build_s = time.perf_counter() - started
        self._ordinary: OrdinaryRoad | None = None

    def _compiled(self) -> Compiled:
        try:
            with _collector_resting():
                return LightCompiled(light_model(self.scenario, self.parts), self._kept)
        except UNTRACEABLE as error:
            log.warning(
                "the rules cannot all be read with symbols (%s); Pyomo's templates are used, which is slower", error
            )
            return self._from_templates()

    def _from_templates(self) -> Compiled:
        """The same arrays, with the rules in a Pyomo model of templates; earlier plans keep the parts that they
        have."""
        self.parts, _ = place(self.scenario)
        return Compiled(build_model(self.scenario, self.parts, fast=True))

    @property
    def arrays(self) -> Arrays:
        """Matrix, bounds, costs and integrality as handed to HiGHS."""
        return self.compiled.arrays

    @property
    def model(self) -> Any:
        """The problem as an ordinary Pyomo ``ConcreteModel``, to inspect, to extend, or to give to another solver.

        Components' variables stand at ``model.parts[label]`` and sites' at ``model.sites[name]``, indexed by member
        and step.
        """
        if self._ordinary is None:
            if isinstance(self.compiled, LightCompiled):
                self.compiled = self._from_templates()
            self._ordinary = OrdinaryRoad(self.scenario, self.compiled)
        return self._ordinary.model

    @property
    def is_customised(self) -> bool:
        """Whether :attr:`model` has been asked for, so that it may hold what the arrays do not."""
        return self._ordinary is not None

    def go_on_from(self, memory: Memory) -> None:
        """Let the solves of this problem start from what another's has left (of the same rows and columns)."""
        self._learnt = self.memory = memory

    def solve(
        self,
        progress: Callable[[Progress], None] | None = None,
        *,
        marginals: bool = False,
        explain: bool | None = None,
    ) -> Plan:
        """Solve with HiGHS and return the audited plan; ``marginals`` asks for :attr:`Plan.marginals` in any case.

        ``explain`` says whether the plan can tell its reasons (:attr:`Plan.explanation`); by default that of all but
        the largest plans can. They are worked out when they are asked for, from what the solve has left.

        Raises InfeasibleError or UnboundedError (with the rules that conflict), NoPlanError (stopped at a limit before
        any plan was found) and AuditError (the plan does not stand up to the recomputation).
        """
        started = time.perf_counter()
        arrays = self.arrays if self._ordinary is None else self._ordinary.compile()
        extra_build_s = time.perf_counter() - started
        outcome = self._outcome(arrays, progress)
        if outcome.status in ("infeasible", "unbounded"):
            raise refusal(outcome.status, arrays, self.compiled, self.scenario, self._ordinary)
        if outcome.values is None:
            raise NoPlanError(without_plan(outcome, self.scenario.solver, arrays.size["integers"]))
        if outcome.status == "feasible":
            log.warning(
                "HiGHS stopped (%s) with a plan proven to within %.3g %%", outcome.stopped_by, outcome.gap * 100
            )
        values = outcome.values if self._ordinary is None else self._ordinary.take(outcome.values)
        plan = self._plan(outcome, values, arrays.size, self.build_s + extra_build_s)
        if marginals or (asked_for(self.parts) and self._come_cheap(outcome, arrays)):
            plan.marginals = self._marginals(outcome, arrays)
        if plan.marginals is not None:
            plan.figures |= marginal_sections(self.parts, plan.marginals)
        if explain or (explain is None and arrays.size["columns"] <= MOST_COLUMNS_ANEW):
            solved = self.parts, self.compiled, self._ordinary
            plan._explained = partial(_explained, self.scenario, *solved, outcome, arrays, values)
            if self._ordinary is not None:
                plan.explanation  # noqa: B018  (now: the user may go on changing the model)
        return plan

    def _outcome(self, arrays: Arrays, progress: Callable[[Progress], None] | None) -> Outcome:
        options = self.scenario.solver
        if self._ordinary is not None:
            return find_plan(arrays, options, progress=progress)
        self.memory = replace(self._learnt)
        return find_plan(arrays, options, compiled=self.compiled, memory=self.memory, progress=progress)

    def _come_cheap(self, outcome: Outcome, arrays: Arrays) -> bool:
        """Whether marginal values are there already, or soon: those of a year would take longer than its plan."""
        return outcome.linear is not None or arrays.size["columns"] <= MOST_COLUMNS_ANEW

    def _marginals(self, outcome: Outcome, arrays: Arrays) -> Marginals | None:
        duals = duals_of(outcome, arrays, self.scenario.solver)
        if duals is None:
            return None
        return Marginals(
            self.compiled, self.parts, duals if self._ordinary is None else self._ordinary.take_duals(duals)
        )

    def __repr__(self) -> str:
        size = ", ".join(f"{count:,} {name}" for name, count in self.arrays.size.items())
        return f"<Problem {self.scenario.name!r}: {size}>"

    def _repr_html_(self) -> str:
        from optimizer.notebook import problem_html

        return problem_html(self)

    def plan_of(self, outcome: Outcome) -> Plan:
        """The audited plan of an outcome that was found for this problem's arrays, or for tighter ones."""
        assert outcome.values is not None
        return self._plan(outcome, outcome.values, self.arrays.size, self.build_s)

    def _results(self, values: NDArray[np.float64]) -> tuple[Schedule, Money]:
        schedule = schedule_of(self.scenario, self.parts, self.compiled, values)
        return schedule, money_of(self.parts, self.compiled, values)

    def _plan(self, outcome: Outcome, values: NDArray[np.float64], size: dict[str, int], build_s: float) -> Plan:
        started = time.perf_counter()
        try:
            schedule, money = self._results(values)
        except UNTRACEABLE as error:
            if not isinstance(self.compiled, LightCompiled):
                raise
            log.warning("the results cannot all be read with symbols (%s); Pyomo's templates are used", error)
            self.compiled = self._from_templates()
            schedule, money = self._results(values)
        timing = {"read": self.scenario._read_s, "build": build_s, "solve": outcome.seconds}
        figures, carry = summarise(self.scenario, self.parts, schedule, money, outcome, size, timing)
        timing["results"] = time.perf_counter() - started
        figures["timing_s"] = {name: round(seconds, 6) for name, seconds in timing.items()}
        plan = Plan(self.scenario, schedule, money, figures, "".join(outcome.log_lines), carry)
        plan.check_audit(customised=self._ordinary is not None)
        return plan


def _explained(
    scenario: Scenario,
    parts: Parts,
    compiled: Compiled,
    ordinary: OrdinaryRoad | None,
    outcome: Outcome,
    arrays: Arrays,
    values: NDArray[np.float64],
) -> Explanation | None:
    """The reasons of a plan, from the problem as it was solved, whatever has been asked of it since."""
    from optimizer.explanation.reasons import explain_plan

    duals = duals_of(outcome, arrays, scenario.solver)
    if duals is None:
        return None
    duals = duals if ordinary is None else ordinary.take_duals(duals)
    return explain_plan(scenario, parts, compiled, duals, values)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Python's garbage collector rests: nearly all that a compile makes is there to stay, and to look through it again
    and again takes up to a tenth of the time."""
    if not gc.isenabled():  # somebody else's business
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _taught(by: Problem, problem: Problem) -> Memory:
    """What a problem learns by the one before: its basis, where both have the same rows and columns, and its plan,
    where that is of a window a little earlier."""
    learnt = by.memory
    same = by.arrays.matrix.shape == problem.arrays.matrix.shape
    steps = moved_by(by.scenario.horizon, problem.scenario.horizon)
    before = None
    if steps is not None and learnt.values is not None and len(learnt.values) == len(by.arrays.cost):
        before = decided_before(by.compiled, learnt.values, problem.compiled, steps)
    return replace(learnt if same else Memory(), before=before)


def build(scenario: Scenario, *, like: Problem | None = None) -> Problem:
    """Compile a scenario; ``like`` is a problem of the same structure, to go on from."""
    return Problem(scenario, like=like)


def optimize(
    scenario: Scenario,
    progress: Callable[[Progress], None] | None = None,
    *,
    marginals: bool = False,
    explain: bool | None = None,
) -> Plan:
    """Build and solve a scenario; see :meth:`Problem.solve`."""
    return Problem(scenario).solve(progress, marginals=marginals, explain=explain)
