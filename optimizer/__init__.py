"""Planning engine for hybrid compute campuses: power across Bitcoin mining, AI training and inference.

>>> import optimizer as opt
>>> scenario = opt.load("scenarios/smallest.yaml")
>>> plan = opt.optimize(scenario)
>>> round(plan.expected_profit, 6)
626.0
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.billing import Bill, bill
    from optimizer.comparison.comparing import Comparison, compare
    from optimizer.errors import (
        AuditError,
        InfeasibleError,
        InputError,
        NoPlanError,
        OptimizerError,
        OutputError,
        UnboundedError,
    )
    from optimizer.explanation.break_even import break_even
    from optimizer.explanation.explanation import Explanation
    from optimizer.explanation.flip_points import flip_points
    from optimizer.explanation.next_megawatt import next_megawatt
    from optimizer.explanation.reason import Reason
    from optimizer.explanation.what_if import what_if
    from optimizer.loading import load, scenario_from_dict
    from optimizer.plan import Plan
    from optimizer.problem import Problem, build, optimize
    from optimizer.scenario import Scenario
    from optimizer.stability.changes import changes, price_of_stability
    from optimizer.stability.given import previous_plan
    from optimizer.sweeps.sweeping import sweep

__version__ = "0.1.0"

_HOMES = {
    "load": "loading",
    "scenario_from_dict": "loading",
    "Scenario": "scenario",
    "Problem": "problem",
    "build": "problem",
    "optimize": "problem",
    "Plan": "plan",
    "Bill": "billing",
    "bill": "billing",
    "sweep": "sweeps.sweeping",
    "compare": "comparison.comparing",
    "Comparison": "comparison.comparing",
    "previous_plan": "stability.given",
    "changes": "stability.changes",
    "price_of_stability": "stability.changes",
    "Explanation": "explanation.explanation",
    "Reason": "explanation.reason",
    "next_megawatt": "explanation.next_megawatt",
    "flip_points": "explanation.flip_points",
    "break_even": "explanation.break_even",
    "what_if": "explanation.what_if",
    "OptimizerError": "errors",
    "InputError": "errors",
    "InfeasibleError": "errors",
    "UnboundedError": "errors",
    "NoPlanError": "errors",
    "AuditError": "errors",
    "OutputError": "errors",
}

_PACKAGES = ("uncertainty", "forecasting")
"""Parts of the library that stand under their own name: ``opt.uncertainty.value_of_information``."""

__all__ = [
    "AuditError",
    "Bill",
    "Comparison",
    "Explanation",
    "InfeasibleError",
    "InputError",
    "NoPlanError",
    "OptimizerError",
    "OutputError",
    "Plan",
    "Problem",
    "Reason",
    "Scenario",
    "UnboundedError",
    "bill",
    "break_even",
    "build",
    "changes",
    "compare",
    "flip_points",
    "load",
    "next_megawatt",
    "optimize",
    "previous_plan",
    "price_of_stability",
    "scenario_from_dict",
    "sweep",
    "what_if",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that ``import optimizer`` costs nothing."""
    if name in _PACKAGES:
        return importlib.import_module(f"optimizer.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'optimizer' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"optimizer.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
