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
    from optimizer.errors import (
        AuditError,
        InfeasibleError,
        InputError,
        NoPlanError,
        OptimizerError,
        OutputError,
        UnboundedError,
    )
    from optimizer.loading import load, scenario_from_dict
    from optimizer.plan import Plan
    from optimizer.problem import Problem, build, optimize
    from optimizer.scenario import Scenario
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
    "InfeasibleError",
    "InputError",
    "NoPlanError",
    "OptimizerError",
    "OutputError",
    "Plan",
    "Problem",
    "Scenario",
    "UnboundedError",
    "bill",
    "build",
    "load",
    "optimize",
    "scenario_from_dict",
    "sweep",
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
