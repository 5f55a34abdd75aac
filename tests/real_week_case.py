"""The real weeks of ``benchmarks/real_weeks.py``, for tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType


def _module() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "real_weeks.py"
    specification = importlib.util.spec_from_file_location("real_weeks", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


real_weeks = _module()
