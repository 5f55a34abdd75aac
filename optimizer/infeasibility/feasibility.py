"""Whether there is any plan at all, and which one has the most or the least of something."""

from __future__ import annotations

from dataclasses import dataclass, replace

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.compiled import Arrays
from optimizer.highs import SilentHighs, pass_arrays
from optimizer.interruptible import in_thread
from optimizer.scenario import SolverOptions
from optimizer.solving import find_plan

Floats = NDArray[np.float64]
GOOD_ENOUGH = 0.01
"""Relative distance from the best at which the search for an extreme value stops."""


def has_plan(arrays: Arrays, time_limit_s: float) -> bool | None:
    """Whether any values keep all rules, whole decisions included; None if that was not found out in time.

    By the roads of :mod:`optimizer.solving`: rounding a relaxation without an objective is three to ten times as quick
    as branch and bound.
    """
    options = SolverOptions(time_limit_s=time_limit_s, mip_rel_gap=1.0)
    outcome = find_plan(replace(arrays, cost=np.zeros_like(arrays.cost), offset=0.0, least=None), options)
    if outcome.status == "infeasible":
        return False
    return True if outcome.values is not None else None


@dataclass(frozen=True)
class Extreme:
    """The largest value of an objective: of the best plan found, its proven bound, and the plan."""

    value: float
    bound: float
    values: Floats


def largest(arrays: Arrays, time_limit_s: float) -> Extreme | None:
    """The largest ``cost @ x``; None where there is no plan, none was found in time, or there is no largest."""
    highs = SilentHighs()
    highs.setOptionValue("time_limit", time_limit_s)
    highs.setOptionValue("mip_rel_gap", GOOD_ENOUGH)
    pass_arrays(highs, replace(arrays, offset=0.0))
    in_thread(highs.run)
    info = highs.getInfo()
    if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
        return None
    if highs.getModelStatus() in (
        highspy.HighsModelStatus.kUnbounded,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        return None
    value = float(info.objective_function_value)
    bound = float(info.mip_dual_bound) if arrays.integer.any() else value
    return Extreme(value, bound, np.asarray(highs.getSolution().col_value, dtype=float))
