"""Decisions of the past, taken again with what was known then, and settled on what happened.

>>> from optimizer.backtest import backtest
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.backtest.by_month import BacktestByMonth, backtest_by_month
    from optimizer.backtest.policies import Policy
    from optimizer.backtest.record import Decision
    from optimizer.backtest.result import Backtest
    from optimizer.backtest.running import backtest
    from optimizer.backtest.schedules import Schedule

_HOMES = {
    "Backtest": "result",
    "BacktestByMonth": "by_month",
    "Decision": "record",
    "Policy": "policies",
    "Schedule": "schedules",
    "backtest": "running",
    "backtest_by_month": "by_month",
}

__all__ = ["Backtest", "BacktestByMonth", "Decision", "Policy", "Schedule", "backtest", "backtest_by_month"]


def __getattr__(name: str) -> Any:
    """Imported when first used: the settings alone are part of every scenario."""
    if name not in _HOMES:
        raise AttributeError(f"module 'optimizer.backtest' has no attribute {name!r}")
    return getattr(importlib.import_module(f"optimizer.backtest.{_HOMES[name]}"), name)
