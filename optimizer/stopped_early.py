"""What is said of a search that was stopped before it had a plan: how far it came, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from optimizer.highs import Outcome
    from optimizer.scenario import SolverOptions


def without_plan(outcome: Outcome, options: SolverOptions, whole: int) -> str:
    """Words for :class:`optimizer.errors.NoPlanError`. ``whole``: whole decisions of the problem."""
    stopped = f"HiGHS stopped ({outcome.stopped_by}) after {outcome.seconds:.1f} s before it found a plan"
    return f"{stopped}; {_reached(outcome, whole)}. {_advice(outcome, options, whole)}"


def _reached(outcome: Outcome, whole: int) -> str:
    proven = f"no plan can earn more than {outcome.bound:,.2f}" if np.isfinite(outcome.bound) else "nothing is proven"
    if not whole:
        return f"the linear program was not solved to its end, {proven}"
    if np.isfinite(outcome.bound_after_s):
        return f"the linear relaxation took {outcome.bound_after_s:.1f} s, {proven}"
    return f"the linear relaxation was not solved to its end, {proven}"


def _advice(outcome: Outcome, options: SolverOptions, whole: int) -> str:
    ways = [f"Give it more time (solver.time_limit_s, now {options.time_limit_s:g})"]
    if whole and np.isfinite(outcome.bound_after_s):
        ways.append("accept a coarser goal (solver.mip_rel_gap)")
        if options.start_plan is False:
            ways.append("have a first plan made window by window (solver.start_plan)")
    else:
        ways.append("plan a shorter horizon or fewer members, or longer steps")
    return f"{'; '.join(ways)}."
