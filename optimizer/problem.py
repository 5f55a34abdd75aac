"""A scenario made ready to solve: its arrays, its Pyomo model, and the way from a solution to a plan."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays, Compiled
from optimizer.errors import NoPlanError
from optimizer.highs import Outcome, Progress, solve
from optimizer.infeasibility import explain
from optimizer.marginals import Marginals, asked_for, duals_of, marginal_sections
from optimizer.model import build_model
from optimizer.ordinary import OrdinaryRoad
from optimizer.parts import place
from optimizer.plan import Plan
from optimizer.results import dispatch_of, money_of
from optimizer.scenario import Scenario
from optimizer.start_plan import decision_steps, solve_from_start
from optimizer.summary import summarise

log = logging.getLogger(__name__)


class Problem:
    """A compiled scenario. ``model`` is the same problem as an ordinary Pyomo model, made when first asked for.

    Once ``model`` has been asked for, :meth:`solve` solves that model, with whatever the user has added to or changed
    in it.
    """

    def __init__(self, scenario: Scenario) -> None:
        started = time.perf_counter()
        self.scenario = scenario
        self.parts, _ = place(scenario)
        self.compiled = Compiled(build_model(scenario, self.parts, fast=True))
        self.build_s = time.perf_counter() - started
        self._ordinary: OrdinaryRoad | None = None

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
            self._ordinary = OrdinaryRoad(self.scenario, self.compiled)
        return self._ordinary.model

    def solve(self, progress: Callable[[Progress], None] | None = None, *, marginals: bool = False) -> Plan:
        """Solve with HiGHS and return the audited plan; ``marginals`` asks for :attr:`Plan.marginals` in any case.

        Raises InfeasibleError or UnboundedError (with the rules that conflict), NoPlanError (stopped at a limit before
        any plan was found) and AuditError (the plan does not stand up to the recomputation).
        """
        started = time.perf_counter()
        arrays = self.arrays if self._ordinary is None else self._ordinary.compile()
        extra_build_s = time.perf_counter() - started
        outcome = self._outcome(arrays, progress)
        if outcome.status in ("infeasible", "unbounded"):
            raise explain(outcome.status, arrays, self.compiled, self.scenario, self._ordinary)
        if outcome.values is None:
            raise NoPlanError(_no_plan(outcome))
        if outcome.status == "feasible":
            log.warning(
                "HiGHS stopped (%s) with a plan proven to within %.3g %%", outcome.stopped_by, outcome.gap * 100
            )
        values = outcome.values if self._ordinary is None else self._ordinary.take(outcome.values)
        plan = self._plan(outcome, values, arrays.size, self.build_s + extra_build_s)
        if marginals or asked_for(self.parts):
            plan.marginals = self._marginals(outcome, arrays)
        if plan.marginals is not None:
            plan.summary |= marginal_sections(self.parts, plan.marginals)
        return plan

    def _outcome(self, arrays: Arrays, progress: Callable[[Progress], None] | None) -> Outcome:
        options = self.scenario.solver
        if options.start_plan and self._ordinary is None:
            return solve_from_start(arrays, decision_steps(self.compiled), options, progress=progress)
        return solve(arrays, options, progress=progress)

    def _marginals(self, outcome: Outcome, arrays: Arrays) -> Marginals | None:
        duals = duals_of(outcome, arrays, self.scenario.solver)
        if duals is None:
            return None
        return Marginals(
            self.compiled, self.parts, duals if self._ordinary is None else self._ordinary.take_duals(duals)
        )

    def _plan(self, outcome: Outcome, values: NDArray[np.float64], size: dict[str, int], build_s: float) -> Plan:
        started = time.perf_counter()
        dispatch = dispatch_of(self.scenario, self.parts, self.compiled, values)
        money = money_of(self.parts, self.compiled, values)
        timing = {"read": self.scenario._read_s, "build": build_s, "solve": outcome.seconds}
        summary = summarise(self.scenario, self.parts, dispatch, money, outcome, size, timing)
        timing["results"] = time.perf_counter() - started
        summary["timing_s"] = {name: round(seconds, 6) for name, seconds in timing.items()}
        plan = Plan(self.scenario, dispatch, money, summary, "".join(outcome.log_lines))
        plan.check_audit(customised=self._ordinary is not None)
        return plan


def _no_plan(outcome: Outcome) -> str:
    bound = f"; no plan can earn more than {outcome.bound:,.2f}" if np.isfinite(outcome.bound) else ""
    return (
        f"HiGHS stopped ({outcome.stopped_by}) after {outcome.seconds:.1f} s before it found a plan{bound}. "
        "Give it more time (solver.time_limit_s) or a coarser goal (solver.mip_rel_gap)."
    )


def build(scenario: Scenario) -> Problem:
    """Compile a scenario."""
    return Problem(scenario)


def optimize(
    scenario: Scenario, progress: Callable[[Progress], None] | None = None, *, marginals: bool = False
) -> Plan:
    """Build and solve a scenario; see :meth:`Problem.solve`."""
    return Problem(scenario).solve(progress, marginals=marginals)
